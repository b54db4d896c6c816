"""What networks have in common, however their forward pass is written: parameters by name, a cost, a table of layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from autograd_lite import Tensor

from .arguments import is_whole, look_up
from .costs import quadratic_cost
from .inputs import Array, are_rows

Initial = Union[str, Callable[[int, int, np.random.Generator], Any]]


def nielsen(n_outputs: int, n_inputs: int, rng: np.random.Generator) -> Array:
    """Normal with variance 1 / n_inputs: weighted inputs start at a size where σ is not flat (Nielsen, ch. 3)."""
    return rng.standard_normal((n_outputs, n_inputs)) / np.sqrt(n_inputs)


def glorot(n_outputs: int, n_inputs: int, rng: np.random.Generator) -> Array:
    """Uniform with variance 2 / (n_inputs + n_outputs): for tanh (Glorot and Bengio, 2010, Eq 16)."""
    limit = np.sqrt(6 / (n_inputs + n_outputs))
    return rng.uniform(-limit, limit, (n_outputs, n_inputs))


def he(n_outputs: int, n_inputs: int, rng: np.random.Generator) -> Array:
    """Normal with variance 2 / n_inputs: for ReLU, which passes half of its inputs on (He et al., 2015, Eq 10)."""
    return rng.standard_normal((n_outputs, n_inputs)) * np.sqrt(2 / n_inputs)


INITIALISATIONS: dict[str, Callable[[int, int, np.random.Generator], Any]] = {"nielsen": nielsen, "glorot": glorot, "he": he}
"""How weights start; one of your own is called with the numbers of outputs and inputs and a random generator."""


def check_sizes(**sizes: Any) -> None:
    """Refuse numbers of units that are not positive integers."""
    for name, n in sizes.items():
        if not is_whole(n, 1):
            raise ValueError(f"{name} is a number of units, an integer of at least 1, not {n!r}")


def write_options(bias: bool, dtype: np.dtype[Any]) -> str:
    """The options of a layer that are not the usual ones, as they stand in a call."""
    return ("" if bias else ", bias=False") + ("" if dtype == np.float64 else f", dtype={dtype}")


def initial_weights(n_outputs: int, n_inputs: int, rng: np.random.Generator, initial: Initial) -> Array:
    """Weights of shape (n_outputs, n_inputs) to start with."""
    make = look_up("initialisation", initial, INITIALISATIONS)
    if not callable(make):
        known = ", ".join(map(repr, INITIALISATIONS))
        raise TypeError(f"initial is one of {known} or a function of (n_outputs, n_inputs, rng), not {initial!r}")
    weights = np.asarray(make(int(n_outputs), int(n_inputs), rng))
    if weights.shape != (n_outputs, n_inputs):
        raise ValueError(f"initial gave weights of shape {weights.shape}, expected {(int(n_outputs), int(n_inputs))}")
    return weights


class KeepsNames:
    """What parameters belong to: a Tensor in the place of another is called as that one, unless it has a name. An array there
    would never be learned."""

    def __setattr__(self, name: str, value: Any) -> None:
        now = self.__dict__.get(name)
        if isinstance(value, Tensor):
            if value.name is None:
                value.name = getattr(now, "name", None)
        elif isinstance(now, Tensor) and now.requires_grad and now.is_leaf and value is not None:
            raise TypeError(
                f"{name} is a parameter, which only another Tensor can replace, not {type(value).__name__}: write "
                f"{name}.data = array for other values"
            )
        super().__setattr__(name, value)


class Network(KeepsNames):
    """A network that has parameters by name, and is called with samples.

    Attributes
    ----------
    n_inputs : int
    dtype : dtype
    samples : 'columns' or 'rows'
        How samples lie in what the network takes and gives.
    rows : bool
        Whether they are rows.
    name : str or None
        What it is called as part of another network.
    """

    n_inputs: int
    dtype: np.dtype[Any]
    samples: str
    rows: bool
    name: str | None = None

    def _complete(self, first: Any, samples: str) -> None:
        """What is left to do when the layers are there, of which `first` says what goes in."""
        self.rows, self.samples = are_rows(samples), samples
        self.n_inputs, self.dtype = first.n_inputs, first.w.dtype
        for name, p in self.parameters().items():
            p.name = name

    def _output(self, x: npt.ArrayLike | Tensor) -> Tensor:
        """The output as columns, of samples as the network takes them."""
        raise NotImplementedError

    def _by_layer(self) -> list[tuple[str, str, dict[str, Tensor]]]:
        """For each layer its title, what it does, and its parameters by name."""
        raise NotImplementedError

    def _signature(self) -> str:
        """The call that makes such a network."""
        raise NotImplementedError

    def parameters(self) -> dict[str, Tensor]:
        """The Tensors to be learned, by name: those that the network computes with now."""
        raise NotImplementedError

    def __call__(self, x: npt.ArrayLike | Tensor) -> Tensor:
        """The output of the last layer.

        Parameters
        ----------
        x : array_like or Tensor, shape (features, batch)
            Converted to the dtype of the network; an array that has it already is not copied. With
            ``samples='rows'``, of shape (batch, features).

        Returns
        -------
        Tensor, shape (outputs, batch)
            With ``samples='rows'``, of shape (batch, outputs).

        Raises
        ------
        ValueError
            If x is of another shape.
        """
        a = self._output(x)
        return a.T if self.rows else a

    def cost(self, x: npt.ArrayLike | Tensor, y: npt.ArrayLike | Tensor) -> Tensor:
        """The quadratic cost C of a batch (Eq A); for another cost write ``cross_entropy_cost(net(x), y)``.

        Parameters
        ----------
        x : array_like or Tensor, shape (features, batch)
        y : array_like or Tensor, shape (outputs, batch)
            With ``samples='rows'``, both have samples as rows.

        Returns
        -------
        Tensor of a single number

        Raises
        ------
        ValueError
            If x or y is of another shape.
        """
        return quadratic_cost(self(x), y, samples=self.samples)

    def _options(self, of_layers: str = "") -> str:
        name = f", name={self.name!r}" if self.name else ""
        return name + of_layers + (", samples='rows'" if self.rows else "")

    def __repr__(self) -> str:
        rows = [
            (title, kind, [f"{name} {p.shape}" for name, p in own.items()], sum(p.size for p in own.values()))
            for title, kind, own in self._by_layer()
        ]
        columns = max(len(shapes) for _, _, shapes, _ in rows)
        table = [[title, kind, *shapes, *[""] * (columns - len(shapes))] for title, kind, shapes, _ in rows]
        widths = [max(map(len, column)) for column in zip(*table)]
        counts = [f"{n:,}" for *_, n in rows]
        total = f"{sum(n for *_, n in rows):,}"
        lines = ["  ".join(map(str.ljust, cells, widths)) for cells in table]
        end = "parameters".ljust(sum(widths) + 2 * (len(widths) - 1))
        body = [f"  {line}  {count:>{len(total)}}" for line, count in zip([*lines, end], [*counts, total])]
        return "\n".join([self._signature(), *body])
