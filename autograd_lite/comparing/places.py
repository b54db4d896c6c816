"""Where entries of an array lie, in words: all in column 0, the last row, the diagonal."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.engine.tensor import Array


def words_for_mask(mask: Array) -> str:
    """In words, where the entries lie that `mask` marks, of which there is at least one.

    Examples
    --------
    >>> words_for_mask(np.eye(3, dtype=bool))
    'on the diagonal'
    >>> words_for_mask(np.array([[True, False], [True, False]]))
    'all of column 0'
    >>> words_for_mask(np.array([[False, False, False], [False, True, True]]))
    'in the last row, 1'
    """
    if mask.all():
        return "everywhere"
    if mask.sum() == 1:
        return f"at index {write_index(np.argwhere(mask)[0])}"
    if mask.ndim == 1:
        return span(mask)
    found = slab(mask)
    if found:
        return ("all of " if mask[found[1]].all() else "in ") + found[0]
    spared = slab(~mask)
    if spared and not mask[spared[1]].any():
        return f"everywhere but in {spared[0]}"
    return on_diagonals(mask) or "scattered"


def write_index(indices: Any) -> str:
    """An index as one types it, without the names that NumPy gives to its integers."""
    return f"[{', '.join(str(int(i)) for i in indices)}]"


def span(mask: Array) -> str:
    at = np.flatnonzero(mask)
    if at[-1] - at[0] + 1 == len(at):
        last = len(mask) - 1
        return f"up to index {at[-1]}" if at[0] == 0 else f"from index {at[0]} {'on' if at[-1] == last else f'to {at[-1]}'}"
    return "scattered"


def slab(mask: Array) -> tuple[str, tuple[Any, ...]] | None:
    """The row, the column or the slice of another axis that holds all that is marked, if one does."""
    for axis, n in enumerate(mask.shape):
        others = tuple(i for i in range(mask.ndim) if i != axis)
        held = np.flatnonzero(mask.any(others))
        if len(held) == 1 and n > 1 and mask.size > n:
            i = int(held[0])
            at = (slice(None),) * axis + (i,)
            if mask.ndim == 2:
                name = ("row", "column")[axis]
                return (f"the last {name}, {i}" if i == n - 1 else f"{name} {i}"), at
            return f"[{', '.join(':' if k != axis else str(i) for k in range(mask.ndim))}]", at
    return None


def on_diagonals(mask: Array) -> str:
    if mask.ndim != 2:
        return ""
    rows, columns = np.indices(mask.shape)
    for words, part in (
        ("on the diagonal", rows == columns),
        ("off the diagonal", rows != columns),
        ("above the diagonal", rows < columns),
        ("below the diagonal", rows > columns),
    ):
        if np.array_equal(mask, part):
            return words
    return ""
