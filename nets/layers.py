"""Layers, and networks of any depth made of them.

A layer maps a Tensor of shape ``(features, batch)`` to another. A `Linear` layer has parameters and starts a layer
in the sense of the equations, zˡ = wˡ aˡ⁻¹ + bˡ; the activation after it, aˡ = σ(zˡ), belongs to the same one. A
network names its Tensors accordingly: w1, b1, z1, a1, w2, ...
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor
from nets.costs import quadratic_cost
from nets.inputs import Array, as_inputs


def check_sizes(**sizes: Any) -> None:
    """Refuse numbers of units that are not positive integers."""
    for name, n in sizes.items():
        if not isinstance(n, (int, np.integer)) or n < 1:
            raise ValueError(f"{name} is a number of units, an integer of at least 1, not {n!r}")


def initial_weights(n_outputs: int, n_inputs: int, rng: np.random.Generator) -> Array:
    """Normal weights of variance 1 / n_inputs: weighted inputs start at a size where σ is not flat."""
    weights: Array = rng.standard_normal((n_outputs, n_inputs)) / np.sqrt(n_inputs)
    return weights


class Layer:
    """What maps a Tensor of shape (features, batch) to another."""

    def parameters(self) -> dict[str, Tensor]:
        """The Tensors to be learned, by name."""
        return {}

    def __call__(self, a: Tensor) -> Tensor:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Linear(Layer):
    """z = w a + b.

    Parameters
    ----------
    n_inputs, n_outputs : int
    bias : bool
        Whether there is b; else it is None.
    seed : int or numpy.random.Generator, optional
        For the initial weights, which are normal with variance 1 / n_inputs. The bias starts at 0.
    dtype : floating dtype

    Attributes
    ----------
    w, b : Tensor, shapes (n_outputs, n_inputs) and (n_outputs, 1)

    Examples
    --------
    >>> import numpy as np
    >>> from nets import Linear
    >>> Linear(3, 2)(np.ones((3, 5))).shape
    (2, 5)
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        *,
        bias: bool = True,
        seed: int | np.random.Generator | None = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        check_sizes(n_inputs=n_inputs, n_outputs=n_outputs)
        weights = initial_weights(n_outputs, n_inputs, np.random.default_rng(seed))
        self.w = Tensor(weights, requires_grad=True, dtype=dtype, name="w")
        self.b = Tensor(np.zeros((n_outputs, 1)), requires_grad=True, dtype=dtype, name="b") if bias else None
        self.n_inputs, self.n_outputs = int(n_inputs), int(n_outputs)

    def parameters(self) -> dict[str, Tensor]:
        return {"w": self.w} if self.b is None else {"w": self.w, "b": self.b}

    def __call__(self, a: Tensor) -> Tensor:
        z: Tensor = ag.linear(self.w, a, self.b)
        return z

    def __repr__(self) -> str:
        options = "" if self.b is not None else ", bias=False"
        if self.w.dtype != np.float64:
            options += f", dtype={self.w.dtype}"
        return f"Linear({self.n_inputs}, {self.n_outputs}{options})"


class Sigmoid(Layer):
    """a = σ(z) = 1 / (1 + e⁻ᶻ).

    Examples
    --------
    >>> import autograd_lite as ag
    >>> from nets import Sigmoid
    >>> Sigmoid()(ag.Tensor([[0.0, 40.0]]))
    Tensor([[0.5, 1. ]])
    """

    def __call__(self, z: Tensor) -> Tensor:
        a: Tensor = ag.sigmoid(z)
        return a


class Tanh(Layer):
    """a = tanh z.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> from nets import Tanh
    >>> Tanh()(ag.Tensor([[0.0, 20.0]]))
    Tensor([[0., 1.]])
    """

    def __call__(self, z: Tensor) -> Tensor:
        return z.tanh()


class ReLU(Layer):
    """a = max(z, 0).

    Examples
    --------
    >>> import autograd_lite as ag
    >>> from nets import ReLU
    >>> ReLU()(ag.Tensor([[-1.0, 2.0]]))
    Tensor([[0., 2.]])
    """

    def __call__(self, z: Tensor) -> Tensor:
        a: Tensor = ag.relu(z)
        return a


class Softmax(Layer):
    """a = eᶻ / Σ eᶻ, the sum over the units: the outputs for a sample sum to 1.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> from nets import Softmax
    >>> Softmax()(ag.Tensor([[3.0], [3.0]]))
    Tensor([[0.5],
            [0.5]])
    """

    def __call__(self, z: Tensor) -> Tensor:
        a: Tensor = ag.softmax(z, axis=0)
        return a


class Sequential:
    """Layers applied one after the other.

    Parameters
    ----------
    *layers : Layer
        The first is Linear. A Sequential among them stands for its layers.

    Attributes
    ----------
    layers : tuple of Layer

    Raises
    ------
    TypeError
        If something else than a layer is given.
    ValueError
        If a layer does not take what the one before it gives, differs from it in dtype, or stands there twice.

    Examples
    --------
    >>> import numpy as np
    >>> from nets import Linear, Sequential, Sigmoid, Tanh
    >>> net = Sequential(Linear(2, 3, seed=0), Tanh(), Linear(3, 1, seed=1), Sigmoid())
    >>> list(net.parameters())
    ['w1', 'b1', 'w2', 'b2']
    >>> net(np.zeros((2, 5))).name
    'a2'
    """

    def __init__(self, *layers: Layer | Sequential) -> None:
        flat: list[Layer] = []
        for layer in layers:
            flat.extend(layer.layers if isinstance(layer, Sequential) else [layer])
        self.layers: tuple[Layer, ...] = tuple(flat)
        check_layers(self.layers)
        first: Any = self.layers[0]
        self.n_inputs: int = first.n_inputs
        self.dtype: np.dtype[Any] = first.w.dtype
        self._parameters: dict[str, Tensor] = {}
        # for each layer: its scope, and the name of its result
        self._steps: list[tuple[Layer, Any, str]] = []
        number = 0
        for layer, following in zip(flat, [*flat[1:], None]):
            if isinstance(layer, Linear):
                number += 1
                scope = ag.name_scope(f"layer {number}")
                result = f"z{number}"
            else:
                last = following is None or isinstance(following, Linear)
                result = f"a{number}" if last else type(layer).__name__.lower()
            for name, p in layer.parameters().items():
                p.name = f"{name}{number}"
                self._parameters[p.name] = p
            self._steps.append((layer, scope, result))

    def __call__(self, x: npt.ArrayLike | Tensor) -> Tensor:
        """The output of the last layer.

        Parameters
        ----------
        x : array_like or Tensor, shape (features, batch)
            Converted to the dtype of the network; an array that has it already is not copied.

        Raises
        ------
        ValueError
            If x is of another shape.
        """
        a = as_inputs(x, self.n_inputs, self.dtype)
        for layer, scope, name in self._steps:
            with scope:
                a = layer(a)
            a.name = name
        return a

    def cost(self, x: npt.ArrayLike | Tensor, y: npt.ArrayLike | Tensor) -> Tensor:
        """The quadratic cost C of a batch; for another cost write ``cross_entropy_cost(net(x), y)``."""
        return quadratic_cost(self(x), y)

    def parameters(self) -> dict[str, Tensor]:
        """The Tensors to be learned, by name."""
        return dict(self._parameters)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.layers))})"


def check_layers(layers: Sequence[Any]) -> None:
    """Refuse layers that do not fit together."""
    units, dtype = None, None
    for i, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            help = f"; write {layer.__name__}()" if isinstance(layer, type) and issubclass(layer, Layer) else ""
            raise TypeError(f"layer {i} is {layer!r}, not a layer such as Linear(3, 2) or Sigmoid(){help}")
        if any(layer is other for other in layers[:i]):
            raise ValueError(f"layer {i}, {layer!r}, stands in the network twice; make a second one")
        if not isinstance(layer, Linear):
            continue
        if units is not None and units != layer.n_inputs:
            raise ValueError(
                f"layer {i}, {layer!r}, takes {layer.n_inputs} features, but the layers before give {units}"
            )
        if dtype is not None and dtype != layer.w.dtype:
            raise ValueError(f"layer {i}, {layer!r}, is {layer.w.dtype}, but the layers before are {dtype}")
        units, dtype = layer.n_outputs, layer.w.dtype
    if not layers or not isinstance(layers[0], Linear):
        raise ValueError("a network starts with a Linear layer, which says how many features a sample has")


class MLP(Sequential):
    """A network of fully connected layers, of any depth: aˡ = σ(wˡ aˡ⁻¹ + bˡ).

    Parameters
    ----------
    sizes : sequence of int
        The number of features of a sample, then of the units of each layer.
    hidden, output : type of Layer or None
        The activation of the hidden layers and of the last one; None for none, that is a = z.
    bias : bool
        Whether there are biases.
    seed : int or numpy.random.Generator, optional
        For the initial weights.
    dtype : floating dtype

    Raises
    ------
    ValueError
        If there are less than two sizes, or one is less than 1.

    Examples
    --------
    >>> from nets import MLP, Tanh
    >>> MLP([2, 3, 1], hidden=Tanh, output=None)
    MLP([2, 3, 1], hidden=Tanh, output=None)
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        hidden: type[Layer] | None = Sigmoid,
        output: type[Layer] | None = Sigmoid,
        bias: bool = True,
        seed: int | np.random.Generator | None = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        if not isinstance(sizes, Sequence) or len(sizes) < 2:
            raise ValueError(f"MLP takes a list of at least two sizes, such as [3, 4, 1], not {sizes!r}")
        rng = np.random.default_rng(seed)
        layers: list[Layer] = []
        for i, (n_inputs, n_outputs) in enumerate(pairwise(sizes)):
            layers.append(Linear(n_inputs, n_outputs, bias=bias, seed=rng, dtype=dtype))
            activation = hidden if i < len(sizes) - 2 else output
            if activation is not None:
                layers.append(activation())
        super().__init__(*layers)
        self.sizes = tuple(int(n) for n in sizes)
        self.hidden, self.output, self.bias = hidden, output, bias

    def __repr__(self) -> str:
        options = ""
        for name, activation in (("hidden", self.hidden), ("output", self.output)):
            if activation is not Sigmoid:
                options += f", {name}={activation.__name__ if activation else None}"
        if not self.bias:
            options += ", bias=False"
        if self.dtype != np.float64:
            options += f", dtype={self.dtype}"
        return f"MLP({list(self.sizes)}{options})"
