"""Results and words that were read although nothing names them, as the check-up tells them."""

import pytest
from support.deliveries import DAY, Delivery, csv_sources, event_line, subject_line, text
from support.projects import feature, item

from creditscore.records.deliveries.checkup import check_up

CATALOGUE = {"edition": "t", "basis": "t", "item": [item("promise"), item("colour")]}
PROMISES = feature("promises", "promise", "share", share_of=["守约"], trend="lower_is_riskier")
COLOUR = feature("colour", "colour", "latest", column="result", order=["green", "red"], trend="higher_is_riskier")


def told(tmp_path, results, kind, **events):
    delivery = Delivery(
        tmp_path, sources=csv_sources(id_scheme="local", events=events), catalogue=CATALOGUE,
        features={"feature": [PROMISES, COLOUR]},
    )  # fmt: skip
    delivery.subjects(subject_line("S1"))
    delivery.events(*(event_line(f"E{n}", "S1", kind=kind, result=result) for n, result in enumerate(results)))
    found = check_up(delivery.open(), as_of=DAY).table().query("section == 'unmapped' and table == 'events'")
    return [(row["code"], row["rows"], row["level"]) for row in found.to_dict("records")], " ".join(found["rule"])


@pytest.mark.parametrize(
    ("results", "rows"),
    [
        (["守约"] * 25 + ["违约"] * 25, 0),  # the other side of a share is no slip, be it one sign away
        (["守约"] * 25 + ["收约"], 1),
        (["守约"] * 25 + ["逾期"], 0),
    ],
)
def test_a_rare_result_one_sign_from_a_named_one_is_told(tmp_path, results, rows):
    found, rule = told(tmp_path, results, "promise")
    assert found == ([("promise", rows, "warning")] if rows else [])
    assert ("收约 1" in rule) == bool(rows)


def test_a_result_that_an_order_lacks_is_told_however_many(tmp_path):
    found, rule = told(tmp_path, ["green", "red", "amber", "amber"], "colour")
    assert found == [("colour", 2, "warning")]
    assert "amber 2" in rule


@pytest.mark.parametrize(("word", "level"), [("守的", "note"), ("违药", "warning")])
def test_a_word_read_as_otherwise_is_listed_and_a_slip_of_a_listed_one_is_a_warning(tmp_path, word, level):
    rule = {
        "to": "result",
        "rule": "map",
        "column": "result",
        "values": {"违约行为": "broken", "违约": "broken"},
        "otherwise": "守约",
    }
    found, text = told(tmp_path, ["违约"] * 200 + [word], "promise", column=[rule])
    assert found == [("records", 1, level)]
    assert f"{word} 1" in text


def test_a_region_that_the_tables_lack_is_told_each_time_and_one_of_another_length_is_not(tmp_path):
    tables = ["gbt2260_provinces", "gbt2260_43", "gbt2260_4311"]
    delivery = Delivery(tmp_path, sources=csv_sources(id_scheme="local", regions=tables))
    regions = ["431103", "431199", "4311", "431100", "north", "440305"]  # of elsewhere as far as the tables reach
    delivery.subjects(*(subject_line(f"S{n}", region=region) for n, region in enumerate(regions)))
    found = check_up(delivery.open(), as_of=DAY).table().query("section == 'unmapped' and rule.str.startswith('region')")
    assert found[["rows", "examples", "level"]].to_numpy().tolist() == [[1, "431199 1", "warning"]]
    local = Delivery(tmp_path / "local", sources=csv_sources(id_scheme="local"))
    local.subjects(subject_line("S1", region="431199"))
    assert not check_up(local.open(), as_of=DAY).table()["rule"].str.startswith("region:").any()


def test_inspectors_that_another_mark_parts_are_told_with_their_visits(tmp_path):
    split = {"to": "inspectors", "rule": "split", "column": "who", "separator": "、"}
    visits = {"name": "visits", "table": "inspections", "file": "visits.csv", "format": "csv", "column": [split]}
    delivery = Delivery(tmp_path, sources=csv_sources(id_scheme="local", others=[visits]))
    header = "inspection_id,subject_id,event_date,known_date,trigger,outcome,who"
    pairs = ("Z1、Z2", "Z1，Z2", "Z1;Z2", "Z3")
    delivery.file("visits.csv", text(header, [f"V{n},S1,2024-01-01,2024-01-02,random,none,{who}" for n, who in enumerate(pairs)]))
    found = check_up(delivery.open(), as_of=DAY).table().query("section == 'unmapped' and table == 'inspections'")
    assert found[["rows", "examples", "level"]].to_numpy().tolist() == [[2, "V1, V2", "warning"]]
