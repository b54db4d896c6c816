"""How exactly dtypes hold numbers, how large these are, and how far apart."""

from __future__ import annotations

from math import nan
from typing import Any

import numpy as np

from autograd_lite.engine.tensor import Array


def widen(x: Array) -> Array:
    """A copy in float64 at least: rounding is the enemy of differences."""
    return x.astype(np.result_type(x.dtype, float))


def gaps(manual: Array, automatic: Array) -> tuple[Array, Array, Array]:
    """Both in a dtype in which neither float16 nor an integer overflows, and how far apart their entries are."""
    wide = np.result_type(manual, automatic, float)
    m, a = manual.astype(wide), automatic.astype(wide)
    with np.errstate(all="ignore"):
        return m, a, np.asarray(np.where(m == a, 0.0, np.abs(m - a)))  # equal infinities do not differ


def largest_entry(x: Array) -> float:
    """The largest absolute value among the finite entries."""
    with np.errstate(all="ignore"):
        return float(np.max(np.abs(x), initial=0.0, where=np.isfinite(x)))


def precision_of(*arrays: Array) -> float:
    """The distance from 1 to the next number in the coarsest of the dtypes; 0 for integers, which are exact."""
    return max(float(np.finfo(x.dtype).eps) if x.dtype.kind in "fc" else 0.0 for x in arrays)


def ulps(m: Any, a: Any, gap: float, *dtypes: np.dtype[Any]) -> float:
    """The gap in units in the last place of the larger value, in the coarser dtype."""
    kinds = [dtype for dtype in dtypes if dtype.kind in "fc"]
    if gap == 0 or not kinds:
        return 0.0 if gap == 0 else nan
    info = np.finfo(max(kinds, key=lambda dtype: np.finfo(dtype).eps))
    size = max(abs(m), abs(a))
    if not np.isfinite(size) or not np.isfinite(gap):
        return nan
    unit = np.spacing(min(max(size, info.tiny), info.max).astype(info.dtype))
    return float(np.longdouble(gap) / unit)
