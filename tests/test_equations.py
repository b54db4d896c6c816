"""Every labelled equation of the chapter, one test a row: automatic, stored and closed-form derivatives agree.

Three sides bear witness, none of them for itself:

- what the engine stores and propagates: local gradients, adjoints of the intermediate Tensors, gradients;
- the closed form of `nets.closed_form`, in plain NumPy;
- numerical differentiation by a complex step (Squire and Trapp, 1998), of functions that are written out here:
  f'(x) = Im f(x + ih) / h without any difference, so that for h = 1e-30 nothing but rounding is left of the error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from itertools import product as combinations
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor
from nets import GradientDescent, TwoLayerNet, closed_form, quadratic_cost

Array = np.ndarray[Any, Any]
TOLERANCE = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 1e-5}  # relative to the largest entry


def assert_close(actual: Any, expected: Any, tolerance: float = 1e-12) -> None:
    """Of the same shape, and different by no more than `tolerance` times the largest entry."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    assert np.max(np.abs(actual - expected)) <= tolerance * np.max(np.abs(expected))


def sigma(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def derivative(f: Callable[[Array], Any], x: Array) -> Array:
    """The Jacobian of f at x by complex steps, of shape f(x).shape + x.shape."""
    columns = []
    for i in range(x.size):
        z = x.astype(complex)
        z.flat[i] += 1e-30j
        columns.append(np.imag(f(z)) / 1e-30)
    return np.stack(columns, axis=-1).reshape(np.shape(f(x)) + x.shape)


class Case:
    """A random network and batch. Arrays without underscore are float64 copies of what the Tensors hold.

    With ``fused=False`` the cost is spelled as in Eq A, with plain operators: v = y − a2, C = ½ Σ v².
    """

    def __init__(self, sizes: tuple[int, int, int], batch: int, dtype: Any, bias: bool = True, fused: bool = True):
        rng = np.random.default_rng([*sizes, batch])
        self.net_ = TwoLayerNet(*sizes, bias=bias, seed=rng, dtype=dtype)
        for p in self.net_.parameters().values():
            p.data = rng.standard_normal(p.shape)
        self.x_ = rng.standard_normal((sizes[0], batch)).astype(dtype)
        self.y_ = rng.random((sizes[2], batch)).astype(dtype)
        self.z1_, self.a1_, self.z2_, self.a2_ = self.net_.forward(self.x_)
        if fused:
            self.C_ = quadratic_cost(self.a2_, self.y_)
        else:
            self.v_ = self.y_ - self.a2_
            self.v_.name = "v"
            self.square_ = self.v_**2
            self.C_ = self.square_.sum() / 2

        def wide(t: Tensor | None) -> Array:
            return np.zeros(()) if t is None else t.data.astype(np.float64)

        net = self.net_
        self.w1, self.b1, self.w2, self.b2 = wide(net.w1), wide(net.b1), wide(net.w2), wide(net.b2)
        self.a0, self.y = self.x_.astype(np.float64), self.y_.astype(np.float64)
        self.z1 = self.w1 @ self.a0 + self.b1
        self.a1 = sigma(self.z1)
        self.z2 = self.w2 @ self.a1 + self.b2
        self.a2 = sigma(self.z2)
        self.delta2 = self.a2 - self.y
        self.tolerance = TOLERANCE[np.dtype(dtype)]

    def cost(self, **changed: Array) -> Any:
        """C of the arrays, with those named in `changed` in place of this case's own; what comes after follows."""
        known = {"w1": self.w1, "b1": self.b1, "w2": self.w2, "b2": self.b2} | changed
        z1 = known.get("z1", known["w1"] @ self.a0 + known["b1"])
        a1 = known.get("a1", sigma(z1))
        z2 = known.get("z2", known["w2"] @ a1 + known["b2"])
        a2 = known.get("a2", sigma(z2))
        return np.sum((self.y - a2) ** 2) / 2

    def numerical(self, name: str) -> Array:
        """∂C/∂ the array of that name."""
        return derivative(lambda value: self.cost(**{name: value}), getattr(self, name))

    def adjoint(self, t: Tensor) -> Array:
        """∂C/∂t by the engine."""
        [u] = ag.gradients(self.C_, [t])
        assert u.dtype == self.x_.dtype
        return u

    def close(self, actual: Any, expected: Any) -> None:
        assert_close(actual, expected, self.tolerance)


SIZES = [((3, 4, 1), 1), ((3, 4, 1), 4), ((1, 1, 1), 1), ((2, 5, 3), 6), ((7, 2, 4), 1), ((6, 8, 5), 33)]
by_size = [
    pytest.param(sizes, batch, dtype, id=f"{'-'.join(map(str, sizes))}x{batch}-{np.dtype(dtype)}")
    for sizes, batch in SIZES
    for dtype in (np.float64, np.float32)
]


@pytest.fixture
def case(request: pytest.FixtureRequest) -> Case:
    values, options = request.param
    return Case(*values, **options)


def cases(**choices: tuple[Any, ...]) -> pytest.MarkDecorator:
    """Run a test for every size and dtype, and every combination of the choices."""
    options = [dict(zip(choices, values)) for values in combinations(*choices.values())]
    return pytest.mark.parametrize(
        "case",
        [
            pytest.param((p.values, o), id="-".join([str(p.id), *map(str, o.values())]))
            for p in by_size
            for o in options
        ],
        indirect=True,
    )


def local_gradient(output: Tensor, parent: Tensor) -> ag.LocalGradient:
    """The one stored derivative of `output` with respect to `parent`."""
    [found] = [g for g in output.local_gradients if g.parent is parent]
    assert found.output is output
    return found


def along(*path: Tensor) -> Array:
    """The product of the stored derivatives along a path, from its first Tensor to its last: ∂first/∂last."""
    product = np.eye(path[0].size)
    for output, parent in pairwise(path):
        product = product @ local_gradient(output, parent).jacobian().reshape(output.size, parent.size)
    return product.reshape(path[0].shape + path[-1].shape)


def weight_jacobian(left: Array, right: Array) -> Array:
    """∂t_is/∂w_kj = left_is right_js for i = k, else 0, for all samples s: shape (n, batch, n, m)."""
    return np.einsum("ik,is,js->iskj", np.eye(len(left)), left, right)


# The last layer -----------------------------------------------------------------------------------------------


@cases(fused=(True, False))
def test_eq_a(case: Case) -> None:
    """C = ½ Σ_j v_j², v = y − a2."""
    by_entry = sum((case.y[j, s] - case.a2[j, s]) ** 2 / 2 for j in range(len(case.y)) for s in range(case.y.shape[1]))
    case.close(case.C_.data, by_entry)
    assert case.C_.dtype == case.x_.dtype
    assert_close(closed_form.eq_a(case.a2, case.y), by_entry)


@cases(fused=(False,))
def test_eq_b(case: Case) -> None:
    """∂C/∂w2 = ½ · 2v · (0 − ∂a2/∂w2)."""
    v = case.y - case.a2
    slope = np.zeros_like(case.w2)
    for s in range(v.shape[1]):  # ∂a2_i/∂w2_kj is 0 for i ≠ k, so that v_i stands before row i
        da2_dw2 = closed_form.eq_b_4(case.z2[:, [s]], case.a1[:, [s]])
        slope += 0.5 * 2 * v[:, [s]] * (0 - da2_dw2)
    case.close(case.adjoint(case.net_.w2), slope)
    assert_close(slope, case.numerical("w2"))
    # and as the product of the stored local gradients, in the order of the equation
    total = case.C_.parents[0]
    case.close(along(case.C_, total, case.square_, case.v_, case.a2_, case.z2_, case.net_.w2), slope)


@cases(fused=(False,))
def test_eq_b_1(case: Case) -> None:
    """∂v²/∂v = 2v, and with the ½ before it the adjoint of v is v."""
    v = case.y - case.a2
    stored = local_gradient(case.square_, case.v_)
    case.close(stored.value, 2 * v)
    case.close(stored.jacobian().reshape(v.size, v.size), np.diag(2 * v.ravel()))
    assert_close(derivative(lambda v: v**2, v).reshape(v.size, v.size), np.diag(2 * v.ravel()))
    case.close(case.adjoint(case.v_), v)
    assert_close(v, derivative(lambda v: np.sum(v**2) / 2, v))


@cases(fused=(False,))
def test_eq_b_2(case: Case) -> None:
    """∂v/∂a2 = −1, hence ∂v/∂w2 = 0 − ∂a2/∂w2, and the adjoint of a2 is −v."""
    v = case.y - case.a2
    stored = local_gradient(case.v_, case.a2_)
    assert stored.value == -1
    assert stored.label == "−1"
    np.testing.assert_array_equal(stored.jacobian().reshape(v.size, v.size), -np.eye(v.size))
    assert_close(derivative(lambda a2: case.y - a2, case.a2).reshape(v.size, v.size), -np.eye(v.size))
    case.close(case.adjoint(case.a2_), -v)
    assert_close(-v, case.numerical("a2"))
    case.close(
        along(case.v_, case.a2_, case.z2_, case.net_.w2), 0 - weight_jacobian(sigma(case.z2) * sigma(-case.z2), case.a1)
    )


@cases()
def test_eq_b_3(case: Case) -> None:
    """∂z2_i/∂w2_ij = a1_j: the stored local gradient is (a1)ᵀ."""
    stored = local_gradient(case.z2_, case.net_.w2)
    assert stored.label == "(a1)ᵀ"
    assert stored.value is case.a1_.data
    expected = weight_jacobian(np.ones_like(case.z2), case.a1)
    case.close(stored.jacobian(), expected)
    assert_close(expected, derivative(lambda w2: w2 @ case.a1 + case.b2, case.w2))
    for s in range(case.a0.shape[1]):
        for i in range(len(case.z2)):
            assert_close(closed_form.eq_b_3(case.a1[:, [s]])[0], expected[i, s, i])


@cases()
def test_eq_b_4(case: Case) -> None:
    """∂a2_i/∂w2_ij = σ'(z2_i) a1_j."""
    stored = local_gradient(case.a2_, case.z2_)
    assert stored.label == "σ'(z2)"
    case.close(stored.value, closed_form.sigma_prime(case.z2))
    assert_close(closed_form.sigma(case.z2), case.a2)
    assert_close(np.diag(closed_form.sigma_prime(case.z2).ravel()), derivative(sigma, case.z2.ravel()))
    numerical = derivative(lambda w2: sigma(w2 @ case.a1 + case.b2), case.w2)
    case.close(along(case.a2_, case.z2_, case.net_.w2), numerical)
    for s in range(case.a0.shape[1]):
        rows = closed_form.eq_b_4(case.z2[:, [s]], case.a1[:, [s]])
        assert_close(rows, np.stack([numerical[i, s, i] for i in range(len(rows))]))


@cases(bias=(True, False), fused=(True, False))
def test_eq_3(case: Case) -> None:
    """∂C/∂w2 = δ2 ⊙ σ'(z2) (a1)ᵀ."""
    expected = closed_form.eq_3(case.delta2, case.z2, case.a1)
    assert_close(expected, case.numerical("w2"))
    case.C_.backward()
    case.close(case.net_.w2.grad, expected)
    assert case.net_.w2.grad.dtype == case.x_.dtype
    case.close(case.adjoint(case.net_.w2), expected)
    case.close(closed_form.gradients(case.net_, case.x_, case.y_)["w2"], expected)
    # the adjoint that the last factor multiplies is Nielsen's δᴸ (BP1)
    delta_L = case.delta2 * closed_form.sigma_prime(case.z2)
    case.close(case.adjoint(case.z2_), delta_L)
    assert_close(delta_L, case.numerical("z2"))


# The first layer ----------------------------------------------------------------------------------------------


@cases(fused=(True, False))
def test_eq_4_0(case: Case) -> None:
    """∂C/∂w1 = ∂a1/∂w1 · ∂C/∂a1: a product of two factors, through a1."""
    dC_da1 = case.numerical("a1")
    case.close(case.adjoint(case.a1_), dC_da1)
    assert_close(case.w2.T @ (case.delta2 * closed_form.sigma_prime(case.z2)), dC_da1)
    expected = closed_form.eq_4_0(dC_da1, case.z1, case.a0)
    assert_close(expected, case.numerical("w1"))
    da1_dw1 = along(case.a1_, case.z1_, case.net_.w1)
    case.close(np.tensordot(case.adjoint(case.a1_), da1_dw1, 2), expected)
    # the engine cut in two at a1: what comes before it needs nothing of what comes after
    case.close(ag.gradients(case.a1_, case.net_.w1, gradient=case.adjoint(case.a1_)), expected)


@cases()
def test_eq_4_1(case: Case) -> None:
    """∂a1_i/∂w1_ij = σ'(z1_i) a0_j."""
    sigmoid, weights = local_gradient(case.a1_, case.z1_), local_gradient(case.z1_, case.net_.w1)
    assert (sigmoid.label, weights.label) == ("σ'(z1)", "(a0)ᵀ")
    case.close(sigmoid.value, closed_form.sigma_prime(case.z1))
    assert np.shares_memory(weights.value, case.x_)
    numerical = derivative(lambda w1: sigma(w1 @ case.a0 + case.b1), case.w1)
    case.close(along(case.a1_, case.z1_, case.net_.w1), numerical)
    for s in range(case.a0.shape[1]):
        rows = closed_form.eq_4_1(case.z1[:, [s]], case.a0[:, [s]])
        assert_close(rows, np.stack([numerical[i, s, i] for i in range(len(rows))]))


@cases(fused=(True, False))
def test_eq_4_2(case: Case) -> None:
    """∂C/∂a2 = a2 − y = δ2."""
    assert_close(closed_form.eq_4_2(case.a2, case.y), case.delta2)
    assert_close(case.delta2, case.numerical("a2"))
    case.close(case.adjoint(case.a2_), case.delta2)
    if case.C_.op == "half_squared_distance":
        stored = local_gradient(case.C_, case.a2_)
        case.close(stored.value, case.delta2)
        case.close(stored.jacobian(), case.delta2)
        assert stored.label == "(a2 − y)"


@cases()
def test_eq_4_3(case: Case) -> None:
    """∂a2/∂a1 = w2 σ'(z2): diag(σ'(z2)) w2 for a sample; the samples do not mix."""
    weights = local_gradient(case.z2_, case.a1_)
    assert weights.label == "(w2)ᵀ"
    assert weights.value is case.net_.w2.data
    numerical = derivative(lambda a1: sigma(case.w2 @ a1 + case.b2), case.a1)
    stored = along(case.a2_, case.z2_, case.a1_)
    case.close(stored, numerical)
    batch = case.a0.shape[1]
    for s in range(batch):
        assert_close(closed_form.eq_4_3(case.w2, case.z2[:, [s]]), numerical[:, s, :, s])
        others = [t for t in range(batch) if t != s]
        assert not stored[:, s][:, :, others].any()


@cases(bias=(True, False), fused=(True, False))
def test_eq_5(case: Case) -> None:
    """∂C/∂w1 = δ2 σ'(z2) (a0)ᵀ w2 σ'(z1)."""
    expected = closed_form.eq_5(case.delta2, case.z2, case.w2, case.z1, case.a0)
    assert_close(expected, case.numerical("w1"))
    case.C_.backward()
    case.close(case.net_.w1.grad, expected)
    assert case.net_.w1.grad.dtype == case.x_.dtype
    case.close(case.adjoint(case.net_.w1), expected)
    case.close(closed_form.gradients(case.net_, case.x_, case.y_)["w1"], expected)
    # the adjoint that the last factor multiplies (Nielsen BP2)
    dC_dz1 = (case.w2.T @ (case.delta2 * closed_form.sigma_prime(case.z2))) * closed_form.sigma_prime(case.z1)
    case.close(case.adjoint(case.z1_), dC_dz1)
    assert_close(dC_dz1, case.numerical("z1"))


@cases(fused=(True, False))
def test_bias(case: Case) -> None:
    """∂C/∂b2 and ∂C/∂b1: Eq 3 and Eq 5 without the last factor, summed over the batch."""
    b2 = closed_form.eq_3_bias(case.delta2, case.z2)
    b1 = closed_form.eq_5_bias(case.delta2, case.z2, case.w2, case.z1)
    assert_close(b2, case.numerical("b2"))
    assert_close(b1, case.numerical("b1"))
    case.C_.backward()
    case.close(case.net_.b2.grad, b2)
    case.close(case.net_.b1.grad, b1)
    by_hand = closed_form.gradients(case.net_, case.x_, case.y_)
    assert list(by_hand) == ["w1", "b1", "w2", "b2"]
    case.close(by_hand["b2"], b2)
    case.close(by_hand["b1"], b1)
    for z, b in ((case.z1_, case.net_.b1), (case.z2_, case.net_.b2)):
        stored = local_gradient(z, b)
        assert stored.label == ("Σ_batch" if z.shape[1] > 1 else "1")  # summing one column changes nothing
        expected = np.einsum("ik,s->isk", np.eye(len(b)), np.ones(z.shape[1]))[..., None]
        np.testing.assert_array_equal(stored.jacobian(), expected)


@cases(fused=(True, False))
def test_update(case: Case) -> None:
    """w_new = w_old − learning_rate · ∂C/∂w, which lowers the cost by learning_rate ‖∂C/∂w‖² to first order."""
    old = {name: p.data.copy() for name, p in case.net_.parameters().items()}
    case.C_.backward()
    rate = 1e-3
    GradientDescent(case.net_.parameters(), rate).step()
    squares = 0.0
    for name, p in case.net_.parameters().items():
        slope = case.numerical(name)
        case.close(p.data, old[name] - rate * slope)
        case.close(closed_form.updated(old[name], p.grad, rate), p.data)
        assert closed_form.updated(old[name], p.grad, rate).dtype == p.dtype == case.x_.dtype
        squares += np.sum(slope**2)
    if case.tolerance < 1e-9:
        fall = case.C_.item() - case.net_.cost(case.x_, case.y_).item()
        assert fall == pytest.approx(rate * squares, rel=0.05)


# Paths and the dynamic program -------------------------------------------------------------------------------


def paths(output: Tensor, wrt: Tensor) -> Iterator[list[ag.LocalGradient]]:
    """The arrows of each path from `output` to `wrt`."""
    if output is wrt:
        yield []
    for arrow in output.local_gradients:
        for rest in paths(arrow.parent, wrt):
            yield [arrow, *rest]


def sum_over_paths(output: Tensor, wrt: Tensor) -> tuple[int, Array]:
    """The number of paths, and the sum of the products of the Jacobians along them."""
    number, total = 0, np.zeros((output.size, wrt.size))
    for path in paths(output, wrt):
        product = np.eye(output.size)
        for arrow in path:
            product = product @ arrow.jacobian().reshape(arrow.output.size, arrow.parent.size)
        number, total = number + 1, total + product
    return number, total.reshape(output.shape + wrt.shape)


@cases(bias=(True, False), fused=(True, False))
def test_products_of_local_gradients_along_paths_add_up_to_the_gradient(case: Case) -> None:
    for name in ("w1", "w2"):
        number, total = sum_over_paths(case.C_, getattr(case.net_, name))
        assert number == 1
        case.close(total, case.numerical(name))


def test_products_along_several_paths_add_up_to_the_gradient() -> None:
    """w1 is used by both layers, and v by both operands of a product: 2 · 3 paths from C to w1."""
    rng = np.random.default_rng(0)
    w1, x, y = rng.standard_normal((3, 3)), rng.standard_normal((3, 2)), rng.random((3, 2))

    def cost(w1: Any) -> Any:
        a1 = 1 / (1 + np.exp(-(w1 @ x)))
        v = y - 1 / (1 + np.exp(-(w1 @ a1 + a1)))
        return np.sum(v * v) / 2

    tensor = Tensor(w1, requires_grad=True, name="w1")
    C = cost(tensor)
    number, total = sum_over_paths(C, tensor)
    assert number == 6
    assert_close(total, derivative(cost, w1))
    assert_close(ag.gradients(C, tensor), total)


def test_each_local_gradient_is_used_once() -> None:
    """30 stacked diamonds have 2³⁰ paths and 60 arrows; the sweep multiplies into the latter, each once."""
    used = []

    def pullback(u: Any, x: Any, y: Any) -> Any:
        used.append(1)
        return u

    plus = ag.operation("plus", lambda x, y: x + y, pullback, pullback)
    x = top = Tensor(1.0, requires_grad=True)
    for _ in range(30):
        top = plus(top, top)
    top.backward()
    assert len(used) == 60
    assert x.grad == 2.0**30


# The closed form is plain NumPy ---------------------------------------------------------------------------------


def test_closed_form_has_no_tensor_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case((3, 4, 2), 5, np.float64)

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("an operation on a Tensor")

    for method in (
        "__array_ufunc__",
        "__array_function__",
        "__matmul__",
        "__mul__",
        "__add__",
        "__sub__",
        "__getitem__",
    ):
        monkeypatch.setattr(Tensor, method, refuse)
    assert all(
        type(g) is np.ndarray for g in closed_form.gradients(case.net_, Tensor(case.x_), Tensor(case.y_)).values()
    )
    delta2 = closed_form.eq_4_2(case.a2_, Tensor(case.y_))
    for result in (
        closed_form.eq_3(delta2, case.z2_, case.a1_),
        closed_form.eq_3_bias(delta2, case.z2_),
        closed_form.eq_5(delta2, case.z2_, case.net_.w2, case.z1_, Tensor(case.x_)),
        closed_form.eq_5_bias(delta2, case.z2_, case.net_.w2, case.z1_),
        closed_form.updated(case.net_.w1, Tensor(case.w1), 0.1),
        *closed_form.forward(case.net_.w1, None, case.net_.w2, case.net_.b2, case.x_),
    ):
        assert type(result) is np.ndarray


@pytest.mark.parametrize("z", [-1000.0, -50.0, -20.0, 0.0, 20.0, 50.0, 1000.0])
def test_closed_form_sigma_in_the_tails(z: float) -> None:
    import mpmath

    with mpmath.workdps(50):
        exact = 1 / (1 + mpmath.exp(-mpmath.mpf(z)))
        slope = exact * (1 - exact) if abs(z) < 100 else mpmath.exp(-abs(mpmath.mpf(z)))
    assert closed_form.sigma(z) == pytest.approx(float(exact), rel=1e-14, abs=0)
    assert closed_form.sigma_prime(z) == pytest.approx(float(slope), rel=1e-14, abs=0)


def test_closed_form_refuses_what_does_not_fit() -> None:
    case = Case((3, 4, 2), 5, np.float64)
    with pytest.raises(ValueError, match=r"x has shape \(5, 3\), expected \(features, batch\) = \(3, batch\).*x\.T"):
        closed_form.gradients(case.net_, case.x_.T, case.y_)
    with pytest.raises(ValueError, match=r"y has shape \(2, 1\), expected the shape \(2, 5\)"):
        closed_form.gradients(case.net_, case.x_, case.y_[:, :1])


@pytest.mark.parametrize(
    ("equation", "widths", "batched"), [("eq_b_3", "3", "a1"), ("eq_b_4", "23", "z2"), ("eq_4_1", "34", "z1")]
)
def test_local_gradients_of_one_sample_refuse_a_batch(equation: str, widths: str, batched: str) -> None:
    """They answered with a sum over the batch, or with the first sample."""
    function = getattr(closed_form, equation)
    one = function(*(np.ones((int(n), 1)) for n in widths))
    assert one.shape == ((1, 3) if equation == "eq_b_3" else (int(widths[0]), int(widths[1])))
    for shape in ((5,), ()):
        with pytest.raises(ValueError, match=rf"{equation} is for one sample: {batched} .*for each sample i"):
            function(*(np.ones((int(n), *shape)) for n in widths))


def test_eq_4_3_refuses_a_batch() -> None:
    assert closed_form.eq_4_3(np.ones((2, 3)), np.ones((2, 1))).shape == (2, 3)
    with pytest.raises(ValueError, match=r"eq_4_3 is for one sample: z2 .* not an array of shape \(2, 5\)"):
        closed_form.eq_4_3(np.ones((2, 3)), np.ones((2, 5)))
