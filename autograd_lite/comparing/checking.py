"""Derivatives checked: those of the engine, and those of somebody's own function, against numerical ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from inspect import signature
from typing import Any

import numpy as np

from autograd_lite.comparing.comparison import (
    Comparison, Row, Yardstick, by_path, compare_arrays, compare_sets, default_rtol, gradient_as_array, refuse_tolerances, rounding,
)  # fmt: skip
from autograd_lite.comparing.kinks import kink
from autograd_lite.comparing.numerical import FIRST_STEP, METHODS, Point, choose, differentiate, draw_direction, function_name
from autograd_lite.comparing.places import write_index
from autograd_lite.comparing.precision import gaps, largest_entry, precision_of, widen
from autograd_lite.engine.derivatives import grad, gradients, jacobian, jvp, vjp
from autograd_lite.engine.graph import history
from autograd_lite.engine.nests import is_nest
from autograd_lite.engine.recording import enable_grad
from autograd_lite.engine.tensor import Array, Tensor


def check_gradients(
    f: Callable[..., Any],
    *args: Any,
    order: int = 1,
    directions: int | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    seed: int = 0,
) -> None:
    """Check the automatic derivatives of f against numerical ones, and forward against reverse mode.

    Parameters
    ----------
    f : callable
        Takes Tensors and returns a number, an array or a Tensor.
    *args : array_like or Tensor, of a real floating dtype, or nests (dicts, lists, tuples) of them
        Where to differentiate. Keep away from kinks, where there is no derivative to compare with.
    order : int
        2 checks the derivatives of the gradient too, and so on.
    directions : int, optional
        Check derivatives along so many random directions through all entries at once, instead of every entry by
        itself. A wrong entry shows in almost every direction; the cost does not grow with the number of entries.
    rtol : float, optional
        The largest difference allowed, relative to the largest entry. By default the precision of the coarsest dtype
        that takes part to the power of 0.4: 5.5e-7 for float64, 1.7e-3 for float32.
    atol : float, optional
        A difference allowed in addition. By default ten times the error that is expected of the numerical derivative.
    seed : int
        For the random directions.

    Raises
    ------
    GradientMismatch
        Names the argument, the index and both values. Where f has a kink, the error says so, and gives the slopes on
        both sides.
    TypeError, ValueError
        As `numerical_gradient`; if `order` or `directions` is less than 1; if f is so large that its derivatives are lost in
        rounding, and cannot be judged.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> import numpy as np
    >>> ag.check_gradients(lambda x, y: np.sum(np.sin(x) * y), np.array([1.0, 2.0]), 3.0, order=2)

    >>> wrong = ag.elementwise("wrong", lambda x: np.sin(x), lambda x: -np.cos(x))
    >>> ag.check_gradients(wrong, 0.0)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    autograd_lite.GradientMismatch: the derivative of wrong with respect to argument 0: numerical ...

    >>> ag.check_gradients(ag.relu, 0.0)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    autograd_lite.GradientMismatch: relu has a kink at argument 0: its slope is 0 below and 1 above...
    """
    refuse_tolerances(rtol, atol)
    if isinstance(order, bool) or not isinstance(order, (int, np.integer)) or order < 1:
        raise ValueError(f"order is 1 for the gradient, 2 for its derivative too, and so on; not {order!r}")
    if directions is not None and (not isinstance(directions, (int, np.integer)) or directions is True or directions < 1):
        raise ValueError(f"directions is the number of random directions, at least 1, not {directions!r}")
    given = Point(f, args)

    def of_arrays(*arrays: Any) -> Any:
        return f(*given.nest(arrays))

    what, point, rng = function_name(f), Point(of_arrays, given.arrays), np.random.default_rng(seed)
    if directions is None:
        check_entries(what, point, given.names, order, rtol, atol)
    for _ in range(directions or 1):
        if directions is not None:
            check_along(what, point, order, rtol, atol, rng)
        if sum(x.size for x in point.arrays) and point.value.size:
            check_forward_mode(what, point, rtol, rng)


def check_entries(
    what: str, point: Point, names: Sequence[str], order: int, rtol: float | None, atol: float | None, size: float = 0.0
) -> None:
    """Every derivative by itself. `size` is that of a function that f is a derivative of, and takes its rounding from."""
    f, arrays = point.f, point.arrays
    _, numerical, error = differentiate(point)
    automatic = jacobian(f, range(len(arrays)))(*arrays)
    size = max(size, largest_entry(point.value))
    allowed = allowance(point, error, size) if atol is None else atol
    yardstick = Yardstick(loose_rtol(point) if rtol is None else rtol, allowed)
    for i, (name, by_differences, by_sweep) in enumerate(zip(names, numerical, automatic)):
        row = compare_arrays(name, by_differences, by_sweep, yardstick)
        if not row.approximate:
            index = row.index or ()
            of_value, of_argument = index[: point.value.ndim], index[point.value.ndim :]
            at = f" at index {of_argument}" if of_argument else ""
            if row.index is not None:
                slopes = kink(point, i, of_value, of_argument)
                if slopes is not None:
                    raise row.mismatch(
                        f"{what} has a kink at {name}{at}: its slope is {slopes[0]:.6g} below and {slopes[1]:.6g} above, and "
                        f"the automatic derivative is {row.automatic:.6g}. There is no derivative to compare with: check "
                        "another point"
                    )
            raise row.mismatch(
                f"the derivative of {what}{f' at index {of_value}' if of_value else ''} with respect to {name}"
                f"{at}: {row.difference('numerical')}"
            )
        if atol is None:
            is_unjudged(what, point, row, by_sweep, [i], allowed, size)
    if order > 1:
        for i, name in enumerate(names):
            check_entries(f"∂{what}/∂({name})", Point(jacobian(f, i), arrays), names, order - 1, rtol, atol, size)


def loose_rtol(point: Point) -> float:
    """Two fifths of the digits of the coarsest dtype: as many as differences are sure of."""
    return precision_of(point.value, *point.arrays) ** 0.4


def allowance(point: Point, error: float, size: float) -> float:
    """What the numerical derivative, or rounding in the dtype of f, may be wrong by beside numbers of that size."""
    precision = precision_of(point.value, *point.arrays)
    share = 1024 * precision if precision <= np.finfo(float).eps else 10 * precision ** (2 / 3)
    return 10 * error + share * min(size, 1e300)


# Random directions ----------------------------------------------------------------------------------------


def random_directions(arrays: Sequence[Array], rng: np.random.Generator) -> list[Array]:
    """A direction of length 1 through all arrays at once."""
    parts = [rng.standard_normal(x.shape) for x in arrays]
    length = np.sqrt(sum(float(np.sum(v * v)) for v in parts)) or 1.0
    return [np.asarray(v / length, x.dtype) for v, x in zip(parts, arrays)]


def check_along(
    what: str, point: Point, order: int, rtol: float | None, atol: float | None, rng: np.random.Generator, size: float = 0.0
) -> None:
    """One derivative, along a random direction; then, in turn, the derivatives of that."""
    f, arrays = point.f, point.arrays
    v = random_directions(arrays, rng)
    weights = rng.standard_normal(point.value.shape)
    along, error = METHODS[choose(point, "auto")](point, point.widen(), {i: widen(d) for i, d in enumerate(v)})
    numerical = np.asarray(np.sum(weights * along))

    def number(*xs: Any) -> Any:
        return np.sum(f(*xs) * weights)

    def slope(*xs: Any) -> Any:
        return sum(np.sum(g * d) for g, d in zip(grad(number, range(len(arrays)))(*xs), v))

    slopes = grad(number, range(len(arrays)))(*arrays)
    automatic = np.asarray(sum(np.sum(g * d) for g, d in zip(slopes, v)))
    spread = np.sqrt(sum(float(np.sum((np.asarray(g, float) * d) ** 2)) for g, d in zip(slopes, v)))  # of a sum of random signs
    size = max(size, largest_entry(point.value))
    relative = loose_rtol(point) if rtol is None else rtol
    allowed, several = allowance(point, error, size), max(1.0, float(np.sum(np.abs(weights))))
    yardstick = Yardstick(relative, (allowed * several if atol is None else atol) + relative * spread)
    row = compare_arrays(f"direction through {len(arrays)} arguments", numerical, automatic, yardstick)
    if not row.approximate:
        raise row.mismatch(
            f"the derivative of {what} along a random direction through all arguments: {row.difference('numerical')}. "
            "Leave out directions= to learn which entry it is"
        )
    if atol is None:
        is_unjudged(what, point, row, automatic / several, range(len(arrays)), allowed, size)
    if order > 1:
        check_along(f"a directional derivative of {what}", Point(slope, arrays), order - 1, rtol, atol, rng, size)


def check_forward_mode(what: str, point: Point, rtol: float | None, rng: np.random.Generator) -> None:
    """u · (J v) by forward mode and (u J) · v by reverse mode are the same number."""
    f, arrays = point.f, point.arrays
    v = random_directions(arrays, rng)
    with enable_grad():
        value, tangent = map(np.asarray, jvp(f, arrays, v))
        _, pullback = vjp(f, *arrays)
    u = np.asarray(rng.standard_normal(value.shape), tangent.dtype)
    forward = np.asarray(np.sum(u * tangent))
    shares = pullback(np.asarray(u, value.dtype if value.dtype.kind == "f" else float))
    reverse = np.asarray(sum(np.sum(g * d) for g, d in zip(shares, v)))
    size = sum(float(np.sum(np.abs(np.asarray(g, float) * d))) for g, d in zip(shares, v))
    rounding = 10 * precision_of(value, *arrays) * float(np.sum(np.abs(u * value)))
    yardstick = Yardstick(loose_rtol(point) if rtol is None else rtol, loose_rtol(point) * size + min(rounding, 1e300))
    row = compare_arrays("", forward, reverse, yardstick)
    if not row.approximate and np.isfinite(forward) and np.isfinite(reverse):
        raise row.mismatch(
            f"forward and reverse mode of {what} differ along a random direction: forward {row.manual}, reverse {row.automatic}"
        )


# Somebody's own gradient ----------------------------------------------------------------------------------


def check_my_gradient(
    f: Callable[..., Any],
    my_gradient: Callable[..., Any],
    *args: Any,
    rtol: float | None = None,
    atol: float | None = None,
    method: str = "auto",
    factors: Mapping[str, float] | None = None,
) -> Comparison:
    """Compare somebody's own gradient of f with numerical ones; no Tensor is needed.

    `check_grad` is another name for it, which SciPy's users look for.

    Parameters
    ----------
    f : callable
        Takes arrays and returns one number.
    my_gradient : callable
        Takes the same, and returns the gradient with respect to the arguments: of the form of the argument if there
        is one, a tuple in the order of the arguments or a dict by their names if there are several.
    *args : array_like, of a real floating dtype, or nests (dicts, lists, tuples) of them
    rtol, atol : float, optional
        As in `compare`; by default no less than what is expected of the numerical gradient.
    method : {"auto", "complex", "central"}
        As in `numerical_gradient`.
    factors : dict of float by str, optional
        As in `compare`.

    Returns
    -------
    Comparison
        True if all agree; printed, a table with what is wrong below it. If f can be recorded, its recording is
        searched for the mistake. Where gradients differ since f has a kink at the point, as relu has at 0, they are
        compared a little beside it, and the title says so.

    Raises
    ------
    TypeError, ValueError
        As `numerical_gradient`, and if the two do not have the same form, or f is so large that its derivatives are lost
        in rounding, and cannot be judged.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> import numpy as np
    >>> ag.check_my_gradient(lambda w: np.sum(np.sin(w)), lambda w: -np.cos(w), np.array([0.5, 1.0, 2.0]))
    manual against automatic gradients, which numerical ones confirm (complex step,
    expected error 3e-15)
    name      shape  exact  approximate   max abs   max rel      ulps
    gradient  (3,)   no     no           1.76e+00  2.00e+00  1.58e+16
    gradient: 3 of 3 entries differ, everywhere; most at [0]: manual -0.877583,
          automatic 0.877583
       → it is −1 times the automatic one: a sign is wrong
    the gradients differ
    """
    refuse_tolerances(rtol, atol)
    if not callable(my_gradient):
        raise TypeError(f"my_gradient is your function that returns the gradient, not {type(my_gradient).__name__}")
    point = Point(f, args)
    if point.value.size != 1:
        raise TypeError(
            f"{function_name(f)} returned shape {point.value.shape}; the gradient is that of a single number, so return its sum"
        )
    names = argument_names(f, point)
    if not np.all(np.isfinite(point.value)):
        at = " and ".join(names) if names != ["gradient"] else "argument"
        raise ValueError(f"{function_name(f)} is {point.value.item()} at the {at} given, so it has no gradient there")

    def compare_at(point: Point) -> tuple[Comparison, Any]:
        manual = manual_by_name(my_gradient(*point.nest([x.copy() for x in point.arrays])), names, point)
        return compare_with_numerical(point, names, manual, method=method, rtol=rtol, atol=atol, factors=factors)

    return compare_beside_kinks(point, names, compare_at)[0]


check_grad = check_my_gradient


def compare_beside_kinks(
    point: Point, names: Sequence[str], compare_at: Callable[[Point], tuple[Comparison, Any]]
) -> tuple[Comparison, Any]:
    """What `compare_at` gives at the point; beside it, where gradients differ since f has a kink there.

    A kink that is hit exactly, as that of relu is by a sample of zeros, has no derivative that could be wrong. A little
    beside it there is one.
    """
    found = compare_at(point)
    kinks = kinks_at(point, names, found[0])
    if not kinks:
        return found
    rng = np.random.default_rng(0)
    moved = [x + np.asarray(1e-3 * np.maximum(1, np.abs(x)) * draw_direction(rng, x.shape), x.dtype) for x in point.arrays]
    try:
        with np.errstate(all="ignore"):
            there = Point(point.f, point.nest(moved))
    except Exception:  # f need not be defined there
        there = point
    if there is not point and np.all(np.isfinite(there.value)):
        beside = compare_at(there)
        as_before = all(np.array_equal(row.gradients[0], other.gradients[0]) for row, other in zip(found[0].rows, beside[0].rows))
        if not kinks_at(there, names, beside[0]) and (beside[0].ok or not as_before):  # else it was computed for one point
            note = f"{next(iter(kinks.values()))}: compared beside it, at a point moved by 1e-3"
            return Comparison(beside[0].rows, f"{beside[0].title}; {note}"), *beside[1:]
    rows = [
        replace(row, hints=(), notes=(*row.notes, kinks[row.name])) if row.name in kinks else row for row in found[0].rows
    ]
    return Comparison(rows, found[0].title), *found[1:]


def kinks_at(point: Point, names: Sequence[str], comparison: Comparison) -> dict[str, str]:
    """What is to be said about the rows that differ where f has a kink, by name; looked for where they differ most."""
    found = {}
    for row in comparison.rows:
        if row.approximate or row.index is None or row.name not in names:
            continue
        *_, gap = gaps(*row.gradients)
        for k in np.argsort(-gap, axis=None)[:4]:
            index = tuple(map(int, np.unravel_index(k, gap.shape)))
            slopes = kink(point, names.index(row.name), (0,) * point.value.ndim, index) if gap[index] > row.tolerance else None
            if slopes is not None:
                place = (row.name if row.name != "gradient" else "") + (write_index(index) if index else "")
                found[row.name] = (
                    f"{function_name(point.f)} has a kink at {place or 'its argument'}, slope {slopes[0]:.6g} below and "
                    f"{slopes[1]:.6g} above, and no derivative there"
                )
                break
    return found


def compare_with_numerical(
    point: Point,
    names: Sequence[str],
    manual: Mapping[str, Array | None],
    method: str = "auto",
    rtol: float | None = None,
    atol: float | None = None,
    factors: Mapping[str, float] | None = None,
) -> tuple[Comparison, Tensor | None]:
    """Manual gradients against numerical ones; the output of the recording too, where there is one.

    Where f can be recorded, and its automatic gradients are confirmed by the numerical ones, these stand in for them: they
    are without the error of differences, and mistakes are looked for in the recording.
    """
    by_default = atol is None
    taken, numerical, error = differentiate(point, method)
    by_name = {name: g.reshape(x.shape) for name, g, x in zip(names, numerical, point.arrays)}
    output, tensors, automatic = record_and_confirm(point, by_name, error)
    how = f"{'complex step' if taken == 'complex' else 'central differences'}, expected error {error:.0e}"
    if output is not None:
        title = f"manual against automatic gradients, which numerical ones confirm ({how})"
        largest = max(map(largest_entry, automatic.values()), default=0.0)
        coarsest = precision_of(*(x.data for x in history(output, constants=False)))
        if coarsest > precision_of(*point.arrays):  # f casts to float32, say
            entries = max(x.size for x in point.arrays)
            rtol = default_rtol(coarsest, entries) if rtol is None else rtol
            atol = rounding(coarsest, entries, largest) if atol is None else atol
        if atol is None and taken == "complex" and largest <= 10 * error:
            atol = 10 * error  # it is 0 but for rounding, of which no two computations leave the same
    else:
        title = f"manual against numerical gradients ({how})"
        precision = precision_of(point.value, *point.arrays)
        if rtol is None:
            rtol = max(default_rtol(precision, max(x.size for x in point.arrays)), 1e-7 if taken == "central" else 0.0)
        if atol is None:
            subtracted = [*numerical, point.value] if taken == "central" else numerical
            atol = 10 * error + 10 * precision * max(map(largest_entry, subtracted), default=0.0)
    comparison = compare_sets(manual, automatic, rtol, atol, output=output, factors=factors, tensors=tensors, title=title)
    no_numbers = {name for name, g in by_name.items() if np.any(np.isnan(g))}
    if no_numbers:
        note = "there is no numerical derivative where it is NaN: f is not a finite number on both sides of the point"
        rows = [replace(row, notes=(*row.notes, note)) if row.name in no_numbers else row for row in comparison.rows]
        comparison = Comparison(rows, comparison.title)
    if by_default and atol is not None:
        comparison = note_what_cannot_be_judged(point, names, comparison, atol)
    return comparison, output


def note_what_cannot_be_judged(point: Point, names: Sequence[str], comparison: Comparison, allowed: float) -> Comparison:
    """The comparison, with notes about rows that agree only since the numerical gradient is too rough to tell."""
    note = f"the numerical gradient is no better than ±{allowed / 10:.2g}: whether they agree cannot be judged"
    what, size, rows = function_name(point.f), largest_entry(point.value), []
    for row in comparison.rows:
        moving = [i for i, name in enumerate(names) if name == row.name]
        rough = row.approximate and is_unjudged(what, point, row, row.gradients[0], moving, allowed, size)
        rows.append(replace(row, notes=(*row.notes, note)) if rough else row)
    return Comparison(rows, comparison.title)


def is_unjudged(
    what: str, point: Point, row: Row, theirs: Array, moving: Sequence[int], allowed: float, size: float
) -> bool:
    """Whether the row of these arrays agrees thanks to the allowance alone, which is more than f is seen to move by.

    Raises
    ------
    ValueError
        If `theirs`, the gradient that is judged, is more than rounding, and f is not seen to move by more in any direction.
    """
    largest = max(map(largest_entry, row.gradients))
    if row.max_abs <= 0.1 * largest or not np.any(theirs) or allowed < visible_slope(point, moving):
        return False
    noise = 8 * precision_of(point.value, *point.arrays) * size / smallest_scale(point)
    if largest_entry(theirs) > noise and allowed >= visible_slope(point, range(len(point.arrays))):
        raise ValueError(
            f"the derivative of {what} cannot be judged: f is {size:.0e} there, and the numerical derivative is no better than "
            f"±{allowed / 10:.2g}; leave out what is constant in f"
        )
    return True


def visible_slope(point: Point, moving: Sequence[int]) -> float:
    """How fast f is seen to move with these arguments, over steps of 2^-4 relative to what is larger than 1."""
    wide, rng, changes = point.widen(), np.random.default_rng(0), [0.0]
    for _ in range(4):
        way = {i: FIRST_STEP * np.maximum(1, np.abs(wide[i])) * draw_direction(rng, wide[i].shape) for i in moving}
        for sign in (-1, 1):
            with np.errstate(all="ignore"):
                moved = point.evaluate([x + sign * way[i] if i in way else x for i, x in enumerate(wide)])
                changes.append(largest_entry(moved - point.value))
    return max(changes) / (FIRST_STEP * smallest_scale(point))


def smallest_scale(point: Point) -> float:
    """The smallest of what steps are relative to: an entry, or 1 where that is larger."""
    return max(1.0, min((float(np.min(np.abs(x))) for x in point.arrays if x.size), default=1.0))


def argument_names(f: Callable[..., Any], point: Point) -> list[str]:
    """What the arrays are called: as the parameters of f are, or ``gradient`` if there is only one."""
    n = len(point.args)
    try:
        given = list(signature(f).parameters)[:n]
    except (TypeError, ValueError):
        given = []
    given = [""] if n == 1 else given if len(given) == n else [f"argument {i}" for i in range(n)]
    return [name or "gradient" for path, argument in zip(given, point.args) for name in by_path(argument, path)]


def manual_by_name(mine: Any, names: Sequence[str], point: Point) -> dict[str, Array | None]:
    """The leaves of what my_gradient returned, by the names of the arguments."""
    if isinstance(mine, Mapping):
        return {name: gradient_as_array("manual", name, x) for name, x in by_path(mine).items()}
    if mine is None:
        raise TypeError("my_gradient returned None: is a `return` missing in it?")
    several = len(point.args) > 1 or is_nest(point.args[0])
    if several and not isinstance(mine, (list, tuple)):
        raise TypeError(
            f"my_gradient returned {type(mine).__name__}; return a tuple with the gradient for each of the "
            f"{len(point.args)} arguments, or a dict by name ({', '.join(names)})"
        )
    items = [x for item in mine for x in by_path(item).values()] if several else [mine]
    if len(items) != len(names):
        raise ValueError(f"my_gradient returned {len(items)} gradients, for {len(names)} arguments: {', '.join(names)}")
    return {name: gradient_as_array("manual", name, x) for name, x in zip(names, items)}


def record_and_confirm(
    point: Point, numerical: Mapping[str, Array], error: float
) -> tuple[Tensor | None, dict[str, Tensor], Mapping[str, Array]]:
    """f applied to Tensors, these, and its gradients; the numerical ones if f does not take Tensors, or gives others."""
    tensors = {name: Tensor(x, requires_grad=True, name=name) for name, x in zip(numerical, point.arrays)}
    failed: tuple[None, dict[str, Tensor], Mapping[str, Array]] = None, {}, numerical
    try:
        with enable_grad():
            output = point.f(*point.nest(list(tensors.values())))
        if not isinstance(output, Tensor) or not output.requires_grad:
            return failed
        automatic = dict(zip(tensors, gradients(output, list(tensors.values()))))
    except Exception:  # not every NumPy code can be recorded, and nothing depends on it
        return failed
    yardstick = Yardstick(1e-5, 100 * error)
    return (output, tensors, automatic) if all(map(yardstick.same, automatic.values(), numerical.values())) else failed
