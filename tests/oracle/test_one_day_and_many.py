"""A spine of one day and rows of many days take different ways through the engine to the same values."""

import pandas as pd
from support.cities import PROJECT, small_city

from creditscore.config.project import load_project
from creditscore.engine import Engine
from creditscore.features.build import build_features
from creditscore.features.spine import spine
from creditscore.records.open import open_records

DAYS = ["2023-02-28", "2023-12-31", "2024-02-29", "2024-04-30"]


def test_both_ways_give_the_same_cells(tmp_path):
    project = load_project(PROJECT)
    records = open_records(Engine.duckdb(), project, data=small_city(tmp_path, subjects=1500))
    singles = [build_features(records, spine(records, as_of=day), project.features) for day in DAYS]
    rows = pd.concat([frame.index.to_frame(index=False) for frame in singles], ignore_index=True)
    together = build_features(records, rows, project.features)
    wanted = pd.concat(singles)
    assert len(wanted) > 5000
    pd.testing.assert_frame_equal(together, wanted, check_dtype=False)
