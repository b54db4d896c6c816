"""The command line, by running it: what it prints, what it exits with, and that no traceback of ours is shown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RIGHT = "    dz2 = da2 * a2 * (1 - a2)\n"


def check(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-B", "-m", "autograd_lite", "check", *arguments],
        # ascii: what is printed is UTF-8 whatever Python would take, as on Windows
        cwd=cwd, env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii", "COLUMNS": "80"},
        capture_output=True, text=True, check=False, encoding="utf-8",
    )  # fmt: skip


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> str:
    done = check("--example", cwd=tmp_path_factory.mktemp("example"))
    assert done.returncode == 0
    assert RIGHT in done.stdout
    return done.stdout


CASES = {
    "right": (RIGHT, RIGHT, 0, "right: all 4 agree"),
    "wrong": (RIGHT, "    dz2 = da2\n", 1, "the first wrong step is dz2"),
    "shape": ("keepdims=True", "keepdims=False", 1, "shape (4,) instead of (4, 1)"),
    "name": ('"b2": np', '"B2": np', 1, "there is no manual gradient of b2"),
    "function": ("def manual_gradients", "def my_gradients", 2, "has no function manual_gradients(...)"),
    "syntax": ("def forward(", "def forward((", 2, "syntax.py, line 22: "),
    "exception": (RIGHT, "    dz2 = da2 @ a2\n", 2, "manual_gradients, line 38, raises ValueError"),
    "argument": ("z2, a2):", "z2, a3):", 2, "manual_gradients asks for a3"),
    "cost": ("    C = np.sum", "    C = ", 2, "forward returned an array of shape (2, 5)"),
    "nothing": ("    return {\n", "    return None\n    return {\n", 2, "manual_gradients returned NoneType"),
    "exit": (RIGHT, "    raise SystemExit\n", 2, "calls exit()"),
    "died": (RIGHT, "    import os; os._exit(7)\n", 2, "the process ended with code 7"),
    "integers": ("rng.standard_normal((4, 3))", "np.ones((4, 3), int)", 2, "the parameter w1 holds int64"),
    "nan": (RIGHT, "    dz2 = da2 * np.nan\n", 1, "NaN"),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in ("right", "wrong", "exit", "died") else pytest.mark.slow) for name in CASES]
)
def test_a_file(name: str, example: str, tmp_path: Path) -> None:
    old, new, code, words = CASES[name]
    assert old in example
    (tmp_path / f"{name}.py").write_text(example.replace(old, new, 1 if name == "cost" else -1), encoding="utf8")
    done = check(f"{name}.py", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (code, "")
    assert words in done.stdout
    assert ("Traceback" in done.stdout) == (name == "exception")
    assert "autograd_lite/" not in done.stdout and "grading" not in done.stdout
    if name == "exception":
        assert f'File "{name}.py", line 38, in manual_gradients' in done.stdout
        assert done.stdout.count("File ") == 1


def test_an_endless_loop(example: str, tmp_path: Path) -> None:
    (tmp_path / "loop.py").write_text(example.replace(RIGHT, "    while True: pass\n"), encoding="utf8")
    done = check("loop.py", "--timeout", "3", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "")
    assert "still running after 3 s" in done.stdout


@pytest.mark.slow
def test_many_files_and_a_task(example: str, tmp_path: Path) -> None:
    head, _, by_hand = example.partition("def manual_gradients")
    (tmp_path / "task.py").write_text(head, encoding="utf8")
    (tmp_path / "a.py").write_text(
        "import numpy as np\nprint('hello')\ndef manual_gradients" + by_hand, encoding="utf8"
    )
    (tmp_path / "b.py").write_text(
        ("import numpy as np\ndef manual_gradients" + by_hand).replace('"w2": dz2', '"w2": -dz2'), encoding="utf8"
    )
    done = check("a.py", "b.py", "--task", "task.py", "--quiet", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "a.py: right: all 4 agree", "b.py: WRONG: 1 of 4 differs; w2: it is −1 times the automatic one: a sign is wrong"
    ]  # fmt: skip
    assert done.stderr == ""  # what files print is none of the grades
    results = json.loads(check("a.py", "b.py", "c.py", "--task", "task.py", "--json", cwd=tmp_path).stdout)
    assert [result["status"] for result in results] == [0, 1, 2]
    row = results[1]["comparison"]["rows"][2]
    assert row["name"] == "w2" and "a sign is wrong" in row["hints"][0]
    assert results[2]["message"] == "cannot read c.py: No such file or directory"


def test_help_and_wrong_options(tmp_path: Path) -> None:
    done = check("--help", cwd=tmp_path)
    assert done.returncode == 0
    for option in ("--timeout", "--json", "--quiet", "--example", "--task"):
        assert option in done.stdout
    for arguments, words in (([], "name at least one file"), (["a.py", "--timeout", "never"], "not a number of seconds")):
        done = check(*arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert words in done.stderr and "Traceback" not in done.stderr


def test_the_cost_is_that_of_the_task(example: str, tmp_path: Path) -> None:
    (tmp_path / "task.py").write_text(example, encoding="utf8")
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "def forward(w1, b1, w2, b2, **data):\n    return 0.0 * np.sum(w1)\n"
        "def manual_gradients(w1, b1, w2, b2):\n"
        "    return {'w1': 0 * w1, 'b1': 0 * b1, 'w2': 0 * w2, 'b2': 0 * b2}\n", encoding="utf8",
    )  # fmt: skip
    done = check("mine.py", "--task", "task.py", cwd=tmp_path)
    assert done.returncode == 1
    assert "its forward gives a cost of 0.0, that of the task" in done.stdout


SQUARE = "def forward({}):\n    return {}\ndef manual_gradients({}):\n    return {{'w': {}}}\n"
ODD_FILES = {
    "the rest by keyword": (
        "parameters, data = {'w': np.array([1.0, 2.0])}, {'x': np.array([3.0, 4.0])}\n"
        + SQUARE.format("parameters, **data", "np.sum(parameters['w'] * data['x'])", "parameters, **data", "data['x']"),
        0, "right: the gradients agree",
    ),
    "by position": (
        "parameters, data = {'w': np.array([1.0, 2.0])}, {'x': np.array([3.0, 4.0])}\n"
        + SQUARE.format("w, /, **data", "np.sum(w * data['x'])", "w, /, x", "x"), 0, "right: the gradients agree",
    ),
    "parameters that raise": (
        "def parameters():\n    return {'w': np.ones(2) @ np.ones(3)}\n" + SQUARE.format("w", "np.sum(w**2)", "w", "2 * w"),
        2, "parameters, line 3, raises ValueError",
    ),
    "ragged parameters": (
        "parameters = {'w': [[1.0, 2.0], [3.0]]}\n" + SQUARE.format("w", "np.sum(w**2)", "w", "2 * w"),
        2, "parameters raises ValueError",
    ),
    "a kink that a sample of zeros is at": (
        "parameters = {'w': np.array([[1.0, -2.0], [0.5, 1.5]]), 'b': np.zeros((2, 1))}\n"
        "data = {'x': np.array([[0.0, 0, 1, 1], [0, 1, 0, 1]]), 'y': np.array([0.5, 1, 1, 0])}\n"
        "def forward(w, b, x, y):\n    z = w @ x + b\n    a = np.maximum(z, 0)\n    e = a - y\n"
        "    return {'z': z, 'a': a, 'e': e, 'C': np.sum(e**2)}\n"
        "def manual_gradients(w, b, x, y, z, e):\n    da = 2 * e\n    dz = da * (z > 0)\n"
        "    return {'da': da, 'dz': dz, 'w': dz @ x.T, 'b': dz.sum(1, keepdims=True)}\n",
        0, "right: all 2 agree",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD_FILES)
def test_odd_files(name: str, tmp_path: Path) -> None:
    source, code, words = ODD_FILES[name]
    (tmp_path / "odd.py").write_text("import numpy as np\n" + source, encoding="utf8")
    done = check("odd.py", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (code, "")
    assert words in done.stdout
    assert "grading" not in done.stdout


PLAIN = (
    "import numpy as np\nparameters, data = {{'w': np.array([1.0, 2.0])}}, {{'x': np.array([3.0, 4.0])}}\n"
    "def forward(w, x):\n    z = w * x\n    return {}\ndef manual_gradients(w, x{}):\n    return {}\n"
)
SAID = {
    "tuple": (PLAIN.format("np.sum(z), 3", "", "x"), "NOT JUDGED: forward returned tuple; return the cost, one number, or a dict"),
    "complex": (PLAIN.format("np.sum(z) * 1j", "", "x"), "NOT JUDGED: forward returned a number of dtype complex128; return the"),
    "empty": (PLAIN.format("{}", "", "x"), "NOT JUDGED: forward returned a dict without a cost: call it C (it is empty)"),
    "one": (PLAIN.format("{'z': z}", "", "x"), "NOT JUDGED: forward returned a dict without a cost: call it C (z is there)"),
    "lacking": (PLAIN.format("np.sum(z)", ", p, q", "x"), "NOT JUDGED: manual_gradients asks for p, q, which are among neither"),
    "capital": (PLAIN.format("np.sum(z)", "", "{'W': x}"), "there is no manual gradient of w; is it the one called W?"),
    "extra": (PLAIN.format("np.sum(z)", "", "{'w': x, 'W2': x}"), "right: the gradients agree"),
    "step": (
        PLAIN.format("{'z': z, 'C': np.sum(z)}", "", "{'w': x, 'dz': 2 * w**0, 'rest': w}"),
        "WRONG: the gradients agree, but the first wrong step is dz: it is 2 times the automatic one",
    ),
}  # fmt: skip


def test_what_is_said_about_files(tmp_path: Path) -> None:
    for name, (source, _) in SAID.items():
        (tmp_path / f"{name}.py").write_text(source, encoding="utf8")
    files = [f"{name}.py" for name in SAID]
    done = check(*files, "--quiet", cwd=tmp_path)
    assert done.stderr == ""
    for line, (name, (_, words)) in zip(done.stdout.splitlines(), SAID.items(), strict=True):
        assert line.startswith(f"{name}.py: ") and words in line, done.stdout
    shown = " ".join(check("extra.py", "step.py", cwd=tmp_path).stdout.split())
    assert "the rest was not compared: nothing to compare: W2 belongs to no named Tensor" in shown
    assert "not compared, since no Tensor that requires a gradient is called so: rest" in shown
