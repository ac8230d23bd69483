"""The command line: thin words over the pipeline. Progress on stderr, results on stdout.

Exit codes: 0 done, 1 internal error, 2 refused input or configuration (earlier results untouched), 75
another run holds the lock.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import sys
from collections.abc import Mapping
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from creditscore.errors import CreditScoreError, DataError, LockedError

if TYPE_CHECKING:
    import pandas as pd

    from creditscore.config.project import Project
    from creditscore.engine import Engine

app = typer.Typer(
    name="creditscore", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Scorecards, tiers and verifiable random inspections. 信用分级分类监管：评分、分级、可验证的随机抽查。",
)  # fmt: skip
plan_app = typer.Typer(no_args_is_help=True, help="Plans: read the planner's edited ratios back.")
app.add_typer(plan_app, name="plan")


class EngineName(StrEnum):
    """Where to compute."""

    duckdb = "duckdb"
    spark = "spark"


class Language(StrEnum):
    """The language of documents and summaries."""

    zh = "zh"
    en = "en"


ProjectArg = Annotated[Path, typer.Argument(help="The project's folder of configuration.")]
RunArg = Annotated[Path, typer.Argument(help="A run's folder, OUT/<as_of>.")]
DataOption = Annotated[Path, typer.Option("--data", help="The folder of the data files.")]
AsOfOption = Annotated[str, typer.Option("--as-of", help="The day, such as 2024-04-30.")]
OutOption = Annotated[Path, typer.Option("--out", help="Where runs go; one folder per day.")]
EngineOption = Annotated[EngineName, typer.Option("--engine", help="Where to compute.")]
TrackingOption = Annotated[str | None, typer.Option("--tracking-uri", help="MLflow; sqlite:///OUT/mlflow.db by default.")]
LangOption = Annotated[Language, typer.Option("--lang", help="Language of documents and summaries.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
AcceptOption = Annotated[bool, typer.Option("--accept", help="Let a delivery through that looks broken beside the run before.")]


@app.command()
def demo(
    out: OutOption = Path("demo"),
    subjects: Annotated[int, typer.Option(min=500, help="How many subjects to simulate.")] = 20_000,
    seed: Annotated[int, typer.Option(help="The city's seed.")] = 1,
    project: Annotated[Path | None, typer.Option(help="Another project than the example of Yongzhou.")] = None,
    tracking_uri: TrackingOption = None,
    lang: LangOption = Language.zh,
    as_json: JsonOption = False,
) -> None:
    """Simulate a city, train, run, draw; say where the workbook and the report lie."""
    from creditscore.pipeline.demo import run_demo
    from creditscore.pipeline.say import demo_lines

    made = run_demo(
        _project(project or _example()), out=out, subjects=subjects, seed=seed, tracking_uri=tracking_uri, lang=lang.value
    )
    _print({**made.run.summary, "drawn": made.drawn, "run": str(made.run.folder.path)}, demo_lines(made, lang=lang.value), as_json)


@app.command()
def simulate(
    out: OutOption,
    subjects: Annotated[int, typer.Option(min=500)] = 20_000,
    months: Annotated[int, typer.Option(min=6, help="Months with visits.")] = 36,
    seed: Annotated[int, typer.Option()] = 1,
    as_json: JsonOption = False,
) -> None:
    """Only the data of a simulated city, in OUT/data, and the truth beside it, in OUT/truth."""
    from creditscore.simulate.city import simulate_city
    from creditscore.simulate.parameters import CityParameters

    city = simulate_city(CityParameters(subjects=subjects, months=months, seed=seed), out=out)
    lines = [f"data   {city.data}", f"truth  {city.truth}", *(f"{n:>12,}  {name}" for name, n in sorted(city.rows.items()))]
    _print({"data": str(city.data), "truth": str(city.truth), "rows": city.rows, "sha256": city.sha256}, lines, as_json)


@app.command()
def check(
    project: ProjectArg, data: DataOption, as_of: AsOfOption, engine: EngineOption = EngineName.duckdb,
    excel: Annotated[Path | None, typer.Option(help="Write the findings to a workbook.")] = None,
    lang: LangOption = Language.zh, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """The data check-up (体检): what arrived, was refused, is late or missing."""
    from creditscore.features.guard import guard_features
    from creditscore.records.checkup import check_up
    from creditscore.records.open import open_records

    loaded = _project(project)
    warnings = guard_features(loaded.features, loaded)
    found = check_up(open_records(_engine(engine), loaded, data=data), as_of=_day(as_of))
    if excel:
        found.to_excel(excel)
    lines = [*(f"warning: {line}" for line in warnings), found.to_text(lang.value)]
    _print({"findings": found.table().to_dict("records"), "warnings": warnings}, lines, as_json)


@app.command()
def train(
    project: ProjectArg, data: DataOption, as_of: AsOfOption, out: OutOption, engine: EngineOption = EngineName.duckdb,
    tracking_uri: TrackingOption = None, lang: LangOption = Language.zh, as_json: JsonOption = False,
    accept: AcceptOption = False,
) -> None:  # fmt: skip
    """Train the cards on what was known that day, into the run's folder and MLflow. Nothing is promoted."""
    _run(project, data, as_of, out, engine, True, tracking_uri, lang, as_json, accept)


@app.command()
def run(
    project: ProjectArg, data: DataOption, as_of: AsOfOption, out: OutOption, engine: EngineOption = EngineName.duckdb,
    train: Annotated[bool, typer.Option("--train", help="Train instead of using the signed cards.")] = False,
    tracking_uri: TrackingOption = None, lang: LangOption = Language.zh, as_json: JsonOption = False,
    accept: AcceptOption = False,
) -> None:  # fmt: skip
    """The night: check, features, scores, tiers, frames of the tasks due, workbook, report. Draws nothing."""
    _run(project, data, as_of, out, engine, train, tracking_uri, lang, as_json, accept)


@app.command()
def draw(
    plan_dir: Annotated[Path, typer.Argument(help="OUT/<as_of>/plan/<task>.")],
    seed: Annotated[str, typer.Option("--seed", help="What nobody could know when the frame was published.")],
    staff: Annotated[Path | None, typer.Option(help="Inspectors; those of the run by default.")] = None,
    recusals: Annotated[Path | None, typer.Option(help="Who may not inspect whom; those of the run by default.")] = None,
    on: Annotated[str | None, typer.Option(help="The day of the draw, for the manifest.")] = None,
    lang: LangOption = Language.zh, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """The one draw of a published frame. A second one is refused."""
    from creditscore.pipeline.draw import draw_plan_folder

    day = _day(on) if on else None
    drawn = draw_plan_folder(plan_dir, seed=seed, staff=staff, recusals=recusals, on=day, lang=lang.value)
    found = {"task": drawn.task.id, "drawn": len(drawn.drawn), "frame_hash": drawn.frame_hash, "seed": seed}
    _print(found, [f"{drawn.task.id}: {len(drawn.drawn)} drawn of {len(drawn.sample)}; frame {drawn.frame_hash}"], as_json)


@app.command("verify-plan")
def verify_plan_command(
    plan_dir: Annotated[Path, typer.Argument(help="The folder of a plan: nothing else is read.")],
    frame_hash: Annotated[str | None, typer.Option(help="The hash that was published before the draw.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Redraw from the sealed export alone; exit 2 and name the lines that do not hold."""
    from creditscore.tiering.verify import verify_plan

    found = verify_plan(plan_dir, frame_hash=frame_hash)
    _print({"ok": found.ok, "findings": list(found.findings)}, [found.summary()], as_json)
    if not found.ok:
        raise typer.Exit(2)


@app.command()
def sign(
    run: RunArg,
    subject: Annotated[list[str] | None, typer.Option("--subject", help="A subject with a proposed tier; may be repeated.")] = None,
    reviewer: Annotated[str, typer.Option()] = "",
    reason: Annotated[str, typer.Option()] = "",
    on: Annotated[str | None, typer.Option(help="The day of the signature.")] = None,
    reject: Annotated[bool, typer.Option("--reject", help="Refuse the proposed tier.")] = False,
    workbook: Annotated[Path | None, typer.Option(help="plan.xlsx with the sheet 待复核 filled in.")] = None,
) -> None:
    """Sign proposed tiers, singly or from the workbook; the next run of that day lets them hold."""
    from creditscore.pipeline.review import sign_subjects, sign_workbook

    if workbook is not None:
        count = sign_workbook(run, workbook)
    else:
        if on is None:
            raise DataError("sign: expected --on, the day of the signature (got nothing)")
        decision: Any = "reject" if reject else "approve"
        count = sign_subjects(run, subject or [], reviewer=reviewer, reason=reason, on=_day(on), decision=decision)
    typer.echo(f"{count} signed; run the day again to let them hold")


@app.command("sign-cards")
def sign_cards_command(
    project: ProjectArg,
    reviewer: Annotated[str, typer.Option(help="Who signs.")],
    on: Annotated[str, typer.Option(help="The day of the signature.")],
    run: Annotated[Path | None, typer.Option(help="Take the cards of this run, OUT/<as_of>, in place of those there.")] = None,
    table: Annotated[Path | None, typer.Option(help="Take one card of expert points, a workbook, in place of those there.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Sign the cards in PROJECT/cards: the night scores with signed cards only."""
    from creditscore.pipeline.signed import sign_cards

    made = sign_cards(_project(project), signed_by=reviewer, on=_day(on), run=run, table=table)
    rows = [card.model_dump(mode="json") for card in made.values()]
    _print(
        {"cards": rows},
        [f"{card.industry}: {card.sha256} signed by {card.signed_by} on {card.on}" for card in made.values()],
        as_json,
    )


@app.command()
def results(
    run: RunArg, file: Annotated[Path, typer.Argument(help="plan.xlsx with results filled in.")],
    known: Annotated[str, typer.Option(help="The day on which the results were handed in.")], as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Read inspection results back; they become next year's random labels."""
    from creditscore.pipeline.results import take_results

    path, count = take_results(run, file, known=_day(known))
    _print({"file": str(path), "rows": count}, [f"{count} results in {path}"], as_json)


@plan_app.command("import")
def plan_import(run: RunArg, file: Annotated[Path, typer.Argument(help="plan.xlsx with edited ratios.")]) -> None:
    """Take the planner's edited ratios into the frames that are not drawn yet."""
    from creditscore.pipeline.ratios import import_ratios

    for task, visits in import_ratios(run, file).items():
        typer.echo(f"{task}: {visits} visits")


@app.command()
def explain(
    run: RunArg, subject_id: Annotated[str, typer.Argument()], lang: LangOption = Language.zh,
    html: Annotated[Path | None, typer.Option(help="Write a page for the subject.")] = None,
) -> None:  # fmt: skip
    """Why one subject has its tier, and how to object."""
    from creditscore.batch import atomic_write
    from creditscore.pipeline.ask import explain as explain_one

    told = explain_one(run, subject_id)
    if html:
        atomic_write(html, told.to_html(lang.value).encode())
    typer.echo(told.to_text(lang.value))


@app.command()
def lookup(
    run: RunArg,
    ids: Annotated[list[str], typer.Argument(help="Codes, or a text file with one code a line.")],
    purpose: Annotated[str, typer.Option(help="What the answer is used for.")] = "",
    as_json: JsonOption = False,
) -> None:
    """The credit check (信用核查) of one code or many."""
    from creditscore.pipeline.ask import lookup as look_up

    asked = [line.strip() for one in ids for line in (Path(one).read_text("utf-8").splitlines() if Path(one).is_file() else [one])]
    found = look_up(run, [code for code in asked if code], purpose=purpose)
    rows = json.loads(found.to_json(orient="records", date_format="iso", force_ascii=False))
    _print({"rows": rows}, [found.to_string(index=False)], as_json)


@app.command()
def records(
    project: ProjectArg, data: DataOption, as_of: AsOfOption,
    bodies: Annotated[bool, typer.Option("--bodies", help="Government bodies' own records.")] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Records whose shortest publication period ends soon.")] = False,
    engine: EngineOption = EngineName.duckdb,
) -> None:  # fmt: skip
    """Lists of records: of government bodies (never scored), or soon open to repair."""
    from creditscore.pipeline.bodies import records_of_bodies
    from creditscore.records.open import open_records
    from creditscore.records.repair import repair_reminders

    if bodies == repair:
        raise DataError("records: expected --bodies or --repair")
    opened = open_records(_engine(engine), _project(project), data=data)
    found = records_of_bodies(opened, as_of=_day(as_of)) if bodies else repair_reminders(opened, as_of=_day(as_of))
    typer.echo(found.to_csv(index=False), nl=False)


@app.command()
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
    as_json: JsonOption = False,
) -> None:
    """What a policy would find and cost, before it is signed; and with which ratios the visits would find most."""
    from creditscore.pipeline.folder import RunFolder
    from creditscore.pipeline.say import allocation_lines
    from creditscore.pipeline.trial import try_policy

    trial = try_policy(_project(project), RunFolder.opened(run), policy, data=data, engine=_engine(engine))
    told = trial.forecast()
    found: dict[str, Any] = {"tiers": _records_of(told.table()), "summary": told.summary()}
    lines = [told.table().to_string(index=False), told.summary()]
    if by is not None:
        burden = told.burden(by)
        found, lines = {**found, "burden": _records_of(burden)}, [*lines, "", burden.to_string(index=False)]
    if capacity:
        best = trial.allocate(_visits(capacity))
        parts = {"strata": best.strata, "departments": best.departments, "floors": best.floors}
        found["allocation"] = {"expected": best.expected, **{name: _records_of(frame) for name, frame in parts.items()}}
        lines += ["", *allocation_lines(best)]
    _print(found, lines, as_json)


@app.command()
def monitor(
    run: RunArg, reference: Annotated[Path | None, typer.Option(help="The run to compare with; the one before by default.")] = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """How scores and characteristics moved since an earlier run."""
    from creditscore.pipeline.folder import RunFolder
    from creditscore.pipeline.watch import compare_runs

    now = RunFolder.opened(run)
    before = RunFolder.opened(reference) if reference else now.before()
    if before is None:
        raise DataError(f"monitor: expected an earlier run beside {run} (got none); name one with --reference")
    found = compare_runs(now, before)
    _print({"rows": json.loads(found.to_json(orient="records"))}, [found.to_string(index=False)], as_json)


@app.command()
def report(run: RunArg, lang: LangOption = Language.zh) -> None:
    """Make plan.xlsx and report.html of a run again from its folder."""
    from creditscore.pipeline.documents import write_documents
    from creditscore.pipeline.draw import reseal
    from creditscore.pipeline.folder import RunFolder

    folder = RunFolder.opened(run)
    write_documents(folder, lang=lang.value)
    reseal(folder)
    typer.echo(f"{folder.file('plan.xlsx')}\n{folder.file('report.html')}")


@app.command()
def replay(
    run: RunArg, project: Annotated[Path, typer.Option("--project")], data: DataOption, engine: EngineOption = EngineName.duckdb
) -> None:
    """Rebuild every output of a run from the same inputs, or list what differs (exit 2)."""
    from creditscore.pipeline.replay import replay_run

    differing = replay_run(_project(project), run, data=data, engine=_engine(engine))
    if differing:
        typer.echo("differs: " + ", ".join(differing))
        raise typer.Exit(2)
    typer.echo("every output was rebuilt")


def main() -> None:
    """Run the command line and turn refusals into messages and exit codes."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("creditscore").setLevel(logging.INFO)
    for name in ("matplotlib", "fontTools", "py4j"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        app()
    except LockedError as error:
        typer.echo(str(error), err=True)
        sys.exit(75)
    except CreditScoreError as error:
        typer.echo(str(error), err=True)
        sys.exit(2)


def _run(
    project: Path,
    data: Path,
    as_of: str,
    out: Path,
    engine: EngineName,
    train: bool,
    uri: str | None,
    lang: Language,
    as_json: bool,
    accept: bool,
) -> None:
    from creditscore.pipeline.run import run_project
    from creditscore.pipeline.say import run_lines

    where: dict[str, Any] = {"data": data, "as_of": _day(as_of), "out": out, "accept": accept}
    made = run_project(_project(project), **where, engine=_engine(engine), train=train, tracking_uri=uri, lang=lang.value)
    _print({**made.summary, "run": str(made.folder.path), "fresh": made.fresh}, run_lines(made, lang=lang.value), as_json)


def _project(folder: Path) -> Project:
    from creditscore.config.project import load_project

    return load_project(folder)


def _example() -> Path:
    """The example project that ships with the package, or that of a checkout."""
    shipped = Path(str(files("creditscore"))) / "examples" / "yongzhou"
    return shipped if shipped.is_dir() else Path(__file__).resolve().parent.parent / "configs" / "yongzhou"


def _engine(name: EngineName) -> Engine:
    from creditscore.engine import Engine, spark_session

    return Engine.duckdb() if name is EngineName.duckdb else Engine.spark(spark_session())


def _records_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(frame.to_json(orient="records", force_ascii=False))
    return rows


def _visits(told: list[str]) -> dict[str, int]:
    found = {}
    for one in told:
        name, _, count = one.rpartition("=")
        if not name or not count.isdigit():
            raise DataError(f"--capacity: expected NAME=VISITS such as 600 (got {one!r})")
        found[name] = int(count)
    return found


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise DataError(f"expected a day such as 2024-04-30 (got {text!r})") from None


def _print(document: Mapping[str, Any], lines: list[str], as_json: bool) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2, default=str) if as_json else "\n".join(lines))
