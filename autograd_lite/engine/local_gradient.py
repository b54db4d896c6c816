"""What a node stores about each operand: the derivative of one single step."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from autograd_lite.engine.tensor import Tensor


SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
SMALL = 8
"""The size up to which an array among the settings of an operation is written out; a larger one has a name."""


def settings(t: Tensor, name: Callable[[Any], str], index: int | None = None) -> str:
    """What an operation was told besides its operands, ``[0, 1:]`` or ``[1, axis=0]``; of `t`, or for one operand.

    Two local gradients that are different maps are written in different symbols only with them.
    """
    if t._operation.variadic and index is not None and "axis" in t._static:  # where the operand lies in a concatenation
        return written([*t._values[index]], name)
    told = []
    for setting, value in t._static.items():
        if setting == "subscripts" and t._operation.variadic:
            told.append(f"{','.join(value[0])}→{value[1]}")
        elif setting in ("key", "args", "axes") and isinstance(value, tuple):
            if setting != "axes" or value != tuple(range(t.ndim))[::-1]:
                told += [written(x, name) for x in value] or ["()"] * (setting == "key")
        elif setting in ("key", "where"):
            told.append(written(value, name))
        elif setting == "keywords" and isinstance(value, dict):
            told += [f"{keyword}={written(x, name)}" for keyword, x in value.items()]
        elif setting == "axis" and value is not None and np.ndim(t._operands[0]) > 1 or setting not in IMPLIED:
            told.append(f"{setting}={written(value, name)}")
    return f"[{', '.join(told)}]" if told else ""


IMPLIED = ("axis", "keepdims", "shape")
"""Settings that the shapes tell, unless there are several axes."""


def written(x: Any, name: Callable[[Any], str]) -> str:
    """A setting as one would type it, though with a real minus; `name` is asked for that of a large array."""
    if isinstance(x, slice):
        ends = [x.start, x.stop] if x.step is None else [x.start, x.stop, x.step]
        return ":".join("" if end is None else written(end, name) for end in ends)
    if isinstance(x, np.ndarray):
        return written(x.tolist(), name) if x.size <= SMALL else name(x)
    if isinstance(x, (list, tuple)):
        items = ", ".join(written(item, name) for item in x)
        return f"[{items}]" if isinstance(x, list) else f"({items}{',' * (len(x) == 1)})"
    if x is Ellipsis:
        return "…"
    if x is None or isinstance(x, (bool, int, float, np.generic)):
        return str(x).replace("-", "−")
    if isinstance(x, str) and re.fullmatch(r"\w+", x, re.ASCII):
        return x
    return str(getattr(x, "__name__", type(x).__name__))


def plain_name(x: Any) -> str:
    """How an operand is called in a label when nobody gives it a better name."""
    name = getattr(x, "name", None)
    if name:
        return str(name)
    array = np.asarray(getattr(x, "data", x))
    if array.ndim == 0 and not getattr(x, "requires_grad", False):
        return f"{array[()]:.6g}" if array.dtype.kind in "fiu" else str(array[()])
    return "·"


class LocalGradient:
    """The derivative of one operation with respect to one of its operands, in compact form.

    It is a linear map from the adjoint of the result to a part of the adjoint of the operand. Kept is
    only what the map needs: the factor of an elementwise product, the other factor of a matrix
    product, a permutation of axes, an index; never a dense Jacobian, unless `jacobian` is called.

    Attributes
    ----------
    output, parent : Tensor
        The result, and the operand that the derivative is with respect to.
    value : Any
        The compact form, as it was stored when the operation was recorded.
    label : str
        The derivative in symbols, such as ``σ'(z2)`` or ``(a1)ᵀ``.

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

    __slots__ = ("output", "parent", "value", "_index")

    def __init__(self, output: Tensor, index: int) -> None:
        self.output = output
        self.parent: Tensor = output._operands[index]
        self.value = output._values[index]
        self._index = index

    @property
    def label(self) -> str:
        return self.label_with(plain_name)

    def label_with(self, name: Callable[[Any], str], template: str | None = None) -> str:
        """The label, or another `template`, with `name` deciding how the operands are called."""
        output, index = self.output, self._index
        operation, operands = output._operation, output._operands
        label = template or operation.edge(index).label
        if sum(x is self.parent for x in operands) > 1:  # ∂f(x, x)/∂x could be either
            label = re.sub(r"^∂(.*)/∂\{[0-9]+\}$", rf"∂{str(index + 1).translate(SUBSCRIPTS)}\1", label)
        if operation.variadic and not template:  # {0} is the operand in question
            operands = operands[index : index + 1]
        return label.format(
            *map(name, operands),
            out=name(output),
            at=settings(output, name, index),
            n=self.parent.size // max(output.size, 1),
        )

    def pull(self, adjoint: Any) -> Any:
        """Multiply the adjoint of the output into this local gradient.

        Parameters
        ----------
        adjoint : ndarray or Tensor, shape of the output

        Returns
        -------
        ndarray or Tensor, shape of the parent
        """
        pulls = self.output._operation.pulls
        pull = next(f for i, f in enumerate(pulls) if i == self._index)
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
        return f"LocalGradient(∂{plain_name(self.output)}/∂{plain_name(self.parent)} = {self.label})"
