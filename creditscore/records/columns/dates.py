"""Days from texts, spreadsheet numbers and moments in time: by declared formats and the project's clock, without guessing."""

from __future__ import annotations

import datetime as dt
import re
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from creditscore.config.column_rules import ParseDate
from creditscore.dates import day_number
from creditscore.language import Message, _
from creditscore.records.columns.types import BLANKS, Distinct, Faults, as_texts, half_width, plain_text
from creditscore.records.tables import COLUMN_WORDS, StandardTable

_ENDLESS = dt.date(9999, 12, 31)
#: Days of records and registrations lie here; a spreadsheet's 1899 or a typed 20224 does not.
_FIRST, _LAST = dt.date(1900, 1, 1), dt.date(2199, 12, 31)
_ISO = ParseDate(to="", rule="parse_date", column="", formats=("%Y-%m-%d",))
#: Spreadsheets count days from here; numbers below 61 are before March 1900 and count a leap day that never was.
_SPREADSHEET_ZERO, _SPREADSHEET_DAYS = dt.date(1899, 12, 30), range(61, 2_958_466)
_UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_WIDTH = {"Y": r"\d{4}", "z": r"Z|[+-]\d{2}:?\d{2}"}
_REPAIRS = {
    "blanks": BLANKS,
    "full width": _("{column}: full-width digits in a date"),
    "other format": _("{column}: another of its formats"),
}


def day_values(
    column: pa.Array, rule: ParseDate | None, name: str, table: StandardTable, faults: Faults, *, timezone: str
) -> pa.Array:
    """A column as date32. What cannot be read, never was or lies outside 1900-2199 is missing with a fault.

    In columns of ends (``valid_until``) an endless text and 9999-12-31 mean no end: missing, or the last
    day of the calendar where the column is required.

    Args:
        column: Dates, moments, texts, or numbers where a rule says that they are days.
        rule: The formats of texts; without a rule they are ISO dates.
        name: The standard column.
        table: Its table.
        faults: Where faults and repairs are noted.
        timezone: Whose clocks show the day of a moment.
    """
    if pa.types.is_date(column.type):
        days = pc.cast(column, pa.date32(), safe=False)
    elif pa.types.is_timestamp(column.type):
        days = _local_days(column, name, faults, timezone)
    elif rule is None and not pa.types.is_string(column.type):
        # A number is a day only where a rule says so: 20240430 as days since 1970 is the year 57385.
        faults.add(pc.is_valid(column), "BAD_DATE", name)
        days = pa.nulls(len(column), pa.date32())
    else:
        days = _days_of_texts(column, rule, name, table, faults, timezone)
    ends = name in table.ends
    endless = pc.fill_null(pc.equal(days, pa.scalar(_ENDLESS, pa.date32())), False)
    if ends:
        faults.put_right(endless, _("{column}: no end (长期)", column=COLUMN_WORDS.get(name, name)))
    first, last = pa.scalar(_FIRST, pa.date32()), pa.scalar(_LAST, pa.date32())
    outside = pc.fill_null(pc.or_(pc.less(days, first), pc.greater(days, last)), False)
    wrong = pc.and_not(outside, endless) if ends else outside
    faults.add(wrong, "OUT_OF_RANGE", name)
    missing = wrong if ends and name in table.required else outside
    return pc.if_else(missing, pa.scalar(None, pa.date32()), days)


def _local_days(column: pa.Array, name: str, faults: Faults, timezone: str) -> pa.Array:
    """The day that the project's clocks showed; a moment without zone is theirs already."""
    # Beyond the calendar of four-digit years Arrow's arithmetic would wrap around to some other day.
    beyond = _beyond_the_calendar(column)
    faults.add(beyond, "OUT_OF_RANGE", name)
    column = pc.if_else(pc.fill_null(beyond, False), pa.scalar(None, column.type), column)
    skipped = None
    if column.type.tz is None:
        early, late = (
            pc.assume_timezone(column, timezone, ambiguous="earliest", nonexistent=side) for side in ("earliest", "latest")
        )
        skipped = pc.not_equal(early, late)
        faults.add(skipped, "SKIPPED_TIME", name)
    else:
        column = pc.local_timestamp(pc.cast(column, pa.timestamp(column.type.unit, timezone)))
    days = pc.cast(pc.floor_temporal(column, unit="day"), pa.date32(), safe=False)
    return days if skipped is None else pc.if_else(pc.fill_null(skipped, False), pa.scalar(None, pa.date32()), days)


def _beyond_the_calendar(column: pa.Array) -> pa.Array:
    """Which moments are a day or more before the year 1, or behind noon of the last day of the year 9999 (``infinity``)."""
    seconds = pc.divide(pc.cast(column, pa.int64()), _UNITS[column.type.unit])
    first, last = (day_number(day) * 86_400 for day in (dt.date.min, dt.date.max))
    return pc.or_(pc.less(seconds, first + 86_400), pc.greater(seconds, last + 43_200))


def _days_of_texts(
    column: pa.Array, rule: ParseDate | None, name: str, table: StandardTable, faults: Faults, timezone: str
) -> pa.Array:
    """Each distinct text is read once; where all are ISO dates of the range, Arrow reads them as :func:`read_day` does."""
    if rule is None and pa.types.is_string(column.type):
        days = _all_iso(column)
        if days is not None:
            return days
    distinct = Distinct(as_texts(column))
    read = [read_day(text, rule or _ISO, timezone, may_be_endless=name in table.ends) for text in distinct.values]
    for code in ("BAD_DATE", "SKIPPED_TIME"):
        faults.add(distinct.rows_where([day.fault == code for day in read]), code, name)
    for repair, sentence in _REPAIRS.items():
        done = Message(sentence.message, {"column": COLUMN_WORDS.get(name, name)})
        faults.put_right(distinct.rows_where([repair in day.repairs for day in read]), done)
    return distinct.spread([day.value for day in read], pa.date32())


def _all_iso(column: pa.Array) -> pa.Array | None:
    """The days of a column, if every text is a day of the range as 2024-04-30 and nothing else."""
    try:
        days = pc.cast(column, pa.date32())
    except pa.ArrowInvalid:
        return None
    numbers = pc.cast(days, pa.int32())
    outside = pc.or_(pc.less(numbers, day_number(_FIRST)), pc.greater(numbers, day_number(_LAST)))
    return None if pc.any(outside).as_py() else days


class Day(NamedTuple):
    """What a cell means: a day, or a fault; and which of ``_REPAIRS`` were done."""

    value: dt.date | None
    fault: str = ""
    repairs: tuple[str, ...] = ()


def read_day(text: str, rule: ParseDate, timezone: str, *, may_be_endless: bool) -> Day:
    """A text as a day, by the first format of its rule that fits the whole of it.

    Controls and blanks around it are put right, and so are full-width digits; a text of nothing else is missing.
    """
    bare = plain_text(text)
    plain = half_width(bare)
    if plain == "":
        return Day(None)
    if plain is None:
        return Day(None, "BAD_DATE")
    if may_be_endless and plain in (half_width(endless) for endless in rule.endless):
        return Day(_ENDLESS)
    for number, form in enumerate(rule.formats):
        if form == "excel":
            match = re.fullmatch(r"([0-9]{2,7})(?:\.[0-9]+)?", plain)
            days = int(match[1]) if match else 0
            day, skipped = _SPREADSHEET_ZERO + dt.timedelta(days=days) if days in _SPREADSHEET_DAYS else None, False
        else:
            day, skipped = _day_by_format(plain, form, ZoneInfo(timezone))
        if skipped:
            return Day(None, "SKIPPED_TIME")
        if day is not None:
            done = {"blanks": bare != text, "full width": plain != bare, "other format": number > 0 and plain == bare}
            return Day(day, repairs=tuple(repair for repair, holds in done.items() if holds))
    return Day(None, "BAD_DATE")


def _day_by_format(text: str, form: str, zone: ZoneInfo) -> tuple[dt.date | None, bool]:
    """The day of a text in a format, and whether it is a time that the zone's clocks skipped (summer time began)."""
    match = _pattern(form).fullmatch(text)
    if match is None:
        return None, False
    part = match.groupdict()
    try:
        year, month, day, hour, minute, second = (int(part.get(key) or 0) for key in "YmdHMS")
        moment = dt.datetime(year, month, day, hour, minute, second)
        if part.get("z"):
            told = dt.datetime.fromisoformat(f"{moment.isoformat()}{part['z'].replace('Z', '+00:00')}")
            return told.astimezone(zone).date(), False
        # At both ends of the calendar there is no moment to compare with; such days are outside the range.
        if part.get("H") is None or not _FIRST <= moment.date() <= _LAST:
            return moment.date(), False
    except (ValueError, OverflowError):
        return None, False
    there_and_back = moment.replace(tzinfo=zone).astimezone(dt.UTC).astimezone(zone).replace(tzinfo=None)
    return (moment.date(), False) if there_and_back == moment else (None, True)


@cache
def _pattern(form: str) -> re.Pattern[str]:
    """The regular expression of a format. Fields that touch each other have their full width, so that none is guessed."""
    parts = []
    fields = re.findall(r"%.|[^%]+", form)
    for number, part in enumerate(fields):
        if not part.startswith("%"):
            parts.append(re.escape(part))
        elif part == "%%":
            parts.append("%")
        else:
            touches = any(0 <= near < len(fields) and fields[near][0] == "%" for near in (number - 1, number + 1))
            width = _WIDTH.get(part[1]) or (r"\d{2}" if touches else r"\d{1,2}")
            parts.append(f"(?P<{part[1]}>{width})")
    return re.compile("".join(parts), re.ASCII)
