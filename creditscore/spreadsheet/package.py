"""The parts of an .xlsx file: opened within bounds and parsed as a stream, without entities.

openpyxl tells a formula that was never computed from no more than an empty cell, and knows nothing of hidden rows
while it streams; python-calamine gives an error as nothing, and one cell in the last corner of a sheet exhausts the
memory. So parts are parsed here, by Python's expat.
"""

from __future__ import annotations

import contextlib
import posixpath
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Literal
from xml.parsers import expat

from creditscore.errors import DataError

#: Bytes of a workbook, and of it unpacked.
_PACKED, _UNPACKED = 256 * 1024**2, 2 * 1024**3
#: A part that shrinks more than this and is large was made to exhaust whoever unpacks it.
_RATIO, _LARGE = 400, 64 * 1024**2
_PARTS = 10_000
_CHUNK = 1 << 18
#: Texts of one Arrow array.
_TEXTS = 1 << 16

_MAIN = ("http://schemas.openxmlformats.org/spreadsheetml/2006/main", "http://purl.oclc.org/ooxml/spreadsheetml/main")
_OFFICE = (
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    "http://purl.oclc.org/ooxml/officeDocument/relationships",
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")

NumberKind = Literal["number", "date", "time", "duration"]
#: Formats that Excel keeps without their text. 27-36 and 50-58 are those of East Asia: 31 is 2024年4月30日.
_DATES = frozenset((*range(14, 18), 22, *range(27, 32), 36, *range(50, 55), 57, 58))
_TIMES = frozenset((*range(18, 22), *range(32, 36), 45, 47, 55, 56))
_DURATION = 46
#: Of a format: quoted texts, escaped signs, and everything in brackets but the units of a duration.
_NO_CODE = re.compile(r'"[^"]*"|[\\_*].|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)

#: What a broken part raises while it is unpacked and parsed.
BROKEN = (
    expat.ExpatError, zipfile.BadZipFile, zlib.error, LookupError, ValueError, ArithmeticError, OSError, EOFError, RuntimeError,
)  # fmt: skip

Start = Callable[[str, dict[str, str]], None]


class UnsafeXmlError(Exception):
    """A part declares a document type, by which entities come in."""


@dataclass(frozen=True)
class Style:
    """How a number is shown: as what, and with how many digits at least."""

    kind: NumberKind = "number"
    digits: int = 0


@dataclass(frozen=True)
class SheetPart:
    """A sheet of the workbook: its name, whether it is hidden, and its part; a chart has none."""

    name: str
    hidden: bool
    part: str


@dataclass
class Package:
    """An open workbook: its sheets, and what cells of all sheets refer to."""

    path: Path
    archive: zipfile.ZipFile
    sheets: list[SheetPart] = field(default_factory=list)
    styles: list[Style] = field(default_factory=list)
    #: Days are counted from 1904, as early Macintoshes did.
    from_1904: bool = False
    #: Formulas are to be computed on opening: what is stored for them is not their value.
    uncomputed: bool = False
    #: The part with the texts that cells refer to.
    texts: str = ""

    def size(self, part: str) -> int:
        """Bytes of a part when unpacked."""
        return self.archive.getinfo(self._names[part.lower()]).file_size

    def chunks(self, part: str) -> Iterator[bytes]:
        """A part unpacked piece by piece.

        Raises:
            KeyError: There is no such part.
        """
        with self.archive.open(self._names[part.lower()]) as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk

    @cached_property
    def _names(self) -> dict[str, str]:
        return {name.replace("\\", "/").lower(): name for name in self.archive.namelist()}

    def has(self, part: str) -> bool:
        """Whether there is such a part."""
        return part.lower() in self._names

    def texts_shared(self) -> Iterator[list[str]]:
        """The texts that cells refer to by number, in lists; what is only read aloud (phonetic runs) is left out.

        Raises:
            DataError: They are broken.
        """
        if not self.texts or not self.has(self.texts):
            return
        done: list[str] = []
        parts: list[str] = []
        inside = {"text": False, "aloud": False}

        def start(name: str, _attributes: dict[str, str]) -> None:
            if name == "si":
                parts.clear()
            elif name == "rPh":
                inside["aloud"] = True
            inside["text"] = name == "t" and not inside["aloud"]

        def end(name: str) -> None:
            inside["text"] = False
            if name == "rPh":
                inside["aloud"] = False
            elif name == "si":
                done.append("".join(parts))

        def text(data: str) -> None:
            if inside["text"]:
                parts.append(data)

        try:
            for _ in parse(self.chunks(self.texts), ("si", "rPh", "t"), start, end, text):
                if len(done) >= _TEXTS:
                    yield list(done)
                    done.clear()
        except UnsafeXmlError:
            raise entities(self.path) from None
        except BROKEN as error:
            raise DataError(
                "{file}: expected an .xlsx workbook (got {error} on reading its texts)",
                file=self.path.name,
                error=type(error).__name__,
            ) from None
        yield done


def full_names(names: tuple[str, ...], namespaces: tuple[str, ...] = _MAIN) -> dict[str, str]:
    """Names of elements by what the parser calls them."""
    return {f"{space}|{name}": name for space in namespaces for name in names}


def parse(
    chunks: Iterator[bytes],
    names: tuple[str, ...],
    start: Start,
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
    *,
    namespaces: tuple[str, ...] = _MAIN,
) -> Iterator[None]:
    """Parse XML, a chunk at each step; elements of other names or namespaces are passed over.

    Raises:
        UnsafeXmlError: The part declares a document type.
        expat.ExpatError: It is no XML.
    """
    known = full_names(names, namespaces)

    def started(name: str, attributes: dict[str, str]) -> None:
        if name in known:
            start(known[name], attributes)

    def ended(name: str) -> None:
        if name in known and end is not None:
            end(known[name])

    return parse_all(chunks, started, ended if end else None, text)


def parse_all(
    chunks: Iterator[bytes],
    start: Start,
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """As :func:`parse`, for handlers that know elements by their :func:`full_names`: of millions of cells each call counts."""
    parser = expat.ParserCreate(namespace_separator="|")
    parser.buffer_text = True

    def refuse(*_: object) -> None:
        raise UnsafeXmlError

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    if end is not None:
        parser.EndElementHandler = end
    if text is not None:
        parser.CharacterDataHandler = text
    for chunk in chunks:
        parser.Parse(chunk, False)
        yield
    parser.Parse(b"", True)
    yield


@contextlib.contextmanager
def opened(path: str | Path) -> Iterator[Package]:
    """A workbook opened; its sheets are not read yet.

    Raises:
        DataError: It is absent, too large, protected, of another format or damaged; without its content.
    """
    file = Path(path)
    if not file.is_file():
        raise DataError("{file}: expected a workbook (got nothing)", file=file.name)
    if file.stat().st_size > _PACKED:
        raise DataError(
            "{file}: expected a workbook of at most {limit:,} bytes (got {size:,})",
            file=file.name,
            limit=_PACKED,
            size=file.stat().st_size,
        )
    with contextlib.ExitStack() as stack:
        stream = stack.enter_context(file.open("rb"))
        _refuse_other_formats(file, stream)
        try:
            archive = stack.enter_context(zipfile.ZipFile(stream))
            _refuse_bombs(file, archive)
            package = Package(file, archive)
            _read_workbook(package)
        except DataError:
            raise
        except UnsafeXmlError:
            raise entities(file) from None
        except Exception as error:
            raise DataError(
                "{file}: expected an .xlsx workbook (got {error} on opening it)", file=file.name, error=type(error).__name__
            ) from None
        yield package


def entities(file: Path) -> DataError:
    """The refusal of a workbook whose XML declares entities."""
    return DataError("{file}: expected an .xlsx workbook (got one whose parts declare entities, as none does)", file=file.name)


def _refuse_other_formats(file: Path, stream: BinaryIO) -> None:
    head = stream.read(4096)
    stream.seek(0)
    if head.startswith(_OLE):
        encrypted = any(_ENCRYPTED in chunk for chunk in _overlapping(stream))
        stream.seek(0)
        if encrypted:
            raise DataError("{file}: expected an .xlsx workbook (got one protected by a password: save it without)", file=file.name)
        raise DataError("{file}: expected an .xlsx workbook (got one of Excel 97-2003, .xls: save it as .xlsx)", file=file.name)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise DataError(
            "{file}: expected an .xlsx workbook (got a web page or XML with that name: save it as .xlsx)", file=file.name
        )
    if head and b"\0" not in head and not head.startswith(b"PK"):
        raise DataError(
            "{file}: expected an .xlsx workbook (got a text file with that name: open it as a table and save it as .xlsx)",
            file=file.name,
        )


def _overlapping(stream: BinaryIO) -> Iterator[bytes]:
    tail = b""
    while chunk := stream.read(1 << 20):
        yield tail + chunk
        tail = chunk[-len(_ENCRYPTED) :]


def _refuse_bombs(file: Path, archive: zipfile.ZipFile) -> None:
    parts = archive.infolist()
    size = sum(part.file_size for part in parts)
    if size > _UNPACKED:
        raise DataError(
            "{file}: expected a workbook of at most {limit:,} bytes when unpacked (got {size:,})",
            file=file.name,
            limit=_UNPACKED,
            size=size,
        )
    names = {part.filename.replace("\\", "/").lower() for part in parts}
    swollen = any(part.file_size > _LARGE and part.file_size > _RATIO * part.compress_size for part in parts)
    if swollen or len(parts) > _PARTS or len(names) < len(parts):
        raise DataError(
            "{file}: expected an .xlsx workbook (got one packed as none is: parts that repeat, or that unpack without end)",
            file=file.name,
        )
    if any(part.flag_bits & 1 for part in parts):
        raise DataError("{file}: expected an .xlsx workbook (got one protected by a password: save it without)", file=file.name)
    other = ".xlsb" if "xl/workbook.bin" in names else ".ods" if "content.xml" in names and "mimetype" in names else ""
    if other:
        raise DataError(
            "{file}: expected an .xlsx workbook (got an {other} with that name: save it as .xlsx)", file=file.name, other=other
        )


def _read_workbook(package: Package) -> None:
    """The sheets in their order, the texts' part, the styles, and how days are counted.

    Raises:
        KeyError: The package holds no workbook.
    """
    document = next((part for kind, part in _relations(package, "").values() if kind == "officeDocument"), "xl/workbook.xml")
    relations = _relations(package, document)
    found: list[tuple[str, bool, str]] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "workbookPr":
            package.from_1904 = _true(attributes.get("date1904"))
        elif name == "calcPr":
            package.uncomputed = _true(attributes.get("fullCalcOnLoad"))
        elif name == "sheet":
            relation = next((attributes[f"{space}|id"] for space in _OFFICE if f"{space}|id" in attributes), "")
            found.append((attributes["name"], attributes.get("state", "visible") != "visible", relation))

    _parse_all(package, document, ("workbookPr", "calcPr", "sheet"), start)
    for name, hidden, relation in found:
        kind, part = relations.get(relation, ("", ""))
        package.sheets.append(SheetPart(name, hidden, part if kind == "worksheet" and package.has(part) else ""))
    by_kind = dict(relations.values())
    package.texts = by_kind.get("sharedStrings", "")
    if package.has(by_kind.get("styles", "")):
        package.styles = _styles(package, by_kind["styles"])


def _parse_all(package: Package, part: str, names: tuple[str, ...], start: Start, *, namespaces: tuple[str, ...] = _MAIN) -> None:
    for _ in parse(package.chunks(part), names, start, namespaces=namespaces):
        pass


def _relations(package: Package, part: str) -> dict[str, tuple[str, str]]:
    """What a part refers to inside the package: kind and part, by id."""
    folder, name = posixpath.split(part)
    described = posixpath.join(folder, "_rels", f"{name}.rels")
    relations: dict[str, tuple[str, str]] = {}

    def start(_name: str, attributes: dict[str, str]) -> None:
        if attributes.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/", folder, attributes["Target"].replace("\\", "/"))).lstrip("/")
            relations[attributes["Id"]] = (attributes["Type"].rpartition("/")[2], target)

    if package.has(described):
        spaces = ("http://schemas.openxmlformats.org/package/2006/relationships",)
        _parse_all(package, described, ("Relationship",), start, namespaces=spaces)
    return relations


def _styles(package: Package, part: str) -> list[Style]:
    """How numbers are shown, by the number of a cell's style."""
    formats: dict[int, str] = {}
    cells: list[int] = []
    inside = {"cellXfs": False}

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "numFmt":
            formats[int(attributes["numFmtId"])] = attributes["formatCode"]
        elif name == "cellXfs":
            inside["cellXfs"] = True
        elif inside["cellXfs"]:
            cells.append(int(attributes.get("numFmtId", "0")))

    def end(name: str) -> None:
        if name == "cellXfs":
            inside["cellXfs"] = False

    for _ in parse(package.chunks(part), ("numFmt", "cellXfs", "xf"), start, end):
        pass
    return [style_of(number, formats.get(number)) for number in cells]


def style_of(number: int, code: str | None) -> Style:
    """How a number format shows a number: by its text, or by its number where it has none."""
    if code is None:
        if number == _DURATION:
            return Style("duration")
        return Style("date" if number in _DATES else "time" if number in _TIMES else "number")
    plain = _NO_CODE.sub("", code).partition(";")[0].lower()
    if re.fullmatch("0{2,}", plain):
        return Style(digits=len(plain))
    if "[" in plain:
        return Style("duration")
    if plain == "general" or not re.search("[ymdhs]|aaa", plain):
        return Style()
    return Style("time" if not re.search("[yd]|aaa", plain) and re.search("[hs]", plain) else "date")


def _true(value: str | None) -> bool:
    return value in ("1", "true", "on")
