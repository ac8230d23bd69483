"""Exchange tables (库表交换): read only, in pieces, by a connection that stands nowhere but in the environment."""

import datetime as dt
import logging
import stat
import subprocess
import sys

import pytest
from support.command import creditscore
from support.deliveries import DAY, Delivery, csv_sources, put_right, refused, rows
from support.nights import night, sign_a_card
from support.postgres import OWNER, PASSWORD, READER, private_cluster, until
from support.projects import write_project

from creditscore.errors import ConfigError, DataError
from creditscore.records.reading import postgres
from creditscore.records.reading.postgres import moment, pieces_of
from creditscore.records.reading.table_copies import copy_of, copy_tables, table_hashes

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
    [piece] = pieces_of(spec(delivery), ["记录号"])
    assert piece.column_names == ["记录号"]


def test_rows_come_in_pieces(cluster, delivery, monkeypatch):
    cluster.sql(
        """INSERT INTO exchange."处罚" SELECT 'Q' || n, 'S1', '处罚', '2024-01-01', '2024-01-02', n, 1, true, '' FROM generate_series(1, 20000) n;"""
    )
    monkeypatch.setattr(postgres, "_PIECE", str(64 << 10))
    sizes = [piece.num_rows for piece in pieces_of(spec(delivery), ["记录号", "金额"])]
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
    with pytest.raises(DataError, match=r"expected to read exchange.陷阱 .*ArrowInvalid"):
        list(pieces_of(trap, ["trap"]))
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


def copied(delivery, folder):
    """The rows of the copy of the exchange table, in the order of the table, and its hash."""
    copy_tables(delivery.project, folder)
    copy = copy_of(spec(delivery), folder)
    pieces = list(copy.pieces(copy.kinds.names))
    return [row for piece in pieces for row in piece.to_pylist()], copy.sha256


def test_what_is_written_meanwhile_is_read_in_no_table_of_the_database(cluster, delivery):
    with moment(spec(delivery)) as now:
        assert sum(piece.num_rows for piece in now.pieces(spec(delivery), ["记录号"])) == 3
        cluster.sql("""INSERT INTO exchange."处罚" ("记录号") VALUES ('P4')""")
        assert sum(piece.num_rows for piece in now.pieces(spec(delivery), ["记录号"])) == 3
    assert sum(piece.num_rows for piece in pieces_of(spec(delivery), ["记录号"])) == 4


def test_the_hash_of_a_copy_does_not_depend_on_the_order_of_rows(cluster, delivery, tmp_path):
    rows_before, before = copied(delivery, tmp_path / "before")
    cluster.sql("""CREATE TABLE exchange.sorted AS SELECT * FROM exchange."处罚" ORDER BY "记录号" DESC; TRUNCATE exchange."处罚";
        INSERT INTO exchange."处罚" SELECT * FROM exchange.sorted; DROP TABLE exchange.sorted;""")
    rows_after, after = copied(delivery, tmp_path / "after")
    assert (rows_after, after) == (rows_before[::-1], before)
    assert table_hashes(delivery.project, tmp_path / "after") == {"exchange.处罚 in $EXCHANGE_DATABASE": before}
    cluster.sql("""UPDATE exchange."处罚" SET "金额" = 1234.57 WHERE "记录号" = 'P1'""")
    assert copied(delivery, tmp_path / "changed")[1] != before


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


def scans(cluster, relation="exchange.处罚"):
    """How often the table was scanned: what the server has counted since it began, once all connections have told it."""
    return int(cluster.sql(f"SELECT seq_scan FROM pg_stat_user_tables WHERE relid = '{relation}'::regclass"))


def test_a_night_scans_each_table_once_be_there_anything_new_or_not(cluster, delivery, tmp_path):
    sign_a_card(delivery)
    out, before = tmp_path / "out", scans(cluster)
    assert '"fresh": true' in night(delivery, out, "--json").out
    assert scans(cluster) == before + 1
    assert '"fresh": false' in night(delivery, out, "--json").out
    assert scans(cluster) == before + 2
    assert creditscore("check", delivery.project.folder, "--data", delivery.data, "--as-of", DAY).code == 0
    assert scans(cluster) == before + 3
    assert creditscore("replay", out / str(DAY), "--project", delivery.project.folder, "--data", delivery.data).code == 0
    assert scans(cluster) == before + 4


def test_two_sources_of_one_table_are_one_scan_and_each_masks_its_own_columns(cluster, delivery, tmp_path):
    result = {"to": "result", "column": "法定代表人"}
    plain = {"column": "法定代表人", "kind": "none"}
    second = {**SOURCE, "name": "second", "column": [*RULES, result], "personal": [plain]}
    both = Delivery(tmp_path / "both", sources=csv_sources(others=[{**SOURCE, "column": [*RULES, result]}, second]))
    before = scans(cluster)
    copy_tables(both.project, tmp_path / "copies")
    assert scans(cluster) == before + 1
    first, other = (source for source in both.project.sources.source if source.format == "postgres")
    read = {one.name: next(copy_of(one, tmp_path / "copies").pieces(["法定代表人"])) for one in (first, other)}
    assert set(read["exchange"]["法定代表人"].to_pylist()) == {"张*"}
    assert set(read["second"]["法定代表人"].to_pylist()) == {"张哨兵三"}
    assert "张哨兵三".encode() not in copy_of(first, tmp_path / "copies").path.read_bytes()
    # One place, two copies: what is recorded of it changes with either.
    [(place, found)] = table_hashes(both.project, tmp_path / "copies").items()
    assert place == "exchange.处罚 in $EXCHANGE_DATABASE"
    assert found not in {copy_of(one, tmp_path / "copies").sha256 for one in (first, other)}


def test_only_the_wanted_columns_lie_in_a_copy_and_it_is_for_its_owner(delivery, tmp_path):
    copy_tables(delivery.project, tmp_path / "copies")
    copy = copy_of(spec(delivery), tmp_path / "copies")
    assert "法定代表人" in copy.columns
    assert "法定代表人" not in copy.kinds.names
    assert stat.S_IMODE((tmp_path / "copies").stat().st_mode) == 0o700
    assert "张哨兵三".encode() not in b"".join(path.read_bytes() for path in (tmp_path / "copies").iterdir() if path.is_file())


def test_nothing_of_a_copy_outlives_its_night_be_it_killed(cluster, delivery, tmp_path):
    cluster.sql(TYPES.format(type="text", value="'x'"))
    second = {**SOURCE, "name": "types", "relation": "exchange.types", "column": [{"to": "result", "column": "值"}]}
    both = Delivery(tmp_path / "both", sources=csv_sources(others=[SOURCE, second]))
    sign_a_card(both)
    out = tmp_path / "out"
    words = ["run", both.project.folder, "--data", both.data, "--as-of", DAY, "--out", out]
    with cluster.session() as holding:
        # The second table cannot be read until this is given up: the night stands between the two.
        holding("BEGIN")
        holding("LOCK TABLE exchange.types")
        command = [sys.executable, "-c", "from creditscore.cli import main; main()", *map(str, words)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as killed:
            until(lambda: list((out / ".inputs").glob("*.parquet")))
            killed.kill()
        holding("ROLLBACK")
    assert list((out / ".inputs").iterdir())
    again = night(both, out)
    assert again.code == 0, again.err
    assert not list(out.rglob(".inputs"))
    assert not list(out.rglob("*.tables"))


def test_a_server_that_goes_away_leaves_the_run_before_and_no_copy(cluster, delivery, tmp_path):
    sign_a_card(delivery)
    out = tmp_path / "out"
    assert night(delivery, out).code == 0
    before = sorted(path.name for path in (out / ".runs").iterdir())
    cluster.sql("""CREATE OR REPLACE FUNCTION exchange.gone() RETURNS text LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN 'S1'; END $$;
        GRANT EXECUTE ON FUNCTION exchange.gone() TO reader;
        ALTER TABLE exchange."处罚" RENAME TO whole;
        CREATE VIEW exchange."处罚" AS SELECT w.* FROM exchange.whole w WHERE w."记录号" <> 'P3' OR exchange.gone() = 'S1';
        GRANT SELECT ON exchange."处罚" TO reader;""")
    refused = night(delivery, out, "--lang", "en")
    assert refused.code == 2
    assert "expected to read exchange.处罚 of the database in EXCHANGE_DATABASE" in refused.err
    assert PASSWORD not in refused.err
    assert sorted(path.name for path in (out / ".runs").iterdir()) == before
    assert not list(out.rglob(".inputs"))
    cluster.sql('DROP VIEW exchange."处罚"; DROP TABLE exchange.whole')


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
