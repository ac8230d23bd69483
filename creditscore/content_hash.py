r"""The content hash of a table: the same for any order of its rows, on every engine and by ``hashlib``.

A row is one text: its columns by name, ``|`` between them. A value is ``=`` and its text; NULL is nothing at all.

=================  ==========================================================================================
whole numbers      their digits; decimals with every digit of their scale
floats             the digits of a whole number below 2^53; else ``<m>p<e>`` with m·2^e, m of 53 bits; ``inf``, ``-inf``, ``nan``
booleans, dates    ``1`` or ``0``; ``2024-04-30``
texts              with ``\`` written ``\\`` and ``|`` written ``\/``
lists of texts     of each element ``=`` and its text, with ``,`` written ``\c`` too, or nothing for NULL; behind each a ``,``
=================  ==========================================================================================

Rows whose hashes (SHA-256 in hexadecimal digits) have the same leading digits are a group. The hash of a group is that of the
hashes of its rows, sorted, ``|`` between them; the content hash is that of the format, the columns with their kinds, and
``digits:hash`` of the groups, sorted, each on a line. No text is longer than a group, whatever the size of the table.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

from creditscore.errors import DataError

if TYPE_CHECKING:
    import ibis.expr.datatypes as dt
    import ibis.expr.schema as sch
    import ibis.expr.types as ir

CONTENT_FORMAT = "creditscore-content/2"
#: How many rows the groups have on average at most.
_ROWS = 4_096
_DIGITS = 16
#: From here on not every whole number is a float of its own.
_WHOLE = 2**53


def digits_for(count: int) -> int:
    """By how many leading digits of their hashes that many rows are grouped: the fewest that leave 4,096 to a group, one at least.

    >>> [digits_for(count) for count in (0, 65_536, 65_537, 10_000_000, 190_000_000)]
    [1, 1, 2, 3, 4]
    """
    digits = 1
    while count > _ROWS * _DIGITS**digits:
        digits += 1
    return digits


def hash_of_groups(schema: sch.Schema, groups: Iterable[tuple[str, str]]) -> str:
    """The content hash of a table from its columns and the digits and hashes of its groups."""
    columns = [f"{_escaped(name)}|{_kind(schema[name])}" for name in sorted(schema)]
    lines = [CONTENT_FORMAT, *columns, *sorted(f"{place}:{own}" for place, own in groups)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def groups_of(rows: ir.Table, *, count: int) -> ir.Table:
    """The groups of a table of that many rows: ``place`` (the digits) and ``own`` (the hash).

    Raises:
        DataError: A column is of a kind that has no text.
    """
    hashed = rows.select(own=row_text(rows).hexdigest("sha256"))
    placed = hashed.mutate(place=hashed["own"].substr(0, digits_for(count)))
    grouped = placed.group_by("place").aggregate(below=placed["own"].collect())
    return grouped.select("place", own=grouped["below"].sort().join("|").hexdigest("sha256"))


def row_text(rows: ir.Table) -> ir.StringValue:
    """Each row as one text; see above."""
    import ibis

    fields = [_field(rows[name]) for name in sorted(rows.columns)]
    separated = [part for field in fields for part in (ibis.literal("|"), field)][1:]
    return reduce(add, separated)


def _kind(kind: dt.DataType) -> str:
    if kind.is_array():
        return f"list of {_kind(kind.value_type)}"
    kinds = {
        "integer": kind.is_integer(), "decimal": kind.is_decimal(), "float": kind.is_floating(), "boolean": kind.is_boolean(),
        "date": kind.is_date(), "text": kind.is_string(),
    }  # fmt: skip
    found = next((name for name, holds in kinds.items() if holds), None)
    if found is None:
        raise DataError("content hash: expected numbers, booleans, dates, texts and lists of texts (got {kind})", kind=str(kind))
    return found


def _field(value: ir.Value) -> ir.StringValue:
    import ibis

    missing = (value.isnull(), "")
    # NaN first: on Spark it would pass for NULL.
    special = [(value.isnan().fill_null(False), "=nan"), missing] if value.type().is_floating() else [missing]
    return ibis.cases(*special, else_=ibis.literal("=") + _text(value))


def _text(value: ir.Value) -> ir.StringValue:
    kind = _kind(value.type())
    if kind == "text":
        return _escaped_on_engine(value)
    if kind == "float":
        return _float_text(value.cast("float64"))
    if kind == "boolean":
        return value.cast("int8").cast("string")
    if kind == "list of text":
        return value.map(_element).join("").fill_null("")  # Spark joins nothing to NULL
    if kind.startswith("list"):
        raise DataError("content hash: expected lists of texts (got {kind})", kind=str(value.type()))
    return value.cast("string")


def _element(value: ir.StringValue) -> ir.StringValue:
    import ibis

    text = ibis.literal("=") + _escaped_on_engine(value).replace(",", r"\c")
    return ibis.cases((value.isnull(), ""), else_=text) + ibis.literal(",")


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("|", r"\/").replace("\n", r"\n")


def _escaped_on_engine(value: ir.StringValue) -> ir.StringValue:
    return value.replace("\\", r"\\").replace("|", r"\/")


def _float_text(value: ir.FloatingValue) -> ir.StringValue:
    """The text of a float that is a number. Engines write floats each in its own way; scaling by powers of two loses nothing."""
    import ibis

    size = value.abs()
    whole = (size < _float(_WHOLE)) & (size == size.floor())
    # What is not needed is computed of 1.5: engines may compute a branch that they do not take, and it must not fail.
    digits = ibis.cases((whole, value), else_=_float(1.5)).floor().cast("int64").cast("string")
    broken = ibis.cases((whole | (size > _float(sys.float_info.max)) | value.isnan(), _float(1.5)), else_=size)
    # The logarithm may be off by one beside a power of two; the mantissa tells.
    power = broken.log2().floor().cast("int32") - _int(52)
    rough = _scaled(broken, _int(0) - power)
    power = ibis.cases((rough < _float(2.0**52), power - _int(1)), (rough >= _float(2.0**53), power + _int(1)), else_=power)
    mantissa = _scaled(broken, _int(0) - power).cast("int64").cast("string")
    sign = ibis.cases((value < _float(0), "-"), else_="")
    endless = (size > _float(sys.float_info.max), sign + ibis.literal("inf"))
    return ibis.cases((whole, digits), endless, else_=sign + mantissa + ibis.literal("p") + power.cast("string"))


def _scaled(value: ir.FloatingValue, power: ir.IntegerValue) -> ir.FloatingValue:
    """A value times 2^power, in two steps, since 2^1074 alone is no float."""
    half = (power // _int(2)).cast("int32")
    return value * _float(2).pow(half) * _float(2).pow(power - half)


def _float(value: float) -> ir.FloatingScalar:
    """A float with every digit: engines read a bare 0.1 as a decimal."""
    import ibis

    return ibis.literal(repr(float(value))).cast("float64")


def _int(value: int) -> ir.IntegerScalar:
    import ibis

    return ibis.literal(value, type="int32")
