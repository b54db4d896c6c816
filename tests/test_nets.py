"""Networks: what they compute, what they refuse, how they learn, and that they come back from a file as they were.

Gradients are held against the equations of backpropagation written out in NumPy, for any depth and activation
(Nielsen, ch. 2, BP1 to BP4), and optimizers against their formulas, weight by weight.
"""

from __future__ import annotations

import copy
import math
import pickle
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nets
from autograd_lite import Tensor
from nets import (
    MLP,
    Adam,
    GradientDescent,
    Linear,
    Momentum,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
    TwoLayerNet,
    closed_form,
    cross_entropy_cost,
    evaluate,
    load,
    log_likelihood_cost,
    quadratic_cost,
    save,
    train,
)

Array = np.ndarray[Any, Any]
X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]]).T  # the chapter's samples, as columns
Y = np.array([[0, 1, 1, 0]])


def assert_close(actual: Any, expected: Any, tolerance: float = 1e-12) -> None:
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    assert np.max(np.abs(actual - expected)) <= tolerance * np.max(np.abs(expected))


def sigma(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


# The two-layer network ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_forward(bias: bool, dtype: Any) -> None:
    net = TwoLayerNet(3, 4, 2, bias=bias, seed=0, dtype=dtype)
    for p in net.parameters().values():
        p.data = np.random.default_rng(p.size).standard_normal(p.shape)
    x = np.random.default_rng(1).standard_normal((3, 5))
    result = net.forward(x)
    z1 = net.w1.data @ x + (net.b1.data if bias else 0)
    z2 = net.w2.data @ sigma(z1) + (net.b2.data if bias else 0)
    tolerance = 1e-14 if dtype is np.float64 else 1e-6
    for t, name, expected in zip(result, ("z1", "a1", "z2", "a2"), (z1, sigma(z1), z2, sigma(z2))):
        assert_close(t.data, expected, tolerance)
        assert getattr(result, name) is t
        assert (t.name, t.dtype) == (name, dtype)
    np.testing.assert_array_equal(net(x).data, result.a2.data)
    assert list(net.parameters()) == (["w1", "b1", "w2", "b2"] if bias else ["w1", "w2"])
    assert [p.name for p in net.parameters().values()] == list(net.parameters())
    assert [p.dtype for p in net.parameters().values()] == [dtype] * len(net.parameters())


def test_the_graph_has_names_and_scopes() -> None:
    net = TwoLayerNet(3, 4, 1, seed=0)
    with ag.name_scope("chapter 5"):
        C = net.cost(X, Y)
    a2, y = C.parents
    [z2] = a2.parents
    w2, a1, b2 = z2.parents
    [z1] = a1.parents
    w1, a0, b1 = z1.parents
    assert [t.name for t in (C, a2, y, z2, a1, z1, a0)] == ["C", "a2", "y", "z2", "a1", "z1", "a0"]
    assert (w1, b1, w2, b2) == (net.w1, net.b1, net.w2, net.b2)
    scopes = ("layer 1", [z1, a1]), ("layer 2", [z2, a2]), ("cost", [C])
    for scope, tensors in scopes:
        assert all(t.scope == ("chapter 5", scope) for t in tensors)
    assert net(X).scope == ("layer 2",)


def test_inputs_share_memory_unless_they_are_converted() -> None:
    net = TwoLayerNet(3, 4, 1, seed=0)
    x, y = X.astype(float), Y.astype(float)
    C = net.cost(x, y)
    target, a0 = C.parents[1], C.parents[0].parents[0].parents[1].parents[0].parents[1]
    assert (target.name, a0.name) == ("y", "a0")
    assert np.shares_memory(target.data, y)
    assert np.shares_memory(a0.data, x)
    single = TwoLayerNet(3, 4, 1, seed=0, dtype=np.float32)
    for inputs, targets in ((X, Y), (x, y), (X.tolist(), Y.tolist()), (Tensor(x), Tensor(y))):
        assert single.cost(inputs, targets).dtype == np.float32
    z1 = net.forward(Tensor(x, name="digits")).z1
    assert z1.parents[1].name == "digits"


@pytest.mark.parametrize("shape", [(5, 3, 4), (1, 1, 1), (4, 6, 2)])
def test_jacobian_of_outputs_with_respect_to_inputs(shape: tuple[int, int, int]) -> None:
    """∂a2/∂a0 = diag(σ'(z2)) w2 diag(σ'(z1)) w1."""
    net = TwoLayerNet(*shape, seed=0)
    x = np.random.default_rng(0).standard_normal((shape[0], 1))
    _, a1, _, a2 = (t.data for t in net.forward(x))
    expected = np.diag((a2 * (1 - a2))[:, 0]) @ net.w2.data @ np.diag((a1 * (1 - a1))[:, 0]) @ net.w1.data
    assert_close(ag.jacobian(net)(x)[:, 0, :, 0], expected)


def test_second_derivatives_of_the_cost() -> None:
    net = TwoLayerNet(2, 3, 2, seed=0)
    x, y = np.random.default_rng(0).standard_normal((2, 2, 3))

    def cost(w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        trial = copy.copy(net)
        trial.w1, trial.b1, trial.w2, trial.b2 = w1, b1, w2, b2
        return trial.cost(x, y)

    ag.check_gradients(cost, *net.parameters().values(), order=2)


def test_seeds() -> None:
    one, same, other = (TwoLayerNet(3, 4, 1, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.w1.data, same.w1.data)
    np.testing.assert_array_equal(one.w2.data, same.w2.data)
    assert not np.array_equal(one.w1.data, other.w1.data)
    np.random.seed(0)  # the global generator is left alone
    before = np.random.get_state()[1].copy()
    TwoLayerNet(3, 4, 1)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    wide = TwoLayerNet(2500, 100, 400, seed=0)
    assert wide.w1.data.std() == pytest.approx(1 / 50, rel=0.02)
    assert wide.w2.data.std() == pytest.approx(1 / 10, rel=0.02)
    assert not wide.b1.data.any()


def test_the_two_layer_network_is_an_mlp() -> None:
    net, mlp = TwoLayerNet(3, 4, 1, seed=7), MLP([3, 4, 1], seed=7)
    for (name, p), (mlp_name, mlp_p) in zip(net.parameters().items(), mlp.parameters().items()):
        assert name == mlp_name
        np.testing.assert_array_equal(p.data, mlp_p.data)
    assert net.cost(X, Y).item() == mlp.cost(X, Y).item()


@pytest.mark.parametrize(
    "net",
    [
        TwoLayerNet(3, 4, 1),
        TwoLayerNet(3, 4, 1, bias=False, dtype=np.float32),
        MLP([3, 4, 5]),
        MLP([3, 4, 5], hidden=Tanh, output=None, bias=False, dtype=np.float32),
        Sequential(Linear(3, 4, bias=False), ReLU(), Linear(4, 2), Softmax()),
        Sequential(Linear(3, 4, dtype=np.float32)),
    ],
    ids=lambda net: net._signature(),
)
def test_reprs_can_be_evaluated(net: Any) -> None:
    again = eval(repr(net).splitlines()[0], vars(nets) | {"float32": np.float32})
    assert repr(again) == repr(net)
    assert {n: (p.shape, p.dtype) for n, p in again.parameters().items()} == {
        n: (p.shape, p.dtype) for n, p in net.parameters().items()
    }


def test_networks_can_be_copied_and_pickled() -> None:
    for net in (TwoLayerNet(3, 4, 1, seed=0), MLP([3, 4, 1], seed=0)):
        for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
            assert twin.cost(X, Y).item() == net.cost(X, Y).item()
            [first, *_] = twin.parameters().values()
            first.data -= 1
            assert twin.cost(X, Y).item() != net.cost(X, Y).item()


# What is refused ------------------------------------------------------------------------------------------------

FEATURES = r"expected \(features, batch\) = \(3, batch\)"


@pytest.mark.parametrize("net", [TwoLayerNet(3, 4, 1), MLP([3, 4, 1])], ids=["TwoLayerNet", "MLP"])
@pytest.mark.parametrize(
    ("x", "y", "error", "words"),
    [
        (X.T, Y, ValueError, rf"x has shape \(4, 3\), {FEATURES}: write x\.T"),
        (X[:, 0], Y, ValueError, rf"x has shape \(3,\), {FEATURES}: write x\[:, None\]"),
        (np.zeros((5, 2)), Y, ValueError, rf"x has shape \(5, 2\), {FEATURES}$"),
        (np.zeros((3, 2, 2)), Y, ValueError, rf"x has shape \(3, 2, 2\), {FEATURES}$"),
        (1.0, Y, ValueError, rf"x has shape \(\), {FEATURES}$"),
        (X * 1j, Y, TypeError, "x holds real numbers, not data of dtype complex128"),
        (X, Y.T, ValueError, r"y has shape \(4, 1\), expected the shape \(1, 4\) .*: write y\.T"),
        (X, Y[0], ValueError, r"y has shape \(4,\), expected the shape \(1, 4\) .*: write y\[None, :\]"),
        (X, [[1]], ValueError, r"y has shape \(1, 1\), expected the shape \(1, 4\) "),
        (X, 1.0, ValueError, r"y has shape \(\), expected the shape \(1, 4\) "),
        (X, Y * 1j, TypeError, "y holds real numbers"),
    ],
)
def test_samples_that_do_not_fit(net: Any, x: Any, y: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        net.cost(x, y)


def test_labels_in_place_of_targets() -> None:
    with pytest.raises(ValueError, match=r"y has shape \(3,\).*np\.eye\(10\)\[y\]\.T"):
        TwoLayerNet(784, 30, 10).cost(np.zeros((784, 3)), np.array([3, 1, 4]))
    with pytest.raises(ValueError, match=r"y has shape \(2,\).*y\[:, None\]"):
        TwoLayerNet(3, 4, 2).cost(np.zeros((3, 1)), [0.0, 1.0])


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: TwoLayerNet(0, 4, 1), ValueError, "n_inputs .* at least 1, not 0"),
        (lambda: TwoLayerNet(3, 4.0, 1), ValueError, r"n_hidden .*, not 4\.0"),
        (lambda: TwoLayerNet(3, 4, 1, dtype=int), TypeError, "floating"),
        (lambda: Linear(3, -1), ValueError, "n_outputs .* at least 1, not -1"),
        (lambda: MLP([3]), ValueError, r"at least two sizes, .*, not \[3\]"),
        (lambda: MLP(3), ValueError, "at least two sizes, .*, not 3"),
        (lambda: Sequential(), ValueError, "starts with a Linear layer"),
        (lambda: Sequential(Sigmoid(), Linear(3, 1)), ValueError, "starts with a Linear layer"),
        (lambda: Sequential(Linear(3, 4), Sigmoid), TypeError, r"layer 1 .*write Sigmoid\(\)"),
        (lambda: Sequential(Linear(3, 4), np.tanh), TypeError, "layer 1 .*not a layer"),
        (lambda: Sequential(Linear(3, 4), Tanh(), Linear(3, 1)), ValueError, "layer 2, .* takes 3 .* give 4"),
        (lambda: Sequential(*[Linear(3, 3)] * 2), ValueError, "layer 1, .* twice"),
        (lambda: Sequential(Linear(3, 3), Linear(3, 1, dtype="f4")), ValueError, "float32, .* float64"),
    ],
)
def test_networks_that_cannot_be(make: Callable[[], Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()


# Networks of any depth ------------------------------------------------------------------------------------------


def by_backpropagation(
    weights: list[Array], biases: list[Array], x: Array, y: Array, f: Callable[[Array], Array], df: Callable[..., Array]
) -> dict[str, Array]:
    """The gradients of the quadratic cost by BP1 to BP4, with z[0] unused so that indices are those of Nielsen."""
    L = len(weights)
    a, z = [x], [x]
    for w, b in zip(weights, biases):
        z.append(w @ a[-1] + b)
        a.append(f(z[-1]))
    delta = (a[L] - y) * df(z[L])  # BP1
    gradients = {}
    for layer in range(L, 0, -1):
        gradients[f"w{layer}"] = sum(np.outer(d, v) for d, v in zip(delta.T, a[layer - 1].T))  # BP4, by sample
        gradients[f"b{layer}"] = delta.sum(axis=1)[:, None]  # BP3
        if layer > 1:
            delta = (weights[layer - 1].T @ delta) * df(z[layer - 1])  # BP2
    return gradients


ACTIVATIONS = {
    Sigmoid: (sigma, lambda z: sigma(z) * (1 - sigma(z))),
    Tanh: (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    ReLU: (lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0),
}


@pytest.mark.parametrize("sizes", [[2, 3], [3, 4, 1], [5, 4, 3, 2], [1, 2, 1, 2, 1], [4, 5, 5, 5, 5, 5, 3]])
@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_bp1_to_bp4(sizes: list[int], batch: int, activation: Any) -> None:
    rng = np.random.default_rng(batch)
    net = MLP(sizes, hidden=activation, output=activation, seed=rng)
    for p in net.parameters().values():
        p.data = rng.standard_normal(p.shape)
    x, y = rng.standard_normal((sizes[0], batch)), rng.random((sizes[-1], batch))
    arrays = [p.data for p in net.parameters().values()]
    expected = by_backpropagation(arrays[::2], arrays[1::2], x, y, *ACTIVATIONS[activation])
    net.cost(x, y).backward()
    assert list(net.parameters()) == [f"{p}{i}" for i in range(1, len(sizes)) for p in "wb"]
    for name, p in net.parameters().items():
        assert_close(p.grad, expected[name])


def test_bp1_to_bp4_against_differences() -> None:
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal(s) for s in ((4, 3), (3, 4), (2, 3))]
    biases = [rng.standard_normal((n, 1)) for n in (4, 3, 2)]
    x, y = rng.standard_normal((3, 5)), rng.random((2, 5))
    by_hand = by_backpropagation(weights, biases, x, y, *ACTIVATIONS[Tanh])

    def cost(*parameters: Any) -> Any:
        a = x
        for w, b in zip(parameters[::2], parameters[1::2]):
            a = np.tanh(np.asarray(w) @ a + np.asarray(b))
        return np.sum((a - y) ** 2) / 2

    parameters = [p for pair in zip(weights, biases) for p in pair]
    names = [f"{p}{i}" for i in (1, 2, 3) for p in "wb"]
    ag.compare(by_hand, dict(zip(names, ag.numerical_gradient(cost, *parameters)))).raise_if_different()


def test_tanh_hidden_units_and_linear_outputs() -> None:
    """Srihari's worked example: δ_k = y_k − t_k, δ_j = (1 − z_j²) Σ_k w_kj δ_k, gradients δ_j x_i and δ_k z_j."""
    rng = np.random.default_rng(0)
    net = MLP([3, 4, 2], hidden=Tanh, output=None, bias=False, seed=rng)
    x, t = rng.standard_normal((3, 1)), rng.standard_normal((2, 1))
    w1, w2 = net.parameters()["w1"].data, net.parameters()["w2"].data
    z = [math.tanh(sum(w1[j, i] * x[i, 0] for i in range(3))) for j in range(4)]
    y = [sum(w2[k, j] * z[j] for j in range(4)) for k in range(2)]
    delta_k = [y[k] - t[k, 0] for k in range(2)]
    delta_j = [(1 - z[j] ** 2) * sum(w2[k, j] * delta_k[k] for k in range(2)) for j in range(4)]
    net.cost(x, t).backward()
    assert_close(net.parameters()["w1"].grad, [[delta_j[j] * x[i, 0] for i in range(3)] for j in range(4)])
    assert_close(net.parameters()["w2"].grad, [[delta_k[k] * z[j] for j in range(4)] for k in range(2)])
    assert net(x).name == "z2"


def test_sequential_names_and_nesting() -> None:
    inner = Sequential(Linear(4, 5), Tanh(), Linear(5, 2))
    net = Sequential(Linear(3, 4, bias=False), ReLU(), inner, Softmax())
    assert list(net.parameters()) == ["w1", "w2", "b2", "w3", "b3"]
    a = net(np.ones((3, 2)))
    assert_close(a.data.sum(axis=0), [1.0, 1.0])
    chain = []
    while a.op is not None:
        chain.append((a.name, a.op, a.scope))
        a = next(p for p in a.parents if p.name not in net.parameters())
    assert chain == [
        ("a3", "softmax", ("layer 3",)),
        ("z3", "linear", ("layer 3",)),
        ("a2", "tanh", ("layer 2",)),
        ("z2", "linear", ("layer 2",)),
        ("a1", "relu", ("layer 1",)),
        ("z1", "matmul", ("layer 1",)),
    ]
    assert a.name == "a0"


# Costs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("output", "cost"), [(Sigmoid, cross_entropy_cost), (Softmax, log_likelihood_cost)])
def test_entropies_learn_from_the_plain_difference(output: Any, cost: Any) -> None:
    """∂C/∂z = a − y at the outputs, where the quadratic cost has the factor σ'(z) as well."""
    rng = np.random.default_rng(0)
    net = MLP([3, 4], output=output, seed=rng)
    x, y = rng.standard_normal((3, 5)), np.eye(4)[[0, 3, 1, 1, 2]].T
    a = net(x)
    C = cost(a, y)
    assert_close(ag.gradients(C, a.parents[0]), a.data - y)
    terms = y * np.log(a.data) + ((1 - y) * np.log(1 - a.data) if output is Sigmoid else 0)
    assert C.item() == pytest.approx(-terms.sum(), rel=1e-14)
    assert (C.name, C.scope) == ("C", ("cost",))


@pytest.mark.parametrize("cost", [quadratic_cost, cross_entropy_cost, log_likelihood_cost])
def test_derivatives_of_costs(cost: Any) -> None:
    rng = np.random.default_rng(0)
    a, y = rng.uniform(0.1, 0.9, (2, 3, 4))
    ag.check_gradients(cost, a, y, order=2)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("cost", [cross_entropy_cost, log_likelihood_cost])
def test_entropies_at_the_ends(cost: Any, dtype: Any) -> None:
    a = Tensor([[0, 1, 0, 1]], requires_grad=True, dtype=dtype)
    y = [[0, 1, 1, 0]]
    C = cost(a, y)
    C.backward()
    assert C.dtype == a.grad.dtype == dtype
    assert 0 < C.item() < np.inf
    assert np.all(np.isfinite(a.grad))
    right, wrong = a.grad[0, :2], a.grad[0, 2:]
    assert right[0] == 0
    assert right[1] == (0 if cost is cross_entropy_cost else -1)
    assert wrong[0] < -1e6
    assert wrong[1] > 1e6 or cost is log_likelihood_cost
    right_only = cost(a[:, :2], [[0, 1]])
    assert right_only.item() == 0


def test_entropies_refuse_what_is_no_probability() -> None:
    for a, words in ((-0.5, r"holds -0\.5"), (1.5, r"holds 1\.5")):
        with pytest.raises(ValueError, match=f"cross_entropy_cost takes outputs between 0 and 1.*{words}"):
            cross_entropy_cost(Tensor([[a]]), [[1]])
    with pytest.raises(ValueError, match=r"y has shape \(1, 2\)"):
        log_likelihood_cost(Tensor([[0.5]]), [[1, 0]])


# Optimizers -----------------------------------------------------------------------------------------------------


def descend(w: float, slopes: list[float], rate: float) -> float:
    for g in slopes:
        w = w - rate * g
    return w


def roll(w: float, slopes: list[float], rate: float, momentum: float) -> float:
    v = 0.0
    for g in slopes:
        v = momentum * v - rate * g
        w = w + v
    return w


def adapt(w: float, slopes: list[float], rate: float, b1: float, b2: float, epsilon: float) -> float:
    m = v = 0.0
    for t, g in enumerate(slopes, start=1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        w = w - rate * (m / (1 - b1**t)) / (math.sqrt(v / (1 - b2**t)) + epsilon)
    return w


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("make", "formula"),
    [
        (GradientDescent, descend),
        (Momentum, partial(roll, momentum=0.9)),
        (partial(Momentum, momentum=0.3), partial(roll, momentum=0.3)),
        (Adam, partial(adapt, b1=0.9, b2=0.999, epsilon=1e-8)),
        (partial(Adam, beta1=0.5, beta2=0.8, epsilon=0.1), partial(adapt, b1=0.5, b2=0.8, epsilon=0.1)),
    ],
)
def test_optimizers_follow_their_formulas(make: Any, formula: Any, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    start = [rng.standard_normal((3, 2)).astype(dtype), rng.standard_normal((2, 1)).astype(dtype)]
    slopes = [[rng.standard_normal(w.shape).astype(dtype) for _ in range(12)] for w in start]
    parameters = [Tensor(w, requires_grad=True) for w in start]
    optimizer = make(parameters, 0.1)
    for step in range(12):
        for p, own in zip(parameters, slopes):
            p.grad = own[step]
        optimizer.step()
        for p, own in zip(parameters, slopes):
            np.testing.assert_array_equal(p.grad, own[step])  # gradients are left as they are
    for p, w, own in zip(parameters, start, slopes):
        assert p.dtype == dtype
        for where in np.ndindex(w.shape):
            expected = formula(float(w[where]), [float(g[where]) for g in own], rate=0.1)
            assert p.data[where] == pytest.approx(expected, rel=1e-12 if dtype is np.float64 else 1e-4, abs=1e-6)


@pytest.mark.parametrize("make", [GradientDescent, Momentum, Adam])
def test_optimizers_leave_alone_what_has_no_gradient(make: Any) -> None:
    w, idle = Tensor([1.0], requires_grad=True), Tensor([1.0], requires_grad=True)
    optimizer = make({"w": w, "idle": idle}, 0.1)
    with pytest.raises(RuntimeError, match=r"call backward\(\)"):
        optimizer.step()
    (w**2).sum().backward()
    optimizer.step()
    assert w.data[0] < 1
    assert idle.data[0] == 1
    optimizer.zero_grad()
    assert w.grad is None
    assert repr(optimizer) == f"{make.__name__}(2 parameters, learning_rate=0.1)"


def test_learning_rate_may_change() -> None:
    w = Tensor([1.0], requires_grad=True)
    optimizer = GradientDescent([w], 0.5)
    w.grad = [1.0]
    optimizer.step()
    optimizer.learning_rate = 0.25
    optimizer.step()
    assert w.data[0] == 0.25
    rolling = Momentum([w], 0.5, momentum=0.5)
    rolling.step()  # v = −0.5
    rolling.learning_rate = 0.25
    rolling.step()  # v = −0.25 − 0.25
    assert w.data[0] == 0.25 - 0.5 - 0.5


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda w: GradientDescent([], 1), ValueError, "no parameters"),
        (lambda w: GradientDescent(w, 1), TypeError, r"write \[w\]"),
        (lambda w: GradientDescent([w.data], 1), TypeError, "parameter 0 is ndarray"),
        (lambda w: GradientDescent([w * 2], 1), ValueError, "parameter 0 .*multiply.* not computed"),
        (lambda w: GradientDescent([Tensor(1.0)], 1), ValueError, "requires_grad=True"),
        (lambda w: GradientDescent([w], 0), ValueError, "learning_rate is a positive number, not 0"),
        (lambda w: GradientDescent([w], math.nan), ValueError, "learning_rate"),
        (lambda w: Momentum([w], 1, momentum=1), ValueError, "momentum .* less than 1, not 1"),
        (lambda w: Adam([w], 1, beta2=-0.1), ValueError, "beta2"),
        (lambda w: Adam([w], 1, epsilon=0), ValueError, "epsilon"),
    ],
)
def test_optimizers_refuse(make: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make(Tensor(1.0, requires_grad=True, name="w"))


# Training -------------------------------------------------------------------------------------------------------

quietly = partial(train, progress=False)


def test_training_on_the_whole_batch_is_the_chapters_update() -> None:
    net = TwoLayerNet(3, 4, 1, seed=0)
    by_hand = copy.deepcopy(net)
    history = quietly(net, X, Y, epochs=10, batch_size=4, learning_rate=0.5)
    for epoch in range(10):
        assert history.cost[epoch] == pytest.approx(by_hand.cost(X, Y).item() / 4, rel=1e-12)
        slopes = closed_form.gradients(by_hand, X, Y)
        for name, p in by_hand.parameters().items():
            p.data = closed_form.updated(p, slopes[name], 0.5)
    for name, p in by_hand.parameters().items():
        assert_close(net.parameters()[name].data, p.data)
    assert len(history.cost) == len(history.accuracy) == 11
    assert history.epochs == 10
    assert history.held_out_cost == []


@pytest.mark.parametrize(
    ("optimizer", "rate"), [(GradientDescent, 4.0), (Momentum, 0.5), (partial(Momentum, momentum=0.5), 2), (Adam, 0.05)]
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_chapters_network_learns_the_chapters_samples(optimizer: Any, rate: float, seed: int) -> None:
    net = TwoLayerNet(3, 4, 1, bias=False, seed=seed)
    history = quietly(net, X, Y, epochs=1000, batch_size=4, learning_rate=rate, optimizer=optimizer)
    assert np.max(np.abs(net(X).data - Y)) < 0.1
    assert history.accuracy[-1] == 1
    assert history.cost[-1] < 0.01 * history.cost[0]


def test_each_sample_is_drawn_once_an_epoch_and_the_last_batch_is_kept() -> None:
    x = np.arange(7.0)[None] / 7
    drawn: list[list[float]] = []

    def watching(a: Tensor, y: Any) -> Tensor:
        if a.requires_grad:
            drawn.append(np.asarray(y)[0].tolist())
        return quadratic_cost(a, y)

    quietly(TwoLayerNet(1, 2, 1, seed=0), x, x, epochs=3, batch_size=3, learning_rate=0.1, cost=watching, seed=0)
    assert [len(batch) for batch in drawn] == [3, 3, 1] * 3
    epochs = [[*drawn[i], *drawn[i + 1], *drawn[i + 2]] for i in (0, 3, 6)]
    assert all(sorted(epoch) == x[0].tolist() for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_training_is_reproducible() -> None:
    def run(seed: int) -> Array:
        net = TwoLayerNet(3, 4, 1, seed=0)
        quietly(net, X, Y, epochs=5, batch_size=1, learning_rate=1, seed=seed)
        return net.w1.data

    np.testing.assert_array_equal(run(1), run(1))
    assert not np.array_equal(run(1), run(2))


@pytest.mark.parametrize("optimizer", [GradientDescent, Momentum, Adam])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_compiled_training_gives_the_same(optimizer: Any, dtype: Any) -> None:
    eager, compiled = (TwoLayerNet(3, 4, 1, seed=0, dtype=dtype) for _ in range(2))
    x, y = np.tile(X, 3)[:, :11], np.tile(Y, 3)[:, :11]
    for net in (eager, compiled):
        quietly(
            net, x, y, epochs=20, batch_size=4, learning_rate=0.1, seed=0, optimizer=optimizer, compile=net is compiled
        )
    for p, q in zip(eager.parameters().values(), compiled.parameters().values()):
        assert_close(q.data, p.data, 1e-12 if dtype is np.float64 else 1e-5)


def test_held_out_samples_are_not_trained_with() -> None:
    x, y = X[:, :3], Y[:, :3]
    alone, watched = (TwoLayerNet(3, 4, 1, seed=0) for _ in range(2))
    quietly(alone, x, y, epochs=20, batch_size=2, learning_rate=1, seed=0)
    history = quietly(watched, x, y, epochs=20, batch_size=2, learning_rate=1, seed=0, held_out=(X[:, 3:], Y[:, 3:]))
    np.testing.assert_array_equal(alone.w1.data, watched.w1.data)
    assert len(history.held_out_cost) == len(history.held_out_accuracy) == 21
    assert history.held_out_cost[-1] == pytest.approx(watched.cost(X[:, 3:], Y[:, 3:]).item(), rel=1e-12)
    assert "held out 0.0%" in repr(history) or "held out 100.0%" in repr(history)


def test_evaluate_counts_columns() -> None:
    net = MLP([3, 3], output=None, bias=False)
    net.parameters()["w1"].data = np.eye(3)
    x = np.tile([[1.0, 0.0, 0.4], [0.0, 1.0, 0.5], [0.0, 0.0, 0.3]], 700)  # more than are evaluated at once
    result = evaluate(net, x, np.tile(np.eye(3), 700))
    assert result.accuracy == pytest.approx(2 / 3)
    assert result.cost == pytest.approx((0.4**2 + 0.5**2 + 0.7**2) / 2 / 3)
    single = MLP([1, 1], output=None, bias=False)
    single.parameters()["w1"].data = np.ones((1, 1))
    assert evaluate(single, [[0.2, 0.6, 0.7, 0.1]], [[0, 1, 0, 0]]).accuracy == 0.75


def test_progress_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tqdm")
    net = TwoLayerNet(3, 4, 1, seed=0)
    train(net, X, Y, epochs=3, batch_size=4, learning_rate=1)
    bar = capsys.readouterr().err
    assert "3/3 epochs" in bar
    assert "cost=" in bar
    assert "accuracy=" in bar
    assert max(map(len, bar.replace("\r", "\n").splitlines())) < 80
    quietly(net, X, Y, epochs=3, batch_size=4, learning_rate=1)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)  # as if it were not installed
    assert train(net, X, Y, epochs=3, batch_size=4, learning_rate=1).epochs == 3
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"x": X.T}, ValueError, r"x has shape \(4, 3\).*x\.T"),
        ({"y": Y[0]}, ValueError, r"y has shape \(4,\).*y\[None, :\]"),
        ({"y": Y[:, :3]}, ValueError, r"y has shape \(1, 3\), expected the shape \(1, 4\)"),
        ({"held_out": (X, Y.T)}, ValueError, r"y has shape \(4, 1\)"),
        ({"x": X[:, :0], "y": Y[:, :0]}, ValueError, "no sample"),
        ({"epochs": -1}, ValueError, "epochs is an integer of at least 0, not -1"),
        ({"epochs": 1.5}, ValueError, "epochs"),
        ({"batch_size": 0}, ValueError, "batch_size is an integer of at least 1, not 0"),
        ({"learning_rate": -1}, ValueError, "learning_rate is a positive number, not -1"),
    ],
)
def test_training_refuses(change: dict[str, Any], error: type[Exception], words: str) -> None:
    net = TwoLayerNet(3, 4, 1, seed=0)
    before = net.w1.data.copy()
    with pytest.raises(error, match=words):
        quietly(net, **({"x": X, "y": Y, "epochs": 1, "batch_size": 2, "learning_rate": 1.0} | change))
    np.testing.assert_array_equal(net.w1.data, before)


def test_training_that_diverges() -> None:
    net = MLP([3, 4, 1], hidden=ReLU, output=None, seed=0)
    with (
        np.errstate(all="ignore"),
        pytest.raises(FloatingPointError, match="after .* learning_rate=100; try a smaller"),
    ):
        quietly(net, X, Y, epochs=500, batch_size=4, learning_rate=100)


# Files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "net",
    [
        TwoLayerNet(3, 4, 1, seed=0),
        TwoLayerNet(3, 4, 1, seed=0, bias=False, dtype=np.float32),
        MLP([3, 4, 5, 2], seed=0),
        MLP([3, 4, 2], hidden=Tanh, output=None, bias=False, seed=0, dtype=np.float32),
        MLP([3, 2], hidden=ReLU, output=Softmax, seed=0),
        Sequential(Linear(3, 4, bias=False, seed=0), ReLU(), Linear(4, 2, seed=1), Softmax()),
        Sequential(Linear(3, 2, seed=0, dtype=np.float32)),
    ],
    ids=lambda net: net._signature(),
)
def test_round_trip(net: Any, tmp_path: Path) -> None:
    for p in net.parameters().values():
        p.data = p.data + 1 / 3
    path = save(net, tmp_path / "no suffix, and a blank")
    assert path == tmp_path / "no suffix, and a blank"
    assert [f.name for f in tmp_path.iterdir()] == [path.name]
    again = load(str(path))
    assert type(again) is type(net)
    assert repr(again) == repr(net)
    assert list(again.parameters()) == list(net.parameters())
    for p, q in zip(net.parameters().values(), again.parameters().values()):
        np.testing.assert_array_equal(p.data, q.data)
        assert (p.dtype, p.name, q.requires_grad) == (q.dtype, q.name, True)
    np.testing.assert_array_equal(again(X).data, net(X).data)
    with np.load(path, allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.kind in "fU" for name in arrays)


def test_saving_refuses_other_networks(tmp_path: Path) -> None:
    class Cube(nets.Layer):
        def __call__(self, z: Tensor) -> Tensor:
            return z**3

    class Mine(TwoLayerNet):
        pass

    for net, words in (
        (Sequential(Linear(3, 1), Cube()), "Cube"),
        (MLP([3, 1], output=Cube), "Cube"),
        (Mine(3, 4, 1), "Mine"),
        (Linear(3, 1), "Linear"),
    ):
        with pytest.raises(TypeError, match=words):
            save(net, tmp_path / "net")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def damaged(path: Path, **changes: Any) -> Path:
    """A saved network with other entries; None leaves one out."""
    save(TwoLayerNet(3, 4, 1), path)
    with np.load(path) as file:
        arrays = dict(file) | changes
    with open(path, "wb") as stream:
        np.savez(stream, **{name: a for name, a in arrays.items() if a is not None})
    return path


def test_loading_refuses_other_files(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    whole = save(TwoLayerNet(3, 4, 1), path).read_bytes()

    class Evil:
        def __reduce__(self) -> Any:
            return (pytest.fail, ("code from the file was run",))

    def written(content: bytes) -> Path:
        path.write_bytes(content)
        return path

    wrong: list[Callable[[], Path]] = [
        lambda: written(b""),
        lambda: written(b"these are words"),
        lambda: written(whole[: len(whole) // 2]),
        lambda: written(whole[:100] + bytes(50) + whole[150:]),
        lambda: written(pickle.dumps([1, 2, 3])),
        lambda: damaged(path, network=None),
        lambda: damaged(path, network=np.array("no json")),
        lambda: damaged(path, network=np.array('{"format": "autograd_lite network 99"}')),
        lambda: damaged(path, network=np.array('["a list"]')),
        lambda: damaged(path, network=np.array([Evil()], dtype=object)),
        lambda: damaged(path, w2=None),
        lambda: damaged(path, b3=np.zeros(3)),
        lambda: damaged(path, w1=np.zeros((3, 4))),
        lambda: damaged(path, w1=np.array("words")),
        lambda: damaged(path, w1=np.zeros((4, 3), complex)),
    ]
    for make in wrong:
        with pytest.raises(
            ValueError, match=r"net\.npz is not a network that nets\.save has written, or it is damaged"
        ):
            load(make())
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nowhere")
