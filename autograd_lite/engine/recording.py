"""What is recorded, and when: the state that Tensors, operations and the sweep share.

Every Tensor gets a number when it is created. Operands are older than results, so the numbers order
every graph; a change of data takes a number too, by which graphs recorded before it are recognised.
"""

from __future__ import annotations

from contextlib import ContextDecorator
from contextvars import ContextVar
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from itertools import count
from typing import Any

creation = count(1)
last_change = 0


class State:
    """What holds for the operations applied in this thread or task.

    Attributes
    ----------
    on : bool
        Whether operations are recorded.
    scope : tuple of str
        The names of the scopes around them, outermost first.
    outer : State or None
        What held before this was entered.
    """

    __slots__ = ("on", "scope", "outer")

    def __init__(self, on: bool = True, scope: tuple[str, ...] = (), outer: State | None = None) -> None:
        self.on = on
        self.scope = scope
        self.outer = outer


outermost = State()
state: ContextVar[State] = ContextVar("autograd_lite recording", default=outermost)  # noqa: B039 - never changed
current = state.get

differentiated: ContextVar[frozenset[Any]] = ContextVar("autograd_lite differentiated", default=frozenset())
"""The arguments of the functions that `grad` and its like are evaluating now."""


def note_change() -> int:
    """Take note that the data of some Tensor is replaced now; return the number of the event."""
    global last_change
    last_change = next(creation)
    return last_change


class StateContext(ContextDecorator):
    """Replace the state between entry and exit. One object may be entered again, nested and in several threads."""

    def __init__(self, *function: Any) -> None:
        if function:
            name = type(self).__name__
            raise TypeError(f"{name} takes no argument: a function is decorated with @{name}(), with parentheses")
        self._last: tuple[State | None, State | None] = (None, None)

    def __call__(self, function: Any) -> Any:
        if isgeneratorfunction(function) or iscoroutinefunction(function) or isasyncgenfunction(function):
            name, of = type(self).__name__, getattr(function, "__name__", repr(function))
            raise TypeError(
                f"@{name}() would hold only until {of} has made its generator or coroutine; write "
                f"with {name}(): inside of it, around what is computed"
            )
        return super().__call__(function)

    def __enter__(self) -> None:
        now = current()
        outer, inner = self._last
        # the inner state is kept for the next time: entering a scope at every step then costs only 0.3 µs
        if outer is not now or inner is None:
            inner = self._inside(now)
            self._last = now, inner
        try:
            state.set(inner)
        except BaseException:  # Ctrl-C after `set`: `with` calls `__exit__` only if `__enter__` has returned
            state.set(now)
            raise

    def __exit__(self, *exception: object) -> None:
        # there is none outside in a thread that never entered it, such as one that runs a generator of another to its end
        try:
            outer: Any = current().outer or outermost
        except BaseException:
            outer = current().outer or outermost
            state.set(outer)
            raise
        state.set(outer)

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles are made of: a name, and not what held where it was entered last."""
        return self.__dict__ | {"_last": (None, None)}

    def _inside(self, now: State) -> State:
        """The state inside, from the one outside; of its type, so that `debug` stays on in it."""
        raise NotImplementedError


class no_grad(StateContext):
    """Record nothing: results are constants, and inference costs what plain NumPy costs.

    Holds for the current thread; a context manager and a decorator.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> w = ag.Tensor([1.0, 2.0], requires_grad=True)
    >>> with ag.no_grad():
    ...     y = w * 3
    >>> y.requires_grad
    False
    """

    def _inside(self, now: State) -> State:
        return type(now)(False, now.scope, now)


class enable_grad(StateContext):
    """Record again inside `no_grad`, as differentiating a derivative must.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> w = ag.Tensor([1.0, 2.0], requires_grad=True)
    >>> with ag.no_grad(), ag.enable_grad():
    ...     y = w * 3
    >>> y.requires_grad
    True
    """

    def _inside(self, now: State) -> State:
        return type(now)(True, now.scope, now)


class name_scope(StateContext):
    """Group what is recorded inside into a labelled box of the drawing; scopes nest.

    Parameters
    ----------
    name : str
        The title of the box.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> x = ag.Tensor(2.0, requires_grad=True, name="x")
    >>> with ag.name_scope("layer 1"):
    ...     y = x * x
    >>> y.scope
    ('layer 1',)
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        if not isinstance(name, str):
            raise TypeError(f"name is the title of the box, a string, not {name!r}")
        self._name = name

    def _inside(self, now: State) -> State:
        return type(now)(now.on, (*now.scope, self._name), now)
