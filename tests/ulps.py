"""How exact the rows are, in units in the last place, over the whole range of float32 and float64: the table of docs/ulps.md.

``python -m tests.ulps`` measures with many points and writes the table; `test_ulps` measures with a few and holds the rows
to it. The truth is computed by mpmath with 50 digits; arguments are exact. An error is counted in units of the last place
of the truth in its dtype; where the truth is below the smallest normal number, in units of that number. A derivative does
not count where NumPy overflows or underflows on the way to the value: where that is more than a thousand units off.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import mpmath as m
import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

PAGE = Path(__file__).parents[1] / "docs" / "ulps.md"
DTYPES = (np.float32, np.float64)
Array = np.ndarray[Any, Any]
Exact = Callable[..., Any]


class Row(NamedTuple):
    """A function of one number, or of two, with its derivatives, in NumPy and in mpmath."""

    function: Callable[..., Any]
    value: Exact
    slopes: tuple[Exact, ...]
    low: float = -np.inf  # where it is defined
    high: float = np.inf
    near: tuple[float, ...] = ()  # where it is difficult


def sigma(x: Any) -> Any:
    return 1 / (1 + m.exp(-x)) if x > 0 else m.exp(x) / (1 + m.exp(x))


def cbrt(x: Any) -> Any:
    return m.sign(x) * m.cbrt(abs(x))


def sinc_slope(x: Any) -> Any:
    if abs(x) < 1e-20:
        return -(m.pi**2) * x / 3
    with m.workdps(100):
        return (m.cospi(x) - m.sincpi(x)) / x


def log_sum(*xs: Any) -> Any:
    top = max(xs)
    return top + m.log(sum(m.exp(x - top) for x in xs))


def logaddexp(x: Any, y: Any) -> Any:
    return max(x, y) + m.log1p(m.exp(-abs(x - y)))


def power(x: Any, y: Any) -> Any:
    return m.power(x, y)


def ln(n: int) -> Any:
    return m.log(n)


ONE: dict[str, Row] = {
    "negative": Row(np.negative, lambda x: -x, (lambda x: -1,)),
    "reciprocal": Row(np.reciprocal, lambda x: 1 / x, (lambda x: -1 / x**2,)),
    "square": Row(np.square, lambda x: x * x, (lambda x: 2 * x,)),
    "sqrt": Row(np.sqrt, m.sqrt, (lambda x: 1 / (2 * m.sqrt(x)),), 0),
    "cbrt": Row(np.cbrt, cbrt, (lambda x: 1 / (3 * m.cbrt(abs(x)) ** 2),)),
    "abs": Row(np.abs, abs, (m.sign,)),
    "exp": Row(np.exp, m.exp, (m.exp,), near=(-745, -709, 709, -104, -88, 88)),
    "exp2": Row(np.exp2, lambda x: m.mpf(2) ** x, (lambda x: m.mpf(2) ** x * ln(2),), near=(-1074, 1023, -149, 127)),
    "expm1": Row(np.expm1, m.expm1, (m.exp,), near=(-37, -17, 709, 88)),
    "log": Row(np.log, m.log, (lambda x: 1 / x,), 0, near=(1,)),
    "log2": Row(np.log2, lambda x: m.log(x) / ln(2), (lambda x: 1 / (x * ln(2)),), 0, near=(1,)),
    "log10": Row(np.log10, m.log10, (lambda x: 1 / (x * ln(10)),), 0, near=(1,)),
    "log1p": Row(np.log1p, m.log1p, (lambda x: 1 / (1 + x),), -1, near=(-1,)),
    "sin": Row(np.sin, m.sin, (m.cos,), near=(1.5707963267948966, 3.141592653589793)),
    "cos": Row(np.cos, m.cos, (lambda x: -m.sin(x),), near=(1.5707963267948966, 3.141592653589793)),
    "tan": Row(np.tan, m.tan, (lambda x: m.sec(x) ** 2,), near=(1.5707963267948966, 3.141592653589793)),
    "arcsin": Row(np.arcsin, m.asin, (lambda x: 1 / m.sqrt((1 - x) * (1 + x)),), -1, 1, (-1, 1)),
    "arccos": Row(np.arccos, m.acos, (lambda x: -1 / m.sqrt((1 - x) * (1 + x)),), -1, 1, (-1, 1)),
    "arctan": Row(np.arctan, m.atan, (lambda x: 1 / (1 + x * x),)),
    "sinh": Row(np.sinh, m.sinh, (m.cosh,), near=(710, 89)),
    "cosh": Row(np.cosh, m.cosh, (m.sinh,), near=(710, 89)),
    "tanh": Row(np.tanh, m.tanh, (lambda x: m.sech(x) ** 2,), near=(-20, 20, 9, 354, 372, 44)),
    "arcsinh": Row(np.arcsinh, m.asinh, (lambda x: 1 / m.sqrt(1 + x * x),)),
    "arccosh": Row(np.arccosh, m.acosh, (lambda x: 1 / m.sqrt((x - 1) * (x + 1)),), 1, near=(1,)),
    "arctanh": Row(np.arctanh, m.atanh, (lambda x: 1 / ((1 - x) * (1 + x)),), -1, 1, (-1, 1)),
    "sinc": Row(np.sinc, lambda x: m.sincpi(x), (sinc_slope,), -100, 100, (1, 2.5, 0.1591)),
    "deg2rad": Row(np.deg2rad, lambda x: x * m.pi / 180, (lambda x: m.pi / 180,)),
    "rad2deg": Row(np.rad2deg, lambda x: x * 180 / m.pi, (lambda x: 180 / m.pi,)),
    "sigmoid": Row(ag.sigmoid, sigma, (lambda x: sigma(x) * sigma(-x),), near=(-745, 745, 37, 17, 709, 88, -104)),
    "softplus": Row(ag.softplus, lambda x: logaddexp(x, m.mpf(0)), (sigma,), near=(-745, 37, 17, 88, -104)),
    "relu": Row(ag.relu, lambda x: max(x, m.mpf(0)), (lambda x: 1 if x > 0 else 0,)),
}  # fmt: skip
TWO: dict[str, Row] = {
    "add": Row(np.add, lambda x, y: x + y, (lambda x, y: 1, lambda x, y: 1)),
    "subtract": Row(np.subtract, lambda x, y: x - y, (lambda x, y: 1, lambda x, y: -1)),
    "multiply": Row(np.multiply, lambda x, y: x * y, (lambda x, y: y, lambda x, y: x)),
    "divide": Row(np.divide, lambda x, y: x / y, (lambda x, y: 1 / y, lambda x, y: -x / y**2)),
    "power": Row(np.power, power, (lambda x, y: y * m.power(x, y - 1), lambda x, y: m.power(x, y) * m.log(x)), 0),
    "hypot": Row(np.hypot, m.hypot, (lambda x, y: x / m.hypot(x, y), lambda x, y: y / m.hypot(x, y))),
    "arctan2": Row(np.arctan2, m.atan2, (lambda y, x: x / (x * x + y * y), lambda y, x: -y / (x * x + y * y))),
    "logaddexp": Row(np.logaddexp, logaddexp, (lambda x, y: sigma(x - y), lambda x, y: sigma(y - x))),
    "logaddexp2": Row(
        np.logaddexp2, lambda x, y: logaddexp(x * ln(2), y * ln(2)) / ln(2),
        (lambda x, y: sigma((x - y) * ln(2)), lambda x, y: sigma((y - x) * ln(2))),
    ),
    "maximum": Row(np.maximum, max, (lambda x, y: (1 + m.sign(x - y)) / 2, lambda x, y: (1 + m.sign(y - x)) / 2)),
    "minimum": Row(np.minimum, min, (lambda x, y: (1 + m.sign(y - x)) / 2, lambda x, y: (1 + m.sign(x - y)) / 2)),
}  # fmt: skip


def softmax(*xs: Any) -> list[Any]:
    es = [m.exp(x - max(xs)) for x in xs]
    return [e / sum(es) for e in es]


def variance(*xs: Any) -> Any:
    mean = sum(xs) / len(xs)
    return sum((x - mean) ** 2 for x in xs) / len(xs)


def deviations(*xs: Any) -> list[Any]:
    mean = sum(xs) / len(xs)
    return [(x - mean) / len(xs) for x in xs]


def norm(*xs: Any) -> Any:
    return m.sqrt(sum(x * x for x in xs))


def all_but(xs: Any, i: int) -> Any:
    return m.fprod(x for j, x in enumerate(xs) if j != i)


class Whole(NamedTuple):
    """A function of a vector, its exact value, and the exact gradient of its last entry."""

    function: Callable[..., Any]
    value: Exact
    gradient: Exact


VECTORS: dict[str, Whole] = {
    "softmax": Whole(ag.softmax, lambda *xs: softmax(*xs),
                     lambda *xs: [(softmax(*xs)[-1] * ((i == len(xs) - 1) - p)) for i, p in enumerate(softmax(*xs))]),
    "log_softmax": Whole(ag.log_softmax, lambda *xs: [x - log_sum(*xs) for x in xs],
                         lambda *xs: [(i == len(xs) - 1) - p for i, p in enumerate(softmax(*xs))]),
    "logsumexp": Whole(ag.logsumexp, log_sum, softmax),
    "norm": Whole(np.linalg.norm, norm, lambda *xs: [x / norm(*xs) if norm(*xs) else m.mpf(0) for x in xs]),
    "var": Whole(np.var, variance, lambda *xs: [2 * d for d in deviations(*xs)]),
    "std": Whole(np.std, lambda *xs: m.sqrt(variance(*xs)),
                 lambda *xs: [d / m.sqrt(variance(*xs)) if variance(*xs) else m.mpf(0) for d in deviations(*xs)]),
    "sum": Whole(np.sum, lambda *xs: m.fsum(xs), lambda *xs: [1] * len(xs)),
    "mean": Whole(np.mean, lambda *xs: m.fsum(xs) / len(xs), lambda *xs: [m.mpf(1) / len(xs)] * len(xs)),
    "prod": Whole(np.prod, lambda *xs: m.fprod(xs), lambda *xs: [all_but(xs, i) for i in range(len(xs))]),
    "cumprod": Whole(np.cumprod, lambda *xs: [m.fprod(xs[: i + 1]) for i in range(len(xs))],
                     lambda *xs: [all_but(xs, i) for i in range(len(xs))]),
}  # fmt: skip


def ulps(got: Any, exact: Any, dtype: Any) -> float:
    """The distance in units of the last place; infinite where one is infinite and the other is not."""
    info = np.finfo(dtype)
    top = m.mpf(float(info.max)) * (1 + m.mpf(float(info.eps)) / 4)  # from where on numbers are rounded to infinity
    got, exact = float(got), m.mpf(exact)
    if np.isnan(got) or m.isnan(exact):
        return 0.0 if np.isnan(got) and m.isnan(exact) else np.inf
    if np.isinf(got) or abs(exact) >= top:  # a few units around the border are no failure
        close = abs(exact) > top * (1 - 8 * m.mpf(float(info.eps))) and abs(got) > float(info.max) * (1 - 8 * float(info.eps))
        return 0.0 if close and (got > 0) == (exact > 0) else np.inf
    tiny = m.mpf(float(info.tiny))
    unit = m.ldexp(1, m.frexp(exact)[1] - info.nmant - 1) if abs(exact) >= tiny else tiny
    return float(abs(m.mpf(got) - exact) / unit)


def numbers(dtype: Any, n: int, row: Row | None = None, seed: int = 0) -> Array:
    """Numbers over the whole range: its edges, n of any exponent, n of moderate size, and some near where it is difficult."""
    info = np.finfo(dtype)
    rng = np.random.default_rng(seed)
    tiny, small, eps, huge = (float(x) for x in (info.smallest_subnormal, info.tiny, info.eps, info.max))
    edges = [0.0, tiny, 3 * tiny, small / 2, small, eps / 2, eps, 0.5, 1 - eps / 2]
    edges += [1.0, 1 + eps, 2.0, 1 / eps, huge**0.5, huge]
    exponents = rng.uniform(np.log2(tiny), np.log2(huge) - 0.1, n)
    size = np.concatenate([edges, 2.0**exponents, rng.uniform(0, 30, n)])
    x = np.concatenate([size, -size])
    for a in row.near if row else ():
        spread = np.concatenate([[0], rng.uniform(-1, 1, n // 4 + 2) * 10.0 ** rng.uniform(np.log10(eps), 0, n // 4 + 2)])
        x = np.concatenate([x, a * (1 + spread)])
    with np.errstate(over="ignore"):
        x = np.unique(x.astype(dtype))
    return x[(x >= row.low) & (x <= row.high) & np.isfinite(x)] if row else x[np.isfinite(x)]


def pairs(dtype: Any, n: int, row: Row) -> tuple[Array, Array]:
    rng = np.random.default_rng(1)
    x = numbers(dtype, n, row)
    other = numbers(dtype, n, None, 2)
    y = np.where(rng.random(x.size) < 0.4, x, rng.choice(other, x.size)).astype(dtype)
    near = np.where(rng.random(x.size) < 0.5, rng.uniform(-40, 40, x.size), y).astype(dtype)
    return np.concatenate([x, rng.uniform(max(row.low, -30), 30, x.size).astype(dtype)]), np.concatenate([y, near])


def vectors(dtype: Any, n: int, products: bool) -> Iterator[Array]:
    """Vectors of three to five: of one size, of moderate size, and of sizes far apart; their products are in the range."""
    rng = np.random.default_rng(3)
    info = np.finfo(dtype)
    low, high = np.log2(float(info.smallest_subnormal)), np.log2(float(info.max)) - 4
    if products:
        low, high = -high / 5, high / 5
    for k in range(n):
        size = rng.integers(3, 6)
        signs = rng.choice([-1, 1], size)
        exponents = rng.uniform(low, high) if k % 3 == 0 else rng.uniform(low, high, size) if k % 3 == 1 else 3
        yield (signs * rng.uniform(0.5, 1, size) * 2.0**exponents).astype(dtype)


def measured(name: str, dtype: Any, n: int) -> list[tuple[float, str]]:
    """The largest error of value and derivatives, and where."""
    worst: list[tuple[float, str]] = []

    def note(k: int, error: float, where: Any) -> None:
        while len(worst) <= k:
            worst.append((0.0, ""))
        if error > worst[k][0]:
            worst[k] = error, ", ".join(f"{float(x):.9g}" for x in where)

    with m.workdps(50), np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name in VECTORS:
            whole = VECTORS[name]
            for x in vectors(dtype, n, "prod" in name):
                t = Tensor(x, requires_grad=True)
                y = whole.function(t)
                last = y if y.ndim == 0 else y[-1]
                exact = [m.mpf(float(e)) for e in x]
                value = whole.value(*exact)
                values = [ulps(a, b, dtype) for a, b in zip(np.ravel(y.data), value if isinstance(value, list) else [value])]
                note(0, max(values), x)
                small = np.max(np.abs(y.data)) < np.finfo(dtype).tiny
                if (max(values) < OFF or name == "log_softmax") and not small:
                    for a, b in zip(ag.gradients(last, t), whole.gradient(*exact)):
                        note(1, ulps(a, b, dtype), x)
            return worst
        row = ONE.get(name) or TWO[name]
        points = (numbers(dtype, n, row),) if name in ONE else pairs(dtype, n, row)
        ts = [Tensor(x, requires_grad=True) for x in points]
        y = row.function(*ts)
        assert y.dtype == dtype
        slopes = ag.gradients(y, ts, np.ones(y.shape, dtype))
        for i, where in enumerate(zip(*points)):
            if name == "arctan2" and 0 in where:  # where the sign of a zero decides
                continue
            exact = [m.mpf(float(x)) for x in where]
            for k, (got, f) in enumerate(zip((y.data, *slopes), (row.value, *row.slopes))):
                try:
                    truth = f(*exact)
                except (ZeroDivisionError, ValueError):  # at a pole
                    continue
                if isinstance(truth, m.mpc) or m.isnan(truth):
                    continue
                error = ulps(got[i], truth, dtype)
                note(k, error, where)
                if k == 0 and (error > OFF or np.isinf(got[i]) or name == "hypot" and abs(truth) < np.finfo(dtype).tiny):
                    break
    return worst


OFF = 1000
NAMES = [*ONE, *TWO, *VECTORS]


def shown(error: float) -> str:
    return "∞" if error == np.inf else f"{error:.1f}" if error < 1000 else f"{error:.0e}"


HEAD = """# How exact the rows are

The largest error that was found, in units in the last place (ulp), over the whole range of each dtype: subnormal, tiny, huge and
moderate numbers, the edges of the domain, and where a function is difficult. `python -m tests.ulps` measures it against mpmath
with 50 digits and writes this page; `tests/test_ulps.py` holds the rows to it. Half a unit is exact rounding. The value is
what NumPy computes; the derivatives are the engine's, with respect to the first and the second operand. Of functions of a
vector (three to five entries, of one size or of sizes far apart) the derivative is that of the last entry of the result.
Below the smallest normal number, errors are in units of that number.

| row | float32: value | ∂ first | ∂ second | float64: value | ∂ first | ∂ second |
|---|---|---|---|---|---|---|
"""
TAIL = """
Where it is more than ten units:

- `sinc`: π x is rounded before the sine, here as in NumPy. Near a zero of the function or of its derivative no digit need be
  right; the absolute error stays below a few units of the largest value.
- `power`: ∂/∂a = b aᵇ⁻¹ overflows for a subnormal base and an exponent near 0, where the product would be finite.
- `logaddexp`, `logaddexp2`: the derivative is σ of a − b, and what rounding a − b loses, the exponential multiplies by the
  difference. The value of `logaddexp2` is NumPy's.
- `softmax`, `log_softmax`, `logsumexp`: the difference to the largest entry is rounded, as in `logaddexp`. log_softmax of the
  largest entry is log(1 + ε), 0 when ε is below the last place of 1, and the derivatives of an entry near 1 hold its
  difference from 1; absolute errors stay below a few units of 1.
- `arctan2`: divides by the hypotenuse twice, whose last places go where it is near the smallest number.
- `norm`, `std`, `var`: NumPy's squares overflow beyond the root of the largest number, and vanish below that of the smallest. The
  derivative of `var` is x − mean, which cancels.
"""


def row_of(name: str, n: int) -> list[str]:
    cells = []
    for dtype in DTYPES:
        errors = [shown(error) for error, _ in measured(name, dtype, n)]
        cells += errors + [""] * (3 - len(errors))
    return cells


def table() -> dict[str, list[str]]:
    """What the page says, by row."""
    lines = [line for line in PAGE.read_text(encoding="utf8").splitlines() if line.startswith("| `")]
    return {cells[1].strip(" `"): [c.strip() for c in cells[2:-1]] for cells in (line.split("|") for line in lines)}


def main() -> None:
    rows = [f"| `{name}` | {' | '.join(row_of(name, 400))} |" for name in NAMES]
    PAGE.write_text(HEAD + "\n".join(rows) + "\n" + TAIL, encoding="utf8")


if __name__ == "__main__":
    main()
