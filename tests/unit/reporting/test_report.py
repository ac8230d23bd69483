import re
from dataclasses import replace
from html.parser import HTMLParser

import jinja2
import pytest

from creditscore.config.spec import Label
from creditscore.reporting.report import environment, render_report, write_report

ATTACK = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


class Tags(HTMLParser):
    """All tags and attributes of a page as a browser would meet them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]


@pytest.fixture(scope="module")
def page(features_and_book):
    return render_report(features_and_book[1])


def test_the_same_book_gives_the_same_bytes(tmp_path, book, page):
    write_report(tmp_path / "r.html", book)
    assert (tmp_path / "r.html").read_text(encoding="utf-8") == page


def test_the_page_has_no_script_or_outside_link_and_forbids_both(page):
    found = Tags(page)
    assert not {"script", "link", "iframe", "object", "embed", "form", "base"} & set(found.tags)
    assert not [name for _, name, _ in found.attributes if name.startswith("on")]
    assert not re.findall(r"https?:", page)
    assert not [value for _, name, value in found.attributes if name in ("href", "src", "xlink:href") and not value.startswith("#")]
    assert ("meta", "content", "default-src 'none'; style-src 'unsafe-inline'; font-src data:; img-src data:") in found.attributes
    assert "font/woff2;base64," in page


def test_a_name_that_is_markup_stays_text(book):
    label = Label(zh=ATTACK, en=ATTACK)
    poisoned = replace(
        book,
        project=label,
        authority=label,
        contact=ATTACK,
        notes=(label,),
        facts={ATTACK: ATTACK},
        industries=dict.fromkeys(book.industries, label),
        checkup=book.checkup.assign(rule=ATTACK, examples=ATTACK),
        rejects={ATTACK: 3},
        by_industry=book.by_industry.assign(industry=ATTACK),
    )
    found = Tags(render_report(poisoned))
    assert "script" not in found.tags
    assert "img" not in found.tags
    assert not [name for _, name, _ in found.attributes if name.startswith("on")]


def test_the_report_has_an_english_version(book):
    page = render_report(book, lang="en")
    for text in (
        "not a blacklist",
        "the equation holds",
        "Objections and repair",
        "0.742 (0.715 – 0.768)",
        "fewer than 30: no shares",
    ):
        assert text in page


def test_a_violated_row_equation_is_shown(book):
    assert "等式不成立" in render_report(replace(book, counts=replace(book.counts, scored=1)))


def test_a_run_with_nothing_to_show_still_has_a_report(empty_book):
    page = render_report(empty_book)
    for text in ("没有分级结果", "没有检验结果", "没有到期的抽查任务", "没有评分卡", "没有主体的分组信息"):
        assert text in page


def test_a_half_surrogate_does_not_break_the_page(tmp_path, book):
    write_report(tmp_path / "r.html", replace(book, contact="a\ud800b"))
    assert "a?b" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_templates_escape_and_refuse_missing_values():
    assert environment().from_string("{{ x }}").render(x="<b>") == "&lt;b&gt;"
    with pytest.raises(jinja2.UndefinedError):
        environment().from_string("{{ y }}").render()


def test_points_in_the_annex_are_those_of_the_cards(book, page):
    for card in book.cards.values():
        assert card.sha256 in page
        assert f"{card.lowest} – {card.highest}" in page


@pytest.mark.parametrize("trial", [False, True])
def test_a_report_says_whether_nobody_has_signed_the_cards(book, trial):
    page = render_report(replace(book, trial=trial), lang="zh")
    assert ("未签批，试算" in page) is trial
