"""The tables a planner works with: ratios, the drawn list, tiers to sign, inspectors, and the load by week and inspector."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from creditscore.inspection.frame_rows import SEPARATOR
from creditscore.inspection.plan_folder import OUTCOME_WORDS
from creditscore.inspection.strata import is_joined
from creditscore.language import Text, Words, _, pgettext
from creditscore.records.columns.person_numbers import without_person_numbers
from creditscore.reporting.columns import RunTable, column, label_or_code, period_text, with_labels
from creditscore.reporting.run_book import PlanPage, RunBook, described
from creditscore.reporting.words import BETWEEN_PARTS, DECISIONS, MODE_WORDS, STANDINGS, SUBJECT_TYPE_WORDS, TIER_WORDS, text_of
from creditscore.tiering.signatures import grounds_hash
from creditscore.tiering.tiers import drawn_tiers, shown_tiers
from creditscore.vocabulary import PROPOSED, VISIT_PREFIX

#: The list shows the beginning of a ticket, enough to see the order; sample.csv holds all of it.
_TICKET_SHOWN = 16
#: Between the ids in one cell.
_BETWEEN_IDS = "、"
_NOT_DRAWN = _("Not drawn")
#: In the place of an industry for the stratum that joins the small ones of a tier.
_JOINED = _("Small strata joined")


def _ratio_frames(book: RunBook, words: Words) -> Iterator[pd.DataFrame]:
    """One row per stratum, one frame per plan."""
    for plan in book.plans:
        task, strata = plan.task, plan.strata
        rules = [
            book.policy.rules_for(industry, task=task.id).of(tier)
            for industry, tier in zip(strata["industry"], strata["tier"], strict=True)
        ]
        population = pd.to_numeric(strata["population"]).astype("float64")
        frame = strata.assign(
            base_ratio=[rule.ratio for rule in rules],
            visits_per_year=[rule.visits_per_year for rule in rules],
            repeat_within_months=[rule.repeat_within_months for rule in rules],
            of_these_proposed=strata["stratum"].map(proposed_strata(book, plan).value_counts()).fillna(0).astype(int),
            effective_ratio=pd.to_numeric(strata["target"]).astype("float64") / population.where(population > 0),
            task=task.id,
            task_label=words.text(task.label),
            check_item=task.item,
            department=task.department,
            joint_with=_BETWEEN_IDS.join(task.joint_with),
            period=period_text(task.start, task.end),
        )
        labelled = with_labels(book, frame, words)
        joined = labelled["stratum"].map(is_joined)
        yield labelled.assign(industry_label=labelled["industry_label"].mask(joined, words.text(_JOINED)))


def proposed_strata(book: RunBook, plan: PlanPage) -> pd.Series:
    """The strata of those of a plan that are proposed for D: drawn there, and signed for by nobody."""
    if book.tiers.empty:
        return pd.Series(dtype=object)
    waiting = set(book.tiers["subject_id"][shown_tiers(book.tiers) == PROPOSED])
    found = [
        batch.kinds[place].stratum
        for batch in plan.rows.batches()
        for subject, place in zip(batch.subject_ids, batch.places, strict=True)
        if subject in waiting and not batch.kinds[place].exempt_reason
    ]
    return pd.Series(found, dtype=object)


def _list_frames(book: RunBook, words: Words) -> Iterator[pd.DataFrame]:
    """One row per subject whose item is checked, by stratum and ticket; one frame per drawn plan."""
    for plan in book.plans:
        if not plan.drawn:
            continue
        visits = plan.visits.sort_values(["stratum", "ticket", "subject_id"], kind="stable", ignore_index=True)
        drawn = _looked_up(described(book, visits), book.scores, ("score", "reason_1", "reason_2", "reason_3", "reason_4"))
        drawn = _looked_up(drawn, book.tiers, ("incomplete_since",))
        if not book.tiers.empty:
            # The run that made the frame does not know who came after it.
            known = book.tiers["subject_id"][shown_tiers(book.tiers) == PROPOSED]
            waiting = drawn["subject_id"].isin({*known, *plan.late_proposed})
            drawn["proposed"] = waiting.map({True: words.text(TIER_WORDS[PROPOSED]), False: None})
        if plan.late_addresses:
            late = drawn["subject_id"].map(plan.late_addresses)
            drawn["address"] = drawn["address"].where(drawn["address"].notna(), late) if "address" in drawn else late
        drawn["ticket"] = drawn["ticket"].astype("str").str[:_TICKET_SHOWN]
        drawn["task"], drawn["order"] = plan.task.id, range(1, len(drawn) + 1)
        drawn["inspectors"] = [_BETWEEN_IDS.join(team) for team in drawn["team"]]
        drawn["merged_with"] = drawn["merged_with"].str.replace(SEPARATOR, _BETWEEN_IDS)
        for name in ("merged_with", "replaced_by"):
            drawn[name] = drawn[name].where(drawn[name] != "", None)
        tables = {"mode": MODE_WORDS, "standing": STANDINGS, "outcome": OUTCOME_WORDS, "subject_type": SUBJECT_TYPE_WORDS}
        for name, table in tables.items():
            if name in drawn:
                drawn[name] = label_or_code(table, drawn[name], words)
        yield with_labels(book, drawn, words)


def _review_frames(book: RunBook, words: Words) -> Iterator[pd.DataFrame]:
    """One row per proposed tier that a person must sign: entries to D, falls of two steps, direct rules."""
    if book.tiers.empty or "status" not in book.tiers:
        return
    proposed = book.tiers[book.tiers["status"] == "proposed"].sort_values("subject_id", ignore_index=True)
    if "evidence" in proposed:
        records = proposed.to_dict("records")
        proposed["grounds_hash"] = [grounds_hash({str(key): value for key, value in row.items()}) for row in records]
    proposed = proposed.assign(drawn_tier=drawn_tiers(proposed), **_asked_records(book, proposed["subject_id"], words))
    frame = with_labels(book, _looked_up(described(book, proposed), book.scores, ("reason_1", "reason_2")), words)
    if "subject_type" in frame:
        frame["subject_type"] = label_or_code(SUBJECT_TYPE_WORDS, frame["subject_type"], words)
    yield frame


def _asked_records(book: RunBook, subjects: pd.Series, words: Words) -> dict[str, pd.Series]:
    """The records and visits on which a signature will rest, and the further ones, of each subject: kind, day and number."""
    table, kinds = book.asked, dict(book.kinds)
    if table.empty:
        return {}
    visits = table["event_id"].astype(str).str.startswith(VISIT_PREFIX)
    names = [
        words.text(_("visit that found a violation")) if visit else text_of(kinds, kind, words)
        for visit, kind in zip(visits, table["kind"], strict=True)
    ]
    ids = table["event_id"].astype(str).str.removeprefix(VISIT_PREFIX)
    numbers = table["document_no"].where(table["document_no"].notna(), ids)
    numbers = numbers.map(lambda number: without_person_numbers(str(number), passports=False), na_action="ignore")
    told = [
        " ".join(str(part) for part in (name, day, number) if pd.notna(part))
        for name, day, number in zip(names, table["event_date"], numbers, strict=True)
    ]
    named = table.assign(told=told)
    named["told"] += np.where(named["disputed"], words.text(_(" (objection open)")), "")
    texts = {
        name: named[named["rests_on"] == rests].groupby("subject_id")["told"].agg(words.text(BETWEEN_PARTS).join)
        for name, rests in (("rests_on", True), ("further_records", False))
    }
    return {name: subjects.map(text) for name, text in texts.items()}


def _looked_up(frame: pd.DataFrame, source: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    """``frame`` with columns of ``source`` by subject_id; columns the source lacks are left out."""
    if source.empty:
        return frame
    known = source.drop_duplicates("subject_id").set_index("subject_id")
    return frame.assign(**{name: frame["subject_id"].map(known[name]) for name in columns if name in known})


def _inspector_frames(book: RunBook, words: Words) -> Iterator[pd.DataFrame]:
    """One row per drawn subject with a team: who inspects, by staff id, and what was checked."""
    for plan in book.plans:
        teams = plan.inspectors
        if plan.drawn and not teams.empty:
            ids = [team if isinstance(team, str) else _BETWEEN_IDS.join(str(part) for part in team) for team in teams["inspectors"]]
            yield with_labels(book, described(book, teams.assign(inspectors=ids, task=plan.task.id)), words)


def _no_staff(book: RunBook) -> Text:
    """Why nobody is assigned."""
    return _("No staff list was given") if any(plan.drawn for plan in book.plans) else _NOT_DRAWN


def _week_frames(book: RunBook, _words: Words) -> Iterator[pd.DataFrame]:
    """One row per task and week: how many are still to be visited then, on site or not, merged or not."""
    for plan in book.plans:
        if not plan.drawn:
            continue
        to_visit = plan.visits[plan.visits["replaced_by"] == ""]
        parts = {
            "visits": to_visit,
            "visits_on_site": to_visit[to_visit["mode"] == "on_site"],
            "visits_off_site": to_visit[to_visit["mode"] == "off_site"],
            "visits_merged": to_visit[to_visit["merged_with"] != ""],
        }
        counts = {name: _counted(plan.weeks["week"], part["week"]) for name, part in parts.items()}
        yield plan.weeks.assign(task=plan.task.id, **counts)


def _staff_frames(book: RunBook, words: Words) -> Iterator[pd.DataFrame]:
    """One row per task and inspector who may go: visits, and how many of them as leader; who has none has a row too."""
    for plan in book.plans:
        if not plan.drawn or plan.staff.empty:
            continue
        teams = plan.visits.loc[(plan.visits["replaced_by"] == "") & (plan.visits["via"] == ""), "team"]
        yield plan.staff.assign(
            task=plan.task.id,
            staff_region=label_or_code(dict(book.regions), plan.staff["staff_region"], words),
            staff_visits=_counted(plan.staff["staff_id"], pd.Series([one for team in teams for one in team])),
            staff_leads=_counted(plan.staff["staff_id"], pd.Series([team[0] for team in teams if team])),
        )


def _counted(keys: pd.Series, values: pd.Series) -> pd.Series:
    """How often each key occurs among the values."""
    return keys.map(values.value_counts()).fillna(0).astype(int)


#: One row per stratum of every task; the tinted ratio may be edited and read back.
RATIOS = RunTable(
    _("Ratios"),
    (
        column("task", width=16),
        column("industry_label", width=18),
        column("tier", width=7),
        column("population", "integer"),
        column("ratio", "percent", editable=True),
        column("target", "integer"),
        column("on_site", "integer"),
        column("of_these_proposed", "integer"),
        column("effective_ratio", "percent", digits=2),
        column("base_ratio", "percent"),
        column("exempt", "integer"),
        column("on_site_share", "percent"),
        column("visits_per_year", "integer"),
        column("repeat_within_months", "integer"),
        column("task_label", width=24),
        column("check_item", width=24),
        column("department"),
        column("joint_with"),
        column("period", width=25),
        column("stratum", width=28),
        column("industry"),
    ),
    _ratio_frames,
    note=_("No draft was made: no task is due (tasks.toml), or the frames of those due are published already"),
)
#: One row per drawn subject of every drawn task; the last columns are filled in by inspectors and read back.
DRAWN_LIST = RunTable(
    _("Drawn list"),
    (
        column("task", width=16),
        column("order", "integer", width=7),
        column("subject_id", width=21),
        column("name", width=34),
        column("subject_type"),
        column("industry_label", width=18),
        column("region_label", width=14),
        column("registration_authority", width=22),
        column("address", width=30),
        column("quarantined_at", width=24),
        column("tier", width=7),
        column("score", "integer"),
        column("incomplete_since", "date", width=14),
        column("stratum", width=28),
        column("inclusion_probability", "percent"),
        column("mode_probability", "percent"),
        column("ticket", width=18),
        column("reason_1", width=22),
        column("reason_2", width=22),
        column("reason_3", width=22),
        column("reason_4", width=22),
        column("standing", width=10),
        column("replaced_by", width=21),
        column("merged_with"),
        column("week", "integer", width=8),
        column("week_from", "date", width=12),
        column("inspectors", width=18),
        column("visited_on", "date", editable=True, width=12),
        column("mode", choices=tuple(MODE_WORDS.values()), editable=True),
        column("outcome", choices=tuple(OUTCOME_WORDS.values()), editable=True, width=16),
        column("found_severity", "integer", editable=True),
        column("proposed", width=10),
    ),
    _list_frames,
    note=_("Not drawn: creditscore draw draws once, after the frame hash is published and the seed is fixed"),
)
#: One row per proposed tier, on which a person signs or refuses it.
REVIEWS = RunTable(
    _("To review"),
    (
        column("subject_id", width=21),
        column("name", width=34),
        column("subject_type"),
        column("industry_label", width=18),
        column("region_label", width=14),
        column("registration_authority", width=22),
        column("raw_tier", width=10),
        column("previous_tier", width=10),
        column("tier", width=10),
        column("drawn_tier", width=10),
        column("rule", width=28),
        column("score", "integer"),
        column("incomplete_since", "date", width=14),
        column("reason_1", width=22),
        column("reason_2", width=22),
        column("evidence", width=24),
        column("rests_on", width=44),
        column("further_records", width=44),
        column("decision", choices=tuple(DECISIONS.values()), editable=True),
        column("reviewer", editable=True, width=14),
        column("review_reason", editable=True, width=28),
        column("reviewed_on", "date", editable=True, width=12),
        column("grounds_hash", width=66),
    ),
    _review_frames,
    note=_("No proposed tier waits for a signature"),
)
#: One row per drawn subject: who inspects.
INSPECTORS = RunTable(
    pgettext("sheet", "Inspectors"),
    (
        column("task", width=16),
        column("subject_id", width=21),
        column("name", width=34),
        column("region_label", width=14),
        column("inspectors", width=24),
        column("certificate", "date", width=18),
        column("recusal", width=24),
    ),
    _inspector_frames,
    note=_no_staff,
)
#: One row per task and week.
WEEKS = RunTable(
    _("Weekly load"),
    (
        column("task", width=16),
        column("week", "integer"),
        column("week_from", "date", width=12),
        column("week_to", "date", width=12),
        column("workdays", "integer"),
        column("visits", "integer"),
        column("visits_on_site", "integer"),
        column("visits_off_site", "integer"),
        column("visits_merged", "integer"),
    ),
    _week_frames,
    note=_NOT_DRAWN,
)
#: One row per task and inspector.
STAFF = RunTable(
    _("Load of inspectors"),
    (
        column("task", width=16),
        column("staff_id", width=16),
        column("department", width=22),
        column("staff_region", width=16),
        column("certificate_valid_to", "date", width=16),
        column("staff_visits", "integer"),
        column("staff_leads", "integer"),
    ),
    _staff_frames,
    note=_no_staff,
)
