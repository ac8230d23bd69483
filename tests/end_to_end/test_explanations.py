"""Explanations of a whole city: what they name exists, what they advise can be changed, and each question has an answer of its own."""

import json
from pathlib import Path

import pandas as pd
import pytest
from pydantic import TypeAdapter
from support.command import ASKING, creditscore

from creditscore.pipeline.credit_check import documents_of
from creditscore.pipeline.run_folder import RunFolder
from creditscore.pipeline.run_store import BookFile, load_book
from creditscore.reporting.documents import Documents, value_of
from creditscore.reporting.explained import Explained
from creditscore.reporting.explanation import explain_subject

NEVER_ADVISED = ("tenure_months", "national_rating", "finding_ratio_36m")


@pytest.fixture(scope="module")
def told(demo):
    """The run of the day, its book and its files by firm."""
    folder = RunFolder.opened(demo.run)
    names = ("own_records", "own_visits", "own_ratings", "features", "tiers")
    return folder, load_book(folder), {name: folder.frame(name) for name in names}


def some_firms(told, count=40):
    """Firms of every tier and rule, and others."""
    tiers = told[2]["tiers"]
    by_rule = tiers.assign(rule=tiers["rule"].fillna("")).groupby(["tier", "status", "rule"])["subject_id"].first()
    return sorted({*by_rule, *tiers["subject_id"].iloc[:: max(1, len(tiers) // count)]})


def explained(told, subject_id):
    folder, book, files = told
    features = files["features"]
    own = features[features["subject_id"] == subject_id]
    return explain_subject(book, subject_id, features=None if own.empty else own, documents=documents_of(folder, subject_id))


def of(files, name, subject_id):
    rows = files[name]
    return rows[rows["subject_id"] == subject_id]


def test_the_documents_give_every_value_that_was_scored(told):
    _folder, book, files = told
    checked = 0
    for row in files["features"].iloc[::10].to_dict("records"):
        own = Documents.of(of(files, "own_records", row["subject_id"]), None, None, kept="all")
        for feature in book.features:
            if feature.scheme is not None or feature.rule.source != "events":
                continue
            stored = None if pd.isna(row[feature.name]) else row[feature.name]
            assert value_of(feature, own.all, book.as_of) == stored, (row["subject_id"], feature.name)
            checked += 1
    assert checked > 5_000


def test_every_record_that_is_named_is_the_firms_own_and_in_the_run(told):
    named = 0
    for subject_id in some_firms(told):
        found = explained(told, subject_id)
        own = {table: of(told[2], name, subject_id) for table, name in (("record", "own_records"), ("visit", "own_visits"))}
        for one in found.documents:
            if one.table == "rating":
                continue
            key = "event_id" if one.table == "record" else "inspection_id"
            rows = own[one.table]
            (row,) = rows[rows[key] == one.id].to_dict("records")
            assert (one.event_date, one.known_date) == (row["event_date"], row["known_date"])
            assert one.document_no == (row.get("document_no") or "")
            named += 1
        numbers = {one.number for one in found.documents}
        lines = found.points.lines if found.points else ()
        assert {number for line in lines for number in line.documents} <= numbers
        assert set(found.ground.documents) <= numbers
    assert named > 200


def test_only_what_can_be_changed_is_advised(told):
    book, repairs, declared = told[1], 0, 0
    kinds = {item.kind: item for item in book.catalogue}
    for subject_id in some_firms(told, 150):
        found = explained(told, subject_id)
        documents = {one.number: one for one in found.documents}
        for repair in found.advice.repairs:
            one, repairs = documents[repair.document], repairs + 1
            assert one.table == "record"
            assert one.state == "counts"
            assert kinds[one.kind].repair_class is not None
            assert kinds[one.kind].polarity == "negative"
            assert one.ends_on is None or repair.since < one.ends_on
            assert repair.is_open == (repair.since <= book.as_of)
        sources = {line.name: line.source for line in found.points.lines} if found.points else {}
        for declaration in found.advice.declarations:
            declared += 1
            assert sources[declaration.name] == "self_declared"
            assert declaration.name not in NEVER_ADVISED
        assert set(found.advice.nearest_repairs) <= {repair.document for repair in found.advice.repairs}
    assert repairs > 50
    assert declared > 50


def test_repairs_that_reach_a_tier_reach_it(told):
    reached = 0
    for subject_id in some_firms(told, 150):
        found = explained(told, subject_id)
        if found.advice.nearest_repairs and not found.advice.nearest_declarations:
            reached += 1
            assert found.advice.score >= found.points.score + found.points.needed
    assert reached


def test_points_are_those_of_the_scores_file(told):
    scores = told[1].scores.set_index("subject_id")
    for subject_id in some_firms(told):
        points = explained(told, subject_id).points
        if points is None:
            continue
        assert (points.score, points.probability_ppm) == tuple(scores.loc[subject_id, ["score", "probability_ppm"]])
        assert points.constant + sum(line.points for line in points.lines) == points.score


def test_the_order_of_records_changes_nothing(told):
    _folder, book, files = told
    features = files["features"]
    for subject_id in some_firms(told, 10):
        rows = [of(files, name, subject_id) for name in ("own_records", "own_visits", "own_ratings")]
        own = of(files, "features", subject_id)
        pages = []
        for seed in (1, 2):
            mixed = [one.sample(frac=1, random_state=seed) for one in rows]
            documents = Documents.of(*mixed, kept="all")
            found = explain_subject(book, subject_id, features=None if own.empty else own, documents=documents)
            pages.append((found.to_text(), json.dumps(found.to_json(), default=str)))
        assert pages[0] == pages[1]
    assert len(features)


def test_json_is_what_its_schema_says(told):
    adapter = TypeAdapter(Explained)
    for subject_id in some_firms(told, 20):
        document = json.loads(json.dumps(explained(told, subject_id).to_json()))
        again = adapter.dump_python(adapter.validate_python(document), mode="json")
        assert {**again, "reasons": document["reasons"]} == document


def test_an_older_run_says_what_it_did_not_keep(demo, tmp_path, told):
    folder, book, files = told
    subject = next(one for one in some_firms(told) if not of(files, "features", one).empty)
    rows = folder.frame("adverse_records")
    documents = Documents.of(rows[rows["subject_id"] == subject], None, None, kept="adverse")
    found = explain_subject(book, subject, features=of(files, "features", subject), documents=documents)
    assert "only" in found.to_text("en")
    none = explain_subject(book, subject, features=of(files, "features", subject))
    assert "Not kept" in none.to_text("en")
    assert none.advice.repairs == ()
    for page in (found.to_text("en"), none.to_text("en")):
        for denial in (
            "no end is fixed",
            "until a newer one",
            "alone do not reach",
            "nothing here that you could change",
            "No records",
        ):
            assert denial not in page


def first(demo, **wanted):
    rows = RunFolder.opened(demo.run).frame("subjects")
    tiers = set(RunFolder.opened(demo.run).frame("tiers")["subject_id"])
    for name, value in wanted.items():
        rows = rows[rows[name] == value]
    return next((one for one in rows["subject_id"] if one not in tiers), None)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [({"status": "deregistered"}, "It is deregistered"), ({"status": "revoked"}, "Its licence is revoked")],
)
def test_who_left_has_an_answer_with_a_next_step(demo, city, wanted, said):
    subject = first(demo, **wanted)
    shown = creditscore("explain", demo.run, subject, "--lang", "en")
    assert shown.code == 0, shown.err
    assert said in shown.out
    assert "Next step: " in shown.out
    (row,) = creditscore("lookup", city.run, subject, "--lang", "en", "--json", *ASKING).json["rows"]
    assert (row["found"], row["answer"]) == (False, wanted["status"])
    assert said in row["next_step"]


def test_the_answer_about_a_body_or_who_left_names_the_rule_of_the_project(demo):
    rules = BookFile.load(RunFolder.opened(demo.run)).project.unscored
    for kind, wanted in (("deregistered", {"status": "deregistered"}), ("government", {"subject_type": "government"})):
        (rule,) = (one for one in rules if kind in one.who)
        subject = first(demo, **wanted)
        assert creditscore("explain", demo.run, subject, "--json").json["basis"] == rule.basis
        assert creditscore("explain", demo.run, subject, "--lang", "en").out.splitlines()[2] == f"Legal basis: {rule.basis}."


def full_width(code):
    return "".join(chr(ord(sign) + 0xFEE0) for sign in code)


def test_a_code_is_found_in_any_writing_by_both_commands(demo, city, told):
    code = told[2]["tiers"].loc[told[2]["tiers"]["tier"] == "A", "subject_id"].iloc[0]
    page = creditscore("explain", demo.run, code).out
    for writing in (code.lower(), f" {code} ", full_width(code), f"{code[:8]}-{code[8:]}", f"{code[:6]} {code[6:]}"):
        assert creditscore("explain", demo.run, writing).out == page
        (row,) = creditscore("lookup", city.run, writing, "--json", *ASKING).json["rows"]
        assert (row["subject_id"], row["found"], row["answer"]) == (code, True, "rated")


@pytest.mark.parametrize(
    ("typed", "answer", "said"),
    [
        (lambda code: code[:-1] + ("0" if code[-1] != "0" else "1"), "mistyped", "Is this meant: "),
        (lambda code: code[:-1], "mistyped", "Is this meant: "),
        (lambda code: "12345", "malformed", "cannot be a code"),
        (lambda code: "431103199001011234", "personal_number", "ID number"),
        (lambda code: "91350100M000100Y43", "unknown", "does not know it"),
    ],
)
def test_what_cannot_be_found_says_why_and_what_to_do(demo, city, told, typed, answer, said):
    code = told[2]["tiers"]["subject_id"].iloc[5]
    asked = typed(code)
    shown = creditscore("explain", demo.run, asked, "--lang", "en")
    assert shown.code == 2
    assert said in shown.err
    looked = creditscore("lookup", city.run, asked, "--lang", "en", "--json", *ASKING)
    assert looked.code == 0
    (row,) = looked.json["rows"]
    assert (row["found"], row["answer"]) == (False, answer)
    assert said in row["next_step"]
    if answer == "mistyped":
        assert code in shown.err
        assert code in row["next_step"]
    if answer == "personal_number":
        assert asked not in shown.err + shown.out + looked.out
        assert asked not in (city.out / "lookups.jsonl").read_text("utf-8")


def test_a_page_is_one_file_without_script_or_link(demo, told, tmp_path):
    subject = some_firms(told)[0]
    assert creditscore("explain", demo.run, subject, "--html", tmp_path / "page.html").code == 0
    page = Path(tmp_path / "page.html").read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    for outside in ("<script", "href=", 'src="http', "@import"):
        assert outside not in page
