"""Tables of the audit: in the reader's words, and the same facts in workbook and report."""

import dataclasses
import re

import pandas as pd
from support.projects import feature as a_feature

from creditscore.config.features import FeatureSpec
from creditscore.language import Words, _
from creditscore.models.selection import SelectionLedger
from creditscore.reporting.audit_tables import DISTRIBUTION, EVALUATION, FAIRNESS, POLICY_MEASURES, QUALITY, checkup_frame
from creditscore.reporting.report import render_report
from creditscore.reporting.run_book import Figure
from creditscore.reporting.words import TIER_WORDS

ENGLISH = ("arrived = kept", "deregistered", "older_version")


def texts(sheet):
    """What a reader sees, the code column apart."""
    return [str(value) for row in sheet.rows for place, value in enumerate(row) if place != 3 and value is not None]


def test_a_chinese_workbook_has_chinese_rules_tables_and_reasons(book):
    counts = dataclasses.replace(book.counts, out_of_scope={"deregistered": 2, "older_version": 1})
    rule = "arrived = kept + quarantined + collapsed"
    checkup = pd.DataFrame([{"section": "rows", "table": "subjects", "rule": rule, "code": "kept", "rows": 3, "examples": ""}])
    told = dataclasses.replace(book, counts=counts, checkup=checkup)
    chinese, english = (texts(QUALITY.sheet(told, Words.of(lang))) for lang in ("zh", "en"))
    assert not [text for text in chinese if text.startswith(ENGLISH)]
    assert "已注销" in chinese
    assert "= 采用" in chinese
    assert "= kept" in english
    assert "Older version of a subject" in english


def test_the_report_names_arrivals_as_the_workbook_does(book):
    rows = [{"section": "rows", "table": "subjects", "rule": "arrived = kept + quarantined + collapsed", "code": "kept", "rows": 3}]
    checked = dataclasses.replace(book, checkup=pd.DataFrame(rows))
    (rule,) = checkup_frame(checked, Words.of("zh"))["check_rule"]
    assert rule == "= 采用"
    page = render_report(checked)
    assert f"<td>{rule}</td>" in page
    assert "arrived = kept" not in page


def test_every_measure_is_in_workbook_and_report(book):
    words = Words.of("en")
    evaluation = {**book.evaluation, "n": Figure(12345.0), "observed_rate": Figure(0.0345678, 0.03, 0.04)}
    judged = dataclasses.replace(book, evaluation=evaluation)
    sheet = EVALUATION.sheet(judged, words)
    figures = {row[1]: row[2:] for row in sheet.rows if row[0] == "All industries"}
    assert figures == {
        "Rows": (12345, None, None),
        "AUC": (0.742, 0.715, 0.768),
        "KS": (0.36, 0.31, 0.41),
        "Observed / expected": (1.03, 0.91, 1.16),
        "Observed rate": (0.0346, 0.03, 0.04),
    }
    page = render_report(judged, lang="en")
    for name, text in (("Rows", "12,345"), ("AUC", "0.742 (0.715 – 0.768)"), ("Observed rate", "3.46% (3.00% – 4.00%)")):
        assert re.search(f'<td>{name}</td><td class="n">{re.escape(text)}</td>', page), name


def test_industries_have_their_own_measures(book):
    rows = [row for row in EVALUATION.sheet(book, Words.of("zh")).rows if row[0] == "餐饮服务"]
    # Then how far it was pulled to its parent.
    assert rows[3:] == [("餐饮服务", "有效样本量", 8200, None, None), ("餐饮服务", "自身数据份额（斜率）", 0.98, None, None)]
    assert rows[:3] == [("餐饮服务", "行数", 9000, None, None), ("餐饮服务", "违规数", 400, None, None),
                    ("餐饮服务", "AUC（区分能力）", 0.75, 0.7, 0.79)]  # fmt: skip


def test_groups_that_are_too_small_have_the_same_remark_in_workbook_and_report(book):
    words = Words.of("zh")
    remarks = [row[-1] for row in FAIRNESS.sheet(book, words).rows]
    printed = [row[-1] for row in FAIRNESS.grid(book, words, "attribute", "group", "remark").rows]
    assert printed == ["" if pd.isna(remark) else remark for remark in remarks]
    assert "少于 30 户，不列占比" in printed


TUNING = pd.DataFrame(
    {
        "setting": ["exponent", "exponent", "ridge"], "value": [0.0, 1.0, 16.0], "held_out_loss": [0.301234, 0.31, 0.3],
        "difference": [0.0, 0.0088, 0.0], "standard_error": [0.0, 0.002, 0.0], "chosen": [True, False, True],
    }
)  # fmt: skip


def test_the_losses_of_the_settings_stand_in_workbook_and_report(book):
    noticed = pd.DataFrame(
        {"name": ["late_reports"], "kept": [True], "information_value": [0.2], "drift": [0.31], "note": ["its attributes moved"]}
    )
    tuned = dataclasses.replace(book, tuning=TUNING, selection=noticed)
    rows = {row[1]: row[2] for row in EVALUATION.sheet(tuned, Words.of("en")).rows}
    assert rows["Log loss on rows held out, weighted: Power of the weights in the ranking 0, chosen"] == 0.30123
    assert rows["Log loss on rows held out, weighted: Power of the weights in the ranking 1"] == 0.31
    page = render_report(tuned, lang="en")
    for text in (
        "Power of the weights in the ranking",
        "0.30123",
        "0.00880",
        "Late annual reports",
        "0.310",
        "its attributes moved",
    ):
        assert text in page
    assert "Settings that the training rows chose" not in render_report(book, lang="en")


def test_what_was_noticed_is_told_in_the_language_of_the_report_and_that_of_an_older_run_in_english(book):
    ledger = SelectionLedger()
    ledger.enter("late_reports")
    ledger.tell(
        "late_reports", _("its attributes moved between the first and the last part of the window (PSI {drift:.2f})", drift=0.3)
    )
    ledger.remark("late_reports", _("a cross: chi-square {shown:.1f} beside the two alone", shown=9.1))
    table = ledger.table().rename(columns={"characteristic": "name"})[["name", "kept", "drift", "note", "note_message"]]
    old = table.drop(columns="note_message")
    pages = {lang: render_report(dataclasses.replace(book, selection=table), lang=lang) for lang in ("zh", "en")}
    assert "训练窗口首段与末段之间分箱分布发生变化（PSI 0.30）；交叉指标" in pages["zh"]
    assert "its attributes moved" not in pages["zh"]
    assert "(PSI 0.30); a cross: chi-square 9.1" in pages["en"]
    assert "note_message" not in pages["en"]
    assert "its attributes moved" in render_report(dataclasses.replace(book, selection=old), lang="zh")


def test_who_is_proposed_for_d_is_in_no_other_tier_wherever_tiers_are_counted(book):
    waiting = book.tiers["status"] == "proposed"
    assert waiting.any()
    assert set(book.tiers.loc[waiting, "tier"]) <= {"A", "B", "C"}
    words = Words.of("en")
    counted = {(row[0], row[1]): row for row in POLICY_MEASURES.sheet(book, words).rows}
    held = book.tiers.loc[~waiting, "tier"].value_counts()
    for one in (one for one in book.policy.measure if one.industry is None):
        assert counted[str(TIER_WORDS[one.tier]), "All industries"][-1] == held.get(one.tier, 0)
    assert counted["D proposed", "All industries"][-1] == waiting.sum()
    spread = pd.DataFrame(DISTRIBUTION.sheet(book, words).rows)
    assert "D?" not in set(spread.stack())
    assert spread.loc[spread[4] == "D proposed", 5].sum() >= waiting.sum()
    page = render_report(book, lang="en")
    heads = re.findall(r"<thead><tr><th>Tier</th>.*?</thead>", page, re.DOTALL)
    plans = [head for head in heads if "Target" in head]
    assert len(plans) == len(book.plans)
    assert all("Of these D proposed" in head for head in plans)


def test_features_that_no_card_uses_have_their_names_in_the_report(book):
    feature = FeatureSpec.model_validate({**a_feature("rulings_36m", months=36), "label": {"zh": "败诉次数", "en": "Rulings lost"}})
    found = pd.DataFrame({"feature": ["rulings_36m"], "attribute": ["region"], "association": [0.2], "groups": [3]})
    page = render_report(dataclasses.replace(book, features=(feature,), associations=found), lang="zh")
    assert "败诉次数" in page
    assert "rulings_36m" not in page
