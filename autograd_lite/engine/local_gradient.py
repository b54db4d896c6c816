"""What a node stores about each operand: the derivative of one single step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    from autograd_lite.engine.tensor import Tensor


class LocalGradient:
    """The derivative of one operation with respect to one of its operands, in compact form.

    It is a linear map from the adjoint of the result to a part of the adjoint of the operand. Kept is
    only what the map needs: the factor of an elementwise product, the other factor of a matrix
    product, a permutation of axes, an index; never a dense Jacobian, unless `jacobian` is called.

    Attributes
    ----------
    output, parent : Tensor
        The result, and the operand that the derivative is with respect to.
    index : int
        The place of the parent among the operands.
    value : Any
        The compact form, as it was stored when the operation was recorded.
    label : str
        The derivative in symbols. A factor stands for itself: ``σ'(z2)`` is multiplied into the adjoint entry by entry,
        ``(a1)ᵀ`` as a matrix. A map that is more than one factor has a dot in the place of the adjoint,
        ``−(B)ᵀ · (B)ᵀ``, or is a function to apply, ``Σ_axis1``.
    map : str
        The same with the dot always there, ``· (a1)ᵀ``: evaluated with an adjoint in its place it is what `pull` gives.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> x = ag.Tensor([1.0, 2.0], requires_grad=True, name="x")
    >>> [gradient] = (x * [3.0, 4.0]).local_gradients
    >>> gradient.value
    array([3., 4.])
    >>> gradient.jacobian()
    array([[3., 0.],
           [0., 4.]])
    """

    __slots__ = ("output", "parent", "value", "index")
    write: ClassVar[Callable[..., str]]  # set by autograd_lite/__init__.py, as the engine does not import `writing`

    def __init__(self, output: Tensor, index: int) -> None:
        self.output = output
        self.parent: Tensor = output._operands[index]
        self.value = output._stored[index]
        self.index = index

    @property
    def label(self) -> str:
        return self.write("plain_label")

    @property
    def map(self) -> str:
        return self.write("whole_map")

    def pull(self, adjoint: Any) -> Any:
        """Multiply the adjoint of the output into this local gradient.

        Parameters
        ----------
        adjoint : ndarray or Tensor, shape of the output

        Returns
        -------
        ndarray or Tensor, shape of the parent
        """
        pull = self.output._operation.edge(self.index).pull
        return pull(adjoint, self.value, self.parent, self.output)

    def jacobian(self) -> np.ndarray[Any, Any]:
        """The dense matrix of the map.

        Returns
        -------
        ndarray, shape ``output.shape + parent.shape``
            Entry ``[i, j]`` is the derivative of entry ``i`` of the output with respect to entry ``j``
            of the parent; ``i`` and ``j`` are multi-indices.
        """
        output, parent = self.output, self.parent
        rows = np.zeros((output.size, *parent.shape), dtype=np.result_type(output.dtype, parent.dtype))
        unit = np.zeros(output.shape, dtype=output.dtype)
        for i, where in enumerate(np.ndindex(output.shape)):
            unit[where] = 1
            rows[i] = self.pull(unit)
            unit[where] = 0
        return rows.reshape(output.shape + parent.shape)

    def __repr__(self) -> str:
        names = [x.name or "·" for x in (self.output, self.parent)]
        return f"LocalGradient(∂{names[0]}/∂{names[1]} = {self.label})"
