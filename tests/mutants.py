"""Mutation testing: ``python -m tests.mutants`` breaks the engine in one place at a time and looks whether a test notices.

A mutant is one module of the table, the sweep, the derivatives or the dispatch with one operator, comparison, constant,
order of arguments or statement changed. Each is tried in a copy of the repository: first on the tests that bear the name
of an operation that the changed line is for, then, if it survives these, on all that are chosen for its module, at last on
all that run by default. Most die within seconds. Results are kept in ``mutants.jsonl`` and not tried again; ``--sample N``
tries N mutants of each module chosen at random, the same each time. Who survives is printed: a test is missing, or the
mutant is equivalent and stands in `EQUIVALENT` with the reason.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import Any, NamedTuple

HOUSE = Path(__file__).parent.parent
FILES = [
    *sorted(str(path.relative_to(HOUSE)) for path in (HOUSE / "autograd_lite/table").glob("*.py") if path.stem[0] != "_"),
    *(f"autograd_lite/engine/{name}.py" for name in ("backward", "operation", "derivatives")),
]
NAMED = ["special_points", "conventions", "ulps", "operations", "shapes", "factorisations", "scipy_functions", "random_programs"]
"""The tests that have the names of operations in theirs."""
CHOSEN = {
    "engine": ["own_operations", "methods", "nests", "tensor", "derivatives", "interruptions", "debugging", "conventions"],
    "elementwise": ["special_points", "conventions", "ulps", "operations"],
    "factorisations": ["factorisations", "special_points", "operations"],
    "linear_algebra": ["special_points", "factorisations", "conventions", "operations"],
    "own_operations": ["own_operations", "conventions"],
    "special": ["scipy_functions"],
    "methods": ["methods", "tensor"],
    "networks": ["special_points", "conventions", "tensor", "training", "operations"],
    "reductions": ["special_points", "conventions", "equations", "exits", "operations", "explaining"],
    "": ["special_points", "conventions", "exits", "shapes", "operations"],
}
"""The tests of a module, the quickest first; those of the last line for the other modules of the table."""
MAKERS = {"elementwise_operation", "general_operation", "reduction_operation", "register", "moving_operation"}
MOST = 12  # operations: what is for more of them is tried on all tests at once
OTHER = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult, ast.MatMult: ast.Mult,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.USub: ast.UAdd, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.Mod: ast.Add, ast.FloorDiv: ast.Mult,
}  # fmt: skip
EQUIVALENT: dict[str, str] = {
    "autograd_lite/table/reductions.py std_slope: np.not_equal(np.max(x, axis=axis, keepdi: arguments swapped":
        "equality is symmetric",
    "autograd_lite/table/factorisations.py matrix_power: matmul(matmul(half, half), a): arguments swapped":
        "powers of a matrix commute",
    "autograd_lite/table/shapes.py part: USub → UAdd": "all arrays that are joined have as many axes as the last",
    "autograd_lite/engine/derivatives.py _Evaluated: without if not is_nest(self.returned):":
        "one array is packed and unpacked to itself",
    "autograd_lite/engine/operation.py sum_to: without if ones is not None and type(u) is np.nd":
        "the same sum, in more time",
    "autograd_lite/engine/operation.py spread: 4096 → 4097": "the same copy, made in another way from one size larger on",
    "autograd_lite/table/linear_algebra.py second_derivatives_of_det: without products = products * (1 - np.eye(n, dty":
        "what stands on the diagonal cancels in the next line but one",
    "autograd_lite/table/networks.py linear: False → True": "keywords that nobody passes, for 0.1 µs",
    "autograd_lite/table/reductions.py log_softmax: 1 → 2": "a declaration, whose default `axis_operation` knows too",
    "autograd_lite/engine/operation.py straight_code: True → False": "tracebacks strip the lines that they show",
    "autograd_lite/table/shapes.py collect_leaves: 64 → 65": "a limit on nesting that nobody reaches, one later",
}
"""By file, function and change, of those that survived: why no test can tell it from the engine."""


class Mutant(NamedTuple):
    file: str
    number: int
    line: int
    what: str
    inside: str  # the function, class or name of the module that it is in

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.what}"


def changes(node: ast.AST) -> Iterator[tuple[str, Any, Any]]:
    """Each way to change one node: what, how to do it, how to take it back."""

    def put(what: str, target: Any, field: str, new: Any) -> tuple[str, Any, Any]:
        old = getattr(target, field)
        return what, lambda: setattr(target, field, new), lambda: setattr(target, field, old)

    for field in ("op",):
        op = getattr(node, field, None)
        if type(op) in OTHER and not isinstance(node, ast.AugAssign):
            yield put(f"{type(op).__name__} → {OTHER[type(op)].__name__}", node, field, OTHER[type(op)]())
    if isinstance(node, ast.Compare) and type(node.ops[0]) in OTHER:
        new = OTHER[type(node.ops[0])]
        yield put(f"{type(node.ops[0]).__name__} → {new.__name__}", node, "ops", [new(), *node.ops[1:]])
    if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
        new_value = not node.value if isinstance(node.value, bool) else node.value + 1
        yield put(f"{node.value!r} → {new_value!r}", node, "value", new_value)
    if isinstance(node, ast.Call) and len(node.args) == 2 and not node.keywords:
        yield put(f"{ast.unparse(node)[:40]}: arguments swapped", node, "args", node.args[::-1])
    if isinstance(node, (ast.If, ast.IfExp)):
        yield put(f"if not ({ast.unparse(node.test)[:40]})", node, "test", ast.UnaryOp(ast.Not(), node.test))
    if isinstance(node, ast.FunctionDef):
        for i, statement in enumerate(node.body):
            if isinstance(statement, (ast.Assign, ast.AugAssign, ast.If, ast.For)):
                dropped = [*node.body[:i], ast.Pass(), *node.body[i + 1 :]]
                yield put(f"without {ast.unparse(statement).splitlines()[0][:40]}", node, "body", dropped)


def mutants(file: str, write: int | None = None) -> Iterator[Any]:
    """The mutants of a module; with `write` the source of that one."""
    tree = ast.parse((HOUSE / file).read_text(encoding="utf8"))
    texts = {
        id(part) for node in ast.walk(tree) if isinstance(node, (ast.AnnAssign, ast.arg, ast.FunctionDef, ast.Raise))
        for part in ast.walk(getattr(node, "annotation", None) or getattr(node, "returns", None) or ast.Pass())
    }  # fmt: skip
    inside = {id(n): name_of(part) for part in tree.body for n in ast.walk(part)}
    texts |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.Raise) for part in ast.walk(node)}  # wording
    texts |= {id(part) for node in ast.walk(tree) if is_signature(node) for part in ast.walk(node)}
    number = 0
    for node in list(ast.walk(tree)):
        if id(node) in texts:
            continue
        for what, do, undo in changes(node):
            if write is None:
                yield Mutant(file, number, getattr(node, "lineno", 0), what, inside.get(id(node), ""))
            elif write == number:
                do()
                yield ast.unparse(ast.fix_missing_locations(tree))
                undo()
            number += 1


def reason(mutant: Mutant) -> str:
    return EQUIVALENT.get(f"{mutant.file} {mutant.inside}: {mutant.what}", "")


def operations_for(mutant: Mutant) -> list[str]:
    """The names of the operations that the changed line belongs to, by way of the functions that use it."""
    parts = ast.parse((HOUSE / mutant.file).read_text(encoding="utf8")).body
    mentioned = [{n.id for n in ast.walk(part) if isinstance(n, ast.Name)} for part in parts]
    reached = [part.lineno <= mutant.line <= (part.end_lineno or 0) for part in parts]
    grown = True
    while grown:
        defined = {name for part, hit in zip(parts, reached) if hit for name in names_of(part)}
        new = [hit or bool(defined & names) for hit, names in zip(reached, mentioned)]
        grown, reached = new != reached, new
    found = set()
    for part, hit in zip(parts, reached):
        for call in ast.walk(part) if hit else ():
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") in MAKERS and call.args:
                first = call.args[0]
                found.add(str(first.value) if isinstance(first, ast.Constant) else getattr(first, "id", getattr(first, "attr", "")))
    return sorted(found - {""})


def is_signature(node: ast.AST) -> bool:
    """Whether it is there for type checkers alone."""
    return any(getattr(d, "id", "") == "overload" for d in getattr(node, "decorator_list", ()))


def name_of(part: ast.AST) -> str:
    """What a statement defines, for its first name."""
    return " ".join(sorted(names_of(part))[:1])


def names_of(part: ast.AST) -> set[str]:
    """What a statement defines."""
    if isinstance(part, (ast.FunctionDef, ast.ClassDef)):
        return {part.name}
    return {n.id for n in ast.walk(part) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def survives(mutant: Mutant, tree: Path) -> bool:
    """Whether the tests pass with the mutant in place of the module in a copy of the repository."""
    path = tree / mutant.file
    right = path.read_text(encoding="utf8")
    path.write_text(next(mutants(mutant.file, mutant.number)), encoding="utf8")
    chosen = "engine" if path.parent.name == "engine" else path.stem if path.stem in CHOSEN else ""
    names = operations_for(mutant) if chosen not in ("engine", "own_operations") else []
    try:
        if 0 < len(names) <= MOST and not pass_in(tree, NAMED, "-k", " or ".join(names)):
            return False
        return pass_in(tree, CHOSEN[chosen]) and pass_in(tree, [])
    finally:
        path.write_text(right, encoding="utf8")


def pass_in(tree: Path, tests: list[str], *options: str) -> bool:
    files = [f"tests/test_{name}.py" for name in tests]
    marked = ["-m", "not long"] * bool(tests)
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *marked, *files, *options]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(tree)}
    try:
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, timeout=600)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode in (0, 5)  # 5: there was none of that name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", default=FILES, help="modules to break, relative to the repository")
    parser.add_argument("--sample", type=int, help="so many mutants of each module, chosen at random")
    parser.add_argument("--results", type=Path, default=HOUSE / "mutants.jsonl")
    parser.add_argument("-j", type=int, default=2, help="how many at a time")
    options = parser.parse_args()

    todo = [m for file in options.files for m in mutants(file)]
    print(f"{len(todo)} mutants of {len(options.files)} modules", flush=True)
    if options.sample is not None:
        chosen = [random.Random(1).sample(list(mutants(f)), min(options.sample, len(list(mutants(f))))) for f in options.files]
        todo = [m for n in range(options.sample) for some in chosen for m in some[n : n + 1]]  # a bit of each, in turn
    known: dict[str, bool] = {}
    if options.results.exists():
        known = dict(json.loads(line) for line in options.results.read_text(encoding="utf8").splitlines())
    with tempfile.TemporaryDirectory() as folder:
        trees: Queue[Path] = Queue()
        for k in range(options.j):
            tree = Path(folder) / str(k)
            shutil.copytree(HOUSE, tree, ignore=shutil.ignore_patterns(".git", "__pycache__", "*.jsonl"))
            trees.put(tree)

        def attempt(mutant: Mutant) -> None:
            key = f"{mutant} ({mutant.number})"
            if key in known:
                return
            tree = trees.get()
            try:
                known[key] = survives(mutant, tree)
            finally:
                trees.put(tree)
            with open(options.results, "a", encoding="utf8") as file:
                file.write(json.dumps([key, known[key]], ensure_ascii=False) + "\n")

        with ThreadPoolExecutor(options.j) as pool:
            list(pool.map(attempt, todo))
    tried = [m for m in todo if f"{m} ({m.number})" in known]
    alive = [m for m in tried if known[f"{m} ({m.number})"]]
    equivalent = sum(bool(reason(m)) for m in alive)
    print(f"{len(tried)} tried, {len(tried) - len(alive)} died, {equivalent} equivalent")
    for mutant in alive:
        print(f"survives: {mutant}  {reason(mutant)}")


if __name__ == "__main__":
    main()
