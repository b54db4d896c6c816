"""Tensor's methods: which function of the table each one is, what its signature says, and that its source can be seen."""

from __future__ import annotations

import inspect
import linecache
import pickle
import traceback
from dataclasses import fields
from types import FunctionType
from typing import Any

import numpy as np
import pytest
import typed_program

import autograd_lite as ag
from autograd_lite.engine.tensor import TABLE, Tensor, _unary


def test_no_method_is_left_a_declaration() -> None:
    """A declaration does nothing; what stands in its place has its name and signature."""
    methods = {name: f for name, f in vars(Tensor).items() if isinstance(f, FunctionType)}
    bound = {name: f for name, f in methods.items() if hasattr(f, "__wrapped__")}
    assert not [name for name, f in methods.items() if f.__code__.co_code == _unary.__code__.co_code]
    assert len(bound) > 50
    for name, f in bound.items():
        assert f.__qualname__ == f"Tensor.{name}" and next(iter(inspect.signature(f).parameters)) == "self"
        assert f.__doc__


@pytest.mark.parametrize("name", ["exp", "add", "sum", "index"])
def test_an_operation_of_ones_own_replaces_no_method(name: str) -> None:
    ag.elementwise(name, lambda x: -7.0 * x, -7.0)
    ag.operation(name, lambda x: -7.0 * x, lambda u, x: -7.0 * u)
    t = Tensor([1.0, 2.0])
    np.testing.assert_array_equal(t.exp().data, np.exp([1.0, 2.0]))
    np.testing.assert_array_equal([(t + t).sum().item(), t[1].item()], [6.0, 2.0])


def test_tracebacks_and_debuggers_show_the_source_of_operations() -> None:
    with pytest.raises(ValueError, match="add of") as failure:
        Tensor([1.0, 2.0]) + Tensor([1.0, 2.0, 3.0])
    cause = failure.value.__cause__
    assert cause is not None
    frames = traceback.extract_tb(failure.value.__traceback__) + traceback.extract_tb(cause.__traceback__)
    assert all(frame.line for frame in frames) and "<string>" not in {frame.filename for frame in frames}
    assert "data = forward(a0, a1)" in [frame.line for frame in frames]
    linecache.checkcache()
    assert inspect.getsource(TABLE["exp"]).lstrip().startswith("def apply(x0, /):")


@pytest.mark.parametrize("method, keyword", [("sum", "axes"), ("exp", "axis"), ("clip", "low"), ("reshape", "shape")])
def test_a_wrong_keyword_is_named(method: str, keyword: str) -> None:
    with pytest.raises(TypeError, match=f"{method}.* got an unexpected keyword argument '{keyword}'"):
        getattr(Tensor([1.0, 2.0], requires_grad=True), method)(**{keyword: 1})


def test_a_typed_program_runs_and_its_misuses_raise() -> None:
    """What type checkers find in it, they find when the code is linted."""
    typed_program.main()
    for misuse in typed_program.MISUSES:
        with pytest.raises((TypeError, AttributeError)):
            misuse()


def test_options_of_pictures_are_the_same_for_type_checkers() -> None:
    picture = pytest.importorskip("autograd_lite.drawing.picture")
    assert list(picture.Choices.__annotations__) == [field.name for field in fields(picture.Options)]


def test_public_names_say_where_users_find_them() -> None:
    for name in ag.__all__:
        thing = getattr(ag, name)
        assert thing.__module__ == "autograd_lite" and pickle.loads(pickle.dumps(thing)) is thing


@pytest.mark.parametrize(("f", "expected"), [
    (ag.sigmoid, "(z)"), (ag.relu, "(x)"), (ag.softmax, "(x, axis=-1)"),
    (ag.log_softmax, "(x, axis=-1)"), (ag.logsumexp, "(x, axis=None, *, keepdims=False)"),
    (ag.half_squared_distance, "(a, y)"), (ag.linear, "(w, a, b=None)"), (ag.array, "(nested, dtype=None)"),
    (Tensor.sum, "(self, axis=None, *, dtype=None, keepdims=False)"), (Tensor.exp, "(self)"), (Tensor.__rsub__, "(self, other)"),
    (Tensor.clip, "(self, min=None, max=None)"), (Tensor.reshape, "(self, *shape, order='C')"),
])  # fmt: skip
def test_signatures_are_those_of_the_documentation(f: Any, expected: str) -> None:
    given = inspect.signature(f).replace(return_annotation=inspect.Signature.empty)
    parameters = [p.replace(annotation=inspect.Parameter.empty) for p in given.parameters.values()]
    assert str(given.replace(parameters=parameters)).replace(", /", "") == expected
