"""The interface of an engine, and the two that there are. The only module that imports duckdb."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creditscore.content_hash import groups_of, hash_of_groups
from creditscore.engine import spark_reading
from creditscore.engine.compiling import SqlDialect, arrow_schema, compiled
from creditscore.engine.spread import Part, Relation
from creditscore.errors import DataError
from creditscore.storage import atomic_path, operations

if TYPE_CHECKING:
    import ibis.expr.datatypes as dt
    import ibis.expr.types as ir
    import pyarrow as pa

_NAME = re.compile(r"[a-z][a-z0-9_]*")
#: Errors about the text of a query: their messages name tables and columns, and quote no cell.
_SAFE_TO_QUOTE = ("BinderException", "CatalogException", "ParserException", "AnalysisException", "ParseException")
_log = logging.getLogger(__name__)


class Engine(ABC):
    """Registers Arrow or Parquet under a name, compiles expressions to SQL and runs them.

    Tables have no row order: code that needs an order sorts by a key.
    """

    dialect: SqlDialect
    name: str
    #: Whether it has a session that reads tables by itself and executors that read files: :meth:`columns_of`,
    #: :meth:`fingerprint` and :meth:`spread` are for such an engine.
    has_sessions = False

    @staticmethod
    def duckdb(
        *,
        threads: int | None = None,
        memory_limit: str | None = None,
        spill: Path | None = None,
        folders: Sequence[Path] | None = None,
    ) -> Engine:
        """An engine in this process.

        Args:
            threads: The most threads to use; all cores by default. The content of results does not depend on it.
            memory_limit: Such as ``"2GB"``; beyond it DuckDB spills to ``spill``.
            spill: Folder for spilled data; by default DuckDB's own (``.tmp`` in the working folder).
            folders: What the engine may read and write, with everything below; it then touches no other file, whatever a
                query says, and none of these limits can be changed any more. None: any file.
        """
        return _DuckDB(threads=threads, memory_limit=memory_limit, spill=spill, folders=folders)

    @staticmethod
    def spark(session: Any) -> Engine:
        """An engine on a Spark session that the caller owns. ANSI mode and the session's time zone stay as they are.

        Tables are kept by the executors, and one that is lost ends the run; with ``spark.checkpoint.dir``, a folder that all
        executors see, they are kept there.

        Substitution of variables is switched off (``spark.sql.variable.substitute``): with it, Spark puts a setting or an
        environment variable in place of ``${env:HOME}`` in a query, in names of columns too.
        """
        return _Spark(session)

    def compile(self, expr: ir.Table) -> str:
        """The SQL text this engine runs for an expression."""
        return compiled(expr.op(), self.dialect)

    def query(self, expr: ir.Table) -> pa.Table:
        """The rows of an expression, in the columns and types it declares; order only if it sorts."""
        wanted = arrow_schema(expr)
        return self._run(self.compile(expr)).select(wanted.names).cast(wanted)

    def count(self, expr: ir.Table) -> int:
        """How many rows an expression has."""
        (rows,) = self.query(expr.aggregate(rows=expr.count()))["rows"].to_pylist()
        return int(rows)

    def content_hash(self, expr: ir.Table) -> str:
        """A hash of an expression's columns and rows, see :mod:`creditscore.content_hash`: the same on every engine.

        The order of rows does not count; rows that are equal do, each. What comes out of the engine is one row per group: 16 of up
        to 65,536 rows, else at most one per 256.

        Raises:
            DataError: A column has neither numbers, booleans, dates, texts nor lists of texts.
        """
        groups = self.query(groups_of(expr, count=self.count(expr)))
        return hash_of_groups(expr.schema(), zip(groups["place"].to_pylist(), groups["own"].to_pylist(), strict=True))

    def write(self, expr: ir.Table, path: Path, *, order_by: Sequence[str]) -> None:
        """Write the rows of an expression to one Parquet file, whole or not at all, in the types that it declares.

        No row passes through this process on Spark, where one task sorts and writes (what does not fit into its memory it
        spills): readers of a run find one file by its name on every engine. The executors must see the folder of ``path``.

        Args:
            expr: The rows.
            path: The file; an earlier one is replaced. :meth:`register` takes it.
            order_by: Columns by which the rows are sorted, NULL last. The same rows, sorted by a key, give the same bytes on the
                same version of an engine.
        """
        with atomic_path(path) as partial:
            self._write(self._typed(expr), tuple(map(self._quoted, order_by)), partial)

    def _typed(self, expr: ir.Table) -> str:
        """The text of an expression whose columns are cast to the types that it declares."""
        columns = ((self._quoted(name), self._type_name(kind)) for name, kind in expr.schema().items())
        casts = ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in columns)
        return f"SELECT {casts} FROM ({self.compile(expr)}) AS typed"  # noqa: S608 - names are quoted

    @abstractmethod
    def _write(self, sql: str, order: tuple[str, ...], path: Path) -> None:
        """Write the rows of a text, sorted by quoted columns, to a Parquet file."""

    @staticmethod
    @abstractmethod
    def _quoted(name: str) -> str:
        """The name of a column as it stands in a text."""

    @staticmethod
    @abstractmethod
    def _type_name(kind: dt.DataType) -> str:
        """A type as it stands in a text."""

    @abstractmethod
    def register(self, name: str, source: pa.Table | pa.RecordBatchReader | Path) -> None:
        """Make an Arrow table, a stream or a Parquet file readable under a name; a name used before is replaced.

        A stream can be read once, by the next :meth:`create`: its rows need never be in memory together.
        """

    def columns_of(self, relation: Relation) -> tuple[str, ...]:
        """The columns of a table that the session reads.

        Raises:
            DataError: The session does not know the table or cannot read it, or the engine has no session.
        """
        raise self._no_session()

    def fingerprint(self, relation: Relation) -> str:
        """A text that changes when any row of a table that the session reads does; the order of rows does not count.

        Raises:
            DataError: As :meth:`columns_of`.
        """
        raise self._no_session()

    def spread(self, name: str, schema: pa.Schema, parts: Sequence[Part]) -> None:
        """Keep under a name the rows that parts make, each read by the executors: none of them passes through this process.

        Executors need this package, and see the files of the parts under the same paths.

        Raises:
            DataError: A part cannot be read, or the engine has no executors.
        """
        raise self._no_session()

    def _no_session(self) -> DataError:
        return DataError("{name} has no session that reads by itself", name=self.name)

    @abstractmethod
    def create(self, name: str, expr: ir.Table, *, streamed: bool = False) -> ir.Table:
        """Compute an expression once and keep it under a name; returns the unbound table of that name.

        ``streamed``: it begins with a stream, which must pass through: in a join the other side alone is held in memory.
        """

    @abstractmethod
    def append(self, name: str, expr: ir.Table) -> ir.Table:
        """Add the rows of an expression to a table of the same columns that :meth:`create` made."""

    @abstractmethod
    def view(self, name: str, expr: ir.Table) -> ir.Table:
        """Make an expression readable under a name without computing it; returns the unbound table of that name."""

    @abstractmethod
    def delete(self, name: str, keys: ir.Table, on: str) -> None:
        """Remove the rows of a table that :meth:`create` made whose value of ``on`` is among those of ``keys``."""

    @abstractmethod
    def drop(self, name: str) -> None:
        """Forget a name; unknown names are no error."""

    @abstractmethod
    def _run(self, sql: str) -> pa.Table:
        """The result of a text."""

    def _unbound(self, name: str, expr: ir.Table) -> ir.Table:
        import ibis

        return ibis.table(expr.schema(), name=name)

    @contextlib.contextmanager
    def _running(self, sql: str) -> Iterator[None]:
        """Turn any failure of the engine into a DataError, and write the query to the debug log."""
        try:
            yield
        except Exception as error:
            # Engines quote offending cells in their messages, and a cell may be personal data: it must not be repeated.
            _log.debug("failed on %s:\n%s", self.name, sql)
            kind = type(error).__name__
            detail = f": {str(error).splitlines()[0]}" if kind in _SAFE_TO_QUOTE else ""
            raise DataError(
                "{name} could not run a query ({kind}{detail}); its text is in the debug log",
                name=self.name,
                kind=kind,
                detail=detail,
            ) from None


def checked_name(name: str) -> str:
    """The name itself, if it is a table name that needs no quotes on any engine.

    Raises:
        DataError: It holds anything but lower-case letters, digits and ``_``.
    """
    if not _NAME.fullmatch(name):
        raise DataError("expected a table name of lower-case letters, digits and _ (got {name!r})", name=name)
    return name


class _DuckDB(Engine):
    dialect: SqlDialect = "duckdb"
    name = "DuckDB"

    def __init__(
        self, *, threads: int | None, memory_limit: str | None, spill: Path | None, folders: Sequence[Path] | None
    ) -> None:
        import duckdb

        self._connection = duckdb.connect(":memory:")
        # Extensions are downloads; nothing here may reach for the network.
        settings: dict[str, Any] = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
        settings["enable_progress_bar"] = False  # it would be drawn into what a command prints
        settings |= {"threads": threads, "memory_limit": memory_limit, "temp_directory": None if spill is None else str(spill)}
        if folders is not None:  # the last two lock the others
            settings["allowed_directories"] = [str(folder.resolve()) for folder in folders]
            settings["allowed_configs"] = ["disabled_optimizers"]
            settings |= {"enable_external_access": False, "lock_configuration": True}
        for key, value in settings.items():
            if value is not None:
                self._connection.execute(f"SET {key} = ?", [value])

    def register(self, name: str, source: pa.Table | pa.RecordBatchReader | Path) -> None:
        import pyarrow as pa

        self.drop(name)
        if isinstance(source, Path):
            relation = self._connection.read_parquet(str(source.resolve()))
            relation.create_view(name)
            return
        if isinstance(source, pa.RecordBatchReader):
            # An empty batch ends a scan, and the rows after it would be lost.
            filled = (batch for batch in source if batch.num_rows)
            self._connection.register(name, pa.RecordBatchReader.from_batches(source.schema, filled))
            return
        self._connection.register("arriving", source)
        # The name passed checked_name() in drop().
        self._connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM arriving')  # noqa: S608
        self._connection.unregister("arriving")

    def create(self, name: str, expr: ir.Table, *, streamed: bool = False) -> ir.Table:
        sql = self.compile(expr)
        self.drop("arriving_table")
        with self._running(sql), self._in_order_of_joins() if streamed else contextlib.nullcontext():
            self._connection.execute(f"CREATE TABLE arriving_table AS {sql}")
        self.drop(name)
        self._connection.execute(f'ALTER TABLE arriving_table RENAME TO "{name}"')
        return self._unbound(name, expr)

    @contextlib.contextmanager
    def _in_order_of_joins(self) -> Iterator[None]:
        """Joins hold their right side. Nobody knows how long a stream is, and by itself DuckDB takes it for the shorter side."""
        self._connection.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'")
        try:
            yield
        finally:
            self._connection.execute("RESET disabled_optimizers")

    def append(self, name: str, expr: ir.Table) -> ir.Table:
        sql = self.compile(expr)
        with self._running(sql):
            self._connection.execute(f'INSERT INTO "{checked_name(name)}" BY NAME {sql}')
        return self._unbound(name, expr)

    def view(self, name: str, expr: ir.Table) -> ir.Table:
        self.drop(name)
        # The name passed checked_name() in drop().
        self._connection.execute(f'CREATE VIEW "{name}" AS {self.compile(expr)}')
        return self._unbound(name, expr)

    def delete(self, name: str, keys: ir.Table, on: str) -> None:
        sql = self.compile(keys.select(on))
        # Both names passed checked_name().
        self._connection.execute(f'DELETE FROM "{checked_name(name)}" WHERE "{checked_name(on)}" IN ({sql})')  # noqa: S608

    def drop(self, name: str) -> None:
        import duckdb

        self._connection.unregister(checked_name(name))  # a view of its own, where something was registered
        try:
            self._connection.execute(f'DROP TABLE IF EXISTS "{name}"')
        except duckdb.CatalogException:  # it is a view
            self._connection.execute(f'DROP VIEW "{name}"')

    def _run(self, sql: str) -> pa.Table:
        with self._running(sql):
            return self._connection.sql(sql).to_arrow_table()

    def _write(self, sql: str, order: tuple[str, ...], path: Path) -> None:
        import duckdb

        ordered = f"{sql} ORDER BY {', '.join(f'{name} NULLS LAST' for name in order)}" if order else sql
        target = str(path.resolve()).replace("'", "''")
        code = None
        with self._running(sql):
            try:
                self._connection.execute(f"COPY ({ordered}) TO '{target}' (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)")
            except duckdb.IOException as error:
                code = _of_system(str(error))
                if code is None:
                    raise
        if code is not None:
            raise OSError(code, os.strerror(code), str(path))

    @staticmethod
    def _quoted(name: str) -> str:
        doubled = name.replace('"', '""')
        return f'"{doubled}"'

    @staticmethod
    def _type_name(kind: dt.DataType) -> str:
        from ibis.backends.sql.datatypes import DuckDBType

        return str(DuckDBType.to_string(kind.copy(nullable=True)))


#: What a system refuses to a writer.
_REFUSED = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.ENAMETOOLONG, errno.ENOENT)


def _of_system(message: str) -> int | None:
    """The number of the system's error that DuckDB quotes in a message, if any."""
    return next((code for code in _REFUSED if os.strerror(code) in message), None)


#: Masters whose executor is this process: it ends with the run.
_ON_ONE_MACHINE = re.compile(r"local(\[.*\])?")


class _Spark(Engine):
    dialect: SqlDialect = "pyspark"
    name = "Spark"
    has_sessions = True

    def __init__(self, session: Any) -> None:
        self._session = session
        # A session over Spark Connect has no context.
        self._context = getattr(session, "sparkContext", None) if hasattr(type(session), "sparkContext") else None
        self._durable = self._context is not None and self._context.getCheckpointDir() is not None
        if self._context is not None and not self._durable and not _ON_ONE_MACHINE.fullmatch(str(self._context.master)):
            _log.warning(
                "engine spark: tables are kept by the executors alone, and one that is lost ends the run; "
                "set spark.checkpoint.dir to a folder that all executors see"
            )

    def query(self, expr: ir.Table) -> pa.Table:
        self._describe("read", _tables_of(expr))
        return super().query(expr)

    def register(self, name: str, source: pa.Table | pa.RecordBatchReader | Path) -> None:
        self._describe("register", [name])
        self._frame(source).createOrReplaceTempView(checked_name(name))

    def _frame(self, source: pa.Table | pa.RecordBatchReader | Path) -> Any:
        import pyarrow as pa

        if isinstance(source, Path):
            return self._session.read.parquet(str(source))
        if isinstance(source, pa.Table):
            return self._session.createDataFrame(source)
        frame = self._session.createDataFrame(source.schema.empty_table())
        try:
            for piece in spark_reading.pieces_of(source):
                # The checkpoint takes the rows into the cluster, so that this process holds one piece at a time.
                frame = frame.union(self._kept(self._session.createDataFrame(piece)))
        except pa.ArrowException:
            with self._running("(a stream of rows)"):
                raise
        return frame

    def columns_of(self, relation: Relation) -> tuple[str, ...]:
        with self._running(f"(the columns of {relation.name})"):
            return tuple(spark_reading.frame_of(self._session, relation).columns)

    def fingerprint(self, relation: Relation) -> str:
        self._describe("read", [relation.name])
        with self._running(f"(the hashes of the rows of {relation.name})"):
            return spark_reading.fingerprint_of(self._session, relation)

    def spread(self, name: str, schema: pa.Schema, parts: Sequence[Part]) -> None:
        self._describe("read", [name])
        with self._running(f"(readers of {name})"):
            frame = self._kept(spark_reading.spread(self._session, schema, parts))
        frame.createOrReplaceTempView(checked_name(name))

    def create(self, name: str, expr: ir.Table, *, streamed: bool = False) -> ir.Table:
        # A stream that was registered here is kept already, whatever it is joined with.
        sql = self.compile(expr)
        self._describe("create", [name])
        with self._running(sql):
            frame = self._kept(self._sql(sql))
        frame.createOrReplaceTempView(checked_name(name))
        return self._unbound(name, expr)

    def append(self, name: str, expr: ir.Table) -> ir.Table:
        return self.create(name, self._unbound(name, expr).union(expr))

    def view(self, name: str, expr: ir.Table) -> ir.Table:
        self._sql(self.compile(expr)).createOrReplaceTempView(checked_name(name))
        return self._unbound(name, expr)

    def delete(self, name: str, keys: ir.Table, on: str) -> None:
        sql = f"SELECT a.* FROM {checked_name(name)} a LEFT ANTI JOIN ({self.compile(keys.select(on))}) b ON a.{on} = b.{on}"  # noqa: S608
        self._describe("delete from", [name])
        self._kept(self._sql(sql)).createOrReplaceTempView(name)

    def drop(self, name: str) -> None:
        self._session.catalog.dropTempView(checked_name(name))

    def _run(self, sql: str) -> pa.Table:
        with self._running(sql):
            return self._sql(sql).toArrow()

    def _write(self, sql: str, order: tuple[str, ...], path: Path) -> None:
        from pyspark.sql import functions

        folder = path.with_name(f"{path.name}.parts")
        columns = [functions.col(name).asc_nulls_last() for name in order]
        self._describe("write", [path.name])
        with self._running(sql):
            rows = self._sql(sql).repartition(1)
            rows = rows.sortWithinPartitions(*columns) if columns else rows
            rows.write.mode("overwrite").option("compression", "zstd").parquet(str(folder.absolute()))
        try:
            (part,) = folder.glob("part-*.parquet")
            operations.rename(part, path)
        finally:
            operations.remove_folder(folder)

    @staticmethod
    def _quoted(name: str) -> str:
        doubled = name.replace("`", "``")
        return f"`{doubled}`"

    @staticmethod
    def _type_name(kind: dt.DataType) -> str:
        from ibis.backends.sql.datatypes import PySparkType

        return str(PySparkType.to_string(kind.copy(nullable=True)))

    def _kept(self, frame: Any) -> Any:
        """The rows computed and kept; without that each later table would compute all before it again.

        In the session's checkpoint folder, where it has one: then they outlive the executors that computed them.
        """
        return frame.checkpoint(eager=True) if self._durable else frame.localCheckpoint(eager=True)

    def _describe(self, what: str, names: Sequence[str]) -> None:
        """Name the jobs that follow as Spark's pages show them."""
        if self._context is not None:
            self._context.setJobDescription(f"creditscore: {what} {', '.join(names)}")

    def _sql(self, sql: str) -> Any:
        # Each time: the session is the caller's, who may have switched it on again.
        self._session.conf.set("spark.sql.variable.substitute", "false")
        return self._session.sql(sql)


def _tables_of(expr: ir.Table) -> list[str]:
    """The names of the tables that an expression reads."""
    import ibis.expr.operations as ops

    return sorted({table.name for table in expr.op().find(ops.UnboundTable)})
