"""The night: check, features, scores, tiers, frames of the tasks due, workbook, report, log."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from creditscore.engine import Engine
from creditscore.errors import DataError
from creditscore.features.build import feature_table
from creditscore.features.guard import guard_features
from creditscore.features.spine import Spine, spine
from creditscore.inspection.forecast import forecast_policy
from creditscore.pipeline.afterwards import compare_runs
from creditscore.pipeline.plans import plan_due_tasks
from creditscore.pipeline.policy_trial import scores_before_visits
from creditscore.pipeline.run_folder import OWN_MANIFESTS, RunFolder, input_hashes, run_key, versions
from creditscore.pipeline.run_store import keep_edited, save_book, write_documents
from creditscore.pipeline.score import score_table, write_cards
from creditscore.pipeline.signed_cards import signed_cards
from creditscore.pipeline.tier import subjects_in, tier_subjects, tiers_table, unrated_subjects
from creditscore.pipeline.train import Trained, train_cards
from creditscore.records.checkup import check_up
from creditscore.records.drift import Earlier, drifts, profile
from creditscore.records.identity import tables_of
from creditscore.records.records import open_records
from creditscore.records.rectification import rectification_list, rectification_table
from creditscore.reporting.fairness import associations
from creditscore.reporting.run_book import Figure, RowCounts
from creditscore.storage import (
    Ledger,
    content_sha256,
    damaged,
    file_hashes,
    keeping,
    locked,
    read_parquet,
    write_json,
    write_parquet,
)
from creditscore.tracking.mlflow_log import RunLog, champions, default_uri, log_run

if TYPE_CHECKING:
    from creditscore.config.policy import TierPolicy
    from creditscore.config.project import Project
    from creditscore.inspection.plan import InspectionPlan
    from creditscore.models.scorecard import Scorecard
    from creditscore.records.records import Records
    from creditscore.tiering.tiers import Tiers

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunResult:
    """What a run did. ``fresh`` is False where nothing had changed since and nothing was done."""

    folder: RunFolder
    fresh: bool
    summary: Mapping[str, object] = field(default_factory=dict)


def run_project(
    project: Project,
    *,
    data: Path,
    as_of: dt.date,
    out: Path,
    engine: Engine,
    train: bool = False,
    tracking_uri: str | None = None,
    lang: str = "zh",
    accept: bool = False,
) -> RunResult:
    """Everything of one day into ``out/<as_of>/``; the manifest is written last.

    Cards come signed from the project's ``cards/``, else from the tracker's alias ``champion``, else (or with
    ``train``) from a training on what is known that day. Nothing is promoted, nothing is drawn. ``accept``
    lets a delivery through that differs so much from the run before that it looks broken.

    Raises:
        ConfigError: The guard refuses a feature; no policy is in force.
        DataError: Inputs cannot be used. Earlier results are untouched.
        LockedError: Another run holds ``out``.
    """
    guard_features(project.features, project)
    policy = project.policy(as_of)
    folder = RunFolder.of(out, as_of)
    uri = tracking_uri or default_uri(out)
    with locked(out):
        ledger = Ledger(out / ".ledger.sqlite")
        inputs = input_hashes(project, data)
        signed = {} if train else (signed_cards(project.cards) or _champions(uri, project, tracking_uri is not None))
        hashes = {name: card.sha256 for name, card in signed.items()}
        key = run_key(project, folder, inputs, engine=engine.name, train=train, cards=hashes, lang=lang)
        manifest = folder.manifest()
        if manifest and ledger.done(folder.path.name, "run") == key and not damaged(folder.path, manifest["outputs"]):
            return RunResult(folder, False, manifest["summary"])
        keep_edited(folder)
        night = _Night(project, policy, folder, engine, data, inputs, signed, lang)
        with keeping(folder.path, except_for=OWN_MANIFESTS):
            night.work(train=train or not signed, accept=accept)
        ledger.finish(folder.path.name, "run", key)
        log_run(uri, night.log(), artifacts=out / "mlartifacts")
        return RunResult(folder, True, night.summary)


def _champions(uri: str, project: Project, asked: bool) -> dict[str, Scorecard]:
    """Cards of the alias ``champion``, looked for only in a tracker that the user named."""
    return champions(uri, project.about.name) if asked else {}


@dataclass
class _Night:
    """The steps of one run in order, and what they hand to one another."""

    project: Project
    policy: TierPolicy
    folder: RunFolder
    engine: Engine
    data: Path
    inputs: dict[str, str]
    cards: dict[str, Scorecard]
    lang: str
    trained: Trained | None = None
    summary: dict[str, object] = field(default_factory=dict)

    def work(self, *, train: bool, accept: bool = False) -> None:
        """All steps. A run that fails leaves the manifest of the run before it in place."""
        _log.info("reading the records")
        records = open_records(self.engine, self.project, data=self.data)
        earlier = self._earlier()
        if not accept:
            self._refuse_a_slump(records, earlier)
        checkup = check_up(records, as_of=self.folder.as_of, earlier=earlier)
        write_parquet(self.folder.file("profile.parquet"), profile(records.arrivals, list(records.project.catalogue.by_kind)))
        listed = rectification_list(records, as_of=self.folder.as_of, before=earlier.rectification)
        write_parquet(self.folder.file("rectification.parquet"), rectification_table(listed))
        by_place = [(name, "ascending") for name in ("table", "source", "row")]
        write_parquet(self.folder.file("checkup.parquet"), pa.Table.from_pandas(checkup.frame, preserve_index=False))
        write_parquet(self.folder.file("rejects.parquet"), records.rejects.sort_by(by_place))
        if train:
            _log.info("training")
            self.trained = train_cards(records, self.project, until=self.folder.as_of, policy=self.policy)
            self.cards = dict(self.trained.cards)
            write_parquet(self.folder.file("held_out.parquet"), pa.Table.from_pandas(self.trained.held_out, preserve_index=False))
        write_cards(self.folder.file("scorecards"), self.cards)
        _log.info("features and scores")
        rows = spine(records, as_of=self.folder.as_of)
        features, scores = self._scores(records, rows)
        tiers = self._tiers(records, rows, scores)
        counts = self._counts(records, rows, scores, tiers)
        plans = plan_due_tasks(self.project, records, tiers, self.policy, self.folder, as_of=self.folder.as_of)
        _log.info("workbook and report")
        self._foresee(records, tiers)
        audit = associations(features.to_pandas(), records.subjects_on(self.folder.as_of).to_pandas())
        write_parquet(self.folder.file("associations.parquet"), pa.Table.from_pandas(audit, preserve_index=False))
        self._compare()
        facts = self._facts()
        save_book(
            self.project, records, folder=self.folder, policy=self.policy, counts=counts, trained=self.trained,
            achieved=tiers.achieved, representative=all(card.representative for card in self.cards.values()), facts=facts,
        )  # fmt: skip
        write_documents(self.folder, lang=self.lang)
        self.summary = self._summary(records, counts, tiers, plans)
        keys = ["subject_id", "as_of"]
        contents = {"features": content_sha256(features, keys), "scores": content_sha256(scores, keys)}
        self._seal(facts, counts, contents, plans)

    def _earlier(self) -> Earlier:
        """What the run before left to compare this delivery with."""
        before = self.folder.before()
        if before is None or not before.file("profile.parquet").is_file():
            return Earlier()
        listed = read_parquet(before.file("rectification.parquet")).to_pandas(date_as_object=True)
        return Earlier(listed, read_parquet(before.file("profile.parquet")))

    def _refuse_a_slump(self, records: Records, earlier: Earlier) -> None:
        """A delivery far from the one before is nearly always a broken one: rows or columns gone, another unit."""
        if earlier.profile is None:
            return
        found = drifts(
            profile(records.arrivals, list(records.project.catalogue.by_kind)),
            earlier.profile,
            max_row_drop=self.project.about.max_row_drop,
        )
        errors = [finding for finding in found if finding.level == "error"]
        if errors:
            told = "\n".join(f"{error.table} ({error.code}): {error.rule}" for error in errors[:5])
            before = self.folder.before()
            raise DataError(
                "{told}\nagainst the run of {as_of}; if it is meant, run again with --accept",
                told=told,
                as_of=before.as_of if before else "",
            )

    def _scores(self, records: Records, rows: Spine) -> tuple[pa.Table, pa.Table]:
        table = feature_table(records, rows, self.project.features)
        features = self.engine.query(table.order_by("row_key")).drop_columns(["row_key"])
        write_parquet(self.folder.file("features.parquet"), features)
        scores = score_table(self.engine, table, self.cards, self.project.scorecards.industry)
        write_parquet(self.folder.file("scores.parquet"), scores)
        return features, scores

    def _tiers(self, records: Records, rows: Spine, scores: pa.Table) -> Tiers:
        unrated = unrated_subjects(records, rows, scores)
        tiers = tier_subjects(records, scores, unrated, self.policy, self.folder, as_of=self.folder.as_of)
        write_parquet(self.folder.file("tiers.parquet"), tiers_table(tiers))
        return tiers

    def _foresee(self, records: Records, tiers: Tiers) -> None:
        """What one round of draws under the policy will find, where past random draws can tell."""
        try:
            industries = dict(zip(tiers.frame["subject_id"], tiers.frame["industry"], strict=True))
            held_out = self.trained.held_out if self.trained else None
            before = scores_before_visits(records, self.project, self.cards, industries, until=self.folder.as_of, held_out=held_out)
            told = forecast_policy(
                tiers, self.policy, history=records.inspections, frames=records.frames, scores=before, records=records
            )
        except DataError as error:
            _log.info("no forecast: %s", error)
            return
        write_parquet(self.folder.file("forecast.parquet"), pa.Table.from_pandas(told.table(), preserve_index=False))

    def _compare(self) -> None:
        """How scores and characteristics moved since the run before."""
        before = self.folder.before()
        if before is not None:
            moved = compare_runs(self.folder, before)
            write_parquet(self.folder.file("stability.parquet"), pa.Table.from_pandas(moved, preserve_index=False))

    def _counts(self, records: Records, rows: Spine, scores: pa.Table, tiers: Tiers) -> RowCounts:
        """Rows of the register in = scored + not rated + out of scope + quarantined + collapsed; asserted."""
        subjects, known = records.outcomes["subjects"], subjects_in(records, self.folder.as_of)
        older = subjects.kept - known["known"] - known["not_yet_known"]
        out_of_scope = {**rows.out_of_scope, "not_yet_known": known["not_yet_known"], "older_version": older}
        uncarded = rows.arrow().num_rows - scores.num_rows
        counts = RowCounts(
            rows_in=subjects.arrived, scored=scores.num_rows, not_rated=uncarded, quarantined=subjects.quarantined,
            collapsed=subjects.collapsed, out_of_scope={reason: n for reason, n in sorted(out_of_scope.items()) if n},
        )  # fmt: skip
        if not counts.balances:
            raise DataError(
                "subjects: {rows_in} rows came in and {accounted} are accounted for",
                rows_in=counts.rows_in,
                accounted=counts.accounted,
            )
        return counts

    def _facts(self) -> dict[str, str]:
        """What decides the content, as it stands in the manifest and on the first sheet."""
        inputs = {f"input {name}": sha for name, sha in sorted(self.inputs.items())}
        cards = {f"scorecard {name}": card.sha256 for name, card in sorted(self.cards.items())}
        libraries = {f"version {name}": version for name, version in versions().items()}
        tables = {"catalogue": self.project.catalogue.edition, "codes": tables_of(self.project).editions}
        policy = self.policy.effective.isoformat()
        return {"config": self.project.sha256, "policy": policy, **tables, **inputs, **cards, **libraries}

    def _summary(self, records: Records, counts: RowCounts, tiers: Tiers, plans: list[InspectionPlan]) -> dict[str, object]:
        auc = self.trained.judgement.evaluation.get("auc") if self.trained else None
        return {
            "subjects": subjects_in(records, self.folder.as_of)["known"],
            "register_rows": counts.rows_in,
            "scored": counts.scored,
            "not_rated": int((tiers.frame["tier"] == "NR").sum()),
            "out_of_scope": sum(counts.out_of_scope.values()),
            "quarantined": sum(outcome.quarantined for outcome in records.outcomes.values()),
            "cards": len(self.cards),
            "auc": None if auc is None else _plain(auc),
            "tiers": {str(tier): int(n) for tier, n in tiers.counts().items()},
            "proposed": int((tiers.frame["status"] == "proposed").sum()),
            "frames": {plan.task.id: _frame_of(plan) for plan in plans},
        }

    def _seal(self, facts: dict[str, str], counts: RowCounts, contents: dict[str, str], plans: list[InspectionPlan]) -> None:
        frames = {plan.task.id: plan.frame_hash for plan in plans}
        document = {
            "format": "creditscore.run/1",
            "project": self.project.about.name,
            "as_of": self.folder.as_of.isoformat(),
            "engine": self.engine.name,
            "trained": self.trained is not None,
            "facts": facts,
            "counts": {"rows_in": counts.rows_in, "scored": counts.scored, "out_of_scope": dict(counts.out_of_scope)},
            "summary": self.summary,
            "contents": contents,
            "frames": frames,
            "outputs": file_hashes(self.folder.path, leave_out=OWN_MANIFESTS),
        }
        write_json(self.folder.file("manifest.json"), document)

    def log(self) -> RunLog:
        """What the tracker gets: hashes, counts, metrics, cards; no rows."""
        metrics = {name: figure.value for name, figure in (self.trained.judgement.evaluation if self.trained else {}).items()}
        tiers = self.summary["tiers"]
        counted = {f"tier_{tier}": float(n) for tier, n in (tiers.items() if isinstance(tiers, dict) else ())}
        params = {key.replace(" ", "."): value for key, value in self._facts().items()}
        files = (self.folder.file("manifest.json"), self.folder.file("report.html"))
        cards = self.cards if self.trained else {}
        return RunLog(
            self.project.about.name, self.folder.as_of.isoformat(), params, {**metrics, **counted}, files=files, cards=cards
        )


def _frame_of(plan: InspectionPlan) -> dict[str, int]:
    """How many stand in a frame and how many of them are to be drawn."""
    return {"population": int((plan.frame["exempt_reason"] == "").sum()), "target": sum(plan.targets().values())}


def _plain(figure: Figure) -> dict[str, float | None]:
    """A figure with six decimals: beyond that it is noise."""
    values = {"value": figure.value, "low": figure.low, "high": figure.high}
    return {name: None if value is None else round(value, 6) for name, value in values.items()}
