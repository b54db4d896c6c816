"""Comparing gradients: what counts as equal, what is refused, and that wrong derivatives are found and named.

Numerical gradients are held against derivatives known in closed form.
"""

from __future__ import annotations

import pickle
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_lite as ag
from autograd_lite import GradientMismatch, Tensor, check_gradients, compare, numerical_gradient

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


@pytest.mark.parametrize(
    ("manual", "automatic", "error", "words"),
    [
        ([1.0], [1.0, 2.0], ValueError, "1 manual gradients cannot be compared with 2 automatic"),
        ({}, {}, ValueError, "there is nothing to compare"),
        ([], [], ValueError, "there is nothing to compare"),
        ({"w": 1.0}, [1.0], TypeError, "manual is a dict and automatic a sequence"),
        (np.ones(1), [1.0], TypeError, "manual is an array and automatic a sequence"),
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


# What is shown --------------------------------------------------------------------------------------------------


def test_the_table() -> None:
    comparison = compare(
        {"w1": np.ones((784, 30)), "b1": np.ones((30, 1))},
        {"w1": np.ones((784, 30)) + 2.0**-35, "b1": np.ones((30, 1))},
    )
    assert str(comparison).splitlines() == [
        "name  shape      exact  approximate   max abs   max rel      ulps",
        "w1    (784, 30)  no     yes          2.91e-11  2.91e-11  1.31e+05",
        "b1    (30, 1)    yes    yes                 0         0         0",
        "all 2 agree",
    ]
    assert repr(comparison) == str(comparison)  # what a plain prompt shows
    different = compare({"w": 1.0, "b": nan}, {"w": 2.0, "b": nan})
    assert str(different).splitlines() == [
        "name  shape  exact  approximate   max abs   max rel      ulps",
        "w     ()     no     no           1.00e+00  5.00e-01  2.25e+15",
        "b     ()     no     no                nan       nan         -",
        "w: manual 1, automatic 2",
        "   → it is ½ times the automatic one: a factor 2 is missing",
        "b: manual nan, automatic nan",
        "   → 1 entry of the manual gradient is NaN",
        "   → 1 entry of the automatic gradient is NaN",
        "2 of 2 differ",
    ]


@given(
    st.dictionaries(st.text(max_size=100), st.lists(st.integers(0, 2), max_size=30), max_size=4),
    st.integers(0, 10),
)
def test_the_table_fits(shapes: dict[str, list[int]], extra: int) -> None:
    manual = {name: np.ones([n % 2 for n in shape]) for name, shape in shapes.items()}
    automatic = {name: np.full([1] * extra, 1e-300) for name in shapes}
    lines = str(compare(manual, automatic)).split("\n")
    assert all(len(line) <= 80 for line in lines)
    assert len({len(line) for line in lines[: len(shapes) + 1]}) == 1
    assert all(line.isprintable() for line in lines)


class Cells(HTMLParser):
    """What a browser shows in the cells of a table, and the tags that made it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.tags.add(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data


def test_the_table_in_a_notebook() -> None:
    name = "<script>alert(\"1\")</script> & 'w'"
    html = compare({name: np.ones((2, 1))}, {name: np.zeros((2, 1))})._repr_html_()
    parsed = Cells(html)
    assert parsed.tags == {"table", "caption", "tr", "th", "td"}
    assert parsed.cells == [
        "name", "shape", "exact", "approximate", "max abs", "max rel", "ulps",
        name, "(2, 1)", "no", "no", "1.00e+00", "1.00e+00", "4.50e+15",
        "", "2 of 2 entries differ, everywhere; most at [0, 0]: manual 1, automatic 0",
    ]  # fmt: skip
    assert "the gradients differ" in html


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


# Numerical gradients --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "accuracy"), [(np.float64, 1e-9), (np.float32, 1e-3), (np.float16, 0.1)])
def test_numerical_gradient(dtype: Any, accuracy: float) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3)).astype(dtype)
    slope = numerical_gradient(lambda x: np.sum(np.sin(x) * x), x)
    assert (slope.shape, slope.dtype) == (x.shape, dtype)
    np.testing.assert_allclose(slope, np.cos(x) * x + np.sin(x), atol=accuracy)


def test_numerical_gradient_of_long_doubles() -> None:
    x = np.array([0.5, 2.0], np.longdouble)
    slope = numerical_gradient(lambda x: np.sum(np.exp(x)), x)
    assert slope.dtype == np.longdouble
    np.testing.assert_allclose(slope, np.exp(x), rtol=1e-10)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e3, 1e6])
def test_the_step_follows_the_argument(scale: float) -> None:
    x = np.array([1.0, -2.0]) * scale
    np.testing.assert_allclose(numerical_gradient(lambda x: np.sum(x**2), x), 2 * x, rtol=1e-8, atol=1e-9)


def test_the_step_follows_the_coarser_dtype() -> None:
    """A float32 result of a float64 argument has steps of 1e-7, which a step for float64 would drown in."""
    x = np.array([0.5, 1.0])
    slope = numerical_gradient(lambda x: np.sum(np.sin(x).astype(np.float32)), x)
    np.testing.assert_allclose(slope, np.cos(x), atol=1e-3)


def test_the_step_is_the_one_that_was_made() -> None:
    """x + h is rounded to a float32, and the difference divided by what is left of h: exact for a straight line."""
    x = np.float32(1000.1)
    assert numerical_gradient(lambda x: x, x) == 1


def test_numerical_jacobians() -> None:
    a, x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), np.array([1.0, -1.0, 0.5])
    by_a, by_x = numerical_gradient(lambda a, x: a @ x, a, x)
    np.testing.assert_allclose(by_x, a, atol=1e-9)
    np.testing.assert_allclose(by_a, np.einsum("ik,j->ikj", np.eye(2), x), atol=1e-9)
    assert numerical_gradient(lambda x: x[None] * 2, 3.0).shape == (1,)
    assert numerical_gradient(lambda x: x * 2, np.zeros((0, 2))).shape == (0, 2, 0, 2)
    assert numerical_gradient(lambda x: 5, np.ones(2)).tolist() == [0, 0]
    assert type(numerical_gradient(lambda x: x, 1.0)) is np.ndarray


def test_f_gets_plain_arrays_that_it_may_write_to() -> None:
    w = Tensor([1.0, 2.0], requires_grad=True, name="w")
    x = np.array([3.0, 4.0])

    def f(x: Any, w: Any) -> Any:
        assert type(x) is type(w) is np.ndarray
        x *= w
        w[:] = 0
        return np.dot(x, x)

    for method in ("complex", "central"):
        by_x, by_w = numerical_gradient(f, x, w, method=method)
        np.testing.assert_allclose(by_x, [6, 32], rtol=1e-10)
        np.testing.assert_allclose(by_w, [18, 64], rtol=1e-10)
    assert (x.tolist(), w.data.tolist(), w.grad, w.requires_grad) == ([3, 4], [1, 2], None, True)


def test_f_gets_constant_tensors_if_it_calls_their_methods() -> None:
    outside = Tensor(0.5, requires_grad=True)

    def f(x: Any, w: Any) -> Any:
        result = (x * w * outside).exp().sum()
        assert result.is_leaf
        return result

    by_x, _ = numerical_gradient(f, np.array([3.0]), np.array([1.0]))
    np.testing.assert_allclose(by_x, 0.5 * np.exp(1.5), rtol=1e-10)


@pytest.mark.parametrize(
    ("f", "args", "error", "words"),
    [
        (lambda x: x, (1,), TypeError, r"argument 0 .* dtype int64.*1\.0 instead of 1"),
        (lambda x, y: x, (1.0, 1j), TypeError, "argument 1 .* dtype complex128"),
        (
            lambda x: x,
            (np.array([1.0, nan]),),
            ValueError,
            r"argument 0 of shape \(2,\) has entries that are not finite",
        ),
        (lambda: 1.0, (), TypeError, "no argument"),
        (lambda x: [x], (1.0,), TypeError, "f returned list; return one number"),
        (lambda x: None, (1.0,), TypeError, "f returned NoneType"),
        (lambda x: x * 1j, (1.0,), TypeError, "f returned dtype complex128"),
    ],
)
def test_numerical_gradient_refuses(f: Any, args: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        numerical_gradient(f, *args)
    with pytest.raises(error, match=words):
        check_gradients(f, *args)


# Checking -------------------------------------------------------------------------------------------------------


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
