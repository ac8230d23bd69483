"""The check of a draw as an auditor runs it: one file, any Python from 3.9, and each forgery by its code."""

import ast
import datetime as dt
import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from support.plans import a_policy, a_staff, a_task, a_tiers
from support.tasks import KEY, draw_folder, hand_in, join, leave, published, replace

from creditscore import __version__, storage
from creditscore.inspection import (
    candidates,
    closing,
    frame_hash,
    frame_rows,
    inspectors,
    plan_folder,
    strata,
    tickets,
    verify_draw,
)
from creditscore.inspection.csv_export import read_csv, to_csv
from creditscore.inspection.plan import plan_inspections
from creditscore.inspection.plan_folder import LOG, read_log
from creditscore.inspection.verify import verify_plan
from creditscore.language import DEFAULT_LANGUAGE, Words

SOURCE = Path(verify_draw.__file__)
FORMAT_2 = Path(__file__).parents[2] / "golden" / "format_2"
WHO = {"by": "李四", "on": dt.date(2024, 5, 9)}
COLUMNS = {
    "plan.csv": verify_draw.PLAN_COLUMNS,
    "sample.csv": verify_draw.SAMPLE_COLUMNS,
    "inspectors.csv": verify_draw.INSPECTOR_COLUMNS,
    "publication.csv": verify_draw.PUBLICATION_COLUMNS,
}


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    """A drawn plan with two departments, a recusal, an exempt subject, replacements, late subjects, and one who left."""
    out = tmp_path_factory.mktemp("sealed")
    tiers, policy = a_tiers(200), a_policy(each={"on_site_share": 0.5, "repeat_within_months": 12})
    register = pd.DataFrame({"subject_id": tiers.frame["subject_id"], "name": "某公司", "region": "431102"})
    history = pd.DataFrame({"subject_id": ["S00009"], "event_date": dt.date(2024, 3, 1), "trigger": "random"})
    task = a_task(joint_with=("FIRE",), capacity=500, min_ratio=0.03, cross_region_share=0.3)
    plan = plan_inspections(tiers, policy, task=task, subjects=register, history=history)
    staff = a_staff(8, department=["SAMR", "FIRE"] * 4, region=["431102"] * 4 + ["431103"] * 4)
    recusals = pd.DataFrame({"staff_id": "P0", "subject_id": tiers.frame["subject_id"]})
    folder = published(out, plan, staff=staff, recusals=recusals)
    shutil.copytree(folder, folder.parent / ".undrawn")
    made = draw_folder(folder, seed="lottery", on=dt.date(2024, 5, 1))
    replace(folder, made.drawn["subject_id"].iloc[0], **WHO)
    late = pd.DataFrame({"subject_id": [f"N{at:03d}" for at in range(12)], "name": "新设", "industry": "food", "tier": "D"})
    join(folder, late.assign(region="431102"), policy=policy, **WHO)
    hand_in(folder, dict.fromkeys(made.drawn["subject_id"][2:20], (WHO["on"], "none")), on=WHO["on"])
    leave(folder, "P5", visited=made.drawn["subject_id"][2:20])
    replace(folder, made.drawn["subject_id"].iloc[1], **WHO)
    return folder


@pytest.fixture
def folder(sealed, tmp_path):
    """A copy of it to forge."""
    return Path(shutil.copytree(sealed, tmp_path / "plan"))


@pytest.fixture
def undrawn(sealed, tmp_path):
    """The same plan before the draw."""
    return Path(shutil.copytree(sealed.parent / ".undrawn", tmp_path / "undrawn"))


def run(*arguments, cwd):
    command = [sys.executable, "-I", "-S", str(cwd / SOURCE.name), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env={}, capture_output=True, text=True, check=False)


def key_of(folder):
    """The file of the key, as an auditor has it beside the export."""
    path = folder.parent / "key.txt"
    path.write_text(f"{KEY}\n", "ascii")
    return path


def codes(folder, **options):
    return {finding.code for finding in verify_draw.verify(folder, **{"key": key_of(folder), **options}).findings}


def rows_of(path):
    return [cells for _, cells in read_csv(path, COLUMNS[path.name])]


def forge_cell(path, column, value, *, where=lambda row: True):
    """Change one cell of the first row that fits."""
    columns, rows = COLUMNS[path.name], rows_of(path)
    row = next(row for row in rows if where(dict(zip(columns, row, strict=True))))
    row[columns.index(column)] = value
    path.write_bytes(to_csv(columns, rows))


def forge_manifest(folder, key, value):
    path = folder / "manifest.json"
    document = json.loads(path.read_text("utf-8"))
    node = document
    *steps, last = key.split(".")
    for step in steps:
        node = node[step]
    node[last] = value
    path.write_text(json.dumps(document), "utf-8")


def forge_log(folder, what, **values):
    """Change the first line of a kind, and chain the log anew."""
    lines = [{key: line[key] for key in line if key not in ("number", "previous", "hash")} for line in read_log(folder)]
    next(line for line in lines if line["what"] == what and line.get("mode", "x")).update(values)
    (folder / LOG).unlink()
    storage.append_chain(folder / LOG, lines)


# One file


def test_it_needs_only_the_standard_library_of_python_3_9():
    tree = ast.parse(SOURCE.read_text("utf-8"), feature_version=(3, 9))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert not any(node.level for node in froms)
    assert {name.split(".")[0] for name in [*names, *(node.module for node in froms)]} <= sys.stdlib_module_names
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    assert not [node for node in calls if node.func.id == "zip" and node.keywords]


def test_it_runs_alone_in_an_empty_folder_on_a_copied_export(folder, tmp_path):
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(SOURCE, alone)
    said = run(folder, "--key", key_of(folder), cwd=alone)
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.startswith("verified, with 1 to ask about: 0 findings")  # late subjects
    page = said.stdout.splitlines()
    at = [page.index(heading) for heading in ("holds:", *verify_draw.LIMITS)]
    assert at == sorted(at)
    assert len(page) < 60
    forge_cell(folder / "sample.csv", "ticket", "0" * 64, where=lambda row: row["drawn"] == "0" and not row["exempt_reason"])
    said = run(folder, "--json", "--key", key_of(folder), cwd=alone)
    report = json.loads(said.stdout)
    assert (said.returncode, report["outcome"], report["findings"][0]["code"]) == (1, "not_verified", "sample.ticket")
    assert report["findings"][0]["template"].startswith("{where}: ticket of {subject}")
    (folder / "manifest.json").unlink()
    assert run(folder, cwd=alone).returncode == 2


def test_the_draw_and_its_check_agree_on_what_they_share():
    assert (verify_draw.ALGORITHM, verify_draw.ALGORITHM_2) == (tickets.ALGORITHM, tickets.ALGORITHM_2)
    assert list(plan_folder.FORMATS) == [verify_draw.PLAN_FORMAT, verify_draw.PLAN_FORMAT_2]
    assert (verify_draw.FRAME_FORMAT, verify_draw.FRAME_FORMAT_2) == (frame_hash.FRAME_FORMAT, frame_hash.FRAME_FORMAT_2)
    assert verify_draw.SAMPLE_COLUMNS == frame_rows.SAMPLE_COLUMNS
    assert verify_draw.PLAN_COLUMNS == plan_folder.PLAN_COLUMNS
    assert verify_draw.PUBLICATION_COLUMNS == plan_folder.PUBLICATION_COLUMNS
    assert (verify_draw.CLOSING, verify_draw.CLOSING_COLUMNS) == (closing.CLOSING, closing.CLOSING_COLUMNS)
    assert verify_draw.INSPECTOR_COLUMNS == inspectors.INSPECTOR_COLUMNS
    words = Words.of(DEFAULT_LANGUAGE)
    assert tuple(words.text(word) for word in plan_folder.OUTCOME_WORDS.values()) == verify_draw.RESULTS
    assert (verify_draw.REASONS, verify_draw.UNKNOWN) == (candidates.EXEMPT_REASONS, strata.NOT_KNOWN)
    assert __version__ == verify_draw.NOTES_VERSION


def test_neither_the_draw_nor_its_check_imports_the_other():
    imports = re.compile(r"^\s*(from|import) .*\bverify_draw\b", re.M)
    importers = [path.name for path in SOURCE.parents[1].rglob("*.py") if imports.search(path.read_text("utf-8"))]
    assert importers == ["verify.py"]
    assert "creditscore." not in SOURCE.read_text("utf-8").replace("creditscore-", "")


# Forgeries


def test_the_whole_export_is_verified(folder, undrawn):
    assert codes(folder) == codes(undrawn) == set()


def _alone(row):
    """A drawn subject in the stratum of its own industry."""
    return row["drawn"] == "1" and row["stratum"].endswith(row["industry"])


DRAWN, WAITING = (lambda row: row["drawn"] == "1"), (lambda row: row["drawn"] == "0" and not row["exempt_reason"])


@pytest.mark.parametrize(
    ("column", "value", "where", "code"),
    [
        ("task", "another", DRAWN, "sample.stratum"),
        ("subject_id", "S99999", DRAWN, "sample.ticket"),
        ("subject_id", "a|b", DRAWN, "ticket.part"),
        ("name", "另一公司", DRAWN, "sample.written"),
        ("industry", "other", _alone, "sample.stratum"),
        ("region", "431199", DRAWN, "sample.written"),
        ("tier", "X", DRAWN, "sample.stratum"),
        ("stratum", "X", DRAWN, "sample.stratum"),
        ("inclusion_probability", "0.5", DRAWN, "sample.probability"),
        ("ticket", "0" * 64, DRAWN, "sample.ticket"),
        ("drawn", "0", DRAWN, "sample.not_drawn"),
        ("drawn", "1", WAITING, "sample.drawn"),
        ("mode", "", DRAWN, "sample.mode"),
        ("exempt_reason", "repeat", DRAWN, "sample.exempt"),
        ("exempt_reason", "friend", lambda row: row["exempt_reason"], "sample.reason"),
        ("merged_with", "another", DRAWN, "sample.written"),
    ],
)
def test_a_changed_cell_of_the_sample_is_found(folder, column, value, where, code):
    forge_cell(folder / "sample.csv", column, value, where=where)
    assert code in codes(folder)


@pytest.mark.parametrize(("column", "value"), [("ticket", "0" * 64), ("drawn", "1"), ("mode", "on_site")])
def test_a_draw_before_the_seed_is_found(undrawn, column, value):
    forge_cell(undrawn / "sample.csv", column, value)
    assert "sample.undrawn" in codes(undrawn)


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("task", "another", "plan.stratum"),
        ("stratum", "X", "plan.stratum"),
        ("tier", "X", "plan.stratum"),
        ("industry", "X", "plan.stratum"),
        ("region", "X", "manifest.frame_hash"),
        ("population", "7", "plan.population"),
        ("ratio_ppm", "900000", "plan.target"),
        ("target", "0", "plan.target"),
        ("on_site_ppm", "0", "plan.on_site"),
        ("on_site", "0", "plan.on_site"),
        ("inclusion_probability", "0.9", "plan.probability"),
        ("full_coverage", "1", "plan.full_coverage"),
        ("exempt", "9", "plan.exempt"),
        ("exempt", "007", "plan.number"),
    ],
)
def test_a_changed_cell_of_the_plan_is_found(folder, column, value, code):
    forge_cell(folder / "plan.csv", column, value)
    assert code in codes(folder)


@pytest.mark.parametrize("column", verify_draw.INSPECTOR_COLUMNS)
def test_a_changed_cell_of_the_inspectors_is_found(folder, column):
    forge_cell(folder / "inspectors.csv", column, "X")
    assert codes(folder) >= {"inspectors.team", "file.changed"}


@pytest.mark.parametrize(
    ("column", "code"),
    [
        ("task", "publication.subject"),
        ("subject_id", "publication.missing"),
        ("name", "publication.subject"),
        ("item", "publication.task"),
        ("department", "publication.task"),
        ("start", "publication.task"),
        ("end", "publication.task"),
    ],
)
def test_a_changed_cell_of_the_publication_is_found_by_both_checks(folder, tmp_path, column, code):
    shutil.copy(folder / "publication.csv", tmp_path)
    forge_cell(tmp_path / "publication.csv", column, "X")
    assert codes(folder) == set()
    assert code in codes(folder, publication=tmp_path / "publication.csv")
    forge_cell(folder / "publication.csv", column, "X")
    assert code in codes(folder)


@pytest.mark.parametrize("column", ["inspected_on", "result", "published_on"])
def test_results_in_the_publication_are_free(folder, column):
    forge_cell(folder / "publication.csv", column, "X")
    assert codes(folder) == set()


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("format", "creditscore-plan/1", "manifest.format"),
        ("algorithm", "another", "manifest.algorithm"),
        ("frame_hash", "0" * 64, "manifest.frame_hash"),
        ("seed", "another", "sample.ticket"),
        ("seed", 7, "manifest.key"),
        ("seed", None, "log.undrawn"),
        ("seed", None, "file.undrawn"),
        ("drawn_on", "2024-04-29", "log.draw"),
        ("overshoot", 99, "manifest.figures"),
        ("raised", 99, "manifest.figures"),
        ("notes", ["nothing to see"], "manifest.figures"),
        ("counts.drawn", 1, "manifest.counts"),
        ("counts", None, "manifest.key"),
        ("files", {"sample.csv": "0" * 64}, "manifest.files"),
        ("files", {"sample.csv": "0" * 64}, "file.changed"),
        ("inspectors.recusals", [], "inspectors.team"),
        ("inspectors.recusals", [7], "manifest.key"),
        ("inspectors", None, "inspectors.no_staff"),
        ("about.as_of", "2024-04-29", "manifest.frame_hash"),
        ("about.as_of", "yesterday", "manifest.key"),
        ("about.policy.sha256", "0", "manifest.frame_hash"),
        ("about.task.id", "another", "sample.stratum"),
        ("about.task.item", "another", "publication.task"),
        ("about.task.by_region", True, "plan.stratum"),
        ("about.task.end", "2030-01-01", "inspectors.certificate"),
        ("about.task.joint_with", [], "inspectors.department"),
        ("about.task.min_inspectors", 1, "manifest.inspectors"),
        ("about.task.min_inspectors", 8, "inspectors.too_few"),
        ("about.task.cross_region_share", 0, "inspectors.team"),
        ("about.task.cross_region_share", 0.31, "inspectors.team"),
        ("about.task.cross_region_share", 2, "manifest.key"),
        ("about.task.min_ratio", 0.9, "plan.floor"),
        ("about.task.min_ratio", 1e308, "manifest.key"),
        ("about.task.target", 150, "plan.named_target"),
        ("version", "0.0.1", "log.manifest"),
    ],
)
def test_a_changed_value_of_the_manifest_is_found(folder, key, value, code):
    forge_manifest(folder, key, value)
    assert code in codes(folder)


@pytest.mark.parametrize(
    ("what", "values", "code"),
    [
        ("drawn", {"seed": "another"}, "log.draw"),
        ("drawn", {"manifest": "0" * 64}, "log.manifest"),
        ("replaced", {"subject_id": "S99999"}, "log.not_visited"),
        ("replaced", {"replaced_by": "S00009"}, "log.turn"),
        ("replaced", {"mode": "by letter"}, "log.replacement"),
        ("replaced", {"ticket": "0" * 64}, "log.replacement"),
        ("replaced", {"stratum": "X"}, "log.replacement"),
        ("replaced", {"team": ["P7", "P6"]}, "inspectors.team"),
        ("replaced", {"team": 7}, "inspectors.team"),
        ("joined", {"subject_id": "S00001"}, "log.known"),
        ("joined", {"subject_id": ["N000"]}, "ticket.part"),
        ("joined", {"tier": "A"}, "log.late_stratum"),
        ("joined", {"stratum": "X"}, "log.late_stratum"),
        ("joined", {"ratio_ppm": 1}, "log.late_ratio"),
        ("joined", {"on_site_ppm": "all"}, "log.late_ratio"),
        ("joined", {"ticket": "0" * 64}, "log.late_draw"),
        ("joined", {"mode": ""}, "log.late_draw"),
        ("joined", {"team": []}, "inspectors.team"),
        ("joined", {"recused": [f"P{at}" for at in range(1, 8)]}, "inspectors.too_few"),
    ],
)
def test_a_changed_value_of_the_log_that_is_chained_anew_is_found(folder, what, values, code):
    forge_log(folder, what, **values)
    assert code in codes(folder)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda lines: [*lines[:1], *lines[2:]], "log.order"),
        (lambda lines: [*lines, lines[-1]], "log.order"),
        (lambda lines: [lines[0].replace(b"lottery", b"another"), *lines[1:]], "log.hash"),
        (lambda lines: [lines[0][:40] + b"\n", *lines[1:]], "log.json"),
        (lambda lines: [lines[0].replace(b'{"', b'{"seed":"x","', 1), *lines[1:]], "log.json"),
        (lambda lines: [b"[" * 100_000 + b"\n", *lines], "log.json"),
        (lambda lines: [*lines[:-1], lines[-1][:-1]], "log.cut"),
    ],
)
def test_a_log_that_is_not_a_whole_chain_is_found(folder, change, code):
    path = folder / LOG
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    assert code in codes(folder)


@pytest.mark.parametrize("name", list(COLUMNS))
@pytest.mark.parametrize("change", ["removed", "doubled"])
def test_a_line_that_was_removed_or_doubled_is_found_in_each_file(folder, name, change):
    rows = rows_of(folder / name)
    forged = rows[1:] if change == "removed" else [rows[0], *rows]
    (folder / name).write_bytes(to_csv(COLUMNS[name], forged))
    expected = {
        "plan.csv": ("sample.stratum", "plan.stratum"),
        "sample.csv": ("sample.count", "frame.subject_twice"),
        "inspectors.csv": ("inspectors.team", "inspectors.team"),
        "publication.csv": ("publication.missing", "publication.subject"),
    }
    assert expected[name][change == "doubled"] in codes(folder)


@pytest.mark.parametrize("name", ["manifest.json", *COLUMNS])
@pytest.mark.parametrize(
    ("content", "code"),
    [(None, "file.missing"), (b"\xff\xfe", None), (b"", None), ("directory", "file.unreadable")],
)
def test_a_file_that_cannot_be_read_is_told_and_never_a_trace(folder, name, content, code):
    (folder / name).unlink()
    if content == "directory":
        (folder / name).mkdir()
    elif content is not None:
        (folder / name).write_bytes(content)
    result = verify_draw.verify(folder)
    assert result.outcome == "not_readable"
    assert code is None or code in {finding.code for finding in result.findings}
    assert not verify_plan(folder).ok


def test_a_struck_hash_of_a_line_is_found(folder):
    path = folder / "sample.sha256"
    path.write_bytes(b"\n".join(path.read_bytes().splitlines()[1:]))
    assert codes(folder) >= {"sample.count", "sample.written"}


# What the person who checks can give


def test_the_folder_is_compared_with_published_hash_and_kept_head(folder):
    result = verify_draw.verify(folder)
    assert codes(folder, frame_hash=result.frame_hash.upper(), log_head=result.log_head) == set()
    assert codes(folder, frame_hash="0" * 64, log_head="f" * 64) == {"frame.not_published", "log.head"}


def held(folder, **options):
    return [part.code.removeprefix("holds.") for part in verify_draw.verify(folder, **options).held]


def test_the_page_says_part_by_part_what_holds(sealed, folder, undrawn):
    parts = [code.removeprefix("holds.") for code in verify_draw.HOLDS]
    assert held(sealed) == parts[1:]
    assert held(folder, key=key_of(folder)) == [part for part in parts[1:] if part != "register"]
    assert {"draw", "frame"} & {*held(folder)} == set()  # without the key
    assert held(undrawn, key=key_of(undrawn)) == ["undrawn", "frame", "strata", "manifest"]
    forge_cell(folder / "inspectors.csv", "staff_id", "X")
    assert held(folder, key=key_of(folder)) == ["draw", "frame", "strata", "seed", "log", "lists"]


def test_what_is_not_covered_is_said_and_shrinks_with_what_is_given(folder, undrawn):
    said = {one.code for one in verify_draw.verify(folder).not_covered}
    assert said >= {"scope.subjects", "scope.outcome", "scope.frame_hash", "scope.log_head", "scope.publication"}
    given = verify_draw.verify(folder, frame_hash="0", log_head="0", publication=folder / "publication.csv")
    assert said - {one.code for one in given.not_covered} == {"scope.frame_hash", "scope.log_head", "scope.publication"}
    assert "scope.not_drawn" in {one.code for one in verify_draw.verify(undrawn).not_covered}


def test_without_the_key_nothing_is_said_to_be_as_the_seed_requires(folder, undrawn):
    """No ticket is computed then: the outcome, the summary and the page say so, and the exit code stays 0."""
    blind, whole = verify_plan(folder), verify_plan(folder, key=key_of(folder))
    assert (blind.ok, blind.without_key, whole.without_key) == (True, True, False)
    assert "as the seed requires" not in blind.summary()
    assert "as the seed requires" in whole.summary()
    outcomes = [
        verify_draw.verify(one, key=key).outcome for one, key in ((folder, None), (folder, key_of(folder)), (undrawn, None))
    ]
    assert outcomes == ["verified_without_key", "verified", "verified"]
    assert verify_draw.as_text(verify_draw.verify(folder)).startswith("verified without key")


def test_lines_of_the_log_of_an_unknown_kind_are_found(folder):
    storage.append_chain(folder / LOG, [{"what": "gathered"}])
    assert codes(folder) == {"log.kind"}


def test_the_first_plans_of_format_2_still_verify(tmp_path):
    """They had no ``raised`` and no ``target`` of the task, and counted raised visits in ``overshoot``."""
    undrawn = Path(shutil.copytree(FORMAT_2 / "tasks" / "published", tmp_path / "published"))
    document = json.loads((undrawn / "manifest.json").read_text("utf-8"))
    document["overshoot"] += document.pop("raised")
    del document["about"]["task"]["target"]
    rows = [dict(zip(COLUMNS["sample.csv"], row, strict=True)) for row in rows_of(undrawn / "sample.csv")]
    strata = [
        (one.name, one.tier, one.industry, one.region, one.population, one.target, one.ratio_ppm, one.on_site, one.on_site_ppm,
         one.full_coverage, one.exempt)
        for one in verify_draw.read_strata(undrawn)
    ]  # fmt: skip
    subjects = [[row[name] for name in frame_rows.SUBJECT_KEYS] for row in rows]
    document["frame_hash"] = frame_hash.frame_hash_2(document["about"], strata, subjects)
    (undrawn / "manifest.json").write_text(json.dumps(document), "utf-8")
    assert codes(undrawn) == set()


def test_a_draft_need_not_declare_the_source_of_its_seed_yet(tmp_path):
    plan = plan_inspections(a_tiers(50), a_policy(), task=a_task(seed=None))
    assert codes(plan.to_csv(tmp_path / "draft")) == set()


@pytest.mark.parametrize("more", [{"target": 60}, {"min_ratio": 0.31}, {"target": 61, "min_ratio": 0.2}])
def test_a_plan_raised_to_the_floor_or_number_of_its_task_verifies(tmp_path, more):
    plan = plan_inspections(a_tiers(200), a_policy(), task=a_task(**more))
    assert sum(plan.targets().values()) >= 60
    assert codes(plan.to_csv(tmp_path / "draft")) == set()


def test_texts_of_a_forged_file_write_no_lines_of_their_own(folder):
    forge_cell(folder / "sample.csv", "stratum", "x\nverified: 0 findings")
    lines = verify_draw.as_text(verify_draw.verify(folder)).splitlines()
    assert lines[0].startswith("not verified")
    assert not [line for line in lines if line.startswith("verified")]


def test_every_message_and_limit_is_used():
    text = SOURCE.read_text("utf-8")
    assert not [code for code in verify_draw.MESSAGES if text.count(f'"{code}"') < 2]
    names = [code.split(".")[1] for code in verify_draw.NOT_COVERED]
    assert not [name for name in names if not {f'"{name}"', f'"scope.{name}"'} & set(re.findall('"[a-z_.]+"', text))]


def test_a_ticket_is_the_sha256_that_anybody_can_compute():
    digest = hashlib.sha256(b"lottery|2024Q2-food|S00000").hexdigest()
    assert verify_draw.Tickets("lottery", "2024Q2-food").of("S00000") == digest
