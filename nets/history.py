"""How training went: an entry for each epoch, as numbers, as columns for pandas, and as a picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from math import isnan
from os import PathLike
from typing import Any

MEASURES = "cost", "accuracy", "held_out_cost", "held_out_accuracy"
"""The columns of a history."""


@dataclass(repr=False)
class History:
    """How the cost and the accuracy went: an entry for the untrained network, then one after each epoch.

    Attributes
    ----------
    cost, accuracy : list of float
        On the samples trained with: the cost per sample, and the share of samples that come out right; NaN where
        targets are no classes.
    held_out_cost, held_out_accuracy : list of float
        The same on the samples held out; empty if there are none.
    best_epoch : int or None
        With early stopping, the epoch whose parameters the network has been left with.
    stopped : str
        Why training ended before its last epoch: "" if it did not.
    """

    cost: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    held_out_cost: list[float] = field(default_factory=list)
    held_out_accuracy: list[float] = field(default_factory=list)
    best_epoch: int | None = None
    stopped: str = ""

    @property
    def epochs(self) -> int:
        """The number of epochs that are over."""
        return max(len(self.cost) - 1, 0)

    def to_dict(self) -> dict[str, list[float]]:
        """Columns of equal length: epoch, cost, accuracy, and what was held out, where there is something.

        Examples
        --------
        >>> from nets import History
        >>> History(cost=[0.5, 0.1], accuracy=[0.5, 1.0]).to_dict()  # pandas.DataFrame(history.to_dict())
        {'epoch': [0, 1], 'cost': [0.5, 0.1], 'accuracy': [0.5, 1.0]}
        """
        columns: dict[str, list[float]] = {"epoch": list(range(len(self.cost)))}
        for name in MEASURES:
            values = getattr(self, name)
            if values and not all(map(isnan, values)):
                columns[name] = list(values)
        return columns

    def plot(self, path: str | PathLike[str] | None = None) -> Any:
        """Draw cost and accuracy by epoch.

        Parameters
        ----------
        path : str or path, optional
            Where to write the picture too, in the format of the suffix.

        Returns
        -------
        matplotlib.figure.Figure
            Which displays itself in a notebook.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        figure = empty_figure()
        columns = self.to_dict()
        measures = [name for name in ("cost", "accuracy") if name in columns or f"held_out_{name}" in columns]
        for axes, name in zip(figure.subplots(1, len(measures), squeeze=False)[0], measures):
            draw_curves(axes, name, [columns.get(name), columns.get(f"held_out_{name}")], self.best_epoch)
        if path is not None:
            figure.savefig(path)
        return figure

    def __repr__(self) -> str:
        text = f"History({self.epochs} epoch{'s' * (self.epochs != 1)}"
        if self.cost:
            text += f": cost {self.cost[0]:.4g} to {self.cost[-1]:.4g}"
        if self.accuracy and not isnan(self.accuracy[-1]):
            text += f", accuracy {self.accuracy[-1]:.1%}"
        if self.held_out_accuracy and not isnan(self.held_out_accuracy[-1]):
            text += f", held out {self.held_out_accuracy[-1]:.1%}"
        if self.best_epoch is not None:
            text += f", best after {self.best_epoch}"
        return text + (f", stopped: {self.stopped})" if self.stopped else ")")


def empty_figure() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("history.plot() draws with matplotlib, which is not installed: pip install matplotlib") from error

    class Picture(Figure):
        def _repr_png_(self) -> bytes:
            file = BytesIO()
            self.savefig(file, format="png")
            return file.getvalue()

    return Picture(figsize=(9, 3.6), dpi=160, layout="constrained")


def as_power(number: float) -> str:
    """Two digits, as on the axis beside it: 6.8 × 10⁻⁵."""
    digits, _, exponent = f"{number:#.2g}".partition("e")
    return f"${digits} \\times 10^{{{int(exponent)}}}$" if exponent else digits


def draw_curves(axes: Any, name: str, curves: list[list[float] | None], best_epoch: int | None) -> None:
    """The two curves of a measure, on what was trained with and on what was held out."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    written = as_power if name == "cost" else "{:.1%}".format
    title = "cost per sample" if name == "cost" else name
    drawn = []
    for color, label, values in zip(("#1f5fa8", "#d1640f"), ("trained with", "held out"), curves):
        if values:
            dot = {"marker": "o", "clip_on": False} if len(values) == 1 else {}  # a line of one point shows nothing
            axes.plot(values, color=color, linewidth=2, label=f"{label}: {written(values[-1])}", **dot)
            drawn.append(values)
    single = len(drawn) == 1 and best_epoch is None  # which needs no legend
    epochs = len(drawn[0]) - 1
    if best_epoch is not None:
        axes.axvline(best_epoch, color="#888888", linewidth=1, linestyle="--", label=f"best: epoch {best_epoch}")
    axes.set_title(f"{title}: {written(drawn[0][-1])}" if single else title, loc="left", fontsize=12)
    axes.set_xlabel("epochs")
    axes.set_xlim(0, max(epochs, 1))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.grid(color="#e3e3e3", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if not single:
        axes.legend(frameon=False)
    if name == "accuracy":
        good = min(values[-1] for values in drawn) > 0.9
        axes.set_ylim(0.8 if good and len(drawn) > 1 else 0, 1.01)  # where the two curves part
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    elif min(map(min, drawn)) > 0:
        axes.set_yscale("log")
