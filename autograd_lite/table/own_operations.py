"""Operations of your own: rows that a user adds to the table, checked where the engine's own are trusted."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol, overload

import numpy as np
import numpy.typing as npt

from autograd_lite.engine.operation import (
    LINEAR, NO_DERIVATIVE, PLAIN, Edge, broadcasts, elementwise_operation, general_operation, register, without_result,
)  # fmt: skip
from autograd_lite.engine.recording import current
from autograd_lite.engine.tensor import TABLE, Operand, Tensor, as_array


class OwnOperation(Protocol):
    """What `elementwise` and `operation` make: of a Tensor among the operands comes a Tensor."""

    @overload
    def __call__(self, x: Tensor, /, *operands: Operand, **keywords: Any) -> Tensor: ...
    @overload
    def __call__(self, x: npt.ArrayLike, /, *operands: Operand, **keywords: Any) -> Any: ...


def elementwise(
    name: str,
    forward: Callable[..., Any],
    *local_gradients: Any,
    numpy: Sequence[Callable[..., Any]] = (),
    labels: Sequence[str] | None = None,
    symbol: str | None = None,
    written: str | None = None,
) -> OwnOperation:
    """Make an operation that acts on each entry by itself, operands broadcasting.

    Parameters
    ----------
    name : str
        What `Tensor.op` and the pictures call it.
    forward : callable
        ``forward(*operands)`` on arrays. If it is a NumPy or SciPy ufunc, calling that with a Tensor applies
        the operation.
    *local_gradients : callable or number
        One for each operand: ``rule(*operands)`` or ``rule(*operands, result)`` gives the derivative of each
        entry of the result with respect to the same entry of the operand. Written in NumPy functions and
        operators it can be differentiated itself; a number is a constant derivative.
    numpy : sequence of callable
        Further NumPy functions that the operation stands for.
    labels : sequence of str, optional
        The local gradients in symbols, with ``{0}``, ``{1}`` for the operands and ``{out}`` for the result.
    symbol : str, optional
        The name in formulas, as in ``σ({0})``.
    written : str, optional
        How the result is written, if not so: ``{0} ⋆ {1}``.

    Returns
    -------
    callable
        Of as many operands as there are local gradients.

    Raises
    ------
    TypeError, ValueError
        When applied, if forward or a rule returns the wrong shape or dtype; the error names the operation.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> cube = ag.elementwise("cube", lambda x: x**3, lambda x: 3 * x**2)
    >>> float(ag.grad(cube)(2.0)), float(ag.grad(ag.grad(cube))(2.0))
    (12.0, 12.0)
    """
    if not local_gradients:
        raise TypeError(f"elementwise({name!r}, ...) needs a local gradient for each operand")
    check_row(name, forward, labels, symbol, written, len(local_gradients))
    for i, rule in enumerate(local_gradients):
        if not callable(rule) and not isinstance(rule, (int, float)):
            raise TypeError(f"the local gradient {i} of '{name}' is neither a function nor a number: {rule!r}")
    functions = functions_for(name, forward, numpy)

    def check_values(rule: Any, i: int) -> Any:
        if not callable(rule):
            return rule
        what, n = f"the local gradient {i} of '{name}'", len(local_gradients)
        with_out = accept_result(what, rule, n, f"{n} operand(s)")

        def local_gradient(*arguments: Any) -> Any:
            value, out = with_out(*map(read_only, arguments)), arguments[-1]
            if type(value) not in PLAIN and not isinstance(value, (Tensor, np.generic)):
                raise TypeError(f"{what} returned {type(value).__name__}, not an array")
            if not broadcasts(np.shape(value), out.shape):
                raise ValueError(
                    f"{what} returned shape {np.shape(value)}, which does not broadcast "
                    f"to the result's {out.shape}; an elementwise rule gives one factor for each entry"
                )
            check_floating(what, value)
            refuse_complex(what, value, arguments)
            return value

        return local_gradient

    def check_forward(*arrays: Any) -> Any:
        out = forward(*map(read_only, arrays))
        if any(np.result_type(a).kind in "fc" for a in arrays):
            check_floating(f"the forward function of '{name}'", out, "fc")
        expected = np.broadcast_shapes(*(np.shape(a) for a in arrays))
        if np.shape(out) != expected:
            raise ValueError(
                f"the forward function of '{name}' returned shape {np.shape(out)} from operands of shape "
                f"{[np.shape(a) for a in arrays]}, not {expected}; use autograd_lite.operation for what is not elementwise"
            )
        return out

    rules = [check_values(rule, i) for i, rule in enumerate(local_gradients)]
    return elementwise_operation(
        name, check_forward, *rules, numpy=functions, labels=labels, symbol=symbol, written=written, own=True
    )


def operation(
    name: str,
    forward: Callable[..., Any],
    *pullbacks: Callable[..., Any] | None,
    numpy: Sequence[Callable[..., Any]] = (),
    labels: Sequence[str] | None = None,
    symbol: str | None = None,
    written: str | None = None,
) -> OwnOperation:
    """Make an operation of any kind, from the transpose of its local gradients.

    Parameters
    ----------
    name : str
    forward : callable
        ``forward(*operands, **keywords)`` on arrays. If it is a NumPy function, calling that with a Tensor
        applies the operation.
    *pullbacks : callable or None
        One for each operand: ``pullback(adjoint, *operands, **keywords)``, or with the result after the operands,
        gives the operand's share of the adjoint of the result, in the shape of the operand. It is linear in
        the adjoint. Written in NumPy functions and operators of its arguments it can be differentiated itself; what `forward`
        has kept somewhere is a constant to it, as ``t.data`` is, and adds nothing to second derivatives. None for an
        operand that no derivative is taken of; a Tensor that requires a gradient is refused there.
    numpy, labels, symbol, written
        As for `elementwise`.

    Returns
    -------
    callable
        Of as many operands as there are pullbacks; keywords are passed on.

    Raises
    ------
    TypeError, ValueError
        In the backward pass, if a pullback returns the wrong shape or dtype; the error names the operation.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> import numpy as np
    >>> cumulative = ag.operation(
    ...     "cumulative", lambda x: np.cumsum(x), lambda u, x: np.flip(np.cumsum(np.flip(u)))
    ... )
    >>> x = ag.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> cumulative(x).backward(np.array([1.0, 1.0, 1.0]))
    >>> x.grad
    array([3., 2., 1.])
    """
    if not pullbacks:
        raise TypeError(f"operation({name!r}, ...) needs a pullback, or None, for each operand")
    check_row(name, forward, labels, symbol, written, len(pullbacks))
    for i, pullback in enumerate(pullbacks):
        if pullback is not None and not callable(pullback):
            raise TypeError(
                f"the pullback {i} of '{name}' is a function of the adjoint and the operands, or None, not {pullback!r}"
            )
    functions = functions_for(name, forward, numpy)

    def edge(pullback: Any, i: int) -> Edge:
        if pullback is None:
            return NO_DERIVATIVE
        what = f"the pullback {i} of '{name}'"
        with_out = accept_result(what, pullback, len(pullbacks) + 1, f"the adjoint and {len(pullbacks)} operand(s)")

        def pull(u: Any, value: Any, x: Any, out: Any) -> Any:
            g = with_out(read_only(u), *map(read_only, value), **out._settings)
            if isinstance(u, Tensor) and u.requires_grad and not (isinstance(g, Tensor) and g.requires_grad):
                raise TypeError(
                    f"{what} has no derivative: for a Tensor it returned {type(g).__name__} "
                    "without history. Write it in NumPy functions and operators to differentiate it again"
                )
            g = as_array(g)
            if g.shape != x.shape:
                raise ValueError(f"{what} returned shape {g.shape}, but its operand has shape {x.shape}")
            check_floating(what, g)
            refuse_complex(what, g, (u, x))
            return g

        def everything(*operands_and_out: Any, **_: Any) -> Any:
            check_floating(f"the forward function of '{name}'", operands_and_out[-1], "fc")
            return operands_and_out

        return Edge(everything, pull, labels[i] if labels else None, LINEAR)

    def forward_of_arrays(*arrays: Any, **keywords: Any) -> Any:
        out = forward(*map(read_only, arrays), **keywords)
        if isinstance(out, (list, tuple)):
            raise TypeError(f"the forward function of '{name}' returned a {type(out).__name__}, not one array: join with np.stack")
        return out

    edges = [edge(pullback, i) for i, pullback in enumerate(pullbacks)]
    # a pullback may return an array that its author keeps: the sweep copies what it hands on
    apply = general_operation(
        name, forward_of_arrays, *edges, symbol=symbol, written=written,
        fresh=False, listed=False,
    )  # fmt: skip

    def function(*operands: Any, **keywords: Any) -> Any:
        if len(operands) != len(pullbacks):
            raise TypeError(f"'{name}' takes {len(pullbacks)} operands, one for each pullback, not {len(operands)}")
        for i, (x, pullback) in enumerate(zip(operands, pullbacks)):
            if pullback is None and isinstance(x, Tensor) and x.requires_grad and current().on:
                raise TypeError(
                    f"'{name}' has no pullback for operand {i}, {x.describe()}: no derivative is taken with respect to it; "
                    "pass t.detach() if it is a constant"
                )
        return apply(*operands, **keywords)

    return register(function, apply.operation, functions, own=True)


def check_row(name: Any, forward: Any, labels: Any, symbol: Any, written: Any, operands: int) -> None:
    if not isinstance(name, str) or not name.strip():
        raise TypeError(f"name is what the operation is called, a string, not {name!r}")
    if not callable(forward):
        raise TypeError(f"forward of '{name}' is a function on arrays, not {forward!r}")
    if labels is not None:
        if not isinstance(labels, (list, tuple)) or not all(isinstance(label, str) for label in labels):
            raise TypeError(f"labels of '{name}' is a list of strings, one for each operand, not {labels!r}")
        if len(labels) != operands:
            raise ValueError(f"labels of '{name}' are {len(labels)}, but it has {operands} operands; give one for each")
    places = {*map(str, range(operands)), "out", "at"}
    for what, notation in (*(("a label", label) for label in labels or ()), ("symbol", symbol), ("written", written)):
        if notation is None:
            continue
        if not isinstance(notation, str) or not notation.strip():
            raise TypeError(f"{what} of '{name}' is a string of what stands in formulas, not {notation!r}")
        unknown = [place for place in re.split(r"\{(\w*)\}", notation)[1::2] if place not in places]
        if unknown or set(re.sub(r"\{\w*\}", "", notation)) & {*"{}"}:
            raise ValueError(
                f"{what} of '{name}' is {notation!r}, where {{0}} stands for the first of its {operands} operand(s) and "
                "{out} for the result; it has no other place in braces"
            )


def accept_result(what: str, rule: Callable[..., Any], arguments: int, given: str) -> Callable[..., Any]:
    """`rule` in the form ``rule(*arguments, out)``, also if it takes no result; parameters with a default are not passed."""
    try:
        parameters = inspect.signature(rule).parameters.values()
    except ValueError:  # of some functions that are written in C
        return without_result(rule)
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = sum(p.default is p.empty for p in positional)
    if needed == arguments + 1 or needed <= arguments and any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return rule
    if not needed <= arguments <= len(positional):
        raise TypeError(f"{what} takes {needed} argument(s), but is called with {given}, and with the result if it takes that too")
    return without_result(rule)


def read_only(x: Any) -> Any:
    """An array as functions of the user's are given it: one that is written to would change the graph."""
    if type(x) is np.ndarray and x.flags.writeable:
        x = x.view()
        x.flags.writeable = False
    return x


def refuse_complex(what: str, value: Any, given: Sequence[Any]) -> None:
    if np.iscomplexobj(value) and not any(map(np.iscomplexobj, given)):
        raise TypeError(f"{what} returned complex numbers where all that it was given is real; write np.real(...) if that is meant")


def check_floating(what: str, value: Any, kinds: str = "fcb") -> None:
    if hasattr(value, "dtype") and value.dtype.kind not in kinds:
        raise TypeError(f"{what} returned dtype {value.dtype}, not a floating one; write 1.0 instead of 1")


def dispatches(function: Any) -> bool:
    """Whether NumPy hands calls of `function` with Tensors to the table."""
    return isinstance(function, np.ufunc) or hasattr(function, "__wrapped__") and "numpy" in str(function.__module__)


def functions_for(name: str, forward: Any, numpy: Sequence[Any]) -> list[Any]:
    """NumPy's and SciPy's functions that call the operation; refused if the engine has a rule for one of them."""
    for function in (forward, *numpy):
        known = TABLE.get(function)
        if known is not None and not getattr(known, "own", False):
            raise ValueError(
                f"'{name}' would replace the rule that autograd_lite has for {function.__name__}; "
                f"wrap it in a function of your own, as in lambda *x: {function.__name__}(*x)"
            )
    return [*numpy, forward] if dispatches(forward) else [*numpy]
