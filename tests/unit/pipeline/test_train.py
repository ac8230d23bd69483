"""Judging beside rivals: odd rows cost a rival or a figure, never the cards."""

import datetime as dt
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from support.cards import card
from support.projects import documents, event, label, subject, write_project, write_tables

from creditscore.config.scorecards import ScorecardsFile, Selection
from creditscore.config.targets import RegisterTarget
from creditscore.engine import Engine
from creditscore.errors import DataError
from creditscore.features.training_rows import CapEffect, TrainingRows, training_rows
from creditscore.language import Words
from creditscore.models.industry import IndustryScorecards
from creditscore.models.rivals import fit_logistic, fit_optbinning
from creditscore.pipeline import train
from creditscore.pipeline.train import Held, judge
from creditscore.records.records import open_records

PROJECT = SimpleNamespace(features=("a", "b", "c"))


def rows(n, seed, *, industry=("f", "g"), inspectors=None):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {"a": rng.normal(size=n), "b": rng.poisson(1, n).astype(float), "c": rng.choice(list("uvw"), n).astype(object)}
    )
    frame = pd.DataFrame(
        {
            "subject_id": [f"s{place}" for place in range(n)],
            "as_of": [dt.date(2023, 1, 1) + dt.timedelta(days=int(day)) for day in rng.integers(0, 300, n)],
            "industry": rng.choice(np.array(industry, dtype=object), n),
            "y": (rng.random(n) < 1 / (1 + np.exp(2 - X.a))).astype(int),
            "weight": rng.choice([1.0, 2.0], n),
            "ranking_only": False,
        }
    )
    frame["inspectors"] = pd.Series([inspectors] * n, dtype=object)
    return TrainingRows(frame, pd.DataFrame(), RegisterTarget.model_construct(), dt.date(2023, 12, 31)), X


def judged(early, late):
    (known, X), (new, Z) = early, late
    cards = IndustryScorecards(features=PROJECT.features).fit(X, known.y, industry=known.industry, sample_weight=known.weight)
    return judge(cards, Held(known, X, new, Z), PROJECT)


def models(found):
    return found.rivals["model"].tolist()


def test_a_feature_empty_in_the_early_rows_stops_no_rival():
    early, late = rows(400, 0), rows(150, 1)
    early[1]["b"] = np.nan
    early[1]["c"] = None
    found = judged(early, late)
    assert models(found) == ["lightgbm", "logistic", "optbinning"]
    assert found.notes == ()


@pytest.mark.parametrize(("early", "late"), [((None,), ("f",)), (("f", "g"), (None,)), ((None,), (None,)), (("f",), ("f",))])
def test_industries_may_be_unknown_on_either_side(early, late):
    assert len(judged(rows(400, 0, industry=early), rows(150, 1, industry=late)).rivals) == 3


@pytest.mark.parametrize("inspectors", [None, float("nan"), [], ["i1", None], np.array(["i1", "i2"])])
def test_inspectors_are_read_as_in_the_fit(inspectors):
    found = judged(rows(400, 0), rows(150, 1, inspectors=inspectors))
    known = isinstance(inspectors, np.ndarray) or bool(inspectors == ["i1", None])
    assert ("within_inspector_auc" in found.evaluation) is known


def test_a_text_column_without_values_later_is_still_texts():
    X, y = rows(300, 0)[1], rows(300, 0)[0].y
    later = X.assign(c=None)
    assert fit_logistic(X, y).predict_proba(later).shape == (300, 2)
    assert fit_optbinning(X, y).predict_proba(later).shape == (300, 2)


def test_optbinning_gets_no_empty_columns_and_shows_its_errors():
    X, y = rows(300, 0)[1], rows(300, 0)[0].y
    assert fit_optbinning(X.assign(b=np.nan), y).predict_proba(X).shape == (300, 2)
    with pytest.raises(DataError, match="optbinning"):
        fit_optbinning(X.assign(a=np.nan, b=np.nan, c=None), y)


@pytest.mark.parametrize("name", ["lightgbm", "logistic", "optbinning"])
def test_a_rival_that_fails_is_named_and_the_cards_are_judged(monkeypatch, name):
    def fails(*_, **__):
        raise ValueError("no convergence")

    monkeypatch.setattr(train, f"fit_{name}", fails)
    found = judged(rows(400, 0), rows(150, 1))
    assert name not in models(found)
    assert len(found.rivals) == 2
    assert found.evaluation["auc"].value > 0.5
    assert ("challenger_auc" in found.evaluation) is (name != "lightgbm")
    assert name in str(found.notes[0])


@pytest.mark.parametrize("size", [2, 3, 200])
def test_windows_with_a_single_bad_are_judged(size):
    late, X = rows(size, 1)
    late.frame["y"] = [1] + [0] * (size - 1)
    assert len(judged(rows(400, 0), (late, X)).rivals) == 3


def test_data_that_cannot_be_judged_leave_the_cards_unjudged(monkeypatch):
    def fails(*_, **__):
        raise DataError("features: column a: expected numbers")

    monkeypatch.setattr(train, "judge", fails)
    monkeypatch.setattr(train, "fit_cards", lambda *_: None)
    both, X = rows(400, 0)
    monkeypatch.setattr(train, "training_rows", lambda *_, **__: both)
    monkeypatch.setattr(train, "build_features", lambda *_: X)
    project = SimpleNamespace(features=PROJECT.features, scorecards=SimpleNamespace(test_months=4))
    notes = train._judge_out_of_time(None, both, project, None).notes
    assert [str(note) for note in notes] == [
        "The last 4 months hold too few outcomes to judge the cards out of time; they are untested."
    ]


@pytest.mark.parametrize(("after", "said"), [(0.09, "10.00 % → 9.00 % (-1.00)"), (0.09999, "10.00 % → 10.00 % (+0.00)")])
def test_a_cap_on_weights_says_its_bias_and_size(after, said):
    note = train._cap_note(CapEffect(3, 0.1, after, 99.6, 1300.2))
    assert said in Words.of("zh").text(note)
    assert f"3 rows are cut; weighted bad rate (bias in points) {said}" in str(note)
    assert "100 → 1,300" in str(note)


def test_cards_that_tell_nobody_apart_are_a_note_of_the_training():
    flat = card(characteristics=(), baselines=())
    found = train._one_score_notes({"food": flat, "care": card(), "all": flat})
    assert len(found) == 1
    assert "The cards of all, food give every subject the same score" in str(found[0])
    assert "all、food" in Words.of("zh").text(found[0]) or "all, food" in Words.of("zh").text(found[0])
    assert train._one_score_notes({"care": card()}) == ()


def test_fitting_cards_of_a_project_keeps_its_warning_for_the_notes(monkeypatch):
    known, X = rows(300, 0)
    spec = ScorecardsFile(target="violation", selection=Selection(min_information_value=5))
    monkeypatch.setattr(train, "under_a_warning", lambda project: ())
    project = SimpleNamespace(features=PROJECT.features, scorecards=spec)
    cards = train.fit_cards(X, known, project, SimpleNamespace(cut_by="share"))
    assert cards.pooled_.one_score


def test_rows_for_the_ranking_only_teach_the_cards_and_are_not_judged_on(monkeypatch):
    known, X = rows(600, 0)
    known.frame["ranking_only"] = np.arange(600) >= 400
    known.frame["weight"] = known.frame["weight"].where(~known.frame["ranking_only"])
    new, Z = rows(200, 1)
    given = {}

    class Noted(IndustryScorecards):
        def fit(self, X, y, **more):
            given.update(more, rows=len(X))
            return super().fit(X, y, **more)

    monkeypatch.setattr(train, "IndustryScorecards", Noted)
    spec = ScorecardsFile(target="violation")
    monkeypatch.setattr(train, "under_a_warning", lambda project: ())
    project = SimpleNamespace(features=PROJECT.features, scorecards=spec)
    cards = train.fit_cards(X, known, project, SimpleNamespace(cut_by="share"))
    assert given["rows"] == 600
    assert given["ranking_only"].sum() == 200
    assert given["time"].tolist() == known.frame["as_of"].tolist()
    assert given["subjects"].tolist() == known.frame["subject_id"].tolist()
    seen = []
    monkeypatch.setattr(train, "fit_lightgbm", lambda X, y, **more: seen.append((len(X), more["sample_weight"].isna().sum())))
    judge(cards, Held(known, X, new, Z), project)
    assert seen == [(400, 0)]


def test_the_judgement_knows_nothing_that_became_known_later(tmp_path):
    D = dt.date

    def visit(place, day, outcome, known=None, **more):
        return {
            "inspection_id": f"I{place}", "subject_id": f"S{place}", "event_date": day, "known_date": known or day, "mode": "on_site",
            "trigger": "random", "inclusion_probability": 0.5, "outcome": outcome, "inspectors": "Z1", **more,
        }  # fmt: skip

    before, split, after = D(2023, 6, 1), D(2024, 1, 1), D(2024, 3, 1)
    target = {"type": "inspection", "name": "violation", "label": label("x"), "rank_with": ["complaint"]}
    items = [one | ({"sets_off": ["complaint"]} if one["kind"] == "complaint" else {}) for one in documents()["catalogue"]["item"]]
    project = write_project(tmp_path / "project", targets={"target": [target]}, catalogue={"item": items})
    visits = [visit(0, before, "violation"), visit(1, before, "none"), visit(2, after, "violation"), visit(3, after, "none")]
    visits.append(visit(4, before, "none", known=after))
    # Heard of before the day, visited after it: what the visit found is not known yet.
    visits.append(visit(5, after, "violation", trigger="complaint", inclusion_probability=None))
    events = [
        event("heard", "S5", "complaint", D(2023, 12, 30)),
        event("early", "S0", "penalty", D(2023, 1, 1)), event("late", "S2", "penalty", D(2023, 1, 1)),
    ]  # fmt: skip
    # Both penalties were withdrawn: of what counted for S2 on its day, and for S0 when the cards were fitted, nobody knew yet.
    changes = [
        {"event_id": one, "change": "withdrawn", "effective_date": D(2024, 5, 1), "known_date": D(2024, 5, 1)}
        for one in ("early", "late")
    ]
    tables = {"inspections": visits, "events": events, "changes": changes, "subjects": [subject(f"S{n}") for n in range(6)]}
    records = open_records(Engine.duckdb(), project, data=write_tables(tmp_path / "data", **tables))
    rows = training_rows(records, project.targets["violation"], until="2024-06-30")
    assert len(rows.frame) == 6
    held = train._held(records, rows, project, split)
    assert held.train.frame["subject_id"].tolist() == ["S0", "S1"]
    assert held.test.frame["subject_id"].tolist() == ["S2", "S3"]
    assert held.train_features["penalties_24m"].tolist() == [1, 0]
    assert held.test_features["penalties_24m"].tolist() == [1, 0]


def test_visits_for_cause_that_train_are_a_note_of_the_training():
    known, _ = rows(30, 0)
    assert train._ranking_notes(known) == ()
    known.frame["ranking_only"] = np.arange(30) >= 10
    (note,) = train._ranking_notes(known)
    assert "20 visits that were not drawn train the ranking only" in str(note)
