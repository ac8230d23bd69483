"""``check``: the data check-up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from creditscore.cli.options import (
    AsOfOption,
    DataOption,
    EngineName,
    EngineOption,
    JsonOption,
    LangOption,
    Language,
    ProjectArg,
    data_of,
    day_of,
    engine_of,
    file_to_write,
    project_of,
    show,
    words,
)


def check(
    project: ProjectArg,
    data: DataOption,
    as_of: AsOfOption,
    engine: EngineOption = EngineName.duckdb,
    excel: Annotated[Path | None, typer.Option(help="Write the findings to a workbook.")] = None,
    lang: LangOption = Language.zh,
    as_json: JsonOption = False,
) -> None:
    """The data check-up (体检): what arrived, was refused, is late or missing."""
    from creditscore.features.guard import guard_features
    from creditscore.records.checkup import check_up
    from creditscore.records.open import open_records

    day, loaded = day_of(as_of, option="--as-of"), project_of(project)
    target = file_to_write(excel, option="--excel") if excel else None
    warnings = guard_features(loaded.features, loaded)
    found = check_up(open_records(engine_of(engine), loaded, data=data_of(data)), as_of=day)
    if target:
        found.to_excel(target)
    lines = [*(f"{words(lang, '警告', 'warning')}: {line}" for line in warnings), found.to_text(lang.value)]
    show({"findings": found.table().to_dict("records"), "warnings": warnings}, lines, as_json=as_json)
