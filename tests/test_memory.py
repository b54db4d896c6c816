"""Memory: what is no longer used is given back at once, without the garbage collector, and a sweep takes little of its own."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor
from nets import Adam, TwoLayerNet

X, Y = np.linspace(-1, 1, 12).reshape(3, 4), np.array([[0.0, 1, 1, 0]])


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def leaf(n: int = 3) -> Tensor:
    return Tensor(np.linspace(0.5, 1, n), requires_grad=True, name="x")


def after_grad(x: Tensor) -> Any:
    cost = (x * x).sum()
    cost.backward()
    return [cost], [x.grad, *ag.gradients(cost, [x])]


def after_derivatives(x: Tensor) -> Any:
    found: list[Tensor] = []

    def f(x: Any) -> Any:
        y = np.sum(np.tanh(x) * x)
        found.append(y)
        return y

    kept = [ag.grad(f)(x.data), ag.hessian(f)(x.data), ag.hvp(f, (x.data,), (x.data,)), ag.jvp(f, (x.data,), (x.data,))]
    return found, kept


def after_drawing(x: Tensor) -> Any:
    pytest.importorskip("graphviz")
    with ag.name_scope("a"):
        cost = (x * x).sum()
    ag.draw_steps(cost)  # which is kept as a page that is still to be made
    return [cost], [ag.draw(cost)]


def after_writing(x: Tensor) -> Any:
    cost = (x * x).sum()
    return [cost], [str(ag.chain_rule(cost, x)), ag.chain_rule(cost, x).latex()]


def after_an_error_of_shapes(x: Tensor) -> Any:
    y = x * 2.0
    with pytest.raises(ValueError, match="multiply of"):
        y * np.ones(7)
    return [y], []


def after_an_error_of_any_number(x: Tensor) -> Any:
    y = x * 2.0
    with pytest.raises(ValueError, match="concatenate"):
        np.concatenate([y, np.ones((2, 2))])
    return [y], []


def after_an_error_of_a_sweep(x: Tensor) -> Any:
    y = x * x
    x.data += 1.0
    with pytest.raises(RuntimeError, match="was replaced"):
        y.sum().backward()
    return [y], []


def after_a_wrong_way_out(x: Tensor) -> Any:
    y = x * x
    for wrong in (lambda: float(y[0]), lambda: np.asarray(y), lambda: y.backward(), lambda: np.einsum("ij", y)):
        with pytest.raises((TypeError, ValueError)):
            wrong()
    return [y], []


def after_debug(x: Tensor) -> Any:
    with ag.debug():
        y = x * x
        with pytest.raises(FloatingPointError):
            y * np.nan
        y.sum().backward()
    return [y], []


def after_comparing(x: Tensor) -> Any:
    y = (x * x).sum()
    comparison = ag.compare({"x": 2 * x.data}, {"x": ag.gradients(y, x)})
    ag.check_gradients(lambda x: np.sum(x * x), x.data)
    return [y], [comparison]


def after_compiled_calls(x: Tensor) -> Any:
    found: list[Tensor] = []
    step = ag.compile(lambda t: ag.gradients((t * t).sum(), t))
    for _ in range(4):
        y = Tensor(x.data, requires_grad=True)
        step(y)
        found.append(y)
    return found, [step]


@pytest.mark.parametrize("what", [
    after_grad, after_derivatives, after_drawing, after_writing, after_an_error_of_shapes, after_an_error_of_any_number,
    after_an_error_of_a_sweep, after_a_wrong_way_out, after_debug, after_comparing, after_compiled_calls,
])  # fmt: skip
def test_nothing_is_kept_alive(what: Callable[[Tensor], Any]) -> None:
    """By gradients, pictures, texts, errors, comparisons and compiled steps, which are kept themselves."""
    x = leaf()
    found, kept = what(x)
    watched = [weakref.ref(t) for t in found]
    assert watched
    del found
    assert [w() for w in watched if w() is not None] == []
    del kept


def steps(wrap: Callable[[Any], Any]) -> Callable[[], None]:
    net = TwoLayerNet(3, 40, 1, seed=0)
    follow = Adam(net.parameters(), 0.01)

    @wrap
    def step(x: Any, y: Any) -> None:
        follow.zero_grad()
        net.cost(x, y).backward()
        follow.step()

    return lambda: step(X, Y)


@pytest.mark.parametrize("n", [100, pytest.param(10_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("wrap", [lambda step: step, ag.compile], ids=["eager", "compiled"])
def test_memory_is_flat(wrap: Any, n: int) -> None:
    step = steps(wrap)
    for _ in range(20):
        step()
    gc.collect()  # what was left of recording, once
    tracemalloc.start()
    for _ in range(50):
        step()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(n):
        step()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The arrays of a single step are more than 3,000 bytes. A byte a step is less than any object that each would leave: at
    # some steps the recording is compared again, after which caches of NumPy and Python hold other things than before.
    assert after - before < 3_000 + n
    assert gc.collect() == 0


MIXED = np.full((4, 4), 1 / 4)
CHAINS: dict[str, Callable[[Any], Any]] = {
    "elementwise": lambda x: np.tanh(x * 1.01),
    "products": lambda x: (x.reshape(-1, 4) @ MIXED).reshape(150, 150),
    "shapes": lambda x: x.T.reshape(150, 150)[::-1],
    "residual": lambda x: x + np.sin(x),
}


@pytest.mark.parametrize("name", CHAINS)
def test_the_peak_of_a_backward_pass(name: str) -> None:
    """Is within twice what the forward pass has taken, and in truth a few arrays more than that."""
    x = Tensor(np.ones((150, 150)), requires_grad=True)
    tracemalloc.start()
    y: Any = x
    for _ in range(20):
        y = CHAINS[name](y)
    cost = np.sum(y)
    forward, _ = tracemalloc.get_traced_memory()
    cost.backward()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    size = x.data.nbytes
    assert peak <= 2 * max(forward, 5 * size)
    assert peak - forward <= 5 * size, (peak - forward) / size


def test_what_is_stored_is_what_is_needed() -> None:
    """An operation stores its result and, where that is another array, its local gradient."""
    x = Tensor(np.ones((150, 150)), requires_grad=True)
    size = x.data.nbytes
    for f, arrays in [(lambda x: x + 1.0, 1), (lambda x: x * x, 1), (np.tanh, 2), (lambda x: x.T, 0), (ag.sigmoid, 2)]:
        tracemalloc.start()
        y = f(x)
        taken, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert taken < (arrays + 0.1) * size, (y.op, taken / size)
