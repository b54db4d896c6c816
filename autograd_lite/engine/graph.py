"""The graph that was recorded, as the other rooms see it: what computed a Tensor, and one walk over its history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from autograd_lite.engine.tensor import Tensor

if TYPE_CHECKING:
    from autograd_lite.engine.operation import Operation


class Record(NamedTuple):
    """How a Tensor was computed.

    Attributes
    ----------
    operation : Operation
        The row of the table.
    operands : tuple
        Tensors, arrays and numbers.
    values : tuple
        The local gradient with respect to each operand, in compact form; None where none is needed.
    settings : dict
        What the operation gets besides its operands, such as the axis.
    """

    operation: Operation
    operands: tuple[Any, ...]
    values: tuple[Any, ...]
    settings: dict[str, Any]


def record_of(t: Tensor) -> Record:
    """How `t`, which is not a leaf, was computed."""
    return Record(t._operation, t._operands, t._stored, t._settings)


def history(output: Tensor, oldest: int = 0, *, constants: bool = True) -> list[Tensor]:
    """`output` and the Tensors that it was computed from, oldest first.

    Parameters
    ----------
    output : Tensor
    oldest : int
        The number of the first Tensor that is of interest.
    constants : bool
        Whether to go on to operands that no derivative is taken of.
    """
    found, stack = {output}, [output]
    while stack:
        for x, _, value in stack.pop()._arrows():
            if (value is not None or constants and isinstance(x, Tensor)) and x not in found and x._order >= oldest:
                found.add(x)
                stack.append(x)
    return sorted(found, key=birth)


def birth(t: Tensor) -> int:
    """The number of the creation of `t`, which is larger than those of all that it was computed from."""
    return t._order


def between(output: Tensor, inputs: Sequence[Tensor]) -> set[Tensor]:
    """The Tensors on paths from `output` to `inputs`: the sweep needs no others."""
    needed = set(inputs)
    for node in history(output, min(map(birth, inputs), default=0), constants=False):
        if any(value is not None and x in needed for x, _, value in node._arrows()):
            needed.add(node)
    return needed
