"""Exchange tables (库表交换): read only, in pieces, by a connection that stands nowhere but in the environment."""

import datetime as dt
import logging

import pytest
from support.deliveries import Delivery, csv_sources, put_right, refused, rows
from support.nights import night, sign_a_card
from support.postgres import OWNER, PASSWORD, READER, private_cluster
from support.projects import write_project

from creditscore.errors import ConfigError, DataError
from creditscore.pipeline.run_folder import input_hashes
from creditscore.records.reading import postgres
from creditscore.records.reading.postgres import fingerprint, pieces_of

pytest.importorskip("adbc_driver_postgresql", reason="adbc is not installed (extra: postgres)")
VARIABLE = "EXCHANGE_DATABASE"
TABLE = """
DROP TABLE IF EXISTS exchange."处罚" CASCADE;
CREATE TABLE exchange."处罚" (
  "记录号" text, "代码" text, "类型" text, "日期" date, "入库时间" timestamptz, "金额" numeric(18,2), "严重程度" smallint,
  "已核实" boolean, "法定代表人" text
);
INSERT INTO exchange."处罚" VALUES
  ('P1', 'S1', '处罚', '2024-01-01', '2024-01-02 20:00:00+00', 1234.56, 3, true, '张哨兵三'),
  ('P2', 'S1', '处罚', '2024-02-01', '2024-02-02 08:00:00+08', NULL, NULL, NULL, '张哨兵三'),
  ('P3', 'S9', '处罚', '2024-02-01', '2024-02-02 08:00:00+08', -1, 11, false, '张哨兵三');
GRANT SELECT ON exchange."处罚" TO reader;
"""
RULES = [
    {"to": "event_id", "column": "记录号"},
    {"to": "subject_id", "column": "代码"},
    {"to": "kind", "rule": "map", "column": "类型", "values": {"处罚": "penalty"}},
    {"to": "event_date", "column": "日期"},
    {"to": "known_date", "column": "入库时间"},
    {"to": "amount", "column": "金额"},
    {"to": "severity", "column": "严重程度"},
    {"to": "verified", "column": "已核实"},
]
SOURCE = {
    "name": "exchange",
    "table": "events",
    "format": "postgres",
    "database": VARIABLE,
    "relation": "exchange.处罚",
    "column": RULES,
}


@pytest.fixture(scope="module")
def cluster():
    with private_cluster() as made:
        yield made


@pytest.fixture
def delivery(cluster, tmp_path, monkeypatch):
    cluster.sql(TABLE)
    monkeypatch.setenv(VARIABLE, cluster.uri())
    return Delivery(tmp_path, sources=csv_sources(others=[SOURCE]))


def spec(delivery):
    return next(source for source in delivery.project.sources.source if source.format == "postgres")


def test_rows_of_a_relation_become_typed_and_checked_records(delivery):
    records = delivery.open()
    got = [(r["event_id"], r["event_date"], r["known_date"], str(r["amount"]), r["severity"], r["verified"]) for r in rows(records)]
    # 20:00 in UTC is the next day in the project's zone.
    assert got == [
        ("P1", dt.date(2024, 1, 1), dt.date(2024, 1, 3), "1234.56", 3, True),
        ("P2", dt.date(2024, 2, 1), dt.date(2024, 2, 2), "None", None, None),
    ]
    assert refused(records) == [("events", "UNKNOWN_SUBJECT", 3, "P3")]
    arrival = records.arrivals[-1]
    assert (arrival.encoding, arrival.rows, arrival.unused) == ("postgres", 3, ("法定代表人",))
    assert arrival.file == "exchange.处罚 in $EXCHANGE_DATABASE"


TYPES = """
DROP TABLE IF EXISTS exchange.types CASCADE;
CREATE TABLE exchange.types (event_id text, subject_id text, kind text, event_date date, known_date timestamptz, "值" {type});
INSERT INTO exchange.types VALUES ('T1', 'S1', 'penalty', '2024-01-01', '2024-01-02 08:00:00+08', {value});
GRANT SELECT ON exchange.types TO reader;
"""


def of_type(cluster, folder, kind, value, column):
    cluster.sql(TYPES.format(type=kind, value=value))
    source = {**SOURCE, "name": "types", "relation": "exchange.types", "column": [{"to": column, "column": "值"}]}
    return Delivery(folder, sources=csv_sources(others=[source])).open()


@pytest.mark.parametrize(
    ("kind", "value", "column", "expected"),
    [("money", "12.5", "amount", "12.50"), ("numeric", "12.5", "amount", "12.50"), ("bigint", "12", "amount", "12.00"),
     ("inet", "'1.2.3.4'", "result", "1.2.3.4/32"), ("int4range", "'[1,3)'", "result", "[1,3)"), ("interval", "'1 day'", "result", "1 day"),
     ("uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "result", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
     ("bit(3)", "B'101'", "result", "101"), ("jsonb", "'[1]'", "result", "[1]"), ("char(4)", "'a'", "result", "a"),
     ("int", "1", "verified", "True"), ("date", "'2025-01-02'", "valid_until", "2025-01-02")],
)  # fmt: skip
def test_values_of_all_types_are_those_of_the_database(cluster, delivery, tmp_path, kind, value, column, expected):
    assert [str(row[column]) for row in rows(of_type(cluster, tmp_path / "types", kind, value, column))] == [expected]


@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz"])
def test_an_infinite_date_of_the_database_means_no_end(cluster, delivery, tmp_path, kind):
    records = of_type(cluster, tmp_path / "types", kind, "'infinity'", "valid_until")
    assert [row["valid_until"] for row in rows(records)] == [None]
    assert put_right(records) == {"valid_until: no end (长期)": 1}
    before = of_type(cluster, tmp_path / "before", kind, "'-infinity'", "valid_until")
    assert [entry[1] for entry in refused(before)] == ["OUT_OF_RANGE:valid_until"]


@pytest.mark.parametrize(("kind", "value"), [("bytea", "'\\xff'"), ("text[]", "'{a}'")])
def test_bytes_and_lists_are_no_value(cluster, delivery, tmp_path, kind, value):
    with pytest.raises(DataError, match=r'source "types" .*result'):
        of_type(cluster, tmp_path / "types", kind, value, "result")


def test_only_the_columns_that_are_needed_leave_the_database(delivery):
    [piece] = pieces_of(spec(delivery), ["记录号"], expected=fingerprint(spec(delivery)))
    assert piece.column_names == ["记录号"]


def test_rows_come_in_pieces(cluster, delivery, monkeypatch):
    cluster.sql(
        """INSERT INTO exchange."处罚" SELECT 'Q' || n, 'S1', '处罚', '2024-01-01', '2024-01-02', n, 1, true, '' FROM generate_series(1, 20000) n;"""
    )
    monkeypatch.setattr(postgres, "_PIECE", str(64 << 10))
    sizes = [piece.num_rows for piece in pieces_of(spec(delivery), ["记录号", "金额"], expected=fingerprint(spec(delivery)))]
    assert sum(sizes) == 20003
    assert len(sizes) > 5
    assert delivery.open().outcomes["events"].kept == 20002


def test_nothing_can_be_written_even_by_an_owner(cluster, delivery, monkeypatch):
    cluster.sql("""
        CREATE TABLE IF NOT EXISTS exchange.touched (at timestamptz);
        CREATE OR REPLACE FUNCTION exchange.touch() RETURNS text LANGUAGE sql AS $$ INSERT INTO exchange.touched VALUES (now()) RETURNING 'S1' $$;
        CREATE OR REPLACE VIEW exchange."陷阱" AS SELECT p.*, exchange.touch() AS trap FROM exchange."处罚" p;
    """)
    monkeypatch.setenv(VARIABLE, cluster.uri(OWNER))
    trap = spec(delivery).model_copy(update={"relation": "exchange.陷阱"})
    with pytest.raises(DataError, match="SQLSTATE 25006"):
        list(pieces_of(trap, ["trap"], expected=""))
    assert cluster.sql("SELECT count(*) FROM exchange.touched").strip() == "0"


@pytest.mark.parametrize(
    ("variable", "change", "said"),
    [
        (None, {}, "expected a connection in the environment variable EXCHANGE_DATABASE .got nothing"),
        ("wrong password", {}, "expected to read exchange.处罚 of the database in EXCHANGE_DATABASE"),
        ("no server", {}, "is the server up, the relation there, may the role read it"),
        ("right", {"relation": "exchange.nowhere"}, "SQLSTATE 42P01"),
        ("right", {"relation": "public.forbidden"}, "SQLSTATE 42501"),
    ],
)
def test_errors_do_not_reveal_the_connection(cluster, delivery, monkeypatch, caplog, variable, change, said):
    caplog.set_level(logging.DEBUG)
    cluster.sql("CREATE TABLE IF NOT EXISTS public.forbidden (secret text)")
    uris = {None: "", "wrong password": cluster.uri(READER, "falsch-0815"), "right": cluster.uri()}
    uris["no server"] = f"postgresql://{READER}:{PASSWORD}@127.0.0.1:1/postgres"
    monkeypatch.setenv(VARIABLE, uris[variable])
    with pytest.raises(DataError, match=said) as refusal:
        postgres.columns_of(spec(delivery).model_copy(update=change))
    told = f"{refusal.value} {caplog.text}"
    assert not any(secret in told for secret in (PASSWORD, "falsch-0815", "127.0.0.1"))


def test_a_table_that_changes_while_it_is_read_is_refused(cluster, delivery):
    seen = fingerprint(spec(delivery))
    cluster.sql("""UPDATE exchange."处罚" SET "金额" = 1234.57 WHERE "记录号" = 'P1'""")
    assert fingerprint(spec(delivery)) != seen
    with pytest.raises(DataError, match="changed while it was being read; run again"):
        list(pieces_of(spec(delivery), ["记录号"], expected=seen))


def test_the_fingerprint_does_not_depend_on_the_order_of_rows(cluster, delivery):
    seen = fingerprint(spec(delivery))
    cluster.sql("""CREATE TABLE exchange.sorted AS SELECT * FROM exchange."处罚" ORDER BY "记录号" DESC; TRUNCATE exchange."处罚";
        INSERT INTO exchange."处罚" SELECT * FROM exchange.sorted; DROP TABLE exchange.sorted;""")
    assert fingerprint(spec(delivery)) == seen
    assert input_hashes(delivery.project, delivery.data)["exchange.处罚 in $EXCHANGE_DATABASE"] == seen


def test_a_run_is_repeated_only_when_the_database_has_changed(cluster, delivery, tmp_path):
    sign_a_card(delivery)
    out = tmp_path / "out"
    assert '"fresh": true' in night(delivery, out, "--json").out
    assert '"fresh": false' in night(delivery, out, "--json").out
    cluster.sql("""UPDATE exchange."处罚" SET "严重程度" = 4 WHERE "记录号" = 'P1'""")
    again = night(delivery, out, "--json")
    assert again.code == 0, again.err
    assert '"fresh": true' in again.out
    assert PASSWORD.encode() not in b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "wrong",
    [
        {"database": "postgresql://reader:geheim@db/exchange"},
        {"database": ""},
        {"relation": "处罚; DROP TABLE x"},
        {"relation": 'a"b'},
        {"relation": "a.b.c"},
        {"file": "events.csv"},
        {"format": "csv"},
    ],
)
def test_a_connection_in_the_file_and_other_mistakes_are_refused(tmp_path, wrong):
    with pytest.raises(ConfigError, match=r"format (postgres|csv): needs") as refusal:
        write_project(tmp_path, sources=csv_sources(others=[{**wrong, **{k: v for k, v in SOURCE.items() if k not in wrong}}]))
    assert "geheim" not in str(refusal.value)
