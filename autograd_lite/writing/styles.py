"""The styles that a formula is printed in: text, LaTeX, and the markup of pictures and pages.

A style says how a sign, a name, a fraction look; where they stand is the business of `formulas`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import escape

from autograd_lite.writing.formulas import ATOM, PRODUCT, SUM, Formula, Name, Transposed, Writing, is_numeral
from autograd_lite.writing.naming import GREEK, SUBSCRIPTS, SUPERSCRIPTS, dress, split_index


class Style:
    """Text in characters that need no rendering, such as ``∂C/∂z2 (a1)ᵀ``.

    Parameters
    ----------
    names : mapping of str by int
        Names by ``id``.
    of : str
        What the adjoints are derivatives of.
    """

    prime = "'"
    names_in_parentheses = True  # of what is transposed: (a1)ᵀ, as the chapter writes it
    numerator, denominator = PRODUCT, ATOM
    has_bars = False  # between the two

    def __init__(self, names: Mapping[int, str], of: str = "") -> None:
        self.names = names
        self.of = of

    def to_text(self, formula: Formula) -> str:
        """The formula as one string."""
        stack: list[Writing] = [formula.write(self)]
        value: str | None = None
        while stack:
            try:
                inner = stack[-1].send(value)  # type: ignore[arg-type]
            except StopIteration as done:
                stack.pop()
                value = done.value
            else:
                stack.append(inner.write(self))
                value = None
        assert value is not None
        return value

    def name(self, key: int) -> str:
        return self.names[key]

    def adjoint(self, key: int) -> str:
        return f"∂{self.of}/∂{self.name(key)}"

    def symbol(self, text: str) -> str:
        return text

    def words(self, text: str) -> str:
        return self.symbol(text)

    def function(self, name: str) -> str:
        return self.symbol(name)

    def apply(self, name: str, function: str, operands: str) -> str:
        return function + self.enclose("(", operands, ")")

    def operator(self, sign: str) -> str:
        return self.symbol(f" {sign} " if sign else " ")

    def relation(self, sign: str) -> str:
        return self.symbol(sign if " " in sign else f" {sign} ")

    def group(self, inside: str) -> str:
        return self.enclose("(", inside, ")")

    def enclose(self, opening: str, inside: str, closing: str) -> str:
        return self.symbol(opening) + inside + self.symbol(closing)

    def quotient(self, of: str, by: str, spaced: bool) -> str:
        return of + self.symbol(" / " if spaced else "/") + by

    def transpose(self, of: str, inverse: bool) -> str:
        return of + self.symbol("⁻ᵀ" if inverse else "ᵀ")

    def lower(self, digits: str) -> str:
        return self.symbol(digits.translate(SUBSCRIPTS))

    def run_together(self, left: Formula, right: Formula) -> bool:
        """Whether two factors are names, one of them of several letters, so that it takes a dot to tell them apart."""
        names = [x.of if isinstance(x, Transposed) else x for x in (left, right)]
        letters = [split_index(self.names[x.key])[0] for x in names if isinstance(x, Name)]
        return len(letters) == 2 and max(map(len, letters)) > 1

    def raise_to(self, base: str, exponent: str, formula: Formula, elementwise: bool) -> str:
        if not elementwise and (is_numeral(formula) and exponent.isdigit() or re.fullmatch("−[0-9]+", exponent)):
            return base + self.symbol(exponent.translate(SUPERSCRIPTS))
        simple = formula.level == ATOM and "×" not in exponent or re.fullmatch("−[0-9.]+", exponent)
        return base + self.symbol("^⊙" if elementwise else "^") + (exponent if simple else self.group(exponent))

    def over(self, sign: str, axes: str) -> str:
        return self.symbol(f"{sign}_{axes}" if axes else sign)


class Dressed(Style):
    """Text in mathematical dress, as in pictures: ``w₂ᵀ ·``, ``σ′(z₁)``."""

    prime = "′"
    names_in_parentheses = False

    def name(self, key: int) -> str:
        return dress(self.names[key])

    def over(self, sign: str, axes: str) -> str:
        return super().over("∑" if sign == "Σ" else sign, axes)  # not the letter Σ that the name Sigma becomes


class Markup(Dressed):
    """The same as markup: names and signs are escaped, and what a sum runs over is set low.

    Parameters
    ----------
    names, of
        As for `Style`.
    low, high : str
        The markup for what is set low or high, with ``{}`` for it.
    escape : callable
        Makes markup of words.
    """

    def __init__(
        self, names: Mapping[int, str], of: str = "", low: str = "<sub>{}</sub>", high: str = "<sup>{}</sup>",
        escape: Callable[[str], str] = escape,
    ) -> None:  # fmt: skip
        super().__init__(names, of)
        self.low, self.high = low, high
        self.escape = escape

    def name(self, key: int) -> str:
        return self.dress(self.names[key])

    def adjoint(self, key: int) -> str:
        return self.escape("∂") + self.dress(self.of) + self.escape("/∂") + self.name(key)

    def dress(self, name: str) -> str:
        letters, index = split_index(shorten_name(name))
        low = index.translate(SUBSCRIPTS)
        return self.escape(letters) + (self.low.format(self.escape(index)) if low == index != "" else self.escape(low))

    def symbol(self, text: str) -> str:
        return self.escape(text)

    def raise_to(self, base: str, exponent: str, formula: Formula, elementwise: bool) -> str:
        return base + self.high.format(f"⊙{exponent}") if elementwise else super().raise_to(base, exponent, formula, elementwise)

    def over(self, sign: str, axes: str) -> str:
        return super().over(sign, "") + (self.low.format(self.escape(axes)) if axes else "")


LONGEST = 36
"""Names with more letters are shortened in pictures, where the whole one is shown when the pointer is on its box."""


def shorten_name(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST // 2]}…{name[1 - LONGEST // 2 :]}"


# LaTeX ----------------------------------------------------------------------------------------------------
#
# Only commands that LaTeX with amsmath, MathJax and KaTeX have in common, and nearly all of which matplotlib has.

SYMBOLS = {
    " ": r"\,", "⊙": r"\odot ", "⊗": r"\otimes ", "·": r"\cdot ", "−": "-", "½": r"\frac{1}{2}", "→": r"\to ",
    ":": "{:}", "∂": r"\partial ", "Σ": r"\sum ", "∏": r"\prod ", "√": r"\surd ", "𝟏": r"\mathbf{1}",
    "∞": r"\infty ", "≤": r"\leq ", "≥": r"\geq ", "‖": r"\|", "×": r"\times ", "⌊": r"\lfloor ", "⌋": r"\rfloor ",
    "…": r"\ldots ", "|": "|",
}  # fmt: skip
LETTERS = {letter: rf"\{name}" for name, letter in GREEK.items()} | {"ο": "o"}
SYMBOLS = {letter: f"{command} " for letter, command in LETTERS.items()} | SYMBOLS  # where Σ is a sum
ESCAPES = {"\\": r"\backslash ", "~": r"\sim ", "^": r"\wedge ", " ": r"\ ", '"': r'\text{"}', "`": r"\text{`}"}
ESCAPES |= {c: f"\\{c}" for c in "{}_%#&$"}
DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−₀₁₂₃₄₅₆₇₈₉", "0123456789--0123456789")
TOKENS = re.compile(
    r"""(?P<lowered>[₀-₉]+)
    |(?P<raised>⁻?[⁰¹²³⁴-⁹]+)
    |(?P<unit>(?<![0-9.])1e[+−]?[0-9]+)
    |(?P<scale>(?<=[0-9])e[+−]?[0-9]+)
    |(?P<word>[A-Za-z](?:[A-Za-z0-9]|_)+)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
LATEX: dict[str, Callable[[str], str]] = {
    "lowered": lambda digits: f"_{{{digits.translate(DIGITS)}}}",
    "raised": lambda digits: f"^{{{digits.translate(DIGITS)}}}",
    "unit": lambda power: f"10^{{{int(power[2:].translate(DIGITS))}}}",
    "scale": lambda power: rf"\times 10^{{{int(power[1:].translate(DIGITS))}}}",
    "word": lambda word: rf"\operatorname{{{escape_latex(word)}}}",
    "other": lambda c: SYMBOLS.get(c) or escape_latex(c),
}


class Latex(Style):
    """LaTeX, for mathematics mode."""

    names_in_parentheses = False
    numerator = denominator = SUM  # above and below a bar nothing needs parentheses
    has_bars = True

    def name(self, key: int) -> str:
        return latex_name(self.names[key])

    def adjoint(self, key: int) -> str:
        return rf"\frac{{\partial {latex_name(self.of)}}}{{\partial {self.name(key)}}}"

    def symbol(self, text: str) -> str:
        return TOKENS.sub(lambda token: LATEX[str(token.lastgroup)](token[str(token.lastgroup)]), text)

    def words(self, text: str) -> str:
        words, shape = re.fullmatch("([^0-9(]*)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
        return rf"\text{{{words}}}" + self.symbol(shape)

    def enclose(self, opening: str, inside: str, closing: str) -> str:
        return self.group(inside) if opening == "(" and "\\frac" in inside else super().enclose(opening, inside, closing)

    def function(self, name: str) -> str:
        return self.symbol(name).rstrip()

    def apply(self, name: str, function: str, operands: str) -> str:
        return rf"\sqrt{{{operands}}}" if name == "√" else super().apply(name, function, operands)

    def operator(self, sign: str) -> str:
        return f" {self.symbol(sign).strip()} " if sign else r"\,"

    def relation(self, sign: str) -> str:
        return self.symbol(sign) if " " in sign else self.operator(sign)

    def group(self, inside: str) -> str:
        return rf"\left({inside}\right)"

    def quotient(self, of: str, by: str, spaced: bool) -> str:
        return rf"\frac{{{of}}}{{{by}}}"

    def transpose(self, of: str, inverse: bool) -> str:
        return of + (r"^{-\mathsf{T}}" if inverse else r"^{\mathsf{T}}")

    def lower(self, digits: str) -> str:
        return f"_{{{digits}}}"

    def raise_to(self, base: str, exponent: str, formula: Formula, elementwise: bool) -> str:
        return rf"{base}^{{\odot {exponent}}}" if elementwise else f"{base}^{{{exponent}}}"

    def over(self, sign: str, axes: str) -> str:
        word = self.symbol(sign)
        if not axes:
            return word
        named = re.fullmatch("(axis|axes)(.*)", axes)
        return word + (rf"_{{\mathrm{{{named[1]}}}\,{named[2]}}}" if named else rf"_{{\mathrm{{{axes}}}}}")


def escape_latex(text: str, word: Callable[[str], str] = str) -> str:
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
    letters, index = split_index(name)
    if letters in LETTERS:
        letters = LETTERS[letters]
    else:
        letters = escape_latex(letters, lambda word: word if len(word) == 1 or word.isdigit() else rf"\mathit{{{word}}}")
    if index and not index.isdigit():
        index = escape_latex(index, lambda word: word if len(word) == 1 else rf"\mathrm{{{word}}}")
    return f"{letters}_{{{index}}}" if index else letters
