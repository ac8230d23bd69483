"""The life of a task after its draft: published, drawn, its list changed, results taken, closed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditscore.cli.options import (
    Computing,
    ConfOption,
    EncodingOption,
    EngineName,
    EngineOption,
    JsonOption,
    LangOption,
    MasterOption,
    TaskArg,
    data_of,
    day_of,
    engine_of,
    settle_around,
    show,
)
from creditscore.cli.output import table_lines, whole
from creditscore.cli.sinks import SchemaOption, SinkOption, send, sink_of
from creditscore.errors import DataError
from creditscore.language import DEFAULT_LANGUAGE, Message, Words, _
from creditscore.vocabulary import LEAVE_REASONS, REPLACEMENT_REASONS

if TYPE_CHECKING:
    from creditscore.inspection.amendments import Replacement
    from creditscore.pipeline.results import TakenResults

ByOption = Annotated[str, typer.Option("--by", help="Who decided; the name is recorded, not proved.")]
OnOption = Annotated[str, typer.Option("--on", help="The day, such as 2024-05-31.")]


def publish(
    task_dir: TaskArg,
    on: OnOption,
    channel: Annotated[str, typer.Option("--channel", help="Where the hash is told, such as a gazette and its number.")],
    by: ByOption,
    trial: Annotated[bool, typer.Option("--trial", help="Publish a draft whose cards nobody has signed.")] = False,
    staff: Annotated[Path | None, typer.Option(help="Inspectors; those of the run by default.")] = None,
    recusals: Annotated[Path | None, typer.Option(help="Who may not inspect whom; those of the run by default.")] = None,
    encoding: EncodingOption = "auto",
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """Publish the draft of a task: its frame and people are fixed, and its hash may be told. Only a published frame is drawn."""
    from creditscore.pipeline.plans import publish_task

    words = Words.of(lang)
    if recusals is not None:
        _refuse_without_columns(recusals, ("staff_id", "subject_id"), encoding)
    frame = publish_task(
        task_dir, on=day_of(on, name="--on"), channel=channel, by=by, trial=trial, staff=staff, recusals=recusals, lang=lang,
        encoding=encoding,
    )  # fmt: skip
    task, warning = frame.task.id, _not_seen(task_dir)
    target, population = sum(frame.targets().values()), int(frame.strata["population"].sum())
    lines = [
        words.text(
            _(
                "{task}: published; {target:,} of {population:,} will be drawn",
                task=frame.task.id,
                target=target,
                population=population,
            )
        ),
        words.text(_("frame hash, to be told before the seed is known: {frame_hash}", frame_hash=frame.frame_hash)),
        *([words.text(warning)] if warning else []),
    ]
    document = {"task": task, "frame_hash": frame.frame_hash, "target": target, "population": population}
    show({**document, "warning": words.text(warning) if warning else None}, lines, as_json=as_json)


def _not_seen(task_dir: Path) -> Message | None:
    """What the register cannot show of a frame that was published or voided just now."""
    from creditscore.inspection.task_folder import TaskFolder, not_seen

    return not_seen(TaskFolder.opened(task_dir))


def void(
    task_dir: TaskArg,
    reason: Annotated[str, typer.Option("--reason", help="Why the published frame cannot be used.")],
    by: ByOption,
    second: Annotated[str, typer.Option("--second", help="The second person who answers for it.")],
    on: OnOption,
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """Take back a published frame that is not drawn; the hash that was told is void, and the task is a draft again."""
    from creditscore.inspection.justification import Justification
    from creditscore.pipeline.plans import void_task

    words = Words.of(lang)
    frame_hash = void_task(task_dir, why=Justification(reason=reason, by=by, second=second), on=day_of(on, name="--on"), lang=lang)
    warning = _not_seen(task_dir)
    line = words.text(_("void: the frame with the hash {frame_hash}; tell it where the hash was told", frame_hash=frame_hash))
    document = {"void": frame_hash, "warning": words.text(warning) if warning else None}
    show(document, [line, *([words.text(warning)] if warning else [])], as_json=as_json)


def close(
    task_dir: TaskArg,
    by: ByOption,
    on: OnOption,
    reason: Annotated[str, typer.Option("--reason", help="Why; needed where visits have no result.")] = "",
    second: Annotated[
        str, typer.Option("--second", help="The second person who answers for it; needed where visits have no result.")
    ] = "",
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """Put a drawn task away: nothing is added any more, neither results nor corrections, and it leaves the list of open tasks."""
    from creditscore.inspection.justification import Justification
    from creditscore.pipeline.plans import close_task

    close_task(task_dir, why=Justification(reason=reason, by=by, second=second), on=day_of(on, name="--on"), lang=lang)
    task = task_dir.resolve().name
    show({"closed": task}, [Words.of(lang).text(_("{task}: closed", task=task))], as_json=as_json)


def export(
    task_dir: TaskArg,
    out: Annotated[Path, typer.Option("--out", help="A folder for auditors, without an export of this task.")],
    rows: Annotated[int, typer.Option("--rows", help="How many rows of the sample a part has.")] = 100_000,
    with_key: Annotated[bool, typer.Option("--with-key", help="With its keys: for auditors alone, never for the public.")] = False,
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """The sealed export for auditors: the folder with its sample in compressed parts, and the register."""
    from creditscore.inspection.export_parts import export_task
    from creditscore.inspection.task_folder import TaskFolder

    settle_around(task_dir)
    folder = export_task(TaskFolder.opened(task_dir), out, rows=rows, with_key=with_key)
    line = _("{path}: written; checked by python verify_draw.py {path}", path=folder)
    show({"export": str(folder)}, [Words.of(lang).text(line)], as_json=as_json)


def draw(
    task_dir: TaskArg,
    seed: Annotated[str, typer.Option("--seed", help="What the declared source published, in the declared form.")],
    by: Annotated[str, typer.Option("--by", help="Who draws; the name is recorded, not proved.")],
    on: Annotated[str | None, typer.Option(help="The day of the draw; that of the seed by default.")] = None,
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
    sink: SinkOption = None,
    sink_schema: SchemaOption = "creditscore",
) -> None:
    """The one draw of a published frame. A second one is refused."""
    from creditscore.pipeline.draws import draw_task

    words = Words.of(lang)
    day, database = None if on is None else day_of(on, name="--on"), sink_of(sink, sink_schema)
    plan = draw_task(task_dir, seed=seed, by=by, on=day, lang=lang)
    task, drawn, frame = plan.task.id, len(plan.drawn), len(plan.sample)
    line = words.text(
        _(
            "{task}: {drawn:,} drawn of {frame:,}; frame {frame_hash}",
            task=task,
            drawn=drawn,
            frame=frame,
            frame_hash=plan.frame_hash,
        )
    )
    root = words.text(_("draw root, to be told with the list: {root}", root=plan.root))
    document = {"task": task, "drawn": drawn, "frame_hash": plan.frame_hash, "seed": seed, "draw_root": plan.root}
    sent = send(task_dir.resolve().parent.parent, database, words)
    show({**document, **sent.document}, [line, *([root] if plan.root else []), *sent.lines], as_json=as_json)
    sent.end()


def prove(
    task_dir: TaskArg,
    subject: Annotated[str, typer.Argument(help="The id of a subject.")],
    file: Annotated[
        Path | None, typer.Option("--file", help="Also write the proof as a file that verify_draw.py --proof checks.")
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Also write the page as HTML.")] = None,
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """A firm's own proof: its row, its ticket, and the hashes that lead to what was published; nothing of another firm."""
    from creditscore.inspection.proofs import own_proof
    from creditscore.inspection.task_folder import TaskFolder
    from creditscore.reporting.proof_page import proof_html, proof_text
    from creditscore.storage import atomic_write, write_json

    settle_around(task_dir)
    words, proof = Words.of(lang), own_proof(TaskFolder.opened(task_dir), subject)
    if file is not None:
        write_json(file, proof)
    if html is not None:
        atomic_write(html, proof_html(proof, words).encode())
    show(proof, proof_text(proof, words).splitlines(), as_json=as_json)


def results(
    task_dir: TaskArg,
    known: Annotated[str, typer.Option(help="The day on which the results were handed in.")],
    file: Annotated[Path | None, typer.Argument(help="A workbook of the task; by default its own plan.xlsx.")] = None,
    data: Annotated[Path | None, typer.Option("--data", help="Also put them into this data folder, for the next training.")] = None,
    correct: Annotated[bool, typer.Option("--correct", help="Replace results that were handed in and were wrong.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="With --correct: why they were wrong.")] = "",
    evidence: Annotated[
        str, typer.Option("--evidence", help="With --correct: what shows it, such as a document and its number.")
    ] = "",
    by: Annotated[str, typer.Option("--by", help="With --correct: who answers for it; the name is recorded, not proved.")] = "",
    second: Annotated[str, typer.Option("--second", help="With --correct: the second person who answers for it.")] = "",
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """Read inspection results back; they become next year's random labels.

    Raises:
        DataError: ``--reason``, ``--evidence``, ``--by`` or ``--second`` without ``--correct``; see
            :func:`creditscore.pipeline.results.take_results`.
    """
    from creditscore.inspection.justification import Justification
    from creditscore.pipeline.results import take_results

    words = Words.of(lang)
    day = day_of(known, name="--known")
    why = Justification(reason=reason, by=by, second=second, evidence=evidence)
    if why != Justification() and not correct:
        raise DataError("results: --reason, --evidence, --by and --second go with --correct")
    correction = why if correct else None
    taken = take_results(
        task_dir, file, known=day, data=None if data is None else data_of(data), correction=correction, lang=lang
    )  # fmt: skip
    document: dict[str, object] = {
        "file": str(taken.file), "rows": taken.results, "new": taken.new, "open": taken.open, "otherwise": taken.otherwise,
    }  # fmt: skip
    if correct:
        document |= {"corrected": list(taken.corrected), "trained": list(taken.trained)}
    show(document, [*_result_lines(taken, words), *_correction_lines(taken, words)], as_json=as_json)


def _correction_lines(taken: TakenResults, words: Words) -> list[str]:
    """What was corrected, and which trainings rest on what it was before."""
    if not taken.corrected:
        return []
    corrected = _(
        "{count:,} corrected: {subjects}; the earlier version is kept beside the results",
        count=len(taken.corrected),
        subjects=" ".join(taken.corrected),
    )
    days = ", ".join(taken.trained)
    again = _("train again and sign: the runs of {days} trained cards that may rest on the earlier results", days=days)
    nothing = _("no run of this folder trained cards since; train cards again that were trained elsewhere on the earlier results")
    return [words.text(corrected), words.text(again if taken.trained else nothing)]


def _result_lines(taken: TakenResults, words: Words) -> list[str]:
    count = words.text(_("{results:,} results in {file}", results=taken.results, file=taken.file))
    news = words.text(_("{new:,} of them are new; {open:,} visits have no result yet", new=taken.new, open=taken.open))
    not_as_drawn = words.text(
        _("{otherwise:,} of them were checked otherwise than drawn and train nothing", otherwise=taken.otherwise)
    )
    return [count, news, *([not_as_drawn] if taken.otherwise else [])]


def replace(
    task_dir: TaskArg,
    by: ByOption,
    on: OnOption,
    second: Annotated[str, typer.Option("--second", help="The second person who answers for it.")],
    subject: Annotated[str | None, typer.Option("--subject", help="Who cannot be visited.")] = None,
    reason: Annotated[str, typer.Option("--reason", help=f"Why: {', '.join(REPLACEMENT_REASONS)}.")] = "",
    evidence: Annotated[str, typer.Option("--evidence", help="What shows it, such as a document and its number.")] = "",
    closed_in: Annotated[Path | None, typer.Option(help="Instead: all whom a later run's register shows as closed.")] = None,
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """The next ticket of the stratum takes the place of a subject that cannot be visited; it is logged.

    Raises:
        DataError: Both ``--subject`` and ``--closed-in`` were given, or neither; the day or the folder cannot be read.
        DrawError: The subject was not drawn or was replaced already, or its stratum has no further ticket.
    """
    from creditscore.inspection.justification import Justification
    from creditscore.pipeline.draws import replace_closed, replace_subject

    words = Words.of(lang)
    if (subject is None) == (closed_in is None):
        raise DataError("plan replace: expected --subject with --reason and --evidence, or --closed-in")
    day = day_of(on, name="--on")
    if closed_in is not None:
        replaced = replace_closed(task_dir, closed_in, by=by, second=second, on=day, lang=lang)
    else:
        why = Justification(reason=reason, by=by, second=second, evidence=evidence)
        replaced = [replace_subject(task_dir, subject or "", why=why, on=day, lang=lang)]
    document = [
        {"subject_id": replacement.subject_id, "replaced_by": replacement.replaced_by, "mode": replacement.mode}
        for replacement in replaced
    ]
    show({"replaced": document}, _replacements(replaced, words), as_json=as_json)


def _replacements(replaced: list[Replacement], words: Words) -> list[str]:
    heads = (words.text(_("cannot be visited")), words.text(_("replaced by")), words.text(_("stratum")))
    rows = [(replacement.subject_id, replacement.replaced_by, replacement.stratum) for replacement in replaced]
    return table_lines(heads, rows) if rows else [words.text(_("nobody had to be replaced"))]


def join(
    task_dir: TaskArg,
    run: Annotated[Path, typer.Option("--run", help="A later run's folder: its register says who came.")],
    by: ByOption,
    on: OnOption,
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """Give subjects that came after the frame their tickets: drawn or not, at the ratio of their stratum; it is logged."""
    from creditscore.pipeline.draws import join_late

    words = Words.of(lang)
    joined = join_late(task_dir, run, by=by, on=day_of(on, name="--on"), lang=lang)
    drawn = [subject for subject in joined if subject.drawn]
    counts = words.text(_("{n_found:,} came later, {n_drawn:,} of them drawn", n_found=len(joined), n_drawn=len(drawn)))
    heads = (words.text(_("subject")), words.text(_("stratum")), words.text(_("inspectors")))
    lines = [
        counts,
        *(
            table_lines(heads, [(subject.subject_id, subject.stratum, " ".join(subject.team)) for subject in drawn])
            if drawn
            else ()
        ),
    ]
    show({"joined": len(joined), "drawn": [subject.subject_id for subject in drawn]}, lines, as_json=as_json)


def leave(
    task_dir: TaskArg,
    staff: Annotated[str, typer.Option("--staff", help="The id of the inspector who cannot go any more.")],
    reason: Annotated[str, typer.Option("--reason", help=f"Why: {', '.join(LEAVE_REASONS)}.")],
    evidence: Annotated[str, typer.Option("--evidence", help="What shows it, such as a document and its number.")],
    by: ByOption,
    second: Annotated[str, typer.Option("--second", help="The second person who answers for it.")],
    on: OnOption,
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """The next in line takes the place of an inspector who cannot go any more, wherever a visit has no result; it is logged."""
    from creditscore.inspection.justification import Justification
    from creditscore.pipeline.draws import leave_task

    words = Words.of(lang)
    why = Justification(reason=reason, by=by, second=second, evidence=evidence)
    done = leave_task(task_dir, staff, why=why, on=day_of(on, name="--on"), lang=lang)
    heads = (words.text(_("subject")), words.text(_("comes in the place")), words.text(_("inspectors")))
    rows = [(one.subject_id, one.comes, " ".join(one.team)) for one in done.teams]
    count = words.text(
        _(
            "{staff}: {n_changed:,} visits change hands; {n_kept:,} with a result keep their inspectors",
            staff=done.staff_id,
            n_changed=len(rows),
            n_kept=len(done.kept),
        )
    )
    teams = [{"subject_id": one.subject_id, "comes": one.comes, "team": list(one.team)} for one in done.teams]
    document = {"staff_id": done.staff_id, "teams": teams, "kept": list(done.kept)}
    show(document, [count, *(table_lines(heads, rows) if rows else [])], as_json=as_json)


def draw_table(
    frame: Annotated[Path, typer.Argument(help="Parquet: subject_id, stratum; one row per subject that may be drawn.")],
    strata: Annotated[Path, typer.Argument(help="CSV: stratum, target and maybe on_site, such as a plan.csv.")],
    task: Annotated[str, typer.Option("--task", help="The id of the task: part of each ticket.")],
    seed: Annotated[str, typer.Option("--seed", help="What nobody could know when the frame was published.")],
    key: Annotated[Path, typer.Option("--key", help="The file of the frame's key, OUT/keys/<task>.")],
    out: Annotated[Path, typer.Option("--out", help="A folder that holds no draw yet.")],
    engine: EngineOption = EngineName.duckdb,
    master: MasterOption = None,
    conf: ConfOption = None,
    encoding: EncodingOption = "auto",
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """Draw a frame too large for a plan folder, on an engine and in flat memory; the same tickets, the same sample."""
    from creditscore.pipeline.draws import draw_frame

    words = Words.of(lang)
    _refuse_other_than_parquet(frame)
    computes = engine_of(Computing(engine, master, conf), (frame.parent, out))
    draw = draw_frame(computes, frame, strata, task=task, seed=seed, key=key, out=out, encoding=encoding)
    line = words.text(
        _(
            "{task}: {drawn} drawn of {strata} strata: {file}",
            task=task,
            drawn=whole(draw.drawn),
            strata=whole(draw.strata),
            file=draw.file,
        )
    )
    show({"task": task, "drawn": draw.drawn, "file": str(draw.file)}, [line], as_json=as_json)


def _refuse_without_columns(path: Path, columns: tuple[str, ...], encoding: str) -> None:
    """Refuse a table of people that lacks columns, also where nobody is assigned and nothing would read it.

    Raises:
        DataError: It is no CSV or Parquet file, or a column is missing.
    """
    import pyarrow.parquet as pq

    from creditscore.records.reading.text_tables import read_text_columns

    if not path.is_file():
        raise DataError("{path}: expected a file (got nothing)", path=path)
    if path.suffix == ".csv":
        names = read_text_columns(path, encoding=encoding)
    else:
        _refuse_other_than_parquet(path)
        names = pq.read_schema(path).names
    missing = [name for name in columns if name not in names]
    if missing:
        raise DataError(
            "{path}: expected the columns {columns} ({missing} missing)",
            path=path,
            columns=", ".join(columns),
            missing=", ".join(missing),
        )


def _refuse_other_than_parquet(path: Path) -> None:
    """Refuse a file of another kind before anything is drawn; an absent one is refused by the draw.

    Raises:
        DataError: It is a folder, or not Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.exists():
        return
    try:
        pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError("{path}: expected a Parquet file ({kind} while reading it)", path=path, kind=type(error).__name__) from None
