"""Operations: how a row of the table becomes a function that records.

An operation is a name, a forward function on arrays, and for each operand an `Edge`: the *rule* that
computes the local gradient (run when the operation is applied, its value is what the node stores) and
the *pull* that multiplies an adjoint into it. Rules and pulls are written in NumPy functions and
operators, so the same line runs on arrays, and on Tensors when a derivative is to be differentiated again.
"""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial, update_wrapper
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.engine.recording import current
from autograd_lite.engine.tensor import TABLE, Tensor, make_tensor, refuse_mask, refuse_tensors_in

Rule = Callable[..., Any]
Pull = Callable[[Any, Any, Any, Any], Any]


ELEMENTWISE = "{u} ⊙ {d}"
SAME = "{u}"
REPEATED = "repeat({u}) ⊙ {d}"
TRANSPOSED = "({u})ᵀ"
LINEAR = "{d}ᵀ {u}"
LEFT, RIGHT = "{u} {d}", "{d} {u}"
"""The forms that pulls have in common: how an adjoint {u} and the symbol {d} of a local gradient are multiplied."""

Notation = str | Callable[..., str | None] | None


class Edge(NamedTuple):
    """The derivative with respect to one operand.

    ``rule(*operands, out)`` gives the compact local gradient and ``pull(adjoint, value, operand, out)``, written
    ``(u, d, x, out)`` throughout, the operand's share of the adjoint. `label` and `form` say the same in symbols:
    ``{0}``, ``{1}`` are the operands, ``{out}`` the result, ``{u}`` its adjoint, ``{d}`` the label and ``{at}`` the
    settings of the operation, which are its keywords, such as the axis. A label that depends on the operands is a
    function of the result and them; None stands for the derivative of the operation's symbol, ``σ'({0})``. For a
    variadic operation `form` may be a function of the result and the operand's index, and writes the operands as
    ``{x0}``, ``{x1}``, ...
    """

    rule: Rule
    pull: Pull
    label: Notation
    form: str | Callable[[Any, int], str] = ELEMENTWISE

    def notation(self, node: Tensor) -> str | None:
        return self.label(node, *node._operands) if callable(self.label) else self.label

    def form_for(self, node: Tensor, index: int) -> str:
        return self.form(node, index) if callable(self.form) else self.form


NO_DERIVATIVE = Edge(lambda *_, **__: None, lambda *_: None, "0")
"""The edge of an operand that no derivative is taken of."""


IN_SLOTS = {
    1: lambda node, pulls: ((node._x0, pulls[0], node._d0),),
    2: lambda node, pulls: ((node._x0, pulls[0], node._d0), (node._x1, pulls[1], node._d1)),
    3: lambda node, pulls: (
        (node._x0, pulls[0], node._d0), (node._x1, pulls[1], node._d1), (node._x2, pulls[2], node._d2)
    ),
}  # fmt: skip
"""How a node with so many operands gives its arrows: an operand, its pull, its local gradient."""


def in_tuples(node: Tensor, pulls: Iterable[Pull]) -> Iterable[tuple[Any, Pull, Any]]:
    """The same for any other number of operands, which are kept in two tuples."""
    return zip(node._x0, pulls, node._d0)


class Operation:
    """One row of the table.

    Attributes
    ----------
    name : str
    forward : callable on arrays
    edges : sequence of Edge, one per operand
        A single one for a `variadic` operation; its rule takes the operand's index first.
    rules : sequence of callable
    pulls : iterable of callable
        Those of the edges; pulls without end for a `variadic` operation.
    fresh : bool
        Whether an array that a pull returns, unless it is the adjoint itself or a view, belongs to nobody else: the sweep
        may then add to it in place.
    symbol : str
        The name in formulas, such as ``σ``.
    written : str, callable or None
        How the result is written, ``{0} + {1}``, if not as a function of the operands; a callable gives that for a
        certain result and its operands.
    samples : int or None
        The axis of the samples, where the operation has one.
    variadic : bool
        Whether it takes any number of operands.
    arrows : callable
        ``arrows(node, pulls)`` gives for each operand of a node the operand, its pull and its local gradient.
    """

    __slots__ = ("name", "forward", "edges", "rules", "pulls", "fresh", "symbol", "written", "samples", "variadic", "arrows")

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        edges: Sequence[Edge],
        *,
        symbol: str | None = None,
        written: Notation = None,
        samples: int | None = None,
        fresh: bool = True,
        variadic: bool = False,
    ) -> None:
        self.name = name
        self.forward = forward
        self.edges = tuple(edges)
        self.pulls = repeat(edges[0].pull) if variadic else tuple(edge.pull for edge in edges)
        self.rules: Sequence[Rule] = [edge.rule for edge in edges]
        self.fresh = fresh
        self.symbol = symbol or name
        self.written = written
        self.samples = samples
        self.variadic = variadic
        self.arrows = in_tuples if variadic else IN_SLOTS.get(len(edges), in_tuples)

    def edge(self, index: int) -> Edge:
        return self.edges[0 if self.variadic else index]

    def notation(self, node: Tensor) -> str | None:
        """How `node`, which it computed, is written; None for a function of the operands."""
        return self.written(node, *node._operands) if callable(self.written) else self.written

    def rules_for(self, operands: int) -> Sequence[Rule]:
        """The rules of that many operands."""
        return [partial(self.rules[0], i) for i in range(operands)] if self.variadic else self.rules

    def __repr__(self) -> str:
        return f"<operation {self.name}>"


# From an operation to a function --------------------------------------------------------------------


def make_function(operation: Operation, together: Callable[..., Any] | None = None, keywords: bool = True) -> Callable[..., Any]:
    """The function that applies an operation to operands and records it.

    For a fixed number of operands it is straight code, made for that number: without loops and lists a recorded
    node costs 0.4 µs instead of 1 µs, which is a third of a small training step. `make_function_of_any_number` is the
    same in ordinary code: read it first. `together` computes the result and the first rule's value in one pass.
    """
    if operation.variadic:
        return make_function_of_any_number(operation)
    make = straight_code(len(operation.rules), together is not None, keywords)
    return make(operation, operation.forward, operation.rules, together)


def make_function_of_any_number(operation: Operation) -> Callable[..., Any]:
    forward = operation.forward

    def apply(*operands: Any, **settings: Any) -> Any:
        operands = tuple([x if isinstance(x, Tensor) else constant(x) for x in operands])
        arrays = [x._array if isinstance(x, Tensor) else x for x in operands]
        try:
            data = forward(*arrays, **settings)
        except (TypeError, ValueError) as error:
            raise explain(error, operation, operands, settings) from error
        if not any(isinstance(x, Tensor) for x in operands):
            return data
        state = current()
        needs = [isinstance(x, Tensor) and x._requires_grad for x in operands]
        if not (state.on and any(needs)):
            return make_tensor(data)
        node = make_tensor(data, operation, settings, state.scope)
        rules = operation.rules_for(len(operands))
        node._x0 = operands
        node._d0 = tuple([rule(*arrays, data, **settings) if need else None for need, rule in zip(needs, rules)])
        return node

    return apply


@lru_cache
def straight_code(n: int, with_together: bool, with_keywords: bool) -> Callable[..., Any]:
    """`make_function_of_any_number` written out for n operands.

    For one operand, and without what is checked, `apply` reads::

        a0, n0 = x0._array, x0._requires_grad
        data = forward(a0)
        if not (n0 and current().on):
            return make_tensor(data)
        node = make_tensor(data, operation, NO_SETTINGS, current().scope)
        node._x0 = x0; node._d0 = rule0(a0, data)
        return node

    x are the operands, a their arrays, n whether they need a gradient (None for what is not a Tensor), d the local gradients.
    """
    x, a, d, rules = ([f"{letter}{i}" for i in range(n)] for letter in ("x", "a", "d", "rule"))
    settings, arguments = ("settings", ["**settings"]) if with_keywords else ("NO_SETTINGS", [])
    lines = [f"def apply({', '.join([*x, '/', *arguments])}):"]
    for i in range(n):
        lines += [
            f"    if isinstance(x{i}, Tensor):",
            f"        a{i} = x{i}._array",
            f"        n{i} = x{i}._requires_grad",
            "    else:",
            f"        plain = type(x{i}) in PLAIN and not (type(x{i}) is ndarray and x{i}.dtype.hasobject)",
            f"        a{i} = x{i} = x{i} if plain else constant(x{i})",
            f"        n{i} = None",  # not a Tensor
        ]
    needs = [f"n{i}" for i in range(n)]
    forward = f"data = forward({', '.join([*a, *arguments])})"
    lines.append(f"    recorded = ({' or '.join(needs)}) and current()")
    if with_together:
        only_first = " and not ".join(["", *needs[1:]])
        lines.append(f"    alone = recorded and recorded.on and n0{only_first}")
        forward = f"if alone: data, d0 = together({', '.join([*a, *arguments])})\n            else: {forward}"
    lines += [
        "    try:",
        f"        {forward}",
        "    except (TypeError, ValueError) as error:",
        f"        raise explain(error, operation, ({', '.join(x)},), {settings}) from error",
        "    if recorded and recorded.on:",
        f"        node = make_tensor(data, operation, {settings}, recorded.scope)",
    ]
    for i in range(n):
        value = f"rule{i}({', '.join([*a, 'data', *arguments])}) if n{i} else None"
        if with_together and i == 0:
            value = f"d0 if alone else {value}"
        lines.append(f"        {f'node._x{i} = x{i}; node._d{i}' if n in IN_SLOTS else f'd{i}'} = {value}")
    if n not in IN_SLOTS:
        lines.append(f"        node._x0 = ({', '.join(x)}); node._d0 = ({', '.join(d)})")
    lines += [
        "        return node",
        f"    if {' is '.join(needs)} is None:",
        "        return data",
        "    return make_tensor(data)",
    ]
    head = ["def make(operation, forward, rules, together):", f"    {', '.join(rules)}, = rules"]
    source = "\n".join([*head, *(f"    {line}" for line in lines), "    return apply", ""])
    file = f"<autograd_lite, {n} operand{'s' * (n != 1)}{', together' * with_together}{', keywords' * with_keywords}>"
    linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file  # for tracebacks and debuggers
    names = {**globals()}
    exec(compile(source, file, "exec"), names)
    return names["make"]


NO_SETTINGS: dict[str, Any] = {}
ndarray = np.ndarray
PLAIN = {ndarray, float, int}
OPERANDS = "operands are numbers, arrays of numbers and Tensors"


def constant(x: Any) -> Any:
    """An operand that is not a Tensor as forward functions and rules take it.

    Python numbers stay what they are, since NumPy never widens an array for their sake.
    """
    if isinstance(x, (np.generic, bool, int, float, complex)):
        return x
    refuse_mask(x)
    if isinstance(x, np.matrix):
        raise TypeError("operators of np.matrix mean something else than those of arrays and Tensors; write np.asarray(m)")
    if isinstance(x, (list, tuple)):
        refuse_tensors_in(x)
    array = np.asanyarray(x)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"cannot compute with {type(x).__name__} {x!r}: {OPERANDS}")
    return array


def explain(
    error: Exception, operation: Operation, operands: Sequence[Any], settings: Mapping[str, Any] = NO_SETTINGS
) -> Exception:
    """What NumPy raised, with the operation, the operands' names and shapes, and its settings."""
    for x in operands:
        if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind not in "biufc":
            return TypeError(f"cannot compute with {type(x).__name__} of dtype {x.dtype}: {OPERANDS}")
    described = " and ".join(
        x.describe() if isinstance(x, Tensor) else f"{type(x).__name__} of shape {np.shape(x)}"
        for x in operands[:8]
    )
    described += "".join(f", {key}={x!r}" for key, x in settings.items() if x is not None and x is not False)
    said = re.sub(r"^\S*\(\) got an unexpected", f"{operation.name}() got an unexpected", str(error))
    text = f"{operation.name} of {described}: {said}"
    try:
        return type(error)(text)  # LinAlgError and AxisError stay what they are
    except TypeError:  # some of NumPy's own, which are TypeErrors, are not made from a text
        return TypeError(text)


# Pulls: the few kinds of linear map ---------------------------------------------------------------------


@lru_cache(maxsize=1024)
def broadcast_axes(shape: tuple[int, ...], of: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of an array of shape `shape` along which one of shape `of` was repeated."""
    lead = len(shape) - len(of)
    return tuple(i for i, n in enumerate(shape) if i < lead or of[i - lead] == 1 != n)


def broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    """Whether an array of that shape broadcasts to one of shape `to`."""
    return len(shape) <= len(to) and all(n in (1, m) for n, m in zip(shape[::-1], to[::-1]))


@lru_cache(maxsize=256)
def ones_for_columns(shape: tuple[int, ...], of: tuple[int, ...], char: str) -> Any:
    """The column of ones that sums over the columns of a matrix, if that is what makes `of` of `shape`.

    The product takes half the time of np.add.reduce: it is the gradient of a bias. With many more columns the sum
    of NumPy, in pairs, would be more exact.
    """
    if len(shape) == 2 and of == (shape[0], 1) and 1 < shape[1] <= 1024 and char in "fd":
        return np.ones((shape[1], 1), char)
    return None


def sum_to(u: Any, shape: tuple[int, ...]) -> Any:
    """The transpose of broadcasting: add up the copies, so that the result has `shape`."""
    ones = ones_for_columns(u.shape, shape, u.dtype.char)
    if ones is not None and type(u) is np.ndarray:
        return u.dot(ones)
    if u.shape == shape:
        return u
    axes = broadcast_axes(u.shape, shape)
    u = np.add.reduce(u, axis=axes, keepdims=True) if axes else u
    return u if u.shape == shape else u.reshape(shape)


def scale(u: Any, d: Any, x: Any, out: Any) -> Any:
    """Elementwise: u ⊙ d, summed over what broadcasting repeated.

    A rule that is a number gives an int: 1 and −1 need no product, and 0 gives 0 even where u is infinite.
    """
    if type(d) is not int:
        u = u * d
    elif d == -1:
        u = -u
    elif d == 0:
        return np.zeros(x.shape, u.dtype)
    elif d != 1:
        u = u * d
    return u if u.shape == x._array.shape else sum_to(u, x._array.shape)


def keep_where(u: Any, mask: Any, x: Any, out: Any) -> Any:
    """Elementwise with a local gradient of 1 or 0: u where the mask is set, 0 elsewhere, even for inf."""
    return sum_to(np.where(mask, u, np.zeros((), u.dtype)), x.shape)


def is_elementwise(g: Any) -> bool:
    """Whether a local gradient is a factor for each entry."""
    operation = g.output._operation
    return not operation.variadic and operation.edge(g.index).pull in (scale, keep_where)


def kept_shape(shape: tuple[int, ...], axis: Any) -> tuple[int, ...]:
    """`shape` after a reduction over `axis` with ``keepdims=True``."""
    if axis is None or not shape:  # NumPy reduces a single number over axis 0 too
        return (1,) * len(shape)
    axes = {i % len(shape) for i in (axis if isinstance(axis, tuple) else (axis,))}
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def spread(u: Any, d: Any, x: Any, out: Any) -> Any:
    """Reductions: u, repeated along the reduced axes, ⊙ d."""
    shape = x.shape
    u = u.reshape(kept_shape(shape, out._settings["axis"]))
    if type(d) is not int:
        u = u * d
    return broadcast(u, shape)


def broadcast(u: Any, shape: tuple[int, ...]) -> Any:
    if u.shape == shape:
        return u
    if type(u) is not np.ndarray and not isinstance(u, np.generic) or u.size > 4096:
        return np.broadcast_to(u, shape)
    copy = np.empty(shape, u.dtype)  # 0.3 µs, where np.broadcast_to takes 2
    copy[...] = u
    return copy


# Making operations --------------------------------------------------------------------------------------


def with_result(rule: Any, operands: int) -> Rule:
    """`rule` in the form ``rule(*operands, out)``: it may be a number, or leave out the result."""
    if not callable(rule):
        return lambda *_, **__: rule
    code = getattr(rule, "__code__", None)
    if code is not None and (code.co_argcount > operands or code.co_flags & 4):  # 4: takes *args
        return rule
    return without_result(rule)


def without_result(rule: Callable[..., Any]) -> Rule:
    """``rule(*operands)`` in the form ``rule(*operands, out)``."""
    return lambda *arguments, **settings: rule(*arguments[:-1], **settings)


def elementwise_operation(
    name: str,
    forward: Callable[..., Any],
    *rules: Any,
    numpy: Sequence[Any] = (),
    labels: Sequence[Notation] | None = None,
    symbol: str | None = None,
    written: Notation = None,
    pull: Pull = scale,
    together: Callable[..., Any] | None = None,
    keywords: bool = False,
    own: bool = False,
    listed: bool = True,
) -> Any:
    """A function that acts on each entry by itself, from one rule per operand.

    A rule gives the factor of each entry, from the operands and, if it asks for it, the result; it may be
    a number, or None for an operand that no derivative is taken of. `together` computes the result and the
    first rule's value in one pass. With `keywords` the function passes keywords on to forward and rules. With
    ``listed=False`` the function is not entered in the table: it is called by a function with other arguments, or
    by a rule.
    """
    if labels is None:
        labels = [f"{rule:g}".replace("-", "−") if isinstance(rule, (int, float)) else None for rule in rules]
    edges = [Edge(with_result(rule, len(rules)), pull, label) for rule, label in zip(rules, labels)]
    operation = Operation(name, forward, edges, symbol=symbol, written=written)
    function = make_function(operation, together, keywords)
    if isinstance(forward, np.ufunc):
        numpy = (forward, *numpy)
    return register(function, operation, numpy, own=own, listed=listed)


def general_operation(
    name: str,
    forward: Callable[..., Any],
    *edges: Edge,
    numpy: Sequence[Any] = (),
    symbol: str | None = None,
    written: Notation = None,
    samples: int | None = None,
    variadic: bool = False,
    fresh: bool = True,
    together: Callable[..., Any] | None = None,
    keywords: bool = True,
    listed: bool = True,
) -> Any:
    """A function with a rule, a pull and a label of its own for each operand."""
    operation = Operation(
        name, forward, edges, symbol=symbol, written=written, samples=samples, variadic=variadic, fresh=fresh
    )
    function = make_function(operation, together, keywords)
    return register(function, operation, numpy, listed=listed)


def register(
    function: Callable[..., Any],
    operation: Operation | None,
    numpy: Sequence[Any] = (),
    name: str | None = None,
    own: bool = False,
    listed: bool = True,
) -> Any:
    """Make `function` what the table holds for its name and for the NumPy functions that it stands for.

    Its name is that of its operation, if no other is given. Without an `operation` it is composed of others and keeps
    its own. An operation of the user's (`own`) is not entered under its name, so methods and operators stay the engine's.
    """
    name = name or (operation.name if operation else function.__name__)
    function.__name__ = function.__qualname__ = name
    function.__doc__ = function.__doc__ or f"`{name}` of Tensors; the arguments are those of NumPy."
    function.operation = operation  # type: ignore[attr-defined]
    function.own = own  # type: ignore[attr-defined]
    if listed and not own:
        TABLE[name] = function
    if listed:
        TABLE.update(dict.fromkeys(numpy, function))
    return function


def implement_with(function: Callable[..., Any]) -> Callable[[Callable[..., Any]], Any]:
    """Decorate an empty function: `function` does the work, the decorated one gives its name, signature and docstring."""
    return partial(update_wrapper, function)
