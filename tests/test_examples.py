"""The examples run as a newcomer runs them, in a process of their own, and write where they say and nowhere else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def can_render() -> bool:
    """Whether there is the Python package graphviz, and a Graphviz for it to talk to."""
    try:
        bundled = int(version("pygraphviz").split(".")[0]) >= 2
    except PackageNotFoundError:
        bundled = False
    return find_spec("graphviz") is not None and (bundled or shutil.which("dot") is not None)


def run(*arguments: str, cwd: Path, expected: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the example from another folder; with warnings as errors, and no bytecode that would count as written."""
    done = subprocess.run(
        [sys.executable, "-B", "-W", "error", str(ROOT / "examples" / "two_layer_network.py"), *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode == expected, done.stderr
    return done


def files(folder: Path) -> set[str]:
    """What lies in a folder, the caches of tools left out."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in path.parts)
    }


@pytest.mark.skipif(not can_render(), reason="there is no Graphviz to draw with")
@pytest.mark.parametrize(
    ("data", "packages", "tables"),
    [("digits", ["sklearn", "matplotlib"], ["w1", "b1", "w2", "b2"]), ("chapter", ["matplotlib"], ["w1", "w2"])],
)
def test_two_layer_network(data: str, packages: list[str], tables: list[str], tmp_path: Path) -> None:
    for package in packages:
        pytest.importorskip(package)
    (tmp_path / "here").mkdir()
    before = files(ROOT / "examples"), files(ROOT / "nets"), files(ROOT / "autograd_lite")
    done = run("--data", data, "--epochs", "3", "--output", "../out/of here", cwd=tmp_path / "here")
    assert before == (files(ROOT / "examples"), files(ROOT / "nets"), files(ROOT / "autograd_lite"))

    images = [f"{data}_learning_curve.png", f"{data}_graph.svg", f"{data}_graph.png"]
    assert files(tmp_path) == {f"out/of here/{name}" for name in images}
    written = done.stdout.split("written:")[1].split("\n")
    assert [line.strip() for line in written if line] == [f"../out/of here/{name}" for name in images]
    out = tmp_path / "out" / "of here"
    for name in (images[0], images[2]):
        assert (out / name).read_bytes().startswith(b"\x89PNG\r\n")
    svg = (out / images[1]).read_text(encoding="utf-8")
    assert "<svg" in svg
    assert "layer 1" in svg
    assert "layer 2" in svg

    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    rows = re.findall(r"^(\w+) +\(\d+, \d+\) +(?:yes|no) +(yes|no) ", done.stdout, re.MULTILINE)
    assert rows == [(name, "yes") for name in tables] * 2  # by hand against automatic, and against numerical
    assert done.stdout.count(f"all {len(tables)} agree") == 2
    if data == "digits":
        accuracy = re.search(r"accuracy on held-out images: ([\d.]+)%", done.stdout)
        assert accuracy is not None
        assert float(accuracy[1]) > 85  # after three epochs of thirty


def test_help(tmp_path: Path) -> None:
    done = run("--help", cwd=tmp_path)
    for option in ("--data {digits,chapter}", "--output DIR", "--epochs N"):
        assert option in done.stdout
    assert files(tmp_path) == set()


def test_wrong_options(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    for arguments, words in (
        (["--data", "words"], "invalid choice: 'words'"),
        (["--epochs", "-1"], "-1 is less than 0"),
        (["--output", "a file"], "cannot make the folder a file"),
    ):
        done = run(*arguments, cwd=tmp_path, expected=2)
        assert words in done.stderr
        assert "Traceback" not in done.stderr
    assert files(tmp_path) == {"a file"}
