"""The chapter's four samples, and the decision surface of its 3-4-1 network as it forms.

    python examples/xor.py --output pictures
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from common import X, Y, parse, parser

from autograd_lite.nets import TwoLayerNet, train


def surface(net: TwoLayerNet, n: int = 101) -> Any:
    """The output for each point of a grid; the third input is always 1."""
    u, v = np.meshgrid(np.linspace(-0.5, 1.5, n), np.linspace(-0.5, 1.5, n))
    return net(np.stack([u.ravel(), v.ravel(), np.ones(n * n)])).data.reshape(n, n)


def main(arguments: Sequence[str] | None = None) -> None:
    made = parser("Learn the exclusive or, and draw the decision surface as it forms.", 2000, "matplotlib")
    options = parse(made, arguments)
    from matplotlib.figure import Figure

    net = TwoLayerNet(3, 4, 1, bias=False, seed=options.seed)
    looks = sorted({round(options.epochs * share) for share in (0, 0.05, 0.1, 0.2, 0.4, 1)})
    seen = {0: surface(net)}

    def look(net: Any, history: Any) -> None:
        if history.epochs in looks:
            seen[history.epochs] = surface(net)

    history = train(net, X, Y, epochs=options.epochs, batch_size=4, learning_rate=4, seed=options.seed, callbacks=look)
    print(f"cost per sample {history.cost[0]:.3f} → {history.cost[-1]:.2g}\n\nsample     target  output")
    for sample, target, output in zip(X.T, Y[0], net(X).data[0]):
        print(f"{sample!s:9}  {target:6}  {output:6.3f}")

    figure = Figure(figsize=(9, 6), dpi=120, layout="constrained")
    for axes, epoch in zip(figure.subplots(2, 3).flat, seen):
        image = axes.imshow(seen[epoch], origin="lower", extent=(-0.5, 1.5, -0.5, 1.5), vmin=0, vmax=1, cmap="RdBu_r")
        axes.contour(seen[epoch], [0.5], extent=(-0.5, 1.5, -0.5, 1.5), colors="black", linewidths=1)
        axes.scatter(X[0], X[1], c=Y[0], cmap="RdBu_r", vmin=0, vmax=1, edgecolors="white", linewidths=1.5, s=80)
        axes.set_title(f"epoch {epoch}", fontsize=11)
        axes.set(xticks=[0, 1], yticks=[0, 1])
    for axes in list(figure.axes)[len(seen) :]:
        axes.set_visible(False)
    figure.colorbar(image, ax=figure.axes, label="output", shrink=0.8)
    path = options.output / "xor_surface.png"
    figure.savefig(path)
    print("\nwritten:", path)


if __name__ == "__main__":
    main()
