"""Derivatives by other means: what the tests hold the engine's derivatives against.

Nothing here knows the engine. Derivatives are central differences in float64, extrapolated to step 0
(Richardson), which leaves about eleven digits of a first and nine of a second derivative of a smooth function
whose nearest kink or pole is further away than the largest step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np

Array = np.ndarray[Any, Any]
FIRST_STEP = 1 / 64
SECOND_STEP = 1 / 16


def extrapolated(differences: Callable[[float], Any], step: float, levels: int = 4) -> Any:
    """The limit of `differences`, an even function of the step, at step 0."""
    row: list[Any] = []
    for level in range(levels):
        last, row = row, [differences(step / 2**level)]
        for k, coarser in enumerate(last, start=1):
            row.append(row[-1] + (row[-1] - coarser) / (4**k - 1))
    return row[-1]


def moved(arrays: Sequence[Array], directions: Sequence[Array], t: float) -> list[Array]:
    return [x + t * v for x, v in zip(arrays, directions)]


def along(f: Callable[..., Any], arrays: Sequence[Array], directions: Sequence[Array]) -> Any:
    """The derivative of f, number or array, in a direction."""

    def difference(h: float) -> Any:
        return (f(*moved(arrays, directions, h)) - f(*moved(arrays, directions, -h))) / (2 * h)

    return extrapolated(difference, FIRST_STEP)


def second_along(f: Callable[..., Any], arrays: Sequence[Array], directions: Sequence[Array]) -> Any:
    """The second derivative of f in a direction."""
    middle = f(*arrays)

    def difference(h: float) -> Any:
        return (f(*moved(arrays, directions, h)) - 2 * middle + f(*moved(arrays, directions, -h))) / h**2

    return extrapolated(difference, SECOND_STEP)


def mixed_along(f: Callable[..., Any], arrays: Sequence[Array], v: Sequence[Array], w: Sequence[Array]) -> Any:
    """vᵀ H w for the matrix H of the second derivatives of f, by the parallelogram law."""
    plus = [(a + b) / 2 for a, b in zip(v, w)]
    minus = [(a - b) / 2 for a, b in zip(v, w)]
    return second_along(f, arrays, plus) - second_along(f, arrays, minus)


def gradient(f: Callable[..., float], arrays: Sequence[Array]) -> list[Array]:
    """The derivatives of the number f with respect to every entry of every array."""
    results = []
    for i, x in enumerate(arrays):
        g = np.zeros(x.shape)
        for where in np.ndindex(x.shape):
            unit = [np.zeros(a.shape) for a in arrays]
            unit[i][where] = 1.0
            g[where] = along(f, arrays, unit)
        results.append(g)
    return results


def hessian(f: Callable[..., float], x: Array) -> Array:
    """All second derivatives of the number f, shape ``x.shape + x.shape``."""
    units = np.eye(x.size).reshape((x.size, *x.shape))
    rows = [[mixed_along(f, [x], [u], [v]) for v in units] for u in units]
    return np.array(rows).reshape(x.shape + x.shape)


def precise(f: Callable[..., Any], order: int, *point: float, with_respect_to: int = 0) -> Any:
    """The derivative of a function of mpmath, of any order, good to 50 digits of what may be as small as 1e-310."""
    with mpmath.workdps(50 if order == 0 else 700):
        orders = tuple(order if i == with_respect_to else 0 for i in range(len(point)))
        numbers = tuple(mpmath.mpf(float(x)) for x in point)
        if order == 0:
            return f(*numbers)
        return mpmath.diff(f, numbers if len(numbers) > 1 else numbers[0], orders if len(numbers) > 1 else order)


def assert_close(actual: Any, expected: Any, tolerance: float, what: str = "") -> None:
    """Equal within `tolerance`, relative to the largest entry (or to 1 if that is smaller)."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, f"{what}: shape {actual.shape} instead of {expected.shape}"
    scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * scale, err_msg=what)


def random(shape: tuple[int, ...], low: float, high: float, seed: int) -> Array:
    return np.random.default_rng(seed).uniform(low, high, shape)


def scattered(shape: tuple[int, ...], seed: int, gap: float = 0.35) -> Array:
    """Numbers of both signs, each further from 0 and from the others than differences reach."""
    n = int(np.prod(shape))
    generator = np.random.default_rng(seed)
    values = (np.arange(n) + 0.7) * gap * generator.choice([-1, 1], n)
    return generator.permutation(values).reshape(shape)
