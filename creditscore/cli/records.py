"""``records``: lists of records that are not scored, or can soon be repaired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from creditscore.cli.options import (
    AsOfOption,
    DataOption,
    EngineName,
    EngineOption,
    JsonOption,
    Language,
    ProjectArg,
    data_of,
    day_of,
    engine_of,
    project_of,
    rows_of,
    show,
    words,
)
from creditscore.cli.table import table_lines
from creditscore.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from creditscore.config.project import Project

#: Heads of the table for people.
_HEADS = {
    "subject_id": ("统一社会信用代码", "Subject id"),
    "kind": ("类别", "Kind"),
    "event_id": ("记录编号", "Record"),
    "document_no": ("文号", "Document"),
    "event_date": ("日期", "Date"),
    "may_apply_from": ("可申请修复之日", "May apply from"),
}


def records(
    project: ProjectArg,
    data: DataOption,
    as_of: AsOfOption,
    bodies: Annotated[bool, typer.Option("--bodies", help="Government bodies' own records.")] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Records whose shortest publication period ends soon.")] = False,
    engine: EngineOption = EngineName.duckdb,
    lang: Annotated[Language | None, typer.Option("--lang", help="A table for people in this language; CSV by default.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Lists of records: of government bodies (never scored), or soon open to repair."""
    from creditscore.pipeline.bodies import records_of_bodies
    from creditscore.records.open import open_records
    from creditscore.records.repair import repair_reminders

    if bodies == repair:
        raise DataError("records: expected --bodies or --repair")
    day, loaded, folder = day_of(as_of, option="--as-of"), project_of(project), data_of(data)
    opened = open_records(engine_of(engine), loaded, data=folder)
    found = records_of_bodies(opened, as_of=day) if bodies else repair_reminders(opened, as_of=day)
    if lang is None and not as_json:
        typer.echo(found.to_csv(index=False), nl=False)
    else:
        show({"rows": rows_of(found.astype("str"))}, _told(found, loaded, lang or Language.zh), as_json=as_json)


def _told(found: pd.DataFrame, project: Project, lang: Language) -> list[str]:
    """The records as a table, kinds by their name, and how many they are."""
    names = {kind: item.label.text(lang.value) for kind, item in project.catalogue.by_kind.items()}
    shown = found.assign(kind=[names.get(kind, kind) for kind in found["kind"]]).astype("object")
    rows = [["" if cell is None or cell != cell else str(cell) for cell in row] for row in shown.itertuples(index=False, name=None)]
    heads = [words(lang, *_HEADS[name]) for name in found.columns]
    return [*table_lines(heads, rows), words(lang, f"共 {len(rows):,} 条", f"{len(rows):,} records")]
