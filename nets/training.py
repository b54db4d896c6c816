"""Gradient descent on small batches, epoch after epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor
from nets.costs import quadratic_cost
from nets.inputs import Array
from nets.optimizers import GradientDescent, Optimizer

Cost = Callable[[Tensor, Any], Tensor]
CHUNK = 1024  # samples that are evaluated at once: enough to keep NumPy busy, few enough to fit in memory


class Network(Protocol):
    """What can be trained."""

    dtype: np.dtype[Any]

    def __call__(self, x: npt.ArrayLike | Tensor) -> Tensor: ...

    def parameters(self) -> dict[str, Tensor]: ...


@dataclass
class History:
    """How the cost and the accuracy went: an entry for the untrained network, then one after each epoch.

    Attributes
    ----------
    cost, accuracy : list of float
        On the samples trained with: the cost per sample, and the share of samples that come out right.
    held_out_cost, held_out_accuracy : list of float
        The same on the samples held out; empty if there are none.
    """

    cost: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    held_out_cost: list[float] = field(default_factory=list)
    held_out_accuracy: list[float] = field(default_factory=list)

    @property
    def epochs(self) -> int:
        """The number of epochs that are over."""
        return len(self.cost) - 1

    def __repr__(self) -> str:
        text = f"History({self.epochs} epochs"
        if self.cost:
            text += f": cost {self.cost[0]:.4g} to {self.cost[-1]:.4g}, accuracy {self.accuracy[-1]:.1%}"
        if self.held_out_accuracy:
            text += f", held out {self.held_out_accuracy[-1]:.1%}"
        return text + ")"


def train(
    net: Network,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int | np.random.Generator | None = None,
    progress: bool = True,
    held_out: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    cost: Cost = quadratic_cost,
    optimizer: Callable[[dict[str, Tensor], float], Optimizer] = GradientDescent,
    compile: bool = False,
) -> History:
    """Train a network on batches of samples, drawn anew without replacement in every epoch.

    Parameters
    ----------
    net : TwoLayerNet, MLP or Sequential
        Its parameters are updated in place.
    x : array_like, shape (features, samples)
    y : array_like, shape (outputs, samples)
    epochs : int
        How often each sample is used.
    batch_size : int
        Samples for one step. The last batch of an epoch is smaller if they do not divide evenly.
    learning_rate : float
        The cost is a sum over the batch: a batch twice as large takes steps twice as long.
    seed : int or numpy.random.Generator, optional
        For the order of the samples.
    progress : bool
        Whether to show a progress bar on stderr. Without the package tqdm there is none.
    held_out : tuple (x, y), optional
        Samples not to be trained with, on which cost and accuracy are taken as well.
    cost : callable
        ``cost(a, y)`` of the outputs and targets of a batch, as `quadratic_cost` and `cross_entropy_cost`.
    optimizer : callable
        ``optimizer(parameters, learning_rate)``, such as `GradientDescent`, `Momentum`, `Adam`, or
        ``functools.partial(Momentum, momentum=0.5)``.
    compile : bool
        Whether to record a step once and replay it, as `autograd_lite.compile` does: faster, same results.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        If a shape does not fit the network, x and y differ in the number of samples, or a number is out of range.
    FloatingPointError
        If the cost is not finite any more.

    Examples
    --------
    >>> import numpy as np
    >>> from nets import TwoLayerNet, train
    >>> x = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]]).T
    >>> y = np.array([[0, 1, 1, 0]])
    >>> net = TwoLayerNet(3, 4, 1, bias=False, seed=1)
    >>> history = train(net, x, y, epochs=1000, batch_size=4, learning_rate=5, progress=False)
    >>> history.accuracy[-1]
    1.0
    """
    for name, value, least in (("epochs", epochs, 0), ("batch_size", batch_size, 1)):
        if not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(f"{name} is an integer of at least {least}, not {value!r}")
    rng = np.random.default_rng(seed)
    x, y = np.asarray(x), np.asarray(y)
    follow = optimizer(net.parameters(), learning_rate)
    history = History()

    def step(inputs: Array, outputs: Array) -> None:
        follow.zero_grad()
        cost(net(inputs), outputs).backward()
        follow.step()

    def take_stock() -> None:
        """Add to the history where the network stands."""
        known = evaluate(net, x, y, cost=cost)
        history.cost.append(known.cost)
        history.accuracy.append(known.accuracy)
        if held_out is not None:
            unknown = evaluate(net, *held_out, cost=cost)
            history.held_out_cost.append(unknown.cost)
            history.held_out_accuracy.append(unknown.accuracy)
        if not isfinite(history.cost[-1]):
            raise FloatingPointError(
                f"the cost is {history.cost[-1]} after {history.epochs} epochs of learning_rate={learning_rate:g}; "
                "try a smaller one"
            )

    take_stock()  # which also refuses shapes that do not fit, before anything is changed
    # as rows, samples lie together in memory, and drawing a batch copies whole rows
    samples, targets = (np.ascontiguousarray(columns.T, net.dtype) for columns in (x, y))
    n = len(samples)
    descend = ag.compile(step) if compile else step
    with progress_bar(epochs if progress else None) as bar:
        for _ in range(epochs):
            order = rng.permutation(n)
            for start in range(0, n, batch_size):
                chosen = order[start : start + batch_size]
                descend(samples[chosen].T, targets[chosen].T)
            take_stock()
            if bar is not None:
                shown = history.held_out_accuracy or history.accuracy
                bar.set_postfix(cost=f"{history.cost[-1]:.4f}", accuracy=f"{shown[-1]:.1%}", refresh=False)
                bar.update()
    return history


def progress_bar(epochs: int | None) -> Any:
    """A tqdm bar, or a context that gives None: without epochs to count, or without tqdm."""
    if epochs is None:
        return nullcontext()
    try:
        from tqdm import tqdm
    except ImportError:  # the bar is a convenience, not worth refusing to train
        return nullcontext()
    form = "{desc} |{bar}| {n}/{total} epochs [{elapsed}<{remaining}{postfix}]"
    return tqdm(total=epochs, desc="training", ncols=79, bar_format=form)


# How good a network is ------------------------------------------------------------------------------------------


class Evaluation(NamedTuple):
    """The cost per sample, and the share of samples that come out right."""

    cost: float
    accuracy: float


def evaluate(net: Network, x: npt.ArrayLike, y: npt.ArrayLike, *, cost: Cost = quadratic_cost) -> Evaluation:
    """The cost per sample, and the share of samples that come out right.

    A sample is right if its largest output is where its largest target is; with a single output, if output and
    target are on the same side of ½.

    Parameters
    ----------
    net : TwoLayerNet, MLP or Sequential
    x : array_like, shape (features, samples)
    y : array_like, shape (outputs, samples)
    cost : callable

    Returns
    -------
    Evaluation
        The named tuple ``(cost, accuracy)``.

    Raises
    ------
    ValueError
        If x or y is of another shape, or holds no sample.

    Examples
    --------
    >>> import numpy as np
    >>> from nets import TwoLayerNet, evaluate
    >>> evaluate(TwoLayerNet(3, 4, 1, seed=0), np.zeros((3, 2)), [[0, 1]]).accuracy
    0.5
    """
    x, y = np.asarray(x), np.asarray(y)
    total, right, n = 0.0, 0, 0
    with ag.no_grad():
        for inputs, targets in chunks(x, y):
            a = net(inputs)
            total += cost(a, targets).item()
            right += int(np.sum(decided(a.data) == decided(targets)))
            n += a.shape[1]
    if n == 0:
        raise ValueError(f"there is no sample to evaluate in x of shape {x.shape}")
    return Evaluation(total / n, right / n)


def chunks(x: Array, y: Array) -> Iterator[tuple[Array, Array]]:
    """Both in parts of some columns; as they are if they do not belong together, for the network to refuse."""
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        yield x, y
        return
    for start in range(0, x.shape[1], CHUNK):
        yield x[:, start : start + CHUNK], y[:, start : start + CHUNK]


def decided(a: Array) -> Array:
    """The class that each column stands for."""
    classes: Array = np.argmax(a, axis=0) if len(a) > 1 else a[0] > 0.5
    return classes
