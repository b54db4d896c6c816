"""The calls that every operation of the table is tried with: for each a function, and the arrays to call it on.

A case is filed under the name that its operation has in the engine's table. Its function works on arrays,
where it is plain NumPy (or has a `reference` that is), and on Tensors, where it is the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import pytest
from oracles import Array, random, scattered
from scipy import special

import autograd_lite as ag
from autograd_lite.engine.tensor import TABLE, Tensor


class Case(NamedTuple):
    name: str  # in the table
    label: str
    function: Callable[..., Any]
    arrays: tuple[Array, ...]
    reference: Callable[..., Any]  # the same on arrays, without the engine

    def __str__(self) -> str:
        return f"{self.name}-{self.label}"


CASES: list[Case] = []


def case(
    name: str, label: str, function: Callable[..., Any], *arrays: Any, reference: Callable[..., Any] | None = None
) -> None:
    CASES.append(Case(name, label, function, tuple(np.asarray(a, float) for a in arrays), reference or function))


def one_of_each(cases: list[Case]) -> list[Any]:
    """The cases as parameters of a test that tries the largest of each operation, and the others where slow tests run."""
    largest: dict[str, Case] = {}
    for each in cases:
        if each.name not in largest or size_of(each) > size_of(largest[each.name]):
            largest[each.name] = each
    return [pytest.param(c, id=str(c), marks=() if c is largest[c.name] else pytest.mark.slow) for c in cases]


def size_of(case: Case) -> int:
    return sum(a.size for a in case.arrays)


def seed_of(*words: Any) -> int:
    return crc32(repr(words).encode())


def shape_label(*shapes: tuple[int, ...]) -> str:
    return " ".join(str(s).replace(" ", "") for s in shapes)


def outputs(result: Any, kinds: str = "f") -> list[Any]:
    """The floating results of a function, which may return several."""
    results = list(result) if isinstance(result, (list, tuple)) else [result]
    return [r for r in results if isinstance(r, Tensor) or np.asarray(r).dtype.kind in kinds]


# Elementwise, one operand -----------------------------------------------------------------------------------

SHAPES: list[tuple[int, ...]] = [(), (3,), (2, 3), (2, 1), (1, 3), (0,), (2, 0)]

UNARY: dict[str, tuple[float, float]] = {
    "negative": (-2, 2), "positive": (-2, 2), "reciprocal": (0.5, 2), "square": (-2, 2), "sqrt": (0.5, 3),
    "cbrt": (0.5, 3), "exp": (-1, 1), "exp2": (-1, 1), "expm1": (-1, 1), "log": (0.5, 3), "log2": (0.5, 3),
    "log10": (0.5, 3), "log1p": (-0.4, 2), "sin": (-2, 2), "cos": (-2, 2), "tan": (-0.8, 0.8),
    "arcsin": (-0.6, 0.6), "arccos": (-0.6, 0.6), "arctan": (-2, 2), "sinh": (-2, 2), "cosh": (-2, 2),
    "tanh": (-2, 2), "arcsinh": (-2, 2), "arccosh": (1.6, 3), "arctanh": (-0.6, 0.6), "sinc": (-2, 2),
    "deg2rad": (-90, 90), "rad2deg": (-2, 2), "conj": (-2, 2), "real": (-2, 2), "copy": (-2, 2),
}  # fmt: skip
KINKED = ["abs", "fabs", "nan_to_num"]
FLAT = ["floor", "ceil", "rint", "trunc", "sign", "round"]
NETWORKS: dict[str, Callable[..., Any]] = {
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softplus": lambda x: np.log(1 + np.exp(x)),
}

for name, (low, high) in UNARY.items():
    for shape in SHAPES:
        case(name, shape_label(shape), getattr(np, name), random(shape, low, high, seed_of(name, shape)))
for name in KINKED:
    for shape in SHAPES:
        case(name, shape_label(shape), getattr(np, name), scattered(shape, seed_of(name, shape)))
for name in FLAT:
    for shape in SHAPES:
        x = np.round(random(shape, -3, 3, seed_of(name, shape))) + 0.3
        case(name, shape_label(shape), getattr(np, name), x)
for name, reference in NETWORKS.items():
    for shape in SHAPES:
        case(
            name, shape_label(shape), getattr(ag, name), random(shape, -2, 2, seed_of(name, shape)), reference=reference
        )
for shape in SHAPES:
    x = scattered(shape, seed_of("relu", shape))
    case("relu", shape_label(shape), ag.relu, x, reference=lambda x: np.maximum(x, 0))
    case("clip", shape_label(shape), lambda x: np.clip(x, -0.4, 0.8), x * 0.9)
    case("clip", shape_label(shape) + " low", lambda x: np.clip(x, 0.1, None), x)
    case("clip", shape_label(shape) + " high", lambda x: x.clip(None, 0.1), x)
    case("identity", shape_label(shape), TABLE["identity"], x, reference=lambda x: x)
    case("astype", shape_label(shape), lambda x: x.astype(float), x)
case("round", "decimals", lambda x: np.round(x, -1), [12.0, -57.0])
case("round", "method", lambda x: x.round(decimals=-1), [12.0, -57.0])
case("nan_to_num", "positional", lambda x: np.nan_to_num(x, True, 5.0), [1.0, np.nan, -2.0])
case("nan_to_num", "keywords", lambda x: np.nan_to_num(x, nan=7.0, posinf=2.0), [1.0, np.nan, np.inf])
# sinc': the series, the quotient and the place where they meet, |πx| = 0.5
case("sinc", "near 0", np.sinc, [0.0, 1e-9, -1e-4, 0.05, 0.158, 0.1592, 0.16, -0.3, 1.0, 7.3])
case("square", "of a transposed array", np.square, random((3, 2), -1, 1, 5).T)
# dC = Re Σ u dz: complex numbers on the way
case("imag", "of a product with i", lambda x: np.imag(np.exp(x * 1j)), random((3,), -1, 1, 1))
case("real", "of a product with i", lambda x: np.real(np.exp(x * 1j)), random((3,), -1, 1, 1))
case("conj", "of an exponential", lambda x: np.real(np.conj(np.exp(x * (1 + 2j))) * 1j), random((3,), -1, 1, 1))
case("abs", "of a complex number", lambda x: np.abs(x * 1j + 2), random((3,), -1, 1, 1))
for name in ("tanh", "sin", "log", "sqrt", "arctan", "cosh", "sinc", "tan"):
    case(name, "complex", lambda x, f=getattr(np, name): np.real(f(x * (1 + 0.5j) + 0.7)), random((3,), 0, 0.5, 1))

# Elementwise, two operands ----------------------------------------------------------------------------------

PAIRS = [(a, b) for a in SHAPES[:5] for b in SHAPES[:5]] + [
    ((0,), ()), ((), (0,)), ((0,), (1,)), ((2, 0), (2, 1)), ((0, 3), (1, 3)), ((3,), (0, 3)), ((4, 2, 1), (2, 3))
]  # fmt: skip

BINARY: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "add": ((-2, 2), (-2, 2)), "subtract": ((-2, 2), (-2, 2)), "multiply": ((-2, 2), (-2, 2)),
    "divide": ((-2, 2), (0.5, 2)), "power": ((0.5, 2), (-2, 2)), "float_power": ((0.5, 2), (-2, 2)),
    "arctan2": ((0.4, 2), (-2, 2)), "hypot": ((0.4, 2), (-2, 2)), "logaddexp": ((-2, 2), (-2, 2)),
    "logaddexp2": ((-2, 2), (-2, 2)), "remainder": ((4.4, 4.9), (1.7, 1.9)), "fmod": ((-4.9, -4.4), (1.7, 1.9)),
    "floor_divide": ((4.4, 4.9), (1.7, 1.9)),
}  # fmt: skip
COMPARING = ["maximum", "minimum", "fmax", "fmin"]


def apart(name: str, *shapes: tuple[int, ...]) -> list[Array]:
    """Arrays with no two equal entries among them."""
    sizes = [int(np.prod(s)) for s in shapes]
    values = scattered((sum(sizes),), seed_of(name, shapes))
    return [part.reshape(s) for part, s in zip(np.split(values, np.cumsum(sizes)[:-1]), shapes)]


for name, (first, second) in BINARY.items():
    for a, b in PAIRS:
        case(
            name, shape_label(a, b), getattr(np, name),
            random(a, *first, seed_of(name, a, b)), random(b, *second, seed_of(b, name, a)),
        )  # fmt: skip
for name in COMPARING:
    for a, b in PAIRS:
        case(name, shape_label(a, b), getattr(np, name), *apart(name, a, b))
for a, b in PAIRS:
    x, y = apart("where", a, b)
    case("where", shape_label(a, b), lambda x, y: np.where(x - y > 0, x, y * y), x, y)
    case("heaviside", shape_label(a, b), np.heaviside, x, y)
    case("clip", shape_label(a, b), lambda x, y: np.clip(x, y - 0.9, y + 0.95), x, y)
    case("clip", shape_label(a, b) + " keywords", lambda x, y: np.clip(x, a_min=y - 0.9, a_max=None), x, y)
    if np.broadcast_shapes(a, b) in (a, b):
        case(
            "half_squared_distance", shape_label(a, b), ag.half_squared_distance, x, y,
            reference=lambda x, y: 0.5 * np.sum((x - y) ** 2),
        )  # fmt: skip
    if a == b:
        case(
            "sigmoid_cross_entropy", shape_label(a), ag.sigmoid_cross_entropy, x, y,
            reference=lambda x, y: np.sum(np.log(1 + np.exp(x)) - x * y),
        )  # fmt: skip
    if a == b != ():
        case(
            "softmax_cross_entropy", shape_label(a), ag.softmax_cross_entropy, x, y,
            reference=lambda x, y: np.sum(np.log(np.sum(np.exp(x), axis=0))) - np.sum(x * y),
        )  # fmt: skip
        case(
            "softmax_cross_entropy", f"{shape_label(a)} the last axis", lambda x, y: ag.softmax_cross_entropy(x, y, -1), x, y,
            reference=lambda x, y: np.sum(np.log(np.sum(np.exp(x), axis=-1))) - np.sum(x * y),
        )  # fmt: skip
case("heaviside", "at 0", lambda h: np.heaviside(np.arange(-1, 2).astype(h.dtype), h), [0.3, 0.4, 0.5])
case("where", "condition", lambda x, y: np.where([[True], [False]], x, y), *apart("where", (3,), (2, 3)))
for exponent in (0, 1, 2, 3, -1, -2, 0.5, 2.5, 1.0, 0.0, np.float64(2.0), np.array([0.0, 1.0, 2.0])):
    case("power", f"exponent {exponent}", lambda x, n=exponent: x**n, random((3,), 0.5, 2, 7))
for exponent in (0, 1, 2, 3, -1, -2, np.array([1.0, 2.0, -3.0])):
    case("power", f"negative base, exponent {exponent}", lambda x, n=exponent: x**n, random((3,), -2, -0.5, 7))
for exponent in (0, 1, 2, 3, np.array([0.0, 1.0, 4.0])):
    case("power", f"base 0, exponent {exponent}", lambda x, n=exponent: x**n, np.zeros(3))
case("power", "base 2", lambda x: 2.0**x, random((3,), -1, 1, 7))
case("power", "x to the x", lambda x: x**x, random((3,), 0.5, 2, 7))
case("divide", "x by x squared", lambda x: x / (x * x), random((3,), 0.5, 2, 7))

# Reductions -------------------------------------------------------------------------------------------------

AXES: list[tuple[tuple[int, ...], Any]] = [
    ((), None), ((3,), None), ((3,), 0), ((3,), -1), ((2, 3), None), ((2, 3), 0), ((2, 3), 1), ((2, 3), -1),
    ((2, 3), (0, 1)), ((2, 3), (1,)), ((2, 3), ()), ((2, 3, 2), (0, 2)), ((2, 3, 2), (-1, 0)), ((2, 3, 2), 1),
]  # fmt: skip
EMPTY: list[tuple[tuple[int, ...], Any]] = [((0,), None), ((2, 0), 0), ((2, 0), 1), ((0, 3), 0), ((0, 3), None)]

for name in ("sum", "mean", "prod", "max", "min", "var", "std", "ptp"):
    function = getattr(np, name)
    for shape, axis in AXES:
        if name == "std" and (axis == () or shape == ()):
            continue  # the square root's kink
        x = scattered(shape, seed_of(name, shape))
        for keep in (False, True):
            keyword = {"keepdims": True} if keep else {}
            case(
                name, f"{shape_label(shape)} axis={axis}{' keepdims' * keep}".replace(", ", ","),
                lambda x, f=function, axis=axis, keyword=keyword: f(x, axis=axis, **keyword), x,
            )  # fmt: skip
for name in ("sum", "prod"):
    for shape, axis in EMPTY:
        case(
            name, f"{shape_label(shape)} axis={axis}",
            lambda x, f=getattr(np, name), axis=axis: f(x, axis), np.zeros(shape),
        )  # fmt: skip
for name in ("mean", "max", "min", "var", "std"):  # no entries in the result: nothing is undefined
    case(name, "(0,3) axis=1", lambda x, f=getattr(np, name): f(x, axis=1), np.zeros((0, 3)))
for name in ("var", "std"):
    for ddof in (0, 1, 0.5):
        case(
            name, f"ddof={ddof}", lambda x, f=getattr(np, name), ddof=ddof: f(x, axis=0, ddof=ddof),
            random((3, 2), -2, 2, seed_of(name)),
        )  # fmt: skip
case("sum", "initial", lambda x: np.sum(x, initial=2.0), random((3,), -2, 2, 1))
case("sum", "reduce", lambda x: np.add.reduce(x), random((2, 3), -2, 2, 1))
case("sum", "reduce over all", lambda x: np.add.reduce(x, axis=None), random((2, 3), -2, 2, 1))
case("prod", "reduce", lambda x: np.multiply.reduce(x, axis=1, keepdims=True), random((2, 3), -2, 2, 1))
case("max", "reduce", lambda x: np.maximum.reduce(x, axis=-1), scattered((2, 3), 1))
case("min", "amin", lambda x: np.amin(x, 0), scattered((2, 3), 1))
case("max", "amax", lambda x: np.amax(x, 0), scattered((2, 3), 1))
for zeros in (1, 2, 3):  # the product of the others, and of those but two
    x = scattered((2, 4), zeros)
    x[0, :zeros] = 0
    case("prod", f"{zeros} zeros", lambda x: np.prod(x, axis=1), x)
    case("prod", f"{zeros} zeros, all axes", np.prod, x)
    case("prod", f"{zeros} zeros, two axes", lambda x: np.prod(x, axis=(0, 2), keepdims=True), x.reshape((2, 2, 2)))
    case("cumprod", f"{zeros} zeros", lambda x: np.cumprod(x, axis=1), x)
    case("cumprod", f"{zeros} zeros, flat", np.cumprod, x)
    case("cumprod", f"{zeros} zeros, first axis", lambda x: np.cumprod(x, 0), x)
for name in ("cumsum", "cumprod"):
    for shape, axis in [((3,), None), ((3,), 0), ((2, 3), None), ((2, 3), 0), ((2, 3), -1), ((0,), 0), ((2, 3, 2), 1)]:
        case(
            name, f"{shape_label(shape)} axis={axis}", lambda x, f=getattr(np, name), axis=axis: f(x, axis=axis),
            scattered(shape, seed_of(name, shape)),
        )  # fmt: skip
    case(name, "method", lambda x, name=name: getattr(x, name)(1), scattered((2, 3), 3))
for n, axis in ((1, -1), (1, 0), (2, 1), (3, -1), (0, 0)):
    case("diff", f"n={n} axis={axis}", lambda x, n=n, axis=axis: np.diff(x, n, axis), random((3, 4), -2, 2, 1))
for label, keywords in [("number", {"prepend": 0.0}), ("array", {"append": np.ones((3, 2))})]:
    case("diff", f"with a {label} at an end", lambda x, k=keywords: np.diff(x, 2, 1, **k), random((3, 4), -2, 2, 1))
case("diff", "prepended to", lambda x, y: np.diff(x, prepend=y, append=y), *apart("diff", (3,), ()))
for shape, axis in [((3,), None), ((4,), 0), ((2, 3), None), ((3, 2), 0), ((2, 4), -1), ((2, 3, 2), (0, 2))]:
    for keep in (False, True):
        case(
            "median", f"{shape_label(shape)} axis={axis}{' keepdims' * keep}",
            lambda x, axis=axis, keep=keep: np.median(x, axis=axis, keepdims=keep), scattered(shape, seed_of(shape)),
        )  # fmt: skip
case("average", "plain", np.average, random((2, 3), -1, 1, 1))
case("average", "axis", lambda x: np.average(x, axis=0, keepdims=True), random((2, 3), -1, 1, 1))
case(
    "average", "weights", lambda x, w: np.average(x, weights=w), random((2, 3), -1, 1, 1), random((2, 3), 0.5, 1, 2)
)
case(
    "average", "weights along an axis", lambda x, w: np.average(x, axis=-1, weights=w),
    random((2, 3), -1, 1, 1), random((3,), 0.5, 1, 2),
)  # fmt: skip
case("average", "weights are constants", lambda x: np.average(x, 0, [1.0, 3.0]), random((2, 3), -1, 1, 1))


def log_sum_exp(x: Array, axis: Any = None, keepdims: bool = False) -> Any:
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


def soft_max(x: Array, axis: Any = -1) -> Any:
    return np.exp(x) / np.sum(np.exp(x), axis=axis, keepdims=True)


for shape, axis in AXES:
    if axis != ():
        x = random(shape, -2, 2, seed_of("logsumexp", shape))
        for keep in (False, True):
            case(
                "logsumexp", f"{shape_label(shape)} axis={axis}{' keepdims' * keep}",
                lambda x, axis=axis, keep=keep: ag.logsumexp(x, axis=axis, keepdims=keep), x,
                reference=lambda x, axis=axis, keep=keep: log_sum_exp(x, axis, keep),
            )  # fmt: skip
        for name, reference in (("softmax", soft_max), ("log_softmax", lambda x, axis: np.log(soft_max(x, axis)))):
            case(
                name, f"{shape_label(shape)} axis={axis}",
                lambda x, f=getattr(ag, name), axis=axis: f(x, axis), x,
                reference=lambda x, axis=axis, f=reference: f(x, axis),
            )  # fmt: skip

# Norms, products of matrices, and what is made of them ------------------------------------------------------

for ord in (None, 1, 2, 3, 2.5, 0.5, -1, -2, np.inf, -np.inf, 0):
    case("norm", f"vector ord={ord}", lambda x, ord=ord: np.linalg.norm(x, ord), scattered((4,), 2))
    for axis in (0, -1):
        case(
            "norm", f"vectors ord={ord} axis={axis}",
            lambda x, ord=ord, axis=axis: np.linalg.norm(x, ord, axis, True), scattered((2, 3), 2),
        )  # fmt: skip
for ord in (None, "fro", 1, -1, np.inf, -np.inf):
    case("norm", f"matrix ord={ord}", lambda x, ord=ord: np.linalg.norm(x, ord), scattered((2, 3), 3))
    for axis in ((0, 2), (-1, 0)):
        for keep in (False, True):
            case(
                "norm", f"matrices ord={ord} axis={axis}{' keepdims' * keep}",
                lambda x, ord=ord, axis=axis, keep=keep: np.linalg.norm(x, ord, axis, keep), scattered((2, 2, 3), 3),
            )  # fmt: skip
for ord in (3, 0.5, -1):
    case(
        "power_norm", f"ord={ord}", lambda x, ord=ord: TABLE["power_norm"](x, axis=1, ord=ord), scattered((2, 3), 2),
        reference=lambda x, ord=ord: np.sum(np.abs(x) ** ord, axis=1) ** (1 / ord),
    )  # fmt: skip
case("norm", "of any array", np.linalg.norm, scattered((2, 2, 2), 3))
case("norm", "of a complex vector", lambda x: np.linalg.norm(x * np.array([1j, 2, 1 + 1j]) + 1j), scattered((3,), 3))
case("var", "of complex numbers", lambda x: np.var(x * np.array([1j, 2, 1 + 1j]) + 1j), scattered((3,), 3))
for shape, axis in AXES:
    if shape and axis != ():
        case(
            "euclidean_norm", f"{shape_label(shape)} axis={axis}",
            lambda x, axis=axis: TABLE["euclidean_norm"](x, axis), scattered(shape, 4),
            reference=lambda x, axis=axis: np.sqrt(np.sum(np.abs(x) ** 2, axis=axis)),
        )  # fmt: skip


def pairs(name: str, function: Callable[..., Any], *shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    for a, b in shapes:
        x, y = random(a, -1, 1, seed_of(name, a)), random(b, -1, 1, seed_of(b, name))
        case(name, shape_label(a, b), function, x, y)


MATMUL = [
    ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((1, 3), (3, 1)), ((5, 2, 3), (3, 2)),
    ((2, 3), (5, 3, 2)), ((5, 2, 3), (5, 3, 2)), ((4, 1, 2, 3), (5, 3, 2)), ((3,), (5, 3, 2)), ((5, 2, 3), (3,)),
    ((1, 2, 3), (4, 3, 1)), ((0, 3), (3, 2)), ((2, 0), (0, 3)), ((0, 2, 3), (3, 2)), ((0,), (0,)),
]  # fmt: skip
DOT = [
    ((), ()), ((), (3,)), ((2, 3), ()), ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)),
    ((2, 4, 3), (3,)), ((2, 4, 3), (3, 2)), ((2, 3), (4, 3, 2)), ((2, 2, 3), (4, 3, 2)), ((3,), (2, 3, 2)),
    ((0, 3), (3, 2)),
]  # fmt: skip
pairs("matmul", np.matmul, *MATMUL)
pairs("matmul", lambda a, b: a @ b, ((2, 3), (3, 2)))
pairs("dot", np.dot, *DOT)
pairs("vdot", np.vdot, ((3,), (3,)), ((2, 3), (2, 3)), ((2, 3), (3, 2)), ((), ()))
pairs("inner", np.inner, ((), (3,)), ((3,), (3,)), ((2, 3), (3,)), ((2, 3), (4, 3)), ((2, 2, 3), (4, 3)))
pairs("outer", np.outer, ((3,), (2,)), ((2, 2), (3,)), ((), (2,)), ((0,), (2,)))
pairs("kron", np.kron, ((), (2,)), ((2,), (3,)), ((2, 2), (1, 3)), ((2,), (2, 3)), ((2, 1, 2), (2, 2)))
for label, a, b, axes in [
    ("2", (2, 3, 4), (3, 4, 2), 2), ("1", (2, 3), (3, 2), 1), ("0", (2,), (3,), 0), ("int", (3, 2), (3, 4), (0, 0)),
    ("lists", (2, 3, 4), (4, 2, 5), ([0, 2], [1, 0])), ("negative", (2, 3), (4, 3), (-1, -1)),
    ("all", (2, 3), (2, 3), 2), ("empty", (2, 0), (0, 3), 1),
]:  # fmt: skip
    case(
        "tensordot", f"axes={label}", lambda x, y, axes=axes: np.tensordot(x, y, axes=axes),
        random(a, -1, 1, 1), random(b, -1, 1, 2),
    )  # fmt: skip
EINSUM: list[tuple[str, tuple[tuple[int, ...], ...]]] = [
    ("ij,jk->ik", ((2, 3), (3, 4))), ("ij,jk", ((2, 3), (3, 4))), ("ba,cb", ((2, 3), (4, 2))), ("ij->ji", ((2, 3),)),
    ("ba", ((2, 3),)), ("ii->i", ((3, 3),)), ("ii", ((3, 3),)), ("iij->j", ((2, 2, 3),)), ("ij->", ((2, 3),)),
    ("ij->i", ((2, 3),)), ("i,j->ij", ((2,), (3,))), ("i,i", ((3,), (3,))), ("ij,ij->j", ((2, 3), (2, 3))),
    ("ij,kl->il", ((2, 3), (2, 4))), ("...i,...i->...", ((2, 4, 3), (4, 3))), ("...ij,...jk", ((5, 2, 3), (3, 2))),
    ("i...->...", ((2, 3, 4),)), ("...", ((2, 3),)), ("ij,jk,kl->il", ((2, 3), (3, 2), (2, 2))),
    ("i,i,i->i", ((3,), (3,), (3,))), ("ij,ij,j->", ((2, 3), (2, 3), (3,))), ("iij,ji->i", ((2, 2, 3), (3, 2))),
    (",ij->ij", ((), (2, 3))), ("...,...", ((2, 1), (1, 3))), ("ab...,b...->a...", ((2, 3, 2), (3, 2))),
    ("ijij->", ((2, 3, 2, 3),)), ("iij,jkk->ik", ((2, 2, 3), (3, 2, 2))), ("ij, jk -> ik", ((0, 3), (3, 2))),
    ("ij,jk->ik", ((2, 0), (0, 2))), ("ij,kj->ik", ((2, 1), (3, 4))),
]  # fmt: skip
for subscripts, shapes in EINSUM:
    case(
        "einsum", f"{subscripts} {shape_label(*shapes)}", lambda *xs, s=subscripts: np.einsum(s, *xs),
        *(random(s, -1, 1, seed_of(subscripts, i)) for i, s in enumerate(shapes)),
    )  # fmt: skip
case("einsum", "lists", lambda x, y: np.einsum(x, [0, 1], y, [1, 2], [0, 2]), *apart("e", (2, 3), (3, 2)))
case("einsum", "lists, no output", lambda x, y: np.einsum(x, [2, 1], y, [1, 0]), *apart("e", (2, 3), (3, 2)))
case("einsum", "lists, ellipsis", lambda x: np.einsum(x, [..., 0, 0], [..., 0]), scattered((2, 3, 3), 1))
case("einsum", "optimize", lambda x, y: np.einsum("ij,jk", x, y, optimize=True), *apart("e", (2, 3), (3, 2)))
for offset, axis1, axis2 in ((0, 0, 1), (1, 0, 1), (-1, 1, 2), (0, 2, 0)):
    x = random((3, 2, 3), -1, 1, 1)
    case("trace", f"{offset} {axis1} {axis2}", lambda x, k=(offset, axis1, axis2): np.trace(x, *k), x)
case("trace", "method", lambda x: x.trace(), random((3, 3), -1, 1, 1))


def regular(*shape: int) -> Array:
    """Matrices far from having no inverse."""
    return 2 * np.eye(shape[-1]) + random(shape, -0.5, 0.5, seed_of(shape))


for shape in ((1, 1), (2, 2), (3, 3), (2, 3, 3), (0, 2, 2)):
    case("inv", shape_label(shape), np.linalg.inv, regular(*shape))
    case("det", shape_label(shape), np.linalg.det, regular(*shape))
    case("slogdet", shape_label(shape), lambda a: np.linalg.slogdet(a)[1], regular(*shape))
    case("log_abs_det", shape_label(shape), TABLE["log_abs_det"], -regular(*shape),
         reference=lambda a: np.linalg.slogdet(a)[1])  # fmt: skip
case("slogdet", "by name", lambda a: np.linalg.slogdet(a).logabsdet, regular(2, 2))
case("det", "no inverse", np.linalg.det, [[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [0.5, -1.0, 1.0]])
case("det", "rank 1", np.linalg.det, np.outer([1.0, 2.0, 3.0], [1.0, -1.0, 2.0]))
case("det", "zeros", np.linalg.det, np.zeros((2, 2)))
case("det", "one of two without inverse", np.linalg.det, [[[1.0, 2.0], [2.0, 4.0]], [[1.0, 2.0], [3.0, 4.0]]])


def squared_values(u: Any, s: Any, vh: Any) -> Any:
    """The matrix with the squares of its singular values."""
    return (u * s[..., None, :] ** 2) @ vh


# NumPy reads the lower triangle, so any matrix will do. Vectors are squared, since their sign is not determined.
for shape in ((2, 2), (3, 3), (2, 3, 3)):
    gaps = regular(*shape) + np.diag([0.0, 1.5, 4.0][: shape[-1]])
    case("cholesky", shape_label(shape), np.linalg.cholesky, regular(*shape))
    case("cholesky", shape_label(shape) + " upper", lambda a: np.linalg.cholesky(a, upper=True), regular(*shape))
    case("eigh", shape_label(shape), lambda a: [np.linalg.eigh(a)[0], np.linalg.eigh(a)[1] ** 2], gaps)
    case("eigh", shape_label(shape) + " upper", lambda a: np.linalg.eigh(a, "U").eigenvectors ** 2, gaps)
    case("eigvalsh", shape_label(shape), np.linalg.eigvalsh, gaps)
for shape in ((2, 2), (3, 2), (2, 3), (2, 4, 2)):
    x = random(shape, -1, 1, 5) + np.eye(*shape[-2:]) * np.arange(1, shape[-1] + 1)
    case("svd", shape_label(shape), lambda a: [f**2 for f in np.linalg.svd(a, full_matrices=False)], x)
    case("svd", shape_label(shape) + " product", lambda a: squared_values(*np.linalg.svd(a, full_matrices=False)), x)
    case("svd", shape_label(shape) + " values", lambda a: np.linalg.svd(a, compute_uv=False), x)
    case("svdvals", shape_label(shape), lambda a: np.linalg.svdvals(a), x)
    case("pinv", shape_label(shape), np.linalg.pinv, x)
    for ord in (2, -2, "nuc"):
        case("norm", f"{shape_label(shape)} {ord}", lambda a, ord=ord: np.linalg.norm(a, ord, (-2, -1), a.ndim == 2), x)
    if shape[-2] >= shape[-1]:
        case("qr", shape_label(shape), lambda a: list(np.linalg.qr(a)), x)
        case("qr", shape_label(shape) + " r", lambda a: np.linalg.qr(a, "r"), x)
    if len(shape) == 2:
        b = random((shape[0], 2), -1, 1, 6)
        which = (0, 1, 3) if shape == (3, 2) else (0, 3)  # else nothing remains
        case("lstsq", shape_label(shape), lambda a, b, which=which: [np.linalg.lstsq(a, b)[i] for i in which], x, b)
for n in (-2, -1, 0, 1, 2, 3, 6):
    case("matrix_power", str(n), lambda a, n=n: np.linalg.matrix_power(a, n), regular(2, 2, 2))
case("multi_dot", "three", lambda a, b, c: np.linalg.multi_dot([a, b, c]), *apart("md", (2,), (2, 3), (3, 2)))
SOLVE = [((2, 2), (2,)), ((2, 2), (2, 3)), ((3, 2, 2), (3, 2, 4)), ((2, 2), (3, 2, 4))]
if np.__version__ >= "2":  # NumPy 1 takes b for vectors where it has one axis less than a
    SOLVE += [((3, 2, 2), (2, 1)), ((3, 2, 2), (2,))]
else:
    SOLVE += [((3, 2, 2), (3, 2))]
for a, b in SOLVE:
    case("solve", shape_label(a, b), np.linalg.solve, regular(*a), random(b, -1, 1, 1))
case("solve", "of a constant", lambda a: np.linalg.solve(a, [1.0, 2.0]), regular(2, 2))
case("solve", "with a constant", lambda b: np.linalg.solve([[2.0, 1.0], [0.5, 1.0]], b), random((2,), -1, 1, 1))
LINEAR = [((2, 3), (3, 4), (2, 1)), ((2, 3), (3, 4), ()), ((2, 3), (3, 4), (2, 4)),
          ((2, 3), (3,), (2,)), ((2, 3), (3, 1), (2, 4)), ((5, 2, 3), (3, 4), (2, 1)), ((2, 3), (3, 0), (2, 1))]  # fmt: skip
for w, a, b in LINEAR:
    case(
        "linear", shape_label(w, a, b), ag.linear, *(random(s, -1, 1, seed_of(i, s)) for i, s in enumerate((w, a, b))),
        reference=lambda w, a, b: w @ a + b,
    )  # fmt: skip
case("linear", "without bias", ag.linear, *apart("l", (2, 3), (3, 2)), reference=lambda w, a: w @ a)

# Shapes -----------------------------------------------------------------------------------------------------

MOVES: dict[str, list[tuple[tuple[int, ...], str, Callable[..., Any]]]] = {
    "reshape": [
        ((2, 3), "tuple", lambda x: np.reshape(x, (3, 2))), ((2, 3), "-1", lambda x: np.reshape(x, -1)),
        ((2, 3), "method", lambda x: x.reshape(3, -1)), ((2, 3), "method tuple", lambda x: x.reshape((1, 6))),
        ((1,), "to a number", lambda x: x.reshape(())), ((2, 0), "empty", lambda x: np.reshape(x, (0, 5))),
        ((2, 3), "order F", lambda x: np.reshape(x, (3, 2), order="F")),
        ((2, 3), "method order F", lambda x: x.reshape(3, 2, order="F")),
    ],
    "reshape_in_order": [((2, 3), "F", lambda x: x.reshape((3, 2), order="F"))],
    "ravel": [
        ((2, 3), "", np.ravel), ((2, 3), "F", lambda x: np.ravel(x, "F")), ((), "number", np.ravel),
        ((2, 3), "method", lambda x: x.ravel()), ((2, 3), "flatten", lambda x: x.flatten()),
    ],
    "transpose": [
        ((2, 3), "", np.transpose), ((2, 3, 4), "axes", lambda x: np.transpose(x, (1, 2, 0))),
        ((2, 3, 4), "negative", lambda x: x.transpose(-1, 0, 1)), ((2, 3), "T", lambda x: x.T), ((), "", np.transpose),
        ((2, 3, 4), "T", lambda x: x.T), ((2, 3), "None", lambda x: x.transpose(None)),
    ],
    "swapaxes": [((2, 3, 4), "0 2", lambda x: np.swapaxes(x, 0, 2)), ((2, 3, 4), "m", lambda x: x.swapaxes(-1, 1))],
    "moveaxis": [
        ((2, 3, 4), "0 -1", lambda x: np.moveaxis(x, 0, -1)), ((2, 3, 4), "two", lambda x: np.moveaxis(x, (0, 1), (2, 0)))
    ],
    "rollaxis": [((2, 3, 4), "2", lambda x: np.rollaxis(x, 2)), ((2, 3, 4), "1 3", lambda x: np.rollaxis(x, 1, 3))],
    "expand_dims": [
        ((3,), "0", lambda x: np.expand_dims(x, 0)), ((3,), "two", lambda x: np.expand_dims(x, (0, -1))),
        ((), "number", lambda x: np.expand_dims(x, 0)),
    ],
    "squeeze": [
        ((1, 3, 1), "", np.squeeze), ((1, 3, 1), "axis", lambda x: np.squeeze(x, -1)), ((1, 3), "m", lambda x: x.squeeze(0)),
        ((1, 3, 1), "axes", lambda x: np.squeeze(x, axis=(0, 2))), ((1, 1), "to a number", np.squeeze),
    ],
    "broadcast_to": [
        ((3,), "(2,3)", lambda x: np.broadcast_to(x, (2, 3))), ((), "3", lambda x: np.broadcast_to(x, 3)),
        ((2, 1), "(4,2,3)", lambda x: np.broadcast_to(x, (4, 2, 3))), ((1, 3), "same", lambda x: np.broadcast_to(x, (1, 3))),
        ((1,), "large", lambda x: np.sum(np.broadcast_to(x, (100, 100))) / 1e4), ((1,), "0", lambda x: np.broadcast_to(x, (0,))),
    ],
    "tile": [
        ((2, 3), "2", lambda x: np.tile(x, 2)), ((3,), "(2,2)", lambda x: np.tile(x, (2, 2))),
        ((2, 3), "(2,1)", lambda x: np.tile(x, (2, 1))), ((2,), "0", lambda x: np.tile(x, 0)), ((), "3", lambda x: np.tile(x, 3)),
    ],
    "repeat": [
        ((2, 3), "flat", lambda x: np.repeat(x, 2)), ((2, 3), "axis", lambda x: np.repeat(x, 2, axis=0)),
        ((2, 3), "counts", lambda x: np.repeat(x, [1, 0, 2], axis=1)), ((3,), "method", lambda x: x.repeat(2)),
    ],
    "roll": [
        ((5,), "2", lambda x: np.roll(x, 2)), ((2, 3), "flat", lambda x: np.roll(x, 1)),
        ((2, 3), "axis", lambda x: np.roll(x, -1, axis=1)), ((2, 3), "axes", lambda x: np.roll(x, (1, 2), axis=(0, 1))),
    ],
    "flip": [((2, 3), "", np.flip), ((2, 3), "0", lambda x: np.flip(x, 0)), ((2, 3), "axes", lambda x: np.flip(x, (0, 1)))],
    "fliplr": [((2, 3), "", np.fliplr)],
    "flipud": [((2, 3), "", np.flipud)],
    "rot90": [((2, 3), "", np.rot90), ((2, 3, 2), "k", lambda x: np.rot90(x, 3, axes=(1, 2)))],
    "pad": [
        ((3,), "1", lambda x: np.pad(x, 1)), ((2, 3), "(1,2)", lambda x: np.pad(x, (1, 2))),
        ((2, 3), "pairs", lambda x: np.pad(x, ((1, 0), (0, 2)), constant_values=3.0)),
        ((4,), "edge", lambda x: np.pad(x, 2, mode="edge")), ((4,), "reflect", lambda x: np.pad(x, 2, "reflect")),
        ((4,), "symmetric", lambda x: np.pad(x, (2, 1), "symmetric")), ((4,), "wrap", lambda x: np.pad(x, 3, "wrap")),
        ((2, 2), "edge", lambda x: np.pad(x, 1, "edge")), ((0,), "empty", lambda x: np.pad(x, 1)),
    ],
    "diag": [
        ((3,), "vector", np.diag), ((2,), "k", lambda x: np.diag(x, -1)), ((3, 3), "matrix", np.diag),
        ((2, 3), "matrix k", lambda x: np.diag(x, k=1)),
    ],
    "diagonal": [
        ((3, 3), "", np.diagonal), ((2, 3), "1", lambda x: np.diagonal(x, 1)),
        ((2, 3, 2), "axes", lambda x: np.diagonal(x, 0, 0, 2)), ((2, 3), "method", lambda x: x.diagonal()),
    ],
    "triu": [((3, 3), "", np.triu), ((2, 3), "1", lambda x: np.triu(x, 1)), ((2, 2, 3), "-1", lambda x: np.triu(x, k=-1))],
    "tril": [((3, 3), "", np.tril), ((2, 3), "1", lambda x: np.tril(x, 1)), ((2, 2, 3), "-1", lambda x: np.tril(x, k=-1))],
    "take": [
        ((5,), "indices", lambda x: np.take(x, [0, 3, 3])), ((2, 3), "axis", lambda x: np.take(x, [2, 0], axis=1)),
        ((2, 3), "flat", lambda x: np.take(x, [[5, 0], [1, 1]])), ((2, 3), "one", lambda x: x.take(1, axis=0)),
        ((3,), "wrap", lambda x: np.take(x, [4, -5], mode="wrap")), ((3,), "clip", lambda x: np.take(x, [7], mode="clip")),
    ],
    "take_along_axis": [
        ((2, 3), "1", lambda x: np.take_along_axis(x, np.array([[0, 0], [2, 1]]), 1)),
        ((2, 3), "None", lambda x: np.take_along_axis(x, np.array([5, 0, 5]), None)),
    ],
    "compress": [
        ((3,), "", lambda x: np.compress([True, False, True], x)), ((2, 3), "axis", lambda x: np.compress([0, 1], x, axis=0)),
        ((2, 3), "flat", lambda x: np.compress([0, 1, 0, 0, 1], x)),
    ],
    "resize": [((3,), "(2,4)", lambda x: np.resize(x, (2, 4))), ((2, 3), "2", lambda x: np.resize(x, 2))],
    "sort": [
        ((5,), "", np.sort), ((2, 3), "0", lambda x: np.sort(x, axis=0)), ((2, 3), "None", lambda x: np.sort(x, axis=None)),
        ((2, 3), "method", lambda x: TABLE["sort"](x, 0) if isinstance(x, Tensor) else np.sort(x, 0)),
        ((3,), "kind", lambda x: np.sort(x, kind="mergesort")),
    ],
    "split": [
        ((4,), "2", lambda x: np.split(x, 2)), ((4, 3), "places", lambda x: np.split(x, [1, 2, 2])),
        ((2, 3), "axis", lambda x: np.split(x, indices_or_sections=3, axis=1)), ((4,), "beyond", lambda x: np.split(x, [3, 1, 9])),
    ],
    "array_split": [
        ((5,), "2", lambda x: np.array_split(x, 2)), ((2, 5), "axis", lambda x: np.array_split(x, 3, axis=-1)),
        ((2,), "more parts than entries", lambda x: np.array_split(x, 3)),
    ],
    "hsplit": [((2, 4), "", lambda x: np.hsplit(x, 2)), ((4,), "vector", lambda x: np.hsplit(x, [1]))],
    "vsplit": [((4, 2), "", lambda x: np.vsplit(x, 2))],
    "dsplit": [((2, 1, 4), "", lambda x: np.dsplit(x, 2))],
    "atleast_1d": [((), "number", np.atleast_1d), ((3,), "vector", np.atleast_1d)],
    "atleast_2d": [((), "number", np.atleast_2d), ((3,), "vector", np.atleast_2d), ((1, 2, 3), "stack", np.atleast_2d)],
    "atleast_3d": [((), "number", np.atleast_3d), ((3,), "vector", np.atleast_3d), ((2, 3), "matrix", np.atleast_3d)],
    "index": [
        ((5,), "int", lambda x: x[1]), ((5,), "negative", lambda x: x[-2]), ((5,), "slice", lambda x: x[1:4:2]),
        ((5,), "reversed", lambda x: x[::-2]), ((2, 3), "tuple", lambda x: x[1, 2]), ((2, 3), "row", lambda x: x[0]),
        ((2, 3), "None", lambda x: x[:, None, 1:]), ((2, 3, 2), "Ellipsis", lambda x: x[..., 0]),
        ((5,), "list", lambda x: x[[0, 3, 0]]), ((5,), "empty list", lambda x: x[[]]),
        ((5,), "mask", lambda x: x[np.array([True, False, True, True, False])]), ((2, 3), "all", lambda x: x[()]),
        ((2, 3), "2-d mask", lambda x: x[np.array([[True, False, True], [False, True, False]])]),
        ((3, 4), "arrays", lambda x: x[np.array([[0, 2], [0, 0]]), np.array([1, 1])]),
        ((2, 3, 4), "arrays apart", lambda x: x[np.array([0, 1]), :, np.array([3, 3])]),
        ((2, 3, 4), "mix", lambda x: x[..., np.array([0, 0, 2]), None, 1:]), ((2, 3), "True", lambda x: x[True]),
        ((), "number", lambda x: x[...]), ((3,), "list of bools", lambda x: x[[True, False, True]]),
        ((2, 3), "iteration", lambda x: sum(row * (i + 1) for i, row in enumerate(x))),
    ],
}  # fmt: skip

for name, rows in MOVES.items():
    for shape, label, function in rows:
        case(name, f"{shape_label(shape)} {label}", function, scattered(shape, seed_of(name, shape, label)))


def join(name: str, label: str, function: Callable[..., Any], *shapes: tuple[int, ...]) -> None:
    case(name, label, function, *apart(name, *shapes))


for axis in (0, 1, -1):
    join("concatenate", f"axis={axis}", lambda *xs, axis=axis: np.concatenate(xs, axis), (2, 3), (2, 3), (2, 3))
    join("stack", f"axis={axis}", lambda *xs, axis=axis: np.stack(xs, axis), (2, 3), (2, 3))
join("concatenate", "unequal", lambda x, y: np.concatenate([x, y, x], axis=1), (2, 1), (2, 3))
join("concatenate", "flat", lambda x, y: np.concatenate([x, y], axis=None), (2, 1), (3,))
join("concatenate", "with a constant", lambda x: np.concatenate([[1.0], x, np.ones(2)]), (2,))
join("concatenate", "a single one", lambda x: np.concatenate([x], axis=1), (2, 3))
join("concatenate", "empty", lambda x, y: np.concatenate([x, y]), (0, 2), (1, 2))
join("concatenate", "rows of one", lambda x: np.concatenate(x), (2, 3))
join("stack", "numbers", lambda x, y: np.stack([x, y, 2.0]), (), ())
join("append", "flat", lambda x, y: np.append(x, y), (2, 2), (3,))
join("append", "axis", lambda x, y: np.append(x, y, axis=0), (2, 2), (1, 2))
join("append", "a number", lambda x: np.append(x, 4.0), (2,))
join("vstack", "vectors", lambda x, y: np.vstack([x, y]), (3,), (3,))
join("vstack", "matrices", lambda x, y: np.vstack((x, y)), (1, 3), (2, 3))
join("hstack", "vectors", lambda x, y: np.hstack([x, y, [1.0]]), (3,), (2,))
join("hstack", "numbers", lambda x, y: np.hstack([x, y, 1.0]), (), ())
join("hstack", "matrices", lambda x, y: np.hstack([x, y]), (2, 1), (2, 3))
join("dstack", "vectors", lambda x, y: np.dstack([x, y]), (3,), (3,))
join("dstack", "matrices", lambda x, y: np.dstack([x, y]), (2, 3), (2, 3))
join("column_stack", "vectors", lambda x, y: np.column_stack([x, y]), (3,), (3,))
join("column_stack", "mixed", lambda x, y: np.column_stack([x, y, [1.0, 2.0]]), (2,), (2, 2))
join("broadcast_arrays", "two", lambda x, y: list(np.broadcast_arrays(x, y)), (2, 1), (3,))
join("atleast_2d", "two", lambda x, y: list(np.atleast_2d(x, y)), (), (3,))

# Functions composed of others -------------------------------------------------------------------------------

SEQUENCES = [((4,), (3,)), ((2,), (5,)), ((1,), (3,)), ((4,), (4,)), ((5,), (2,)), ((6,), (4,)), ((4,), (5,))]
for mode in ("full", "same", "valid"):
    pairs("convolve", lambda a, v, mode=mode: np.convolve(a, v, mode), *SEQUENCES)
    pairs("correlate", lambda a, v, mode=mode: np.correlate(a, v, mode), *SEQUENCES)
KNOTS = np.array([-1.0, 0.5, 2.0, 2.6])
INSIDE = np.array([[-0.7, 0.1, 1.9], [2.3, -3.0, 4.0]])
case("interp", "all", np.interp, INSIDE, KNOTS, [0.3, -1.0, 2.0, 0.7])
case("interp", "number", lambda x, y: np.interp(x, KNOTS, y), 0.8, [0.3, -1.0, 2.0, 0.7])
case("interp", "ends", lambda x, y: np.interp(x, KNOTS, y, left=-2.0, right=0.5), INSIDE, [0.3, -1.0, 2.0, 0.7])
case("interp", "period", lambda x, k, y: np.interp(x, k, y, period=4.0), INSIDE, KNOTS, [0.3, -1.0, 2.0, 0.7])
case("interp", "one point", lambda x, y: np.interp(x, [0.0], y), INSIDE, [0.3])
PLACES = np.array([0.0, 1.0, 2.5, 3.3])
for order in (1, 2):
    keyword = {"edge_order": order}
    case("gradient", f"{order} vector", lambda f, k=keyword: np.gradient(f, **k), random((5,), -1, 1, 1))
    case("gradient", f"{order} distance", lambda f, h, k=keyword: np.gradient(f, h, **k), random((5,), -1, 1, 1), 0.7)
    case("gradient", f"{order} places", lambda f, x, k=keyword: np.gradient(f, x, **k), random((4,), -1, 1, 1), PLACES)
    case("gradient", f"{order} all axes", lambda f, k=keyword: np.gradient(f, **k), random((3, 4), -1, 1, 1))
    case("gradient", f"{order} mixed", lambda f, k=keyword: np.gradient(f, 2.0, PLACES, **k), random((3, 4), -1, 1, 1))
case("gradient", "whole numbers", lambda x: np.gradient([0, 1, 3, -2], x), PLACES)
case("gradient", "axis", lambda f: np.gradient(f, 0.5, axis=-1), random((2, 3), -1, 1, 1))
case("gradient", "axes", lambda f: np.gradient(f, 0.5, 2.0, axis=(2, 0)), random((2, 1, 3), -1, 1, 1))
case("trapezoid", "", lambda y: np.trapezoid(y), random((4,), -1, 1, 1))
case("trapezoid", "places", lambda y, x: np.trapezoid(y, x), random((2, 4), -1, 1, 1), PLACES)
case("trapezoid", "axis", lambda y, h: np.trapezoid(y, dx=h, axis=0), random((3, 2), -1, 1, 1), 0.3)
case("trapezoid", "places of each", lambda y, x: np.trapezoid(y, x, axis=0), random((4, 2), -1, 1, 1), random((4, 2), -1, 1, 2))
for axes in ({}, {"axisa": 0, "axisc": 0}, {"axis": 0}):
    case("cross", str(axes), lambda a, b, k=axes: np.cross(a, b, **k), *apart("cross", (3, 3), (3, 3)))
case("cross", "broadcast", np.cross, *apart("cross", (3,), (2, 3)))
case("linalg.cross", "axis", lambda a, b: np.linalg.cross(a, b, axis=0), *apart("cross", (3, 2), (3, 2)))
pairs("vecdot", lambda a, b: np.vecdot(a, b), ((3,), (3,)), ((2, 3), (3,)))
pairs("vecdot", lambda a, b: np.vecdot(a, b, axis=0), ((3, 2), (3, 2)))
pairs("vecdot", lambda a, b: np.linalg.vecdot(a, b, axis=-2), ((3, 2), (3, 2)))
if hasattr(np, "matvec"):
    pairs("matvec", lambda a, v: np.matvec(a, v), ((2, 3), (3,)), ((4, 2, 3), (3,)))
    pairs("vecmat", lambda v, a: np.vecmat(v, a), ((2,), (2, 3)), ((4, 2), (4, 2, 3)))
else:
    pairs("matvec", lambda a, v: TABLE["matvec"](a, v) if isinstance(a, Tensor) else a @ v, ((2, 3), (3,)))
    pairs("vecmat", lambda v, a: TABLE["vecmat"](v, a) if isinstance(a, Tensor) else np.conj(v) @ a, ((2,), (2, 3)))
pairs("outer", np.linalg.outer, ((3,), (2,)))
pairs("outer", np.multiply.outer, ((2, 2), (3,)))
pairs("matmul", np.linalg.matmul, ((2, 3), (3, 2)))
pairs("tensordot", lambda a, b: np.linalg.tensordot(a, b, axes=1), ((2, 3), (3, 2)))
pairs("add", np.add.outer, ((2,), (3, 1)), ((), (2,)))
pairs("subtract", np.subtract.outer, ((2,), (3,)))
case("cumsum", "accumulate", lambda x: np.add.accumulate(x), random((2, 3), -2, 2, 1))
case("cumprod", "accumulate", lambda x: np.multiply.accumulate(x, axis=1), random((2, 3), -2, 2, 1))
case("logsumexp", "reduce", lambda x: np.logaddexp.reduce(x), random((2, 3), -2, 2, 1))
case("linalg.trace", "", lambda x: np.linalg.trace(x, offset=1), random((2, 3, 3), -1, 1, 1))
case("linalg.diagonal", "", lambda x: np.linalg.diagonal(x, offset=-1), random((2, 3, 3), -1, 1, 1))
case("matrix_transpose", "", lambda x: np.matrix_transpose(x), random((2, 3, 2), -1, 1, 1))
case("matrix_transpose", "attribute", lambda x: x.mT, random((2, 3, 2), -1, 1, 1))
case("matrix_transpose", "linalg", np.linalg.matrix_transpose, random((3, 2), -1, 1, 1))
for axis in (None, 1, (0, 2)):
    for ord in (2, 1, np.inf):
        case("linalg.vector_norm", f"{axis} {ord}", lambda x, k={"axis": axis, "ord": ord}: np.linalg.vector_norm(x, **k),
             scattered((2, 3, 2), 1))  # fmt: skip
case("linalg.vector_norm", "keepdims", lambda x: np.linalg.vector_norm(x, axis=(0, 1), keepdims=True), scattered((2, 3), 1))
for ord in ("fro", 1, "nuc"):
    case("linalg.matrix_norm", str(ord), lambda x, o=ord: np.linalg.matrix_norm(x, ord=o, keepdims=True), scattered((2, 3, 2), 1))
for p in (None, -2, 1, "fro"):
    case("linalg.cond", str(p), lambda x, p=p: np.linalg.cond(x, p), regular(2, 2, 2) + np.diag([0.0, 1.0]))
for shape, axis in [((3,), None), ((2, 3), None), ((3, 2), 0), ((2, 4), -1), ((2, 3, 2), (0, 2))]:
    x = scattered(shape, seed_of("quantile", shape))
    for q in (0.0, 0.3, 1.0, np.array([[0.5, 0.9]])):
        case("quantile", f"{shape_label(shape)} {axis} {q}", lambda x, q=q, axis=axis: np.quantile(x, q, axis), x)
    case("percentile", f"{shape_label(shape)} {axis}", lambda x, axis=axis: np.percentile(x, [20, 75], axis, keepdims=True), x)
for method in ("lower", "nearest", "midpoint", "median_unbiased", "inverted_cdf"):
    case("quantile", method, lambda x, m=method: np.quantile(x, 0.37, method=m), scattered((6,), 1))
MISSING = np.where(np.arange(12).reshape(3, 4) % 5 == 1, np.nan, 0.4 * scattered((3, 4), 3))
for name in ("nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin"):
    for axis in (None, 0, -1, (0, 1)):
        for keep in {} if axis == 0 else {"keepdims": True}, {}:
            case(
                name, f"axis={axis} {keep}",
                lambda x, f=getattr(np, name), axis=axis, keep=keep: f(np.where(np.isnan(MISSING), np.nan, x), axis, **keep),
                np.nan_to_num(MISSING),
            )  # fmt: skip
for name in ("nancumsum", "nancumprod"):
    for axis in (None, 1):
        case(
            name, f"axis={axis}", lambda x, f=getattr(np, name), axis=axis: f(np.where(np.isnan(MISSING), np.nan, x), axis),
            np.nan_to_num(MISSING),
        )  # fmt: skip
for name in ("var", "std", "nanvar", "nanstd"):
    case(name, "correction", lambda x, f=getattr(np, name): f(x, axis=1, correction=1), random((2, 4), -2, 2, 1))
DATA = random((3, 5), -1, 1, 8)
for label, keywords in {
    "": {}, "columns": {"rowvar": False}, "biased": {"bias": True}, "ddof": {"ddof": 2}, "counts": {"fweights": [1, 2, 3, 1, 2]},
}.items():  # fmt: skip
    case("cov", label, lambda x, k=keywords: np.cov(x, **k), DATA)
case("cov", "two", lambda x, y: np.cov(x, y), DATA, random((5,), -1, 1, 9))
case("cov", "two in columns", lambda x, y: np.cov(x, y, rowvar=False), DATA, random((3, 2), -1, 1, 9))
case("cov", "one", np.cov, DATA[0])
case("cov", "weights", lambda x, w: np.cov(x, aweights=w, fweights=[1, 2, 3, 1, 2]), DATA, random((5,), 0.5, 1, 9))
case("corrcoef", "", np.corrcoef, DATA)
case("corrcoef", "two", lambda x, y: np.corrcoef(x, y, rowvar=False), DATA, random((3, 2), -1, 1, 9))
case(
    "average", "weights along two axes", lambda x, w: np.average(x, (2, 0), w),
    random((2, 3, 4), -1, 1, 1), random((4, 2), 0.5, 1, 2),
)  # fmt: skip
case("average", "returned", lambda x: np.average(x, 0, returned=True)[0], random((2, 3), -1, 1, 1))
case("average", "weights returned", lambda x, w: np.average(x, weights=w, returned=True), *apart("a", (3,), (3,)))
SPACES = [("linspace", (-1, 1), (0.5, 2)), ("logspace", (-0.5, 0.5), (0, 1)), ("geomspace", (0.5, 1), (2, 3))]
for name, first, last in SPACES:
    for label, keywords in {"": {}, "open": {"endpoint": False}, "axis": {"axis": -1}, "one": {"num": 1}}.items():
        for a, b in [((), ()), ((2, 1), (3,))] if label in ("", "axis") else [((), ())]:
            case(
                name, f"{shape_label(a, b)} {label}",
                lambda a, b, f=getattr(np, name), k=keywords: f(a, b, **{"num": 4, **k}),
                random(a, *first, seed_of(name, a)), random(b, *last, seed_of(b, name)),
            )  # fmt: skip
case("linspace", "step", lambda a, b: np.linspace(a, b, 5, retstep=True), -0.5, 0.7)
case("geomspace", "negative", lambda a: np.geomspace(a, -3.0, 4), -0.5)
for sparse in (False, True):
    for indexing in ("xy", "ij"):
        keywords = {"sparse": sparse, "indexing": indexing}
        case("meshgrid", f"{sparse} {indexing}", lambda *xs, k=keywords: list(np.meshgrid(*xs, **k)),
             *apart("m", (2,), (3,), (4,)))  # fmt: skip
case("meshgrid", "one", lambda x: list(np.meshgrid(x)), scattered((2,), 1))
case("partition", "", lambda x: np.sum(np.partition(x, 1, axis=0)[:2] ** 2, 0), scattered((4, 2), 1))
case("partition", "flat", lambda x: np.partition(x, 3, axis=None)[3], scattered((2, 3), 1))
for label, f in {
    "one": lambda x: np.insert(x, 1, 5.0), "several": lambda x: np.insert(x, [0, 4], [5.0, 6.0]),
    "axis": lambda x: np.insert(x, 1, [1.0, 2.0], axis=1), "slice": lambda x: np.insert(x, slice(0, 2), 5.0, axis=0),
}.items():  # fmt: skip
    case("insert", label, f, scattered((2, 3), 1))
case("insert", "values", lambda x, v: np.insert(x, [1, 1], v, axis=1), *apart("i", (2, 3), (2, 2)))
for obj in (1, [0, -1], slice(0, 2), [True, False]):
    case("delete", str(obj), lambda x, obj=obj: np.delete(x, obj, axis=0), scattered((2, 3), 1))
case("delete", "flat", lambda x: np.delete(x, 4), scattered((2, 3), 1))
case("block", "matrices", lambda a, b: np.block([[a, np.ones((2, 1))], [b, 2.0]]), *apart("b", (2, 3), (1, 3)))
case("block", "vectors", lambda a, b: np.block([a, 1.0, b]), *apart("b", (2,), (3,)))
case("unwrap", "", np.unwrap, [0.1, 3.0, -2.9, -0.3, 5.5, 12.0])
case("unwrap", "axis", lambda x: np.unwrap(x, axis=0, period=4.0), [[0.1, 3.0], [2.9, -0.3], [5.5, 12.0]])
case("angle", "complex", lambda x: np.angle(x * np.array([1j, 2 + 1j]) + 0.3), random((2,), 0.5, 1, 1))
case("angle", "complex, degrees", lambda x: np.angle(np.exp(x * 1j), deg=True), random((2,), 0.5, 1, 1))
case("real_if_close", "real", np.real_if_close, random((2,), 0.5, 1, 1))
case("real_if_close", "complex", lambda x: np.real_if_close(x * (1 + 1e-17j)), random((2,), 0.5, 1, 1))
for shape in SHAPES[:3]:
    case("i0", shape_label(shape), np.i0, random(shape, -4, 4, 1))
case("i0", "at 0", np.i0, np.zeros(1))
pairs("polyval", np.polyval, ((3,), (2, 2)), ((1,), ()))
case("polyval", "coefficients in a list", lambda x: np.polyval([1.0, -2.0, 0.5], x), random((3,), -1, 1, 1))
for keywords in ({}, {"increasing": True}, {"N": 2}):
    case("vander", str(keywords), lambda x, k=keywords: np.vander(x, **k), [0.5, 1.2, 0.9])
case("diagflat", "", lambda x: np.diagflat(x, 1), scattered((2, 2), 1))
case("extract", "", lambda x: np.extract([[True, False], [False, True]], x), scattered((2, 2), 1))
for window, axis in ((2, None), ((2, 2), (0, 1)), (3, 1)):
    if axis is not None or window == 2:
        shape = (5,) if axis is None else (3, 4)
        case("sliding_window_view", f"{window} {axis}",
             lambda x, w=window, axis=axis: np.lib.stride_tricks.sliding_window_view(x, w, axis), scattered(shape, 1))  # fmt: skip
case("ediff1d", "", np.ediff1d, scattered((2, 3), 1))
case("ediff1d", "ends", lambda x, y: np.ediff1d(x, to_end=y, to_begin=3.0), *apart("e", (4,), (2,)))
for label, f in {
    "number": lambda row: np.sum(row**2), "vector": lambda row: row[1:] * row[0], "matrix": lambda row: np.outer(row, row),
}.items():  # fmt: skip
    for axis in (0, 1, -1):
        case(
            "apply_along_axis", f"{label} {axis}", lambda x, f=f, axis=axis: np.apply_along_axis(f, axis, x),
            scattered((2, 3, 2), 1),
        )  # fmt: skip
case("select", "", lambda x, y: np.select([x > 0.5, x > -0.5], [x * y, y**2], -1.0), *apart("s", (2, 3), (3,)))
case("piecewise", "", lambda x: np.piecewise(x, [x < -0.5, x > 0.5], [lambda x: x**2, np.exp, 3.0]), scattered((2, 3), 1))
case("piecewise", "arguments", lambda x: np.piecewise(x, x > 0, [lambda x, k: k * x**3], 2.0), scattered((6,), 1))
case("piecewise", "number", lambda x: np.piecewise(x, [x > 0], [np.exp, np.sin]), 0.7)
for name, label, f, x in [  # NumPy takes no number as like=
    ("full", "", lambda t, **k: np.full((2, 3), t, **k), 0.7),
    ("full", "row", lambda t, **k: np.full((2, 3), t, dtype=float, **k), [0.7, 1.0, 2.0]),
    ("array", "like a Tensor", lambda t, **k: np.array([t, t * t], **k), 0.7),
]:
    case(name, label, lambda t, f=f: f(t, like=t) if isinstance(t, Tensor) else f(t), x)
if np.lib.NumpyVersion(np.__version__) < "2.5.0":  # where it was deprecated
    case("trunc", "fix", np.fix, [0.7, -1.6])
case("divmod", "", lambda x, y: list(divmod(x, y)), random((2, 3), 4.4, 4.9, 1), random((3,), 1.7, 1.9, 2))
case("divmod", "ufunc", lambda x: list(np.divmod(x, 1.8)), random((3,), 4.4, 4.9, 1))
case("divmod", "of a number", lambda y: list(divmod(4.5, y)), random((3,), 1.7, 1.9, 2))
case("modf", "", lambda x: list(np.modf(x)), [0.7, -1.6])
case("ldexp", "by a constant", lambda x: np.ldexp(x, [1, -2]), [0.7, -1.6])
case("copysign", "broadcast with a constant", lambda x: np.copysign(x, [[-1.0], [1.0]]), random((3,), 0.5, 1, 1))
case("copysign", "of a constant", lambda x: np.copysign(x, [-1.0, 1.0]), [0.7, -1.6])
CUMULATED = [((4,), {}), ((2, 3), {"axis": 1}), ((2, 3), {"axis": 0, "include_initial": True}), ((3,), {"dtype": float})]
for name, plain in (("cumulative_sum", np.cumsum), ("cumulative_prod", np.cumprod)):
    for shape, keywords in CUMULATED if hasattr(np, name) else CUMULATED[:2]:
        def cumulated(x, name=name, plain=plain, keywords=keywords):
            return TABLE[name](x, **keywords) if isinstance(x, Tensor) else getattr(np, name, plain)(x, **keywords)

        case(name, f"{shape_label(shape)} {keywords}", cumulated, scattered(shape, 1))
join("unstack", "axis", lambda x: list(x) if isinstance(x, np.ndarray) else list(TABLE["unstack"](x)), (2, 3))
if hasattr(np, "unstack"):
    join("unstack", "NumPy's", lambda x: list(np.unstack(x, axis=-1)), (2, 3))
    case("astype", "function", lambda x: np.astype(x, np.float64), scattered((3,), 1))
for mode in ("reflect", "symmetric"):
    case("pad", f"{mode} oddly", lambda x, m=mode: np.pad(x, 2, m, reflect_type="odd"), scattered((4,), 1))
    case(
        "pad", f"{mode} oddly, two axes", lambda x, m=mode: np.pad(x, ((1, 0), (2, 1)), m, reflect_type="odd"),
        scattered((3, 4), 1),
    )  # fmt: skip
case("clip", "method of an array", lambda t: np.array([0.1, 0.9, -1.0]).clip(-0.5, t), [0.5, 0.5, 0.6])
case("real", "attribute", lambda x: (x * (1 + 2j)).real, scattered((3,), 1))
case("imag", "attribute", lambda x: (x * (1 + 2j)).imag, scattered((3,), 1))
case("conj", "method", lambda x: (x * (1 + 2j)).conj().imag, scattered((3,), 1))
case("ravel", "flat", lambda x: np.stack([y for y in x.flat]), scattered((2, 2), 1))
case("round", "of Python", lambda x: round(x, -1) if isinstance(x, Tensor) else np.round(x, -1), [12.0, -57.0])
join("vstack", "dtype", lambda x, y: np.vstack([x, y, [1, 2]], dtype=np.float64, casting="safe"), (2,), (2,))

# SciPy's functions ------------------------------------------------------------------------------------------

import_module("autograd_lite.table.special")
SPECIAL: dict[str, list[tuple[float, float]]] = {
    "expit": [(-2, 2)], "logit": [(0.2, 0.8)], "log_expit": [(-2, 2)], "erf": [(-2, 2)], "erfc": [(-2, 2)],
    "erfinv": [(-0.6, 0.6)], "ndtr": [(-2, 2)], "ndtri": [(0.3, 0.7)], "log_ndtr": [(-2, 2)], "gammaln": [(1, 3)],
    "gamma": [(1, 3)], "loggamma": [(1, 3)], "beta": [(1, 3), (1, 3)], "betaln": [(1, 3), (1, 3)],
    "psi": [(1, 3)], "entr": [(0.5, 2)], "xlogy": [(-2, 2), (0.5, 2)], "xlog1py": [(-2, 2), (0.5, 2)],
    "rel_entr": [(0.5, 2), (0.5, 2)], "kl_div": [(0.5, 2), (0.5, 2)],
}  # fmt: skip
for name, ranges in SPECIAL.items():
    for shape in SHAPES[:3]:
        xs = (random(shape, *r, seed_of(name, shape, i)) for i, r in enumerate(ranges))
        case(name, shape_label(shape), getattr(special, name), *xs)
for name in ("zeta", "gammainc", "gammaincc"):  # whose first argument is a constant
    case(name, "of a constant", lambda x, f=getattr(special, name): f([1.5, 3.0, 2.0], x), random((3,), 0.5, 2, 1))

# What only the derivatives of others use --------------------------------------------------------------------

NUMBERS = np.array([[0, 2], [3, 2]])
KEY = (np.array([1, 1, 0]),)
case(
    "gather", "with zeros", lambda x: TABLE["gather"](x, where=NUMBERS), scattered((3,), 1),
    reference=lambda x: np.array([[0.0, x[1]], [x[2], x[1]]], x.dtype),
)  # fmt: skip
case(
    "scatter", "with repeats", lambda u: TABLE["scatter"](u, where=NUMBERS, shape=(3,)), scattered((2, 2), 1),
    reference=lambda u: np.array([0.0, u[0, 1] + u[1, 1], u[1, 0]], u.dtype),
)  # fmt: skip
case(
    "place", "with repeats", lambda u: TABLE["place"](u, key=KEY, shape=(3,)), scattered((3,), 1),
    reference=lambda u: np.array([u[2], u[0] + u[1], 0.0], u.dtype),
)  # fmt: skip


for label, part in [("complex, logarithm", np.real), ("complex, phase", np.imag)]:
    case(
        "log_det", label, lambda a, f=part: f(TABLE["log_det"](a * (1 + 1j) + np.diag([0.3j, 1.0]))), regular(2, 2),
        reference=lambda a, f=part: f(np.log(np.linalg.det(a * (1 + 1j) + np.diag([0.3j, 1.0])))),
    )  # fmt: skip


def of(name: str) -> Iterator[Case]:
    return (c for c in CASES if c.name == name)
