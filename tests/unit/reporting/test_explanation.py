import datetime as dt
from dataclasses import replace

import pandas as pd
import pytest

from creditscore.config.catalogue import CatalogueItem, RepairPeriods
from creditscore.config.policy import Measure
from creditscore.config.spec import Label
from creditscore.errors import DataError
from creditscore.language import Words
from creditscore.models.scorecard import Attribute, Ceiling, Characteristic
from creditscore.models.scoring import ppm_of_score
from creditscore.reporting.audit_tables import attribute_text, bin_label
from creditscore.reporting.cut_levels import cut_levels
from creditscore.reporting.documents import Documents
from creditscore.reporting.explained import NextLegalStep, ToldObjection
from creditscore.reporting.explanation import explain_subject
from creditscore.reporting.explanation_points import why
from creditscore.reporting.lookup import LOOKUP_COLUMNS, lookup_rows


def some(book, tier, status="final"):
    return book.tiers.loc[(book.tiers["raw_tier"] == tier) & (book.tiers["status"] == status), "subject_id"].iloc[0]


def test_points_sum_to_the_score_and_differences_to_the_gap(book, features):
    for subject in book.scores["subject_id"].head(60):
        points = explain_subject(book, subject, features=features).points
        assert points.constant + sum(line.points for line in points.lines) == points.score
        assert sum(line.difference for line in points.lines) == points.baseline_score - points.score
        assert sum(points.blocks.values()) == points.score


def test_reasons_are_those_of_the_scores_file_but_what_is_missing_at_no_cost(book, features):
    absent = 0
    for row in book.scores.head(60).to_dict("records"):
        points = explain_subject(book, row["subject_id"], features=features).points
        published = [row[f"reason_{place}"] for place in range(1, 5) if isinstance(row[f"reason_{place}"], str)]
        free = {line.name for line in points.lines if line.known == "nothing" and line.points >= 0}
        absent += len(free & set(published))
        assert [line.name for line in points.reasons] == [name for name in published if name not in free]
    assert absent, "the firms try what they are for"


def missing_at(book, points):
    """The book with cards that give the missing late reports some points."""
    cards = {}
    for name, card in book.cards.items():
        parts = [
            part
            if part.name != "late_reports"
            else part.model_copy(
                update={"attributes": (*part.attributes[:-1], part.attributes[-1].model_copy(update={"points": points}))}
            )
            for part in card.characteristics
        ]
        cards[name] = card.model_copy(update={"characteristics": tuple(parts)})
    return cards


def of_missing(book, features, points):
    """The explanation of a firm of whom nothing is known about late reports, by a card that gives this so many points."""
    scored = set(book.scores["subject_id"])
    subject = next(one for one in features.loc[features["late_reports"].isna(), "subject_id"] if one in scored)
    cards, row = missing_at(book, points), features[features["subject_id"] == subject]
    own = book.scores[book.scores["subject_id"] == subject]
    card = cards[own["industry"].iloc[0]]
    scores = own.assign(scorecard=card.sha256, score=card.scores(row).to_numpy())
    return explain_subject(replace(book, cards=cards, scores=scores), subject, features=row)


def test_what_is_not_known_is_no_reason_unless_it_costs_points_and_then_says_what_changes_it(book, features):
    free, dear = of_missing(book, features, 0), of_missing(book, features, -9)
    assert "late_reports" not in free.reasons
    assert "late_reports" in dear.reasons
    assert "nothing is known about: Late annual reports" in dear.to_text("en")
    assert "changes it" in dear.to_text("en")
    assert "nothing is known about" not in free.to_text("en")


def of_industry(book, features, industry, card):
    """What a firm of this industry is told whose points come from the card for another one, or for all."""
    subject = some(book, "B")
    own = book.scores[book.scores["subject_id"] == subject]
    used = book.cards[own["industry"].iloc[0]].model_copy(update={"industry": card})
    tiers = book.tiers.assign(industry=book.tiers["industry"].mask(book.tiers["subject_id"] == subject, industry))
    changed = replace(book, tiers=tiers, cards={card: used}, scores=own.assign(scorecard=used.sha256))
    return explain_subject(changed, subject, features=features).to_text("en")


@pytest.mark.parametrize(
    ("industry", "card", "said"),
    [
        ("food_service", "food_service", "food_service; the points are those of its scorecard"),
        ("space_mining", "all", "space_mining; it has no scorecard of its own, so the points are those of the scorecard for all"),
        (None, "all", "The register names no industry for your firm"),
        ("food_service", "food", "The points are those of the scorecard for food."),
    ],
)
def test_a_firm_is_told_of_which_industry_its_points_are(book, features, industry, card, said):
    assert said in of_industry(book, features, industry, card)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_run_that_kept_nothing_denies_nothing(book, features, lang):
    text = explain_subject(book, some(book, "C"), features=features).to_text(lang)
    for denial in {
        "zh": ("没有记录计入", "没有您现在可以", "仅按得分"), "en": ("No records count", "nothing here that you could change", "score alone")
    }[lang]:  # fmt: skip
        assert denial not in text
    assert {"zh": "没有保存", "en": "is not kept in this run"}[lang] in text


def with_rule(book, subject, rule, **register):
    tiers = book.tiers.assign(rule=book.tiers["rule"].mask(book.tiers["subject_id"] == subject, rule))
    subjects = book.subjects
    for name, value in register.items():
        subjects = subjects.assign(**{name: pd.Series([value] * len(subjects), dtype=object)})
    return replace(book, tiers=tiers, subjects=subjects)


@pytest.mark.parametrize(
    ("rule", "register", "step"),
    [
        ("new_subject", {"registered_date": dt.date(2024, 3, 31)}, "none. The firm can be rated from 2024-10-01 on."),
        ("not_rated:ID_CHECK_DIGIT", {"quarantined_at": "register:7"}, "compare the code in the register with your licence"),
        ("not_rated:ID_OLD_NUMBER", {"quarantined_at": "register:7"}, "exchange the old number"),
        ("not_rated:incomplete", {}, "put the refused rows right"),
        ("not_rated:no_card", {}, "whether the trade in your registration is right"),
        ("not_rated", {}, "ask"),
    ],
)
def test_who_is_not_rated_has_one_next_step_and_nothing_about_tiers_by_score(book, features, rule, register, step):
    subject = some(book, "NR")
    policy = book.policy.model_copy(update={"new_subject_months": 6})
    own = Measure(tier="NR", not_rated="register", name=Label(zh="核对", en="check"), basis="文", department="信用办")
    policy = policy.model_copy(update={"measure": (*policy.measure, own)})
    found = explain_subject(replace(with_rule(book, subject, rule, **register), policy=policy), subject, features=features)
    text = found.to_text("en")
    steps = [line for line in text.splitlines() if "Next step" in line]
    assert len(steps) == 1
    assert step in steps[0]
    assert "declare" not in text
    assert "By score" not in text
    assert bool(found.measures) == ("quarantined_at" in register)


def told(number, **more):
    return ToldObjection(number, "record", "E1", dt.date(2024, 4, 2), dt.date(2024, 4, 9), "某条例 第50条", **more)


REVIEW = (NextLegalStep(Label(zh="申请行政复议", en="apply for reconsideration"), "行政复议法 第20条"),)


def objected(book, features, *objections):
    return explain_subject(book, some(book, "C"), features=features, objections=objections).to_text("en")


def test_an_answer_is_told_with_its_reason_what_it_changed_and_what_may_still_be_done(book, features):
    answered = {"outcome": "rejected", "answered": dt.date(2024, 4, 8), "reason": "已核实", "steps": REVIEW}
    text = objected(book, features, told("2024-1", **answered))
    for part in ("rejected on 2024-04-08", "已核实", "The record counts.", "apply for reconsideration", "行政复议法 第20条"):
        assert part in text
    assert "answer due by" not in text
    assert "since then" not in text


def test_what_was_said_after_the_run_is_told_apart(book, features):
    answered = {"outcome": "upheld", "answered": dt.date(2024, 5, 3), "answered_since": True}
    text = objected(book, features, told("2024-1", **answered), told("2024-2", received_since=True))
    before, after = text.split("since then")
    assert "Objection 2024-1 to record E1: received 2024-04-02" in before
    assert "2024-2" not in before
    assert "upheld" not in before
    assert "2024-1 to record E1, received 2024-04-02: upheld on 2024-05-03" in after
    assert "2024-2" in after


def test_an_answer_that_is_overdue_is_told_as_such(book, features):
    assert "overdue" in objected(book, features, told("2024-1"))


RECORD = {
    "subject_id": "S", "kind": "wage_arrears", "event_date": dt.date(2024, 1, 2), "known_date": dt.date(2024, 1, 3),
    "provider": "某局", "severity": None, "amount": None, "result": None, "verified": None, "valid_until": None, "state": "counts",
    "since": None, "until": None, "carried": False,
}  # fmt: skip


def named(book, features, *numbers, kept="all"):
    rows = [{**RECORD, "event_id": f"E{at}", "document_no": number} for at, number in enumerate(numbers, start=1)]
    documents = Documents.of(pd.DataFrame(rows), None, None, kept=kept)
    found = explain_subject(book, some(book, "C"), features=features, documents=documents)
    return found, {one.id: one.named for one in found.documents}


@pytest.mark.parametrize(
    ("state", "others", "said"),
    [
        ("counts", (), "The record counts."),
        ("disputed", (), "the body that provided it has an objection open itself"),
        ("disputed", (told("2024-2", earlier="2024-1"),), "The record does not count until that is decided"),
        ("repaired", (), ""),
    ],
)
def test_what_a_rejection_changed_is_told_as_it_is(book, features, state, others, said):
    """It ends no dispute but its own, and brings nothing back that has ended."""
    documents = Documents.of(
        pd.DataFrame([{**RECORD, "event_id": "E1", "document_no": "甲1号", "state": state}]), None, None, kept="all"
    )
    rejected = told("2024-1", outcome="rejected", answered=dt.date(2024, 4, 8))
    found = explain_subject(book, some(book, "C"), features=features, documents=documents, objections=(rejected, *others))
    text = found.to_text("en")
    every = ("The record counts.", "the body that provided it has an objection", "The record does not count until that is decided")
    assert [part for part in every if part in text] == [part for part in every if said and part in said]
    assert said in text


@pytest.mark.parametrize("basis", ["", "某规定 第3条"])
def test_one_that_was_filed_again_says_whether_it_suspends(book, features, basis):
    text = objected(book, features, told("2024-2", earlier="2024-1", suspends=False, suspends_basis=basis))
    assert "It follows objection 2024-1 to the same thing." in text
    assert "it suspends nothing until it is upheld" + (f" (basis: {basis})" if basis else "") in text
    assert "The record does not count until that is decided" not in text
    after = objected(book, features, told("2024-2", earlier="2024-1", suspends=False, received_since=True))
    assert "It acts from the next night on." not in after


def test_every_record_can_be_named_in_an_objection_and_by_no_other_records_number(book, features):
    found, names = named(book, features, "甲1号", "乙2号", "乙2号", None, "431***11", "E1")
    assert names == {"E1": "甲1号", "E2": "E2", "E3": "E3", "E4": "E4", "E5": "E5", "E6": "E6"}
    for page in (found.to_text("en"), found.to_html("zh")):
        for name in (*names.values(), "乙2号"):
            assert name in page
    assert 'name it by what stands under "Named"' in found.to_text("en")
    assert [one["named"] for one in found.to_json()["documents"]] == [names[one["id"]] for one in found.to_json()["documents"]]


def test_each_repair_names_the_rule_of_its_class_or_of_its_own_act(book, features):
    common = {"source": "market", "polarity": "negative", "provider": "某局"}
    fine = {"kind": "wage_arrears", "legal_basis": "收集的依据", "repair_class": "general", "publication_min_months": 3}
    debt = {"kind": "tax_arrears", "legal_basis": "欠税公告办法", "repair_class": "own_rule"}
    items = [CatalogueItem.model_validate({**common, **one, "label": {"zh": "甲", "en": "a"}}) for one in (fine, debt)]
    period = {"name": "general", "publication_min_months": 3, "publication_max_months": 12}
    days = ((dt.date(2020, 1, 1), "修复办法"), (dt.date(2026, 4, 1), "新修复办法"))
    periods = [RepairPeriods.model_validate({**period, "effective": day, "basis": basis}) for day, basis in days]
    told = replace(book, catalogue=tuple(items), repair_periods=tuple(periods))
    rows = [{**RECORD, "event_id": kind, "kind": kind, "document_no": kind} for kind in ("wage_arrears", "tax_arrears")]
    documents = Documents.of(pd.DataFrame(rows), None, None, kept="all")
    found = explain_subject(told, some(book, "C"), features=features, documents=documents)
    assert {one.repair_class: one.basis for one in found.advice.repairs} == {"general": "修复办法", "own_rule": "欠税公告办法"}
    text = found.to_text("en")
    assert "it ends by a rule of its own (欠税公告办法)" in text
    assert "The class general and its period: 修复办法." in text
    assert "收集的依据" not in text


def test_a_visit_and_a_grade_have_a_name_too(book, features):
    common = {"subject_id": "S", "event_date": dt.date(2024, 1, 2), "known_date": dt.date(2024, 1, 3), "carried": False}
    visits = pd.DataFrame(
        [{**common, "inspection_id": "V1", "trigger": "random", "outcome": "violation", "severity": 3, "department": "某局"}]
    )
    grades = pd.DataFrame([{**common, "scheme": "national", "grade": "差"}])
    documents = Documents.of(pd.DataFrame([{**RECORD, "event_id": "E1", "document_no": "V1"}]), visits, grades, kept="all")
    found = explain_subject(book, some(book, "C"), features=features, documents=documents)
    assert {one.table: one.named for one in found.documents} == {"record": "V1", "visit": "V1", "rating": "national 2024-01-02"}


def test_where_a_run_kept_some_records_only_the_id_names_one(book, features):
    assert named(book, features, "甲1号", kept="adverse")[1] == {"E1": "E1"}


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


def with_row(book, subject, **cells):
    """The book with other cells in the row of tiers of one subject."""
    own = book.tiers["subject_id"] == subject
    told = {name: book.tiers.get(name, pd.Series(None, index=book.tiers.index, dtype=object)) for name in cells}
    return replace(
        book, tiers=book.tiers.assign(**{name: told[name].astype(object).mask(own, cell) for name, cell in cells.items()})
    )


def test_a_refusal_is_told_with_the_records_that_it_rests_on(book, features):
    subject = some(book, "C")
    refused = {"rule": "review:rejected", "reviewer": "李四", "signed_tier": "D"}
    rows = pd.DataFrame([{**RECORD, "event_id": name, "document_no": name} for name in ("E1", "E2")])
    documents = Documents.of(rows, None, None, kept="all")
    found = explain_subject(
        with_row(book, subject, **refused, grounds='[["E2",""]]'), subject, features=features, documents=documents
    )
    number = next(one.number for one in found.documents if one.id == "E2")
    assert found.signed_documents == (number,)
    assert "whatever else there is decides as ever" in found.to_text("en")
    assert f"What was refused rests on record no. {number} below." in found.to_text("en")
    assert "An official has looked at this tier" not in found.to_text("en")
    alone = explain_subject(with_row(book, subject, **refused, grounds="[]"), subject, features=features, documents=documents)
    assert "未获同意的等级仅依据分数" in alone.to_text("zh")


def test_a_rule_names_the_records_of_its_evidence_and_no_refused_one_of_their_kind(book, features):
    subject, kind = some(book, "D", "proposed"), "serious_dishonesty_list"
    rows = pd.DataFrame([{**RECORD, "event_id": name, "kind": kind, "document_no": name} for name in ("E1", "E2")])
    documents = Documents.of(rows, None, None, kept="all")
    told = with_row(book, subject, rule=f"override:{kind}", evidence=f"override:{kind} E2")
    found = explain_subject(told, subject, features=features, documents=documents)
    assert [one.id for one in found.documents if one.number in found.ground.documents] == ["E2"]


def test_a_signature_rests_on_the_newest_of_two_grades_that_say_the_same(book, features):
    common = {"subject_id": "S", "scheme": "national", "grade": "差", "carried": False}
    days = (dt.date(2023, 1, 2), dt.date(2024, 1, 2))
    grades = pd.DataFrame([{**common, "event_date": day, "known_date": day} for day in days])
    subject = some(book, "C")
    told = with_row(book, subject, reviewer="李四", signed_tier="C", grounds='[["national=差",""]]')
    found = explain_subject(told, subject, features=features, documents=Documents.of(None, None, grades, kept="all"))
    assert [one.event_date for one in found.documents if one.number in found.signed_documents] == [days[1]]


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


def why_of(book, features, **changed):
    """Why a firm has its score, with other points than its own."""
    explained = explain_subject(book, some(book, "B"), features=features)
    return why(explained, replace(explained.points, **changed), Words.of("en")).lines


@pytest.mark.parametrize(("ppm", "said"), [(390_000, "at about 39."), (78_600, "at about 7.9."), (100_000, "at about 10.")])
def test_the_risk_is_told_in_whole_firms_where_there_are_tens(book, features, ppm, said):
    assert any(line.endswith(said) for line in why_of(book, features, probability_ppm=ppm))


def test_no_visit_is_told_to_be_no_fault(book, features):
    line = explain_subject(book, some(book, "B"), features=features).points.lines[0]
    unseen = replace(line, aggregate="finding_ratio", known="none", value="", points=3, baseline=5)
    told = why_of(book, features, lines=(unseen,))
    assert any("no visit yet, which is no fault" in said and said.endswith("(−2)") for said in told)


def test_a_lookup_joins_lists_and_measures_as_its_language_does(book):
    listed = some(book, "D", "proposed")
    other = book.lists.iloc[[0]].assign(subject_id=listed, kind="abnormal_operation_list")
    rows = {lang: lookup_rows(replace(book, lists=pd.concat([book.lists, other])), [listed], lang=lang) for lang in ("zh", "en")}
    assert "；" in rows["zh"]["lists"].iloc[0]
    assert "; " in rows["en"]["lists"].iloc[0]
    assert "；" not in rows["en"]["lists"].iloc[0]
