"""Where a derivation goes wrong: its intermediate quantities, one by one, against the adjoints of the sweep.

A derivation by hand goes the way of the sweep, from the cost backward. So the first quantity that is wrong, in the
order in which the sweep completes adjoints, is where the mistake is; and whether a later one is wrong in itself shows
when its step is made from the derivation's own values instead of the right ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autograd_lite.comparing import report
from autograd_lite.comparing.comparison import (
    Comparison, Row, Yardstick, by_path, compare_arrays, gradient_as_array, refuse_tolerances,
)  # fmt: skip
from autograd_lite.comparing.hints import Context, find_hints
from autograd_lite.comparing.kinks import Kinks
from autograd_lite.comparing.mistakes import arrows_between, chains, sweep_to
from autograd_lite.engine.derivatives import gradients
from autograd_lite.engine.graph import birth, between, history, record_of
from autograd_lite.engine.tensor import Array, Tensor

written_line: Callable[[Tensor, Tensor], str] = lambda output, x: x.describe()
"""Writes the line of the chain rule for an adjoint. This room knows no notation: the face of the package hands it over."""


# Names ----------------------------------------------------------------------------------------------------


def named(tensors: Mapping[str, Any] | None = None, /, **more: Any) -> dict[str, Tensor]:
    """Name Tensors after the variables that hold them, all at once.

    Parameters
    ----------
    tensors : dict, optional
        Such as ``locals()``. What is not a Tensor is passed over; the Tensors of a list `h` are called ``h[0]``, ``h[1]``.
    **more : Tensor, or list or dict of them
        The same by keyword.

    Returns
    -------
    dict of Tensor by str
        All Tensors that were found, by name. One that has a name already keeps it.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> def forward(w, x):
    ...     z = w @ x
    ...     a = ag.sigmoid(z)
    ...     C = (a**2).sum()
    ...     ag.named(locals())
    ...     return C
    >>> w = ag.Tensor([[1.0, 2.0]], requires_grad=True)
    >>> print(ag.chain_rule(forward(w, ag.Tensor([[3.0], [4.0]])), w).steps[-1])
    ∂C/∂w = ∂C/∂z (x)ᵀ
    """
    if not isinstance(tensors, Mapping | None):
        raise TypeError(f"named takes a dict of Tensors by name, such as locals(), not {type(tensors).__name__}")
    found: dict[str, Tensor] = {}
    for given in (tensors or {}, more):
        for key, value in given.items():
            if not isinstance(value, (Tensor, list, tuple, dict)):
                continue
            for path, x in by_path(value, str(key)).items():
                if isinstance(x, Tensor):
                    found[path] = x
                    if x.name is None:
                        x.name = path
    return found


BEFORE = [re.compile(p) for p in (r"∂\w*/∂", r"d\w+[_/]d_?", r"(?:grad|g|delta|δ|adjoint)_", r"d_?", r"δ|delta|grad")]
"""What stands before the name of a Tensor in the name of its adjoint, the longest first."""
AFTER = re.compile(r"(?:_grad|_bar|_adjoint|\.grad)$")
AS_GOOD = "follows from the slope that was taken at a kink before it, and is as good"
LAYER = re.compile(r"(?:delta|δ|d)_?\[?([0-9]+|L)\]?")


def find_meant(key: str, named_tensors: Mapping[str, Tensor]) -> list[tuple[str, Tensor]]:
    """The Tensors whose adjoint a quantity called `key` may be: ``dz2``, ``∂C/∂z2``, ``dC_dz2``, ``z2``, ``delta2``.

    δ2 is ∂C/∂a2 in the chapter and ∂C/∂z2 with Nielsen.
    """
    plain = {name.casefold(): name for name in named_tensors}

    def find(name: str) -> str | None:
        return name if name in named_tensors else plain.get(name.casefold())

    candidates = [AFTER.sub("", key)] if AFTER.search(key) else []
    candidates += [key[match.end() :] for pattern in BEFORE if (match := pattern.match(key))]
    candidates.append(key)
    for candidate in candidates:
        name = find(candidate)
        if name is not None:
            return [(name, named_tensors[name])]
    layer = LAYER.fullmatch(key)
    names = [find(f"{letter}{layer[1]}") for letter in "az"] if layer else []
    return [(name, named_tensors[name]) for name in names if name is not None]


# The comparison -------------------------------------------------------------------------------------------


class StepComparison(Comparison):
    """The result of `compare_steps`: a row for each quantity, in the order of the sweep.

    Attributes
    ----------
    first_wrong : str or None
        The first quantity that is wrong: there is the mistake.
    lines : dict of str by str
        The chain rule's line for each quantity that is wrong in itself.
    follows : dict of bool by str
        For each wrong quantity, whether it follows from the wrong ones before it.
    unknown : tuple of str
        What was not compared, since no Tensor is called so.
    """

    def __init__(self, rows: Sequence[Row], lines: Mapping[str, str], unknown: Sequence[str]) -> None:
        super().__init__(rows)
        self.lines = dict(lines)
        self.follows = {row.name: bool(row.follows) for row in rows if not row.approximate}
        self.unknown = tuple(unknown)
        self.first_wrong = next(iter(self.follows), None)

    def verdict(self) -> str:
        verdict = super().verdict()
        if self.first_wrong is not None:
            verdict += f"; the first wrong step is {self.first_wrong}"
        if self.unknown:
            verdict += f"; not compared, since no Tensor that requires a gradient is called so: {', '.join(self.unknown)}"
        return verdict

    def to_dict(self) -> dict[str, Any]:
        return super().to_dict() | {
            "first_wrong": self.first_wrong, "lines": self.lines, "follows": self.follows, "unknown": list(self.unknown)
        }  # fmt: skip


def compare_steps(
    manual_steps: Mapping[Any, Any], output: Tensor, *, rtol: float | None = None, atol: float | None = None
) -> StepComparison:
    """Find the step at which a derivation by hand goes wrong.

    Parameters
    ----------
    manual_steps : dict of array_like, nested or not
        The quantities of the derivation by name. ``dz2``, ``∂C/∂z2``, ``dC_dz2``, ``grad_z2``, ``z2_grad`` and ``z2`` are
        compared with the adjoint of the Tensor called z2; ``delta2`` and ``δ2`` with that of a2 or of z2, whichever it
        is nearer to, since books differ. A Tensor may be a key itself. `named` names Tensors. ``locals()`` will do: what
        is no adjoint is passed over.
    output : Tensor
        What is differentiated: one number.
    rtol, atol : float, optional
        As in `compare`.

    Returns
    -------
    StepComparison
        True if all agree. Printed, the first wrong step is named with the chain rule's line for it, and of the later
        ones it is said whether they are wrong in themselves or follow from it. Samples may be rows or columns. Where an
        operation has a kink, as relu has at 0, its slopes on both sides and those between are as good; a note says so.

    Raises
    ------
    TypeError
        If `output` is not a Tensor, or `manual_steps` not a dict.
    ValueError
        If no Tensor in the history of the output has a name that is asked for, or several have it.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> import numpy as np
    >>> w, x = ag.Tensor([[1.0, 2.0]], requires_grad=True), ag.Tensor([[3.0], [-1.0]])
    >>> z = w @ x
    >>> a = ag.sigmoid(z)
    >>> C = ((a - 1.0) ** 2).sum() / 2
    >>> names = ag.named(locals())
    >>> da = a.data - 1.0
    >>> dz = da * a.data  # a factor 1 − a is missing
    >>> ag.compare_steps({"da": da, "dz": dz, "dw": dz @ x.data.T}, C)
    name  shape   exact  approximate   max abs   max rel      ulps
    da    (1, 1)  yes    yes                 0         0         0
    dz    (1, 1)  no     no           1.44e-01  7.31e-01  5.18e+15
    dw    (1, 2)  no     no           4.31e-01  7.31e-01  3.88e+15
    dz: manual -0.196612, automatic -0.0528771
       → σ(z) = a stands in place of the derivative σ'(z)
       → wrong in itself; right is ∂C/∂z = ∂C/∂a ⊙ σ'(z)
    dw: follows from dz
    2 of 3 differ; the first wrong step is dz
    """
    if not isinstance(output, Tensor):
        raise TypeError(f"output is the Tensor that is differentiated, not {type(output).__name__}")
    if not isinstance(manual_steps, Mapping):
        raise TypeError(f"manual_steps is a dict of arrays by name, not {type(manual_steps).__name__}")
    refuse_tolerances(rtol, atol)
    nodes = history(output, constants=False)
    automatic, manual, tensors, unknown = match_steps(manual_steps, output, nodes)
    yardstick = Yardstick.of(list(automatic.values()), rtol, atol)
    leaves = {x.name or name: automatic[name] for name, x in tensors.items() if x.is_leaf}
    context = Context(leaves, {}, output, tensors)

    rows: list[Row] = []
    lines: dict[str, str] = {}
    wrong: list[str] = []
    other_slopes: list[str] = []  # those that are right with another slope at a kink
    kinks = Kinks(output)
    for name in sorted(manual, key=lambda name: order_of_completion(tensors[name], output, nodes), reverse=True):
        row, x = compare_arrays(name, manual[name], automatic[name], yardstick), tensors[name]
        if not row.approximate:
            region = between(output, [x])
            before = [other for other in wrong + other_slopes if tensors[other] in region and tensors[other] is not x]
            misshapen = [other for other in before if manual[other].shape != tensors[other].shape]
            given = {tensors[other]: manual[other] for other in before if other not in misshapen}
            before = [other for other in before if other in wrong]
            arrows = arrows_between(nodes, region)
            expected = sweep_to(output, x, arrows, given=given) if given else automatic[name]
            same = expected is not None and yardstick.same(manual[name], expected)
            at_kink = "" if misshapen or same else kinks.explain(manual[name], x, arrows, yardstick.same, given)
            if misshapen:
                row = replace(row, notes=(*row.notes, f"comes after {misshapen[0]}, which has another shape"))
            elif same or at_kink:
                notes = (*row.notes, at_kink) if at_kink else row.notes
                if before:
                    row = replace(row, follows=nearest(before, tensors, output), notes=notes)
                else:
                    row = replace(row, approximate=True, notes=notes or (AS_GOOD,))
                    other_slopes.append(name)
            else:
                lines[name] = line_for(x, output, nodes)
                words = "wrong in itself" + (", whatever came before" if before else "")
                row = replace(row, notes=(*row.notes, f"{words}; right is {lines[name]}"))
                if expected is not None:  # after another mistake, the recording knows too little
                    found = find_hints(name, manual[name], expected, context, yardstick.same, not given)
                    own = "what the steps before it give"
                    row = replace(row, hints=tuple(h.replace("the automatic one", own) if given else h for h in found))
            if not row.approximate:
                wrong.append(name)
        rows.append(row)
    return StepComparison(rows, lines, unknown)


def match_steps(
    manual_steps: Mapping[Any, Any], output: Tensor, nodes: Sequence[Tensor]
) -> tuple[dict[str, Array], dict[str, Array], dict[str, Tensor], list[str]]:
    """The adjoints, the quantities and the Tensors by the name of the quantity; the names that are nobody's."""
    bearers: dict[str, list[Tensor]] = {}
    for node in nodes:
        if node.name:
            bearers.setdefault(node.name, []).append(node)
    by_name = {name: found[-1] for name, found in bearers.items()}
    tensors: dict[str, Tensor] = {}
    manual: dict[str, Array] = {}
    unknown: list[str] = []
    choices: dict[str, list[tuple[str, Tensor]]] = {}
    for key, value in manual_steps.items():
        x = by_name.get(key)
        if x is not None and (value is x or isinstance(value, np.ndarray) and np.array_equal(value, x.data)):
            continue  # not its adjoint but the thing itself, among all that locals() holds
        if isinstance(key, Tensor):
            if key not in set(nodes):
                raise ValueError(f"{key.describe()} is not in the history of the output")
            name = key.name or f"the adjoint of '{key.op}'"
            choices[name] = [(name, key)]
            manual[name] = step_as_array(key.describe(), value)
            continue
        for path, leaf in by_path({key: value}).items():
            found = find_meant(path, by_name)
            if not found:
                unknown.append(path)
                continue
            if len(bearers[found[0][0]]) > 1:
                raise ValueError(
                    f"{len(bearers[found[0][0]])} Tensors are called {found[0][0]}, so it is not clear which {path} belongs "
                    "to; keep them in a list h, and name them with named(h=h): h[0], h[1], ..."
                )
            manual[path] = step_as_array(path, leaf)
            choices[path] = found
    if not manual:
        known = ", ".join(by_name) or "none: name them with named(locals())"
        asked = f"{', '.join(unknown)} belongs to no named Tensor that requires a gradient" if unknown else "manual_steps is empty"
        raise ValueError(f"nothing to compare: {asked}; the names in the history of the output are {known}")
    wanted = list(dict.fromkeys(x for found in choices.values() for _, x in found))
    adjoints = dict(zip(wanted, gradients(output, wanted)))
    automatic = {}
    for name, found in choices.items():
        _, tensors[name] = min(found, key=lambda choice: unlike(manual[name], adjoints[choice[1]]))
        automatic[name] = adjoints[tensors[name]]
    return automatic, manual, tensors, unknown


def step_as_array(name: str, x: Any) -> Array:
    array = gradient_as_array("manual", name, x)
    if array is None:
        raise ValueError(f"the step {report.printable(name)} is None")
    return array


def unlike(manual: Array, adjoint: Array) -> float:
    """How little the direction of one is that of the other; a factor or a sign does not matter."""
    if manual.shape != adjoint.shape:
        return 2.0
    sizes = float(np.linalg.norm(manual) * np.linalg.norm(adjoint))
    return 1 - abs(float(np.sum(manual * adjoint))) / sizes if sizes > 0 else 1.0


def order_of_completion(x: Tensor, output: Tensor, nodes: Sequence[Tensor]) -> tuple[int, int]:
    """When the sweep has completed the adjoint of x: at the oldest Tensor that was computed from it. The lower, the later."""
    uses = [birth(t) for t in nodes if t.op is not None and any(x is operand for operand in record_of(t).operands)]
    return (min(uses, default=birth(output) + 1), birth(x))


def nearest(before: Sequence[str], tensors: Mapping[str, Tensor], output: Tensor) -> tuple[str, ...]:
    """Of the wrong steps before another, those without a third one in between."""
    passed = {x for name in before for x in between(output, [tensors[name]]) if x is not tensors[name]}
    return tuple(name for name in before if tensors[name] not in passed)


def line_for(x: Tensor, output: Tensor, nodes: Sequence[Tensor]) -> str:
    """The chain rule's line for the adjoint of x, in terms of those that have a name."""
    for chain in chains(arrows_between(nodes, between(output, [x]))):
        if chain.operand is x:
            of = output.name or "C"
            return f"∂{of}/∂{x.name} = ∂{of}/∂{chain.result.name} ⊙ {chain.label()}"
    return str(written_line(output, x))
