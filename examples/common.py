"""What the examples share: the chapter's samples, options, the folder for pictures, and the packages that must be there
before any work."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from io import TextIOWrapper
from pathlib import Path

import numpy as np

X, Y = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]]).T, np.array([[0, 1, 1, 0]])
"""The four samples of the chapter as columns, and their targets: the exclusive or of the first two inputs. The third is
always 1, in place of biases."""

BLUE, ORANGE = "#1f5fa8", "#d1640f"
INSTALLED_AS = {"sklearn": "scikit-learn", "graphviz": 'graphviz "pygraphviz>=2"', "mpi4py": "mpi4py mpich"}


def parser(
    description: str, epochs: int | None, *packages: str, writes: str | None = "pictures", trains: bool = True
) -> argparse.ArgumentParser:
    """The options that examples share; `parse` checks that the packages are there, and the folder for what it writes."""
    if isinstance(sys.stdout, TextIOWrapper):  # σ and − must not end a program where the encoding lacks them, as on Windows
        sys.stdout.reconfigure(encoding=None if sys.stdout.isatty() else "utf-8", errors="replace")
    made = argparse.ArgumentParser(description=description)
    if writes is not None:
        help = f"folder for {writes} (default: output)"
        made.add_argument("--output", type=Path, default=Path("output"), metavar="DIR", help=help)
    if trains:
        default = "as the data need it" if epochs is None else epochs
        made.add_argument("--epochs", type=natural, default=epochs, metavar="N", help=f"how long to train (default: {default})")
        made.add_argument("--seed", type=natural, default=0, help="for weights and order of the samples (default: 0)")
    made.set_defaults(packages=packages)
    return made


def parse(made: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options, once packages and folder are known to be there: better now than after the work."""
    options = made.parse_args(arguments)
    check_installed(*options.packages)
    if "output" in options:
        try:
            options.output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            made.error(f"cannot make the folder {options.output}: {error.strerror}")
    return options


def check_installed(*packages: str) -> None:
    """End the program if one of them is missing, and say what to install."""
    missing = " ".join(INSTALLED_AS.get(package, package) for package in packages if find_spec(package) is None)
    if missing:
        sys.exit(f"this example needs {missing}: pip install {missing}")
    if "graphviz" in packages:
        import autograd_lite as ag

        try:
            ag.draw(ag.Tensor(1.0)).pipe("dot")
        except (ImportError, RuntimeError) as error:  # the package is there, but no Graphviz for it to talk to
            sys.exit(str(error))


def natural(text: str) -> int:
    """A number from 0 up, as argparse takes it."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is less than 0")
    return number
