"""The table of operations that networks spend their time in, each one node where NumPy takes several."""

from __future__ import annotations

from typing import Any, overload

import numpy as np
import numpy.typing as npt

from autograd_lite.engine.operation import LEFT, RIGHT, Edge, general_operation, implement_with, sum_to
from autograd_lite.engine.tensor import ONES, Operand, Tensor
from autograd_lite.table.elementwise import sigmoid
from autograd_lite.table.linear_algebra import matmul, pull_left, pull_right
from autograd_lite.table.reductions import softmax


class NotOneLayer(Exception):
    """The operands are not matrices, or the bias does not broadcast to w a."""


def linear_forward(w: Any, a: Any, b: Any) -> Any:
    if not type(w) is type(a) is np.ndarray or w.ndim != 2 or a.ndim != 2:
        raise NotOneLayer
    try:
        z = w.dot(a)
    except ValueError:
        raise ValueError(f"w of shape {w.shape} has a column, and a of shape {a.shape} a row, for each input") from None
    if type(b) is np.ndarray and b.size > 1 and (b.ndim == 1 or b.ndim == 2 and b.shape[0] == 1 < len(w)):
        column = "b.T" if b.ndim == 2 else "b[:, None]"
        raise ValueError(f"b of shape {b.shape} would be added along the batch; of shape ({b.size}, 1), {column}, it is a bias")
    if type(b) is np.ndarray and b.dtype is z.dtype:
        try:
            return np.add(z, b, z)
        except ValueError:
            raise NotOneLayer from None
    total = z + b
    if total.shape != z.shape:
        raise NotOneLayer
    return total


_linear = general_operation(
    "linear",
    linear_forward,
    Edge(lambda w, a, b, z: a, pull_left, "({1})ᵀ", LEFT),
    Edge(lambda w, a, b, z: w, pull_right, "({0})ᵀ", RIGHT),
    Edge(lambda w, a, b, z: 1, lambda u, d, b, z: sum_to(u, b._array.shape), "1"),
    keywords=False,
    written="{0} {1} + {2}",
    samples=1,
)


@overload
def linear(w: Tensor, a: Operand, b: Operand | None = None) -> Tensor: ...
@overload
def linear(w: npt.ArrayLike, a: Operand, b: Operand | None = None) -> Any: ...


def linear(w: Operand, a: Operand, b: Operand | None = None) -> Any:
    """The weighted input of a layer, z = w a + b, as one node.

    Parameters
    ----------
    w : Tensor or array_like, shape (n, m)
    a : Tensor or array_like, shape (m, batch)
    b : Tensor or array_like, shape (n, 1), optional

    Returns
    -------
    Tensor, shape (n, batch)

    Examples
    --------
    >>> import autograd_lite as ag
    >>> w = ag.Tensor([[1.0, 2.0]], requires_grad=True, name="w")
    >>> a = ag.Tensor([[3.0], [4.0]], name="a")
    >>> z = ag.linear(w, a, [[0.5]])
    >>> z
    Tensor([[11.5]], op='linear')
    >>> z.local_gradients[0].label
    '(a)ᵀ'
    """
    if b is None:
        return matmul(w, a)
    try:
        return _linear(w, a, b)
    except NotOneLayer:
        return matmul(w, a) + b


def half_squared_distance_together(a: Any, y: Any) -> tuple[Any, Any]:
    """½ Σ v² and its derivative v = a − y."""
    v = np.subtract(a, y)
    if v.shape != getattr(a, "shape", ()) and v.shape != getattr(y, "shape", ()):
        raise ValueError(
            f"half of the squared distance is that of two arrays of one shape; between {np.shape(a)} and {np.shape(y)} it would be "
            "that of every entry from every other: reshape one of them"
        )
    if v.dtype.kind != "f":
        if v.dtype.kind == "c":
            raise TypeError("half of the squared distance is that of real numbers; write 0.5 * np.sum(np.abs(a - y) ** 2)")
        v = np.subtract(a, y, dtype=float)  # integers, whose difference and squares may be too large for them
    entries = v.ravel()
    return entries.dot(entries) / 2, v


def times_difference(u: Any, v: Any, x: Any, out: Any) -> Any:
    # it is the constant 1 if the sweep starts from this very cost: then there is nothing to multiply
    if u is not ONES.get(u.dtype.char):
        v = u * v
    return sum_to(v, x._array.shape)


@overload
def half_squared_distance(a: Tensor, y: Operand, /) -> Tensor: ...
@overload
def half_squared_distance(a: npt.ArrayLike, y: Operand, /) -> Any: ...


@implement_with(general_operation(
    "half_squared_distance",
    lambda a, y: half_squared_distance_together(a, y)[0],
    Edge(lambda a, y, _: a - y, times_difference, "({0} − {1})"),
    Edge(lambda a, y, _: y - a, times_difference, "({1} − {0})"),
    fresh=False,
    together=half_squared_distance_together,
    keywords=False,
    written="½ ‖{0} − {1}‖²",
))
def half_squared_distance(a: Operand, y: Operand, /) -> Any:
    """½ Σ (a − y)² over all entries: the quadratic cost of the chapter (Eq A), as one node.

    Parameters
    ----------
    a, y : Tensor or array_like
        Of shapes of which one broadcasts to the other.

    Returns
    -------
    Tensor of a single number
        Its derivative with respect to a is a − y (Eq 4.2).

    Raises
    ------
    ValueError
        For a column and a row, which would broadcast to a matrix of every entry against every other.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> ag.half_squared_distance(ag.Tensor([1.0, 2.0]), [0.0, 0.0])
    Tensor(2.5)
    """


# Cross entropies of weighted inputs, not of activations: no logarithm of an output that rounding has made 0 or 1, and
# the derivative of the activation cancels, which leaves the plain difference.


def shape_of_both(z: Any, y: Any) -> tuple[int, ...]:
    """The shape of z and y, which is one: targets that broadcast would be counted several times."""
    shape = getattr(z, "shape", ())
    if shape != getattr(y, "shape", ()):
        raise ValueError("weighted inputs and targets have the same shape: classes are written as columns of 0 and 1")
    return shape


def sigmoid_cross_entropy_together(z: Any, y: Any) -> tuple[Any, Any]:
    """Σ log(1 + eᶻ) − y z and its derivative σ(z) − y."""
    shape_of_both(z, y)
    # max(z, 0) − y z + log(1 + e^−|z|): the first two cancel without loss where y is 0 or 1
    entries = np.maximum(z, 0) - y * z + np.log1p(np.exp(-np.abs(z)))
    return np.sum(entries), sigmoid(z) - y


@overload
def sigmoid_cross_entropy(z: Tensor, y: Operand, /) -> Tensor: ...
@overload
def sigmoid_cross_entropy(z: npt.ArrayLike, y: Operand, /) -> Any: ...


@implement_with(general_operation(
    "sigmoid_cross_entropy",
    lambda z, y: sigmoid_cross_entropy_together(z, y)[0],
    Edge(lambda z, y, _: sigmoid(z) - y, times_difference, "(σ({0}) − {1})"),
    Edge(lambda z, y, _: -z, times_difference, "−{0}"),
    fresh=False,
    together=sigmoid_cross_entropy_together,
    keywords=False,
))
def sigmoid_cross_entropy(z: Operand, y: Operand, /) -> Any:
    """−Σ y log σ(z) + (1 − y) log(1 − σ(z)) over all entries, as one node; stable for any z.

    Parameters
    ----------
    z : Tensor or array_like
        Weighted inputs, of any size.
    y : Tensor or array_like, of the same shape
        Targets from 0 to 1.

    Returns
    -------
    Tensor of a single number
        Its derivative with respect to z is σ(z) − y.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> z = ag.Tensor([0.0, -1000.0], requires_grad=True)
    >>> C = ag.sigmoid_cross_entropy(z, [1.0, 1.0])
    >>> round(C.item(), 6)
    1000.693147
    >>> ag.gradients(C, z)
    array([-0.5, -1. ])
    """


def softmax_cross_entropy_together(z: Any, y: Any, axis: int) -> tuple[Any, Any]:
    """Σ log Σ eᶻ − Σ y z and its derivative softmax(z) − y, from the same exponentials; the inner sum is over `axis`."""
    if shape_of_both(z, y) == ():
        raise ValueError("it takes the classes along an axis, not a single number")
    top = np.max(z, axis=axis, keepdims=True)
    below = z - top
    e = np.exp(below)
    # log Σ e as log(1 + the others), which keeps its digits where one class is nearly certain
    largest = below == 0
    others = np.sum(np.where(largest, np.zeros((), e.dtype), e), axis=axis, keepdims=True)
    others = others + (np.sum(largest, axis=axis, dtype=e.dtype, keepdims=True) - 1)
    left_over = top * (1 - np.sum(y, axis=axis, keepdims=True))  # 0 where y sums to 1
    return np.sum(np.log1p(others)) - np.sum(y * below) + np.sum(left_over), e / (1 + others) - y


_softmax_cross_entropy = general_operation(
    "softmax_cross_entropy",
    lambda z, y, axis: softmax_cross_entropy_together(z, y, axis)[0],
    Edge(lambda z, y, _, axis: softmax(z, axis=axis) - y, times_difference, "(softmax{at}({0}) − {1})"),
    Edge(lambda z, y, _, axis: -z, times_difference, "−{0}"),
    fresh=False,
    together=softmax_cross_entropy_together,
)


@overload
def softmax_cross_entropy(z: Tensor, y: Operand, axis: int = 0) -> Tensor: ...
@overload
def softmax_cross_entropy(z: npt.ArrayLike, y: Operand, axis: int = 0) -> Any: ...


def softmax_cross_entropy(z: Operand, y: Operand, axis: int = 0) -> Any:
    """Σ (log Σ eᶻ) − Σ y z, as one node; stable for any z. The sum inside of the logarithm is over the classes.

    Where y sums to 1 over the classes this is −Σ y log p, with p = softmax(z): the cross entropy.

    Parameters
    ----------
    z : Tensor or array_like, shape (classes, ...)
        Weighted inputs, of any size.
    y : Tensor or array_like, of the same shape
        A probability for each class, such as a 1 for the right one and 0 for the others.
    axis : int
        That of the classes, the first by default.

    Returns
    -------
    Tensor of a single number
        Its derivative with respect to z is p − y.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> z = ag.Tensor([[1000.0], [1000.0]], requires_grad=True)
    >>> C = ag.softmax_cross_entropy(z, [[0.0], [1.0]])
    >>> round(C.item(), 6)
    0.693147
    >>> ag.gradients(C, z).tolist()
    [[0.5], [-0.5]]
    """
    return _softmax_cross_entropy(z, y, axis=axis)
