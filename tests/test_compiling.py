"""Compiled steps give what the steps themselves give, or refuse with the reason."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from operation_cases import CASES, Case, one_of_each, outputs

import autograd_lite as ag
from autograd_lite import NotReplayable, Tensor
from autograd_lite.compiling.compiled import alike

Array = np.ndarray[Any, Any]


def values(x: Any) -> Any:
    return x.data if isinstance(x, Tensor) else np.asarray(x)


class Network(NamedTuple):
    parameters: list[Tensor]
    step: Callable[..., Any]


def network(n0: int = 3, n1: int = 4, n2: int = 2, *, learning_rate: float = 0.5, dtype: Any = float) -> Network:
    """A two-layer network, and one step of gradient descent on it."""
    rng = np.random.default_rng(7)
    shapes = [(n1, n0), (n1, 1), (n2, n1), (n2, 1)]
    w1, b1, w2, b2 = parameters = [Tensor(rng.standard_normal(s), True, dtype=dtype) for s in shapes]

    def step(x: Any, y: Any) -> Any:
        a1 = ag.sigmoid(ag.linear(w1, x, b1))
        a2 = ag.sigmoid(ag.linear(w2, a1, b2))
        cost = ag.half_squared_distance(a2, y)
        for p in parameters:
            p.zero_grad()
        cost.backward()
        for p in parameters:
            p.data -= learning_rate * p.grad
        return cost

    return Network(parameters, step)


def by_hand(parameters: list[Array], x: Array, y: Array, learning_rate: float = 0.5) -> Array:
    """The same step from Eq 3 and Eq 5, in plain NumPy."""
    w1, b1, w2, b2 = parameters
    a1 = 1 / (1 + np.exp(-(w1 @ x + b1)))
    a2 = 1 / (1 + np.exp(-(w2 @ a1 + b2)))
    delta2 = (a2 - y) * a2 * (1 - a2)
    delta1 = w2.T @ delta2 * a1 * (1 - a1)
    grads = [delta1 @ x.T, delta1.sum(1, keepdims=True), delta2 @ a1.T, delta2.sum(1, keepdims=True)]
    for p, g in zip(parameters, grads):
        p -= learning_rate * g
    return np.sum((a2 - y) ** 2) / 2


def batches(n: int, dtype: Any = float) -> list[tuple[Array, Array]]:
    rng = np.random.default_rng(3)
    return [(rng.standard_normal((3, 5)).astype(dtype), rng.random((2, 5)).astype(dtype)) for _ in range(n)]


# Training steps -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.slow
def test_thousands_of_steps_agree_with_eager_and_with_hand(dtype: Any) -> None:
    eager, other = network(dtype=dtype), network(dtype=dtype)
    hand = [p.data.copy() for p in eager.parameters]
    step = ag.compile(other.step)
    [(x, y)] = batches(1, dtype)
    for _ in range(2000):
        x, y = np.roll(x, 1), np.roll(y, 1)
        expected, got = eager.step(x, y), step(x, y)
        cost = by_hand(hand, x, y)
        assert got.dtype == dtype and got.item() == expected.item()
        for p, q in zip(eager.parameters, other.parameters):
            np.testing.assert_array_equal(p.data, q.data)
            np.testing.assert_array_equal(p.grad, q.grad)
    if dtype is np.float64:
        assert got.item() == pytest.approx(cost, rel=1e-9)
        for p, q in zip(hand, other.parameters):
            np.testing.assert_allclose(q.data, p, rtol=1e-8, atol=1e-10)


def test_the_replay_is_a_flat_list_of_numpy_calls() -> None:
    step = ag.compile(network().step)
    [(x, y)] = batches(1)
    step(x, y), step(x, y)
    lines = [line.strip() for line in step.source.splitlines()]
    assert sum(".dot(" in line for line in lines) == 8  # five products of matrices, ½ vᵀv, the gradients of two biases
    assert not any("Tensor(" in line or "backward" in line for line in lines)
    assert sum(line.startswith("exp(") for line in lines) == 2  # σ and σ' from one pass


def test_temporaries_are_not_allocated_again() -> None:
    import tracemalloc

    step = ag.compile(network(3, 400, 2).step)
    x, y = np.ones((3, 200)), np.ones((2, 200))
    for _ in range(4):
        step(x, y)
    tracemalloc.start()
    step(x, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 400 * 200 * 8 / 4  # a quarter of one intermediate array; eager needs several of them


def test_recordings_leave_no_cycles() -> None:
    import gc

    step = ag.compile(network(3, 400, 2).step)
    x, y = np.ones((3, 200)), np.ones((2, 200))
    gc.collect()
    gc.disable()
    try:
        for _ in range(9):  # five runs of the step itself among them
            step(x, y)
        found = [thing for thing in gc.get_objects() if type(thing).__name__ == "Traced" and thing.size > 10_000]
        large = sum(thing.value.base is None and thing.value.nbytes for thing in found)
    finally:
        gc.enable()
    assert large == 0


# Every operation ------------------------------------------------------------------------------------------

# every third case, but for those in which values decide or whose NumPy function is not followed: these steps run as they are
AS_THEY_ARE = """
det compress insert delete real_if_close extract sliding_window_view apply_along_axis piecewise full array
""".split()
FEW = [case for case in CASES[::3] if case.name not in AS_THEY_ARE and "include_initial" not in case.label]


@pytest.mark.parametrize("case", one_of_each([case for case in FEW if case.name != "lstsq"]))
def test_every_operation_compiles(case: Case) -> None:
    function = case.function

    def step(*arrays: Array) -> Any:
        tensors = [Tensor(a, True) for a in arrays]
        results = [y for y in outputs(function(*tensors)) if isinstance(y, Tensor) and y.requires_grad]
        return results, [ag.gradients(y, tensors, np.ones(y.shape)) for y in results]

    compiled = ag.compile(step)
    for i in range(4):
        arrays = [a * (1 + 0.01 * i) for a in case.arrays]
        expected, got = step(*arrays), compiled(*arrays)
        assert len(expected[0]) == len(got[0])
        for x, y in zip(expected[0], got[0]):
            np.testing.assert_allclose(values(y), values(x), rtol=1e-12, atol=1e-14)
        for row, other in zip(expected[1], got[1]):
            for x, y in zip(row, other):
                np.testing.assert_allclose(y, x, rtol=1e-12, atol=1e-14)


# Functions ------------------------------------------------------------------------------------------------


def cost(w: Any, x: Any) -> Any:
    return np.sum(np.tanh(w @ x) ** 2) + np.log(w**2 + 1).sum()


@pytest.mark.parametrize("derive", [ag.grad, ag.value_and_grad, ag.hessian, lambda f: ag.grad(f, (0, 1))])
def test_derivatives_of_functions(derive: Callable[..., Any]) -> None:
    f, compiled = derive(cost), ag.compile(derive(cost))
    rng = np.random.default_rng(0)
    for _ in range(4):
        w, x = rng.standard_normal((2, 3)), rng.standard_normal((3, 2))
        expected, got = f(w, x), compiled(w, x)
        if not isinstance(expected, tuple):
            expected, got = (expected,), (got,)
        for a, b in zip(expected, got):
            np.testing.assert_allclose(b, a, rtol=1e-13, atol=1e-13)


def test_labels_among_the_arguments() -> None:
    def cost(scores: Any, labels: Any) -> Any:
        return -np.sum(ag.log_softmax(scores, 0)[labels, np.arange(4)])

    f, compiled = ag.value_and_grad(cost), ag.compile(ag.value_and_grad(cost))
    rng = np.random.default_rng(0)
    for _ in range(5):
        scores, labels = rng.standard_normal((3, 4)), rng.integers(0, 3, 4)
        for a, b in zip(f(scores, labels), compiled(scores, labels)):
            np.testing.assert_allclose(b, a, rtol=1e-13)


def test_arithmetic_with_single_numbers_is_that_of_python() -> None:
    """Bit for bit, down to the signs of zeros; where NumPy would warn, the NumPy calls run."""

    def polynomial(x: Any, y: Any) -> Any:
        for _ in range(5):
            x = x * y - x / 3.0 + 2
        return -x

    f, compiled = ag.value_and_grad(polynomial, (0, 1)), ag.compile(ag.value_and_grad(polynomial, (0, 1)), strict=True)
    rng = np.random.default_rng(0)
    numbers = [*rng.standard_normal(20), 0.0, -0.0, 5e-324, 1e308]
    for x in numbers:
        for y in numbers:
            with np.errstate(all="ignore"):
                (a, (b, c)), (p, (q, r)) = f(x, y), f(np.array(x), np.array(y))
                value, (first, second) = compiled(np.array(x), np.array(y))
            assert np.array([value, first, second]).tobytes() == np.array([p, q, r]).tobytes() == np.array([a, b, c]).tobytes()
            assert [type(z) for z in (value, first, second)] == [type(z) for z in (p, q, r)]
    assert "floats()" in compiled.source
    ratio = ag.compile(lambda x, y: x / y, strict=True)
    for y in (1.0, 2.0, 4.0):
        assert ratio(np.array(1.0), np.array(y)) == 1 / y
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert ratio(np.array(1.0), np.array(0.0)) == np.inf
    product = ag.compile(lambda x: x * x, strict=True)
    for x in (1.0, 2.0, 4.0):
        assert product(np.array(x)) == x * x
    with pytest.warns(RuntimeWarning, match="overflow"):
        assert product(np.array(1e200)) == np.inf


def test_single_numbers_that_share_memory_or_have_moved() -> None:
    def make(shared: bool) -> tuple[Any, list[Tensor]]:
        memory = np.array([1.0, 2.0])
        a, b = (ag.as_tensor(memory[0 if shared else i : (0 if shared else i) + 1].reshape(())) for i in (0, 1))

        def step(rate: Any) -> Any:
            a.data -= rate * b.data
            b.data -= rate * a.data
            return a.data + b.data

        return step, [a, b]

    for shared in (False, True):
        (eager, p), (other, q) = make(shared), make(shared)
        step = ag.compile(other)
        for i in range(12):
            if i == 6:
                for t in (p[0], q[0]):
                    t.data = 3.0
            assert step(np.array(0.125)) == eager(np.array(0.125))
            assert [t.item() for t in p] == [t.item() for t in q]
        assert ("floats()" in step.source) is not shared


def test_own_operations_compile() -> None:
    cube = ag.elementwise("cube", lambda x: x**3, lambda x: 3 * x**2)
    mean = ag.operation("middle", lambda x: np.mean(x), lambda u, x: np.broadcast_to(u / x.size, x.shape))
    f, compiled = ag.grad(lambda x: mean(cube(x))), ag.compile(ag.grad(lambda x: mean(cube(x))))
    for i in range(4):
        np.testing.assert_allclose(compiled(np.arange(3.0) + i), f(np.arange(3.0) + i), rtol=1e-14)


def test_results_are_new_arrays_at_each_call() -> None:
    f = ag.compile(ag.value_and_grad(lambda x: np.sum(np.sin(x))))
    kept = [f(np.full(3, float(i))) for i in range(5)]
    for i, (value, slope) in enumerate(kept):
        assert value == pytest.approx(3 * np.sin(i))
        np.testing.assert_allclose(slope, np.cos(np.full(3, float(i))))
    assert not np.shares_memory(kept[3][1], kept[4][1])


def test_returned_nests_keep_their_form() -> None:
    f = ag.compile(lambda x: {"a": (x * 2, [np.exp(x)]), "n": 3, "none": None})
    for i in range(4):
        got = f(Tensor([float(i)]))
        assert got["n"] == 3 and got["none"] is None
        assert isinstance(got["a"][0], Tensor) and got["a"][0].item() == 2 * i
        assert got["a"][1][0].item() == pytest.approx(np.exp(i))


def test_new_shapes_and_dtypes_are_recorded_again_and_both_kept() -> None:
    @ag.compile
    def double(x: Any, factor: float = 2.0) -> Any:
        return x * factor

    for _ in range(3):
        for x in (np.ones(2), np.ones((2, 2)), np.ones(2, np.float32)):
            for factor in (2.0, 3.0):
                got = double(x, factor=factor)
                assert got.dtype == x.dtype and got.shape == x.shape and (got == factor).all()
    assert double.source.count("def replay") == 6


# Aliasing ---------------------------------------------------------------------------------------------------


def agree(make: Callable[[], tuple[Callable[..., Any], list[Tensor]]], *inputs: list[Array]) -> None:
    """A step and its compiled twin give the same results and leave the same data and gradients."""
    (eager, p), (other, q) = make(), make()
    compiled = ag.compile(other)
    for arrays in inputs:
        expected, got = eager(*arrays), compiled(*[a.copy() for a in arrays])
        np.testing.assert_allclose(values(got), values(expected), rtol=1e-13)
        for a, b in zip(p, q):
            np.testing.assert_allclose(b.data, a.data, rtol=1e-13)
            np.testing.assert_allclose(b.grad, a.grad, rtol=1e-13)


def test_a_tensor_as_both_operands_and_a_parameter_used_twice() -> None:
    def make() -> tuple[Callable[..., Any], list[Tensor]]:
        w = Tensor([[0.5, -1.0], [2.0, 0.3]], True)

        def step(x: Any) -> Any:
            w.zero_grad()
            y = np.sum((w @ x) * (w @ x)) + np.sum(w * w) + np.sum(w @ w)
            y.backward()
            w.data -= 0.01 * w.grad
            return y

        return step, [w]

    agree(make, *([np.full((2, 2), i / 3)] for i in range(1, 7)))


def test_an_input_that_is_also_an_output_or_the_data_of_a_parameter() -> None:
    same = ag.compile(lambda x: (x, x * 1.0))
    for i in range(4):
        x = np.full(2, float(i))
        first, second = same(x)
        assert first is x and not np.shares_memory(second, x)

    w = Tensor([1.0, 2.0], True)

    @ag.compile
    def step(x: Any) -> Any:
        w.data -= 0.5 * x
        return np.sum(x)

    results = [step(w.data).item() for _ in range(4)]
    # w shrinks by half before it is summed
    assert results == [1.5, 0.75, 0.375, 0.1875]


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("kinds", ["two arrays", "two Tensors", "data of the other", "grad of the other"])
def test_two_arguments_that_are_handed_over_as_one_later_on(kinds: str, place: int) -> None:
    t = Tensor([1.0, 2.0], True)
    t.grad = np.array([3.0, 4.0])
    other: Any = np.array([1.0, 2.0]) if kinds == "two arrays" else t
    apart: Any = Tensor([1.0, 2.0], True) if kinds == "two Tensors" else np.array([1.0, 2.0])
    together = {"data of the other": t.data, "grad of the other": t.grad}.get(kinds, other)

    @ag.compile
    def step(*args: Any) -> Any:
        x, y = args[place], args[1 - place]
        is_one = x is y or type(y) is Tensor and type(x) is np.ndarray and (x is y.data or x is y.grad)
        return 2.0 if is_one else 3.0

    def call(x: Any) -> Any:
        return step(*((x, other) if place == 0 else (other, x)))

    assert [call(apart) for _ in range(4)] == [3.0] * 4
    assert call(together) == 2.0
    assert call(apart) == 3.0


def test_two_steps_on_the_same_parameters_alternate() -> None:
    a, b = network(), network()

    def half(net: Network) -> Callable[..., Any]:
        def step(x: Any) -> Any:
            w = net.parameters[0]
            w.zero_grad()
            y = np.sum((w @ x) ** 2)
            y.backward()
            w.data -= 0.001 * w.grad
            return y

        return step

    steps = (a.step, half(a)), (ag.compile(b.step), ag.compile(half(b)))
    for x, y in batches(12):
        for full, part in zip(*[(s[0](x, y), s[1](x)) for s in steps]):
            assert full.item() == part.item()
    for p, q in zip(a.parameters, b.parameters):
        np.testing.assert_array_equal(p.data, q.data)


def test_data_replaced_between_calls_is_used() -> None:
    w = Tensor([1.0, 2.0], True)
    f = ag.compile(lambda x: np.sum(w * x).item(), strict=True)
    for i in range(5):
        w.data = [float(i), 1.0]
        assert f(np.array([10.0, 1.0])) == 10 * i + 1


def test_a_replay_invalidates_graphs_recorded_before_it() -> None:
    net = network()
    step = ag.compile(net.step)
    for x, y in batches(3):
        step(x, y)
    older = np.sum(net.parameters[0] ** 2)
    step(x, y)
    with pytest.raises(RuntimeError, match="replaced after the graph was recorded"):
        older.backward()


def test_gradients_of_tensor_arguments() -> None:
    @ag.compile
    def step(x: Tensor) -> Any:
        x.zero_grad()
        y = np.sum(x**3)
        y.backward()
        return y

    tensors = [Tensor([float(i), 1.0], True) for i in range(5)]
    for x in tensors:
        step(x)
    for i, x in enumerate(tensors):
        np.testing.assert_allclose(x.grad, [3 * i**2, 3.0])


def test_called_from_two_threads() -> None:
    w = Tensor(np.ones((2, 3)), requires_grad=True)

    def slopes(x: Any, y: Any) -> Any:
        return np.sum(ag.gradients(np.sum(np.tanh(w @ x - y) ** 2), w))

    step = ag.compile(slopes)
    data = batches(40)
    expected = [slopes(x, y).item() for x, y in data]
    wrong: list[int] = []

    def work(start: int) -> None:
        for _ in range(10):
            for i in range(start, len(data), 2):
                if step(*data[i]).item() != expected[i]:
                    wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_other_threads_compute_as_usual_while_a_step_is_recorded() -> None:
    inside, done = threading.Event(), threading.Event()
    w = Tensor([1.0, 2.0], True)

    def step(x: Any) -> Any:
        inside.set()
        done.wait(10)
        return np.sum(w * x)

    thread = threading.Thread(target=ag.compile(step), args=(np.ones(2),))
    thread.start()
    inside.wait(10)
    y = np.sum(w * w)
    y.backward()
    done.set()
    thread.join()
    assert type(w.data) is np.ndarray and type(w.grad) is np.ndarray
    np.testing.assert_array_equal(w.grad, [2.0, 4.0])


# What is refused --------------------------------------------------------------------------------------------


def refused(step: Callable[..., Any], match: str, *arrays: Array) -> None:
    """With `strict` the step is refused, before it has run; else it runs as it is, and one warning says why."""
    arrays = arrays or (np.ones(3),)
    with pytest.raises(NotReplayable, match=match):
        ag.compile(step, strict=True)(*arrays)
    compiled = ag.compile(step)
    compiled(*arrays)
    with pytest.warns(UserWarning, match=match):
        compiled(*arrays)
    compiled(*arrays)  # without a word


def test_values_as_numbers_or_text() -> None:
    refused(lambda x: x * float(np.sum(x)), "as a Python number")
    refused(lambda x: f"{x[0]:.2f}", "as text")
    refused(lambda x: [x.tolist()], "as a Python number")
    w = Tensor([1.0])

    def step(x: Any) -> Any:
        w.data -= x[:1]
        return x if x[0] > 0 else -x

    refused(step, "in a decision after arrays were written to")


def test_each_way_through_the_decisions_of_a_step_has_a_recording() -> None:
    w = Tensor([1.0, 2.0], requires_grad=True)

    def step(x: Any) -> Any:
        w.zero_grad()
        c = (w * x).sum()
        c.backward()
        if np.linalg.norm(w.grad) > 2 and c > 0:
            w.grad = w.grad / np.linalg.norm(w.grad)
        w.data -= 0.1 * w.grad
        return c.item()

    compiled = ag.compile(step, strict=True)
    for i in range(40):
        x = np.array([i % 5 - 2.0, i % 3])
        before = w.data.copy()
        got, moved, gradient = compiled(x), w.data.copy(), w.grad
        w.data = before
        assert step(x) == got
        np.testing.assert_array_equal(moved, w.data)
        np.testing.assert_array_equal(gradient, w.grad)
    assert compiled.source.count("def replay") == 3


def test_a_warning_names_the_line_and_the_variable() -> None:
    held = {"scale": iter([1.0])}

    def step(x: Any) -> Any:
        return x * next(held["scale"])

    line = step.__code__.co_firstlineno + 1
    with pytest.raises(NotReplayable, match=rf"test_compiling.py, line {line}: held.*'scale'.* is of type list_iterator"):
        ag.compile(step, strict=True)(np.ones(2))
    w = Tensor([1.0], requires_grad=True)

    def imports(x: Any) -> Any:
        return x + len(np.tanh(w).local_gradients[0].label)

    line = imports.__code__.co_firstlineno + 1
    with pytest.raises(NotReplayable, match=rf"test_compiling.py, line {line}: "):
        ag.compile(imports, strict=True)(np.ones(2))


def test_a_tuple_from_outside_is_given_back_as_it_is() -> None:
    class Pair(NamedTuple):
        sums: Any
        more: Any

    for state in ((np.zeros(2), [1.0]), Pair(np.zeros(2), (np.zeros(1), "x"))):

        def step(x: Any, state: Any = state) -> Any:
            state[0][...] += x
            return state, state[1], {"last": state}

        compiled = ag.compile(step)
        for i in range(5):
            first, second, more = compiled(np.ones(2))
            assert first is state and second is state[1] and more["last"] is state
            assert state[0].tolist() == [i + 1.0] * 2
        assert compiled.source


def test_the_sign_of_a_nan_is_told() -> None:
    held = {"k": np.nan}
    compiled = ag.compile(lambda x: np.copysign(x, held["k"]))
    for k in (np.nan, np.nan, np.nan, -np.nan, -np.nan, np.nan):
        held["k"] = k
        assert compiled(np.ones(1)) == np.copysign(1.0, k)


def test_randomness_from_outside() -> None:
    rng = np.random.default_rng(0)
    refused(lambda x: x + rng.random(3), "rng .*random numbers: draw outside of the step")
    refused(lambda x: x + np.random.random(3), "random numbers; draw them outside")  # noqa: NPY002


def test_functions_that_a_replay_does_not_see() -> None:
    import time

    refused(lambda x: x * time.time(), "time.time does what a replay does not see")
    refused(lambda x: x * random.random(), "Random.random does what a replay does not see")
    refused(lambda x: print(x), r"print\(\) does what a replay does not see")
    refused(lambda x: open(__file__).close(), r"open\(\) does what")
    refused(lambda x: np.unique(x), "np.unique is not known")


def test_a_change_of_the_steps_variables_is_noticed_at_once() -> None:
    factor = 1.0
    f = ag.compile(lambda x: x * factor)
    for factor in (1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 3.0):
        np.testing.assert_array_equal(f(np.ones(2)), [factor, factor])


def test_a_change_inside_an_object_is_noticed_at_once() -> None:
    settings = {"factor": 1.0}
    f = ag.compile(lambda x: x * settings["factor"], strict=True)
    for i in range(30):
        settings["factor"] = i / 2
        assert f(np.ones(2))[0] == i / 2


def test_gradients_given_from_outside() -> None:
    w = Tensor([1.0, 2.0], True)
    step = ag.compile(lambda x: np.sum(w * x).backward(), strict=True)
    for i in range(12):
        if i % 3 == 0:
            w.zero_grad()
        step(np.ones(2))
        np.testing.assert_array_equal(w.grad, [1.0 + i % 3, 1.0 + i % 3])


def test_a_frozen_parameter_stays() -> None:
    v, w = Tensor([1.0, 2.0], True), Tensor([3.0, 4.0], True)

    @ag.compile
    def step(x: Any) -> Any:
        v.zero_grad(), w.zero_grad()
        y = np.sum(v * w * x)
        y.backward()
        for p in (v, w):
            if p.requires_grad:
                p.data -= 0.1 * p.grad
        return y

    for _ in range(5):
        step(np.ones(2))
    v.requires_grad, before = False, v.data.copy()
    v.zero_grad()
    for _ in range(5):
        step(np.ones(2))
    np.testing.assert_array_equal(v.data, before)
    assert v.grad is None


def test_a_compiled_function_inside_a_derivative_or_another_step() -> None:
    square = ag.compile(lambda x: np.sum(x**2))
    twice = ag.compile(lambda x: 2 * square(x))
    for i in range(5):
        x = np.array([1.0, float(i)])
        np.testing.assert_allclose(ag.grad(square)(x), 2 * x)
        assert twice(x) == 2 * square(x) == 2 * (1 + i**2)


def test_a_result_whose_size_depends_on_values() -> None:
    for function in (np.unique, np.nonzero, np.flatnonzero, lambda x: x[x > 0], lambda x: np.repeat(x, x > 0)):
        refused(function, "depend|not known|known to")


def test_tensors_that_outlive_a_recording_are_the_users() -> None:
    kept = []

    def step(x: Any) -> Any:
        kept.append(x * Tensor([2.0], True))
        return np.sum(kept[-1].data)

    compiled = ag.compile(step)
    compiled(np.array([0.0]))
    with pytest.warns(UserWarning, match="the step changes kept"):
        compiled(np.array([1.0]))
    compiled(np.array([2.0]))
    assert [type(t.data) for t in kept] == [np.ndarray] * 3
    assert [t.item() for t in kept] == [0.0, 2.0, 4.0]


def test_methods_compile() -> None:
    class Model:
        def __init__(self, factor: float) -> None:
            self.w = Tensor([factor], True)

        @ag.compile
        def step(self, x: Any) -> Any:
            return np.sum(self.w * x).detach()

    a, b = Model(2.0), Model(3.0)
    for i in range(4):
        assert a.step(np.array([1.0 * i])).item() == 2 * i and b.step(np.array([1.0 * i])).item() == 3 * i


def test_an_exception_in_the_step_is_that_of_the_step() -> None:
    w = Tensor([1.0, 2.0], True)

    @ag.compile
    def step(x: Any) -> Any:
        w.zero_grad()
        y = np.sum(w * x)
        y.backward()
        if len(x) == 1:
            raise KeyError("somewhere in the step")
        return y

    for n in (2, 1, 2, 1, 2, 1, 2):
        if n == 1:
            with pytest.raises(KeyError):
                step(np.ones(n))
        else:
            assert step(np.ones(n)).item() == 3
        assert type(w.grad) is np.ndarray and type(w.data) is np.ndarray


def test_state_that_is_rebound() -> None:
    momentum = np.zeros(3)

    def step(x: Any) -> Any:
        nonlocal momentum
        momentum = momentum * 0.9 + x
        return x * momentum

    refused(step, "the step changes momentum .*keep what a step changes in Tensors")


def test_a_refused_step_has_not_run() -> None:
    w = Tensor([1.0, 2.0], True)
    rng = np.random.default_rng(0)

    def step(x: Any) -> Any:
        w.data -= x
        return w.data * rng.random(2)

    compiled = ag.compile(step, strict=True)
    for _ in range(3):
        with pytest.raises(NotReplayable, match="rng"):
            compiled(np.ones(2))
    np.testing.assert_array_equal(w.data, [1.0, 2.0])
    assert rng.random() == np.random.default_rng(0).random()


def test_least_squares_run_as_they_are() -> None:
    """How many residuals np.linalg.lstsq gives depends on the values."""
    a, b = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]]), np.array([1.0, 2.0, 4.0])

    def step(a: Array) -> Any:
        return np.linalg.lstsq(Tensor(a, True), b)[0]

    compiled = ag.compile(step)
    with pytest.warns(UserWarning, match="lstsq is not known.*It runs as it is"):
        for i in range(4):
            np.testing.assert_array_equal(compiled(a + i).data, step(a + i).data)


def test_a_compiled_step_follows_the_learning_rate() -> None:
    nets = pytest.importorskip("nets")
    runs = []
    for wrap in (lambda step: step, ag.compile):
        net = nets.TwoLayerNet(3, 4, 2, seed=0)
        optimizer = nets.Momentum(net.parameters(), 1.0)

        def step(x: Any, y: Any, net: Any = net, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            cost = net.cost(x, y)
            cost.backward()
            optimizer.step()
            return cost

        wrapped = wrap(step)
        costs = []
        for i, (x, y) in enumerate(batches(8)):
            optimizer.learning_rate = 1.0 / (1 + i)
            costs.append(wrapped(x, y).item())
        runs.append(costs)
    assert runs[0] == runs[1]


def test_the_same_array_twice_is_another_recording() -> None:
    step = ag.compile(lambda a, b: a - 2 * b)
    x, y = np.ones(3), np.full(3, 5.0)
    for _ in range(4):
        np.testing.assert_array_equal(step(x, x), -x)
    for _ in range(4):
        np.testing.assert_array_equal(step(x, y), x - 2 * y)
        np.testing.assert_array_equal(step(y, y), -y)


def test_equal_gradients_and_results_are_arrays_of_their_own() -> None:
    a, b = (Tensor([1.0, 2.0], requires_grad=True) for _ in "ab")

    def step(x: Any) -> Any:
        a.zero_grad(), b.zero_grad()
        (2 * x * a + 2 * x * b).sum().backward()
        return x * 2, x * 2

    compiled = ag.compile(step)
    for _ in range(3):
        one, other = compiled(np.ones(2))
    assert not np.shares_memory(a.grad, b.grad) and not np.shares_memory(one, other)


def test_a_gradient_that_the_step_would_add_to_is_noticed() -> None:
    def step_of(w: Tensor) -> Callable[..., Any]:
        def step(x: Any) -> None:
            ((w * x) ** 2).sum().backward()
            w.data -= 0.125 * w.grad
            w.zero_grad()

        return step

    a, b = (Tensor([1.0, 2.0], requires_grad=True) for _ in "ab")
    eager, compiled = step_of(a), ag.compile(step_of(b))
    for i in range(8):
        if i == 7:
            (a * a).sum().backward()
            (b * b).sum().backward()
        eager(np.ones(2)), compiled(np.ones(2))
        np.testing.assert_array_equal(b.data, a.data)
        assert b.grad is None


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x + np.zeros((3, 1)), lambda x: np.sum(a=x), lambda x: x + [1.0, 2.0], lambda x: np.where(x, x, 2.0),
        lambda x: np.dot(2, x), lambda x: np.dot([[1.0, 2.0], [3.0, 4.0]], x), lambda x: np.ldexp(x, 2),
    ],
)  # fmt: skip
def test_unusual_calls(function: Any) -> None:
    compiled, x = ag.compile(function), np.array([0.5, 0.0])
    for _ in range(3):
        np.testing.assert_array_equal(compiled(x), function(x))


def test_numbers_and_objects_among_the_arguments_are_told_apart() -> None:
    step = ag.compile(lambda x, k: np.copysign(x, k))
    for _ in range(3):
        assert step(np.ones(1), 0.0) == 1
        assert step(np.ones(1), -0.0) == -1

    class Equal:
        def __init__(self, w: float) -> None:
            self.w = w

        def __eq__(self, other: object) -> bool:
            return True

    scaled = ag.compile(lambda x, holder: x * holder.w)
    for _ in range(4):
        assert [float(scaled(np.ones(1), h)[0]) for h in map(Equal, (2.0, 3.0))] == [2.0, 3.0]


def test_what_cannot_be_returned_or_followed_runs_as_it_is() -> None:
    refused(lambda x: (i for i in x), "it returns generator")
    w = Tensor([1.0], requires_grad=True)
    refused(lambda x: x * w, "its history is needed outside")
    v = w * 2
    refused(lambda x: (x * v).sum().backward(), "whose history a replay would not follow")


def test_a_result_says_that_its_history_is_gone() -> None:
    w = Tensor([1.0], requires_grad=True)

    @ag.compile
    def step(x: Any) -> Any:
        w.zero_grad()
        c = (w * x).sum()
        c.backward()
        return c

    for _ in range(3):
        c = step(np.ones(1))
    assert c.requires_grad and not c.is_leaf
    with pytest.raises(RuntimeError, match="returned by a compiled step"):
        (c * 2).backward()


def test_a_dropped_step_leaves_no_cycle() -> None:
    import gc
    import weakref

    gc.collect()
    gc.disable()
    try:
        step = ag.compile(network().step)
        [(x, y)] = batches(1)
        for _ in range(5):
            step(x, y)
        replay = weakref.ref(step._here.run)
        assert replay() is not None
        del step
        assert replay() is None
    finally:
        gc.enable()


def replaced_and_remembered() -> tuple[Callable[..., Any], list[Tensor]]:
    w = Tensor([1.0, 2.0])

    def step(g: Any) -> Any:
        old = w.data
        w.data = w.data - 0.5 * g
        return w.data - old

    return step, [w]


def swapped() -> tuple[Callable[..., Any], list[Tensor]]:
    a, b = Tensor([1.0, 1.0]), Tensor([2.0, 2.0])

    def step(g: Any) -> None:
        a.data, b.data = b.data, a.data

    return step, [a, b]


def replaced_by_a_constant() -> tuple[Callable[..., Any], list[Tensor]]:
    w = Tensor([1.0, 2.0])

    def step(g: Any) -> Any:
        w.data = np.zeros(2)
        w.data -= g
        w.data = w.data * 2
        return w.data + 1

    return step, [w]


@pytest.mark.parametrize("make", [replaced_and_remembered, swapped, replaced_by_a_constant])
def test_replacing_data_leaves_the_old_array_alone(make: Any) -> None:
    (eager, state), (step, other) = make(), make()
    compiled = ag.compile(step)
    for _ in range(7):
        expected, got = eager(np.ones(2)), compiled(np.ones(2))
        assert expected is None or np.array_equal(got, expected)
        for t, u in zip(state, other):
            np.testing.assert_array_equal(u.data, t.data)


def test_an_argument_that_is_the_data_of_a_tensor_changes_with_it() -> None:
    w = Tensor([1.0, 2.0])

    def step(x: Any) -> Any:
        before = x * 2
        w.data -= 0.5
        return x * 2 - before

    compiled = ag.compile(step)
    for _ in range(4):
        np.testing.assert_array_equal(compiled(np.ones(2)), [0.0, 0.0])
    np.testing.assert_array_equal(compiled(w.data), [-1.0, -1.0])


def test_numbers_that_vary_have_no_recording_each() -> None:
    step = ag.compile(lambda x, rate: x * rate, strict=True)
    for i in range(200):
        assert step(np.ones(2), 1 / (1 + i))[0] == 1 / (1 + i)
    assert step.source.count("def replay") < 10


def test_recordings_are_bounded() -> None:
    step = ag.compile(lambda x: x * 2)
    for n in range(100):
        for _ in range(2):
            step(np.ones(n))
    assert step.source.count("def replay") <= 64


def test_recordings_keep_no_objects_and_no_data_alive() -> None:
    import gc
    import weakref

    class Large:
        def __init__(self) -> None:
            self.w = Tensor(np.ones(3), requires_grad=True)

        @ag.compile
        def step(self, x: Any) -> Any:
            self.w.data -= 0.1 * x
            return np.sum(self.w.data)

    model = Large()
    for _ in range(5):
        model.step(np.ones(3))
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_a_data_set_that_a_step_closes_over_is_not_copied() -> None:
    import tracemalloc

    data = np.ones((1000, 1000))
    step = ag.compile(lambda chosen: np.sum(data[chosen] * 2))
    tracemalloc.start()
    for i in range(12):
        step(np.array([i, i + 1]))
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < data.nbytes / 10
    assert peak < data.nbytes


def test_what_a_module_gives_later_is_noticed(monkeypatch: Any) -> None:
    import math

    step = ag.compile(lambda x: x * math.sqrt(4.0), strict=True)
    for _ in range(4):
        assert step(np.ones(1))[0] == 2
    monkeypatch.setattr(math, "sqrt", lambda x: 7.0)
    assert step(np.ones(1))[0] == 7


def test_compiled_functions_are_copied_and_pickled() -> None:
    import copy
    import pickle

    assert pickle.loads(pickle.dumps(doubled)) is doubled
    model = copy.deepcopy({"step": doubled})
    assert model["step"](np.ones(1))[0] == 2


@ag.compile
def doubled(x: Any) -> Any:
    return x * 2


def test_a_step_that_a_signal_interrupts_can_be_called_again() -> None:
    class Stop(BaseException):
        pass

    step = ag.compile(lambda x: (x @ x) @ x)
    x = np.ones((3, 3))
    for _ in range(4):
        step(x)
    step._here.run.__globals__["matmul"] = lambda *_: (_ for _ in ()).throw(Stop)
    with pytest.raises(Stop):
        step(x)
    step._here.run.__globals__["matmul"] = np.matmul
    np.testing.assert_array_equal(step(x), np.full((3, 3), 9.0))


@pytest.mark.parametrize(("x", "y", "same"), [
    (0.0, -0.0, False), (np.nan, -np.nan, True), (np.nan, 1.0, False), (1.0, np.nextafter(1.0, 2.0), False),
    (complex(0.0, np.nan), complex(1.0, np.nan), True), (complex(0.0, -0.0), 0j, False), (2, 2, True), (2, 3, False),
])  # fmt: skip
def test_a_replay_is_held_to_the_bits_but_those_of_nan(x: Any, y: Any, same: bool) -> None:
    assert alike(np.array([x, 1]), np.array([y, 1])) is same
    assert alike(np.array([x])[0], np.array([y])[0]) is same
