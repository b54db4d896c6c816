"""What goes into a network: columns are samples, so a batch has shape ``(features, batch)``; or rows, where a network
was made so.

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


def are_rows(samples: str) -> bool:
    """Whether samples are rows.

    Raises
    ------
    ValueError
        If they are neither rows nor columns.
    """
    if samples not in ("columns", "rows"):
        raise ValueError(f"samples are 'columns' or 'rows', not {samples!r}")
    return samples == "rows"


def as_plain(x: Any, dtype: npt.DTypeLike | None = None) -> Array:
    """The array of a Tensor, of an array or of nested lists; a mask is refused, as by a Tensor."""
    if isinstance(x, np.ndarray) and type(x) is not np.ndarray:
        x = ag.as_tensor(x)
    return np.asarray(x.data if isinstance(x, Tensor) else x, dtype)


def as_inputs(x: npt.ArrayLike | Tensor, features: int, dtype: np.dtype[Any], rows: bool = False) -> Tensor:
    """The input a⁰ of a network, of its dtype, as columns; shares the memory of x where no conversion is needed.

    Raises
    ------
    ValueError
        If x is not of shape ``(features, batch)``, or ``(batch, features)`` if samples are rows.
    """
    try:
        a0 = ag.as_tensor(x, name="a0")
    except (TypeError, ValueError) as error:
        raise type(error)(f"x holds the inputs: {error}") from error
    data = a0.data
    if data.ndim != 2 or data.shape[1 if rows else 0] != features:
        refuse_inputs(data.shape, features, rows)
    a0 = a0 if data.dtype is dtype else convert("x", a0, dtype)
    return transpose(a0) if rows else a0


def as_targets(y: npt.ArrayLike | Tensor, a: Tensor, labels: bool = False, rows: bool = False) -> Tensor:
    """The targets that belong to the outputs a, of their dtype.

    Parameters
    ----------
    labels : bool
        Whether the numbers of classes, of shape ``(batch,)``, stand for columns of 0s and a 1.
    rows : bool
        Whether both were rows before, in which form errors show their shapes.

    Raises
    ------
    ValueError
        If y is not of the shape of a.
    """
    target = ag.as_tensor(y, name="y")
    data, outputs = target.data, a.data
    if labels and data.ndim == 1 and outputs.shape[1:] == data.shape:
        target = ag.as_tensor(one_hot(data, len(outputs)), dtype=outputs.dtype, name="y")
    elif data.shape != outputs.shape:
        refuse_targets(data, outputs.shape, rows)
    return target if target.dtype is outputs.dtype else convert("y", target, outputs.dtype)


def as_generator(seed: Any) -> np.random.Generator:
    """The generator of random numbers that a seed stands for."""
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError) as error:
        raise type(error)(f"seed is a whole number from 0 up, a generator or None, not {seed!r}") from error


def one_hot(labels: Array, classes: int) -> Array:
    """A column for each label: a 1 at its number, 0 elsewhere; of shape (classes, batch)."""
    if labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels are whole numbers from 0 to {classes - 1}, not of dtype {labels.dtype}: write y.astype(int)"
        )
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        wrong = labels[(labels < 0) | (labels >= classes)][0]
        raise ValueError(f"the label {wrong} is none of the {classes} classes 0 to {classes - 1} of the network")
    return np.eye(classes)[:, labels]


def transpose(t: Tensor) -> Tensor:
    """The transpose, recorded only if t is part of a graph."""
    return t.T if t.requires_grad else ag.as_tensor(t.data.T, name=t.name)


def convert(what: str, t: Tensor, dtype: np.dtype[Any]) -> Tensor:
    if t.dtype == dtype:
        return t
    if t.dtype.kind not in "biuf":
        raise TypeError(f"{what} holds real numbers, not data of dtype {t.dtype}")
    if t.requires_grad:
        return t.astype(dtype)
    return ag.as_tensor(t.data, dtype=dtype, name=t.name)


def refuse_inputs(shape: tuple[int, ...], features: int, rows: bool = False) -> NoReturn:
    """Say what is wrong with the shape of the inputs."""
    help = ""
    if len(shape) == 2 and shape[0 if rows else 1] == features:
        help = f": write x.T, so that each {'row' if rows else 'column'} is a sample"
        if not rows:
            help += ", or make the network with samples='rows'"
    elif shape == (features,):
        help = f": write {'x[None, :]' if rows else 'x[:, None]'} for a single sample"
    expected = f"(batch, features) = (batch, {features})" if rows else f"(features, batch) = ({features}, batch)"
    raise ValueError(f"x has shape {shape}, expected {expected}{help}")


def refuse_targets(y: Array, expected: tuple[int, ...], rows: bool = False) -> NoReturn:
    """Say what is wrong with the shape of the targets, which are columns here; with `rows`, they came as rows."""
    sample, form = ("row", "(batch, features)") if rows else ("column", "(features, batch)")
    one_output, one_sample = ("y[:, None]", "y[None, :]") if rows else ("y[None, :]", "y[:, None]")
    if y.ndim == 2 and y.T.shape == expected:
        help = f": write y.T, so that each {sample} is a sample"
    elif y.ndim == 1 and (1, y.size) == expected:
        help = f": write {one_output}"
    elif y.ndim == 1 and (y.size,) == expected[1:] and y.dtype.kind in "iu":
        classes = f"np.eye({expected[0]})[y]{'' if rows else '.T'}"
        help = f": write {classes} to turn the number of a class into a {sample} of 0s and a 1"
    elif y.ndim == 1 and (y.size,) == expected[1:]:
        help = ": write y.astype(int) if these are numbers of classes"
    elif y.ndim == 1 and (y.size, 1) == expected:
        help = f": write {one_sample} for a single sample"
        help += "" if rows else ", or say samples='rows' if these are the outputs of a network of rows"
    elif y.ndim == 2 and 1 in y.shape and (y.size,) == expected[1:]:
        help = ": write y.ravel() if these are numbers of classes"
    else:
        help = ""
    shape, outputs = (y.shape[::-1], expected[::-1]) if rows else (y.shape, expected)
    raise ValueError(f"y has shape {shape}, expected the shape {outputs} of the outputs, {form}{help}")
