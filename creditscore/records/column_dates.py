"""Days from texts, spreadsheet numbers and moments in time: declared formats, the project's clock, no guess."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from functools import cache
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from creditscore.config.sources import ParseDate
from creditscore.records.column_types import Faults
from creditscore.records.tables import StandardTable

_ENDLESS = dt.date(9999, 12, 31)
#: Days of records and registrations lie here; a spreadsheet's 1899 or a typed 20224 does not.
_FIRST, _LAST = dt.date(1900, 1, 1), dt.date(2199, 12, 31)
_ISO = ParseDate(to="", rule="parse_date", column="", formats=("%Y-%m-%d",))
_SPREADSHEET_ZERO = dt.date(1899, 12, 30)
_WIDTH = {"Y": r"\d{4}", "z": r"Z|[+-]\d{2}:?\d{2}"}


def days_of(
    column: pa.Array, rule: ParseDate | None, name: str, table: StandardTable, faults: Faults, *, timezone: str
) -> pa.Array:
    """A column as date32. What cannot be read, never was or lies outside 1900-2199 is missing with a fault.

    In columns of ends (``valid_until``) an endless text and 9999-12-31 mean no end: missing, or the last
    day of the calendar where the column is required.
    """
    if pa.types.is_date(column.type):
        days = pc.cast(column, pa.date32())
    elif pa.types.is_timestamp(column.type):
        days = _local_days(column, name, faults, timezone)
    elif pa.types.is_string(column.type) and rule is None and name not in table.ends and (quick := _iso(column)) is not None:
        days = quick
    else:
        days = _from_texts(column, rule or _ISO, name, table, faults, timezone)
    return _plausible(days, name, table, faults)


def _iso(column: pa.Array) -> pa.Array | None:
    try:
        return pc.cast(column, pa.date32())
    except pa.ArrowInvalid:
        return None


def _from_texts(column: pa.Array, rule: ParseDate, name: str, table: StandardTable, faults: Faults, timezone: str) -> pa.Array:
    if rule is _ISO and not pa.types.is_string(column.type):
        # A number is a day only where a rule says so: 20240430 as days since 1970 is the year 57385.
        faults.add(pc.is_valid(column), "BAD_DATE", name)
        return pa.nulls(len(column), pa.date32())
    encoded = pc.dictionary_encode(pc.cast(column, pa.string()))
    read = [_read(text, rule, timezone, name in table.ends) for text in encoded.dictionary.to_pylist()]
    for code in ("BAD_DATE", "SKIPPED_TIME"):
        faults.add(_where([said == code for _, said in read]).take(encoded.indices), code, name)
    for said, what in (("folded", "full-width digits in a date"), ("other", "another of its formats")):
        faults.put_right(pc.fill_null(_where([s == said for _, s in read]).take(encoded.indices), False), f"{name}: {what}")
    return pa.array([day for day, _ in read], pa.date32()).take(encoded.indices)


def _where(flags: list[bool]) -> pa.Array:
    return pa.array(flags, pa.bool_())


def _read(text: str, rule: ParseDate, timezone: str, may_be_endless: bool) -> tuple[dt.date | None, str]:
    """The day of a text, and what is to be said of it."""
    plain = unicodedata.normalize("NFKC", text).strip()
    if plain in rule.endless and may_be_endless:
        return _ENDLESS, ""
    if not plain:
        return None, ""
    for place, form in enumerate(rule.formats):
        found = _excel(plain) if form == "excel" else _by_format(plain, form, timezone)
        if isinstance(found, str):
            return None, "SKIPPED_TIME"
        if found is not None:
            return found, "folded" if plain != text.strip() else "other" if place else ""
    return None, "BAD_DATE"


def _excel(text: str) -> dt.date | None:
    """The day of a spreadsheet's number; those before March 1900 are counted from a leap day that never was."""
    number = re.fullmatch(r"(\d{2,7})(?:\.\d+)?", text)
    if number is None or not 61 <= int(number[1]) <= 2_958_465:
        return None
    return _SPREADSHEET_ZERO + dt.timedelta(days=int(number[1]))


def _by_format(text: str, form: str, timezone: str) -> dt.date | str | None:
    found = _pattern(form).fullmatch(text)
    if found is None:
        return None
    part = found.groupdict()
    try:
        year, month, day, hour, minute, second = (int(part.get(key) or 0) for key in "YmdHMS")
        moment = dt.datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    zone = ZoneInfo(timezone)
    if part.get("z"):
        return dt.datetime.fromisoformat(f"{moment.isoformat()}{part['z'].replace('Z', '+00:00')}").astimezone(zone).date()
    if part.get("H") is not None and not _was(moment, zone):
        return "skipped"
    return moment.date()


def _was(moment: dt.datetime, zone: ZoneInfo) -> bool:
    """Whether the clocks of a place ever showed this: the hour in which summer time begins they did not."""
    return moment.replace(tzinfo=zone).astimezone(dt.UTC).astimezone(zone).replace(tzinfo=None) == moment


@cache
def _pattern(form: str) -> re.Pattern[str]:
    """The regular expression of a format. Fields that touch each other have their full width: nothing is guessed."""
    parts, place = [], 0
    tokens = re.findall(r"%.|[^%]+", form)
    for place, part in enumerate(tokens):
        if not part.startswith("%"):
            parts.append(re.escape(part))
        elif part == "%%":
            parts.append("%")
        else:
            touches = any(0 <= near < len(tokens) and tokens[near][0] == "%" for near in (place - 1, place + 1))
            width = _WIDTH.get(part[1]) or (r"\d{2}" if touches else r"\d{1,2}")
            parts.append(f"(?P<{part[1]}>{width})")
    return re.compile("".join(parts), re.ASCII)


def _local_days(column: pa.Array, name: str, faults: Faults, timezone: str) -> pa.Array:
    """The day that the project's clocks showed; a moment without zone is theirs already."""
    if column.type.tz is None:
        early, late = (
            pc.assume_timezone(column, timezone, ambiguous="earliest", nonexistent=side) for side in ("earliest", "latest")
        )
        skipped = pc.not_equal(early, late)
        faults.add(skipped, "SKIPPED_TIME", name)
        return pc.if_else(pc.fill_null(skipped, False), pa.scalar(None, pa.date32()), _day(column))
    return _day(pc.local_timestamp(pc.cast(column, pa.timestamp(column.type.unit, timezone))))


def _day(moments: pa.Array) -> pa.Array:
    return pc.cast(pc.floor_temporal(moments, unit="day"), pa.date32(), safe=False)


def _plausible(days: pa.Array, name: str, table: StandardTable, faults: Faults) -> pa.Array:
    last = pa.scalar(_ENDLESS, pa.date32())
    endless = pc.fill_null(pc.equal(days, last), False)
    if name in table.ends:
        faults.put_right(endless, f"{name}: no end (长期)")
    outside = pc.fill_null(
        pc.or_(pc.less(days, pa.scalar(_FIRST, pa.date32())), pc.greater(days, pa.scalar(_LAST, pa.date32()))), False
    )
    odd = pc.and_not(outside, endless) if name in table.ends else outside
    faults.add(odd, "OUT_OF_RANGE", name)
    gone = odd if name in table.ends and name in table.required else outside
    return pc.if_else(gone, pa.scalar(None, pa.date32()), days)
