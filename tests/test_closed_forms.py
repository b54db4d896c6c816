"""The closed forms for networks of any depth, against published numbers, complex steps and automatic gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor
from nets import MLP, Linear, Sequential, Sigmoid, Softmax, TwoLayerNet, closed_form, quadratic_cost
from nets.costs import COSTS

Array = np.ndarray[Any, Any]


def test_a_published_example() -> None:
    """M. Mazur's step by step example, 2-2-2 with sigmoid units: its numbers to the nine digits that it prints."""
    w1, w2 = np.array([[0.15, 0.20], [0.25, 0.30]]), np.array([[0.40, 0.45], [0.50, 0.55]])
    x, y = np.array([[0.05], [0.10]]), np.array([[0.01], [0.99]])
    z1, a1, z2, a2 = closed_form.forward(w1, np.full((2, 1), 0.35), w2, np.full((2, 1), 0.60), x)
    np.testing.assert_allclose(a2[:, 0], [0.75136507, 0.772928465], atol=1e-9)
    assert closed_form.eq_a(a2, y) == pytest.approx(0.298371109, abs=1e-9)
    delta2 = closed_form.bp1(closed_form.eq_4_2(a2, y), closed_form.sigma_prime(z2))
    delta1 = closed_form.bp2(w2, delta2, closed_form.sigma_prime(z1))
    assert delta2[0, 0] == pytest.approx(0.138498562, abs=1e-9)
    for gradient, w, updated in (
        (closed_form.bp4(delta2, a1), w2, [[0.35891648, 0.408666186], [0.511301270, 0.561370121]]),
        (closed_form.bp4(delta1, x), w1, [[0.149780716, 0.19956143], [0.24975114, 0.29950229]]),
    ):
        np.testing.assert_allclose(closed_form.updated(w, gradient, 0.5), updated, atol=1e-8)


def test_softmax_with_cross_entropy_is_p_minus_y() -> None:
    z, y = np.array([[1.0, 1001.0], [2.0, 1002.0], [3.0, 1003.0]]), np.array([[0.0, 1.0], [0.0, 0.0], [1.0, 0.0]])
    p = [0.09003057317038046, 0.24472847105479764, 0.6652409557748219]
    found = closed_form.difference_delta(closed_form.softmax(z), y)
    np.testing.assert_allclose(found, np.transpose([p, p]) - y, rtol=1e-14)


def test_srihari_by_hand() -> None:
    """One hidden tanh unit, a linear output, each derivative written out with numbers."""
    x, t, w1, w2 = 0.7, -0.4, 0.5, 2.0
    h = np.tanh(w1 * x)
    delta_k = w2 * h - t
    found = closed_form.srihari_hidden([[w2]], [[delta_k]], [[h]])
    step = 1e-30j
    numerical = np.imag((w2 * np.tanh((w1 + step) * x) - t) ** 2 / 2) / 1e-30
    assert found[0, 0] * x == pytest.approx(numerical, rel=1e-14)
    net = MLP([1, 1, 1], hidden="tanh", output=None, bias=False)
    net.parameters()["w1"].data, net.parameters()["w2"].data = np.array([[w1]]), np.array([[w2]])
    by_name = closed_form.gradients(net, [[x]], [[t]])
    assert (by_name["w1"][0, 0], by_name["w2"][0, 0]) == (pytest.approx(numerical), pytest.approx(delta_k * h))


@pytest.mark.parametrize("z", [-800.0, -30.0, -1.0, 0.0, 1e-9, 2.0, 30.0, 800.0])
def test_the_slope_of_tanh_in_the_tails(z: float) -> None:
    import mpmath

    with mpmath.workdps(800):
        exact = 1 - mpmath.tanh(mpmath.mpf(z)) ** 2
    assert closed_form.tanh_prime(z) == pytest.approx(float(exact), rel=1e-14, abs=0)


PLAIN: dict[Any, Callable[[Array], Array]] = {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)), "tanh": np.tanh, "linear": lambda z: z, "relu": lambda z: np.where(z.real > 0, z, 0),
    "softmax": lambda z: np.exp(z) / np.sum(np.exp(z), axis=0),
}  # fmt: skip
ENTROPIES: dict[str, Callable[[Array, Array], Any]] = {
    "quadratic": lambda a, y: np.sum((y - a) ** 2) / 2,
    "cross_entropy": lambda a, y: -np.sum(y * np.log(a) + (1 - y) * np.log(1 - a)),
    "log_likelihood": lambda a, y: -np.sum(y * np.log(a)),
    "softmax_cross_entropy": lambda a, y: -np.sum(y * np.log(PLAIN["softmax"](a))),
    "sigmoid_cross_entropy": lambda a, y: ENTROPIES["cross_entropy"](PLAIN["sigmoid"](a), y),
}
KINDS = [
    ("sigmoid", "sigmoid", "quadratic"), ("tanh", "linear", "quadratic"), ("relu", "tanh", "quadratic"),
    ("sigmoid", "sigmoid", "cross_entropy"), ("tanh", "softmax", "log_likelihood"), ("relu", "linear", "softmax_cross_entropy"),
    ("linear", "linear", "sigmoid_cross_entropy"),
]  # fmt: skip


@pytest.mark.parametrize("sizes", [[3, 2], [2, 4, 3], [5, 4, 3, 2], [3, 6, 1, 5, 4, 2]])
@pytest.mark.parametrize("kind", KINDS, ids=" ".join)
def test_any_depth(kind: tuple[str, str, str], sizes: list[int]) -> None:
    hidden, output, cost = kind
    bias, rows, batch = sum(sizes) % 2 == 0, len(sizes) % 2 == 0, 1 + 6 * (len(sizes) > 2)
    rng = np.random.default_rng(sum(sizes))
    net = MLP(sizes, hidden=hidden, output=output, bias=bias, seed=1, samples="rows" if rows else "columns")
    for p in net.parameters().values():
        p.data = rng.standard_normal(p.shape)
    x, y = rng.standard_normal((sizes[0], batch)), np.eye(sizes[-1])[:, rng.integers(0, sizes[-1], batch)]
    given = (x.T, y.T) if rows else (x, y)
    found = closed_form.gradients(net, *given, cost)
    assert list(found) == list(net.parameters())

    def by_hand(**changed: Array) -> Any:
        p = {name: t.data for name, t in net.parameters().items()} | changed
        a: Any = x
        for i in range(1, len(sizes)):
            a = PLAIN[output if i == len(sizes) - 1 else hidden](p[f"w{i}"] @ a + p.get(f"b{i}", 0))
        return ENTROPIES[cost](a, y)

    for name, p in net.parameters().items():  # independent of both: complex steps through an own forward pass
        expected = np.empty(p.shape)
        for k in np.ndindex(p.shape):
            moved = p.data.astype(complex)
            moved[k] += 1e-30j
            expected[k] = np.imag(by_hand(**{name: moved})) / 1e-30
        assert type(found[name]) is np.ndarray and found[name].shape == p.shape
        np.testing.assert_allclose(found[name], expected, rtol=0, atol=1e-12 * np.max(np.abs(expected)), err_msg=name)

    COSTS[cost](net(given[0]), given[1], samples=net.samples).backward()
    assert ag.compare(found, net.parameters())


def test_two_layers_by_both_ways() -> None:
    """Eq 3 and Eq 5 are BP1 to BP4 for two layers."""
    net = TwoLayerNet(3, 4, 2, seed=0)
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((3, 5)), rng.uniform(size=(2, 5))
    mlp = MLP([3, 4, 2])
    for p, q in zip(mlp.parameters().values(), net.parameters().values()):
        p.data = q.data.copy()
    assert ag.compare(closed_form.gradients(net, x, y), closed_form.gradients(mlp, x, y))
    rows = TwoLayerNet(3, 4, 2, seed=0, samples="rows")
    assert ag.compare(closed_form.gradients(rows, x.T, y.T), closed_form.gradients(net, x, y))


def test_rows_as_samples_are_transposes() -> None:
    """As the docstring says: hand X.T and W.T in, and take .T of what comes out."""
    rng = np.random.default_rng(2)
    X, W1, W2 = rng.standard_normal((5, 3)), rng.standard_normal((3, 4)), rng.standard_normal((4, 2))
    Y = rng.uniform(size=(5, 2))
    W = [Tensor(W1, requires_grad=True), Tensor(W2, requires_grad=True)]
    (np.sum((ag.sigmoid(ag.sigmoid(X @ W[0]) @ W[1]) - Y) ** 2) / 2).backward()
    z1, a1, z2, a2 = closed_form.forward(W1.T, None, W2.T, None, X.T)
    delta = closed_form.bp1(a2 - Y.T, closed_form.sigma_prime(z2))
    by_hand = [closed_form.bp4(closed_form.bp2(W2.T, delta, closed_form.sigma_prime(z1)), X.T).T, closed_form.bp4(delta, a1).T]
    assert ag.compare(by_hand, W)


def test_float32_stays_float32() -> None:
    net = MLP([3, 4, 2], hidden="tanh", output="softmax", dtype=np.float32, seed=0)
    found = closed_form.gradients(net, np.ones((3, 2)), np.eye(2), "log_likelihood")
    assert {g.dtype for g in found.values()} == {np.dtype(np.float32)}


def test_no_tensor_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("an operation on a Tensor")

    net = MLP([3, 4, 2], seed=0)
    for method in ("__array_ufunc__", "__array_function__", "__matmul__", "__mul__", "__add__", "__sub__", "__getitem__"):
        monkeypatch.setattr(Tensor, method, refuse)
    closed_form.gradients(net, Tensor(np.ones((3, 5))), np.ones((2, 5)))
    closed_form.bp4(closed_form.bp2(Tensor(np.ones((2, 4))), Tensor(np.ones((2, 5))), np.ones((4, 5))), Tensor(np.ones((3, 5))))


class Doubled(Linear):
    """A layer that is not what the equations say of Linear."""

    def __call__(self, a: Any) -> Tensor:
        return 2 * super().__call__(a)


@pytest.mark.parametrize("net", [TwoLayerNet(2, 3, 1, seed=0), MLP([2, 3, 1], seed=0)])
def test_costs_are_called_as_in_train(net: Any) -> None:
    x, y = np.ones((2, 4)), np.zeros((1, 4))
    assert ag.compare(closed_form.gradients(net, x, y, "Quadratic"), closed_form.gradients(net, x, y)).ok
    mlp = MLP([2, 3, 1], seed=0)
    assert ag.compare(*(closed_form.gradients(mlp, x, y, cost) for cost in ("Cross-Entropy", "cross_entropy"))).ok


def test_targets_of_another_shape_are_described_as_rows_where_samples_are_rows() -> None:
    net = TwoLayerNet(2, 3, 1, samples="rows")
    for y, help in ((np.ones((1, 4)), "write y.T, so that each row is a sample"), (np.ones(4), r"write y\[:, None\]$")):
        for f in (closed_form.gradients, TwoLayerNet.cost):
            with pytest.raises(ValueError, match=rf"expected the shape \(4, 1\) of the outputs, \(batch, features\): {help}"):
                f(net, np.ones((4, 2)), y)


@pytest.mark.parametrize(("net", "cost", "error", "words"), [
    (MLP([2, 3]), "entropy", ValueError, "there is no cost 'entropy'; there are 'quadratic', 'cross_entropy'"),
    (MLP([2, 3], output="softmax"), "quadratic", ValueError, "Softmax at the end alone, with cost='log_likelihood'"),
    (MLP([2, 3, 3], hidden="softmax"), "quadratic", ValueError, "Softmax at the end alone"),
    (MLP([2, 3], output="tanh"), "cross_entropy", ValueError, "goes with Sigmoid at the end of the network, not with Tanh"),
    (MLP([2, 3]), "softmax_cross_entropy", ValueError, "goes with no activation at the end of the network, not with Sigmoid"),
    (Sequential(Linear(2, 3), Sigmoid(), Softmax()), "quadratic", TypeError, r"after each Linear, not Softmax\(\)"),
    ("net", "quadratic", TypeError, "those of a TwoLayerNet, an MLP or a Sequential, not of 'net'"),
    (MLP([2, 3]), quadratic_cost, TypeError, "cost is one of 'quadratic', .*, not <function quadratic_cost"),
    (Sequential(Doubled(2, 3)), "quadratic", TypeError, "of Sigmoid, Tanh, ReLU, Softmax after each Linear, not Linear"),
])  # fmt: skip
def test_what_the_equations_do_not_describe(net: Any, cost: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        closed_form.gradients(net, np.ones((2, 4)), np.ones((3, 4)), cost)
