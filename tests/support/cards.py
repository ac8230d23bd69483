"""Small cards and frames for tests."""

import numpy as np
import pandas as pd

from creditscore.config.scorecards import Scaling
from creditscore.config.spec import Label
from creditscore.models.scorecard import Attribute, Baseline, Characteristic, Scorecard


def attribute(kind, points, **rest):
    rest.setdefault("label", f"{rest.get('lower')}..{rest.get('upper')}" if kind == "interval" else kind)
    return Attribute(**{"kind": kind, "points": points, "rows": 100, "weight": 0.1, "woe": points / 28.9, "bad_rate": 0.05, **rest})


def number(name, edges, points, *, missing=0, special=(), source="public", **rest):
    bounds = [None, *edges, None]
    intervals = [attribute("interval", p, lower=a, upper=b) for a, b, p in zip(bounds, bounds[1:], points, strict=False)]
    specials = [attribute("special", p, values=(code,)) for code, p in special]
    return _characteristic(name, "number", (*intervals, *specials, attribute("missing", missing)), source, rest)


def text(name, categories, *, missing=0, other=-7, source="base", **rest):
    bins = [attribute("category", p, values=values, label=", ".join(values)) for values, p in categories]
    return _characteristic(name, "text", (*bins, attribute("missing", missing), attribute("other", other)), source, rest)


def _characteristic(name, kind, attributes, source, rest):
    given = {"label": Label(zh=f"指标{name}", en=name), "trend": "none", "coefficient": 1.0, "information_value": 0.1, **rest}
    return Characteristic(name=name, kind=kind, attributes=attributes, source=source, **given)


def cross(first, second, groups, points):
    """A cross of two characteristics; ``groups`` divides the attributes of each, ``points`` has a row per group of the first."""
    cells = [
        attribute("cell", p, sides=(own, other), label=f"{first.name} {own} & {second.name} {other}")
        for own, row in zip(groups[0], points, strict=True)
        for other, p in zip(groups[1], row, strict=True)
    ]
    rest = {"features": (first.name, second.name)}
    return _characteristic(f"{first.name} × {second.name}", "cross", tuple(cells), first.source, rest)


def crossed_card(**changes):
    """The card with a cross of a number, which has special codes, and a text."""
    share = card().characteristics[1]
    kind = text("kind", ((("甲",), 4), (("乙", "it's"), -3)), missing=1, other=-7, source="public")
    groups = (((0, 1), (2, 3, 4), (5, 6)), ((0, 3), (1,), (2,)))
    both = cross(share, kind, groups, ((-8, 3, 0), (5, -2, 1), (0, 0, -4)))
    one = card()
    extra = {"kind": 1, both.name: 2}
    baselines = tuple(b.model_copy(update={"points": b.points | extra}) for b in one.baselines)
    return card(**{"characteristics": (*one.characteristics, kind, both), "baselines": baselines, **changes})


def card(**changes):
    """Every kind of attribute, two baselines, a float edge that no decimal has exactly, quotes in a category."""
    characteristics = (
        number("arrears", (1, 3), (12, -4, -31), missing=-6, source="market"),
        number("share", (0.1, 0.30000000000000004, 2.5), (-20, -3, 8, 17), special=((-9, -11), (0.2, 5)), missing=2),
        text("grade", ((("优",), 25), (("良", "it's"), 9), (("差",), -40)), missing=-2, other=-7),
        number("training", (1, 5), (0, 3, 6), missing=0, source="self_declared", unverified_cap=6),
        number("age", (12,), (-8, 6), missing=0, source="industry"),
    )
    near = {"arrears": 5, "share": 4, "grade": 3, "training": 1, "age": 0}
    given = {
        "name": "food",
        "industry": "food_service",
        "target": "violation",
        "scaling": Scaling(base_score=600, base_odds=50, pdo=20),
        "constant": 512,
        "characteristics": characteristics,
        "baselines": (
            Baseline(name="population", points={"arrears": 8, "share": 3, "grade": 4, "training": 1, "age": 2}),
            Baseline(name="C", above_score=480, points={name: value - 9 for name, value in near.items()}),
            Baseline(name="B", above_score=510, points=near),
        ),
        "training": {"rows": 1200, "window": ["2022-01-01", "2023-12-31"], "effective_size": 903.25},
    }
    return Scorecard(**{**given, **changes})


def frame(n=400, seed=0):
    """Every kind of value of the columns of :func:`card`, without infinities; columns in another order."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "grade": rng.choice(np.array(["优", "良", "it's", "差", "unseen", None, ""], dtype=object), n),
            "age": rng.choice([3.0, 12.0, np.nan, 1000.0], n),
            "share": rng.choice([0.1, 0.2, 0.3, 0.1 + 0.2, 2.5, -9.0, np.nan, 3e300, 0.0999999], n),
            "arrears": rng.choice([0.0, 1.0, 2.0, 3.0, np.nan], n),
            "training": rng.integers(0, 8, n),
        },
        index=rng.permutation(n) * 3 + 7,
    )
