"""A project: a folder of configuration with one purpose, loaded and checked as a whole."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from creditscore.config.catalogue import Catalogue
from creditscore.config.features import FeatureFile, FeatureSpec
from creditscore.config.policy import TierPolicy, find_policy
from creditscore.config.scorecards import ScorecardsFile
from creditscore.config.sources import Constant, Map, SourceFile
from creditscore.config.spec import Day, Items, Label, Name, Spec, read_spec, sha256_file
from creditscore.config.targets import TargetFile, TargetSpec
from creditscore.config.tasks import Task, TaskFile
from creditscore.config.work_calendar import WorkCalendar
from creditscore.errors import ConfigError
from creditscore.vocabulary import Purpose

if TYPE_CHECKING:
    from creditscore.config.policy import Override, TierPolicy

    pass  # MOVED


def check_names(policy: TierPolicy, *, file: Path, project: Project) -> None:
    """Kinds, schemes, grades, industries and tasks of a policy against the files of its project.

    Industries are those of ``scorecards.toml`` (not checked where it names none), schemes those that features or
    sources name, grades those in the ``order`` of a feature on the scheme.

    Raises:
        ConfigError: A name is unknown, or a kind may not serve the project's purpose. One line for each.
    """
    found = [*_overrides(policy, project), *_industries(policy, project), *_tasks(policy, project)]
    if found:
        raise ConfigError("\n".join(f"{file}: {line}" for line in found))


def _overrides(policy: TierPolicy, project: Project) -> Iterator[str]:
    for place, override in enumerate(policy.override, start=1):
        where = f'override[{place}] "{override.kind or override.scheme}"'
        yield from _kind(override, where, project) if override.kind else _grade(override, where, project)


def _kind(override: Override, where: str, project: Project) -> Iterator[str]:
    items = project.catalogue.by_kind
    if override.kind not in items:
        yield _unknown_names(f"{where}.kind", "a kind of catalogue.toml", items, override.kind)
    elif not items[override.kind].may_serve(project.about.purpose):
        yield f"{where}.kind: expected an item with a legal basis, released for {project.about.purpose} (got {override.kind!r})"


def _grade(override: Override, where: str, project: Project) -> Iterator[str]:
    schemes = _schemes(project)
    if schemes and override.scheme not in schemes:
        yield _unknown_names(f"{where}.scheme", "a scheme of features.toml or sources.toml", schemes, override.scheme)
    orders = [feature.order for feature in project.features if feature.scheme == override.scheme and feature.order]
    grades = {grade for order in orders for grade in order}
    if grades and override.grade not in grades:
        yield _unknown_names(f"{where}.grade", f"a grade of {override.scheme}", grades, override.grade)


def _schemes(project: Project) -> set[str]:
    """The rating schemes that features read or sources set."""
    named = {feature.scheme for feature in project.features if feature.scheme}
    rules = [rule for source in project.sources.source for rule in source.column if rule.to == "scheme"]
    for rule in rules:
        if isinstance(rule, Constant):
            named.add(str(rule.value))
        if isinstance(rule, Map):
            named |= {str(value) for value in rule.values.values()}
    return named


def _industries(policy: TierPolicy, project: Project) -> Iterator[str]:
    known = [industry.code for industry in project.scorecards.industry]
    named = [(f"tier {rule.name}.industry", rule.industry) for rule in policy.tier if rule.industry]
    named += [(f'industry "{code}"', code) for code in policy.industry]
    named += [("full_coverage", code) for code in policy.full_coverage]
    named += [(f"measure[{place}].industry", one.industry) for place, one in enumerate(policy.measure, start=1) if one.industry]
    for where, code in named:
        if known and code not in known:
            yield _unknown_names(where, "an industry of scorecards.toml", known, code)


def _tasks(policy: TierPolicy, project: Project) -> Iterator[str]:
    for code in policy.task:
        if code not in project.tasks:
            yield _unknown_names(f'task "{code}"', "a task of tasks.toml", project.tasks, code)


def _unknown_names(where: str, what: str, known: Iterable[str], found: str | None) -> str:
    names = sorted(known)
    return f"{where}: expected {what}, one of {', '.join(names[:8])}{', …' if len(names) > 8 else ''} (got {found!r})"


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
        raise ConfigError("{root}: expected a project folder (got nothing)", root=root)
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
        raise ConfigError("{file}: impact_assessment_id: expected its number, since persons are scored (got nothing)", file=file)
    if project.scorecards.target not in project.targets:
        raise _unknown(project.folder / "scorecards.toml", "target", project.scorecards.target, list(project.targets))


def _unknown(file: Path, key: str, found: str, known: list[str]) -> ConfigError:
    names = ", ".join(sorted(known)[:8])
    return ConfigError(
        "{file}: {key}: expected one of {names}{n_known} (got {found!r})",
        file=file,
        key=key,
        names=names,
        n_known=", …" if len(known) > 8 else "",
        found=found,
    )
