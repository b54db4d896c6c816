"""Ctrl-C, and the end of the process, at every line: what is left is whole.

Nothing here depends on time: a trace function raises at the n-th line of a run, for each n.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from contextvars import copy_context
from types import FrameType
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nets
from autograd_lite import Tensor
from nets import TwoLayerNet, train


def interrupted(run: Callable[[], Any], n: int, within: str) -> tuple[bool, Any]:
    """Whether `run` was interrupted at its n-th line in files of that path, and what it returned."""
    seen = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal seen
        if within not in frame.f_code.co_filename:
            return None
        if event == "line":
            seen += 1
            if seen == n:
                raise KeyboardInterrupt
        return trace

    before, context = sys.gettrace(), copy_context()  # Python leaves a with block open that is interrupted at its last line
    sys.settrace(trace)
    try:
        result = context.run(run)
    except KeyboardInterrupt:
        result = KeyboardInterrupt
    finally:
        sys.settrace(before)
    return seen >= n, result


def test_backward_that_is_interrupted_changes_every_grad_or_none() -> None:
    """Of leaves with a grad and without, with adjoints that are views, numbers, of another dtype, and shared."""
    x, y, z = (Tensor(np.full(n, 0.5), requires_grad=True) for n in (3, 3, 1))
    number, narrow = Tensor(2.0, requires_grad=True), Tensor(np.ones(3, np.float32), requires_grad=True)
    leaves = [x, y, z, number, narrow]
    cost = np.sum(x * y * number + z + narrow * x) + number + np.sum(x)
    whole = ag.gradients(cost, leaves)
    for n in itertools.count(1):
        for i, t in enumerate(leaves):
            t.grad = np.ones(t.shape) if i % 2 else None
        held = [t.grad for t in leaves]
        again, result = interrupted(cost.backward, n, "engine")
        done = [t.grad is not None for t in leaves[::2]]
        assert all(done) or not any(done), f"line {n}"
        for i, (t, g) in enumerate(zip(leaves, whole)):
            if done[0]:
                np.testing.assert_array_equal(t.grad, g + i % 2)
            else:
                assert t.grad is held[i] and (t.grad is None or np.all(t.grad == 1)), f"line {n}"
        assert done[0] or result is KeyboardInterrupt
        if not again:
            break
    assert n > 100 and done[0]


@pytest.mark.parametrize("every", [9, pytest.param(1, marks=pytest.mark.long)])
def test_training_that_is_interrupted_keeps_the_last_whole_epoch(every: int) -> None:
    x, y = np.array([[0, 0, 1, 1], [0, 1, 0, 1]]), np.array([[0, 1, 1, 0]])
    options: dict[str, Any] = {"batch_size": 2, "learning_rate": 0.5, "seed": 0, "progress": False, "held_out": (x, y)}
    right = []
    for epochs in range(3):
        net = TwoLayerNet(2, 2, 1, seed=0)
        right.append((train(net, x, y, epochs=epochs, **options), net))
    returned = set()
    for n in itertools.count(1, every):
        net = TwoLayerNet(2, 2, 1, seed=0)
        again, history = interrupted(lambda: train(net, x, y, epochs=2, **options), n, nets.__path__[0])
        if not again:
            break
        if history is not KeyboardInterrupt:  # which comes before the first epoch, or after the last
            returned.add(history.epochs)
            expected, twin = right[history.epochs]
            assert history.to_dict() == expected.to_dict(), f"line {n}"
            for p, q in zip(net.parameters().values(), twin.parameters().values()):
                np.testing.assert_array_equal(p.data, q.data)
    assert returned == {0, 1, 2}
