"""Shows the shrinkage: what each industry's figures were, the parent's, and what the card uses."""

import pandas as pd

from creditscore.models.fit.industries import Group, Level
from creditscore.models.fit.pooling import ALL, Shares
from creditscore.models.training.sample import Sample, effective_size


def shrinkage_table(sample: Sample, groups: dict[str, Group], levels: dict[str, Level]) -> pd.DataFrame:
    """One row per industry, parents first; intercepts are log-odds of bad at WoE 0.

    ``own_weight_intercept`` and ``own_weight_attributes`` are the weights of the industry's own figures.
    """
    rows = []
    for code, group in groups.items():
        if code == ALL:
            continue
        level, inside = levels[code], group.rows
        rows.append(
            {
                "industry": code,
                "parent": group.parent,
                "rows": int(inside.sum()),
                "bads": int(sample.bad[inside].sum()),
                "effective_size": round(effective_size(sample.weight[inside]), 3),
                "effective_cases": round(group.cases, 3),
                "own_weight_attributes": round(group.attribute_weight, 6),
                "own_weight_intercept": round(level.own_weight, 6),
                "intercept_own": round(level.own, 6),
                "intercept_parent": round(level.parent, 6),
                "intercept_used": round(level.used, 6),
                "bad_rate_used": round(level.target, 9),
            }
        )
    return pd.DataFrame(rows)


def attribute_table(groups: dict[str, Group], *, smoothing: float) -> pd.DataFrame:
    """One row per industry, characteristic and attribute: WoE own, parent's, used (on the trend)."""
    rows = []
    for code, group in groups.items():
        if code == ALL:
            continue
        above = groups[group.parent]
        for place, table in enumerate(group.tables):
            own, parent = Shares.smoothed(group.own[place].good, group.own[place].bad, smoothing).woe(), above.tables[place].woe
            for attribute in range(len(table.rows)):
                rows.append(
                    {
                        "industry": code,
                        "characteristic": table.name,
                        "attribute": table.partition.label(attribute),
                        "weight": round(float(table.weight[attribute]), 9),
                        "own_weight": round(group.attribute_weight, 6),
                        "woe_own": round(float(own[attribute]), 6),
                        "woe_parent": round(float(parent[attribute]), 6),
                        "woe_used": float(table.woe[attribute]),
                    }
                )
    return pd.DataFrame(rows)
