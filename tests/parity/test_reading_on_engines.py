"""Sources read by executors, by a session's catalogue and over JDBC give the rows, counts, rejects and errors of one reader."""

import datetime as dt
import uuid

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.deliveries import EVENTS, Delivery, csv_sources, event_line, subject_line, text

from creditscore.engine import Engine
from creditscore.errors import DataError
from creditscore.pipeline.reject_folder import open_despite
from creditscore.records.reading.sources import OpenedSource
from creditscore.records.tables import TABLES

pytestmark = pytest.mark.spark
IDS = [f"S{place:03d}" for place in range(60)]


@pytest.fixture(scope="module")
def spark(spark_session):
    return Engine.spark(spark_session)


def everything(records):
    """All that opening records tells: rows, counts, rejects and what was read of each source."""
    arrivals = [vars(arrival) | {"left_joined": len(arrival.left_joined), "sha256": ""} for arrival in records.arrivals]
    tables = {name: records.arrow(name).to_pylist() for name in TABLES if records.outcomes[name].arrived}
    outcomes = {
        name: (one.arrived, one.kept, one.quarantined, one.collapsed, one.rules.to_pylist())
        for name, one in records.outcomes.items()
    }
    keys = ["event_key", "event_id", "incident_key", "copies"]
    keyed = records.engine.query(records.table("event_keys").select(keys).order_by("event_id")).to_pylist()
    return arrivals, tables, outcomes, records.rejects.to_pylist(), keyed


def test_a_dirty_delivery_is_read_alike(spark, tmp_path):
    """Two registers, one in GB18030; lines that are no records, bad cells, copies, empty lines, texts over lines, where and join."""
    second = {
        "name": "second", "table": "subjects", "file": "second.csv", "format": "csv", "encoding": "gb18030", "delimiter": ";",
        "where": {"column": "kept", "values": ["yes"]}, "lines": {"name": 3},
        "join": [{"file": "trades.csv", "format": "csv", "on": {"subject_id": "id"}, "take": ["trade"]}],
        "column": [{"to": "industry", "column": "trade"}],
    }  # fmt: skip
    delivery = Delivery(tmp_path, sources=csv_sources(others=[second]))
    delivery.subjects(*(subject_line(one) for one in IDS), "", subject_line("S001"), "a line, too short")
    rows = [f'T{place:03d};2015-01-01;2015-01-01;"企业\n{place}";enterprise;active;431103;{"no" if place % 5 else "yes"}'
            for place in range(40)]  # fmt: skip
    header = "subject_id;valid_from;known_date;name;subject_type;status;region;kept"
    delivery.file("second.csv", "\n".join([header, *rows, "T900;x", rows[0], ""]), "gb18030")
    delivery.file("trades.csv", "id,trade\n" + "".join(f"T{place:03d},food\n" for place in range(0, 40, 2)))
    lines = [event_line(f"e{place}", IDS[place % 60], severity="12" if place % 9 == 0 else "3") for place in range(150)]
    delivery.events(
        *lines, lines[0], event_line("e1", IDS[2]), event_line("e900", "nobody"), event_line("e901", "S001", event_date="soon")
    )
    read = everything(delivery.open(spark))
    assert read == everything(delivery.open(Engine.duckdb()))
    arrivals, _tables, outcomes, rejects, _keyed = read
    assert [one["first"] for one in arrivals][1] > 0
    assert arrivals[1]["left_out"] == 32
    assert arrivals[1]["continued"] == 40 + 1
    assert outcomes["subjects"][2] > 1
    assert {"RAGGED_LINE", "UNKNOWN_SUBJECT"} <= {row["code"] for row in rejects}


@pytest.mark.parametrize("broken", ["encoding", "column", "unreadable", "lines"])
def test_what_is_refused_is_refused_with_the_same_words(spark, tmp_path, broken):
    delivery = Delivery(tmp_path)
    delivery.subjects(*(subject_line(one) for one in IDS))
    if broken == "encoding":
        delivery.file("events.csv", text(EVENTS, [event_line("e1", "S001")]).encode() + b"\xff\xfe\xff,\n")
    elif broken == "column":
        delivery.file("events.csv", "event_id,subject_id\ne1,S001\n")
    elif broken == "unreadable":
        delivery.events(*(event_line(f"e{place}", "S001", event_date="soon") for place in range(40)))
    else:
        delivery.events(*(event_line(f"e{place}", "S001") for place in range(40)), *["a,b"] * 20)
    told = []
    for engine in (spark, Engine.duckdb()):
        with pytest.raises(DataError) as refused:
            delivery.open(engine)
        told.append((str(refused.value), str(refused.value.values.get("to_sender"))))
    assert told[0] == told[1]


def hive_delivery(folder):
    """Events in folders by day of two columns, one file of two row groups; the kind of one folder is unknown."""
    events = {"name": "records", "table": "events", "file": "events", "format": "parquet"}
    register = {"name": "register", "table": "subjects", "file": "subjects.csv", "format": "csv"}
    delivery = Delivery(folder, sources={"id_scheme": "local", "source": [register, events]})
    delivery.subjects(*(subject_line(one) for one in IDS))
    for number, day in enumerate((dt.date(2024, 1, 1), dt.date(2024, 1, 2), None)):
        where = delivery.data / "events" / f"event_date={day or '__HIVE_DEFAULT_PARTITION__'}" / "kind=penalty"
        where.mkdir(parents=True)
        ids = [f"e{number}-{place}" for place in range(50)]
        known = pa.array([dt.date(2024, 1, 3)] * 50, pa.date32())
        table = pa.table(
            {
                "event_id": ids,
                "subject_id": IDS[:50],
                "known_date": known,
                "severity": pa.array([1 + place % 12 for place in range(50)], pa.int16()),
            }
        )
        pq.write_table(table, where / "part-0.parquet", row_group_size=20)
    (delivery.data / "events" / "_SUCCESS").touch()
    return delivery


@pytest.mark.parametrize("few", [0, 32])
def test_folders_of_hive_give_columns_and_are_read_alike(spark, tmp_path, monkeypatch, few):
    """By parts of a file, whose beginnings are joined to their rows where there are many parts."""
    monkeypatch.setattr("creditscore.records.standard.spreading._FEW", few)
    delivery = hive_delivery(tmp_path)
    monkeypatch.setattr("creditscore.records.reading.parquet_files._PART", 25)
    read = everything(delivery.open(spark))
    assert read == everything(delivery.open(Engine.duckdb()))
    _arrivals, tables, outcomes, rejects, _keyed = read
    assert outcomes["events"][:3] == (150, 100, 50)
    assert {row["event_date"] for row in tables["events"]} == {dt.date(2024, 1, 1), dt.date(2024, 1, 2)}
    assert {row["row"] for row in rejects if row["code"] == "MISSING:event_date"} == set(range(101, 151))


def test_files_of_a_folder_have_the_same_columns(tmp_path):
    delivery = hive_delivery(tmp_path)
    pq.write_table(pa.table({"event_id": ["x"]}), delivery.data / "events" / "event_date=2024-01-01" / "kind=penalty" / "b.parquet")
    with pytest.raises(DataError, match=r"events: expected the same columns in each file \(got others in .*part-0.parquet"):
        delivery.open(Engine.duckdb())


def session_delivery(folder, **source):
    register = {"name": "register", "table": "subjects", "file": "subjects.csv", "format": "csv"}
    records = {"name": "records", "table": "events", "provider": "某局", **source}
    delivery = Delivery(folder, sources={"id_scheme": "local", "source": [register, records]})
    delivery.subjects(*(subject_line(one) for one in IDS))
    return delivery


def test_a_table_of_the_catalogue_is_read_like_a_file(spark, spark_session, tmp_path):
    rows = [
        (f"e{place}", IDS[place % 60], "penalty" if place % 7 else "unknown", dt.date(2024, 1, 1), place % 12)
        for place in range(200)
    ]
    name = f"events_{uuid.uuid4().hex}"
    names = ["event_id", "subject_id", "kind", "event_date", "severity"]
    frame = spark_session.createDataFrame(pa.table(dict(zip(names, zip(*rows, strict=True), strict=True)))).repartition(4)
    frame.write.option("path", str(tmp_path / "table")).saveAsTable(name)
    column = [{"to": "known_date", "column": "event_date"}]
    delivery = session_delivery(tmp_path / "session", format="table", relation=f"default.{name}", column=column)
    records = delivery.open(spark)
    with pytest.raises(DataError, match='source "records": format table is read by a Spark session alone'):
        delivery.open(Engine.duckdb())
    same = session_delivery(tmp_path / "file", format="parquet", file="events.parquet", column=column)
    pq.write_table(pa.table(dict(zip(names, zip(*rows, strict=True), strict=True))), same.data / "events.parquet")
    beside = same.open(Engine.duckdb())
    assert records.arrow("events").equals(beside.arrow("events"))
    assert records.outcomes["events"].arrived == 200
    refused = [sorted((row["key"], row["code"]) for row in one.rejects.to_pylist()) for one in (records, beside)]
    assert refused[0] == refused[1]
    # Each row of the source has a place of its own, whatever task read it.
    assert (
        len({row["row"] for row in records.rejects.to_pylist() if row["scope"] == "row"}) == records.outcomes["events"].quarantined
    )
    spark_session.sql(f"DROP TABLE {name}")


def test_what_is_beside_a_table_that_the_engine_cannot_read_is_checked_all_the_same(tmp_path):
    delivery = session_delivery(tmp_path, format="table", relation="lake.events")
    with pytest.raises(DataError) as refused:
        delivery.open(Engine.duckdb())
    records, told = open_despite(Engine.duckdb(), delivery.project, delivery.data, refused.value)
    assert records is not None
    assert records.outcomes["subjects"].kept == len(IDS)
    assert set(told) == {"records"}


def test_a_table_behind_jdbc_is_read_and_its_url_shown_nowhere(spark, spark_session, tmp_path, monkeypatch, caplog):
    spark_session._jvm.java.lang.System.setProperty("derby.stream.error.file", str(tmp_path / "derby.log"))
    url = f"jdbc:derby:memory:{uuid.uuid4().hex};create=true;user=reader;password=secret-word"
    rows = [(f"e{place}", IDS[place % 60], "penalty", dt.date(2024, 1, 1), dt.date(2024, 1, 2)) for place in range(70)]
    names = ["event_id", "subject_id", "kind", "event_date", "known_date"]
    frame = spark_session.createDataFrame(pa.table(dict(zip(names, zip(*rows, strict=True), strict=True))))
    frame.write.format("jdbc").options(url=url, dbtable="records", quoteIdentifiers="false").save()
    source = {"format": "jdbc", "database": "CREDIT_JDBC", "relation": "records"}
    source["column"] = [{"to": name, "column": name.upper()} for name in names] if "EVENT_ID" in columns(spark, url) else []
    delivery = session_delivery(tmp_path, **source)
    with pytest.raises(DataError, match=r"expected a JDBC URL.*CREDIT_JDBC \(got nothing, or"):
        delivery.open(spark)
    monkeypatch.setenv("CREDIT_JDBC", url)
    records = delivery.open(spark)
    assert records.outcomes["events"].kept == 70
    monkeypatch.setenv("CREDIT_JDBC", url.replace("memory:", "memory:absent").replace("create=true", "create=false"))
    with caplog.at_level("DEBUG"), pytest.raises(DataError) as refused:
        delivery.open(spark)
    assert "secret-word" not in str(refused.value) + caplog.text


def columns(engine, url):
    from creditscore.engine import Relation

    return engine.columns_of(Relation("records", url))


def test_no_row_of_a_source_passes_through_this_process_on_spark(spark, tmp_path, monkeypatch):
    delivery = Delivery(tmp_path)
    delivery.subjects(*(subject_line(one) for one in IDS))
    delivery.events(*(event_line(f"e{place}", IDS[place % 60]) for place in range(300)))

    def pieces(*_given, **_named):
        raise AssertionError("a source was read in this process")

    most = {"query": 0, "register": 0}
    for name in most:
        method = getattr(type(spark), name)

        def counted(self, *given, _name=name, _method=method):
            rows = _method(self, *given)
            table = rows if _name == "query" else given[1]
            most[_name] = max(most[_name], table.num_rows if isinstance(table, pa.Table) else 10**9)
            return rows

        monkeypatch.setattr(type(spark), name, counted)
    monkeypatch.setattr(OpenedSource, "pieces", pieces)
    records = delivery.open(spark)
    assert records.outcomes["events"].kept == 300
    assert 0 < most["query"] <= 10
    assert most["register"] <= 10
    with pytest.raises(DataError, match="could not be read"):
        delivery.open(Engine.duckdb())
