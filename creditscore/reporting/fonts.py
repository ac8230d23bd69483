"""The shipped Chinese font: registered for charts, cut down to the characters of one report for HTML."""

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

FONT = Path(__file__).parent / "fonts" / "NotoSansSC-GB2312.otf"
FAMILY = "Noto Sans SC"
#: Always in the subset, so that a report differing by a digit has the same font.
_ALWAYS = "".join(chr(code) for code in range(0x20, 0x7F)) + "，。、；：？！“”‘’（）《》【】—…·−×≥≤±％"


@cache
def covered() -> frozenset[int]:
    """Code points the shipped font can draw: GB 2312, ASCII, Latin-1, punctuation, some rarer ones of names."""
    from fontTools.ttLib import TTFont

    with TTFont(FONT, lazy=True) as font:
        return frozenset(font.getBestCmap())


def missing(text: str) -> str:
    """The characters of ``text`` that the shipped font lacks, each once, in order of code."""
    return "".join(sorted({char for char in text if ord(char) not in covered() and char.isprintable()}))


def woff2_subset(text: str) -> str:
    """A WOFF2 font with the characters of ``text``, in base64; the same text gives the same bytes.

    Characters the shipped font lacks are left to the reader's own fonts.
    """
    from fontTools import subset

    options = subset.Options()
    options.flavor, options.hinting, options.notdef_outline = "woff2", False, True
    options.layout_features, options.recalc_timestamp = ["kern"], False
    options.name_IDs = [0, 1, 2]
    with subset.load_font(FONT, options) as font:
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes={ord(char) for char in text + _ALWAYS})
        cutter.subset(font)
        stream = io.BytesIO()
        subset.save_font(font, stream, options)
    return base64.b64encode(stream.getvalue()).decode("ascii")


@contextmanager
def chart_style() -> Iterator[None]:
    """Matplotlib settings under which charts are built and saved; what held before holds again afterwards."""
    import matplotlib
    from matplotlib import font_manager

    if FAMILY not in {entry.name for entry in font_manager.fontManager.ttflist if entry.fname == str(FONT)}:
        font_manager.fontManager.addfont(str(FONT))
    settings: dict[Any, Any] = {
        "font.family": [FAMILY, "DejaVu Sans"],
        "font.size": 9.0,
        "axes.unicode_minus": False,
        "svg.fonttype": "path",
        "text.parse_math": False,  # a label with two dollar signs is a label
        "svg.hashsalt": "creditscore",
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with matplotlib.rc_context(settings):
        yield
