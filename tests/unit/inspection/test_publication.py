"""From Python: a draft is not drawn, a frame is published once and drawn once, in memory or in a register."""

import datetime as dt
from unittest import mock

import pytest
from support.seeds import numbers
from support.tasks import BY, PUBLIC, bytes_below, of_format_2, publish

from creditscore.errors import DataError, DrawError
from creditscore.inspection.plan import DrawnPlan, drawn_of, plan_inspections
from creditscore.inspection.register import REGISTER, Register
from creditscore.inspection.task_folder import TaskFolder
from creditscore.inspection.verify import verify_plan
from creditscore.storage import set_pointer

TASK = "2024Q2-food"


@pytest.fixture
def plan(make_tiers, make_policy, make_task):
    return plan_inspections(make_tiers(), make_policy(), task=make_task())


def test_a_draft_is_not_drawn(plan):
    with pytest.raises(DrawError, match="a draft is not drawn; publish its frame first"):
        plan.draw(seed=numbers("s"))


def test_a_frame_in_memory_is_drawn_once_and_says_that_nobody_registered_it(plan, caplog):
    frame = publish(plan)
    assert not frame.publication.registered
    assert "not registered" in caplog.text
    assert frame.frame_hash not in (plan.frame_hash, plan.publish(**PUBLIC).frame_hash)
    assert frame.draw(seed=numbers("s")).sample.equals(drawn_of(frame, seed=numbers("s")).sample)
    with pytest.raises(DrawError, match="drawn already"):
        frame.draw(seed=numbers("t"))


@pytest.mark.parametrize("wrong", [{"channel": ""}, {"by": " "}, {"by": "two\nlines"}])
@pytest.mark.parametrize("registered", [True, False])
def test_a_publication_needs_channel_and_name(plan, tmp_path, wrong, registered):
    with pytest.raises(DrawError, match="expected a text in one line"):
        plan.publish(**{**PUBLIC, **wrong}, out=tmp_path if registered else None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("on", ["2024-04-30", dt.date(2024, 4, 30)])
def test_a_registered_frame_is_in_the_register_and_in_its_tasks_folder(plan, tmp_path, on):
    frame = plan.publish(**{**PUBLIC, "on": on}, out=tmp_path)
    line = Register.of(tmp_path).published(TASK)
    assert (line["frame_hash"], line["on"], line["channel"], line["by"]) == (frame.frame_hash, "2024-04-30", "公报第1号", "王五")
    assert frame.publication.registered
    assert verify_plan(TaskFolder.of(tmp_path, TASK).path, frame_hash=frame.frame_hash).ok


@pytest.mark.parametrize(("clock", "told"), [(dt.date(2024, 4, 30), False), (dt.date(2024, 5, 1), True)])
def test_a_frame_that_is_registered_when_its_seed_is_known_is_told_in_python_too(plan, tmp_path, caplog, clock, told):
    with mock.patch("creditscore.dates.today", return_value=clock):
        plan.publish(**PUBLIC, out=tmp_path)
    assert ("not before the day of the seed, 2024-05-01" in caplog.text) is told


def test_a_frame_that_is_drawn_is_not_said_to_wait_for_a_void(plan, tmp_path):
    plan.publish(**PUBLIC, out=tmp_path).draw(seed=numbers("s"), by=BY)
    with pytest.raises(DrawError, match="published already, and drawn; a draw is not taken back"):
        plan.publish(**PUBLIC, out=tmp_path)


def test_nothing_is_published_where_older_runs_wait_to_be_taken_over(plan, tmp_path):
    """The register does not know their frames and draws yet: this one may be drawn already."""
    old = drawn_of(of_format_2(plan), seed=numbers("s")).to_csv(tmp_path / "2024-04-30" / "plan" / TASK)
    before = bytes_below(tmp_path)
    with pytest.raises(DataError, match="runs of an older layout"):
        plan.publish(**PUBLIC, out=tmp_path)
    assert bytes_below(tmp_path) == before
    own = tmp_path / ".runs" / "2024-04-30-1"
    own.parent.mkdir()
    old.parents[1].rename(own)
    set_pointer(tmp_path / "2024-04-30", own)
    plan.publish(**PUBLIC, out=tmp_path)


def test_a_registered_frame_is_published_once(plan, tmp_path, make_tiers, make_policy, make_task):
    plan.publish(**PUBLIC, out=tmp_path)
    before = bytes_below(tmp_path)
    other = plan_inspections(make_tiers(200), make_policy(), task=make_task())
    for again in (plan, other):
        with pytest.raises(DrawError, match="published already"):
            again.publish(**PUBLIC, out=tmp_path)
    assert bytes_below(tmp_path) == before


def test_a_registered_frame_is_drawn_once_by_whoever_holds_it(plan, tmp_path, make_staff):
    frame = plan.with_people(make_staff()).publish(**PUBLIC, out=tmp_path)
    other = type(frame)(**vars(frame) | {"_drawn": False})
    drawn = frame.draw(seed=numbers("s"), by=BY, on=dt.date(2024, 5, 2))
    assert len(drawn.inspectors)
    folder = TaskFolder.of(tmp_path, TASK)
    assert DrawnPlan.from_folder(folder.path).sample.equals(drawn.sample)
    assert Register.of(tmp_path).drawn(TASK)["seed"] == numbers("s")
    assert verify_plan(folder.path).ok
    before = bytes_below(tmp_path)
    for again in (frame, other):
        with pytest.raises(DrawError, match="drawn already"):
            again.draw(seed=numbers("t"), by=BY)
    assert bytes_below(tmp_path) == before


def test_a_registered_draw_needs_a_name_and_may_be_tried_again(plan, tmp_path):
    frame = plan.publish(**PUBLIC, out=tmp_path)
    before = bytes_below(tmp_path)
    with pytest.raises(DrawError, match="by: expected a text"):
        frame.draw(seed=numbers("s"))
    assert bytes_below(tmp_path) == before
    assert len(frame.draw(seed=numbers("s"), by=BY).drawn)


@pytest.mark.parametrize("how", ["gone", "before the draw"])
def test_a_register_that_forgot_draws_nothing(plan, tmp_path, how):
    frame = plan.publish(**PUBLIC, out=tmp_path)
    backup = (tmp_path / REGISTER).read_bytes()
    frame.draw(seed=numbers("s"), by=BY)
    other = type(frame)(**vars(frame) | {"_drawn": False})
    if how == "gone":
        (tmp_path / REGISTER).unlink()
    else:
        (tmp_path / REGISTER).write_bytes(backup)
    before = bytes_below(tmp_path)
    for command in (lambda: other.draw(seed=numbers("t"), by=BY), lambda: plan.publish(**PUBLIC, out=tmp_path)):
        with pytest.raises(DataError, match="put back the newest register"):
            command()
    assert bytes_below(tmp_path) == before
