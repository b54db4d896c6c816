"""Numerical differentiation of any NumPy code: complex steps where it allows them, extrapolated differences otherwise."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.comparing.precision import largest_entry, precision_of, widen
from autograd_lite.engine.nests import leaves, map_leaves
from autograd_lite.engine.recording import no_grad
from autograd_lite.engine.tensor import Array, Tensor, as_array, as_tensor

TINY = 1e-20
"""The complex step: so small that its square is nothing beside 1, and nothing is subtracted."""
FIRST_STEP, LEVELS = 2.0**-4, 24
"""Differences start with this step, relative to the entry where that is larger than 1, and take a quarter each time."""


class NumericalGradient(NamedTuple):
    """What `numerical_gradient` gives with ``full_output=True``.

    Attributes
    ----------
    gradient : ndarray, or nest or tuple of them
    method : str
        ``"complex"`` or ``"central"``, whichever was taken.
    error : float
        The absolute error to expect of the worst entry.
    """

    gradient: Any
    method: str
    error: float


def numerical_gradient(
    f: Callable[..., Any], *args: Any, method: str = "auto", full_output: bool = False
) -> Any:
    """The derivatives of f by evaluating it nearby, one entry of the arguments after the other.

    Parameters
    ----------
    f : callable
        Takes plain arrays, of which it may do what it likes; returns a number, an array or a Tensor. If it only works
        on Tensors, since it calls their methods, it gets constant Tensors, and nothing is recorded.
    *args : array_like or Tensor, of a real floating dtype, or nests (dicts, lists, tuples) of them
    method : {"auto", "complex", "central"}
        ``"complex"`` is the complex step, Im f(x + ih) / h: exact to rounding, one evaluation for an entry, for functions
        that are analytic and computed as such (abs, max by value and casts to float are not). ``"central"`` takes
        (f(x + h) − f(x − h)) / 2h for steps of its own for each entry, extrapolated to h = 0 (Richardson), until the
        error that is expected stops falling: about 11 digits, some 8 evaluations an entry. ``"auto"`` tries a complex
        step in random directions, and takes it if it agrees with central differences there.
    full_output : bool
        Return a `NumericalGradient`: the gradient, the method that was taken, and the error to expect.

    Returns
    -------
    ndarray, or a tuple of them if there are several arguments; a nest for a nest
        One for each argument, of its dtype and of shape ``f(*args).shape + argument.shape``: the shape of the
        argument if f returns a number, the Jacobian if f returns an array. Evaluated in float64 at least.

    Raises
    ------
    TypeError
        If an argument is not of a real floating dtype, or f returns something else than real numbers, or
        ``method="complex"`` is asked of a function that does not take complex numbers.
    ValueError
        If an argument has entries that are not finite, f gives another result when it is called again, or there is no such
        method.

    Notes
    -----
    The complex step: Squire and Trapp, *SIAM Review* 40 (1998). Extrapolation with a stopping rule: Ridders,
    *Advances in Engineering Software* 4 (1982).

    Examples
    --------
    >>> import autograd_lite as ag
    >>> import numpy as np
    >>> ag.numerical_gradient(lambda x: np.sum(x**2), np.array([1.0, 2.0]))
    array([2., 4.])
    >>> ag.numerical_gradient(lambda x: np.sum(np.abs(x)), np.array([1.0, -2.0]), full_output=True).method
    'central'
    """
    point = Point(f, args)
    taken, gradients, error = differentiate(point, method)
    by_argument = point.nest(gradients)
    result = by_argument[0] if len(by_argument) == 1 else tuple(by_argument)
    return NumericalGradient(result, taken, error) if full_output else result


class Point:
    """A function, and where it is differentiated: its arguments, taken apart into arrays of floating-point numbers."""

    def __init__(self, f: Callable[..., Any], args: Sequence[Any]) -> None:
        if not callable(f):
            raise TypeError(f"f is the function to differentiate, not {type(f).__name__}")
        if not args:
            raise TypeError("there is no argument to differentiate with respect to: pass them after the function")
        self.f = f
        self.args = args
        self.names: list[str] = []
        self.arrays: list[Array] = []
        for i, argument in enumerate(args):
            for path, leaf in leaves(argument, f"argument {i}"):
                self.names.append(f"{path} ({leaf.name})" if isinstance(leaf, Tensor) and leaf.name else path)
                self.arrays.append(floating_array(path, leaf))
        self.takes_tensors = False
        self.value = self.evaluate(self.widen())
        again = self.evaluate(self.widen())
        if again.shape != self.value.shape or not np.allclose(again, self.value, 1e-6, 0.0, equal_nan=True):
            raise ValueError(
                f"{function_name(f)} gave two different results for the same arguments, so it has no derivative there: draw random "
                "numbers once, outside of it, or from a generator that it makes itself, np.random.default_rng(0)"
            )

    @cached_property
    def jump(self) -> float:
        """How f jumps where it computes more coarsely than its arguments are given, in float32 say; 0 where it does not."""
        wide, rng = self.widen(), np.random.default_rng(1)
        way = [np.maximum(1, np.abs(x)) * draw_direction(rng, x.shape) for x in wide]
        for level in range(38, 4, -2):  # finer steps move many numbers of float64 by nothing
            with np.errstate(all="ignore"):
                moved = self.evaluate([x + v * 2.0**-level for x, v in zip(wide, way)])
                largest = largest_entry(moved - self.value)
            if largest or not self.value.size:
                return 8 * largest if level < 38 and np.isfinite(largest) else 0.0
        return 0.0

    def widen(self) -> list[Array]:
        """Copies of the arrays in float64 at least."""
        return [widen(x) for x in self.arrays]

    def nest(self, arrays: Sequence[Any]) -> list[Any]:
        """Something for each array, in the form of the arguments."""
        following = iter(arrays)
        return [map_leaves(lambda _: next(following), argument) for argument in self.args]

    def call(self, arrays: Sequence[Any]) -> Any:
        with no_grad():
            if self.takes_tensors:
                return self.f(*self.nest([as_tensor(x) for x in arrays]))
            try:
                return self.f(*self.nest([x.copy() for x in arrays]))
            except (AttributeError, TypeError) as error:
                try:
                    result = self.f(*self.nest([as_tensor(x) for x in arrays]))
                except Exception:
                    raise error from None
                self.takes_tensors = True
                return result

    def evaluate(self, arrays: Sequence[Array]) -> Array:
        """f as an array of real floating-point numbers."""
        array = self.array_of(self.call(arrays))
        if array.dtype.kind not in "biuf":
            raise TypeError(f"{function_name(self.f)} returned dtype {array.dtype}; only real functions can be compared")
        return array if array.dtype.kind == "f" else array.astype(float)

    def array_of(self, result: Any) -> Array:
        if isinstance(result, Tensor):
            return result.data
        if not isinstance(result, (np.ndarray, np.generic, int, float, complex)):
            raise TypeError(
                f"{function_name(self.f)} returned {type(result).__name__}; return one number, one array or one Tensor"
            )
        return np.asarray(result)


def floating_array(name: str, x: Any) -> Array:
    """An argument, or a part of one, that can be differentiated."""
    array = x.data if isinstance(x, Tensor) else as_array(x)
    if array.dtype.kind != "f":
        raise TypeError(
            f"{name} cannot be differentiated: it is of dtype {array.dtype}, not a real floating one; "
            "write 1.0 instead of 1 in the data, and close over what is not to be differentiated"
        )
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name} of shape {array.shape} has entries that are not finite")
    return array


def function_name(f: Callable[..., Any]) -> str:
    name = getattr(f, "__name__", "f")
    return "f" if name == "<lambda>" else str(name)


# Both methods, along a direction --------------------------------------------------------------------------


def differentiate(point: Point, method: str = "auto") -> tuple[str, list[Array], float]:
    """The method taken, the derivative with respect to each array, and the error to expect."""
    taken = choose(point, method)
    along = METHODS[taken]
    wide = point.widen()
    results, worst = [], 0.0
    for i, x in enumerate(wide):
        jacobian = np.empty((*point.value.shape, x.size), x.dtype)
        for k in range(x.size):
            unit = np.zeros(x.shape, x.dtype)
            unit.flat[k] = 1
            scale = max(1.0, abs(float(x.flat[k])))
            jacobian[..., k], error = along(point, wide, {i: unit}, scale)
            worst = max(worst, error)
        results.append(jacobian.reshape(point.value.shape + x.shape).astype(point.arrays[i].dtype))
    return taken, results, worst


def choose(point: Point, method: str) -> str:
    """The best method that the function allows."""
    if method not in ("auto", *METHODS):
        raise ValueError(f"method is one of {', '.join(map(repr, ('auto', *METHODS)))}, not {method!r}")
    if method != "auto":
        return method
    wide = point.widen()
    rng = np.random.default_rng(0)
    for _ in range(2):
        direction = {i: draw_direction(rng, x.shape) for i, x in enumerate(wide)}
        try:
            by_complex, _ = along_complex(point, wide, direction)
        except Exception:  # whatever f makes of complex numbers: then they are not for it
            return "central"
        by_central, error = along_central(point, wide, direction)
        allowed = 10 * error + 1e-9 * max(largest_entry(by_central), largest_entry(by_complex))
        if not np.all(np.abs(by_complex - by_central) <= allowed):
            return "central"
    return "complex"


def draw_direction(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """A direction that moves every entry, none by less than half as much as another."""
    return rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 1, shape)


def along_complex(point: Point, wide: Sequence[Array], direction: dict[int, Array], scale: float = 1.0) -> tuple[Array, float]:
    """The derivative of f in a direction by the complex step."""
    slope = complex_slope(point, wide, direction, TINY)
    error = 16 * precision_of(*wide, point.value) * largest_entry(slope)
    rounding = precision_of(*wide, point.value) * largest_entry(point.value) / scale
    tiny = (slope != 0) & (np.abs(slope) < max(1e-15, 16 * rounding))
    if np.any(tiny):  # where the derivative is 0, what is left is of the step itself (h² of x³, h of x |x|), or of rounding
        finer = complex_slope(point, wide, direction, TINY / 1024)
        beside = [complex_slope(point, [x + x * share for x in wide], direction, TINY) for share in (2.0**-45, -(3 * 2.0**-46))]
        error += max(largest_entry(np.where(tiny, slope - other, 0.0)) for other in (finer, *beside))
        slope = np.where(tiny, finer, slope)
    return slope, error


def complex_slope(point: Point, wide: Sequence[Array], direction: dict[int, Array], h: float) -> Array:
    """Im f(x + i h d) / h."""
    moved = [x + 1j * h * direction.get(i, np.zeros(x.shape)) for i, x in enumerate(wide)]
    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        try:
            result = point.array_of(point.call(moved))
        except (TypeError, ValueError, np.exceptions.ComplexWarning) as error:
            raise TypeError(
                f"{function_name(point.f)} does not take complex numbers ({error}); write method='central'"
            ) from error
    slope = np.asarray(np.imag(result) / h)
    if slope.shape != point.value.shape:
        raise TypeError(f"{function_name(point.f)} returned shape {slope.shape} for complex numbers, {point.value.shape} before")
    return slope


def along_central(point: Point, wide: Sequence[Array], direction: dict[int, Array], scale: float = 1.0) -> tuple[Array, float]:
    """The derivative of f in a direction by central differences, extrapolated, and the error to expect of it."""
    precision = precision_of(*wide, point.value)
    best, least, expected = np.full(point.value.shape, np.nan), np.inf, np.inf
    row: list[Array] = []
    for level in range(LEVELS):
        h = FIRST_STEP * scale / 4**level
        ends = [[x + s * h * direction[i] if i in direction else x for i, x in enumerate(wide)] for s in (1, -1)]
        with np.errstate(all="ignore"):
            above, below = (point.evaluate(end) for end in ends)
            width = step_made(ends, direction)
            slope = (above - below) / width
        size = max(largest_entry(above), largest_entry(below))
        if not np.all(np.isfinite(slope)):  # the step was too large for the domain of f
            row = []
            continue
        last, row = row, [np.asarray(slope)]
        for k, coarse in enumerate(last, start=1):
            row.append(row[-1] + (row[-1] - coarse) / (16**k - 1))
        rounding, unit = max(precision * size, point.jump) / h, largest_entry(slope) + size / scale or 1.0
        for k in range(1, len(row)):
            error = largest_entry(row[k] - row[k - 1]) + largest_entry(row[k] - last[k - 1]) + rounding
            if error / unit < least:  # by its share: across a pole, slopes are small, and errors with them
                best, least, expected = row[k], error / unit, error
        if least < 4 * rounding / unit or least <= 16 * precision or not point.value.size:
            break  # a smaller step would only add to the rounding
    return best, expected if point.value.size else 0.0


def step_made(ends: Sequence[Sequence[Array]], direction: dict[int, Array]) -> Any:
    """The distance between both ends in units of the direction, as it was rounded for a single entry."""
    if len(direction) == 1:
        [(i, unit)] = direction.items()
        if np.count_nonzero(unit) == 1:
            at = np.flatnonzero(unit)[0]
            return (ends[0][i].flat[at] - ends[1][i].flat[at]) / unit.flat[at]
    ratios = [(ends[0][i] - ends[1][i]).ravel() / v.ravel() for i, v in direction.items() if v.size]
    return np.mean(ratios[0]) if ratios else 1.0


METHODS: dict[str, Callable[..., tuple[Array, float]]] = {"complex": along_complex, "central": along_central}
