"""Nests of gradients, dicts and sequences in one another: taken apart into leaves that have a name, and put together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from autograd_lite.engine.tensor import Tensor


def is_nest(x: Any) -> bool:
    """Whether x holds arrays; a list of numbers, however deep, is an array itself."""
    if isinstance(x, Mapping):
        return True
    return isinstance(x, (list, tuple)) and any(isinstance(item, (np.ndarray, Tensor)) or is_nest(item) for item in x)


def leaves(nest: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a nest with their paths: ``layer1.w``, ``w[0]``. A Tensor in a sequence lends its name."""
    if isinstance(nest, Mapping):
        for key, item in nest.items():
            inner = f"{path}.{key}" if path and isinstance(key, str) else f"{path}[{key!r}]" if path else str(key)
            yield from inside(item, inner)
    else:
        for i, item in enumerate(nest):
            named = isinstance(item, Tensor) and item.name and not path
            yield from inside(item, str(item.name) if named else f"{path}[{i}]" if path else f"parameter {i}")


def inside(item: Any, path: str) -> Iterator[tuple[str, Any]]:
    if is_nest(item):
        yield from leaves(item, path)
    else:
        yield path, item


def mapped(change: Callable[[Any], Any], nest: Any) -> Any:
    """The nest with every leaf changed; what is no nest is a leaf."""
    if not is_nest(nest):
        return change(nest)
    if isinstance(nest, Mapping):
        return {key: mapped(change, item) for key, item in nest.items()}
    items = [mapped(change, item) for item in nest]
    return type(nest)(*items) if hasattr(nest, "_fields") else type(nest)(items)
