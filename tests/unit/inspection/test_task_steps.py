"""The days of a task: none lies ahead, and none is before that of an earlier line about it, be its frame voided since."""

import datetime as dt

import pytest
from support.plans import a_policy, a_staff, a_task, a_tiers
from support.seeds import source
from support.tasks import PUBLIC, because, close, draw_folder, join, leave, published, replace

from creditscore import dates, storage
from creditscore.errors import DrawError
from creditscore.inspection.plan import DrawnPlan, plan_inspections
from creditscore.inspection.register import Register
from creditscore.inspection.task_folder import TaskFolder, not_seen
from creditscore.inspection.task_steps import add_line, add_void
from creditscore.language import Words
from creditscore.storage import changed

TODAY, SEED_DAY = dt.date(2024, 6, 10), dt.date(2024, 5, 2)
MAY_9 = dt.date(2024, 5, 9)


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """The machine's clock, at a day that a test may change."""
    now = [TODAY]
    monkeypatch.setattr(dates, "today", lambda: now[0])
    return now


def a_plan(seed_day=SEED_DAY):
    task = a_task(seed=source(seed_day))
    return plan_inspections(a_tiers(120, tier="D", industry="food"), a_policy(), task=task, staff=a_staff(6))


@pytest.fixture
def drawn(tmp_path):
    """A task that was published on 30 April and drawn on 5 May."""
    folder = published(tmp_path, a_plan())
    draw_folder(folder, seed="s", on=dt.date(2024, 5, 5))
    return folder


def void(folder, on):
    task = TaskFolder.opened(folder)
    with changed(task.out, "void") as entry:
        add_void(entry, task, **because(reason="名单有误", by="王五", second="赵六", on=on))


def steps(folder, on):
    """Each step that changes a drawn task."""
    plan = DrawnPlan.from_folder(folder)
    late = a_tiers(1, tier="D", industry="food").frame.assign(subject_id="N1", name="新店", region="431102")
    return {
        "replace": lambda: replace(folder, plan.drawn["subject_id"].iloc[0], by="李四", on=on),
        "leave": lambda: leave(folder, plan.inspectors["staff_id"].iloc[0], on=on),
        "join": lambda: join(folder, late, policy=a_policy(), by="李四", on=on),
        "close": lambda: close(folder, by="李四", on=on),
    }


STEPS = ["replace", "leave", "join", "close"]


@pytest.mark.parametrize("step", STEPS)
def test_no_change_of_a_drawn_task_is_dated_before_its_draw(drawn, step):
    before = Register.of(drawn.parents[1]).lines
    with pytest.raises(DrawError, match=r"expected a day on or after 2024-05-05, .* \(got 2024-05-04\)"):
        steps(drawn, dt.date(2024, 5, 4))[step]()
    assert Register.of(drawn.parents[1]).lines == before
    steps(drawn, dt.date(2024, 5, 5))[step]()


@pytest.mark.parametrize("step", STEPS)
def test_no_change_is_dated_after_the_machines_own_day(drawn, step):
    with pytest.raises(DrawError, match=r"expected a day that has come \(got 2024-06-11; the machine's own day is 2024-06-10\)"):
        steps(drawn, TODAY + dt.timedelta(days=1))[step]()
    steps(drawn, TODAY)[step]()


def test_a_later_step_of_any_kind_moves_the_day(drawn):
    steps(drawn, MAY_9)["leave"]()
    for step in ("replace", "join", "close"):
        with pytest.raises(DrawError, match="expected a day on or after 2024-05-09"):
            steps(drawn, MAY_9 - dt.timedelta(days=1))[step]()


def test_a_day_that_stands_in_the_log_alone_counts(drawn):
    """Of a task that was taken over from an older layout the register may know less."""
    task = TaskFolder.opened(drawn)
    with changed(task.out, "log") as entry:
        entry.append(drawn / "log.jsonl", [{"what": "replaced", "on": "2024-05-20", "subject_id": "a", "replaced_by": "b"}])
    with pytest.raises(DrawError, match="expected a day on or after 2024-05-20"), changed(task.out, "close") as entry:
        add_line(entry, task, "closed", on="2024-05-19")


def test_a_refused_draw_and_what_was_taken_over_bar_nothing_and_are_not_barred(drawn):
    task = TaskFolder.opened(drawn)
    with changed(task.out, "lines") as entry:
        add_line(entry, task, "draw_refused", on="2099-01-01")
        add_line(entry, task, "draw_refused", on="2001-01-01")
        add_line(entry, task, "results", on="2024-06-09", open=1, adopted=True)
        add_line(entry, task, "results", on="2001-01-01", open=1, adopted=True)
    steps(drawn, dt.date(2024, 5, 5))["close"]()


@pytest.mark.parametrize("on", [dt.date(2020, 1, 1), PUBLIC["on"] - dt.timedelta(days=1)])
def test_a_void_is_not_dated_before_the_frame_that_it_takes_back(tmp_path, on):
    folder = published(tmp_path, a_plan())
    with pytest.raises(DrawError, match="expected a day on or after 2024-04-30"):
        void(folder, on)
    assert Register.of(tmp_path).state("2024Q2-food") == "published"


def test_a_frame_is_not_published_before_the_void_of_the_one_before_it(tmp_path):
    folder, void_day = published(tmp_path, a_plan()), dt.date(2024, 5, 1)
    void(folder, void_day)
    with pytest.raises(DrawError, match="expected a day on or after 2024-05-01"):
        a_plan().publish(**PUBLIC, out=tmp_path)
    a_plan().publish(**{**PUBLIC, "on": void_day}, out=tmp_path)
    with pytest.raises(DrawError, match="expected a day on or after 2024-05-01"):
        void(folder, PUBLIC["on"])


def test_days_of_another_task_bar_nothing(drawn):
    other = a_task(id="other", seed=source(SEED_DAY))
    plan = plan_inspections(a_tiers(120, tier="D", industry="food"), a_policy(), task=other)
    assert plan.publish(**PUBLIC, out=drawn.parents[1]).task.id == "other"


@pytest.mark.parametrize(("ahead", "refused"), [(0, False), (1, True)])
def test_a_frame_is_not_published_ahead_of_the_clock(tmp_path, clock, ahead, refused):
    clock[0] = PUBLIC["on"] - dt.timedelta(days=ahead)
    if refused:
        with pytest.raises(DrawError, match="expected a day that has come"):
            published(tmp_path, a_plan())
        assert not (tmp_path / "keys").exists()
    else:
        published(tmp_path, a_plan())


def test_a_draw_is_not_dated_ahead_of_the_clock(tmp_path, clock):
    folder = published(tmp_path, a_plan())
    clock[0] = dt.date(2024, 5, 5)
    with pytest.raises(DrawError, match="expected a day that has come"):
        draw_folder(folder, seed="s", on=dt.date(2024, 5, 6))
    draw_folder(folder, seed="s", on=dt.date(2024, 5, 5))


@pytest.mark.parametrize(("clock_day", "known"), [(dt.date(2024, 5, 1), False), (SEED_DAY, True), (TODAY, True)])
def test_it_is_told_where_the_register_cannot_show_that_the_seed_was_unknown(tmp_path, clock, clock_day, known):
    clock[0] = clock_day
    folder = TaskFolder.of(tmp_path, "2024Q2-food")
    published(tmp_path, a_plan())
    told = [not_seen(folder)]
    void(folder.path, PUBLIC["on"])
    told.append(not_seen(folder))
    assert [one is not None for one in told] == [known, known]
    if known:
        for said, what in zip(told, ("固定", "作废"), strict=True):
            text = Words.of("zh").text(said)
            assert f"本机日期为 {clock_day}，不早于种子产生之日 2024-05-02" in text
            assert what in text


def test_nothing_is_told_of_a_draw_or_of_a_line_without_a_clock(drawn):
    assert not_seen(TaskFolder.opened(drawn)) is None
    older = {"what": "published", "task": drawn.name, "frame_hash": "f", "on": "2024-04-30"}
    storage.append_chain(drawn.parents[1] / "register.jsonl", [older])
    assert not_seen(TaskFolder.opened(drawn)) is None


def test_a_publication_says_from_which_source_its_seed_will_come(drawn):
    """A voided frame keeps its own: without it nobody sees from the register whether its seed was known by the void."""
    lines = Register.of(drawn.parents[1]).of_task(drawn.name)
    assert [line["what"] for line in lines] == ["published", "drawn"]
    assert {line["seed_source"] for line in lines} == {"lottery: 双色球 2024049, 2024-05-02"}
