"""Files of students judged: what ``python -m autograd_lite check`` does with each.

A file is run in a process of its own, so that nothing in it, an endless loop least of all, harms those after it. What it
computes is judged by numerical gradients of its own ``forward``, and where that can be recorded, with hints.
"""

from __future__ import annotations

import inspect
import json
import math
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import autograd_lite.comparing.steps as steps
from autograd_lite.comparing.checking import compare_beside_kinks, compare_with_numerical
from autograd_lite.comparing.comparison import Comparison, ask_for_close, gradient_as_array
from autograd_lite.comparing.numerical import Point
from autograd_lite.engine.tensor import Array, Tensor

RIGHT, WRONG, NOT_JUDGED = 0, 1, 2
OURS = str(Path(__file__).parents[1])
COSTS = ("C", "cost", "loss", "J", "L", "E", "error")

EXAMPLE = Path(__file__).with_name("example.txt").read_text(encoding="utf8")
"""A file that can be checked."""


class CannotJudge(Exception):
    """What keeps a file from being judged, in one line; with the traceback of the student's code if that raised."""


# All files ------------------------------------------------------------------------------------------------


def judge_apart(path: str, task: str | None, timeout: float, silent: bool = False) -> dict[str, Any]:
    """The judgement of one file, made in a process of its own; `silent` drops what the file prints itself.

    Returns
    -------
    dict
        ``file``, ``status`` (0 right, 1 wrong, 2 not judged), ``message``, ``text`` and, if it was judged, ``comparison``
        and ``steps`` as `Comparison.to_dict` gives them.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, "-m", "autograd_lite", "check", path, "--into", str(result)]
        command += ["--task", task] if task else []
        try:
            printed = subprocess.DEVNULL if silent else None
            done = subprocess.run(command, timeout=timeout, stdin=subprocess.DEVNULL, stderr=printed, check=False)
        except subprocess.TimeoutExpired:
            return leave_unjudged(path, f"still running after {timeout:g} s: an endless loop? (--timeout gives it longer)")
        if result.exists():
            return dict(json.loads(result.read_text(encoding="utf8")))
        return leave_unjudged(path, f"the process ended with code {done.returncode} before anything was compared")


def leave_unjudged(path: str, message: str, text: str = "") -> dict[str, Any]:
    return {"file": path, "status": NOT_JUDGED, "message": message, "text": text}


def write_judgement(path: str, task: str | None, into: str) -> None:
    """Judge one file here and now, and write the judgement to the file `into`."""
    with redirect_stdout(sys.stderr):  # what the student prints is not the result
        try:
            result = judge(path, task)
        except CannotJudge as problem:
            result = leave_unjudged(path, str(problem), str(problem.__cause__ or ""))
    Path(into).write_text(json.dumps(jsonable(result)), encoding="utf8")


def jsonable(x: Any) -> Any:
    """x with None for NaN and infinity, which JSON does not have."""
    if isinstance(x, Mapping):
        return {key: jsonable(value) for key, value in x.items()}
    if isinstance(x, (list, tuple)):
        return [jsonable(item) for item in x]
    if isinstance(x, float) and not math.isfinite(x):
        return None
    return x.item() if isinstance(x, np.generic) else x


# One file -------------------------------------------------------------------------------------------------


def judge(path: str, task: str | None = None) -> dict[str, Any]:
    """Run a file and compare its gradients.

    Raises
    ------
    CannotJudge
    """
    module = load(path)
    places = [load(task), module] if task else [module]  # what the task gives comes first
    forward = function_of("forward", places, path)
    manual_gradients = function_of("manual_gradients", [module], path)
    given = dict_of("parameters", places, path)
    data = dict_of("data", places, path, required=False)
    parameters = {name: run_theirs("parameters", partial(np.asarray, value)) for name, value in given.items()}
    for name, array in parameters.items():
        if array.dtype.kind != "f":
            raise CannotJudge(f"the parameter {name} holds {array.dtype}, not floating-point numbers: write 1.0 for 1")

    def compute(f: Callable[..., Any], at: Mapping[str, Any]) -> Any:
        return run_theirs("forward", lambda: call(f, copy_all(at), copy_all(data)))

    computed = compute(forward, parameters)
    right = np.asarray(cost_of(computed), float)
    if not np.all(np.isfinite(right)):
        raise CannotJudge(f"forward returned a cost of {cost_of(computed)}")
    own = getattr(module, "forward", None)
    if callable(own) and own is not forward:
        theirs = np.asarray(cost_of(compute(own, parameters)), float)
        if theirs.shape != right.shape or not np.allclose(theirs, right, 1e-6, 0.0):
            message = f"its forward gives a cost of {theirs}, that of the task {right}"
            return {"file": path, "status": WRONG, "message": message, "text": message}

    def cost(*arrays: Any) -> Any:
        result = call(forward, dict(zip(parameters, arrays)), copy_all(data))
        if isinstance(result, Mapping):
            steps.named({name: x for name, x in result.items() if name not in COSTS})
        return cost_of(result)

    def compare_at(point: Point) -> tuple[Comparison, Any]:
        at = dict(zip(parameters, point.arrays))
        computed = compute(own if callable(own) else forward, at)
        known = copy_all({**(computed if isinstance(computed, Mapping) else {}), **data})
        manual, others = sort_out(
            run_theirs("manual_gradients", lambda: call(manual_gradients, copy_all(at), known)), list(parameters)
        )
        comparison, output = compare_with_numerical(point, list(parameters), manual)
        return comparison, (output, others)

    point = run_theirs("forward", lambda: Point(cost, list(parameters.values())))
    comparison, (output, others) = run_theirs("forward", lambda: compare_beside_kinks(point, list(parameters), compare_at))
    rows = [
        replace(row, notes=(row.notes[0] + ask_for_close(row.name, list(others)),)) if row.shape is None else row
        for row in comparison.rows
    ]
    comparison = Comparison(rows, comparison.title)
    result = {
        "file": path, "status": RIGHT if comparison.ok else WRONG, "text": str(comparison),
        "message": comparison.verdict() + first_wrong(comparison), "comparison": comparison.to_dict(),
    }  # fmt: skip
    if output is not None and others:
        result |= on_the_steps(others, output, result)
    return result


def first_wrong(comparison: Comparison, what: str = "", joined: str = "; ") -> str:
    """What is wrong first, to be put after a verdict."""
    wrong = next((row for row in comparison.rows if not row.approximate), None)
    return "" if wrong is None else f"{joined}{what}{wrong.name}: {(wrong.hints or wrong.findings())[0]}"


def on_the_steps(others: Mapping[str, Any], output: Tensor, result: Mapping[str, Any]) -> dict[str, Any]:
    """What the steps of the derivation say, if some of them have a Tensor of their name."""
    try:
        found = steps.compare_steps(others, output)
    except (ValueError, TypeError) as problem:
        return {"text": f"{result['text']}\n\nthe rest was not compared: {problem}"}
    if found.ok:
        return {"steps": found.to_dict(), "text": result["text"] + f"\n\nthe steps: {found.verdict()}" * bool(found.unknown)}
    return {
        "status": WRONG, "steps": found.to_dict(),
        "text": f"{result['text']}\n\nthe steps, in the order of the derivation:\n{found}",
        "message": result["comparison"]["verdict"] + first_wrong(
            found, "the first wrong step is ", ", but " if result["comparison"]["ok"] else "; "
        ),
    }  # fmt: skip


def load(path: str) -> ModuleType:
    """The file as a module."""
    try:
        source = Path(path).read_bytes()
    except OSError as problem:
        raise CannotJudge(f"cannot read {path}: {problem.strerror}") from None
    module = ModuleType(Path(path).stem)
    module.__file__ = path
    sys.path.insert(0, str(Path(path).resolve().parent))
    run_theirs(path, lambda: exec(compile(source, path, "exec"), vars(module)))  # noqa: S102 - running it is the job
    return module


def run_theirs(what: str, run: Callable[[], Any]) -> Any:
    """The result of a student's code; what it raises is shown as such, without our frames."""
    try:
        return run()
    except CannotJudge:
        raise
    except SystemExit:
        raise CannotJudge(f"{what} calls exit()") from None
    except SyntaxError as problem:
        raise CannotJudge(f"{what}, line {problem.lineno}: {problem.msg}") from None
    except Exception as problem:
        trace = traceback.TracebackException.from_exception(problem)
        part: Any = trace
        while part is not None:
            kept = [frame for frame in part.stack if not frame.filename.startswith((OURS, "<frozen"))]
            part.stack = traceback.StackSummary.from_list(kept)
            part = part.__cause__ or (None if part.__suppress_context__ else part.__context__)
        lines = "".join(trace.format()).rstrip()
        at = [f", line {frame.lineno}," for frame in trace.stack if "site-packages" not in frame.filename][-1:]
        raise CannotJudge(f"{what}{''.join(at)} raises {type(problem).__name__}: {problem}") from CannotJudge(lines)


def find(name: str, places: Sequence[ModuleType]) -> Any:
    """What the first of the modules that has that name calls so; None if none has it."""
    return next((found for module in places if (found := getattr(module, name, None)) is not None), None)


def function_of(name: str, places: Sequence[ModuleType], path: str) -> Callable[..., Any]:
    found = find(name, places)
    if not callable(found):
        raise CannotJudge(f"{path} has no function {name}(...); --example prints a file that has all it takes")
    return found


def dict_of(name: str, places: Sequence[ModuleType], path: str, required: bool = True) -> dict[str, Any]:
    found = find(name, places)
    found = run_theirs(name, found) if callable(found) else found
    if found is None and not required:
        return {}
    if not isinstance(found, Mapping) or required and not found:
        raise CannotJudge(f"{path} has no dict {name} of arrays by name; --example prints a file that has all it takes")
    return dict(found)


def copy_all(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: x.copy() if isinstance(x, np.ndarray) else x for name, x in values.items()}


def call(f: Callable[..., Any], parameters: Mapping[str, Any], data: Mapping[str, Any]) -> Any:
    """f with the arguments that it asks for, by name; one called parameters or params gets the dict of them."""
    by_name = {**data, **parameters}
    known = {**by_name, "parameters": dict(parameters), "params": dict(parameters), "data": dict(data)}
    asked = inspect.signature(f).parameters.values()
    single = [p for p in asked if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    lacking = [p.name for p in single if p.default is p.empty and p.name not in known]
    if lacking:
        are = "is" if len(lacking) == 1 else "are"
        raise CannotJudge(
            f"{f.__name__} asks for {', '.join(lacking)}, which {are} among neither parameters nor data"
            f"{', nor what forward returns' if f.__name__ != 'forward' else ''}"
        )
    positional = [known[p.name] for p in single if p.kind is p.POSITIONAL_ONLY and p.name in known]
    keywords = {p.name: known[p.name] for p in single if p.kind is not p.POSITIONAL_ONLY and p.name in known}
    takes_all = any(p.kind is p.VAR_KEYWORD for p in asked)
    return f(*positional, **(by_name | keywords if takes_all else keywords))


def cost_of(result: Any) -> Any:
    """The cost among what forward returned."""
    if isinstance(result, Mapping):
        for name in COSTS:
            if name in result:
                result = result[name]
                break
        else:
            there = f"{', '.join(map(str, result))} {'are' if len(result) > 1 else 'is'} there" if result else "it is empty"
            raise CannotJudge(f"forward returned a dict without a cost: call it C ({there})")
    if isinstance(result, (np.ndarray, np.generic, Tensor, float, int, complex)):
        array = np.asarray(result.data if isinstance(result, Tensor) else result)
        if array.size == 1 and array.dtype.kind in "biuf":
            return result
        what = f"an array of shape {array.shape}" if array.size != 1 else f"a number of dtype {array.dtype}"
    else:
        what = type(result).__name__
    raise CannotJudge(f"forward returned {what}; return the cost, one number, or a dict with the cost C in it")


def sort_out(returned: Any, parameters: Sequence[str]) -> tuple[dict[str, Array | None], dict[str, Any]]:
    """The gradients of the parameters, as far as they are there, and what else was returned."""
    if isinstance(returned, (list, tuple)):
        if len(returned) != len(parameters):
            raise CannotJudge(
                f"manual_gradients returned {len(returned)} things for {len(parameters)} parameters ({', '.join(parameters)})"
            )
        returned = dict(zip(parameters, returned))
    if not isinstance(returned, Mapping):
        if len(parameters) != 1 or returned is None:
            raise CannotJudge(
                f"manual_gradients returned {type(returned).__name__}; return a dict by name: {', '.join(parameters)}"
            )
        returned = {parameters[0]: returned}
    left = {str(name): x for name, x in returned.items()}
    manual: dict[str, Array | None] = {}
    for name in parameters:
        key = next((key for key in spellings(name) if key in left), None)
        if key is None:
            continue
        try:
            manual[name] = gradient_as_array("manual", name, left.pop(key))
        except (TypeError, ValueError) as problem:
            raise CannotJudge(str(problem)) from None
    return manual, left


def spellings(name: str) -> Iterator[str]:
    """What the gradient of a parameter is called; the plain name last, which may be the parameter itself."""
    yield from (f"d{name}", f"d_{name}", f"grad_{name}", f"{name}_grad", f"∂C/∂{name}")
    yield from (f"d{cost}_d{name}" for cost in COSTS)
    yield name
