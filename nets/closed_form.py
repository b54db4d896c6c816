"""Gradients as they are derived by hand, in plain NumPy: of the chapter's two-layer network, and of networks of any depth.

No operation on a Tensor happens here: a Tensor that is passed in is taken as its array. So these functions can bear
witness to what the engine computes. Their names are the labels of the equations, and their arguments are called as in
there: ⊙ is ``*``, the matrix product ``@``, and columns are samples. A sum over the batch needs no line of its own,
since it falls out of the matrix product.

δ2 is ∂C/∂a2, as in the chapter; Nielsen's δᴸ is ∂C/∂zᴸ = δ2 ⊙ σ'(z2), and so is every δ in the functions ``bp1`` to ``bp4``.

Where samples are rows, X = xᵀ, everything is the transpose of what stands here, in the opposite order: Z = X W + B with
W = wᵀ, and ∂C/∂W = (aˡ⁻¹)ᵀ δ = (∂C/∂w)ᵀ. So hand ``X.T`` and ``W.T`` in, and take the ``.T`` of each gradient that comes out.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple, TypeVar

import numpy as np

from .arguments import look_up
from .inputs import as_plain, refuse_inputs, refuse_targets
from .layers import Linear, ReLU, Sequential, Sigmoid, Softmax, Tanh, overrides_call, write_layer
from .two_layer import TwoLayerNet

__all__ = [
    *("sigma", "sigma_prime", "forward", "eq_a", "eq_b_3", "eq_b_4", "eq_3", "eq_3_bias"),
    *("eq_4_0", "eq_4_1", "eq_4_2", "eq_4_3", "eq_5", "eq_5_bias", "updated", "gradients"),
    *("bp1", "bp2", "bp3", "bp4", "tanh_prime", "softmax", "difference_delta", "srihari_hidden"),
]
Array = np.ndarray[Any, Any]
Result = TypeVar("Result")


class ForwardArrays(NamedTuple):
    """Weighted inputs z and activations a, each of shape (units, batch)."""

    z1: Array
    a1: Array
    z2: Array
    a2: Array


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
    z1 = weighted_input(w1, x, b1)
    a1 = sigma(z1)
    z2 = weighted_input(w2, a1, b2)
    a2 = sigma(z2)
    return ForwardArrays(z1, a1, z2, a2)


def weighted_input(w: Array, a: Array, b: Array | None) -> Array:
    """z = w a + b, or w a without a bias."""
    return w @ a if b is None else w @ a + b


@on_arrays
def eq_a(a2: Array, y: Array) -> float:
    """C = ½ Σ (y − a2)² (Eq A)."""
    return float(np.sum((y - a2) ** 2) / 2)


def over_batch(u: Array) -> Array:
    """The sum over the batch, as a column."""
    return np.sum(u, axis=1, keepdims=True)


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
    """∂C/∂w2 = (δ2 ⊙ σ'(z2)) (a1)ᵀ (Eq 3; Nielsen BP4 for the last layer).

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
    return ((w2.T @ (delta2 * sigma_prime(z2))) * sigma_prime(z1)) @ a0.T


@on_arrays
def eq_5_bias(delta2: Array, z2: Array, w2: Array, z1: Array) -> Array:
    """∂C/∂b1 = (w2)ᵀ (δ2 ⊙ σ'(z2)) ⊙ σ'(z1), summed over the batch: Eq 5 without its last factor.

    Returns
    -------
    array, shape (n1, 1)
    """
    return over_batch((w2.T @ (delta2 * sigma_prime(z2))) * sigma_prime(z1))


# Any depth ----------------------------------------------------------------------------------------------------


@on_arrays
def bp1(dC_da: Array, slope: Array) -> Array:
    """δᴸ = ∂C/∂aᴸ ⊙ σ'(zᴸ), the error of the last layer (Nielsen BP1); both of shape (nL, batch)."""
    return dC_da * slope


@on_arrays
def bp2(w_next: Array, delta_next: Array, slope: Array) -> Array:
    """δˡ = (wˡ⁺¹)ᵀ δˡ⁺¹ ⊙ σ'(zˡ), the error of a layer from that of the next one (Nielsen BP2).

    Parameters
    ----------
    w_next, delta_next, slope : array, shapes (n(l+1), nl), (n(l+1), batch), (nl, batch)
        The slope σ'(zˡ) is that of the layer's own activation, whatever it is.

    Returns
    -------
    array, shape (nl, batch)
    """
    return (w_next.T @ delta_next) * slope


@on_arrays
def bp3(delta: Array) -> Array:
    """∂C/∂bˡ = δˡ, summed over the batch (Nielsen BP3); shape (nl, 1)."""
    return over_batch(delta)


@on_arrays
def bp4(delta: Array, a_before: Array) -> Array:
    """∂C/∂wˡ = δˡ (aˡ⁻¹)ᵀ (Nielsen BP4); shape (nl, n(l−1))."""
    return delta @ a_before.T


@on_arrays
def tanh_prime(z: Array) -> Array:
    """tanh'(z) = 1 − tanh²(z), as 1 / cosh²(z), which does not lose digits."""
    e = np.exp(-2 * np.abs(z))
    return 4 * e / (1 + e) ** 2


@on_arrays
def softmax(z: Array) -> Array:
    """p = eᶻ / Σ eᶻ for each column, without overflow."""
    e = np.exp(z - np.max(z, axis=0, keepdims=True))
    return e / np.sum(e, axis=0, keepdims=True)


@on_arrays
def difference_delta(a: Array, y: Array) -> Array:
    """δᴸ = a − y, where the slope of the last layer cancels against the derivative of the cost.

    Linear outputs with the quadratic cost (Srihari, δ_k = y_k − t_k), sigmoid outputs with the cross entropy (Nielsen,
    chapter 3), softmax outputs p with the log-likelihood (p − y).
    """
    return a - y


@on_arrays
def srihari_hidden(w2: Array, delta_k: Array, h: Array) -> Array:
    """δ_j = (1 − h_j²) Σ_k w_kj δ_k for hidden units h = tanh(z) (Srihari's worked example, after Bishop, Eq 5.66).

    Parameters
    ----------
    w2, delta_k, h : array, shapes (n2, n1), (n2, batch), (n1, batch)
        With linear outputs, δ_k = y_k − t_k (`difference_delta`). The gradients are δ_j x_i and δ_k h_j (`bp4`).

    Returns
    -------
    array, shape (n1, batch)
    """
    return (1 - h**2) * (w2.T @ delta_k)


# All of it ----------------------------------------------------------------------------------------------------


def updated(w: Array, gradient: Array, learning_rate: float) -> Array:
    """w_new = w_old − learning_rate · ∂C/∂w."""
    return as_plain(w) - learning_rate * as_plain(gradient)


ACTIVATION_AND_SLOPE: dict[Any, tuple[Callable[[Array], Array], Callable[[Array], Array] | None]] = {
    Sigmoid: (sigma, sigma_prime),
    Tanh: (np.tanh, tanh_prime),
    ReLU: (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(z.dtype)),
    Softmax: (softmax, None),  # its derivative is a matrix for each sample
    None: (np.copy, np.ones_like),
}
"""σ(z) and σ'(z) by the kind of the layer; None for a = z."""

LAST_LAYER: dict[str, tuple[Any, Callable[[Array], Array]] | None] = {
    "quadratic": None,
    "cross_entropy": (Sigmoid, sigma),
    "log_likelihood": (Softmax, softmax),
    "softmax_cross_entropy": (None, softmax),
    "sigmoid_cross_entropy": (None, sigma),
}
"""For each cost whose δᴸ is a − y, the last activation that it is for, and a as a function of z; None where BP1 gives δᴸ."""


def gradients(net: TwoLayerNet | Sequential, x: Any, y: Any, cost: str = "quadratic") -> dict[str, Array]:
    """The gradients with respect to all parameters: by Eq 3, Eq 5 and their bias forms, or by BP1 to BP4.

    Parameters
    ----------
    net : TwoLayerNet, MLP or Sequential
        Of fully connected layers with the activations Sigmoid, Tanh, ReLU, Softmax (at the end) or none.
    x : array_like, shape (n0, batch)
    y : array_like, shape (nL, batch)
        Both are converted to the dtype of the network. If its samples are rows, so are theirs.
    cost : 'quadratic', 'cross_entropy', 'log_likelihood', 'softmax_cross_entropy' or 'sigmoid_cross_entropy'
        The function of `nets` of that name, summed over the batch.

    Returns
    -------
    dict of array by the name of the parameter
        In the order of ``net.parameters()``.

    Raises
    ------
    TypeError
        If the network is another than those that the equations describe, or the cost is not a name.
    ValueError
        If x or y is of another shape, or the cost does not go with the last layer.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> import numpy as np
    >>> from nets import MLP, closed_form
    >>> net = MLP([3, 4, 4, 2], hidden="tanh", output="softmax", seed=0)
    >>> x, y = np.ones((3, 5)), np.eye(2)[:, [0, 1, 1, 0, 1]]
    >>> C = -np.sum(y * np.log(net(x)))
    >>> C.backward()
    >>> ag.compare(closed_form.gradients(net, x, y, "log_likelihood"), net.parameters()).ok
    True
    """
    if not isinstance(net, (TwoLayerNet, Sequential)):
        raise TypeError(f"the closed forms are those of a TwoLayerNet, an MLP or a Sequential, not of {net!r}")
    if not isinstance(cost, str):
        raise TypeError(f"cost is one of {', '.join(map(repr, LAST_LAYER))}, not {cost!r}")
    if overrides_call(net) or isinstance(net, TwoLayerNet) and type(net).forward is not TwoLayerNet.forward:
        raise TypeError(f"the closed forms are those of layers one after the other, and {type(net).__name__} does something else")
    layers = layers_of(net)
    a0, y = as_plain(x, net.dtype), as_plain(y, net.dtype)
    if a0.ndim != 2 or a0.shape[1 if net.rows else 0] != net.n_inputs:
        refuse_inputs(a0.shape, net.n_inputs, net.rows)
    if net.rows:
        a0, y = a0.T, y.T
    zs: list[Array] = []
    activations = [a0]
    for w, b, activation in layers:  # zˡ = wˡ aˡ⁻¹ + bˡ, aˡ = σ(zˡ)
        zs.append(weighted_input(w, activations[-1], b))
        activations.append(ACTIVATION_AND_SLOPE[activation][0](zs[-1]))
    if y.shape != activations[-1].shape:
        refuse_targets(y, activations[-1].shape, net.rows)
    if isinstance(net, TwoLayerNet) and look_up("cost", cost, LAST_LAYER) is None:
        (z1, z2), (_, a1, a2), w2 = zs, activations, layers[1][0]
        delta2 = eq_4_2(a2, y)
        every = {
            "w1": eq_5(delta2, z2, w2, z1, a0),
            "b1": eq_5_bias(delta2, z2, w2, z1),
            "w2": eq_3(delta2, z2, a1),
            "b2": eq_3_bias(delta2, z2),
        }
        return {name: every[name] for name in net.parameters()}
    delta = last_delta(cost, layers[-1][2], zs[-1], activations[-1], y)
    found: list[Array] = []
    for i in reversed(range(len(layers))):
        w, b, _ = layers[i]
        found[:0] = [bp4(delta, activations[i])] if b is None else [bp4(delta, activations[i]), bp3(delta)]
        if i > 0:
            delta = bp2(w, delta, slope_of(layers[i - 1][2])(zs[i - 1]))
    return dict(zip(net.parameters(), found))


def layers_of(net: TwoLayerNet | Sequential) -> list[tuple[Array, Array | None, Any]]:
    """The weights, the bias and the kind of activation of each layer."""
    if isinstance(net, TwoLayerNet):
        pairs: list[Any] = [(net.w1, net.b1), (net.w2, net.b2)]
        return [(w.data, None if b is None else b.data, Sigmoid) for w, b in pairs]
    layers: list[Any] = []
    for layer in net.layers:
        if isinstance(layer, Linear) and type(layer).__call__ is Linear.__call__:
            layers.append([layer.w.data, None if layer.b is None else layer.b.data, None])
        elif layers and layers[-1][2] is None and type(layer) in ACTIVATION_AND_SLOPE:
            layers[-1][2] = type(layer)
        else:
            raise TypeError(
                f"the closed forms know one of Sigmoid, Tanh, ReLU, Softmax after each Linear, not {write_layer(layer)}"
            )
    return [tuple(layer) for layer in layers]


def slope_of(activation: Any) -> Callable[[Array], Array]:
    slope = ACTIVATION_AND_SLOPE[activation][1]
    if slope is None:
        raise ValueError("the closed forms take Softmax at the end alone, with cost='log_likelihood'")
    return slope


def last_delta(cost: str, activation: Any, z: Array, a: Array, y: Array) -> Array:
    """δᴸ = ∂C/∂zᴸ: BP1, or a − y where the two factors of BP1 cancel."""
    last_layer = look_up("cost", cost, LAST_LAYER)
    if last_layer is None:
        return bp1(eq_4_2(a, y), slope_of(activation)(z))
    expected, outputs = last_layer
    if activation is not expected:
        words = [kind.__name__ if kind else "no activation" for kind in (expected, activation)]
        raise ValueError(f"cost={cost!r} goes with {words[0]} at the end of the network, not with {words[1]}")
    return difference_delta(outputs(z), y)
