"""Compiled steps: what a training step does, recorded once and replayed as a flat list of NumPy calls.

The first two calls run the step as it is and record it. Where the two recordings agree, every further call
replays them as a straight function without the step, the graph or the sweep: each NumPy call writes into
a buffer allocated beforehand, buffers are used again as soon as their content is no longer needed, calls of
the same kind are made as one (see `fusing`), and what no result depends on is left out. Before it is trusted,
the replay must give what the step itself gave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from functools import partial, update_wrapper
from sys import getrefcount
from threading import RLock
from types import MethodType
from typing import Any

import numpy as np

from autograd_lite.engine import recording
from autograd_lite.compiling.fusing import LARGEST, fused
from autograd_lite.engine.recording import differentiated
from autograd_lite.engine.tensor import ARRAYS, ONES, Array, Tensor, computed
from autograd_lite.compiling.tracing import (
    ADVICE,
    Call,
    NotReplayable,
    Tape,
    Traced,
    active,
    recording_on,
    replaced,
    traced_in,
)


class Compiled:
    """A step and its recordings, one for each combination of shapes and dtypes; made by `compile`."""

    def __init__(self, step: Callable[..., Any]) -> None:
        if not callable(step):
            raise TypeError(f"compile takes a function, not {type(step).__name__}")
        self.step = step
        self._recordings: dict[Any, Recording] = {}
        self._latest: Recording | None = None
        self._lock = RLock()
        update_wrapper(self, step, updated=())

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        if differentiated.get() or active.get() is not None:
            return self.step(*args, **keywords)  # part of a derivative, or of another compiled step
        self._lock.acquire()  # the buffers belong to one call at a time; `with` would take 0.1 µs more
        try:
            latest = self._latest
            if latest is not None and not keywords and latest.accepts(args):
                latest.calls += 1
                if latest.calls < latest.check:
                    return latest.replay(*args)  # most calls; the key below would take 1 µs more
                return latest.record(args, keywords, list(args))
            key, arrays = signature(args, keywords)
            known = self._recordings.get(key)
            if known is not None and known.program is not None and not known.program.holds():
                known = None  # what the step refers to is not what it was: it is another step
            if known is None:
                known = self._recordings[key] = Recording(self.step)
            known.calls += 1
            if known.refused is not None:
                raise NotReplayable(known.refused)
            self._latest = known
            if known.program is not None and known.calls < known.check:
                return known.program.replay(*arrays)
            return known.record(args, keywords, arrays)
        finally:
            self._lock.release()

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    @property
    def source(self) -> str:
        """The replays as Python source, one function for each combination of shapes and dtypes."""
        programs = (known.program for known in self._recordings.values())
        return "\n\n".join(program.source for program in programs if program is not None)

    def __repr__(self) -> str:
        return f"<compiled {getattr(self.step, '__name__', self.step)!s}, {len(self._recordings)} recordings>"


def compile(step: Callable[..., Any]) -> Compiled:
    """Record a step once and replay it from then on as a flat list of NumPy calls.

    Parameters
    ----------
    step : callable
        A training step (forward, `backward`, update of parameters), or any function of arrays and Tensors such as
        `grad(f)`. What varies from call to call is passed as argument, in arrays or Tensors; state that the
        step keeps lies in Tensors and is changed by ``t.data -= ...``. Numbers and strings among the
        arguments are part of what is recorded.

    Returns
    -------
    Compiled
        Called like the step. It returns what the step returns, Tensors without their history, and leaves in
        `data` and `grad` of the Tensors what the step leaves there; the memory of `grad` is used again at the
        next call. Small parameters move to memory where they lie side by side, unless something else refers to
        their data. The first two calls for each combination of shapes and dtypes run the step itself, and so do
        the 4th, 8th, 16th, ..., to see whether it still does the same; `source` shows the replay.

    Raises
    ------
    NotReplayable
        When called, if the step makes a decision that depends on a value, does not do the same at each call,
        or takes random numbers or other data from outside. The error says which operation is concerned.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> import numpy as np
    >>> w = ag.Tensor([1.0, 2.0], requires_grad=True)
    >>> @ag.compile
    ... def step(x):
    ...     w.zero_grad()
    ...     cost = ((w * x) ** 2).sum()
    ...     cost.backward()
    ...     w.data -= 0.1 * w.grad
    ...     return cost
    >>> [round(step(np.ones(2)).item(), 4) for _ in range(4)]
    [5.0, 3.2, 2.048, 1.3107]
    """
    return Compiled(step)


def leaves(x: Any) -> Iterator[Any]:
    """What lies in nested tuples, lists and dicts."""
    if isinstance(x, (tuple, list)):
        for item in x:
            yield from leaves(item)
    elif isinstance(x, dict):
        for item in x.values():
            yield from leaves(item)
    else:
        yield x


def rebuilt(x: Any, of: Callable[[Any], Any]) -> Any:
    """The same nest of other things."""
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*(rebuilt(item, of) for item in x))
    if isinstance(x, (tuple, list)):
        return type(x)([rebuilt(item, of) for item in x])
    if isinstance(x, dict):
        return {key: rebuilt(item, of) for key, item in x.items()}
    return of(x)


def signature(args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, list[Any]]:
    """What tells one recording from another, and the arrays and Tensors among the arguments."""
    key: Any = []
    arrays: list[Any] = []
    for x in leaves((args, keywords)) if keywords else args:
        if isinstance(x, np.ndarray):
            key += (place_of(x, arrays), x.shape, x.dtype.char)
            arrays.append(x)
        elif isinstance(x, (tuple, list, dict)):
            key, arrays = signature(tuple(leaves((args, keywords))), {})
            return (*key, repr(rebuilt((args, keywords), lambda x: 0))), arrays
        elif isinstance(x, Tensor):
            key += (place_of(x, arrays), x._requires_grad, x._array.shape, x._array.dtype.char)
            arrays.append(x)
        else:
            key += (type(x), repr(x) if type(x) in BY_VALUE else Same(x))
    return tuple([*key, *keywords]), arrays


BY_VALUE = {bool, int, float, complex, str, bytes, type(None)}


class Same:
    """Any other object in a key: it is equal to nothing but itself, whatever it says of that."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.thing is self.thing

    def __hash__(self) -> int:
        return id(self.thing)


def place_of(x: Any, arrays: Sequence[Any]) -> int | None:
    """Where the same array stands already: handed over twice, it is one array to the step."""
    return next((i for i, known in enumerate(arrays) if known is x), None)


class Recording:
    """Runs of a step that were recorded, and the program made of them.

    The step itself runs at the first two calls, and again at the 4th, 8th, 16th, ...: what a step does
    differently from some call on, for a number in a closure has changed, cannot be seen in its replay.
    """

    def __init__(self, step: Callable[..., Any]) -> None:
        self.step = step
        self.calls = 0
        self.check = 4
        self.first: Run | None = None
        self.program: Program | None = None
        self.refused: str | None = None
        self.replay: Callable[..., Any] = never
        self.accepts: Callable[[tuple[Any, ...]], bool] = never

    def record(self, args: Any, keywords: Any, arrays: list[Any]) -> Any:
        first = self.first
        inputs, before, movable = [], [], set()
        if first is not None and self.program is None:
            movable = first.movable()
            captured = list(first.tape.captured.values())
            inputs = [
                x if any(np.may_share_memory(data_of(x), memory_now(y)) for y in captured) else copied(x)
                for x in arrays
            ]
            before = [(y, memory_now(y).copy()) for y in captured if memory_now(y).flags.writeable]
        known = [] if first is None else [t for t, _ in first.tensors]
        without_grad = {id(t) for t in known if t._grad is None}
        variables = variables_of(self.step)
        try:
            for x in arrays:
                if isinstance(x, Tensor) and any(value is x for _, _, value in variables):
                    raise NotReplayable(
                        f"{x.describe()} is an argument and a variable of the step too: for a replay, what it does with one "
                        "and what with the other cannot be told apart. Pass the argument as t.detach()"
                    )
            run = Run(self.step, args, keywords, arrays)
            if first is None:
                self.first = run.without_values()
                return run.result
            same_calls(first, run)
            if self.program is None:
                held = guards(variables, run, without_grad)
                program = Program(run, args if not keywords else (), held, movable)
                prove(program, run, inputs, before)
                self.first = first.without_values(run.temporary)
                self.program, self.replay, self.accepts = program, program.replay, program.accepts
            else:
                self.check *= 2
        except NotReplayable as error:
            self.refused = f"{getattr(self.step, '__name__', 'the step')} cannot be compiled: {error}"
            self.first = self.program = None
            self.replay = self.accepts = never
            raise NotReplayable(self.refused) from None
        return run.result


def never(*_: Any) -> bool:
    """The answer of a recording that has no program whether it accepts arguments."""
    return False


def copied(x: Any) -> Any:
    return Tensor(x._array, x._requires_grad) if isinstance(x, Tensor) else x.copy()


def memory_now(x: Traced) -> Array:
    """The array of an earlier run, or where the data of its Tensor has gone since."""
    return x.array if x.owner is None else x.owner._array


def prove(program: Program, run: Run, inputs: list[Any], before: list[tuple[Traced, Array]]) -> None:
    """Replay the second run from where it started: it must end where the step itself ended."""
    expected = [x.array.copy() for x in run.results] + [memory_now(x).copy() for x, _ in before]
    for x, values in before:
        np.copyto(memory_now(x), values)
    returned = program.replay(*inputs)
    results = [data_of(x) for x in leaves(returned) if isinstance(x, (Tensor, np.ndarray))]
    grads = [(t if isinstance(t, Tensor) else inputs[t])._grad for t in program.grads]
    replayed: list[Array] = [np.copy(x) for x in (*results, *grads, *(memory_now(x) for x, _ in before))]
    for (x, _), values in zip(before, expected[len(run.results) :]):
        np.copyto(memory_now(x), values)
    for one, other in zip(expected, replayed):
        if not close(one, other):
            raise NotReplayable(
                "replaying its NumPy calls does not give what it gave itself; it changes arrays that are not the data "
                f"of a Tensor, or in ways that NumPy does not show. Keep state in Tensors: {ADVICE}"
            )


def close(a: Array, b: Array) -> bool:
    tolerance = 1e-12 if a.dtype.char in "dDgG" else 1e-3 if a.dtype.char == "e" else 1e-5
    scale = np.max(np.abs(a), initial=0, where=np.isfinite(a)) if a.size else 0
    return np.allclose(a, b, rtol=tolerance, atol=tolerance * float(scale), equal_nan=True)


def data_of(x: Any) -> Any:
    return x._array if isinstance(x, Tensor) else x


class Run:
    """One run of a step with its tape: results, and what it left in the Tensors."""

    def __init__(self, step: Callable[..., Any], args: Any, keywords: Any, arrays: list[Any]) -> None:
        for x in arrays:
            if isinstance(x, Tensor) and x._operation is not None:
                raise NotReplayable(
                    f"its argument {x.describe()} has a history, which a replay would not follow: pass t.detach(), or "
                    "compute it in the step"
                )
        self.tape = tape = Tape()
        self.returned: Any = None
        self.inputs = [tape.input(data_of(x), i) for i, x in enumerate(arrays)]
        replacements = {id(x): traced for x, traced in zip(arrays, self.inputs) if not isinstance(x, Tensor)}
        for x, traced in zip(arrays, self.inputs):
            if isinstance(x, Tensor):
                tape.tensors.setdefault(id(x), (x, traced))
        args, keywords = rebuilt((args, keywords), lambda x: replacements.get(id(x), x))
        self.temporary: set[int] = set()  # arrays that the step makes anew each time, by index on the tape
        try:
            with recording_on(tape):
                returned = step(*args, **keywords)
                self.returned = rebuilt(returned, lambda x: as_traced(tape, x))
                for t, x in list(tape.tensors.values()):  # data that was replaced: a replay writes to the same memory
                    memory: Any = x
                    if t._array is not memory:
                        np.copyto(memory, t._array)
                        t._array = x.array
        finally:  # what is left in a grad outlives the step
            self.tensors = list(tape.tensors.values())
            grads: list[tuple[Tensor, Any]] = [(t, t._grad) for t, _ in self.tensors]
            self.grads = [(t, grad) for t, grad in grads if type(grad) is Traced]
            for t, grad in self.grads:
                t._grad = grad.array
            tape.close()
        for t, _ in self.tensors:
            if id(t._grad) in tape.captured:
                raise NotReplayable(
                    f"it adds to the gradient that {t.describe()} has already; call zero_grad() in the step"
                )
        for x in leaves(self.returned):
            if type(x) is not Traced and type(x) not in BY_VALUE:
                raise NotReplayable(
                    f"it returns {type(x).__name__}, and only arrays, Tensors, numbers and texts can be returned, or tuples, "
                    "lists and dicts of them"
                )
        self.results: list[Traced] = [x for x in leaves(self.returned) if type(x) is Traced]
        self.results += [grad for _, grad in self.grads]
        self.plain = [repr(x) for x in leaves(self.returned) if type(x) is not Traced]
        self.kinds = [isinstance(x, Tensor) for x in leaves(returned) if isinstance(x, Tensor) or type(x) in ARRAYS]
        kinds = iter(self.kinds)
        self.result = rebuilt(
            self.returned,
            lambda x: restored(x.array.copy(), next(kinds)) if type(x) is Traced else x,
        )

    def movable(self) -> set[int]:
        """The Tensors, by ``id``, whose data nobody else refers to: it may be given another place in memory."""
        return {id(t) for t, _ in self.tensors if t._array.base is None and getrefcount(t._array) <= 2}

    def without_values(self, temporary: set[int] | None = None) -> Run:
        """What another run is compared with, without the memory of arrays that this one computed or found.

        Arrays from outside keep the values that they began with; later on only those that are made anew each time.
        """
        tape, light = Tape(), copy(self)
        if temporary is None:
            temporary = {x.index for x in self.tape.traced if x.initial is not None}
        for x in self.tape.traced:
            kept = x.initial is not None and (x.owner is None or x.index in temporary and x.array is not x.owner._array)
            y = Traced(tape, x.array if kept else np.broadcast_to(np.empty((), x.dtype), x.shape))
            y.position, y.owner = x.position, x.owner
            y.initial = x.initial if x.initial is None or x.index in temporary else np.empty(0)

        def lighter(x: Any) -> Any:
            return replaced(x, lambda y: tape.traced[y.index])

        tape.calls = [Call(*map(lighter, call)) for call in self.tape.calls]
        tape.captured = {key: tape.traced[x.index] for key, x in self.tape.captured.items()}
        tape.close()
        light.tape, light.results = tape, lighter(self.results)
        light.tensors = [(t, lighter(x)) for t, x in self.tensors]
        light.inputs, light.result, light.returned, light.grads = [], None, None, []
        return light


def as_traced(tape: Tape, x: Any) -> Any:
    """A result of the step as an array on the tape."""
    if isinstance(x, Tensor):
        return tape.data_of(x, x._array)
    return tape.capture(x) if isinstance(x, np.ndarray) else x


def restored(array: Array, tensor: bool) -> Any:
    return computed(array) if tensor else array


# Comparing two runs ---------------------------------------------------------------------------------------


def same_calls(first: Run, second: Run) -> None:
    """Raise if the step did something else in its second run."""
    a, b = first.tape, second.tape
    for i, (one, other) in enumerate(zip(a.calls, b.calls)):
        if one.function != other.function:
            raise NotReplayable(
                f"operation {i} was {one.name} in the first call and {other.name} in the second: {ADVICE}"
            )
        for x, y in zip(flat(one), flat(other)):
            if not same(x, y):
                raise NotReplayable(
                    f"operation {i}, {one.name}, got {shown(x)} in the first call and {shown(y)} in the second. Pass "
                    f"what varies, such as random numbers, as an array among the arguments; {ADVICE}"
                )
    if len(a.calls) != len(b.calls):
        longer = a.calls if len(a.calls) > len(b.calls) else b.calls
        extra = longer[min(len(a.calls), len(b.calls))]
        raise NotReplayable(
            f"one of two calls does more than the other, beginning with {extra.name}. If gradients accumulate, call "
            f"zero_grad() in the step; {ADVICE}"
        )
    if first.plain != second.plain:
        raise NotReplayable(f"it returned {first.plain} in the first call and {second.plain} in the second: {ADVICE}")
    if [x.index for x in first.results] != [x.index for x in second.results]:
        raise NotReplayable(f"it returns other results, or leaves other gradients, in the second call: {ADVICE}")
    second.temporary = {
        y.index
        for x, y in zip(a.captured.values(), b.captured.values())
        if x.array is not y.array and (y.owner is None or x.owner is not y.owner)
    }


def flat(call: Call) -> list[Any]:
    def parts(x: Any) -> Iterator[Any]:
        if type(x) is slice:
            x = (slice, x.start, x.stop, x.step)
        if isinstance(x, (tuple, list)):
            yield len(x)
            for item in x:
                yield from parts(item)
        elif isinstance(x, dict):
            yield tuple(x)
            yield from parts(list(x.values()))
        else:
            yield x

    return [*parts(call.args), *parts(call.keywords), call.result, call.target, call.quiet]


def same(x: Any, y: Any) -> bool:
    if type(x) is not type(y):
        return False
    if type(x) is not Traced:
        return x is y or x == y or (x != x and y != y)
    if x.index != y.index or x.position != y.position or x.array.shape != y.array.shape or x.dtype != y.dtype:
        return False
    if x.initial is None or x.array is y.array or (x.owner is not None and x.owner is y.owner):
        return (x.initial is None) == (y.initial is None)
    return np.array_equal(x.initial, y.initial, equal_nan=x.dtype.kind in "fc")


def shown(x: Any) -> str:
    if type(x) is not Traced:
        return repr(x)
    if x.initial is None:
        return f"the array {x.index} of shape {x.shape}"
    if x.initial.size == 0 != x.size:
        return "other values"
    return f"the values {np.array2string(x.initial.ravel()[:3], precision=6)}{'...' if x.size > 3 else ''}"


# The program --------------------------------------------------------------------------------------------------

INPUT, OUTSIDE, BUFFER, FRESH = "input", "outside", "buffer", "fresh"
FILLED_WITH = {np.zeros_like: 0, np.ones_like: 1}
COPIES = {np.copy, np.ndarray.copy}
TAKES_OUT = {
    np.dot, np.concatenate, np.einsum, np.cumsum, np.cumprod, np.mean, np.var, np.std, np.max, np.min, np.prod, np.stack
}  # fmt: skip


def variables_of(step: Any) -> list[tuple[Any, str, Any]]:
    """What the step's own names from outside refer to, as (cell or dict, attribute or key, value)."""
    step = getattr(step, "__wrapped__", step)
    function = getattr(step, "__func__", step)
    held = []
    for cell in getattr(function, "__closure__", None) or ():
        try:
            held.append((cell, "cell_contents", cell.cell_contents))
        except ValueError:  # not assigned yet
            continue
    names = getattr(getattr(function, "__code__", None), "co_names", ())
    outside = getattr(function, "__globals__", {})
    return held + [(outside, name, outside[name]) for name in names if name in outside]


def guards(
    variables: list[tuple[Any, str, Any]], run: Run, without_grad: set[int]
) -> list[tuple[Any, str, Any]]:
    """What must hold for a replay to do what the step would do, as (object, attribute or key, value).

    The step's variables refer to the same objects, but for those that it rebinds itself; Tensors require a
    gradient as before; and the ones that had no gradient to add to have none. Values inside of other
    objects are compared only when the step itself runs again.
    """

    def now(thing: Any, name: str) -> Any:
        return thing.get(name) if isinstance(thing, dict) else getattr(thing, name)

    held = [(thing, name, value) for thing, name, value in variables if now(thing, name) is value]
    held += [(t, "_requires_grad", t._requires_grad) for t, x in run.tensors if x.position is None]
    held += [(t, "_grad", None) for t, x in run.tensors if x.position is None and t._grad is None]
    return held + [(t, "_grad", None) for t, _ in run.grads if id(t) in without_grad]


class Program:
    """The calls of a run as a function of its inputs.

    Every array is one of four kinds: an input, given at each call; from outside, which the step found and may have
    changed in place; a buffer, allocated here; or fresh, a result that the caller keeps and that is
    therefore allocated at each call. Views of what stays in place are made once.
    """

    def __init__(
        self, run: Run, args: tuple[Any, ...], held: list[tuple[Any, str, Any]], movable: set[int]
    ) -> None:
        self.tape, self.movable = run.tape, movable
        self.names: dict[str, Any] = {"np": np, "errstate": np.errstate, "store": store}
        self.positional = len(args) == len(run.inputs) and all(isinstance(x, (Tensor, np.ndarray)) for x in args)
        self.kind: dict[int, str] = {}
        self.parts: dict[int, list[Traced]] = {}  # of a flat array, by its index on the tape
        self.arrays: dict[int, Array] = {}  # the memory of each array, by its index on the tape
        arguments = {id(t): x.position for t, x in run.tensors if x.position is not None}
        self.grads = [arguments.get(id(t), t) for t, _ in run.grads]
        calls, results = simplified(run.tape.calls, run.results)
        returned = len(run.kinds)
        fresh = {x.index for x in results[:returned]}
        fresh |= {x.index for t, x in zip(self.grads, results[returned:]) if type(t) is int}
        for x in run.tape.traced:
            self.kind[x.index] = kind_of(x.root, fresh)
            if x.initial is not None:
                self.arrays[x.index] = x.array
        calls = fused(self._needed(calls, results, run.temporary), self._is_movable, self._joined)
        lines = self._allocate(calls, last_uses(calls, results))
        self.source = self._source(run, calls, results, lines, held)
        exec(self.source, self.names)
        del self.tape, self.parts  # which hold arrays of the run
        # out of the names that they refer to: no cycle keeps the memory of a step that is dropped
        self.replay: Callable[..., Any] = self.names.pop("replay")
        self.accepts: Callable[[tuple[Any, ...]], bool] = self.names.pop("accepts")
        self.holds: Callable[[], bool] = self.names.pop("holds")

    # What is computed, and where ----------------------------------------------------------------------------

    def _needed(self, calls: Sequence[Call], results: Sequence[Traced], temporary: set[int]) -> list[Call]:
        """The calls that some result or array from outside depends on."""
        needed = {x.root.index for x in results}
        kept = []
        for call in reversed(calls):
            root = call.out.root
            outlives = call.target is not None and self.kind[root.index] in (INPUT, OUTSIDE)
            if outlives and root.index not in temporary or root.index in needed:
                kept.append(call)
                needed.update(x.root.index for x in traced_in((call.args, call.keywords)))
        return kept[::-1]

    def _is_movable(self, x: Traced) -> bool:
        """Whether an array can be a part of a larger one."""
        if x.base is not None or x.size > LARGEST or not x.array.flags.c_contiguous:
            return False
        if self.kind[x.index] == OUTSIDE:
            return x.owner is not None and (id(x.owner) in self.movable or flat_part(x.array))
        return self.kind[x.index] == BUFFER

    def _joined(self, parts: list[Traced]) -> Traced | None:
        """The flat array of which these are parts, one after the other; None if they cannot be."""
        if parts[0].place is not None:
            return parts[0].place[0]
        kinds = {self.kind[x.index] for x in parts}
        if len(kinds) > 1:
            return None
        [kind] = kinds
        memory = None
        if kind == OUTSIDE:
            memory = side_by_side([x.array for x in parts])
            if memory is None and not all(id(x.owner) in self.movable for x in parts):
                return None
        if memory is None:
            memory = np.empty(sum(x.size for x in parts), parts[0].dtype)
        whole = Traced(self.tape, memory)
        whole.tape = None
        self.kind[whole.index] = kind
        end = 0
        for x in parts:
            x.place = whole, end
            end += x.size
        self.parts[whole.index] = parts
        if kind == OUTSIDE:
            whole.initial = memory
            self._set_memory(whole, memory)
        return whole

    def _set_memory(self, x: Traced, memory: Array) -> None:
        """Where an array lies, and with it the arrays that are its parts."""
        self.arrays[x.index] = memory
        for part in self.parts.get(x.index, ()):
            assert part.place is not None
            start = part.place[1]
            self.arrays[part.index] = memory[start : start + part.size].reshape(part.shape)

    def _allocate(self, calls: Sequence[Call], last_use: dict[int, int]) -> list[str]:
        """Give each array its memory, and write down each call as lines of source."""
        free: dict[Any, list[Array]] = {}
        ends: dict[int, list[int]] = {}
        for index, i in last_use.items():
            ends.setdefault(i, []).append(index)

        def release(i: int) -> None:
            for index in ends.pop(i, ()):
                if self.kind[index] == BUFFER and index in self.arrays:
                    free.setdefault(layout(self.arrays[index]), []).append(self.arrays[index])

        lines = []
        for i, call in enumerate(calls):
            x = call.result
            if x is not None and x.base is not None and self._is_static_view(call, x):
                release(i)
                continue
            if isinstance(call.function, np.ufunc) and call.function.signature is None:
                release(i)  # an elementwise function may write over an operand that nobody needs any more
            if x is not None and x.base is None and self.kind[x.index] == BUFFER:
                whole = x.root
                if whole.index not in self.arrays:
                    known = free.get(layout(whole.array))
                    self._set_memory(whole, known.pop() if known else np.empty_like(whole.array))
            lines += self._lines(call)
            release(i)
        return lines

    def _is_static_view(self, call: Call, x: Traced) -> bool:
        """Make a view of memory that stays in place, now and once for all."""
        if any(y.index not in self.arrays for y in traced_in((call.args, call.keywords))):
            return False
        args, keywords = (replaced(a, lambda y: self.arrays[y.index]) for a in (call.args, call.keywords))
        view = call.function(*args, **keywords)
        if not np.may_share_memory(view, self.arrays[x.root.index]):
            raise NotReplayable(f"{call.name} gives a view in one call and a copy in another")
        self.arrays[x.index] = view
        return True

    # Source ---------------------------------------------------------------------------------------------------

    def _lines(self, call: Call) -> list[str]:
        x, function = call.result, call.function
        args = [self._text(a) for a in numbers_as_arrays(call)]
        before = []
        column: Any = call.args[-1] if call.args else None
        out = call.out
        if function is np.add and is_small_column(column, out):
            # a bias: spread by a product and added entry by entry it takes 0.7 µs, with the broadcasting of add 1 µs
            spread = self._constant(np.empty(out.shape, column.dtype))
            ones = self._constant(np.ones((1, out.shape[1]), column.dtype))
            before = [f"{args[-1]}.dot({ones}, {spread})"]
            args[-1] = spread
        named = dict(call.keywords)
        by_position = isinstance(function, np.ufunc) and function not in (np.maximum, np.minimum)
        if x is None and by_position and len(named.get("out", ())) == 1:
            args.append(self._text(named.pop("out")[0]))  # by position it costs less
        keywords = [f"{key}={self._text(value)}" for key, value in named.items()]
        name = self._function(function)
        applied = f"{name}({', '.join([*args, *keywords])})"
        if x is None:
            lines = [applied]
        elif function is np.transpose and len(args) == 1 and not keywords:
            lines = [f"{self._array(x)} = {args[0]}.T"]  # 0.3 µs less
        elif x.index not in self.arrays:  # an array that is not the same at each call
            lines = [f"{self._array(x)} = {applied}"]
        elif function in FILLED_WITH:
            lines = [f"{self._array(x)}.fill({FILLED_WITH[function]})"]
        elif function in COPIES:
            lines = [f"np.copyto({self._array(x)}, {args[0]})"]
        elif function is np.where and getattr(call.args[0], "dtype", None) == bool:
            into = self._array(x)
            lines = [f"np.copyto({into}, {args[2]})", f"np.copyto({into}, {args[1]}, where={args[0]})"]
        elif by_position:
            lines = [f"{name}({', '.join([*args, self._array(x), *keywords])})"]
        elif function in (np.dot, np.ndarray.dot) and type(call.args[0]) is Traced:  # the method takes 0.1 µs less
            lines = [f"{args[0]}.dot({args[1]}, {self._array(x)})"]
        elif function in TAKES_OUT or isinstance(getattr(function, "__self__", function), np.ufunc):
            lines = [f"{name}({', '.join([*args, *keywords, f'out={self._array(x)}'])})"]
        else:
            lines = [f"store({self._array(x)}, {applied})"]
        lines = before + lines
        return ["with errstate(all='ignore'):", *(f"    {line}" for line in lines)] if call.quiet else lines

    def _text(self, x: Any) -> str:
        if type(x) is Traced:
            return self._array(x)
        if x is None or type(x) in (bool, int, str):
            return repr(x)
        if type(x) is tuple:
            return f"({''.join(self._text(item) + ', ' for item in x)})"
        if type(x) is list:
            return f"[{', '.join(self._text(item) for item in x)}]"
        return self._constant(x)

    def _constant(self, x: Any) -> str:
        name = f"c{len(self.names)}"
        self.names[name] = x
        return name

    def _function(self, function: Any) -> str:
        owner = getattr(function, "__self__", None)
        prefix = f"{owner.__name__}_" if isinstance(owner, np.ufunc) else ""
        name = prefix + getattr(function, "__name__", "function")
        while not name.isidentifier() or self.names.setdefault(name, function) != function:
            name = f"f{len(self.names)}"
        return name

    def _array(self, x: Traced) -> str:
        if x.position is not None:
            return f"x{x.position}"
        name = f"{'w' if x.initial is not None else 'v'}{x.index}"
        if x.index in self.arrays:
            self.names[name] = self.arrays[x.index]
        return name

    def _source(
        self,
        run: Run,
        calls: Sequence[Call],
        results: Sequence[Traced],
        lines: Sequence[str],
        held: list[tuple[Any, str, Any]],
    ) -> str:
        inputs = [f"x{i}" for i in range(len(run.inputs))]
        tensors = {x.position: t for t, x in run.tensors if x.position is not None}
        body = [f"t{i}, x{i} = x{i}, x{i}._array" for i in tensors]
        parameters = [(t, x) for t, x in run.tensors if x.position is None]
        names = {id(t): f"t{i}" for i, t in tensors.items()}
        for t, x in parameters:
            names[id(t)] = f"p{x.index}"
            self.names[f"p{x.index}"] = t
        if parameters:
            self.names["attach"] = partial(attach, [(t, self.arrays[x.index]) for t, x in parameters])
            moved = " or ".join(f"{names[id(t)]}._array is not {self._array(x)}" for t, x in parameters)
            body.append(f"if {moved}: attach()")
        written = {call.target.root.index for call in calls if call.target is not None}
        body += [
            f"np.copyto({self._array(x)}, {self._constant(x.initial)})"
            for x in run.tape.captured.values()
            if x.index in run.temporary and x.index in written
        ]
        body += lines
        changed = [names[id(t)] for t, x in run.tensors if x.root.index in written]
        if changed:
            self.names["changed"] = recording.changed
            body.append(" = ".join(f"{name}._changed" for name in changed) + " = changed()")
        returned = len(run.kinds)
        values = []
        handed_out: set[int] = set()  # equal results are computed once, but are arrays of their own
        for i, x in enumerate(results):
            kind = self.kind[x.index]
            ours = x.base is None and (kind == FRESH or i >= returned and kind == BUFFER) and x.index not in handed_out
            values.append(self._array(x) + ("" if ours else ".copy()"))
            handed_out.add(x.index)
        body += [f"{names[id(t)]}._grad = {value}" for (t, _), value in zip(run.grads, values[returned:])]
        self.names.update(tensor=computed)
        values = [f"tensor({value})" if kind else value for value, kind in zip(values, run.kinds)]
        if type(run.returned) is Traced:
            body.append(f"return {values[0]}")
        else:
            kinds = iter(range(returned))
            nest = rebuilt(run.returned, lambda x: Place(next(kinds)) if type(x) is Traced else x)
            self.names["nested"] = lambda *values: rebuilt(nest, lambda x: values[x.i] if type(x) is Place else x)
            body.append(f"return nested({', '.join(values)})")
        self.names.update(Tensor=Tensor, ndarray=np.ndarray)
        accepted = []
        for i, x in enumerate(run.inputs):
            dtype = self._constant(x.dtype)
            if i in tensors:
                accepted.append(f"type(x{i}) is Tensor and x{i}._requires_grad is {tensors[i]._requires_grad}")
                accepted.append(f"x{i}._operation is None")
                accepted.append(f"x{i}._array.shape == {x.shape} and x{i}._array.dtype is {dtype}")
            else:
                accepted.append(f"type(x{i}) is ndarray and x{i}.shape == {x.shape} and x{i}.dtype is {dtype}")
        for i, x in enumerate(run.inputs):  # an array handed over twice is another recording
            for j, y in enumerate(run.inputs[:i]):
                if (x.shape, x.dtype) == (y.shape, y.dtype) and i not in tensors and j not in tensors:
                    accepted.append(f"x{i} {'is' if x.array is y.array else 'is not'} x{j}")
        holds = []
        for thing, name, value in held:
            where = self._constant(thing)
            where = f"{where}.get({name!r})" if isinstance(thing, dict) else f"{where}.{name}"
            holds.append(f"{where} is {self._constant(value)}")
        if self.positional and len(tensors) < 2:  # the same Tensor twice is another recording
            test = " and ".join([*accepted, *holds]) or "True"
        else:
            test = "False"
        return (
            f"def replay({', '.join(inputs)}):\n"
            + "".join(f"    {line}\n" for line in body)
            + f"def accepts(x):\n    if len(x) != {len(inputs)}:\n        return False\n"
            + (f"    {', '.join(inputs)}, = x\n" if inputs else "")
            + f"    return {test}\n"
            + f"def holds():\n    return {' and '.join(holds) or True}\n"
        )


class Place:
    """Where a value goes in what the step returns."""

    def __init__(self, i: int) -> None:
        self.i = i


def attach(parameters: Sequence[tuple[Tensor, Array]]) -> None:
    """Take over data that the user has replaced since: the replay works on the memory that it knows."""
    for t, array in parameters:
        if t._array is not array:
            np.copyto(array, t._array)
            t._array = array


def simplified(calls: Sequence[Call], results: Sequence[Traced]) -> tuple[list[Call], list[Traced]]:
    """The calls without those that compute again what is there already, or multiply by the adjoint 1 of the output."""
    written = {call.target.root.index for call in calls if call.target is not None}
    viewed = {call.result.base.index for call in calls if call.result is not None and call.result.base is not None}
    version: dict[int, int] = {}
    written_outside = 0  # inputs and arrays from outside may share memory
    instead: dict[int, Traced] = {}
    ones: set[int] = set()
    known: dict[Any, Traced] = {}

    def current(x: Any) -> Any:
        return replaced(x, lambda y: instead.get(y.index, y))

    kept = []
    for call in calls:
        call = call._replace(args=current(call.args), keywords=current(call.keywords))
        x = call.result
        if call.target is not None:
            version[call.target.root.index] = version.get(call.target.root.index, 0) + 1
            written_outside += call.target.from_outside
        elif x is not None and call.function is np.ones_like and x.index not in written:
            ones.add(x.index)
        elif x is not None and isinstance(call.function, np.ufunc) and not call.keywords and x.index not in written:
            factor = times_one(call, ones)
            if factor is not None and factor.root.index not in written and x.index not in viewed:
                instead[x.index] = factor
                continue
            operands = [
                (type(y), repr(y)) if type(y) is not Traced
                else (y.index, written_outside if y.from_outside else version.get(y.root.index, 0))
                for y in call.args
            ]  # fmt: skip
            same = known.setdefault((call.function, tuple(operands)), x)
            if same is not x and x.index not in viewed:
                instead[x.index] = same
                continue
        kept.append(call)
    return kept, current(list(results))


def times_one(call: Call, ones: set[int]) -> Traced | None:
    """The other factor of a product with ones: with the adjoint of the output itself."""
    product = call.result
    if product is None or call.function is not np.multiply or not all(type(x) is Traced for x in call.args):
        return None
    for one, other in (call.args, call.args[::-1]):
        is_one = one.index in ones or any(one.array is known for known in ONES.values())
        if is_one and other.shape == product.shape and other.dtype == product.dtype:
            return other
    return None


def numbers_as_arrays(call: Call) -> Sequence[Any]:
    """The arguments of an elementwise call with its Python numbers in the dtype that NumPy gives them anyway.

    As 0-d arrays they cost 0.15 µs less.
    """
    function, dtype = call.function, call.out.dtype
    if not isinstance(function, np.ufunc) or dtype.kind != "f":
        return call.args
    alike = f"{dtype.char * function.nin}->{dtype.char * function.nout}" in function.types  # not so np.ldexp
    if not alike or {x.dtype for x in call.args if type(x) is Traced} != {dtype}:
        return call.args
    return [np.array(a, dtype) if type(a) in (int, float) else a for a in call.args]


def flat_part(array: Array) -> bool:
    """Whether an array is a part of a flat one, as those are that an earlier recording has moved."""
    base = array.base
    return isinstance(base, np.ndarray) and base.ndim == 1 and base.dtype == array.dtype and base.flags.c_contiguous


def side_by_side(arrays: Sequence[Array]) -> Array | None:
    """The flat array that consists of just these parts of another one, in this order, if they lie so already."""
    whole: Any = arrays[0].base
    if not all(flat_part(array) and array.base is whole for array in arrays):
        return None
    starts = [(address(array) - address(whole)) // whole.itemsize for array in arrays]
    ends = [start + array.size for start, array in zip(starts, arrays)]
    part: Array = whole[starts[0] : ends[-1]]
    return part if starts[1:] == ends[:-1] else None


def address(array: Array) -> int:
    return int(array.__array_interface__["data"][0])


def is_small_column(x: Any, to: Any) -> bool:
    """Whether `x` is a column of as many rows as the matrix that it is broadcast to."""
    return (
        type(x) is Traced and x.ndim == to.ndim == 2 and x.shape == (len(to.array), 1) != to.shape
        and x.dtype == to.dtype and x.dtype.char in "fd" and to.size <= 2048
    )  # fmt: skip


def store(buffer: Array, result: Any) -> None:
    """Copy the result of a function that cannot write into the buffer itself."""
    if np.shape(result) != buffer.shape:
        raise NotReplayable(
            f"a function gave a result of shape {np.shape(result)} where it gave {buffer.shape} when the step was "
            "recorded; a step in which shapes depend on values cannot be compiled"
        )
    np.copyto(buffer, result)


def kind_of(root: Traced, fresh: set[int]) -> str:
    if root.position is not None:
        return INPUT
    if root.initial is not None:
        return OUTSIDE
    return FRESH if root.index in fresh and root.ndim else BUFFER  # NumPy gives no array for 0-d results


def last_uses(calls: Sequence[Call], results: Sequence[Traced]) -> dict[int, int]:
    """By array, the last call that needs its memory; results are needed to the end."""
    last = {}
    for i, call in enumerate(calls):
        for x in traced_in((call.args, call.keywords, call.result)):
            last[x.root.index] = i
    return {**last, **{x.root.index: len(calls) for x in results}}


def layout(array: Array) -> Any:
    return array.shape, array.dtype, array.strides
