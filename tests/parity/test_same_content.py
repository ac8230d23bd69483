"""The same content whatever the threads, the row order, the number of files or of buckets."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.cities import PROJECT, small_city

from creditscore.config.project import load_project
from creditscore.engine import Engine
from creditscore.features.build import feature_table
from creditscore.features.spine import spine
from creditscore.records.records import open_records


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return small_city(tmp_path_factory.mktemp("city"), subjects=1000)


def content(data, *, threads=None, buckets=None):
    project = load_project(PROJECT)
    engine = Engine.duckdb(threads=threads)
    records = open_records(engine, project, data=data)
    table = feature_table(records, spine(records, as_of="2024-04-30"), project.features, buckets=buckets)
    return engine.content_hash(table.drop("row_key"))


@pytest.fixture(scope="module")
def reference(data):
    return content(data)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_threads_change_nothing(data, reference, threads):
    assert content(data, threads=threads) == reference


@pytest.mark.parametrize("buckets", [2, 7])
def test_buckets_change_nothing(data, reference, buckets):
    assert content(data, buckets=buckets) == reference


def test_the_order_of_rows_changes_nothing(data, reference, tmp_path):
    for path in data.iterdir():
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            order = sorted(range(table.num_rows), key=lambda row: (row * 7919) % max(table.num_rows, 1))
            pq.write_table(table.take(pa.array(order, pa.int64())), tmp_path / path.name)
        else:
            lines = path.read_bytes().splitlines(keepends=True)
            (tmp_path / path.name).write_bytes(b"".join([lines[0], *reversed(lines[1:])]))
    assert content(tmp_path, threads=2) == reference
