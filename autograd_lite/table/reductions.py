"""The table of operations that combine entries along axes.

The rule of a reduction is a function of the operand x, the result r with the reduced axes kept with length 1, and the
axes. It gives an array of the operand's shape, or one number, by which the adjoint is multiplied
after it has been repeated along the reduced axes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from autograd_lite.engine.operation import (
    LINEAR, REPEATED, Edge, Notation, general_operation, implement_with, kept_shape, register, spread,
)  # fmt: skip
from autograd_lite.engine.tensor import Array, Axes, Operand, Tensor
from autograd_lite.table.elementwise import astype, direction, quiet


def reduction_operation(
    name: str,
    forward: Callable[..., Any],
    rule: Any,
    *,
    numpy: Sequence[Any] = (),
    label: Notation = None,
    written: Notation = None,
) -> Callable[..., Any]:
    """A function ``(x, axis=None, *, keepdims=False, **keywords)`` from one rule ``rule(x, r, axis, **keywords)``."""

    def local_gradient(x: Any, out: Any, axis: Any, keepdims: bool, **keywords: Any) -> Any:
        return rule(x, out.reshape(kept_shape(x.shape, axis)), axis, **keywords)

    if label is None:
        label = f"{name}{{at}}'({{0}})"
    edge = Edge(local_gradient if callable(rule) else lambda *_, **__: rule, spread, label, REPEATED)
    apply = general_operation(name, forward, edge, written=written, listed=False)

    def function(x: Any, axis: Any = None, *, keepdims: bool = False, **keywords: Any) -> Any:
        if "where" in keywords:
            raise TypeError(f"{name} of a Tensor takes no where=; replace the entries first, as in np.where(mask, t, 0)")
        if keywords.pop("out", None) is not None:
            raise TypeError(f"{name} of a Tensor takes no out=, where its history would be lost; assign what it returns")
        if "dtype" in keywords:
            x = astype(x, keywords.pop("dtype"))
        if "correction" in keywords:  # what the array API calls ddof
            keywords["ddof"] = keywords.pop("correction")
        return apply(x, axis=axis, keepdims=keepdims, **keywords)

    return register(function, apply.operation, numpy)


def share(x: Any, r: Any, ddof: Any = 0) -> float:
    """1 / (n - ddof) for n entries of x in one entry of r; infinite where NumPy divides by 0 too."""
    freedom = x.size / r.size - ddof if r.size else 0
    return 1 / freedom if freedom > 0 else np.inf


@quiet
def among_ties(x: Any, r: Any, axis: Any, initial: Any = None) -> Any:
    """1 for the entry that is the extremum, shared equally where there are several."""
    if initial is not None:
        raise TypeError("max and min of a Tensor take no initial=; write np.maximum(t.max(), initial), or np.minimum and min")
    ties = np.equal(x, r)
    return (ties / ties.sum(axis=axis, keepdims=True)).astype(x.dtype)


def before(x: Any) -> Any:
    """The product of the entries before each one, along the last axis."""
    return np.cumprod(np.concatenate([np.ones_like(x[..., :1]), x[..., :-1]], -1), -1)


def product_of_others(x: Any, r: Any, axis: Any) -> Any:
    """∏ over the other entries: those before times those after, which no entry that is 0 disturbs."""
    axes = tuple(range(x.ndim)) if axis is None or not x.ndim else axis if isinstance(axis, tuple) else (axis,)
    last = tuple(range(-len(axes), 0))
    rows = np.moveaxis(x, axes, last)
    flat = rows.reshape((*rows.shape[: x.ndim - len(axes)], -1)) if x.size else rows
    others = before(flat) * np.flip(before(np.flip(flat, -1)), -1) if x.size else flat
    return np.moveaxis(others.reshape(rows.shape), last, axes)


def deviation(x: Any, axis: Any) -> Any:
    return x - np.mean(x, axis=axis, keepdims=True)


def std_slope(x: Any, r: Any, axis: Any, ddof: Any = 0) -> Any:
    """The deviation d, divided by its length and √(n − ddof); 0 where all entries are equal.

    The mean of equal numbers may differ from them by its rounding error: so d is made to sum to 0, and where the
    entries are equal it is 0.
    """
    if not x.size:
        return x
    if x.size == r.size and not ddof:  # each entry is its own mean: flat, of every order
        return 0 * x
    varies = np.not_equal(np.max(x, axis=axis, keepdims=True), np.min(x, axis=axis, keepdims=True))
    d = deviation(deviation(x, axis), axis) * varies
    return conjugate(direction(d, euclidean_norm(d, axis, keepdims=True))) * share(x, r, ddof) ** 0.5


def conjugate(x: Any) -> Any:
    return np.conj(x) if np.iscomplexobj(x) else x


def euclidean_norm_forward(x: Any, axis: Any, keepdims: bool) -> Any:
    if axis is None:
        return np.linalg.norm(x.ravel()).reshape(kept_shape(x.shape, None) if keepdims else ())
    return np.sqrt(np.sum(np.abs(x) ** 2, axis=axis, keepdims=keepdims))


def logsumexp_forward(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    if isinstance(x, (int, float)):
        x = np.asarray(x)
    if x.dtype.kind not in "fc":
        x = x.astype(float)
    top = np.max(np.real(x), axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, np.zeros((), top.dtype))
    with np.errstate(divide="ignore", over="ignore"):  # log Σ of nothing but e^-inf is -inf
        r = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return r if keepdims else np.squeeze(r, axis=tuple(range(x.ndim)) if axis is None else axis)


def shares_of_exponentials(x: Any, r: Any, axis: Any) -> Any:
    """∂ log Σ eˣ / ∂x = softmax(x). What r was rounded by is a common factor of all eˣ⁻ʳ, which their sum has too."""
    e = np.exp(x - r)
    return e / np.sum(e, axis=axis, keepdims=True)


sum_ = reduction_operation("sum", np.add.reduce, 1, numpy=[np.sum], label="1", written="Σ{over} {0}")
mean = reduction_operation("mean", np.mean, lambda x, r, axis: share(x, r), numpy=[np.mean], label="1/{n}")
reduction_operation("prod", np.prod, product_of_others, numpy=[np.prod], written="∏{over} {0}")
max_ = reduction_operation("max", np.max, among_ties, numpy=[np.max, np.amax], label="[{0} = {out}]")
min_ = reduction_operation("min", np.min, among_ties, numpy=[np.min, np.amin], label="[{0} = {out}]")
reduction_operation(
    "var",
    lambda x, axis, keepdims, ddof=0: np.var(x, axis=axis, keepdims=keepdims, ddof=ddof),
    lambda x, r, axis, ddof=0: conjugate(deviation(x, axis)) * (2 * share(x, r, ddof)),
    numpy=[np.var],
)
reduction_operation(
    "std",
    lambda x, axis, keepdims, ddof=0: np.std(x, axis=axis, keepdims=keepdims, ddof=ddof),
    std_slope,
    numpy=[np.std],
)
euclidean_norm = reduction_operation(
    "euclidean_norm",
    euclidean_norm_forward,
    lambda x, r, axis: direction(conjugate(x), r),
    label=lambda out, x: "conj({0})/‖{0}‖{at}" if np.iscomplexobj(x) else "{0}/‖{0}‖{at}",
)  # fmt: skip


@overload
def logsumexp(x: Tensor, axis: Axes = None, *, keepdims: bool = False) -> Tensor: ...
@overload
def logsumexp(x: npt.ArrayLike, axis: Axes = None, *, keepdims: bool = False) -> Array: ...


@implement_with(reduction_operation(
    "logsumexp",
    logsumexp_forward,
    quiet(shares_of_exponentials),
    label="softmax{at}({0})",
))
def logsumexp(x: Operand, axis: Axes = None, *, keepdims: bool = False) -> Any:
    """log Σ eˣ over `axis`, which overflows for no x.

    Parameters
    ----------
    x : Tensor or array_like
    axis : int or tuple of int, optional
        All axes by default.
    keepdims : bool

    Examples
    --------
    >>> import autograd_lite as ag
    >>> ag.logsumexp(ag.Tensor([1000.0, 1000.0]))
    Tensor(1000.69314718)
    """


# Along an axis, with a result for each entry ----------------------------------------------------------


def below_maximum(x: Any, axis: Any) -> Any:
    with np.errstate(over="ignore"):  # -inf is as good as the number that is too large
        return x - np.max(np.real(x), axis=axis, keepdims=True)


def softmax_forward(x: Any, axis: Any) -> Any:
    e = np.exp(below_maximum(x, axis))
    return e / np.sum(e, axis=axis, keepdims=True)


def log_softmax_forward(x: Any, axis: Any) -> Any:
    shifted = below_maximum(x, axis)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def axis_operation(
    name: str, forward: Callable[..., Any], edge: Edge, *, numpy: Sequence[Any] = (), default: int | None
) -> Callable[..., Any]:  # fmt: skip
    """A function ``(x, axis)`` with its own `default` for the axis."""
    apply = general_operation(name, forward, edge, listed=False)

    def function(x: Any, axis: Any = default) -> Any:
        return apply(x, axis=axis)

    return register(function, apply.operation, numpy)


@overload
def softmax(x: Tensor, axis: int = -1) -> Tensor: ...
@overload
def softmax(x: npt.ArrayLike, axis: int = -1) -> Array: ...


@implement_with(axis_operation(
    "softmax",
    softmax_forward,
    Edge(
        lambda x, s, axis: s,
        lambda u, s, x, out: s * (u - np.sum(u * s, axis=out._settings["axis"], keepdims=True)),
        "softmax{at}'({0})",
        LINEAR,
    ),
    default=-1,
))
def softmax(x: Operand, axis: int = -1) -> Any:
    """eˣ / Σ eˣ over `axis` (the last by default), for any x.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> ag.softmax(ag.Tensor([1000.0, 1000.0]))
    Tensor([0.5, 0.5])
    """


@overload
def log_softmax(x: Tensor, axis: int = -1) -> Tensor: ...
@overload
def log_softmax(x: npt.ArrayLike, axis: int = -1) -> Array: ...


@implement_with(axis_operation(
    "log_softmax",
    log_softmax_forward,
    Edge(
        lambda x, r, axis: np.exp(r),
        lambda u, s, x, out: u - s * np.sum(u, axis=out._settings["axis"], keepdims=True),
        "log_softmax{at}'({0})",
        LINEAR,
    ),
    default=-1,
))
def log_softmax(x: Operand, axis: int = -1) -> Any:
    """The logarithm of `softmax`, without loss for small probabilities.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> ag.log_softmax(ag.Tensor([0.0, -1000.0]))
    Tensor([    0., -1000.])
    """


def cumsum_pull(u: Any, d: Any, x: Any, out: Any) -> Any:
    axis = out._settings["axis"]
    g = np.flip(np.cumsum(np.flip(u, axis), axis), axis)
    return g if g.shape == x.shape else g.reshape(x.shape)


def cumprod_pull(u: Any, d: Any, x: Any, out: Any) -> Any:
    """The product of the entries x before j, times Σ over i ≥ j of u_i ∏ of the entries between j and i.

    The sums satisfy s_j = u_j + x_{j+1} s_{j+1}. Doubling the distance that this reaches at each step takes
    log₂ n steps, and no division that an entry that is 0 would spoil.
    """
    axis = out._settings["axis"]
    if axis is None or not x.ndim:
        d, axis = d.reshape(-1), 0
    d, s = np.moveaxis(d, axis, -1), np.moveaxis(u, axis, -1)
    factors, reach = np.concatenate([d[..., 1:], np.zeros_like(d[..., :1])], -1), 1
    while reach < d.shape[-1]:
        near, far = (..., slice(None, -reach)), (..., slice(reach, None))
        end = (..., slice(-reach, None))
        s = np.concatenate([s[near] + factors[near] * s[far], s[end]], -1)
        factors = np.concatenate([factors[near] * factors[far], factors[end]], -1)
        reach *= 2
    return np.moveaxis(before(d) * s, -1, axis).reshape(x.shape)


axis_operation(
    "cumsum", np.cumsum, Edge(lambda x, _, axis: 1, cumsum_pull, "cumsum{at}", LINEAR), numpy=[np.cumsum], default=None
)
axis_operation(
    "cumprod", np.cumprod, Edge(lambda x, _, axis: x, cumprod_pull, "cumprod{at}'({0})", LINEAR),
    numpy=[np.cumprod], default=None,
)  # fmt: skip
