"""What the pictures look like: their colours, and the lines that tell the kinds of boxes apart without colour."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple


class Look(NamedTuple):
    """The colours of one kind of box."""

    border: str
    fill: str


@dataclass(frozen=True)
class Theme:
    """The colours of a picture."""

    paper: str
    ink: str
    faint: str  # captions and arrows
    gradient: str  # everything that is a derivative
    outer_scope: str
    inner_scope: str
    parameter: Look
    input: Look
    intermediate: Look
    output: Look
    gradient_style: str = ""  # of the numbers of an adjoint, where its colour does not tell them apart

    def scope(self, nesting: int) -> str:
        """The fill of the box around boxes that is so deep inside of others."""
        return self.inner_scope if nesting % 2 else self.outer_scope

    def look(self, kind: str) -> Look:
        """The colours of a box of that kind."""
        look: Look = getattr(self, SAME_LOOK.get(kind, kind))
        return look

    def all_colours(self) -> list[str]:
        """All colours, in an order that is the same for each theme."""
        found = [getattr(self, field.name) for field in fields(self) if field.name != "gradient_style"]
        return [colour for x in found for colour in (x if isinstance(x, Look) else (x,))]


SAME_LOOK = {"constant": "input", "scope": "intermediate"}


LIGHT = Theme(
    paper="#ffffff",
    ink="#1f2328",
    faint="#6a737d",
    gradient="#b3261e",
    outer_scope="#f6f8fa",
    inner_scope="#eceff3",
    parameter=Look(border="#2f6db5", fill="#e3eefb"),
    input=Look(border="#3f8f3f", fill="#e6f4e4"),
    intermediate=Look(border="#8c959f", fill="#ffffff"),
    output=Look(border="#c77700", fill="#fff1d6"),
)
DARK = Theme(
    paper="#0d1117",
    ink="#e6edf3",
    faint="#9198a1",
    gradient="#ff9a8b",
    outer_scope="#151b23",
    inner_scope="#1f2630",
    parameter=Look(border="#58a6ff", fill="#11294a"),
    input=Look(border="#56b65c", fill="#12301a"),
    intermediate=Look(border="#6e7681", fill="#0d1117"),
    output=Look(border="#e3a03c", fill="#3a2a0b"),
)
BLACK_ON_WHITE = Look(border="#000000", fill="#ffffff")
PRINT = Theme(
    paper="#ffffff",
    ink="#000000",
    faint="#444444",
    gradient="#222222",
    outer_scope="#ffffff",
    inner_scope="#ffffff",
    parameter=BLACK_ON_WHITE,
    input=BLACK_ON_WHITE,
    intermediate=BLACK_ON_WHITE,
    output=BLACK_ON_WHITE,
    gradient_style="I",
)
THEMES = {"light": LIGHT, "dark": DARK, "print": PRINT}

DASHED = {"style": "filled,rounded,dashed"}
LINES = {
    "parameter": {"style": "filled", "penwidth": "2"},
    "input": DASHED,
    "constant": DASHED,
    "intermediate": {"style": "filled,rounded"},
    "output": {"style": "filled,rounded", "peripheries": "2"},
    "scope": {"style": "filled,rounded", "penwidth": "1.5"},
    "chip": {"style": "filled,rounded", "height": "0.1"},
}
