"""Every operation of the engine's table against numerical differentiation and against mpmath."""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from operation_cases import BINARY, CASES, COMPARING, Case, apart, one_of_each, outputs, seed_of
from oracles import Array, along, assert_close, gradient, mixed_along, precise, random

import autograd_lite as ag
from autograd_lite.engine.tensor import TABLE, Tensor

FIRST, SECOND = 1e-9, 1e-7  # what numerical differentiation is good for


def weights(case: Case) -> list[Array]:
    results = outputs(case.reference(*case.arrays))
    return [random(np.shape(r), 0.5, 1.5, seed_of(str(case), i)) for i, r in enumerate(results)]


def cost_of(function: Callable[..., Any], weights: list[Array]) -> Callable[..., Any]:
    """Σ c (y + ½ y²): a number whose adjoint at y depends on y, as second derivatives must see."""

    def cost(*operands: Any) -> Any:
        total: Any = 0.0
        for y, c in zip(outputs(function(*operands)), weights):
            total = total + (c * (y + 0.5 * y * y)).sum()
        return total

    return cost


def leaves(case: Case) -> list[Tensor]:
    return [Tensor(a, requires_grad=True) for a in case.arrays]


def directions(case: Case, seed: int) -> list[Array]:
    return [random(a.shape, -1, 1, seed_of(str(case), seed, i)) for i, a in enumerate(case.arrays)]


def dot(xs: list[Any], ys: list[Any]) -> Any:
    return sum(((x * y).sum() for x, y in zip(xs, ys)), 0.0)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_derivatives_are_those_of_numerical_differentiation(case: Case) -> None:
    """The value, the gradient, a directional derivative (forward mode) and the second derivatives."""
    expected = outputs(case.reference(*case.arrays))
    c = weights(case)
    cost, plain_cost = cost_of(case.function, c), cost_of(case.reference, c)
    xs = leaves(case)

    values = outputs(case.function(*xs))
    assert len(values) == len(expected)
    for value, y in zip(values, expected):
        assert isinstance(value, Tensor)
        assert value.dtype == np.asarray(y).dtype
        assert_close(value.data, y, 1e-14, "value")

    cost(*xs).backward()
    for i, (x, g) in enumerate(zip(xs, gradient(plain_cost, case.arrays))):
        assert x.grad is not None
        assert_close(x.grad, g, FIRST, f"gradient with respect to operand {i}")

    v, w = directions(case, 1), directions(case, 2)
    first = ag.gradients(cost(*xs), xs, create_graph=True)
    slope = dot(first, v)
    second = ag.gradients(slope, xs) if slope.requires_grad else [np.zeros(x.shape) for x in xs]
    assert_close(dot(second, w), mixed_along(plain_cost, case.arrays, v, w), SECOND, "second derivative")

    for k in range(len(values)):
        _, tangent = ag.jvp(lambda *xs, k=k: outputs(case.function(*xs))[k], case.arrays, v)
        numerical = along(lambda *xs, k=k: outputs(case.reference(*xs))[k], case.arrays, v)
        assert_close(tangent, numerical, FIRST, f"directional derivative of result {k}")


@pytest.mark.parametrize("case", one_of_each([c for c in CASES if len(c.arrays) > 1]))
def test_an_operand_alone_has_the_gradient_that_it_has_beside_others(case: Case) -> None:
    """With the other operands as arrays, as constant Tensors and (numbers) as Python numbers."""
    cost = cost_of(case.function, weights(case))
    together = leaves(case)
    cost(*together).backward()
    for constant in (np.asarray, Tensor, lambda a: a.item() if a.ndim == 0 else a):
        for i in range(len(case.arrays)):
            alone = [Tensor(a, requires_grad=True) if i == j else constant(a) for j, a in enumerate(case.arrays)]
            cost(*alone).backward()
            np.testing.assert_allclose(alone[i].grad, together[i].grad, rtol=1e-14, atol=1e-300)
            assert all(getattr(x, "grad", None) is None for j, x in enumerate(alone) if j != i)


def operations_of(result: Any) -> set[str]:
    """The names of the operations in the graph of a result."""
    names, stack, seen = set(), [r for r in outputs(result) if isinstance(r, Tensor)], set()
    while stack:
        t = stack.pop()
        if t in seen or t.op is None:
            continue
        seen.add(t)
        names.add(t.op)
        stack.extend(gradient.parent for gradient in t.local_gradients)
    return names


def test_every_operation_of_the_table_has_a_numerical_check() -> None:
    recorded = defaultdict(set)
    for case in CASES:
        recorded[case.name] |= operations_of(case.function(*leaves(case)))
    for key, function in TABLE.items():
        name = key if isinstance(key, str) else function.__name__
        if getattr(function, "own", False) or name == "full_like":  # whose result is a plain array
            continue
        assert name in recorded, f"'{name}' is in the table, but in no case that is differentiated numerically"
        if isinstance(key, str) and function.operation is not None:
            assert function.operation.name in recorded[name], f"no case of '{name}' records its operation"


NUMPY_NAMES = """
    add subtract multiply divide power float_power mod remainder negative positive reciprocal square sqrt cbrt abs fabs
    exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan arctan2 sinh cosh tanh arcsinh arccosh arctanh
    hypot maximum minimum fmax fmin logaddexp logaddexp2 sinc deg2rad rad2deg clip where nan_to_num floor ceil rint trunc
    sign floor_divide round sum mean prod max min var std cumsum cumprod diff ptp median dot matmul vdot inner outer
    tensordot einsum trace kron reshape ravel transpose swapaxes moveaxis rollaxis expand_dims squeeze broadcast_to
    concatenate append stack vstack hstack dstack column_stack split array_split hsplit vsplit dsplit tile repeat roll
    flip fliplr flipud rot90 pad diag diagonal triu tril atleast_1d atleast_2d atleast_3d take sort
""".split()  # fmt: skip


def test_the_names_that_numpy_users_reach_for_are_in_the_table() -> None:
    missing = [name for name in NUMPY_NAMES if getattr(np, name) not in TABLE]
    missing += [name for name in ("norm", "inv", "det", "slogdet", "solve") if getattr(np.linalg, name) not in TABLE]
    missing += [n for n in "sigmoid relu softplus softmax log_softmax logsumexp".split() if n not in TABLE]
    assert missing == []


# Operators and methods --------------------------------------------------------------------------------------

OPERATORS: dict[str, tuple[Callable[[Any, Any], Any], np.ufunc]] = {
    "+": (operator.add, np.add), "-": (operator.sub, np.subtract), "*": (operator.mul, np.multiply),
    "/": (operator.truediv, np.divide), "**": (operator.pow, np.power), "%": (operator.mod, np.remainder),
    "//": (operator.floordiv, np.floor_divide), "@": (operator.matmul, np.matmul),
}  # fmt: skip


@pytest.mark.parametrize("symbol", OPERATORS)
def test_operators_take_tensors_arrays_and_numbers_on_either_side(symbol: str) -> None:
    apply, ufunc = OPERATORS[symbol]
    a, b = random((2, 2), 4.4, 4.9, 1), random((2, 2), 1.7, 1.9, 2)
    x, y = Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)
    reference_x, reference_y = gradient(lambda a, b: np.sum(ufunc(a, b)), [a, b])
    both = apply(x, y)
    both.backward(np.ones((2, 2)))
    assert_close(both.data, ufunc(a, b), 1e-15)
    assert_close(x.grad, reference_x, FIRST)
    assert_close(y.grad, reference_y, FIRST)
    for left, right in [(x, b), (x, b.tolist()), (x, Tensor(b)), (a, y), (a.tolist(), y), (Tensor(a), y)]:
        x.zero_grad()
        y.zero_grad()
        result = apply(left, right)
        assert isinstance(result, Tensor)
        result.backward(np.ones((2, 2)))
        assert_close(result.data, ufunc(a, b), 1e-15)
        used, reference = (x, reference_x) if left is x else (y, reference_y)
        assert_close(used.grad, reference, FIRST)
    if symbol == "@":
        return
    for number in (1.05, 2, np.float64(1.05), np.array(1.05), np.int64(2)):
        for left, right in [(x, number), (number, y)]:
            x.zero_grad()
            y.zero_grad()
            result = apply(left, right)
            assert isinstance(result, Tensor)
            result.backward(np.ones((2, 2)))
            used, array = (x, a) if left is x else (y, b)
            f = (lambda t: ufunc(t, number)) if left is x else (lambda t: ufunc(number, t))
            assert_close(result.data, f(array), 1e-15)
            assert_close(used.grad, gradient(lambda t: np.sum(f(t)), [array])[0], FIRST, f"{number!r}")


@pytest.mark.parametrize("name", [*BINARY, *COMPARING])
def test_ufuncs_take_tensors_arrays_and_numbers_on_either_side(name: str) -> None:
    ufunc = getattr(np, name)
    a, b = np.array([4.4, 4.9]), np.array([1.7, 1.9])
    x, y = Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)
    expected = gradient(lambda a, b: np.sum(ufunc(a, b)), [a, b])
    for left, right, grads in [(x, y, (0, 1)), (x, b, (0,)), (a, y, (1,)), (x, b.tolist(), (0,)), (a.tolist(), y, (1,))]:
        result = ufunc(left, right)
        assert isinstance(result, Tensor)
        for i, g in zip(grads, ag.gradients(result, [(x, y)[i] for i in grads], np.ones(2))):
            assert_close(g, expected[i], FIRST)


def test_unary_operators() -> None:
    x = Tensor([-1.5, 2.0], requires_grad=True)
    for f, value, slope in [(operator.neg, [1.5, -2.0], [-1, -1]), (operator.pos, [-1.5, 2.0], [1, 1]),
                            (abs, [1.5, 2.0], [-1, 1])]:  # fmt: skip
        np.testing.assert_array_equal(f(x).data, value)
        np.testing.assert_array_equal(ag.gradients(f(x), x, np.ones(2)), slope)


def doubled(x: Tensor) -> Tensor:
    x *= 2  # the argument of a function that is differentiated is no parameter of the user's
    return x


def test_augmented_assignment_makes_a_new_tensor() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = x * 3.0
    result = y
    y += x
    assert y is not result and ag.grad(doubled)(1.0) == 2.0
    y.sum().backward()
    np.testing.assert_array_equal(x.data, [1.0, 2.0])
    np.testing.assert_array_equal(x.grad, [4.0, 4.0])


METHODS = [
    ("sum", (), {"axis": 0}), ("mean", (1,), {}), ("max", (0,), {"keepdims": True}), ("min", (), {}), ("prod", (1,), {}),
    ("var", (), {"ddof": 1}), ("std", (0,), {}), ("reshape", (3, 2), {}), ("transpose", (), {}), ("ravel", (), {}),
    ("squeeze", (), {}), ("swapaxes", (0, 1), {}), ("clip", (-0.5, 0.5), {}), ("dot", (np.ones((3, 2)),), {}),
    ("cumsum", (1,), {}), ("cumprod", (1,), {}), ("round", (0,), {}), ("trace", (), {}), ("flatten", (), {}),
    ("diagonal", (1,), {}), ("take", ([0, 2], 1), {}), ("repeat", (2, 0), {}), ("copy", (), {}), ("astype", (float,), {}),
    ("cumsum", (), {"axis": 0}), ("clip", (), {"min": 0.0}), ("reshape", (-1,), {}), ("squeeze", (), {"axis": ()}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "keywords"), METHODS, ids=lambda v: str(v).replace("\n", ""))
def test_methods_take_the_arguments_of_numpys(name: str, args: Any, keywords: Any) -> None:
    (a,) = apart(name, (2, 3))
    x = Tensor(a, requires_grad=True)
    expected = getattr(a, name)(*args, **keywords)
    result = getattr(x, name)(*args, **keywords)
    np.testing.assert_allclose(result.data, expected, rtol=1e-15)
    c = random(np.shape(expected), 0.5, 1.5, 1)
    (g,) = gradient(lambda a: np.sum(c * getattr(a, name)(*args, **keywords)), [a])
    assert_close(ag.gradients(result, x, c), g, FIRST)


@pytest.mark.parametrize("name", "exp log sqrt square sin cos tanh sigmoid relu softplus".split())
def test_methods_that_numpy_has_no_method_for(name: str) -> None:
    x = Tensor(random((2, 3), 0.5, 1.5, 1), requires_grad=True)
    function = getattr(np, name, None) or getattr(ag, name)
    np.testing.assert_array_equal(getattr(x, name)().data, function(x).data)
    assert getattr(x, name)().op == name


def test_functions_without_tensors_are_numpys() -> None:
    """The functions that NumPy lacks take arrays, lists and numbers too, and then give arrays."""
    for function in (ag.sigmoid, ag.relu, ag.softplus, ag.softmax, ag.log_softmax, ag.logsumexp):
        for x in (np.array([1.0, -2.0]), [1.0, -2.0], [1, -2], 0.5, 2, np.float32(0.5), np.array(0.5)):
            result = function(x)
            assert not isinstance(result, Tensor)
            assert np.asarray(result).dtype.kind == "f" or function is ag.relu
            np.testing.assert_allclose(result, function(Tensor(x)).data, rtol=1e-15)


# mpmath -----------------------------------------------------------------------------------------------------


def mp_sinc(x: Any) -> Any:
    return mpmath.mpf(1) if x == 0 else mpmath.sin(mpmath.pi * x) / (mpmath.pi * x)


def mp_sigmoid(x: Any) -> Any:
    return 1 / (1 + mpmath.exp(-x))


def mp_softplus(x: Any) -> Any:
    return mpmath.log1p(mpmath.exp(x))


WIDE = [-700.0, -300.5, -40.25, -18.5, -3.0, -0.5, -1e-9, 0.0, 1e-12, 0.75, 2.5, 17.5, 37.0, 300.5, 700.0]
MODERATE = [-9.5, -3.0, -0.75, -1e-3, -1e-9, 0.0, 1e-12, 1e-5, 0.25, 1.5, 4.0, 9.75]
POSITIVE = [1e-12, 1e-5, 0.03, 0.5, 0.999, 1.0, 1.001, 2.5, 40.0, 1e5]
INSIDE = [-0.999, -0.7, -1e-3, -1e-9, 0.0, 1e-12, 1e-4, 0.3, 0.95]

# ulps: by how many units in the last place the value and the first two derivatives may differ, where the
# condition of the problem (rounding of the argument) is not what decides.
PRECISE: dict[str, tuple[Callable[[Any], Any], list[float], float]] = {
    "sigmoid": (mp_sigmoid, WIDE, 8), "softplus": (mp_softplus, WIDE, 8), "tanh": (mpmath.tanh, WIDE, 16),
    "exp": (mpmath.exp, WIDE, 4), "expm1": (mpmath.expm1, WIDE, 4), "log1p": (mpmath.log1p, [-0.9, *INSIDE, *POSITIVE], 8),
    "log": (mpmath.log, POSITIVE, 8), "log2": (lambda x: mpmath.log(x) / mpmath.log(2), POSITIVE, 8),
    "log10": (mpmath.log10, POSITIVE, 8), "exp2": (lambda x: mpmath.power(2, x), MODERATE, 8),
    "sqrt": (mpmath.sqrt, POSITIVE, 8), "cbrt": (lambda x: mpmath.power(x, mpmath.mpf(1) / 3), POSITIVE, 8),
    "sin": (mpmath.sin, MODERATE, 8), "cos": (mpmath.cos, MODERATE, 8), "tan": (mpmath.tan, INSIDE, 8),
    "arcsin": (mpmath.asin, INSIDE, 8), "arccos": (mpmath.acos, INSIDE, 8), "arctan": (mpmath.atan, MODERATE, 8),
    "sinh": (mpmath.sinh, WIDE, 8), "cosh": (mpmath.cosh, WIDE, 8), "arcsinh": (mpmath.asinh, MODERATE, 8),
    "arccosh": (mpmath.acosh, [1.001, 1.5, 4.0, 1e5], 8), "arctanh": (mpmath.atanh, INSIDE, 8),
    "reciprocal": (lambda x: 1 / x, POSITIVE, 8), "square": (lambda x: x * x, MODERATE, 4),
    "sinc": (mp_sinc, [0.0, 1e-12, -1e-6, 1e-3, 0.1, 0.159, 0.16, 0.5, -0.75, 2.25, 9.4], 60),
}  # fmt: skip


@pytest.mark.parametrize("name", PRECISE)
def test_values_and_derivatives_at_50_digits(name: str) -> None:
    reference, points, ulps = PRECISE[name]
    function = getattr(np, name, None) or getattr(ag, name)
    x = Tensor(points, requires_grad=True)
    y = function(x)
    (first,) = ag.gradients(y, [x], np.ones(x.shape), create_graph=True)
    if name == "square":  # the engine's second derivative of a square is a constant
        second = ag.gradients(first, x, np.ones(x.shape))
    else:
        second = ag.gradients(first.sum(), x)
    for order, values in enumerate((y.data, first.data, second)):
        for point, value in zip(points, values):
            expected = precise(reference, order, point)
            tiny = abs(expected) < 1e-300
            # a zero of the function, where only the rounding error of what cancels remains
            floor = 1e-300 if tiny or order == 0 else 1e-16 * float(abs(precise(reference, order - 1, point)))
            error = abs(mpmath.mpf(float(value)) - expected)
            assert error <= ulps * 2.3e-16 * abs(expected) + floor * ulps, f"derivative {order} of {name} at {point}"


TWO = {
    "arctan2": (mpmath.atan2, [(1.0, 2.0), (1e-8, 1.0), (1e200, 1e200), (-3.0, 1e-6)]),
    "hypot": (lambda x, y: mpmath.sqrt(x * x + y * y), [(3.0, 4.0), (1e-9, 1.0), (1e200, 1e200), (-1e-200, 1e-200)]),
    "power": (mpmath.power, [(2.0, 3.0), (0.5, -2.5), (1e-5, 2.0), (10.0, 0.125)]),
    "logaddexp": (lambda a, b: mpmath.log(mpmath.exp(a) + mpmath.exp(b)), [(0.0, 0.0), (700.0, 1.0), (-50.0, 3.0)]),
    "logaddexp2": (
        lambda a, b: mpmath.log(mpmath.power(2, a) + mpmath.power(2, b)) / mpmath.log(2), [(0.0, 0.0), (900.0, 1.0), (-50.0, 3.0)],
    ),
    "divide": (lambda a, b: a / b, [(1.0, 3.0), (1e-9, 7.0), (1e5, -1e-5)]),
}  # fmt: skip


@pytest.mark.parametrize("name", TWO)
def test_partial_derivatives_at_50_digits(name: str) -> None:
    reference, points = TWO[name]
    for point in points:
        xs = [Tensor(p, requires_grad=True) for p in point]
        y = getattr(np, name)(*xs)
        firsts = ag.gradients(y, xs, create_graph=True)
        for i, first in enumerate(firsts):
            for order, value in ((1, first.item()), (2, ag.gradients(first, xs[i]).item())):
                if abs(point[0]) > 1e100 and order == 2 or abs(point[0]) == 1e-200:
                    continue  # out of the range of what the products on the way can be
                h = mpmath.mpf(10) ** -40 * max(1e-10, *(abs(p) for p in point))
                with mpmath.workdps(1000):
                    at = [mpmath.mpf(p) for p in point]

                    def shifted(t: Any, i: int = i, at: Any = at) -> Any:
                        return reference(*(p + t if i == j else p for j, p in enumerate(at)))

                    if order == 1:
                        expected = (shifted(h) - shifted(-h)) / (2 * h)
                    else:
                        expected = (shifted(h) - 2 * shifted(0) + shifted(-h)) / h**2
                error = abs(mpmath.mpf(value) - expected)
                assert error <= 1e-13 * abs(expected) + 1e-16 * (order == 2), f"{order}. derivative {i} at {point}"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [0, 3, 6, 8, 12, 17, 30])
def test_the_slopes_of_logsumexp_lose_no_digits_beside_large_numbers(size: int, dtype: Any) -> None:
    x = (dtype(10.0**size) + np.array([0.0, -1.0, 0.5], dtype)).astype(dtype)
    with mpmath.workdps(50):
        e = [mpmath.exp(mpmath.mpf(float(z)) - mpmath.mpf(float(x[0]))) for z in x]
        s = np.array([float(z / sum(e)) for z in e])
    precision = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(ag.grad(ag.logsumexp)(x), s, rtol=8 * precision)
    np.testing.assert_allclose(ag.grad(np.logaddexp.reduce)(x), s, rtol=8 * precision)
    np.testing.assert_allclose(ag.hessian(ag.logsumexp)(x), np.diag(s) - np.outer(s, s), rtol=0, atol=8 * precision)


@pytest.mark.parametrize(
    "logits", [[0.0, 1.0, 2.0], [1000.0, 1000.0, 1000.0], [-1000.0, 0.0, 5.0], [1e-9, 0.0, -1e-9], [700.0, -700.0, 0.5]]
)
def test_softmax_and_its_logarithms_at_50_digits(logits: list[float]) -> None:
    with mpmath.workdps(50):
        e = [mpmath.exp(mpmath.mpf(z)) for z in logits]
        total = sum(e)
        s = [float(z / total) for z in e]
        log_total, log_s = mpmath.log(total), [float(mpmath.log(z / total)) for z in e]
        jacobian = [[float(e[i] / total * ((i == j) - e[j] / total)) for j in range(3)] for i in range(3)]
    x = Tensor(logits, requires_grad=True)
    np.testing.assert_allclose(ag.logsumexp(x).item(), float(log_total), rtol=4e-16)
    np.testing.assert_allclose(ag.softmax(x).data, s, rtol=2e-15, atol=1e-320)
    np.testing.assert_allclose(ag.log_softmax(x).data, log_s, rtol=1e-15, atol=1e-15)
    np.testing.assert_allclose(ag.gradients(ag.logsumexp(x), x), s, rtol=1e-12, atol=1e-320)
    np.testing.assert_allclose(ag.hessian(ag.logsumexp)(np.array(logits)), jacobian, rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(ag.jacobian(ag.softmax)(np.array(logits)), jacobian, rtol=1e-12, atol=1e-16)
    expected = np.eye(3) - np.array(s)
    np.testing.assert_allclose(ag.jacobian(ag.log_softmax)(np.array(logits)), expected, rtol=1e-12, atol=1e-16)


def test_sigmoid_keeps_its_digits_in_both_tails() -> None:
    z = np.concatenate([np.linspace(-745, -30, 50), np.linspace(-30, 30, 101), np.linspace(30, 745, 50)])
    x = Tensor(z, requires_grad=True)
    y = ag.sigmoid(x)
    slope = ag.gradients(y, x, np.ones(z.shape))
    for point, value, derivative in zip(z, y.data, slope):
        with mpmath.workdps(50):
            t = mpmath.exp(-mpmath.mpf(point))
            sigma, sigma_prime = 1 / (1 + t), t / (1 + t) ** 2
        assert abs(value - sigma) <= 8 * 2.3e-16 * sigma + 2e-323
        assert abs(derivative - sigma_prime) <= 8 * 2.3e-16 * sigma_prime + np.finfo(float).tiny


def test_the_place_of_numpys_warning_names_the_number_of_operands() -> None:
    with pytest.warns(RuntimeWarning, match="overflow") as one:
        np.exp(ag.Tensor(1e4))
    with pytest.warns(RuntimeWarning, match="divide") as two:
        ag.Tensor(1.0) / ag.Tensor(0.0)
    assert "1 operand" in one[0].filename and "operands" not in one[0].filename
    assert "2 operands" in two[0].filename


def test_sigmoid_and_its_relatives_neither_overflow_nor_warn() -> None:
    z = np.array([-np.inf, -1e308, -800.0, 800.0, 1e308, np.inf])
    np.testing.assert_array_equal(ag.sigmoid(z), [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(ag.softplus(z), [0, 0, 0, 800, 1e308, np.inf])
    for function, slope in ((ag.sigmoid, [0, 0, 0, 0, 0, 0]), (ag.softplus, [0, 0, 0, 1, 1, 1]), (np.tanh, [0] * 6)):
        x = Tensor(z, requires_grad=True)
        first = ag.gradients(function(x), x, np.ones(6), create_graph=True)
        np.testing.assert_allclose(first.data, slope, rtol=0, atol=np.finfo(float).tiny)
        assert np.all(np.abs(ag.gradients(first, x, np.ones(6))) <= np.finfo(float).tiny)
    assert ag.logsumexp(z[1:5]) == 1e308
    np.testing.assert_array_equal(ag.softmax(np.array([1e308, -1e308, 0.0])), [1, 0, 0])
    np.testing.assert_array_equal(ag.log_softmax(np.array([1e300, 0.0])), [0, -1e300])


@pytest.mark.parametrize("narrow", [np.float16, np.float32, np.int8])
@pytest.mark.parametrize("name", ["divide", "power", "xlogy", "xlog1py", "rel_entr", "kl_div"])
def test_a_derivative_is_as_precise_as_its_result(name: str, narrow: Any) -> None:
    """1 / b was computed in the precision of b where a has more; random programs found it."""
    f = getattr(np, name, None) or getattr(pytest.importorskip("scipy.special"), name)
    a, b = np.array([0.7, 1.3, 2.9]), np.array([3, 5, 7], narrow)
    if narrow != np.int8:
        b /= 9
    np.testing.assert_array_equal(
        ag.grad(lambda x: np.sum(f(x, b)))(a), ag.grad(lambda x: np.sum(f(x, b.astype(float))))(a)
    )
    if name == "power":
        np.testing.assert_array_equal(
            ag.grad(lambda x: np.sum(f(b, x)))(a), ag.grad(lambda x: np.sum(f(b.astype(float), x)))(a)
        )
