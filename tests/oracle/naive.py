"""Features in plain Python, straight from their definitions: slow, obvious, and sharing no code with the library."""

import calendar
import datetime as dt


def months_before(day, months):
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def hidden(event, changes, as_of):
    """Whether a change known by then repairs or withdraws the event, or leaves it disputed."""
    known = [c for c in changes if c["event_id"] in event["told_as"] and c["effective_date"] <= as_of and c["known_date"] <= as_of]
    if any(c["change"] in ("repaired", "withdrawn", "dispute_upheld") for c in known):
        return True
    disputes = [c["effective_date"] for c in known if c["change"] == "disputed"]
    rejections = [c["effective_date"] for c in known if c["change"] == "dispute_rejected"]
    return any(not any(rejected >= opened for rejected in rejections) for opened in disputes)


def visible(subject, events, changes, as_of):
    """The events of a subject that count on a day, each incident once (the telling known first)."""
    mine = [e for e in events if e["subject_id"] == subject]
    seen = []
    for event in mine:
        incident = event.get("incident_id") or event.get("document_no")
        same = [
            e
            for e in mine
            if e["kind"] == event["kind"] and incident and incident == (e.get("incident_id") or e.get("document_no"))
        ]
        event = {**event, "told_as": {e["event_id"] for e in same} or {event["event_id"]}}
        until = event.get("valid_until")
        if (
            event["event_date"] <= as_of
            and event["known_date"] <= as_of
            and not (until and until < as_of)
            and not hidden(event, changes, as_of)
        ):
            seen.append(event)
    first = {}
    for event in sorted(seen, key=lambda e: (e["known_date"], e["event_id"])):
        first.setdefault(min(event["told_as"]), event)
    return list(first.values())


def value(spec, events, as_of):
    """One feature over the visible events."""
    start = months_before(as_of, spec.months) if spec.months else dt.date.min
    rows = [e for e in events if e["kind"] in spec.kind and e["event_date"] > start]
    rows = [e for e in rows if spec.severity_min is None or (e.get("severity") or 0) >= spec.severity_min]
    rows = [e for e in rows if spec.amount_min is None or (e.get("amount") or 0) >= spec.amount_min]
    rows = [e for e in rows if not spec.result or e.get("result") in spec.result]
    rows = [e for e in rows if spec.verified is None or e.get("verified") is spec.verified]
    return AGGREGATES[spec.aggregate](spec, rows, as_of)


def numbers(spec, rows):
    return [e[spec.column] for e in rows if e.get(spec.column) is not None]


def newest(rows, wanted):
    rows = [e for e in rows if e.get(wanted) is not None]
    return max(rows, key=lambda e: (e["event_date"], e["event_id"]))[wanted] if rows else None


def share(spec, rows, as_of):
    if len(rows) < spec.minimum or len(rows) + spec.prior == 0:
        return None
    hits = sum(e.get("result") in spec.share_of for e in rows)
    return (hits * 1000 + round(spec.prior * spec.prior_share * 1000)) * 1_000_000 // (len(rows) * 1000 + round(spec.prior * 1000))


def banded(spec, rows, as_of):
    total = 0
    for event in rows:
        weight = next((band.weight for band in spec.bands if event["event_date"] > months_before(as_of, band.months)), 0)
        severity = 1 if event.get("severity") is None else event["severity"]
        total += weight * (min(severity, spec.cap) if spec.cap else severity)
    return total


AGGREGATES = {
    "count": lambda spec, rows, as_of: len(rows),
    "sum": lambda spec, rows, as_of: float(sum(numbers(spec, rows))) if spec.column == "amount" else sum(numbers(spec, rows)),
    "max": lambda spec, rows, as_of: max(numbers(spec, rows), default=None),
    "min": lambda spec, rows, as_of: min(numbers(spec, rows), default=None),
    "distinct": lambda spec, rows, as_of: len(set(numbers(spec, rows))),
    "days_since_last": lambda spec, rows, as_of: (as_of - max(e["event_date"] for e in rows)).days if rows else None,
    "latest": lambda spec, rows, as_of: newest(rows, spec.column),
    "share": share,
    "banded_sum": banded,
    "on_list": lambda spec, rows, as_of: int(bool(rows)),
}


def version(versions, subject, as_of):
    """The newest version of a subject that had begun and was known on a day."""
    known = [v for v in versions if v["subject_id"] == subject and v["valid_from"] <= as_of and v["known_date"] <= as_of]
    return max(known, key=lambda v: (v["valid_from"], v["known_date"]), default=None)


def in_scope(versions, subject, as_of):
    """Whether a card may score the subject that day."""
    one = version(versions, subject, as_of)
    return (
        one is not None
        and one["subject_type"] == "enterprise"
        and one["status"] in ("active", "suspended")
        and not (one["deregistered_date"] and one["deregistered_date"] <= as_of)
        and not (one["registered_date"] and one["registered_date"] > as_of)
    )


def tenure(versions, subject, as_of):
    """Completed calendar months since registration, by the newest version that tells the day."""
    one = version([v for v in versions if v["registered_date"]], subject, as_of)
    if one is None:
        return None
    since = one["registered_date"]
    months = (as_of.year - since.year) * 12 + as_of.month - since.month
    return months - (as_of.day < since.day)


def grade(ratings, subject, as_of, months):
    """The newest grade inside a window, and its age in days."""
    start = months_before(as_of, months) if months else dt.date.min
    seen = [r for r in ratings if r["subject_id"] == subject and start < r["event_date"] <= as_of and r["known_date"] <= as_of]
    newest = max(seen, key=lambda r: r["event_date"], default=None)
    return (None, None) if newest is None else (newest["grade"], (as_of - newest["event_date"]).days)


def finding_ratio(spec, visits, subject, as_of):
    """Found over expected, in ppm, by rates and effects known at the quarter's start; whole numbers throughout."""
    quarter = dt.date(as_of.year, 3 * ((as_of.month - 1) // 3) + 1, 1)
    told = [{**v, "found": found(spec, v)} for v in visits if v["outcome"] in ("none", "violation")]
    known = [v for v in told if v["known_date"] <= quarter]
    rates = {
        t: sum(v["found"] for v in group) * 10**6 // len(group) for t, group in grouped(known, lambda v: [v["trigger"]]).items()
    }
    pseudo = round(spec.inspector_prior * 10**6)
    effects = {
        person: (sum(v["found"] for v in group) * 10**6 + pseudo) * 10**6 // (sum(rates[v["trigger"]] for v in group) + pseudo)
        for person, group in grouped(known, lambda v: v["inspectors"]).items()
    }
    start = months_before(as_of, spec.months) if spec.months else dt.date.min
    mine = [v for v in told if v["subject_id"] == subject and start < v["event_date"] <= as_of and v["known_date"] <= as_of]
    mine = [v for v in mine if v["trigger"] in rates]
    if not mine:
        return spec.empty
    expected = 0
    for visit in mine:
        people = [effects.get(person, 10**6) for person in visit["inspectors"]] or [10**6]
        expected += rates[visit["trigger"]] * sum(people) // (len(people) * 10**6)
    prior = round(spec.prior * 10**6)
    return (sum(v["found"] for v in mine) * 10**6 + prior) * 10**6 // (expected + prior)


def found(spec, visit):
    severe = spec.severity_min is None or (visit["severity"] or 0) >= spec.severity_min
    return int(visit["outcome"] == "violation" and severe)


def grouped(rows, keys):
    groups = {}
    for row in rows:
        for key in keys(row):
            groups.setdefault(key, []).append(row)
    return groups
