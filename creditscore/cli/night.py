"""``run`` and ``train``: the night, with the signed cards or with new ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from creditscore.cli.options import (
    AcceptOption,
    AsOfOption,
    DataOption,
    EngineName,
    EngineOption,
    JsonOption,
    LangOption,
    Language,
    OutOption,
    ProjectArg,
    TrackingOption,
    data_of,
    day_of,
    engine_of,
    project_of,
    show,
)


def train(
    project: ProjectArg,
    data: DataOption,
    as_of: AsOfOption,
    out: OutOption,
    engine: EngineOption = EngineName.duckdb,
    tracking_uri: TrackingOption = None,
    lang: LangOption = Language.zh,
    as_json: JsonOption = False,
    accept: AcceptOption = False,
) -> None:
    """Train the cards on what was known that day, into the run's folder and MLflow. Nothing is promoted."""
    _night(project, data, as_of, out, engine=engine, train=True, uri=tracking_uri, lang=lang, as_json=as_json, accept=accept)


def run(
    project: ProjectArg,
    data: DataOption,
    as_of: AsOfOption,
    out: OutOption,
    engine: EngineOption = EngineName.duckdb,
    train: Annotated[bool, typer.Option("--train", help="Train instead of using the signed cards.")] = False,
    tracking_uri: TrackingOption = None,
    lang: LangOption = Language.zh,
    as_json: JsonOption = False,
    accept: AcceptOption = False,
) -> None:
    """The night: check, features, scores, tiers, frames of the tasks due, workbook, report. Draws nothing."""
    _night(project, data, as_of, out, engine=engine, train=train, uri=tracking_uri, lang=lang, as_json=as_json, accept=accept)


def _night(
    project: Path,
    data: Path,
    as_of: str,
    out: Path,
    *,
    engine: EngineName,
    train: bool,
    uri: str | None,
    lang: Language,
    as_json: bool,
    accept: bool,
) -> None:
    from creditscore.pipeline.run import run_project
    from creditscore.pipeline.say import run_lines

    day, loaded, folder = day_of(as_of, option="--as-of"), project_of(project), data_of(data)
    made = run_project(
        loaded, data=folder, as_of=day, out=out, engine=engine_of(engine), train=train, tracking_uri=uri, lang=lang.value,
        accept=accept,
    )  # fmt: skip
    document = {**made.summary, "run": str(made.folder.path), "fresh": made.fresh}
    show(document, run_lines(made, lang=lang.value), as_json=as_json)
