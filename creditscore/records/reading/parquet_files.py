"""Parquet files and folders of them, read in parts of their own; folders named ``column=value`` give a column."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from creditscore.errors import DataError
from creditscore.records.reading.csv_files import Piece, RefusedLines
from creditscore.storage import canonical_json, sha256_file, sha256_of

#: Rows of one piece, and of the row groups that are read together as one part, at least.
_ROWS, _PART = 1 << 17, 1 << 20
#: How Hive writes that a row has no value in a column of folders.
_NOTHING = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class ParquetPart:
    """Some row groups of a file, which can be read without any other part.

    Attributes:
        path: The file.
        keys: The values of the columns that its folders give; None where they say that there is none.
        groups: Its row groups.
        first: Rows of the source before it.
    """

    path: Path
    keys: Mapping[str, str | None]
    groups: tuple[int, ...]
    first: int

    def pieces(self, wanted: list[str]) -> Iterator[Piece]:
        """The rows in order.

        Raises:
            DataError: The file is damaged.
        """
        own = [name for name in wanted if name not in self.keys]
        row = self.first + 1
        with parquet_file(self.path) as file:
            for batch in file.iter_batches(batch_size=_ROWS, row_groups=list(self.groups), columns=own):
                columns = {
                    name: pa.repeat(pa.scalar(self.keys[name], pa.string()), batch.num_rows) if name in self.keys else batch[name]
                    for name in wanted
                }
                table = pa.table(columns) if wanted else pa.Table.from_batches([batch])
                yield Piece(table, np.arange(row, row + batch.num_rows), RefusedLines(), batch.num_rows)
                row += batch.num_rows


@dataclass(frozen=True)
class ParquetFiles:
    """A Parquet file, or a folder of Parquet files, whose columns are known and of which no row is read."""

    columns: tuple[str, ...]
    parts: tuple[ParquetPart, ...]


def open_parquet(path: Path) -> ParquetFiles:
    """The columns and parts of a file or folder.

    Args:
        path: The file, or the folder. A folder's files are read in order of their paths; what begins with ``_`` or ``.`` is
            none of them.

    Raises:
        DataError: A file is damaged; a folder holds none, or files with other columns.
    """
    parts: list[ParquetPart] = []
    columns: tuple[str, ...] | None = None
    rows = 0
    for file in files_of(path):
        keys = _keys(file.relative_to(path)) if file != path else {}
        with parquet_file(file) as opened:
            names = (*opened.schema_arrow.names, *keys)
            if columns is not None and names != columns:
                raise DataError(
                    "{folder}: expected the same columns in each file (got others in {file}: {columns})",
                    folder=path.name,
                    file=str(file.relative_to(path)),
                    columns=", ".join(sorted(set(names) ^ set(columns))) or ", ".join(names),
                )
            columns = names
            groups: list[int] = []
            first, held = rows, 0
            for group in range(opened.num_row_groups):
                groups.append(group)
                held += opened.metadata.row_group(group).num_rows
                if held >= _PART or group == opened.num_row_groups - 1:
                    parts.append(ParquetPart(file, keys, tuple(groups), first))
                    groups, first, held = [], first + held, 0
            rows = first
    if columns is None:
        raise DataError("{folder}: expected a folder of Parquet files (got none in it)", folder=path.name)
    return ParquetFiles(columns, tuple(parts))


def files_of(path: Path) -> list[Path]:
    """A file itself, or the files of a folder in order of their paths; none where there is nothing."""
    if not path.is_dir():
        return [path] if path.is_file() else []
    files = (file for file in path.rglob("*") if file.is_file())
    shown = [file for file in files if not any(name.startswith(("_", ".")) for name in file.relative_to(path).parts)]
    return sorted(shown, key=lambda file: file.relative_to(path).parts)


def hash_of(path: Path) -> str:
    """The SHA-256 of a file; of a folder, of the names and hashes of its files."""
    if not path.is_dir():
        return sha256_file(path)
    return sha256_of(canonical_json({file.relative_to(path).as_posix(): sha256_file(file) for file in files_of(path)}))


def _keys(file: Path) -> dict[str, str | None]:
    pairs = [folder.partition("=") for folder in file.parts[:-1] if "=" in folder]
    return {unquote(name): None if value == _NOTHING else unquote(value) for name, _sign, value in pairs}


@contextlib.contextmanager
def parquet_file(path: Path) -> Iterator[pq.ParquetFile]:
    """An open Parquet file. Of an error of Arrow only its class is reported: its text may hold data.

    Raises:
        DataError: It is damaged.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            "{file}: expected a whole Parquet file ({error} while reading it)", file=path.name, error=type(error).__name__
        ) from None
