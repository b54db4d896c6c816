"""Cost functions: one number, summed over the outputs and over the batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor
from nets.inputs import as_targets


def quadratic_cost(a: Tensor, y: npt.ArrayLike | Tensor) -> Tensor:
    """C = ½ Σ (y − a)², over output units and batch (Eq A).

    Parameters
    ----------
    a : Tensor, shape (n, batch)
        The outputs of the network.
    y : array_like or Tensor, shape (n, batch)
        The targets; converted to the dtype of a.

    Returns
    -------
    Tensor of a single number
        ∂C/∂a is δ = a − y (Eq 4.2).

    Raises
    ------
    ValueError
        If y is not of the shape of a.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> from nets import quadratic_cost
    >>> a = ag.Tensor([[0.5, 1.0]], requires_grad=True)
    >>> quadratic_cost(a, [[0.0, 1.0]]).item()
    0.125
    """
    y = as_targets(y, a)
    C: Tensor = ag.half_squared_distance(a, y)
    C.name = "C"
    C.scope = (*C.scope, "cost")
    return C


def floors(a: Any) -> tuple[Any, Any]:
    """The least value of a and of 1 − a to divide by: what the dtype can still tell from 0 and from 1."""
    limits = np.finfo(a.dtype)
    return limits.tiny, limits.dtype.type(limits.eps / 2)


def cross_entropy_forward(a: Any, y: Any) -> Any:
    least, least_complement = floors(a)
    return -(y * np.log(np.maximum(a, least)) + (1 - y) * np.log(np.maximum(1 - a, least_complement)))


def cross_entropy_slope(a: Any, y: Any) -> Any:
    least, least_complement = floors(a)
    return (a - y) / (np.maximum(a, least) * np.maximum(1 - a, least_complement))


cross_entropy = ag.elementwise(
    "cross_entropy",
    cross_entropy_forward,
    cross_entropy_slope,
    lambda a, y: np.log(np.maximum(1 - a, floors(a)[1])) - np.log(np.maximum(a, floors(a)[0])),
    labels=("({0} − {1})/({0}(1 − {0}))", "log((1 − {0})/{0})"),
)
log_likelihood = ag.elementwise(
    "log_likelihood",
    lambda a, y: -y * np.log(np.maximum(a, floors(a)[0])),
    lambda a, y: -y / np.maximum(a, floors(a)[0]),
    lambda a, y: -np.log(np.maximum(a, floors(a)[0])),
    labels=("−{1}/{0}", "−log {0}"),
)


def cross_entropy_cost(a: Tensor, y: npt.ArrayLike | Tensor) -> Tensor:
    """C = −Σ y log a + (1 − y) log(1 − a), over output units and batch: for sigmoid outputs.

    With sigmoid outputs ∂C/∂z = a − y: unlike the quadratic cost it learns fast from outputs that are badly wrong
    (Nielsen, ch. 3, Eq 57).

    Parameters
    ----------
    a : Tensor, shape (n, batch)
        The outputs of the network, from 0 to 1. Where rounding has made one exactly 0 or 1, the cost and its
        derivative are those of the nearest number in between: finite, and pointing the right way.
    y : array_like or Tensor, shape (n, batch)
        The targets; converted to the dtype of a.

    Returns
    -------
    Tensor of a single number

    Raises
    ------
    ValueError
        If y is not of the shape of a, or an output is not between 0 and 1.

    See Also
    --------
    log_likelihood_cost : the one for softmax outputs.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> from nets import cross_entropy_cost
    >>> round(cross_entropy_cost(ag.Tensor([[0.5, 1.0]]), [[0.0, 1.0]]).item(), 6)
    0.693147
    """
    return summed(cross_entropy, a, y)


def log_likelihood_cost(a: Tensor, y: npt.ArrayLike | Tensor) -> Tensor:
    """C = −Σ y log a, over output units and batch: for softmax outputs.

    With softmax outputs ∂C/∂z = a − y where each column of y sums to 1 (Nielsen, ch. 3, Eq 80).

    Parameters, errors and result are those of `cross_entropy_cost`.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> from nets import log_likelihood_cost
    >>> round(log_likelihood_cost(ag.Tensor([[0.25], [0.75]]), [[1.0], [0.0]]).item(), 6)
    1.386294
    """
    return summed(log_likelihood, a, y)


def summed(entropy: Any, a: Tensor, y: npt.ArrayLike | Tensor) -> Tensor:
    y = as_targets(y, a)
    outside = (a.data < 0) | (a.data > 1)
    if outside.any():
        raise ValueError(
            f"{entropy.__name__}_cost takes outputs between 0 and 1, but {a.describe()} holds {a.data[outside][0]}; "
            "end the network with Sigmoid or Softmax, or use quadratic_cost"
        )
    with ag.name_scope("cost"):
        C: Tensor = np.sum(entropy(a, y))
    C.name = "C"
    return C
