"""Random programs over the whole table: every way to a derivative against every other, and against differences.

By default a few programs, the same in every run; ``pytest -m long`` tries new ones for minutes. What it finds becomes a
test with a name.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from oracles import Array, assert_close, extrapolated, moved
from random_programs import NAMES, Program, programs

import autograd_lite as ag
from autograd_lite.engine.tensor import Tensor

STEP, SECOND_STEP = 2.0**-11, 2.0**-8  # small enough to stay on one side of what `random_programs` calls a margin


def along(f: Any, arrays: list[Array], v: list[Array]) -> Any:
    def difference(h: float) -> Any:
        return (f(*moved(arrays, v, h)) - f(*moved(arrays, v, -h))) / (2 * h)

    return extrapolated(difference, STEP, 2)


def second_along(f: Any, arrays: list[Array], v: list[Array], w: list[Array]) -> Any:
    def difference(h: float) -> Any:
        total = 0.0
        for a, b, sign in ((h, h, 1), (h, -h, -1), (-h, h, -1), (-h, -h, 1)):
            total += sign * f(*(x + a * p + b * q for x, p, q in zip(arrays, v, w)))
        return total / (4 * h * h)

    return extrapolated(difference, SECOND_STEP, 3)


def directions(program: Program, seed: int) -> list[Array]:
    generator = np.random.default_rng(seed)
    return [generator.uniform(-1, 1, x.shape) for x in program.inputs]


def dot(xs: Any, ys: Any) -> Any:
    return sum(((np.asarray(x, float) * np.asarray(y, float)).sum() for x, y in zip(xs, ys)), 0.0)


def check_first_order(program: Program) -> None:
    """Values, dtypes, `backward`, and `gradients` of every intermediate, in the dtypes of the program."""
    single = any(v.dtype == np.float32 for v in map(np.asarray, program.values(program.inputs)))
    exact, close = (2e-4, 5e-3) if single else (1e-12, 1e-7)
    leaves = [Tensor(x, requires_grad=True) for x in program.inputs]
    values = program.values(leaves, engine=True)
    plain = program.values(program.inputs)
    assert len(values) == len(plain)
    for n, (value, y) in enumerate(zip(values, plain)):
        assert isinstance(value, Tensor), f"value {n} is a plain {type(value).__name__}"
        assert value.dtype == np.asarray(y).dtype, f"value {n} is {value.dtype} instead of {np.asarray(y).dtype}"
        assert_close(value.data, y, exact, f"value {n}")
    cost = program.cost_of(values)
    wide = program.in_float64()
    wanted = [n for n, v in enumerate(values) if isinstance(v, Tensor) and v.requires_grad]
    if not cost.requires_grad:
        return
    adjoints = ag.gradients(cost, [values[n] for n in wanted])
    generator = np.random.default_rng(1)
    wide_values = wide.values(wide.inputs)
    for n, u in zip(wanted, adjoints):
        assert (u.shape, u.dtype) == (values[n].shape, values[n].dtype)
        v = generator.uniform(-1, 1, u.shape)
        numerical = extrapolated(
            lambda h: (wide.cost_of(wide.values(wide.inputs, moved=(n, h * v)))
                       - wide.cost_of(wide.values(wide.inputs, moved=(n, -h * v)))) / (2 * h), STEP, 2)  # fmt: skip
        assert_close(dot([u], [v]), numerical, close, f"adjoint of value {n} of shape {np.shape(wide_values[n])}")
    assert all(x.grad is None for x in leaves)
    cost.backward()
    for n, x in enumerate(leaves):
        if n in wanted and x.grad is not None:
            np.testing.assert_array_equal(x.grad, adjoints[wanted.index(n)])
            assert x.grad.dtype == x.dtype


def check_functions(program: Program) -> None:
    """`grad`, `vjp`, `jvp`, both ways to a Jacobian, `hessian`, `hvp` and four nestings, in float64."""
    program = program.in_float64()
    inputs = program.inputs
    every = tuple(range(len(inputs)))
    v, w = directions(program, 1), directions(program, 2)
    value, gradient = ag.value_and_grad(program.cost, every)(*inputs)
    assert_close(value, program.plain(*inputs), 1e-12, "value")
    numerical = along(program.plain, inputs, v)
    assert_close(dot(gradient, v), numerical, 1e-7, "grad")
    exact = complex_step(program.plain, inputs, v)
    if exact is not None and abs(exact - numerical) < 1e-6 * max(1.0, abs(numerical)):
        assert_close(dot(gradient, v), exact, 1e-11, "grad, against a complex step")
    value, pullback = ag.vjp(program.cost, *inputs)
    for g, h in zip(pullback(np.ones(np.shape(value))), gradient):
        np.testing.assert_array_equal(g, h)
    value, tangent = ag.jvp(program.cost, inputs, v)
    assert_close(tangent, dot(gradient, v), 1e-11, "jvp")

    y, pullback = ag.vjp(program.result, *inputs)
    jacobians = ag.jacobian(program.result, every)(*inputs)
    product = sum((np.tensordot(j, d, d.ndim) for j, d in zip(jacobians, v)), np.zeros(y.shape))
    assert_close(ag.jvp(program.result, inputs, v)[1], product, 1e-11, "jvp of the result")
    u = np.random.default_rng(3).uniform(-1, 1, y.shape)
    for g, j in zip(pullback(u), jacobians):
        assert_close(g, np.tensordot(u, j, u.ndim), 1e-11, "vjp of the result")

    if sum(x.size for x in inputs) > 12:
        return
    blocks = ag.hessian(program.cost, every)(*inputs)
    expected = sum(
        float(np.tensordot(np.tensordot(a, block, a.ndim), b, b.ndim)) for a, row in zip(v, blocks) for b, block in zip(w, row)
    )
    assert_close(expected, second_along(program.plain, inputs, v, w), 1e-5, "second derivative")
    size = sum(x.size for x in inputs)
    matrix = np.block([[block.reshape((x.size, z.size)) for z, block in zip(inputs, row)] for x, row in zip(inputs, blocks)])
    assert_close(matrix, matrix.T, 1e-11, "symmetry")
    product = ag.hvp(program.cost, inputs, w)
    joined = np.concatenate([np.ravel(p) for p in (product if len(inputs) > 1 else [product])])
    assert_close(joined, matrix @ np.concatenate([np.ravel(d) for d in w]) if size else joined, 1e-10, "hvp")

    def forward(f: Any, t: list[Array]) -> Any:
        return lambda *xs: ag.jvp(f, xs, t)[1]

    def reverse(f: Any, t: list[Array]) -> Any:
        return lambda *xs: sum(((g * d).sum() for g, d in zip(ag.grad(f, every)(*xs), t)), 0.0)

    for inner in (forward, reverse):
        for outer in (forward, reverse):
            nested = outer(inner(program.cost, v), w)(*inputs)
            assert_close(nested, expected, 1e-10, f"{outer.__name__} over {inner.__name__}")


def complex_step(f: Any, arrays: list[Array], v: list[Array]) -> Any:
    """The derivative along v to the last digits, where NumPy computes f for complex numbers: the imaginary part of a step
    too small to be seen in the real part. It is wrong where f is not analytic, as at an absolute value.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return float(np.imag(f(*(x + 1e-40j * d for x, d in zip(arrays, v))))) * 1e40
    except (TypeError, ValueError, IndexError, Warning, np.linalg.LinAlgError):
        return None


def check_compiled(program: Program) -> None:
    """The replay gives the bits of the step, also for other numbers in other calls."""

    def step(*xs: Any) -> Any:
        return ag.value_and_grad(program.cost, tuple(range(len(xs))))(*xs)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it runs as it is
        compiled = ag.compile(step)
        for k in range(5):
            inputs = [x * x.dtype.type(1 + 0.001 * (k % 3)) for x in program.inputs]
            value, gradient = compiled(*inputs)
            expected, slopes = step(*inputs)
            np.testing.assert_array_equal(value, expected)
            for g, h in zip(gradient, slopes):
                np.testing.assert_array_equal(g, h)
                assert g.dtype == h.dtype


def check_constants(program: Program) -> None:
    """What needs no gradient: the same values, no history; and the same under `no_grad`."""
    leaves = [Tensor(x, requires_grad=True) for x in program.inputs]
    recorded = program.values(leaves, engine=True)
    with ag.no_grad():
        unrecorded = program.values(leaves, engine=True)
    for a, b in zip(recorded[len(leaves) :], unrecorded[len(leaves) :]):
        assert not b.requires_grad and b.is_leaf
        np.testing.assert_array_equal(a.data, b.data)


def check(program: Program) -> None:
    check_first_order(program)
    check_functions(program)
    check_constants(program)


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_in_a_random_program(name: str) -> None:
    @settings(max_examples=1, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(programs(first=name, most=3))
    def run(program: Program) -> None:
        check(program)

    run()


@settings(max_examples=settings().max_examples // 3, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs())
def test_random_programs(program: Program) -> None:
    check(program)
    if len(program.steps) <= 3 or settings().max_examples > 100:  # recording a long one takes a while
        check_compiled(program)
