"""From the tape of a step to a function that does the same: straight lines of NumPy calls, in the order of the step.

Arrays that nobody but the replay ever sees lie in buffers allocated beforehand, which are used again as soon as their content
is no longer needed. What becomes known outside, as a result, a gradient or new data, is a fresh array at each call; and
arrays from outside are read anew from where they stand.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Sequence
from itertools import combinations
from math import copysign, inf, isfinite
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.compiling.functions import METHODS, freeze, item_of
from autograd_lite.compiling.grouping import GROUPED_BYTES, Block, Moved, find_repetition, side_by_side
from autograd_lite.compiling.mirroring import World
from autograd_lite.compiling.tracing import Bundle, Call, Choice, Effect, Number, Stand, Traced
from autograd_lite.compiling.tracing import may_raise, rebuild, replace, stands_in
from autograd_lite.engine import recording
from autograd_lite.engine.operation import Operation
from autograd_lite.engine.tensor import Tensor, make_tensor

MISS = object()
"""What a program returns if something is not as it was recorded."""
VIEWS = {operator.getitem, np.transpose, np.swapaxes, np.reshape, np.ravel, np.squeeze, np.expand_dims, np.broadcast_to} | {
    METHODS[name] for name in ("transpose", "reshape", "ravel", "swapaxes", "squeeze", "view")
}
CREATES = {np.zeros, np.ones, np.full, np.arange, np.eye, np.identity, np.tri, np.array, np.asarray, np.zeros_like, np.ones_like}
OUT_BY_NAME = {np.maximum, np.minimum}
"""Functions that are deprecated with `out` by position."""
ARITHMETIC: dict[Any, str] = {
    np.negative: "-{0}", operator.neg: "-{0}", np.square: "{0} * {0}",
    **dict.fromkeys((np.asarray, np.array, METHODS["copy"], item_of), "{0}"),
    **dict.fromkeys((np.add, operator.add), "{0} + {1}"), **dict.fromkeys((np.subtract, operator.sub), "{0} - {1}"),
    **dict.fromkeys((np.multiply, operator.mul), "{0} * {1}"), **dict.fromkeys((np.divide, operator.truediv), "{0} / {1}"),
}  # fmt: skip
"""What gives the same bits in Python's floats as in NumPy's float64."""


class Place:
    """Where a value goes in a nest of arguments or results."""

    def __init__(self, i: int) -> None:
        self.i = i

    def __repr__(self) -> str:
        return str(self.i)


class FromOutside:
    """Something from outside that the step returns, whatever there is in it."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing


class Result(NamedTuple):
    """A Tensor that the step has made and returns."""

    data: Any
    grad: Any
    requires_grad: bool
    has_history: bool
    name: Any
    scope: Any


def left_behind(*_: Any) -> Any:
    raise RuntimeError(
        "this Tensor was returned by a compiled step, which has backpropagated through it already and keeps no history: compute "
        "all that depends on it in the step, or call the step without ag.compile"
    )


WITHOUT_HISTORY = Operation("compiled step", left_behind, ())
WITHOUT_HISTORY.arrows = left_behind


def restore(data: Any, grad: Any, requires_grad: bool, has_history: bool, name: Any, scope: Any) -> Tensor:
    """A Tensor that the step returns, as it would have been but for its history."""
    t = make_tensor(data, WITHOUT_HISTORY if has_history else None, {}, scope)
    t._grad, t._requires_grad, t._name = grad, requires_grad, name
    return t


def same(x: Any, y: Any) -> bool:
    """Whether two numbers or texts are the same in all that a program can tell."""
    alike = x is y or type(x) is type(y) and type(x) in (int, float, complex, str, bytes) and repr(x) == repr(y)
    return alike and (type(x) is not float or x == x or copysign(1, x) == copysign(1, y))  # NaN has a sign, and does not show it


def same_entries(x: Any, y: list[Any]) -> bool:
    """Whether a set or a dict has these entries or keys, in this order."""
    return len(x) == len(y) and all(a is b or same(a, b) for a, b in zip(x, y))


class Program:
    """A recorded step. `run(leaves)` first checks that everything is as it was recorded, and then replays;
    `on(names)` returns a replay that works on other objects, such as copies.

    Attributes
    ----------
    source : str
    """

    def __init__(
        self, world: World, arguments: Sequence[str], returned: Any, values: Sequence[Any], around: Sequence[Any]
    ) -> None:
        self.names = world.names
        self.written = world.tape.written
        self.events: list[Call | Effect | Choice] = [*world.tape.events]
        self.values = values
        self.world = world
        self.memory: dict[int, Any] = {}  # what stays in place, by index
        self.aliases: dict[int, Stand] = {}
        written = [s.target.root.source for s in self.events if isinstance(s, Call) and s.target is not None]
        self.targets = {source for source in written if type(source) is str}
        self.guards = world.guards
        self.numbers = world.numbers
        self.arguments = arguments
        self.names.update(
            MISS=MISS, restore=restore, same=same, same_entries=same_entries,
            changed=recording.note_change, errstate=np.errstate, np=np,
            ndarray=np.ndarray, Tensor=Tensor, busy=[],
        )  # fmt: skip
        self._simplify()
        self.escaped = self._escaping()
        self.own: set[str] = set()  # names of arrays that a replay holds
        self.moved: list[Moved] = []
        self.gradients: set[int] = set()  # what is computed side by side, and copied where it becomes known outside
        self.block: Block | None = None
        floats = self._floats()
        body = self._body([] if floats else self._group())
        results = [self._result(v) for v in values]
        nest = returned
        if isinstance(nest, Place):
            body.append(f"return {results[0]}")
        else:
            self.names["nested"] = lambda *values: rebuild(nest, lambda x: values[x.i] if isinstance(x, Place) else x)
            body.append(f"return nested({', '.join(results)})")
        if floats:
            body = [*floats, f"        {body[-1]}", *body]
        used = "\n".join(body)
        reads = [f"{name} = {place}" for name, place in self._inputs() if name in used]
        checks = [*around, f"len(x) == {len(arguments)}"]
        unpack = f"{', '.join(arguments)}, = x" if arguments else "pass"
        tests = " and ".join(self.guards) or "True"
        self.source = "\n    ".join(["def replay(x):", unpack, *reads, *body])
        run = [
            "def run(x):",
            "    try:",
            f"        if busy or not ({' and '.join(checks)}): return MISS",
            f"        {unpack}",
            f"        if not ({tests}): return MISS",
            *(f"        {line}" for line in reads),
            "    except Exception:",
            "        return MISS",
            "    try:",
            "        busy.append(None)",
            *(f"        {line}" for line in body),
            "    finally:",
            "        busy.clear()",
        ]
        exec("\n".join(run), self.names)
        self.run: Callable[[Any], Any] = self.names.pop("run")
        for moved in self.moved:
            self.own.update((moved.whole, *moved.pieces))
        stands = stands_in([s for s in self.events if isinstance(s, Call)])
        outside = {x.source for x in stands if type(x.source) is str}
        self.mutable = [name for name, x in self.names.items() if type(x) is Tensor or name in outside or name in self.own]
        for attribute in ("block", "events", "values", "memory", "aliases", "world"):
            delattr(self, attribute)

    def on(self, names: dict[str, Any]) -> Callable[[Any], Any]:
        """The replay with other things in place of those that it refers to by these names."""
        others = {**self.names, **names, "busy": [], "floats": lambda: True}
        exec(self.source, others)
        replay: Callable[[Any], Any] = others.pop("replay")  # so that there is no cycle
        return replay

    def settle(self) -> None:
        """Let data lie side by side where nobody notices."""
        for moved in self.moved:
            moved.settle(self.names)

    def is_running(self) -> bool:
        """Whether this thread is in the middle of it."""
        frame: Any = sys._getframe(1) if self.names["busy"] else None
        while frame is not None and frame.f_code is not self.run.__code__:
            frame = frame.f_back
        if frame is None:  # Ctrl-C may have come before the last line
            self.names["busy"].clear()
        return frame is not None

    def failing(self, x: Sequence[Any]) -> tuple[str, str] | None:
        """What is not as it was: the guard, and the words for it."""
        names = {**self.names, **dict(zip(self.arguments, x))}
        for guard, words in self.guards.items():
            try:
                if eval(guard, names):
                    continue
            except Exception:
                pass
            return guard, words
        return None

    def _inputs(self) -> list[tuple[str, str]]:
        found: dict[str, str] = {}
        for x in stands_in([self.values, self.events]):
            if type(x.source) is str and not x.source.isidentifier():
                found[f"v{x.index}"] = x.source
            elif isinstance(x.source, np.ndarray) and x.index in self.written:  # a constant that the step writes to
                found[f"v{x.index}"] = f"{self._text(x.source)}.copy()"
        return list(found.items())

    # What need not be computed ------------------------------------------------------------------------------

    def _simplify(self) -> None:
        """Leave out products with the adjoint 1 of the output, and what is constant."""
        written = self.written
        results = [s.result for s in self.events if isinstance(s, Call) and s.result is not None]
        viewed = {x.parent.index for x in results if x.parent is not None}
        kept: list[Any] = []

        def constant(x: Any) -> bool:
            return isinstance(x, Traced) and isinstance(x.source, np.ndarray) and x.root.index not in written

        for event in self.events:
            if not isinstance(event, Call):
                kept.append(event._replace(value=self._current(event.value)))
                continue
            event = event._replace(args=self._current(event.args), keywords=self._current(event.keywords))
            x = event.result
            if isinstance(x, Traced) and x.root.index not in written:
                operands = list(stands_in((event.args, event.keywords)))
                if all(map(constant, operands)) and (event.function in CREATES or operands and event.function in VIEWS):
                    x.source, x.parent = np.array(x.value), None
                    continue
                if event.function is np.multiply and not event.keywords and x.index not in viewed:
                    factor = next(
                        (b for a, b in (event.args, event.args[::-1])
                         if constant(a) and isinstance(b, Traced) and b.root.index not in written
                         and b.source is None and b.shape == x.shape and b.dtype == x.dtype and type(b.value) is type(x.value)
                         and x.dtype.kind != "c" and np.all(a.source == 1)), None,
                    )  # fmt: skip
                    if factor is not None and x.index not in self._escaping():
                        self.aliases[x.index] = factor
                        continue
            kept.append(event)
        self.events = kept

    def _escaping(self) -> set[int]:
        found = {x.root.index for x in stands_in([self.values, [s for s in self.events if isinstance(s, Effect)]])}
        for event in self.events:
            if isinstance(event, Call) and event.function is freeze:
                found.add(event.out.root.index)  # nothing can be computed into it again
        return found

    def _current(self, x: Any) -> Any:
        return replace(x, lambda y: self.aliases.get(y.index, y))

    # Single numbers -----------------------------------------------------------------------------------------

    def _floats(self) -> list[str]:
        """A program of arithmetic with single numbers in Python's floats, which agree with NumPy's bit for bit.

        Nothing has happened yet when a result turns out to be infinite or no number: the NumPy calls follow, and warn of it.
        """
        made: dict[int, str] = {}
        held: dict[str, Stand] = {}
        lines: list[str] = []
        effects: list[str] = []

        def operand(x: Any) -> str | None:
            """The text of a number, None for anything else."""
            if isinstance(x, Traced) and isinstance(x.source, np.ndarray) and x.dtype == float and x.ndim == 0:
                x = x.source.item() if x.index not in self.written else None
            if type(x) is float and isfinite(x) or type(x) is int and abs(x) < 2**53:
                return repr(x) if x > 0 else f"({x!r})"
            if not isinstance(x, (Traced, Number)) or not (
                type(x.value) is float or isinstance(x, Traced) and x.dtype == float and x.ndim == 0
            ):
                return None
            if x.index not in made and type(x.source) is str:
                name = self._stand(x)
                made[x.index] = f"f{x.index}"
                lines.insert(0, f"f{x.index} = {name}.item()" if isinstance(x, Traced) else f"f{x.index} = {name}")
                if isinstance(x.value, np.ndarray):
                    held[name] = x
            return made.get(x.index)

        for event in self.events:
            if isinstance(event, Effect):
                effects.append(self._effect(event))
                continue
            if isinstance(event, Choice) or type(event.out) not in (Traced, Number):
                return []
            if event.errors or event.keywords.keys() - {"out"}:
                return []
            texts = [operand(x) for x in event.args]
            form, x = ARITHMETIC.get(event.function), event.out
            if form is None or None in texts or ("{1}" in form) + 1 != len(texts) or form == "{0}" and event.target is not None:
                return []
            if event.target is not None and type(x.source) is not str or event.result is not None and operand(x) is not None:
                return []
            if form == "{0}":
                made[x.index] = str(texts[0])
            else:
                made[x.index] = f"f{x.index}" if event.target is None else f"f{x.index}_{len(lines)}"
                lines.append(f"{made[x.index]} = {form.format(*texts)}")
            if operand(x) is None:
                return []
            if event.target is not None:
                effects.append(f"{self._stand(x)}[...] = {made[x.index]}")
            elif x.index in self.escaped and isinstance(x, Traced):
                kind = "asarray" if isinstance(x.value, np.ndarray) else "float64"
                effects.append(f"v{x.index} = {kind}({made[x.index]})")
            elif x.index in self.escaped:
                effects.append(f"v{x.index} = {made[x.index]}")
        if not lines or np.geterr()["under"] != "ignore":
            return []
        condition = "floats()"
        if self.targets:  # what is written to must be no view of anything else
            arrays = {name: self.world.reals[id(x)] for name, x in held.items()}
            if any(np.may_share_memory(a, b) for a, b in combinations(arrays.values(), 2)):
                return []
            self.own = {f"a{name}" for name in arrays}
            self.names.update({f"a{name}": array for name, array in arrays.items()})
            condition = " and ".join([condition, *(f"{name} is a{name}" for name in arrays)])
        errors, error = self.names["errors"], self.names["error"]
        self.names.update(floats=lambda: errors() is error is not None, asarray=np.asarray, float64=np.float64, inf=inf)
        total = " + ".join(text.partition(" = ")[0] for text in lines)
        return [
            f"if {condition}:", "    try:", *(f"        {line}" for line in lines), f"        total = {total}",
            "    except ArithmeticError:", "        total = inf",
            "    if total - total == 0:", *(f"        {line}" for line in effects),
        ]  # fmt: skip

    # Updates of all parameters as one -----------------------------------------------------------------------

    def _group(self) -> list[str]:
        """The lines that do for all parameters at once what the events from `block.start` to `block.stop` do for each."""
        self.block = block = find_repetition(self.events)
        if block is None:
            return []
        results = [s.result for s in self.events if isinstance(s, Call) and isinstance(s.result, Traced)]
        own = {x.index for x in results if x.source is None} - {x.parent.index for x in results if x.parent is not None}
        inside = {s.result.index for s in block.template if isinstance(s, Call) and s.result is not None}
        after = {x.index for s in self.events[block.stop :] for x in stands_in(s)}
        after |= self.escaped
        every = [x.index for chain in block.chains.values() for x in chain]
        operands = [x for s in block.template if isinstance(s, Call) for x in s.args if isinstance(x, Traced)]
        shared = [x.source for x in operands if type(x.source) is str and x.index not in every]
        if len(set(every)) < len(every) or any(place.partition(".")[0] in self.arguments for place in shared):
            return []
        computed, moved = [], []
        sizes = [x.shape for x in next(iter(block.chains.values()))]
        for index, chain in block.chains.items():
            holders: list[Any] = [self.names.get(str(x.source).removesuffix("._array")) for x in chain]
            if [x.shape for x in chain] != sizes or not all(isinstance(x.value, np.ndarray) and x.parent is None for x in chain):
                return []
            if index in inside and not after.intersection(x.index for x in chain):
                continue
            if all(isinstance(t, Tensor) and str(x.source).endswith("._array") for t, x in zip(holders, chain)):
                moved.append((chain, holders))
            elif all(x.index in own and x.index not in self.written and x.value.flags.c_contiguous for x in chain):
                computed.append(chain)
            else:
                return []
        if sum(x.value.nbytes for x in next(iter(block.chains.values()))) > GROUPED_BYTES or not moved:
            return []
        wholes = {}
        for chain in block.chains.values():
            whole, pieces = side_by_side([x.value for x in chain])
            wholes[chain[-1].index] = Traced(chain[0].tape, whole)
            self.memory[wholes[chain[-1].index].index] = whole
            if any(chain is other for other in computed):
                self.memory.update(zip([x.index for x in chain], pieces))
                self.gradients.update(x.index for x in chain)
        conditions = []
        for chain, holders in moved:
            names = [f"h{x.index}" for x in chain]
            self.names.update(dict.fromkeys(names))
            self.moved.append(Moved(holders, self._stand(wholes[chain[-1].index]), names, shared))
            conditions += [f"{self._stand(x)} is {name} and {name}.flags.writeable" for x, name in zip(chain, names)]
        lines = []
        for event in block.template:
            if isinstance(event, Call):
                args, keywords = replace((event.args, event.keywords), lambda x: wholes.get(x.index, x))
                whole = wholes[event.out.index]
                if event.target is None:
                    lines.append(self._line(event._replace(args=args, keywords=keywords, result=whole), self.memory[whole.index]))
                else:
                    lines.append(self._line(event._replace(args=args, keywords=keywords, target=whole), None))
        lines += [f"{self.world.text(thing)}._changed = changed()" for thing in block.things]
        return [f"if {' and '.join(conditions)}:", *(f"    {line}" for line in lines), "else:"]

    # Memory and lines ---------------------------------------------------------------------------------------

    def _body(self, grouped: list[str]) -> list[str]:
        last: dict[int, int] = {}
        for i, event in enumerate(self.events):
            for x in stands_in(event):
                last[x.root.index] = i
        ends: dict[int, list[int]] = {}
        for index, i in last.items():
            ends.setdefault(i, []).append(index)
        free: dict[Any, list[Any]] = {}

        def release(i: int) -> None:
            for index in ends.pop(i, ()):
                if index in self.memory and index not in self.gradients:
                    free.setdefault(layout(self.memory[index]), []).append(self.memory[index])

        lines: list[str] = []
        quiet: Any = ()
        before: dict[int, str] = {}  # attributes that a decision, if it comes out differently, or an exception puts back
        first_write = next(
            (i for i, s in enumerate(self.events)
             if isinstance(s, Call) and s.target is not None and type(s.target.root.source) is str), None,
        )  # fmt: skip
        undoing = [i for i, s in enumerate(self.events[:first_write]) if isinstance(s, Choice) or self._is_raising(s)]
        last_choice = max(undoing, default=-1)

        def undo() -> str:
            return "; ".join([*(f"{place} = u{j}" for j, place in before.items()), "return MISS"])

        first = after = None  # lines of the block
        for i, event in enumerate(self.events):
            if self.block is not None and i == self.block.start:
                first = len(lines)
            if self.block is not None and i == self.block.stop:
                after = len(lines)
            if isinstance(event, Choice):
                lines.append(f"if bool({self._stand(event.value)}) is not {event.outcome}: {undo()}")
                quiet = ()
                continue
            if isinstance(event, Effect):
                place = f"{self.world.text(event.thing)}.{event.name}"
                if i < last_choice and event.name != "_changed" and place not in before.values():
                    lines.append(f"u{len(before)} = {place}")
                    before[len(before)] = place
                lines.append(self._effect(event))
                quiet = ()
                continue
            x = event.result
            function = event.function
            takes_out = isinstance(function, np.ufunc) and function.nout == 1 or self._is_product(event)
            into = None
            if x is not None and self._is_fixed_view(event, x):
                release(i)
                continue
            if isinstance(function, np.ufunc) and function.signature is None:
                release(i)  # an elementwise function may write over an operand that nobody needs any more
            if x is not None and x.index in self.gradients:
                into = self.memory[x.index] if takes_out else None
            elif x is not None and takes_out and self._may_be_buffer(x):
                known = free.get(layout(x.value))
                into = self.memory[x.index] = known.pop() if known else np.empty_like(x.value)
            line = self._line(event, into)
            release(i)
            if event.errors:
                modes = ", ".join(f"{key}={value!r}" for key, value in dict(event.errors).items())
                if quiet != event.errors:
                    lines.append(f"with errstate({modes}):")
                line = f"    {line}"
            quiet = event.errors
            if i <= last_choice and self._is_raising(event):  # which the step itself does in its own words
                lines += ["try:", f"    {line}", f"except Exception: {undo()}"]
            else:
                lines.append(line)
            if x is not None and x.index in self.gradients:
                if into is None:
                    self.names[f"m{x.index}"] = self.memory[x.index]
                    lines += [f"m{x.index}[...] = v{x.index}", f"v{x.index} = m{x.index}"]
                if x.index in self.escaped:
                    lines.append(f"e{x.index} = v{x.index}.copy()")
        if grouped:
            lines[first:after] = [*grouped, *(f"    {line}" for line in lines[first:after])]
        return lines

    def _may_be_buffer(self, x: Stand) -> bool:
        return isinstance(x.value, np.ndarray) and x.parent is None and x.index not in self.escaped and x.value.size > 0

    def _is_raising(self, event: Any) -> bool:
        return isinstance(event, Call) and not event.errors and may_raise(event.function, event.args, event.keywords)

    def _is_product(self, event: Call) -> bool:
        return event.function in (METHODS["dot"], np.dot) and len(event.args) == 2 and not event.keywords and all(
            isinstance(a, Traced) and a.ndim > 0 and a.dtype == event.args[0].dtype for a in event.args
        )

    def _is_fixed_view(self, event: Call, x: Stand) -> bool:
        """Make a view of memory that stays in place, now and once for all."""
        if x.parent is None or event.function not in VIEWS or x.root.index not in self.memory:
            return False
        stands = list(stands_in((event.args, event.keywords)))
        if any(y.index not in self.memory for y in stands):
            return False
        view = event.function(*replace(event.args, lambda y: self.memory[y.index]), **event.keywords)
        if not np.may_share_memory(view, self.memory[x.root.index]):
            return False
        self.memory[x.index] = view
        return True

    def _effect(self, event: Effect) -> str:
        name = self.world.text(event.thing)
        if event.name == "_changed":
            return f"{name}._changed = changed()"
        return f"{name}.{event.name} = {self._result(event.value)}"

    def _line(self, event: Call, into: Any) -> str:
        function, x = event.function, event.result
        args = [self._text(a) for a in event.args]
        named = dict(event.keywords)
        if function is operator.setitem:
            return f"{args[0]}[{self._key(event.args[1])}] = {args[2]}"
        if function is freeze:
            return f"{args[0]}.flags.writeable = False"
        if isinstance(function, np.ufunc) and len(named.get("out", ())) == 1 and function not in OUT_BY_NAME:
            args.append(self._text(named.pop("out")[0]))  # by position it costs less
        keywords = [f"{key}={self._text(value)}" for key, value in named.items()]
        if into is not None:
            assert x is not None
            self.names[f"v{x.index}"] = into
            if function in OUT_BY_NAME:
                keywords.append(f"out=v{x.index}")
            else:
                args.append(f"v{x.index}")
        method = next((name for name, f in METHODS.items() if f is function), None)
        if x is not None and ARITHMETIC.get(function, "{0}") != "{0}" and not named and all(is_scalar(a) for a in (x, *event.args)):
            return f"v{x.index} = {ARITHMETIC[function].format(*args)}"
        if function is operator.getitem:
            applied = f"{args[0]}[{self._key(event.args[1])}]"
        elif function is item_of:
            applied = f"{args[0]}.item({', '.join(args[1:])})"
        elif function is METHODS["transpose"] and len(args) == 1:
            applied = f"{args[0]}.T"
        elif method is not None:
            applied = f"{args[0]}.{method}({', '.join([*args[1:], *keywords])})"
        else:
            applied = f"{self._function(function)}({', '.join([*args, *keywords])})"
        if x is None or into is not None:
            return applied
        return f"v{x.index} = {applied}"

    def _key(self, key: Any) -> str:
        if type(key) is tuple and key:
            return "".join(f"{self._key(part)}, " for part in key)
        if type(key) is slice and next(stands_in(key), None) is None:
            ends = ["" if end is None else self._text(end) for end in (key.start, key.stop, key.step)]
            return ":".join(ends if key.step is not None else ends[:2])
        return self._text(key)

    def _text(self, x: Any) -> str:
        if isinstance(x, (Traced, Number, Bundle)):
            return self._stand(x)
        if x is None or x is Ellipsis or type(x) in (bool, int, str):
            return repr(x)
        if type(x) is tuple:
            return f"({''.join(self._text(item) + ', ' for item in x)})"
        if type(x) is list:
            return f"[{', '.join(self._text(item) for item in x)}]"
        if type(x) is slice:
            return f"slice({self._text(x.start)}, {self._text(x.stop)}, {self._text(x.step)})"
        if type(x) is dict:
            return f"{{{', '.join(f'{self._text(k)}: {self._text(v)}' for k, v in x.items())}}}"
        return self.world.text(x, "c")

    def _stand(self, x: Stand) -> str:
        if type(x.source) is str and x.source.isidentifier():
            return x.source
        name = f"v{x.index}"
        if x.index in self.memory:
            self.names[name] = self.memory[x.index]
        elif isinstance(x.source, np.ndarray):
            self.names.setdefault(name, x.source if isinstance(x.value, np.ndarray) else x.source[()])
        return name

    def _function(self, function: Any) -> str:
        holder = getattr(function, "__self__", None)
        prefix = f"{holder.__name__}_" if isinstance(holder, np.ufunc) else ""
        name = prefix + getattr(function, "__name__", "function")
        while not name.isidentifier() or self.names.setdefault(name, function) != function:
            name = f"f{len(self.names)}"
        return name

    def _result(self, value: Any) -> str:
        """An expression for what becomes known outside."""
        if isinstance(value, Result):
            return f"restore({', '.join(map(self._result, value))})"
        if isinstance(value, FromOutside):
            return self.world.text(value.thing)
        if isinstance(value, (Traced, Number)):
            text = f"e{value.index}" if value.index in self.gradients else self._stand(value)
            is_array = isinstance(value.root.source, np.ndarray) and isinstance(value.value, np.ndarray)
            return f"{text}.copy('K')" if is_array else text
        if isinstance(value, np.ndarray):
            return f"{self._text(value.copy('K'))}.copy('K')"
        return self._text(value)


def is_scalar(x: Any) -> bool:
    """Whether it is a number for which Python's operators do the same as NumPy's functions, in a tenth of the time."""
    return type(x) in (int, float) or isinstance(x, Traced) and isinstance(x.value, (np.float64, np.float32))


def layout(array: Any) -> Any:
    return array.shape, array.dtype, array.strides
