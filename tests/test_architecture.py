"""The rooms of the package, and the arrows between them: who may import whom."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import autograd_lite

HOUSE = Path(autograd_lite.__file__).parent
NETS = HOUSE.parent / "nets"
MAY_IMPORT = {
    "engine": set(),
    "table": {"engine"},
    "comparing": {"table", "engine"},
    "writing": {"table", "engine"},
    "drawing": {"writing", "table", "engine"},
    "compiling": {"table", "engine"},
}
OPTIONAL = {"graphviz", "pygraphviz", "matplotlib", "tqdm", "pandas", "IPython", "scipy", "sklearn", "mpi4py"}
"""Packages that a user may do without: imported where they are needed."""


def modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[str, str, bool]]:
    """The module, the name and whether it is inside of a function, for each import of a file."""
    tree = ast.parse(path.read_text(encoding="utf8"))
    inside = {node for f in ast.walk(tree) if isinstance(f, (ast.FunctionDef, ast.Lambda)) for node in ast.walk(f)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "", node in inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # nets is found by its place as well as by its name, see autograd_lite/nets.py
            assert node.level <= (path.parent == NETS), f"{path}: imports are absolute, but for those of nets"
            module = ".".join(["nets"] * node.level + [node.module] * bool(node.module))
            yield from ((module, alias.name, node in inside) for alias in node.names)


def room_of(module: str, name: str = "") -> str | None:
    parts = [*module.split("."), name]
    return parts[1] if parts[0] == "autograd_lite" and parts[1] in MAY_IMPORT else None


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_arrows_between_rooms_point_one_way(room: str) -> None:
    found = modules(HOUSE / room)
    assert len(found) > 1
    for path in found:
        for module, name, _ in imports(path):
            if module.split(".")[0] in ("autograd_lite", "nets"):
                assert room_of(module, name) in MAY_IMPORT[room] | {room}, f"{path}: {module} {name}"


def test_the_engine_needs_nothing_but_numpy() -> None:
    for path in modules(HOUSE / "engine"):
        for module, _, _ in imports(path):
            top = module.split(".")[0]
            assert top in sys.stdlib_module_names or top in ("numpy", "autograd_lite"), f"{path}: {module}"


def test_only_the_face_opens_the_room_of_compiled_steps() -> None:
    for path in [*modules(HOUSE), *modules(NETS)]:
        if path.parent.name != "compiling" and path.parent != HOUSE:
            assert "compiling" not in {room_of(module, name) for module, name, _ in imports(path)}, path


def test_nets_uses_public_names_only() -> None:
    for path in modules(NETS):
        for module, name, _ in imports(path):
            if module.split(".")[0] == "autograd_lite":
                assert module == "autograd_lite" and (not name or name in autograd_lite.__all__), f"{path}: {module} {name}"


def test_imports_stand_at_the_top_but_for_what_a_user_may_lack() -> None:
    for path in [*modules(HOUSE), *modules(NETS)]:
        for module, name, inside in imports(path):
            if inside and module.split(".")[0] not in OPTIONAL:
                # what imports an optional package itself is imported as late
                source = HOUSE.parent / Path(*module.split(".")).with_suffix(".py")
                assert {m.split(".")[0] for m, _, _ in imports(source)} & OPTIONAL, f"{path}: {module} {name}"


def test_each_room_says_why_it_exists() -> None:
    for room in MAY_IMPORT:
        doc = ast.get_docstring(ast.parse((HOUSE / room / "__init__.py").read_text(encoding="utf8")))
        assert doc and len(doc) > 60, room


def test_no_module_is_named_after_nothing_or_shadowed() -> None:
    names = [path.stem for path in modules(HOUSE)]
    assert not {"utils", "util", "helpers", "misc", "common"} & set(names)
    for path in HOUSE.iterdir():
        if path.is_dir() and path.name in MAY_IMPORT or path.suffix == ".py":
            assert path.stem not in autograd_lite.__all__, f"the function {path.stem} would shadow its module"
