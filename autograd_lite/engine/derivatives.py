"""Derivatives of functions: everything is the sweep, run once, several times, or over its own graph.

Reverse mode is one sweep from the output. Evaluated on Tensors, a sweep is a graph itself, which can be
differentiated again: that gives derivatives of any order. It is linear in the adjoint that it starts
from, so sweeping backward over it *with respect to that adjoint* transposes the transpose, which is
forward mode: no rule for it has to be written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.engine.backward import as_dtype, owned, sweep
from autograd_lite.engine.graph import between, history
from autograd_lite.engine.recording import differentiated, enable_grad
from autograd_lite.engine.tensor import TABLE, Array, Tensor, as_tensor


def gradients(
    output: Tensor,
    inputs: Tensor | Sequence[Tensor],
    gradient: Any = None,
    *,
    create_graph: bool = False,
) -> Any:
    """The derivatives of `output` with respect to any Tensors that it was computed from.

    Parameters
    ----------
    output : Tensor
    inputs : Tensor or sequence of Tensor
        Leaves or intermediate results.
    gradient : array_like or Tensor, shape of `output`, optional
        The adjoint to start from; 1 if it is left out, which only a single entry allows.
    create_graph : bool
        Record the sweep itself and return Tensors, to differentiate the derivatives again.

    Returns
    -------
    ndarray or Tensor, or a list of them if `inputs` is a sequence
        Each of the shape and dtype of its input; zeros where the output does not depend on the input. No
        `grad` is changed.

    Raises
    ------
    ValueError
        If `gradient` is missing or has the wrong shape.
    TypeError
        If an input is no Tensor that requires a gradient.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> x = ag.Tensor(3.0, requires_grad=True)
    >>> [slope] = ag.gradients(x**3, [x], create_graph=True)
    >>> slope.item(), ag.gradients(slope, x).item()
    (27.0, 18.0)
    """
    single = isinstance(inputs, Tensor)
    wanted: list[Tensor] = [inputs] if single else list(inputs)  # type: ignore[list-item]
    if not isinstance(output, Tensor):
        raise TypeError(f"the output must be a Tensor, not {type(output).__name__}")
    for i, x in enumerate(wanted):
        if not isinstance(x, Tensor) or not x.requires_grad:
            what = x.describe() if isinstance(x, Tensor) else type(x).__name__
            raise TypeError(
                f"input {i} ({what}) does not require a gradient, so nothing was recorded about it; "
                "make it with Tensor(..., requires_grad=True) before computing the output"
            )
    seed = output._seed(gradient)
    results: Sequence[Any]
    if not create_graph:
        results = _adjoints(output, wanted, seed._array if isinstance(seed, Tensor) else seed)
    else:
        results = _recorded_adjoints(output, wanted, seed if isinstance(seed, Tensor) else Tensor(seed))
    return results[0] if single else results


def _adjoints(output: Tensor, inputs: Sequence[Tensor], seed: Array) -> list[Array]:
    """The adjoints of `inputs` as arrays of their own."""
    adjoints, ours = sweep(output, seed, keep=set(inputs), only=between(output, inputs))
    if len(set(inputs)) < len(inputs):  # one of them is asked for twice
        ours = set()
    return [owned(adjoints[x], x, ours) if x in adjoints else np.zeros(x.shape, x.dtype) for x in inputs]


def _recorded_adjoints(
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

    output: Tensor
    variables: list[Tensor]
    differentiable: bool  # whether the derivatives are to be Tensors

    def adjoints(self, seed: Any) -> list[Any]:
        if self.differentiable or isinstance(seed, Tensor):
            return list(_recorded_adjoints(self.output, self.variables, as_tensor(seed)))
        return list(_adjoints(self.output, self.variables, seed))

    def result(self, x: Tensor) -> Any:
        return x if self.differentiable else x._array


def _evaluate(f: Callable[..., Any], args: Sequence[Any], argnums: Sequence[int], keywords: Any) -> _Evaluated:
    """Call f on Tensors of its own, through which exactly this derivative is taken.

    A Tensor among the arguments is replaced by its image under the identity: what f does with the image
    belongs to this derivative, what else is done with the Tensor does not.
    """
    name = getattr(f, "__name__", "f")
    inputs = [as_tensor(x) if isinstance(x, np.ndarray) else x for x in args]
    variables: list[Tensor] = []
    for i in argnums:
        if not -len(args) <= i < len(args):
            raise TypeError(f"{name} was called with {len(args)} arguments, so there is no argument {i} to differentiate")
        if i in argnums[: len(variables)]:  # asked for twice
            variables.append(variables[argnums.index(i)])
            continue
        x = args[i]
        if isinstance(x, Tensor) and x.requires_grad:
            with enable_grad():
                variable = TABLE["identity"](x)
            variable.name = x.name
        else:
            try:
                variable = Tensor(x, requires_grad=True)
            except TypeError as error:
                raise TypeError(f"argument {i} of {name} cannot be differentiated: {error}") from error
        variables.append(variable)
        inputs[i] = variable
    outer = differentiated.get()
    token = differentiated.set(outer | set(variables))
    try:
        with enable_grad():
            output = f(*inputs, **keywords)
    finally:
        differentiated.reset(token)
    if not isinstance(output, Tensor):
        if isinstance(output, (list, tuple, dict)) or output is None:
            raise TypeError(f"{name} returned {type(output).__name__}, not a Tensor; return one number or one array")
        output = as_tensor(output)
    differentiable = any(isinstance(x, Tensor) for x in args)
    if not differentiable and outer:  # f may close over the variables of a derivative around this one
        differentiable = any(x in outer for x in history(output, constants=False))
    return _Evaluated(output, variables, differentiable)


def _numbers(argnums: int | Sequence[int]) -> tuple[int, ...]:
    return (argnums,) if isinstance(argnums, int) else tuple(argnums)


def value_and_grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., tuple[Any, Any]]:
    """The function that gives both the value of f and its gradient.

    Parameters
    ----------
    f : callable
        Takes Tensors and returns a Tensor of one entry.
    argnums : int or sequence of int
        The arguments to differentiate with respect to; the gradient is a tuple if this is a sequence.

    Returns
    -------
    callable
        Takes what f takes. Called with arrays it returns arrays, called with Tensors Tensors.

    Raises
    ------
    TypeError
        When called, if f does not return a single number, or an argument is not of a floating dtype.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> value, slope = ag.value_and_grad(lambda x: x**2)(3.0)
    >>> float(value), float(slope)
    (9.0, 6.0)
    """

    @wraps(f)
    def derivative(*args: Any, **keywords: Any) -> tuple[Any, Any]:
        evaluated = _evaluate(f, args, _numbers(argnums), keywords)
        output = evaluated.output
        if output.size != 1:
            raise TypeError(
                f"the gradient is that of a single number, but {getattr(f, '__name__', 'f')} returned shape "
                f"{output.shape}; use autograd_lite.jacobian, or return its sum()"
            )
        results = evaluated.adjoints(np.ones(output.shape, floating(output)))
        return evaluated.result(output), results[0] if isinstance(argnums, int) else tuple(results)

    return derivative


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The function that gives the gradient of f, a function whose value is a single number.

    Parameters, errors and results are those of `value_and_grad`, without the value.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> import numpy as np
    >>> ag.grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    array([2., 4.])
    >>> float(ag.grad(ag.grad(np.sin))(0.5) + np.sin(0.5))
    0.0
    """
    both = value_and_grad(f, argnums)

    @wraps(f)
    def derivative(*args: Any, **keywords: Any) -> Any:
        return both(*args, **keywords)[1]

    return derivative


def vjp(f: Callable[..., Any], *args: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """The value of f, and the function that multiplies a vector into its Jacobian from the left.

    Parameters
    ----------
    f : callable
    *args : array_like or Tensor
        All are differentiated.

    Returns
    -------
    value : ndarray or Tensor
    pullback : callable
        ``pullback(u)`` for u of the shape of the value returns a tuple with one entry for each argument.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> import numpy as np
    >>> value, pullback = ag.vjp(lambda x, y: x * y, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> pullback(np.array([1.0, 10.0]))
    (array([ 3., 40.]), array([ 1., 20.]))
    """
    evaluated = _evaluate(f, args, range(len(args)), {})

    def pullback(u: Any) -> tuple[Any, ...]:
        return tuple(evaluated.adjoints(evaluated.output._seed(u)))

    return evaluated.result(evaluated.output), pullback


def jvp(f: Callable[..., Any], args: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """The value of f, and its derivative in the direction of the tangents (forward mode).

    Parameters
    ----------
    f : callable
    args, tangents : sequence of array_like or Tensor
        Of the same length and shapes.

    Returns
    -------
    value, tangent : ndarray or Tensor
        Of the same shape.

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
    args, tangents = _paired("tangents", args, tangents)
    evaluated = _evaluate(f, args, range(len(args)), {})
    differentiable = evaluated.differentiable or any(isinstance(t, Tensor) for t in tangents)
    evaluated = evaluated._replace(differentiable=differentiable)
    push = _pushforward(evaluated)
    return evaluated.result(evaluated.output), push(tangents)


def _paired(what: str, args: Any, vectors: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    if not isinstance(args, (list, tuple)) or not isinstance(vectors, (list, tuple)):
        raise TypeError(f"the arguments and {what} are tuples with one entry for each argument, as in (x,), (v,)")
    shapes, given = [np.shape(x) for x in args], [np.shape(v) for v in vectors]
    if shapes != given:
        raise ValueError(f"{what} have the shapes of the arguments, {shapes}, not {given}")
    return tuple(args), tuple(vectors)


def _pushforward(evaluated: _Evaluated) -> Callable[[Sequence[Any]], Any]:
    """The derivative in a direction, by transposing the sweep: record it as a function of its seed, once,
    and sweep over that recording for each direction."""
    output, variables, differentiable = evaluated
    seed = Tensor(np.zeros(output.shape, floating(output)), requires_grad=True)
    adjoints = _recorded_adjoints(output, variables, seed, evaluate_rules=differentiable)
    with enable_grad():
        joined = TABLE["concatenate"]([g.reshape(-1) for g in adjoints])

    def push(tangents: Sequence[Any]) -> Any:
        with enable_grad():
            direction = TABLE["concatenate"]([as_tensor(t).reshape(-1).astype(joined.dtype) for t in tangents])
        if not joined.requires_grad:
            zeros = np.zeros(output.shape, floating(output))
            return Tensor(zeros) if differentiable else zeros
        if differentiable:
            return _recorded_adjoints(joined, [seed], direction)[0]
        return _adjoints(joined, [seed], direction._array)[0]

    return push


def jacobian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The function that gives all derivatives of all entries of f.

    Costs as many sweeps as the smaller of the two sides has entries: in reverse mode one for each entry of the
    value, in forward mode one for each entry of the arguments.

    Parameters
    ----------
    f : callable
    argnums : int or sequence of int

    Returns
    -------
    callable
        Its result has the shape of f's value followed by that of the argument; a tuple of results if `argnums`
        is a sequence.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> import numpy as np
    >>> ag.jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """

    @wraps(f)
    def derivative(*args: Any, **keywords: Any) -> Any:
        evaluated = _evaluate(f, args, _numbers(argnums), keywords)
        output, variables, differentiable = evaluated
        shapes = [x.shape for x in variables]

        def joined(parts: Sequence[Any], axis: int, x: Tensor) -> Any:
            shape = output.shape + x.shape
            if not parts:
                return as_tensor(np.zeros(shape, x.dtype)) if differentiable else np.zeros(shape, x.dtype)
            whole = TABLE["stack"](parts, axis) if differentiable else np.stack(parts, axis)
            return as_dtype(whole.reshape(shape), x.dtype)

        if output.size <= sum(x.size for x in variables):
            rows = [evaluated.adjoints(unit) for unit in _units([output.shape], floating(output))]
            results = [joined([row[i] for row in rows], 0, x) for i, x in enumerate(variables)]
        else:
            push = _pushforward(evaluated)
            columns = [push(_parted(unit, shapes)) for unit in _units(shapes, np.dtype(float))]
            ends = np.cumsum([0] + [x.size for x in variables])
            results = [joined(columns[ends[i] : ends[i + 1]], -1, x) for i, x in enumerate(variables)]
        return results[0] if isinstance(argnums, int) else tuple(results)

    return derivative


def _units(shapes: Sequence[tuple[int, ...]], dtype: Any) -> Iterator[Array]:
    """The unit vectors; those of a single shape in that shape."""
    n = sum(int(np.prod(shape)) for shape in shapes)
    for i in range(n):
        unit = np.zeros(n, dtype)
        unit[i] = 1
        yield unit.reshape(shapes[0]) if len(shapes) == 1 else unit


def _parted(vector: Array, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    """The parts of a vector in the given shapes."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    return [part.reshape(shape) for part, shape in zip(np.split(vector.ravel(), ends[:-1]), shapes)]


def hessian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The function that gives all second derivatives of f, a function whose value is a single number.

    Parameters
    ----------
    f : callable
    argnums : int or sequence of int

    Returns
    -------
    callable
        Its result has the shape of the argument twice; a tuple of tuples of such blocks if `argnums` is a
        sequence.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> import numpy as np
    >>> ag.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    if isinstance(argnums, int):
        return jacobian(grad(f, argnums), argnums)
    rows = [jacobian(grad(f, i), argnums) for i in argnums]

    @wraps(f)
    def derivative(*args: Any, **keywords: Any) -> Any:
        return tuple(row(*args, **keywords) for row in rows)

    return derivative


def hvp(f: Callable[..., Any], args: Sequence[Any], vectors: Sequence[Any]) -> Any:
    """The Hessian of f times a vector, at the cost of about two gradients and without forming the Hessian.

    Parameters
    ----------
    f : callable
        Its value is a single number.
    args, vectors : sequence of array_like or Tensor
        Of the same length and shapes.

    Returns
    -------
    ndarray or Tensor, or a tuple of them
        One for each argument; without a tuple around it if there is only one.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> import numpy as np
    >>> ag.hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    array([ 6., 12.])
    """
    args, vectors = _paired("vectors", args, vectors)
    every = tuple(range(len(args)))

    def slope(*variables: Any) -> Any:
        gradient = grad(f, every)(*variables)
        return sum((g * v).sum() for g, v in zip(gradient, vectors))

    results = grad(slope, every)(*args)
    return results[0] if len(results) == 1 else results


def floating(x: Tensor) -> Any:
    """The dtype of the adjoint of x."""
    if x.dtype.kind == "c":
        raise TypeError(
            f"the derivative of a complex result ({x.describe()}) is not defined here; take np.real, np.imag or np.abs of it"
        )
    return x.dtype if x.dtype.kind in "fc" else np.dtype(float)
