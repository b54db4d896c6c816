"""A comparison as it is shown: text, html, plain data, DataFrame and plot, each with nothing lost."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any
from unicodedata import east_asian_width

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_lite import compare

nan = np.nan


def test_the_table() -> None:
    comparison = compare(
        {"w1": np.ones((784, 30)), "b1": np.ones((30, 1))},
        {"w1": np.ones((784, 30)) + 2.0**-35, "b1": np.ones((30, 1))},
    )
    assert str(comparison).splitlines() == [
        "name  shape      exact  approximate   max abs   max rel      ulps",
        "w1    (784, 30)  no     yes          2.91e-11  2.91e-11  1.31e+05",
        "b1    (30, 1)    yes    yes                 0         0         0",
        "all 2 agree",
    ]
    assert repr(comparison) == str(comparison)  # what a plain prompt shows
    different = compare({"w": 1.0, "b": nan}, {"w": 2.0, "b": nan})
    assert str(different).splitlines() == [
        "name  shape  exact  approximate   max abs   max rel      ulps",
        "w     ()     no     no           1.00e+00  5.00e-01  2.25e+15",
        "b     ()     no     no                nan       nan         -",
        "w: manual 1, automatic 2",
        "   → it is ½ times the automatic one: a factor 2 is missing",
        "b: manual nan, automatic nan",
        "   → 1 entry of the manual gradient is NaN",
        "   → 1 entry of the automatic gradient is NaN",
        "2 of 2 differ",
    ]


@settings(max_examples=30)
@given(
    st.dictionaries(st.text(max_size=60), st.lists(st.integers(0, 2), max_size=20), min_size=1, max_size=3),
    st.integers(0, 10),
)
def test_the_table_fits(shapes: dict[str, list[int]], extra: int) -> None:
    manual = {name: np.ones([n % 2 for n in shape]) for name, shape in shapes.items()}
    automatic = {name: np.full([1] * extra, 1e-300) for name in shapes}
    lines = str(compare(manual, automatic)).split("\n")
    assert all(len(line) <= 80 for line in lines)
    assert len({sum(1 + (east_asian_width(c) in "WF") for c in line) for line in lines[: len(shapes) + 1]}) == 1
    assert all(line.isprintable() for line in lines)


class Cells(HTMLParser):
    """What a browser shows in the cells of a table, and the tags that made it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.tags.add(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data


def test_the_table_in_a_notebook() -> None:
    name = "<script>alert(\"1\")</script> & 'w'"
    html = compare({name: np.ones((2, 1))}, {name: np.zeros((2, 1))})._repr_html_()
    parsed = Cells(html)
    assert parsed.tags == {"table", "caption", "tr", "th", "td"}
    assert parsed.cells == [
        "name", "shape", "exact", "approximate", "max abs", "max rel", "ulps",
        name, "(2, 1)", "no", "no", "1.00e+00", "1.00e+00", "4.50e+15",
        "", "2 of 2 entries differ, everywhere; most at [0, 0]: manual 1, automatic 0",
    ]  # fmt: skip
    assert "the gradients differ" in html


MANUAL = {"w": np.array([[1.0, 2.0], [3.0, 0.0]]), "b": np.ones(2), "old": np.ones(1), "c": np.array([1 + 1j])}
AUTOMATIC = {"w": np.array([[1.0, 2.0], [3.0, 4.0]]), "b": np.ones((2, 1)), "new": np.ones(1), "c": np.array([1 + 1j])}


def test_plain_data() -> None:
    found = json.loads(json.dumps(compare(MANUAL, AUTOMATIC).to_dict()))
    assert (found["ok"], found["verdict"]) == (False, "4 of 5 differ")
    w, b, old, c, new = found["rows"]
    assert (w["name"], w["shape"], w["index"], w["manual"], w["automatic"]) == ("w", [2, 2], [1, 1], 0.0, 4.0)
    assert (w["differing"], w["where"], w["max_abs"], w["max_rel"], w["exact"]) == (1, "at index [1, 1]", 4.0, 1.0, False)
    assert w["hints"] == ["the entries that differ are 0 in it: they were not computed, or masked"]
    assert (b["shape"], b["automatic_shape"], b["approximate"]) == ([2], [2, 1], False)
    assert (old["automatic_shape"], new["shape"]) == (None, None)
    assert (c["approximate"], c["manual"]) == (True, "(1+1j)")


def test_a_data_frame() -> None:
    pandas = pytest.importorskip("pandas")
    frame = compare(MANUAL, AUTOMATIC).to_dataframe()
    assert list(frame.index) == ["w", "b", "old", "c", "new"] and frame.index.name == "name"
    assert frame.loc["w", "max_abs"] == 4 and frame.loc["w", "differing"] == 1
    assert frame["approximate"].dtype == bool and list(frame[~frame.approximate].index) == ["w", "b", "old", "new"]
    assert pandas.isna(frame.loc["b", "max_abs"])


def test_a_plot() -> None:
    """Manual against automatic, and the difference as a heat map: the numbers in it are those that were compared."""
    pytest.importorskip("matplotlib")
    figure = compare(MANUAL | {"n": np.array([nan, 1.0])}, AUTOMATIC | {"n": np.ones(2)}).plot()
    panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    titles = [axes.get_title("left") for axes in panels[::2]]
    assert titles == [
        "w: differs", "b: differs: shape (2,) instead of (2, 1)", "old: differs: there is no automatic gradient of old",
        "c: agrees", "n: differs", "new: differs: there is no manual gradient of new",
    ]  # fmt: skip
    left, right = panels[:2]
    np.testing.assert_array_equal(left.collections[0].get_offsets(), [[1, 1], [2, 2], [3, 3], [4, 0]])
    np.testing.assert_array_equal(right.images[0].get_array(), [[0, 0], [0, -4]])
    assert right.images[0].get_clim() == (-4, 4)
    assert all(tick % 1 == 0 for tick in right.get_xticks())
    agrees = panels[7].images[0]
    assert agrees.get_array().shape == (1, 2) and 0 < agrees.get_clim()[1] < 1e-9  # real and imaginary part
    assert panels[9].get_title("left").endswith("not finite in black")
    assert all(abs(axes.get_position().height) > 0.01 for axes in panels)
    figure.canvas.draw()


def test_a_plot_of_no_gradients_and_numbers() -> None:
    pytest.importorskip("matplotlib")
    for one, other in ((np.zeros((0, 2)), np.zeros((0, 2))), (1.0, 2.0), (np.ones((2, 3, 4)), np.ones((2, 3, 4)))):
        compare(one, other).plot().canvas.draw()


def test_names_that_begin_alike_can_be_told_apart() -> None:
    parts = ("query.weight", "query.bias", "key.weight", "key.bias")
    names = [f"encoder.layers[{i}].self_attention.{part}" for i in range(2) for part in parts]
    manual = {name: np.ones((4, 4)) for name in names}
    compared = compare(manual | {names[5]: 2 * np.ones((4, 4))}, manual)
    lines = str(compared).splitlines()
    assert len({line.split()[0] for line in lines[1:9]}) == 8
    assert all(len(line) <= 80 for line in lines)
    assert f"{names[5]}: 16 of 16 entries differ" in " ".join(lines)


def test_wide_letters_take_two_columns() -> None:
    ones = np.ones(2)
    names = ["重み", "w", "層" * 40]
    lines = str(compare(dict.fromkeys(names, ones), dict.fromkeys(names, ones))).splitlines()[1:4]
    columns = {line.index("(2,)") + sum(c in "重み層" for c in line) for line in lines}
    assert len(columns) == 1 and "…" in lines[2] and len(lines[2]) + lines[2].count("層") <= 80


def test_there_is_no_minus_zero() -> None:
    assert "manual 0, automatic 1" in str(compare(-0.0, 1.0)) and "manual 1, automatic 0" in str(compare(1.0, -0.0))


@pytest.mark.parametrize(
    ("dtype", "options"),
    [(np.longdouble, {}), (np.clongdouble, {}), (float, {"atol": np.float64(1e-9)}), (np.float32, {"rtol": np.float32(1e-3)})],
)
def test_every_dtype_and_tolerance_is_fit_for_json(dtype: Any, options: dict[str, Any]) -> None:
    [row] = json.loads(json.dumps(compare(np.ones(2, dtype), np.zeros(2, dtype), **options).to_dict()))["rows"]
    assert row["approximate"] is False and row["max_abs"] == 1.0
