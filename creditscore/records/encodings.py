"""The encoding and the quotes of a text file. The encoding is declared or detected, and always checked to the last byte.

UTF-8 read as GB18030 is rarely an error and always nonsense, so a file is never called GB18030 merely
because it decodes: a line of it that is Chinese in UTF-8 makes it a file of two encodings.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa

from creditscore.errors import DataError
from creditscore.language.message import _

#: Bytes that are read at once, and of the longest line.
_BLOCK = 8 << 20
_LINE = 256 << 20
_LABELS = {"gbk": "gb18030", "gb2312": "gb18030"}
#: Decoded as UTF-8; the mark is cut off by hand, so that bytes are counted from the file's first.
_SIG = "utf-8-sig"
#: Chinese in UTF-8 with a byte that the common characters of GB18030 do not have: two bytes such as 0xE5 0x90.
#: In a GB18030 file with rare characters a line may look like UTF-8 by chance; more than this share does not.
_SUSPICIOUS = 0.001
_CHINESE_UTF8 = re.compile(rb"[\xe4-\xe9](?:[\x80-\xa0][\x80-\xbf]|[\x80-\xbf][\x80-\xa0])")

#: How files begin that are not text.
_OTHER_FILES = {
    b"PAR1": _("a Parquet file"), b"PK\x03\x04": _("a workbook or another archive"),
    b"\xd0\xcf\x11\xe0": _("a workbook of the old kind"), b"\x1f\x8b": _("a compressed file"), b"%PDF": _("a PDF document"),
}  # fmt: skip

#: Quotes are absent, closed within each line, or open across lines (or never closed).
_Quotes = Literal["none", "in_lines", "across"]


@dataclass(frozen=True)
class TextFacts:
    """How a text file is written, and the hash of its bytes."""

    encoding: str
    quotes: _Quotes
    sha256: str
    #: Lines of a GB18030 file that look like UTF-8, too few to doubt that it is one.
    utf8_lines: int = 0
    #: Carriage returns without a line feed: ends of lines, or strays in a text. A file is not cut there.
    lone_returns: bool = False


def examine(path: Path, declared: str = "auto") -> TextFacts:
    """Read a text file once, to the last byte, and say how it is written.

    Args:
        path: The file.
        declared: An encoding, or ``auto``: byte-order mark, then UTF-8, then GB18030.

    Raises:
        DataError: It is no text, or not wholly in one encoding; with the byte (from 0) and the line (from 1).
    """
    encoding = _declared_or_marked(path, declared)
    scan = _Scan(path, encoding)
    name = path.name
    if scan.wrong is not None and declared == "auto" and encoding == "utf-8":
        wrong_as_utf8, scan = scan.wrong, _Scan(path, "gb18030")
        if scan.wrong is not None or scan.utf8_lines > _SUSPICIOUS * scan.lines:
            # Neither encoding holds throughout: the file begins in the one that holds longer.
            byte, line = min(position for position in (scan.wrong, scan.first_utf8) if position is not None)
            if byte > wrong_as_utf8[0]:
                raise DataError(
                    "{file}: expected one encoding (got gb18030, and a byte that is not at {byte}, line {line})",
                    file=name,
                    byte=byte,
                    line=line,
                )
            byte, line = wrong_as_utf8
            raise DataError(
                "{file}: expected one encoding (got utf-8, and a byte that is not at {byte}, line {line})",
                file=name,
                byte=byte,
                line=line,
            )
    if scan.wrong is not None:
        byte, line = scan.wrong
        raise DataError(
            "{file}: expected {encoding} throughout (got a byte that is not at {byte}, line {line})",
            file=name,
            encoding=encoding,
            byte=byte,
            line=line,
        )
    if scan.first_utf8 is not None and scan.utf8_lines > _SUSPICIOUS * scan.lines:
        byte, line = scan.first_utf8
        raise DataError(
            "{file}: expected gb18030 throughout (got utf-8 at byte {byte}, line {line})", file=name, byte=byte, line=line
        )
    if scan.nulls * 8 > scan.size:
        raise DataError(
            "{file}: expected text (got {count} NUL bytes: UTF-16 without its mark? declare encoding)", file=name, count=scan.nulls
        )
    return TextFacts(scan.encoding, scan.quotes, scan.sha256, scan.utf8_lines, scan.lone_returns)


def utf8_blocks(path: Path, encoding: str) -> Iterator[bytes]:
    """A file as UTF-8 without its mark, in blocks of whole lines."""
    if encoding in ("utf-8", _SIG):
        blocks = _whole_lines(path)
        yield next(blocks, b"").removeprefix(codecs.BOM_UTF8)
        yield from blocks
        return
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    kept = b""
    for block in _whole_lines(path):
        text = kept + decoder.decode(block).encode()
        cut = text.rfind(b"\n") + 1
        yield text[:cut]
        kept = text[cut:]
    if rest := kept + decoder.decode(b"", True).encode():
        yield rest


def _whole_lines(path: Path) -> Iterator[bytes]:
    """The bytes of a file in blocks that end with a line feed; the rest of the file comes last."""
    with path.open("rb") as stream:
        kept = b""
        while block := stream.read(_BLOCK):
            cut = block.rfind(b"\n") + 1
            if cut:
                yield kept + block[:cut]
            kept = block[cut:] if cut else kept + block
            if len(kept) > _LINE:
                raise DataError("{file}: expected lines (got one of more than {size} MiB)", file=path.name, size=_LINE >> 20)
        if kept:
            yield kept


def _declared_or_marked(path: Path, declared: str) -> str:
    """The encoding to read a file with: the declared one, that of its byte-order mark, or UTF-8."""
    with path.open("rb") as stream:
        head = stream.read(4)
    other = next((words for start, words in _OTHER_FILES.items() if head.startswith(start)), None)
    if other:
        raise DataError("{file}: expected a text file (got {other}: is format right in sources.toml?)", file=path.name, other=other)
    mark = _SIG if head.startswith(codecs.BOM_UTF8) else None
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        mark = "utf-16"
    encoding = _LABELS.get(declared, declared)
    if encoding == "auto":
        return mark or "utf-8"
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
    """One pass over a file: decodes it strictly, hashes it, looks for quotes, and for UTF-8 where it ought to be GB18030."""

    def __init__(self, path: Path, encoding: str) -> None:
        self.encoding = encoding
        #: Byte and line of the first byte that is not in the encoding.
        self.wrong: tuple[int, int] | None = None
        self.first_utf8: tuple[int, int] | None = None
        self.nulls = self.size = self.lines = self.utf8_lines = self._open_quotes = 0
        self._odd = self._quoted = self._after_return = False
        self._returns = self._ends = 0
        digest, decoder = hashlib.sha256(), codecs.getincrementaldecoder("utf-8" if encoding == _SIG else encoding)("strict")
        # The hash releases the interpreter's lock: it is computed while the same block is examined.
        with ThreadPoolExecutor(max_workers=1) as hasher:
            for block in _whole_lines(path):
                hashed = hasher.submit(digest.update, block)
                if self.wrong is None:
                    self._look_at(block, decoder)
                self.size += len(block)
                self.lines += int(np.count_nonzero(np.frombuffer(block, dtype=np.uint8) == 0x0A))
                hashed.result()
        if self.wrong is None:
            self._decode(b"", decoder, final=True)
        self.sha256 = digest.hexdigest()

    @property
    def quotes(self) -> _Quotes:
        """How texts are quoted."""
        return "across" if self._odd or self._open_quotes % 2 else "in_lines" if self._quoted else "none"

    @property
    def lone_returns(self) -> bool:
        """Whether a carriage return has no line feed after it."""
        return self._returns != self._ends

    def _look_at(self, block: bytes, decoder: codecs.IncrementalDecoder) -> None:
        if self.encoding == "gb18030":
            self._look_for_utf8(block)
        # Blocks end with a line, so that no character of UTF-8 is cut.
        plain = block
        if self.encoding not in ("utf-8", _SIG) or not _is_valid_utf8(block):
            text = self._decode(block, decoder)
            if text is None:
                return
            # In UTF-16 a byte is no character: look at the text.
            plain = text.encode("utf-8", "surrogatepass") if self.encoding == "utf-16" else block
        if b"\x00" in plain:
            self.nulls += plain.count(0)
        if self._after_return and plain.startswith(b"\n"):
            self._ends += 1
        if b"\r" in plain:
            self._returns += plain.count(b"\r")
            self._ends += plain.count(b"\r\n")
        self._after_return = plain.endswith(b"\r")
        if b'"' in plain:
            self._quoted = True
            self._count_quotes(np.frombuffer(plain, dtype=np.uint8))

    def _decode(self, block: bytes, decoder: codecs.IncrementalDecoder, *, final: bool = False) -> str | None:
        before = len(decoder.getstate()[0])
        try:
            return decoder.decode(block, final)
        except UnicodeDecodeError as error:
            within = max(error.start - before, 0)
            self.wrong = (self.size + error.start - before, self.lines + block.count(b"\n", 0, within) + 1)
            return None

    def _look_for_utf8(self, block: bytes) -> None:
        position = 0
        while (match := _CHINESE_UTF8.search(block, position)) is not None:
            start, end = block.rfind(b"\n", 0, match.start()) + 1, block.find(b"\n", match.end())
            end = len(block) if end < 0 else end
            if _is_chinese_utf8(block[start:end]):
                self.utf8_lines += 1
                if self.first_utf8 is None:
                    self.first_utf8 = (self.size + match.start(), self.lines + block.count(b"\n", 0, start) + 1)
            position = end

    def _count_quotes(self, letters: np.ndarray) -> None:
        """Odd numbers of quotes in a line: a text that goes on in the next one."""
        ends, quotes = np.flatnonzero(letters == 0x0A), np.flatnonzero(letters == 0x22)
        counted = np.diff(np.searchsorted(quotes, ends), prepend=0)
        if len(counted):
            counted[0] += self._open_quotes
            self._odd |= bool((counted % 2).any())
            self._open_quotes = 0
        self._open_quotes += int(len(quotes) - (np.searchsorted(quotes, ends[-1]) if len(ends) else 0))


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
