"""What functions are told: names in place of things, "adam" for `Adam`, "relu" for `ReLU`; flags; numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

Thing = TypeVar("Thing")


def look_up(what: str, given: Any, known: Mapping[str, Thing]) -> Any:
    """The thing of that name; all else than a string stays what it is.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if not isinstance(given, str):
        return given
    name = given.lower().replace(" ", "_").replace("-", "_")
    if name not in known:
        raise ValueError(f"there is no {what} {given!r}; there are {', '.join(map(repr, known))}")
    return known[name]


def check_flags(**flags: Any) -> None:
    """Refuse switches that are not True or False: "no" would count as True."""
    for name, value in flags.items():
        if value is not True and value is not False:
            raise TypeError(f"{name} is True or False, not {value!r}")


def is_whole(value: Any, least: int) -> bool:
    """Whether it is an integer from `least` up; True is none."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(value >= least)


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def positive(name: str, value: float) -> float:
    if not is_number(value) or not 0 < value < np.inf:
        raise (ValueError if is_number(value) else TypeError)(f"{name} is a positive number, not {value!r}")
    return float(value)


def fraction(name: str, value: float) -> float:
    if not is_number(value) or not 0 <= value < 1:
        raise (ValueError if is_number(value) else TypeError)(
            f"{name} is a number from 0 to less than 1, not {value!r}"
        )
    return float(value)
