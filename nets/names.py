"""Names in place of things: "adam" for `Adam`, "relu" for `ReLU`. What is not in a table is told with all that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

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
