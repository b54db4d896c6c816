"""The chapter's network: two layers of sigmoid neurons."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

from .inputs import as_generator, as_inputs
from .layers import Linear
from .network import Initial, Network, check_sizes, write_options


class Forward(NamedTuple):
    """What the two layers compute: weighted inputs z and activations a, each of shape (units, batch)."""

    z1: Tensor
    a1: Tensor
    z2: Tensor
    a2: Tensor


class TwoLayerNet(Network):
    """z1 = w1 a0 + b1, a1 = σ(z1), z2 = w2 a1 + b2, a2 = σ(z2); columns are samples.

    Parameters
    ----------
    n_inputs, n_hidden, n_outputs : int
        The number of features of a sample, of units in the first layer, and in the second.
    bias : bool
        Whether there are b1 and b2. Without them, both are None.
    initial : 'nielsen', 'glorot', 'he' or callable
        How the weights start, see `INITIALISATIONS`: normal with variance 1 / (number of inputs of the layer) by
        default. Biases start at 0.
    seed : int or numpy.random.Generator, optional
        For the initial weights.
    dtype : floating dtype
    samples : 'columns' or 'rows'
        With rows, x has shape (batch, n_inputs), and the outputs (batch, n_outputs).

    Attributes
    ----------
    w1, b1, w2, b2 : Tensor, shapes (n_hidden, n_inputs), (n_hidden, 1), (n_outputs, n_hidden), (n_outputs, 1)

    Raises
    ------
    ValueError
        If a size is less than 1.

    Examples
    --------
    >>> import numpy as np
    >>> from nets import TwoLayerNet
    >>> net = TwoLayerNet(3, 4, 1, bias=False, seed=0)
    >>> x = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]]).T
    >>> net
    TwoLayerNet(3, 4, 1, bias=False)
      layer 1  Linear, Sigmoid  w1 (4, 3)  12
      layer 2  Linear, Sigmoid  w2 (1, 4)   4
      parameters                           16
    >>> net(x).shape
    (1, 4)
    >>> C = net.cost(x, [[0, 1, 1, 0]])
    >>> C.backward()
    >>> net.w1.grad.shape
    (4, 3)
    """

    def __init__(
        self,
        n_inputs: int,
        n_hidden: int,
        n_outputs: int,
        *,
        bias: bool = True,
        initial: Initial = "nielsen",
        seed: int | np.random.Generator | None = None,
        dtype: npt.DTypeLike = np.float64,
        samples: str = "columns",
    ) -> None:
        check_sizes(n_inputs=n_inputs, n_hidden=n_hidden, n_outputs=n_outputs)
        options: Any = {"bias": bias, "initial": initial, "seed": as_generator(seed), "dtype": dtype}
        first, second = Linear(n_inputs, n_hidden, **options), Linear(n_hidden, n_outputs, **options)
        self.w1, self.b1, self.w2, self.b2 = first.w, first.b, second.w, second.b
        self.sizes = (first.n_inputs, second.n_inputs, second.n_outputs)
        self._complete(first, samples)

    def forward(self, x: npt.ArrayLike | Tensor) -> Forward:
        """All that the network computes on the way to its output.

        Parameters
        ----------
        x : array_like or Tensor, shape (n_inputs, batch)
            Converted to the dtype of the network; an array that has it already is not copied.

        Returns
        -------
        Forward
            The named tuple ``(z1, a1, z2, a2)``, whose columns are samples, as in the equations.

        Raises
        ------
        ValueError
            If x is of another shape.
        """
        a0 = as_inputs(x, self.sizes[0], self.dtype, self.rows)
        z1 = ag.linear(self.w1, a0, self.b1)
        a1 = ag.sigmoid(z1)
        z2 = ag.linear(self.w2, a1, self.b2)
        a2 = ag.sigmoid(z2)
        z1.name, a1.name, z2.name, a2.name = "z1", "a1", "z2", "a2"
        if a2.requires_grad:
            # as `with name_scope(...)` around each layer, which takes 1 µs of the 25 µs of a small step
            z1.scope += ("layer 1",)
            a1.scope += ("layer 1",)
            z2.scope += ("layer 2",)
            a2.scope += ("layer 2",)
        return Forward(z1, a1, z2, a2)

    def _output(self, x: npt.ArrayLike | Tensor) -> Tensor:
        return self.forward(x).a2

    def parameters(self) -> dict[str, Tensor]:
        every = {"w1": self.w1, "b1": self.b1, "w2": self.w2, "b2": self.b2}
        return {name: p for name, p in every.items() if p is not None}

    def _by_layer(self) -> list[tuple[str, str, dict[str, Tensor]]]:
        parameters = self.parameters()
        layers = [{name: p for name, p in parameters.items() if name.endswith(number)} for number in "12"]
        return [(f"layer {i}", "Linear, Sigmoid", own) for i, own in enumerate(layers, start=1)]

    def _signature(self) -> str:
        options = self._options(write_options(self.b1 is not None, self.dtype))
        return f"{type(self).__name__}({', '.join(map(str, self.sizes))}{options})"
