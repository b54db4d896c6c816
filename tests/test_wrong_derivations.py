"""A zoo of wrong derivations of the kinds that people make: each is caught, and what is said about it is true.

And the other way round: a thousand right ones, of which none is accused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor, compare, compare_steps, named
from nets import closed_form

Array = np.ndarray[Any, Any]
RATE = 0.1
sigma, slope = closed_form.sigma, closed_form.sigma_prime


class Case:
    """The network n-n-n-n (so that nearly everything fits everywhere) with columns as samples, recorded and by hand."""

    def __init__(self, seed: int = 0, n: int = 4, batch: int = 6) -> None:
        rng = np.random.default_rng(seed)
        self.v: dict[str, Array] = {}
        for layer in ("1", "2"):
            self.v["w" + layer] = rng.standard_normal((n, n))
            self.v["b" + layer] = rng.standard_normal((n, 1))
        self.v["x"], self.v["y"] = rng.standard_normal((n, batch)), rng.uniform(size=(n, batch))
        self.tensors = {name: Tensor(x, name != "x" and name != "y", name=name) for name, x in self.v.items()}
        w1, b1, w2, b2, x, y = (self.tensors[name] for name in ("w1", "b1", "w2", "b2", "x", "y"))
        z1 = w1 @ x + b1
        a1 = ag.sigmoid(z1)
        z2 = w2 @ a1 + b2
        a2 = ag.sigmoid(z2)
        self.C = np.sum((y - a2) ** 2) / 2
        named(z1=z1, a1=a1, z2=z2, a2=a2)
        self.C.backward()
        self.v |= {"z1": z1.data, "a1": a1.data, "z2": z2.data, "a2": a2.data}
        self.parameters = [w1, b1, w2, b2]

    def by_hand(self, **changes: Callable[..., Any]) -> dict[str, Any]:
        """The derivation, each line of which may be replaced by another function of all that is known by then."""
        lines: dict[str, Callable[..., Any]] = {
            "da2": lambda v: v["a2"] - v["y"],
            "dz2": lambda v: v["da2"] * slope(v["z2"]),
            "dw2": lambda v: v["dz2"] @ v["a1"].T,
            "db2": lambda v: v["dz2"].sum(1, keepdims=True),
            "da1": lambda v: v["w2"].T @ v["dz2"],
            "dz1": lambda v: v["da1"] * slope(v["z1"]),
            "dw1": lambda v: v["dz1"] @ v["x"].T,
            "db1": lambda v: v["dz1"].sum(1, keepdims=True),
        }
        known: dict[str, Any] = dict(self.v)
        for name, line in lines.items():
            known[name] = changes.get(name, line)(known)
        return {name: known[name] for name in lines}


CASE = Case()


def without_the_last_row(g: Array) -> Array:
    g = g.copy()
    g[-1] = 0
    return g


ZOO: dict[str, tuple[str, Callable[..., Any], str]] = {
    "y - a2": ("da2", lambda v: v["y"] - v["a2"], "a sign is wrong"),
    "factor 2 of the square": ("da2", lambda v: 2 * (v["a2"] - v["y"]), "2 times"),
    "half": ("da2", lambda v: (v["a2"] - v["y"]) / 2, "factor 2 is missing"),
    "a2 alone": ("da2", lambda v: v["a2"], ""),
    "mean over the batch": ("da2", lambda v: (v["a2"] - v["y"]) / 6, "1/6 of the automatic one, and 6 is the batch size"),
    "squared": ("da2", lambda v: (v["a2"] - v["y"]) ** 2, ""),
    "cross entropy's dz2": ("dz2", lambda v: v["da2"], "the factor σ'(z2) is missing"),
    "σ for σ'": ("dz2", lambda v: v["da2"] * sigma(v["z2"]), "a2 stands in place of the derivative σ'(z2)"),
    "σ' at a2": ("dz2", lambda v: v["da2"] * slope(v["a2"]), "derivative is taken at a2 instead of z2"),
    "z (1 - z)": ("dz2", lambda v: v["da2"] * v["z2"] * (1 - v["z2"]), "in terms of a2 is applied to z2"),
    "σ' twice": ("dz2", lambda v: v["da2"] * slope(v["z2"]) ** 2, "stands there twice"),
    "σ' of the wrong layer": ("dz2", lambda v: v["da2"] * slope(v["z1"]), "σ'(z1) stands in place of σ'(z2)"),
    "1 - a": ("dz2", lambda v: v["da2"] * (1 - v["a2"]), ""),
    "a (1 + a)": ("dz2", lambda v: v["da2"] * v["a2"] * (1 + v["a2"]), ""),
    "tanh' for σ'": ("dz2", lambda v: v["da2"] * (1 - v["a2"] ** 2), ""),
    "minus σ'": ("dz2", lambda v: -v["da2"] * slope(v["z2"]), "a sign is wrong"),
    "w2 not transposed": ("da1", lambda v: v["w2"] @ v["dz2"], "w2 stands in place of (w2)ᵀ"),
    "w1 for w2": ("da1", lambda v: v["w1"].T @ v["dz2"], "w1"),
    "da2 for dz2": ("da1", lambda v: v["w2"].T @ v["da2"], "the factor σ'(z2) is missing"),
    "elementwise for the product": ("da1", lambda v: v["w2"].T * v["dz2"][:, :1] @ np.ones((4, 6)), ""),
    "w2 after its update": ("da1", lambda v: (v["w2"] - RATE * v["dw2"]).T @ v["dz2"], "w2 after its update"),
    "no σ' at layer 1": ("dz1", lambda v: v["da1"], "the factor σ'(z1) is missing"),
    "σ'(z2) at layer 1": ("dz1", lambda v: v["da1"] * slope(v["z2"]), "σ'(z2) stands in place of σ'(z1)"),
    "σ at layer 1": ("dz1", lambda v: v["da1"] * v["a1"], "a1 stands in place of the derivative σ'(z1)"),
    "x (1 - x) at layer 1": ("dz1", lambda v: v["da1"] * v["z1"] * (1 - v["z1"]), "in terms of a1 is applied to z1"),
    "float32 in between": ("dz1", lambda v: (v["da1"].astype(np.float32) * slope(v["z1"])), ""),
    "stale activations": ("dz1", lambda v: v["da1"] * slope(v["w1"] @ v["x"]), ""),
    "transposed": ("dw2", lambda v: (v["dz2"] @ v["a1"].T).T, "transposed"),
    "x for a1": ("dw2", lambda v: v["dz2"] @ v["x"].T, "x"),
    "z1 for a1": ("dw2", lambda v: v["dz2"] @ v["z1"].T, "z1"),
    "dw2 without σ'": ("dw2", lambda v: v["da2"] @ v["a1"].T, "the factor σ'(z2) is missing"),
    "mean in dw2": ("dw2", lambda v: v["dz2"] @ v["a1"].T / 6, "a mean for the sum"),
    "only the first sample": ("dw2", lambda v: v["dz2"][:, :1] @ v["a1"][:, :1].T, ""),
    "last row missing": ("dw2", lambda v: without_the_last_row(v["dz2"] @ v["a1"].T), "were not computed"),
    "regularised in one place": ("dw2", lambda v: v["dz2"] @ v["a1"].T + 0.01 * v["w2"], "0.01 times w2 itself"),
    "zero": ("dw2", lambda v: np.zeros((4, 4)), "0 everywhere"),
    "NaN": ("dw2", lambda v: np.full((4, 4), np.nan), ""),
    "the step": ("dw2", lambda v: -RATE * v["dz2"] @ v["a1"].T, "the step, not the gradient"),
    "bias not summed": ("db2", lambda v: v["dz2"], "not summed over axis 1"),
    "bias summed over units": ("db2", lambda v: v["dz2"].sum(0, keepdims=True), ""),
    "bias averaged": ("db2", lambda v: v["dz2"].mean(1, keepdims=True), "a mean for the sum"),
    "bias without keepdims": ("db2", lambda v: v["dz2"].sum(1), "in another shape"),
    "regularised bias": ("db2", lambda v: v["dz2"].sum(1, keepdims=True) + 0.5 * v["b2"], "0.5 times b2 itself"),
    "bias of the other layer": ("db1", lambda v: v["db2"], "it is the gradient of b2"),
    "dz2 for dz1 in w1": ("dw1", lambda v: v["dz2"] @ v["x"].T, ""),
    "a1 for x": ("dw1", lambda v: v["dz1"] @ v["a1"].T, "a1"),
    "gradients swapped": ("dw1", lambda v: v["dw2"], "it is the gradient of w2"),
    "a part in 10⁹": ("dw1", lambda v: v["dz1"] @ v["x"].T * (1 + 1e-9), ""),
}


@pytest.mark.parametrize("name", ZOO)
def test_a_wrong_derivation_is_caught(name: str) -> None:
    step, line, hint = ZOO[name]
    found = CASE.by_hand(**{step: line})
    gradients = {p.name: found["d" + str(p.name)] for p in CASE.parameters}
    comparison = compare(gradients, CASE.parameters, output=CASE.C, factors={"learning rate": RATE})
    assert not comparison, name
    assert all(len(text) <= 80 for text in str(comparison).split("\n"))
    wrong = [row for row in comparison.rows if not row.approximate]
    said = " | ".join(text for row in wrong for text in row.hints)
    assert hint in said if hint else True, f"{name}: {said!r}\n{comparison}"

    steps = compare_steps(found, CASE.C)
    assert steps.first_wrong == step, f"{name}\n{steps}"
    assert [row.name for row in steps.rows if not row.approximate and not steps.follows[row.name]] == [step], str(steps)
    assert steps.lines[step].startswith(f"∂C/∂{step[1:]} = ")


def test_the_right_derivation_is_right() -> None:
    assert compare_steps(CASE.by_hand(), CASE.C)
    assert len(ZOO) >= 40


def test_two_mistakes_are_two() -> None:
    found = CASE.by_hand(dz2=lambda v: v["da2"], dw1=lambda v: (v["dz1"] @ v["x"].T).T)
    steps = compare_steps(found, CASE.C)
    assert [name for name, follows in steps.follows.items() if not follows] == ["dz2", "dw1"]
    assert "transposed" in steps.rows[[row.name for row in steps.rows].index("dw1")].hints[0]


@pytest.mark.parametrize("seed", [*range(20), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(20, 60))])
def test_random_wrong_gradients_get_no_hint(seed: int) -> None:
    case = Case(seed, n=max(2 - seed % 2, 1 + seed % 5), batch=1 + seed % 3)
    rng = np.random.default_rng(seed + 1000)
    gradients = {
        p.name: p.grad + rng.standard_normal(p.shape) if seed % 2 else p.grad * rng.uniform(0.5, 1.5, p.shape)
        for p in case.parameters if p.grad is not None and (p.size > 2 or seed % 2)
    }  # fmt: skip
    automatic = {name: case.tensors[str(name)] for name in gradients}
    comparison = compare(gradients, automatic, output=case.C, factors={"learning rate": RATE, "batch size": 3})
    assert [row.hints for row in comparison.rows] == [()] * len(gradients), str(comparison)


def rows_as_samples(v: dict[str, Any], s: Any = ag.sigmoid) -> Any:
    return np.sum((s(s(v["x"] @ v["w1"] + v["b1"]) @ v["w2"] + v["b2"]) - v["y"]) ** 2) / 2


def by_hand_slope(z: Array, a: Array, size: float) -> Array:
    """σ'(z) as everybody writes it; where weights are so large that 1 − a loses its digits, as one has to write it."""
    e = np.exp(-np.abs(z))
    return np.asarray(a * (1 - a) if size < 4 else e / (1 + e) ** 2)


@pytest.mark.parametrize("seed", [*range(200), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(200, 1000))])
def test_a_right_derivation_is_not_accused(seed: int) -> None:
    rng = np.random.default_rng(seed)
    dtype = np.float32 if seed % 3 == 0 else np.float64
    n0, n1, n2, batch = (int(n) for n in rng.integers(1, [40, 30, 10, 60]))
    size = 10.0 ** rng.uniform(-1, 1)
    w1, w2 = (size * rng.standard_normal(s) for s in ((n1, n0), (n2, n1)))
    b1, b2, x = rng.standard_normal((n1, 1)), rng.standard_normal((n2, 1)), rng.standard_normal((n0, batch))
    y = rng.uniform(size=(n2, batch))
    arrays = {name: v.astype(dtype) for name, v in dict(w1=w1, b1=b1, w2=w2, b2=b2, x=x, y=y).items()}
    rows = seed % 2 == 1
    if rows:
        arrays = {name: np.ascontiguousarray(v.T) for name, v in arrays.items()}
    p = {name: Tensor(v, name in ("w1", "b1", "w2", "b2"), name=name) for name, v in arrays.items()}
    if rows:
        rows_as_samples(p).backward()
    else:
        a2 = ag.sigmoid(p["w2"] @ ag.sigmoid(p["w1"] @ p["x"] + p["b1"]) + p["b2"])
        (np.sum((a2 - p["y"]) ** 2) / 2).backward()
    v = {name: a.T if rows else a for name, a in arrays.items()}
    z1 = v["w1"] @ v["x"] + v["b1"]
    a1 = 1 / (1 + np.exp(-np.clip(z1, -80, 80)))
    z2 = v["w2"] @ a1 + v["b2"]
    a2 = 1 / (1 + np.exp(-np.clip(z2, -80, 80)))
    dz2 = (a2 - v["y"]) * by_hand_slope(z2, a2, size)
    dz1 = (v["w2"].T @ dz2) * by_hand_slope(z1, a1, size)
    manual = {"w1": dz1 @ v["x"].T, "b1": dz1.sum(1, keepdims=True), "w2": dz2 @ a1.T, "b2": dz2.sum(1, keepdims=True)}
    if rows:
        manual = {name: g.T for name, g in manual.items()}
    comparison = compare(manual, {name: p[name] for name in manual})
    assert comparison, str(comparison)


def hint_of(manual: Array, output: Tensor, x: Tensor) -> str:
    [row] = ag.compare({"w": manual}, {"w": ag.gradients(output, x)}, output=output).rows
    return " ".join(row.hints)


def test_a_batch_size_names_a_sum_for_the_mean_only_where_a_mean_was_recorded() -> None:
    rng = np.random.default_rng(0)
    a0, y = rng.normal(size=(3, 5)), rng.normal(size=(2, 5))
    w = Tensor(rng.normal(size=(2, 3)), requires_grad=True, name="w")
    error = w @ a0 - y
    for C, mean in ((np.sum(error**2) / 2, False), (np.sum(error**2) / 10, True), (np.mean(np.sum(error**2, 0)), True)):
        hint = hint_of(5 * ag.gradients(C, w), C, w)
        assert "5 is the batch size" in hint and ("a sum for the mean" in hint) == mean, hint


def test_a_derivative_that_happens_to_be_one_over_the_batch_size_is_named() -> None:
    x, y = np.array([[0.0, 0, 1, 1], [0, 1, 0, 1]]), np.array([[0.0, 1, 1, 1]])
    w = Tensor(np.zeros((1, 2)), requires_grad=True, name="w")
    z = w @ x
    z.name = "z"
    a = ag.sigmoid(z)
    C = np.sum((a - y) ** 2) / 2
    hint = hint_of((a.data - y) @ x.T, C, w)
    assert "the factor σ'(z) is missing" in hint and "a sum for the mean" not in hint


def test_regularisation_is_told_from_that_of_the_cost() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3, 5)), rng.normal(size=(2, 5))
    w = Tensor(rng.normal(size=(2, 3)), requires_grad=True, name="w")
    error = np.sum((w @ x - y) ** 2) / 2
    without = ag.gradients(error, w)
    penalised = error + 0.1 * np.sum(w**2)
    assert "0.3 times w itself: regularisation that the cost does not have" in hint_of(without + 0.3 * w.data, error, w)
    assert "minus 0.2 times w itself: regularisation that is missing" in hint_of(without, penalised, w)
    assert "regularisation that has the factor 0.1 instead of 0.2" in hint_of(without + 0.1 * w.data, penalised, w)
    uniform = Tensor(np.full((2, 3), 0.5), requires_grad=True, name="w")
    error = np.sum((uniform @ x - y) ** 2) / 2
    assert "regularisation" not in hint_of(ag.gradients(error, uniform) + 0.5, error, uniform)


def test_an_operand_without_a_name_is_not_called_x() -> None:
    rng = np.random.default_rng(1)
    x = Tensor(rng.normal(size=(3, 5)), name="x")
    w, y = Tensor(rng.normal(size=(2, 3)), requires_grad=True, name="w"), rng.normal(size=(2, 5))
    C = np.sum((ag.sigmoid(w @ x) - y) ** 2) / 2
    a = ag.sigmoid(w.data @ x.data)
    assert hint_of((a - y) @ x.data.T, C, w) == "the factor σ'(…) is missing"


def test_a_jacobian_is_no_factor_that_something_else_stands_in_place_of() -> None:
    rng = np.random.default_rng(2)
    w, Y = Tensor(rng.normal(size=(3, 4)), requires_grad=True, name="w"), np.eye(3)
    z = w[:, :3] * 2
    z.name = "z"
    C = -np.sum(Y * ag.log_softmax(z, axis=1))
    row = ag.compare({"z": z.data - Y}, {"z": ag.gradients(C, z)}, output=C).rows[0]
    assert not row.approximate and "stands in place" not in " ".join(row.hints)


def test_a_name_within_the_name_of_the_function_is_left_alone() -> None:
    rng = np.random.default_rng(0)
    w, x = Tensor(rng.normal(size=(2, 3)), requires_grad=True, name="w"), rng.normal(size=(3, 4))
    t = w @ x
    a = np.tanh(t)
    t.name, a.name = "t", "a"
    C = np.sum(a**2)
    at_a = (2 * a.data * (1 - np.tanh(a.data) ** 2)) @ x.T
    [row] = compare({"w": at_a}, {"w": ag.gradients(C, w)}, output=C).rows
    assert row.hints == ("the derivative is taken at a instead of t: tanh'(a)",)
