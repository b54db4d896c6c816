"""One right derivation by hand and three wrong ones, each held against the automatic gradients, which say where it went wrong.

    python examples/compare_gradients.py
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from common import parse, parser

import autograd_lite as ag

RIGHT = """\
da2 = a2 - y
dz2 = da2 * a2 * (1 - a2)
dw2 = dz2 @ a1.T
db2 = dz2.sum(axis=1, keepdims=True)
da1 = w2.T @ dz2
dz1 = da1 * a1 * (1 - a1)
dw1 = dz1 @ x.T
db1 = dz1.sum(axis=1, keepdims=True)
"""

DERIVATIONS = {
    "The right one": RIGHT,
    "A step left out": RIGHT.replace("dz2 = da2 * a2 * (1 - a2)", "dz2 = da2"),
    "A matrix the wrong way round": RIGHT.replace("da1 = w2.T @ dz2", "da1 = w2 @ dz2"),
    "Two mistakes at once": RIGHT.replace("da2 = a2 - y", "da2 = y - a2").replace("db1 = dz1.sum", "db1 = dz1.mean"),
}


def forward(w1: Any, b1: Any, w2: Any, b2: Any, x: Any, y: Any) -> dict[str, ag.Tensor]:
    """Two layers of sigmoid units and the cost C; columns are samples. All that is computed, by name."""
    z1 = w1 @ x + b1
    a1 = ag.sigmoid(z1)
    z2 = w2 @ a1 + b2
    a2 = ag.sigmoid(z2)
    C = np.sum((y - a2) ** 2) / 2
    return ag.named(locals())


def by_hand(derivation: str, known: dict[str, ag.Tensor]) -> dict[str, Any]:
    """What the lines of a derivation compute, in plain NumPy, from plain arrays."""
    steps: dict[str, Any] = {}
    exec(derivation, {name: t.data for name, t in known.items()}, steps)
    return steps


def main(arguments: Sequence[str] | None = None) -> None:
    parse(parser(str(__doc__).partition("\n")[0], None, writes=None, trains=False), arguments)
    rng = np.random.default_rng(0)
    shapes = {"w1": (4, 3), "b1": (4, 1), "w2": (4, 4), "b2": (4, 1)}
    parameters = {name: ag.Tensor(rng.standard_normal(shape), requires_grad=True) for name, shape in shapes.items()}
    known = forward(**parameters, x=ag.Tensor(rng.standard_normal((3, 5))), y=ag.Tensor(rng.uniform(size=(4, 5))))
    C = known["C"]
    C.backward()
    print(
        "The network, with 5 samples as columns:\n\n"
        "    z1 = w1 x + b1    a1 = σ(z1)    z2 = w2 a1 + b2    a2 = σ(z2)\n"
        "    C = ½ Σ (y − a2)²\n\n"
        "A derivation by hand goes backward from C; da2 is short for ∂C/∂a2. Each of its\n"
        "lines is compared with the adjoint that the automatic sweep found there."
    )
    for i, (title, derivation) in enumerate(DERIVATIONS.items(), start=1):
        print(f"\n\n{i}. {title}\n{'-' * (len(title) + 3)}\n")
        print("".join(f"    {line}\n" for line in derivation.splitlines()))
        steps = by_hand(derivation, known)
        print(ag.compare_steps(steps, C))
        gradients = {name: steps["d" + name] for name in parameters}
        print(f"\nThe gradients alone: {ag.compare(gradients, parameters).verdict()}.")
    print(
        "\n\nHow to read it: exact is equal to the last bit, as two right ways of computing\n"
        "seldom are; approximate is equal but for rounding, and is what counts. The first\n"
        "wrong step is where the mistake is, and the line of the chain rule there is what\n"
        "it should be. What follows from a wrong step is right again once that is mended;\n"
        "what is wrong in itself is another mistake."
    )


if __name__ == "__main__":
    main()
