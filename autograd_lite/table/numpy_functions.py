"""How NumPy's own functions find the operation that stands for them.

NumPy hands a call with a Tensor among its arguments to `__array_ufunc__` or `__array_function__`. What has a
row in the table is recorded; what has no derivative to lose runs on the data; everything else is refused, so
that no result has silently lost its history.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np

from autograd_lite.engine.recording import current
from autograd_lite.engine.refusals import instead_of
from autograd_lite.engine.tensor import DISPATCH, TABLE, Tensor
from autograd_lite.table.reductions import logsumexp, max_, min_, sum_
from autograd_lite.table.shapes import replace_tensors

# Functions whose results are booleans, integers, shapes or text, or that only look at the dtype.
PLAIN_FUNCTIONS = {
    getattr(np, name)
    for name in (
        "equal", "not_equal", "less", "less_equal", "greater", "greater_equal",
        "isfinite", "isinf", "isnan", "signbit", "logical_and", "logical_or", "logical_not", "logical_xor",
        "argmax", "argmin", "nanargmax", "nanargmin", "argsort", "argpartition", "argwhere", "nonzero", "flatnonzero",
        "searchsorted", "digitize", "count_nonzero", "all", "any", "isclose", "allclose", "array_equal",
        "array_equiv", "isneginf", "isposinf", "isreal", "isrealobj", "iscomplex", "iscomplexobj", "isin",
        "shape", "ndim", "size", "result_type", "can_cast", "min_scalar_type", "common_type",
        "zeros_like", "ones_like", "empty_like", "shares_memory", "may_share_memory",
        "array_repr", "array_str", "array2string", "save", "savez", "savez_compressed", "savetxt",
        "lexsort", "ravel_multi_index", "unravel_index", "diag_indices_from", "tril_indices_from", "triu_indices_from",
        "bitwise_and", "bitwise_or", "bitwise_xor", "invert", "left_shift", "right_shift", "gcd", "lcm", "einsum_path",
        "zeros", "ones", "empty", "eye", "identity", "tri", "arange",  # with like=t
    )
} | {np.linalg.matrix_rank}  # fmt: skip


WRITERS = {np.copyto, np.put, np.place, np.putmask, np.put_along_axis, np.fill_diagonal}


def loses_nothing(args: Any, written: Any = ()) -> bool:
    """Whether a function without a rule may run on the data: no gradient is wanted of the arguments, no Tensor written to."""
    wanted = current().on and any(x.requires_grad for x in tensors_in(args))
    return not wanted and next(tensors_in(written), None) is None


def on_data(function: Any, args: Any, keywords: Any) -> Any:
    """What NumPy's function gives for the values of Tensors, which it can read and not write."""
    return function(*replace_tensors(args, Tensor.numpy), **replace_tensors(keywords, Tensor.numpy))


def tensors_in(x: Any) -> Iterator[Tensor]:
    if isinstance(x, Tensor):
        yield x
    elif isinstance(x, (list, tuple)):
        for item in x:
            yield from tensors_in(item)


OF_SCIPY: set[Any] = set()
"""The ufuncs of SciPy that have been met."""


def look_for_in_scipy(ufunc: np.ufunc) -> None:
    """Import the rows of SciPy's ufuncs when the first of them arrives."""
    for module in ("scipy.special", "scipy.special._ufuncs"):  # zeta is a function, which calls the ufunc _zeta
        if getattr(sys.modules.get(module), ufunc.__name__, None) is ufunc:
            OF_SCIPY.add(ufunc)
            import_module("autograd_lite.table.special")


def call_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    if ufunc not in TABLE and ufunc not in PLAIN_FUNCTIONS:
        look_for_in_scipy(ufunc)
        if ufunc.__name__ == "clip":  # that of array.clip(0, t), which has no public name
            TABLE[ufunc] = TABLE["clip"]
    name = f"{'scipy.special' if ufunc in OF_SCIPY else 'np'}.{ufunc.__name__.lstrip('_')}"
    out = keywords.get("out")
    plain = ufunc in PLAIN_FUNCTIONS and out is None
    has_rule = ufunc in ROWS.get(method, ()) and (method != "outer" or ufunc.signature is None)
    without_rule = not has_rule or out is not None
    if plain or without_rule and loses_nothing((inputs, *keywords.values()), (out, inputs[0] if method == "at" else ())):
        return on_data(getattr(ufunc, method), inputs, keywords)
    if out is not None:
        if method == "__call__" and ufunc in SIGNS and out[0] is inputs[0] and not isinstance(out[0], Tensor):
            a, sign = f"the array of shape {np.shape(out[0])}", SIGNS[ufunc]
            raise TypeError(
                f"a {sign}= t would write a result without its history into a, {a}; write a = a {sign} t, which makes a Tensor"
            )
        raise TypeError(
            f"{name}(..., out=...) with a Tensor among its arguments would write a result without its history into "
            f"an array; write result = {name}(...), and t.data = ... to update a parameter"
        )
    if not has_rule:
        raise no_rule(name if method == "__call__" else f"{name}.{method}")
    if method in ("reduce", "accumulate"):
        return call_operation(ROWS[method][ufunc], f"{name}.{method}", inputs, drop_defaults({"axis": 0, **keywords}))
    if method == "outer":
        a, b = inputs
        inputs = np.reshape(a, np.shape(a) + (1,) * np.ndim(b)), b
    if keywords and getattr(TABLE[ufunc], "operation", None) is not None:
        raise TypeError(
            f"{name} on a Tensor takes no {', '.join(keywords)}=; select entries with np.where(mask, result, other), "
            "convert with t.astype(dtype)"
        )
    return call_operation(TABLE[ufunc], name, inputs, keywords)


def drop_defaults(keywords: dict[str, Any]) -> dict[str, Any]:
    """The keywords without those that have NumPy's default."""
    return {
        key: value for key, value in keywords.items()
        if value is not np._NoValue and not (value is None and key in ("out", "dtype", "device"))
        and not (value is True and key == "where")
    }  # fmt: skip


SIGNS = {
    np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/", np.power: "**", np.matmul: "@",
    np.floor_divide: "//", np.remainder: "%",
}  # fmt: skip
ROWS: dict[str, dict[Any, Any]] = {
    "__call__": TABLE,
    "outer": TABLE,
    "reduce": {np.add: sum_, np.maximum: max_, np.minimum: min_, np.multiply: TABLE["prod"], np.logaddexp: logsumexp},
    "accumulate": {np.add: TABLE["cumsum"], np.multiply: TABLE["cumprod"]},
}
"""What a ufunc is recorded as, by its method."""


def call_function(function: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    name = f"{function.__module__}.{function.__name__}".replace("numpy", "np", 1)
    keywords = drop_defaults(keywords)
    plain = function in PLAIN_FUNCTIONS and "out" not in keywords
    without_rule = function not in TABLE or "out" in keywords
    written = keywords.get("out"), args[0] if function in WRITERS and args else ()
    if plain or without_rule and loses_nothing((args, *keywords.values()), written):
        return on_data(function, args, keywords)
    if "out" in keywords:
        raise TypeError(f"{name}(..., out=...) has no rule on Tensors; write result = {name}(...)")
    if function in WRITERS:
        raise TypeError(
            f"{name} writes into an array, where the gradient of a Tensor would be lost. Write "
            "np.where(mask, t, a) for a with some entries replaced, np.broadcast_to(t, shape) in place of np.full(shape, t), "
            "or t.data for the values alone"
        )
    if function not in TABLE:
        raise no_rule(name)
    return call_operation(TABLE[function], name, args, keywords)


def call_operation(function: Any, name: str, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Call the operation, with an error that names the NumPy function if it does not take the arguments."""
    try:
        return function(*args, **keywords)
    except TypeError as error:
        text = str(error)
        if "unexpected keyword" in text or "positional argument" in text or "multiple values" in text:
            given = ", ".join([*(type(x).__name__ for x in args), *(f"{key}=" for key in keywords)])
            raise TypeError(
                f"{name}({given}) on a Tensor: {text}. Leave that argument out, or compute with t.data, "
                "the values without history"
            ) from error
        raise


def no_rule(name: str) -> TypeError:
    advice = instead_of(name)
    return TypeError(
        f"{name} has no rule on Tensors, and applying it to their data would lose the gradient. "
        f"{f'Instead {advice}; or add' if advice else 'Add'} a rule with autograd_lite.elementwise or autograd_lite.operation, "
        "or write t.data for the values alone"
    )


DISPATCH.update(ufunc=call_ufunc, function=call_function)
