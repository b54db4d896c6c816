"""The boxes and arrows that a picture of a computation graph consists of, before anything is drawn.

An arrow points the way the data flows, from an operand to the result, and bears the local gradient that the
sweep multiplies by on its way back.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from autograd_lite.engine.graph import history, record_of
from autograd_lite.engine.local_gradient import LocalGradient
from autograd_lite.engine.tensor import Tensor
from autograd_lite.writing.formulas import Formula
from autograd_lite.writing.naming import is_literal, items, times_ten_to
from autograd_lite.writing.terms import formula, label, name_operand


@dataclass(eq=False)
class Box:
    """A Tensor or a constant operand; or a scope folded into one box.

    Attributes
    ----------
    item : Tensor, ndarray or number
        For a scope, the boxes inside.
    key : str
        The identifier in the dot source: the name where that can be one.
    kind : str
        parameter, input, constant (an input without a name), number, intermediate, output, scope; or chip, which stands
        for a leaf where that is used again.
    name : str
        As it was given, numbered if others have it; a number and the title of a scope as they are written.
    formula : Formula or None
        How it was computed, if it was.
    scope : tuple of str
        The boxes around it, outermost first.
    """

    item: Any
    key: str
    kind: str
    name: str
    formula: Formula | None = None
    scope: tuple[str, ...] = ()


@dataclass(eq=False)
class Arrow:
    """From an operand to the result that was computed from it."""

    source: Box
    target: Box
    label: Formula | None  # None for an operand that no derivative is taken of
    gradient: LocalGradient | None
    side: str = ""  # left or right, if the operand stands beside the result
    passing: Box | None = None  # between scopes that are folded: what passes


def collect(output: Tensor, names: dict[int, str], constants: bool) -> tuple[list[Box], list[Arrow]]:
    """The boxes and arrows of the history of `output`, in the order of creation."""
    boxes: dict[str, Box] = {}
    known: dict[int, Box] = {}
    arrows: list[Arrow] = []

    def power_of_ten(name: str) -> str:
        return re.sub("e([+−][0-9]+)$", lambda power: times_ten_to(int(power[1].replace("−", "-"))), name)

    names = names | {id(x): power_of_ten(names[id(x)]) for x in items(output) if is_literal(x)}

    def operand(x: Any) -> Formula:
        return name_operand(x, names)

    def box(x: Any) -> Box:
        if id(x) in known:
            return known[id(x)]
        key = names[id(x)]
        if key in boxes or not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", key):
            key = f"_{len(boxes)}"
        boxes[key] = new = Box(x, key, kind_of(x, output), names[id(x)])
        if new.kind != "number":  # a number has a box for each use
            known[id(x)] = new
        if isinstance(x, Tensor) and x.op:
            new.scope, new.formula = x.scope, formula(x, operand)
        return new

    for t in history(output):
        if is_literal(t) and t is not output:  # stands in the formulas
            continue
        if t.is_leaf:
            box(t)
            continue
        gradients = {g.index: g for g in t.local_gradients}
        operands = enumerate(record_of(t).operands)
        found = [(box(x), gradients.get(i)) for i, x in operands if constants or not is_literal(x)]
        target = box(t)  # behind its operands
        for source, g in found:
            arrows.append(Arrow(source, target, None if g is None else label(g, operand, with_side=True), g))
    place_leaves(arrows)
    chips = add_chips(arrows)
    place_beside(arrows)
    return [*boxes.values(), *chips], arrows


DATA = ("input", "constant")
"""The kinds of what the computation starts from and takes no derivative of, numbers apart."""


def kind_of(x: Any, output: Tensor) -> str:
    if not isinstance(x, Tensor) or not x.requires_grad:
        if is_literal(x) and x is not output:
            return "number"
        return "input" if getattr(x, "name", None) else "constant"
    if x.op is None:
        return "parameter"
    return "output" if x is output else "intermediate"


FAR = 5
"""Between uses of a leaf that are so many steps of computation apart no arrow is drawn: it would cross the picture."""


def place_leaves(arrows: Sequence[Arrow]) -> None:
    """Put leaves into the innermost scope that holds all their uses, but for an input that the computation starts from."""
    main = spine(arrows)
    for leaf, found in group_by(arrows, "source").items():
        joins = len(found) > 1 or main.get(found[0].target, True)
        if leaf.kind in ("parameter", "number") or leaf.kind in DATA and joins:
            same = takewhile(lambda names: len(set(names)) == 1, zip(*(arrow.target.scope for arrow in found)))
            leaf.scope = tuple(names[0] for names in same)


def add_chips(arrows: Sequence[Arrow]) -> list[Box]:
    """A chip ``U ↑`` for each scope but the first that a leaf is used in, and for uses far from the first: an arrow from
    the one full box would run across everything in between."""
    chips: list[Box] = []
    depth, height = depths(arrows), heights(arrows)
    for leaf, found in group_by(arrows, "source").items():
        if leaf.kind not in ("parameter", *DATA):
            continue
        here, start, scope = leaf, found[0].target, found[0].target.scope
        several = any(arrow.target.scope != scope for arrow in found)
        leaf.scope = scope if several else leaf.scope
        for arrow in found:
            far = max(abs(depth[arrow.target] - depth[start]), abs(height[arrow.target] - height[start]))
            if arrow.target.scope != scope or far > FAR:
                here, start, scope = Box(leaf.item, f"_chip_{len(chips)}", "chip", leaf.name), arrow.target, arrow.target.scope
                here.scope = scope
                chips.append(here)
            arrow.source = here
    return chips


def spine(arrows: Sequence[Arrow]) -> dict[Box, Arrow | None]:
    """The longest way to the output: the boxes that were computed on it, and the arrow to each from the one before."""
    depth, operands = depths(arrows), group_by(arrows, "target")
    found: dict[Box, Arrow | None] = {}
    box: Box | None = arrows[-1].target if arrows else None
    while box is not None:
        before = [arrow for arrow in operands[box] if arrow.source.formula]
        found[box] = max(before, key=lambda arrow: depth[arrow.source]) if before else None
        arrow = found[box]
        box = arrow.source if arrow else None
    return found


def least_ranks(arrows: Sequence[Arrow]) -> dict[Arrow, int]:
    """The least number of ranks that each arrow spans. Into a scope: one more than the longest chain inside that
    leads to its target, so that the scope begins where the one before it has ended. From a leaf with several uses:
    two, past the leaves that are used only there."""
    inside: dict[Box, int] = {}
    alone: dict[Box, bool] = {}
    uses = Counter(arrow.source for arrow in arrows)
    for arrow in arrows:
        source, target = arrow.source, arrow.target
        if source.scope == target.scope and not arrow.side:
            inside[target] = max(inside.get(target, 0), inside.get(source, 0) + 1)
            alone[target] = alone.get(target, False) or not source.formula and uses[source] == 1
    ranks = {}
    for arrow in arrows:
        source, target = arrow.source, arrow.target
        passes = not source.formula and uses[source] > 1 and alone.get(target, False)
        enters = target.scope and source.scope != target.scope[: len(source.scope)]
        ranks[arrow] = 2 if passes else inside.get(target, 0) + 1 if enters else 1
    return ranks


def depths(arrows: Sequence[Arrow]) -> dict[Box, int]:
    """The number of steps that lead to each box that was computed."""
    depth: dict[Box, int] = {}
    for arrow in arrows:  # which are in the order of creation
        depth[arrow.target] = max(depth.get(arrow.target, 0), depth.get(arrow.source, 0) + 1)
    return depth


def heights(arrows: Sequence[Arrow]) -> dict[Box, int]:
    """The number of steps that lead from each box to the output."""
    height: dict[Box, int] = {}
    for arrow in reversed(arrows):
        height[arrow.source] = max(height.get(arrow.source, 0), height.setdefault(arrow.target, 0) + 1)
    return height


def place_beside(arrows: Sequence[Arrow]) -> None:
    """Put leaves with one use to the left and the right of the box where they are used, so that the data flows through
    the middle. Where several boxes at the same height have such leaves there is no room for that."""
    uses, operands = group_by(arrows, "source"), group_by(arrows, "target")
    depth, height = depths(arrows), heights(arrows)
    planned: list[tuple[Box, list[Arrow]]] = []
    passed = set()  # by arrows from leaves that are used further on
    for target, found in operands.items():
        alone = [arrow for arrow in found if not arrow.source.formula and len(uses[arrow.source]) == 1]
        through = [arrow for arrow in found if arrow not in alone]
        if through and not any(arrow.source.formula for arrow in through):
            passed.add(target)
        through = through or [arrow for arrow in alone if arrow.source.kind in DATA]
        if any(arrow.source.kind == "number" for arrow in alone):
            through = through or [arrow for arrow in alone if arrow.source.kind == "parameter"]
        if through:
            middle = found.index(through[0])
            beside = []
            for side, candidates in (("left", found[:middle]), ("right", found[middle + 1 :])):
                for arrow in [arrow for arrow in candidates if arrow in alone][:1]:
                    arrow.side = side
                    beside.append(arrow)
            planned.append((target, beside))
    small = ("number", "chip")
    wide = [target for target, beside in planned if any(arrow.source.kind not in small for arrow in beside)]
    at: Counter[tuple[Any, ...]] = Counter(("from below", height[target]) for target in wide)
    at.update(("from above", target.scope, depth[target]) for target in wide)
    for target, beside in planned:
        crowded = target in passed or max(at["from below", height[target]], at["from above", target.scope, depth[target]]) > 1
        for arrow in beside:
            if crowded and arrow.source.kind not in small:
                arrow.side = ""
            if not arrow.source.scope:
                arrow.source.scope = arrow.target.scope


def group_by(arrows: Sequence[Arrow], end: str) -> dict[Box, list[Arrow]]:
    """The arrows that start or end at each box."""
    found: dict[Box, list[Arrow]] = {}
    for arrow in arrows:
        found.setdefault(getattr(arrow, end), []).append(arrow)
    return found


def fold_scopes(boxes: Sequence[Box], arrows: Sequence[Arrow]) -> tuple[list[Box], list[Arrow]]:
    """Each outermost scope as one box, and as arrows the Tensors that pass from one box to another. Inputs stay, and
    parameters that several scopes use are counted in the first."""
    around: dict[Box, Box] = {}
    scopes: dict[str, Box] = {}
    taken = {box.key for box in boxes}
    for box in boxes:
        if box.kind == "input":
            box.scope = ()
        if box.scope:
            title = box.scope[0]
            if title not in scopes:
                key = f"scope_{len(scopes)}"
                scopes[title] = Box([], f"_{key}" if key in taken else key, "scope", title)
            scopes[title].item.append(box)
            around[box] = scopes[title]
        else:
            around[box] = box
    passing: dict[tuple[Box, Box, Box], Arrow] = {}
    for arrow in arrows:
        source, target = around[arrow.source], around[arrow.target]
        if source is not target:
            passing[source, target, arrow.source] = Arrow(source, target, None, None, passing=arrow.source)
    return list(dict.fromkeys(around.values())), list(passing.values())


def wind(boxes: Sequence[Box], arrows: Sequence[Arrow], proportion: float) -> None:
    """Lay a long chain of boxes in rows, to the right and back to the left, so that it fits a page.

    `proportion` is the number of boxes in a row of a square picture, divided by the number of rows.
    """
    boxes = [box for i, box in enumerate(boxes) if i == 0 or box.kind not in DATA]
    inputs = [arrow for arrow in arrows if arrow.source not in boxes]
    arrows = [arrow for arrow in arrows if arrow.source in boxes]
    following = {arrow.source: arrow.target for arrow in arrows}
    pairs = {(arrow.source, arrow.target) for arrow in arrows}
    chain = [box for box in boxes if box not in following.values()][:1]
    while chain and chain[-1] in following and len(chain) <= len(boxes):  # a scope that is entered again makes cycles
        chain.append(following[chain[-1]])
    if not len(boxes) == len(chain) == len(pairs) + 1 > 12:
        return
    in_row = round((len(chain) * proportion) ** 0.5)
    place = {box: i for i, box in enumerate(chain)}
    for arrow in arrows:
        row, column = divmod(place[arrow.source], in_row)
        if column < in_row - 1:
            arrow.side = "right" if row % 2 else "left"
    for arrow in inputs:  # what joins later stands further on in the row
        if arrow.target is not chain[0]:
            arrow.side = "left" if place[arrow.target] // in_row % 2 else "right"
