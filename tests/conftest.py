"""How much the tests search.

By default hypothesis tries the same examples in every run, and what is marked `slow` waits: programs that take seconds, and
of the many cases of an operation all but one, where another test tries them all. `pytest -m "not long"` runs these too, as CI
does. `pytest -m long` runs the tests that are marked `long` and those that use hypothesis, each of these on many new
examples; what it finds becomes a test with a name.
"""

from __future__ import annotations

import pytest
from hypothesis import settings

settings.register_profile("default", max_examples=40, derandomize=True, database=None, deadline=None)
settings.register_profile("long", max_examples=3000, database=None, deadline=None)


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("long" if config.option.markexpr == "long" else "default")


@pytest.hookimpl(tryfirst=True)  # before those that are not asked for are left out
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if config.option.markexpr == "long" and hasattr(getattr(item, "function", None), "hypothesis"):
            item.add_marker("long")
