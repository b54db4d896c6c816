"""The operations as methods and operators of Tensor, in the place of the declarations that `engine.tensor` has of them.

Done once, when the table is complete: what a user adds to the table afterwards replaces no method.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from types import FunctionType
from typing import Any

from autograd_lite.engine.tensor import TABLE, Tensor


def bind(name: str, function: Any) -> None:
    """Make `function` a method, under the signature and with the words of its declaration."""
    method = FunctionType(
        function.__code__, function.__globals__, name, function.__defaults__, function.__closure__
    )
    method.__kwdefaults__ = function.__kwdefaults__
    update_wrapper(method, getattr(Tensor, name))
    method.__name__, method.__qualname__ = name, f"Tensor.{name}"
    method.__doc__ = method.__doc__ or function.__doc__
    setattr(Tensor, name, method)


def reflect(function: Callable[..., Any]) -> Callable[..., Any]:
    def swap(self: Tensor, other: Any) -> Any:
        return function(other, self)

    swap.__doc__ = function.__doc__
    return swap


def reshape(self: Tensor, *shape: Any, order: str = "C") -> Any:
    return TABLE["reshape"](self, shape[0] if len(shape) == 1 else shape, order)


def transpose(self: Tensor, *axes: Any) -> Any:
    return TABLE["transpose"](self, axes[0] if len(axes) == 1 else axes or None)


OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "power", "matmul": "matmul",
    "mod": "remainder", "floordiv": "floor_divide", "divmod": "divmod",
}  # fmt: skip
METHODS = """
exp log sqrt square sin cos tanh sigmoid relu softplus sum mean prod max min var std cumsum cumprod clip round dot trace
diagonal ravel squeeze swapaxes take repeat astype copy conj
"""

for name, row in OPERATORS.items():
    bind(f"__{name}__", TABLE[row])
    bind(f"__r{name}__", reflect(TABLE[row]))
for name in METHODS.split():
    bind(name, TABLE[name])
for name, row in {"neg": "negative", "pos": "positive", "abs": "abs", "getitem": "index", "round": "round"}.items():
    bind(f"__{name}__", TABLE[row])
bind("flatten", TABLE["ravel"])
bind("conjugate", TABLE["conj"])
bind("reshape", reshape)
bind("transpose", transpose)
for name, row in {"T": "transpose", "mT": "matrix_transpose", "real": "real", "imag": "imag"}.items():
    setattr(Tensor, name, property(TABLE[row], doc=getattr(Tensor, name).__doc__))
