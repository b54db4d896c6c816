"""`python -m benchmarks`: automatic gradients against those by hand and against other libraries."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence

from autograd_lite.console import print_any_character
from benchmarks import report, scale
from benchmarks.contenders import ENTRIES, HAND, SHAPES, Shape, Start, check_agreement, ready
from benchmarks.timing import Effort, Times, alone, interleaved

THREADS = "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NPROC"
"""The variables from which BLAS, PyTorch and JAX (the last) take the number of their threads when they are imported."""


def natural(text: str) -> int:
    """A number from 1 up."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 up")
    return int(text)


def shape(text: str) -> Shape:
    """``3-4-1x4`` as (3, 4, 1, 4)."""
    try:
        n0, n1, n2, batch = (natural(n) for n in text.replace("x", "-").replace("×", "-").split("-"))
    except (ValueError, argparse.ArgumentTypeError):
        raise argparse.ArgumentTypeError(f"{text!r} is not a shape N0-N1-N2xBATCH such as 3-4-1x4, of numbers from 1 up") from None
    return n0, n1, n2, batch


def labels(beginning: str) -> list[str]:
    """The contenders whose label begins like that."""
    found = [label for label in ENTRIES if label.lower().startswith(beginning.lower())]
    if not found:
        raise argparse.ArgumentTypeError(f"none begins with {beginning!r}; there are: {'; '.join(ENTRIES)}")
    return found


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="a rough answer in under a minute: float64 only, few rounds")
    add("--shapes", type=shape, nargs="+", default=SHAPES, metavar="N0-N1-N2xBATCH", help="such as 3-4-1x4")
    add("--contenders", type=labels, nargs="+", default=[list(ENTRIES)], metavar="NAME", help="beginnings of names")
    add("--dtypes", nargs="+", choices=("float64", "float32"), help="default: both")
    add("--threads", type=natural, default=1, help=f"of every library, 1 by default; there are {os.cpu_count()} cores")
    add("--only", choices=("steps", "scale"), help="only the tables of training steps, or only the others")
    add("--markdown", action="store_true", help="print the tables as in benchmarks/README.md")
    add("--json", metavar="FILE", help="write all times and tables; to standard output if FILE is -")
    add("--plot", metavar="FILE", help="draw the ratios (needs matplotlib)")
    options = parser.parse_args()
    chosen = {HAND}.union(*options.contenders)
    options.contenders = [label for label in ENTRIES if label in chosen]
    options.dtypes = options.dtypes or (["float64"] if options.quick else ["float64", "float32"])
    return options


def limit_threads(threads: int) -> None:
    """Go on in a new interpreter, where the libraries find that number when they are imported."""
    wanted = dict.fromkeys(THREADS, str(threads))
    if not wanted.items() <= os.environ.items():
        again = [sys.executable, "-m", "benchmarks", *sys.argv[1:]]
        sys.exit(subprocess.run(again, env=os.environ | wanted).returncode)


def race(shape: Shape, dtype: str, labels: Sequence[str], effort: Effort) -> tuple[Times, float]:
    """The times of all contenders, and that of `hand` by itself, once their results have been found to agree."""
    start = Start.random(shape, dtype)
    check_agreement(start, ready(start, labels))
    tasks = {label: contender.task() for label, contender in ready(start, labels).items()}
    return interleaved(tasks, effort), alone(tasks[HAND], effort)


def main() -> None:
    print_any_character()
    options = arguments()
    limit_threads(options.threads)
    rest = 0.05 if options.threads > 1 else 0.0  # one thread does not spin
    effort = Effort(5, 0.004, rest) if options.quick else Effort(25, 0.02, rest)
    about = report.about(options.threads)
    tables: list[report.Table] = []
    out = sys.stderr if options.json == "-" else sys.stdout

    def show(*made: report.Table) -> None:
        for table in filter(lambda table: table.rows, made):
            tables.append(table)
            print(table.markdown() if options.markdown else table.text(), end="\n\n", file=out, flush=True)

    show(report.Table("Measured on", ["", ""], [list(item) for item in about.items()]))
    measured: dict[str, dict[Shape, Times]] = {}
    if options.only != "scale":
        for dtype in options.dtypes:
            races = {shape: race(shape, dtype, options.contenders, effort) for shape in options.shapes}
            measured[dtype] = {shape: times for shape, (times, _) in races.items()}
            by_itself = {shape: seconds for shape, (_, seconds) in races.items()}
            show(report.steps(dtype, measured[dtype], by_itself), report.targets(dtype, measured[dtype]))
    if options.only != "steps":
        show(scale.inference(effort), scale.scalar_graphs(effort), scale.second_derivatives(effort))
        show(scale.deep_graphs([10**k for k in range(2, 6 if options.quick else 7)]))
        show(scale.memory(options.contenders, 500 if options.quick else 10_000))
        show(scale.import_time(5 if options.quick else 25))
    if options.plot and measured:
        report.plot(options.plot, measured)
    if options.json:
        text = json.dumps(report.as_json(about, measured, tables), indent=1, ensure_ascii=False)
        if options.json == "-":
            print(text)
        else:
            with open(options.json, "w", encoding="utf-8") as file:
                file.write(text + "\n")


if __name__ == "__main__":
    main()
