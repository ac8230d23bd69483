from dataclasses import replace

import pandas as pd
import pytest

from creditscore.config.policy import Measure
from creditscore.config.spec import Label
from creditscore.errors import DataError
from creditscore.language import Words
from creditscore.models.scorecard import Attribute, Ceiling, Characteristic
from creditscore.models.scoring import ppm_of_score
from creditscore.reporting.audit_tables import attribute_text, bin_label
from creditscore.reporting.cut_levels import cut_levels
from creditscore.reporting.explanation import explain_subject
from creditscore.reporting.lookup import LOOKUP_COLUMNS, lookup_rows


def some(book, tier, status="final"):
    return book.tiers.loc[(book.tiers["raw_tier"] == tier) & (book.tiers["status"] == status), "subject_id"].iloc[0]


def test_points_sum_to_the_score_and_differences_to_the_gap(book, features):
    for subject in book.scores["subject_id"].head(60):
        points = explain_subject(book, subject, features=features).points
        assert points.constant + sum(line.points for line in points.lines) == points.score
        assert sum(line.difference for line in points.lines) == points.baseline_score - points.score
        assert sum(points.blocks.values()) == points.score


def test_reasons_are_those_of_the_scores_file(book, features):
    for row in book.scores.head(60).to_dict("records"):
        points = explain_subject(book, row["subject_id"], features=features).points
        published = [row[f"reason_{place}"] for place in range(1, 5) if isinstance(row[f"reason_{place}"], str)]
        assert [line.name for line in points.reasons] == published


def test_the_next_tier_by_score_and_the_points_to_it_are_those_of_the_cuts(book, features):
    levels = {"A": 590, "B": 570, "C": 540}
    for subject in book.scores["subject_id"].head(80):
        points = explain_subject(book, subject, features=features).points
        assert points.by_score == next((tier for tier, level in levels.items() if points.score >= level), "D")
        assert points.needed == (levels[points.next_tier] - points.score if points.next_tier else 0)


def test_a_subject_in_a_by_score_sees_its_margin(book, features):
    points = explain_subject(book, some(book, "A"), features=features).points
    assert (points.next_tier, points.needed) == ("", 0)
    assert points.margin >= 0


def test_the_legal_basis_of_the_rule_that_fired_comes_first(book, features):
    subject = some(book, "D", "proposed")
    found = explain_subject(book, subject, features=features)
    lines = [line.strip() for line in found.to_text().splitlines()]
    assert lines[3:5] == ["一、依据和规则", "依据：示例。"]
    assert any("“严重违法失信名单”对应 D 级" in line for line in lines)
    assert any(f"该记录不再计入后，按得分定级，现为 {found.points.by_score} 级" in line for line in lines)
    assert [(one.kind, one.document_no) for one in found.documents] == [("serious_dishonesty_list", "永市监〔2024〕1号")]
    assert found.ground.documents == (1,)


def test_a_run_that_kept_no_records_says_so(book, features):
    found = explain_subject(book, some(book, "C"), features=features)
    assert found.kept == "none"
    assert "未保存：这一批次没有保存得分所依据的记录" in found.to_text()
    assert "Not kept" in found.to_html("en")
    assert found.advice.repairs == found.advice.declarations == ()


def test_a_subject_that_is_not_rated_has_a_rule_and_no_points(book, features):
    found = explain_subject(book, some(book, "NR"), features=features)
    assert found.points is None
    assert "未评" in found.to_text()
    assert "not rated" in found.to_text("en")


def test_features_of_another_run_are_refused(book, features):
    subject = some(book, "A")
    with pytest.raises(DataError, match="not of the same run"):
        explain_subject(book, subject, features=features.assign(penalties_24m=9.0))
    with pytest.raises(DataError, match="expected one row of tiers"):
        explain_subject(book, "nobody", features=features)
    with pytest.raises(DataError, match="expected the card"):
        explain_subject(replace(book, cards={}), subject, features=features)


def test_a_name_that_is_markup_stays_text(book, features):
    attack = "</script><script>alert(1)</script>"
    poisoned = replace(book, subjects=book.subjects.assign(name=attack), contact=attack)
    page = explain_subject(poisoned, some(book, "C"), features=features).to_html()
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_a_practitioner_has_no_name(book, features):
    people = replace(book, subjects=book.subjects.assign(name="张三", subject_type="practitioner"))
    found = explain_subject(people, some(book, "C"), features=features)
    assert "张三" not in found.to_text() + found.to_html()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_it_says_how_to_repair_and_how_to_object(book, features, lang):
    text = explain_subject(book, some(book, "C"), features=features).to_text(lang)
    for part in {"zh": ("修复", "异议", "不是认定"), "en": ("repaired", "object", "not a verdict")}[lang]:
        assert part in text
    assert book.contact in text


def test_cuts_of_every_kind_become_points(book, policies):
    card = book.cards["food_service"]
    by_risk = replace(book, policy=policies["max_probability"])
    by_share = replace(book, policy=policies["share"])
    assert cut_levels(book, card, "food_service") == (590, 570, 540)
    for cut, level in zip(by_risk.policy.cuts, cut_levels(by_risk, card, "food_service"), strict=True):
        assert ppm_of_score(card.scaling, level) < cut <= ppm_of_score(card.scaling, level - 1)
    assert (
        cut_levels(by_share, card, "food_service")[0]
        == book.scores["score"].sort_values(ascending=False).iloc[len(book.scores) // 2 - 1]
    )


def test_a_lookup_answers_every_id_in_order_and_nothing_else(book):
    listed, plain = some(book, "D", "proposed"), some(book, "A")
    rows = lookup_rows(book, [listed.lower(), "nobody", f" {plain} "])
    assert tuple(rows.columns) == LOOKUP_COLUMNS
    assert rows["subject_id"].tolist() == [listed, "NOBODY", plain]
    assert rows["found"].tolist() == [True, False, True]
    assert rows["lists"].fillna("-").tolist() == ["严重违法失信名单", "-", ""]
    assert pd.isna(rows["tier"].iloc[1])


def test_measures_are_those_of_the_tier(book):
    subject = some(book, "A")
    d = replace(book, tiers=book.tiers.assign(tier="D"))
    assert lookup_rows(d, [subject])["measures"].tolist() == ["重点监管"]
    assert lookup_rows(d, [subject], lang="en")["measures"].tolist() == ["close supervision"]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_explanation_shows_the_tiers_measures_with_their_basis(book, features, lang):
    subject = some(book, "C")
    own = Measure(tier="C", name=Label(zh="发送提示函", en="letter of advice"), basis="文一", department="信用办")
    industry = book.tiers.set_index("subject_id").loc[subject, "industry"]
    here = own.model_copy(update={"industry": industry, "basis": "文二"})
    other = own.model_copy(update={"industry": "elsewhere", "basis": "文三"})
    told = replace(book, policy=book.policy.model_copy(update={"measure": (*book.policy.measure, own, here, other)}))
    found = explain_subject(told, subject, features=features)
    assert found.measures == (own, here)
    for text in (found.to_text(lang), found.to_html(lang)):
        assert {"zh": "监管措施：发送提示函（信用办；依据：文一）", "en": "Measure: letter of advice (信用办; basis: 文一)"}[
            lang
        ] in text
        assert "文二" in text
        assert "文三" not in text
        assert "重点监管" not in text


def test_ratios_are_printed_as_ratios_and_not_in_millionths(book):
    first = book.cards["food_service"].characteristics[0].attributes[0]
    bin_ = first.model_copy(update={"lower": 770_000.0, "upper": 1_020_000.0})
    assert bin_label(bin_, "ppm") == "[0.77, 1.02)"
    assert bin_label(bin_, "yuan") == "[770,000, 1,020,000)"


def test_a_ceiling_is_told_with_who_decided_it():
    ceiling = Ceiling(points=-40, signed_by="安委会", basis="办法 第9条")
    without, having = (
        Attribute(kind="interval", lower=lower, upper=upper, label="", rows=9, weight=0.5, woe=0.0, points=points)
        for lower, upper, points in ((None, 1.0, 0), (1.0, None, -40))
    )
    missing = Attribute(kind="missing", label="missing", rows=0, weight=0.0, woe=0.0, points=0)
    one = Characteristic(
        name="accidents", label=Label(en="a"), source="industry", kind="number", trend="higher_is_riskier", coefficient=0.0,
        information_value=0.0, ceiling=ceiling, attributes=(without, having, missing),
    )  # fmt: skip
    assert attribute_text(one, without) == "< 1"
    assert str(attribute_text(one, having)) == "≥ 1 (at most -40 points by decision of 安委会: 办法 第9条)"
    assert Words.of("zh").text(attribute_text(one, having)) == "≥ 1 (至多 -40 分，由 安委会 决定：办法 第9条)"
