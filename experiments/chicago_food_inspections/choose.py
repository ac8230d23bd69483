"""Choices by rolling origin inside the training period: fitted before an origin, judged on the two months after it."""

from contenders import Setting, card_risk, chosen, fit_cards, lightgbm_risk
from history import History, Sample
from judge import auc

#: One thing after the other; the first of each is the default, left only for a mean AUC that is this much higher.
STEPS = (
    ("findings", ("ratio", "blind", "none")),
    ("windows", ("36", "36 and 12")),
    ("re_inspections", (True, False)),
    ("nuisance", (True, False)),
    ("ridge", (None, 0.005, 0.05, 0.2)),
    ("slope_sd", (None, 0.0)),
)
GAIN = 0.001
TREES = tuple((leaves, rounds) for leaves in (4, 8, 16) for rounds in (100, 200, 400))


def before(history: History, origin) -> Sample:
    """The training rows whose visit lay before an origin."""
    return history.train.only(history.train.rows["event_date"] < origin)


def fold_aucs(history: History, risk) -> list:
    """AUC per origin of ``risk(train, test)``."""
    return [auc(fold.rows["y"].to_numpy(), risk(before(history, origin), fold)) for origin, fold in history.folds]


def choose_setting(history: History) -> tuple[Setting, list]:
    """The setting, and one row per trial: step, option, mean AUC, AUC per origin, whether it was taken."""
    setting, trials = Setting(), []
    for step, options in STEPS:
        found = []
        for option in options:
            trial = setting.changed(**{step: option})
            aucs = fold_aucs(
                history, lambda train, fold, t=trial: card_risk(fit_cards(history.project, history.features, t, train), fold)
            )
            found.append((sum(aucs) / len(aucs), option, aucs))
        best = max(found[1:], key=lambda one: one[0])
        taken = best if best[0] >= found[0][0] + GAIN else found[0]
        setting = setting.changed(**{step: taken[1]})
        trials += [(step, option, mean, aucs, option == taken[1]) for mean, option, aucs in found]
    return setting, trials


def choose_trees(history: History, setting: Setting) -> tuple[tuple[int, int], list]:
    """Leaves and rounds of LightGBM by the same origins, on the features of the setting."""
    features, trials = chosen(history.project, history.features, setting), []
    for leaves, rounds in TREES:
        aucs = fold_aucs(history, lambda a, b, n=leaves, k=rounds: lightgbm_risk(features, a, b, leaves=n, rounds=k))
        trials.append((leaves, rounds, sum(aucs) / len(aucs)))
    best = max(trials, key=lambda one: (round(one[2], 6), -one[0], -one[1]))
    return (best[0], best[1]), trials
