"""The boxes and arrows that a picture of a computation graph consists of, before anything is drawn.

An arrow points the way the data flows, from an operand to the result, and bears the local gradient that the
sweep multiplies by on its way back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from autograd_lite.engine.graph import history, recorded
from autograd_lite.engine.local_gradient import LocalGradient
from autograd_lite.engine.tensor import Tensor
from autograd_lite.writing.formulas import Formula, Symbol
from autograd_lite.writing.naming import dressed, is_number, items, readable_names, shape_of, times_ten_to
from autograd_lite.writing.terms import formula, label, operand_named


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
        parameter, input, number, intermediate, output or scope.
    name : str
        In mathematical dress.
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
    symbol: Formula | None  # None for an operand that no derivative is taken of
    gradient: LocalGradient | None
    side: str = ""  # left or right, if the operand stands beside the result


def collect(output: Tensor, *, constants: bool = False) -> tuple[list[Box], list[Arrow], dict[int, str]]:
    """The boxes and arrows of the history of `output`, in the order of creation, and the names in their formulas."""
    names = readable_names(output)
    boxes: dict[str, Box] = {}
    known: dict[int, Box] = {}
    arrows: list[Arrow] = []

    def power_of_ten(name: str) -> str:
        return re.sub("e([+−][0-9]+)$", lambda power: times_ten_to(int(power[1].replace("−", "-"))), name)

    numbers = {id(x): power_of_ten(names[id(x)]) for x in items(output) if is_number(x)}

    def operand(x: Any) -> Formula:
        return operand_named(x, numbers if id(x) in numbers else names)

    def box(x: Any) -> Box:
        if id(x) in known:
            return known[id(x)]
        key = names[id(x)]
        if key in boxes or not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", key):
            key = f"_{len(boxes)}"
        boxes[key] = new = Box(x, key, kind_of(x, output), numbers.get(id(x)) or dressed(names[id(x)]))
        if new.kind != "number":  # a number has a box for each use
            known[id(x)] = new
        if isinstance(x, Tensor) and x.op:
            new.scope, new.formula = x.scope, formula(x, operand)
        return new

    for t in history(output):
        found = []
        if t.is_leaf:
            box(t)
            continue
        gradients = {g.index: g for g in t.local_gradients}
        for i, x in enumerate(recorded(t).operands):
            if constants or not is_number(x):
                gradient = gradients.get(i)
                symbol = None if gradient is None else label(gradient, operand, with_side=True)
                found.append((box(x), symbol, gradient))
        target = box(t)
        arrows += [Arrow(source, target, symbol, gradient) for source, symbol, gradient in found]
    place_leaves(arrows)
    return list(boxes.values()), arrows, names


def kind_of(x: Any, output: Tensor) -> str:
    if not isinstance(x, Tensor) or not x.requires_grad:
        return "number" if is_number(x) and x is not output else "input"
    if x.op is None:
        return "parameter"
    return "output" if x is output else "intermediate"


def place_leaves(arrows: Sequence[Arrow]) -> None:
    """Put parameters and numbers into the innermost scope that holds all their uses, and leaves with one
    use to the left and the right of the box where they are used, so that the data flows through the middle."""
    uses: dict[Box, list[Arrow]] = {}
    operands: dict[Box, list[Arrow]] = {}
    for arrow in arrows:
        uses.setdefault(arrow.source, []).append(arrow)
        operands.setdefault(arrow.target, []).append(arrow)
    for leaf, found in uses.items():
        if leaf.kind in ("parameter", "number"):
            same = takewhile(lambda names: len(set(names)) == 1, zip(*(arrow.target.scope for arrow in found)))
            leaf.scope = tuple(names[0] for names in same)
    for target, found in operands.items():
        alone = [arrow for arrow in found if not arrow.source.formula and len(uses[arrow.source]) == 1]
        through = [arrow for arrow in found if arrow not in alone]
        through = through or [arrow for arrow in alone if arrow.source.kind == "input"]
        if any(arrow.source.kind == "number" for arrow in alone):
            through = through or [arrow for arrow in alone if arrow.source.kind == "parameter"]
        if through:
            middle = found.index(through[0])
            for side, candidates in (("left", found[:middle]), ("right", found[middle + 1 :])):
                for arrow in [arrow for arrow in candidates if arrow in alone][:1]:
                    arrow.side, arrow.source.scope = side, target.scope


def folded(boxes: Sequence[Box], arrows: Sequence[Arrow]) -> tuple[list[Box], list[Arrow]]:
    """Each outermost scope as one box, and as arrows the Tensors that pass from one box to another."""
    around: dict[Box, Box] = {}
    scopes: dict[str, Box] = {}
    for box in boxes:
        if box.scope:
            title = box.scope[0]
            scope = scopes.setdefault(title, Box([], f"scope_{len(scopes)}", "scope", title))
            scope.item.append(box)
            around[box] = scope
        else:
            around[box] = box
    passing: dict[tuple[Box, Box, Box], Arrow] = {}
    for arrow in arrows:
        source, target = around[arrow.source], around[arrow.target]
        if source is not target:
            caption = f"{arrow.source.name}   {shape_of(arrow.source.item)}"
            symbol = Symbol(caption) if source.kind == "scope" else None
            passing[source, target, arrow.source] = Arrow(source, target, symbol, None)
    return list(dict.fromkeys(around.values())), list(passing.values())


def wind(boxes: Sequence[Box], arrows: Sequence[Arrow], upright: bool) -> None:
    """Lay a long chain of boxes in rows, to the right and back to the left, so that it fits a page.

    The rows are `upright` where the data flows to the side. Then more boxes, which are wide, make up one.
    """
    following = {arrow.source: arrow.target for arrow in arrows}
    pairs = {(arrow.source, arrow.target) for arrow in arrows}
    chain = [box for box in boxes if box not in following.values()][:1]
    while chain and chain[-1] in following and len(chain) <= len(boxes):  # a scope that is entered again makes cycles
        chain.append(following[chain[-1]])
    if not len(boxes) == len(chain) == len(pairs) + 1 > 12:
        return
    in_row = round((len(chain) * (2 if upright else 0.28)) ** 0.5)
    place = {box: i for i, box in enumerate(chain)}
    for arrow in arrows:
        row, column = divmod(place[arrow.source], in_row)
        if column < in_row - 1:
            arrow.side = "right" if row % 2 else "left"
