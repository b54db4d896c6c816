"""The equations that the engine writes down are true: evaluated from their own text, they give the adjoints."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from matplotlib.mathtext import MathTextParser
from operation_cases import CASES, SPECIAL, Case, one_of_each, outputs, seed_of
from oracles import Array, along, assert_close, random
from scipy import special

import autograd_lite as ag
from autograd_lite.writing.derivation import Derivation, Step, Term
from autograd_lite.writing.formulas import ONE, Name
from autograd_lite.writing import terms
from autograd_lite.writing.terms import names_of_one_step, name_operand
from autograd_lite.writing.styles import Dressed, Style, latex_name
from autograd_lite.engine.tensor import Tensor
from examples import gallery
from nets import TwoLayerNet, closed_form

# A reader of formulas ----------------------------------------------------------------------------------------
#
# It knows how mathematics and NumPy are written: roll[1, axis=0] is np.roll with these arguments, which it
# differentiates numerically. Of the engine it takes only the forward function of an operation that has no
# notation, whose derivative is written ∂t1/∂x.

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "σ": lambda z: 1 / (1 + np.exp(-z)), "tanh": np.tanh, "exp": np.exp, "log": np.log, "√": np.sqrt,
    "sin": np.sin, "cos": np.cos, "sinh": np.sinh, "cosh": np.cosh,
    "sign": np.sign, "trunc": np.trunc, "conj": np.conj, "Re": np.real,
}  # fmt: skip
CONSTANTS = {"π": np.pi, "i": 1j, "∞": np.inf, "True": True, "False": False}
RELATIONS = {"=": np.equal, "<": np.less, ">": np.greater, "≤": np.less_equal, "≥": np.greater_equal}
CLOSING = {*"+−⊙⊗/·)]⌋‖,", *RELATIONS, "finite", ""}
DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−₀₁₂₃₄₅₆₇₈₉", "0123456789--0123456789")


def softmax(x: Array, axis: Any = None) -> Array:
    e = np.exp(x - x.max(axis, keepdims=True, initial=-np.inf))
    return np.asarray(e / e.sum(axis, keepdims=True))


def power_norm(x: Array, ord: float, axis: Any = None) -> Any:
    return np.sum(np.abs(x) ** ord, axis) ** (1 / ord)


NAMED: dict[str, Callable[..., Any]] = {
    "softmax": softmax, "log_softmax": lambda x, axis=None: np.log(softmax(x, axis)), "power_norm": power_norm,
    "index": lambda x, key: x[key], "gather": lambda x, where: np.append(0, x)[where],
    "reshape_in_order": lambda x, shape, order: x.reshape(shape, order=order),
    "transpose": lambda x, *axes: np.transpose(x, axes or None),
    "take_along_axis": lambda x, indices, axis: np.take_along_axis(x, np.array(indices), axis),
    **{name: getattr(special, name) for name in (*SPECIAL, "gammainc", "gammaincc")}, "zeta": special.zeta,
    "solve": lambda a, b: np.linalg.solve(a, b if b.ndim > 1 else b[:, None])[..., 0] if b.ndim == 1 else np.linalg.solve(a, b),
    "det": np.linalg.det, "log_abs_det": lambda a: np.linalg.slogdet(a)[1],
    "cholesky": np.linalg.cholesky, "pinv": np.linalg.pinv, "eigenvalues": np.linalg.eigvalsh,
    "eigenvectors": lambda a, *_: np.linalg.eigh(a)[1], "singular_values": lambda a, *_: np.linalg.svdvals(a),
    "left_singular_vectors": lambda a, *_: np.linalg.svd(a, full_matrices=False)[0],
    "right_singular_vectors": lambda a, *_: np.linalg.svd(a, full_matrices=False)[2],
    "power_of_cosine": lambda x, k: (np.i0, special.i1)[k](x), "sliding_window_view": np.lib.stride_tricks.sliding_window_view,
    "orthogonal_factor": lambda a, *_: np.linalg.qr(a)[0], "triangular_factor": lambda a, *_: np.linalg.qr(a)[1],
}  # fmt: skip


class Words(dict[str, Any]):
    """The names in settings: arrays are looked up, and words stand for themselves."""

    def __missing__(self, word: str) -> str:
        return word


class Map:
    """The derivative of a function of x."""

    def __init__(self, forward: Callable[[Array], Any], x: Array, transposed: bool = False) -> None:
        self.forward, self.x, self.transposed = forward, np.asarray(x), transposed
        self.out = np.shape(forward(self.x))

    def dense(self) -> Array:
        """Of shape ``out.shape + x.shape``."""
        columns = [along(self.forward, [self.x], [unit.reshape(self.x.shape)]) for unit in np.eye(self.x.size)]
        columns = columns or [np.zeros(self.out + (0,))]
        return np.stack(columns, -1).reshape(self.out + self.x.shape)

    def factors(self) -> Array:
        """One for each entry of x, where each goes into one entry of the result only."""
        return self.dense().sum(tuple(range(len(self.out))))

    def pull(self, u: Array) -> Array:
        return np.tensordot(u.reshape(self.out), self.dense(), len(self.out))


class Reader:
    """The value of a formula of the given shape, from its text and the values of the names in it."""

    def __init__(self, values: dict[str, Array], shape: tuple[int, ...], term: Term | None = None) -> None:
        self.values, self.shape, self.term = values, shape, term
        names = "|".join(f"{re.escape(name)}(?![A-Za-z0-9_])" for name in sorted(values, key=len, reverse=True))
        self.pattern = (
            f"(?:{names or '(?!)'})|[0-9][0-9.]*(?:e[+−]?[0-9]+)?|∞|Σ(?:_[a-z]+[0-9,]*)?"
            "|[A-Za-z_][A-Za-z0-9_,]*|⁻?ᵀ|⁻?[⁰¹²³⁴-⁹]+|[^ ]"
        )

    def read(self, text: str) -> Array:
        self.tokens = [*re.findall(self.pattern, text.replace(")[", ")@[")), ""]
        result = self.array(self.sum())
        assert self.tokens == [""], f"{text}: cannot read {self.tokens}"
        if re.fullmatch("[0-9]+", text):
            result = np.broadcast_to(result, self.shape)
        return result

    def take(self, expected: str | None = None) -> str:
        token = self.tokens.pop(0)
        assert expected in (None, token), f"{token} in place of {expected}"
        return token

    def settings(self) -> str:
        """The text in brackets behind the name of a function."""
        found, depth = "", 0
        while self.tokens[0] == "[" or depth:
            token = self.take()
            depth += (token == "[") - (token == "]")
            found += token
        return found[1:-1].replace("−", "-").replace("…", "...")

    def key(self) -> Any:
        return eval(f"s_[{self.settings()}]", {}, Words(self.values, s_=np.s_))

    def function(self, name: str) -> Callable[..., Any]:
        """The function that a name and its settings stand for."""
        if name == "index":
            key = self.key()
            return lambda x: x[key]
        if name == "einsum":
            subscripts = self.settings().replace("→", "->")
            return lambda *xs: np.einsum(subscripts, *xs)
        forward = NAMED.get(name) or FUNCTIONS.get(name) or getattr(np, name)
        args, keywords = eval(f"told({self.settings()})", {}, Words(self.values, told=lambda *a, **k: (a, k)))
        return lambda *xs: forward(*xs, *args, **keywords)

    def partial(self, value: Array, number: str) -> Map:
        """The derivative of what was computed, whose value is said, with respect to its operand of that number, if it is said."""
        assert self.term is not None
        local = self.term.local_gradient
        out, index = local.output, local.index
        assert number in ("", str(index + 1)) and (number or sum(x is local.parent for x in out._operands) == 1)
        assert_close(value, out.data, 1e-14)

        def forward(x: Array) -> Any:
            operands = [np.asarray(getattr(y, "data", y)) for y in out._operands]
            operands[index] = x
            return out._operation.forward(*operands, **out._settings)

        return Map(forward, local.parent.data)

    def array(self, x: Any) -> Array:
        assert not (isinstance(x, Map) and x.transposed)
        return x.factors() if isinstance(x, Map) else np.asarray(x)

    def sum(self) -> Any:
        result = self.outer()
        while self.tokens[0] in ("+", "−"):
            result = self.array(result) + (1 if self.take() == "+" else -1) * self.array(self.outer())
        return result

    def outer(self) -> Any:
        result = self.signed()
        if self.tokens[0] == "⊗":
            self.take()
            a, b = self.array(result), self.array(self.signed())
            assert a.ndim == b.ndim == 1
            return np.multiply.outer(a, b)
        return result

    def signed(self) -> Any:
        if self.tokens[0] == "−":
            self.take()
            return -self.array(self.signed())
        if self.tokens[0][0:1] != "Σ":
            return self.entrywise()
        over = self.take()[1:]
        x = self.array(self.entrywise())
        axes = (1,) if over == "_batch" else tuple(int(i) for i in re.findall("[0-9]+", over)) or None
        x = x.sum(axes, keepdims=True)
        return x.reshape(self.shape) if x.size == np.prod(self.shape) else x

    def entrywise(self) -> Any:
        result = self.product()
        while self.tokens[0] == "⊙":
            self.take()
            result = self.array(result) * self.array(self.product())
        return result

    def product(self) -> Any:
        result = self.power()
        while self.tokens[0] in ("/", "·") or self.tokens[0] not in CLOSING:
            sign = self.take() if self.tokens[0] in ("/", "·") else ""
            factor = self.power()
            if sign == "/":
                result = self.array(result) / self.array(factor)
            elif isinstance(result, Map) and result.transposed:
                result = result.pull(self.array(factor))
            else:
                result = side_by_side(self.array(result), self.array(factor))
        return result

    def power(self) -> Any:
        result = self.primary()
        while self.tokens[0] == "^" or self.tokens[0][-1:] in (*"ᵀ⁰¹²³⁴⁵⁶⁷⁸⁹",):
            sign = self.take()
            if sign == "^":
                if self.tokens[0] == "⊙":  # entry by entry, as all powers here
                    self.take()
                negative = self.tokens[0] == "−" and self.take()
                result = self.array(result) ** (self.array(self.primary()) * (-1 if negative else 1))
            elif sign[-1] != "ᵀ":
                result = self.array(result) ** float(sign.translate(DIGITS))
            elif isinstance(result, Map):
                result = Map(result.forward, result.x, transposed=True)
            else:
                result = np.linalg.inv(result) if sign == "⁻ᵀ" else result
                result = result.swapaxes(-1, -2) if result.ndim > 1 else result
        return result

    def primary(self) -> Any:
        token = self.take()
        if token in self.values:
            return self.values[token]
        if token[0] in "0123456789":
            return np.asarray(float(token.replace("−", "-")))
        if token in CONSTANTS:
            return np.asarray(CONSTANTS[token])
        if token == "𝟏":
            return np.ones(self.shape)
        if token == "(":
            is_prime = self.tokens[1] == "'"
            result = self.sum()
            self.take(")")
            if is_prime and isinstance(result, Map):  # (tanh'(z))ᵀ is the transpose of an array, tanh'(z)ᵀ that of a map
                result = result.factors()
            if self.tokens[0] == "@":
                self.take()
                return self.array(result)[self.key()]
            return result
        if token == "⌊":
            result = np.floor(self.array(self.sum()))
            self.take("⌋")
            return result
        if token == "‖":
            x = self.array(self.sum())
            self.take("‖")
            return np.sqrt((np.abs(x) ** 2).sum(self.axis(), keepdims=True))
        if token == "[":
            result = self.condition()
            self.take("]")
            return result.astype(float)
        if token == "∂":
            number = re.match("[₀-₉]*", self.tokens[0])[0]  # type: ignore[index]
            self.tokens[0] = self.tokens[0][len(number) :]
            self.tokens = self.tokens[not self.tokens[0] :]
            value = self.array(self.primary())
            if not number:
                self.take("/")
                self.take("∂")
                assert self.take() in self.values
            return self.partial(value, number.translate(DIGITS))
        assert re.fullmatch(r"[A-Za-zσ√∏_][\w,]*", token), f"cannot read {token}"
        if token == "reshape":
            return self.arguments()[0].reshape(self.shape)
        if token == "cof":
            return cofactors(self.arguments()[0])
        if token.startswith("repeat_ax"):
            x, axes = self.arguments()[0], [int(i) for i in re.findall("[0-9]+", token)]
            return np.broadcast_to(x if x.ndim == len(self.shape) else np.expand_dims(x, axes), self.shape)
        function = self.function(token)
        if self.tokens[0] == "'":
            self.take()
            return Map(function, self.arguments()[0])
        if self.tokens[0] == "(":
            return function(*self.arguments())
        assert self.tokens[0] in ("ᵀ", ")"), f"{token} is no factor"  # a linear map, as in flipᵀ
        return Map(function, np.zeros(self.shape))

    def axis(self) -> Any:
        return eval(f"dict({self.settings()})").get("axis")

    def arguments(self) -> list[Array]:
        self.take("(")
        found = [self.array(self.sum())]
        while self.tokens[0] == ",":
            self.take()
            found.append(self.array(self.sum()))
        self.take(")")
        return found

    def condition(self) -> Array:
        if self.tokens[0] == "not":
            self.take()
            return np.logical_not(self.array(self.sum()))
        x = self.array(self.sum())
        result = np.asarray(x != 0) if self.tokens[0] == "]" else np.ones(np.shape(x), bool)
        while self.tokens[0] != "]":
            sign = self.take()
            if sign == "finite":
                return np.isfinite(x)
            if self.tokens[0] in ("max", "min"):
                y = getattr(x, self.take())(axis=self.axis(), keepdims=True)
            else:
                y = self.array(self.sum())
            result, x = result & RELATIONS[sign](x, y), y
        return result


def side_by_side(a: Array, b: Array) -> Array:
    """The product of two matrices, or of a number with anything."""
    if a.ndim and b.ndim and a.shape[-1] == b.shape[-min(b.ndim, 2)]:
        return a @ b
    assert 1 in (a.size, b.size), f"no product of shapes {a.shape} and {b.shape}"
    return a * b


def cofactors(a: Array) -> Array:
    result = np.empty(a.shape)
    for i, j in np.ndindex(a.shape):
        result[i, j] = (-1) ** (i + j) * np.linalg.det(np.delete(np.delete(a, i, 0), j, 1))
    return result


def check_step(step: Step, tolerance: float = 1e-8) -> None:
    """The line says what its terms say, and its terms add up to the adjoint."""
    left, right = step.text.split(" = ", 1)
    assert re.fullmatch(r"∂\w+/∂[\w()]+", left)
    joined = " + ".join(term.text for term in step.terms).replace("+ −", "− ")
    assert right == joined or len({term.text for term in step.terms}) < len(step.terms)  # 2 ∂C/∂t
    if right != joined:
        value = Reader(step.factors, step.tensor.shape).read(right)
        assert_close(value, step.adjoint, tolerance, step.text)
    values = [Reader(term.factors, step.tensor.shape, term).read(term.text) for term in step.terms]
    for term, value in zip(step.terms, values):
        assert np.shape(value) == step.tensor.shape, f"{term.text} is of shape {np.shape(value)}"
    assert_close(np.sum(values, axis=0), step.adjoint, tolerance, step.text)


def check(derivation: Derivation, tolerance: float = 1e-8) -> None:
    """Every line is true, and uses no adjoint that did not have its line before."""
    known: set[str] = set()
    for step in derivation:
        left = step.text.split(" = ")[0]
        used = {name for name in step.factors if name.startswith("∂")} - {left}
        assert used <= known, f"{step.text}: where do {used - known} come from?"
        known.add(left)
        if step.terms:
            check_step(step, tolerance)
        else:
            assert step.text in (f"{left} = 1", f"{left} = u")


# The chapter's network -----------------------------------------------------------------------------------------


def two_layers(batch: int = 5, outputs: int = 2) -> tuple[TwoLayerNet, Tensor]:
    net = TwoLayerNet(3, 4, outputs, seed=1)
    x = Tensor(random((3, batch), -1, 1, 2), name="a0")
    y = Tensor(random((outputs, batch), 0, 1, 3), name="y")
    return net, net.cost(x, y)


LINES = """\
∂C/∂a2 = a2 − y
∂C/∂z2 = ∂C/∂a2 ⊙ σ'(z2)
∂C/∂w2 = ∂C/∂z2 (a1)ᵀ
∂C/∂a1 = (w2)ᵀ ∂C/∂z2
∂C/∂z1 = ∂C/∂a1 ⊙ σ'(z1)
∂C/∂w1 = ∂C/∂z1 (a0)ᵀ"""
EQ_3 = "∂C/∂w2 = ((a2 − y) ⊙ σ'(z2)) (a1)ᵀ"
EQ_5 = "∂C/∂w1 = ((w2)ᵀ ((a2 − y) ⊙ σ'(z2)) ⊙ σ'(z1)) (a0)ᵀ"


@pytest.mark.parametrize("batch, outputs", [(1, 1), (1, 3), (4, 1), (7, 3)])
def test_the_network_yields_the_lines_of_the_chapter(batch: int, outputs: int) -> None:
    net, cost = two_layers(batch, outputs)
    derivation = ag.chain_rule(cost, [net.w2, net.w1])
    assert [step.text for step in derivation] == LINES.splitlines()
    assert str(derivation) == f"{LINES}\n\nwith everything substituted:\n{EQ_3}\n{EQ_5}"
    check(derivation)


def test_eq_3_and_eq_5_are_true() -> None:
    net, cost = two_layers()
    derivation = ag.chain_rule(cost, [net.w2, net.w1])
    assert [line.text for line in derivation.equations] == [EQ_3, EQ_5]
    for line, parameter in zip(derivation.equations, (net.w2, net.w1)):
        assert not any(name.startswith("∂") for name in line.factors.keys() - {line.text.split(" = ")[0]})
        value = Reader(line.factors, parameter.shape).read(line.text.split(" = ")[1])
        assert_close(value, line.adjoint, 1e-9)
    closed = closed_form.gradients(net, derivation.equations[1].factors["a0"], derivation.equations[1].factors["y"])
    assert_close(derivation.equations[0].adjoint, closed["w2"], 1e-14)
    assert_close(derivation.equations[1].adjoint, closed["w1"], 1e-14)


def test_biases_show_their_sum_over_the_batch() -> None:
    net, cost = two_layers(batch=5)
    derivation = ag.chain_rule(cost, [net.b2, net.b1])
    assert "∂C/∂b2 = Σ_batch ∂C/∂z2" in str(derivation).splitlines()
    assert derivation.equations[0].text == "∂C/∂b2 = Σ_batch (a2 − y) ⊙ σ'(z2)"
    assert derivation.equations[1].text == "∂C/∂b1 = Σ_batch (w2)ᵀ ((a2 − y) ⊙ σ'(z2)) ⊙ σ'(z1)"
    check(derivation)
    net, cost = two_layers(batch=1)
    assert "∂C/∂b2 = ∂C/∂z2" in str(ag.chain_rule(cost, net.b2)).splitlines()


def test_a_step_holds_the_tensor_the_adjoint_of_the_sweep_and_the_terms() -> None:
    net, cost = two_layers()
    derivation = ag.chain_rule(cost, [net.w2, net.w1])
    assert derivation.steps[2].tensor is net.w2
    assert all(p.grad is None for p in net.parameters().values())
    adjoints = ag.gradients(cost, [step.tensor for step in derivation])
    for step, adjoint in zip(derivation, adjoints):
        assert type(step.adjoint) is np.ndarray and step.adjoint.dtype == step.tensor.dtype
        np.testing.assert_array_equal(step.adjoint, adjoint)
    [term] = derivation[2].terms
    assert term.local_gradient.parent is net.w2
    assert term.local_gradient.output.name == "z2"
    assert {name: value.shape for name, value in term.factors.items()} == {"∂C/∂z2": (2, 5), "a1": (4, 5)}
    assert len(derivation) == 6 and list(derivation) == [*derivation.steps]
    every = [step.adjoint for step in derivation]
    assert not any(np.shares_memory(a, b) for i, a in enumerate(every) for b in every[:i])


def test_with_plain_operators_the_derivation_says_the_same() -> None:
    shapes = {"w1": (4, 3), "b1": (4, 1), "w2": (2, 4), "b2": (2, 1)}
    p = {name: Tensor(random(s, -1, 1, i), requires_grad=True, name=name) for i, (name, s) in enumerate(shapes.items())}
    a0, y = Tensor(random((3, 5), -1, 1, 8), name="a0"), Tensor(random((2, 5), 0, 1, 9), name="y")
    z1 = p["w1"] @ a0 + p["b1"]
    a1 = ag.sigmoid(z1)
    z2 = p["w2"] @ a1 + p["b2"]
    a2 = ag.sigmoid(z2)
    v = y - a2
    for tensor, name in ((z1, "z1"), (a1, "a1"), (z2, "z2"), (a2, "a2"), (v, "v")):
        tensor.name = name
    cost = 0.5 * (v**2).sum()
    derivation = ag.chain_rule(cost, [p["w2"], p["w1"], p["b1"]])
    check(derivation)
    assert (
        str(derivation)
        == """\
∂C/∂t4 = 0.5
∂C/∂t3 = ∂C/∂t4 𝟏
∂C/∂v = ∂C/∂t3 ⊙ 2 v
∂C/∂a2 = −∂C/∂v
∂C/∂z2 = ∂C/∂a2 ⊙ σ'(z2)
∂C/∂t2 = ∂C/∂z2
∂C/∂w2 = ∂C/∂t2 (a1)ᵀ
∂C/∂a1 = (w2)ᵀ ∂C/∂t2
∂C/∂z1 = ∂C/∂a1 ⊙ σ'(z1)
∂C/∂t1 = ∂C/∂z1
∂C/∂b1 = Σ_axis1 ∂C/∂z1
∂C/∂w1 = ∂C/∂t1 (a0)ᵀ

with everything substituted:
∂C/∂w2 = −(v ⊙ σ'(z2)) (a1)ᵀ
∂C/∂w1 = −((w2)ᵀ (v ⊙ σ'(z2)) ⊙ σ'(z1)) (a0)ᵀ
∂C/∂b1 = −Σ_axis1 (w2)ᵀ (v ⊙ σ'(z2)) ⊙ σ'(z1)

where:
t1 = w1 a0
t2 = w2 a1
t3 = v^⊙2
t4 = Σ t3
C = 0.5 · t4"""
    )
    for line, name in zip(derivation.equations, ("w2", "w1")):
        value = Reader(line.factors, shapes[name]).read(line.text.split(" = ")[1])
        assert_close(value, ag.gradients(cost, p[name]), 1e-9)


# Other graphs ----------------------------------------------------------------------------------------------------


def test_five_layers() -> None:
    sizes = [3, 5, 4, 6, 2, 3]
    weights, biases, a = [], [], Tensor(random((3, 7), -1, 1, 1), name="a0")
    for layer, (m, n) in enumerate(zip(sizes, sizes[1:]), start=1):
        weights.append(Tensor(random((n, m), -1, 1, layer), requires_grad=True, name=f"w{layer}"))
        biases.append(Tensor(random((n, 1), -1, 1, layer), requires_grad=True, name=f"b{layer}"))
        z = ag.linear(weights[-1], a, biases[-1])
        a = np.tanh(z)
        z.name, a.name = f"z{layer}", f"a{layer}"
    y = Tensor(random((3, 7), -1, 1, 9), name="y")
    cost = ag.half_squared_distance(a, y)
    derivation = ag.chain_rule(cost, weights + biases)
    check(derivation)
    assert len(derivation) == 4 * 5
    for layer, line in enumerate(derivation.equations, start=1):
        value = Reader(line.factors, line.tensor.shape).read(line.text.split(" = ")[1])
        assert_close(value, line.adjoint, 1e-9, f"equation {layer}")
    # the same by the recursion BP1 to BP4, from the values of the Tensors
    values = {name: x for line in [*derivation, *derivation.equations] for name, x in line.factors.items()}
    delta = values["a5"] - values["y"]
    for layer in range(5, 0, -1):
        delta = delta * (1 - np.tanh(values[f"z{layer}"]) ** 2)
        assert_close(values[f"∂C/∂w{layer}"], delta @ values[f"a{layer - 1}"].T, 1e-13)
        assert_close(values[f"∂C/∂b{layer}"], delta.sum(1, keepdims=True), 1e-13)
        delta = values[f"w{layer}"].T @ delta if layer > 1 else delta


def test_several_paths_appear_as_sums_with_each_adjoint_named_once() -> None:
    x = Tensor(random((3,), -1, 1, 1), requires_grad=True, name="x")
    s = np.sin(x)
    s.name = "s"
    e = s * np.exp(s)
    e.name = "e"
    cost = (e * e + s).sum()
    derivation = ag.chain_rule(cost, x)
    check(derivation)
    text = str(derivation).splitlines()
    assert "∂C/∂e = 2 ∂C/∂t2 ⊙ e" in text
    assert "∂C/∂s = ∂C/∂t3 + ∂C/∂e ⊙ t1 + ∂C/∂t1 ⊙ exp(s)" in text
    assert derivation.equations[0].text == "∂C/∂x = (𝟏 + ∂C/∂e ⊙ t1 + ∂C/∂e ⊙ s ⊙ exp(s)) ⊙ cos(x)"
    left = [step.text.split(" = ")[0] for step in derivation]
    assert len(left) == len(set(left))


def lines_of(output: Tensor, *wrt: Tensor) -> list[str]:
    derivation = ag.chain_rule(output, wrt)
    check(derivation)
    return str(derivation).splitlines()


def test_what_an_operation_was_told_stands_in_its_symbol() -> None:
    w = Tensor([1.5, 2.5, 4.0], requires_grad=True, name="w")
    x = Tensor(random((3, 3), -1, 1, 1), requires_grad=True, name="x")
    lines = lines_of(w[0] * w[1] * w[-1], w)
    assert "∂C/∂w = index[−1]ᵀ ∂C/∂t4 + index[1]ᵀ ∂C/∂t2 + index[0]ᵀ ∂C/∂t1" in lines
    assert {"t1 = w[0]", "t2 = w[1]", "t4 = w[−1]"} <= set(lines)
    lines = lines_of(np.sum(x[1:, ::2] * x[[0, 1], 1:] * x[:2, [True, False, True]]), x)
    assert lines[5] == "∂C/∂x = index[:2, [True, False, True]]ᵀ ∂C/∂t4 + index[[0, 1], 1:]ᵀ ∂C/∂t2"
    assert lines[6] == "    + index[1:, ::2]ᵀ ∂C/∂t1"
    lines = lines_of(np.sum(np.roll(x, 1, axis=0) * np.roll(x, 1) * np.cumsum(x, 0) * np.cumsum(x, 1)), x)
    assert lines[7] == "∂C/∂x = cumsum[axis=1]ᵀ ∂C/∂t6 + cumsum[axis=0]ᵀ ∂C/∂t4 + roll[1]ᵀ ∂C/∂t2"
    assert lines[8] == "    + roll[1, axis=0]ᵀ ∂C/∂t1"
    lines = lines_of(np.sum(np.max(x, 0) * np.max(x, 1) * np.prod(x, 0)), x)
    assert "[x = repeat_axis1(t2)]" in str(lines) and "[x = repeat_axis0(t1)]" in str(lines) and "prod[axis=0]'(x)" in str(lines)
    assert {"t1 = max[axis=0](x)", "t2 = max[axis=1](x)", "t4 = ∏_axis0 x"} <= set(lines)
    cube = Tensor(random((2, 3, 2), -1, 1, 1), requires_grad=True, name="x")
    text = str(lines_of(np.sum(np.transpose(cube, (2, 1, 0)) @ np.swapaxes(cube, 1, 2)), cube))
    assert "transpose[0, 2, 1](x)" in text and "t1 = transpose(x)" in text  # (·)ᵀ of stacks swaps the last two axes


def test_the_parts_that_are_joined_are_told_apart() -> None:
    a, b = (Tensor(random((2, n), -1, 1, n), requires_grad=True, name=name) for n, name in ((3, "a"), (1, "b")))
    lines = lines_of((np.concatenate([a, b, a], 1) ** 2).sum(), a, b)
    assert "∂C/∂b = (∂C/∂t1)[:, 3:4]" in lines and "∂C/∂a = (∂C/∂t1)[:, 0:3] + (∂C/∂t1)[:, 4:7]" in lines
    assert "t1 = concatenate[axis=1](a, b, a)" in lines
    c, d = (Tensor([1.0, 2.0], requires_grad=True, name=name) for name in "cd")
    lines = lines_of((np.stack([c, d]) ** 2).sum(), c, d)
    assert "∂C/∂t1 = (∂C/∂t3)[0:1]" in lines and "∂C/∂t2 = (∂C/∂t3)[1:2]" in lines


def test_products_of_vectors() -> None:
    v, w = (Tensor(random((3,), -1, 1, i), requires_grad=True, name=name) for i, name in enumerate("vw"))
    a = Tensor(random((3, 3), -1, 1, 1), requires_grad=True, name="a")
    assert lines_of(v @ w, v, w)[:2] == ["∂C/∂v = w", "∂C/∂w = v"]
    assert lines_of(w @ a @ w, a)[:2] == ["∂C/∂t1 = w", "∂C/∂a = w ⊗ ∂C/∂t1"]
    assert "∂C/∂a = w ⊗ w" in lines_of(w @ a @ w, a)
    assert "∂C/∂a = w ⊗ v" in lines_of(w @ (a @ v), a)
    assert "∂C/∂a = (w ⊗ v) ⊙ cos(a)" in lines_of(w @ np.sin(a) @ v, a)
    solution = np.linalg.solve(a, v)
    solution.name = "s"
    assert "∂C/∂a = −(a)⁻ᵀ ∂C/∂s ⊗ s" in lines_of(np.sin(solution).sum(), a, v)
    assert "∂C/∂a = −((t1)⁻ᵀ cos(t2) ⊗ t2) ⊙ cos(a)" in lines_of(np.sin(np.linalg.solve(np.sin(a), v)).sum(), a)
    assert r"w \otimes w" in ag.chain_rule(w @ a @ w, a).latex()


def test_an_operand_that_is_used_twice_is_told_apart_by_its_place() -> None:
    x = Tensor(random((2, 2), -1, 1, 1), requires_grad=True, name="x")
    lines = lines_of(np.einsum("ij,jk->ik", x, x).sum(), x)
    assert lines[1] == "∂C/∂x = einsum[ik,jk→ij](∂C/∂t1, x) + einsum[ik,ij→jk](∂C/∂t1, x)"
    assert "t1 = einsum[ij,jk→ik](x, x)" in lines
    stack = Tensor(random((2, 2, 2), -1, 1, 1), requires_grad=True, name="x")
    vector = Tensor([1.0, 2.0], requires_grad=True, name="v")
    assert "(∂(x v)/∂v)ᵀ ∂C/∂t1" in str(lines_of((stack @ vector).sum(), vector))
    mean = ag.elementwise("mean", lambda a, b: (a + b) / 2, lambda a, b: 0.5, lambda a, b: 0.5)
    assert ag.chain_rule(mean(x, x).sum(), x)[-1].text == "∂C/∂x = ∂₁mean(x, x) ∂C/∂t1 + ∂₂mean(x, x) ∂C/∂t1"
    assert r"\partial _{1}\operatorname{mean}(x,\,x)" in ag.chain_rule(mean(x, x).sum(), x)[-1].latex


def test_the_shape_of_what_keeps_its_axes_is_told() -> None:
    x = Tensor(random((3, 3), -1, 1, 1), requires_grad=True, name="x")
    lines = lines_of(np.sum(x / np.sum(x, 1) * (x / np.sum(x, 1, keepdims=True))), x)
    assert {"t1 = Σ_axis1 x", "t3 = Σ_axis1 x, of shape 3 × 1"} <= set(lines)
    lines = lines_of(np.sum((x - np.mean(x, 0)) * (x - np.mean(x, 0, keepdims=True))), x)
    assert {"t1 = mean[axis=0](x)", "t3 = mean[axis=0](x), of shape 1 × 3"} <= set(lines)
    assert "t1 = Σ x" in lines_of(np.sum(x / np.sum(x, keepdims=True)), x)
    latex = ag.chain_rule(np.sum(np.sum(x, 1, keepdims=True)), x).latex()
    assert r"t_{1} &= \sum _{\mathrm{axis}\,1}\,x\text{, of shape }3\,\times \,1" in latex


def test_a_transpose_of_two_axes_is_written_as_one() -> None:
    x = Tensor(random((2, 3), -1, 1, 1), requires_grad=True, name="x")
    for permuted, says in ((x.T, "(x)ᵀ"), (np.transpose(x, (0, 1)), "transpose[0, 1](x)")):
        assert f"t1 = {says}" in lines_of(np.sum(permuted * permuted), x)


def test_operations_of_one_name_are_not_added_up() -> None:
    A, B, D = (Tensor(random((2, 2), -1, 1, i), requires_grad=True, name="ABD"[i]) for i in range(3))

    def product() -> Any:
        return ag.operation("mm", lambda a, b: a @ b, lambda u, a, b: u @ b.T, lambda u, a, b: a.T @ u)

    mm = product()
    for cost, says in (
        ((mm(A, B) + mm(A, D)).sum(), "(∂mm(A, D)/∂A)ᵀ 𝟏 + (∂mm(A, B)/∂A)ᵀ 𝟏"),
        ((mm(A, B) + mm(A, B)).sum(), "2 ((∂mm(A, B)/∂A)ᵀ 𝟏)"),
        ((mm(A, B) + product()(A, B)).sum(), "(∂mm(A, B)/∂A)ᵀ 𝟏 + (∂mm(A, B)/∂A)ᵀ 𝟏"),
    ):  # fmt: skip
        assert ag.chain_rule(cost, A).equations[0].text == f"∂C/∂A = {says}"
    total = ag.operation("total", lambda a, *, axis: a.sum(axis), lambda u, a, *, axis: np.expand_dims(u, axis) + 0 * a)
    text = ag.chain_rule((total(A, axis=0) * total(A, axis=1)).sum(), A)[-1].text
    assert text == "∂C/∂A = (∂total[axis=1](A)/∂A)ᵀ ∂C/∂t2 + (∂total[axis=0](A)/∂A)ᵀ ∂C/∂t1"
    square, cube = (ag.elementwise("power", lambda x, k=k: x**k, lambda x, k=k: k * x ** (k - 1)) for k in (2, 3))
    assert ag.chain_rule((square(A) + cube(A)).sum(), A).equations[0].text == "∂C/∂A = power'(A) + power'(A)"
    assert ag.chain_rule((square(A) + square(A)).sum(), A).equations[0].text == "∂C/∂A = 2 power'(A)"


def test_a_label_of_ones_own_may_be_a_transpose() -> None:
    A, B = (Tensor(random((2, 2), -1, 1, i), requires_grad=True, name="AB"[i]) for i in range(2))
    for label, says, latex in (
        ("({1})ᵀ", "((B)ᵀ)ᵀ", r"\left(B^{\mathsf{T}}\right)^{\mathsf{T}}"),
        ("{1}²", "(B^⊙2)ᵀ", r"\left(B^{\odot 2}\right)^{\mathsf{T}}"),
    ):  # fmt: skip
        mm = ag.operation("mm", lambda a, b: a @ b, lambda u, a, b: u @ b.T, lambda u, a, b: a.T @ u, labels=[label, "{0}"])
        line = ag.chain_rule(np.exp(mm(A, B)).sum(), A)[-1]
        assert line.text == f"∂C/∂A = {says} ∂C/∂t1" and latex in line.latex, line.latex


def test_large_arrays_of_indices_have_names() -> None:
    x = Tensor(random((20,), -1, 1, 1), requires_grad=True, name="x")
    even, odd = np.arange(0, 20, 2), np.arange(1, 20, 2)
    lines = lines_of((x[even] * x[odd]).sum(), x)
    assert "∂C/∂x = index[c2]ᵀ ∂C/∂t2 + index[c1]ᵀ ∂C/∂t1" in lines
    assert {"t1 = x[c1]", "t2 = x[c2]", "c1: constant of shape (10,)"} <= set(lines)


def test_settings_of_own_operations() -> None:
    def scaled(x: Any, **keywords: Any) -> Any:
        return x * 2.0

    double = ag.operation("double", scaled, lambda u, x, **keywords: u * 2)
    x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    y = double(x, key=3, args=1, axes=2, keywords=4, subscripts="a b", by=np.sin, where=[1.5], ä=None)
    definition = ag.chain_rule(y.sum(), x).definitions[0].text
    assert definition == "t1 = double[3, args=1, axes=2, keywords=4, subscripts=str, by=sin, [1.5], ä=None](x)"
    assert ag.chain_rule(double(x, by="]\ue0001\ue002").sum(), x).definitions[0].text == "t1 = double[by=str](x)"


def test_stacked_diamonds_have_a_line_for_each_node_and_short_equations() -> None:
    x = Tensor(0.5, requires_grad=True, name="x")
    y = x
    for _ in range(30):
        y = y + y
    derivation = ag.chain_rule(y, x)
    assert len(derivation) == 30 and sum(len(step.terms) for step in derivation) == 60
    assert derivation[-1].text == "∂C/∂x = 2 ∂C/∂t1" and derivation.equations[0].text == f"∂C/∂x = {2**30}"
    assert derivation[-1].adjoint == 2.0**30
    check(derivation)


def test_a_residual_network_with_shared_weights() -> None:
    w = Tensor(random((3, 3), -1, 1, 1), requires_grad=True, name="w")
    h = Tensor(random((3, 2), -1, 1, 2), requires_grad=True, name="h0")
    h0 = h
    for _ in range(3):
        h = h + ag.sigmoid(w @ h)
    derivation = ag.chain_rule((h * h).mean(), [w, h0])
    check(derivation)
    last = {step.tensor.name: step for step in derivation}["w"]
    assert len(last.terms) == 3


def test_only_what_lies_on_a_path_appears() -> None:
    net, cost = two_layers()
    text = str(ag.chain_rule(cost, net.w2))
    assert "w1" not in text and "z1" not in text and "b2" not in text
    assert [step.text for step in ag.chain_rule(cost, net.w2)] == LINES.splitlines()[:3]


def test_intermediate_tensors_and_the_output_itself() -> None:
    net, cost = two_layers()
    z1 = next(step.tensor for step in ag.chain_rule(cost, net.w1) if step.tensor.name == "z1")
    derivation = ag.chain_rule(cost, [z1, cost, z1])
    assert [step.text for step in derivation] == ["∂C/∂C = 1"] + [LINES.splitlines()[i] for i in (0, 1, 3, 4)]
    assert [line.tensor for line in derivation.equations] == [z1, cost]
    check(derivation)


def test_the_adjoint_that_is_given_is_called_u() -> None:
    w = Tensor(random((2, 3), -1, 1, 1), requires_grad=True, name="w")
    z = w @ Tensor(random((3, 4), -1, 1, 2), name="x")
    z.name = "z"
    u = random((2, 4), -1, 1, 3)
    derivation = ag.chain_rule(z, w, gradient=u)
    assert str(derivation).splitlines()[:2] == ["∂C/∂z = u", "∂C/∂w = ∂C/∂z (x)ᵀ"]
    assert derivation.equations[0].text == "∂C/∂w = u (x)ᵀ"
    np.testing.assert_array_equal(derivation[0].factors["u"], u)
    assert_close(derivation[1].adjoint, u @ derivation[1].factors["x"].T, 1e-15)


def test_own_operations_are_written_with_their_own_labels() -> None:
    cube = ag.elementwise("cube", lambda x: x**3, lambda x: 3 * x**2, labels=["3 {0}²"])
    swish = ag.elementwise("swish%", lambda x: x * x, lambda x: 2 * x)
    total = ag.operation("running total", lambda x: np.cumsum(x), lambda u, x: np.flip(np.cumsum(np.flip(u))))
    x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    derivation = ag.chain_rule(total(swish(cube(x))).sum(), x)
    assert [step.text for step in derivation] == [
        "∂C/∂t3 = 𝟏",
        "∂C/∂t2 = (∂running total(t2)/∂t2)ᵀ ∂C/∂t3",
        "∂C/∂t1 = ∂C/∂t2 ⊙ swish%'(t1)",
        "∂C/∂x = ∂C/∂t1 ⊙ 3 x²",
    ]
    for line in derivation:
        assert_valid_latex(line.latex)


def test_numbers_are_written_so_that_they_can_be_read_back() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    third = 1 / 3
    derivation = ag.chain_rule((x * third * -2 * np.float32(0.1) * 1e-20).sum(), x)
    assert [step.text.split(" = ")[1].split(" ")[0] for step in derivation][1:] == ["1e−20", "0.1", "−2", str(third)]
    assert derivation.equations[0].text == f"∂C/∂x = −{third} · 0.2 · 1e−20 𝟏"
    assert r"10^{-20}\," in derivation.latex()


def test_negative_numbers_and_linear_maps_are_kept_together_by_parentheses() -> None:
    w = Tensor(random((3, 3), 1, 2, 1), requires_grad=True, name="w")
    s = ag.softmax(w @ Tensor(np.ones((3, 2)), name="x") / -2)
    s.name = "s"
    derivation = ag.chain_rule((s * s + s * -3).sum(), w)
    check(derivation)
    assert derivation[-3].text == "∂C/∂t2 = softmax[axis=−1]'(t2)ᵀ ∂C/∂s"
    assert derivation[-2].text == "∂C/∂t1 = −1/2 ∂C/∂t2"
    u = "(−3 𝟏 + 2 s)"
    assert derivation.equations[0].text == f"∂C/∂w = −1/2 (softmax[axis=−1]'(t2)ᵀ {u}) (x)ᵀ"
    assert r"\operatorname{softmax}[\operatorname{axis}=-1]'(t_{2})^{\mathsf{T}}\," in derivation[-3].latex
    assert "t4 = s · (−3)" in [line.text for line in derivation.definitions]
    x = Tensor(np.ones((3, 2)), requires_grad=True, name="x")
    assert ag.chain_rule((w @ np.flip(x)).sum(), x).equations[0].text == "∂C/∂x = flipᵀ ((w)ᵀ 𝟏)"
    value = Reader(derivation.equations[0].factors, (3, 3), derivation[-3].terms[0])
    text = derivation.equations[0].text.split(" = ")[1].replace("3 𝟏", "3")  # whose shape is not that of the whole
    assert_close(value.read(text), derivation[-1].adjoint, 1e-8)


# Names -----------------------------------------------------------------------------------------------------------

HOSTILE = [
    "w_%1", "a\\b", "{x", "}", "#", "a$b", "$", "my weights", "x + y", "<b>", "délta", "漢字", "\u202eevil", "a\nb",
    "a & b", "learning_rate", "x'", "layers.0.weight", "~", "^2", "`a", '"q"', "😀", "שלום", r"\frac{",
    r"\end{aligned}", "\\", "\\\\", "∂C/∂x", "𝟏", "2", "-3", "“q”", "w\ue0001\ue002", "(", "a)ᵀ", "%", " ", "\x00",
]  # fmt: skip
COMMANDS = """frac partial odot cdot sum prod surd sqrt mathbf mathsf mathrm mathit operatorname text left right infty
    leq geq times lfloor rfloor ldots backslash sim wedge otimes to pi sigma alpha delta Sigma""".split()


def assert_valid_latex(latex: str) -> None:
    """Balanced, and made of known commands and escapes only."""
    rest = re.sub(r"\\(?:[{}_%#&$ ,|])", "", latex)
    used = re.findall(r"\\([A-Za-z]+|.|$)", rest)
    assert set(used) <= set(COMMANDS), f"{latex}: {set(used) - set(COMMANDS)}"
    assert rest.count(r"\left(") == rest.count(r"\right)")
    assert not re.search(r"[%#$&~\n\x00]", rest), latex
    assert not re.search(r"[_^](?!\{)", rest), latex
    assert rest.isascii() or re.sub(r"\\text\{[^{}]*\}", "", rest).isascii(), latex
    depth = 0
    for c in re.sub(r"\\[A-Za-z]+", "", rest):
        depth += (c == "{") - (c == "}")
        assert depth >= 0, latex
    assert depth == 0, latex


def of_name(name: str) -> Derivation:
    x = Tensor(random((2, 2), 1, 2, 1), requires_grad=True, name=name)
    return ag.chain_rule((x @ x / 3).sum(), x)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_breaks_or_injects_latex(name: str) -> None:
    hostile, tame = of_name(name), of_name("qq")
    dressed = latex_name(hostile._symbols.names[id(hostile[-1].tensor)])
    for line, expected in zip([*hostile, *hostile.definitions], [*tame, *tame.definitions]):
        assert_valid_latex(line.latex)
        assert line.latex == expected.latex.replace(r"\mathit{qq}", dressed)
        assert "\n" not in line.text and line.text.count(" = ") >= 1
    block = re.sub(r"&\\text\{(?:with|where|substituted)[^}]*\}|\\\\\[[0-9.]+ex\]|\\(begin|end)\{aligned\}|&=", "", hostile.latex())
    for line in re.sub(r"\\\\\n", "\n", block).splitlines():
        assert_valid_latex(line.strip().replace(r" \\", ""))


@pytest.mark.parametrize(
    "name, latex",
    [("a1", "a_{1}"), ("delta2", r"\delta_{2}"), ("sigma", r"\sigma"), ("C", "C"), ("cost", r"\mathit{cost}"),
     ("w12", "w_{12}"), ("α3", r"\alpha_{3}"), ("w_1", "w_{1}"),
     ("Sigma12", r"\Sigma_{12}"), ("W_Q", "W_{Q}"), ("w_old", r"w_{\mathrm{old}}"), ("omicron", "o"), ("é", r"\text{é}")],
)  # fmt: skip
def test_names_in_mathematical_dress(name: str, latex: str) -> None:
    assert latex_name(name) == latex


def test_names_that_are_no_identifiers_are_quoted_and_stay_on_their_line() -> None:
    assert of_name("my weights")[-1].text.startswith("∂C/∂“my weights” = ∂C/∂t1 (“my weights”)ᵀ")
    assert of_name("a\nb")[-1].text.startswith(r"∂C/∂“a\nb” = ")
    assert of_name("layers.0.w'")[-1].text.startswith("∂C/∂layers.0.w' = ")


def test_tensors_of_one_name_are_told_apart() -> None:
    first, second = (Tensor([1.0, 2.0], requires_grad=True, name="w") for _ in range(2))
    lines = [step.text for step in ag.chain_rule((first * second).sum(), [first, second])]
    assert lines == ["∂C/∂t1 = 𝟏", "∂C/∂w = ∂C/∂t1 ⊙ w_(2)", "∂C/∂w_(2) = ∂C/∂t1 ⊙ w"]


def test_names_that_are_given_do_not_depend_on_what_is_asked_for() -> None:
    x, p = (Tensor(random((2, 2), 0, 1, i), requires_grad=True) for i in range(2))
    t1 = Tensor(random((2, 2), 0, 1, 3), requires_grad=True, name="t1")
    cost = np.sin(np.exp(x) @ p @ t1).sum()
    together, alone = ag.chain_rule(cost, [x, p, t1]), ag.chain_rule(cost, p)
    assert str(together) == str(ag.chain_rule(cost, [x, p, t1]))
    assert {step.text for step in alone} < {step.text for step in together}
    assert "t2 = exp(p1)" in [line.text for line in together.definitions]
    assert "p2: parameter of shape 2 × 2" in [line.text for line in alone.definitions]


def test_the_text_is_80_columns_wide() -> None:
    w = Tensor(random((2, 2), -1, 1, 1), requires_grad=True, name="weights")
    h = w
    for _ in range(12):
        h = np.tanh(w @ h)
    lines = str(ag.chain_rule(h.sum(), w)).splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("    + ") for line in lines)


def test_another_dress_for_the_names_in_the_text() -> None:
    net, cost = two_layers()
    step = ag.chain_rule(cost, net.w1)[-1]
    assert step.in_style(Dressed) == "∂C/∂w₁ = ∂C/∂z₁ a₀ᵀ"


# LaTeX -----------------------------------------------------------------------------------------------------------


def test_latex_of_the_network() -> None:
    net, cost = two_layers()
    derivation = ag.chain_rule(cost, [net.w2, net.w1, net.b1])
    d = r"\frac{{\partial C}}{{\partial {}_{{{}}}}}".format
    assert derivation[1].latex == rf"{d('z', 2)} = {d('a', 2)} \odot \sigma'(z_{{2}})"
    assert derivation[2].latex == rf"{d('w', 2)} = {d('z', 2)}\,a_{{1}}^{{\mathsf{{T}}}}"
    lines = derivation.latex().splitlines()
    assert lines[0] == r"\begin{aligned}" and lines[-1] == r"\end{aligned}"
    assert len(lines) == 2 + 7 + 1 + 3 and all(line.count("&") == 1 for line in lines[1:-1])
    assert lines[8] == r"&\text{with everything substituted:} \\[2ex]"
    assert lines[7] == rf"{d('b', 1)} &= \sum _{{\mathrm{{batch}}}}\,{d('z', 1)} \\[4ex]"
    assert lines[10] == (
        rf"{d('w', 1)} &= \left(w_{{2}}^{{\mathsf{{T}}}}\,\left(\left(a_{{2}} - y\right) \odot \sigma'(z_{{2}})\right)"
        r" \odot \sigma'(z_{1})\right)\,a_{0}^{\mathsf{T}} \\[2ex]"
    )
    assert derivation._repr_latex_() == f"$$\n{derivation.latex()}\n$$"


KATEX = """
const katex = require("katex"), lines = JSON.parse(require("fs").readFileSync(0));
for (const line of lines) katex.renderToString(line, {displayMode: true, throwOnError: true, strict: "error", maxExpand: 1e6});
console.log(lines.length);
"""


def has_katex() -> bool:
    node = shutil.which("node")
    return node is not None and subprocess.run([node, "-e", 'require("katex")'], capture_output=True).returncode == 0


def derivations_of_the_gallery() -> list[Derivation]:
    outputs = [picture.graph() for picture in gallery.PICTURES]
    return [ag.chain_rule(y, [t for t in reached(y) if t.is_leaf and t.requires_grad]) for y in outputs]


@pytest.mark.skipif(not has_katex(), reason="needs node, and katex in its path: npm install katex")
def test_katex_typesets_the_equations_of_the_gallery() -> None:
    documents = []
    for derivation in derivations_of_the_gallery():
        documents += [derivation.latex(), *(line.latex for line in derivation)]
    said = subprocess.run(["node", "-e", KATEX], input=json.dumps(documents), capture_output=True, text=True)
    assert said.stdout.strip() == str(len(documents)), said.stderr


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_pdflatex_typesets_the_equations_of_the_gallery_within_its_page(tmp_path: Path) -> None:
    lines = [derivation.latex().replace("{aligned}", "{align*}") for derivation in derivations_of_the_gallery()]
    start = r"\documentclass[a4paper]{article}\usepackage{amsmath}\allowdisplaybreaks\begin{document}"
    (tmp_path / "equations.tex").write_text("\n\n".join([start, *lines, r"\end{document}"]))
    run = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "equations.tex"]
    said = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True).stdout
    assert "Output written" in said and "Overfull" not in said, said[-3000:]


def test_single_lines_show_as_mathematics() -> None:
    net, cost = two_layers()
    line = ag.chain_rule(cost, net.w2)[-1]
    assert line._repr_latex_() == rf"$\displaystyle {line.latex}$"


def test_long_sums_go_on_in_further_rows_of_latex() -> None:
    w = Tensor(random((2, 2), -1, 1, 1), requires_grad=True, name="w")
    h: Any = w
    for _ in range(12):
        h = np.tanh(w @ h)
    rows = ag.chain_rule(h.sum(), w).latex().splitlines()
    further = [row for row in rows if row.startswith(r"&\quad + ")]
    assert len(further) >= 2 and all(row.count("&") == 1 for row in rows[1:-1])
    assert max(len(re.sub(r"\\[a-z]+|[{}\\]", "", row)) for row in rows) < 130
    assert sum(row.count(r"^{\mathsf{T}}") for row in further) + 1 >= 10  # no term is lost


def test_a_power_of_the_entries_of_a_matrix_is_no_power_of_the_matrix() -> None:
    M, x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True, name="M"), Tensor(2.0, requires_grad=True, name="x")
    lines = lines_of(np.sum(M**3 + x**2 * np.linalg.matrix_power(M, 2)), M)
    assert "∂C/∂M = ∂C/∂t3 (t1)ᵀ" not in lines and "t1 = M^⊙3" in lines and "t2 = x²" in lines
    assert any("3 M^⊙2" in line for line in lines)
    cube = next(line for line in ag.chain_rule(np.sum(M**3), M).definitions if line.text.startswith("t1"))
    assert cube.latex == r"t_{1} = M^{\odot 3}"


def test_names_of_several_letters_have_a_dot_between_them() -> None:
    weights, rate = (Tensor(random((2, 2), 1, 2, i), requires_grad=True, name=n) for i, n in enumerate(("weights", "rate")))
    lines = lines_of(np.sum(weights @ rate @ Tensor(random((2, 2), 1, 2, 3), name="a1")), weights)
    assert "t1 = weights · rate" in lines and "t2 = t1 a1" in lines
    w1, a0 = (Tensor(random((2, 2), 1, 2, i), requires_grad=True, name=n) for i, n in enumerate(("w_1", "a_0")))
    assert "t1 = w_1 a_0" in lines_of(np.sum(w1 @ a0), w1)


def test_maximum_of_0_reads_as_relu() -> None:
    z = Tensor([[-1.0, 0.5], [2.0, 3.0]], requires_grad=True, name="z")
    lines = lines_of(np.sum(np.maximum(z, 0) + np.maximum(0, 2 * z) + np.maximum(z, 1)), z)
    assert {"t1 = relu(z)", "t3 = relu(t2)", "t5 = maximum(z, 1)"} <= set(lines)


def test_a_cost_divided_by_the_number_of_samples_keeps_its_name() -> None:
    net, cost = two_layers()
    cost.name = "C"
    assert lines_of(cost / 5, net.w2)[0] == "∂C_mean/∂C = 1/5"
    assert r"\frac{\partial C_{\mathrm{mean}}}{\partial w_{2}}" in ag.chain_rule(cost / 5, net.w2).latex()
    assert lines_of(cost * 5, net.w2)[0].startswith("∂t")  # is no mean


def test_long_equations_refer_to_adjoints_by_name() -> None:
    w = [Tensor(random((2, 2), -1, 1, i), requires_grad=True, name=f"w{i}") for i in range(9)]
    h: Any = Tensor(random((2, 3), -1, 1, 9), name="h0")
    for each in w:
        h = np.tanh(each @ h)
    derivation = ag.chain_rule(np.sum(h), w)
    assert max(len(line.text) for line in derivation.equations) < 100
    for line in derivation.equations:
        value = Reader(line.factors, (2, 2)).read(line.text.split(" = ")[1])
        assert_close(value, line.adjoint, 1e-9)
    assert "but for adjoints that are long or used again:" in str(derivation)


def test_numerals_stand_in_front() -> None:
    b = Tensor(2.0, requires_grad=True, name="b")
    t = b**3
    t.name = "t"
    lines = lines_of(np.sin(t) * 2 + t, b)
    assert "∂C/∂b = 3 ∂C/∂t b²" in lines and "t2 = 2 · t1" in lines


def test_numerals_are_multiplied() -> None:
    x = Tensor([[1.0, 2.0]], requires_grad=True, name="x")
    k, m = (Tensor(v, requires_grad=True, name=name) for v, name in ((2.0, "k"), (3.0, "m")))
    for cost, wrt, says in (
        ((x**2).sum() / 2, x, "x"), (3 * (x**2).sum(), x, "6 x"), ((x**2).sum() / 3, x, "2/3 x"), (0.25 * (x**2).sum(), x, "0.5 x"),
        (k**2 / 2 * m, k, "m k"),
        (k / (2 * m) * 4, k, "4/t1"), (1 / k * m * 5, m, "5 t1"), (3 / (m * k), k, "−(C/t1) m"),
        (m * k / -2, m, "−1/2 k"),
        ((0.5 * ((x - m) / k) ** 2 + np.log(k)).sum(), k, "2/k − Σ t2 ⊙ t2/k"),
        (((x - m) ** 2 + (x - m) * 3).sum(), m, "−6 − Σ 2 t1"),
        (np.sqrt((x**2).sum()), x, "(1/C) x"), (0.1 * (x * x * 0.3).sum() * 1e-7, x, None),
    ):  # fmt: skip
        [equation] = ag.chain_rule(cost, wrt).equations
        text = equation.text.partition(" = ")[2]
        assert says in (None, text)
        assert_close(Reader(equation.factors, wrt.shape).read(text), equation.adjoint, 1e-14)


def test_the_adjoint_of_an_operand_of_einsum_is_an_einsum() -> None:
    M, v = Tensor(random((3, 3), -1, 1, 1), requires_grad=True, name="M"), Tensor([1.0, 2.0, 3.0], requires_grad=True, name="v")
    for subscripts, operands, says in (
        ("i,ij,j->", (v, M, v), "einsum[i,j→ij](v, v)"), ("ij,ij->", (M, M), "2 M"), ("ii->", (M,), "einsum[ii→]ᵀ 1"),
        ("ij->ji", (M,), "einsum[ji→ij](∂C/∂t1)"), ("ij->j", (M,), "einsum[ij→j]ᵀ ∂C/∂t1"),
        ("ij,j->i", (M, v), "einsum[i,j→ij](∂C/∂t1, v)"), ("ii,i->i", (M, v), "(∂einsum[ii,i→i](M, v)/∂M)ᵀ ∂C/∂t1"),
        ("ij,k->", (M, v), "(∂einsum[ij,k→](M, v)/∂M)ᵀ 1"),
        ("ij,kl->", (M, M), "∂₁einsum[ij,kl→](M, M)ᵀ 1 + ∂₂einsum[ij,kl→](M, M)ᵀ 1"),
    ):  # fmt: skip
        result: Any = np.einsum(subscripts, *operands)
        derivation = ag.chain_rule(result.sum() if result.ndim else result, M)
        check(derivation)
        assert derivation[-1].text == f"∂C/∂M = {says}"


def test_an_array_of_ones_vanishes_only_from_products_entry_by_entry() -> None:
    W, V, X = (Tensor(random((3, 3), -1, 1, i), requires_grad=i < 2, name="WVX"[i]) for i in range(3))
    b, k = Tensor(random((3, 1), -1, 1, 4), name="b"), Tensor(2.0, requires_grad=True, name="k")
    for cost, says in (
        (np.sum(V @ np.tanh(W @ X)), "((V)ᵀ 𝟏 ⊙ tanh'(t1)) (X)ᵀ"), (-np.sum(V @ ag.relu(W @ X)), "−((V)ᵀ 𝟏 ⊙ [t1 > 0]) (X)ᵀ"),
        (np.sum(V @ (np.exp(W) * X)), "(V)ᵀ 𝟏 ⊙ X ⊙ exp(W)"), (np.sum(V @ (W * b)), "(V)ᵀ 𝟏 ⊙ b"), (np.sum(np.tanh(W)), "tanh'(W)"),
        (np.mean(V @ np.tanh(W @ X)), "(1/9 (V)ᵀ 𝟏 ⊙ tanh'(t1)) (X)ᵀ"), (np.sum(np.tanh(W)) * k, "k tanh'(W)"),
    ):  # fmt: skip
        [equation] = ag.chain_rule(cost, W).equations
        assert equation.text == f"∂C/∂W = {says}"
        assert_close(Reader(equation.factors, (3, 3)).read(says), equation.adjoint, 1e-13)


SQUARE = (3, 3)
MAPS: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "V @ t": lambda t, k: k["V"] @ t, "t @ V": lambda t, k: t @ k["V"], "W @ t": lambda t, k: k["W"] @ t,
    "t @ t": lambda t, k: t @ t, "tanh": lambda t, k: np.tanh(t), "exp": lambda t, k: np.exp(t / 8),
    "relu": lambda t, k: ag.relu(t), "square": lambda t, k: t**2, "t * X": lambda t, k: t * k["X"],
    "t * b": lambda t, k: t * k["b"], "t + b": lambda t, k: t + k["b"], "t - r": lambda t, k: t - k["r"],
    "-t": lambda t, k: -t, "3 t": lambda t, k: 3 * t, "t / 4": lambda t, k: t / 4,
    "t / (1 + t t)": lambda t, k: t / (1 + t * t),
    "t s": lambda t, k: t * k["s"], "s / t": lambda t, k: k["s"] / (2 + np.tanh(t)), "t.T": lambda t, k: t.T,
    "t - mean": lambda t, k: t - np.mean(t, axis=0, keepdims=True), "t sum": lambda t, k: t * np.sum(t),
    "t / norm": lambda t, k: t / np.sqrt(np.sum(t * t)),
}  # fmt: skip
ENDS: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "sum": lambda t, k: np.sum(t), "mean": lambda t, k: np.mean(t), "half square": lambda t, k: np.sum(t**2) / 2,
    "weighted": lambda t, k: -np.sum(k["X"] * t), "root": lambda t, k: np.sqrt(np.sum(t * t)),
    "scaled": lambda t, k: np.sum(t) * k["s"], "penalty": lambda t, k: np.sum(t) + 0.5 * np.sum(k["W"] ** 2),
}  # fmt: skip


@settings(max_examples=settings().max_examples * 8)
@given(st.lists(st.sampled_from(sorted(MAPS)), min_size=1, max_size=4), st.sampled_from(sorted(ENDS)))
def test_equations_of_compositions_are_true(maps: list[str], end: str) -> None:
    shapes = {"W": SQUARE, "V": SQUARE, "X": SQUARE, "b": (3, 1), "r": (1, 3), "s": ()}
    names = {
        name: Tensor(random(shape, 0.2, 1, i), requires_grad=name not in "Xr", name=name)
        for i, (name, shape) in enumerate(shapes.items())
    }
    t: Any = names["W"] @ names["X"]
    for each in maps:
        t = MAPS[each](t, names)
    cost = ENDS[end](t, names)
    wrt = [x for x in names.values() if x in reached(cost) and x.requires_grad]
    with np.errstate(all="ignore"):
        derivation = ag.chain_rule(cost, wrt)
        assume(all(np.all(np.isfinite(step.adjoint)) for step in derivation) and cost.item() != 0)
    check(derivation, 1e-7)
    for line in derivation.equations:
        says = line.text.split(" = ", 1)[1]
        if line.tensor.shape == SQUARE or not re.search("𝟏|repeat", says):  # their shape is that of the context
            with np.errstate(over="ignore"):
                value = Reader(line.factors, line.tensor.shape).read(says)
            assert_close(value, line.adjoint, 1e-7, line.text)


def test_names_that_are_set_alike_are_told_apart() -> None:
    a, t, w = (Tensor(2.0, requires_grad=True, name=name) for name in ("a", "t_1", "t1"))
    c = np.exp(a * t) * t
    assert "t_{2} &= a \\cdot t_{1}" in ag.chain_rule(c, a).latex()
    lines = str(ag.chain_rule(w * t, [w, t])).splitlines()
    assert {"∂C/∂t1_(2) = t_1", "∂C/∂t_1 = t1_(2)"} <= set(lines)
    assert r"t_{1(2)}" in ag.chain_rule(w * t, [w, t]).latex()


def test_axes_that_are_permuted_are_told() -> None:
    stack = Tensor(random((2, 3, 4), -1, 1, 1), requires_grad=True, name="S")
    derivation = ag.chain_rule(np.sum(np.swapaxes(stack, 0, 1) ** 2), stack)
    check(derivation)
    assert derivation.equations[0].text == "∂C/∂S = transpose[1, 0, 2]ᵀ (2 t1)"


# The table -------------------------------------------------------------------------------------------------------


def reached(output: Tensor) -> set[Tensor]:
    found, stack = {output}, [output]
    while stack:
        new = [g.parent for g in stack.pop().local_gradients if g.parent not in found]
        found.update(new)
        stack.extend(new)
    return found


def derived(case: Case) -> Derivation:
    xs = [Tensor(a, requires_grad=True) for a in case.arrays]
    cost: Any = 0.0
    for i, y in enumerate(outputs(case.function(*xs))):
        cost = cost + (random(np.shape(y), 0.5, 1.5, seed_of(str(case), i)) * y).sum()
    return ag.chain_rule(cost, [x for x in xs if x in reached(cost)])


CONVENTIONS = {
    "var-of complex numbers": "a real function of complex numbers has no derivative in the notation of real ones",
    "power-base 0, exponent [0. 1. 4.]": "0 log 0 is taken to be 0",
}


SHAPE_UNTOLD = re.compile("𝟏|repeat|reshape|[a-z]']?(?:\\(\\w+\\))?ᵀ|\\w]ᵀ|∂[₀-₉]|/∂\\w+\\)ᵀ")
"""What in a formula depends on the shape that the context asks for; the reader knows that of the whole only."""


@pytest.mark.parametrize("case", one_of_each([case for case in CASES if str(case) not in CONVENTIONS]))
def test_every_operation_has_true_equations(case: Case) -> None:
    with np.errstate(divide="ignore"):
        derivation = derived(case)
        check(derivation)
        for line in [*derivation, *derivation.equations, *derivation.definitions]:
            assert_valid_latex(line.latex)
        for line in derivation.equations:
            right = line.text.split(" = ", 1)[1]
            if not SHAPE_UNTOLD.search(right):
                value = Reader(line.factors, line.tensor.shape).read(right)
                assert_close(value, line.adjoint, 1e-8, line.text)


def form_of(latex: str) -> str:
    """How a formula is put together, whatever its names and numbers are: what is to be parsed once."""
    form = re.sub(r"\\operatorname\{[a-z0-9]+\}", "f", latex)
    form = re.sub("[a-z]_{[0-9]+}|-?[0-9]+", "1", form)
    return re.sub(r"1(,(\\,)?1)+", "1,1", form)


@pytest.mark.slow
def test_matplotlib_reads_the_latex_of_every_operation() -> None:
    formulas = {}
    for case in CASES:
        derivation = derived(case)
        for formula in [*(term for step in derivation for term in step.terms), *derivation.definitions]:
            formulas[form_of(formula.latex)] = formula.latex
    for latex in formulas.values():
        MathTextParser("path").parse(f"${latex}$")


@pytest.mark.parametrize("case", one_of_each([case for case in CASES if str(case) not in CONVENTIONS]))
def test_every_label_is_the_map_that_is_applied(case: Case) -> None:
    xs = [Tensor(a, requires_grad=True) for a in case.arrays]
    with np.errstate(divide="ignore"):
        results = [y for y in outputs(case.function(*xs)) if isinstance(y, Tensor)]
    for out in {t for y in results for t in reached(y)}:
        for g in out.local_gradients:
            u = random(out.shape, 0.5, 1.5, seed_of(str(case), 9)).astype(out.dtype)
            names = names_of_one_step(out)
            names[id(u)] = "U"
            operands = {id(x): np.asarray(getattr(x, "data", x)) for x in (*out._operands, out, u)}
            arrays = [x for x in [*out._settings.values(), *out._settings.get("args", ())] if isinstance(x, np.ndarray)]
            values = {names[key]: value for key, value in operands.items()}
            values.update(("indices", x) for x in arrays if x.size > 8)
            text = Style(names).to_text(terms.term(g, Name(id(u)), lambda x: name_operand(x, names)))
            with np.errstate(all="ignore"):
                value = Reader(values, g.parent.shape, Term(ONE, None, g)).read(text)  # type: ignore[arg-type]
                assert np.shape(value) == g.parent.shape, f"{text} is of shape {np.shape(value)}"
                pulled = g.pull(u)
                assert_close(value, pulled if g.parent.dtype.kind == "c" else np.real(pulled), 1e-8, text)
            assert g.map == text.replace("U", "·")
            factor, negative = g.label.removeprefix("−"), "−" * g.label.startswith("−")
            multiplied = [f"· ⊙ {factor}", f"· {factor}", f"{factor} ·", f"{factor}(·)", f"· ({factor})", f"({factor}) ·"]
            multiplied.append(re.sub("^([0-9.π]+) ", r"\1 · ", factor))  # 3 · x²
            if factor == "1":
                multiplied = ["·"]
            elif factor.endswith("𝟏"):
                multiplied = [f"{factor[:-1]}· 𝟏", f"{factor[:-1]}· ⊙ 𝟏"]
            assert g.map in [g.label, *(negative + each for each in multiplied)], (g.map, g.label)


# Errors ----------------------------------------------------------------------------------------------------------


def test_errors_name_the_offender() -> None:
    net, cost = two_layers()
    other = Tensor([1.0], requires_grad=True, name="other")
    with pytest.raises(ValueError, match=r"C of shape \(\) does not depend on other of shape \(1,\)"):
        ag.chain_rule(cost, [net.w1, other])
    constant = Tensor([1.0], name="k")
    with pytest.raises(TypeError, match=r"k of shape \(1,\) does not require a gradient.*requires_grad=True"):
        ag.chain_rule(cost, constant)
    with pytest.raises(TypeError, match="not dict; write wrt.values()"):
        ag.chain_rule(cost, net.parameters())  # type: ignore[arg-type]
    for wrong in ("w1", 1, None, net):
        with pytest.raises(TypeError, match=f"a Tensor or a sequence of Tensors, not {type(wrong).__name__}"):
            ag.chain_rule(cost, wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="wrt holds float64"):
        ag.chain_rule(cost, [np.float64(1.0)])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="needs a Tensor and its history, not TwoLayerNet; call it first"):
        ag.chain_rule(net, net.w1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="wrt is empty"):
        ag.chain_rule(cost, [])
    with pytest.raises(TypeError, match="history, not float"):
        ag.chain_rule(1.0, net.w1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="pass gradient="):
        ag.chain_rule(net(np.ones((3, 2))), net.w1)
    with pytest.raises(ValueError, match=r"gradient has shape \(3,\)"):
        ag.chain_rule(net(np.ones((3, 2))), net.w1, gradient=np.ones(3))
    net.w2.data = net.w2.data * 2
    with pytest.raises(RuntimeError, match="w2 .* was replaced"):
        ag.chain_rule(cost, net.w1)


def test_ones_disappear_from_products_also_behind_a_minus() -> None:
    M, v = (Tensor(np.ones(shape), requires_grad=True, name=name) for shape, name in (((2, 3), "M"), ((2, 3), "v")))
    [of_M, of_v] = ag.chain_rule(-np.sum(np.log(M) * v), [M, v]).equations
    assert str(of_M) == "∂C/∂M = −v ⊙ 1/M" and str(of_v) == "∂C/∂v = −t1"
    assert str(ag.chain_rule(-np.sum(np.max(M, axis=1)), M).equations[0]) == "∂C/∂M = −[M = repeat_axis1(t1)]"
    assert str(ag.chain_rule(-np.sum(M.T), M).equations[0]) == "∂C/∂M = −𝟏"


def test_latex_of_tensors_without_a_name_is_aligned_too() -> None:
    p, s = Tensor([1.0, 2.0], requires_grad=True), Tensor(2.0, requires_grad=True)
    derivation = ag.chain_rule(np.sum(p * s * np.ones(2)), [p, s])
    assert [str(x) for x in derivation.definitions][:2] == ["p1: parameter of shape (2,)", "p2: parameter"]
    lines = derivation.latex().splitlines()[1:-1]
    assert all(line.count("&") == 1 for line in lines)
    assert lines[-5].startswith(r"p_{2} &\text{: parameter}")


@pytest.mark.parametrize("exponent, label", [
    (2.123456789, "2.123456789 x^1.123456789"), (3.00000004, "3.00000004 x^2.00000004"), (1e-9, "1e−09 x^−0.999999999"),
    (12345678.5, "12345678.5 x^12345677.5"), (np.float32(2.1), "2.1 x^1.1"), (3, "3 x²"), (101.0, "101 x¹⁰⁰"), (-1, "−x⁻²"),
])  # fmt: skip
def test_exponents_are_written_in_all_digits(exponent: Any, label: str) -> None:
    x = Tensor([2.0, 3.0], requires_grad=True, name="x")
    with np.errstate(over="ignore"):
        y = x**exponent
    assert y.local_gradients[0].label == label


def test_numbers_in_pictures_are_exact() -> None:
    x = Tensor([2.0, 3.0], requires_grad=True, name="x")
    assert "2.0000001" in ag.draw(np.sum(x**2.0000001)).source


def test_a_dtype_is_written_by_its_name() -> None:
    x = Tensor([2.0, 3.0], requires_grad=True, name="x")
    for dtype in (np.float32, "float32", np.dtype("f4")):
        assert "astype[dtype=float32](x)" in str(ag.chain_rule(np.sum(np.sin(x.astype(dtype))), x))
