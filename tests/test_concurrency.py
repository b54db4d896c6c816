"""Sixteen threads, fifty tasks and other processes at once: each gets what it gets alone."""

from __future__ import annotations

import asyncio
import multiprocessing
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor
from nets import GradientDescent, TwoLayerNet, load, save

pytest.importorskip("graphviz")
X, Y = np.linspace(-1, 1, 12).reshape(3, 4), np.array([[0.0, 1, 1, 0]])


def network(k: int) -> TwoLayerNet:
    return TwoLayerNet(3, 4, 1, seed=k)


def backpropagated(k: int) -> Any:
    net = network(k)
    for _ in range(3):
        net.cost(X, Y).backward()
    return [p.grad for p in net.parameters().values()]


def differentiated(k: int) -> Any:
    def f(x: Any) -> Any:
        return np.sum(np.tanh(x * k) * x[::-1])

    x, v = np.linspace(0.1, 1, 4), np.ones(4)
    return [ag.grad(f)(x), ag.hessian(f)(x), ag.jvp(f, (x,), (v,))[1], ag.hvp(f, (x,), (v,)), ag.jacobian(lambda x: x * x)(x)]


def constant(k: int) -> Any:
    """Recording is off for this thread or task alone."""
    net = network(k)
    with ag.no_grad():
        a = net(X)
        with ag.enable_grad():
            b = net(X)
    return [a.requires_grad, b.requires_grad, a.data, ag.grad(lambda x: x * x)(float(k))]


def drawn(k: int) -> Any:
    with ag.name_scope(f"network {k}"):
        cost = network(k).cost(X, Y)
    return [cost.scope, ag.draw(cost).source, str(ag.chain_rule(cost, cost.parents[0]))]


def compiled(k: int) -> Any:
    """A step of its own, and one that all share."""
    net = network(k)
    descent = GradientDescent(net.parameters(), 0.5)

    @ag.compile
    def step(x: Any, y: Any) -> None:
        descent.zero_grad()
        net.cost(x, y).backward()
        descent.step()

    for _ in range(6):
        step(X, Y)
    return [*(p.data for p in net.parameters().values()), *(shared(X + k) for _ in range(4))]


@ag.compile
def shared(x: Any) -> Any:
    with ag.no_grad():
        return (np.tanh(Tensor(x)) * x).data


def debugged(k: int) -> Any:
    """Watched in this thread or task alone."""
    x = Tensor([float(k), 0.0], requires_grad=True)
    with ag.debug():
        with pytest.raises(FloatingPointError, match="sqrt"):
            np.sqrt(x).sum().backward()
        return [(x * x).data]


JOBS: list[Callable[[int], Any]] = [backpropagated, differentiated, constant, drawn, compiled, debugged]
pytestmark = pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")


def job(k: int) -> Any:
    return JOBS[k % len(JOBS)](k)


def same(a: Any, b: Any) -> None:
    assert len(a) == len(b)
    for x, y in zip(a, b):
        np.testing.assert_array_equal(x, y)


@pytest.fixture
def impatient() -> Iterator[None]:
    """Threads take turns a thousand times as often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("rounds", [1, pytest.param(50, marks=pytest.mark.long)])
def test_sixteen_threads(rounds: int) -> None:
    alone = [job(k) for k in range(16)]
    start, found = threading.Barrier(16), {}

    def work(i: int) -> None:
        start.wait()
        for r in range(rounds):  # another job in each round
            k = (i + r) % 16
            found[i, r] = k, job(k)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16 * rounds
    for k, results in found.values():
        same(results, alone[k])


def test_fifty_tasks() -> None:
    """They hand over to each other in the middle of recording, differentiating and compiling, and of every mode."""

    async def task(k: int) -> Any:
        net = network(k)
        mode: Any = [ag.no_grad, ag.enable_grad, ag.debug, lambda: ag.name_scope(str(k))][k % 4]()
        with mode:
            await asyncio.sleep(0)
            z1, a1, z2, a2 = net.forward(X)
            await asyncio.sleep(0)
            cost = ag.half_squared_distance(a2, Y)
            inner = [cost.requires_grad, z1.scope[:-1]]
            await asyncio.sleep(0)
            slope = ag.grad(lambda w: np.sum(w * w))(np.ones(2) * k)
        await asyncio.sleep(0)
        with ag.name_scope("after"):
            outer = net.cost(X, Y)
            await asyncio.sleep(0)
            outer.backward()
        return [*inner, outer.scope, slope, *(p.grad for p in net.parameters().values())]

    async def all_at_once() -> Any:
        return await asyncio.gather(*(task(k) for k in range(50)))

    for k, results in enumerate(asyncio.run(all_at_once())):
        same(results[:3], [k % 4 != 0, (str(k),) if k % 4 == 3 else (), ("after", "cost")])
        net = network(k)
        net.cost(X, Y).backward()
        same(results[3:], [2.0 * k * np.ones(2), *(p.grad for p in net.parameters().values())])


@pytest.mark.parametrize("make", [ag.no_grad, ag.enable_grad, ag.debug, lambda: ag.name_scope("batches")])
def test_what_is_left_in_another_thread_switches_nothing_off_there(make: Any) -> None:
    def batches() -> Iterator[int]:
        with make():
            yield 1

    w = Tensor([1.0, 2.0], requires_grad=True)
    others = batches()
    other = threading.Thread(target=next, args=[others])
    other.start()
    other.join()
    assert list(others) == []  # runs to its end here, and leaves what the other thread entered
    assert (w * 2).requires_grad and (w * 2).scope == ()
    with pytest.raises(TypeError):
        np.asarray(w * 2)
    np.testing.assert_array_equal(ag.grad(lambda t: np.sum(t**2))(np.ones(2)), [2.0, 2.0])


def test_what_a_task_enters_ends_with_it() -> None:
    """A task is left in the middle of its modes, and another starts in its place."""
    x = Tensor(1.0, requires_grad=True)

    async def left() -> None:
        with ag.no_grad(), ag.name_scope("left"):
            await asyncio.sleep(10)

    async def run() -> Tensor:
        task = asyncio.ensure_future(left())
        await asyncio.sleep(0)
        y = x * x
        task.cancel()
        return y

    y = asyncio.run(run())
    assert y.requires_grad and y.scope == () and (x * x).requires_grad


def in_a_process(w: Tensor) -> Any:
    """What is sent to the other process are values; so is what comes back."""
    cost = np.sum(w * w)
    cost.backward()
    return w, cost.detach(), job(3), [ag.grad(np.sin)(1.0)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of forks where there are threads
@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_other_processes(way: str) -> None:
    if way not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {way} here")
    w = Tensor([1.0, 2.0], requires_grad=True, name="w")
    (w * w).sum().backward()  # this process has recorded and swept before it is forked
    context = multiprocessing.get_context(way)
    with context.Pool(1 if way == "spawn" else 2) as pool:
        for again, cost, drawing, slope in pool.map(in_a_process, [w] * 3):
            assert (again.name, again.requires_grad, again.is_leaf, cost.requires_grad) == ("w", True, True, False)
            np.testing.assert_array_equal(again.grad, [4.0, 8.0])  # its own, added to what came with it
            assert cost.item() == 5.0
            same(drawing, job(3))
            same(slope, [np.cos(1.0)])
    np.testing.assert_array_equal(w.grad, [2.0, 4.0])
    assert pickle.loads(pickle.dumps(w)).data.tolist() == [1.0, 2.0]


def test_threads_that_write_the_same_file(tmp_path: Any) -> None:
    path = tmp_path / "net"

    def work(k: int) -> None:
        for _ in range(3):
            save(network(k), path)
            assert load(path).sizes == (3, 4, 1)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [p.name for p in tmp_path.iterdir()] == ["net"]
