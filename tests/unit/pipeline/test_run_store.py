"""What a run keeps comes back as it was, for all subjects or for a few."""

import datetime as dt
import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from support.runs import finished_run, pooled_card
from support.seeds import numbers
from support.tasks import BY, bytes_below

from creditscore.errors import ConfigError
from creditscore.inspection.plan import InspectionPlan
from creditscore.inspection.task_folder import TaskFolder
from creditscore.inspection.visits import Opened
from creditscore.language import _
from creditscore.pipeline import run_store
from creditscore.pipeline.draws import draw_task
from creditscore.pipeline.open_tasks import load_plan, related_plans, results_of_task, visits_of_tasks
from creditscore.pipeline.run_store import BookFile, evidence_from, load_book, renew_documents, save_book
from creditscore.pipeline.train import Training
from creditscore.reporting.run_book import Figure, RowCounts
from creditscore.storage import sha256_file


def stored(run):
    return json.loads(run.file("book.json").read_text("utf-8"))


def changed(run, **fields):
    """The book of a run with other fields, saved and loaded."""
    BookFile.load(run).model_copy(update=fields).save(run)
    return BookFile.load(run)


def test_a_book_file_saves_the_bytes_that_it_was_loaded_from(run):
    before = run.file("book.json").read_bytes()
    BookFile.load(run).save(run)
    assert run.file("book.json").read_bytes() == before


def test_figures_are_stored_as_three_numbers_and_nan_as_null(run):
    book = changed(run, evaluation={"auc": Figure(0.71, 0.6, 0.8), "ks": Figure(float("nan"))})
    assert stored(run)["evaluation"] == {"auc": [0.71, 0.6, 0.8], "ks": [None, None, None]}
    assert book.evaluation["auc"] == Figure(0.71, 0.6, 0.8)
    assert np.isnan(book.evaluation["ks"].value)


def test_small_frames_keep_the_order_of_their_columns(run):
    frame = pd.DataFrame({"z": ["food", "shop"], "a": [0.1234567894, np.inf]})
    book = changed(run, frames={"swap": frame})
    assert stored(run)["frames"]["swap"] == {"columns": ["z", "a"], "rows": [["food", 0.123456789], ["shop", None]]}
    assert book.frames["swap"].columns.tolist() == ["z", "a"]
    assert load_book(run).swap["z"].tolist() == ["food", "shop"]


@pytest.mark.parametrize("fault", [{"counts": None}, {"unknown": 1}])
def test_a_book_file_with_a_missing_or_unknown_field_is_refused(run, fault):
    document = {**stored(run), **fault}
    run.file("book.json").write_text(json.dumps(document), "utf-8")
    with pytest.raises(ConfigError, match=r"book\.json"):
        BookFile.load(run)


def test_a_loaded_book_has_tables_cards_and_counts_of_the_run(run, project):
    book = load_book(run)
    assert len(book.tiers) == len(book.subjects) == 40
    assert book.cards == {"all": pooled_card()}
    assert book.counts.balances
    assert book.rejects == {"bad_date": 2, "no_kind": 1}
    assert (book.authority, book.run_id) == (project.about.authority, "small 2024-04-30")
    assert book.regions["431103"].text("zh") == "冷水滩区"
    assert book.kinds["penalty"].zh == "penalty"
    assert book.forecast.empty
    assert book.policy == project.policy(run.as_of)


def test_tables_that_only_some_runs_have_are_loaded_if_present(run):
    run.write("forecast", pd.DataFrame({"tier": ["A"]}))
    assert load_book(run).forecast["tier"].tolist() == ["A"]


def test_a_book_for_a_few_subjects_has_their_rows_and_no_plans(run, task):
    assert len(load_book(run).plans) == 1
    book = load_book(run, only={"S00003", "unknown"})
    assert book.tiers["subject_id"].tolist() == ["S00003"]
    assert book.lists.empty
    assert book.plans == ()
    assert len(book.checkup) == 1


def test_a_book_shows_the_drafts_of_its_own_night_whatever_became_of_the_tasks(run, drawn):
    (page,) = load_book(run).plans
    assert (page.task.id, page.drawn) == ("hygiene", False)


@pytest.mark.parametrize("trial", [False, True])
def test_a_book_says_whether_its_run_is_a_trial(tmp_path, project, trial):
    assert load_book(finished_run(tmp_path / "out", project, trial=trial)).trial is trial


def test_plans_are_opened_with_their_log_once_they_are_drawn(run, published):
    def opened():
        return related_plans(run.out, "hygiene")

    assert isinstance(load_plan(TaskFolder.opened(published)), InspectionPlan)
    assert [type(one) for one in opened().values()] == [InspectionPlan]
    assert visits_of_tasks(run.out, opened()).empty
    draw_task(published, seed=numbers("s"), by=BY, on=dt.date(2024, 5, 2))
    (plan,) = opened().values()
    assert isinstance(plan, Opened)
    assert [line["what"] for line in plan.log] == ["drawn"]
    assert len(visits_of_tasks(run.out, opened())) == len(plan.plan.drawn)


def test_a_task_without_results_has_none(drawn):
    assert results_of_task(TaskFolder.opened(drawn)) is None


def records_of(project):
    table = pa.table({"staff_id": ["P1"], "name": ["张三"]})
    return SimpleNamespace(
        project=project,
        subjects_on=lambda day: pa.table({"subject_id": ["S1"], "subject_type": ["enterprise"]}),
        listed=lambda kinds, day: pa.table({"kind": kinds}, schema=pa.schema({"kind": pa.string()})),
        staff=table,
        recusals=pa.table({"staff_id": ["P1"], "reason": ["亲属"]}),
    )


def saved(run, project, training):
    counts, policy = RowCounts(rows_in=1, scored=1, not_rated=0), project.policy(run.as_of)
    achieved = pd.DataFrame({"tier": ["A"]})
    save_book(
        run,
        records_of(project),
        policy=policy,
        training=training,
        achieved=achieved,
        counts=counts,
        facts={"config": "c"},
        trial=False,
    )
    return BookFile.load(run)


def test_saving_keeps_names_of_inspectors_and_grounds_out(run, project):
    saved(run, project, Training({"all": pooled_card()}))
    assert run.frame("staff").columns.tolist() == ["staff_id"]
    assert run.frame("recusals").columns.tolist() == ["staff_id"]


def test_cards_that_nobody_judged_here_come_without_frames_and_notes(run, project):
    book = saved(run, project, Training({"all": pooled_card()}))
    assert list(book.frames) == ["achieved"]
    assert book.notes == ()


def test_a_training_leaves_its_measures_frames_and_notes(run, project):
    frames = {"swap": pd.DataFrame({"cell": ["both"]}), "left_out": pd.DataFrame({"reason": ["closed"]})}
    book = saved(run, project, Training({"all": pooled_card()}, {"auc": Figure(0.7)}, frames, notes=(_("note"),)))
    assert book.evaluation == {"auc": Figure(0.7)}
    assert book.frames["swap"]["cell"].tolist() == ["both"]
    assert book.frames["left_out"]["reason"].tolist() == ["closed"]
    assert [note.en for note in book.notes] == ["note"]


def test_cards_of_visits_without_probabilities_are_marked(run, project):
    biased = pooled_card(representative=False)
    assert "not representative" in saved(run, project, Training({"all": biased})).notes[0].en


def test_what_a_training_found_is_read_by_the_nights_that_its_cards_score(run, project):
    frames = {"swap": pd.DataFrame({"cell": ["both"]}), "left_out": pd.DataFrame({"reason": ["closed"]})}
    training = Training({"all": pooled_card()}, {"auc": Figure(0.7, 0.6, 0.8)}, frames, notes=(_("note"),))
    saved(run, project, training)
    run.write("held_out", pd.DataFrame({"p": [0.5]}))
    known = evidence_from(run, training.cards)
    assert known.cards == training.cards
    assert known.evaluation == {"auc": Figure(0.7, 0.6, 0.8)}
    assert known.frames["swap"]["cell"].tolist() == ["both"]
    assert "achieved" not in known.frames  # that is of the other day's tiers
    assert known.held_out["p"].tolist() == [0.5]
    assert "Trained on what was known on 2024-04-30" in str(known.notes[0])
    assert [note.en for note in known.notes[1:]] == ["note"]


def test_documents_made_anew_are_noted_in_a_manifest_of_their_own(run, task, monkeypatch):
    def write(folder, *, lang):
        for name in ("plan.xlsx", "report.html"):
            folder.file(name).write_text(lang, "utf-8")

    monkeypatch.setattr(run_store, "write_documents", write)
    before = bytes_below(run.path)
    again = renew_documents(run, lang="en")
    manifest = again.manifest()
    assert manifest["outputs"]["plan.xlsx"] == sha256_file(again.file("plan.xlsx"))
    assert {name: value for name, value in manifest.items() if name not in ("lang", "outputs")} == {
        name: value for name, value in run.manifest().items() if name not in ("lang", "outputs")
    }
    assert bytes_below(run.path) == before
