"""``sources.toml``: where each table comes from and how its columns become the standard ones."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from creditscore.config.base import Spec

Table = Literal["subjects", "events", "changes", "inspections", "ratings", "frames", "staff", "recusals", "decisions", "publicity"]
IdScheme = Literal["uscc", "practice_licence", "local"]


class Rename(Spec):
    """The column ``column`` of the source, as it is (typed by the standard table)."""

    to: str
    rule: Literal["rename"] = "rename"
    column: str


class Constant(Spec):
    """The same value in every row."""

    to: str
    rule: Literal["constant"]
    value: str | int | bool


class Map(Spec):
    """Values by a table; what is not in it becomes ``otherwise`` (missing where that is absent)."""

    to: str
    rule: Literal["map"]
    column: str
    values: dict[str, str | int | bool]
    otherwise: str | int | bool | None = None


class Compare(Spec):
    """``then`` where the column compares so with ``value``, else ``otherwise``; missing stays missing."""

    to: str
    rule: Literal["compare"]
    column: str
    op: Literal["==", "!=", ">", ">=", "<", "<="]
    value: str | int | float
    then: str | int | bool
    otherwise: str | int | bool | None = None


class Split(Spec):
    """A text cut at ``separator`` into a list (``inspectors``), or its ``part`` (from 0)."""

    to: str
    rule: Literal["split"]
    column: str
    separator: str = Field(min_length=1)
    part: int | None = Field(default=None, ge=0)


class ParseDate(Spec):
    """A text read by the first of ``formats`` that fits it; ``endless`` texts mean no end (missing)."""

    to: str
    rule: Literal["parse_date"]
    column: str
    formats: tuple[str, ...] = Field(min_length=1)
    endless: tuple[str, ...] = ("长期", "9999-12-31")


class Combine(Spec):
    """The texts of several columns with ``separator`` between them; missing where one of them is."""

    to: str
    rule: Literal["combine"]
    columns: tuple[str, ...] = Field(min_length=2)
    separator: str = "-"


class Case(Spec):
    """One comparison of a column and what follows where it holds."""

    column: str
    op: Literal["==", "!=", ">", ">=", "<", "<="]
    value: str | int | float
    then: str | int | bool


class Cases(Spec):
    """``then`` of the first case that holds, else ``otherwise``; a case whose column is missing does not hold."""

    to: str
    rule: Literal["cases"]
    case: tuple[Case, ...] = Field(min_length=1)
    otherwise: str | int | bool | None = None


ColumnRule = Annotated[Rename | Constant | Map | Compare | Split | ParseDate | Combine | Cases, Field(discriminator="rule")]


class Where(Spec):
    """Only rows whose column is one of these values."""

    column: str
    values: tuple[str | int | bool, ...] = Field(min_length=1)


def _below_the_data_folder(file: str) -> str:
    if file.startswith(("/", "\\")) or ".." in file.replace("\\", "/").split("/") or ":" in file:
        raise ValueError("a relative path below the data folder")
    return file


#: A file of the data folder: no way leads out of it.
DataFile = Annotated[str, AfterValidator(_below_the_data_folder)]


class Join(Spec):
    """Columns of a second file beside a source's own, found by equal keys; missing where there is no such row.

    Where several rows of that file have one key and do not agree, the columns are missing: no row is
    chosen by chance, and the source's own rows stay as many as they are.
    """

    file: DataFile
    format: Literal["parquet", "csv", "excel"] = "parquet"
    encoding: Literal["auto", "utf-8", "gb18030"] = "auto"
    sheet: str | None = None
    where: Where | None = None
    #: The source's column = the column of the joined file.
    on: dict[str, str] = Field(min_length=1)
    take: tuple[str, ...] = Field(min_length=1)


class SourceSpec(Spec):
    """One input: a file below the data folder, and what it becomes.

    Columns with the standard's own names need no rule. A source without its file is an error unless
    ``optional``.
    """

    name: str
    table: Table
    file: DataFile
    format: Literal["parquet", "csv", "excel"] = "parquet"
    encoding: Literal["auto", "utf-8", "gb18030"] = "auto"
    sheet: str | None = None
    provider: str = ""
    optional: bool = False
    #: Of ``subjects``: fills what the register's version in force leaves missing, as of its own two days, and
    #: stands for itself only where the register does not know the subject.
    supplement: bool = False
    where: Where | None = None
    join: tuple[Join, ...] = ()
    column: tuple[ColumnRule, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """Every file that is read for this source."""
        return (self.file, *(join.file for join in self.join))

    @model_validator(mode="before")
    @classmethod
    def _rename_is_the_default_rule(cls, value: object) -> object:
        if isinstance(value, dict) and isinstance(value.get("column"), list | tuple):
            rules = [{"rule": "rename", **rule} if isinstance(rule, dict) else rule for rule in value["column"]]
            return {**value, "column": rules}
        return value

    @model_validator(mode="after")
    def _only_subjects_are_supplemented(self) -> "SourceSpec":
        if self.supplement and self.table != "subjects":
            raise ValueError("supplement: goes with table = 'subjects'")
        return self


class SourceFile(Spec):
    """The document ``sources.toml``."""

    id_scheme: IdScheme = "uscc"
    #: How a new subject's bad code is treated: kept out (``quarantine``) or only counted (``warn``).
    bad_id: Literal["quarantine", "warn"] = "quarantine"
    source: tuple[SourceSpec, ...] = Field(min_length=1)
