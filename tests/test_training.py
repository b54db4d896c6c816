"""What `nets` is told and what it tells: costs from logits, names as strings, rows, training, files.

Costs are held against closed forms, optimizers against numbers of PyTorch that were recorded once, and a whole training
run against the same in NumPy from Eq 3 and Eq 5.
"""

from __future__ import annotations

import math
import os
import pickle
import shutil
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nets
from autograd_lite import Tensor
from nets import MLP, Adam, GradientDescent, Linear, Momentum, Sequential, Softmax, Tanh, TwoLayerNet, closed_form
from nets import load, save, train

X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]]).T
Y = np.array([[0, 1, 1, 0]])
quietly = partial(train, progress=False)
once: dict[str, Any] = {"epochs": 1, "batch_size": 2, "learning_rate": 0.1}


# Costs of weighted inputs -----------------------------------------------------------------------------------------


def sigma(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("samples", ["columns", "rows"])
@pytest.mark.parametrize("kind", ["softmax", "labels", "sigmoid"])
def test_costs_from_logits(kind: str, samples: str, reduction: str) -> None:
    """δ = ∂C/∂z is p − y, and the cost that of the probabilities."""
    rng = np.random.default_rng(0)
    z, classes = rng.standard_normal((4, 6)), rng.integers(0, 4, 6)
    y = np.eye(4)[classes].T if kind != "sigmoid" else rng.random((4, 6))
    p = sigma(z) if kind == "sigmoid" else np.exp(z) / np.exp(z).sum(axis=0)
    expected = -np.sum(y * np.log(p) + ((1 - y) * np.log(1 - p) if kind == "sigmoid" else 0))
    turned = np.transpose if samples == "rows" else np.asarray
    cost = nets.sigmoid_cross_entropy_cost if kind == "sigmoid" else nets.softmax_cross_entropy_cost
    t = Tensor(turned(z), requires_grad=True)
    C = cost(t, classes if kind == "labels" else turned(y), reduction=reduction, samples=samples)
    n = 6 if reduction == "mean" else 1
    assert C.item() == pytest.approx(expected / n, rel=1e-13)
    np.testing.assert_allclose(ag.gradients(C, t), turned(p - y) / n, rtol=1e-12, atol=1e-14)
    assert C.name == "C"


@pytest.mark.parametrize(
    ("cost", "delta"),
    [(nets.softmax_cross_entropy_cost, "softmax[axis=0](z1) − y"), (nets.sigmoid_cross_entropy_cost, "σ(z1) − y")],
)
def test_the_chain_rule_shows_the_difference(cost: Any, delta: str) -> None:
    net = MLP([3, 4], output=None, seed=0)
    C = cost(net(X), np.eye(4))
    lines = str(ag.chain_rule(C, net.parameters()["w1"])).splitlines()
    assert lines[:2] == [f"∂C/∂z1 = {delta}", "∂C/∂w1 = ∂C/∂z1 (a0)ᵀ"]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_costs_from_logits_are_stable(dtype: Any) -> None:
    z = Tensor(np.array([[800.0, -800, 30], [0, 0, 0]]), requires_grad=True, dtype=dtype)
    C = nets.softmax_cross_entropy_cost(z[:, :2], [1, 1])
    assert (C.item(), C.dtype) == (800, dtype)
    C = nets.softmax_cross_entropy_cost(z[:, 2:], [0])
    assert C.item() == pytest.approx(math.log1p(math.exp(-30)), rel=1e-5 if dtype is np.float32 else 1e-14)
    C = nets.sigmoid_cross_entropy_cost(z, [[0, 1, 1], [1, 1, 1]])
    assert C.item() == pytest.approx(1600 + 3 * math.log(2), rel=1e-6)
    np.testing.assert_allclose(ag.gradients(C, z)[0, :2], [1, -1])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda z: nets.softmax_cross_entropy_cost(z, [0, 2]), ValueError, "label 2 is none of the 2 classes"),
        (lambda z: nets.softmax_cross_entropy_cost(z, [0.0, 1.0]), ValueError, r"write y\.astype\(int\)"),
        (lambda z: nets.softmax_cross_entropy_cost(z, [[1, 1], [1, 0]]), ValueError, "column 0 sums to 2"),
        (lambda z: nets.softmax_cross_entropy_cost(z[:1], [[1, 1]]), ValueError, "sigmoid_cross_entropy_cost"),
        (lambda z: nets.sigmoid_cross_entropy_cost(z, [[0, 255]] * 2), ValueError, "y / 255"),
        (lambda z: nets.cross_entropy_cost(ag.sigmoid(z), [[0, 9]] * 2), ValueError, r"holds 9; .*np\.eye"),
        (lambda z: nets.quadratic_cost(z, z, reduction="average"), ValueError, "'sum' or 'mean', not 'average'"),
        (lambda z: nets.quadratic_cost(z, z, samples="lines"), ValueError, "'columns' or 'rows', not 'lines'"),
        (lambda z: nets.l2_penalty({"b1": z}), ValueError, "no weight among the parameters b1"),
    ],
)
def test_costs_refuse(call: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        call(Tensor(np.zeros((2, 2)), requires_grad=True))


def test_costs_and_activations_take_arrays() -> None:
    assert nets.quadratic_cost(np.array([[1, 2]]), [[0.5, 2]]).item() == 0.125
    assert Tanh()(np.zeros((1, 2))).data.tolist() == [[0, 0]]


def test_l2_is_of_weights_alone() -> None:
    net = TwoLayerNet(3, 4, 1, seed=0)
    for p in net.parameters().values():
        p.data = p.data + 1
    penalty = nets.l2_penalty(net.parameters())
    assert penalty.item() == pytest.approx((np.sum(net.w1.data**2) + np.sum(net.w2.data**2)) / 2)
    np.testing.assert_array_equal(ag.gradients(penalty, [net.w1, net.b1])[0], net.w1.data)
    twin = load_of(net)
    quietly(net, X, Y, epochs=1, batch_size=4, learning_rate=0.1, l2=0.5)
    by_hand = closed_form.gradients(twin, X, Y)
    np.testing.assert_allclose(net.w1.data, twin.w1.data - 0.1 * (by_hand["w1"] + 4 * 0.5 * twin.w1.data), rtol=1e-13)
    np.testing.assert_allclose(net.b1.data, twin.b1.data - 0.1 * by_hand["b1"], rtol=1e-13)


def max_margin(a: Any, y: Any) -> Any:
    return np.mean(ag.relu(1 - a * y))


@pytest.mark.parametrize(
    "cost",
    [lambda a, y: nets.quadratic_cost(a, y, reduction="mean"), lambda a, y: np.mean((a - y) ** 2), max_margin],
    ids=["of nets", "of one's own", "0 for most samples"],
)
def test_l2_is_added_once_to_a_mean(cost: Any) -> None:
    x = np.random.default_rng(0).normal(size=(3, 24))
    x[:, 0] = 5.0
    y = np.sign(x[:1] * 3)
    net, twin = MLP([3, 1], output="linear", seed=1), MLP([3, 1], output="linear", seed=1)
    net.parameters()["b1"].data += 40 * (cost is max_margin)  # nearly all samples cost nothing, the first among them
    twin.parameters()["b1"].data += 40 * (cost is max_margin)
    history = quietly(net, x, y, epochs=1, batch_size=24, learning_rate=0.5, cost=cost, l2=0.1)
    C = cost(twin(x), y)
    assert history.cost[0] == pytest.approx(C.item(), rel=1e-12)
    w = twin.parameters()["w1"]
    np.testing.assert_allclose(net.parameters()["w1"].data, w.data - 0.5 * (ag.gradients(C, w) + 0.1 * w.data), rtol=1e-10)


def test_a_mean_is_told_from_a_sum_where_some_samples_cost_something() -> None:
    net = MLP([1, 1], output="linear", seed=0)
    net.parameters()["w1"].data = np.ones((1, 1))
    x, y = np.full((1, 3000), 2.0), np.ones((1, 3000))
    x[:, 1024:] = 0.5  # the first 1024, which are looked at together, cost nothing
    assert nets.evaluate(net, x, y, cost=max_margin).cost == pytest.approx(0.5 * 1976 / 3000)


@pytest.mark.parametrize("compile", [False, True])
def test_l2_is_added_once_to_a_mean_that_was_nothing_at_first(compile: bool) -> None:
    net, x, y, l2 = MLP([1, 1], output="linear", bias=False, seed=0), np.ones((1, 6)), np.ones((1, 6)), 0.01
    w = net.parameters()["w1"]
    w.data = np.full((1, 1), 2.0)
    seen: list[float] = []

    def note(*_: Any) -> None:
        w.data = np.full((1, 1), 0.5)  # where samples cost something
        seen.append(w.item())

    options: dict[str, Any] = dict(cost=max_margin, l2=l2, compile=compile, callbacks=note)
    options["before_update"] = lambda parameters: seen.append(parameters["w1"].grad.item())
    quietly(net, x, y, epochs=8, batch_size=6, learning_rate=0.1, **options)
    gradients = seen[::2]
    assert gradients[0] == pytest.approx(6 * l2 * 2)  # nobody can know yet
    np.testing.assert_allclose(gradients[1:], -1 + l2 * 0.5, rtol=1e-12)


def test_a_callback_may_return_true_of_numpy() -> None:
    for says in (True, np.True_):
        net = MLP([3, 1], seed=0)
        history = quietly(net, X, Y, epochs=5, batch_size=4, learning_rate=0.1, callbacks=lambda *_, says=says: says)
        assert len(history.cost) == 2 and history.stopped == "by a callback"


def test_l2_may_be_a_number_of_numpy() -> None:
    ends = []
    for l2 in (0.25, np.float32(0.25), np.float64(0.25)):
        net = MLP([3, 2, 1], seed=0, dtype=np.float32)
        quietly(net, X, Y, epochs=2, batch_size=4, learning_rate=0.1, l2=l2)
        ends.append(net.layers[0].w.data)
    np.testing.assert_array_equal(ends[0], ends[1])
    np.testing.assert_array_equal(ends[0], ends[2])


def load_of(net: Any) -> Any:
    return pickle.loads(pickle.dumps(net))


# Layers -----------------------------------------------------------------------------------------------------------


def test_names_stand_for_things() -> None:
    named = MLP([3, 4, 2], hidden="relu", output="linear", seed=0, initial="he")
    assert named._signature() == "MLP([3, 4, 2], hidden=ReLU, output=None)"
    layers = Sequential(Linear(3, 4), "tanh", Linear(4, 2), "linear")
    assert layers._signature() == "Sequential(Linear(3, 4), Tanh(), Linear(4, 2))"
    for make, words in (
        (lambda: MLP([3, 4], hidden="rely"), "no activation 'rely'; there are 'sigmoid', 'tanh', 'relu'"),
        (lambda: Sequential(Linear(3, 4), "rely"), "no layer or activation 'rely'; there are 'sigmoid', 'tanh', 'relu'"),
        (lambda: MLP([3, 4], initial="hi"), "no initialisation 'hi'; there are 'nielsen', 'glorot', 'he'"),
        (lambda: quietly(TwoLayerNet(3, 4, 1), X, Y, **once, optimizer="adm"), "no optimizer 'adm'; .*'adam'"),
        (lambda: quietly(TwoLayerNet(3, 4, 1), X, Y, **once, cost="huber"), "no cost 'huber'; there are 'quadratic'"),
    ):
        with pytest.raises(ValueError, match=words):
            make()
    one, other = MLP([3, 4, 1], seed=0), MLP([3, 4, 1], seed=0)
    quietly(one, X, Y, **once, seed=0, optimizer="Adam", cost="cross-entropy")
    quietly(other, X, Y, **once, seed=0, optimizer=Adam, cost=nets.cross_entropy_cost)
    np.testing.assert_array_equal(one.parameters()["w1"].data, other.parameters()["w1"].data)


@pytest.mark.parametrize(
    ("initial", "variance"),
    [("nielsen", 1 / 300), ("glorot", 2 / 500), ("he", 2 / 300), (lambda n, m, rng: np.ones((n, m)), 0)],
)
def test_initialisations(initial: Any, variance: float) -> None:
    w = Linear(300, 200, initial=initial, seed=0).w.data
    assert w.var() == pytest.approx(variance, rel=0.02)
    assert abs(w.mean() - (variance == 0)) < 1e-3


@pytest.mark.parametrize("make", [partial(TwoLayerNet, 3, 4, 2), partial(MLP, [3, 4, 2])])
def test_rows_as_samples(make: Any) -> None:
    columns, rows = make(seed=0), make(seed=0, samples="rows")
    y = np.random.default_rng(0).random((2, 4))
    np.testing.assert_array_equal(rows(X.T).data, columns(X).data.T)
    assert rows.cost(X.T, y.T).item() == columns.cost(X, y).item()
    with pytest.raises(ValueError, match=r"expected \(batch, features\) = \(batch, 3\): write x\.T, so that each row"):
        rows(X)
    histories = [
        quietly(net, x, t, **(once | {"epochs": 3}), seed=0, held_out=(x, t))
        for net, x, t in ((columns, X, y), (rows, X.T, y.T))
    ]
    np.testing.assert_allclose(histories[1].cost, histories[0].cost, rtol=1e-14)
    assert nets.evaluate(rows, X.T, [0, 1, 0, 1]) == nets.evaluate(columns, X, [0, 1, 0, 1])
    logits = MLP([3, 2], output=None, samples="rows", seed=0)
    quietly(logits, X.T, [0, 1, 1, 1], **once, cost="softmax_cross_entropy")


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (X, [0, 1, 1, 0], r"x has shape \(3, 4\), expected \(batch, features\) = \(batch, 3\): write x\.T"),
        (X.T, np.ones((2, 4)), r"y has shape \(2, 4\), expected the shape \(4, 2\) .*, \(batch, features\): write y\.T"),
        (X.T, [0.0, 1, 1, 0], r"y has shape \(4,\).*y\.astype\(int\)"),
        (X.T, np.ones((4, 1)), r"y has shape \(4, 1\).*y\.ravel\(\)"),
    ],
)
def test_wrong_rows_are_told_as_they_were_given(x: Any, y: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        quietly(MLP([3, 2], samples="rows"), x, y, **once)


def test_the_cost_of_rows_says_what_rows_take() -> None:
    a = MLP([3, 1], samples="rows", seed=0)(X.T)
    with pytest.raises(ValueError, match=r"write y\[:, None\] for a single sample, or say samples='rows' if these are the"):
        nets.quadratic_cost(a, Y[0])


def test_named_networks_nest(tmp_path: Path) -> None:
    inner = Sequential(Linear(4, 3), Tanh(), name="inner")
    encoder = Sequential(inner, Linear(3, 2), Tanh(), name="encoder")
    net = Sequential(encoder, Linear(2, 4))
    names = ["encoder.inner.w1", "encoder.inner.b1", "encoder.w1", "encoder.b1", "w1", "b1"]
    assert list(net.parameters()) == names == [p.name for p in net.parameters().values()]
    assert net(np.zeros((4, 1))).name == "z1"
    assert repr(net).splitlines()[-1].split() == ["parameters", "35"]
    again = load(save(net, tmp_path / "net"))
    assert list(again.parameters()) == names
    assert repr(again) == repr(net)


def test_an_array_in_the_place_of_a_parameter_is_refused() -> None:
    net, two = MLP([3, 1], seed=0), TwoLayerNet(3, 4, 1, seed=0)
    for owner, name in ((net.layers[0], "w"), (two, "b1")):
        with pytest.raises(TypeError, match=rf"{name} is a parameter, which only another Tensor .* write {name}\.data"):
            setattr(owner, name, np.ones((1, 3)))
    two.b1 = None
    assert list(two.parameters()) == ["w1", "w2", "b2"]


@pytest.mark.parametrize("masked", ["x", "y"])
def test_masks_are_refused_everywhere(masked: str) -> None:
    given: dict[str, Any] = {"x": X, "y": Y}
    given[masked] = np.ma.masked_array(given[masked], mask=given[masked] > 0)
    net, (x, y) = TwoLayerNet(3, 4, 1, seed=0), given.values()
    for call in (
        lambda: net.cost(x, y),
        lambda: nets.evaluate(net, x, y),
        lambda: quietly(net, x, y, **once),
        lambda: quietly(net, X, Y, held_out=(x, y), **once),
        lambda: closed_form.gradients(net, x, y),
        lambda: closed_form.eq_4_2(x, y),
    ):
        with pytest.raises(TypeError, match=r"a Tensor has no mask.*data\.filled\(0\.0\)"):
            call()
    assert closed_form.eq_4_2(Y.view(type("Own", (np.ndarray,), {})), Y).tolist() == [[0, 0, 0, 0]]


def test_a_layer_that_gives_an_array_is_refused() -> None:
    class Cut(nets.Layer):
        def __call__(self, a: Any) -> Any:
            return a.data

    with pytest.raises(TypeError, match="a layer gives a Tensor, but Cut gave ndarray"):
        Sequential(Linear(3, 1), Cut(), Linear(1, 1))(X)


@pytest.mark.parametrize("share", [5, None, ("a", 2), (0, 2.5), (0,), (-1, 2), (2, 2), (True, 2)])
def test_shares_that_are_none(share: Any) -> None:
    with pytest.raises(ValueError, match=r"share is \(rank, size\), two integers"):
        quietly(MLP([3, 1], seed=0), X, Y, share=share, **once)


def test_a_layer_is_no_network_to_train() -> None:
    with pytest.raises(TypeError, match=r"net is a network.*; write Sequential\(Linear\(3, 1\)\)"):
        quietly(Linear(3, 1), X, Y, **once)


def test_a_program_without_a_console_has_no_progress_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert train(MLP([3, 1], seed=0), X, Y, **once).epochs == 1


def test_a_parameter_that_is_replaced_is_the_networks() -> None:
    layer = Linear(3, 1)
    net = Sequential(layer)
    layer.w = Tensor(np.ones((1, 3)), requires_grad=True)
    assert net.parameters()["w1"] is layer.w
    assert layer.w.name == "w1"
    quietly(net, X, Y, **once)
    assert not np.array_equal(layer.w.data, np.ones((1, 3)))


class Scale(nets.Layer):
    """A layer of a user's, with a parameter called as it is told."""

    def __init__(self, units: int, called: str = "g") -> None:
        self.called, self.g = called, Tensor(np.ones((units, 1)), requires_grad=True)

    def parameters(self) -> dict[str, Tensor]:
        return {self.called: self.g}

    def __call__(self, a: Any) -> Tensor:
        return a * self.g


@pytest.mark.parametrize("called, names", [("g", ["g1", "g1_2"]), ("w", ["w1_2", "w1_3"])])
def test_parameters_of_one_name_are_all_learned(called: str, names: list[str]) -> None:
    net = Sequential(Linear(3, 4, seed=0), Scale(4, called), Tanh(), Scale(4, called), Linear(4, 1, seed=1))
    assert list(net.parameters()) == ["w1", "b1", *names, "w2", "b2"] == [p.name for p in net.parameters().values()]
    assert repr(net).splitlines()[-1].split() == ["parameters", "29"]
    before = [p.data.copy() for p in net.parameters().values()]
    quietly(net, X, Y, **once)
    assert not any(np.array_equal(p.data, old) for p, old in zip(net.parameters().values(), before, strict=True))


class Residual(nets.Layer):
    """A layer around a network, which gives its parameters if it is told to."""

    def __init__(self, *layers: Any, gives: bool = True) -> None:
        self.inside, self.gives = Sequential(*layers), gives

    def parameters(self) -> dict[str, Tensor]:
        return self.inside.parameters() if self.gives else {}

    def __call__(self, a: Any) -> Tensor:
        return a + self.inside(a)


def test_a_layer_around_a_network() -> None:
    first, block, last = Linear(3, 4, seed=0), Residual(Linear(4, 4, seed=1), "tanh"), Linear(4, 1, seed=2)
    net = Sequential(first, block, last)
    np.testing.assert_array_equal(net(X).data, last(block(first(X))).data)
    before = block.inside.parameters()["w1"].data.copy()
    quietly(net, X, Y, **once)
    assert not np.array_equal(block.inside.parameters()["w1"].data, before)
    hidden = Residual(Linear(4, 4, seed=1), gives=False)
    with pytest.raises(TypeError, match=r"layer 1, Residual, holds a parameter in inside\.w1 that its parameters\(\) do not"):
        Sequential(first, hidden, last)
    for p in hidden.inside.parameters().values():
        p.requires_grad = False  # frozen, and so nothing to be learned
    Sequential(first, hidden, last)


class Twice(MLP):
    """A network that does more than its layers."""

    def __call__(self, x: Any) -> Tensor:
        return 2 * super().__call__(x)


@pytest.mark.parametrize("samples", ["columns", "rows"])
def test_the_cost_is_that_of_what_a_network_gives(samples: str) -> None:
    x, y = (X, Y) if samples == "columns" else (X.T, Y.T)
    net = Twice([3, 2, 1], seed=0, samples=samples)
    assert net.cost(x, y).item() == nets.quadratic_cost(net(x), y, samples=samples).item()


class Skipping(Sequential):
    """A residual block."""

    def __call__(self, x: Any) -> Tensor:
        return x + super().__call__(x)


def test_a_network_that_does_more_than_its_layers_stays_whole() -> None:
    blocks = [Skipping(Linear(3, 3, seed=1), "tanh", Linear(3, 3, seed=2), name=name) for name in (None, None, "c")]
    last = Linear(3, 1, seed=9)
    inner = Sequential(*blocks, Tanh(), name="inner")
    net = Sequential(inner, last, "sigmoid")
    by_hand = ag.sigmoid(last(np.tanh(blocks[2](blocks[1](blocks[0](X))))))
    np.testing.assert_array_equal(net(X).data, by_hand.data)
    expected = [f"inner.{of}.{p}" for of in ("skipping", "skipping2", "c") for p in ("w1", "b1", "w2", "b2")]
    assert list(net.parameters()) == [*expected, "w1", "b1"] == [p.name for p in net.parameters().values()]
    titles = [line.split()[0] for line in repr(net).splitlines()[1:]]
    assert titles == ["inner.skipping", "inner.skipping2", "inner.c", "layer", "parameters"]
    C = net.cost(X, Y)
    scopes = {t.scope for t in nodes_of(C)}
    assert ("inner.skipping", "layer 1") in scopes and ("inner.c",) in scopes
    before = [p.data.copy() for p in net.parameters().values()]
    quietly(net, X, Y, **once)
    assert not any(np.array_equal(p.data, old) for p, old in zip(net.parameters().values(), before, strict=True))
    assert MLP([3, 1], seed=0)._signature() == "MLP([3, 1])" and Twice([3, 1])._signature() == "Twice([3, 1])"
    for refused in (net, Twice([3, 1], seed=0)):
        with pytest.raises(TypeError, match="the closed forms"):
            closed_form.gradients(refused, X, Y)
    ends_in_more = Skipping(Linear(3, 3, seed=0), "sigmoid")
    quietly(ends_in_more, X, np.eye(3)[:, [0, 1, 2, 0]], **once, cost="softmax_cross_entropy")


def nodes_of(output: Tensor) -> list[Tensor]:
    return [output, *(t for parent in output.parents for t in nodes_of(parent))]


def test_rows_inside_of_rows() -> None:
    net = Sequential(MLP([3, 4], samples="rows", seed=0), Linear(4, 1, seed=1), samples="rows")
    assert net(X.T).shape == (4, 1)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Sequential(Twice([3, 2], samples="rows"), Linear(2, 1), samples="rows"), ValueError, "called with columns"),
        (lambda: Sequential(Linear(2, 3, dtype="f4"), Twice([3, 2])), ValueError, "layer 1, Twice.* is float64, but .* float32"),
        (lambda: Sequential(MLP([3, 2], samples="rows"), Linear(2, 1)), ValueError, "MLP.* has samples='rows', and the"),
        (lambda: MLP([3, 1], bias="no"), TypeError, "bias is True or False, not 'no'"),
        (lambda: TwoLayerNet(3, 4, 1, bias="no"), TypeError, "bias is True or False"),
        (lambda: MLP([3, 1], output=Softmax), ValueError, "Softmax of a single unit"),
        (lambda: MLP([3, 1], hidden=Tanh()), TypeError, "write Tanh, the class"),
        (lambda: MLP([3, 1], samples="row"), ValueError, "'columns' or 'rows', not 'row'"),
        (lambda: Sequential(Linear(3, 1), name="a.b"), ValueError, "without a dot"),
        (lambda: Linear(3, 2, initial=lambda n, m, rng: np.ones(3)), ValueError, r"shape \(3,\), expected \(2, 3\)"),
    ],
)
def test_networks_refuse(make: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        make()


# Optimizers -------------------------------------------------------------------------------------------------------

# w after 1, 2, 5 and 20 steps from w = [0, −2, 0.5] on C = Σ (w − [1, 2, 3])² [1, 10, 0.1], by PyTorch 2.13 in float64
PYTORCH: dict[str, list[list[float]]] = {
    "SGD(lr=0.01)": [
        [0.02, -1.2, 0.505],
        [0.0396, -0.5599999999999999, 0.50999],
        [0.0960792032, 0.6892800000000001, 0.5249001998000801],
        [0.3323920282449055, 1.9538831398157261, 0.5981226074341434],
    ],
    "SGD(lr=0.01, momentum=0.9)": [
        [0.02, -1.2, 0.505],
        [0.0576, 0.1600000000000001, 0.51449],
        [0.2506835072, 4.321680000000001, 0.5654109528560799],
        [1.2706713381607904, 3.39701046636774, 1.0683125178066002],
    ],
    "SGD(lr=0.02, momentum=0.5)": [
        [0.04, -0.39999999999999997, 0.51],
        [0.0984, 1.36, 0.52496],
        [0.2936021824, 2.70416, 0.5798777955225599],
        [0.8227276867869948, 1.997599257059281, 0.8561059289402552],
    ],
    "Adam(lr=0.1)": [
        [0.0999999995, -1.9000000000125, 0.599999998],
        [0.19958777130820718, -1.800073994854034, 0.699872807987856],
        [0.492036340735658, -1.5012675290221178, 0.9977753414424133],
        [1.2711540954901281, -0.08037080121085481, 2.3437215966873097],
    ],
    "Adam(lr=0.05, betas=(0.8, 0.95), eps=0.001)": [
        [0.04997501249375313, -1.9500006249921875, 0.5499001996007984],
        [0.09982346181090947, -1.9000291230036455, 0.599753837726016],
        [0.24766170098267887, -1.7504674606675685, 0.7487247176478943],
        [0.8532295547451427, -1.0233679293627742, 1.4572461352007688],
    ],
}


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("SGD(lr=0.01)", partial(GradientDescent, learning_rate=0.01)),
        ("SGD(lr=0.01, momentum=0.9)", partial(Momentum, learning_rate=0.01)),
        ("SGD(lr=0.02, momentum=0.5)", partial(Momentum, learning_rate=0.02, momentum=0.5)),
        ("Adam(lr=0.1)", partial(Adam, learning_rate=0.1)),
        ("Adam(lr=0.05, betas=(0.8, 0.95), eps=0.001)", partial(Adam, learning_rate=0.05, beta1=0.8, beta2=0.95, epsilon=1e-3)),
    ],
)
def test_optimizers_give_the_numbers_of_pytorch(name: str, make: Any) -> None:
    w = Tensor([0.0, -2.0, 0.5], requires_grad=True)
    optimizer, found = make([w]), []
    for step in range(1, 21):
        optimizer.zero_grad()
        np.sum((w - [1.0, 2.0, 3.0]) ** 2 * [1.0, 10.0, 0.1]).backward()
        optimizer.step()
        if step in (1, 2, 5, 20):
            found.append(w.data.copy())
    np.testing.assert_allclose(found, PYTORCH[name], rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda w: GradientDescent([w, w], 1), ValueError, r"parameter 1 .* given twice"),
        (lambda w: GradientDescent(TwoLayerNet(1, 1, 1), 1), TypeError, r"write net\.parameters\(\)"),
        (lambda w: Adam(TwoLayerNet(1, 1, 1).parameters), TypeError, "call it"),
        (lambda w: GradientDescent([w], math.inf), ValueError, "positive number, not inf"),
        (lambda w: setattr(Momentum([w], 1), "momentum", 1.5), ValueError, "momentum .* less than 1, not 1.5"),
        (lambda w: setattr(Adam([w], 1), "beta2", -1), ValueError, "beta2"),
        (lambda w: GradientDescent([w], 1).parameters.append(w), AttributeError, "append"),  # never to be followed
        (lambda w: GradientDescent([w], "0.1"), TypeError, "positive number, not '0.1'"),
        (lambda w: GradientDescent([w.astype("f4").detach()], 1), ValueError, "requires_grad"),
        (lambda w: GradientDescent([Tensor([1.0], True, dtype="f4")], 1e-60), ValueError, r"is 0\.0 in the float32"),
    ],
)
def test_optimizers_refuse(make: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        make(Tensor([1.0], requires_grad=True))


# Training ---------------------------------------------------------------------------------------------------------


def test_a_hundred_steps_are_those_of_the_closed_forms() -> None:
    """The network of `nets`, and one in plain NumPy by Eq 3, Eq 5 and their bias forms, on the same batches."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((5, 40)), rng.random((2, 40))
    net = TwoLayerNet(5, 7, 2, seed=1)
    w1, b1, w2, b2 = (p.data.copy() for p in net.parameters().values())
    quietly(net, x, y, epochs=25, batch_size=10, learning_rate=0.3, seed=2)
    order = np.random.default_rng(2)
    for _ in range(25):
        for chosen in np.split(order.permutation(40), 4):
            a0 = x[:, chosen]
            z1 = w1 @ a0 + b1
            a1 = sigma(z1)
            z2 = w2 @ a1 + b2
            a2 = sigma(z2)
            d2 = (a2 - y[:, chosen]) * a2 * (1 - a2)
            d1 = (w2.T @ d2) * a1 * (1 - a1)
            w2, b2 = w2 - 0.3 * d2 @ a1.T, b2 - 0.3 * d2.sum(axis=1, keepdims=True)
            w1, b1 = w1 - 0.3 * d1 @ a0.T, b1 - 0.3 * d1.sum(axis=1, keepdims=True)
    for p, expected in zip(net.parameters().values(), (w1, b1, w2, b2)):
        np.testing.assert_allclose(p.data, expected, rtol=1e-12, atol=1e-13)


def test_early_stopping_restores_the_best() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((4, 12)), rng.integers(0, 2, (1, 12))
    unseen = rng.standard_normal((4, 30)), rng.integers(0, 2, (1, 30))
    net = MLP([4, 30, 1], seed=0)
    seen: list[Any] = []
    history = quietly(
        net, x, y, epochs=300, batch_size=3, learning_rate=0.5, seed=0, held_out=unseen, patience=5,
        callbacks=lambda net, history: seen.append(net.parameters()["w1"].data.copy()),
    )  # fmt: skip
    best = int(np.argmin(history.held_out_cost))
    assert (history.best_epoch, history.epochs) == (best, best + 5)
    assert history.stopped == "no lower cost for 5 epochs"
    assert nets.evaluate(net, *unseen).cost == pytest.approx(history.held_out_cost[best], rel=1e-14)
    assert best == 0 or np.array_equal(seen[best - 1], net.parameters()["w1"].data)


def test_schedules_callbacks_and_what_pandas_takes() -> None:
    rates: list[float] = []

    def watch(net: Any, history: Any) -> bool:
        return history.epochs == 4

    def rate(epoch: int) -> float:
        rates.append(0.5 / (1 + epoch))
        return rates[-1]

    net, twin = TwoLayerNet(3, 4, 1, seed=0), TwoLayerNet(3, 4, 1, seed=0)
    history = quietly(net, X, Y, epochs=9, batch_size=4, learning_rate=rate, callbacks=[watch])
    assert (history.epochs, history.stopped) == (4, "by a callback")
    for epoch in range(4):
        quietly(twin, X, Y, epochs=1, batch_size=4, learning_rate=0.5 / (1 + epoch))
    np.testing.assert_allclose(net.w1.data, twin.w1.data, rtol=1e-12)
    assert {name: len(values) for name, values in history.to_dict().items()} == {"epoch": 5, "cost": 5, "accuracy": 5}


def test_interrupted_training_returns_what_was_reached() -> None:
    net = TwoLayerNet(3, 4, 1, seed=0)
    steps = []

    def interrupt(parameters: Any) -> None:
        steps.append(1)
        if len(steps) == 8:  # in the middle of an epoch
            raise KeyboardInterrupt

    history = quietly(net, X, Y, epochs=9, batch_size=2, learning_rate=0.5, seed=0, before_update=interrupt)
    assert (history.epochs, history.stopped) == (3, "interrupted")
    assert nets.evaluate(net, X, Y).cost == history.cost[-1]
    twin = TwoLayerNet(3, 4, 1, seed=0)
    quietly(twin, X, Y, epochs=3, batch_size=2, learning_rate=0.5, seed=0)
    np.testing.assert_array_equal(net.w1.data, twin.w1.data)


def test_interrupted_while_an_epoch_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """The history is as long as the parameters are old, wherever Ctrl-C came."""
    net, taken = TwoLayerNet(3, 4, 1, seed=0), []
    copies = nets.training.copies

    def interrupted(parameters: Any) -> Any:
        taken.append(1)
        if len(taken) == 4:  # the third epoch is measured, but its parameters are not kept yet
            raise KeyboardInterrupt
        return copies(parameters)

    monkeypatch.setattr(nets.training, "copies", interrupted)
    history = quietly(net, X, Y, epochs=9, batch_size=4, learning_rate=0.5, held_out=(X, Y))
    assert (history.epochs, len(history.held_out_accuracy), history.stopped) == (2, 3, "interrupted")
    assert nets.evaluate(net, X, Y).cost == history.cost[-1]


@pytest.mark.parametrize("compile", [False, True])
def test_shares_add_up_to_the_steps_of_one_process(compile: bool) -> None:
    """Three ranks in one process: each computes its share, and the hook of the last adds up the gradients."""
    together = TwoLayerNet(3, 4, 1, seed=0)
    x, y = np.tile(X, 2)[:, :7], np.tile(Y, 2)[:, :7]
    options: dict[str, Any] = {"epochs": 3, "batch_size": 4, "learning_rate": 0.5, "seed": 1}
    quietly(together, x, y, **options)
    apart = TwoLayerNet(3, 4, 1, seed=0)
    order = np.random.default_rng(1)
    batches = [part for _ in range(3) for part in np.split(order.permutation(7), [4])]

    def add_up(parameters: dict[str, Tensor]) -> None:
        batch = batches.pop(0)
        for rank in (1, 2):
            chosen = batch[rank::3]
            others = ag.gradients(apart.cost(x[:, chosen], y[:, chosen]), list(parameters.values()))
            for p, gradient in zip(parameters.values(), others):
                p.grad = p.grad + gradient

    quietly(apart, x, y, **options, before_update=add_up, share=(0, 3), compile=compile)
    np.testing.assert_allclose(apart.w1.data, together.w1.data, rtol=1e-12)
    assert not batches


def test_what_counts_as_right() -> None:
    net = MLP([1, 1], output=None, bias=False)
    net.parameters()["w1"].data = np.ones((1, 1))
    x = [[-2.0, 0.3, 2.0]]
    assert nets.evaluate(net, x, [[0, 1, 1]]).accuracy == pytest.approx(2 / 3)
    assert nets.evaluate(net, x, [[0, 1, 1]], cost="sigmoid_cross_entropy").accuracy == 1
    assert nets.evaluate(net, x, [[-1, 1, 1]]).accuracy == 1
    assert math.isnan(nets.evaluate(net, x, [[0.1, 20.5, 3.0]]).accuracy)
    assert "accuracy" not in repr(quietly(net, x, [[0.1, 20.5, 3.0]], **(once | {"learning_rate": 0.01})))


def test_a_mean_is_told_from_a_sum() -> None:
    net = TwoLayerNet(3, 4, 1, seed=0)
    expected = net.cost(X, Y).item() / 4
    for cost in (
        partial(nets.quadratic_cost, reduction="mean"),
        lambda a, y: np.sum((a - y) ** 2) / 2,
        lambda a, y: np.mean((a - y) ** 2) / 2,
    ):
        assert nets.evaluate(net, X, Y, cost=cost).cost == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"x": X * np.nan}, ValueError, r"x holds nan at \[0, 0\], 12 of 12 entries are not finite"),
        ({"y": [[0, 1, math.inf, 0]]}, ValueError, r"y holds inf at \[0, 2\]"),
        ({"held_out": X}, TypeError, r"held_out is a tuple \(x, y\)"),
        ({"held_out": (X * np.nan, Y)}, ValueError, "held_out x holds nan"),
        ({"x": X.astype(str)}, TypeError, "x holds real numbers"),
        ({"y": np.array(list("abba"))}, TypeError, r"y = np.unique\(y, return_inverse=True\)\[1\]"),
        ({"y": np.array(list("abba"), dtype=object)}, TypeError, r"y = np.unique\(y, return_inverse=True\)\[1\]"),
        ({"optimizer": Adam([Tensor([1.0], requires_grad=True)])}, TypeError, "write optimizer=Adam"),
        ({"cost": None}, TypeError, "cost is one of 'quadratic', .* not None"),
        ({"cost": lambda a, y: 1.0}, TypeError, "this one gave float"),
        ({"cost": lambda a, y: a - y}, TypeError, r"gave a Tensor of shape \(1, 4\)"),
        ({"learning_rate": "0.1"}, TypeError, "learning_rate is a positive number, not '0.1'"),
        ({"progress": "no"}, TypeError, "progress is True or False, not 'no'"),
        ({"compile": "no"}, TypeError, "compile is True or False, not 'no'"),
        ({"patience": 0}, ValueError, "patience is an integer of at least 1, not 0"),
        ({"l2": -1}, ValueError, "l2 is a number from 0 up, not -1"),
        ({"share": (2, 2)}, ValueError, "share"),
    ],
)
def test_training_refuses(change: dict[str, Any], error: Any, words: str) -> None:
    net = TwoLayerNet(3, 4, 1, seed=0)
    before = net.w1.data.copy()
    with pytest.raises(error, match=words):
        quietly(net, **({"x": X, "y": Y} | once | change))
    np.testing.assert_array_equal(net.w1.data, before)


def test_history_draws_itself(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    history = quietly(TwoLayerNet(3, 4, 1, seed=0), X, Y, **once, held_out=(X, Y), patience=3)
    figure = history.plot(tmp_path / "curve.svg")
    assert "<svg" in (tmp_path / "curve.svg").read_text(encoding="utf-8")
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["cost per sample", "accuracy"]
    labels = [text.get_text().split(":")[0] for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["trained with", "held out", "best"]
    [cost] = nets.History(cost=[1.0, 6.78e-5], accuracy=[math.nan] * 2).plot().axes
    assert (cost.get_title(loc="left"), cost.get_legend()) == (r"cost per sample: $6.8 \times 10^{-5}$", None)
    regression = quietly(MLP([3, 1], output=None, seed=0), X, Y * 3.5, **once)
    assert len(regression.plot().axes) == 1
    [line] = nets.History(cost=[0.5]).plot().axes[0].lines
    assert line.get_marker() == "o"  # a line of a single point would show nothing


# Files ------------------------------------------------------------------------------------------------------------


def test_saving_is_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(TwoLayerNet(3, 4, 1, seed=0), tmp_path / "net.npz")
    before = path.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=r"No space left.*as it was.*net\.npz"):
            save(TwoLayerNet(3, 5, 1), path)
    net = TwoLayerNet(3, 4, 1)
    net.w1 = Tensor(np.ones((5, 3)), requires_grad=True)
    with pytest.raises(ValueError, match=r"w1 has shape \(5, 3\).* made with \(4, 3\)"):
        save(net, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["net.npz"]


def test_loading_believes_nothing_before_it_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"

    def written(description: str, **arrays: Any) -> None:
        np.savez(path, network=np.array(description), **arrays)

    form = '"format": "autograd_lite network 1", "kind": "TwoLayerNet"'
    written(f'{{{form}, "sizes": [20000, 20000, 2], "bias": false, "dtype": "<f8"}}', w1=np.ones(2), w2=np.ones(2))
    with pytest.raises(ValueError, match="w1.npy has shape"):  # at once, and without the 3 GB
        load(path)
    written(
        f'{{{form}, "sizes": [1, 1, 1], "bias": false, "dtype": "<f2"}}', w1=np.full((1, 1), 1 / 3), w2=np.ones((1, 1))
    )
    with pytest.raises(ValueError, match="float64, expected .* float16"):
        load(path)
    written("[" * 100_000)
    with pytest.raises(ValueError, match="not a network"):
        load(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("network.npy", bytes(1_000_000))
    with pytest.raises(ValueError, match="compressed"):
        load(path)


@pytest.mark.parametrize("make", ["one more", "the first is missing"])
def test_a_file_that_could_not_be_read_is_not_written(make: str, tmp_path: Path) -> None:
    net: Any = MLP([3, 4, 2], bias=False, seed=0) if make == "one more" else TwoLayerNet(3, 4, 2, seed=0)
    if make == "one more":
        net.layers[0].b = Tensor(np.zeros((4, 1)), requires_grad=True)
    else:
        net.b1 = None
    with pytest.raises(ValueError, match="the network was made without b"):
        save(net, tmp_path / "net")
    assert not list(tmp_path.iterdir())


# Under a name that nobody else has --------------------------------------------------------------------------------


def in_a_process(code: str, folder: Path, path: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=os.environ | {"PYTHONPATH": str(path)}, capture_output=True, text=True
    )
    return done.stdout + done.stderr


def test_nets_is_found_by_its_place(tmp_path: Path) -> None:
    root = Path(nets.__file__).parents[1]
    same = "import nets, autograd_lite.nets as alias; from autograd_lite.nets import MLP; from nets import layers; "
    assert in_a_process(same + "print(alias is nets, MLP is nets.MLP)", tmp_path, root) == "True True\n"
    (tmp_path / "nets.py").write_text("MLP = 'mine'")
    hidden = "import nets; from autograd_lite.nets import MLP, closed_form; print(nets.MLP, MLP([2, 1]).sizes)"
    assert in_a_process(hidden, tmp_path, root) == "mine (2, 1)\n"


def test_a_nets_of_ones_own_is_not_run(tmp_path: Path) -> None:
    root = Path(nets.__file__).parents[1]
    own = tmp_path / "nets.py"
    own.write_text("import sys\nprint('run')\nif len(sys.argv) < 2: sys.exit('usage')\n")
    for code in ("from autograd_lite.nets import MLP; print(MLP([2, 1]).sizes)",
                 "import autograd_lite.nets as n; print(n.MLP([2, 1]).sizes, n.closed_form.sigma(0))"):  # fmt: skip
        assert in_a_process(code, tmp_path, root).startswith("(2, 1)")
    # inside of such a file too, which is run as a program or imported
    own.write_text("import autograd_lite.nets as n\nfrom autograd_lite.nets import MLP\nprint(n.MLP is MLP)\n")
    assert in_a_process("import nets", tmp_path, root) == in_a_process("exec(open('nets.py').read())", tmp_path, root) == "True\n"
    by_hand = "import sys, types; sys.modules['nets'] = types.ModuleType('nets'); from autograd_lite.nets import MLP; print(MLP)"
    assert "MLP" in in_a_process(by_hand, tmp_path, root)


def test_another_package_in_its_place_is_told(tmp_path: Path) -> None:
    root = Path(nets.__file__).parents[1]
    shutil.copytree(root / "autograd_lite", tmp_path / "autograd_lite", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "__init__.py").write_text("")
    said = in_a_process("import autograd_lite.nets", tmp_path, tmp_path)
    assert "is not the package nets of autograd_lite" in said.splitlines()[-1]


@pytest.mark.parametrize("net, cost, instead", [
    (MLP([2, 3, 2], output="softmax", seed=0), "softmax_cross_entropy", "log_likelihood"),
    (MLP([2, 3, 2], output="sigmoid", seed=0), "sigmoid_cross_entropy", "cross_entropy"),
    (TwoLayerNet(2, 3, 2, seed=0), "sigmoid_cross_entropy", "cross_entropy"),
])  # fmt: skip
def test_an_activation_is_not_applied_twice(net: Any, cost: str, instead: str) -> None:
    x, y = np.ones((2, 4)), np.eye(2)[[0, 1, 0, 1]].T
    before = {name: p.data.copy() for name, p in net.parameters().items()}
    with pytest.raises(ValueError, match=f"applies the activation itself.*output='linear'.*cost='{instead}'"):
        train(net, x, y, epochs=1, batch_size=2, learning_rate=0.1, cost=cost, progress=False)
    assert all(np.array_equal(p.data, before[name]) for name, p in net.parameters().items())
    linear = MLP([2, 3, 2], output="linear", seed=0)
    train(linear, x, y, epochs=1, batch_size=2, learning_rate=0.1, cost=cost, progress=False)
