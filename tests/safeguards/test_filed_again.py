"""A rejected objection is filed again: with new evidence only, suspending once, and every place says what suspends and what not."""

import pytest
from support.command import creditscore
from support.contested import VISITED, decide, file, listed, place_of, tiers


def again(place, on, *words):
    return file(
        place, VISITED, "--visit", "V1", *words, said=("--applicant", "李某", "--by", "张三", "--on", on, "--grounds", "再议")
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return place_of(tmp_path_factory.mktemp("again"))


def test_filed_again_it_suspends_once_and_then_counts_until_one_is_upheld(place):
    assert file(place, VISITED, "--visit", "V1").code == 0
    assert decide(place, "2024-1", "rejected", on="2024-05-07").code == 0
    refused = again(place, "2024-05-07")
    assert refused.code == 2
    assert "--new-evidence" in refused.err
    assert again(place, "2024-05-07", "--new-evidence", "卷7").code == 0
    assert [(row["suspends"], row["holds"]) for row in listed(place, "2024-05-07")] == [(True, "next_night")]
    assert tiers(place, "2024-05-07").loc[VISITED, "rule"] == "dispute"
    assert decide(place, "2024-2", "rejected", on="2024-05-08").code == 0

    third = again(place, "2024-05-08", "--new-evidence", "卷8")
    assert (third.code, "so it counts until this one is upheld" in third.out) == (0, True)
    now = tiers(place, "2024-05-09").loc[VISITED]
    assert (now["tier"], now["raw_tier"], now["rule"] == "dispute") == ("C", "C", False)
    assert_every_place_says_so(place)
    assert decide(place, "2024-3", "upheld", on="2024-05-10").code == 0
    assert tiers(place, "2024-05-10").loc[VISITED, ["tier", "rule"]].tolist() == ["A", "record_ended"]


def assert_every_place_says_so(place):
    run = place / "out" / "2024-05-09"
    (row,) = listed(place, "2024-05-09")
    assert (row["suspends"], row["holds"], row["new_evidence"], row["due"]) == (False, "nothing", "卷8", "2024-05-13")
    assert [(one["id"], one["outcome"], one["reason"]) for one in row["history"]] == [
        ("2024-2", "rejected", "已核实"), ("2024-1", "rejected", "已核实"),
    ]  # fmt: skip
    page = creditscore("objection", "list", place / "out", "--on", "2024-05-09", "--lang", "en").out
    for part in ("filed again, it counts", "new evidence: 卷8", "filed again after 2024-2, rejected on 2024-05-08 by 李四: 已核实"):
        assert part in page
    told = creditscore("explain", run, VISITED, "--lang", "en").out
    assert "It follows objection 2024-2 to the same thing." in told
    assert "It was filed again: it suspends nothing until it is upheld." in told
    assert "The record does not count until that is decided" not in told
    counted = creditscore("monitor", run, "--json").json["objections"]
    assert (counted["open"], counted["suspending"]) == (1, 0)
