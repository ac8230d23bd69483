"""Tickets and who is drawn."""

import hashlib
import unicodedata

import duckdb
import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditscore.errors import DrawError
from creditscore.inspection.draw import draw
from creditscore.inspection.tickets import ticket_expression, tickets

IDS = [f"91431100MA{place:08d}" for place in range(120)]
PART = st.text(st.characters(blacklist_characters="|", whitelist_categories=("L", "N", "P")), min_size=1, max_size=20)


def drawn(ids, target, *, seed="s", task="t"):
    frame = pd.DataFrame({"subject_id": ids, "ticket": tickets(ids, seed=seed, task=task)})
    return set(frame["subject_id"][draw(pd.Series("x", frame.index), frame["ticket"], targets={"x": target})])


@given(seed=PART, task=PART, subject=PART)
def test_a_ticket_is_the_sha256_of_seed_task_and_subject(seed, task, subject):
    text = (
        unicodedata.normalize("NFC", seed) + "|" + unicodedata.normalize("NFC", task) + "|" + unicodedata.normalize("NFC", subject)
    )
    assert tickets([subject], seed=seed, task=task) == [hashlib.sha256(text.encode("utf-8")).hexdigest()]


def test_a_known_ticket_never_changes():
    # printf '%s' '彩票 2024-05-01: 03 08|2024Q2-food|91350100M000100Y43' | sha256sum
    expected = "063dd80bae0f562f34033bfd17dfbdb6c301a5f671d459055ac5a3d296f0d5a3"
    assert tickets(["91350100M000100Y43"], seed="彩票 2024-05-01: 03 08", task="2024Q2-food") == [expected]


def test_the_same_text_in_two_unicode_forms_has_one_ticket():
    assert tickets(["x"], seed="é", task="t") == tickets(["x"], seed="e\u0301", task="t")


@pytest.mark.parametrize("parts", [("a|b", "t", "x"), ("a", "t|u", "x"), ("a", "t", "x|y"), ("", "t", "x"), ("a\n", "t", "x")])
def test_a_part_that_could_be_read_in_two_ways_is_refused(parts):
    seed, task, subject = parts
    with pytest.raises(DrawError, match=r"without '\|'"):
        tickets([subject], seed=seed, task=task)


def test_removing_a_drawn_subject_changes_exactly_one_choice():
    before = drawn(IDS, 10)
    for gone in before:
        after = drawn([subject for subject in IDS if subject != gone], 10)
        assert len(before & after) == 9
        assert before - after == {gone}


def test_removing_an_undrawn_subject_changes_nothing():
    before = drawn(IDS, 10)
    for gone in sorted(set(IDS) - before)[:20]:
        assert drawn([subject for subject in IDS if subject != gone], 10) == before


def test_any_order_gives_the_same_sample():
    rng = np.random.default_rng(3)
    assert all(drawn(list(rng.permutation(IDS)), 10) == drawn(IDS, 10) for _ in range(20))


def test_a_larger_target_only_adds():
    assert drawn(IDS, 5) < drawn(IDS, 8) < drawn(IDS, 20)


def test_two_tasks_draw_independently():
    both = len(drawn(IDS, 60, task="t") & drawn(IDS, 60, task="u"))
    assert 18 <= both <= 42  # hypergeometric, mean 30, sd 2.7


def test_a_target_beyond_the_stratum_is_refused():
    with pytest.raises(DrawError, match="0 to 120"):
        drawn(IDS, 121)


def test_duckdb_computes_the_same_tickets():
    table = ibis.table({"subject_id": "string"}, name="subjects")
    query = ibis.to_sql(table.mutate(ticket=ticket_expression(table, seed="彩票 03", task="t")), dialect="duckdb")
    with duckdb.connect() as connection:
        connection.register("subjects", pd.DataFrame({"subject_id": IDS}))
        found = dict(connection.sql(str(query)).fetchall())
    assert found == dict(zip(IDS, tickets(IDS, seed="彩票 03", task="t"), strict=True))
