"""NumPy's functions that are composed of rows of the table: none of them has a derivative of its own.

They are NumPy's definitions, written in its own functions on Tensors. What only decides (orders, masks, places) is
taken from the values and counts as constant. A function that does nothing but move entries about is told by what it
does to their numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import pi, prod
from typing import Any

import numpy as np

from autograd_lite.engine.nests import pack, places
from autograd_lite.engine.operation import elementwise_operation, kept_shape, register
from autograd_lite.engine.tensor import TABLE
from autograd_lite.table.elementwise import astype, quiet
from autograd_lite.table.linear_algebra import norm
from autograd_lite.table.reductions import max_, mean, min_, sum_
from autograd_lite.table.shapes import array, as_constants, axes_in, broadcast_to, data_of, moving_operation, operand


def common_dtype(*xs: Any) -> np.dtype[Any]:
    """The dtype of a result, which numbers of Python's do not widen; whole numbers become float64."""
    dtype = np.result_type(*(x if isinstance(x, (int, float, complex)) else operand(x).dtype for x in xs))
    return dtype if dtype.kind in "fc" else np.dtype(float)


def floats(name: str, *xs: Any, at_least: Any = np.float16) -> list[Any]:
    """The operands as floating-point numbers, of one dtype, unless there are complex ones: these are refused."""
    dtype = np.result_type(common_dtype(*xs), at_least)
    if dtype.kind == "c":
        raise TypeError(f"np.{name} has a rule for real numbers, not for complex ones")
    return [x if x.dtype == dtype else x.astype(dtype) for x in map(operand, xs)]


def among(x: Any, values: Any, name: str) -> Any:
    """`values` in the dtype of x, whose entries they are to join. Refused if this would cut the values of a Tensor
    to whole numbers."""
    values = operand(values)
    if getattr(values, "requires_grad", False) and x.dtype.kind not in "fc":
        raise TypeError(
            f"np.{name} would cut the values of {values.describe()} to the {x.dtype} of the array of shape {x.shape}, where "
            "their gradient would be lost; make it an array of floats, a.astype(float)"
        )
    return values.astype(x.dtype)


# Entries picked and joined ----------------------------------------------------------------------------------

_delete = moving_operation(np.delete)
for mover in (np.diagflat, np.lib.stride_tricks.sliding_window_view):
    moving_operation(mover)


def gather_from(move: Callable[..., Any], *operands: Any) -> Any:
    """The entries of all operands, where `move` puts their numbers."""
    numbers = [np.arange(place.start, place.stop).reshape(x.shape) for x, place in zip(operands, places(operands))]
    return pack(operands)[move(*numbers)]


def insert(x: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """x with `values` before the entries or slices that `obj` says."""
    x = operand(x)
    return gather_from(lambda a, v: np.insert(a, as_constants(obj), v, axis), x, among(x, values, "insert"))


def delete(x: Any, obj: Any, axis: int | None = None) -> Any:
    """x without the entries or slices that `obj` says."""
    if isinstance(obj, slice):
        obj = np.arange(np.size(x) if axis is None else np.shape(x)[axis])[obj]
    return _delete(x, obj, axis)


def block(arrays: Any) -> Any:
    """The array that is laid out in nested lists of blocks."""
    blocks: list[Any] = []

    def collect(nested: Any) -> Any:
        """The layout: each block's number in its place."""
        if isinstance(nested, list):
            return [collect(x) for x in nested]
        blocks.append(operand(nested))
        return len(blocks) - 1

    def lay_out(layout: Any, parts: Any) -> Any:
        return [lay_out(inner, parts) for inner in layout] if isinstance(layout, list) else parts[layout]

    layout = collect(arrays)
    return gather_from(lambda *numbers: np.block(lay_out(layout, numbers)), *blocks)


def extract(condition: Any, x: Any) -> Any:
    """The entries of x where the condition holds, along one axis."""
    return np.ravel(x)[np.flatnonzero(condition)]


def partition(x: Any, kth: Any, axis: int | None = -1) -> Any:
    """x with the entry `kth` where sorting would put it, smaller ones before it and larger ones after it."""
    return np.take_along_axis(x, np.argpartition(data_of(x), kth, axis), axis)


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """The slices of x along `axis`."""
    return tuple(np.moveaxis(x, axis, 0))


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """For each entry the choice of the first condition that holds."""
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        default = np.where(condition, choice, default)
    return default


def piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **keywords: Any) -> Any:
    """For each entry the function, or number, of the last condition that holds; 0 where none does."""
    which = np.ravel(np.piecewise(np.zeros(np.shape(x), int), condlist, range(1, len(funclist) + 1)))
    parts = [np.zeros(np.count_nonzero(which == 0), x.dtype)]
    for i, f in enumerate(funclist, 1):
        mine = np.ravel(x)[which == i]
        if mine.size:
            parts.append(np.broadcast_to(f(mine, *args, **keywords) if callable(f) else f, mine.shape))
    back = np.argsort(np.argsort(which, kind="stable"))
    return np.concatenate(parts)[back].reshape(x.shape).astype(x.dtype)


def apply_along_axis(func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **keywords: Any) -> Any:
    """What the function gives for each slice along `axis`."""
    x = np.moveaxis(operand(arr), axis, -1)
    results = [func1d(row, *args, **keywords) for row in x.reshape((-1, x.shape[-1]))]
    whole = array(results)
    lead, own = x.ndim - 1, whole.ndim - 1
    whole = whole.reshape(x.shape[:-1] + whole.shape[1:])
    return np.moveaxis(whole, list(range(lead, lead + own)), [axis % arr.ndim + i for i in range(own)])


def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Any, ...]:
    """The coordinates of the points of a grid, one array for each axis."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"np.meshgrid knows indexing='xy' and 'ij', not {indexing!r}")
    swapped = indexing == "xy" and len(xi) > 1
    axes = [1, 0, *range(2, len(xi))] if swapped else range(len(xi))
    xs = tuple(np.reshape(x, tuple(-1 if axis == i else 1 for i in range(len(xi)))) for axis, x in zip(axes, xi))
    return xs if sparse else np.broadcast_arrays(*xs)


def full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C") -> Any:
    """An array of one number: reached as ``np.full(shape, t, like=t)``, where NumPy hands the call on."""
    return in_dtype(broadcast_to(operand(fill_value), shape), dtype)


def full_like(x: Any, fill_value: Any, **keywords: Any) -> Any:
    """A plain array of the shape and dtype of x, all of whose entries are a constant."""
    return np.full_like(data_of(x), as_constants(fill_value), **keywords)


def in_dtype(x: Any, dtype: Any) -> Any:
    """x in another dtype, if one is given."""
    return x if dtype is None else x.astype(dtype)


# Sequences of numbers ---------------------------------------------------------------------------------------


def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None, axis: int = 0
) -> Any:
    """Numbers at equal distances from `start` to `stop`."""
    inner = common_dtype(start, stop)
    start, stop = (x.astype(inner) for x in np.broadcast_arrays(operand(start), operand(stop)))
    share = shares(num, endpoint, start.ndim).astype(inner)
    numbers = in_dtype(np.moveaxis(start * (1 - share) + stop * share, 0, axis), dtype)  # exact at both ends
    steps = num - bool(endpoint)
    return (numbers, (stop - start) / steps if steps > 0 else np.nan) if retstep else numbers


def shares(num: int, endpoint: bool, ndim: int) -> Any:
    """How far from the start each number is, from 0 to 1 along a new first axis."""
    return np.linspace(0, 1, num, endpoint).reshape((-1,) + (1,) * ndim)


def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> Any:
    """Powers of `base`, with exponents at equal distances."""
    return in_dtype(base ** linspace(start, stop, num, endpoint, axis=axis), dtype)


def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    """Numbers with equal quotients from `start` to `stop`, which have the same sign."""
    start, stop = np.broadcast_arrays(*floats("geomspace", start, stop, at_least=np.float64))
    sign = np.sign(data_of(start))
    if not np.all(sign * np.sign(data_of(stop)) == 1):
        raise ValueError("np.geomspace on Tensors goes from one number to another of the same sign, and not to 0")
    share = shares(num, endpoint, start.ndim)
    numbers = sign * np.abs(start) ** (1 - share) * np.abs(stop) ** share
    return np.moveaxis(in_dtype(numbers, dtype), 0, axis)


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The powers of the entries of x, those of one entry in a row."""
    if x.ndim != 1:
        raise ValueError(f"np.vander takes the powers of a vector, not of an array of shape {x.shape}")
    powers = np.arange(len(x) if N is None else N)
    return x[:, None] ** (powers if increasing else powers[::-1])


def polyval(p: Any, x: Any) -> Any:
    """The polynomial with the coefficients p, the highest power first."""
    y: Any = 0 * operand(x)
    for coefficient in array(p):
        y = y * x + coefficient
    return y


# Between neighbours -------------------------------------------------------------------------------------------


def diff(x: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """The differences of neighbours along `axis`, n times; before the first and after the last may stand further ones."""
    if n < 0:
        raise ValueError(f"np.diff takes differences n times, not {n} times")
    if n == 0:
        return x
    x = operand(x)
    [axis] = axes_in(x.shape, axis)
    if prepend is not None or append is not None:
        edge = kept_shape(x.shape, axis)
        ends = [end if end is None or np.ndim(end) else np.broadcast_to(end, edge) for end in (prepend, append)]
        x = np.concatenate([part for part in (ends[0], x, ends[1]) if part is not None], axis)
    before = (slice(None),) * axis
    for _ in range(n):
        x = x[(*before, slice(1, None))] - x[(*before, slice(None, -1))]
    return x


def ediff1d(x: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """The differences of neighbours among all entries, between further numbers."""
    x = operand(x)
    begin, end = (np.ravel(among(x, [] if part is None else part, "ediff1d")) for part in (to_begin, to_end))
    return np.concatenate([begin, diff(np.ravel(x)), end])


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral of y along `axis` by the trapezoidal rule, with its places x or their distance dx."""
    y = np.moveaxis(operand(y), axis, -1)
    if x is not None:
        dx = diff(operand(x)) if np.ndim(x) == 1 else np.moveaxis(diff(operand(x), axis=axis), axis, -1)
    return sum_(dx * (y[..., 1:] + y[..., :-1]) / 2, -1)


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """The slopes of f along its axes, from neighbours on both sides; `varargs` are distances or places."""
    f = operand(f)
    f = f if f.dtype.kind in "fc" else f.astype(float)  # whole numbers have slopes too, and distances that are none
    axes = range(f.ndim) if axis is None else np.atleast_1d(axis).tolist()
    spacings = varargs or (1.0,)
    if len(spacings) == 1 and np.ndim(spacings[0]) == 0:
        spacings *= len(axes)
    if len(spacings) != len(axes):
        raise TypeError(f"np.gradient: {len(spacings)} spacings do not go with {len(axes)} axes")
    results = tuple(slopes_along(f, operand(h).astype(f.dtype), i, edge_order) for h, i in zip(spacings, axes))
    return results[0] if len(axes) == 1 else results


def slopes_along(f: Any, h: Any, axis: int, edge_order: int) -> Any:
    f = np.moveaxis(f, axis, -1)
    n = f.shape[-1]
    if n <= edge_order or edge_order not in (1, 2):
        raise ValueError(f"np.gradient with edge_order={edge_order} needs more than {n} entries along axis {axis}")
    if h.ndim and h.shape != (n,):
        raise ValueError(f"np.gradient: places of shape {h.shape} do not go with {n} entries along axis {axis}")
    equal = None if h.ndim else h
    h = diff(h) if equal is None else np.broadcast_to(h, n - 1)
    s = diff(f) / h
    if equal is None:
        inner = (h[1:] * s[..., :-1] + h[:-1] * s[..., 1:]) / (h[:-1] + h[1:])
    else:
        inner = (f[..., 2:] - f[..., :-2]) / (2 * equal)
    first, last = s[..., :1], s[..., -1:]
    if edge_order == 2:
        first = first + (first - s[..., 1:2]) * (h[0] / (h[0] + h[1]))
        last = last + (last - s[..., -2:-1]) * (h[-1] / (h[-2] + h[-1]))
    return np.moveaxis(np.concatenate([first, inner, last], -1), -1, axis)


def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """The line through the points (xp, fp) at x; at a point the slope is that to its right, beyond the ends 0."""
    x, xp = floats("interp", x, xp, at_least=np.float64)
    fp = at_least_double(fp)
    if period is not None:
        period = np.abs(period)
        x, xp, left, right = x % period, xp % period, None, None
        order = np.argsort(data_of(xp))
        order = np.concatenate([order[-1:], order, order[:1]])
        turns = np.concatenate([[-1.0], np.zeros(len(order) - 2), [1.0]])
        xp, fp = xp[order] + turns * period, fp[order]
    inside = np.clip(x, xp[0], xp[-1])
    point = np.searchsorted(data_of(xp), data_of(inside), "right") - 1
    run = diff(xp)
    slopes = np.pad(diff(fp) / np.where(np.equal(run, 0), 1.0, run), (0, 1))
    slope, beyond = slopes[np.minimum(point, max(len(xp) - 2, 0))], inside - xp[point]
    y = fp[point] + np.where(np.isfinite(slope) | np.not_equal(beyond, 0), slope, 0.0) * beyond
    y = y if left is None else np.where(np.less(x, xp[0]), left, y)
    return y if right is None else np.where(np.greater(x, xp[-1]), right, y)


def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """The sums of products of two sequences, one of them reversed and moved along the other."""
    a, v = (np.atleast_1d(operand(x)) for x in (a, v))
    a, v = (a, v) if len(a) >= len(v) else (v, a)
    n, m = len(a), len(v)
    if m == 0:
        raise ValueError("np.convolve: a sequence is empty")
    parts = {"full": (0, n + m - 1), "same": ((m - 1) // 2, n), "valid": (m - 1, n - m + 1)}
    if mode not in parts:
        raise ValueError(f"np.convolve and np.correlate know the modes 'full', 'same' and 'valid', not {mode!r}")
    start, length = parts[mode]
    return np.pad(a, m - 1)[np.arange(start, start + length)[:, None] + np.arange(m)] @ v[::-1]


def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """The sums of products of two sequences, one of them moved along the other."""
    a, v = np.atleast_1d(operand(a)), np.conj(np.atleast_1d(operand(v)))[::-1]
    if mode == "same" and len(v) > len(a) and len(a) % 2 == 0:  # NumPy takes the other one of two middle positions
        return convolve(a[::-1], v[::-1], mode)[::-1]
    return convolve(a, v, mode)


def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * pi) -> Any:
    """p with whole periods added, so that neighbours are near each other."""
    (p,) = floats("unwrap", p)
    whole = np.unwrap(data_of(p), discont, axis, period=period) - data_of(p)
    return p + np.round(whole / period) * period


# Statistics -----------------------------------------------------------------------------------------------------


def rows_along(x: Any, axis: Any) -> tuple[Any, tuple[int, ...]]:
    """x with the axes that are reduced as one, the last; and the shape that has 1 in their places."""
    axes = axes_in(x.shape, axis)
    last = np.moveaxis(x, axes, list(range(-len(axes), 0)))
    n = prod(x.shape[i] for i in axes)
    return last.reshape((*(m for i, m in enumerate(x.shape) if i not in axes), n)), kept_shape(x.shape, tuple(axes))


def quantile(x: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    """The number below which a share q of the entries lies, between two of them if need be."""
    (x,) = floats("quantile", x)
    return order_at(x, as_constants(q), axis, method, keepdims)


def order_at(x: Any, q: Any, axis: Any, method: str, keepdims: bool) -> Any:
    rows, kept = rows_along(operand(x), axis)
    n = rows.shape[-1]
    if n == 0:
        raise ValueError(f"quantiles and medians of shape {np.shape(x)} do not exist: there are no entries along the axis")
    at = np.quantile(np.arange(float(n)), q, method=method)  # type: ignore[call-overload]
    dtype = np.result_type(rows.dtype, q if np.ndim(q) == 0 else np.asarray(q))
    before, share = np.floor(at).astype(int), (at - np.floor(at)).astype(dtype)
    ordered = np.sort(rows)
    y = np.take(ordered, before, -1)
    y = y * (1 - share) + np.take(ordered, np.ceil(at).astype(int), -1) * share if np.any(share) else y.astype(dtype)
    missing = np.isnan(data_of(rows)).any(-1).reshape(rows.shape[:-1] + (1,) * np.ndim(q))
    y = np.where(missing, y.dtype.type(np.nan), y)
    y = np.moveaxis(y, list(range(rows.ndim - 1, y.ndim)), list(range(np.ndim(q))))
    return y.reshape(np.shape(q) + kept) if keepdims else y


def percentile(x: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    """The quantiles of q hundredths."""
    (x,) = floats("percentile", x)
    return order_at(x, np.asarray(as_constants(q)) / x.dtype.type(100), axis, method, keepdims)


def median(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The middle of the sorted entries, or the mean of the middle two."""
    return order_at(operand(x), 0.5, axis, "linear", keepdims)


def ptp(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The distance from the smallest to the largest entry."""
    return max_(x, axis, keepdims=keepdims) - min_(x, axis, keepdims=keepdims)


def average(x: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    """The mean, weighted if `weights` are given; with `returned` also their sum."""
    x = operand(x)
    if weights is None:
        result = mean(x, axis, keepdims=keepdims)
        return (result, np.full(result.shape, x.size / result.size, result.dtype)) if returned else result
    weights = operand(weights)
    if weights.shape != x.shape:  # one for each place along the axes, which are in the order that they are given in
        if axis is None:
            raise TypeError(f"np.average: weights of shape {weights.shape} for entries of shape {x.shape} need axis=")
        axes = axes_in(x.shape, axis)
        weights = np.transpose(weights, np.argsort(axes))
        weights = weights.reshape(tuple(n if i in axes else 1 for i, n in enumerate(x.shape)))
    weights = np.broadcast_to(weights, x.shape)
    total = sum_(weights, axis, keepdims=keepdims)
    if np.any(np.equal(total, 0)):
        raise ZeroDivisionError(f"np.average: weights of shape {weights.shape} sum to 0, which nothing can be divided by")
    result = sum_(x * weights, axis, keepdims=keepdims) / total
    return (result, total) if returned else result


def at_least_double(x: Any) -> Any:
    x = operand(x)
    return x.astype(np.result_type(x.dtype, np.float64))


def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None, fweights: Any = None,
    aweights: Any = None,
) -> Any:  # fmt: skip
    """The covariances of variables, each of which is a row (or a column, if not `rowvar`)."""
    x = np.atleast_2d(at_least_double(m))
    x = x if rowvar or np.ndim(m) == 1 else x.T
    if y is not None:
        y = np.atleast_2d(at_least_double(y))
        x = np.concatenate([x, y if rowvar or y.shape[0] == 1 else y.T])
    ones = np.ones(x.shape[1])
    a = ones if aweights is None else operand(aweights)
    w = a * (ones if fweights is None else as_constants(fweights))
    total = sum_(w)
    freedom = total - (not bias if ddof is None else ddof) * sum_(w * a) / total
    x = x - sum_(x * w, 1, keepdims=True) / total
    return np.squeeze(x @ np.conj(x * w).T / freedom)


def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Any:
    """The correlation coefficients of variables."""
    c = cov(x, y, rowvar)
    if c.ndim == 0:
        return c / c
    deviation = np.sqrt(np.real(np.diag(c)))
    r = c / deviation[:, None] / deviation
    return r if np.iscomplexobj(r) else np.clip(r, -1, 1)


# Without what is missing ----------------------------------------------------------------------------------------


def fill_missing(x: Any, number: Any) -> Any:
    """x with a number in place of each NaN."""
    return np.where(np.isnan(x), number, x)


def nansum(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The sum of the entries that are not NaN."""
    return sum_(fill_missing(x, 0), axis, keepdims=keepdims)


def nanprod(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The product of the entries that are not NaN."""
    return np.prod(fill_missing(x, 1), axis, keepdims=keepdims)


def nancumsum(x: Any, axis: Any = None) -> Any:
    """The sums of the entries up to each one, of those that are not NaN."""
    return np.cumsum(fill_missing(x, 0), axis)


def nancumprod(x: Any, axis: Any = None) -> Any:
    """The products of the entries up to each one, of those that are not NaN."""
    return np.cumprod(fill_missing(x, 1), axis)


def count_present(x: Any, axis: Any, keepdims: bool) -> Any:
    """How many entries are not NaN, which may be more than the largest float16."""
    return np.sum(~np.isnan(data_of(x)), axis=axis, keepdims=keepdims, dtype=np.result_type(common_dtype(x), np.float32))


def nanmean(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The mean of the entries that are not NaN."""
    result = nansum(x, axis, keepdims=keepdims) / count_present(x, axis, keepdims)
    return result if result.dtype == common_dtype(x) else result.astype(common_dtype(x))


def fill_with_mean(x: Any, axis: Any, keepdims: bool, ddof: Any) -> tuple[Any, Any]:
    """x with the mean in place of each NaN, where it adds nothing to the variance; and the factor that turns the
    variance over all entries into the one over those that are not NaN; NaN where `ddof` leaves none of them."""
    middle = np.clip(nanmean(x, axis, keepdims=True), nanmin(x, axis, keepdims=True), nanmax(x, axis, keepdims=True))
    number = count_present(x, axis, keepdims)
    freedom = np.where(number > ddof, number - ddof, np.nan)
    return fill_missing(x, middle), x.size / max(number.size, 1) / freedom


def nanvar(x: Any, axis: Any = None, ddof: Any = 0, *, keepdims: bool = False, correction: Any = None) -> Any:
    """The variance of the entries that are not NaN."""
    (x,) = floats("nanvar", x)
    x, factor = fill_with_mean(x, axis, keepdims, ddof if correction is None else correction)
    return np.var(x, axis, keepdims=keepdims) * factor.astype(x.dtype)


def nanstd(x: Any, axis: Any = None, ddof: Any = 0, *, keepdims: bool = False, correction: Any = None) -> Any:
    """The standard deviation of the entries that are not NaN."""
    (x,) = floats("nanstd", x)
    x, factor = fill_with_mean(x, axis, keepdims, ddof if correction is None else correction)
    return np.std(x, axis, keepdims=keepdims) * np.sqrt(factor).astype(x.dtype)


def extreme_present(x: Any, axis: Any, keepdims: bool, extreme: Callable[..., Any], beyond: float) -> Any:
    """The extreme of the entries that are not NaN, beside which `beyond` is none."""
    if x.dtype.kind not in "fc":
        return extreme(x, axis, keepdims=keepdims)
    found = extreme(fill_missing(x, beyond), axis, keepdims=keepdims)
    return np.where(np.isnan(x).all(axis, keepdims=keepdims), np.nan, found)


def nanmax(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The largest of the entries that are not NaN."""
    return extreme_present(x, axis, keepdims, max_, -np.inf)


def nanmin(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The smallest of the entries that are not NaN."""
    return extreme_present(x, axis, keepdims, min_, np.inf)


# One number at a time -------------------------------------------------------------------------------------------


def angle(z: Any, deg: bool = False) -> Any:
    """The angle of a complex number from the positive axis."""
    return np.arctan2(np.imag(z), np.real(z)) * (180 / pi if deg else 1)


def real_if_close(x: Any, tol: float = 100) -> Any:
    """The real part, if the imaginary parts are as small as rounding errors."""
    return np.real(x) if np.isrealobj(np.real_if_close(data_of(x), tol)) else x


def divmod(x: Any, y: Any) -> tuple[Any, Any]:
    """The quotient, rounded down, and what remains."""
    x, y = floats("divmod", x, y) if np.iscomplexobj(x) or np.iscomplexobj(y) else (x, y)
    return np.floor_divide(x, y), np.remainder(x, y)


def modf(x: Any) -> tuple[Any, Any]:
    """The fractional part and the integral part."""
    (x,) = floats("modf", x)
    finite = np.where(np.isinf(x), x.dtype.type(0), x)
    return finite - np.trunc(finite), np.trunc(x)


def ldexp(x: Any, n: Any) -> Any:
    """x 2ⁿ."""
    return x * np.ldexp(np.ones((), np.result_type(x)), as_constants(n))


def copysign(x: Any, y: Any) -> Any:
    """|x| with the sign of y."""
    x, y = floats("copysign", x, y)
    return np.where(np.signbit(y), -1, 1).astype(x.dtype) * np.abs(x)


@quiet
def power_of_cosine(x: Any, k: int) -> Any:
    """The mean of cosᵏθ exp(x cos θ) over a turn, by the trapezoidal rule: exact but for rounding until exp overflows.

    With θ and π − θ together, sinh and cosh, no term takes from another.
    """
    cosine = np.cos((np.arange(64) + 0.5) * (pi / 128)).astype(x.dtype)
    x = x[..., None] * cosine
    return np.mean(cosine**k * (np.sinh(x) if k % 2 else np.cosh(x)), axis=-1)


bessel: Any = elementwise_operation(
    "power_of_cosine", power_of_cosine, lambda x, out, k: bessel(x, k=k + 1), keywords=True, listed=False
)


def i0(x: Any) -> Any:
    """The modified Bessel function I₀."""
    return bessel(*floats("i0", x), k=0)


# Linear algebra -----------------------------------------------------------------------------------------------


def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """The vector product of vectors in three dimensions."""
    axisa, axisb, axisc = (axisa, axisb, axisc) if axis is None else (axis,) * 3
    a, b = np.moveaxis(operand(a), axisa, -1), np.moveaxis(operand(b), axisb, -1)
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise ValueError(f"np.cross on Tensors multiplies vectors of three entries, not shapes {a.shape} and {b.shape}")
    product = np.roll(a, -1, -1) * np.roll(b, -2, -1) - np.roll(a, -2, -1) * np.roll(b, -1, -1)
    return np.moveaxis(product, -1, axisc)


def vecdot(a: Any, b: Any, axis: int = -1) -> Any:
    """The sums of products along an axis, the first conjugated."""
    return sum_(np.moveaxis(np.conj(operand(a)), axis, -1) * np.moveaxis(operand(b), axis, -1), -1)


def matvec(a: Any, v: Any) -> Any:
    """The product of matrices with vectors."""
    return (operand(a) @ operand(v)[..., None])[..., 0]


def vecmat(v: Any, a: Any) -> Any:
    """The product of vectors, conjugated, with matrices."""
    return matvec(operand(a).mT, np.conj(operand(v)))


def trace_of_matrices(x: Any, *, offset: int = 0) -> Any:
    """The sum along the diagonal of each matrix."""
    return np.trace(x, offset, -2, -1)


def diagonal_of_matrices(x: Any, *, offset: int = 0) -> Any:
    """The diagonal of each matrix."""
    return np.diagonal(x, offset, -2, -1)


def cross_along_axis(a: Any, b: Any, *, axis: int = -1) -> Any:
    """The vector product of vectors in three dimensions."""
    return cross(a, b, axis=axis)


def vector_norm(x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """The norm of vectors, or of all entries over several axes."""
    rows, kept = rows_along(operand(x), axis)
    result = norm(rows, ord, -1)
    return result.reshape(kept) if keepdims else result


def matrix_norm(x: Any, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """The norm of each matrix."""
    return norm(x, ord, (-2, -1), keepdims)


def cond(x: Any, p: Any = None) -> Any:
    """The condition number: the norm of x times the norm of its inverse; as NumPy's where that is not finite."""
    known = np.linalg.cond(data_of(x), p)
    lost = ~np.isfinite(known)
    if np.any(lost):
        regular = np.where(lost[..., None, None], np.eye(*x.shape[-2:], dtype=x.dtype), x)
        return np.where(lost, known, cond(regular, p))
    if p in (None, 2, -2):
        values = np.linalg.svd(x, compute_uv=False)
        return values[..., 0] / values[..., -1] if p != -2 else values[..., -1] / values[..., 0]
    return norm(x, p, (-2, -1)) * norm(np.linalg.inv(x), p, (-2, -1))


def cumulate(function: Callable[..., Any], start: int, x: Any, axis: int | None, dtype: Any, include_initial: bool) -> Any:
    if axis is None and x.ndim != 1:
        raise ValueError(f"cumulative sums and products of shape {x.shape} need axis=")
    y = function(in_dtype(x, dtype), axis)
    return np.insert(y, 0, start, axis) if include_initial else y


def cumulative_sum(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """The sums of the entries up to each one."""
    return cumulate(np.cumsum, 0, x, axis, dtype, include_initial)


def cumulative_prod(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """The products of the entries up to each one."""
    return cumulate(np.cumprod, 1, x, axis, dtype, include_initial)


# Where NumPy has it -----------------------------------------------------------------------------------------

COMPOSITIONS: tuple[Callable[..., Any], ...] = (
    insert, delete, block, extract, partition, unstack, select, piecewise, apply_along_axis, meshgrid, full,
    full_like, linspace, logspace, geomspace, vander, polyval, diff, ediff1d, trapezoid, gradient, interp, convolve,
    correlate, unwrap, quantile, percentile, median, ptp, average, cov, corrcoef, nansum, nanprod, nancumsum,
    nancumprod, nanmean, nanvar, nanstd, nanmax, nanmin, angle, real_if_close, divmod, modf, ldexp, copysign, i0,
    cross, vecdot, matvec, vecmat, cumulative_sum, cumulative_prod,
)  # fmt: skip
OF_LINALG: dict[str, Callable[..., Any]] = {
    "trace": trace_of_matrices, "diagonal": diagonal_of_matrices, "cross": cross_along_axis, "vector_norm": vector_norm,
    "matrix_norm": matrix_norm, "cond": cond,
}  # fmt: skip
for composed in COMPOSITIONS:
    found = getattr(np, composed.__name__, None)  # some came with NumPy 2.1 and 2.2
    register(composed, None, [] if found is None else [found])
for name, composed in OF_LINALG.items():
    register(composed, None, [getattr(np.linalg, name)], name=f"linalg.{name}")
for name in ("outer", "matmul", "tensordot", "vecdot", "matrix_transpose"):
    TABLE[getattr(np.linalg, name)] = TABLE[name]
TABLE[np.array] = array
if hasattr(np, "fix"):  # deprecated since NumPy 2.5
    TABLE[np.fix] = TABLE["trunc"]
if hasattr(np, "astype"):
    TABLE[np.astype] = astype
