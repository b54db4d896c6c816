"""A mode that looks at every array: who wrote to it since, and which operation gave the first NaN or infinity.

Outside of `debug` none of this runs, and recording asks nobody whether it should: an operation that records takes the
scope from the state, and under `debug` the state answers with one that has looked at the arrays of the operation.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any
from zlib import crc32

import numpy as np

from autograd_lite.engine.recording import StateContext, State

used = False
"""Whether anything was ever recorded under `debug`: until then, sweeps need not look for it."""
OURS = (str(Path(__file__).parents[1]), str(Path(np.__file__).parent), "<autograd_lite")
"""Where the files lie whose lines are not the user's."""


class debug(StateContext):
    """Find out where NaN comes from, and who writes into arrays between forward and backward pass.

    What is recorded inside is watched, even in a backward pass outside. The first operation that gives NaN raises, or
    infinity from finite numbers, be it as its result or as its share of a gradient. A backward pass raises too if an
    array of an operation has been written to since. Errors name the operation and the line of yours that it was recorded at. All
    arrays are read several times; without `debug` nothing is. Holds for the current thread, as `no_grad` does, and is a
    context manager and a decorator. Inside `debug`, a compiled step runs uncompiled, and is watched like any other
    code.

    Raises
    ------
    FloatingPointError
        By operations and backward passes, at the first NaN or infinity.
    RuntimeError
        By backward passes, if an array was written to.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> import numpy as np
    >>> x, a = ag.Tensor([1.0, 2.0], requires_grad=True), np.array([3.0, 4.0])
    >>> with ag.debug():
    ...     cost = (x * a).sum()
    >>> a[0] = 0.0
    >>> cost.backward()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    RuntimeError: operand 1 of 'multiply' was written to after the operation was recorded at ...
    """

    def _inside(self, now: State) -> State:
        return Watching(now.on, now.scope, now)


class Watching(State):
    """What holds under `debug`."""

    __slots__ = ("names",)

    def __init__(self, on: bool, scope: tuple[str, ...], outer: State) -> None:
        self.on, self.names, self.outer = on, tuple(scope), outer

    @property
    def scope(self) -> tuple[str, ...]:  # type: ignore[override]
        caller = sys._getframe(1)
        return Watched.by(caller, self.names) if caller.f_code.co_name == "apply" else self.names


class Watched(tuple[str, ...]):
    """The scope of an operation that was recorded under `debug`, with what is to be known about its arrays.

    Attributes
    ----------
    where : str
        The line of the user's.
    sums : list of tuple
        What each array is, it, and its checksum: operands, result, and what is in the settings.
    """

    where: str
    sums: list[tuple[str, np.ndarray[Any, Any], int]]

    def __add__(self, names: tuple[str, ...]) -> Watched:  # type: ignore[override]
        """Inside of further names, as layers say of their results: what is known about the arrays stays."""
        inner = type(self)((*self, *names))
        inner.where, inner.sums = self.where, self.sums
        return inner

    @classmethod
    def by(cls, caller: FrameType, names: tuple[str, ...]) -> Watched:
        """From the variables of the function that is recording."""
        global used
        used = True
        now = caller.f_locals
        operation, result = now["operation"], now["data"]
        arrays = now["arrays"] if "arrays" in now else [now[f"a{i}"] for i in range(len(operation.edges))]
        self = cls(names)
        self.where = line_of(caller)
        if wrong := trouble(result, arrays):
            shapes = ", ".join(map(str, map(np.shape, arrays)))
            raise FloatingPointError(f"'{operation.name}' of shapes {shapes} gave {wrong}, {self.where}")
        known = [(f"operand {i}", a) for i, a in enumerate(arrays)] + [("the result", result)]
        for name, setting in now.get("settings", {}).items():
            known += [(f"the index, mask or other setting {name!r}", a) for a in arrays_in(setting)]
        self.sums = [(what, a, checksum(a)) for what, a in known if type(a) is np.ndarray]
        return self


def arrays_in(settings: Any) -> Iterator[np.ndarray[Any, Any]]:
    """The arrays among the settings of an operation, such as those of an index: in dicts, lists and tuples, one after the other."""
    if isinstance(settings, np.ndarray):
        yield settings
    elif isinstance(settings, (tuple, list, dict)):
        for x in settings.values() if isinstance(settings, dict) else settings:
            yield from arrays_in(x)


def watch(arrows_of: Callable[[Any], Iterable[Any]] | None) -> Callable[[Any], Iterator[Any]]:
    """The arrows of a node, looked at while they are followed if it was recorded under `debug`."""

    def arrows(out: Any) -> Iterator[Any]:
        found = out._arrows() if arrows_of is None else arrows_of(out)
        if not isinstance(out.scope, Watched):
            yield from found
            return
        for what, a, known in out.scope.sums:
            if checksum(a) != known:
                raise RuntimeError(
                    f"{what} of '{out.op}' was written to after the operation was recorded {out.scope.where}. "
                    "Write to a copy, or after the backward pass"
                )
        for i, (x, pull, value) in enumerate(found):
            yield x, partial(look_at, pull, i), value

    return arrows


def look_at(pull: Callable[..., Any], index: int, u: Any, value: Any, x: Any, out: Any) -> Any:
    g = pull(u, value, x, out)
    g_array, u_array = (getattr(t, "_array", t) for t in (g, u))
    if wrong := trouble(g_array, [u_array]):
        raise FloatingPointError(
            f"the backward pass through '{out.op}' gave {wrong} as the derivative with respect to operand {index} "
            f"({x.describe()}), recorded {out.scope.where}"
        )
    return g


def trouble(result: Any, sources: Iterable[Any]) -> str:
    """The words for the first NaN in `result`, or else for the first infinity if no source has one; empty if all is
    well."""
    for name, found in (("NaN", np.isnan(result)), ("infinity", np.isinf(result))):
        if np.any(found) and (name == "NaN" or not any(np.any(np.isinf(a)) for a in sources)):
            where = ", ".join(map(str, np.argwhere(found)[0]))
            return f"{name}{f' at [{where}]' if where else ''}"
    return ""


def checksum(a: np.ndarray[Any, Any]) -> int:
    return crc32(np.ascontiguousarray(a).data)


def line_of(frame: FrameType | None) -> str:
    """The innermost line outside of the engine and NumPy."""
    while frame is not None and frame.f_code.co_filename.startswith(OURS):
        frame = frame.f_back
    if frame is None:
        return "at no line of a file"
    file, line = frame.f_code.co_filename, frame.f_lineno
    return f"at {file}:{line}: {linecache.getline(file, line, frame.f_globals).strip()}"
