"""Draw computation graphs in every way there is: themes, formats, summaries, and the backward pass step by step.

    python examples/render_graph.py --output pictures

Needs the extra `render`: pip install -e ".[render]"
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from common import X, Y, parse, parser

import autograd_lite as ag
from autograd_lite.nets import MLP, GradientDescent, TwoLayerNet, quadratic_cost


def two_layer_network(bias: bool = True) -> ag.Tensor:
    """The cost of the chapter's network on its four samples, after some training."""
    net = TwoLayerNet(3, 4, 1, bias=bias, seed=1)
    descent = GradientDescent(net.parameters(), learning_rate=2.0)
    for _ in range(300):
        descent.zero_grad()
        net.cost(X, Y).backward()
        descent.step()
    return net.cost(X, Y)


def deep_network(sizes: Sequence[int]) -> ag.Tensor:
    """The cost of a network of many layers."""
    rng = np.random.default_rng(0)
    net = MLP(sizes, seed=0)
    return quadratic_cost(net(rng.normal(size=(sizes[0], 8))), rng.random((sizes[-1], 8)))


def scalars() -> ag.Tensor:
    """The example of micrograd's README: plain operators on two numbers, and no names but theirs."""
    a = ag.Tensor(-4.0, requires_grad=True, name="a")
    b = ag.Tensor(2.0, requires_grad=True, name="b")
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    f = (c - d) ** 2
    g = f / 2.0
    g += 10.0 / f
    g.name = "g"
    return g


def pictures(folder: Path) -> Iterator[Path]:
    """Write them all, one after the other."""
    cost = two_layer_network()
    yield ag.render(cost, folder / "two_layer_network.svg")
    yield ag.render(cost, folder / "two_layer_network_dark.svg", theme="dark")
    yield ag.render(cost, folder / "two_layer_network_print.pdf", theme="print")
    yield ag.render(cost, folder / "two_layer_network.png", resolution=200)
    yield ag.render(cost, folder / "two_layer_network.dot")
    yield ag.render(cost, folder / "backprop.html")
    yield ag.render(cost, folder / "without_numbers.svg", values=False, adjoints=False, direction="right")
    yield ag.render(cost, folder / "local_gradients.svg", local_gradients="values", dtypes=True)
    for number, step in enumerate(ag.draw_steps(two_layer_network(bias=False))):
        yield ag.render(step, folder / f"step_{number}.png")
    yield ag.render(scalars(), folder / "scalars.svg", constants=True)
    yield ag.render(deep_network([64, 32, 32, 16, 16, 10]), folder / "five_layers.svg")
    yield ag.render(deep_network([8] * 51), folder / "fifty_layers.svg", summary=True)


def main(arguments: Sequence[str] | None = None) -> None:
    made = parser(
        "Draw computation graphs in every way there is.", None, "graphviz", writes="the pictures", trains=False
    )
    for path in pictures(parse(made, arguments).output):
        print(path)


if __name__ == "__main__":
    main()
