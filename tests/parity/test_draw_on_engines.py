"""The draw of a frame that an engine holds: the sample of the draw in memory, on DuckDB and on Spark."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from creditscore.engine import Engine, unbound
from creditscore.errors import DrawError
from creditscore.inspection.draw import draw, draw_table, modes
from creditscore.inspection.tickets import tickets

COUNT = 3000
TARGETS = {"t|A|food": 1, "t|B|food": 40, "t|C|餐饮": 0, "t|D|food": 150}


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(5)
    names = list(TARGETS)[:3]
    strata = ["t|D|food"] * 150 + rng.choice(names, COUNT - 150).tolist()  # the last is drawn whole
    return pd.DataFrame({"subject_id": [f"9143{place:014d}" for place in range(COUNT)], "stratum": strata})


@pytest.fixture(scope="module")
def strata():
    on_site = {"t|A|food": 1, "t|B|food": 20, "t|C|餐饮": 0, "t|D|food": 75}
    return pd.DataFrame(
        {"stratum": list(TARGETS), "target": list(TARGETS.values()), "on_site": [on_site[name] for name in TARGETS]}
    )


def found_on(engine, frame, strata):
    table = pa.table({name: pa.array(frame[name].tolist(), pa.string()) for name in frame})
    engine.register("frame_of_task", table)
    drawn, cuts = draw_table(engine, unbound("frame_of_task", table.schema), strata, seed="彩票 03", task="t")
    return engine.query(drawn).to_pandas().set_index("subject_id").sort_index(), cuts


def expected(frame, strata):
    found = pd.Series(tickets(frame["subject_id"], seed="彩票 03", task="t"))
    chosen = draw(frame["stratum"], found, targets=TARGETS)
    mode = modes(frame["stratum"], found, chosen, on_site=dict(zip(strata["stratum"], strata["on_site"], strict=True)))
    return frame.assign(ticket=found, mode=mode)[chosen].set_index("subject_id").sort_index()


def test_duckdb_draws_what_memory_draws_in_any_order(frame, strata):
    mine = expected(frame, strata)
    for seed in (1, 2):
        shuffled = frame.sample(frac=1, random_state=seed)
        theirs, cuts = found_on(Engine.duckdb(), shuffled, strata)
        assert theirs.to_dict() == mine.to_dict()
    assert cuts.set_index("stratum").loc["t|C|餐饮", "last"] == ""


def test_spark_draws_what_memory_draws(frame, strata, spark_session):
    theirs, _ = found_on(Engine.spark(spark_session), frame, strata)
    assert theirs.to_dict() == expected(frame, strata).to_dict()


@pytest.mark.parametrize(("change", "said"), [({"target": 9999}, "0 to"), ({"stratum": "t|A|other"}, "expected a target")])
def test_targets_that_cannot_be_met_are_refused(frame, strata, change, said):
    told = strata.copy()
    for name, value in change.items():
        told.loc[0, name] = value
    with pytest.raises(DrawError, match=said):
        found_on(Engine.duckdb(), frame, told)


def test_an_id_that_cannot_be_part_of_a_ticket_is_refused(frame, strata):
    told = frame.copy()
    told.loc[0, "subject_id"] = "a|b"
    with pytest.raises(DrawError, match="without"):
        found_on(Engine.duckdb(), told, strata)
