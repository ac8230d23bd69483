"""A project: a folder of configuration with one purpose, loaded and checked as a whole."""

import hashlib
import logging
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from creditscore.config.base import Day, Items, Label, Name, Spec
from creditscore.config.calendar import WorkCalendar
from creditscore.config.catalogue import Catalogue
from creditscore.config.features import FeatureFile, FeatureSpec
from creditscore.config.load import read_spec, sha256_file
from creditscore.config.policy import TierPolicy, find_policy
from creditscore.config.policy_names import check_names
from creditscore.config.scorecards import ScorecardsFile
from creditscore.config.sources import SourceFile
from creditscore.config.targets import TargetFile, TargetSpec
from creditscore.config.tasks import Task, TaskFile
from creditscore.errors import ConfigError
from creditscore.vocabulary import Purpose

_log = logging.getLogger(__name__)


class ProjectFile(Spec):
    """The document ``project.toml``."""

    name: Name
    label: Label
    authority: Label
    purpose: Purpose = "supervision"
    #: Whom the project scores. Practitioners are natural persons: only as such, only by their
    #: professional-conduct records, and only with ``impact_assessment_id`` in ``scorecards.toml``.
    population: Literal["market_subject", "practitioner"] = "market_subject"
    timezone: str = "Asia/Shanghai"
    #: Without effect: each command has ``--lang``. Accepted for one release more.
    languages: Items[str] = ("zh", "en")
    #: A drop of the number of subjects against the run before that stops the run.
    max_row_drop: float = Field(default=0.3, gt=0, le=1)
    #: A task's frame is made this many days before it starts.
    plan_ahead_days: int = Field(default=31, ge=0, le=366)
    #: Records whose shortest publication period ends within so many days are listed (最短公示期届满提醒).
    repair_reminder_days: int = Field(default=30, ge=1, le=366)
    contact: str = ""


@dataclass(frozen=True)
class Project:
    """All specifications of one folder. Attributes are frozen; nothing is read from disk later but policies."""

    folder: Path
    about: ProjectFile
    sources: SourceFile
    catalogue: Catalogue
    features: tuple[FeatureSpec, ...]
    targets: dict[str, TargetSpec]
    scorecards: ScorecardsFile
    tasks: dict[str, Task]
    calendar: WorkCalendar
    sha256: str

    def policy(self, on: str | Day) -> TierPolicy:
        """The tier policy in force on a day; what it names is in the project's other files."""
        return self.policy_of(self.folder / "tiering", on=on)

    def policy_of(self, folder: Path, *, on: str | Day = "9999-12-31") -> TierPolicy:
        """A policy from elsewhere (a folder of dated files, or one file) to try on this project."""
        file, policy = find_policy(folder, on=on)
        check_names(policy, file=file, project=self)
        return policy

    @property
    def cards(self) -> Path:
        """The folder of signed cards; the night scores with these."""
        return self.folder / "cards"


def load_project(folder: str | Path) -> Project:
    """Read and check every file of a project folder.

    Args:
        folder: Holds ``project.toml sources.toml catalogue.toml features.toml targets.toml
            scorecards.toml tasks.toml``, ``tiering/<date>.toml`` and perhaps ``calendar.toml``.

    Raises:
        ConfigError: A file is missing or faulty, or two files contradict each other. Of the policies the newest is
            held against the other files; an older one when it is asked for.
    """
    root = Path(folder)
    if not root.is_dir():
        raise ConfigError(f"{root}: expected a project folder (got nothing)")
    targets = {target.name: target for target in read_spec(TargetFile, root / "targets.toml").target}
    project = Project(
        folder=root,
        about=read_spec(ProjectFile, root / "project.toml"),
        sources=read_spec(SourceFile, root / "sources.toml"),
        catalogue=read_spec(Catalogue, root / "catalogue.toml"),
        features=read_spec(FeatureFile, root / "features.toml").feature,
        targets=targets,
        scorecards=read_spec(ScorecardsFile, root / "scorecards.toml"),
        tasks={task.id: task for task in read_spec(TaskFile, root / "tasks.toml").task},
        calendar=read_spec(WorkCalendar, root / "calendar.toml") if (root / "calendar.toml").is_file() else WorkCalendar(),
        sha256=config_sha256(root),
    )
    _check_names_across_files(project)
    _warn_of_idle_keys(project)
    if any((root / "tiering").glob("*.toml")):
        project.policy("9999-12-31")
    return project


def config_sha256(root: Path) -> str:
    """One hash of all TOML files of a project, by relative name."""
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.toml")):
        digest.update(f"{path.relative_to(root).as_posix()} {sha256_file(path)}\n".encode())
    return digest.hexdigest()


def _warn_of_idle_keys(project: Project) -> None:
    """Keys that once were checked and never had an effect: they are accepted for one release more."""
    if "languages" in project.about.model_fields_set:
        _warn_once(project.folder / "project.toml", "languages", "choose a language by --lang")
    if "min_tenure_months" in project.scorecards.model_fields_set:
        _warn_once(project.folder / "scorecards.toml", "min_tenure_months", "use new_subject_months of the tier policy")


@cache
def _warn_once(file: Path, key: str, instead: str) -> None:
    _log.warning("%s: %s has no effect and will be refused by a later release: %s", file, key, instead)


def _check_names_across_files(project: Project) -> None:
    """Kinds of features and targets are in the catalogue; the cards' target exists."""
    known = project.catalogue.by_kind
    for place, feature in enumerate(project.features, start=1):
        for kind in feature.kind:
            if kind not in known:
                raise _unknown(project.folder / "features.toml", f'feature[{place}] "{feature.name}".kind', kind, list(known))
    for target in project.targets.values():
        for kind in getattr(target, "kind", ()):
            if kind not in known:
                raise _unknown(project.folder / "targets.toml", f'target "{target.name}".kind', kind, list(known))
    if project.about.population == "practitioner" and not project.scorecards.impact_assessment_id:
        file = project.folder / "scorecards.toml"
        raise ConfigError(f"{file}: impact_assessment_id: expected its number, since persons are scored (got nothing)")
    if project.scorecards.target not in project.targets:
        raise _unknown(project.folder / "scorecards.toml", "target", project.scorecards.target, list(project.targets))


def _unknown(file: Path, key: str, found: str, known: list[str]) -> ConfigError:
    names = ", ".join(sorted(known)[:8])
    return ConfigError(f"{file}: {key}: expected one of {names}{', …' if len(known) > 8 else ''} (got {found!r})")
