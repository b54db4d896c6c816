"""The table of products of matrices, and of what linear algebra makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters
from typing import Any

import numpy as np

from autograd_lite.engine.operation import LEFT, LINEAR, RIGHT, Edge, general_operation, register, sum_to
from autograd_lite.engine.tensor import Tensor
from autograd_lite.table.elementwise import direction, slope_of_abs, undefined
from autograd_lite.table.reductions import conjugate, euclidean_norm, max_, min_, product_of_others, reduction_operation, sum_
from autograd_lite.table.shapes import _place, as_constants, axes_in, data_of, operand

# The matrix product, with NumPy's meaning for vectors and stacks -----------------------------------------
#
# The method dot is the same product for two matrices, and 0.5 µs faster than the operator @. But it fills its result
# with zeros first, which takes longer than that from some number of entries on.

LARGE = 2**13


def matmul_forward(a: Any, b: Any) -> Any:
    if type(a) is type(b) is np.ndarray and a.ndim == b.ndim == 2:
        return a.dot(b)
    return np.matmul(a, b)


def pull_left(u: Any, b: Any, a: Any, out: Any) -> Any:
    """∂C/∂a = u bᵀ for the product a b."""
    if type(u) is type(b) is np.ndarray and u.ndim == b.ndim == 2:
        return u.dot(b.T) if a._array.size < LARGE else u @ b.T  # then a is a matrix too
    if b.ndim == 1:
        return sum_to(u * b if a.ndim == 1 else u[..., None] * b, a.shape)
    if a.ndim == 1:
        return sum_to((b @ u[..., None])[..., 0], a.shape)
    return sum_to(u @ b.mT, a.shape)


def pull_right(u: Any, a: Any, b: Any, out: Any) -> Any:
    """∂C/∂b = aᵀ u for the product a b."""
    if type(u) is type(a) is np.ndarray and a.ndim == u.ndim == 2:
        return a.T.dot(u) if b._array.size < LARGE else a.T @ u
    if a.ndim == 1:
        return sum_to(a * u if b.ndim == 1 else a[:, None] * u[..., None, :], b.shape)
    if b.ndim == 1:
        return sum_to((u[..., None, :] @ a)[..., 0, :], b.shape)
    return sum_to(a.mT @ u, b.shape)


matmul = general_operation(
    "matmul",
    matmul_forward,
    Edge(lambda a, b, _: b, pull_left, "({1})ᵀ", LEFT),
    Edge(lambda a, b, _: a, pull_right, "({0})ᵀ", RIGHT),
    numpy=[np.matmul],
    keywords=False,
    written=lambda out, a, b: "{0} · {1}" if out.ndim == 0 else "{0} {1}",
)


# einsum: the adjoint of an operand is another einsum ------------------------------------------------------


def einsum_pull(u: Any, value: Any, x: Any, out: Any) -> Any:
    """The einsum that swaps the operand and the result, for one operand of any einsum."""
    i, others = value
    mine, rest, output = subscripts_for(out, i)
    letters = "".join(dict.fromkeys(mine))
    kept = "".join(c for c in letters if c in output or any(c in other for other in rest))
    g = np.einsum(f"{','.join((output, *rest))}->{kept}", u, *others, optimize=len(others) > 1)
    # an index of this operand alone was summed out: each entry along it has the same share
    sizes, held = dict(zip(mine, x.shape)), dict(zip(kept, g.shape))
    g = g.reshape(tuple(held.get(c, 1) for c in letters))
    g = np.broadcast_to(g, tuple(sizes[c] if held.get(c, 1) == 1 else held[c] for c in letters))
    g = sum_to(g, tuple(sizes[c] for c in letters))
    if len(letters) == len(mine):
        return g
    # an index that stands twice took the diagonal
    axes = dict(zip(letters, np.ix_(*(np.arange(sizes[c]) for c in letters))))
    return _place(g, key=tuple(axes[c] for c in mine), shape=x.shape)


def subscripts_for(out: Tensor, i: int) -> tuple[str, tuple[str, ...], str]:
    """The subscripts of operand i, of the others, and of the result."""
    inputs, output = out._settings["subscripts"]
    return inputs[i], inputs[:i] + inputs[i + 1 :], output


def listed(operands: Sequence[Any], without: int | None = None) -> str:
    """The places of all operands in a notation, or of all but one."""
    return ", ".join(f"{{x{j}}}" for j in range(len(operands)) if j != without)


def einsum_form(out: Tensor, i: int) -> str:
    """`einsum_pull` where it is a single einsum."""
    mine, rest, output = subscripts_for(out, i)
    sizes = dict(zip(output, out.shape))
    for subscripts, x in zip(rest, (*out._operands[:i], *out._operands[i + 1 :])):
        sizes |= {c: n for c, n in zip(subscripts, np.shape(x)) if sizes.get(c, 1) == 1}
    if len(set(mine)) < len(mine) or [sizes.get(c) for c in mine] != [*np.shape(out._operands[i])]:
        return LINEAR  # an index of this operand alone, twice in it, or broadcast
    others = listed(out._operands, i)
    if output:
        return f"einsum[{','.join((output, *rest))}→{mine}]({{u}}{', ' * bool(rest)}{others})"
    return f"{{u}} {others}" if rest == (mine,) else f"{{u}} einsum[{','.join(rest)}→{mine}]({others})"


_einsum = general_operation(
    "einsum",
    lambda *arrays, subscripts: np.einsum(
        f"{','.join(subscripts[0])}->{subscripts[1]}", *arrays, optimize=len(arrays) > 2
    ),
    Edge(
        lambda i, *operands, subscripts: (i, operands[:i] + operands[i + 1 : -1]),
        einsum_pull,
        lambda out, *operands: "einsum{at}" if len(operands) == 1 else f"∂einsum{{at}}({listed(operands)})/∂{{0}}",
        einsum_form,
    ),
    variadic=True,
)


def einsum(*operands: Any, **keywords: Any) -> Any:
    """Einstein's summation, in both of NumPy's notations, with or without an output."""
    keywords.pop("optimize", None)
    if keywords:
        raise TypeError(f"np.einsum on a Tensor does not take {', '.join(keywords)}")
    if isinstance(operands[0], str):
        subscripts, tensors = operands[0].replace(" ", ""), operands[1:]
    else:
        subscripts, tensors = from_lists(operands)
    return _einsum(*tensors, subscripts=make_explicit(subscripts, [np.ndim(x) for x in tensors]))


def from_lists(operands: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
    """The notation ``einsum(a, [0, 1], b, [1, 2], [0, 2])`` as a string, and the operands."""

    def letters(axes: Any) -> str:
        return "".join("..." if axis is Ellipsis else ascii_letters[axis] for axis in axes)

    pairs = len(operands) // 2
    text = ",".join(letters(operands[2 * i + 1]) for i in range(pairs))
    if len(operands) % 2:
        text += "->" + letters(operands[-1])
    return text, tuple(operands[2 * i] for i in range(pairs))


def make_explicit(subscripts: str, dimensions: Sequence[int]) -> tuple[tuple[str, ...], str]:
    """The subscripts of every operand and of the output, with letters in place of ``...``."""
    text, arrow, output = subscripts.partition("->")
    inputs = text.split(",")
    if len(inputs) != len(dimensions):
        raise ValueError(f"einsum '{subscripts}' names {len(inputs)} operands, but {len(dimensions)} are given")
    spare = [c for c in ascii_letters if c not in subscripts]
    hidden = [n - len(s.replace("...", "")) if "..." in s else 0 for s, n in zip(inputs, dimensions)]
    for s, n, h in zip(inputs, dimensions, hidden):
        if h < 0 or len(s.replace("...", "")) + h != n:
            raise ValueError(f"einsum '{subscripts}': '{s}' does not fit an operand with {n} axes")
    ellipsis = "".join(spare[: max(hidden)])
    inputs = [s.replace("...", ellipsis[len(ellipsis) - h :]) for s, h in zip(inputs, hidden)]
    if arrow:
        output = output.replace("...", ellipsis)
    else:
        once = [c for c in sorted(set("".join(inputs))) if "".join(inputs).count(c) == 1 and c not in ellipsis]
        output = ellipsis + "".join(once)
    return tuple(inputs), output


# Products that are one of the above, or elementwise -----------------------------------------------------


def dot(a: Any, b: Any) -> Any:
    """The product that sums over the last axis of a and the last but one of b."""
    dimensions = np.ndim(a), np.ndim(b)
    if 0 in dimensions:
        return np.multiply(a, b)
    if max(dimensions) <= 2 or dimensions[1] == 1:
        return matmul(a, b)
    return tensordot(a, b, (-1, -2))


def vdot(a: Any, b: Any) -> Any:
    """The sum of the products of all entries, those of a conjugated."""
    return matmul(conjugate(np.ravel(a)), np.ravel(b))


def inner(a: Any, b: Any) -> Any:
    """The product that sums over the last axis of both."""
    return np.multiply(a, b) if 0 in (np.ndim(a), np.ndim(b)) else tensordot(a, b, (-1, -1))


def outer(a: Any, b: Any) -> Any:
    """All products of an entry of a with an entry of b."""
    return np.ravel(a)[:, None] * np.ravel(b)


def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """The product that sums over pairs of axes: their number, or a list for each operand."""
    a, b = operand(a), operand(b)
    if np.ndim(axes) == 0:
        n = int(axes)
        axes = range(a.ndim - n, a.ndim), range(n)
    axes_a, axes_b = axes_in(a.shape, axes[0]), axes_in(b.shape, axes[1])
    if [a.shape[i] for i in axes_a] != [b.shape[i] for i in axes_b]:
        raise ValueError(f"tensordot cannot pair axes {axes_a} of shape {a.shape} with axes {axes_b} of {b.shape}")
    rows = [i for i in range(a.ndim) if i not in axes_a]
    columns = [i for i in range(b.ndim) if i not in axes_b]
    n = int(np.prod([a.shape[i] for i in axes_a], dtype=int))
    left = np.transpose(a, rows + axes_a).reshape((int(np.prod([a.shape[i] for i in rows], dtype=int)), n))
    right = np.transpose(b, axes_b + columns).reshape((n, int(np.prod([b.shape[i] for i in columns], dtype=int))))
    return matmul(left, right).reshape(tuple([a.shape[i] for i in rows] + [b.shape[i] for i in columns]))


def kron(a: Any, b: Any) -> Any:
    """The Kronecker product: b once for each entry of a, multiplied by it."""
    ndim = max(np.ndim(a), np.ndim(b))
    a, b = (np.reshape(x, (1,) * (ndim - np.ndim(x)) + np.shape(x)) for x in (a, b))
    spaced_a = tuple(n for m in a.shape for n in (m, 1))
    spaced_b = tuple(n for m in b.shape for n in (1, m))
    return (a.reshape(spaced_a) * b.reshape(spaced_b)).reshape(tuple(m * n for m, n in zip(a.shape, b.shape)))


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum along a diagonal."""
    return sum_(np.diagonal(x, offset, axis1, axis2), -1)


# Inverses and determinants ----------------------------------------------------------------------------------

inv = general_operation(
    "inv",
    np.linalg.inv,
    Edge(
        lambda a, b: b,
        lambda u, b, a, out: -(b.mT @ u @ b.mT),
        "({out})ᵀ",
        "−{d} {u} {d}",
    ),
    numpy=[np.linalg.inv],
)


def times_each(g: Any, a: Any) -> Any:
    """One number for each matrix, times the matrix."""
    return g[..., None, None] * a


def in_singular_vectors(a: Any) -> tuple[Any, Any, Any, Any]:
    """conj(u), s and conj(vᴴ) of the singular value decomposition a = u diag(s) vᴴ, and det(u) det(vᴴ): a sign, or
    a phase if a is complex. NaN for a matrix that is not finite, which has none."""
    lost = ~np.isfinite(a).all((-2, -1))
    u, s, vh = np.linalg.svd(np.where(lost[..., None, None], np.zeros((), a.dtype), a) if lost.any() else a)
    return np.conj(u), np.where(lost[..., None], s.dtype.type(np.nan), s), np.conj(vh), np.linalg.det(u) * np.linalg.det(vh)


def cofactors_from_svd(a: Any) -> Any:
    """The cofactors of a, by way of those of diag(s): each is the product of all other singular values."""
    u, s, vh, sign = in_singular_vectors(a)
    return times_each(sign, (u * product_of_others(s, None, -1)[..., None, :]) @ vh)


def second_derivatives_of_det(w: Any, parts: Any, a: Any, out: Any) -> Any:
    """The derivative of Σ w ⊙ cof(a), in singular vectors: there the products of all singular values but two decide."""
    u, s, vh, sign = parts
    n = s.shape[-1]
    products = product_of_others(np.where(np.eye(n, dtype=bool), 1, s[..., None, :]), None, -1)
    products = products * (1 - np.eye(n, dtype=s.dtype))
    w = u.mT @ w @ vh.mT
    diagonal = np.einsum("...ij,...jj->...i", products, w)
    g = diagonal[..., None] * np.eye(n, dtype=s.dtype) - products * w.mT
    return times_each(sign, u @ g @ vh)


def svd_of_array(a: Any, _: Any) -> Any:
    if isinstance(a, Tensor):
        raise TypeError(
            f"det has rules for two derivatives at a singular or nearly singular matrix ({a.describe()}), and none for the third"
        )
    return in_singular_vectors(a)


singular_cofactors = general_operation(
    "singular_cofactors", cofactors_from_svd,
    Edge(svd_of_array, second_derivatives_of_det, "cof'({0})", LINEAR),
    listed=False,
)  # fmt: skip


def cofactors(a: Any, det: Any) -> Any:
    """∂ det a / ∂a = det(a) a⁻ᵀ, or by way of singular values where a is singular, or nearly so: the derivative of the
    former is a difference of numbers that grow as the condition number does."""
    if not np.any(np.equal(det, 0)):
        inverse = np.linalg.inv(a)
        if not np.any(condition(data_of(a), data_of(inverse)) >= np.finfo(a.dtype).eps ** (-1 / 3)):
            return times_each(det, inverse.mT)
    return singular_cofactors(a)


def condition(a: Any, inverse: Any) -> Any:
    """The condition numbers, to a factor of the number of columns."""
    sizes = [np.sqrt(np.sum(np.abs(x) ** 2, axis=(-2, -1))) for x in (a, inverse)]
    return sizes[0] * sizes[1] / a.shape[-1]


det = general_operation(
    "det",
    np.linalg.det,
    Edge(cofactors, lambda u, d, a, out: times_each(u, d), "cof({0})", LEFT),
    numpy=[np.linalg.det],
)


def transpose_inverse(a: Any, logarithm: Any) -> Any:
    """∂ log |det a| / ∂a = a⁻ᵀ; NaN for a matrix without inverse, whose logarithm is -inf."""
    none = np.isneginf(np.real(logarithm))[..., None, None]
    regular = np.where(none, np.eye(a.shape[-1], dtype=a.dtype), a)
    inverse = np.where(none, a.dtype.type(np.nan), np.linalg.inv(regular).mT)
    return inverse + undefined(none, a) if isinstance(a, Tensor) else inverse


def logarithm_of_det(a: Any) -> Any:
    sign, logarithm = np.linalg.slogdet(a)
    return logarithm + 1j * np.angle(sign)


of_inverse = Edge(transpose_inverse, lambda u, d, a, out: times_each(u, d), "({0})⁻ᵀ", LEFT)
log_abs_det = general_operation("log_abs_det", lambda a: np.linalg.slogdet(a)[1], of_inverse)
log_det = general_operation("log_det", logarithm_of_det, of_inverse)  # of complex matrices


SignAndLogarithm: Any = type(np.linalg.slogdet(np.eye(1)))


def slogdet(a: Any) -> Any:
    """The sign of the determinant, of a real matrix a plain array, and the logarithm of its absolute value."""
    if not np.iscomplexobj(a):
        return SignAndLogarithm(np.linalg.slogdet(data_of(a))[0], log_abs_det(a))
    both = log_det(a)
    return SignAndLogarithm(np.exp(1j * np.imag(both)) * np.isfinite(both), np.real(both))


def solve_pull_matrix(u: Any, value: Any, a: Any, out: Any) -> Any:
    """∂C/∂a = −(a⁻ᵀ u) xᵀ for the solution x of a x = b."""
    matrix, x, vector = value
    if vector:
        u, x = u[..., None], x[..., None]
    return sum_to(-(np.linalg.solve(matrix.mT, u) @ x.mT), a.shape)


def solve_pull_right_hand_side(u: Any, value: Any, b: Any, out: Any) -> Any:
    """∂C/∂b = a⁻ᵀ u."""
    matrix, vector = value
    if vector:
        u = u[..., None]
    g = np.linalg.solve(matrix.mT, u)
    return sum_to(g[..., 0] if vector else g, b.shape)


solve = general_operation(
    "solve",
    np.linalg.solve,
    Edge(lambda a, b, x: (a, x, x.ndim < a.ndim), solve_pull_matrix, "({0})⁻ᵀ", "−{d} {u} ({out})ᵀ"),
    Edge(lambda a, b, x: (a, x.ndim < a.ndim), solve_pull_right_hand_side, "({0})⁻ᵀ", RIGHT),
    numpy=[np.linalg.solve],
)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The norm of vectors or matrices."""
    x, ord = x if x.dtype.kind in "fc" else x.astype(float), as_constants(ord)
    if ord is None:
        return euclidean_norm(x, axis, keepdims=keepdims)
    if axis is None:
        axis = tuple(range(x.ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    if len(axes) == 1 and ord != "fro":
        return norm_along(x, ord, axes[0], keepdims)
    if len(axes) == 2 and ord == "fro":
        return euclidean_norm(x, axes, keepdims=keepdims)
    if len(axes) == 2 and ord in (2, -2, "nuc"):
        values = np.linalg.svdvals(np.moveaxis(x, axes, (-2, -1)))
        result = {"nuc": sum_, 2: max_, -2: min_}[ord](values, -1)
        return np.expand_dims(result, tuple(sorted(axes_in(x.shape, axes)))) if keepdims else result
    if len(axes) != 2 or ord not in (1, -1, np.inf, -np.inf):
        raise TypeError(f"np.linalg.norm with ord={ord!r} over {len(axes)} axes has no rule on Tensors")
    row, column = axes_in(x.shape, axes)
    over, remaining = (row, column) if abs(ord) == 1 else (column, row)
    extremum = max_ if ord > 0 else min_
    sums = sum_(np.abs(x), over, keepdims=True)
    result = extremum(sums, remaining, keepdims=True)
    return result if keepdims else np.squeeze(result, (row, column))


def power_norm_slope(x: Any, r: Any, axis: Any, ord: Any) -> Any:
    """sign(x) (|x| / r)^(ord − 1), and 0 where x or the norm is 0."""
    ratio = direction(x, r)
    size = np.abs(ratio)
    if ord > 2:
        return np.conj(ratio) * size ** (ord - 2)
    return slope_of_abs(ratio) * np.where(np.equal(size, 0), np.ones((), size.dtype), size) ** (ord - 1)


power_norm = reduction_operation(
    "power_norm",
    lambda x, axis, keepdims, ord: np.sum(np.abs(x) ** ord, axis=axis, keepdims=keepdims) ** (1 / ord),
    power_norm_slope,
)


def norm_along(x: Any, ord: Any, axis: int, keepdims: bool) -> Any:
    """The norms of the vectors along an axis."""
    if ord == 2:
        return euclidean_norm(x, axis, keepdims=keepdims)
    if ord == 0:
        return sum_(np.sign(np.abs(np.where(np.isnan(x), x.dtype.type(1), x))), axis, keepdims=keepdims)  # NaN is not 0
    if ord in (np.inf, -np.inf):
        return (max_ if ord > 0 else min_)(np.abs(x), axis, keepdims=keepdims)
    return power_norm(x, axis, keepdims=keepdims, ord=ord)


for composed, function in (
    (einsum, np.einsum), (dot, np.dot), (vdot, np.vdot), (inner, np.inner), (outer, np.outer),
    (tensordot, np.tensordot), (kron, np.kron), (trace, np.trace),
    (slogdet, np.linalg.slogdet), (norm, np.linalg.norm),
):  # fmt: skip
    register(composed, None, [function])
