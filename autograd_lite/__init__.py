"""A tiny reverse-mode autograd engine on NumPy.

A `Tensor` records what is computed from it as a graph of operations, each with its local gradients; one sweep
over the graph, newest node first, multiplies them together. `recording` says what is recorded, the table of
operations (`autograd_lite.table`) knows the derivatives, `backward` sweeps, and all else is derived from these.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from autograd_lite.engine.tensor import Tensor, as_tensor  # isort: skip
from autograd_lite.table.elementwise import relu, sigmoid, softplus
from autograd_lite.table.reductions import log_softmax, logsumexp, softmax
from autograd_lite.table.networks import half_squared_distance, linear, sigmoid_cross_entropy, softmax_cross_entropy
from autograd_lite.table.shapes import array
import autograd_lite.table.compositions
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
    from autograd_lite.comparing.comparison import Comparison, GradientMismatch, Row, compare
    from autograd_lite.comparing.numerical import numerical_gradient
    from autograd_lite.comparing.steps import compare_steps, named
    from autograd_lite.compiling.compiled import Compiled, compile
    from autograd_lite.drawing.files import write_file
    from autograd_lite.drawing.picture import draw, draw_steps, render
    from autograd_lite.drawing.rendering import Drawing as Drawing  # not in __all__: importing it takes graphviz
    from autograd_lite.writing.derivation import Derivation, chain_rule
    from autograd_lite.compiling.tracing import NotReplayable

# What is built on the engine is imported when it is first asked for: half of the time that `import autograd_lite` took.
_LATER = {
    "comparing.checking": ["check_grad", "check_gradients", "check_my_gradient"],
    "comparing.comparison": ["Comparison", "GradientMismatch", "Row", "compare"],
    "comparing.numerical": ["numerical_gradient"],
    "comparing.steps": ["compare_steps", "named"],
    "compiling.compiled": ["Compiled", "compile"],
    "drawing.files": ["write_file"],
    "drawing.picture": ["draw", "draw_steps", "render"],
    "drawing.rendering": ["Drawing"],
    "writing.derivation": ["Derivation", "chain_rule"],
    "compiling.tracing": ["NotReplayable"],
}


def __getattr__(name: str) -> Any:
    for module, names in _LATER.items():
        if name in names:
            room = import_module(f"autograd_lite.{module}")
            if module == "comparing.steps":  # which knows no notation, and shows the lines of the chain rule
                room.written_line = import_module("autograd_lite.writing.derivation").line  # type: ignore[attr-defined]
            globals()[name] = getattr(room, name)
            _show_as_public()
            return globals()[name]
    raise AttributeError(f"module 'autograd_lite' has no attribute {name!r}")


def _show_as_public() -> None:
    """Let what is public be of this module for help(), tracebacks and pickles, not of the one that it is written in."""
    of_rooms = [(sys.modules.get(f"{__name__}.{module}"), names) for module, names in _LATER.items()]
    for room, names in [(sys.modules[__name__], set(__all__) & set(globals())), *of_rooms]:
        for name in names:
            thing = getattr(room, name, None)  # None while another thread imports it
            if thing is not None:
                thing.__module__ = __name__


def _write(gradient: LocalGradient, what: str) -> str:
    return str(getattr(import_module("autograd_lite.writing.terms"), what)(gradient))


LocalGradient.write = _write


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__version__ = "0.1.0"
__all__ = [
    "Comparison",
    "Compiled",
    "Derivation",
    "GradientMismatch",
    "LocalGradient",
    "NotReplayable",
    "Row",
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

_show_as_public()
