"""Each closed list has its words, rules and colours; a reason reads back from its text."""

import pytest

from creditscore.config.policy import InspectionRules, Override
from creditscore.reporting.charts import TIER_COLOURS
from creditscore.reporting.words import RULES, TIER_WORDS
from creditscore.vocabulary import PRESUMED, REASON_KINDS, RISKIEST, RISKIEST_UNSIGNED, SHOWN_ORDER, TIER_ORDER, TIERS, Reason


def test_each_tier_has_its_inspection_rule_its_words_and_its_colour():
    assert tuple(InspectionRules.model_fields) == TIER_ORDER
    assert tuple(TIER_WORDS) == SHOWN_ORDER
    assert tuple(TIER_COLOURS) == SHOWN_ORDER


def test_the_tiers_with_a_part_of_their_own_are_in_order():
    assert (*TIERS[-2:],) == (RISKIEST_UNSIGNED, RISKIEST)
    assert TIERS.index(PRESUMED) < TIERS.index(RISKIEST_UNSIGNED)


def test_each_kind_of_reason_that_decides_has_its_words():
    named_by_its_ground = {"override", "score", "other"}
    assert set(RULES) == set(REASON_KINDS) - named_by_its_ground


@pytest.mark.parametrize(
    ("text", "kind", "ground", "items"),
    [
        ("", "cut", "", ()),
        ("score:", "score", "", ()),
        ("score:late_reports,penalties_24m", "score", "", ("late_reports", "penalties_24m")),
        ("not_rated", "not_rated", "", ()),
        ("not_rated:ID_CHECK_DIGIT", "not_rated", "ID_CHECK_DIGIT", ()),
        ("new_subject", "new_subject", "", ()),
        ("override:serious_list", "override", "serious_list", ()),
        ("override:serious_list E1,E 2", "override", "serious_list", ("E1", "E 2")),
        ("override:national=优 等", "override", "national=优 等", ()),
        ("override_ended", "override_ended", "", ()),
        ("dispute", "dispute", "", ()),
        ("stability", "stability", "", ()),
        ("review:rejected", "review_rejected", "", ()),
        ("not_rated:", "other", "not_rated:", ()),
        ("set by hand", "other", "set by hand", ()),
    ],
)
def test_a_reason_reads_back_from_its_text(text, kind, ground, items):
    reason = Reason.parse(text)
    assert reason == Reason(kind, ground, items)
    assert str(reason) == text


def test_a_reason_is_of_its_override_whatever_the_records():
    listed = Override(kind="serious_list", tier="D", basis="act")
    graded = Override(scheme="national rating", grade="优", tier="A", basis="act")
    assert Reason.parse("override:serious_list E1,E2").is_of(listed.reason)
    assert Reason.parse("override:national rating=优").is_of(graded.reason)
    assert not Reason.parse("override:serious_list_2 E1").is_of(listed.reason)
