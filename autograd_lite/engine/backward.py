"""Backpropagation: one visit to every node, newest first.

An arrow of the graph points from a Tensor to an operand that it was computed from, and carries a local
gradient. The *adjoint* of a Tensor is the derivative of the output with respect to it: the sum, over all
paths from the output, of the products of the local gradients along the path. Paths are exponentially
many, but a Tensor has only one adjoint, so the sweep is a dynamic program. A Tensor is created after
everything that it depends on; hence, in reverse order of creation, each adjoint is complete when its turn
comes. It is then multiplied into the local gradients of its node, once per arrow, and dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from heapq import heappop, heappush, heappushpop
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite.engine import debugging, recording

if TYPE_CHECKING:
    from autograd_lite.engine.tensor import Tensor


def sweep(
    output: Tensor,
    seed: Any,
    *,
    keep: Collection[Tensor] = (),
    only: Collection[Tensor] | None = None,
    recorded: bool = False,
    evaluate_rules: bool = False,
) -> tuple[dict[Tensor, Any], set[Tensor]]:
    """Propagate the adjoint of `output` to everything that it was computed from.

    Parameters
    ----------
    output : Tensor
    seed : ndarray or Tensor, shape of `output`
        Its adjoint.
    keep : collection of Tensor
        Intermediate Tensors whose adjoints are wanted too.
    only : collection of Tensor, optional
        The only Tensors worth visiting.
    recorded : bool
        Whether the adjoints are Tensors, so that the sweep is recorded as a function of its seed.
    evaluate_rules : bool
        Whether the local gradients are not those stored, but computed once more from the operands as Tensors,
        so that the sweep is recorded as a function of them too.

    Returns
    -------
    adjoints : dict by Tensor
        The adjoints of the leaves, and of the Tensors to `keep`.
    ours : set of Tensor
        Those whose adjoint lies in memory that was allocated here and that nothing else refers to.

    Raises
    ------
    RuntimeError
        If the data of an operand was replaced after the graph was recorded.
    """
    adjoints: dict[Tensor, Any] = {output: seed}
    ours: set[Tensor] = set()
    last_change = recording.last_change
    arrows_of: Callable[[Any], Iterator[Any]] | None = evaluate_again if evaluate_rules else None
    if debugging.used:
        arrows_of = debugging.watch(arrows_of)
    # The Tensors whose adjoint waits to be passed on: the newest of them, and a heap of the others. In a chain
    # there are no others; leaving the heap alone then saves a tenth of the sweep's time.
    newest: Tensor | None = None if output._operation is None else output
    others: list[tuple[int, Tensor]] = []
    while newest is not None:
        out, newest = newest, None
        u = adjoints.pop(out)
        if u.dtype is not out._array.dtype:
            u = as_dtype(u, out._array.dtype)
        if out in keep:
            adjoints[out] = u
        if out._order < last_change:  # younger nodes cannot have been invalidated
            check_unchanged(out)
        operation = out._operation
        arrows = operation.arrows(out, operation.pulls) if arrows_of is None else arrows_of(out)
        for x, pull, value in arrows:
            if value is None or (only is not None and x not in only):
                continue
            g = pull(u, value, x, out)
            known = adjoints.get(x)
            if known is None:
                adjoints[x] = g
                if x._operation is not None:
                    if newest is None:
                        newest = x
                    elif newest._order < x._order:
                        heappush(others, (-newest._order, newest))  # negative, since heapq pops the smallest
                        newest = x
                    else:
                        heappush(others, (-x._order, x))
                # a leaf's first share may be added to; a result's adjoint is handed on to its operands, who may hold it
                elif not recorded and g is not u and g.base is None and operation.fresh:
                    ours.add(x)
            elif x in ours and g.dtype is known.dtype:
                adjoints[x] = np.add(known, g, out=known) if known.ndim else known + g
            else:
                adjoints[x] = known + g
                if not recorded:
                    ours.add(x)
        if others:
            newest = (heappop(others) if newest is None else heappushpop(others, (-newest._order, newest)))[1]
    return adjoints, ours


def evaluate_again(out: Tensor) -> Iterator[tuple[Any, Any, Any]]:
    """The arrows of `out`, with local gradients computed from its operands as Tensors where one is stored."""
    operands = out._operands
    rules = out._operation.rules_for(len(operands))
    for (x, pull, value), rule in zip(out._arrows(), rules):
        yield x, pull, None if value is None else rule(*operands, out, **out._settings)


def as_dtype(u: Any, dtype: np.dtype[Any]) -> Any:
    """`u` in the dtype of the Tensor that it is the adjoint of.

    The adjoint of a real Tensor is real: the imaginary part that a complex constant further on has
    brought in belongs to a direction that the Tensor cannot move in.
    """
    if u.dtype.kind == "c" and dtype.kind != "c":
        u = np.real(u)
    return u if u.dtype == dtype else u.astype(dtype)


def make_own(u: Any, x: Tensor, ours: Collection[Tensor]) -> np.ndarray[Any, Any]:
    """The adjoint `u` of `x` as an array of its dtype that shares memory with nothing."""
    if u.dtype is not x._array.dtype:
        u = as_dtype(u, x._array.dtype)
    if isinstance(u, np.generic):
        return np.asarray(u)
    return u if x in ours else u.copy()


def check_unchanged(out: Tensor) -> None:
    """Refuse to backpropagate through `out` if the data of one of its operands was replaced since."""
    for i, x in enumerate(out._operands):
        if getattr(x, "_changed", 0) > out._order:
            raise RuntimeError(
                f"cannot backpropagate through '{out.op}': the data of its operand {i} "
                f"({x.describe()}) was replaced after the graph was recorded, so the stored local "
                "gradients no longer belong to it. Run the forward computation again after updating "
                "a parameter, or call backward() before the update."
            )
