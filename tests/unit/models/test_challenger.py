"""The challengers: same trends, columns by name, models opened only after their hash was checked."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from creditscore.config.features import FeatureSpec
from creditscore.config.spec import Label
from creditscore.errors import DataError
from creditscore.models.challenger import fit_lightgbm, load_lightgbm
from creditscore.models.rivals import fit_logistic, fit_optbinning


def spec(name, trend="auto", **more):
    how = {"aggregate": "latest", "scheme": "s"} if more.pop("text", False) else {"aggregate": "tenure_months"}
    return FeatureSpec(name=name, label=Label(zh=name, en=name), unit="", source="public", trend=trend, **how, **more)


FEATURES = [
    spec("debt", "higher_is_riskier"),
    spec("age", "lower_is_riskier"),
    spec("grade", text=True, order=("A", "B", "C")),
    spec("kind", text=True),
]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    n = 1500
    X = pd.DataFrame(
        {
            "debt": rng.normal(size=n),
            "age": rng.gamma(2, 10, n),
            "grade": rng.choice(["A", "B", "C"], n),
            "kind": rng.choice(["u", "v"], n),
        }
    )
    X.loc[::15, "debt"] = np.nan
    eta = -1 + X.debt.fillna(0) - 0.05 * X.age + X.grade.map({"A": 0, "B": 0.5, "C": 1}) + 0.5 * np.sin(5 * X.debt.fillna(0))
    return X, (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)


@pytest.fixture(scope="module")
def model(data):
    return fit_lightgbm(*data, features=FEATURES)


def test_trends_of_a_card_bind_where_the_settings_leave_them_open(data):
    X, y = data
    open_ended = ["debt", "age", "grade", "kind"]
    free = fit_lightgbm(X, y, features=open_ended)
    bound = fit_lightgbm(X, y, features=open_ended, trends={"debt": "higher_is_riskier", "age": "none"})
    grid = pd.concat([X.head(30)] * 20, ignore_index=True)
    grid["debt"] = np.repeat(np.linspace(-3, 3, 20), 30)

    def falls(model):
        return (np.diff(model.predict_proba(grid)[:, 1].reshape(20, 30), axis=0) < -1e-12).any()

    assert falls(free)
    assert not falls(bound)


def test_a_picture_of_contributions_needs_shap_and_says_so(data, model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "shap", None)
    with pytest.raises(DataError, match="explain"):
        model.picture(data[0], tmp_path / "shap.png")


def test_trends_hold_everywhere(data, model):
    X, _ = data
    grid = pd.concat([X.head(30)] * 20, ignore_index=True)
    grid["debt"] = np.repeat(np.linspace(-3, 3, 20), 30)
    p = model.predict_proba(grid)[:, 1].reshape(20, 30)
    assert (np.diff(p, axis=0) >= -1e-12).all()
    assert np.ptp(p) > 0.2
    grid["debt"] = 0.0
    grid["grade"] = np.repeat(["A", "B", "C", "C"], 150)
    by_grade = model.predict_proba(grid)[:, 1].reshape(20, 30)[[0, 5, 10]]
    assert (np.diff(by_grade, axis=0) >= -1e-12).all()


def test_columns_are_found_by_name_and_absent_ones_refused(data, model):
    X, _ = data
    np.testing.assert_array_equal(model.predict_proba(X[X.columns[::-1]]), model.predict_proba(X))
    with pytest.raises(DataError, match="age is missing"):
        model.predict_proba(X.drop(columns="age"))
    with pytest.raises(DataError, match="expected numbers"):
        model.predict_proba(X.assign(age="old"))


def test_the_same_data_give_the_same_text_in_any_order(data, model):
    X, y = data
    mixed = np.random.default_rng(1).permutation(len(X))
    assert fit_lightgbm(X, y, features=FEATURES).to_text() == model.to_text()
    assert fit_lightgbm(X, y, features=FEATURES, sample_weight=np.full(len(X), 7.0)).to_text() == model.to_text()
    other = fit_lightgbm(X.iloc[mixed], y[mixed], features=FEATURES).predict_proba(X)
    assert np.abs(other - model.predict_proba(X)).max() < 0.2


def test_contributions_add_up_to_the_log_odds(data, model):
    X, _ = data
    p = model.predict_proba(X)[:, 1]
    np.testing.assert_allclose(model.contributions(X).sum(axis=1), np.log(p / (1 - p)), atol=1e-9)


def test_a_model_survives_the_file(data, model, tmp_path):
    path = tmp_path / "m.json"
    path.write_bytes(model.to_text().encode())
    again = load_lightgbm(path, sha256=model.sha256)
    np.testing.assert_array_equal(again.predict_proba(data[0]), model.predict_proba(data[0]))


def test_a_cut_model_is_refused_before_lightgbm_sees_it(model, tmp_path):
    text = model.to_text().encode()
    for part in (0.1, 0.5, 0.99):
        path = tmp_path / "cut.json"
        path.write_bytes(text[: int(len(text) * part)])
        code = (
            "from creditscore.models.challenger import load_lightgbm\nfrom creditscore.errors import DataError\n"
            f"try: load_lightgbm({str(path)!r}, sha256={model.sha256!r})\nexcept DataError: raise SystemExit(7)"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 7


def test_tuning_looks_forward_only(data):
    X, y = data
    days = pd.date_range("2020-01-01", periods=len(X)).to_numpy()
    tuned = fit_lightgbm(X, y, features=FEATURES, time=days)
    assert len(tuned.tuning) >= 4
    assert all(0 < loss < 1 for *_, loss in tuned.tuning)


def test_importing_the_module_does_not_import_lightgbm():
    code = "import sys, creditscore.models.challenger as c; raise SystemExit('lightgbm' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_logistic_rival_takes_missing_and_unseen(data):
    X, y = data
    rival = fit_logistic(X, y, features=FEATURES, sample_weight=np.ones(len(X)))
    odd = X.head(3).assign(kind=["new", None, "u"])
    p = rival.predict_proba(odd[odd.columns[::-1]])
    assert p.shape == (3, 2)
    assert np.isfinite(p).all()
    with pytest.raises(DataError, match="debt is missing"):
        rival.predict_proba(X.drop(columns="debt"))


def test_optbinnings_card_finds_columns_by_name_and_ranks(data):
    X, y = data
    rival = fit_optbinning(X, y)
    p = rival.predict_proba(X)
    assert (rival.predict_proba(X[X.columns[::-1]]) == p).all()
    assert p[y == 1, 1].mean() > p[y == 0, 1].mean() + 0.1
    with pytest.raises(DataError, match="kind"):
        rival.predict_proba(X.drop(columns="kind"))
