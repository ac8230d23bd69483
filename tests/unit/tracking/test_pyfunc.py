"""The registered model scores like the card, in a process that knows of nothing but MLflow."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.cards import card

from creditscore.errors import DataError
from creditscore.tracking.sender import save_model

TESTS = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
import mlflow.pyfunc
model = mlflow.pyfunc.load_model(sys.argv[1])

import numpy as np, pandas as pd
from support.cards import card, frame
one, rows = card(), frame()
numbers = [c.name for c in one.characteristics if c.kind == "number"]
whole = rows.assign(**{name: np.arange(len(rows)) % 7 for name in numbers})
assert (whole[numbers].dtypes == "int64").all()
holes = whole.astype(dict.fromkeys(numbers, "Int64"))
holes.iloc[::3, :] = None
absent = ["grade", "share"]
cases = {
    "as they are": (rows, rows),
    "int64": (whole, whole),
    "nullable Int64": (holes, holes),
    "int32 and float32": (whole.astype({"arrears": "int32", "age": "float32"}),) * 2,
    "texts": (rows.astype({"grade": "string"}),) * 2,
    "categories": (rows.astype({"grade": "category"}),) * 2,
    "no texts at all": (rows.assign(grade=None),) * 2,
    "columns of nobody": (rows.assign(other="x"), rows),
    "absent": (rows.drop(columns=absent), rows.assign(grade=None, share=np.nan)),
    "all absent": (rows[[]], rows.assign(grade=None, **dict.fromkeys(numbers, np.nan))),
    "no rows": (rows[:0], rows[:0]),
}
for name, (given, meant) in cases.items():
    found = model.predict(given)
    expected = one.scores(meant)
    assert found["score"].equals(expected), name
    assert (found["probability_ppm"] == np.floor(one.predict_proba(meant)[:, 1] * 1e6 + 0.5)).all(), name
print(len(cases), "cases")
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        target = tmp_path_factory.mktemp("model") / "food"
        save_model(card(), target)
    return target


def test_a_fresh_process_gets_the_scores_of_the_card(model):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(model)], cwd=TESTS, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("11 cases\n")


def test_the_model_names_its_columns_and_its_card(model):
    import mlflow

    known = mlflow.pyfunc.load_model(str(model)).metadata.metadata
    assert known == {"sha256": card().sha256, "columns": {one.name: one.kind for one in card().characteristics}}


def test_a_changed_card_is_refused(model):
    import mlflow

    path = next(model.rglob("card.json"))
    text = path.read_text("utf-8")
    assert '"points": 12' in text
    path.write_text(text.replace('"points": 12', '"points": 13'), "utf-8")
    try:
        with pytest.raises(DataError, match="sha256"):
            mlflow.pyfunc.load_model(str(model))
    finally:
        path.write_text(text, "utf-8")
