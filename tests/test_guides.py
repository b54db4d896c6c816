"""The guides in docs: their blocks run and print what they say, and their links lead somewhere."""

from __future__ import annotations

import contextlib
import inspect
import io
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

import autograd_lite
import nets

DOCS = Path(__file__).parents[1] / "docs"
PACKAGES = ("sklearn", "scipy", "matplotlib", "graphviz")
if not DOCS.exists():
    pytest.skip("the documentation is not beside the tests", allow_module_level=True)


@pytest.mark.parametrize("name", ["about", "tutorial", "how_do_i", "coming_from", "statistics"])
def test_blocks_run_and_print_what_they_say(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / f"{name}.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        for package in PACKAGES:
            if package in block:
                pytest.importorskip(package)
        if name != "tutorial":  # there, each block carries on from the one before it
            names = {}
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block, f"{name}.md", "exec"), names)
        said = [line.split("  # ", 1)[1] for line in block.splitlines() if line.startswith("print(") and "  # " in line]
        assert not said or printed.getvalue().splitlines() == said, block


def test_links_and_files_exist() -> None:
    for path in DOCS.glob("*.md"):
        text = path.read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!http|#)([^)#]+)", text):
            assert (DOCS / target).exists(), f"{path.name}: {target}"
        for target in re.findall(r"\bexamples/\w+\.\w+", text):
            assert (DOCS.parent / target).exists(), f"{path.name}: {target}"


def test_the_reference_names_every_public_object_and_method_with_its_arguments(tmp_path: Path) -> None:
    command = [sys.executable, str(DOCS / "reference.py"), str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    for package in (autograd_lite, nets):
        text = (tmp_path / f"{package.__name__}.md").read_text(encoding="utf-8")
        for name in package.__all__:
            thing = getattr(package, name)
            [section] = re.findall(rf"^## {name}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
            if isinstance(thing, type) and issubclass(thing, Exception):
                continue
            for function, said in [(thing, section), *methods_of(thing, name, section)]:
                parameters = inspect.signature(function).parameters if callable(function) else {}
                listed = said.split("```")[1] if parameters else ""
                for parameter in set(parameters) - {"self"}:
                    assert re.search(rf"\b{parameter}\b", listed), f"{name}: {parameter}"


def methods_of(kind: Any, name: str, section: str) -> Iterator[tuple[Any, str]]:
    if isinstance(kind, type):
        for method, member in inspect.getmembers(kind):
            if not method.startswith("_") and isinstance(member, (FunctionType, property)):
                title = f"### {name}.{method}" + ("" if isinstance(member, property) else "()")
                assert f"\n{title}\n" in section
                yield member, section.split(f"\n{title}\n")[1]


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    for package in ("material", "latex2mathml"):
        pytest.importorskip(package)
    command = [sys.executable, "-m", "mkdocs", "build", "-q", "-d", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=DOCS.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    chapter = (tmp_path / "site" / "chapter_5.html").read_text(encoding="utf-8")
    assert "<math" in chapter
    assert "$" not in re.sub("<(pre|svg|script).*?</\\1>", "", chapter, flags=re.DOTALL)


def test_the_tests_that_promises_name_exist() -> None:
    named = re.findall(r"`tests/(\w+\.py)(?:::(\w+))?`", (DOCS / "promises.md").read_text(encoding="utf-8"))
    assert len(named) > 25
    for file, test in named:
        source = (DOCS.parent / "tests" / file).read_text(encoding="utf-8")
        assert not test or f"\ndef {test}(" in source, f"{file} has no {test}"
