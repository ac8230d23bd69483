"""Charts as matplotlib figures without global state, and as SVG for a page."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from creditscore.language import DEFAULT_LANGUAGE, Words, _
from creditscore.models.scorecard import Scorecard
from creditscore.reporting.words import SOURCE_WORDS, TIER_WORDS
from creditscore.vocabulary import SHOWN_ORDER

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FONT = Path(__file__).parent / "fonts" / "NotoSansSC-GB2312.otf"
_FAMILY = "Noto Sans SC"
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
    return _woff2_of("".join(sorted({*text, *_ALWAYS})))


@lru_cache(maxsize=8)
def _woff2_of(characters: str) -> str:
    """Kept for the next time: the reports of a project need the same characters, and a cut takes a second."""
    from fontTools import subset

    options = subset.Options()
    options.flavor, options.hinting, options.notdef_outline = "woff2", False, True
    options.layout_features, options.recalc_timestamp = ["kern"], False
    options.name_IDs = [0, 1, 2]
    with subset.load_font(FONT, options) as font:
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes={ord(char) for char in characters})
        cutter.subset(font)
        stream = io.BytesIO()
        subset.save_font(font, stream, options)
    return base64.b64encode(stream.getvalue()).decode("ascii")


@contextmanager
def _chart_style() -> Iterator[None]:
    """Matplotlib settings under which charts are built and saved; what held before holds again afterwards."""
    import matplotlib
    from matplotlib import font_manager

    if _FAMILY not in {entry.name for entry in font_manager.fontManager.ttflist if entry.fname == str(FONT)}:
        font_manager.fontManager.addfont(str(FONT))
    settings: dict[Any, Any] = {
        "font.family": [_FAMILY, "DejaVu Sans"],
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


#: From calm to strong; told apart in grey and by colour-blind readers (lightness falls from A to D).
TIER_COLOURS = {"A": "#A9C7DE", "B": "#6C9DC6", "C": "#E0A458", "D?": "#CC7755", "D": "#A63D40", "NR": "#C9C9C9"}
_INK, _GRID, _MAIN = "#2B3440", "#E3E7EC", "#3E6D9C"


def _figure(width: float, height: float) -> tuple[Figure, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.tick_params(colors=_INK, length=0)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_color("#B8C0CA")
    return figure, axes


def score_distribution(scores: Sequence[int], tiers: Sequence[str], *, lang: str = DEFAULT_LANGUAGE) -> Figure:
    """Subjects per score, stacked by tier: where the cuts lie and how many are near them."""
    words = Words.of(lang)
    values, names = np.asarray(scores, dtype=np.int64), np.asarray(tiers, dtype=object)
    edges = np.linspace(values.min(), values.max() + 1, num=min(41, int(np.ptp(values)) + 2)) if len(values) else np.array([0, 1])
    with _chart_style():
        figure, axes = _figure(9.4, 2.7)
        shown = [tier for tier in SHOWN_ORDER if (names == tier).any()]
        if shown:
            axes.hist(
                [values[names == tier] for tier in shown],
                bins=list(edges),
                stacked=True,
                color=[TIER_COLOURS[tier] for tier in shown],
                label=[words.text(TIER_WORDS[tier]) for tier in shown],
            )
        axes.set_xlabel(words.text(_("Score (higher is safer)")))
        axes.set_ylabel(words.text(_("Subjects")))
        axes.yaxis.grid(True, color=_GRID)
        _thousands(axes.yaxis, words)
        if shown:
            # Beside the bars, not "best": where it is best takes longer to find than to draw.
            figure.legend(loc="outside upper center", ncols=len(shown), frameon=False, fontsize=8)
    return figure


def tier_shares(table: pd.DataFrame, *, lang: str = DEFAULT_LANGUAGE) -> Figure:
    """Shares of tiers per industry as stacked bars.

    Args:
        table: One row per industry and tier: ``label, tier, share``; industries in the order of the bars.
        lang: Language of the words.
    """
    words = Words.of(lang)
    labels = list(dict.fromkeys(table["label"]))
    with _chart_style():
        figure, axes = _figure(9.4, 0.9 + 0.3 * max(len(labels), 2))
        left = np.zeros(len(labels))
        for tier in SHOWN_ORDER:
            part = table[table["tier"] == tier].set_index("label")["share"].reindex(labels).fillna(0).to_numpy()
            axes.barh(labels, part, left=left, color=TIER_COLOURS[tier], label=words.text(TIER_WORDS[tier]), height=0.7)
            left = left + part
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        _percents(axes.xaxis, words)
        axes.spines["left"].set_visible(False)
        figure.legend(loc="outside upper center", ncols=len(SHOWN_ORDER), frameon=False, fontsize=8)
    return figure


def calibration(table: pd.DataFrame, *, lang: str = DEFAULT_LANGUAGE) -> Figure:
    """Observed against expected rate per tenth of the scores; on the line the card is right.

    Args:
        table: ``expected, observed`` and, where known, ``low, high`` of the observed rate.
        lang: Language of the words.
    """
    words = Words.of(lang)
    expected, observed = table["expected"].to_numpy(float), table["observed"].to_numpy(float)
    low = table["low"].to_numpy(float) if "low" in table else observed
    high = table["high"].to_numpy(float) if "high" in table else observed
    with _chart_style():
        figure, axes = _figure(3.6, 3.1)
        top = float(np.nanmax([*expected, *high, 0.001])) * 1.05
        axes.plot([0, top], [0, top], color="#9AA5B1", linewidth=1, linestyle="--")
        errors = [np.maximum(observed - low, 0), np.maximum(high - observed, 0)]
        axes.errorbar(expected, observed, yerr=errors, fmt="o", color=_MAIN, ecolor="#9DB7D0", markersize=4, linewidth=1.2)
        axes.set_xlabel(words.text(_("Expected rate")))
        axes.set_ylabel(words.text(_("Observed rate")))
        axes.grid(True, color=_GRID)
        _percents(axes.xaxis, words, digits=1)
        _percents(axes.yaxis, words, digits=1)
    return figure


def card_points(card: Scorecard, *, lang: str = DEFAULT_LANGUAGE, top: int = 12) -> Figure:
    """The span of points of each characteristic: what weighs most in a card, widest first."""
    words = Words.of(lang)
    spans = [
        (max(points) - min(points), words.text(one.label), min(points), max(points), one.source)
        for one in card.characteristics
        for points in [[attribute.points for attribute in one.attributes]]
    ]
    shown = sorted(spans, key=lambda span: (-span[0], span[1]))[:top]
    with _chart_style():
        figure, axes = _figure(9.4, 0.8 + 0.27 * max(len(shown), 2))
        axes.barh(
            [span[1] for span in shown], [span[0] for span in shown], left=[span[2] for span in shown], color=_MAIN, height=0.6
        )
        for position, span in enumerate(shown):
            axes.annotate(
                words.text(_("{span} to {span_2}", span=span[2], span_2=span[3])),
                (span[3], position),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=7.5,
            )
        axes.invert_yaxis()
        axes.axvline(0, color="#9AA5B1", linewidth=0.8)
        axes.margins(x=0.12)
        axes.xaxis.grid(True, color=_GRID)
        axes.set_xlabel(words.text(_("Range of points")))
        axes.set_yticks(range(len(shown)), [f"{span[1]}（{words.text(SOURCE_WORDS[span[4]])}）" for span in shown])
    return figure


def _percents(axis: Any, words: Words, *, digits: int = 0) -> None:
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _position: words.percent(value, digits)))


def _thousands(axis: Any, words: Words) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    axis.set_major_formatter(FuncFormatter(lambda value, _position: words.number(value)))


_NOT_FOR_PAGES = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>| xmlns(:\w+)?=\"[^\"]*\"", re.DOTALL)


def svg(figure: Figure, *, title: str) -> str:
    """The figure as an ``<svg>`` for a page: text as outlines, no date, no link, the same bytes each time.

    Args:
        figure: A figure of this module.
        title: What the picture shows, for readers who do not see it.
    """
    from html import escape

    stream = io.StringIO()
    with _chart_style():
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = _NOT_FOR_PAGES.sub("", stream.getvalue()).strip()
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(title)}"', 1)
