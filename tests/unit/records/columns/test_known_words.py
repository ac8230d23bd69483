"""Words of the project are shown although they begin like a family name; a stray name never is."""

import pyarrow as pa
import pytest
from support.deliveries import DAY, Delivery, csv_sources, event_line, subject_line
from support.projects import feature, item

from creditscore.records.columns.known_words import may_be_person
from creditscore.records.columns.personal import shown_texts
from creditscore.records.deliveries.checkup import check_up
from creditscore.records.deliveries.drift import Earlier, profile

RULE = {"to": "result", "rule": "map", "column": "result", "values": {"严重": "bad", "高风险户": "bad", "司法处理": "bad"}}
CATALOGUE = {"edition": "t", "basis": "t", "item": [item("penalty", polarity="negative")]}
FEATURES = {"feature": [feature("penalties", months=24, result=["bad"])]}


@pytest.mark.parametrize("name", ["张三", "张三丰", "欧阳修", "买买提·艾力"])
def test_a_name_stays_masked_whatever_the_project_calls_its_words(name):
    known = {"严重", "高风险户", "金额"}
    assert shown_texts(pa.array([name]), lambda text: may_be_person(text, known)).to_pylist() == [f"{name[0]}*"]


@pytest.mark.parametrize("word", ["严重", "高风险户", "高风脸户", "风险"])
def test_a_known_word_and_its_slip_are_shown(word):
    assert not may_be_person(word, {"严重", "高风险户"})


def opened(tmp_path, results):
    delivery = Delivery(
        tmp_path, sources=csv_sources(id_scheme="local", events={"column": [RULE]}), catalogue=CATALOGUE, features=FEATURES
    )
    delivery.subjects(subject_line("S1"))
    delivery.events(*(event_line(f"E{n}", "S1", result=result) for n, result in enumerate(results)))
    return delivery.open()


def test_slips_of_the_projects_words_stand_in_rejects_and_in_the_check_up(tmp_path):
    records = opened(tmp_path / "now", ["严重"] * 9 + ["司法处里", "张三丰"])
    assert sorted(records.rejects["text"].to_pylist()) == ["司法处里", "张*"]
    (rule,) = check_up(records, as_of=DAY).table().query("section == 'unmapped'")["rule"]
    assert "(司法处里 1, +1)" in rule
    assert "张三" not in rule


def test_a_new_code_of_the_project_is_named_when_it_first_comes(tmp_path):
    own = {**FEATURES, "feature": [feature("penalties", months=24, result=["严重"])]}

    def named(name, results):
        delivery = Delivery(tmp_path / name, sources=csv_sources(id_scheme="local"), catalogue=CATALOGUE, features=own)
        delivery.subjects(subject_line("S1"))
        delivery.events(*(event_line(f"E{n}", "S1", result=result) for n, result in enumerate(results)))
        return delivery.open()

    before = profile(named("before", ["轻微"] * 60))
    found = check_up(named("now", ["轻微"] * 60 + ["严重", "金贵"]), as_of=DAY, earlier=Earlier(profile=before)).table()
    assert [rule for rule in found["rule"] if "codes that no row" in rule] == ["result: codes that no row had before (2): 严重, +1"]
