"""How exact the rows are over the whole range of float32 and float64, what they give at infinity and NaN, and who warns."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ulps import DTYPES, NAMES, ONE, TWO, VECTORS, measured, numbers, table

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.table import elementwise

SAID = table()
NOT_MEASURED = {  # exact by what they are, or of other functions
    "copy", "identity", "positive", "conj", "real", "imag", "fabs", "fmax", "fmin", "floor", "ceil", "rint", "trunc", "sign",
    "round", "heaviside", "floor_divide", "remainder", "fmod", "float_power", "where", "clip", "nan_to_num", "astype",
    "direction", "side", "undefined", "power_of_log",
}  # fmt: skip


def test_every_elementwise_row_is_measured() -> None:
    source = Path(elementwise.__file__).read_text(encoding="utf8")
    rows = set(re.findall(r'elementwise_operation\(\s*"(\w+)"', source))
    assert len(rows) > 50 and rows - NOT_MEASURED == {*ONE, *TWO} - {"fmax", "fmin"}
    assert set(SAID) == set(NAMES)


@pytest.mark.parametrize("n", [1, pytest.param(100, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", NAMES)
def test_errors_are_as_the_page_says(name: str, n: int) -> None:
    """Within four times that, as other numbers are drawn and other machines round otherwise; where digits cancel, a hundred."""
    for k, dtype in enumerate(DTYPES):
        errors = measured(name, dtype, n if name not in VECTORS else 3 * n)
        for (error, where), said in zip(errors, SAID[name][3 * k :]):
            bound = np.inf if said == "∞" else 4 * float(said) + 1 if float(said) < 5 else 100 * float(said)
            assert error <= bound, f"{error} ulp instead of {said} at {where} in {np.dtype(dtype)}"


def shifted(x: Any) -> Any:
    return np.exp(x - np.max(x))


def said_by(f: Callable[[], Any]) -> set[str]:
    """What NumPy warns of: overflow, divide by zero, invalid value."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        f()
    return {str(w.message).split(" encountered")[0] for w in found}


NUMPYS: dict[str, Callable[..., Any] | None] = {  # the same in NumPy, of those that NumPy lacks
    "sigmoid": None, "softplus": lambda x: np.logaddexp(x, x.dtype.type(0)), "relu": lambda x: np.maximum(x, 0),
    "softmax": shifted, "log_softmax": shifted, "logsumexp": shifted,
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_warnings_are_numpys(name: str) -> None:
    """One number at a time: recording and sweep warn of nothing that NumPy's function does not warn of."""
    f = (ONE.get(name) or TWO.get(name) or VECTORS[name]).function
    plain = NUMPYS.get(name, f)
    for dtype in DTYPES:
        info = np.finfo(dtype)
        points = [0.0, info.smallest_subnormal, info.tiny, 1.0, 800.0, info.max, np.inf]
        points = [*points, *(-x for x in points), np.nan]
        others = [0.0, 0.5, -2.0, info.max, np.inf, np.nan] if name in TWO else [0.0]
        for x in points:
            for y in others:
                arrays = [np.array([a], dtype) for a in (x, y)[: 1 + (name in TWO)]]
                tensors = [Tensor(a, requires_grad=True) for a in arrays]

                def differentiated() -> None:
                    result = f(*tensors)
                    ag.gradients(result, tensors, np.ones(result.shape, dtype))

                allowed = said_by(lambda: plain(*arrays)) if plain is not None else set()
                assert said_by(differentiated) <= allowed, f"at {x}, {y} in {np.dtype(dtype)}"


CONSTANT_AT_NAN = {"relu", "negative", "deg2rad", "rad2deg"}


@pytest.mark.parametrize("name", ONE)
def test_infinity_and_nan(name: str) -> None:
    """Values are those of NumPy, signs of zeros too; NaN stays NaN, and where there is a value there is a derivative."""
    row = ONE[name]
    for dtype in DTYPES:
        x = np.concatenate([np.array([0.0, -0.0, np.inf, -np.inf, np.nan], dtype), numbers(dtype, 2, row)])
        t = Tensor(x, requires_grad=True)
        with np.errstate(all="ignore"):
            y = row.function(t)
            expected = row.function(x)
        np.testing.assert_array_equal(y.data, expected)
        np.testing.assert_array_equal(np.signbit(y.data), np.signbit(expected))
        slope = ag.gradients(y, t, np.ones(y.shape, dtype))
        wrong = np.isnan(slope) & ~np.isnan(expected)
        assert not np.any(wrong), f"at {x[wrong]}"
        assert np.isnan(slope[4]) or name in CONSTANT_AT_NAN
