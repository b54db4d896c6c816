"""A CSV of your own to a trained network: the columns are features, the last one is the class.

    python examples/own_csv.py my.csv           # without a file, one of three kinds of points is made up and used
"""

from __future__ import annotations

import csv
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


def unfit(header: list[str], rows: list[list[str]]) -> str:
    """What about a table a network cannot be trained with; "" if nothing is."""
    for i, row in enumerate(rows, start=1):
        if len(row) != len(header):
            return f"sample {i} has {len(row)} fields, and the header {len(header)}"
        for name, text in zip(header[:-1], row):
            try:
                finite = np.isfinite(float(text))
            except ValueError:
                finite = False
            if not finite:
                return (
                    f"sample {i} has {text!r} for {name}, which is no number: leave such samples out, or make a column of "
                    "0s and 1s for each word (pandas.get_dummies)"
                )
    if len(header) < 2:
        return f"the header is a single field, {header[0]!r}; fields are separated by commas"
    if len({row[-1] for row in rows}) > max(5, len(rows) // 2):
        return f"the last column, {header[-1]}, has as many values as there are samples; it is to be the class of each"
    if len({row[-1] for row in rows}) < 2 or len(rows) < 5:
        return "five samples are the least, and two classes in the last column"
    return ""


def main(arguments: Sequence[str] | None = None) -> None:
    made = parser("Train a network on a CSV whose last column is the class.", 60, writes="the trained network")
    made.add_argument("csv", nargs="?", type=Path, help="a header, then a line for each sample")
    options = parse(made, arguments)
    path = options.csv or made_up(options.output / "made_up.csv")
    if not path.is_file():
        made.error(f"there is no file {path}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        made.error(f"{path} is not in UTF-8: save it as UTF-8, which spreadsheets call 'CSV UTF-8'")

    # These fifteen lines are all that one needs, with numbers in all columns but the last.
    header, *rows = [row for row in csv.reader(text.splitlines()) if row] or [[""]]
    if what := unfit(header, rows):
        made.error(f"{path}: {what}")
    classes, y = np.unique([row[-1] for row in rows], return_inverse=True)
    order = np.random.default_rng(options.seed).permutation(len(y))
    unseen, seen = np.split(order, [len(y) // 5])
    x = np.array([row[:-1] for row in rows], float)  # or pandas.read_csv(path).iloc[:, :-1].to_numpy(float)
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
