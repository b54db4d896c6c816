"""Arrays that write down what NumPy does with them.

A training step is in the end a list of NumPy calls. `Traced` stands for an array in such a step, `Number` for a Python
number that was computed from one: both compute like what they stand for, and write every call on a `Tape`. Nothing leaves
the tape unnoticed: what would turn a Traced array into a decision, or is not known to be a function of its arguments alone,
is refused.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Container, Iterator
from dis import get_instructions
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from autograd_lite.compiling.functions import (
    FUNCTIONS, INTO_FIRST, METHODS, OF_ENTRIES, OF_SHAPES, ON_VALUES, RAISING, SIZED_BY_SHAPES, SIZED_BY_VALUES, SIZES,
    freeze, item_of,
)  # fmt: skip
from autograd_lite.engine.tensor import Array

LIBRARIES = str(Path(__file__).parents[1]), str(Path(np.__file__).parent), "<string>", "<autograd_lite"
"""What the file names of code that is not the user's begin with."""
IMPORTS = str(Path(import_module.__code__.co_filename).parent), "<frozen "
"""The same for what imports a module."""


class NotReplayable(TypeError):
    """A step that was compiled with ``strict=True`` cannot be replayed as a list of NumPy calls."""


class Refusal(BaseException):
    """Why a step cannot be replayed. No `Exception`, so that what the step does about those leaves it alone."""


class Call(NamedTuple):
    """One NumPy call: `result` is what it gave, `target` the array that it wrote to, if there is one."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    keywords: dict[str, Any]
    result: Stand | None
    target: Stand | None
    errors: tuple[tuple[str, str], ...]

    @property
    def out(self) -> Stand:
        out = self.result if self.target is None else self.target
        assert out is not None
        return out


class Effect(NamedTuple):
    """An attribute of an object from outside that the step sets, at this place among its calls."""

    thing: Any
    name: str
    value: Any


class Choice(NamedTuple):
    """A decision of the step: a replay goes on only if it comes out the same."""

    value: Stand
    outcome: bool


class Tape:
    """The events of one run of a step in their order: its calls, its effects and its decisions."""

    def __init__(self) -> None:
        self.events: list[Call | Effect | Choice] = []
        self.stands = 0
        self.written: set[int] = set()
        self.is_running = False  # the step: what is found before or afterwards has no line
        self.has_written = False  # to an array from outside
        self.refused: str | None = None  # remembered, in case the step catches the exception
        self.errors: list[tuple[tuple[str, str], ...]] = [()]  # the settings of np.errstate in the step

    def refuse(self, reason: str) -> NoReturn:
        """Raise `Refusal`, with the line of the user's that is concerned."""
        frame: Any = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename.startswith(LIBRARIES + IMPORTS):
            frame = frame.f_back
        where = "" if frame is None or not self.is_running else f"{Path(frame.f_code.co_filename).name}, line {frame.f_lineno}: "
        self.refused = self.refused or where + reason
        raise Refusal(self.refused)

    def constant(self, value: Any) -> Traced:
        """An array whose values do not depend on anything outside of the step."""
        return Traced(self, value, source=value.copy("K"))

    def call(self, function: Any, args: tuple[Any, ...], keywords: dict[str, Any], target: Any = None) -> Any:
        """Call `function` on the values themselves and write down what it did."""
        args, keywords = self._note(args), self._note(keywords)
        if target is not None and not isinstance(target, Traced):
            self.refuse(f"{name_of(function)} writes to an array that was made of plain numbers; make it with np.zeros")
        if target is not None and type(target.root.source) is str and deals_with_exceptions():
            self.refuse("an array from outside may be read-only, and the step has an 'except' or 'finally' for what is raised then")
        if target is not None and not target.value.flags.writeable:
            if target.frozen:
                raise ValueError("assignment destination is read-only")
            target.value = target.value.copy()  # what belongs to the user stays as it is
        if may_raise(function, args, keywords) and deals_with_exceptions():
            self.refuse(
                f"{name_of(function)} may raise an exception for other values, and the step has an 'except' or 'finally' for it; "
                "deal with it outside of the step"
            )
        trusted = isinstance(function, np.ufunc) or function in ON_VALUES
        shown: dict[int, Any] = {}  # what the function is given: it cannot write where it does not say so

        def value_of(x: Stand) -> Any:
            if x is target or trusted or not isinstance(x.value, np.ndarray):
                return x.value
            view = shown[id(x)] = x.value.view()
            view.flags.writeable = False
            return view

        stands = list(stands_in((args, keywords)))
        result = function(*replace(args, value_of), **replace(keywords, value_of))
        errors = self.errors[-1]
        if target is not None:
            self.written.add(target.root.index)
            self.has_written |= type(target.root.source) is str
            self.events.append(Call(function, args, keywords, None, target, errors))
            return target
        same = next((x for x in stands if result is x.value or result is shown.get(id(x))), None)
        if same is not None and isinstance(result, np.ndarray):
            if any(isinstance(x, Number) for x in stands):
                self.refuse(f"{name_of(function)} gives its argument back for this number, and for others it may not")
            return same
        if type(result) is np.ndarray and result.dtype.kind in "biufc" or isinstance(result, np.generic):
            made: Any = Traced(self, result, parent=owner(result, stands))
        elif type(result) in (bool, int, float, complex):
            made = Number(self, result)
        elif isinstance(result, (tuple, list)) and all(isinstance(r, (np.ndarray, np.generic)) for r in result):
            made = Bundle(self, result)
        else:
            self.refuse(f"{name_of(function)} gives {type(result).__name__}, which is no array of numbers")
        self.events.append(Call(function, args, keywords, made, None, errors))
        self._guard_size(made, function, args, keywords)
        if not isinstance(made, Bundle):
            return made
        items = [Traced(self, value, parent=owner(value, stands)) for value in result]
        self.events += [Call(operator.getitem, (made, i), {}, x, None, ()) for i, x in enumerate(items)]
        return type(result)(items) if type(result) in (tuple, list) else type(result)(*items)

    def _guard_size(self, made: Any, function: Any, args: Any, keywords: Any) -> None:
        """A result whose size may be another one for other values: a replay goes on only if it is the same."""
        if isinstance(made.value, (np.ndarray, list, tuple)) and size_depends(function, args, keywords):
            if self.has_written:
                self.refuse(f"the size of a result depends on a value after arrays were written to; {SIZES}")
            found = Number(self, True)
            self.events += [Call(has_shapes, (made, shapes_of(made.value)), {}, found, None, ()), Choice(found, True)]

    def _note(self, x: Any) -> Any:
        """Arguments in which every array is Traced."""
        if isinstance(x, STANDS):
            return x
        if isinstance(x, np.ndarray):
            if type(x) is not np.ndarray or x.dtype.kind not in "biufc":
                self.refuse(f"an array of type {type(x).__name__} and dtype {x.dtype}")
            return self.constant(x)
        if type(x) in (tuple, list):
            return type(x)([self._note(item) for item in x])
        if type(x) is dict:
            return {key: self._note(item) for key, item in x.items()}
        if type(x) is slice:
            return slice(self._note(x.start), self._note(x.stop), self._note(x.step))
        if x is None or isinstance(x, PLAIN):
            return x
        self.refuse(f"a NumPy function that is given {type(x).__name__}")


def shapes_of(x: Any) -> Any:
    return [shapes_of(item) for item in x] if isinstance(x, (list, tuple)) else np.shape(x)


def has_shapes(x: Any, shapes: Any) -> bool:
    return bool(shapes_of(x) == shapes)


def size_depends(function: Any, args: Any, keywords: Any) -> bool:
    """Whether the values of numbers among the arguments may decide how large the result is."""
    sizing = list(stands_in([keywords.get(key) for key in ("axis", "axes", "keepdims", "shape")]))
    if isinstance(function, np.ufunc) or function in SIZED_BY_SHAPES:
        return any(not x.is_constant for x in sizing)
    if function is operator.getitem:
        keys = args[1] if type(args[1]) is tuple else (args[1],)
        return any(not x.is_constant for key in keys if type(key) is slice for x in stands_in(key))
    given, kinds = (args, "biu") if function in SIZED_BY_VALUES else (args[1:], "iu")
    return any(
        not x.is_constant and (isinstance(x, Number) or x.dtype.kind in kinds and (x.ndim == 0 or function not in OF_ENTRIES))
        for x in stands_in((given, keywords)) if isinstance(x, (Number, Traced))
    )


def may_raise(function: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> bool:
    """Whether a call may raise an exception for some values and not for others."""
    numbers = [x for x in stands_in((args, keywords)) if isinstance(x, Number)]
    if function in (np.power, operator.pow, operator.ipow) and any(isinstance(x, Traced) for x in args):
        return all(x.dtype.kind in "iu" for x in args if isinstance(x, Traced))
    if isinstance(function, np.ufunc):  # of a small integer and a Python number too large for it
        return bool(numbers) and any(isinstance(x, Traced) and x.dtype.kind in "iu" for x in args)
    if function in (operator.getitem, operator.setitem):
        return any(isinstance(x, Number) or x.value.dtype.kind in "iu" for x in stands_in(args[1]))
    if isinstance(getattr(function, "__self__", None), np.ufunc) and function.__name__ in ("at", "reduceat"):
        return True
    if function in RAISING or getattr(function, "__module__", "") == "numpy.linalg":
        return True
    if getattr(function, "__module__", "") == "_operator":
        return False
    # a size may be one that cannot be, and an integer of Python's too large for an entry
    return size_depends(function, args, keywords) or any(type(x.value) is not float for x in numbers)


def deals_with_exceptions() -> bool:
    """Whether code of the user's that is running now has an `except` or `finally`."""
    frame: Any = sys._getframe(2)
    while frame is not None and frame.f_code.co_name != "quietly":
        if not frame.f_code.co_filename.startswith(LIBRARIES):
            names = [instruction.opname for instruction in get_instructions(frame.f_code)]
            handlers = names.count("PUSH_EXC_INFO") + names.count("SETUP_FINALLY")
            blocks = names.count("WITH_EXCEPT_START")
            if handlers > blocks or blocks > sum(name in QUIET_BLOCKS for name in frame.f_code.co_names):
                return True
        frame = frame.f_back
    return False


QUIET_BLOCKS = {"no_grad", "enable_grad", "name_scope", "errstate"}
"""Context managers that let exceptions pass."""
PLAIN = (bool, int, float, complex, str, type(Ellipsis), np.generic, np.dtype, type, type(np._NoValue))


def owner(value: Any, stands: list[Stand]) -> Any:
    """The array whose memory `value` is a view of."""
    if not isinstance(value, np.ndarray) or value.base is None:
        return None
    return next((x for x in stands if isinstance(x.value, np.ndarray) and np.may_share_memory(x.value, value)), None)


def takes_over(x: Any) -> bool:
    """Whether NumPy leaves a function to this argument: a Tensor."""
    return hasattr(type(x), "__array_ufunc__") and not isinstance(x, (*STANDS, np.ndarray, np.generic))


def name_of(function: Any) -> str:
    return str(getattr(function, "__name__", function))


def stands_in(x: Any) -> Iterator[Any]:
    """The stand-ins in arguments, or in an event of a tape."""
    if isinstance(x, STANDS):
        yield x
    elif isinstance(x, (tuple, list)):
        for item in x:
            yield from stands_in(item)
    elif type(x) is dict:
        yield from stands_in(list(x.values()))
    elif type(x) is slice:
        yield from stands_in([x.start, x.stop, x.step])


def is_named_tuple(cls: type) -> bool:
    return issubclass(cls, tuple) and hasattr(cls, "_fields")


def rebuild(x: Any, of: Callable[[Any], Any], whole: Container[int] = ()) -> Any:
    """The same nest of other things; what has its ``id`` in `whole` is not taken apart."""
    if id(x) in whole:
        return of(x)
    if is_named_tuple(type(x)):
        return tuple.__new__(type(x), [rebuild(item, of, whole) for item in x])
    if type(x) in (tuple, list):
        return type(x)([rebuild(item, of, whole) for item in x])
    if type(x) is dict:
        return {key: rebuild(item, of, whole) for key, item in x.items()}
    return of(x)


def replace(x: Any, by: Callable[[Any], Any]) -> Any:
    """Arguments with something else in place of their stand-ins."""

    def of(y: Any) -> Any:
        if type(y) is slice:
            return slice(*[replace(end, by) for end in (y.start, y.stop, y.step)])
        return by(y) if isinstance(y, STANDS) else y

    return rebuild(x, of)


OUTSIDE = (
    "a replay would take the same number at each call. Compute with NumPy's functions (np.cos, not math.cos), return what is to be "
    "shown, or compute it outside of the step and pass it"
)
REMEDY = (
    "a replay does the same at each call. Decide by entry with np.where, np.minimum, np.clip; or return the value and "
    "decide outside of the step"
)


class Stand:
    """What stands for an array or a number in a step that is being recorded.

    Attributes
    ----------
    value : ndarray, NumPy scalar or Python number
        What it is in this run. Nothing depends on it but shape, dtype and type.
    parent : Traced or None
        The array whose memory this one is a view of.
    source : str, ndarray or None
        Where a replay finds it: an expression, or for a constant the constant. None if it is computed.
    frozen : bool
        Whether it is read-only to the step too.
    """

    __slots__ = ("tape", "value", "parent", "source", "index", "frozen")

    def __init__(self, tape: Tape, value: Any, *, parent: Any = None, source: Any = None) -> None:
        self.tape = tape
        self.value = value
        self.parent = parent
        self.source = source
        self.index = tape.stands
        self.frozen = bool(parent is not None and parent.frozen)
        tape.stands += 1

    @property
    def root(self) -> Stand:
        """What owns the memory."""
        x = self
        while x.parent is not None:
            x = x.parent
        return x

    @property
    def is_constant(self) -> bool:
        root = self.root
        return isinstance(root.source, np.ndarray) and root.index not in self.tape.written

    def _decision(self, *_: Any, **__: Any) -> NoReturn:
        shape = getattr(self.value, "shape", ())
        what = f"of an array of shape {shape} " if shape else ""
        self.tape.refuse(f"the value {what}is used as a Python number or as text; {OUTSIDE}")

    def __bool__(self) -> bool:
        outcome = bool(self.value)
        if self.tape.has_written:  # from here on, nobody can start anew
            self.tape.refuse(f"a value is used in a decision after arrays were written to; {REMEDY}")
        self.tape.events.append(Choice(self, outcome))
        return outcome

    __float__ = __int__ = __complex__ = __index__ = __round__ = __trunc__ = _decision
    __floor__ = __ceil__ = __repr__ = __str__ = __format__ = __contains__ = _decision
    __reduce_ex__ = __copy__ = __deepcopy__ = _decision

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        if any(map(takes_over, inputs)):
            return NotImplemented
        tape = self.tape
        if all(isinstance(x.value, np.complexfloating) for x in inputs if isinstance(x, Stand)):
            tape.refuse("a complex scalar, with which Python computes otherwise than NumPy's functions; take x[i : i + 1]")
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        out = keywords.pop("out", None)
        if method == "at":
            tape.call(function, inputs, keywords, target=inputs[0])
            return None
        if out is None:
            return tape.call(function, inputs, keywords)
        if len(out) > 1:
            tape.refuse(f"{name_of(ufunc)} writes to several arrays")
        tape.call(function, inputs, {**keywords, "out": out}, target=out[0])
        return out[0]


class Bundle(Stand):
    """Several arrays that one call gives."""

    __slots__ = ()


class Number(Stand):
    """A Python number that was computed from an array."""

    __slots__ = ()
    __class__ = property(lambda self: type(self.value))
    __hash__ = __divmod__ = __rdivmod__ = Stand._decision

    def is_integer(self) -> bool:
        self._decision()


class Traced(Stand, NDArrayOperatorsMixin):
    """An array or a NumPy scalar."""

    __slots__ = ()
    __class__ = property(lambda self: type(self.value))
    __hash__ = None  # type: ignore[assignment]

    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    dtype = property(lambda self: self.value.dtype)
    itemsize = property(lambda self: self.value.itemsize)
    nbytes = property(lambda self: self.value.nbytes)
    T = property(lambda self: self.transpose())
    mT = property(lambda self: np.swapaxes(self, -1, -2))
    real = property(lambda self: np.real(self))
    imag = property(lambda self: np.imag(self))
    flags = property(lambda self: Flags(self))

    @property
    def base(self) -> Any:
        if self.source is not None and self.root is self and type(self.source) is str:
            self.tape.refuse("whether an array from outside is a view decides what the step does")
        if getattr(self.value, "base", None) is not None and self.parent is None and self.size:
            self.tape.refuse("whether an array is a view decides what the step does")
        return self.parent

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        tape = self.tape
        if not all(kind is np.ndarray or issubclass(kind, Traced) for kind in types):
            return NotImplemented
        name = name_of(function)
        if function in OF_SHAPES:
            return function(*replace(args, lambda x: x.value), **replace(keywords, lambda x: x.value))
        if function in INTO_FIRST:
            tape.call(function, args, keywords, target=args[0])
            return None
        if function not in FUNCTIONS or function is np.where and len(args) == 1:
            tape.refuse(f"np.{name}, of which it is not known that a replay may call it; {SIZES}")
        keywords = {key: value for key, value in keywords.items() if key != "out" or value is not None}
        if isinstance(keywords.get("out"), tuple):
            keywords["out"] = keywords["out"][0]
        out = keywords.get("out")
        if out is None:
            return read_only(tape, function, args, keywords)
        return tape.call(function, args, keywords, target=out)

    def __array__(self, *_: Any, **__: Any) -> Array:
        self.tape.refuse(
            "an array is taken out of the recording, by a function that NumPy lets no one follow or by writing to an array "
            "that was made of plain numbers"
        )

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Any]:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Any) -> Any:
        if any(x.value.dtype == bool and not x.is_constant for x in stands_in(key) if isinstance(x, Traced)):
            self.tape.refuse(f"a mask picks entries, whose number depends on values; {SIZES}")
        return self.tape.call(operator.getitem, (self, key), {})

    def __setitem__(self, key: Any, value: Any) -> None:
        self.tape.call(operator.setitem, (self, key, value), {}, target=self)

    def __pow__(self, other: Any) -> Any:  # for which NumPy's arrays have ways of their own, unlike np.power
        if takes_over(other):
            return NotImplemented
        if type(other) in (int, float) and other == 2 and self.dtype.kind == "f" and isinstance(self.value, np.ndarray):
            return np.square(self)
        return self.tape.call(operator.pow, (self, other), {})

    def item(self, *args: int) -> Any:
        return self.tape.call(item_of, (self, *args), {})

    def tolist(self) -> Any:
        return self.item() if self.ndim == 0 else self._decision()

    def fill(self, value: Any) -> None:
        self[...] = value

    def sort(self, *args: Any, **keywords: Any) -> None:
        self.tape.call(np.ndarray.sort, (self, *args), keywords, target=self)

    def clip(self, min: Any = None, max: Any = None, out: Any = None, **keywords: Any) -> Any:
        return np.clip(self, min, max, out=out, **keywords)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(self.value, name):
            raise AttributeError(f"'{type(self.value).__name__}' object has no attribute '{name}'")
        if name not in METHODS:
            self.tape.refuse(f"the method or attribute '{name}' of an array; use a NumPy function that does the same")

        def method(*args: Any, **keywords: Any) -> Any:
            out = keywords.get("out")
            if out is not None:
                return self.tape.call(METHODS[name], (self, *args), keywords, target=out)
            return read_only(self.tape, METHODS[name], (self, *args), keywords)

        return method


def read_only(tape: Tape, function: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Call a function that must not write to its arguments."""
    repeats = args[1:], keywords.get("repeats")
    if function in (np.repeat, METHODS["repeat"]) and any(isinstance(x, Traced) for x in stands_in(repeats)):
        tape.refuse(f"{name_of(function)} with a result whose size depends on values; {SIZES}")
    try:
        return tape.call(function, args, keywords)
    except ValueError as error:
        if "read-only" in str(error):
            tape.refuse(f"{name_of(function)} writes to one of its arguments; write a[...] = {name_of(function)}(a)")
        raise


def in_place(symbol: str) -> Callable[[Any, Any], Any]:
    """``a += b``, which changes an array, and gives a new one for a NumPy scalar."""
    mixed, plain = getattr(NDArrayOperatorsMixin, f"__i{symbol}__"), getattr(operator, f"__{symbol}__")

    def operate(self: Any, other: Any) -> Any:
        if isinstance(self.value, np.generic):
            return plain(self, other)
        if symbol == "pow":
            return self.tape.call(operator.ipow, (self, other), {}, target=self)
        return mixed(self, other)

    return operate


for _symbol in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift", "rshift"):
    setattr(Traced, f"__i{_symbol}__", in_place(_symbol))


def arithmetic(name: str, reflected: bool) -> Callable[..., Any]:
    """An operator of Python's between numbers."""
    function = getattr(operator, f"__{name}__")

    def operate(self: Number, *other: Any) -> Any:
        if any(type(x) not in (Number, bool, int, float, complex) for x in other):
            return NotImplemented
        return self.tape.call(function, (*other, self) if reflected else (self, *other), {})

    return operate


for _symbol in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "lshift", "rshift"):
    setattr(Number, f"__{_symbol}__", arithmetic(_symbol, False))
    setattr(Number, f"__r{_symbol}__", arithmetic(_symbol, True))
for _symbol in ("neg", "pos", "abs", "lt", "le", "gt", "ge", "eq", "ne"):
    setattr(Number, f"__{_symbol}__", arithmetic(_symbol, False))
STANDS = (Traced, Number, Bundle)


class Flags:
    """``array.flags`` of a Traced array."""

    def __init__(self, array: Traced) -> None:
        object.__setattr__(self, "array", array)

    def __getattr__(self, name: str) -> Any:
        if name == "writeable":
            if type(self.array.root.source) is str:
                self.array.tape.refuse("whether an array from outside may be written to decides what the step does")
            return not self.array.frozen
        self.array.tape.refuse("how an array lies in memory decides what the step does")

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "writeable" or value is not False:
            self.array.tape.refuse(f"array.flags.{name} = {value}")
        if self.array.frozen:
            return
        self.array.tape.call(freeze, (self.array,), {}, target=self.array)
        self.array.frozen = True
