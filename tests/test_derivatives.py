"""Derivatives of functions, of any order and in both directions, against closed forms, differences and mpmath."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from operation_cases import CASES, Case, outputs, seed_of
from oracles import Array, along, assert_close, gradient, hessian, mixed_along, random

import autograd_lite as ag
import autograd_lite.engine.derivatives
from autograd_lite.engine.tensor import Tensor

# grad and value_and_grad ------------------------------------------------------------------------------------


def cubic(x: Any, y: Any) -> Any:
    return np.sum(x**3 * y)


X, Y = np.array([1.0, 2.0, 3.0]), np.array([0.5, -1.0, 2.0])


def test_grad_of_one_argument_and_of_several() -> None:
    assert_close(ag.grad(cubic)(X, Y), 3 * X**2 * Y, 1e-15)
    assert_close(ag.grad(cubic, 1)(X, Y), X**3, 1e-15)
    assert_close(ag.grad(cubic, -1)(X, Y), X**3, 1e-15)
    both = ag.grad(cubic, (0, 1))(X, Y)
    assert isinstance(both, tuple) and len(both) == 2
    assert_close(both[0], 3 * X**2 * Y, 1e-15)
    assert_close(both[1], X**3, 1e-15)
    (one,) = ag.grad(cubic, [1])(X, Y)
    assert_close(one, X**3, 1e-15)


def test_an_argument_may_be_counted_from_either_end() -> None:
    for argnums in ((1, -1), (-1, 1), (-1, -1), (0, -2)):
        gradients = ag.grad(lambda x, y: x * y**2, argnums)(3.0, 2.0)
        assert [float(g) for g in gradients] == [4.0 if i % 2 == 0 else 12.0 for i in argnums]


def test_arrays_give_arrays_and_tensors_tensors() -> None:
    for argument in (X, X.tolist(), X.astype(np.float32)):
        g = ag.grad(lambda x: np.sum(x**2))(argument)
        assert type(g) is np.ndarray
        assert g.dtype == np.asarray(argument).dtype
    assert float(ag.grad(lambda x: x**2)(3.0)) == 6.0
    value, slope = ag.value_and_grad(cubic)(X, Y)
    assert not isinstance(value, Tensor) and type(slope) is np.ndarray
    assert value == pytest.approx(float(np.sum(X**3 * Y)))
    x = Tensor(X, requires_grad=True)
    value, slope = ag.value_and_grad(cubic)(x, Y)
    assert isinstance(value, Tensor) and isinstance(slope, Tensor)
    assert slope.requires_grad
    assert_close(ag.gradients(slope.sum(), x), 6 * X * Y, 1e-15)
    assert x.grad is None
    constant = ag.grad(cubic)(Tensor(X), Y)
    assert isinstance(constant, Tensor)


def test_arguments_that_are_not_differentiated_are_passed_on() -> None:
    def f(x: Any, n: int, how: str, *, factor: Any, table: dict[str, int]) -> Any:
        assert (n, how, table) == (2, "up", {"a": 1}) and isinstance(n, int)
        return np.sum(x**n) * factor

    assert_close(ag.grad(f)(X, 2, "up", factor=3.0, table={"a": 1}), 6 * X, 1e-15)
    assert_close(ag.hessian(f)(X, 2, "up", factor=3.0, table={"a": 1}), 6 * np.eye(3), 1e-15)


def test_arguments_that_do_not_matter_have_zeros() -> None:
    def f(x: Any, y: Any) -> Any:
        return np.sum(x)

    assert_close(ag.grad(f, 1)(X, np.ones((2, 2))), np.zeros((2, 2)), 0)
    assert_close(ag.jacobian(lambda x, y: x * 2, 1)(X, np.ones(2)), np.zeros((3, 2)), 0)
    assert_close(ag.hessian(f, 1)(X, Y), np.zeros((3, 3)), 0)
    assert_close(ag.hessian(f)(X, Y), np.zeros((3, 3)), 0)
    assert_close(ag.grad(lambda x: 5.0)(X), np.zeros(3), 0)
    assert_close(ag.grad(lambda x: np.float64(5.0))(X), np.zeros(3), 0)
    assert_close(ag.grad(lambda x: np.floor(x).sum())(X), np.zeros(3), 0)
    assert_close(ag.jacobian(lambda x: np.ones(2))(X), np.zeros((2, 3)), 0)
    value, tangent = ag.jvp(lambda x: np.ones(2), (X,), (Y,))
    assert_close(tangent, np.zeros(2), 0)
    assert_close(ag.vjp(f, X, Y)[1](2.0)[1], np.zeros(3), 0)
    assert_close(ag.hvp(f, (X, Y), (Y, X))[0], np.zeros(3), 0)
    assert ag.grad(ag.grad(lambda x: 3 * x))(1.0) == 0
    assert ag.grad(ag.grad(ag.grad(lambda x: x**2)))(1.0) == 0


def test_gradients_of_any_tensors_of_the_graph() -> None:
    x = Tensor(X, requires_grad=True)
    y = x * x
    cost = (y * 3).sum()
    other = Tensor(2.0, requires_grad=True)
    dy, dx, do = ag.gradients(cost, [y, x, other])
    assert_close(dy, [3, 3, 3], 0)
    assert_close(dx, 6 * X, 1e-15)
    assert_close(do, 0.0, 0)
    assert ag.gradients(cost, cost) == 1.0
    assert x.grad is None and y._grad is None
    assert_close(ag.gradients(y, x, gradient=Y), 2 * X * Y, 1e-15)
    same = ag.gradients(cost, [x, x])
    assert not np.shares_memory(same[0], same[1])
    (slope,) = ag.gradients(cost, [x], create_graph=True)
    assert_close(ag.gradients(slope.sum(), y), [0, 0, 0], 0)  # 3 · 2x holds x, not the y that was computed from it
    assert_close(ag.gradients(slope.sum(), x), [6, 6, 6], 0)


def test_gradients_with_a_seed_that_is_differentiated() -> None:
    x, u = Tensor(X, requires_grad=True), Tensor(Y, requires_grad=True)
    slope = ag.gradients(np.sin(x), x, u, create_graph=True)
    assert_close(ag.gradients(slope.sum(), u), np.cos(X), 1e-15)
    assert_close(ag.gradients(slope.sum(), x), -np.sin(X) * Y, 1e-15)


# Nesting ----------------------------------------------------------------------------------------------------


def test_inner_and_outer_derivatives_are_not_confused() -> None:
    """d/dx [x · d/dy (x y)] = 2x."""
    assert ag.grad(lambda x: x * ag.grad(lambda y: x * y)(2.0))(3.0) == 6.0
    assert ag.grad(lambda x: x * ag.grad(lambda y: x * y)(x))(3.0) == 6.0
    assert ag.grad(lambda x: x * ag.grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert ag.grad(lambda x: x * ag.jvp(lambda y: x * y, (2.0,), (1.0,))[1])(3.0) == 6.0
    assert ag.jvp(lambda x: x * ag.grad(lambda y: x * y)(2.0), (3.0,), (1.0,))[1] == 6.0
    assert ag.jvp(lambda x: x * ag.jvp(lambda y: x * y, (2.0,), (1.0,))[1], (3.0,), (1.0,))[1] == 6.0


def test_three_levels_that_close_over_one_another() -> None:
    """d/dx d/dy d/dz of x² y³ z⁴, innermost first, at (2, 3, 5)."""

    def outer(x: Any) -> Any:
        def middle(y: Any) -> Any:
            return ag.grad(lambda z: x**2 * y**3 * z**4)(5.0)

        return ag.grad(middle)(3.0)

    assert ag.grad(outer)(2.0) == 2 * 2 * 3 * 3**2 * 4 * 5**3


def test_closing_over_a_tensor_of_ones_own() -> None:
    w = Tensor([2.0, 3.0], requires_grad=True, name="w")

    def f(x: Any) -> Any:
        return np.sum(w * x**2)

    x = np.array([1.0, 2.0])
    assert_close(ag.grad(f)(x), 2 * w.data * x, 1e-15)
    assert w.grad is None
    cost = f(Tensor(x))
    ag.grad(f)(x)
    cost.backward()
    assert_close(w.grad, x**2, 1e-15)
    slope = ag.grad(f)(Tensor(x, requires_grad=True))  # a Tensor: the derivative stays in the graph of w
    assert_close(ag.gradients(slope.sum(), w), 2 * x, 1e-15)


def test_derivatives_within_a_recorded_computation() -> None:
    """A gradient penalty: the cost holds a derivative, and is differentiated with respect to a parameter."""
    w = Tensor(0.7, requires_grad=True)
    x = Tensor(1.3)
    penalty = ag.grad(lambda x: np.tanh(w * x))(x) ** 2
    penalty.backward()
    expected = gradient(lambda w: float((w * (1 - np.tanh(w * 1.3) ** 2)) ** 2), [np.array(0.7)])[0]
    assert_close(w.grad, expected, 1e-10)


def test_derivatives_under_no_grad() -> None:
    with ag.no_grad():
        assert ag.grad(lambda x: x**2)(3.0) == 6.0
        assert ag.grad(ag.grad(lambda x: x**3))(3.0) == 18.0
        assert_close(ag.jacobian(lambda x: x**2)(X), np.diag(2 * X), 1e-15)
    assert ag.grad(lambda x: ag.no_grad()(lambda: x * x)() * x)(3.0) == 9.0


def test_derivatives_in_threads() -> None:
    results: dict[int, float] = {}

    def work(i: int) -> None:
        for _ in range(50):
            results[i] = float(ag.grad(lambda x: x * ag.grad(lambda y: x * y)(2.0))(float(i)))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {i: 2.0 * i for i in range(4)}


def test_any_mixture_of_the_operators_gives_the_second_derivative() -> None:
    def f(x: Any) -> Any:
        return np.sin(x) * np.exp(x / 2)

    x = 0.8
    expected = float(mpmath.diff(lambda t: mpmath.sin(t) * mpmath.exp(t / 2), x, 2))
    array = np.array([x])
    ways = [
        ag.grad(ag.grad(f))(x),
        ag.jvp(ag.grad(f), (x,), (1.0,))[1],
        ag.grad(lambda x: ag.jvp(f, (x,), (1.0,))[1])(x),
        ag.jvp(lambda x: ag.jvp(f, (x,), (1.0,))[1], (x,), (1.0,))[1],
        ag.vjp(ag.grad(f), x)[1](1.0)[0],
        ag.grad(lambda x: ag.vjp(f, x)[1](1.0)[0])(x),
        ag.hessian(f)(x),
        ag.jacobian(ag.jacobian(f))(array)[0, 0, 0],
        ag.hvp(f, (x,), (1.0,)),
        ag.jacobian(lambda x: ag.jvp(f, (x,), (np.ones(1),))[1])(array)[0, 0],
    ]
    np.testing.assert_allclose(np.array(ways, float), expected, rtol=1e-13)


# Higher orders ----------------------------------------------------------------------------------------------

HIGH: list[tuple[str, Callable[[Any], Any], Callable[[Any], Any], float]] = [
    ("tanh", np.tanh, mpmath.tanh, 0.7),
    ("tanh sin", lambda x: np.tanh(np.sin(x) * 2), lambda x: mpmath.tanh(mpmath.sin(x) * 2), 0.4),
    ("exp sin", lambda x: np.exp(np.sin(x)), lambda x: mpmath.exp(mpmath.sin(x)), 1.1),
    ("sin of exp", lambda x: np.sin(np.exp(x)), lambda x: mpmath.sin(mpmath.exp(x)), 0.3),
    ("sigmoid", ag.sigmoid, lambda x: 1 / (1 + mpmath.exp(-x)), -1.2),
    ("quotient", lambda x: np.log(x) / (1 + x * x), lambda x: mpmath.log(x) / (1 + x * x), 1.7),
    ("power", lambda x: x**x, lambda x: x**x, 1.4),
    ("sqrt of log1p", lambda x: np.sqrt(np.log1p(x)), lambda x: mpmath.sqrt(mpmath.log1p(x)), 0.9),
    ("softplus", ag.softplus, lambda x: mpmath.log1p(mpmath.exp(x)), 0.6),
    ("arctan2", lambda x: np.arctan2(np.sin(x), x * x), lambda x: mpmath.atan2(mpmath.sin(x), x * x), 0.8),
    ("sinc near 0", np.sinc, lambda x: mpmath.sin(mpmath.pi * x) / (mpmath.pi * x), 0.05),
    ("prod", lambda x: np.prod(np.stack([x, np.sin(x), x * x])), lambda x: x**3 * mpmath.sin(x), 0.8),
]  # fmt: skip


@pytest.mark.parametrize(("name", "f", "reference", "x"), HIGH, ids=[row[0] for row in HIGH])
def test_derivatives_up_to_the_fourth_at_50_digits(name: str, f: Any, reference: Any, x: float) -> None:
    derivative = f
    for order in range(1, 5):
        derivative = ag.grad(derivative)
        with mpmath.workdps(50):
            expected = float(mpmath.diff(reference, mpmath.mpf(x), order))
        assert float(derivative(x)) == pytest.approx(expected, rel=1e-9 if "sinc" in name else 1e-11)


def test_the_tenth_derivative_of_a_polynomial_and_an_exponential() -> None:
    def f(x: Any) -> Any:
        return x**10 + np.exp(x)

    for _ in range(10):
        f = ag.grad(f)
    assert float(f(0.5)) == pytest.approx(3628800 + np.exp(0.5), rel=1e-13)


# Forward and reverse mode -----------------------------------------------------------------------------------


def block(case: Case) -> Callable[[Any], Any]:
    """The function of a case between two random linear maps: it takes and returns five numbers."""
    into = [random((a.size, 5), -0.01, 0.01, seed_of(str(case), i)) for i, a in enumerate(case.arrays)]
    sizes = [np.size(y) for y in outputs(case.reference(*case.arrays))]
    out_of = [random((5, n), -1, 1, seed_of(i, str(case))) for i, n in enumerate(sizes)]

    def function(x: Any) -> Any:
        arrays = [a + (m @ x).reshape(a.shape) for a, m in zip(case.arrays, into)]
        total = 0.1 * x
        for m, y in zip(out_of, outputs(case.function(*arrays))):
            total = total + m @ np.ravel(y)
        return np.tanh(total / 4)

    return function


CHAINED = [c for c in CASES if all(np.all(np.isfinite(a)) for a in c.arrays)]
ORDER = np.random.default_rng(3).permutation(len(CHAINED))
CHAINS = [[CHAINED[i] for i in ORDER[k : k + 6]] for k in range(0, len(ORDER), 6)]


@pytest.mark.parametrize("k", range(0, len(CHAINS), 10))
def test_forward_against_reverse_mode_in_compositions_of_all_operations(k: int) -> None:
    """u · jvp(v) = vjp(u) · v, and both are what differences along v give."""
    for chain in CHAINS[k : k + 10]:
        blocks = [block(case) for case in chain]

        def composed(x: Any, blocks: Any = blocks) -> Any:
            for f in blocks:
                x = f(x)
            return x

        x, v, u = (random((5,), -1, 1, seed_of(k, i)) for i in range(3))
        value, tangent = ag.jvp(composed, (x,), (v,))
        _, pullback = ag.vjp(composed, x)
        (g,) = pullback(u)
        what = ", ".join(map(str, chain))
        assert np.any(tangent != 0) and np.all(np.isfinite(tangent)), what
        np.testing.assert_allclose(value, composed(x), rtol=1e-12, err_msg=what)
        np.testing.assert_allclose(u @ tangent, g @ v, rtol=1e-10, atol=1e-14, err_msg=what)


def test_compositions_against_differences() -> None:
    for chain in CHAINS[::12]:
        blocks = [block(case) for case in chain[:2]]
        x, v = random((5,), -1, 1, 1), random((5,), -1, 1, 2)

        def composed(x: Any, blocks: Any = blocks) -> Any:
            return blocks[1](blocks[0](x))

        plain = [block(case._replace(function=case.reference)) for case in chain[:2]]
        _, tangent = ag.jvp(composed, (x,), (v,))
        numerical = along(lambda x: plain[1](plain[0](x)), [x], [v])  # noqa: B023
        assert_close(tangent, numerical, 1e-9, ", ".join(map(str, chain[:2])))


def test_vjp_and_jvp_of_several_arguments() -> None:
    def f(a: Any, b: Any) -> Any:
        return np.outer(a, np.sin(b))

    u, va, vb = random((3, 3), -1, 1, 1), random((3,), -1, 1, 2), random((3,), -1, 1, 3)
    value, pullback = ag.vjp(f, X, Y)
    assert_close(value, f(X, Y), 1e-15)
    ga, gb = pullback(u)
    assert_close(ga, u @ np.sin(Y), 1e-14)
    assert_close(gb, (X @ u) * np.cos(Y), 1e-14)
    ga, gb = pullback(2 * u)  # as often as one likes
    assert_close(ga, 2 * u @ np.sin(Y), 1e-14)
    value, tangent = ag.jvp(f, (X, Y), (va, vb))
    assert_close(tangent, np.outer(va, np.sin(Y)) + np.outer(X, np.cos(Y) * vb), 1e-14)


def test_a_function_that_returns_an_argument_or_uses_it_twice() -> None:
    assert ag.grad(lambda x: x)(3.0) == 1.0
    assert_close(ag.jacobian(lambda x: x)(X), np.eye(3), 0)
    assert_close(ag.jvp(lambda x: x, (X,), (Y,))[1], Y, 0)
    assert ag.grad(lambda x: x + x)(3.0) == 2.0
    assert ag.grad(lambda x, y: x * y, (0, 1))(3.0, 3.0) == (3.0, 3.0)
    x = Tensor(3.0, requires_grad=True)
    g = ag.grad(lambda a, b: a * a * b, (0, 1))(x, x)  # one Tensor in two places
    assert (g[0].item(), g[1].item()) == (18.0, 9.0)
    assert_close(ag.hessian(lambda x: (x @ x) ** 2)(X), 4 * (X @ X) * np.eye(3) + 8 * np.outer(X, X), 1e-13)


# Jacobians and Hessians -------------------------------------------------------------------------------------


@pytest.fixture
def sweeps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    counted: list[int] = []
    real = autograd_lite.engine.derivatives.sweep

    def counting(*args: Any, **keywords: Any) -> Any:
        counted.append(1)
        return real(*args, **keywords)

    monkeypatch.setattr(autograd_lite.engine.derivatives, "sweep", counting)
    return counted


@pytest.mark.parametrize(("rows", "columns"), [(1, 20), (2, 20), (5, 5), (20, 2), (20, 1), (3, 4)])
def test_a_jacobian_costs_as_many_sweeps_as_its_smaller_side_has_entries(
    sweeps: list[int], rows: int, columns: int
) -> None:
    m, x = random((rows, columns), -1, 1, 1), random((columns,), -1, 1, 2)
    jacobian = ag.jacobian(lambda x: np.sin(m @ x))(x)
    assert_close(jacobian, np.cos(m @ x)[:, None] * m, 1e-14)
    forward = 1 if columns < rows else 0  # the sweep that forward mode transposes is recorded once
    assert len(sweeps) == min(rows, columns) + forward


def test_a_gradient_is_one_sweep_and_a_product_with_the_hessian_a_few(sweeps: list[int]) -> None:
    x, v = random((50,), -1, 1, 1), random((50,), -1, 1, 2)

    def cost(x: Any) -> Any:
        return (np.tanh(x) ** 2).sum()

    ag.grad(cost)(x)
    assert len(sweeps) == 1
    ag.hvp(cost, (x,), (v,))
    assert len(sweeps) == 3


def test_shapes_of_jacobians() -> None:
    def f(x: Any, y: Any) -> Any:
        return np.einsum("ij,jkl->ikl", x, y) ** 2

    x, y = random((2, 3), -1, 1, 1), random((3, 2, 2), -1, 1, 2)
    jx, jy = ag.jacobian(f, (0, 1))(x, y)
    assert jx.shape == (2, 2, 2, 2, 3) and jy.shape == (2, 2, 2, 3, 2, 2)
    for index in np.ndindex(2, 2, 2):
        gx, gy = gradient(lambda x, y: f(x, y)[index], [x, y])  # noqa: B023
        assert_close(jx[index], gx, 1e-9)
        assert_close(jy[index], gy, 1e-9)
    scalar = ag.jacobian(lambda x: x**2)(3.0)
    assert scalar.shape == () and scalar == 6.0
    assert ag.jacobian(lambda x: x)(np.zeros((0,))).shape == (0, 0)
    assert ag.jacobian(lambda x: np.zeros((0, 2)) * x)(3.0).shape == (0, 2)
    assert ag.jacobian(lambda x: np.stack([x.sum(), x.sum()]))(np.zeros(0)).shape == (2, 0)
    assert ag.jacobian(lambda x: x.astype(np.float32))(np.ones(2, np.float32)).dtype == np.float32


def test_the_adjoint_of_a_real_step_between_complex_ones_is_real() -> None:
    def f(x: Any) -> Any:
        r = np.real(x * (1 + 2j))
        return np.sum(np.imag(np.exp(r * (0.3 + 1j)) * (1 - 2j)) + np.real(r * (1 + 1j)) ** 2)

    x = random((3,), -1, 1, 1)
    [expected] = gradient(f, [x])
    assert_close(ag.grad(f)(x), expected, 1e-9)


def test_the_axes_of_results_stand_before_those_of_few_inputs() -> None:
    stack = random((3, 4, 2), -1, 1, 1)
    np.testing.assert_array_equal(ag.jacobian(lambda x: stack @ x)(np.array([0.5, -2.0])), stack)


def test_forward_mode_jacobians_of_several_arguments_and_dtypes() -> None:
    a, b = np.array([0.5], np.float32), np.array([2.0])
    ja, jb = ag.jacobian(lambda a, b: np.concatenate([a * b, a + b, b**2, a]), (0, 1))(a, b)
    assert_close(np.asarray(ja, float), [[2], [1], [0], [1]], 1e-6)
    assert_close(jb, [[0.5], [1], [4], [0]], 1e-6)
    assert ja.dtype == np.float32 and jb.dtype == np.float64


def test_jacobians_called_with_tensors_are_differentiated_again() -> None:
    for f in (lambda x: np.stack([x[0] * x[1], x[1] ** 3]), lambda x: np.sin(np.outer(x, x)).ravel()):
        x = np.array([0.4, 1.3])
        second = ag.jacobian(ag.jacobian(f))(x)
        for i in range(second.shape[0]):
            assert_close(second[i], hessian(lambda x: f(x)[i], x), 1e-7)  # noqa: B023


def test_blocks_of_the_hessian() -> None:
    def f(a: Any, b: Any) -> Any:
        return np.sum(np.sin(a) * b**2) + np.prod(a) * b[0]

    a, b = np.array([0.3, 0.8]), np.array([1.2, -0.4])
    blocks = ag.hessian(f, (0, 1))(a, b)
    whole = hessian(lambda p: f(p[:2], p[2:]), np.concatenate([a, b]))
    assert_close(np.block([list(row) for row in blocks]), whole, 1e-7)
    assert_close(ag.hessian(f, 1)(a, b), whole[2:, 2:], 1e-7)


# The two-layer network --------------------------------------------------------------------------------------

N0, N1, N2, BATCH = 3, 4, 2, 5
SHAPES = [(N1, N0), (N1, 1), (N2, N1), (N2, 1)]
CUTS = np.cumsum([int(np.prod(s)) for s in SHAPES])
INPUT, TARGET = random((N0, BATCH), -1, 1, 1), random((N2, BATCH), 0, 1, 2)
PARAMETERS = random((int(CUTS[-1]),), -1, 1, 3)


def parted(p: Any) -> list[Any]:
    return [part.reshape(s) for part, s in zip(np.split(p, CUTS[:-1]), SHAPES)]


def cost_by_operators(p: Any) -> Any:
    w1, b1, w2, b2 = parted(p)
    a1 = 1 / (1 + np.exp(-(w1 @ INPUT + b1)))
    a2 = 1 / (1 + np.exp(-(w2 @ a1 + b2)))
    return 0.5 * np.sum((TARGET - a2) ** 2)


def cost_by_layers(p: Any) -> Any:
    w1, b1, w2, b2 = parted(p)
    a1 = ag.sigmoid(ag.linear(w1, INPUT, b1))
    return ag.half_squared_distance(ag.sigmoid(ag.linear(w2, a1, b2)), TARGET)


@pytest.fixture(scope="module")
def numerical_hessian() -> Array:
    return hessian(cost_by_operators, PARAMETERS)


@pytest.mark.parametrize("cost", [cost_by_operators, cost_by_layers])
def test_hessian_of_the_two_layer_cost(cost: Any, numerical_hessian: Array) -> None:
    h = ag.hessian(cost)(PARAMETERS)
    assert np.max(np.abs(h - h.T)) <= 1e-12 * np.max(np.abs(h))
    assert_close(h, numerical_hessian, 1e-8)


@pytest.mark.parametrize("cost", [cost_by_operators, cost_by_layers])
def test_product_of_the_hessian_of_the_two_layer_cost_with_a_vector(cost: Any, numerical_hessian: Array) -> None:
    h = ag.hessian(cost)(PARAMETERS)
    for seed in range(3):
        v = random(PARAMETERS.shape, -1, 1, seed)
        product = ag.hvp(cost, (PARAMETERS,), (v,))
        assert_close(product, h @ v, 1e-12)
        assert_close(product, numerical_hessian @ v, 1e-8)


def test_hvp_with_the_parameters_as_separate_arguments() -> None:
    def cost(w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        a1 = ag.sigmoid(ag.linear(w1, INPUT, b1))
        return ag.half_squared_distance(ag.sigmoid(ag.linear(w2, a1, b2)), TARGET)

    v = random(PARAMETERS.shape, -1, 1, 9)
    products = ag.hvp(cost, tuple(parted(PARAMETERS)), tuple(parted(v)))
    assert [p.shape for p in products] == SHAPES
    joined = np.concatenate([p.ravel() for p in products])
    assert_close(joined, ag.hessian(cost_by_layers)(PARAMETERS) @ v, 1e-12)
    second = mixed_along(cost_by_operators, [PARAMETERS], [v], [v])
    assert joined @ v == pytest.approx(second, abs=1e-8)


def test_gradient_of_the_two_layer_cost() -> None:
    for cost in (cost_by_operators, cost_by_layers):
        assert_close(ag.grad(cost)(PARAMETERS), gradient(cost_by_operators, [PARAMETERS])[0], 1e-10)


# Errors -----------------------------------------------------------------------------------------------------


def test_errors_say_what_to_do() -> None:
    def named(x: Any) -> Any:
        return x * 2

    with pytest.raises(TypeError, match=r"single number, but named returned shape \(3,\).*jacobian.*sum\(\)"):
        ag.grad(named)(X)
    with pytest.raises(TypeError, match="argument 0 of named cannot be differentiated.*dtype=float"):
        ag.grad(named)(np.arange(3))
    with pytest.raises(TypeError, match="argument 0 of named cannot be differentiated"):
        ag.grad(named)(2)
    with pytest.raises(TypeError, match="called with 1 arguments, so there is no argument 1"):
        ag.grad(named, 1)(X)
    with pytest.raises(TypeError, match="returned a tuple of arrays; use autograd_lite.jacobian"):
        ag.grad(lambda x: (x, x))(1.0)
    with pytest.raises(TypeError, match="returned NoneType"):
        ag.grad(lambda x: None)(1.0)
    with pytest.raises(ValueError, match=r"tangents have the shapes of the arguments, \(3,\), not \(2,\)"):
        ag.jvp(named, (X,), (np.ones(2),))
    with pytest.raises(TypeError, match=r"tuples with one entry for each argument, as in \(x,\), \(v,\)"):
        ag.jvp(named, X, X)
    with pytest.raises(ValueError, match="vectors have the shapes"):
        ag.hvp(cubic, (X, Y), (X,))
    with pytest.raises(ValueError, match=r"gradient has shape \(2,\)"):
        ag.vjp(named, X)[1](np.ones(2))
    x = Tensor(X, requires_grad=True)
    with pytest.raises(ValueError, match="3 entries.*pass gradient="):
        ag.gradients(x * 2, x)
    with pytest.raises(TypeError, match=r"input\[1\] .*does not require a gradient.*requires_grad=True"):
        ag.gradients((x * 2).sum(), [x, Tensor(1.0)])
    with pytest.raises(TypeError, match="input.* .ndarray"):
        ag.gradients((x * 2).sum(), [X])
    with pytest.raises(TypeError, match="the output must be a Tensor, not float"):
        ag.gradients(1.0, x)


def test_an_error_in_the_function_leaves_nothing_behind() -> None:
    def broken(x: Any) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        ag.grad(lambda x: ag.grad(broken)(x))(1.0)
    assert not autograd_lite.engine.recording.differentiated.get()
    with ag.no_grad(), pytest.raises(KeyError):
        ag.grad(broken)(1.0)
    assert (Tensor(1.0, requires_grad=True) * 2).requires_grad


def test_the_function_keeps_its_name() -> None:
    def cost(x: Any) -> Any:
        """Mine."""
        return x

    for operator in (ag.grad, ag.value_and_grad, ag.jacobian, ag.hessian):
        assert operator(cost).__name__ == "cost" and operator(cost).__doc__ == "Mine."


def test_gradients_of_a_constant_are_refused() -> None:
    """They would be zeros, whatever was computed under no_grad."""
    x = Tensor(2.0, requires_grad=True, name="x")
    with ag.no_grad():
        y = x * x
    with pytest.raises(RuntimeError, match=r"nothing to backpropagate from a Tensor of shape \(\).*under no_grad"):
        ag.gradients(y, [x])
    assert ag.gradients(x * 1.0, Tensor(1.0, requires_grad=True)) == 0.0  # which does not depend on it


def test_a_tensor_that_is_passed_by_keyword_is_differentiated_again() -> None:
    p = Tensor(3.0, requires_grad=True)
    slope = ag.grad(lambda x, p: x * x * p)(2.0, p=p)
    assert slope.item() == 12
    assert ag.gradients(slope, p) == 4


def test_gradients_of_no_inputs_are_a_list_of_its_own() -> None:
    inputs: list[Tensor] = []
    found = ag.gradients(Tensor(3.0, requires_grad=True) * 2, inputs)
    assert found == [] and found is not inputs


def test_a_derivative_inside_of_another_that_does_not_depend_on_it_is_an_array() -> None:
    found = []

    def outer(a: Tensor) -> Tensor:
        found.extend([ag.grad(lambda x: x**3)(2.0), ag.grad(lambda x: x**3 * a)(2.0)])
        return a * found[0]

    assert ag.grad(outer)(3.0) == 12
    assert not isinstance(found[0], Tensor) and isinstance(found[1], Tensor)


def test_a_tensor_is_no_function() -> None:
    for value in (Tensor(3.0, name="t"), 3.0):
        with pytest.raises(TypeError, match="t of shape|float"):
            ag.grad(value)  # type: ignore[call-overload]
