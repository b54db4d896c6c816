"""Compiled steps: what a training step does, recorded once and replayed as a flat list of NumPy calls.

The first call with arguments of certain shapes runs the step as it is. At the second one the step is recorded, in a world of
its own (see `mirroring`), and the replay made of that runs on copies, beside the step itself: it must leave bit for bit what
the step leaves. Every further call replays, after a look at whether what the step read is what it was. Wherever that
is in doubt the step runs as it is.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from contextvars import copy_context
from dis import opname
from functools import update_wrapper
from threading import local
from types import MethodType
from typing import Any, Generic, ParamSpec, TypeVar, overload
from weakref import ref

import numpy as np

from autograd_lite.compiling.mirroring import ATOMS, Globals, World, is_atom, trusted_name
from autograd_lite.compiling.replaying import MISS, FromOutside, Place, Program, Result, same
from autograd_lite.compiling.tracing import Effect, NotReplayable, Number, Refusal, Tape, Traced, is_named_tuple, rebuild
from autograd_lite.engine.recording import State, differentiated
from autograd_lite.engine.recording import state as recording_state
from autograd_lite.engine.tensor import Tensor

P = ParamSpec("P")
R = TypeVar("R")

RECORDINGS = 64
"""The number of combinations of shapes that are kept, for each thread."""
VALUES = 4
"""The values of what the step reads from outside for which there is a recording each; with more, a number is read anew."""
COPIED_BYTES = 2**20
"""The number of bytes up to which an array is copied for a comparison, whether or not it is written to."""
CHECKS = [6, 60, 600, 6000]
"""The number of replays after which one is compared with the step again."""


class Here(local):
    """What belongs to one thread: buffers are used by one call at a time, and nobody waits for another."""

    def __init__(self) -> None:
        self.run: Callable[[Any], Any] | None = None
        self.cases: dict[Any, Case] = {}
        self.n_cases = 0  # that there have been


class Case:
    """One combination of shapes among the arguments, and its recordings."""

    def __init__(self) -> None:
        self.calls = 0
        self.recorded = 0
        self.checked = 0
        self.as_it_is = False
        self.programs: list[Program] = []


class Compiled(Generic[P, R]):
    """A step and its recordings, made by `compile`."""

    def __init__(self, step: Callable[P, R], strict: bool = False) -> None:
        if not callable(step):
            raise TypeError(f"compile takes a function, not {type(step).__name__}")
        self.step = step
        self.strict = strict
        self._here = Here()
        self._varying: set[Any] = set()
        self._has_warned = False
        self._refused = 0
        update_wrapper(self, step, updated=())

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"'Compiled' object has no attribute '{name}'")
        return getattr(self.step, name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Attributes are those of the step, which may read and set them by its own name."""
        if name.startswith("_") or name in ("step", "strict"):
            object.__setattr__(self, name, value)
            if name == "step":
                object.__setattr__(self, "_here", Here())
        else:
            setattr(self.step, name, value)

    @property
    def __compiled_step__(self) -> Callable[..., Any]:
        return self.step

    def __call__(self, *args: P.args, **keywords: P.kwargs) -> R:
        run = self._here.run
        if run is not None and not keywords:
            result: Any = run(args)
            if result is not MISS:
                return result
        return self._otherwise(args, keywords)

    def _otherwise(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """A call that is not answered by the latest recording."""
        here = self._here
        if self._refused > 3 and not self.strict or differentiated.get() or type(recording_state.get()) is not State:
            # part of a derivative, or under debug
            return self.step(*args, **keywords)
        leaves, nest = flatten_arguments(args, keywords)
        key = signature(leaves, nest)
        if key not in here.cases:
            self._check_reuse(here)
        case = here.cases.pop(key, None) or Case()
        here.cases[key] = case  # the latest one last
        if len(here.cases) > RECORDINGS:
            del here.cases[next(iter(here.cases))]
        case.calls += 1
        for program in case.programs:
            if program.is_running():  # a signal or a finalizer has interrupted it
                return self.step(*args, **keywords)
            result = program.run(leaves)
            if result is not MISS:
                flat = not keywords and len(leaves) == len(args) and all(a is x for a, x in zip(args, leaves))
                here.run = program.run if flat else None
                return result
            if not program.names["left"].__length_hint__() and program.failing(leaves) is None:
                return self._compare(program, leaves, args, keywords, case)
        if case.as_it_is and case.calls == 100 and not any(c.programs for c in here.cases.values()):
            self._refused = 4  # from now on without looking at the arguments
        if case.as_it_is or case.calls < 2 and not self.strict:
            return self.step(*args, **keywords)
        try:
            program = self._record(case, leaves, nest)
        except Refusal as refusal:
            self._refuse(str(refusal), case)
            return self.step(*args, **keywords)
        except BaseException as error:
            if not isinstance(error, Exception) and not is_raised_by_step(error):  # Ctrl-C
                raise
            result = self.step(*args, **keywords)  # which raises it too, unless something stands for what it cannot stand for
            self._refuse(f"recording it ends in {type(error).__name__}: {error}", case)
            return result
        return self._compare(program, leaves, args, keywords, case)

    def _check_reuse(self, here: Here) -> None:
        """Give up where arguments are hardly ever of a kind that has been there before."""
        here.n_cases += 1
        if here.n_cases > 4 * RECORDINGS and sum(case.calls > 1 for case in here.cases.values()) < RECORDINGS // 4:
            self._refused = 4
            self._refuse(
                "its arguments are others at most calls, by their shapes or as objects; pass arrays, Tensors and numbers", Case(),
            )

    def _refuse(self, reason: str, case: Case) -> None:
        """Note that the step runs as it is, and say why."""
        text = f"{getattr(self.step, '__qualname__', 'the step')} is not compiled: {reason}"
        if self.strict:
            raise NotReplayable(text)
        case.as_it_is = True
        case.programs.clear()
        self._refused += 1
        self._here.run = None
        if not self._has_warned:
            self._has_warned = True
            depth, frame = 2, sys._getframe(1)
            while frame.f_back is not None and frame.f_globals.get("__name__") == __name__:
                depth, frame = depth + 1, frame.f_back
            warnings.warn(f"{text}. It runs as it is", stacklevel=depth)

    def _record(self, case: Case, leaves: Sequence[Any], nest: Any) -> Program:
        if case.programs and case.recorded >= VALUES:
            guard, words = case.programs[-1].failing(leaves) or ("", "the outcome of a decision")
            place = case.programs[-1].numbers.get(guard)
            if case.recorded > (4 if guard else 1) * VALUES:  # the replay up to a decision was in vain
                raise Refusal(
                    f"{words} is another one at most calls, and each needs a recording of its own. Pass what varies as an array, "
                    "or keep it in one that is written to"
                )
            if place is not None and place not in self._varying:
                self._varying.add(place)
                case.programs.clear()
                case.recorded = 0  # what is recorded from here on is for any value of it
        program = record_program(self.step, nest, leaves, self._varying)
        case.recorded += 1
        program.names["left"] = iter(range(CHECKS[0]))
        case.programs.append(program)
        return program

    def _compare(self, program: Program, leaves: Any, args: Any, keywords: Any, case: Case) -> Any:
        """Run the step, and the replay on copies; both must come to the same."""
        program.settle()
        copies = Copies(program, leaves)
        replay = program.on(copies.names)
        mine = [copies.of(x) if isinstance(x, (np.ndarray, Tensor)) else x for x in leaves]
        pairs = [*zip(leaves, mine), *((program.names[name], x) for name, x in copies.names.items())]
        try:
            got = copy_context().run(quietly, replay, mine)
        except Exception as error:
            got = error
        result = self.step(*args, **keywords)
        if got is MISS:  # a decision came out differently: this recording is for other calls
            program.names["left"] = iter(())
        elif not (alike(result, got) and all(alike(x, y) for x, y in pairs)):
            self._refuse("a replay of its NumPy calls does not give what the step gives", case)
        else:
            program.names["left"] = iter(range(CHECKS[min(case.checked, len(CHECKS) - 1)], 0, -1))
            case.checked += 1
        return result

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> Any:
        found: Any = sys.modules.get(self.step.__module__)
        for name in getattr(self.step, "__qualname__", "").split("."):
            found = getattr(found, name, None)
        return self.step.__qualname__ if found is self else (Compiled, (self.step, self.strict))

    @property
    def source(self) -> str:
        """The replays of this thread as Python source."""
        return "\n\n".join(program.source for case in self._here.cases.values() for program in case.programs)

    def __repr__(self) -> str:
        n = sum(len(case.programs) for case in self._here.cases.values())
        return f"<compiled {getattr(self.step, '__name__', self.step)!s}, {n} recordings>"


@overload
def compile(step: Callable[P, R], *, strict: bool = False) -> Compiled[P, R]: ...
@overload
def compile(*, strict: bool = False) -> Callable[[Callable[P, R]], Compiled[P, R]]: ...


def compile(step: Callable[..., Any] | None = None, *, strict: bool = False) -> Any:
    """Record a step once and replay it from then on as a flat list of NumPy calls.

    Parameters
    ----------
    step : callable
        A training step (forward, `backward`, update of parameters), or any function of arrays and Tensors such as
        `grad(f)`. Without it, the result is a decorator.
    strict : bool
        Whether a step that cannot be replayed raises, before anything has changed, instead of running as it is.

    Returns
    -------
    Compiled
        Called like the step. It gives what the step gives: the result, and what the step leaves in `data` and `grad` of
        Tensors and in arrays. Where that is not certain, the step runs as it is, and a warning says why, once. A
        Tensor that it returns after backpropagating through it has no history any more, and says so when it is
        backpropagated through again. `source` shows the replays.

    Raises
    ------
    NotReplayable
        When called, if `strict` is set: the step makes a decision that depends on a value, draws random numbers, changes
        what are no arrays, or calls what is not known to do nothing else than give a result.

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
    if strict is not True and strict is not False:
        raise TypeError(f"strict is True or False, not {strict!r}")
    return Compiled(step, strict) if step is not None else lambda step: Compiled(step, strict)


def flatten_arguments(args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[list[Any], Any]:
    """What lies in nested arguments, and the nest."""
    leaves: list[Any] = []

    def place(x: Any) -> Place:
        leaves.append(x)
        return Place(len(leaves) - 1)

    return leaves, rebuild((args, keywords), place)


def signature(leaves: Sequence[Any], nest: Any) -> Any:
    """What tells one combination of arguments from another."""
    key: list[Any] = [repr(nest), *(type(x) for x in everything_in(nest) if is_named_tuple(type(x)))]
    for x in leaves:
        kind = type(x)
        if kind is np.ndarray:
            key += (x.shape, x.dtype.str, x.strides)
        elif kind is Tensor:
            key += (x._requires_grad, x._array.shape, x._array.dtype.str, x._array.strides, x._grad is None)
        elif kind in (int, float) or isinstance(x, np.number):
            key.append(kind)
        elif isinstance(x, ATOMS):
            key += (kind, repr(x))
        else:
            key += (kind, id(x))
    return tuple(key)


# Recording ------------------------------------------------------------------------------------------------


def record_program(step: Callable[..., Any], nest: Any, leaves: Sequence[Any], varying: set[Any]) -> Program:
    """The program of a step for these arguments; nothing that there is changes."""
    tape = Tape()
    world = World(tape, varying)
    names = [f"x{i}" for i in range(len(leaves))]
    world.names.update(
        state=recording_state.get, mode=recording_state.get(), modes=state_of_recording(), state_of_recording=state_of_recording,
        errors=ERRORS, error=ERRORS(), is_quiet=is_quiet, differentiated=differentiated.get,
    )  # fmt: skip
    try:
        if not is_quiet():
            tape.refuse(
                "np.seterr is set to something else than 'ignore' or 'warn', and a replay may raise elsewhere than the step"
            )
        arguments = [argument(world, name, x, names[:i], leaves) for i, (name, x) in enumerate(zip(names, leaves))]
        args, keywords = rebuild(nest, lambda place: arguments[place.i])
        before = everything_in((args, keywords))
        check_nests(world, before)
        world.code_guard(step, "the step")
        mirrored = world.mirror(step, getattr(step, "__name__", "the step"))
        tape.is_running = True
        returned = copy_context().run(quietly, mirrored, *args, **keywords)
        tape.is_running = False
        world.finish()
        if [id(x) for x in everything_in((args, keywords))] != [id(x) for x in before]:
            tape.refuse("it changes a list or dict among its arguments; return what it has to say")
        values: list[Any] = []
        swept = any("sweep" in names for names in world.globals.values() if not names.watch)
        check_nests(world, [x for x in everything_in(returned) if id(x) not in world.reals])
        if {id(x) for x in everything_in(returned)} & {id(x) for x in before if type(x) in (list, dict)}:
            tape.refuse("it returns a list or dict among its arguments; return what is in it")
        places: dict[int, Any] = {}
        returned = rebuild(returned, lambda x: give_back(world, x, values, swept, places), world.reals)
        keep_effects(world)
        if tape.refused:
            raise Refusal(tape.refused)
        tell_apart(world, names, leaves)
        around = [
            "not differentiated()", "(state() is mode or state_of_recording() == modes)",
            "(errors() is error is not None or is_quiet())", "next(left, None) is not None",
        ]  # fmt: skip
        return Program(world, names, returned, values, around)
    except (Refusal, Exception):
        if tape.refused:
            raise Refusal(tape.refused) from None
        raise
    finally:
        world.clear()
        tape.events.clear()


def is_raised_by_step(error: BaseException) -> bool:
    """Whether a `raise` of the step has raised it, and not a signal in its midst."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return last is not None and isinstance(last.tb_frame.f_globals, Globals) and (
        opname[last.tb_frame.f_code.co_code[last.tb_lasti]] == "RAISE_VARARGS"
    )


def quietly(function: Callable[..., Any], *args: Any, **keywords: Any) -> Any:
    """Call a function without NumPy's warnings, which the step itself gives. To be run in a context of its own
    (`copy_context().run`). `deals_with_exceptions` looks for this function by its name."""
    np.seterr(all="ignore")
    return function(*args, **keywords)


def is_quiet() -> bool:
    """Whether no floating-point error stops a NumPy call, or has it call something."""
    return set(np.geterr().values()) <= {"ignore", "warn"}


def state_of_recording() -> Any:
    state = recording_state.get()
    return type(state), state.on, state.scope


try:  # one object for as long as nothing is set: a call saves half a microsecond of looking at what is set
    from numpy._core.umath import _extobj_contextvar

    ERRORS: Callable[[], Any] = _extobj_contextvar.get
except ImportError:

    def ERRORS() -> None:
        return None


def everything_in(x: Any) -> list[Any]:
    """Everything in a nest of arguments, one after the other."""
    found = [] if type(x) is tuple else [x]
    for item in x.values() if type(x) is dict else x if type(x) in (list, tuple) or is_named_tuple(type(x)) else ():
        found += everything_in(item)
    return found


def check_nests(world: World, nests: Sequence[Any]) -> None:
    """Nests of arguments and results hold nothing but their entries."""
    for x in nests:
        if is_named_tuple(type(x)) and (hasattr(x, "__dict__") or world.class_(type(x), type(x).__name__) is not type(x)):
            world.tape.refuse(f"a {type(x).__name__} has more than fields; pass the fields")
        if type(x) is dict and not all(isinstance(key, ATOMS) and is_atom(key) for key in x):
            world.tape.refuse("a dict has keys that are no numbers or texts; give them names")


def argument(world: World, name: str, x: Any, earlier: Sequence[str], leaves: Sequence[Any]) -> Any:
    """The stand-in of an argument."""
    i = int(name[1:])
    words = f"argument {i}"
    guards = world.guards
    for j, other in enumerate(earlier):
        if leaves[j] is x and isinstance(x, (np.ndarray, Tensor)):
            guards[f"{name} is {other}"] = words
            return world.known[id(x)][1]
    if isinstance(x, np.number):
        guards[f"type({name}) is {world.text(type(x))}"] = words
        return Traced(world.tape, x, source=name)
    if isinstance(x, ATOMS):
        return world.read(name, x, words)
    world.texts[id(x)] = name
    if type(x) in (np.ndarray, Tensor):
        data = f"{name}._array" if type(x) is Tensor else name
        dtype = world.text(x.dtype, "d")
        guards[f"type({name}) is {type(x).__name__}"] = words
        guards[f"{data}.shape == {x.shape} and ({data}.dtype is {dtype} or {data}.dtype == {dtype})"] = words
        if x.ndim:
            guards[f"{data}.strides == {(x if data == name else x._array).strides}"] = words
    if type(x) is np.ndarray:
        if not x.flags.writeable:
            guards[f"not {name}.flags.writeable"] = words
        made = world.array(x, name)
        world.known[id(x)] = x, made
        return made
    if type(x) is Tensor:
        guards[f"{name}._operation is {None if x._operation is None else '...'}"] = words
        return world.mirror(x, words)
    try:
        guards[f"{world.text(ref(x), 'r')}() is {name}"] = words
    except TypeError:
        guards[f"{name} is {world.text([x], 'r')}[0]"] = words
    return world.mirror(x, words)


def tell_apart(world: World, names: Sequence[str], leaves: Sequence[Any]) -> None:
    """Make sure that an argument is none of the other things that it might be at another call."""
    things: dict[str, Any] = {name: x for name, x in world.names.items() if name[1:].isdigit()} | dict(zip(names, leaves))
    for name, x in reversed([*zip(names, leaves)]):
        for other, thing in things.items() if type(x) in (Tensor, np.ndarray) else ():
            found: list[tuple[str, Any]] = [(other, thing)] if type(thing) is type(x) else []
            if type(x) is np.ndarray and type(thing) is Tensor:
                found = [(f"{other}._array", thing._array), (f"{other}._grad", thing._grad)]
            for place, y in found:
                told = f"{place} is not {name}" in world.guards
                if y is not x and getattr(y, "shape", x.shape) == x.shape and not told:
                    world.guards[f"{name} is not {place}"] = f"argument {name[1:]}"


def give_back(world: World, x: Any, values: list[Any], swept: bool, places: dict[int, Any]) -> Any:
    """What a replay gives in place of one thing that the step returns, the same for the same."""
    if id(x) in places:
        return places[id(x)]
    if isinstance(x, (Traced, Number)) or type(x) is np.ndarray:
        value: Any = x
    elif isinstance(x, ATOMS):
        return x
    elif id(x) in world.reals:
        value = FromOutside(world.reals[id(x)])
    elif world.reals.get(id(type(x))) is Tensor:  # made here
        has_history = x._operation is not None
        if has_history and not swept:
            world.tape.refuse(
                "it returns a Tensor that requires a gradient and does not backpropagate itself: its history is needed outside. "
                "Return t.detach(), compute under no_grad(), or compile the whole step with backward()"
            )
        value = Result(x._array, x._grad, x._requires_grad, has_history, x.name, x.scope)
    else:
        world.tape.refuse(f"it returns {type(x).__name__}, and only arrays, Tensors, numbers and texts can be returned")
    values.append(value)
    places[id(x)] = Place(len(values) - 1)
    return places[id(x)]


def keep_effects(world: World) -> None:
    """Leave only effects on the state of Tensors; others must have come to nothing."""
    kept: list[Any] = []
    for event in world.tape.events:
        if isinstance(event, Effect) and not (isinstance(event.thing, Tensor) and event.name in ("_array", "_grad", "_changed")):
            before, after = world.changed[id(event.thing), event.name]
            counts = not trusted_name(type(event.thing).__module__) or isinstance(event.thing, Tensor) and event.name != "_order"
            if before is not after and not same(before, after) and counts:
                what = event.thing.describe() if isinstance(event.thing, Tensor) else type(event.thing).__name__
                world.tape.refuse(
                    f"it changes {what}.{event.name}, and only data and grad of Tensors can be followed; keep what a step "
                    "changes in a Tensor or in an array that it writes to, or return it"
                )
            continue
        kept.append(event)
    world.tape.events = kept


# Comparing with the step itself ---------------------------------------------------------------------------


class Copies:
    """Copies of what a program refers to and may write to, which share memory as the originals do.

    A large array is copied only if the program says that it writes to it.
    """

    def __init__(self, program: Program, leaves: Sequence[Any]) -> None:
        names = {**program.names, **dict(zip(program.arguments, leaves))}
        self.targets = [eval(place, names) for place in program.targets]
        self.roots: dict[int, Any] = {}
        self.made: dict[int, Any] = {}
        self.names = {name: self.of(names[name]) for name in program.mutable if names[name] is not None}

    def of(self, x: Any) -> Any:
        if id(x) in self.made:
            return self.made[id(x)][1]
        if isinstance(x, Tensor):
            copy = Tensor.__new__(Tensor)
            for slot in Tensor.__slots__:
                if slot != "__weakref__" and hasattr(x, slot):
                    setattr(copy, slot, getattr(x, slot))
            copy._array = self.of(x._array)
            copy._grad = None if x._grad is None else self.of(x._grad)
        else:
            copy = self.array(x)
        self.made[id(x)] = x, copy
        return copy

    def array(self, x: Any) -> Any:
        if x.nbytes > COPIED_BYTES and not any(np.may_share_memory(x, target) for target in self.targets):
            return x
        root = x
        while isinstance(root.base, np.ndarray):
            root = root.base
        if id(root) not in self.roots:
            self.roots[id(root)] = root, np.array(root, order="K")
        _, copy = self.roots[id(root)]
        if copy.strides != root.strides:
            return x.copy(order="K")
        start = x.__array_interface__["data"][0] - root.__array_interface__["data"][0]
        view: Any = np.ndarray(x.shape, x.dtype, copy.ravel(order="K"), start, x.strides)
        view.flags.writeable = x.flags.writeable
        return view


def alike(x: Any, y: Any) -> bool:
    """Whether two results are the same bit for bit, but for the history of Tensors."""
    if x is y:
        return True
    if isinstance(x, Tensor) and isinstance(y, Tensor):
        return x._requires_grad == y._requires_grad and alike(x._array, y._array) and alike(x._grad, y._grad)
    if type(x) is not type(y):
        return False
    if isinstance(x, (tuple, list)):
        return len(x) == len(y) and all(map(alike, x, y))
    if isinstance(x, dict):
        return list(x) == list(y) and all(alike(x[key], y[key]) for key in x)
    if isinstance(x, (np.ndarray, np.generic)):
        if x.shape != y.shape or x.dtype != y.dtype:
            return False
        if x.dtype.kind not in "fc":
            return x.tobytes() == y.tobytes() or bool(np.array_equal(x, y))
        nan = np.isnan(x)  # whose sign and payload are anybody's; those of zeros are not
        return bool(np.array_equal(nan, np.isnan(y))) and np.where(nan, 0, x).tobytes() == np.where(nan, 0, y).tobytes()
    return same(x, y) or not isinstance(x, ATOMS)
