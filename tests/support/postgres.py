"""A private PostgreSQL cluster of Debian's packages: on loopback, as a user that is not root, gone after the tests."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

OWNER, PASSWORD, READER = "owner", "geheim-4711", "reader"


@dataclass
class Cluster:
    folder: Path
    binaries: Path
    port: int
    user: str | None

    def uri(self, role: str = READER, password: str = PASSWORD) -> str:
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/postgres"

    def sql(self, text: str) -> str:
        """What psql says to a script of the owner."""
        command = [self.binaries / "psql", self.uri(OWNER), "-v", "ON_ERROR_STOP=1", "-At", "-f", "-"]
        return subprocess.run(command, input=text, text=True, check=True, capture_output=True).stdout

    @contextlib.contextmanager
    def session(self, role: str = OWNER) -> Iterator[Callable[[str], list[tuple]]]:
        """A connection of its own, for what is to be open while others work; statements give their rows."""
        from adbc_driver_postgresql import dbapi

        with dbapi.connect(self.uri(role), autocommit=True) as connection, connection.cursor() as cursor:

            def run(statement: str) -> list[tuple]:
                cursor.execute(statement)
                return cursor.fetchall() if statement.startswith("SELECT") else []

            yield run

    def run(self, *command: object) -> None:
        subprocess.run(
            [str(word) for word in command],
            check=True,
            capture_output=True,
            user=self.user,
            cwd=self.folder,
            env={"LC_ALL": "C.UTF-8"},
        )


@contextlib.contextmanager
def private_cluster() -> Iterator[Cluster]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) if Path("/usr/lib/postgresql").is_dir() else []
    if not found:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="creditscore-pg-"))
    try:
        if user:
            entry = pwd.getpwnam(user)
            os.chown(folder, entry.pw_uid, entry.pw_gid)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        cluster = Cluster(folder, found[-1].parent, port, user)
        (folder / "secret").write_text(PASSWORD)
        if user:
            os.chown(folder / "secret", entry.pw_uid, entry.pw_gid)
        data = folder / "data"
        cluster.run(
            cluster.binaries / "initdb",
            "-D",
            data,
            "-U",
            OWNER,
            "-A",
            "scram-sha-256",
            f"--pwfile={folder / 'secret'}",
            "-E",
            "UTF8",
            "--no-sync",
        )
        options = f"-c listen_addresses=127.0.0.1 -p {port} -c unix_socket_directories={folder} -c fsync=off"
        cluster.run(cluster.binaries / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
        try:
            cluster.sql(
                f"CREATE ROLE {READER} LOGIN PASSWORD '{PASSWORD}'; CREATE SCHEMA exchange; GRANT USAGE ON SCHEMA exchange TO {READER};"
            )
            yield cluster
        finally:
            cluster.run(cluster.binaries / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def until(happened: Callable[[], object], seconds: float = 30) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
