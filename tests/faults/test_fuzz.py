"""A short part of the fuzzing of every reader: broken files are read or refused in words, in seconds."""

import pytest
from support.fuzzing import TARGETS, fuzz, target

CASES = {"csv": 400, "excel": 150, "uscc": 40, "toml": 120, "plan": 80}


@pytest.mark.parametrize("name", TARGETS)
def test_a_broken_file_is_read_or_refused_in_words(name):
    with target(name) as attempt:
        found = fuzz(attempt, iter(range(CASES[name])))
    assert found.cases == CASES[name]
    assert not found.findings, "\n".join(found.lines())
