"""No gradient is lost behind one's back: the ways out of a Tensor have names, and all others are closed."""

from __future__ import annotations

import array
import cmath
import ctypes
import importlib
import inspect
import math
import operator
import statistics
import sys
import warnings
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from oracles import moved

import autograd_lite as ag
from autograd_lite import Tensor

X = np.array([[1.0, 2.0], [3.0, 4.0]])


@pytest.fixture
def w() -> Tensor:
    return Tensor([1.0, 2.0], requires_grad=True, name="w")


def refused(call: Callable[[], Any], *says: str) -> None:
    """`call` raises TypeError with all of these words in it, also where NumPy makes a ValueError of it."""
    with pytest.raises(TypeError) as info:
        call()
    for words in says:
        assert words in str(info.value), str(info.value)
    assert sys.gettrace() is None


def assign(a: Any, key: Any, value: Any) -> None:
    a[key] = value


# Each by its name -------------------------------------------------------------------------------------------


def test_a_method_of_an_array_does_not_lose_the_term_of_a_tensor(w: Tensor) -> None:
    refused(lambda: X.dot(w), "w of shape (2,)", "X @ t or np.dot(X, t) in place of X.dot(t)")
    for product in (lambda: X @ w, lambda: np.dot(X, w)):
        w.zero_grad()
        (np.sum(product()) + np.sum(w**2)).backward()
        np.testing.assert_array_equal(w.grad, [6, 10])


CONVERSIONS: dict[str, Callable[[Tensor], Any]] = {
    "asarray": lambda w: np.asarray(w),
    "array": lambda w: np.array(w),
    "array of entries": lambda w: np.array([w[0], 1.0]),
    "nested array": lambda w: np.array([[w[0], 1.0], [0.0, w[1]]]),
    "array of dtype": lambda w: np.array([w[0], w[1]], dtype=np.float32),
    "mean of a list": lambda w: np.mean([w[0], w[1]]),
    "reduce of a list": lambda w: np.maximum.reduce([w, w]),
    "matmul of a list": lambda w: X @ list(w),
    "full": lambda w: np.full(3, w[0]),
    "full of a list": lambda w: np.full(2, [w[0], w[1]]),
    "vectorize": lambda w: np.vectorize(lambda x: 2 * x)(w),
    "r_": lambda w: np.r_[w, 1.0],
    "c_": lambda w: np.c_[w, w],
    "polynomial": lambda w: np.polynomial.Polynomial(w)(2.0),
    "polyval": lambda w: np.polynomial.polynomial.polyval(2.0, w),
    "float64": lambda w: np.float64(w[0]),
    "searchsorted": lambda w: X[0].searchsorted(w),
    "put": lambda w: np.zeros(2).put([0], w[0]),
    "index": lambda w: X[w],
    "random": lambda w: np.random.default_rng(0).normal(w),
    "masked": lambda w: np.ma.array(w),
    "ndenumerate": lambda w: list(np.ndenumerate(w)),
}
NUMBERS: dict[str, Callable[[Tensor], Any]] = {
    "float": lambda w: float(w[0]),
    "int": lambda w: int(w[0]),
    "complex": lambda w: complex(w[0]),
    "math.exp": lambda w: math.exp(w[0]),
    "math.fsum": lambda w: math.fsum(w),
    "cmath.exp": lambda w: cmath.exp(w[0]),
    "percent": lambda w: "%.3f" % w[0],
    "array.array": lambda w: array.array("d", w),
    "fmean": lambda w: statistics.fmean(w),
    "fill": lambda w: np.zeros(2).fill(w[0]),
    "fromiter": lambda w: np.fromiter(w, float),
}
ASSIGNMENTS: dict[str, Callable[[Tensor], Any]] = {
    "item": lambda w: assign(np.zeros(3), 0, w[0]),
    "row": lambda w: assign(np.zeros((3, 2)), 0, w),
    "slice": lambda w: assign(np.zeros(2), slice(None), w),
    "mask": lambda w: assign(np.zeros(2), np.array([True, True]), w),
    "entry of a matrix": lambda w: assign(np.zeros((2, 2)), (0, 1), w[0]),
    "list": lambda w: assign(np.zeros(2), slice(None), list(w)),
}


@pytest.mark.parametrize("inside", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["outside", "inside of grad"])
@pytest.mark.parametrize("name", [*CONVERSIONS, *NUMBERS, *ASSIGNMENTS])
def test_conversions_are_refused_with_the_remedy(name: str, inside: bool, w: Tensor) -> None:
    def check(t: Tensor) -> Any:
        if name in CONVERSIONS:
            remedies = "np.stack([...]) or ag.array([[...]])", "t.data", "t.detach()", "X @ t", "np.full(shape, t)"
            refused(lambda: CONVERSIONS[name](t), *remedies)
        elif name in NUMBERS:
            refused(lambda: NUMBERS[name](t), "np.exp(t) in place of math.exp(t)", "ag.array([[...]])", "t.item()")
        else:
            refused(lambda: ASSIGNMENTS[name](t), "a[i] = t", "np.where(mask, t, a)", "ag.array([[...]])", "a[i] = t.data")
        return np.sum(t)

    if inside:
        np.testing.assert_array_equal(ag.grad(check)(w.data), [1, 1])
    else:
        check(w)


@pytest.mark.parametrize("name", [*CONVERSIONS, *NUMBERS, *ASSIGNMENTS])
def test_conversions_work_under_no_grad_and_without_a_gradient_as_for_arrays(name: str, w: Tensor) -> None:
    call = {**CONVERSIONS, **NUMBERS, **ASSIGNMENTS}[name]
    if name == "index":
        w = Tensor([1, 0])
    expected = call(w.data)
    results = [call(w.detach())]
    with ag.no_grad():
        results.append(call(w))
    for result in results:
        if expected is None or not isinstance(expected, (np.ndarray, float, str)):
            continue
        if name == "random":
            assert np.shape(result) == np.shape(expected)
        else:
            np.testing.assert_array_equal(result, expected)


def test_what_is_written_into_an_array_by_a_function_of_numpy_is_refused(w: Tensor) -> None:
    a = np.zeros(2)
    for call in (
        lambda: np.copyto(a, w), lambda: np.putmask(a, a == 0, w), lambda: np.place(a, a == 0, w),
        lambda: np.put(a, [0], w[0]), lambda: np.put_along_axis(a, np.array([0]), w[:1], 0),
    ):  # fmt: skip
        refused(call, "np.where(mask, t, a)", "t.data")
    refused(lambda: np.fill_diagonal(X.copy(), w), "np.where(mask, t, a)")
    np.testing.assert_array_equal(a, [0, 0])


def test_functions_of_numpy_without_a_rule_work_where_there_is_no_gradient_to_lose(w: Tensor) -> None:
    c, a = w.detach(), np.zeros(2)
    calls: list[tuple[Callable[[Any], Any], Any]] = [
        (lambda t: np.nanquantile(t, 0.5), 1.5), (lambda t: np.fft.fft(t), [3, -1]), (lambda t: np.roots(t), [-2]),
        (lambda t: np.add.reduceat(t, [0]), [3]), (lambda t: operator.iadd(a, t), [1, 2]),
        (lambda t: np.copyto(a, t), None), (lambda t: np.add.at(a, [0, 1], t), None), (lambda t: np.sum(t, out=np.zeros(())), 3),
    ]  # fmt: skip
    for call, expected in calls:
        with pytest.raises(TypeError):
            call(w)
        for t, context in ((c, ag.enable_grad()), (w, ag.no_grad())):
            a[...] = 0
            with context:
                result = call(t)
            assert not isinstance(result, Tensor)
            np.testing.assert_allclose(*((a, [1, 2]) if expected is None else (result, expected)))
    assert not np.trim_zeros(c).flags.writeable
    for write in (lambda: np.add.at(c, [0], 1.0), lambda: np.add(c, c, out=c), lambda: np.copyto(c, 1.0)):
        with pytest.raises(TypeError, match="np.add|np.copyto"):
            write()
    np.testing.assert_array_equal(w.data, [1, 2])
    clipped = ag.grad(lambda t: np.sum(np.array([1.0, 5.0]).clip(0, t)))(w.data)  # the ufunc behind has no public name
    np.testing.assert_array_equal(clipped, [0, 1])


def test_arrays_whose_operators_mean_something_else_are_refused(w: Tensor) -> None:
    masked = np.ma.array([1.0, 2.0], mask=[False, True])
    for call in (lambda: w * masked, lambda: np.add(w, masked), lambda: w.detach() * masked):
        refused(call, "has no mask", "data.filled(0.0)")
    holding = np.empty(2, object)  # Tensors, whose gradients nobody would see
    holding[0], holding[1] = w
    for call in (lambda: w * holding, lambda: np.add(w.detach(), holding), lambda: np.concatenate([w, holding])):
        refused(call, "operands are numbers, arrays of numbers and Tensors")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        matrix = np.asmatrix(X)
    for call in (lambda: w * matrix, lambda: w @ matrix, lambda: matrix * w, lambda: np.multiply(matrix, w)):
        refused(call, "np.asarray(m)")


@pytest.mark.parametrize("dtype", [float, np.float16, np.float32, np.longdouble, complex, np.complex64, int, np.uint8, bool])
def test_a_single_entry_of_any_dtype_is_not_set_without_a_word(dtype: Any) -> None:
    """NumPy puts "setting an array element with a sequence" in the place of what is raised where it asks for a number."""
    for shape in ((), (1,), (2, 2)):
        t = Tensor(np.full(shape, 1.5), requires_grad=True)
        a, b = np.zeros(2, dtype), np.zeros((2, 2), dtype)
        remedies = "a[i] = t", "np.where(mask, t, a)", "a[i] = t.data"
        for target, key in ((a, 0), (b, (0, 1)), (b, 0), (a, ...), (np.zeros((), dtype), ()), (a.flat, 0), (a.flat, slice(0, 1))):
            refused(lambda: assign(target, key, t), *remedies)
        for write in (lambda: np.put(a, [0], t), lambda: np.place(a, [True, False], t), lambda: np.copyto(b, t)):
            refused(write, "np.where(mask, t, a)", "t.data")
        refused(lambda: a.put([0], t), "t.data")
        for call in (lambda: np.full(3, t, dtype), lambda: np.array([t, t], dtype), lambda: np.asarray(t, dtype)):
            refused(call, "np.broadcast_to(t, shape) in place of np.full(shape, t)", "t.data")
        if dtype is not bool:  # a truth value is no number
            refused(lambda: a.fill(t), "would lose its gradient", "t.item()")
            refused(lambda: np.fromiter((t for _ in range(2)), dtype), "would lose its gradient", "t.item()")
        assert not a.any() and not b.any()


def test_the_error_of_a_single_entry_is_exchanged_only_where_it_was_replaced(w: Tensor) -> None:
    """By a trace function, which stays nowhere: neither in the frame nor where C code swallows what we raise."""
    float_of = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.py_object)(float)

    def swallowed() -> Any:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(sys, "unraisablehook", lambda _: None)
            float_of(w[0])
        raise ValueError("a later one")

    with pytest.raises(ValueError, match="a later one"):
        swallowed()
    assert sys.gettrace() is None
    sys.settrace(tracer := lambda *_: None)  # that of a debugger
    try:
        with pytest.raises(ValueError, match="with a sequence") as info:
            np.zeros(2)[0] = w[0]
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(None)
    assert "np.where(mask, t, a)" in str(info.value.__cause__)


@pytest.mark.parametrize("symbol", ["+", "-", "*", "/", "**", "@", "//", "%"])
def test_in_place_operators_of_arrays_say_what_was_written(symbol: str, w: Tensor) -> None:
    name = {"+": "iadd", "-": "isub", "*": "imul", "/": "itruediv", "**": "ipow", "@": "imatmul", "//": "ifloordiv"}
    a = X.copy()
    square = Tensor(X, requires_grad=True)
    with pytest.raises(TypeError) as info:
        getattr(operator, name.get(symbol, "imod"))(a, square)
    assert str(info.value).startswith(f"a {symbol}= t would write a result without its history into a, the array")
    assert f"write a = a {symbol} t" in str(info.value)
    np.testing.assert_array_equal(a, X)


@pytest.mark.parametrize("symbol", ["+", "-", "*", "/", "**", "@", "//", "%"])
def test_in_place_operators_of_parameters_are_refused(symbol: str) -> None:
    name = {"+": "iadd", "-": "isub", "*": "imul", "/": "itruediv", "**": "ipow", "@": "imatmul", "//": "ifloordiv"}
    in_place = getattr(operator, name.get(symbol, "imod"))
    p = Tensor(X, requires_grad=True, name="p")
    for context in (ag.enable_grad(), ag.no_grad()):  # under no_grad, where others do it so, it is lost as well
        with context, pytest.raises(TypeError) as info:
            in_place(p, X)
        assert f"write p.data {symbol}= ..." in str(info.value)
    np.testing.assert_array_equal(p.data, X)
    plain = getattr(operator, name.get(symbol, "imod")[1:])
    for result in (p + 1, Tensor(X)):  # results and constants are rebound
        np.testing.assert_array_equal(in_place(result, X).data, plain(result, X).data)


def test_a_step_that_is_written_in_place_does_not_leave_the_cost_constant() -> None:
    p = Tensor([1.0, 2.0], requires_grad=True)
    np.sum(p**2).backward()
    with pytest.raises(TypeError, match=r"p.data -= \.\.\. to update it"):
        p -= 0.1 * p.grad
    p.data -= 0.1 * p.grad
    np.testing.assert_allclose(p.data, [0.8, 1.6])


def test_the_grad_of_a_result_warns_where_it_is_read(w: Tensor) -> None:
    y = w * 2
    np.sum(y).backward()
    says = r"'multiply' of shape \(2,\) has no grad.*leaves alone.*ag.gradients\(cost, \[t\]\)"
    with pytest.warns(UserWarning, match=says) as seen:
        assert y.grad is None
    assert seen[0].filename == __file__
    with warnings.catch_warnings(record=True) as seen_twice:
        warnings.simplefilter("default")
        for _ in range(3):
            y.grad  # noqa: B018
    assert len(seen_twice) == 1
    assert w.grad is not None and Tensor(1.0).grad is None


def test_sort_in_place_is_refused(w: Tensor) -> None:
    with pytest.raises(TypeError, match=r"t.sort\(\) sorts an array in place.*write np.sort\(t\)"):
        w.sort()
    np.testing.assert_array_equal(np.sort(-w).data, [-2, -1])


def test_methods_with_the_names_of_an_arrays_methods_do_what_those_do() -> None:
    """Values for positional arguments in NumPy's order, and nothing is changed in place."""
    data = np.array([[0.5, -1.25, 2.0], [3.0, 0.75, -0.5]])
    arguments: dict[str, list[tuple[Any, ...]]] = {
        "all": [(), (0,)], "any": [(), (1,)], "argmax": [(), (0,)], "argmin": [(), (1,)], "argsort": [(), (0,)],
        "astype": [(np.float32,), (np.float32, "C")], "clip": [(0, 1), (None, 1), (0,)], "copy": [()],
        "cumprod": [(), (0,)], "cumsum": [(), (1,)], "diagonal": [(), (1,), (0, 1, 0)], "dot": [(np.ones((3, 2)),)],
        "flatten": [(), ("F",)], "item": [], "max": [(), (0,)], "mean": [(), (0,)], "min": [(), (1,)], "prod": [(), (0,)],
        "ravel": [(), ("F",)], "repeat": [(2,), (2, 0), ([1, 2], 0)], "reshape": [(3, 2), ((3, 2),), (-1,)],
        "round": [(), (1,)], "squeeze": [()], "std": [(), (0,)], "sum": [(), (0,)], "swapaxes": [(0, 1)],
        "take": [([0, 2],), ([0, 2], 1)], "tolist": [()], "trace": [(), (1,)], "transpose": [(), (1, 0), ((1, 0),)],
        "var": [(), (0,)], "conj": [()], "conjugate": [()], "nonzero": [()], "compress": [([True, False], 0)],
        "searchsorted": [], "choose": [], "argpartition": [(1,)], "sort": [], "partition": [], "fill": [], "resize": [],
    }  # fmt: skip
    shared = {name for name in dir(Tensor) if not name.startswith("_") and callable(getattr(np.ndarray, name, None))}
    assert shared <= set(arguments), shared - set(arguments)
    for name in shared:
        for args in arguments[name]:
            t = Tensor(data, requires_grad=True)
            got, expected = getattr(t, name)(*args), getattr(data.copy(), name)(*args)
            got = got.data if isinstance(got, Tensor) else got
            np.testing.assert_array_equal(got, expected, err_msg=f"{name}{args}")
            np.testing.assert_array_equal(t.data, data)


def test_what_numpy_raises_stays_of_its_class(w: Tensor) -> None:
    with pytest.raises(np.exceptions.AxisError, match=r"sum of w of shape \(2,\)"):
        np.sum(w, axis=3)
    with pytest.raises(np.linalg.LinAlgError, match="inv of .*: Singular"):
        np.linalg.inv(np.outer(w, w))
    with pytest.raises(ValueError, match=r"add of w of shape \(2,\) and"):
        w + np.zeros(3)


def test_the_named_ways_out_stay_open(w: Tensor) -> None:
    for values in (w.data, w.numpy(), w.detach().data, np.asarray(w.detach()), np.array(w.tolist())):
        assert type(values) is np.ndarray
        np.testing.assert_array_equal(values, [1, 2])
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(w.detach())[0] = 1
    copy = np.array(w.detach())
    copy[0] = 5
    np.testing.assert_array_equal(w.data, [1, 2])
    assert w[0].item() == 1.0 and f"{w[0]:.2f}" == "1.00" and "1., 2." in str(w) and str(w.data) in np.array_str(w)


def test_values_can_be_written_to_files(w: Tensor, tmp_path: Any) -> None:
    np.save(tmp_path / "w.npy", w)
    np.savez(tmp_path / "w.npz", w=w)
    np.savetxt(tmp_path / "w.txt", w)
    np.testing.assert_array_equal(np.load(tmp_path / "w.npy"), [1, 2])
    np.testing.assert_array_equal(np.loadtxt(tmp_path / "w.txt"), [1, 2])


# ag.array ---------------------------------------------------------------------------------------------------


def test_array_joins_what_is_nested_with_its_history(w: Tensor) -> None:
    for nested, like in [
        (lambda a, b: [a, b], None), (lambda a, b: [[a, 0], [1, b]], None), (lambda a, b: ([a, 2.5], (b, 3)), None),
        (lambda a, b: [[[a]], [[b]]], None), (lambda a, b: [a], None), (lambda a, b: a, None), (lambda a, b: 3, None),
        (lambda a, b: [True, a], None), (lambda a, b: [np.float32(1), b], None), (lambda a, b: [], None),
    ]:  # fmt: skip
        got, expected = ag.array(nested(w[0], w[1])), np.array(nested(1.0, 2.0))
        values = got.data if isinstance(got, Tensor) else got
        np.testing.assert_array_equal(values, expected)
        assert values.dtype == expected.dtype
    joined = ag.array([[w, np.ones(2)], [[3, 4], w * w]])
    np.testing.assert_array_equal(joined.data, [[[1, 2], [1, 1]], [[3, 4], [1, 4]]])
    np.testing.assert_array_equal(ag.gradients(np.sum(joined * np.arange(8.0).reshape(2, 2, 2)), w), [0 + 6 * 2, 1 + 7 * 4])
    turned = ag.jacobian(lambda a: ag.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]))(0.3)
    np.testing.assert_allclose(turned, [[-np.sin(0.3), -np.cos(0.3)], [np.cos(0.3), -np.sin(0.3)]])


def test_array_keeps_the_dtype_of_numpy(w: Tensor) -> None:
    single = Tensor([1.0], requires_grad=True, dtype=np.float32)
    assert ag.array([single[0], single[0]]).dtype == np.float32
    assert ag.array([single[0], 1.0]).dtype == np.array([np.float32(1), 1.0]).dtype == np.float64
    assert ag.array([w[0], 1.0], dtype=np.float32).dtype == np.float32
    assert type(ag.array([[1, 2], [3, 4]])) is np.ndarray
    with ag.no_grad():
        assert not ag.array([w[0], 1.0]).requires_grad


def test_array_says_where_it_is_ragged(w: Tensor) -> None:
    with pytest.raises(ValueError, match=r"entry \[1\]\[0\] has shape \(\) and \[1\]\[1\] has shape \(2,\)"):
        ag.array([[w[0], 1.0], [w[0], w]])
    with pytest.raises(ValueError, match=r"entry \[0\] has shape \(2,\) and \[1\] has shape \(1,\)"):
        ag.array([[w[0], 1.0], [2.0]])
    with pytest.raises(TypeError, match="cannot compute with str 'a'"):
        ag.array([w[0], "a"])
    endless: list[Any] = [w]
    endless.append(endless)
    with pytest.raises(ValueError, match="contain themselves"):
        ag.array(endless)


# Other libraries --------------------------------------------------------------------------------------------


def test_operators_of_pandas_give_way_or_raise(w: Tensor) -> None:
    pandas = pytest.importorskip("pandas")
    series, frame = pandas.Series([3.0, 4.0]), pandas.DataFrame(X)
    for f in (
        lambda s, x: s * x, lambda s, x: x * s, lambda s, x: s + x, lambda s, x: s - x, lambda s, x: s / x, lambda s, x: s**x,
        lambda s, x: x / s, lambda s, x: x @ s, lambda s, x: np.multiply(s, x), lambda s, x: np.multiply(x, s),
        lambda s, x: s.add(x) if isinstance(s, pandas.Series) else s + x,
    ):  # fmt: skip
        result = f(series, w)
        assert isinstance(result, Tensor) and result.requires_grad
        np.testing.assert_array_equal(result.data, f(series.to_numpy(), w.data))
    assert isinstance(frame * w, Tensor) and isinstance(w @ frame, Tensor)
    for call in (
        lambda: frame @ w, lambda: frame.dot(w), lambda: series.dot(w), lambda: pandas.Series(w),
        lambda: pandas.DataFrame({"w": w}),
    ):  # fmt: skip
        with pytest.raises(TypeError, match="would lose its gradient"):
            call()
    np.testing.assert_array_equal(pandas.Series(w.detach()), [1, 2])


def test_sparse_matrices_are_refused(w: Tensor) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    for matrix in (sparse.csr_matrix(X), sparse.csr_array(X), sparse.coo_array(X)):
        for call in (
            lambda: matrix @ w, lambda: w @ matrix, lambda: matrix.dot(w), lambda: matrix * w, lambda: matrix.multiply(w),
        ):  # fmt: skip
            with pytest.raises(TypeError):
                call()
    refused(lambda: sparse.csr_matrix(X) @ w, "X.toarray() @ t", "other libraries")


# Everything there is ----------------------------------------------------------------------------------------

MODULES = [
    "numpy", "numpy.linalg", "numpy.fft", "numpy.ma", "numpy.random", "numpy.strings", "numpy.char", "numpy.lib",
    "numpy.lib.scimath", "numpy.lib.stride_tricks", "numpy.polynomial", "numpy.polynomial.polynomial", "numpy.polynomial.chebyshev",
    "numpy.polynomial.legendre", "numpy.polynomial.hermite", "numpy.polynomial.laguerre", "numpy.rec",
    "math", "cmath", "statistics", "operator",
    "scipy.special", "scipy.linalg", "scipy.stats", "scipy.signal", "scipy.fft", "scipy.sparse", "scipy.sparse.linalg",
    "scipy.integrate", "scipy.optimize",
]  # fmt: skip
# They change the state of the process, or end it (ARPACK, where k is no whole number), read and write files, print, run for
# long, give what the memory holds or how long they took, or are a way to look at any object.
SIDE_EFFECTS = set(
    """
    add_docstring add_newdoc add_newdoc_ufunc asmatrix bench breakpoint exit fromfile fromregex genfromtxt get_include info load
    loadtxt memmap open_memmap quit save savetxt savez savez_compressed seed set_bit_generator set_numeric_ops set_printoptions
    set_state setbufsize seterr seterrcall show_config show_runtime source test who errstate printoptions
    set_workers set_backend set_global_backend register_backend skip_backend unregister_backend use_solver save_npz load_npz
    get_state get_bit_generator itemgetter attrgetter methodcaller call is_ is_not array2string
    empty empty_like choose_conv_method eigs eigsh svds
    """.split()
)
ARGUMENTS: list[tuple[str, ...]] = [  # v, m, s are Tensors of 1, 2, 0 axes where capitals are arrays
    ("v",), ("m",), ("s",), ("v", "v"), ("m", "m"), ("s", "s"), ("V", "v"), ("v", "V"), ("1", "v"), ("v", "1"), ("m", "1"),
    ("1", "s"), ("s", "1"), ("S", "s"), ("s", "S"), ("v", "v", "v"), ("V>0", "v", "V"), ("M", "v"), ("M", "m"), ("m", "V"),
    ("v", "V", "V"), ("V", "v", "V"), ("V", "V", "v"), ("s", "S", "S"), ("S", "s", "S"), ("S", "S", "s"), ("[s,1]",), ("[v,v]",),
    ("(M,m)",), ("V", "[s,1]"), ("2", "s"), ("[1,2]", "s"), ("V", "0", "s"), ("[m]", "[V]"), ("(2,)", "s"),
]  # fmt: skip


def build(word: str, v: Any, m: Any, s: Any) -> Any:
    V, M = np.array([0.37, 0.62]), np.array([[0.55, 0.27], [0.16, 0.83]])
    words = {"v": v, "m": m, "s": s, "V": V, "M": M, "S": 0.43, "1": 1, "2": 2, "0": 0, "V>0": V > 0.5, "[s,1]": [s, 1.0]}
    words |= {"[v,v]": [v, v], "(M,m)": (M, m), "[1,2]": [1, 2], "[m]": m, "[V]": [0, 1], "(2,)": (2,)}
    return words[word]


def calls_of(function: Callable[..., Any]) -> Iterator[tuple[tuple[str, ...], dict[str, str]]]:
    """Arguments to try a function with, a Tensor among them: in each of the positions, and as each of its keywords."""
    for arguments in ARGUMENTS:
        yield arguments, {}
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return
    needed = sum(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
    for p in parameters:
        optional = p.default is not p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        if optional and not p.name.startswith(("out", "file", "overwrite")):
            for filling in ("V", "M", "2"):
                for word in ("v", "s"):
                    yield (filling,) * max(needed, 1), {p.name: word}


def dependent(x: Any, y: Any) -> bool:
    """Whether two results, for other values of the Tensors, hold numbers that differ and that no Tensor holds."""
    if isinstance(x, Tensor) or isinstance(y, Tensor):
        return not (isinstance(x, Tensor) and isinstance(y, Tensor) and x.requires_grad) and bool(
            dependent(getattr(x, "data", x), getattr(y, "data", y))
        )
    if type(x) is not type(y):
        return False
    if isinstance(x, (list, tuple)):
        return any(dependent(a, b) for a, b in zip(x, y))
    if type(x) is dict:
        return any(dependent(x[key], y[key]) for key in x if key in y)
    if isinstance(x, (float, complex, np.inexact)) or isinstance(x, np.ndarray) and x.dtype.kind in "fc":
        return np.shape(x) == np.shape(y) and not np.array_equal(x, y, equal_nan=True)
    if isinstance(x, np.ndarray) and x.dtype.kind == "O":
        return dependent(x.tolist(), y.tolist())
    return hasattr(x, "__dict__") and type(x).__module__.startswith(("scipy", "numpy")) and dependent(vars(x), vars(y))


def attempt(function: Callable[..., Any], words: tuple[str, ...], named: dict[str, str], values: tuple[Any, ...]) -> Any:
    """The result and the arguments that are arrays, which the function may have written to."""
    args, keywords = [build(word, *values) for word in words], {key: build(word, *values) for key, word in named.items()}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        np.random.seed(0)
        result = function(*args, **keywords)
    return result, [x for x in [*args, *keywords.values()] if isinstance(x, np.ndarray)]


POINT = (np.array([0.3, 0.7]), np.array([[0.46, 0.21], [0.13, 0.9]]), np.array(0.6))
ELSEWHERE = (np.array([0.31, 0.72]), np.array([[0.52, 0.23], [0.14, 0.93]]), np.array(0.61))  # no entry of V or M lies between


def tensors(values: tuple[Any, ...]) -> tuple[Tensor, ...]:
    return tuple(Tensor(x, requires_grad=True) for x in values)


def wrong_gradient(function: Callable[..., Any], words: tuple[str, ...], named: dict[str, str], result: Any) -> str | None:
    """What is wrong with the derivative of a result, against numerical differentiation of the function itself."""
    if not isinstance(result, Tensor) or result.dtype.kind != "f":
        return None  # the parts of one Tensor: each is an index of its own

    def plain(*values: Any) -> Any:
        return np.asarray(attempt(function, words, named, values)[0], float)

    directions = [np.full(x.shape, 1.0) + np.arange(x.size).reshape(x.shape) / 7 for x in POINT]

    def f(*values: Any) -> Any:
        return attempt(function, words, named, values)[0]

    try:
        forward, back = (plain(*moved(POINT, directions, h)) for h in (1e-6, -1e-6))  # no kink is as near as that
        expected = (forward - back) / 2e-6
    except Exception:  # not a function of arrays
        return None
    if not np.all(np.abs(expected) < 1e4):  # at a pole or a jump
        return None
    with np.errstate(all="ignore"):
        got = ag.jvp(f, POINT, directions)[1]
    close = np.shape(got) == np.shape(expected) and np.allclose(got, expected, rtol=1e-4, atol=1e-4, equal_nan=True)
    return None if close else f"derivative {got}, not {expected}"


def functions_of(module: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name in dir(module):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            thing = getattr(module, name)
        exception = isinstance(thing, type) and issubclass(thing, BaseException)
        distribution = hasattr(thing, "logcdf")  # called, it keeps its arguments; its methods are tried below
        if callable(thing) and not (name.startswith("_") or name in SIDE_EFFECTS or exception or distribution):
            yield name, thing


@pytest.mark.parametrize("inside", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["outside", "inside of grad"])
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name.startswith("scipy") else ()) for name in MODULES]
)
def test_nothing_loses_the_gradient_of_a_tensor(name: str, inside: bool, tmp_path: Any, monkeypatch: Any) -> None:
    try:
        module = importlib.import_module(name)
    except ImportError:
        if name.startswith("scipy"):
            pytest.skip("needs SciPy")
        raise
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("builtins.print", lambda *_, **__: None)
    tried, lost = 0, {}

    def try_them(*_: Any) -> Any:
        nonlocal tried
        for function_name, function in functions_of(module):
            for words, named in calls_of(function):
                case = f"{function_name}({', '.join([*words, *(f'{k}={v}' for k, v in named.items())])})"
                tried += 1
                try:
                    result, written = attempt(function, words, named, tensors(POINT))
                    other, written_then = attempt(function, words, named, tensors(ELSEWHERE))
                except Exception:  # any error is an answer that loses nothing
                    continue
                if dependent((result, written), (other, written_then)):
                    lost[case] = repr(result)
                else:
                    wrong = wrong_gradient(function, words, named, result)
                    if wrong is not None:
                        lost[case] = wrong
        return 0.0

    if inside:
        ag.grad(try_them)(1.0)
    else:
        try_them()
    for case in [case for case in lost if case.startswith("polyvalfromroots")]:
        del lost[case]  # its value is another for what is no ndarray, which it looks for with isinstance
    assert lost == {}
    assert tried > 50


@pytest.mark.parametrize("name", ["norm", "t", "gamma", "beta", "expon", "uniform", "multivariate_normal", "binom", "poisson"])
def test_distributions_of_scipy_do_not_lose_the_gradient(name: str, w: Tensor) -> None:
    distribution = getattr(pytest.importorskip("scipy.stats"), name)
    for method in ("pdf", "logpdf", "cdf", "logcdf", "sf", "ppf", "pmf", "logpmf", "mean", "std", "entropy", "rvs"):
        function = getattr(distribution, method, None)
        for args in ((w,), (w, 1.0), (0.5, w), (0.5, 1.0, w), (X[0], w)):
            try:
                result = function(*args) if function is not None else None
            except Exception:
                continue
            assert result is None or isinstance(result, Tensor), (method, args)


@pytest.mark.parametrize("call", [
    lambda t: np.multiply.outer(t, t), lambda t: np.add.reduce(t), lambda t: np.add.accumulate(t), lambda t: np.logaddexp.reduce(t),
], ids=["outer", "reduce", "accumulate", "logaddexp"])  # fmt: skip
def test_methods_of_ufuncs_give_constant_tensors_under_no_grad(call: Callable[[Any], Any]) -> None:
    t = Tensor([0.25, 0.5], requires_grad=True)
    with ag.no_grad():
        result = call(t)
    assert isinstance(result, Tensor) and not result.requires_grad
    np.testing.assert_array_equal(result.data, call(t).data)
