"""How far a feature tells region, ownership or size."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from creditscore.engine import Engine, unbound
from creditscore.reporting.fairness import associations

N = 4000


def register(rng):
    ids = [f"S{place:05d}" for place in range(N)]
    return pd.DataFrame({"subject_id": ids, "region": rng.integers(0, 11, N).astype(str), "ownership": rng.choice(["x", "y"], N)})


def associated(features, subjects):
    engine, tables = Engine.duckdb(), {}
    for name, frame in (("features", features), ("subjects", subjects)):
        rows = pa.table({one: pa.array(frame[one].tolist(), from_pandas=True) for one in frame})
        engine.register(name, rows)
        tables[name] = unbound(name, rows.schema)
    return associations(engine, tables["features"], tables["subjects"])


def told(features, subjects):
    table = associated(features, subjects)
    return {(row.feature, row.attribute): row.association for row in table.itertuples()}


def test_a_copy_of_the_region_reveals_it_and_noise_does_not():
    rng = np.random.default_rng(1)
    subjects = register(rng)
    features = pd.DataFrame({
        "subject_id": subjects["subject_id"], "copy": subjects["region"].astype(int) * 10, "noise": rng.normal(size=N),
        "text_copy": "r" + subjects["region"], "text_noise": rng.choice(["a", "b", "c"], N), "same": 1,
    })  # fmt: skip
    found = told(features, subjects)
    assert found["copy", "region"] == pytest.approx(1, abs=0.001)
    assert found["text_copy", "region"] == pytest.approx(1, abs=0.001)
    assert found["noise", "region"] < 0.06
    assert found["text_noise", "ownership"] < 0.06
    assert ("same", "region") not in found


def test_missing_values_can_reveal_a_group():
    rng = np.random.default_rng(2)
    subjects = register(rng)
    hidden = np.where(subjects["ownership"] == "x", np.nan, 3.0)
    found = told(pd.DataFrame({"subject_id": subjects["subject_id"], "declared": hidden}), subjects)
    assert found["declared", "ownership"] == pytest.approx(1, abs=0.001)


def test_the_strongest_come_first_whatever_the_row_order():
    rng = np.random.default_rng(3)
    subjects = register(rng)
    features = pd.DataFrame({"subject_id": subjects["subject_id"], "a": rng.normal(size=N), "b": subjects["region"].astype(int)})
    table = associated(features, subjects)
    assert table["feature"].iloc[0] == "b"
    pd.testing.assert_frame_equal(table, associated(features.sample(frac=1, random_state=1), subjects))


def of_ranks(values, groups):
    """The definition over rows: the share of the variance of ranks between groups, what chance explains taken off, as a root."""
    ranks = pd.Series(values).rank(method="average", na_option="top")
    spread = ((ranks - ranks.mean()) ** 2).sum()
    means = ranks.groupby(groups).transform("mean")
    between = ((means - ranks.mean()) ** 2).sum()
    n, k = len(ranks), groups.nunique()
    return np.sqrt(max(0, (between - (k - 1) * (spread - between) / (n - k)) / spread))


@pytest.mark.parametrize("seed", range(5))
def test_counts_give_what_the_rows_give(seed):
    rng = np.random.default_rng(seed)
    subjects = register(rng)
    subjects.loc[rng.random(N) < 0.1, "ownership"] = None
    lean = (subjects["ownership"] == "x").to_numpy()
    features = pd.DataFrame({
        "subject_id": subjects["subject_id"], "few": rng.integers(0, 4, N) + lean, "many": rng.normal(size=N) + lean,
        "gaps": np.where(rng.random(N) < 0.5, np.nan, rng.integers(0, 9, N)), "flag": rng.random(N) < 0.3 + 0.2 * lean,
    })  # fmt: skip
    found, groups = told(features, subjects), subjects["ownership"].fillna("(missing)")
    for name in ("few", "many", "gaps", "flag"):
        assert found[name, "ownership"] == pytest.approx(of_ranks(features[name].astype(float), groups), abs=1e-9)


def test_who_is_in_no_register_is_a_group_of_its_own():
    rng = np.random.default_rng(6)
    subjects = register(rng)
    features = pd.DataFrame({"subject_id": subjects["subject_id"], "known": [1] * (N // 2) + [0] * (N // 2)})
    found = associated(features, subjects.head(N // 2)).set_index("attribute")
    assert found.loc["ownership", "groups"] == 3
    assert found.loc["ownership", "association"] == pytest.approx(1, abs=0.001)
