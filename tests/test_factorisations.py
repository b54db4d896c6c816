"""Factorisations at matrices where something is equal, missing or complex; elsewhere they are in the table's cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from oracles import assert_close, gradient, random

import autograd_lite as ag
from autograd_lite.engine.tensor import Tensor


def symmetric(*values: float) -> Any:
    q, _ = np.linalg.qr(random((len(values),) * 2, -1, 1, 3))
    return (q * np.array(values)) @ q.T


@pytest.mark.parametrize("function", [
    lambda a: np.sum(np.linalg.eigh(a)[1][0]), lambda a: np.sum(np.linalg.svd(a)[0][0]), lambda a: np.linalg.svd(a)[2][0, 0],
])  # fmt: skip
@pytest.mark.parametrize("values", [(1.0, 1.0, 2.0), (2.0, 2.0 + 1e-16, 2.0), (0.5, 3.0, 3.0)])
def test_vectors_that_are_not_determined_are_told(function: Any, values: Any) -> None:
    with pytest.raises(ValueError, match="(eigenvalues|singular values) are equal, so the vectors .* have no derivative"):
        ag.grad(function)(symmetric(*values))


def test_values_that_are_equal_have_their_gradient_and_tell_that_there_is_no_second() -> None:
    a = np.diag([2.0, 2.0, 1.0])
    np.testing.assert_array_equal(ag.grad(lambda a: np.sum(np.linalg.eigvalsh(a) ** 2))(a), 2 * a)
    np.testing.assert_array_equal(ag.grad(lambda a: np.linalg.norm(a, "nuc"))(a), np.eye(3))
    for function in (lambda a: np.sum(np.linalg.eigvalsh(a) ** 2), lambda a: np.linalg.norm(a, "nuc")):
        with pytest.raises(ValueError, match="are equal"):
            ag.hessian(function)(a)


def test_complex_matrices_and_undetermined_vectors_are_refused_by_name() -> None:
    a = Tensor(np.eye(2), requires_grad=True) * 1j
    for name in ("cholesky", "eigh", "eigvalsh", "svd", "qr", "pinv"):
        with pytest.raises(TypeError, match=f"np.linalg.{name.replace('eigvalsh', 'eigh')} has a rule for real matrices"):
            getattr(np.linalg, name)(a)
    tall = Tensor(np.ones((3, 2)), requires_grad=True, name="tall")
    with pytest.raises(TypeError, match="svd of tall .* write full_matrices=False"):
        np.linalg.svd(tall)
    with pytest.raises(TypeError, match="hermitian"):
        np.linalg.svd(tall, hermitian=True)
    with pytest.raises(TypeError, match="qr of .* not for wide matrices"):
        np.linalg.qr(tall.T)


def test_results_are_named_and_share_their_factorisation(monkeypatch: pytest.MonkeyPatch) -> None:
    a = Tensor(symmetric(1.0, 2.0, 4.0), requires_grad=True)
    values, vectors = np.linalg.eigh(a)
    again = np.linalg.eigh(a)
    assert again.eigenvalues.shape == (3,) and again.eigenvectors.shape == (3, 3)
    rebuilt = (vectors * values) @ vectors.T
    monkeypatch.setattr(np.linalg, "eigh", None)  # no second factorisation for derivatives of any order
    g = ag.gradients(np.sum(rebuilt**2), a, create_graph=True)
    assert_close((g.data + g.data.T) / 2, 2 * a.data, 1e-13)
    second = ag.gradients(g.sum(), a)
    assert_close((second + second.T) / 2, 2 * np.ones((3, 3)), 1e-12)


def test_the_logarithm_of_a_normal_density_by_cholesky() -> None:
    x = random((4,), -1, 1, 2)

    def log_density(a: Any) -> Any:
        factor = np.linalg.cholesky(a @ a.T + np.eye(4))
        z = np.linalg.solve(factor, x)
        return -0.5 * np.sum(z * z) - np.sum(np.log(np.diag(factor)))

    a = random((4, 4), -1, 1, 1)
    assert_close(ag.grad(log_density)(a), gradient(log_density, [a])[0], 1e-9)
    covariance = a @ a.T + np.eye(4)
    inverse = np.linalg.inv(covariance)
    closed = (inverse @ np.outer(x, x) @ inverse - inverse) @ a
    assert_close(ag.grad(log_density)(a), closed, 1e-13)


def test_pinv_keeps_the_rank() -> None:
    x, y = random((4, 1), -1, 1, 1), random((1, 3), -1, 1, 2)
    c = random((3, 4), -1, 1, 3)

    def cost(x: Any, y: Any) -> Any:
        return np.sum(c * np.linalg.pinv(x @ y))

    for g, expected in zip(ag.grad(cost, (0, 1))(x, y), gradient(cost, [x, y])):
        assert_close(g, expected, 1e-9)


def test_stacks_of_stacks_of_matrices() -> None:
    a = random((2, 3, 2, 2), -1, 1, 1) + 3 * np.eye(2)
    g = ag.grad(lambda a: np.sum(np.linalg.slogdet(a)[1]))(a)
    assert_close(g, np.swapaxes(np.linalg.inv(a), -1, -2), 1e-13)
    x, y = random((2, 3, 4), -1, 1, 2), random((5, 4), -1, 1, 3)
    t = np.inner(Tensor(x, requires_grad=True), y)
    assert_close(t.data, np.einsum("ijk,lk->ijl", x, y), 1e-14)


@pytest.mark.parametrize("distance", [1e-3, 1e-7, 1e-12, 0.0])
@pytest.mark.parametrize("phase", [1.0, 1.0 + 0.5j])
def test_second_derivatives_of_the_determinant_of_a_matrix_that_is_nearly_singular(distance: float, phase: complex) -> None:
    """det(a) a⁻ᵀ is the right gradient there, and its derivative is a difference of two large numbers."""
    a, v = np.random.default_rng(0).normal(size=(2, 3, 3))
    a[2] = a[0] - 2 * a[1] + distance * a[2]
    b = a + 1j * a.T if phase != 1 else a

    def minors(m: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The cofactors of a 3×3 matrix, as vector products of its rows."""
        return np.stack([np.cross(m[1], m[2]), np.cross(m[2], m[0]), np.cross(m[0], m[1])])

    def f(t: Any) -> Any:
        return np.real(np.linalg.det(b + t * v) * phase)

    slope = np.sum(minors(b) * v)
    bend = np.sum((minors(b + v) - minors(b - v)) * v) / 2  # a determinant is a cubic of t: this difference is exact
    np.testing.assert_allclose(ag.grad(f)(0.0), np.real(slope * phase), rtol=1e-11)
    np.testing.assert_allclose(ag.grad(ag.grad(f))(0.0), np.real(bend * phase), rtol=1e-9)


def test_singular_values_that_are_cut_off_are_gone_from_result_and_gradient() -> None:
    a, b, w = np.array([[2.0, 0.0], [1.0, 0.5]]), np.array([1.0, 2.0]), np.array([[1.0, -2.0], [0.5, 3.0]])
    for f in (
        lambda a: np.sum(np.linalg.pinv(a, rcond=0.5) * w), lambda a: np.sum(np.linalg.pinv(a, rtol=0.5) * w),
        lambda a: np.sum(np.linalg.lstsq(a, b, rcond=0.5)[0] * w[0]),
    ):  # fmt: skip
        t = Tensor(a, requires_grad=True)
        np.testing.assert_allclose(f(t).data, f(a), rtol=1e-13)
        np.testing.assert_allclose(ag.gradients(f(t), t), ag.numerical_gradient(f, a), rtol=1e-6, atol=1e-8)
    near = np.array([[1.0, 1.0], [1.0, 1 + 1e-5], [1.0, 1.0]])
    x, _, rank, _ = np.linalg.lstsq(Tensor(near), np.array([1.0, 2.0, 4.0]), rcond=1e-3)
    np.testing.assert_allclose(x.data, np.linalg.lstsq(near, np.array([1.0, 2.0, 4.0]), rcond=1e-3)[0], rtol=1e-10)
    assert rank == 1
    with pytest.raises(TypeError, match="one by one"):
        np.linalg.pinv(Tensor(np.stack([a, a]), requires_grad=True), rcond=0.5)
    np.testing.assert_array_equal(np.linalg.pinv(Tensor(np.stack([a, a])), rcond=0.5).data, np.linalg.pinv([a, a], rcond=0.5))
    np.testing.assert_allclose(np.linalg.pinv(Tensor(np.stack([a, a])), rcond=0.1).data, np.linalg.pinv([a, a]), rtol=1e-13)


@pytest.mark.parametrize("scale", [1.0, 1e-18, 1e12, 0.0])
def test_what_is_not_cut_off_is_the_pseudo_inverse_as_it_is(scale: float) -> None:
    stack = scale * np.stack([[[2.0, 0.0], [1.0, 0.5]], [[1.0, 2.0], [0.0, 3.0]], [[1.0, 0.0], [0.0, 1.0]]])
    t = Tensor(stack, requires_grad=True)
    np.testing.assert_allclose(np.linalg.pinv(t, rcond=0.01).data, np.linalg.pinv(stack), rtol=1e-12)
    for i in (0, 2):  # the latter with equal singular values
        x = np.linalg.lstsq(t[i], np.ones(2), rcond=0.01)[0]
        np.testing.assert_allclose(x.data, np.linalg.pinv(stack[i]) @ np.ones(2), rtol=1e-12)
        assert np.all(np.isfinite(ag.gradients(np.sum(x), t)))


def test_what_is_left_of_three_singular_values_when_one_is_cut_off() -> None:
    a = random((3, 3), -1, 1, 4)
    a[2] = a[0] + a[1] + 1e-3 * a[2]
    w = random((3, 3), -1, 1, 5)

    def f(a: Any) -> Any:
        return np.sum(np.linalg.pinv(a, rcond=0.05) * w)

    t = Tensor(a, requires_grad=True)
    np.testing.assert_allclose(f(t).data, f(a), rtol=1e-12)
    np.testing.assert_allclose(ag.gradients(f(t), t), ag.numerical_gradient(f, a), rtol=1e-5, atol=1e-7)
