"""Formulas as small trees, and how they are put together.

A tree says what is multiplied by what; a style (`styles`) prints it as text, as LaTeX or as markup, with names filled in
as late as that. So nothing in a name is ever taken for mathematics, and parentheses stand where the tree needs them.
The notation in which the table writes its rows, such as ``−{out}/{1}``, is read here and nowhere else.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograd_lite.writing.styles import Style

SUM, SIGN, HADAMARD, MAP, PRODUCT, ATOM = range(6)
"""How tightly operators bind: a + b, Σ a and a ⊗ b, a ⊙ b, mapᵀ a, a b or a/b, and what needs no parentheses."""

Writing = Generator["Formula", str, str]
"""A node is written by a generator: it yields the nodes inside of it, is sent what they look like, and returns what it
looks like itself. Formulas are as deep as graphs are, and Python's stack is not."""


class Formula:
    """A node of a formula; `level` says how tightly its loosest operator binds."""

    level: Any = ATOM

    def write(self, style: Style) -> Writing:
        raise NotImplementedError

    def within(self, level: int, style: Style) -> Writing:
        """This node as an operand of an operator of `level`, in parentheses if its own binds less tightly."""
        inside = yield self
        return style.group(inside) if self.level < level else inside

    def __neg__(self) -> Formula:
        return self.of if isinstance(self, Negated) else Negated(self)


def nodes(formula: Formula) -> Iterator[Formula]:
    """All nodes of a formula, from left to right."""
    stack: list[Any] = [formula]
    while stack:
        node = stack.pop()
        if isinstance(node, Formula):
            yield node
            stack += reversed([getattr(node, field.name) for field in fields(node)])  # type: ignore[arg-type]
        elif isinstance(node, tuple):
            stack += reversed(node)


# Leaves -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Symbol(Formula):
    """A number, a letter with a meaning of its own, a word: what is written the same everywhere."""

    text: str
    level: int = ATOM

    def write(self, style: Style) -> Writing:
        yield from ()
        return style.symbol(self.text)


@dataclass(frozen=True)
class Name(Formula):
    """What an operand or a result is called; `key` is its ``id``."""

    key: int

    def write(self, style: Style) -> Writing:
        yield from ()
        return style.name(self.key)


@dataclass(frozen=True)
class Adjoint(Formula):
    """The derivative of the output with respect to what is called `key`: ∂C/∂z2."""

    key: int

    def write(self, style: Style) -> Writing:
        yield from ()
        return style.adjoint(self.key)


@dataclass(frozen=True)
class Settings(Formula):
    """What an operation gets besides its operands, ``[0, 1:]``: words and, in place of large arrays, their keys."""

    pieces: tuple[str | int, ...]

    def write(self, style: Style) -> Writing:
        yield from ()
        return "".join(style.symbol(piece) if isinstance(piece, str) else style.name(piece) for piece in self.pieces)


PLACE = Symbol("·")
"""Where the adjoint stands that a local gradient is multiplied into: the label of an arrow is a formula around it."""
NO_SETTINGS = Settings(())
ZERO, ONE, ONES = Symbol("0"), Symbol("1"), Symbol("𝟏")


def is_numeral(formula: Formula) -> bool:
    if isinstance(formula, Quotient):
        return is_numeral(formula.of) and is_numeral(formula.by)
    return isinstance(formula, Symbol) and re.fullmatch("[0-9.π]+(e[+−]?[0-9]+)?", formula.text) is not None


# Operators --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Negated(Formula):
    of: Formula
    level = SIGN

    def write(self, style: Style) -> Writing:
        of = yield from (Group(self.of) if isinstance(self.of, Negated) else self.of).within(SIGN, style)
        return style.symbol("−") + of


@dataclass(frozen=True)
class Sum(Formula):
    terms: tuple[Formula, ...]
    level = SUM

    def write(self, style: Style) -> Writing:
        written = yield self.terms[0]
        for term in self.terms[1:]:
            sign, body = ("−", term.of) if isinstance(term, Negated) else ("+", term)
            if isinstance(body, Negated):
                body = Group(body)
            written += style.operator(sign)
            written += yield from body.within(SIGN, style)
        return written


@dataclass(frozen=True)
class Product(Formula):
    """Two factors with a sign between them: nothing or · (numbers, matrices), ⊙ (entry by entry), ⊗ (outer), mod."""

    sign: str
    left: Formula
    right: Formula
    level: int = PRODUCT

    def write(self, style: Style) -> Writing:
        inside = {SIGN: PRODUCT, MAP: ATOM}.get(self.level, self.level)
        factor = self.left if self.sign not in ("", "·") or style.has_bars else close_quotient(self.left)
        left = yield from factor.within(inside, style)
        right = yield from self.right.within(inside, style)
        sign = self.sign or "·" * style.run_together(last_factor(self.left), first_factor(self.right))
        return left + style.operator(sign) + right


class Filled(Product):
    """A number, whatever it is called, times 𝟏: an array of equal entries."""


def is_filled(formula: Formula) -> bool:
    return isinstance(formula, Filled) or isinstance(formula, Product) and formula.right == ONES and is_numeral(formula.left)


def close_quotient(formula: Formula) -> Formula:
    """A factor whose denominator would swallow what follows on one line: (1/k) m, and not 1/k m."""
    if isinstance(formula, Product) and formula.level == PRODUCT:
        return Product(formula.sign, formula.left, close_quotient(formula.right))
    return Group(formula) if isinstance(formula, Quotient) and not is_numeral(formula) else formula


@dataclass(frozen=True)
class Multiplied(Formula):
    """A factor alone, with the sign that it is multiplied with: ``⊙ σ'(z)``."""

    sign: str
    by: Formula
    level: int = PRODUCT

    def write(self, style: Style) -> Writing:
        by = yield from self.by.within(self.level, style)
        return style.operator(self.sign).lstrip() + by


@dataclass(frozen=True)
class Quotient(Formula):
    of: Formula
    by: Formula
    spaced: bool = False
    level = PRODUCT

    def write(self, style: Style) -> Writing:
        of = yield from self.of.within(style.numerator, style)
        by = yield from self.by.within(style.denominator, style)
        return style.quotient(of, by, self.spaced)


@dataclass(frozen=True)
class Over(Formula):
    """A sum or product over axes: ``Σ_batch x``."""

    sign: str
    axes: str
    of: Formula
    level = SIGN

    def write(self, style: Style) -> Writing:
        of = yield from self.of.within(HADAMARD, style)
        return style.over(self.sign, self.axes) + style.operator("") + of


@dataclass(frozen=True)
class Applied(Formula):
    """A function with its settings, and its operands unless it stands for itself: ``softmax[axis=1](x)``.

    `key` tells operations of one name apart: their terms are not added up, though they are written alike.
    """

    function: str
    operands: tuple[Formula, ...] | None = None
    settings: Formula | None = None
    primes: int = 0
    axes: str = ""
    key: int = 0

    def write(self, style: Style) -> Writing:
        function = style.function(self.function)
        if self.axes or self.function in ("Σ", "∏"):
            function = style.over(self.function, self.axes)
        if self.settings is not None:
            function += yield self.settings
        function += style.prime * self.primes
        if self.operands is None:
            return function
        operands = []
        for operand in self.operands:
            operands.append((yield operand))
        return style.apply(self.function, function, style.symbol(", ").join(operands))


@dataclass(frozen=True)
class Transposed(Formula):
    of: Formula
    inverse: bool = False

    def write(self, style: Style) -> Writing:
        if isinstance(self.of, (Adjoint, Symbol, Transposed, Raised)) or isinstance(self.of, Name) and style.names_in_parentheses:
            of = style.group((yield self.of))
        else:
            of = yield from self.of.within(ATOM, style)
        return style.transpose(of, self.inverse)


@dataclass(frozen=True)
class Raised(Formula):
    """A power; ``x^⊙2`` of the entries of a matrix, which without the sign is the product of the matrix with itself."""

    base: Formula
    exponent: Formula
    elementwise: bool = False

    def write(self, style: Style) -> Writing:
        base = yield from (self.base if not isinstance(self.base, Raised) else Group(self.base)).within(ATOM, style)
        exponent = yield self.exponent
        return style.raise_to(base, exponent, self.exponent, self.elementwise)


@dataclass(frozen=True)
class Group(Formula):
    """Parentheses that are wanted whatever stands in them."""

    of: Formula

    def write(self, style: Style) -> Writing:
        return style.group((yield self.of))


@dataclass(frozen=True)
class Indexed(Formula):
    """Entries of something, as NumPy takes them: ``x[0, 1:]``."""

    of: Formula
    settings: Formula

    def write(self, style: Style) -> Writing:
        of = yield from self.of.within(ATOM, style)
        return of + (yield self.settings)


@dataclass(frozen=True)
class Enclosed(Formula):
    """|x|, ‖x‖, ⌊x⌋; and [a > b], which is 1 where that holds and 0 elsewhere."""

    opening: str
    of: Formula
    closing: str
    settings: Formula | None = None

    def write(self, style: Style) -> Writing:
        of = yield self.of
        settings = "" if self.settings is None else (yield self.settings)
        return style.enclose(self.opening, of, self.closing) + settings


@dataclass(frozen=True)
class Relation(Formula):
    """a ≤ b ≤ c; with a word in place of an operand, as in ``not a`` and ``a finite``."""

    parts: tuple[Formula | str, ...]
    level = SUM - 1

    def write(self, style: Style) -> Writing:
        written = ""
        for part in self.parts:
            written += style.relation(part) if isinstance(part, str) else (yield part)
        return written


@dataclass(frozen=True)
class Partial(Formula):
    """The derivative of an operation that has no other notation: ∂f(x, y)/∂x, or ∂₁f(x, x) with respect to its first operand."""

    of: Formula
    by: Formula | int

    @property
    def level(self) -> int:
        return ATOM if isinstance(self.by, int) else PRODUCT

    def write(self, style: Style) -> Writing:
        of = yield from self.of.within(ATOM, style)
        if isinstance(self.by, int):
            return style.symbol("∂") + style.lower(str(self.by)) + of
        by = yield self.by
        return style.quotient(style.symbol("∂") + of, style.symbol("∂") + by, False)


@dataclass(frozen=True)
class Definition(Formula):
    """What a name stands for: a formula, or in words what kind of leaf it is; with its shape where nothing else tells that."""

    name: Formula
    meaning: Formula | str
    shape: str = ""

    def write(self, style: Style) -> Writing:
        name = yield self.name
        shape = f" of shape {self.shape}" if self.shape else ""
        if isinstance(self.meaning, str):
            return name + style.words(f": {self.meaning}{shape}")
        meaning = yield self.meaning
        return name + style.operator("=") + meaning + (style.words(f",{shape}") if shape else "")


# What is put together simplifies itself ---------------------------------------------------------------------


def split_sign(formula: Formula) -> tuple[bool, Formula]:
    return (True, formula.of) if isinstance(formula, Negated) else (False, formula)


def with_sign(negative: bool, formula: Formula) -> Formula:
    return Negated(formula) if negative else formula


def product(sign: str, left: Formula, right: Formula, level: int = PRODUCT) -> Formula:
    """A product with the signs of both factors in front of it."""
    (minus, a), (other_minus, b) = split_sign(left), split_sign(right)
    (number, others), (other_number, rest) = split_numeral(a), split_numeral(b)
    numeral = exact_product(number, other_number) if sign == "⊙" and ONE not in (others, rest) else None
    if numeral:
        a, b = multiply(numeral, others), rest
    return with_sign(minus != other_minus, Product(sign, a, b, level))


def juxtapose(a: Formula, b: Formula) -> Formula:
    """The product of two matrices or numbers, with one sign and one numeral in front: −6 u x² and not 2 u (−3 x²)."""
    (minus, left), (other_minus, right) = split_sign(a), split_sign(b)
    return with_sign(minus != other_minus, multiply(left, right))


def multiply(left: Formula, right: Formula) -> Formula:
    """The same for factors without signs."""
    if ONE in (left, right):
        return right if left == ONE else left
    (own, others), (number, rest) = split_numeral(left), split_numeral(right)
    numeral = exact_product(own, number)
    if numeral:
        return scale(numeral, multiply(others, rest))
    if number and not own and is_numeral(first_factor(right)) and left.level >= PRODUCT:
        return scale(number, multiply(left, rest))
    if is_numeral(left):
        return scale(left, right)
    return Product("", left, right)


def split_numeral(formula: Formula) -> tuple[Formula | None, Formula]:
    """The numeral that a product or a quotient begins with, and the rest of it."""
    if is_numeral(formula):
        return formula, ONE
    if isinstance(formula, Quotient):
        (above, of), (below, by) = split_numeral(formula.of), split_numeral(formula.by)
        number = exact_product(above or ONE, below or ONE, inverse=True)
        return (number, Quotient(of, by, formula.spaced)) if number not in (None, ONE) else (None, formula)
    if isinstance(formula, Product) and formula.sign in ("", "·") and formula.level == PRODUCT:
        number, rest = split_numeral(formula.left)
        if number and isinstance(formula.left, Quotient) and rest != ONE:
            return None, formula
        return number, (formula.right if rest == ONE else Product(formula.sign, rest, formula.right)) if number else formula
    if isinstance(formula, Product) and formula.sign == "⊙":
        number, rest = split_numeral(formula.left)
        return (None, formula) if number is None or rest == ONE else (number, replace(formula, left=rest))
    return None, formula


def scale(number: Formula, formula: Formula) -> Formula:
    """A numeral times a formula; in front of a quotient it comes to stand above and below its line."""
    if ONE in (number, formula):
        return formula if number == ONE else number
    if isinstance(formula, Quotient) and not is_numeral(formula):
        above, below = (number.of, number.by) if isinstance(number, Quotient) else (number, ONE)
        return Quotient(multiply(above, formula.of), multiply(below, formula.by), formula.spaced)
    if isinstance(formula, Product) and (formula.sign == "⊙" or isinstance(formula.left, Quotient)):
        return Product(formula.sign, multiply(number, formula.left), formula.right, formula.level)
    return Product("·" if is_numeral(first_factor(formula)) else "", number, formula)


def exact_product(a: Formula | None, b: Formula | None, inverse: bool = False) -> Formula | None:
    """The product of two numerals, or a / b, if there are two, and it is exact and short; otherwise None."""
    x, y = exact_value(a), exact_value(b)
    if x is None or not y:
        return None
    value = x / y if inverse else x * y
    if value.denominator == 1 and value < 10**15:
        return Symbol(str(value.numerator))
    decimal = f"{float(value):.6g}"
    if "e" not in decimal and Fraction(decimal) == value and "." in f"{a}{b}":
        return Symbol(decimal)
    short = max(value.numerator, value.denominator) < 10**6 and "." not in f"{a}{b}"
    return Quotient(Symbol(str(value.numerator)), Symbol(str(value.denominator))) if short else None


def exact_value(numeral: Formula | None) -> Fraction | None:
    if isinstance(numeral, Quotient):
        of, by = exact_value(numeral.of), exact_value(numeral.by)
        return None if of is None or not by else of / by
    text = numeral.text if isinstance(numeral, Symbol) else ""
    return Fraction(text) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) else None


def is_constant(formula: Formula) -> bool:
    """Whether it is a number, or an array of equal ones."""
    return split_numeral(split_sign(formula)[1])[1] in (ONE, ONES)


def first_factor(formula: Formula) -> Formula:
    """The factor that a product begins with."""
    while isinstance(formula, Product):
        formula = formula.left
    return formula


def last_factor(formula: Formula) -> Formula:
    while isinstance(formula, Product):
        formula = formula.right
    return formula


def total(terms: Sequence[Formula]) -> Formula:
    """The sum of some terms, where equal ones are counted: 2 ∂C/∂t."""
    counts = Counter(terms)
    different = [term if n == 1 else juxtapose(Symbol(str(n)), term) for term, n in counts.items()]
    return Sum(tuple(different)) if len(different) > 1 else different[0]


# The notation of the table --------------------------------------------------------------------------------------

TOKEN = re.compile(r"\{(?P<slot>\w+)\}|(?P<number>[0-9][0-9.]*)|(?P<word>[^\W\d]\w*|√)|(?P<power>[²³])|(?P<sign>⁻ᵀ|.)", re.DOTALL)
POWERS = {"²": Symbol("2"), "³": Symbol("3")}
RELATIONS = "=<>≤≥"
PAIRS = {"|": "|", "‖": "‖", "⌊": "⌋"}


class NotReadable(ValueError):
    """A notation that is not that of the table, as a user's own may be."""


class Reader:
    """Reads the notation of one row, with formulas in the place of ``{0}``, ``{out}``, ``{u}`` and the like.

    ``{at}`` are the settings of the operation. With `signs_in_front` a product of negative factors has its signs in front.
    With `of_matrices` powers are those of entries.
    """

    def __init__(
        self, notation: str, slots: Mapping[str, Formula], signs_in_front: bool = False, of_matrices: bool = False
    ) -> None:
        self.tokens = [(str(match.lastgroup), match[str(match.lastgroup)]) for match in TOKEN.finditer(notation)]
        self.slots = slots
        self.signs_in_front = signs_in_front
        self.of_matrices = of_matrices
        self.place = 0

    def times(self, sign: str, left: Formula, right: Formula, level: int = PRODUCT) -> Formula:
        if not self.signs_in_front:
            return Product(sign, left, right, level)
        return product(sign, left, right, level) if sign else juxtapose(left, right)

    def divide(self, of: Formula, by: Formula, spaced: bool = False) -> Formula:
        if not self.signs_in_front:
            return Quotient(of, by, spaced)
        (minus, above), (other_minus, below) = split_sign(of), split_sign(by)
        return with_sign(minus != other_minus, Quotient(above, below, spaced))

    def read(self) -> Formula:
        formula = self.sum()
        if self.place < len(self.tokens):
            raise NotReadable(self.tokens[self.place :])
        return formula

    def peek(self, ahead: int = 0) -> str:
        place = self.place + ahead
        return self.tokens[place][1] if place < len(self.tokens) else ""

    def take(self, *expected: str) -> bool:
        """Whether these tokens come next; they are passed over then."""
        found = all(self.peek(i) == token for i, token in enumerate(expected))
        self.place += len(expected) * found
        return found

    def expect(self, token: str) -> None:
        if not self.take(token):
            raise NotReadable(f"{token} is missing")

    def sum(self) -> Formula:
        terms = [self.signed_term()]
        while self.peek() == " " and self.peek(1) in ("+", "−"):
            minus = self.peek(1) == "−"
            self.place += 3
            terms.append(with_sign(minus, self.signed_term()))
        return total(terms)

    def signed_term(self) -> Formula:
        if self.take("−"):
            return -self.signed_term()
        for sign in "Σ∏":
            if self.take(sign):
                axes = self.slot() if self.peek() == "over" else ""
                self.expect(" ")
                return Over(sign, axes, self.signed_term())
        left = self.product()
        while self.peek() == " " and self.peek(1) == "⊙":
            self.place += 3
            left = self.times("⊙", left, self.product(), HADAMARD)
        return left

    def product(self) -> Formula:
        left = self.postfix()
        while True:
            if self.take("/"):
                left = self.divide(left, self.postfix())
            elif self.take(" ", "/", " "):
                left = self.divide(left, self.postfix(), spaced=True)
            elif self.take(" ", "·", " "):
                left = self.times("·", left, self.postfix())
            elif self.take(" ", "mod", " "):
                left = Product("mod", left, self.postfix())
            elif self.peek() == " " and self.peek(1) not in ("", "+", "−", "⊙", "finite", *RELATIONS):
                self.place += 1
                is_map = isinstance(left, Transposed) and isinstance(left.of, Applied)
                right = self.postfix()
                left = Product("", left, right, MAP) if is_map else self.times("", left, right)
            else:
                return left

    def postfix(self) -> Formula:
        formula = self.primary()
        while True:
            if self.peek() == "at" and self.tokens[self.place][0] == "slot":
                settings = self.slot()
                formula = formula if settings == NO_SETTINGS else Indexed(formula, settings)
            elif self.take("ᵀ"):
                formula = Transposed(formula)
            elif self.take("⁻ᵀ"):
                formula = Transposed(formula, inverse=True)
            elif self.peek() in POWERS:
                formula = self.raise_to(formula, POWERS[self.peek()])
                self.place += 1
            elif self.take("^"):
                formula = self.raise_to(formula, self.primary())
            else:
                return formula

    def raise_to(self, base: Formula, exponent: Formula) -> Formula:
        return Raised(base, exponent, self.of_matrices and not isinstance(base, Enclosed))

    def slot(self) -> Any:
        self.place += 1
        return self.slots[self.tokens[self.place - 1][1]]

    def primary(self) -> Formula:
        if self.place == len(self.tokens):
            raise NotReadable("an operand is missing")
        kind, token = self.tokens[self.place]
        if kind == "slot" and token in self.slots:
            return self.slot()
        self.place += 1
        if kind == "number" or token in "½πi𝟏":
            return Symbol(token)
        if kind == "word":
            return self.function(token)
        if token == "(":
            inside = self.sum()
            self.expect(")")
            return Group(inside) if self.peek() == "at" else inside
        if token == "[":
            inside = self.relation()
            self.expect("]")
            return Enclosed("[", inside, "]")
        if token in PAIRS:
            inside = self.sum()
            self.expect(PAIRS[token])
            settings = self.slot() if self.peek() == "at" else None
            return Enclosed(token, inside, PAIRS[token], settings)
        if token == "∂":
            of = self.primary()
            if not self.take("/", "∂"):
                raise NotReadable(token)
            return Partial(of, self.primary())
        raise NotReadable(token)

    def function(self, name: str) -> Formula:
        settings = self.slot() if self.peek() == "at" else self.bracket() if self.peek() == "[" else None
        primes = 0
        while self.take("'"):
            primes += 1
        if not self.take("("):
            return Applied(name, None, settings, primes)
        operands = [self.sum()]
        while self.take(",", " "):
            operands.append(self.sum())
        self.expect(")")
        return Applied(name, tuple(operands), settings, primes)

    def bracket(self) -> Formula:
        """The settings that the notation itself names: ``einsum[ik→ki]``."""
        start = self.place
        while not self.take("]"):
            if self.place == len(self.tokens):
                raise NotReadable("] is missing")
            self.place += 1
        return Settings(("".join(token for _, token in self.tokens[start : self.place]),))

    def relation(self) -> Formula:
        if self.take("not", " "):
            return Relation(("not ", self.sum()))
        parts: list[Formula | str] = [self.sum()]
        if self.take(" ", "finite"):
            return Relation((*parts, " finite"))
        while self.peek() == " " and self.peek(1) and self.peek(1) in RELATIONS:
            parts.append(self.peek(1))
            self.place += 3
            parts.append(self.sum())
        return Relation(tuple(parts)) if len(parts) > 1 else parts[0]  # type: ignore[return-value]


@dataclass(frozen=True)
class Template(Formula):
    """A notation of a user's own, written letter by letter, with operands in their places."""

    parts: tuple[Formula | str, ...]
    level: int

    def write(self, style: Style) -> Writing:
        written = ""
        for part in self.parts:
            written += style.symbol(part) if isinstance(part, str) else (yield from part.within(ATOM, style))
        return written


def read(
    notation: str, slots: Mapping[str, Formula], signs_in_front: bool = False, of_matrices: bool = False
) -> Formula:
    """The formula that a notation stands for; one that cannot be read is kept letter by letter."""
    try:
        return Reader(notation, slots, signs_in_front, of_matrices).read()
    except NotReadable:
        pieces = re.split(r"\{(\w+)\}", notation)
        parts = [slots.get(piece, f"{{{piece}}}") if i % 2 else piece for i, piece in enumerate(pieces)]
        return Template(tuple(part for part in parts if part), SUM if " " in notation else ATOM)
