"""What is recorded, and when: the state that Tensors, operations and the sweep share.

Every Tensor gets a number when it is created. Operands are older than results, so the numbers order
every graph; a change of data takes a number too, which tells the graphs recorded before it.
"""

from __future__ import annotations

from contextlib import ContextDecorator
from contextvars import ContextVar, Token
from itertools import count
from typing import NamedTuple

creation = count(1)
last_change = 0


class State(NamedTuple):
    """What holds for the operations applied in this thread or task."""

    on: bool = True
    scope: tuple[str, ...] = ()


state: ContextVar[State] = ContextVar("autograd_lite recording", default=State())


def changed() -> int:
    """Take note that the data of some Tensor is replaced now; return the number of the event."""
    global last_change
    last_change = next(creation)
    return last_change


class _Entered(ContextDecorator):
    """Replace part of the state between entry and exit; nests, and is a decorator too."""

    def __init__(self) -> None:
        self._tokens: list[Token[State]] = []

    def __enter__(self) -> None:
        self._tokens.append(state.set(self._enter(state.get())))

    def __exit__(self, *exception: object) -> None:
        state.reset(self._tokens.pop())

    def _recreate_cm(self) -> _Entered:  # a decorated function may run in several threads at once
        copy = type(self).__new__(type(self))
        copy.__dict__.update(self.__dict__, _tokens=[])
        return copy

    def _enter(self, now: State) -> State:
        raise NotImplementedError


class no_grad(_Entered):
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

    def _enter(self, now: State) -> State:
        return now._replace(on=False)


class enable_grad(_Entered):
    """Record again inside `no_grad`, as differentiating a derivative must."""

    def _enter(self, now: State) -> State:
        return now._replace(on=True)


class name_scope(_Entered):
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
        self._name = str(name)

    def _enter(self, now: State) -> State:
        return now._replace(scope=(*now.scope, self._name))
