"""The fonts of autograd_lite/drawing/measures: without letters, but with the widths of Liberation Serif, those of Times.

    python docs/measures.py /usr/share/fonts/truetype/liberation /usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf

What Times lacks is as wide as in DejaVu Serif. Needs fontTools; nothing that runs needs this file.
"""

from __future__ import annotations

import sys
from itertools import chain
from pathlib import Path

from fontTools.fontBuilder import FontBuilder
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables._g_l_y_f import Glyph

MEASURES = Path(__file__).parent.parent / "autograd_lite" / "drawing" / "measures"
RANGES = [(0x20, 0x7F), (0xA0, 0x180), (0x370, 0x400), (0x2010, 0x2028), (0x2070, 0x20A0), (0x2190, 0x2194)]
OTHERS = "\u200b\u200e\u200f\u2032\u2060ᵀ½⅓¼∂∏∑−√∞∫≈≠≤≥⊗⊙⌊⌋‖…𝟏\ufffd▁▂▃▄▅▆▇█"
LETTERS = [*chain.from_iterable(range(*ends) for ends in RANGES), *map(ord, OTHERS)]
WITHOUT = set(map(ord, "\u200b\u200e\u200f\u2060"))


def widths(path: str) -> dict[int, int]:
    font = TTFont(path)
    return {code: font["hmtx"][name][0] for code, name in font.getBestCmap().items()}


folder, other = sys.argv[1:]
fallback = widths(other)
for style in ("Regular", "Bold", "Italic"):
    known = widths(f"{folder}/LiberationSerif-{style}.ttf")
    found = {c: 0 if c in WITHOUT else known.get(c, fallback.get(c)) for c in LETTERS}
    names = {c: f"u{c:04X}" for c, width in found.items() if width is not None}
    builder = FontBuilder(2048, isTTF=True)
    builder.setupGlyphOrder([".notdef", *names.values()])
    builder.setupCharacterMap(names)
    builder.setupGlyf({name: Glyph() for name in (".notdef", *names.values())})
    builder.setupHorizontalMetrics({".notdef": (1024, 0), **{names[c]: (found[c], 0) for c in names}})
    builder.setupHorizontalHeader(ascent=1825, descent=-443)
    builder.setupNameTable({"familyName": "Measures", "styleName": style})
    flags = {"Regular": 0x40, "Bold": 0x20, "Italic": 0x01}[style]
    weight = 700 if style == "Bold" else 400
    builder.setupOS2(
        sTypoAscender=1825, sTypoDescender=-443, usWinAscent=1825, usWinDescent=443, fsSelection=flags, usWeightClass=weight
    )
    builder.setupPost(keepGlyphNames=False)
    builder.font["head"].macStyle = {"Regular": 0, "Bold": 1, "Italic": 2}[style]
    builder.save(MEASURES / f"{style.lower()}.ttf")
