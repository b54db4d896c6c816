"""Training scripts as people write them give the same numbers over 50 steps with `@ag.compile` over the step as without.

Each script takes the decorator and returns what it ends with: costs, parameters, and what it has noted on the way.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from test_compiled_programs import frozen

import autograd_lite as ag
import nets
from autograd_lite import Tensor

Array = np.ndarray[Any, Any]
Wrap = Callable[[Any], Any]
Script = Callable[[Wrap], Any]
SCRIPTS: list[Script] = []
EAGER: set[str] = set()
RNG = np.random.default_rng(5)
X, Y = RNG.standard_normal((3, 40)), RNG.random((2, 40))
STEPS = 50


def script(f: Script) -> Script:
    """A script whose step is replayed, from some call on."""
    SCRIPTS.append(f)
    return f


def as_it_is(f: Script) -> Script:
    """A script whose step does what a replay does not, and runs as it is, with a warning."""
    EAGER.add(f.__name__)
    return script(f)


def batches(size: int = 8, steps: int = STEPS) -> Iterator[tuple[Array, Array]]:
    rng = np.random.default_rng(0)
    for _ in range(steps):
        chosen = rng.permutation(X.shape[1])[:size]
        yield X[:, chosen], Y[:, chosen]


def parameters(*shapes: tuple[int, ...]) -> list[Tensor]:
    rng = np.random.default_rng(2)
    return [Tensor(rng.standard_normal(shape) / 2, requires_grad=True) for shape in shapes]


def updated(step: Any, optimizer: Any) -> None:
    optimizer.zero_grad()
    step.backward()
    optimizer.step()


def state_of(net: Any) -> list[Array]:
    return [p.data.copy() for p in net.parameters().values()]


# Schedules ------------------------------------------------------------------------------------------------


@script
def a_schedule_of_the_learning_rate(wrap: Wrap) -> Any:
    net = nets.TwoLayerNet(3, 4, 2, seed=0)
    optimizer = nets.GradientDescent(net.parameters(), 1.0)

    @wrap
    def step(x: Any, y: Any) -> Any:
        cost = net.cost(x, y)
        updated(cost, optimizer)
        return cost

    costs = []
    for i, (x, y) in enumerate(batches()):
        optimizer.learning_rate = 0.5 * (1 + np.cos(np.pi * i / STEPS)) + 0.01
        costs.append(step(x, y).item())
    return costs, state_of(net)


@script
def warming_up_and_cooling_down(wrap: Wrap) -> Any:
    w, v = parameters((4, 3), (2, 4))
    rate = 0.0

    @wrap
    def step(x: Any, y: Any) -> Any:
        w.zero_grad(), v.zero_grad()
        cost = np.mean((v @ np.tanh(w @ x) - y) ** 2)
        cost.backward()
        for p in (w, v):
            p.data -= rate * p.grad
        return cost.item()

    costs = []
    for i, (x, y) in enumerate(batches()):
        rate = 0.1 * min(1.0, (i + 1) / 10) * (0.5 if i > 30 else 1.0)
        costs.append(step(x, y))
    return costs, w, v


@script
def a_schedule_that_the_step_takes_as_argument(wrap: Wrap) -> Any:
    net = nets.MLP([3, 5, 2], seed=1)

    @wrap
    def step(x: Any, y: Any, *, rate: float, decay: float = 1e-3) -> Any:
        cost = net.cost(x, y)
        gradients = ag.gradients(cost, list(net.parameters().values()))
        for p, g in zip(net.parameters().values(), gradients):
            p.data -= rate * (g + decay * p.data)
        return cost.detach()

    return [step(x, y, rate=1.0 / (1 + i)) for i, (x, y) in enumerate(batches())], state_of(net)


@script
def a_momentum_that_rises(wrap: Wrap) -> Any:
    net = nets.TwoLayerNet(3, 4, 2, seed=0)
    optimizer = nets.Momentum(net.parameters(), 0.1, momentum=0.5)

    @wrap
    def step(x: Any, y: Any) -> Any:
        cost = net.cost(x, y)
        updated(cost, optimizer)
        return cost

    costs = []
    for i, (x, y) in enumerate(batches()):
        optimizer.momentum = 0.5 if i < 20 else 0.9
        costs.append(step(x, y).item())
    return costs, state_of(net)


# What is done to gradients --------------------------------------------------------------------------------


@script
def clipping_by_norm(wrap: Wrap) -> Any:
    net = nets.MLP([3, 6, 2], seed=3)
    optimizer = nets.Momentum(net.parameters(), 0.5)

    @wrap
    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        cost = net.cost(x, y)
        cost.backward()
        norm = np.sqrt(sum(np.sum(p.grad**2) for p in net.parameters().values()))
        if norm > 0.5:
            for p in net.parameters().values():
                p.grad = p.grad * (0.5 / norm)
        optimizer.step()
        return cost.item(), norm

    return [step(x, y) for x, y in batches()], state_of(net)


@script
def clipping_by_entry(wrap: Wrap) -> Any:
    net = nets.MLP([3, 6, 2], seed=3)
    optimizer = nets.Adam(net.parameters(), 0.05)

    @wrap
    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        cost = net.cost(x, y)
        cost.backward()
        for p in net.parameters().values():
            np.clip(p.grad, -0.1, 0.1, out=p.grad)
        optimizer.step()
        return cost.item()

    return [step(x, y) for x, y in batches()], state_of(net)


@script
def accumulation_of_gradients(wrap: Wrap) -> Any:
    net = nets.TwoLayerNet(3, 4, 2, seed=0)
    optimizer = nets.Adam(net.parameters(), 0.05)

    @wrap
    def add(x: Any, y: Any) -> Any:
        cost = net.cost(x, y) / 4
        cost.backward()
        return cost.item()

    costs = []
    for i, (x, y) in enumerate(batches()):
        costs.append(add(x, y))
        if i % 4 == 3:
            optimizer.step()
            optimizer.zero_grad()
    return costs, state_of(net)


@script
def decoupled_weight_decay(wrap: Wrap) -> Any:
    net = nets.MLP([3, 4, 2], seed=1)
    optimizer = nets.Adam(net.parameters(), 0.05)
    decayed = [p for name, p in net.parameters().items() if name.startswith("w")]

    @wrap
    def step(x: Any, y: Any) -> Any:
        cost = net.cost(x, y) + 1e-3 * sum(np.sum(p**2) for p in decayed)
        updated(cost, optimizer)
        for p in decayed:
            p.data *= 1 - 0.01
        return cost

    return [step(x, y).item() for x, y in batches()], state_of(net)


@script
def sharpness_aware_minimisation(wrap: Wrap) -> Any:
    net = nets.MLP([3, 4, 2], seed=1)
    p = list(net.parameters().values())

    @wrap
    def step(x: Any, y: Any) -> Any:
        cost = net.cost(x, y)
        first = ag.gradients(cost, p)
        norm = np.sqrt(sum(np.sum(g**2) for g in first))
        before = [t.data for t in p]
        for t, g in zip(p, first):
            t.data = t.data + 0.05 * g / norm
        second = ag.gradients(net.cost(x, y), p)
        for t, b, g in zip(p, before, second):
            t.data = b - 0.3 * g
        return cost.item()

    return [step(x, y) for x, y in batches()], state_of(net)


# Randomness -----------------------------------------------------------------------------------------------


@as_it_is
def dropout_drawn_in_the_step(wrap: Wrap) -> Any:
    w, v = parameters((6, 3), (2, 6))
    rng = np.random.default_rng(3)

    @wrap
    def step(x: Any, y: Any) -> Any:
        w.zero_grad(), v.zero_grad()
        h = np.tanh(w @ x)
        cost = np.mean((v @ (h * (rng.random(h.shape) < 0.8) / 0.8) - y) ** 2)
        cost.backward()
        for p in (w, v):
            p.data -= 0.1 * p.grad
        return cost.item()

    return [step(x, y) for x, y in batches()], w, v


@script
def dropout_drawn_outside(wrap: Wrap) -> Any:
    w, v = parameters((6, 3), (2, 6))
    rng = np.random.default_rng(3)

    @wrap
    def step(x: Any, y: Any, mask: Any) -> Any:
        w.zero_grad(), v.zero_grad()
        cost = np.mean((v @ (np.tanh(w @ x) * mask / 0.8) - y) ** 2)
        cost.backward()
        for p in (w, v):
            p.data -= 0.1 * p.grad
        return cost.item()

    return [step(x, y, rng.random((6, 8)) < 0.8) for x, y in batches()], w, v


@script
def noise_added_to_inputs_and_weights(wrap: Wrap) -> Any:
    net, rng = nets.MLP([3, 4, 2], seed=1), np.random.default_rng(3)
    optimizer = nets.GradientDescent(net.parameters(), 0.3)

    @wrap
    def step(x: Any, y: Any) -> Any:
        cost = net.cost(x, y)
        updated(cost, optimizer)
        return cost.item()

    costs = []
    for x, y in batches():
        costs.append(step(x + 0.1 * rng.standard_normal(x.shape), y))
        net.parameters()["w1"].data += 0.01 * rng.standard_normal((4, 3))
    return costs, state_of(net)


# Weights that are kept, frozen, averaged ------------------------------------------------------------------


@script
def early_stopping_with_the_best_weights_restored(wrap: Wrap) -> Any:
    net = nets.TwoLayerNet(3, 4, 2, seed=0)
    optimizer = nets.GradientDescent(net.parameters(), 3.0)
    validate = wrap(lambda x, y: net.cost(x, y).item())

    @wrap
    def step(x: Any, y: Any) -> Any:
        updated(net.cost(x, y), optimizer)

    best, held, seen = np.inf, {}, []
    for i, (x, y) in enumerate(batches()):
        step(x, y)
        seen.append(validate(X[:, 30:], Y[:, 30:]))
        if seen[-1] < best:
            best, held = seen[-1], {name: p.data.copy() for name, p in net.parameters().items()}
        if i % 20 == 19:
            for name, p in net.parameters().items():
                p.data = held[name]
    return best, seen, held, state_of(net)


@script
def freezing_a_layer_for_some_epochs(wrap: Wrap) -> Any:
    net = nets.MLP([3, 4, 4, 2], seed=1)
    optimizer = nets.Momentum(net.parameters(), 0.1)

    @wrap
    def step(x: Any, y: Any) -> Any:
        cost = net.cost(x, y)
        updated(cost, optimizer)
        return cost

    costs = []
    for i, (x, y) in enumerate(batches()):
        net.parameters()["w1"].requires_grad = not 10 <= i < 30
        costs.append(step(x, y).item())
    return costs, state_of(net)


@script
def a_moving_average_of_the_weights(wrap: Wrap) -> Any:
    net = nets.MLP([3, 4, 2], seed=1)
    optimizer = nets.Adam(net.parameters(), 0.05)
    averages = {name: p.data.copy() for name, p in net.parameters().items()}

    @wrap
    def step(x: Any, y: Any) -> Any:
        cost = net.cost(x, y)
        updated(cost, optimizer)
        for name, p in net.parameters().items():
            averages[name] *= 0.9
            averages[name] += 0.1 * p.data
        return cost

    return [step(x, y).item() for x, y in batches()], averages, state_of(net)


@script
def checkpoints(wrap: Wrap) -> Any:
    net = nets.TwoLayerNet(3, 4, 2, seed=0)
    optimizer = nets.Momentum(net.parameters(), 0.2)

    @wrap
    def step(x: Any, y: Any) -> Any:
        cost = net.cost(x, y)
        updated(cost, optimizer)
        return cost

    kept, costs = [], []
    for i, (x, y) in enumerate(batches()):
        costs.append(step(x, y).item())
        if i % 10 == 9:
            kept.append((copy.deepcopy(net), {name: p.data for name, p in net.parameters().items()}))
    return costs, [(state_of(other), held) for other, held in kept]


@script
def another_network_taken_over(wrap: Wrap) -> Any:
    net, other = nets.TwoLayerNet(3, 4, 2, seed=0), nets.TwoLayerNet(3, 4, 2, seed=1)

    @wrap
    def step(x: Any, y: Any) -> Any:
        cost = net.cost(x, y)
        for p, g in zip(net.parameters().values(), ag.gradients(cost, list(net.parameters().values()))):
            p.data -= 0.5 * g
        return cost.item()

    costs = []
    for i, (x, y) in enumerate(batches()):
        if i == 20:
            net.w1 = other.w1
        if i == 35:
            net.w2.data = other.w2.data
        costs.append(step(x, y))
    return costs, state_of(net), state_of(other)


# Models ---------------------------------------------------------------------------------------------------


@script
def two_heads_with_costs_of_their_own(wrap: Wrap) -> Any:
    body, one, two = parameters((4, 3), (1, 4), (1, 4))

    @wrap
    def step(x: Any, y: Any) -> Any:
        for p in (body, one, two):
            p.zero_grad()
        h = ag.relu(body @ x)
        first, second = np.mean((one @ h - y[:1]) ** 2), np.mean(ag.softplus(-(two @ h) * (y[1:] - 0.5)))
        (first + 0.3 * second).backward()
        for p in (body, one, two):
            p.data -= 0.1 * p.grad
        return {"first": first.item(), "second": second.item()}

    return [step(x, y) for x, y in batches()], body, one, two


@script
def a_recurrent_network(wrap: Wrap) -> Any:
    u, v, w = parameters((4, 4), (4, 3), (2, 4))

    @wrap
    def step(sequence: Any, y: Any) -> Any:
        h = np.zeros((4, 1))
        cost = 0.0
        for x in sequence:
            h = np.tanh(u @ h + v @ x)
            cost = cost + np.sum((w @ h - y) ** 2)
        for p in (u, v, w):
            p.zero_grad()
        cost.backward()
        for p in (u, v, w):
            p.data -= 0.02 * p.grad
        return cost.item()

    rng = np.random.default_rng(1)
    return [step(rng.standard_normal((5 + i % 2, 3, 1)), np.ones((2, 1))) for i in range(STEPS)], u, v, w


@script
def labels_and_cross_entropy(wrap: Wrap) -> Any:
    w, b = parameters((4, 3), (4, 1))

    @wrap
    def step(x: Any, labels: Any) -> Any:
        w.zero_grad(), b.zero_grad()
        scores = ag.log_softmax(w @ x + b, axis=0)
        cost = -np.mean(scores[labels, np.arange(len(labels))])
        cost.backward()
        for p in (w, b):
            p.data -= 0.5 * p.grad
        return cost.item(), np.mean(np.argmax(scores.data, 0) == labels)

    rng = np.random.default_rng(1)
    return [step(x, rng.integers(0, 4, 8)) for x, _ in batches()], w, b


@script
def parameters_in_a_nest(wrap: Wrap) -> Any:
    rng = np.random.default_rng(1)
    p = {"layers": [{"w": rng.standard_normal((4, 3)), "b": np.zeros((4, 1))}, {"w": rng.standard_normal((2, 4))}]}

    def cost(p: Any, x: Any, y: Any) -> Any:
        first, second = p["layers"]
        return np.mean((second["w"] @ np.tanh(first["w"] @ x + first["b"]) - y) ** 2)

    def stepped(p: Any, g: Any, rate: float) -> Any:
        return {"layers": [{k: a[k] - rate * d[k] for k in a} for a, d in zip(p["layers"], g["layers"])]}

    @wrap
    def step(p: Any, x: Any, y: Any) -> Any:
        c, g = ag.value_and_grad(cost)(p, x, y)
        return stepped(p, g, 0.1), c

    costs = []
    for x, y in batches():
        p, c = step(p, x, y)
        costs.append(c)
    return costs, p


@script
def all_samples_in_batches_the_last_one_smaller(wrap: Wrap) -> Any:
    net = nets.MLP([3, 4, 2], seed=1)
    optimizer = nets.Adam(net.parameters(), 0.02)

    @wrap
    def step(x: Any, y: Any) -> Any:
        cost = net.cost(x, y)
        updated(cost, optimizer)
        return cost

    costs, rng = [], np.random.default_rng(0)
    for _ in range(STEPS // 4 + 1):
        order = rng.permutation(37)
        for i in range(0, 37, 10):
            costs.append(step(X[:, order[i : i + 10]], Y[:, order[i : i + 10]]).item())
    return costs, state_of(net)


@script
def batches_picked_inside_of_the_step(wrap: Wrap) -> Any:
    net = nets.TwoLayerNet(3, 4, 2, seed=0)
    optimizer = nets.GradientDescent(net.parameters(), 0.5)

    @wrap
    def step(chosen: Any) -> Any:
        cost = net.cost(X[:, chosen], Y[:, chosen])
        updated(cost, optimizer)
        return cost

    rng = np.random.default_rng(0)
    return [step(rng.permutation(40)[:8]).item() for _ in range(STEPS)], state_of(net)


# State of Python's ----------------------------------------------------------------------------------------


@as_it_is
def logging_in_the_step(wrap: Wrap) -> Any:
    net = nets.TwoLayerNet(3, 4, 2, seed=0)
    optimizer = nets.GradientDescent(net.parameters(), 0.5)
    log: list[Any] = []

    @wrap
    def step(x: Any, y: Any) -> None:
        cost = net.cost(x, y)
        updated(cost, optimizer)
        log.append(f"{len(log)}: {cost.item():.6f}")

    for x, y in batches():
        step(x, y)
    return log, state_of(net)


class Trainer:
    """A class with everything that people keep in one."""

    def __init__(self, **options: Any) -> None:
        self.net = nets.TwoLayerNet(3, 4, 2, seed=0)
        self.optimizer = nets.Momentum(self.net.parameters(), 0.2)
        self.options = {"decay": 1e-3, **options}
        self.steps = 0
        self.history: dict[str, list[float]] = {"cost": []}

    def cost(self, x: Any, y: Any) -> Any:
        penalty = sum(np.sum(p**2) for p in self.net.parameters().values())
        return self.net.cost(x, y) + self.options["decay"] * penalty

    def step(self, x: Any, y: Any) -> Any:
        cost = self.cost(x, y)
        updated(cost, self.optimizer)
        return cost


@script
def methods_of_a_class(wrap: Wrap) -> Any:
    trainer = Trainer()
    step = wrap(trainer.step)
    for i, (x, y) in enumerate(batches()):
        trainer.options["decay"] = 1e-3 if i < 25 else 1e-2
        trainer.history["cost"].append(step(x, y).item())
        trainer.steps += 1
    return trainer.history, trainer.steps, state_of(trainer.net)


@script
def a_decorated_method_of_two_objects(wrap: Wrap) -> Any:
    class Decorated(Trainer):
        step = wrap(Trainer.step)

    pair = Decorated(), Decorated(decay=0.1)
    costs = [[each.step(x, y).item() for each in pair] for x, y in batches()]
    return costs, [state_of(each.net) for each in pair]


@as_it_is
def a_class_that_counts_and_notes(wrap: Wrap) -> Any:
    class Noting(Trainer):
        @wrap
        def step(self, x: Any, y: Any) -> None:
            cost = super().step(x, y)
            self.steps += 1
            self.history["cost"].append(cost.item())
            if self.steps % 10 == 0:
                self.optimizer.learning_rate *= 0.8

    trainer = Noting()
    for x, y in batches():
        trainer.step(x, y)
    return trainer.history, trainer.steps, trainer.optimizer.learning_rate, state_of(trainer.net)


@script
def a_search_along_the_line(wrap: Wrap) -> Any:
    (w,) = parameters((2, 3))
    value_and_slope = wrap(lambda x, y: ag.value_and_grad(lambda v: np.mean((v @ x - y) ** 2))(w.data))
    costs = []
    for x, y in batches(steps=25):
        c, g = value_and_slope(x, y)
        rate, held = 4.0, w.data
        while True:
            w.data = held - rate * g
            if value_and_slope(x, y)[0] <= c - 0.5 * rate * np.sum(g**2):
                break
            w.data = held
            rate /= 2
        costs.append(c)
    return costs, w


@script
def adversarial_players_in_turn(wrap: Wrap) -> Any:
    mine, yours = parameters((2, 3), (1, 2))
    ours = nets.Adam([mine], 0.05), nets.Adam([yours], 0.05)

    def player(sign: float, optimizer: Any) -> Any:
        @wrap
        def step(x: Any, y: Any) -> Any:
            mine.zero_grad(), yours.zero_grad()
            cost = sign * np.mean(ag.softplus(yours @ (mine @ x)) - yours @ y)
            cost.backward()
            optimizer.step()
            return cost.item()

        return step

    steps = player(1.0, ours[0]), player(-1.0, ours[1])
    return [[step(x, y) for step in steps] for x, y in batches()], mine, yours


@script
def a_variational_autoencoder(wrap: Wrap) -> Any:
    mean, spread, decoder = weights = parameters((2, 3), (2, 3), (3, 2))
    optimizer = nets.Adam(dict(zip("msd", weights)), 0.01)

    @wrap
    def step(x: Any, noise: Any, share: float) -> Any:
        optimizer.zero_grad()
        m, s = mean @ x, spread @ x
        lost = ((decoder @ (m + np.exp(s * 0.5) * noise) - x) ** 2).sum()
        divergence = -0.5 * (1 + s - m**2 - np.exp(s)).sum()
        cost = lost + share * divergence
        cost.backward()
        optimizer.step()
        return lost.item(), divergence.item(), cost.item()

    rng = np.random.default_rng(3)
    return [step(x, rng.standard_normal((2, 8)), min(1.0, i / 20)) for i, (x, _) in enumerate(batches())], weights


@script
def a_teacher_that_is_replaced(wrap: Wrap) -> Any:
    teacher, student = nets.MLP([3, 4, 2], seed=1), nets.MLP([3, 4, 2], seed=2)
    optimizer = nets.Adam(student.parameters(), 0.01)

    @wrap
    def step(x: Any, temperature: float) -> Any:
        with ag.no_grad():
            soft = ag.softmax(teacher(x) / temperature, axis=0)
        cost = -(soft * ag.log_softmax(student(x) / temperature, axis=0)).sum()
        updated(cost, optimizer)
        return cost.item()

    seen = []
    for i, (x, _) in enumerate(batches()):
        if i == 20:
            next(iter(teacher.parameters().values())).data *= 0.5
        if i == 30:
            teacher = nets.MLP([3, 4, 2], seed=5)
        seen.append(step(x, 2.0 if i < 25 else 1.0))
    return seen, state_of(student)


@script
def attention_over_sequences_of_several_lengths(wrap: Wrap) -> Any:
    q, k, v = parameters((4, 4), (4, 4), (4, 4))
    masks = {n: np.triu(np.full((n, n), -1e9), 1) for n in (3, 4, 5)}

    @wrap
    def step(x: Any) -> Any:
        for p in (q, k, v):
            p.zero_grad()
        weights = ag.softmax((x @ q) @ (x @ k).T / 2 + masks[len(x)], axis=-1)
        cost = ((weights @ (x @ v) - x) ** 2).mean()
        cost.backward()
        for p in (q, k, v):
            p.data -= 0.1 * p.grad
        return cost.item()

    rng = np.random.default_rng(5)
    return [step(rng.standard_normal((3 + i % 3, 4))) for i in range(STEPS)], q, k, v


@script
def running_averages_in_a_layer(wrap: Wrap) -> Any:
    w, gain = parameters((4, 3), (4, 1))
    mean, variance = np.zeros((4, 1)), np.ones((4, 1))
    training = True

    def normalized(z: Any) -> Any:
        m, v = mean, variance
        if training:
            m = z.mean(axis=1, keepdims=True)
            v = ((z - m) ** 2).mean(axis=1, keepdims=True)
            mean[...] = 0.9 * mean + 0.1 * m.data
            variance[...] = 0.9 * variance + 0.1 * v.data
        return (z - m) / np.sqrt(v + 1e-5) * gain

    @wrap
    def step(x: Any) -> Any:
        w.zero_grad()
        gain.zero_grad()
        cost = ((normalized(w @ x) - 1) ** 2).sum()
        cost.backward()
        w.data -= 0.01 * w.grad
        gain.data -= 0.01 * gain.grad
        return cost.item()

    predicted = wrap(lambda x: normalized(w @ x).detach())
    seen: list[Any] = []
    for x, _ in batches():
        training = True
        seen.append(step(x))
        training = False
        seen += [predicted(x), mean.copy(), variance.copy()]
    return seen, w, gain


@script
def a_derivative_through_an_update(wrap: Wrap) -> Any:
    (w,) = parameters((3,))

    def cost(p: Any, x: Any) -> Any:
        return ((p * x - 1) ** 2).sum()

    def after(p: Any, x: Any) -> Any:
        return cost(p - 0.1 * ag.grad(cost)(p, x), x)

    @wrap
    def step(x: Any) -> Any:
        w.data -= 0.1 * ag.grad(after)(w.data, x)
        return after(w.data, x)

    product = wrap(lambda x: ag.hvp(lambda p: after(p, x), (w.data,), (x,)))
    return [(step(x[:, 0]), product(x[:, 0])) for x, _ in batches()], w


# The test -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", SCRIPTS, ids=lambda f: f.__name__)
def test_the_same_numbers_over_50_steps(run: Script) -> None:
    steps: list[Any] = []

    def compiled(step: Any) -> Any:
        steps.append(ag.compile(step))
        return steps[-1]

    expected = frozen(run(lambda step: step))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        got = frozen(run(compiled))
    said = [str(w.message) for w in caught]
    assert got == expected, said
    if run.__name__ in EAGER:
        assert len(said) == 1 and "is not compiled" in said[0]
    else:
        assert not said
        assert all(step.source for step in steps)
