"""What kind of mistake a wrong gradient holds, where its pattern is unmistakable.

A hint is a relation that holds as exactly as a right gradient has to agree: the manual gradient is the transposed
one, or the automatic one of another parameter, or the automatic one times a number. By chance, a wrong gradient
satisfies none of them. Relations that one entry alone could satisfy ask for more entries, or for a number with a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations

import numpy as np

from autograd_lite.comparing.mistakes import Recording
from autograd_lite.comparing.precision import gaps
from autograd_lite.engine.operation import broadcasts
from autograd_lite.engine.tensor import Array, Tensor

Same = Callable[[Array, Array], bool]


class Context:
    """What a hint may refer to besides the two gradients.

    Parameters
    ----------
    automatic : dict of array by str
        The automatic gradients of all parameters.
    factors : dict of float by str
        Numbers with a name.
    output : Tensor or None
        What was differentiated.
    tensors : dict of Tensor by str
        The parameters themselves, as far as they were given.
    manual : dict of array by str
        The manual gradients of all parameters.
    """

    def __init__(
        self,
        automatic: Mapping[str, Array | None],
        factors: Mapping[str, float],
        output: Tensor | None,
        tensors: Mapping[str, Tensor],
        manual: Mapping[str, Array | None] | None = None,
    ) -> None:
        self.automatic, self.manual = automatic, manual or {}
        self.recording = None if output is None else Recording(output, tensors)
        self.sizes = dict.fromkeys(self.recording.batch_sizes(), "the batch size") if self.recording else {}
        self.factors: dict[str, float] = {}
        for name, value in factors.items():
            if name == "batch size":
                self.sizes = {int(value): "the batch size"} if value else {}
            elif value and value not in (1, -1):
                self.factors[name] = float(value)

    def numbers(self) -> Iterator[tuple[float, str]]:
        """Factors that have a name, with what is wrong if the manual gradient has them too much."""
        yield -1.0, "it is −1 times the automatic one: a sign is wrong"
        yield 2.0, "it is 2 times the automatic one: there is a factor 2 too many, or the ½ in front is missing"
        yield 0.5, "it is ½ times the automatic one: a factor 2 is missing"
        for n, name in self.sizes.items():
            sum_for_mean = ": a sum for the mean" if self.recording is None or self.recording.takes_mean_of(n) else ""
            for factor, other in ((1.0, ""), (2.0, "2 times "), (0.5, "½ of "), (-1.0, "−1 times ")):
                yield factor * n, f"it is {other}{n} times the automatic one, and {n} is {name}{sum_for_mean}"
                yield factor / n, f"it is {other}1/{n} of the automatic one, and {n} is {name}: a mean for the sum"
        for name, value in self.factors.items():
            yield value, f"it is {value:g} times the automatic one, and {value:g} is the {name}"
            yield -value, f"it is −{value:g} times the automatic one, and {value:g} is the {name}: the step, not the gradient"
            yield 1 / value, f"it is the automatic one divided by {value:g}, the {name}"
        for value, words in ((4.0, "4"), (0.25, "¼"), (-2.0, "−2"), (-0.5, "−½")):
            yield value, f"it is {words} times the automatic one"


def find_hints(name: str, manual: Array, automatic: Array, context: Context, same: Same, try_mistakes: bool = True) -> list[str]:
    """What is wrong with a manual gradient that differs from the automatic one; nothing where it is not sure."""
    real = {manual.dtype.kind, automatic.dtype.kind} <= set("biuf")
    if not real or not manual.size or not automatic.size or not np.all(np.isfinite(manual)) & np.all(np.isfinite(automatic)):
        return []
    manual, automatic = (x if x.dtype.kind == "f" else x.astype(float) for x in (manual, automatic))
    if not np.any(manual):
        return ["it is 0 everywhere"] if np.any(automatic) else []
    with np.errstate(all="ignore"):
        found = list(of_the_numbers(manual, automatic, context, same))
        by_chance = not found or found[0].endswith("batch size")  # the batch may happen to be as large as a ratio
        made = [] if found else [f"it is the gradient of {other}" for other in swapped_with(name, manual, automatic, context, same)]
        if by_chance and try_mistakes and not made:
            made = list(dict.fromkeys(of_the_recording(name, manual, automatic, context, same)))
    if found:
        return [" or: ".join([*[*found[1:], *made][:1], found[0]])] if by_chance and try_mistakes else found[:1]
    if made:
        return [" or: ".join(made[:2])] if len(made) <= 3 else []
    for other, gradient in context.automatic.items():
        if other != name and gradient is not None and np.any(gradient) and same(manual, gradient):
            return [f"it is the gradient of {other}"]
    if manual.shape == automatic.shape and np.all(manual[differing(manual, automatic)] == 0):
        return ["the entries that differ are 0 in it: they were not computed, or masked"]
    return []


def swapped_with(name: str, m: Array, a: Array, context: Context, same: Same) -> Iterator[str]:
    """The names of parameters that have the gradient of this one, and it theirs."""
    for other, gradient in context.automatic.items():
        theirs = context.manual.get(other)
        if other != name and gradient is not None and theirs is not None and same(m, gradient) and same(theirs, a):
            yield other


def of_the_numbers(m: Array, a: Array, context: Context, same: Same) -> Iterator[str]:
    """Relations that need nothing but the gradients."""
    if m.shape != a.shape:
        yield from of_the_shape(m, a, same)
        return
    if not np.any(a):
        return
    yield from multiple(m, a, context, same)
    if m.ndim == 2 and m.shape[0] == m.shape[1] and m.size > 1:
        if same(m.T, a):
            yield "it is the automatic one transposed"
        yield from (f"transposed, {words}" for words in multiple(m.T, a, context, same))


def differing(m: Array, a: Array) -> Array:
    """A mask of the entries that make up the difference: those that differ by more than a millionth of the largest
    difference."""
    *_, gap = gaps(m, a)
    return np.asarray(gap > 1e-6 * np.max(gap))


def of_the_shape(m: Array, a: Array, same: Same) -> Iterator[str]:
    """The same values in another shape, or a sum over an axis that is missing."""
    if m.ndim == 2 and m.T.shape == a.shape and same(m.T, a):
        yield "it is the automatic one transposed"
    elif m.size == a.size and same(m.reshape(a.shape), a):
        yield f"it has the right values in another shape: reshape it to {a.shape}"
    if m.size < a.size and broadcasts(m.shape, a.shape):
        return
    for count in range(1, m.ndim + 1):
        for axes in combinations(range(m.ndim), count):
            total = np.sum(m, axis=axes, keepdims=True)
            if total.size != a.size or total.size == m.size:
                continue
            over = "over all axes" if count == m.ndim else f"over axis {axes[0]}" if count == 1 else f"over axes {axes}"
            if same(total.reshape(a.shape), a):
                yield f"it is not summed {over}"
            elif same((total / (m.size / total.size)).reshape(a.shape), a):
                yield f"the mean {over} is missing"
    if a.size > m.size:
        for axis in range(a.ndim):
            total = np.sum(a, axis=axis, keepdims=True)
            if total.size == m.size and same(m, total.reshape(m.shape)):
                yield f"it is summed over axis {axis}, which belongs to the parameter"


def multiple(m: Array, a: Array, context: Context, same: Same) -> Iterator[str]:
    """Whether the manual gradient is a number times the automatic one."""
    at = np.unravel_index(np.argmax(np.abs(a)), a.shape)
    ratio = float(np.real(m[at] / a[at]))
    if not ratio or not np.isfinite(ratio) or ratio == 1:
        return
    for factor, words in context.numbers():
        if np.isclose(ratio, factor, rtol=1e-3, atol=0) and same(m / factor, a):
            yield words
            return
    if np.count_nonzero(a) >= 3 and abs(ratio - 1) > 1e-6 and same(m / ratio, a):
        n = round(1 / ratio)
        share = f"1/{n} of" if n > 1 and abs(ratio * n - 1) < 1e-9 else f"{ratio:.6g} times"
        yield f"it is {share} the automatic one, in every entry"


def of_the_recording(name: str, m: Array, a: Array, context: Context, same: Same) -> Iterator[str]:
    """Mistakes that, made in the sweep over the recording, give the manual gradient."""
    if context.recording is not None:
        rate, by_name = context.factors.get("learning rate"), context.recording.by_name
        updated = {
            w: by_name[w].data - rate * g for w, g in context.automatic.items()
            if rate is not None and w in by_name and g is not None and by_name[w].shape == g.shape
        }  # fmt: skip
        yield from context.recording.mistakes(name, m, a, updated, same)
