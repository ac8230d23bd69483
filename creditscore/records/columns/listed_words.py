"""Cells whose words a rule lists: what else stands in one may be a slip, and is told."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from creditscore.config.column_rules import Cases, Compare, Condition
from creditscore.language import Message
from creditscore.records.columns.types import BLANKS, Distinct, Faults, plain_text
from creditscore.records.tables import COLUMN_WORDS, StandardTable


class ListedWords:
    """The words of a column that fills a standard one; blanks around a listed word do not count, and are counted.

    Args:
        texts: The cells.
        listed: The words that the rule names.
        to: The standard column.
        faults: Where words that are not listed are counted.

    Attributes:
        words: One word for each distinct text.
        unknown: Which rows have a word that is not listed.
    """

    def __init__(self, texts: pa.Array, listed: Collection[str], to: str, faults: Faults) -> None:
        known = {*listed, ""}
        self._distinct = Distinct(texts)
        self.words = [text if text in known else plain_text(text) for text in self._distinct.values]
        changed = [word != text and word in known for word, text in zip(self.words, self._distinct.values, strict=True)]
        what = Message(BLANKS.message, {"column": COLUMN_WORDS.get(to, to)})
        faults.put_right(self._distinct.rows_where(changed), what)
        self.unknown = pc.fill_null(self._distinct.rows_where([word not in known for word in self.words]), False)
        if self.unknown.true_count:
            faults.unmapped[to] += self.unknown.true_count
            for entry in pc.value_counts(texts.filter(self.unknown)).to_pylist():
                faults.words[to, entry["values"]] += entry["counts"]

    def spread(
        self, values: Mapping[str, str | int | bool | None], otherwise: str | int | bool | None, kind: pa.DataType
    ) -> pa.Array:
        """The value of each row's word; ``otherwise`` that of a word without one, and a missing cell stays missing."""
        return self._distinct.spread([values.get(word, otherwise) for word in self.words], kind)


def refuse_unlisted(unknown: pa.Array, to: str, table: StandardTable, faults: Faults) -> None:
    """Note ``NOT_LISTED`` where a word that is not listed may decide whether the record counts against its firm.

    The row is refused by it where its table requires the column, else the value alone.
    """
    if to in (*table.soft, *table.counts, *table.required):
        codes = pc.if_else(unknown, f"NOT_LISTED:{to}", pa.scalar(None, pa.string()))
        faults.note(codes, to, alone=to not in table.required)


def listed_in(rule: Compare | Cases) -> dict[str, tuple[str, ...]]:
    """By column that a rule asks for words, the words that it lists; not of one that it also compares in another way."""
    conditions: tuple[Condition, ...] = (rule,) if isinstance(rule, Compare) else rule.case
    found: dict[str, tuple[str, ...]] = {}
    for name in dict.fromkeys(condition.column for condition in conditions):
        own = [condition for condition in conditions if condition.column == name]
        if all(condition.of_words for condition in own):
            found[name] = (*dict.fromkeys(str(condition.value) for condition in own), *rule.others)
    return found
