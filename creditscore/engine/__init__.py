"""Where expressions run: DuckDB on one machine, Spark on many. The only module that imports duckdb and pyspark.

Ibis is a compiler here, not a run-time: an expression over unbound tables becomes SQL text, and the
engine runs the text. Only Arrow tables and Parquet files enter an engine, never pandas (whose missing
texts become the string "NaN" on Spark), and only Arrow comes out, cast to the types the expression
declares (a date minus an interval is a TIMESTAMP on DuckDB and a DATE on Spark).
"""

from creditscore.engine.compiling import SqlDialect, arrow_schema, compile_sql, unbound
from creditscore.engine.engines import Engine, checked_name
from creditscore.engine.spark_sessions import spark_session
from creditscore.engine.spread import Part, Relation

__all__ = ["Engine", "Part", "Relation", "SqlDialect", "arrow_schema", "checked_name", "compile_sql", "spark_session", "unbound"]
