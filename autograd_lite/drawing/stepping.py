"""The backward pass step by step: which adjoint is found when, from which others, and by which equation.

A step finds one adjoint, the sum over the arrows that leave its box. All it takes from further on is the
adjoints at the heads of these arrows, each found before and used again: the dynamic program, in pictures.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from string import Template
from typing import TYPE_CHECKING, Any

from autograd_lite.drawing.boxes import Arrow, Box
from autograd_lite.writing.derivation import Written, chain_rule
from autograd_lite.writing.styles import Markup
from autograd_lite.engine.graph import history
from autograd_lite.engine.tensor import Tensor

if TYPE_CHECKING:
    from autograd_lite.drawing.picture import Theme


def clean(words: str) -> str:
    """`words` without what no svg may hold, control characters and halves of characters; between marks of direction
    if any run from right to left, so that what stands around them still runs to the right."""
    words = words.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
    words = re.sub("[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", words)
    mark = "\u200e" * any(unicodedata.bidirectional(c) in ("R", "AL") for c in words)
    return f"{mark}{words}{mark}"


@dataclass(frozen=True)
class Step:
    """The adjoint that is found, the boxes and arrows it is found from, and all that are known by now."""

    number: int
    line: Written | None
    box: Box | None = None  # None in the first step, which is the forward pass
    arrows: Sequence[Arrow] = ()
    used: Sequence[Box] = ()
    known: frozenset[Box] = frozenset()

    def equation(self, **markup: Any) -> str:
        """The line as markup, with the options of `Markup`."""
        if self.line is None:
            return "the forward pass has stored every value and local gradient"
        return self.line.printed(Markup, **markup)


def steps_of(output: Tensor, boxes: Sequence[Box], arrows: Sequence[Arrow], gradient: Any = None) -> list[Step]:
    """The forward pass, and then the lines of the chain rule in the order in which the sweep follows them."""
    reached = set(history(output, constants=False))
    where = {box.item: box for box in boxes if isinstance(box.item, Tensor) and box.kind != "chip"}
    leaving: dict[Tensor, list[Arrow]] = {}
    for arrow in arrows:
        if arrow.gradient is not None:
            leaving.setdefault(arrow.gradient.parent, []).append(arrow)
    steps = [Step(0, None)]
    for line in chain_rule(output, [t for t in where if t in reached], gradient):
        box = where[line.tensor]
        found = leaving.get(line.tensor, [])
        used = tuple(dict.fromkeys(arrow.target for arrow in found))
        steps.append(Step(len(steps), line, box, found, used, steps[-1].known | {box}))
    return steps


def page(svg: str, steps: Sequence[Step], theme: Theme) -> str:
    """One page of HTML that holds all it needs: the picture once, and what is seen of it at each step."""
    keys = [
        {
            "equation": step.equation(quoted=lambda words: escape(clean(words))),
            "box": step.box and step.box.key,
            "arrows": [f"{arrow.source.key}->{arrow.target.key}" for arrow in step.arrows],
            "used": [box.key for box in step.used],
        }
        for step in steps
    ]
    return PAGE.substitute(
        svg=svg[svg.index("<svg") :],
        steps=json.dumps(keys),
        paper=theme.paper,
        ink=theme.ink,
        faint=theme.faint,
        gradient=theme.gradient,
        last=len(steps) - 1,
    )


PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>Backpropagation, step by step</title>
<style>
  body { margin: 0; height: 100vh; display: flex; flex-direction: column; align-items: center;
    background: $paper; color: $ink; font-family: "STIX Two Text", "Times New Roman", Times, serif; }
  svg { flex: 1; min-height: 0; width: 100%; }
  #equation { font-size: 1.5rem; font-style: italic; margin: .3rem 1rem; min-height: 1.5em; text-align: center; }
  label { display: flex; gap: 1rem; align-items: center; width: min(40rem, 90%); padding-bottom: .8rem; color: $faint; }
  input { flex: 1; accent-color: $gradient; }
  .pending [fill="$gradient"], .pending [stroke="$gradient"] { visibility: hidden; }
  .used > title + * { stroke: $gradient; }
  .found > title + * { stroke: $gradient; stroke-width: 3; }
  .edge.used path { stroke: $gradient; stroke-width: 2; }
  .edge.used path + polygon { stroke: $gradient; fill: $gradient; }
</style>
<body>
$svg
<div id="equation" aria-live="polite"></div>
<label>step <output></output><input type="range" min="0" max="$last" value="0"> ← →</label>
<script type="application/json" id="steps">$steps</script>
<script>
  const steps = JSON.parse(document.getElementById("steps").textContent);
  const slider = document.querySelector("input");
  const parts = [...document.querySelectorAll("g.node, g.edge")].map(g => [g, g.querySelector("title").textContent]);
  function show() {
    const now = Number(slider.value), step = steps[now];
    const later = new Set(steps.slice(now + 1).map(s => s.box));
    for (const [g, key] of parts) {
      g.classList.toggle("pending", later.has(key));
      g.classList.toggle("found", step.box === key);
      g.classList.toggle("used", step.used.includes(key) || step.arrows.includes(key));
    }
    document.getElementById("equation").innerHTML = step.equation;
    document.querySelector("output").textContent = now + " of " + (steps.length - 1);
  }
  slider.addEventListener("input", show);
  document.addEventListener("keydown", event => {
    const to = { ArrowRight: +slider.value + 1, ArrowLeft: +slider.value - 1, Home: 0, End: steps.length }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    slider.value = to;
    show();
  });
  slider.value = Number(location.hash.slice(1)) || 0;
  show();
</script>
</body>
</html>
""")
