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
from itertools import chain, count
from textwrap import wrap
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd_lite.engine.backward import as_dtype, sweep
from autograd_lite.engine.derivatives import between
from autograd_lite.engine.local_gradient import LocalGradient, settings
from autograd_lite.writing.naming import (
    axes_named, check_is_tensor, formula, gradient_symbol, is_number, items, number, readable_names, reduced_axes, shape_of,
)  # fmt: skip
from autograd_lite.writing.notation import (
    MARK, ONE, ONES, ZERO, Formula, as_latex, as_text, filled, juxtaposed, latex_name, outer, product, read,
    summed, total,
)  # fmt: skip
from autograd_lite.engine.operation import broadcast_axes
from autograd_lite.engine.tensor import Array, Tensor

ELEMENTWISE, LINEAR, SAME, TRANSPOSED, REPEATED = "{u} ⊙ {d}", "{d}ᵀ {u}", "{u}", "({u})ᵀ", "repeat({u}) ⊙ {d}"
LEFT, RIGHT = "{u} {d}", "{d} {u}"
"""The forms of the table that are written in a way of their own."""


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
        self.names: dict[int, str] = {}
        self.taken: set[str] = set()
        for key, name in readable_names(output).items():
            x = self.items[key]
            self.names[key] = exact(x) if is_number(x) else self.unused(quoted(name))
        self.of = self.names[id(output)]
        if seed is not None:
            self.of = self.unused("C")
            self.items[id(seed)], self.names[id(seed)] = seed, self.unused("u")

    def unused(self, name: str) -> str:
        name = next(new for new in chain([name], (f"{name}_({n})" for n in count(2))) if new not in self.taken)
        self.taken.add(name)
        return name

    def mark(self, x: Any) -> str:
        """What stands for `x` in a formula until names are filled in; a number stands for itself."""
        if not is_number(x):
            return f"\ue000{id(x)}\ue002"
        name = self.names[id(x)]
        return f"({name})" if name.startswith("−") or " " in name else name

    def adjoint(self, x: Tensor) -> Formula:
        return Formula(f"\ue001{id(x)}\ue002")


def quoted(name: str) -> str:
    """`name` on one line, and in quotes if it could be taken for more than a name."""
    name = "".join(c if c.isprintable() else repr(c)[1:-1] for c in name)
    return name if re.fullmatch(r"[^\W\d][\w.]*'*", name) else f"“{name}”"


def exact(x: Any) -> str:
    """A constant in as many digits as it takes to read it back."""
    value = np.asarray(getattr(x, "data", x)).reshape(())[()]
    if value.dtype.kind == "c":
        return f"{exact(value.real)} + {exact(value.imag)} i".replace("+ −", "− ")
    short = number(value)
    return short if float(f"{float(value):.6g}") == value or np.isnan(value) else str(value).replace("-", "−")


class Written:
    """A formula with names filled in.

    Attributes
    ----------
    text : str
        In characters that need no rendering, such as ``∂C/∂z2 (a1)ᵀ``.
    latex : str
        The same in LaTeX, for mathematics mode.
    factors : dict of ndarray by str
        The values of all names in `text`; with them it can be evaluated.
    """

    def __init__(self, marked: str, symbols: Symbols) -> None:
        self._marked = marked
        self._symbols = symbols

    def text_with(self, dress: Callable[[str], str]) -> str:
        """The text, with `dress` deciding how a name is set."""
        names = self._symbols.names
        of = dress(self._symbols.of)
        return filled(as_text(self._marked), lambda key: dress(names[key]), lambda key: f"∂{of}/∂{dress(names[key])}")

    @property
    def text(self) -> str:
        return self.text_with(str)

    @property
    def latex(self) -> str:
        names = self._symbols.names
        of = latex_name(self._symbols.of)
        return filled(
            as_latex(self._marked),
            lambda key: latex_name(names[key]),
            lambda key: rf"\frac{{\partial {of}}}{{\partial {latex_name(names[key])}}}",
        )

    @property
    def factors(self) -> dict[str, Array]:
        symbols = self._symbols
        result = {}
        for kind, key in MARK.findall(self._marked):
            name, x = symbols.names[int(key)], symbols.items[int(key)]
            if kind == "\ue000":
                result[name] = x.numpy() if isinstance(x, Tensor) else np.asarray(x)
            else:
                result[f"∂{symbols.of}/∂{name}"] = symbols.adjoints[int(key)]
        return result

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__


class Term(Written):
    """What one use of a Tensor contributes to its adjoint.

    Attributes
    ----------
    local_gradient : LocalGradient
        Its `output` is the Tensor that was computed with the operand `parent`.
    """

    def __init__(self, formula: Formula, symbols: Symbols, local_gradient: LocalGradient) -> None:
        super().__init__(formula.signed(), symbols)
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
        super().__init__(f"{symbols.adjoint(x).body} = {right.signed()}", symbols)
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
        further = [equation for equation in self.equations if equation.text not in known]
        shared = any(equation._marked.count("\ue001") > 1 for equation in further)
        what = "everything but the adjoints that are used several times" if shared else "everything"
        sections = [("", self.steps), (f"with {what} substituted:\n", further), ("where:\n", self.definitions)]
        return [(title, lines) for title, lines in sections if lines]

    def __str__(self) -> str:
        return "\n\n".join(title + "\n".join(map(folded, lines)) for title, lines in self._sections())

    __repr__ = __str__

    def latex(self) -> str:
        """All lines in an ``aligned`` environment, for mathematics mode. LaTeX needs the package amsmath for it."""
        groups = [[re.sub(" ?(= |{:})", r" &\1", x.latex, count=1) for x in lines] for _, lines in self._sections()]
        text = " \\\\[2ex]\n".join(" \\\\[0.5ex]\n".join(lines) for lines in groups)
        return f"\\begin{{aligned}}\n{text}\n\\end{{aligned}}"

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex()}\n$$"


def folded(line: Written) -> str:
    """A line in 80 columns if it can be, broken in front of operators."""
    text = re.sub(" (?![+−⊙⊗] )", "\xa0", line.text)
    lines = wrap(text, 80, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines).replace("\xa0", " ")


def definitions(lines: Sequence[Written], symbols: Symbols) -> Iterator[Written]:
    """How the Tensors without a name were computed that occur in `lines`, or in the definition of another."""
    seen = {int(key) for line in lines for _, key in MARK.findall(line._marked)} | {symbols.output}
    found = []
    for key, x in reversed(symbols.items.items()):
        if key not in seen or getattr(x, "name", None):
            continue
        if getattr(x, "op", None):
            text = f"{symbols.mark(x)} = {formula(x, symbols.mark)}"
        else:
            kind = "parameter" if getattr(x, "requires_grad", False) else "constant"
            text = f"{symbols.mark(x)}: {kind}{' of shape ' * bool(np.shape(x))}{shape_of(x)}"
        seen.update(int(key) for _, key in MARK.findall(text))
        found.append(Written(text, symbols))
    return reversed(found)


# One term of an adjoint -------------------------------------------------------------------------------------


def term(g: LocalGradient, u: Formula, symbols: Symbols) -> Formula:
    """The adjoint `u` of a result, multiplied into a local gradient of it."""
    out, x = g.output, g.parent
    form = out._operation.edge(g._index).form.replace("{at}", settings(out, symbols.mark, g._index))
    symbol = gradient_symbol(out, g._index, symbols.mark).replace("′", "'")
    d = read(symbol)
    dimensions = [out.ndim, *(np.ndim(operand) for operand in out._operands)]
    if form in (ELEMENTWISE, SAME):
        result = entrywise(u, ONE if form == SAME else d, g)
    elif form == REPEATED:
        result = repeated(u, d, g)
    elif form == TRANSPOSED and max(dimensions) <= 2:
        same = u.body in ("1", ONES.body) or out._static["axes"] in ((), (0,), (0, 1))
        result = u if same else product(form, u=u)
    elif form in (LEFT, RIGHT) and getattr(g.value, "ndim", 2) == 1 and max(dimensions) <= 2:
        d = read(symbol.removesuffix("ᵀ"))  # a vector, which as row or column would be written the same
        if out.ndim == 0:
            result = juxtaposed(u, d)
        else:
            result = outer(u, d) if form == LEFT else outer(d, u)
    elif form == LINEAR or "({u})" in form and form != TRANSPOSED:
        result = product(form, u=u, d=d)
    elif form != TRANSPOSED and (out.ndim == max(dimensions) and min(dimensions) >= 2 or max(dimensions) <= 2):
        if u == ONE:
            form = form.replace("{u} ", "").replace(" {u}", "")
        written, transposed, _ = form.partition(" ({out})ᵀ") if out.ndim == 1 else (form, "", "")
        result = product(written, u=u, d=d, out=Formula(symbols.mark(out)))
        if transposed:
            result = outer(result, Formula(symbols.mark(out)))
        shape = out.shape[:-2] + x.shape[-2:]
        result = summed(result, broadcast_axes(shape, x.shape) if min(dimensions) >= 2 else (), len(shape))
    else:  # stacks of vectors and permuted axes: no product of two matrices says it
        result = product(LINEAR, u=u, d=read(g.label_with(symbols.mark, f"∂{{out}}/∂{{{g._index}}}")))
    if out.dtype.kind == "c" and x.dtype.kind != "c":
        result = product("Re({u})", u=result)
    return result


def entrywise(u: Formula, d: Formula, g: LocalGradient) -> Formula:
    """u ⊙ d, summed over what broadcasting repeated; a single number stands in front as a factor."""
    out, x = g.output, g.parent
    d_shape = np.shape(g.value)
    shape = np.broadcast_shapes(out.shape, d_shape)
    if isinstance(g.value, (int, float)) and g.value == 0 or u == ZERO:
        return ZERO
    if u.body == ONES.body and d_shape == shape:
        u = ONE._replace(negative=u.negative)
    if "1" in (u.body, d.body) or out.ndim == 0:
        result = juxtaposed(d, u) if d.is_numeral() else juxtaposed(u, d)
    elif u.body.endswith(f" {ONES.body}") and d_shape == shape:
        result = juxtaposed(u._replace(body=u.body[:-2]), d)
    else:
        result = juxtaposed(d, u) if d_shape == () else product(ELEMENTWISE, u=u, d=d)
    return summed(result, broadcast_axes(shape, x.shape), len(shape))


def repeated(u: Formula, d: Formula, g: LocalGradient) -> Formula:
    """A reduction: u, repeated along the reduced axes, ⊙ d."""
    out, x = g.output, g.parent
    axes = reduced_axes(out)
    if u.body == ONES.body:
        u = ONE._replace(negative=u.negative)
    elif len(axes) < x.ndim:
        u = product(f"repeat{axes_named(axes)}({{u}})", u=u) if axes else u
    if np.shape(g.value) == ():  # sum and mean
        u, d = juxtaposed(d, u), ONES
        if len(axes) < x.ndim and u != ONE or x.ndim == 0:
            return u
    if u.body == "1":
        return d._replace(negative=u.negative != d.negative)
    return juxtaposed(u, d) if out.ndim == 0 else product(ELEMENTWISE, u=u, d=d)


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
        If `wrt` holds something that is no Tensor, or does not require a gradient.
    ValueError
        If `output` does not depend on a Tensor of `wrt`, or is no single number and `gradient` is missing, or
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
    wanted = checked(output, wrt)
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
    first = ONE if seed is None else Formula(symbols.mark(seed))
    steps = [Step(output, first, symbols)] if seed is not None or any(x is output for x in wanted) else []
    uses: dict[Tensor, list[LocalGradient]] = {}
    for g in edges(region):  # a Tensor moves to the end with each use: its adjoint is complete with the last one
        uses[g.parent] = uses.pop(g.parent, [])
        uses[g.parent].append(g)
    for x, found in uses.items():
        adjoints_used = [ONE if g.output is output and seed is None else symbols.adjoint(g.output) for g in found]
        terms = [term(g, u, symbols) for g, u in zip(found, adjoints_used)]
        steps.append(Step(x, total(terms), symbols, [Term(t, symbols, g) for t, g in zip(terms, found)]))
    return Derivation(steps, partial(equations, output, wanted, first, symbols), symbols)


def checked(output: Any, wrt: Any) -> list[Tensor]:
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
    for out in sorted(region, key=lambda t: -t._order):
        for i, (x, value) in enumerate(zip(out._operands, out._values)):
            if value is not None and x in region:
                yield LocalGradient(out, i)


def equations(output: Tensor, wanted: Sequence[Tensor], first: Formula, symbols: Symbols) -> Iterator[Step]:
    """The adjoints of `wanted` in terms of `first`, that of the output, and of the adjoints that are used repeatedly.

    These keep their names: with them written out, a formula would have a term for each path.
    """
    for x in wanted:
        found = list(edges(between(output, [x])))
        uses = Counter(g.output for g in found)
        terms = defaultdict(list, {output: [first]})
        for g in found:
            shared = uses[g.output] > 1 and g.output is not output
            u = symbols.adjoint(g.output) if shared else total(terms[g.output])
            terms[g.parent].append(term(g, u, symbols))
        yield Step(x, total(terms[x]), symbols)
