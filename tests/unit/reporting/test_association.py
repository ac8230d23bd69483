"""How far a feature tells region, ownership or size."""

import numpy as np
import pandas as pd
import pytest

from creditscore.reporting.fairness import associations

N = 4000


def register(rng):
    ids = [f"S{place:05d}" for place in range(N)]
    return pd.DataFrame({"subject_id": ids, "region": rng.integers(0, 11, N).astype(str), "ownership": rng.choice(["x", "y"], N)})


def told(features, subjects):
    table = associations(features, subjects)
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
    table = associations(features, subjects)
    assert table["feature"].iloc[0] == "b"
    pd.testing.assert_frame_equal(table, associations(features.sample(frac=1, random_state=1), subjects), atol=1e-12)
