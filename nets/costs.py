"""Cost functions: one number, summed over the outputs and over the batch, or its mean over the batch.

Each states its δ, the derivative with respect to what it is given: Nielsen's δᴸ where that is the weighted input z.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

from .inputs import are_rows, as_targets, transpose


def quadratic_cost(
    a: npt.ArrayLike | Tensor, y: npt.ArrayLike | Tensor, *, reduction: str = "sum", samples: str = "columns"
) -> Tensor:
    """C = ½ Σ (y − a)², over output units and batch (Eq A).

    Parameters
    ----------
    a : Tensor, shape (n, batch)
        The outputs of the network.
    y : array_like or Tensor, shape (n, batch)
        The targets; converted to the dtype of a.
    reduction : 'sum' or 'mean'
        Over the batch.
    samples : 'columns' or 'rows'
        With rows, a and y have shape (batch, n).

    Returns
    -------
    Tensor of a single number
        ∂C/∂a is δ = a − y (Eq 4.2); a mean divides it by the size of the batch.

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
    if type(a) is not Tensor or samples != "columns":
        a, y = in_columns(a, y, samples)
    y = as_targets(y, a, rows=samples == "rows")
    C = ag.half_squared_distance(a, y)
    C.name = "C"
    C.scope += ("cost",)
    return C if reduction == "sum" else reduce(C, a, reduction)


# What the costs have in common ----------------------------------------------------------------------------------


def in_columns(a: Any, y: Any, samples: str) -> tuple[Tensor, Any]:
    """Outputs as a Tensor of floats, and both with columns as samples."""
    a = ag.as_tensor(a)
    if a.dtype.kind != "f":
        a = a.astype(float)
    if are_rows(samples):
        a, y = transpose(a), ag.as_tensor(y, name="y")
        y = transpose(y) if y.ndim == 2 else y
    return a, y


def reduce(C: Tensor, a: Tensor, reduction: str) -> Tensor:
    """The sum C, or its mean over the columns of a."""
    if reduction not in ("sum", "mean"):
        raise ValueError(f"reduction is 'sum' or 'mean', not {reduction!r}")
    if reduction == "mean":
        if a.ndim != 2 or a.shape[1] == 0:
            raise ValueError(f"the mean over a batch needs outputs of shape (n, batch), not {a.shape}")
        C.name = None
        with ag.name_scope("cost"):
            C = C / a.shape[1]
        C.name = "C"
    return C


def checked_cost(
    function: Callable[..., Any], check: Any, a: Any, y: Any, reduction: str, samples: str, labels: bool = False
) -> Tensor:
    """The cost that `function` gives for outputs, or weighted inputs, and targets, after a `check` of both."""
    a, y = in_columns(a, y, samples)
    y = as_targets(y, a, labels, rows=samples == "rows")
    check(a, y)
    with ag.name_scope("cost"):
        C: Tensor = function(a, y)
    C.name = "C"
    return reduce(C, a, reduction)


def check_outputs(name: str, a: Tensor, y: Tensor) -> None:
    """Refuse outputs and targets that are no probabilities."""
    outside = (a.data < 0) | (a.data > 1)
    if outside.any():
        raise ValueError(
            f"{name} takes outputs between 0 and 1, but {a.describe()} holds {a.data[outside][0]}; "
            "end the network with Sigmoid or Softmax, or use quadratic_cost"
        )
    check_targets(name, a, y)


def check_targets(name: str, _: Tensor, y: Tensor) -> None:
    """Refuse targets that are no probabilities: a cross entropy with them has no lower bound."""
    outside = (y.data < 0) | (y.data > 1)
    if outside.any():
        highest = y.data.max()
        help = "write y / 255 for bytes" if highest == 255 else "turn labels into columns with np.eye(n)[y].T"
        raise ValueError(f"{name} takes targets between 0 and 1, but y holds {y.data[outside][0]:g}; {help}")


def check_classes(name: str, z: Tensor, y: Tensor) -> None:
    """Refuse columns of targets that are no distribution, and a single class, which is always certain."""
    if len(z.data) == 1:
        raise ValueError(f"{name} of one unit is 0 whatever it says: use sigmoid_cross_entropy_cost")
    check_targets(name, z, y)
    sums = np.sum(y.data, axis=0)
    wrong = np.abs(sums - 1) > 8 * len(z.data) * np.finfo(y.dtype).eps
    if wrong.any():
        raise ValueError(
            f"{name} takes columns of targets that sum to 1, but column {np.flatnonzero(wrong)[0]} sums to "
            f"{sums[wrong][0]:g}; for classes that do not exclude each other use sigmoid_cross_entropy_cost"
        )


# Cross entropies ------------------------------------------------------------------------------------------------
#
# Entry by entry. Where rounding has made an output exactly 0 or 1, the nearest number in between stands for it: cost
# and derivative are finite, and the derivative points the right way. Outside, log gives NaN.


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


def cross_entropy_cost(
    a: npt.ArrayLike | Tensor, y: npt.ArrayLike | Tensor, *, reduction: str = "sum", samples: str = "columns"
) -> Tensor:
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
        The targets, from 0 to 1; converted to the dtype of a.
    reduction : 'sum' or 'mean'
        Over the batch.
    samples : 'columns' or 'rows'
        With rows, a and y have shape (batch, n).

    Returns
    -------
    Tensor of a single number

    Raises
    ------
    ValueError
        If y is not of the shape of a, or an output or a target is not between 0 and 1.

    See Also
    --------
    sigmoid_cross_entropy_cost : of the weighted inputs, which loses no digits.
    log_likelihood_cost : the one for softmax outputs.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> from nets import cross_entropy_cost
    >>> round(cross_entropy_cost(ag.Tensor([[0.5, 1.0]]), [[0.0, 1.0]]).item(), 6)
    0.693147
    """
    check = partial(check_outputs, "cross_entropy_cost")
    return checked_cost(lambda a, y: np.sum(cross_entropy(a, y)), check, a, y, reduction, samples)


def log_likelihood_cost(
    a: npt.ArrayLike | Tensor, y: npt.ArrayLike | Tensor, *, reduction: str = "sum", samples: str = "columns"
) -> Tensor:
    """C = −Σ y log a, over output units and batch: for softmax outputs.

    With softmax outputs ∂C/∂z = a − y where each column of y sums to 1 (Nielsen, ch. 3, Eq 80).

    Parameters, errors and result are those of `cross_entropy_cost`; y may also be the numbers of the classes, integers
    of shape (batch,).

    Examples
    --------
    >>> import autograd_lite as ag
    >>> from nets import log_likelihood_cost
    >>> round(log_likelihood_cost(ag.Tensor([[0.25], [0.75]]), [[1.0], [0.0]]).item(), 6)
    1.386294
    """
    check = partial(check_outputs, "log_likelihood_cost")
    return checked_cost(lambda a, y: np.sum(log_likelihood(a, y)), check, a, y, reduction, samples, labels=True)


def sigmoid_cross_entropy_cost(
    z: npt.ArrayLike | Tensor, y: npt.ArrayLike | Tensor, *, reduction: str = "sum", samples: str = "columns"
) -> Tensor:
    """The cross entropy of σ(z), from the weighted inputs z of a network that ends without activation.

    ∂C/∂z is δ = σ(z) − y, to the last digit for any z: no logarithm of an output that is rounded to 0 or 1.

    Parameters
    ----------
    z : Tensor, shape (n, batch)
        Weighted inputs, of any size, as ``MLP(..., output=None)`` gives them.
    y : array_like or Tensor, shape (n, batch)
        The targets, from 0 to 1; converted to the dtype of z.
    reduction : 'sum' or 'mean'
        Over the batch.
    samples : 'columns' or 'rows'
        With rows, z and y have shape (batch, n).

    Returns
    -------
    Tensor of a single number

    Raises
    ------
    ValueError
        If y is not of the shape of z, or a target is not between 0 and 1.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> from nets import sigmoid_cross_entropy_cost
    >>> z = ag.Tensor([[0.0, 800.0]], requires_grad=True)
    >>> C = sigmoid_cross_entropy_cost(z, [[1.0, 0.0]])
    >>> round(C.item(), 6)
    800.693147
    >>> ag.gradients(C, z)
    array([[-0.5,  1. ]])
    """
    check = partial(check_targets, "sigmoid_cross_entropy_cost")
    return checked_cost(ag.sigmoid_cross_entropy, check, z, y, reduction, samples)


def softmax_cross_entropy_cost(
    z: npt.ArrayLike | Tensor, y: npt.ArrayLike | Tensor, *, reduction: str = "sum", samples: str = "columns"
) -> Tensor:
    """C = −Σ y log p with p = softmax(z), from the weighted inputs z of a network that ends without activation.

    ∂C/∂z is δ = p − y, to the last digit for any z.

    Parameters
    ----------
    z : Tensor, shape (classes, batch)
        Weighted inputs, of any size, as ``MLP(..., output=None)`` gives them.
    y : array_like or Tensor, shape (classes, batch) or (batch,)
        Columns that sum to 1, such as those of 0s and a 1; or the numbers of the classes, integers from 0.
    reduction : 'sum' or 'mean'
        Over the batch.
    samples : 'columns' or 'rows'
        With rows, z has shape (batch, classes), and y too unless it holds numbers of classes.

    Returns
    -------
    Tensor of a single number

    Raises
    ------
    ValueError
        If y is of another shape, holds no class of the network, or columns that do not sum to 1.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> from nets import softmax_cross_entropy_cost
    >>> z = ag.Tensor([[0.0, 0.0], [0.0, 800.0]], requires_grad=True)
    >>> C = softmax_cross_entropy_cost(z, [1, 0])
    >>> round(C.item(), 6)
    800.693147
    >>> ag.gradients(C, z).tolist()
    [[0.5, -1.0], [-0.5, 1.0]]
    """
    check = partial(check_classes, "softmax_cross_entropy_cost")
    return checked_cost(ag.softmax_cross_entropy, check, z, y, reduction, samples, labels=True)


def l2_penalty(parameters: Any) -> Tensor:
    """½ Σ w² over all weights, and not over biases: added to a cost it keeps weights small (Nielsen, ch. 3, Eq 87).

    Parameters
    ----------
    parameters : dict of Tensor by name
        As ``net.parameters()`` gives them: weights are those whose name begins with w.

    Returns
    -------
    Tensor of a single number
        Its derivative with respect to w is w.

    Raises
    ------
    ValueError
        If none of the parameters is a weight.

    Examples
    --------
    >>> from nets import TwoLayerNet, l2_penalty
    >>> net = TwoLayerNet(2, 3, 1, seed=0)
    >>> C = net.cost([[1.0], [0.0]], [[1.0]]) + 0.1 * l2_penalty(net.parameters())
    >>> C.backward()
    """
    if not isinstance(parameters, Mapping):
        raise TypeError(f"parameters is a dict by name, such as net.parameters(), not {type(parameters).__name__}")
    weights = [p for name, p in parameters.items() if name.rpartition(".")[2].startswith("w")]
    if not weights:
        raise ValueError(f"there is no weight among the parameters {', '.join(parameters)}: none begins with w")
    with ag.name_scope("penalty"):
        total: Tensor = sum(np.sum(w**2) for w in weights) / 2
    return total


COSTS: dict[str, Callable[..., Tensor]] = {
    "quadratic": quadratic_cost,
    "cross_entropy": cross_entropy_cost,
    "log_likelihood": log_likelihood_cost,
    "sigmoid_cross_entropy": sigmoid_cross_entropy_cost,
    "softmax_cross_entropy": softmax_cross_entropy_cost,
}
