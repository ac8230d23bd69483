"""Records, visits and grades under objection, on each engine: what counts, what stands, and what has left, by day."""

import datetime as dt

import pyarrow as pa
import pytest
from support.projects import documents, event, feature, subject, write_project, write_tables

from creditscore.features.build import build_features, feature_table
from creditscore.features.spine import spine
from creditscore.inspection.objections import Objection
from creditscore.pipeline.known_objections import disputes_of
from creditscore.records.own_records import own_ratings, own_visits
from creditscore.records.records import open_records

D = dt.date
OPENED, DECIDED = D(2024, 4, 10), D(2024, 5, 6)
FEATURES = [
    {**feature("visits", aggregate="finding_ratio", prior=1, months=36, trend="higher_is_riskier", unit="ppm"), "kind": []},
    {"name": "grade", "label": {"zh": "g", "en": "g"}, "unit": "grade", "source": "base", "aggregate": "latest", "scheme": "national", "order": ["优", "中", "差"]},
]  # fmt: skip


def objection(against, about, subject_id, outcome):
    said = {"applicant": "a", "by": "b", "grounds": "c"}
    answer = {"outcome": outcome, "decided_on": DECIDED} if outcome else {}
    return Objection(subject_id, against, about, on=OPENED, id=f"{against}{about}", **said, **answer)


def to_record(about, on, outcome="", decided_on=None, **more):
    said = {"applicant": "a", "by": "b", "grounds": "c"}
    return Objection("S5", "record", about, on=on, id=f"{about} {on}", outcome=outcome, decided_on=decided_on, **said, **more)


OBJECTIONS = [
    objection("visit", "v1", "S1", "upheld"),
    objection("visit", "v2", "S2", "rejected"),
    objection("rating", "national 2024-03-01", "S1", "upheld"),
    objection("rating", "national 2024-03-01", "S2", ""),
    to_record("E1", D(2024, 8, 5), "rejected", D(2024, 9, 10)),
    to_record("E2", D(2024, 8, 5), "rejected", D(2024, 8, 20)),
    to_record("E3", D(2024, 8, 5), "upheld", D(2024, 8, 20)),
    to_record("E4", D(2024, 8, 5), "rejected", D(2024, 8, 20)),
    to_record("E4", D(2024, 8, 20), suspends=False),
    to_record("E5", D(2024, 8, 5), "rejected", D(2024, 8, 20)),
    to_record("E5", D(2024, 8, 20)),
]
#: What the providers say of the records of S5: E1 and E3 are not contested any more, E2 still is.
CHANGES = [("E1", "disputed", D(2024, 8, 1)), ("E1", "dispute_rejected", D(2024, 8, 15)), ("E2", "disputed", D(2024, 8, 1))]
CHANGES += [("E3", "disputed", D(2024, 8, 10)), ("E3", "dispute_rejected", D(2024, 8, 25))]
#: E4b is another report of E4.
EVENTS = [event(f"E{one}", "S5", "penalty", D(2024, 6, one), document_no=f"D{one}") for one in range(1, 6)]
EVENTS += [event("E4b", "S5", "penalty", D(2024, 6, 4), document_no="D4")]


@pytest.fixture(scope="module")
def records(tmp_path_factory, module_engine):
    folder = tmp_path_factory.mktemp("contested")
    catalogue = {"item": documents()["catalogue"]["item"]}
    project = write_project(folder / "project", catalogue=catalogue, features={"feature": FEATURES})
    visits = [visit("v1", "S1", "violation"), visit("v2", "S2", "violation"), visit("v3", "S3", "none"), visit("v4", "S4", "none")]
    ratings = [grade(one, day, word) for one in ("S1", "S2") for day, word in ((D(2022, 3, 1), "中"), (D(2024, 3, 1), "差"))]
    tables = {"subjects": [subject(f"S{one}") for one in range(1, 6)], "inspections": visits, "ratings": ratings, "events": EVENTS}
    tables["changes"] = [
        {"event_id": about, "change": change, "effective_date": day, "known_date": day} for about, change, day in CHANGES
    ]
    data = write_tables(folder / "data", **tables)
    return open_records(module_engine, project, data=data, disputes=disputes_of(OBJECTIONS))


def visit(key, subject_id, outcome):
    return {
        "inspection_id": key, "subject_id": subject_id, "event_date": D(2024, 1, 10), "known_date": D(2024, 1, 10),
        "trigger": "random", "outcome": outcome, "mode": "on_site", "inspectors": ["甲"],
    }  # fmt: skip


def grade(subject_id, day, word):
    return {"subject_id": subject_id, "scheme": "national", "grade": word, "event_date": day, "known_date": day}


def told(table, *names):
    return [tuple(row[name] for name in names) for row in table.to_pylist()]


def values(records, day):
    got = build_features(records, spine(records, as_of=day), records.project.features)
    return {key[0]: (None if row["visits"] != row["visits"] else int(row["visits"]), row["grade"]) for key, row in got.iterrows()}


def test_values_are_without_what_is_disputed_and_what_an_upheld_objection_took_away(records):
    before, open_then, decided = (values(records, day) for day in (D(2024, 4, 9), D(2024, 4, 30), D(2024, 5, 6)))
    assert [grades for _visits, grades in before.values()][:2] == ["差", "差"]
    assert before["S1"][0] == before["S2"][0] > 1_000_000 > before["S3"][0]
    assert [open_then[one][0] for one in ("S1", "S2")] == [None, None]
    assert all(values != values or values is None for values in (open_then["S1"][1], open_then["S2"][1]))
    # Taken away: the grade before counts again. Rejected: the visit counts again, and the rates of all stay those of the quarter.
    assert (decided["S1"][0], decided["S1"][1], decided["S2"][0]) == (None, "中", before["S2"][0])
    assert decided["S3"] == before["S3"]
    assert values(records, D(2024, 7, 1))["S3"][0] > before["S3"][0]  # from the next quarter on fewer findings are expected of all


def test_of_those_who_object_the_values_are_known_as_if_nobody_had(records):
    before, day = values(records, D(2024, 4, 9)), D(2024, 4, 30)
    view, rows = records.with_disputed(), spine(records, as_of=day)
    table = feature_table(view, rows.few(view, pa.array(["S2", "S1"])), records.project.features, name="as_if")
    told = {row["subject_id"]: (row["visits"], row["grade"]) for row in records.engine.query(table).to_pylist()}
    assert told == {one: before[one] for one in ("S1", "S2")}
    # What is decided is decided: an upheld objection counts there, too.
    rows = spine(records, as_of=DECIDED)
    table = feature_table(view, rows.few(view, pa.array(["S1"])), records.project.features, name="as_if")
    assert [(row["visits"], row["grade"]) for row in records.engine.query(table).to_pylist()] == [(None, "中")]
    assert values(records, day)["S1"][0] is None, "and the records themselves are unchanged"


def test_who_trains_after_an_upheld_objection_knows_it_for_every_day(records):
    """A record that should never have been says nothing about earlier days either; what was rejected stands."""

    def on(day, trained_on):
        rows = spine(records, as_of=day)
        table = feature_table(records, rows, records.project.features, trained_on=trained_on, name="trained")
        return {row["subject_id"]: (row["visits"], row["grade"]) for row in records.engine.query(table).to_pylist()}

    day = D(2024, 4, 9)
    scored, before, after = (on(day, trained_on) for trained_on in (None, D(2024, 5, 5), DECIDED))
    assert scored == before
    assert (after["S1"], after["S2"][1]) == ((None, "中"), "差")
    # Of all visits fewer found something: more than was expected of S2, which did.
    assert after["S2"][0] > before["S2"][0] > 1_000_000


def test_grades_disputes_and_what_stands(records):
    assert told(records.grades("national", D(2024, 4, 9)), "subject_id", "grade") == [("S1", "差"), ("S2", "差")]
    assert told(records.grades("national", D(2024, 4, 30)), "subject_id", "grade") == []
    assert told(records.grades("national", DECIDED), "subject_id", "grade") == [("S1", "中")]
    disputed = told(records.disputed(D(2024, 4, 30)), "subject_id", "event_id", "adverse")
    assert sorted(disputed) == [(one, what, False) for one in ("S1", "S2") for what in ("national 2024-03-01", f"visit:v{one[1]}")]
    assert told(records.disputed(DECIDED), "subject_id", "kind") == [("S2", "rating")]
    stands = told(records.standing(D(2024, 4, 30), ["S1", "S2"]), "subject_id", "event_id", "disputed", "counted")
    assert sorted(stands) == [(one, what, True, True) for one in ("S1", "S2") for what in ("national=差", f"visit:v{one[1]}")]
    later = sorted(told(records.standing(DECIDED, ["S1", "S2"]), "subject_id", "event_id", "disputed"))
    assert later == [("S2", "national=差", True), ("S2", "visit:v2", False)]


def test_what_an_upheld_objection_takes_away_has_left_on_its_day(records):
    gone = [("S1", "national 2024-03-01"), ("S1", "visit:v1")]
    assert told(records.exits(after=D(2024, 4, 30), until=DECIDED), "subject_id", "event_id") == gone
    assert told(records.exits(after=DECIDED, until=D(2024, 5, 7)), "subject_id", "event_id") == []
    assert told(records.exits(after=D(2024, 4, 30), until=D(2024, 5, 5)), "subject_id", "event_id") == []
    assert records.results(D(2024, 5, 5)).num_rows == 4
    assert records.results(DECIDED)["inspection_id"].to_pylist() == ["v2", "v3", "v4"]


def test_a_run_keeps_the_state_of_each(records):
    rows = spine(records, as_of=DECIDED).table
    visits = told(
        records.engine.query(own_visits(records, rows, DECIDED).order_by("inspection_id")), "inspection_id", "state", "since"
    )
    known = D(2024, 1, 10)
    assert visits == [("v1", "dispute_upheld", DECIDED), ("v2", "counts", known), ("v3", "counts", known), ("v4", "counts", known)]
    ratings = records.engine.query(own_ratings(records, rows, ["national"], DECIDED).order_by(["subject_id", "event_date"]))
    assert told(ratings, "subject_id", "event_date", "state") == [
        ("S1", D(2022, 3, 1), "counts"), ("S1", D(2024, 3, 1), "dispute_upheld"),
        ("S2", D(2022, 3, 1), "counts"), ("S2", D(2024, 3, 1), "disputed"),
    ]  # fmt: skip
    assert ratings.schema.field("since").type == pa.date32()


@pytest.mark.parametrize(
    ("day", "counts", "disputed"),
    [
        (D(2024, 7, 31), ["E1", "E2", "E3", "E4", "E4b", "E5"], []),
        (D(2024, 8, 4), ["E3", "E4", "E4b", "E5"], ["E1", "E2"]),
        (D(2024, 8, 10), [], ["E1", "E2", "E3", "E4", "E4b", "E5"]),
        # The provider of E1 has rejected its dispute: the authority's own goes on.
        (D(2024, 8, 16), [], ["E1", "E2", "E3", "E4", "E4b", "E5"]),
        # The authority has rejected that to E2: the provider's goes on. That to E4 follows and suspends nothing, that to E5 does.
        (D(2024, 8, 20), ["E4", "E4b"], ["E1", "E2", "E5"]),
        # Upheld is for good, whatever the provider says later.
        (D(2024, 8, 26), ["E4", "E4b"], ["E1", "E2", "E5"]),
        (D(2024, 9, 10), ["E1", "E4", "E4b"], ["E2", "E5"]),
    ],
)
def test_each_answer_ends_its_own_dispute_of_a_record_and_no_other(records, day, counts, disputed):
    in_force = records.engine.query(records.in_force(day).select("event_id"))
    assert sorted(in_force["event_id"].to_pylist()) == counts
    assert sorted(row["event_id"] for row in records.disputed(day).to_pylist() if row["subject_id"] == "S5") == disputed


def test_firms_each_on_a_day_of_their_own_are_told_what_everybody_is_told_on_that_day(records):
    """Asked for many pairs at once, a firm twice on one day among them, and one that the register does not know."""
    days = [D(2024, 3, 1), D(2024, 4, 9), D(2024, 4, 30), DECIDED, D(2024, 6, 4), D(2024, 8, 4), D(2024, 8, 10), D(2024, 9, 10)]
    pairs = [(f"S{one}", day) for day in days for one in (5, 1, 2, 5, 9)]
    asked = pa.table({"subject_id": [one for one, _day in pairs], "as_of": pa.array([day for _one, day in pairs], pa.date32())})
    events, expected = told(records.listed_by_row(["penalty"], asked), "row", "subject_id", "event_id"), []
    grades, graded = told(records.grades_by_row(["national", "other"], asked), "row", "subject_id", "scheme", "grade"), []
    for row, (one, day) in enumerate(pairs):
        listed = told(records.listed(["penalty"], day), "subject_id", "event_id")
        expected += [(row, subject_id, event_id) for subject_id, event_id in listed if subject_id == one]
        newest = told(records.grades("national", day), "subject_id", "grade")
        graded += [(row, subject_id, "national", grade) for subject_id, grade in newest if subject_id == one]
    assert events == expected
    assert grades == graded
    assert {grade for *_, grade in graded} == {"中", "差"}, "else this told nothing"
    assert len(expected) > 20, "else this told nothing"
