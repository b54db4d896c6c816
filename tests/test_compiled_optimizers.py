"""Compiled steps with optimizers, and random programs on arrays that share memory, give what they give eagerly."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles import random
from random_programs import Program
from random_programs import programs as operations

import autograd_lite as ag
import nets
from autograd_lite import Tensor

Array = np.ndarray[Any, Any]
X, Y = random((3, 6), -1, 1, 1), random((2, 6), 0, 1, 2)
OPTIMIZERS: list[Callable[[Any], nets.Optimizer]] = [
    lambda p: nets.GradientDescent(p, 0.5),
    lambda p: nets.Momentum(p, 0.5, momentum=0.75),
    lambda p: nets.Adam(p, 0.125),
]


def descending(net: Any, optimizer: nets.Optimizer) -> Callable[..., Any]:
    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        cost = net.cost(x, y)
        cost.backward()
        optimizer.step()
        return cost

    return step


def assert_same(net: Any, other: Any) -> None:
    for p, q in zip(net.parameters().values(), other.parameters().values()):
        np.testing.assert_array_equal(p.data, q.data)
        np.testing.assert_array_equal(p.grad, q.grad)
        assert q.grad.base is None or not np.shares_memory(q.grad, q.data)


# Optimizers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", OPTIMIZERS)
@pytest.mark.parametrize("sizes", [[3, 4, 2], [3, 5, 4, 3, 2]])
def test_every_optimizer(make: Any, sizes: list[int]) -> None:
    a, b = nets.MLP(sizes, seed=0), nets.MLP(sizes, seed=0)
    eager = descending(a, make(a.parameters()))
    compiled = ag.compile(descending(b, make(b.parameters())))
    for _ in range(40):
        assert compiled(X, Y).item() == eager(X, Y).item()
        assert_same(a, b)


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_parameters_of_two_dtypes(make: Any) -> None:
    def parts() -> dict[str, Tensor]:
        return {
            name: Tensor(random((2, 3), -1, 1, i), requires_grad=True, dtype=dtype)
            for i, (name, dtype) in enumerate([("a", "f4"), ("b", "f8"), ("c", "f4"), ("d", "f8")])
        }

    def step_of(p: dict[str, Tensor]) -> Callable[[], Any]:
        optimizer = make(p)

        def step() -> Any:
            optimizer.zero_grad()
            cost = sum(np.sum((t - i) ** 2) for i, t in enumerate(p.values()))
            cost.backward()
            optimizer.step()
            return cost

        return step

    a, b = parts(), parts()
    eager, compiled = step_of(a), ag.compile(step_of(b))
    for _ in range(20):
        assert compiled().item() == pytest.approx(eager().item(), rel=1e-6)
        for p, q in zip(a.values(), b.values()):
            assert p.dtype == q.dtype
            np.testing.assert_allclose(q.data, p.data, rtol=1e-6 if p.dtype == "f4" else 1e-13)


# Whose memory it is ---------------------------------------------------------------------------------------


def test_data_that_somebody_holds_stays_where_it_is() -> None:
    net = nets.TwoLayerNet(3, 4, 2, seed=0)
    held, row, values = net.w1.data, net.w2.data[0], net.b1.numpy()
    step = ag.compile(descending(net, nets.GradientDescent(net.parameters(), 0.5)))
    for _ in range(5):
        step(X, Y)
    assert held is net.w1.data and row.base is net.w2.data
    np.testing.assert_array_equal(row, net.w2.data[0])
    np.testing.assert_array_equal(values, net.b1.data)


def test_data_that_is_replaced_or_held_later_is_followed() -> None:
    a, b = nets.TwoLayerNet(3, 4, 2, seed=0), nets.TwoLayerNet(3, 4, 2, seed=0)
    eager = descending(a, nets.GradientDescent(a.parameters(), 0.5))
    compiled = ag.compile(descending(b, nets.GradientDescent(b.parameters(), 0.5)))
    for i in range(8):
        if i in (1, 3, 5):
            for net in (a, b):
                net.w2.data = np.full((2, 4), 0.125 * i)
        if i == 6:
            held = b.w1.data
        eager(X, Y), compiled(X, Y)
        assert_same(a, b)
    assert held is b.w1.data


def test_recordings_of_several_shapes_share_the_memory() -> None:
    a, b = nets.TwoLayerNet(3, 4, 2, seed=0), nets.TwoLayerNet(3, 4, 2, seed=0)
    eager = descending(a, nets.Adam(a.parameters(), 0.125))
    compiled = ag.compile(descending(b, nets.Adam(b.parameters(), 0.125)))
    memory = None
    for i in range(24):
        n = 6 - i % 3
        assert compiled(X[:, :n], Y[:, :n]).item() == eager(X[:, :n], Y[:, :n]).item()
        assert_same(a, b)
        if i >= 12:
            memory = memory or [p.data.ctypes.data for p in b.parameters().values()]
            assert memory == [p.data.ctypes.data for p in b.parameters().values()]


def test_steps_on_parts_of_the_parameters_alternate() -> None:
    a, b = nets.TwoLayerNet(3, 4, 2, seed=0), nets.TwoLayerNet(3, 4, 2, seed=0)

    def steps(net: Any, compile: Callable[..., Any]) -> list[Callable[..., Any]]:
        p = net.parameters()
        some = [p, {"b2": p["b2"], "w1": p["w1"]}, {"w2": p["w2"], "b2": p["b2"]}]
        return [compile(descending(net, nets.GradientDescent(each, 0.25))) for each in some]

    pairs = list(zip(steps(a, lambda step: step), steps(b, ag.compile)))
    for _ in range(8):
        for eager, compiled in pairs:
            for p in (*a.parameters().values(), *b.parameters().values()):
                p.zero_grad()
            assert compiled(X, Y).item() == eager(X, Y).item()
            for p, q in zip(a.parameters().values(), b.parameters().values()):
                np.testing.assert_array_equal(p.data, q.data)


def test_arrays_that_share_memory_keep_their_order() -> None:
    w, v = Tensor([[1.0, 2.0]]), Tensor([3.0, 4.0])

    def step(x: Any) -> Any:
        for t in (w, v):
            t.data -= 0.5 * np.ones_like(t.data)
        return x.dot(np.ones(2))

    compiled = ag.compile(step)
    for _ in range(4):
        compiled(np.ones((1, 2)))
    np.testing.assert_array_equal(compiled(w.data), [-2.0])  # the argument is changed before it is read


def test_a_detached_tensor_sees_the_update_before_it() -> None:
    w, v = (Tensor(np.ones((2, 2)), requires_grad=True) for _ in "ab")
    watched, optimizer = w.detach(), nets.Momentum([w, v], 0.125)

    def step(x: Any) -> Any:
        optimizer.zero_grad()
        np.sum(ag.relu(v @ ag.relu(w @ x))).backward()
        optimizer.step()
        return np.sum(watched**2)

    compiled = ag.compile(step)
    for x in (np.zeros((2, 3)), np.zeros((2, 3)), np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 3))):
        assert compiled(x).item() == pytest.approx(np.sum(w.data**2), rel=1e-14)


def test_an_argument_that_is_written_to_may_be_the_data_of_a_tensor() -> None:
    def step_of(w: Tensor, v: Tensor) -> Callable[..., Any]:
        def step(x: Any) -> Any:
            slopes = np.tanh(np.tanh(w.data)), np.tanh(np.tanh(v.data))
            product = v.data.dot(slopes[0]) + v.data.dot(slopes[1])
            np.add(x, 1.0, out=x)  # after the products, though all that it needs is there before
            return product

        return step

    (w, v), (p, q) = ([Tensor([1.0, 2.0]), Tensor([3.0, 4.0])] for _ in "ab")
    eager, compiled = step_of(w, v), ag.compile(step_of(p, q))
    for _ in range(4):
        np.testing.assert_array_equal(compiled(np.zeros(2)), eager(np.zeros(2)))
    for _ in range(2):
        np.testing.assert_array_equal(compiled(q.data), eager(v.data))
        np.testing.assert_array_equal(q.data, v.data)


# Any order of any calls -----------------------------------------------------------------------------------

UNARY: list[Any] = [np.negative, np.tanh, np.abs, lambda x: 0.5 * x, lambda x: np.minimum(x, 0.25)]
BINARY: list[Any] = [np.add, np.subtract, np.multiply, np.maximum]
SHAPES = [(2, 2), (2, 2), (2, 2), (3,), (3,), (1,)]


@st.composite
def programs(draw: Any) -> list[tuple[Any, ...]]:
    """Instructions on six pieces of state and on what was computed before, most of them on parts of the same shape."""
    program = []
    for _ in range(draw(st.integers(3, 14))):
        kind = draw(st.sampled_from(["unary", "binary", "in place", "product", "across"]))
        i, j = draw(st.integers(0, 5)), draw(st.integers(0, 5))
        program.append((kind, i, j, draw(st.integers(0, 4)), draw(st.integers(0, 2))))
    return program


def run(program: list[tuple[Any, ...]], state: list[Tensor], x: Any) -> Any:
    latest: list[Any] = [t.data for t in state]
    for kind, i, j, operation, back in program:
        same = [k for k in range(6) if SHAPES[k] == SHAPES[i]]
        k = same[j % len(same)]
        source = latest[k] if back else state[k].data
        if kind == "unary":
            latest[i] = UNARY[operation](source)
        elif kind == "binary":
            latest[i] = BINARY[operation % 4](latest[i], source)
        elif kind == "in place":
            state[i].data -= 0.125 * source
        elif kind == "across":  # the same calls on all of them
            for t in state:
                t.data -= 0.25 * np.tanh(t.data)
        elif SHAPES[i] == (2, 2):
            latest[i] = source.dot(np.minimum(x, 1.0))
        else:
            latest[i] = source * np.sum(x)
    return [np.multiply(a, 1.0) for a in latest]


@settings(max_examples=settings().max_examples)
@given(program=programs())
def test_random_programs(program: list[tuple[Any, ...]]) -> None:
    a, b = ([Tensor(random(shape, -1, 1, i)) for i, shape in enumerate(SHAPES)] for _ in range(2))
    compiled = ag.compile(lambda x: run(program, b, x))
    for seed in range(5):
        x = random((2, 2), -1, 1, seed)
        for expected, got in zip(run(program, a, x), compiled(x)):
            np.testing.assert_array_equal(got, expected)
        for t, u in zip(a, b):
            np.testing.assert_array_equal(u.data, t.data)


@st.composite
def optimizers(draw: Any) -> Callable[[Any], nets.Optimizer]:
    rate = draw(st.sampled_from([0.001, 0.03]))
    kind = draw(st.integers(0, 2))
    fraction = draw(st.sampled_from([0.0, 0.5, 0.9]))
    if kind == 0:
        return lambda p: nets.GradientDescent(p, rate)
    if kind == 1:
        return lambda p: nets.Momentum(p, rate, momentum=fraction)
    return lambda p: nets.Adam(p, rate, beta1=fraction)


@settings(max_examples=settings().max_examples // 5, suppress_health_check=list(HealthCheck))
@given(program=operations(most=4), make=optimizers(), rates=st.lists(st.sampled_from([0.001, 0.002]), min_size=5, max_size=5))
def test_random_programs_with_random_optimizers(program: Program, make: Any, rates: list[float]) -> None:
    """Costs of any operations of the table, bit for bit; what is not compiled runs as it is."""
    program = program.in_float64()
    runs = []
    for wrap in (lambda step: step, ag.compile):
        p = [Tensor(x, requires_grad=True) for x in program.inputs]
        optimizer = make(p)

        @wrap
        def step(p: Any = p, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            cost = program.cost(*p)
            cost.backward()
            optimizer.step()
            return cost

        costs = []
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for rate in rates:
                optimizer.learning_rate = rate
                costs.append(step().item())
        runs.append((costs, [t.data for t in p], [t.grad for t in p]))
    for a, b in zip(*runs):
        np.testing.assert_array_equal(a, b) if type(a[0]) is float else [np.testing.assert_array_equal(x, y) for x, y in zip(a, b)]


# Updates of all parameters as one -------------------------------------------------------------------------


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_small_parameters_are_updated_together(make: Any) -> None:
    """Bit for bit, whatever becomes of data and gradients between the calls."""
    a, b = nets.MLP([3, 5, 4, 2], seed=0), nets.MLP([3, 5, 4, 2], seed=0)
    eager = descending(a, make(a.parameters()))
    compiled = ag.compile(descending(b, make(b.parameters())))
    held: list[Any] = []
    for i in range(90):
        if i == 20:
            held += [p.data for p in b.parameters().values()]  # views of one vector by now
            held += [p.data[0] for p in b.parameters().values()]
        if i == 25:
            kept = [h.copy() for h in held]
            for net in (a, b):
                for p in net.parameters().values():
                    p.data = p.data * 0.5
        if i == 75:
            for net in (a, b):
                net.parameters()["w2"].data = net.parameters()["w2"].data + 0.25
        if i % 10 == 9:
            held.append(b.parameters()["w1"].grad)
            kept = [h.copy() for h in held]
        assert compiled(X, Y).item() == eager(X, Y).item()
        assert_same(a, b)
        if i >= 25:
            for h, k in zip(held, kept):
                np.testing.assert_array_equal(h, k)
    assert " is h" in compiled.source
    bases = {id(p.data.base) for p in b.parameters().values()}
    assert len(bases) == 2  # w2 for itself: what has been moved already stays where it is


def test_gradients_that_are_computed_together_are_arrays_of_their_own() -> None:
    def step_of(v: Tensor, w: Tensor) -> Callable[..., Any]:
        def step(x: Any) -> Any:
            v.zero_grad(), w.zero_grad()
            cost = np.sum(v * x) + np.sum(w * x * x)
            cost.backward()
            for p in (v, w):
                p.data -= 0.125 * p.grad
            return v.grad, w.grad, v.data

        return step

    (v, w), (p, q) = ([Tensor([[1.0, 2.0]], True), Tensor([[3.0, 4.0]], True)] for _ in "ab")
    eager, compiled = step_of(v, w), ag.compile(step_of(p, q), strict=True)
    kept = []
    for i in range(12):
        x = np.array([[1.0, 1.0 + i]])
        first, second, data = compiled(x)
        for a, b in zip(eager(x), (first, second, data)):
            np.testing.assert_array_equal(a, b)
        assert first is p.grad and second is q.grad and data is p.data
        assert not np.shares_memory(first, second)
        kept.append((first, first.copy()))
    assert all(np.array_equal(a, b) for a, b in kept)
    assert " is h" in compiled.source


@pytest.mark.parametrize("tied", [False, True])
def test_a_rate_that_lies_among_the_parameters_and_a_gradient_of_two(tied: bool) -> None:
    def make() -> tuple[Callable[..., Any], Array]:
        flat = np.array([0.5, 2.0, 3.0, 4.0])
        rate = flat[:1].reshape(()) if not tied else np.array(0.5)
        p = [ag.as_tensor(flat[:1]), ag.as_tensor(flat[1:2]), ag.as_tensor(flat[2:3]), ag.as_tensor(flat[3:])]

        def step(x: Any) -> Any:
            g = np.tanh(x)
            others = [g, g if tied else x * 2, x * 3, x * 4]
            for t, each in zip(p, others):
                t.data -= rate * each
            return flat * 1.0

        return step, flat

    (eager, flat), (other, memory) = make(), make()
    compiled = ag.compile(other, strict=True)
    for i in range(6):
        np.testing.assert_array_equal(compiled(np.array([0.1 * i])), eager(np.array([0.1 * i])))
        np.testing.assert_array_equal(flat, memory)
