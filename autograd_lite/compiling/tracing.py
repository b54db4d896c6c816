"""Arrays that write down what NumPy does with them.

A training step is in the end a list of NumPy calls: of the forward functions, rules and pulls of the table, and
of the update. `Traced` stands for an array in such a step. It computes like one and writes every call on a
`Tape`, so that `compiling` can replay the list without the step that made it. Nothing leaves the tape
unnoticed: a Traced array is no ndarray, and whatever would turn it into one, or into a Python number or a
decision, raises `NotReplayable`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import RLock
from typing import Any, NamedTuple
from weakref import ref

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from autograd_lite.engine.operation import PLAIN
from autograd_lite.engine.tensor import ARRAYS, Array, Tensor


class NotReplayable(TypeError):
    """A step does something that cannot be replayed as a list of NumPy calls."""


class Call(NamedTuple):
    """One NumPy call: `result` is what it gave, `target` the array that it wrote to, if there is one."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    keywords: dict[str, Any]
    result: Traced | None
    target: Traced | None
    quiet: bool

    @property
    def out(self) -> Traced:
        """The array that it wrote to, whether that was there before or not."""
        out = self.result if self.target is None else self.target
        assert out is not None
        return out

    @property
    def name(self) -> str:
        return str(getattr(self.function, "__name__", self.function))


class Tape:
    """The calls of one run of a step, and the arrays that they began with."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.traced: list[Traced] = []
        self.captured: dict[int, Traced] = {}  # arrays from outside the step, by identity
        self.tensors: dict[int, tuple[Tensor, Traced]] = {}  # Tensors from outside, by identity

    def close(self) -> None:
        """End the recording: its arrays belong to no tape, so that no cycle keeps it alive."""
        for x in self.traced:
            x.tape = None

    def input(self, array: Array, position: int) -> Traced:
        """An array that is given anew at each call."""
        return Traced(self, array, position=position)

    def capture(self, array: Array, owner: Tensor | None = None) -> Traced:
        """An array from outside the step, which every replay uses again."""
        traced = self.captured.get(id(array))
        if traced is None:
            traced = self.captured[id(array)] = Traced(self, array, initial=array.copy(), owner=owner)
        return traced

    def data_of(self, t: Tensor, array: Any) -> Any:
        """The data of a Tensor as the step sees it."""
        if type(array) is Traced:
            return array
        known = self.tensors.get(id(t))
        if known is None:
            known = self.tensors[id(t)] = (t, self.capture(array, t))
        return known[1]

    def call(
        self, function: Callable[..., Any], args: tuple[Any, ...], keywords: dict[str, Any], target: Any = None
    ) -> Any:
        """Call `function` on the arrays themselves and write down what it did."""
        args, keywords = self._noted(args), self._noted(keywords)
        target = self._noted(target)
        quiet = np.geterr()["divide"] == "ignore"
        result = function(*arrays_of(args), **arrays_of(keywords))
        if target is not None:
            self.calls.append(Call(function, args, keywords, None, target, quiet))
            return target
        if isinstance(result, (np.ndarray, np.generic)):
            traced = self._result(np.asarray(result), args)
            self.calls.append(Call(function, args, keywords, traced, None, quiet))
            return traced
        if isinstance(result, (tuple, list)) and all(isinstance(r, (np.ndarray, np.generic)) for r in result):
            items = [self.call(item_of_result, (i, function, args, keywords), {}) for i in range(len(result))]
            return type(result)(items) if type(result) in (tuple, list) else type(result)(*items)
        if isinstance(result, bool) and function not in OF_DTYPES_ALONE:
            raise NotReplayable(f"{function.__name__} makes a decision that depends on the values: {ADVICE}")
        return result  # a shape, a dtype: the same at each call

    def _result(self, array: Array, args: Any) -> Traced:
        base = next((x for x in traced_in(args) if np.may_share_memory(x.array, array)), None)
        return Traced(self, array, base=base)

    def _noted(self, x: Any) -> Any:
        """Arguments in which every array is Traced, and of this tape."""
        if type(x) is Traced:
            return x if x.tape is self else self.capture(x.array)
        if isinstance(x, Tensor):
            return self.data_of(x, x._array)
        if isinstance(x, np.ndarray):
            return self.capture(x)
        if type(x) in (tuple, list):
            return type(x)([self._noted(item) for item in x])
        if type(x) is dict:
            return {key: self._noted(item) for key, item in x.items()}
        return x


ADVICE = (
    "a compiled step does the same at each call. Return the value from the step and decide outside, use np.where "
    "for a choice by entry, or do not compile"
)
OF_DTYPES_ALONE = {np.iscomplexobj, np.isrealobj, np.can_cast, np.shares_memory, np.may_share_memory}

active: ContextVar[Tape | None] = ContextVar("autograd_lite tape", default=None)


def item_of_result(i: int, function: Callable[..., Any], args: Any, keywords: Any) -> Any:
    return function(*args, **keywords)[i]


def traced_in(x: Any) -> Iterator[Traced]:
    """The Traced arrays in arguments."""
    if type(x) is Traced:
        yield x
    elif type(x) in (tuple, list):
        for item in x:
            yield from traced_in(item)
    elif type(x) is dict:
        yield from traced_in(list(x.values()))
    elif type(x) is slice:
        yield from traced_in([x.start, x.stop, x.step])


def replaced(x: Any, by: Callable[[Traced], Any]) -> Any:
    """Arguments with something else in place of their Traced arrays."""
    if type(x) is Traced:
        return by(x)
    if type(x) in (tuple, list):
        return type(x)([replaced(item, by) for item in x])
    if type(x) is dict:
        return {key: replaced(item, by) for key, item in x.items()}
    return x


def arrays_of(x: Any) -> Any:
    return replaced(x, lambda traced: traced.array)


class Traced(NDArrayOperatorsMixin):
    """An array in a step that is being recorded.

    Attributes
    ----------
    array : ndarray
        Its values in this run.
    base : Traced or None
        The array whose memory this one is a view of.
    position : int or None
        Its place among the arguments of the step.
    initial : ndarray or None
        For an array from outside, the values that it had when the step first used it.
    owner : Tensor or None
        The Tensor that it is the data of.
    place : (Traced, int) or None
        The flat array that it is a part of, and where it begins in there; given by `fusing`.
    """

    __slots__ = ("tape", "array", "base", "position", "initial", "owner", "place", "index")

    def __init__(
        self,
        tape: Tape,
        array: Array,
        *,
        base: Traced | None = None,
        position: int | None = None,
        initial: Array | None = None,
        owner: Tensor | None = None,
    ) -> None:
        self.tape: Tape | None = tape
        self.array = array
        self.base = base
        self.position = position
        self.initial = initial
        self.owner = owner
        self.place: tuple[Traced, int] | None = None
        self.index = len(tape.traced)
        tape.traced.append(self)

    @property
    def root(self) -> Traced:
        """The array that owns the memory."""
        x = self
        while x.base is not None:
            x = x.base
        return x if x.place is None else x.place[0]

    @property
    def from_outside(self) -> bool:
        """Whether it lies in memory that the step did not allocate: it is an argument, or was found."""
        root = self.root
        return root.position is not None or root.initial is not None

    shape = property(lambda self: self.array.shape)
    ndim = property(lambda self: self.array.ndim)
    size = property(lambda self: self.array.size)
    dtype = property(lambda self: self.array.dtype)
    T = property(lambda self: np.transpose(self))
    real = property(lambda self: np.real(self))
    imag = property(lambda self: np.imag(self))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        tape = active.get()
        if any(isinstance(x, Tensor) for x in inputs):
            return NotImplemented  # the Tensor's turn
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        out = keywords.pop("out", None)
        if tape is None:  # a survivor of a recording: an array like any other
            return function(*arrays_of(inputs), **arrays_of(keywords), **({"out": arrays_of(out)} if out else {}))
        if method == "at":
            tape.call(function, inputs, keywords, target=inputs[0])
            return None
        if out is None:
            return tape.call(function, inputs, keywords)
        tape.call(function, inputs, {**keywords, "out": out}, target=out[0])
        return out[0]  # the very array: one from outside stays what it is

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        tape = active.get()
        if any(issubclass(kind, Tensor) for kind in types):
            return NotImplemented
        if tape is None:
            return function(*arrays_of(args), **arrays_of(keywords))
        if function is np.copyto:
            tape.call(function, args, keywords, target=args[0])
            return None
        out = keywords.get("out")
        if out is None:
            keywords = {key: value for key, value in keywords.items() if key != "out"}
        result = tape.call(function, args, keywords, target=out)
        return result if out is None else out

    def __array__(self, *_: Any, **__: Any) -> Array:
        if active.get() is None:
            return self.array
        raise NotReplayable(f"the step takes an array out of the recording (np.asarray or the like): {ADVICE}")

    def _value(self, of: Callable[[Array], Any]) -> Any:
        if active.get() is None:
            return of(self.array)
        raise NotReplayable(
            f"the step uses the value of an array of shape {self.shape} as a Python number or in a decision "
            f"(if, while, float(), item()): {ADVICE}"
        )

    def __bool__(self) -> bool:
        return bool(self._value(bool))

    def __float__(self) -> float:
        return float(self._value(float))

    def __int__(self) -> int:
        return int(self._value(int))

    def __index__(self) -> int:
        return int(self._value(operator.index))

    def item(self, *args: int) -> Any:
        return self._value(lambda array: array.item(*args))

    def tolist(self) -> Any:
        return self._value(np.ndarray.tolist)

    def __len__(self) -> int:
        return len(self.array)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Any) -> Any:
        return self._method(get_item, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        tape = active.get()
        if tape is None:
            self.array[arrays_of(key)] = arrays_of(value)
        else:
            tape.call(set_item, (self, key, value), {}, target=self)

    def _method(self, function: Any, *args: Any, **keywords: Any) -> Any:
        tape = active.get()
        if tape is None:
            return function(self.array, *arrays_of(args), **arrays_of(keywords))
        return tape.call(function, (self, *args), keywords)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # NumPy asks for its protocols
            raise AttributeError(name)
        if active.get() is None:
            return getattr(self.array, name)
        if name not in METHODS:
            raise NotReplayable(
                f"the step uses the method or attribute '{name}' of an array, which cannot be replayed; "
                "use a NumPy function that does the same"
            )
        return lambda *args, **keywords: self._method(METHODS[name], *args, **keywords)


def get_item(x: Array, key: Any) -> Any:
    return x[key]


def set_item(x: Array, key: Any, value: Any) -> None:
    x[key] = value


METHODS: dict[str, Callable[..., Any]] = {
    name: getattr(np.ndarray, name)
    for name in (
        "all", "any", "argmax", "argmin", "argsort", "astype", "clip", "conj", "copy", "cumprod", "cumsum",
        "diagonal", "dot", "flatten", "max", "mean", "min", "prod", "ravel", "repeat", "reshape", "round",
        "squeeze", "std", "sum", "swapaxes", "take", "trace", "transpose", "var", "view",
    )
}  # fmt: skip
ARRAYS.add(Traced)
PLAIN.add(Traced)


@contextmanager
def recording_on(tape: Tape) -> Iterator[None]:
    """Let `tape` note what this thread computes, the data of Tensors included.

    Reading the data of a Tensor is far too frequent for a question whether somebody records. So while a
    recording runs, and only then, a property stands in place of the slot.
    """
    with one_recording_at_a_time:
        yield from _recording_on(tape)


one_recording_at_a_time = RLock()


def _recording_on(tape: Tape) -> Iterator[None]:
    slot: Any = Tensor.__dict__["_array"]

    def get(t: Tensor) -> Any:
        array = slot.__get__(t)
        tape = active.get()
        return array if tape is None else tape.data_of(t, array)

    made: list[ref[Tensor]] = []

    def put(t: Tensor, array: Any) -> None:
        slot.__set__(t, array)
        if type(array) is Traced:
            made.append(ref(t))

    setattr(Tensor, "_array", property(get, put))  # noqa: B010
    token = active.set(tape)
    try:
        yield
    finally:
        active.reset(token)
        setattr(Tensor, "_array", slot)  # noqa: B010
        for reference in made:  # a Tensor that outlives the step holds an array like any other
            t: Any = reference()
            if t is not None and type(t._array) is Traced:
                t._array = t._array.array
