"""Commands that make, check and compare runs, and those that simulate a city."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditscore.cli.options import (
    AcceptOption,
    AsOfOption,
    BookLangOption,
    Computing,
    ConfOption,
    DataOption,
    EngineName,
    EngineOption,
    JsonOption,
    LangOption,
    MasterOption,
    ObjectionsOption,
    OutOption,
    ProjectArg,
    RunArg,
    TaskArg,
    TrackingOption,
    data_of,
    day_of,
    engine_of,
    file_to_write,
    project_of,
    rows_of,
    run_of,
    runs_of,
    show,
)
from creditscore.cli.output import decimal, table_lines, whole
from creditscore.cli.sinks import SchemaOption, SinkOption, send, sink_of
from creditscore.errors import DataError
from creditscore.language import DEFAULT_LANGUAGE, Message, Words, _, pgettext

if TYPE_CHECKING:
    import pandas as pd

    from creditscore.pipeline.run_folder import RunFolder
    from creditscore.pipeline.sink import Sink


#: A unified social credit code or an old registration number, right or wrong.
_CODE = re.compile(r"[0-9A-Z]{18}|[0-9]{15}")
#: Characters that only files other than texts have.
_BINARY = re.compile(r"[\x00-\x08\x0e-\x1f]")
#: Decimal digits that a spreadsheet keeps of a number; it loses the others.
_DIGITS = 15


def codes_asked(words: list[str], file: Path | None, *, run: RunFolder, encoding: str = "auto") -> list[str]:
    """The codes in the order given, those of the command line first.

    Args:
        words: Codes.
        file: A text with one code a line, or a table (.csv, .xlsx) with the codes in its first column; a first line
            without any digit is a heading.
        run: Where codes of another form are known.
        encoding: Of a text file, where its bytes do not prove it.

    Raises:
        DataError: There is none; a word is no code but the name of a file; the file cannot be read.
    """
    for word in words:
        if Path(word).is_file() and not _is_code(word, run):
            raise DataError("lookup: expected codes (got the file {word}); name a file with --file", word=word)
    codes = [*(word.strip() for word in words), *([] if file is None else _of_file(file, encoding))]
    codes = [code for code in codes if code]
    if not codes:
        raise DataError("lookup: expected codes, or a file of codes with --file (got none)")
    return codes


def _is_code(word: str, run: RunFolder) -> bool:
    import pyarrow as pa

    from creditscore.records.standard.identity import compact
    from creditscore.storage import read_parquet

    plain = compact(pa.array([word], pa.string())).to_pylist()[0]
    return plain is not None and (
        bool(_CODE.fullmatch(plain)) or plain in read_parquet(run.file("tiers.parquet"))["subject_id"].to_pylist()
    )


def _of_file(path: Path, encoding: str) -> list[str]:
    """The codes of a file, without its heading.

    Raises:
        DataError: It is not there, cannot be read, or is empty.
    """
    if not path.is_file():
        raise DataError(
            "{path}: expected a file of codes (got {actual})",
            path=path,
            actual=pgettext("path", "a folder") if path.is_dir() else pgettext("path", "nothing"),
        )
    cells: Iterable[str] = _of_workbook(path) if path.suffix.lower() == ".xlsx" else _of_text(path, encoding)
    codes = [code for code in (cell.strip() for cell in cells) if code]
    if not codes:
        raise DataError("{path}: expected codes, one a line or in the first column (got none)", path=path)
    return codes[1:] if codes and not any(letter.isdecimal() for letter in codes[0]) else codes


def _of_text(path: Path, encoding: str) -> list[str]:
    from creditscore.records.reading.text_tables import read_first_column, read_text_lines

    if not path.stat().st_size:
        return []
    lines = read_text_lines(path, encoding=encoding)
    if any(_BINARY.search(line) for line in lines):
        raise DataError("{path}: expected one code a line (got a file that is no text)", path=path)
    return read_first_column(path, encoding=encoding) if path.suffix.lower() == ".csv" else lines


def _of_workbook(path: Path) -> Iterator[str]:
    from creditscore.spreadsheet.read import read_table

    table = read_table(path)
    column = [] if table.empty and not len(table.columns) else [table.columns[0], *table.iloc[:, 0].astype(object)]
    for row, cell in enumerate(column, start=1):
        if not isinstance(cell, str) and len(f"{cell:.0f}") > _DIGITS:
            raise DataError(
                "{path} row {row}: expected a code kept as text (got a number that has lost digits)", path=path, row=row
            )
        yield cell if isinstance(cell, str) else f"{cell:.0f}"


def demo(
    out: OutOption = Path("demo"),
    subjects: Annotated[int, typer.Option(min=500, max=MOST_SUBJECTS, help="How many subjects to simulate.")] = 20_000,
    seed: SeedOption = 1,
    project: Annotated[Path | None, typer.Option(help="Another project than the example of Yongzhou.")] = None,
    tracking_uri: TrackingOption = None,
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """Simulate a city and go the proper way: train, sign, run, publish, draw. Each step's command is shown."""
    from creditscore.cli.output import demo_lines
    from creditscore.pipeline.demo import run_demo

    chosen = project_of(project or _example())
    result = run_demo(chosen, out=out, subjects=subjects, seed=seed, tracking_uri=tracking_uri, lang=lang)
    document = {**result.run.summary, "drawn": result.drawn, "run": str(result.run.folder.shown), "commands": list(result.commands)}
    show(document, demo_lines(result, lang=lang), as_json=as_json)


def _example() -> Path:
    """The example project that ships with the package, or that of a checkout."""
    package = Path(str(files("creditscore")))
    shipped = package / "examples" / "yongzhou"
    return shipped if shipped.is_dir() else package.parent / "configs" / "yongzhou"


def train(
    project: ProjectArg,
    data: DataOption,
    as_of: AsOfOption,
    out: OutOption,
    engine: EngineOption = EngineName.duckdb,
    master: MasterOption = None,
    conf: ConfOption = None,
    tracking_uri: TrackingOption = None,
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
    accept: AcceptOption = False,
    objections: ObjectionsOption = None,
) -> None:
    """A trial: train cards on what was known that day and show what they would do. In force are signed cards only."""
    _run_day(
        project,
        data,
        as_of,
        out,
        where=Computing(engine, master, conf),
        train=True,
        uri=tracking_uri,
        lang=lang,
        as_json=as_json,
        accept=accept,
        objections=objections,
    )


def run(
    project: ProjectArg,
    data: DataOption,
    as_of: AsOfOption,
    out: OutOption,
    engine: EngineOption = EngineName.duckdb,
    master: MasterOption = None,
    conf: ConfOption = None,
    train: Annotated[bool, typer.Option("--train", help="A trial: train, and score with cards that nobody has signed.")] = False,
    tracking_uri: TrackingOption = None,
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
    accept: AcceptOption = False,
    objections: ObjectionsOption = None,
    sink: SinkOption = None,
    sink_schema: SchemaOption = "creditscore",
) -> None:
    """Run one day by the signed cards: check, features, scores, tiers, drafts of the tasks due, workbook, report."""
    _run_day(
        project,
        data,
        as_of,
        out,
        where=Computing(engine, master, conf),
        train=train,
        uri=tracking_uri,
        lang=lang,
        as_json=as_json,
        accept=accept,
        objections=objections,
        sink=sink_of(sink, sink_schema),
    )


def _run_day(
    project: Path,
    data: Path,
    as_of: str,
    out: Path,
    *,
    where: Computing,
    train: bool,
    uri: str | None,
    lang: str,
    as_json: bool,
    accept: bool,
    objections: Path | None,
    sink: Sink | None = None,
) -> None:
    from creditscore.cli.output import run_lines
    from creditscore.pipeline.known_objections import objections_of_run
    from creditscore.pipeline.run import run_project

    day, loaded, folder = day_of(as_of, name="--as-of"), project_of(project), data_of(data)
    computes = engine_of(where, (folder, out), loaded)
    result = run_project(
        loaded, data=folder, as_of=day, out=out, engine=computes, train=train, tracking_uri=uri, lang=lang,
        accept=accept, objections=objections,
    )  # fmt: skip
    document = {**result.summary, "run": str(result.folder.shown), "fresh": result.fresh}
    lines = run_lines(result, lang=lang)
    if train:
        known = objections_of_run(result.folder, elsewhere=objections)
        document["objections"] = {"folder": str(known.folder), "known": [one.id for one in known.objections]}
        lines.append(Words.of(lang).text(known.said()))
    sent = send(out, sink, Words.of(lang))
    show({**document, **sent.document}, [*lines, *sent.lines], as_json=as_json)
    sent.end()


#: The largest city that can be simulated, in subjects.
MOST_SUBJECTS = 5_000_000
SeedOption = Annotated[int, typer.Option("--seed", min=0, max=2**63 - 1, help="The city's seed.")]


def simulate(
    out: OutOption,
    subjects: Annotated[int, typer.Option(min=500, max=MOST_SUBJECTS, help="How many subjects to simulate.")] = 20_000,
    months: Annotated[int, typer.Option(min=6, max=120, help="Months with visits.")] = 36,
    seed: SeedOption = 1,
    end: Annotated[str, typer.Option("--end", help="The last day of the data.")] = "2024-04-30",
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """Only the data of a simulated city, in OUT/data, and the truth beside it, in OUT/truth."""
    from creditscore.simulate.city import simulate_city
    from creditscore.simulate.parameters import CityParameters

    words = Words.of(lang)
    parameters = CityParameters(subjects=subjects, months=months, seed=seed, end=day_of(end, name="--end"))
    city = simulate_city(parameters, out=out)
    folders = ((words.text(_("data")), city.data), (words.text(_("truth")), city.truth))
    heads = (words.text(_("file")), words.text(_("rows")))
    rows = [(name, whole(count)) for name, count in sorted(city.rows.items())]
    lines = [*(f"{word}: {folder}" for word, folder in folders), *table_lines(heads, rows, numbers=[1])]
    document = {"data": str(city.data), "truth": str(city.truth), "rows": city.rows, "sha256": city.sha256}
    show(document, lines, as_json=as_json)


def simulate_visits(
    task_dir: TaskArg,
    truth: Annotated[Path, typer.Option("--truth", help="The simulated city's folder of truth.")],
    file: Annotated[Path, typer.Option("--file", help="Where the filled-in workbook goes.")],
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """Play the inspectors of a simulated city: a copy of a task's plan.xlsx with what their visits would find."""
    from creditscore.pipeline.results import visit_simulated

    words = Words.of(lang)
    count = visit_simulated(task_dir, truth, out=file_to_write(file, option="--file"))
    line = words.text(_("{count:,} results filled in: {file}", count=count, file=file))
    show({"file": str(file), "rows": count}, [line], as_json=as_json)


def monitor(
    run: RunArg,
    reference: Annotated[Path | None, typer.Option(help="The run to compare with; the one before by default.")] = None,
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """How scores and characteristics moved since an earlier run; and objections: how many, how fast and how they were answered.

    Raises:
        DataError: There is no earlier run to compare with, or a file of a run is not what its manifest says.
    """
    from creditscore.cli.objections import objection_figures
    from creditscore.engine import Engine
    from creditscore.pipeline.objections import figures, known_objections
    from creditscore.pipeline.score import compare_runs

    words = Words.of(lang)
    now = run_of(run)
    before = run_of(reference) if reference else now.before()
    if before is None:
        raise DataError("monitor: expected an earlier run beside {run} (got none); name one with --reference", run=run)
    shifts = compare_runs(now, before, Engine.duckdb(folders=(now.path, before.path)))
    objected = figures(known_objections(now), now.as_of)
    lines = [*_moved(shifts, now, before, words), *objection_figures(objected, now.as_of, words)]
    show({"rows": rows_of(shifts), "objections": objected}, lines, as_json=as_json)


def _moved(shifts: pd.DataFrame, now: RunFolder, before: RunFolder, words: Words) -> list[str]:
    """The comparison as a table; what exceeds its critical value has moved more than chance would."""
    from creditscore.pipeline.score import read_cards

    labels = {
        characteristic.name: words.text(characteristic.label)
        for card in read_cards(now.file("scorecards")).values()
        for characteristic in card.characteristics
    }
    labels["score"] = words.text(_("score"))
    heads = (
        _("characteristic"),
        Message("PSI"),
        _("critical value"),
        _("shift in points"),
        _("moved"),
    )
    rows = []
    for row in shifts.to_dict("records"):
        moved = words.text(pgettext("moved", "yes")) if row["psi"] > row["critical"] else words.text(pgettext("moved", "no"))
        figures = (decimal(row["psi"], 4), decimal(row["critical"], 4), decimal(row["points_shift"], 2))
        rows.append([labels.get(row["name"], row["name"]), *figures, moved])
    days = words.text(_("{later} against {earlier}", later=now.as_of, earlier=before.as_of))
    return [days, *table_lines([words.text(head) for head in heads], rows, numbers=(1, 2, 3))]


def prune(
    out: Annotated[Path, typer.Argument(help="The folder of runs.")],
    keep: Annotated[int, typer.Option("--keep", min=1, help="How many of the newest days to keep.")],
    retention_months: Annotated[
        int | None, typer.Option(min=0, help="Also keep the days of so many months before the newest.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Remove; without it only say what would be removed.")] = False,
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """Remove old runs and superseded attempts. Without --yes it only says which. What open tasks rest on is kept."""
    from creditscore.pipeline.prune import prunable
    from creditscore.pipeline.prune import prune as remove

    words = Words.of(lang)
    removals = (remove if yes else prunable)(runs_of(out), keep=keep, retention_months=retention_months)
    heads = [words.text(head) for head in (_("folder"), _("why"), _("size in MB"))]
    rows = [(one.path.name, words.text(one.why), decimal(one.bytes / 1_000_000, 1)) for one in removals]
    said = _("removed: {count}", count=len(removals)) if yes else _("would be removed with --yes: {count}", count=len(removals))
    lines = [*(table_lines(heads, rows, numbers=[2]) if rows else ()), words.text(said)]
    folders = [{"folder": one.path.name, "why": str(one.why), "bytes": one.bytes} for one in removals]
    show({"removed": yes, "folders": folders}, lines, as_json=as_json)


def report(
    run: RunArg,
    lang: BookLangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """Make plan.xlsx and report.html of a run again, in a new folder of its day; the run itself stays as it is."""
    from creditscore.pipeline.run_store import renew_documents

    folder = renew_documents(run_of(run), lang=lang)
    workbook, page = str(folder.file("plan.xlsx")), str(folder.file("report.html"))
    show({"workbook": workbook, "report": page}, [workbook, page], as_json=as_json)


def replay(
    run: RunArg,
    project: Annotated[Path, typer.Option("--project", help="The project as it was.")],
    data: DataOption,
    engine: EngineOption = EngineName.duckdb,
    master: MasterOption = None,
    conf: ConfOption = None,
    objections: ObjectionsOption = None,
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """Rebuild every output of a run from the same inputs, or list what differs (exit 2).

    Raises:
        typer.Exit: With code 2, where an output differs.
        DataError: The run or the data cannot be read.
        ConfigError: The project is wrong.
    """
    from creditscore.pipeline.replay import replay_run

    words = Words.of(lang)
    folder, loaded = run_of(run), project_of(project)
    # It computes the run again in a folder of its own.
    computes = engine_of(Computing(engine, master, conf), (data, folder.out, Path(tempfile.gettempdir())), loaded)
    differing = replay_run(loaded, folder.path, data=data_of(data), engine=computes, objections=objections)
    result = _("differs: {outputs}", outputs=list(differing)) if differing else _("every output was rebuilt")
    show({"rebuilt": not differing, "differing": differing}, [words.text(result)], as_json=as_json)
    if differing:
        raise typer.Exit(2)
