"""A recurrent network that learns to continue a line of characters; its gradients are checked by hand-derived ones.

    python examples/rnn.py

h_t = tanh(w_h h_{t−1} + w_x x_t + b_h), z_t = w_z h_t + b_z, and the cost is the cross entropy of the next character.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from common import parse, parser

import autograd_lite as ag
from autograd_lite.nets import Adam

TEXT = "the chain rule runs back along the chain of rules. "


def initial(n: int, hidden: int, seed: int) -> dict[str, ag.Tensor]:
    rng = np.random.default_rng(seed)
    shapes = {"w_h": (hidden, hidden), "w_x": (hidden, n), "b_h": (hidden, 1), "w_z": (n, hidden), "b_z": (n, 1)}
    return {
        name: ag.Tensor(rng.normal(0, 1 / np.sqrt(shape[1]), shape) * (shape[1] > 1), requires_grad=True, name=name)
        for name, shape in shapes.items()
    }


def cell(p: dict[str, Any], h: Any, x: Any) -> Any:
    """The next hidden state."""
    return np.tanh(p["w_h"] @ h + p["w_x"] @ x + p["b_h"])


def cost(p: dict[str, Any], x: Any, y: Any) -> ag.Tensor:
    """The cost over a text; each column of x is a character as 0s and a 1, and of y the one that follows."""
    h = np.zeros((len(p["b_h"].data), 1))
    total: Any = 0.0
    for t in range(x.shape[1]):
        h = cell(p, h, x[:, t : t + 1])
        total = total + ag.softmax_cross_entropy(p["w_z"] @ h + p["b_z"], y[:, t : t + 1])
    return total


def by_hand(p: dict[str, Any], x: Any, y: Any) -> dict[str, Any]:
    """Backpropagation through time, derived by hand: δ_t = p_t − y_t, and what comes back from h_{t+1}."""
    w = {name: t.data for name, t in p.items()}
    hs, deltas = [np.zeros_like(w["b_h"])], []
    for t in range(x.shape[1]):
        hs.append(cell(w, hs[-1], x[:, t : t + 1]))
        z = w["w_z"] @ hs[-1] + w["b_z"]
        e = np.exp(z - z.max())
        deltas.append(e / e.sum() - y[:, t : t + 1])
    gradients = {name: np.zeros_like(a) for name, a in w.items()}
    back = np.zeros_like(hs[0])
    for t in reversed(range(x.shape[1])):
        h, before = hs[t + 1], hs[t]
        s = (w["w_z"].T @ deltas[t] + back) * (1 - h**2)
        gradients["w_z"] += deltas[t] @ h.T
        gradients["b_z"] += deltas[t]
        gradients["w_h"] += s @ before.T
        gradients["w_x"] += s @ x[:, t : t + 1].T
        gradients["b_h"] += s
        back = w["w_h"].T @ s
    return gradients


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(parser("Learn to continue a line of characters.", 150, writes=None), arguments)
    letters = sorted(set(TEXT))
    codes = np.eye(len(letters))[:, [letters.index(c) for c in TEXT]]
    x, y = codes[:, :-1], codes[:, 1:]
    p = initial(len(letters), 32, options.seed)
    names, tensors = list(p), list(p.values())
    automatic = dict(zip(names, ag.gradients(cost(p, x, y), tensors)))
    comparison = ag.compare(by_hand(p, x, y), automatic)
    print(f"backpropagation through {x.shape[1]} characters, by hand against automatic\n\n{comparison}\n")
    comparison.raise_if_different()

    adam = Adam(p, 0.02)
    for epoch in range(options.epochs + 1):
        adam.zero_grad()
        C = cost(p, x, y)
        if epoch % 50 == 0:
            print(f"epoch {epoch:4}: cost per character {C.item() / x.shape[1]:.3f}")
        if epoch < options.epochs:
            C.backward()
            adam.step()
    w, h, c, said = {name: t.data for name, t in p.items()}, np.zeros((32, 1)), TEXT[0], TEXT[0]
    for _ in range(len(TEXT) - 1):
        h = cell(w, h, np.eye(len(letters))[:, [letters.index(c)]])
        c = letters[int(np.argmax(w["w_z"] @ h + w["b_z"]))]
        said += c
    print(f"\nit continues {TEXT[0]!r} as {said!r}")


if __name__ == "__main__":
    main()
