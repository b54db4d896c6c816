"""The guides in docs: their blocks run and print what they say, and their links lead somewhere."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
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
    for package in (ag, nets):
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


NOT_CALLED = {"test", "info", "show_config", "show_runtime", "load", "save", "savetxt", "savez", "savez_compressed"}
DECIDES = {"compress", "extract", "where", "legendre_p", "bmat"}
"""Functions whose first argument only decides which entries or of which degree, or of which NumPy makes nothing."""


def became(function: Any, numbers: Sequence[int] = ()) -> dict[str, list[Any]]:
    """The calls of a function that recorded, gave values or were refused, of many that it may take, some behind `numbers`."""
    found: dict[str, list[Any]] = {"recorded": [], "values": [], "refused": []}
    i = np.array([0, 1])
    for shape in ((2,), (2, 2), (3,), (2, 2, 2)):
        data = np.linspace(0.25, 0.5, int(np.prod(shape))).reshape(shape)
        x = ag.Tensor(data + np.eye(2) if shape == (2, 2) else data, requires_grad=True)
        y = x.data.copy()
        after = ((), (1,), (1, 0), (2,), (2, 2), (i,), (i, 0), (i, 0.0), (i, x), ([x > 0], [abs]), (2, (x,)), ((2,),), ((0,), (0,)))
        more = (([x, x],), ([[x]],), (2, x), (i, x), (y, x), (y, i, x), (y, i[:1], x, 0), (y, x > 0, x), (y, x, x), (abs, 0, x))
        subscripts = ",".join(["ijk"[: len(shape)]] * 2)
        further = (([x > 0], [x]), (subscripts, x, x), *((1, 2, 3, 1)[:n] + (z,) for n in numbers for z in (x, x.sum())))
        for arguments in (*((x, *rest) for rest in after), (x, x), (x, x, x), (x, x, x, x), *more, *further):
            try:
                result = function(*arguments)
            except Exception as error:
                lost = r"would (lose|be lost)|lose (its|the) gradient|no derivative is taken|would cut|without its history"
                if re.search(lost, str(error)):
                    found["refused"].append(arguments)
            else:
                parts = result if isinstance(result, (tuple, list)) else [result]
                recorded = any(isinstance(part, ag.Tensor) and part.requires_grad for part in parts)
                found["recorded" if recorded else "values"].append(arguments)
    return found


@pytest.mark.filterwarnings("ignore")
def test_what_the_reference_says_of_functions_is_what_they_do(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("scipy")
    monkeypatch.syspath_prepend(DOCS)
    reference = importlib.import_module("reference")
    t = ag.Tensor(1.0, requires_grad=True)
    for library, module in reference.LIBRARIES.items():
        states = dict(reference.functions(library))
        assert len(states) > {"np": 350, "np.linalg": 30, "scipy.special": 300}[library]
        for name in states.keys() - NOT_CALLED:
            function = getattr(module, name)
            by_like = name in ("array", "full")
            with np.errstate(all="ignore"), np.printoptions():
                found = became(partial(function, like=t) if by_like else function, range(2, 5) if "special" in library else ())
            where, lost = f"{library}.{name}", [call for call in found["values"] if isinstance(call[0], ag.Tensor)]
            if states[name] == reference.DERIVATIVE:
                assert found["recorded"], where
                assert not lost or name in DECIDES, (where, lost)
            elif states[name] == reference.REFUSED:
                assert found["refused"], where
                assert not found["recorded"], (where, found["recorded"])
                assert not lost or name in DECIDES, (where, lost)
            elif states[name] == reference.VALUES:
                assert not found["recorded"], (where, found["recorded"])


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
