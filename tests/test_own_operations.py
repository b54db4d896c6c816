"""Operations that users add: they work everywhere, and their mistakes are named."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from oracles import along, assert_close, gradient, hessian, random

import autograd_lite as ag
import autograd_lite.table.special  # else its rows, which come with the first function of SciPy's, would go with those of a test
from autograd_lite.engine.tensor import TABLE, Tensor

X = np.array([0.5, -1.25, 2.0])


@pytest.fixture(autouse=True)
def table_as_before() -> Iterator[None]:
    before = dict(TABLE)
    yield
    TABLE.clear()
    TABLE.update(before)


def check_all_orders(function: Any, plain: Any, *points: Any) -> None:
    """Gradient, directional derivative and Hessian of Σ sin f."""
    arrays = [np.asarray(p, float) for p in points]

    def cost(*xs: Any) -> Any:
        return np.sum(np.sin(function(*xs)))

    def reference(*xs: Any) -> Any:
        return np.sum(np.sin(plain(*xs)))

    everything = tuple(range(len(arrays)))
    for g, e in zip(ag.grad(cost, everything)(*arrays), gradient(reference, arrays)):
        assert_close(g, e, 1e-9)
    v = [random(a.shape, -1, 1, 1) for a in arrays]
    assert_close(ag.jvp(function, tuple(arrays), tuple(v))[1], along(plain, arrays, v), 1e-9)
    for i in everything:

        def of_one(x: Any, i: int = i) -> Any:
            return reference(*arrays[:i], x, *arrays[i + 1 :])

        assert_close(ag.hessian(cost, i)(*arrays), hessian(of_one, arrays[i]), 1e-7)


# elementwise ------------------------------------------------------------------------------------------------


def test_an_elementwise_operation_of_one_operand() -> None:
    cube = ag.elementwise("cube", lambda x: x**3, lambda x: 3 * x**2)
    check_all_orders(cube, lambda x: x**3, X)
    x = Tensor(X, requires_grad=True, name="x")
    y = cube(x)
    assert y.op == "cube"
    [local] = y.local_gradients
    assert local.label == "cube'(x)"
    assert_close(local.value, 3 * X**2, 1e-15)
    assert_close(local.jacobian(), np.diag(3 * X**2), 1e-15)
    assert type(cube(X)) is np.ndarray
    third = ag.grad(ag.grad(ag.grad(lambda x: cube(x).sum())))
    assert float(third(np.float64(2.0))) == 6.0


def test_an_elementwise_operation_of_several_operands_that_broadcast() -> None:
    def plain(a: Any, b: Any, c: Any) -> Any:
        return a * np.sin(b) + c

    mixed = ag.elementwise("mixed", plain, lambda a, b, c: np.sin(b), lambda a, b, c: a * np.cos(b), 1)
    check_all_orders(mixed, plain, [0.5, 1.5], [[1.0], [2.0]], 0.25)
    two = ag.elementwise("two", lambda a, b: a / b, lambda a, b: 1 / b, lambda a, b, out: -out / b)
    check_all_orders(two, lambda a, b: a / b, X, 2.0)
    assert_close(ag.grad(lambda b: two(1.0, b))(2.0), -0.25, 1e-15)


def test_an_elementwise_operation_of_five_operands() -> None:
    def weighted(a: Any, b: Any, c: Any, d: Any, e: Any) -> Any:
        return a * b + c * d * e

    own = ag.elementwise(
        "weighted", weighted,
        lambda a, b, c, d, e: b, lambda a, b, c, d, e: a,
        lambda a, b, c, d, e: d * e, lambda a, b, c, d, e: c * e, lambda a, b, c, d, e: c * d,
    )  # fmt: skip
    points = [random((3,), 0.5, 1, seed) for seed in range(5)]
    check_all_orders(own, weighted, *points)
    tensors = [Tensor(p, requires_grad=i != 2) for i, p in enumerate(points)]
    y = own(*tensors)
    assert all(parent is t for parent, t in zip(y.parents, tensors))
    assert [g.parent for g in y.local_gradients] == [tensors[i] for i in (0, 1, 3, 4)]


def test_rules_may_use_the_result_be_numbers_and_have_labels() -> None:
    expo = ag.elementwise("expo", lambda x: np.exp(x), lambda x, out: out, labels=["{out}"], symbol="e")
    check_all_orders(expo, np.exp, X)
    x = Tensor(X, requires_grad=True, name="x")
    y = expo(x)
    y.name = "y"
    assert y.local_gradients[0].label == "y"
    triple = ag.elementwise("triple", lambda x: 3 * x, 3)
    check_all_orders(triple, lambda x: 3 * x, X)
    flat = ag.elementwise("flat", lambda x: np.floor(x) + 0 * x, 0)
    assert_close(ag.grad(lambda x: flat(x).sum())(X), np.zeros(3), 0)


def test_an_elementwise_operation_keeps_the_dtype_and_accumulates_beside_others() -> None:
    cube = ag.elementwise("cube", lambda x: x**3, lambda x: 3 * x**2)
    x = Tensor(X, requires_grad=True, dtype=np.float32)
    y = cube(x) + x
    assert y.dtype == np.float32
    y.sum().backward()
    assert x.grad.dtype == np.float32
    assert_close(x.grad, 3 * X**2 + 1, 1e-6)


def test_a_ufunc_made_from_a_python_function_dispatches() -> None:
    """np.frompyfunc gives objects, np.vectorize no ufunc: what counts is that a call with a Tensor arrives."""
    step = np.frompyfunc(lambda x: x * abs(x), 1, 1)
    signed_square = ag.elementwise("signed_square", lambda x: x * np.abs(x), lambda x: 2 * np.abs(x), numpy=[step])
    x = Tensor(X, requires_grad=True)
    y = step(x)
    assert y.op == "signed_square"
    assert_close(ag.gradients(y.sum(), x), 2 * np.abs(X), 1e-15)
    check_all_orders(signed_square, lambda x: x * np.abs(x), X)


def test_numpy_functions_without_a_rule_get_one() -> None:
    with pytest.raises(TypeError, match="np.nextafter has no rule"):
        np.nextafter(Tensor(X, requires_grad=True), 1.0)
    ag.elementwise("nextafter", np.nextafter, 1.0, 0)
    x = Tensor(X, requires_grad=True)
    assert_close(ag.gradients(np.nextafter(x, -1.0).sum(), x), np.ones(3), 0)

    ag.operation(
        "polymul", np.polymul, lambda u, a, b: np.correlate(u, b), lambda u, a, b: np.correlate(u, a)
    )
    check_all_orders(np.polymul, np.polymul, X, [1.0, 0.5, -0.25])


def test_scipys_functions() -> None:
    special = pytest.importorskip("scipy.special")
    mpmath = pytest.importorskip("mpmath")
    with pytest.raises(TypeError, match="scipy.special.j0 has no rule"):
        special.j0(Tensor(X, requires_grad=True))
    ag.elementwise("j0", special.j0, lambda x: -special.j1(x))
    ag.elementwise("j1", special.j1, lambda x: special.j0(x) - special.j1(x) / x)
    x = Tensor(X, requires_grad=True)
    y = special.j0(x)
    assert isinstance(y, Tensor) and y.op == "j0"
    check_all_orders(special.j0, special.j0, X)
    slopes = [special.gammaln, ag.grad(special.gammaln), ag.grad(ag.grad(special.gammaln))]
    expected = [mpmath.loggamma(2.5), mpmath.psi(0, 2.5), mpmath.psi(1, 2.5)]
    np.testing.assert_allclose([float(f(2.5)) for f in slopes], [float(e) for e in expected], rtol=1e-14)


# operation --------------------------------------------------------------------------------------------------


def test_an_operation_of_any_kind() -> None:
    def plain(a: Any, b: Any) -> Any:
        return np.outer(a, b) @ b

    made = ag.operation(
        "outer_times", lambda a, b: np.outer(a, b) @ b, lambda u, a, b: u * (b @ b), lambda u, a, b: 2 * (u @ a) * b
    )
    check_all_orders(made, plain, X, [1.0, 0.5])
    x = Tensor(X, requires_grad=True)
    y = made(x, np.array([1.0, 0.5]))
    assert y.op == "outer_times"
    assert_close(y.local_gradients[0].jacobian(), 1.25 * np.eye(3), 1e-15)


def test_pullbacks_may_use_the_result_keywords_and_leave_operands_out() -> None:
    def forward(x: Any, axis: Any, *, base: float) -> Any:
        return np.log(np.sum(base**x, axis=int(axis))) / np.log(base)

    def pullback(u: Any, x: Any, axis: Any, out: Any, *, base: float) -> Any:
        axis = int(np.asarray(axis))
        return np.expand_dims(u, axis) * base ** (x - np.expand_dims(out, axis))

    log_sum = ag.operation("log_sum", forward, pullback, None)
    a = random((2, 3), -1, 1, 1)
    check_all_orders(lambda x: log_sum(x, 1, base=2.0), lambda x: np.log2(np.sum(2.0**x, axis=1)), a)
    axis = Tensor(1.0, requires_grad=True, name="axis")
    y = log_sum(Tensor(a, requires_grad=True), axis.detach(), base=2.0)
    assert len(y.local_gradients) == 1
    with pytest.raises(TypeError, match=r"'log_sum' has no pullback for operand 1, axis .*pass t.detach\(\)"):
        log_sum(a, axis, base=2.0)
    with ag.no_grad():
        assert_close(log_sum(a, axis, base=2.0), y.data, 1e-15)


def test_keywords_may_bear_any_name() -> None:
    shifted = ag.operation("shifted", lambda x, *, x0, node: x * x0 + node, lambda u, x, *, x0, node: u * x0)
    x = Tensor(X, requires_grad=True)
    shifted(x, x0=3.0, node=1.0).sum().backward()
    assert_close(x.grad, np.full(3, 3.0), 1e-15)


def test_an_array_that_a_pullback_keeps_is_not_handed_out() -> None:
    kept = np.array([1.0, 2.0, 3.0])
    constant_slope = ag.operation("constant_slope", lambda x: x @ kept, lambda u, x: kept if u == 1 else u * kept)
    x, y = Tensor(X, requires_grad=True), Tensor(X, requires_grad=True)
    constant_slope(x).backward()
    assert not np.shares_memory(x.grad, kept)
    (constant_slope(y) + constant_slope(y)).backward()
    np.testing.assert_array_equal(kept, [1, 2, 3])
    np.testing.assert_array_equal(y.grad, [2, 4, 6])
    g = ag.gradients(constant_slope(x), x)
    g += 1
    np.testing.assert_array_equal(kept, [1, 2, 3])


def test_an_array_that_a_rule_keeps_is_not_handed_out() -> None:
    kept = np.array([1.0, 2.0, 3.0])
    weighted = ag.elementwise("weighted", lambda x: x * kept, lambda x: kept)
    x = Tensor(X, requires_grad=True)
    weighted(x).backward(np.ones(3))
    assert not np.shares_memory(x.grad, kept)


# Mistakes ---------------------------------------------------------------------------------------------------


def apply(made: Any, *operands: Any) -> None:
    xs = [Tensor(x, requires_grad=True) for x in operands]
    y = made(*xs)
    y.backward(np.ones(y.shape))


def test_what_writes_into_its_arguments_changes_nothing() -> None:
    x, v = Tensor([0.3, 0.5, 0.7], requires_grad=True), np.array([0.3, 0.5, 0.7])
    writes = ag.operation("writes", lambda x: x * 2, lambda u, x: np.multiply(u, 2, out=u))
    with pytest.raises(ValueError, match="read-only"):
        np.sum(x * v + writes(x)).backward()
    for made in (
        ag.elementwise("writes", lambda x: np.multiply(x, 2, out=x), 2),
        ag.elementwise("writes", lambda x: x * 1, lambda x: x.fill(1.0)),
        ag.operation("writes", lambda x: np.multiply(x, 2, out=x), lambda u, x: 2 * u),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="read-only"):
            made(x)
    assert x.data.tolist() == [0.3, 0.5, 0.7] and x.data.flags.writeable and x.grad is None


def test_complex_rules_of_real_functions_are_refused() -> None:
    x = Tensor([0.3, 0.5], requires_grad=True)
    with pytest.raises(TypeError, match="the local gradient 0 of 'c' returned complex numbers"):
        ag.elementwise("c", lambda x: x * 1, lambda x: x + 1j)(x)
    with pytest.raises(TypeError, match="the pullback 0 of 'c' returned complex numbers"):
        ag.operation("c", lambda x: x * 1, lambda u, x: u * 1j)(x).sum().backward()


def test_wrong_shapes_are_named() -> None:
    summed = ag.elementwise("summed", lambda x: np.sum(x), lambda x: 1)
    with pytest.raises(ValueError, match=r"forward function of 'summed' returned shape \(\).*\(3,\).*autograd_lite.operation"):
        summed(Tensor(X))
    narrow = ag.elementwise("narrow", lambda x: x * 2, lambda x: np.ones(2))
    with pytest.raises(ValueError, match=r"local gradient 0 of 'narrow' returned shape \(2,\).*\(3,\)"):
        narrow(Tensor(X, requires_grad=True))
    wide = ag.elementwise("wide", lambda a, b: a * b, lambda a, b: b, lambda a, b: np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"local gradient 1 of 'wide' returned shape \(4, 3\)"):
        wide(Tensor(X), Tensor(X, requires_grad=True))
    short = ag.operation("short", lambda x: x.sum(), lambda u, x: np.ones(2))
    with pytest.raises(ValueError, match=r"pullback 0 of 'short' returned shape \(2,\), but its operand has shape \(3,\)"):
        apply(short, X)


def test_wrong_dtypes_are_named() -> None:
    whole = ag.elementwise("whole", lambda x: x * 2, lambda x: np.full(x.shape, 2))
    with pytest.raises(TypeError, match=r"local gradient 0 of 'whole' returned dtype int64.*1.0 instead of 1"):
        apply(whole, X)
    text = ag.elementwise("text", lambda x: x * 2, lambda x: "two")
    with pytest.raises(TypeError, match="local gradient 0 of 'text' returned str, not an array"):
        apply(text, X)
    nothing = ag.elementwise("nothing", lambda x: x * 2, lambda x: None)
    with pytest.raises(TypeError, match="local gradient 0 of 'nothing' returned NoneType"):
        apply(nothing, X)
    counted = ag.operation("counted", lambda x: x.sum(), lambda u, x: np.ones(3, int))
    with pytest.raises(TypeError, match="pullback 0 of 'counted' returned dtype int64"):
        apply(counted, X)
    missing = ag.operation("missing", lambda x: x.sum(), lambda u, x: None)
    with pytest.raises((TypeError, ValueError), match="pullback 0 of 'missing'"):
        apply(missing, X)
    for make in (lambda f: ag.elementwise("rounded", f, 1), lambda f: ag.operation("rounded", f, lambda u, x: u)):
        rounded = make(lambda x: np.round(x).astype(int))
        with pytest.raises(TypeError, match="forward function of 'rounded' returned dtype int64"):
            apply(rounded, X)


def test_a_rule_that_cannot_be_differentiated_again_says_so() -> None:
    def plain(x: Any) -> Any:
        return x.data if isinstance(x, Tensor) else x

    opaque = ag.operation("opaque", lambda x: np.sin(x), lambda u, x: plain(u) * np.cos(plain(x)))
    assert_close(ag.grad(lambda x: opaque(x).sum())(X), np.cos(X), 1e-15)
    with pytest.raises(TypeError, match="pullback 0 of 'opaque' has no derivative"):
        ag.hvp(lambda x: (opaque(x) ** 2).sum(), (X,), (X,))
    with pytest.raises(TypeError, match="pullback 0 of 'opaque' has no derivative"):
        ag.jvp(opaque, (X,), (X,))


def test_what_is_no_rule_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match=r"elementwise\('none', ...\) needs a local gradient"):
        ag.elementwise("none", lambda x: x)
    with pytest.raises(TypeError, match="local gradient 0 of 'text' is neither a function nor a number"):
        ag.elementwise("text", lambda x: x, "x")
    with pytest.raises(TypeError, match=r"operation\('none', ...\) needs a pullback"):
        ag.operation("none", lambda x: x)
    two = ag.operation("two", lambda a, b: a @ b, lambda u, a, b: u * b, lambda u, a, b: u * a)
    with pytest.raises(TypeError, match="'two' takes 2 operands.*not 1"):
        two(Tensor(X))


def test_a_rule_that_is_a_number_is_its_label() -> None:
    thrice = ag.elementwise("thrice", lambda x: 3 * x, 3)
    assert thrice(Tensor(X, requires_grad=True)).local_gradients[0].label == "3"


def test_a_forward_function_of_two_operands_that_gives_integers_is_refused() -> None:
    whole = ag.operation("whole", lambda a, b: np.floor(a + b).astype(int), lambda u, a, b: u, lambda u, a, b: u)
    with pytest.raises(TypeError, match="the forward function of 'whole' returned dtype int64"):
        whole(Tensor(X, requires_grad=True), X)


def test_the_engines_own_rules_are_not_replaced() -> None:
    for make in (
        lambda: ag.elementwise("mine", np.exp, lambda x: np.exp(x)),
        lambda: ag.operation("mine", np.sum, lambda u, x: u * np.ones_like(x)),
        lambda: ag.elementwise("mine", lambda x: x, 1, numpy=[np.tanh]),
    ):
        with pytest.raises(ValueError, match="'mine' would replace the rule that autograd_lite has for"):
            make()
    clash = ag.elementwise("exp", lambda x: 2.0**x, lambda x, out: out * np.log(2))
    x = Tensor(1.0, requires_grad=True)
    assert x.exp().item() == np.exp(1.0) and np.exp(x).item() == np.exp(1.0)  # a name is not taken over
    assert clash(x).item() == 2.0


def test_ones_own_operation_may_be_made_again() -> None:
    for factor in (2.0, 3.0):
        scale = ag.elementwise("scale", lambda x, k=factor: k * x, factor)
        assert ag.grad(scale)(1.0) == factor


def test_ones_own_rule_for_a_ufunc_may_be_made_again() -> None:
    j0 = pytest.importorskip("scipy.special").j0
    for factor in (2.0, 3.0):
        ag.elementwise("j0", j0, factor)
        assert ag.grad(j0)(1.0) == factor


def test_what_has_a_default_in_a_rule_is_not_given_the_result() -> None:
    for n in (2, 3):
        power = ag.elementwise("power of its own", lambda x, n=n: x**n, lambda x, n=n: n * x ** (n - 1))
        assert ag.grad(power)(2.0) == n * 2.0 ** (n - 1)
        pulled = ag.operation("power of its own", lambda x, n=n: x**n, lambda u, x, n=n: u * n * x ** (n - 1))
        assert ag.grad(pulled)(2.0) == n * 2.0 ** (n - 1)


class Slope:
    def rule(self, x: Any) -> Any:
        return np.cos(x)


def test_a_rule_may_be_a_method_or_take_any_number_of_arguments() -> None:
    for rule in (Slope().rule, lambda *arguments: np.cos(arguments[0]), np.cos):
        sine = ag.elementwise("sine", lambda x: np.sin(x), rule)
        assert ag.grad(sine)(0.5) == np.cos(0.5)


def test_an_operation_of_ones_own_is_not_entered_under_its_name() -> None:
    """Methods and operators are found by name: a name that they have would replace them."""
    before = dict(TABLE)
    for made in (ag.operation("exp", lambda x: 2 * x, lambda u, x: 2 * u), ag.elementwise("exp", lambda x: 2 * x, 2)):
        assert TABLE == before
        assert made(Tensor(1.0)).item() == 2 and Tensor(1.0).exp().item() == np.exp(1.0)


@pytest.mark.parametrize(
    "given",
    [{"labels": ["{1}"]}, {"labels": ["{foo}"]}, {"labels": ["{0"]}, {"labels": ["{}"]}, {"labels": [""]},
     {"written": "{1}"}, {"written": " "}, {"symbol": ""}, {"symbol": 2}],
    ids=str,
)  # fmt: skip
def test_what_is_written_has_places_for_what_there_is(given: Any) -> None:
    [(what, _)] = given.items()
    with pytest.raises((TypeError, ValueError), match=f"^{'a label' if what == 'labels' else what} of 'op' is "):
        ag.elementwise("op", lambda x: x**2, lambda x: 2 * x, **given)
    with pytest.raises((TypeError, ValueError), match=f"^{'a label' if what == 'labels' else what} of 'op' is "):
        ag.operation("op", lambda x: x**2, lambda u, x: 2 * u * x, **given)


def test_a_label_quotes_names_that_could_be_more_than_names() -> None:
    x, y = Tensor([1.0], requires_grad=True, name="a + b"), Tensor([3.0], requires_grad=True, name="2")
    assert [g.label for g in (x * y).local_gradients] == ["“2”", "“a + b”"]


def test_rules_that_take_any_number_are_given_the_result() -> None:
    seen = []

    def rule(x: Any, *more: Any) -> Any:
        seen.append(len(more))
        return 2 * x

    ag.elementwise("square", lambda x: x**2, rule)(Tensor([1.0], requires_grad=True))
    assert seen == [1]


def test_only_functions_of_numpy_call_an_operation_of_ones_own() -> None:
    def cube(x: Any) -> Any:
        return x**3

    wrapped = functools.wraps(cube)(lambda x: cube(x))
    ag.operation("cube", wrapped, lambda u, x: 3 * u * x**2)
    assert wrapped not in TABLE
    with pytest.raises(ValueError, match="would replace the rule that autograd_lite has for array"):
        ag.operation("mine", lambda x: x, lambda u, x: u, numpy=[np.array])
    with pytest.raises(TypeError, match="name is what the operation is called, a string, not 3"):
        ag.operation(3, lambda x: x, lambda u, x: u)  # type: ignore[arg-type]


def test_a_number_as_local_gradient_has_a_real_minus_in_its_label() -> None:
    x = Tensor([1.0], requires_grad=True)
    assert ag.elementwise("f", lambda x: -1.5 * x, -1.5)(x).local_gradients[0].label == "−1.5"


def test_a_traceback_shows_the_line_of_an_operation() -> None:
    def fail(x: Any) -> Any:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no") as error:
        ag.operation("f", fail, lambda u, x: u)(Tensor([1.0], requires_grad=True))
    shown = "".join(traceback.format_exception(error.value))
    assert "data = forward(a0, **settings)" in shown
