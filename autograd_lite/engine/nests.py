"""Nests: arrays in dicts, lists, tuples and named tuples, in one another to any depth.

Parameters come like this, and derivatives have the form of what they are taken with respect to. A list of numbers,
however deep, is an array as everywhere in NumPy; a list is a nest if it holds an array, a Tensor or a nest, or
numbers mixed with other things (names, None, functions).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np

from autograd_lite.engine.tensor import Array, Tensor, as_array

DEPTH = 64
"""No nest is deeper, unless it contains itself."""


def is_nest(x: Any, depth: int = 0) -> bool:
    """Whether x is a container of arrays and not an array itself."""
    if isinstance(x, Mapping) or isinstance(x, tuple) and hasattr(x, "_fields"):
        return True
    if depth == DEPTH:
        raise ValueError(f"a list is nested more than {DEPTH} deep, or contains itself")
    if not isinstance(x, (list, tuple)):
        return False
    if any(isinstance(item, (Tensor, np.ndarray)) or is_nest(item, depth + 1) for item in x):
        return True
    stand_aside = [item is None or isinstance(item, str) or callable(item) for item in x]
    return any(stand_aside) and not all(stand_aside)


def leaves(x: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """The leaves with their paths, such as ``params["layer 1"][0]``; x itself if it is not a nest."""
    if not is_nest(x):
        yield path, x
        return
    if depth == DEPTH:
        raise ValueError(f"{path[:40]}... is nested more than {DEPTH} deep, or contains itself")
    for key, item in items_of(x):
        yield from leaves(item, path + key, depth + 1)


def items_of(nest: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(nest, Mapping):
        return ((f'["{key}"]' if isinstance(key, str) else f"[{key!r}]", item) for key, item in nest.items())
    if hasattr(nest, "_fields"):
        return ((f".{field}", item) for field, item in zip(nest._fields, nest))
    return ((f"[{i}]", item) for i, item in enumerate(nest))


def map_leaves(change: Callable[[Any], Any], x: Any, depth: int = 0) -> Any:
    """A nest of the same form, with every leaf changed; what is not a nest is a leaf."""
    if not is_nest(x):
        return change(x)
    if depth == DEPTH:
        raise ValueError(f"a nest is more than {DEPTH} deep, or contains itself")
    if isinstance(x, Mapping):
        kind: Any = OrderedDict if isinstance(x, OrderedDict) else dict
        return kind((key, map_leaves(change, item, depth + 1)) for key, item in x.items())
    items = [map_leaves(change, item, depth + 1) for item in x]
    if hasattr(x, "_fields"):
        return type(x)(*items)
    return items if isinstance(x, list) else tuple(items)


def is_numeric(leaf: Any) -> bool:
    """Whether a leaf is a number or an array of numbers; names, None and functions stand aside."""
    if isinstance(leaf, (Tensor, bool, int, float, complex)):
        return True
    return leaf is not None and not callable(leaf) and np.asarray(leaf).dtype.kind in "biufc"


def numbers_in(x: Any) -> Iterator[tuple[str, Any]]:
    """The numbers in a nest with their paths; x itself, whatever it is, if it is not a nest."""
    return ((path, leaf) for path, leaf in leaves(x) if not path or is_numeric(leaf))


def replace_numbers(x: Any, values: Iterable[Any], aside: Callable[[Any], Any] = lambda leaf: None) -> Any:
    """A nest of the form of x with `values` in place of the numbers, and what `aside` gives for what is none."""
    following = iter(values)
    return map_leaves(lambda leaf: next(following) if is_numeric(leaf) else aside(leaf), x)


def pack(tensors: Iterable[Any]) -> Any:
    """All entries in one vector."""
    return np.concatenate([x.reshape(-1) for x in tensors])


def places(arrays: Iterable[Any]) -> Iterator[slice]:
    """Where each of the arrays lies in the vector that they are packed in."""
    end = 0
    for x in arrays:
        start, end = end, end + x.size
        yield slice(start, end)


def unpack(vector: Any, like: Sequence[Any]) -> list[Any]:
    """The parts of a vector, in the shapes and dtypes of the arrays that it was packed from."""
    parts = [vector[place].reshape(x.shape) for x, place in zip(like, places(like))]
    return [part if part.dtype == x.dtype else part.astype(x.dtype) for x, part in zip(like, parts)]


@overload
def flatten(nest: Array | Sequence[Array] | Mapping[str, Array]) -> tuple[Array, Callable[[Any], Any]]: ...
@overload
def flatten(nest: Tensor | Sequence[Tensor] | Mapping[str, Tensor]) -> tuple[Tensor, Callable[[Any], Any]]: ...
@overload
def flatten(nest: Any) -> tuple[Any, Callable[[Any], Any]]: ...


def flatten(nest: Any) -> tuple[Any, Callable[[Any], Any]]:
    """All numbers of a nest as one vector, and the function that puts such a vector back in form.

    For optimizers that know vectors, such as those of SciPy.

    Parameters
    ----------
    nest : dict, list, tuple or named tuple of floating-point arrays, Tensors and numbers, nested; or one of these

    Returns
    -------
    vector : ndarray, or Tensor if there is one in the nest; shape (n,)
    unflatten : callable
        Takes a vector of shape (n,), array or Tensor, and gives a nest of the form of the first, each array with its
        own shape and dtype. What is not a number, such as a name, is put back as it was.

    Raises
    ------
    TypeError
        If a number is not of a real floating dtype; the error has its path.
    ValueError
        If there is no number in the nest; by `unflatten`, if the vector has another shape.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> import numpy as np
    >>> vector, unflatten = ag.flatten({"w": np.array([[1.0, 2.0]]), "b": 3.0})
    >>> vector
    array([1., 2., 3.])
    >>> unflatten(10 * vector)
    {'w': array([[10., 20.]]), 'b': array(30.)}
    """
    numbers = []
    for path, leaf in leaves(nest):
        if is_numeric(leaf):
            x = as_array(leaf)
            if x.dtype.kind != "f":
                raise TypeError(f"flatten: {'nest' + path} is of dtype {x.dtype}, not a real floating one; write 1.0 instead of 1")
            numbers.append(x)
    if not numbers:
        raise ValueError("flatten: there is no number in the nest")
    like = [np.empty(x.shape, x.dtype) for x in numbers]
    size = sum(x.size for x in like)

    def unflatten(vector: Any) -> Any:
        vector = as_array(vector)
        if vector.shape != (size,):
            raise ValueError(f"unflatten takes a vector of shape ({size},), not of shape {vector.shape}")
        return replace_numbers(nest, unpack(vector, like), lambda leaf: leaf)

    return pack(numbers), unflatten
