"""Updates of many small parameters as one: what is done to each of them alike is done once, to arrays that lie side by side.

A call of NumPy on four numbers takes as long as one on four hundred. So where a step ends in the same calls for every
parameter, as steps do, their gradients are computed into one array, and data that nobody else holds moves into another.
"""

from __future__ import annotations

from collections.abc import Sequence
from sys import getrefcount
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.compiling.tracing import Call, Effect, Stand, Traced
from autograd_lite.engine.tensor import Tensor

EXACT = {np.add, np.subtract, np.multiply, np.divide, np.negative, np.square, np.sqrt, np.abs, np.maximum, np.minimum}
"""Functions whose results do not depend on where an entry lies."""
LONGEST = 40
"""The number of events up to which a repetition is looked for."""
GROUPED_BYTES = 2**15
"""The number of bytes up to which calls cost more than the copies of gradients that become known outside."""
LONELY = Tensor(0.0)
UNHELD = getrefcount(LONELY._array)
"""What is counted for an array that only a Tensor refers to."""


class Block(NamedTuple):
    """Events that repeat alike for several parameters.

    Attributes
    ----------
    start, stop : int
    template : sequence
        Those of the last parameter.
    chains : dict
        For each array of the template, by index, that of every parameter.
    things : list
        The Tensors that change.
    """

    start: int
    stop: int
    template: Sequence[Any]
    chains: dict[int, list[Traced]]
    things: list[Any]


def find_repetition(events: Sequence[Any]) -> Block | None:
    """The longest run of equal blocks up to the last change of data."""
    stop = max((i + 1 for i, event in enumerate(events) if isinstance(event, Effect) and event.name == "_changed"), default=0)
    for length in range(2, min(LONGEST, stop // 2) + 1):
        template = events[stop - length : stop]
        found: list[dict[int, Traced]] = []
        start = stop - length
        while start >= length and (pairs := match_block(events[start - length : start], template)) is not None:
            found.insert(0, pairs)
            start -= length
        if found and all(pairs.keys() == found[0].keys() for pairs in found):
            own = {x.index: x for s in template if isinstance(s, Call) for x in (*s.args, s.out) if isinstance(x, Traced)}
            chains = {index: [*(pairs[index] for pairs in found), own[index]] for index in found[0]}
            things = [s.thing for s in events[start:stop] if isinstance(s, Effect)]
            return Block(start, stop, template, chains, things)
    return None


def match_block(block: Sequence[Any], template: Sequence[Any]) -> dict[int, Traced] | None:
    """The arrays of a block that stand where those of the template do, if both do the same."""
    pairs: dict[int, Traced] = {}

    def alike(x: Any, y: Any) -> bool:
        if isinstance(x, Traced) and isinstance(y, Traced) and x is not y:
            return x.dtype == y.dtype and pairs.setdefault(y.index, x) is x
        if isinstance(x, Stand) or isinstance(y, Stand):  # a number that is the same for all
            return x is y and np.ndim(x.value) == 0
        return x is y or type(x) is type(y) and type(x) in (int, float) and repr(x) == repr(y)

    for s, t in zip(block, template):
        if isinstance(s, Effect) and isinstance(t, Effect):
            if (s.name, t.name) != ("_changed", "_changed"):
                return None
        elif not (isinstance(s, Call) and isinstance(t, Call)) or s.function is not t.function or s.function not in EXACT:
            return None
        elif s.errors or t.errors or not all(map(alike, s.args, t.args)) or not alike(s.out, t.out):
            return None
        elif s.keywords.keys() - {"out"} or s.keywords.keys() != t.keywords.keys() or (s.target is None) != (t.target is None):
            return None
    return pairs if len({id(x) for x in pairs.values()}) == len(pairs) else None


def side_by_side(like: Sequence[Any]) -> tuple[Any, list[Any]]:
    """Memory for arrays like these, as one vector and in pieces."""
    whole = np.empty(sum(x.size for x in like), like[0].dtype)
    ends = np.cumsum([x.size for x in like])
    return whole, [whole[end - x.size : end].reshape(x.shape) for x, end in zip(like, ends)]


class Moved:
    """The data of Tensors as one vector, where it is one.

    Parameters
    ----------
    tensors : sequence of Tensor
    whole : str
        The name of the vector in a replay.
    pieces : sequence of str
        The names of its pieces.
    apart : sequence of str
        The places of arrays that must not lie in it.
    """

    def __init__(self, tensors: Sequence[Tensor], whole: str, pieces: Sequence[str], apart: Sequence[str]) -> None:
        self.tensors, self.whole, self.pieces, self.apart = tensors, whole, pieces, apart

    def settle(self, names: dict[str, Any]) -> None:
        """Look where the data is, and move it unless somebody would notice."""
        arrays = [t._array for t in self.tensors]
        whole: Any = arrays[0].base
        places = [x.__array_interface__["data"][0] for x in arrays]
        ends = np.cumsum([0, *(x.nbytes for x in arrays)])
        if not (
            isinstance(whole, np.ndarray) and whole.ndim == 1 and whole.nbytes == ends[-1] and whole.flags.c_contiguous
            and all(x.base is whole and x.flags.c_contiguous for x in arrays)
            and [place - places[0] for place in places] == [*ends[:-1]]
        ):  # fmt: skip
            arrays.clear()
            if any(getrefcount(t._array) != UNHELD or not t._array.flags.carray or t._array.base is not None for t in self.tensors):
                return
            whole, arrays = side_by_side([t._array for t in self.tensors])
            for t, piece in zip(self.tensors, arrays):
                piece[...] = t._array
                t._array = piece
        if any(np.may_share_memory(whole, eval(place, names)) for place in self.apart):
            return
        names.update(zip(self.pieces, arrays))
        names[self.whole] = whole
