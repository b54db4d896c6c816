"""The table of operations that act on each entry by itself.

A row names an operation, says how it is computed, and gives for each operand the rule of its local
gradient, from the operands and, where it has one parameter more, the result. Rules run on arrays when an operation
is recorded and on Tensors when its derivative is differentiated again; whatever they call is in the table.

Conventions where a derivative is not defined are those of PyTorch: maximum, minimum, max and min share the
gradient equally among ties, fmax and fmin give it to the first operand; abs, relu, norm and std have gradient
0 at their kink (so has hypot, which is NaN there in PyTorch); sqrt has inf at 0; clip counts its bounds as
inside; 0⁰ and 0ᵇ have gradient 0 with respect to the exponent b ≥ 0; sort leaves equal keys in their order.

Second derivatives follow from what a kink is. Where an operation selects (relu, maximum, clip, where, sort), the
derivatives of every order are those of what it selects, in a tie of both in equal parts. At the tip of a cone (abs,
hypot, arctan2, norm and std at 0) and at 0⁰ the gradient is a choice that has no derivative: the second derivative is
NaN. It is NaN even for smooth compositions such as ‖x‖² at 0, because the second derivative there depends on more
than the value and slope that the operation knows; written as Σ x² it is right. In a sweep the NaN also spreads to
entries that are not at the kink, since 0 · NaN is NaN: the sweep cannot tell whether that 0 comes from the
direction or is the slope of the outer function (as of |x|² at 0).
"""

from __future__ import annotations

import operator
from decimal import Decimal
from functools import wraps
from math import log, pi
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from autograd_lite.engine.operation import (
    Edge, Rule, elementwise_operation, general_operation, implement_with, keep_where, register,
)  # fmt: skip
from autograd_lite.engine.tensor import Array, Operand, Tensor, dtype_of_numbers
from autograd_lite.table.shapes import data_of


def quiet(rule: Rule) -> Rule:
    """`rule` without NumPy's warnings, for derivatives that overflow where the function does not."""
    wanted = rule.__code__.co_argcount  # `silent` is given the result, whether `rule` asks for it or not

    @wraps(rule)
    def silent(*arguments: Any, **settings: Any) -> Any:
        with np.errstate(all="ignore"):
            return rule(*arguments[:wanted], **settings)

    return silent


def as_precise_as(out: Any, b: Any) -> Any:
    """Operand `b` in the dtype of the result: a rule that uses `b` alone would otherwise compute in the precision
    of `b`."""
    return b if getattr(b, "dtype", out.dtype) == out.dtype or out.dtype.kind != "f" else astype(b, out.dtype)


# Arithmetic ---------------------------------------------------------------------------------------------------

elementwise_operation("add", np.add, 1, 1, written="{0} + {1}")
elementwise_operation("subtract", np.subtract, 1, -1, written="{0} − {1}")
# a rule that takes the result, though unused, is spared the wrapper that drops it, 0.1 µs
elementwise_operation(
    "multiply", np.multiply, lambda a, b, _: b, lambda a, b, _: a, labels=("{1}", "{0}"),
    written=lambda out, a, b: "{0} · {1}" if 1 in (np.size(a), np.size(b)) else "{0} ⊙ {1}",
)  # fmt: skip
elementwise_operation(
    "divide", np.divide, quiet(lambda a, b, q: 1 / as_precise_as(q, b)), quiet(lambda a, b, q: -q / b),
    labels=("1/{1}", "−{out}/{1}"), written="{0} / {1}",
)  # fmt: skip
elementwise_operation("negative", np.negative, -1, written="−{0}")
elementwise_operation("positive", np.positive, 1)
elementwise_operation("identity", lambda x: x, 1)
elementwise_operation("copy", np.copy, 1, numpy=[np.copy])
_astype = elementwise_operation("astype", lambda x, dtype: x.astype(dtype), 1, keywords=True, listed=False)
elementwise_operation("reciprocal", np.reciprocal, quiet(lambda x, r: -r * r), labels=("−1/{0}²",))
elementwise_operation("square", np.square, lambda x: 2 * x, labels=("2 {0}",), written="{0}²")
elementwise_operation("sqrt", np.sqrt, quiet(lambda x, r: 0.5 / r), labels=("1/(2 {out})",), symbol="√")
elementwise_operation("cbrt", np.cbrt, quiet(lambda x, r: 1 / (3 * r * r)), labels=("1/(3 {out}²)",))


# Exponential, trigonometric, hyperbolic -----------------------------------------------------------------------

elementwise_operation("exp", np.exp, lambda x, e: e, labels=("exp({0})",))
elementwise_operation("exp2", np.exp2, lambda x, e: e * log(2), labels=("{out} log(2)",))
elementwise_operation("expm1", np.expm1, lambda x: np.exp(x), labels=("exp({0})",))
elementwise_operation("log", np.log, quiet(lambda x: 1 / x), labels=("1/{0}",))
elementwise_operation("log2", np.log2, quiet(lambda x: 1 / log(2) / x), labels=("1/({0} log(2))",))
elementwise_operation("log10", np.log10, quiet(lambda x: 1 / log(10) / x), labels=("1/({0} log(10))",))
elementwise_operation("log1p", np.log1p, quiet(lambda x: 1 / (1 + x)), labels=("1/(1 + {0})",))
elementwise_operation(
    "logaddexp", np.logaddexp, quiet(lambda a, b: sigmoid(a - b)), quiet(lambda a, b: sigmoid(b - a)),
    labels=("σ({0} − {1})", "σ({1} − {0})"),
)  # fmt: skip
elementwise_operation(
    "logaddexp2", np.logaddexp2,
    quiet(lambda a, b: sigmoid((a - b) * log(2))), quiet(lambda a, b: sigmoid((b - a) * log(2))),
    labels=("σ(({0} − {1}) log(2))", "σ(({1} − {0}) log(2))"),
)  # fmt: skip
elementwise_operation("sin", np.sin, lambda x: np.cos(x), labels=("cos({0})",))
elementwise_operation("cos", np.cos, lambda x: -np.sin(x), labels=("−sin({0})",))
elementwise_operation("sinh", np.sinh, lambda x: np.cosh(x), labels=("cosh({0})",))
elementwise_operation("cosh", np.cosh, lambda x: np.sinh(x), labels=("sinh({0})",))


def tanh_slope(x: Any, t: Any) -> Any:
    """1 − tanh² x = 4 σ(2x) σ(−2x): the difference would lose its digits where tanh x is near ±1."""
    if np.iscomplexobj(x):
        e = np.exp(np.where(np.greater(np.real(x), 0), -2.0, 2.0) * x)
        return 4 * e / ((1 + e) * (1 + e))
    with np.errstate(over="ignore"):  # of 2x alone
        return 4 * sigmoid(2 * x) * sigmoid(-2 * x)


elementwise_operation("tanh", np.tanh, tanh_slope)
elementwise_operation(
    "tan", np.tan, lambda x, t: tanh_slope(1j * x, t) if np.iscomplexobj(x) else 1 + t * t, labels=("1 + {out}²",)
)
elementwise_operation("arcsin", np.arcsin, quiet(lambda x: 1 / np.sqrt((1 - x) * (1 + x))), labels=("1/√(1 − {0}²)",))
elementwise_operation("arccos", np.arccos, quiet(lambda x: -1 / np.sqrt((1 - x) * (1 + x))), labels=("−1/√(1 − {0}²)",))
elementwise_operation("arctan", np.arctan, quiet(lambda x: 1 / (1 + x * x)), labels=("1/(1 + {0}²)",))
elementwise_operation(
    "arctan2", np.arctan2,
    quiet(lambda y, x: over_square(x, np.hypot(x, y))), quiet(lambda y, x: -over_square(y, np.hypot(x, y))),
    labels=("{1}/({0}² + {1}²)", "−{0}/({0}² + {1}²)"),
)  # fmt: skip


def arcsinh_slope(x: Any) -> Any:
    """1 / √(x² + 1), without squaring what may overflow."""
    return 1 / (np.sqrt(1 + 1j * x) * np.sqrt(1 - 1j * x)) if np.iscomplexobj(x) else 1 / np.hypot(x, 1.0)


elementwise_operation("arcsinh", np.arcsinh, arcsinh_slope, labels=("1/√({0}² + 1)",))
elementwise_operation(
    "arccosh", np.arccosh, quiet(lambda x: 1 / (np.sqrt(x - 1) * np.sqrt(x + 1))), labels=("1/√({0}² − 1)",)
)
elementwise_operation("arctanh", np.arctanh, quiet(lambda x: 1 / ((1 - x) * (1 + x))), labels=("1/(1 − {0}²)",))


def sinc_slope(x: Any) -> Any:
    """(cos πx − sinc x) / x, by its power series near 0, where the difference loses all digits."""
    y = pi * x
    near = np.abs(y) < 0.5
    far = np.where(near, 1.0, y)
    square = np.where(near, y, 0.0) ** 2
    series: Any = 0.0
    coefficient, terms = 1.0, []
    for k in range(1, 10):  # Σ (−1)ᵏ 2k y²ᵏ⁻¹ / (2k + 1)!
        coefficient *= -1 / (2 * k * (2 * k + 1))
        terms.append(2 * k * coefficient)
    for term in reversed(terms):
        series = series * square + term
    slope = np.where(near, series * y, (np.cos(far) - np.sin(far) / far) / far)
    return slope * pi


elementwise_operation("sinc", np.sinc, sinc_slope, numpy=[np.sinc])
elementwise_operation("deg2rad", np.deg2rad, pi / 180, labels=("π/180",), numpy=[np.radians])
elementwise_operation("rad2deg", np.rad2deg, 180 / pi, labels=("180/π",), numpy=[np.degrees])


# Powers and remainders ----------------------------------------------------------------------------------------


def power_slope(a: Any, b: Any) -> Any:
    """∂aᵇ/∂a = b aᵇ⁻¹."""
    if isinstance(b, (int, float)) and b >= 1:
        return b * a if b == 2 else b * a ** (b - 1)
    return power_slope_of_any(a, b)


@quiet
def power_slope_of_any(a: Any, b: Any) -> Any:
    """The same for exponents of every kind: 0 for b = 0 also where 1/a is infinite."""
    if isinstance(b, (int, float)):
        return b if b == 0 else b * a ** (b - 1)
    one = np.ones((), np.result_type(a))
    flat = np.equal(b, 0) & np.logical_not(np.isfinite(np.divide(one, a)))
    base, exponent = np.where(flat, one, a), b - one
    if not isinstance(b, Tensor):
        return b * base**exponent
    return b * power_of_log(base, exponent, k=0) + undefined(flat, b)


@quiet
def power_slope_of_exponent(a: Any, b: Any, p: Any) -> Any:
    """∂aᵇ/∂b = aᵇ log a, and by convention 0 for 0⁰."""
    tip = np.equal(a, 0) & np.equal(b, 0)
    choice = undefined(tip, a + b) if isinstance(p, Tensor) else np.zeros((), p.dtype)
    return np.where(tip, choice, power_of_log(a, b, k=1))


@quiet
def power_of_log_forward(a: Any, b: Any, k: int) -> Any:
    """aᵇ logᵏ a, whose limit is 0 where a is 0 and b positive."""
    p, vanishes = a**b, np.equal(a, 0) & np.greater(np.real(b), 0)
    return p * np.log(np.where(vanishes, np.ones((), p.dtype), a)) ** k


@quiet
def power_of_log_slope(a: Any, b: Any, p: Any, k: int) -> Any:
    """∂/∂a = aᵇ⁻¹ (b logᵏ a + k logᵏ⁻¹ a)."""
    if k == 0:
        return power_slope(a, b)
    return b * power_of_log(a, b - 1, k=k) + k * power_of_log(a, b - 1, k=k - 1)


def label_of_power(out: Any, a: Any, b: Any) -> str:
    """∂aᵇ/∂a in symbols: 2 a for the square, with the exponent worked out if it is a number."""
    if getattr(b, "requires_grad", False) or getattr(b, "name", None) or np.size(b) != 1 or np.iscomplexobj(b):
        return "{1} ⊙ {0}^({1} − 1)"
    exponent = np.reshape(getattr(b, "data", b), ())[()]
    if exponent == 2:
        return "{1} {0}"
    # in decimal, where 2.1 − 1 is 1.1 and not 1.1 and a rounding error
    less = format(Decimal(str(exponent)) - 1, "f") if abs(exponent) < 1e15 else str(exponent)
    return f"{{1}} {{0}}^({less.removesuffix('.0')})".replace("-", "−")


elementwise_operation(
    "power", operator.pow, power_slope, power_slope_of_exponent, numpy=[np.power],
    labels=(label_of_power, "{out} ⊙ log({0})"), written="{0}^{1}",
)  # fmt: skip
elementwise_operation(
    "float_power", np.float_power, power_slope, power_slope_of_exponent,
    labels=(label_of_power, "{out} ⊙ log({0})"),
)  # fmt: skip
elementwise_operation(
    "remainder", np.remainder, 1, quiet(lambda a, b: -np.floor_divide(a, b)), labels=("1", "−⌊{0}/{1}⌋"),
    written="{0} mod {1}",
)  # fmt: skip
elementwise_operation(  # the integer quotient that np.fmod used; rounding a / b could give another one
    "fmod", np.fmod, 1, quiet(lambda a, b, r: -np.rint((a - r) / b)), labels=("1", "−trunc({0}/{1})")
)
power_of_log: Any = elementwise_operation(
    "power_of_log", power_of_log_forward, power_of_log_slope, lambda a, b, p, k: power_of_log(a, b, k=k + 1),
    keywords=True, listed=False,
)  # fmt: skip


# Kinks and ties -----------------------------------------------------------------------------------------------


def slope_of_abs(x: Any) -> Any:
    """The sign of a number, conj(x)/|x| of a complex one: 0 at the tip of |x|, where it has no derivative."""
    return direction(np.conj(x), np.abs(x)) if np.iscomplexobj(x) else side(x)


def or_nan(norm: Any) -> Any:
    return np.where(np.equal(norm, 0), norm.dtype.type(np.nan), norm)


@quiet
def direction_forward(x: Any, norm: Any) -> Any:
    return np.where(np.equal(norm, 0), np.zeros((), norm.dtype), np.divide(x, norm))


def unless_loser(loses: np.ufunc) -> Rule:
    """The rule of a maximum or minimum: 0 for the operand that loses, ½ for both in a tie, 1 beside a NaN."""

    def rule(a: Any, b: Any, out: Any) -> Any:
        dtype = out.dtype.type
        return np.where(np.equal(a, b), dtype(0.5), np.logical_not(loses(a, b)).astype(dtype))

    return rule


elementwise_operation(
    "abs", np.abs, slope_of_abs, written="|{0}|",
    labels=(lambda out, x: "conj(sign({0}))" if np.iscomplexobj(x) else "sign({0})",),
)  # fmt: skip
elementwise_operation("fabs", np.fabs, slope_of_abs, labels=("sign({0})",))
elementwise_operation(
    "hypot", np.hypot, lambda x, y, h: direction(x, h), lambda x, y, h: direction(y, h),
    labels=("{0}/{out}", "{1}/{out}"),
)  # fmt: skip
# Building blocks of rules: where a derivative does not exist they give the value that the convention says, and NaN
# as the derivative of that value.
direction: Any = elementwise_operation(
    "direction", direction_forward, quiet(lambda x, norm: 1 / or_nan(norm)), quiet(lambda x, norm, d: -d / or_nan(norm)),
    labels=("1/{1}", "−{out}/{1}"), written="{0} / {1}", listed=False,
)  # fmt: skip
side: Any = elementwise_operation(
    "side", np.sign, lambda x: np.where(np.equal(x, 0), x.dtype.type(np.nan), np.zeros((), x.dtype)),
    symbol="sign", labels=("0",), listed=False,
)  # fmt: skip
undefined = elementwise_operation(
    "undefined", lambda where, x: np.zeros(np.broadcast_shapes(np.shape(where), np.shape(x)), np.result_type(x)),
    0, lambda where, x, out: np.where(where, out.dtype.type(np.nan), out), labels=("0", "0"), listed=False,
)  # fmt: skip


def is_zero(x: Any) -> bool:
    return not isinstance(x, Tensor) and np.size(x) == 1 and not np.any(x)


attained = ("[{0} = {out}]", "[{1} = {out}]")
elementwise_operation(
    "maximum", np.maximum, unless_loser(np.less), unless_loser(np.greater), labels=attained,
    written=lambda out, a, b: "relu({0})" if is_zero(b) else "relu({1})" if is_zero(a) else None,
)  # fmt: skip
elementwise_operation("minimum", np.minimum, unless_loser(np.greater), unless_loser(np.less), labels=attained)
for ufunc, wins, labels in (  # the first operand, if it is no NaN
    (np.fmax, np.greater_equal, ("[{0} ≥ {1}]", "[{0} < {1}]")),
    (np.fmin, np.less_equal, ("[{0} ≤ {1}]", "[{0} > {1}]")),
):
    elementwise_operation(
        ufunc.__name__, ufunc,
        lambda a, b, _, wins=wins: wins(a, b) | np.isnan(b),
        lambda a, b, _, wins=wins: np.logical_not(wins(a, b) | np.isnan(b)),
        pull=keep_where, labels=labels,
    )  # fmt: skip


def over_square(x: Any, norm: Any) -> Any:
    """x / norm², and 0 where the norm is 0, without squaring what may overflow."""
    return direction(direction(x, norm), norm)


# What networks need -------------------------------------------------------------------------------------------


SIGMOID_CONSTANTS = {
    char: (np.array(np.floor(np.log(np.finfo(char).max)), char), np.array(1, char)) for char in "efdg"
}
"""By dtype: the largest z with a finite eᶻ, and 1; as 0-d arrays, which cost less than Python numbers."""


def sigmoid_pass(z: Any, with_slope: bool = False) -> Any:
    """σ = t / (1 + t) for t = eᶻ, with z small enough that t does not overflow; with its slope, a pair.

    Beyond that, σ is 1 to the last digit. In this form σ keeps its relative accuracy for negative z down to
    the smallest numbers, and σ' = σ / (1 + t) in both tails.
    """
    try:
        largest, one = SIGMOID_CONSTANTS[z.dtype.char]
    except (AttributeError, KeyError):  # integers and Python numbers
        if np.iscomplexobj(z):
            raise TypeError("σ is computed for real numbers; of a complex z it is 1 / (1 + np.exp(-z))") from None
        return sigmoid_pass(z.astype(float) if hasattr(z, "astype") else np.asarray(z, dtype=float), with_slope)
    t = np.minimum(z, largest)
    if t.ndim == 0:
        t = np.exp(t)
        d = t + one
        a = t / d
        return (a, a / d) if with_slope else a
    np.exp(t, t)
    d = t + one
    a = np.divide(t, d, t)
    return (a, np.divide(a, d, d)) if with_slope else a


@overload
def sigmoid(z: Tensor, /) -> Tensor: ...
@overload
def sigmoid(z: npt.ArrayLike, /) -> Array: ...


@implement_with(elementwise_operation(
    "sigmoid", sigmoid_pass, lambda z, a: a * sigmoid(-z), symbol="σ", together=lambda z: sigmoid_pass(z, True),
))
def sigmoid(z: Operand, /) -> Any:
    """The logistic function σ(z) = 1 / (1 + e⁻ᶻ).

    Neither overflows nor warns; accurate to a few ulp in both tails; keeps the dtype.

    Parameters
    ----------
    z : Tensor or array_like

    Returns
    -------
    Tensor, or ndarray for an array

    Examples
    --------
    >>> import autograd_lite as ag
    >>> ag.sigmoid(ag.Tensor([0.0, 800.0]))
    Tensor([0.5, 1. ])
    """


@overload
def relu(x: Tensor, /) -> Tensor: ...
@overload
def relu(x: npt.ArrayLike, /) -> Array: ...


@implement_with(elementwise_operation(
    "relu", lambda x: np.maximum(x, np.zeros((), np.result_type(x))), lambda x: x > 0,
    pull=keep_where, labels=("[{0} > 0]",),
))
def relu(x: Operand, /) -> Any:
    """The rectifier max(x, 0), with gradient 0 at 0.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> ag.relu(ag.Tensor([-1.0, 2.0]))
    Tensor([0., 2.])
    """


@overload
def softplus(x: Tensor, /) -> Tensor: ...
@overload
def softplus(x: npt.ArrayLike, /) -> Array: ...


@implement_with(elementwise_operation(
    "softplus", lambda x: np.logaddexp(x, np.zeros((), np.result_type(x))), lambda x: sigmoid(x), labels=("σ({0})",),
))
def softplus(x: Operand, /) -> Any:
    """log(1 + eˣ), the smooth rectifier; its derivative is σ.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> ag.softplus(ag.Tensor([0.0, 1000.0]))
    Tensor([6.93147181e-01, 1.00000000e+03])
    """


# Selection, flat functions, complex numbers -------------------------------------------------------------------

_where = elementwise_operation(
    "where", np.where, 0, lambda c, x, y, _: np.not_equal(c, 0), lambda c, x, y, _: np.equal(c, 0),
    pull=keep_where, labels=("0", "[{0}]", "[not {0}]"), listed=False,
)  # fmt: skip
_clip = elementwise_operation(
    "clip", lambda x, low, high: np.minimum(np.maximum(x, low), high),
    lambda x, low, high: np.greater_equal(x, low) & np.less_equal(x, high),
    lambda x, low, high: np.less(x, low) & np.less_equal(low, high),
    lambda x, low, high: np.greater(x, high) | np.less(high, low),
    pull=keep_where, labels=("[{1} ≤ {0} ≤ {2}]", "[{0} < {1}]", "[{0} > {2}]"), listed=False,
)  # fmt: skip
_nan_to_num = elementwise_operation(
    "nan_to_num", np.nan_to_num, lambda x, **_: np.isfinite(x), pull=keep_where, labels=("[{0} finite]",), keywords=True,
    listed=False,
)  # fmt: skip
_round = elementwise_operation("round", np.round, lambda x, **_: 0, labels=("0",), keywords=True, listed=False)
_sign = elementwise_operation("sign", np.sign, 0, listed=False)


def where(condition: Any, *choices: Any) -> Any:
    """Entries of x where the condition holds, of y elsewhere; the indices of what holds without x and y."""
    if not choices:
        return np.nonzero(data_of(condition))
    return _where(condition, *choices)


def clip(x: Any, min: Any = None, max: Any = None, *, a_min: Any = None, a_max: Any = None) -> Any:
    """x, with the bound in place of what lies beyond; None for no bound."""
    low = a_min if min is None else min
    high = a_max if max is None else max
    if low is None and high is None:
        return np.positive(x)
    return _clip(x, -np.inf if low is None else low, np.inf if high is None else high)


def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """x with numbers in place of what is not finite."""
    return _nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


def round(x: Any, decimals: int = 0) -> Any:
    """x rounded to that many decimals."""
    return _round(x, decimals=decimals)


def astype(x: Any, dtype: Any, copy: bool = True) -> Any:
    """x in another dtype; a plain array for integers and booleans, through which no gradient passes."""
    dtype = dtype_of_numbers(dtype)
    return _astype(x, dtype=dtype) if dtype.kind in "fc" else data_of(x).astype(dtype)


def sign(x: Any) -> Any:
    """−1, 0 or 1; x / |x| of a complex number."""
    return direction(x, np.abs(x)) if np.iscomplexobj(x) else _sign(x)


register(where, _where.operation, [np.where])
register(clip, _clip.operation, [np.clip])
register(astype, _astype.operation)
register(nan_to_num, _nan_to_num.operation, [np.nan_to_num])
register(round, _round.operation, [np.round, np.around])
register(sign, _sign.operation, [np.sign])
for flat in (np.floor, np.ceil, np.rint, np.trunc):
    elementwise_operation(flat.__name__, flat, 0)
elementwise_operation("floor_divide", np.floor_divide, 0, 0)
elementwise_operation("heaviside", np.heaviside, 0, lambda x, h: np.equal(x, 0), pull=keep_where, labels=("0", "[{0} = 0]"))

# Adjoints are such that dC = Re Σ u dz, so rules of holomorphic functions need no conjugate.
elementwise_operation("real", np.real, 1, numpy=[np.real])
elementwise_operation("imag", np.imag, -1j, labels=("−i",), numpy=[np.imag])
general_operation(
    "conj", np.conj, Edge(lambda x, _: 1, lambda u, d, x, out: np.conj(u), "conj", "conj({u})"), numpy=[np.conj]
)
