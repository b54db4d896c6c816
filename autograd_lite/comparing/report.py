"""A comparison as it is shown: the table as text and as html, what was found below it, and the plots."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import isnan
from os.path import commonprefix
from textwrap import TextWrapper
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width

import numpy as np

from autograd_lite.comparing.precision import largest_entry

if TYPE_CHECKING:
    from autograd_lite.comparing.comparison import Row

WIDTH = 80
HEADINGS = ("name", "shape", "exact", "approximate", "max abs", "max rel", "ulps")
WORDS = 4
"""The first so many columns hold words, the others numbers."""


def text(rows: Sequence[Row], verdict: str, title: str = "") -> str:
    """The table, at most 80 columns wide, then what was found about each row, then the verdict."""
    lines = table(rows)
    widths = [max(map(columns_of, column)) for column in zip(*lines)]
    longest_name = widths[0]
    widths[1] = min(widths[1], 22)
    widths[0] = min(longest_name, WIDTH - sum(widths[1:]) - 2 * (len(widths) - 1))
    shown = wrap(title, "") if title else []
    begin = commonprefix([line[0] for line in lines[1:]])
    begin = begin[: max(begin.rfind("."), begin.rfind("["))] if longest_name > widths[0] else ""
    for line in lines:
        line = [line[0].replace(begin, "…", 1) if begin and line[0].startswith(begin) else line[0], *line[1:]]
        cells = [shorten(cell, n) for cell, n in zip(line, widths)]
        words = [cell + " " * (n - columns_of(cell)) for cell, n in zip(cells[:WORDS], widths[:WORDS])]
        numbers = [cell.rjust(n) for cell, n in zip(cells[WORDS:], widths[WORDS:])]
        shown.append("  ".join(words + numbers))
    for row in rows:
        found = row.findings()
        name = shorten(printable(row.name), 60)
        if found:
            shown += wrap(f"{name}: {found[0]}", " " * min(len(name) + 2, 6))
            for finding in found[1:]:
                shown += wrap(f"   → {finding}", "     ")
    return "\n".join([*shown, *wrap(verdict, "")])


def wrap(line: str, indent: str) -> list[str]:
    return TextWrapper(WIDTH, subsequent_indent=indent, break_on_hyphens=False).wrap(line)


def html(rows: Sequence[Row], verdict: str, title: str = "") -> str:
    """The table as a notebook shows it, with what was found below each row."""
    head, *body = table(rows)
    lines = [f"<tr>{''.join(f'<th>{cell}</th>' for cell in head)}</tr>"]
    for line, row in zip(body, rows):
        style = "" if row.approximate else ' style="color: #c00; font-weight: bold"'
        lines.append(f"<tr{style}>{''.join(f'<td>{escape(cell)}</td>' for cell in line)}</tr>")
        found = "<br>".join(escape(printable(finding)) for finding in row.findings())
        if found:
            lines.append(f'<tr><td></td><td colspan="{len(HEADINGS) - 1}" style="text-align: left">{found}</td></tr>')
    caption = escape(f"{title}: {verdict}" if title else verdict)
    return f"<table><caption>{caption}</caption>{''.join(lines)}</table>"


def table(rows: Sequence[Row]) -> list[Sequence[str]]:
    lines: list[Sequence[str]] = [HEADINGS]
    for row in rows:
        if row.shape is None or row.automatic_shape is None:
            shape, answers, differences = "missing" if row.shape is None else "extra", ["-", "-"], ["-"] * 3
        elif row.shape != row.automatic_shape:
            shape, answers, differences = f"{row.shape} ≠ {row.automatic_shape}", ["no", "no"], ["-"] * 3
        else:
            shape, answers = str(row.shape), ["yes" if answer else "no" for answer in (row.exact, row.approximate)]
            differences = [write_difference(row.max_abs), write_difference(row.max_rel), write_ulps(row.max_ulp)]
        lines.append([printable(row.name), shape, *answers, *differences])
    return lines


def write_difference(x: float) -> str:
    return "0" if x == 0 else f"{x:.2e}"


def write_ulps(x: float) -> str:
    return "-" if isnan(x) else f"{x:.2e}" if x >= 10_000 else f"{x:.3g}" if x < 10 and x % 1 else f"{x:.0f}"


def two_numbers(manual: Any, automatic: Any) -> str:
    """Both values, in as few digits as tell them apart."""
    for digits in (6, 9, 12):
        one, other = (f"{x:.{digits}g}" for x in (manual + 0.0, automatic + 0.0))  # without −0
        if one != other:
            return f"manual {one}, automatic {other}"
    return f"manual {manual}, automatic {automatic}"


def printable(name: str) -> str:
    """`name` on one line, whatever is in it."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in name)


def columns_of(cell: str) -> int:
    """How many columns of a terminal a cell takes: two for a letter of Chinese, Japanese or Korean."""
    return sum(1 + (east_asian_width(c) in "WF") for c in cell)


def shorten(cell: str, width: int) -> str:
    """The cell with its middle left out if it is longer: names differ at their ends."""
    if columns_of(cell) <= width:
        return cell
    width //= 1 + (columns_of(cell) > len(cell))
    return f"{cell[: (width - 1) // 2]}…{cell[-(width // 2) :]}"


def plot_rows(rows: Sequence[Row]) -> Any:
    """The figure of `Comparison.plot`."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError as error:
        raise ImportError("plots are drawn with matplotlib: pip install matplotlib") from error
    comparable = [row.shape is not None and row.shape == row.automatic_shape for row in rows]
    heights = [3.2 if both else 0.7 for both in comparable]
    figure = Figure(figsize=(9, sum(heights)), dpi=110, layout="constrained")
    axes = figure.subplots(len(rows), 2, squeeze=False, gridspec_kw={"height_ratios": heights})
    for row, both, (left, right) in zip(rows, comparable, axes):
        color = "#1f5fa8" if row.approximate else "#cc0000"
        title = f"{printable(row.name)}: {'agrees' if row.approximate else 'differs'}"
        if not both:
            left.set_title(f"{title}: {row.findings()[0]}", loc="left", color=color)
            left.set_axis_off()
            right.set_axis_off()
            continue
        m, a = (np.stack([x.real, x.imag], -1) if np.iscomplexobj(x) else np.asarray(x, float) for x in row.gradients)
        left.set_title(title, loc="left", color=color)
        left.scatter(a.ravel(), m.ravel(), s=14, color=color, zorder=3)
        left.axline((0, 0), slope=1, color="#999999", linewidth=1)
        left.set(xlabel="automatic", ylabel="manual")
        left.set_aspect("equal", adjustable="datalim")
        left.locator_params(nbins=6)
        left.grid(color="#e3e3e3", linewidth=0.8)
        difference = (m - a).reshape(len(m) if m.ndim else 1, -1) if m.size else np.zeros((1, 1))
        # colours reach to the tolerance at least: what is nothing but rounding is pale
        reach = max(largest_entry(difference), row.tolerance) or 1.0
        right.set_facecolor("black")
        image = right.imshow(difference, cmap="RdBu_r", vmin=-reach, vmax=reach, aspect="auto", interpolation="nearest")
        figure.colorbar(image, ax=right)
        right.set_title("manual − automatic" + ("" if np.all(np.isfinite(difference)) else ", not finite in black"), loc="left")
        for axis, n in zip((right.yaxis, right.xaxis), difference.shape):
            axis.set_major_locator(MaxNLocator(min(n, 9), integer=True, min_n_ticks=1))
        right.set(xlim=(-0.5, difference.shape[1] - 0.5), ylim=(len(difference) - 0.5, -0.5))
    return figure
