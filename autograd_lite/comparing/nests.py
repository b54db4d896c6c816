"""Nests of gradients: the names that their leaves have in a table, such as ``layer1.w``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from autograd_lite.engine.nests import is_nest
from autograd_lite.engine.tensor import Tensor


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
