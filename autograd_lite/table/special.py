"""The table of SciPy's special functions: imported when the first of them arrives, and SciPy with it.

They are ufuncs, so that NumPy hands their calls to Tensors; the engine does not depend on SciPy.
"""

from __future__ import annotations

from math import factorial, pi
from typing import Any

import numpy as np
from scipy import special  # type: ignore[import-untyped]

from autograd_lite.engine.operation import elementwise_operation
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


elementwise_operation("expit", special.expit, lambda x, s: s * sigmoid(-x))
elementwise_operation("logit", special.logit, quiet(lambda p: 1 / (p * (1 - p))))
elementwise_operation("log_expit", special.log_expit, lambda x: sigmoid(-x))
elementwise_operation("erf", special.erf, quiet(bell))
elementwise_operation("erfc", special.erfc, quiet(lambda x: -bell(x)))
elementwise_operation("erfinv", special.erfinv, quiet(lambda x, y: ROOT / 2 * np.exp(y * y)))
elementwise_operation("ndtr", special.ndtr, quiet(normal))
elementwise_operation("ndtri", special.ndtri, quiet(lambda p, x: 1 / normal(x)))
elementwise_operation(
    "log_ndtr", special.log_ndtr, quiet(lambda x, y: np.exp(-x * x / 2 - y) * (2 * pi) ** -0.5)
)
elementwise_operation("gammaln", special.gammaln, quiet(lambda x: special.digamma(x)))
elementwise_operation("psi", special.psi, quiet(lambda x: polygamma(1, x)))
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
_polygamma = elementwise_operation(
    "polygamma", lambda x, n: (-1.0) ** (n + 1) * factorial(n) * special.zeta(n + 1, x),
    quiet(lambda x, p, n: polygamma(n + 1, x)), keywords=True, listed=False,
)  # fmt: skip


def polygamma(n: int, x: Any) -> Any:
    """The derivative of order n of the digamma function."""
    if np.iscomplexobj(x):
        raise TypeError("scipy.special.psi has a rule for real numbers, not for complex ones")
    return _polygamma(x, n=n)
