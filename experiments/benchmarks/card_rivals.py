"""The same card in other libraries' hands: fitted once by optbinning, then carried over bin by bin.

optbinning finds the bins and the whole points. Our card comes from its table by ``Scorecard.from_table``;
toad loads the bins as its rules; scikit-learn holds them as a discretiser, an encoder and a linear model
whose coefficients are the points; polars has them as when-then expressions.
"""

import warnings
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl

import creditscore as cs

NUMBERS, TEXTS = 20, 5
#: Below every value: how missing passes through scikit-learn's discretiser, which takes no NaN.
_MISSING = -1e300


def population(rows: int, *, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """20 numbers (5 % missing) and 5 texts of six categories, and whether each row is bad (about 6 %)."""
    rng = np.random.default_rng(seed)
    columns: dict[str, np.ndarray] = {}
    eta = np.full(rows, -3.4)
    for place in range(NUMBERS):
        values = rng.gamma(2, 10, rows) if place % 2 else rng.normal(size=rows)
        eta += 0.12 * (1 if place % 4 < 2 else -1) * (values - values.mean()) / values.std()
        values[rng.random(rows) < 0.05] = np.nan
        columns[f"x{place:02d}"] = values
    for place in range(TEXTS):
        chosen = rng.integers(0, 6, rows)
        eta += 0.1 * (chosen - 2.5)
        columns[f"t{place}"] = np.array([f"code {one}" for one in "ABCDEF"], dtype=object)[chosen]
    return pd.DataFrame(columns).astype({f"t{place}": "str" for place in range(TEXTS)}), rng.random(rows) < 1 / (1 + np.exp(-eta))


def fit_optbinning(X: pd.DataFrame, y: np.ndarray):
    """Optbinning's Scorecard with whole points."""
    from optbinning import BinningProcess, Scorecard
    from sklearn.linear_model import LogisticRegression

    texts = [name for name in X if name.startswith("t")]
    process = BinningProcess(list(X), categorical_variables=texts, binning_fit_params={name: {"max_n_bins": 6} for name in X})
    scale = {"pdo": 20, "odds": 50, "scorecard_points": 600}
    card = Scorecard(process, LogisticRegression(), scaling_method="pdo_odds", scaling_method_params=scale, rounding=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return card.fit(X.astype(dict.fromkeys(texts, object)), y.astype(int), metric_missing="empirical")


def expert_table(card) -> pd.DataFrame:
    """Optbinning's card as a table of expert points; its intercept is spread over the points, so the constant is 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = card.table(style="detailed")
    rows: list[dict[str, object]] = [{"variable": "base", "points": 0, "source": "base"}]
    for variable, part in table.groupby("Variable", sort=False):
        splits = card.binning_process_.get_binned_variable(variable).splits
        points = part["Points"].astype(int).tolist()
        named = dict(zip(part["Bin"].map(str), points, strict=True))
        common = {"variable": variable, "source": "public"}
        if part["Bin"].map(lambda one: isinstance(one, (np.ndarray, list, pd.api.extensions.ExtensionArray))).any():
            cells = [{"category": "|".join(map(str, group))} for group in splits] + [{"category": "other"}]
            points_of = [*points[: len(splits)], named["Missing"]]
        else:
            bounds = [None, *map(float, splits), None]
            cells = [{"lower": a, "upper": b} for a, b in pairwise(bounds)]
            points_of = points[: len(splits) + 1]
        cells.append({"category": "missing"})
        rows += [{**common, **cell, "points": p} for cell, p in zip(cells, [*points_of, named["Missing"]], strict=True)]
    return pd.DataFrame(rows)


def as_toad(card: cs.Scorecard):
    """Toad's ScoreCard with the same bins."""
    import toad

    rules: dict[str, dict[str, float]] = {}
    for one in card.characteristics:
        bins: dict[str, float] = {}
        for a in one.attributes:
            if a.kind == "interval":
                low, high = ("-inf" if a.lower is None else repr(a.lower)), ("inf" if a.upper is None else repr(a.upper))
                bins[f"[{low} ~ {high})"] = a.points
            elif a.kind == "category":
                bins[",".join(map(str, a.values))] = a.points
            elif a.kind == "missing":
                bins["nan"] = a.points
        rules[one.name] = bins
    return toad.ScoreCard(card=rules)


def as_sklearn(card: cs.Scorecard, sample: pd.DataFrame):
    """A scikit-learn pipeline (discretiser and one-hot encoders into a linear model) with the points as coefficients."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder

    numbers = [one for one in card.characteristics if one.kind == "number"]
    texts = [one for one in card.characteristics if one.kind == "text"]
    bins = KBinsDiscretizer(n_bins=2, encode="onehot", quantile_method="averaged_inverted_cdf")
    groups = [[value for a in one.of("category") for value in a.values] for one in texts]
    prepared = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="constant", fill_value=_MISSING), bins), [one.name for one in numbers]),
        (OneHotEncoder(categories=groups, handle_unknown="ignore"), [one.name for one in texts]),
    )
    pipe = make_pipeline(prepared, LinearRegression())
    pipe.fit(sample, np.zeros(len(sample)))
    fitted = pipe[0].transformers_[0][1][-1]
    fitted.bin_edges_ = np.array([np.array([-2e300, _MISSING / 2, *one.edges, 1e300]) for one in numbers], dtype=object)
    fitted.n_bins_ = np.array([len(edges) - 1 for edges in fitted.bin_edges_])
    fitted._encoder.categories = [np.arange(size) for size in fitted.n_bins_]
    fitted._encoder.fit(np.zeros((1, len(numbers))))
    missing = [one.of("missing")[0].points for one in numbers]
    by_bin = [[m, *(a.points for a in one.of("interval"))] for m, one in zip(missing, numbers, strict=True)]
    by_text = [[a.points for a in one.of("category") for _ in a.values] for one in texts]
    pipe[-1].coef_ = np.array([p for points in (*by_bin, *by_text) for p in points], dtype=float)
    pipe[-1].intercept_, pipe[-1].n_features_in_ = float(card.constant), len(pipe[-1].coef_)
    return pipe


def as_polars(card: cs.Scorecard) -> pl.Expr:
    """A when-then expression per characteristic, added up."""
    total = pl.lit(card.constant, dtype=pl.Int32)
    for one in card.characteristics:
        value = pl.col(one.name)
        missing = one.of("missing")[0].points
        if one.kind == "number":
            chain = pl.when(value.is_null() | value.is_nan()).then(pl.lit(missing, dtype=pl.Int32))
            for a in one.of("interval")[:-1]:
                chain = chain.when(value < a.upper).then(pl.lit(a.points, dtype=pl.Int32))
            total = total + chain.otherwise(pl.lit(one.of("interval")[-1].points, dtype=pl.Int32))
        else:
            chain = pl.when(value.is_null()).then(pl.lit(missing, dtype=pl.Int32))
            for a in one.of("category"):
                chain = chain.when(value.is_in(list(a.values))).then(pl.lit(a.points, dtype=pl.Int32))
            total = total + chain.otherwise(pl.lit(one.of("other")[0].points, dtype=pl.Int32))
    return total.alias("score")
