"""The gradients of the two-layer network as the chapter derives them by hand, in plain NumPy.

No operation on a Tensor happens here: a Tensor that is passed in is taken as its array. So these functions can bear
witness to what the engine computes. Their names are the labels of the equations, and their arguments are called as in
there: ⊙ is ``*``, the matrix product ``@``, and columns are samples. A sum over the batch needs no line of its own,
since it falls out of the matrix product.

δ2 is ∂C/∂a2, as in the chapter; Nielsen's δᴸ is ∂C/∂zᴸ = δ2 ⊙ σ'(z2).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple, TypeVar

import numpy as np

from autograd_lite import Tensor

from .inputs import refuse_inputs, refuse_targets
from .two_layer import TwoLayerNet

Array = np.ndarray[Any, Any]
Result = TypeVar("Result")


class ForwardArrays(NamedTuple):
    """Weighted inputs z and activations a, each of shape (units, batch)."""

    z1: Array
    a1: Array
    z2: Array
    a2: Array


def as_plain(x: Any, dtype: Any = None) -> Array:
    """The array of a Tensor, of an array or of numbers."""
    return np.asarray(x.data if isinstance(x, Tensor) else x, dtype)


def on_arrays(function: Callable[..., Result]) -> Callable[..., Result]:
    """`function` with all its operands turned into arrays first; None stays."""

    @wraps(function)
    def plain(*operands: Any) -> Result:
        return function(*[None if x is None else as_plain(x) for x in operands])

    return plain


def refuse_a_batch(equation: str, **columns: Array) -> None:
    """Some equations are the local gradients of one sample; over a batch there is one such array for each sample."""
    for name, column in columns.items():
        if column.ndim != 2 or column.shape[1] != 1:
            raise ValueError(
                f"{equation} is for one sample: {name} is a column of shape (units, 1), not an array of shape "
                f"{column.shape}; call it for each sample i of a batch, with {name}[:, [i]]"
            )


# Forward ----------------------------------------------------------------------------------------------------


@on_arrays
def sigma(z: Array) -> Array:
    """σ(z) = 1 / (1 + e⁻ᶻ), as e^(−log(1 + e⁻ᶻ)), which does not overflow."""
    return np.exp(-np.logaddexp(0, -z))


@on_arrays
def sigma_prime(z: Array) -> Array:
    """σ'(z) = σ(z) (1 − σ(z)), with 1 − σ(z) = σ(−z), which does not lose digits."""
    return sigma(z) * sigma(-z)


@on_arrays
def forward(w1: Array, b1: Array | None, w2: Array, b2: Array | None, x: Array) -> ForwardArrays:
    """z1 = w1 x + b1, a1 = σ(z1), z2 = w2 a1 + b2, a2 = σ(z2).

    Parameters
    ----------
    w1, b1, w2, b2 : array, shapes (n1, n0), (n1, 1), (n2, n1), (n2, 1)
        The biases may be None.
    x : array, shape (n0, batch)
    """
    z1 = w1 @ x if b1 is None else w1 @ x + b1
    a1 = sigma(z1)
    z2 = w2 @ a1 if b2 is None else w2 @ a1 + b2
    return ForwardArrays(z1, a1, z2, sigma(z2))


@on_arrays
def eq_a(a2: Array, y: Array) -> float:
    """C = ½ Σ (y − a2)² (Eq A)."""
    return float(np.sum((y - a2) ** 2) / 2)


def over_batch(u: Array) -> Array:
    """The sum over the batch, as a column."""
    total: Array = np.sum(u, axis=1, keepdims=True)
    return total


# The last layer -----------------------------------------------------------------------------------------------


@on_arrays
def eq_b_3(a1: Array) -> Array:
    """∂z2_i/∂w2_ij = a1_j of one sample (Eq B.3): the same row (a1)ᵀ for every i.

    Parameters
    ----------
    a1 : array, shape (n1, 1)

    Returns
    -------
    array, shape (1, n1)
    """
    refuse_a_batch("eq_b_3", a1=a1)
    return a1.T


@on_arrays
def eq_b_4(z2: Array, a1: Array) -> Array:
    """∂a2_i/∂w2_ij = σ'(z2_i) a1_j of one sample (Eq B.4).

    Parameters
    ----------
    z2, a1 : array, shapes (n2, 1) and (n1, 1)

    Returns
    -------
    array, shape (n2, n1)
    """
    refuse_a_batch("eq_b_4", z2=z2, a1=a1)
    return sigma_prime(z2) @ eq_b_3(a1)


@on_arrays
def eq_3(delta2: Array, z2: Array, a1: Array) -> Array:
    """∂C/∂w2 = δ2 ⊙ σ'(z2) (a1)ᵀ (Eq 3; Nielsen BP4 for the last layer).

    Parameters
    ----------
    delta2, z2, a1 : array, shapes (n2, batch), (n2, batch), (n1, batch)

    Returns
    -------
    array, shape (n2, n1)
    """
    return (delta2 * sigma_prime(z2)) @ a1.T


@on_arrays
def eq_3_bias(delta2: Array, z2: Array) -> Array:
    """∂C/∂b2 = δ2 ⊙ σ'(z2), summed over the batch (Nielsen BP3): Eq 3 without its last factor.

    Returns
    -------
    array, shape (n2, 1)
    """
    return over_batch(delta2 * sigma_prime(z2))


# The first layer ----------------------------------------------------------------------------------------------


@on_arrays
def eq_4_0(dC_da1: Array, z1: Array, a0: Array) -> Array:
    """∂C/∂w1 = ∂C/∂a1 · ∂a1/∂w1 (Eq 4.0, with Eq 4.1 for the second factor).

    Parameters
    ----------
    dC_da1, z1, a0 : array, shapes (n1, batch), (n1, batch), (n0, batch)

    Returns
    -------
    array, shape (n1, n0)
    """
    return (dC_da1 * sigma_prime(z1)) @ a0.T


@on_arrays
def eq_4_1(z1: Array, a0: Array) -> Array:
    """∂a1_i/∂w1_ij = σ'(z1_i) a0_j of one sample (Eq 4.1).

    Parameters
    ----------
    z1, a0 : array, shapes (n1, 1) and (n0, 1)

    Returns
    -------
    array, shape (n1, n0)
    """
    refuse_a_batch("eq_4_1", z1=z1, a0=a0)
    return sigma_prime(z1) @ a0.T


@on_arrays
def eq_4_2(a2: Array, y: Array) -> Array:
    """∂C/∂a2 = a2 − y = δ2 (Eq 4.2), of the shape of a2."""
    return a2 - y


@on_arrays
def eq_4_3(w2: Array, z2: Array) -> Array:
    """∂a2/∂a1 = diag(σ'(z2)) w2 of one sample (Eq 4.3).

    Parameters
    ----------
    w2, z2 : array, shapes (n2, n1) and (n2, 1)

    Returns
    -------
    array, shape (n2, n1)
    """
    refuse_a_batch("eq_4_3", z2=z2)
    return np.diag(sigma_prime(z2)[:, 0]) @ w2


@on_arrays
def eq_5(delta2: Array, z2: Array, w2: Array, z1: Array, a0: Array) -> Array:
    """∂C/∂w1 = ((w2)ᵀ (δ2 ⊙ σ'(z2)) ⊙ σ'(z1)) (a0)ᵀ (Eq 5; Nielsen BP2 and BP4).

    Parameters
    ----------
    delta2, z2, w2, z1, a0 : array, shapes (n2, batch), (n2, batch), (n2, n1), (n1, batch), (n0, batch)

    Returns
    -------
    array, shape (n1, n0)
    """
    gradient: Array = ((w2.T @ (delta2 * sigma_prime(z2))) * sigma_prime(z1)) @ a0.T
    return gradient


@on_arrays
def eq_5_bias(delta2: Array, z2: Array, w2: Array, z1: Array) -> Array:
    """∂C/∂b1 = (w2)ᵀ (δ2 ⊙ σ'(z2)) ⊙ σ'(z1), summed over the batch: Eq 5 without its last factor.

    Returns
    -------
    array, shape (n1, 1)
    """
    return over_batch((w2.T @ (delta2 * sigma_prime(z2))) * sigma_prime(z1))


# All of it ----------------------------------------------------------------------------------------------------


def updated(w: Array, gradient: Array, learning_rate: float) -> Array:
    """w_new = w_old − learning_rate · ∂C/∂w."""
    new: Array = as_plain(w) - learning_rate * as_plain(gradient)
    return new


def gradients(net: TwoLayerNet, x: Any, y: Any) -> dict[str, Array]:
    """The gradients of the quadratic cost with respect to all parameters, by Eq 3, Eq 5 and their bias forms.

    Parameters
    ----------
    net : TwoLayerNet
    x : array_like, shape (n0, batch)
    y : array_like, shape (n2, batch)
        Both are converted to the dtype of the network.

    Returns
    -------
    dict of array by the name of the parameter
        In the order of ``net.parameters()``.

    Raises
    ------
    TypeError
        If the network is another than the one that the equations describe.
    ValueError
        If x or y is of another shape.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> import numpy as np
    >>> from nets import TwoLayerNet, closed_form
    >>> net = TwoLayerNet(3, 4, 1, seed=0)
    >>> x, y = np.ones((3, 5)), np.zeros((1, 5))
    >>> net.cost(x, y).backward()
    >>> automatic = {name: p.grad for name, p in net.parameters().items()}
    >>> ag.compare(closed_form.gradients(net, x, y), automatic).ok
    True
    """
    if not isinstance(net, TwoLayerNet):
        raise TypeError(f"Eq 3 and Eq 5 are those of a TwoLayerNet, two layers of sigmoid units, not of {net!r}")
    p = {name: parameter.data for name, parameter in net.parameters().items()}
    w1, w2 = p["w1"], p["w2"]
    a0, y = as_plain(x, w1.dtype), as_plain(y, w1.dtype)
    if a0.ndim != 2 or len(a0) != w1.shape[1]:
        refuse_inputs(a0.shape, w1.shape[1])
    z1, a1, z2, a2 = forward(w1, p.get("b1"), w2, p.get("b2"), a0)
    if y.shape != a2.shape:
        refuse_targets(y, a2.shape)
    delta2 = eq_4_2(a2, y)
    every = {
        "w1": eq_5(delta2, z2, w2, z1, a0),
        "b1": eq_5_bias(delta2, z2, w2, z1),
        "w2": eq_3(delta2, z2, a1),
        "b2": eq_3_bias(delta2, z2),
    }
    return {name: every[name] for name in p}
