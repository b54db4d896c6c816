"""The table of SciPy's special functions: imported when the first of them arrives, and SciPy with it.

They are ufuncs, so that NumPy hands their calls to Tensors; the engine does not depend on SciPy.
"""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np
from scipy import special  # type: ignore[import-untyped]
from scipy.special._ufuncs import _zeta  # type: ignore[import-untyped]

from autograd_lite.engine.operation import elementwise_operation
from autograd_lite.engine.tensor import TABLE
from autograd_lite.table.elementwise import as_precise_as, quiet, sigmoid, undefined

ROOT = pi**0.5


def bell(x: Any) -> Any:
    """2 e^(−x²) / √π, the derivative of erf."""
    return 2 / ROOT * np.exp(-x * x)


def normal(x: Any) -> Any:
    return np.exp(-x * x / 2) * (2 * pi) ** -0.5


def quotient(x: Any, y: Any) -> Any:
    """x / y, and by convention 0 for 0/0, where it has no derivative."""
    none = np.equal(x, 0) & np.equal(y, 0)
    return np.where(none, undefined(none, x + y), x / np.where(none, np.ones((), np.result_type(y)), y))


TABLE.update({getattr(special, name): TABLE[name] for name in ("cbrt", "exp2", "expm1", "log1p")})
elementwise_operation("expit", special.expit, lambda x, s: s * sigmoid(-x))
elementwise_operation("logit", special.logit, quiet(lambda p: 1 / (p * (1 - p))))
elementwise_operation("log_expit", special.log_expit, lambda x: sigmoid(-x))
elementwise_operation("erf", special.erf, quiet(bell))
elementwise_operation("erfc", special.erfc, quiet(lambda x: -bell(x)))
elementwise_operation("erfinv", special.erfinv, quiet(lambda x, y: ROOT / 2 * np.exp(y * y)))
elementwise_operation("ndtr", special.ndtr, quiet(normal))
elementwise_operation("ndtri", special.ndtri, quiet(lambda p, x: 1 / normal(x)))
elementwise_operation("log_ndtr", special.log_ndtr, lambda x: hazard(x))


def hazard_excess(x: Any, h: Any) -> Any:
    """h + x for the slope h of log_ndtr, which is nearly −x far to the left: there by its asymptotic series."""
    far = np.less(x, -30.0 if np.finfo(h.dtype).eps < 1e-10 else -10.0)
    z = np.where(far, -x, np.full((), 30.0, h.dtype))
    series: Any = 0.0
    for coefficient in (110410.0, -8162.0, 706.0, -74.0, 10.0, -2.0, 1.0):
        series = series / (z * z) + coefficient
    return np.where(far, series / z, h + x)


hazard: Any = elementwise_operation(  # e^(−x²/2) / √2π / ndtr(x), whose factors underflow
    "hazard", lambda x: (2 / pi) ** 0.5 / special.erfcx(x * -(0.5**0.5)), quiet(lambda x, h: -h * hazard_excess(x, h)), listed=False
)
for gammaln in (special.gammaln, special.loggamma):
    elementwise_operation(gammaln.__name__, gammaln, quiet(lambda x: digamma(x)))
elementwise_operation("gamma", special.gamma, quiet(lambda x, g: g * digamma(x)))
elementwise_operation("psi", special.psi, quiet(lambda x: zeta(2.0, real(x))))
elementwise_operation(
    "betaln", special.betaln, quiet(lambda a, b, r: digamma(as_precise_as(r, a)) - digamma(a + b)),
    quiet(lambda a, b, r: digamma(as_precise_as(r, b)) - digamma(a + b)),
    labels=("psi({0}) − psi({0} + {1})", "psi({1}) − psi({0} + {1})"),
)  # fmt: skip
elementwise_operation(
    "beta", special.beta, quiet(lambda a, b, r: r * (digamma(as_precise_as(r, a)) - digamma(a + b))),
    quiet(lambda a, b, r: r * (digamma(as_precise_as(r, b)) - digamma(a + b))),
    labels=("{out} ⊙ (psi({0}) − psi({0} + {1}))", "{out} ⊙ (psi({1}) − psi({0} + {1}))"),
)  # fmt: skip


def real(x: Any) -> Any:
    if np.iscomplexobj(x):
        raise TypeError("scipy.special.psi, gamma and loggamma have rules for real numbers, not for complex ones")
    return x


def digamma(x: Any) -> Any:
    return special.digamma(real(x))


def refusal(name: str, argument: str) -> Any:
    """The rule of an argument that no derivative is taken of."""

    def rule(*_: Any) -> Any:
        raise TypeError(f"no derivative of scipy.special.{name} is taken with respect to {argument}; pass t.data for it")

    return rule


zeta: Any = elementwise_operation(
    "zeta", _zeta, refusal("zeta", "its exponent"), quiet(lambda s, q: -s * zeta(s + 1, q)),
    labels=("0", "−{0} ⊙ zeta({0} + 1, {1})"),
)  # fmt: skip


def gamma_density(a: Any, x: Any, r: Any) -> Any:
    """x^(a − 1) e^(−x) / Γ(a), the derivative of gammainc."""
    return np.exp(special.xlogy(a - 1, x) - x - special.gammaln(as_precise_as(r, a)))


elementwise_operation(
    "gammainc", special.gammainc, refusal("gammainc", "its first argument"), quiet(gamma_density),
    labels=("0", "exp(({0} − 1) ⊙ log({1}) − {1} − gammaln({0}))"),
)  # fmt: skip
elementwise_operation(
    "gammaincc", special.gammaincc, refusal("gammaincc", "its first argument"), quiet(lambda a, x, r: -gamma_density(a, x, r)),
    labels=("0", "−exp(({0} − 1) ⊙ log({1}) − {1} − gammaln({0}))"),
)  # fmt: skip
elementwise_operation(
    "xlogy", special.xlogy, quiet(lambda x, y, r: np.log(as_precise_as(r, y))), quiet(quotient),
    labels=("log({1})", "{0}/{1}"),
)  # fmt: skip
elementwise_operation(
    "xlog1py", special.xlog1py, quiet(lambda x, y, r: np.log1p(as_precise_as(r, y))), quiet(lambda x, y: quotient(x, 1 + y)),
    labels=("log(1 + {1})", "{0}/(1 + {1})"),
)  # fmt: skip
elementwise_operation("entr", special.entr, quiet(lambda x: -np.log(x) - 1))
elementwise_operation(
    "rel_entr", special.rel_entr, quiet(lambda x, y, r: np.log(x) - np.log(as_precise_as(r, y)) + 1), quiet(lambda x, y: -x / y),
    labels=("log({0}/{1}) + 1", "−{0}/{1}"),
)  # fmt: skip
elementwise_operation(
    "kl_div", special.kl_div, quiet(lambda x, y, r: np.log(x) - np.log(as_precise_as(r, y))), quiet(lambda x, y: 1 - x / y),
    labels=("log({0}/{1})", "1 − {0}/{1}"),
)  # fmt: skip
