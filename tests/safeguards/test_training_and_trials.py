"""What an upheld objection has struck out counts in no training and in no trial of a policy, wherever they are computed."""

import datetime as dt
import shutil

import pytest
from support.command import creditscore
from support.contested import CLEAN, GRADED, SAID, VISITED, decide, file, place_of, tiers_of
from support.deliveries import EVENTS, event_line, text
from support.projects import policy_document, toml

from creditscore.errors import DataError
from creditscore.pipeline import train as training
from creditscore.pipeline.known_objections import objections_of_run
from creditscore.pipeline.run_folder import RunFolder

VISITS = "inspection_id,subject_id,event_date,known_date,trigger,mode,outcome,severity,department,inclusion_probability"
CROWD = [f"S{number:02d}" for number in range(10, 40)]


#: What a firm without a visit is taken for: as many findings as are expected of it, in millionths.
NOTHING_FOUND = 1_000_000


def later_visits(features):
    """The ratio of findings before the last visit of each firm."""
    return features.groupby("subject_id")["found_36m"].last()


def visit(name, subject_id, day, outcome):
    return f"{name},{subject_id},{day},{day},random,on_site,{outcome},,市场监管局,0.5"


def night(place, day, *more, command="run", out=None):
    return creditscore(
        command, place / "project", "--data", place / "data", "--as-of", day, "--out", out or place / "out", "--lang", "en", *more
    )


@pytest.fixture(scope="module")
def upheld(tmp_path_factory):
    """Three firms whose record, visit and grade was upheld away on 8 May, each with a later visit that may train; a night since."""
    place = place_of(tmp_path_factory.mktemp("upheld"))
    penalties = [event_line(f"E-{one}", one, event_date="2023-06-01", known_date="2023-06-02") for one in (CLEAN, CROWD[0])]
    listed = event_line("E-listed", CLEAN, "abnormal_list", event_date="2023-06-01", known_date="2023-06-02")
    (place / "data" / "events.csv").write_text(text(EVENTS, [*penalties, listed]), "utf-8")
    visits = [visit(f"V-{one}", one, "2023-11-01", "none") for one in CROWD[2:6]]
    visits += [visit("V1", VISITED, "2023-11-01", "violation"), visit("V0", CROWD[1], "2023-11-01", "violation")]
    visits += [visit(f"T-{one}", one, "2024-04-01", "none") for one in (VISITED, GRADED, CLEAN, *CROWD)]
    (place / "data" / "inspections.csv").write_text(text(VISITS, visits), "utf-8")
    assert night(place, "2024-04-30").code == 0
    against = [(CLEAN, "--record", f"E-{CLEAN}"), (CLEAN, "--record", "E-listed"), (VISITED, "--visit", "V1")]
    for number, (subject_id, option, about) in enumerate([*against, (GRADED, "--rating", "2024-03-01")], start=1):
        said = file(place, subject_id, option, about)
        assert said.code == 0, said.err
        assert decide(place, f"2024-{number}", "upheld").code == 0
    assert night(place, "2024-05-09").code == 0
    return place


@pytest.fixture
def rows(monkeypatch):
    """The features of the training rows, by subject, as the fit gets them."""
    seen = []

    def fit(features, rows, *_):
        seen.append(features.droplevel("as_of"))
        raise DataError("enough")

    monkeypatch.setattr(training, "fit_cards", fit)
    return seen


@pytest.mark.parametrize("own", [True, False])
def test_training_does_not_see_what_was_struck_out_whatever_folder_it_writes_to(upheld, rows, tmp_path, own):
    out, more = (upheld / "out", ()) if own else (tmp_path / "trial", ("--objections", upheld / "out"))
    said = night(upheld, "2024-05-10", *more, command="train", out=out)
    assert "enough" in said.err
    # Days before the objections: without them each counted; that of another firm counts on.
    assert rows[0].loc[[CLEAN, CROWD[0]], "penalties_24m"].tolist() == [0, 1]
    found = later_visits(rows[0])
    assert found[VISITED] == found[CLEAN] == NOTHING_FOUND < found[CROWD[1]]


def test_without_the_folder_they_count_and_a_later_training_day_decides(upheld, rows, tmp_path):
    night(upheld, "2024-05-10", command="train", out=tmp_path / "alone")
    night(upheld, "2024-05-07", "--objections", upheld / "out", command="train", out=tmp_path / "before")
    for early in rows:
        assert early.loc[CLEAN, "penalties_24m"] == 1
        assert later_visits(early)[VISITED] > NOTHING_FOUND


def trial(place, run, *more):
    tried = policy_document() | {
        "tier": [
            {"name": "A", "max_probability": 0.97},
            {"name": "B", "max_probability": 0.98},
            {"name": "C", "max_probability": 0.99},
            {"name": "D"},
        ],
        "override": [
            {"kind": "abnormal_list", "tier": "D", "basis": "某规定"},
            {"scheme": "national", "grade": "差", "tier": "D", "basis": "某通知"},
        ],
        "effective": dt.date(2024, 5, 1),
    }
    (place / "tried.toml").write_text(toml(tried), "utf-8")
    words = (
        "forecast",
        place / "project",
        "--policy",
        place / "tried.toml",
        "--run",
        run,
        "--data",
        place / "data",
        "--lang",
        "en",
    )
    return creditscore(*words, "--json", *more)


def subjects_by_tier(said):
    assert said.code == 0, said.err
    return {row["tier"]: row["population"] for row in said.json["tiers"]}


def test_the_trial_of_a_policy_knows_them_and_says_so(upheld):
    said = trial(upheld, upheld / "out" / "2024-05-09")
    assert subjects_by_tier(said).get("D", 0) == 0
    assert "objections known up to 2024-05-09: 4, of them 4 upheld and 0 open" in said.json["summary"]
    earlier = trial(upheld, upheld / "out" / "2024-04-30")
    assert subjects_by_tier(earlier)["D"] == 2
    assert "objections known up to 2024-04-30: none" in earlier.json["summary"]


def test_a_trial_of_a_run_that_counted_those_of_another_folder_asks_for_it(upheld, tmp_path):
    moved = tmp_path / "out"
    shutil.copytree(upheld / "out", moved, symlinks=True)
    (moved / "register.jsonl").unlink()
    run = RunFolder.opened(moved / "2024-05-09")
    with pytest.raises(DataError, match=r"counted objections that the register of .* does not have; name with --objections"):
        objections_of_run(run)
    assert len(objections_of_run(run, elsewhere=upheld / "out").objections) == 4


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--objections", "nowhere"), "expected a folder of runs in which objections were taken in"),
        (("--objections", "."), "expected with --train only"),
    ],
)
def test_a_folder_that_has_none_or_a_night_in_force_is_refused(upheld, tmp_path, more, said):
    trains = "nowhere" in more
    refused = night(upheld, "2024-05-10", *more, command="train" if trains else "run", out=tmp_path / "out")
    assert refused.code == 2
    assert said in refused.err


def test_two_folders_with_objections_are_not_mixed(upheld, tmp_path):
    other = place_of(tmp_path / "other")
    assert file(other, VISITED, "--visit", "V1", said=SAID).code == 0
    refused = night(upheld, "2024-05-10", "--objections", other / "out", command="train")
    assert "has objections of its own" in refused.err


def test_tiers_of_the_night_itself_agree(upheld):
    tiers = tiers_of(upheld, "2024-05-09")
    assert tiers.loc[[CLEAN, VISITED, GRADED], "raw_tier"].tolist() == ["A", "A", "A"]
