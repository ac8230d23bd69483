"""What a run says about itself: what decided it, its counts, its manifest, and what the tracker gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from creditscore.pipeline.run_folder import MANIFEST, versions
from creditscore.pipeline.tier import subjects_in
from creditscore.records.standard.identity import tables_of
from creditscore.storage import file_hashes, write_json
from creditscore.tracking.mlflow_log import RunLog

if TYPE_CHECKING:
    from creditscore.config.policy import TierPolicy
    from creditscore.config.project import Project
    from creditscore.inspection.plan import InspectionPlan
    from creditscore.models.scorecard import Scorecard
    from creditscore.pipeline.plans import Standing
    from creditscore.pipeline.run_folder import Deciding, RunFolder
    from creditscore.pipeline.score import Scored
    from creditscore.pipeline.train import Training
    from creditscore.records.records import Records
    from creditscore.reporting.run_book import RowCounts
    from creditscore.tiering.tiers import Tiers


def deciding_facts(
    project: Project, policy: TierPolicy, inputs: Mapping[str, str], cards: Mapping[str, Scorecard]
) -> dict[str, str]:
    """Everything that decides the content of a run, by name: hashes, editions and versions.

    They are in the manifest, on the workbook's first sheet and in the tracker.
    """
    return {
        "config": project.sha256,
        "policy": policy.effective.isoformat(),
        "catalogue": project.catalogue.edition,
        "codes": tables_of(project).editions,
        **{f"input {name}": sha256 for name, sha256 in sorted(inputs.items())},
        **{f"scorecard {industry}": card.sha256 for industry, card in sorted(cards.items())},
        **{f"version {library}": version for library, version in versions().items()},
    }


def summarise(
    folder: RunFolder, records: Records, tiers: Tiers, training: Training, counts: RowCounts, plans: Sequence[InspectionPlan],
    *, trial: bool,
) -> dict[str, object]:  # fmt: skip
    """The counts of a run for people; AUC is that of this run's training."""
    auc = training.evaluation.get("auc")
    tuning = training.frames.get("tuning", pd.DataFrame())
    chosen = tuning[tuning["chosen"]] if len(tuning) else tuning
    interval = None if auc is None else {"value": auc.value, "low": auc.low, "high": auc.high}
    return {
        "subjects": subjects_in(records, folder.as_of)["known"],
        "register_rows": counts.rows_in,
        "scored": counts.scored,
        "not_rated": int((tiers.frame["tier"] == "NR").sum()),
        "out_of_scope": sum(counts.out_of_scope.values()),
        "quarantined": sum(outcome.quarantined for outcome in records.outcomes.values()),
        "carried_forward": sum(len(outcome.carried) for outcome in records.outcomes.values()),
        "incomplete": len(set(records.incomplete["subject_id"].to_pylist())),
        "cards": len(training.cards),
        "trial": trial,
        # Beyond six decimals a figure is noise.
        "auc": interval and {name: None if value is None else round(value, 6) for name, value in interval.items()},
        "settings": {
            str(row["setting"]): {"value": row["value"], "held_out_loss": round(row["held_out_loss"], 6)}
            for row in chosen.to_dict("records")
        },
        "tiers": {str(tier): int(count) for tier, count in tiers.shown().items()},
        "proposed": int((tiers.frame["status"] == "proposed").sum()),
        "frames": {
            plan.task.id: {
                "population": sum(plan.strata["population"].tolist()),
                "target": sum(plan.targets().values()),
            }
            for plan in plans
        },
    }


def write_manifest(
    folder: RunFolder, records: Records, scored: Scored, counts: RowCounts, plans: Sequence[InspectionPlan],
    *, trial: bool, facts: Mapping[str, str], summary: Mapping[str, object], deciding: Deciding, standing: Standing,
    lang: str,
) -> None:  # fmt: skip
    """Write ``manifest.json``: with it the run is finished."""
    engine = records.engine
    counted = {"objections_counted": len(deciding.objections)} if deciding.objections else {}
    document = {
        "format": "creditscore.run/3",
        "project": records.project.about.name,
        "as_of": folder.as_of.isoformat(),
        "engine": engine.name,
        "trial": trial,
        "lang": lang,
        "facts": facts,
        "deciding": {**deciding.facts(), "signatures_counted": len(deciding.signatures), **counted, "tasks": standing.facts()},
        "counts": {"rows_in": counts.rows_in, "scored": counts.scored, "out_of_scope": dict(counts.out_of_scope)},
        "summary": summary,
        "contents": {"features": engine.content_hash(scored.features), "scores": engine.content_hash(scored.scores)},
        "frames": {plan.task.id: plan.frame_hash for plan in plans},
        "outputs": file_hashes(folder.path, leave_out=(MANIFEST,)),
    }
    write_json(folder.file(MANIFEST), document)


def run_log(
    folder: RunFolder, project: Project, tiers: Tiers, training: Training, *, trained: bool, facts: Mapping[str, str]
) -> RunLog:
    """What the tracker gets: hashes, counts, metrics and newly trained cards; no rows of subjects."""
    metrics = {name: figure.value for name, figure in training.evaluation.items()}
    return RunLog(
        project=project.about.name,
        as_of=folder.as_of.isoformat(),
        params={name.replace(" ", "."): value for name, value in facts.items()},
        metrics={**metrics, **{f"tier_{tier}": float(count) for tier, count in tiers.shown().items()}},
        files=(folder.file(MANIFEST), folder.file("report.html")),
        cards=training.cards if trained else {},
    )
