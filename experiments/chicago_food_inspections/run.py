"""Does a card of the firm alone hold against its rivals on Chicago's inspections, and what was the famous gain made of?

    python experiments/chicago_food_inspections/run.py --rehearse     # the choices, on training data only
    python experiments/chicago_food_inspections/run.py --write        # also the test window, once; tables into README.md

Reads ../shared/data/chicago_food_inspections beside the repository, or --data.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import creditscore as cs

# The parts of this experiment lie beside this file, however it is started (by path or with -m).
sys.path.insert(0, str(Path(__file__).resolve().parent))

from choose import choose_setting, choose_trees
from contenders import Setting, card_risk, chosen, fit_cards, lightgbm_risk, logistic_risk, optbinning_risk
from history import History, modelling_table, read_history
from judge import DRAWS, bootstrap, measures, protocol, random_order, within
from page import choices_page, results_page, write_page
from published import refits, same_licences, strictness

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OURS = "creditscore, industry cards"


def main() -> None:
    """The choices, then (unless rehearsing) the test window."""
    options = _options()
    if not (options.data / "chicago_protocol.py").is_file():
        sys.exit(
            f"{options.data}: expected the folder of Chicago's inspections with chicago_protocol.py (got nothing); give --data"
        )
    history = read_history(ROOT / "configs" / "chicago", options.data)
    setting, trials = choose_setting(history)
    trees, grown = choose_trees(history, setting)
    pages = {"choices": choices_page(history, setting, trials, trees, grown)}
    print(pages["choices"])
    refuse_another_card(history, setting)
    if not options.rehearse:
        pages["results"] = judged(history, setting, trees, options.data)
        print("\n" + pages["results"])
    if options.write:
        write_page(HERE / "README.md", pages)


def refuse_another_card(history: History, setting: Setting) -> None:
    """The project's files hold what was chosen: the command line trains the card that is judged here."""
    project = history.project
    spec, wanted = project.scorecards, chosen(project, history.features, setting)
    held = Setting(ridge=spec.ridge, slope_sd=spec.pooling.slope_sd, nuisance=spec.nuisance == "inspectors")
    same = (held.ridge, held.slope_sd, held.nuisance) == (setting.ridge, setting.slope_sd, setting.nuisance)
    if not same or [f.name for f in wanted] != [f.name for f in project.features]:
        sys.exit(f"configs/chicago: expected what was chosen, {setting} with {', '.join(f.name for f in wanted)} (got {held})")


def judged(history: History, setting: Setting, trees: tuple[int, int], data: Path) -> str:
    """Every contender over the test window."""
    test, table, evaluate = history.test.rows, modelling_table(data), protocol(data).evaluate
    known = test["place"].notna().to_numpy()
    risks = {name: _everyone(risk, known, history) for name, risk in firm_risks(history, setting, trees).items()}
    ours = np.log(risks[OURS] / (1 - risks[OURS]))
    others = {"published model, stored score": test["published_glm_score"].to_numpy(), **refits(table)}
    others["creditscore and who inspects (no score of a firm)"] = ours + test["inspector_group"].map(strictness(table)).to_numpy()
    everyone = {**risks, **others}
    points = {name: measures(test, risk, evaluate) for name, risk in everyone.items()}
    draws = bootstrap(test, everyone, evaluate)
    facts = {
        "scored": history.scored, "covered": float(known.mean()), "rows": len(test), "bads": int(test["y"].sum()),
        "by_industry": by_industry(history, risks[OURS]), "level": level(test, risks[OURS]),
        "strictness": met_before(history, risks), "same": same_licences(table),
    }  # fmt: skip
    return results_page(OURS, list(risks), list(others), points, draws, random_order(test, evaluate), facts)


def firm_risks(history: History, setting: Setting, trees: tuple[int, int]) -> dict:
    """Ours, three that lack one of its parts, and the rivals on its features."""
    features, train, test = chosen(history.project, history.features, setting), history.train, history.test

    def cards(**changed):
        return card_risk(fit_cards(history.project, history.features, setting.changed(**changed), train), test)

    return {
        OURS: cards(),
        "optbinning, default card": optbinning_risk(features, train, test),
        "logistic regression": logistic_risk(features, train, test),
        "LightGBM, trends, tuned": lightgbm_risk(features, train, test, leaves=trees[0], rounds=trees[1]),
        "LightGBM, default": lightgbm_risk(features, train, test),
        "ours, ratios whoever inspected": cards(findings="blind"),
        "ours, inspectors no nuisance": cards(nuisance=not setting.nuisance),
        "ours, no findings": cards(findings="none", re_inspections=False),
    }


def _everyone(risk: np.ndarray, known: np.ndarray, history: History) -> np.ndarray:
    """A licence out of scope on the day has no score and takes the mean of the training rows."""
    return np.where(known, risk, history.train.rows["y"].mean())


def level(test: pd.DataFrame, risk: np.ndarray) -> str:
    """Calibration by the library's own measures."""
    found = cs.evaluate(test["y"], risk, groups=test["industry"], subjects=test["subject_id"], n_boot=DRAWS)
    names = ("observed_expected", "calibration_slope", "brier", "within_group_auc")
    told = {name: (found[name], *found.intervals[name]) for name in names}
    return ", ".join(f"{name} {value:.3f} [{low:.3f}, {high:.3f}]" for name, (value, low, high) in told.items())


def by_industry(history: History, risk: np.ndarray) -> list:
    """Visits, bads and AUC of each industry of the test window."""
    rows, found = history.test.rows, []
    for industry, group in rows.groupby(rows["industry"].fillna("unknown")):
        y = group["y"].to_numpy()
        area = within(y, risk[group.index], np.zeros(len(y))) if 0 < y.sum() < len(y) else float("nan")
        found.append((industry, len(y), int(y.sum()), float(risk[group.index].mean()), area))
    return found


def met_before(history: History, risks: dict) -> dict:
    """Correlation over ranks of each risk with the mean strictness of those who came before to the same licence."""
    rows = history.train.rows[["subject_id", "y", "inspectors"]].dropna(subset=["inspectors"])
    who = rows["inspectors"].map(lambda team: team[0])
    met = who.map(rows["y"].groupby(who).mean()).groupby(rows["subject_id"]).mean()
    strict = history.test.rows["subject_id"].map(met)
    seen = strict.notna().to_numpy()
    ranks = strict[seen].rank().to_numpy()
    return {name: float(np.corrcoef(ranks, _ranks(risk[seen]))[0, 1]) for name, risk in risks.items()}


def _ranks(values: np.ndarray) -> np.ndarray:
    order = np.unique(values, return_inverse=True)[1]
    counts = np.bincount(order)
    return (np.cumsum(counts) - (counts - 1) / 2)[order]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "chicago_food_inspections")
    parser.add_argument("--rehearse", action="store_true", help="only the choices: the test window stays shut")
    parser.add_argument("--write", action="store_true", help="put the tables into README.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
