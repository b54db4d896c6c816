"""The guides in docs: their blocks run and print what they say, and their links lead somewhere."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

import autograd_lite
import nets

DOCS = Path(__file__).parents[1] / "docs"
PACKAGES = ("sklearn", "scipy", "matplotlib", "graphviz")
if not DOCS.exists():
    pytest.skip("the documentation is not beside the tests", allow_module_level=True)


@pytest.mark.parametrize("name", ["tutorial", "how_do_i", "coming_from"])
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


def test_the_reference_names_every_public_object_and_method(tmp_path: Path) -> None:
    command = [sys.executable, str(DOCS / "reference.py"), str(tmp_path / "site")]
    subprocess.run(command, check=True, capture_output=True)
    for package in (autograd_lite, nets):
        text = (tmp_path / "site" / f"{package.__name__}.md").read_text(encoding="utf-8")
        for name in package.__all__:
            assert f"\n## {name}\n" in text
    for line in ("### Tensor.backward()", "### TwoLayerNet.forward()", "### History.plot()", "### Adam.learning_rate"):
        assert line in text or line in (tmp_path / "site" / "autograd_lite.md").read_text(encoding="utf-8")
    assert "batch_size: 'int', learning_rate: 'float | Callable[[int], float]'" in text
