"""The same seed gives the same bits: in another process, in another order, eager and compiled, whatever was built before."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor
from nets import MLP, TwoLayerNet, train

pytest.importorskip("graphviz")
X, Y = np.random.default_rng(0).normal(size=(3, 40)), np.arange(40) % 2


def trained(compile: bool) -> Any:
    net = MLP([3, 8, 2], output="linear", seed=5)
    options: dict[str, Any] = {"optimizer": "adam", "cost": "softmax_cross_entropy", "l2": 1e-3, "held_out": (X[:, :9], Y[:9])}
    history = train(net, X, Y, epochs=4, batch_size=7, learning_rate=0.01, seed=3, progress=False, compile=compile, **options)
    return [p.data.tobytes() for p in net.parameters().values()], history.to_dict()


def derived() -> Any:
    """Adjoints of many paths, whose terms are added in a certain order."""
    net = TwoLayerNet(3, 4, 1, seed=1)
    cost = net.cost(X, np.sin(X[:1]))
    for p in net.parameters().values():
        for k in range(5):
            cost = cost + np.sum(np.sin(p * (k + 0.1)) * np.cos(p))
    slopes = ag.gradients(cost, net.parameters(), create_graph=True)
    again = ag.gradients(sum(np.sum(g * g) for g in slopes.values()), net.parameters())
    found = [t.tobytes() for g, h in zip(slopes.values(), again.values()) for t in (g.data, h)]
    return found, ag.hessian(lambda x: np.sum(np.tanh(x) * x[::-1]))(X[0, :4]).tobytes()


def described() -> Any:
    with ag.name_scope("net"):
        cost = TwoLayerNet(3, 4, 1, seed=1).cost(X[:, :4], np.ones((1, 4)))
    return ag.draw(cost).source, str(ag.chain_rule(cost, cost.parents[0])), cost.parents[0].name


JOBS: dict[str, Callable[[], Any]] = {
    "trained": lambda: trained(False), "compiled": lambda: trained(True), "derived": derived, "described": described,
}  # fmt: skip


def digest(name: str) -> str:
    return sha256(repr(JOBS[name]()).encode()).hexdigest()


OTHER = """
import sys
sys.path[:0] = [{root!r}, {root!r} + "/tests"]
import numpy as np
import autograd_lite as ag
for k in range({before}):  # what was built before
    x = ag.Tensor(np.ones(k % 5 + 1), requires_grad=True, name=f"x{{k}}")
    ag.grad(lambda t: np.sum(np.exp(t) * x))(x)
from test_determinism import JOBS, digest
print(*(digest(name) for name in {names}))
"""


@pytest.mark.parametrize("seed", [1, *(pytest.param(k, marks=pytest.mark.long) for k in range(2, 9))])
def test_the_same_bits_in_another_process(seed: int) -> None:
    """With another seed for Python's hashes, in another order, with other things built before."""
    names = list(JOBS)[:: (-1) ** seed]
    code = OTHER.format(root=str(Path(__file__).parents[1]), before=100 * seed, names=names)
    environment = os.environ | {"PYTHONHASHSEED": str(seed)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [digest(name) for name in names]


def test_the_same_bits_eager_and_compiled() -> None:
    assert trained(False) == trained(True)


def test_the_same_bits_whatever_was_built_before() -> None:
    before = [digest(name) for name in JOBS]
    held = [Tensor(np.ones(3), requires_grad=True) * k for k in range(1000)]
    held[0].sum().backward()
    assert [digest(name) for name in reversed(JOBS)] == before[::-1]
