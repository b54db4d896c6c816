"""What a user writes, with types: checked by ``mypy --strict`` and pyright when the code is linted, and run by test_methods.py.

`assert_type` holds the types that an editor completes with. Each line of `MISUSES` is wrong; a checker that found nothing
wrong with one would report its comment as unused.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

import autograd_lite as ag
import nets
from autograd_lite import Comparison, Derivation, Row, Tensor

if TYPE_CHECKING:
    from typing_extensions import assert_type

    from autograd_lite import Drawing
else:

    def assert_type(value: Any, kind: Any) -> Any:
        return value


Array = np.ndarray[Any, Any]
x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True, name="x")
a = np.array([[1.0, 2.0], [3.0, 4.0]])


def cost(w: Tensor) -> Tensor:
    return (w * w).sum()


def operators_and_methods() -> None:
    assert_type(x + 1, Tensor)
    assert_type(2.0 / x, Tensor)
    assert_type(-(x @ x.T) ** 2, Tensor)
    assert_type(x[0, :], Tensor)
    assert_type(x.exp().sum(axis=0, keepdims=True), Tensor)
    assert_type(x.reshape(4).clip(0, 1).mean(), Tensor)
    assert_type(x.max(0).dot([1.0, 2.0]), Tensor)
    assert_type(x.shape, tuple[int, ...])
    y = x.detach()
    y += 1
    assert_type(y, Tensor)
    for row in x:
        assert_type(row, Tensor)


def functions() -> None:
    for f in (ag.sigmoid, ag.relu, ag.softplus):
        f(x).name = "a"
    assert_type(ag.sigmoid(x), Tensor)
    assert_type(ag.sigmoid(a), Array)
    assert_type(ag.relu([1.0, -1.0]), Array)
    assert_type(ag.softmax(x, axis=0), Tensor)
    assert_type(ag.log_softmax(a), Array)
    assert_type(ag.logsumexp(x, keepdims=True), Tensor)
    assert_type(ag.linear(x, a), Tensor)
    assert_type(ag.half_squared_distance(x, a), Tensor)
    assert_type(ag.softmax_cross_entropy(x, a), Tensor)
    cube = ag.elementwise("cube", lambda x: x**3, lambda x: 3 * x**2)
    assert_type(cube(x), Tensor)
    assert_type(ag.as_tensor(a) @ x, Tensor)
    assert_type(ag.array([[x[0, 0], x[0, 1]], [x[1, 0], x[1, 1]]]), Tensor)


def derivatives() -> None:
    c = cost(x)
    assert_type(ag.gradients(c, x), Array)
    assert_type(ag.gradients(cost(x), x, create_graph=True), Tensor)
    assert_type(ag.gradients(cost(x), [x]), list[Array])
    assert_type(ag.gradients(cost(x), {"x": x}), dict[str, Array])
    assert_type(ag.grad(cost)(a), Array)
    assert_type(ag.grad(cost)(x), Tensor)
    assert_type(ag.value_and_grad(cost)(a), tuple[Array, Array])
    assert_type(ag.jacobian(cost)(a), Array)
    assert_type(ag.hessian(cost)(x), Tensor)
    assert_type(ag.hvp(cost, (x,), (x,)), Tensor)
    value, pullback = ag.vjp(cost, a)
    assert_type(pullback, Callable[[Any], Any])
    vector, unflatten = ag.flatten({"x": x})
    assert_type(vector, Tensor)


def results() -> None:
    c = cost(x)
    assert_type(ag.compare({"x": 2 * a}, ag.gradients(c, {"x": x})), Comparison)
    row: Row = ag.compare(2 * a, ag.gradients(c, x)).rows[0]
    assert_type(row.max_abs, float)
    assert_type(ag.chain_rule(c, x), Derivation)
    step = ag.compile(cost)
    assert_type(step(x), Tensor)
    assert_type(step.source, str)
    net = nets.TwoLayerNet(2, 3, 1, seed=0)
    assert_type(net(a), Tensor)
    assert_type(net.forward(a).z1, Tensor)
    assert_type(net.parameters(), dict[str, Tensor])


def picture(t: Tensor) -> Drawing:
    return ag.draw(t, theme="dark")


MISUSES: list[Callable[[], object]] = [
    lambda: x.sum(axes=0),  # type: ignore[call-arg]
    lambda: x.exp(0),  # type: ignore[call-arg]
    lambda: x.clip(low=0),  # type: ignore[call-arg]
    lambda: x.var(ddof=1, axis="0"),  # type: ignore[arg-type]
    lambda: x + None,  # type: ignore[arg-type]
    lambda: x @ {"x": x},  # type: ignore[arg-type]
    lambda: x.no_such_method(),  # type: ignore[attr-defined]
    lambda: ag.sigmoid(x).backwards(),  # type: ignore[attr-defined]
    lambda: ag.sigmoid(x, 1),  # type: ignore[call-overload]
    lambda: ag.softmax(x, axes=0),  # type: ignore[call-overload]
    lambda: ag.gradients(a, x),  # type: ignore[call-overload]
    lambda: ag.grad(cost, argnum=0),  # type: ignore[call-overload]
    lambda: ag.grad(cost)(a).backward(),  # type: ignore[attr-defined]
    lambda: Tensor([1.0], requires_gradient=True),  # type: ignore[call-arg]
    lambda: ag.compare({"x": a}, {"x": a}, rtoll=0.1),  # type: ignore[call-arg]
    lambda: ag.compile(cost)(x, x, 1),  # type: ignore[call-arg]
    lambda: ag.draw(x, them="dark"),  # type: ignore[call-arg]
]


def main() -> None:
    operators_and_methods()
    functions()
    derivatives()
    results()
