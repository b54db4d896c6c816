"""A CSV of your own to a trained network: the columns are features, the last one is the class.

    python examples/own_csv.py my.csv           # without a file, one of three kinds of points is made up and used
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from common import parse, parser

from autograd_lite.nets import MLP, save, train


def made_up(path: Path) -> Path:
    """A file to try it with: three clouds of points."""
    rng = np.random.default_rng(0)
    rows = ["width,height,kind"]
    for kind, center in (("small", (1, 1)), ("tall", (1, 3)), ("wide", (3, 1))):
        rows += [f"{w:.3f},{h:.3f},{kind}" for w, h in rng.normal(center, 0.5, (60, 2))]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def main(arguments: Sequence[str] | None = None) -> None:
    made = parser("Train a network on a CSV whose last column is the class.", 60, writes="the trained network")
    made.add_argument("csv", nargs="?", type=Path, help="a header, then a line for each sample")
    options = parse(made, arguments)
    path = options.csv or made_up(options.output / "made_up.csv")
    if not path.exists():
        made.error(f"there is no file {path}")

    # These fifteen lines are all that one needs.
    table = np.genfromtxt(path, delimiter=",", skip_header=1, dtype=str, comments=None)  # or pandas.read_csv(path).to_numpy()
    classes, y = np.unique(table[:, -1], return_inverse=True)
    order = np.random.default_rng(options.seed).permutation(len(y))
    unseen, seen = np.split(order, [len(y) // 5])
    x = table[:, :-1].astype(float)
    x = (x - x[seen].mean(axis=0)) / (x[seen].std(axis=0) + 1e-9)
    net = MLP([x.shape[1], 16, len(classes)], hidden="tanh", output="linear", samples="rows", seed=options.seed)
    history = train(
        net, x[seen], y[seen], held_out=(x[unseen], y[unseen]), cost="softmax_cross_entropy", optimizer="adam",
        epochs=options.epochs, batch_size=16, learning_rate=0.01, patience=20, seed=options.seed,
    )  # fmt: skip
    print(net)
    print(history)
    print("the first samples that were held out:", *classes[net(x[unseen[:5]]).data.argmax(axis=1)])
    print("written:", save(net, options.output / "own_csv.npz"))


if __name__ == "__main__":
    main()
