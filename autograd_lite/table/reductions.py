"""The table of operations that combine entries along axes.

The rule of a reduction is a function of the operand x, the result r with the reduced axes kept as 1, and the
axes. It gives an array of the operand's shape, or one number, by which the adjoint is multiplied
after it has been repeated along the reduced axes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_lite.table.elementwise import quiet, unless_zero
from autograd_lite.operation import Edge, Operation, applied, kept_shape, register, spread


def reduction_operation(
    name: str,
    forward: Callable[..., Any],
    rule: Any,
    *,
    numpy: Sequence[Any] = (),
    label: str | None = None,
    symbol: str | None = None,
    doc: str | None = None,
) -> Callable[..., Any]:
    """A function ``(x, axis=None, *, keepdims=False, **keywords)`` from one rule ``rule(x, r, axis, **keywords)``."""

    def local_gradient(x: Any, out: Any, axis: Any, keepdims: bool, **keywords: Any) -> Any:
        return rule(x, out.reshape(kept_shape(x.shape, axis)), axis, **keywords)

    if label is None:
        label = f"{symbol or name}'({{0}})"
    edge = Edge(local_gradient if callable(rule) else lambda *_, **__: rule, spread, label)
    operation = Operation(name, forward, [edge], symbol=symbol)
    apply = applied(operation)

    def function(x: Any, axis: Any = None, *, keepdims: bool = False, **keywords: Any) -> Any:
        if isinstance(axis, list):
            axis = tuple(axis)
        return apply(x, axis=axis, keepdims=keepdims, **keywords)

    return register(function, operation, numpy, doc)


def count(x: Any, r: Any) -> int:
    """How many entries of x go into one entry of r."""
    return x.size // r.size if r.size else 0


@quiet
def among_ties(x: Any, r: Any, axis: Any) -> Any:
    """1 for the entry that is the extremum, shared equally where there are several."""
    ties = np.equal(x, r)
    return (ties / ties.sum(axis=axis, keepdims=True)).astype(x.dtype)


def product_of_others(x: Any, r: Any, axis: Any) -> Any:
    """∏ over the other entries: r / x, unless an entry is 0.

    Then the product is taken over a copy of x for each entry, with that entry replaced by 1: n² numbers
    for n entries, but right with any number of zeros, in derivatives of any order.
    """
    if not np.any(np.equal(x, 0)):
        return r / x
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    last = tuple(range(-len(axes), 0))
    rows = np.moveaxis(x, axes, last)
    n = int(np.prod([x.shape[i] for i in axes]))
    flat = rows.reshape((*rows.shape[: x.ndim - len(axes)], 1, n))
    others = np.prod(np.where(np.eye(n, dtype=bool), np.ones((), x.dtype), flat), axis=-1)
    return np.moveaxis(others.reshape(rows.shape), last, axes)


def deviation(x: Any, axis: Any) -> Any:
    return x - np.mean(x, axis=axis, keepdims=True)


def logsumexp_forward(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    if x.dtype.kind != "f":
        x = x.astype(float)
    top = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, np.zeros((), x.dtype))
    with np.errstate(divide="ignore"):  # log Σ of nothing but e^-inf is -inf
        r = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return r if keepdims else np.squeeze(r, axis=tuple(range(x.ndim)) if axis is None else axis)


sum_ = reduction_operation("sum", np.add.reduce, 1, numpy=[np.sum], label="1", symbol="Σ")
mean = reduction_operation("mean", np.mean, lambda x, r, axis: r.size / x.size, numpy=[np.mean], label="1/n")
reduction_operation("prod", np.prod, product_of_others, numpy=[np.prod], symbol="∏")
max_ = reduction_operation("max", np.max, among_ties, numpy=[np.max, np.amax], label="[{0} = max]")
min_ = reduction_operation("min", np.min, among_ties, numpy=[np.min, np.amin], label="[{0} = min]")
reduction_operation(
    "var",
    lambda x, axis, keepdims, ddof=0: np.var(x, axis=axis, keepdims=keepdims, ddof=ddof),
    lambda x, r, axis, ddof=0: deviation(x, axis) * (2 / (count(x, r) - ddof)),
    numpy=[np.var],
)
reduction_operation(
    "std",
    lambda x, axis, keepdims, ddof=0: np.std(x, axis=axis, keepdims=keepdims, ddof=ddof),
    lambda x, r, axis, ddof=0: unless_zero(deviation(x, axis), r) / (count(x, r) - ddof),
    numpy=[np.std],
)
euclidean_norm = reduction_operation(
    "euclidean_norm",
    lambda x, axis, keepdims: np.linalg.norm(x.ravel(), keepdims=False).reshape(kept_shape(x.shape, None) if keepdims else ())
    if axis is None
    else np.sqrt(np.sum(np.abs(x) ** 2, axis=axis, keepdims=keepdims)),
    lambda x, r, axis: unless_zero(x, r),
    label="{0}/‖{0}‖",
)  # fmt: skip
logsumexp = reduction_operation(
    "logsumexp",
    logsumexp_forward,
    quiet(lambda x, r, axis: np.exp(x - r)),
    label="softmax({0})",
    doc="""log Σ eˣ over `axis`, which overflows for no x.

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
    """,
)


# Along an axis, with a result for each entry ----------------------------------------------------------


def softmax_forward(x: Any, axis: Any) -> Any:
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def log_softmax_forward(x: Any, axis: Any) -> Any:
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def along_axis(
    name: str, forward: Callable[..., Any], edge: Edge, *, numpy: Sequence[Any] = (), axis: int | None, doc: str | None = None
) -> Callable[..., Any]:  # fmt: skip
    """A function ``(x, axis)`` with its own default for the axis."""
    operation = Operation(name, forward, [edge])
    apply = applied(operation)
    default = axis

    def function(x: Any, axis: Any = default) -> Any:
        return apply(x, axis=axis)

    return register(function, operation, numpy, doc)


softmax = along_axis(
    "softmax",
    softmax_forward,
    Edge(
        lambda x, s, axis: s,
        lambda u, s, x, out: s * (u - np.sum(u * s, axis=out._static["axis"], keepdims=True)),
        "softmax'({0})",
    ),
    axis=-1,
    doc="""eˣ / Σ eˣ over `axis` (the last by default), for any x.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> ag.softmax(ag.Tensor([1000.0, 1000.0]))
    Tensor([0.5, 0.5])
    """,
)
log_softmax = along_axis(
    "log_softmax",
    log_softmax_forward,
    Edge(
        lambda x, r, axis: np.exp(r),
        lambda u, s, x, out: u - s * np.sum(u, axis=out._static["axis"], keepdims=True),
        "log_softmax'({0})",
    ),
    axis=-1,
    doc="""The logarithm of `softmax`, without loss for small probabilities.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> ag.log_softmax(ag.Tensor([0.0, -1000.0]))
    Tensor([    0., -1000.])
    """,
)


def cumsum_pull(u: Any, d: Any, x: Any, out: Any) -> Any:
    axis = out._static["axis"]
    if axis is None:
        return np.flip(np.cumsum(np.flip(u))).reshape(x.shape)
    return np.flip(np.cumsum(np.flip(u, axis), axis), axis)


def cumprod_pull(u: Any, d: Any, x: Any, out: Any) -> Any:
    """Σ over i ≥ j of u_i ∏ of the entries before i but j; d is x."""
    axis = out._static["axis"]
    if axis is None:
        d, axis = d.ravel(), 0
    if not np.any(np.equal(d, 0)):
        return cumsum_pull(u * np.cumprod(d, axis), None, d, out).reshape(x.shape) / d.reshape(x.shape)
    rows, v = np.moveaxis(d, axis, -1), np.moveaxis(u, axis, -1)
    n = rows.shape[-1]
    i, j, k = np.ogrid[:n, :n, :n]  # with a zero, n³ numbers for n entries, as in product_of_others
    factors = np.where((k <= i) & (k != j), rows[..., None, None, :], np.ones((), d.dtype))
    jacobian = np.where((i >= j)[..., 0], np.prod(factors, axis=-1), np.zeros((), d.dtype))
    return np.moveaxis(np.sum(v[..., :, None] * jacobian, axis=-2), -1, axis).reshape(x.shape)


along_axis(
    "cumsum", np.cumsum, Edge(lambda x, _, axis: 1, cumsum_pull, "cumsum", "{d}ᵀ {u}"), numpy=[np.cumsum], axis=None
)
along_axis(
    "cumprod", np.cumprod, Edge(lambda x, _, axis: x, cumprod_pull, "cumprod'({0})", "{d}ᵀ {u}"),
    numpy=[np.cumprod], axis=None,
)  # fmt: skip
