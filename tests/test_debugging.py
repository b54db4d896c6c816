"""`debug` finds who wrote into an array, and where NaN and infinity come from; without it nothing is looked at."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from operation_cases import CASES, outputs

import autograd_lite as ag
from autograd_lite import Tensor
from nets import MLP, TwoLayerNet

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's own, of the NaN that is looked for


def leaf(*values: float) -> Tensor:
    return Tensor(values, requires_grad=True, name="x")


FORWARD: list[tuple[str, str, Callable[[Tensor], Any]]] = [
    ("log", "infinity at [1]", lambda x: np.log(x * 1.0)),
    ("divide", "NaN at [1]", lambda x: (x * 1.0) / x),
    ("multiply", "infinity at [0]", lambda x: x * 1e308 * 1e308),
]


@pytest.mark.parametrize("operation, what, f", FORWARD)
def test_the_first_operation_that_gives_nan_or_infinity(operation: str, what: str, f: Callable[[Tensor], Any]) -> None:
    x = leaf(2.0, 0.0)
    np.sum(f(x) * 2.0)
    place = re.escape(f"'{operation}'") + rf" of shapes .* gave {re.escape(what)}, at .*test_debugging.py:\d+: \(\"{operation}\""
    with ag.debug(), pytest.raises(FloatingPointError, match=place):
        np.sum(f(x) * 2.0)


def test_infinity_that_was_given_is_no_error_and_nan_is() -> None:
    x = leaf(2.0, 0.0)
    with ag.debug():
        ag.softmax(np.where([True, False], x, -np.inf)).sum().backward()
        with pytest.raises(FloatingPointError, match=r"'add' .* gave NaN at \[1\]"):
            x + [0.0, np.nan]


@pytest.mark.parametrize("inside", [True, False])
def test_the_first_operation_that_gives_nan_in_the_backward_pass(inside: bool) -> None:
    x = leaf(4.0, 0.0)
    with ag.debug():
        roots = np.sqrt(x)  # the line to be told
        cost = roots.sum()
        if inside:
            with pytest.raises(FloatingPointError, match=r"through 'sqrt' gave infinity at \[1\] as .* operand 0 \(x of") as told:
                cost.backward()
    if not inside:
        with pytest.raises(FloatingPointError, match=r"through 'sqrt' gave infinity at \[1\] as .* operand 0 \(x of") as told:
            ag.gradients(cost, [x])
    assert str(told.value).endswith("roots = np.sqrt(x)  # the line to be told")
    assert x.grad is None


@pytest.mark.parametrize("what", ["a constant", "a leaf", "a result"])
def test_arrays_that_were_written_to(what: str) -> None:
    x, a = leaf(1.0, 2.0), np.array([3.0, 4.0])
    with ag.debug():
        y = x * a
        cost = np.sum(y * y)
    written = {"a constant": a, "a leaf": x.data, "a result": y.data}[what]
    written[0] += 1.0
    with pytest.raises(RuntimeError, match=r"(operand \d|result) of 'multiply' was written to after .*test_debugging.py:\d+: "):
        cost.backward()
    assert x.grad is None
    written[0] -= 1.0
    cost.backward()


def test_an_input_of_a_network_that_was_written_to() -> None:
    net, x = TwoLayerNet(3, 4, 1, seed=0), np.ones((3, 2))
    with ag.debug():
        cost = net.cost(x, np.ones((1, 2)))
        assert cost.scope == ("cost",) and cost.parents[0].scope == ("layer 2",)
    x[0] = 0.0
    with pytest.raises(RuntimeError, match=r"operand 1 of 'linear' was written to after .*two_layer.py:\d+: "):
        cost.backward()
    assert net.w1.grad is net.w2.grad is None


INDICES: list[tuple[str, Any, Callable[[Tensor, Any], Any]]] = [
    ("index", [0, 1], lambda x, a: x[a]),
    ("index", [True, False, True], lambda x, a: x[a, None]),
    ("take", [0, 1], lambda x, a: np.take(x, a)),
    ("repeat", [0, 1, 2], lambda x, a: np.repeat(x, repeats=a)),
]


@pytest.mark.parametrize("name, numbers, f", INDICES)
def test_an_index_or_mask_that_was_written_to(name: str, numbers: Any, f: Callable[[Tensor, Any], Any]) -> None:
    x, a = leaf(1.0, 2.0, 3.0), np.array(numbers)
    with ag.debug():
        cost = np.sum(f(x, a) ** 2)
    a[:] = a[::-1].copy() if a.dtype != bool else ~a
    with pytest.raises(RuntimeError, match=f"the index, mask or other setting '.*' of '{name}' was written to after"):
        cost.backward()
    assert x.grad is None


def test_a_network_that_was_called_inside_is_copied() -> None:
    net, x = MLP([3, 4, 2], seed=0), np.ones((3, 5))
    with ag.debug(), ag.name_scope("outside"):
        net(x)
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert np.array_equal(twin(x).data, net(x).data) and twin(x).scope == ("layer 2",)


def test_what_was_recorded_inside_is_watched_below_a_cost_outside() -> None:
    x, a = leaf(1.0, 2.0), np.array([3.0, 4.0])
    with ag.debug():
        y = x * a
        root = np.sqrt(x - 1.0)
    a[0] = 0.0
    with pytest.raises(RuntimeError, match="operand 1 of 'multiply' was written to"):
        y.sum().backward()
    with pytest.raises(FloatingPointError, match="through 'sqrt' gave infinity"):
        root.sum().backward()


def test_a_write_passes_unnoticed_without_debug() -> None:
    """Which is what it is for; and what it says of itself, that it costs nothing."""
    x, a = leaf(1.0, 2.0), np.array([3.0, 4.0])
    y = x * a
    assert type(y.scope) is tuple
    a[0] = 0.0
    y.sum().backward()


def test_scopes_and_modes_inside() -> None:
    x = leaf(1.0, 2.0)
    with ag.name_scope("a"), ag.debug(), ag.name_scope("b"):
        assert (x * x).scope == ("a", "b")
        with ag.no_grad():
            assert not np.log(x * 0.0).requires_grad
            with ag.enable_grad(), pytest.raises(FloatingPointError):
                np.log(x * 0.0)
    np.log(x * 0.0)


@ag.debug()
def test_every_operation_gives_the_same_under_debug() -> None:
    """Values and gradients, recorded sweeps too."""
    names = set()
    for case in CASES:
        if case.name in names or case.name.startswith("nan") and case.name != "nan_to_num":
            continue  # those of NaN, which is what debug raises at
        names.add(case.name)
        arrays = [a.astype(float) for a in case.arrays]

        def cost(*xs: Any) -> Any:
            return sum(np.sum(y * y) for y in outputs(case.function(*xs)))

        every = tuple(range(len(arrays)))
        got = ag.grad(cost, every)(*arrays)
        with ag.enable_grad():
            xs = [Tensor(a, requires_grad=True) for a in arrays]
            y = cost(*xs)
            if y.requires_grad:
                for g, h in zip(ag.gradients(y, xs, create_graph=True), got):
                    np.testing.assert_allclose(g.data, h, rtol=1e-10, atol=1e-12)
    assert len(names) > 100


def test_compiled_steps_run_as_they_are() -> None:
    net = TwoLayerNet(3, 4, 1, seed=0)
    x, y = np.ones((3, 2)), np.ones((1, 2))

    @ag.compile
    def step(x: Any) -> None:
        net.cost(x, y).backward()

    for _ in range(4):
        step(x)
    with ag.debug(), pytest.raises(FloatingPointError, match="gave NaN"):
        step(x * np.nan)
    step(x * np.nan)
