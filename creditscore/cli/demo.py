"""``demo``: a city from its records to a drawn plan."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from creditscore.cli.options import JsonOption, LangOption, Language, OutOption, TrackingOption, project_of, show
from creditscore.cli.simulate import MOST_SUBJECTS, SeedOption


def demo(
    out: OutOption = Path("demo"),
    subjects: Annotated[int, typer.Option(min=500, max=MOST_SUBJECTS, help="How many subjects to simulate.")] = 20_000,
    seed: SeedOption = 1,
    project: Annotated[Path | None, typer.Option(help="Another project than the example of Yongzhou.")] = None,
    tracking_uri: TrackingOption = None,
    lang: LangOption = Language.zh,
    as_json: JsonOption = False,
) -> None:
    """Simulate a city, train, run, draw; say where the workbook and the report lie."""
    from creditscore.pipeline.demo import run_demo
    from creditscore.pipeline.say import demo_lines

    chosen = project_of(project or _example())
    made = run_demo(chosen, out=out, subjects=subjects, seed=seed, tracking_uri=tracking_uri, lang=lang.value)
    document = {**made.run.summary, "drawn": made.drawn, "run": str(made.run.folder.path)}
    show(document, demo_lines(made, lang=lang.value), as_json=as_json)


def _example() -> Path:
    """The example project that ships with the package, or that of a checkout."""
    package = Path(str(files("creditscore")))
    shipped = package / "examples" / "yongzhou"
    return shipped if shipped.is_dir() else package.parent / "configs" / "yongzhou"
