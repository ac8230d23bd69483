"""``forecast``: a policy tried before it is signed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from creditscore.cli.options import (
    DataOption,
    EngineName,
    EngineOption,
    JsonOption,
    LangOption,
    Language,
    ProjectArg,
    data_of,
    engine_of,
    project_of,
    rows_of,
    run_of,
    show,
)
from creditscore.errors import DataError


def forecast(
    project: ProjectArg,
    policy: Annotated[Path, typer.Option("--policy", help="The policy file to try.")],
    run: Annotated[Path, typer.Option("--run", help="The run whose scores are used, OUT/<as_of>.")],
    data: DataOption,
    by: Annotated[str | None, typer.Option(help="Also the burden by size_class, region or subject_type.")] = None,
    capacity: Annotated[
        list[str] | None, typer.Option(help="Visits of a department, as NAME=600: also the ratios that find most. Repeat it.")
    ] = None,
    engine: EngineOption = EngineName.duckdb,
    lang: LangOption = Language.zh,
    as_json: JsonOption = False,
) -> None:
    """What a policy would find and cost, before it is signed; and with which ratios the visits would find most."""
    from creditscore.cli.forecast_text import allocation_lines, burden_lines, forecast_lines
    from creditscore.pipeline.trial import try_policy

    visits, loaded, folder = _visits(capacity or []), project_of(project), run_of(run)
    trial = try_policy(loaded, folder, policy, data=data_of(data), engine=engine_of(engine))
    told = trial.forecast()
    found: dict[str, Any] = {"tiers": rows_of(told.table()), "summary": told.summary()}
    lines = forecast_lines(told, lang)
    if by is not None:
        burden = told.burden(by)
        found["burden"] = rows_of(burden)
        lines += ["", *burden_lines(burden, by, lang)]
    if visits:
        best = trial.allocate(visits)
        parts = {"strata": best.strata, "departments": best.departments, "floors": best.floors}
        found["allocation"] = {"expected": best.expected, **{name: rows_of(frame) for name, frame in parts.items()}}
        lines += ["", *allocation_lines(best, lang)]
    show(found, lines, as_json=as_json)


def _visits(told: list[str]) -> dict[str, int]:
    """Visits by department."""
    found = {}
    for one in told:
        name, _, count = one.rpartition("=")
        if not name or not count.isdecimal():
            raise DataError(f"--capacity: expected NAME=VISITS such as 600 (got {one!r})")
        found[name] = int(count)
    return found
