"""What NumPy's functions give of Tensors at the edges of their arguments is what they give of arrays."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.engine.tensor import TABLE

V = np.array([1.0, 2.0, 4.0, 7.0])
M = np.array([[3.0, -1.0, 2.0], [0.5, 4.0, -2.0], [1.0, 1.5, 2.5]])
HOLES = np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan], [np.nan, 2.0, 4.0]])
STACK = np.stack([M, M.T + 1, M @ M])

CALLS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "insert into a list": (V, lambda t: np.insert([1.0, 2.0], 1, t)),
    "delete a slice of all": (M, lambda t: np.delete(t, slice(1, 8, 3))),
    "delete a slice of rows": (M, lambda t: np.delete(t, slice(0, 1), 0)),
    "partition of rows": (STACK, lambda t: np.partition(t, 1)),
    "select, 0 elsewhere": (V, lambda t: np.select([V > 4], [t])),
    "partition of all": (M, lambda t: np.partition(t, 4, None)),
    "select of more conditions": (V, lambda t: np.select([V > 1, V > 2], [t])),
    "select": (V, lambda t: np.select([V > 4, V > 1], [t, -t], 3.0)),
    "piecewise, and otherwise": (V, lambda t: np.piecewise(t, [V > 4, V < 2], [1.0, lambda x: x * x, np.negative])),
    "piecewise, 0 elsewhere": (V, lambda t: np.piecewise(t, [V > 4], [np.negative])),
    "piecewise with nothing to do": (V, lambda t: np.piecewise(t, [V > 9], [np.negative])),
    "apply_along_axis to columns": (M, lambda t: np.apply_along_axis(lambda x: np.outer(x, x), 0, t)),
    "apply_along_axis to a stack": (STACK, lambda t: np.apply_along_axis(lambda x: x[:2] * x[0], 1, t)),
    "meshgrid": (V, lambda t: np.meshgrid(t, t[:2], t[:3])),
    "meshgrid of two": (V, lambda t: np.meshgrid(t, t[:2])),
    "meshgrid of one": (V, lambda t: np.meshgrid(t)),
    "meshgrid by rows": (V, lambda t: np.meshgrid(t, t[:2], indexing="ij", sparse=True)),
    "linspace in a dtype": (V, lambda t: np.linspace(t, 2.0, 4, dtype=np.float16)),
    "linspace with its step": (V, lambda t: np.linspace(t, 2.0, 4, retstep=True)),
    "linspace of one with its step": (V, lambda t: np.linspace(t, 2.0, 1, retstep=True)),
    "linspace of two, without the end": (V, lambda t: np.linspace(t, 2.0, 2, False, retstep=True)),
    "linspace of two with its step": (V, lambda t: np.linspace(t, 2.0, 2, retstep=True)),
    "linspace of none": (V, lambda t: np.linspace(t, 2.0, 0)),
    "logspace in a dtype": (V, lambda t: np.logspace(t, 2.0, 3, dtype=np.float64)),
    "geomspace of arrays": (V, lambda t: np.geomspace(t, 2 * V[::-1], 3)),
    "geomspace of negative numbers": (V, lambda t: np.geomspace(-t[:1], [-3.0], 4, axis=1)),
    "geomspace in a dtype": (V, lambda t: np.geomspace(t, 3.0, 4, dtype=np.float64)),
    "vander": (V, lambda t: np.vander(t, 3, increasing=True)),
    "polyval at 0": (V, lambda t: np.polyval(t, 0.0)),
    "polyval at infinity": (V, lambda t: np.polyval(t, [np.inf, 1.0])),
    "diff between ends": (M, lambda t: np.diff(t, 1, 0, prepend=0.0, append=t[:1])),
    "diff of a list": (V, lambda t: np.diff([1.0, 2.0], prepend=t)),
    "diff, not at all": (V, lambda t: np.diff(t, 0)),
    "ediff1d of a list": (V, lambda t: np.ediff1d([1.0, 3.0], to_end=t)),
    "ediff1d between": (V, lambda t: np.ediff1d(t, to_begin=t[:2])),
    "trapezoid, places of each": (STACK, lambda t: np.trapezoid(t, STACK * 2, axis=0)),
    "trapezoid, one set of places": (STACK, lambda t: np.trapezoid(t, V[:3], axis=1)),
    "gradient of one": (V, lambda t: np.gradient(t[:1])),
    "gradient of two": (V, lambda t: np.gradient(t[:2])),
    "gradient of two, second order": (V, lambda t: np.gradient(t[:2], edge_order=2)),
    "gradient of third order": (V, lambda t: np.gradient(t, edge_order=3)),
    "gradient with three distances": (M, lambda t: np.gradient(t, 1.0, 2.0, 3.0)),
    "gradient with two distances": (M, lambda t: np.gradient(t, 1.0, 2.0)),
    "gradient with too few places": (V, lambda t: np.gradient(t, [0.0, 1.0])),
    "gradient with places": (V, lambda t: np.gradient(t, V**2, edge_order=2)),
    "interp beyond the ends": (V, lambda t: np.interp([0.0, 3.0, 9.0], V, t, -1.0, 5.0)),
    "interp between equal places": (V, lambda t: np.interp([1.0, 2.0, 3.0], [1.0, 2.0, 2.0, 4.0], t)),
    "interp with one point": (V, lambda t: np.interp([0.0, 1.0, 2.0], [1.0], t[:1])),
    "interp with a negative period": (V, lambda t: np.interp([0.0, 3.0, 9.0, -5.0], V, t, period=-8.0)),
    "nanmean of truth values": (V, lambda t: np.nanmean(t > 1.5)),
    "interp with a period": (V, lambda t: np.interp([0.0, 3.0, 9.0, -5.0], V, t, period=8.0)),
    "convolve with a number": (V, lambda t: np.convolve(2.0, t)),
    "convolve with nothing": (V, lambda t: np.convolve(t, [])),
    "convolve in another mode": (V, lambda t: np.convolve(t, t[:3], "same")),
    "correlate": (V, lambda t: np.correlate(t[:2], t, "same")),
    "unwrap": (V, lambda t: np.unwrap(t * 3)),
    "quantiles of none": (V, lambda t: np.quantile(t[:0], 0.5)),
    "quantiles that are entries": (V, lambda t: np.quantile(t, [0.0, 1.0])),
    "quantiles with axes kept": (M, lambda t: np.quantile(t, [0.2, 0.5], 0, keepdims=True)),
    "average of a list": (V, lambda t: np.average([1.0, 2.0, 3.0, 4.0], weights=t)),
    "average and its weight": (M, lambda t: np.average(t, 0, V[:3], returned=True)),
    "average, axes kept": (M, lambda t: np.average(t, 1, V[:3], returned=True, keepdims=True)),
    "average with weights and no axis": (M, lambda t: np.average(t, weights=V[:3])),
    "average of all, and their number": (M, lambda t: np.average(t, returned=True)),
    "average of rows, and their number": (M[:2], lambda t: np.average(t, 0, returned=True)),
    "cov of columns": (M, lambda t: np.cov(t[:, :2], rowvar=False)),
    "cov of columns and one more": (M, lambda t: np.cov(t, V[:3], rowvar=False)),
    "where": (V, lambda t: np.where(t - 2.0)),
    "matrix_power of pairs of matrices": (np.stack([STACK[:2]] * 2), lambda t: np.linalg.matrix_power(t, 0)),
    "cov with weights": (M, lambda t: np.cov(t, fweights=[1, 2, 1], aweights=V[:3], ddof=0)),
    "corrcoef of one": (V, lambda t: np.corrcoef(t)),
    "corrcoef of two": (V, lambda t: np.corrcoef(t, t[::-1] ** 2)),
    "nanvar where too few are left": (HOLES, lambda t: np.nanvar(t, 1, ddof=1)),
    "nanstd where too few are left": (HOLES, lambda t: np.nanstd(t, 0, ddof=2, keepdims=True)),
    "nanmax of none in some rows": (HOLES, lambda t: np.nanmax(t, 1)),
    "nanmin, axes kept": (HOLES, lambda t: np.nanmin(t, 0, keepdims=True)),
    "nanmax of whole numbers": (V, lambda t: np.nanmax(t.astype(int))),
    "nanmin of truth values": (V, lambda t: np.nanmin(t > 2)),
    "nanmean of none": (HOLES, lambda t: np.nanmean(t, 1)),
    "real_if_close, and not quite": (V, lambda t: np.real_if_close(t + 100.5j * np.finfo(t.dtype).eps)),
    "real_if_close": (V, lambda t: np.real_if_close(t + 99.5j * np.finfo(t.dtype).eps)),
    "modf": (M, lambda t: np.modf(t)),
    "copysign": (M, lambda t: np.copysign(t, -0.0)),
    "copysign of whole numbers": (M, lambda t: np.copysign([1, 2, 3], t)),
    "copysign of one whole number": (M, lambda t: np.copysign(2, t)),
    "cross of columns": (M, lambda t: np.cross(t, M[::-1], axis=0)),
    "cross, all axes": (M, lambda t: np.cross(t, M.T, axisa=0, axisb=1, axisc=0)),
    "vecdot of columns": (M, lambda t: np.vecdot(t, M.T, axis=0)) if hasattr(np, "vecdot") else (V, np.negative),
    "cond": (M, lambda t: np.linalg.cond(t)),
    "cond of a singular matrix": (np.diag([2.0, 1.0, 0.0]), lambda t: np.linalg.cond(t, 2)),
    "cond of a singular matrix, smallest": (np.diag([2.0, 1.0, 0.0]), lambda t: np.linalg.cond(t, -2)),
    "cond by columns": (STACK, lambda t: np.linalg.cond(t, 1)),
    "cond by rows": (M, lambda t: np.linalg.cond(t, np.inf)),
    "cond of Frobenius": (M, lambda t: np.linalg.cond(t, "fro")),
    "cond, smallest": (M, lambda t: np.linalg.cond(t, -2)),
    "slogdet of a singular complex matrix": (M, lambda t: np.linalg.slogdet(np.stack([t[0], t[0], t[1]]) * (1 + 1j))),
    "slogdet": (STACK, lambda t: np.linalg.slogdet(t)),
    "slogdet of complex matrices": (STACK, lambda t: np.linalg.slogdet(t * (1 + 1j))),
    "vector_norm, axes kept": (STACK, lambda t: np.linalg.vector_norm(t, axis=(0, 2), keepdims=True, ord=1)),
    "cumulative_sum without axis": (M, lambda t: np.cumulative_sum(t)) if hasattr(np, "cumulative_sum") else (V, np.negative),
    "cumulative_sum": (V, lambda t: np.cumulative_sum(t, include_initial=True)) if hasattr(np, "cumulative_sum") else (V, np.sin),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", CALLS)
def test_edges_of_arguments(name: str, dtype: Any) -> None:
    data, call = CALLS[name]
    data = data.astype(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of means of nothing
        try:
            expected = call(data)
        except Exception as error:
            with pytest.raises((type(error), ValueError)) as info:
                call(Tensor(data, requires_grad=True))
            assert type(info.value).__module__ != "numpy.exceptions" or isinstance(info.value, type(error))
            return
        given = call(Tensor(data, requires_grad=True))
    several = isinstance(expected, (tuple, list))
    for mine, numpys in zip(given if several else [given], expected if several else [expected], strict=True):
        mine = mine.data if isinstance(mine, Tensor) else mine
        assert np.shape(mine) == np.shape(numpys)
        assert np.result_type(mine) == np.result_type(numpys)
        np.testing.assert_allclose(mine, numpys, rtol=30 * np.finfo(dtype).eps, atol=np.finfo(dtype).eps)
    assert isinstance(ag.as_tensor(given[0] if several else given), Tensor)


@pytest.mark.parametrize(("data", "call", "message"), [
    (V, lambda t: np.geomspace(t, -3.0), "np.geomspace on Tensors goes from one number to another of the same sign"),
    (V, lambda t: np.gradient(t, [0.0, 1.0]), r"places of shape \(2,\) do not go with 4 entries"),
    (V, lambda t: np.gradient(t[:1]), "needs more than 1 entries along axis 0"),
    (V, lambda t: np.gradient(t, edge_order=3), "edge_order=3"),
    (M, lambda t: np.gradient(t, 1.0, 2.0, 3.0), "3 spacings do not go with 2 axes"),
    (V, lambda t: np.convolve(t, []), "a sequence is empty"),
    (V, lambda t: np.cross(t[:3], [1.0, 2.0]), "vectors of three entries"),
    (V, lambda t: np.cross(t[:2], [1.0, 2.0, 3.0]), "vectors of three entries"),
    (V, lambda t: np.quantile(t[:0], 0.5), "there are no entries along the axis"),
    (M, lambda t: np.cumulative_sum(t) if hasattr(np, "cumulative_sum") else refuse(), "need axis="),
    (V, lambda t: np.einsum("i,i", t, t, dtype=float), "does not take dtype"),
    (M, lambda t: np.tensordot(t, STACK[:, :2], 2), r"cannot pair axes \[0, 1\] of shape \(3, 3\)"),
    (M[:2], lambda t: np.linalg.svd(t), "write full_matrices=False"),
    (STACK[:, :2], lambda t: np.linalg.svd(t), "write full_matrices=False"),
    (STACK[:, :2], lambda t: np.linalg.qr(t), "not for wide matrices"),
    (np.eye(2), lambda t: ag.gradients(np.linalg.eigh(t).eigenvectors[0, 0], t), "eigenvalues are equal"),
    (np.zeros((3, 3)), lambda t: ag.gradients(np.linalg.eigh(t).eigenvectors[0, 0], t), "eigenvalues are equal"),
])  # fmt: skip
def test_what_is_refused_in_words(data: Any, call: Callable[[Any], Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        call(Tensor(data, requires_grad=True))


def refuse() -> None:
    raise ValueError("cumulative sums of this NumPy need axis=")


def test_no_bound_leaves_the_entries() -> None:
    t = Tensor(V, requires_grad=True)
    assert ag.gradients(np.clip(t, None, None).sum(), t).tolist() == [1.0] * 4


@pytest.mark.parametrize("name, f", [
    ("cholesky", lambda a: np.linalg.cholesky(a @ a.mT + np.eye(3))),
    ("eigenvectors", lambda a: np.linalg.eigh(a @ a.mT).eigenvectors),
    ("singular vectors", lambda a: np.linalg.svd(a).U),
    ("q", lambda a: np.linalg.qr(a).Q),
    ("pinv", np.linalg.pinv),
    ("power", lambda a: np.linalg.matrix_power(a, 3)),
])  # fmt: skip
def test_stacks_of_stacks_are_matrices_one_by_one(name: str, f: Callable[[Any], Any]) -> None:
    a = np.random.default_rng(0).normal(size=(2, 4, 3, 3))
    weights = np.random.default_rng(1).normal(size=(3, 3))
    whole = ag.grad(lambda a: np.sum(f(a) * weights))(a)
    for index in np.ndindex(2, 4):
        one = ag.grad(lambda a: np.sum(f(a) * weights))(a[index])
        np.testing.assert_allclose(whole[index], one, rtol=1e-9, atol=1e-11)


def test_second_derivatives_of_determinants_of_singular_matrices_in_a_stack() -> None:
    a, v = np.random.default_rng(0).normal(size=(2, 2, 4, 3, 3))
    a[..., 2, :] = a[..., 0, :] - 2 * a[..., 1, :]
    whole = ag.hvp(lambda a: np.sum(np.linalg.det(a)), (a,), (v,))
    for index in np.ndindex(2, 4):
        one = ag.hvp(np.linalg.det, (a[index],), (v[index],))
        np.testing.assert_allclose(whole[index], one, rtol=1e-9, atol=1e-11)


def test_the_third_derivative_of_a_determinant() -> None:
    a, v = np.random.default_rng(3).normal(size=(2, 3, 3))
    third = ag.grad(ag.grad(ag.grad(lambda t: np.linalg.det(a + t * v))))(0.25)
    np.testing.assert_allclose(third, 6 * np.linalg.det(v), rtol=1e-9)  # of a cubic whose first coefficient is det v


def test_the_last_of_two_places_has_the_slope_before_it() -> None:
    assert ag.grad(lambda x: np.interp(x, [1.0, 3.0], [0.0, 5.0]))(3.0) == 2.5


def test_the_tip_of_0_to_the_0_has_no_second_derivative() -> None:
    with np.errstate(all="ignore"):
        hessian = ag.hessian(lambda v: v[0] ** v[1])(np.zeros(2))
    assert np.isnan(hessian[1]).all()


@pytest.mark.parametrize("w", [400 + 1j, -400 - 2j, 8j, 0.5 + 0.25j, -0.5 + 1.25j])
def test_slopes_of_tanh_far_out_in_the_complex_plane(w: complex) -> None:
    expected = np.real(w / np.cosh(w) ** 2) if abs(w.real) < 300 else 0.0
    np.testing.assert_allclose(ag.grad(lambda x: np.real(np.tanh(x * w)))(1.0), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("b", [np.ones((2, 1, 1), int), np.ones((2, 1, 1)), 3, np.float32(2.5), np.ones(1), np.ones((1, 1)),
                               np.array([[1], [2], [3]])])  # fmt: skip
def test_a_layer_with_a_bias_of_any_kind_is_the_product_and_the_sum(b: Any) -> None:
    w, a = Tensor(M, requires_grad=True), Tensor(M[:, :2], requires_grad=True)
    layer, parts = ag.linear(w, a, b), w @ a + b
    np.testing.assert_array_equal(layer.data, parts.data)
    assert layer.op == ("linear" if layer.ndim == 2 else "add")
    for mine, theirs in zip(ag.gradients(layer.sum(), [w, a]), ag.gradients(parts.sum(), [w, a])):
        np.testing.assert_allclose(mine, theirs, rtol=1e-14)


@pytest.mark.parametrize("cost", [ag.sigmoid_cross_entropy, ag.softmax_cross_entropy])
def test_targets_that_broadcast_are_refused(cost: Any) -> None:
    for z in (Tensor(M, requires_grad=True), M):
        with pytest.raises(ValueError, match="same shape"):
            cost(z, V[:3])
    if cost is ag.softmax_cross_entropy:
        with pytest.raises(ValueError, match="classes along an axis, not a single number"):
            cost(Tensor(1.0, requires_grad=True), 1.0)


def test_a_bias_along_the_batch_is_refused_with_what_to_write() -> None:
    w, a = Tensor(M, requires_grad=True), M
    for b, instead in ((np.ones((1, 3)), r"of shape \(3, 1\), b.T, it is a bias"), (np.ones(3), r"b\[:, None\], it is")):
        with pytest.raises(ValueError, match=instead):
            ag.linear(w, a, b)


def test_the_cost_of_a_class_that_is_nearly_certain_keeps_its_digits() -> None:
    cost = ag.softmax_cross_entropy(Tensor([[50.0], [0.0]], requires_grad=True), [[1.0], [0.0]], axis=0)
    np.testing.assert_allclose(cost.item(), np.exp(-50.0), rtol=1e-14)


def test_products_are_written_as_what_they_are() -> None:
    a, v = Tensor(M, requires_grad=True, name="A"), Tensor(V[:3], requires_grad=True, name="v")
    b = Tensor(np.ones((3, 2)), requires_grad=True, name="B")
    assert "t1 = v · v" in str(ag.chain_rule(np.sin(v @ v), v))
    assert "t1 = A v" in str(ag.chain_rule(np.sum(np.sin(a @ v)), v))
    c = Tensor(np.ones((2, 4)), requires_grad=True, name="D")
    [first, *_] = np.einsum("ij,jk,kl->il", a, b, c).local_gradients
    assert first.label == "einsum[il,jk,kl→ij](·, B, D)"


def test_what_keeps_or_moves_entries_stores_the_number_1() -> None:
    t = Tensor(M, requires_grad=True)
    biased = ag.linear(M, M, Tensor(np.ones((3, 1)), requires_grad=True))
    for y in (t.reshape(9), np.broadcast_to(t, (2, 3, 3)), np.cumsum(t, 0), np.conj(t), biased, t + 1):
        assert [g.value for g in y.local_gradients] == [1]


def test_one_operand_can_be_joined_too() -> None:
    t = Tensor(V, requires_grad=True)
    for join in (np.hstack, np.vstack, np.stack, np.concatenate, np.column_stack, np.dstack):
        np.testing.assert_array_equal(join([t]).data, join([V]))
    np.testing.assert_array_equal(np.concatenate(Tensor(M, requires_grad=True)).data, np.concatenate(M))
    np.testing.assert_array_equal(ag.array([[t]]).data, [[V]])
    nested: Any = t[0]
    for _ in range(40):
        nested = [nested]
    assert ag.array(nested).shape == (1,) * 40
    np.testing.assert_array_equal(np.sort(Tensor(M, requires_grad=True), axis=None).data, np.sort(M, axis=None))
    with pytest.raises(ValueError, match="order='x' names fields"):
        np.sort(t, order="x")
    with pytest.raises(ValueError, match=r"np.stack joins operands of one shape, not \[\(2,\), \(4,\)\]"):
        np.stack([t, t[:2]])


def test_joining_records_where_it_should() -> None:
    t, c = Tensor(V, requires_grad=True), Tensor(V)
    assert np.concatenate([c, c]).op is None
    with ag.no_grad():
        joined = np.concatenate([t, t])
    assert joined.op is None and not joined.requires_grad
    concatenate = TABLE["concatenate"]
    assert type(concatenate([V, V])) is np.ndarray


@pytest.mark.parametrize("shape", [(), (1,), (4,), (3, 1), (1, 4), (3, 4), (2,), (2, 1), (3, 2), (2, 4), (5, 3, 4)])
def test_a_factor_for_each_entry_is_one_that_broadcasts(shape: tuple[int, ...]) -> None:
    scaled = ag.elementwise("scaled", lambda x: x * 1.0, lambda x: np.ones(shape))
    x = Tensor(np.ones((3, 4)), requires_grad=True)
    try:
        fits = np.broadcast_shapes(shape, (3, 4)) == (3, 4)
    except ValueError:
        fits = False
    if fits:
        scaled(x).sum().backward()
        np.testing.assert_array_equal(x.grad, np.ones((3, 4)))
    else:
        with pytest.raises(ValueError, match="does not broadcast to the result's"):
            scaled(x)


@pytest.mark.parametrize(("call", "kind", "message"), [
    (lambda t: t.sum(axis=5), np.exceptions.AxisError, r"sum of t of shape \(3, 3\), axis=5: axis 5 is out of"),
    (lambda t: np.sum(t, axis=(0, 0)), ValueError, r"sum of t of shape \(3, 3\), axis=\(0, 0\): duplicate"),
    (lambda t: np.prod(t, axis=1.5), TypeError, r"prod of t of shape \(3, 3\), axis=1.5: "),
    (lambda t: np.concatenate([t] * 10 + [t[0]]), ValueError, r"concatenate of (t of shape \(3, 3\) and ){7}t of shape \(3, 3\), "),
    (lambda t: np.linalg.inv(t * 0), np.linalg.LinAlgError, "inv of .*: Singular matrix"),
    (lambda t: np.hypot(t * 1j, 1.0), TypeError, "hypot of the result of 'multiply' .* and float of shape"),
])  # fmt: skip
def test_errors_of_numpy_keep_their_type_and_name_the_operands(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=f"^{message}"):
        call(Tensor(M, requires_grad=True, name="t"))


def test_deviations_of_nothing_have_a_gradient_without_entries() -> None:
    for shape, axis in (((0,), None), ((0, 3), 0), ((3, 0), 0)):
        t = Tensor(np.ones(shape), requires_grad=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of NumPy's means of nothing
            deviation = np.std(t, axis=axis)
            assert ag.gradients(np.sum(deviation), t).shape == shape


def test_arguments_that_are_not_there_are_those_of_the_function() -> None:
    t = Tensor(V, requires_grad=True, name="t")
    with pytest.raises(TypeError, match=r"std of t of shape \(4,\).*: std\(\) got an unexpected keyword argument 'mean'"):
        np.std(t, mean=np.mean(V, keepdims=True))
    with pytest.raises(TypeError, match="no derivative is taken with respect to"):
        np.linalg.norm(t, ord=Tensor(3.0, requires_grad=True))


def test_whole_numbers_stay_whole() -> None:
    whole = Tensor([3, 1, 2])
    for given, expected in ((np.nanmax(whole), 3), (np.nanmin(whole), 1), (np.clip(whole, None, None), [3, 1, 2])):
        assert given.dtype == int and given.data.tolist() == expected


# Beside NaN and infinity, in narrow dtypes, and where NumPy refuses -------------------------------------------------


@pytest.mark.parametrize(
    "f, x",
    [
        (np.gradient, [1.0, np.nan, 3.0, 4.0, 7.0]), (np.gradient, [1.0, 4.0, 9.0, 16.0]),
        (lambda t: np.interp([0.0, 1.0, 2.0], [0.0, 1.0, 2.0], t), [1.0, np.nan, 3.0]),
        (lambda t: np.interp([0.0, 1.0, 2.0], [0.0, 1.0, 2.0], t), [1.0, np.inf, 3.0]),
        (lambda t: np.linalg.norm(t, 0), [1.0, np.nan, 0.0]), (lambda t: np.modf(t)[0], [np.inf, -np.inf, 2.5, -1.25]),
        (np.linalg.det, [np.eye(2), [[np.nan, 1.0], [1.0, 2.0]], np.ones((2, 2))]),
        *((lambda t, p=p: np.linalg.cond(t, p), [np.zeros((2, 2)), np.ones((2, 2)), np.eye(2) + 1]) for p in [None, 1, -1, 2, -2]),
        (lambda t: np.linalg.cond(t, 1), np.ones((2, 2))), (lambda t: np.linalg.pinv(t, hermitian=True), [[1.0, 2.0], [3.0, 4.0]]),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:invalid value encountered in det")
def test_values_beside_nan_and_infinity(f: Any, x: Any) -> None:
    x = np.array(x)
    got = f(Tensor(x, requires_grad=True))
    np.testing.assert_allclose(got.data, f(x), rtol=1e-14, atol=1e-15)


def test_one_matrix_that_is_not_finite_spoils_no_other() -> None:
    stack = np.stack([np.ones((2, 2)), np.full((2, 2), np.nan), [[2.0, 1.0], [0.0, 3.0]]])
    with np.errstate(invalid="ignore"):
        got = ag.grad(lambda a: np.sum(np.linalg.det(a)[[0, 2]]))(stack)
    np.testing.assert_allclose(got[[0, 2]], [[[1, -1], [-1, 1]], [[3, 0], [-1, 2]]], atol=1e-15)
    assert np.isnan(got[1]).all()


def test_the_symmetric_pseudo_inverse_looks_at_the_lower_triangle() -> None:
    a = np.array([[1.0, 99.0], [3.0, 4.0]])
    u = np.array([[1.0, 0.5], [-2.0, 3.0]])
    got = ag.grad(lambda a: np.sum(np.linalg.pinv(a, hermitian=True) * u))(a)
    for i, j in np.ndindex(2, 2):
        step = np.zeros((2, 2))
        step[i, j] = 1e-6
        ends = [np.sum(np.linalg.pinv(a + s * step, hermitian=True) * u) for s in (1, -1)]
        assert got[i, j] == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-8)


def test_the_mean_of_more_entries_than_float16_counts() -> None:
    x = np.tile(np.array([1, -1, 0.5, -0.25], np.float16), 17500)
    x[0] = np.nan
    for f in (np.nanmean, np.nanvar, np.nanstd):
        got = f(Tensor(x, requires_grad=True))
        assert got.dtype == np.float16 and got.item() == pytest.approx(float(f(x)), rel=2e-3)
    np.testing.assert_allclose(ag.grad(np.nanmean)(x)[1:], 1 / 69999, rtol=1e-2)


def test_what_would_lose_a_gradient_is_refused_before_it_is_lost() -> None:
    t, out = Tensor([1.5, 2.5], requires_grad=True), np.zeros(())
    for name in ("sum", "mean", "max", "min", "prod", "var", "std"):
        with pytest.raises(TypeError, match="takes no out="):
            getattr(t, name)(out=out)
    assert out == 0
    for weights in ([0.0, 0.0], [1.0, -1.0]):
        with pytest.raises(ZeroDivisionError, match=r"weights of shape \(2,\) sum to 0"):
            np.average(t, weights=weights)
    masked = np.ma.array([1.0, 2.0], mask=[0, 1])
    for call in (lambda: (t * 3).backward(masked), lambda: ag.gradients(t * 3, t, masked), lambda: ag.flatten([masked]),
                 lambda: ag.vjp(np.sin, np.ones(2))[1](masked)):  # fmt: skip
        with pytest.raises(TypeError, match="a Tensor has no mask"):
            call()
    with pytest.raises(ValueError, match="every entry from every other"):
        ag.half_squared_distance(t[:, None], np.ones(2))
    wide = np.ones((2, 3))
    assert ag.half_squared_distance(t[:, None], wide).item() == ag.half_squared_distance(wide, t[:, None]).item() == 3.75
    with pytest.raises(TypeError, match="returned a tuple"):
        ag.operation("pair", lambda x: (x, x), lambda u, x: u)(t)


def test_defaults_of_numpy() -> None:
    x = np.arange(24.0).reshape(2, 3, 4) / 7
    t = Tensor(x, requires_grad=True)
    np.testing.assert_allclose(np.tensordot(t, x[0]).data, np.tensordot(x, x[0]), rtol=1e-15)
    assert np.sum(t, where=True).item() == np.sum(x) and np.max(t, 0, where=True).shape == (3, 4)
    narrow = Tensor(x.astype(np.float32), requires_grad=True)
    for f in (np.mean, np.var, np.std, np.prod):
        result = f(narrow, dtype=np.float64)
        assert result.dtype == np.float64 and result.item() == pytest.approx(f(narrow.data, dtype=np.float64), rel=1e-14)
        expected = ag.grad(f)(narrow.data.astype(float))
        np.testing.assert_allclose(ag.gradients(result, narrow), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    "cost", [ag.half_squared_distance, ag.sigmoid_cross_entropy, ag.softmax_cross_entropy], ids=lambda f: str(f.__name__)
)
def test_the_gradient_of_a_cost_is_not_its_local_gradient(cost: Any) -> None:
    z = Tensor([[0.5, -1.0], [0.25, 2.0]], requires_grad=True)
    C = cost(z, np.array([[1.0, 0.0], [0.0, 1.0]]))
    C.backward()
    first = z.grad.copy()
    z.grad += 7.0
    z.zero_grad()
    C.backward()
    np.testing.assert_array_equal(z.grad, first)
    C.backward()
    np.testing.assert_array_equal(z.grad, 2 * first)


def test_points_that_coincide_and_matrices_that_are_not_square() -> None:
    xp, fp, at = [0.0, 1.0, 1.0, 2.0], [0.0, 1.0, 3.0, 4.0], [0.5, 1.0, 1.5]
    np.testing.assert_array_equal(np.interp(at, xp, Tensor(fp, requires_grad=True)).data, np.interp(at, xp, fp))
    x = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, -6.0]])
    for p in (None, 2, -2):
        assert np.linalg.cond(Tensor(x, requires_grad=True), p).item() == pytest.approx(np.linalg.cond(x, p), rel=1e-13)
