"""One run: everything of one day, stage by stage, from the delivered records to the workbook and the report."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from creditscore.errors import DataError
from creditscore.features.guard import guard_features
from creditscore.inspection.forecast import forecast_policy
from creditscore.inspection.objections import Objection, objections_of
from creditscore.inspection.register import Register
from creditscore.language import DEFAULT_LANGUAGE
from creditscore.pipeline.known_objections import disputes_of, objections_known
from creditscore.pipeline.last_trades import place_by_last_trade, refuse_untaken
from creditscore.pipeline.manifest import deciding_facts, run_log, summarise, write_manifest
from creditscore.pipeline.objections import objection_table
from creditscore.pipeline.out_folder import held, remove_unfinished, removed_on_error
from creditscore.pipeline.parts import PartFiles
from creditscore.pipeline.plans import Standing, add_drafts, plan_due_tasks
from creditscore.pipeline.policy_trial import scores_before_visits
from creditscore.pipeline.run_folder import (
    FINISHED,
    LEDGER,
    OBJECTIONS,
    SNAPSHOT,
    WORKBOOK,
    Deciding,
    RunFolder,
    RunResult,
    copied_tables,
    evidence_of,
    input_hashes,
    run_before,
    run_key,
    table_fingerprints,
    take_snapshot,
)
from creditscore.pipeline.run_store import evidence_from, save_book, write_documents
from creditscore.pipeline.scope import outside_ids, without_subjects
from creditscore.pipeline.score import Scored, compare_runs, score_subjects, write_cards
from creditscore.pipeline.signed_cards import signed_cards
from creditscore.pipeline.tier import signatures, subjects_in, tier_subjects
from creditscore.pipeline.train import Training, train_cards
from creditscore.records.adverse.endings import ended
from creditscore.records.adverse.readings import READINGS, LastReading
from creditscore.records.deliveries.by_unit import stored_deliveries
from creditscore.records.deliveries.checkup import CheckUp, check_up
from creditscore.records.deliveries.drift import Earlier
from creditscore.records.deliveries.fault_history import history_table
from creditscore.records.deliveries.rectification import rectification_list, rectification_table
from creditscore.records.deliveries.staleness import refuse_old_data
from creditscore.records.last_reading import adverse_reading
from creditscore.records.own_records import OWN_ORDER, OWN_RECORDS, own_events, own_ratings, own_visits
from creditscore.records.reading.table_copies import FOLDER
from creditscore.records.records import open_records
from creditscore.records.standard.keys import ids_table
from creditscore.records.tables import TABLES
from creditscore.reporting.fairness import associations
from creditscore.reporting.run_book import RowCounts
from creditscore.storage import StepLedger, damaged_files, journal, operations
from creditscore.tracking.mlflow_log import RunLog, queue_run, send_queue

if TYPE_CHECKING:
    from creditscore.config.policy import TierPolicy
    from creditscore.config.project import Project
    from creditscore.engine import Engine
    from creditscore.features.spine import Spine
    from creditscore.inspection.plan import InspectionPlan
    from creditscore.models.scorecard import Scorecard
    from creditscore.records.records import Records
    from creditscore.tiering.tiers import Tiers

_log = logging.getLogger(__name__)
#: Findings of the drift that a run says: the one stops it, the other is logged.
_TOLD = ("error", "warning")


def run_project(
    project: Project, *, data: Path, as_of: dt.date, out: Path, engine: Engine, train: bool = False,
    tracking_uri: str | None = None, lang: str = DEFAULT_LANGUAGE, accept: bool = False, objections: Path | None = None,
) -> RunResult:  # fmt: skip
    """Everything of one day into a new folder, which ``out/<as_of>`` names once it is finished; earlier runs stay as they are.

    The signed cards of the project's ``cards/`` score. With ``train``, cards are trained on what is known that day and score
    at once: the run is then a trial, since nobody has signed them. Drafts of the tasks due go to ``out/tasks``. Nothing
    is promoted, published or drawn. ``accept`` lets a delivery through that differs so much from the run before that it
    looks broken. ``objections`` is for a trial another folder of runs, in which objections were taken in.

    Raises:
        ConfigError: The guard refuses a feature; no policy is in force.
        DataError: Inputs cannot be used; there are no signed cards; a trial would take the place of a run with signed
            cards; or objections are to come from elsewhere for a night in force. Earlier results are untouched.
        LockedError: Another run holds ``out``.
    """
    guard_features(project.features, project)
    if objections is not None and not train:
        raise DataError("--objections: expected with --train only; a night in force goes by the objections of its own folder")
    policy = project.policy(as_of)
    with held(out), copied_tables(project, out) as tables:
        result = _run_held(
            project, policy, data=data, as_of=as_of, out=out, engine=engine, train=train, lang=lang, accept=accept,
            objections=objections, tables=tables,
        )  # fmt: skip
    send_queue(out, tracking_uri)
    return result


def _run_held(
    project: Project, policy: TierPolicy, *, data: Path, as_of: dt.date, out: Path, engine: Engine, train: bool, lang: str,
    accept: bool, objections: Path | None, tables: Path | None,
) -> RunResult:  # fmt: skip
    """The run of a day while ``out`` is held: the current one where nothing has changed, else a new one."""
    ledger, inputs = StepLedger(out / LEDGER), input_hashes(project, data, engine, tables=tables)
    cards = {} if train else signed_cards(project.cards)
    refuse_unsigned(project, out, as_of, cards, train=train)
    standing = Standing.of(out)
    deciding = _deciding(out, as_of, cards, train=train, objections=objections)
    current = RunFolder.current(out, as_of)
    key = run_key(project, inputs, deciding, engine=engine.name, train=train, lang=lang)
    if current and ledger.done(current.name, FINISHED) == key and _is_whole(current):
        PartFiles.of_night(out, ledger, key).remove()  # a kill may have left them
        return RunResult(current, False, summary_of(current))
    remove_unfinished(out)
    folder = RunFolder.new(out, as_of)
    with removed_on_error(folder.path):
        snapshot = take_snapshot(project, data, folder.file(SNAPSHOT), engine, tables=tables)
        # A file that was replaced in between counts as it was copied, and a PostgreSQL table as it was read.
        key = run_key(project, snapshot, deciding, engine=engine.name, train=train, lang=lang)
        kept = PartFiles.of_night(out, ledger, key)
        plans, log = make_run(
            folder, project, policy, deciding, standing, inputs=snapshot, cards=cards, engine=engine, lang=lang, accept=accept,
            kept=kept,
        )  # fmt: skip
        operations.remove_folder(folder.file(SNAPSHOT))
        warn_of_edits(current)
        folder.seal()  # before its name shows: no kill leaves the seal of a pruned run of the same name
        with journal(out, f"run {as_of.isoformat()}") as entry:
            add_drafts(entry, folder, plans, standing, trial=train, lang=lang)
            queue_run(entry, folder.path.name, log)
            entry.point(folder.shown, folder.path)
    ledger.finish(folder.name, FINISHED, key)
    kept.remove()
    return RunResult(folder, True, summary_of(folder))


def summary_of(run: RunFolder) -> Mapping[str, object]:
    """The counts of a finished run for people."""
    summary: Mapping[str, object] = (run.manifest() or {})["summary"]
    return summary


def _deciding(
    out: Path, as_of: dt.date, cards: Mapping[str, Scorecard], *, train: bool, objections: Path | None
) -> Deciding:  # fmt: skip
    hashes, register = {industry: card.sha256 for industry, card in cards.items()}, Register.of(out)
    before, evidence = run_before(out, as_of, trial=train), evidence_of(out, hashes) if hashes else None
    return Deciding(
        before=RunFolder.opened(before.path) if before else None,
        cards=hashes,
        evidence=RunFolder.opened(evidence.path) if evidence else None,
        signatures=signatures(register, as_of),
        objections=objections_known(out, as_of, elsewhere=objections).lines,
    )


def refuse_unsigned(project: Project, out: Path, as_of: dt.date, cards: Mapping[str, Scorecard], *, train: bool) -> None:
    """Refuse a night without signed cards, and a trial on a day that has a run with signed cards.

    Raises:
        DataError: See above; the message says what to do.
    """
    if not train and not cards:
        raise DataError(
            "{folder}: expected signed cards (got none); train with creditscore train, look at its report, and sign the "
            "cards with creditscore sign-cards PROJECT --run OUT/<as_of>; or try them with creditscore run --train",
            folder=project.cards,
        )
    current = RunFolder.current(out, as_of)
    if train and current is not None and not current.is_trial:
        raise DataError("{path}: a run with signed cards; expected another --out for a trial of the same day", path=current.shown)


def _is_whole(run: RunFolder) -> bool:
    """Whether every file of a run is as it was written; an edited workbook stays the planner's, and the run whole."""
    broken = damaged_files(run.path, (run.manifest() or {})["outputs"])
    return not [name for name in broken if name != WORKBOOK]


def warn_of_edits(earlier: RunFolder | None) -> None:
    """Say where a workbook stays that people have edited, since its name now leads to another one."""
    if earlier is not None and earlier.is_edited():
        _log.warning("plan.xlsx was edited since it was written: the edited file stays as %s", earlier.file(WORKBOOK))


def make_run(
    folder: RunFolder, project: Project, policy: TierPolicy, deciding: Deciding, standing: Standing,
    *, inputs: Mapping[str, str], cards: Mapping[str, Scorecard], engine: Engine, lang: str, accept: bool,
    kept: PartFiles | None = None,
) -> tuple[list[InspectionPlan], RunLog]:  # fmt: skip
    """Make every file of a run, stage by stage, the manifest last. Without signed cards it is a trial with cards of its own.

    ``kept`` has the parts that earlier attempts at the same night have finished.

    Returns:
        The drafts of the tasks due, and what the tracker gets.
    """
    trial = not cards
    _log.info("reading the records")
    last, earlier = last_reading_of(deciding.before, folder.as_of), read_delivery_before(deciding.before)
    objections = objections_of(deciding.objections)
    records = open_records(
        engine, project, data=folder.file(SNAPSHOT), tables=folder.file(SNAPSHOT) / FOLDER, last_reading=last,
        disputes=disputes_of(objections),
    )  # fmt: skip
    refuse_changed_tables(project, inputs, engine)
    refuse_old_data(records, folder.as_of)
    checkup = check_up(records, as_of=folder.as_of, earlier=earlier, last=last)
    tell_drift(deciding.before, checkup, accept=accept)
    write_checkup(folder, records, checkup, earlier)
    write_reading(folder, records, last)
    training = train_cards_of(folder, records, policy) if trial else known_training(folder, cards, deciding)
    write_cards(folder.file("scorecards"), training.cards)
    _log.info("features and scores")
    scored = score_subjects(folder, records, training.cards, kept)
    write_own_records(folder, records, scored.spine, policy)
    tiers = tier_subjects(folder, records, scored, policy, deciding, trial=trial, cards=training.cards.values(), kept=kept)
    tiers = place_by_last_trade(folder, records, tiers, deciding.before)
    refuse_untaken(tiers, project.tasks.values(), folder.as_of)
    write_objections(folder, objections)
    counts = count_rows(folder, records, scored)
    plans = plan_due_tasks(folder, records, tiers, policy, standing)
    _log.info("workbook and report")
    write_forecast(folder, records, tiers, policy, training)
    write_associations(folder, records, scored)
    write_stability(folder, deciding.before, engine)
    facts = deciding_facts(project, policy, inputs, training.cards)
    save_book(
        folder, records, policy=policy, training=training, achieved=tiers.achieved, counts=counts, facts=facts, trial=trial,
        subjects=tiers.subjects,
    )  # fmt: skip
    write_documents(folder, lang=lang)
    summary = summarise(folder, records, tiers, training, counts, plans, trial=trial)
    write_manifest(
        folder,
        records,
        scored,
        counts,
        plans,
        trial=trial,
        facts=facts,
        summary=summary,
        deciding=deciding,
        standing=standing,
        lang=lang,
    )
    return plans, run_log(folder, project, tiers, training, trained=trial, facts=facts)


def known_training(folder: RunFolder, cards: Mapping[str, Scorecard], deciding: Deciding) -> Training:
    """The signed cards, with what is known of them where the run that trained them is still there."""
    if deciding.evidence is None:
        return Training(cards)
    training = evidence_from(deciding.evidence, cards)
    folder.write("held_out", training.held_out)
    return training


def last_reading_of(before: RunFolder | None, as_of: dt.date) -> LastReading:
    """The adverse records as they counted in the run before, as far as it kept them; none without such a run."""
    files = {table: before.file(f"{name}.parquet") for table, name in READINGS.items() if before.has(name)} if before else {}
    return LastReading(files, as_of, before.file("tiers.parquet") if before and before.has("tiers") else None)


def write_reading(folder: RunFolder, records: Records, last: LastReading) -> None:
    """Write whose adverse records were refused; for the next night the adverse records that count, and those that have left."""
    outside, engine = outside_ids(records, folder.as_of), records.engine
    folder.write("incomplete", without_subjects(records.incomplete, outside))
    outsiders = ids_table(engine, "never_scored_ids", outside.to_pylist())
    over = ended(records, folder.as_of).anti_join(outsiders, "subject_id")
    folder.write_on(engine, "ended", over, order_by=("subject_id", "event_id", "kind"))
    for table, name in READINGS.items():
        read = adverse_reading(records, table, folder.as_of, last=last).anti_join(outsiders, "subject_id")
        folder.write_on(engine, name, read, order_by=TABLES[table].key)
    for name in ("never_scored_ids", "gone_things", *(f"{table}_{what}" for table in READINGS for what in ("before", "carried"))):
        engine.drop(name)


def write_own_records(folder: RunFolder, records: Records, spine: Spine, policy: TierPolicy) -> None:
    """Write the own records of the subjects in scope, and the grades that a feature or an override reads: what is explained by."""
    features = records.project.features
    schemes = {feature.scheme for feature in features if feature.scheme} | {rule.scheme for rule in policy.override if rule.scheme}
    own = {
        "events": own_events(records, spine.table, folder.as_of),
        "inspections": own_visits(records, spine.table, folder.as_of),
        "ratings": own_ratings(records, spine.table, schemes, folder.as_of),
    }
    for table, rows in own.items():
        folder.write_on(records.engine, OWN_RECORDS[table], rows, order_by=OWN_ORDER[table])


def write_objections(folder: RunFolder, objections: Sequence[Objection]) -> None:
    """Write the objections that the day knew, of subjects with a tier; no file where there were none."""
    if objections:
        folder.write(OBJECTIONS, objection_table(objections, folder.read("tiers")["subject_id"]))


def read_delivery_before(before: RunFolder | None) -> Earlier:
    """What the run before left to compare this delivery with; empty where there is no such run."""
    if before is None or not before.has("profile"):
        return Earlier()
    return Earlier(before.frame("rectification"), before.read("profile"), before.read("rejects"), before.as_of)


def tell_drift(before: RunFolder | None, checkup: CheckUp, *, accept: bool) -> None:
    """Say how the delivery differs from the one before; stop the run where it is probably broken and nobody accepts it.

    Raises:
        DataError: Many rows are gone, a column is empty, or amounts come in another unit.
    """
    drift = checkup.frame[checkup.frame["section"] == "drift"].to_dict("records")
    told = {level: [f"{row['table']} ({row['code']}): {row['rule']}" for row in drift if row["level"] == level] for level in _TOLD}
    for line in told["warning"]:
        _log.warning("%s", line)
    if told["error"] and not accept:
        raise DataError(
            "{findings}\nagainst the run of {as_of}; if it is meant, run again with --accept",
            findings="\n".join(told["error"][:5]),
            as_of=before.as_of if before else "",
        )


def refuse_changed_tables(project: Project, inputs: Mapping[str, str], engine: Engine) -> None:
    """Refuse tables of a session that changed while they were read: what is recorded must be what was read.

    Raises:
        DataError: A table is another one than before it was read.
    """
    changed = [place for place, found in table_fingerprints(project, engine).items() if inputs.get(place) != found]
    if changed:
        raise DataError("{tables}: changed while they were read; run again", tables=", ".join(changed))


def write_checkup(folder: RunFolder, records: Records, checkup: CheckUp, earlier: Earlier) -> None:
    """Write the profile of the delivery, the list of codes to be rectified, the check-up and the rejects.

    Keys and cells of those whom the project never scores go back to their sender (``check --rejects-to``), and into no run.
    """
    to_rectify = rectification_list(records, as_of=folder.as_of, before=earlier.rectification, outside=checkup.outside)
    folder.write("profile", checkup.profile)
    folder.write("rectification", rectification_table(to_rectify))
    folder.write("checkup", checkup.frame)
    folder.write("rejects", history_table(checkup.outside.masked(checkup.rejects)))
    folder.write("deliveries", stored_deliveries(checkup.deliveries))


def train_cards_of(folder: RunFolder, records: Records, policy: TierPolicy) -> Training:
    """Train on what is known on the day of the run. Writes ``held_out.parquet``, which the forecast needs later."""
    _log.info("training")
    training = train_cards(records, records.project, until=folder.as_of, policy=policy)
    folder.write("held_out", training.held_out)
    return training


def count_rows(folder: RunFolder, records: Records, scored: Scored) -> RowCounts:
    """Count the rows of the register by what became of them: scored, not rated, out of scope, quarantined, collapsed.

    Raises:
        DataError: The counts do not add up to the rows that came in.
    """
    subjects, on_the_day = records.outcomes["subjects"], subjects_in(records, folder.as_of)
    in_scope, rated = (records.engine.count(rows) for rows in (scored.features, scored.scores))
    not_yet_known = on_the_day["not_yet_known"]
    older_version = subjects.kept - on_the_day["known"] - not_yet_known
    out_of_scope = {**scored.spine.out_of_scope, "not_yet_known": not_yet_known, "older_version": older_version}
    counts = RowCounts(
        rows_in=subjects.arrived,
        scored=rated,
        not_rated=in_scope - rated,
        quarantined=subjects.quarantined,
        collapsed=subjects.collapsed,
        out_of_scope={reason: count for reason, count in sorted(out_of_scope.items()) if count},
    )
    if not counts.balances:
        raise DataError(
            "subjects: {rows_in} rows came in and {accounted} are accounted for",
            rows_in=counts.rows_in,
            accounted=counts.accounted,
        )
    return counts


def write_forecast(folder: RunFolder, records: Records, tiers: Tiers, policy: TierPolicy, training: Training) -> None:
    """Write what one round of draws under the policy is expected to find; no file where past random visits are too few."""
    try:
        industries = dict(zip(tiers.frame["subject_id"], tiers.frame["industry"], strict=True))
        scores = scores_before_visits(records, training.cards, industries, until=folder.as_of, held_out=training.held_out)
        forecast = forecast_policy(
            tiers, policy, history=records.results(folder.as_of), frames=records.frames, scores=scores, records=records
        )
    except DataError as error:
        _log.info("no forecast: %s", error)
        return
    folder.write("forecast", forecast.table())


def write_associations(folder: RunFolder, records: Records, scored: Scored) -> None:
    """Write how strongly each feature is associated with the audited attributes of the register."""
    folder.write("associations", associations(records.engine, scored.features, records.versions_on(folder.as_of)))


def write_stability(folder: RunFolder, before: RunFolder | None, engine: Engine) -> None:
    """Write how scores and characteristics moved since the run before, if there is one."""
    if before is not None:
        folder.write("stability", compare_runs(folder, before, engine))
