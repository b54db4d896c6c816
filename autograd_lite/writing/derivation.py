"""The chain rule that backpropagation followed, written down.

An adjoint is a sum with one term for each use of its Tensor: the adjoint of the result, multiplied into the
local gradient. The table of operations says how a local gradient is written and on which side of the adjoint it
stands, so the derivation is read off the graph. An adjoint gets one line, and later lines refer to it
by its name: it is computed once and used again, which is the dynamic programming.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, partial
from textwrap import wrap
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd_lite.engine.backward import as_dtype, sweep
from autograd_lite.engine.graph import birth, between, record_of
from autograd_lite.engine.local_gradient import LocalGradient
from autograd_lite.engine.tensor import Array, Tensor
from autograd_lite.writing.formulas import ONE, Adjoint, Definition, Formula, Name, Settings, Sum, is_constant, nodes, total
from autograd_lite.writing.naming import array_of, check_is_tensor, items, quote, readable_names, shape_of, split_index, unused
from autograd_lite.writing.styles import Latex, Style
from autograd_lite.writing.terms import formula, name_operand, reduced_axes, term


# What is written ------------------------------------------------------------------------------------------


class Symbols:
    """The names in a derivation, and what they stand for.

    They are those of the whole history of the output, so they do not depend on what the derivation is with
    respect to. A name that is no identifier is quoted; one that several Tensors bear is numbered: w, w_(2).
    """

    def __init__(self, output: Tensor, seed: Tensor | None) -> None:
        self.output = id(output)
        self.items: dict[int, Any] = {id(x): x for x in items(output)}
        self.adjoints: dict[int, Array] = {}
        self.names = readable_names(output, is_cost=seed is None, quote=quote)
        self.of = self.names[id(output)]
        if seed is not None:
            taken = set(map(split_index, self.names.values()))
            self.of = unused("C", taken)
            self.items[id(seed)], self.names[id(seed)] = seed, unused("u", taken)

    def operand(self, x: Any) -> Formula:
        return name_operand(x, self.names)


class Written:
    """A formula with names filled in.

    Attributes
    ----------
    formula : Formula
        The tree that is printed.
    text : str
        In characters that need no rendering, such as ``∂C/∂z2 (a1)ᵀ``.
    latex : str
        The same in LaTeX, for mathematics mode.
    factors : dict of ndarray by str
        The values of all names in `text`; with them it can be evaluated.
    """

    def __init__(self, formula: Formula, symbols: Symbols) -> None:
        self.formula = formula
        self._symbols = symbols

    def in_style(self, style: Callable[..., Style], **options: Any) -> str:
        """The formula in another style of `autograd_lite.writing.styles`."""
        return style(self._symbols.names, self._symbols.of, **options).to_text(self.formula)

    @property
    def text(self) -> str:
        return self.in_style(Style)

    @property
    def latex(self) -> str:
        return self.in_style(Latex)

    @property
    def factors(self) -> dict[str, Array]:
        symbols = self._symbols
        result = {}
        for key in keys_in(self.formula):
            result[symbols.names[key]] = array_of(symbols.items[key])
        for node in nodes(self.formula):
            if isinstance(node, Adjoint):
                result[f"∂{symbols.of}/∂{symbols.names[node.key]}"] = symbols.adjoints[node.key]
        return result

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.latex}$"

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__


def keys_in(formula: Formula) -> Iterator[int]:
    """The ``id`` of all that is named in a formula, adjoints apart."""
    for node in nodes(formula):
        if isinstance(node, Name):
            yield node.key
        elif isinstance(node, Settings):
            yield from (piece for piece in node.pieces if isinstance(piece, int))


class Term(Written):
    """What one use of a Tensor contributes to its adjoint.

    Attributes
    ----------
    local_gradient : LocalGradient
        Its `output` is the Tensor that was computed with the operand `parent`.
    """

    def __init__(self, formula: Formula, symbols: Symbols, local_gradient: LocalGradient) -> None:
        super().__init__(formula, symbols)
        self.local_gradient = local_gradient


class Step(Written):
    """The line for one adjoint.

    Attributes
    ----------
    tensor : Tensor
    adjoint : ndarray, shape of the Tensor
        Its value in the sweep, which leaves `grad` alone.
    terms : tuple of Term
        The right-hand side is their sum. The output, where the sweep starts, has none.
    """

    def __init__(self, x: Tensor, right: Formula, symbols: Symbols, terms: Sequence[Term] = ()) -> None:
        super().__init__(Definition(Adjoint(id(x)), right), symbols)
        self.tensor = x
        self.adjoint = symbols.adjoints[id(x)]
        self.terms = tuple(terms)


class Derivation(Sequence[Step]):
    """The result of `chain_rule`: a sequence of steps, which shows itself as text, in notebooks as mathematics.

    Attributes
    ----------
    steps : tuple of Step
        A line for each adjoint, in the order in which the sweep completes them.
    equations : tuple of Step
        For each Tensor of `wrt`, its adjoint with everything substituted but the adjoints that are used several
        times; without terms.
    definitions : tuple of Written
        What the names stand for that were given to Tensors without one.
    """

    def __init__(self, steps: Sequence[Step], substitute: Callable[[], Iterator[Step]], symbols: Symbols) -> None:
        self.steps = tuple(steps)
        self._substitute = substitute
        self._symbols = symbols

    @cached_property
    def equations(self) -> tuple[Step, ...]:
        return tuple(self._substitute())

    @cached_property
    def definitions(self) -> tuple[Written, ...]:
        return tuple(definitions([*self.steps, *self.equations], self._symbols))

    def __getitem__(self, index: Any) -> Any:
        return self.steps[index]

    def __len__(self) -> int:
        return len(self.steps)

    def _sections(self) -> list[tuple[str, Sequence[Written]]]:
        """The lines, in groups with a title."""
        known = {step.text for step in self.steps}
        further = self.equations if any(equation.text not in known for equation in self.equations) else ()
        shared = any(sum(isinstance(node, Adjoint) for node in nodes(equation.formula)) > 1 for equation in further)
        how = "substituted, but for adjoints that are long or used again" if shared else "with everything substituted"
        sections = [("", self.steps), (f"{how}:\n", further), ("where:\n", self.definitions)]
        return [(title, lines) for title, lines in sections if lines]

    def __str__(self) -> str:
        return "\n\n".join(title + "\n".join(map(wrap_line, lines)) for title, lines in self._sections())

    __repr__ = __str__

    def latex(self) -> str:
        """All lines in an ``aligned`` environment, for mathematics mode. LaTeX needs the package amsmath for it.

        Long sums go on in further rows. To let it break across pages, use ``align*`` in place of ``aligned``,
        outside of mathematics mode.
        """
        groups = []
        for title, lines in self._sections():
            heading = [rf"&\text{{{title.strip()}}}"] if title else []
            groups.append(heading + [row for line in lines for row in in_rows(line)])
        text = " \\\\[4ex]\n".join(" \\\\[2ex]\n".join(lines) for lines in groups)
        return f"\\begin{{aligned}}\n{text}\n\\end{{aligned}}"

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex()}\n$$"


WIDTH = 75
"""Letters of text that fit in a line of a page when they are set as mathematics."""


def in_rows(line: Written) -> list[str]:
    """A line in LaTeX, with a mark where it is aligned; a sum that is too long for one row in several."""
    formula = line.formula
    if len(line.text) <= WIDTH or not isinstance(formula, Definition) or not isinstance(formula.meaning, Sum):
        return [re.sub(r" ?(= |\\text\{: )", r" &\1", line.latex, count=1)]
    rows: list[list[Formula]] = [[]]
    width = 0
    for each in formula.meaning.terms:
        long = len(Written(each, line._symbols).text) + 3
        if rows[-1] and width + long > WIDTH:
            rows.append([])
            width = 0
        rows[-1].append(each)
        width += long
    written = [Written(total(row), line._symbols).latex for row in rows]
    name = Written(formula.name, line._symbols).latex
    further = [rf"&\quad {row}" if row.startswith("-") else rf"&\quad + {row}" for row in written[1:]]
    return [f"{name} &= {written[0]}", *further]


def wrap_line(line: Written) -> str:
    """A line in 80 columns if it can be, broken in front of operators."""
    text = re.sub(" (?![+−⊙⊗] )", "\xa0", line.text)
    lines = wrap(text, 80, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines).replace("\xa0", " ")


def definitions(lines: Sequence[Written], symbols: Symbols) -> Iterator[Written]:
    """How the Tensors without a name were computed that occur in `lines`, or in the definition of another."""
    seen = {symbols.output}
    for line in lines:
        seen.update(keys_in(line.formula), (node.key for node in nodes(line.formula) if isinstance(node, Adjoint)))
    found = []
    for key, x in reversed(symbols.items.items()):
        if key not in seen or getattr(x, "name", None):
            continue
        tells_shape = True
        if getattr(x, "op", None):
            meaning: Formula | str = formula(x, symbols.operand)
            # of a square matrix, nothing else tells a column of sums from a row
            tells_shape = bool(record_of(x).settings.get("keepdims")) and len(reduced_axes(x)) < x.ndim
        else:
            meaning = "parameter" if getattr(x, "requires_grad", False) else "constant"
        definition = Definition(symbols.operand(x), meaning, shape_of(x) if tells_shape else "")
        seen.update(keys_in(definition))
        found.append(Written(definition, symbols))
    return reversed(found)


# The derivation ---------------------------------------------------------------------------------------------


def chain_rule(output: Tensor, wrt: Tensor | Sequence[Tensor], gradient: npt.ArrayLike | None = None) -> Derivation:
    """The derivation of the derivatives of `output` that backpropagation followed, line by line.

    Parameters
    ----------
    output : Tensor
        A single number, unless `gradient` is given.
    wrt : Tensor or sequence of Tensor
        Leaves or intermediate results that `output` was computed from. Only what lies on paths to them is derived.
    gradient : array_like, shape of `output`, optional
        The adjoint u to start from. The derivation is then of a cost C further on, with ∂C/∂output = u.

    Returns
    -------
    Derivation
        Its lines are formulas for arrays. ⊙ multiplies entry by entry; side by side stand the factors of a product
        of matrices, or a number and what it multiplies. a ⊗ b holds the products of an entry of one vector with an
        entry of the other. ᵀ is the transpose of a matrix, or of a linear map: index[0, 1:] takes entries as NumPy
        does, and other functions bear in brackets what they were told too. Σ_batch adds up the columns of a matrix,
        which are samples, Σ_axis0 adds up along another axis, Σ all entries; repeat_axis0 repeats along an axis. 𝟏 is
        an array of ones. [a > b] is 1 where that holds and 0 elsewhere, in equal shares among several maxima.

    Raises
    ------
    TypeError
        If `wrt` holds something that is not a Tensor, or does not require a gradient.
    ValueError
        If `output` does not depend on a Tensor of `wrt`, or is not a single number and `gradient` is missing, or
        that has the wrong shape.

    Notes
    -----
    For the chapter's network with respect to w2 and w1 this yields Eq 4.2, B.4 and 4.1 as factors, and
    with everything substituted Eq 3 and Eq 5 (Nielsen's BP1, BP2 and BP4).

    Examples
    --------
    >>> import autograd_lite as ag
    >>> w = ag.Tensor([[1.0, 2.0]], requires_grad=True, name="w")
    >>> a = ag.sigmoid(ag.linear(w, ag.Tensor([[0.5], [1.0]], name="x")))
    >>> a.name = "a"
    >>> C = ag.half_squared_distance(a, ag.Tensor([[1.0]], name="y"))
    >>> for step in ag.chain_rule(C, w):
    ...     print(step, "   ", step.adjoint)
    ∂C/∂a = a − y     [[-0.07585818]]
    ∂C/∂t1 = ∂C/∂a ⊙ σ'(t1)     [[-0.00531794]]
    ∂C/∂w = ∂C/∂t1 (x)ᵀ     [[-0.00265897 -0.00531794]]
    >>> ag.chain_rule(C, w).equations
    (∂C/∂w = ((a − y) ⊙ σ'(t1)) (x)ᵀ,)
    """
    wanted = check_wrt(output, wrt)
    region = between(output, wanted)
    start = output._seed(gradient)
    adjoints, _ = sweep(output, np.asarray(start), keep=region, only=region)
    for x in wanted:
        if x not in adjoints:
            raise ValueError(
                f"{output.describe()} does not depend on {x.describe()}: no chain of operations leads from one to the "
                "other, so there is nothing to derive"
            )
    seed = None if gradient is None else Tensor(start)
    symbols = Symbols(output, seed)
    symbols.adjoints = {id(x): np.array(as_dtype(u, x.dtype)) for x, u in adjoints.items()}
    first = ONE if seed is None else symbols.operand(seed)
    steps = [Step(output, first, symbols)] if seed is not None or any(x is output for x in wanted) else []
    uses: dict[Tensor, list[LocalGradient]] = {}
    for g in edges(region):  # a Tensor moves to the end with each use: its adjoint is complete with the last one
        uses[g.parent] = uses.pop(g.parent, [])
        uses[g.parent].append(g)
    for x, found in uses.items():
        adjoints_used = [ONE if g.output is output and seed is None else Adjoint(id(g.output)) for g in found]
        terms = [term(g, u, symbols.operand) for g, u in zip(found, adjoints_used)]
        steps.append(Step(x, total(terms), symbols, [Term(t, symbols, g) for t, g in zip(terms, found)]))
    return Derivation(steps, partial(equations, output, wanted, first, symbols), symbols)


def check_wrt(output: Any, wrt: Any) -> list[Tensor]:
    """The Tensors of `wrt`, each once."""
    check_is_tensor(output, "the chain rule")
    if isinstance(wrt, (dict, str)) or not isinstance(wrt, (Tensor, Iterable)):
        instead = "; write wrt.values()" if isinstance(wrt, dict) else ""
        raise TypeError(f"wrt is a Tensor or a sequence of Tensors, not {type(wrt).__name__}{instead}")
    wanted = [wrt] if isinstance(wrt, Tensor) else [*wrt]
    if not wanted:
        raise ValueError("wrt is empty: name the Tensors to differentiate with respect to")
    for x in wanted:
        if not isinstance(x, Tensor):
            raise TypeError(f"wrt holds {type(x).__name__} {x!r}; it is a Tensor or a sequence of Tensors")
        if not x.requires_grad:
            raise TypeError(
                f"{x.describe()} does not require a gradient, so nothing was recorded about it; make it with "
                "Tensor(..., requires_grad=True) before computing the output"
            )
    return list(dict.fromkeys(wanted))


def edges(region: set[Tensor]) -> Iterator[LocalGradient]:
    """The local gradients between Tensors of `region`, in the order of the sweep."""
    for out in sorted(region, key=birth, reverse=True):
        yield from (g for g in out.local_gradients if g.parent in region)


def line(output: Tensor, x: Tensor) -> str:
    """The line for the adjoint of x in terms of the adjoints of Tensors that have a name, and what other names stand for."""
    symbols = chain_rule(output, x)._symbols
    [step] = equations(output, [x], ONE, symbols, named=True)
    defined, in_line = list(definitions([step], symbols)), set(keys_in(step.formula))
    if len(defined) > 3:  # without what others were computed from, and if that is too much, the constants alone
        defined = [d for d in defined if next(keys_in(d.formula)) in in_line]
    if len(defined) > 3:
        defined = [d for d in defined if isinstance(d.formula, Definition) and isinstance(d.formula.meaning, str)]
    written = step.text if len(step.text) <= 160 else f"{step.text[:160].rpartition(' ')[0]} …"
    return written + (f", where {' and '.join(map(str, defined))}" if 0 < len(defined) <= 3 else "")


def equations(
    output: Tensor, wanted: Sequence[Tensor], first: Formula, symbols: Symbols, named: bool = False
) -> Iterator[Step]:
    """The adjoints of `wanted` in terms of `first`, that of the output, and of adjoints that keep their names.

    These are the ones that are used repeatedly and are no mere numbers: with them written out, a formula would have a term
    for each path. So are those that a page is too narrow for, and that several of the equations would have to write out at
    length. With `named`, it is not length that decides but the name: besides the adjoints that are used repeatedly,
    those of Tensors with a name keep theirs.
    """
    ways = {x: list(edges(between(output, [x]))) for x in wanted}
    common = Counter(t for found in ways.values() for t in {g.output for g in found})
    for x, found in ways.items():
        # equal terms become one: of x ⊙ x comes 2 u ⊙ x
        uses = Counter(out for out, *_ in {(g.output, g.parent, term(g, Adjoint(id(g.output)), symbols.operand)) for g in found})
        terms = defaultdict(list, {output: [first]})
        for g in found:
            u = total(terms[g.output])
            wide = 42 if common[g.output] > 1 else 60
            keeps = bool(g.output.name) if named else len(Written(u, symbols).text) > wide
            if g.output is not output and (uses[g.output] > 1 and not is_constant(u) or keeps):
                u = Adjoint(id(g.output))
            terms[g.parent].append(term(g, u, symbols.operand))
        yield Step(x, total(terms[x]), symbols)
