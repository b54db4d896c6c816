"""What was measured, as tables for people, as JSON for machines, as a picture; and how far it is from the targets."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.contenders import ENTRIES, HAND, SHAPES, Shape
from benchmarks.timing import Spread, Times

PACKAGES = "numpy", "torch", "jax", "autograd", "mygrad", "smallpebble", "micrograd"

TARGETS: dict[tuple[str, str], tuple[float, ...]] = {
    ("eager, nets", HAND): (1.20, 1.10, 1.10, 1.01, 1.00),
    ("compiled", HAND): (0.45, 0.78, 0.60, 0.95, 0.95),
    ("compiled", "JAX, jit"): (0.95, 0.95, 0.90, 1.05, 1.03),
    ("eager, nets", "PyTorch"): (0.25, 0.35, 0.30, 0.85, 0.95),
}
"""What one training step may take at most, relative to another, at each of the `SHAPES` in their order."""


class Table(NamedTuple):
    """Rows of text, numbers and spreads under a title; the first column says what a row is about."""

    title: str
    columns: Sequence[str]
    rows: list[list[Any]]
    note: str = ""

    def cells(self) -> list[list[str]]:
        return [list(self.columns), *([cell(x) for x in row] for row in self.rows)]

    def text(self) -> str:
        """For a terminal: the first column aligned to the left, the others to the right."""
        cells = self.cells()
        first, *wide = [max(len(row[i]) for row in cells) for i in range(len(self.columns))]
        lines = ["  ".join([row[0].ljust(first), *(c.rjust(n) for c, n in zip(row[1:], wide))]) for row in cells]
        lines[:1] = [lines[0], "─" * len(lines[0])] if any(self.columns) else []
        return "\n".join([self.title, "", *lines, *([self.note] if self.note else [])])

    def markdown(self) -> str:
        head, *body = ["| " + " | ".join(row) + " |" for row in self.cells()]
        rule = "|---|" + "---:|" * (len(self.columns) - 1)
        return "\n".join([f"**{self.title}**", "", head, rule, *body, *(["", self.note] if self.note else [])])


def cell(x: Any) -> str:
    if isinstance(x, float):
        return f"{x:.2f}" if x < 100 else f"{x:,.0f}"
    return "–" if x is None else f"{x:,}" if isinstance(x, int) else str(x)


def write_shape(shape: Shape) -> str:
    return "{}-{}-{}×{}".format(*shape)


def verdict(measured: Spread | None, limit: float | None) -> str | None:
    """Whether the median, in the two digits of the targets, is at most the limit; None if one of them is missing."""
    if measured is None or limit is None:
        return None
    return f"{measured.median:.2f} {'met' if round(measured.median, 2) <= limit else 'missed'}"


def ratio(times: Times, label: str, other: str) -> Spread | None:
    return Spread.of(times[label] / times[other]) if label in times and other in times else None


def others_than_hand(times: Mapping[Shape, Times]) -> list[str]:
    """The labels of all contenders but `hand` that took part anywhere, in their order."""
    return [label for label in ENTRIES if label != HAND and any(label in t for t in times.values())]


# One training step --------------------------------------------------------------------------------------------


def steps(dtype: str, times: Mapping[Shape, Times], hand_alone: Mapping[Shape, float]) -> Table:
    """The ratios of all contenders to `hand`."""
    return Table(
        f"One training step n0-n1-n2×batch, {dtype}: time / hand (median ± half the interquartile range)",
        ["", *map(write_shape, times)],
        [
            ["hand, µs", *(Spread.of(1e6 * t[HAND]) for t in times.values())],
            *([label, *(ratio(t, label, HAND) for t in times.values())] for label in others_than_hand(times)),
            ["hand, by itself", *(hand_alone[s] / Spread.of(t[HAND]).median for s, t in times.items())],
        ],
    )


def targets(dtype: str, times: Mapping[Shape, Times]) -> Table:
    """Which targets the measured ratios meet."""
    rows: list[list[Any]] = []
    for (label, other), limits in TARGETS.items():
        limit_at = dict(zip(SHAPES, limits))
        measured = [verdict(ratio(t, label, other), limit_at.get(shape)) for shape, t in times.items()]
        if any(measured):
            rows += [[f"{label} / {other} ≤", *map(limit_at.get, times)], ["    measured", *measured]]
    return Table(f"Targets, {dtype}", ["", *map(write_shape, times)], rows)


# About the computer, and the picture --------------------------------------------------------------------------


def about(threads: int) -> dict[str, str]:
    """Date, machine, threads and versions."""
    found = {"date": date.today().isoformat(), "processor": processor(), "cores": str(os.cpu_count())}
    found |= {"threads of each library": str(threads), "system": platform.system(), "Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def processor() -> str:
    """The model that Linux names, or what Python knows about it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def as_json(
    about: Mapping[str, str], measured: Mapping[str, Mapping[Shape, Times]], tables: Sequence[Table]
) -> dict[str, Any]:
    """Everything: the seconds per step in every round, and the tables; spreads are [median, quartile, quartile]."""
    steps = [
        {"dtype": dtype, "shape": shape, "contender": label, "seconds": seconds.tolist()}
        for dtype, by_shape in measured.items()
        for shape, times in by_shape.items()
        for label, seconds in times.items()
    ]
    return {"about": about, "steps": steps, "tables": [table._asdict() for table in tables]}


def plot(path: str, times: Mapping[str, Mapping[Shape, Times]]) -> None:
    """Bars of the ratios to `hand`, a row for each dtype, a group for each shape."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    figure, rows = pyplot.subplots(len(times), squeeze=False, figsize=(12, 4 * len(times)), layout="constrained")
    for axes, (dtype, by_shape) in zip(rows[:, 0], times.items()):
        labels = others_than_hand(by_shape)
        width = 0.85 / len(labels)
        for i, label in enumerate(labels):
            bars = [(group, found) for group, t in enumerate(by_shape.values()) if (found := ratio(t, label, HAND))]
            x = [group + (i - (len(labels) - 1) / 2) * width for group, _ in bars]
            quartiles = [[s.median - s.low for _, s in bars], [s.high - s.median for _, s in bars]]
            heights = [s.median - 1 for _, s in bars]
            axes.bar(x, heights, width, bottom=1, yerr=quartiles, label=label, color=pyplot.get_cmap("tab20")(i))
        axes.axhline(1, color="black", linewidth=1)
        axes.set(yscale="log", ylabel=f"time / hand, {dtype}", xticks=range(len(by_shape)))
        axes.set_xticklabels([write_shape(shape) for shape in by_shape])
        axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
        axes.yaxis.set_minor_locator(ticker.NullLocator())
    figure.legend(*rows[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=6, frameon=False)
    figure.savefig(path)
