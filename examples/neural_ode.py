"""A law of motion that is learned: a network gives the velocity, steps of Runge and Kutta the path, and both are differentiated.

    python examples/neural_ode.py --output pictures
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from common import BLUE, ORANGE, parse, parser

import autograd_lite as ag
from autograd_lite.nets import Adam

Field = Callable[[Any], Any]
STEP = 0.05


def runge_kutta(velocity: Field, x: Any, steps: int) -> list[Any]:
    """The path from x, in steps of fourth order."""
    path = [x]
    for _ in range(steps):
        k1 = velocity(x)
        k2 = velocity(x + STEP / 2 * k1)
        k3 = velocity(x + STEP / 2 * k2)
        k4 = velocity(x + STEP * k3)
        x = x + STEP / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        path.append(x)
    return path


def spiral(x: Any) -> Any:
    """The true velocity; columns are points."""
    return np.array([[-0.1, 2.0], [-2.0, -0.1]]) @ x**3


def network(params: dict[str, Any]) -> Field:
    return lambda x: params["w2"] @ np.tanh(params["w1"] @ x**3 + params["b1"])


def cost_of(params: dict[str, Any], path: Any, steps: int) -> Any:
    """How far the next points of the path are from what is predicted from each point, on average."""
    predicted = np.stack(runge_kutta(network(params), path[:, :-steps], steps)[1:])
    seen = np.stack([path[:, i : path.shape[1] - steps + i] for i in range(1, steps + 1)])
    return np.mean(np.abs(predicted - seen))


def main(arguments: Sequence[str] | None = None) -> None:
    made = parser("Learn the velocity of a spiral from points on one path, and follow it.", 600, "matplotlib")
    options = parse(made, arguments)
    from matplotlib.figure import Figure

    rng = np.random.default_rng(options.seed)
    path = np.concatenate(runge_kutta(spiral, np.array([[2.0], [0.0]]), 300), axis=1)
    shapes = {"w1": (40, 2), "b1": (40, 1), "w2": (2, 40)}
    params = {name: ag.Tensor(rng.normal(0, 0.3, shape), requires_grad=True, name=name) for name, shape in shapes.items()}
    descent = Adam(params, 0.004)

    @ag.compile
    def step() -> Any:
        cost = cost_of(params, path, 10)
        cost.backward()
        descent.step()
        descent.zero_grad()
        return cost.data

    for epoch in range(options.epochs + 1):
        cost = step()
        if epoch % max(options.epochs // 5, 1) == 0:
            print(f"epoch {epoch:5}   mean distance of a coordinate {cost:.4f}")

    with ag.no_grad():
        followed = np.concatenate(runge_kutta(network(params), np.array([[2.0], [0.0]]), 300), axis=1).data
        grid = np.stack(np.meshgrid(np.linspace(-2.2, 2.2, 20), np.linspace(-2.2, 2.2, 20))).reshape(2, -1)
        arrows = network(params)(grid).data
    print(f"after 300 steps from the start: {followed[:, -1].round(2)}, the true path is at {path[:, -1].round(2)}")
    figure = Figure(figsize=(9, 4.4), dpi=120, layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, title, velocities in ((left, "the true path", spiral(grid)), (right, "the path that was learned", arrows)):
        length = np.linalg.norm(velocities, axis=0) + 1e-9
        axes.quiver(*grid, *(velocities / length**0.7), color="0.75", width=0.003)
        axes.set(title=title, aspect="equal")
    left.plot(*path, ".", color=ORANGE, ms=4)
    right.plot(*followed, color=BLUE)
    out = options.output / "neural_ode.png"
    figure.savefig(out)
    print("\nwritten:", out)


if __name__ == "__main__":
    main()
