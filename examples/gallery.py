"""Twelve computation graphs as one would put them into lecture notes, and the page docs/gallery.md that shows them.

    python examples/gallery.py

Draws every picture and writes the page again; with --output, into another folder. Needs the extra `render`:
pip install -e ".[render]"
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

import numpy as np
from common import check_installed

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.nets import MLP, TwoLayerNet, quadratic_cost

DOCS = Path(__file__).parent.parent / "docs"


def parameter(name: str, *shape: int) -> Tensor:
    """A parameter with numbers that depend on its name alone."""
    rng = np.random.default_rng([*name.encode(), *shape])
    return Tensor(rng.normal(size=shape).round(2) / max(shape[-1:] or (1,)) ** 0.5, requires_grad=True, name=name)


# Graphs ---------------------------------------------------------------------------------------------------


def scalars() -> Tensor:
    a = Tensor(2.0, requires_grad=True, name="a")
    b = Tensor(-3.0, requires_grad=True, name="b")
    c = Tensor(10.0, requires_grad=True, name="c")
    e = a * b
    d = e + c
    f = np.tanh(d / 8)
    e.name, d.name, f.name = "e", "d", "f"
    return f


def neuron() -> Tensor:
    x1, x2 = Tensor(2.0, name="x1"), Tensor(0.0, name="x2")
    w1, w2 = (Tensor(value, requires_grad=True, name=name) for value, name in ((-3.0, "w1"), (1.0, "w2")))
    b = Tensor(6.88, requires_grad=True, name="b")
    z = w1 * x1 + w2 * x2 + b
    a = np.tanh(z)
    z.name, a.name = "z", "a"
    return a


def two_layers() -> Tensor:
    x = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]]).T
    return TwoLayerNet(3, 4, 1, seed=1).cost(x, np.array([[0, 1, 1, 0]]))


def two_layers_of_images() -> Tensor:
    rng = np.random.default_rng(0)
    return TwoLayerNet(784, 30, 10, seed=1).cost(rng.random((784, 10)), np.eye(10))


def softmax_with_cross_entropy() -> Tensor:
    W, b = parameter("W", 3, 2), parameter("b", 3, 1)
    X = Tensor([[1.0, 0.5, -1.0, 2.0], [0.0, -1.0, 1.5, 1.0]], name="X")
    Y = Tensor(np.eye(3)[:, [0, 2, 1, 0]], name="Y")
    with ag.name_scope("scores"):
        Z = W @ X + b
        Z.name = "Z"
    with ag.name_scope("softmax of each column"):
        E = np.exp(Z)
        P = E / np.sum(E, axis=0)
        E.name, P.name = "E", "P"
    with ag.name_scope("cross-entropy"):
        cost = -np.mean(np.sum(Y * np.log(P), axis=0))
    return cost


def batch_norm() -> Tensor:
    x = Tensor([[1.0, 2.0], [3.0, 5.0], [2.0, 8.0]], requires_grad=True, name="x")
    gamma, beta = parameter("gamma", 2), parameter("beta", 2)
    with ag.name_scope("mean and variance"):
        mu = np.mean(x, axis=0)
        d = x - mu
        v = np.mean(d**2, axis=0)
        mu.name, d.name, v.name = "mu", "d", "v"
    with ag.name_scope("normalize"):
        s = np.sqrt(v + 1e-5)
        n = d / s
        s.name, n.name = "s", "n"
    with ag.name_scope("scale and shift"):
        y = gamma * n + beta
        y.name = "y"
    return ag.half_squared_distance(y, Tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], name="target"))


def recurrence(steps: int = 5, units: int = 2) -> Tensor:
    W, U, b = parameter("W", units, units), parameter("U", units, 1), parameter("b", units, 1)
    h = Tensor(np.zeros((units, 1)), name="h0")
    for t in range(1, steps + 1):
        x = Tensor([[np.sin(t)]], name=f"x{t}")
        with ag.name_scope(f"step {t}"):
            s = ag.linear(W, h, b)
            z = ag.linear(U, x, s)
            h = np.tanh(z)
        s.name, z.name, h.name = f"s{t}", f"z{t}", f"h{t}"
    V = parameter("V", 1, units)
    with ag.name_scope("read out"):
        y = V @ h
        y.name = "y"
        cost = ag.half_squared_distance(y, Tensor([[0.5]], name="target"))
    return cost


def fifty_layers() -> Tensor:
    rng = np.random.default_rng(0)
    return quadratic_cost(MLP([8] * 51, seed=0)(rng.normal(size=(8, 8))), rng.random((8, 8)))


def attention() -> Tensor:
    X = Tensor(np.round(np.random.default_rng(1).normal(size=(3, 4)), 1), name="X")
    with ag.name_scope("queries, keys, values"):
        Q, K, V = (X @ parameter(f"W_{letter}", 4, 4) for letter in "QKV")
        Q.name, K.name, V.name = "Q", "K", "V"
    with ag.name_scope("attention"):
        S = Q @ K.T / np.sqrt(4)
        A = ag.softmax(S)
        S.name, A.name = "S", "A"
    O = A @ V  # noqa: E741
    O.name = "O"
    return np.sum(O**2)


def inverse_and_solution() -> Tensor:
    A = Tensor([[2.0, 1.0], [0.5, 3.0]], requires_grad=True, name="A")
    B = Tensor([[4.0, 1.0], [1.0, 2.0]], requires_grad=True, name="B")
    c = Tensor([[1.0], [3.0]], requires_grad=True, name="c")
    inverse = np.linalg.inv(B)
    s = np.linalg.solve(A, inverse @ c)
    inverse.name, s.name = "R", "s"
    return np.sum(s**2)


def gradient() -> Tensor:
    x, w = Tensor(0.5, requires_grad=True, name="x"), Tensor(2.0, requires_grad=True, name="w")
    y = ag.sigmoid(w * x)
    y.name = "y"
    [slope] = ag.gradients(y, [x], create_graph=True)
    slope.name = "dy_dx"
    return slope


class Picture(NamedTuple):
    """One picture of the gallery."""

    name: str
    title: str
    graph: Callable[[], Tensor]
    says: str
    options: dict[str, Any] = {}
    others: str = ""  # what is to be said of the pictures that other packages draw of the same graph


PICTURES = [
    Picture("scalars", "A scalar example", scalars, "Each arrow bears the derivative of one single step; with the numbers.",
            dict(direction="right", local_gradients="values"),
            "Without names and local gradients; torchviz has no numbers either, and calls operations what they are in PyTorch."),
    Picture("neuron", "A neuron", neuron, "Two inputs, two weights, a bias and tanh.", dict(direction="right"),
            "In torchviz the inputs are missing, since they require no gradient."),
    Picture("two_layers", "A two-layer network", two_layers, "The network of the chapter on its four samples: every number.",
            others="micrograd computes with single numbers, so this is one of the four samples only."),
    Picture("two_layers_slide", "The same for a slide", two_layers, "Names and local gradients only, flowing to the right.",
            dict(size="slide")),
    Picture("two_layers_of_images", "The same for images", two_layers_of_images,
            "784-30-10 units and ten samples: large arrays are shown as range, histogram and mean."),
    Picture("softmax", "Softmax with cross-entropy", softmax_with_cross_entropy, "Composed of NumPy's functions."),
    Picture("batch_norm", "Batch normalization by hand", batch_norm,
            "The adjoint of d is a sum over three ways: to n, and by way of v to s."),
    Picture("recurrence", "A recurrent network of five steps", recurrence,
            "W, U and b have one full box each, and a chip in every step that uses them.",
            dict(values=False, adjoints=False)),
    Picture("fifty_layers", "Fifty layers", fifty_layers,
            "Folded, with the norm of the adjoint at each arrow: gradients vanish toward the input."),
    Picture("attention", "Attention by hand", attention, "Three tokens, one head.", dict(values=False, adjoints=False)),
    Picture("inverse_and_solution", "inv and solve", inverse_and_solution,
            "What is multiplied from the left and what from the right."),
    Picture("gradient", "A gradient's own graph", gradient,
            "The derivative of σ(w x) with respect to x was recorded too, and can be differentiated again.",
            dict(values=False, adjoints=False)),
]  # fmt: skip


# The page -------------------------------------------------------------------------------------------------


def page(pictures: Sequence[Picture]) -> str:
    parts = [
        "# Gallery\n\nTwelve graphs as `ag.draw` shows them. Every picture and this page are made again by\n"
        "`python examples/gallery.py`; the functions below it draws are those that stand there.\n"
        "The code of a picture is a part of `examples/gallery.py`, which has the imports and helpers that it takes.\n"
    ]
    for picture in pictures:
        options = "".join(f", {key}={value!r}" for key, value in picture.options.items())
        source = dedent(inspect.getsource(picture.graph))
        parts.append(
            f"## {picture.title}\n\n{picture.says}\n\n![{picture.title}](images/gallery/{picture.name}.svg)\n\n{beside(picture)}"
            f"<details><summary>the code</summary>\n\n```python\n{source}\n\n"
            f'ag.render({picture.graph.__name__}(), "{picture.name}.svg"{options})\n```\n\n</details>\n'
        )
    return "\n".join(parts)


def beside(picture: Picture) -> str:
    """The same graph as other packages draw it."""
    if not picture.others:
        return ""
    images = [f"![{picture.title} in {name}](images/gallery/{picture.name}_{name}.svg)" for name in ("torchviz", "micrograd")]
    table = f"| torchviz | micrograd |\n|---|---|\n| {' | '.join(images)} |\n\n"
    return f"The same graph in other packages. {picture.others}\n\n{table}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Draw the pictures of docs/gallery.md, and write the page.")
    parser.add_argument("--output", type=Path, default=DOCS, metavar="DIR", help="folder of the page (default: docs)")
    parser.add_argument("--format", choices=["svg", "png"], default="svg", help="of the pictures (default: svg)")
    parser.add_argument("names", nargs="*", help="draw these only, and leave the page alone")
    options = parser.parse_args(arguments)
    names = [picture.name for picture in PICTURES]
    for name in options.names:
        if name not in names:
            parser.error(f"there is no picture {name!r}; there are {', '.join(names)}")
    check_installed("graphviz")
    folder = options.output / "images" / "gallery"
    folder.mkdir(parents=True, exist_ok=True)
    for picture in PICTURES:
        if not options.names or picture.name in options.names:
            print(ag.render(picture.graph(), folder / f"{picture.name}.{options.format}", **picture.options))
    if not options.names:
        (options.output / "gallery.md").write_text(page(PICTURES), encoding="utf-8")


if __name__ == "__main__":
    main()
