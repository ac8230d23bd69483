"""A subject whose trade is unknown is placed by its last known one; a gap in the data is no exemption."""

import datetime as dt
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pytest
from support.plans import a_policy, a_task, a_tiers

from creditscore.config.tasks import TaskFile
from creditscore.errors import DataError
from creditscore.inspection.plan import plan_inspections
from creditscore.pipeline.last_trades import LAST_TRADES, place_by_last_trade, refuse_untaken, with_last_trades
from creditscore.pipeline.run_folder import RunFolder
from creditscore.tiering.tiers import Tiers

DAY = dt.date(2024, 4, 30)


def _run(out, day, **tables):
    run = RunFolder.new(out, day)
    run.path.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        columns = {"subject_id": pa.string(), "industry": pa.string()}
        run.write(name, pa.Table.from_pylist([dict(zip(columns, row, strict=True)) for row in rows], schema=pa.schema(columns)))
    return run


def _tiers(*industries):
    frame = a_tiers(len(industries), tier="B").frame.assign(industry=list(industries))
    return Tiers(frame, subjects=frame[["subject_id", "industry"]].astype(object))


def _records(*trades):
    return SimpleNamespace(last_industries=lambda day, among: [pair for pair in trades if pair[0] in among])


def _file(*tasks, **more):
    return TaskFile(task=tuple(tasks), **more).by_id


FOOD = a_task(id="food", population={"industries": ["food"]})
SHOP = a_task(id="shop", population={"industries": ["shop"]})
ALL = a_task(id="all")


def _members(task, tiers):
    plan = plan_inspections(tiers, a_policy(), task=task)
    return dict(zip(plan.frame["subject_id"], plan.frame["industry"], strict=True))


def test_the_last_known_trade_places_a_subject(tmp_path):
    run = _run(tmp_path, DAY)
    tiers = place_by_last_trade(run, _records(("S00000", "shop"), ("S00001", "food")), _tiers("food", None, None), None)
    tasks = _file(FOOD, SHOP, ALL)
    assert _members(tasks["food"], tiers) == {"S00000": "food", "S00001": "food"}
    assert _members(tasks["all"], tiers) == {"S00000": "food", "S00001": "food", "S00002": ""}
    assert run.read(LAST_TRADES).to_pylist() == [{"subject_id": "S00001", "industry": "food"}]


def test_what_an_earlier_night_knew_is_kept_from_night_to_night(tmp_path):
    first = _run(tmp_path, dt.date(2024, 2, 29), subjects=[("S00000", "shop"), ("S00001", "food")])
    second = _run(tmp_path, dt.date(2024, 3, 31), subjects=[("S00000", None), ("S00001", None)])
    place_by_last_trade(second, _records(), _tiers(None, None), first)
    third = _run(tmp_path, DAY)
    tiers = place_by_last_trade(third, _records(("S00001", "retail")), _tiers(None, None), second)
    assert tiers.subjects["last_industry"].tolist() == ["shop", "retail"]  # the register's own history is newer
    register = with_last_trades(pd.DataFrame({"subject_id": ["S00001", "S00009"], "industry": [None, None]}), third)
    assert register["last_industry"].fillna("").tolist() == ["retail", ""]


def test_a_run_keeps_the_trades_of_rated_subjects_only(tmp_path):
    tiers = _tiers("food", None)
    register = pd.DataFrame({"subject_id": ["S00000", "S00001", "BODY"], "industry": ["food", None, None]})
    run = _run(tmp_path, DAY)
    place_by_last_trade(run, _records(("S00001", "shop"), ("BODY", "shop")), Tiers(tiers.frame, subjects=register), None)
    assert run.read(LAST_TRADES)["subject_id"].to_pylist() == ["S00001"]


def test_who_never_had_a_trade_is_in_tasks_of_all_trades_or_in_the_named_one(tmp_path):
    tiers = place_by_last_trade(_run(tmp_path, DAY), _records(), _tiers("food", "shop", None), None)
    tasks = _file(FOOD, SHOP, ALL)
    assert ["S00002" in _members(tasks[name], tiers) for name in ("food", "shop", "all")] == [False, False, True]
    tasks = _file(FOOD, SHOP, unknown_trade="shop")
    assert ["S00002" in _members(tasks[name], tiers) for name in ("food", "shop")] == [False, True]


def test_a_task_on_its_own_takes_them_too(tmp_path):
    assert "S00001" in _members(FOOD, _tiers("food", None))


def _later(task, **days):
    return task.model_copy(update=days)


@pytest.mark.parametrize(
    ("tasks", "more", "refused"),
    [
        ((FOOD, ALL), {}, False),
        ((FOOD,), {"unknown_trade": "food"}, False),
        ((FOOD, SHOP), {}, True),
        ((FOOD, _later(ALL, start=dt.date(2025, 4, 1), end=dt.date(2025, 6, 1))), {}, False),
        ((FOOD, _later(ALL, start=dt.date(2025, 5, 1), end=dt.date(2025, 6, 1))), {}, True),
        ((FOOD, _later(ALL, start=dt.date(2024, 1, 1), end=dt.date(2024, 4, 29))), {}, True),
        ((_later(FOOD, start=dt.date(2024, 1, 1), end=dt.date(2024, 4, 29)),), {}, False),
        ((), {}, False),
    ],
)
def test_a_year_without_a_task_for_them_is_refused(tasks, more, refused):
    tiers = _tiers("food", None)
    if refused:
        with pytest.raises(DataError, match=r'1 subjects have no known trade.*unknown_trade = "<task>"'):
            refuse_untaken(tiers, _file(*tasks, **more).values(), DAY)
    else:
        refuse_untaken(tiers, _file(*tasks, **more).values(), DAY)


def test_with_every_trade_known_nothing_is_demanded():
    refuse_untaken(_tiers("food", "shop"), _file(FOOD).values(), DAY)


def test_a_task_of_all_trades_elsewhere_takes_nobody_here():
    register = pd.DataFrame({"subject_id": ["S00000", "S00001"], "industry": ["food", None], "region": ["431102", "431103"]})
    tiers = _tiers("food", None)
    tiers = Tiers(tiers.frame, subjects=register)
    elsewhere = a_task(id="all", population={"regions": ["431102"]})
    with pytest.raises(DataError, match="no known trade"):
        refuse_untaken(tiers, _file(FOOD, elsewhere).values(), DAY)
