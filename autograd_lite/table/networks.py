"""The table of operations that networks spend their time in, each one node where NumPy takes several."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.operation import Edge, general_operation, sum_to
from autograd_lite.table.linear_algebra import matmul, matmul_forward, pull_left, pull_right


class BiasIsLarger(Exception):
    """The bias does not broadcast to w a, but w a to the bias."""


def linear_forward(w: Any, a: Any, b: Any) -> Any:
    z = matmul_forward(w, a)
    try:
        return np.add(z, b, z, casting="safe")
    except (ValueError, TypeError):
        total = z + b
        if np.shape(total) != np.shape(z):
            raise BiasIsLarger from None
        return total  # b has a wider dtype


_linear = general_operation(
    "linear",
    linear_forward,
    Edge(lambda w, a, b, z: a, pull_left, "({1})ᵀ", "{u} {d}"),
    Edge(lambda w, a, b, z: w, pull_right, "({0})ᵀ", "{d} {u}"),
    Edge(lambda w, a, b, z: 1, lambda u, d, b, z: sum_to(u, b.shape), "1"),
    keywords=False,
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
    except BiasIsLarger:
        return matmul(w, a) + b


def half_squared_distance_forward(a: Any, y: Any) -> Any:
    v = np.subtract(a, y).ravel()
    return v.dot(v) * v.dtype.type(0.5)


half_squared_distance = general_operation(
    "half_squared_distance",
    half_squared_distance_forward,
    Edge(lambda a, y, _: a - y, lambda u, d, x, out: sum_to(u * d, x.shape), "({0} − {1})"),
    Edge(lambda a, y, _: y - a, lambda u, d, x, out: sum_to(u * d, x.shape), "({1} − {0})"),
    keywords=False,
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
