"""SciPy's ufuncs on Tensors, without that autograd_lite depends on SciPy; derivatives are in the table's cases."""

from __future__ import annotations

import subprocess
import sys

import mpmath
import numpy as np
import pytest
from scipy import special

import autograd_lite as ag
from autograd_lite.engine.tensor import Tensor


def test_the_engine_does_not_import_scipy() -> None:
    code = "import sys, autograd_lite; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_errors_name_scipys_module() -> None:
    with pytest.raises(TypeError, match="^scipy.special.iv has no rule"):
        special.iv(1.0, Tensor([2.0, 3.0], requires_grad=True))


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
