"""The table of operations that networks spend their time in, each one node where NumPy takes several."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.engine.operation import LEFT, RIGHT, Edge, general_operation, sum_to
from autograd_lite.table.linear_algebra import matmul, pull_left, pull_right
from autograd_lite.engine.tensor import ARRAYS, ONES


class NotOneLayer(Exception):
    """The operands are not matrices, or the bias does not broadcast to w a."""


def linear_forward(w: Any, a: Any, b: Any) -> Any:
    if type(w) is not type(a) or type(w) not in ARRAYS or w.ndim != 2 or a.ndim != 2:
        raise NotOneLayer
    z = w.dot(a)
    if type(b) in ARRAYS and b.dtype is z.dtype:
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
    Edge(lambda w, a, b, z: 1, lambda u, d, b, z: sum_to(u, b._data.shape), "1"),
    keywords=False,
    written="{0} {1} + {2}",
    samples=1,
)


def linear(w: Any, a: Any, b: Any = None) -> Any:
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
    if v.dtype.kind in "iu":  # whose difference and squares may be too large for them
        v = np.subtract(a, y, dtype=float)
    entries = v.ravel()
    return entries.dot(entries) / 2, v


def times_difference(u: Any, v: Any, x: Any, out: Any) -> Any:
    if u is not ONES[u.dtype.char]:  # else the cost is what is differentiated
        v = u * v
    return sum_to(v, x._data.shape)


half_squared_distance = general_operation(
    "half_squared_distance",
    lambda a, y: half_squared_distance_together(a, y)[0],
    Edge(lambda a, y, _: a - y, times_difference, "({0} − {1})"),
    Edge(lambda a, y, _: y - a, times_difference, "({1} − {0})"),
    fresh=False,
    together=half_squared_distance_together,
    keywords=False,
    written="½ ‖{0} − {1}‖²",
    doc="""½ Σ (a − y)² over all entries: the quadratic cost of the chapter (Eq A), as one node.

    Parameters
    ----------
    a, y : Tensor or array_like
        Of shapes that broadcast.

    Returns
    -------
    Tensor of a single number
        Its derivative with respect to a is a − y (Eq 4.2).

    Examples
    --------
    >>> import autograd_lite as ag
    >>> ag.half_squared_distance(ag.Tensor([1.0, 2.0]), [0.0, 0.0])
    Tensor(2.5)
    """,
)
