"""The demo: simulate a city, then go the proper way: train, sign, run, publish and draw every task that is due."""

from __future__ import annotations

import logging
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from creditscore.config.project import load_project
from creditscore.engine import Engine
from creditscore.errors import DataError
from creditscore.inspection.task_folder import open_folders
from creditscore.language import DEFAULT_LANGUAGE
from creditscore.pipeline.draws import draw_task
from creditscore.pipeline.plans import publish_task
from creditscore.pipeline.run import run_project
from creditscore.pipeline.run_folder import RunResult
from creditscore.pipeline.signed_cards import sign_cards
from creditscore.simulate.city import simulate_city
from creditscore.simulate.parameters import CityParameters
from creditscore.storage import atomic_write

if TYPE_CHECKING:
    from creditscore.config.project import Project

_log = logging.getLogger(__name__)
#: The demo's lottery result; a real one is drawn in public after the frame's hash is out.
#: Made up: what the lottery that the tasks declare might have published.
SEED = "03 08 17 21 26 32 + 09"
#: Those who act in the demo.
OFFICER, PLANNER = "演示签署人 (demo officer)", "演示计划员 (demo planner)"
CHANNEL = "演示公告 (demo notice)"
#: The folders that the demo makes.
_CITY, _PROJECT, _RUNS = "city", "project", "runs"


@dataclass(frozen=True)
class Demo:
    """What the demo left behind."""

    run: RunResult
    data: Path
    #: Inspections drawn per task.
    drawn: dict[str, int]
    #: The commands that do the same, in their order.
    commands: tuple[str, ...]


def run_demo(
    project: Project, *, out: Path, subjects: int, seed: int, tracking_uri: str | None = None, lang: str = DEFAULT_LANGUAGE
) -> Demo:
    """A simulated city from its records to drawn tasks below ``out``; an earlier demo there is replaced.

    Args:
        project: The project whose sources the city delivers; a copy of it gets the signed cards.
        out: Gets ``city/``, ``project/`` and ``runs/``.
        subjects: The size of the city.
        seed: The city's seed.
        tracking_uri: The tracker; beside the runs by default.
        lang: The language of the documents.

    Raises:
        DataError: ``out`` holds folders of these names that no demo made.
    """
    _make_room(out)
    parameters = CityParameters(subjects=subjects, seed=seed)
    day, runs, folder = parameters.end, out / _RUNS, out / _PROJECT
    steps = _Steps()
    steps.say("simulate", "--out", out / _CITY, "--subjects", subjects, "--seed", seed)
    city = simulate_city(parameters, out=out / _CITY)
    shutil.copytree(project.folder, folder, ignore=shutil.ignore_patterns("*.json", "signed.toml", ".*"))
    spoken = () if lang == DEFAULT_LANGUAGE else ("--lang", lang)
    options = ("--data", city.data, "--as-of", day, "--out", runs, *spoken)
    steps.say("train", folder, *options)
    run_project(
        load_project(folder), data=city.data, as_of=day, out=runs, engine=Engine.duckdb(), train=True,
        tracking_uri=tracking_uri, lang=lang,
    )  # fmt: skip
    steps.say("sign-cards", folder, "--run", runs / str(day), "--reviewer", OFFICER, "--on", day)
    sign_cards(load_project(folder), signed_by=OFFICER, on=day, run=runs / str(day))
    steps.say("run", folder, *options)
    result = run_project(
        load_project(folder), data=city.data, as_of=day, out=runs, engine=Engine.duckdb(), tracking_uri=tracking_uri, lang=lang
    )
    drawn = {}
    for task in open_folders(runs):
        steps.say("plan", "publish", task.path, "--on", day, "--channel", CHANNEL, "--by", PLANNER, *spoken)
        publish_task(task.path, on=day, channel=CHANNEL, by=PLANNER, lang=lang)
    for task in open_folders(runs):
        steps.say("draw", task.path, "--seed", SEED, "--by", PLANNER, *spoken)
        plan = draw_task(task.path, seed=SEED, by=PLANNER, lang=lang)
        drawn[task.task] = len(plan.drawn)
    return Demo(result, city.data, drawn, tuple(steps.commands))


def _make_room(out: Path) -> None:
    marker, folders = out / ".creditscore-demo", [out / name for name in (_CITY, _PROJECT, _RUNS)]
    if not marker.is_file() and any(folder.exists() for folder in folders):
        raise DataError(
            "{out}: expected an empty folder or an earlier demo (got folders of another make); choose another --out", out=out
        )
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    atomic_write(marker, b"An earlier demo: its folders may be replaced.\n")


class _Steps:
    """The commands that do what the demo does, each shown before it is done."""

    def __init__(self) -> None:
        self.commands: list[str] = []

    def say(self, *words: object) -> None:
        """Show a command and keep it."""
        command = shlex.join(["creditscore", *map(str, words)])
        self.commands.append(command)
        _log.info("$ %s", command)
