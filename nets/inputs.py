"""What goes into a network: columns are samples, so a batch has shape ``(features, batch)``.

NumPy would broadcast most arrays of another shape, and a network would train on nonsense without a word. Hence
shapes are checked where arrays enter, once.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

Array = np.ndarray[Any, Any]


def as_inputs(x: npt.ArrayLike | Tensor, features: int, dtype: np.dtype[Any]) -> Tensor:
    """The input a⁰ of a network, of its dtype; shares the memory of x where no conversion is needed.

    Raises
    ------
    ValueError
        If x is not of shape ``(features, batch)``.
    """
    a0 = ag.as_tensor(x, name="a0")
    data = a0.data
    if data.ndim != 2 or len(data) != features:
        refuse_inputs(data.shape, features)
    return a0 if data.dtype is dtype else converted("x", a0, dtype)


def as_targets(y: npt.ArrayLike | Tensor, a: Tensor) -> Tensor:
    """The targets that belong to the outputs a, of their dtype.

    Raises
    ------
    ValueError
        If y is not of the shape of a.
    """
    target = ag.as_tensor(y, name="y")
    data, outputs = target.data, a.data
    if data.shape != outputs.shape:
        refuse_targets(data, outputs.shape)
    return target if data.dtype is outputs.dtype else converted("y", target, outputs.dtype)


def converted(what: str, t: Tensor, dtype: np.dtype[Any]) -> Tensor:
    if t.dtype == dtype:
        return t
    if t.dtype.kind not in "biuf":
        raise TypeError(f"{what} holds real numbers, not data of dtype {t.dtype}")
    if t.requires_grad:
        return t.astype(dtype)
    return ag.as_tensor(t.data, dtype=dtype, name=t.name)


def refuse_inputs(shape: tuple[int, ...], features: int) -> NoReturn:
    """Say what is wrong with the shape of the inputs."""
    help = ""
    if len(shape) == 2 and shape[1] == features:
        help = ": write x.T, so that each column is a sample"
    elif shape == (features,):
        help = ": write x[:, None] for a single sample"
    raise ValueError(f"x has shape {shape}, expected (features, batch) = ({features}, batch){help}")


def refuse_targets(y: Array, expected: tuple[int, ...]) -> NoReturn:
    """Say what is wrong with the shape of the targets."""
    help = ""
    if y.ndim == 2 and y.T.shape == expected:
        help = ": write y.T, so that each column is a sample"
    elif y.ndim == 1 and (1, y.size) == expected:
        help = ": write y[None, :]"
    elif y.ndim == 1 and (y.size,) == expected[1:] and y.dtype.kind in "iu":
        help = f": write np.eye({expected[0]})[y].T to turn the number of a class into a column of 0s and a 1"
    elif y.ndim == 1 and (y.size, 1) == expected:
        help = ": write y[:, None] for a single sample"
    raise ValueError(f"y has shape {y.shape}, expected the shape {expected} of the outputs, (features, batch){help}")
