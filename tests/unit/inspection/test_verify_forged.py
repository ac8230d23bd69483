"""Forgeries that keep every hash of a plan folder in order: what the files themselves contradict is found."""

import datetime as dt
import hashlib
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from support.tasks import KEY, draw_folder, join, published, replace

from creditscore import storage
from creditscore.inspection.csv_export import read_csv, to_csv
from creditscore.inspection.frame_hash import commitments, frame_hash, tree_of
from creditscore.inspection.frame_rows import SAMPLE_COLUMNS, SUBJECT_KEYS
from creditscore.inspection.merkle import canonical_row, content_of
from creditscore.inspection.plan import DrawnPlan, plan_inspections
from creditscore.inspection.plan_folder import LOG, read_log, read_strata
from creditscore.inspection.sample_lines import line_sum
from creditscore.inspection.strata import STRATUM_COLUMNS
from creditscore.inspection.verify import verify_plan
from creditscore.storage import append_chain, read_chain

WHO = {"by": "李四", "on": dt.date(2024, 5, 9)}


@pytest.fixture
def policy(make_policy):
    return make_policy(each={"on_site_share": 0.5})


@pytest.fixture
def task(tmp_path, make_tiers, make_task, make_staff, policy):
    """A task, drawn with staff of two departments and a recusal; one subject replaced, some late."""
    tiers = make_tiers(200)
    register = pd.DataFrame({"subject_id": tiers.frame["subject_id"], "name": "某公司", "region": "431102"})
    task = make_task(joint_with=("FIRE",), capacity=500)
    plan = plan_inspections(tiers, policy, task=task, subjects=register)
    staff = make_staff(8, department=["SAMR", "FIRE"] * 4)
    recusals = pd.DataFrame({"staff_id": "P0", "subject_id": tiers.frame["subject_id"]})
    folder = published(tmp_path, plan, staff=staff, recusals=recusals)
    drawn = draw_folder(folder, seed="lottery", on=dt.date(2024, 5, 1))
    replace(folder, drawn.drawn["subject_id"].iloc[0], **WHO)
    late = pd.DataFrame({"subject_id": [f"N{at:03d}" for at in range(40)], "name": "新设", "industry": "food", "tier": "D"})
    join(folder, late.assign(region="431102"), policy=policy, **WHO)
    assert verify_plan(folder).findings == ()
    return folder


@pytest.fixture
def folder(task, tmp_path):
    """Its export as an auditor has it with the key, away from the register of the authority."""
    return Path(shutil.copytree(task, tmp_path / "export"))


def rewrite(folder, name, change):
    """Change the rows of a file (dicts) and take its hashes, the frame's too, into the manifest and the log again."""
    with (folder / name).open(encoding="utf-8-sig", newline="") as stream:
        columns = stream.readline().strip().split(",")
    rows = [dict(zip(columns, cells, strict=True)) for _, cells in read_csv(folder / name, columns)]
    cells = [[str(row[column]) for column in columns] for row in change(rows) or rows]
    (folder / name).write_bytes(to_csv(columns, cells))
    if name == "sample.csv":
        (folder / "sample.sha256").write_text("".join(line_sum(row) + "\n" for row in cells), "utf-8")
    manifest(folder, lambda told: told)


def manifest(folder, change):
    """Change the manifest; hashes of files, frame and log follow."""
    document = change(json.loads((folder / "manifest.json").read_text("utf-8")))
    document["files"] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in document["files"]}
    rows = [dict(zip(SAMPLE_COLUMNS, cells, strict=True)) for _, cells in read_csv(folder / "sample.csv", SAMPLE_COLUMNS)]
    subjects = [[row[name] for name in SUBJECT_KEYS] for row in rows]
    strata = read_strata(folder)[list(STRATUM_COLUMNS)].astype(object).values.tolist()
    named = [{row[0]: canonical_row(row) for row in rows} for rows in (strata, subjects)]
    known = {"key": KEY, "task": document["about"]["task"]["id"]}
    root = tree_of(named[1], **known).root
    committed = commitments(named[0], content_of(named[1]), document["inspectors"], root=root, **known)
    document |= {"commitments": committed, "frame_hash": frame_hash(document["about"], committed)}
    (folder / "manifest.json").write_text(json.dumps(document), "utf-8")
    log(folder, lambda lines: lines)


def log(folder, change):
    """Change the lines of the log, and chain them anew."""
    path = folder / "manifest.json"
    document = json.loads(path.read_text("utf-8"))
    kept = [{key: line[key] for key in line if key not in ("number", "previous", "hash")} for line in read_log(folder)]
    kept = change(kept)
    for line in kept:
        if line["what"] == "drawn" and "manifest" in line:
            line |= {"frame_hash": document["frame_hash"], "manifest": hashlib.sha256(path.read_bytes()).hexdigest()}
    (folder / LOG).unlink()
    storage.append_chain(folder / LOG, kept)


def check(folder, **known):
    """The check with the key: these forgers are insiders, who have it too."""
    key = folder.parent / "key.txt"
    key.write_text(KEY, "ascii")
    return verify_plan(folder, key=key, **known)


def said(folder):
    return "\n".join(check(folder).findings)


def test_the_forger_of_these_tests_keeps_every_hash_in_order(folder):
    rewrite(folder, "sample.csv", lambda rows: rows)
    rewrite(folder, "inspectors.csv", lambda rows: rows)
    assert check(folder).findings == ()


@pytest.mark.parametrize("column", ["task", "place", "department", "region", "certificate_valid_to"])
def test_a_cell_of_an_inspector_unlike_the_pool_is_found(folder, column):
    def change(rows):
        rows[0][column] = {"place": "2", "certificate_valid_to": "2030-01-01"}.get(column, "changed")

    rewrite(folder, "inspectors.csv", change)
    assert "inspectors.csv line 2: the inspectors of" in said(folder)


def test_the_leader_and_the_other_cannot_change_places(folder):
    rewrite(folder, "inspectors.csv", lambda rows: [rows[1], rows[0], *rows[2:]])
    assert "inspectors.csv line 2: the inspectors of" in said(folder)


def test_a_deleted_recusal_is_found_by_the_teams_it_would_change(folder):
    manifest(folder, lambda told: {**told, "inspectors": {**told["inspectors"], "recusals": []}})
    assert "are not those that the seed gives" in said(folder)


def test_a_subject_moved_to_another_industrys_stratum_is_found(folder):
    """The frame of somebody who put a subject where the ratio is lower, and hashed, targeted and drew it so."""

    def change(rows):
        friend = next(row for row in rows if row["stratum"].endswith("|food") and row["drawn"] == "0")
        friend["industry"] = "retail"

    rewrite(folder, "sample.csv", change)
    assert "is in a stratum that is not its own" in said(folder)


def test_an_invented_exemption_reason_is_found(folder):
    def change(rows):
        rows[0] |= {"exempt_reason": "friend", "ticket": "", "drawn": "0", "mode": "", "inclusion_probability": "0.0"}

    rewrite(folder, "sample.csv", change)
    assert "left the frame for a reason that is none of deregistered, annual_cap, repeat" in said(folder)


@pytest.mark.parametrize(("column", "value"), [("task", "another"), ("inclusion_probability", "0.9"), ("exempt", "7")])
def test_any_changed_cell_of_the_plan_is_found(folder, column, value):
    rewrite(folder, "plan.csv", lambda rows: rows[0].update({column: value}))
    assert "plan.csv line 2: " in said(folder)


def test_a_repeated_stratum_is_found(folder):
    rewrite(folder, "plan.csv", lambda rows: [{**rows[0], "target": "1"}, *rows])
    assert "occurs twice" in said(folder)


@pytest.mark.parametrize(("key", "value"), [("overshoot", 99), ("raised", 99), ("notes", ["nothing to see"])])
def test_changed_figures_and_notes_of_the_manifest_are_found(folder, key, value):
    manifest(folder, lambda told: {**told, key: value})
    assert said(folder) == f"manifest.json: {key} is not what plan.csv gives"


def test_notes_worded_by_another_version_are_accepted(folder):
    manifest(folder, lambda told: {**told, "version": "0.0.1", "notes": ["other words"]})
    assert check(folder).ok


def test_another_day_of_the_draw_than_the_logs_is_found(folder):
    manifest(folder, lambda told: {**told, "drawn_on": "2024-04-29"})
    assert "log.jsonl line 1: says another seed, frame or day" in said(folder)


def test_a_manifest_changed_after_the_draw_was_logged_is_found(folder):
    """The pool decides who goes; whoever keeps the head of the log sees a changed pool even where teams fit it."""
    path = folder / "manifest.json"
    told = json.loads(path.read_text("utf-8"))
    told["inspectors"]["left_out"] = {"certificate": 3}
    path.write_text(json.dumps(told), "utf-8")
    found = said(folder)
    assert "log.jsonl line 1: manifest.json is not the one that was sealed when the draw was logged" in found
    assert "commitments: people is not that of the files" in found


@pytest.mark.parametrize("what", ["replaced", "joined"])
def test_a_team_chosen_afterwards_is_found(folder, what):
    def change(lines):
        line = next(line for line in lines if line["what"] == what and line["team"])
        line["team"] = ["P7", "P6"] if line["team"] != ["P7", "P6"] else ["P5", "P4"]
        return lines

    log(folder, change)
    assert "are not those that the seed gives" in said(folder)


def test_a_late_subject_in_the_wrong_stratum_is_found(folder):
    def change(lines):
        line = next(line for line in lines if line["what"] == "joined")
        line["tier"] = "A"
        return lines

    log(folder, change)
    assert "N000 is in a stratum that is not its own" in said(folder)


def test_a_replacement_listed_under_another_stratum_is_found(folder):
    def change(lines):
        next(line for line in lines if line["what"] == "replaced")["stratum"] = "another"
        return lines

    log(folder, change)
    assert "ticket, mode or stratum of" in said(folder)


def test_a_second_drawn_line_is_found(folder):
    log(folder, lambda lines: [*lines, dict(lines[0])])
    assert "another draw than the first" in said(folder)


def test_a_log_whose_lines_changed_places_is_found(folder):
    log(folder, lambda lines: [*lines[:1], *reversed(lines[1:])])
    assert said(folder)


@pytest.mark.parametrize("key", ["counts", "files", "about"])
def test_a_part_of_the_manifest_that_is_null_is_a_finding(folder, key):
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), key: None}), "utf-8")
    assert not check(folder).ok


def test_lines_removed_from_the_log_are_found_by_a_kept_hash_or_by_the_register(folder, task):
    kept = check(folder).log_head
    replace(task, DrawnPlan.from_folder(task).drawn["subject_id"].iloc[1], **WHO)
    shutil.copy(task / LOG, folder)
    assert check(folder, log_head=kept).ok
    for path in (folder, task):
        (path / LOG).write_bytes(b"".join((path / LOG).read_bytes().splitlines(keepends=True)[:2]))
    assert check(folder).ok
    assert "lines were cut off" in check(folder, log_head=kept).findings[0]
    assert "does not end with the line named in register.jsonl" in verify_plan(task).findings[0]


def test_a_forger_who_keeps_every_hash_in_order_is_found_by_the_register(task):
    log(task, lambda lines: [line for line in lines if line["what"] != "replaced"])
    assert "register.jsonl" in said(task)
    manifest(task, lambda told: {**told, "version": "0.0.1", "notes": ["other words"]})
    assert "register.jsonl line 2: says another seed, source, frame, root, manifest, person or day than this folder" in said(task)


def test_a_draw_dated_before_its_hash_was_told_is_found(task):
    path = task.parent.parent / "register.jsonl"
    bodies = [
        {name: value for name, value in line.items() if name not in ("number", "previous", "hash")} for line in read_chain(path)
    ]
    path.unlink()
    append_chain(path, [body | ({"on": "2999-01-01"} if body["what"] == "published" else {}) for body in bodies])
    assert "register.jsonl line 2: its day is before that of an earlier line about the task, 2999-01-01" in said(task)


def test_a_plan_below_the_number_its_task_names_is_found(folder):
    def names_more(told):
        told["about"]["task"]["target"] = told["counts"]["target"] + 1
        return told

    manifest(folder, names_more)
    assert any("less than the" in one and "that the task names" in one for one in check(folder).findings)
