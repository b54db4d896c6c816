"""Every row at its special points and with complex numbers on the way, against mpmath and numerical differentiation.

Special points are zeros, ends of domains, ties, infinities, NaN, the smallest and the largest numbers.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from operation_cases import CASES, Case, one_of_each, outputs
from oracles import assert_close, gradient, mixed_along, random
from scipy import special
from test_operations import PRECISE, cost_of, directions

import autograd_lite as ag
from autograd_lite.engine.tensor import TABLE, Tensor

inf, nan = np.inf, np.nan
TINY, LARGE = 5e-324, np.finfo(float).max
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

# Powers -----------------------------------------------------------------------------------------------------


def power_by_mpmath(a: float, b: float, i: int, j: int) -> float:
    """∂^(i+j) aᵇ / ∂aⁱ ∂bʲ for a > 0, from its closed form in b: Σ over j of the product rule."""
    with mpmath.workdps(60):
        x = mpmath.mpf(a)
        return float(mpmath.diff(lambda y: mpmath.ff(y, i) * x ** (y - i), mpmath.mpf(b), j))


def power_exponent_array(x: Any, y: Any) -> Any:
    return np.sum(np.reshape(x, (1,)) ** np.reshape(y, (1,)))


@pytest.mark.parametrize("function", [lambda x, y: x**y, np.float_power, power_exponent_array])
@pytest.mark.parametrize("point", [(2.0, 0.0), (2.0, 1.0), (0.5, 0.0), (0.5, 1.0), (3.0, 2.0), (1.0, 0.0)])
def test_powers_have_mixed_and_third_derivatives_at_the_exponents_0_and_1(function: Any, point: Any) -> None:
    """∂²/∂x∂y of xʸ at y = 0 was 0 where 1/x is right, and the Hessian not symmetric."""
    for order in (1, 2, 3):
        for operands in itertools.product((0, 1), repeat=order):
            derivative = function
            for operand in operands:
                derivative = ag.grad(derivative, operand)
            expected = power_by_mpmath(*point, operands.count(0), operands.count(1))
            assert derivative(*point) == pytest.approx(expected, rel=1e-13, abs=1e-15), operands


def test_hessian_hvp_and_jvp_of_a_power_agree_at_the_exponent_0() -> None:
    def f(v: Any) -> Any:
        return v[0] ** v[1]

    x, v = np.array([2.0, 0.0]), np.array([0.3, -0.7])
    h = ag.hessian(f)(x)
    np.testing.assert_allclose(h, [[0, 0.5], [0.5, np.log(2) ** 2]], rtol=1e-15)
    np.testing.assert_allclose(ag.hvp(f, (x,), (v,)), h @ v, rtol=1e-15)
    np.testing.assert_allclose(ag.jvp(ag.grad(f), (x,), (v,))[1], h @ v, rtol=1e-15)
    np.testing.assert_allclose(ag.hessian(lambda y: np.sum(np.full(2, 3.0) ** y))(np.array([0.0, 1.0])),
                               np.log(3) ** 2 * np.diag([1.0, 3.0]), rtol=1e-15)  # fmt: skip


@pytest.mark.parametrize(("point", "first", "second"), [
    # at a = 0: limits where there are any, aᵇ⁻¹ (1 + b log a) for the mixed derivative; NaN where nothing is defined
    ((0.0, 2.0), (0, 0), (2, 0, 0, 0)), ((0.0, 3.0), (0, 0), (0, 0, 0, 0)), ((0.0, 1.0), (1, 0), (0, -inf, -inf, 0)),
    ((0.0, 0.0), (0, 0), (0, nan, nan, nan)), ((0.0, 0.5), (inf, 0), (-inf, nan, nan, 0)),
    ((TINY, 0.0), (0, np.log(TINY)), (0, nan, nan, np.log(TINY) ** 2)),
    ((inf, 0.0), (0, inf), (0, nan, nan, inf)), ((nan, 0.0), (0, nan), (0, nan, nan, nan)),
])  # fmt: skip
def test_powers_at_the_base_0(point: Any, first: Any, second: Any) -> None:
    def f(x: Any, y: Any) -> Any:
        return x**y

    np.testing.assert_array_equal(ag.grad(f, (0, 1))(*point), first)
    for operands, expected in zip(itertools.product((0, 1), repeat=2), second):
        if not (point[0] == inf and np.isnan(expected)):
            np.testing.assert_array_equal(ag.grad(ag.grad(f, operands[0]), operands[1])(*point), expected, str(operands))


# Standard deviations ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("axis", "ddof"), [(None, 0), (None, 1), (0, 0), (1, 1), ((0, 1), 0.5), (-1, 0)])
def test_std_of_equal_numbers_has_gradient_0(dtype: Any, axis: Any, ddof: float) -> None:
    """Of numbers that are no binary fractions too, whose mean is not themselves: it was −1/n for each entry."""
    for number, n in itertools.product([0.1, 1 / 3, -0.7, 1e10 / 7, 1e-5 / 3], [2, 3, 7, 11]):
        x = np.full((n, n), number, dtype)
        g = ag.grad(lambda x: np.sum(np.std(x, axis=axis, ddof=ddof)))(x)
        np.testing.assert_array_equal(g, 0)


def test_gradients_of_std_sum_to_0_and_are_right_next_to_equal_numbers() -> None:
    for seed in range(20):
        generator = np.random.default_rng(seed)
        x = generator.normal() + generator.integers(-3, 4, 6) * 2.0**-50
        g = ag.grad(np.std)(x)
        assert abs(np.sum(g)) < 1e-15
        with mpmath.workdps(60):
            entries = [mpmath.mpf(float(e)) for e in x]
            d = [e - sum(entries) / 6 for e in entries]
            norm = mpmath.sqrt(sum(e * e for e in d) * 6)
            expected = [float(e / norm) if norm else 0.0 for e in d]
        np.testing.assert_allclose(g, expected, rtol=1e-12, atol=1e-12)


def test_std_of_some_rows_that_are_equal() -> None:
    x = np.array([[0.1, 0.1, 0.1], [1.0, 2.0, 4.0]])
    g = ag.grad(lambda x: np.sum(np.std(x, axis=1)))(x)
    d = x[1] - x[1].mean()
    np.testing.assert_allclose(g, [[0, 0, 0], d / np.sqrt(3 * np.sum(d * d))], rtol=1e-14)


# Remainders -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [np.remainder, np.fmod, lambda a, b: a % b], ids=["remainder", "fmod", "%"])
def test_remainders_go_by_the_quotient_that_the_value_used(function: Any) -> None:
    """1 % 0.1 is 0.0999..., that is 1 − 9 · 0.1: the slope in b is −9, not the −10 of 1 / 0.1 rounded."""
    assert ag.grad(function, 1)(1.0, 0.1) == -9
    generator = np.random.default_rng(0)
    a, b = generator.integers(-50, 50, 500) / 10, generator.choice([-0.3, -0.1, 0.1, 0.2, 0.7], 500)
    slopes = ag.grad(lambda b: np.sum(function(a, b)))(b)
    with mpmath.workdps(50):
        for x, y, value, slope in zip(a, b, function(a, b), slopes):
            assert abs(mpmath.mpf(x) + int(slope) * mpmath.mpf(y) - mpmath.mpf(value)) < 1e-15
    np.testing.assert_array_equal(ag.grad(function, 1)(5.0, inf), 0)
    assert ag.grad(ag.grad(function, 1), 1)(1.0, 0.1) == 0


# Determinants -----------------------------------------------------------------------------------------------


def second_derivatives_of_det(a: Any) -> Any:
    """∂² det a / ∂a_ij ∂a_kl is, with a sign, the determinant without the rows i, k and the columns j, l."""
    n = len(a)
    h = np.zeros((n, n, n, n))
    for i, j, k, m in itertools.product(range(n), repeat=4):
        if i != k and j != m:
            rest = np.delete(np.delete(a, [i, k], 0), [j, m], 1)
            sign = (-1) ** (i + j + k + m) * (1 if (i < k) == (j < m) else -1)
            h[i, j, k, m] = sign * (np.linalg.det(rest) if rest.size else 1.0)
    return h


def of_rank(n: int, rank: int) -> Any:
    return random((n, rank), -1, 1, n) @ random((rank, n), -1, 1, rank + 9)


@pytest.mark.parametrize(("n", "rank"), [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2), (4, 2), (4, 3), (5, 3), (5, 4)])
def test_determinants_of_singular_matrices_have_gradient_and_hessian(n: int, rank: int) -> None:
    a = np.round(4 * of_rank(n, rank)) if rank == 0 else of_rank(n, rank)
    a = a - np.outer(a[:, 0], np.eye(n)[0]) if n > 1 else a  # a column of zeros: the determinant is exactly 0
    assert np.linalg.det(a) == 0
    minors = [[(-1) ** (i + j) * (np.linalg.det(np.delete(np.delete(a, i, 0), j, 1)) if n > 1 else 1.0) for j in range(n)]
              for i in range(n)]  # fmt: skip
    np.testing.assert_allclose(ag.grad(np.linalg.det)(a), minors, atol=1e-13)
    np.testing.assert_allclose(ag.hessian(np.linalg.det)(a), second_derivatives_of_det(a), atol=1e-12)
    with pytest.raises(TypeError, match="det has rules for two derivatives at a singular or nearly"):
        ag.grad(lambda a: np.sum(ag.hessian(np.linalg.det)(a)))(a)


def test_a_determinant_that_underflows_is_differentiated_without_minors() -> None:
    """1e-7 · 1 of 64 rows took n⁴ numbers; its cofactors underflow too, those of 46 rows do not."""
    np.testing.assert_array_equal(ag.grad(np.linalg.det)(1e-7 * np.eye(64)), np.zeros((64, 64)))
    g = ag.grad(np.linalg.det)(1e-7 * np.eye(47))
    np.testing.assert_allclose(np.diag(g), 1e-322, rtol=0.05)
    assert np.all(g[~np.eye(47, dtype=bool)] == 0)
    stack = np.stack([np.zeros((3, 3)), np.diag([1.0, 2.0, 3.0]), np.diag([0.0, 2.0, 3.0])])
    expected = np.stack([np.zeros((3, 3)), np.diag([6.0, 3.0, 2.0]), np.diag([6.0, 0.0, 0.0])])
    np.testing.assert_allclose(ag.grad(lambda a: np.sum(np.linalg.det(a)))(stack), expected, atol=1e-15)


# Every row of one operand, at the ends of what numbers and domains are ---------------------------------------

EXTREMES = [0.0, -0.0, 1.0, -1.0, TINY, -TINY, 1e-310, 1e-160, 1e160, -1e160, 1e300, LARGE, -LARGE]
LIMITS: dict[str, dict[float, tuple[float, float, float]]] = {
    # value, first and second derivative at infinities and ends of domains: NaN where 0 and ∞ meet on the way to them
    "exp": {inf: (inf, inf, inf), -inf: (0, 0, 0)}, "expm1": {inf: (inf, inf, inf), -inf: (-1, 0, 0)},
    "exp2": {inf: (inf, inf, inf), -inf: (0, 0, 0)}, "log": {0.0: (-inf, inf, -inf), inf: (inf, 0, 0), -1.0: (nan, -1, -1)},
    "log2": {0.0: (-inf, inf, -inf), inf: (inf, 0, 0)}, "log10": {0.0: (-inf, inf, -inf), inf: (inf, 0, 0)},
    "log1p": {-1.0: (-inf, inf, -inf), inf: (inf, 0, 0)}, "sqrt": {0.0: (0, inf, -inf), inf: (inf, 0, 0)},
    "cbrt": {0.0: (0, inf, nan), inf: (inf, 0, nan)}, "sin": {inf: (nan, nan, nan)}, "cos": {inf: (nan, nan, nan)},
    "tan": {inf: (nan, nan, nan)}, "arcsin": {1.0: (np.pi / 2, inf, nan), -1.0: (-np.pi / 2, inf, nan), 2.0: (nan, nan, nan)},
    "arccos": {1.0: (0, -inf, nan), -1.0: (np.pi, -inf, nan), 2.0: (nan, nan, nan)},
    "arctan": {inf: (np.pi / 2, 0, nan), -inf: (-np.pi / 2, 0, nan)}, "sinh": {inf: (inf, inf, inf), -inf: (-inf, inf, -inf)},
    "cosh": {inf: (inf, inf, inf), -inf: (inf, -inf, inf)}, "tanh": {inf: (1, 0, 0), -inf: (-1, 0, 0)},
    "arcsinh": {inf: (inf, 0, nan)}, "arccosh": {1.0: (0, inf, nan), 0.5: (nan, nan, nan), inf: (inf, 0, nan)},
    "arctanh": {1.0: (inf, inf, nan), -1.0: (-inf, inf, nan), 2.0: (nan, -1 / 3, 4 / 9)},
    "reciprocal": {0.0: (inf, -inf, inf), inf: (0, 0, 0)}, "square": {inf: (inf, inf, 2)},
    "sinc": {inf: (nan, nan, nan)}, "sigmoid": {inf: (1, 0, 0), -inf: (0, 0, 0)}, "softplus": {inf: (inf, 1, 0), -inf: (0, 0, 0)},
}  # fmt: skip


def derivatives(function: Any, point: float) -> tuple[float, float, float]:
    return (
        float(function(np.array(point))), float(ag.grad(function)(point)), float(ag.grad(ag.grad(function))(point))
    )  # fmt: skip


@pytest.mark.parametrize("name", LIMITS)
def test_limits_at_infinities_and_ends_of_domains(name: str) -> None:
    function = getattr(np, name, None) or getattr(ag, name)
    for point, expected in {**LIMITS[name], nan: (nan,) * (2 if name == "square" else 3)}.items():
        got = derivatives(function, point)[: len(expected)]
        np.testing.assert_allclose(got, expected, rtol=1e-15, atol=1e-307, err_msg=f"{name} at {point}")


def in_double(x: Any) -> float:
    if isinstance(x, mpmath.mpc):
        return nan
    return float(x) if abs(x) < mpmath.mpf(2) ** 1024 else inf * (1 if x > 0 else -1)


CLOSED: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], Callable[[Any], Any]]] = {
    "sqrt": (mpmath.sqrt, lambda x: 1 / (2 * mpmath.sqrt(x)), lambda x: -1 / (4 * x * mpmath.sqrt(x))),
    "cbrt": (mpmath.cbrt, lambda x: 1 / (3 * mpmath.cbrt(x) ** 2), lambda x: -2 / (9 * x * mpmath.cbrt(x) ** 2)),
    "log": (mpmath.log, lambda x: 1 / x, lambda x: -1 / x**2),
    "log2": (lambda x: mpmath.log(x, 2), lambda x: 1 / (x * mpmath.log(2)), lambda x: -1 / (x**2 * mpmath.log(2))),
    "log10": (mpmath.log10, lambda x: 1 / (x * mpmath.log(10)), lambda x: -1 / (x**2 * mpmath.log(10))),
    "log1p": (mpmath.log1p, lambda x: 1 / (1 + x), lambda x: -1 / (1 + x) ** 2),
    "arctan": (mpmath.atan, lambda x: 1 / (1 + x**2), lambda x: -2 * x / (1 + x**2) ** 2),
    "arcsinh": (mpmath.asinh, lambda x: 1 / mpmath.sqrt(1 + x**2), lambda x: -x / mpmath.sqrt(1 + x**2) ** 3),
    "arccosh": (mpmath.acosh, lambda x: 1 / mpmath.sqrt(x**2 - 1), lambda x: -x / mpmath.sqrt(x**2 - 1) ** 3),
    "tanh": (mpmath.tanh, lambda x: mpmath.sech(x) ** 2, lambda x: -2 * mpmath.tanh(x) * mpmath.sech(x) ** 2),
    "reciprocal": (lambda x: 1 / x, lambda x: -1 / x**2, lambda x: 2 / x**3),
    "sigmoid": (
        lambda x: 1 / (1 + mpmath.exp(-x)), lambda x: mpmath.sech(x / 2) ** 2 / 4,
        lambda x: -mpmath.tanh(x / 2) * mpmath.sech(x / 2) ** 2 / 4,
    ),
    "exp": (mpmath.exp,) * 3, "expm1": (mpmath.expm1, mpmath.exp, mpmath.exp),
    "sinh": (mpmath.sinh, mpmath.cosh, mpmath.sinh), "cosh": (mpmath.cosh, mpmath.sinh, mpmath.cosh),
}  # fmt: skip
DOMAIN = {"sqrt": 0, "log": 0, "log2": 0, "log10": 0, "log1p": -0.5, "arccosh": 1.5, "reciprocal": 0, "cbrt": 0}
OVERFLOWS = {"exp": 700, "expm1": 700, "sinh": 700, "cosh": 700, "sigmoid": 700, "tanh": 350}


@pytest.mark.parametrize("name", CLOSED)
def test_the_smallest_and_the_largest_numbers_at_50_digits(name: str) -> None:
    function = getattr(np, name, None) or getattr(ag, name)
    points = [x for x in EXTREMES if x > DOMAIN.get(name, -inf) and abs(x) <= OVERFLOWS.get(name, inf)]
    for point in points:
        got = derivatives(function, point)
        with mpmath.workdps(50):
            expected = [in_double(f(mpmath.mpf(point))) for f in CLOSED[name]]
        for order, (value, right) in enumerate(zip(got, expected)):
            cancels = 1e-16 * (name in ("tanh", "sigmoid") and order == 2)  # the difference of two slopes near ¼
            assert value == pytest.approx(right, rel=1e-13, abs=1e-307 + cancels), f"derivative {order} of {name} at {point}"


def test_every_smooth_row_of_one_operand_has_its_special_points_here() -> None:
    assert set(PRECISE) == set(LIMITS)


# Complex numbers on the way ---------------------------------------------------------------------------------


def through_complex(function: Callable[..., Any]) -> Callable[..., Any]:
    """Real operands turned in the complex plane, and the real and imaginary part of what comes out."""

    def real(*xs: Any) -> Any:
        turned = [x * (1 + 0.25j) + 0.125j for x in xs]
        results = function(*turned)
        results = list(results) if isinstance(results, (list, tuple)) else [results]
        parts = []
        for y in results:
            if (y.dtype if isinstance(y, Tensor) else np.asarray(y).dtype).kind in "fc":
                parts += [np.real(y), np.imag(y)] if np.iscomplexobj(y) else [y]
        return parts

    return real


def complex_cases() -> list[Case]:
    """Up to six cases of each row, of those with entries."""
    count: dict[str, int] = {}
    chosen = []
    for case in CASES:
        if all(a.size for a in case.arrays) and count.setdefault(case.name, 0) < 6:
            count[case.name] += 1
            chosen.append(case)
    return chosen


@pytest.mark.parametrize("case", one_of_each(complex_cases()))
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_complex_numbers_on_the_way_are_differentiated_or_refused_by_name(case: Case) -> None:
    plain = case.reference
    if case.name == "linalg.cond":  # NumPy 2.0 returns it as a complex number, without an imaginary part
        plain = lambda *xs: np.real(case.reference(*xs))  # noqa: E731
    function, reference = through_complex(case.function), through_complex(plain)
    xs = [Tensor(a, requires_grad=True) for a in case.arrays]
    try:
        values = function(*xs)
    except TypeError as error:
        assert case.name in str(error) or "complex" in str(error), error
        return
    expected = reference(*case.arrays)
    for value, y in zip(values, expected, strict=True):
        assert_close(value.data, y, 1e-13, "value")
    weights = [random(np.shape(y), 0.5, 1.5, i) for i, y in enumerate(expected)]
    cost, plain_cost = cost_of(function, weights), cost_of(reference, weights)
    first = ag.gradients(cost(*xs), xs, create_graph=True)
    for g, right in zip(first, gradient(plain_cost, case.arrays)):
        assert_close(g.data, right, 1e-9, "gradient")
    v, w = directions(case, 1), directions(case, 2)
    slope = sum((g * d).sum() for g, d in zip(first, v))
    second = ag.gradients(slope, xs) if slope.requires_grad else [np.zeros(x.shape) for x in xs]
    right = mixed_along(plain_cost, case.arrays, v, w)
    assert_close(sum((g * d).sum() for g, d in zip(second, w)), right, 1e-7, "second derivative")


def test_every_row_is_tried_with_complex_numbers() -> None:
    rows = {key if isinstance(key, str) else f.__name__ for key, f in TABLE.items() if not getattr(f, "own", False)}
    assert rows - {"full_like"} <= {case.name for case in complex_cases()}


@pytest.mark.parametrize(("name", "function", "expected"), [
    ("|z|²", lambda z: np.sum(np.abs(z) ** 2), [0, 4]), ("|z|", lambda z: np.sum(np.abs(z)), [0, np.sqrt(2)]),
    ("norm", lambda z: np.linalg.norm(z), [0, np.sqrt(2)]), ("norm inf", lambda z: np.linalg.norm(z, np.inf), [0, np.sqrt(2)]),
    ("norm -inf", lambda z: np.linalg.norm(z, -np.inf), [0, 0]), ("norm 3", lambda z: np.linalg.norm(z, 3), [0, np.sqrt(2)]),
    ("norm 1", lambda z: np.linalg.norm(z, 1), [0, np.sqrt(2)]),
    ("matrix norm inf", lambda z: np.linalg.norm(np.reshape(z, (1, 2)), np.inf), [0, np.sqrt(2)]),
])  # fmt: skip
def test_complex_zeros(name: str, function: Any, expected: Any) -> None:
    """The slope of |z| at 0 was 0/0."""
    np.testing.assert_allclose(ag.grad(lambda x: function(x * (1 + 1j)))(np.array([0.0, 1.0])), expected, rtol=1e-15)


def test_the_norm_of_order_3_has_second_derivatives_also_where_an_entry_is_0() -> None:
    real = ag.hessian(lambda x: np.linalg.norm(x, 3))(np.array([0.0, 1.0, 2.0]))
    through = ag.hessian(lambda x: np.linalg.norm(x * np.exp(0.7j), 3))(np.array([0.0, 1.0, 2.0]))
    with mpmath.workdps(50):
        r = mpmath.cbrt(9)  # ∂²r/∂x∂y = 2 |x| / r² [x = y] − 2 x|x| y|y| / r⁵
        x = [0, 1, 2]
        exact = [[float(2 * x[i] / r**2 * (i == j) - 2 * x[i] ** 2 * x[j] ** 2 / r**5) for j in range(3)] for i in range(3)]
    np.testing.assert_allclose(real, exact, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(through, exact, rtol=1e-14, atol=1e-15)


def test_named_cases_of_complex_numbers() -> None:
    z = np.array([0.3 + 1j, -0.5 + 2j])
    x = np.array([1.0, 1.0])
    value, imaginary = ag.value_and_grad(lambda x: np.imag(ag.logsumexp(x * z)))(x)
    assert value == pytest.approx(np.log(np.sum(np.exp(z))).imag)
    np.testing.assert_allclose(imaginary, np.imag(z * np.exp(z)) * 0 + np.imag(z * np.exp(z) / np.sum(np.exp(z))))
    a = np.array([[1.0, 0.5], [0.2, 2.0]])
    turned = ag.grad(lambda t: np.imag(np.linalg.slogdet(a * np.exp(1j * t))[0]))(0.3)  # the sign is e^(2it)
    assert turned == pytest.approx(2 * np.cos(0.6))
    assert ag.grad(lambda t: np.imag(np.sign(3 * np.exp(1j * t))))(0.3) == pytest.approx(np.cos(0.3))
    slope = ag.grad(lambda t: np.real(np.arcsinh(t * (1 + 1j))))(0.3)
    assert slope == pytest.approx(np.real((1 + 1j) / np.sqrt(1 + (0.3 + 0.3j) ** 2)))
    tails = ag.grad(lambda t: np.imag(np.tanh(t + 0.5j * t)))(20.0)
    with mpmath.workdps(50):
        assert tails == pytest.approx(float(mpmath.im((1 + mpmath.mpc(0, 0.5)) * mpmath.sech(mpmath.mpc(20, 10)) ** 2)), rel=1e-12)
    with pytest.raises(TypeError, match="half_squared_distance"):
        ag.half_squared_distance(Tensor([1j]), [0.0])


# Every other row where its formula has branches, zeros or ties ------------------------------------------------

# A row, its function of a vector, the same in mpmath for a list of numbers, and the points. At ties, jumps and kinks the
# function of mpmath is by convention the one that is selected there, or the mean of those that tie.
Exact = Callable[..., Any]
m = mpmath
HALF = m.mpf(1) / 2


def singular_value(a: Any, b: Any, c: Any, d: Any, sign: int) -> Any:
    """One of the two of a matrix of two rows, a b and c d."""
    first, second = a * a + b * b, c * c + d * d
    return m.sqrt((first + second + sign * m.sqrt((first - second) ** 2 + 4 * (a * c + b * d) ** 2)) / 2)


AT: list[tuple[str, Callable[[Any], Any], Exact, list[list[float]]]] = [
    ("add", lambda x: x[0] + x[1], lambda a, b: a + b, [[0, 0]]),
    ("subtract", lambda x: x[0] - x[1], lambda a, b: a - b, [[1, 1]]),
    ("multiply", lambda x: x[0] * x[1], lambda a, b: a * b, [[0, 0], [0, 2], [-1, 1]]),
    ("divide", lambda x: x[0] / x[1], lambda a, b: a / b, [[0, 1], [1, -1], [0, -2], [1, 1e-100]]),
    ("power", lambda x: x ** np.array([0, 1, 2, 3, 4]), lambda *x: [a**n for n, a in enumerate(x)], [[0] * 5, [1] * 5, [-1] * 5]),
    ("power", lambda x: x**-1 + x**-2.0, lambda a: 1 / a + a**-2, [[1], [-1]]),
    ("power", lambda x: x**1 + x**2 + x**3 + x**0, lambda a: 1 + a + a**2 + a**3, [[0], [-1]]),
    ("float_power", lambda x: np.float_power(x, 3), lambda a: a**3, [[0], [-1]]),
    ("sinc", np.sinc, lambda a: m.sincpi(a), [[0], [1], [-2]]),
    ("remainder", lambda x: x[0] % x[1], lambda a, b: a - 2 * b, [[4, 2], [5, 2], [-4, -2]]),
    ("remainder", lambda x: x[0] % x[1], lambda a, b: a + 2 * b, [[-5, 3], [5, -3], [-4, 2]]),
    ("fmod", np.fmod, lambda a, b: a + b, [[-5, 3], [5, -3], [-2, 2]]),
    ("floor_divide", lambda x: x[0] // x[1], lambda a, b: 2, [[4, 2], [5, 2]]),
    ("hypot", np.hypot, lambda a, b: m.sqrt(a * a + b * b), [[3, 0], [0, -2], [1e-160, 1e-160]]),
    ("arctan2", np.arctan2, lambda a, b: m.atan(a / b), [[0, 1], [0, 1e-100]]),
    ("arctan2", np.arctan2, lambda a, b: m.atan(a / b) + m.pi, [[0, -1], [1e-200, -1]]),
    ("arctan2", np.arctan2, lambda a, b: m.pi / 2 - m.atan(b / a), [[1, 0], [1, 1e-200]]),
    ("logaddexp", np.logaddexp, lambda a, b: m.log(m.exp(a) + m.exp(b)),
     [[0, 0], [700, 700], [-700, 0], [0, -745], [40, 0]]),
    ("logaddexp2", np.logaddexp2, lambda a, b: m.log(m.power(2, a) + m.power(2, b), 2), [[0, 0], [0, -1020]]),
    ("maximum", np.maximum, lambda a, b: (a + b) / 2, [[2, 2], [0, -0.0]]),
    ("minimum", np.minimum, lambda a, b: (a + b) / 2, [[2, 2], [0, -0.0]]),
    ("maximum", np.maximum, lambda a, b: b, [[-1, 0], [-inf, 1]]),
    ("fmax", np.fmax, lambda a, b: a, [[2, 2], [0, -1], [1, nan]]),
    ("fmin", np.fmin, lambda a, b: a, [[2, 2], [-1, 0], [1, nan]]),
    ("clip", lambda x: np.clip(x[0], x[1], x[2]), lambda a, b, c: a, [[0, 0, 1], [1, 0, 1]]),
    ("clip", lambda x: np.clip(x[0], x[1], x[2]), lambda a, b, c: c, [[2, 1, 0], [-inf, 1, 0]]),
    ("where", lambda x: np.where(x > 0, x * x, x[::-1]), lambda a, b: [b, b * b], [[0, 2]]),
    ("heaviside", np.heaviside, lambda a, b: b, [[0, 0.5], [-0.0, 2]]),
    ("heaviside", np.heaviside, lambda a, b: 1, [[1, 0.5]]),
    ("abs", np.abs, lambda a, b: [abs(a), abs(b)], [[1, -1]]),
    ("fabs", np.fabs, lambda a, b: [a, -b], [[1, -1]]),
    ("relu", ag.relu, lambda a, b, c: [0, b, 0], [[0, 1, -0.0], [-inf, 3, -1]]),
    *[(f.__name__, f, lambda *x, f=f: [float(f(float(a))) for a in map(m.nint, x)], [[-1, 0, 2]])
      for f in (np.floor, np.ceil, np.rint, np.trunc, np.sign, np.round)],
    ("nan_to_num", np.nan_to_num, lambda a, b: [a, 0], [[0, nan]]),
    *[(name, getattr(np, name), lambda a, s=s: s * a, [[0]])
      for name, s in (("negative", -1), ("positive", 1), ("copy", 1), ("deg2rad", m.pi / 180), ("rad2deg", 180 / m.pi))],
    ("real", lambda x: np.real(x * x), lambda a: m.re(a * a), [[0], [1]]),
    ("imag", lambda x: np.imag(x * x), lambda a: m.im(a * a), [[0], [1]]),
    ("conj", lambda x: np.conj(x) * x, lambda a: m.conj(a) * a, [[0], [1]]),
    # along axes
    ("sum", lambda x: np.sum(x[:, None], 1), lambda a, b: [a, b], [[0, 0]]),
    ("mean", lambda x: np.mean(x[:, None], 1), lambda a, b: [a, b], [[0, 0]]),
    ("average", lambda x: np.average(x[:2], weights=x[2:]), lambda a, b, v, w: (a * v + b * w) / (v + w),
     [[1, 1, 0, 2], [0, 3, 1, 1]]),
    ("prod", np.prod, lambda *x: m.fprod(x), [[0, 2, 3], [0, 2, 0], [0, 0, 0, 1], [-1], [0]]),
    ("cumprod", np.cumprod, lambda *x: [m.fprod(x[: i + 1]) for i in range(len(x))], [[0, 2, 3], [2, 0, 0, 3], [0, 0, 0], [0]]),
    ("cumsum", np.cumsum, lambda *x: [m.fsum(x[: i + 1]) for i in range(len(x))], [[0, 0], [0]]),
    ("max", np.max, lambda a, b, c: (b + c) / 2, [[1, 3, 3]]), ("min", np.min, lambda a, b, c: (a + b) / 2, [[1, 1, 3]]),
    ("max", np.max, lambda *x: sum(x) / len(x), [[0, 0, 0], [2]]),
    ("ptp", np.ptp, lambda a, b, c: b - (a + c) / 2, [[1, 3, 1]]), ("ptp", np.ptp, lambda *x: 0, [[2, 2], [2]]),
    ("median", np.median, lambda a, b, c: b, [[1, 2, 3], [1, 3, 3]]),
    ("median", np.median, lambda a, b, c, d: (b + c) / 2, [[1, 2, 3, 4]]),
    ("sort", lambda x: np.sort(x) * [1, 2, 3], lambda a, b, c: [b, 2 * a, 3 * c], [[2, 1, 2], [0, -0.5, 0]]),
    ("var", np.var, lambda *x: sum(abs(a - sum(x) / len(x)) ** 2 for a in x) / len(x), [[2, 2, 2], [0.1, 0.1, 0.1], [3], [0, 1]]),
    ("std", np.std, lambda *x: m.sqrt(sum(abs(a - sum(x) / len(x)) ** 2 for a in x) / len(x)), [[1, -1], [0, 0, 1]]),
    ("std", lambda x: np.std(x[:, None], 1), lambda a, b: [0, 0], [[1, 2], [0, 0.1]]),
    ("euclidean_norm", np.linalg.norm, lambda *x: m.sqrt(sum(abs(a) ** 2 for a in x)), [[3, 0, 0], [0, -2], [-1]]),
    ("norm", lambda x: np.linalg.norm(x, 1), lambda a, b: abs(a) + abs(b), [[1, -1]]),
    ("norm", lambda x: np.linalg.norm(x, inf), lambda a, b, c: (abs(a) + abs(b)) / 2, [[2, -2, 1]]),
    ("norm", lambda x: np.linalg.norm(x, -inf), lambda a, b, c: abs(c), [[2, -2, -1]]),
    ("norm", lambda x: np.linalg.norm(x, 0), lambda a, b: 2, [[2, -1]]),
    ("norm", lambda x: np.linalg.norm(x.reshape((2, 2)), 1), lambda a, b, c, d: (abs(a) + abs(c) + abs(b) + abs(d)) / 2,
     [[1, 2, -2, 1]]),
    ("norm", lambda x: np.linalg.norm(x.reshape((2, 2)), inf), lambda a, b, c, d: abs(a) + abs(b), [[-1, 2, 0.5, 1]]),
    ("norm", lambda x: np.linalg.norm(x.reshape((2, 2)), "fro"), lambda *x: m.sqrt(sum(abs(a) ** 2 for a in x)), [[0, 0, 0, 3]]),
    ("power_norm", lambda x: np.linalg.norm(x, 3), lambda a, b, c: m.cbrt(abs(a) ** 3 + abs(b) ** 3 + abs(c) ** 3),
     [[0, 0, 2], [0, 1, 2]]),
    ("power_norm", lambda x: np.linalg.norm(x, 4), lambda *x: sum(abs(a) ** 4 for a in x) ** (HALF / 2),
     [[0, -1], [0, 0, 2], [-1]]),
    ("logsumexp", ag.logsumexp, lambda *x: m.log(sum(map(m.exp, x))), [[0, 0, 0], [0, -800], [2], [0, 10]]),
    ("softmax", ag.softmax, lambda *x: [m.exp(a) / sum(map(m.exp, x)) for a in x], [[0, 0, 0], [0, -700], [2], [0, 10]]),
    ("log_softmax", ag.log_softmax, lambda *x: [a - m.log(sum(map(m.exp, x))) for a in x], [[0, 0, 0], [0, -700], [2]]),
    ("diff", lambda x: np.diff(x), lambda a, b: b - a, [[1, 1]]),
    # networks
    ("half_squared_distance", lambda x: ag.half_squared_distance(x[:2], x[2:]),
     lambda a, b, c, d: ((a - c) ** 2 + (b - d) ** 2) / 2,
     [[1, 2, 1, 2], [0, 0, 0, 0]]),
    ("softmax_cross_entropy", lambda x: TABLE["softmax_cross_entropy"](x[:, None], np.array([[1.0], [0.0]]), axis=0),
     lambda a, b: m.log(m.exp(a) + m.exp(b)) - a, [[0, 0], [700, 0], [0, 700]]),
    ("sigmoid_cross_entropy", lambda x: TABLE["sigmoid_cross_entropy"](x, np.array([1.0, 0.0])),
     lambda a, b: m.log(1 + m.exp(-a)) + m.log(1 + m.exp(b)), [[0, 0], [700, -700], [-700, 700]]),
    ("linear", lambda x: ag.linear(x[:2].reshape((1, 2)), x[2:4].reshape((2, 1)), x[4:].reshape((1, 1))),
     lambda a, b, c, d, e: a * c + b * d + e, [[0] * 5, [1, 0, 0, 1, 0]]),
    # several times the same entry
    ("index", lambda x: x[[0, 0, 1]] ** [1, 2, 2], lambda a, b: [a, a * a, b * b], [[0, 0], [3, 0]]),
    ("take", lambda x: np.take(x, [1, 1, 0]) ** 2, lambda a, b: [b * b, b * b, a * a], [[0, 1]]),
    ("take_along_axis", lambda x: np.take_along_axis(x, np.array([1, 1]), 0) ** 2, lambda a, b: [b * b, b * b], [[0, 1]]),
    # matrices
    *[(name, f, lambda *x: [m.fsum(a * b for a, b in zip(x[:2], x[2:]))], [[0] * 4, [1, 0, 0, 1]]) for name, f in (
        ("matmul", lambda x: x[:2] @ x[2:]), ("dot", lambda x: np.dot(x[:2], x[2:])), ("inner", lambda x: np.inner(x[:2], x[2:])),
        ("vdot", lambda x: np.vdot(np.conj(x[:2]), x[2:])), ("tensordot", lambda x: np.tensordot(x[:2], x[2:], 1)),
        ("einsum", lambda x: np.einsum("i,i", x[:2], x[2:])),
        ("multi_dot", lambda x: np.linalg.multi_dot([x[:2], np.eye(2), x[2:]])))],
    ("outer", lambda x: np.outer(x[:1], x[1:]), lambda a, b, c: [a * b, a * c], [[0, 0, 1]]),
    ("kron", lambda x: np.kron(x[:1], x[1:]), lambda a, b, c: [a * b, a * c], [[0, 0, 1]]),
    ("trace", lambda x: np.trace((x * x).reshape((2, 2))), lambda a, b, c, d: a * a + d * d, [[0, 1, 2, 0]]),
    ("inv", lambda x: np.linalg.inv(x.reshape((2, 2))), lambda a, b, c, d: [v / (a * d - b * c) for v in (d, -b, -c, a)],
     [[1, 0, 0, 1], [0, 1, 1, 0], [0, 2, -1, 1e-3]]),
    ("inv", lambda x: np.linalg.inv(x.reshape((1, 1))), lambda a: 1 / a, [[-1]]),
    ("solve", lambda x: np.linalg.solve(x[:4].reshape((2, 2)), x[4:]),
     lambda a, b, c, d, e, f: [(d * e - b * f) / (a * d - b * c), (a * f - c * e) / (a * d - b * c)],
     [[0, 1, 1, 0, 0, 0], [1, 0, 0, 1, 0, 2]]),
    ("det", lambda x: np.linalg.det(x.reshape((2, 2))), lambda a, b, c, d: a * d - b * c, [[0] * 4, [1, 2, 2, 4], [0, 1, 1, 0]]),
    ("det", lambda x: np.linalg.det(x.reshape((1, 1))), lambda a: a, [[0], [-1]]),
    ("slogdet", lambda x: np.linalg.slogdet(x.reshape((2, 2)))[1], lambda a, b, c, d: m.log(abs(a * d - b * c)), [[0, 1, 1, 0]]),
    ("log_abs_det", lambda x: TABLE["log_abs_det"](x.reshape((1, 1))), lambda a: m.log(abs(a)), [[-1], [1e-300]]),
    ("log_det", lambda x: np.real(TABLE["log_det"](x.reshape((2, 2)) * 1j)), lambda a, b, c, d: m.log(abs(a * d - b * c)),
     [[0, 1, 1, 0]]),
    ("cholesky", lambda x: np.linalg.cholesky(x.reshape((2, 2))),
     lambda a, b, c, d: [m.sqrt(a), 0, c / m.sqrt(a), m.sqrt(d - c * c / a)], [[1, 0, 0, 1], [4, 0, 0, 1e-3]]),
    ("cholesky", lambda x: np.linalg.cholesky(x.reshape((1, 1))), lambda a: m.sqrt(a), [[1], [1e-100]]),
    ("eigvalsh", lambda x: np.linalg.eigvalsh(x.reshape((2, 2))),
     lambda a, b, c, d: [(a + d) / 2 + s * m.sqrt(((a - d) / 2) ** 2 + c * c) for s in (-1, 1)], [[1, 0, 0, 2], [0, 1, 1, 0]]),
    ("eigh", lambda x: np.linalg.eigh(x.reshape((1, 1)))[1] * x, lambda a: a, [[0], [-1]]),
    ("eigh", lambda x: np.linalg.eigh(x.reshape((2, 2)))[1] ** 2,
     lambda a, b, c, d: [(1 + s * (d - a) / m.sqrt((a - d) ** 2 + 4 * c * c)) / 2 for s in (1, -1, -1, 1)],
     [[1, 0, 0, 2], [0, 1, 1, 0]]),
    ("svdvals", lambda x: np.linalg.svd(x.reshape((2, 2)), compute_uv=False),
     lambda *x: [singular_value(*x, s) for s in (1, -1)], [[2, 0, 0, 1], [0, 1, -2, 0]]),
    ("svd", lambda x: np.linalg.svd(x.reshape((1, 1)))[1], lambda a: abs(a), [[-1], [2]]),
    ("svdvals", lambda x: np.linalg.norm(x.reshape((2, 2)), 2), lambda *x: singular_value(*x, 1), [[2, 0, 0, 1], [1, 0, 0, 0]]),
    ("qr", lambda x: np.linalg.qr(x.reshape((2, 1)))[0] ** 2,
     lambda a, b: [a * a / (a * a + b * b), b * b / (a * a + b * b)], [[0, 1], [2, 0]]),
    ("qr", lambda x: np.linalg.qr(x.reshape((2, 1)), mode="r") ** 2, lambda a, b: a * a + b * b, [[0, 1], [2, 0]]),
    ("pinv", lambda x: np.linalg.pinv(x.reshape((2, 1))), lambda a, b: [a / (a * a + b * b), b / (a * a + b * b)],
     [[0, 1], [2, 0]]),
    ("pinv", lambda x: np.linalg.pinv(np.outer(x, [1.0, 0.0])),
     lambda a, b: [a / (a * a + b * b), b / (a * a + b * b), 0, 0], [[0, 1], [2, 0]]),  # of rank 1, as all around it
    ("lstsq", lambda x: np.linalg.lstsq(x[:2].reshape((2, 1)), x[2:], rcond=None)[0],
     lambda a, b, c, d: (a * c + b * d) / (a * a + b * b), [[1, 0, 1, 0], [0, 1, 0, 0], [1, 1, 2, 2]]),
    *[("matrix_power", lambda x, n=n: np.linalg.matrix_power(x.reshape((2, 2)), n), lambda *x, n=n: (m.matrix([x[:2], x[2:]]) ** n),
       [[0, 1, 1, 0]] if n < 0 else [[0] * 4, [0, 1, 1, 0]]) for n in (0, 1, 2, 3, -1)],
]  # fmt: skip
AT += [  # SciPy's
    ("expit", special.expit, lambda a: 1 / (1 + m.exp(-a)), [[0], [700], [-700], [40]]),
    ("logit", special.logit, lambda a: m.log(a / (1 - a)), [[0.5], [1e-10]]),
    ("log_expit", special.log_expit, lambda a: -m.log(1 + m.exp(-a)), [[0], [700], [-700]]),
    ("erf", special.erf, m.erf, [[0], [1], [-5]]),
    ("erfc", special.erfc, m.erfc, [[0], [5]]), ("erfinv", special.erfinv, m.erfinv, [[0]]),
    ("ndtr", special.ndtr, m.ncdf, [[0], [-30]]), ("log_ndtr", special.log_ndtr, lambda a: m.log(m.ncdf(a)), [[0], [-3], [8]]),
    ("ndtri", special.ndtri, lambda a: m.sqrt(2) * m.erfinv(2 * a - 1), [[0.5]]),
    ("gammaln", special.gammaln, lambda a: m.log(abs(m.gamma(a))), [[1], [2], [-0.5]]),
    ("psi", special.psi, m.digamma, [[1], [0.5]]),
    ("loggamma", special.loggamma, m.loggamma, [[1], [2]]), ("gamma", special.gamma, m.gamma, [[1], [2], [-0.5]]),
    ("betaln", special.betaln, lambda a, b: m.log(m.beta(a, b)), [[1, 1], [1, 2]]),
    ("beta", special.beta, m.beta, [[1, 1], [1, 2]]),
    ("zeta", lambda x: special.zeta(2.0, x), lambda a: m.zeta(2, a), [[1], [0.5]]),
    ("gammainc", lambda x: special.gammainc(1.0, x), lambda a: 1 - m.exp(-a), [[0], [1]]),
    ("gammaincc", lambda x: special.gammaincc(2.0, x), lambda a: (1 + a) * m.exp(-a), [[1]]),
    ("xlogy", special.xlogy, lambda a, b: a * m.log(b), [[0, 2], [1, 1]]),
    ("xlog1py", special.xlog1py, lambda a, b: a * m.log(1 + b), [[0, 1], [1, 0]]),
    ("entr", special.entr, lambda a: -a * m.log(a), [[1], [1e-100]]),
    ("rel_entr", special.rel_entr, lambda a, b: a * m.log(a / b), [[1, 1], [1, 2]]),
    ("kl_div", special.kl_div, lambda a, b: a * m.log(a / b) - a + b, [[1, 1], [2, 2]]),
]  # fmt: skip
AT += [  # composed of others
    ("interp", lambda x: np.interp(x, [0.0, 1.0, 3.0], [1.0, 2.0, 0.0]), lambda a, b, c: [1 + a, 3 - b, 3 - c], [[0, 1, 3]]),
    ("interp", lambda x: np.interp(x, [0.0, 1.0, 1.0], [1.0, 2.0, 0.0]), lambda a, b, c: [1, 0, 1 + c], [[-1, 2, 0.5]]),
    ("nanmax", np.nanmax, lambda a, b, c: (a + b) / 2, [[2, 2, nan]]), ("nanmin", np.nanmin, lambda a, b: b, [[nan, -2]]),
    ("nanmean", np.nanmean, lambda a, b, c: (a + c) / 2, [[1, nan, 3]]),
    ("nanvar", np.nanvar, lambda a, b, c: (a - b) ** 2 / 4, [[0.1, 0.1, nan], [1, 2, nan]]),
    ("quantile", lambda x: np.quantile(x, 0.25), lambda a, b, c: (a + b) / 2, [[1, 2, 5], [1, 1, 5]]),
    ("quantile", lambda x: np.quantile(x, 0.5), lambda a, b, c: b, [[1, 2, inf], [-inf, 2, inf]]),
    ("i0", np.i0, lambda a: m.besseli(0, a), [[0], [1e-9], [-3], [100]]),
    ("vander", lambda x: np.vander(x, 3), lambda a: [a * a, a, 1], [[0], [-2]]),
    ("piecewise", lambda x: np.piecewise(x, [x < 0, x > 0], [np.exp, np.log, 2.0]), lambda a, b, c: [m.exp(a), 2, m.log(c)],
     [[-1, 0, 3]]),
    ("copysign", lambda x: np.copysign(x, [-1.0, 1.0]), lambda a, b: [-a, -b], [[3, -2]]),
]  # fmt: skip
REAL = set(  # what is not of complex numbers, or not holomorphic in a way that the function of mpmath says
    """arctan2 clip eigh eigvalsh fabs floor ceil rint trunc round sign floor_divide fmax fmin fmod half_squared_distance heaviside
    hypot linear log_abs_det log_det logaddexp logaddexp2 lstsq max maximum median min minimum nan_to_num pinv ptp qr relu remainder
    sigmoid_cross_entropy softmax_cross_entropy sort svd svdvals cholesky deg2rad rad2deg where logsumexp softmax log_softmax
    expit logit log_expit erf erfc erfinv ndtr log_ndtr ndtri gammaln loggamma gamma betaln beta zeta gammainc gammaincc psi
    xlogy xlog1py entr rel_entr kl_div
    interp nanmax nanmin nanmean nanvar quantile i0 piecewise copysign""".split()
)


def of_vector(function: Any) -> Any:
    """A function of one vector, whose entries are the operands of a ufunc."""
    return (lambda x: function(*x)) if isinstance(function, np.ufunc) and function.nin > 1 else function


def weighted(parts: Any, turn: Any) -> Any:
    """One real number of the results of a function of mpmath."""
    parts = list(parts) if isinstance(parts, (list, tuple, mpmath.matrix)) else [parts]
    return sum(m.re(turn * p) * (k + 2) for k, p in enumerate(parts))


def check_at(function: Any, exact: Any, point: list[float], turn: Any = 1) -> None:
    function = of_vector(function)

    def cost(x: Any) -> Any:
        y = np.ravel(function(x * turn if turn != 1 else x))
        return np.sum((np.real(turn * y) if turn != 1 else y) * np.arange(2.0, 2 + len(y)))

    def plain(*x: Any) -> Any:
        return weighted(exact(*[a * m.mpmathify(turn) for a in x]), m.mpmathify(turn))

    x, n = np.array(point, float), len(point)
    value, first = ag.value_and_grad(cost)(x)
    second = ag.hessian(cost)(x)
    with m.workdps(700 if any(a and not 1e-20 < abs(a) for a in point) else 40):
        numbers = [m.mpf(a if np.isfinite(a) else 7) for a in point]  # what is infinite or NaN is not selected
        orders = np.eye(n, dtype=int)
        expected = float(plain(*numbers)), *(
            np.array([[float(m.diff(plain, tuple(numbers), tuple(int(o) for o in a + b))) for a in orders] for b in rows])
            for rows in ([0 * orders[0]], orders)
        )
    for what, got, right in zip(("value", "gradient", "Hessian"), (value, first[None], second), expected):
        scale = np.abs(right[np.isfinite(right)]).max(initial=0.0) if np.ndim(right) else 0.0
        np.testing.assert_allclose(got, right, rtol=1e-12, atol=1e-14 * max(1.0, min(scale, 1e3)), err_msg=what)


@pytest.mark.parametrize(("name", "function", "exact", "points"), AT, ids=[row[0] for row in AT])
def test_rows_at_their_zeros_ties_and_branches(name: str, function: Any, exact: Any, points: Any) -> None:
    for point in points:
        check_at(function, exact, point)
        if name not in REAL and np.all(np.isfinite(point)):
            check_at(function, exact, point, 0.6 + 0.8j)


@pytest.mark.parametrize("name", PRECISE)
def test_complex_zeros_and_ones_of_the_rows_of_one_operand(name: str) -> None:
    function = getattr(np, name, None) or getattr(ag, name)
    poles = {"log": [0], "log2": [0], "log10": [0], "sqrt": [0], "reciprocal": [0], "arccosh": [0]}
    for point in (0, 1, -1):
        if name in ("cbrt", "sigmoid", "softplus"):
            with pytest.raises(TypeError):
                function(Tensor(1j * point))
        elif point not in poles.get(name, []):
            check_at(function, PRECISE[name][0], [point], 0.6 + 0.8j)


# Where there is no number: infinities as the mathematics has them, NaN where a choice has no derivative
NOWHERE: list[tuple[str, Callable[[Any], Any], list[float], Any, Any]] = [
    ("divide", lambda x: x[0] / x[1], [1, 0], [inf, -inf], [[nan, nan], [-inf, nan]]),
    ("divide", lambda x: x[0] / x[1], [0, 0], [inf, nan], [[nan, nan], [-inf, nan]]),
    ("hypot", np.hypot, [0, 0], [0, 0], nan), ("arctan2", np.arctan2, [0, 0], [0, 0], nan),
    ("abs", np.abs, [0], [0], nan), ("fabs", np.fabs, [-0.0], [0], nan), ("std", np.std, [2, 2], [0, 0], nan),
    ("nanstd", np.nanstd, [0.1, 0.1, nan], [0, 0, 0], [[nan, nan, 0]] * 3),
    ("euclidean_norm", np.linalg.norm, [0, 0], [0, 0], nan), ("power_norm", lambda x: np.linalg.norm(x, 3), [0, 0], [0, 0], nan),
    ("norm", lambda x: np.linalg.norm(x, 1), [0], [0], nan), ("norm", lambda x: np.linalg.norm(x, inf), [0], [0], nan),
    ("power_norm", lambda x: np.linalg.norm(x, 1.5), [0, 1], [0, 1], nan),
    ("power_norm", lambda x: np.linalg.norm(x, 0.5), [0, 1], [0, 1], nan),
    ("remainder", lambda x: x[0] % x[1], [1, 0], [1, -inf], [[0, 0], [0, 0]]),
    ("fmod", np.fmod, [1, 0], [1, nan], nan),
    ("floor_divide", lambda x: x[0] // x[1], [1, 0], [0, 0], [[0, 0], [0, 0]]),
    ("logaddexp", np.logaddexp, [inf, inf], [nan, nan], nan),
    ("logaddexp", np.logaddexp, [-inf, 0], [0, 1], [[0, 0], [0, 0]]),
    ("logsumexp", ag.logsumexp, [-inf, 0], [0, 1], [[0, 0], [0, 0]]), ("logsumexp", ag.logsumexp, [-inf, -inf], [nan, nan], nan),
    ("softmax", lambda x: ag.softmax(x)[0], [-inf, 0], [0, 0], [[0, 0], [0, 0]]),
    ("log_softmax", lambda x: ag.log_softmax(x)[1], [-inf, 0], [0, 0], [[0, 0], [0, 0]]),
    ("maximum", np.maximum, [nan, 1], [1, 1], [[0, 0], [0, 0]]),
    ("slogdet", lambda x: np.linalg.slogdet(x.reshape((1, 1)))[1], [0], [nan], nan),
    ("entr", special.entr, [0], [inf], [[-inf]]), ("logit", special.logit, [1], [inf], nan),
    ("xlogy", special.xlogy, [0, 0], [-inf, 0], nan),
    ("rel_entr", special.rel_entr, [0, 1], [-inf, 0], [[inf, -1], [nan, 0]]),
    ("prod", np.prod, [0, inf], [inf, 0], [[0, 1], [1, 0]]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "function", "point", "first", "second"), NOWHERE, ids=[row[0] for row in NOWHERE])
def test_rows_where_there_is_no_number(name: str, function: Any, point: Any, first: Any, second: Any) -> None:
    x, function = np.array(point, float), of_vector(function)
    np.testing.assert_allclose(ag.grad(function)(x), first, rtol=1e-14)
    np.testing.assert_allclose(ag.hessian(function)(x), np.broadcast_to(second, (len(x),) * 2), rtol=1e-14, atol=1e-300)


# Rows whose derivative is the same at every point: f(v) = f(0) + f'(0) v, with entries of 0 and axes of length 0 and 1
MOVES = set(
    """append array_split astype atleast_1d atleast_2d atleast_3d broadcast_arrays broadcast_to column_stack compress
    concatenate diag diagonal dsplit dstack expand_dims flip fliplr flipud gather hsplit hstack identity
    matrix_transpose moveaxis pad place ravel repeat reshape reshape_in_order resize roll rollaxis rot90 scatter split
    squeeze stack swapaxes tile transpose tril triu vsplit vstack""".split()
)


@pytest.mark.parametrize("name", sorted(MOVES))
def test_what_only_moves_entries_has_the_same_derivative_everywhere(name: str) -> None:
    for case in [case for case in CASES if case.name == name]:
        origin = [np.zeros_like(a) for a in case.arrays]
        for part in range(len(outputs(case.function(*case.arrays)))):
            f = lambda *x, part=part: outputs(case.function(*x))[part]  # noqa: E731
            value, slope = ag.jvp(f, origin, case.arrays)
            np.testing.assert_allclose(value + slope, outputs(case.reference(*case.arrays))[part], atol=1e-14, err_msg=case.label)


def test_every_row_has_its_special_points_here() -> None:
    rows = {key if isinstance(key, str) else f.__name__ for key, f in TABLE.items() if not getattr(f, "own", False)}
    here = {*PRECISE, *MOVES, *(row[0] for row in (*AT, *NOWHERE))}
    names = {name for name in rows - here if TABLE.get(name) not in [TABLE[other] for other in here]}  # another name of one
    composed = {name for name in names if getattr(TABLE.get(name), "operation", None) is None}
    assert names - composed <= {"diagflat", "sliding_window_view"}  # which move entries, as those in MOVES do


@pytest.mark.parametrize("cost", [
    lambda z: ag.softmax_cross_entropy(z, np.eye(3)), lambda z: ag.sigmoid_cross_entropy(z, np.eye(3)),
    lambda z: ag.half_squared_distance(z, np.eye(3)), lambda z: np.sum(np.tanh(z)), lambda z: np.sum(z * np.full((3, 3), 2.0)),
], ids=["softmax", "sigmoid", "distance", "tanh", "multiply"])  # fmt: skip
def test_a_gradient_shares_no_memory_with_what_is_stored(cost: Callable[[Any], Any]) -> None:
    z = Tensor(np.arange(9.0).reshape(3, 3) / 9, requires_grad=True)
    c = cost(z)
    c.backward()
    first = z.grad.copy()
    z.grad[...] = 7.0
    c.backward()
    assert_close(z.grad, 7.0 + first, 1e-15)


def test_correlations_are_at_most_1() -> None:
    for seed, factor in ((2, 3), (0, -3)):  # of which rounding makes ±1.0000000000000002
        x = np.random.default_rng(seed).normal(size=7)
        t = Tensor(np.stack([x, factor * x]), requires_grad=True)
        assert np.abs(np.corrcoef(t).data).max() == 1.0 and np.abs(np.corrcoef(t.data)).max() == 1.0


def test_no_more_than_one_reflection_in_a_point() -> None:
    t = Tensor([1.0, 2.0, 4.0], requires_grad=True)
    expected = np.pad(t.data, 2, mode="reflect", reflect_type="odd")
    np.testing.assert_array_equal(np.pad(t, 2, mode="reflect", reflect_type="odd").data, expected)
    for width, mode in ((3, "reflect"), (4, "symmetric")):
        with pytest.raises(TypeError, match="no more than one reflection"):
            np.pad(t, width, mode=mode, reflect_type="odd")
