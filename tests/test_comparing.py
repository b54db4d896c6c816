"""Comparing gradients: what counts as equal, what may be compared, and what is refused."""

from __future__ import annotations

import pickle
import re
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import GradientMismatch, Tensor, compare
from autograd_lite.engine.nests import map_leaves

inf, nan = np.inf, np.nan


# What counts as equal -------------------------------------------------------------------------------------------


def test_rows() -> None:
    manual = {"w1": np.array([[1.0, -4.0], [2.0, 0.0]]), "b1": np.array([[0.5]])}
    automatic = {"b1": np.array([[0.5]]), "w1": np.array([[1.0, -4.0], [2.0 + 3e-11, 0.0]])}
    comparison = compare(manual, automatic)
    w1, b1 = comparison.rows
    assert (w1.name, w1.shape, w1.exact, w1.approximate) == ("w1", (2, 2), False, True)
    assert w1.max_abs == pytest.approx(3e-11, rel=1e-4)
    assert w1.max_rel == pytest.approx(3e-11 / 4, rel=1e-4)  # relative to the largest entry, −4
    assert (w1.index, w1.manual, w1.automatic) == ((1, 0), 2.0, 2.0 + 3e-11)
    assert (b1.name, b1.shape, b1.exact, b1.approximate) == ("b1", (1, 1), True, True)
    assert (b1.max_abs, b1.max_rel) == (0, 0)
    assert comparison.ok
    assert comparison
    comparison.raise_if_different()


@pytest.mark.parametrize(
    ("manual", "automatic", "ok"),
    [
        ([1.0, 2.0], [1.0, 2.0], True),
        ([1.0, 2.0], [1.0, 2.0 + 5e-11], True),
        ([1.0, 2.0], [1.0, 2.0 + 1e-9], False),
        ([1e-20, 1.0], [0.0, 1.0], True),  # nothing beside the largest entry
        ([1e-20], [2e-20], False),
        ([1e-9], [2e-9], False),
        ([1e30], [1.000000001e30], False),
        ([nan], [nan], False),
        ([nan, 1.0], [1.0, 1.0], False),
        ([inf, 1.0], [inf, 1.0], True),
        ([inf, 1.0], [-inf, 1.0], False),
        ([inf, 1.0], [inf, 2.0], False),  # infinity is no excuse for the rest
        ([inf], [1e300], False),
        ([1e308], [-1e308], False),
        ([0.0], [-0.0], True),
        ([], [], True),
    ],
)
def test_approximately_equal(manual: Any, automatic: Any, ok: bool) -> None:
    m, a = np.array(manual), np.array(automatic)
    assert compare(m, a).ok is ok
    assert compare(a, m).ok is ok
    assert compare({"w": m}, {"w": a}).ok is ok


@pytest.mark.parametrize(
    ("one", "other"),
    [((3, 1), (3,)), ((3,), (3, 1)), ((1,), ()), ((2, 3), (3, 2)), ((1, 3), (3, 3)), ((0,), (0, 2)), ((), (2,))],
)
def test_different_shapes_never_agree(one: Any, other: Any) -> None:
    comparison = compare({"w": np.ones(one), "b": 1.0}, {"w": np.ones(other), "b": 1.0})
    row = comparison.rows[0]
    assert (row.exact, row.approximate, row.shape, row.automatic_shape) == (False, False, one, other)
    assert not comparison
    assert f"{one} ≠ {other}" in str(comparison)
    with pytest.raises(GradientMismatch, match=re.escape(f"w differ: the manual one has shape {one}, the automatic")):
        comparison.raise_if_different()


def test_tolerances() -> None:
    one, other = np.array([1.0, 100.0]), np.array([1.5, 100.0])
    assert not compare(one, other)
    assert compare(one, other, rtol=0.005)
    assert not compare(one, other, rtol=0.0049)
    assert compare(one, other, atol=0.5, rtol=0)
    assert not compare(one, other, atol=0.49, rtol=0)
    assert compare(one, one, rtol=0, atol=0)
    for wrong in ({"rtol": -1}, {"atol": nan}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))} is a number from 0 up"):
            compare(one, other, **wrong)
    for rtol in (1, 10.0, np.inf):
        with pytest.raises(ValueError, match="rtol is a share of the largest entry, less than 1, not .* a gradient of 0 agrees"):
            compare(one, other, rtol=rtol)


@pytest.mark.parametrize(
    ("dtype", "other", "fine", "different"),
    [
        (np.float64, np.float64, 4e-11, 6e-11),
        (np.float32, np.float32, 2.8e-5, 3.2e-5),
        (np.float32, np.float64, 2.8e-5, 3.2e-5),  # the coarser dtype counts
        (np.float16, np.float16, 0.02, 0.03),
        (np.longdouble, np.longdouble, 2e-13, 4e-13),
        (np.int64, np.float64, 4e-11, 6e-11),
    ],
)
def test_the_tolerance_follows_the_dtype(dtype: Any, other: Any, fine: float, different: float) -> None:
    if dtype is np.longdouble and np.finfo(np.longdouble).eps == np.finfo(np.float64).eps:
        pytest.skip("long double is double here")
    assert compare(np.ones(2, dtype), np.ones(2, other) + np.asarray(fine, other))
    assert not compare(np.ones(2, dtype), np.ones(2, other) + np.asarray(different, other))


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e-16, 1e-9, 1e-7, 1.0, 1e9, 1e290])
@pytest.mark.parametrize("size", [1, 7, 200])
def test_a_part_in_a_thousand_millions_is_caught_at_every_size(scale: float, size: int) -> None:
    """Nothing is allowed for in absolute terms, so that small gradients are held to the same digits."""
    g = np.random.default_rng(size).standard_normal((size, size)) * scale
    rest = {"b": np.full(3, scale)}
    worst = np.unravel_index(np.argmax(np.abs(g)), g.shape)
    one = g.copy()
    one[worst] *= 1 + 1e-9
    for wrong in (g * (1 + 1e-9), one):
        comparison = compare({"w": wrong, **rest}, {"w": g, **rest})
        assert not comparison and not compare(wrong, g)
        assert comparison.rows[0].differing == (1 if wrong is one else np.sum(np.abs(wrong - g) > comparison.rows[0].tolerance))
    assert compare({"w": g * (1 + 1e-13), **rest}, {"w": g, **rest})


def test_what_rounding_leaves_of_larger_numbers_is_explained() -> None:
    """1 − a of a saturated unit has few digits, and no tolerance knows whether the derivation or the rounding is at fault."""
    z = np.array([[17.0]])
    a = 1 / (1 + np.exp(-z))
    comparison = compare(a * (1 - a), ag.sigmoid(z) * ag.sigmoid(-z))
    assert not comparison and "as 1 − a is for an a close to 1, allow it with atol=2.2e-16" in comparison.rows[0].notes[0]
    assert compare(a * (1 - a), ag.sigmoid(z) * ag.sigmoid(-z), atol=2.2e-16)


def test_noise_beside_a_large_gradient_is_no_difference() -> None:
    comparison = compare({"w": [1.0, 3.0], "b": [1e-17]}, {"w": [1.0, 3.0], "b": [-2e-17]})
    b = comparison.rows[1]
    assert comparison and b.max_rel == pytest.approx(1e-17)  # measured against the whole, not 1.5
    assert b.notes == ("the difference is no larger than what rounding leaves beside 3",)


def test_differences_do_not_overflow_or_wrap() -> None:
    half = compare(np.array([60000], np.float16), np.array([-60000], np.float16)).rows[0]
    assert half.max_abs == pytest.approx(120000, rel=1e-3)
    assert compare(np.array([1], np.uint8), np.array([2], np.uint8)).rows[0].max_abs == 1
    assert compare(np.array([True]), np.array([False])).rows[0].max_abs == 1
    assert not compare(1 + 1j, 1 - 1j)


# What may be compared -------------------------------------------------------------------------------------------


def test_kinds_of_input() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    [slope] = ag.gradients((x**3).sum(), [x], create_graph=True)
    assert compare([3.0, 12.0], [3, 12]).rows[1].name == "parameter 1"
    for automatic in (slope, slope.detach(), slope.numpy()):
        assert compare({"x": [3, 12]}, {"x": automatic})
        assert compare(([3, 12],), [automatic])
        assert compare(np.array([3, 12]), automatic)
    assert compare({1: 2.0, ("a", 1): 3.0}, {("a", 1): 3.0, 1: 2.0}).rows[1].name == "[('a', 1)]"


def test_a_result_in_place_of_its_gradient_is_told() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    z = 2 * x
    z.name = "z"
    C = (z**2).sum()
    C.backward()
    right = compare({"z": 2 * z.data, "x": 8 * x.data}, {"z": ag.gradients(C, [z])[0], "x": x})
    wrong = compare({"z": 2 * z.data, "x": 8 * x.data}, {"z": z, "x": x})
    assert right and "result" not in str(right)
    assert [row.approximate for row in wrong.rows] == [False, True]
    assert "the values of z" in str(wrong) and "ag.gradients(cost, [t])" in str(wrong)


def test_nests_have_paths_for_names() -> None:
    w, b = Tensor([1.0], requires_grad=True, name="w"), Tensor(2.0, requires_grad=True)
    (3 * w.sum() + b).backward()
    pair = NamedTuple("pair", [("w", Any), ("b", Any)])
    for nest, names in (
        ({"layer": {"w": w, "b": b}}, ["layer.w", "layer.b"]), ({"layers": [[w], b]}, ["layers[0][0]", "layers[1]"]),
        (pair(w, b), ["w", "b"]), ([w, b], ["w", "parameter 1"]), ({"a.b": w, "a": {"b": b}}, ['["a.b"]', '["a"]["b"]']),
        ([{"w": w}, {"b": b}], ["parameter 0.w", "parameter 1.b"]),
    ):  # fmt: skip
        gradients = map_leaves(lambda x: x.grad, nest)
        comparison = compare(gradients, nest)
        assert comparison and [row.name for row in comparison.rows] == names
        wrong = compare(map_leaves(lambda x: -x.grad, nest), nest)
        assert [row.approximate for row in wrong.rows] == [False, False]


def test_missing_and_misspelt_names() -> None:
    comparison = compare({"w": 1.0, "B1": 2.0, "x": 1.0, "n": None}, {"w": 1.0, "b1": 2.0, "y": 1.0, "n": 1.0})
    notes = {row.name: row.notes[0] for row in comparison.rows[1:]}
    assert notes == {
        "B1": "there is no automatic gradient of B1; is it the one called b1?",
        "b1": "there is no manual gradient of b1; is it the one called B1?", "n": "the manual gradient of n is None",
        "x": "there is no automatic gradient of x", "y": "there is no manual gradient of y",
    }  # fmt: skip
    assert not any(row.approximate for row in comparison.rows[1:])
    with pytest.raises(GradientMismatch, match="the gradients of B1 differ: there is no automatic one"):
        comparison.raise_if_different()


@pytest.mark.parametrize(("wrong", "where"), [
    (np.s_[:, 0], "all of column 0"), (np.s_[-1], "all of the last row, 3"), (np.s_[1], "all of row 1"),
    (np.s_[:, -1], "all of the last column, 2"), (np.s_[1, 1], "at index [1, 1]"), (np.s_[:], "everywhere"),
    (([0, 1, 3], [0, 1, 2]), "scattered"), (np.s_[1:], "everywhere but in row 0"), (np.s_[2, 1:], "in row 2"),
])  # fmt: skip
def test_where_entries_differ(wrong: Any, where: str) -> None:
    automatic = np.arange(1.0, 13).reshape(4, 3)
    manual = automatic.copy()
    manual[wrong] *= 1.5
    [row] = compare(manual, automatic).rows
    assert row.where == where and row.differing == np.sum(manual != automatic)
    assert manual[row.index] == row.manual and row.max_abs == np.max(np.abs(manual - automatic))


def test_where_entries_of_square_matrices_vectors_and_cubes_differ() -> None:
    for shape, mask, where in (
        ((3, 3), np.eye(3, dtype=bool), "on the diagonal"), ((3, 3), ~np.eye(3, dtype=bool), "off the diagonal"),
        ((3, 3), np.tri(3, k=-1, dtype=bool), "below the diagonal"), ((5,), [0, 0, 1, 1, 1], "from index 2 on"),
        ((5,), [1, 1, 0, 0, 0], "up to index 1"), ((5,), [0, 1, 1, 0, 0], "from index 1 to 2"),
        ((5,), [1, 0, 1, 0, 0], "scattered"), ((2, 2, 2), np.arange(8).reshape(2, 2, 2) % 2 == 1, "all of [:, :, 1]"),
    ):  # fmt: skip
        automatic = np.ones(shape)
        assert compare(automatic + np.asarray(mask), automatic).rows[0].where == where


@pytest.mark.parametrize(
    ("manual", "automatic", "error", "words"),
    [
        ([1.0], [1.0, 2.0], ValueError, "1 manual gradients cannot be compared with 2 automatic"),
        ({}, {}, ValueError, "there is nothing to compare"),
        ([], [], ValueError, "there is nothing to compare"),
        ({"w": 1.0}, [1.0], TypeError, "manual is a dict and automatic a sequence"),
        (np.ones(1), [1.0], TypeError, "manual is an array and automatic a sequence"),
        ((x for x in [1.0]), [1.0], TypeError, r"manual is a generator, .* write dict\(...\) or list\(...\)"),
        ([1.0], {"w": 1.0}.values(), TypeError, r"automatic is a dict_values, .* write dict\(...\) or list\(...\)"),
        ([np.ma.array([1.0, 2.0], mask=[0, 1])], [np.ones(2)], TypeError, "a Tensor has no mask"),
        ({"w": 1.0}, {"w": None}, ValueError, r"automatic gradient of w is None: call backward\(\)"),
        ({"w": 1.0}, [Tensor(1.0)], TypeError, "manual is a dict and automatic a sequence"),
        ({"w": [[1.0], [1.0, 2.0]]}, {"w": 1.0}, ValueError, "manual gradient of w is no array, its rows differ"),
        ({"w": "1"}, {"w": 1.0}, TypeError, "manual gradient of w holds no numbers: str"),
        ({"w": 1.0}, {"w": Tensor(1.0, requires_grad=True)}, ValueError, r"automatic gradient of w is None: call backward"),
    ],
)
def test_refusals(manual: Any, automatic: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        compare(manual, automatic)


def test_the_error_of_a_comparison() -> None:
    comparison = compare({"b": [1.0], "w1": [[1.0, 2.0]]}, {"b": [1.0], "w1": [[1.0, 2.5]]})
    with pytest.raises(
        GradientMismatch, match=r"w1 differ at index \(0, 1\): manual 2\.0, automatic 2\.5; they"
    ) as info:
        comparison.raise_if_different()
    error = info.value
    assert (error.name, error.index, error.expected, error.automatic) == ("w1", (0, 1), 2.0, 2.5)
    assert str(comparison) in str(error)
    assert isinstance(error, AssertionError)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.index) == (str(error), error.index)


def test_factors_are_numbers_by_name() -> None:
    m, a = np.array([1.0, 2.0, 3.0]), np.array([2.0, 5.0, 6.0])
    assert not compare(m, a, factors={"batch size": 0, "learning rate": 0.0}).ok
    for factors, words in (([3], "factors is a dict of numbers by name, .*, not list"), ({"n": "a"}, "'n' is a number, not 'a'")):
        for manual in (m, a):  # whether or not a factor is looked for
            with pytest.raises(TypeError, match=words):
                compare(manual, a, factors=factors)  # type: ignore[arg-type]
