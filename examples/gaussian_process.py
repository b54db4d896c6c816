"""A Gaussian process whose scales are found by the likelihood of the data: Cholesky factor, gradient, SciPy's minimizer.

    python examples/gaussian_process.py --output pictures
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from common import BLUE, ORANGE, natural, parse, parser

import autograd_lite as ag

Params = dict[str, Any]  # logarithms of length, height and noise, so that any real numbers will do
START: Params = {"length": 0.0, "height": 0.0, "noise": 0.0}


def kernel(params: Params, x: Any, y: Any) -> Any:
    """How much values at x and y have to do with each other: exp(2 height) exp(−(x − y)² / 2 length²)."""
    return np.exp(2 * params["height"] - 0.5 * np.subtract.outer(x, y) ** 2 / np.exp(2 * params["length"]))


def factor(params: Params, x: Any) -> Any:
    return np.linalg.cholesky(kernel(params, x, x) + np.exp(2 * params["noise"]) * np.eye(len(x)))


def minus_log_likelihood(params: Params, x: Any, y: Any) -> Any:
    """−log N(y | 0, L Lᵀ), by way of L z = y."""
    lower = factor(params, x)
    z = np.linalg.solve(lower, y)
    return 0.5 * z @ z + np.sum(np.log(np.diag(lower))) + 0.5 * len(y) * np.log(2 * np.pi)


def predict(params: Params, x: Any, y: Any, at: Any) -> tuple[Any, Any]:
    """Mean and standard deviation of the function at other places."""
    lower = factor(params, x)
    w = np.linalg.solve(lower, kernel(params, x, at))
    return w.T @ np.linalg.solve(lower, y), np.sqrt(np.exp(2 * params["height"]) - np.sum(w**2, 0))


def fit(x: Any, y: Any, steps: int) -> tuple[Params, list[float]]:
    """The most likely scales, and the cost after each step."""
    from scipy.optimize import minimize

    vector, unflatten = ag.flatten(START)
    cost: Callable[[Any], Any] = lambda v: minus_log_likelihood(unflatten(v), x, y)  # noqa: E731
    costs = [float(cost(vector))]
    found = minimize(
        ag.value_and_grad(cost), vector, jac=True, method="BFGS", options={"maxiter": steps},
        callback=lambda v: costs.append(float(cost(v))),
    )  # fmt: skip
    return unflatten(found.x), costs


def main(arguments: Sequence[str] | None = None) -> None:
    made = parser("Fit a Gaussian process to noisy points, and draw what it knows.", 50, "scipy", "matplotlib")
    made.add_argument("--points", type=natural, default=40, metavar="N", help="how many points there are (default: 40)")
    options = parse(made, arguments)
    from matplotlib.figure import Figure

    rng = np.random.default_rng(options.seed)
    x = rng.uniform(-5, 2.5, options.points)
    x = np.sort(np.where(x < 0, x, x + 2.5))  # with a gap
    y = np.sin(1.5 * x) + 0.3 * x + rng.normal(0, 0.2, len(x))
    params, costs = fit(x, y, options.epochs)
    print(f"−log likelihood {costs[0]:.2f} → {costs[-1]:.2f} in {len(costs) - 1} steps")
    slope = ag.grad(minus_log_likelihood)(params, x, y)
    for name, value in params.items():
        print(f"{name:7} {np.exp(value):6.3f}   slope there {slope[name]:+.1e}")

    at = np.linspace(-6, 6, 300)
    figure = Figure(figsize=(9, 3.6), dpi=120, layout="constrained")
    for axes, title, p in zip(figure.subplots(1, 2, sharey=True), ("before", "after"), (START, params)):
        mean, deviation = predict(p, x, y, at)
        axes.fill_between(at, mean - 2 * deviation, mean + 2 * deviation, color=BLUE, alpha=0.15, lw=0)
        axes.plot(at, mean, color=BLUE)
        axes.plot(x, y, ".", color=ORANGE)
        axes.set_title(title)
    path = options.output / "gaussian_process.png"
    figure.savefig(path)
    print("\nwritten:", path)


if __name__ == "__main__":
    main()
