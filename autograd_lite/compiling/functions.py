"""What is known of NumPy's functions: which of them a replay may call, what decides how large their results are, which may raise.

A function that is not named here is refused.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

SIZES = "sizes must not depend on values: use np.where, or a product with the mask"


def item_of(x: Any, *args: int) -> Any:
    return x.item(*args)


def freeze(x: Any) -> None:
    x.flags.writeable = False


def numpy_functions(*names: str, module: Any = np) -> set[Any]:
    """The functions by these names, as far as this version of NumPy has them."""
    return {getattr(module, name) for name in " ".join(names).split() if hasattr(module, name)}


def method_of(name: str) -> Callable[..., Any]:
    """The method of an array by this name."""

    def method(x: Any, *args: Any, **keywords: Any) -> Any:
        return getattr(x, name)(*args, **keywords)

    method.__name__ = name
    return method


METHODS: dict[str, Callable[..., Any]] = {
    name: method_of(name) for name in (
        "all any argmax argmin argsort astype conj conjugate copy cumprod cumsum diagonal dot flatten max mean min prod ravel "
        "repeat reshape round searchsorted squeeze std sum swapaxes take trace transpose var view"
    ).split()
}  # fmt: skip
FUNCTIONS = numpy_functions(
    "all allclose amax amin angle any append apply_over_axes argmax argmin argpartition argsort around array_equal array_equiv",
    "array_split astype atleast_1d atleast_2d atleast_3d average block broadcast_arrays broadcast_to choose clip column_stack",
    "concatenate concat convolve copy corrcoef correlate count_nonzero cov cross cumprod cumsum cumulative_prod cumulative_sum",
    "diag diagflat diagonal diff digitize dot dsplit dstack ediff1d einsum empty_like expand_dims fix flip fliplr flipud full_like",
    "gradient hsplit hstack i0 imag inner interp isclose iscomplex isin isneginf isposinf isreal kron matrix_transpose max mean",
    "median meshgrid min moveaxis nan_to_num nanargmax nanargmin nancumprod nancumsum nanmax nanmean nanmedian nanmin nanprod",
    "nanquantile nanstd nansum nanvar ones_like outer pad partition percentile permute_dims polyval prod ptp quantile ravel real",
    "repeat reshape resize roll rollaxis rot90 round row_stack searchsorted select sinc sort split squeeze stack std sum swapaxes",
    "take take_along_axis tensordot tile trace transpose trapezoid tril triu unstack unwrap vander var vdot vecdot vsplit vstack",
    "where zeros_like linspace logspace geomspace ix_ ravel_multi_index unravel_index",
) | numpy_functions(
    "cholesky cond cross det diagonal eig eigh eigvals eigvalsh inv matmul matrix_norm matrix_power matrix_transpose multi_dot",
    "norm outer pinv qr slogdet solve svd svdvals tensordot tensorinv tensorsolve trace vecdot vector_norm", module=np.linalg,
) | {f for f in vars(np.fft).values() if hasattr(f, "_implementation")}  # fmt: skip
"""Functions of their arguments alone."""
OF_SHAPES = numpy_functions(
    "shape ndim size iscomplexobj isrealobj result_type can_cast broadcast_shapes common_type min_scalar_type isscalar",
    "promote_types issubdtype",
)
"""Functions that ask for nothing but shapes and dtypes."""
INTO_FIRST = numpy_functions("copyto put place putmask fill_diagonal put_along_axis")
"""Functions that write to their first argument."""
SIZED_BY_VALUES = numpy_functions(
    "zeros ones empty full arange eye identity tri linspace logspace geomspace tile pad resize reshape split array_split",
    "broadcast_to",
)
"""Functions whose first argument too may say how large the result is."""
SIZED_BY_SHAPES = {operator.setitem} | numpy_functions(
    "array asarray asanyarray where clip round around nan_to_num isclose allclose array_equal roll select interp searchsorted",
    "digitize isin full_like zeros_like ones_like empty_like astype copy",
)  # fmt: skip
"""Functions whose results are as large as the shapes of their arguments say, whatever the numbers among these are."""
OF_ENTRIES = {METHODS["dot"], METHODS["take"], METHODS["searchsorted"]} | numpy_functions(
    "take take_along_axis dot outer inner tensordot einsum kron convolve correlate cross concatenate stack hstack vstack dstack",
    "column_stack append cov corrcoef polyval average choose vdot vecdot linspace ix_",
)
"""Functions to which arrays of integers are operands or indices."""
RAISING = {
    METHODS["take"], METHODS["repeat"],
    operator.truediv, operator.floordiv, operator.mod, operator.pow, operator.lshift, operator.rshift,
} | numpy_functions(
    "average nanargmax nanargmin digitize take take_along_axis put put_along_axis choose select quantile percentile nanquantile",
    "interp unravel_index ravel_multi_index repeat",
)  # fmt: skip
"""Functions that raise an exception for some values of arrays."""
ON_VALUES = {operator.getitem, METHODS["transpose"], METHODS["reshape"], METHODS["swapaxes"], METHODS["dot"]}
"""Functions besides the ufuncs that are known not to write to their arguments."""
