"""The words for codes: tiers, states, sources, outcomes, units."""

from __future__ import annotations

from collections.abc import Mapping

from creditscore.language import Message, Text, Words, _, pgettext
from creditscore.vocabulary import NotRatedWhy

#: Between the parts of a text, such as several measures.
BETWEEN_PARTS = pgettext("between parts", "; ")
#: What is not known of a subject.
UNKNOWN_WORD = _("(unknown)")
ALL_INDUSTRIES = _("All industries")
EVERYONE = _("All")
YES = _("yes")
NO = _("no")
TIER_WORDS: dict[str, Message] = {
    "A": _("A low risk"),
    "B": _("B ordinary risk"),
    "C": _("C raised risk"),
    "D?": _("D proposed"),
    "D": _("D high risk"),
    "NR": _("NR not rated"),
}
SOURCE_WORDS: dict[str, Message] = {
    "base": _("Base"),
    "public": _("Public"),
    "industry": pgettext("source", "Industry"),
    "market": _("Market"),
    "self_declared": _("Self-declared"),
}
SUBJECT_TYPE_WORDS: dict[str, Message] = {
    "enterprise": _("Enterprise"),
    "individual_business": _("Individual business"),
    "co_operative": _("Co-operative"),
    "government": _("Government"),
    "institution": _("Institution"),
    "practitioner": _("Practitioner"),
}
GROUP_WORDS: dict[str, Message] = {
    "subject_type": _("Subject type"),
    "size_class": _("Size class"),
    "region": pgettext("group", "Region"),
    "ownership": _("Ownership"),
    "unknown": _("Unknown"),
}
SIZES: dict[str, Message] = {
    "large": _("Large"),
    "medium": _("Medium"),
    "small": _("Small"),
    "micro": _("Micro"),
}
OWNERSHIPS: dict[str, Message] = {
    "state": _("State"),
    "collective": _("Collective"),
    "private": _("Private"),
    "foreign": _("Foreign"),
}
#: Words of gradings; a grade without words is shown as it is.
GRADES: dict[str, Message] = {
    "优": _("优 excellent"),
    "良": _("良 good"),
    "中": _("中 fair"),
    "差": _("差 poor"),
    "excellent": _("excellent"),
    "good": _("good"),
    "pass": _("pass"),
    "fail": _("fail"),
}
#: Results of records as sources of the shipped projects write them; a result without words is shown as it is.
RESULTS: dict[str, Message] = {
    "kept": pgettext("result", "kept"),
    "broken": pgettext("result", "broken"),
    "performed": pgettext("result", "performed"),
    "breached": pgettext("result", "breached"),
    "pending": pgettext("result", "pending"),
    "fulfilled": pgettext("result", "fulfilled"),
    "in_arrears": pgettext("result", "in arrears"),
    "upheld": pgettext("result", "upheld"),
    "unfounded": pgettext("result", "unfounded"),
    "mediated": pgettext("result", "mediated"),
    "lost": pgettext("result", "lost"),
    "part": pgettext("result", "lost in part"),
    "profit": pgettext("result", "profit"),
    "loss": pgettext("result", "loss"),
    "growing": pgettext("result", "growing"),
    "steady": pgettext("result", "steady"),
    "falling": pgettext("result", "falling"),
    "green": pgettext("result", "green"),
    "blue": pgettext("result", "blue"),
    "yellow": pgettext("result", "yellow"),
    "red": pgettext("result", "red"),
    "none": pgettext("result", "nothing found"),
    "violation": pgettext("result", "violation found"),
    "not_found": pgettext("result", "not found at the address"),
    "closed": pgettext("result", "closed"),
    "refused": pgettext("result", "inspection refused"),
}
#: Visits by what they were for.
TRIGGER_WORDS: dict[str, Message] = {
    "random": _("Random inspection"),
    "full_coverage": _("Inspection of every firm"),
    "complaint": _("Inspection after a complaint"),
    "follow_up": _("Follow-up inspection"),
    "special": _("Special inspection"),
}
#: Why a record does not count.
STATES: dict[str, Message] = {
    "repaired": pgettext("state of a record", "repaired"),
    "withdrawn": pgettext("state of a record", "withdrawn"),
    "dispute_upheld": pgettext("state of a record", "objection upheld"),
    "disputed": pgettext("state of a record", "under objection"),
    "expired": pgettext("state of a record", "its last day is over"),
}
#: What an objection contests.
CONTESTED_WORDS: dict[str, Message] = {
    "record": pgettext("contested", "a record"),
    "visit": pgettext("contested", "the result of an inspection"),
    "rating": pgettext("contested", "a grade of another authority"),
    "tier": pgettext("contested", "the tier"),
    "draw": pgettext("contested", "the draw"),
}
#: Classes of records by the rules of repair.
REPAIR_CLASSES: dict[str, Message] = {
    "minor": pgettext("class of repair", "minor"),
    "general": pgettext("class of repair", "general"),
    "serious": pgettext("class of repair", "serious"),
    "own_rule": pgettext("class of repair", "of its own rule"),
}
#: What decided a tier, told to the subject; by ``vocabulary.ReasonKind``.
RULE_MEANINGS: dict[str, Message] = {
    "cut": _("The score decides: it is compared with the limits of the tiers."),
    "dispute": _("A record is under objection. Until that is decided the tier neither rises nor falls because of it."),
    "incomplete": _("Records that may count against the firm could not be read. Until they are mended the tier gets no better."),
    "stability": _("The score is good enough for a better tier. It must last for a time before the tier rises."),
    "override_ended": _("A record that had set the tier no longer counts. From now on the score decides."),
    "record_ended": _(
        "A record against the firm was repaired, withdrawn or corrected, or has ended: the better tier holds at once."
    ),
    "signature_ended": _("The signature under D has ended with a record that it rested on."),
    "review_rejected": _(
        "An official looked at a worse tier and did not approve it. It does not hold; whatever else there is decides as ever."
    ),
}
#: Why there is no tier, told to the subject.
NOT_RATED_MEANINGS: dict[NotRatedWhy, Message] = {
    "new_subject": _("There is no tier yet: the firm was registered too recently."),
    "register": _("There is no tier: the firm's own row of the register of subjects cannot be used."),
    "incomplete": _("There is no tier: records that may count against the firm could not be read, and never read whole before."),
    "no_card": _("There is no tier: there is no scorecard for the trade of the firm."),
    "other": _("There is no tier: too little is known, or what is known cannot be used."),
}
#: Features keep ratios in millionths; they are printed as ratios.
PARTS_PER_MILLION = "ppm"
UNITS: dict[str, Message] = {
    "records": _("records"),
    "days": _("days"),
    "months": _("months"),
    "departments": _("departments"),
    "points": _("points"),
    "grade": _("grade"),
    "yuan": _("yuan"),
    "text": _("text"),
    "0 or 1": _("0 or 1"),
    "severity 1-10": _("severity 1-10"),
    "severity 1-6": _("severity 1-6"),
    PARTS_PER_MILLION: _("ratio"),
}
#: The units of the figure 1.
ONE_UNIT: dict[str, Message] = UNITS | {
    "records": pgettext("one", "record"),
    "days": pgettext("one", "day"),
    "months": pgettext("one", "month"),
    "departments": pgettext("one", "department"),
    "points": pgettext("one", "point"),
}
PURPOSES: dict[str, Message] = {
    "supervision": _("Supervision: where inspections go"),
    "financing": _("Financing"),
    "bidding": _("Bidding"),
}
#: First words of the facts on the first sheet.
FACTS: dict[str, Message] = {
    "config": _("configuration"),
    "policy": _("policy"),
    "catalogue": _("catalogue edition"),
    "codes": _("standards of codes"),
    "input": _("input"),
    "version": _("version of"),
    "scorecard": _("scorecard"),
}
#: Parts of the row equation of a table.
ARRIVALS: dict[str, Message] = {
    "arrived": _("arrived"),
    "kept": _("= kept"),
    "quarantined": _("+ quarantined"),
    "collapsed": _("+ collapsed duplicates"),
}
MODE_WORDS: dict[str, Message] = {"on_site": _("on_site"), "off_site": _("off_site")}
STANDINGS: dict[str, Message] = {
    "drawn": _("drawn"),
    "replacement": _("replacement"),
    "late": _("late"),
    "also": _("checked along"),
}
DECISIONS: dict[str, Message] = {"approve": _("approve"), "reject": _("reject")}
#: What decided a tier, where no record did: by ``vocabulary.ReasonKind``.
RULES: dict[str, Message] = {
    "cut": _("by score"),
    "not_rated": _("not rated: too little is known"),
    "new_subject": _("not rated: registered too recently"),
    "dispute": _("objection open: tier not moved by it"),
    "incomplete": _("records against it were refused: no better tier until they are mended"),
    "stability": _("waiting to rise: the better score must last"),
    "override_ended": _("the record behind an earlier rule no longer counts"),
    "record_ended": _("a record against it was repaired, withdrawn or has ended: the better tier holds at once"),
    "signature_ended": _("the signature under D has ended with a record that it rested on"),
    "review_rejected": _("a reviewer did not approve"),
}
#: Why a visit or a subject did not train.
LEFT_OUT: dict[str, Message] = {
    "not drawn at random": _("Not drawn at random"),
    "other trigger": _("Other trigger"),
    "not on_site": _("Not on site"),
    "not off_site": _("Not off site"),
    "outcome excluded": _("No outcome: not found, closed, refused"),
    "no record that set off the visit": _("No record that set off the visit"),
    "result taken away on objection": _("Result taken away on objection"),
    "no inclusion probability": _("No inclusion probability"),
    "not of the scored population on the day before": _("Not of the scored population on the day before"),
    "left before it was observed long enough": _("Left before it was observed long enough"),
}
#: Why a row of the register is not scored.
OUT_OF_SCOPE: dict[str, Message] = {
    "deregistered": _("Deregistered"),
    "revoked": _("Revoked"),
    "government": _("Government body: never scored"),
    "institution": _("Public institution: never scored"),
    "practitioner": _("Practitioner: a project of its own"),
    "not_yet_known": _("Not yet known that day"),
    "not_yet_registered": _("Not yet registered that day"),
    "older_version": _("Older version of a subject"),
}
RIVALS: dict[str, Message] = {
    "lightgbm": _("LightGBM, the card's trends"),
    "logistic": _("Logistic regression"),
    "optbinning": _("optbinning's default card, no weights"),
}
#: Cells of the swap set.
CELLS: dict[str, Message] = {
    "both": _("Both"),
    "only_ours": _("The card only"),
    "only_theirs": _("The challenger only"),
    "neither": _("Neither"),
}
#: Figures by name, in the order in which they are listed.
METRICS: dict[str, Message] = {
    "n": _("Rows"),
    "rows": _("Rows"),
    "events": _("Bads"),
    "bads": _("Bads"),
    "effective_size": _("Effective size"),
    "effective_cases": _("Effective cases"),
    "auc": _("AUC"),
    "within_group_auc": _("AUC within industry"),
    "within_inspector_auc": _("AUC within inspector"),
    "challenger_auc": _("Challenger AUC (LightGBM)"),
    "model": _("Model"),
    "auc_minus_rival": _("AUC of the card less its"),
    "auc_minus_challenger": _("AUC less the challenger's"),
    "visits": _("Visits"),
    "visits_per_subject": _("Visits per subject"),
    "past_visits": _("Past random visits"),
    "effective_visits": _("Effective visits"),
    "rate": _("Rate of violations"),
    "expected": _("Expected to find"),
    "low": _("Low"),
    "high": _("High"),
    "share_found": _("Share found"),
    "extrapolated": _("Extrapolated"),
    "excluded_share": _("Share without outcome"),
    "psi": _("PSI"),
    "critical": _("Critical value"),
    "points_shift": _("Shift in points"),
    "name": _("Characteristic"),
    "feature": _("Feature"),
    "attribute": _("Audited attribute"),
    "association": _("Association"),
    "groups": _("Groups"),
    "tenth": _("Tenth"),
    "gini": _("Gini"),
    "ks": _("KS"),
    "brier": _("Brier score"),
    "log_loss": _("Log loss"),
    "calibration_slope": _("Calibration slope"),
    "calibration_intercept": _("Calibration intercept"),
    "observed_expected": _("Observed / expected"),
    "observed_rate": _("Observed rate"),
    "mean_predicted": _("Expected rate"),
    "parent": _("Parent"),
    "level_estimate": _("Own level"),
    "level_prior": _("Parent's level"),
    "prior_sd": _("Distance of industries (SD)"),
    "prior_sd_assumed": _("Few industries: SD by a prior"),
    "level_used": _("Level used"),
    "own_weight_level": _("Own data (level)"),
    "own_weight_slopes": _("Own data (slopes)"),
    "bad_rate_observed": _("Bad rate observed"),
    "bad_rate_used": _("Bad rate used"),
    "bad_rate_gap": _("Used less observed"),
    "setting": _("Setting"),
    "value": _("Value"),
    "held_out_loss": _("Log loss on rows held out, weighted"),
    "difference": _("More than the best"),
    "standard_error": _("Standard error of that"),
    "chosen": _("Chosen"),
    "kept": _("Kept"),
    "information_value": _("Information value"),
    "drift": _("PSI within the training window"),
    "note": _("What was noticed"),
}
#: Settings that the training rows choose.
SETTINGS: dict[str, Message] = {
    "exponent": _("Power of the weights in the ranking"),
    "ridge": _("Ridge, in effective cases"),
    "max_bins": _("Most bins of a characteristic"),
    "pooling_factor": _("Factor on what industries differ by"),
    "crosses": _("Crosses of two characteristics"),
}
#: Figures that count something and are printed without decimals.
WHOLE_FIGURES = frozenset(
    {"n", "rows", "events", "bads", "effective_size", "population", "subjects", "visits", "on_site", "past_visits"}
    | {"effective_visits", "low", "high", "groups", "tenth"}
)
#: Figures that are shares and are printed as percents, and the digits behind the decimal sign.
SHARES = {
    "observed_rate": 2,
    "mean_predicted": 2,
    "bad_rate_used": 2,
    "bad_rate_observed": 2,
    "bad_rate_gap": 2,
    "own_weight_level": 2,
    "own_weight_slopes": 2,
    "rate": 1,
    "share_found": 1,
    "excluded_share": 1,
}
#: Digits of figures that are not shares, where three are too many.
DIGITS = {"expected": 1, "value": 2, "held_out_loss": 5, "difference": 5, "standard_error": 5}
#: Sections of the check-up.
SECTIONS: dict[str, Message] = {
    "rows": _("Check-up: rows"),
    "refused": _("Check-up: refused"),
    "source": _("Check-up: sources"),
    "refused_value": _("Check-up: values refused"),
    "unmapped": _("Check-up: unseen words"),
    "identity": _("Check-up: codes"),
    "malformed": _("Check-up: malformed"),
    "supplier": _("Check-up: suppliers"),
    "gate": _("Check-up: gate of the catalogue"),
    "expired": _("Check-up: expired"),
    "calendar": _("Check-up: work calendar"),
    "publicity": _("Check-up: two systems"),
    "drift": _("Check-up: against the run before"),
    "normalised": _("Check-up: normalised"),
    "future": _("Check-up: after the day"),
    "coverage": _("Check-up: coverage"),
    "late": _("Check-up: late"),
    "missing": _("Check-up: missing"),
    "repair": _("Check-up: repair"),
    "incomplete": _("Check-up: incomplete"),
    "carried": _("Check-up: carried forward"),
}


def text_of(table: Mapping[str, Text], key: object, words: Words) -> str:
    """The word for a key in one language; a key without a word is shown as it is, a missing one is empty."""
    if key is None or key != key:  # NaN
        return ""
    word = table.get(str(key))
    return str(key) if word is None else words.text(word)
