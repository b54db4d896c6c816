"""Running Graphviz: from dot source to svg, png and pdf, with whatever Graphviz there is on the machine.

A `dot` program on the PATH comes first; otherwise the library that the wheels of pygraphviz (2.0 and later)
bundle does the same work. It runs in a process of its own: what goes wrong there is an exit status and a few
words, as with `dot`, and not the end of the user's program.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from html import escape, unescape
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from autograd_lite.drawing.files import write_file

INSTALL = 'pip install graphviz "pygraphviz>=2"'  # by name: on an index, autograd_lite may be somebody else's

try:
    import graphviz
except ImportError as error:
    raise ImportError(f"drawing needs the Python package graphviz: {INSTALL}") from error

BUNDLED = """
import sys, pygraphviz
try:
    graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())
    sys.stdout.buffer.write(graph.draw(format=sys.argv[1], prog=sys.argv[2], args=" ".join(sys.argv[3:])))
except Exception as error:
    sys.exit(str(error))
"""

LARGE = 2**21  # a picture of so many letters is not read letter by letter
MEASURES = Path(__file__).parent / "measures"
"""Fonts without letters that are as wide as Times, made by docs/measures.py: what is drawn on one machine is read on another."""
MEASURED = (
    '<match target="pattern"><edit name="family" mode="prepend" binding="strong"><string>Measures</string></edit></match>'
)
FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts")


class Drawing(graphviz.Digraph):  # type: ignore[misc,unused-ignore]
    """A `graphviz.Digraph` that shows and renders itself also where there is no `dot` program.

    Attributes
    ----------
    hints : list of str
        Lines for the layout alone: arrows that are not seen. They are no part of `source`, which has the
        arrows of the graph and no others.
    """

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.hints: list[str] = []

    def pipe(  # type: ignore[override,unused-ignore]
        self,
        format: str | None = None,
        *,
        engine: str | None = None,
        encoding: str | None = None,
        resolution: float | None = None,
        **others: Any,
    ) -> Any:
        """The picture as bytes, or as text in the given encoding.

        Parameters
        ----------
        format : str
            ``"svg"``, ``"png"``, ``"pdf"`` or another of Graphviz' formats; by default that of the drawing, `format`, which
            is ``"pdf"`` as in the package graphviz.
        engine : str
            The layout program, ``"dot"`` by default.
        encoding : str, optional
        resolution : float, optional
            Pixels per inch.
        """
        refuse_others(others)
        format, engine = format or self.format, engine or self.engine
        source = self.source.rstrip().removesuffix("}") + "".join(self.hints) + "}\n"
        layout: dict[str, Any] = {}
        if len(source) < LARGE and (format == "svg" or "cluster" in source and format in ("png", "pdf")):
            layout = json.loads(run_graphviz(source, "json", engine, measured=format == "svg"))
            source = free_titles(source, layout)
        data = run_graphviz(source, format, engine, resolution, measured=format == "svg")
        if format == "svg":
            svg = fit_texts(data.decode(), layout)
            family = f' font-family="{self.node_attr["fontname"]}"'  # once, and not in every line
            svg = svg.replace(family, "").replace("<svg ", f'<svg{family} style="max-width: 100%; height: auto" ', 1)
            data = svg.replace("\\\u2060", "\\").encode()
        return data.decode(encoding) if encoding else data

    def render(  # type: ignore[override,unused-ignore]
        self, filename: Any = None, directory: Any = None, view: bool = False, cleanup: bool = False,
        format: str | None = None, *, outfile: Any = None, engine: str | None = None, **others: Any,
    ) -> str:  # fmt: skip
        """Save the dot source and, beside it or as `outfile`, the picture; its path. See `autograd_lite.render`."""
        refuse_others(others)
        if outfile is not None:
            format, filename = format or Path(outfile).suffix[1:], filename or Path(outfile).with_suffix(".gv")
        data = self.pipe(format, engine=engine)
        source = self.save(filename, directory=directory)
        path = f"{source}.{format or self.format}" if outfile is None else str(outfile)
        write_file(path, data)
        if cleanup:
            os.remove(source)
        if view:
            graphviz.view(path)
        return path


def refuse_others(options: dict[str, Any]) -> None:
    """Refuse options of the package graphviz that other programs than its `dot` do not have."""
    names = sorted(name for name, value in options.items() if value and not name.startswith("quiet"))
    if names:
        given = ", ".join(names)
        raise TypeError(f"a drawing is rendered without {given}: leave that out, or take graphviz.Source(drawing.source)")


def fit_texts(svg: str, layout: dict[str, Any]) -> str:
    """`svg` with the width of each text as Graphviz reckoned it, so that in no reader's font it outgrows its box.

    It was reckoned in the widths of Times, so that most readers' fonts need no stretching, and those that do are wider.
    """
    widths = {}
    for item in parts(layout):
        size, style = 0.0, 0
        for operation in item.get("_ldraw_", ()):
            if operation["op"] == "F":
                size = operation["size"]
            elif operation["op"] == "t":
                style = operation["fontchar"] & 3  # 1: bold, 2: italic
            elif operation["op"] == "T":
                widths[operation["text"].replace("\xa0", " "), size, style] = operation["width"]

    def with_width(element: re.Match[str]) -> str:
        attributes, size, words = element.groups()
        style = ("bold" in attributes) + 2 * ("italic" in attributes)
        width = widths.get((unescape(words).replace("\xa0", " "), float(size), style))
        extent = f' textLength="{width:g}" lengthAdjust="spacingAndGlyphs"' if width else ""
        return element[0].replace("<text", f"<text{extent}", 1)

    return re.sub('<text ([^>]*font-size="([^"]*)"[^>]*)>([^<]*)', with_width, svg)


def parts(layout: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield layout
    yield from layout.get("objects", ())
    yield from layout.get("edges", ())


def free_titles(source: str, layout: dict[str, Any]) -> str:
    """`source` with the titles of scopes moved to the right end, or the middle, where an arrow runs through the left one."""
    curves = [
        np.array(operation["points"])
        for edge in layout.get("edges", ())
        for operation in edge.get("_draw_", ())
        if operation["op"] == "b"
    ]
    for scope in layout.get("objects", ()):
        if "lwidth" in scope and "bb" in scope:
            left, bottom, right, top = map(float, scope["bb"].split(","))
            width, y = 72 * float(scope["lwidth"]), float(scope["lp"].split(",")[1])
            half = 36 * float(scope["lheight"])
            starts = {"l": left + 6, "r": right - width - 6, "c": (left + right - width) / 2}
            for place, x in starts.items():
                if not any(crosses(curve, x - 3, x + width + 3, y - half, y + half) for curve in curves):
                    begin = source.index(f"subgraph {scope['name']} ")
                    source = source[:begin] + source[begin:].replace("labeljust=l", f"labeljust={place}", 1)
                    break
    return source


def crosses(curve: Any, left: float, right: float, bottom: float, top: float) -> bool:
    """Whether Bézier curves, one after the other, run through a rectangle."""
    t = np.linspace(0, 1, 50)[:, None]
    for a, b, c, d in (curve[i : i + 4] for i in range(0, len(curve) - 1, 3)):
        x, y = ((1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d).T
        if np.any((left < x) & (x < right) & (bottom < y) & (y < top)):
            return True
    return False


def run_graphviz(
    source: str, format: str, engine: str = "dot", resolution: float | None = None, *, measured: bool = False
) -> bytes:
    """Lay out and draw dot source; if `measured`, with the letter widths of MEASURES, which are the same on every
    machine.

    Raises
    ------
    ImportError
        If there is no Graphviz on this machine.
    RuntimeError
        If Graphviz fails, in its own words.
    """
    arguments = [] if resolution is None else [f"-Gdpi={resolution:g}"]
    dot = shutil.which("dot")
    commands = [] if dot is None else [[dot, f"-T{format}", f"-K{engine}", *arguments]]
    if has_bundled_graphviz():  # which draws what an older dot gives up on
        commands.append([sys.executable, "-c", BUNDLED, format, engine, *arguments])
    if not commands:
        raise ImportError(f"drawing needs Graphviz, and there is no `dot` program on the PATH: {INSTALL}")
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        if sys.platform.startswith("linux"):
            if measured:
                fonts = Path(folder, "measures")
                shutil.copytree(MEASURES, fonts)  # beside them older versions of fontconfig leave a file
                environment |= find_fonts(folder, fonts, before=MEASURED)
            elif not has_fonts():
                environment |= borrow_fonts(folder, format)
        words = ""
        for command in commands:
            done = subprocess.run(command, input=source.encode(), capture_output=True, env=environment)
            if not done.returncode and done.stdout:
                return done.stdout
            words = words or done.stderr.decode(errors="replace").strip() or f"exit status {done.returncode}"
    what = "picture" if format == "json" else format
    raise RuntimeError(f"Graphviz could not draw the {what}: {words}")


def has_bundled_graphviz() -> bool:
    try:
        return int(version("pygraphviz").split(".")[0]) >= 2
    except PackageNotFoundError:
        return False


def has_fonts() -> bool:
    """Whether there is a font to draw letters with; only bare Linux machines lack them."""
    folders = map(Path, map(os.path.expanduser, FONT_FOLDERS))
    return "FONTCONFIG_FILE" in os.environ or any(next(folder.rglob("*.[ot]t[fc]"), None) for folder in folders)


def borrow_fonts(folder: str, format: str) -> dict[str, str]:
    """The environment in which Graphviz finds the fonts that Matplotlib brings along."""
    matplotlib = find_spec("matplotlib")
    if matplotlib is None or matplotlib.origin is None:
        if format in ("png", "pdf"):
            warnings.warn(
                f"there are no fonts on this machine, so the {format} has boxes for letters; install some "
                "(apt install fonts-dejavu, or pip install matplotlib, which brings fonts), or render to svg",
                stacklevel=5,
            )
        return {}
    return find_fonts(folder, Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf")


def find_fonts(folder: str, fonts: Path, before: str = "") -> dict[str, str]:
    """The environment in which Graphviz finds `fonts` besides those of the machine; `folder` is for what it needs for it."""
    known = os.environ.get("FONTCONFIG_FILE", "/etc/fonts/fonts.conf")
    configuration = Path(folder, "fonts.conf")
    configuration.write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>'
        f'<include ignore_missing="yes">{escape(known)}</include><dir>{escape(str(fonts))}</dir>'
        f"<cachedir>{escape(folder)}</cachedir>{before}</fontconfig>",
        encoding="utf-8",
    )
    return {"FONTCONFIG_FILE": str(configuration)}
