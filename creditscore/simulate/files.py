"""Files as the departments send them: Parquet with fixed options, one CSV in the encoding of its sender."""

import hashlib
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_PARQUET: dict[str, Any] = {"version": "2.6", "compression": "zstd", "compression_level": 3, "write_page_checksum": True}


class Files:
    """Open files of one folder; each is written block by block.

    Parquet: format 2.6, zstd level 3, page checksums. The bytes depend on the version of Arrow and
    on nothing else.
    """

    def __init__(self, folder: Path, *, csv: str = "gb18030") -> None:
        self.folder = folder
        self._csv = csv
        self.rows: dict[str, int] = {}
        self._parquet: dict[str, pq.ParquetWriter] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> "Files":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def write(self, name: str, table: pa.Table) -> None:
        """Append a block; the first one gives the schema. A name ending in ``.csv`` is text in the encoding of the folder."""
        if name.endswith(".csv"):
            self._write_csv(name, table)
        else:
            if name not in self._parquet:
                self._parquet[name] = pq.ParquetWriter(self.folder / name, table.schema, **_PARQUET)
            self._parquet[name].write_table(table, row_group_size=1 << 20)
        self.rows[name] = self.rows.get(name, 0) + table.num_rows

    def close(self) -> None:
        """Finish every file."""
        for writer in self._parquet.values():
            writer.close()
        self._parquet = {}

    def sha256(self) -> dict[str, str]:
        """The hash of each finished file."""
        return {name: _sha256(self.folder / name) for name in sorted(self.rows)}

    def _write_csv(self, name: str, table: pa.Table) -> None:
        """All columns are texts without commas or quotes; missing is empty."""
        new = name not in self.rows
        columns = [["" if value is None else value for value in column.to_pylist()] for column in table.columns]
        lines = [",".join(row) for row in zip(*columns, strict=True)]
        head = [",".join(table.column_names)] if new else []
        with (self.folder / name).open("wb" if new else "ab") as stream:
            stream.write("".join(f"{line}\r\n" for line in [*head, *lines]).encode(self._csv))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
