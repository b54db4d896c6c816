"""What a Tensor promises: its data and gradient are its own, its history is told, and misuse is answered."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import tracemalloc
import weakref
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from operation_cases import CASES, Case, one_of_each, outputs, seed_of
from oracles import random

import autograd_lite as ag
from autograd_lite.engine.tensor import TABLE, Tensor

# Construction -----------------------------------------------------------------------------------------------


def test_data_is_copied() -> None:
    array = np.array([1.0, 2.0])
    t = Tensor(array, requires_grad=True)
    array[0] = 5
    np.testing.assert_array_equal(t.data, [1, 2])
    again = Tensor(t.detach(), requires_grad=True)
    assert not np.shares_memory(again.data, t.data)
    for data in (3.0, 3, True, [1, 2], [[1.0], [2.0]], (1, 2), np.float32(2), np.zeros((0, 2)), range(3)):
        t = Tensor(data)
        assert type(t.data) is np.ndarray
        np.testing.assert_array_equal(t.data, np.array(data))
        assert t.dtype == np.array(data).dtype and t.shape == np.shape(data)
    assert Tensor([1, 2], dtype=np.float32).dtype == np.float32
    assert Tensor([1, 2], requires_grad=True, dtype=float).requires_grad


def test_attributes_of_a_leaf() -> None:
    t = Tensor([[1.0, 2.0, 3.0]], requires_grad=True, name="w")
    assert (t.shape, t.ndim, t.size, t.dtype, t.name) == ((1, 3), 2, 3, np.float64, "w")
    assert t.is_leaf and t.op is None and t.parents == () and t.local_gradients == () and t.grad is None
    assert t.requires_grad and not Tensor([1.0]).requires_grad
    assert t.T.shape == (3, 1)


def test_history() -> None:
    w, x = Tensor([[1.0, 2.0]], requires_grad=True, name="w"), Tensor([[3.0], [4.0]], name="x")
    z = w @ x
    assert z.op == "matmul" and not z.is_leaf and z.requires_grad
    assert z.parents[0] is w and z.parents[1] is x
    [local] = z.local_gradients
    assert local.parent is w and local.output is z and local.label == "(x)ᵀ"
    np.testing.assert_array_equal(local.value, x.data)
    np.testing.assert_array_equal(local.jacobian(), np.array([[[[3.0, 4.0]]]]))
    y = w * 2.0
    assert isinstance(y.parents[1], Tensor) and y.parents[1].item() == 2.0
    constant = x * 2
    assert constant.is_leaf and not constant.requires_grad and constant.op is None and constant.parents == ()


def test_what_is_no_data_is_refused() -> None:
    w = Tensor([1.0, 2.0], requires_grad=True, name="w")
    for data in ("text", None, {}, [["a"]], object(), np.array(["a"]), np.array([None])):
        with pytest.raises(TypeError, match="a Tensor holds numbers"):
            Tensor(data)
    with pytest.raises(TypeError, match=r"the result of 'multiply' of shape \(2,\).*cut.*gradient.*t.detach\(\)"):
        Tensor(w * 2)
    with pytest.raises(TypeError, match=r"Tensor\(w of shape \(2,\)\) would cut it off from its gradient"):
        ag.grad(lambda x: np.sum(Tensor(w) * x))([1.0, 2.0])
    with pytest.raises(TypeError, match=r"w of shape \(2,\), which requires a gradient.*np.stack"):
        Tensor([w, w])
    with pytest.raises(TypeError, match="np.stack"):
        ag.as_tensor([[w], [w]])
    with pytest.raises(TypeError, match=r"floating-point.*not int64.*dtype=float"):
        Tensor([1, 2], requires_grad=True)
    with pytest.raises(TypeError, match="not bool"):
        Tensor([True], requires_grad=True)
    with pytest.raises(TypeError, match="complex Tensors are not differentiated"):
        Tensor([1j], requires_grad=True)
    with pytest.raises(ValueError):
        Tensor([[1.0], [1.0, 2.0]])


def test_as_tensor_shares() -> None:
    array = np.zeros(3)
    assert np.shares_memory(ag.as_tensor(array).data, array)
    t = Tensor(1.0)
    assert ag.as_tensor(t) is t


def test_as_tensor_converts_a_tensor_with_its_history() -> None:
    w = Tensor([1.0, 2.0], requires_grad=True)
    assert ag.as_tensor(w, dtype=np.float64) is w
    single = ag.as_tensor(w, dtype=np.float32)
    assert single.dtype == np.float32
    (single * 3).sum().backward()
    assert w.grad is not None
    assert w.grad.tolist() == [3.0, 3.0]


# backward ---------------------------------------------------------------------------------------------------


def test_the_example_of_micrograds_readme() -> None:
    a, b = Tensor(-4.0, requires_grad=True), Tensor(2.0, requires_grad=True)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    assert f"{g:.4f} {a.grad:.4f} {b.grad:.4f}" == "24.7041 138.8338 645.5773"


def test_backward_accumulates() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).sum()
    y.backward()
    np.testing.assert_array_equal(x.grad, [2, 4])
    y.backward()
    np.testing.assert_array_equal(x.grad, [4, 8])
    (x * 3).sum().backward()
    np.testing.assert_array_equal(x.grad, [7, 11])
    x.zero_grad()
    assert x.grad is None
    x.backward(np.array([1.0, 5.0]))  # a leaf is its own output
    np.testing.assert_array_equal(x.grad, [1, 5])


def test_only_leaves_that_require_it_get_a_gradient() -> None:
    x, c = Tensor([1.0], requires_grad=True), Tensor([2.0])
    y = x * c
    (y * 3).sum().backward()
    assert c.grad is None and x.grad is not None
    with pytest.warns(UserWarning, match=r"result of 'multiply' of shape \(1,\) has no grad.*ag.gradients\(cost, \[t\]\)"):
        assert y.grad is None
    with pytest.raises(ValueError, match=r"y is None.*results keep no grad: ag.gradients\(cost, \[t\]\)"), pytest.warns():
        ag.compare({"y": [3.0]}, {"y": y.grad})


def test_the_adjoint_to_start_from() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    for gradient in ([1.0, 10.0], np.array([1, 10]), np.array([1.0, 10.0], np.float32)):
        x.zero_grad()
        y.backward(gradient)
        np.testing.assert_array_equal(x.grad, [2, 40])
        assert x.grad.dtype == np.float64
    x.zero_grad()
    (x[:1] * 3).backward()  # one entry, whatever the axes
    np.testing.assert_array_equal(x.grad, [3, 0])


def test_the_adjoint_to_start_from_may_be_a_tensor() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    (x * x).backward(Tensor([1.0, 10.0]))
    np.testing.assert_array_equal(x.grad, [2, 40])


def test_errors_of_backward_change_no_gradient() -> None:
    w, x = Tensor([1.0, 2.0], requires_grad=True, name="w"), Tensor([1.0, 2.0], name="x")
    y = w * 2
    y.name = "y"
    with pytest.raises(ValueError, match=r"y of shape \(2,\) has 2 entries.*gradient=.*t.sum\(\)"):
        y.backward()
    with pytest.raises(ValueError, match=r"gradient has shape \(3,\), but y of shape \(2,\) needs one of shape \(2,\)"):
        y.backward(np.ones(3))
    with pytest.raises(ValueError, match=r"gradient has shape \(\)"):
        y.backward(1.0)
    with pytest.raises(RuntimeError, match=r"nothing to backpropagate from x of shape \(2,\).*requires_grad=True.*no_grad"):
        x.backward()
    with ag.no_grad():
        z = (w * 2).sum()
    with pytest.raises(RuntimeError, match="nothing to backpropagate"):
        z.backward()
    assert w.grad is None


def test_a_tensor_used_many_times() -> None:
    x = Tensor(3.0, requires_grad=True)
    (x * x * x + x + x - x).backward()
    assert x.grad == 28.0
    y = Tensor([1.0, 2.0], requires_grad=True)
    np.concatenate([y, y, y * y]).sum().backward()
    np.testing.assert_array_equal(y.grad, [4, 6])


# Ownership --------------------------------------------------------------------------------------------------


def test_grad_can_be_set_and_is_copied() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True, dtype=np.float32, name="x")
    mine = np.array([3.0, 4.0])
    x.grad = mine
    mine[0] = 0
    assert x.grad.dtype == np.float32
    np.testing.assert_array_equal(x.grad, [3, 4])
    x.grad *= 0.5
    np.testing.assert_array_equal(x.grad, [1.5, 2])
    with pytest.raises(ValueError, match=r"grad of x of shape \(2,\) is an array of its shape"):
        x.grad = np.zeros(3)
    x.grad = None
    assert x.grad is None


def arrays_of(value: Any) -> Iterator[np.ndarray]:
    """The arrays in a stored local gradient."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from arrays_of(item)


def nodes_of(results: list[Tensor]) -> list[Tensor]:
    stack, seen = list(results), {}
    while stack:
        t = stack.pop()
        if t not in seen and not t.is_leaf:
            seen[t] = None
            stack.extend(t.parents)
    return list(seen)


@pytest.mark.parametrize("k", range(0, len(CASES), 50))
def test_a_gradient_is_the_tensors_own_for_every_operation(k: int) -> None:
    """It shares memory with no other gradient, no data, no stored local gradient, and nothing the caller gave."""
    for case in CASES[k : k + 50]:
        xs = [Tensor(a, requires_grad=True) for a in case.arrays]
        results = outputs(case.function(*xs))
        seeds = [random(y.shape, -1, 1, seed_of(str(case), i)).astype(y.dtype) for i, y in enumerate(results)]
        given = [s.copy() for s in seeds]
        nodes = nodes_of(results)
        stored = [a for node in nodes for g in node.local_gradients for a in arrays_of(g.value)]
        before = [a.copy() for a in stored]
        once = []
        for times in (1, 2):
            for y, seed in zip(results, seeds):
                y.backward(seed)
            grads = [x.grad for x in xs if x.grad is not None]
            for g, x in zip(grads, [x for x in xs if x.grad is not None]):
                assert type(g) is np.ndarray and g.shape == x.shape and g.dtype == x.dtype and g.flags.writeable, str(case)
                for other in [*(x.data for x in xs), *(n.data for n in nodes), *seeds, *stored]:
                    assert not np.shares_memory(g, other), str(case)
            for g, h in combinations(grads, 2):
                assert not np.shares_memory(g, h), str(case)
            if times == 1:
                once = [g.copy() for g in grads]
        for g, h in zip(once, grads):
            np.testing.assert_allclose(h, 2 * g, rtol=1e-13, atol=1e-300, err_msg=str(case))
        for s, s_before in zip(seeds + stored, given + before):
            np.testing.assert_array_equal(s, s_before, err_msg=f"{case} wrote to an array that is not its own")
        for x, a in zip(xs, case.arrays):
            np.testing.assert_array_equal(x.data, a)


@pytest.mark.parametrize("k", range(0, len(CASES), 50))
def test_gradients_are_the_callers_own_for_every_operation(k: int) -> None:
    for case in CASES[k : k + 50]:
        xs = [Tensor(a, requires_grad=True) for a in case.arrays]
        for y in outputs(case.function(*xs)):
            seed = np.ones(y.shape, y.dtype)
            nodes = [y, *nodes_of([y])]
            results = ag.gradients(y, [*xs, y], seed)
            for g, h in combinations([*results, seed, *(n.data for n in nodes), *(x.data for x in xs)], 2):
                if any(g is r for r in results) or any(h is r for r in results):
                    assert not np.shares_memory(g, h), str(case)
            np.testing.assert_array_equal(seed, np.ones(y.shape))


def test_leaves_that_receive_the_same_adjoint_do_not_share_it() -> None:
    a, b = Tensor([1.0, 2.0], requires_grad=True), Tensor([3.0, 4.0], requires_grad=True)
    seed = np.array([1.0, 1.0])
    (a + b).backward(seed)
    a.grad += 1
    np.testing.assert_array_equal(b.grad, [1, 1])
    np.testing.assert_array_equal(seed, [1, 1])
    (a + b).backward(seed)
    np.testing.assert_array_equal(a.grad, [3, 3])
    np.testing.assert_array_equal(b.grad, [2, 2])


@pytest.mark.parametrize("case", one_of_each(CASES[::3]))
def test_local_gradients_can_be_looked_at_for_every_operation(case: Case) -> None:
    """The dense Jacobian times the adjoint is what is propagated, and the label is complete."""
    xs = [Tensor(a, requires_grad=True) for a in case.arrays]
    for node in nodes_of(outputs(case.function(*xs)))[:6]:
        if node.dtype.kind == "c":
            continue
        u = random(node.shape, -1, 1, 1).astype(node.dtype)
        for local in node.local_gradients:
            assert local.label and not set("{}") & set(local.label), local.label
            assert repr(local).startswith("LocalGradient(∂")
            jacobian = local.jacobian()
            assert jacobian.shape == node.shape + local.parent.shape
            if local.parent.dtype.kind == "c" or not np.all(np.isfinite(jacobian)):
                continue
            product = np.tensordot(u, np.real(jacobian), node.ndim)
            np.testing.assert_allclose(np.real(local.pull(u)), product, rtol=1e-12, atol=1e-12)


# In-place rules ---------------------------------------------------------------------------------------------


def test_tensors_are_not_modified_in_place() -> None:
    t = Tensor([1.0, 2.0], requires_grad=True, name="t")
    with pytest.raises(TypeError, match=r"t of shape \(2,\) is not modified in place.*np.where\(mask, value, t\).*t.data"):
        t[0] = 5.0
    with pytest.raises(TypeError, match="out="):
        np.add(1.0, 2.0, out=t)
    with pytest.raises(ValueError, match="read-only"):
        t.numpy()[0] = 5
    with pytest.raises(ValueError, match="read-only"):
        t.detach().data[0] = 5
    np.testing.assert_array_equal(t.data, [1, 2])


def test_a_parameter_is_updated_through_data() -> None:
    w = Tensor([1.0, 2.0], requires_grad=True, dtype=np.float32, name="w")
    w.data -= np.array([0.5, 0.5], np.float32)
    np.testing.assert_array_equal(w.data, [0.5, 1.5])
    new = np.array([3.0, 4.0])
    w.data = new
    new[0] = 0
    np.testing.assert_array_equal(w.data, [3, 4])
    assert w.dtype == np.float32
    w.data = [5, 6]
    np.testing.assert_array_equal(w.data, [5, 6])
    with pytest.raises(ValueError, match=r"data of w of shape \(2,\).*not by shape \(3,\), float64"):
        w.data = np.zeros(3)
    with pytest.raises(ValueError, match="complex"):
        w.data = np.zeros(2, complex)
    number = Tensor(1.0, requires_grad=True)
    number.data -= 0.25
    assert number.item() == 0.75


@pytest.mark.parametrize("how", ["in place", "replaced"])
def test_an_update_invalidates_the_graphs_before_it(how: str) -> None:
    def update(t: Tensor) -> None:
        if how == "in place":
            t.data -= 1.0
        else:
            t.data = t.data - 1.0

    w, other = Tensor([1.0, 2.0], requires_grad=True, name="w"), Tensor([1.0, 2.0], requires_grad=True)
    cost, unrelated = (w * w).sum(), (other * 2).sum()
    partly = (np.exp(other) * w + other).sum()
    update(w)
    for old in (cost, partly):
        with pytest.raises(
            RuntimeError, match=r"cannot backpropagate through 'multiply'.*w of shape \(2,\).*replaced.*again.*before"
        ):
            old.backward()
    with pytest.raises(RuntimeError, match="replaced"):
        ag.gradients(cost, w)
    assert w.grad is None and other.grad is None
    unrelated.backward()
    np.testing.assert_array_equal(other.grad, [2, 2])
    after = (w * w).sum()
    after.backward()
    np.testing.assert_array_equal(w.grad, 2 * w.data)
    constant = Tensor([1.0, 1.0])
    with_constant = (w * constant).sum()
    update(constant)
    with pytest.raises(RuntimeError, match="replaced"):
        with_constant.backward()


def test_the_data_of_a_result_is_not_changed() -> None:
    w = Tensor([1.0, 2.0], requires_grad=True)
    y = w * 2
    z = (y * y).sum()
    with pytest.raises(RuntimeError, match=r"computed by 'multiply'.*t.detach\(\).copy\(\)"):
        y.data = np.zeros(2)
    np.testing.assert_array_equal(y.data, [2, 4])
    with pytest.raises(RuntimeError, match="computed by 'multiply'"):
        y.data -= 1
    with pytest.raises(RuntimeError, match="replaced"):  # the numbers have changed already: no wrong gradient
        z.backward()


def test_requires_grad_is_set_on_leaves() -> None:
    w = Tensor([1.0, 2.0])
    w.requires_grad = True
    y = w * 2
    with pytest.raises(RuntimeError, match=r"can be set on leaves.*'multiply'.*t.detach\(\)"):
        y.requires_grad = False
    w.requires_grad = False
    assert (w * 2).is_leaf


# Ways out and Python's protocols ----------------------------------------------------------------------------


def test_detach_copy_and_astype() -> None:
    w = Tensor([1.0, 2.0], requires_grad=True)
    y = w * 3
    constant = y.detach()
    assert constant.is_leaf and not constant.requires_grad
    np.testing.assert_array_equal(constant.data, [3, 6])
    own = y.detach().copy()
    assert own.is_leaf
    own.data -= 1
    np.testing.assert_array_equal(y.data, [3, 6])
    copied = w.copy()
    assert copied.requires_grad and not np.shares_memory(copied.data, w.data)
    np.testing.assert_array_equal(ag.gradients(copied.sum(), w), [1, 1])
    assert w.astype(np.float32).dtype == np.float32
    assert type(w.astype(int)) is np.ndarray


def test_numbers_and_sequences() -> None:
    t = Tensor([[1.5, 2.0], [3.0, 4.0]], requires_grad=True)
    assert len(t) == 2 and [row.tolist() for row in t] == [[1.5, 2.0], [3.0, 4.0]]
    assert all(isinstance(row, Tensor) and row.requires_grad for row in t)
    first, second = t
    np.testing.assert_array_equal(ag.gradients((first * second).sum(), t), [[3, 4], [1.5, 2]])
    number = t[0, 0]
    assert (bool(number), number.item(), t.tolist()) == (True, 1.5, [[1.5, 2.0], [3.0, 4.0]])
    with ag.no_grad():
        assert (float(number), int(number), complex(number), float(t[:1, :1])) == (1.5, 1, 1.5 + 0j, 1.5)
    assert (float(number.detach()), int(number.detach()), complex(number.detach())) == (1.5, 1, 1.5 + 0j)
    assert list(range(3))[Tensor(2)] == 2
    assert isinstance(number.item(), float) and f"{number:.2f}" == "1.50"
    assert 3.0 in t and 7.0 not in t
    assert not bool(Tensor(0.0))
    with pytest.raises(TypeError, match="without axes"):
        iter(number)
    with pytest.raises(TypeError):
        len(number)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(t)
    with pytest.raises(ValueError):
        float(t.detach())


def test_comparisons_give_boolean_arrays() -> None:
    t, u = Tensor([1.0, 2.0], requires_grad=True), Tensor([2.0, 2.0])
    for result, expected in [
        (t < u, [True, False]), (t <= 2, [True, True]), (t > 1.5, [False, True]), (t >= u.data, [False, True]),
        (t == u, [False, True]), (t != [1, 2], [False, False]), (np.array([2.0, 2.0]) > t, [True, False]),
        (1.0 == t, [True, False]), (2 > t, [True, False]),
    ]:  # fmt: skip
        assert type(result) is np.ndarray and result.dtype == bool
        np.testing.assert_array_equal(result, expected)
    assert len({t, u, t}) == 2  # a Tensor is a key by identity
    assert {t: 1}[t] == 1


def test_repr() -> None:
    assert repr(Tensor([1.0, 2.0])) == "Tensor([1., 2.])"
    assert repr(Tensor(3)) == "Tensor(3)"
    assert repr(Tensor([1.0], requires_grad=True, name="w")) == "Tensor([1.], name='w', requires_grad=True)"
    assert repr(Tensor([1.0], dtype=np.float32)) == "Tensor([1.], dtype=float32)"
    assert repr(Tensor([1.0], requires_grad=True) * 2) == "Tensor([2.], op='multiply')"
    assert "..." in repr(Tensor(np.zeros(5000)))
    assert repr(Tensor(np.zeros((0, 2)))).startswith("Tensor([]")


@pytest.mark.parametrize("how", ["pickle", "deepcopy", "copy"])
def test_leaves_are_pickled_and_copied(how: str) -> None:
    w = Tensor([1.0, 2.0], requires_grad=True, dtype=np.float32, name="w")
    (w * w).sum().backward()
    if how == "pickle":
        v = pickle.loads(pickle.dumps(w))
    else:
        v = copy.deepcopy(w) if how == "deepcopy" else copy.copy(w)
    assert v is not w and (v.name, v.requires_grad, v.dtype) == ("w", True, np.float32)
    np.testing.assert_array_equal(v.data, w.data)
    np.testing.assert_array_equal(v.grad, w.grad)
    assert not np.shares_memory(v.data, w.data) and not np.shares_memory(v.grad, w.grad)
    parameters = {"w": w}
    assert copy.deepcopy(parameters)["w"] is not w
    twice = copy.deepcopy(w * 2)  # a recorded operation: nothing of the history is lost
    np.testing.assert_array_equal(ag.gradients(twice, w, np.ones(2)), [2.0, 2.0])
    with pytest.raises(TypeError, match=r"has a history, which cannot be pickled.*t.detach\(\)"):
        pickle.dumps(w * 2)
    pickle.dumps((w * 2).detach())


# Recording --------------------------------------------------------------------------------------------------


def test_no_grad() -> None:
    w = Tensor([1.0, 2.0], requires_grad=True)
    with ag.no_grad():
        y = w * 2
        assert y.is_leaf and not y.requires_grad
        with ag.enable_grad():
            assert (w * 2).requires_grad
        assert not np.exp(w).requires_grad
        assert not (np.concatenate([w, w]) @ np.ones(4)).requires_grad
    assert (w * 2).requires_grad

    @ag.no_grad()
    def predict(depth: int) -> Tensor:
        return predict(depth - 1) if depth else w * 2

    assert not predict(3).requires_grad
    assert (w * 2).requires_grad
    with pytest.raises(KeyError), ag.no_grad():
        raise KeyError
    assert (w * 2).requires_grad
    once = ag.no_grad()
    with once, once:
        assert not (w * 2).requires_grad
    with once:
        assert not (w * 2).requires_grad
    assert (w * 2).requires_grad


def test_no_grad_in_one_thread_does_not_affect_another() -> None:
    w = Tensor([1.0, 2.0], requires_grad=True)
    inside, outside = threading.Event(), threading.Event()
    seen: list[bool] = []

    def other() -> None:
        inside.wait()
        seen.append((w * 2).requires_grad)
        with ag.name_scope("other"):
            seen.append((w * 2).scope == ("other",))
        outside.set()

    thread = threading.Thread(target=other)
    thread.start()
    with ag.no_grad(), ag.name_scope("mine"):
        inside.set()
        outside.wait()
        assert not (w * 2).requires_grad
    thread.join()
    assert seen == [True, True]


def test_one_no_grad_object_in_several_threads() -> None:
    w, shared, wrong = Tensor([1.0], requires_grad=True), ag.no_grad(), []

    @shared
    def constant() -> bool:
        return (w * 2).requires_grad

    def work() -> None:
        for _ in range(200):
            if constant() or not (w * 2).requires_grad:
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_graphs_recorded_and_swept_in_several_threads() -> None:
    w = [Tensor(random((3, 3), -1, 1, i), requires_grad=True) for i in range(4)]

    def work(i: int) -> None:
        for _ in range(50):
            w[i].zero_grad()
            y = w[i]
            for _ in range(10):
                y = np.tanh(y @ w[i])
            y.sum().backward()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for t in w:
        together = t.grad
        t.zero_grad()
        y = t
        for _ in range(10):
            y = np.tanh(y @ t)
        y.sum().backward()
        np.testing.assert_array_equal(together, t.grad)


def test_name_scopes_nest() -> None:
    x = Tensor(1.0, requires_grad=True)
    with ag.name_scope("outer"):
        a = x * 2
        with ag.name_scope("inner"):
            b = a * 2
        c = b * 2
    assert (a.scope, b.scope, c.scope, (c * 2).scope) == (("outer",), ("outer", "inner"), ("outer",), ())


# Size -------------------------------------------------------------------------------------------------------


@pytest.fixture
def pulls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The name of an operation for each local gradient that an adjoint is multiplied into."""
    used: list[str] = []
    for name in ("add", "multiply", "tanh", "exp", "sum"):
        operation = TABLE[name].operation

        def counting(pull: Any, name: str = name) -> Any:
            def counted(*arguments: Any) -> Any:
                used.append(name)
                return pull(*arguments)

            return counted

        monkeypatch.setattr(operation, "pulls", tuple(counting(pull) for pull in operation.pulls))
    return used


def edges_of(result: Tensor) -> int:
    return sum(len(node.local_gradients) for node in nodes_of([result]))


def test_stacked_diamonds_use_each_local_gradient_once(pulls: list[str]) -> None:
    """30 diamonds have 2³⁰ paths and 60 edges."""
    x = Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(30):
        y = y + y
    assert edges_of(y) == 60
    y.backward()
    assert x.grad == 2.0**30
    assert len(pulls) == 60


def test_diamonds_of_different_operations_use_each_local_gradient_once(pulls: list[str]) -> None:
    x = Tensor([0.1, -0.2], requires_grad=True)
    y = x
    for _ in range(30):
        y = np.tanh(np.tanh(y) * np.exp(y) + y)
    cost = y.sum()
    edges = edges_of(cost)
    assert edges == 30 * 7 + 1
    cost.backward()
    assert len(pulls) == edges
    pulls.clear()
    ag.gradients(cost, x)
    assert len(pulls) == edges


def test_gradients_visit_only_what_lies_between(pulls: list[str]) -> None:
    x, w = Tensor(1.0, requires_grad=True), Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(30):
        y = y + y
    z = w * y
    assert ag.gradients(z, w) == 2.0**30
    assert pulls == ["multiply"]


def test_a_graph_100_000_operations_deep() -> None:
    x = Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(100_000):
        y = y + 0.5
    y.backward()
    assert x.grad == 1.0 and y.item() == 50_001.0
    assert ag.gradients(y, x) == 1.0
    watched = weakref.ref(y)
    del y
    assert watched() is None


@pytest.mark.usefixtures("no_collector")
@pytest.mark.slow
def test_a_graph_a_million_operations_deep_and_shared() -> None:
    x = Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(500_000):
        y = y + y
        y = y * 0.5
    y.backward()
    assert x.grad == 1.0
    del y  # without recursion, too


def test_the_gradient_of_a_cost_of_leaves_is_an_array_of_its_own() -> None:
    a, y = Tensor([1.0, 2.0], requires_grad=True), Tensor([0.0, 5.0], requires_grad=True)
    cost = ag.half_squared_distance(a, y)
    cost.backward()
    assert a.grad is not None and y.grad is not None
    a.grad *= 100
    y.grad *= 100
    a.zero_grad()
    y.zero_grad()
    cost.backward()
    np.testing.assert_array_equal(a.grad, [1.0, -3.0])
    np.testing.assert_array_equal(y.grad, [-1.0, 3.0])


def test_the_cost_of_integers_is_no_integer() -> None:
    assert ag.half_squared_distance(np.array([1, 2]), np.array([0, 0])) == 2.5


def test_a_deep_graph_recorded_again() -> None:
    x = Tensor(0.5, requires_grad=True)
    y = x
    for _ in range(3_000):
        y = y * 1.0001
    slope = ag.gradients(y * x, x, create_graph=True)
    assert ag.gradients(slope, x) == pytest.approx(2 * 1.0001**3000)


def test_a_wide_graph() -> None:
    x = Tensor(np.ones(3), requires_grad=True)
    parts = [x * float(i) for i in range(2_000)]
    np.concatenate(parts).sum().backward()
    assert x.grad[0] == sum(range(2_000))


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def step(w: Tensor, v: Tensor, x: np.ndarray) -> None:
    hidden = ag.sigmoid(ag.linear(w, x, v))
    cost = ag.half_squared_distance(hidden, 0.5) + np.sum(np.tanh(w) ** 2)
    cost.backward()
    for t in (w, v):
        t.data -= 0.01 * t.grad
        t.zero_grad()


@pytest.mark.usefixtures("no_collector")
def test_memory_is_flat_without_the_garbage_collector() -> None:
    w, v = Tensor(random((20, 30), -1, 1, 1), requires_grad=True), Tensor(np.zeros((20, 1)), requires_grad=True)
    x = random((30, 10), -1, 1, 2)
    for _ in range(50):
        step(w, v, x)
    tracemalloc.start()
    step(w, v, x)
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(300):
        step(w, v, x)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 10_000  # a single step's arrays are more than that
    assert gc.collect() == 0


@pytest.mark.usefixtures("no_collector")
def test_graphs_hold_no_reference_cycle() -> None:
    x = Tensor(random((4,), 0.5, 1, 1), requires_grad=True)

    def cost(x: Any) -> Any:
        return np.sum(np.tanh(x) * np.sort(x)[::-1] / np.linalg.norm(x) + np.cumprod(x) ** 2)

    y = cost(x)
    watched = [weakref.ref(node) for node in nodes_of([y])]
    assert len(watched) > 8
    y.backward()
    slope = ag.gradients(y, x, create_graph=True)
    watched += [weakref.ref(node) for node in nodes_of([slope])]
    slope.local_gradients[0].jacobian()
    del y, slope
    assert [w() for w in watched if w() is not None] == []
    for function in (ag.grad(cost), ag.hessian(cost), ag.jacobian(lambda x: np.outer(x, x))):
        function(x.data)
    ag.jvp(cost, (x.data,), (x.data,))
    ag.hvp(cost, (x.data,), (x.data,))
    pullback = ag.vjp(cost, x.data)[1]
    pullback(1.0)
    del function, pullback
    assert gc.collect() == 0


def test_data_of_a_result_that_was_not_replaced_leaves_the_graph_as_it_is() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    with pytest.raises(RuntimeError, match="computed by 'multiply' and is not to be changed. Write"):
        y.data = np.zeros(2)
    cost = (y * y).sum()
    cost.backward()
    assert list(x.grad) == [4, 32]
    with pytest.raises(RuntimeError, match="no longer be differentiated"):
        y.data -= 1
    with pytest.raises(RuntimeError, match="multiply"):
        cost.backward()
