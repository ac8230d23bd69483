"""Cells of every type as departments, spreadsheets and writers of files leave them, and columns that read them by every rule."""

import datetime as dt
from dataclasses import dataclass, replace
from decimal import Decimal

import pyarrow as pa
from hypothesis import strategies as st

from creditscore.config.sources import SourceSpec
from creditscore.records.columns.rules import apply_rules
from creditscore.records.tables import TABLES, StandardTable

#: Each was sent once, or looks like what one law or another would take for something else.
ODD_TEXTS = (
    *("", " ", "\u3000", "\u00a0", "\t", "\x00", "\u200b", "\ufeff", "-", "+", ".", "--", "/", "无", "null", "N/A", "#REF!", "长期", "永久"),
    *("0", "1", "2", "10", "007", "-0", "+5", "-5", "11", "2147483647", "2147483648", "-2147483649", "9" * 16, "9" * 40, "1" * 400),
    *("3.0", "3.00", "3.5", "1.005", "2.675", "0.005", "-0.005", "9999999999999999.994", "9999999999999999.995", "0.1234567"),
    *(".5", "5.", "-.5", "1..2", "1.2.3", "1e3", "1E+3", "1e-3", "1e400", "1e-400", "1e999999999", "1e-999999999", "e3", "1e", "1e9" + "9" * 30),
    *("0x1F", "0b1", "0o7", "1_000", "1,000", "1,2,3", "12,345", "12345,67", "1.234,56", "1,234.56", "12.345", "1 234", "1'234", "1\u202f234"),
    *("１００", "１，２３４．５", "٣", "①", "½", "5²", "一百", "12万", "3.5万元", "3 万", "7元", "9两", "¥5", "5%", "(5)", "5-", "√"),
    *("nan", "NaN", "inf", "-Infinity", "true", "TRUE", "True", "false", "T", "yes", "是", "否", " true", "1.0", "1 ", " 1", "1\u3000", "1\x00"),
    *("2024-04-30", "2024-4-3", "2024-02-30", "2023-02-29", "2024-13-01", "0000-01-01", "0001-01-01", "1899-12-31", "1900-01-01"),
    *("2199-12-31", "2200-01-01", "9999-12-31", "99999-01-01", "2024/04/30", "2024.04.30", "20240430", "2024年4月30日", "２０２４-０４-３０"),
    *("2024-04-30 ", " 2024-04-30", "2024-04-30\u200b", "2024-04-30T00:00:00", "1986-05-04 00:30:00", "2024-04-30 23:59:60", "46085", "46085.5"),
    *("0001-01-01 00:00:00", "2024-04-30 00:00:00+08:00", "2024-04-30 00:00:00+99:99", "9999-12-31 23:59:59-12:00", "60", "61", "2958466"),
    *("张三", "甲店", "a;b", "a;;b ", ";", "a;b;c;d", "kept", "penalty", "a\nb", "a\x1fb", "\U0001f600", "e\u0301", "é", "x" * 50, "x" * 300, "店" * 101),
)  # fmt: skip
_NUMBERS = st.text("0123456789.,-+eE xX'_%０１５٣²万元()", max_size=9)
_DAYS = st.text("0123456789-/年月日T:Z+. ", min_size=4, max_size=12) | st.dates().map(str) | st.dates().map("{:%Y%m%d}".format)
_TEXTS = st.sampled_from(ODD_TEXTS) | _NUMBERS | _DAYS | st.text(max_size=4)
_WHOLE = st.integers(-(2**63), 2**63 - 1) | st.integers(-20, 20) | st.sampled_from([2**31, 10**16, 2**53 + 1, 46085, 20240430])
_FLOATS = (
    st.floats() | st.integers(-(10**6), 10**6).map(lambda cents: cents / 100) | st.sampled_from([0.1 + 0.2, 1e16, 3.0, 46085.0])
)


def _decimals(digits: int, scale: int):
    return st.integers(1 - 10**digits, 10**digits - 1).map(lambda number: Decimal(f"{number}E-{scale}")) | st.integers(-9, 9).map(
        Decimal
    )


def _numbers_as(kind):
    """Moments and spans by the numbers that they are stored as."""
    return lambda values: pa.array(values, pa.int64()).cast(kind)


def _plain(kind):
    return lambda values: pa.array(values, kind)


#: Types of columns that a reader gives: how to make one, and its cells.
TYPES = {
    "text": (_plain(pa.string()), _TEXTS),
    "int8": (_plain(pa.int8()), st.integers(-128, 127)),
    "int64": (_plain(pa.int64()), _WHOLE),
    "uint64": (_plain(pa.uint64()), st.integers(0, 2**64 - 1) | st.integers(0, 12) | st.sampled_from([2**63 - 1, 2**63, 2**64 - 1])),
    "float64": (_plain(pa.float64()), _FLOATS),
    "float32": (_plain(pa.float32()), st.floats(width=32) | st.integers(-9, 9).map(float)),
    "money": (_plain(pa.decimal128(18, 2)), _decimals(18, 2)),
    "decimal": (_plain(pa.decimal128(38, 6)), _decimals(38, 6)),
    "truth": (_plain(pa.bool_()), st.booleans()),
    "day": (_plain(pa.date32()), st.dates()),
    "moment": (_numbers_as(pa.timestamp("us")), _WHOLE | st.datetimes().map(lambda t: int((t - dt.datetime(1970, 1, 1)).total_seconds()) * 10**6)),
    "seconds": (_numbers_as(pa.timestamp("s")), _WHOLE | st.integers(-(10**11), 10**11)),
    "moment of a zone": (_numbers_as(pa.timestamp("ms", "UTC")), _WHOLE | st.integers(-(10**14), 10**14)),
    "time": (_plain(pa.time32("s")), st.integers(0, 86_399)),
    "span": (_plain(pa.duration("s")), st.integers(-(10**9), 10**9)),
    "nothing": (_plain(pa.null()), st.none()),
    "list": (_plain(pa.list_(pa.string())), st.lists(st.none() | _TEXTS, max_size=3)),
}  # fmt: skip
_FORMATS = ["%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y年%m月%d日", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S%z", "excel"]
#: What a rule may make of the column ``sent``: each of these is tried on every standard column.
RULES = (
    {},
    {"rule": "map", "column": "sent", "values": {"是": "kept", "1": "active", "甲店": "3", "true": "2024-04-30"}},
    {"rule": "map", "column": "sent", "values": {"1": 1, "penalty": 2}, "otherwise": 7},
    {"rule": "compare", "column": "sent", "op": ">", "value": 2.5, "then": 1, "otherwise": 0},
    {"rule": "compare", "column": "sent", "op": "==", "value": "1", "then": True},
    {"rule": "compare", "column": "sent", "op": "<", "value": 3, "then": "active", "otherwise": "closed"},
    {"rule": "cases", "case": [{"column": "sent", "op": ">", "value": 0, "then": 8}, {"column": "sent", "op": "==", "value": "是", "then": 5}]},
    {"rule": "cases", "case": [{"column": "sent", "op": "<=", "value": 1e3, "then": "none"}], "otherwise": "violation"},
    {"rule": "split", "column": "sent", "separator": ";", "part": 1},
    {"rule": "combine", "columns": ["sent", "sent"], "separator": ""},
    {"rule": "parse_date", "column": "sent", "formats": _FORMATS},
    {"rule": "parse_date", "column": "sent", "formats": ["excel", "%d.%m.%Y"], "endless": ["永久", "２０２４-０４-３０"]},
    {"rule": "parse_number", "column": "sent"},
    {"rule": "parse_number", "column": "sent", "decimal": ",", "units": {"元": 1, "万元": 10_000, "㎡": 1}},
    {"rule": "parse_number", "column": "sent", "thousands": " ", "factor": 10_000, "units": {"万": 10_000}},
    {"rule": "parse_number", "column": "sent", "thousands": ""},
)  # fmt: skip
_LISTS = ({}, {"rule": "split", "column": "sent", "separator": ";"})


@dataclass(frozen=True)
class Reading:
    """A standard column alone, the rule that fills it, and the form of its file."""

    table: StandardTable
    source: SourceSpec

    def __call__(self, column: pa.Array) -> tuple[list, dict]:
        """What each cell became, with its faults and their texts; and the counts of all."""
        (name,) = self.table.columns
        sent = "sent" if self.source.column and self.source.column[0].rule != "rename" else name
        read, faults = apply_rules(pa.table({sent: column}), self.source, self.table)
        assert read.schema == self.table.schema
        parts = (read[name], faults.codes(), faults.texts(), faults.fields(), faults.field_texts())
        counts = {what: +getattr(faults, what) for what in ("normalised", "unreadable", "values", "unmapped")}
        return list(zip(*(part.to_pylist() for part in parts), strict=True)), counts


def readings() -> list[Reading]:
    """Every standard column by every rule."""
    found = []
    for table in TABLES.values():
        for name, kind in table.columns.items():
            alone = replace(
                table, columns={name: kind}, required=tuple({name} & {*table.required}), key=(), values={}, day_pairs=(), at_most=()
            )
            for rule in _LISTS if pa.types.is_list(kind) else RULES:
                form = {"format": "excel"} if len(found) % 3 == 0 else {}
                column = [{"to": name, **rule}] if rule else []
                source = {"name": "s", "table": table.name, "file": "s.csv", "column": column, **form}
                found.append(Reading(alone, SourceSpec.model_validate(source)))
    return found


def different_readings() -> list[Reading]:
    """Of readings that differ in the names of their columns alone the first."""
    found = {}
    for reading in readings():
        table = reading.table
        (kind,) = table.columns.values()
        traits = (
            str(kind),
            table.required != (),
            *(set(table.columns) & {*part} != set() for part in (table.ranges, table.soft, table.ends)),
        )
        form = reading.source.model_dump(exclude={"name", "table", "column"})
        rules = [rule.model_dump(exclude={"to"}) for rule in reading.source.column]
        found.setdefault(repr((traits, form, rules)), reading)
    return list(found.values())


def cells() -> st.SearchStrategy:
    """The name of a type and cells of it, some of them missing. Half are texts: they are what has a grammar."""
    names = st.just("text") | st.sampled_from([*TYPES])
    return names.flatmap(lambda name: st.tuples(st.just(name), st.lists(st.none() | TYPES[name][1], min_size=2, max_size=6)))


def takes(reading: Reading, kind: str) -> bool:
    """Whether the reading is for cells of this type: lists are for columns of lists, as they are or as one text."""
    (made,) = reading.table.columns.values()
    return kind == "text" or (kind == "list") == (pa.types.is_list(made) and not reading.source.column)
