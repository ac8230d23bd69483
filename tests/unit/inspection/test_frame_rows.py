"""Rows in batches say what a table of them says: the same hashes, the same lines, the same file read back."""

import random
import unicodedata

import pandas as pd
import pytest
from support.plans import a_policy, a_task, a_tiers

from creditscore.errors import DrawError
from creditscore.inspection import frame_rows
from creditscore.inspection.frame_hash import rows_by_name, tree_of
from creditscore.inspection.frame_rows import FRAME_COLUMNS, SUBJECT_KEYS, FileRows, Kind, TableRows
from creditscore.inspection.merkle import content_of
from creditscore.inspection.plan import plan_inspections
from creditscore.inspection.sample_lines import drawn_parts, sample_parts

#: Whatever a cell, a line, a row or a list of JSON writes in another way.
ODD = (
    "",
    "=1+1",
    "+8",
    "-",
    "@x",
    "'quoted",
    "a,b",
    'say "x"',
    "a|b",
    "back\\slash",
    "two\r\nlines",
    "\ttab",
    "＝全角",
    "某公司",
    "é",
    "x" * 300,
)
KEY = "ab" * 32


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(frame_rows, "BATCH_ROWS", 7)


def a_table(seed, count=60):
    rng = random.Random(seed)
    rows = [
        ("t|1", f"{rng.choice(ODD[8:-1])}{at:05d}", rng.choice(ODD), rng.choice(("food", "a,b", "")), rng.choice(("431102", "")),
         rng.choice("ABCD"), rng.choice(("t|A|food", 't|B|"x"')), rng.choice((0.0, 1 / 3, 1.0)), rng.choice(("", "repeat")),
         rng.choice(("", "t2;t3")))
        for at in range(count)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(FRAME_COLUMNS)).sort_values("subject_id", ignore_index=True)


def canonical(table):
    return rows_by_name(zip(*(table[name].tolist() for name in SUBJECT_KEYS), strict=True))


@pytest.mark.parametrize("seed", range(8))
def test_batches_have_the_hashes_of_the_whole(seed):
    table = a_table(seed)
    rows, whole = TableRows(table), canonical(table)
    assert rows.content() == content_of(whole)
    assert rows.root(key=KEY, task="t") == tree_of(whole, key=KEY, task="t").root
    assert rows.counts().total() == rows.cells().total() == len(table)


@pytest.mark.parametrize("count", [1, 16, 257, 4_200])
def test_frames_of_every_depth_have_the_hashes_of_the_whole(count):
    table = a_table(count, count)
    assert TableRows(table).content() == content_of(canonical(table))
    assert TableRows(table).root(key=KEY, task="t") == tree_of(canonical(table), key=KEY, task="t").root


@pytest.mark.parametrize("seed", range(8))
def test_lines_are_those_of_whole_rows_and_are_read_back(seed, tmp_path):
    table = a_table(seed)
    whole = table.assign(ticket="", drawn="", mode="")[list(frame_rows.SAMPLE_COLUMNS)].astype(object)
    lines, sums = (b"".join(parts) for parts in zip(*sample_parts(TableRows(table)), strict=True))
    assert (lines, sums) == drawn_parts(whole.itertuples(index=False, name=None))
    (tmp_path / "sample.csv").write_bytes(lines)
    read = FileRows(tmp_path / "sample.csv")
    assert read.frame().astype(object).equals(table.astype(object))
    assert read.content() == TableRows(table).content()


def test_one_name_in_two_forms_is_a_subject_twice():
    table = a_table(1, 4)
    for at, form in ((0, "NFC"), (1, "NFD")):
        table.loc[at, "subject_id"] = unicodedata.normalize(form, "é1")
    with pytest.raises(DrawError, match="each subject once"):
        TableRows(table).content()


def test_merging_walks_side_by_side_as_sets_do():
    rng = random.Random(3)
    tables = [a_table(seed).drop_duplicates("subject_id") for seed in (4, 5)]
    own, other = (table.assign(subject_id=sorted(rng.sample([f"S{at:03d}" for at in range(90)], len(table)))) for table in tables)
    stay = set(other.loc[other["exempt_reason"] == "", "subject_id"])
    expected = ["x" if one in stay and not why else "" for one, why in zip(own["subject_id"], own["exempt_reason"], strict=True)]
    asked = _Walked(other)
    assert TableRows(own).merged({"x": asked}).frame()["merged_with"].tolist() == expected
    assert TableRows(own).merged({"x": TableRows(other)}).frame()["merged_with"].tolist() == expected
    assert {"", "x"} == set(expected)


class _Walked(TableRows):
    """Rows of which nobody knows that they are in memory: they are walked over."""


def test_the_frame_of_a_plan_is_made_when_it_is_asked_for():
    plan = plan_inspections(a_tiers(40, industry="food"), a_policy(), task=a_task())
    assert not isinstance(plan.rows, TableRows)
    plan.frame.loc[0, "tier"] = "another"
    assert plan.hashed_again() != plan.frame_hash
    assert set(Kind._fields) < set(plan.frame.columns)
