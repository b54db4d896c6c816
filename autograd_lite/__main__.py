"""``python -m autograd_lite check FILE ...``: compare gradients written by hand in plain NumPy with the right ones."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import autograd_lite as ag
from autograd_lite.comparing import grading
from autograd_lite.console import print_any_character

ag.compare_steps  # the face hands over the chain rule


def main() -> int:
    print_any_character()
    options = arguments()
    if options.example:
        print(grading.EXAMPLE, end="")
        return 0
    if options.into:
        grading.write_judgement(options.files[0], options.task, options.into)
        return 0
    results = []
    for path in options.files:
        result = grading.judge_apart(path, options.task, options.timeout, options.quiet or options.json)
        results.append(result)
        if not options.json:
            show(result, options.quiet, len(options.files) > 1)
    if options.json:
        print(json.dumps(results if len(results) > 1 else results[0], indent=2, ensure_ascii=False))
    elif len(results) > 1 and not options.quiet:
        counts = [sum(result["status"] == status for result in results) for status in (0, 1, 2)]
        print(f"{len(results)} files: {counts[0]} right, {counts[1]} wrong, {counts[2]} not judged")
    return max(result["status"] for result in results)


def show(result: dict[str, Any], quiet: bool, several: bool) -> None:
    """One file, in one line or in full."""
    word = ("right", "WRONG", "NOT JUDGED")[result["status"]]
    line = f"{result['file']}: {word}: {result['message']}"
    if quiet or not result["text"]:
        print(line, flush=True)
    elif result["status"] == grading.NOT_JUDGED:
        print(f"{line}\n{result['text']}", flush=True)
    else:
        print(f"{line}\n\n{result['text']}" + "\n" * several, flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m autograd_lite", description=__doc__)
    check = parser.add_subparsers(dest="command", required=True, metavar="check").add_parser(
        "check",
        help="compare forward(...) and manual_gradients(...) of each file",
        description="Each file has a dict parameters, a dict data, a function forward(...) that returns the cost, and a "
        "function manual_gradients(...) that returns a dict of gradients, all in plain NumPy. The exit code is 0 if all "
        "files are right, 1 if one is wrong, 2 if one could not be judged. The files are run as they are.",
        epilog="Thirty files in one line: python -m autograd_lite check --quiet submissions/*.py > grades.txt",
    )
    check.add_argument("files", nargs="*", metavar="FILE", help="a file of Python")
    check.add_argument("--task", metavar="FILE", help="where parameters, data and forward are, if files lack them; its parameters "
                       "and data come first")
    check.add_argument("--timeout", type=positive, default=60.0, metavar="SECONDS", help="for each file (default: 60)")
    check.add_argument("--json", action="store_true", help="print everything as JSON")
    check.add_argument("--quiet", action="store_true", help="print one line for each file")
    check.add_argument("--example", action="store_true", help="print a file that can be checked, and stop")
    check.add_argument("--into", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.files and not options.example:
        check.error("name at least one file, or --example")
    return options


def positive(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds")
    return seconds


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # as after `| head`
        sys.stderr.close()
