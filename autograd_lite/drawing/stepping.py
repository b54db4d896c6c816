"""The backward pass step by step: which adjoint is found when, from which others, and by which equation.

A step finds one adjoint, the sum over the arrows that leave its box. All it takes from further on is the
adjoints at the heads of these arrows, each found before and used again: the dynamic program, in pictures.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite.drawing.boxes import Arrow, Box
from autograd_lite.drawing.markup import clean
from autograd_lite.engine.graph import history
from autograd_lite.engine.tensor import Tensor
from autograd_lite.writing.derivation import Written, chain_rule
from autograd_lite.writing.styles import Markup

if TYPE_CHECKING:
    from autograd_lite.drawing.picture import Options
    from autograd_lite.drawing.themes import Theme


@dataclass(frozen=True)
class Frame:
    """One step of the sweep: the adjoint that is found, the boxes and arrows it is found from, and all that are known by now."""

    step: int
    line: Written | None
    box: Box | None = None  # None in the first step, which is the forward pass
    arrows: Sequence[Arrow] = ()
    used: Sequence[Box] = ()
    known: frozenset[Box] = frozenset()

    def equation(self, **markup: Any) -> str:
        """The line as markup, with the options of `Markup`."""
        if self.line is None:
            return "the forward pass has stored every value and local gradient"
        return self.line.in_style(Markup, **markup)

    def numbers(self, decimals: int, entries: int) -> str:
        """What the names of the equation stand for, line by line."""
        found = {} if self.line is None else self.line.factors
        return "\n".join(
            f"{clean(name)} = " + np.array2string(value, precision=decimals, threshold=entries, prefix=f"{clean(name)} = ")
            for name, value in found.items()
        )


def frames_of(output: Tensor, boxes: Sequence[Box], arrows: Sequence[Arrow], gradient: Any = None) -> list[Frame]:
    """The forward pass, and then the lines of the chain rule in the order in which the sweep follows them."""
    reached = set(history(output, constants=False))
    where = {box.item: box for box in boxes if isinstance(box.item, Tensor) and box.kind != "chip"}
    leaving: dict[Tensor, list[Arrow]] = {}
    for arrow in arrows:
        if arrow.gradient is not None:
            leaving.setdefault(arrow.gradient.parent, []).append(arrow)
    frames = [Frame(0, None)]
    for line in chain_rule(output, [t for t in where if t in reached], gradient):
        box = where[line.tensor]
        found = leaving.get(line.tensor, [])
        used = tuple(dict.fromkeys(arrow.target for arrow in found))
        frames.append(Frame(len(frames), line, box, found, used, frames[-1].known | {box}))
    return frames


def page(svg: str, frames: Sequence[Frame], options: Options, dark: Theme | None = None) -> str:
    """One page of HTML that holds all it needs: the picture once, and what is seen of it at each step.

    With `dark`, a reader who prefers dark colours sees the picture in those of that theme.
    """
    steps = [
        {
            "equation": frame.equation(escape=lambda words: escape(clean(words))),
            "numbers": frame.numbers(options.decimals, options.entries),
            "box": frame.box and frame.box.key,
            "arrows": [f"{arrow.source.key}->{arrow.target.key}" for arrow in frame.arrows],
            "used": [box.key for box in frame.used],
        }
        for frame in frames
    ]
    parts = files("autograd_lite.drawing") / "page"
    template, style, script = ((parts / name).read_text("utf-8") for name in ("page.html", "page.css", "page.js"))
    return Template(template).substitute(
        svg=svg[svg.index("<svg") :],
        flow="x" if options.is_sideways else "y",
        steps=json.dumps(steps).replace("<", "\\u003c"),
        colours=colour_rules(options.colours) + (dark_rules(options.colours, dark) if dark else ""),
        style=style.rstrip(),
        script=script.rstrip(),
        last=len(frames) - 1,
    )


def variables(theme: Theme) -> str:
    """The colours that page.css calls by name."""
    names = " ".join(f"--{name}: {getattr(theme, name)};" for name in ("paper", "ink", "faint", "gradient"))
    return f":root {{ {names} }}"


def colour_rules(theme: Theme) -> str:
    """A theme's variables, and what is hidden of a box until its adjoint is found: all that is a derivative."""
    hidden = ", ".join(f'.pending [{attribute}="{theme.gradient}"]' for attribute in ("fill", "stroke"))
    return f"{variables(theme)}\n{hidden} {{ visibility: hidden; }}"


def dark_rules(theme: Theme, dark: Theme) -> str:
    """The rules by which a dark theme takes the place of the one that the picture is drawn in."""
    pairs = dict(zip(theme.all_colours(), dark.all_colours()))
    rules = [f'svg [{kind}="{a}"] {{ {kind}: {b}; }}' for a, b in pairs.items() for kind in ("fill", "stroke")]
    return "\n@media (prefers-color-scheme: dark) {\n" + "\n".join([variables(dark), *rules]) + "\n}"
