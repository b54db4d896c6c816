"""Random programs over every operation of the table, for `test_random_programs`.

A program is a list of steps on a growing list of values; each step is a function of the engine beside a reference
that is plain NumPy. There are two kinds of steps. Those of the table are the calls of `operation_cases`, which has at
least one for every name in the table: each operand is the array of the case, moved a little, and by a smooth function,
by some value of the program. Free steps take the values as they are, whatever their shapes, and draw the rest: axes,
indices, constants of every type, second operands that broadcast. A step whose result has a kink nearby is not taken,
so that differences of values are a derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from operation_cases import BINARY, CASES, UNARY, Case, outputs
from oracles import Array

import autograd_lite as ag
from autograd_lite.engine.tensor import Tensor

MARGIN = 0.05  # how far values stay from a kink
NAMES = sorted({case.name for case in CASES})


class Step(NamedTuple):
    label: str
    operands: tuple[int, ...]
    function: Callable[..., Any]
    reference: Callable[..., Any]

    def __str__(self) -> str:
        return f"{self.label} of {self.operands}"


class Program(NamedTuple):
    inputs: list[Array]
    steps: list[Step]
    used: list[int]  # the values that the cost depends on
    weights: list[Array]

    def values(self, inputs: Sequence[Any], engine: bool = False, moved: tuple[int, Array] | None = None) -> list[Any]:
        """All values; `moved` adds an array to one of them before it is used."""
        values = list(inputs)
        kinds = "fc" if any(type(x) is np.ndarray and x.dtype.kind == "c" for x in inputs) else "f"
        if moved is not None and moved[0] < len(values):
            values[moved[0]] = values[moved[0]] + moved[1]
        for step in self.steps:
            results = outputs((step.function if engine else step.reference)(*(values[i] for i in step.operands)), kinds)
            if moved is not None and len(values) <= moved[0] < len(values) + len(results):
                results[moved[0] - len(values)] = results[moved[0] - len(values)] + moved[1]
            values += results
        return values

    def cost_of(self, values: Sequence[Any]) -> Any:
        """Σ c (y + ½ y²) over the values that are used."""
        total: Any = 0.0
        for i, c in zip(self.used, self.weights):
            y = values[i]
            total = total + np.sum(c * (y + 0.5 * y * y))
        return total

    def cost(self, *inputs: Any) -> Any:
        """The cost on Tensors."""
        return self.cost_of(self.values(inputs, engine=True))

    def plain(self, *inputs: Any) -> Any:
        """The cost on arrays, without the engine."""
        return self.cost_of(self.values(inputs))

    def result(self, *inputs: Any) -> Any:
        """The last of the values that are used: an array of any shape."""
        return self.values(inputs, engine=True)[self.used[-1]]

    def in_float64(self) -> Program:
        return self._replace(inputs=[x.astype(float) for x in self.inputs])

    def __repr__(self) -> str:
        lines = [f"  {i}: input {x.dtype} {x.shape}" for i, x in enumerate(self.inputs)]
        lines += [f"  then {step}" for step in self.steps]
        return "\n".join(["program", *lines, f"  cost of {self.used}"])


def within(x: Any, low: float, high: float) -> Any:
    """A smooth function of x with values between `low` and `high`."""
    return np.sin(x) * (0.45 * (high - low)) + 0.5 * (low + high)


def step_of_case(case: Case, operands: Sequence[int], dtype: Any) -> Step:
    arrays = [a.astype(dtype) for a in case.arrays]

    def moved_by(values: Sequence[Any]) -> list[Any]:
        return [a + 0.02 * np.sin(np.resize(v, a.shape)) for a, v in zip(arrays, values)]

    return Step(
        f"{case} {np.dtype(dtype)}", tuple(operands),
        lambda *values: case.function(*moved_by(values)), lambda *values: case.reference(*moved_by(values)),
    )  # fmt: skip


# Free steps: each draws from `draw`, and is None where it does not fit the values -----------------------------------


def same(label: str, operands: Sequence[int], function: Callable[..., Any]) -> Step:
    return Step(label, tuple(operands), function, function)


def gap(x: Array) -> float:
    """The smallest distance between two entries."""
    entries = np.sort(np.ravel(x))
    return float(np.min(np.diff(entries), initial=np.inf))


def one(draw: Any, values: list[Array]) -> int:
    return int(draw(st.integers(0, len(values) - 1)))


def free_unary(draw: Any, values: list[Array]) -> Step | None:
    i, name = one(draw, values), draw(st.sampled_from(sorted(UNARY)))
    low, high = UNARY[name]
    f = getattr(np, name)
    return same(name, [i], lambda x: f(within(x, low, high)))


def free_activation(draw: Any, values: list[Array]) -> Step | None:
    i = one(draw, values)
    axis = draw(st.integers(-values[i].ndim, values[i].ndim - 1)) if values[i].ndim else None
    name = draw(st.sampled_from(["sigmoid", "softplus", "relu", "softmax", "log_softmax", "logsumexp"]))
    x = values[i]
    if name == "relu" and np.min(np.abs(x), initial=np.inf) < MARGIN:
        return None
    if name in ("softmax", "log_softmax", "logsumexp") and x.size == 0:
        return None

    def soft(x: Any) -> Any:
        e = np.exp(x)
        return e / np.sum(e, axis=axis, keepdims=True)

    keywords: dict[str, Any] = {} if name in ("sigmoid", "softplus", "relu") else {"axis": axis}
    reference: Callable[[Any], Any] = {
        "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "softplus": lambda x: np.log(1 + np.exp(x)),
        "relu": lambda x: np.maximum(x, 0), "softmax": soft, "log_softmax": lambda x: np.log(soft(x)),
        "logsumexp": lambda x: np.log(np.sum(np.exp(x), axis=axis)),
    }[name]  # fmt: skip
    return Step(f"{name} {keywords}", (i,), lambda x: getattr(ag, name)(x, **keywords), reference)


def constants(draw: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """A constant of any type that is not 0, and the same for NumPy."""
    kind = draw(st.integers(0, 11))
    array = np.random.default_rng(draw(st.integers(0, 99))).uniform(0.5, 1.9, shape)
    made: list[Any] = [
        2, 1.5, True, np.float64(0.75), np.float32(1.25), np.int64(3), np.array(0.8), array, array.astype(np.float32),
        np.ones(shape, int) * 2, array.tolist() if array.size else array, np.bool_(True),  # [] has lost its other axes
    ]  # fmt: skip
    constant = made[kind]
    if kind in (7, 8) and draw(st.booleans()):
        return Tensor(constant), constant
    return constant, constant


def free_binary(draw: Any, values: list[Array]) -> Step | None:
    i, j, name = one(draw, values), one(draw, values), draw(st.sampled_from(sorted(BINARY)))
    f = getattr(np, name)
    if name in ("remainder", "fmod", "floor_divide"):
        return None  # its cases stay away from the steps
    (low_a, high_a), (low_b, high_b) = BINARY[name]
    if draw(st.booleans()):
        try:
            np.broadcast_shapes(values[i].shape, values[j].shape)
        except ValueError:
            return None
        return same(name, [i, j], lambda x, y: f(within(x, low_a, high_a), within(y, low_b, high_b)))
    shape = values[i].shape[draw(st.integers(0, values[i].ndim)) :]
    c, plain = constants(draw, shape)
    if draw(st.booleans()):
        return Step(f"{name} {c!r}", (i,), lambda x: f(within(x, low_a, high_a), c), lambda x: f(within(x, low_a, high_a), plain))
    return Step(f"{c!r} {name}", (i,), lambda x: f(c, within(x, low_b, high_b)), lambda x: f(plain, within(x, low_b, high_b)))


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda x, y: x + y, "-": lambda x, y: x - y, "*": lambda x, y: x * y, "/": lambda x, y: x / y,
    "-'": lambda x, y: y - x, "*'": lambda x, y: y * x,
}  # fmt: skip


def free_operator(draw: Any, values: list[Array]) -> Step | None:
    i, symbol = one(draw, values), draw(st.sampled_from(sorted(OPERATORS)))
    c, plain = constants(draw, values[i].shape)
    f = OPERATORS[symbol]
    if isinstance(c, list) and values[i].ndim == 0:
        return None
    return Step(f"{symbol} {c!r}", (i,), lambda x: f(x, c), lambda x: f(x, plain))


def free_choice(draw: Any, values: list[Array]) -> Step | None:
    """Of the larger, the smaller, by a mask, within bounds."""
    i, j, name = one(draw, values), one(draw, values), draw(st.sampled_from(["maximum", "minimum", "fmax", "where", "clip"]))
    x, y = values[i], values[j]
    try:
        shape = np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        return None
    if name == "where":
        mask = np.random.default_rng(draw(st.integers(0, 99))).uniform(size=shape) < 0.5
        return same("where", [i, j], lambda x, y: np.where(mask, x, y))
    if np.min(np.abs(x - y), initial=np.inf) < MARGIN:
        return None
    if name == "clip":
        return same("clip", [i, j], lambda x, y: np.clip(x, y, None))
    return same(name, [i, j], getattr(np, name))


def axes_of(draw: Any, ndim: int) -> Any:
    """Any form of axes: None, an integer of either sign, a tuple, the empty tuple."""
    if draw(st.booleans()) or ndim == 0:
        return draw(st.sampled_from([None, ()])) if ndim == 0 else draw(st.integers(-ndim, ndim - 1))
    if draw(st.booleans()):
        return None
    chosen = draw(st.lists(st.integers(0, ndim - 1), unique=True, max_size=ndim))
    return tuple(a - ndim * draw(st.integers(0, 1)) for a in chosen)


def free_reduction(draw: Any, values: list[Array]) -> Step | None:
    i = one(draw, values)
    x = values[i]
    name = draw(st.sampled_from(["sum", "mean", "prod", "max", "min", "var", "std", "ptp", "median", "average"]))
    axis, keepdims = axes_of(draw, x.ndim), draw(st.booleans())
    f = getattr(np, name)
    if x.size == 0 and name not in ("sum", "prod"):
        return None
    if name in ("max", "min", "ptp", "median") and gap(x) < MARGIN:
        return None
    keywords: dict[str, Any] = {"axis": axis, "keepdims": keepdims}
    if name in ("median", "average") and axis == ():
        return None
    if name == "std" and np.min(np.std(x, axis=axis), initial=np.inf) < 0.3:
        return None
    if name in ("sum", "mean", "prod") and draw(st.booleans()):
        keywords["dtype"] = np.float64  # a narrower one would spoil the differences
    if name in ("var", "std") and draw(st.booleans()) and axis is None and x.size > 2:
        keywords["ddof"] = draw(st.sampled_from([1, 0.5]))
    return same(f"{name} {keywords}", [i], lambda x: f(x, **keywords))


def free_scan(draw: Any, values: list[Array]) -> Step | None:
    i, name = one(draw, values), draw(st.sampled_from(["cumsum", "cumprod", "diff", "sort"]))
    x = values[i]
    axis = draw(st.integers(-x.ndim, x.ndim - 1)) if x.ndim else None
    if axis is None and name in ("diff", "sort") or name == "sort" and gap(x) < MARGIN:
        return None
    if axis is not None and name in ("cumsum", "cumprod") and draw(st.booleans()):
        axis = None
    return same(f"{name} axis={axis}", [i], lambda x: getattr(np, name)(x, axis=axis))


def free_index(draw: Any, values: list[Array]) -> Step | None:
    """Integers, slices, None, Ellipsis, arrays, lists and masks, alone and together."""
    i = one(draw, values)
    shape = values[i].shape
    key: list[Any] = []
    axis = 0
    arrays = draw(st.booleans())
    length = draw(st.integers(1, 2))
    while axis < len(shape):
        n = shape[axis]
        kind = draw(st.integers(0, 7))
        if kind == 0 and n:
            key.append(draw(st.integers(-n, n - 1)))
        elif kind == 1:
            key.append(slice(draw(st.integers(0, n)), None, draw(st.sampled_from([1, 2, -1]))))
        elif kind == 2:
            key.append(slice(None))
        elif kind == 3 and not any(k is Ellipsis for k in key):
            key.append(Ellipsis)
            break
        elif kind == 4 and arrays and n:
            picked = draw(st.lists(st.integers(-n, n - 1), min_size=length, max_size=length))
            key.append(picked if draw(st.booleans()) else np.array(picked))
        elif kind == 5 and n and not any(isinstance(k, (list, np.ndarray)) for k in key) and not arrays:
            key.append(np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n))))
        elif kind == 6:
            key.append(None)
            continue
        else:
            break
        axis += 1
    chosen: Any = tuple(key) if len(key) != 1 or draw(st.booleans()) else key[0]
    return same(f"[{chosen!r}]", [i], lambda x: x[chosen])


def free_move(draw: Any, values: list[Array]) -> Step | None:
    i = one(draw, values)
    shape, ndim = values[i].shape, values[i].ndim
    name = draw(st.sampled_from(["reshape", "transpose", "broadcast_to", "expand_dims", "squeeze", "flip", "roll", "repeat",
                                 "tile", "ravel F", "T", "swapaxes", "atleast_2d", "pad", "take"]))  # fmt: skip
    if name == "reshape":
        flat = draw(st.permutations(shape)) if draw(st.booleans()) else (-1,) if values[i].size else (0,)
        return same(f"reshape {tuple(flat)}", [i], lambda x: np.reshape(x, tuple(flat)))
    if name == "transpose":
        axes = tuple(draw(st.permutations(range(ndim))))
        return same(f"transpose {axes}", [i], lambda x: np.transpose(x, axes))
    if name == "broadcast_to":
        wider = (draw(st.integers(0, 2)),) + tuple(draw(st.integers(1, 3)) if n == 1 else n for n in shape)
        return same(f"broadcast_to {wider}", [i], lambda x: np.broadcast_to(x, wider))
    if name == "expand_dims":
        axis = draw(st.integers(-ndim - 1, ndim))
        return same(f"expand_dims {axis}", [i], lambda x: np.expand_dims(x, axis))
    if name in ("squeeze", "T", "atleast_2d"):
        return same(name, [i], {"squeeze": np.squeeze, "T": lambda x: x.T, "atleast_2d": np.atleast_2d}[name])
    if name == "ravel F":
        return same(name, [i], lambda x: np.ravel(x, order="F"))
    if name == "pad":
        width = draw(st.integers(0, 2))
        return same(f"pad {width}", [i], lambda x: np.pad(x, width))
    if ndim == 0 or name == "take" and values[i].size == 0:
        return None
    axis = draw(st.integers(-ndim, ndim - 1))
    if name == "swapaxes":
        other = draw(st.integers(-ndim, ndim - 1))
        return same(f"swapaxes {axis} {other}", [i], lambda x: np.swapaxes(x, axis, other))
    if name == "take":
        n = shape[axis]
        where = draw(st.lists(st.integers(-n, n - 1), max_size=3))
        return same(f"take {where} {axis}", [i], lambda x: np.take(x, np.array(where, int), axis))
    n = draw(st.integers(0, 2))
    moves = {
        "flip": lambda x: np.flip(x, axis), "roll": lambda x: np.roll(x, n, axis), "repeat": lambda x: np.repeat(x, n, axis),
        "tile": lambda x: np.tile(x, n),
    }  # fmt: skip
    return same(f"{name} {n} {axis}", [i], moves[name])


def free_join(draw: Any, values: list[Array]) -> Step | None:
    i = one(draw, values)
    shape = values[i].shape
    alike = [k for k, v in enumerate(values) if v.shape == shape]
    j, name = draw(st.sampled_from(alike)), draw(st.sampled_from(["concatenate", "stack", "append", "hstack", "vstack", "dstack"]))
    if name == "concatenate" and not shape:
        return None
    axis = draw(st.integers(0, len(shape) - (name == "concatenate")))
    joined = {
        "concatenate": lambda x, y: np.concatenate([x, y], axis), "stack": lambda x, y: np.stack([x, y], axis),
        "append": lambda x, y: np.append(x, y), "hstack": lambda x, y: np.hstack([x, y]),
        "vstack": lambda x, y: np.vstack([x, y]), "dstack": lambda x, y: np.dstack([x, y]),
    }  # fmt: skip
    return same(f"{name} {axis}", [i, j], joined[name])


def free_product(draw: Any, values: list[Array]) -> Step | None:
    """Matrix products of any two shapes that fit, with vectors and stacks; sums of products over any indices."""
    i, j = one(draw, values), one(draw, values)
    x, y = values[i], values[j]
    name = draw(st.sampled_from(["matmul", "outer", "inner", "tensordot", "einsum", "dot", "kron"]))
    if name == "einsum":
        letters: list[str] = []
        sizes: dict[str, int] = {}
        third = [one(draw, values)] if draw(st.booleans()) else []
        for v in (x, y, *(values[k] for k in third)):
            word = ""
            for n in v.shape:
                fitting = [c for c in "abcd" if sizes.get(c, n) == n]
                if not fitting:
                    return None
                c = draw(st.sampled_from(fitting))
                sizes[c] = n
                word += c
            letters.append(word)
        result = "".join(draw(st.lists(st.sampled_from(sorted(sizes)), unique=True, max_size=3))) if sizes else ""
        subscripts = f"{','.join(letters)}->{result}"
        return same(f"einsum {subscripts}", [i, j, *third], lambda *xs: np.einsum(subscripts, *xs))
    if name in ("outer", "kron"):
        return same(name, [i, j], getattr(np, name)) if x.size * y.size <= 60 else None
    f = getattr(np, name)
    if name == "tensordot":
        n = draw(st.integers(0, min(x.ndim, y.ndim)))
        if x.shape[x.ndim - n :] != y.shape[:n]:
            return None
        return same(f"tensordot {n}", [i, j], lambda x, y: np.tensordot(x, y, n))
    try:
        f(x, y)
    except ValueError:
        return None
    return same(name, [i, j], f)


FREE = [
    free_unary, free_activation, free_binary, free_operator, free_choice, free_reduction, free_scan, free_index, free_move,
    free_join, free_product,
]  # fmt: skip
LARGEST = 120  # entries


@st.composite
def programs(draw: Any, first: str | None = None, most: int = 7) -> Program:
    """A program; with a step of the operation `first` of the table, if one is given."""
    generator = np.random.default_rng(draw(st.integers(0, 2**16)))
    dtypes = draw(st.sampled_from([[float], [float], [np.float32], [float, np.float32]]))
    inputs = []
    for _ in range(draw(st.integers(1, 3))):
        shape = tuple(draw(st.lists(st.sampled_from([2, 3, 1, 2, 3, 1, 0]), max_size=3)))
        inputs.append(generator.uniform(-1.5, 1.5, shape).astype(draw(st.sampled_from(dtypes))))
    values, steps = list(inputs), []
    for k in range(draw(st.integers(1, most))):
        if first is not None and k == 0 or draw(st.integers(0, 3)) == 0:
            case = draw(st.sampled_from([c for c in CASES if c.name == (first or draw(st.sampled_from(NAMES)))]))
            step: Step | None = step_of_case(case, [one(draw, values) for _ in case.arrays], draw(st.sampled_from(dtypes)))
            first = None
        else:
            step = draw(st.sampled_from(FREE))(draw, values)
        if step is None:
            continue
        try:
            with np.errstate(over="raise"):  # references are written plainly: e^x overflows where a sigmoid does not
                results = [np.asarray(r) for r in outputs(step.reference(*(values[i] for i in step.operands)))]
        except FloatingPointError:
            continue
        if any(r.size > LARGEST for r in results) or not all(np.all(np.isfinite(r)) for r in results):
            continue
        steps.append(step)
        values += results
        for n in range(len(values) - len(results), len(values)):  # values that grow are brought back
            if np.max(np.abs(values[n]), initial=0) > 4:
                steps.append(same("sin", [n], np.sin))
                values.append(np.sin(values[n]))
    calm = [n for n, v in enumerate(values) if np.max(np.abs(v), initial=0) <= 30]
    used = sorted({calm[-1], draw(st.sampled_from(calm))})
    weights = [generator.uniform(0.5, 1.5, np.shape(values[n])) for n in used]
    return Program(inputs, steps, used, weights)
