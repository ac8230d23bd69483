"""The folder of workbooks that go back to the sending units: written whole, the same bytes for the same check-up.

The folder's ``rejects.json`` names what this module wrote, with hashes. Only such files are replaced or removed, and none that
somebody has changed since: it may hold mended rows.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
import re
import tempfile
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from creditscore.errors import DataError
from creditscore.language import Text, _
from creditscore.records.adverse.doubtful_ratings import NamedRatings
from creditscore.records.reading.sent_rows import SentRows, sent_rows
from creditscore.records.records import open_records
from creditscore.records.standard.identity import Identifier, compact, tables_of, uscc_faults
from creditscore.records.standard.rejects import REJECT_SCHEMA
from creditscore.records.standard.streams import Stream
from creditscore.records.standard.waiting import refused_subjects, wait_for_register
from creditscore.records.tables import TABLES
from creditscore.reporting.faulty_rows import FaultyRows, RefusedFile
from creditscore.reporting.reject_book import MOST_ROWS, reject_sheets
from creditscore.reporting.reject_first_page import fell_away
from creditscore.spreadsheet import label_text, write_book
from creditscore.storage import move_into_place, operations, sha256_file, write_json

if TYPE_CHECKING:
    from creditscore.config.project import Project
    from creditscore.config.sources import SourceSpec
    from creditscore.engine import Engine
    from creditscore.records.adverse.readings import LastReading
    from creditscore.records.deliveries.checkup import CheckUp
    from creditscore.records.records import Records

_log = logging.getLogger(__name__)
_MANIFEST, _FORMAT, _STAGING = "rejects.json", "creditscore.rejects/1", ".rejects-"
_TITLE = _("Rows sent back")
#: What rows of other files are refused for, while a file of that table is refused as a whole.
_BLOCKED = {"subjects": "UNKNOWN_SUBJECT", "events": "UNKNOWN_EVENT"}
#: Empty cells of one column from which on they are one fault of the file, if the column is empty in every row.
_MANY = 30
#: What no file system takes in a name, names that Windows keeps for devices, and the longest name in bytes.
_NOT_IN_NAME = re.compile(r'[<>:"/\\|?*]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_LONGEST = 120


def open_despite(
    engine: Engine, project: Project, data: Path, error: DataError, last: LastReading | None = None
) -> tuple[Records | None, dict[str, DataError]]:
    """Open what can be read of a delivery that was refused, for those who have to mend it; no night is built on this.

    Args:
        engine: Where the tables will live.
        project: The project.
        data: The folder of the sources' files.
        error: Why the delivery was refused.
        last: The last reading, as for :func:`creditscore.records.records.open_records`.

    Returns:
        The records without the sources that cannot be used, whatever share of the others is quarantined; None where
        nothing can be made of them. And why each refused source is refused.
    """
    refused: dict[str, DataError] = {}
    for source in project.sources.source:
        # A table of a session is read by it alone: what is wrong with it shows when all are opened.
        if not source.of_session and (not source.optional or (data / source.file).exists()):
            failed = _probed(source, project, data)
            if failed is not None:
                refused[source.name] = failed
    named = str(error.values.get("source", ""))
    refused |= {one.name: error for one in project.sources.source if one.of_session and one.name == named}
    told = {named: error, **refused} if named in {source.name for source in project.sources.source} else refused
    kept = tuple(one.model_copy(update={"max_quarantined": None}) for one in project.sources.source if one.name not in refused)
    if not any(one.table == "subjects" and not one.supplement for one in kept):
        return None, told
    lenient = project.sources.model_copy(update={"source": kept, "max_quarantined": 1.0, "new_errors": "list"})
    try:
        return open_records(engine, replace(project, sources=lenient), data=data, last_reading=last), told
    except DataError as failure:
        _log.debug("without the refused sources: %s", failure)
        return None, told


def _probed(source: SourceSpec, project: Project, data: Path) -> DataError | None:
    """Why a source cannot be read, if so: it is read to its end by itself."""
    stream = Stream(TABLES[source.table], [source], project, data, Identifier(project))
    try:
        for _batch in stream.reader():
            pass
    except Exception as error:
        if stream.error is None:
            raise
        _log.debug("%s: %s", source.name, error)
    return stream.error


def write_rejects(
    folder: Path, project: Project, data: Path, checkup: CheckUp | None, refused: Mapping[str, DataError],
    *, as_of: dt.date, lang: str,
) -> list[Path]:  # fmt: skip
    """Write one workbook per unit that has something to mend; those of before that no longer apply are removed.

    Args:
        folder: Where they go; created where it is missing.
        project: The project.
        data: The folder of the sources' files, which are read a second time.
        checkup: The check-up, if the delivery could be opened.
        refused: By source, why it could not be used.
        as_of: The day of the check-up.
        lang: Their language, or ``both``.

    Returns:
        The workbooks, by unit.

    Raises:
        DataError: A file of the same name is not ours, or was changed since; nothing was written.
    """
    books = _books(project, data, checkup, refused)
    names = file_names(list(books))
    operations.make_folder(folder)
    for left in folder.glob(f"{_STAGING}*"):
        operations.remove_folder(left)
    ours = _ours(folder)
    with tempfile.TemporaryDirectory(dir=folder, prefix=_STAGING) as staging:
        for unit, (deliveries, faulty, files) in books.items():
            sheets = reject_sheets(
                _addressee(unit, project), project.about, as_of, lang, deliveries=deliveries, faulty=faulty, refused=files
            )
            write_book(Path(staging) / names[unit], sheets, lang=lang, title=label_text(_TITLE, lang), created=as_of)
        new = {name: sha256_file(Path(staging) / name) for name in names.values()}
        _put(folder, Path(staging), ours, new, as_of)
    return [folder / name for name in names.values()]


def _addressee(unit: str, project: Project) -> Text:
    """A unit; where neither the project nor the rows of a source name one, who is meant all the same."""
    own = next((source for source in project.sources.source if source.name == unit and not source.provider), None)
    return unit if own is None else _("whoever sends {file} (no unit is declared for it)", file=own.location)


_Book = tuple[pd.DataFrame, list[FaultyRows], list[RefusedFile]]


def _books(project: Project, data: Path, checkup: CheckUp | None, refused: Mapping[str, DataError]) -> dict[str, _Book]:
    """What each unit's workbook shows; units without anything to mend have none."""
    sources = {source.name: source for source in project.sources.source}
    rejects, deliveries = (pd.DataFrame(), pd.DataFrame()) if checkup is None else (checkup.rejects, checkup.deliveries)
    blocked = {_BLOCKED[sources[name].table] for name in refused if sources[name].table in _BLOCKED}
    if checkup is not None and blocked:
        rejects, deliveries = _without_blocked(checkup, blocked)
    if checkup is not None and len(rejects):
        rejects, deliveries = _without_empty_columns(checkup.profile, rejects, deliveries)
    waiting = _waiting(rejects) if len(rejects) else {}
    faulty: dict[str, list[FaultyRows]] = {}
    files: dict[str, list[RefusedFile]] = {}
    for name, source in sources.items():
        if name in refused:
            files.setdefault(source.provider or name, []).append(RefusedFile(source.location, refused[name]))
        own = rejects[rejects["source"] == name] if len(rejects) else rejects
        if len(own):
            held = {row: one.firms for one in checkup.hanging if one.source == name for row in one.rows} if checkup else {}
            for unit, part in _faulty_rows(source, project, data, own, held, waiting):
                faulty.setdefault(unit, []).append(part)
    books: dict[str, _Book] = {}
    for unit in sorted({*faulty, *files, *_asked(deliveries, project.about.max_row_drop)}):
        rows = deliveries[deliveries["provider"] == unit] if len(deliveries) else deliveries
        books[unit] = (rows, faulty.get(unit, []), files.get(unit, []))
    return books


def _without_blocked(checkup: CheckUp, codes: Collection[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rejects without those that may be right, and the deliveries with their number as ``blocked``.

    Args:
        checkup: The check-up of what could be opened.
        codes: What rows are refused for that name something in a file that is refused as a whole.
    """
    rejects = checkup.rejects
    blocked = rejects["code"].isin(codes) & (rejects["scope"] == "row")
    places = ["source", "provider"]
    counts = rejects[blocked].assign(fresh=rejects["since"] == checkup.as_of).groupby(places)["fresh"].agg(["size", "sum"])
    found = counts.reindex(pd.MultiIndex.from_frame(checkup.deliveries[places]), fill_value=0)
    new = checkup.deliveries["new"].to_numpy() - found["sum"].to_numpy()
    return rejects[~blocked], checkup.deliveries.assign(blocked=found["size"].to_numpy(), new=new)


def _without_empty_columns(
    profile: pa.Table | None, rejects: pd.DataFrame, deliveries: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rejects without the empty cells of columns that hold nothing at all, which the deliveries name as ``emptied``.

    A column that was left out is one fault of the file, and not one of each row.
    """
    rows = [] if profile is None else profile.to_pylist()
    filled = {(row["source"], f"MISSING:{row['name']}") for row in rows if row["measure"] == "values" and row["n"]}
    empty = (rejects["scope"] == "field") & rejects["code"].str.startswith("MISSING:")
    places = [(str(source), str(unit)) for source, unit in zip(rejects["source"], rejects["provider"], strict=True)]
    columns: dict[tuple[str, str], set[str]] = defaultdict(set)
    left = pd.Series(data=True, index=rejects.index)
    for (source, code), own in rejects[empty].groupby(["source", "code"]):
        if (source, code) in filled or len(own) < _MANY:
            continue
        left[own.index] = False
        for position in rejects.index.get_indexer(own.index):
            columns[places[position]].add(str(rejects["column"].iloc[position]))
    named = [
        tuple(sorted(columns.get((str(source), str(unit)), ())))
        for source, unit in zip(deliveries["source"], deliveries["provider"], strict=True)
    ]
    return rejects[left], deliveries.assign(emptied=pd.Series(named, index=deliveries.index, dtype=object))


def _asked(deliveries: pd.DataFrame, max_row_drop: float) -> set[str]:
    """The units that are asked about a file as a whole: many of its rows or a column of it have not come."""
    return {
        str(row["provider"])
        for row in deliveries.to_dict("records")
        if row.get("emptied") or fell_away(row["before"], row["arrived"], max_row_drop)
    }


def _waiting(rejects: pd.DataFrame) -> dict[tuple[str, int], str]:
    """Rows that wait for the register, by source and row, each with the unit that sent the register."""
    table = pa.Table.from_pandas(rejects[REJECT_SCHEMA.names], schema=REJECT_SCHEMA, preserve_index=False)
    register = refused_subjects(table)
    senders = dict(zip(rejects["source"], rejects["provider"], strict=True))
    rows = table.filter(wait_for_register(table))
    return {
        (source, row): senders[register[text]]
        for source, row, text in zip(rows["source"].to_pylist(), rows["row"].to_pylist(), rows["text"].to_pylist(), strict=True)
    }


def _faulty_rows(
    source: SourceSpec,
    project: Project,
    data: Path,
    rejects: pd.DataFrame,
    held: Mapping[int, int],
    waiting: Mapping[tuple[str, int], str],
) -> list[tuple[str, FaultyRows]]:
    """The faulty rows of a source by unit, the first :data:`MOST_ROWS` of each.

    Args:
        source: The source.
        project: The project.
        data: The folder of its file.
        rejects: Its rejects.
        held: How many subjects hang on a row.
        waiting: By source and row, the unit of the register that a row waits for.
    """
    listed: dict[str, set[int]] = {}
    left_out: dict[str, int] = {}
    for unit, faults in rejects.groupby("provider", sort=True):
        rows = sorted(set(faults["row"]))
        listed[str(unit)], left_out[str(unit)] = set(rows[:MOST_ROWS]), max(len(rows) - MOST_ROWS, 0)
    sent = sent_rows(source, data, rows=set().union(*listed.values()), limits=project.sources.limits)
    agreed = NamedRatings.of(project).words if source.table == "ratings" else {}
    found = []
    for name, rows_of_unit in listed.items():
        own = rejects[(rejects["provider"] == name) & rejects["row"].isin(rows_of_unit)]
        cells = {row: cells for row, cells in sent.cells.items() if row in rows_of_unit}
        lines = {row: line for row, line in sent.lines.items() if row in rows_of_unit}
        shown = SentRows(sent.columns, sent.personal, cells, lines, sent.no_records & rows_of_unit)
        wrong_ids = id_faults(source, project, shown, own)
        waits = {row: waiting[name, row] for name, row in zip(own["source"], own["row"], strict=True) if (name, row) in waiting}
        part = FaultyRows(source, shown, own, left_out[name], wrong_ids, project.sources.limits, held, waits, agreed)
        found.append((name, part))
    return found


def id_faults(source: SourceSpec, project: Project, sent: SentRows, rejects: pd.DataFrame) -> dict[str, str]:
    """What is wrong with codes themselves that the register does not know, by the text sent; well made ones are left out."""
    if (source.id_scheme or project.sources.id_scheme) != "uscc":
        return {}
    unknown = rejects[rejects["code"].str.startswith("UNKNOWN_SUBJECT")]
    cells = {
        str(dict(zip(sent.columns, sent.cells[row], strict=True)).get(column) or "")
        for row, column in zip(unknown["row"], unknown["column"], strict=True)
        if row in sent.cells
    }
    texts = pa.array(sorted(cells - {""}), pa.string())
    faults = uscc_faults(compact(texts), tables=tables_of(project))
    return {text: fault for text, fault in zip(texts.to_pylist(), faults.to_pylist(), strict=True) if fault is not None}


def file_names(units: Sequence[str]) -> dict[str, str]:
    """A file name for each unit that every file system takes; no two are equal, be it in upper and lower case."""
    plain = {unit: _plain_name(unit) for unit in units}
    alike = Counter(name.casefold() for name in plain.values())

    def named(unit: str) -> str:
        name = plain[unit]
        changed = name != unit or alike[name.casefold()] > 1
        return f"{name}-{hashlib.sha256(unit.encode()).hexdigest()[:8]}.xlsx" if changed else f"{name}.xlsx"

    return {unit: named(unit) for unit in units}


def _plain_name(unit: str) -> str:
    text = unicodedata.normalize("NFC", _NOT_IN_NAME.sub("_", unit))
    text = "".join(sign if sign.isprintable() else "_" for sign in text).strip(" .~")
    text = text.encode()[:_LONGEST].decode("utf-8", "ignore").strip(" .") or "_"
    return f"_{text}" if _DEVICES.fullmatch(text) else text


def _ours(folder: Path) -> dict[str, set[str]]:
    """The files that this module wrote into a folder, with the hashes that each may have.

    Raises:
        DataError: The list of them is damaged.
    """
    path = folder / _MANIFEST
    if not path.is_file():
        return {}
    try:
        document = json.loads(path.read_text("utf-8"))
        known = {str(name): {str(one) for one in hashes} for name, hashes in document["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DataError("{path}: expected the list of the workbooks that were sent back (got something else)", path=path) from None
    if any(Path(name).name != name for name in known):
        raise DataError("{path}: expected the list of the workbooks that were sent back (got something else)", path=path)
    return known


def _put(folder: Path, staging: Path, ours: Mapping[str, set[str]], new: Mapping[str, str], as_of: dt.date) -> None:
    """Move new workbooks into place and remove old ones. A kill in between is finished by the next call.

    Raises:
        DataError: A file in the way is not as it was written.
    """
    present = {name: sha256_file(folder / name) for name in {*ours, *new} if (folder / name).is_file()}
    changed = sorted(name for name, sha in present.items() if sha not in ours.get(name, ()) and sha != new.get(name))
    in_the_way = [name for name in changed if name in new]
    if in_the_way:
        raise DataError(
            "{folder}: {files} are not as this command wrote them: they may hold mended rows. Move them elsewhere, or choose "
            "another folder; nothing was written",
            folder=folder,
            files=", ".join(in_the_way[:5]),
        )
    both = {name: sorted({*ours.get(name, ()), *([new[name]] if name in new else [])}) for name in sorted({*ours, *new})}
    _write_list(folder, both, as_of)
    for name, sha in new.items():
        if present.get(name) != sha:
            move_into_place(staging / name, folder / name)
    for name in sorted(ours.keys() - new.keys()):
        if name in changed:
            _log.warning("%s: was changed since it was written, and stays", folder / name)
        else:
            operations.remove(folder / name)
    operations.sync_folder(folder)
    _write_list(folder, {name: [sha] for name, sha in sorted(new.items())}, as_of)


def _write_list(folder: Path, files: Mapping[str, list[str]], as_of: dt.date) -> None:
    """The list of our files, where it is another one than before."""
    path, document = folder / _MANIFEST, {"format": _FORMAT, "as_of": as_of.isoformat(), "files": dict(files)}
    if not path.is_file() or json.loads(path.read_text("utf-8")) != document:
        write_json(path, document)
