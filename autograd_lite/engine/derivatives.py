"""Derivatives of functions: everything is the sweep, run once, several times, or over its own graph.

Reverse mode is one sweep from the output. Evaluated on Tensors, a sweep is a graph itself, which can be
differentiated again: that gives derivatives of any order. It is linear in the adjoint that it starts
from, so sweeping backward over it *with respect to that adjoint* transposes the transpose, which is
forward mode: no rule for it has to be written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from functools import wraps
from inspect import signature
from typing import Any, Literal, NamedTuple, Protocol, overload

import numpy as np
import numpy.typing as npt

from autograd_lite.engine.backward import as_dtype, make_own, sweep
from autograd_lite.engine.graph import between, history
from autograd_lite.engine.nests import (
    is_nest, is_numeric, items_of, leaves, map_leaves, numbers_in, pack, places, replace_numbers, unpack,
)  # fmt: skip
from autograd_lite.engine.recording import current, differentiated, enable_grad
from autograd_lite.engine.tensor import TABLE, Array, Operand, Tensor, as_array, as_tensor, make_tensor

Function = Callable[..., Any]
Seed = Operand | None
Named = Mapping[str, Tensor]
Nest = Mapping[Any, Any] | list[Any] | tuple[Any, ...]
No = Literal[False]
Yes = Literal[True]


class Derivative(Protocol):
    """A derivative with respect to the first argument: Tensors if there is a Tensor among the arguments, arrays if not."""

    @overload
    def __call__(self, x: Tensor, /, *args: Any, **keywords: Any) -> Tensor: ...
    @overload
    def __call__(self, x: npt.ArrayLike, y: Tensor, /, *args: Any, **keywords: Any) -> Tensor: ...
    @overload
    def __call__(self, nest: Nest, /, *args: Any, **keywords: Any) -> Any: ...
    @overload
    def __call__(self, x: npt.ArrayLike, /, *args: Any, **keywords: Any) -> Array: ...


class ValueAndDerivative(Protocol):
    """The same with the value before it."""

    @overload
    def __call__(self, x: Tensor, /, *args: Any, **keywords: Any) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: npt.ArrayLike, y: Tensor, /, *args: Any, **keywords: Any) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, nest: Nest, /, *args: Any, **keywords: Any) -> tuple[Any, Any]: ...
    @overload
    def __call__(self, x: npt.ArrayLike, /, *args: Any, **keywords: Any) -> tuple[Array, Array]: ...


@overload
def gradients(output: Tensor, inputs: Tensor, gradient: Seed = None, *, create_graph: No = False) -> Array: ...
@overload
def gradients(output: Tensor, inputs: Tensor, gradient: Seed = None, *, create_graph: Yes) -> Tensor: ...
@overload
def gradients(output: Tensor, inputs: list[Tensor], gradient: Seed = None, *, create_graph: No = False) -> list[Array]: ...
@overload
def gradients(output: Tensor, inputs: list[Tensor], gradient: Seed = None, *, create_graph: Yes) -> list[Tensor]: ...
@overload
def gradients(output: Tensor, inputs: Named, gradient: Seed = None, *, create_graph: No = False) -> dict[str, Array]: ...
@overload
def gradients(output: Tensor, inputs: Any, gradient: Seed = None, *, create_graph: bool = False) -> Any: ...


def gradients(output: Tensor, inputs: Any, gradient: Seed = None, *, create_graph: bool = False) -> Any:
    """The derivatives of `output` with respect to any Tensors that it was computed from.

    Parameters
    ----------
    output : Tensor
    inputs : Tensor, or a dict, list, tuple or named tuple of Tensors, nested
        Leaves of the graph or intermediate results.
    gradient : array_like or Tensor, shape of `output`, optional
        The adjoint to start from; 1 if it is left out, which only a single entry allows.
    create_graph : bool
        Record the sweep itself and return Tensors, to differentiate the derivatives again.

    Returns
    -------
    ndarray or Tensor, or a nest of them of the form of `inputs`
        Each of the shape and dtype of its input; zeros where the output does not depend on the input. No
        `grad` is changed.

    Raises
    ------
    ValueError
        If `gradient` is missing or has the wrong shape.
    TypeError
        If an input is not a Tensor that requires a gradient.
    RuntimeError
        If `output` is a constant, such as what was computed under `no_grad`, or data was replaced since.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> x = ag.Tensor(3.0, requires_grad=True)
    >>> [slope] = ag.gradients(x**3, [x], create_graph=True)
    >>> slope.item(), ag.gradients(slope, x).item()
    (27.0, 18.0)
    """
    if not isinstance(create_graph, (bool, np.bool_)):
        raise TypeError(f"create_graph is True or False, not {create_graph!r}")
    if not isinstance(inputs, (Tensor, Mapping, list, tuple)):
        what = "a Tensor or a list, tuple or dict of Tensors"
        raise TypeError(f"inputs: each input is a Tensor; pass {what}, not {type(inputs).__name__}")
    if not isinstance(output, Tensor):
        raise TypeError(f"the output must be a Tensor, not {type(output).__name__}")
    items = [("", inputs)] if isinstance(inputs, Tensor) else items_of(inputs)
    wanted: list[Tensor] = []
    for path, x in [(path + inner, x) for path, item in items for inner, x in leaves(item)]:
        if not isinstance(x, Tensor) or not x.requires_grad:
            what = x.describe() if isinstance(x, Tensor) else type(x).__name__
            raise TypeError(
                f"input{path} ({what}) does not require a gradient, so nothing was recorded about it; "
                "make it with Tensor(..., requires_grad=True) before computing the output"
            )
        wanted.append(x)
    output._check_recorded()
    seed = output._seed(gradient)
    results: Sequence[Any]
    if create_graph:
        results = _record_adjoints(output, wanted, seed if isinstance(seed, Tensor) else Tensor(seed))
    else:
        results = _compute_adjoints(output, wanted, seed)
    return replace_numbers(inputs, results) if wanted else copy(inputs)


def _compute_adjoints(output: Tensor, inputs: Sequence[Tensor], seed: Tensor | Array) -> list[Array]:
    """The adjoints of `inputs` as arrays of their own."""
    seed = seed._array if isinstance(seed, Tensor) else seed
    adjoints, ours = sweep(output, seed, keep=set(inputs), only=between(output, inputs))
    if len(set(inputs)) < len(inputs):  # one of them is asked for twice
        ours = set()
    return [make_own(adjoints[x], x, ours) if x in adjoints else np.zeros(x.shape, x.dtype) for x in inputs]


def _record_adjoints(
    output: Tensor, inputs: Sequence[Tensor], seed: Tensor, *, evaluate_rules: bool = True
) -> list[Tensor]:
    """The adjoints of `inputs` as Tensors: functions of the seed and, if the rules are evaluated anew, of
    everything that `output` was computed from."""
    with enable_grad():
        adjoints, _ = sweep(
            output, seed, keep=set(inputs), only=between(output, inputs), recorded=True, evaluate_rules=evaluate_rules
        )
        results = [adjoints.get(x, np.zeros(x.shape, x.dtype)) for x in inputs]
        return [as_dtype(as_tensor(u), x.dtype) for u, x in zip(results, inputs)]


# Derivatives of functions ---------------------------------------------------------------------------------


class _Evaluated(NamedTuple):
    """A function evaluated on arguments that are set up for differentiation."""

    output: Tensor  # what f returned; if that is several arrays, all their entries in one vector
    variables: list[Tensor]
    differentiable: bool  # whether the derivatives are Tensors that can be differentiated again
    tensors: bool  # whether derivatives and value are handed out as Tensors
    returned: Any  # what f returned, a nest of Tensors
    arguments: list[Any]  # those to differentiate with respect to: the variables are the numbers in them
    aux: Any

    def adjoints(self, seed: Any) -> list[Any]:
        """The adjoints of the variables."""
        if current().on and (self.differentiable or isinstance(seed, Tensor)):
            return list(_record_adjoints(self.output, self.variables, as_tensor(seed)))
        arrays = _compute_adjoints(self.output, self.variables, seed)
        return [make_tensor(x) for x in arrays] if self.tensors or isinstance(seed, Tensor) else list(arrays)

    def nest(self, results: Iterable[Any]) -> tuple[Any, ...]:
        """Results for the variables, in the form of the arguments."""
        following = iter(results)
        return tuple(replace_numbers(x, following) for x in self.arguments)

    def hand_out(self, x: Any) -> Any:
        """A Tensor of this evaluation, or an array, as it is handed to the caller."""
        if not isinstance(x, Tensor):
            return make_tensor(x) if self.tensors else x
        return x if self.differentiable else make_tensor(x._array) if self.tensors else x._array

    def value(self) -> Any:
        return map_leaves(self.hand_out, self.returned)

    def parts(self) -> list[Tensor]:
        return [x for _, x in leaves(self.returned)]

    def in_parts(self, vector: Any) -> Any:
        """The entries that belong to `output`, in the form of what f returned."""
        if not is_nest(self.returned):
            return vector
        with enable_grad():
            return replace_numbers(self.returned, unpack(vector, self.parts()))


def _evaluate(
    f: Callable[..., Any], args: Sequence[Any], argnums: Sequence[int], keywords: Any, has_aux: bool
) -> _Evaluated:
    """Call f on Tensors of its own, through which exactly this derivative is taken.

    A Tensor among the arguments is replaced by its image under the identity: what f does with the image
    belongs to this derivative, what else is done with the Tensor does not.
    """
    check_function(f)
    name = getattr(f, "__name__", "f")
    inputs = [
        map_leaves(lambda leaf: as_tensor(leaf) if isinstance(leaf, np.ndarray) and is_numeric(leaf) else leaf, x) for x in args
    ]
    variables: dict[int, list[Tensor]] = {}  # by argument
    for i in argnums:
        if not -len(args) <= i < len(args):
            raise TypeError(
                f"{name} was called with {len(args)} arguments, so there is no argument {i} to differentiate; "
                "argnums counts from 0"
            )
        place = i % len(args)  # -1 may be the same argument as 1
        if place not in variables:
            mine = [_variable(leaf, f, i, path) for path, leaf in numbers_in(args[i])]
            inputs[i] = replace_numbers(args[i], mine, lambda leaf: leaf) if is_nest(args[i]) else mine[0]
            variables[place] = mine
    every = [x for i in argnums for x in variables[i % len(args)]]
    on, outer = current().on, differentiated.get()
    token = differentiated.set(outer | set(every))
    try:
        with enable_grad():
            returned = f(*inputs, **keywords)
    finally:
        differentiated.reset(token)
    aux = None
    if has_aux:
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise TypeError(f"with has_aux=True {name} returns a pair (value, aux), not {type(returned).__name__}")
        returned, aux = returned
    returned = _as_tensors(returned, name)
    parts = [x for _, x in leaves(returned)]
    with enable_grad():
        output = pack(parts) if is_nest(returned) else returned
    tensors = any(isinstance(leaf, Tensor) for x in (*args, *keywords.values()) for _, leaf in leaves(x))
    differentiable = on and tensors
    if on and not tensors and outer:  # f may close over the variables of a derivative around this one
        differentiable = tensors = any(x in outer for x in history(output, constants=False))
    evaluated = _Evaluated(output, every, differentiable, tensors, returned, [args[i] for i in argnums], aux)
    if has_aux:
        evaluated = evaluated._replace(aux=map_leaves(lambda x: evaluated.hand_out(x) if isinstance(x, Tensor) else x, aux))
    return evaluated


def _variable(x: Any, f: Callable[..., Any], i: int, path: str) -> Tensor:
    """The Tensor that stands for an argument, or for a number in its nest."""
    if isinstance(x, Tensor) and x.requires_grad:
        with enable_grad():
            variable: Tensor = TABLE["identity"](x)
        variable.name = x.name
        return variable
    try:
        return Tensor(x, requires_grad=True)
    except TypeError as error:
        what = f"argument {i} of {getattr(f, '__name__', 'f')}" + (f", {_name_of_argument(f, i)}{path}," if path else "")
        raise TypeError(f"{what} cannot be differentiated: {error}") from error


def _name_of_argument(f: Callable[..., Any], i: int) -> str:
    try:
        return list(signature(f).parameters)[i]
    except (TypeError, ValueError, IndexError):  # written in C, or with *args
        return "x"


def _as_tensors(returned: Any, name: str) -> Any:
    """What f returned with Tensors in place of arrays and numbers."""
    for path, leaf in leaves(returned):
        if not is_numeric(leaf):
            raise TypeError(
                f"{name} returned {type(leaf).__name__}{f' in {path}' if path else ''}, where a derivative needs numbers or "
                "arrays; what else it returns goes to the second of a pair, with has_aux=True"
            )
    return map_leaves(as_tensor, returned)


def check_function(f: Any, argnums: Any = 0) -> None:
    """Refuse what is not a function, and positions that are not numbers."""
    if not callable(f) or isinstance(f, Tensor):
        what = f.describe() if isinstance(f, Tensor) else type(f).__name__
        raise TypeError(f"f is the function to differentiate, not {what}; write lambda x: ... for an expression in x")
    numbers = argnums if isinstance(argnums, (list, tuple, range)) else [argnums]
    if not numbers or not all(isinstance(i, (int, np.integer)) and not isinstance(i, bool) for i in numbers):
        raise TypeError(
            f"argnums is the position of an argument, or a sequence of positions, as in (0, 1); not {argnums!r}"
        )


def _positions(argnums: int | Sequence[int]) -> tuple[int, ...]:
    return (int(argnums),) if isinstance(argnums, (int, np.integer)) else tuple(argnums)


def _match(what: str, form: Any, given: Any) -> list[Any]:
    """The numbers in `given`, which has the form and shapes of `form`."""
    expected = [(path, np.shape(x)) for path, x in numbers_in(form)]
    numbers = list(numbers_in(given))
    found = [(path, np.shape(x)) for path, x in numbers]
    if expected != found:
        one = "one array of shape " if [path for path, _ in expected] != [path for path, _ in found] else ""
        shapes = [", ".join(f"{path}: {n}" if path else f"{one}{n}" for path, n in side) for side in (expected, found)]
        raise ValueError(f"{what}, {shapes[0]}, not {shapes[1]}")
    for path, x in numbers:
        kind = x.dtype if isinstance(x, Tensor) else np.asarray(x).dtype
        if kind.kind not in "biuf":
            raise TypeError(f"{what} and are real numbers{path and ', ' + path}, not of dtype {kind}")
    return [x for _, x in numbers]


@overload
def value_and_grad(f: Function, argnums: Literal[0] = 0, *, has_aux: No = False) -> ValueAndDerivative: ...
@overload
def value_and_grad(f: Function, argnums: int | Sequence[int] = 0, *, has_aux: bool = False) -> Callable[..., Any]: ...


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, *, has_aux: bool = False
) -> Callable[..., tuple[Any, Any]]:
    """The function that gives both the value of f and its gradient.

    Parameters
    ----------
    f : callable
        Takes Tensors and returns a Tensor of one entry.
    argnums : int or sequence of int
        The arguments to differentiate with respect to; the gradient is a tuple if this is a sequence.
    has_aux : bool
        Whether f returns a pair of the number and something else, which is handed on: ``((value, aux), gradient)``.

    Returns
    -------
    callable
        Takes what f takes. Called with arrays it returns arrays, called with Tensors Tensors; under `no_grad` they are
        constants. Of an argument that is a nest of arrays (dicts, lists, tuples, named tuples) the gradient is a nest of
        the same form, with None for what is not a number.

    Raises
    ------
    TypeError
        When called, if f does not return a single number, or an argument, or a number in its nest, is not of a floating
        dtype; the error has the path to it.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> value, slope = ag.value_and_grad(lambda x: x**2)(3.0)
    >>> float(value), float(slope)
    (9.0, 6.0)
    """

    check_function(f, argnums)

    @wraps(f)
    def derivative(*args: Any, **keywords: Any) -> tuple[Any, Any]:
        evaluated = _evaluate(f, args, _positions(argnums), keywords, has_aux)
        output = evaluated.output
        if output.size != 1 or is_nest(evaluated.returned):
            several = is_nest(evaluated.returned)
            what = f"a {type(evaluated.returned).__name__} of arrays" if several else f"shape {output.shape}"
            raise TypeError(
                f"the gradient is that of a single number, but {getattr(f, '__name__', 'f')} returned {what}; use "
                f"autograd_lite.jacobian, or return {'one of them, with has_aux=True for the others' if several else 'its sum()'}"
            )
        results = evaluated.nest(evaluated.adjoints(np.ones(output.shape, dtype_of_adjoint(output))))
        value = (evaluated.value(), evaluated.aux) if has_aux else evaluated.value()
        return value, results[0] if isinstance(argnums, (int, np.integer)) else results

    return derivative


@overload
def grad(f: Function, argnums: Literal[0] = 0, *, has_aux: No = False) -> Derivative: ...
@overload
def grad(f: Function, argnums: int | Sequence[int] = 0, *, has_aux: bool = False) -> Callable[..., Any]: ...


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0, *, has_aux: bool = False) -> Callable[..., Any]:
    """The function that gives the gradient of f, a function whose value is a single number.

    Parameters, errors and results are those of `value_and_grad`, without the value: ``(gradient, aux)`` with `has_aux`.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> import numpy as np
    >>> ag.grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    array([2., 4.])
    >>> float(ag.grad(ag.grad(np.sin))(0.5) + np.sin(0.5))
    0.0
    >>> ag.grad(lambda p: np.sum(p["w"] ** 2) + 3 * p["b"])({"w": np.array([1.0, 2.0]), "b": 0.0})
    {'w': array([2., 4.]), 'b': array(3.)}
    """
    both = value_and_grad(f, argnums, has_aux=has_aux)

    @wraps(f)
    def derivative(*args: Any, **keywords: Any) -> Any:
        value, gradient = both(*args, **keywords)
        return (gradient, value[1]) if has_aux else gradient

    return derivative


@overload
def vjp(f: Function, *args: Any, has_aux: No = False) -> tuple[Any, Callable[[Any], Any]]: ...
@overload
def vjp(f: Function, *args: Any, has_aux: Yes) -> tuple[Any, Callable[[Any], Any], Any]: ...


def vjp(f: Callable[..., Any], *args: Any, has_aux: bool = False) -> Any:
    """The value of f, and the function that multiplies a vector into its Jacobian from the left.

    Parameters
    ----------
    f : callable
    *args : array_like or Tensor, or nests of them
        All are differentiated.
    has_aux : bool
        Whether f returns a pair of the value and something else, which is the third result.

    Returns
    -------
    value : ndarray or Tensor, or a nest of them
    pullback : callable
        ``pullback(u)`` for u of the form and shapes of the value returns a tuple with one entry for each argument.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> import numpy as np
    >>> value, pullback = ag.vjp(lambda x, y: x * y, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> pullback(np.array([1.0, 10.0]))
    (array([ 3., 40.]), array([ 1., 20.]))
    """
    evaluated = _evaluate(f, args, range(len(args)), {}, has_aux)

    def pullback(u: Any) -> tuple[Any, ...]:
        if is_nest(evaluated.returned):
            u = pack([as_array(x) for x in _match("adjoints have the form and shapes of the value", evaluated.returned, u)])
        return evaluated.nest(evaluated.adjoints(evaluated.output._seed(u)))

    return (evaluated.value(), pullback, evaluated.aux) if has_aux else (evaluated.value(), pullback)


@overload
def jvp(f: Function, args: Sequence[Any], tangents: Sequence[Any], *, has_aux: No = False) -> tuple[Any, Any]: ...
@overload
def jvp(f: Function, args: Sequence[Any], tangents: Sequence[Any], *, has_aux: Yes) -> tuple[Any, Any, Any]: ...


def jvp(f: Callable[..., Any], args: Sequence[Any], tangents: Sequence[Any], *, has_aux: bool = False) -> Any:
    """The value of f, and its derivative in the direction of the tangents (forward mode).

    Parameters
    ----------
    f : callable
    args, tangents : sequence of array_like or Tensor, or of nests of them
        Of the same length, forms and shapes.
    has_aux : bool
        Whether f returns a pair of the value and something else, which is the third result.

    Returns
    -------
    value, tangent : ndarray or Tensor, or nests of them
        Of the same form and shapes.

    Raises
    ------
    ValueError
        If the tangents do not match the arguments.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> value, tangent = ag.jvp(lambda x: x**3, (2.0,), (1.0,))
    >>> float(value), float(tangent)
    (8.0, 12.0)
    """
    directions = _pair("tangents", args, tangents)
    evaluated = _evaluate(f, args, range(len(args)), {}, has_aux)
    if any(isinstance(t, Tensor) for t in directions):
        evaluated = evaluated._replace(differentiable=current().on, tensors=True)
    tangent = map_leaves(evaluated.hand_out, evaluated.in_parts(_pushforward(evaluated)(directions)))
    return (evaluated.value(), tangent, evaluated.aux) if has_aux else (evaluated.value(), tangent)


def _pair(what: str, args: Any, vectors: Any) -> list[Any]:
    """The numbers in the vectors, one for each in the arguments."""
    if not isinstance(args, (list, tuple)) or not isinstance(vectors, (list, tuple)):
        raise TypeError(f"the arguments and {what} are tuples with one entry for each argument, as in (x,), (v,)")
    if len(args) != len(vectors):
        raise ValueError(f"{what} have the shapes of the arguments: {len(vectors)} do not go with {len(args)} arguments")
    return [number for x, v in zip(args, vectors) for number in _match(f"{what} have the shapes of the arguments", x, v)]


def _pushforward(evaluated: _Evaluated) -> Callable[[Sequence[Any]], Any]:
    """The derivative in a direction, by transposing the sweep: record it as a function of its seed, once,
    and sweep over that recording for each direction."""
    output, variables, differentiable = evaluated.output, evaluated.variables, evaluated.differentiable
    seed = Tensor(np.zeros(output.shape, dtype_of_adjoint(output)), requires_grad=True)
    adjoints = _record_adjoints(output, variables, seed, evaluate_rules=differentiable)
    with enable_grad():
        joined: Any = np.concatenate([g.reshape(-1) for g in adjoints])

    def push(tangents: Sequence[Any]) -> Any:
        with enable_grad():
            direction: Any = np.concatenate([as_tensor(t).reshape(-1).astype(joined.dtype) for t in tangents])
        if differentiable:
            return _record_adjoints(joined, [seed], direction)[0]
        return _compute_adjoints(joined, [seed], direction)[0]

    return push


@overload
def jacobian(f: Callable[..., Tensor], argnums: Literal[0] = 0, *, has_aux: No = False) -> Derivative: ...
@overload
def jacobian(f: Function, argnums: int | Sequence[int] = 0, *, has_aux: bool = False) -> Callable[..., Any]: ...


def jacobian(f: Callable[..., Any], argnums: int | Sequence[int] = 0, *, has_aux: bool = False) -> Callable[..., Any]:
    """The function that gives all derivatives of all entries of f.

    Costs as many sweeps as the smaller of the two sides has entries: in reverse mode one for each entry of the
    value, in forward mode one for each entry of the arguments.

    Parameters
    ----------
    f : callable
    argnums : int or sequence of int
    has_aux : bool
        Whether f returns a pair of the value and something else; the result is then a pair too.

    Returns
    -------
    callable
        Its result has the shape of f's value followed by that of the argument; a tuple of results if `argnums`
        is a sequence. If the value is a nest, the result has the form of the value, with such a block in each place;
        if the argument is a nest, each block has the form of the argument.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> import numpy as np
    >>> ag.jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """

    check_function(f, argnums)

    @wraps(f)
    def derivative(*args: Any, **keywords: Any) -> Any:
        evaluated = _evaluate(f, args, _positions(argnums), keywords, has_aux)
        output, variables = evaluated.output, evaluated.variables

        def join(parts: Sequence[Any], axis: int, x: Tensor) -> Any:
            shape = output.shape + x.shape
            if not parts:
                return evaluated.hand_out(np.zeros(shape, x.dtype))
            whole = np.stack(parts, axis)
            return evaluated.hand_out(as_dtype(whole.reshape(shape), x.dtype))

        def blocks(wholes: Sequence[Any]) -> Any:
            nested = evaluated.nest(wholes)
            return nested[0] if isinstance(argnums, (int, np.integer)) else nested

        size = sum(x.size for x in variables)
        if output.size <= size:
            units = _units(output.size, dtype_of_adjoint(output))
            rows = [evaluated.adjoints(unit.reshape(output.shape)) for unit in units]
            results = [join([row[i] for row in rows], 0, x) for i, x in enumerate(variables)]
        else:
            push = _pushforward(evaluated)
            columns = [push(unpack(unit, variables)) for unit in _units(size, np.dtype(float))]
            results = [join(columns[place], -1, x) for x, place in zip(variables, places(variables))]
        if not is_nest(evaluated.returned):
            result = blocks(results)
        else:
            parts = evaluated.parts()
            result = replace_numbers(evaluated.returned, [
                blocks([r[place].reshape(part.shape + x.shape) for r, x in zip(results, variables)])
                for part, place in zip(parts, places(parts))
            ])  # fmt: skip
        return (result, evaluated.aux) if has_aux else result

    return derivative


def _units(n: int, dtype: Any) -> Iterator[Array]:
    """The unit vectors, one at a time."""
    for i in range(n):
        unit = np.zeros(n, dtype)
        unit[i] = 1
        yield unit


@overload
def hessian(f: Function, argnums: Literal[0] = 0, *, has_aux: No = False) -> Derivative: ...
@overload
def hessian(f: Function, argnums: int | Sequence[int] = 0, *, has_aux: bool = False) -> Callable[..., Any]: ...


def hessian(f: Callable[..., Any], argnums: int | Sequence[int] = 0, *, has_aux: bool = False) -> Callable[..., Any]:
    """The function that gives all second derivatives of f, a function whose value is a single number.

    Parameters
    ----------
    f : callable
    argnums : int or sequence of int
    has_aux : bool
        As for `jacobian`.

    Returns
    -------
    callable
        Its result has the shape of the argument twice; a tuple of tuples of such blocks if `argnums` is a
        sequence, a nest of nests of blocks if the argument is a nest.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> import numpy as np
    >>> ag.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    check_function(f, argnums)
    return jacobian(grad(f, argnums, has_aux=has_aux), argnums, has_aux=has_aux)


@overload
def hvp(f: Function, args: tuple[Tensor], vectors: tuple[Operand]) -> Tensor: ...
@overload
def hvp(f: Function, args: tuple[Array | float], vectors: tuple[Array | float]) -> Array: ...
@overload
def hvp(f: Function, args: Sequence[Any], vectors: Sequence[Any]) -> Any: ...


def hvp(f: Callable[..., Any], args: Sequence[Any], vectors: Sequence[Any]) -> Any:
    """The Hessian of f times a vector, at the cost of about two gradients and without forming the Hessian.

    Parameters
    ----------
    f : callable
        Its value is a single number.
    args, vectors : sequence of array_like or Tensor, or of nests of them
        Of the same length, forms and shapes.

    Returns
    -------
    ndarray or Tensor, or a nest of them, or a tuple of these
        One for each argument; without a tuple around it if there is only one.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> import numpy as np
    >>> ag.hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    array([ 6., 12.])
    """
    along = _pair("vectors", args, vectors)
    every = tuple(range(len(args)))

    def slope(*variables: Any) -> Any:
        gradient = grad(f, every)(*variables)
        numbers = [g for x in gradient for _, g in leaves(x) if is_numeric(g)]
        return sum((g * v).sum() for g, v in zip(numbers, along))

    results = grad(slope, every)(*args)
    return results[0] if len(results) == 1 else results


def dtype_of_adjoint(x: Tensor) -> Any:
    """The dtype of the adjoint of x."""
    if x.dtype.kind == "c":
        raise TypeError(
            f"the derivative of a complex result ({x.describe()}) is not defined here; take np.real, np.imag or np.abs of it"
        )
    return x.dtype if x.dtype.kind in "fc" else np.dtype(float)
