"""What one step does not show: scalar graphs, very deep ones, second derivatives, inference, memory, import time."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from time import perf_counter
from typing import Any

import numpy as np

import autograd_lite as ag
from benchmarks import contenders
from benchmarks.contenders import ENTRIES, Start
from benchmarks.report import Table, ratio, verdict, write_shape
from benchmarks.timing import Effort, Spread, Task, interleaved, settle_allocator

Array = np.ndarray[Any, Any]


def agreeing(results: Mapping[str, Any], expected: Any) -> None:
    """Raise AssertionError unless all results equal the expected one to 1e-9 of its largest entry."""
    for label, result in results.items():
        error = np.max(np.abs(np.asarray(result) - expected)) / np.max(np.abs(expected))
        if not error < 1e-9:
            raise AssertionError(f"{label}: the derivative differs by {error:.1e} from the expected one")


# Scalar graphs ------------------------------------------------------------------------------------------------


def polynomial(x: Any, y: Any) -> Any:
    """x (1 + y)⁵⁰ in 100 operations."""
    for _ in range(50):
        x = x * y + x
    return x


def scalar_graphs(effort: Effort) -> Table:
    """Operations per second, where Python does the work and NumPy little."""
    x, y = 1.0, 0.01

    def leaves_of(variable: Callable[[float], Any]) -> Callable[[], tuple[Any, Any]]:
        def differentiate() -> tuple[Any, Any]:
            leaves = variable(x), variable(y)
            polynomial(*leaves).backward()
            return leaves[0].grad, leaves[1].grad

        return differentiate

    compiled = ag.compile(ag.grad(polynomial, (0, 1)))
    tasks = {
        "autograd_lite, eager": Task(leaves_of(lambda v: ag.Tensor(v, requires_grad=True))),
        "autograd_lite, compiled": Task(compiled, (np.array(x), np.array(y))),
    }
    if find_spec("micrograd"):
        from micrograd.engine import Value

        tasks["micrograd"] = Task(leaves_of(Value))
    if find_spec("torch"):
        import torch

        tasks["PyTorch"] = Task(leaves_of(lambda v: torch.tensor(v, dtype=torch.float64, requires_grad=True)))
    if find_spec("autograd"):
        import autograd

        tasks["HIPS autograd"] = Task(autograd.grad(polynomial, (0, 1)), (x, y))
    if find_spec("mygrad"):
        import mygrad

        tasks["MyGrad"] = Task(leaves_of(mygrad.tensor))
    agreeing({label: t.call(*t.arguments) for label, t in tasks.items()}, [(1 + y) ** 50, 50 * x * (1 + y) ** 49])
    times = interleaved(tasks, effort)
    verdicts = []
    if "micrograd" in tasks:
        for label, limit in (("autograd_lite, eager", 1.3), ("autograd_lite, compiled", 0.15)):
            found = ratio(times, label, "micrograd")
            verdicts.append([f"{label} / micrograd ≤ {limit}", None, verdict(found, limit)])
    return Table(
        "Scalar graphs: x (1 + y)⁵⁰ in 100 operations, forward and backward",
        ["", "operations/s", "time per operation, µs"],
        [[label, round(100 / np.median(t)), Spread.of(1e6 * t / 100)] for label, t in times.items()] + verdicts,
        "SmallPebble goes through all paths of a graph, 2⁵⁰ here; JAX would compile, not record, such a graph.",
    )


# Deep graphs --------------------------------------------------------------------------------------------------


def chain(x: ag.Tensor, nodes: int) -> ag.Tensor:
    for _ in range(nodes):
        x = x.sin()
    return x


def diamonds(x: ag.Tensor, nodes: int) -> ag.Tensor:
    """Two nodes each; the factor keeps the number of paths, 2ⁿ, from overflowing the derivative."""
    for _ in range(nodes // 2):
        x = (x + x) * 0.5
    return x


def lifetime(build: Callable[[ag.Tensor, int], ag.Tensor], nodes: int) -> list[float]:
    """Microseconds per node: forward, backward, drop."""
    x = ag.Tensor(0.5, requires_grad=True)
    times = [perf_counter()]
    t = build(x, nodes)
    times.append(perf_counter())
    t.backward()
    times.append(perf_counter())
    del t
    times.append(perf_counter())
    return [1e6 * float(d) / nodes for d in np.diff(times)]


def bytes_of(make: Callable[[], Any]) -> int:
    """The memory of what `make` returns, as far as Python and NumPy allocate it."""
    gc.collect()
    tracemalloc.start()
    kept = make()
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del kept
    return used


def deep_graphs(sizes: Sequence[int]) -> Table:
    """Time and memory per node, which should not depend on their number."""
    settle_allocator()
    rows: list[list[Any]] = []
    for build in (chain, diamonds):
        at_1000: dict[bool, float] = {}
        for nodes in sizes:
            memory = bytes_of(partial(build, ag.Tensor(0.5, requires_grad=True), nodes)) / nodes
            growth: dict[bool, float | None] = {}
            for collecting in (False, True):
                if not collecting:
                    gc.disable()
                runs = max(3, min(50, 10**5 // nodes))
                phases = np.median([lifetime(build, nodes) for _ in range(runs)], axis=0)
                gc.enable()
                total = float(np.sum(phases))
                if nodes == 1000:
                    at_1000[collecting] = total
                growth[collecting] = total / at_1000[collecting] if collecting in at_1000 else None
            row = [f"{build.__name__}, {nodes:,}", *map(float, phases), growth[True], growth[False], round(memory)]
            rows.append(row)
    array = bytes_of(lambda: [np.array(0.5) for _ in range(10_000)]) / 10_000 - 8  # of the list
    return Table(
        "Deep graphs of scalar Tensors, number of nodes: µs and bytes per node",
        ["", "forward", "backward", "drop", "sum / at 1,000", "same, gc off", "bytes"],
        rows,
        "The target is a sum of at most 1.50 times that at 1,000 nodes. A NumPy array of one number takes\n"
        f"{array:.0f} bytes; a node of the chain stores two, its value and its local gradient.",
    )


# Second derivatives -------------------------------------------------------------------------------------------


def cost_of_w1(start: Start, sigmoid: Callable[[Any], Any], array: Callable[[Array], Any]) -> Callable[[Any], Any]:
    """The cost as a function of w1."""
    _, b1, w2, b2, x, y = map(array, start)
    return lambda w1: contenders.cost_of((w1, b1, w2, b2), x, y, sigmoid)


def second_derivatives(effort: Effort) -> Table:
    """The Hessian for w1, and its product with a vector."""
    small, large = Start.random((3, 4, 1, 4), "float64"), Start.random((784, 30, 10, 10), "float64")
    v = np.random.default_rng(1).standard_normal(large.w1.shape)
    f, g = (cost_of_w1(start, ag.sigmoid, ag.Tensor) for start in (small, large))
    hessians = {"autograd_lite, eager": Task(ag.hessian(f), (small.w1,))}
    products = {"autograd_lite, eager": Task(lambda w, v, g=g: ag.hvp(g, (w,), (v,)), (large.w1, v))}
    for tasks in (hessians, products):
        call, arguments, _ = tasks["autograd_lite, eager"]
        tasks["autograd_lite, compiled"] = Task(ag.compile(call), arguments)
    if find_spec("torch"):
        import torch
        from torch.autograd import functional

        f, g = (cost_of_w1(start, torch.sigmoid, torch.from_numpy) for start in (small, large))
        hessians["PyTorch"] = Task(lambda w, f=f: functional.hessian(f, w), (torch.from_numpy(small.w1),))
        vectors = torch.from_numpy(large.w1), torch.from_numpy(v)
        products["PyTorch"] = Task(lambda w, v, g=g: functional.vhp(g, w, v)[1], vectors)
    if find_spec("jax"):
        jax = contenders.configured_jax()
        f, g = (cost_of_w1(start, jax.nn.sigmoid, jax.numpy.array) for start in (small, large))
        hessian, product = jax.jit(jax.hessian(f)), jax.jit(lambda w, v, g=g: jax.jvp(jax.grad(g), (w,), (v,))[1])
        w, large_w, direction = map(jax.numpy.array, (small.w1, large.w1, v))
        hessians["JAX, jit"] = Task(lambda w: hessian(w).block_until_ready(), (w,))
        products["JAX, jit"] = Task(lambda w, v: product(w, v).block_until_ready(), (large_w, direction))
    if find_spec("autograd"):
        import autograd

        f, g = (cost_of_w1(start, contenders.sigmoid_of_hips(), lambda a: a) for start in (small, large))
        hessians["HIPS autograd"] = Task(autograd.hessian(f), (small.w1,))
        products["HIPS autograd"] = Task(autograd.hessian_vector_product(g), (large.w1, v))
    columns = []
    for tasks in (hessians, products):
        results = {label: np.asarray(task.call(*task.arguments)) for label, task in tasks.items()}
        agreeing(results, results["autograd_lite, eager"])
        columns.append(interleaved(tasks, effort))
    limits, verdicts = (2.0, 1.0), []
    if "JAX, jit" in hessians:
        ratios = [ratio(times, "autograd_lite, compiled", "JAX, jit") for times in columns]
        met = [verdict(found, limit) for found, limit in zip(ratios, limits)]
        verdicts = [["compiled / JAX, jit ≤", *limits], ["    measured", *met]]
    return Table(
        "Second derivatives of the cost with respect to w1, in µs",
        ["", "Hessian, 3-4-1×4", "Hessian times vector, 784-30-10×10"],
        [[label, *(Spread.of(1e6 * times[label]) for times in columns)] for label in hessians] + verdicts,
    )


# Inference ----------------------------------------------------------------------------------------------------


def inference(effort: Effort) -> Table:
    """A network's output under `no_grad` against the same in NumPy."""
    start = Start.random((64, 32, 10, 32), "float64")
    w1, b1, w2, b2, x, _ = start
    net = start.network()

    def by_hand(x: Array) -> Array:
        return contenders.sigmoid(w2 @ contenders.sigmoid(w1 @ x + b1) + b2)

    @ag.no_grad()
    def eager(x: Array) -> Any:
        return net(x)

    agreeing({"nets": eager(x).data}, by_hand(x))
    times = interleaved({"hand": Task(by_hand, (x,)), "nets": Task(eager, (x,))}, effort)
    found = ratio(times, "nets", "hand")
    rows = [["NumPy, µs", Spread.of(1e6 * times["hand"])], ["nets under no_grad / NumPy", found]]
    rows.append(["    target 1.10", verdict(found, 1.10)])
    return Table("Inference, 64-32-10×32, float64", ["", ""], rows)


# Memory and import --------------------------------------------------------------------------------------------


def memory(labels: Sequence[str], steps: int) -> Table:
    """What a step needs and leaves behind, of those contenders whose arrays are NumPy's and so can be traced."""
    large, small = Start.random((784, 100, 10, 128), "float64"), Start.random((3, 4, 1, 4), "float64")
    rows: list[list[Any]] = []
    for label in labels:
        if ENTRIES[label].package in ("torch", "jax", "micrograd") or not contenders.ready(large, [label]):
            continue
        held, peak, _ = traced(large, label, 1)
        begin, _, end = traced(small, label, steps)
        rows.append([label, held, peak, peak / (rows[0][2] if rows else peak), end - begin])
    return Table(
        f"Memory in KiB: one step {write_shape((784, 100, 10, 128))}; left behind by {steps:,} steps 3-4-1×4 without gc",
        ["", "between steps", "peak in a step", "peak / hand", "left behind"],
        rows,
        "Counted are parameters, gradients, buffers and the graph. Graphs without cycles leave nothing behind.",
    )


def traced(start: Start, label: str, steps: int) -> tuple[float, float, float]:
    """The memory of a contender in KiB: before `steps` without garbage collection, their peak, and after."""
    contenders.ready(start, [label])[label].task().seconds(1)  # lets the library fill its caches
    gc.collect()
    tracemalloc.start()
    task = contenders.ready(start, [label])[label].task()
    task.seconds(10)
    gc.collect()
    gc.disable()
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    task.seconds(steps)
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    gc.enable()
    return before / 1024, peak / 1024, after / 1024


def import_time(runs: int) -> Table:
    """Milliseconds that the import takes after that of NumPy, each time in a new interpreter that finds bytecode."""
    code = "import numpy, time; t = time.perf_counter(); import autograd_lite; print(time.perf_counter() - t)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    seconds = []
    for _ in range(1 + runs):  # the first one compiles
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        seconds.append(float(done.stdout))
    spread = Spread.of(1e3 * np.array(seconds[1:]))
    rows: list[list[Any]] = [["autograd_lite, ms", spread], ["    target 20", verdict(spread, 20)]]
    return Table("Import of autograd_lite, NumPy being imported already", ["", ""], rows)
