"""Rows that an engine writes, counts and hashes: the same on both, and the hash as hashlib and plain Python have it."""

import datetime as dt
import decimal
import errno
import hashlib
import math
import random

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.disks import small_disk

from creditscore.content_hash import digits_for, groups_of
from creditscore.engine import Engine, unbound
from creditscore.errors import DataError
from creditscore.storage import operations

KINDS = {
    "text": "text",
    "day": "date",
    "money": "decimal",
    "small": "decimal",
    "float": "float",
    "flag": "boolean",
    "whole": "integer",
}


def plain_text(value):
    """The text of a value, from the definition."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "=1" if value else "=0"
    if isinstance(value, float):
        return f"={plain_float(value)}"
    if isinstance(value, decimal.Decimal):
        return f"={value:f}"
    if isinstance(value, dt.date):
        return f"={value.isoformat()}"
    if isinstance(value, list):
        return "=" + "".join(f"{plain_text(one).replace(',', chr(92) + 'c')}," for one in value)
    return "=" + str(value).replace("\\", "\\\\").replace("|", "\\/")


def plain_float(value):
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if abs(value) < 2**53 and value == int(value):
        return str(int(value))
    mantissa, exponent = math.frexp(value)
    return f"{int(mantissa * 2**53)}p{exponent - 53}"


def plain_hash(table, kinds):
    """The content hash of a table, from the definition."""
    names = sorted(table.column_names)
    rows = ["|".join(plain_text(row[name]) for name in names) for row in table.to_pylist()]
    hashes = sorted(hashlib.sha256(row.encode()).hexdigest() for row in rows)
    digits = 1
    while len(hashes) > 4096 * 16**digits:
        digits += 1
    groups = {}
    for one in hashes:
        groups.setdefault(one[:digits], []).append(one)
    found = [f"{place}:{hashlib.sha256('|'.join(own).encode()).hexdigest()}" for place, own in sorted(groups.items())]
    lines = ["creditscore-content/2", *(f"{name}|{kinds[name]}" for name in names), *found]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def cells(rows=200):
    """Each column with NULL and with what engines write each in its own way."""
    rng = random.Random(1)
    texts = ["a", "", "a|b", "a\\b", "\\/", "=", "a,b", "甲店", "𠮷", "e\u0301", "é", "NULL", "nan", " x ", "a\nb", None]
    floats = [
        0.0,
        -0.0,
        0.1,
        -1.5,
        1e300,
        1e-7,
        5e-324,
        1e16,
        2.0**53,
        2.0**53 - 1,
        2.2250738585072014e-308,
        math.inf,
        -math.inf,
        math.nan,
        None,
    ]
    floats += [math.nextafter(2.0**power, up) for power in (-1022, -3, 3, 52, 53, 1000) for up in (0, math.inf)]
    floats += [math.ldexp(rng.uniform(-1, 1), rng.randint(-1070, 1020)) for _ in range(rows)]
    days = [dt.date(1, 1, 1), dt.date(1582, 10, 10), dt.date(1900, 2, 28), dt.date(2024, 2, 29), dt.date(9999, 12, 31), None]
    money = [decimal.Decimal(text) for text in ("0.00", "-0.01", "12.30", "9999999999999999.99")] + [None]
    small = [decimal.Decimal(text) for text in ("0.0000000000", "0.0000000001", "-1.5000000000")] + [None]
    lists = [[], [None], [""], ["a"], ["a", "b"], ["a,b"], ["a|b", "c\\d"], ["a", None], None]

    def column(values, kind):
        return pa.array([values[place % len(values)] for place in range(rows)], kind)

    return pa.table({
        "text": column(texts, pa.string()), "day": column(days, pa.date32()), "money": column(money, pa.decimal128(18, 2)),
        "small": column(small, pa.decimal128(20, 10)), "float": column(floats, pa.float64()),
        "flag": column([True, False, None], pa.bool_()), "whole": column([0, -(2**63), 2**63 - 1, None], pa.int64()),
        "list": column(lists, pa.list_(pa.string())),
    })  # fmt: skip


ALL_KINDS = {**KINDS, "list": "list of text"}


def test_the_content_hash_is_that_of_plain_python(module_engine):
    table = cells()
    module_engine.register("cells", table)
    assert module_engine.content_hash(unbound("cells", table.schema)) == plain_hash(table, ALL_KINDS)
    module_engine.drop("cells")


@pytest.mark.parametrize("name", list(ALL_KINDS))
def test_each_kind_of_column_by_itself(module_engine, name):
    table = cells().select([name])
    module_engine.register("cells", table)
    assert module_engine.content_hash(unbound("cells", table.schema)) == plain_hash(table, ALL_KINDS)
    module_engine.drop("cells")


def test_an_empty_table_has_a_hash(module_engine):
    table = cells().slice(0, 0)
    module_engine.register("cells", table)
    expr = unbound("cells", table.schema)
    assert module_engine.count(expr) == 0
    assert module_engine.content_hash(expr) == plain_hash(table, ALL_KINDS)
    module_engine.drop("cells")


def test_order_does_not_count_and_each_row_does(module_engine):
    def content(rows):
        module_engine.register("few", pa.table({"id": pa.array(rows, pa.string())}))
        return module_engine.content_hash(ibis.table({"id": "string"}, name="few"))

    assert content(["a", "b"]) == content(["b", "a"])
    contents = [content(rows) for rows in (["a"], ["a", "a"], ["a", "b"], ["a", None], ["a", ""], ["a,b"], [])]
    assert len(set(contents)) == len(contents)


def test_columns_are_part_of_the_hash(module_engine):
    def content(name, kind):
        module_engine.register("few", pa.table({name: pa.array([1], kind)}))
        return module_engine.content_hash(unbound("few", pa.schema([(name, kind)])))

    one, wider, other, decimals = (
        content(*column) for column in (("a", pa.int64()), ("a", pa.int32()), ("b", pa.int64()), ("a", pa.decimal128(5, 0)))
    )
    assert one == wider, "the same number in a wider column"
    assert len({one, other, decimals}) == 3


def test_cells_do_not_move_from_one_column_to_the_next(module_engine):
    def content(first, second):
        module_engine.register("few", pa.table({"a": pa.array([first], pa.string()), "b": pa.array([second], pa.string())}))
        return module_engine.content_hash(ibis.table({"a": "string", "b": "string"}, name="few"))

    pairs = [("x|=y", None), ("x", "y"), ("x", "=y"), ("x|", "y"), (None, "x|=y"), ("x\\/=y", None), ("", "x"), ("x", "")]
    assert len({content(*pair) for pair in pairs}) == len(pairs)


@pytest.mark.parametrize(
    ("count", "digits"),
    [(0, 1), (65_536, 1), (65_537, 2), (2**20, 2), (2**20 + 1, 3), (7_000_000, 3), (190_000_000, 4), (2**31, 5)],
)
def test_groups_stay_small_whatever_the_size_of_a_table(count, digits):
    assert digits_for(count) == digits
    assert count / 16**digits <= 4096


def test_a_large_table_is_hashed_in_groups(module_engine):
    count = 70_000
    module_engine.register("many", pa.table({"id": pa.array(range(count), pa.int64())}))
    expr = ibis.table({"id": "int64"}, name="many")
    groups = module_engine.query(groups_of(expr, count=count))
    assert sorted(groups["place"].to_pylist()) == [f"{place:02x}" for place in range(256)]
    table = pa.table({"id": pa.array(range(count), pa.int64())})
    assert module_engine.content_hash(expr) == plain_hash(table, {"id": "integer"})
    module_engine.drop("many")


def test_a_column_without_a_text_is_refused():
    table = ibis.table({"a": "timestamp"}, name="t")
    with pytest.raises(DataError, match="content hash: expected numbers"):
        groups_of(table, count=1)
    with pytest.raises(DataError, match="content hash: expected numbers"):
        groups_of(ibis.table({"a": "array<array<timestamp>>"}, name="t"), count=1)


# --- written files ----------------------------------------------------------------------------------------


def test_what_is_written_comes_back_in_its_order_and_types(module_engine, tmp_path):
    table = cells().append_column("id", pa.array([f"S{(place * 7919) % 200:03d}" for place in range(200)]))
    module_engine.register("cells", table)
    path = tmp_path / "it's a folder" / "rows.parquet"
    module_engine.write(unbound("cells", table.schema), path, order_by=["id"])
    written = pq.read_table(path)
    assert written["id"].to_pylist() == sorted(table["id"].to_pylist())
    assert [field.type for field in written.schema if field.name != "list"] == [
        field.type for field in table.schema if field.name != "list"
    ]
    assert written.schema.field("list").type.value_type == pa.string()
    assert str(written.sort_by("id").to_pylist()) == str(table.sort_by("id").to_pylist())
    assert [one.name for one in path.parent.iterdir()] == ["rows.parquet"], "nothing else is left"
    module_engine.drop("cells")


def test_a_written_file_is_registered_and_has_the_same_content(module_engine, tmp_path):
    table = cells()
    module_engine.register("cells", table)
    expr = unbound("cells", table.schema)
    path = tmp_path / "rows.parquet"
    module_engine.write(expr, path, order_by=["whole"])
    module_engine.register("written", path)
    again = unbound("written", table.schema)
    assert module_engine.count(again) == table.num_rows
    assert module_engine.content_hash(again) == module_engine.content_hash(expr)
    for name in ("cells", "written"):
        module_engine.drop(name)


def test_columns_have_the_types_that_the_expression_declares(module_engine, tmp_path):
    rows = ibis.table({"n": "int32", "day": "date"}, name="typed")
    module_engine.register("typed", pa.table({"n": pa.array([1, 2], pa.int32()), "day": pa.array([dt.date(2024, 1, 31)] * 2)}))
    expr = rows.aggregate(total=rows.n.sum(), earlier=(rows.day.min() - ibis.interval(months=1)).cast("date"))
    module_engine.write(expr, tmp_path / "rows.parquet", order_by=[])
    assert pq.read_table(tmp_path / "rows.parquet").to_pylist() == [{"total": 3, "earlier": dt.date(2023, 12, 31)}]
    assert pq.read_schema(tmp_path / "rows.parquet").field("total").type == pa.int64()
    module_engine.drop("typed")


def test_missing_keys_come_last(module_engine, tmp_path):
    module_engine.register("few", pa.table({"id": pa.array([None, "b", "a"], pa.string())}))
    module_engine.write(ibis.table({"id": "string"}, name="few"), tmp_path / "rows.parquet", order_by=["id"])
    assert pq.read_table(tmp_path / "rows.parquet")["id"].to_pylist() == ["a", "b", None]
    module_engine.drop("few")


def test_a_failed_write_leaves_the_file_of_before(module_engine, tmp_path):
    table = cells()
    module_engine.register("cells", table)
    expr = unbound("cells", table.schema)
    path = tmp_path / "rows.parquet"
    module_engine.write(expr, path, order_by=["whole"])
    before = path.read_bytes()
    with pytest.raises(DataError, match="could not run a query"):
        module_engine.write(ibis.table({"id": "string"}, name="nowhere"), path, order_by=["id"])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    module_engine.drop("cells")


def test_a_file_is_synced_before_it_has_its_name(module_engine, tmp_path):
    module_engine.register("few", pa.table({"id": ["a"]}))
    heard = []
    with operations.watch(lambda name, paths: heard.append((name, paths[-1].name))):
        module_engine.write(ibis.table({"id": "string"}, name="few"), tmp_path / "rows.parquet", order_by=["id"])
    assert [one for one in heard if one[0] != "remove_folder"][-4:] == [
        ("written", ".rows.parquet.partial"), ("sync_file", ".rows.parquet.partial"), ("rename", "rows.parquet"), ("sync_folder", tmp_path.name),
    ]  # fmt: skip
    module_engine.drop("few")


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_same_rows_give_the_same_bytes_whatever_the_threads(tmp_path, threads):
    keys = [(place * 7919) % 300_000 for place in range(300_000)]
    for number, (name, workers) in enumerate((("one", 1), ("two", threads))):
        engine = Engine.duckdb(threads=workers)
        engine.register(
            "many",
            pa.table(
                {
                    "id": pa.array(keys[::-1] if number else keys),
                    "text": [f"t{key % 17}" for key in (keys[::-1] if number else keys)],
                }
            ),
        )
        engine.write(ibis.table({"id": "int64", "text": "string"}, name="many"), tmp_path / name, order_by=["id"])
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_full_disk_is_an_error_of_the_system(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    engine = Engine.duckdb()
    engine.register("many", pa.table({"id": pa.array([hashlib.sha256(str(n).encode()).hexdigest() for n in range(50_000)])}))
    with small_disk(disk, "size=256k"):
        with pytest.raises(OSError, match="No space left") as failed:
            engine.write(ibis.table({"id": "string"}, name="many"), disk / "rows.parquet", order_by=["id"])
        assert failed.value.errno == errno.ENOSPC
        assert list(disk.iterdir()) == []
