"""A project: a folder of configuration with one purpose, loaded and checked as a whole."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from creditscore.config.catalogue import Catalogue
from creditscore.config.column_rules import Constant, Map
from creditscore.config.features import FeatureFile, FeatureSpec
from creditscore.config.objections import ObjectionFile
from creditscore.config.policy import TierPolicy, find_policy
from creditscore.config.purposes import LookupPurpose, other_purpose, usual_purposes
from creditscore.config.scorecards import ScorecardsFile
from creditscore.config.sources import SourceFile
from creditscore.config.spec import Day, Items, Label, Name, Spec, read_spec
from creditscore.config.targets import TargetFile, TargetSpec
from creditscore.config.tasks import Task, TaskFile
from creditscore.config.work_calendar import WorkCalendar
from creditscore.dates import ZONE
from creditscore.errors import ConfigError
from creditscore.storage import settle, sha256_file, sha256_of
from creditscore.vocabulary import MARKET_SUBJECTS, Purpose, UnscoredKind

_log = logging.getLogger(__name__)


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("a time zone of the IANA database, such as Asia/Shanghai") from None
    return name


#: By table, the days that say how new a source is, the first that is there. The other tables have no such day.
DAYS_OF_TABLES = {
    "subjects": ("known_date", "valid_from"), "events": ("known_date",), "changes": ("known_date",), "inspections": ("known_date",),
    "ratings": ("known_date",), "decisions": ("decision_date",), "publicity": ("event_date",),
}  # fmt: skip


class MaxAge(Spec):
    """How old the newest record of a source of ``sources.toml`` may be for a rating, from a day on."""

    source: str = Field(min_length=1)
    effective: Day
    days: int = Field(ge=1, le=3660)
    basis: str = Field(min_length=1, pattern=r"\S")


class Unscored(Spec):
    """By which rule some subjects are not rated, from a day on; an answer about one of them names it."""

    who: Items[UnscoredKind] = Field(min_length=1)
    effective: Day
    basis: str = Field(min_length=1, pattern=r"\S")


class EngineLimits(Spec):
    """What commands may use of the machine on which DuckDB computes; results are the same whatever it is."""

    #: Such as ``4GB`` or ``512MiB``; beyond it DuckDB spills. None: four fifths of the memory.
    memory_limit: str | None = Field(default=None, pattern=r"^[1-9][0-9]*(\.[0-9]+)?[KMGT]i?B$")
    #: Where it spills to, from the project's folder on; None: ``.tmp`` in the folder where the command runs.
    spill: str | None = Field(default=None, pattern=r"\S")
    #: None: all cores.
    threads: int | None = Field(default=None, ge=1)


class ProjectFile(Spec):
    """The document ``project.toml``."""

    name: Name
    label: Label
    authority: Label
    #: Further names of the project's own area, such as ``yongzhou``; those of its tables of regions are known. What is done,
    #: paid or registered there may be no feature.
    places: Items[str] = ()
    purpose: Purpose = "supervision"
    #: Whom the project scores. Practitioners are natural persons: only as such, only by their
    #: professional-conduct records, and only with ``impact_assessment_id`` in ``scorecards.toml``.
    population: Literal["market_subject", "practitioner"] = "market_subject"
    timezone: Annotated[str, AfterValidator(_timezone)] = ZONE
    #: Without effect: each command has ``--lang``. Accepted for one release more.
    languages: Items[str] = ("zh", "en")
    #: A drop of the number of subjects against the run before that stops the run.
    max_row_drop: float = Field(default=0.3, gt=0, le=1)
    #: Rows of a source that lie more than so many days after the day are told as slips, if they are at most such a share of
    #: its rows; other rows after the day are newer data.
    max_ahead_days: int = Field(default=183, ge=0, le=36_600)
    max_ahead_share: float = Field(default=0.01, ge=0, le=1)
    #: Days before its start from which a task's frame is drawn up.
    plan_ahead_days: int = Field(default=31, ge=0, le=366)
    #: Records whose shortest publication period ends within this many days are listed (最短公示期届满提醒).
    repair_reminder_days: int = Field(default=30, ge=1, le=366)
    #: Months for which runs are kept: ``prune`` removes none of them. None: only what the command says.
    keep_runs_months: int | None = Field(default=None, ge=0, le=1200)
    contact: str = ""
    engine: EngineLimits = EngineLimits()
    #: What a credit check (``lookup``) may be used for: a closed list.
    lookup_purpose: Items[LookupPurpose] = Field(default_factory=usual_purposes, min_length=1)

    #: How old the newest record of a source may be; without a rule it may be of any age, and the check-up says so.
    max_age: Items[MaxAge] = ()

    #: By which rules bodies, practitioners and those who have left are not rated.
    unscored: Items[Unscored] = ()

    def unscored_basis(self, who: str, day: Day) -> str:
        """The rule in force on a day by which somebody is not rated; ``""`` where the project names none."""
        in_force = [one for one in self.unscored if who in one.who and one.effective <= day]
        return max(in_force, key=lambda one: one.effective).basis if in_force else ""

    @property
    def scored_types(self) -> tuple[str, ...]:
        """The types of subject that the project scores; government bodies are in none."""
        return MARKET_SUBJECTS if self.population == "market_subject" else ("practitioner",)

    def ages_on(self, day: Day) -> tuple[MaxAge, ...]:
        """The limits in force on a day, one per source."""
        in_force = sorted((one for one in self.max_age if one.effective <= day), key=lambda one: one.effective)
        return tuple({one.source: one for one in in_force}.values())

    @model_validator(mode="after")
    def _checks_serve_the_purpose(self) -> ProjectFile:
        for one in self.lookup_purpose:
            other = next(
                (found for text in (one.name, *one.label.names().values()) if (found := other_purpose(text, own=self.purpose))),
                None,
            )
            if other is not None:
                raise ValueError(
                    f"lookup_purpose: uses of {self.purpose}; {other.name} needs a project of its own (got {one.name!r})"
                )
        return self


@dataclass(frozen=True)
class Project:
    """All specifications of one folder, read once; only policies are read later, when they are asked for."""

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
    objections: ObjectionFile = field(default_factory=ObjectionFile)

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
            scorecards.toml tasks.toml``, ``tiering/<date>.toml`` and perhaps ``calendar.toml`` and ``objections.toml``.

    Raises:
        ConfigError: A file is missing or faulty, or two files contradict each other. The newest policy is
            checked against the other files now, an older one when it is asked for.
    """
    root = Path(folder)
    if not root.is_dir():
        raise ConfigError("{root}: expected a project folder (got nothing)", root=root)
    settle(root / "cards")  # a signing that was stopped on its way changes what is read and hashed below
    targets = {target.name: target for target in read_spec(TargetFile, root / "targets.toml").target}
    project = Project(
        folder=root,
        about=read_spec(ProjectFile, root / "project.toml"),
        sources=read_spec(SourceFile, root / "sources.toml"),
        catalogue=read_spec(Catalogue, root / "catalogue.toml"),
        features=read_spec(FeatureFile, root / "features.toml").feature,
        targets=targets,
        scorecards=read_spec(ScorecardsFile, root / "scorecards.toml"),
        tasks=read_spec(TaskFile, root / "tasks.toml").by_id,
        calendar=read_spec(WorkCalendar, root / "calendar.toml") if (root / "calendar.toml").is_file() else WorkCalendar(),
        sha256=config_sha256(root),
        objections=read_spec(ObjectionFile, root / "objections.toml") if (root / "objections.toml").is_file() else ObjectionFile(),
    )
    _check_names_across_files(project)
    _warn_of_idle_keys(project)
    if any((root / "tiering").glob("*.toml")):
        project.policy("9999-12-31")
    return project


def config_sha256(root: Path) -> str:
    """One hash of all TOML files of a project, by relative name."""
    files = sorted(root.rglob("*.toml"))
    return sha256_of("".join(f"{path.relative_to(root).as_posix()} {sha256_file(path)}\n" for path in files))


def named_schemes(project: Project) -> set[str]:
    """The schemes of external ratings that features or sources name."""
    schemes = {feature.scheme for feature in project.features if feature.scheme}
    for rule in (rule for source in project.sources.source for rule in source.column if rule.to == "scheme"):
        if isinstance(rule, Constant):
            schemes.add(str(rule.value))
        if isinstance(rule, Map):
            schemes |= {str(value) for value in (*rule.values.values(), rule.otherwise) if value is not None}
    return schemes


def check_names(policy: TierPolicy, *, file: Path, project: Project) -> None:
    """Kinds, schemes, grades, industries and tasks of a policy against the files of its project.

    Industries are those of ``scorecards.toml`` (not checked where it names none), schemes those that features or
    sources name, grades those in the ``order`` of a feature on the scheme.

    Raises:
        ConfigError: A name is unknown, or a kind may not serve the project's purpose. One line for each.
    """
    faults = [*_faults_of_overrides(policy, project)]
    known = [industry.code for industry in project.scorecards.industry]
    industries = [(f"tier {rule.name}.industry", rule.industry) for rule in policy.tier if rule.industry]
    industries += [(f'industry "{code}"', code) for code in policy.industry]
    industries += [("full_coverage", code) for code in policy.full_coverage]
    industries += [(f"measure[{n}].industry", one.industry) for n, one in enumerate(policy.measure, start=1) if one.industry]
    faults += [
        f"{key}: {_expected('an industry of scorecards.toml', known, code)}"
        for key, code in industries
        if known and code not in known
    ]
    faults += [
        f'task "{code}": {_expected("a task of tasks.toml", project.tasks, code)}'
        for code in policy.task
        if code not in project.tasks
    ]
    if faults:
        lines = "\n".join(f"{file}: {fault}" for fault in faults)
        raise ConfigError(lines)


def _faults_of_overrides(policy: TierPolicy, project: Project) -> Iterator[str]:
    """A line for each kind, scheme or grade of an override that the project does not know or may not use."""
    purpose, items = project.about.purpose, project.catalogue.by_kind
    schemes = named_schemes(project)
    for number, override in enumerate(policy.override, start=1):
        key = f'override[{number}] "{override.kind or override.scheme}"'
        if override.kind:
            if override.kind not in items:
                yield f"{key}.kind: {_expected('a kind of catalogue.toml', items, override.kind)}"
            elif not items[override.kind].may_serve(purpose):
                yield f"{key}.kind: expected an item with a legal basis, released for {purpose} (got {override.kind!r})"
            continue
        if schemes and override.scheme not in schemes:
            yield f"{key}.scheme: {_expected('a scheme of features.toml or sources.toml', schemes, override.scheme)}"
        grades = {grade for feature in project.features if feature.scheme == override.scheme for grade in feature.order}
        if grades and override.grade not in grades:
            yield f"{key}.grade: {_expected(f'a grade of {override.scheme}', grades, override.grade)}"


def _check_names_across_files(project: Project) -> None:
    """Kinds of features and targets are in the catalogue; the cards' target exists; persons are scored by their own rules."""
    kinds = project.catalogue.by_kind
    named = [("features.toml", f'feature[{n}] "{one.name}".kind', one.kind) for n, one in enumerate(project.features, start=1)]
    named += [("targets.toml", f'target "{one.name}".kind', getattr(one, "kind", ())) for one in project.targets.values()]
    checks: list[tuple[str, str, str, Collection[str]]] = [(file, key, kind, kinds) for file, key, own in named for kind in own]
    dated = [source.name for source in project.sources.source if source.table in DAYS_OF_TABLES and not source.supplement]
    checks += [
        ("project.toml", f"max_age[{n}].source", rule.source, dated) for n, rule in enumerate(project.about.max_age, start=1)
    ]
    checks.append(("scorecards.toml", "target", project.scorecards.target, project.targets))
    for file, key, name, known in checks:
        if name not in known:
            raise ConfigError("{file}: {key}: {fault}", file=project.folder / file, key=key, fault=_expected("", known, name))
    _check_industries_of_features(project)
    _check_ranking(project)
    if project.about.population == "practitioner" and not project.scorecards.impact_assessment_id:
        raise ConfigError(
            "{file}: impact_assessment_id: expected its number, since persons are scored (got nothing)",
            file=project.folder / "scorecards.toml",
        )


def _check_industries_of_features(project: Project) -> None:
    known = [industry.code for industry in project.scorecards.industry]
    for number, feature in enumerate(project.features, start=1):
        key = f'feature[{number}] "{feature.name}".industries'
        for code in feature.industries:
            if code not in known:
                fault = _expected("an industry of scorecards.toml", known, code)
                raise ConfigError("{file}: {key}: {fault}", file=project.folder / "features.toml", key=key, fault=fault)


def _check_ranking(project: Project) -> None:
    set_off = {trigger for item in project.catalogue.item for trigger in item.sets_off}
    for target in project.targets.values():
        for trigger in getattr(target, "rank_with", ()):
            if trigger not in set_off:
                raise ConfigError(
                    '{file}: target "{name}".rank_with: expected triggers that some item of catalogue.toml sets_off, since its '
                    "record says as of when such a visit is learnt from (got {trigger})",
                    file=project.folder / "targets.toml",
                    name=target.name,
                    trigger=trigger,
                )


def _expected(what: str, known: Iterable[str], got: str | None) -> str:
    names = sorted(known)
    return f"expected {what}{', ' if what else ''}one of {', '.join(names[:8])}{', …' if len(names) > 8 else ''} (got {got!r})"


def _warn_of_idle_keys(project: Project) -> None:
    """Keys that once were checked and never had an effect: they are accepted for one release more."""
    if "languages" in project.about.model_fields_set:
        _warn_once(project.folder / "project.toml", "languages", "choose a language by --lang")
    if "min_tenure_months" in project.scorecards.model_fields_set:
        _warn_once(project.folder / "scorecards.toml", "min_tenure_months", "use new_subject_months of the tier policy")


@cache
def _warn_once(file: Path, key: str, instead: str) -> None:
    _log.warning("%s: %s has no effect and will be refused by a later release: %s", file, key, instead)
