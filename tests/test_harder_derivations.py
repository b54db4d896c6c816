"""Batch normalisation, softmax, attention, a recurrent network and an LSTM by hand, as rows and as columns.

Wrong in the ways of those who derive them, each is caught at its step, and what is said is true; right, none is accused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor, compare, compare_steps, named

Lines = dict[str, Callable[[Any], Any]]


def parameters(rng: np.random.Generator, **shapes: tuple[int, ...]) -> dict[str, Tensor]:
    return {name: Tensor(rng.standard_normal(shape) * 0.7, True, name=name) for name, shape in shapes.items()}


def plain(**values: Any) -> dict[str, Any]:
    return {name: x.data if isinstance(x, Tensor) else x for name, x in values.items()}


def batch_norm(rng: np.random.Generator) -> Any:
    n, d, h = 6, 4, 3
    p = parameters(rng, w=(d, h), gamma=(1, h), beta=(1, h))
    x, y = Tensor(rng.standard_normal((n, d))), Tensor(rng.standard_normal((n, h)))
    hpre = x @ p["w"]
    mu = hpre.mean(axis=0, keepdims=True)
    diff = hpre - mu
    var = (diff**2).mean(axis=0, keepdims=True)
    inv = (var + 1e-5) ** -0.5
    xhat = diff * inv
    out = p["gamma"] * xhat + p["beta"]
    C = np.sum((out - y) ** 2) / 2
    named(locals())
    lines: Lines = {
        "dout": lambda k: k["out"] - k["y"],
        "dgamma": lambda k: (k["dout"] * k["xhat"]).sum(0, keepdims=True),
        "dbeta": lambda k: k["dout"].sum(0, keepdims=True),
        "dxhat": lambda k: k["dout"] * k["gamma"],
        "dinv": lambda k: (k["dxhat"] * k["diff"]).sum(0, keepdims=True),
        "dvar": lambda k: k["dinv"] * -0.5 * (k["var"] + 1e-5) ** -1.5,
        "ddiff": lambda k: k["dxhat"] * k["inv"] + k["dvar"] * 2 * k["diff"] / 6,
        "dmu": lambda k: -k["ddiff"].sum(0, keepdims=True),
        "dhpre": lambda k: k["ddiff"] + k["dmu"] / 6,
        "dw": lambda k: k["x"].T @ k["dhpre"],
    }
    return C, plain(**p, x=x, y=y, hpre=hpre, diff=diff, var=var, inv=inv, xhat=xhat, out=out), lines, p


def classifier(rng: np.random.Generator) -> Any:
    p = parameters(rng, w1=(4, 5), b1=(5,), w2=(5, 3), b2=(3,))
    x, Y = Tensor(rng.standard_normal((7, 4))), np.eye(3)[rng.integers(0, 3, 7)]
    hpre = x @ p["w1"] + p["b1"]
    h = np.tanh(hpre)
    logits = h @ p["w2"] + p["b2"]
    C = -np.sum(ag.log_softmax(logits, axis=1) * Y) / 7
    named(x=x, hpre=hpre, h=h, logits=logits, C=C)
    e = np.exp(logits.data)
    lines: Lines = {
        "dlogits": lambda k: (k["prob"] - k["Y"]) / 7,
        "dw2": lambda k: k["h"].T @ k["dlogits"],
        "db2": lambda k: k["dlogits"].sum(0),
        "dh": lambda k: k["dlogits"] @ k["w2"].T,
        "dhpre": lambda k: k["dh"] * (1 - k["h"] ** 2),
        "dw1": lambda k: k["x"].T @ k["dhpre"],
        "db1": lambda k: k["dhpre"].sum(0),
    }
    return C, plain(**p, x=x, h=h, hpre=hpre, prob=e / e.sum(1, keepdims=True), Y=Y), lines, p


def attention(rng: np.random.Generator) -> Any:
    p, X = parameters(rng, Wq=(4, 4), Wk=(4, 4), Wv=(4, 4)), Tensor(rng.standard_normal((5, 4)))
    Q, K, V = X @ p["Wq"], X @ p["Wk"], X @ p["Wv"]
    S = Q @ K.T / 2
    A = ag.softmax(S, axis=1)
    O = A @ V  # noqa: E741
    C = np.sum(O**2) / 2
    named(X=X, Q=Q, K=K, V=V, S=S, A=A, O=O, C=C)
    lines: Lines = {
        "dO": lambda k: k["O"],
        "dV": lambda k: k["A"].T @ k["dO"],
        "dA": lambda k: k["dO"] @ k["V"].T,
        "dS": lambda k: k["A"] * (k["dA"] - (k["dA"] * k["A"]).sum(1, keepdims=True)),
        "dQ": lambda k: k["dS"] @ k["K"] / 2,
        "dK": lambda k: k["dS"].T @ k["Q"] / 2,
        "dWq": lambda k: k["X"].T @ k["dQ"],
        "dWk": lambda k: k["X"].T @ k["dK"],
        "dWv": lambda k: k["X"].T @ k["dV"],
    }
    return C, plain(**p, X=X, Q=Q, K=K, V=V, A=A, O=O), lines, p


def residual(rng: np.random.Generator) -> Any:
    """A residual block of gated, leaky units with dropout, on a vector of unit length."""
    p = parameters(rng, v=(5, 1), wa=(5, 5), wg=(5, 5))
    x, y = Tensor(rng.standard_normal((5, 7))), Tensor(rng.uniform(0.5, 1.5, size=(5, 7)))
    mask = Tensor((rng.uniform(size=(5, 7)) > 0.3) / 0.7)
    n = np.sqrt(np.sum(p["v"] * p["v"]))
    u = p["v"] / n
    a = p["wa"] @ x
    g = p["wg"] @ x
    s = ag.sigmoid(g)
    h = a * s
    d = h * mask
    o = u * d + h
    C = np.sum(np.exp(o) - y * o)
    named(x=x, y=y, mask=mask, n=n, u=u, a=a, g=g, s=s, h=h, d=d, o=o)
    lines: Lines = {
        "do": lambda k: np.exp(k["o"]) - k["y"],
        "du": lambda k: (k["do"] * k["d"]).sum(1, keepdims=True),
        "dv": lambda k: (k["du"] - k["u"] * (k["du"] * k["u"]).sum()) / k["n"],
        "dd": lambda k: k["do"] * k["u"],
        "dh": lambda k: k["dd"] * k["mask"] + k["do"],
        "da": lambda k: k["dh"] * k["s"],
        "ds": lambda k: k["dh"] * k["a"],
        "dg": lambda k: k["ds"] * k["s"] * (1 - k["s"]),
        "dwa": lambda k: k["da"] @ k["x"].T,
        "dwg": lambda k: k["dg"] @ k["x"].T,
    }
    return C, plain(**p, x=x, y=y, mask=mask, n=n, u=u, a=a, g=g, s=s, h=h, d=d, o=o), lines, p


WRONG: dict[str, tuple[Callable[..., Any], str, Callable[[Any], Any], str]] = {
    "exp forgotten in a sum": (residual, "do", lambda k: -k["y"], "the path from o to the cost through the result of 'exp'"),
    "residual path forgotten": (residual, "dh", lambda k: k["dd"] * k["mask"], "from h to the cost through o is missing"),
    "dropout forgotten": (residual, "dh", lambda k: k["dd"] + k["do"], "the factor mask is missing"),
    "length taken for a constant": (residual, "dv", lambda k: k["du"] / k["n"], "from v to the cost through n is missing"),
    "length with the wrong sign": (
        residual, "dv", lambda k: (k["du"] + k["u"] * (k["du"] * k["u"]).sum()) / k["n"], "through n has the wrong sign"
    ),  # fmt: skip
    "gates swapped": (residual, "da", lambda k: k["dh"] * k["a"], "a stands in place of s"),
    "1 - s alone": (residual, "dg", lambda k: k["ds"] * (1 - k["s"]), "1 − s stands in place of the derivative σ'(g)"),
    "masked by relu": (residual, "da", lambda k: k["dh"] * k["s"] * (k["a"] > 0), "not computed, or masked"),
    "wg for wa": (residual, "dwa", lambda k: k["dg"] @ k["x"].T, "it is the gradient of wg"),
    "gamma without xhat": (batch_norm, "dgamma", lambda k: k["dout"].sum(0, keepdims=True), "the factor xhat is missing"),
    "hpre for xhat": (batch_norm, "dgamma", lambda k: (k["dout"] * k["hpre"]).sum(0, keepdims=True), "in place of xhat"),
    "gamma forgotten": (batch_norm, "dxhat", lambda k: k["dout"], "the factor gamma is missing"),
    "sign of a power": (batch_norm, "dvar", lambda k: k["dinv"] * 0.5 * (k["var"] + 1e-5) ** -1.5, "a sign is wrong"),
    "variance taken for a constant": (batch_norm, "ddiff", lambda k: k["dxhat"] * k["inv"], "through var is missing"),
    "mean of the variance": (batch_norm, "ddiff", lambda k: k["dxhat"] * k["inv"] + k["dvar"] * 2 * k["diff"], ""),
    "mean taken for a constant": (batch_norm, "dhpre", lambda k: k["ddiff"], "to the cost through mu is missing"),
    "sum for the mean of mu": (batch_norm, "dhpre", lambda k: k["ddiff"] + k["dmu"], ""),
    "beta averaged": (batch_norm, "dbeta", lambda k: k["dout"].mean(0, keepdims=True), "a mean for the sum"),
    "mean over the batch": (classifier, "dlogits", lambda k: k["prob"] - k["Y"], "7 is the batch size: a sum for the mean"),
    "y - p": (classifier, "dlogits", lambda k: (k["Y"] - k["prob"]) / 7, "a sign is wrong"),
    "p alone": (classifier, "dlogits", lambda k: k["prob"] / 7, ""),
    "no slope of tanh": (classifier, "dhpre", lambda k: k["dh"], "the factor tanh'(hpre) is missing"),
    "1 - h": (classifier, "dhpre", lambda k: k["dh"] * (1 - k["h"]), "1 − h stands in place of the derivative"),
    "slope of sigma": (classifier, "dhpre", lambda k: k["dh"] * k["h"] * (1 - k["h"]), ""),
    "bias averaged": (classifier, "db2", lambda k: k["dlogits"].mean(0), "a mean for the sum"),
    "bias as a row": (classifier, "db2", lambda k: k["dlogits"].sum(0, keepdims=True), "right values in another shape"),
    "transposed": (classifier, "dw1", lambda k: (k["x"].T @ k["dhpre"]).T, "transposed"),
    "softmax entry by entry": (attention, "dS", lambda k: k["A"] * (1 - k["A"]) * k["dA"], ""),
    "scale forgotten": (attention, "dQ", lambda k: k["dS"] @ k["K"], "2 times the automatic one"),
    "dS not transposed": (attention, "dK", lambda k: k["dS"] @ k["Q"] / 2, ""),
    "A not transposed": (attention, "dV", lambda k: k["A"] @ k["dO"], "A stands in place of (A)ᵀ"),
    "dQ for dK": (attention, "dWk", lambda k: k["X"].T @ k["dQ"], "it is the gradient of Wq"),
}


def derived(lines: Lines, known: dict[str, Any], **changes: Any) -> dict[str, Any]:
    k = dict(known)
    for name, line in lines.items():
        k[name] = changes.get(name, line)(k)
    return {name: k[name] for name in lines}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_derivation_is_caught_at_its_step(name: str) -> None:
    model, step, line, hint = WRONG[name]
    C, known, lines, p = model(np.random.default_rng(3))
    steps = derived(lines, known, **{step: line})
    found = compare_steps(steps, C)
    assert found.first_wrong == step and list(found.lines) == [step], f"{name}\n{found}"
    [row] = [row for row in found.rows if row.name == step]
    assert row.hints == () if not hint else hint in row.hints[0], row.hints
    C.backward()
    comparison = compare({w: steps["d" + w] for w in p}, p, output=C)
    assert not comparison
    assert all(len(text) <= 80 for text in f"{comparison}\n{found}".split("\n"))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("model", [batch_norm, classifier, attention, residual])
def test_a_right_derivation_is_not_accused(model: Callable[..., Any], seed: int) -> None:
    C, known, lines, p = model(np.random.default_rng(seed + 100))
    steps = derived(lines, known)
    C.backward()
    assert compare_steps(steps, C) and compare({w: steps["d" + w] for w in p}, p)


# In time ----------------------------------------------------------------------------------------------------------


def recurrent(rng: np.random.Generator) -> Any:
    """An RNN, and its backpropagation through time with room for a mistake."""
    n, m, steps = 4, 3, 4
    p = parameters(rng, Wxh=(n, m), Whh=(n, n), bh=(n, 1), Why=(2, n))
    xs, ys = rng.standard_normal((steps, m, 1)), rng.standard_normal((steps, 2, 1))
    h, C = [Tensor(np.zeros((n, 1)))], 0.0
    for t in range(steps):
        h.append(np.tanh(p["Wxh"] @ xs[t] + p["Whh"] @ h[-1] + p["bh"]))
        C = C + np.sum((p["Why"] @ h[-1] - ys[t]) ** 2) / 2
    named(h=h, C=C)
    k, hs = plain(**p), [state.data for state in h]

    def back(mistake: str = "") -> dict[str, Any]:
        g, back = {name: np.zeros_like(a) for name, a in k.items()}, np.zeros((n, 1))
        for t in reversed(range(steps)):
            dy = k["Why"] @ hs[t + 1] - ys[t]
            g["Why"] += dy @ hs[t + 1].T
            dh = k["Why"].T @ dy + (0 if mistake == "truncated" else back)
            s = dh if mistake == "no slope" else dh * (1 - hs[t + 1] ** 2)
            g["Whh"] = g["Whh"] * (mistake != "only the last") + s @ hs[t + (mistake == "off by one")].T
            g["Wxh"] += s @ xs[t].T
            g["bh"] += s
            back = (k["Whh"] if mistake == "not transposed" else k["Whh"].T) @ s
        return g

    return C, back, p


def lstm(rng: np.random.Generator) -> Any:
    n, m, steps = 3, 2, 3
    p = parameters(rng, Wf=(n, n + m), Wi=(n, n + m), Wo=(n, n + m), Wg=(n, n + m))
    xs = rng.standard_normal((steps, m, 1))
    h, c, gates = [Tensor(np.zeros((n, 1)))], [Tensor(np.zeros((n, 1)))], []
    for t in range(steps):
        v = np.concatenate([h[-1], xs[t]])
        f, i, o, g = ag.sigmoid(p["Wf"] @ v), ag.sigmoid(p["Wi"] @ v), ag.sigmoid(p["Wo"] @ v), np.tanh(p["Wg"] @ v)
        c.append(f * c[-1] + i * g)
        h.append(o * np.tanh(c[-1]))
        gates.append([a.data for a in (f, i, o, g, v)])
    C = np.sum(h[-1] ** 2) / 2
    named(h=h, c=c, C=C)
    k, cs = plain(**p), [state.data for state in c]

    def back(mistake: str = "") -> dict[str, Any]:
        G, dh, dc = {name: np.zeros_like(a) for name, a in k.items()}, h[-1].data, np.zeros((n, 1))
        for t in reversed(range(steps)):
            f, i, o, g, v = gates[t]
            tanh_c = np.tanh(cs[t + 1])
            dc = (0 if mistake == "cell forgotten" else dc) + dh * o * (1 - tanh_c**2)
            ds = (dc * cs[t] * f * (1 - f), dc * g * i * (1 - i), dh * tanh_c * o * (1 - o), dc * i * (1 - g * g))
            dv = 0
            for name, d in zip(p, ds):
                G[name] += d @ v.T
                dv = dv + k[name].T @ d
            dh, dc = dv[:n], dc * (i if mistake == "i for f" else f)
        return G

    return C, back, p


IN_TIME = {
    (recurrent, "truncated", "Whh"): "through h[4] is missing, all 3 times",
    (recurrent, "no slope", "bh"): "is missing, all 4 times",
    (recurrent, "off by one", "Whh"): "factors of Whh are taken at the wrong step: h[4] in place of (h[3])ᵀ",
    (recurrent, "only the last", "Whh"): "", (recurrent, "not transposed", "Wxh"): "Whh stands in place of (Whh)ᵀ, all 3 times",
    (lstm, "cell forgotten", "Wi"): "", (lstm, "i for f", "Wg"): "",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("model", "mistake", "parameter"), IN_TIME)
def test_mistakes_in_time(model: Callable[..., Any], mistake: str, parameter: str) -> None:
    C, back, p = model(np.random.default_rng(3))
    C.backward()
    assert compare(back(), p)
    comparison = compare(back(mistake), p, output=C)
    [row] = [row for row in comparison.rows if row.name == parameter]
    hint = IN_TIME[model, mistake, parameter]
    assert not row.approximate and (hint in "".join(row.hints) if hint else len(row.hints) <= 1), row.hints


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("model", [recurrent, lstm])
def test_right_ones_in_time_are_not_accused(model: Callable[..., Any], seed: int) -> None:
    C, back, p = model(np.random.default_rng(seed + 50))
    C.backward()
    assert compare(back(), p)
