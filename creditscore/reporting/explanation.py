"""Why one subject has its score and tier, by which documents, what it can change, and how to object."""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd
from pydantic import TypeAdapter

from creditscore.config.features import FeatureSpec
from creditscore.config.policy import Override
from creditscore.config.spec import Label
from creditscore.dates import months_after
from creditscore.errors import DataError
from creditscore.language import DEFAULT_LANGUAGE, Text
from creditscore.models import reasons, scoring
from creditscore.models.characteristic import Characteristic
from creditscore.models.scorecard import Baseline, Scorecard
from creditscore.records.adverse.contested import rating_id
from creditscore.records.own_records import COPY, COUNTS
from creditscore.reporting.advice import Advice, Repair, Situation, advice_of, declarations_of, repairs_of
from creditscore.reporting.audit_tables import attribute_text
from creditscore.reporting.columns import rule_text
from creditscore.reporting.cut_levels import cut_levels
from creditscore.reporting.documents import Document, Documents, behind, first_outside, leaves_on, lighter_on
from creditscore.reporting.explained import (
    Explained,
    Ground,
    Inspections,
    Known,
    Line,
    NotRated,
    OwnDocument,
    Points,
    RefusedRow,
    Signature,
    ToldObjection,
    Waiting,
)
from creditscore.reporting.explanation_page import to_html, to_text
from creditscore.reporting.lookup import measures_for
from creditscore.reporting.run_book import RunBook, described
from creditscore.tiering.grounds import parse_grounds
from creditscore.tiering.tiers import drawn_tiers, shown_tiers
from creditscore.vocabulary import SOURCES, TIERS, VISIT_PREFIX, Reason


@dataclass(frozen=True)
class Explanation(Explained):
    """What a page about one subject on one day shows; see :class:`creditscore.reporting.explained.Explained`."""

    def to_text(self, lang: str = DEFAULT_LANGUAGE) -> str:
        """Plain text for the terminal."""
        return to_text(self, lang)

    def to_html(self, lang: str = DEFAULT_LANGUAGE) -> str:
        """A page for the subject: no script, no link out, everything escaped."""
        return to_html(self, lang)

    def to_json(self) -> dict[str, Any]:
        """Plain values by the schema of :func:`json_schema`; ``reasons`` names the characteristics that lost most."""
        plain: dict[str, Any] = TypeAdapter(Explained).dump_python(self, mode="json")
        return plain | {"reasons": list(self.reasons)}

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self.to_text())}</pre>"


def json_schema() -> dict[str, Any]:
    """The JSON schema of what :meth:`Explanation.to_json` gives."""
    schema = TypeAdapter(Explained).json_schema(mode="serialization")
    schema["properties"]["reasons"] = {"type": "array", "items": {"type": "string"}, "maxItems": 4}
    return schema


def explain_subject(
    book: RunBook,
    subject_id: str,
    *,
    features: pd.DataFrame | None = None,
    documents: Documents | None = None,
    objections: Sequence[ToldObjection] = (),
    disputed_score: int | None = None,
) -> Explanation:
    """Explain one subject of a run.

    Args:
        book: The run: its tiers, cards, policy, listings, and what its configuration says of features and kinds.
        subject_id: As in ``tiers.parquet``.
        features: The subject's row of ``features.parquet`` (more rows and a ``subject_id`` column are
            allowed). Without it there is the tier and its rule, and no points.
        documents: The subject's own records, as far as the run kept them.
        objections: Those of the subject that the run knew, and what came of them since.
        disputed_score: The score as it would be if what the subject disputes counted; None where it disputes nothing.

    Raises:
        DataError: The run has no such subject, or the score of the features is not the published one.
    """
    tier_rows = book.tiers[book.tiers["subject_id"] == subject_id]
    if len(tier_rows) != 1:
        raise DataError(
            "explain: expected one row of tiers for this subject_id (got {n_rows}); look it up as of another day?",
            n_rows=len(tier_rows),
        )
    row = {str(key): (None if pd.isna(value) else value) for key, value in tier_rows.iloc[0].items()}
    case = _Case(book, subject_id, row, documents or Documents(), _scored(book, subject_id, features))
    points, tier = case.points(), str(row["tier"])
    return Explanation(
        subject_id=subject_id,
        as_of=book.as_of,
        run=book.run_id,
        authority=book.authority,
        name=str(described(book, tier_rows[["subject_id"]])["name"].fillna("").iloc[0]),
        answer="rated" if tier in TIERS else "not_rated",
        ground=case.ground(),
        tier=tier,
        shown_tier=str(shown_tiers(_with_raw(tier_rows))[0]),
        raw_tier=str(row.get("raw_tier") or tier),
        previous_tier=str(row.get("previous_tier") or ""),
        status=str(row.get("status") or "final"),
        signed=bool(row.get("reviewer")),
        signed_documents=case.signed_documents(),
        trial=book.trial,
        inspections=case.inspections(str(drawn_tiers(_with_raw(tier_rows))[0])),
        measures=measures_for(book, tier, row.get("industry"), str(row.get("rule") or "")),
        points=points,
        documents=case.own_documents(),
        kept=case.documents.kept,
        advice=case.advice(points),
        signature=case.signature(),
        waiting=case.waiting(),
        objections=tuple(objections),
        disputed_score=disputed_score,
        contact=book.contact,
        catalogue=book.facts.get("catalogue", ""),
        incomplete_since=str(row.get("incomplete_since") or ""),
        whole_tier=str(row.get("whole_tier") or ""),
        refused=_refused_rows(book, subject_id, case.rule),
        not_rated=None if tier in TIERS else case.not_rated(),
    )


def _industry_label(book: RunBook, code: str) -> Label | None:
    """What an industry is called; None of no industry, or of all."""
    if code in ("", "all"):
        return None
    return book.industries.get(code, Label(zh=code, en=code))


def _with_raw(tiers: pd.DataFrame) -> pd.DataFrame:
    """Rows of tiers with the columns that say how they are drawn; an older run may lack them."""
    return tiers.assign(
        raw_tier=tiers.get("raw_tier", tiers["tier"]),
        status=tiers.get("status", "final"),
    )


def _refused_rows(book: RunBook, subject_id: str, rule: Reason) -> tuple[RefusedRow, ...]:
    """The subject's own row of the register, if it was refused, then the refused records and values."""
    rows = []
    if "quarantined_at" in book.subjects:
        places = book.subjects.loc[book.subjects["subject_id"] == subject_id, "quarantined_at"].dropna()
        code = rule.ground if rule.kind == "not_rated" else ""
        for place in places:
            source, _mark, number = str(place).rpartition(":")
            rows.append(RefusedRow(source, number, code))
    if not book.incomplete.empty:
        own = book.incomplete[book.incomplete["subject_id"] == subject_id]
        rows += [RefusedRow(str(one["source"]), str(one["row"]), str(one["code"])) for one in own.to_dict("records")]
    return tuple(rows)


def _scored(book: RunBook, subject_id: str, features: pd.DataFrame | None) -> tuple[Scorecard, pd.DataFrame, int] | None:
    """The card, the one row of features and the published score; None where the subject has no score or no row."""
    scores = book.scores[book.scores["subject_id"] == subject_id] if not book.scores.empty else book.scores
    if scores.empty or features is None:
        return None
    row = features[features["subject_id"] == subject_id] if "subject_id" in features else features
    if len(row) != 1:
        raise DataError("explain: expected one row of features (got {n_rows})", n_rows=len(row))
    version = str(scores["scorecard"].iloc[0])
    card = next((card for card in book.cards.values() if card.sha256 == version), None)
    if card is None:
        raise DataError(
            "explain: expected the card {version} among the run's cards (got {n_cards} others)",
            version=version,
            n_cards=len(book.cards),
        )
    published, computed = int(scores["score"].iloc[0]), int(card.scores(row).iloc[0])
    if published != computed:
        raise DataError(
            "explain: features give the score {computed}, published is {published}: they are not of the same run",
            computed=computed,
            published=published,
        )
    return card, row, published


class _Case:
    """One subject: what its row of tiers, its card and its documents say together."""

    def __init__(
        self,
        book: RunBook,
        subject_id: str,
        row: Mapping[str, Any],
        documents: Documents,
        scored: tuple[Scorecard, pd.DataFrame, int] | None,
    ) -> None:
        self.book, self.subject_id, self.row, self.scored = book, subject_id, row, scored
        self.rule = Reason.parse(str(row.get("rule") or ""))
        self.industry = str(row.get("industry") or "")
        self.catalogue = {item.kind: item for item in book.catalogue}
        self.specs = {feature.name: feature for feature in book.features}
        self.of_card = [
            self.specs[name]
            for one in (scored[0].characteristics if scored else ())
            for name in _columns(one)
            if name in self.specs
        ]
        self.documents = documents if documents.kept != "none" else _listed(book, subject_id)
        self.numbered = dict(enumerate(self._shown(), start=1))
        self._numbers = {one.key: number for number, one in self.numbered.items()}
        self._names = _names_of(self.documents)

    def _shown(self) -> list[Document]:
        """The documents that are told: those of the rule first, then those behind the card, then those that no longer count."""
        own, day = self.documents.all, self.book.as_of
        ruled = [one for one in own if one.key in self._rule_keys()]
        signed = self._asked_ids() | self._signed_ids()
        asked = [one for one in own if self._is_among(signed, one)]
        counting = [one for feature in self.of_card for one in behind(feature, own, day)]
        over = [one for feature in self.of_card for one in behind(feature, own, day, state=None)]
        disputed = [one for one in own if one.state == "disputed"]
        if not self.specs:  # of an older run it is not known which records are behind what
            counting = [one for one in own if one.state == COUNTS]
        first = {one.key: one for one in ruled}
        rest = {one.key: one for one in [*asked, *counting]}
        last = {one.key: one for one in [*disputed, *over] if one.state != COPY}
        told: dict[tuple[str, str, str], Document] = {}
        for group in (first, rest, last):
            for one in sorted(group.values(), key=lambda one: (one.event_date, one.id), reverse=True):
                told.setdefault(one.key, one)
        return list(told.values())

    def _rule_keys(self) -> set[tuple[str, str, str]]:
        """The documents on which the override rests: the records that it names, or the newest grade of the scheme."""
        override = self._override()
        if override is None:
            return set()
        own = self.documents.all
        if override.kind is not None:
            # A record of the same kind that a person has refused is not among those of the evidence.
            named = Reason.parse(str(self.row.get("evidence") or "")).items
            listed = [one for one in own if one.table == "record" and one.kind == override.kind and one.state == COUNTS]
            return {one.key for one in listed if one.id in named or not named}
        grades = [one for one in own if one.table == "rating" and one.kind == override.scheme]
        newest = max(grades, key=lambda one: (one.event_date, one.known_date), default=None)
        return set() if newest is None else {newest.key}

    def _override(self) -> Override | None:
        return self._override_of(self.rule)

    def _held_override(self) -> Override | None:
        """The override that had set the tier which a dispute or refused records hold."""
        if self.rule.kind not in ("dispute", "incomplete"):
            return None
        return self._override_of(Reason.parse(str(self.row.get("evidence") or "")))

    def _override_of(self, reason: Reason) -> Override | None:
        if reason.kind != "override":
            return None
        return next((one for one in self.book.policy.override if one.reason.ground == reason.ground), None)

    def _is_among(self, ids: set[str], one: Document) -> bool:
        """Whether a document is one of those named so; a grade that a newer one has replaced is not."""
        newer = one.table == "rating" and any(
            other.table == one.table and other.kind == one.kind and other.event_date > one.event_date
            for other in self.documents.all
        )
        return _asked_as(one) in ids and not newer

    def _signed_ids(self) -> set[str]:
        """The records and visits on which the signature under the tier that holds rests, or the refusal of a worse one."""
        refused = self.rule.kind == "review_rejected"
        if not refused and (self.row.get("signed_tier") is None or self.row.get("signed_tier") != self.row.get("tier")):
            return set()
        return {record for record, _digest in parse_grounds(str(self.row.get("grounds") or ""))}

    def signed_documents(self) -> tuple[int, ...]:
        """Their numbers."""
        ids = self._signed_ids()
        return tuple(number for number, one in self.numbered.items() if self._is_among(ids, one))

    def _asked_ids(self) -> set[str]:
        """The records and visits that a signer is asked about and on which the signature will rest."""
        asked = self.book.asked
        if asked.empty or self.row.get("status") != "proposed":
            return set()
        rows = asked[(asked["subject_id"] == self.subject_id) & asked["rests_on"].astype(bool)]
        return set(rows["event_id"].astype(str))

    def numbers(self, documents: Sequence[Document]) -> tuple[int, ...]:
        """The numbers of documents that are told, in their order."""
        return tuple(self._numbers[one.key] for one in documents if one.key in self._numbers)

    def ground(self) -> Ground:
        """The rule that fired with its own basis; a tier by score or by a rule of the policy has the policy's.

        A tier that is held as an override had set it has the basis and the documents of that.
        """
        override, policy, held = self._override(), self.book.policy, self._held_override()
        rule = str(self.row.get("rule") or "")
        label = Label.of(self._ground_label(override, rule))
        keys = self._rule_keys()
        documents = tuple(number for number, one in self.numbered.items() if one.key in keys)
        if held is not None:
            named = set(Reason.parse(str(self.row.get("evidence") or "")).items)
            own = tuple(number for number, one in self.numbered.items() if one.table == "record" and one.id in named)
            return Ground(rule, label, held.basis, policy.effective, "", own)
        basis = policy.basis if override is None else override.basis
        return Ground(rule, label, basis, policy.effective, "" if override is None else override.tier, documents)

    def _ground_label(self, override: Override | None, rule: str) -> Text:
        """What decided in words: a grade by the label of the feature that reads its scheme."""
        if override is not None and override.scheme is not None:
            read = next((one.label for one in self.book.features if one.scheme == override.scheme and one.is_text), None)
            if read is not None:
                return Label(zh=f"{read.text('zh')}：{override.grade}", en=f"{read.text('en')}: {override.grade}")
        return rule_text(self.book, rule or str(Reason("cut")))

    def inspections(self, drawn: str) -> Inspections:
        """The rule of the policy for the tier in which the subject is drawn."""
        policy = self.book.policy
        rule = policy.rules_for(self.industry).of(drawn)  # type: ignore[arg-type] # a tier that was drawn in
        covered = self.industry in policy.full_coverage
        return Inspections(drawn, rule.ratio, rule.visits_per_year, rule.repeat_within_months, policy.annual_cap, covered)

    def signature(self) -> Signature | None:
        """What waits for a person."""
        if self.row.get("status") != "proposed":
            return None
        ids = self._asked_ids()
        numbers = (number for number, one in self.numbered.items() if self._is_among(ids, one))
        return Signature(str(self.row.get("raw_tier") or self.row["tier"]), tuple(numbers), "subject_id" in self.book.asked)

    def not_rated(self) -> NotRated:
        """Why there is no tier, and from when a firm that is too new can be rated."""
        months, day = self.book.policy.new_subject_months, None
        if self.rule.kind == "new_subject" and "registered_date" in self.book.subjects:
            own = self.book.subjects[self.book.subjects["subject_id"] == self.subject_id]
            since = next(iter(own["registered_date"].dropna()), None)
            day = None if since is None else first_outside(pd.Timestamp(since).date(), months)
        return NotRated(self.rule.why_not_rated, self.rule.ground, day)

    def waiting(self) -> Waiting | None:
        """A better score that must last."""
        since, months = self.row.get("waiting_since"), self.book.policy.stability.months
        if since is None or self.rule.kind != "stability":
            return None
        day = pd.Timestamp(since).date()
        return Waiting(day, months_after(day, months), months)

    def own_documents(self) -> tuple[OwnDocument, ...]:
        """The documents that are told, under their numbers."""
        repairable = {one.document for one in self._repairs()}
        return tuple(self._own_document(number, one, number in repairable) for number, one in self.numbered.items())

    def _own_document(self, number: int, one: Document, repairable: bool) -> OwnDocument:
        item = self.catalogue.get(one.kind)
        label: Text = item.label if item is not None else self.book.kinds.get(one.kind, one.kind)
        if one.table == "rating":
            label = next((spec.label for spec in self.book.features if spec.scheme == one.kind and spec.is_text), one.kind)
        ends = self._ends(one)
        return OwnDocument(
            number=number, table=one.table, id=one.id, kind=one.kind, label=Label.of(label), event_date=one.event_date,
            known_date=one.known_date, document_no=one.document_no, named=self._names.get(one.key, ""),
            provider=one.provider or (item.provider if item else ""),
            severity=one.severity, amount="" if one.amount is None else str(one.amount), result=one.result,
            valid_until=one.valid_until, state=one.state, since=one.since, carried=one.carried,
            ends_on=ends[0] if ends else None, ends_why=ends[1] if ends else "", repairable=repairable,
        )  # fmt: skip

    def _ends(self, one: Document) -> tuple[dt.date, str] | None:
        """From when on a document is behind nothing of the card nor of the rule, by the passing of time; why."""
        if one.state != COUNTS:
            return None
        readers = [spec for spec in self.of_card if one in behind(spec, self.documents.all, self.book.as_of)]
        ends = [leaves_on(spec, one) for spec in readers]
        if one.key in self._rule_keys() or not ends:
            # A rule has no window: it holds as long as the record may be used.
            return None if one.until is None else (one.until + dt.timedelta(days=1), _why(one))
        if any(end is None for end in ends):
            return None
        return max((end for end in ends if end is not None), key=lambda end: end[0])

    def points(self) -> Points | None:
        """How the score came about."""
        if self.scored is None:
            return None
        card, row, score = self.scored
        blocks, baseline = scoring.block_points(card, row).iloc[0], _baseline(card, score)
        situation = self._situation()
        levels = situation.levels
        by_score = situation.tier_of(score)
        place = TIERS.index(by_score)
        level = levels[place] if place < len(levels) else None
        above = levels[place - 1] if place else None
        return Points(
            score=score,
            probability_ppm=int(scoring.probability_ppm(card, card.scores(row)).iloc[0]),
            card=card.sha256,
            constant=card.constant,
            lines=tuple(self._line(one, baseline) for one in card.characteristics),
            blocks={source: int(blocks[f"points_{source}"]) for source in SOURCES},
            baseline_name=baseline.name,
            baseline_score=card.constant + sum(baseline.points.values()),
            by_score=by_score,
            next_tier=TIERS[place - 1] if place else "",
            needed=0 if above is None else above - score,
            margin=None if level is None else score - level,
            industry=_industry_label(self.book, self.industry),
            card_industry=_industry_label(self.book, card.industry),
        )

    def _situation(self) -> Situation:
        assert self.scored is not None  # noqa: S101 - asked of scored subjects only
        card, row, score = self.scored
        levels = cut_levels(self.book, card, self.industry)
        return Situation(card, row, score, levels, self.of_card, self.documents.all, self.book.as_of)

    def _line(self, one: Characteristic, baseline: Baseline) -> Line:
        assert self.scored is not None  # noqa: S101 - asked of scored subjects only
        card, row, _score = self.scored
        bin_ = one.attributes[int(scoring.positions(card, row).iloc[0][one.name])]
        values = ["" if name not in row or pd.isna(row[name].iloc[0]) else str(row[name].iloc[0]) for name in _columns(one)]
        specs = [self.specs[name] for name in _columns(one) if name in self.specs]
        found = [(spec, each) for spec in specs for each in behind(spec, self.documents.all, self.book.as_of)]
        aggregate = "cross" if one.features else specs[0].aggregate if specs else ""
        value, known = " × ".join(values), "value" if one.features else self._known(one, specs, values[0], found=bool(found))
        days = [day for spec, each in found for day in self._days(spec, each)]
        if aggregate == "days_since_last" and found and bin_.upper is not None and known == "value":
            days.append(self.book.as_of + dt.timedelta(days=math.ceil(bin_.upper - float(value))))
        return Line(
            name=one.name, label=one.label, source=one.source, value=value, unit=one.unit, aggregate=aggregate,
            bin=Label.of(attribute_text(one, bin_, card)), points=bin_.points, baseline=baseline.points[one.name],
            documents=tuple(dict.fromkeys(self.numbers([each for _spec, each in found]))), changes_on=min(days, default=None),
            known=known, would_tell=self._would_tell(specs) if known == "nothing" else (),
        )  # fmt: skip

    def _known(self, one: Characteristic, specs: Sequence[FeatureSpec], value: str, *, found: bool) -> Known:
        """Whether a value is one, or stands for nothing known, such as the one that a feature has without records."""
        empty = next((spec.empty for spec in specs), None)
        instead = not found and (value in ("0", "0.0") or (empty is not None and _same(value, empty)))
        if one.source == "self_declared":
            return "undeclared" if value == "" or instead else "value"
        if value == "":
            return "nothing"
        return "none" if instead and empty is not None and self.documents.kept == "all" else "value"

    def _would_tell(self, specs: Sequence[FeatureSpec]) -> tuple[Label, ...]:
        """The kinds of records from which a characteristic would be known."""
        kinds = dict.fromkeys(kind for spec in specs for kind in spec.kind)
        return tuple(self.catalogue[kind].label for kind in kinds if kind in self.catalogue)

    def _days(self, spec: FeatureSpec, one: Document) -> list[dt.date]:
        """The days on which a document weighs less in a feature, or nothing any more."""
        end, lighter = leaves_on(spec, one), lighter_on(spec, one, self.book.as_of)
        return [day for day in (end and end[0], lighter) if day is not None]

    def _repairs(self) -> tuple[Repair, ...]:
        return repairs_of(self.numbered, self.catalogue, self.of_card, self.book.as_of, self.book.repair_periods)

    def advice(self, points: Points | None) -> Advice:
        """What the subject can change; of an older run, which does not know what can be, nothing."""
        repairs = self._repairs()
        if points is None or self.scored is None:
            return Advice(repairs)
        own = {line.name: line.points for line in points.lines}
        declarations = declarations_of(self.scored[0], own, self.of_card) if self.specs else ()
        return advice_of(self._situation(), repairs, self.numbered, declarations)


def _columns(one: Characteristic) -> tuple[str, ...]:
    """The features that a characteristic reads: a cross reads two."""
    return one.features or (one.name,)


def _asked_as(one: Document) -> str:
    """A document as it stands among those that a signer is asked about."""
    return {"record": one.id, "visit": VISIT_PREFIX + one.id, "rating": f"{one.kind}={one.result}"}[one.table]


def _same(value: str, empty: int | str) -> bool:
    """Whether the text of a value is the one that a feature has without records."""
    try:
        return float(value) == float(empty)
    except ValueError:
        return value == str(empty)


def _names_of(documents: Documents) -> dict[tuple[str, str, str], str]:
    """What names each document in an objection, and no other of the firm: the number that it has, or else its id.

    A number that is masked names nothing, and neither does one of which it is not known whether other records have it.
    """
    records = [one for one in documents.all if one.table == "record"]
    ids, owners = {one.id for one in records}, defaultdict[str, set[str]](set)
    for one in records:
        owners[one.document_no].add(one.id)
    names = {}
    for one in documents.all:
        usable = one.document_no and "*" not in one.document_no and one.document_no not in ids
        alone = documents.kept == "all" and len(owners[one.document_no]) == 1
        own = rating_id(one.id, one.event_date) if one.table == "rating" else one.id
        names[one.key] = one.document_no if usable and alone else own
    return names


def _why(one: Document) -> str:
    return "own_end" if one.until == one.valid_until else "retention"


def _listed(book: RunBook, subject_id: str) -> Documents:
    """The listings of a rule, which every run keeps, where it kept no other record."""
    if book.lists.empty or "event_id" not in book.lists:
        return Documents()
    rows = book.lists[book.lists["subject_id"] == subject_id]
    found = Documents.of(rows.assign(known_date=None), None, None, kept="adverse")
    return Documents(found.all, "none")


def _baseline(card: Scorecard, score: int) -> Baseline:
    """The baseline of the smallest cut above the score; above every cut, the baseline for all scores."""
    with_cut, default = reasons.baselines(card)
    return next((one for one in with_cut if (one.above_score or 0) > score), default)
