"""What the command lines print must not end them: `−`, `σ` and the names of files are not in every encoding."""

import sys
from io import TextIOWrapper


def print_any_character() -> None:
    """Write UTF-8 to files and pipes, and to a terminal ``?`` for what it cannot show.

    On Windows a file is else written in the code page of the country, in which most of our symbols are missing.
    """
    if isinstance(sys.stdout, TextIOWrapper):  # not None, as without a console, nor what a notebook puts there
        sys.stdout.reconfigure(encoding=None if sys.stdout.isatty() else "utf-8", errors="replace")
