"""Since when, mended, by whom, and the profile of a delivery are the same on every engine."""

import datetime as dt

import pytest
from support.deliveries import EVENTS, Delivery, csv_sources, event_line, subject_line, text, valid_codes

from creditscore.engine import Engine
from creditscore.records.deliveries.checkup import check_up
from creditscore.records.deliveries.drift import Earlier
from creditscore.records.deliveries.fault_history import history_table

APRIL, MAY = dt.date(2024, 4, 30), dt.date(2024, 5, 31)


@pytest.fixture(scope="module")
def months(tmp_path_factory):
    """April with faults of several kinds, and May with some of them put right."""
    codes = valid_codes(4)
    wrong = codes[3][:-1] + ("0" if codes[3][-1] != "0" else "1")
    events = {"column": [{"to": "provider", "column": "unit"}]}
    deliveries = []
    for name, last, lines in (
        (
            "april",
            wrong,
            [event_line("F1", codes[0], event_date="soon"), event_line("F2", codes[0], amount="x"), event_line("F3", "S9")],
        ),
        (
            "may",
            codes[3],
            [event_line("F1", codes[0]), event_line("F2", codes[0], amount="x"), event_line("F4", codes[1], kind="gossip")],
        ),
    ):
        delivery = Delivery(tmp_path_factory.mktemp(name), sources=csv_sources(id_scheme="uscc", events=events))
        delivery.subjects(*(subject_line(code, f"店{number}") for number, code in enumerate([*codes[:3], last])))
        good = [event_line(f"E{n}", codes[n % 3], result="upheld" if n % 2 else "halved") for n in range(8)]
        delivery.file(
            "events.csv", text(f"{EVENTS},unit", [f"{line},{'税务局' if n % 2 else '法院'}" for n, line in enumerate(good + lines)])
        )
        deliveries.append(delivery)
    return deliveries


def told(engine, months):
    april, may = months
    first = check_up(april.open(engine), as_of=APRIL)
    earlier = Earlier(profile=first.profile, rejects=history_table(first.rejects), as_of=APRIL)
    second = check_up(may.open(engine), as_of=MAY, earlier=earlier)
    parts = [history_table(one.rejects).to_pylist() for one in (first, second)]
    return [*parts, first.profile.to_pylist(), second.deliveries.to_dict("records"), second.table().to_dict("records")]


def test_both_engines_tell_the_same(engine, months):
    here = told(engine, months)
    assert [row["mended"] for row in here[3] if row["mended"]]
    assert here == told(Engine.duckdb(), months)
