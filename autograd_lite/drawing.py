"""Computation graphs as pictures.

`collect` turns the history of a Tensor into boxes and arrows, `draw` writes them down as dot source, and
`render` has Graphviz make an image of it (see `rendering`). An arrow points the way the data flows, from an
operand to the result, and bears the local gradient that the sweep multiplies by on its way back.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from html import escape
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from autograd_lite.derivatives import gradients
from autograd_lite.local_gradient import LocalGradient
from autograd_lite.naming import SUPERSCRIPTS, dressed, formula, gradient_symbol, is_number, number, readable_names
from autograd_lite.tensor import Tensor

if TYPE_CHECKING:
    from autograd_lite.rendering import Drawing

DIRECTIONS = {"down": "TB", "right": "LR", "up": "BT", "left": "RL"}
SERIF = "STIX Two Text,Times New Roman,Liberation Serif,Times,DejaVu Serif,serif"


class Theme(NamedTuple):
    """The colours of a picture; a kind of Tensor has one for the border and one for the fill."""

    paper: str
    ink: str
    faint: str  # captions, arrows
    gradient: str  # everything that is a derivative
    scopes: Sequence[str]  # the boxes around boxes, by depth
    parameter: tuple[str, str]
    input: tuple[str, str]
    intermediate: tuple[str, str]
    output: tuple[str, str]


THEMES = {
    "light": Theme(
        "#ffffff", "#1f2328", "#6a737d", "#b3261e", ("#f6f8fa", "#eceff3"),
        ("#2f6db5", "#e3eefb"), ("#3f8f3f", "#e6f4e4"), ("#8c959f", "#ffffff"), ("#c77700", "#fff1d6"),
    ),
    "dark": Theme(
        "#0d1117", "#e6edf3", "#9198a1", "#ff9a8b", ("#151b23", "#1c232d"),
        ("#58a6ff", "#11294a"), ("#56b65c", "#12301a"), ("#6e7681", "#0d1117"), ("#e3a03c", "#3a2a0b"),
    ),
    "print": Theme(
        "#ffffff", "#000000", "#444444", "#000000", ("#ffffff", "#ffffff"),
        ("#000000", "#ffffff"), ("#000000", "#ffffff"), ("#000000", "#ffffff"), ("#000000", "#ffffff"),
    ),
}  # fmt: skip

# What tells the kinds of Tensors apart without colour.
LINES = {
    "parameter": {"style": "filled", "penwidth": "2"},
    "input": {"style": "filled,rounded,dashed"},
    "intermediate": {"style": "filled,rounded"},
    "output": {"style": "filled,rounded", "peripheries": "2"},
    "scope": {"style": "filled,rounded", "penwidth": "1.5"},
}


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
    fuse: bool = False
    summary: bool = False
    max_nodes: int = 300
    gradient: Any = None

    def __post_init__(self) -> None:
        for option, choices in (
            ("theme", [*THEMES]), ("direction", [*DIRECTIONS]), ("local_gradients", ["symbols", "values", None])
        ):  # fmt: skip
            if getattr(self, option) not in choices:
                raise ValueError(f"{option} is one of {', '.join(map(repr, choices))}, not {getattr(self, option)!r}")


def checked(options: Mapping[str, Any]) -> Options:
    known = [field.name for field in fields(Options)]
    for option in options:
        if option not in known:
            raise TypeError(f"there is no option {option!r}; a picture has the options {', '.join(known)}")
    return Options(**options)


# Boxes and arrows ---------------------------------------------------------------------------------------


@dataclass(eq=False)
class Node:
    """A box: a Tensor or a constant operand, or a scope folded into one."""

    item: Any
    key: str
    kind: str  # parameter, input, number, intermediate, output or scope
    name: str
    formula: str = ""
    scope: tuple[str, ...] = ()


@dataclass(eq=False)
class Arrow:
    """From an operand to the result that was computed from it."""

    source: Node
    target: Node
    symbol: str
    gradient: LocalGradient | None  # None for an operand that no derivative is taken of


def history(output: Tensor) -> list[Tensor]:
    """`output` and all Tensors that it was computed from, oldest first."""
    found, stack = {output}, [output]
    while stack:
        for x in stack.pop()._operands:
            if isinstance(x, Tensor) and x not in found:
                found.add(x)
                stack.append(x)
    return sorted(found, key=lambda t: t._order)


def collect(output: Tensor, options: Options) -> tuple[list[Node], list[Arrow]]:
    """The boxes and arrows of the history of `output`, in the order of creation."""
    tensors = history(output)
    absorbed = absorbed_products(tensors) if options.fuse else set()
    names = readable_names([x for t in tensors for x in (*t._operands, t)], output)
    nodes: dict[str, Node] = {}
    known: dict[int, Node] = {}
    arrows: list[Arrow] = []

    def name(x: Any) -> str:
        return formula(x, name) if isinstance(x, Tensor) and x in absorbed else dressed(names[id(x)])

    def node(x: Any) -> Node:
        if id(x) in known:
            return known[id(x)]
        key = names[id(x)]
        if key in nodes or not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", key):
            key = f"_{len(nodes)}"
        nodes[key] = new = Node(x, key, kind_of(x, output), name(x))
        if new.kind != "number":  # a number has a box for each use
            known[id(x)] = new
        if isinstance(x, Tensor) and x.op:
            new.scope, new.formula = x.scope, formula(x, name)
        return new

    for t in tensors:
        if t in absorbed:
            continue
        found = []
        for owner, i, x in operands_of(t, absorbed):
            if options.constants or not is_number(x):
                gradient = None if owner._values[i] is None else LocalGradient(owner, i)
                found.append((node(x), gradient_symbol(owner, i, name) if gradient else "", gradient))
        target = node(t)
        arrows += [Arrow(source, target, symbol, gradient) for source, symbol, gradient in found]
    place_leaves(arrows)
    return list(nodes.values()), arrows


def kind_of(x: Any, output: Tensor) -> str:
    if not isinstance(x, Tensor) or not x.requires_grad:
        return "number" if is_number(x) and x is not output else "input"
    if x.op is None:
        return "parameter"
    return "output" if x is output else "intermediate"


def absorbed_products(tensors: Sequence[Tensor]) -> set[Tensor]:
    """The products w a without a name that go into one sum w a + b and nowhere else."""
    uses = Counter(x for t in tensors for x in t._operands if isinstance(x, Tensor))
    return {
        x
        for t in tensors
        for x in t._operands
        if t.op == "add" and isinstance(x, Tensor) and x.op == "matmul" and not x.name and uses[x] == 1
    }


def operands_of(t: Tensor, absorbed: set[Tensor]) -> Iterator[tuple[Tensor, int, Any]]:
    """The operands of `t` with the Tensor whose operands they are and their place among them."""
    for i, x in enumerate(t._operands):
        if isinstance(x, Tensor) and x in absorbed:
            yield from ((x, j, y) for j, y in enumerate(x._operands))
        else:
            yield t, i, x


def place_leaves(arrows: Sequence[Arrow]) -> None:
    """Put parameters and numbers into the innermost scope that holds all their uses."""
    uses: dict[Node, list[tuple[str, ...]]] = {}
    for arrow in arrows:
        if arrow.source.kind in ("parameter", "number"):
            uses.setdefault(arrow.source, []).append(arrow.target.scope)
    for leaf, scopes in uses.items():
        leaf.scope = tuple(same[0] for same in takewhile(lambda names: len(set(names)) == 1, zip(*scopes)))


def folded(nodes: Sequence[Node], arrows: Sequence[Arrow]) -> tuple[list[Node], list[Arrow]]:
    """Each outermost scope as one box, and between boxes the Tensors that pass from one to the other."""
    boxes: dict[Any, Node] = {}
    inside: dict[Node, list[Node]] = {}
    for node in nodes:
        if node.scope:
            box = boxes.setdefault(node.scope[0], Node(None, f"scope_{len(boxes)}", "scope", node.scope[0]))
        else:
            box = boxes[node] = node
        inside.setdefault(box, []).append(node)
    for box, members in inside.items():
        if box.kind == "scope":
            parameters = [node.item for node in members if node.kind == "parameter"]
            operations = sum(bool(node.formula) for node in members)
            box.item = operations, len(parameters), sum(x.size for x in parameters)
    where = {node: box for box, members in inside.items() for node in members}
    passing: dict[tuple[Node, Node, str], Arrow] = {}
    for arrow in arrows:
        source, target = where[arrow.source], where[arrow.target]
        if source is not target:
            symbol = "" if arrow.source is source else f"{arrow.source.name}  {shape_of(arrow.source.item)}"
            passing[source, target, symbol] = Arrow(source, target, symbol, None)
    return list(inside), list(passing.values())


# What stands in a box -----------------------------------------------------------------------------------


def text(words: str) -> str:
    """`words` as they are, in the markup of Graphviz: nothing in them is markup, or an escape of dot."""
    return escape(clean(words)).replace("\\", "&#92;").replace("\n", "<BR/>")


def clean(words: str) -> str:
    """`words` without what no svg may hold: control characters, and halves of characters."""
    words = words.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
    words = re.sub("[^\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", words)
    if any(unicodedata.bidirectional(c) in ("R", "AL") for c in words):
        words = f"\u200e{words}"  # a formula that starts with a right-to-left name still runs to the right
    return words


def font(markup: str, color: str, size: float, style: str = "") -> str:
    if style:
        markup = f"<{style}>{markup}</{style}>"
    return f'<FONT COLOR="{color}" POINT-SIZE="{size:g}">{markup}</FONT>'


def shape_of(x: Any) -> str:
    return " × ".join(map(str, np.shape(getattr(x, "data", x)))) or "scalar"


def numbers(array: Any, options: Options, color: str) -> str:
    """The entries of a small array, as a matrix; of a large one the range and the mean."""
    array = np.asarray(array)
    rows = np.atleast_2d(array)
    if array.size == 0:
        return font("empty", color, 10)
    scale, show = notation(array, options.decimals)
    if array.size > options.entries or array.ndim > 2 or rows.shape[1] > 8:
        if array.dtype.kind == "c":
            return font("complex", color, 10)
        summary = f"{show(array.min())} … {show(array.max())}, mean {show(array.mean())}"
        return font(summary + scale, color, 10)
    if array.ndim == 0:
        return font(show(array[()]) + scale, color, 10)
    cell = '<TD ALIGN="RIGHT">{}</TD>'.format
    cells = "".join(f"<TR>{''.join(cell(font(show(x), color, 10)) for x in row)}</TR>" for row in rows)
    matrix = (
        f'<TABLE BORDER="1" SIDES="LR" COLOR="{color}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{cells}</TABLE>'
    )
    if not scale:
        return matrix
    return (
        f'<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="0"><TR><TD>{matrix}</TD>'
        f"<TD>{font(scale, color, 10)}</TD></TR></TABLE>"
    )


def notation(array: Any, decimals: int) -> tuple[str, Callable[[Any], str]]:
    """How the entries of one array are written: a common factor ``×10⁻⁴``, and a function for each."""
    if array.dtype.kind not in "fc":
        return "", lambda x: number(x, "" if array.dtype.kind == "b" else "d" if isinstance(x, np.integer) else ".3f")
    if array.dtype.kind == "c":
        return "", lambda x: number(complex(x), f".{decimals}f")
    sizes = np.abs(array[np.isfinite(array)])
    largest = float(sizes.max(initial=0))
    if largest < 1e5 and array.size <= 64 and bool((sizes == np.floor(sizes)).all()):
        return "", lambda x: number(float(x), ".15g")
    exponent = int(np.floor(np.log10(largest))) if largest else 0
    if not (exponent >= 5 or exponent < min(-1, 1 - decimals)):
        exponent = 0
    scale = f" ×10{str(exponent).replace('-', '−').translate(SUPERSCRIPTS)}" if exponent else ""
    return scale, lambda x: number(float(x) / 10.0**exponent, f".{decimals}f")


# The dot source -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Picture:
    """Everything that one drawing, or a series of them, is made of."""

    nodes: Sequence[Node]
    arrows: Sequence[Arrow]
    adjoints: Mapping[Tensor, Any]
    of: str  # the name of the output
    options: Options

    def drawing(self) -> Drawing:
        from autograd_lite.rendering import Drawing

        theme = THEMES[self.options.theme]
        drawing = Drawing(
            "graph",
            graph_attr={
                "rankdir": DIRECTIONS[self.options.direction],
                "bgcolor": theme.paper,
                "fontname": SERIF,
                "fontcolor": theme.faint,
                "nodesep": "0.25",
                "ranksep": "0.3",
                "pad": "0.1",
            },
            node_attr={"fontname": SERIF, "fontcolor": theme.ink, "shape": "box", "margin": "0.06,0.03"},
            edge_attr={"fontname": SERIF, "fontcolor": theme.gradient, "color": theme.faint, "arrowsize": "0.6"},
        )
        drawing.format = "svg"
        self.write_nodes(drawing, theme)
        for arrow in self.arrows:
            drawing.edge(arrow.source.key, arrow.target.key, **self.arrow_attributes(arrow, theme))
        return drawing

    def write_nodes(self, drawing: Any, theme: Theme) -> None:
        """The boxes, and around them those of their scopes, which open and close as in a text with brackets."""
        first: dict[tuple[str, ...], int] = {}
        for node in self.nodes:
            for depth in range(len(node.scope) + 1):
                first.setdefault(node.scope[:depth], len(first))
        order = sorted(self.nodes, key=lambda node: [first[node.scope[: i + 1]] for i in range(len(node.scope))])
        is_open: tuple[str, ...] = ()
        for node in [*order, None]:
            scope = node.scope if node else ()
            common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(is_open, scope)))
            drawing.body += ["}\n"] * (len(is_open) - common)
            for depth in range(common, len(scope)):
                title = font(text(scope[depth]), theme.faint, 11, "B")
                drawing.body.append(
                    f"subgraph cluster_{first[scope[: depth + 1]]} {{ graph [label=<{title}> labeljust=l margin=10 "
                    f'style="filled,rounded" color="{theme.faint}" penwidth=0.6 '
                    f'fillcolor="{theme.scopes[depth % len(theme.scopes)]}"]\n'
                )
            is_open = scope
            if node:
                drawing.node(node.key, **self.box_attributes(node, theme))

    def box_attributes(self, node: Node, theme: Theme) -> dict[str, str]:
        if node.kind == "number":
            return {"label": f"<{font(text(node.name), theme.faint, 11)}>", "shape": "plain"}
        border, fill = getattr(theme, "intermediate" if node.kind == "scope" else node.kind)
        return {"label": f"<{self.box(node, theme)}>", "color": border, "fillcolor": fill, **LINES[node.kind]}

    def box(self, node: Node, theme: Theme) -> str:
        """The table in a box: name, formula and shape above, value and adjoint below."""
        options, item = self.options, node.item
        if node.kind == "scope":
            operations, parameters, entries = item
            caption = f"{operations} operations, {parameters} parameters of {entries:,} entries"
            return f"{font(text(node.name), theme.ink, 14)}<BR/>{font(caption, theme.faint, 10)}"
        head = font(text(f"{node.name} = {node.formula}" if node.formula else node.name), theme.ink, 14, "I")
        caption = shape_of(item) if node.formula else f"{node.kind} {shape_of(item)}"
        if options.dtypes:
            caption += f" {np.asarray(getattr(item, 'data', item)).dtype}"
        cells = []
        if options.values:
            cells.append(numbers(getattr(item, "data", item), options, theme.ink))
        if isinstance(item, Tensor) and item in self.adjoints:
            symbol = font(text(f"∂{self.of}/∂{node.name}"), theme.gradient, 11, "I")
            value = numbers(self.adjoints[item], options, theme.gradient)
            cells.append(
                f'<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="1"><TR><TD>{symbol}</TD><TD>{value}</TD></TR></TABLE>'
            )
        row = '<TD ALIGN="LEFT">{}</TD>'.format
        head = f"<TR>{row(head)}<TD>  </TD>{row(font(caption, theme.faint, 9))}</TR>"
        rows = "".join(f'<TR><TD COLSPAN="3" ALIGN="LEFT">{cell}</TD></TR>' for cell in cells)
        return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{head}{rows}</TABLE>'

    def arrow_attributes(self, arrow: Arrow, theme: Theme) -> dict[str, str]:
        if self.options.summary and arrow.symbol:
            return {"label": f"<{font(text(arrow.symbol), theme.faint, 10, 'I')}>"}
        if arrow.gradient is None:
            return {"style": "dashed"}
        if self.options.local_gradients == "symbols":
            return {"label": f"<{font(text(arrow.symbol), theme.gradient, 11, 'I')}>"}
        return {}


def draw(output: Tensor, **options: Any) -> Drawing:
    """The computation graph of `output`."""
    return pictured(output, checked(options)).drawing()


def pictured(output: Tensor, options: Options) -> Picture:
    if not isinstance(output, Tensor):
        raise TypeError(f"a picture is drawn of a Tensor and its history, not of {type(output).__name__}")
    nodes, arrows = collect(output, options)
    of = next(node.name for node in nodes if node.item is output)
    if options.summary:
        nodes, arrows = folded(nodes, arrows)
    if len(nodes) > options.max_nodes:
        raise ValueError(
            f"the graph has {len(nodes)} boxes, more than max_nodes={options.max_nodes}; pass max_nodes={len(nodes)} "
            "to draw them all, or summary=True to fold each name_scope into one box"
        )
    wanted = [node.item for node in nodes if isinstance(node.item, Tensor) and node.item.requires_grad]
    adjoints = {}
    if options.adjoints and output.requires_grad and (output.size == 1 or options.gradient is not None):
        adjoints = dict(zip(wanted, gradients(output, wanted, options.gradient)))
    return Picture(nodes, arrows, adjoints, of, options)


def render(output: Tensor, path: Any, *, resolution: float = 144, **options: Any) -> Path:
    """Write the picture of a computation graph to a file."""
    path = Path(path)
    suffix = path.suffix.lower()
    picture = draw(output, **options)
    if suffix in (".gv", ".dot"):
        data = picture.source.encode()
    else:
        data = picture.pipe(suffix[1:], resolution=resolution if suffix == ".png" else None)
    path.write_bytes(data)
    return path
