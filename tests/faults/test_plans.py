"""Plans and workbooks: rounding, small strata, too few inspectors, closed subjects, caps, the limits of Excel."""

import csv
import datetime as dt
import hashlib
import json
import logging
import math
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.payloads import PAYLOADS, live_parts
from support.seeds import SOURCE
from support.tasks import draw, replace
from support.tasks import drawn as drawn_task

from creditscore.config.policy import TierPolicy
from creditscore.config.spec import Label, ppm
from creditscore.config.tasks import Task
from creditscore.errors import DrawError
from creditscore.inspection.csv_export import guard, read_csv
from creditscore.inspection.plan import DrawnPlan, plan_inspections
from creditscore.inspection.rounding import rounded_up, targets
from creditscore.inspection.verify import verify_plan
from creditscore.spreadsheet import Column, Sheet, read_sheet, write_book
from creditscore.spreadsheet.sheets import MAX_TEXT, TRUNCATED
from creditscore.tiering.tiers import Tiers

DAY = dt.date(2024, 4, 30)
VISITS = {"A": 1, "B": 1, "C": 2, "D": 4, "NR": 1}
WHY = {"by": "P0", "on": dt.date(2024, 5, 9)}
PARTS_PER_MILLION = st.integers(1, 1_000_000)


def policy(**ratios):
    given_ratios = {"A": 0.01, "B": 0.02, "C": 0.1, "D": 0.3, "NR": 0.02, **ratios}
    cuts = [{"name": "A", "max_probability": 0.01}, {"name": "B", "max_probability": 0.05}, {"name": "C", "max_probability": 0.1}]
    return TierPolicy.model_validate(
        {
            "effective": dt.date(2024, 1, 1),
            "basis": "example",
            "signed_by": "example",
            "tier": [*cuts, {"name": "D"}],
            "inspection": {tier: {"ratio": ratio, "visits_per_year": VISITS[tier]} for tier, ratio in given_ratios.items()},
        }
    )


def task(**more):
    told = {"id": "2024Q2-food", "label": {"zh": "食品", "en": "food"}, "item": "food hygiene", "department": "SAMR"}
    return Task.model_validate({**told, "start": dt.date(2024, 5, 1), "end": dt.date(2024, 6, 30), "seed": SOURCE, **more})


def tiers(*counts, industry="food"):
    """Subjects by tier: ``("D", 30), ("A", 1)``."""
    rows = [(f"S{tier}{at:05d}", DAY, industry, tier) for tier, count in counts for at in range(count)]
    return Tiers(pd.DataFrame(rows, columns=["subject_id", "as_of", "industry", "tier"]))


def register(given_tiers, **columns):
    ids = given_tiers.frame["subject_id"]
    return pd.DataFrame({"subject_id": ids, "name": "某公司", "status": "active", **columns})


def staff(count):
    ids = [f"P{at}" for at in range(count)]
    return pd.DataFrame({"staff_id": ids, "certificate_valid_to": dt.date(2025, 1, 1), "region": "", "department": "SAMR"})


def book_of(path, values, **options):
    sheet = Sheet(Label(zh="名单", en="List"), (Column("id", Label(zh="名称", en="Name")),), values)
    return write_book(path, [sheet], title="t", created=DAY, **options)


# A ratio of a stratum is rounded up, exactly


@given(PARTS_PER_MILLION, st.integers(0, 10**9))
def test_a_fraction_of_a_subject_counts_as_a_whole_one(ratio, size):
    drawn = rounded_up(ratio, size)
    assert drawn == math.ceil(Fraction(ratio, 1_000_000) * size)
    assert drawn * 1_000_000 >= ratio * size > (drawn - 1) * 1_000_000
    assert drawn <= size


@given(st.integers(1, 999), st.sampled_from([10, 100, 1000]), st.integers(1, 5000))
def test_a_decimal_ratio_is_not_rounded_up_once_too_often(part, whole, size):
    """0.07 x 100 is 7.000000000000001 in binary: a ceiling of floats would draw 8."""
    share = min(part, whole)
    assert rounded_up(ppm(share / whole), size) == -(-share * size // whole)


@given(st.lists(st.tuples(PARTS_PER_MILLION, st.integers(0, 10_000)), min_size=1, max_size=20))
def test_every_nonempty_stratum_is_drawn_from_within_its_size(strata):
    found = targets([ratio for ratio, _ in strata], [size for _, size in strata])
    for n, (ratio, size) in zip(found, strata, strict=True):
        assert n == rounded_up(ratio, size)
        assert (n > 0) == (size > 0)


@settings(max_examples=25)
@given(st.integers(1, 40), st.sampled_from([0.01, 0.03, 0.07, 0.29, 0.3, 1.0]))
def test_the_plan_draws_by_its_ratio_and_records_the_probability(size, ratio):
    plan = plan_inspections(tiers(("D", size)), policy(A=0.0001, B=0.0002, C=0.0002, NR=0.0002, D=ratio), task=task())
    drawn = draw(plan, seed="s")
    expected = math.ceil(Fraction(str(ratio)) * size)
    assert len(drawn.drawn) == expected
    assert set(drawn.drawn["inclusion_probability"]) == {expected / size}


# Strata that are small or empty


def test_a_stratum_smaller_than_its_target_is_taken_whole():
    plan = plan_inspections(tiers(("A", 1), ("D", 2)), policy(), task=task(min_ratio=1.0))
    assert plan.strata["target"].tolist() == plan.strata["population"].tolist() == [1, 2]
    assert len(draw(plan, seed="s").drawn) == 3
    one = plan_inspections(tiers(("A", 1)), policy(), task=task())
    assert (one.strata["target"].tolist(), one.frame["inclusion_probability"].tolist()) == ([1], [1.0])


def test_a_stratum_emptied_by_exemptions_is_noted():
    given_tiers = tiers(("C", 5), ("D", 3))
    status = ["active"] * 5 + ["deregistered"] * 3
    plan = plan_inspections(given_tiers, policy(), task=task(), subjects=register(given_tiers, status=status))
    assert plan.strata.set_index("tier")["target"].to_dict() == {"C": 1, "D": 0}
    assert [note for note in plan.notes if "1 strata are empty after exemptions: 2024Q2-food|D|food" in note]
    assert draw(plan, seed="s").drawn["tier"].tolist() == ["C"]


# Inspectors


@pytest.mark.parametrize("pool", [0, 1])
def test_too_small_a_pool_is_refused_naming_the_subject(pool):
    plan = plan_inspections(tiers(("D", 3)), policy(), task=task())
    with pytest.raises(DrawError, match=rf"inspectors of SD0000\d: expected at least 2 who may go \(got {pool}") as error:
        draw(plan, seed="s", staff=staff(pool))
    assert "SD0000" in str(error.value)


def test_a_subject_from_whom_all_are_recused_stops_the_draw(tmp_path):
    plan = plan_inspections(tiers(("D", 4)), policy(D=1.0), task=task())
    recusals = pd.DataFrame({"staff_id": ["P0", "P1", "P2"], "subject_id": "SD00002"})
    with pytest.raises(DrawError, match=r"inspectors of SD00002: .*got 0; 3 recused"):
        draw(plan, seed="s", staff=staff(3), recusals=recusals)
    assert len(draw(plan, seed="s", staff=staff(3)).drawn) == 4


# Closed after scoring, and after the draw


def test_a_subject_deregistered_after_scoring_leaves_the_frame():
    given_tiers = tiers(("D", 10))
    status = ["deregistered"] + ["active"] * 9
    plan = plan_inspections(given_tiers, policy(D=1.0), task=task(), subjects=register(given_tiers, status=status))
    row = plan.frame.set_index("subject_id").loc["SD00000"]
    assert (row["exempt_reason"], row["inclusion_probability"]) == ("deregistered", 0.0)
    assert (plan.strata["population"].item(), plan.strata["exempt"].item()) == (9, 1)
    assert "SD00000" not in draw(plan, seed="s").drawn["subject_id"].tolist()


def test_a_subject_deregistered_after_the_draw_is_replaced_and_logged(tmp_path):
    folder = drawn_task(tmp_path, plan_inspections(tiers(("D", 20)), policy(), task=task()), seed="s")
    sample = DrawnPlan.from_folder(folder).sample
    gone = sample.loc[sample["drawn"], "subject_id"].iloc[0]
    queue = sample[~sample["drawn"]].sort_values("ticket")["subject_id"].tolist()
    assert replace(folder, gone, **WHY).replaced_by == queue[0]
    (log,) = [path for path in folder.iterdir() if path.suffix == ".jsonl"]
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    told = [line for line in lines if line.get("replaced_by")]
    assert [(line["subject_id"], line["replaced_by"], line["reason"], line["by"]) for line in told] == [
        (gone, queue[0], "deregistered", "P0")
    ]
    assert verify_plan(folder).ok


# The annual cap


def test_subjects_at_the_annual_cap_leave_and_are_counted(tmp_path):
    given_tiers, rules = tiers(("D", 10)), policy(D=1.0)
    days = [dt.date(2024, 1, 2) + dt.timedelta(days=7 * at) for at in range(rules.annual_cap)]
    often = [("SD00003", day) for day in days]
    nearly = [("SD00004", day) for day in days[1:]]
    history = pd.DataFrame([*often, *nearly], columns=["subject_id", "event_date"]).assign(trigger="complaint", known_date=DAY)
    plan = plan_inspections(given_tiers, rules, task=task(), history=history)
    assert plan.frame.loc[plan.frame["exempt_reason"] != "", ["subject_id", "exempt_reason"]].values.tolist() == [
        ["SD00003", "annual_cap"]
    ]
    folder = plan.to_csv(tmp_path / "plan")
    assert json.loads((folder / "manifest.json").read_text("utf-8"))["counts"]["exempt"] == {"annual_cap": 1}
    drawn = draw(plan, seed="s").drawn["subject_id"].tolist()
    assert "SD00003" not in drawn
    assert "SD00004" in drawn


# More than Excel holds


@settings(max_examples=20)
@given(st.integers(0, 40), st.integers(1, 12))
def test_rows_beyond_a_sheet_continue_and_none_is_lost(tmp_path_factory, rows, most):
    path = tmp_path_factory.mktemp("book") / "b.xlsx"
    report = book_of(path, ((f"S{at:07d}",) for at in range(rows)), max_rows=most)
    assert [row["名称"].value for row in read_sheet(path, "名单")] == [f"S{at:07d}" for at in range(rows)]
    assert sum(report.rows.values()) == rows
    assert max(report.rows.values()) <= most


@pytest.mark.parametrize("char", ["x", "名", "𬭼"])
def test_a_text_too_long_for_a_cell_is_marked_and_counted(tmp_path, caplog, char):
    with caplog.at_level(logging.WARNING):
        report = book_of(tmp_path / "b.xlsx", [(char * 40_000,), ("short",)])
    (long, _) = (row["名称"].value for row in read_sheet(tmp_path / "b.xlsx", "名单"))
    assert report.truncated == 1
    assert long.endswith(TRUNCATED)
    assert len(long.encode("utf-16-le")) // 2 <= MAX_TEXT
    assert "b.xlsx: 1 texts were cut" in caplog.text
    assert char * 3 not in caplog.text


# Characters that a workbook cannot hold


BROKEN = ["a\ud800b", "\udfff", "c\x00d", "e\x01\x1ff", "g\ufffeh", "i\x7fj"]


def test_surrogates_and_control_characters_are_replaced_and_counted(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        report = book_of(tmp_path / "b.xlsx", [(text,) for text in BROKEN])
    found = [row["名称"].value for row in read_sheet(tmp_path / "b.xlsx", "名单")]
    assert found == ["a\ufffdb", "\ufffd", "c\ufffdd", "e\ufffd\ufffdf", "g\ufffdh", "i\x7fj"]
    assert report.replaced == 6
    assert "b.xlsx: 6 characters were replaced" in caplog.text


def test_a_workbook_without_replacements_has_no_note(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        book_of(tmp_path / "b.xlsx", [("䶮㙍𬭼",)])
    assert caplog.text == ""


@pytest.mark.parametrize("name", ["c\x00d", "e\x01\x1ff", "g\ufffeh", *PAYLOADS])
def test_names_of_any_characters_survive_the_plans_files(tmp_path, name):
    given_tiers = tiers(("D", 4))
    plan = plan_inspections(given_tiers, policy(D=1.0), task=task(), subjects=register(given_tiers, name=name))
    drawn = draw(plan, seed="s", staff=staff(2))
    folder = drawn.to_csv(tmp_path / "plan")
    assert verify_plan(folder).ok
    assert set(DrawnPlan.from_folder(folder).sample["name"]) == {name}
    drawn.to_excel(tmp_path / "plan.xlsx")
    assert live_parts(tmp_path / "plan.xlsx") == []
    assert openpyxl.load_workbook(tmp_path / "plan.xlsx").sheetnames


def test_no_cell_of_the_csv_files_is_a_formula(tmp_path):
    names = [*PAYLOADS]
    given_tiers = tiers(("D", len(names)))
    subjects = register(given_tiers, name=names)
    plan = plan_inspections(given_tiers, policy(D=1.0), task=task(), subjects=subjects)
    folder = draw(plan, seed="s").to_csv(tmp_path / "plan")
    for path in folder.glob("*.csv"):
        with path.open(encoding="utf-8-sig", newline="") as stream:
            cells = [cell for row in csv.reader(stream) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"))], path.name
    head = (folder / "sample.csv").read_text("utf-8-sig").splitlines()[0].split(",")
    back = [dict(zip(head, cells, strict=True))["name"] for _, cells in read_csv(folder / "sample.csv", head)]
    assert back == names
    assert guard("=1+1") == "'=1+1"


# The same plan is the same bytes


def write_example(folder):
    """A drawn plan with names of every kind, as files and as a workbook."""
    given_tiers = tiers(("B", 60), ("D", len(PAYLOADS)))
    subjects = register(given_tiers, name=[f"某公司{at}" for at in range(60)] + [*PAYLOADS])
    plan = plan_inspections(given_tiers, policy(D=0.5), task=task(), subjects=subjects)
    drawn = draw(plan, seed="s", staff=staff(4), on=dt.date(2024, 5, 2))
    drawn.to_csv(folder / "plan")
    drawn.to_excel(folder / "plan.xlsx")


ALONE = """
import importlib.util, pathlib, sys, time
clock, later = time.time, 86_400 * int(sys.argv[3])
time.time = lambda: clock() + later
spec = importlib.util.spec_from_file_location("made", sys.argv[1])
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
made.write_example(pathlib.Path(sys.argv[2]))
"""


def test_a_plan_has_the_same_bytes_on_another_day_and_machine(tmp_path):
    places = [{}, {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "1"}]
    places.append({"TZ": "Asia/Kathmandu", "LC_ALL": "POSIX", "LANG": "zh_CN.GB18030", "PYTHONUTF8": "0", "PYTHONHASHSEED": "2"})
    found = []
    for number, place in enumerate(places):
        folder = tmp_path / str(number)
        folder.mkdir()
        env = os.environ | place | {"PYTHONPATH": str(Path(__file__).parents[1])}
        command = [sys.executable, "-c", ALONE, __file__, str(folder), str(400 * number)]
        subprocess.run(command, env=env, cwd="/" if place else None, check=True)
        paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
        found.append({str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths})
    assert {"plan.xlsx", "plan/plan.csv", "plan/sample.csv", "plan/publication.csv", "plan/inspectors.csv"} <= found[0].keys()
    assert found[1] == found[0]
    assert found[2] == found[0]
