"""Derivatives are checked: right ones pass, each wrong one is found, and the error names argument, index and values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import GradientMismatch, Tensor, check_gradients

nan = np.nan


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.longdouble])
def test_right_derivatives_pass(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0.5, 1.5, (2, 2, 3)).astype(dtype)
    check_gradients(lambda a, b: np.sum(np.exp(a) * b**2 / (a + b)), a, b, order=2)
    check_gradients(lambda a: np.tanh(a) @ a.T, a, order=2)
    check_gradients(lambda a, b: a * 2, a, b)  # b does not matter
    check_gradients(lambda a: np.sum(a**3), Tensor(a, requires_grad=True), order=4)


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e6, 1e30])
def test_the_scale_of_the_function_does_not_matter(scale: float) -> None:
    x = np.array([0.5, 1.0, 2.0])
    check_gradients(lambda x: scale * np.sum(np.sin(x)), x, order=2)
    wrong = ag.elementwise("wrong", lambda x: scale * np.sin(x), lambda x: scale * np.cos(x) * 1.00001)
    with pytest.raises(GradientMismatch):
        check_gradients(lambda x: np.sum(wrong(x)), x)


@pytest.mark.parametrize("f", [
    lambda x: np.sum(x**3), lambda x: np.sum(np.tanh(x) ** 3), lambda x: np.sum(x**5), lambda x: np.linalg.matrix_power(x, 3),
])  # fmt: skip
def test_gradients_that_are_0_are_right(f: Any) -> None:
    """What a complex step leaves of them, h² of x³, is its own error."""
    check_gradients(f, np.zeros((2, 2)), order=2)


@pytest.mark.parametrize("order", [1, 2])
def test_gradients_that_are_nothing_but_rounding_are_right(order: int) -> None:
    """Probabilities add up to 1; no two computations leave the same of their derivatives."""
    rng = np.random.default_rng(0)
    for _ in range(10):
        x = rng.standard_normal(5)
        check_gradients(lambda x: np.sum(ag.softmax(x)), x, order=order)
        check_gradients(lambda x: np.sum(np.exp(x) / np.sum(np.exp(x))), x, order=order)
        check_gradients(lambda x: np.sum(ag.softmax(x)), x, order=order, directions=1)


@pytest.mark.parametrize("size", [1e6, 1e10, 1e12])
def test_wrong_derivatives_beside_large_numbers_are_found(size: float) -> None:
    wrong = ag.elementwise("wrong", lambda x: np.sin(x), lambda x: -np.cos(x))
    x = np.array([1.0, 2.0])
    check_gradients(lambda x: size + np.sum(np.sin(x)), x, order=2)
    with pytest.raises(GradientMismatch):
        check_gradients(lambda x: size + np.sum(wrong(x)), x)
    with pytest.raises(ValueError, match=r"of f cannot be judged: f is 1e\+14 there, .* no better than ±.* constant in f"):
        check_gradients(lambda x: 1e14 + np.sum(wrong(x)), x)
    with pytest.raises(ValueError, match=r"of f cannot be judged: f is 1e\+14 there"):
        check_gradients(lambda x: 1e14 + np.sum(wrong(x)), x, directions=1)


def slightly_wrong(where: int) -> Any:
    """x³ with one entry of the derivative off by 1e-4."""

    def rule(x: Any) -> Any:
        slope = 3 * np.asarray(x) ** 2
        slope.flat[where] *= 1.0001
        return slope

    return ag.elementwise("cube", lambda x: x**3, rule)


@pytest.mark.parametrize("where", range(6))
def test_a_wrong_entry_is_named(where: int) -> None:
    cube = slightly_wrong(where)
    x = np.ones((2, 3))
    index = tuple(int(i) for i in np.unravel_index(where, x.shape))
    with pytest.raises(GradientMismatch) as info:
        check_gradients(lambda w, x: np.sum(w * cube(x)), 2.0, Tensor(x, name="x"))
    error = info.value
    assert (error.name, error.index) == ("argument 1 (x)", index)
    assert error.expected == pytest.approx(6, rel=1e-8)
    assert error.automatic == pytest.approx(6.0006, rel=1e-8)
    words = f"the derivative of f with respect to argument 1 (x) at index {index}: numerical {error.expected}, "
    assert str(error).startswith(f"{words}automatic {error.automatic}; they differ by 0.0006, ")


def test_wrong_entries_of_a_jacobian_are_named() -> None:
    cube = slightly_wrong(1)
    with pytest.raises(
        GradientMismatch, match=r"of f at index \(1,\) with respect to argument 0 at index \(1,\): "
    ) as info:
        check_gradients(lambda x: cube(x), np.ones(3))
    assert info.value.index == (1, 1)


@pytest.mark.parametrize(
    "rule", [lambda x: -np.cos(x), lambda x: 0.0, lambda x: np.cos(x) + 1e-5, lambda x: np.cos(x) * nan]
)
def test_wrong_rules_are_found(rule: Any) -> None:
    with pytest.raises(GradientMismatch):
        check_gradients(ag.elementwise("wrong", lambda x: np.sin(x), rule), np.array([0.3, 0.7]))


def test_wrong_second_derivatives_are_found() -> None:
    """A rule that takes a factor for a constant is right at first order and wrong at second."""
    cube = ag.elementwise("cube", lambda x: x**3, lambda x: 3 * (x.detach() if isinstance(x, Tensor) else x) * x)
    x = np.array([1.0, 2.0])
    check_gradients(lambda x: np.sum(cube(x)), x)
    with pytest.raises(
        GradientMismatch, match=r"∂f/∂\(argument 0\) at index \(1,\) with respect to argument 0"
    ) as info:
        check_gradients(lambda x: np.sum(cube(x)), x, order=2)
    assert (info.value.expected, info.value.automatic) == (pytest.approx(12), 6)


def test_lost_histories_are_found() -> None:
    with pytest.raises(GradientMismatch, match=r"numerical (1\.99|2\.0).*, automatic 0\.0"):
        check_gradients(lambda x: np.sum(x.detach() ** 2), 1.0)


def test_tolerances_of_checks() -> None:
    off = ag.elementwise("off", lambda x: np.sin(x), lambda x: np.cos(x) * 1.001)
    with pytest.raises(GradientMismatch):
        check_gradients(off, 0.5)
    check_gradients(off, 0.5, rtol=0.01)
    check_gradients(off, 0.5, atol=0.01)
    with pytest.raises(ValueError, match="order is 1 for the gradient"):
        check_gradients(np.sin, 0.5, order=0)
    for wrong, words in (
        ({"order": 1.5}, "order is 1 for the gradient"), ({"order": True}, "order is 1"),
        ({"directions": 0}, "directions is the"), ({"directions": 2.5}, "directions is the"),
        ({"rtol": -1}, "rtol is a number from 0 up, not -1"), ({"atol": nan}, "atol is a"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            check_gradients(np.sin, 0.5, **wrong)


def test_nests_of_arguments() -> None:
    def f(p: Any, x: Any) -> Any:
        return np.sum(np.tanh(p["w"] @ x + p["layers"][1]) ** 2)

    w, b, x = np.array([[0.5, -1.0]]), np.array([0.3]), np.array([0.2, 0.7])
    check_gradients(f, {"w": w, "layers": [w, b]}, x, order=2)
    check_gradients(f, {"w": w, "layers": [w, b]}, x, directions=2)
    wrong = ag.elementwise("wrong", lambda x: np.sin(x), lambda x: np.cos(x) + 1e-4)
    with pytest.raises(GradientMismatch, match=r'with respect to argument 0\["layers"\]\[1\] at index \(0,\)'):
        check_gradients(lambda p, x: f({"w": w, "layers": [w, wrong(p["layers"][1])]}, x), {"w": w, "layers": [w, b]}, x)


# Random directions ----------------------------------------------------------------------------------------------


def test_random_directions_find_a_wrong_entry_among_many() -> None:
    """And cost as many evaluations for 600 entries as for 6, which is what they are for."""
    calls = []

    def f(w: Any, right: Any) -> Any:
        calls.append(1)
        return np.sum(np.cos(right(w)))

    for shape in ((2, 3), (20, 30)):
        w = np.random.default_rng(1).uniform(0.5, 1, shape)
        calls.clear()
        check_gradients(lambda w: f(w, lambda w: w**3), w, directions=3, order=2)
        assert len(calls) < 150
        for where in (0, w.size - 1):
            cube = slightly_wrong(where)
            with pytest.raises(GradientMismatch, match="along a random direction through all arguments: .*Leave out directions="):
                check_gradients(lambda w: f(w, cube), w, directions=3)


def test_random_directions_find_wrong_second_derivatives() -> None:
    cube = ag.elementwise("cube", lambda x: x**3, lambda x: 3 * (x.detach() if isinstance(x, Tensor) else x) * x)
    w = np.linspace(0.5, 1, 12).reshape(3, 4)
    check_gradients(lambda w: np.sum(cube(w)), w, directions=2)
    with pytest.raises(GradientMismatch, match="the derivative of a directional derivative of f along"):
        check_gradients(lambda w: np.sum(cube(w)), w, directions=2, order=2)
    check_gradients(lambda w: np.sum(cube(w)), w, directions=2, order=2, atol=100)


@pytest.mark.parametrize("seed", range(8))
def test_random_directions_accuse_nobody(seed: int) -> None:
    rng = np.random.default_rng(seed)
    dtype = (np.float64, np.float32)[seed % 2]
    w, x = (rng.standard_normal(s).astype(dtype) * 10.0 ** rng.integers(-1, 2) for s in ((30, 40), (40, 5)))
    check_gradients(lambda w, x: ag.sigmoid(w @ x), w, x, directions=3, order=2, seed=seed)
    check_gradients(lambda w: np.sum(np.tanh(w @ x) ** 2), w, directions=3, seed=seed)


@pytest.mark.parametrize("directions", [None, 2])
def test_forward_against_reverse_mode(directions: Any) -> None:
    """A pullback that is not linear in the adjoint: right for the adjoint 1 that `backward` starts with, and wrong otherwise."""
    odd = ag.operation("odd", lambda x: np.sin(x), lambda u, x: u * u * np.cos(x))
    with pytest.raises(GradientMismatch, match="forward and reverse mode of f differ along a random direction") as info:
        check_gradients(lambda x: np.sum(odd(x)), np.array([0.3, 0.6]), directions=directions, atol=1e3 if directions else None)
    assert info.value.expected != info.value.automatic


# Kinks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("f", "x", "below", "above"), [
    (ag.relu, 0.0, 0, 1), (lambda x: np.where(x > 0, 3 * x, -x), 0.0, -1, 3),
    (lambda x: np.sum(np.clip(x, -1, 1)), np.array([0.5, 1.0]), 1, 0),
])  # fmt: skip
def test_kinks_are_reported_as_such(f: Any, x: Any, below: float, above: float) -> None:
    with pytest.raises(GradientMismatch, match=f"has a kink at .*: its slope is {below} below and {above} above"):
        check_gradients(f, x)


@pytest.mark.parametrize("x", [0.0, 1e-9, 1.0])
def test_what_is_wrong_and_smooth_is_no_kink(x: float) -> None:
    wrong = ag.elementwise("wrong", lambda x: np.sin(x), lambda x: np.cos(x) + 0.5)
    with pytest.raises(GradientMismatch, match="numerical .*, automatic"):
        check_gradients(wrong, x)


# Somebody's own gradient ------------------------------------------------------------------------------------------


def cost(w: Any, b: Any) -> Any:
    return np.sum(np.tanh(w @ np.array([[1.0, 2.0], [0.5, -1.0]]) + b) ** 2)


def by_hand(w: Any, b: Any) -> Any:
    x = np.array([[1.0, 2.0], [0.5, -1.0]])
    a = np.tanh(w @ x + b)
    dz = 2 * a * (1 - a**2)
    return dz @ x.T, dz.sum(1, keepdims=True)


W, B = np.array([[0.3, -0.2], [0.1, 0.4]]), np.array([[0.1], [-0.3]])


def test_my_gradient() -> None:
    assert ag.check_grad is ag.check_my_gradient
    comparison = ag.check_my_gradient(cost, by_hand, W, B)
    assert comparison and [row.name for row in comparison.rows] == ["w", "b"]
    assert ag.check_my_gradient(cost, lambda w, b: {"b": by_hand(w, b)[1], "w": by_hand(w, b)[0]}, W, B)
    assert ag.check_my_gradient(lambda p: cost(**p), lambda p: dict(zip("wb", by_hand(**p))), {"w": W, "b": B})
    assert ag.check_my_gradient(lambda w: cost(w, B), lambda w: by_hand(w, B)[0], W, method="central")
    assert not ag.check_my_gradient(cost, lambda w, b: (by_hand(w, b)[0] * (1 + 1e-9), by_hand(w, b)[1]), W, B)


@pytest.mark.parametrize(("f", "mine"), [
    (lambda x: np.sum(x**3), lambda x: 3 * x**2), (lambda x: np.sum(x * np.abs(x)), lambda x: 2 * np.abs(x)),
])  # fmt: skip
def test_my_gradient_that_is_0_is_right(f: Any, mine: Any) -> None:
    assert ag.check_my_gradient(f, mine, np.zeros(2))
    assert not ag.check_my_gradient(f, lambda x: mine(x) + 1e-12, np.zeros(2))
    tiny = ag.numerical_gradient(lambda x: 1e-200 * np.sum(np.sin(x)), np.array([0.5, 0.0]))
    np.testing.assert_allclose(tiny, 1e-200 * np.cos([0.5, 0.0]), rtol=1e-14)


def test_my_gradient_of_what_computes_in_float32() -> None:
    x = np.array([0.3, -1.2, 2.0])
    for f in (lambda x: np.sum(x.astype(np.float32) ** 3), lambda x: np.sum((x.astype(np.float32) ** 3).astype(float))):
        found = ag.check_my_gradient(f, lambda x: 3 * x**2, x)
        assert found and "automatic gradients" in found.title
        assert not ag.check_my_gradient(f, lambda x: 3 * x**2 * 1.0002, x)
        assert not ag.check_my_gradient(f, lambda x: 3 * x**2, x, rtol=1e-9, atol=0)


def test_gradients_of_two_arguments_in_the_wrong_order() -> None:
    found = ag.check_my_gradient(lambda w, b: np.sum(w * b * b), lambda w, b: (2 * w * b, b * b), np.ones(2), 3 * np.ones(2))
    assert [row.hints for row in found.rows] == [("it is the gradient of b",), ("it is the gradient of w",)]


def test_where_f_is_defined_on_one_side_alone() -> None:
    found = ag.check_my_gradient(lambda x: np.sum(x**1.5), lambda x: 1.5 * np.sqrt(x), np.array([0.0, 1.0]))
    assert not found and "there is no numerical derivative where it is NaN" in found.rows[0].notes[-1]


def test_what_is_too_rough_to_judge_is_not_judged() -> None:
    for factor in (-1, 5):
        with pytest.raises(ValueError, match=r"cannot be judged: f is 1e\+14 there, and .* ±8; leave out"):
            ag.check_my_gradient(lambda x: 1e14 + math.sin(x), lambda x: factor * math.cos(x), 0.3)
    assert ag.check_my_gradient(lambda x: 1e14 + math.sin(x), lambda x: 5 * math.cos(x), 0.3, atol=1e3)

    def f(w: Any, b: Any) -> float:
        return 1e14 + 1e5 * float(np.sum(w**2)) + math.sin(b)

    found = ag.check_my_gradient(f, lambda w, b: (2e5 * w, -math.cos(b)), W, 0.3)
    assert found and [row.notes for row in found.rows][0] == ()
    assert found.rows[1].notes == ("the numerical gradient is no better than ±8.6: whether they agree cannot be judged",)


@pytest.mark.parametrize(("f", "mine"), [
    (lambda x: 5.0, lambda x: 0 * x), (lambda x: float(np.sum(np.floor(x))), lambda x: 0 * x),
    (lambda x: float(np.sum(np.exp(x) / np.sum(np.exp(x)))), lambda x: 0 * x),
    (lambda x: np.sum(np.exp(x) / np.sum(np.exp(x))), lambda x: 0 * x),
    (lambda x: 1e8 + float(np.sum((x - W) ** 2)), lambda x: 2 * (x - W)),
])  # fmt: skip
def test_gradients_of_nothing_are_judged(f: Any, mine: Any) -> None:
    found = ag.check_my_gradient(f, mine, W)
    assert found and found.rows[0].notes == ()


def test_what_is_wrong_with_my_gradient() -> None:
    def without_slope(w: Any, b: Any) -> Any:
        x = np.array([[1.0, 2.0], [0.5, -1.0]])
        dz = 2 * np.tanh(w @ x + b)
        return dz @ x.T, dz.sum(1, keepdims=True)

    comparison = ag.check_my_gradient(cost, without_slope, W, B)
    assert not comparison
    assert all("the factor tanh'" in row.hints[0] and "is missing" in row.hints[0] for row in comparison.rows), comparison
    halved = ag.check_my_gradient(cost, lambda w, b: (by_hand(w, b)[0] / 2, by_hand(w, b)[1]), W, B)
    assert "½ times" in halved.rows[0].hints[0] and halved.rows[1].approximate


def test_a_parameter_that_the_cost_does_not_depend_on_has_zeros_of_its_dtype() -> None:
    w, b = np.ones(3, np.float32), np.ones(2, np.float32)
    comparison = ag.check_my_gradient(lambda w, b: np.sum(w * w), lambda w, b: (2 * w, 0 * b), w, b)
    assert comparison.ok
    assert [row.notes for row in comparison.rows] == [(), ()]
    assert [row.gradients[1].dtype for row in comparison.rows] == [np.float32] * 2


def test_my_gradient_of_what_cannot_be_recorded() -> None:
    """NumPy code that writes into arrays: numerical gradients alone judge it."""

    def f(w: Any) -> Any:
        out = np.zeros(2)
        for i in range(2):
            out[i] = np.cbrt(w[i]) ** 2
        return out.sum()

    w = np.array([1.5, 8.0])
    right = ag.check_my_gradient(f, lambda w: 2 / 3 / np.cbrt(w), w)
    assert right and "against numerical gradients (central differences" in right.title
    assert not ag.check_my_gradient(f, lambda w: 2 / 3 / np.cbrt(w) * (1 + 1e-5), w)


@pytest.mark.parametrize(("f", "mine", "args", "error", "words"), [
    (lambda w: w, lambda w: w, (W,), TypeError, r"f returned shape \(2, 2\); the gradient is that of a single number"),
    (cost, lambda w, b: w, (W, B), TypeError, r"my_gradient returned ndarray; return a tuple .* or a dict by name \(w, b\)"),
    (cost, lambda w, b: (w,), (W, B), ValueError, "my_gradient returned 1 gradients, for 2 arguments: w, b"),
    (cost, None, (W, B), TypeError, "my_gradient is your function that returns the gradient, not NoneType"),
    (cost, lambda w, b: None, (W, B), TypeError, "my_gradient returned None: is a `return` missing in it"),
    (lambda w, b: np.sum(w / b), by_hand, (0 * W, 0 * B), ValueError, "is nan at the w and b given, so it has no gradient there"),
    (lambda w: np.sum(w**2), lambda w: 2 * w, (np.ma.array(W, mask=W > 0),), TypeError, "a Tensor has no mask"),
    (cost, by_hand, (), TypeError, "there is no argument"),
    (cost, by_hand, (W, np.array([[1], [2]])), TypeError, "argument 1 cannot be differentiated: it is of dtype int64"),
])  # fmt: skip
def test_my_gradient_refuses(f: Any, mine: Any, args: Any, error: type[Exception], words: str) -> None:
    with np.errstate(all="ignore"), pytest.raises(error, match=words):
        ag.check_my_gradient(f, mine, *args)


AT_KINKS = {
    "maximum": lambda x: np.sum(np.maximum(x, 0)), "where": lambda x: np.sum(np.where(x > 0, x, 0)),
    "relu": lambda x: np.sum(ag.relu(x)), "one of many": lambda x: np.maximum(x[0], 0) + np.sum(1e3 * np.maximum(x[1:], 0)),
}  # fmt: skip


@pytest.mark.parametrize("name", AT_KINKS)
def test_at_a_kink_gradients_are_compared_beside_it(name: str) -> None:
    """The slopes of both sides, and what lies between, are all derivations of it that people make."""
    f, x, factor = AT_KINKS[name], np.array([0.0, 1.0, -2.0]), np.array([1.0, 1e3, 1e3] if name == "one of many" else [1.0, 1, 1])
    for mine in (lambda x: (x > 0) * factor, lambda x: (x >= 0) * factor, lambda x: (np.sign(x) + 1) / 2 * factor):
        assert ag.check_my_gradient(f, mine, x)

    def twice_too_much_for_b(w: Any, b: Any) -> Any:
        return (w * b >= 0) * b * factor, 2 * (w * b > 0) * w * factor

    found = ag.check_my_gradient(lambda w, b: f(w * b), twice_too_much_for_b, x, x**0)
    assert [row.approximate for row in found.rows] == [True, False] and "2 times" in found.rows[1].hints[0]
    assert "has a kink at w[0], slope 0 below and 1 above, and no derivative there: compared beside it, at a point" in found.title


def test_a_mistake_is_explained_beside_a_kink() -> None:
    def f(x: Any) -> Any:
        return np.sum(np.maximum(x, 0) ** 2 + np.maximum(x, 0))

    found = ag.check_my_gradient(f, lambda x: 4 * np.maximum(x, 0) + 2 * (x > 0), np.array([0.0, 1.0, -2.0]))
    assert found.rows[0].hints[0].startswith("it is 2 times the automatic one") and "compared beside it" in found.title


def test_kinks_that_are_not_gone_nearby_are_named() -> None:
    """Where the gradient was computed for one point alone, or f is not defined where all entries are moved."""
    x = np.array([0.0, 1.0])

    def f(x: Any) -> Any:
        return np.sum(np.maximum(x, 0) ** 2 + np.maximum(x, 0))

    def domain(x: Any) -> Any:
        return 0 * np.sqrt(1e-14 - (x[0] * (x[1] - 1)) ** 2)

    for cost, mine in ((f, lambda _: np.array([0.0, 3.0])), (lambda x: f(x) + domain(x), lambda x: 2 * np.maximum(x, 0) + (x > 0))):
        found = ag.check_my_gradient(cost, mine, x)
        assert not found and found.rows[0].hints == () and "beside" not in found.title
        assert "f has a kink at [0], slope 0 below and 1 above, and no derivative there" in found.rows[0].notes
