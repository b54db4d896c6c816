"""Intermediate quantities of a derivation: what they are called, which is the first wrong one, and what follows from it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor, compare_steps, named

Array = np.ndarray[Any, Any]


def network(rows: bool = False) -> dict[str, Tensor]:
    """Two layers, samples as columns or as rows; the forward pass as one writes it, with names for nothing."""
    rng = np.random.default_rng(0)
    shapes = {"w1": (4, 3), "b1": (4, 1), "w2": (2, 4), "b2": (2, 1), "x": (3, 5), "y": (2, 5)}
    values = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    w1, b1, w2, b2, x, y = (Tensor(v.T if rows else v, name not in "xy") for name, v in values.items())
    if rows:
        z1 = x @ w1 + b1
        a1 = ag.sigmoid(z1)
        z2 = a1 @ w2 + b2
    else:
        z1 = w1 @ x + b1
        a1 = ag.sigmoid(z1)
        z2 = w2 @ a1 + b2
    a2 = ag.sigmoid(z2)
    C = np.sum((y - a2) ** 2) / 2
    return named(locals())


def by_hand(v: dict[str, Tensor], **changes: Any) -> dict[str, Array]:
    """The derivation for columns, some of its lines replaced."""
    k: dict[str, Any] = {name: t.data for name, t in v.items()}
    lines = {
        "da2": lambda k: k["a2"] - k["y"], "dz2": lambda k: k["da2"] * k["a2"] * (1 - k["a2"]),
        "dw2": lambda k: k["dz2"] @ k["a1"].T, "da1": lambda k: k["w2"].T @ k["dz2"],
        "dz1": lambda k: k["da1"] * k["a1"] * (1 - k["a1"]), "dw1": lambda k: k["dz1"] @ k["x"].T,
        "db1": lambda k: k["dz1"].sum(1, keepdims=True),
    }  # fmt: skip
    for name, line in lines.items():
        k[name] = changes.get(name, line)(k)
    return {name: k[name] for name in lines}


def test_naming_costs_one_line() -> None:
    v = network()
    assert {name: t.name for name, t in v.items()} == {name: name for name in "w1 b1 w2 b2 x y z1 a1 z2 a2 C".split()}
    other = Tensor(1.0, name="kept")
    assert named({"new": other, "number": 3, "text": "abc", "f": np.sin}) == {"new": other} and other.name == "kept"
    hs = [Tensor(1.0), Tensor(2.0)]
    named(h=hs, p={"w": Tensor(3.0), "layers": (Tensor(4.0),)})
    assert [h.name for h in hs] == ["h[0]", "h[1]"]


def test_all_that_locals_holds_may_be_handed_over() -> None:
    """Arrays, Tensors and functions beside the derivation: what is no adjoint is none, and a1 is not taken for ∂C/∂a1."""

    def derivation() -> Any:
        v = network()
        C, x, y, a1, a2, w2 = v["C"], v["x"].data, v["y"].data, v["a1"].data, v["a2"].data, v["w2"]
        f, n, nothing = np.sin, 5, None  # noqa: F841
        da2 = a2 - y
        dz2 = da2 * a2 * (1 - a2)
        da1 = w2.data.T @ dz2
        dz1 = da1 * a1 * (1 - a1)
        dw1 = dz1 @ x.T
        return compare_steps(locals(), C)

    found = derivation()
    assert found and [row.name for row in found.rows] == ["da2", "dz2", "da1", "dz1", "dw1"]


@pytest.mark.parametrize(
    "spelling", ["d{}", "d_{}", "∂C/∂{}", "dC_d{}", "dC/d{}", "grad_{}", "{}_grad", "delta_{}", "{}_bar", "g_{}"]
)
def test_spellings(spelling: str) -> None:
    v = network()
    steps = by_hand(v)
    found = compare_steps({spelling.format(name[1:]): g for name, g in steps.items()}, v["C"])
    assert found and len(found.rows) == 7, found
    assert compare_steps({v[name[1:]]: g for name, g in steps.items()}, v["C"])


@pytest.mark.parametrize("name", ["delta2", "δ2", "delta_2", "d2"])
def test_delta_is_that_of_the_chapter_or_that_of_nielsen(name: str) -> None:
    v = network()
    steps = by_hand(v)
    assert compare_steps({name: steps["da2"]}, v["C"]) and compare_steps({name: steps["dz2"]}, v["C"])
    wrong = compare_steps({name: -steps["dz2"]}, v["C"])
    assert "a sign is wrong" in wrong.rows[0].hints[0] and "∂C/∂z2" in wrong.lines[name]


STEPS = ["da2", "dz2", "dw2", "da1", "dz1", "dw1", "db1"]


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("wrong", STEPS)
def test_the_first_wrong_step(wrong: str, rows: bool) -> None:
    """Samples as rows are the transpose of everything: the same step is wrong, and the same steps follow."""
    v = network(rows)
    columns = {name: t.detach().T if rows else t for name, t in v.items()}
    right = by_hand(columns)[wrong]
    steps = by_hand(columns, **{wrong: lambda k: right * np.linspace(0.5, 2, len(right))[:, None]})
    steps = {name: g.T if rows else g for name, g in steps.items()}
    found = compare_steps(steps, v["C"])
    assert found.first_wrong == wrong
    after = {"da2": STEPS[1:], "dz2": STEPS[2:], "da1": STEPS[4:], "dz1": STEPS[5:]}.get(wrong, [])
    assert {name for name, follows in found.follows.items() if follows} == set(after)
    assert list(found.lines) == [wrong] and f"{wrong}; right is {found.lines[wrong]}" not in str(found)
    assert all(row.hints == () for row in found.rows)  # a factor for each row is no pattern
    line = {"dw1": "∂C/∂w1 = (x)ᵀ ∂C/∂z1", "da1": "∂C/∂a1 = ∂C/∂z2 (w2)ᵀ"} if rows else {
        "dw1": "∂C/∂w1 = ∂C/∂z1 (x)ᵀ", "da1": "∂C/∂a1 = (w2)ᵀ ∂C/∂z2"}  # fmt: skip
    assert found.lines[wrong] == line.get(wrong, found.lines[wrong])


def test_rows_as_samples_with_hints() -> None:
    v = network(rows=True)
    k = {name: t.data for name, t in v.items()}
    dz2 = (k["a2"] - k["y"]) * k["a2"] * (1 - k["a2"])
    da1 = dz2 @ k["w2"].T
    dz1 = da1 * k["a1"]
    found = compare_steps({"dz2": dz2, "db2": dz2, "dz1": dz1, "dw1": dz1.T @ k["x"]}, v["C"])
    said = {row.name: " ".join(row.findings()) for row in found.rows}
    assert "it is not summed over axis 0" in said["db2"] and "Σ_axis0" in said["db2"]
    assert "a1 stands in place of the derivative σ'(z1)" in said["dz1"]
    assert "(4, 3) instead of (3, 4)" in said["dw1"]
    assert found.first_wrong == "db2"


def test_two_mistakes_and_a_shape() -> None:
    v = network()
    found = compare_steps(by_hand(v, da2=lambda k: k["y"] - k["a2"], dw1=lambda k: (k["dz1"] @ k["x"].T) * 3), v["C"])
    assert {name for name, follows in found.follows.items() if not follows} == {"da2", "dw1"}
    assert found.rows[-1].hints == ("it is 3 times what the steps before it give, in every entry",)
    shape = compare_steps(by_hand(v, dz1=lambda k: k["da1"][:1]), v["C"])
    assert shape.first_wrong == "dz1" and str(shape).count("comes after dz1, which has another shape") == 2


def test_steps_of_a_recurrence() -> None:
    """Names with an index, as they come from lists; the derivation's list of adjoints is compared entry by entry."""
    rng = np.random.default_rng(1)
    w, xs = Tensor(rng.standard_normal((3, 3)), True), [Tensor(rng.standard_normal((3, 1))) for _ in range(4)]
    h = [Tensor(np.zeros((3, 1)))]
    for x in xs:
        h.append(np.tanh(w @ h[-1] + x))
    C = sum(np.sum(state**2) for state in h[1:]) / 2
    named(w=w, h=h, x=xs)
    dh: list[Any] = [None] * 5
    back = np.zeros((3, 1))
    for t in range(4, 0, -1):
        dh[t] = h[t].data + back
        back = w.data.T @ (dh[t] * (1 - h[t].data ** 2))
    assert compare_steps({f"dh[{t}]": dh[t] for t in range(1, 5)}, C)
    found = compare_steps({f"dh[{t}]": dh[t] - (h[2].data if t == 2 else 0) for t in range(1, 5)}, C)
    assert found.first_wrong == "dh[2]" and [row.name for row in found.rows] == ["dh[4]", "dh[3]", "dh[2]", "dh[1]"]


@pytest.mark.parametrize(("steps", "error", "words"), [
    ({}, ValueError, "nothing to compare: manual_steps is empty; the names in the history of the output are w1"),
    ({"dq": 1.0}, ValueError, "nothing to compare: dq belongs to no named Tensor that requires a gradient"),
    ([1.0], TypeError, "manual_steps is a dict of arrays by name, not list"),
    ({"dz2": None}, ValueError, "the step dz2 is None"),
    ({"dz2": "abc"}, TypeError, "manual gradient of dz2 holds no numbers"),
])  # fmt: skip
def test_refusals(steps: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        compare_steps(steps, network()["C"])
    with pytest.raises(TypeError, match="output is the Tensor that is differentiated, not float"):
        compare_steps({"dz2": 1.0}, 1.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="rtol is a number from 0 up"):
        compare_steps({"dz2": np.ones((2, 5))}, network()["C"], rtol=-1)


def test_two_tensors_of_one_name() -> None:
    x = Tensor(2.0, True)
    a, b = x * 2, x * 3
    a.name = b.name = "h"
    with pytest.raises(ValueError, match="2 Tensors are called h, so it is not clear which dh belongs to; keep them in a list"):
        compare_steps({"dh": 1.0}, a * b)


def test_what_has_no_tensor_is_said() -> None:
    v = network()
    found = compare_steps(by_hand(v) | {"dq": np.ones(3)}, v["C"])
    assert found and found.unknown == ("dq",)
    assert found.verdict() == "all 7 agree; not compared, since no Tensor that requires a gradient is called so: dq"
    assert found.to_dict()["unknown"] == ["dq"] and found.to_dict()["first_wrong"] is None


@pytest.mark.parametrize(("op", "activation", "above"), [
    ("relu", ag.relu, 1), ("maximum", lambda z: np.maximum(z, 0), 1), ("clip", lambda z: np.clip(z, 0, 50), 1),
    ("abs", lambda z: np.abs(z) + z, 2),
])  # fmt: skip
def test_slopes_at_a_kink_are_as_good_as_each_other(op: str, activation: Any, above: int) -> None:
    """Without a bias, a sample of zeros is at the kink whatever the weights are."""
    rng = np.random.default_rng(0)
    x, b = np.array([[0.0, 1.0, 2.0], [0.0, -1.0, 1.0]]), Tensor(np.zeros((3, 1)), True)
    w, v = Tensor(rng.standard_normal((3, 2)), True), rng.uniform(1, 2, (2, 3))
    z = w @ x + b
    a = activation(z)
    C = np.sum((v @ a - 1) ** 2)
    named(w=w, b=b, z=z, a=a, C=C)
    da = 2 * v.T @ (v @ a.data - 1)
    for share, right in ((0, True), (1, True), (0.3, True), (1.2, False), (-0.1, False)):
        dz = da * np.where(z.data == 0, share, z.data > 0) * above
        steps = {"da": da, "dz": dz, "dw": dz @ x.T, "db": dz.sum(1, keepdims=True)}
        found = compare_steps(steps, C)
        said = {row.name: " ".join(row.notes) for row in found.rows}
        assert found.ok == right and found.first_wrong == (None if right else "dz"), found
        if right and not found.rows[1].exact:
            assert said["dz"].startswith(f"{op} has a kink at z, all of column 0: its slope is {-1 if op == 'abs' else 0} below")
            assert said["db"] == "follows from the slope that was taken at a kink before it, and is as good"
        alone = ag.compare({"b": steps["db"]}, {"b": ag.gradients(C, [b])[0]}, output=C).rows[0]
        assert any("any between is as good" in note for note in alone.notes) == (not alone.approximate and share in (0, 1))


def test_a_mistake_beside_a_kink_is_found() -> None:
    w, x, y = Tensor([[1.0, 2.0]], True), np.array([[0.0, 1.0], [0.0, 2.0]]), np.array([[1.0, 2.0]])
    z = w @ x
    a = np.maximum(z + 4, 4)
    C = np.sum((a - y) ** 2)
    named(w=w, z=z, a=a, C=C)
    da = a.data - y
    found = compare_steps({"da": da, "dz": da * (z.data >= 0), "dw": (da * (z.data >= 0)) @ x.T}, C)
    assert found.follows["dz"] and found.first_wrong == "da" and "any between is as good" in found.rows[1].notes[-1]


def test_the_right_line_says_what_stands_for_arrays_without_a_name() -> None:
    rng = np.random.default_rng(0)
    w1, w2 = Tensor(rng.standard_normal((3, 4)), True, name="w1"), Tensor(rng.standard_normal((4, 2)), True, name="w2")
    x, y = rng.standard_normal((5, 3)), rng.standard_normal((5, 2))
    C = np.sum((np.tanh(x @ w1) @ w2 - y) ** 2)
    line = compare_steps({"dw1": np.ones((3, 4))}, C).lines["dw1"]
    assert line.startswith("∂C/∂w1 = 2 (c1)ᵀ (t4 (w2)ᵀ ⊙ tanh'(t1)), where c1: constant of shape 5 × 3 and t1 = c1 w1 and t4 = ")
