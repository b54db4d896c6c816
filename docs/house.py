"""The house as it stands: how large its rooms are, and a picture of who imports whom.

``python docs/house.py`` writes the tables of sizes into the README and docs/architecture.md, between the lines that mark
their place, and the picture docs/images/house.svg. Lines are lines of code: without blank lines, comments and docstrings.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {
    "engine": "recording, Tensor, operation, local gradient, sweep, derivatives",
    "table": "the rows: every operation with its rule, its pull and how both are written",
    "comparing": "manual against automatic against numerical",
    "writing": "names, formulas, the chain rule as text and LaTeX",
    "drawing": "the recording as a picture",
    "compiling": "steps recorded once and replayed",
}
ONE_SITTING = {
    "engine/recording.py": "when something is recorded, and the numbers that order it",
    "engine/tensor.py": "an array that remembers how it was computed",
    "engine/operation.py": "how a row of the table becomes a function that records",
    "engine/local_gradient.py": "what a node stores about each operand",
    "table/elementwise.py": "the rows of everything that acts entry by entry",
    "engine/backward.py": "the sweep: each node once, newest first",
}
"""The reading order; what is read in one sitting."""


def code_lines(path: Path) -> int:
    """The lines of a file without blanks, comments and docstrings."""
    text = path.read_text(encoding="utf8")
    docstrings: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                docstrings.update(range(body[0].lineno, (body[0].end_lineno or 0) + 1))
    silent = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in silent:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - docstrings)


def size(folder: Path) -> int:
    return sum(code_lines(path) for path in folder.rglob("*.py"))


def room_table() -> str:
    rows = [f"| `{room}/` | {what} | {size(ROOT / 'autograd_lite' / room):,} |" for room, what in ROOMS.items()]
    rows.append(f"| **autograd_lite** | with its face | {size(ROOT / 'autograd_lite'):,} |")
    rows.append(f"| `nets/` | networks on top of it | {size(ROOT / 'nets'):,} |")
    return "\n".join(["| room | what is in it | lines of code |", "|---|---|---|", *rows])


def sitting_table() -> str:
    sizes = {name: code_lines(ROOT / "autograd_lite" / name) for name in ONE_SITTING}
    rows = [f"| {i} | `{name}` | {what} | {sizes[name]} |" for i, (name, what) in enumerate(ONE_SITTING.items(), 1)]
    rows.append(f"| | **one sitting** | | **{sum(sizes.values()):,}** |")
    return "\n".join(["| | file | what it says | lines of code |", "|---|---|---|---|", *rows])


TABLES = {"rooms": room_table, "one sitting": sitting_table}


def imports() -> set[tuple[str, str]]:
    """Pairs of rooms: who imports, who is imported."""
    found = set()
    for room in [*ROOMS, "nets"]:
        folder = ROOT / "nets" if room == "nets" else ROOT / "autograd_lite" / room
        for path in folder.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
                if isinstance(node, ast.ImportFrom) and str(node.module).startswith("autograd_lite"):
                    other = (str(node.module).split(".") + ["autograd_lite"])[1]
                    found.add((room, other if other in ROOMS else "autograd_lite"))
    return {(a, b) for a, b in found if a != b}


def picture() -> str:
    """The rooms and the arrows between them, as dot source; an arrow that others imply is left out."""
    arrows = imports() | {("autograd_lite", room) for room in ROOMS}
    implied = {(a, c) for a, b in arrows for d, c in arrows if b == d}
    lines = [
        'digraph house { rankdir=TB; node [shape=box style="rounded,filled" fillcolor="#f6f8fa" color="#6a737d" '
        'fontname="Helvetica" fontsize=12]; edge [color="#6a737d" arrowsize=0.7];'
    ]
    for room in [*ROOMS, "nets", "autograd_lite"]:
        folder = ROOT / room if room in ("nets", "autograd_lite") else ROOT / "autograd_lite" / room
        lines_of = f"{size(folder):,} lines" if room != "autograd_lite" else "the face"
        sitting = ' fillcolor="#e3eefb" color="#2f6db5" penwidth=2' if room in ("engine", "table") else ""
        lines.append(f'"{room}" [label="{room}\\n{lines_of}"{sitting}];')
    lines += [f'"{a}" -> "{b}";' for a, b in sorted(arrows - implied)]
    return "\n".join([*lines, "}"])


def with_tables(text: str) -> str:
    """A page with its tables of sizes made anew."""

    def table(match: re.Match[str]) -> str:
        return f"<!-- sizes: {match[1]} -->\n{TABLES[match[1]]()}\n<!-- end of sizes -->"

    return re.sub(r"<!-- sizes: ([\w ]+) -->\n.*?<!-- end of sizes -->", table, text, flags=re.DOTALL)


def main() -> None:
    for page in (ROOT / "README.md", ROOT / "docs" / "architecture.md"):
        page.write_text(with_tables(page.read_text(encoding="utf8")), encoding="utf8")
    print(sitting_table(), room_table(), sep="\n\n")
    try:
        import pygraphviz
    except ImportError:
        print("\nno picture: it takes pip install 'pygraphviz>=2'")
    else:
        pygraphviz.AGraph(string=picture()).draw(str(ROOT / "docs" / "images" / "house.svg"), prog="dot")


if __name__ == "__main__":
    main()
