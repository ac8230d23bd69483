"""The strata of a frame: which subjects are drawn together, how many of each are drawn.

A stratum is task x tier x industry, in some tasks x region. Rounding up draws one of three as readily as one of a hundred, so
strata of a tier whose exact target is below one subject are joined first: what is left is close to the ratios and their order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from creditscore.config.policy import TierPolicy
from creditscore.config.tasks import Task
from creditscore.dataframes import texts
from creditscore.errors import DataError
from creditscore.inspection.candidates import Group
from creditscore.inspection.rounding import rounded_up, smallest_total, targets
from creditscore.vocabulary import TIER_ORDER, TierOrNone

#: The columns of the strata, one row per stratum: ``industry`` is empty for one that joins the small strata of a tier;
#: ``population`` N (without those who left), ``target`` n, ``ratio_ppm`` and ``on_site_ppm`` in millionths, ``on_site`` (how many
#: of the n are visited on site), ``full_coverage`` (bool), ``exempt`` (how many left). The hash covers all of them in this order.
STRATUM_COLUMNS = (
    "stratum", "tier", "industry", "region", "population", "target", "ratio_ppm", "on_site", "on_site_ppm",
    "full_coverage", "exempt",
)  # fmt: skip
#: Stands in the name of a stratum for an unknown industry or region.
NOT_KNOWN = "unknown"
#: In the place of the industry in the name of joined strata; an industry is never empty there.
JOINED = ""
_MILLION = 1_000_000
#: What is drawn alike before small strata are joined: a tier, an industry, and a region (empty where regions are not apart).
Cell = tuple[str, str, str]


@dataclass(frozen=True)
class Joining:
    """Which small strata are joined, and what the signed policy asks of every stratum, as the frame's hash covers it.

    ``verify_draw.py`` goes by the same rule, and checks ratios and shares on site against it.

    Attributes:
        ratios_ppm: The declared ratio of each tier, in millionths. A planner may edit ratios later; who is joined stays.
        on_site_ppm: The share of the drawn of each tier that is visited on site, in millionths.
        apart: Industries that are never joined, each with its own ``ratios_ppm`` and ``on_site_ppm``: those covered in full (a
            million in every tier), and those for which the policy has rules of their own.
    """

    ratios_ppm: Mapping[str, int]
    on_site_ppm: Mapping[str, int]
    apart: Mapping[str, Mapping[str, Mapping[str, int]]]

    @staticmethod
    def of(policy: TierPolicy, task: str | None) -> Joining:
        """What a policy says of a task."""
        apart = sorted({*policy.full_coverage, *policy.industry})
        return Joining(**_rules(policy, "", task), apart={industry: _rules(policy, industry, task) for industry in apart})

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for the frame's hash."""
        return {"ratios_ppm": self.ratios_ppm, "on_site_ppm": self.on_site_ppm, "apart": self.apart}

    @staticmethod
    def from_dict(document: Mapping[str, Any]) -> Joining:
        """From plain data."""
        return Joining(document["ratios_ppm"], document["on_site_ppm"], document["apart"])

    def joined(self, populations: Mapping[Cell, int]) -> set[Cell]:
        """The cells that are joined with others of their tier (and region): small, not apart, and not alone in it."""
        small = [cell for cell, size in populations.items() if self._is_small(cell, size)]
        together = Counter((tier, region) for tier, _industry, region in small)
        return {cell for cell in small if together[cell[0], cell[2]] > 1}

    def _is_small(self, cell: Cell, size: int) -> bool:
        """Whether less than one subject would be drawn but for rounding up."""
        return cell[1] not in self.apart and self.ratios_ppm[cell[0]] * size < _MILLION


def cell_of(tier: str, industry: str, region: str, task: Task | None) -> Cell:
    """The cell of a tier, an industry and a region; ``unknown`` where these are not known."""
    by_region = task is not None and task.by_region
    return tier, industry or NOT_KNOWN, (region or NOT_KNOWN) if by_region else ""


def cells_of(frame: pd.DataFrame, task: Task) -> list[Cell]:
    """The cell of each subject of a table with ``tier, industry, region``.

    Raises:
        DataError: An industry or region holds ``|`` or a control character.
    """
    industries, regions = texts(frame, "industry").tolist(), texts(frame, "region").tolist()
    refuse_strange([*industries, *(regions if task.by_region else ())], task)
    tiers = texts(frame, "tier").tolist()
    return [cell_of(*about, task) for about in zip(tiers, industries, regions, strict=True)]


def refuse_strange(texts: Iterable[str], task: Task) -> None:
    """Refuse industries and regions that cannot be part of the name of a stratum.

    Raises:
        DataError: One holds ``|`` or a control character.
    """
    strange = sorted({text for text in texts if text and ("|" in text or not text.isprintable())})
    if strange:
        raise DataError(
            "task {task_id}: expected industries and regions without '|' ({n_strange} have it)",
            task_id=task.id,
            n_strange=len(strange),
        )


def stratum_name(task: Task, cell: Cell, *, joined: bool) -> str:
    """``task|tier|industry``, with the region too where the task asks for it; the industry is empty in joined strata."""
    tier, industry, region = cell
    name = f"{task.id}|{tier}|{JOINED if joined else industry}"
    return f"{name}|{region}" if task.by_region else name


def is_joined(stratum: str) -> bool:
    """Whether a stratum joins the small ones of its tier, by its name.

    >>> is_joined("2024Q2-food|A|"), is_joined("2024Q2-food|A||431102"), is_joined("2024Q2-food|A|bakery")
    (True, True, False)
    """
    parts = stratum.split("|")
    return len(parts) > 2 and parts[2] == JOINED


def strata_of(groups: Mapping[Group, int], task: Task, joining: Joining) -> dict[Group, str]:
    """The stratum of each group of a frame.

    Args:
        groups: How many subjects are in each.
        task: The task.
        joining: Which small strata are joined.

    Raises:
        DataError: An industry or region holds ``|`` or a control character.
    """
    refuse_strange([text for one in groups for text in (one.industry, one.region if task.by_region else "")], task)
    cells = {group: cell_of(group.tier, group.industry, group.region, task) for group in groups}
    stay = dict.fromkeys(cells.values(), 0)
    for group, count in groups.items():
        stay[cells[group]] += 0 if group.reason else count
    joined = joining.joined(stay)
    return {group: stratum_name(task, cell, joined=cell in joined) for group, cell in cells.items()}


def stratum_of_late(cell: Cell, task: Task, strata: Iterable[str], joining: Joining | None) -> str:
    """The stratum of a subject that came after the frame: its own where there is one, else the joined one of its tier.

    An industry that the frame did not know had nobody in it, so it is small.
    """
    known = set(strata)
    own, joined = (stratum_name(task, cell, joined=together) for together in (False, True))
    may_join = joining is not None and cell[1] not in joining.apart
    return joined if own not in known and joined in known and may_join else own


def strata_table(groups: Mapping[Group, int], names: Mapping[Group, str], policy: TierPolicy, task: Task) -> pd.DataFrame:
    """The strata of a frame with their targets: the columns of :data:`STRATUM_COLUMNS`, from the safest tier to the riskiest.

    Args:
        groups: How many subjects are in each group of the frame.
        names: The stratum of each group.
        policy: The ratios.
        task: The task.
    """
    rows: dict[str, dict[str, Any]] = {}
    for group, count in groups.items():
        cell = cell_of(group.tier, group.industry, group.region, task)
        row = rows.setdefault(names[group], _stratum_row(names[group], cell, task))
        row["exempt" if group.reason else "population"] += count
    table = with_rules(pd.DataFrame(list(rows.values())), policy, task)
    order = {tier: position for position, tier in enumerate(TIER_ORDER)}
    table = table.sort_values(["tier", "stratum"], key=lambda column: column.map(order) if column.name == "tier" else column)
    return table.reset_index(drop=True)[list(STRATUM_COLUMNS)]


def _stratum_row(name: str, cell: Cell, task: Task) -> dict[str, Any]:
    """A stratum of which nobody is counted yet. What is unknown is empty, as in the frame; only the name says so."""
    tier, industry, region = (part if part != NOT_KNOWN else "" for part in cell)
    industry = "" if is_joined(name) else industry
    return {"stratum": name, "tier": tier, "industry": industry, "region": region, "population": 0, "exempt": 0}


def with_rules(strata: pd.DataFrame, policy: TierPolicy, task: Task | None) -> pd.DataFrame:
    """Strata with what the policy asks of them: ``full_coverage, ratio_ppm, on_site_ppm, target, on_site``.

    Args:
        strata: ``tier, industry, population``.
        policy: The ratios.
        task: With a ``min_ratio`` or a ``target``, all targets are raised together until the whole task reaches it.

    Raises:
        DrawError: The task's ``target`` is less than its ``min_ratio``, or more than there are subjects.
    """
    name = task.id if task else None
    rules = [stratum_rule(policy, i, t, task=name) for i, t in zip(strata["industry"], strata["tier"], strict=True)]
    return with_targets(
        strata.assign(
            full_coverage=strata["industry"].isin(policy.full_coverage),
            ratio_ppm=[ratio for ratio, _ in rules],
            on_site_ppm=[share for _, share in rules],
        ),
        task,
    )


def _rules(policy: TierPolicy, industry: str, task: str | None) -> dict[str, dict[str, int]]:
    """Ratio and share on site of each tier in an industry (``""``: in those without rules of their own)."""
    rules = {tier: stratum_rule(policy, industry, tier, task=task) for tier in TIER_ORDER}
    return {
        "ratios_ppm": {tier: ratio for tier, (ratio, _share) in rules.items()},
        "on_site_ppm": {tier: share for tier, (_ratio, share) in rules.items()},
    }


def stratum_rule(policy: TierPolicy, industry: str, tier: TierOrNone, *, task: str | None) -> tuple[int, int]:
    """The ratio of a stratum and the share of its drawn subjects that is visited on site, both in millionths."""
    rule = policy.rules_for(industry, task=task).of(tier)
    return _MILLION if industry in policy.full_coverage else rule.ratio_ppm, rule.on_site_ppm


def with_targets(strata: pd.DataFrame, task: Task | None) -> pd.DataFrame:
    """``target`` by ratio and population, and how many of it are ``on_site``: the share of the target, rounded up."""
    populations = strata["population"].tolist()
    at_least = smallest_total(task, sum(populations)) if task else 0
    numbers = targets(strata["ratio_ppm"].tolist(), populations, at_least=at_least)
    shares = zip(strata["on_site_ppm"].tolist(), numbers, strict=True)
    return strata.assign(target=numbers, on_site=[rounded_up(share, number) for share, number in shares])


def places_of(strata: Iterable[tuple[str, str, str, str]], task: Task) -> dict[tuple[str, str], dict[str, str]]:
    """By industry and region the stratum of each tier that has subjects there.

    Args:
        strata: Tier, industry, region and stratum of subjects.
        task: The task.
    """
    places: dict[tuple[str, str], dict[str, str]] = {}
    for tier, industry, region, stratum in sorted(set(strata)):
        _tier, known_industry, known_region = cell_of(tier, industry, region, task)
        places.setdefault((known_industry, known_region), {})[tier] = stratum
    return places
