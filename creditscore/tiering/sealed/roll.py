"""The roll of a drawn plan: whom to visit now, the sealed sample and what its log changed."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from creditscore.tiering.drawn import DrawnPlan
from creditscore.vocabulary import ON_SITE

ROLL_COLUMNS = (
    "task", "subject_id", "name", "industry", "region", "tier", "stratum", "inclusion_probability", "ticket", "mode",
    "mode_probability", "merged_with", "standing", "since", "replaces", "replaced_by", "team",
)  # fmt: skip
_MILLION = 1_000_000


def roll(drawn: DrawnPlan, log: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per subject that was to be visited at any time, by subject_id.

    ``standing`` is ``drawn``, ``replacement`` or ``late``; ``since`` is the day on which one that was not drawn was
    logged; ``replaced_by`` is empty for those who are still to be visited. ``mode_probability`` is the chance of
    being drawn *for that mode*: what makes a finding on site a label is the random on-site part, p = on_site / N of
    the stratum. ``team`` are staff ids, the leader first.
    """
    replaced = {line["subject_id"]: line for line in log if line["what"] == "replaced"}
    came = {line["replaced_by"]: line for line in log if line["what"] == "replaced"}
    sample = drawn.sample
    frame = sample[sample["drawn"] | sample["subject_id"].isin(list(came))].copy()
    frame["mode"] = [
        came[one]["mode"] if one in came else mode for one, mode in zip(frame["subject_id"], frame["mode"], strict=True)
    ]
    frame["mode_probability"] = _by_mode(frame, drawn.strata)
    frame["since"] = [dt.date.fromisoformat(came[one]["on"]) if one in came else None for one in frame["subject_id"]]
    frame["standing"] = ["replacement" if one in came else "drawn" for one in frame["subject_id"]]
    frame["replaces"] = [came[one]["subject_id"] if one in came else "" for one in frame["subject_id"]]
    teams = drawn.inspectors.sort_values(["subject_id", "place"]).groupby("subject_id")["staff_id"].agg(list).to_dict()
    teams |= {one: list(line["team"]) for one, line in came.items()}
    frame["team"] = [teams.get(one, []) for one in frame["subject_id"]]
    late = [_late(line, drawn) for line in log if line["what"] == "joined" and line["mode"]]
    frame = pd.concat([frame, pd.DataFrame(late, columns=frame.columns)], ignore_index=True) if late else frame
    frame["replaced_by"] = [replaced[one]["replaced_by"] if one in replaced else "" for one in frame["subject_id"]]
    return frame[list(ROLL_COLUMNS)].sort_values("subject_id", ignore_index=True)


def _by_mode(frame: pd.DataFrame, strata: pd.DataFrame) -> list[float]:
    columns = (strata[name].tolist() for name in ("stratum", "on_site", "target", "population"))
    numbers = {stratum: (on_site, target - on_site, size) for stratum, on_site, target, size in zip(*columns, strict=True)}
    found = []
    for stratum, mode in zip(frame["stratum"], frame["mode"], strict=True):
        on_site, off_site, size = numbers[stratum]
        found.append((on_site if mode == ON_SITE else off_site) / size)
    return found


def _late(line: Mapping[str, Any], drawn: DrawnPlan) -> dict[str, Any]:
    """A late subject as a row: p is its stratum's ratio, split by the share on site."""
    names = ("subject_id", "name", "industry", "region", "tier", "stratum", "ticket", "mode")
    share = line["on_site_ppm"] if line["mode"] == ON_SITE else _MILLION - line["on_site_ppm"]
    return {
        **{name: line[name] for name in names},
        "task": drawn.task.id,
        "drawn": True,
        "inclusion_probability": line["ratio_ppm"] / _MILLION,
        "mode_probability": line["ratio_ppm"] * share / _MILLION**2,
        "exempt_reason": "",
        "merged_with": "",
        "standing": "late",
        "since": dt.date.fromisoformat(line["on"]),
        "replaces": "",
        "team": list(line["team"]),
    }
