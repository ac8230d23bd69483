"""``sources.toml``: where each table comes from and how its columns become the standard ones."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from creditscore.config.column_rules import ColumnRule
from creditscore.config.spec import Day, Items, Share, Spec

Table = Literal["subjects", "events", "changes", "inspections", "ratings", "frames", "staff", "recusals", "decisions", "publicity"]
#: ``uscc`` GB 32100; ``lei`` ISO 17442; ``practice_licence`` and ``local`` any plain number, or ``id_pattern``.
IdScheme = Literal["uscc", "practice_licence", "local", "lei"]
Format = Literal["parquet", "csv", "excel", "postgres", "table", "jdbc"]
#: Formats of files below the data folder, and those of tables that a Spark session reads by itself.
_FILES, SESSION_TABLES = ("parquet", "csv", "excel"), ("table", "jdbc")
#: What becomes of hidden rows and columns of a sheet: they refuse the file, or are read.
Hidden = Literal["refuse", "read"]
#: ``gbk`` and ``gb2312`` are read as GB18030, which contains them and the rare characters of names besides.
Encoding = Literal[
    "auto", "utf-8", "utf-16", "gb18030", "gbk", "gb2312", "big5", "shift_jis", "euc_kr", "euc_jp", "cp1252", "latin-1"
]

_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{1,62}")
_RELATION = re.compile(r"[^\W\d]\w{0,62}(\.[^\W\d]\w{0,62})?")
#: Of a catalogue of Spark: table, schema.table or catalogue.schema.table.
_CATALOGUE = re.compile(r"[^\W\d]\w{0,62}(\.[^\W\d]\w{0,62}){0,2}")
#: What file systems take as one name.
_LONGEST_NAME = 255
#: Lines of one text; a record is held in memory.
_MOST_LINES = 1000


def _delimiter(sign: str) -> str:
    if not sign.isascii() or sign.isalnum() or sign in '"\r\n\0':
        raise ValueError("one sign of ASCII that is no letter, digit, quote or end of line")
    return sign


Heights = dict[str, Annotated[int, Field(ge=1, le=_MOST_LINES)]]


class Personal(Spec):
    """A column with personal data, or one that only looks so (``kind = "none"``).

    The reader masks it before anything else reads it, unless ``needed`` names the basis on which the plain
    value is necessary. Columns called like a legal representative, a telephone or an ID number are masked
    without being declared.
    """

    column: str
    kind: Literal["name", "telephone", "id_number", "none"]
    needed: str = ""


class Where(Spec):
    """Only rows whose column is one of these values.

    Rows with another value are left out. Those of ``others`` are meant to be (and, in one file, those that another source asks
    for); any other value may be a slip, and is told in the check-up. "" in ``others`` stands for an empty cell.
    """

    column: str
    values: Items[str | int | bool] = Field(min_length=1)
    others: Items[str | int | bool] = ()


def _below_the_data_folder(file: str) -> str:
    if file.startswith(("/", "\\")) or ".." in file.replace("\\", "/").split("/") or ":" in file:
        raise ValueError("a relative path below the data folder")
    if not file.isprintable() or len(file.encode()) > _LONGEST_NAME:
        raise ValueError(f"a path of printable characters, at most {_LONGEST_NAME} bytes long")
    return file


#: A file of the data folder: no way leads out of it.
DataFile = Annotated[str, AfterValidator(_below_the_data_folder)]


def _lines_of_text_files(lines: Mapping[str, int], form: Format) -> None:
    if lines and form != "csv":
        raise ValueError("lines: goes with format = 'csv'")


class Join(Spec):
    """Columns of a second file, joined to the source's rows by equal keys; missing where no row has the key.

    Where several rows of that file have one key and do not agree, the columns are missing: no row is
    chosen by chance, and the number of the source's rows does not change.
    """

    file: DataFile
    format: Literal["parquet", "csv", "excel"] = "parquet"
    encoding: Encoding = "auto"
    #: Of a text file, as of a source: the lines over which a text may go on, by column.
    lines: Heights = Field(default_factory=dict)
    sheet: str | None = None
    hidden: Hidden = "refuse"
    where: Where | None = None
    #: The source's column = the column of the joined file.
    on: dict[str, str] = Field(min_length=1)
    take: Items[str] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_column_once(self) -> Join:
        if len(set(self.take)) < len(self.take):
            raise ValueError("take: each column once")
        return self

    @model_validator(mode="after")
    def _lines_are_of_text_files(self) -> Join:
        _lines_of_text_files(self.lines, self.format)
        return self


class SourceSpec(Spec):
    """One input: a file below the data folder or a table of a database, and what it becomes.

    Columns with the standard's own names need no rule. A source without its file is an error unless
    ``optional``. A database table (库表交换, ``format = "postgres"``) is read only; ``database`` names the
    environment variable that holds the connection, so that no file holds a password.

    A file of ``format = "parquet"`` may be a folder: its files are read in order of their names, and folders in it that are
    named ``column=value`` give that column (Hive partitions). ``table`` is a table that the Spark session knows by the name
    ``relation`` (Hive, Delta, Iceberg, a view), and ``jdbc`` one that it reads from the database whose JDBC URL is in the
    environment variable ``database``; both need Spark.
    """

    name: str
    table: Table
    file: DataFile = ""
    format: Format = "parquet"
    #: Of ``postgres`` and ``jdbc``: the environment variable with the connection's URI; and ``table`` or ``schema.table``. Of
    #: ``table``: its name in the session's catalogue alone.
    database: str = ""
    relation: str = ""
    encoding: Encoding = "auto"
    delimiter: Annotated[str, Field(min_length=1, max_length=1), AfterValidator(_delimiter)] = ","
    #: Of a text file: the lines over which a text in quotes may go on, by column (1 where none is named). A quote that
    #: is not closed by then costs its own line and no other one.
    lines: Heights = Field(default_factory=dict)
    #: Of ``excel``: the sheet; without it the only visible one that holds anything.
    sheet: str | None = None
    #: Of ``excel``: whether rows and columns that are hidden or filtered out are read; else they refuse the file.
    hidden: Hidden = "refuse"
    provider: str = ""
    optional: bool = False
    #: Ids of this source, where they follow another scheme than the project's.
    id_scheme: IdScheme | None = None
    #: Of ``subjects``: fills what the register's version in force leaves missing, as of its own two days, and
    #: gives a row of its own only where the register does not know the subject.
    supplement: bool = False
    #: The limit of this source, where it is not that of the document.
    max_quarantined: Share | None = None
    #: Standard columns that are not required but that this source must bring: one that is gone or renamed stops the run.
    expects: Items[str] = ()
    personal: Items[Personal] = ()
    where: Where | None = None
    join: Items[Join] = ()
    column: Items[ColumnRule] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """Every file that is read for this source."""
        return (*((self.file,) if self.file else ()), *(join.file for join in self.join))

    @property
    def read_from(self) -> tuple[str, str, str | None]:
        """What two sources that read the same rows have in common."""
        return (self.file or self.database, self.relation, self.sheet)

    @property
    def location(self) -> str:
        """Where it is, for messages: the file, or the relation and the variable of its database."""
        return self.file or (f"{self.relation} in ${self.database}" if self.database else self.relation)

    @property
    def is_file(self) -> bool:
        """Whether it is a file, or a folder of files, below the data folder."""
        return self.format in _FILES

    @property
    def of_session(self) -> bool:
        """Whether it is a table that a Spark session reads by itself."""
        return self.format in SESSION_TABLES

    @model_validator(mode="before")
    @classmethod
    def _rename_is_the_default_rule(cls, value: object) -> object:
        if isinstance(value, dict) and isinstance(value.get("column"), list | tuple):
            rules = [{"rule": "rename", **rule} if isinstance(rule, dict) else rule for rule in value["column"]]
            return {**value, "column": rules}
        return value

    @model_validator(mode="after")
    def _one_rule_per_column(self) -> SourceSpec:
        filled = Counter(rule.to for rule in self.column)
        repeated = sorted(name for name, count in filled.items() if count > 1)
        if repeated:
            raise ValueError(f"column: one rule for each column of the table, but several give {', '.join(repeated)}")
        return self

    @model_validator(mode="after")
    def _only_subjects_are_supplemented(self) -> SourceSpec:
        if self.supplement and self.table != "subjects":
            raise ValueError("supplement: goes with table = 'subjects'")
        return self

    @model_validator(mode="after")
    def _lines_are_of_text_files(self) -> SourceSpec:
        _lines_of_text_files(self.lines, self.format)
        return self

    @model_validator(mode="after")
    def _a_file_or_a_database(self) -> SourceSpec:
        if self.is_file:
            if not self.file or self.database or self.relation:
                raise ValueError(f"format {self.format}: needs file, and neither database nor relation")
            return self
        if self.format == "table":
            if self.file or self.database or not _CATALOGUE.fullmatch(self.relation):
                raise ValueError(
                    "format table: needs relation (a table, schema.table or catalogue.schema.table that the Spark session "
                    "knows); neither file nor database"
                )
            return self
        if self.file or not _VARIABLE.fullmatch(self.database) or not _RELATION.fullmatch(self.relation):
            raise ValueError(
                f"format {self.format}: needs relation (a table, or schema.table) and database, the name in capitals of the "
                "environment variable that holds the connection; no file, and never the connection itself"
            )
        return self


class Limits(Spec):
    """What is refused at the door because nobody sends it on purpose. ``[limits]`` of ``sources.toml``; each end is included."""

    #: Letters of a cell; a spreadsheet holds no more. A longer one is refused by its cell.
    cell_letters: int = Field(default=32_767, ge=1)
    #: Letters of a subject's name. Of a longer one the name alone is refused, and its row is kept.
    name_letters: int = Field(default=200, ge=1)
    #: Columns of a file or sheet. A file with more is refused.
    columns: int = Field(default=2_000, ge=1)
    #: Rows of a sheet, its header counted. A spreadsheet holds no more than the default.
    sheet_rows: int = Field(default=1_048_576, ge=1)


class SourceFile(Spec):
    """The document ``sources.toml``."""

    id_scheme: IdScheme = "uscc"
    #: How a new subject's bad code is treated: kept out (``quarantine``) or only counted (``warn``).
    bad_id: Literal["quarantine", "warn"] = "quarantine"
    #: What an id of the schemes ``local`` and ``practice_licence`` looks like as a whole (a regular expression).
    id_pattern: str = ""
    #: Tables of regions (GB/T 2260) that codes are checked with: names of those that ship, or TOML files of the project.
    regions: Items[str] = ("gbt2260_provinces",)
    #: Subjects registered from this day on are new: no wrong code is tolerated among them. Earlier ones are stock.
    new_since: Day | None = None
    #: ``refuse`` stops the run over a wrong code of a new subject; ``list`` puts it on the rectification list.
    new_errors: Literal["list", "refuse"] = "list"
    #: The day by which the wrong codes of the stock are to be put right.
    rectify_by: Day | None = None
    #: A source with a larger share of quarantined rows (and more than 20 of them) stops the run; a source may have a limit
    #: of its own. The default is one half: beyond it more rows are refused than the cards would see. The largest share of
    #: a sound source that we know is a quarter (visits of a city to businesses that its register does not have), of a
    #: usual one below 2 %: set a limit near what your own deliveries show.
    max_quarantined: Share = 0.5
    limits: Limits = Limits()
    source: Items[SourceSpec] = Field(min_length=1)

    @model_validator(mode="after")
    def _the_pattern_can_be_used(self) -> SourceFile:
        try:
            re.compile(self.id_pattern)
        except re.error as error:
            raise ValueError(f"id_pattern: not a regular expression ({error})") from None
        return self
