"""The demo: simulate a city, train, run, and draw every plan of the run."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from creditscore.engine import Engine
from creditscore.errors import DataError
from creditscore.language import DEFAULT_LANGUAGE
from creditscore.pipeline.draws import draw_plan_folder
from creditscore.pipeline.run import run_project
from creditscore.pipeline.run_folder import RunResult
from creditscore.simulate.city import simulate_city
from creditscore.simulate.parameters import CityParameters
from creditscore.storage import atomic_write

if TYPE_CHECKING:
    from creditscore.config.project import Project

_log = logging.getLogger(__name__)
#: The demo's lottery result; a real one is drawn in public after the frame's hash is out.
SEED = "demo lottery 03 08 17 21"
SEED_SOURCE = "演示用，并非真实开奖 (made up for the demo)"


@dataclass(frozen=True)
class Demo:
    """What the demo left behind."""

    run: RunResult
    data: Path
    #: Inspections drawn per task.
    drawn: dict[str, int]


def run_demo(
    project: Project, *, out: Path, subjects: int, seed: int, tracking_uri: str | None = None, lang: str = DEFAULT_LANGUAGE
) -> Demo:
    """A simulated city from its records to drawn plans below ``out``; an earlier demo there is replaced.

    Args:
        project: The project whose sources the city delivers.
        out: Gets ``city/`` and ``runs/``.
        subjects: The size of the city.
        seed: The city's seed.
        tracking_uri: The tracker; beside the runs by default.
        lang: The language of the documents.

    Raises:
        DataError: ``out`` holds folders of these names that no demo made.
    """
    marker = out / ".creditscore-demo"
    if not marker.is_file() and any((out / name).exists() for name in ("city", "runs")):
        raise DataError(
            "{out}: expected an empty folder or an earlier demo (got folders of another make); choose another --out", out=out
        )
    for name in ("city", "runs"):
        shutil.rmtree(out / name, ignore_errors=True)
    atomic_write(marker, b"An earlier demo: its folders may be replaced.\n")
    parameters = CityParameters(subjects=subjects, seed=seed)
    _log.info("simulating %s subjects", subjects)
    city = simulate_city(parameters, out=out / "city")
    result = run_project(
        project, data=city.data, as_of=parameters.end, out=out / "runs", engine=Engine.duckdb(), train=True,
        tracking_uri=tracking_uri, lang=lang,
    )  # fmt: skip
    _log.info("drawing")
    drawn = {
        path.name: len(draw_plan_folder(path, seed=SEED, seed_source=SEED_SOURCE, lang=lang).drawn)
        for path in result.folder.plans()
    }
    return Demo(result, city.data, drawn)
