"""``simulate`` and ``simulate-visits``: the data of a city, and what its inspectors would find."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from creditscore.cli.options import JsonOption, LangOption, Language, OutOption, RunArg, day_of, file_to_write, run_of, show, words
from creditscore.cli.table import table_lines, whole

#: What a city takes.
MOST_SUBJECTS = 5_000_000
SeedOption = Annotated[int, typer.Option("--seed", min=0, max=2**63 - 1, help="The city's seed.")]


def simulate(
    out: OutOption,
    subjects: Annotated[int, typer.Option(min=500, max=MOST_SUBJECTS, help="How many subjects to simulate.")] = 20_000,
    months: Annotated[int, typer.Option(min=6, max=120, help="Months with visits.")] = 36,
    seed: SeedOption = 1,
    end: Annotated[str, typer.Option("--end", help="The last day of the data.")] = "2024-04-30",
    lang: LangOption = Language.zh,
    as_json: JsonOption = False,
) -> None:
    """Only the data of a simulated city, in OUT/data, and the truth beside it, in OUT/truth."""
    from creditscore.simulate.city import simulate_city
    from creditscore.simulate.parameters import CityParameters

    parameters = CityParameters(subjects=subjects, months=months, seed=seed, end=day_of(end, option="--end"))
    city = simulate_city(parameters, out=out)
    places = ((words(lang, "数据", "data"), city.data), (words(lang, "真值", "truth"), city.truth))
    heads = (words(lang, "文件", "file"), words(lang, "行数", "rows"))
    rows = [(name, whole(count)) for name, count in sorted(city.rows.items())]
    lines = [*(f"{word}: {place}" for word, place in places), *table_lines(heads, rows, numbers=[1])]
    document = {"data": str(city.data), "truth": str(city.truth), "rows": city.rows, "sha256": city.sha256}
    show(document, lines, as_json=as_json)


def simulate_visits(
    run: RunArg,
    truth: Annotated[Path, typer.Option("--truth", help="The simulated city's folder of truth.")],
    file: Annotated[Path, typer.Option("--file", help="Where the filled-in workbook goes.")],
    lang: LangOption = Language.zh,
    as_json: JsonOption = False,
) -> None:
    """Play the inspectors of a simulated city: a copy of plan.xlsx with what their visits would find."""
    from creditscore.pipeline.simulated_visits import visit_simulated

    count = visit_simulated(run_of(run).path, truth, out=file_to_write(file, option="--file"))
    told = words(lang, f"已填写 {count:,} 条检查结果：{file}", f"{count:,} results filled in: {file}")
    show({"file": str(file), "rows": count}, [told], as_json=as_json)
