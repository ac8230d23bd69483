"""The check-up of a delivery: what arrived and is refused, since when, and the workbooks that go back to those who sent it."""

from __future__ import annotations

import datetime as dt
import logging
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditscore.cli.boundary import Code
from creditscore.cli.options import (
    AsOfOption,
    BookLangOption,
    DataOption,
    EngineName,
    EngineOption,
    JsonOption,
    ProjectArg,
    data_of,
    day_of,
    engine_of,
    file_to_write,
    project_of,
    rows_of,
    runs_of,
    show,
)
from creditscore.errors import DataError
from creditscore.language import DEFAULT_LANGUAGE, _
from creditscore.spreadsheet import cell_words

if TYPE_CHECKING:
    from creditscore.config.project import Project
    from creditscore.engine import Engine
    from creditscore.records.drift import Earlier

_log = logging.getLogger(__name__)


class FailOn(StrEnum):
    """From which level on a finding is an alarm."""

    warning = "warning"
    error = "error"


def check(
    project: ProjectArg,
    data: DataOption,
    as_of: AsOfOption,
    engine: EngineOption = EngineName.duckdb,
    out: Annotated[
        Path | None, typer.Option("--out", help="OUT: compare with its newest run of an earlier day, and say since when.")
    ] = None,
    rejects_to: Annotated[
        Path | None, typer.Option("--rejects-to", help="A folder: one workbook per sending unit with its rows to be mended.")
    ] = None,
    excel: Annotated[Path | None, typer.Option(help="Write the findings to a workbook.")] = None,
    fail_on: Annotated[FailOn | None, typer.Option("--fail-on", help="Exit 3 where there are findings of this level.")] = None,
    lang: BookLangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """The data check-up (体检): what arrived, was refused, is late or missing; since when, and what goes back to whom.

    Raises:
        typer.Exit: With code 3, where there are findings of the level of ``--fail-on``; warnings of the guard count.
        DataError: The day or the data cannot be read.
        ConfigError: The project is wrong.
    """
    from creditscore.features.guard import guard_features
    from creditscore.pipeline.run import read_delivery_before
    from creditscore.pipeline.run_folder import run_before
    from creditscore.records.checkup import check_up
    from creditscore.records.records import open_records

    words = cell_words(lang)
    day, loaded, folder = day_of(as_of, name="--as-of"), project_of(project), data_of(data)
    target = file_to_write(excel, option="--excel") if excel else None
    if rejects_to is not None and rejects_to.exists() and not rejects_to.is_dir():
        raise DataError("--rejects-to: expected a folder (got the file {path})", path=rejects_to)
    warnings = guard_features(loaded.features, loaded)
    earlier = read_delivery_before(run_before(runs_of(out), day, trial=True) if out else None)
    opened = engine_of(engine)
    try:
        records = open_records(opened, loaded, data=folder)
    except DataError as error:
        if rejects_to is not None:
            _send_back_refused(rejects_to, loaded, folder, opened, error, earlier, day=day, lang=lang)
        raise
    findings = check_up(records, as_of=day, earlier=earlier)
    if target:
        findings.to_excel(target)
    label = words.text(_("warning"))
    lines = [*(f"{label}: {line}" for line in warnings), findings.to_text(words.language)]
    document = {"findings": findings.table().to_dict("records"), "warnings": warnings, "deliveries": rows_of(findings.deliveries)}
    if rejects_to is not None:
        from creditscore.pipeline.reject_folder import write_rejects

        written = [str(path) for path in write_rejects(rejects_to, loaded, folder, findings, {}, as_of=day, lang=lang)]
        document["sent_back"] = written
        told = _("to be sent back ({count}):", count=len(written)) if written else _("nothing has to be sent back")
        lines += ["", words.text(told), *(f"  {path}" for path in written)]
    show(document, lines, as_json=as_json)
    if fail_on is not None and (findings.has(fail_on.value) or (warnings and fail_on is FailOn.warning)):
        raise typer.Exit(int(Code.ALARM))


def _send_back_refused(
    target: Path, project: Project, data: Path, engine: Engine, error: DataError, earlier: Earlier, *, day: dt.date, lang: str
) -> None:
    """Workbooks of a delivery that is refused: its units get the message, and the faulty rows of all that can be read."""
    from creditscore.pipeline.reject_folder import open_despite, write_rejects
    from creditscore.records.checkup import check_up

    records, refused = open_despite(engine, project, data, error)
    findings = None if records is None else check_up(records, as_of=day, earlier=earlier)
    for path in write_rejects(target, project, data, findings, refused, as_of=day, lang=lang):
        _log.warning("to be sent back: %s", path)
