"""Mutation testing: ``python -m tests.mutants`` breaks the engine in one place at a time and looks whether a test notices.

A mutant is one module of the table, the sweep, the derivatives or the dispatch with one operator, comparison, constant,
order of arguments or statement changed. All tests that are not long are collected and run once, to see which lines each
executes. A mutant whose code did not run while the tests were collected is put in place of the code of the functions that
there are, in a fork of this process, and the tests that execute its lines are run, the quickest first: most die within
milliseconds. What ran already has built rows and classes from it, so that the module must be imported anew: that is done in
a copy of the repository, with the tests that execute lines of the same statement or function; then with those that bear the
name of an operation that the changed line is for, then with all that are chosen for its module, at last with all that run by
default. Results are kept in ``mutants.jsonl`` and not tried again, as long as nothing changes in the statement or
function; ``--sample N`` tries N mutants of each module chosen at random, the same each time. Who survives is printed: a test
is missing, or the mutant is equivalent and stands in `EQUIVALENT` with the reason. Needs ``coverage``, and a system that forks.
"""

from __future__ import annotations

import argparse
import ast
import gc
import json
import multiprocessing
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from types import CodeType, FunctionType
from typing import Any, NamedTuple

import pytest

HOUSE = Path(__file__).parent.parent
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["pytest", "hypothesis.strategies", "numpy", "scipy.stats", "scipy.linalg", "mpmath", "graphviz"])
QUIET = ["-x", "-q", "-p", "no:cacheprovider", "-W", "ignore:Module already imported"]
DIED, SURVIVED, ANEW = 1, 0, 3  # how a fork ends: the third with code that cannot be put in place
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
SYMMETRIC = set(
    "max min maximum minimum equal not_equal result_type common_dtype multiply hypot logaddexp broadcast_shapes".split()
)
"""Functions whose two arguments may be swapped."""
EQUIVALENT: dict[str, str] = {
    f"autograd_lite/{change}": why
    for why, changes in {
        "the same numbers, in more time or by another way": """
            table/elementwise.py power_slope_of_any: without if not isinstance(b, Tensor):
            table/elementwise.py power_slope: without if isinstance(b, (int, float)) and b >=
            table/elementwise.py power_slope: GtE → Gt
            table/elementwise.py power_slope: 1 → 2
            table/factorisations.py factor_operation: False → True
            table/linear_algebra.py matmul_forward: without if type(a) is type(b) is np.ndarray and
            table/factorisations.py matrix_power: Gt → GtE
            table/factorisations.py matrix_power: matmul(matmul(half, half), a): arguments swapped
            table/linear_algebra.py einsum_pull: without if len(letters) == len(mine):
            table/linear_algebra.py cofactors: without if not np.any(np.equal(det, 0)):
            table/linear_algebra.py dot: LtE → Lt
            table/linear_algebra.py vdot: matmul(conjugate(np.ravel(a)), np.ravel(: arguments swapped
            table/linear_algebra.py einsum_pull: Gt → GtE
            table/linear_algebra.py einsum_pull: 1 → 2
            table/linear_algebra.py _einsum: Gt → GtE
            table/linear_algebra.py _einsum: 2 → 3
            table/linear_algebra.py kron: zip(a.shape, b.shape): arguments swapped
            table/linear_algebra.py power_norm_slope: Gt → GtE
            table/networks.py linear_forward: without if type(b) is np.ndarray and b.dtype is
            table/networks.py half_squared_distance: half_squared_distance_together(a, y): arguments swapped
            table/networks.py sigmoid_cross_entropy_together: shape_of_both(z, y): arguments swapped
            table/networks.py softmax_cross_entropy_together: shape_of_both(z, y): arguments swapped
            table/linear_algebra.py norm_along: without if ord == 2:
            table/linear_algebra.py LARGE: Pow → Mult
            table/linear_algebra.py LARGE: 2 → 3
            table/linear_algebra.py condition: Div → Mult
            table/linear_algebra.py condition: USub → UAdd
            table/linear_algebra.py condition: 0 → 1
            table/linear_algebra.py condition: 1 → 2
            table/linear_algebra.py condition: 2 → 3
            table/linear_algebra.py cofactors: 3 → 4
            table/linear_algebra.py cofactors: condition(data_of(a), data_of(inverse)): arguments swapped
            table/factorisations.py is_not_noise: 2 → 3
            table/compositions.py convolve: GtE → Gt
            table/compositions.py geomspace: Mult → Div
            table/reductions.py euclidean_norm_forward: without if axis is None:
            table/reductions.py cumprod_pull: Lt → LtE
            table/shapes.py is_basic: Or → And
            table/shapes.py array: if not (recorded)
            engine/derivatives.py _Evaluated: without if not is_nest(self.returned):
            engine/derivatives.py dtype_of_adjoint: if not (x.dtype.kind in 'fc')
            engine/derivatives.py dtype_of_adjoint: In → NotIn
            engine/derivatives.py _compute_adjoints: Lt → LtE
            engine/derivatives.py hvp: zip(numbers, along): arguments swapped
            engine/operation.py sum_to: without if ones is not None and type(u) is np.nd
            engine/operation.py sum_to: without if u.shape == shape:
            engine/operation.py broadcast: without if u.shape == shape:
            engine/operation.py broadcast: And → Or
            engine/operation.py broadcast: Gt → GtE
            engine/operation.py broadcast: 4096 → 4097
            engine/operation.py broadcast_axes: 1024 → 1025
            engine/operation.py ones_for_columns: 256 → 257
            engine/operation.py ones_for_columns: 1024 → 1025
            engine/operation.py ones_for_columns: 1 → 2
            engine/operation.py ones_for_columns: Lt → LtE
            engine/operation.py IN_SLOTS: 2 → 3
            engine/operation.py make_function: True → False
            engine/operation.py elementwise_operation: False → True
            engine/operation.py general_operation: True → False
            engine/operation.py Operation: True → False
            engine/backward.py sweep: False → True
            table/linear_algebra.py LARGE: 13 → 14
            table/linear_algebra.py matmul_forward: Is → IsNot
            table/linear_algebra.py matmul_forward: Eq → NotEq
            table/linear_algebra.py matmul: False → True
            table/linear_algebra.py pull_left: Lt → LtE
            table/linear_algebra.py pull_right: Lt → LtE
            table/linear_algebra.py SignAndLogarithm: 1 → 2
            table/networks.py _linear: False → True
            table/networks.py half_squared_distance: False → True
            table/networks.py sigmoid_cross_entropy: False → True
        """,
        "both formulas hold to the last digit there": """
            table/elementwise.py sinc_slope: Lt → LtE
            table/elementwise.py sinc_slope: 0.5 → 1.5
            table/elementwise.py sinc_slope: 10 → 11
            table/elementwise.py tanh_slope: 0 → 1
            table/special.py hazard_excess: 0.0 → 1.0
            table/special.py hazard_excess: 110410.0 → 110411.0
            table/special.py hazard_excess: 8162.0 → 8163.0
            table/special.py hazard_excess: Lt → LtE
            table/special.py hazard_excess: 30.0 → 31.0
            table/special.py hazard_excess: 10.0 → 11.0
        """,
        "a number in a place that is not read, or that is multiplied by 0, or a case that was dealt with before": """
            table/compositions.py interp: 1 → 2
            table/compositions.py interp: 1.0 → 2.0
            table/compositions.py interp: 0.0 → 1.0
            table/compositions.py modf: 0 → 1
            table/linear_algebra.py norm_along: 1 → 2
            table/elementwise.py sinc_slope: 1.0 → 2.0
            table/elementwise.py sinc_slope: 0.0 → 1.0
            table/factorisations.py matrix_power: Lt → LtE
            table/factorisations.py matrix_power: 0 → 1
            table/factorisations.py matrix_power: Add → Sub
            table/factorisations.py reciprocal_gaps: Add → Sub
            table/linear_algebra.py norm_along: Gt → GtE
            table/linear_algebra.py norm_along: 0 → 1
            table/linear_algebra.py norm: Gt → GtE
            table/linear_algebra.py second_derivatives_of_det: Sub → Add
            table/linear_algebra.py second_derivatives_of_det: without products = products * (1 - np.eye(n, dty
            table/reductions.py share: 0 → 1
            table/shapes.py collect_leaves: 0 → 1
            table/shapes.py _parts: 0 → 1
            table/compositions.py meshgrid: True → False
            table/elementwise.py undefined: 0 → 1
            table/elementwise.py nan_to_num: True → False
            table/elementwise.py astype: True → False
            table/factorisations.py pinv: False → True
            engine/backward.py check_unchanged: Gt → GtE
            engine/backward.py check_unchanged: 0 → 1
        """,
        "what is added is 0, and has NaN as its derivative": """
            table/elementwise.py power_slope_of_any: Add → Sub
            table/elementwise.py power_slope_of_exponent: Add → Sub
            table/linear_algebra.py transpose_inverse: Add → Sub
            table/special.py quotient: Add → Sub
        """,
        "the branch that is not taken gives NaN as well": """
            table/elementwise.py power_slope_of_exponent: if not (isinstance(p, Tensor))
            table/elementwise.py power_slope_of_exponent: undefined(tip, a + b): arguments swapped
        """,
        "matrices are square, stacked or not, and all arrays that are joined have as many axes as the last": """
            table/factorisations.py matrix_power: 1 → 2
            table/factorisations.py cholesky_pull: 1 → 2
            table/factorisations.py read_from_below: 1 → 2
            table/factorisations.py read_from_below: 2 → 3
            table/linear_algebra.py transpose_inverse: 1 → 2
            table/shapes.py part: USub → UAdd
            table/shapes.py part: 1 → 2
        """,
        "NumPy takes every negative length for −1": """
            table/compositions.py shares: 1 → 2
            table/compositions.py apply_along_axis: 1 → 2
            table/compositions.py meshgrid: 1 → 2
            table/reductions.py product_of_others: 1 → 2
            table/reductions.py cumprod_pull: 1 → 2
            table/shapes.py ravel: 1 → 2
            engine/derivatives.py _pushforward: 1 → 2
        """,
        "no variable around is an operand that a derivative inside has no use for": """
            engine/derivatives.py _evaluate: False → True
        """,
        "entered under a name that the function with NumPy's arguments has from the next line on": """
            table/elementwise.py _astype: False → True
            table/elementwise.py _where: False → True
            table/elementwise.py _clip: False → True
            table/elementwise.py _nan_to_num: False → True
            table/elementwise.py _round: False → True
            table/factorisations.py _cholesky: False → True
            table/factorisations.py _pinv: False → True
            table/reductions.py reduction_operation: False → True
            table/reductions.py axis_operation: False → True
            table/shapes.py moving_operation: False → True
        """,
        "whatever comes first, the heap that it goes to gives the newest": """
            engine/backward.py sweep: if not (newest._order < x._order)
            engine/backward.py sweep: Lt → LtE
        """,
        "words that only readers of code see: docstrings of inner functions, their files, types": """
            table/methods.py reflect: without swap.__doc__ = function.__doc__
            table/numpy_functions.py call_function: 1 → 2
            engine/operation.py register: without function.__doc__ = function.__doc__ or f
            engine/operation.py register: Or → And
            engine/operation.py straight_code: NotEq → Eq
            engine/operation.py straight_code: 1 → 2
            engine/derivatives.py No: False → True
            engine/derivatives.py Yes: True → False
        """,
        "a default that is always passed, or for which any other does": """
            table/reductions.py logsumexp_forward: False → True
            engine/derivatives.py check_function: 0 → 1
        """,
        "of a whole number only the type is looked at: it stands for 1": """
            table/reductions.py sum_: 1 → 2
        """,
        "swapped once more in the call that follows": """
            table/elementwise.py sigmoid_pass: sigmoid_pass(z.astype(float) if hasattr(: arguments swapped
        """,
        "a declaration, whose default `axis_operation` knows too": """
            table/reductions.py log_softmax: 1 → 2
        """,
        "tracebacks strip the lines that they show": """
            engine/operation.py straight_code: True → False
        """,
        "a limit that nobody reaches, one later": """
            table/shapes.py collect_leaves: 64 → 65
            table/linear_algebra.py cofactors: GtE → Gt
            table/elementwise.py label_of_power: Lt → LtE
            table/elementwise.py label_of_power: 1000000000000000.0 → 1000000000000001.0
        """,
    }.items()
    for change in map(str.strip, changes.strip().splitlines())
}
"""By file, function and change, of those that survived: why no test can tell it from the engine."""


class Mutant(NamedTuple):
    file: str
    number: int
    line: int
    last: int  # line of what is changed
    what: str
    inside: str  # the function, class or name of the module that it is in
    key: str  # the same as long as nothing changes in there
    of: tuple[int, int]  # the lines of that

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.what}"


def changes(node: Any) -> Iterator[tuple[str, Any, Any, ast.AST]]:
    """Each way to change one node: what, how to do it, how to take it back, and the part that is executed for it."""

    def put(what: str, target: Any, field: str, new: Any, part: Any = node) -> tuple[str, Any, Any, ast.AST]:
        old = getattr(target, field)
        return what, lambda: setattr(target, field, new), lambda: setattr(target, field, old), part

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
    if is_call_of_two(node):
        yield put(f"{ast.unparse(node)[:40]}: arguments swapped", node, "args", node.args[::-1])
    if isinstance(node, (ast.If, ast.IfExp)):
        yield put(f"if not ({ast.unparse(node.test)[:40]})", node, "test", ast.UnaryOp(ast.Not(), node.test), node.test)
    if isinstance(node, ast.FunctionDef):
        for i, statement in enumerate(node.body):
            if isinstance(statement, (ast.Assign, ast.AugAssign, ast.If, ast.For)):
                dropped = [*node.body[:i], ast.Pass(), *node.body[i + 1 :]]
                yield put(f"without {ast.unparse(statement).splitlines()[0][:40]}", node, "body", dropped, statement)


def is_call_of_two(node: Any) -> bool:
    """Whether other arguments may matter if they are swapped."""
    if not isinstance(node, ast.Call) or len(node.args) != 2 or node.keywords:
        return False
    return ast.dump(node.args[0]) != ast.dump(node.args[1]) and ast.unparse(node.func).rpartition(".")[2] not in SYMMETRIC


def mutants(file: str, write: int | None = None) -> Iterator[Any]:
    """The mutants of a module; with `write` the tree of that one."""
    tree = ast.parse((HOUSE / file).read_text(encoding="utf8"))
    texts = {
        id(part) for node in ast.walk(tree) if isinstance(node, (ast.AnnAssign, ast.arg, ast.FunctionDef, ast.Raise))
        for part in ast.walk(getattr(node, "annotation", None) or getattr(node, "returns", None) or ast.Pass())
    }  # fmt: skip
    inside = {}
    for part in tree.body:
        name, digest = name_of(part), zlib.crc32(ast.unparse(part).encode())
        lines = part.lineno, part.end_lineno
        inside |= {id(n): (name, f"{file} {name} {digest:08x}", lines) for n in ast.walk(part)}
    counts: Counter[str] = Counter()
    texts |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.Raise) for part in ast.walk(node)}  # wording
    texts |= {id(part) for node in ast.walk(tree) if is_signature(node) for part in ast.walk(node)}
    number = 0
    for node in list(ast.walk(tree)):
        if id(node) in texts:
            continue
        for what, do, undo, part in changes(node):
            if write is None:
                line, last = getattr(part, "lineno", 0), getattr(part, "end_lineno", 0)
                name, of, lines = inside[id(node)]
                counts[of + what] += 1
                yield Mutant(file, number, line, last, what, name, f"{of}: {what} {counts[of + what]}", lines)
            elif write == number:
                do()
                yield ast.fix_missing_locations(tree)
                undo()
            number += 1


def reason(mutant: Mutant) -> str:
    return EQUIVALENT.get(f"{mutant.file} {mutant.inside}: {mutant.what}".strip(), "")


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


class Forks:
    """A plugin of pytest that tries mutants instead of running the tests: each in a fork, on the tests that execute it."""

    def __init__(self, todo: list[Mutant], jobs: int, note: Callable[[Mutant, bool], None]) -> None:
        self.todo, self.jobs, self.note = todo, jobs, note
        self.ran: set[CodeType] = set()  # at first while the tests were collected
        self.anew: list[tuple[Mutant, list[str]]] = []  # each with the tests that execute what it is in
        self.failed = False
        self.files = {str(HOUSE / mutant.file): mutant.file for mutant in todo}
        sys.setprofile(self.note_call)

    def note_call(self, frame: Any, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code.co_filename in self.files:
            self.ran.add(frame.f_code)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed |= report.failed

    def run(self, items: list[pytest.Item]) -> str:
        """The name of the first test that fails."""
        for item, following in zip(items, [*items[1:], None]):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.failed:
                return item.nodeid
        return ""

    def fork(self, work: Callable[[], int]) -> int:
        child = os.fork()
        if child:
            return child
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        signal.alarm(1200)  # seconds: a mutant may loop for ever
        status = DIED
        try:
            status = work()
        finally:
            os._exit(status)

    def trace(self, items: list[pytest.Item], path: Path) -> int:
        """Write which tests execute a line of a file, and how long each takes."""
        import coverage

        cover = coverage.Coverage(data_file=None, include=list(self.files))
        seconds, blind = {}, []
        for item, following in zip(items, [*items[1:], None]):
            start = time.perf_counter()
            cover.start()
            cover.switch_context(item.nodeid)
            tracer = sys.gettrace()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.failed or sys.gettrace() is not tracer:  # the test traces by itself
                self.failed = False
                blind.append(item)
            cover.stop()
            seconds[item.nodeid] = time.perf_counter() - start
        lines = {file: defaultdict(list, cover.get_data().contexts_by_lineno(file)) for file in self.files}
        for item, following in zip(blind, [*blind[1:], None]):
            self.ran.clear()
            sys.setprofile(self.note_call)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            sys.setprofile(None)
            for code in self.ran:
                for _, _, line in code.co_lines():
                    lines[code.co_filename][line].append(item.nodeid)
        path.write_bytes(pickle.dumps((lines, seconds)))
        return SURVIVED

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        sys.setprofile(None)
        named = {item.nodeid: item for item in session.items}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "lines"
            os.waitpid(self.fork(lambda: self.trace(session.items, path)), 0)
            lines, seconds = pickle.loads(path.read_bytes())

        def quickest_first(names: set[str]) -> list[pytest.Item]:
            return [named[name] for name in sorted(names & set(named), key=seconds.__getitem__)]

        def try_all() -> int:
            failing = self.run(quickest_first(set(named)))
            print(f"{failing or 'no test'} fails before anything is changed", file=sys.__stderr__)
            return DIED if failing else SURVIVED

        if os.waitpid(self.fork(try_all), 0)[1]:
            sys.exit(1)
        functions = defaultdict(list)
        for thing in gc.get_objects():
            if type(thing) is FunctionType and thing.__code__.co_filename in self.files:
                functions[identity(thing.__code__)].append(thing)
        early = {identity(code) for code in self.ran}
        gc.freeze()
        running: dict[int, tuple[Mutant, list[str]]] = {}
        for mutant in self.todo:
            at = lines[str(HOUSE / mutant.file)]
            found = {name for line in range(mutant.line, mutant.last + 1) for name in at.get(line, ())}
            tests = quickest_first(found)
            around = {name for line in range(mutant.of[0], mutant.of[1] + 1) for name in at.get(line, ())}
            if len(running) == self.jobs:
                self.collect(running)
            child = self.fork(lambda: self.attempt(mutant, tests, functions, early))
            running[child] = mutant, [item.nodeid for item in quickest_first(around)]
        while running:
            self.collect(running)
        return True

    def collect(self, running: dict[int, tuple[Mutant, list[str]]]) -> None:
        child, status = os.wait()
        (mutant, around), status = running.pop(child), os.waitstatus_to_exitcode(status)
        if status == ANEW:
            self.anew.append((mutant, around))
        else:
            self.note(mutant, status == SURVIVED)

    def attempt(self, mutant: Mutant, tests: list[pytest.Item], functions: dict[Any, Any], early: set[Any]) -> int:
        """Put a mutant in place of the code of all functions that have it, and run the tests."""
        path = HOUSE / mutant.file
        right = compile(path.read_text(encoding="utf8"), str(path), "exec", dont_inherit=True)
        wrong = compile(next(mutants(mutant.file, mutant.number)), str(path), "exec", dont_inherit=True)
        for old, new, itself in pair(right, wrong):
            if itself and (old.co_name == "<module>" or identity(old) in early):
                return ANEW
            for function in functions[identity(old)]:
                if function.__code__.co_freevars != new.co_freevars:
                    return ANEW
                function.__code__ = new
        return DIED if self.run(tests) else SURVIVED


def identity(code: CodeType) -> tuple[Any, ...]:
    """What tells the code of a function from that of others, two lambdas of one line too."""
    return code.co_filename, code.co_name, code.co_firstlineno, tuple(code.co_positions())


def pair(old: CodeType, new: CodeType) -> Iterator[tuple[CodeType, CodeType, bool]]:
    """The pairs of code that differ, those that contain others too; and whether they differ by themselves."""
    inner, other = ([c for c in code.co_consts if isinstance(c, CodeType)] for code in (old, new))
    itself = body(old) != body(new) or len(inner) != len(other)
    within = [] if itself else [found for a, b in zip(inner, other) for found in pair(a, b)]
    yield from within
    if itself or within:
        yield old, new, itself


def body(code: CodeType) -> tuple[Any, ...]:
    constants = [repr(c) for c in code.co_consts if not isinstance(c, CodeType)]
    return code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars


def survives(mutant: Mutant, around: list[str], tree: Path) -> bool:
    """Whether the tests pass with the mutant in place of the module in a copy of the repository."""
    path = tree / mutant.file
    right = path.read_text(encoding="utf8")
    path.write_text(ast.unparse(next(mutants(mutant.file, mutant.number))), encoding="utf8")
    module = "engine" if path.parent.name == "engine" else path.stem if path.stem in CHOSEN else ""
    names = operations_for(mutant) if module not in ("engine", "own_operations") else []
    try:
        if around and not pass_in(tree, sorted({name.partition("::")[0][11:-3] for name in around}), chosen=around):
            return False  # lines that run at import too concern more tests than these
        if 0 < len(names) <= MOST and not pass_in(tree, NAMED, "-k", " or ".join(names)):
            return False
        return pass_in(tree, CHOSEN[module]) and pass_in(tree, [])
    finally:
        path.write_text(right, encoding="utf8")


class Chosen:
    """A plugin of pytest that runs these tests alone, in this order."""

    def __init__(self, names: list[str]) -> None:
        self.places = {name: i for i, name in enumerate(names)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted((item for item in items if item.nodeid in self.places), key=lambda item: self.places[item.nodeid])


def pass_in(tree: Path, tests: list[str], *options: str, chosen: list[str] | None = None) -> bool:
    marked = ["-m", "not long"] * bool(tests)
    arguments = [*QUIET, *marked, *(f"tests/test_{name}.py" for name in tests), *options]
    process = FORKS.Process(target=run_pytest, args=(tree, arguments, chosen))
    process.start()
    process.join(600)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode in (0, 5)  # 5: there was none of that name


def run_pytest(tree: Path, arguments: list[str], chosen: list[str] | None) -> None:
    """Run the tests of a copy, in a process that has imported everything but the copy."""
    os.chdir(tree)
    sys.path.insert(0, str(tree))
    os.environ["PYTHONPATH"] = str(tree)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)
    sys.exit(pytest.main(arguments, plugins=[] if chosen is None else [Chosen(chosen)]))


def copy_house(tree: Path) -> Path:
    """A copy of the repository whose tests are compiled: what does not change is read as it is."""
    shutil.copytree(HOUSE, tree, ignore=shutil.ignore_patterns(".git", "__pycache__", "*.jsonl"))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-m", "pytest", *QUIET, "--collect-only"]
    subprocess.run(command, cwd=tree, env=environment | {"PYTHONPATH": str(tree)}, capture_output=True, check=True)
    return tree


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

    def note(mutant: Mutant, survived: bool) -> None:
        known[mutant.key] = survived
        with open(options.results, "a", encoding="utf8") as file:
            file.write(json.dumps([mutant.key, survived], ensure_ascii=False) + "\n")

    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # a changed module is as old, to the second, as the one before
    forks = Forks([m for m in todo if m.key not in known], options.j, note)
    if forks.todo and pytest.main([*QUIET, "--capture=sys", "-m", "not long", str(HOUSE / "tests")], plugins=[forks]):
        sys.exit("the tests cannot be collected")
    print(f"{len(known)} tried, {len(forks.anew)} to be imported anew", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        trees: Queue[Path] = Queue()
        for k in range(options.j if forks.anew else 0):
            trees.put(copy_house(Path(folder) / str(k)))

        def attempt(one: tuple[Mutant, list[str]]) -> None:
            mutant, around = one
            tree = trees.get()
            try:
                note(mutant, survives(mutant, around, tree))
            finally:
                trees.put(tree)

        with ThreadPoolExecutor(options.j) as pool:
            list(pool.map(attempt, forks.anew))
    tried = [m for m in todo if m.key in known]
    alive = [m for m in tried if known[m.key]]
    equivalent = sum(bool(reason(m)) for m in alive)
    print(f"{len(tried)} tried, {len(tried) - len(alive)} died, {equivalent} equivalent")
    for mutant in alive:
        print(f"survives: {mutant}  {reason(mutant)}")


if __name__ == "__main__":
    main()
