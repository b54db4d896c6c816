"""What is said where a Tensor that requires a gradient is about to become an array or a number without history.

The ways out have names: ``t.data``, ``t.numpy()``, ``t.item()``, ``t.tolist()`` and ``t.detach()``. Python and NumPy know
others, `__array__` and `__float__`, which they take without being asked: the term of the cost that leaves that way
is missing from the gradient, and nobody is told. So those are closed while operations are recorded.
"""

from __future__ import annotations

import sys
from dis import opname
from types import FrameType
from typing import TYPE_CHECKING, Any

from autograd_lite.engine.refusals import function_of_library, lost_in_library

if TYPE_CHECKING:
    from autograd_lite.engine.tensor import Tensor

JOIN = "np.stack([...]) or ag.array([[...]]) to join Tensors"


def lost_as_array(t: Tensor) -> TypeError:
    """The error of `__array__`, which is called by the function two frames up."""
    caller = sys._getframe(2)
    if assigns(caller):
        return lost_in_assignment(t)
    library = function_of_library(caller)
    if library is not None:
        return lost_in_library(library, t.describe())
    module = str(caller.f_globals.get("__name__"))
    array = "X.to_numpy()" if module.startswith("pandas") else "X.toarray()" if module.startswith("scipy.sparse") else ""
    product = f"{array} @ t" if array else "X @ t or np.dot(X, t)"
    return TypeError(
        f"an array of the values of {t.describe()} would lose its gradient, which array.dot(t), np.array([t, ...]), "
        f"np.asarray(t) and functions of other libraries would do without a word. Write {product} in place of "
        f"X.dot(t), {JOIN}, np.broadcast_to(t, shape) in place of np.full(shape, t), and t.data, t.numpy() or t.detach() for "
        "the values alone"
    )


def lost_as_number(t: Tensor, conversion: str) -> TypeError:
    """The error of `__float__` and its like, which are called by the function two frames up."""
    caller = sys._getframe(2)
    if assigns(caller):
        return show_instead(lost_in_assignment(t), caller)
    library = function_of_library(caller)
    if library is not None:
        return show_instead(lost_in_library(library, t.describe()), caller)
    error = TypeError(
        f"{conversion} of {t.describe()} would lose its gradient, as would functions that take numbers, such as "
        f"math.exp(t). Write np.exp(t) in place of math.exp(t), {JOIN}, and t.item() for the value alone"
    )
    return show_instead(error, caller)


def lost_in_assignment(t: Tensor) -> TypeError:
    return TypeError(
        f"a[i] = t writes the values of {t.describe()} into an array, where its gradient would be lost. Write "
        f"np.where(mask, t, a) for a with some entries replaced, {JOIN}, and a[i] = t.data for the values alone"
    )


def assigns(caller: FrameType) -> bool:
    """Whether `caller` is at an assignment to an item, such as ``a[i] = t``."""
    return caller.f_lasti >= 0 and opname[caller.f_code.co_code[caller.f_lasti]] in ("STORE_SUBSCR", "STORE_SLICE")


def show_instead(error: TypeError, caller: FrameType) -> TypeError:
    """Return `error`, and make sure that `caller` sees it even where NumPy replaces it by an error of its own.

    NumPy makes "setting an array element with a sequence" of whatever is raised where a single entry is set, and "Error
    setting single item of array", without ours as its cause. Nothing keeps it from doing so: a trace function exchanges the
    two where NumPy's arrives. One of a debugger, or of what measures coverage, is left alone, and NumPy's error then stays.
    """
    held, instruction = [error], caller.f_lasti

    def exchange(frame: FrameType, event: str, raised: Any) -> None:
        sys.settrace(None)
        frame.f_trace = None
        error = held.pop()
        replaced = event == "exception" and frame.f_lasti == instruction and raised[0] is ValueError
        del raised  # it refers to `error`, whose traceback refers to this frame
        if replaced:
            try:
                raise error
            finally:
                del error

    if sys.gettrace() is None:
        caller.f_trace = exchange
        sys.settrace(lambda *_: None)  # no other frame is of interest
    return error
