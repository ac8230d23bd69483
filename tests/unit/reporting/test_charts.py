import warnings

import pandas as pd
import pytest

from creditscore.config.spec import Label
from creditscore.reporting import charts
from creditscore.reporting.run_book import tiers_by_industry


def figures(book):
    spread = tiers_by_industry(book)
    spread["label"] = spread["industry"].map(lambda code: book.industries[code].zh)
    both = book.scores.merge(book.tiers[["subject_id", "tier"]], on="subject_id")
    yield charts.score_distribution(both["score"].tolist(), both["tier"].tolist())
    yield charts.tier_shares(spread)
    yield charts.calibration(book.calibration)
    yield charts.card_points(book.cards["food_service"])


def test_charts_are_reproducible_without_dates_comments_or_links(book):
    first, second = ([charts.svg(figure, title="图") for figure in figures(book)] for _ in range(2))
    assert first == second
    for text in first:
        assert text.startswith("<svg")
        assert not [part for part in ("<!--", "<metadata", "http", "<script", "dc:date", "<text") if part in text]


def test_the_title_of_a_chart_is_escaped(book):
    assert '"><script>' not in charts.svg(next(figures(book)), title='"><script>')


def test_global_state_of_matplotlib_is_left_alone(book):
    import matplotlib

    before = dict(matplotlib.rcParams)
    charts.svg(next(figures(book)), title="图")
    assert dict(matplotlib.rcParams) == before


def test_a_character_missing_from_the_font_is_a_warning(book):
    table = pd.DataFrame({"label": ["𬺓店"], "tier": ["A"], "share": [1.0]})
    with pytest.warns(UserWarning, match="missing from font"):
        charts.svg(charts.tier_shares(table), title="图")


def test_dollar_signs_in_a_label_are_not_a_formula():
    table = pd.DataFrame({"label": ["a$\\frac{$b"], "tier": ["A"], "share": [1.0]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        charts.svg(charts.tier_shares(table), title="图")


def test_no_score_and_one_score_are_drawn():
    for scores, tiers in (([], []), ([600], ["A"]), ([600, 600], ["A", "NR"])):
        assert charts.svg(charts.score_distribution(scores, tiers), title="图").startswith("<svg")


def test_the_shipped_font_has_gb2312_and_its_licence():
    every = {bytes([row, cell]) for row in range(0xB0, 0xF8) for cell in range(0xA1, 0xFF)} - {
        bytes([0xD7, cell]) for cell in range(0xFA, 0xFF)
    }
    assert len(every) == 6763
    assert not charts.missing("".join(code.decode("gb2312") for code in every))
    licence = (charts.FONT.parent / "OFL.txt").read_text(encoding="utf-8")
    assert "Adobe" in licence
    assert "SIL OPEN FONT LICENSE" in licence
    assert charts.missing("永州𬺓") == "𬺓"


def test_a_subset_is_small_and_the_same_twice():
    first = charts.woff2_subset("永州市")
    charts._woff2_of.cache_clear()
    assert first == charts.woff2_subset("永州市")
    assert len(first) < 60_000


def test_labels_are_drawn_in_both_languages(book):
    card = book.cards["food_service"]
    assert charts.svg(charts.card_points(card, lang="en"), title="x") != charts.svg(charts.card_points(card), title="x")
    assert card.characteristics[0].label == Label(zh="近24个月行政处罚次数", en="Penalties, last 24 months")
