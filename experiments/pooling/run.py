"""How much of its own card should an industry have, at 5, 50, 500 and 5,000 bads?

Seeds, industry, days and the criterion are fixed here, before looking: partial pooling passes if at no
size its log loss exceeds the better of the two extremes by more than the 95 % interval of the difference
allows, and if each extreme is beaten somewhere (interval below 0).
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import creditscore as cs
from experiments.common import World, excess_loss, interval, markdown, run, said, world

SEEDS = range(501, 521)
SUBJECTS = 30_000
BADS = (5, 50, 500, 5_000)
INDUSTRY = "food_service"
#: Everyone's label of these days trains the industry; of the last two of them all other industries.
DAYS = tuple(dt.date(2021 + place // 4, 1 + 3 * (place % 4), 1) for place in range(2, 12))
JUDGED = dt.date(2024, 1, 1)
ARMS = {
    "none": cs.Pooling(level_sd=10, slope_sd=10),
    "complete": cs.Pooling(level_sd=0, slope_sd=0),
    "partial": cs.Pooling(),
}
NAMES = {"none": "no", "complete": "complete", "partial": "partial"}
COLOURS = {"none": "#c0504d", "complete": "#7f6f9f", "partial": "#1f6f9f"}


def one(seed: int) -> list[dict[str, Any]]:
    """Cards by pooling and number of bads in one city, judged on everyone of the industry at a later date."""
    with world(cs.CityParameters(subjects=SUBJECTS, seed=seed, dirt=False)) as city:
        people = city.everyone(JUDGED)
        people = people[people["industry"] == INDUSTRY].reset_index(drop=True)
        judged = cs.build_features(city.records, people, city.project.features)
        rows, features = _labelled(city)
        found = []
        for bads in BADS:
            chosen = _thinned(rows, bads, seed)
            labels, inputs = rows.iloc[chosen], features.iloc[chosen]
            for arm, pooling in ARMS.items():
                cards = city.cards().set_params(pooling=pooling)
                cards.fit(
                    inputs, labels["y"], industry=labels["industry"].tolist(), time=labels["as_of"], subjects=labels["subject_id"]
                )
                risk = cards.predict_proba(judged, industry=INDUSTRY)[:, 1]
                found.append({"bads": bads, "pooling": arm, **_judged(people, risk)})
        return found


def _labelled(city: World) -> tuple[pd.DataFrame, pd.DataFrame]:
    parts = []
    for day in DAYS:
        rows = city.everyone(day)
        parts.append(rows if day in DAYS[-2:] else rows[rows["industry"] == INDUSTRY])
    rows = pd.concat(parts, ignore_index=True)
    rows = rows[rows["entered"]].reset_index(drop=True)
    return rows, cs.build_features(city.records, rows, city.project.features).reset_index(drop=True)


def _thinned(rows: pd.DataFrame, bads: int, seed: int) -> np.ndarray:
    """All of the other industries, and of the one so many rows, by lot, that they hold so many bads."""
    own = rows["industry"] == INDUSTRY
    order = np.random.default_rng([seed, bads]).permutation(np.flatnonzero(own))
    held = rows["y"].to_numpy()[order].cumsum()
    if held[-1] < bads:
        raise SystemExit(f"expected {bads} bads in {INDUSTRY} (got {held[-1]}): SUBJECTS is too small")
    return np.sort(np.concatenate([np.flatnonzero(~own), order[: int(np.searchsorted(held, bads)) + 1]]))


def _judged(people: pd.DataFrame, risk: np.ndarray) -> dict[str, float]:
    """Expected log loss under the true probability of a finding by whoever would come, in thousandths."""
    truth = people["risk_ppm"].to_numpy() / 1e6
    met = 1 / (1 + np.exp(-(np.log(truth / (1 - truth)) + people["strictness"].to_numpy() / 1000)))
    order = pd.Series(risk).corr(pd.Series(truth), method="spearman")
    return {
        "excess_loss": excess_loss(truth, risk, met), "expected_observed": float(risk.mean() / met.mean()), "rank": float(order),
    }  # fmt: skip


def report(results: pd.DataFrame, folder: Path) -> None:
    """Tables by bads and pooling, the criterion, and the picture."""
    cells = results.pivot_table(index="seed", columns=["bads", "pooling"], values="excess_loss")
    rows = {}
    for bads in BADS:
        row = {f"{arm} pooling" if arm != "none" else "no pooling": said(cells[bads][arm], 1) for arm in ARMS}
        for arm in ("none", "complete"):
            row[f"partial - {arm}"] = said(cells[bads]["partial"] - cells[bads][arm], 1)
        rows[f"{bads:,}"] = row
    print(f"\n{len(cells)} cities of {SUBJECTS:,} subjects; excess log loss x 1000; mean [95 % interval over cities].\n")
    print(markdown(pd.DataFrame(rows).T.rename_axis(f"bads in {INDUSTRY}")))
    print("\n" + "\n".join(_criterion(cells)))
    _picture(results, folder / "pooling.png")


def _criterion(cells: pd.DataFrame) -> list[str]:
    lines, beaten = [], dict.fromkeys(("none", "complete"), False)
    for bads in BADS:
        best = min(("none", "complete"), key=lambda arm: cells[bads][arm].mean())
        _, low, _ = interval(cells[bads]["partial"] - cells[bads][best])
        lines.append(f"{bads:,} bads: partial is {'not ' if low <= 0 else ''}worse than the better extreme ({best})")
        for arm in beaten:
            beaten[arm] |= interval(cells[bads]["partial"] - cells[bads][arm])[2] < 0
    return [*lines, *(f"{arm} pooling is{'' if won else ' not'} beaten somewhere" for arm, won in beaten.items())]


def _picture(results: pd.DataFrame, file: Path) -> None:
    figure, axes = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
    for arm, colour in COLOURS.items():
        points = [interval(results[(results["bads"] == bads) & (results["pooling"] == arm)]["excess_loss"]) for bads in BADS]
        mean, low, high = np.array(points).T
        axes.errorbar(
            BADS, mean, yerr=[mean - low, high - mean], color=colour, marker="o", capsize=3, label=f"{NAMES[arm]} pooling"
        )
    axes.set(
        xscale="log", yscale="log", xlabel=f"bads in {INDUSTRY} (log)", ylabel="log loss above that of the truth, x 1000 (log)"
    )
    axes.set_xticks(BADS, [f"{bads:,}" for bads in BADS])
    axes.set_yticks([10, 20, 50, 100, 200, 500], ["10", "20", "50", "100", "200", "500"])
    axes.minorticks_off()
    axes.legend(frameon=False)
    figure.savefig(file, dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    run(one, seeds=SEEDS, report=report, folder=Path(__file__).parent)
