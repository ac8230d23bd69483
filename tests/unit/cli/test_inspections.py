"""Commands around a plan: ratios, the draw, what happens afterwards, results, signatures, a policy that is tried."""

import datetime as dt
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from support.command import creditscore
from support.runs import pooled_card
from support.seeds import numbers

from creditscore.config.scorecards import SignedCard
from creditscore.errors import DrawError
from creditscore.inspection.amendments import Replacement
from creditscore.inspection.justification import Justification
from creditscore.inspection.verify import Verification
from creditscore.language import _
from creditscore.pipeline.draws import DrawnTable
from creditscore.pipeline.results import TakenResults

ON = dt.date(2024, 5, 20)
WHO = ("--by", "李四", "--on", "2024-05-20")
DRAWS = "creditscore.pipeline.draws"


def task_of(run):
    return run.out / "tasks" / "hygiene"


def test_a_draw_hands_seed_and_day_on(stub, run):
    drawn = SimpleNamespace(
        task=SimpleNamespace(id="hygiene"), drawn=["S1"], sample=["S1", "S2"], frame_hash="f" * 64, root="e" * 64
    )
    calls = stub(f"{DRAWS}.draw_task", drawn)
    plan = task_of(run)
    said = creditscore(
        "draw",
        plan,
        "--seed",
        "s",
        "--by",
        "李四",
        "--on",
        "2024-05-20",
        "--json",
    )
    assert said.json == {"task": "hygiene", "drawn": 1, "frame_hash": "f" * 64, "seed": "s", "draw_root": "e" * 64}
    assert calls[0][0] == (plan,)
    assert calls[0][1] | {"lang": None} == {
        "seed": "s", "by": "李四", "on": ON, "lang": None,
    }  # fmt: skip


def test_a_second_draw_is_refused(stub, run):
    stub(f"{DRAWS}.draw_task", DrawError("a frame is drawn once"))
    said = creditscore("draw", task_of(run), "--seed", numbers("s"), "--by", "李四", "--lang", "en")
    assert (said.code, said.err) == (2, "a frame is drawn once\n")


def test_a_draw_needs_a_seed(stub, run):
    calls = stub(f"{DRAWS}.draw_task")
    assert creditscore("draw", task_of(run), "--by", "李四").code == 2
    assert calls == []


def test_a_large_frame_is_drawn_from_its_files(stub, tmp_path):
    calls = stub(f"{DRAWS}.draw_frame", DrawnTable(tmp_path / "drawn.parquet", 1234, 5))
    files = (tmp_path / "frame.parquet", tmp_path / "strata.csv")
    said = creditscore(
        "plan", "draw-table", *files, "--task", "t", "--seed", "s", "--key", "key", "--out", tmp_path, "--lang", "en"
    )
    assert said.code == 0
    assert "1,234" in said.out
    assert calls[0][1] == {"task": "t", "seed": "s", "key": Path("key"), "out": tmp_path, "encoding": "auto"}


WHY = Justification(reason="moved_away", evidence="函 7", by="李四", second="王五")
REPLACEMENT = Replacement("S1", "S2", "A|food", "0f", "on_site", (), WHY, ON)


def test_one_subject_is_replaced_with_a_reason(stub, run):
    calls = stub(f"{DRAWS}.replace_subject", REPLACEMENT)
    said = creditscore(
        "plan",
        "replace",
        task_of(run),
        "--subject",
        "S1",
        "--reason",
        "moved_away",
        "--evidence",
        "函 7",
        "--second",
        "王五",
        *WHO,
        "--json",
    )
    assert said.json["replaced"] == [{"subject_id": "S1", "replaced_by": "S2", "mode": "on_site"}]
    assert calls[0][0][1] == "S1"
    assert (calls[0][1]["why"], calls[0][1]["on"]) == (WHY, ON)


def test_closed_subjects_of_a_later_run_are_replaced(stub, run):
    calls = stub(f"{DRAWS}.replace_closed", [REPLACEMENT, REPLACEMENT])
    said = creditscore("plan", "replace", task_of(run), "--closed-in", "later", "--second", "王五", *WHO, "--lang", "en")
    assert said.out.count("S2") == 2
    assert calls[0][0][1] == Path("later")


@pytest.mark.parametrize("more", [(), ("--subject", "S1", "--closed-in", "later")])
def test_a_replacement_is_of_one_subject_or_of_the_closed_ones(run, more):
    assert creditscore("plan", "replace", task_of(run), *more, *WHO).code == 2


def test_late_subjects_join_from_a_later_run(stub, run):
    late = [SimpleNamespace(subject_id=f"S{at}", stratum="A|food", team=("P1",), drawn=at == 1) for at in (1, 2)]
    stub(f"{DRAWS}.join_late", late)
    said = creditscore("plan", "join", task_of(run), "--run", "later", *WHO, "--json")
    assert said.json == {"joined": 2, "drawn": ["S1"]}


def test_the_log_of_an_undrawn_plan_is_empty(run):
    assert creditscore("plan", "log", task_of(run), "--json").json == {"log": []}


@pytest.mark.parametrize("visits", [{}, {"hygiene": 40}])
def test_imported_ratios_are_listed_by_task(stub, run, visits):
    calls = stub("creditscore.pipeline.plans.import_ratios", visits)
    assert creditscore("plan", "import", run.out, "edited.xlsx", "--json").json == {"visits": visits}
    assert calls == [((run.out, Path("edited.xlsx")), {"lang": "zh"})]


@pytest.mark.parametrize(("findings", "code"), [((), 0), ((_("sample.csv line 3: changed"),), 2)])
def test_a_plan_that_does_not_verify_ends_with_2(stub, findings, code):
    result = Verification(findings, subjects=10, drawn=2, seed="s", codes=("scope.staff",), limits=(_("who may inspect"),))
    calls = stub("creditscore.inspection.verify.verify_plan", result)
    said = creditscore("verify-plan", "plan", "--frame-hash", "f", "--json")
    assert said.code == code
    assert (said.json["ok"], said.json["findings"]) == (not findings, [str(one) for one in findings])
    assert said.json["not_covered"] == [{"code": "scope.staff", "text": "who may inspect"}]
    assert calls[0][1] == dict.fromkeys(("log_head", "publication", "register", "register_head", "key", "outcome")) | {
        "frame_hash": "f"
    }


def test_results_are_taken_as_known_on_a_day(stub, run, tmp_path):
    calls = stub("creditscore.pipeline.results.take_results", TakenResults(tmp_path / "i.parquet", 97, new=90, otherwise=3, open=1))
    said = creditscore("results", task_of(run), "plan.xlsx", "--known", "2024-05-20", "--data", tmp_path, "--json")
    assert said.json == {"file": str(tmp_path / "i.parquet"), "rows": 97, "new": 90, "open": 1, "otherwise": 3}
    assert calls == [((task_of(run), Path("plan.xlsx")), {"known": ON, "data": tmp_path, "correction": None, "lang": "zh"})]


@pytest.mark.parametrize(("more", "decision"), [((), "approve"), (("--reject",), "reject")])
def test_subjects_are_signed_singly(stub, run, more, decision):
    calls = stub("creditscore.pipeline.tier.sign_subjects", 2)
    words = ("--subject", "S1", "--subject", "S2", "--reviewer", "R", "--reason", "x", "--on", "2024-05-20", *more)
    assert creditscore("sign", run.path, *words, "--json").json == {"signed": 2}
    assert calls == [((run.path, ["S1", "S2"]), {"reviewer": "R", "reason": "x", "on": ON, "decision": decision})]


def test_subjects_are_signed_from_the_workbook(stub, run):
    calls = stub("creditscore.pipeline.tier.sign_workbook", 5)
    assert creditscore("sign", run.path, "--workbook", "plan.xlsx", "--json").json == {"signed": 5}
    assert calls == [((run.path, Path("plan.xlsx")), {})]


def test_a_signature_needs_a_day(stub, run):
    said = creditscore("sign", run.path, "--subject", "S1", "--lang", "en")
    assert said.code == 2
    assert "--on" in said.err


def test_cards_are_signed_by_a_reviewer(stub, project, run):
    signature = SignedCard(industry="all", sha256=pooled_card().sha256, signed_by="R", on=ON)
    calls = stub("creditscore.pipeline.signed_cards.sign_cards", {"all": signature})
    said = creditscore("sign-cards", project.folder, "--reviewer", "R", "--on", "2024-05-20", "--run", run.path, "--json")
    assert said.json["cards"] == [signature.model_dump(mode="json")]
    assert calls[0][1] == {"signed_by": "R", "on": ON, "run": run.path, "table": None}


class Trial:
    """A trial whose forecast and optimum are as small as can be."""

    def __init__(self):
        self.asked = None

    def forecast(self):
        table = pd.DataFrame({"tier": ["A"], "visits": [3]})
        burden = pd.DataFrame({"region": ["431103"], "subjects": [1], "visits": [1.0], "visits_per_subject": [1.0]})
        return SimpleNamespace(table=lambda: table, summary=lambda: "3 visits", burden=lambda by: burden)

    def allocate(self, capacity):
        self.asked = capacity
        empty = pd.DataFrame({"tier": ["A"]})
        return SimpleNamespace(strata=empty, departments=empty, floors=empty, expected=1.5)


@pytest.fixture
def forecast(stub, project, run, data, monkeypatch):
    trial = Trial()
    stub("creditscore.pipeline.policy_trial.try_policy", trial)
    for name in ("forecast_lines", "burden_lines", "allocation_lines"):
        stub(f"creditscore.cli.output.{name}", [])

    def ask(*more):
        policy = project.folder / "tiering" / "2024-01-01.toml"
        return creditscore("forecast", project.folder, "--policy", policy, "--run", run.path, "--data", data, "--json", *more)

    ask.trial = trial
    return ask


def test_a_forecast_is_made_by_tier(forecast):
    assert forecast().json == {"tiers": [{"tier": "A", "visits": 3}], "summary": "3 visits"}


def test_a_forecast_shows_the_burden_of_a_group(forecast):
    assert forecast("--by", "region").json["burden"][0]["region"] == "431103"


def test_capacities_are_allocated_to_departments(forecast):
    said = forecast("--capacity", "SAMR=600", "--capacity", "A=B=7")
    assert forecast.trial.asked == {"SAMR": 600, "A=B": 7}
    assert said.json["allocation"]["expected"] == 1.5


@pytest.mark.parametrize("capacity", ["SAMR", "=5", "SAMR=many", "SAMR=-1"])
def test_a_capacity_is_a_name_and_a_number(forecast, capacity):
    said = forecast("--capacity", capacity)
    assert said.code == 2
    assert "--capacity" in said.err
