"""Gradient descent on small batches, epoch after epoch."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from math import isfinite, isnan
from typing import Any, NamedTuple, Protocol, Union

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

from .arguments import check_flags, is_number, is_whole, look_up
from .costs import COSTS, l2_penalty, quadratic_cost, sigmoid_cross_entropy_cost, softmax_cross_entropy_cost
from .history import MEASURES, History
from .inputs import Array, are_rows, as_generator, as_plain, one_hot
from .layers import Linear, Sigmoid, Softmax, overrides_call
from .optimizers import Adam, GradientDescent, Momentum, Optimizer
from .two_layer import TwoLayerNet

Cost = Union[str, Callable[..., Tensor]]
Callback = Callable[[Any, History], Any]
OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "gradient_descent": GradientDescent,
    "momentum": Momentum,
    "adam": Adam,
}
CHUNK = 1024  # samples that are evaluated at once: enough to keep NumPy busy, few enough to fit in memory


class Trainable(Protocol):
    """What can be trained."""

    dtype: np.dtype[Any]

    def __call__(self, x: npt.ArrayLike | Tensor) -> Tensor: ...

    def parameters(self) -> dict[str, Tensor]: ...


def train(
    net: Trainable,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float | Callable[[int], float],
    seed: int | np.random.Generator | None = None,
    progress: bool = True,
    held_out: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    cost: Cost = quadratic_cost,
    optimizer: str | Callable[[dict[str, Tensor], float], Optimizer] = GradientDescent,
    l2: float = 0.0,
    patience: int | None = None,
    callbacks: Callback | Sequence[Callback] = (),
    before_update: Callable[[dict[str, Tensor]], Any] | None = None,
    share: tuple[int, int] = (0, 1),
    compile: bool = False,
) -> History:
    """Train a network on batches of samples, drawn anew without replacement in every epoch.

    Ctrl-C ends the training without an error: network and history are those at the end of the last whole epoch.

    Parameters
    ----------
    net : TwoLayerNet, MLP or Sequential
        Its parameters are updated in place.
    x : array_like, shape (features, samples)
    y : array_like, shape (outputs, samples)
        Or the numbers of the classes, integers of shape (samples,), where the network has an output for each. With a
        network of ``samples='rows'``, x and y have a row for each sample.
    epochs : int
        How often each sample is used.
    batch_size : int
        Samples for one step. The last batch of an epoch is smaller if they do not divide evenly.
    learning_rate : float or callable
        A function gives it for each epoch, counted from 0. The cost is a sum over the batch: a batch twice as large
        takes steps twice as long.
    seed : int or numpy.random.Generator, optional
        For the order of the samples.
    progress : bool
        Whether to show a progress bar. Without the package tqdm there is none.
    held_out : tuple (x, y), optional
        Samples not to be trained with, on which cost and accuracy are taken as well.
    cost : str or callable
        "quadratic", "cross_entropy", "log_likelihood", "sigmoid_cross_entropy", "softmax_cross_entropy", or
        ``cost(a, y)`` of the outputs and targets of a batch.
    optimizer : str or callable
        "gradient_descent", "momentum", "adam", or ``optimizer(parameters, learning_rate)``, such as `Adam` or
        ``functools.partial(Momentum, momentum=0.5)``.
    l2 : float
        Adds l2 · ½ Σ w² to the cost of each sample, over all weights and not over biases: `l2_penalty`. To a cost that is
        a mean over the batch it is added once. The history is of the cost without it.
    patience : int, optional
        Stop when for so many epochs the cost of the samples held out, or of all if none are, has not become lower,
        and give the network the parameters of the best epoch.
    callbacks : callable or sequence of them
        ``callback(net, history)`` after each epoch; one that returns True ends the training.
    before_update : callable, optional
        ``before_update(parameters)`` between the backward pass and the update of each step: it may change the gradients
        in ``.grad`` of the parameters, which come by name. Clipping stands on it, and training on several machines.
    share : tuple (rank, size)
        The part of each batch to compute gradients of: every size-th sample, from the one at `rank` on. Where
        `before_update` adds up the gradients of all ranks, the steps are those of a single process.
    compile : bool
        Whether to record a step once and replay it, as `autograd_lite.compile` does: the same results, and sooner where
        there are thousands of small steps.

    Returns
    -------
    History

    Raises
    ------
    TypeError
        If an argument is of another kind.
    ValueError
        If a shape does not fit the network, x and y differ in the number of samples, one holds NaN or infinity, or a
        number is out of range. Then nothing has been changed.
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
    for name, value, least in (("epochs", epochs, 0), ("batch_size", batch_size, 1), ("patience", patience, 1)):
        if not is_whole(value, least) and not (name == "patience" and value is None):
            raise ValueError(f"{name} is an integer of at least {least}, not {value!r}")
    if isinstance(net, type) or not callable(getattr(net, "parameters", None)) or not hasattr(net, "dtype"):
        help = f"; write Sequential({net!r})" if isinstance(net, Linear) else ""
        raise TypeError(f"net is a network, such as MLP([3, 4, 2]), not {net!r}{help}")
    check_flags(progress=progress, compile=compile)
    if not is_number(l2) or not 0 <= l2 < np.inf:
        raise ValueError(f"l2 is a number from 0 up, not {l2!r}")
    l2 = float(l2)
    is_pair = isinstance(share, (tuple, list)) and len(share) == 2 and is_whole(share[0], 0) and is_whole(share[1], 1)
    rank, size = share if is_pair else (1, 0)
    if not rank < size:
        raise ValueError(f"share is (rank, size), two integers with a rank from 0 to size − 1, not {share!r}")
    rng = as_generator(seed)
    callbacks = [callbacks] if callable(callbacks) or not isinstance(callbacks, Sequence) else list(callbacks)
    if not all(map(callable, callbacks)):
        raise TypeError(f"callbacks are functions of the network and the history, not {callbacks!r}")
    if before_update is not None and not callable(before_update):
        raise TypeError(f"before_update is a function of the parameters, not {before_update!r}")
    cost_of = as_cost(cost, net)
    rate = learning_rate if callable(learning_rate) else lambda epoch: learning_rate
    x, y = as_samples(net, x, y)
    unseen = as_held_out(net, held_out)
    rows, parameters = lies_in_rows(net), net.parameters()
    descent = as_optimizer(optimizer, parameters, rate(0))
    history = History()

    def backpropagate(inputs: Array, outputs: Array) -> None:
        descent.zero_grad()
        C = cost_of(net(inputs), outputs)
        if l2:
            C = C + (l2 if mean else l2 * len(inputs if rows else inputs.T)) * l2_penalty(net.parameters())
        C.backward()

    def step(inputs: Array, outputs: Array) -> None:
        backpropagate(inputs, outputs)
        descent.step()

    def take_stock() -> float:
        """Add to the history where the network stands, and give the cost that patience looks at."""
        on_seen = evaluate(net, x, y, cost=cost_of)
        on_unseen = evaluate(net, *unseen, cost=cost_of) if unseen is not None else None
        if not isfinite(on_seen.cost):
            raise FloatingPointError(
                f"the cost is {on_seen.cost} after {len(history.cost)} epochs of learning_rate={descent.learning_rate:g}; "
                "try a smaller one"
            )
        history.cost.append(on_seen.cost)
        history.accuracy.append(on_seen.accuracy)
        if on_unseen is None:
            return on_seen.cost
        history.held_out_cost.append(on_unseen.cost)
        history.held_out_accuracy.append(on_unseen.accuracy)
        return on_unseen.cost

    lowest, best = take_stock(), copies(parameters)  # which also refuses shapes that do not fit
    mean = None if l2 else False
    reached, best_epoch = (best, 1), 0  # parameters, and how long the history is with them
    # as rows, samples lie together in memory, and drawing a batch copies whole rows
    samples, targets = (np.ascontiguousarray(part if rows else part.T, net.dtype) for part in (x, y))
    n = len(samples)
    work = step if before_update is None else backpropagate
    run = ag.compile(work) if compile else work
    with progress_bar(epochs if progress else None) as bar:
        try:
            for epoch in range(epochs):
                descent.learning_rate = rate(epoch)
                if mean is None:
                    mean = is_mean_of(net, cost_of, x, y)
                order = rng.permutation(n)
                for start in range(0, n, batch_size):
                    chosen = order[start : start + batch_size][rank::size]
                    inputs, outputs = samples[chosen], targets[chosen]
                    run(*(inputs, outputs) if rows else (inputs.T, outputs.T))
                    if before_update is not None:
                        before_update(net.parameters())
                        descent.step()
                measured = take_stock()
                reached = (copies(parameters), epoch + 2)
                if measured < lowest:
                    lowest, best, best_epoch = measured, reached[0], epoch + 1
                show(bar, history)
                if any([is_true(callback(net, history)) for callback in callbacks]):
                    history.stopped = "by a callback"
                    break
                if patience is not None and epoch + 1 - best_epoch >= patience:
                    history.stopped = f"no lower cost for {patience} epochs"
                    break
        except KeyboardInterrupt:
            history.stopped = "interrupted"
            put_back(parameters, reached[0])
            for name in MEASURES:
                del getattr(history, name)[reached[1] :]
    if patience is not None:
        history.best_epoch = best_epoch
        put_back(parameters, best)
    return history


# What training is told ------------------------------------------------------------------------------------------


def lies_in_rows(net: Any) -> bool:
    return are_rows(getattr(net, "samples", "columns"))


def as_cost(cost: Any, net: Any) -> Callable[..., Tensor]:
    """A cost of outputs and targets as the network has them, which gives a Tensor."""
    cost = look_up("cost", cost, COSTS)
    if not callable(cost):
        raise TypeError(f"cost is one of {', '.join(map(repr, COSTS))} or a function of (a, y), not {cost!r}")
    if hasattr(cost, "checked_by_train"):
        return cost
    refuse_activation_twice(cost, net)
    if lies_in_rows(net) and innermost(cost) in COSTS.values():
        cost = partial(cost, samples="rows")

    def check_cost(a: Tensor, y: Any) -> Tensor:
        C = cost(a, y)
        if not isinstance(C, Tensor) or C.size != 1:
            what = f"a Tensor of shape {C.shape}" if isinstance(C, Tensor) else type(C).__name__
            raise TypeError(
                f"cost(a, y) gives a Tensor of a single number, such as np.sum((a - y) ** 2), but this one gave {what}"
            )
        return C

    check_cost.checked_by_train = cost  # type: ignore[attr-defined]
    return check_cost


def refuse_activation_twice(cost: Any, net: Any) -> None:
    """A cost of weighted inputs applies the activation itself: of activations it would be another cost."""
    last = net
    while getattr(last, "layers", None) and not overrides_call(last):
        last = last.layers[-1]
    of_weighted_inputs = innermost(cost) in (sigmoid_cross_entropy_cost, softmax_cross_entropy_cost)
    if of_weighted_inputs and isinstance(last, (Sigmoid, Softmax, TwoLayerNet)):
        end, instead = ("Softmax", "log_likelihood") if isinstance(last, Softmax) else ("Sigmoid", "cross_entropy")
        raise ValueError(
            f"{innermost(cost).__name__} takes weighted inputs and applies the activation itself, but the network ends in {end}: "
            f"leave that out (output='linear'), or take cost={instead!r}"
        )


def innermost(cost: Any) -> Any:
    """The function inside of partials and checks."""
    while True:
        if isinstance(cost, partial):
            cost = cost.func
        elif hasattr(cost, "checked_by_train"):
            cost = cost.checked_by_train
        else:
            return cost


def as_optimizer(optimizer: Any, parameters: dict[str, Tensor], learning_rate: Any) -> Optimizer:
    make = look_up("optimizer", optimizer, OPTIMIZERS)
    if isinstance(make, Optimizer) or not callable(make):
        kind = type(make).__name__
        help = f"; write optimizer={kind}, or functools.partial({kind}, ...)" if isinstance(make, Optimizer) else ""
        known = ", ".join(map(repr, OPTIMIZERS))
        raise TypeError(
            f"optimizer is one of {known} or a class, which train calls with the parameters, not {make!r}{help}"
        )
    made = make(parameters, learning_rate)
    if not isinstance(made, Optimizer):
        raise TypeError(f"optimizer(parameters, learning_rate) gives an Optimizer, but this one gave {made!r}")
    return made


def as_held_out(net: Any, held_out: Any) -> tuple[Array, Array] | None:
    if held_out is None:
        return None
    if not isinstance(held_out, (tuple, list)) or len(held_out) != 2:
        raise TypeError(f"held_out is a tuple (x, y) of samples and targets, not {type(held_out).__name__}")
    x, y = held_out
    return as_samples(net, x, y, of="held_out ")


def advise_numbers(name: str) -> str:
    """What to write where targets are words."""
    return "; write y = np.unique(y, return_inverse=True)[1] for the numbers of classes" if name[-1] == "y" else ""


def as_samples(net: Any, x: Any, y: Any, of: str = "") -> tuple[Array, Array]:
    """Samples and targets as arrays of finite numbers; numbers of classes become 0s and a 1."""
    arrays = []
    for name, values in ((f"{of}x", x), (f"{of}y", y)):
        try:
            array = as_plain(values)
        except ValueError as error:  # ragged lists, and such as contain themselves
            raise ValueError(f"{name} is no array of numbers: {error}") from error
        if array.dtype.kind == "O":
            try:
                array = array.astype(float)
            except (TypeError, ValueError) as error:
                raise TypeError(f"{name} holds real numbers, not objects: {error}{advise_numbers(name)}") from error
        if array.dtype.kind not in "biuf":
            help = advise_numbers(name) if array.dtype.kind in "UT" else ""
            raise TypeError(f"{name} holds real numbers, not data of dtype {array.dtype}{help}")
        wrong = np.argwhere(~np.isfinite(array))
        if len(wrong):
            where = ", ".join(map(str, wrong[0]))
            raise ValueError(
                f"{name} holds {array[tuple(wrong[0])]} at [{where}], {len(wrong)} of {array.size} entries are not "
                "finite: leave such samples out, or put a number there"
            )
        arrays.append(array)
    x, y = arrays
    if y.ndim == 1 and y.dtype.kind in "iu" and x.ndim == 2:
        rows = lies_in_rows(net)
        with ag.no_grad():
            try:
                outputs = net(x[:1] if rows else x[:, :1]).shape[1 if rows else 0]
            except ValueError:
                net(x)  # which says the same of the shape that was given
                raise
        if outputs > 1 and len(y) == x.shape[0 if rows else 1]:
            y = one_hot(y, outputs)
            y = y.T if rows else y
    return x, y


def copies(parameters: dict[str, Tensor]) -> list[Array]:
    return [p.data.copy() for p in parameters.values()]


def put_back(parameters: dict[str, Tensor], values: list[Array]) -> None:
    for p, value in zip(parameters.values(), values):
        p.data = value


# What is shown --------------------------------------------------------------------------------------------------


def progress_bar(epochs: int | None) -> Any:
    """A tqdm bar, or a context that gives None: without epochs to count, or without tqdm."""
    if epochs is None:
        return nullcontext()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a notebook without ipywidgets gets a bar of text
            from tqdm.auto import tqdm
    except ImportError:  # the bar is a convenience, not worth refusing to train
        return nullcontext()
    options: dict[str, Any] = {}
    if not hasattr(tqdm, "status_printer") or "notebook" not in tqdm.status_printer.__module__:
        if sys.stderr is None:  # a program without a console has nowhere to show it
            return nullcontext()
        form = "{desc} |{bar}| {n}/{total} epochs [{elapsed}<{remaining}{postfix}]"
        # a notebook sets what comes on stderr in red
        file = sys.stdout if "ipykernel" in sys.modules else sys.stderr
        options = {"ncols": 79, "bar_format": form, "file": file}
    return tqdm(total=epochs, desc="training", **options)


def show(bar: Any, history: History) -> None:
    if bar is None:
        return
    shown = {"cost": f"{history.cost[-1]:.4f}"}
    [*_, accuracy] = history.held_out_accuracy or history.accuracy
    if not isnan(accuracy):
        shown["accuracy"] = f"{accuracy:.1%}"
    bar.set_postfix(shown, refresh=False)
    bar.update()


# How good a network is ------------------------------------------------------------------------------------------


class Evaluation(NamedTuple):
    """The cost per sample, and the share of samples that come out right: NaN where targets are no classes."""

    cost: float
    accuracy: float


def evaluate(net: Trainable, x: npt.ArrayLike, y: npt.ArrayLike, *, cost: Cost = quadratic_cost) -> Evaluation:
    """The cost per sample, and the share of samples that come out right.

    Targets are classes if they are 0 or 1, or −1 or 1, or probabilities that sum to 1. Where a column of them sums to 1,
    a sample is right if its largest output is where its largest target is; else, if every output is on the side of its
    target: of ½, or of 0 for targets of −1 and 1 and for costs of weighted inputs. Other targets are numbers to
    come close to, of which none is right or wrong: the accuracy is NaN.

    Parameters
    ----------
    net : TwoLayerNet, MLP or Sequential
    x : array_like, shape (features, samples)
    y : array_like, shape (outputs, samples)
        Or the numbers of the classes, integers of shape (samples,), where the network has an output for each. With a
        network of ``samples='rows'``, x and y have a row for each sample.
    cost : str or callable
        As for `train`. Whether it is a sum or a mean over the batch is found out by giving it samples twice.

    Returns
    -------
    Evaluation
        The named tuple ``(cost, accuracy)``.

    Raises
    ------
    ValueError
        If x or y is of another shape, or holds no sample, NaN or infinity.

    Examples
    --------
    >>> import numpy as np
    >>> from nets import TwoLayerNet, evaluate
    >>> evaluate(TwoLayerNet(3, 4, 1, seed=0), np.zeros((3, 2)), [[0, 1]]).accuracy
    0.5
    """
    x, y = as_samples(net, x, y)
    cost_of, axis = as_cost(cost, net), 0 if lies_in_rows(net) else 1
    if x.ndim == 2 and x.shape[axis] == 0:
        raise ValueError(f"there is no sample to evaluate in x of shape {x.shape}")
    kind = kind_of_targets(y if axis else y.T, cost_of) if y.ndim == 2 else "numbers"
    total, right, n = 0.0, 0, 0
    mean: bool | None = None
    with ag.no_grad():
        for inputs, targets in chunks(x, y, axis):
            a = net(inputs)
            C = cost_of(a, targets).item()
            if mean is None:
                mean = is_mean(cost_of, a.data, targets, axis)
            total += C * (a.shape[axis] if mean else 1)
            outputs, targets = (a.data, targets) if axis else (a.data.T, targets.T)
            right += int(np.sum(come_out_right(kind, outputs, targets)))
            n += a.shape[axis]
    return Evaluation(total / n, right / n if kind != "numbers" else float("nan"))


def chunks(x: Array, y: Array, axis: int) -> Iterator[tuple[Array, Array]]:
    """Both in parts of some samples; as they are if they do not belong together, for the network to refuse."""
    if x.ndim != 2 or y.ndim != 2 or x.shape[axis] != y.shape[axis]:
        yield x, y
        return
    for start in range(0, x.shape[axis], CHUNK):
        part = slice(start, start + CHUNK)
        yield (x[:, part], y[:, part]) if axis else (x[part], y[part])


def is_true(x: Any) -> bool:
    """Whether a callback returned True, or NumPy's: what a comparison gives."""
    return isinstance(x, (bool, np.bool_)) and bool(x)


def is_mean_of(net: Trainable, cost: Callable[..., Tensor], x: Array, y: Array) -> bool | None:
    """Whether the cost is a mean over the batch; None as long as no sample costs anything."""
    axis = 0 if lies_in_rows(net) else 1
    with ag.no_grad():
        known = (is_mean(cost, net(inputs).data, targets, axis) for inputs, targets in chunks(x, y, axis))
        return next((mean for mean in known if mean is not None), None)


def is_mean(cost: Callable[..., Tensor], a: Array, y: Array, axis: int) -> bool | None:
    """Whether the cost of samples that are given twice is that of the samples once; None if it is 0, which tells nothing."""
    if innermost(cost) in COSTS.values():
        while not isinstance(cost, partial) and hasattr(cost, "checked_by_train"):
            cost = cost.checked_by_train
        return isinstance(cost, partial) and cost.keywords.get("reduction") == "mean"
    once, twice = (cost(*[ag.Tensor(np.concatenate([t] * k, axis)) for t in (a, y)]).item() for k in (1, 2))
    return None if once == twice == 0 else bool(abs(twice - once) <= 1e-5 * abs(once))


def kind_of_targets(y: Array, cost: Callable[..., Tensor]) -> str:
    """What columns of targets stand for: 'class', the one that is largest; 'zeros and ones' or, where the outputs are
    weighted inputs, 'zeros and ones by sign'; 'signs'; or 'numbers' to come close to."""
    if len(y) > 1 and np.all(y >= 0) and np.allclose(np.sum(y, axis=0), 1, rtol=0, atol=1e-4):
        return "class"
    if np.all((y == 0) | (y == 1)):
        weighted = innermost(cost) in (sigmoid_cross_entropy_cost, softmax_cross_entropy_cost)
        return "zeros and ones" + " by sign" * weighted
    return "signs" if np.all(np.abs(y) == 1) else "numbers"


def come_out_right(kind: str, a: Array, y: Array) -> Any:
    """For each column, whether outputs and targets mean the same."""
    if kind == "class":
        return np.argmax(a, axis=0) == np.argmax(y, axis=0)
    output_boundary = 0.5 if kind == "zeros and ones" else 0
    target_boundary = 0 if kind == "signs" else 0.5
    return np.all((a > output_boundary) == (y > target_boundary), axis=0)
