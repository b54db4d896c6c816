"""The table of operations that move entries about.

They are linear, and their local gradient needs no numbers: a shape, a permutation of axes, an index. The
transpose of a move takes the adjoint of each entry back to where the entry came from, and adds up what
several copies of it collect.

`_reshape` is the operation as it is recorded, `reshape` the function with NumPy's arguments: so in all modules of the table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from autograd_lite.engine.operation import (
    LINEAR, SAME, TRANSPOSED, Edge, constant, explain, general_operation, register, sum_to,
)  # fmt: skip
from autograd_lite.engine.tensor import Tensor


def data_of(x: Any) -> Any:
    return x._array if isinstance(x, Tensor) else constant(x)


def operand(x: Any) -> Any:
    """x as a Tensor or an array."""
    return x if isinstance(x, Tensor) else np.asarray(constant(x))


def replace_tensors(x: Any, values_of: Callable[[Tensor], Any]) -> Any:
    """Arguments with arrays in place of Tensors, also inside lists and dicts."""
    if isinstance(x, Tensor):
        return values_of(x)
    if type(x) in (list, tuple):
        return type(x)(replace_tensors(item, values_of) for item in x)
    if isinstance(x, dict):
        return {key: replace_tensors(item, values_of) for key, item in x.items()}
    return x


def as_constants(x: Any) -> Any:
    """Arguments that no derivative is taken of: arrays in place of Tensors that want none."""
    return replace_tensors(x, values_of_constant)


def values_of_constant(t: Tensor) -> Any:
    if t.requires_grad:
        raise TypeError(
            f"no derivative is taken with respect to {t.describe()} as this argument; pass t.detach() if it is a "
            "constant, or compute the result from operations on t"
        )
    return t._array


def axes_in(shape: tuple[int, ...], axis: Any) -> list[int]:
    """The axes that `axis` names, one or several or None for all, counted from the first."""
    if axis is None:
        return list(range(len(shape)))
    axes = [axis] if isinstance(axis, int) else np.atleast_1d(axis).tolist()
    for i in axes:
        if not -len(shape) <= i < len(shape):
            raise np.exceptions.AxisError(f"axis {i} is out of bounds for an array of shape {shape}")
    found = [i % len(shape) for i in axes]
    if len(set(found)) < len(found):
        raise ValueError(f"axis={axis} names an axis of shape {shape} twice")
    return found


# The same entries in another shape ------------------------------------------------------------------------

_reshape = general_operation(
    "reshape",
    lambda x, shape: x.reshape(shape),
    Edge(lambda *_, shape: 1, lambda u, d, x, out: u.reshape(x.shape), "reshape", "reshape({u})"),
)


def reshaping_operation(function: Callable[..., Any]) -> None:
    """`function` keeps the order of the entries: NumPy says what the shape becomes."""

    def reshape_as_told(x: Any, *args: Any, **keywords: Any) -> Any:
        result = function(data_of(x), *args, **keywords)
        return _reshape(x, shape=result.shape) if isinstance(x, Tensor) else result

    register(reshape_as_told, _reshape.operation, [function], name=function.__name__)


def reshape(x: Any, shape: Any, order: str = "C") -> Any:
    """The same entries in another shape."""
    if not isinstance(x, Tensor):
        return np.reshape(constant(x), shape, order)  # type: ignore[call-overload]
    if order == "A":  # of its memory
        order = "F" if x.data.flags.fnc else "C"
    if order == "F":
        return _reshape_in_order(x, shape, order=order)
    if order != "C":
        raise ValueError(f"order={order!r}: the entries of a Tensor are in the order 'C', 'F' or 'A'")
    return _reshape(x, shape=shape)


def ravel(x: Any, order: str = "C") -> Any:
    """All entries along one axis."""
    return reshape(x, -1, order)


register(reshape, _reshape.operation, [np.reshape])
register(ravel, _reshape.operation, [np.ravel], name="ravel")
reshaping_operation(np.squeeze)
reshaping_operation(np.expand_dims)


def at_least(function: Callable[..., Any]) -> Callable[..., Any]:
    def atleast(*tensors: Any) -> Any:
        results = tuple(reshape(x, function(data_of(x)).shape) for x in tensors)
        return results[0] if len(results) == 1 else results

    return register(atleast, None, [function], name=function.__name__)


atleast_1d, atleast_2d, atleast_3d = map(at_least, (np.atleast_1d, np.atleast_2d, np.atleast_3d))

# The same entries along permuted axes -------------------------------------------------------------------

_transpose = general_operation(
    "transpose",
    lambda x, axes: x.transpose(axes),
    Edge(
        lambda *_, axes: axes,
        lambda u, axes, x, out: u.transpose(tuple(sorted(range(len(axes)), key=axes.__getitem__))),
        "transpose{at}",
        TRANSPOSED,
    ),
    written=lambda out, x: "{0}ᵀ" if out.ndim <= 2 and out._settings["axes"] == tuple(range(out.ndim))[::-1] else None,
)


def permuting_operation(function: Callable[..., Any]) -> None:
    """`function` permutes axes: what it does to the shape (0, 1, 2, ...) says how."""

    def permute(x: Any, *args: Any, **keywords: Any) -> Any:
        ndim = data_of(x).ndim
        try:
            axes = function(np.empty(tuple(range(ndim))), *args, **keywords).shape
        except (TypeError, ValueError) as error:
            raise explain(error, _transpose.operation, (x,), {"axes": args, **keywords}) from error
        return _transpose(x, axes=axes)

    register(permute, _transpose.operation, [function], name=function.__name__)


for permutation in (np.transpose, np.matrix_transpose, np.swapaxes, np.moveaxis, np.rollaxis):
    permuting_operation(permutation)

# Copies of entries ----------------------------------------------------------------------------------------

_broadcast_to = general_operation(
    "broadcast_to",
    lambda x, shape: np.broadcast_to(x, shape),
    Edge(lambda *_, shape: 1, lambda u, d, x, out: sum_to(u, x.shape), "broadcast", SAME),
)


def broadcast_to(x: Any, shape: Any) -> Any:
    """The entries repeated along new axes and along those of length 1, as broadcasting does."""
    return _broadcast_to(x, shape=(shape,) if np.ndim(shape) == 0 else tuple(shape))


def broadcast_arrays(*tensors: Any) -> Any:
    """The operands, each broadcast to the shape that they have together."""
    shape = np.broadcast_shapes(*(data_of(x).shape for x in tensors))
    return tuple(broadcast_to(x, shape) for x in tensors)


register(broadcast_to, _broadcast_to.operation, [np.broadcast_to])
register(broadcast_arrays, None, [np.broadcast_arrays])

# Entries picked by an index -----------------------------------------------------------------------------


def is_basic(key: Any) -> bool:
    """Whether `key` picks each entry at most once, as integers, slices, None and Ellipsis do."""
    parts = key if isinstance(key, tuple) else (key,)
    return all(
        part is None or part is Ellipsis or isinstance(part, (slice, int, np.integer)) and not isinstance(part, bool)
        for part in parts
    )


def place(u: Any, key: Any, shape: tuple[int, ...]) -> Any:
    """The transpose of ``x[key]``: zeros of `shape`, with u added up where the key points."""
    z = np.zeros(shape, u.dtype)
    if is_basic(key):
        z[key] = u
    else:
        np.add.at(z, key, u)
    return z


_index = general_operation(
    "index",
    lambda x, key: x[key],
    Edge(lambda *_, key: (key,), lambda u, d, x, out: _place(u, key=d[0], shape=x.shape), "index{at}", LINEAR),
    written="{0}{at}",
)
_place: Any = general_operation(
    "place",
    place,
    Edge(lambda *_, key, shape: (key,), lambda u, d, x, out: u[d[0]], "index{at}ᵀ", "({u}){at}"),
)


def index_array(key: Any) -> Any:
    array = data_of(key)
    return array if array.size else array.astype(int)


def index(x: Any, key: Any) -> Any:
    """``x[key]`` for keys of every kind; Tensors in the key count as arrays."""
    if isinstance(key, tuple):
        key = tuple(index_array(part) if isinstance(part, (Tensor, list)) else part for part in key)
    elif isinstance(key, (Tensor, list)):
        key = index_array(key)
    try:
        return _index(x, key=key)
    except IndexError as error:
        raise IndexError(f"index of {x.describe()}: {error}") from error


register(index, _index.operation)

# Entries moved by NumPy ---------------------------------------------------------------------------------
#
# One rule for everything that picks, moves, repeats or drops entries: let NumPy's own function move the
# numbers 1, 2, 3, ... of the entries. 0 then marks an entry of the result that was filled with a zero.


def gather(x: Any, where: Any) -> Any:
    return np.concatenate([np.zeros(1, x.dtype), x.ravel()])[where]


def scatter(u: Any, where: Any, shape: tuple[int, ...]) -> Any:
    flat = np.zeros(int(np.prod(shape)) + 1, u.dtype)
    np.add.at(flat, where.ravel(), u.ravel())
    return flat[1:].reshape(shape)


_gather = general_operation(
    "gather",
    gather,
    Edge(lambda *_, where: where, lambda u, d, x, out: _scatter(u, where=d, shape=x.shape), "gather{at}", LINEAR),
)
_scatter: Any = general_operation(
    "scatter",
    scatter,
    Edge(lambda *_, where, shape: where, lambda u, d, x, out: _gather(u, where=d), "gather{at}ᵀ", "gather{at}({u})"),
)


def moving_operation(function: Callable[..., Any], name: str | None = None, numbered: Callable[..., Any] | None = None) -> Any:
    """`function` moves entries about, `numbered` does the same to their numbers."""
    name = name or function.__name__
    numbered = numbered or function

    def rule(x: Any, out: Any, args: Any, keywords: Any) -> Any:
        return numbered(np.arange(1, x.size + 1).reshape(x.shape), *args, **keywords)

    apply = general_operation(
        name,
        lambda x, args, keywords: function(x, *args, **keywords),
        Edge(rule, lambda u, d, x, out: _scatter(u, where=d, shape=x.shape), f"{name}{{at}}", LINEAR),
        listed=False,
    )

    def move_entries(x: Any, *args: Any, **keywords: Any) -> Any:
        return apply(x, args=as_constants(args), keywords=as_constants(keywords))

    return register(move_entries, apply.operation, [function])


for mover in (
    np.flip, np.fliplr, np.flipud, np.roll, np.rot90, np.tile, np.repeat,
    np.diag, np.diagonal, np.tril, np.triu, np.take, np.resize,
):  # fmt: skip
    moving_operation(mover)
_take_along_axis = moving_operation(np.take_along_axis)
_reshape_in_order = moving_operation(lambda x, shape, order: x.reshape(shape, order=order), "reshape_in_order")


def compress(condition: Any, x: Any, axis: Any = None) -> Any:
    """The slices of x along `axis` where `condition` is true."""
    return np.take(x, np.flatnonzero(condition), axis)


def pad(x: Any, pad_width: Any, mode: str = "constant", **keywords: Any) -> Any:
    """x with a border, in NumPy's modes that fill it with constants or with entries of x."""
    if mode not in ("constant", "edge", "reflect", "symmetric", "wrap"):
        raise TypeError(f"np.pad on a Tensor has no rule for mode={mode!r}; compute the border and np.concatenate it")
    if keywords.get("reflect_type") == "odd":
        return pad_oddly(x, np.broadcast_to(pad_width, (x.ndim, 2)), mode)
    return _pad(x, pad_width, mode, **keywords)


def pad_oddly(x: Any, widths: Any, mode: str) -> Any:
    """x with a border that is reflected in the point at the edge, one axis after the other."""
    for axis, width in enumerate(widths):
        if max(width) > x.shape[axis] - (mode == "reflect"):
            raise TypeError("np.pad on a Tensor with reflect_type='odd' adds no more than one reflection; pad in steps")
        alone = [tuple(width) if i == axis else (0, 0) for i in range(x.ndim)]
        x = 2 * _pad(x, alone, "edge") - _pad(x, alone, mode)
    return x


def pad_numbers(x: Any, pad_width: Any, mode: str, **keywords: Any) -> Any:
    keywords.pop("constant_values", None)
    return np.pad(x, pad_width, mode, **keywords)  # type: ignore[call-overload]


def sort(x: Any, axis: int | None = -1, kind: str | None = None, order: None = None, *, stable: bool | None = None) -> Any:
    """x in ascending order along `axis`; equal keys stay in their order, whatever `kind` is."""
    if order is not None:
        raise ValueError(f"order={order!r} names fields, which a Tensor does not have")
    return _take_along_axis(x, np.argsort(data_of(x), axis=axis, kind="stable"), axis)


_pad = moving_operation(np.pad, numbered=pad_numbers)
register(pad, _pad.operation, [np.pad])
register(compress, None, [np.compress])
register(sort, None, [np.sort])

# Several Tensors joined, and one split --------------------------------------------------------------------


def part(i: int, *arrays: Any, axis: int) -> Any:
    """Where operand i lies in the concatenation."""
    before = sum(np.shape(a)[axis] for a in arrays[:i])
    return (slice(None),) * (axis % arrays[-1].ndim) + (slice(before, before + np.shape(arrays[i])[axis]),)


_concatenate = general_operation(
    "concatenate",
    lambda *arrays, axis: np.concatenate(arrays, axis),
    Edge(part, lambda u, d, x, out: u[d], "index{at}ᵀ", "({u}){at}"),
    variadic=True,
)


def concatenate(arrays: Sequence[Any], axis: int | None = 0, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """The operands one after the other along an axis that exists."""
    if axis is None:
        arrays, axis = [ravel(x) for x in arrays], 0
    joined = _concatenate(*arrays, axis=axis)
    if dtype is None:
        return joined
    if not np.can_cast(joined.dtype, dtype, casting):  # type: ignore[arg-type]
        raise TypeError(f"cannot join {joined.dtype} as {np.dtype(dtype)} with casting={casting!r}")
    return joined.astype(dtype)


def stack(arrays: Sequence[Any], axis: int = 0, **keywords: Any) -> Any:
    """The operands one after the other along a new axis."""
    arrays = [operand(x) for x in arrays]
    shapes = {x.shape for x in arrays}
    if len(shapes) != 1:
        raise ValueError(f"np.stack joins operands of one shape, not {sorted(shapes)}")
    return concatenate([np.expand_dims(x, axis) for x in arrays], axis, **keywords)


@overload
def array(
    nested: Tensor | Sequence[Tensor] | Sequence[Sequence[Tensor]], dtype: npt.DTypeLike | None = None
) -> Tensor: ...
@overload
def array(nested: Any, dtype: npt.DTypeLike | None = None) -> Any: ...


def array(nested: Any, dtype: npt.DTypeLike | None = None) -> Any:
    """An array of Tensors, arrays and numbers, nested in lists to any depth: `numpy.array` with a history.

    Parameters
    ----------
    nested : list, tuple, Tensor or array_like
        The entries of a list are of one shape.
    dtype : dtype, optional
        As for `numpy.array`: by default one that holds all entries.

    Returns
    -------
    Tensor, or ndarray if there is no Tensor in it

    Raises
    ------
    ValueError
        If entries of one list have different shapes.
    TypeError
        If something in it is neither a number nor an array of numbers nor a Tensor; if it would lose its gradient for
        integers or truth values.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> import numpy as np
    >>> turn = ag.jacobian(lambda a: ag.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]))
    >>> turn(0.0)
    array([[ 0., -1.],
           [ 1.,  0.]])
    """
    leaves: list[Any] = []
    shape = collect_leaves(nested, leaves, "")
    if not any(isinstance(x, Tensor) for x in leaves):
        return np.array(nested, dtype=dtype)
    parts: list[Any] = []
    for recorded, run in groupby(leaves, lambda x: isinstance(x, Tensor)):
        flat = [ravel(x) for x in run]
        parts += flat if recorded else [np.concatenate(flat)]
    joined = reshape(concatenate(parts), shape)
    if dtype is not None and np.dtype(dtype).kind not in "fc" and joined.requires_grad:
        kind = np.dtype(dtype)
        raise TypeError(f"ag.array: no gradient passes dtype {kind}; for the values write ag.array(...).astype('{kind}')")
    return joined if dtype is None else joined.astype(dtype)


def collect_leaves(nested: Any, leaves: list[Any], path: str, depth: int = 0) -> tuple[int, ...]:
    """Append the numbers, arrays and Tensors in `nested` to `leaves`; return the shape of it all."""
    if not isinstance(nested, (list, tuple)):
        leaves.append(operand(nested))
        return tuple(leaves[-1].shape)
    if depth == 64:  # the limit of NumPy
        raise ValueError("ag.array: lists are nested more than 64 deep, or contain themselves")
    shapes = [collect_leaves(x, leaves, f"{path}[{i}]", depth + 1) for i, x in enumerate(nested)]
    for i, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise ValueError(
                f"ag.array: entry {path}[0] has shape {shapes[0]} and {path}[{i}] has shape {shape}; "
                "the entries of a list must be of one shape"
            )
    return (len(shapes), *shapes[0]) if shapes else (0,)


def append(x: Any, values: Any, axis: int | None = None) -> Any:
    """`values` after x; both flattened without an axis."""
    return concatenate([x, values], axis)


def vstack(tup: Sequence[Any], **keywords: Any) -> Any:
    """The operands one below the other."""
    return concatenate([atleast_2d(x) for x in tup], 0, **keywords)


def hstack(tup: Sequence[Any], **keywords: Any) -> Any:
    """The operands side by side."""
    rows = [atleast_1d(x) for x in tup]
    return concatenate(rows, 0 if rows[0].ndim == 1 else 1, **keywords)


def dstack(tup: Sequence[Any]) -> Any:
    """The operands one behind the other, along the third axis."""
    return concatenate([atleast_3d(x) for x in tup], 2)


def column_stack(tup: Sequence[Any]) -> Any:
    """Vectors as the columns of a matrix, matrices side by side."""
    columns = [operand(x) for x in tup]
    return concatenate([atleast_2d(x).T if x.ndim < 2 else x for x in columns], 1)


def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """The parts of x along `axis`, of nearly equal length or cut at the given places."""
    return _parts(np.array_split, x, indices_or_sections, axis)


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """The parts of x along `axis`, of equal length or cut at the given places."""
    return _parts(np.split, x, indices_or_sections, axis)


def hsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """Parts of x side by side."""
    return split(x, indices_or_sections, 1 if x.ndim > 1 else 0)


def vsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """Parts of x one below the other."""
    return split(x, indices_or_sections, 0)


def dsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """Parts of x along the third axis."""
    return split(x, indices_or_sections, 2)


def _parts(cut: Callable[..., Any], x: Any, sections: Any, axis: int) -> list[Any]:
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"an array of shape {x.shape} has no axis {axis} to be split along")
    numbers = cut(np.arange(x.shape[axis]), as_constants(sections))
    before = (slice(None),) * (axis % x.ndim)
    return [x[(*before, slice(n[0], n[-1] + 1) if n.size else slice(0, 0))] for n in numbers]


register(concatenate, _concatenate.operation, [np.concatenate])
for composed in (stack, append, vstack, hstack, dstack, column_stack, array_split, split, hsplit, vsplit, dsplit):
    register(composed, None, [getattr(np, composed.__name__)])
