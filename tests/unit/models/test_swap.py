"""The swap set: who is picked by one model only, with what is found there."""

import numpy as np
import pandas as pd
import pytest

from creditscore.errors import DataError
from creditscore.models.swap import swap_set


def test_cells_count_subjects_picked_by_each_model():
    y = [1, 0, 1, 0, 0, 0, 0, 1, 0, 0]
    ours = np.array([0.9, 0.8, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.05])
    theirs = np.array([0.9, 0.1, 0.8, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.05])
    found = swap_set(y, ours, theirs, share=0.2)
    assert found.cells["rows"].to_dict() == {"both": 1, "only_ours": 1, "only_theirs": 1, "neither": 7}
    assert found.cells["bad_rate"].to_dict() == {"both": 1.0, "only_ours": 0.0, "only_theirs": 1.0, "neither": pytest.approx(1 / 7)}
    assert found.cells["share"].sum() == pytest.approx(1)


def test_ties_at_the_last_rank_are_all_picked_and_the_share_shows_it():
    found = swap_set([1, 0, 1, 0], [0.5, 0.5, 0.5, 0.1], [0.5, 0.4, 0.3, 0.1], share=0.25)
    assert found.share_ours == pytest.approx(0.75)
    assert found.share_theirs == pytest.approx(0.25)


def test_weights_count_and_rows_of_weight_zero_do_not():
    y, p = [1, 0, 0, 1], [0.9, 0.5, 0.4, 0.8]
    found = swap_set(y, p, p, share=0.5, sample_weight=[1, 1, 2, 0], reasons=pd.DataFrame({"reason_1": ["a", "b", "a", "c"]}))
    assert found.cells.loc["both", "rows"] == 2
    assert found.cells.loc["both", "bad_rate"] == pytest.approx(0.5)
    assert found.reasons["both"].to_dict() == {"a": 1, "b": 1}


def test_the_order_of_rows_changes_nothing():
    rng = np.random.default_rng(0)
    y, one, other = rng.integers(0, 2, 500), rng.random(500).round(2), rng.random(500).round(2)
    order = rng.permutation(500)
    first, second = swap_set(y, one, other), swap_set(y[order], one[order], other[order])
    pd.testing.assert_frame_equal(first.cells, second.cells)


@pytest.mark.parametrize("share", [0, 1, -0.2])
def test_an_invalid_share_is_refused(share):
    with pytest.raises(DataError, match="share"):
        swap_set([0, 1], [0.1, 0.2], [0.1, 0.2], share=share)


def test_reasons_of_other_rows_are_refused():
    with pytest.raises(DataError, match="reasons"):
        swap_set([0, 1], [0.1, 0.2], [0.1, 0.2], reasons=pd.DataFrame({"reason_1": ["a"]}))


def test_reasons_without_a_first_reason_are_refused():
    with pytest.raises(DataError, match="reason_1"):
        swap_set([0, 1], [0.1, 0.2], [0.1, 0.2], reasons=pd.DataFrame(index=range(2)))
