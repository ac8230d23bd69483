"""Where the lines of a text file end. LF, CRLF and CR end one, as an editor shows it."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from creditscore.dataframes import Ints

#: Bytes of the longest line (of a record over lines: of all of them) that is read; more than a block of a file, so that
#: few blocks can hold a longer one.
LONGEST_LINE = 16 << 20
LF, CR = 0x0A, 0x0D
_LINE_END = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True)
class Lines:
    """Where the lines of some bytes begin, where their texts stop, and where the next ones begin."""

    data: bytes
    letters: np.ndarray
    starts: Ints
    stops: Ints
    nexts: Ints

    def __len__(self) -> int:
        """How many there are."""
        return len(self.starts)

    def text(self, number: int) -> str:
        """A line without its end."""
        return self.data[self.starts[number] : self.stops[number]].decode()

    def end(self, number: int) -> str:
        """What ends a line; nothing, of a last one."""
        return self.data[self.stops[number] : self.nexts[number]].decode()


def lines_of(data: bytes) -> Lines:
    """The lines of some bytes that begin with a line."""
    letters = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero(letters == LF)
    if len(lone := lone_returns(data)):
        ends = np.sort(np.concatenate([ends, lone]))
    if len(letters) and not (len(ends) and ends[-1] == len(letters) - 1):
        ends = np.append(ends, len(letters))
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    stops = ends
    if b"\r\n" in data:
        lf = letters[np.minimum(ends, len(letters) - 1)] == LF
        stops = ends - ((ends > starts) & lf & (letters[np.maximum(ends - 1, 0)] == CR))
    return Lines(data, letters, starts, stops, np.minimum(ends + 1, len(letters)))


def lone_returns(data: bytes) -> Ints:
    """Where a carriage return has no line feed after it."""
    if b"\r" not in data or data.count(b"\r") == data.count(b"\r\n"):
        return np.empty(0, dtype=np.int64)
    letters = np.frombuffer(data + b" ", dtype=np.uint8)
    returns = np.flatnonzero(letters == CR)
    alone: Ints = returns[letters[returns + 1] != LF]
    return alone


def count_feeds(data: bytes) -> int:
    """Line feeds in some bytes; twice as fast as ``bytes.count`` where there are many."""
    return int(np.count_nonzero(np.frombuffer(data, dtype=np.uint8) == LF))


def count_ends(data: bytes) -> int:
    """Ends of lines in some bytes."""
    ends = count_feeds(data)
    return ends + data.count(b"\r") - data.count(b"\r\n") if b"\r" in data else ends


def end_of_lines(data: bytes, count: int) -> tuple[int, int]:
    """How many of so many first lines there are, and where the last of them ends."""
    done = place = 0
    for match in _LINE_END.finditer(data):
        if done == count:
            break
        done, place = done + 1, match.end()
    if done < count and place < len(data):
        done, place = done + 1, len(data)
    return done, place


def last_line_end(data: bytes) -> int:
    """Behind the last end of a line that more bytes cannot change: a carriage return at the end may be half of one."""
    feed = data.rfind(b"\n")
    back = data.rfind(b"\r", feed + 1)
    if back == len(data) - 1:
        back = data.rfind(b"\r", feed + 1, max(back, 0))
    return max(feed, back) + 1
