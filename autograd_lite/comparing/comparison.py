"""Gradients held against each other: derived by hand, automatic, numerical.

Two arrays agree if their largest difference is small *relative to the largest entry of either*. Entry by entry
would be the wrong measure: next to a gradient of size 1, an entry of 1e-16 is what rounding leaves of a zero, and
no two ways of computing it agree in any digit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import isnan, nan
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd_lite.engine.derivatives import jacobian
from autograd_lite.engine.recording import no_grad
from autograd_lite.engine.tensor import Array, Tensor, as_tensor

Gradients = Mapping[Any, Any] | Sequence[Any] | npt.ArrayLike | Tensor


class GradientMismatch(AssertionError):
    """Two gradients that should be the same are not.

    Attributes
    ----------
    name : str
        Which gradient: the name of the parameter, or the argument of the function.
    index : tuple of int or None
        Where the difference is largest; None if the shapes differ.
    expected, automatic : float
        The two values there. Expected is the manual or the numerical one.
    """

    name: str = ""
    index: tuple[int, ...] | None = None
    expected: Any = nan
    automatic: Any = nan


@dataclass(frozen=True)
class Row:
    """How two gradients with respect to one parameter compare.

    Attributes
    ----------
    name : str
    shape, automatic_shape : tuple of int
        The shape of the manual and of the automatic gradient.
    exact : bool
        Whether all entries are equal, to the last bit.
    approximate : bool
        Whether ``max_abs <= tolerance``; never with a NaN or with different shapes.
    max_abs : float
        The largest absolute difference.
    max_rel : float
        The same relative to the largest finite entry of either gradient.
    tolerance : float
        ``atol + rtol`` times that entry.
    index : tuple of int or None
        Where the largest difference is.
    manual, automatic : float
        The two values there.
    """

    name: str
    shape: tuple[int, ...]
    automatic_shape: tuple[int, ...]
    exact: bool = False
    approximate: bool = False
    max_abs: float = nan
    max_rel: float = nan
    tolerance: float = nan
    index: tuple[int, ...] | None = None
    manual: Any = nan
    automatic: Any = nan

    def difference(self, kind: str = "manual") -> str:
        """What the two are where they differ most, in words."""
        if self.shape != self.automatic_shape:
            return f"the {kind} one has shape {self.shape}, the automatic one {self.automatic_shape}"
        values = f"{kind} {self.manual}, automatic {self.automatic}"
        if isnan(self.max_abs):
            return values
        return f"{values}; they differ by {self.max_abs:.3g}, allowed is {self.tolerance:.3g}"

    def mismatch(self, message: str) -> GradientMismatch:
        """The error to raise about this row."""
        error = GradientMismatch(message)
        error.name, error.index, error.expected, error.automatic = self.name, self.index, self.manual, self.automatic
        return error


class Comparison:
    """The result of `compare`: a row for each parameter. It is true if all rows agree.

    Attributes
    ----------
    rows : tuple of Row
    ok : bool
        Whether every row is approximately equal.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = tuple(rows)

    @property
    def ok(self) -> bool:
        return all(row.approximate for row in self.rows)

    def __bool__(self) -> bool:
        return self.ok

    def raise_if_different(self) -> None:
        """Do nothing if all rows agree.

        Raises
        ------
        GradientMismatch
            Names the first parameter that differs, where it does, and both values; then the table.
        """
        for row in self.rows:
            if not row.approximate:
                where = f" at index {row.index}" if row.index else ""
                raise row.mismatch(
                    f"the gradients of {printable(row.name)} differ{where}: {row.difference()}\n\n{self}"
                )

    def __str__(self) -> str:
        """The table, at most 80 columns wide."""
        table = self._table()
        wide = [max(len(line[i]) for line in table) for i in range(len(HEADINGS))]
        wide[1] = min(wide[1], 26)
        wide[0] = min(wide[0], 80 - sum(wide[1:]) - 2 * (len(wide) - 1))
        lines = []
        for line in table:
            cells = [shortened(cell, n) for cell, n in zip(line, wide)]
            words = [cell.ljust(n) for cell, n in zip(cells[:4], wide[:4])]
            numbers = [cell.rjust(n) for cell, n in zip(cells[4:], wide[4:])]
            lines.append("  ".join(words + numbers))
        return "\n".join([*lines, self._verdict()])

    def _repr_html_(self) -> str:
        """The table as a notebook shows it."""
        head, *body = self._table()
        rows = [f"<tr>{''.join(f'<th>{cell}</th>' for cell in head)}</tr>"]
        for line, row in zip(body, self.rows):
            style = "" if row.approximate else ' style="color: #c00; font-weight: bold"'
            rows.append(f"<tr{style}>{''.join(f'<td>{escape(cell)}</td>' for cell in line)}</tr>")
        return f"<table><caption>{escape(self._verdict())}</caption>{''.join(rows)}</table>"

    def __repr__(self) -> str:
        return f"<Comparison: {self._verdict()}>"

    def _verdict(self) -> str:
        n, different = len(self.rows), sum(not row.approximate for row in self.rows)
        if n == 0:
            return "nothing was compared"
        if n == 1:
            return "the gradients differ" if different else "the gradients agree"
        if different:
            return f"{different} of {n} {'differs' if different == 1 else 'differ'}"
        return f"all {n} agree"

    def _table(self) -> list[Sequence[str]]:
        lines: list[Sequence[str]] = [HEADINGS]
        for row in self.rows:
            if row.shape == row.automatic_shape:
                shape, differences = str(row.shape), [short(row.max_abs), short(row.max_rel)]
            else:
                shape, differences = f"{row.shape} ≠ {row.automatic_shape}", ["-", "-"]
            yes_no = ["yes" if answer else "no" for answer in (row.exact, row.approximate)]
            lines.append([printable(row.name), shape, *yes_no, *differences])
        return lines


HEADINGS = ("name", "shape", "exact", "approximate", "max abs", "max rel")


def short(x: float) -> str:
    return "0" if x == 0 else f"{x:.2e}"


def printable(name: str) -> str:
    """`name` on one line, whatever is in it."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in name)


def shortened(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


# Two sets of gradients ------------------------------------------------------------------------------------


def compare(
    manual: Gradients, automatic: Gradients, *, rtol: float | None = None, atol: float | None = None
) -> Comparison:
    """Compare gradients derived by hand with automatic ones, parameter by parameter.

    Parameters
    ----------
    manual, automatic : dict, sequence, or a single array_like or Tensor
        The gradients: by the name of the parameter, by its position, or one of them. Both of the same kind.
    rtol : float, optional
        The largest difference allowed, relative to the largest entry of either gradient. By default the square
        root of the precision of the coarser of the two dtypes, that is half of its digits: 1.5e-8 for float64,
        3.5e-4 for float32.
    atol : float, optional
        A difference allowed whatever the entries are, for gradients that are zero but for rounding. By default
        ten times the precision of the coarser dtype: 2.2e-15 for float64, 1.2e-6 for float32.

    Returns
    -------
    Comparison
        True if all agree; printed, it is a table. Gradients of different shapes never agree, they are not
        broadcast; nor does anything that holds a NaN.

    Raises
    ------
    ValueError
        If a name is missing on one side, the sequences differ in length, or a gradient is None.
    TypeError
        If the two are of different kinds, or an entry is a parameter instead of its gradient or holds no numbers.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> w = ag.Tensor([[1.0, 2.0]], requires_grad=True, name="w")
    >>> x = ag.Tensor([[3.0], [4.0]])
    >>> ((w @ x) ** 2).sum().backward()
    >>> print(ag.compare({"w": 2 * (w.data @ x.data) @ x.data.T}, {"w": w.grad}))
    name  shape   exact  approximate  max abs  max rel
    w     (1, 2)  yes    yes                0        0
    the gradients agree
    """
    for name, tolerance in (("rtol", rtol), ("atol", atol)):
        if tolerance is not None and not tolerance >= 0:
            raise ValueError(f"{name} is a number from 0 up, not {tolerance}")
    return Comparison([
        compare_arrays(name, as_array("manual", name, m), as_array("automatic", name, a), rtol, atol)
        for name, m, a in paired(manual, automatic)
    ])  # fmt: skip


def paired(manual: Any, automatic: Any) -> list[tuple[str, Any, Any]]:
    """The name, the manual and the automatic gradient of each parameter."""
    kinds = [
        "a dict" if isinstance(side, Mapping) else "a sequence" if isinstance(side, (list, tuple)) else "an array"
        for side in (manual, automatic)
    ]
    if kinds[0] != kinds[1]:
        raise TypeError(
            f"manual is {kinds[0]} and automatic {kinds[1]} of gradients, so it is not clear which belong together; "
            "give both as dicts with the same names, both as sequences in the same order, or both as one array"
        )
    if kinds[0] == "an array":
        return [("parameter", manual, automatic)]
    if kinds[0] == "a sequence":
        if len(manual) != len(automatic):
            raise ValueError(f"{len(manual)} manual gradients cannot be compared with {len(automatic)} automatic ones")
        return [(f"parameter {i}", m, a) for i, (m, a) in enumerate(zip(manual, automatic))]
    for which, here, there in (("manual", manual, automatic), ("automatic", automatic, manual)):
        missing = [str(name) for name in there if name not in here]
        if missing:
            raise ValueError(
                f"there is no {which} gradient of {', '.join(missing)}; the {which} ones are of "
                f"{', '.join(map(str, here)) or 'nothing'}"
            )
    return [(str(name), m, automatic[name]) for name, m in manual.items()]


def as_array(which: str, name: str, gradient: Any) -> Array:
    """The gradient as an array of numbers."""
    what = f"the {which} gradient of {printable(name)}"
    if gradient is None:
        raise ValueError(f"{what} is None: call backward() on a cost that depends on {printable(name)} first")
    if isinstance(gradient, Tensor):
        if gradient.is_leaf and gradient.requires_grad:
            raise TypeError(f"{what} is a parameter ({gradient.describe()}); compare its .grad")
        return gradient.data
    array = np.asarray(gradient)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"{what} holds no numbers: {type(gradient).__name__} of dtype {array.dtype}")
    return array


def compare_arrays(name: str, manual: Array, automatic: Array, rtol: float | None, atol: float | None) -> Row:
    if manual.shape != automatic.shape:
        return Row(name, manual.shape, automatic.shape)
    precision = max(precision_of(manual.dtype), precision_of(automatic.dtype))
    if rtol is None:
        rtol = float(np.sqrt(precision))
    if atol is None:
        atol = 10 * precision
    wide = np.result_type(manual, automatic, float)  # where neither float16 nor an integer overflows
    m, a = manual.astype(wide), automatic.astype(wide)
    with np.errstate(all="ignore"):
        gap = np.where(m == a, 0.0, np.abs(m - a))  # equal infinities do not differ
    worst = np.unravel_index(np.argmax(gap), gap.shape) if gap.size else None  # a NaN counts as the largest
    max_abs = float(gap[worst]) if worst is not None else 0.0
    largest = max(largest_entry(m), largest_entry(a))
    tolerance = atol + rtol * largest
    return Row(
        name,
        manual.shape,
        automatic.shape,
        exact=max_abs == 0,
        approximate=max_abs <= tolerance,
        max_abs=max_abs,
        max_rel=max_abs / largest if largest else max_abs,
        tolerance=tolerance,
        index=None if worst is None else tuple(int(i) for i in worst),
        manual=nan if worst is None else manual[worst].item(),
        automatic=nan if worst is None else automatic[worst].item(),
    )


def largest_entry(x: Array) -> float:
    """The largest absolute value among the finite entries."""
    return float(np.max(np.abs(x), initial=0.0, where=np.isfinite(x)))


def precision_of(dtype: np.dtype[Any]) -> float:
    """The distance from 1 to the next number; 0 for integers, which are exact."""
    return float(np.finfo(dtype).eps) if dtype.kind in "fc" else 0.0


# Numerical differentiation ------------------------------------------------------------------------------------


def numerical_gradient(f: Callable[..., Any], *args: npt.ArrayLike | Tensor) -> Any:
    """The derivatives of f by central differences, (f(x + h) − f(x − h)) / 2h, one entry of x after the other.

    Parameters
    ----------
    f : callable
        Takes as many Tensors as there are arguments; returns a number, an array or a Tensor. It is called twice for
        every entry of every argument, and nothing is recorded.
    *args : array_like or Tensor, of a real floating dtype

    Returns
    -------
    ndarray, or a tuple of them if there are several arguments
        One for each argument, of its dtype and of shape ``f(*args).shape + argument.shape``: the shape of the
        argument if f returns a number, the Jacobian if f returns an array.

    Raises
    ------
    TypeError
        If an argument is not of a real floating dtype, or f returns something else than real numbers.
    ValueError
        If an argument has entries that are not finite.

    Notes
    -----
    Truncation leaves an error of h² f'''/6 and rounding one of ε f / h, where ε is the coarser of the precisions of
    the argument and of the result. h = ε^⅓ max(1, |x|) is about where their sum is least; it leaves two thirds of
    the digits: about 10 for float64, 5 for float32.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> import numpy as np
    >>> ag.numerical_gradient(lambda x: np.sum(x**2), np.array([1.0, 2.0])).round(8)
    array([2., 4.])
    """
    results = numerical_jacobians(f, floating_arguments(args))[1]
    return results[0] if len(results) == 1 else tuple(results)


def numerical_jacobians(f: Callable[..., Any], arrays: Sequence[Array]) -> tuple[Array, list[Array]]:
    """The value of f, and its numerical Jacobians with respect to all arguments."""
    value = evaluated(f, arrays)
    results = []
    for i, x in enumerate(arrays):
        relative_step = max(precision_of(x.dtype), precision_of(value.dtype)) ** (1 / 3)
        jacobian = np.empty((*value.shape, x.size), x.dtype)
        for k in range(x.size):
            below, above = x.copy(), x.copy()
            step = relative_step * max(1.0, abs(float(x.flat[k])))
            below.flat[k] -= step
            above.flat[k] += step
            width = above.flat[k] - below.flat[k]  # not 2 * step, which was rounded
            rise = evaluated(f, [*arrays[:i], above, *arrays[i + 1 :]])
            rise = rise - evaluated(f, [*arrays[:i], below, *arrays[i + 1 :]])
            jacobian[..., k] = rise / width
        results.append(jacobian.reshape(value.shape + x.shape))
    return value, results


def floating_arguments(args: Sequence[Any]) -> list[Array]:
    if not args:
        raise TypeError("there is no argument to differentiate with respect to: pass them after the function")
    arrays = []
    for i, x in enumerate(args):
        array = x.data if isinstance(x, Tensor) else np.asarray(x)
        if array.dtype.kind != "f":
            raise TypeError(
                f"argument {i} cannot be differentiated: it is of dtype {array.dtype}, not a real floating one; "
                "write 1.0 instead of 1 in the data, and close over what is not to be differentiated"
            )
        if not np.all(np.isfinite(array)):
            raise ValueError(f"argument {i} of shape {array.shape} has entries that are not finite")
        arrays.append(array)
    return arrays


@no_grad()
def evaluated(f: Callable[..., Any], arrays: Sequence[Array]) -> Array:
    """f of constant Tensors, as an array of floating-point numbers."""
    result = f(*[as_tensor(x) for x in arrays])
    if not isinstance(result, (Tensor, np.ndarray, np.generic, int, float)):
        raise TypeError(f"{name_of(f)} returned {type(result).__name__}; return one number, one array or one Tensor")
    array = np.asarray(result)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name_of(f)} returned dtype {array.dtype}; only real functions can be compared")
    return array if array.dtype.kind == "f" else array.astype(float)


def name_of(f: Callable[..., Any]) -> str:
    name = getattr(f, "__name__", "f")
    return "f" if name == "<lambda>" else str(name)


# Automatic against numerical ----------------------------------------------------------------------------------


def check_gradients(
    f: Callable[..., Any],
    *args: npt.ArrayLike | Tensor,
    order: int = 1,
    rtol: float | None = None,
    atol: float | None = None,
) -> None:
    """Check the automatic derivatives of f against numerical ones, with respect to every entry of every argument.

    Parameters
    ----------
    f : callable
        Takes as many Tensors as there are arguments; returns a number, an array or a Tensor.
    *args : array_like or Tensor, of a real floating dtype
        Where to differentiate. Keep away from kinks, where the two sides of a difference do not belong together.
    order : int
        2 checks the derivatives of the gradient too, and so on.
    rtol : float, optional
        The largest difference allowed, relative to the largest entry. By default the precision of the coarsest dtype
        that takes part to the power of 0.4: 5.5e-7 for float64, 1.7e-3 for float32.
    atol : float, optional
        A difference allowed in addition. By default ten times what rounding the value of f adds to the numerical
        derivative.

    Raises
    ------
    GradientMismatch
        Names the argument, the index and both values.
    TypeError, ValueError
        As `numerical_gradient`; if `order` is less than 1.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> import numpy as np
    >>> ag.check_gradients(lambda x, y: np.sum(np.sin(x) * y), np.array([1.0, 2.0]), 3.0, order=2)

    >>> wrong = ag.elementwise("wrong", lambda x: np.sin(x), lambda x: -np.cos(x))
    >>> ag.check_gradients(wrong, 0.0)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    autograd_lite.comparing.comparison.GradientMismatch: the derivative of wrong with respect to argument 0: numerical ...
    """
    if order < 1:
        raise ValueError(f"order is 1 for the gradient, 2 for its derivative too, and so on; not {order}")
    names = [f"argument {i}" + (f" ({x.name})" if isinstance(x, Tensor) and x.name else "") for i, x in enumerate(args)]
    check(f, name_of(f), floating_arguments(args), names, order, rtol, atol)


def check(
    f: Callable[..., Any],
    what: str,
    arrays: Sequence[Array],
    names: Sequence[str],
    order: int,
    rtol: float | None,
    atol: float | None,
) -> None:
    value, numerical = numerical_jacobians(f, arrays)
    automatic = jacobian(f, range(len(arrays)))(*arrays)
    precision = max(precision_of(x.dtype) for x in (value, *arrays))
    if rtol is None:
        rtol = precision**0.4
    if atol is None:
        atol = 10 * precision ** (2 / 3) * largest_entry(value)
    for name, by_differences, by_sweep in zip(names, numerical, automatic):
        row = compare_arrays(name, by_differences, by_sweep, rtol, atol)
        if not row.approximate:
            index = row.index or ()
            of_value, of_argument = index[: value.ndim], index[value.ndim :]
            raise row.mismatch(
                f"the derivative of {what}{f' at index {of_value}' if of_value else ''} with respect to {name}"
                f"{f' at index {of_argument}' if of_argument else ''}: {row.difference('numerical')}"
            )
    if order > 1:
        for i, name in enumerate(names):
            check(jacobian(f, i), f"∂{what}/∂({name})", arrays, names, order - 1, rtol, atol)
