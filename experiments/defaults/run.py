"""Default cards beside their rivals, nothing touched, on sets chosen by a rule written down before any fit.

    python -m experiments.defaults.run                 # every set; what is in the cache is not fitted again
    python -m experiments.defaults.run --inner         # splits the training parts; the test parts stay shut (for development)
    python -m experiments.defaults.run --only hmda,recid --contenders creditscore
    python -m experiments.defaults.run --report        # tables of results.csv

Test parts are opened once per version of the package: whoever chooses defaults looks at ``--inner`` alone. The cache
(``--cache``) keeps risks by set and contender; those of our own cards also by the source code of the package.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

import creditscore as cs
from experiments.common import markdown, quiet
from experiments.defaults import contenders, sets
from experiments.defaults.contenders import CONTENDERS, MIXED, ONE_CARD, OPTBINNING, OURS, OWN, TUNED, TUNED_STUMPS

HERE = Path(__file__).parent
DRAWS, LEVEL = 200, 0.05
#: Crosses are worth building if trees with them gain so much AUC over trees without, on so many sets.
CROSSES_GAIN, CROSSES_SETS = 0.01, 3
BASE = "training base rate"


def main() -> None:
    """Fit what is missing, set by set, then print the tables."""
    told = _options()
    _source()
    folder = Path(tempfile.mkdtemp(prefix="trial-")) if told.inner or told.only else HERE
    file = told.out or folder / "results.csv"
    if not told.report:
        names = told.only.split(",") if told.only else list(sets.SOURCES)
        rows: list[dict[str, Any]] = []
        for name in names:
            rows += list(_one_set(name, told))
            pd.DataFrame(rows).round(6).to_csv(file, index=False)
        print(f"kept in {file}", flush=True)
    report(pd.read_csv(file))


def _one_set(name: str, told: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A row per contender: its figures, and its differences to ours."""
    begun = time.perf_counter()
    task = sets.task(name, inner=told.inner)
    risks, seconds, refused = {}, {}, {}
    for contender in CONTENDERS if not told.contenders else told.contenders.split(";"):
        if not contenders.asked(contender, task.train):
            continue
        kept = _risks(task, contender, told)
        seconds[contender] = kept["seconds"]
        if "error" in kept:
            refused[contender] = kept["error"]
        else:
            risks[contender] = np.array(kept["risks"])
    risks[BASE] = np.full(len(task.test), task.train.y.mean())
    judge = Judge.of(task.test)
    facts = {
        "set": name, "split": task.by, "train": len(task.train), "train_bad": int(task.train.y.sum()), "test": len(task.test),
        "test_bad": int(task.test.y.sum()), "columns": task.train.X.shape[1],
    }  # fmt: skip
    draws = {contender: judge.draws(risk) for contender, risk in risks.items()}
    for contender in [*risks, *refused]:
        row = facts | {"contender": contender, "seconds": seconds.get(contender), "error": refused.get(contender)}
        if contender in risks:
            row |= judge.figures(risks[contender])
            if OURS in risks:
                row |= judge.difference(draws, OURS, contender, risks)
        yield row
    print(f"{name}: {time.perf_counter() - begun:.0f} s", flush=True)


def _risks(task: sets.Task, contender: str, told: argparse.Namespace) -> dict[str, Any]:
    """What a contender says of the test rows, from the cache or new. A refusal is an answer too."""
    code = _source() if contender in OWN else ""
    place = told.cache / ("inner" if told.inner else "test") / task.name
    file = place / (hashlib.sha256(f"{contender}|{code}".encode()).hexdigest()[:16] + ".json")
    if file.is_file():
        return json.loads(file.read_text())
    begun, kept = time.perf_counter(), {"contender": contender}
    with quiet():
        try:
            risks = CONTENDERS[contender](task.train, task.test)
            kept["risks"] = [round(float(risk), 9) for risk in risks]
        except Exception as error:  # a contender that ends in an error has lost this set, not the run
            kept["error"] = f"{type(error).__name__}: {str(error)[:160]}"
    kept["seconds"] = round(time.perf_counter() - begun, 2)
    place.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(kept))
    print(f"  {task.name} {contender}: {kept['seconds']} s {kept.get('error', '')}", flush=True)
    return kept


@cache
def _source() -> str:
    """A digest of the package's own code."""
    digest = hashlib.sha256()
    for file in sorted(Path(cs.__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Judge:
    """Test rows with the bootstrap's draws of them: the same draws for every contender, so differences are paired."""

    y: np.ndarray
    times: np.ndarray

    @classmethod
    def of(cls, test: sets.Part) -> Judge:
        """Rows are drawn with replacement, whole subjects or groups where there are any."""
        keys = np.arange(len(test)) if test.subject is None else pd.factorize(test.subject)[0]
        generator, owners = np.random.default_rng(19), int(keys.max()) + 1
        counts = [np.bincount(generator.integers(0, owners, owners), minlength=owners)[keys] for _ in range(DRAWS)]
        return cls(test.y, np.array(counts, dtype=np.float32))

    def draws(self, risk: np.ndarray) -> np.ndarray:
        """(draws, 2): AUC and log loss."""
        losses = self.times @ _losses(self.y, risk) / self.times.sum(axis=1)
        return np.column_stack([_aucs(self.y, risk, self.times), losses])

    def figures(self, risk: np.ndarray) -> dict[str, float]:
        """AUC, log loss, slope of the log-odds, observed / expected."""
        return {
            "auc": float(_aucs(self.y, risk, np.ones((1, len(risk))))[0]),
            "log_loss": float(_losses(self.y, risk).mean()),
            "slope": _slope(self.y, risk),
            "observed_expected": float(self.y.sum() / risk.sum()),
        }

    def difference(self, draws: dict[str, np.ndarray], one: str, other: str, risks: dict[str, np.ndarray]) -> dict[str, float]:
        """``one`` minus ``other``, AUC and log loss: value, standard error and percentile interval."""
        found: dict[str, float] = {}
        first, second = self.figures(risks[one]), self.figures(risks[other])
        for place, key in enumerate(("auc", "log_loss")):
            gap = draws[one][:, place] - draws[other][:, place]
            low, high = np.quantile(gap, [LEVEL / 2, 1 - LEVEL / 2])
            found |= {
                f"{key}_gap": first[key] - second[key], f"{key}_se": float(gap.std(ddof=1)),
                f"{key}_low": float(low), f"{key}_high": float(high),
            }  # fmt: skip
        return found


def _losses(y: np.ndarray, risk: np.ndarray) -> np.ndarray:
    risk = np.clip(risk, 1e-9, 1 - 1e-9)
    return -np.where(y == 1, np.log(risk), np.log1p(-risk))


def _aucs(y: np.ndarray, risk: np.ndarray, times: np.ndarray) -> np.ndarray:
    """AUC with each row counted ``times``, ties by half: one per row of ``times``."""
    codes = np.unique(risk, return_inverse=True)[1]
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(codes[order]) > 0])
    bad, good = (np.add.reduceat((times * (y == kind))[:, order], starts, axis=1).astype(float) for kind in (1, 0))
    below = good.cumsum(axis=1) - good / 2
    return (bad * below).sum(axis=1) / (bad.sum(axis=1) * good.sum(axis=1))


def _slope(y: np.ndarray, risk: np.ndarray) -> float:
    from sklearn.linear_model import LogisticRegression

    risk = np.clip(risk, 1e-9, 1 - 1e-9)
    eta = np.log(risk / (1 - risk))
    return float("nan") if np.ptp(eta) < 1e-9 else float(LogisticRegression(C=np.inf).fit(eta[:, None], y).coef_[0, 0])


def report(results: pd.DataFrame) -> None:
    """Every table of the README."""
    print("\n## Sets\n\n" + markdown(_facts(results)))
    for key, digits in (("auc", 3), ("log_loss", 3), ("slope", 2), ("observed_expected", 2), ("seconds", 1)):
        print(f"\n## {key}\n\n" + markdown(_table(results, key, digits)))
    if results[results["contender"] == OURS]["auc"].notna().any():
        print("\n## Mean rank (1 is best; a refusal is last)\n\n" + markdown(_ranks(results)))
        for other in (OPTBINNING, BASE):
            print(
                f"\n## Ours minus {other}: 95 % paired intervals, and Holm's over all sets\n\n" + markdown(_against(results, other))
            )
        print("\n" + "\n".join(_criteria(results)))
    if {TUNED, TUNED_STUMPS} <= set(results["contender"]):
        print("\n## What crosses could bring: tuned trees minus tuned stumps, AUC\n\n" + "\n".join(_crosses(results)))
    wrong = results[results["error"].notna()] if "error" in results else results[:0]
    for _, row in wrong.iterrows():
        print(f"\n{row['set']}, {row['contender']}: {row['error']}")


def _facts(results: pd.DataFrame) -> pd.DataFrame:
    names = ["split", "train", "train_bad", "test", "test_bad", "columns"]
    return results.drop_duplicates("set").set_index("set")[names]


def _table(results: pd.DataFrame, key: str, digits: int) -> pd.DataFrame:
    wide = results.pivot(index="set", columns="contender", values=key)
    shown = [name for name in [*CONTENDERS, BASE] if name in wide]
    return wide.loc[results["set"].unique(), shown].map(lambda value: "" if pd.isna(value) else f"{value:.{digits}f}")


def _ranks(results: pd.DataFrame) -> pd.DataFrame:
    """Mean rank by AUC and log loss over all sets among those who are asked everywhere."""
    everywhere = [name for name in CONTENDERS if name not in (ONE_CARD, MIXED, TUNED_STUMPS)]
    rows = {}
    for key, better in (("auc", False), ("log_loss", True)):
        wide = results.pivot(index="set", columns="contender", values=key)
        wide = wide[[name for name in everywhere if name in wide]]
        rows[key] = wide.rank(axis=1, ascending=better, na_option="bottom").mean()
        cards = [name for name in wide if not name.startswith("LightGBM")]
        rows[f"{key}, interpretable only"] = wide[cards].rank(axis=1, ascending=better, na_option="bottom").mean()
    return pd.DataFrame(rows).map(lambda rank: "" if pd.isna(rank) else f"{rank:.2f}").rename_axis("contender")


def _against(results: pd.DataFrame, other: str) -> pd.DataFrame:
    found = results[(results["contender"] == other) & results["auc_gap"].notna()].set_index("set")
    shown: dict[str, Any] = {}
    for key in ("auc", "log_loss"):
        if key == "auc" and other == BASE:
            continue
        shown[key] = [_three(*row) for row in found[[f"{key}_gap", f"{key}_low", f"{key}_high"]].to_numpy()]
        shown[f"{key}, Holm"] = [f"[{low:+.4f}, {high:+.4f}]" for low, high in holm(found[f"{key}_gap"], found[f"{key}_se"])]
    return pd.DataFrame(shown, index=found.index)


def holm(gap: pd.Series, error: pd.Series) -> list[tuple[float, float]]:
    """Intervals at the levels of Holm's steps: the k-th smallest p at 1 - 0.05 / (m - k + 1), normal with the bootstrap's error."""
    z = (gap / error.clip(lower=1e-12)).abs().to_numpy()
    place = np.empty(len(z), dtype=int)
    place[np.argsort(-z, kind="stable")] = np.arange(len(z))
    half = stats.norm.ppf(1 - LEVEL / 2 / (len(z) - place)) * error.to_numpy()
    return list(zip(gap - half, gap + half, strict=True))


def _three(value: float, low: float, high: float) -> str:
    return f"{value:+.4f} [{low:+.4f}, {high:+.4f}]"


def _criteria(results: pd.DataFrame) -> list[str]:
    lines = []
    against = results[(results["contender"] == OPTBINNING) & results["auc_gap"].notna()]
    for key, worse in (("auc", -1), ("log_loss", 1)):
        intervals = holm(against[f"{key}_gap"], against[f"{key}_se"])
        lost = [name for name, (low, high) in zip(against["set"], intervals, strict=True) if (low > 0 if worse > 0 else high < 0)]
        plain = against[worse * against[f"{key}_gap"] > 0]["set"]
        lines.append(
            f"{key}: worse than {OPTBINNING} on {len(plain)} of {len(against)} sets, beyond Holm's interval on {len(lost)}: {lost}"
        )
    base = results[(results["contender"] == BASE) & results["log_loss_gap"].notna()]
    lines.append(f"log loss above the training base rate's beyond its interval: {base[base['log_loss_low'] > 0]['set'].tolist()}")
    mine = results[results["contender"] == OURS]
    lines.append(f"sets without a card of ours: {mine[mine['auc'].isna()]['set'].tolist()}")
    return lines


def _crosses(results: pd.DataFrame) -> list[str]:
    wide = results.pivot(index="set", columns="contender", values="auc").loc[results["set"].unique()]
    gain = (wide[TUNED] - wide[TUNED_STUMPS]).dropna()
    loss = results.pivot(index="set", columns="contender", values="log_loss")
    won = gain[gain >= CROSSES_GAIN]
    table = pd.DataFrame({"AUC": gain.map("{:+.4f}".format), "log loss": (loss[TUNED] - loss[TUNED_STUMPS]).map("{:+.4f}".format)})
    wanted = "worth building" if len(won) >= CROSSES_SETS else "not worth building"
    return [
        markdown(table.loc[gain.index]),
        f"\nAt least {CROSSES_GAIN} on {len(won)} of {len(gain)} sets {list(won.index)}: {wanted}.",
    ]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inner", action="store_true", help="split the training parts; the test parts stay shut")
    parser.add_argument("--only", help="sets, with commas")
    parser.add_argument("--contenders", help="contenders, with semicolons")
    parser.add_argument("--report", action="store_true", help="only report what was kept")
    parser.add_argument(
        "--out", type=Path, help="where results go (default: beside this file; with --inner or --only, a new folder)"
    )
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "creditscore-defaults")
    return parser.parse_args()


if __name__ == "__main__":
    main()
