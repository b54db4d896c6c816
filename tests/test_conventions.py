"""What holds where a derivative is not defined, what is refused, and which dtype comes out.

Where a function has a kink, a tie or a pole, the gradients are those of PyTorch, written here as numbers.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from operation_cases import CASES, SPECIAL, Case, outputs
from oracles import assert_close

import autograd_lite as ag
from autograd_lite.engine.tensor import TABLE, Tensor

inf, nan = np.inf, np.nan
NUMPY_2 = int(np.__version__.split(".")[0]) >= 2


def gradients_of(function: Callable[..., Any], *points: Any, adjoint: Any = None) -> list[Any]:
    xs = [Tensor(p, requires_grad=True, dtype=float) for p in points]
    with np.errstate(all="ignore"):
        y = function(*xs)
        return ag.gradients(y, xs, np.ones(y.shape) if adjoint is None else np.asarray(adjoint, float))


# Ties and edges ---------------------------------------------------------------------------------------------

EDGES: list[tuple[str, Callable[..., Any], list[Any], list[Any]]] = [
    # ties share equally; beside a NaN, which wins, the gradient passes to both
    ("maximum", np.maximum, [[1, 2, 3, nan], [2, 2, 2, 1]], [[0, 0.5, 1, 1], [1, 0.5, 0, 1]]),
    ("minimum", np.minimum, [[1, 2, 3, 1], [2, 2, 2, nan]], [[1, 0.5, 0, 1], [0, 0.5, 1, 1]]),
    # fmax and fmin take the first operand in a tie, and the number beside a NaN
    ("fmax", np.fmax, [[1, 2, 3, nan, 1, nan], [2, 2, 2, 1, nan, nan]], [[0, 1, 1, 0, 1, 1], [1, 0, 0, 1, 0, 0]]),
    ("fmin", np.fmin, [[1, 2, 3, nan, 1, nan], [2, 2, 2, 1, nan, nan]], [[1, 1, 0, 0, 1, 1], [0, 0, 1, 1, 0, 0]]),
    ("max", np.max, [[1, 3, 3]], [[0, 0.5, 0.5]]),
    ("max of equal numbers", np.max, [[2, 2, 2, 2]], [[0.25] * 4]),
    ("max along an axis", lambda x: np.max(x, 1), [[[1, 1], [0, 2]]], [[[0.5, 0.5], [0, 1]]]),
    ("min", np.min, [[1, 1, 3]], [[0.5, 0.5, 0]]),
    ("max of a NaN", np.max, [[1, nan, 3]], [[nan, nan, nan]]),
    ("ptp of equal numbers", np.ptp, [[2, 2]], [[0, 0]]),
    # at their kink abs, relu, norms and std have gradient 0, the middle of what it may be
    ("abs", np.abs, [[-1, 0, -0.0, 2]], [[-1, 0, 0, 1]]),
    ("fabs", np.fabs, [[-1, 0, 2]], [[-1, 0, 1]]),
    ("relu", ag.relu, [[-1, 0, 2]], [[0, 0, 1]]),
    ("norm", np.linalg.norm, [[0, 0]], [[0, 0]]),
    ("norm of rows", lambda x: np.linalg.norm(x, axis=1), [[[0, 0], [3, 4]]], [[[0, 0], [0.6, 0.8]]]),
    ("norm of a matrix", lambda x: np.linalg.norm(x, "fro"), [[[0, 0], [0, 0]]], [[[0, 0], [0, 0]]]),
    ("norm 1", lambda x: np.linalg.norm(x, 1), [[0, 1]], [[0, 1]]),
    ("norm 3 at 0", lambda x: np.linalg.norm(x, 3), [[0, 0]], [[0, 0]]),
    ("norm 3", lambda x: np.linalg.norm(x, 3), [[0, 2]], [[0, 1]]),
    ("norm 1.5 at 0", lambda x: np.linalg.norm(x, 1.5), [[0, 0]], [[0, 0]]),
    ("norm ½", lambda x: np.linalg.norm(x, 0.5), [[0, 2]], [[0, 1]]),
    ("norm -1", lambda x: np.linalg.norm(x, -1), [[0, 2]], [[0, 0]]),
    ("norm inf", lambda x: np.linalg.norm(x, inf), [[2, -2, 1]], [[0.5, -0.5, 0]]),
    ("norm inf at 0", lambda x: np.linalg.norm(x, inf), [[0, 0]], [[0, 0]]),
    ("norm -inf", lambda x: np.linalg.norm(x, -inf), [[2, 0]], [[0, 0]]),
    ("norm 0", lambda x: np.linalg.norm(x, 0), [[2, 0]], [[0, 0]]),
    ("hypot", np.hypot, [[0, 3], [0, 4]], [[0, 0.6], [0, 0.8]]),
    ("std of equal numbers", np.std, [[2, 2, 2]], [[0, 0, 0]]),
    ("var of equal numbers", np.var, [[2, 2, 2]], [[0, 0, 0]]),
    ("std without freedom", lambda x: np.std(x, ddof=1), [[2]], [[nan]]),
    ("var without freedom", lambda x: np.var(x, ddof=1), [[2]], [[nan]]),
    # where the slope is infinite it is infinite
    ("sqrt", np.sqrt, [[0, 1]], [[inf, 0.5]]),
    ("cbrt", np.cbrt, [[0, 1]], [[inf, 1 / 3]]),
    ("log", np.log, [[0, -1]], [[inf, -1]]),
    ("log1p", np.log1p, [[-1]], [[inf]]),
    ("reciprocal", np.reciprocal, [[0]], [[-inf]]),
    ("arcsin", np.arcsin, [[1, -1]], [[inf, inf]]),
    ("arccosh", np.arccosh, [[1]], [[inf]]),
    ("arctanh", np.arctanh, [[1, -1]], [[inf, inf]]),
    ("divide by 0", np.divide, [[0, 1], [0, 0]], [[inf, inf], [nan, -inf]]),
    # powers: 0⁰ = 1 is flat in both directions; 0ᵇ is flat in b > 0 and falls without bound for b < 0
    ("power", np.power, [[0, 0, 0, 0, -2, -2, 2, 0], [0, 2, -1, 0.5, 3, 0.5, 0, 1]],
     [[0, 0, -inf, inf, 12, nan, 0, 1], [0, 0, -inf, 0, nan, nan, np.log(2), 0]]),
    ("x to the 0", lambda x: x**0, [[0, 2, -1]], [[0, 0, 0]]),
    ("x to the 0.0", lambda x: x**0.0, [[0, 2, -1]], [[0, 0, 0]]),
    ("x to the 1", lambda x: x**1, [[0, 2, -1]], [[1, 1, 1]]),
    ("x to the 2", lambda x: x**2, [[0, 2, -1]], [[0, 4, -2]]),
    ("x to the -1", lambda x: x**-1, [[0, 2, -1]], [[-inf, -0.25, -1]]),
    ("x to the ½", lambda x: x**0.5, [[0, 4]], [[inf, 0.25]]),
    ("0 to the x", lambda x: 0.0**x, [[0, 2, -1]], [[0, 0, -inf]]),
    ("(-2) to the x", lambda x: (-2.0) ** x, [[0, 2, -1]], [[nan, nan, nan]]),
    ("(-2) cubed", lambda x: x**3, [[-2]], [[12]]),
    ("float_power", np.float_power, [[0, 0], [0, 2]], [[0, 0], [0, 0]]),
    # products of the other entries, whatever this one is
    ("prod, a zero", np.prod, [[0, 2, 3]], [[6, 0, 0]]),
    ("prod, two zeros", np.prod, [[0, 2, 0]], [[0, 0, 0]]),
    ("prod, all zeros", np.prod, [[0, 0, 0]], [[0, 0, 0]]),
    ("prod that underflows", np.prod, [[1e-200, 1e-200]], [[1e-200, 1e-200]]),
    ("cumprod, two zeros", np.cumprod, [[2, 0, 3, 0, 5]], [[1, 8, 0, 0, 0]]),
    ("cumprod, a zero first", np.cumprod, [[0, 2, 3]], [[9, 0, 0]]),
    # equal keys stay in their order
    ("sort", lambda x: np.sort(x) * [1, 2, 3], [[2, 1, 2]], [[2, 1, 3]]),
    ("median of a NaN", np.median, [[1, nan, 3]], [[0, 0, 0]]),
    ("median of two in the middle", np.median, [[1, 2, 3, 4]], [[0, 0.5, 0.5, 0]]),
    # the bounds of clip count as inside; bounds that cross give the upper one
    ("clip", lambda x: np.clip(x, 0, 1), [[-1, 0, 0.5, 1, 2, nan]], [[0, 1, 1, 1, 0, 0]]),
    ("clip by tensors", np.clip, [[-1, 0, 0.5, 1, 2], [0] * 5, [1] * 5], [[0, 1, 1, 1, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 1]]),
    ("clip by bounds that cross", np.clip, [[-1, 0.5, 2], [1] * 3, [0] * 3], [[0, 0, 0], [0, 0, 0], [1, 1, 1]]),
    ("nan_to_num", np.nan_to_num, [[nan, inf, -inf, 1]], [[0, 0, 0, 1]]),
    ("arctan2", np.arctan2, [[0, 1, 0], [0, 0, -1]], [[0, 0, -1], [0, -1, 0]]),
    ("sinc", np.sinc, [[0]], [[0]]),
    ("remainder", np.remainder, [[5, -5, 4], [3, 3, 2]], [[1, 1, 1], [-1, 2, -2]]),
    ("fmod", np.fmod, [[5, -5, 4], [3, 3, 2]], [[1, 1, 1], [-1, 1, -2]]),
    ("floor_divide", np.floor_divide, [[5, 4], [3, 2]], [[0, 0], [0, 0]]),
    ("sign", np.sign, [[0, 1]], [[0, 0]]),
    ("heaviside", np.heaviside, [[0, 1], [0.5, 0.5]], [[0, 0], [1, 0]]),
    ("floor", np.floor, [[1, 1.5]], [[0, 0]]),
    # a weight of exactly 0 or 1
    ("logaddexp", np.logaddexp, [[inf, -inf, 0], [-inf, 0, -inf]], [[1, 0, 1], [0, 1, 0]]),
    ("logaddexp of equal infinities", np.logaddexp, [[inf, -inf], [inf, -inf]], [[nan, nan], [nan, nan]]),
    ("logsumexp", ag.logsumexp, [[-inf, 0]], [[0, 1]]),
    ("logsumexp of nothing but -inf", ag.logsumexp, [[-inf, -inf]], [[nan, nan]]),
    ("softmax", ag.softmax, [[-inf, 0]], [[0, 0]]),
    ("log_softmax", ag.log_softmax, [[-inf, 0]], [[1, -1]]),
    ("softplus", ag.softplus, [[800, -800, 0]], [[1, 0, 0.5]]),
    # one matrix without inverse: the determinant has its derivative, the logarithm has none
    ("det", np.linalg.det, [[[1, 2], [2, 4]]], [[[4, -2], [-2, 1]]]),
    ("slogdet", lambda x: np.linalg.slogdet(x)[1], [[[[1, 2], [2, 4]], [[2, 0], [0, 4]]]],
     [[[[nan, nan], [nan, nan]], [[0.5, 0], [0, 0.25]]]]),
    # the product of 0 and an infinite slope is no number: mask the operand, not only the result
    ("where", lambda x: np.where(x > 0, np.sqrt(x), 0), [[-1, 0, 1]], [[nan, nan, 0.5]]),
    ("where, masked", lambda x: np.where(x > 0, np.sqrt(np.where(x > 0, x, 1)), 0), [[-1, 0, 1]], [[0, 0, 0.5]]),
    # empty arrays
    ("sum of nothing", np.sum, [[]], [[]]),
    ("prod of nothing", np.prod, [[]], [[]]),
    ("mean of nothing", np.mean, [[]], [[]]),
    ("var of nothing", np.var, [[]], [[]]),
    ("norm of nothing", np.linalg.norm, [[]], [[]]),
    ("logsumexp of nothing", ag.logsumexp, [[]], [[]]),
    ("sum of an empty axis", lambda x: np.sum(x, 0), [np.zeros((0, 3))], [np.zeros((0, 3))]),
    ("mean of an empty axis", lambda x: np.mean(x, 0), [np.zeros((0, 3))], [np.zeros((0, 3))]),
    ("product with nothing", np.matmul, [np.zeros((2, 0)), np.zeros((0, 3))], [np.zeros((2, 0)), np.zeros((0, 3))]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "function", "points", "expected"), EDGES, ids=[row[0] for row in EDGES])
@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:Degrees of freedom")
def test_the_convention_at(name: str, function: Any, points: Any, expected: Any) -> None:
    for g, e in zip(gradients_of(function, *points), expected):
        np.testing.assert_allclose(g, np.asarray(e, float), rtol=1e-14)


def test_values_at_edges_are_numpys() -> None:
    for name, function, points, _ in EDGES:
        if getattr(ag, name.split()[0].rstrip(","), None) is not None:
            continue
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            value = function(*(Tensor(p, requires_grad=True, dtype=float) for p in points))
            expected = function(*(np.asarray(p, float) for p in points))
        np.testing.assert_array_equal(value.data, expected, err_msg=name)


def test_flat_functions_have_gradients_that_are_zero_and_not_missing() -> None:
    for function in (np.floor, np.ceil, np.rint, np.trunc, np.sign, np.round):
        x = Tensor([1.5, -2.5], requires_grad=True)
        y = function(x)
        assert y.requires_grad
        y.sum().backward()
        np.testing.assert_array_equal(x.grad, [0.0, 0.0])


def test_no_entries_and_no_extremum() -> None:
    empty = Tensor(np.zeros((0, 3)), requires_grad=True)
    for function in (np.max, np.min, np.median, np.ptp, ag.softmax):
        with pytest.raises(ValueError):
            function(empty, axis=0)
    assert np.max(empty, axis=1).shape == (0,)


def test_second_derivatives_at_edges() -> None:
    def second(f: Any, x: float) -> float:
        return float(ag.grad(ag.grad(f))(x))

    assert second(ag.relu, 0.0) == 0
    assert second(lambda x: x**2, 0.0) == 2
    assert second(lambda x: x**np.float64(2.0), 0.0) == 2
    assert second(lambda x: x**1, 0.0) == second(lambda x: x**0, 0.0) == 0
    assert second(lambda x: np.maximum(x, 0) ** 2, 0.0) == pytest.approx(0.5)  # ½ of the tie, squared, twice
    assert second(np.sinc, 0.0) == pytest.approx(-np.pi**2 / 3, rel=1e-15)
    np.testing.assert_array_equal(ag.hessian(np.prod)(np.array([0.0, 2.0, 3.0])), [[0, 3, 2], [3, 0, 0], [2, 0, 0]])
    np.testing.assert_array_equal(ag.hessian(np.prod)(np.zeros(2)), [[0, 1], [1, 0]])


@pytest.mark.parametrize("function", [
    np.abs, np.fabs, lambda x: np.hypot(x, 0 * x), lambda x: np.arctan2(x, 0 * x), np.linalg.norm, lambda x: np.std(x),
    lambda x: np.linalg.norm(x, 1), lambda x: np.linalg.norm(x, 3), lambda x: np.abs(x * 1j), lambda x: np.abs(x) ** 2,
    lambda x: np.linalg.norm(x) ** 2, lambda x: np.exp(-(np.linalg.norm(x - x.data) ** 2)), lambda x: np.std(x + 1) ** 2,
    lambda x: np.hypot(x, x) ** 2,
])  # fmt: skip
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_gradient_at_the_tip_of_a_cone_is_0_and_has_no_derivative(function: Any) -> None:
    """Also where what is composed of it is smooth: the second derivatives were 0 there, without a word."""
    x = np.zeros(2)
    np.testing.assert_array_equal(ag.grad(lambda x: np.sum(function(x)))(x), [0, 0])
    assert np.all(np.isnan(np.diag(ag.hessian(lambda x: np.sum(function(x)))(x))))


def test_what_is_smooth_and_written_so_has_its_second_derivatives() -> None:
    np.testing.assert_array_equal(ag.hessian(lambda x: np.sum(x**2))(np.zeros(2)), 2 * np.eye(2))
    np.testing.assert_array_equal(ag.hessian(np.var)(np.full(2, 0.1)), [[0.5, -0.5], [-0.5, 0.5]])
    cubes = ag.hessian(lambda x: np.linalg.norm(x, 3) ** 3)(np.array([0.0, 2.0]))
    np.testing.assert_allclose(cubes, [[0, 0], [0, 12]], atol=1e-14)


# Warnings ---------------------------------------------------------------------------------------------------

EXTREME = [
    (np.arctan, [1e200, -1e200]), (np.tanh, [1e308, -1e308]), (np.arctan2, ([1e200, 1e-200], [1e200, 1e-200])),
    (np.hypot, ([1e200, 0.0], [1e200, 0.0])), (np.sqrt, [0.0]), (np.cbrt, [0.0, 1e-300]), (np.log, [5e-324]),
    (np.log1p, [1e308]), (np.arcsinh, [1e308]), (np.arcsin, [1.0]), (np.arccos, [-1.0]), (np.arccosh, [1.0, 1e200]),
    (np.reciprocal, [1e-200]), (np.sinc, [0.0, 1e-300, 1e300]), (np.logaddexp, ([inf, -inf], [inf, -inf])),
    (np.logaddexp2, ([inf, -inf], [inf, -inf])), (np.power, ([0.0, 0.0, 0.0], [0.0, 1.0, 0.5])), (ag.sigmoid, [1e308, -inf]),
    (ag.softplus, [1e308, -inf, inf]), (ag.relu, [inf, -inf, nan]), (ag.logsumexp, [[inf, 0.0], [-inf, -inf]]),
    (ag.log_softmax, [1e308, -1e308]), (ag.softmax, [1e308, -1e308]), (np.max, [nan, 1.0]), (np.std, [1.0, 1.0]),
    (np.linalg.norm, [0.0, 0.0]), (np.abs, [0.0, nan]), (np.maximum, ([nan, 1.0], [1.0, nan])), (np.prod, [0.0, 0.0]),
    (np.clip, ([nan, 1.0], [0.0, 0.0], [1.0, 1.0])), (np.square, [1e150]), (np.sign, [nan, 0.0]), (np.fmax, ([nan], [1.0])),
    (np.divide, ([1e-310], [1e-310])), (np.divide, ([1.0, 1e-300], [1e300, 1e-300])), (np.nan_to_num, [nan, inf]),
    (np.exp, [-1e308]), (np.expm1, [-1e308]), (np.cosh, [700.0]), (lambda x: np.mean(x, 1), np.zeros((0, 3))),
    (lambda x: x**2, [1e150]), (lambda x: x**0, [0.0]), (lambda x: x**0.5, [0.0]), (lambda x: np.var(x, axis=1), np.zeros((0, 3))),
    (lambda x: np.linalg.norm(x, 3), [0.0]), (lambda x: np.linalg.norm(x, 0.5), [0.0, 1.0]),
]  # fmt: skip


@pytest.mark.parametrize("row", EXTREME, ids=lambda row: f"{getattr(row[0], '__name__', '')} {row[1]}".replace("\n", ""))
def test_recording_warns_of_nothing_that_numpy_is_silent_about(row: Any) -> None:
    """Infinite slopes are recorded in silence: only a backward pass that meets them may speak of them."""
    function, points = row
    points = points if isinstance(points, tuple) else (points,)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        function(*(np.asarray(p) for p in points))
        y = function(*(Tensor(p, requires_grad=True) for p in points))
        if np.all(np.isfinite(y.data)) and y.op not in ("sqrt", "cbrt", "log", "power", "arcsin", "arccos", "arccosh"):
            y.backward(np.ones(y.shape))


# What is refused --------------------------------------------------------------------------------------------


@pytest.fixture
def t() -> Tensor:
    return Tensor([0.3, 0.7], requires_grad=True, name="t")


def test_functions_without_a_rule_name_themselves_and_say_what_to_do(t: Tensor) -> None:
    for name, call in [
        ("np.nanquantile", lambda: np.nanquantile(t, 0.1)), ("np.roots", lambda: np.roots(t)),
        ("np.linalg.eig", lambda: np.linalg.eig(np.outer(t, t))), ("np.fft.fft", lambda: np.fft.fft(t)),
        ("np.nextafter", lambda: np.nextafter(t, 1)), ("np.frexp", lambda: np.frexp(t)), ("np.unique", lambda: np.unique(t)),
        ("np.add.reduceat", lambda: np.add.reduceat(t, [0])), ("np.maximum.accumulate", lambda: np.maximum.accumulate(t)),
        ("np.add.at", lambda: np.add.at(t, [0], 1.0)),
    ]:  # fmt: skip
        with pytest.raises(TypeError) as info:
            call()
        text = str(info.value)
        assert text.startswith(f"{name} has no rule")
        assert "autograd_lite.elementwise" in text and "autograd_lite.operation" in text and "t.data" in text


def test_norms_that_numpy_has_not_are_refused() -> None:
    x = Tensor(np.ones((2, 3, 4)), requires_grad=True)
    with pytest.raises(TypeError, match="np.linalg.norm with ord=3 over 2 axes has no rule"):
        np.linalg.norm(x[0], 3)
    for call in (lambda: np.linalg.norm(x, 1, axis=(0, 1, 2)), lambda: np.linalg.norm(x, np.inf), lambda: np.linalg.norm(x, "fro")):
        with pytest.raises((TypeError, ValueError)):
            call()


def test_out_is_refused(t: Tensor) -> None:
    buffer = np.zeros(2)
    for call in (
        lambda: np.exp(t, out=buffer), lambda: np.add(t, 1, buffer), lambda: np.add(buffer, buffer, out=t),
        lambda: np.sum(t, out=np.zeros(())), lambda: np.clip(t, 0, 1, out=buffer), lambda: np.matmul(t, t, out=buffer),
        lambda: np.add.reduce(t, out=np.zeros(())), lambda: np.greater(t, 0, out=np.zeros(2, bool)),
        lambda: np.concatenate([t, t], out=np.zeros(4)), lambda: np.cumsum(t, out=buffer), lambda: np.take(t, [0], out=buffer),
    ):  # fmt: skip
        with pytest.raises(TypeError, match=r"out=.*write .*result = "):
            call()
    np.testing.assert_array_equal(buffer, [0, 0])


def test_where_and_the_other_keywords_of_ufuncs_are_refused(t: Tensor) -> None:
    mask = np.array([True, False])
    for call in (
        lambda: np.exp(t, where=mask), lambda: np.add(t, t, where=mask), lambda: np.conjugate(t, where=mask),
        lambda: np.sum(t, where=mask), lambda: np.mean(t, where=mask), lambda: np.max(t, where=mask, initial=0.0),
        lambda: np.add.reduce(t, where=mask), lambda: np.matmul(t, t, dtype=np.float32), lambda: np.exp(t, dtype=np.float32),
        lambda: np.prod(t, initial=3.0), lambda: np.std(t, where=mask), lambda: t.sum(where=mask),
    ):  # fmt: skip
        with pytest.raises(TypeError, match="where=|dtype=|initial="):
            call()


def test_arguments_that_no_derivative_is_taken_of_are_refused_if_they_want_one(t: Tensor) -> None:
    x = Tensor([1.0, 2.0])
    for call in (
        lambda: np.pad(x, 1, constant_values=t[0]), lambda: np.full_like(x, t[0]), lambda: np.full_like(np.zeros(2), t[0]),
        lambda: np.array_split(x, t), lambda: np.roll(x, t[0]),
    ):  # fmt: skip
        with pytest.raises(TypeError):
            call()
    np.testing.assert_array_equal(np.pad(t, 1, constant_values=Tensor(5.0)).data, [5, 0.3, 0.7, 5])
    np.testing.assert_array_equal(np.full_like(t, 2.0), [2.0, 2.0])
    np.testing.assert_array_equal(np.split(np.arange(3), Tensor([1]))[1], [1, 2])
    np.testing.assert_array_equal(np.tile(np.arange(2), Tensor(2)), [0, 1, 0, 1])
    np.testing.assert_array_equal(np.take_along_axis(np.arange(3), Tensor([2, 0]), 0), [2, 0])


@pytest.mark.parametrize("function", [
    np.diff, lambda x, axis: np.quantile(x, 0.5, axis=axis), np.linalg.vector_norm,
    lambda x, axis: np.linalg.norm(x, 1, axis=(0, axis)), lambda x, axis: np.tensordot(x, x, axes=([axis], [1])),
    lambda x, axis: np.average(x, axis=axis, weights=[1.0, 2.0]),
])  # fmt: skip
def test_axes_that_do_not_exist_are_refused(function: Any) -> None:
    x = Tensor([[1.0, 2.0]], requires_grad=True)
    for axis in (2, 5, -3):
        with pytest.raises(np.exceptions.AxisError, match=rf"axis {axis} is out of bounds for .*\(1, 2\)"):
            function(x, axis=axis)
    with pytest.raises(ValueError, match=r"axis=\(0, 0\) names an axis of shape \(1, 2\) twice"):
        np.linalg.norm(x, 1, axis=(0, 0), keepdims=True)


def test_weights_of_another_shape_need_an_axis(t: Tensor) -> None:
    with pytest.raises(TypeError, match=r"weights of shape \(3,\) for entries of shape \(2,\) need axis="):
        np.average(t, weights=[1.0, 2.0, 3.0])


def test_a_number_is_an_operand_of_tensordot(t: Tensor) -> None:
    assert_close(np.tensordot(2.0, t, axes=0).data, np.tensordot(2.0, t.data, axes=0), 0)


@pytest.mark.parametrize("name", "sum prod max min ptp cumsum cumprod nansum nanmax".split())
def test_a_single_number_is_reduced_over_axis_0(name: str) -> None:
    function = getattr(np, name)
    for axis in (0, -1):
        x = Tensor(2.5, requires_grad=True)
        y = function(x, axis=axis)
        assert_close(y.data, function(x.data, axis=axis), 1e-15)
        [slope] = ag.gradients(y, [x], np.ones(y.shape))
        assert slope.shape == () and slope == (0.0 if name == "ptp" else 1.0)


def test_norms_of_whole_numbers_are_floats() -> None:
    x = Tensor([[1, 2], [3, 4]])
    for ord in (1, -1, np.inf, "fro", "nuc"):
        norm = np.linalg.norm(x, ord)
        assert norm.dtype == float
        assert_close(norm.data, np.linalg.norm(x.data, ord), 1e-15)
    assert_close(np.linalg.norm(x, -2, axis=0).data, np.linalg.norm(x.data, -2, axis=0), 1e-15)


def test_edges_of_sequences_are_numpys(t: Tensor) -> None:
    assert_close(np.diff(t, 0, prepend=[1.0]).data, t.data, 0)
    with pytest.raises(ValueError, match="n times, not -1 times"):
        np.diff(t, -1)
    with pytest.raises(ValueError, match=r"a vector, not of an array of shape \(1, 2\)"):
        np.vander(t[None])
    assert np.isnan(np.linspace(t[0], 2.0, 1, retstep=True)[1])


@pytest.mark.parametrize(("error", "message", "call"), [
    (TypeError, "integer", lambda x: np.linalg.matrix_power(x, 1.5)),
    (ValueError, "the upper one, 'U', not 'X'", lambda x: np.linalg.eigh(x, "X")),
    (ValueError, "'valid', not 'all'", lambda x: np.convolve(x[0], x[1], "all")),
    (ValueError, "indexing='xy' and 'ij', not 'yx'", lambda x: np.meshgrid(x[0], x[1], indexing="yx")),
])  # fmt: skip
def test_choices_that_numpy_does_not_have_are_refused(error: Any, message: str, call: Any) -> None:
    with pytest.raises(error, match=message):
        call(Tensor(np.eye(2), requires_grad=True))


def test_variance_without_rows_is_empty() -> None:
    for function in (np.nanvar, np.nanstd):
        assert function(Tensor(np.zeros((0, 3)), requires_grad=True), axis=1).shape == (0,)


def test_wrong_operands_are_named(t: Tensor) -> None:
    with pytest.raises(ValueError, match=r"add of t of shape \(2,\) and .*\(3,\)"):
        t + np.zeros(3)
    with pytest.raises(ValueError, match=r"matmul of t of shape \(2,\) and"):
        t @ np.zeros((3, 2))
    for other in (None, "text", {}, object()):
        with pytest.raises(TypeError, match="operands are numbers, arrays of numbers and Tensors"):
            t + other
    with pytest.raises(TypeError, match=r"t of shape \(2,\), which requires a gradient.*np.stack"):
        t + [t, t]
    with pytest.raises(TypeError, match="np.stack"):
        ag.softmax([t, t])
    with pytest.raises(TypeError, match="complex"):
        ag.sigmoid(t * 1j)


def test_plain_answers(t: Tensor) -> None:
    for result, expected in [
        (t > 0.5, [False, True]), (t == t, [True, True]), (0.5 <= t, [False, True]), (np.isfinite(t), [True, True]),
        (np.argmax(t), 1), (np.argsort(-t), [1, 0]), (np.where(t > 0.5)[0], [1]), (np.nonzero(t)[0], [0, 1]),
        (np.logical_not(t), [False, False]), (np.searchsorted([0.5], t), [0, 1]), (np.isclose(t, 0.3), [True, False]),
        (np.zeros_like(t), [0, 0]), (np.shape(t), (2,)), (np.ndim(t), 1), (t.argmin(), 0), (np.signbit(-t), [True, True]),
        (np.count_nonzero(t), 2), (np.any(t > 0.5), True), (np.less.outer(t, [0.5])[:, 0], [True, False]),
        (np.array_equal(t, t), True), (np.result_type(t), np.dtype(float)), (np.digitize(t, [0.5]), [0, 1]),
    ]:  # fmt: skip
        assert not isinstance(result, Tensor)
        np.testing.assert_array_equal(result, expected)


# dtypes -----------------------------------------------------------------------------------------------------

FLOATS = [np.float16, np.float32, np.float64, np.longdouble]
WIDENING = {
    "float_power", "append", "hstack", "column_stack", "interp", "cov", "corrcoef", "percentile", "geomspace", "block",
    "polyval", "vander",
}  # computed in float64, or with an array of float64
NOT_IN_LAPACK = {
    "inv", "det", "slogdet", "log_abs_det", "solve", "cholesky", "eigh", "eigvalsh", "svd", "svdvals", "qr", "pinv", "lstsq",
    "matrix_power", "linalg.cond", "linalg.matrix_norm", "interp", *SPECIAL,
}  # NumPy has them for float32 and float64
ROUGH = {np.float16: 0.05, np.float32: 2e-5, np.float64: 1e-12, np.longdouble: 1e-12}


def one_of_each() -> list[Case]:
    seen: dict[str, Case] = {}
    for case in CASES:
        if case.name in ("astype", "imag") or "constant" in case.label or "complex" in case.label:
            continue  # these go through float64 and complex128
        if all(a.size for a in case.arrays):
            seen.setdefault(case.name + str(len(case.arrays)), case)
            if any(a.ndim == 2 for a in case.arrays):
                seen.setdefault(case.name + "matrix", case)
    return list(seen.values())


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.__name__)
def test_every_operation_keeps_the_dtype_forward_and_backward(dtype: Any) -> None:
    for case in one_of_each():
        if case.name in NOT_IN_LAPACK and dtype in (np.float16, np.longdouble):
            continue
        if not NUMPY_2 and any(a.ndim == 0 for a in case.arrays):
            continue  # NumPy 1 widens numbers without axes
        xs = [Tensor(a, requires_grad=True, dtype=dtype) for a in case.arrays]
        precise = [Tensor(a, requires_grad=True) for a in case.arrays]
        numpys = outputs(case.reference(*(a.astype(dtype) for a in case.arrays)))
        for y, z, array in zip(outputs(case.function(*xs)), outputs(case.function(*precise)), numpys):
            assert y.dtype == array.dtype, f"{case} gives {y.dtype}"
            assert y.dtype == dtype or case.name in WIDENING
            y.backward(np.ones(y.shape, dtype))
            z.backward(np.ones(z.shape))
            assert_close(np.asarray(y.data, float), z.data, ROUGH[dtype], str(case))
        for x, p in zip(xs, precise):
            if p.grad is not None:
                assert x.grad.dtype == dtype, f"the gradient of {case} has {x.grad.dtype}"
                assert_close(np.asarray(x.grad, float), p.grad, 4 * ROUGH[dtype], str(case))


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.__name__)
def test_second_derivatives_keep_the_dtype(dtype: Any) -> None:
    for case in one_of_each():
        if case.name in NOT_IN_LAPACK and dtype in (np.float16, np.longdouble) or case.name in WIDENING:
            continue
        if not NUMPY_2 and any(a.ndim == 0 for a in case.arrays):
            continue
        xs = [Tensor(a, requires_grad=True, dtype=dtype) for a in case.arrays]
        for y in outputs(case.function(*xs)):
            firsts = ag.gradients((y * y).sum(), xs, create_graph=True)
            for first, x in zip(firsts, xs):
                assert first.dtype == dtype, f"first derivative of {case}"
                if first.requires_grad:
                    for second, z in zip(ag.gradients(first.sum(), xs), xs):
                        assert second.dtype == dtype, f"second derivative of {case}"
                        assert second.shape == z.shape


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.__name__)
def test_python_numbers_never_widen(dtype: Any) -> None:
    x = Tensor([0.25, 0.5], requires_grad=True, dtype=dtype)
    for f in (
        lambda x: x + 1, lambda x: 1.5 - x, lambda x: x * 2.5, lambda x: 2 / x, lambda x: x**2, lambda x: x**0.5,
        lambda x: x**-1, lambda x: 2.0**x, lambda x: x % 0.3, lambda x: np.maximum(x, 0), lambda x: np.where(x > 0.3, x, 0.0),
        lambda x: np.clip(x, 0.3, None), lambda x: np.arctan2(x, 2), lambda x: np.hypot(3, x), lambda x: x // 2,
        lambda x: np.logaddexp(x, 1.0), ag.relu, ag.softplus, ag.sigmoid, np.mean, np.var, np.std, ag.logsumexp, np.linalg.norm,
        lambda x: np.nan_to_num(x, nan=0.0), lambda x: np.heaviside(x, 0.5), lambda x: np.fmin(x, 1), np.median, np.sinc,
        lambda x: np.linalg.norm(x, 3), lambda x: np.average(x, weights=[1, 2]) if dtype != np.float16 else x, np.tanh,
    ):  # fmt: skip
        y = f(x)
        if not NUMPY_2 and y.ndim == 0:
            continue
        widened = np.float64 if f(np.ones(2, dtype)).dtype == np.float64 and NUMPY_2 else dtype
        assert y.dtype == (widened if dtype != np.longdouble else dtype)
        x.zero_grad()
        y.sum().backward()
        assert x.grad.dtype == dtype


def test_mixed_dtypes_follow_numpy_and_gradients_the_operand() -> None:
    narrow = Tensor([1.0, 2.0], requires_grad=True, dtype=np.float32)
    wide = Tensor([3.0, 4.0], requires_grad=True)
    y = (narrow * wide).sum()
    assert y.dtype == np.float64
    y.backward()
    assert narrow.grad.dtype == np.float32 and wide.grad.dtype == np.float64
    np.testing.assert_array_equal(narrow.grad, [3, 4])
    bias = Tensor([[0.5]], requires_grad=True)
    layer = ag.linear(narrow.reshape(1, 2), np.array([[3], [4]], np.float32), bias)
    assert layer.dtype == np.float64 and layer.item() == 11.5
    narrow.zero_grad()
    layer.backward()
    assert narrow.grad.dtype == np.float32 and bias.grad.dtype == np.float64
    np.testing.assert_array_equal(narrow.grad, [3, 4])
    z = (narrow.astype(np.float64) ** 2).sum()
    z.backward()
    assert narrow.grad.dtype == np.float32
    np.testing.assert_array_equal(narrow.grad, [5, 8])


@pytest.mark.parametrize("kind", [np.int8, np.int64, np.uint8, bool])
def test_integers_and_booleans_take_part_as_constants(kind: Any) -> None:
    c = np.array([1, 0, 1]).astype(kind)
    x = Tensor([0.5, 1.5, 2.5], requires_grad=True)
    for constant in (c, Tensor(c)):
        for f, expected in [
            (lambda x, c: x * c, c), (lambda x, c: x + c, [1, 1, 1]), (lambda x, c: np.where(c, x, 0), c),
            (lambda x, c: x**c, c), (lambda x, c: np.maximum(c, x), [0, 1, 1]), (lambda x, c: c @ x, c),
            (lambda x, c: np.concatenate([x, c]), [1, 1, 1]),
        ]:  # fmt: skip
            y = f(x, constant)
            assert y.dtype == np.float64
            np.testing.assert_array_equal(ag.gradients(y.sum(), x), np.asarray(expected, float))
    assert not Tensor(c).requires_grad
    assert (Tensor(c) + Tensor(c)).dtype == np.dtype(kind)
    with pytest.raises(TypeError, match=r"requires_grad=True, dtype=float"):
        Tensor(c, requires_grad=True)
    assert not isinstance(x.astype(int), Tensor)


def test_complex_numbers_flow_as_constants() -> None:
    """C = |Σ x e^{iφ}|², the intensity of waves: dC/dx_k = 2 Re(conj(S) e^{iφ_k})."""
    phase = np.exp(1j * np.array([0.1, 2.0, -1.0]))
    x = Tensor([0.5, 1.5, 2.5], requires_grad=True)
    total = (x * phase).sum()
    assert total.dtype == np.complex128
    intensity = np.real(total * np.conj(total))
    s = np.sum(x.data * phase)
    assert_close(ag.gradients(intensity, x), 2 * np.real(np.conj(s) * phase), 1e-14)
    assert_close(ag.gradients(np.abs(total), x), np.real(np.conj(s) * phase) / np.abs(s), 1e-14)
    hessian = ag.hessian(lambda x: np.real((x * phase).sum() * np.conj((x * phase).sum())))(x.data)
    assert_close(hessian, 2 * np.real(np.outer(np.conj(phase), phase)), 1e-14)
    assert ag.gradients(np.imag(total), x).dtype == np.float64
    single = Tensor([1.0], requires_grad=True, dtype=np.float32)
    y = np.real(single * np.complex64(2 + 1j)).sum()
    y.backward()
    assert y.dtype == np.float32 and single.grad.dtype == np.float32


def test_complex_tensors_do_not_require_gradients() -> None:
    with pytest.raises(TypeError, match="real and imaginary part in two Tensors"):
        Tensor([1j], requires_grad=True)
    assert Tensor([1j]).dtype == np.complex128
    with pytest.raises(TypeError, match="argument 0 .*complex"):
        ag.grad(lambda z: np.real(z))(1j)


def test_float32_results_are_within_float32_accuracy_of_float64_ones() -> None:
    x64 = np.linspace(-2, 2, 101)

    def cost(x: Any) -> Any:
        return np.mean(ag.sigmoid(x) * np.tanh(x) + np.exp(-x * x) * np.log1p(x * x))

    g32, g64 = ag.grad(cost)(x64.astype(np.float32)), ag.grad(cost)(x64)
    assert g32.dtype == np.float32
    assert_close(np.asarray(g32, float) * 101, g64 * 101, 2e-6)
    v32 = ag.hvp(cost, (x64.astype(np.float32),), (np.ones(101, np.float32),))
    v64 = ag.hvp(cost, (x64,), (np.ones(101),))
    assert v32.dtype == np.float32
    assert_close(np.asarray(v32, float) * 101, v64 * 101, 5e-6)


def test_the_table_knows_numpys_aliases() -> None:
    for a, b in [(np.absolute, np.abs), (np.amax, np.max), (np.around, np.round), (np.true_divide, np.divide),
                 (np.mod, np.remainder), (np.radians, np.deg2rad), (np.degrees, np.rad2deg)]:  # fmt: skip
        assert TABLE[a].__name__ == TABLE[b].__name__ or a in (np.radians, np.degrees)
