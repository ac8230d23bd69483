"""The encoding of a text file. It is declared or proven, and always checked to the last byte.

UTF-8 read as GB18030 is rarely an error and always nonsense, so a file is never called GB18030 merely
because it decodes: a line of it that is Chinese in UTF-8 makes it a file of two encodings, and bytes that
Big5 or Shift-JIS may have written as well are asked about by name.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from creditscore.errors import DataError
from creditscore.language.message import _
from creditscore.records.reading import text_lines
from creditscore.records.reading.encoding_proof import CODECS, Characters, readers, utf16_without_mark
from creditscore.records.reading.text_lines import count_ends, last_line_end

#: Bytes that are read at once, and at the beginning of a file to tell what it is.
_BLOCK = 8 << 20
_HEAD = 1 << 16
_LABELS = {"gbk": "gb18030", "gb2312": "gb18030"}
#: Decoded as UTF-8; the mark is cut off by hand, so that bytes are counted from the file's first.
_SIG = "utf-8-sig"
_UTF8 = ("utf-8", _SIG)
#: Chinese in UTF-8 with a byte that the common characters of GB18030 do not have: two bytes such as 0xE5 0x90.
#: In a GB18030 file with rare characters a line may look like UTF-8 by chance; more than this share does not.
_SUSPICIOUS = 0.001
_CHINESE_UTF8 = re.compile(rb"[\xe4-\xe9](?:[\x80-\xa0][\x80-\xbf]|[\x80-\xbf][\x80-\xa0])")
#: How ISO-2022 begins a text of other letters: all its bytes are ASCII.
_ESCAPE = (b"\x1b$", b"\x1b(")
#: UTF-8 writes Latin letters with two bytes, and hanzi with three; a hanzi of GB18030 takes two.
_THREE_BYTES = 0xE0
_TWO_BYTES = re.compile(rb"(?:[\xc2-\xdf][\x80-\xbf]){2}")

#: How files begin that are not text.
_OTHER_FILES = {
    b"PAR1": _("a Parquet file"), b"PK\x03\x04": _("a workbook or another archive"),
    b"\xd0\xcf\x11\xe0": _("a workbook of the old kind"), b"\x1f\x8b": _("a compressed file"), b"%PDF": _("a PDF document"),
}  # fmt: skip


@dataclass(frozen=True)
class TextFacts:
    """How a text file is written, and the hash of its bytes."""

    encoding: str
    sha256: str
    #: Lines of a GB18030 file that look like UTF-8, too few to doubt that it is one.
    utf8_lines: int = 0


def examine(path: Path, declared: str = "auto") -> TextFacts:
    """Read a text file once, to the last byte, and say how it is written.

    Args:
        path: The file.
        declared: An encoding, or ``auto``: byte-order mark, then UTF-16, UTF-8 or GB18030 by what the bytes prove.

    Raises:
        DataError: It is no text, or not wholly in one encoding, with the byte (from 0) and the line (from 1); or several
            encodings may be meant, with their names.
    """
    encoding = _declared_or_marked(path, declared)
    scan = _Scan(path, encoding)
    if declared == "auto" and encoding == "utf-8":
        scan = _utf8_or_gb18030(path, scan)
    if declared != "auto" and (scan.wrong is not None or scan.first_utf8 is not None):
        _refuse_wholly_other(path, encoding, scan)
    if scan.wrong is not None:
        byte, line = scan.wrong
        raise DataError(
            "{file}: expected {encoding} throughout (got a byte that is not at {byte}, line {line})",
            file=path.name,
            encoding=encoding,
            byte=byte,
            line=line,
        )
    if scan.first_utf8 is not None and scan.utf8_lines > _SUSPICIOUS * scan.lines:
        byte, line = scan.first_utf8
        raise DataError(
            "{file}: expected gb18030 throughout (got utf-8 at byte {byte}, line {line})", file=path.name, byte=byte, line=line
        )
    if scan.nulls * 8 > scan.size:
        raise DataError(
            "{file}: expected text (got {count} NUL bytes: UTF-16 without its mark? declare encoding)",
            file=path.name,
            count=scan.nulls,
        )
    if scan.escapes and not scan.high and declared == "auto" and encoding in _UTF8:
        raise DataError("{file}: expected text in UTF-8, UTF-16 or GB18030 (got ISO-2022: save it in one of these)", file=path.name)
    return TextFacts(scan.encoding, scan.sha256, scan.utf8_lines)


def _utf8_or_gb18030(path: Path, utf8: _Scan) -> _Scan:
    """The scan of the encoding in which a file without a mark is proven to be.

    Raises:
        DataError: It is in two encodings, or several may be meant.
    """
    if utf8.wrong is None:
        if utf8.two_bytes and not utf8.three_bytes and _Scan(path, "gb18030").characters.common:
            raise _doubtful(path, ["utf-8", "gb18030"])
        return utf8
    scan = _Scan(path, "gb18030")
    if scan.wrong is None and scan.utf8_lines <= _SUSPICIOUS * scan.lines:
        if scan.characters.proven:
            return scan
        rivals = scan.characters.rivals(readers(_bytes(path)))
        if rivals or not scan.characters.likely:
            raise _doubtful(path, ["gb18030", *(rivals or ["cp1252"])])
        return scan
    if scan.first_utf8 is None and (rivals := readers(_bytes(path))):
        raise _doubtful(path, rivals)
    # Neither encoding holds throughout: the file begins in the one that holds longer.
    byte, line = min(position for position in (scan.wrong, scan.first_utf8) if position is not None)
    longer = "gb18030"
    if byte <= utf8.wrong[0]:
        longer, (byte, line) = "utf-8", utf8.wrong
    raise DataError(
        "{file}: expected one encoding (got {encoding}, and a byte that is not at {byte}, line {line})",
        file=path.name,
        encoding=longer,
        byte=byte,
        line=line,
    )


def _refuse_wholly_other(path: Path, declared: str, scan: _Scan) -> None:
    """Refuse a file that is wholly in another encoding than the declared one, as far as its bytes prove that.

    Raises:
        DataError: With the line of the first bytes that show it.
    """
    found = "gb18030" if declared in _UTF8 else "utf-8"
    other = _Scan(path, found)
    if other.wrong is None and (other.three_bytes or other.characters.proven):
        places = [place for place in (scan.wrong, scan.first_utf8) if place is not None]
        raise DataError(
            "{file}: expected {encoding} throughout (got a file that is {found} throughout, as is seen in line {line}): declare "
            'encoding = "{found}", or leave it out',
            file=path.name,
            encoding=declared,
            found=found,
            line=min(places)[1],
        )


def _doubtful(path: Path, names: list[str]) -> DataError:
    return DataError(
        "{file}: expected bytes that prove their encoding (got some that several encodings read: declare which it is, "
        "such as {choices}; of a file that a command is given, with --encoding)",
        file=path.name,
        choices=", ".join(f'encoding = "{name}"' for name in names),
    )


def utf8_blocks(path: Path, encoding: str) -> Iterator[bytes]:
    """A file as UTF-8 without its mark, in blocks of whole lines; of a line that is too long only a beginning that shows it."""
    kept, first = b"", True
    for block in _as_utf8(path, encoding):
        data = kept + block if kept else block
        if first and len(data) > len(codecs.BOM_UTF8):
            data, first = data.removeprefix(codecs.BOM_UTF8), False
        cut = last_line_end(data)
        if cut:
            yield data[:cut]
            data = data[cut:]
        elif len(data) > text_lines.LONGEST_LINE + 1:
            # Half of a line's end may come last.
            data = data[: text_lines.LONGEST_LINE + 1] + (b"\r" if data.endswith(b"\r") else b"")
        kept = data
    if kept := kept.removeprefix(codecs.BOM_UTF8) if first else kept:
        yield kept


def _as_utf8(path: Path, encoding: str) -> Iterator[bytes]:
    if encoding in ("utf-8", _SIG):
        yield from _bytes(path)
        return
    decoder = _decoder(encoding)
    for block in _bytes(path):
        yield decoder.decode(block).encode()
    yield decoder.decode(b"", True).encode()


def _decoder(encoding: str) -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder(CODECS.get(encoding, encoding))("strict")


def _bytes(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            yield block


def _declared_or_marked(path: Path, declared: str) -> str:
    """The encoding to read a file with: the declared one, that of its byte-order mark, or UTF-8."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    other = next((words for start, words in _OTHER_FILES.items() if head.startswith(start)), None)
    if other:
        raise DataError("{file}: expected a text file (got {other}: is format right in sources.toml?)", file=path.name, other=other)
    mark = _SIG if head.startswith(codecs.BOM_UTF8) else None
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        mark = "utf-16"
    encoding = _LABELS.get(declared, declared)
    if encoding == "auto":
        return mark or utf16_without_mark(head) or "utf-8"
    if encoding == "utf-16" and mark is None:
        unmarked = utf16_without_mark(head)
        if unmarked is None and head:
            raise DataError("{file}: expected utf-16 (got neither its mark nor a line end of it)", file=path.name)
        return unmarked or encoding
    if mark is None or mark == encoding:
        return encoding
    if (mark, encoding) == (_SIG, "utf-8"):
        return _SIG
    raise DataError(
        "{file}: expected {encoding} (got the byte-order mark of {mark})",
        file=path.name,
        encoding=encoding,
        mark=mark.removesuffix("-sig"),
    )


class _Scan:
    """One pass over a file: decodes it strictly, hashes it, and looks for UTF-8 where it ought to be GB18030."""

    def __init__(self, path: Path, encoding: str) -> None:
        self.encoding = encoding
        #: Byte and line of the first byte that is not in the encoding.
        self.wrong: tuple[int, int] | None = None
        self.first_utf8: tuple[int, int] | None = None
        self.nulls = self.size = self.lines = self.utf8_lines = 0
        #: Whether there are bytes beyond ASCII; in UTF-8, ones of characters of three bytes, or texts of characters of two;
        #: beginnings of ISO-2022.
        self.high = self.three_bytes = self.two_bytes = self.escapes = False
        self.characters = Characters()
        digest, decoder = hashlib.sha256(), _decoder("utf-8" if encoding == _SIG else encoding)
        # The hash releases the interpreter's lock: it is computed while the same block is examined.
        with ThreadPoolExecutor(max_workers=1) as hasher:
            for block in _blocks_of_lines(path):
                hashed = hasher.submit(digest.update, block)
                if self.wrong is None:
                    self._look_at(block, decoder)
                self.size += len(block)
                hashed.result()
        if self.wrong is None:
            self._decode(b"", decoder, final=True)
        self.sha256 = digest.hexdigest()

    def _look_at(self, block: bytes, decoder: codecs.IncrementalDecoder) -> None:
        if self.encoding == "gb18030":
            self._look_for_utf8(block)
        plain = block
        if self.encoding not in _UTF8 or decoder.getstate()[0] or not _is_valid_utf8(block):
            text = self._decode(block, decoder)
            if text is None:
                return
            if self.encoding == "gb18030":
                self.characters.add(text)
            # In UTF-16 a byte is no character: look at the text.
            plain = text.encode() if self.encoding.startswith("utf-16") else block
        elif not self.three_bytes and not block.isascii():
            self.high, self.three_bytes = True, bool((np.frombuffer(block, dtype=np.uint8) >= _THREE_BYTES).any())
            self.two_bytes |= not self.three_bytes and _TWO_BYTES.search(block) is not None
        if b"\x00" in plain:
            self.nulls += plain.count(0)
        if b"\x1b" in plain:
            self.escapes |= any(escape in plain for escape in _ESCAPE)
        self.lines += count_ends(plain)

    def _decode(self, block: bytes, decoder: codecs.IncrementalDecoder, *, final: bool = False) -> str | None:
        before = len(decoder.getstate()[0])
        try:
            return decoder.decode(block, final)
        except UnicodeDecodeError as error:
            self.wrong = (self.size + error.start - before, self.lines + self._ends_before(error) + 1)
            return None

    def _ends_before(self, error: UnicodeDecodeError) -> int:
        """Ends of lines between the beginning of what was decoded and the wrong byte."""
        good = error.object[: error.start]
        return count_ends(good.decode(error.encoding).encode() if self.encoding.startswith("utf-16") else good)

    def _look_for_utf8(self, block: bytes) -> None:
        position = 0
        while (match := _CHINESE_UTF8.search(block, position)) is not None:
            start, end = block.rfind(b"\n", 0, match.start()) + 1, block.find(b"\n", match.end())
            end = len(block) if end < 0 else end
            if _is_chinese_utf8(block[start:end]):
                self.utf8_lines += 1
                if self.first_utf8 is None:
                    self.first_utf8 = (self.size + match.start(), self.lines + count_ends(block[:start]) + 1)
            position = end


def _blocks_of_lines(path: Path) -> Iterator[bytes]:
    """The bytes of a file, cut behind an end of a line where there is one."""
    kept = b""
    for block in _bytes(path):
        data = kept + block if kept else block
        cut = last_line_end(data) or (len(data) if len(data) > text_lines.LONGEST_LINE else 0)
        if cut:
            yield data[:cut]
        kept = data[cut:]
    if kept:
        yield kept


def _is_valid_utf8(block: bytes) -> bool:
    """By Arrow, four times as fast as by decoding; where it is not valid, decoding then says where."""
    ends = pa.py_buffer(np.array([0, len(block)], dtype=np.int32))
    try:
        pa.StringArray.from_buffers(1, ends, pa.py_buffer(block)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _is_chinese_utf8(line: bytes) -> bool:
    """Whether a line is UTF-8 of ASCII and the letters of Chinese texts; pairs of bytes in GB18030 rarely are."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all(letter.isascii() or letter >= "\u2000" for letter in text)
