"""Two moons with the max-margin cost of micrograd's demo: its network of 2-16-16-1 ReLU units, whole arrays at a time.

    python examples/moons.py --output pictures

The 337 parameters that micrograd trains as that many scalars, over some 27 s, are six arrays here. Where micrograd is
installed, one of its steps is timed beside.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
from common import BLUE, ORANGE, parse, parser

import autograd_lite as ag
from autograd_lite.nets import MLP, evaluate, train


def two_moons(n: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Two half circles that reach into each other, with noise; targets are −1 and 1."""
    angles = rng.uniform(0, np.pi, n)
    y = np.where(np.arange(n) % 2, 1.0, -1.0)
    x = np.stack([np.where(y < 0, np.cos(angles), 1 - np.cos(angles)), y * -np.sin(angles) + 0.5 * (y > 0)])
    return x + rng.normal(0, 0.1, x.shape), y[None]


def max_margin(a: ag.Tensor, y: Any) -> ag.Tensor:
    """Σ max(1 − y a, 0): nothing for outputs on the right side by 1 or more."""
    return np.sum(ag.relu(1 - y * a))


def step_of_micrograd(x: Any, y: Any) -> float:
    """The seconds that one step takes there, as in its demo."""
    from micrograd.nn import MLP as MLPOfScalars

    net = MLPOfScalars(2, [16, 16, 1])
    start = time.perf_counter()
    margins = [(1 - target * net(sample)).relu() for sample, target in zip(x.T, y[0])]
    cost = sum(margins) * (1 / len(margins)) + 1e-4 * sum(p * p for p in net.parameters())
    net.zero_grad()
    cost.backward()
    for p in net.parameters():
        p.data -= 0.1 * p.grad
    return time.perf_counter() - start


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(parser("Separate two moons with the max-margin cost.", 100, "matplotlib"), arguments)
    from matplotlib.figure import Figure

    x, y = two_moons(100, np.random.default_rng(options.seed + 1))
    net = MLP([2, 16, 16, 1], hidden="relu", output="linear", initial="he", seed=options.seed)
    start = time.perf_counter()
    train(
        net, x, y, epochs=options.epochs, batch_size=100, learning_rate=lambda epoch: 0.05 * (1 - 0.9 * epoch / 100),
        cost=max_margin, l2=1e-4, optimizer="adam", seed=options.seed, progress=False,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    accuracy = evaluate(net, x, y, cost=max_margin).accuracy
    print(f"{options.epochs} steps of 100 samples in {seconds:.2f} s: accuracy {accuracy:.0%}")
    if find_spec("micrograd") is not None:
        step = step_of_micrograd(x, y)
        print(f"one step of micrograd takes {step:.2f} s, so as many of them {options.epochs * step:.0f} s")

    u, v = np.meshgrid(np.linspace(-1.6, 2.6, 211), np.linspace(-1.2, 1.7, 146))
    z = net(np.stack([u.ravel(), v.ravel()])).data.reshape(u.shape)
    figure = Figure(figsize=(7, 5), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.contourf(u, v, z, [z.min() - 1, -1, 0, 1, z.max() + 1], cmap="PuOr_r", alpha=0.5)
    axes.contour(u, v, z, [0], colors="black", linewidths=1.5)
    for value, color in ((-1, BLUE), (1, ORANGE)):
        chosen = y[0] == value
        axes.scatter(x[0, chosen], x[1, chosen], color=color, edgecolors="white", label=f"y = {value}".replace("-", "−"))
    axes.legend(frameon=False)
    axes.set_title(f"accuracy {accuracy:.0%}; the margin is where the output is between −1 and 1", loc="left", fontsize=11)
    path = options.output / "moons_boundary.png"
    figure.savefig(path)
    print("written:", path)


if __name__ == "__main__":
    main()
