"""The seed cannot be chosen: what publication, draw and verifier refuse, and what only the source's own word can find."""

import datetime as dt
import json
import shutil
from pathlib import Path

import pytest
from support.plans import a_policy, a_task, a_tiers
from support.seeds import SOURCE, numbers, source
from support.tasks import PUBLIC, because, draw_folder, published

from creditscore import storage
from creditscore.errors import DrawError
from creditscore.inspection import verify_draw
from creditscore.inspection.plan import plan_inspections
from creditscore.inspection.plan_folder import LOG, read_log
from creditscore.inspection.task_folder import TaskFolder
from creditscore.inspection.task_steps import add_void
from creditscore.inspection.verify import verify_plan
from creditscore.storage import changed

SEED = numbers("s")


def plan(**more):
    return plan_inspections(a_tiers(60), a_policy(), task=a_task(**more))


@pytest.fixture
def drawn(tmp_path):
    folder = published(tmp_path, plan())
    draw_folder(folder, seed=SEED)
    return folder


def codes(folder, **known):
    return {one.code for one in verify_draw.verify(folder, **known).findings}


def test_a_task_without_a_source_is_not_published(tmp_path):
    with pytest.raises(DrawError, match=r"expected the source of its seed in tasks\.toml"):
        plan(seed=None).publish(**PUBLIC, out=tmp_path)


@pytest.mark.parametrize("day", [PUBLIC["on"], PUBLIC["on"] - dt.timedelta(days=1)])
def test_a_frame_is_told_before_the_day_of_its_seed(tmp_path, day):
    with pytest.raises(DrawError, match="must be later than 2024-04-30"):
        plan(seed=source(day)).publish(**PUBLIC, out=tmp_path)


def test_after_a_void_the_seed_comes_later_than_the_void(tmp_path):
    folder = TaskFolder.opened(published(tmp_path, plan()))
    void = dt.date(2024, 5, 3)
    with changed(tmp_path, "void") as entry:
        add_void(entry, folder, **because(reason="密钥遗失", by="王五", second="李四", on=void))
    with pytest.raises(DrawError, match="must be later than 2024-05-03"):
        plan(seed=source(void)).publish(**PUBLIC, out=tmp_path)
    again = plan(seed=source(void + dt.timedelta(days=1))).publish(**{**PUBLIC, "on": void}, out=tmp_path)
    assert again.task.seed.day == dt.date(2024, 5, 4)


def test_the_source_is_part_of_the_frame_hash():
    others = [{"issue": "2024050"}, {"name": "大乐透"}, {"day": dt.date(2024, 5, 2)}, {"form": "7 of 33"}]
    hashes = {plan(seed={**SOURCE, **other}).frame_hash for other in [{}, *others]}
    assert len(hashes) == 5


def test_the_verifier_says_what_it_cannot_find_without_the_outcome(drawn):
    found = verify_plan(drawn)
    assert found.ok
    (said,) = [str(limit) for code, limit in zip(found.codes, found.limits, strict=True) if code == "scope.outcome"]
    assert "lottery: 双色球 2024049, 2024-05-01" in said
    told = verify_plan(drawn, outcome=SEED)
    assert told.ok
    assert "scope.outcome" not in told.codes


def test_a_made_up_seed_of_the_right_form_is_found_by_what_the_source_published(drawn):
    assert codes(drawn, outcome=numbers("what the source said")) == {"seed.outcome"}


@pytest.mark.parametrize("seed", ["s", "08 03 17 21 26 32 + 09"])
def test_a_seed_of_another_form_is_found(drawn, seed):
    _forge(drawn, seed=seed)
    assert "seed.form" in codes(drawn)


def test_a_draw_dated_before_the_seed_is_found(drawn):
    _forge(drawn, drawn_on="2024-04-30")
    assert "seed.day" in codes(drawn)


def test_another_source_beside_the_seed_is_found(drawn, tmp_path):
    export = Path(shutil.copytree(drawn, tmp_path / "export"))
    lines = [{key: line[key] for key in line if key not in ("number", "previous", "hash")} for line in read_log(export)]
    lines[0]["seed_source"] = "lottery: 大乐透 2024050, 2024-05-01"
    (export / LOG).unlink()
    storage.append_chain(export / LOG, lines)
    assert codes(export) == {"seed.source"}


def _forge(folder, **values):
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **values}), "utf-8")
