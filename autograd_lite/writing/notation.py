"""Formulas, written as text and as LaTeX.

A formula is put together with a mark in the place of every name, and the names are filled in last. So nothing
in a name is ever taken for mathematics, and the same formula is written both ways.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from autograd_lite.writing.naming import GREEK, over

SUM, SIGN, ENTRYWISE, MAP, PRODUCT, ATOM = range(6)
"""How tightly operators bind: a + b, Σ a and a ⊗ b, a ⊙ b, mapᵀ a, a b or a/b, and what needs no parentheses."""

MARK = re.compile("([\ue000\ue001])([0-9]+)\ue002")  # of a name, or of the adjoint of what bears it
OPEN, CLOSE = "\ue003", "\ue004"  # parentheses around what may be tall


class Formula(NamedTuple):
    """A formula without its sign, the level of its loosest operator, and whether the sign is a minus."""

    body: str
    level: int = ATOM
    negative: bool = False

    def __neg__(self) -> Formula:
        return self._replace(negative=not self.negative)

    def within(self, level: int) -> str:
        """The body as an operand of an operator of `level`, in parentheses if its own binds less tightly."""
        return f"{OPEN}{self.body}{CLOSE}" if self.level < level else self.body

    def signed(self) -> str:
        return f"−{self.within(SIGN)}" if self.negative else self.body

    def is_numeral(self) -> bool:
        return re.fullmatch("[0-9./π]+", self.body) is not None


ZERO, ONE, ONES = Formula("0"), Formula("1"), Formula("𝟏")


def read(label: str) -> Formula:
    """The formula that a label of the table stands for."""
    while label.startswith("(") and outside(label) == "()":
        label = label[1:-1]
    negative = label.startswith("−") and level_of(label) > SUM
    body = label[1:] if negative else label
    return Formula(body, level_of(body), negative)


def level_of(text: str) -> int:
    text = outside(text)
    if " + " in text or " − " in text:
        return SUM
    if text.startswith(("−", "Σ")):
        return SIGN
    return ENTRYWISE if "⊙" in text else PRODUCT if re.search("[ /·]", text) else ATOM


def outside(text: str) -> str:
    """`text` without what stands in its brackets."""
    depth, kept = 0, []
    for c in text:
        depth -= c in ")]⌋}"
        if depth == 0:
            kept.append(c)
        depth += c in "([⌊{"
    return "".join(kept)


def product(form: str, **factors: Formula) -> Formula:
    """`form` with a factor for each ``{name}``, in no more parentheses than it takes; all signs move to the front."""
    negative, form = form.startswith("−"), form.lstrip("−")
    level = MAP if form.startswith("{d}ᵀ") else level_of(form)
    needed = ATOM if level == MAP else level

    def put(place: re.Match[str]) -> str:
        nonlocal negative
        enclosed, name, transposed = place.groups()
        if enclosed:
            return OPEN + factors[enclosed].signed() + CLOSE
        negative ^= factors[name].negative
        return factors[name].within(ATOM if transposed else needed) + transposed

    return Formula(re.sub(r"\(\{(\w+)\}\)|\{(\w+)\}(ᵀ?)", put, form), level, negative)


def juxtaposed(a: Formula, b: Formula) -> Formula:
    """The product of two matrices or numbers; a factor 1 is left out, and between digits stands a dot."""
    if "1" in (a.body, b.body):
        return (b if a.body == "1" else a)._replace(negative=a.negative != b.negative)
    dot = b.level >= PRODUCT and re.match("[0-9]{2}", a.body[-1] + b.body[0])
    return product("{a} · {b}" if dot else "{a} {b}", a=a, b=b)


def outer(a: Formula, b: Formula) -> Formula:
    """The products of an entry of one vector with an entry of the other."""
    return Formula(f"{a.within(PRODUCT)} ⊗ {b.within(PRODUCT)}", SIGN, a.negative != b.negative)


def total(terms: Sequence[Formula]) -> Formula:
    first, *others = terms
    signs = [f" {'−' if x.negative else '+'} {x.within(SIGN)}" for x in others]
    return Formula("".join([first.signed(), *signs]), SUM) if others else first


def summed(term: Formula, axes: Sequence[int], ndim: int) -> Formula:
    """Σ of `term` over some of its axes; over the second one of a matrix it is the sum over the batch."""
    if not axes:
        return term
    return Formula(f"Σ{over(axes, ndim)} {term.within(ENTRYWISE)}", SIGN, term.negative)


def filled(marked: str, name: Callable[[int], str], adjoint: Callable[[int], str]) -> str:
    """`marked` with what the two functions write for its marks."""
    return MARK.sub(lambda mark: (name if mark[1] == "\ue000" else adjoint)(int(mark[2])), marked)


def as_text(marked: str) -> str:
    return marked.replace(OPEN, "(").replace(CLOSE, ")")


# LaTeX ----------------------------------------------------------------------------------------------------
#
# Only commands that LaTeX with amsmath, MathJax and KaTeX have in common, and nearly all of which matplotlib has.

SYMBOLS = {
    " ": r"\,", "⊙": r"\odot ", "⊗": r"\otimes ", "·": r"\cdot ", "−": "-", "½": r"\frac{1}{2}", "→": r"\to ",
    ":": "{:}", "∂": r"\partial ", "Σ": r"\sum ", "∏": r"\prod ", "√": r"\surd ", "𝟏": r"\mathbf{1}",
    "∞": r"\infty ", "≤": r"\leq ", "≥": r"\geq ", "‖": r"\|", "×": r"\times ", "⌊": r"\lfloor ", "⌋": r"\rfloor ",
    "…": r"\ldots ", OPEN: r"\left(", CLOSE: r"\right)",
    **{letter: rf"\{name} " for name, letter in GREEK.items()}, "ο": "o",
}  # fmt: skip
ESCAPES = {"\\": r"\backslash ", "~": r"\sim ", "^": r"\wedge ", " ": r"\ ", '"': r'\text{"}', "`": r"\text{`}"}
ESCAPES |= {c: f"\\{c}" for c in "{}_%#&$"}
DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−₀₁₂₃₄₅₆₇₈₉", "0123456789--0123456789")
TOKENS = re.compile(
    r"""(?P<mark>[\ue000\ue001][0-9]+\ue002)
    |(?<![\w'])[(\ue003](?P<alone>\ue000[0-9]+\ue002)[)\ue004](?=⁻?ᵀ)
    |(?P<transpose>⁻?)ᵀ
    |(?P<lowered>[₀-₉]+)
    |(?P<raised>⁻?[⁰¹²³⁴-⁹]+)
    |\^(?P<power>\([^()]*\)|−?[\w.]+|\ue000[0-9]+\ue002)
    |√\((?P<root>[^()]*)\)
    |(?P<scale>(?<=[0-9])e[+−]?[0-9]+)
    |_(?P<over>batch|axis[0-9]+|axes[0-9,]+)
    |(?P<word>[A-Za-z](?:[A-Za-z0-9]|_(?!ax[ie]s[0-9]))+)
    |[ ](?P<operator>[−+=⊙⊗·<>≤≥])[ ]
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)


def as_latex(marked: str) -> str:
    """A formula in LaTeX, with its marks in place."""
    latex = TOKENS.sub(lambda token: LATEX[str(token.lastgroup)](token[str(token.lastgroup)]), marked)
    return latex.replace(" '", "'")


LATEX: dict[str, Callable[[str], str]] = {
    "mark": str,
    "alone": str,
    "transpose": lambda inverse: rf"^{{{inverse and '-'}\mathsf{{T}}}}",
    "lowered": lambda digits: f"_{{{digits.translate(DIGITS)}}}",
    "raised": lambda digits: f"^{{{digits.translate(DIGITS)}}}",
    "power": lambda power: f"^{{{as_latex(power.strip('()'))}}}",
    "root": lambda x: rf"\sqrt{{{as_latex(x)}}}",
    "scale": lambda power: rf"\times 10^{{{power[1:].translate(DIGITS).lstrip('+')}}}",
    "over": lambda axes: r"_{\mathrm{batch}}" if axes == "batch" else rf"_{{\mathrm{{{axes[:4]}}}\,{axes[4:]}}}",
    "word": lambda word: rf"\operatorname{{{escaped(word)}}}",
    "operator": lambda sign: f" {SYMBOLS.get(sign, sign).strip()} ",
    "other": lambda c: SYMBOLS.get(c) or escaped(c),
}


def escaped(text: str, word: Callable[[str], str] = str) -> str:
    """Any text as mathematics, with `word` to set what consists of ASCII letters and digits."""

    def part(match: re.Match[str]) -> str:
        found = match[0]
        return ESCAPES.get(found) or (word(found) if found.isascii() else rf"\text{{{found}}}")

    return re.sub(r"(?:[^\W_]|[^\x00-\x7f])+|.", part, text, flags=re.DOTALL)


def latex_name(name: str) -> str:
    r"""A name in mathematical dress, as in the pictures: the number at its end is a subscript.

    Examples
    --------
    >>> for name in ("a1", "delta2", "cost", "learning_rate", "50%"):
    ...     print(latex_name(name))
    a_{1}
    \delta_{2}
    \mathit{cost}
    \mathit{learning}\_\mathit{rate}
    50\%
    """
    match = re.fullmatch(r"([^\W\d_]+)([0-9]*)", name)
    letters, index = match.groups() if match else (name, "")
    letters = GREEK.get(letters, letters)
    if letters in GREEK.values():
        letters = SYMBOLS[letters].strip()
    else:
        letters = escaped(letters, lambda word: word if len(word) == 1 or word.isdigit() else rf"\mathit{{{word}}}")
    return f"{letters}_{{{index}}}" if index else letters
