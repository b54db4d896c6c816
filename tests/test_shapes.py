"""Any shape, any index, any axis: broadcasting, indexing, moves, joins, splits and einsum.

What moves entries about is linear, so NumPy itself is the oracle: it says where each entry of the result comes
from when it moves the entries' numbers, and the derivative adds up the adjoint of all copies of an entry.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from operation_cases import outputs, seed_of
from oracles import Array, along, assert_close, mixed_along, random, scattered

import autograd_lite as ag
from autograd_lite.engine.tensor import Tensor

shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3)
filled = hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=3)


def check_move(function: Callable[..., Any], *operand_shapes: tuple[int, ...]) -> None:
    """Value, gradient, directional derivative and second derivative of a function that moves entries."""
    sizes = [int(np.prod(shape)) for shape in operand_shapes]
    ends = np.cumsum([1, *sizes])
    numbers = [np.arange(a, b).reshape(s) for a, b, s in zip(ends, ends[1:], operand_shapes)]
    arrays = [random(s, -1, 1, seed_of(i, s)) for i, s in enumerate(operand_shapes)]
    v = [random(s, -1, 1, seed_of(s, i)) for i, s in enumerate(operand_shapes)]
    came_from = function(*numbers)
    expected, moved_v = function(*arrays), function(*v)
    if not isinstance(came_from, (list, tuple)):
        came_from, expected, moved_v = [came_from], [expected], [moved_v]

    xs = [Tensor(a, requires_grad=True) for a in arrays]
    results = outputs(function(*xs))
    assert len(results) == len(expected)
    u = [random(y.shape, -1, 1, seed_of("u", i)) for i, y in enumerate(expected)]

    def transposed(weights: list[Array]) -> list[Array]:
        flat = np.zeros(ends[-1])
        for number, weight in zip(came_from, weights):
            flat += np.bincount(np.ravel(number), np.ravel(weight), ends[-1])
        return [part.reshape(s) for part, s in zip(np.split(flat, ends)[1:], operand_shapes)]

    for result, y in zip(results, expected):
        assert isinstance(result, Tensor)
        np.testing.assert_array_equal(result.data, y)
        assert result.dtype == y.dtype
    for (result, y), weight in zip(zip(results, expected), u):
        result.backward(weight)
    for x, g in zip(xs, transposed(u)):
        assert_close(np.zeros(x.shape) if x.grad is None else x.grad, g, 1e-14, "gradient")

    def cost(*xs: Tensor) -> Any:
        return sum(((c * y * y).sum() for c, y in zip(u, outputs(function(*xs)))), 0.0)

    products = ag.hvp(cost, tuple(arrays), tuple(v))
    second = transposed([2 * c * w for c, w in zip(u, moved_v)])
    for product, g in zip(products if isinstance(products, tuple) else [products], second):
        assert_close(product, g, 1e-13, "second derivative times a vector")
    tangent = ag.jvp(lambda *xs: outputs(function(*xs))[0], tuple(arrays), tuple(v))[1]
    assert_close(tangent, moved_v[0], 1e-14, "directional derivative")


# Broadcasting -----------------------------------------------------------------------------------------------


@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, min_side=0, max_side=3))
def test_products_of_any_shapes_that_broadcast(drawn: Any) -> None:
    a, b = (random(s, -1, 1, seed_of(i, s)) for i, s in enumerate(drawn.input_shapes))
    u = random(drawn.result_shape, -1, 1, 3)
    x, y = Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)
    z = x * y
    assert z.shape == drawn.result_shape
    z.backward(u)
    for t, array, weight in ((x, a, u * b), (y, b, u * a)):
        number = np.broadcast_to(np.arange(array.size).reshape(array.shape), u.shape)
        expected = np.bincount(number.ravel(), weight.ravel(), array.size).reshape(array.shape)
        assert_close(t.grad, expected, 1e-14)


@given(hnp.mutually_broadcastable_shapes(num_shapes=3, max_dims=3, min_side=0, max_side=3))
def test_operations_of_three_operands_of_any_shapes_that_broadcast(drawn: Any) -> None:
    c, a, b = (scattered(s, seed_of(i, s)) for i, s in enumerate(drawn.input_shapes))
    v = [random(s, -1, 1, seed_of(s, i)) for i, s in enumerate(drawn.input_shapes)]
    for f in (
        lambda c, a, b: np.where(c > 0, a, b) * b, lambda c, a, b: c * a - a / (b + 10), lambda c, a, b: np.fmax(c, a) + b
    ):  # fmt: skip
        assume(len(np.unique(np.round([*c.ravel(), *a.ravel()], 1))) == c.size + a.size)
        value, tangent = ag.jvp(f, (c, a, b), tuple(v))
        np.testing.assert_allclose(value, f(c, a, b), rtol=1e-14)
        assert_close(tangent, along(f, [c, a, b], v), 1e-9)
        u = random(value.shape, -1, 1, 4)
        _, pullback = ag.vjp(f, c, a, b)
        assert sum(np.sum(g * w) for g, w in zip(pullback(u), v)) == pytest.approx(np.sum(u * tangent), abs=1e-12)


@given(hnp.mutually_broadcastable_shapes(num_shapes=1, base_shape=(2, 3), max_dims=4, max_side=3))
def test_broadcast_to_any_shape(drawn: Any) -> None:
    (shape,) = drawn.input_shapes
    check_move(lambda x: np.broadcast_to(x, drawn.result_shape), shape)
    check_move(lambda x, y: np.broadcast_arrays(x, y), shape, (2, 3))


def test_broadcast_to_refuses_what_numpy_refuses() -> None:
    for shape, target in [((3,), (2,)), ((1, 3), (3,)), ((2, 3), (3,)), ((2,), (0,))]:
        with pytest.raises(ValueError):
            np.broadcast_to(np.zeros(shape), target)
        with pytest.raises(ValueError):
            np.broadcast_to(Tensor(np.zeros(shape), requires_grad=True), target)


# Indexing ---------------------------------------------------------------------------------------------------


@st.composite
def shape_and_index(draw: Any) -> tuple[tuple[int, ...], Any]:
    """A shape, and an index of integers, slices, arrays, masks, None and Ellipsis that fits it."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=3))
    common = draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=1, max_side=3))
    key: list[Any] = []
    axis = 0
    used = draw(st.integers(0, len(shape)))
    mask_length = int(np.prod(common)) if len(common) <= 1 else None
    while axis < used:
        n = shape[axis]
        kind = draw(st.sampled_from(["int", "slice", "array", "list", "None", "mask"]))
        if kind == "int":
            key.append(draw(st.sampled_from([int, np.int64]))(draw(st.integers(-n, n - 1))))
        elif kind == "slice":
            key.append(draw(st.slices(n)))
        elif kind in ("array", "list"):
            trimmed = draw(st.integers(0, len(common)))
            sizes = tuple(draw(st.sampled_from([1, m])) for m in common[trimmed:])
            indices = draw(hnp.arrays(np.intp, sizes, elements=st.integers(-n, n - 1)))
            key.append(indices if kind == "array" or indices.ndim == 0 else indices.tolist())
        elif kind == "mask":
            if mask_length is None or mask_length > n:
                continue
            chosen = draw(st.permutations(range(n)))[:mask_length]
            mask = np.zeros(n, bool)
            mask[chosen] = True
            key.append(mask)
        else:
            key.append(None)
            continue
        axis += 1
    if draw(st.booleans()):
        at = draw(st.integers(0, len(key)))  # what follows the Ellipsis fits only the last axes
        if at == len(key):
            key.append(Ellipsis)
    return shape, tuple(key)


@settings(max_examples=4 * settings().max_examples)
@given(shape_and_index())
def test_any_index(drawn: Any) -> None:
    shape, key = drawn
    check_move(lambda x: x[key], shape)


@given(st.data())
def test_any_basic_index(data: Any) -> None:
    shape = data.draw(shapes)
    key = data.draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    check_move(lambda x: x[key], shape)


@given(st.data())
def test_any_mask(data: Any) -> None:
    shape = data.draw(shapes)
    mask = data.draw(hnp.arrays(bool, shape[: data.draw(st.integers(0, len(shape)))]))
    check_move(lambda x: x[mask], shape)
    check_move(lambda x: x[mask, ...], shape)


@given(st.data())
def test_ellipsis_before_arrays(data: Any) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=3))
    indices = data.draw(hnp.integer_array_indices(shape[-1:]))
    check_move(lambda x: x[..., indices[0]], shape)
    check_move(lambda x: x[..., None, indices[0]], shape)
    check_move(lambda x: x[..., indices[0], 0:1] if x.ndim > 2 else x[..., indices[0]], (*shape, 2))
    check_move(lambda x: x[0, ..., indices[0]], shape)


def test_repeated_indices_add_up() -> None:
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    x[[0, 0, 2, 0]].backward(np.array([1.0, 10.0, 100.0, 1000.0]))
    np.testing.assert_array_equal(x.grad, [1011.0, 0.0, 100.0])


def test_tensors_in_an_index_count_as_arrays() -> None:
    x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    rows = Tensor([1, 1])
    np.testing.assert_array_equal(x[rows].data, [[3, 4], [3, 4]])
    np.testing.assert_array_equal(x[rows, Tensor([0, 1])].data, [3, 4])
    np.testing.assert_array_equal(x[Tensor([True, False])].data, [[1, 2]])


def test_index_errors_name_the_tensor() -> None:
    w = Tensor(np.zeros((2, 3)), requires_grad=True, name="w")
    for key in (5, (0, 0, 0), [7], np.array([0.5]), "a"):
        with pytest.raises(IndexError, match="w of shape"):
            w[key]


# Moves ------------------------------------------------------------------------------------------------------


@given(st.data())
def test_transposes_and_moves_of_any_axes(data: Any) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=3))
    n = len(shape)
    axis = st.integers(-n, n - 1)
    order = tuple(data.draw(st.permutations(range(n))))
    signed = tuple(i - n if data.draw(st.booleans()) else i for i in order)
    a, b = data.draw(axis), data.draw(axis)
    some = data.draw(st.integers(0, n))
    source, target = data.draw(st.permutations(range(n)))[:some], order[:some]
    check_move(lambda x: np.transpose(x, signed), shape)
    check_move(lambda x: x.transpose(*signed), shape)
    check_move(lambda x: x.T, shape)
    check_move(lambda x: np.swapaxes(x, a, b), shape)
    check_move(lambda x: np.moveaxis(x, source, target), shape)
    check_move(lambda x: np.moveaxis(x, a, b), shape)
    check_move(lambda x: np.rollaxis(x, a, b), shape)


@given(st.data())
def test_reshapes(data: Any) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4))
    factors = [n for m in shape for n in ([2, 2] if m == 4 else [m])]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(factors)), max_size=3)))
    target = [int(np.prod(part)) for part in np.split(factors, cuts)]
    if data.draw(st.booleans()):
        target[data.draw(st.integers(0, len(target) - 1))] = -1
    order = data.draw(st.sampled_from(["C", "F"]))
    check_move(lambda x: np.reshape(x, target, order=order), shape)
    check_move(lambda x: x.reshape(*target), shape)
    check_move(lambda x: np.ravel(x, order), shape)
    ones = data.draw(st.lists(st.integers(0, len(shape)), max_size=2, unique=True))
    check_move(lambda x: np.expand_dims(x, tuple(ones)), shape)
    check_move(np.squeeze, shape)
    for function in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
        check_move(function, shape)


@given(st.data())
def test_flips_rolls_and_repeats_along_any_axis(data: Any) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3))
    n = len(shape)
    axis = data.draw(st.one_of(st.none(), st.integers(-n, n - 1)))
    axes = tuple(data.draw(st.lists(st.integers(0, n - 1), min_size=1, unique=True)))
    shift = data.draw(st.integers(-4, 4))
    check_move(lambda x: np.flip(x, axis), shape)
    check_move(lambda x: np.flip(x, axes), shape)
    check_move(lambda x: np.roll(x, shift, axis), shape)
    check_move(lambda x: np.roll(x, shift, axes), shape)
    check_move(lambda x: np.tile(x, tuple(data.draw(st.just([1 + abs(shift) % 3] * (n + 1))))), shape)
    length = int(np.prod(shape)) if axis is None else shape[axis]
    counts = data.draw(st.lists(st.integers(0, 2), min_size=length, max_size=length))
    check_move(lambda x: np.repeat(x, counts, axis), shape)
    check_move(lambda x: np.repeat(x, abs(shift), axis), shape)
    if length:
        indices = data.draw(hnp.arrays(np.intp, (2, 2), elements=st.integers(-length, length - 1)))
        check_move(lambda x: np.take(x, indices, axis), shape)
    if n > 1:
        plane = tuple(data.draw(st.permutations(range(n)))[:2])
        check_move(lambda x: np.rot90(x, shift, plane), shape)
        check_move(lambda x: np.diagonal(x, shift % 3 - 1, *plane), shape)
        check_move(lambda x: np.triu(x, shift), shape)
        check_move(lambda x: np.tril(x, shift), shape)
        check_move(np.fliplr, shape)
    check_move(np.flipud, shape)


@given(st.data())
def test_pads_of_any_mode(data: Any) -> None:
    shape = data.draw(filled)
    mode = data.draw(st.sampled_from(["constant", "edge", "reflect", "symmetric", "wrap"]))
    widths = [(data.draw(st.integers(0, 3)), data.draw(st.integers(0, 3))) for _ in shape]
    check_move(lambda x: np.pad(x, widths, mode), shape)
    check_move(lambda x: np.pad(x, widths[0], mode=mode), shape)


@given(st.data())
def test_sorting_along_any_axis(data: Any) -> None:
    shape = data.draw(filled)
    axis = data.draw(st.one_of(st.none(), st.integers(-len(shape), len(shape) - 1)))
    a = scattered(shape, 5)
    order = np.argsort(a, axis)
    x = Tensor(a, requires_grad=True)
    y = np.sort(x, axis)
    np.testing.assert_array_equal(y.data, np.sort(a, axis))
    u = random(y.shape, -1, 1, 6)
    expected = np.zeros(a.shape if axis is not None else a.size)
    np.put_along_axis(expected, order, u, axis)
    np.testing.assert_array_equal(ag.gradients(y, x, u), expected.reshape(a.shape))


# Joins and splits -------------------------------------------------------------------------------------------


@given(st.data())
def test_joins_along_any_axis(data: Any) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3))
    n = len(shape)
    axis = data.draw(st.integers(-n, n - 1))
    lengths = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
    parts = [tuple(m if i == axis % n else s for i, s in enumerate(shape)) for m in lengths]
    check_move(lambda *xs: np.concatenate(xs, axis), *parts)
    check_move(lambda *xs: np.concatenate(xs, axis=None), *parts)
    check_move(lambda *xs: np.append(xs[0], xs[-1], axis), *parts)
    check_move(lambda *xs: np.stack(xs, data.draw(st.just(axis))), shape, shape)
    check_move(lambda x: np.stack([x, x], -1), shape)
    check_move(lambda *xs: np.dstack(xs), shape, shape)
    check_move(lambda *xs: np.vstack(xs), shape, shape)
    check_move(lambda *xs: np.hstack(xs), shape, shape)
    if n < 3:
        check_move(lambda *xs: np.column_stack(xs), shape, shape)


@given(st.data())
def test_splits_along_any_axis(data: Any) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4))
    n = len(shape)
    axis = data.draw(st.integers(-n, n - 1))
    places = data.draw(st.lists(st.integers(-2, 5), max_size=3))
    parts = data.draw(st.integers(1, 4))
    check_move(lambda x: np.array_split(x, parts, axis), shape)
    check_move(lambda x: np.split(x, places, axis), shape)
    check_move(lambda x: np.array_split(x, sorted(places), axis), shape)
    check_move(lambda x: np.hsplit(x, places), shape)
    if n > 1:
        check_move(lambda x: np.vsplit(x, places), shape)
    if n > 2:
        check_move(lambda x: np.dsplit(x, places), shape)


def test_splits_refuse_what_numpy_refuses() -> None:
    x = Tensor(np.zeros((4, 2)), requires_grad=True)
    for function in (lambda x: np.split(x, 3), lambda x: np.dsplit(x, 2)):
        with pytest.raises(ValueError):
            function(x.data)
        with pytest.raises(ValueError):
            function(x)


# Reductions over any axes -----------------------------------------------------------------------------------


@given(st.data())
def test_reductions_over_any_axes(data: Any) -> None:
    shape = data.draw(filled)
    n = len(shape)
    axes = data.draw(st.one_of(st.none(), hnp.valid_tuple_axes(n, min_size=1), st.integers(-n, n - 1)))
    keep = data.draw(st.booleans())
    a = scattered(shape, 7) * 0.5
    v = random(shape, -1, 1, 8)
    for name in ("sum", "mean", "max", "min", "prod", "var", "ptp"):
        f = getattr(np, name)

        def reduced(x: Any, f: Any = f) -> Any:
            return f(x, axis=axes, keepdims=keep)

        value, tangent = ag.jvp(reduced, (a,), (v,))
        np.testing.assert_allclose(value, reduced(a), rtol=1e-13, atol=1e-15)
        assert_close(tangent, along(reduced, [a], [v]), 1e-9, name)
        u = random(value.shape, -1, 1, 9)
        (g,) = ag.vjp(reduced, a)[1](u)
        assert np.sum(g * v) == pytest.approx(np.sum(u * tangent), rel=1e-11, abs=1e-11)


@given(st.data())
def test_running_totals_along_any_axis(data: Any) -> None:
    shape = data.draw(filled)
    axis = data.draw(st.one_of(st.none(), st.integers(-len(shape), len(shape) - 1)))
    zeros = data.draw(hnp.arrays(bool, shape))
    a, v = np.where(zeros, 0.0, random(shape, -2, 2, 1)), random(shape, -1, 1, 2)
    for f in (np.cumsum, np.cumprod):

        def total(x: Any, f: Any = f) -> Any:
            return f(x, axis=axis)

        value, tangent = ag.jvp(total, (a,), (v,))
        np.testing.assert_array_equal(value, total(a))
        assert_close(tangent, along(total, [a], [v]), 1e-9)

        def cost(x: Any) -> Any:
            y = total(x)
            return (y * y).sum()

        assert_close(ag.hvp(cost, (a,), (v,)) @ v if a.ndim == 1 else np.sum(ag.hvp(cost, (a,), (v,)) * v),
                     mixed_along(cost, [a], [v], [v]), 1e-6)  # fmt: skip
    whole = np.prod
    assert_close(ag.jvp(whole, (a,), (v,))[1], along(whole, [a], [v]), 1e-9)


@given(st.data())
def test_differences_along_any_axis(data: Any) -> None:
    shape = data.draw(filled)
    axis, n = data.draw(st.integers(-len(shape), len(shape) - 1)), data.draw(st.integers(0, 3))
    a, v = random(shape, -2, 2, 1), random(shape, -1, 1, 2)
    value, tangent = ag.jvp(lambda x: np.diff(x, n, axis), (a,), (v,))
    np.testing.assert_allclose(value, np.diff(a, n, axis), atol=1e-15)
    np.testing.assert_allclose(tangent, np.diff(v, n, axis), atol=1e-14)


# einsum -----------------------------------------------------------------------------------------------------


@st.composite
def einsum_calls(draw: Any) -> tuple[str, list[tuple[int, ...]]]:
    """Subscripts and operand shapes: implicit and explicit outputs, ellipses, repeated and summed-out indices."""
    sizes = {c: draw(st.integers(1, 3)) for c in "abCd"}
    count = draw(st.integers(1, 3))
    hidden = draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=1, max_side=2))
    terms, operand_shapes, ellipsis = [], [], False
    for _ in range(count):
        letters = draw(st.lists(st.sampled_from(sorted(sizes)), max_size=3))
        shape = [sizes[c] for c in letters]
        term = "".join(letters)
        if draw(st.integers(0, 2)) == 0:
            at = draw(st.integers(0, len(letters)))
            own = hidden[draw(st.integers(0, len(hidden))) :]
            term = term[:at] + "..." + term[at:]
            shape[at:at] = [draw(st.sampled_from([1, m])) for m in own]
            ellipsis = True
        terms.append(term)
        operand_shapes.append(tuple(shape))
    subscripts = ",".join(terms)
    if draw(st.booleans()):
        used = sorted({c for c in subscripts if c.isalpha()})
        kept = draw(st.permutations(used))[: draw(st.integers(0, len(used)))] if used else []
        output = "".join(kept)
        if ellipsis:
            at = draw(st.integers(0, len(output)))
            output = output[:at] + "..." + output[at:]
        subscripts += "->" + output
    return subscripts, operand_shapes


@settings(max_examples=2 * settings().max_examples)
@given(einsum_calls())
def test_any_einsum(drawn: Any) -> None:
    subscripts, operand_shapes = drawn
    arrays = [random(s, -1, 1, seed_of(i, s)) for i, s in enumerate(operand_shapes)]
    v = [random(s, -1, 1, seed_of(s, i)) for i, s in enumerate(operand_shapes)]

    def product(*xs: Any) -> Any:
        return np.einsum(subscripts, *xs)

    value, tangent = ag.jvp(product, tuple(arrays), tuple(v))
    np.testing.assert_allclose(value, product(*arrays), rtol=1e-13, atol=1e-14)
    assert_close(tangent, along(product, arrays, v), 1e-9, "directional derivative")
    u = random(value.shape, -1, 1, 3)
    shares = ag.vjp(product, *arrays)[1](u)
    assert [g.shape for g in shares] == operand_shapes
    for i, g in enumerate(shares):  # each operand by itself
        alone = [w if i == j else np.zeros_like(w) for j, w in enumerate(v)]
        assert_close(np.sum(g * v[i]), np.sum(u * along(product, arrays, alone)), 1e-9, f"operand {i}")

    def cost(*xs: Any) -> Any:
        y = product(*xs)
        return (u * y * y).sum()

    products = ag.hvp(cost, tuple(arrays), tuple(v))
    products = products if isinstance(products, tuple) else (products,)
    second = sum(np.sum(g * w) for g, w in zip(products, v))
    assert_close(second, mixed_along(cost, arrays, v, v), 1e-6, "second derivative")


@given(einsum_calls())
def test_einsum_in_list_notation(drawn: Any) -> None:
    subscripts, operand_shapes = drawn
    text, arrow, output = subscripts.partition("->")

    def numbers(term: str) -> list[Any]:
        plain = term.replace("...", ".")
        return [Ellipsis if c == "." else "abCd".index(c) for c in plain]

    arrays = [random(s, -1, 1, seed_of(i, s)) for i, s in enumerate(operand_shapes)]

    def call(*xs: Any) -> Any:
        arguments = [part for x, term in zip(xs, text.split(",")) for part in (x, numbers(term))]
        return np.einsum(*arguments, *([numbers(output)] if arrow else []))

    xs = [Tensor(a, requires_grad=True) for a in arrays]
    result = call(*xs)
    np.testing.assert_allclose(result.data, call(*arrays), rtol=1e-13, atol=1e-14)
    u = random(result.shape, -1, 1, 3)
    for i, g in enumerate(ag.gradients(result, xs, u)):
        assert_close(np.sum(g * arrays[i]), np.sum(u * call(*arrays)), 1e-12, "linear in each operand")


def test_einsum_errors_say_what_does_not_fit() -> None:
    x = Tensor(np.zeros((2, 3)), requires_grad=True)
    with pytest.raises(ValueError, match="names 2 operands, but 1"):
        np.einsum("ij,jk", x)
    with pytest.raises(ValueError, match="'ijk' does not fit an operand with 2 axes"):
        np.einsum("ijk", x)
    with pytest.raises(ValueError):
        np.einsum("ij->ik", x)
    with pytest.raises(ValueError):
        np.einsum("ij,jk", x, x)


@pytest.mark.parametrize("keywords", [{"mode": "linear_ramp"}, {"mode": "mean"}])
def test_borders_that_are_computed_have_no_rule(keywords: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=f"no rule for mode='{keywords['mode']}'"):
        np.pad(Tensor(np.ones(3), requires_grad=True), 1, **keywords)


def test_einsum_that_sums_an_operand_over_no_entries() -> None:
    """Its adjoint has no entries, which was an error; random programs found it."""
    u = Tensor(np.ones((0, 3)), requires_grad=True)
    x = Tensor(np.ones(3), requires_grad=True)
    for y in (np.einsum("ab,b->b", u, x), np.einsum("ab,c->c", u, x)):
        for g, operand in zip(ag.gradients(np.sum(y), [u, x]), (u, x)):
            np.testing.assert_array_equal(g, np.zeros(operand.shape))


@pytest.mark.parametrize("flatten", [
    lambda t: np.ravel(t.T, order="A"), lambda t: t.T.ravel(order="A"), lambda t: t.T.flatten(order="A"),
    lambda t: t.T.reshape(6, order="A"), lambda t: np.reshape(t, 6, order="A"), lambda t: np.reshape(t.T, 6, order="F"),
])  # fmt: skip
def test_the_order_of_memory_is_that_of_the_gradient(flatten: Any) -> None:
    weights = np.arange(6.0)
    for data in (np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6.0).reshape(2, 3))):
        t = ag.as_tensor(data, name="t")
        t = Tensor(t.data, requires_grad=True)
        np.testing.assert_array_equal(flatten(t).data, flatten(t.data))
        gradient = ag.gradients(np.sum(flatten(t) * weights), t)
        expected = np.zeros(6)
        expected[flatten(t.data).astype(int)] = weights  # the entries are their own places
        np.testing.assert_array_equal(gradient, expected.reshape(2, 3))
    with pytest.raises(ValueError, match="order='K'"):
        np.ravel(t, order="K")
