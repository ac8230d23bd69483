"""The tree of salted rows: a proof for each, nothing about the others, and the same root on every engine."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creditscore.inspection.frame_hash import leaves_of
from creditscore.inspection.merkle import Tree, canonical_row, climb, content_of, digits_for

KEY = "0f" * 32
NAMES = st.sets(
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="|"), min_size=1), min_size=1, max_size=60
)


def rows_of(names):
    return {name: canonical_row([name, "food", "A"]) for name in names}


@settings(max_examples=40, deadline=None)
@given(NAMES)
def test_every_row_climbs_to_the_root_and_no_other_row_does(names):
    leaves = leaves_of(rows_of(names), key=KEY, task="t")
    tree = Tree.of(leaves)
    for name, leaf in leaves.items():
        path = tree.path(name, leaf)
        assert climb(leaf, path) == tree.root
        assert climb(hashlib.sha256(b"another").hexdigest(), path) != tree.root


@settings(max_examples=40, deadline=None)
@given(NAMES, st.randoms())
def test_the_order_of_rows_does_not_matter(names, chance):
    rows = rows_of(sorted(names))
    mixed = list(rows.items())
    chance.shuffle(mixed)
    assert content_of(dict(mixed)) == content_of(rows)
    leaves = leaves_of(rows, key=KEY, task="t")
    assert Tree.of({name: leaves[name] for name, _ in mixed}).root == Tree.of(leaves).root


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_two_rows_are_one_text_only_if_they_are_equal(one, other):
    if len(one) == len(other):
        assert (canonical_row(one) == canonical_row(other)) == (one == other)


@pytest.mark.parametrize("count", [1, 16, 17, 256, 257, 3_000])
def test_a_path_is_short_and_holds_hashes_alone(count):
    leaves = leaves_of(rows_of(f"S{at}" for at in range(count)), key=KEY, task="t")
    path = Tree.of(leaves).path("S0", leaves["S0"])
    assert len(path) == digits_for(count) + 1
    assert all(len(one) == 64 and int(one, 16) >= 0 for siblings in path for one in siblings)
    assert sum(map(len, path)) <= 16 * (digits_for(count) + 2)


def test_the_nonce_hides_a_row_that_could_be_guessed():
    """Four tiers are four guesses: with the key's nonce none of them gives the leaf."""
    row = canonical_row(["S1", "food", "A"])
    (leaf,) = leaves_of({"S1": row}, key=KEY, task="t").values()
    guesses = {hashlib.sha256(canonical_row(["S1", "food", tier]).encode()).hexdigest() for tier in "ABCD"}
    assert leaf not in guesses
