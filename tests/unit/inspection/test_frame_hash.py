"""The hash that is published before the seed."""

import pytest

from creditscore.errors import DrawError
from creditscore.inspection.frame_hash import frame_hash_2 as frame_hash

STRATA = [["t|A|food", "A", "food", "", 2, 1, 10_000, False, 0], ["t|B|food", "B", "food", "", 1, 1, 20_000, False, 0]]
ROWS = [[f"S{place}", "名|称", "food", "", "A", "t|A|food", "", ""] for place in range(3)]


def test_the_order_of_subjects_and_strata_does_not_matter():
    assert frame_hash({"a": 1}, STRATA, ROWS) == frame_hash({"a": 1}, STRATA[::-1], ROWS[::-1])


def test_text_cannot_move_from_one_cell_to_the_next():
    moved = [[row[0] + row[1][0], row[1][1:], *row[2:]] for row in ROWS]
    assert frame_hash({}, STRATA, ROWS) != frame_hash({}, STRATA, moved)


@pytest.mark.parametrize("place", range(8))
def test_every_cell_of_a_subject_is_part_of_it(place):
    changed = [list(row) for row in ROWS]
    changed[1][place] = "S9"
    assert frame_hash({}, STRATA, changed) != frame_hash({}, STRATA, ROWS)


@pytest.mark.parametrize("place", range(9))
def test_every_cell_of_a_stratum_is_part_of_it(place):
    changed = [list(row) for row in STRATA]
    changed[1][place] = 7
    assert frame_hash({}, changed[1:], ROWS) != frame_hash({}, STRATA[1:], ROWS)


def test_a_subject_appears_in_a_frame_once():
    with pytest.raises(DrawError, match="S1 twice"):
        frame_hash({}, STRATA, [*ROWS, ROWS[1]])
