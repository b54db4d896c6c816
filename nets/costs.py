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


# The two entropies, entry by entry. Where rounding has made an output exactly 0 or 1, the nearest number in between
# stands for it: cost and derivative are finite, and the derivative points the right way. Outside, log gives NaN.


def nonzero(a: Any) -> Any:
    return np.where(np.equal(a, 0), np.finfo(a.dtype).tiny, a)


def complement(a: Any) -> Any:
    """1 − a, which is not 0."""
    return np.where(np.equal(a, 1), np.finfo(a.dtype).epsneg, 1 - a)


cross_entropy = ag.elementwise(
    "cross_entropy",
    lambda a, y: -(y * np.log(nonzero(a)) + (1 - y) * np.log(complement(a))),
    lambda a, y: (a - y) / (nonzero(a) * complement(a)),
    lambda a, y: np.log(complement(a)) - np.log(nonzero(a)),
    labels=("({0} − {1})/({0}(1 − {0}))", "log((1 − {0})/{0})"),
)
log_likelihood = ag.elementwise(
    "log_likelihood",
    lambda a, y: -y * np.log(nonzero(a)),
    lambda a, y: -y / nonzero(a),
    lambda a, y: -np.log(nonzero(a)),
    labels=("−{1}/{0}", "−log {0}"),
)


def cross_entropy_cost(a: Tensor, y: npt.ArrayLike | Tensor) -> Tensor:
    """C = −Σ y log a + (1 − y) log(1 − a), over output units and batch: for sigmoid outputs.

    With sigmoid outputs ∂C/∂z = a − y: unlike the quadratic cost it learns fast from outputs that are badly wrong
    (Nielsen, ch. 3, Eq 57).

    Parameters
    ----------
    a : Tensor, shape (n, batch)
        The outputs of the network, from 0 to 1. One that rounding has made exactly 0 or 1 counts as the nearest
        number in between, so that cost and derivative stay finite. Close to 0 and 1 the derivative is as inexact
        as a itself: the 1 − a that it is divided by has few digits left.
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


def refuse_outside(entropy: Any, a: Tensor) -> None:
    """Refuse outputs that are no probabilities."""
    outside = (a.data < 0) | (a.data > 1)
    try:
        if not outside.any():
            return
    except ag.NotReplayable:  # in a compiled step no decision depends on a value; there, log gives NaN
        return
    raise ValueError(
        f"{entropy.__name__}_cost takes outputs between 0 and 1, but {a.describe()} holds {a.data[outside][0]}; "
        "end the network with Sigmoid or Softmax, or use quadratic_cost"
    )


def summed(entropy: Any, a: Tensor, y: npt.ArrayLike | Tensor) -> Tensor:
    y = as_targets(y, a)
    refuse_outside(entropy, a)
    with ag.name_scope("cost"):
        C: Tensor = np.sum(entropy(a, y))
    C.name = "C"
    return C
