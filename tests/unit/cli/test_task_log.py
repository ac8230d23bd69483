"""``plan log``: every frame of a task, its draw, what changed its list, its results and its end, in their order."""

import datetime as dt
import shutil

import pytest
from support.command import creditscore
from support.plans import a_policy, a_staff, a_task, a_tiers
from support.tasks import PUBLIC, because, close, draw_folder, join, leave, published, replace

from creditscore import dates
from creditscore.inspection.plan import plan_inspections
from creditscore.inspection.task_folder import TaskFolder
from creditscore.inspection.task_steps import add_line, add_refused_draw, add_void
from creditscore.storage import append_chain, changed

TASK = "2024Q2-food"


@pytest.fixture
def lived(tmp_path, monkeypatch):
    """The folder of a task with all that can happen to one, recorded a day after the day that was typed."""
    day = [PUBLIC["on"]]
    monkeypatch.setattr(dates, "today", lambda: day[0] + dt.timedelta(days=1))
    plan = plan_inspections(a_tiers(200), a_policy(), task=a_task(), staff=a_staff(6))
    folder = published(tmp_path, plan)
    task = TaskFolder.opened(folder)
    with changed(tmp_path, "void") as entry:
        add_void(entry, task, **because(reason="密钥遗失", by="王五", second="赵六", on=day[0]))
    published(tmp_path, plan)
    day[0] = dt.date(2024, 5, 9)
    drawn = draw_folder(folder, seed="s", on=day[0])
    with changed(tmp_path, "draw") as entry:
        add_refused_draw(entry, task, seed="another", by="某人", on=dt.date(2024, 5, 2))
    gone = drawn.drawn["subject_id"].iloc[0]
    replace(folder, gone, by="李四", on=day[0], reason="not_found")
    leave(folder, drawn.inspectors["staff_id"].iloc[-1])
    late = a_tiers(3, tier="D", industry="food").frame.assign(subject_id=["N1", "N2", "N3"], name="新店", region="431102")
    join(folder, late, policy=a_policy(), by="李四", on=day[0])
    told = {"by": "李四", "second": "王五", "on": "2024-05-09", "open": 2}
    with changed(tmp_path, "results") as entry:
        add_line(entry, task, "results", results=7, new=7, open=2, on="2024-05-09")
        add_line(entry, task, "results", results=7, new=0, corrected=[gone], reason="误录", evidence="笔录 9", **told)
    close(folder, by="李四", on=day[0])
    return folder, gone


KINDS = [
    "published", "void", "published", "drawn", "draw_refused", "replaced", "left", "joined", "results", "corrected", "closed",
]  # fmt: skip


def test_the_whole_life_of_a_task_is_told_in_its_order(lived):
    folder, gone = lived
    events = creditscore("plan", "log", folder, "--json").json["log"]
    assert [one["what"] for one in events] == KINDS
    assert [one["frame"] for one in events] == [1, 1, *[2] * (len(KINDS) - 2)]
    assert {(one["on"], one["recorded"]) for one in events[:3]} == {("2024-04-30", "2024-05-01")}
    assert {one["recorded"] for one in events[3:]} == {"2024-05-10"}
    by_kind = {one["what"]: one for one in events}
    assert (by_kind["void"]["by"], by_kind["void"]["second"], by_kind["void"]["reason"]) == ("王五", "赵六", "密钥遗失")
    assert (by_kind["draw_refused"]["seed"], by_kind["draw_refused"]["on"]) == ("another", "2024-05-02")
    assert by_kind["replaced"]["ticket"]  # what the log alone has
    assert by_kind["joined"]["late"] == ["N1", "N2", "N3"]
    assert by_kind["corrected"]["corrected"] == [gone]


def test_people_read_who_did_what_about_whom_on_which_day_and_when_it_was_recorded(lived):
    folder, gone = lived
    english, chinese = (creditscore("plan", "log", folder, "--lang", lang).out.splitlines() for lang in ("en", "zh"))
    assert (len(english), len(chinese)) == (len(KINDS) + 1, len(KINDS) + 1)
    for heads in (english[0], chinese[0]):
        assert len(set(heads.split())) == len(heads.split())
    for head in ("day", "recorded", "what", "about", "by", "second person"):
        assert head in english[0]
    told = dict(zip(KINDS, english[1:], strict=True))
    for text in ("2024-04-30", "2024-05-01", "voided", "(密钥遗失)", "王五", "赵六"):
        assert text in told["void"]
    assert f"{gone} → " in told["replaced"]
    assert "(not_found)" in told["replaced"]
    assert "7 results, 2 visits open" in told["results"]
    for text in ("results corrected", f"{gone} (误录)", "李四", "王五"):
        assert text in told["corrected"]
    assert "visits open: rest of the visits next year" in told["closed"]
    assert "not_found（查无此户）" in chinese[1 + KINDS.index("replaced")]
    assert "ill（患病）" in chinese[1 + KINDS.index("left")]


def test_a_copy_without_a_register_tells_its_log(lived, tmp_path):
    copy = shutil.copytree(lived[0], tmp_path / "elsewhere")
    events = creditscore("plan", "log", copy, "--json").json["log"]
    assert [one["what"] for one in events] == ["drawn", "draw_refused", "replaced", "left", "joined", "joined", "joined"]
    assert creditscore("plan", "log", copy).code == 0


def test_a_line_that_the_register_does_not_know_comes_last(lived):
    folder, _gone = lived
    append_chain(folder / "log.jsonl", [{"what": "replaced", "subject_id": "a", "replaced_by": "b", "on": "2024-05-01"}])
    events = creditscore("plan", "log", folder, "--json").json["log"]
    assert [one["what"] for one in events] == [*KINDS, "replaced"]
    assert "recorded" not in events[-1]


def test_a_register_that_was_written_into_is_refused(lived):
    register = lived[0].parents[1] / "register.jsonl"
    register.write_text(register.read_text("utf-8").replace("密钥遗失", "不再需要"), "utf-8")
    said = creditscore("plan", "log", lived[0], "--lang", "en")
    assert (said.code, "register.jsonl line" in said.err) == (2, True)


def test_a_frame_of_unsigned_cards_is_told_as_a_trial(tmp_path):
    plan = plan_inspections(a_tiers(60), a_policy(), task=a_task())
    plan.publish(**PUBLIC, trial=True, out=tmp_path)
    english, chinese = (creditscore("plan", "log", tmp_path / "tasks" / TASK, "--lang", lang).out for lang in ("en", "zh"))
    assert "published (trial)" in english
    assert "公布（试算）" in chinese
