"""Train a two-layer sigmoid network, check its gradients by hand and by differences, and draw what happened.

    python examples/two_layer_network.py                  # scikit-learn's handwritten digits
    python examples/two_layer_network.py --data chapter   # the four samples and the 3-4-1 network of the chapter

Needs the extra `digits`: pip install -e ".[digits]"; for the chapter `examples` is enough.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from common import X, Y, check_installed, parse, parser

import autograd_lite as ag
from autograd_lite.nets import TwoLayerNet, closed_form, evaluate, train

Array = np.ndarray[Any, Any]


class Problem(NamedTuple):
    """Samples as columns, and how to learn them."""

    title: str
    x: Array
    y: Array
    held_out: tuple[Array, Array] | None
    net: TwoLayerNet
    epochs: int
    batch_size: int
    learning_rate: float


def digits(seed: int) -> Problem:
    """1,797 images of 8 × 8 pixels, a fifth of them held out; the outputs are the ten digits."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(labels))
    x, y = images[order].T / 16, np.eye(10)[labels[order]].T
    n = len(labels) // 5
    title = f"Handwritten digits: {len(labels) - n:,} images to learn from, {n} held out"
    net = TwoLayerNet(64, 32, 10, seed=seed)
    return Problem(title, x[:, n:], y[:, n:], (x[:, :n], y[:, :n]), net, 30, 10, 0.3)


def chapter(seed: int) -> Problem:
    """The exclusive or of the first two inputs; the third is always 1, in place of biases."""
    net = TwoLayerNet(3, 4, 1, bias=False, seed=seed)
    return Problem("The four samples of the chapter", X, Y, None, net, 2000, 4, 4.0)


PROBLEMS: dict[str, Callable[[int], Problem]] = {"digits": digits, "chapter": chapter}


def main(arguments: Sequence[str] | None = None) -> None:
    options = options_from(arguments)
    problem = PROBLEMS[options.data](options.seed)
    net, x, y = problem.net, problem.x, problem.y
    print(f"{problem.title}\n{net}")

    start = time.perf_counter()
    history = train(
        net,
        x,
        y,
        epochs=problem.epochs if options.epochs is None else options.epochs,
        batch_size=problem.batch_size,
        learning_rate=problem.learning_rate,
        seed=options.seed,
        held_out=problem.held_out,
    )
    seconds = time.perf_counter() - start
    print(
        f"{history.epochs} epochs in {seconds:.1f} s: cost per sample {history.cost[0]:#.3g} → {history.cost[-1]:#.3g}"
    )
    report(problem)
    check_by_hand(net, x, y)
    check_by_differences(net, x[:, :8], y[:, :8])

    written = [options.output / f"{options.data}_learning_curve.png"]
    history.plot(written[0])
    if problem.held_out is not None:
        written.append(misclassified(problem, options.output / f"{options.data}_misclassified.png"))
        written.append(hidden_units(net, options.output / f"{options.data}_hidden_units.png"))
    cost = net.cost(x[:, :4], y[:, :4])  # few samples: the picture shows their values
    for suffix in ("svg", "png"):
        written.append(ag.render(cost, options.output / f"{options.data}_graph.{suffix}"))
    print("\nwritten:", *written, sep="\n  ")


def options_from(arguments: Sequence[str] | None) -> Any:
    """The options, once all is known to be there that the work will need."""
    made = parser(
        "Train a two-layer sigmoid network, compare its gradients by Eq 3 and Eq 5 with automatic and numerical ones, "
        "and draw the computation graph, the learning curve, and of the digits the hidden units and the mistakes.",
        None,
        "matplotlib",
        "graphviz",
    )
    made.add_argument("--data", choices=PROBLEMS, default="digits", help="what to learn (default: digits)")
    options = parse(made, arguments)
    if options.data == "digits":
        check_installed("sklearn")
    return options


# What is printed ------------------------------------------------------------------------------------------------


def report(problem: Problem) -> None:
    """How good the network is: on images that it has not seen, or sample by sample."""
    if problem.held_out is not None:
        n = problem.held_out[0].shape[1]
        share = evaluate(problem.net, *problem.held_out).accuracy
        print(f"\naccuracy on held-out images: {share:.1%} ({round(share * n)} of {n})")
        return
    print("\nsample     target  output")
    for sample, target, output in zip(problem.x.T, problem.y[0], problem.net(problem.x).data[0]):
        print(f"{sample!s:9}  {target:6}  {output:6.3f}")


def check_by_hand(net: TwoLayerNet, x: Array, y: Array) -> None:
    """Eq 3 and Eq 5 against backpropagation, on all samples at once."""
    for p in net.parameters().values():
        p.zero_grad()
    net.cost(x, y).backward()
    automatic = {name: p.grad for name, p in net.parameters().items()}
    show(
        f"gradients by Eq 5 (w1), Eq 3 (w2){'' if net.b1 is None else ' and their bias forms'} against automatic ones",
        x,
        ag.compare(closed_form.gradients(net, x, y), automatic),
    )


def check_by_differences(net: TwoLayerNet, x: Array, y: Array) -> None:
    """Eq 3 and Eq 5 against numerical differentiation: on few samples, as every weight takes two evaluations."""
    parameters = net.parameters()

    def cost(*values: Any) -> float:
        p = dict(zip(parameters, values))
        a2 = closed_form.forward(p["w1"], p.get("b1"), p["w2"], p.get("b2"), x).a2
        return closed_form.eq_a(a2, y)

    numerical = dict(zip(parameters, ag.numerical_gradient(cost, *parameters.values())))
    weights = sum(p.size for p in parameters.values())
    show(
        f"the same against numerical ones, which take 2 × {weights:,} evaluations",
        x,
        ag.compare(closed_form.gradients(net, x, y), numerical, rtol=1e-5, atol=1e-9),
    )


def show(title: str, x: Array, comparison: ag.Comparison) -> None:
    print(f"\n{title}\n({x.shape[1]:,} samples)\n\n{comparison}")
    comparison.raise_if_different()


# What is drawn --------------------------------------------------------------------------------------------------


def misclassified(problem: Problem, path: Path) -> Path:
    """The held-out images that come out wrong, each with what it was taken for and what it is."""
    from matplotlib.figure import Figure

    assert problem.held_out is not None
    x, y = problem.held_out
    said, right = problem.net(x).data.argmax(axis=0), y.argmax(axis=0)
    wrong = np.flatnonzero(said != right)[:24]
    rows = max(1, -(-len(wrong) // 8))
    figure = Figure(figsize=(8, 1.4 * rows + 0.5), dpi=120, layout="constrained")
    for axes, i in zip(figure.subplots(rows, 8, squeeze=False).flat, wrong):
        axes.imshow(x[:, i].reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        axes.set_title(f"{right[i]} read as {said[i]}", fontsize=9)
    for axes in figure.axes:
        axes.set_axis_off()
    figure.suptitle(f"taken for another digit: {np.sum(said != right)} of {len(right)}", fontsize=11)
    figure.savefig(path)
    return path


def hidden_units(net: TwoLayerNet, path: Path) -> Path:
    """The weights of each hidden unit as an image: what it looks for is red, what speaks against it blue."""
    from matplotlib.figure import Figure

    weights = net.w1.data
    limit = float(np.max(np.abs(weights)))
    figure = Figure(figsize=(8, 4.4), dpi=120, layout="constrained")
    for axes, row in zip(figure.subplots(4, 8, squeeze=False).flat, weights):
        image = axes.imshow(row.reshape(8, 8), cmap="RdBu_r", vmin=-limit, vmax=limit)
    for axes in figure.axes:
        axes.set_axis_off()
    figure.colorbar(image, ax=figure.axes, shrink=0.7)
    figure.suptitle("weights w1 of the hidden units", fontsize=11)
    figure.savefig(path)
    return path


if __name__ == "__main__":
    main()
