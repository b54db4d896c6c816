"""Pictures hold what the graph holds, and are real images: by the picture's own text, parsed back, and by pixels."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_lite as ag
from autograd_lite import Tensor
from examples import gallery

pytest.importorskip("graphviz")
rendering = pytest.importorskip("autograd_lite.drawing.rendering")
if shutil.which("dot") is None and not rendering.has_bundled_graphviz():
    pytest.skip("there is no Graphviz to draw with", allow_module_level=True)

X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=float).T
Y = np.array([[0.0, 1.0, 1.0, 0.0]])
HOSTILE = [
    '<b>"x"</b> & \\n', 'back\\slash \\"quoted\\"', "😀 emoji", "שלום עולם", "</script><script>alert(1)</script>",
    "it's -> {a|b} [x=1]; }", "{0} {u} %s", "--> <!-- ]]>", "\\N\\G\\l\\r", "&amp;lt; &#60;", "node", "ab_c",
    "  spaces  ", 'font-style="italic" bold', "\\\\", "\\", "a\\\\N\\\\", "\\\u2060",
    "\ue0000\ue001\ue002", "\x00'\x00", "\u202eevil", "it''s",
]  # fmt: skip


def network() -> Tensor:
    """The two-layer network, built by hand so that nothing but the engine is involved."""
    rng = np.random.default_rng(0)
    a = Tensor(X, name="a0")
    for layer, (n, m) in enumerate([(4, 3), (1, 4)], start=1):
        w = Tensor(rng.normal(size=(n, m)), requires_grad=True, name=f"w{layer}")
        b = Tensor(rng.normal(size=(n, 1)), requires_grad=True, name=f"b{layer}")
        with ag.name_scope(f"layer {layer}"):
            z = ag.linear(w, a, b)
            a = ag.sigmoid(z)
        z.name, a.name = f"z{layer}", f"a{layer}"
    with ag.name_scope("cost"):
        cost = ag.half_squared_distance(a, Tensor(Y, name="y"))
    cost.name = "C"
    return cost


def chain(length: int) -> Tensor:
    t = Tensor(0.5, requires_grad=True, name="x")
    for _ in range(length):
        t = t.sin()
    return t


def parsed(source: str) -> dict[str, Any]:
    """The dot source as Graphviz itself reads it."""
    result: dict[str, Any] = json.loads(rendering.run_graphviz(source, "json"))
    return result


def words(label: str) -> str:
    return "".join(ElementTree.fromstring(f"<x>{label}</x>").itertext()).replace("\xa0", " ").strip()


def arrows(source: str) -> Counter[tuple[str, str, str]]:
    """Tail, head and label of every arrow."""
    graph = parsed(source)
    name = {item["_gvid"]: item["name"] for item in graph["objects"]}
    return Counter((name[e["tail"]], name[e["head"]], words(e.get("label", ""))) for e in graph["edges"])


def svg_groups(svg: bytes | str) -> dict[tuple[str, str], Any]:
    """The nodes, arrows and scopes of an svg by kind and title."""
    root = ElementTree.fromstring(svg)
    groups = {}
    for g in root.iter("{http://www.w3.org/2000/svg}g"):
        if g.get("class") is None:  # around a box with a tooltip
            continue
        title = g.find("{http://www.w3.org/2000/svg}title")
        assert title is not None and title.text is not None
        groups[str(g.get("class")), title.text] = g
    return groups


def texts(element: Any) -> list[str]:
    found = [t.text.replace("\xa0", " ") for t in element.iter("{http://www.w3.org/2000/svg}text") if t.text]
    return [t.replace("\u200e", "") for t in found]


def written(array: Any, scale: float = 1) -> list[str]:
    return [f" {value / scale:.3f} ".replace("-", "−").replace("−0.000", "0.000") for value in np.ravel(array)]


def pixels(path: Path) -> Any:
    return pytest.importorskip("matplotlib.image").imread(path)[..., :3]


# What the picture says ------------------------------------------------------------------------------------


def test_dot_source_has_exactly_the_arrows_of_the_graph() -> None:
    assert arrows(ag.draw(network()).source) == Counter(
        {
            ("w1", "z1", "· a₀ᵀ"): 1,
            ("a0", "z1", ""): 1,
            ("b1", "z1", "∑batch"): 1,
            ("z1", "a1", "⊙ σ′(z₁)"): 1,
            ("w2", "z2", "· a₁ᵀ"): 1,
            ("a1", "z2", "w₂ᵀ ·"): 1,
            ("b2", "z2", "∑batch"): 1,
            ("z2", "a2", "⊙ σ′(z₂)"): 1,
            ("a2", "C", "(a₂ − y)"): 1,
            ("y", "C", ""): 1,
        }
    )


def test_arrows_of_plain_operators_without_names() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    t = x * x
    cost = ((t + 1) * t / np.array([2.0, 3.0])).sum()
    drawn = arrows(ag.draw(cost).source)
    assert drawn == Counter(
        {
            ("x", "t1", "⊙ x"): 2,
            ("t1", "t2", "1"): 1,
            ("t2", "t3", "⊙ t₁"): 1,
            ("t1", "t3", "⊙ t₂"): 1,
            ("t3", "t4", "⊙ 1/c₁"): 1,
            ("c1", "t4", ""): 1,
            ("t4", "C", "𝟏"): 1,
        }
    )
    svg = svg_groups(ag.draw(cost).pipe("svg"))
    heads = {title: texts(g)[0] for (kind, title), g in svg.items() if kind == "node"}
    assert heads == {
        "x": "x", "c1": "c₁", "t1": "t₁ = x ⊙ x", "t2": "t₂ = t₁ + 1", "t3": "t₃ = t₂ ⊙ t₁", "t4": "t₄ = t₃ / c₁",
        "C": "C = ∑ t₄",
    }  # fmt: skip


def test_each_box_says_name_formula_shape_value_and_adjoint() -> None:
    cost = network()
    nodes = {t.name: t for t in reachable(cost)}
    w1, b1, w2, b2 = (nodes[name].data for name in ("w1", "b1", "w2", "b2"))
    z1 = w1 @ X + b1
    a1 = 1 / (1 + np.exp(-z1))
    z2 = w2 @ a1 + b2
    a2 = 1 / (1 + np.exp(-z2))
    d2 = a2 - Y
    dz2 = d2 * a2 * (1 - a2)
    dz1 = (w2.T @ dz2) * a1 * (1 - a1)
    said = {
        "a0": ("a₀", "input 3 × 4", X, None),
        "w1": ("w₁", "parameter 4 × 3", w1, dz1 @ X.T),
        "b1": ("b₁", "parameter 4 × 1", b1, dz1.sum(axis=1)),
        "z1": ("z₁ = w₁ a₀ + b₁", "4 × 4", z1, dz1),
        "a1": ("a₁ = σ(z₁)", "4 × 4", a1, w2.T @ dz2),
        "w2": ("w₂", "parameter 1 × 4", w2, dz2 @ a1.T),
        "b2": ("b₂", "parameter 1 × 1", b2, dz2.sum(axis=1)),
        "z2": ("z₂ = w₂ a₁ + b₂", "1 × 4", z2, dz2),
        "a2": ("a₂ = σ(z₂)", "1 × 4", a2, d2),
    }
    svg = svg_groups(ag.draw(cost).pipe("svg"))
    for key, (head, caption, value, adjoint) in said.items():
        found = texts(svg["node", key])
        expected = [head, re.sub(r"(parameter|input) ", r"\1  ", caption)]
        expected += [f" {x:.0f} " for x in np.ravel(value)] if key == "a0" else written(value)
        if adjoint is not None:
            expected.append(f"∂C/∂{head.split(' ')[0]}")
            sizes = np.abs(adjoint)
            power = -3 if sizes.max() < 0.01 else -2 if sizes.max() < 0.1 and sizes.min() < 0.0005 else 0
            expected += ["  ", " "] * (adjoint.size == 1)
            expected += written(adjoint, 10.0**power)
            if power:
                expected += [{-2: " ×10⁻²", -3: " ×10⁻³"}[power]] + [" "] * (adjoint.size > 1)  # as wide, beside the values
        assert Counter(found) == Counter(expected), key
    assert texts(svg["node", "C"]) == ["C = ½ ‖a₂ − y‖²", " ", f"{np.sum(d2**2) / 2:.3f}", "  ", "∂C/∂C", " ", "1"]


def reachable(output: Tensor) -> list[Tensor]:
    """All Tensors of a graph, by the public history."""
    found, todo = [output], [output]
    while todo:
        for x in todo.pop().parents:
            if not any(x is y for y in found):
                found.append(x)
                todo.append(x)
    return found


def test_scopes_are_boxes_around_what_was_recorded_in_them_and_its_parameters() -> None:
    graph = parsed(ag.draw(network()).source)
    name = {item["_gvid"]: item["name"] for item in graph["objects"]}
    clusters = [item for item in graph["objects"] if item["name"].startswith("cluster")]
    scopes = {words(item["label"]): {name[i] for i in item["nodes"]} for item in clusters}
    assert scopes == {"layer 1": {"w1", "b1", "z1", "a1"}, "layer 2": {"w2", "b2", "z2", "a2"}, "cost": {"C", "y"}}
    svg = svg_groups(ag.draw(network()).pipe("svg"))
    assert {texts(g)[0] for (kind, _), g in svg.items() if kind == "cluster"} == set(scopes)


def test_nested_scopes_and_one_that_is_entered_again() -> None:
    x = Tensor(2.0, requires_grad=True, name="x")
    with ag.name_scope("outer"):
        t = x.sin()
        with ag.name_scope("inner"):
            t = t.exp()
        t = t.cos()
    t = t.tanh()
    with ag.name_scope("outer"):
        t = t.sin()
    graph = parsed(ag.draw(t).source)
    name = {item["_gvid"]: item["name"] for item in graph["objects"]}
    scopes = {words(item["label"]): item for item in graph["objects"] if item["name"].startswith("cluster")}
    assert {name[i] for i in scopes["outer"]["nodes"]} == {"x", "t1", "t2", "t3", "C"}
    assert {name[i] for i in scopes["inner"]["nodes"]} == {"t2"}
    assert scopes["inner"]["_gvid"] in scopes["outer"]["subgraphs"]


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_kinds_are_told_apart_by_colour_and_by_line(theme: str) -> None:
    look: dict[str, tuple[Any, ...]] = {}
    for item in parsed(ag.draw(network(), theme=theme).source)["objects"]:
        if "shape" in item:
            keys = ("color", "fillcolor", "style", "penwidth", "peripheries")
            look[item["name"]] = tuple(item.get(key) for key in keys)
    kinds = [{look[key] for key in keys} for keys in (["w1", "b1"], ["a0", "y"], ["z1", "a1"], ["C"])]
    assert all(len(kind) == 1 for kind in kinds)
    assert len(set.union(*kinds)) == 4
    assert len({style[2:] for style in set.union(*kinds)}) == 4
    assert len({style[:2] for style in set.union(*kinds)}) == (1 if theme == "print" else 4)


def test_drawing_leaves_every_grad_alone() -> None:
    cost = network()
    ag.draw(cost), ag.draw_steps(cost)
    assert all(t._grad is None for t in reachable(cost))
    cost.backward()
    before = {id(t): t.grad.copy() for t in reachable(cost) if t._grad is not None}
    ag.draw(cost)
    assert before and all(np.array_equal(t.grad, before[id(t)]) for t in reachable(cost) if t._grad is not None)


# Options ------------------------------------------------------------------------------------------------------


def test_what_is_not_wanted_is_not_shown() -> None:
    def shown(**options: Any) -> str:
        svg = svg_groups(ag.draw(network(), **options).pipe("svg"))
        return " ".join(texts(svg["graph", "graph"]))

    everything, bare = shown(dtypes=True), shown(values=False, adjoints=False, local_gradients=None)
    assert "∂C/∂" in everything and "1.304" in everything and "· a₀ᵀ" in everything and "float64" in everything
    assert not re.search(r"∂|\d\.\d|ᵀ|float64", bare)
    assert "∂C/∂z₁" in shown(values=False) and "1.304" not in shown(values=False)
    assert "1.30 " in shown(decimals=2) and "1.304" not in shown(decimals=2)
    assert "mean" in shown(entries=4) and "mean" not in everything


def test_values_of_local_gradients_are_those_of_the_symbol() -> None:
    w = Tensor([[1.5, 2.5, 3.5]], requires_grad=True, name="w")
    a = Tensor([[0.25, 0.5], [0.75, 1.25], [2.25, 4.25]], name="a")
    picture = ag.draw((w @ a).sum(), local_gradients="values")
    found = texts(svg_groups(picture.pipe("svg"))["edge", "w->t1"])
    assert found == [" · aᵀ ", *written([[0.25, 0.75, 2.25], [0.5, 1.25, 4.25]])]  # row by row


def svg_group(parts: list[Any]) -> Any:
    group = ElementTree.Element("g")
    group.extend(parts)
    return group


def extent(element: Any) -> tuple[float, float, float, float]:
    """Left, right, top and bottom of all that an element of an svg consists of."""
    points = []
    for part in element.iter():
        if part.tag.endswith("}text"):
            left = float(part.get("x")), float(part.get("y"))
            points += [left, (left[0] + float(part.get("textLength") or 0), left[1])]
        found = re.findall(r"-?[0-9.]+", part.get("points") or part.get("d") or "")
        points += list(zip(map(float, found[::2]), map(float, found[1::2])))
    xs, ys = zip(*points)
    return min(xs), max(xs), min(ys), max(ys)


@pytest.mark.parametrize("direction", ["down", "right", "up", "left"])
def test_values_of_local_gradients_stay_in_their_scope_and_clear_of_arrows(direction: str) -> None:
    svg = svg_groups(ag.draw(network(), local_gradients="values", direction=direction).pipe("svg"))
    scopes = [extent(g) for (kind, _), g in svg.items() if kind == "cluster"]
    for layer in "12":
        left, right, top, bottom = extent(svg["edge", f"w{layer}->z{layer}"])
        assert any(x0 < left and right < x1 and y0 < top and bottom < y1 for x0, x1, y0, y1 in scopes)
    if direction in ("right", "left"):  # the arrow passes below the label, through the middle third of it
        path, head, label = list(svg["edge", "w2->z2"])[1:4]
        (x, _, top, bottom), (left, right, above, below) = extent(path), extent(label)
        assert abs(x - (left + right) / 2) < (right - left) / 6 and top < above < below < bottom
        assert label.get("fill") == "#f6f8fa"


@pytest.mark.parametrize("direction", ["right", "left"])
def test_symbols_stand_beside_their_arrows(direction: str) -> None:
    svg = svg_groups(ag.draw(network(), direction=direction).pipe("svg"))
    for key in ("w1->z1", "w2->z2", "b1->z1", "b2->z2"):
        _, path, _, *labels = svg["edge", key]
        (x, _, _, _), (left, right, _, _) = extent(path), extent(svg_group(labels))
        said = "".join(str(label.text) for label in labels)
        space = (right - left) / len(said)
        assert right - space * (len(said) - len(said.rstrip())) < x or x < left + space * (len(said) - len(said.lstrip()))


def test_brackets_are_narrow_also_below_a_long_name() -> None:
    t = Tensor([[1.5], [2.5]], requires_grad=True, name="a_name_much_wider_than_its_matrix")
    box = svg_groups(ag.draw(t.sum()).pipe("svg"))["node", t.name or ""]
    lines = [extent(part) for part in box if part.tag.endswith("}polyline")]
    [number] = [extent(part) for part in box if part.text == "\xa01.500\xa0"]
    assert len(lines) == 4 and all(right - left < (number[1] - number[0]) / 2 for left, right, _, _ in lines)


@pytest.mark.parametrize("direction", ["down", "right"])
def test_numbers_stand_beside_what_is_computed_from_them(direction: str) -> None:
    x, w = (Tensor([1.0, 2.0], requires_grad=True, name=name) for name in "xw")
    with ag.name_scope("some"):
        t = 2 * x + 3
    picture = ag.draw((t * w**2 - 5 * w / 7).sum(), constants=True, direction=direction)
    svg = svg_groups(picture.pipe("svg"))
    numbers = [(key, g) for (kind, key), g in svg.items() if kind == "edge" and key.startswith("_")]
    assert len(numbers) == 5
    for _, g in numbers:
        left, right, top, bottom = extent(g[1])
        assert max(right - left, bottom - top) < 60 and min(right - left, bottom - top) < 1


def test_numbers_among_the_operands_are_drawn_on_request() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    cost = (2 * x + 2).sum()
    assert len(parsed(ag.draw(cost).source)["objects"]) == 4
    picture = ag.draw(cost, constants=True)  # one box for each use
    assert sum("nodes" not in item for item in parsed(picture.source)["objects"]) == 6
    assert sum(label == "" for _, _, label in arrows(picture.source)) == 2


def test_summary_of_fifty_layers_has_fifty_boxes() -> None:
    t = Tensor(np.ones((2, 1)), name="a0")
    for layer in range(50):
        w = Tensor(np.eye(2), requires_grad=True, name=f"w{layer}")
        with ag.name_scope(f"layer {layer}"):
            t = ag.sigmoid(ag.linear(w, t, np.zeros((2, 1))))
        t.name = f"a{layer + 1}"
    cost = t.sum()
    with pytest.raises(ValueError, match=r"the graph has 202 boxes, more than max_nodes=100.*summary=True"):
        ag.draw(cost, max_nodes=100, summary=False)
    picture = ag.draw(cost)
    assert "each scope of a graph of 202 boxes is folded into one; summary=False" in picture.source
    graph = parsed(picture.source)
    boxes = [words(item["label"]) for item in graph["objects"] if item["name"].startswith("scope_")]
    assert sorted(boxes) == sorted(f"layer {layer}2 operations4 parameters" for layer in range(50))
    norm = np.linalg.norm(ag.gradients(cost, [t for t in reachable(cost) if t.name == "a1"])[0])
    power = int(np.floor(np.log10(norm)))
    said = f"{norm / 10.0**power:.1f}×10" + str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    assert arrows(picture.source)["scope_0", "scope_1", f"‖∂C/∂a₁‖ = {said}"] == 1
    assert b"layer 49" in picture.pipe("svg")


def residual(layers: int) -> Tensor:
    """A chain of scopes that each take the Tensor before the last one too."""
    t = before = Tensor(np.ones((2, 2)), requires_grad=True, name="x")
    for layer in range(layers):
        with ag.name_scope(f"block {layer}"):
            t, before = np.tanh(t) + before, t
    return t.sum()


@pytest.mark.parametrize("direction", ["down", "right"])
def test_summary_fits_a_page(direction: str) -> None:
    t = Tensor(np.ones((2, 1)), requires_grad=True, name="a0")
    for layer in range(50):
        with ag.name_scope(f"layer {layer + 1}"):
            t = ag.sigmoid(t)
    graph = parsed(rendering_source(ag.draw(t, summary=True, direction=direction)))
    width, height = (float(x) for x in graph["bb"].split(",")[2:])
    assert 0.5 < width / height < 2
    places = {item["name"]: [float(x) for x in item["pos"].split(",")] for item in graph["objects"] if "pos" in item}
    rows: dict[float, list[float]] = {}
    for i in range(50):  # there and back again, with an arrow to the next row at the end
        x, y = places[f"scope_{i}"] if direction == "down" else [-p for p in places[f"scope_{i}"][::-1]]
        rows.setdefault(y, []).append(x)
    assert len(rows) == (10 if direction == "down" else 5) and list(rows) == sorted(rows, reverse=True)
    assert all(xs == sorted(xs, reverse=bool(row % 2)) for row, xs in enumerate(rows.values()))
    assert {(tail, head) for tail, head, _ in arrows(ag.draw(t, summary=True).source)} == {
        (f"scope_{i}", f"scope_{i + 1}") for i in range(49)
    }  # fmt: skip


def rendering_source(picture: Any) -> str:
    """The dot source that is laid out: with the arrows that are not seen."""
    return str(picture.source.rstrip()[:-1] + "".join(picture.hints) + "}")


def test_summary_of_what_is_no_chain() -> None:
    assert len(parsed(ag.draw(residual(20), summary=True).source)["objects"]) == 21  # x is in the first
    x = Tensor(0.5, requires_grad=True, name="x")
    for i in range(20):  # scopes that are entered again
        with ag.name_scope(f"scope {i % 2}"):
            x = x.sin()
    assert sum(arrows(ag.draw(x, summary=True).source).values()) == 19


@pytest.mark.parametrize("values", [True, False])
def test_summary_says_what_the_output_is(values: bool) -> None:
    cost = network()
    scope = svg_groups(ag.draw(cost, summary=True, values=values).pipe("svg"))["node", "scope_2"]
    assert texts(scope) == ["cost", "1 operation", "C =", f"{cost.item():.3f}" if values else "…"]
    other = svg_groups(ag.draw(cost, summary=True).pipe("svg"))["node", "scope_1"]
    assert scope[1].get("stroke") == "#c77700" != other[1].get("stroke")  # set like an output
    with ag.name_scope("one"):
        vector = Tensor([1.5, 2.5], requires_grad=True, name="x") * 2
    assert texts(svg_groups(ag.draw(vector, summary=True).pipe("svg"))["node", "scope_0"])[3:] == ["t₁ =", " 3 ", " 5 "]


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"valus": True}, TypeError, "no option 'valus'.*values"),
        ({"theme": "pink"}, ValueError, "theme is one of 'light', 'dark', 'print'"),
        ({"direction": "north"}, ValueError, "direction is one of 'down'"),
        ({"local_gradients": "all"}, ValueError, "local_gradients is one of"),
        ({"max_nodes": 9}, ValueError, "11 boxes, more than max_nodes=9; pass summary=True.*, or pass max_nodes=11"),
        ({"max_nodes": 2, "summary": True}, ValueError, "5 boxes, more than max_nodes=2; pass max_nodes=5"),
        ({"max_nodes": None}, ValueError, "max_nodes is a whole number of at least 1, not None"),
        ({"decimals": -1}, ValueError, "decimals is a whole number of at least 0, not -1"),
        ({"decimals": True}, ValueError, "decimals is a whole number of at least 0, not True"),
        ({"values": "none"}, ValueError, "values is True or False, not 'none'"),
        ({"summary": "all"}, ValueError, "summary is True, False or None, not 'all'"),
        ({"local_gradients": np.ones(2)}, ValueError, "local_gradients is one of 'symbols', 'values', None, not array"),
        ({"entries": "all"}, ValueError, "entries is a whole number of at least 0, not 'all'"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        ag.draw(network(), **options)


def test_only_tensors_are_drawn() -> None:
    draw: Any = ag.draw
    for call in (draw, ag.draw_steps, lambda x: ag.render(x, "a.svg"), lambda x: ag.render(x, "a.html")):
        for wrong, says in (
            (np.ones(3), "not ndarray; pass a Tensor that was computed"),
            ("a.svg", "not str"),
            (network, "not function; call it first"),
            ([network()], "not list; pass one of the Tensors in it"),
        ):
            with pytest.raises(TypeError, match=f"a picture needs a Tensor and its history, {says}"):
                call(wrong)
    for resolution in (0, -5, "high", float("nan"), True):
        with pytest.raises(ValueError, match="resolution is a positive number of pixels per inch, not"):
            ag.render(network(), "a.png", resolution=resolution)  # type: ignore[arg-type]


def test_what_to_do_with_too_many_boxes() -> None:
    with pytest.raises(ValueError, match=r"1,001 boxes.*; compute it in parts `with name_scope\(...\)` and"):
        ag.draw(chain(1000))
    with pytest.raises(ValueError, match="max_nodes=300; pass max_nodes=1001 to draw them all"):
        ag.draw_steps(chain(1000))  # which cannot be folded


# Layout: what any reader sees at once ---------------------------------------------------------------------------

GALLERY = {picture.name: picture for picture in gallery.PICTURES}


def curve(path: str) -> Any:
    """Points on the Bézier curves of an arrow, one after the other."""
    points = np.reshape([float(x) for x in re.findall(r"-?[0-9.]+", path)], (-1, 2))
    t = np.linspace(0, 1, 300)[:, None]
    pieces = [points[i : i + 4] for i in range(0, len(points) - 1, 3)]
    return np.concatenate([
        (1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d for a, b, c, d in pieces
    ])  # fmt: skip


def faults(svg: str) -> list[str]:
    """Arrows that run through a box that they do not belong to, the title of a scope, or the label of another arrow."""
    groups = svg_groups(svg)
    places = {title: extent(svg_group(list(g)[1:2])) for (kind, title), g in groups.items() if kind == "node"}
    for (kind, title), g in groups.items():
        for t in g.iter("{http://www.w3.org/2000/svg}text") if kind in ("cluster", "edge") else ():
            x, y, width = (float(t.get(key)) for key in ("x", "y", "textLength"))
            x -= width / 2 if t.get("text-anchor") == "middle" else 0
            places[str(t.text) if kind == "cluster" else f"{t.text} of->{title}"] = (x, x + width, y - 9, y + 2)
    found = []
    for (kind, title), g in groups.items():
        if kind == "edge":
            points = curve(next(str(part.get("d")) for part in g if part.get("d")))
            for name, (left, right, top, bottom) in places.items():
                (x, y) = points.T
                inside = (left + 2 < x) & (x < right - 2) & (top + 2 < y) & (y < bottom - 2)
                if name not in title.split("->") and not name.endswith(f"of->{title}") and inside.any():
                    found.append(f"{title} runs through {name}")
    return found


@pytest.mark.parametrize("bundled", [False, True])
@pytest.mark.parametrize("name", GALLERY)
def test_pictures_of_the_gallery_are_laid_out_well(name: str, bundled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if bundled and (shutil.which("dot") is None or not rendering.has_bundled_graphviz()):
        pytest.skip("there is one Graphviz here, and not two")
    if bundled:
        monkeypatch.setattr(rendering.shutil, "which", lambda program: None)
    picture = GALLERY[name]
    svg = ag.draw(picture.graph(), **picture.options).pipe("svg").decode()
    assert faults(svg) == []
    root = ElementTree.fromstring(svg)
    width, height = (float(x) for x in str(root.get("viewBox")).split()[2:])
    sizes = [float(str(t.get("font-size"))) for t in root.iter("{http://www.w3.org/2000/svg}text")]
    if picture.options.get("size") == "slide":
        assert min(sizes) * min(1280 / width, 720 / height) >= 12  # pixels
    else:
        assert min(sizes) * min(900 / width, 4 / 3) >= 9 and width <= 900


def test_the_faults_of_a_layout_are_found() -> None:
    svg = ag.draw(network(), values=False, adjoints=False).pipe("svg").decode()
    title = next(g for (kind, _), g in svg_groups(svg).items() if kind == "cluster" and texts(g) == ["layer 2"])[-1]
    for name, (left, right, _, _) in {"layer 2": extent(title), "z1": extent(svg_groups(svg)["node", "z1"][1])}.items():
        x = (left + right) / 2
        path = f"M{x},-900 C{x},-600 {x},-300 {x},0"
        wrong = re.sub(r'(a2&#45;&gt;C</title>\s*<path[^>]* d=")[^"]*', rf"\g<1>{path}", svg)
        assert f"a2->C runs through {name}" in faults(wrong)
    label = next(svg_groups(svg)["edge", "z1->a1"].iter("{http://www.w3.org/2000/svg}text"))
    x = float(str(label.get("x"))) + 6
    wrong = re.sub(r'(a2&#45;&gt;C</title>\s*<path[^>]* d=")[^"]*', rf"\g<1>M{x},-900 C{x},-600 {x},-300 {x},0", svg)
    assert any(fault.endswith("of->z1->a1") for fault in faults(wrong))


def test_titles_move_out_of_the_way_of_arrows() -> None:
    def moved(*arrows_at: float) -> str:
        curves = [{"_draw_": [{"op": "b", "points": [[x, 150], [x, 100], [x, 50], [x, 0]]}]} for x in arrows_at]
        scope = {"name": "cluster_0", "bb": "0,0,200,100", "lwidth": "0.5", "lheight": "0.2", "lp": "24,90"}
        source = "subgraph cluster_0 { graph [labeljust=l] }"
        return str(rendering.free_titles(source, {"objects": [scope], "edges": curves}))

    assert "labeljust=l" in moved(50) and "labeljust=r" in moved(20) and "labeljust=c" in moved(20, 170)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="others have no fontconfig")
def test_an_svg_is_the_same_whatever_fonts_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = set()
    for fonts in ("/usr/share/fonts/truetype/dejavu", "/usr/share/fonts/truetype/liberation", str(tmp_path)):
        (tmp_path / "fonts.conf").write_text(f"<fontconfig><dir>{fonts}</dir><cachedir>{tmp_path}</cachedir></fontconfig>")
        monkeypatch.setenv("FONTCONFIG_FILE", str(tmp_path / "fonts.conf"))
        found.add(ag.draw(network()).pipe("svg"))
    assert len(found) == 1


def test_an_svg_shrinks_with_what_it_stands_in_and_a_pdf_has_no_margin(tmp_path: Path) -> None:
    picture = ag.draw(network())
    assert 'style="max-width: 100%; height: auto"' in picture.pipe("svg", encoding="utf-8")
    pdf = ag.render(picture, tmp_path / "graph.pdf").read_bytes()
    page = re.search(rb"/MediaBox \[ ?0 0 ([0-9.]+) ([0-9.]+) ?\]", pdf)
    assert page is not None
    drawn = [float(x) for x in parsed(rendering_source(picture))["bb"].split(",")[2:]]
    np.testing.assert_allclose([float(x) for x in page.groups()], np.add(drawn, 14.4), atol=2)  # pad, 0.1 inches a side


def test_a_slide_has_names_and_labels_only() -> None:
    picture = ag.draw(network(), size="slide")
    said = texts(ElementTree.fromstring(picture.pipe("svg")))
    assert {"z₁ = w₁ a₀ + b₁", " ⊙ σ′(z₁) "} <= set(said) and not re.search(r"∂|parameter|×|\d\.\d", " ".join(said))
    assert "rankdir=LR" in picture.source and "rankdir=TB" in ag.draw(network(), size="slide", direction="down").source
    root = ElementTree.fromstring(picture.pipe("svg"))
    width, height = (float(str(root.get(key)).removesuffix("pt")) for key in ("width", "height"))
    assert width == pytest.approx(960, abs=2) or height == pytest.approx(540, abs=2)  # points: 1280 or 720 pixels


def test_adjoints_in_print_are_told_by_their_letters() -> None:
    for theme, expected in (("print", {True}), ("light", {False})):
        svg = svg_groups(ag.draw(network(), theme=theme).pipe("svg"))
        italic = {}
        for t in svg["node", "z1"].iter("{http://www.w3.org/2000/svg}text"):
            if re.search(r"\d\.\d", str(t.text)):
                italic.setdefault(t.get("fill"), set()).add(t.get("font-style") == "italic")
        value, adjoint = italic.values()
        assert value == {False} and adjoint == expected


def test_columns_of_value_and_adjoint_are_below_each_other() -> None:
    w = Tensor([[1.0, 20.0], [3.0, 4.0]], requires_grad=True, name="w")
    box = svg_groups(ag.draw(np.sum(w * np.array([[-1e-4, 2e-4], [3e-4, 4e-4]]))).pipe("svg"))["node", "w"]
    brackets = [extent(part)[:2] for part in box if part.tag.endswith("}polyline")]
    np.testing.assert_allclose(brackets[:2], brackets[2:], atol=1)


def test_a_long_name_is_shortened_and_whole_in_the_tooltip() -> None:
    name = "encoder.layers.11.self_attention.out_projection.weight.orig\\"
    svg = ag.draw(Tensor(2.0, requires_grad=True, name=name).sin()).pipe("svg", encoding="utf-8")
    said = texts(ElementTree.fromstring(svg))
    assert "encoder.layers.11.…tion.weight.orig\\" in said and "C = sin(encoder.layers.11.…tion.weight.orig\\)" in said
    assert f'title="{name}"' in svg


@pytest.mark.parametrize("direction", ["down", "right"])
@pytest.mark.parametrize("scopes", [True, False])
def test_a_recurrence_flows_in_one_direction(direction: str, scopes: bool) -> None:
    cost = gallery.recurrence() if scopes else without_scopes(5)
    svg = ag.draw(cost, values=False, adjoints=False, direction=direction).pipe("svg").decode()
    assert [fault for fault in faults(svg) if scopes or " of->" not in fault] == []  # arrows do cross labels there
    groups = svg_groups(svg)
    for (kind, title), g in groups.items():
        if kind == "edge":
            points = curve(next(str(part.get("d")) for part in g if part.get("d")))[:, 1 if direction == "down" else 0]
            assert np.all(np.diff(points) >= -1) or np.ptp(points) < 25 or "chip" in title, title
    for name, uses in (("W", 5), ("U", 5), ("b", 5)):
        boxes = [texts(g)[0] for (kind, _), g in groups.items() if kind == "node"]
        assert boxes.count(name) == 1 and boxes.count(f"{name} ↑") == (uses - 1 if scopes else boxes.count(f"{name} ↑")) > 0


def without_scopes(steps: int) -> Tensor:
    W, U, b = (Tensor(np.eye(2)[:, :n], requires_grad=True, name=name) for name, n in (("W", 2), ("U", 1), ("b", 1)))
    h: Any = np.zeros((2, 1))
    for t in range(steps):
        h = np.tanh(W @ h + U @ Tensor([[t / 4]], name=f"x{t}") + b)
    return h.sum()


def test_a_chip_bears_the_local_gradient_of_its_use_and_is_no_box_of_its_own() -> None:
    cost = gallery.recurrence(2)
    drawn = arrows(ag.draw(cost).source)
    assert {(tail[:5], head, label) for tail, head, label in drawn if tail.startswith("_chip")} == {
        ("_chip", "z2", "· x₂ᵀ"), ("_chip", "s2", "· h₁ᵀ"), ("_chip", "s2", "1")
    }  # fmt: skip
    assert ag.draw(cost, max_nodes=16) and len(ag.draw_steps(cost)) > 10
    with pytest.raises(ValueError, match="16 boxes"):
        ag.draw(cost, max_nodes=15)
    box = svg_groups(ag.draw(cost).pipe("svg"))["node", "U"]
    assert "∂C/∂U" in texts(box)


def test_scopes_that_share_parameters_say_so_when_folded() -> None:
    svg = svg_groups(ag.draw(gallery.recurrence(3), summary=True).pipe("svg"))
    said = [texts(g) for (kind, title), g in svg.items() if kind == "node" and title.startswith("scope")]
    assert said[:2] == [["step 1", "3 operations", "8 parameters"], ["step 2", "3 operations", "W, b, U ↑"]]
    assert {"h0", "x1", "x2", "x3", "target"} < {title for kind, title in svg if kind == "node"}
    assert any(text.startswith(" ‖∂C/∂h₂‖ = ") for text in texts(svg["edge", "scope_1->scope_2"]))


def test_no_box_stands_without_an_arrow() -> None:
    x = Tensor(2.0, requires_grad=True, name="x")
    assert len(parsed(ag.draw(x * Tensor(3.0)).source)["objects"]) == 2
    [slope] = ag.gradients(x**3 * 2, [x], create_graph=True)
    groups = svg_groups(ag.draw(slope).pipe("svg"))
    ends = {end for kind, title in groups if kind == "edge" for end in title.split("->")}
    assert ends == {title for kind, title in groups if kind == "node"}


def test_single_numbers_on_arrows_have_an_equals_sign() -> None:
    w, x = (Tensor(value, requires_grad=True, name=name) for name, value in (("w", -3.0), ("x", 2.0)))
    svg = svg_groups(ag.draw(np.tanh(w * x), local_gradients="values").pipe("svg"))
    said = {title: "".join(texts(g)).split() for (kind, title), g in svg.items() if kind == "edge"}
    assert said["x->t1"] == ["w", "=", "−3"]
    assert said["t1->C"] == ["tanh′(t₁)", "=", f"{(1 - np.tanh(-6.0) ** 2) * 1e5:.3f}", "×10⁻⁵"]


def test_a_minus_in_front_of_a_matrix_on_an_arrow_is_not_repeated_in_it() -> None:
    a, b = Tensor([[1.0, 2.0]], requires_grad=True, name="a"), Tensor([[2.0, 4.0]], requires_grad=True, name="b")
    q = a / b
    q.name = "q"
    svg = svg_groups(ag.draw(q.sum(), local_gradients="values").pipe("svg"))
    said = {title: "".join(texts(g)).split() for (kind, title), g in svg.items() if kind == "edge"}
    assert said["b->q"][0].startswith("−") and [float(x) for x in said["b->q"] if x[0].isdigit()] == [0.25, 0.125]
    assert not any(x[:1] == "−" and x[1:2].isdigit() for x in said["b->q"])


def test_masks_on_arrows_are_ones_and_zeros() -> None:
    z = Tensor([[1.0, -2.0]], requires_grad=True, name="z")
    svg = svg_groups(ag.draw(ag.relu(z).sum(), local_gradients="values").pipe("svg"))
    said = {title: "".join(texts(g)).split() for (kind, title), g in svg.items() if kind == "edge"}
    assert said["z->t1"][-2:] == ["1", "0"]


def test_complex_constants_stand_in_parentheses() -> None:
    w = Tensor([1.0, 2.0], requires_grad=True, name="w")
    svg = svg_groups(ag.draw(np.sum(np.abs(w * (2 + 1j)))).pipe("svg"))
    said = " ".join("".join(texts(g)) for g in svg.values()).replace("\xa0", " ")
    assert "(2 + 1 i)" in said and "Re((2 + 1 i) ·)" in said


# Numbers and names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (-0.5, ["−0.500"]),
        (3.0, ["3"]),
        (1234567.0, ["1.235 ×10⁶"]),
        (-0.00002345, ["−2.345 ×10⁻⁵"]),
        (5e-324, ["4.941 ×10⁻³²⁴"]),
        (9.99999e-8, ["1.000 ×10⁻⁷"]),
        ([0.0001, -1.5], [" 1.0×10⁻⁴ ", " −1.500 "]),
        ([-0.0001, 1.5], [" −1.0×10⁻⁴ ", " 1.500 "]),
        ([1e-6, 1.0, 3.5], [" 1.0×10⁻⁶ ", " 1.000 ", " 3.500 "]),
        ([-3e-320, 2e300, 0.0, 0.25], [" −3.0×10⁻³²⁰ ", " 2.0×10³⁰⁰ ", " 0.000 ", " 0.250 "]),
        ([1e-6, 2.5e7, float("nan")], [" 1.0×10⁻⁶ ", " 2.5×10⁷ ", " nan "]),
        ([0.0006, 2.0], [" 0.001 ", " 2.000 "]),
        ([0.03, 0.0004], [" 3.000 ", " 0.040 ", " ×10⁻²"]),
        ([1e-9 + 2j], [" 1e−09+2j "]),
        (np.longdouble("1e400"), ["∞"]),  # as for Python
        (np.array([0.0] * 9999 + [1.0]), ["0 █▁▁▁▁▁▁▂ 1, mean 1×10⁻⁴"]),
        ([float("inf"), float("-inf"), float("nan"), 0.5], [" ∞ ", " −∞ ", " nan ", " 0.500 "]),
        ([[1, -2]], [" 1 ", " −2 "]),
        ([True, False], [" True ", " False "]),
        ([1 + 2j], [" 1+2j "]),
        (np.zeros((0, 3)), ["empty"]),
        (np.full((4, 5), 0.25), ["0.250 everywhere"]),
        (np.zeros(100), ["0 everywhere"]),
        (np.arange(100.0), ["0 ████████ 99.00, mean 49.50"]),
        (np.array([0.0] * 30 + [1.0] * 10), ["0 █▁▁▁▁▁▁▄ 1, mean 0.25"]),
        (np.array([np.nan] * 20 + [np.inf]), ["20 NaN and 1 infinite of 21 entries"]),
        (np.array([False] * 30 + [True] * 30), ["0 █▁▁▁▁▁▁█ 1, mean 0.50"]),
        (np.array([-1.5e308] * 30 + [1.5e308] * 10), ["(−1.50 █▁▁▁▁▁▁▄ 1.50, mean −0.75) ×10³⁰⁸"]),
        (np.array([5e-324] * 30 + [0.0] * 10), ["(0 ▄▁▁▁▁▁▁█ 4.94, mean 4.94) ×10⁻³²⁴"]),
        (np.array([-(2**63)] * 30 + [2**63 - 1] * 10), ["(−9.22 █▁▁▁▁▁▁▄ 9.22, mean −4.61) ×10¹⁸"]),
        (np.float16([0.5] * 30 + [1.0]), ["0.50 █▁▁▁▁▁▁▂ 1, mean 0.52"]),
        (np.ones((4, 2, 2)), ["1 everywhere"]),
        (np.arange(6.0).reshape(3, 1, 2), [" 0 ", " 1 ", " 2 ", " 3 ", " 4 ", " 5 "]),
    ],
    ids=str,
)
def test_how_values_are_written(data: Any, says: list[str]) -> None:
    t = Tensor(data, name="t")
    found = texts(svg_groups(ag.draw(t).pipe("svg"))["node", "t"])
    if any("█" in text for text in found):  # the bars are lighter than the text
        found[2:] = ["".join(found[2:])]
    assert found[2:] == says


def test_what_operations_were_told() -> None:
    x = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True, name="x")
    svg = svg_groups(ag.draw(x[0, 1:].sum() + np.sum(x, 0).mean() + np.prod(x, axis=1).sum()).pipe("svg"))
    heads = [texts(g) for (kind, title), g in svg.items() if kind == "node" and title != "x"]
    assert {"t₁ = x[0, 1:]", "t₂ = ∑ t₁", "t₄ = mean(t₃)"} <= {head[0] for head in heads}
    assert ["t₃ = ∑", "axis0", " x"] in [head[:3] for head in heads]
    assert ["t₆ = ∏", "axis1", " x"] in [head[:3] for head in heads]
    symbols = {title: "".join(texts(g)).strip() for (kind, title), g in svg.items() if kind == "edge"}
    assert symbols["x->t1"] == "index[0, 1:]ᵀ" and symbols["t3->t4"] == "1/3 𝟏"
    assert symbols["x->t6"] == "repeataxis1(·) ⊙ prod[axis=1]′(x)"
    named = Tensor(np.ones((2, 2)), requires_grad=True, name="repeat_axis0")
    assert "repeat_axis0" in texts(svg_groups(ag.draw(named).pipe("svg"))["node", "repeat_axis0"])  # as it is


def test_names_in_mathematical_dress() -> None:
    names = {"a1": "a₁", "w12": "w₁₂", "delta2": "δ₂", "theta": "θ", "C": "C", "σ1": "σ₁", "w_1": "w₁", "Sigma12": "Σ₁₂",
             "w_old": "old", "learning_rate": "learning_rate", "2x": "2x"}  # fmt: skip
    total = np.sum(np.stack([Tensor(1.0, requires_grad=True, name=name) for name in names]))
    found = texts(ElementTree.fromstring(ag.draw(total).pipe("svg")))
    assert set(names.values()) <= set(found)


@pytest.mark.parametrize(
    ("make", "head", "symbol"),
    [
        (lambda x: x**2, "C = x²", "2 x"),
        (lambda x: x**-1.0, "C = x⁻¹", None),
        (lambda x: x**0.5, "C = x^0.5", None),
        (lambda x: 3 * x, "C = 3 · x", "3"),
        (lambda x: 1e-8 * x, "C = 1×10⁻⁸ · x", "1×10⁻⁸"),
        (lambda x: x - 2.5e10, "C = x − 2.5×10¹⁰", "1"),
        (lambda x: x**1e-7, "C = x^(1×10⁻⁷)", None),
        (lambda x: x - (-2), "C = x − (−2)", "1"),
        (lambda x: x + (-2), "C = x − 2", "1"),
        (lambda x: -x, "C = −x", "−1"),
        (lambda x: np.maximum(x, 1.0), "C = maximum(x, 1)", None),
        (lambda x: np.sqrt(x), "C = √(x)", None),
        (lambda x: ag.sigmoid(x), "C = σ(x)", "σ′(x)"),
    ],
)
def test_formulas(make: Any, head: str, symbol: str | None) -> None:
    picture = ag.draw(make(Tensor(2.0, requires_grad=True, name="x")))
    svg = svg_groups(picture.pipe("svg"))
    assert texts(svg["node", "C"])[0] == head
    if symbol is not None:
        assert [t.strip() for t in texts(svg["edge", "x->C"])] == [symbol]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_drawn_as_it_is(name: str) -> None:
    with ag.name_scope(name):
        t = Tensor(1.5, requires_grad=True, name=name).sin()
    t.name = "out"
    picture = ag.draw(t)
    svg = svg_groups(picture.pipe("svg"))
    [leaf] = [g for (kind, title), g in svg.items() if kind == "node" and title != "out"]
    [scope] = [g for (kind, _), g in svg.items() if kind == "cluster"]
    name = name.replace("\x00", "\ufffd")  # which no svg may hold
    assert texts(leaf)[0] == texts(scope)[0] == name
    assert texts(svg["node", "out"])[0] == f"out = sin({name})"
    [arrow] = [g for (kind, _), g in svg.items() if kind == "edge"]
    assert texts(arrow)[0][1:-1] == f"cos({name})"
    assert len(parsed(picture.source)["edges"]) == 1
    last = texts(ElementTree.fromstring(ag.draw_steps(t)[-1].pipe("svg")))
    in_equations = [f"∂out/∂{each} = cos({each})" for each in (name, f"“{name}”")]  # in quotes where it takes them
    assert any(equation in last for equation in in_equations) or not str(t.parents[0].name).isprintable()


def test_names_from_right_to_left_leave_a_formula_running_to_the_right() -> None:
    a, b = (Tensor(1.5, requires_grad=True, name=name) for name in ("אב", "גד"))
    picture = ag.draw(a - b)
    said = svg_groups(picture.pipe("svg"))["node", "C"]
    assert "C = \u200eאב\u200e − \u200eגד\u200e" in "".join(said.itertext())


def test_names_of_several_lines_and_with_control_characters() -> None:
    svg = svg_groups(ag.draw(Tensor(1.5, name="one\ntwo\r\nthree\x00\ud800")).pipe("svg"))
    [box] = [g for (kind, _), g in svg.items() if kind == "node"]
    assert texts(box)[:3] == ["one", "two", "three\ufffd\ufffd"]


# those that mean something to dot, svg, html or LaTeX, or to us, come up often
NAMES = st.text(
    st.sampled_from("\\\\\"<>&;#'NGl\n\t [Σ_^א\u0301\u200b\u200e\u2060\ue000\ue001\x00\x85\ufffe")
    | st.characters(codec="utf-8"),
    min_size=1,
)


@settings(max_examples=settings().max_examples // 10)
@given(st.lists(NAMES, min_size=30, max_size=60))
def test_any_names(names: list[str]) -> None:
    picture = ag.draw(np.sum(np.stack([Tensor(1.5, requires_grad=True, name=name) for name in names])))
    svg = svg_groups(picture.pipe("svg"))
    found = Counter(
        "\n".join(["", *filter(None, texts(g))]).split("\nparameter")[0][1:] for (kind, _), g in svg.items() if kind == "node"
    )
    for name in names:
        name = name if len(name) <= 36 else f"{name[:18]}…{name[-17:]}"
        lines = re.sub("[\x00-\x09\x0b-\x1f\x7f-\x9f\ufffe\uffff]", "\ufffd", re.sub("\r\n?", "\n", name).replace("\t", " " * 4))
        lines = "\n".join(filter(None, lines.replace("\xa0", " ").replace("\u200e", "").split("\n")))
        if not re.fullmatch(r"[^\W\d_]+(_?[0-9]*|_[^\W_]+)", name):  # such a name is set in mathematical dress
            assert found[lines] > 0, ascii(name)


def test_two_tensors_of_one_name_are_two_boxes() -> None:
    t = Tensor(1.0, requires_grad=True, name="x") * Tensor(2.0, requires_grad=True, name="x")
    assert len(parsed(ag.draw(t).source)["objects"]) == 3


# Shapes of graphs -------------------------------------------------------------------------------------------


def test_a_graph_of_one_leaf() -> None:
    graph = parsed(ag.draw(Tensor([1.0, 2.0], requires_grad=True, name="w")).source)
    assert len(graph["objects"]) == 1 and "edges" not in graph
    assert b"<svg" in ag.draw(Tensor(1)).pipe("svg")


def test_outputs_that_share_their_history() -> None:
    x = Tensor(0.5, requires_grad=True, name="x")
    shared = x.exp()
    shared.name = "shared"
    first, second = shared.sin(), shared.cos()
    assert arrows(ag.draw(first).source) == Counter({("x", "shared", "exp(x)"): 1, ("shared", "C", "cos(shared)"): 1})
    assert arrows(ag.draw(second).source) == Counter({("x", "shared", "exp(x)"): 1, ("shared", "C", "−sin(shared)"): 1})
    both = first * second
    assert sum(arrows(ag.draw(both).source).values()) == 5


def test_an_output_of_several_entries() -> None:
    x = Tensor([1.5, 2.5], requires_grad=True, name="x")
    assert "∂" not in "".join(texts(ElementTree.fromstring(ag.draw(x * x).pipe("svg"))))
    found = texts(svg_groups(ag.draw(x * x, gradient=[10.0, 20.0]).pipe("svg"))["node", "x"])
    assert found[-3:] == ["∂C/∂x", " 30 ", " 100 "]


def boxes_of(picture: Any) -> dict[str, list[str]]:
    return {title: texts(g) for (kind, title), g in svg_groups(picture.pipe("svg")).items() if kind == "node"}


def test_a_cost_further_on_is_not_taken_for_the_output_or_an_operand() -> None:
    x = Tensor(3.0, requires_grad=True, name="x")
    boxes = boxes_of(ag.draw(x * x, gradient=2.0))
    assert boxes["x"][-3:] == ["∂C/∂x", " ", "12"] and boxes["t1"][0] == "t₁ = x · x" and "∂C/∂t₁" in boxes["t1"]
    [_, *further] = ag.draw_steps(x * x, gradient=2.0)
    assert all("t₁ = x · x" in boxes_of(step)["t1"] and "∂C/∂t₁ = u" in step.source for step in further)
    C = Tensor([1.0, 2.0], requires_grad=True, name="C")
    boxes = boxes_of(ag.draw(C * C, gradient=[1.0, 1.0]))
    assert "∂C₍₂₎/∂C" in boxes["C"] and "∂C₍₂₎/∂t₁" in boxes["t1"]
    assert str(ag.chain_rule(C * C, C, [1.0, 1.0])[-1]).startswith("∂C_(2)/∂C = ")


def test_tensors_of_one_name_are_numbered_as_in_the_equations() -> None:
    first, second = (Tensor(value, requires_grad=True, name="w") for value in (2.0, 3.0))
    boxes = boxes_of(ag.draw(first * second))
    assert boxes["C"][0] == "C = w · w₍₂₎"
    assert (boxes["w"][-3], boxes["w"][-1]) == ("∂C/∂w", "3") and (boxes["_1"][-3], boxes["_1"][-1]) == ("∂C/∂w₍₂₎", "2")
    assert arrows(ag.draw(first * second).source) == Counter({("w", "C", "w₍₂₎"): 1, ("_1", "C", "w"): 1})
    assert [g.label for g in (first * second).local_gradients] == ["w_(2)", "w"]


@pytest.mark.parametrize("size, said", [(0.004, "0.004"), (12.0, "12"), (123.0, "1.2×10²"), (98765.0, "9.9×10⁴")])
def test_norms_of_any_size_are_written_in_two_digits(size: float, said: str) -> None:
    x = Tensor([1.0], requires_grad=True, name="x")
    with ag.name_scope("one"):
        y = x * 2
    with ag.name_scope("two"):
        cost = (y * size).sum()
    assert arrows(ag.draw(cost, summary=True).source)["scope_0", "scope_1", f"‖∂C/∂t₁‖ = {said}"] == 1


def test_a_drawing_is_viewed_as_that_of_graphviz_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    viewed: list[str] = []
    monkeypatch.setattr(rendering.graphviz, "view", viewed.append)
    picture = ag.draw(Tensor(1.0, requires_grad=True, name="x"))
    picture.format = "svg"
    assert picture.view(tmp_path / "a") == viewed[0] == picture.render(tmp_path / "a")
    assert picture.render(tmp_path / "b", view=True) == viewed[1]


def test_a_drawing_is_rendered_into_a_file_of_ones_choice_and_not_by_another_program(tmp_path: Path) -> None:
    picture = ag.draw(Tensor(1.0, requires_grad=True, name="x"))
    assert picture.render(outfile=tmp_path / "x.svg") == str(tmp_path / "x.svg")
    assert b"<svg" in (tmp_path / "x.svg").read_bytes() and (tmp_path / "x.gv").exists()
    for call in (picture.render, picture.pipe):
        with pytest.raises(TypeError, match="without formatter, renderer: leave"):
            call(renderer="cairo", formatter="gd")


def test_one_number_is_one_parameter() -> None:
    with ag.name_scope("layer"):
        y = Tensor(3.0, requires_grad=True, name="w") * 2
    assert boxes_of(ag.draw(y + 1, summary=True))["scope_0"][:3] == ["layer", "1 operation", "1 parameter"]


def test_a_parameter_that_is_divided_is_no_cost() -> None:
    w = Tensor(3.0, requires_grad=True, name="w")
    assert boxes_of(ag.draw(w / 2))["C"][0] == "C = w / 2"


def test_a_tensor_may_be_called_like_the_box_of_a_scope() -> None:
    x = Tensor([1.0, 2.0], name="scope_0")
    with ag.name_scope("layer"):
        y = np.sin(Tensor([1.0, 2.0], requires_grad=True, name="w") * x)
    boxes = boxes_of(ag.draw(y.sum(), summary=True))
    assert boxes["scope_0"][0] == "scope₀" and boxes["_scope_0"][0] == "layer"


@pytest.mark.slow
def test_five_thousand_nodes() -> None:
    picture = ag.draw(chain(5000), max_nodes=5001)
    svg = picture.pipe("svg")
    assert svg.count(b'class="node"') == 5001 and svg.count(b'class="edge"') == 5000


@pytest.mark.slow
def test_twenty_thousand_nodes_without_recursion() -> None:
    assert ag.draw(chain(20_000), max_nodes=10**6, values=False, adjoints=False).source.count("->") == 20_000


def test_the_same_graph_gives_the_same_source_in_two_runs() -> None:
    program = "from tests.test_drawing import network; import autograd_lite as ag; print(ag.draw(network()).source)"
    root = Path(__file__).parents[1]
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": "utf-8"}
        run = [sys.executable, "-c", program]
        said = subprocess.run(run, cwd=root, env=environment, capture_output=True, check=True).stdout.decode()
        assert said == f"{ag.draw(network()).source}\n"


# Files --------------------------------------------------------------------------------------------------------


def test_png_is_not_blank_and_has_the_resolution_asked_for(tmp_path: Path) -> None:
    path = ag.render(network(), tmp_path / "graph.png", resolution=72)
    assert path == tmp_path / "graph.png"
    small, large = pixels(path), pixels(ag.render(network(), tmp_path / "large.png", resolution=144))
    assert small.std() > 0.05 and len(np.unique(small.reshape(-1, 3), axis=0)) > 50
    np.testing.assert_allclose(large.shape[:2], 2 * np.array(small.shape[:2]), atol=4)
    dark = pixels(ag.render(network(), tmp_path / "dark.png", resolution=72, theme="dark"))
    assert np.median(small) > 0.9 and np.median(dark) < 0.2


def test_two_layer_network_fits_a_page() -> None:
    svg = ag.draw(network()).pipe("svg")
    root = ElementTree.fromstring(svg)
    width, height = (float(str(root.get(key)).removesuffix("pt")) for key in ("width", "height"))
    boxes = [extent(g) for (kind, _), g in svg_groups(svg).items() if kind == "node"]
    # In boxes, as a font is as wide as it is: A4 holds four matrices beside each other and eight above each other
    assert width < 4 * max(box[1] - box[0] for box in boxes) and height < 8 * max(box[3] - box[2] for box in boxes)


@pytest.mark.parametrize(
    ("suffix", "start"), [(".pdf", b"%PDF-"), (".svg", b"<?xml"), (".dot", b"digraph"), (".GV", b"digraph")]
)
def test_the_suffix_says_what_is_written(suffix: str, start: bytes, tmp_path: Path) -> None:
    content = ag.render(network(), str(tmp_path / f"graph{suffix}")).read_bytes()
    assert content.startswith(start) and len(content) > 5000


def test_a_drawing_can_be_rendered_too(tmp_path: Path) -> None:
    assert b"<svg" in ag.render(ag.draw(network()), tmp_path / "a.svg").read_bytes()
    with pytest.raises(TypeError, match="takes no theme"):
        ag.render(ag.draw(network()), tmp_path / "a.svg", theme="dark")
    with pytest.raises(TypeError, match="made from a Tensor"):
        ag.render(ag.draw(network()), tmp_path / "a.html")


def test_unknown_suffix(tmp_path: Path) -> None:
    for name in ("graph.jpeg2", "graph", "svg"):
        with pytest.raises(ValueError, match=r"end the name with one of \.svg, \.png, \.pdf, \.html, \.gv, \.dot"):
            ag.render(network(), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="cannot be written"):
        ag.render(network(), tmp_path / "file" / "graph.dot")
    with pytest.raises(FileNotFoundError, match=r"cannot be written.*graph\.dot"):
        ag.render(network(), tmp_path / "missing" / "graph.dot")


@pytest.mark.slow
def test_the_example_draws_them_all(tmp_path: Path) -> None:
    root = Path(__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": str(root), "PYTHONIOENCODING": "utf-8"}
    run = [sys.executable, "-W", "error", str(root / "examples/render_graph.py"), "--output", f"{tmp_path}/pictures"]
    done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, check=True)
    said = done.stdout.decode().splitlines()
    assert sorted(map(Path, said)) == sorted((tmp_path / "pictures").iterdir())
    assert {path.suffix for path in map(Path, said)} == {".svg", ".png", ".pdf", ".html", ".dot"}
    assert list(tmp_path.iterdir()) == [tmp_path / "pictures"]


# With and without Graphviz ------------------------------------------------------------------------------------


@pytest.mark.skipif(not rendering.has_bundled_graphviz(), reason="needs the wheel of pygraphviz")
def test_without_a_dot_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for suffix in ("svg", "png", "pdf"):
        assert ag.render(network(), tmp_path / f"graph.{suffix}").stat().st_size > 5000
    assert "w₁" in ag.draw(network())._repr_mimebundle_()["image/svg+xml"]
    picture = ag.draw(network())
    assert Path(picture.render("graph", tmp_path, format="png", cleanup=True)).read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "graph").exists()


def dot_program(folder: Path, body: str) -> None:
    program = folder / "dot"
    program.write_text(f"#!{sys.executable}\nimport sys\n{body}")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


@pytest.mark.skipif(os.name == "nt", reason="the program is a script")
def test_a_dot_program_on_the_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dot_program(tmp_path, "print(sys.argv[1:], sys.stdin.read())")
    monkeypatch.setenv("PATH", str(tmp_path))
    said = ag.render(chain(2), tmp_path / "graph.png", resolution=96).read_text()
    assert said.startswith("['-Tpng', '-Kdot', '-Gdpi=96'] digraph")


def test_no_text_begins_or_ends_with_a_space_that_may_collapse() -> None:  # and, being fitted, stretch the rest
    svg = ElementTree.fromstring(ag.draw(network(), local_gradients="values").pipe("svg"))
    found = [t.text or "" for t in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert len(found) > 100 and all(t.strip(" ") == t for t in found if t != " ")


@pytest.mark.skipif(os.name == "nt", reason="the program is a script")
def test_graphviz_fails_in_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dot_program(tmp_path, "sys.exit('Error: out of ink')")
    monkeypatch.setenv("PATH", str(tmp_path))
    with monkeypatch.context() as nothing_else:
        nothing_else.setattr(rendering, "has_bundled_graphviz", lambda: False)
        with pytest.raises(RuntimeError, match="could not draw the pdf: Error: out of ink"):
            ag.render(chain(2), tmp_path / "graph.pdf")
        assert not (tmp_path / "graph.pdf").exists()
    if rendering.has_bundled_graphviz():
        assert ag.render(chain(2), tmp_path / "graph.pdf").read_bytes().startswith(b"%PDF")


def test_a_failure_of_the_graphviz_that_is_here() -> None:
    with pytest.raises(RuntimeError, match="(?s)could not draw the svg.*syntax error in line 1"):
        rendering.run_graphviz("digraph { a -> ", "svg")


def test_without_any_graphviz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(rendering, "has_bundled_graphviz", lambda: False)
    with pytest.raises(ImportError, match='pip install graphviz "pygraphviz>=2"') as caught:
        ag.render(network(), tmp_path / "graph.svg")
    assert "\n" not in str(caught.value)
    assert ag.render(network(), tmp_path / "graph.dot").exists()  # needs none


def test_without_the_package_graphviz() -> None:
    program = """
import sys
sys.modules["graphviz"] = None
import autograd_lite as ag
t = ag.Tensor(1.0)
try:
    ag.draw(t)
except ImportError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.startswith('drawing needs the Python package graphviz: pip install graphviz "pygraphviz>=2"')


def test_graphviz_is_imported_only_when_something_is_drawn() -> None:
    program = "import autograd_lite, sys; print([m for m in ('graphviz', 'pygraphviz') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have fonts")
def test_without_fonts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.delenv("FONTCONFIG_FILE", raising=False)
    monkeypatch.setattr(rendering, "FONT_FOLDERS", (str(tmp_path),))
    assert not rendering.has_fonts()
    assert b"DejaVu" in ag.render(network(), tmp_path / "graph.pdf").read_bytes()
    monkeypatch.setattr(rendering, "find_spec", lambda name: None)
    with pytest.warns(UserWarning, match="no fonts on this machine"):
        ag.render(network(), tmp_path / "graph.png")


# The backward pass, step by step --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def steps() -> list[bytes]:
    return [step.pipe("svg") for step in ag.draw_steps(network())]


def test_steps_have_one_size_and_one_layout(steps: list[bytes]) -> None:
    roots = [ElementTree.fromstring(step) for step in steps]
    assert len({(root.get("width"), root.get("height"), root.get("viewBox")) for root in roots}) == 1
    places = {
        tuple((t.text, t.get("x"), t.get("y")) for t in root.iter("{http://www.w3.org/2000/svg}text")) for root in roots
    }
    assert len(places) == 1


def test_an_adjoint_is_seen_from_its_step_on(steps: list[bytes]) -> None:
    order = ["C", "a2", "z2", "w2", "a1", "b2", "z1", "w1", "b1"]
    assert len(steps) == 1 + len(order)
    for number, step in enumerate(steps):
        svg = svg_groups(step)
        seen = set()
        for key in order:
            colors = [t.get("fill") for t in svg["node", key].iter("{http://www.w3.org/2000/svg}text") if "∂" in t.text]
            if colors == ["#b3261e"]:
                seen.add(key)
        assert seen == set(order[:number])
        thick = [key for key in order if svg["node", key].find("*[@stroke-width='3']") is not None]
        assert thick == order[number - 1 : number][: number > 0]


def test_the_adjoints_that_a_step_uses_are_marked() -> None:
    x = Tensor(0.5, requires_grad=True, name="x")
    s, c = x.sin(), x.cos()
    s.name, c.name = "s", "c"
    steps = ag.draw_steps(s * c)
    last = svg_groups(steps[-1].pipe("svg"))
    used = {title for (_, title), g in last.items() if g.get("class") == "edge" and g[1].get("stroke") == "#b3261e"}
    assert used == {"x->s", "x->c"}
    equations = [t for t in texts(last["graph", "graph"]) if " = " in t and t.startswith("∂")]
    assert len(equations) == 4 and equations[-1] in (
        "∂C/∂x = ∂C/∂s cos(x) − ∂C/∂c sin(x)", "∂C/∂x = −∂C/∂c sin(x) + ∂C/∂s cos(x)"
    )  # fmt: skip


def test_steps_of_what_has_no_backward_pass() -> None:
    with pytest.raises(ValueError, match="no backward pass"):
        ag.draw_steps(Tensor(1.0, name="c"))
    with pytest.raises(ValueError, match="pass gradient="):
        ag.draw_steps(Tensor([1.0, 2.0], requires_grad=True) * 2)
    with pytest.raises(ValueError, match="leave out summary=True"):
        ag.draw_steps(network(), summary=True)
    assert len(ag.draw_steps(Tensor([1.0, 2.0], requires_grad=True) * 2, gradient=[1.0, 0.0])) == 3
    assert len(ag.draw_steps(Tensor(2.0, requires_grad=True))) == 2


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()
        self.data = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found[tag] += 1
        assert not any(name in ("src", "href") or name.startswith("on") for name, _ in attrs)


def test_no_name_gets_into_the_page_as_markup(tmp_path: Path) -> None:
    def page(names: list[str]) -> Tags:
        with ag.name_scope(names[0]):
            t = np.sum(np.stack([Tensor(1.5, requires_grad=True, name=name) for name in names]))
        t.name = names[-1]
        return Tags(ag.render(t, tmp_path / "page.html").read_text(encoding="utf-8"))

    harmless, hostile = page([f"x_{i}_" for i in range(len(HOSTILE))]), page(HOSTILE)
    assert harmless.found == hostile.found
    assert hostile.found["script"] == 2


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PROBE = """
<script>{
  const seen = [];
  const look = () => seen.push({
    equation: document.getElementById("equation").textContent,
    step: document.querySelector("output").textContent,
    found: [...document.querySelectorAll(".node.found title")].map(t => t.textContent),
    used: [...document.querySelectorAll(".used title")].map(t => t.textContent).sort(),
    red: [...document.querySelectorAll(".edge.used polygon")]
      .filter(p => getComputedStyle(p).fill === "rgb(179, 38, 30)").length,
    hidden: [...document.querySelectorAll(".node text")]
      .filter(t => t.textContent.includes("∂") && getComputedStyle(t).visibility === "hidden").length,
  });
  const press = key => { document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true })); look(); };
  look();
  press("ArrowRight"); press("ArrowRight"); press("ArrowRight"); press("ArrowLeft"); press("End"); press("Home");
  press("ArrowLeft");
  document.querySelector("input").value = 4;
  document.querySelector("input").dispatchEvent(new Event("input"));
  look();
  const click = which => document.querySelector(`[${which}]`).click();
  const box = () => document.querySelector("main svg").getAttribute("viewBox").split(" ").map(Number);
  const views = [box()];
  click('data-to="on"'); look(); click('data-to="last"'); click('data-to="back"'); look();
  document.querySelector('input[type="checkbox"]').click();
  const numbers = document.getElementById("numbers").textContent;
  const earlier = [...document.querySelectorAll("#earlier li")].map(line => line.textContent);
  click('data-zoom="0.8"'); views.push(box());
  const svg = document.querySelector("main svg");
  svg.dispatchEvent(new WheelEvent("wheel", { deltaY: 300, clientX: 50, clientY: 50, cancelable: true }));
  views.push(box());
  click('data-zoom="all"'); views.push(box());
  document.querySelector("#earlier li").click(); look();
  const clickAt = element => {
    const { x, y, width, height } = element.getBoundingClientRect();
    svg.dispatchEvent(new MouseEvent("click", { clientX: x + width / 2, clientY: y + height / 2 }));
  };
  click('data-zoom="all"');
  const scope = document.querySelector("g.cluster");
  const look_folded = () => ({
    gone: [...document.querySelectorAll("g.node, g.edge")].filter(g => getComputedStyle(g).display === "none")
      .map(g => g.querySelector("title").textContent).sort(),
    view: box(), paths: [...svg.querySelectorAll("path")].map(p => p.getAttribute("d")).join(" "),
    ends: document.querySelector("g.edge.cut path")?.getAttribute("d"),
    found: document.querySelectorAll("g.cluster.found").length,
  });
  const folds = [look_folded()];
  clickAt(scope.querySelector("text"));
  folds.push(look_folded());
  clickAt(scope.querySelector(".caption"));
  click('data-zoom="all"'); folds.push(look_folded());
  const paper = getComputedStyle(document.body).backgroundColor;
  const fill = getComputedStyle(document.querySelector("#graph polygon, g.graph > polygon")).fill;
  const sizes = [document.documentElement.scrollWidth <= innerWidth,
    Math.min(...[...document.querySelectorAll("button")].map(b => b.getBoundingClientRect().height))];
  const requests = performance.getEntriesByType("resource").length;
  document.body.dataset.seen = JSON.stringify({ seen, requests, views, numbers, earlier, paper, fill, sizes, folds });
}</script>
</body>"""


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", ["1280,720", "820,1180", "500,844"])
def test_the_page_in_a_browser(size: str, dark: bool, tmp_path: Path) -> None:
    page = ag.render(network(), tmp_path / "backprop.html", local_gradients="values")
    page.write_text(page.read_text(encoding="utf-8").replace("</body>", PROBE), encoding="utf-8")
    run = subprocess.run(
        [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
         f"--blink-settings=preferredColorScheme={0 if dark else 1}", f"--window-size={size}",
         f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "CONSOLE" not in run.stderr
    match = re.search('data-seen="([^"]*)"', run.stdout)
    assert match is not None, run.stdout[-2000:] + run.stderr[-2000:]
    result = json.loads(unescape(match[1]))
    assert result["requests"] == 0
    seen = result["seen"]
    assert [look["step"] for look in seen] == [f"{n} of 9" for n in (0, 1, 2, 3, 2, 9, 0, 0, 4, 5, 8, 1)]
    assert [look["hidden"] for look in seen] == [9, 8, 7, 6, 7, 0, 9, 9, 5, 4, 1, 8]
    if not dark:
        assert [look["red"] for look in seen] == [len([key for key in look["used"] if "->" in key]) for look in seen]
    assert result["paper"] == result["fill"] == ("rgb(13, 17, 23)" if dark else "rgb(255, 255, 255)")
    assert seen[3]["equation"] == "∂C/∂z₂ = ∂C/∂a₂ ⊙ σ′(z₂)"
    assert seen[5]["equation"] == "∂C/∂b₁ = ∑batch ∂C/∂z₁"
    assert seen[3]["found"] == ["z2"] and seen[3]["used"] == ["a2", "z2->a2"]
    assert seen[8]["found"] == ["w2"] and seen[8]["used"] == ["w2->z2", "z2"]
    assert len(result["earlier"]) == 7 and result["earlier"][2] == seen[3]["equation"]
    values = {line.split(" = ")[0] for line in result["numbers"].splitlines() if " = " in line}
    assert values == {"∂C/∂w1", "∂C/∂z1", "a0"}
    _, larger, smaller, everything = result["views"]
    np.testing.assert_allclose(np.divide(smaller[2:], larger[2:]), np.exp(0.6))
    assert everything[:2] == [0, 0] and larger[2] < everything[2]
    before, within, after = result["folds"]  # the last look was at step 1
    assert before == after and before["gone"] == []
    assert within["gone"] == ["a1", "b1", "b1->z1", "w1", "w1->z1", "z1", "z1->a1"] and within["found"] == 0
    assert within["view"][2] < 0.8 * before["view"][2] and len(re.findall("-?[0-9.]+", within["ends"])) == 4
    fits, button = result["sizes"]
    assert fits and button >= 36  # a finger's


def test_steps_show_themselves_in_a_notebook() -> None:
    x = Tensor(0.5, requires_grad=True, name="x")
    drawn: Any = ag.draw_steps(x.sin())
    [frame] = re.findall('^<iframe srcdoc="([^"]*)" style="[^"]*"></iframe>$', drawn._repr_html_(), re.DOTALL)
    assert r"\u2202C/\u2202x = cos(x)" in unescape(frame) and 'type="range"' in unescape(frame)
    assert "prefers-color-scheme" in unescape(frame)
    fixed: Any = ag.draw_steps(x.sin(), theme="print")
    assert "prefers-color-scheme" not in fixed._repr_html_()


def test_a_value_beside_a_label_is_what_the_label_names() -> None:
    x = Tensor([[2.0, 0.5], [0.5, 1.0]], requires_grad=True, name="x")

    def label(f: Callable[[Tensor], Tensor]) -> str:
        [found] = [label for source, _, label in arrows(ag.draw(f(x), local_gradients="values").source) if source == "x"]
        return found

    assert "cos(x)" in label(np.sin) and "−0.416" in label(np.sin)
    assert "1.25" in label(lambda x: x @ [[1.25], [7.5]])
    for f in (ag.softmax, lambda x: np.cumprod(x, 1), np.linalg.cholesky, np.linalg.inv):  # what they store is something else
        assert "0." not in label(f) and "2.00" not in label(f)
