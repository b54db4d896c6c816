"""Ctrl-C at any moment, forks and other processes: nothing stays set, locked, or what it is not."""

from __future__ import annotations

import dis
import multiprocessing
import os
import pickle
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor

X = np.array([1.0, -2.0])
CALLS = {"CALL", "CALL_FUNCTION_EX", "CALL_KW", "CALL_FUNCTION", "CALL_METHOD", "CALL_FUNCTION_KW", "BEFORE_WITH"}


class Interruption:
    """Raises KeyboardInterrupt when the library has come to its n-th bytecode, as Ctrl-C does at some.

    Python looks for signals at the start of a function, after a call and at a jump backwards; with `everywhere`, one comes
    before any instruction.
    """

    def __init__(self, n: int, everywhere: bool = True) -> None:
        self.left, self.everywhere, self.count = n, everywhere, 0
        self.offsets: dict[Any, set[int]] = {}

    def __enter__(self) -> Interruption:
        sys.settrace(self.trace)
        return self

    def __exit__(self, *_: Any) -> None:
        sys.settrace(None)

    def trace(self, frame: Any, event: str, arg: Any) -> Any:
        name = frame.f_code.co_filename
        if not ("autograd_lite" in name or name == "<string>") or os.sep + "tests" + os.sep in name:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode" and (self.everywhere or frame.f_lasti in self.moments(frame.f_code)):
            self.count += 1
            self.left -= 1
            if self.left == 0:
                sys.settrace(None)
                raise KeyboardInterrupt
        return self.trace

    def moments(self, code: Any) -> set[int]:
        if code not in self.offsets:
            found, before = set(), "RESUME"
            for instruction in dis.get_instructions(code):
                if before in CALLS or before == "RESUME" and code.co_name != "__exit__" or instruction.opname == "JUMP_BACKWARD":
                    found.add(instruction.offset)
                if instruction.opname not in ("CACHE", "PRECALL"):
                    before = instruction.opname
            self.offsets[code] = found
        return self.offsets[code]


class Model:
    """A step with everything that may be left half done: a scope, gradients, data."""

    def __init__(self) -> None:
        self.w = Tensor([1.0, 2.0], requires_grad=True)
        self.step = ag.compile(self.eager)

    def eager(self, x: Any) -> Any:
        self.w.zero_grad()
        with ag.name_scope("step"):
            cost = (self.w * x).sum()
        cost.backward()
        self.w.data -= 0.5 * self.w.grad
        return cost.item()


def surroundings() -> Any:
    w = Tensor([1.0], requires_grad=True)
    y = w * 2
    return y.requires_grad, y.scope, np.geterr(), list(warnings.filters), threading.active_count()


@pytest.mark.parametrize("calls", [1, 2, 5], ids=["recording", "comparing", "replaying"])
def test_a_compiled_step_that_is_interrupted(calls: int) -> None:
    def interrupted(n: int) -> int:
        """Interrupt the last call at its n-th bytecode, and see that all is well afterwards; the number of bytecodes."""
        model, before = Model(), surroundings()
        for _ in range(calls):
            model.step(X)
        finished = False
        with Interruption(n) as interruption:
            try:
                model.step(X)
                finished = True
            except KeyboardInterrupt:
                pass
        assert surroundings() == before
        assert finished == (interruption.left > 0)
        assert type(model.w.data) is np.ndarray and type(model.w.grad) in (np.ndarray, type(None))
        other = Model()
        other.w.data = model.w.data
        results: list[Any] = []
        thread = threading.Thread(target=lambda: results.append(model.step(X)), daemon=True)
        thread.start()
        thread.join(20)
        assert results == [other.eager(X)]
        for _ in range(4):
            assert model.step(X) == other.eager(X)
            np.testing.assert_array_equal(model.w.data, other.w.data)
        assert model.step._here.run is not None  # and it replays
        assert not model.step._here.run.__globals__["busy"]
        return interruption.count

    total = interrupted(10**9)
    chosen = np.linspace(1, total, 4 if calls == 1 else 12, dtype=int) if calls < 3 else range(1, total + 1, 3)
    for n in chosen:
        interrupted(int(n))


@pytest.mark.parametrize("enter", [ag.no_grad, lambda: ag.name_scope("a"), lambda: ag.no_grad()(lambda: None)])
def test_a_scope_that_is_interrupted_is_left(enter: Callable[[], Any]) -> None:
    """Wherever Python looks for signals, but for the start of `__exit__`, which no code in Python can guard."""
    before, n, finished = surroundings(), 0, False
    while not finished:
        n += 1
        try:
            with Interruption(n, everywhere=False):
                entered = enter()
                if callable(entered) and not hasattr(entered, "__enter__"):
                    entered()
                else:
                    with entered:
                        pass
            finished = True
        except KeyboardInterrupt:
            pass
        assert surroundings() == before
    assert n > 5


# Other threads and processes ------------------------------------------------------------------------------


class Slow:
    """A step whose function waits in the middle until it is told to go on."""

    def __init__(self) -> None:
        self.inside, self.go_on = threading.Event(), threading.Event()

    def __call__(self, x: Any) -> Any:
        self.inside.set()
        self.go_on.wait(20)
        return x * 2


def doubled(x: Any) -> Any:
    return x * 2


compiled_doubled = ag.compile(doubled)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning", "ignore:the step is not compiled")
def test_a_fork_while_another_thread_is_in_a_compiled_call() -> None:
    slow = Slow()
    wait = ag.compile(slow)
    thread = threading.Thread(target=lambda: [wait(X) for _ in range(2)])
    thread.start()
    slow.inside.wait(20)
    child = os.fork()
    if child == 0:
        slow.go_on.set()
        results = [ag.compile(doubled)(X), compiled_doubled(X), compiled_doubled(X), wait(X)]
        os._exit(0 if all(np.array_equal(r, 2 * X) for r in results) else 1)
    slow.go_on.set()
    for _ in range(200):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        threading.Event().wait(0.05)
    else:
        os.kill(child, 9)
        os.waitpid(child, 0)
        pytest.fail("the child hangs")
    thread.join(20)
    assert os.waitstatus_to_exitcode(status) == 0


def test_compiled_functions_go_to_other_processes() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        results = pool.map(compiled_doubled, [X * i for i in range(4)])
    assert all(np.array_equal(r, 2 * X * i) for i, r in enumerate(results))


def test_models_that_hold_a_compiled_step_are_pickled() -> None:
    model = Model()
    for _ in range(4):
        model.step(X)
    other = pickle.loads(pickle.dumps(model))
    other.w.zero_grad()
    assert [model.step(X) for _ in range(4)] == [other.step(X) for _ in range(4)]
    np.testing.assert_array_equal(model.w.data, other.w.data)
    assert other.step.step.__self__ is other
