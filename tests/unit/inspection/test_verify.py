"""A plan on disk: drawn once, redrawn from the files alone, every tampering named."""

import csv
import datetime as dt
import io
import json

import pandas as pd
import pytest
from support.seeds import numbers
from support.tasks import bytes_below, draw, draw_folder, published

from creditscore.errors import DrawError
from creditscore.inspection import plan_folder
from creditscore.inspection.frame_rows import SAMPLE_COLUMNS
from creditscore.inspection.plan import DrawnPlan, InspectionPlan, plan_inspections
from creditscore.inspection.plan_folder import read_log
from creditscore.inspection.register import Register
from creditscore.inspection.task_folder import TaskFolder
from creditscore.inspection.task_steps import add_refused_draw
from creditscore.inspection.verify import verify_plan
from creditscore.storage import changed, operations


@pytest.fixture
def folder(tmp_path, make_tiers, make_policy, make_task, make_staff):
    tiers = make_tiers()
    names = ["=cmd|' /C calc'!A0", "'quoted", "line\r\nbreak", '“甲”，乙"丙"', "@x", *[f"公司{place}" for place in range(295)]]
    register = pd.DataFrame({"subject_id": tiers.frame["subject_id"], "name": names, "region": "431102"})
    history = pd.DataFrame({"subject_id": ["S00009"], "event_date": dt.date(2024, 3, 1), "trigger": "random"})
    policy = make_policy(each={"repeat_within_months": 12})
    plan = plan_inspections(tiers, policy, task=make_task(), history=history, subjects=register)
    recusals = pd.DataFrame({"staff_id": ["P0"] * 300, "subject_id": [f"S{place:05d}" for place in range(300)]})
    return published(tmp_path, plan, staff=make_staff(), recusals=recusals)


@pytest.fixture
def drawn(folder):
    draw_folder(folder, seed="lottery 2024-05-01: 03 08 17 21", on=dt.date(2024, 5, 1))
    return folder


def cells(path):
    return list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def rewrite(path, rows):
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    path.write_bytes(text.getvalue().encode("utf-8-sig"))


def tamper(path, number, column, value):
    rows = cells(path)
    rows[number][rows[0].index(column)] = value
    rewrite(path, rows)
    return rows[number][1]


def test_a_drawn_folder_verifies_from_its_files_alone(drawn):
    found = verify_plan(drawn)
    assert found.findings == ()
    assert found.ok
    assert (found.subjects, found.seed) == (300, numbers("lottery 2024-05-01: 03 08 17 21"))
    assert found.drawn == json.loads((drawn / "manifest.json").read_text("utf-8"))["counts"]["drawn"] > 0


def test_an_undrawn_folder_verifies_as_a_frame(folder):
    found = verify_plan(folder)
    assert found.ok
    assert found.seed is None


def test_a_changed_ticket_is_named_by_line_and_subject(drawn):
    # A name above holds a line break: record 20 ends on line 22 of the file.
    subject = tamper(drawn / "sample.csv", 20, "ticket", "0" * 64)
    found = verify_plan(drawn)
    assert not found.ok
    assert (
        found.findings[0]
        == f"sample.csv line 22: ticket of {subject} is not SHA-256(seed|task|subject), in format 3 with its nonce behind"
    )


@pytest.mark.parametrize("column", [name for name in SAMPLE_COLUMNS if name != "subject_id"])
def test_any_changed_cell_of_the_sample_is_named(drawn, column):
    rows = cells(drawn / "sample.csv")
    value = {
        "drawn": "0" if rows[30][9] == "1" else "1",
        "inclusion_probability": "0.5",
        "tier": "D" if rows[30][5] != "D" else "A",
    }
    subject = tamper(drawn / "sample.csv", 30, column, value.get(column, "changed"))
    found = verify_plan(drawn)
    assert not found.ok
    assert found.findings[0].startswith("sample.csv line 3")
    assert subject in found.findings[0]


def test_swapping_two_subjects_is_found(drawn):
    rows = cells(drawn / "sample.csv")
    chosen = next(place for place, row in enumerate(rows) if row[9] == "1")
    other = next(place for place, row in enumerate(rows) if row[9] == "0" and row[6] == rows[chosen][6])
    rows[chosen][9], rows[other][9] = "0", "1"
    rewrite(drawn / "sample.csv", rows)
    text = "\n".join(verify_plan(drawn).findings)
    assert f"{rows[chosen][1]} is marked as not drawn" in text
    assert f"{rows[other][1]} is marked as drawn" in text


def test_a_removed_line_is_found(drawn):
    rows = cells(drawn / "sample.csv")
    rewrite(drawn / "sample.csv", rows[:50] + rows[51:])
    text = "\n".join(verify_plan(drawn).findings)
    assert "has 299 subjects, 300 were written" in text
    assert "frame_hash" in text


def test_another_seed_in_the_manifest_is_found(drawn):
    document = json.loads((drawn / "manifest.json").read_text("utf-8"))
    (drawn / "manifest.json").write_text(json.dumps({**document, "seed": "another"}), "utf-8")
    assert not verify_plan(drawn).ok


def test_a_lowered_target_is_found(drawn):
    rows = cells(drawn / "plan.csv")
    place = min((place for place, row in enumerate(rows[1:], 1) if int(row[7]) > 1), key=lambda place: int(rows[place][5]))
    rows[place][7] = str(int(rows[place][7]) - 1)
    rewrite(drawn / "plan.csv", rows)
    text = "\n".join(verify_plan(drawn).findings)
    assert "its ratio, rounded up" in text
    assert "frame_hash" in text


def test_a_frame_with_new_hashes_misses_the_published_hash(drawn, tmp_path, make_tiers, make_policy, make_task):
    published = json.loads((drawn / "manifest.json").read_text("utf-8"))["frame_hash"]
    forged = plan_inspections(make_tiers(290), make_policy(), task=make_task())
    forged = draw(forged, seed="lottery 2024-05-01: 03 08 17 21")
    forged.to_csv(tmp_path / "forged")
    assert verify_plan(tmp_path / "forged").ok
    assert verify_plan(tmp_path / "forged", frame_hash=published).findings == ("frame_hash: the frame is not the published one",)


def test_a_changed_inspector_and_a_deleted_public_line_are_found(drawn):
    rows = cells(drawn / "inspectors.csv")
    rows[1][3] = "P0"
    rewrite(drawn / "inspectors.csv", rows)
    public = cells(drawn / "publication.csv")
    rewrite(drawn / "publication.csv", public[:-1])
    text = "\n".join(verify_plan(drawn).findings)
    assert f"inspectors.csv line 2: the inspectors of {rows[1][1]}" in text
    assert f"publication.csv: {public[-1][1]} is drawn and not listed" in text


def test_results_added_to_the_publication_keep_the_proof(drawn):
    tamper(drawn / "publication.csv", 1, "result", "未发现问题")
    assert verify_plan(drawn).ok
    DrawnPlan.from_folder(drawn)


def test_a_missing_file_is_a_finding(drawn):
    (drawn / "publication.csv").unlink()
    assert "publication.csv: expected a file" in verify_plan(drawn).findings[0]


def test_the_publication_reveals_no_score_and_no_tier(drawn):
    rows = cells(drawn / "publication.csv")
    assert not {"score", "tier", "stratum", "inclusion_probability", "ticket"} & set(rows[0])
    assert not any("|" in cell.replace("cmd|", "") for row in rows for cell in row)
    assert [row[1] for row in rows[1:]] == sorted(row[1] for row in rows[1:])


def test_a_second_draw_of_a_folder_is_refused_and_logged_and_changes_nothing_else(drawn):
    before, task = bytes_below(drawn), TaskFolder.opened(drawn)
    with pytest.raises(DrawError, match="drawn already"):
        draw_folder(drawn, seed="another")
    assert bytes_below(drawn) == before
    with changed(task.out, "draw") as entry:
        add_refused_draw(entry, task, seed="another", by="李四", on=None)
    after = bytes_below(drawn)
    assert [name for name in after if after[name] != before[name]] == ["log.jsonl", "task.json"]
    assert [line["what"] for line in read_log(drawn)] == ["drawn", "draw_refused"]
    assert Register.of(task.out).of_task(task.task)[-1]["what"] == "draw_refused"
    assert verify_plan(drawn).ok


def test_a_folder_whose_frame_was_changed_is_not_drawn(folder):
    tamper(folder / "sample.csv", 40, "region", "431103")
    for use in (InspectionPlan.from_folder, lambda path: draw_folder(path, seed="s")):
        with pytest.raises(DrawError, match="not the one whose hash the manifest holds"):
            use(folder)


def test_a_drawn_folder_is_not_overwritten_by_a_new_plan(drawn, make_tiers, make_policy, make_task):
    with pytest.raises(DrawError, match="a drawn plan is not replaced"):
        plan_inspections(make_tiers(), make_policy(), task=make_task()).to_csv(drawn)


def test_a_frame_other_than_the_published_one_is_not_drawn(folder, make_tiers, make_policy, make_task):
    other = plan_inspections(make_tiers(290), make_policy(), task=make_task())
    with pytest.raises(DrawError, match="draw the frame that was published"):
        draw(other, seed="s").to_csv(folder)


@pytest.mark.parametrize("writes", range(8))
def test_an_interrupted_draw_has_not_happened_and_any_seed_may_come_after_it(folder, monkeypatch, writes):
    """A full disk at each write of the journal: nothing was told, nothing is there, and the next draw is the first."""
    before, left = bytes_below(folder.parents[1]), iter(range(writes))

    def crash(path, content):
        if next(left, None) is None:
            raise OSError("disk full")
        write(path, content)

    write = operations.write
    monkeypatch.setattr(operations, "write", crash)
    with pytest.raises(OSError, match="disk full"):
        draw_folder(folder, seed="one")
    monkeypatch.undo()
    assert bytes_below(folder.parents[1]) == before
    again = draw_folder(folder, seed="two")
    assert again.sample.equals(DrawnPlan.from_folder(folder).sample)
    assert verify_plan(folder).ok


def test_a_plan_read_back_equals_the_drawn_plan(drawn):
    again = DrawnPlan.from_folder(drawn)
    names = again.sample.set_index("subject_id")["name"]
    assert names[:5].tolist() == ["=cmd|' /C calc'!A0", "'quoted", "line\r\nbreak", '“甲”，乙"丙"', "@x"]
    assert {name: path.read_bytes() for name, path in ((path.name, path) for path in drawn.glob("*.csv"))} == {
        name: content for name, content in plan_folder.drawn_files(again).items() if name.endswith(".csv")
    }


def test_the_same_plan_drawn_twice_is_the_same_bytes(tmp_path, make_tiers, make_policy, make_task, make_staff):
    for name in ("one", "two"):
        plan = plan_inspections(make_tiers(), make_policy(), task=make_task())
        draw(plan, seed="s", staff=make_staff(), on=dt.date(2024, 5, 1)).to_csv(tmp_path / name)
    assert {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()} == {
        path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()
    }


def test_no_cell_of_any_csv_begins_like_a_formula(drawn):
    for path in drawn.glob("*.csv"):
        for row in cells(path):
            assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)
