"""The world of a step, with a stand-in for everything that the step can reach.

To record a step, its own code runs, but nothing of it touches what is there: functions have their code with other globals
and cells, classes have other methods, objects other attributes, containers are copies, and arrays are `Traced`. What the
step reads from outside is noted, to be watched by replays; what it sets is an effect, to be done by them. Only what is known
has a stand-in. Everything else, from files to random numbers, is `Unknown`, which refuses whatever is done with it. So the
engine and the table run here as they are, and know nothing of it.
"""

from __future__ import annotations

import builtins
import enum
import functools
import itertools
import sys
import types
from abc import ABCMeta, get_cache_token
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol

import numpy as np

from autograd_lite.compiling.functions import FUNCTIONS, INTO_FIRST, OF_SHAPES
from autograd_lite.compiling.tracing import STANDS, Effect, Number, Tape, Traced, is_named_tuple, stands_in
from autograd_lite.engine import recording
from autograd_lite.engine.tensor import TABLE, Tensor

ATOMS = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis), type(NotImplemented), range, np.dtype, np.generic)
SAFE = set(
    "None NotImplemented Ellipsis abs all any bool callable complex dict divmod enumerate filter float frozenset getattr hasattr "
    "int isinstance issubclass iter len list map max min next object pow property range repr reversed round set setattr slice "
    "sorted staticmethod classmethod str sum super tuple zip __name__ __debug__".split()
) | {name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, BaseException)}
PURE_MODULES = {"math", "cmath", "_operator", "_functools", "itertools", "_heapq"}
HIDDEN = {
    "__globals__", "__code__", "__closure__", "__builtins__", "__subclasses__", "__mro__", "__bases__", "__func__", "__self__",
    "gi_frame", "f_back", "f_globals", "f_locals", "__reduce__", "__reduce_ex__", "__getstate__",
}  # fmt: skip
NOT_OF_OBJECTS = {
    "__dict__", "__weakref__", "__slots__", "__module__", "__doc__", "__init_subclass__", "__subclasshook__", "__orig_bases__",
    "__class_getitem__", "__abstractmethods__", "_abc_impl", "__parameters__", "__firstlineno__", "__static_attributes__",
    "__annotations__", "__qualname__",
}  # fmt: skip
WATCHED_ENTRIES = 256
"""The number of entries up to which a container is watched."""
OF_NAMED_TUPLES = {
    "__new__", "_make", "_replace", "__repr__", "_asdict", "__getnewargs__", "__replace__", "__annotate_func__", "__annotations__",
    "__match_args__", "_fields", "_field_defaults", "__annotations_cache__", "__annotate__",
}  # fmt: skip


def trusted_name(name: Any) -> bool:
    """Whether a module belongs to autograd_lite or NumPy: such modules are not watched, because they do not change."""
    return isinstance(name, str) and name.partition(".")[0] in ("autograd_lite", "numpy")


class Unknown:
    """Something that has no stand-in. It may be passed on; whoever uses it cannot be replayed."""

    def __init__(self, tape: Tape, reason: str) -> None:
        object.__setattr__(self, "_refuse", lambda *_, **__: tape.refuse(reason))

    def __getattribute__(self, name: str) -> Any:
        object.__getattribute__(self, "_refuse")()


for _name in (
    "call", "getitem", "setitem", "iter", "next", "len", "bool", "eq", "ne", "lt", "gt", "le", "ge", "contains", "enter", "exit",
    "add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "matmul", "rmatmul", "pow", "rpow", "neg", "hash", "str",
    "repr", "format", "float", "int", "index", "array", "array_ufunc", "array_function", "iadd", "isub", "imul",
    "or", "ror", "and", "rand", "mod", "rmod", "reversed", "await", "aiter", "aenter", "setattr", "delattr", "delitem",
):  # fmt: skip
    setattr(Unknown, f"__{_name}__", lambda self, *_, **__: object.__getattribute__(self, "_refuse")())


class Meta(type):
    """The class of the stand-ins of classes."""

    _world: World

    def __getattribute__(cls, name: str) -> Any:
        world = type.__getattribute__(cls, "_world")
        if not name.startswith("__") or name in ("__init__", "__new__"):
            world.class_attribute(cls, name)
        return type.__getattribute__(cls, name)

    def __call__(cls, *args: Any, **keywords: Any) -> Any:
        world = type.__getattribute__(cls, "_world")
        for name in ("__init__", "__new__"):
            world.class_attribute(cls, name)
        return type.__call__(cls, *args, **keywords)

    def __setattr__(cls, name: str, value: Any) -> None:
        world = type.__getattribute__(cls, "_world")
        world.tape.refuse(f"the step sets the attribute '{name}' of a class; {KEEP}")


MISSING = object()
KEEP = "keep what a step changes in Tensors or arrays that it writes to, or return it"


class World:
    """Stand-ins for what a step reaches.

    Attributes
    ----------
    names : dict
        The objects from outside that a replay refers to, by name.
    guards : dict
        What must hold for a replay, as expressions, each with the words for it.
    """

    def __init__(self, tape: Tape, varying: set[Any]) -> None:
        self.tape = tape
        self.varying = varying
        self.names: dict[str, Any] = {}
        self.texts: dict[int, str] = {}
        self.guards: dict[str, str] = {}
        self.numbers: dict[str, Any] = {}  # the numbers that are watched: (object, place) by guard
        self.known: dict[int, tuple[Any, Any]] = {}  # what has a stand-in, with it
        self.reals: dict[int, Any] = {}  # by id of the stand-in
        self.watched: set[int] = set()
        self.fetched: dict[tuple[int, str], Any] = {}
        self.placed: dict[int, dict[str, Any]] = {}  # what has been put into the `__dict__` of a stand-in, by its id
        self.changed: dict[tuple[int, str], tuple[Any, Any]] = {}  # attributes before and after, by id of the object
        self.final_checks: list[Callable[[], None]] = []  # that nothing has changed but by effects
        self.globals: dict[int, Globals] = {}
        self.classes: dict[int, type] = {}  # those that stand for classes
        self.uses_super = False
        self.builtins = Builtins(self)
        world = self

        class Base:
            __slots__ = ()

            def __getattribute__(self, name: str) -> Any:
                if id(self) in world.reals:
                    world.fetch(self, name)
                return object.__getattribute__(self, name)

            def __setattr__(self, name: str, value: Any) -> None:
                world.set(self, name, value)

            def __delattr__(self, name: str) -> None:
                if id(self) in world.reals:
                    world.tape.refuse(f"the step deletes the attribute '{name}'; {KEEP}")
                object.__delattr__(self, name)

        self.Base = Base

    # What is noted ------------------------------------------------------------------------------------------

    def text(self, thing: Any, letter: str = "o") -> str:
        """The name by which a replay refers to a thing."""
        name = self.texts.get(id(thing))
        if name is None:
            name = self.texts[id(thing)] = f"{letter}{len(self.names)}"
            self.names[name] = thing
        return name

    def read(self, place: str, value: Any, words: str, watch: bool = True) -> Any:
        """The stand-in of what stands at a place; a replay makes sure that the same still stands there."""
        if not watch:
            self.code_guard(value, words)
            return self.mirror(value, words, False)
        if type(value) in (int, float) and self.place_key(place) in self.varying:
            self.guards[f"type({place}) is {type(value).__name__}"] = words
            return Number(self.tape, value, source=place)
        constant = repr(value) if value is None or type(value) is bool else self.text(value, "k")
        if type(value) in (int, float, complex, str, bytes):
            guard = f"({place} is {constant} or same({place}, {constant}))"
            if type(value) in (int, float):
                self.numbers[guard] = self.place_key(place)
        else:
            guard = f"{place} is {constant}"
        if place not in self.names:
            self.guards.setdefault(guard, words)
        self.code_guard(value, words)
        return self.mirror(value, words)

    def place_key(self, place: str) -> Any:
        """A place, in words that are the same in every recording."""
        holder, _, rest = place.partition(".") if "." in place else place.partition("[")
        return id(self.names[holder]) if holder in self.names else holder, rest

    def unknown(self, words: str, why: str) -> Unknown:
        return Unknown(self.tape, f"{words} is {why}" if words else why)

    # Stand-ins ----------------------------------------------------------------------------------------------

    def mirror(self, x: Any, words: str, watch: bool = True) -> Any:
        """The stand-in of anything."""
        if isinstance(x, STANDS) or x is np._NoValue:
            return x
        if isinstance(x, (*ATOMS, enum.Enum)):
            return x if is_atom(x) else self.unknown(words, f"of a class with code or entries of its own ({type(x).__name__})")
        if id(x) in self.known:
            made = self.known[id(x)][1]
        else:
            made = self.make(x, words, watch)
            self.known.setdefault(id(x), (x, made))
        if watch and type(x) in CONTAINERS and id(x) not in self.watched:
            self.watched.add(id(x))
            self.watch_entries(x, words)
        return made

    def make(self, x: Any, words: str, watch: bool) -> Any:
        kind = type(x)
        if kind is np.ndarray:
            return self.array(x, self.text(x, "w") if watch else x)
        if isinstance(x, types.FunctionType):
            return self.function(x, words)
        if isinstance(x, types.ModuleType):
            return self.module(x)
        if isinstance(x, type):
            return self.class_(x, words)
        if isinstance(x, types.MethodType):
            return types.MethodType(self.mirror(x.__func__, words), self.mirror(x.__self__, words, watch))
        if isinstance(x, (types.BuiltinFunctionType, np.ufunc)) or type(x).__name__ == "_ArrayFunctionDispatcher":
            return self.builtin(x, words, watch)
        if kind is functools.partial:
            place = f"{self.text(x)}.keywords" if watch else ""
            keywords = {key: self.read(f"{place}[{key!r}]", value, words, watch) for key, value in x.keywords.items()}
            if watch:
                size = f"len({place}) == {len(keywords)}"
                self.guards[f"{size} and len({self.text(x)}.__dict__) == {len(x.__dict__)}"] = f"the keywords of {words}"
            if x.__dict__:
                return self.unknown(words, "a functools.partial with attributes")
            made = functools.partial(self.mirror(x.func, words), *[self.mirror(a, words) for a in x.args], **keywords)
            self.final_checks.append(lambda: self.check_names({}, made.__dict__, f"{words}."))
            return made
        if kind in CONTAINERS:
            return self.container(x, words, watch)
        if kind in DESCRIPTORS:
            return x if getattr(x, "__objclass__", None) is not type else self.unknown(words, "a method of `type`")
        if kind is slice:
            return slice(*[self.mirror(end, words, watch) for end in (x.start, x.stop, x.step)])
        if hasattr(kind, "__compiled_step__"):
            if watch:
                self.guards[f"{self.text(x)}.step is {self.text(x.step)}"] = words
            return self.mirror(x.__compiled_step__, words)
        return self.make_other(x, words, watch)

    def make_other(self, x: Any, words: str, watch: bool) -> Any:
        """What there is only in the engine, and objects of classes written in Python."""
        kind = type(x)
        if kind is ContextVar and x in (recording.state, recording.differentiated):
            return x
        if x is recording.creation:
            return itertools.count(1)
        if kind is itertools.repeat and not watch:
            return itertools.repeat(self.mirror(next(x), words, False))
        if kind is functools._lru_cache_wrapper and trusted_name(x.__module__):
            return self.mirror(x.__wrapped__, words, False)
        if kind is property:
            return property(*[f and self.mirror(f, words, watch) for f in (x.fget, x.fset, x.fdel)])
        if kind in (staticmethod, classmethod):
            return kind(self.mirror(x.__func__, words, watch))
        if is_named_tuple(kind):
            for item in x if watch else ():
                self.code_guard(item, words)
            return self.stand_for(x, tuple.__new__(self.class_(kind, words), [self.mirror(item, words, watch) for item in x]))
        if isinstance(x, dict) and trusted_name(kind.__module__):
            return Lazy(self, x)
        if kind is np.random.Generator or kind is np.random.RandomState:
            return self.unknown(words, "a generator of random numbers: draw outside of the step, and pass what is drawn")
        cls: Any = self.mirror(kind, kind.__name__)
        if not type(cls) is Meta:
            return self.unknown(words, f"of type {kind.__name__}, which may change without notice; pass what the step needs of it")
        made: Any = self.stand_for(x, object.__new__(cls))  # type: ignore[arg-type]
        if not trusted_name(kind.__module__):
            self.guards[f"{self.text(x)}.__class__ is {self.text(kind)}"] = f"the class of {words}"
            self.final_checks.append(lambda: self.check_slots(made, words))
        if hasattr(x, "__dict__"):
            placed = self.placed[id(made)] = {}
            self.final_checks.append(lambda: self.check_names(placed, vars_of(made), f"{words}."))
        return made

    def array(self, x: Any, source: Any) -> Any:
        if x.dtype.kind not in "biufc":
            return self.unknown("", f"an array of dtype {x.dtype}")
        if type(source) is str:
            value = x.view()
            value.flags.writeable = False
            stand = Traced(self.tape, value, source=source)
            stand.frozen = not x.flags.writeable
            self.reals[id(stand)] = x
            if source in self.names:  # not an argument or the data of a Tensor: these are watched, or keep their form
                self.guards[f"{source}.shape == {x.shape} and {source}.dtype is {self.text(x.dtype, 'd')}"] = "the form of an array"
            return stand
        return self.tape.constant(x.copy())

    def container(self, x: Any, words: str, watch: bool) -> Any:
        if isinstance(x, dict) and (len(x) > WATCHED_ENTRIES and not watch or x is TABLE):
            return Lazy(self, x)
        if len(x) > WATCHED_ENTRIES:
            return self.unknown(words, f"a {type(x).__name__} of {len(x)} entries, too many to watch; pass the one that is needed")
        if isinstance(x, (set, frozenset)):
            if not watch:
                return Lazy(self, dict.fromkeys(x))
            if all(isinstance(item, ATOMS) for item in x):
                copy = x.copy()
                self.final_checks.append(lambda: None if copy == x else self.tape.refuse(f"the step changes {words}; {KEEP}"))
                return copy
            return self.unknown(words, "a set of objects, whose order may change")
        if type(x) is tuple:  # it keeps its entries, and what changes in these is watched by itself
            for value in x if watch else ():
                self.code_guard(value, words)
            return self.stand_for(x, tuple([self.mirror(value, f"{words}[{i}]", watch) for i, value in enumerate(x)]))
        made: Any = self.stand_for(x, {} if isinstance(x, dict) else [])
        for key, stand in self.read_entries(x, words, watch):
            if isinstance(x, dict):
                made[self.mirror(key, words, watch)] = stand
            else:
                made.append(stand)
        before = list(entries_of(made))
        self.final_checks.append(lambda: self.check_entries(before, list(entries_of(made)), words))
        return made

    def stand_for(self, x: Any, made: Any) -> Any:
        """What is made stands for x from now on, and is given back as x."""
        if type(made) is not tuple or made:  # there is one empty tuple for all
            self.known[id(x)] = x, made
            self.reals[id(made)] = x
        return made

    def read_entries(self, x: Any, words: str, watch: bool) -> Iterator[tuple[Any, Any]]:
        """The keys of a list or a dict, and the stand-ins of what stands there."""
        place = self.text(x) if watch else ""
        for key, value in entries_of(x):
            name = repr(key) if type(key) in (str, int) or not watch else self.text(key, "k")
            yield key, self.read(f"{place}[{name}]", value, f"{words}[{short(key)}]", watch)

    def watch_entries(self, x: Any, words: str) -> None:
        """Make sure that a container has the same entries."""
        if len(x) > WATCHED_ENTRIES or type(x) in (tuple, frozenset) or x is TABLE:
            return
        place = self.text(x)
        if isinstance(x, list):
            self.guards[f"len({place}) == {len(x)}"] = f"the length of {words}"
        elif isinstance(x, dict) and all(type(key) is str for key in x):
            self.guards[f"[*{place}] == {self.text(list(x))}"] = f"the keys of {words}"
        else:
            self.guards[f"same_entries({place}, {self.text(list(x))})"] = words
        if not isinstance(x, set):
            for _ in self.read_entries(x, words, True):
                pass

    def check_entries(self, before: list[Any], now: list[Any], words: str) -> None:
        pairs = zip(before, now)
        if len(before) != len(now) or any(b is not d or type(a) is not int and a is not c for (a, b), (c, d) in pairs):
            self.tape.refuse(f"the step changes {words}; {KEEP}")

    def check_slots(self, made: Any, words: str) -> None:
        """Nothing has been written to the slots of a stand-in behind its back, by ``object.__setattr__``."""
        mro = type.__getattribute__(type(made), "__mro__")
        for name, entry in [item for c in mro for item in vars(c).items()]:
            if isinstance(entry, types.MemberDescriptorType):
                try:
                    value = entry.__get__(made)
                except AttributeError:
                    continue
                if value is not self.fetched.get((id(made), name), MISSING):
                    self.tape.refuse(f"the step changes {words}.{name}; {KEEP}")

    def check_names(self, before: dict[str, Any], now: dict[str, Any], words: str) -> None:
        """The same names stand for the same things, in the same order."""
        for name in {**before, **now}:
            if before.get(name, MISSING) is not now.get(name, MISSING):
                self.tape.refuse(f"the step {'changes' if name in now else 'deletes'} {words}{name}; {KEEP}")
        if [*before] != [*now]:
            self.tape.refuse(f"the step changes the order of {words}{name} and others; {KEEP}")

    # Functions and modules ----------------------------------------------------------------------------------

    def function(self, f: Any, words: str) -> Any:
        module = f.__globals__.get("__name__")
        if str(module).partition(".")[0] == "numpy":
            return self.numpy_function(f)
        bad = HIDDEN.intersection(f.__code__.co_names)
        watch = not trusted_name(module)
        if bad and watch:
            return self.unknown(words, f"a function that uses {min(bad)}")
        closure = f.__closure__ or ()
        new = [(cell, name) for cell, name in zip(closure, f.__code__.co_freevars) if id(cell) not in self.known]
        for cell, _ in new:
            self.known[id(cell)] = cell, types.CellType()
        cells = tuple([self.known[id(cell)][1] for cell in closure])
        copy = types.FunctionType(f.__code__, self.globals_of(f.__globals__), f.__name__, None, cells or None)
        self.known[id(f)] = f, copy
        copy.__qualname__ = f.__qualname__
        for cell, name in new:
            self.fill_cell(cell, name, f"{name} in {f.__qualname__}", watch)
        copy.__defaults__ = f.__defaults__ and tuple([self.mirror(x, f"a default of {words}", watch) for x in f.__defaults__])
        if f.__kwdefaults__:
            copy.__kwdefaults__ = {k: self.mirror(x, f"the default of {k}", watch) for k, x in f.__kwdefaults__.items()}
        if watch:
            place = self.text(f)
            for key, value in f.__dict__.items():
                if key.isidentifier() and key != "__wrapped__":
                    copy.__dict__[key] = self.read(f"{place}.{key}", value, f"{words}.{key}")
            before = dict(copy.__dict__)
            self.final_checks.append(lambda: self.check_names(before, copy.__dict__, f"{words}."))
        return copy

    def fill_cell(self, cell: Any, name: str, words: str, watch: bool) -> None:
        copy = self.known[id(cell)][1]
        try:
            value = cell.cell_contents
        except ValueError:  # not assigned yet
            return
        place = f"{self.text(cell)}.cell_contents" if watch else ""
        before = copy.cell_contents = self.read(place, value, words if name != "__class__" else name, watch and name != "__class__")
        self.final_checks.append(lambda: self.check_names({words: before}, {words: copy.cell_contents}, ""))

    def globals_of(self, names: dict[str, Any]) -> Globals:
        if id(names) not in self.globals:
            self.globals[id(names)] = Globals(self, names)
        return self.globals[id(names)]

    def module(self, module: Any) -> Any:
        name = module.__name__
        if name.startswith("numpy") and name not in ("numpy", "numpy.linalg", "numpy.fft"):
            what = "draws random numbers; draw them outside of the step" if "random" in name else "is not followed"
            return self.unknown("", f"{name} {what}")
        return Module(self, module)

    def builtin(self, x: Any, words: str, watch: bool) -> Any:
        """A function written in C: known ones only."""
        if isinstance(x, np.ufunc):
            if any(set(types_) - {"O", "-", ">"} for types_ in x.types):
                return x
            return self.unknown(words, "a function in Python that np.frompyfunc or np.vectorize applies")
        bound = getattr(x, "__self__", None)
        if isinstance(bound, np.ufunc) or x == object.__new__ or x == tuple.__new__:
            return x
        if isinstance(bound, ContextVar):
            return x if bound in (recording.state, recording.differentiated) else self.unknown(words, "a context variable")
        if type(bound) in CONTAINERS or isinstance(bound, ATOMS) and bound is not None:
            return getattr(self.mirror(bound, words, watch), x.__name__)
        if x.__module__ in PURE_MODULES:
            return x
        if x.__module__ == "builtins":
            return self.builtins.get_known(x.__name__, x)
        if str(x.__module__).startswith("numpy"):
            return self.numpy_function(x)
        name = f"{x.__module__}.{x.__name__}" if x.__module__ else x.__qualname__  # Random.random, a method
        return self.unknown("", f"{name} does what a replay does not see; call it outside of the step")

    def numpy_function(self, function: Any) -> Any:
        """A function of NumPy's: those that make arrays of something else give Traced ones."""
        if function in CREATING:
            return lambda *args, **keywords: self.tape.call(function, args, keywords)
        if function in CONVERTING:
            return functools.partial(convert, self.tape, function)
        if function in FUNCTIONS or function in INTO_FIRST or function in OF_SHAPES:
            return function
        return self.unknown("", f"np.{function.__name__} is not known to be a function of its arguments alone, of a known size")

    # Classes and objects ------------------------------------------------------------------------------------

    def class_(self, cls: Any, words: str) -> Any:
        if id(cls) in self.classes:
            return self.classes[id(cls)]
        if cls.__module__ == "builtins":
            return self.builtins.get_known(cls.__name__, cls)
        if cls is np.errstate:
            return functools.partial(Errors, self.tape)
        if issubclass(cls, enum.Enum):
            plain = all(map(is_atom, cls))
            self.form_guard(cls)
            return cls if plain else self.unknown(words, f"an Enum with code or entries of its own ({cls.__name__})")
        if issubclass(cls, (np.generic, np.dtype, np.ndarray)) or cls in (np.finfo, np.iinfo, np.ndindex, np.ufunc):
            return cls
        if cls.__module__ in ("collections", "itertools", "functools") and not is_of_python(cls):
            return cls
        if cls.__module__ in ("collections.abc", "numbers"):  # questions, put to what a stand-in says that it is
            return cls
        if type(cls) not in (type, ABCMeta, type(Protocol)):
            return self.unknown(words, f"of a class with a metaclass of its own ({cls.__name__})")
        own = {key for c in cls.__mro__ if is_of_python(c) for key in vars(c)} - NOT_OF_OBJECTS
        if "__del__" in own:
            return self.unknown(words, f"of a class with a finalizer, __del__ ({cls.__name__})")
        if issubclass(cls, BaseException) and not own:
            self.form_guard(cls)
            return cls
        if is_named_tuple(cls):
            own -= {*OF_NAMED_TUPLES, *cls._fields}
            if not own:
                self.form_guard(cls)
                return cls
            if not all(isinstance(vars(cls).get(key), types.FunctionType) for key in own):
                return self.unknown(words, f"of a named tuple with more than fields and methods ({cls.__name__})")
        parts = [c for c in cls.__mro__ if c is not object and c is not tuple]
        if cls is types.SimpleNamespace:
            parts = [cls]
        elif not parts or any(not is_of_python(c) for c in parts if c.__name__ != "Generic") or "__getattribute__" in vars(cls):
            return self.unknown(words, f"of a class that is not written in Python ({cls.__name__})")
        bases = [self.class_(b, words) for b in cls.__bases__ if b not in (object, tuple) and b.__module__ not in ("typing", "abc")]
        if any(type(b) is not Meta for b in bases):
            return self.unknown(words, f"of a class with another base ({cls.__name__})")
        watch = not trusted_name(cls.__module__)
        self.form_guard(cls)
        members: dict[str, Any] = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "_world": self}
        if "__slots__" in vars(cls):
            slots = vars(cls)["__slots__"]
            members["__slots__"] = [slots] if isinstance(slots, str) else [s for s in slots if s != "__dict__"]
            if "__dict__" in vars(cls):
                members["__slots__"].append("__dict__")
        if vars(cls).get("__hash__", cls) is None:
            members["__hash__"] = None
        made = Meta.__new__(Meta, cls.__name__, (*(bases or [self.Base]), *([tuple] if tuple in cls.__bases__ else [])), members)
        self.classes[id(cls)] = made
        self.reals[id(made)] = cls
        self.known[id(cls)] = cls, made
        for key, value in vars(cls).items() if cls is not types.SimpleNamespace else ():
            if key not in NOT_OF_OBJECTS and callable(getattr(type(value), "__get__", None)) and not is_slot(value):
                type.__setattr__(made, key, self.mirror(value, f"{cls.__name__}.{key}", watch))
                if watch and key.startswith("__") and key not in ("__init__", "__new__", "__repr__"):
                    self.class_guard(cls, key, cls)
        return made

    def form_guard(self, cls: Any) -> None:
        """Nothing is added to a class, and its bases remain."""
        if trusted_name(cls.__module__) or not is_of_python(cls):
            return
        size = f"len({self.text(vars(cls))}) == {len(vars(cls))}"
        self.guards[f"{size} and {self.text(cls)}.__mro__ is {self.text(cls.__mro__)}"] = f"the attributes of {cls.__name__}"
        if type(cls) is ABCMeta:  # a class may be registered as one of its kind
            self.guards[f"{self.text(get_cache_token)}() == {get_cache_token()}"] = f"what counts as {cls.__name__}"

    def class_guard(self, cls: Any, name: str, found: Any) -> None:
        """Make sure that a class still has what it had under this name, which was found in one of its bases or in itself."""
        value = vars(found)[name]
        if type(value) in (types.FunctionType, property) and getattr(cls, name, None) is value:
            place = f"{self.text(cls)}.{name}"  # which Python remembers
        else:
            place = f"{self.text(vars(found))}.get({name!r})"
        self.guards[f"{place} is {self.text(value)}"] = f"{cls.__name__}.{name}"
        self.code_guard(value, f"{cls.__name__}.{name}")

    def code_guard(self, f: Any, words: str) -> None:
        """Functions keep their code, which reloading modules in notebooks replaces, their attributes and their defaults."""
        if hasattr(type(f), "__compiled_step__"):
            f = f.__compiled_step__
        inside: tuple[Any, ...] = ()
        if isinstance(f, (types.MethodType, staticmethod, classmethod)):
            inside = (f.__func__,)
        elif isinstance(f, property):
            inside = (f.fget, f.fset, f.fdel)
        elif type(f) is functools.partial:
            inside = (f.func, *f.args)
        for each in inside:
            self.code_guard(each, words)
        if isinstance(f, types.FunctionType) and not trusted_name(f.__module__):
            place = self.text(f)
            size = f"len({place}.__dict__) == {len(f.__dict__)}" if f.__dict__ else f"not {place}.__dict__"
            guard = f"{place}.__code__ is {self.text(f.__code__)} and {size}"
            if guard in self.guards:
                return
            self.guards[guard] = words
            if f.__defaults__:
                self.guards[f"{place}.__defaults__ is {self.text(f.__defaults__)}"] = words
                for default in f.__defaults__:
                    self.code_guard(default, words)
            for name, value in (f.__kwdefaults__ or {}).items():
                self.read(f"{place}.__kwdefaults__[{name!r}]", value, f"the default of {name}")

    def class_attribute(self, made: type, name: str) -> Any:
        """Make sure that a class has what the class that it stands for has under this name; return that class."""
        cls = self.reals.get(id(made))
        found = next((c for c in getattr(cls, "__mro__", ()) if name in vars(c)), None)
        if found is None or found is object or (id(cls), name) in self.fetched:
            return found
        self.fetched[id(cls), name] = None
        stand = self.classes.get(id(found))
        if stand is None:
            return found
        watch = not trusted_name(found.__module__)
        value = vars(found)[name]
        if callable(getattr(type(value), "__get__", None)):
            if watch:
                self.class_guard(cls, name, found)
        elif not is_slot(value):
            place = f"{self.text(cls)}.{name}" if watch else ""
            type.__setattr__(stand, name, self.read(place, value, f"{found.__name__}.{name}", watch))
        return found

    def fetch(self, this: Any, name: str) -> None:
        """Make sure that a stand-in has the attribute that the object has which it stands for."""
        key = id(this), name
        if key in self.fetched or name.startswith("__") and name != "__dict__":
            return
        thing = self.reals[id(this)]
        cls = type(thing)
        watch = not trusted_name(cls.__module__)
        words = f"{words_for(thing)}.{name}"
        if name == "__dict__":
            for each in list(vars_of(thing)):
                self.fetch(this, each)
            if watch:
                self.guards[f"len({self.text(thing)}.__dict__) == {len(vars_of(thing))}"] = words
            return
        found = self.class_attribute(type(this), name)
        entry: Any = None if found is None else vars(found).get(name)
        self.fetched[key] = MISSING
        if is_slot(entry):
            try:
                value = entry.__get__(thing)
            except AttributeError:
                if watch:
                    self.guards[f"not hasattr({self.text(thing)}, {name!r})"] = words
                return
            stand = self.of_tensor(thing, name, value, words) if cls is Tensor else self.read(
                f"{self.text(thing)}.{name}", value, words, watch
            )
        elif type(entry) is GETTER or hasattr(type(entry), "__set__") or not hasattr(thing, "__dict__"):  # a property
            return
        elif name in vars_of(thing):
            value = vars_of(thing)[name]
            place = f"{self.text(thing)}.{name}" if watch else ""
            if hasattr(type(entry), "__get__") or hasattr(cls, "__getattr__"):  # which would run if the attribute were gone
                place = f"{self.text(thing)}.__dict__[{name!r}]" if watch else ""
            stand = self.read(place, value, words, watch)
        else:
            if watch:
                self.guards[f"{name!r} not in {self.text(thing)}.__dict__"] = words
            return
        self.fetched[key] = stand
        object.__setattr__(this, name, stand)
        self.note_placed(this, name, stand, entry)

    def of_tensor(self, t: Tensor, name: str, value: Any, words: str) -> Any:
        """The slots of a Tensor from outside. Its data and gradient are read anew by each replay."""
        place = f"{self.text(t, 'p')}.{name}"
        if name in ("_order", "_changed"):  # it is older than anything in the step
            return 0
        if isinstance(value, np.ndarray):
            if value.ndim > 1 and max(value.shape) < value.size:
                self.guards[f"{place}.strides == {value.strides}"] = f"how {words} lies in memory"
            if name == "_grad":
                guards = {f"{place} is not None": words}
                self.guards = {**guards, **self.guards}
            if id(value) in self.known and isinstance(self.known[id(value)][1], Traced):  # it is an argument too
                same = self.known[id(value)][1]
                self.guards[f"{place} is {same.source}"] = words
                return same
            return self.array(value, place)
        if name == "_operation" and value is None:  # a leaf remains one
            return None
        if name == "_operation":
            return self.unknown(
                f"{t.describe()}", "the result of an operation outside of the step, whose history a replay would not follow; "
                "pass t.detach(), or compute it in the step"
            )
        return self.read(place, value, words)

    def set(self, this: Any, name: str, value: Any) -> None:
        """An attribute is set: of a stand-in, that is an effect."""
        thing = self.reals.get(id(this))
        if thing is not None:
            if name not in ("_array", "_grad", "_changed", "_order"):
                self.fetch(this, name)
            entry = next((vars(c)[name] for c in type(thing).__mro__ if name in vars(c)), None)
            if not hasattr(type(entry), "__set__") or is_slot(entry):
                before = self.fetched.get((id(this), name), self)
                self.changed[id(thing), name] = self.changed.get((id(thing), name), (before,))[0], value
                self.fetched[id(this), name] = value
                self.note_placed(this, name, value, entry)
                if value is not before or isinstance(thing, Tensor):
                    self.tape.events.append(Effect(thing, name, value))
        object.__setattr__(this, name, value)

    def note_placed(self, this: Any, name: str, value: Any, entry: Any) -> None:
        if not is_slot(entry) and id(this) in self.placed:
            self.placed[id(this)][name] = value

    def finish(self) -> None:
        """Refuse what the step has changed otherwise."""
        for final in self.final_checks:
            final()
        for names in self.globals.values():
            if not names.engine:
                self.check_names(names.taken, names, "the global variable ")
        if self.uses_super:
            for made in self.classes.values():
                cls = self.reals[id(made)]
                if not trusted_name(cls.__module__):
                    for name in vars(cls):
                        self.class_attribute(made, name)

    def clear(self) -> None:
        """Let go of everything, so that no cycle keeps it alive."""
        for names in self.globals.values():
            names.clear()
        for everything in (self.known, self.reals, self.fetched, self.final_checks, self.classes, self.builtins):
            everything.clear()


GETTER = type(vars(NamedTuple("Pair", [("one", int)]))["one"])
DESCRIPTORS = {GETTER, types.WrapperDescriptorType, types.MethodDescriptorType, types.ClassMethodDescriptorType}
CONTAINERS = {list, tuple, dict, set, frozenset}


def is_atom(x: Any) -> bool:
    """Whether there is nothing about a number, a text or a member of an Enum that could change."""
    kind = type(x)
    if not isinstance(x, enum.Enum):
        return not isinstance(x, np.void) and (not is_of_python(kind) or kind.__module__.partition(".")[0] == "numpy")
    classes = [c for c in kind.__mro__ if is_of_python(c) and c.__module__ != "enum"]
    plain = all(vars(c).keys() <= OF_ENUMS | kind.__members__.keys() for c in classes)
    return plain and vars(x).keys() <= OF_MEMBERS and type(x._value_) in (bool, int, float, str, bytes, type(None))


KINDS: tuple[Any, ...] = (enum.Enum, enum.IntEnum, enum.Flag, enum.IntFlag)
EXAMPLES = [kind("Example", "MEMBER") for kind in KINDS]
OF_ENUMS = {key for kind in EXAMPLES for key in vars(kind)} | NOT_OF_OBJECTS
OF_MEMBERS = {key for kind in EXAMPLES for key in vars(kind.MEMBER)}


def entries_of(x: Any) -> Iterable[tuple[Any, Any]]:
    """The keys of a dict or the indices of a list, with what stands there."""
    return x.items() if isinstance(x, dict) else enumerate(x)


def vars_of(x: Any) -> dict[str, Any]:
    found: dict[str, Any] = object.__getattribute__(x, "__dict__")
    return found


def is_slot(entry: Any) -> bool:
    return isinstance(entry, (types.MemberDescriptorType, types.GetSetDescriptorType))


def is_of_python(cls: Any) -> bool:
    """Whether a class is written in Python: it is on the heap, and may be changed."""
    return bool(cls.__flags__ & 1 << 9 and not cls.__flags__ & 1 << 8)


def short(x: Any) -> str:
    return repr(x) if isinstance(x, (str, int, float)) else type(x).__name__


def words_for(x: Any) -> str:
    return (x.name or "a Tensor") if isinstance(x, Tensor) else type(x).__name__


class Globals(dict[str, Any]):
    """The globals of a function, each taken from those outside when it is first asked for."""

    def __init__(self, world: World, names: dict[str, Any]) -> None:
        super().__init__({"__builtins__": world.builtins, "__name__": names.get("__name__")})
        self.world, self.names = world, names
        self.engine = str(names.get("__name__")).startswith("autograd_lite.engine.recording")
        self.watch = not trusted_name(names.get("__name__")) or names.get("__name__") == "autograd_lite"
        self.taken: dict[str, Any] = dict(self)

    def __missing__(self, name: str) -> Any:
        world = self.world
        place = world.text(self.names, "g") if self.watch else ""
        if name not in self.names:
            if self.watch:
                world.guards[f"{name!r} not in {place}"] = name
            raise KeyError(name)
        value = 0 if self.engine and name == "last_change" else self.names[name]
        if self.watch:
            stand = world.read(f"{place}[{name!r}]", value, name)
        else:
            stand = world.mirror(value, name, False)
        self.taken[name] = self[name] = stand
        return stand


class Module:
    """A module, by way of its globals."""

    def __init__(self, world: World, module: Any) -> None:
        object.__setattr__(self, "_of", (world, module))

    def __getattribute__(self, name: str) -> Any:
        world, module = object.__getattribute__(self, "_of")
        if name.startswith("__") and name != "__name__":
            world.tape.refuse(f"{module.__name__}.{name}")
        if not trusted_name(module.__name__):
            if "__getattr__" in vars(module):
                world.tape.refuse(f"{module.__name__} has a __getattr__ of its own")
            if name not in vars(module):
                world.guards[f"{name!r} not in {world.text(vars(module), 'g')}"] = f"{module.__name__}.{name}"
        getattr(module, name)  # which may import it
        if name not in vars(module):
            return world.mirror(getattr(module, name), name)
        return world.globals_of(vars(module))[name]

    def __setattr__(self, name: str, value: Any) -> None:
        world, module = object.__getattribute__(self, "_of")
        world.globals_of(vars(module))[name] = value


class Lazy(dict[Any, Any]):
    """A large dict of the engine's."""

    def __init__(self, world: World, real: dict[Any, Any]) -> None:
        super().__init__()
        self.world, self.real = world, real

    def __contains__(self, key: Any) -> bool:
        return self.world.reals.get(id(key), key) in self.real

    def __missing__(self, key: Any) -> Any:
        self[key] = stand = self.world.mirror(self.real[self.world.reals.get(id(key), key)], "", False)
        return stand

    def get(self, key: Any, default: Any = None) -> Any:
        return self[key] if key in self else default


class Builtins(dict[str, Any]):
    """Python's own functions that do nothing but give a result."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        for name in ("__import__", "__build_class__"):  # which Python looks up without asking `__missing__`
            self[name] = self.get_known(name, getattr(builtins, name))

    def __missing__(self, name: str) -> Any:
        if not hasattr(builtins, name):
            raise KeyError(name)
        stand = self.get_known(name, getattr(builtins, name))
        self[name] = stand
        return stand

    def get_known(self, name: str, real: Any) -> Any:
        world = self.world
        if name == "type":
            return Types(world)
        if name == "super":
            world.uses_super = True
        if name == "vars":
            return lambda x: world.tape.refuse("vars() of a class") if isinstance(x, type) else x.__dict__
        if name == "__import__":

            def import_(name: str, *args: Any) -> Any:
                if name not in sys.modules:
                    world.tape.refuse(f"it imports {name}")
                if not trusted_name(name):
                    modules, found = world.text(sys.modules), world.text(sys.modules[name])
                    world.guards[f"{modules}.get({name!r}) is {found}"] = f"the module {name}"
                return world.mirror(__import__(name, *args), name)

            return import_
        if name in ("getattr", "hasattr", "setattr"):

            def check_first(x: Any, attribute: str, *rest: Any) -> Any:
                if attribute in HIDDEN:
                    world.tape.refuse(f"the attribute {attribute}")
                return real(x, attribute, *rest)

            return check_first
        if name in SAFE:
            return real
        help = "return what is to be shown" if name == "print" else "call it outside of the step"
        return world.unknown("", f"{name}() does what a replay does not see; {help}")


class Types:
    """What stands for `type`: the type of a stand-in is that of what it stands for."""

    def __init__(self, world: World) -> None:
        self.world = world

    def __call__(self, x: Any, *more: Any) -> Any:
        if more:
            self.world.tape.refuse("it makes a class")
        return x.__class__ if isinstance(x, STANDS) else type(x)

    def __instancecheck__(self, x: Any) -> bool:
        return isinstance(x, type)


class Errors:
    """`np.errstate` in a step that is being recorded."""

    def __init__(self, tape: Tape, **modes: str) -> None:
        if set(modes.values()) - {"ignore", "warn"}:
            tape.refuse("np.errstate with another setting than 'ignore' or 'warn'")
        self.tape, self.modes = tape, tuple(modes.items())

    def __enter__(self) -> None:
        self.tape.errors.append(self.tape.errors[-1] + self.modes)

    def __exit__(self, *_: Any) -> None:
        self.tape.errors.pop()

    def __call__(self, function: Any) -> Any:
        self.tape.refuse("np.errstate as a decorator")


def convert(tape: Tape, function: Any, x: Any, dtype: Any = None, *args: Any, **keywords: Any) -> Any:
    """np.asarray and the like: an array stays what it is if it has the dtype already."""
    if isinstance(x, (Traced, Number)):
        copy = keywords.pop("copy", None)
        if args or keywords or copy is False:
            tape.refuse(f"np.{function.__name__} with further arguments")
        copies = function is np.array or bool(copy)
        if not copies and copy is None and isinstance(x.value, np.ndarray) and dtype in (None, x.value.dtype):
            return x
        return tape.call(np.array if copies else function, (x,), {} if dtype is None else {"dtype": dtype})
    if hasattr(type(x), "__array__") and not isinstance(x, (np.ndarray, np.generic)):
        return convert(tape, function, x.__array__(), dtype, *args, **keywords)
    if next(stands_in(x), None) is not None:
        tape.refuse(f"np.{function.__name__} of a list with results in it; join them with np.stack")
    if isinstance(x, (list, tuple)) and not all(isinstance(item, (*ATOMS, list, tuple)) for item in x):
        tape.refuse(f"np.{function.__name__} of a list of {type(x[0]).__name__}; join them with np.stack")
    return tape.constant(function(x, dtype, *args, **keywords))


CREATING = {np.zeros, np.ones, np.empty, np.full, np.arange, np.eye, np.identity, np.tri}
CONVERTING = {np.array, np.asarray, np.asanyarray}
