"""Expressions as SQL text, and their columns in Arrow. Ibis is a compiler here, not a run-time; no engine is loaded."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

SqlDialect = Literal["duckdb", "pyspark", "postgres"]
#: A string literal or a quoted name of Spark SQL.
_QUOTED = re.compile(r"'(?:\\.|''|[^'\\])*'|`(?:``|[^`])*`", re.DOTALL)


def compile_sql(expr: ir.Table, dialect: SqlDialect) -> str:
    """The SQL text of an expression over unbound tables.

    Loads Ibis and SQLGlot, but no engine.
    """
    import ibis

    if ibis.options.pyspark is None:
        from ibis.config import Config

        # Ibis' Spark dialect reads an option that only its Spark run-time, which we do not load, defines.
        class SparkOptions(Config):  # type: ignore[misc] # an untyped base
            treat_nan_as_null: bool = False

        ibis.options.pyspark = SparkOptions()
    text = str(ibis.to_sql(expr, dialect=dialect, pretty=True))
    return _without_variables(text) if dialect == "pyspark" else text


def _without_variables(text: str) -> str:
    """Spark SQL whose string literals hold no ``${x}``: a session may put a setting or an environment variable in its place."""
    return _QUOTED.sub(lambda found: found[0].replace("${", r"\u0024{") if found[0].startswith("'") else found[0], text)


@lru_cache(maxsize=512)
def compiled(operation: Any, dialect: SqlDialect) -> str:
    """The SQL text of an operation, cached.

    Ibis needs up to half a second for the expression of one card, and a process with several runs needs the same texts
    again. Operations are equal if their tables, types and steps are; they hold no rows.
    """
    return compile_sql(operation.to_expr(), dialect)


def unbound(name: str, schema: pa.Schema) -> ir.Table:
    """An unbound table with the columns of an Arrow schema, for expressions."""
    import ibis

    return ibis.table({field.name: _ibis_type(field.type) for field in schema}, name=name)


def arrow_schema(expr: ir.Table) -> pa.Schema:
    """The Arrow columns of an expression. Ibis' own translation needs a package of its run-times."""
    import pyarrow as pa

    return pa.schema([(name, _arrow_type(str(dtype).removeprefix("!"))) for name, dtype in expr.schema().items()])


def _ibis_type(kind: pa.DataType) -> str:
    import pyarrow as pa

    if pa.types.is_list(kind):
        return f"array<{_ibis_type(kind.value_type)}>"
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision}, {kind.scale})"
    plain = {"double": "float64", "bool": "boolean", "date32[day]": "date"}
    return plain.get(str(kind), str(kind))


def _arrow_type(name: str) -> pa.DataType:
    import pyarrow as pa

    if name.startswith("array<"):
        return pa.list_(_arrow_type(name[6:-1].removeprefix("!")))
    if name.startswith("decimal("):
        precision, scale = name[8:-1].split(",")
        return pa.decimal128(int(precision), int(scale))
    plain = {"boolean": "bool", "date": "date32", "float64": "float64"}
    return pa.type_for_alias(plain.get(name, name))
