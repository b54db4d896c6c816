"""Programs as people write them give the same with and without `ag.compile`: results, Tensors, arrays that are held, and state.

Each scenario takes the decorator, runs a program with it, and returns whatever can be observed.
"""

from __future__ import annotations

import copy
import functools
import math
import threading
import types
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd_lite as ag
import nets
from autograd_lite import Tensor

Array = np.ndarray[Any, Any]
Wrap = Callable[[Any], Any]
SCENARIOS: dict[str, Callable[[Wrap], Any]] = {}
REPLAYED: set[str] = set()
X = np.random.default_rng(0).standard_normal((3, 5))
Y = np.random.default_rng(1).random((2, 5))
FACTOR = 2.0
SETTINGS = types.SimpleNamespace(rate=0.1, name="a")


def scenario(f: Any = None, *, replayed: bool = False) -> Any:
    if f is None:
        return functools.partial(scenario, replayed=replayed)
    SCENARIOS[f.__name__] = f
    if replayed:
        REPLAYED.add(f.__name__)
    return f


def parameter(*values: float) -> Tensor:
    return Tensor(list(values), requires_grad=True, name="w")


def frozen(x: Any) -> Any:
    """What can be observed of x, as bytes and text."""
    if isinstance(x, Tensor):
        return "Tensor", frozen(x.data), frozen(x.grad), x.requires_grad
    if isinstance(x, (np.ndarray, np.generic)):
        return type(x).__name__, x.shape, str(x.dtype), np.asarray(x).tobytes()
    if isinstance(x, (list, tuple)):
        return type(x).__name__, [frozen(item) for item in x]
    if isinstance(x, dict):
        return {key: frozen(value) for key, value in x.items()}
    return type(x).__name__, repr(x)


@pytest.mark.parametrize("name", SCENARIOS)
def test_compiled_as_eager(name: str) -> None:
    global FACTOR
    steps: list[Any] = []

    def compiled(step: Any) -> Any:
        steps.append(ag.compile(step))
        return steps[-1]

    observed = []
    for wrap in (lambda step: step, compiled):
        FACTOR, SETTINGS.rate = 2.0, 0.1
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            observed.append(frozen(SCENARIOS[name](wrap)))
    said = [str(w.message) for w in caught if "is not compiled" in str(w.message)]
    assert observed[0] == observed[1], said
    assert len(said) <= len(steps)
    if name in REPLAYED:
        assert not said
        assert any(step.source for step in steps)


def mlp(**keywords: Any) -> Any:
    return nets.MLP([3, 4, 2], seed=0)


def descent(net: Any, wrap: Wrap, optimizer: Any = None, rate: float = 0.5) -> Any:
    optimizer = optimizer or nets.GradientDescent(net.parameters(), rate)

    @wrap
    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        cost = net.cost(x, y)
        cost.backward()
        optimizer.step()
        return cost

    return step, optimizer


def data_of(net: Any) -> list[Array]:
    return [p.data.copy() for p in net.parameters().values()]


# Arrays that the user holds -------------------------------------------------------------------------------


@scenario(replayed=True)
def reject_and_restore(wrap: Wrap) -> Any:
    w = parameter(1.0, 2.0)

    @wrap
    def cost(x: Any) -> Any:
        w.zero_grad()
        c = (w * x * w).sum()
        c.backward()
        return c

    seen = []
    for i in range(8):
        old = w.data
        w.data = old + 1.0
        seen.append(cost(np.ones(2) * i).item())
        w.data = old
        seen.append(w.data.copy())
    return seen, w


@scenario(replayed=True)
def finite_differences(wrap: Wrap) -> Any:
    w = parameter(1.0, 2.0)
    f = wrap(lambda x: ag.grad(lambda v: (v**3).sum())(w.detach()) * x)
    seen = []
    for i in range(6):
        base = w.data
        moved = base.copy()
        moved[i % 2] += 1e-3
        w.data = moved
        seen.append(f(2.0 * np.ones(2)))
        w.data = base
    return seen


@scenario(replayed=True)
def best_weights_and_gradients_kept(wrap: Wrap) -> Any:
    net = mlp()
    step, _ = descent(net, wrap)
    held = []
    for i in range(10):
        step(X * i, Y)
        p = net.parameters()["w1"]
        held.append((p.grad, p.data, p.grad[0], p.data.copy()))
    return held, data_of(net)


@scenario(replayed=True)
def functional_updates(wrap: Wrap) -> Any:
    w = parameter(1.0, 2.0)

    @wrap
    def step(g: Any) -> Any:
        old = w.data
        w.data = w.data - g
        return old

    held = [step(np.full(2, float(i))) for i in range(8)]
    return held, w.data


@scenario(replayed=True)
def results_are_kept(wrap: Wrap) -> Any:
    f = wrap(lambda x: (x * 2, [x.T, (x + 1)[0]], np.sum(x)))
    return [f(X * i) for i in range(6)]


@scenario(replayed=True)
def sharpness_aware(wrap: Wrap) -> Any:
    net = mlp()
    p = list(net.parameters().values())

    @wrap
    def gradients(x: Any, y: Any) -> Any:
        for t in p:
            t.zero_grad()
        c = net.cost(x, y)
        c.backward()
        return c

    for i in range(12):
        gradients(X + i, Y)
        before = [t.data for t in p]
        for t in p:
            t.data = t.data + 0.05 * t.grad / (np.linalg.norm(t.grad) + 1e-12)
        gradients(X + i, Y)
        for t, b in zip(p, before):
            t.data = b - 0.1 * t.grad
    return data_of(net)


# NumPy in place -------------------------------------------------------------------------------------------


def in_place(name: str, act: Callable[[Any, Any], Any]) -> None:
    def run(wrap: Wrap) -> Any:
        w, buffer = Tensor(np.array([[3.0, -4.0], [np.nan, 0.5]])), np.zeros(2)

        def step(x: Any) -> Any:
            w.data += x
            act(w.data, buffer)
            return w.data * 1.0

        f = wrap(step)
        seen = []
        for i in range(7):
            seen += [f(np.full((2, 2), float(i))), w.data.copy(), buffer.copy()]
            w.data[...] = [[3.0, -4.0], [np.nan, 0.5 * i]]
        return seen

    run.__name__ = f"in_place_{name}"
    scenario(run)


in_place("clip_method", lambda w, b: w.clip(-1, 1, out=w))
in_place("clip_by_position", lambda w, b: np.clip(w, -1, 1, w))
in_place("clip_method_by_position", lambda w, b: w.clip(-1, 1, w))
in_place("nan_to_num", lambda w, b: np.nan_to_num(w, copy=False))
in_place("putmask", lambda w, b: np.putmask(w, w > 1, 0.0))
in_place("place", lambda w, b: np.place(w, w > 1, [0.0]))
in_place("fill_diagonal", lambda w, b: np.fill_diagonal(w, 7.0))
in_place("sum_out", lambda w, b: w.sum(0, out=b))
in_place("sum_out_by_position", lambda w, b: w.sum(0, None, b))
in_place("np_sum_out", lambda w, b: np.sum(w, axis=0, out=b))
in_place("sort", lambda w, b: w.sort(0))
in_place("fill", lambda w, b: b.fill(2.0))
in_place("set_entries", lambda w, b: w.__setitem__((0, 1), 2.0))
in_place("mask", lambda w, b: w.__setitem__(w > 1, 2.0))
in_place("at", lambda w, b: np.add.at(b, [0, 0, 1], 1.0))
in_place("copyto", lambda w, b: np.copyto(b, w[0], where=w[1] > 0))
in_place("power", lambda w, b: w.__ipow__(2))
in_place("rows", lambda w, b: w[0].__iadd__(1.0))
in_place("partition", lambda w, b: b.partition(1))
in_place("resize", lambda w, b: b.setflags(write=True))
in_place("put", lambda w, b: w.put([0, 1], 3.0))
in_place("ravel", lambda w, b: w.ravel().__imul__(0.5))
in_place("flat", lambda w, b: w.flat.__setitem__(0, 1.0))
in_place("take_out", lambda w, b: np.take(w[0], [1, 0], out=b))
in_place("dot_out", lambda w, b: np.dot(w, w[0], b))
in_place("ufunc_out_by_position", lambda w, b: np.exp(w[0], b))
in_place("reduce_out", lambda w, b: np.add.reduce(w, 0, None, b))
in_place("shuffle", lambda w, b: np.random.default_rng(0).shuffle(w))


# Types ----------------------------------------------------------------------------------------------------


@scenario(replayed=True)
def isinstance_and_type(wrap: Wrap) -> Any:
    def step(x: Any) -> Any:
        if isinstance(x, np.ndarray) and type(x) is np.ndarray and not hasattr(x, "detach"):
            return x * 2
        return x * 3

    f = wrap(step)
    return [f(X) for _ in range(4)]


@scenario
def the_step_catches_exceptions(wrap: Wrap) -> Any:
    @wrap
    def step(x: Any) -> Any:
        try:
            return x * (2 if float(x.sum()) > 0 else 3)
        except Exception:
            return x * 5

    return [step(x) for x in (X, X, X, -X, X, -X)]


@scenario(replayed=True)
def half_precision(wrap: Wrap) -> Any:
    f = wrap(lambda x: (np.mean(x, 0), x.mean(), np.sum(x, 1), np.var(x)))
    return [f((X * 100 + i).astype(np.float16)) for i in range(5)]


@scenario
def half_precision_into_an_array(wrap: Wrap) -> Any:
    out = np.zeros(5, np.float16)
    f = wrap(lambda x: (np.mean(x, 0, out=out), x.mean(0, out=out), np.sum(x, axis=0, dtype=np.float32, out=out)))
    seen = []
    for i in range(5):
        f((X * 100 + i).astype(np.float16))
        seen.append(out.copy())
    return seen


@scenario
def masked_arrays_and_matrices(wrap: Wrap) -> Any:
    f = wrap(lambda x: x * 2)
    return [
        (type(f(x)).__name__, f(x))
        for x in 3 * [np.ma.array([1.0, 2.0], mask=[True, False])] + 3 * [np.matrix([[1.0]])] + 3 * [np.array([1.0])]
    ]


@scenario
def lists_for_arrays(wrap: Wrap) -> Any:
    f = wrap(lambda x: np.asarray(x) * 2.0)
    return [f(x) for x in ([1, 2], [1, 2], [1, 2], [3, 4], np.array([1, 2]), np.array([1, 2]), np.array([5, 6]))]


@scenario
def counting_values(wrap: Wrap) -> Any:
    f = wrap(lambda x: x * np.count_nonzero(x > 0))
    return [f(X + i) for i in range(5)]


@scenario(replayed=True)
def powers(wrap: Wrap) -> Any:
    f = wrap(lambda x, n: (x**2, x**-1, x**0.5, x**3, x**2.0, np.float32(2) ** 2, x[0] ** 2, n**x))
    return [f(np.abs(X[0]) + 0.1 * i, 2.0) for i in range(5)]


@scenario(replayed=True)
def mixed_dtypes(wrap: Wrap) -> Any:
    f = wrap(lambda x: (x * 2.0, x + np.float64(1), x.astype(np.float64) / 3, x.sum() * 0.1, -x[0], x[0] + 1, x // 2, x % 2))
    return [f((X[0] + i).astype(np.float32)) for i in range(5)]


@scenario(replayed=True)
def other_layouts(wrap: Wrap) -> Any:
    f = wrap(lambda x: (x.sum(), x.reshape(-1), np.exp(x).sum(0), x.ravel() * 2))
    seen = []
    for x in (X, X, X, np.asfortranarray(X), X[:, ::-1], X[:, ::-1], X[:, ::-1], X.T.copy().T):
        seen.append(f(x))
    return seen


# Python's state -------------------------------------------------------------------------------------------


@scenario
def a_history_of_costs(wrap: Wrap) -> Any:
    net, history = mlp(), []
    optimizer = nets.GradientDescent(net.parameters(), 0.5)

    @wrap
    def step(x: Any, y: Any) -> None:
        optimizer.zero_grad()
        c = net.cost(x, y)
        c.backward()
        optimizer.step()
        history.append(c.item())

    for i in range(8):
        step(X * i, Y)
    return history, data_of(net)


class Trainer:
    rate = 0.5

    def __init__(self, wrap: Wrap) -> None:
        self.net, self.n, self.metrics = mlp(), 0, {}
        self.step = wrap(self._step)

    def _step(self, x: Any, y: Any) -> Any:
        self.n += 1
        for p in self.net.parameters().values():
            p.zero_grad()
        c = self.net.cost(x, y)
        c.backward()
        for p in self.net.parameters().values():
            p.data -= self.rate * p.grad
        self.metrics["cost"] = c.item()
        return c


@scenario
def counters_and_metrics(wrap: Wrap) -> Any:
    trainer = Trainer(wrap)
    return [(trainer.step(X * i, Y).item(), trainer.n, dict(trainer.metrics)) for i in range(8)]


class Model:
    scale = 1.0

    def __init__(self) -> None:
        self.w = parameter(1.0, 2.0)
        self.rate = 0.1
        self.layers = [self.w, parameter(3.0, 4.0)]
        self.options = {"power": 2}
        self.frozen = False

    def cost(self, x: Any) -> Any:
        return (self.scale * x * self.layers[0] ** self.options["power"] * self.layers[1]).sum()

    def train(self, x: Any) -> Any:
        self.w.zero_grad()
        c = self.cost(x)
        c.backward()
        if not self.frozen:
            self.w.data -= self.rate * self.w.grad
        return c


def changing(name: str, change: Callable[[Model, int], None], replayed: bool = True) -> None:
    def run(wrap: Wrap) -> Any:
        model = Model()
        step = wrap(model.train)
        seen = []
        for i in range(14):
            change(model, i)
            seen += [step(np.ones(2) * 0.1).item(), model.w.data.copy(), frozen(model.w.grad)]
        Model.scale = 1.0
        return seen

    run.__name__ = f"changing_{name}"
    scenario(run, replayed=replayed)


changing("nothing", lambda model, i: None)
changing("an_attribute", lambda model, i: setattr(model, "rate", [0.1, 0.2][i // 6 % 2]))
changing("a_schedule", lambda model, i: setattr(model, "rate", 0.1 / (1 + i)))
changing("a_cyclic_schedule", lambda model, i: setattr(model, "rate", [0.1, 0.2, 0.05][i % 3]))
changing("an_entry", lambda model, i: model.options.update(power=2 + i // 5))
changing("a_list", lambda model, i: model.layers.__setitem__(1, parameter(float(i // 4), 1.0)))
changing("a_parameter", lambda model, i: setattr(model, "w", model.layers[i // 5 % 2]), False)
changing("the_class", lambda model, i: setattr(Model, "scale", 1.0 + i // 5))
changing("a_shadowed_class_attribute", lambda model, i: i == 6 and setattr(model, "scale", 3.0))
changing("freezing", lambda model, i: setattr(model, "frozen", 4 < i < 9))
changing("requires_grad", lambda model, i: setattr(model.layers[1], "requires_grad", i % 5 != 4), False)
changing("data", lambda model, i: i % 4 == 3 and setattr(model.w, "data", [1.0, 1.0 * i]))
changing("data_in_place", lambda model, i: i % 4 == 3 and model.w.data.__setitem__(0, 1.0 * i))
changing("a_method", lambda model, i: i == 7 and setattr(model, "cost", lambda x: (x * model.w).sum()))


@scenario(replayed=True)
def what_a_subclass_defines_later(wrap: Wrap) -> Any:
    class Special(Model):
        pass

    model = Special()
    step = wrap(model.train)
    seen = []
    for i in range(12):
        if i == 4:
            Special.scale = 2.0
        if i == 8:
            Special.cost = lambda self, x: (self.w * x).sum()  # type: ignore[method-assign,assignment]
        seen += [step(np.ones(2) * 0.1).item(), model.w.data.copy()]
    return seen


@scenario(replayed=True)
def globals_and_their_attributes(wrap: Wrap) -> Any:
    global FACTOR
    f = wrap(lambda x: x * FACTOR * SETTINGS.rate)
    seen = []
    for i in range(12):
        FACTOR, SETTINGS.rate = float(i // 4), 0.1 * (i // 3)
        seen.append(f(X))
    return seen


@scenario(replayed=True)
def closures_of_helpers_partials_and_defaults(wrap: Wrap) -> Any:
    state = {"scale": 1.0}
    offset = [0.5]

    def helper(x: Any, extra: Any = offset) -> Any:
        return x * state["scale"] + extra[0]

    def decorated(f: Any) -> Any:
        @functools.wraps(f)
        def inner(*args: Any) -> Any:
            return f(*args) * state["scale"]

        return inner

    f = wrap(functools.partial(decorated(lambda k, x: helper(x) * k[0]), [2.0]))
    seen = []
    for i in range(12):
        state["scale"], offset[0] = 1.0 + i // 4, i // 6
        seen.append(f(X))
    return seen


@scenario
def exceptions_that_the_step_deals_with(wrap: Wrap) -> Any:
    """They depend on values: the recorded call may not raise, and another one does."""
    import contextlib

    w = parameter(1.0, 2.0)

    @wrap
    def solved(a: Any) -> Any:
        try:
            return np.linalg.solve(a, np.ones(2))
        except np.linalg.LinAlgError:
            return np.zeros(2)

    @wrap
    def entry(i: Any) -> Any:
        w.data -= 0.5
        with contextlib.suppress(IndexError):
            return w.data[i]
        return None

    @wrap
    def inverse(x: Any) -> Any:
        number = x.item()
        try:
            return 1 / number
        except ZeroDivisionError:
            return 0.0

    seen = []
    for i in range(8):
        seen += [solved(np.eye(2) * (i % 4)), entry(np.array([i % 4])), inverse(np.array(float(i % 4)))]
    return seen, w


@scenario(replayed=True)
def exceptions_that_reach_the_caller(wrap: Wrap) -> Any:
    w = parameter(1.0, 2.0)

    @wrap
    def step(a: Any) -> Any:
        w.data -= 0.5
        return np.linalg.solve(a, w.data)

    seen: list[Any] = []
    for i in range(10):
        try:
            seen.append(step(np.eye(2) * (i % 5)))
        except np.linalg.LinAlgError as error:
            seen.append(str(error))
    return seen, w


@scenario(replayed=True)
def exceptions_in_the_words_of_the_engine(wrap: Wrap) -> Any:
    w = parameter(1.0, 2.0, 3.0)

    @wrap
    def step(i: Any) -> Any:
        w.zero_grad()
        cost = (w[i] ** 2).sum()
        cost.backward()
        w.data -= 0.1 * w.grad
        return cost

    seen: list[Any] = []
    for i in range(40):
        try:
            seen.append(step(np.array([0, i % 5])))
        except IndexError as error:
            seen.append(str(error))
        seen += [w.data.copy(), frozen(w.grad)]
    return seen


@dataclass
class Options:
    rate: float = 0.1
    order: int = 2


@scenario(replayed=True)
def a_configuration_among_the_arguments(wrap: Wrap) -> Any:
    options = Options()
    f = wrap(lambda x, o: x * o.rate + o.order)
    seen = []
    for i in range(10):
        options.rate = 0.1 * (1 + i // 4)
        seen.append(f(X, options))
    other = Options(5.0)
    return seen, [f(X, other) for _ in range(4)], f(X, options)


@scenario(replayed=True)
def a_configuration_that_the_step_closes_over(wrap: Wrap) -> Any:
    holder = types.SimpleNamespace(options=Options())
    f = wrap(lambda x: x * holder.options.rate + holder.options.order)
    seen = []
    for i in range(12):
        if i == 4:
            holder.options.order = 3
        if i == 8:
            holder.options = Options(0.5, 1)
        seen.append(f(X))
    return seen


@scenario(replayed=True)
def variables_of_another_module(wrap: Wrap) -> Any:
    other = types.ModuleType("other")
    exec("scale = 2.0\ndef helper(x):\n    return x * scale", vars(other))
    f = wrap(lambda x: other.helper(x) + other.scale)  # type: ignore[attr-defined]
    seen = []
    for i in range(12):
        other.scale = 1.0 + i // 4  # type: ignore[attr-defined]
        seen.append(f(X))
    return seen


@scenario
def random_numbers(wrap: Wrap) -> Any:
    rng = np.random.default_rng(0)
    f = wrap(lambda x: x * (rng.random(x.shape) > 0.5))
    return [f(X) for _ in range(6)]


@scenario
def global_random_numbers(wrap: Wrap) -> Any:
    np.random.seed(0)  # noqa: NPY002
    f = wrap(lambda x: x + np.random.rand())  # noqa: NPY002
    return [f(X) for _ in range(6)]


@scenario
def iterators(wrap: Wrap) -> Any:
    numbers = iter(range(100))
    f = wrap(lambda x: x * next(numbers))
    return [f(X) for _ in range(6)]


@scenario
def a_global_counter(wrap: Wrap) -> Any:
    def step(x: Any) -> Any:
        global FACTOR
        FACTOR += 1
        return x * FACTOR

    f = wrap(step)
    return [f(X) for _ in range(6)], FACTOR


@scenario
def a_counter_in_a_closure(wrap: Wrap) -> Any:
    n = 0

    def step(x: Any) -> Any:
        nonlocal n
        n += 1
        return x * n

    f = wrap(step)
    return [f(X) for _ in range(6)], n


@scenario
def an_attribute_of_the_function(wrap: Wrap) -> Any:
    def step(x: Any) -> Any:
        step.calls = getattr(step, "calls", 0) + 1  # type: ignore[attr-defined]
        return x * step.calls  # type: ignore[attr-defined]

    f = wrap(step)
    return [f(X) for _ in range(6)]


@scenario
def printing(wrap: Wrap) -> Any:
    import contextlib
    import io

    f = wrap(lambda x: print(x.sum()))
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        for i in range(5):
            f(X + i)
    return out.getvalue()


@scenario
def arguments_that_are_written_to(wrap: Wrap) -> Any:
    def step(x: Any, into: dict[str, Any], rows: list[Any]) -> None:
        x *= 2
        into["x"] = x.sum()
        rows[0] += 1.0

    f = wrap(step)
    seen = []
    for i in range(6):
        x, into, rows = X * i, {"x": 0}, [np.ones(2) * i]
        f(x, into, rows)
        seen += [x, into, rows]
    return seen


# Plain NumPy ----------------------------------------------------------------------------------------------


@scenario(replayed=True)
def plain_arrays_from_outside(wrap: Wrap) -> Any:
    weights = np.array([1.0, 2.0, 3.0])
    table = np.arange(12.0).reshape(4, 3)
    f = wrap(lambda x, i: (x @ (weights / weights.sum()), table[i] + 1, table[:, 1] * 2))
    seen = []
    for i in range(8):
        weights[0] = i
        table[i % 4] *= 2
        seen.append(f(X.T, np.array([0, i % 4])))
    return seen


@scenario(replayed=True)
def momentum_by_hand(wrap: Wrap) -> Any:
    w, v = parameter(1.0, 2.0), np.zeros(2)

    @wrap
    def step(x: Any) -> Any:
        w.zero_grad()
        c = (w * w * x).sum()
        c.backward()
        np.multiply(v, 0.9, out=v)
        v[...] -= 0.1 * w.grad
        w.data += v
        return c.item()

    return [(step(np.ones(2) * i), w.data.copy(), v.copy()) for i in range(9)]


@scenario
def momentum_by_hand_rebinding(wrap: Wrap) -> Any:
    w, v = parameter(1.0, 2.0), np.zeros(2)

    @wrap
    def step(x: Any) -> Any:
        nonlocal v
        w.zero_grad()
        c = (w * w * x).sum()
        c.backward()
        v = 0.9 * v - 0.1 * w.grad
        w.data += v
        return c.item()

    return [(step(np.ones(2) * i), w.data.copy(), v) for i in range(9)]


@scenario(replayed=True)
def averages_and_adam_by_hand(wrap: Wrap) -> Any:
    w, m, v, powers, average = parameter(1.0, 2.0), np.zeros(2), np.zeros(2), np.ones(2), np.zeros(2)

    @wrap
    def step(x: Any) -> Any:
        w.zero_grad()
        c = (w * w * x).sum()
        c.backward()
        powers[...] *= [0.9, 0.99]
        m[...] = 0.9 * m + 0.1 * w.grad
        v[...] = 0.99 * v + 0.01 * w.grad**2
        w.data -= 0.1 * (m / (1 - powers[0])) / (np.sqrt(v / (1 - powers[1])) + 1e-8)
        average[...] += (w.data - average) / 4
        return c.item()

    return [(step(np.ones(2) * i), w.data.copy(), average.copy()) for i in range(9)]


@scenario(replayed=True)
def columns_of_a_data_set_from_outside(wrap: Wrap) -> Any:
    data, w = np.arange(12.0).reshape(2, 6), parameter(1.0, 2.0)
    f = wrap(lambda chosen: np.sum((w @ data[:, chosen]) ** 2).item())
    seen = []
    for i in range(8):
        data[0, i % 6] = -i
        seen.append(f(np.array([i % 6, 2, 3])))
    return seen


@scenario(replayed=True)
def math_of_plain_numbers_and_questions(wrap: Wrap) -> Any:
    f = wrap(lambda x, n: np.asarray(x) * math.sqrt(n) if not hasattr(x, "detach") else x.detach())
    return [f(X * i, 4.0) for i in range(4)] + [f(Tensor(X), 4.0) for _ in range(4)]


@scenario(replayed=True)
def views_of_one_vector(wrap: Wrap) -> Any:
    flat = np.arange(6.0)
    a, b = ag.as_tensor(flat[:3]), ag.as_tensor(flat[3:])

    @wrap
    def step(x: Any) -> Any:
        before = a.data + b.data
        np.multiply(flat, x, out=flat)
        return before, a.data + b.data

    return [step(np.array(1.0 + i)) for i in range(7)], flat


@scenario(replayed=True)
def an_argument_that_is_the_data_of_a_parameter(wrap: Wrap) -> Any:
    w = parameter(1.0, 2.0)

    @wrap
    def step(x: Any) -> Any:
        before = x * 2
        w.data -= 0.5
        return x * 2 - before

    return [step(x) for x in (np.ones(2), np.ones(2), np.ones(2), w.data, w.data, w.data, np.ones(2), w.data)]


# Gradients ------------------------------------------------------------------------------------------------


@scenario
def a_compiled_layer_in_an_eager_step(wrap: Wrap) -> Any:
    w1, w2 = parameter(1.0, 2.0), parameter(3.0, 4.0)
    h = wrap(lambda x: w1 * x)
    for i in range(5):
        (w2 * h(np.ones(2) * i)).sum().backward()
    return w1, w2


@scenario
def a_compiled_cost_with_backward_outside(wrap: Wrap) -> Any:
    net = mlp()
    cost = wrap(net.cost)
    for _ in range(5):
        cost(X, Y).backward()
    return [p.grad for p in net.parameters().values()]


@scenario(replayed=True)
def zero_grad_of_a_parameter_without_a_gradient(wrap: Wrap) -> Any:
    a, b = parameter(1.0, 2.0), parameter(3.0, 4.0)

    @wrap
    def step(x: Any) -> None:
        a.zero_grad(), b.zero_grad()
        (a * x).sum().backward()

    for i in range(5):
        b.grad = np.ones(2)
        step(np.ones(2) * i)
        assert b.grad is None
    return a, b


@scenario(replayed=True)
def accumulation_over_calls(wrap: Wrap) -> Any:
    net = mlp()
    gradients = wrap(lambda x, y: net.cost(x, y).backward())
    optimizer = nets.GradientDescent(net.parameters(), 0.1)
    for i in range(16):
        gradients(X + i, Y)
        if i % 4 == 3:
            optimizer.step()
            optimizer.zero_grad()
    return data_of(net)


@scenario
def clipping_by_norm(wrap: Wrap) -> Any:
    net = mlp()
    p = list(net.parameters().values())

    @wrap
    def step(x: Any, y: Any) -> Any:
        for t in p:
            t.zero_grad()
        c = net.cost(x, y)
        c.backward()
        norm = math.sqrt(sum(float(np.sum(t.grad**2)) for t in p))
        if norm > 1:
            for t in p:
                t.grad = t.grad / norm
        for t in p:
            t.data -= 0.5 * t.grad
        return c.item()

    return [step(X * i, Y) for i in range(10)], data_of(net)


@scenario(replayed=True)
def clipping_with_minimum(wrap: Wrap) -> Any:
    net = mlp()
    p = list(net.parameters().values())

    @wrap
    def step(x: Any, y: Any) -> Any:
        for t in p:
            t.zero_grad()
        c = net.cost(x, y)
        c.backward()
        norm = np.sqrt(sum(np.sum(t.grad**2) for t in p))
        for t in p:
            t.grad = t.grad * np.minimum(1.0, 1.0 / norm)
            t.data -= 0.5 * t.grad
        return c.item()

    return [step(X * (1 + i), Y) for i in range(10)], data_of(net), [t.grad for t in p]


@scenario(replayed=True)
def the_step_of_an_optimizer(wrap: Wrap) -> Any:
    net = mlp()
    optimizer = nets.Adam(net.parameters(), 0.1)
    step = wrap(optimizer.step)
    for i in range(8):
        optimizer.zero_grad()
        net.cost(X + i, Y).backward()
        step()
    return data_of(net)


@scenario(replayed=True)
def a_tensor_argument_that_is_a_variable_at_times(wrap: Wrap) -> Any:
    w, v = parameter(1.0, 2.0), parameter(3.0, 4.0)

    @wrap
    def step(t: Any) -> None:
        w.zero_grad()
        t.zero_grad()
        (w * t).sum().backward()

    seen = []
    for t in (v, v, v, w, w, w, v, w, parameter(5.0, 6.0)):
        step(t)
        seen += [w.grad.copy(), t.grad.copy()]
    return seen


@scenario
def a_leaf_first_and_one_with_a_history_later(wrap: Wrap) -> Any:
    w, v = parameter(1.0, 2.0), parameter(3.0, 4.0)

    @wrap
    def step(t: Any) -> Any:
        v.zero_grad()
        c = (t * v).sum()
        c.backward()
        return c.item()

    return [step(t) for t in (w, w, w, w * 2, w * 2, w)], w, v


@scenario
def no_grad_around_it(wrap: Wrap) -> Any:
    w = parameter(1.0, 2.0)
    f = wrap(lambda x: (w * x).requires_grad)
    seen = []
    for _ in range(3):
        for _ in range(4):
            seen.append(f(np.ones(2)))
        with ag.no_grad():
            seen += [f(np.ones(2)) for _ in range(3)]
    return seen


@scenario(replayed=True)
def frozen_between_calls(wrap: Wrap) -> Any:
    net = mlp()
    step, optimizer = descent(net, wrap)
    for i in range(12):
        net.parameters()["w1"].requires_grad = i // 4 != 1
        for p in net.parameters().values():
            p.zero_grad()
        step(X, Y)
    return data_of(net)


# Around it ------------------------------------------------------------------------------------------------


@scenario(replayed=True)
def learning_rate_as_an_argument(wrap: Wrap) -> Any:
    w = parameter(1.0, 2.0)

    @wrap
    def step(x: Any, rate: float) -> Any:
        w.zero_grad()
        c = (w * w * x).sum()
        c.backward()
        w.data -= rate * w.grad
        return c.item()

    return [step(np.ones(2), 0.1 / (1 + i)) for i in range(30)], w


@scenario
def a_number_that_decides(wrap: Wrap) -> Any:
    f = wrap(lambda x, n: sum(x * i for i in range(n)) if n % 2 else x)
    return [f(X, n) for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 10, 11, 12)]


@scenario(replayed=True)
def smaller_last_batches(wrap: Wrap) -> Any:
    net = mlp()
    step, _ = descent(net, wrap, nets.Momentum(net.parameters(), 0.1))
    return [step(X[:, : 5 - i % 3], Y[:, : 5 - i % 3]).item() for i in range(20)], data_of(net)


@scenario(replayed=True)
def a_schedule_of_an_optimizer(wrap: Wrap) -> Any:
    net = mlp()
    step, optimizer = descent(net, wrap, nets.Adam(net.parameters(), 0.1))
    costs = []
    for i in range(20):
        optimizer.learning_rate = 0.1 / (1 + i)
        costs.append(step(X, Y).item())
    return costs, data_of(net)


@scenario(replayed=True)
def copies_of_models_that_hold_a_step(wrap: Wrap) -> Any:
    model = Model()
    model.step = wrap(model.train)  # type: ignore[attr-defined]
    for _ in range(4):
        model.step(np.ones(2))  # type: ignore[attr-defined]
    other = copy.deepcopy(model)
    for _ in range(4):
        other.step(np.ones(2) * 2)  # type: ignore[attr-defined]
    return model.w, other.w


@scenario
def threads_in_a_step(wrap: Wrap) -> Any:
    square = wrap(lambda x: x * x)

    @wrap
    def step(x: Any) -> Any:
        results: list[Any] = [None, None]

        def work(i: int) -> None:
            results[i] = square(x + i)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results[0] + results[1]

    return [step(X * i) for i in range(4)]


@scenario
def mapped_over_threads_in_a_step(wrap: Wrap) -> Any:
    square = wrap(lambda x: x * x)

    @wrap
    def step(x: Any) -> Any:
        with ThreadPoolExecutor(2) as pool:
            return sum(pool.map(square, [x, x + 1, x + 2]))

    return [step(X * i) for i in range(4)]


@scenario
def settings_of_floating_point_errors(wrap: Wrap) -> Any:
    f = wrap(lambda x: np.log(x) + 1)
    seen: list[Any] = []
    for mode in ("ignore", "ignore", "ignore", "raise", "ignore", "raise"):
        with np.errstate(all=mode):  # type: ignore[call-overload]
            try:
                seen.append(f(np.zeros(2)))
            except FloatingPointError as error:
                seen.append(str(error))
    return seen


@scenario(replayed=True)
def settings_that_are_entered_anew_at_each_call(wrap: Wrap) -> Any:
    w = parameter(1.0, 2.0)
    f = wrap(lambda x: np.log(x) + (w * x).detach())
    seen = []
    for i in range(40):
        with np.errstate(divide="ignore"), ag.no_grad(), ag.name_scope("a"):
            seen.append(f(np.ones(2) * (i % 2)))
    return seen


@scenario
def settings_of_the_process(wrap: Wrap) -> Any:
    f = wrap(lambda x: 1 / x)
    seen: list[Any] = []
    for i in range(8):
        before = np.seterr(divide="raise" if i == 5 else "ignore")
        try:
            seen.append(f(np.zeros(2)))
        except FloatingPointError as error:
            seen.append(str(error))
        finally:
            np.seterr(**before)
    return seen


@scenario(replayed=True)
def dictionaries_of_parameters(wrap: Wrap) -> Any:
    p = {"w": parameter(1.0, 2.0), "b": parameter(0.5, 0.5)}

    @wrap
    def step(batch: Any, *, scale: float = 1.0) -> Any:
        for t in p.values():
            t.zero_grad()
        c = ((p["w"] * batch["x"] + p["b"] - batch["y"]) ** 2).sum() * scale
        c.backward()
        for name, t in p.items():
            t.data -= 0.1 * t.grad
        return {"cost": c.item(), "norms": [np.linalg.norm(t.grad) for t in p.values()]}

    return [step({"x": np.ones(2) * i, "y": np.zeros(2)}, scale=0.5) for i in range(8)], p


@scenario
def a_generator_function(wrap: Wrap) -> Any:
    f = wrap(lambda x: (row * 2 for row in x))
    return [list(f(X)) for _ in range(4)]


@scenario
def the_step_raises(wrap: Wrap) -> Any:
    w = parameter(1.0, 2.0)
    fails = {"now": False}

    @wrap
    def step(x: Any) -> Any:
        w.data -= x
        if fails["now"]:
            raise KeyError("now")
        return w.data * 2

    seen = []
    for i in range(10):
        fails["now"] = i in (1, 5)
        try:
            seen.append(step(np.ones(2)))
        except KeyError:
            seen.append("raised")
    return seen, w


@scenario(replayed=True)
def a_recurrent_network(wrap: Wrap) -> Any:
    rng = np.random.default_rng(3)
    u, v = (Tensor(rng.standard_normal((3, 3)), requires_grad=True) for _ in "uv")

    @wrap
    def step(xs: Any, y: Any) -> Any:
        h = np.zeros((3, 1))
        for x in xs:
            h = np.tanh(u @ h + v @ x)
        c = ((h - y) ** 2).sum()
        u.zero_grad(), v.zero_grad()
        c.backward()
        for p in (u, v):
            p.data -= 0.1 * p.grad
        return c.item()

    xs = rng.standard_normal((4, 3, 1))
    return [step(xs * (1 + i), np.ones((3, 1))) for i in range(8)], u, v


@scenario(replayed=True)
def two_heads_and_an_average(wrap: Wrap) -> Any:
    w, a, b = parameter(1.0, 2.0), parameter(0.1, 0.2), parameter(0.3, 0.4)
    mean = w.data.copy()

    @wrap
    def step(x: Any) -> Any:
        for t in (w, a, b):
            t.zero_grad()
        h = np.tanh(w * x)
        one, two = ((a * h) ** 2).sum(), ((b * h - 1) ** 2).sum()
        (one + 0.5 * two).backward()
        for t in (w, a, b):
            t.data = t.data - 0.1 * t.grad
        mean[...] = 0.9 * mean + 0.1 * w.data
        return one, two

    return [step(np.ones(2) * i) for i in range(8)], mean, w, a, b


@scenario
def constants_made_in_the_step(wrap: Wrap) -> Any:
    @wrap
    def step(x: Any) -> Any:
        a = np.array([1.0, 2.0])
        a += x
        b = np.zeros(2)
        b[0] = x[1]
        c = np.ones((2, 2))
        c[1] = a
        return a, b, c, np.arange(2) * x, np.linspace(0, 1, 2) + x

    return [step(np.full(2, float(i))) for i in range(6)]


# What Python can do in few lines --------------------------------------------------------------------------


class Slotted:
    __slots__ = ("w", "missing")

    def __init__(self) -> None:
        self.w = 2.0


class Base:
    scale = 3.0

    def f(self, x: Any) -> Any:
        return x * self.scale


class Derived(Base):
    def f(self, x: Any) -> Any:
        return super().f(x) + len(vars(self))


class Pair(NamedTuple):
    x: Any
    y: Any


def importing(x: Any) -> Any:
    import cmath

    return x * cmath.pi


def deleting(x: Any) -> Any:
    SETTINGS.extra = 1.0
    del SETTINGS.extra
    return x * SETTINGS.rate


def setting_a_class(x: Any) -> Any:
    Base.scale = 3.0
    return x * Base.scale


def assigned_later() -> Any:
    def step(x: Any) -> Any:
        try:
            return x * later  # noqa: F821
        except NameError:
            return x

    if len(X) == 0:
        later = 1.0  # noqa: F841
    return step


def raising(x: Any) -> Any:
    with np.errstate(divide="raise"):
        try:
            return 1 / x
        except FloatingPointError:
            return x * 7


def frozen_inside(x: Any) -> Any:
    y = x * 2
    y.flags.writeable = False
    try:
        y += 1
    except ValueError:
        return y * 3
    return y


def setting_an_attribute_back(x: Any) -> Any:
    SETTINGS.rate *= 2
    y = x * SETTINGS.rate
    SETTINGS.rate /= 2
    return y


def held(value: Any, use: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    return lambda x: use(x, value)


STEPS: dict[str, Any] = {
    "super and vars": Derived().f,
    "slots": held(Slotted(), lambda x, s: x * s.w if not hasattr(s, "missing") else x),
    "an import": importing,
    "an attribute deleted": deleting,
    "a class that is set": setting_a_class,
    "a variable without a value": assigned_later(),
    "errors that raise": raising,
    "errstate as decorator": np.errstate(all="ignore")(lambda x: x / 0),
    "an array frozen in the step": frozen_inside,
    "a method of a list": held([1, 2].index, lambda x, index: x * index(2)),
    "an attribute that is set back": setting_an_attribute_back,
    "a set of objects": held({Base(), Base()}, lambda x, s: x * len(s)),
    "a set of numbers": held({1, 2, 3}, lambda x, s: x * sum(s) if 2 in s else x),
    "a long list": held([1.0] * 1000, lambda x, s: x * s[3]),
    "an array of objects": held(np.array([1, None]), lambda x, a: x * a[0]),
    "a slice from outside": held(slice(1, None), lambda x, s: x[s] * 2),
    "a read-only array": held(np.broadcast_to(2.0, (5,)), lambda x, a: x * a),
    "a question about types": lambda x: x * 2 if isinstance(type(x), type) and callable(np.sin) else x,
    "memory": lambda x: x * (1 if x.base is None else 2) * (1 if x.flags.c_contiguous else 3),
    "writeable": lambda x: x * 2 if x.flags.writeable else x,
    "an object from outside returned": held(Slotted(), lambda x, s: (x * s.w, s.w, Base.scale)),
    "a named tuple": lambda x: Pair(x * 2, [Pair(x, 1)]),
    "a list of results as an array": lambda x: np.array([x[0], x[1]]),
    "numbers as arrays": lambda x: np.asarray(x[0].item()) + np.array(x.sum().item(), dtype=np.float32),
    "copies": lambda x: (np.array(x, copy=True), np.asarray(x, dtype=np.float32), np.asarray(x, order="F"), np.array(x, ndmin=3)),
    "iteration over a number": lambda x: list(x.sum()) if x.ndim == 0 else [row for row in x],
    "at": lambda x: (lambda a: (np.add.at(a, [0, 0], x[0, :2]), a)[1])(np.zeros(3)),
    "at of plain numbers": lambda x: (lambda a: (np.add.at(a, [0], 1.0), a * x[0, 0])[1])(np.array([1.0, 2.0])),
    "powers": lambda x: (x.__ipow__(2) if False else x**np.float64(2), x[0, 0] ** 3),
    "nan_to_num": lambda x: np.nan_to_num(x * np.inf),
    "split": lambda x: (np.split(x, 3), np.linalg.eigh(x @ x.T)),
    "numbers in text": lambda x: (f"{x[0, 0]:.3f}", str(x.shape), repr(x.dtype)),
    "a lambda with a default": lambda x, n=[2.0]: x * n[0],  # noqa: B006
    "map and sorted": lambda x: sum(map(lambda row: row * 2, sorted(x, key=len))),
    "a generator": lambda x: sum(row * i for i, row in enumerate(x) if i % 2),
    "a comprehension of dicts": lambda x: {k: v for k, v in zip("ab", (x, x + 1))},
    "walrus and unpacking": lambda x: (y := x * 2, *(y[0], y[1])),
    "bool of an array": lambda x: x * 2 if (x > -100).all() else x,
    "min and max of Python": lambda x: max(x[0, 0], x[0, 1]) * min(x.shape),
    "an exception": lambda x: x[99],
    "math of values": lambda x: x * math.exp(x[0, 0]),
    "complex": lambda x: np.abs(np.fft.fft(x)) + np.real(x * 1j),
    "integers": lambda x: (x * 10).astype(int) // 3 + np.arange(5) % 2,
    "random": lambda x: x + np.random.default_rng(0).random(5),
    "ufunc methods": lambda x: (np.add.reduce(x, 0), np.multiply.outer(x[0], x[1]), np.add.accumulate(x, 1)),
}


@pytest.mark.parametrize("name", STEPS)
def test_python_in_few_lines(name: str) -> None:
    step, inputs = STEPS[name], [X, X + 1, X * 2, -X, X]
    compiled = ag.compile(step)

    def outcome(f: Any, x: Any) -> Any:
        try:
            return frozen(f(x))
        except Exception as error:
            return type(error).__name__, str(error)

    with warnings.catch_warnings(record=True), np.errstate(all="ignore"):
        warnings.simplefilter("always")
        for x in inputs:
            assert outcome(compiled, x.copy()) == outcome(step, x.copy())
