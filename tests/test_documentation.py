"""The examples of the README and of the docstrings run as they stand, and print what they say."""

from __future__ import annotations

import contextlib
import doctest
import importlib
import io
import pkgutil
import re
from pathlib import Path
from types import ModuleType

import pytest

import autograd_lite
import nets

README = Path(__file__).parents[1] / "README.md"
if not README.exists():
    pytest.skip("the README is not beside the tests", allow_module_level=True)


def modules() -> list[ModuleType]:
    found = []
    for package in (autograd_lite, nets):
        found.append(package)
        for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            found.append(importlib.import_module(info.name))
    return found


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.__name__)
def test_examples_of_the_docstrings(module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(module).failed == 0


def test_examples_of_public_classes_and_of_functions_made_from_rows() -> None:
    """`doctest` passes over what does not come from the module that it looks at."""
    for name in autograd_lite.__all__:
        thing = getattr(autograd_lite, name)
        if isinstance(thing, type) or "__wrapped__" in vars(thing):
            for test in doctest.DocTestFinder().find(thing, name, module=False):
                assert doctest.DocTestRunner().run(test).failed == 0, test.name


# what functions return, and the bases of classes that have examples of their own
NO_EXAMPLE = {
    "Comparison", "Compiled", "Derivation", "Evaluation", "Forward", "History", "Layer", "Network", "Optimizer", "Row"
}  # fmt: skip


def test_public_names_have_an_example() -> None:
    for package in (autograd_lite, nets):
        for name in set(package.__all__) - NO_EXAMPLE:
            thing = getattr(package, name)
            if callable(thing) and not (isinstance(thing, type) and issubclass(thing, Exception)):
                assert ">>>" in (thing.__doc__ or ""), f"{name} has no example"


def test_examples_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("graphviz")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 7
    compared = 0
    for block in blocks:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block, "README.md", "exec"), {})  # each can be copied alone
        said = [line.split("  # ", 1)[1] for line in block.splitlines() if line.startswith("print(") and "  # " in line]
        lines = printed.getvalue().splitlines()
        if "chain_rule" in block:
            derivation = re.search(r"as it was followed:\n\n(.*?)\n\nwhich is", README.read_text(encoding="utf-8"), re.DOTALL)
            assert derivation is not None
            assert lines == [line.strip() for line in derivation[1].splitlines()]
            said = lines
        assert lines == said
        compared += len(said)
    assert compared >= 16
    assert {"network.svg", "backprop.html"} <= {path.name for path in tmp_path.iterdir()}


def test_the_quick_start_is_two_commands() -> None:
    section = re.search(r"## Quick start\n(.*?)\n## ", README.read_text(encoding="utf-8"), re.DOTALL)
    assert section is not None
    blocks = re.findall(r"```bash\n(.*?)```", section.group(1), re.DOTALL)
    assert len(blocks) == 2 and all(block.count("\n") == 1 for block in blocks)


def test_pictures_of_the_readme_exist() -> None:
    text = README.read_text(encoding="utf-8")
    for path in re.findall(r'(?:src|srcset)="([^"]+)"', text) + re.findall(r"\]\((?!http|#)([^)]+)\)", text):
        assert (README.parent / path).exists(), path
