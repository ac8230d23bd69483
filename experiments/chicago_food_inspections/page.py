"""The tables of the README as Markdown, put between its markers."""

from pathlib import Path

import pandas as pd
from contenders import Setting
from history import History
from judge import DRAWS, MEASURES, interval

HEADS = {
    "auc": "AUC", "mean_days_earlier": "days earlier", "share_first_half": "in first half",
    "within_inspector": "AUC within inspector group", "within_industry": "AUC within industry",
}  # fmt: skip


def choices_page(history: History, setting: Setting, trials: list, trees: tuple, grown: list) -> str:
    """What was tried inside the training period, and what was taken."""
    train, left = history.train.rows, ", ".join(f"{row.reason} {row.rows:,}" for row in history.dropped.itertuples())
    origins = ", ".join(str(origin) for origin, _ in history.folds)
    seen = pd.concat([fold.rows["y"] for _, fold in history.folds])
    lines = [
        f"Training rows {len(train):,} ({int(train['y'].sum()):,} bad); left out: {left}. Origins {origins}; each judged on "
        f"the two months after it ({len(seen):,} visits, {int(seen.sum()):,} bad).",
        "",
        "| step | option | mean AUC | AUC by origin | taken |",
        "|---|---|---|---|---|",
        *(
            f"| {s} | {o} | {m:.4f} | {' '.join(f'{a:.3f}' for a in aucs)} | {'yes' if taken else ''} |"
            for s, o, m, aucs, taken in trials
        ),
        "",
        f"LightGBM (same origins; leaves/rounds: mean AUC): {', '.join(f'{n}/{k}: {mean:.4f}' for n, k, mean in grown)}; "
        f"taken {trees[0]}/{trees[1]}.",
        "",
        f"Setting: {setting}.",
    ]
    return "\n".join(lines)


def results_page(ours: str, firm: list, others: list, points: dict, draws: dict, lots: pd.DataFrame, facts: dict) -> str:
    """The test window."""
    actual = points[ours]
    parts = [
        f"Test window 2014-09-02..2014-10-31: {facts['rows']:,} visits, {facts['bads']} bad; {facts['covered']:.1%} of the visits "
        f"are to one of the {facts['scored']:,} subjects scored on 2014-09-01 (the others take the mean risk). Actual order: "
        f"{actual['share_first_half_actual']:.3f} in the first half. In brackets 95 % of {DRAWS:,} bootstrap draws of licences.",
        "**Scores of the firm alone**, all fitted on the same rows and features",
        _table(firm[:5], points, draws, lots),
        "**Paired differences**, creditscore minus the rival",
        _differences(ours, firm[1:], draws, points),
        "**What ours is made of**",
        _table([ours, *firm[5:]], points, draws, None),
        "**Not scores of a firm** (they know who inspects, or the weather of the day)",
        _table(others, points, draws, None),
        "**Paired differences**, creditscore minus these",
        _differences(ours, others, draws, points),
        "**By industry** (creditscore)",
        _industries(facts["by_industry"]),
        _same(facts["same"]),
        f"Level of ours: {facts['level']}.",
        "Rank correlation of the risk with the strictness of who came before: "
        + ", ".join(f"{name} {value:+.3f}" for name, value in facts["strictness"].items())
        + ".",
    ]
    return "\n\n".join(parts)


def _same(same: dict) -> str:
    return (
        f"At the {same['licences']:,} licences that both visited in training, the two strictest groups found something critical in "
        f"{same['strict_rate']:.1%} of {same['strict_visits']:,} visits, the three mildest in {same['mild_rate']:.1%} of "
        f"{same['mild_visits']:,} (everywhere: {same['strict_everywhere']:.1%} and {same['mild_everywhere']:.1%})."
    )


def _table(names: list, points: dict, draws: dict, lots: pd.DataFrame | None) -> str:
    lines = [f"| | {' | '.join(HEADS.values())} |", "|---" * (len(HEADS) + 1) + "|"]
    for name in names:
        cells = [_cell(points[name][measure], draws[name][:, place]) for place, measure in enumerate(MEASURES)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    if lots is not None:
        cells = [f"{lots[measure].mean():.3f} (sd {lots[measure].std():.3f})" for measure in MEASURES]
        lines.append(f"| random order, {len(lots)} draws | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(value: float, draws) -> str:
    low, high = interval(draws)
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def _differences(ours: str, rivals: list, draws: dict, points: dict) -> str:
    chosen = ("auc", "mean_days_earlier", "within_inspector", "within_industry")
    lines = [f"| minus | {' | '.join(HEADS[measure] for measure in chosen)} |", "|---" * (len(chosen) + 1) + "|"]
    for name in rivals:
        cells = []
        for measure in chosen:
            place = MEASURES.index(measure)
            low, high = interval(draws[ours][:, place] - draws[name][:, place])
            cells.append(f"{points[ours][measure] - points[name][measure]:+.3f} [{low:+.3f}, {high:+.3f}]")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _industries(rows: list) -> str:
    lines = ["| industry | visits | bad | observed | mean risk | AUC |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {name} | {n:,} | {bad} | {bad / n:.3f} | {risk:.3f} | {_area(area, n, bad)} |" for name, n, bad, risk, area in rows
    ]
    return "\n".join(lines)


def _area(area: float, rows: int, bad: int) -> str:
    return f"{area:.3f}" if min(bad, rows - bad) >= 5 else "too few"


def write_page(readme: Path, pages: dict) -> None:
    """Put each page between ``<!-- name -->`` and ``<!-- /name -->``."""
    text = readme.read_text("utf-8")
    for name, page in pages.items():
        start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if start not in text or end not in text:
            raise SystemExit(f"{readme}: expected the markers {start} and {end}")
        text = text[: text.index(start) + len(start)] + f"\n{page}\n" + text[text.index(end) :]
    readme.write_text(text, "utf-8")
