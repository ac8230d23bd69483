"""Nothing arrived, far less arrived than yesterday, or a file is truncated."""

import datetime as dt

import pyarrow.parquet as pq
import pytest
from support.deliveries import EVENTS, SUBJECTS, Delivery, csv_sources, event_line, findings, profile_of, subject_line, text
from support.nights import night, sign_a_card
from support.projects import event, subject, write_tables

from creditscore.errors import DataError
from creditscore.records.deliveries.drift import drifts

LATER = dt.date(2024, 5, 1)


def test_a_register_without_subjects_is_refused(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.file("subjects.csv", text(SUBJECTS, []))
    with pytest.raises(DataError, match=r"expected at least one subject .got 0 after checks"):
        delivery.open()


def test_a_source_without_rows_is_a_warning_by_name(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.file("events.csv", text(EVENTS, []))
    told = findings(delivery.open(), "source")
    assert told[told["level"] == "warning"]["code"].tolist() == ["records"]
    coverage = findings(delivery.open(), "coverage")
    assert set(coverage["level"]) == {"warning"}
    assert coverage["rows"].sum() == 0


def test_a_source_without_its_file_is_refused_by_name(tmp_path):
    delivery = Delivery(tmp_path)
    (delivery.data / "events.csv").unlink()
    with pytest.raises(DataError, match=r'events\.csv: expected the file of source "records" below data/'):
        delivery.open()


@pytest.fixture
def two_nights(tmp_path):
    """A delivery whose first night is over."""
    delivery = Delivery(tmp_path)
    delivery.subjects(*(subject_line(f"S{n}") for n in range(100)))
    delivery.events(*(event_line(f"E{n}", f"S{n}") for n in range(60)))
    sign_a_card(delivery)
    said = night(delivery, tmp_path / "out")
    assert said.code == 0, said.err
    return delivery, tmp_path / "out"


def test_a_third_fewer_rows_are_refused_until_accepted(two_nights):
    delivery, out = two_nights
    before = (out / "2024-04-30" / "manifest.json").read_bytes()
    delivery.subjects(*(subject_line(f"S{n}") for n in range(69)))
    delivery.events(*(event_line(f"E{n}", f"S{n}") for n in range(60)))
    refused = night(delivery, out, as_of=LATER)
    assert refused.code == 2
    assert "subjects (register): expected about as many rows as before (100; got 69)" in refused.err
    assert "--accept" in refused.err
    assert not (out / "2024-05-01" / "manifest.json").exists()
    assert (out / "2024-04-30" / "manifest.json").read_bytes() == before
    accepted = night(delivery, out, "--accept", as_of=LATER)
    assert accepted.code == 0, accepted.err
    checkup = pq.read_table(out / "2024-05-01" / "checkup.parquet").to_pylist()
    assert [row["rule"] for row in checkup if (row["section"], row["level"]) == ("drift", "error")] == [
        "expected about as many rows as before (100; got 69)"
    ]


def test_a_few_rows_less_pass(two_nights):
    delivery, out = two_nights
    delivery.subjects(*(subject_line(f"S{n}") for n in range(75)))
    delivery.events(*(event_line(f"E{n}", f"S{n}") for n in range(50)))
    assert night(delivery, out, as_of=LATER).code == 0


def test_each_source_is_compared_on_its_own(tmp_path):
    more = {"name": "more", "table": "events", "file": "more.csv", "format": "csv"}
    before, now = (Delivery(tmp_path / name, sources=csv_sources(others=[more])) for name in ("before", "now"))
    for delivery, few in ((before, 60), (now, 3)):
        delivery.events(*(event_line(f"E{n}") for n in range(900)))
        delivery.file("more.csv", text(EVENTS, [event_line(f"M{n}") for n in range(few)]))
    found = drifts(profile_of(now.open()), profile_of(before.open()), max_row_drop=0.3)
    assert {(finding.code, finding.level) for finding in found if "rows as before" in str(finding.rule)} == {("more", "error")}


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.95])
def test_a_truncated_parquet_file_is_refused_before_any_write(tmp_path, share):
    sources = {"id_scheme": "local", "source": [{"name": n, "table": n, "file": f"{n}.parquet"} for n in ("subjects", "events")]}
    delivery = Delivery(tmp_path, sources=sources)
    write_tables(
        delivery.data, subjects=[subject("S1")], events=[event(f"E{n}", "S1", "penalty", dt.date(2024, 1, 1)) for n in range(2000)]
    )
    sign_a_card(delivery)
    whole = (delivery.data / "events.parquet").read_bytes()
    (delivery.data / "events.parquet").write_bytes(whole[: int(len(whole) * share)])
    said = night(delivery, tmp_path / "out")
    assert said.code == 2
    assert "events.parquet：应为完整的 Parquet 文件" in said.err
    assert not (tmp_path / "out" / "2024-04-30").exists()


def _gossip(wrong, of, first="E"):
    return [event_line(f"{first}{n}", kind="gossip" if n < wrong else "penalty") for n in range(of)]


def test_a_mostly_quarantined_source_is_refused_with_its_reasons(tmp_path):
    delivery = Delivery(tmp_path, sources=csv_sources(max_quarantined=0.05))
    delivery.events(*_gossip(150, 1000))
    said = r'source "records" \(events\.csv\): expected at most 5\.0% .*got 150 of 1000, 15\.0%, the first in row 2: a kind outside the catalogue \(150\)\).*max_quarantined'
    with pytest.raises(DataError, match=said):
        delivery.open()
    delivery.events(*_gossip(40, 1000))
    assert delivery.open().outcomes["events"].quarantined == 40


def test_without_a_limit_a_source_that_loses_more_rows_than_it_keeps_is_refused(tmp_path):
    other = {"name": "court", "table": "events", "file": "court.csv", "format": "csv"}
    delivery = Delivery(tmp_path, sources=csv_sources(others=[other]))
    delivery.events(*_gossip(0, 1000))
    # Nine rows in a hundred of the table, and nine in ten of the source.
    delivery.file("court.csv", text(EVENTS, _gossip(91, 100, "C")))
    with pytest.raises(DataError, match=r'source "court" \(court\.csv\): expected at most 50\.0% .*got 91 of 100, 91\.0%'):
        delivery.open()
    delivery.file("court.csv", text(EVENTS, _gossip(50, 100, "C")))
    assert delivery.open().outcomes["events"].quarantined == 50


def test_the_share_of_few_rows_says_little(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.events(*_gossip(20, 20))
    assert delivery.open().outcomes["events"].quarantined == 20


def test_a_source_may_have_a_limit_of_its_own(tmp_path):
    delivery = Delivery(tmp_path, sources=csv_sources(events={"max_quarantined": 0.95}, max_quarantined=0.05))
    delivery.events(*_gossip(91, 100))
    assert delivery.open().outcomes["events"].quarantined == 91


def test_a_night_over_a_broken_source_ends_with_a_refusal(tmp_path):
    delivery = Delivery(tmp_path)
    sign_a_card(delivery)
    delivery.events(*_gossip(91, 100))
    said = night(delivery, tmp_path / "out")
    assert said.code == 2
    assert "来源“records”（events.csv）：隔离的行不得超过 50.0%（100 行中有 91 行，占 91.0%，首行为第 2 行" in said.err
    assert not (tmp_path / "out" / "2024-04-30").exists()
