"""The tables and views that a database gets of the runs: what they hold, and the SQL by which an administrator makes them.

The tables are written once by :mod:`creditscore.pipeline.sink`, and a command never makes, changes or grants anything: what the
writer may do is to insert and delete rows. No key, nonce, ticket, stratum or probability of a draw is in them, and of a drawn
task nothing but what its own lists tell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pyarrow as pa

from creditscore.database import literal, quoted
from creditscore.errors import DataError

#: Where the tables lie if nobody says otherwise.
SCHEMA = "creditscore"
#: A name that needs no thought in any tool of the administrator's.
_SCHEMA_NAME = re.compile(r"[a-z_][a-z0-9_]{0,39}")
_TEXT, _WHOLE, _DAY, _FLAG = pa.string(), pa.int32(), pa.date32(), pa.bool_()
_SQL = {_TEXT: "text", _WHOLE: "integer", _DAY: "date", _FLAG: "boolean"}


@dataclass(frozen=True)
class SinkTable:
    """A table of the database.

    Attributes:
        says: What one row is.
        columns: Its columns and their types, in order.
        key: The columns of which no two rows have the same.
        indexes: Further indexes.
        needed: Columns that are never empty, beside those of the key.
    """

    name: str
    says: str
    columns: dict[str, pa.DataType]
    key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...] = ()
    needed: tuple[str, ...] = ("run", "as_of", "trial")

    @property
    def schema(self) -> pa.Schema:
        """The columns as Arrow has them."""
        return pa.schema(list(self.columns.items()))

    @property
    def sql_columns(self) -> dict[str, str]:
        """The columns as the database has them."""
        return {name: _SQL[kind] for name, kind in self.columns.items()}


_OF_RUN: dict[str, pa.DataType] = {"run": _TEXT, "as_of": _DAY, "trial": _FLAG}
RUNS = SinkTable(
    "runs",
    "One row per run: the current one of its day. A trial scored with cards that nobody has signed.",
    {**_OF_RUN, "project": _TEXT, "manifest": _TEXT, "scored": _WHOLE, "subjects": _WHOLE},
    ("as_of", "trial"),
    needed=("run", "project", "manifest", "scored", "subjects"),
)
SCORES = SinkTable(
    "scores",
    "One row per run and scored subject. Higher scores are safer; reasons are the characteristics that cost most points.",
    {
        **_OF_RUN, "subject_id": _TEXT, "industry": _TEXT, "scorecard": _TEXT, "score": _WHOLE, "probability_ppm": _WHOLE,
        "points_base": _WHOLE, "points_public": _WHOLE, "points_industry": _WHOLE, "points_market": _WHOLE,
        "points_self_declared": _WHOLE, "reason_1": _TEXT, "reason_2": _TEXT, "reason_3": _TEXT, "reason_4": _TEXT,
        "incomplete": _FLAG,
    },
    ("subject_id", "as_of", "trial"),
    (("as_of",),),
)  # fmt: skip
TIERS = SinkTable(
    "tiers",
    "One row per run and subject in scope. tier holds; where status is proposed, raw_tier waits for a signature.",
    {
        **_OF_RUN, "subject_id": _TEXT, "industry": _TEXT, "score": _WHOLE, "tier": _TEXT, "status": _TEXT, "raw_tier": _TEXT,
        "previous_tier": _TEXT, "rule": _TEXT, "evidence": _TEXT, "waiting_since": _DAY, "incomplete_since": _DAY,
    },
    ("subject_id", "as_of", "trial"),
    (("as_of",),),
)  # fmt: skip
REASONS = SinkTable(
    "reasons",
    "One row per run, scorecard and characteristic: what the reasons of scores are called.",
    {**_OF_RUN, "scorecard": _TEXT, "reason": _TEXT, "label": _TEXT},
    ("as_of", "trial", "scorecard", "reason"),
)
TASKS = SinkTable(
    "tasks",
    "One row per drawn task. content tells whether its list is the one that was written.",
    {**_OF_RUN, "task": _TEXT, "frame_hash": _TEXT, "drawn_on": _DAY, "closed_on": _DAY, "content": _TEXT},
    ("task",),
    needed=("run", "as_of", "trial", "frame_hash", "content"),
)
DRAWN = SinkTable(
    "drawn",
    "One row per drawn task and subject: while the task runs the list of its draw, once it is closed the list of its end.",
    {
        **_OF_RUN, "task": _TEXT, "subject_id": _TEXT, "name": _TEXT, "item": _TEXT, "department": _TEXT, "first_day": _DAY,
        "last_day": _DAY, "standing": _TEXT, "reason": _TEXT, "inspected_on": _DAY, "result": _TEXT,
    },
    ("task", "subject_id"),
    (("subject_id",),),
)  # fmt: skip
TABLES = (RUNS, SCORES, TIERS, REASONS, TASKS, DRAWN)

#: The views, each with the group of roles that may read it; ``{s}`` is the schema.
_VIEWS = {
    "current_run": ("tiers", "SELECT * FROM {s}.runs WHERE NOT trial ORDER BY as_of DESC LIMIT 1"),
    "current_scores": (
        "tiers",
        "SELECT * FROM {s}.scores\n  WHERE NOT trial AND as_of = (SELECT max(as_of) FROM {s}.runs WHERE NOT trial)",
    ),
    "current_tiers": (
        "tiers",
        "SELECT t.*, (\n"
        "    SELECT min(h.as_of) FROM {s}.tiers h\n"
        "    WHERE h.subject_id = t.subject_id AND NOT h.trial AND h.as_of > coalesce((\n"
        "      SELECT max(o.as_of) FROM {s}.tiers o\n"
        "      WHERE o.subject_id = t.subject_id AND NOT o.trial AND o.as_of < t.as_of AND o.tier <> t.tier), '-infinity')\n"
        "  ) AS since\n"
        "  FROM {s}.tiers t\n"
        "  WHERE NOT t.trial AND t.as_of = (SELECT max(as_of) FROM {s}.runs WHERE NOT trial)",
    ),
    "current_reasons": (
        "tiers",
        "SELECT s.run, s.as_of, s.trial, s.subject_id, n.rank, n.reason, r.label\n"
        "  FROM {s}.scores s\n"
        "  CROSS JOIN LATERAL (VALUES (1, s.reason_1), (2, s.reason_2), (3, s.reason_3), (4, s.reason_4)) AS n (rank, reason)\n"
        "  LEFT JOIN {s}.reasons r\n"
        "    ON (r.as_of, r.trial, r.scorecard, r.reason) = (s.as_of, s.trial, s.scorecard, n.reason)\n"
        "  WHERE n.reason IS NOT NULL AND NOT s.trial\n"
        "    AND s.as_of = (SELECT max(as_of) FROM {s}.runs WHERE NOT trial)",
    ),
    "current_drawn": (
        "visits",
        "SELECT d.* FROM {s}.drawn d JOIN {s}.tasks t USING (task) WHERE t.closed_on IS NULL AND NOT t.trial",
    ),
}


def checked_schema(name: str) -> str:
    """The name itself, if it is one of a schema that needs no thought.

    Raises:
        DataError: It is another one.
    """
    if not _SCHEMA_NAME.fullmatch(name) or name.startswith("pg_"):
        raise DataError(
            "schema: expected a name of at most 40 lower-case letters, digits and _ that begins with a letter (got {name!r})",
            name=name,
        )
    return name


def script(schema: str = SCHEMA) -> str:
    """The SQL that an administrator runs once, and after an update of the tables: what is there stays.

    Three groups of roles: ``<schema>_writer`` may read, insert and delete rows, and nothing else; ``<schema>_tiers`` and
    ``<schema>_visits`` may read views, the one those of scores and tiers, the other the list of visits, which tells no tier.

    Raises:
        DataError: The schema's name is refused.
    """
    own = quoted(checked_schema(schema))
    roles = {group: f"{schema}_{group}" for group in ("writer", "tiers", "visits")}
    blocks = [f"CREATE SCHEMA IF NOT EXISTS {own};", *(_role(name) for name in roles.values())]
    for table in TABLES:
        blocks += [_table(own, table), *(_index(own, table, columns) for columns in table.indexes)]
        blocks.append(f"COMMENT ON TABLE {own}.{table.name} IS {literal(table.says)};")
    blocks += [f"CREATE OR REPLACE VIEW {own}.{name} AS\n  {text.format(s=own)};" for name, (_group, text) in _VIEWS.items()]
    names = ", ".join(quoted(name) for name in roles.values())
    blocks.append(f"REVOKE ALL ON SCHEMA {own} FROM PUBLIC;\nGRANT USAGE ON SCHEMA {own} TO {names};")
    tables = ", ".join(f"{own}.{table.name}" for table in TABLES)
    blocks.append(f"GRANT SELECT, INSERT, DELETE ON {tables}\n  TO {quoted(roles['writer'])};")
    for group in ("tiers", "visits"):
        views = ", ".join(f"{own}.{name}" for name, (whose, _text) in _VIEWS.items() if whose == group)
        blocks.append(f"GRANT SELECT ON {views}\n  TO {quoted(roles[group])};")
    return "BEGIN;\n\n" + "\n".join(blocks) + "\n\nCOMMIT;\n"


def _role(name: str) -> str:
    exists = f"SELECT FROM pg_roles WHERE rolname = {literal(name)}"
    return f"DO $$ BEGIN IF NOT EXISTS ({exists}) THEN CREATE ROLE {quoted(name)} NOLOGIN; END IF; END $$;"


def _table(schema: str, table: SinkTable) -> str:
    always = {*table.key, *table.needed}
    columns = [f"{name} {kind}{' NOT NULL' if name in always else ''}" for name, kind in table.sql_columns.items()]
    inside = ",\n  ".join([*columns, f"PRIMARY KEY ({', '.join(table.key)})"])
    return f"CREATE TABLE IF NOT EXISTS {schema}.{table.name} (\n  {inside}\n);"


def _index(schema: str, table: SinkTable, columns: tuple[str, ...]) -> str:
    name = f"{table.name}_by_{'_'.join(columns)}"
    return f"CREATE INDEX IF NOT EXISTS {name} ON {schema}.{table.name} ({', '.join(columns)});"
