"""The chapter as a notebook: it runs from top to bottom, and what is stored with it is what it prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "examples" / "chapter_5.ipynb"


def printed(notebook: dict[str, Any]) -> list[str]:
    """What the cells print as text and show as equations, but for the digits that rounding decides."""
    texts = []
    for cell in notebook["cells"]:  # a line may come in several pieces
        outputs = cell.get("outputs", [])
        text = "".join("".join(output.get("text") or output.get("data", {}).get("text/latex", [])) for output in outputs)
        texts += [line for line in text.splitlines() if not line.startswith(("w1 ", "w2 "))]
    return texts


def test_it_is_stored_with_its_outputs() -> None:
    text = NOTEBOOK.read_text(encoding="utf-8")
    notebook = json.loads(text)
    lines = printed(notebook)
    assert not any("False" in line for line in lines)
    assert all(cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code")
    for label in ("A", "B", "B.1", "B.2", "B.3", "B.4", "3", "4.0", "4.1", "4.2", "4.3", "5"):
        assert f"({label})" in text
        assert any(line.split()[0] == label and line.endswith("True") for line in lines), label
    assert notebook["metadata"]["language_info"] == {"name": "python"}
    assert not any(machine in text for machine in (" at 0x", "/home/", "/tmp/", str(ROOT)))


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path) -> None:
    for package in ("nbmake", "ipykernel", "matplotlib", "graphviz"):
        pytest.importorskip(package)
    copy = tmp_path / NOTEBOOK.name
    copy.write_bytes(NOTEBOOK.read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbmake", "--overwrite", "-c", os.devnull, str(copy)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    stored, now = (printed(json.loads(path.read_text(encoding="utf-8"))) for path in (NOTEBOOK, copy))
    assert now == stored
