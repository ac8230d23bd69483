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
from scipy.stats import chi2

from creditscore.errors import DrawError
from creditscore.tiering.draw import draw, draw_expression, ticket, ticket_expression, tickets

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
    assert ticket(seed=seed, task=task, subject_id=subject) == hashlib.sha256(text.encode("utf-8")).hexdigest()


def test_a_known_ticket_stays_what_it_was():
    # printf '%s' '彩票 2024-05-01: 03 08|2024Q2-food|91350100M000100Y43' | sha256sum
    expected = "063dd80bae0f562f34033bfd17dfbdb6c301a5f671d459055ac5a3d296f0d5a3"
    assert ticket(seed="彩票 2024-05-01: 03 08", task="2024Q2-food", subject_id="91350100M000100Y43") == expected


def test_the_same_text_in_two_unicode_forms_has_one_ticket():
    assert ticket(seed="é", task="t", subject_id="x") == ticket(seed="e\u0301", task="t", subject_id="x")


@pytest.mark.parametrize("parts", [("a|b", "t", "x"), ("a", "t|u", "x"), ("a", "t", "x|y"), ("", "t", "x"), ("a\n", "t", "x")])
def test_a_part_that_could_be_read_in_two_ways_is_refused(parts):
    seed, task, subject = parts
    with pytest.raises(DrawError, match=r"without '\|'"):
        ticket(seed=seed, task=task, subject_id=subject)


def test_removing_one_drawn_subject_changes_exactly_one_place():
    before = drawn(IDS, 10)
    for gone in before:
        after = drawn([subject for subject in IDS if subject != gone], 10)
        assert len(before & after) == 9
        assert before - after == {gone}


def test_removing_one_subject_that_is_not_drawn_changes_nothing():
    before = drawn(IDS, 10)
    for gone in sorted(set(IDS) - before)[:20]:
        assert drawn([subject for subject in IDS if subject != gone], 10) == before


def test_any_order_gives_the_same_sample():
    rng = np.random.default_rng(3)
    assert all(drawn(list(rng.permutation(IDS)), 10) == drawn(IDS, 10) for _ in range(20))


def test_a_larger_target_only_adds():
    assert drawn(IDS, 5) < drawn(IDS, 8) < drawn(IDS, 20)


def test_over_2000_seeds_everyone_and_every_pair_is_drawn_equally_often():
    ids, seeds, n = IDS[:20], 2000, 5
    found = [ticket for seed in range(seeds) for ticket in tickets(ids, seed=f"seed {seed}", task="t")]
    stratum = pd.Series([str(seed) for seed in range(seeds) for _ in ids])  # one stratum per seed
    hits = draw(stratum, pd.Series(found), targets={str(seed): n for seed in range(seeds)}).to_numpy(dtype=float).reshape(seeds, -1)
    share = n / len(ids)
    # Draws without replacement: the statistic is chi-square with N-1 degrees after this factor.
    single = ((hits.sum(0) - seeds * share) ** 2).sum() / (seeds * share * (1 - share)) * (len(ids) - 1) / len(ids)
    assert chi2.sf(single, len(ids) - 1) > 0.01
    together = (hits.T @ hits)[np.triu_indices(len(ids), 1)]
    expected = seeds * n * (n - 1) / (len(ids) * (len(ids) - 1))
    assert abs(together / expected - 1).max() < 0.45  # 4 standard deviations of a count of 105


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


def test_duckdb_draws_the_same_sample():
    frame = pd.DataFrame({"subject_id": IDS, "stratum": [f"t|{'AB'[place % 2]}|food" for place in range(len(IDS))]})
    targets = {"t|A|food": 3, "t|B|food": 9}
    mine = draw(frame["stratum"], pd.Series(tickets(IDS, seed="s", task="t")), targets=targets)
    subjects = ibis.table({"subject_id": "string", "stratum": "string"}, name="subjects")
    strata = ibis.table({"stratum": "string", "target": "int64"}, name="strata")
    query = str(ibis.to_sql(draw_expression(subjects, strata, seed="s", task="t"), dialect="duckdb"))
    with duckdb.connect() as connection:
        connection.register("subjects", frame)
        connection.register("strata", pd.DataFrame({"stratum": list(targets), "target": list(targets.values())}))
        theirs = {row[0] for row in connection.sql(query).fetchall() if row[3]}
    assert theirs == set(frame["subject_id"][mine])
