"""Does what was planted show? Each remedy is switched off, in a city with the mechanism and in one without it.

A mechanism counts only if switching the remedy off moves a stated figure there; where nothing is
planted, the same switch should move it far less. Seeds and dates are fixed here, before looking.
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
import pyarrow as pa
import pyarrow.parquet as pq

import creditscore as cs
from experiments.common import World, fit_rows, interval, markdown, run, said, world

SEEDS = range(401, 421)
SUBJECTS = 10_000
UNTIL, JUDGED = dt.date(2023, 9, 30), dt.date(2024, 1, 1)
WINDOW = pd.DateOffset(months=36)
#: The city as it comes, and one where draws are even, off-site checks see all, records are known at once and never change.
CITIES: dict[str, dict[str, Any]] = {
    "planted": {},
    "not planted": {
        "on_site_ratios": (0.05,) * 4,
        "off_site_sees": 0.0,
        "lags": False,
        "repairs": False,
        "expiries": False,
        "disputes": False,
        "withdrawals": False,
    },
    # Who is visited how often is pure chance here: what goes with it is attention and nothing else.
    "visits by lot": {
        "on_site_ratios": (0.12,) * 4,
        "complaint_visits": False,
        "follow_up_visits": False,
        "special_visits": False,
    },
}
FIGURES = {
    "weights": "weights off: expected / observed in old tier A",
    "exposure": "bare counts for finding_ratio: correlation of risk seen with visits, true risk fixed",
    "mode": "off-site checks as labels too: expected / observed",
    "visibility": "known dates and changes ignored in training: expected / observed",
    "charged": "the same in scoring: share of subjects charged with a record that does not count",
}


def one(seed: int) -> list[dict[str, Any]]:
    """Each figure with the remedy and without it, in both cities."""
    found = []
    for name, mechanisms in CITIES.items():
        with world(cs.CityParameters(subjects=SUBJECTS, seed=seed, dirt=False, **mechanisms)) as city:
            found += [{"city": name, "figure": figure, "on": on, "off": off} for figure, (on, off) in _figures(city, name).items()]
    return found


def _figures(city: World, name: str) -> dict[str, tuple[float, float]]:
    people = city.everyone(JUDGED)
    rows = cs.training_rows(city.records, city.project.targets["violation"], until=UNTIL)
    train, judged = (cs.build_features(city.records, wanted, city.project.features) for wanted in (rows, people))
    risk = _risk(_fit(city, train, rows), judged, people)
    if name == "visits by lot":
        return {"exposure": _exposure(city, rows, people, train, judged, risk)}
    blind, seen_blind = _blind(city, rows, people)
    return {
        "weights": (_ratio(risk, people, "A"), _ratio(_risk(_fit(city, train, rows, weighted=False), judged, people), people, "A")),
        "mode": (_ratio(risk, people), _ratio(_mixed(city, rows, train, judged, people), people)),
        "visibility": (_ratio(risk, people), _ratio(_risk(_fit(city, blind, rows), judged, people), people)),
        "charged": (0.0, _charged(city, judged, seen_blind)),
    }


def _fit(city: World, train: pd.DataFrame, rows: Any, *, weighted: bool = True, features: Any = None) -> cs.IndustryScorecards:
    return fit_rows(city.cards(features), train, rows, **({} if weighted else {"sample_weight": None}))


def _risk(cards: cs.IndustryScorecards, judged: pd.DataFrame, people: pd.DataFrame) -> np.ndarray:
    return cards.predict_proba(judged, industry=people["industry"].tolist())[:, 1]


def _ratio(risk: np.ndarray, people: pd.DataFrame, tier: str | None = None) -> float:
    """Expected / observed among those who let the inspectors in, maybe of one old tier."""
    here = people["entered"] & (people["old_tier"].eq(tier) if tier else True)
    return float(risk[here].mean() / people["y"][here].mean())


def _exposure(
    city: World, rows: Any, people: pd.DataFrame, train: pd.DataFrame, judged: pd.DataFrame, risk: np.ndarray
) -> tuple[float, float]:
    visits = city.data("inspections")
    ratio = next(feature for feature in city.project.features if feature.aggregate == "finding_ratio")
    count = ratio.model_copy(update={"name": "findings_36m", "unit": "records", "empty": 0})
    features = (*(f for f in city.project.features if f is not ratio), count)
    with_counts = [x.assign(findings_36m=_past(r, visits)[0]) for x, r in ((train, rows.frame), (judged, people))]
    counted = _risk(_fit(city, with_counts[0], rows, features=features), with_counts[1], people)
    chance, made = people["risk_ppm"].to_numpy() / 1e6, _past(people, visits)[1]
    truth = np.log(chance / (1 - chance))
    return _partial(_logit(risk), made, truth), _partial(_logit(counted), made, truth)


def _past(rows: pd.DataFrame, visits: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Findings and visits of 36 months, as known on each row's day."""
    keys = pd.DataFrame(
        {"row": np.arange(len(rows)), "subject_id": rows["subject_id"].to_numpy(), "day": pd.to_datetime(rows["as_of"])}
    )
    dated = visits.assign(**{key: pd.to_datetime(visits[key]) for key in ("event_date", "known_date")})
    joined = keys.merge(dated[["subject_id", "event_date", "known_date", "outcome"]], on="subject_id")
    joined = joined[(joined["known_date"] <= joined["day"]) & (joined["event_date"] > joined["day"] - WINDOW)]
    counted = joined.assign(found=joined["outcome"] == "violation").groupby("row")["found"].agg(["sum", "size"])
    counted = counted.reindex(range(len(rows)), fill_value=0)
    return counted["sum"].to_numpy(), counted["size"].to_numpy()


def _logit(risk: np.ndarray) -> np.ndarray:
    return np.log(risk / (1 - risk))


def _partial(left: np.ndarray, right: np.ndarray, truth: np.ndarray) -> float:
    rests = [values - np.polyval(np.polyfit(truth, values, 1), truth) for values in (left.astype(float), right.astype(float))]
    return float(np.corrcoef(rests[0], rests[1])[0, 1])


def _mixed(city: World, rows: Any, train: pd.DataFrame, judged: pd.DataFrame, people: pd.DataFrame) -> np.ndarray:
    """A card that takes off-site checks for on-site visits."""
    target = city.project.targets["violation"].model_copy(update={"mode": "off_site"})
    more = cs.training_rows(city.records, target, until=UNTIL)
    features = pd.concat([train, cs.build_features(city.records, more, city.project.features)])
    both = pd.concat([rows.frame, more.frame], ignore_index=True)
    cards = city.cards().fit(
        features.reset_index(drop=True), both["y"], industry=both["industry"], sample_weight=both["weight"],
        nuisance=both["inspectors"], time=both["as_of"], subjects=both["subject_id"],
    )  # fmt: skip
    return _risk(cards, judged, people)


def _blind(city: World, rows: Any, people: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Features by somebody who knows every record on the day it happens, and of no repair, withdrawal, dispute or end."""
    folder = city.folder / "blind"
    folder.mkdir()
    for path in sorted((city.folder / "data").iterdir()):
        if path.suffix == ".csv":
            lines = [line.split(",") for line in path.read_bytes().decode("gb18030").splitlines()]
            text = "\r\n".join(",".join([*line[:3], line[2] if k else line[3], *line[4:]]) for k, line in enumerate(lines))
            (folder / path.name).write_bytes((text + "\r\n").encode("gb18030"))
        else:
            pq.write_table(_naive(pq.read_table(path), path.stem), folder / path.name)
    records = cs.open_records(cs.Engine.duckdb(), city.project, data=folder)
    return tuple(cs.build_features(records, wanted, city.project.features) for wanted in (rows, people))


def _naive(table: pa.Table, name: str) -> pa.Table:
    if name == "changes":
        return table.slice(0, 0)
    if not name.endswith("events") and name != "self_declared":
        return table
    happened, known, until = (
        ("发生日期", "入库日期", "有效期至") if name == "market_events" else ("event_date", "known_date", "valid_until")
    )
    table = table.set_column(table.column_names.index(known), known, table[happened])
    return table.set_column(table.column_names.index(until), until, pa.nulls(len(table), pa.date32()))


def _charged(city: World, judged: pd.DataFrame, blind: pd.DataFrame) -> float:
    """Share of subjects with more negative records by the blind features than by the right ones."""
    negative = {item.kind for item in city.project.catalogue.item if item.polarity == "negative"}
    names = [f.name for f in city.project.features if f.aggregate == "count" and f.kind and set(f.kind) <= negative]
    return float((blind[names].to_numpy() > judged[names].to_numpy()).any(axis=1).mean())


def report(results: pd.DataFrame, folder: Path) -> None:
    """One row per figure and city: with the remedy, without it, and the paired difference."""
    print(f"\n{results['seed'].nunique()} pairs of cities of {SUBJECTS:,} subjects; mean [95 % interval over cities].\n")
    rows = {}
    for figure, text in FIGURES.items():
        for city in CITIES:
            here = results[(results["figure"] == figure) & (results["city"] == city)]
            if len(here):
                moved = here["off"] - here["on"]
                rows[f"{text} ({city})"] = {"with": said(here["on"]), "without": said(here["off"]), "moved by": said(moved)}
    print(markdown(pd.DataFrame(rows).T.rename_axis("figure")))
    _picture(results, folder)


def _picture(results: pd.DataFrame, folder: Path) -> None:
    figure, axis = plt.subplots(figsize=(9, 3.4))
    for shift, city, colour in ((-0.13, "planted", "#c0504d"), (0.13, "not planted", "#1f6f9f"), (0, "visits by lot", "#4f7f4f")):
        for place, key in enumerate(FIGURES):
            here = results[(results["figure"] == key) & (results["city"] == city)]
            if here.empty:
                continue
            mean, low, high = interval(here["off"] - here["on"])
            axis.errorbar(
                mean, -place - shift, xerr=[[mean - low], [high - mean]], fmt="o", color=colour, capsize=3,
                label=city if place == (1 if shift == 0 else 0) else None,
            )  # fmt: skip
    axis.axvline(0, color="grey", linewidth=0.8)
    axis.set_yticks([-k for k in range(len(FIGURES))], [text.replace(": ", ":\n") for text in FIGURES.values()], fontsize=7)
    axis.set_xlabel("moved by switching the remedy off")
    axis.legend(fontsize=8, frameon=False, title="city", title_fontsize=8)
    figure.tight_layout()
    figure.savefig(folder / "planted.png", dpi=110, bbox_inches="tight")
    plt.close(figure)


if __name__ == "__main__":
    run(one, seeds=SEEDS, report=report, folder=Path(__file__).parent)
