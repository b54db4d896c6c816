"""The table of factorisations of real matrices, and of what is computed by way of them.

A factorisation gives several matrices, and a node has one result: so each is a node of its own, and they share the
arrays that were computed once. Of a symmetric matrix NumPy reads one triangle, and the derivative belongs to the entries
that it reads; where the matrix is symmetric by construction that is the same thing.

Eigenvectors and singular vectors have no derivative where eigenvalues or singular values are equal: any rotation of
them would do. Then there is an error that says so. The values alone have their derivatives there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import index
from typing import Any

import numpy as np

from autograd_lite.engine.operation import LINEAR, NO_DERIVATIVE, Edge, general_operation, register
from autograd_lite.engine.recording import current
from autograd_lite.engine.tensor import Tensor
from autograd_lite.table.linear_algebra import matmul
from autograd_lite.table.reductions import sum_
from autograd_lite.table.shapes import as_constants, data_of


def real_matrices(name: str, a: Any) -> Any:
    """The array of `a`, unless it is complex."""
    if np.iscomplexobj(a):
        raise TypeError(f"np.linalg.{name} has a rule for real matrices, not for complex ones")
    return data_of(a)


def factor_operation(name: str, which: int, rule: Callable[..., Any], pull: Callable[..., Any], parts: int) -> Callable[..., Any]:
    """The operation ``(a, *parts)`` whose result is one of the parts that a was factorised into."""
    return general_operation(
        name, lambda a, *given: given[which], Edge(rule, pull, f"{name}'({{0}})", LINEAR), *[NO_DERIVATIVE] * parts, keywords=False,
        written=f"{name}({{0}})", listed=False,
    )  # fmt: skip


def reciprocal_gaps(values: Any, of: Any, what: str) -> Any:
    """1 / (value j − value i), 0 on the diagonal; an error if two of the numbers `of` are equal, of which `values`
    are a function (the singular values, if `values` are their squares)."""
    n, numbers = values.shape[-1], data_of(of)
    if n > 1:
        distance = np.abs(np.diff(np.sort(numbers, -1), axis=-1)).min(-1)
        if np.any(distance <= n * np.finfo(numbers.dtype).eps * np.abs(numbers).max(-1)):
            raise ValueError(
                f"{what} are equal, so the vectors that belong to them are not determined and have no derivative; "
                "only the values have one there"
            )
    diagonal = np.eye(n, dtype=values.dtype)
    return (1 - diagonal) / (values[..., None, :] - values[..., :, None] + diagonal)


# Symmetric matrices -------------------------------------------------------------------------------------


def read_from_below(g: Any) -> Any:
    """A symmetric adjoint, gathered in the triangle that NumPy reads."""
    return g * (np.tril(np.full(g.shape[-2:], 2.0, g.dtype), -1) + np.eye(g.shape[-1], dtype=g.dtype))


def cholesky_pull(u: Any, factor: Any, a: Any, out: Any) -> Any:
    """L⁻ᵀ φ(Lᵀ u) L⁻¹ for the lower triangle φ with half of the diagonal."""
    upper, n = factor.mT, factor.shape[-1]
    half = np.tril(np.ones((n, n), factor.dtype)) - np.eye(n, dtype=factor.dtype) / 2
    left = np.linalg.solve(upper, (upper @ u) * half)
    s = np.linalg.solve(upper, left.mT)
    return read_from_below((s + s.mT) / 2)


_cholesky = general_operation(
    "cholesky", np.linalg.cholesky, Edge(lambda a, factor: factor, cholesky_pull, "cholesky'({0})", LINEAR), listed=False
)


def cholesky(a: Any, *, upper: bool = False) -> Any:
    """The lower triangular L with L Lᵀ = a, of the lower triangle of a; with `upper`, Lᵀ from the upper one."""
    real_matrices("cholesky", a)
    return _cholesky(a.mT).mT if upper else _cholesky(a)


def eigenvalues_pull(u: Any, vectors: Any, a: Any, out: Any) -> Any:
    return read_from_below((vectors * u[..., None, :]) @ vectors.mT)


def eigenvectors_pull(u: Any, parts: Any, a: Any, out: Any) -> Any:
    values, vectors = parts
    k = vectors.mT @ u
    inner = reciprocal_gaps(values, values, "eigenvalues") * (k - k.mT) / 2
    return read_from_below(vectors @ inner @ vectors.mT)


eigenvalues = factor_operation(
    "eigenvalues", 0, lambda a, w, v, out: eigenvectors(a, w, v) if isinstance(a, Tensor) else v, eigenvalues_pull, 2
)
eigenvectors: Any = factor_operation(
    "eigenvectors", 1, lambda a, w, v, out: (eigenvalues(a, w, v) if isinstance(a, Tensor) else w, out),
    eigenvectors_pull, 2,
)  # fmt: skip


def eigh(a: Any, UPLO: str = "L") -> Any:
    """The eigenvalues of a symmetric matrix in ascending order, and its eigenvectors as columns."""
    if UPLO.upper() not in ("L", "U"):
        raise ValueError(f"np.linalg.eigh reads the lower triangle, 'L', or the upper one, 'U', not {UPLO!r}")
    a = a.mT if UPLO.upper() == "U" else a
    parts = np.linalg.eigh(real_matrices("eigh", a))
    return parts._replace(eigenvalues=eigenvalues(a, *parts), eigenvectors=eigenvectors(a, *parts))


def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    """The eigenvalues of a symmetric matrix in ascending order."""
    return eigh(a, UPLO).eigenvalues


# Any matrix -----------------------------------------------------------------------------------------------


def of_svd(a: Any, u: Any, s: Any, vh: Any, out: Any) -> Any:
    """The three factors: functions of a, if that is what is asked for."""
    return tuple(f(a, u, s, vh) for f in (left, singular, right)) if isinstance(a, Tensor) else (u, s, vh)


def singular_pull(g: Any, parts: Any, a: Any, out: Any) -> Any:
    u, _, vh = parts
    return (u * g[..., None, :]) @ vh


def beside(vectors: Any, g: Any, s: Any) -> Any:
    """What of the adjoint g lies outside of the space of the vectors, divided by the singular values."""
    return (g - vectors @ (vectors.mT @ g)) / s[..., None, :]


def left_pull(g: Any, parts: Any, a: Any, out: Any) -> Any:
    u, s, vh = parts
    j = reciprocal_gaps(s * s, s, "singular values") * (u.mT @ g)
    inner = u @ ((j + j.mT) * s[..., None, :])
    return (inner + beside(u, g, s) if a.shape[-2] > a.shape[-1] else inner) @ vh


def right_pull(g: Any, parts: Any, a: Any, out: Any) -> Any:
    """The same for the transposed matrix."""
    u, s, vh = parts
    return left_pull(g.mT, (vh.mT, s, u.mT), a.mT, out).mT


left = factor_operation("left_singular_vectors", 0, of_svd, left_pull, 3)
singular = factor_operation("singular_values", 1, of_svd, singular_pull, 3)
right = factor_operation("right_singular_vectors", 2, of_svd, right_pull, 3)


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """The singular values, and with `compute_uv` the singular vectors that belong to them. The further ones that
    `full_matrices` adds are not determined, and are refused."""
    if hermitian:
        raise TypeError("np.linalg.svd of a Tensor takes no hermitian=True; np.linalg.eigh is for symmetric matrices")
    if compute_uv and full_matrices and a.shape[-1] != a.shape[-2]:
        raise TypeError(
            f"np.linalg.svd of {a.describe()}: the vectors that full_matrices adds are not determined and have no "
            "derivative; write full_matrices=False"
        )
    parts = np.linalg.svd(real_matrices("svd", a), full_matrices=False)
    values = singular(a, *parts)
    return parts._replace(U=left(a, *parts), S=values, Vh=right(a, *parts)) if compute_uv else values


def svdvals(x: Any) -> Any:
    """The singular values in descending order."""
    return svd(x, compute_uv=False)


def q_pull(g: Any, parts: Any, a: Any, out: Any) -> Any:
    q, r = parts
    return over_r(g - q @ mirror(g.mT @ q), r)


def r_pull(g: Any, parts: Any, a: Any, out: Any) -> Any:
    q, r = parts
    return over_r(q @ mirror(r @ g.mT), r)


def mirror(m: Any) -> Any:
    """The symmetric matrix that has the lower triangle of m."""
    below = np.tril(m, -1)
    return np.tril(m) + below.mT


def over_r(m: Any, r: Any) -> Any:
    """m r⁻ᵀ."""
    return np.linalg.solve(r, m.mT).mT


def of_qr(a: Any, q: Any, r: Any, out: Any) -> Any:
    return (orthogonal(a, q, r), triangular(a, q, r)) if isinstance(a, Tensor) else (q, r)


orthogonal = factor_operation("orthogonal_factor", 0, of_qr, q_pull, 2)
triangular = factor_operation("triangular_factor", 1, of_qr, r_pull, 2)


def qr(a: Any, mode: str = "reduced") -> Any:
    """Orthonormal columns Q and the upper triangular R with Q R = a, of a matrix with as many rows as columns or more."""
    if mode not in ("reduced", "r") or a.shape[-2] < a.shape[-1]:
        raise TypeError(f"np.linalg.qr of {a.describe()} has a rule for mode='reduced' and 'r', and not for wide matrices")
    parts = np.linalg.qr(real_matrices("qr", a))
    r = triangular(a, *parts)
    return r if mode == "r" else parts._replace(Q=orthogonal(a, *parts), R=r)


def pinv_pull(u: Any, parts: Any, a: Any, out: Any) -> Any:
    """Golub and Pereyra: −pᵀ u pᵀ + (1 − a p) uᵀ p pᵀ + pᵀ p uᵀ (1 − p a), where the rank stays what it is."""
    a, p = parts
    pt, ut = p.mT, u.mT
    ppt, ptp = ut @ p @ pt, pt @ p @ ut
    return ppt - a @ (p @ ppt) + ptp - ptp @ p @ a - pt @ u @ pt


_pinv = general_operation(
    "pinv", np.linalg.pinv, Edge(lambda a, p, **_: (a, p), pinv_pull, "pinv'({0})", LINEAR), listed=False
)


def pinv(a: Any, rcond: Any = None, hermitian: bool = False, **rtol: Any) -> Any:
    """The pseudo-inverse, differentiated for a rank that stays what it is."""
    data = real_matrices("pinv", a)
    if hermitian:  # NumPy looks at the lower triangle alone
        return pinv(np.tril(a) + np.tril(a, -1).mT, rcond, **rtol)
    cut = rcond if rcond is not None else rtol.get("rtol")
    if cut is not None:
        values = np.linalg.svd(data, compute_uv=False)
        kept = values > np.asarray(data_of(cut))[..., None] * values.max(-1, initial=0, keepdims=True)
        if np.any(kept != is_not_noise(values, data.shape)):
            if a.ndim == 2:
                return pinv_of_rank(a, int(np.sum(kept)))
            if getattr(a, "requires_grad", False) and current().on:
                raise TypeError(
                    f"np.linalg.pinv of the stack {a.describe()} cuts singular values off, and has a rule for that in single "
                    "matrices: take them one by one, np.stack([np.linalg.pinv(m, rcond) for m in a])"
                )
    return _pinv(a, **({} if rcond is None else {"rcond": data_of(rcond)}), **rtol)


def is_not_noise(values: Any, shape: tuple[int, ...]) -> Any:
    """Which singular values are more than the rounding errors of zeros."""
    return values > max(shape[-2:]) * np.finfo(values.dtype).eps * values.max(-1, initial=0, keepdims=True)


def pinv_of_rank(a: Any, rank: int) -> Any:
    """The pseudo-inverse of what is left of one matrix with its largest singular values alone."""
    u, values, vh = svd(a, full_matrices=False)
    return (vh[:rank].mT / values[:rank]) @ u[:, :rank].mT


def lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[Any, Any, Any, Any]:
    """The x that makes ‖a x − b‖ smallest, the squares of what remains, the rank of a (plain) and its singular values.

    Differentiated, as `pinv`, for a rank that stays what it is.
    """
    data = real_matrices("lstsq", a)
    _, remains, rank, values = np.linalg.lstsq(data, real_matrices("lstsq", b), as_constants(rcond))
    p = pinv(a) if rank == np.sum(is_not_noise(values, data.shape)) else pinv_of_rank(a, int(rank))
    x = p @ b
    squares = sum_(np.square(b - a @ x), 0)
    return x, squares.reshape(remains.shape) if remains.size else remains, rank, svdvals(a)


def matrix_power(a: Any, n: int) -> Any:
    """The product of n factors a, or of −n inverses."""
    n = index(n)
    if n == 0:
        return np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape) + 0 * a
    if n < 0:
        return matrix_power(np.linalg.inv(a), -n)
    half = matrix_power(a, n // 2) if n > 1 else None
    return a if half is None else matmul(half, half) if n % 2 == 0 else matmul(matmul(half, half), a)


def multi_dot(arrays: Sequence[Any]) -> Any:
    """The product of several matrices, from the left."""
    return reduce(np.dot, arrays)


for composed in (cholesky, eigh, eigvalsh, svd, qr, pinv, lstsq, matrix_power, multi_dot, svdvals):
    register(composed, None, [getattr(np.linalg, composed.__name__)])
