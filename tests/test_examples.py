"""The examples run as a newcomer runs them, in a process of their own, and write where they say and nowhere else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from nets import MLP, evaluate, train

ROOT = Path(__file__).parent.parent


def can_render() -> bool:
    """Whether there is the Python package graphviz, and a Graphviz for it to talk to."""
    try:
        bundled = int(version("pygraphviz").split(".")[0]) >= 2
    except PackageNotFoundError:
        bundled = False
    return find_spec("graphviz") is not None and (bundled or shutil.which("dot") is not None)


def run(
    *arguments: str, cwd: Path, expected: int = 0, example: str = "two_layer_network"
) -> subprocess.CompletedProcess[str]:
    """Run the example from another folder; with warnings as errors, and no bytecode that would count as written."""
    done = subprocess.run(
        [sys.executable, "-B", "-W", "error", str(ROOT / "examples" / f"{example}.py"), *arguments],
        cwd=cwd,
        # ascii: what is printed is UTF-8 whatever Python would take, as on Windows
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii", "COLUMNS": "80"},
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
    [
        pytest.param("digits", ["sklearn", "matplotlib"], ["w1", "b1", "w2", "b2"], marks=pytest.mark.slow),
        ("chapter", ["matplotlib"], ["w1", "w2"]),
    ],
)
def test_two_layer_network(data: str, packages: list[str], tables: list[str], tmp_path: Path) -> None:
    for package in packages:
        pytest.importorskip(package)
    (tmp_path / "here").mkdir()
    before = files(ROOT / "examples"), files(ROOT / "nets"), files(ROOT / "autograd_lite")
    done = run("--data", data, "--epochs", "3", "--output", "../out/of here", cwd=tmp_path / "here")
    assert before == (files(ROOT / "examples"), files(ROOT / "nets"), files(ROOT / "autograd_lite"))

    more = [f"{data}_misclassified.png", f"{data}_hidden_units.png"] if data == "digits" else []
    images = [f"{data}_learning_curve.png", *more, f"{data}_graph.svg", f"{data}_graph.png"]
    assert files(tmp_path) == {f"out/of here/{name}" for name in images}
    written = done.stdout.split("written:")[1].split("\n")
    assert [line.strip() for line in written if line] == [f"../out/of here/{name}" for name in images]
    out = tmp_path / "out" / "of here"
    for name in (image for image in images if image.endswith("png")):
        assert (out / name).read_bytes().startswith(b"\x89PNG\r\n")
    svg = (out / images[-2]).read_text(encoding="utf-8")
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


@pytest.mark.parametrize(
    ("example", "packages", "written", "said"),
    [
        ("xor", ["matplotlib"], ["xor_surface.png"], "[0 0 1]         0"),
        ("own_csv", [], ["made_up.csv", "own_csv.npz"], "held out"),
        ("rnn", [], [], "all 5 agree"),
        *(
            pytest.param(*each, marks=pytest.mark.slow)
            for each in (
                ("moons", ["matplotlib"], ["moons_boundary.png"], "steps of 100 samples"),
                ("gaussian_process", ["scipy", "matplotlib"], ["gaussian_process.png"], "in 3 steps"),
                ("neural_ode", ["matplotlib"], ["neural_ode.png"], "the true path is at [-0.22  0.58]"),
            )
        ),
    ],
)
def test_other_examples(example: str, packages: list[str], written: list[str], said: str, tmp_path: Path) -> None:
    for package in packages:
        pytest.importorskip(package)
    output = ["--output", "out"] if written else []
    done = run("--epochs", "3", *output, cwd=tmp_path, example=example)
    assert said in done.stdout
    assert files(tmp_path) == {f"out/{name}" for name in written}
    assert ("--output DIR" in run("--help", cwd=tmp_path, example=example).stdout) == bool(written)


def test_the_likelihood_of_the_gaussian_process_is_scipys() -> None:
    stats = pytest.importorskip("scipy.stats")
    from gaussian_process import kernel, minus_log_likelihood

    params = {"length": 0.3, "height": -0.2, "noise": -1.0}
    x, y = np.array([-1.0, 0.2, 0.5, 2.0]), np.array([0.3, -0.4, 0.1, 1.0])
    covariance = kernel(params, x, x) + np.exp(-2.0) * np.eye(4)
    right = -stats.multivariate_normal.logpdf(y, np.zeros(4), covariance)
    assert minus_log_likelihood(params, x, y) == pytest.approx(right, rel=1e-12)
    ag.check_gradients(lambda params: minus_log_likelihood(params, x, y), params)


def test_steps_of_runge_and_kutta_are_of_fourth_order() -> None:
    """The path of x' = a x is exp(a t), and its derivative with respect to a is t exp(a t)."""
    from neural_ode import STEP, runge_kutta

    t = 20 * STEP
    value, slope = ag.value_and_grad(lambda a: runge_kutta(lambda x: a * x, 1.0, 20)[-1])(-0.7)
    assert value == pytest.approx(np.exp(-0.7 * t), rel=1e-7)
    assert slope == pytest.approx(t * np.exp(-0.7 * t), rel=1e-6)


def test_comparing_gradients(tmp_path: Path) -> None:
    """What is printed alone says where each of the derivations goes wrong."""
    parts = re.split(r"\n\d\. ", run(cwd=tmp_path, example="compare_gradients").stdout)
    assert all(len(line) <= 80 for part in parts for line in part.splitlines()) and files(tmp_path) == set()
    _, right, slope, transposed, two = parts
    assert "all 8 agree\n" in right and "→" not in right
    for part, first, hint, line, follow in (
        (slope, "dz2", "the factor σ'(z2) is missing", "∂C/∂z2 = ∂C/∂a2 ⊙ σ'(z2)", "db2 da1 dw2 dz1 db1 dw1"),
        (transposed, "da1", "w2 stands in place of (w2)ᵀ", "∂C/∂a1 = (w2)ᵀ ∂C/∂z2", "dz1 db1 dw1"),
        (two, "da2", "it is −1 times the automatic one: a sign is wrong", "∂C/∂a2 = −", "dz2 db2 da1 dw2 dz1 dw1"),
    ):
        assert f"the first wrong step is {first}\n" in part and hint in part and f"right is {line}" in part
        assert " ".join(re.findall(r"^(\w+): follows from", part, re.MULTILINE)) == follow
    assert "→ it is 1/5 of what the steps before it give, and 5 is the batch size: a mean\n" in two


@pytest.mark.parametrize(
    ("example", "missing", "said"),
    [
        ("two_layer_network", "sklearn", "pip install scikit-learn"),
        ("two_layer_network", "graphviz", 'pip install graphviz "pygraphviz>=2"'),
        ("xor", "matplotlib", "pip install matplotlib"),
        ("moons", "matplotlib", "pip install matplotlib"),
        ("data_parallel", "mpi4py", "pip install mpi4py mpich"),
        ("gallery", "graphviz", 'pip install graphviz "pygraphviz>=2"'),
    ],
)
def test_a_missing_package_is_told_before_the_work(
    example: str, missing: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    common, module = import_module("common"), import_module(example)
    monkeypatch.setattr(common, "find_spec", lambda package: package != missing or None)
    monkeypatch.setattr(module, "train", None, raising=False)
    with pytest.raises(SystemExit, match=re.escape(said)):
        module.main([])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('"a","b, c","kind"\n' + '"1","2","x, y"\n\n3,4,# z\n' * 3, "written:"),
        ("a,b,kind\n" + "1,2,x\n3,,y\n" * 3, "sample 2 has '' for b, which is no number"),
        ("a,b,kind\n" + "red,2,x\n3,1,y\n" * 3, "sample 1 has 'red' for a, which is no number"),
        ("a,b,kind\n1,2,x\n3,y\n", "sample 2 has 2 fields, and the header 3"),
        ("a;b;kind\n1;2;x\n", "the header is a single field"),
        ("a,b,kind\n" + "1,2,x\n" * 6, "two classes in the last column"),
        ("a,b\n" + "".join(f"{i},{i / 7}\n" for i in range(20)), "the last column, b, has as many values as there are samples"),
        ("", "the header is a single field"),
    ],
)
def test_own_csv_takes_or_tells(text: str, said: str, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.syspath_prepend(ROOT / "examples")
    (tmp_path / "my.csv").write_text("\ufeff" + text, encoding="utf-8")
    try:
        import_module("own_csv").main([str(tmp_path / "my.csv"), "--epochs", "1", "--output", str(tmp_path)])
    except SystemExit as end:
        assert end.code == 2
    output = "".join(capsys.readouterr())
    assert said in output and "Traceback" not in output


def test_own_csv_tells_that_a_file_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "my.csv").write_bytes("größe,art\n1,x\n".encode("latin-1"))
    done = run("my.csv", cwd=tmp_path, example="own_csv", expected=2)
    assert done.stderr.splitlines()[-1].endswith("my.csv is not in UTF-8: save it as UTF-8, which spreadsheets call 'CSV UTF-8'")


def test_an_unknown_picture_is_answered_with_those_there_are(tmp_path: Path) -> None:
    done = run("nonsense", cwd=tmp_path, example="gallery", expected=2)
    assert "there is no picture 'nonsense'; there are scalars, neuron, " in done.stderr


def moons_accuracy(seed: int) -> float:
    from moons import max_margin, two_moons

    x, y = two_moons(100, np.random.default_rng(seed + 1))
    net = MLP([2, 16, 16, 1], hidden="relu", output="linear", initial="he", seed=seed)
    train(
        net, x, y, epochs=100, batch_size=100, learning_rate=lambda epoch: 0.05 * (1 - 0.9 * epoch / 100),
        cost=max_margin, l2=1e-4, optimizer="adam", seed=seed, progress=False,
    )  # fmt: skip
    return evaluate(net, x, y, cost=max_margin).accuracy


def digits_accuracy(seed: int) -> float:
    from two_layer_network import digits

    problem = digits(seed)
    train(problem.net, problem.x, problem.y, epochs=8, batch_size=10, learning_rate=0.3, seed=seed, progress=False)
    assert problem.held_out is not None
    return evaluate(problem.net, *problem.held_out).accuracy


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))])
@pytest.mark.parametrize(("accuracy", "least"), [(moons_accuracy, 0.99), (digits_accuracy, 0.93)])
def test_accuracy_for_five_seeds(accuracy: Callable[[int], float], least: float, seed: int, monkeypatch: Any) -> None:
    if accuracy is digits_accuracy:
        pytest.importorskip("sklearn")
    monkeypatch.syspath_prepend(ROOT / "examples")
    assert accuracy(seed) >= least


# Several processes ------------------------------------------------------------------------------------------------

MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")


def in_ranks(size: int, *command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("mpi4py")
    if MPIEXEC is None:
        pytest.skip("there is no mpiexec")
    return subprocess.run(
        [MPIEXEC, "-n", str(size), sys.executable, "-B", *command],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'examples'}"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.parametrize("size", [2, 3])
def test_ranks_train_as_one_process(size: int, tmp_path: Path) -> None:
    done = in_ranks(size, str(ROOT / "examples" / "data_parallel.py"), "--epochs", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"{size} ranks: History(2 epochs" in done.stdout
    assert float(done.stdout.split("single process: ")[1]) < 1e-12


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "raise RuntimeError('this rank fails')"])
def test_a_rank_that_dies_ends_the_run(end: str, tmp_path: Path) -> None:
    (tmp_path / "dies.py").write_text(
        "import os, data_parallel\n"
        "adder = data_parallel.adder\n"
        "def dying(world):\n"
        "    add_up, calls = adder(world), []\n"
        "    def hook(parameters):\n"
        "        calls.append(1)\n"
        "        if world.Get_rank() == 1 and len(calls) == 10:\n"
        f"            {end}\n"
        "        add_up(parameters)\n"
        "    return hook\n"
        "data_parallel.adder = dying\n"
        "data_parallel.main(['--epochs', '2'])\n"
    )
    assert in_ranks(2, "dies.py", cwd=tmp_path).returncode != 0
