"""Arguments and results in dicts, lists, tuples and named tuples: the derivative has the form of what it is taken of."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from oracles import along, second_along

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.engine.nests import leaves, map_leaves

rng = np.random.default_rng(5)
W, B, X = rng.standard_normal((2, 3)), rng.standard_normal((2, 1)), rng.standard_normal((3, 4))


class Layer(NamedTuple):
    w: Any
    b: Any


class Net(NamedTuple):
    layers: list[Layer]
    scale: Any


def affine(w: Any, b: Any) -> Any:
    return np.tanh(w @ X + b)


FORMS: dict[str, tuple[Any, Callable[[Any], Any]]] = {  # a nest of W and B, and the function of it
    "dict": ({"w": W, "b": B}, lambda p: affine(p["w"], p["b"])),
    "ordered dict": (OrderedDict(b=B, w=W), lambda p: affine(p["w"], p["b"])),
    "list": ([W, B], lambda p: affine(*p)),
    "tuple": ((W, B), lambda p: affine(*p)),
    "named tuple": (Layer(W, B), lambda p: affine(p.w, p.b)),
    "nested": ({"layer 1": [W, (B,)]}, lambda p: affine(p["layer 1"][0], p["layer 1"][1][0])),
    "named tuples in a list": (Net([Layer(W, B)], 1.0), lambda p: affine(*p.layers[0]) * p.scale),
    "integers as keys": ({0: W, 1: {2: B}}, lambda p: affine(p[0], p[1][2])),
}


def flat(nest: Any) -> list[Any]:
    return [np.asarray(x.data if isinstance(x, Tensor) else x) for _, x in leaves(nest)]


def same_form(a: Any, b: Any) -> None:
    assert [path for path, _ in leaves(a)] == [path for path, _ in leaves(b)]
    assert type(a) is type(b)


def rebuilt(nest: Any, arrays: Any) -> Any:
    following = iter(arrays)
    return map_leaves(lambda _: next(following), nest)


@pytest.mark.parametrize("form", FORMS)
def test_every_derivative_of_a_nest_has_its_form(form: str) -> None:
    nest, f = FORMS[form]
    arrays = [np.asarray(x, float) for _, x in leaves(nest)]
    directions = [rng.standard_normal(x.shape) for x in arrays]
    vectors, u = rebuilt(nest, directions), rng.standard_normal((2, 4))

    def cost(p: Any) -> Any:
        return np.sum(f(p) ** 2)

    def plain(*arrays: Any) -> Any:
        return cost(rebuilt(nest, arrays))

    slope = along(plain, arrays, directions)
    value, gradient = ag.value_and_grad(cost)(nest)
    same_form(gradient, nest)
    assert value == plain(*arrays)
    assert sum(np.sum(g * v) for g, v in zip(flat(gradient), directions)) == pytest.approx(slope, rel=1e-9)
    np.testing.assert_array_equal(flat(ag.grad(cost)(nest))[0], flat(gradient)[0])
    value, tangent = ag.jvp(f, (nest,), (vectors,))
    np.testing.assert_allclose(tangent, along(lambda *a: f(rebuilt(nest, a)), arrays, directions), rtol=1e-8, atol=1e-10)
    value, pullback = ag.vjp(f, nest)
    (pulled,) = pullback(u)
    same_form(pulled, nest)
    assert sum(np.sum(g * v) for g, v in zip(flat(pulled), directions)) == pytest.approx(np.sum(u * tangent), rel=1e-12)
    blocks = ag.jacobian(f)(nest)
    same_form(blocks, nest)
    total = sum(np.tensordot(j, v, v.ndim) for j, v in zip(flat(blocks), directions))
    np.testing.assert_allclose(total, tangent, rtol=1e-12, atol=1e-14)
    product = ag.hvp(cost, (nest,), (vectors,))
    same_form(product, nest)
    tensors = map_leaves(lambda x: Tensor(x, requires_grad=True), nest)
    by_graph = ag.gradients(cost(tensors), tensors)
    same_form(by_graph, nest)
    for a, b in zip(flat(by_graph), flat(gradient)):
        np.testing.assert_allclose(a, b, rtol=1e-14)
    blocks = flat(ag.hessian(cost)(nest))
    n = len(arrays)
    for i, p in enumerate(flat(product)):
        row = sum(np.tensordot(block, v, v.ndim) for block, v in zip(blocks[i * n : i * n + n], directions))
        np.testing.assert_allclose(row, p, rtol=1e-11, atol=1e-12)
    second = sum(np.sum(v * p) for v, p in zip(directions, flat(product)))
    assert second == pytest.approx(second_along(plain, arrays, directions), rel=1e-6)


def test_lists_of_equal_shapes_are_not_stacked() -> None:
    """`+` of lists joins them, and each has its own gradient."""
    a, b = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    gradient = ag.grad(lambda p: np.sum((p + [p[0]])[0] * 2 + p[1] ** 2))([a, b])
    assert type(gradient) is list and len(gradient) == 2
    np.testing.assert_array_equal(gradient, [[2, 2], [6, 8]])
    np.testing.assert_array_equal(ag.grad(lambda x: np.sum(x**2))([1.0, 2.0]), [2, 4])  # numbers are an array


def test_several_results() -> None:
    def f(p: Any, x: Any) -> Any:
        return {"square": p["a"] ** 2, "both": (p["a"] * p["b"], np.sum(x * p["b"]), 5.0)}

    p, x = {"a": np.array([1.0, 2.0]), "b": np.array([3.0, -1.0])}, np.array([0.5, 1.5])
    value, tangent = ag.jvp(f, (p, x), ({"a": np.array([1.0, 0.0]), "b": np.array([0.0, 1.0])}, np.ones(2)))
    assert list(value) == list(tangent) == ["square", "both"]
    np.testing.assert_array_equal(tangent["square"], [2, 0])
    np.testing.assert_array_equal(tangent["both"][0], [3, 2])
    assert (tangent["both"][1], tangent["both"][2], value["both"][2]) == (3.0 - 1.0 + 1.5, 0.0, 5.0)
    value, pullback = ag.vjp(f, p, x)
    dp, dx = pullback({"square": np.array([1.0, 0.0]), "both": (np.array([0.0, 1.0]), 2.0, 7.0)})
    np.testing.assert_array_equal(dp["a"], [2, -1])
    np.testing.assert_array_equal(dp["b"], [1, 2 + 3])
    np.testing.assert_array_equal(dx, [6, -2])
    blocks = ag.jacobian(f, (0, 1))(p, x)
    np.testing.assert_array_equal(blocks["square"][0]["a"], np.diag([2.0, 4.0]))
    np.testing.assert_array_equal(blocks["both"][0][0]["b"], np.diag([1.0, 2.0]))
    np.testing.assert_array_equal(blocks["both"][1][1], [3, -1])
    assert blocks["both"][2][1].shape == (2,) and not blocks["both"][2][1].any()
    for wrong in ({"square": np.ones(2)}, [np.ones(2)], {"square": np.ones(2), "both": (np.ones(2), np.ones(2), 1.0)}):
        with pytest.raises(ValueError, match=r'adjoints have the form and shapes of the value, \["square"\]: \(2,\)'):
            pullback(wrong)


def test_results_of_several_dtypes_keep_them() -> None:
    p = [np.array([1.0], np.float32), np.array([2.0])]
    value, tangent = ag.jvp(lambda p: [p[0] * 2, p[1] * 3], (p,), (p,))
    assert [t.dtype for t in tangent] == [v.dtype for v in value] == [np.float32, np.float64]
    blocks = ag.jacobian(lambda p: [p[0] * 2, p[1] * 3])(p)
    assert blocks[0][0].dtype == np.float32 and blocks[1][1].dtype == np.float64


def test_derivatives_of_derivatives_of_nests() -> None:
    p = {"a": np.array([1.0, 2.0]), "b": 3.0}
    squared = ag.grad(lambda p: sum(np.sum(g**2) for g in ag.grad(lambda q: np.sum(q["a"] ** 3) * q["b"])(p).values()))(p)
    a, b = p["a"], p["b"]
    np.testing.assert_allclose(squared["a"], 36 * a**3 * b**2 + 6 * np.sum(a**3) * a**2)  # of Σ (3a²b)² + (Σ a³)²
    np.testing.assert_allclose(squared["b"], 18 * np.sum(a**4) * b)
    tensors = map_leaves(lambda x: Tensor(x, requires_grad=True), p)
    gradient = ag.grad(lambda q: np.sum(q["a"] ** 3) * q["b"])(tensors)
    assert isinstance(gradient["a"], Tensor) and gradient["a"].requires_grad
    np.testing.assert_allclose(ag.gradients(gradient["b"], tensors)["a"], 3 * a**2)


def test_what_is_no_number_stands_aside() -> None:
    p = {"w": np.array([1.0, 2.0]), "name": "first", "bias": None, "activation": np.tanh}
    gradient = ag.grad(lambda p: np.sum(p["activation"](p["w"])) if p["name"] == "first" and p["bias"] is None else 0.0)(p)
    assert gradient["name"] is gradient["bias"] is gradient["activation"] is None
    np.testing.assert_allclose(gradient["w"], 1 - np.tanh(p["w"]) ** 2)
    value, tangent = ag.jvp(lambda p: np.sum(p["w"]), (p,), ({"w": np.ones(2), "name": None, "bias": None, "activation": None},))
    assert (value, tangent) == (3.0, 2.0)


def test_numbers_beside_what_is_no_number_are_a_nest() -> None:
    assert ag.grad(lambda p: 3 * p[0])((1.0, "relu")) == (3.0, None)
    assert ag.grad(lambda p: p[1] ** 2)([None, 2.0]) == [None, 4.0]
    vector, unflatten = ag.flatten((1.0, "a", 2.0))
    assert vector.tolist() == [1.0, 2.0]
    assert unflatten(10 * vector) == (10.0, "a", 20.0)


def test_numbers_that_cannot_be_differentiated_are_named_by_their_path() -> None:
    def cost(params: Any) -> Any:
        return np.sum(params["w"] ** 2)

    with pytest.raises(TypeError, match=r'argument 0 of cost, params\["layer 1"\]\[1\], cannot be differentiated.*int64'):
        ag.grad(cost)({"w": W, "layer 1": [W, np.arange(2)]})
    with pytest.raises(TypeError, match=r'params\["n"\], cannot be differentiated'):
        ag.grad(cost)({"w": W, "n": 3})
    with pytest.raises(TypeError, match=r'<lambda> returned str in \["b"\].*has_aux=True'):
        ag.jacobian(lambda x: {"a": x, "b": "text"})(X)
    with pytest.raises(TypeError, match="returned str, where"):
        ag.grad(lambda x: "abc")(1.0)
    with pytest.raises(TypeError, match="returned a dict of arrays.*has_aux=True for the others"):
        ag.grad(lambda x: {"a": x})(1.0)
    with pytest.raises(TypeError, match=r'input\["a"\]\[0\] \(a Tensor of shape \(\)\) does not require'):
        ag.gradients(Tensor(1.0, requires_grad=True) * 2, {"a": [Tensor(1.0)]})
    with pytest.raises(ValueError, match=r'tangents have the shapes of the arguments, \["w"\]: \(2, 3\), not \["v"\]: \(2, 3\)'):
        ag.jvp(cost, ({"w": W},), ({"v": W},))
    endless: list[Any] = [W]
    endless.append(endless)
    with pytest.raises(ValueError, match="contains itself"):
        ag.grad(cost)(endless)


@pytest.mark.parametrize("tensors", [False, True])
def test_has_aux_hands_on_what_else_a_function_returns(tensors: bool) -> None:
    def f(x: Any) -> Any:
        y = x * 2
        return np.sum(y**2), {"y": y, "note": "text"}

    x: Any = Tensor([1.0, 2.0], requires_grad=True) if tensors else np.array([1.0, 2.0])
    (value, aux), gradient = ag.value_and_grad(f, has_aux=True)(x)
    kind = Tensor if tensors else np.ndarray
    assert isinstance(aux["y"], kind) and aux["note"] == "text" and isinstance(gradient, kind)
    values = [ag.grad(f, has_aux=True)(x), ag.jacobian(f, has_aux=True)(x), ag.hessian(f, has_aux=True)(x)]
    for (derivative, other), expected in zip(values, ([8, 16], [8, 16], [[8, 0], [0, 8]])):
        np.testing.assert_array_equal(getattr(derivative, "data", derivative) if tensors else derivative, expected)
        np.testing.assert_array_equal(other["y"].data if tensors else other["y"], [2, 4])
    value, pullback, aux = ag.vjp(f, x, has_aux=True)
    assert isinstance(aux["y"], kind)
    value, tangent, aux = ag.jvp(f, (x,), (np.ones(2),), has_aux=True)
    assert isinstance(aux["y"], kind) and (tangent.item() if tensors else tangent) == 24
    with pytest.raises(TypeError, match=r"with has_aux=True <lambda> returns a pair \(value, aux\), not Tensor"):
        ag.grad(lambda x: x, has_aux=True)(1.0)


def test_under_no_grad_derivatives_are_constants() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)

    def f(x: Any) -> Any:
        return np.sum(x**3)

    with ag.no_grad():
        results = [
            *ag.value_and_grad(f)(x), ag.jacobian(f)(x), ag.jacobian(lambda x: [x**2, x])(x)[0], ag.hessian(f)(x),
            ag.hvp(f, (x,), (np.ones(2),)), *ag.jvp(f, (x,), (np.ones(2),)), *ag.jvp(f, (np.ones(2),), (x,)),
            ag.vjp(f, x)[0], ag.vjp(f, x)[1](1.0)[0], ag.vjp(f, np.ones(2))[1](x[0])[0],
            ag.grad(lambda p: f(p["x"]))({"x": x})["x"],
        ]  # fmt: skip
        inner = ag.grad(lambda x: np.sum(ag.grad(f)(x)))(x)
    for result in [*results, inner]:
        assert isinstance(result, Tensor) and result.is_leaf and not result.requires_grad
    np.testing.assert_array_equal(inner.data, [6, 12])
    np.testing.assert_array_equal(results[1].data, [3, 12])
    np.testing.assert_array_equal(results[4].data, [[6, 0], [0, 12]])
    assert ag.grad(f)(x).requires_grad


# flatten ----------------------------------------------------------------------------------------------------


def test_flatten_and_back() -> None:
    nest = {"w": W, "layers": [Layer(B.astype(np.float32), "tanh")], "scale": 2.0}
    vector, unflatten = ag.flatten(nest)
    assert vector.shape == (W.size + B.size + 1,)
    back = unflatten(vector)
    same_form(back, nest)
    assert back["layers"][0].b == "tanh" and back["layers"][0].w.dtype == np.float32
    np.testing.assert_array_equal(back["w"], W)
    gradient = ag.grad(lambda v: np.sum(unflatten(v)["w"] ** 2) * unflatten(v)["scale"])(vector)
    np.testing.assert_allclose(unflatten(gradient)["w"], 4 * W)
    assert unflatten(gradient)["scale"] == pytest.approx(np.sum(W**2))
    recorded, _ = ag.flatten({"a": Tensor(W, requires_grad=True), "b": B})
    assert isinstance(recorded, Tensor) and recorded.requires_grad
    with pytest.raises(ValueError, match=r"takes a vector of shape \(9,\), not of shape \(2,\)"):
        unflatten(np.ones(2))
    with pytest.raises(TypeError, match=r'nest\["n"\]\[0\] is of dtype int64'):
        ag.flatten({"n": [np.arange(3)]})
    with pytest.raises(ValueError, match="no number"):
        ag.flatten({})


def test_an_optimizer_of_scipy_trains_parameters_in_a_nest() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    x = np.linspace(-1, 1, 20)
    vector, unflatten = ag.flatten({"slope": 0.0, "offset": np.zeros(1)})

    def cost(v: Any) -> Any:
        p = unflatten(v)
        return np.sum((p["slope"] * x + p["offset"] - (3 * x - 2)) ** 2)

    found = unflatten(optimize.minimize(ag.value_and_grad(cost), vector, jac=True).x)
    np.testing.assert_allclose([found["slope"], *found["offset"]], [3, -2], rtol=1e-6)
