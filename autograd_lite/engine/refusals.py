"""What to write in the place of a function that has no derivative here: one table for the errors and for the reference.

A function stands under its own name or under that of its module.
"""

from __future__ import annotations

import sys
from types import FrameType

INSTEAD: dict[str, str] = {}
for names, advice in (
    ("np.fft scipy.fft scipy.fftpack", "multiply by the matrix of the transform, np.fft.fft(np.eye(n), axis=0) @ t or the same of "
     "another one, for two axes on both sides, and take np.real or np.abs"),
    ("np.fft.fftshift np.fft.ifftshift scipy.fft.fftshift scipy.fft.ifftshift",
     "use np.roll(t, n // 2) for an even number of entries"),
    ("np.linalg.eig np.linalg.eigvals scipy.linalg.eig scipy.linalg.eigvals",
     "use np.linalg.eigh for symmetric matrices; eigenvalues of others are complex in general"),
    ("np.linalg.tensorinv np.linalg.tensorsolve", "use np.linalg.inv and np.linalg.solve of reshaped Tensors"),
    ("np.unique np.unique_all np.unique_counts np.unique_inverse np.unique_values np.union1d np.intersect1d np.setdiff1d "
     "np.setxor1d np.trim_zeros", "find with t.data which entries they are, and write t[indices]"),
    ("np.nanmedian np.nanquantile np.nanpercentile", "leave out what is missing: np.quantile(t[~np.isnan(t)], q)"),
    ("np.poly np.polyadd np.polyder np.polydiv np.polyint np.polymul np.polysub np.roots np.polyfit np.polynomial",
     "use np.polyval, np.convolve for products, and np.linalg.lstsq(np.vander(x, n), y) to fit"),
    ("np.histogram np.histogram2d np.histogramdd np.histogram_bin_edges np.bincount",
     "count t.data, since numbers of entries have no derivative; np.equal.outer(bins, i) @ t adds up t by its bins"),
    ("np.apply_over_axes", "call the function with axis="),
    ("np.choose", "use np.select or np.take_along_axis"),
    ("np.sort_complex", "sort real numbers, with np.sort"),
    ("np.frexp np.nextafter np.spacing", "compute with t.data, since how a number is stored has no derivative"),
    ("np.vectorize np.frompyfunc np.fromiter", "write the function for arrays, or np.stack its results"),
    ("np.ma", "fill what is masked first, as in data.filled(0.0)"),
    ("np.random", "draw from the standard distribution, and compute with the numbers: mean + deviation * rng.normal(size=n)"),
    ("scipy.special.logsumexp", "use ag.logsumexp(t, axis)"),
    ("scipy.special.softmax", "use ag.softmax(t, axis)"),
    ("scipy.special.log_softmax", "use ag.log_softmax(t, axis)"),
    ("scipy.special.polygamma", "use (-1) ** (n + 1) * math.factorial(n) * scipy.special.zeta(n + 1, t)"),
    ("scipy.special.exp10", "use 10.0 ** t"),
    ("scipy.special.multigammaln", "use np.sum(scipy.special.gammaln(t - np.arange(d) / 2)) + d * (d - 1) / 4 * np.log(np.pi)"),
    ("scipy.integrate", "write the steps on Tensors, as examples/neural_ode.py does; np.trapezoid integrates values"),
    ("scipy.optimize", "hand it functions of arrays: minimize(ag.value_and_grad(f), x, jac=True)"),
    ("scipy.stats", "write the density in two lines, see docs/statistics.md"),
    ("scipy.linalg", "use the function of np.linalg, where there is one"),
    ("scipy.interpolate", "use np.interp"),
    ("scipy.sparse", "multiply by an array, X.toarray() @ t"),
    ("scipy.signal", "use np.convolve or np.correlate"),
):
    INSTEAD.update(dict.fromkeys(names.split(), advice))


def instead_of(name: str) -> str | None:
    """What to write in place of the function of this name, or of any in its module."""
    while name and name not in INSTEAD:
        name = name.rpartition(".")[0]
    return INSTEAD.get(name)


def function_of_library(frame: FrameType | None) -> str | None:
    """The public name of the function of SciPy in whose midst `frame` is, if it is in one."""
    found = None
    while frame is not None and str(frame.f_globals.get("__name__")).split(".")[0] in ("numpy", "scipy"):
        parts = frame.f_globals["__name__"].split(".")
        name = frame.f_code.co_name
        name = type(frame.f_locals.get("self")).__name__ if name == "__init__" else name
        place = next((place for place in (".".join(parts[:2]), parts[0]) if hasattr(sys.modules.get(place), name)), None)
        if place is None and len(parts) > 1 and not parts[1].startswith("_") and not name.startswith("_"):
            place = ".".join(parts[:2])  # a method, such as logpdf of scipy.stats
        if place is not None:
            found = f"{place}.{name}"
        frame = frame.f_back
    return None if found is None or found.startswith("numpy") else found


def lost_in_library(name: str, what: str) -> TypeError:
    """The error of a function of a library that asks for the values of a Tensor, described by `what`."""
    advice = instead_of(name)
    instead = f"Instead {advice}; or" if advice else "Compute it from operations on Tensors, or"
    return TypeError(
        f"{name} computes with the values of {what}, whose gradient would be lost. {instead} write t.data, t.numpy() or "
        "t.detach() for the values alone"
    )
