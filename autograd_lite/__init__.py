"""A tiny reverse-mode autograd engine on NumPy.

A `Tensor` records what is computed from it as a graph of operations, each with its local gradients; one sweep
over the graph, newest node first, multiplies them together. `recording` says what is recorded, the table of
operations (`autograd_lite.table`) knows the derivatives, `backward` sweeps, and all else is derived from these.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from autograd_lite.engine.tensor import Tensor, as_tensor  # isort: skip
from autograd_lite.table.elementwise import relu, sigmoid, softplus
from autograd_lite.table.reductions import log_softmax, logsumexp, softmax
from autograd_lite.table.networks import half_squared_distance, linear, sigmoid_cross_entropy, softmax_cross_entropy
from autograd_lite.table.shapes import array
import autograd_lite.table.factorisations
import autograd_lite.table.numpy_functions
import autograd_lite.table.methods
from autograd_lite.engine.debugging import debug
from autograd_lite.engine.derivatives import grad, gradients, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from autograd_lite.engine.nests import flatten
from autograd_lite.engine.local_gradient import LocalGradient
from autograd_lite.table.own_operations import elementwise, operation
from autograd_lite.engine.recording import enable_grad, name_scope, no_grad

if TYPE_CHECKING:
    from autograd_lite.comparing.checking import check_grad, check_gradients, check_my_gradient
    from autograd_lite.comparing.comparison import Comparison, GradientMismatch, compare
    from autograd_lite.comparing.numerical import numerical_gradient
    from autograd_lite.comparing.steps import compare_steps, named
    from autograd_lite.compiling.compiled import Compiled, compile
    from autograd_lite.drawing.files import write_file
    from autograd_lite.drawing.picture import draw, draw_steps, render
    from autograd_lite.writing.derivation import chain_rule
    from autograd_lite.compiling.tracing import NotReplayable

# What is built on the engine is imported when it is first asked for: half of the time that `import autograd_lite` took.
_LATER = {
    "comparing.checking": ["check_grad", "check_gradients", "check_my_gradient"],
    "comparing.comparison": ["Comparison", "GradientMismatch", "compare"],
    "comparing.numerical": ["numerical_gradient"],
    "comparing.steps": ["compare_steps", "named"],
    "compiling.compiled": ["Compiled", "compile"],
    "drawing.files": ["write_file"],
    "drawing.picture": ["draw", "draw_steps", "render"],
    "writing.derivation": ["chain_rule"],
    "compiling.tracing": ["NotReplayable"],
}


def __getattr__(name: str) -> Any:
    for module, names in _LATER.items():
        if name in names:
            room = import_module(f"autograd_lite.{module}")
            if module == "comparing.steps":  # which knows no notation, and shows the lines of the chain rule
                room.chain_rule = import_module("autograd_lite.writing.derivation").chain_rule  # type: ignore[attr-defined]
            thing = globals()[name] = getattr(room, name)
            return thing
    raise AttributeError(f"module 'autograd_lite' has no attribute {name!r}")


def _write(gradient: LocalGradient, what: str) -> str:
    return str(getattr(import_module("autograd_lite.writing.terms"), what)(gradient))


LocalGradient.write = _write


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__version__ = "0.1.0"
__all__ = [
    "Comparison",
    "Compiled",
    "GradientMismatch",
    "LocalGradient",
    "NotReplayable",
    "Tensor",
    "array",
    "as_tensor",
    "chain_rule",
    "check_grad",
    "check_gradients",
    "check_my_gradient",
    "compare",
    "compare_steps",
    "compile",
    "debug",
    "draw",
    "draw_steps",
    "elementwise",
    "enable_grad",
    "flatten",
    "grad",
    "gradients",
    "half_squared_distance",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "linear",
    "log_softmax",
    "logsumexp",
    "name_scope",
    "named",
    "no_grad",
    "numerical_gradient",
    "operation",
    "relu",
    "render",
    "sigmoid",
    "sigmoid_cross_entropy",
    "softmax",
    "softmax_cross_entropy",
    "softplus",
    "value_and_grad",
    "vjp",
    "write_file",
]
