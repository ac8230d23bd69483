"""The check-up of a delivery: what arrived and is refused, since when, and the workbooks that go back to those who sent it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditscore.cli.boundary import Code
from creditscore.cli.options import (
    AsOfOption,
    BookLangOption,
    Computing,
    ConfOption,
    DataOption,
    EngineName,
    EngineOption,
    JsonOption,
    MasterOption,
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
from creditscore.language import DEFAULT_LANGUAGE, Text, Words, _
from creditscore.spreadsheet import cell_words

if TYPE_CHECKING:
    from creditscore.records.deliveries.checkup import CheckUp


class FailOn(StrEnum):
    """From which level on a finding is an alarm."""

    warning = "warning"
    error = "error"


def check(
    project: ProjectArg,
    data: DataOption,
    as_of: AsOfOption,
    engine: EngineOption = EngineName.duckdb,
    master: MasterOption = None,
    conf: ConfOption = None,
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
    from creditscore.pipeline.reject_folder import open_despite, write_rejects
    from creditscore.pipeline.run import last_reading_of, read_delivery_before
    from creditscore.pipeline.run_folder import run_before
    from creditscore.records.deliveries.checkup import check_up
    from creditscore.records.records import open_records

    words = cell_words(lang)
    day, loaded, folder = day_of(as_of, name="--as-of"), project_of(project), data_of(data)
    target = file_to_write(excel, option="--excel") if excel else None
    if rejects_to is not None and rejects_to.exists() and not rejects_to.is_dir():
        raise DataError("--rejects-to: expected a folder (got the file {path})", path=rejects_to)
    warnings = guard_features(loaded.features, loaded)
    before = run_before(runs_of(out), day, trial=True) if out else None
    earlier, last = read_delivery_before(before), last_reading_of(before, day)
    opened = engine_of(Computing(engine, master, conf), (folder, out), loaded)
    try:
        records = open_records(opened, loaded, data=folder, last_reading=last)
    except DataError as error:
        rest, refused = open_despite(opened, loaded, folder, error, last)
        findings = None if rest is None else check_up(rest, as_of=day, earlier=earlier, last=last)
        sent = write_rejects(rejects_to, loaded, folder, findings, refused, as_of=day, lang=lang) if rejects_to is not None else []
        for line in _refusal_lines(error, refused, sent, words, checked=findings is not None):
            typer.echo(line, err=True)
        if findings is not None:
            # What is wrong elsewhere is told all the same, beside the one document of --json, which is that of the refusal.
            typer.echo("\n".join([*_lines(findings, words, warnings), *_refused_lines(refused, words)]))
        raise
    findings = check_up(records, as_of=day, earlier=earlier, last=last)
    if target:
        findings.to_excel(target)
    lines = _lines(findings, words, warnings)
    document = {"findings": findings.table().to_dict("records"), "warnings": warnings, "deliveries": rows_of(findings.deliveries)}
    if rejects_to is not None:
        written = [str(path) for path in write_rejects(rejects_to, loaded, folder, findings, {}, as_of=day, lang=lang)]
        document["sent_back"] = written
        told = _("to be sent back ({count}):", count=len(written)) if written else _("nothing has to be sent back")
        lines += ["", words.text(told), *(f"  {path}" for path in written)]
    show(document, lines, as_json=as_json)
    if fail_on is not None and (findings.has(fail_on.value) or (warnings and fail_on is FailOn.warning)):
        raise typer.Exit(int(Code.ALARM))


def _lines(findings: CheckUp, words: Words, warnings: Sequence[Text]) -> list[str]:
    """The check-up in lines, with the warnings of the guard above it."""
    label = words.text(_("warning"))
    return [*(f"{label}: {line}" for line in warnings), findings.to_text(words.language)]


def _refusal_lines(
    raised: DataError, refused: Mapping[str, DataError], sent: Sequence[Path], words: Words, *, checked: bool
) -> Iterator[str]:
    """What stands beside the one error that ends the command: the other files that are refused, and whether the rest was checked.

    Args:
        raised: That error.
        refused: The sources that cannot be used, each with its reason.
        sent: The workbooks that go back.
        words: The language.
        checked: Whether the rows of the other files were checked.
    """
    for source, error in refused.items():
        if str(error) != str(raised):
            yield words.text(_("refused as a whole: {source}: {why}", source=source, why=error))
    if checked:
        yield words.text(_("the rows of all other files were checked all the same"))
    else:
        yield words.text(_("no rows of other files were checked: that needs a register that can be read"))
    for path in sent:
        yield words.text(_("to be sent back: {path}", path=path))


def _refused_lines(refused: Mapping[str, DataError], words: Words) -> list[str]:
    """The sources that are refused as a whole, each with its reason."""
    if not refused:
        return []
    head = words.text(_("refused as a whole, and not counted above:"))
    return ["", head, *(f"  {source}: {words.text(error)}" for source, error in refused.items())]
