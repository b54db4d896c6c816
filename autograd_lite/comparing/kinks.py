"""Where there is no derivative: kinks, the slopes on both sides of them, and what is as good as a derivative there.

At a kink that is hit exactly, as relu's is by a sample of zeros without biases, a derivation takes the slope of one side
and the engine that of another or what lies between. Neither is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autograd_lite.comparing.mistakes import Change, Mistake, Recording, arrows_between, name_of, sweep_to
from autograd_lite.comparing.numerical import Point
from autograd_lite.comparing.places import words_for_mask
from autograd_lite.comparing.precision import widen
from autograd_lite.engine.graph import between, record_of
from autograd_lite.engine.local_gradient import LocalGradient
from autograd_lite.engine.operation import is_elementwise, sum_to
from autograd_lite.engine.tensor import Array, Tensor


def stay_apart(slopes: Array) -> Array:
    """Where slopes below and above differ however close one looks; they are of shape (3, 2, ...), the closest last."""
    with np.errstate(all="ignore"):
        jumps, size = slopes[:, 1] - slopes[:, 0], np.max(np.abs(slopes), axis=(0, 1))
        last = np.abs(jumps[2])
        return np.asarray(np.isfinite(size) & (last > 1e-6 * size) & (np.ptp(jumps, axis=0) < 0.1 * last))


def kink(point: Point, i: int, of_value: tuple[int, ...], of_argument: tuple[int, ...]) -> tuple[float, float] | None:
    """The slopes of a function below and above, if they are not the same however close one looks."""
    wide = point.widen()
    middle = point.evaluate(wide)[of_value]

    def slopes(h: float) -> tuple[float, float]:
        ends = []
        for s in (-1, 1):
            moved = [x.copy() for x in wide]
            moved[i][of_argument] += s * h
            ends.append(s * (point.evaluate(moved)[of_value] - middle) / h + 0.0)  # without −0
        return float(ends[0]), float(ends[1])

    scale = max(1.0, abs(float(wide[i][of_argument])))
    with np.errstate(all="ignore"):
        pairs = [slopes(scale * 2.0**-k) for k in (10, 14, 18)]
    return pairs[2] if stay_apart(np.array(pairs)) else None


# In a recording -------------------------------------------------------------------------------------------

Slopes = tuple[Array, Array, Array]


def slopes_beside(g: LocalGradient) -> Slopes | None:
    """Where an elementwise operation has a kink, and its slopes below and above, by entries of the result; None if nowhere."""
    operation, operands, _, settings = record_of(g.output)
    if not is_elementwise(g) or {g.parent.dtype.kind, g.output.dtype.kind} != {"f"}:
        return None
    arrays = [x.data if isinstance(x, Tensor) else x for x in operands]
    wide = [widen(x) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x for x in arrays]
    unit = np.where(wide[g.index] == 0, 1.0, np.abs(wide[g.index]))

    def slope(h: float) -> Array:
        moved = [x + h * unit if i == g.index else x for i, x in enumerate(wide)]
        value = operation.rules[g.index](*moved, operation.forward(*moved, **settings), **settings)
        return np.broadcast_to(np.asarray(value, float), g.output.shape)

    try:
        with np.errstate(all="ignore"):
            slopes = np.array([[slope(-(2.0**-k)), slope(2.0**-k)] for k in (36, 40, 44)])
    except (TypeError, ValueError):  # a rule of somebody's own may not take float64, or be complex
        return None
    mask = stay_apart(slopes)
    return (mask, slopes[2, 0], slopes[2, 1]) if mask.any() else None


class Kinks:
    """The kinks of the operations of a recording."""

    def __init__(self, output: Tensor) -> None:
        self.output = output
        self.known: dict[tuple[Tensor, int], Slopes | None] = {}

    def of(self, g: LocalGradient) -> Slopes | None:
        key = g.output, g.index
        if key not in self.known:
            self.known[key] = slopes_beside(g)
        return self.known[key]

    def of_met(self, g: LocalGradient) -> Slopes:
        """The same for one that has a kink."""
        slopes = self.of(g)
        assert slopes is not None
        return slopes

    def explain(
        self,
        m: Array,
        x: Tensor,
        arrows: Sequence[LocalGradient],
        same: Callable[[Array, Array], bool],
        given: Mapping[Tensor, Array] | None = None,
    ) -> str:
        """What is to be said if `m` is the adjoint of `x` with other slopes at kinks; nothing if it is not.

        At the kinks that x itself is at, any slope between will do; at those further on, that of one side or the middle
        of both.
        """
        met = {i: g for i, g in enumerate(arrows) if self.of(g) is not None}
        its_own = {i: g for i, g in met.items() if g.parent is x}
        for chosen in (its_own, met):
            if chosen and m.shape == x.shape:
                ways = [Mistake("", frozenset(chosen), self.take(share)) for share in (0.0, 0.5, 1.0)]
                found = [g for way in ways if (g := sweep_to(self.output, x, arrows, way, given)) is not None]
                between_them = [np.clip(m, np.min(found, axis=0), np.max(found, axis=0))] if found and chosen is its_own else []
                if any(same(m, g) for g in [*found, *between_them]):
                    return self.note(next(iter(chosen.values())))
        return ""

    def take(self, share: float) -> Change:
        """The slope that lies by `share` of the way from that below to that above, where there is a kink."""

        def change(g: LocalGradient, u: Any) -> Any:
            mask, below, above = self.of_met(g)
            there = sum_to(np.where(mask, u * (below + share * (above - below)), 0.0), g.parent.shape)
            return g.pull(np.where(mask, np.zeros((), u.dtype), u)) + there.astype(g.parent.dtype)

        return change

    def note(self, g: LocalGradient) -> str:
        mask, below, above = self.of_met(g)
        where = f", {words_for_mask(mask)}" if mask.size > 1 else ""
        return (
            f"{g.output.op} has a kink at {name_of(g.parent)}{where}: its slope is {below[mask][0]:.6g} below and "
            f"{above[mask][0]:.6g} above, and any between is as good"
        )


def explain_by_kinks(kinks: Kinks, recording: Recording, name: str, m: Array, same: Callable[[Array, Array], bool]) -> str:
    """What `Kinks.explain` says about the gradient of a parameter."""
    x = recording.by_name.get(name)
    if x is None:
        return ""
    return kinks.explain(m, x, arrows_between(recording.nodes, between(kinks.output, [x])), same)
