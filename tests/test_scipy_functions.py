"""SciPy's ufuncs on Tensors, without that autograd_lite depends on SciPy; derivatives are in the table's cases."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import fft, integrate, linalg, optimize, special, stats

import autograd_lite as ag
from autograd_lite.engine.tensor import Tensor


def test_the_engine_does_not_import_scipy() -> None:
    code = "import sys, autograd_lite; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


INSTEAD: list[tuple[str, Callable[[Tensor], object], str]] = [
    ("scipy.special.iv has no rule", lambda t: special.iv(1.0, t), "Add a rule with autograd_lite.elementwise"),
    ("scipy.special.logsumexp computes with", special.logsumexp, "use ag.logsumexp(t, axis)"),
    ("scipy.special.softmax computes with", special.softmax, "use ag.softmax(t, axis)"),
    ("scipy.special.log_softmax computes with", special.log_softmax, "use ag.log_softmax(t, axis)"),
    ("scipy.special.polygamma computes with", lambda t: special.polygamma(1, t), "scipy.special.zeta(n + 1, t)"),
    ("scipy.stats.logpdf computes with", lambda t: stats.norm.logpdf(1.0, t), "docs/statistics.md"),
    ("scipy.integrate.odeint computes with", lambda t: integrate.odeint(lambda y, s: -y, t, [0, 1]), "examples/neural_ode.py"),
    ("scipy.integrate.solve_ivp computes with",
     lambda t: integrate.solve_ivp(lambda s, y: -y, (0, 1), t), "examples/neural_ode.py"),
    ("scipy.optimize.minimize computes with", lambda t: optimize.minimize(np.sum, t), "ag.value_and_grad(f), x, jac=True"),
    ("scipy.linalg.expm computes with", lambda t: linalg.expm(np.outer(t, t)), "np.linalg"),
    ("scipy.fft.fft computes with", fft.fft, "np.fft.fft(np.eye(n), axis=0) @ t"),
    ("np.fft.fft has no rule", np.fft.fft, "np.fft.fft(np.eye(n), axis=0) @ t"),
    ("np.linalg.eigvals has no rule", lambda t: np.linalg.eigvals(np.outer(t, t)), "np.linalg.eigh"),
    ("np.unique has no rule", np.unique, "t[indices]"),
    ("no derivative of scipy.special.zeta", lambda t: special.zeta(t, 2.0), "with respect to its exponent"),
    ("scipy.special.psi, gamma and", lambda t: ag.grad(lambda x: ag.grad(special.psi)(x + 1j).real)(t[0]), "complex"),
]


@pytest.mark.parametrize(("start", "call", "instead"), INSTEAD, ids=[start.split(" ")[0] for start, *_ in INSTEAD])
def test_errors_name_the_function_with_its_module_and_say_what_to_do(
    start: str, call: Callable[[Tensor], object], instead: str
) -> None:
    with pytest.raises(TypeError) as error:
        call(Tensor([2.0, 3.0], requires_grad=True))
    assert str(error.value).startswith(start) and instead in str(error.value), error.value


def test_what_stands_instead_gives_the_same() -> None:
    t = Tensor([2.0, 3.0], requires_grad=True)
    n, d = 2, 2
    transform = np.fft.fft(np.eye(2)) @ t
    polygamma = (-1) ** (n + 1) * math.factorial(n) * special.zeta(n + 1, t)
    multigammaln = np.sum(special.gammaln(t[0] - np.arange(d) / 2)) + d * (d - 1) / 4 * np.log(np.pi)
    for mine, right in (
        (transform, np.fft.fft(t.data)), (polygamma, special.polygamma(n, t.data)),
        (multigammaln, special.multigammaln(2.0, d)),
        (np.equal.outer([0, 1], [1, 1]) @ t, np.bincount([1, 1], t.data)),
    ):  # fmt: skip
        np.testing.assert_allclose(mine.data, right, 1e-12)


@pytest.mark.parametrize("point", [-30.0, -5.0, -0.5, 0.0, 1e-9, 2.0, 6.0])
def test_tails_at_50_digits(point: float) -> None:
    with mpmath.workdps(50):
        x = mpmath.mpf(point)
        normal = mpmath.npdf(x)
        expected = {"erf": 2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-x * x), "log_ndtr": normal / mpmath.ncdf(x)}
    for name, right in expected.items():
        assert ag.grad(getattr(special, name))(point) == pytest.approx(float(right), rel=1e-12, abs=1e-300)


def test_xlogy_at_0_has_the_derivatives_that_it_has() -> None:
    assert ag.grad(special.xlogy, 1)(0.0, 2.0) == 0
    assert ag.grad(ag.grad(special.xlogy, 1), 0)(0.0, 2.0) == 0.5
    assert ag.grad(special.xlogy, 1)(0.0, 0.0) == 0
    assert ag.grad(ag.grad(special.xlog1py, 1), 0)(0.0, 1.0) == 0.5


def test_gammaln_has_derivatives_of_every_order() -> None:
    f = special.gammaln
    for order in range(1, 5):
        f = ag.grad(f)
        with mpmath.workdps(50):
            assert f(2.5) == pytest.approx(float(mpmath.polygamma(order - 1, mpmath.mpf(2.5))), rel=1e-13)
    assert np.isfinite(ag.hessian(lambda x: np.sum(special.gammaln(x)))(np.array([0.5, 3.0]))).all()


@pytest.mark.parametrize("name", ["cbrt", "exp2", "expm1", "log1p"])
def test_functions_that_numpy_has_too(name: str) -> None:
    f = getattr(special, name)
    x = Tensor([0.3, 1.2], requires_grad=True)
    np.testing.assert_allclose(f(x).data, f(x.data), 1e-15)
    with mpmath.workdps(50):
        right = [float(mpmath.diff(getattr(mpmath, name, lambda v: mpmath.mpf(2) ** v), mpmath.mpf(v))) for v in x.data]
    np.testing.assert_allclose(ag.grad(lambda v: np.sum(f(v)))(x.data), right, 1e-14)


@pytest.mark.parametrize("dtype, rtol", [(np.float64, 2e-13), (np.float32, 2e-5)])
def test_the_slope_of_log_ndtr_far_to_the_left(dtype: Any, rtol: float) -> None:
    for x in (-1e6, -1e4, -700.0, -80.0, -31.0, -29.0, -28.3, -27.1, -24.7, -22.9, -11.0, -9.0, -2.0, 0.0, 3.0):
        z = mpmath.mpf(float(dtype(x)))
        with mpmath.workdps(60):
            h = mpmath.npdf(z) / mpmath.ncdf(z)
            first, second = h, -h * (h + z)
        slope = ag.grad(special.log_ndtr)
        np.testing.assert_allclose(float(slope(dtype(x))), float(first), rtol=8 * np.finfo(dtype).eps)
        np.testing.assert_allclose(float(ag.grad(slope)(dtype(x))), float(second), rtol=rtol)


@pytest.mark.parametrize(
    ("f", "argument"),
    [(special.zeta, "its exponent"), (special.gammainc, "its first argument"), (special.gammaincc, "its first argument")],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_an_argument_without_a_derivative_is_named(f: Any, argument: str) -> None:
    with pytest.raises(TypeError, match=rf"no derivative of scipy.special.{f.__name__} is taken with respect to {argument}"):
        f(Tensor([2.5], requires_grad=True), 1.5)
