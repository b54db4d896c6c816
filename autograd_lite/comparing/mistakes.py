"""Mistakes that people make in a derivation, made on purpose in the sweep over a recording.

A wrong gradient is explained by the mistake that gives the very same numbers: a factor σ'(z1) that was left out, a
path that was forgotten, w2 that was not transposed. So each mistake is tried on the chain rule as it was recorded.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.engine.backward import as_dtype
from autograd_lite.engine.graph import between, history, record_of
from autograd_lite.engine.local_gradient import LocalGradient
from autograd_lite.engine.operation import LEFT, RIGHT, is_elementwise
from autograd_lite.engine.tensor import Array, Tensor
from autograd_lite.table.elementwise import sigmoid

MOST_STEPS = 60_000
"""So many local gradients are multiplied into adjoints in search of a mistake, for one parameter."""

FROM_THE_RESULT: dict[str, Callable[[Array], Array]] = {"sigmoid": lambda a: a * (1 - a), "tanh": lambda a: 1 - a * a}
"""Derivatives that are commonly written in terms of the result, and then taken of the operand."""


Change = Callable[[LocalGradient, Any], Any]


class Mistake(NamedTuple):
    """What is said about it, and what it makes of the local gradients that it concerns.

    `change` gets the local gradient and the adjoint of its output, and gives the contribution to that of its parent.
    """

    words: str
    concerned: frozenset[int]
    change: Change


class Recording:
    """The recording of an output, on which mistakes are tried."""

    def __init__(self, output: Tensor, tensors: Mapping[str, Tensor]) -> None:
        self.output = output
        self.nodes = history(output, constants=False)
        bearers = Counter(x.name for x in self.nodes if x.name)
        unique = {x.name: x for x in self.nodes if x.name and bearers[x.name] == 1}
        self.by_name: dict[str, Tensor] = unique | dict(tensors)

    def regularisation(self, x: Tensor, arrows: Sequence[LocalGradient]) -> float:
        """The c of a term c x in the gradient with respect to `x`, as a penalty on the squares of x gives it; 0 if
        there is none."""
        found, p = 0.0, x.data
        for g in arrows:
            u = None if g.parent is not x else sweep_to(self.output, g.output, arrows) if g.output is not self.output else 1.0
            if u is not None:
                share = np.real(g.pull(as_dtype(np.broadcast_to(u, g.output.shape), g.output.dtype)))
                c = float(np.sum(share * p) / np.sum(p * p)) if np.any(p) else 0.0
                found += c if np.allclose(share, c * p, 1e-9, 0.0) else 0.0
        return found

    def batch_sizes(self) -> list[int]:
        """The sizes of axes that belong to no parameter: of batches, as a rule."""
        computed = {n for x in self.nodes if x.op is not None for n in x.shape}
        given = {n for x in self.nodes if x.op is None for n in x.shape}
        return sorted(n for n in computed - given if n > 1)

    def takes_mean_of(self, n: int) -> bool:
        """Whether somewhere in it a sum is divided by n, or by 2 n."""
        for g in arrows_between(self.nodes, set(self.nodes)):
            if g.output.size < g.parent.size or g.output.size == 1:
                share = np.unique(np.abs(g.pull(np.ones(g.output.shape, g.output.dtype))))
                if share.size == 1 and share[0] * n in (0.5, 1.0):
                    return True
        return False

    def mistakes(
        self, name: str, m: Array, a: Array, updated: Mapping[str, Array], same: Callable[[Array, Array], bool]
    ) -> Iterator[str]:
        """The mistakes that give `m` as the gradient of the parameter called `name`, in words.

        `updated` are the parameters after a step of gradient descent, if its learning rate is known.
        """
        x = self.by_name.get(name)
        if x is None or m.shape != a.shape or x.shape != m.shape or x is self.output:
            return
        region = between(self.output, [x])
        arrows = arrows_between(self.nodes, region)
        yield from find_regularisation(x, m, a, self.regularisation(x, arrows), same)
        tried = 0
        for mistake in possible_mistakes(arrows, x, self.nodes, updated):
            tried += len(arrows)
            if tried > MOST_STEPS:
                return
            g = sweep_to(self.output, x, arrows, mistake)
            if g is not None and same(m, g) and not same(a, g):
                yield mistake.words


def find_regularisation(x: Tensor, m: Array, a: Array, recorded: float, same: Callable[[Array, Array], bool]) -> Iterator[str]:
    """A difference that is a multiple of the parameter itself; `recorded` is the multiple that the recorded cost
    has."""
    p = x.data
    if np.count_nonzero(p) < 3 or np.all(p == p.flat[0]):
        return
    c = float(np.sum((m - a) * p) / np.sum(p * p))
    if abs(c) > 1e-12 and same(m, a + c * p) and not same(m, a):
        term = f"it is the automatic one {'plus' if c > 0 else 'minus'} {abs(c):.4g} times {name_of(x)} itself: regularisation that"
        if not recorded:
            yield f"{term} the cost does not have"
        elif abs(c + recorded) < 1e-6 * abs(c):
            yield f"{term} is missing"
        else:
            yield f"{term} has the factor {recorded + c:.4g} instead of {recorded:.4g}"


def arrows_between(nodes: Sequence[Tensor], region: set[Tensor]) -> list[LocalGradient]:
    """The local gradients between Tensors of `region`, in the order of the sweep; `nodes` are the oldest first."""
    return [
        LocalGradient(out, i)
        for out in reversed(nodes)
        if out in region
        for i, (operand, value) in enumerate(zip(record_of(out).operands, record_of(out).values))
        if value is not None and operand in region
    ]


def sweep_to(
    output: Tensor,
    x: Tensor,
    arrows: Sequence[LocalGradient],
    mistake: Mistake | None = None,
    given: Mapping[Tensor, Array] | None = None,
) -> Array | None:
    """The adjoint of `x` by a sweep with a mistake in it, or with some adjoints given; None where it cannot be made."""
    adjoints: dict[Tensor, Any] = {output: np.ones_like(output.data)}
    with np.errstate(all="ignore"):
        for i, g in enumerate(arrows):
            u = (given or {}).get(g.output, adjoints.get(g.output))
            if u is None:
                continue
            u = as_dtype(np.asarray(u), g.output.dtype)
            try:
                share = mistake.change(g, u) if mistake and i in mistake.concerned else g.pull(u)
            except (TypeError, ValueError, AttributeError, IndexError):
                return None
            if np.shape(share) != g.parent.shape:
                return None
            known = adjoints.get(g.parent)
            adjoints[g.parent] = share if known is None else known + share
    return np.asarray(adjoints[x]) if x in adjoints else None


# The mistakes ---------------------------------------------------------------------------------------------


def possible_mistakes(
    arrows: Sequence[LocalGradient], x: Tensor, nodes: Sequence[Tensor], updated: Mapping[str, Array]
) -> Iterator[Mistake]:
    """All mistakes that are tried, the likeliest first."""
    groups = group_alike(arrows)
    for group in groups:
        yield from in_the_factor(arrows, group)
    for chain in chains(arrows):
        yield from in_the_chain(chain)
    for group in groups:
        yield from on_a_path(arrows, group)
    values = [*quantities(nodes), *((f"{w} after its update", value) for w, value in updated.items())]
    yield from steps_in_time(arrows, x, values)
    for group in groups:
        if len(group) == 1:
            yield from another_factor(arrows[group[0]], group, values)


def group_alike(arrows: Sequence[LocalGradient]) -> list[list[int]]:
    """Each local gradient by itself, then those together that stem from one line of a loop: same operation, same operand."""
    alike: dict[Any, list[int]] = {}
    for i, g in enumerate(arrows):
        alike.setdefault((g.output.op, g.index, g.output.shape), []).append(i)
    return [[i] for i in range(len(arrows))] + [group for group in alike.values() if len(group) > 1]


def in_the_factor(arrows: Sequence[LocalGradient], group: Sequence[int]) -> Iterator[Mistake]:
    """A factor left out, taken twice, or taken of something else; a matrix that is not transposed."""
    everywhere = f", all {len(group)} times" if len(group) > 1 else ""
    for words, change in changes_of_the_factor(arrows[group[0]]):
        yield Mistake(words + everywhere, frozenset(group), change)


def changes_of_the_factor(g: LocalGradient) -> Iterator[tuple[str, Change]]:
    label = label_of(g)
    if is_elementwise(g) and isinstance(g.value, np.ndarray):
        yield f"the factor {label} is missing", as_if(lambda g: np.ones_like(g.value))
        if g.value.dtype.kind == "f":
            yield f"the factor {label} stands there twice", as_if(lambda g: g.value**2)
        if len(record_of(g.output).operands) == 1:
            out, operand = name_of(g.output), g.parent.name or "…"
            symbol = record_of(g.output).operation.symbol or g.output.op
            result = f"{symbol}({operand})" + f" = {out}" * bool(g.output.name)
            yield f"{result} stands in place of the derivative {label}", as_if(lambda g: g.output.data)
            whole_word = rf"(?<!\w){re.escape(operand)}(?![\w'])"  # the t of tanh'(t) in its parentheses alone
            taken = f"{operand}: {re.sub(whole_word, lambda _: out, label)}" if g.parent.name else "its operand"
            yield f"the derivative is taken at {out} instead of {taken}", as_if(at_the_result)
            formula = FROM_THE_RESULT.get(g.output.op or "")
            if formula is not None:
                yield f"1 − {out} stands in place of the derivative {label}", as_if(lambda g: 1 - g.output.data)
                yield f"the formula for {label} in terms of {out} is applied to {operand}", at_the_operand(formula)
    elif isinstance(g.value, np.ndarray) and g.value.ndim == 2 and g.value.shape[0] == g.value.shape[1] > 1:
        bare = factor_of(g)
        if bare is not None:
            yield f"{bare} stands in place of {label}", as_if(lambda g: g.value.T)


class Chain(NamedTuple):
    """σ spelt out, as in a = 1 / (1 + exp(−z)): operations of which none between z and a has a name."""

    first: int  # the place of the arrow into the operand
    operand: Tensor
    result: Tensor
    slope: Array

    def label(self) -> str:
        return f"σ'({name_of(self.operand)})"


def chains(arrows: Sequence[LocalGradient]) -> Iterator[Chain]:
    """The sigmoids that are spelt out."""
    into: dict[Tensor, list[int]] = {}
    for i, g in enumerate(arrows):
        into.setdefault(g.parent, []).append(i)
    for z, uses in into.items():
        at, slope, length = uses, np.ones(z.shape), 0
        while z.name and z.dtype.kind == "f" and len(at) == 1:
            g = arrows[at[0]]
            if not is_elementwise(g) or g.output.shape != z.shape:
                break
            slope, length = slope * with_value(g, np.ones(z.shape), g.value), length + 1
            if g.output.name:
                if length > 1 and np.allclose(g.output.data, sigmoid(z.data), rtol=1e-6, atol=0) and np.all(slope):
                    yield Chain(uses[0], z, g.output, slope)
                break
            at = into.get(g.output, [])


def in_the_chain(chain: Chain) -> Iterator[Mistake]:
    """The mistakes of `in_the_factor`, for a factor that the recording holds in pieces."""
    label, z, a = chain.label(), name_of(chain.operand), name_of(chain.result)
    d, concerned, slope = chain.slope, frozenset([chain.first]), FROM_THE_RESULT["sigmoid"]
    for words, factor in (
        (f"the factor {label} is missing", 1 / d),
        (f"the factor {label} stands there twice", d),
        (f"{a} stands in place of the derivative {label}", chain.result.data / d),
        (f"1 − {a} stands in place of the derivative {label}", (1 - chain.result.data) / d),
        (f"the formula for {label} in terms of {a} is applied to {z}", slope(chain.operand.data) / d),
        (f"the derivative is taken at {a} instead of {z}: σ'({a})", slope(sigmoid(chain.result.data)) / d),
    ):
        yield Mistake(words, concerned, times(factor))


def times(factor: Array) -> Change:
    return lambda g, u: g.pull(u) * factor


def on_a_path(arrows: Sequence[LocalGradient], group: Sequence[int]) -> Iterator[Mistake]:
    """One of several paths forgotten, or with the wrong sign."""
    g, ends = arrows[group[0]], {(arrows[i].parent, arrows[i].output) for i in group}
    concerned = frozenset(i for i, other in enumerate(arrows) if (other.parent, other.output) in ends)  # both of x * x
    uses = Counter(parent for parent, _ in {(other.parent, other.output) for other in arrows})
    if any(uses[arrows[i].parent] < 2 for i in group):
        return
    through = g.output
    while not through.name and uses[through] == 1:  # to the next result that has a name
        through = next(other.output for other in arrows if other.parent is through)
    through = through if through.name and through is not arrows[0].output else g.output
    path = f"the path from {name_of(g.parent)} to the cost" + f" through {name_of(through)}" * (through is not arrows[0].output)
    if len(group) > 1:
        yield Mistake(f"{path} is missing, all {len(group)} times", concerned, lambda g, u: np.zeros(g.parent.shape))
        return
    yield Mistake(f"{path} is missing", concerned, lambda g, u: np.zeros(g.parent.shape))
    yield Mistake(f"{path} has the wrong sign", concerned, lambda g, u: -g.pull(u))


def steps_in_time(arrows: Sequence[LocalGradient], x: Tensor, known: Sequence[tuple[str, Array]]) -> Iterator[Mistake]:
    """What goes wrong with a parameter that is used several times, as in a recurrent network."""
    uses = [i for i, g in enumerate(arrows) if g.parent is x]
    if len(uses) < 2 or x.op is not None:
        return
    for words, kept in (("first", uses[-1]), ("last", uses[0])):
        others = frozenset(uses) - {kept}
        yield Mistake(f"only the {words} use of {name_of(x)} is counted", others, lambda g, u: np.zeros(g.parent.shape))
    values = [arrows[i].value for i in uses]
    if not all(isinstance(v, np.ndarray) and v.shape == values[0].shape for v in values):
        return
    label = arrows[uses[0]].label
    newer = [(name, value) for name, value in known if value.shape == values[0].shape and value is not values[0]]
    shifts = [(f"{name} in place of {label}, and so on", [value, *values[:-1]]) for name, value in newer]
    shifts.append((f"0 in place of {label}, and so on", [0 * values[0], *values[:-1]]))
    shifts.append((f"each that of the step before, the first 0, in place of {label}, ...", [*values[1:], 0 * values[-1]]))
    for words, shifted in shifts:
        by_use = {(arrows[i].output, arrows[i].index): v for i, v in zip(uses, shifted)}
        yield Mistake(f"the factors of {name_of(x)} are taken at the wrong step: {words}", frozenset(uses), one_of(by_use))


def another_factor(g: LocalGradient, group: Sequence[int], values: Sequence[tuple[str, Array]]) -> Iterator[Mistake]:
    """Another quantity of the same shape in place of a factor: the σ' of another layer, another input."""
    if not isinstance(g.value, np.ndarray) or g.value.dtype.kind != "f" or g.value.ndim == 0:
        return
    label, concerned, factor = label_of(g), frozenset(group), factor_of(g)
    if factor is None and not is_elementwise(g):  # what is stored is no factor of the map
        return
    for name, value in values:
        another = value.shape == g.value.shape and value is not g.value and value is not g.output.data
        if another and name != label and np.any(value):
            shown = name if factor is None else f"({name})ᵀ"
            yield Mistake(f"{shown} stands in place of {label}", concerned, always(value))


def factor_of(g: LocalGradient) -> str | None:
    """The name of the other factor of a matrix product, which is multiplied transposed into the adjoint; None in other maps."""
    operation, operands, *_ = record_of(g.output)
    if operation.variadic or operation.edge(g.index).form not in (LEFT, RIGHT):
        return None
    other = next((x for x in operands if getattr(x, "data", x) is g.value), None)
    return None if other is None else getattr(other, "name", None) or "the factor not transposed"


def quantities(nodes: Sequence[Tensor]) -> list[tuple[str, Array]]:
    """What has a name and could be mistaken for a factor: Tensors and constant operands, elementwise local gradients."""
    found: dict[int, tuple[str, Array]] = {}
    for out in nodes:
        for x in (out, *record_of(out).operands):
            if isinstance(x, Tensor) and x.name and x.ndim:
                found.setdefault(id(x), (x.name, x.data))
        for i, value in enumerate(record_of(out).values):
            if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.ndim:
                g = LocalGradient(out, i)
                if is_elementwise(g) and len(record_of(out).operands) == 1:
                    found.setdefault(id(value), (label_of(g), value))
    return list(found.values())


def with_value(g: LocalGradient, u: Any, value: Any) -> Any:
    """The adjoint multiplied into a local gradient that has another value."""
    other = LocalGradient(g.output, g.index)
    other.value = value
    return other.pull(u)


def as_if(value_of: Callable[[LocalGradient], Any]) -> Change:
    """Another value for each of the local gradients concerned."""
    return lambda g, u: with_value(g, u, value_of(g))


def always(value: Array) -> Change:
    return as_if(lambda _: value)


def one_of(values: Mapping[Any, Array]) -> Change:
    return as_if(lambda g: values[g.output, g.index])


def at_the_operand(formula: Callable[[Array], Array]) -> Change:
    return as_if(lambda g: formula(g.parent.data))


def at_the_result(g: LocalGradient) -> Any:
    operation, _, _, settings = record_of(g.output)
    data = g.output.data
    return operation.rules[0](data, operation.forward(data, **settings), **settings)


def label_of(g: LocalGradient) -> str:
    """The label of a factor; sums that undo a broadcast are none of it, and an operand without a name is not called x."""
    if len(record_of(g.output).operands) == 1 and not g.parent.name and is_elementwise(g):
        symbol = record_of(g.output).operation.symbol or g.output.op
        return f"{symbol}' of {g.output.name} = {symbol}(…)" if g.output.name else f"{symbol}'(…)"
    return g.label.rpartition(" · ⊙ ")[2]


def name_of(x: Tensor) -> str:
    return x.name or (f"the result of '{x.op}'" if x.op else "a parameter")
