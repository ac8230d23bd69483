"""The finished steps of each run, in SQLite."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from creditscore.errors import DataError
from creditscore.storage import operations
from creditscore.storage.files import sha256_of


@dataclass(frozen=True)
class StepLedger:
    """A step is done once the key of its inputs is written here. A commit is whole or absent, also after a power cut."""

    path: Path

    def done(self, run: str, step: str) -> str | None:
        """The key under which a step was finished last, if it was.

        Raises:
            DataError: The file is no ledger, or damaged.
        """
        if not self.path.is_file():
            return None
        with self._open(read_only=not os.access(self.path.parent, os.W_OK)) as connection:
            row = connection.execute("SELECT key FROM steps WHERE run = ? AND step = ?", (run, step)).fetchone()
        return None if row is None else str(row[0])

    def finish(self, run: str, step: str, key: str) -> None:
        """Note a step as finished for these inputs.

        Raises:
            DataError: The file is no ledger, or damaged.
        """
        operations.make_folder(self.path.parent)
        operations.announce("commit", self.path)
        with self._open() as connection:
            connection.execute("INSERT OR REPLACE INTO steps VALUES (?, ?, ?)", (run, step, key))

    def forget(self, run: str) -> None:
        """Remove all steps of a run: a later one may have its name.

        Raises:
            DataError: The file is no ledger, or damaged.
        """
        operations.announce("commit", self.path)
        with self._open() as connection:
            connection.execute("DELETE FROM steps WHERE run = ?", (run,))

    @contextlib.contextmanager
    def _open(self, *, read_only: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection; a read-only one works where an auditor may not write, any other undoes what a crash left half done."""
        address = f"{self.path.resolve().as_uri()}?mode={'ro' if read_only else 'rwc'}"
        connection = sqlite3.connect(address, uri=True, timeout=30)
        try:
            # What a commit has told is on the disk.
            connection.execute("PRAGMA synchronous = FULL")
            if not read_only:
                connection.execute("CREATE TABLE IF NOT EXISTS steps (run TEXT, step TEXT, key TEXT, PRIMARY KEY (run, step))")
            with connection:
                yield connection
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):  # the disk is full or read-only, or another process holds the file
                raise OSError(None, str(error), str(self.path)) from None
            raise DataError(
                "{path}: expected the ledger of finished runs ({error}); remove it, and the next run is computed anew",
                path=self.path,
                error=error,
            ) from None
        finally:
            connection.close()


def step_key(*parts: str) -> str:
    """One key for the inputs of a step."""
    return sha256_of("\n".join(parts))
