"""Words that nothing names: those that a rule of a source does not list, and those that were kept and that nothing reads."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

import ibis

from creditscore.config.column_rules import Cases, Compare, Map
from creditscore.language import _
from creditscore.records.adverse.doubtful_ratings import NamedRatings, is_slip
from creditscore.records.columns.known_words import project_words
from creditscore.records.deliveries.codes import code_identity, shown_code, shown_words
from creditscore.records.deliveries.findings import Finding
from creditscore.records.standard.arrivals import Arrival
from creditscore.records.standard.contracts import arrived_table
from creditscore.records.standard.identity import tables_of
from creditscore.records.tables import COLUMN_WORDS, TABLES

if TYPE_CHECKING:
    from creditscore.records.records import Records

#: Words outside those of a rule are a warning above this share, a note below it.
UNKNOWN_SHARE = 0.01
#: A word in fewer than this share of the rows may be a slip of another.
_RARE = 0.05
#: Marks that part the names of several inspectors, and a code as long as a county's, of which one that ends in 00 is none.
_MARKS, _COUNTY = "[,;，；、]", re.compile(r"[0-9]{4}(?!00)[0-9]{2}")
#: Keys and codes of one finding that are listed.
_LISTED = 3


def unread_words(records: Records) -> list[Finding]:
    """Schemes and grades of ratings, results of records, inspectors and regions that were kept although nothing names them."""
    own = [*_unread_schemes(records), *_unread_grades(records), *_unread_results(records)]
    return [*own, *_joined_inspectors(records), *_unknown_regions(records)]


def left_out_findings(records: Records, a: Arrival) -> list[Finding]:
    """Rows that ``where`` leaves out although nothing declares their value: each may be a slip, and a record that is lost."""
    where = next((source.where for source in records.project.sources.source if source.name == a.source), None)
    left = [(f"{file}: {column}", asked.unknown, asked.unknown.total(), asked.empty) for file, column, asked in a.left_joined]
    if where is not None:
        left.insert(0, (where.column, a.left_words, a.left_unknown, a.left_empty))
    return [
        finding for column, words, unknown, empty in left for finding in _left_of(a, column, _shown(records, words), unknown, empty)
    ]


def _left_of(a: Arrival, column: str, words: str, unknown: int, empty: int) -> Iterator[Finding]:
    """What is told of one column: of its unknown values, and of its empty cells."""
    if unknown:
        rule = _(
            "{column}: values that where neither asks for nor knows ({words}): their rows are left out. Mend them, or list what "
            "is meant to be left out in others of where",
            column=column, words=words,
        )  # fmt: skip
        yield Finding("unmapped", a.table, rule, a.source, unknown, level="warning")
    if empty:
        rule = _(
            '{column}: empty, and where asks for its value: these rows are left out. Fill it in, or put "" into others of where',
            column=column,
        )  # fmt: skip
        yield Finding("unmapped", a.table, rule, a.source, empty, level="warning")


def unlisted_finding(records: Records, a: Arrival, name: str, rows: int, known: Collection[str]) -> Finding:
    """Words that the rule of a column does not list: a warning where they are many, new, or one slip from a listed one.

    Args:
        records: What arrived.
        a: The source.
        name: The standard column.
        rows: How many rows have such a word.
        known: What identifies the words that an earlier delivery had already.
    """
    source = next(source for source in records.project.sources.source if source.name == a.source)
    words = Counter({word: n for (to, word), n in a.words.items() if to == name})
    column, many = COLUMN_WORDS.get(name, name), rows > UNKNOWN_SHARE * max(a.values[name] + rows, 1)
    rule = next((rule for rule in source.column if rule.to == name), None)
    new = any(code_identity(shown_code(word, n, ())) not in known for word, n in words.items())
    values = {"unit": source.provider or a.file, "column": column, "words": _shown(records, words)}
    if isinstance(rule, Compare | Cases):
        told = _(
            "{unit}: {column}: words that no condition of its rule names ({words}), so that nothing follows from them: mend them, "
            "or add what is meant to others of the rule in sources.toml",
            **values,
        )
    elif isinstance(rule, Map) and rule.otherwise is not None:
        new = any(_is_rare_slip(word, n, rule.values, a.values[name]) for word, n in words.items())
        told = _(
            "{column}: values that its table of words lacks, read as its otherwise ({words})",
            **{name: values[name] for name in ("column", "words")},
        )
    else:
        told = _(
            "{unit}: {column}: values that its table of words lacks ({words}): add them to values of the map in sources.toml, to "
            "missing what says nothing, or give it an otherwise",
            **values,
        )
    return Finding("unmapped", a.table, told, a.source, rows, level="warning" if many or new else "note")


def _unread_schemes(records: Records) -> list[Finding]:
    """Ratings that were kept although their scheme is none that the project names: nothing reads them."""
    named, ratings = NamedRatings.of(records.project).schemes, arrived_table(TABLES["ratings"])
    if not named or not records.outcomes["ratings"].kept:
        return []
    unread = ratings.filter(~ratings.scheme.isin(list(named)))
    counts = records.engine.query(unread.group_by("scheme").agg(n=unread.count())).to_pylist()
    words = {row["scheme"]: row["n"] for row in counts}
    rule = _(
        "ratings under schemes that no feature, override or source names ({words}): nothing reads them",
        words=_shown(records, words),
    )
    return [Finding("unmapped", "ratings", rule, "", sum(words.values()), level="warning")] if words else []


def _unread_grades(records: Records) -> list[Finding]:
    """Grades of a scheme that is used which no order and no override names."""
    named, ratings = NamedRatings.of(records.project).grades, arrived_table(TABLES["ratings"])
    if not named or not records.outcomes["ratings"].kept:
        return []
    used = ratings.filter(ratings.scheme.isin(list(named)))
    counts = records.engine.query(used.group_by("scheme", "grade").agg(rows=used.count())).to_pylist()
    words = Counter[str]()
    for row in counts:
        if row["grade"] not in named[row["scheme"]]:
            words[row["grade"]] += row["rows"]
    rule = _("grades that no order of a feature and no override names ({words}): nothing reads them", words=_shown(records, words))
    return [Finding("unmapped", "ratings", rule, "", words.total(), level="warning")] if words else []


def _unread_results(records: Records) -> Iterator[Finding]:
    """Results that an order lacks, and rare ones that may be slips of a result that a feature names, by kind."""
    named: dict[str, set[str]] = {}
    ordered: set[str] = set()
    for feature in records.project.features:
        for kind in feature.kind:
            named.setdefault(kind, set()).update((*feature.result, *feature.share_of, *feature.order))
            ordered |= {kind} if feature.order else set()
    kinds = sorted(kind for kind, words in named.items() if words)
    if not kinds or not records.outcomes["events"].kept:
        return
    events = arrived_table(TABLES["events"])
    own = events.filter(events.kind.isin(kinds) & events.result.notnull())
    counts = records.engine.query(own.group_by("kind", "result").agg(rows=own.count()).order_by(["kind", ibis.desc("rows")]))
    by_kind: dict[str, Counter[str]] = {}
    for row in counts.to_pylist():
        by_kind.setdefault(row["kind"], Counter())[row["result"]] = row["rows"]
    for kind, words in by_kind.items():
        unread = {
            word: n for word, n in words.items()
            if word not in named[kind] and (kind in ordered or _is_rare_slip(word, n, named[kind], words.total()))
        }  # fmt: skip
        if unread:
            rule = _("results that no feature names and that may be slips ({words}): mend them", words=_shown(records, unread))
            yield Finding("unmapped", "events", rule, kind, sum(unread.values()), level="warning")


def _is_rare_slip(word: str, rows: int, named: Collection[str], of: int) -> bool:
    """Whether a word in few rows is one slip away from one that is named; a single sign is a slip of every other."""
    return rows < _RARE * of and is_slip(word, [one for one in named if len(one) > 1])


def _shown(records: Records, words: Mapping[str, int]) -> str:
    return shown_words(words, project_words(records.project))


def _joined_inspectors(records: Records) -> Iterator[Finding]:
    """Visits whose inspectors are parted by another mark than the declared one: several persons are read as one."""
    people = records.table("visit_inspectors")
    joined = people.filter(people.inspector.re_search(_MARKS))
    visits = records.engine.query(joined.select("inspection_id").distinct().order_by("inspection_id"))["inspection_id"].to_pylist()
    if visits:
        rule = _("several inspectors read as one: another mark between them than the project declares")
        yield Finding("unmapped", "inspections", rule, "", len(visits), ", ".join(visits[:_LISTED]), "warning")


def _unknown_regions(records: Records) -> Iterator[Finding]:
    """Regions of subjects that the project's tables of regions lack, of codes that are as long as a county's."""
    tables = tables_of(records.project)
    if not tables.regions:
        return
    subjects = arrived_table(TABLES["subjects"])
    counts = records.engine.query(subjects.group_by("region").agg(n=subjects.count()).order_by("region"))
    pairs = zip(counts["region"].to_pylist(), counts["n"].to_pylist(), strict=True)
    words = {code: n for code, n in pairs if code and _COUNTY.fullmatch(code) and not tables.has_region(code)}
    if words:
        listed = ", ".join(f"{code} {n}" for code, n in list(words.items())[:_LISTED])
        rule = _("region: codes that the project's tables of regions lack, {count} in all", count=len(words))
        yield Finding("unmapped", "subjects", rule, "", sum(words.values()), listed, "warning")
