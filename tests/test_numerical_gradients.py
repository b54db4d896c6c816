"""Numerical gradients against derivatives known in closed form, and the complex step against mpmath at 50 digits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np
import pytest
from operation_cases import CASES, Case
from oracles import Array

import autograd_lite as ag
from autograd_lite import Tensor, check_gradients, numerical_gradient

nan = np.nan


@pytest.mark.parametrize(("dtype", "accuracy"), [(np.float64, 1e-9), (np.float32, 1e-3), (np.float16, 0.1)])
def test_numerical_gradient(dtype: Any, accuracy: float) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3)).astype(dtype)
    slope = numerical_gradient(lambda x: np.sum(np.sin(x) * x), x)
    assert (slope.shape, slope.dtype) == (x.shape, dtype)
    np.testing.assert_allclose(slope, np.cos(x) * x + np.sin(x), atol=accuracy)


def test_numerical_gradient_of_long_doubles() -> None:
    x = np.array([0.5, 2.0], np.longdouble)
    slope = numerical_gradient(lambda x: np.sum(np.exp(x)), x)
    assert slope.dtype == np.longdouble
    np.testing.assert_allclose(slope, np.exp(x), rtol=1e-10)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e3, 1e6])
def test_the_step_follows_the_argument(scale: float) -> None:
    x = np.array([1.0, -2.0]) * scale
    np.testing.assert_allclose(numerical_gradient(lambda x: np.sum(x**2), x), 2 * x, rtol=1e-8, atol=1e-9)


def test_the_step_follows_the_coarser_dtype() -> None:
    """A float32 result of a float64 argument has steps of 1e-7, which a step for float64 would drown in."""
    x = np.array([0.5, 1.0])
    slope = numerical_gradient(lambda x: np.sum(np.sin(x).astype(np.float32)), x)
    np.testing.assert_allclose(slope, np.cos(x), atol=1e-3)


def test_the_step_is_the_one_that_was_made() -> None:
    """x + h is rounded to a float32, and the difference divided by what is left of h: exact for a straight line."""
    x = np.float32(1000.1)
    assert numerical_gradient(lambda x: x, x) == 1


def test_numerical_jacobians() -> None:
    a, x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), np.array([1.0, -1.0, 0.5])
    by_a, by_x = numerical_gradient(lambda a, x: a @ x, a, x)
    np.testing.assert_allclose(by_x, a, atol=1e-9)
    np.testing.assert_allclose(by_a, np.einsum("ik,j->ikj", np.eye(2), x), atol=1e-9)
    assert numerical_gradient(lambda x: x[None] * 2, 3.0).shape == (1,)
    assert numerical_gradient(lambda x: x * 2, np.zeros((0, 2))).shape == (0, 2, 0, 2)
    assert numerical_gradient(lambda x: 5, np.ones(2)).tolist() == [0, 0]
    assert type(numerical_gradient(lambda x: x, 1.0)) is np.ndarray


def test_f_gets_plain_arrays_that_it_may_write_to() -> None:
    w = Tensor([1.0, 2.0], requires_grad=True, name="w")
    x = np.array([3.0, 4.0])

    def f(x: Any, w: Any) -> Any:
        assert type(x) is type(w) is np.ndarray
        x *= w
        w[:] = 0
        return np.dot(x, x)

    for method in ("complex", "central"):
        by_x, by_w = numerical_gradient(f, x, w, method=method)
        np.testing.assert_allclose(by_x, [6, 32], rtol=1e-10)
        np.testing.assert_allclose(by_w, [18, 64], rtol=1e-10)
    assert (x.tolist(), w.data.tolist(), w.grad, w.requires_grad) == ([3, 4], [1, 2], None, True)


def test_f_gets_constant_tensors_if_it_calls_their_methods() -> None:
    outside = Tensor(0.5, requires_grad=True)

    def f(x: Any, w: Any) -> Any:
        result = (x * w * outside).exp().sum()
        assert result.is_leaf
        return result

    by_x, _ = numerical_gradient(f, np.array([3.0]), np.array([1.0]))
    np.testing.assert_allclose(by_x, 0.5 * np.exp(1.5), rtol=1e-10)


@pytest.mark.parametrize("x", [1e-12, 1e-3, 40.0])
@pytest.mark.parametrize(("f", "slope"), [
    (np.log, lambda x: 1 / x), (np.reciprocal, lambda x: -1 / x**2), (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
    (np.cbrt, lambda x: np.cbrt(x) / (3 * x)), (lambda x: x**2, lambda x: 2 * x), (np.sin, np.cos),
])  # fmt: skip
def test_steps_find_the_scale_of_the_function(f: Any, slope: Any, x: float) -> None:
    """Next to the end of its domain, or to a pole, and wherever the smallest entry is."""
    found = numerical_gradient(f, x, method="central", full_output=True)
    assert abs(found.gradient - slope(x)) <= found.error + 1e-15 <= 1e-8 * abs(slope(x)) + 1e-10


def test_methods() -> None:
    rough = numerical_gradient(lambda x: np.sum(np.abs(x) * x), np.array([1.0, -2.0]), full_output=True)
    assert rough.method == "central" and 0 < rough.error < 1e-9
    np.testing.assert_allclose(rough.gradient, [2, 4], rtol=0, atol=rough.error)
    with pytest.raises(TypeError, match="f does not take complex numbers .* write method='central'"):
        numerical_gradient(lambda x: np.cbrt(x), 1.0, method="complex")
    with pytest.raises(ValueError, match="method is one of 'auto', 'complex', 'central', not 'forward'"):
        numerical_gradient(np.sin, 1.0, method="forward")


def test_the_gradient_of_a_nest_is_a_nest() -> None:
    p = {"layer 1": (np.array([1.0, 2.0]), 3.0), "scale": Tensor(2.0)}

    def f(p: Any, x: Any) -> Any:
        w, b = p["layer 1"]
        return np.sum((w * x + b) ** 2) * p["scale"]

    for method in ("complex", "central"):
        by_p, by_x = numerical_gradient(f, p, np.array([0.5, -1.0]), method=method)
        assert list(by_p) == ["layer 1", "scale"] and isinstance(by_p["layer 1"], tuple)
        np.testing.assert_allclose(by_p["layer 1"][0], [7, -4], rtol=1e-9)
        np.testing.assert_allclose(by_p["layer 1"][1], 18, rtol=1e-9)
        np.testing.assert_allclose(by_p["scale"], 13.25, rtol=1e-9)
        np.testing.assert_allclose(by_x, [14, 8], rtol=1e-9)
    with pytest.raises(TypeError, match=r'argument 0\["b"\]\[1\] cannot be differentiated: it is of dtype int64'):
        numerical_gradient(f, {"b": [np.ones(2), 1]})


@pytest.mark.parametrize(
    ("f", "args", "error", "words"),
    [
        (None, (1.0,), TypeError, "f is the function to differentiate, not NoneType"),
        (lambda x: x, (1,), TypeError, r"argument 0 .* dtype int64.*1\.0 instead of 1"),
        (lambda x, y: x, (1.0, 1j), TypeError, "argument 1 .* dtype complex128"),
        (
            lambda x: x,
            (np.array([1.0, nan]),),
            ValueError,
            r"argument 0 of shape \(2,\) has entries that are not finite",
        ),
        (lambda x: x, (np.ma.array([1.0, 2.0], mask=[0, 1]),), TypeError, "a Tensor has no mask"),
        (lambda: 1.0, (), TypeError, "no argument"),
        (lambda x: [x], (1.0,), TypeError, "f returned list; return one number"),
        (lambda x: None, (1.0,), TypeError, "f returned NoneType"),
        (lambda x: x * 1j, (1.0,), TypeError, "f returned dtype complex128"),
    ],
)
def test_numerical_gradient_refuses(f: Any, args: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        numerical_gradient(f, *args)
    with pytest.raises(error, match=words):
        check_gradients(f, *args)


# The complex step at 50 digits ------------------------------------------------------------------------------------

mp = mpmath.MPContext()
mp.dps = 80
METHODS: dict[str, Callable[..., Any]] = {  # what NumPy calls, by these names, for an array of objects
    **{name: getattr(mp, name) for name in "exp expm1 log log10 log1p sqrt cbrt sin cos tan sinh cosh tanh hypot".split()},
    "arcsin": mp.asin, "arccos": mp.acos, "arctan": mp.atan, "arcsinh": mp.asinh, "arccosh": mp.acosh, "arctanh": mp.atanh,
    "exp2": lambda x: mp.mpf(2) ** x, "log2": lambda x: mp.log(x) / mp.log(2), "fabs": abs, "arctan2": mp.atan2,
    "deg2rad": lambda x: x * mp.pi / 180, "rad2deg": lambda x: x * 180 / mp.pi,
}  # fmt: skip
for name, method in METHODS.items():
    setattr(mp.mpf, name, lambda *x, method=method: method(*x))


def entrywise(f: Callable[..., Any]) -> Callable[..., Any]:
    return np.vectorize(f, otypes=[object])


def of_matrices(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of mpmath's matrices on arrays of objects, stacked or not."""

    def on_arrays(*xs: Any, **_: Any) -> Any:
        if xs[0].ndim > 2:
            return np.stack([on_arrays(*x) for x in zip(*xs)])
        result = f(*(mp.matrix(x.tolist()) for x in xs))
        return np.array(result.tolist()).reshape(xs[-1].shape) if isinstance(result, mp.matrix) else result

    return on_arrays


def sigmoid(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


ORDERS = np.array([1.5, 3.0, 2.0])  # the constant first arguments of the cases
BY_MPMATH: dict[str, Callable[..., Any]] = {  # what NumPy and SciPy compute for no objects
    "astype": lambda x: x,
    "sinc": entrywise(lambda x: mp.sin(mp.pi * x) / (mp.pi * x)), "float_power": entrywise(mp.power),
    "logaddexp": entrywise(lambda x, y: mp.log(mp.exp(x) + mp.exp(y))),
    "logaddexp2": entrywise(lambda x, y: mp.log(mp.mpf(2) ** x + mp.mpf(2) ** y) / mp.log(2)),
    "det": of_matrices(mp.det), "inv": of_matrices(mp.inverse), "solve": of_matrices(mp.lu_solve),
    "slogdet": of_matrices(lambda x: mp.log(abs(mp.det(x)))), "log_abs_det": of_matrices(lambda x: mp.log(abs(mp.det(x)))),
    "matrix_power": of_matrices(lambda x: mp.inverse(x) ** 2), "expit": entrywise(sigmoid),
    "log_expit": entrywise(lambda x: mp.log(sigmoid(x))), "logit": entrywise(lambda x: mp.log(x / (1 - x))),
    "erf": entrywise(mp.erf), "erfc": entrywise(mp.erfc), "psi": entrywise(mp.digamma), "gammaln": entrywise(mp.loggamma),
    "erfinv": entrywise(mp.erfinv), "ndtr": entrywise(mp.ncdf), "log_ndtr": entrywise(lambda x: mp.log(mp.ncdf(x))),
    "ndtri": entrywise(lambda p: mp.sqrt(2) * mp.erfinv(2 * p - 1)),
    "entr": entrywise(lambda x: -x * mp.log(x)), "xlogy": entrywise(lambda x, y: x * mp.log(y)),
    "xlog1py": entrywise(lambda x, y: x * mp.log1p(y)), "rel_entr": entrywise(lambda x, y: x * mp.log(x / y)),
    "kl_div": entrywise(lambda x, y: x * mp.log(x / y) - x + y),
    "gamma": entrywise(mp.gamma), "loggamma": entrywise(mp.loggamma), "beta": entrywise(mp.beta),
    "betaln": entrywise(lambda x, y: mp.log(mp.beta(x, y))), "zeta": lambda q: entrywise(mp.zeta)(ORDERS, q),
    "gammainc": lambda x: entrywise(lambda a, x: mp.gammainc(a, 0, x, regularized=True))(ORDERS, x),
    "gammaincc": lambda x: entrywise(lambda a, x: mp.gammainc(a, x, regularized=True))(ORDERS, x),
}  # fmt: skip


def at_50_digits(f: Callable[..., Any], arrays: Sequence[Array]) -> list[Array]:
    """The gradients of the number f, evaluated on mpmath's numbers: differences whose error is beyond the fiftieth digit."""
    at, h = [np.vectorize(mp.mpf, otypes=[object])(x) for x in arrays], mp.mpf(10) ** -26

    def moved(i: int, k: Any, step: Any) -> list[Array]:
        result = [x.copy() for x in at]
        result[i][k] += step
        return result

    return [
        np.array([float((f(*moved(i, k, h)) - f(*moved(i, k, -h))) / (2 * h)) for k in np.ndindex(x.shape)]).reshape(x.shape)
        for i, x in enumerate(arrays)
    ]


FLAT = set("floor ceil rint trunc sign round floor_divide heaviside fmod nan_to_num".split())
BY_LAPACK = set("cholesky eigh eigvalsh svd svdvals qr lstsq pinv".split())
"""The factorisations of complex matrices conjugate, so that complex steps do not apply."""
COMPOSED = set("""
    vecdot vecmat correlate cov corrcoef nanvar nanstd linalg.vector_norm linalg.matrix_norm linalg.cond interp gradient quantile
    percentile i0 full divmod copysign unwrap
""".split())  # fmt: skip
"""Compositions of rows that are here, which conjugate, look at values, or take no numbers of mpmath."""
NO_COMPLEX = set("""
    cbrt deg2rad rad2deg conj real astype abs fabs arctan2 hypot logaddexp logaddexp2 remainder var std norm power_norm
    euclidean_norm vdot slogdet log_abs_det expit logit log_expit erfinv ndtri gammaln beta betaln zeta gammainc gammaincc
    entr rel_entr kl_div
""".split())  # fmt: skip
"""No functions of complex numbers, or NumPy has them for real ones alone: central differences are taken."""
FIRST: dict[str, Case] = {}
for case in CASES:
    if case.name not in FLAT | BY_LAPACK | COMPOSED | {"imag"} and "complex" not in case.label and " i" not in case.label:
        if all(x.size and np.all(np.isfinite(x)) for x in case.arrays) and 3 <= max(x.size for x in case.arrays) < 30:
            FIRST.setdefault(case.name, case)


@pytest.mark.parametrize("name", FIRST)
def test_every_operation_at_50_digits(name: str) -> None:
    case = FIRST[name]
    results = case.reference(*case.arrays)
    several = isinstance(results, (list, tuple))
    weights = [np.random.default_rng(i).uniform(0.5, 1.5, np.shape(r)) for i, r in enumerate(results if several else [results])]

    def cost(f: Any, *arrays: Any) -> Any:
        found = f(*arrays)
        return sum(np.sum(w * r) for w, r in zip(weights, found if several else [found]))

    found = numerical_gradient(lambda *x: cost(case.reference, *x), *case.arrays, full_output=True)
    expected = at_50_digits(lambda *x: cost(BY_MPMATH.get(name, case.reference), *x), case.arrays)
    slopes = found.gradient if len(case.arrays) > 1 else [found.gradient]
    size = max(float(np.max(np.abs(e))) for e in expected)
    off = max(np.max(np.abs(s - e)) for s, e in zip(slopes, expected))
    assert found.method == ("central" if name in NO_COMPLEX else "complex")
    assert off <= found.error + 1e-16 < (1e-9 if name in NO_COMPLEX else 1e-14) * max(size, 1)


def test_no_operation_is_left_out() -> None:
    of_complex_numbers_alone = {"imag", "log_det", "angle", "real_if_close"}
    of_few_entries = {"array", "modf", "ldexp"}  # composed of rows that are here, or piecewise linear
    assert {case.name for case in CASES} == (
        FIRST.keys() | FLAT | BY_LAPACK | COMPOSED | of_complex_numbers_alone | of_few_entries
    )


W = np.array([0.7, -1.3, 2.2, 0.4])
COARSE: dict[str, tuple[Any, Array]] = {
    "cast of the argument": (lambda a: float(np.sum(np.sin(a.astype(np.float32)))), np.cos(W)),
    "cast of the result": (lambda a: float(np.float32(np.sum(a**2))), 2 * W),
}


@pytest.mark.parametrize(("f", "right"), COARSE.values(), ids=COARSE)
def test_what_computes_more_coarsely_than_its_arguments_is_seen(f: Any, right: Array) -> None:
    found = numerical_gradient(f, W, full_output=True)
    assert found.method == "central"
    assert np.max(np.abs(found.gradient - right)) < found.error < 0.5
    assert ag.check_my_gradient(f, lambda a: right, W)
    assert not ag.check_my_gradient(f, lambda a: 0 * a, W)
    assert not ag.check_my_gradient(f, lambda a: right * [1, 1, 1, 4], W)


def test_steps_of_a_function_of_whole_numbers_are_no_rounding() -> None:
    found = numerical_gradient(lambda a: float(np.sum(np.floor(a))), W, full_output=True)
    assert np.all(found.gradient == 0)


def test_a_function_that_draws_random_numbers_is_refused() -> None:
    rng = np.random.default_rng(0)
    wrong = ag.elementwise("wrong sine", lambda x: np.sin(x), lambda x: -np.cos(x))
    for f in (lambda w: np.sum(w**2) + rng.normal(), lambda w: np.sum(wrong(w) * rng.uniform(0.5, 2, 4))):
        for call in (
            lambda f=f: numerical_gradient(f, W),
            lambda f=f: ag.check_gradients(f, W),
            lambda f=f: ag.check_my_gradient(f, lambda w: 2 * w, W),
        ):
            with pytest.raises(ValueError, match="gave two different results for the same arguments"):
                call()
    numerical_gradient(lambda w: np.sum(w * np.random.default_rng(0).normal(size=4)), W)
