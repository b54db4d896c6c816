"""What the examples share: options, the folder for pictures, and the packages that must be there before any work."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

BLUE, ORANGE = "#1f5fa8", "#d1640f"


def parser(description: str, epochs: int, *packages: str) -> argparse.ArgumentParser:
    """Options that all have, after a check that `packages` are installed."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument(
        "--output", type=Path, default=Path("output"), metavar="DIR", help="folder for pictures (default: output)"
    )
    made.add_argument("--epochs", type=natural, default=epochs, metavar="N", help=f"how long to train (default: {epochs})")
    made.add_argument("--seed", type=natural, default=0, help="for weights and order of the samples (default: 0)")
    made.set_defaults(packages=packages)
    return made


def parse(made: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options, once packages and folder are known to be there: better now than after the work."""
    options = made.parse_args(arguments)
    missing = [package for package in options.packages if find_spec(package) is None]
    if missing:
        names = " ".join({"sklearn": "scikit-learn"}.get(package, package) for package in missing)
        sys.exit(f"this example needs {names}: pip install {names}")
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        made.error(f"cannot make the folder {options.output}: {error.strerror}")
    return options


def natural(text: str) -> int:
    """A number from 0 up, as argparse takes it."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is less than 0")
    return number
