"""Layers, and networks of any depth made of them.

A layer maps a Tensor of shape ``(features, batch)`` to another. A `Linear` layer has parameters and starts a layer
in the sense of the equations, zˡ = wˡ aˡ⁻¹ + bˡ; the activation after it, aˡ = σ(zˡ), belongs to the same one. A
network names its Tensors accordingly: w1, b1, z1, a1, w2, ...
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import count, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

from .inputs import are_rows, as_generator, as_inputs
from .arguments import check_flags, look_up
from .network import Initial, KeepsNames, Network, check_sizes, initial_weights, write_options


class Layer:
    """What maps a Tensor of shape (features, batch) to another."""

    def parameters(self) -> dict[str, Tensor]:
        """The Tensors to be learned, by name."""
        return {}

    def __call__(self, a: npt.ArrayLike | Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} is no layer yet: define __call__(self, a)")

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Linear(KeepsNames, Layer):
    """z = w a + b.

    Parameters
    ----------
    n_inputs, n_outputs : int
    bias : bool
        Whether there is b; else it is None.
    initial : 'nielsen', 'glorot', 'he' or callable
        How the weights start, see `INITIALISATIONS`: normal with variance 1 / n_inputs by default. The bias starts at 0.
    seed : int or numpy.random.Generator, optional
        For the initial weights.
    dtype : floating dtype

    Attributes
    ----------
    w, b : Tensor, shapes (n_outputs, n_inputs) and (n_outputs, 1)
        They may be replaced by other Tensors.

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
        initial: Initial = "nielsen",
        seed: int | np.random.Generator | None = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        check_sizes(n_inputs=n_inputs, n_outputs=n_outputs)
        check_flags(bias=bias)
        weights = initial_weights(n_outputs, n_inputs, as_generator(seed), initial)
        self.w = Tensor(weights, requires_grad=True, dtype=dtype, name="w")
        self.b = Tensor(np.zeros((n_outputs, 1)), requires_grad=True, dtype=dtype, name="b") if bias else None
        self.n_inputs, self.n_outputs = int(n_inputs), int(n_outputs)

    def parameters(self) -> dict[str, Tensor]:
        return {"w": self.w} if self.b is None else {"w": self.w, "b": self.b}

    def __call__(self, a: npt.ArrayLike | Tensor) -> Tensor:
        return ag.linear(self.w, a, self.b)

    def __repr__(self) -> str:
        return f"Linear({self.n_inputs}, {self.n_outputs}{write_options(self.b is not None, self.w.dtype)})"


class Sigmoid(Layer):
    """a = σ(z) = 1 / (1 + e⁻ᶻ).

    Examples
    --------
    >>> import autograd_lite as ag
    >>> from nets import Sigmoid
    >>> Sigmoid()(ag.Tensor([[0.0, 40.0]]))
    Tensor([[0.5, 1. ]])
    """

    def __call__(self, z: npt.ArrayLike | Tensor) -> Tensor:
        return ag.sigmoid(ag.as_tensor(z))


class Tanh(Layer):
    """a = tanh z.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> from nets import Tanh
    >>> Tanh()(ag.Tensor([[0.0, 20.0]]))
    Tensor([[0., 1.]])
    """

    def __call__(self, z: npt.ArrayLike | Tensor) -> Tensor:
        return ag.as_tensor(z).tanh()


class ReLU(Layer):
    """a = max(z, 0).

    Examples
    --------
    >>> import autograd_lite as ag
    >>> from nets import ReLU
    >>> ReLU()(ag.Tensor([[-1.0, 2.0]]))
    Tensor([[0., 2.]])
    """

    def __call__(self, z: npt.ArrayLike | Tensor) -> Tensor:
        return ag.relu(ag.as_tensor(z))


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

    def __call__(self, z: npt.ArrayLike | Tensor) -> Tensor:
        return ag.softmax(ag.as_tensor(z), axis=0)


ACTIVATIONS: dict[str, type[Layer] | None] = {
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "relu": ReLU,
    "softmax": Softmax,
    "linear": None,
}
"""The layer of each activation by its name; None for a = z."""


class Sequential(Network):
    """Layers applied one after the other.

    Parameters
    ----------
    *layers : Layer or str
        The first is Linear. A Sequential among them stands for its layers, and "tanh" for Tanh(). One whose class
        overrides ``__call__`` does more than they do, and stays whole: its parameters are called ``residual.w1``, ..., by
        its name or else that of its class.
    name : str, optional
        For a network that becomes part of another: its parameters are called ``name.w1``, ``name.b1``, ... there.
        Without it, they are counted along with the others.
    samples : 'columns' or 'rows'
        With rows, x has shape (batch, features), and the outputs (batch, outputs).

    Attributes
    ----------
    layers : tuple of Layer

    Raises
    ------
    TypeError
        If something else than a layer is given, or one that does not give all of its parameters.
    ValueError
        If a layer does not take what the one before it gives, differs from it in dtype, or stands there twice, or a
        network among them has rows as samples where the whole has columns.

    Examples
    --------
    >>> import numpy as np
    >>> from nets import Linear, Sequential, Sigmoid, Tanh
    >>> net = Sequential(Linear(2, 3, seed=0), Tanh(), Linear(3, 1, seed=1), Sigmoid())
    >>> net
    Sequential(Linear(2, 3), Tanh(), Linear(3, 1), Sigmoid())
      layer 1  Linear, Tanh     w1 (3, 2)  b1 (3, 1)   9
      layer 2  Linear, Sigmoid  w2 (1, 3)  b2 (1, 1)   4
      parameters                                      13
    >>> net(np.zeros((2, 5))).name
    'a2'
    >>> encoder = Sequential(Linear(4, 2), Tanh(), name="encoder")
    >>> list(Sequential(encoder, Linear(2, 4), name="decoder").parameters())
    ['encoder.w1', 'encoder.b1', 'w1', 'b1']
    """

    def __init__(self, *layers: Layer | Sequential | str, name: str | None = None, samples: str = "columns") -> None:
        if name is not None and not (isinstance(name, str) and name and "." not in name):
            raise ValueError(f"the name of a network is a word without a dot, not {name!r}")
        flat: list[tuple[Any, str]] = []
        for layer in layers:
            if isinstance(layer, Sequential) and not overrides_call(layer):
                if layer.rows and not are_rows(samples):
                    raise ValueError(
                        f"{layer._signature()} has samples='rows', and the network that it becomes part of has columns: say "
                        "samples='rows' of that"
                    )
                within = f"{layer.name}." if layer.name else ""
                flat.extend((inner, within + prefix) for inner, prefix in zip(layer.layers, layer.prefixes))
            elif isinstance(layer, str):
                activation = look_up("layer or activation", layer, ACTIVATIONS)
                flat.extend([(activation(), "")] if activation else [])
            else:
                flat.append((layer, ""))
        self._compose(flat, name, samples)

    def _compose(self, flat: Sequence[tuple[Any, str]], name: str | None, samples: str) -> None:
        """Layers with the dotted path of the network that each belongs to."""
        self.name = name
        self.layers: tuple[Layer, ...] = tuple(layer for layer, _ in flat)
        self.prefixes: tuple[str, ...] = tuple(prefix for _, prefix in flat)
        check_layers(self.layers)
        # for each layer: its scope, the name of its result, the title of what it belongs to, and what stands before and
        # after the names of parameters
        self._steps: list[tuple[Layer, Any, str, str, str, str]] = []
        counts: Counter[str] = Counter()
        for (layer, prefix), following in zip(flat, [*self.layers[1:], None]):
            last = following is None or isinstance(following, (Linear, Sequential))
            if isinstance(layer, Linear):
                current = prefix
                counts[current] += 1
                number = str(counts[current])
                title = f"{current}layer {number}"
                scope = ag.name_scope(title)
                result = f"{current}z{number}"
            elif isinstance(layer, Sequential):
                title = prefix + (layer.name or type(layer).__name__.lower())
                counts[title] += 1
                title += str(counts[title]) if counts[title] > 1 else ""
                current, number = f"{title}.", ""
                scope = ag.name_scope(title)
                result = f"{current}a" if last else f"{current}z"
            else:
                result = f"{current}a{number}" if last else type(layer).__name__.lower()
            self._steps.append((layer, scope, result, title, current, number))
        first: Any = self.layers[0]
        while isinstance(first, Sequential):
            first = first.layers[0]
        self._complete(first, samples)

    def _output(self, x: npt.ArrayLike | Tensor) -> Tensor:
        a = as_inputs(x, self.n_inputs, self.dtype, self.rows)
        for layer, scope, name, *_ in self._steps:
            with scope:
                a = layer(a)
            try:
                a.name = name
            except AttributeError:
                raise TypeError(
                    f"a layer gives a Tensor, but {type(layer).__name__} gave {type(a).__name__}: compute with the Tensor that "
                    "it is called with, not with its data"
                ) from None
        return a

    def parameters(self) -> dict[str, Tensor]:
        return {name: p for _, _, own in self._by_layer() for name, p in own.items()}

    def _by_layer(self) -> list[tuple[str, str, dict[str, Tensor]]]:
        found: dict[str, tuple[list[str], dict[str, Tensor]]] = {}
        every: dict[str, Tensor] = {}
        for layer, _, _, title, prefix, number in self._steps:
            kinds, own = found.setdefault(title, ([], {}))
            kinds.append(type(layer).__name__)
            for name, p in layer.parameters().items():
                first = unique = f"{prefix}{name}{number}"
                again = count(2)
                while every.get(unique, p) is not p:  # several layers of one number may call theirs alike
                    unique = f"{first}_{next(again)}"
                every[unique] = own[unique] = p
        return [(title, ", ".join(kinds), own) for title, (kinds, own) in found.items()]

    def _signature(self) -> str:
        return f"{type(self).__name__}({', '.join(map(write_layer, self.layers))}{self._options()})"


def overrides_call(net: Network) -> bool:
    """Whether it does something else than its layers one after the other."""
    return type(net).__call__ is not Network.__call__


def write_layer(layer: Any) -> str:
    """In one line, without a table."""
    return layer._signature() if isinstance(layer, Network) else repr(layer)


def check_layers(layers: Sequence[Any]) -> None:
    """Refuse layers that do not fit together."""
    units, dtype = None, None
    for i, layer in enumerate(layers):
        if not isinstance(layer, (Layer, Sequential)):
            help = f"; write {layer.__name__}()" if isinstance(layer, type) and issubclass(layer, Layer) else ""
            raise TypeError(f"layer {i} is {layer!r}, not a layer such as Linear(3, 2) or Sigmoid(){help}")
        if any(layer is other for other in layers[:i]):
            raise ValueError(f"layer {i}, {write_layer(layer)}, stands in the network twice; make a second one")
        check_inside(i, layer)
        if isinstance(layer, Softmax) and units == 1:
            raise ValueError(f"layer {i} is Softmax of a single unit, which is 1 whatever it takes; use Sigmoid")
        if isinstance(layer, Sequential):
            if layer.rows:
                raise ValueError(f"layer {i}, {write_layer(layer)}, is called with columns, and made with samples='rows'")
            its_dtype = layer.dtype
        elif isinstance(layer, Linear):
            its_dtype = layer.w.dtype
        else:
            continue
        if isinstance(layer, Linear) and units is not None and units != layer.n_inputs:
            raise ValueError(
                f"layer {i}, {layer!r}, takes {layer.n_inputs} features, but the layers before give {units}"
            )
        if dtype is not None and dtype != its_dtype:
            raise ValueError(f"layer {i}, {write_layer(layer)}, is {its_dtype}, but the layers before are {dtype}")
        # what a network gives that does more than its layers is known when it is called
        units, dtype = layer.n_outputs if isinstance(layer, Linear) else None, its_dtype
    if not layers or not isinstance(layers[0], (Linear, Sequential)):
        raise ValueError("a network starts with a Linear layer, which says how many features a sample has")


def check_inside(i: int, layer: Layer | Sequential) -> None:
    """Refuse a layer that does not give all parameters in its attributes: the others would never be learned."""
    given = list(layer.parameters().values())
    for attribute, value in vars(layer).items():
        for inner in value if isinstance(value, (list, tuple)) else [value]:
            found = {"": inner} if isinstance(inner, Tensor) else {}
            if isinstance(inner, (Layer, Network)):
                found = {f".{name}": p for name, p in inner.parameters().items()}
            for name, p in found.items():
                if p.requires_grad and p.is_leaf and not any(p is other for other in given):
                    raise TypeError(
                        f"layer {i}, {type(layer).__name__}, holds a parameter in {attribute}{name} that its parameters() do not "
                        "give, so that it would not be learned: define parameters(self), which returns a dict of all by name, "
                        "or set requires_grad = False on what is not to be learned"
                    )


class MLP(Sequential):
    """A network of fully connected layers, of any depth: aˡ = σ(wˡ aˡ⁻¹ + bˡ).

    Parameters
    ----------
    sizes : sequence of int
        The number of features of a sample, then of the units of each layer.
    hidden, output : 'sigmoid', 'tanh', 'relu', 'softmax', 'linear', type of Layer or None
        The activation of the hidden layers and of the last one; 'linear' or None for none, that is a = z.
    bias : bool
        Whether there are biases.
    initial : 'nielsen', 'glorot', 'he' or callable
        How the weights start, see `INITIALISATIONS`: normal with variance 1 / n_inputs by default.
    seed : int or numpy.random.Generator, optional
        For the initial weights.
    dtype : floating dtype
    samples : 'columns' or 'rows'
        With rows, x has shape (batch, features), and the outputs (batch, outputs).
    name : str, optional
        For a network that becomes part of another, see `Sequential`.

    Raises
    ------
    TypeError
        If an activation is something else.
    ValueError
        If there are less than two sizes, one is less than 1, or there is no activation of that name.

    Examples
    --------
    >>> from nets import MLP
    >>> MLP([2, 3, 1], hidden="tanh", output=None)
    MLP([2, 3, 1], hidden=Tanh, output=None)
      layer 1  Linear, Tanh  w1 (3, 2)  b1 (3, 1)   9
      layer 2  Linear        w2 (1, 3)  b2 (1, 1)   4
      parameters                                   13
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        hidden: str | type[Layer] | None = Sigmoid,
        output: str | type[Layer] | None = Sigmoid,
        bias: bool = True,
        initial: Initial = "nielsen",
        seed: int | np.random.Generator | None = None,
        dtype: npt.DTypeLike = np.float64,
        samples: str = "columns",
        name: str | None = None,
    ) -> None:
        if not isinstance(sizes, (list, tuple, np.ndarray, range)) or len(sizes) < 2:
            raise ValueError(f"MLP takes a list of at least two sizes, such as [3, 4, 1], not {sizes!r}")
        rng = as_generator(seed)
        self.hidden, self.output = as_activation("hidden", hidden), as_activation("output", output)
        self.bias = bias
        layers: list[Layer] = []
        for i, (n_inputs, n_outputs) in enumerate(pairwise(sizes)):
            layers.append(Linear(n_inputs, n_outputs, bias=bias, initial=initial, seed=rng, dtype=dtype))
            activation = self.hidden if i < len(sizes) - 2 else self.output
            if activation is not None:
                layers.append(activation())
        super().__init__(*layers, name=name, samples=samples)
        self.sizes = tuple(int(n) for n in sizes)

    def _signature(self) -> str:
        options = ""
        for name, activation in (("hidden", self.hidden), ("output", self.output)):
            if activation is not Sigmoid:
                options += f", {name}={activation.__name__ if activation else None}"
        return f"{type(self).__name__}({list(self.sizes)}{options}{self._options(write_options(self.bias, self.dtype))})"


def as_activation(argument: str, given: Any) -> type[Layer] | None:
    activation = look_up("activation", given, ACTIVATIONS)
    if activation is None or isinstance(activation, type) and issubclass(activation, Layer):
        return activation
    help = f"; write {type(given).__name__}, the class" if isinstance(given, Layer) else ""
    known = ", ".join(map(repr, ACTIVATIONS))
    raise TypeError(f"{argument} is an activation, one of {known} or a class such as Tanh, not {given!r}{help}")
