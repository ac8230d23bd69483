"""What a unit has to mend: faulty rows of its files, and files that cannot be used at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

import pandas as pd

from creditscore.config.sources import Limits, SourceSpec
from creditscore.errors import TO_SENDER, DataError
from creditscore.language import Message, Text
from creditscore.records.reading.sent_rows import SentRows


@dataclass(frozen=True)
class FaultyRows:
    """The faulty rows of one file that one unit sent."""

    source: SourceSpec
    sent: SentRows
    #: The faults of these rows: row, code, column, since.
    rejects: pd.DataFrame
    #: Rows with faults beyond those that are listed.
    left_out: int = 0
    #: What is wrong with codes that the register does not know, by the text sent.
    id_faults: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    #: Of a row that tells neither subject nor record: how many subjects it may concern.
    held: Mapping[int, int] = field(default_factory=dict)
    #: Of a row whose code is right while the register's own row of that subject is refused: the unit that sent the register.
    waiting: Mapping[int, str] = field(default_factory=dict)
    #: By standard column, the words that features and policies of the project name.
    listed: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What its sheet is called: the file without its folder and ending."""
        return PurePath(self.source.location).stem


@dataclass(frozen=True)
class RefusedFile:
    """A file that could not be used as a whole, with the error that says why."""

    location: str
    why: DataError

    @property
    def to_sender(self) -> Text:
        """Why, in words for the one who sends the file: without those of the project's configuration, where the error has them."""
        words = self.why.values.get(TO_SENDER)
        return Message(words.message, self.why.values, words.context) if isinstance(words, Message) else self.why
