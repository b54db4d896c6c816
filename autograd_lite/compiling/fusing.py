"""One NumPy call where a compiled step makes several of the same kind, on arrays that lie side by side in memory.

A NumPy call on a few numbers takes as long as one on a few hundred, and the update of a network makes the same ones for
each parameter. So arrays that undergo the same elementwise calls, parameters and their gradients above all, are given
places next to each other, and each of the calls is made once, on all of them as one flat array.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from autograd_lite.compiling.tracing import Call, Traced, traced_in

LARGEST = 2**15
"""Entries up to which an array takes part. Beyond, a call of its own costs nothing to speak of, and cache is short."""


def fused(calls: Sequence[Call], movable: Callable[[Traced], bool], join: Callable[[list[Traced]], Traced | None]) -> list[Call]:
    """The calls in another order, in which those of the same kind stand together and are one.

    Parameters
    ----------
    calls : sequence of Call
    movable : callable
        Whether an array may be given another place in memory.
    join : callable
        Gives such arrays places next to each other and returns the flat array that they are parts of, or None
        where that is impossible.
    """
    kinds = kinds_of(calls, movable)
    remaining: dict[Any, int] = defaultdict(int)
    for kind in kinds:
        remaining[kind] += 1
    after, waits_for = dependencies(calls)
    alone: list[int] = []  # ready calls that join no others
    ready: dict[Any, list[int]] = defaultdict(list)  # and those that may, by kind
    done: list[Call] = []

    def release(i: int) -> None:
        if remaining[kinds[i]] > 1 and kinds[i] is not None:
            ready[kinds[i]].append(i)
        else:
            heappush(alone, i)

    for i in range(len(calls)):
        if waits_for[i] == 0:
            release(i)
    while alone or ready:
        if alone:
            group = [heappop(alone)]
        else:  # a kind of which no more calls will come, or the one that comes first
            kind = min(ready, key=lambda kind: (len(ready[kind]) < remaining[kind], ready[kind][0]))
            group = sorted(ready.pop(kind))
            remaining[kind] -= len(group)
        done += together([calls[i] for i in group], join)
        for i in group:
            for j in after[i]:
                waits_for[j] -= 1
                if waits_for[j] == 0:
                    release(j)
    return done


def kinds_of(calls: Sequence[Call], movable: Callable[[Traced], bool]) -> list[Any]:
    """What calls must share to be made as one: function, numbers, and the calls that made their operands.

    None for those that are no elementwise calls on arrays of one shape that may be moved.
    """
    numbers: dict[Any, int] = {}
    made_by: dict[int, int] = {}  # the kind of the call that has written to an array last
    kinds = []
    for call in calls:
        kind = None
        out = call.out
        if isinstance(call.function, np.ufunc) and call.function.signature is None and set(call.keywords) <= {"out"}:
            operands = [x for x in call.args if type(x) is Traced and x.ndim]
            if movable(out) and all(x.shape == out.shape and movable(x) for x in operands):
                form = tuple(
                    ("array", x.dtype, made_by.get(x.index)) if type(x) is Traced and x.ndim
                    else x.index if type(x) is Traced
                    else (type(x), repr(x))
                    for x in call.args
                )  # fmt: skip
                kind = (call.function, form, out.dtype, call.target is None, call.quiet)
        if kind is None:
            made_by.pop(out.root.index, None)
        else:
            made_by[out.index] = numbers.setdefault(kind, len(numbers))
        kinds.append(kind)
    return kinds


def dependencies(calls: Sequence[Call]) -> tuple[list[set[int]], list[int]]:
    """The calls that must come after each, and for each the number of those that must come before.

    Arrays from outside may share memory, as those of a Tensor and of a detached one do. An input may share it with any of
    them, at some call if not at this one; a call that writes to an input stays where it is.
    """
    after: list[set[int]] = [set() for _ in calls]
    made: dict[int, int] = {}  # where an array is computed, or made as a view
    writer: dict[int, int] = {}  # who has written to memory last, and who has read from it since
    readers: dict[int, list[int]] = defaultdict(list)
    input_readers: list[int] = []
    outside_writers: list[int] = []
    memory = shared_memory(calls)
    into_inputs: list[int] = []
    for i, call in enumerate(calls):
        before: set[int] = set(into_inputs[-1:])
        for x in traced_in((call.args, call.keywords)):
            root = x.root
            where = memory.get(root.index, root.index)
            before.update(made[y] for y in (x.index, root.index) if y in made)
            before.update(writer[y] for y in [where] if y in writer)
            readers[where].append(i)
            if root.position is not None:
                before.update(outside_writers)
                input_readers.append(i)
        out = call.out
        made.setdefault(out.index, i)
        if out.base is None or call.target is not None:
            root = out.root
            where = memory.get(root.index, root.index)
            before.update(readers.pop(where, []), [writer.get(where, i)])
            writer[where] = i
            if root.position is not None:
                before.update(range(i))
                into_inputs.append(i)
            elif out.from_outside:
                before.update(input_readers)
                outside_writers.append(i)
        for j in before - {i}:
            after[j].add(i)
    waits_for = [0] * len(calls)
    for later in after:
        for j in later:
            waits_for[j] += 1
    return after, waits_for


def shared_memory(calls: Sequence[Call]) -> dict[int, int]:
    """For arrays from outside that overlap others, the index of one of these, the same for all of them."""
    found = {x.root.index: x.root for call in calls for x in traced_in((call.args, call.keywords))}
    outside = [x for x in found.values() if x.initial is not None]
    spans = sorted((*byte_bounds(x.array), x.index) for x in outside if x.size)
    memory: dict[int, int] = {}
    reached, first = -1, -1
    for low, high, index in spans:
        if low >= reached:
            first = index
        memory[index] = first
        reached = max(reached, high)
    return memory


def together(calls: list[Call], join: Callable[[list[Traced]], Traced | None]) -> list[Call]:
    """Calls of one kind as one, if their arrays can be joined."""
    if len(calls) == 1:
        return calls
    first = calls[0]
    places = [i for i, x in enumerate(first.args) if type(x) is Traced and x.ndim]
    placed = next((x for x in first.args if type(x) is Traced and x.place), None)
    if placed is not None:  # in the order in which the arrays lie already
        i = next(i for i, x in enumerate(first.args) if x is placed)
        calls = sorted(calls, key=lambda call: call.args[i].place[1] if call.args[i].place else 0)
    columns = [[call.args[i] for call in calls] for i in places] + [[call.out for call in calls]]
    if not all(map(joinable, columns)) or overlap(columns):
        return calls
    whole = [join(column) for column in columns]
    if any(x is None for x in whole):
        return calls
    args = list(first.args)
    for i, x in zip(places, whole):
        args[i] = x
    out = whole[-1]
    if first.target is None:
        return [first._replace(args=tuple(args), result=out)]
    return [first._replace(args=tuple(args), keywords={"out": (out,)}, target=out)]


def joinable(column: list[Traced]) -> bool:
    """Whether no array has a place yet, or all have theirs next to each other and are all that is there."""
    if all(x.place is None for x in column):
        return len({x.index for x in column}) == len(column)
    whole: Any = column[0].place[0] if column[0].place else None
    end = 0
    for x in column:
        if x.place is None or x.place[0] is not whole or x.place[1] != end:
            return False
        end += x.size
    return end == whole.size


def overlap(columns: Sequence[list[Traced]]) -> bool:
    """Whether an array stands in two columns that are not the same."""
    distinct = {tuple(x.index for x in column) for column in columns}
    return len({i for column in distinct for i in column}) < sum(map(len, distinct))
