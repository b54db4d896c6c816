"""Gradients held against each other, parameter by parameter: what counts as equal, and what is found.

Two arrays agree if their largest difference is small *relative to the largest entry of either*. Entry by entry
would be the wrong measure: next to a gradient of size 1, an entry of 1e-16 is what rounding leaves of a zero, and
no two ways of computing it agree in any digit. For the same reason a gradient that is nothing but rounding beside
the others of its set is measured against the largest of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, KeysView, Mapping, Sequence, ValuesView
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from math import isnan, nan
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from autograd_lite.comparing import report
from autograd_lite.comparing.hints import Context, find_hints
from autograd_lite.comparing.kinks import Kinks, explain_by_kinks
from autograd_lite.comparing.places import words_for_mask, write_index
from autograd_lite.comparing.precision import gaps, largest_entry, precision_of, ulps
from autograd_lite.engine.nests import leaves
from autograd_lite.engine.tensor import Array, Tensor, as_array

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
    shape, automatic_shape : tuple of int or None
        The shape of the manual and of the automatic gradient; None for one that is missing.
    exact : bool
        Whether all entries are equal, to the last bit.
    approximate : bool
        Whether ``max_abs <= tolerance``; never with a NaN, with different shapes or if one is missing. In a comparison of
        steps, also where the difference is that of slopes at a kink.
    max_abs : float
        The largest absolute difference.
    max_rel : float
        The same relative to the largest finite entry of either gradient; relative to the largest of the whole set
        if both are nothing but rounding beside it.
    max_ulp : float
        The same in units in the last place of the larger of the two values there, in the coarser of the dtypes.
    tolerance : float
        ``atol + rtol`` times the largest entry.
    index : tuple of int or None
        Where the largest difference is.
    manual, automatic : float
        The two values there.
    differing : int
        How many entries differ by more than the tolerance, or are NaN.
    where : str
        Where these lie: ``all of column 0``, ``on the diagonal``; empty if there are none.
    hints : tuple of str
        What is wrong with the manual gradient, where the pattern is unmistakable.
    follows : tuple of str
        In a comparison of steps, the wrong ones before it that account for the difference.
    notes : tuple of str
        What else is worth knowing: different dtypes, NaN and infinity, agreement within rounding alone.
    gradients : tuple of two ndarrays
        What was compared; None for one that is missing.
    """

    name: str
    shape: tuple[int, ...] | None
    automatic_shape: tuple[int, ...] | None
    exact: bool = False
    approximate: bool = False
    max_abs: float = nan
    max_rel: float = nan
    max_ulp: float = nan
    tolerance: float = nan
    index: tuple[int, ...] | None = None
    manual: Any = nan
    automatic: Any = nan
    differing: int = 0
    where: str = ""
    hints: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    gradients: tuple[Any, Any] = field(default=(None, None), repr=False, compare=False)

    def difference(self, kind: str = "manual") -> str:
        """What the two are where they differ most, in words."""
        if self.shape is None or self.automatic_shape is None:
            return f"there is no {kind if self.shape is None else 'automatic'} one"
        if self.shape != self.automatic_shape:
            return f"the {kind} one has shape {self.shape}, the automatic one {self.automatic_shape}"
        values = f"{kind} {self.manual}, automatic {self.automatic}"
        if isnan(self.max_abs):
            return values
        return f"{values}; they differ by {self.max_abs:.3g}, allowed is {self.tolerance:.3g}"

    def findings(self) -> list[str]:
        """What is to be said about the row besides its line in the table."""
        if self.follows:
            return [f"follows from {' and '.join(self.follows)}", *self.notes]
        if self.approximate or self.shape is None or self.automatic_shape is None:
            return list(self.notes)
        if self.shape != self.automatic_shape:
            found = f"shape {self.shape} instead of {self.automatic_shape}"
        else:
            size = self.gradients[0].size
            found = report.two_numbers(self.manual, self.automatic)
            if size > 1:
                number = f"{self.differing} of {size} entries {'differs' if self.differing == 1 else 'differ'}, {self.where}"
                at = "" if self.where.startswith("at") else f"; most at {write_index(self.index)}"
                found = f"{number}{at}: {found}"
        return [found, *self.hints, *self.notes]

    def mismatch(self, message: str) -> GradientMismatch:
        """The error to raise about this row."""
        error = GradientMismatch(message)
        error.name, error.index, error.expected, error.automatic = self.name, self.index, self.manual, self.automatic
        return error


class Comparison:
    """The result of `compare`: a row for each parameter. It is true if all rows agree.

    Printed, or at a prompt, it is a table of at most 80 columns, with what was found below; in a notebook an html table.

    Attributes
    ----------
    rows : tuple of Row
    ok : bool
        Whether every row is approximately equal.
    title : str
        What was compared, if that does not go without saying.
    """

    def __init__(self, rows: Sequence[Row], title: str = "") -> None:
        self.rows = tuple(rows)
        self.title = title

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
                at = f" at index {row.index}" if row.index else ""
                raise row.mismatch(f"the gradients of {report.printable(row.name)} differ{at}: {row.difference()}\n\n{self}")

    def verdict(self) -> str:
        """The result in a few words, such as ``1 of 4 differs``."""
        n, different = len(self.rows), sum(not row.approximate for row in self.rows)
        if n == 0:
            return "nothing was compared"
        if n == 1:
            return "the gradients differ" if different else "the gradients agree"
        if different:
            return f"{different} of {n} {'differs' if different == 1 else 'differ'}"
        return f"all {n} agree"

    def to_dict(self) -> dict[str, Any]:
        """The verdict and all rows in plain Python types, fit for JSON but for NaN and infinity."""
        return {"ok": self.ok, "verdict": self.verdict(), "title": self.title, "rows": [as_dict(row) for row in self.rows]}

    def to_dataframe(self) -> Any:
        """The rows as a `pandas.DataFrame` with the names as its index.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("a DataFrame needs pandas: pip install pandas") from error
        rows = self.to_dict()["rows"]
        columns = list(as_dict(Row("", (), ())))
        return pandas.DataFrame(rows, columns=columns).set_index("name")

    def plot(self) -> Any:
        """Draw, for each parameter, manual against automatic entries, and their difference as a heat map.

        Returns
        -------
        matplotlib.figure.Figure
            Shows itself in a notebook; ``.savefig(path)`` writes it.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        return report.plot_rows(self.rows)

    def __str__(self) -> str:
        return report.text(self.rows, self.verdict(), self.title)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return report.html(self.rows, self.verdict(), self.title)


def as_dict(row: Row) -> dict[str, Any]:
    kept = {key: list(value) if isinstance(value, tuple) else value for key, value in vars(row).items() if key != "gradients"}
    for key, value in (("manual", row.manual), ("automatic", row.automatic)):
        kept[key] = str(value) if np.iscomplexobj(value) else float(value) if isinstance(value, np.longdouble) else value
    return kept


# Two sets of gradients ------------------------------------------------------------------------------------


def compare(
    manual: Gradients,
    automatic: Gradients,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    output: Tensor | None = None,
    factors: Mapping[str, float] | None = None,
) -> Comparison:
    """Compare gradients derived by hand with automatic ones, parameter by parameter, and say what is wrong.

    Parameters
    ----------
    manual, automatic : dict, sequence, or a single array_like or Tensor
        The gradients: by the name of the parameter, by its position, or one of them. Dicts and sequences may be
        nested. A parameter stands for its `grad`, and lends its name to an entry of a sequence; a result keeps none
        and stands for its values, which are a gradient if `gradients` gave it.
    rtol : float, optional
        The largest difference allowed, relative to the largest entry of either gradient. By default the precision
        of the coarser of the two dtypes to the power of ⅔, times n^¼ for the n entries of the largest gradient, since
        large ones come from large sums: 3.7e-11 to 5e-10 for float64, 2.4e-5 to 3e-4 for float32.
    atol : float, optional
        A difference allowed whatever the entries are, for gradients that are zero but for rounding. By default
        ten times the precision, times √n and the largest entry of the whole set. What agrees thanks to it alone has a note
        that says so. Nothing is allowed for in absolute terms: where all gradients are small because larger numbers
        were subtracted, at a minimum or behind saturated units, rounding shows, a note says so, and atol is yours.
    output : Tensor, optional
        What the automatic gradients are derivatives of. With it, mistakes are tried on its recording (a factor left
        out, another weight, a path forgotten), and named if they give the manual gradient.
    factors : dict of float by str, optional
        Numbers that may have got into the gradient, such as ``{"batch size": 32, "learning rate": 0.1}``.

    Returns
    -------
    Comparison
        True if all agree; printed, it is a table. Gradients of different shapes never agree, they are not
        broadcast; nor does anything that holds a NaN. A name that is missing on one side makes a row that says so.

    Raises
    ------
    ValueError
        If sequences differ in length, an automatic gradient is None, or a list is not an array.
    TypeError
        If the two are of different kinds, an entry holds no numbers, or `factors` is not a dict of numbers.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> w = ag.Tensor([[1.0, 2.0]], requires_grad=True, name="w")
    >>> x = ag.Tensor([[3.0], [4.0]])
    >>> ((w @ x) ** 2).sum().backward()
    >>> ag.compare({"w": 2 * (w.data @ x.data) @ x.data.T}, {"w": w})
    name  shape   exact  approximate  max abs  max rel  ulps
    w     (1, 2)  yes    yes                0        0     0
    the gradients agree
    >>> ag.compare({"w": (w.data @ x.data) @ x.data.T}, {"w": w})
    name  shape   exact  approximate   max abs   max rel      ulps
    w     (1, 2)  no     no           4.40e+01  5.00e-01  3.10e+15
    w: 2 of 2 entries differ, everywhere; most at [0, 1]: manual 44, automatic 88
       → it is ½ times the automatic one: a factor 2 is missing
    the gradients differ
    """
    refuse_tolerances(rtol, atol)
    sides = split_sides(manual, automatic)
    if not any(sides):
        raise ValueError("there is nothing to compare: neither manual nor automatic holds a gradient")
    if output is not None and not isinstance(output, Tensor):
        raise TypeError(f"output is the Tensor that was differentiated, not {type(output).__name__}")
    tensors = {name: x for name, x in sides[1].items() if isinstance(x, Tensor) and x.is_leaf and x.requires_grad}
    arrays = [{name: gradient_as_array(kind, name, x) for name, x in side.items()} for kind, side in zip(KINDS, sides)]
    comparison = compare_sets(arrays[0], arrays[1], rtol, atol, output=output, factors=factors, tensors=tensors)
    results = {name: x for name, x in sides[1].items() if isinstance(x, Tensor) and not x.is_leaf}
    rows = [
        replace(row, notes=(*row.notes, of_result(results[row.name]))) if row.name in results and not row.approximate else row
        for row in comparison.rows
    ]
    return Comparison(rows)


def of_result(t: Tensor) -> str:
    """The note for a result that was given as a gradient: right if `gradients` returned it, else a step of the computation."""
    return (
        f"compared were the values of {t.describe()}: a result keeps no grad; if it is a step of the computation, "
        "ag.gradients(cost, [t]) gives the gradient with respect to it"
    )


KINDS = ("manual", "automatic")


def refuse_tolerances(rtol: Any, atol: Any) -> None:
    for name, tolerance in (("rtol", rtol), ("atol", atol)):
        if tolerance is not None and not (isinstance(tolerance, (int, float, np.number)) and tolerance >= 0):
            raise ValueError(f"{name} is a number from 0 up, not {tolerance!r}")
    if rtol is not None and rtol >= 1:
        raise ValueError(f"rtol is a share of the largest entry, less than 1, not {rtol!r}, with which a gradient of 0 agrees")


def refuse_factors(factors: Any) -> None:
    if not isinstance(factors, Mapping | None):
        raise TypeError(f'factors is a dict of numbers by name, such as {{"batch size": 32}}, not {type(factors).__name__}')
    for name, value in (factors or {}).items():
        try:
            float(value)
        except (TypeError, ValueError) as error:
            raise TypeError(f"the factor {name!r} is a number, not {value!r}") from error


def compare_sets(
    manual: Mapping[str, Array | None],
    automatic: Mapping[str, Array | None],
    rtol: float | None,
    atol: float | None,
    *,
    output: Tensor | None,
    factors: Mapping[str, float] | None,
    tensors: Mapping[str, Tensor],
    title: str = "",
) -> Comparison:
    """The comparison of two sets of arrays by name; None for one that is missing."""
    refuse_factors(factors)
    yardstick = Yardstick.of([x for side in (manual, automatic) for x in side.values() if x is not None], rtol, atol)
    rows = []
    context: Context | None = None
    kinks = None if output is None else Kinks(output)
    for name in [*manual, *(name for name in automatic if name not in manual)]:
        m, a = manual.get(name), automatic.get(name)
        if m is None or a is None:
            rows.append(row_of_missing(name, manual, automatic))
            continue
        row = compare_arrays(name, m, a, yardstick)
        if not row.approximate:
            context = context or Context(automatic, factors or {}, output, tensors, manual)
            at_kink = explain_by_kinks(kinks, context.recording, name, m, yardstick.same) if kinks and context.recording else ""
            if at_kink:
                row = replace(row, notes=(*row.notes, at_kink))
            else:
                row = replace(row, hints=tuple(find_hints(name, m, a, context, yardstick.same)))
        rows.append(row)
    return Comparison(rows, title)


def row_of_missing(name: str, manual: Mapping[str, Any], automatic: Mapping[str, Any]) -> Row:
    """The row of a name that only one side has."""
    m, a = manual.get(name), automatic.get(name)
    kind, lacking, having = ("manual", manual, automatic) if m is None else ("automatic", automatic, manual)
    shown = report.printable(name)
    if name in lacking:
        note = f"the {kind} gradient of {shown} is None"
    else:
        note = f"there is no {kind} gradient of {shown}"
        note += ask_for_close(name, [other for other in lacking if having.get(other) is None])
    shape, automatic_shape = (None if x is None else x.shape for x in (m, a))
    return Row(name, shape, automatic_shape, notes=(note,), gradients=(m, a))


def ask_for_close(name: str, others: Sequence[str]) -> str:
    """The question whether something that is missing is that of another name, to be put after a note."""
    unmatched = {other.casefold(): other for other in others}
    close = get_close_matches(name.casefold(), unmatched, 1, 0.6)
    return f"; is it the one called {report.printable(unmatched[close[0]])}?" if close else ""


def split_sides(manual: Any, automatic: Any) -> list[dict[str, Any]]:
    """Both sides by the same names."""
    sides = [manual, automatic]
    kinds = [form_of(side) for side in sides]
    if sorted(kinds) == ["a dict", "a sequence"]:  # parameters that have names are as good as a dict
        i = kinds.index("a sequence")
        names = [x.name for x in sides[i] if isinstance(x, Tensor) and x.name]
        if len(set(names)) == len(sides[i]):
            sides[i] = {x.name: x for x in sides[i]}
            kinds[i] = "a dict"
    for which, side in zip(KINDS, sides):
        if isinstance(side, (Iterator, KeysView, ValuesView)):
            kind = type(side).__name__
            raise TypeError(f"{which} is a {kind}, which has neither names nor places; write dict(...) or list(...)")
    if kinds[0] != kinds[1]:
        raise TypeError(
            f"manual is {kinds[0]} and automatic {kinds[1]} of gradients, so it is not clear which belong together; "
            "give both as dicts with the same names, both as sequences in the same order, or both as one array"
        )
    if kinds[0] == "an array":
        names = [x.name for x in sides if isinstance(x, Tensor) and x.name]
        return [{names[0] if names else "parameter": x} for x in sides]
    if kinds[0] == "a dict":
        return [by_path(side) for side in sides]
    if len(manual) != len(automatic):
        raise ValueError(f"{len(manual)} manual gradients cannot be compared with {len(automatic)} automatic ones")
    result: list[dict[str, Any]] = [{}, {}]
    for i, pair in enumerate(zip(manual, automatic)):
        name = next((str(x.name) for x in pair if isinstance(x, Tensor) and x.name), f"parameter {i}")
        name = name if name not in result[0] else f"{name} [{i}]"
        for side, x in zip(result, pair):
            side.update(by_path(x, name))
    return result


def by_path(nest: Any, path: str = "") -> dict[str, Any]:
    """The leaves of a nest by what they are called in a table: ``w``, ``layer1.w``, ``h[0]``."""
    found = dict(leaves(nest, path))
    short = [re.sub(r'\["(.*?)"\](?=$|[.[])', r".\1", full).removeprefix(".") for full in found]
    return dict(zip(short if len(set(short)) == len(found) else found, found.values()))


def form_of(side: Any) -> str:
    if isinstance(side, Mapping) or hasattr(side, "_fields"):
        return "a dict"
    return "a sequence" if isinstance(side, (list, tuple)) else "an array"


def gradient_as_array(which: str, name: str, gradient: Any) -> Array | None:
    """The gradient as an array of numbers; None for a manual one that is."""
    shown = report.printable(name)
    what = f"the {which} gradient of {shown}"
    if isinstance(gradient, Tensor):
        if gradient.is_leaf and gradient.requires_grad:
            gradient = gradient.grad
        else:
            return gradient.data
    if gradient is None:
        if which == "manual":
            return None
        raise ValueError(
            f"{what} is None: call backward() on a cost that depends on {shown} first; results keep no grad: "
            "ag.gradients(cost, [t]) gives the derivatives with respect to them"
        )
    try:
        array = as_array(gradient)
    except ValueError as error:
        raise ValueError(f"{what} is no array, its rows differ in length: {error}") from error
    if array.dtype.kind not in "biufc":
        raise TypeError(f"{what} holds no numbers: {type(gradient).__name__} of dtype {array.dtype}")
    return array


# Two arrays -----------------------------------------------------------------------------------------------


class Yardstick(NamedTuple):
    """What a difference is measured by: the tolerances, where they were given, and the whole set that is compared."""

    rtol: float | None = None
    atol: float | None = None
    whole: float = 0.0  # the largest entry of the set
    entries: int = 0  # how many the largest gradient has

    @classmethod
    def of(cls, arrays: Sequence[Array], rtol: float | None, atol: float | None) -> Yardstick:
        whole = max(map(largest_entry, arrays), default=0.0)
        return cls(rtol, atol, whole, max((x.size for x in arrays), default=0))

    def same(self, x: Array, y: Array) -> bool:
        """Whether two arrays agree as closely as a right gradient has to."""
        return x.shape == y.shape and compare_arrays("", x, y, self).approximate


def compare_arrays(name: str, manual: Array, automatic: Array, yardstick: Yardstick) -> Row:
    """The row of two arrays."""
    if manual.shape != automatic.shape:
        notes = tuple(note_dtypes(manual, automatic))
        return Row(name, manual.shape, automatic.shape, notes=notes, gradients=(manual, automatic))
    rtol, atol, whole, entries = yardstick
    precision = precision_of(manual, automatic)
    m, a, gap = gaps(manual, automatic)
    worst = np.unravel_index(np.argmax(gap), gap.shape) if gap.size else None  # a NaN counts as the largest
    max_abs = float(gap[worst]) if worst is not None else 0.0
    largest = max(largest_entry(m), largest_entry(a))
    entries = max(entries, manual.size)
    whole = max(whole, largest)
    rtol = default_rtol(precision, entries) if rtol is None else rtol
    noise = rounding(precision, entries, whole) if atol is None else atol
    tolerance = float(noise + rtol * largest)
    over = ~(gap <= tolerance)
    remarks = [*note_dtypes(manual, automatic), *note_not_finite(manual, automatic)]
    beside = largest
    if atol is None and rtol * largest < max_abs <= tolerance:
        remarks.append(f"the difference is no larger than what rounding leaves beside {whole:.2g}")
        beside = whole if max_abs > 1e-3 * largest else largest
    elif atol is None and tolerance < max_abs <= precision:
        remarks.append(
            "rounding leaves as much beside 1: if this is what is left of larger numbers, as 1 − a is for an a close to 1, "
            f"allow it with atol={precision:.1e}"
        )
    return Row(
        name,
        manual.shape,
        automatic.shape,
        exact=max_abs == 0,
        approximate=max_abs <= tolerance,
        max_abs=max_abs,
        max_rel=max_abs / beside if beside else max_abs,
        max_ulp=0.0 if worst is None else ulps(m[worst], a[worst], max_abs, manual.dtype, automatic.dtype),
        tolerance=tolerance,
        index=None if worst is None else tuple(int(i) for i in worst),
        manual=nan if worst is None else manual[worst].item(),
        automatic=nan if worst is None else automatic[worst].item(),
        differing=int(over.sum()),
        where=words_for_mask(over) if over.any() else "",
        notes=tuple(remarks),
        gradients=(manual, automatic),
    )


def default_rtol(precision: float, entries: int) -> float:
    """Two thirds of the digits, and less for the gradients of large networks, which come from large sums."""
    return float(precision ** (2 / 3) * max(1, min(entries, 30_000)) ** 0.25)


def rounding(precision: float, entries: int, whole: float) -> float:
    """What sums of numbers of size `whole` leave of a zero."""
    return 10 * precision * float(np.sqrt(min(max(entries, 1), 30_000))) * whole


def note_dtypes(manual: Array, automatic: Array) -> list[str]:
    if manual.dtype == automatic.dtype or not {manual.dtype.kind, automatic.dtype.kind} <= set("fc"):
        return []
    return [f"manual {manual.dtype} against automatic {automatic.dtype}: held to the precision of the coarser"]


def note_not_finite(manual: Array, automatic: Array) -> list[str]:
    found = []
    for kind, array in zip(KINDS, (manual, automatic)):
        for what, which in (("NaN", np.isnan), ("infinite", np.isinf)):
            n = int(which(array).sum())
            if n:
                found.append(f"{n} {'entry' if n == 1 else 'entries'} of the {kind} gradient {'is' if n == 1 else 'are'} {what}")
    return found
