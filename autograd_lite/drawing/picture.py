"""Computation graphs as pictures: from boxes and arrows to dot source, and on to an image.

`draw`, `render` and `draw_steps` are what one calls. What a box says is put together in Graphviz' markup,
which looks like HTML; `rendering` runs Graphviz, which is imported only when something is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from html import escape
from itertools import takewhile
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import numpy as np

from autograd_lite.drawing.boxes import Arrow, Box, collect, fold_scopes, least_ranks, spine, wind
from autograd_lite.drawing.files import as_path, write_file
from autograd_lite.drawing.markup import (
    ALL_COLUMNS, IN_DOT, NBSP, at_left, brief, clean, escape_words, font, numbers, row, table, title_lines,
)  # fmt: skip
from autograd_lite.drawing.stepping import Frame, frames_of, page
from autograd_lite.drawing.themes import DARK, LINES, THEMES, Theme
from autograd_lite.engine.derivatives import gradients
from autograd_lite.engine.graph import history, record_of
from autograd_lite.engine.operation import ELEMENTWISE, LEFT, REPEATED, RIGHT, is_elementwise
from autograd_lite.engine.tensor import Operand, Tensor
from autograd_lite.writing.formulas import PLACE, Adjoint, Formula, Name, Negated, is_numeral, nodes, split_sign
from autograd_lite.writing.naming import array_of, check_is_tensor, is_literal, readable_names, shape_of, split_index, unused
from autograd_lite.writing.styles import LONGEST, Dressed, Markup
from autograd_lite.writing.terms import is_transposed

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from autograd_lite.drawing.rendering import Drawing

SERIF = "STIX Two Text,Times New Roman,Liberation Serif,Times,DejaVu Serif,serif"
DIRECTIONS = {"down": "TB", "right": "LR", "up": "BT", "left": "RL"}
DIRECTIONS |= {rankdir: rankdir for rankdir in DIRECTIONS.values()}
LARGEST = 100
"""More boxes than these are not read one by one: they are folded, if there are scopes and nobody has said otherwise."""
SUFFIXES = (".svg", ".png", ".pdf", ".html", ".gv", ".dot")
SLIDE = {"values": False, "adjoints": False, "direction": "right"}
"""What is shown on a slide, unless something else is asked for."""


@dataclass(frozen=True)
class Options:
    """What a picture shows; `draw` says what each option means."""

    values: bool = True
    adjoints: bool = True
    local_gradients: str | None = "symbols"
    constants: bool = False
    dtypes: bool = False
    direction: str = "down"
    theme: str = "light"
    decimals: int = 3
    entries: int = 16
    summary: bool | None = None
    max_nodes: int = 300
    gradient: Any = None
    size: str = "page"

    @property
    def is_slide(self) -> bool:
        return self.size == "slide"

    @property
    def colours(self) -> Theme:
        return THEMES[self.theme]

    @property
    def rankdir(self) -> str:
        return DIRECTIONS[self.direction]

    @property
    def is_sideways(self) -> bool:
        return self.rankdir in ("LR", "RL")

    @classmethod
    def from_keywords(cls, options: Mapping[str, Any]) -> Options:
        known = [field.name for field in fields(cls)]
        for option in options:
            if option not in known:
                raise TypeError(f"there is no option {option!r}; a picture has the options {', '.join(known)}")
        for option, choices in (
            ("theme", [*THEMES]), ("direction", [*DIRECTIONS]), ("local_gradients", ["symbols", "values", None]),
            ("size", ["page", "slide"]),
        ):  # fmt: skip
            value = options.get(option, choices[0])
            if not isinstance(value, (str, type(None))) or value not in choices:
                raise ValueError(f"{option} is one of {', '.join(map(repr, choices))}, not {value!r}")
        for option, least in (("decimals", 0), ("entries", 0), ("max_nodes", 1)):
            value = options.get(option, least)
            if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
                raise ValueError(f"{option} is a whole number of at least {least}, not {value!r}")
        if options.get("summary", None) not in (True, False, None):
            raise ValueError(f"summary is True, False or None, not {options['summary']!r}")
        for field in fields(cls):
            if isinstance(field.default, bool) and not isinstance(options.get(field.name, True), (bool, np.bool_)):
                raise ValueError(f"{field.name} is True or False, not {options[field.name]!r}")
        return cls(**{**(SLIDE if options.get("size") == "slide" else {}), **options})


class Choices(TypedDict, total=False):
    """The same options as keywords, for type checkers and the completion of editors."""

    values: bool
    adjoints: bool
    local_gradients: Literal["symbols", "values"] | None
    constants: bool
    dtypes: bool
    direction: Literal["down", "right", "up", "left", "TB", "LR", "BT", "RL"]
    theme: Literal["light", "dark", "print"]
    decimals: int
    entries: int
    summary: bool | None
    max_nodes: int
    gradient: Operand | None
    size: Literal["page", "slide"]


# The dot source -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Picture:
    """All that one drawing consists of, or a series of drawings, one for each step of the sweep."""

    boxes: Sequence[Box]
    arrows: Sequence[Arrow]
    adjoints: Mapping[Tensor, Any]
    of: str  # the name of what is differentiated: the output, or a cost further on
    names: Mapping[int, str]  # those in the formulas
    options: Options
    note: str = ""  # a line below the picture

    @property
    def theme(self) -> Theme:
        return self.options.colours

    @property
    def is_large(self) -> bool:
        """Whether finding the best layout would take Graphviz minutes instead of seconds."""
        return len(self.boxes) > 300

    def drawing(self, frame: Frame | None = None, equations: Sequence[str] = ()) -> Drawing:
        """The dot source; at a step of the sweep, with the adjoints that are known by then."""
        from autograd_lite.drawing.rendering import Drawing

        theme = self.theme
        drawing = Drawing(
            "graph",
            graph_attr={
                "rankdir": self.options.rankdir,
                "bgcolor": theme.paper,
                "fontname": SERIF,
                "newrank": "true",  # boxes beside each other inside of a scope do not tear it out of the order
                "nodesep": "0.25",
                "ranksep": "0.3",
                "pad": "0.1",
                "margin": "0",  # of the page, which a pdf has otherwise
            },
            node_attr={"fontname": SERIF, "fontcolor": theme.ink, "shape": "box", "margin": "0.06,0.03"},
            edge_attr={"fontname": SERIF, "fontcolor": theme.gradient, "color": theme.faint, "arrowsize": "0.6"},
        )
        if self.options.is_slide:
            drawing.graph_attr.update(size="13.33,7.5!")  # inches: 1280 x 720 pixels
        if self.note:
            drawing.graph_attr.update(label=f"<{font(escape_words(self.note), theme.faint, 10)}>", labelloc="b")
        if self.is_large:
            drawing.graph_attr.update(nslimit="0.1", nslimit1="1", mclimit="0.1", splines="line")
        if frame is not None:
            # All equations are there in every picture of the series, so that its size stays the same
            lines = [
                font(line, theme.ink if i <= frame.step else theme.paper, 13, "I") for i, line in enumerate(equations)
            ]
            drawing.graph_attr.update(label=f"<{table(*map(row, lines))}>", labelloc="b")
        self.write_boxes(drawing, frame)
        main = {arrow for arrow in spine(self.arrows).values() if arrow}
        ranks = least_ranks(self.arrows)
        for arrow in self.arrows:
            attributes = self.arrow_attributes(arrow, frame, arrow in main)
            if ranks[arrow] > 1:
                attributes["minlen"] = str(ranks[arrow])
            drawing.edge(arrow.source.key, arrow.target.key, **attributes)
        return drawing

    def write_boxes(self, drawing: Drawing, frame: Frame | None) -> None:
        """The boxes, and around them those of their scopes, which open and close like brackets in a text."""
        first: dict[tuple[str, ...], int] = {}
        beside: dict[Box, list[Box]] = {}
        for box in self.boxes:
            for nesting in range(len(box.scope) + 1):
                first.setdefault(box.scope[:nesting], len(first))
        for arrow in self.arrows:
            if arrow.side == "right" and (arrow.target in beside or arrow.source.kind == "scope"):  # or it stands left
                drawing.hints.append(f'"{arrow.target.key}" -> "{arrow.source.key}" [style=invis]\n')
            if arrow.side:
                beside.setdefault(arrow.target, []).append(arrow.source)
        at_side = {box for boxes in beside.values() for box in boxes}
        order = [box for box in self.boxes if box not in at_side]
        margin = 24 if self.options.local_gradients == "values" else 8  # labels are wide, and Graphviz does not count them
        is_open: tuple[str, ...] = ()
        for box in sorted(order, key=lambda box: [first[box.scope[: i + 1]] for i in range(len(box.scope))]):
            common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(is_open, box.scope)))
            drawing.body += ["}\n"] * (len(is_open) - common)
            for nesting in range(common, len(box.scope)):
                title = font(title_lines(box.scope[nesting]), self.theme.faint, 11, "B")
                drawing.body += [
                    f"subgraph cluster_{first[box.scope[: nesting + 1]]} {{\n",
                    f'graph [label=<{title}> labelloc=t labeljust=l margin={margin} style="filled,rounded" '
                    f'color="{self.theme.faint}" fillcolor="{self.theme.scope(nesting)}" penwidth=0.6]\n',
                ]
            is_open = box.scope
            rank = [box]
            for each in rank:
                rank += beside.get(each, [])
                drawing.node(each.key, **self.box_attributes(each, frame))
            if len(rank) > 1:
                same_rank = "{rank=same " + " ".join(f'"{each.key}"' for each in rank) + "}"
                if any(each.kind == "number" for each in rank):  # which nothing else keeps close by
                    same_rank = f'subgraph cluster_beside_{box.key} {{graph [label="" style=invis margin=0] {same_rank}}}'
                drawing.body.append(f"{same_rank}\n")
        drawing.body += ["}\n"] * len(is_open)

    def box_attributes(self, box: Box, frame: Frame | None) -> dict[str, str]:
        theme = self.theme
        if box.kind == "chip":
            border, fill = theme.look("parameter" if getattr(box.item, "requires_grad", False) else "input")
            label = font(self.name_of(box) + escape_words(" ↑"), theme.ink, 11, "I")
            return {"label": f"<{label}>", "color": border, "fillcolor": fill, **LINES["chip"]}
        if box.kind == "number":
            return {"label": f"<{font(escape_words(f'{NBSP}{box.name}{NBSP}'), theme.faint, 11)}>", "shape": "plain"}
        holds_output = box.kind == "scope" and any(inner.kind == "output" for inner in box.item)
        kind = "output" if holds_output else box.kind
        border, fill = theme.look(kind)
        attributes = {"color": border, "fillcolor": fill, **LINES[kind]}
        adjoint = theme.gradient
        if frame is not None:
            if box not in frame.known:
                adjoint = fill  # there, but not to be seen: the layout stays the same
            if box is frame.box or box in frame.used:
                attributes.update(color=theme.gradient, penwidth="3" if box is frame.box else "1.5")
        label = self.scope_label(box) if box.kind == "scope" else self.box_label(box, adjoint)
        attributes["label"] = f"<{label}>"
        if len(box.name) > LONGEST:
            attributes["tooltip"] = clean(box.name).replace("\\", "\\\\")
        return attributes

    def box_label(self, box: Box, adjoint_color: str) -> str:
        """What a box says: name, formula and shape above, value and adjoint below."""
        item, options, theme = box.item, self.options, self.theme
        head = self.name_of(box) + (f" = {self.markup_of(box.formula)}" if box.formula else "")
        head = font(at_left(head), theme.ink, 14, "I")
        data = array_of(item)
        words = ["" if box.formula else box.kind, shape_of(item), str(data.dtype) if options.dtypes else ""]
        caption = "" if options.is_slide else font("  ".join(filter(None, words)) or " ", theme.faint, 9)
        rows = [row(head, right=caption)]
        adjoint = self.adjoints.get(item) if isinstance(item, Tensor) else None
        beside = not options.values or data.size == 1  # the adjoint, and not below
        value = numbers(data, options, theme.ink, like=None if beside else adjoint) if options.values else ""
        lines = [row(value)] if value else []
        if adjoint is not None:
            symbol = font(self.markup_of(Adjoint(id(item))), adjoint_color, 11, "I")
            written = numbers(adjoint, options, adjoint_color, theme.gradient_style, None if beside else data)
            if not value:
                lines = [row(symbol, written)]
            elif data.size == 1:  # all in one line
                cells = (value, font(NBSP * 2, theme.ink, 10) + symbol + font(NBSP, theme.ink, 10), written)
                lines = [row(table(f"<TR>{''.join(f'<TD>{cell}</TD>' for cell in cells)}</TR>"))]
            elif written.startswith("<TABLE"):  # two matrices, and what the second one is in between
                lines += [f'<TR><TD ALIGN="LEFT" {ALL_COLUMNS}>{symbol}</TD></TR>', row(written)]
            else:
                lines = [row("", value), row(symbol, written)]
        rows += [f'<TR><TD {ALL_COLUMNS}>{table(*lines, padding=2)}</TD></TR>'] if lines else []
        return table(*rows)

    def name_of(self, box: Box) -> str:
        return self.markup_of(Name(id(box.item)))

    def markup_of(self, formula: Formula) -> str:
        return Markup(self.names, self.of, **IN_DOT).to_text(formula)

    def scope_label(self, scope: Box) -> str:
        """What the box of a folded scope says; that with the output in it says what the output is."""
        theme = self.theme
        results = [box for box in scope.item if box.formula]
        parameters = [box.item for box in scope.item if box.kind == "parameter"]
        captions = [f"{len(results)} operation{'s' * (len(results) != 1)}"]
        if parameters:
            size = sum(x.size for x in parameters)
            captions.append(f"{size:,} parameter{'s' * (size != 1)}")
        again = dict.fromkeys(self.name_of(box) for box in scope.item if box.kind == "chip")
        if again:
            captions.append(f"{', '.join(again)} ↑")
        lines = [font(title_lines(scope.name), theme.ink, 14), *(font(caption, theme.faint, 10) for caption in captions)]
        for output in (box for box in results if box.kind == "output"):
            name = font(f"{self.name_of(output)} =", theme.ink, 14, "I")
            value = numbers(output.item.data, self.options, theme.ink) if self.options.values else "…"
            lines.append(table(f"<TR><TD>{name}</TD><TD>{value}</TD></TR>"))
        return table(*(f"<TR><TD>{line}</TD></TR>" for line in lines))

    def arrow_attributes(self, arrow: Arrow, frame: Frame | None, is_main: bool) -> dict[str, str]:
        # The main way runs straight; an arrow without weight may run to the left, as that from an operand on the right must
        attributes = {"weight": "0"} if arrow.side == "right" else {"weight": "8"} if is_main else {}
        if arrow.gradient is None:
            attributes["style"] = "solid" if arrow.passing and getattr(arrow.passing.item, "requires_grad", False) else "dashed"
        if frame is not None and arrow in frame.arrows:
            attributes.update(color=self.theme.gradient, penwidth="2")
        label = "" if self.is_large or not self.options.local_gradients else self.arrow_label(arrow)
        return {**attributes, "label": f"<{label}>"} if label else attributes

    def arrow_label(self, arrow: Arrow) -> str:
        """The local gradient; between scopes that are folded, what passes, and how large its adjoint is."""
        theme, size = self.theme, 14 if self.options.is_slide else 11
        if arrow.passing is not None:
            passing = arrow.passing
            if isinstance(passing.item, Tensor) and passing.item in self.adjoints:
                return self.norm(passing)
            return font(self.name_of(passing), theme.faint, size, "I") if arrow.source.kind == "scope" else ""
        if arrow.label is None or arrow.gradient is None:
            return ""
        written = self.markup_of(arrow.label)
        value = arrow.gradient.value
        form = record_of(arrow.gradient.output).operation.edge(arrow.gradient.index).form
        shows = isinstance(value, (np.ndarray, np.generic, float)) and np.asarray(value).dtype.kind in "fb"
        shows = shows and form in (ELEMENTWISE, REPEATED, LEFT, RIGHT)  # what is stored is the factor that the label names
        if shows and np.ndim(value) == 0:  # no news beside a numeral, and beside a map not the value of that
            shows = PLACE not in nodes(arrow.label) and not is_numeral(split_sign(arrow.label)[1])
        if self.options.local_gradients == "values" and shows:
            if is_transposed(arrow.label):  # what is stored is the factor as it is
                value = value.T if value.ndim < 3 else value.swapaxes(-1, -2)
            if np.asarray(value).dtype.kind == "b":  # a mask
                value = value.astype(float)
            if isinstance(arrow.label, Negated) and np.ndim(value) and is_elementwise(arrow.gradient):
                value = -value  # the sign stands in front
            equals = f"{NBSP}=" * (np.ndim(value) == 0)
            symbol = font(f"{NBSP}{written}{equals}{NBSP}", theme.gradient, size, "I")
            entries = numbers(value, self.options, theme.gradient, theme.gradient_style)
            return self.on_arrow(arrow, f"<TD>{symbol}</TD><TD>{entries}</TD>")
        # Graphviz sets the middle of a label, not its end, beside an arrow that runs along a vertical rank
        rankdir = self.options.rankdir if arrow.side else ""
        line = Dressed(self.names).to_text(arrow.label)
        before, after = (NBSP * (len(line) + 2 if rankdir == long else 1) for long in ("RL", "LR"))
        return font(before + written + after, theme.gradient, size, "I")

    def norm(self, box: Box) -> str:
        """How large an adjoint is; a vanishing gradient is seen by it."""
        adjoint = np.asarray(self.adjoints[box.item])
        largest = float(np.max(np.abs(adjoint), initial=0.0)) or 1.0
        size = largest * float(np.linalg.norm(adjoint / largest)) if np.isfinite(largest) else largest
        symbol = self.markup_of(Adjoint(id(box.item)))
        return font(f"{NBSP}‖{symbol}‖ = {brief(size)}{NBSP}", self.theme.gradient, 11, "I")

    def on_arrow(self, arrow: Arrow, cells: str) -> str:
        """A label with a matrix; across an arrow along a vertical rank, which it leaves half its height to the left."""
        if not arrow.side or not self.options.is_sideways:
            return table(f"<TR>{cells}</TR>")
        nesting = len(arrow.target.scope)
        fill = self.theme.scope(nesting - 1) if nesting else self.theme.paper
        label = f"<TD>{table(f'<TR>{cells}</TR>', fill=fill)}</TD>"
        height = 16 * max(cells.count("<TR>"), 1) + 4  # of the label too, as the lines of no usual font are so high
        square = f'<TD WIDTH="{height + 6}" HEIGHT="{height}"></TD>'
        return table(f"<TR>{square}{label}</TR>" if self.options.rankdir == "LR" else f"<TR>{label}{square}</TR>")


# What one calls -----------------------------------------------------------------------------------------


def draw(output: Tensor, **options: Unpack[Choices]) -> Drawing:
    """The computation graph of a Tensor, as a picture that displays itself in a notebook.

    Parameters
    ----------
    output : Tensor
        Drawn with everything that it was computed from.
    values : bool, default True
        Show what the Tensors hold: small arrays in full, of large ones range, histogram and mean.
    adjoints : bool, default True
        Show the derivative of `output` with respect to each Tensor, if `output` is a single number or
        `gradient` is given. A sweep of its own finds them; no `grad` is read or written.
    local_gradients : {"symbols", "values", None}
        What stands at the arrows: ``σ′(z₂)``, or the numbers as well, or nothing.
    constants : bool, default False
        Draw the numbers among the operands, such as the 2 of 2 x, as small nodes.
    dtypes : bool, default False
    direction : {"down", "right", "up", "left"}
        Where the data flows; Graphviz' "TB", "LR", "BT" and "RL" mean the same.
    theme : {"light", "dark", "print"}
        The last one is for printing in black and white, with the numbers of adjoints in italics.
    decimals : int, default 3
    entries : int, default 16
        The size up to which an array is shown in full, as long as no side exceeds 6; the matrices of a stack side by side.
    summary : bool, optional
        Fold each outermost `name_scope` into one box, with the norm of the adjoint at each arrow between them. A long
        chain of them winds to and fro in rows. By default graphs of more than 100 boxes with scopes are folded, and a
        line below the picture says so.
    max_nodes : int, default 300
        Refuse to draw more boxes than this. Beyond 300 the layout is a quick one, of straight arrows without
        symbols.
    gradient : array_like, shape of `output`, optional
        The adjoint to start from: the derivative with respect to `output` of a cost C further on.
    size : {"page", "slide"}
        For a slide of 1280 x 720 pixels: names and local gradients only, flowing to the right, unless other options say
        otherwise, and drawn as large as the slide allows.

    Returns
    -------
    graphviz.Digraph
        Its `source` is the same for the same graph; `pipe` and `render` work with and without a `dot` program.

    Raises
    ------
    ImportError
        If the package graphviz is missing; the error says how to install it.
    ValueError
        If there are more than `max_nodes` boxes, or an option has a value that it cannot have.
    TypeError
        If there is no such option.

    Notes
    -----
    Names are set as in mathematics: ``a1`` and ``a_1`` as a₁, with the index below since a raised one would read as a power,
    and ``delta2`` as δ₂. Where several Tensors have one name, all but the first are numbered: w and w₍₂₎. A name of more than
    36 letters is shortened, and whole in the tooltip of its box.
    Parameters have a thick border and sharp corners, inputs a dashed one, the output a double one.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> x = ag.Tensor(2.0, requires_grad=True, name="x")
    >>> picture = ag.draw(x * x)
    >>> print(*[line.split()[:3] for line in picture.source.splitlines() if "->" in line])
    ['x', '->', 'C'] ['x', '->', 'C']
    """
    return make_picture(output, Options.from_keywords(options)).drawing()


def draw_steps(output: Tensor, **options: Unpack[Choices]) -> list[Drawing]:
    """The backward pass as a series of pictures, one for each step of the sweep.

    Parameters
    ----------
    output : Tensor
        A single number, unless `gradient` is given.
    **options
        As for `draw`.

    Returns
    -------
    list of graphviz.Digraph
        All of one size and layout. The first shows the forward pass; in each of the others one more adjoint
        is known, with the arrows and adjoints that it was computed from, and its equation below.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> x = ag.Tensor(2.0, requires_grad=True, name="x")
    >>> len(ag.draw_steps(x.exp().sin()))  # the forward pass, then C, exp(x), x
    4
    """
    picture, frames = make_frames(output, options)
    equations = [frame.equation(**IN_DOT) for frame in frames]
    drawings = [picture.drawing(frame, equations) for frame in frames]
    return Steps(drawings, lambda: page_of(picture, frames, "theme" in options))


class Steps(list["Drawing"]):
    """Pictures of a backward pass, which show themselves in a notebook as the page with the slider."""

    def __init__(self, drawings: Sequence[Drawing], page: Callable[[], str]) -> None:
        super().__init__(drawings)
        self._page = page

    def _repr_html_(self) -> str:
        return f'<iframe srcdoc="{escape(self._page())}" style="width: 100%; height: 40rem; border: 0"></iframe>'


def page_of(picture: Picture, frames: Sequence[Frame], with_theme: bool) -> str:
    """The page that steps through the backward pass; in the reader's light or dark unless a theme is asked for."""
    svg = picture.drawing().pipe("svg").decode()
    return page(svg, frames, picture.options, None if with_theme else DARK)


def render(
    output: Tensor | Drawing, path: str | PathLike[str], *, resolution: float = 144, **options: Unpack[Choices]
) -> Path:
    """Write the picture of a computation graph to a file.

    Parameters
    ----------
    output : Tensor, or what `draw` has returned
    path : path
        The suffix says what is written: .svg, .png, .pdf, .html (a page that steps through the backward
        pass, by slider, buttons and arrow keys; drawn to the right by default, as screens are wide, and in dark
        colours for readers who prefer these unless a theme is given) or .gv and .dot (the dot source).
    resolution : float, default 144
        Of a png, in pixels per inch.
    **options
        As for `draw`.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    ValueError
        If the suffix is none of these.
    OSError
        If the file cannot be written; an older one is then as it was.
    ImportError
        If Graphviz is missing; the error says how to install it.
    RuntimeError
        If Graphviz fails, in its own words.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> x = ag.Tensor([1.0, 2.0], requires_grad=True, name="x")
    >>> ag.render((x * x).sum(), "graph.svg", theme="dark").name
    'graph.svg'
    """
    if not hasattr(output, "pipe"):  # of a finished drawing
        check_is_tensor(output, "a picture")
    if isinstance(resolution, bool) or not isinstance(resolution, (int, float, np.number)) or not 0 < resolution < np.inf:
        raise ValueError(f"resolution is a positive number of pixels per inch, not {resolution!r}")
    path = as_path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"cannot tell from {path.name!r} what to draw: end the name with one of {', '.join(SUFFIXES)}")
    if suffix == ".html":
        if not isinstance(output, Tensor):
            raise TypeError("the page that steps through the backward pass is made from a Tensor, not from a drawing")
        content = page_of(*make_frames(output, {"direction": "right", **options}), "theme" in options).encode()
    else:
        if not isinstance(output, Tensor) and options:
            raise TypeError(f"a finished drawing takes no {', '.join(options)}: pass that to draw")
        drawing = draw(output, **options) if isinstance(output, Tensor) else output
        if suffix in (".gv", ".dot"):
            content = drawing.source.encode()
        else:
            content = drawing.pipe(suffix[1:], resolution=resolution if suffix == ".png" else None)
    return write_file(path, content)


def make_picture(output: Tensor, options: Options, *, in_steps: bool = False) -> Picture:
    check_is_tensor(output, "a picture")
    size = len({id(x) for t in history(output) for x in (*t._operands, t) if not is_literal(x)})
    summary, note = options.summary, ""
    if summary is None and not in_steps:
        summary = size > LARGEST and any(t.scope for t in history(output))
        note = f"each scope of a graph of {size:,} boxes is folded into one; summary=False draws them all" * summary
    if not summary:  # no box is made of a million that are too many
        check_size(size, output, options, False, in_steps)
    is_cost = options.gradient is None  # or else that is the adjoint that a cost further on gives it
    names = readable_names(output, is_cost)
    of = names[id(output)] if is_cost else unused("C", set(map(split_index, names.values())))
    boxes, arrows = collect(output, names, options.constants)
    if summary:
        boxes, arrows = fold_scopes(boxes, arrows)
        wide = options.adjoints and output.size == 1  # with a norm at each arrow
        wind(boxes, arrows, 2 if options.is_sideways else 0.28 if wide else 0.5)
    check_size(sum(box.kind != "chip" for box in boxes), output, options, bool(summary), in_steps)
    shown = [*boxes, *(arrow.passing for arrow in arrows if arrow.passing)]
    wanted = [box.item for box in shown if isinstance(box.item, Tensor) and box.item.requires_grad]
    adjoints: dict[Tensor, Any] = {}
    if options.adjoints and output.requires_grad and (output.size == 1 or options.gradient is not None):
        adjoints = dict(zip(wanted, gradients(output, wanted, options.gradient)))
    return Picture(boxes, arrows, adjoints, of, names, options, note)


def check_size(boxes: int, output: Tensor, options: Options, summary: bool, in_steps: bool) -> None:
    if boxes > options.max_nodes:
        fold = "pass summary=True to fold each name_scope into one box, or "
        if summary or in_steps:
            fold = ""
        elif not any(t.scope for t in history(output)):
            fold = "compute it in parts `with name_scope(...)` and pass summary=True to fold each into one box, or "
        raise ValueError(
            f"the graph has {boxes:,} boxes, more than max_nodes={options.max_nodes}; "
            f"{fold}pass max_nodes={boxes} to draw them all"
        )


def make_frames(output: Tensor, options: Mapping[str, Any]) -> tuple[Picture, list[Frame]]:
    """The picture of the whole backward pass, and what each of its steps shows of it."""
    chosen = Options.from_keywords(options)
    if chosen.summary or not chosen.adjoints:
        raise ValueError("a step finds the adjoint of one Tensor: leave out summary=True and adjoints=False")
    picture = make_picture(output, chosen, in_steps=True)
    if not output.requires_grad:
        raise ValueError(f"there is no backward pass from {output.describe()}: it depends on nothing with a gradient")
    return picture, frames_of(output, picture.boxes, picture.arrows, chosen.gradient)
