"""``allocate_visits``: the ratio table that finds most with the visits there are, and what each floor costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from creditscore.config.spec import ppm
from creditscore.config.tasks import Task
from creditscore.dataframes import Floats
from creditscore.errors import DataError
from creditscore.inspection.forecast import PolicyForecast
from creditscore.inspection.rounding import ordered_pairs, smallest_total
from creditscore.language import pgettext
from creditscore.vocabulary import TIER_ORDER

_MILLION = 1_000_000


@dataclass(frozen=True)
class Allocation:
    """The optimum.

    Attributes:
        strata: One row per task, tier and industry: ``population rate on_site_share finds floor ratio_ppm visits expected
            extrapolated``; ``finds`` is what a visit is expected to find, the rate times the share made on site;
            ``ratio_ppm`` is rounded down, so that the capacities hold; ``visits`` is what it gives, not rounded.
        departments: One row per department: ``capacity used price``; the price is the violations that one more
            visit would find.
        floors: One row per tier with a floor: ``floor price``; the price is how many more violations would be
            found without it, everything else unchanged.
        expected: Violations that the visits are expected to find.
    """

    strata: pd.DataFrame
    departments: pd.DataFrame
    floors: pd.DataFrame
    expected: float

    def table(self) -> pd.DataFrame:
        """Ratio by task and tier, over all industries: one row per task, a column per tier."""
        summed = self.strata.groupby(["task", "tier"], sort=True)[["visits", "population"]].sum()
        ratio = (summed["visits"] / summed["population"]).unstack("tier")
        return ratio.reindex(columns=[tier for tier in TIER_ORDER if tier in ratio.columns])


def allocate_visits(
    forecasts: Mapping[str, PolicyForecast],
    *,
    tasks: Mapping[str, Task],
    capacity: Mapping[str, int],
    floors: Mapping[str, float],
    caps: Mapping[str, float] | None = None,
) -> Allocation:
    """Spread each department's visits over tasks, tiers and industries so that they are expected to find most.

    A linear programme (HiGHS): maximise the sum of finds x visits, with ``floor <= ratio <= cap`` in every stratum, ratios
    that never fall from A to D nor for NR below B within a task and industry, everyone where coverage is full, at most
    ``capacity`` visits per department, and at most a task's own ``capacity`` and at least its ``min_ratio`` or ``target``.

    Args:
        forecasts: By task, of :func:`forecast_policy` with that task: populations and rates of its strata.
        tasks: The tasks by id.
        capacity: Visits per department. A department of ``tasks`` must be given.
        floors: Smallest ratio per tier, above 0: no tier is exempt. All tiers that occur.
        caps: Largest ratio per tier; 1 where none is given.

    Raises:
        DataError: A floor is missing or no ratio; a department's visits do not reach its floors; there are no strata.
    """
    strata = _strata(forecasts, tasks, floors, caps or {})
    departments = sorted({tasks[task].department for task in forecasts})
    unknown = [name for name in departments if name not in capacity]
    if unknown:
        raise DataError("capacity: expected the visits of every department (got none for {unknown})", unknown=", ".join(unknown))
    programme = _Programme(strata, tasks, capacity)
    best = programme.solve(strata["floor"])
    if best is None:
        raise DataError(programme.shortage())
    visits, prices = best
    expected = float(strata["finds"].to_numpy() @ visits)
    ratio = visits / strata["population"].to_numpy()
    # Rounded down to millionths; what is whole but for the solver's last digits stays.
    table = strata.assign(ratio_ppm=np.floor(np.round(ratio * _MILLION, 3)).astype(np.int64))
    table["visits"] = table["ratio_ppm"] * table["population"] / _MILLION
    table["expected"] = table["visits"] * table["finds"]
    used = table.groupby("department")["visits"].sum()
    rows = [(name, capacity[name], float(used[name]), prices[name]) for name in departments]
    by_department = pd.DataFrame(rows, columns=["department", "capacity", "used", "price"])
    return Allocation(table.drop(columns=["cap"]), by_department, programme.floor_prices(floors, expected), expected)


def _strata(
    forecasts: Mapping[str, PolicyForecast], tasks: Mapping[str, Task], floors: Mapping[str, float], caps: Mapping[str, float]
) -> pd.DataFrame:
    columns = ["tier", "industry", "population", "rate", "on_site_share", "full_coverage", "extrapolated"]
    unknown = sorted(set(forecasts) - set(tasks))
    if unknown or not forecasts:
        raise DataError(
            "forecasts: expected forecasts of tasks (got {unknown})", unknown=", ".join(unknown) or pgettext("list", "none")
        )
    parts = [one.strata[columns].assign(task=task, department=tasks[task].department) for task, one in sorted(forecasts.items())]
    strata = pd.concat(parts, ignore_index=True)
    for tier in sorted(set(strata["tier"])):
        low, high = floors.get(tier, 0.0), caps.get(tier, 1.0)
        if not 0 < low <= high <= 1:
            raise DataError(
                "tier {tier}: expected a floor above 0 and at most its cap (got {low} and {high}): no tier is exempt",
                tier=tier,
                low=low,
                high=high,
            )
    return strata.assign(
        finds=strata["rate"] * strata["on_site_share"],
        floor=np.where(strata["full_coverage"], 1.0, strata["tier"].map(dict(floors))),
        cap=np.where(strata["full_coverage"], 1.0, [caps.get(tier, 1.0) for tier in strata["tier"]]),
    )


@dataclass(frozen=True)
class _Programme:
    """The linear programme over the strata of :func:`_strata`; one variable per stratum, its visits."""

    strata: pd.DataFrame
    tasks: Mapping[str, Task]
    capacity: Mapping[str, int]

    def solve(self, floor: pd.Series) -> tuple[Floats, dict[str, float]] | None:
        """Visits per stratum and the price of each department's capacity; None where the floors do not fit."""
        from scipy.optimize import linprog

        strata = self.strata
        population = strata["population"].to_numpy(dtype=float)
        departments = sorted(set(strata["department"]))
        rows, limits = self._limits(departments)
        order = self._order()
        result = linprog(
            -strata["finds"].to_numpy(dtype=float),
            A_ub=sparse.vstack([rows, order]).tocsr(),
            b_ub=np.concatenate([limits, np.zeros(order.shape[0])]),
            bounds=np.column_stack([floor.to_numpy() * population, strata["cap"].to_numpy() * population]),
            method="highs",
        )
        if result.status != 0:
            return None
        marginals = zip(departments, result.ineqlin.marginals, strict=False)  # those of the departments come first
        return result.x, {name: -float(price) + 0.0 for name, price in marginals}

    def _limits(self, departments: Sequence[str]) -> tuple[sparse.csr_matrix, Floats]:
        """One row per department, then those of tasks that have a capacity of their own or visits that they make at least."""
        rows = [(self.strata["department"] == name).to_numpy(dtype=float) for name in departments]
        limits = [float(self.capacity[name]) for name in departments]
        for task in sorted(set(self.strata["task"])):
            own, needed = self.tasks[task].capacity, self._least(task)
            if own is not None:
                rows.append((self.strata["task"] == task).to_numpy(dtype=float))
                limits.append(float(own))
            if needed:
                rows.append(-(self.strata["task"] == task).to_numpy(dtype=float))
                limits.append(-float(needed))
        return sparse.csr_matrix(np.array(rows)), np.array(limits)

    def _order(self) -> sparse.csr_matrix:
        """Ratio of the safer tier minus that of the riskier one, at most 0, within each task and industry."""
        strata = self.strata
        keys = zip(strata["task"], strata["industry"], strata["tier"], strict=True)
        variable = {key: number for number, key in enumerate(keys)}
        population = strata["population"].to_numpy(dtype=float)
        rows, columns, values, count = [], [], [], 0
        for task, industry in sorted({key[:2] for key in variable}):
            present = [tier for tier in TIER_ORDER if (task, industry, tier) in variable]
            for safer, riskier in ordered_pairs(present):
                low, high = variable[task, industry, safer], variable[task, industry, riskier]
                rows += [count, count]
                columns += [low, high]
                values += [1 / population[low], -1 / population[high]]
                count += 1
        return sparse.csr_matrix((values, (rows, columns)), shape=(count, len(strata)))

    def _least(self, task: str) -> int:
        """Visits that the whole task makes whatever the tiers give."""
        return smallest_total(self.tasks[task], int(self.strata.loc[self.strata["task"] == task, "population"].sum()))

    def shortage(self) -> str:
        """Which department or task has fewer visits than its floors need."""
        floors = (self.strata["floor"] * self.strata["population"]).groupby(self.strata["task"]).sum()
        by_task = pd.Series({task: max(float(floors[task]), self._least(str(task))) for task in floors.index})
        needed = by_task.groupby([self.tasks[str(task)].department for task in by_task.index]).sum()
        parts = [
            f"{name} needs {needed[name]:,.0f} and has {self.capacity[name]:,}"
            for name in needed.index
            if needed[name] > self.capacity[name]
        ]
        for task, lowest in by_task.items():
            own = self.tasks[str(task)].capacity
            parts += [f"task {task} needs {lowest:,.0f} and has {own:,}"] if own is not None and lowest > own else []
        return "capacity: expected visits enough for the floors (" + ("; ".join(parts) or "floors, caps and order do not fit") + ")"

    def floor_prices(self, floors: Mapping[str, float], expected: float) -> pd.DataFrame:
        """``tier, floor, price``: how many more violations would be found without the floor of a tier."""
        strata, rows = self.strata, []
        for tier in (tier for tier in TIER_ORDER if tier in set(strata["tier"])):
            best = self.solve(strata["floor"].where((strata["tier"] != tier) | strata["full_coverage"], 0.0))
            more = float(strata["finds"].to_numpy() @ best[0]) - expected if best else float("nan")
            rows.append({"tier": tier, "floor": ppm(floors[tier]) / _MILLION, "price": max(0.0, more)})
        return pd.DataFrame(rows)
