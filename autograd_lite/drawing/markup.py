"""What boxes and arrows say, in Graphviz' markup, which looks like HTML: words, tables, and arrays of numbers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from html import escape
from math import ceil
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite.writing.naming import number, times_ten_to
from autograd_lite.writing.styles import shorten_name

if TYPE_CHECKING:
    from autograd_lite.drawing.picture import Options

BREAK = '<BR ALIGN="LEFT"/>'  # behind a line that stands at the left
WORD_JOINER = "\u2060"  # keeps Graphviz from taking \N for the name of the node, and \\ for one backslash
SUBSCRIPT = '<SUB><FONT POINT-SIZE="9">{}</FONT></SUB>'
SUPERSCRIPT = SUBSCRIPT.replace("SUB", "SUP")
NBSP = "\xa0"  # common spaces at the ends of a line are left out of account: in a label, and in the svg of an older version


def clean(words: str) -> str:
    """`words` with � in place of the characters that no svg may hold (control characters, lone surrogates). If some
    of them run from right to left, they stand between left-to-right marks, so that the text around them keeps its
    direction."""
    words = words.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
    words = re.sub("[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", words)
    mark = "\u200e" * any(unicodedata.bidirectional(c) in ("R", "AL") for c in words)
    return f"{mark}{words}{mark}"


def escape_words(words: str) -> str:
    """`words` as they are: nothing in them is markup to Graphviz, or an escape of dot."""
    return escape(clean(words)).replace("\\", f"\\{WORD_JOINER}").replace("]", "&#93;").replace("\n", BREAK)


def at_left(markup: str) -> str:
    """`markup` with a break behind its last line too, if it has several, so that this one stands at the left as well."""
    return markup + BREAK * (BREAK in markup)


IN_DOT: dict[str, Any] = {"low": SUBSCRIPT, "high": SUPERSCRIPT, "escape": escape_words}
"""The options of `writing.styles.Markup` for formulas in Graphviz' markup."""


def font(markup: str, color: str, size: float, style: str = "") -> str:
    if style:
        markup = f"<{style}>{markup}</{style}>"
    return f'<FONT COLOR="{color}" POINT-SIZE="{size:g}">{markup}</FONT>'


def table(*rows: str, padding: int = 1, fill: str = "") -> str:
    look = f'BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="{padding}"' + f' BGCOLOR="{fill}"' * bool(fill)
    return f"<TABLE {look}>{''.join(rows)}</TABLE>"


def row(*cells: str, right: str = "") -> str:
    """Cells next to each other, and one at the right end."""
    left = "".join(f'<TD ALIGN="LEFT">{cell}</TD>' for cell in cells)
    return f'<TR>{left}{FILLER}<TD ALIGN="RIGHT">{right}</TD></TR>'


# Graphviz distributes the spare width of a table among its columns. These empty columns take nearly all of it;
# there are no more of them because Graphviz 2.43 makes each a point wide.
FILLER = '<TD COLSPAN="20"></TD>'
ALL_COLUMNS = 'COLSPAN="22"'


def numbers(array: Any, options: Options, color: str, style: str = "", like: Any = None) -> str:
    """The entries of a small array, as a matrix; of a large one range, histogram and mean.

    The columns of the matrix are as wide as those of `like`, if that is given and needs more room.
    """
    array = np.asarray(array)
    if array.size == 0:
        return font("empty", color, 10, style)
    if array.ndim == 0:
        scale, show = number_format(array, options.decimals)
        return font(show(array[()]) + scale, color, 10, style)
    stack, scale = cells_of(array, options)
    if not stack:
        return distribution(array, options, color, style)
    other, other_scale = (stack, "") if like is None else cells_of(like, options)
    widths = [[max(map(breadth, column)) for column in zip(*matrix, *like_it)] for matrix, like_it in zip(stack, other)]
    after = max(map(breadth, filter(None, (scale, other_scale))), default=0)
    bracket = f'<TD ROWSPAN="{len(stack[0])}" BORDER="1" COLOR="{color}" WIDTH="4" SIDES="{{}}"></TD>'.format
    rows = []
    for i in range(len(stack[0])):
        cells: list[str] = []
        for matrix, across in zip(stack, widths):
            line = (f'<TD ALIGN="RIGHT" WIDTH="{n}">{font(x, color, 10, style)}</TD>' for x, n in zip(matrix[i], across))
            cells += [bracket("LTB"), *line, bracket("RTB")] if i == 0 else line
        if i == 0:
            cells.append(f'<TD ALIGN="LEFT" WIDTH="{after}">{font(scale or NBSP, color, 10, style)}</TD>' * bool(after) + FILLER)
        rows.append(f"<TR>{''.join(cells)}</TR>")
    return table(*rows)


def cells_of(array: Any, options: Options) -> tuple[list[list[list[str]]], str]:
    """What the entries of a stack of matrices look like, and a factor that is common to them; nothing of a large array."""
    array = np.asarray(array)
    stack = array.reshape(-1, *np.atleast_2d(array).shape[-2:])
    count, height, width = stack.shape
    if array.size > options.entries or max(height, count * width) > 6:
        return [], ""
    scale, show = number_format(array, options.decimals)
    return [[[f"{NBSP}{show(x)}{NBSP}" for x in line] for line in matrix] for matrix in stack], scale


WIDTHS = {".": 2.5, NBSP: 2.5, "−": 5.64, "×": 5.64, "⁻": 5.28, "⁰": 4.01, "¹": 3, "²": 3, "³": 3} | dict.fromkeys("⁴⁵⁶⁷⁸⁹", 3.49)


def breadth(text: str) -> int:
    """The width in points of the cell of a number, in Times: Graphviz knows it too, but not that of another table."""
    return ceil(sum(WIDTHS.get(c, 5) for c in text)) + 2


def distribution(array: Any, options: Options, color: str, style: str = "") -> str:
    """Smallest entry, histogram, largest entry; and the mean."""
    if array.dtype.kind == "c":
        return font(f"complex, |mean| {number(abs(array.mean()))}", color, 10, style)
    if not np.isfinite(array).all():
        nans, infinite = np.isnan(array).sum(), np.isinf(array).sum()
        return font(f"{nans} NaN and {infinite} infinite of {array.size} entries", color, 10, style)
    low, high = array.min(), array.max()
    if low == high:
        scale, show = number_format(np.asarray(low), options.decimals)
        return font(f"{show(low)}{scale} everywhere", color, 10, style)
    largest = max(abs(float(low)), abs(float(high)))
    relative = array / largest  # neither the sum nor the range of these overflows
    counts, _ = np.histogram(relative, 8)
    mean = relative.mean(dtype=float) * largest
    scale, show = number_format(np.array([low, high, mean], dtype=float), max(1, options.decimals - 1))
    bars = "".join("▁▂▃▄▅▆▇█"[int(np.ceil(7 * n / counts.max()))] for n in counts)
    left, right, middle = ("0" if x == 0 else "1" if x == 1 and not scale else show(x) for x in (low, high, mean))
    opening, closing = ("(", f"){scale}") if scale else ("", "")
    before, after = f"{opening}{left}{NBSP}", f"{NBSP}{right}, mean {middle}{closing}"
    # the bars are lighter than the text
    return font(before, color, 10, style) + font(bars, f"{color}80", 8) + font(after, color, 10, style)


def number_format(array: Any, decimals: int) -> tuple[str, Callable[[Any], str]]:
    """How the entries of one array are written: a common factor ``×10⁻⁴``, and a function for each.

    None but a zero looks like one: where the entries differ too much for a common factor, each has its own.
    """
    if array.dtype.kind == "c":
        return "", lambda x: number(complex(x), f".{decimals + 1}g")
    if array.dtype.kind != "f":
        return "", lambda x: number(x, "")
    with np.errstate(over="ignore"):  # of a long double
        array = array.astype(float)
    sizes = np.abs(array[np.isfinite(array) & (array != 0)])
    smallest, largest = sizes.min(initial=np.inf), sizes.max(initial=0) or 1.0
    if largest < 1e5 and array.size <= 64 and bool((sizes == np.floor(sizes)).all()):
        return "", lambda x: number(float(x), ".15g")

    def tells(exponent: int) -> bool:
        return smallest >= 0.5 * 10.0 ** max(exponent - decimals, -324)

    exponent = int(f"{largest:.{decimals}e}".split("e")[1])  # after rounding: of 9.9999 it is 1
    if min(-1, 1 - decimals) <= exponent < 5 and (tells(0) or exponent > -2 or not tells(exponent)):
        exponent = 0
    common = tells(exponent)
    half = exponent // 2  # 10³²⁰ is not a number, though 10⁻³²⁰ is one

    def show(x: Any) -> str:
        x = float(x)
        if common or x == 0 or not np.isfinite(x) or 0.5 * 10.0**-decimals <= abs(x) < 1e5:
            return number(x / 10.0**half / 10.0 ** (exponent - half) if common else x, f".{decimals}f")
        mantissa, power = f"{x:.{max(decimals - 2, 0)}e}".split("e")
        return number(mantissa, "") + times_ten_to(int(power))

    return f"{NBSP}{times_ten_to(exponent)}" if exponent and common else "", show


def brief(x: float) -> str:
    """A number in two digits."""
    mantissa, power = f"{x:.1e}".split("e") if np.isfinite(x) else (str(x), "0")
    return number(x, ".2g") if -3 <= int(power) < 2 else number(mantissa, "") + times_ten_to(int(power))


def title_lines(title: str) -> str:
    """A title as markup, a long one in short lines: it stands at the corner, and an arrow comes in at the middle."""
    title = " ".join(shorten_name(word) for word in title.split(" "))
    lines = wrap(title, 16, break_long_words=False, break_on_hyphens=False) if len(title) > 24 else [title]
    return at_left(escape_words("\n".join(lines)))
