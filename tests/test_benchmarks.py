"""The contenders of the benchmark do the same work. No time is looked at."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.contenders import HAND, LEARNING_RATE, Start, check_agreement, ready
from benchmarks.report import Table, verdict
from benchmarks.timing import Spread

OURS = [HAND, "hand, preallocated", "eager, nets", "eager, operators", "compiled"]
ROOT = Path(__file__).parent.parent


def cost_of(w1, b1, w2, b2, x, y):
    """The definition, in long double: what numerical differentiation differentiates."""
    a1 = 1 / (1 + np.exp(-(w1 @ x + b1)))
    a2 = 1 / (1 + np.exp(-(w2 @ a1 + b2)))
    return ((y - a2) ** 2).sum() / 2


def test_the_step_by_hand_goes_down_the_numerical_gradient():
    start = Start.random((3, 4, 1, 4), "float64")
    contender = ready(start, [HAND])[HAND]
    precise = [a.astype(np.longdouble) for a in start]
    assert float(contender.step(*contender.batch)) == pytest.approx(float(cost_of(*precise)), rel=1e-14)
    for k, moved in enumerate(contender.parameters()):
        for index in np.ndindex(moved.shape):
            costs = []
            for h in (1e-6, -1e-6):
                shifted = [a.copy() for a in precise]
                shifted[k][index] += h
                costs.append(cost_of(*shifted))
            slope = (costs[0] - costs[1]) / 2e-6
            assert start[k][index] - moved[index] == pytest.approx(LEARNING_RATE * float(slope), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", [(3, 4, 1, 4), (64, 32, 10, 32), (5, 1, 2, 1)])
def test_contenders_agree_for_some_steps(shape, dtype):
    start = Start.random(shape, dtype)
    contenders = ready(start, OURS)
    assert list(contenders) == OURS
    check_agreement(start, contenders, steps=7)
    for contender in contenders.values():
        assert all(p.dtype == dtype for p in contender.parameters())


@pytest.mark.parametrize("wrong", range(4))
def test_a_contender_with_one_wrong_gradient_is_found_out(wrong):
    start = Start.random((3, 4, 1, 4), "float64")
    contenders = ready(start, [HAND, "eager, nets"])
    honest = contenders["eager, nets"]

    def parameters():
        found = [p.copy() for p in honest.parameters()]
        found[wrong] += 1e-6 * (found[wrong] - start[wrong])
        return found

    contenders["eager, nets"] = honest._replace(parameters=parameters)
    name = start._fields[wrong]
    with pytest.raises(AssertionError, match=f"eager, nets: {name} differs from that of hand by 1.0e-06"):
        check_agreement(start, contenders)


def test_contenders_leave_the_start_alone():
    start = Start.random((3, 4, 1, 4), "float64")
    before = [a.copy() for a in start]
    check_agreement(start, ready(start, OURS))
    for a, b in zip(start, before):
        np.testing.assert_array_equal(a, b)


def test_tables_as_text_and_markdown():
    table = Table("Times", ["", "a", "b"], [["hand", Spread(1.5, 1.4, 1.6), None], ["other", 12345.6, "1.00 met"]])
    assert table.text().splitlines() == [
        "Times",
        "",
        "                a         b",
        "───────────────────────────",
        "hand   1.50 ±0.10         –",
        "other      12,346  1.00 met",
    ]
    assert table.markdown().splitlines()[2:5] == ["|  | a | b |", "|---|---:|---:|", "| hand | 1.50 ±0.10 | – |"]


def test_a_target_is_met_in_the_digits_shown():
    assert verdict(Spread(1.354, 1.3, 1.4), 1.35) == "1.35 met"
    assert verdict(Spread(1.356, 1.3, 1.4), 1.35) == "1.36 missed"
    assert verdict(None, 1.35) is verdict(Spread(1.35, 1.3, 1.4), None) is None


def run(*arguments):
    command = [sys.executable, "-W", "error", "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)


@pytest.mark.slow
def test_the_program_measures_and_reports(tmp_path):
    options = ["--quick", "--only", "steps", "--shapes", "3-4-1x4", "--contenders", "eager", "compiled"]
    done = run(*options, "--json", str(tmp_path / "times.json"), "--plot", str(tmp_path / "times.png"))
    assert done.returncode == 0, done.stderr
    for text in ("hand, µs", "eager, nets / hand ≤", "compiled"):
        assert text in done.stdout
    assert all(len(line) <= 100 for line in done.stdout.splitlines())
    steps = json.loads((tmp_path / "times.json").read_text(encoding="utf-8"))["steps"]
    assert {entry["contender"] for entry in steps} == {HAND, "eager, nets", "eager, operators", "compiled"}
    assert all(len(entry["seconds"]) == 5 for entry in steps)
    assert (tmp_path / "times.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("arguments, said", [
    (["--threads", "0"], "'0' is no whole number from 1 up"),
    (["--shapes", "3-4-1x0"], "'3-4-1x0' is not a shape N0-N1-N2xBATCH such as 3-4-1x4, of numbers from 1 up"),
])  # fmt: skip
def test_numbers_that_are_too_small_are_refused(arguments, said):
    done = run(*arguments)
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]


def test_an_unknown_contender_is_answered_with_those_there_are():
    done = run("--contenders", "fortran")
    assert done.returncode == 2
    assert "none begins with 'fortran'; there are: hand; hand, preallocated; eager, nets;" in done.stderr
