"""The page of ``verify-plan``: what holds, what to ask about, and how much of it, in either language and as JSON."""

import re

import pytest
from support.command import creditscore


@pytest.fixture
def task(drawn_out):
    return drawn_out / "tasks" / "2024Q2-food"


@pytest.mark.parametrize(
    ("lang", "heading", "open_visits", "last"),
    [
        ("en", "what to ask about:", "closed on 2024-07-01 with", r"verified; to ask about: (\d+)"),
        ("zh", "应当询问：", "任务于 2024-07-01 办结", r"通过核验；应当询问：(\d+) 项"),
    ],
)
def test_what_to_ask_about_has_a_part_of_its_own_and_the_last_line_counts_it(task, lang, heading, open_visits, last):
    said = creditscore("verify-plan", task, "--lang", lang)
    page = said.out.splitlines()
    at = page.index(heading)
    asked = [line for line in page[at + 1 :] if line.startswith("  ")][: int(re.fullmatch(last, page[-1])[1])]
    assert said.code == 0
    assert any(open_visits in line for line in asked)
    assert not page[at + 1 + len(asked)].startswith("  ")


def test_programs_get_it_by_code_and_it_changes_no_exit_code(task):
    said = creditscore("verify-plan", task, "--json")
    assert (said.code, said.json["findings"]) == (0, [])
    assert "ask.open" in {one["code"] for one in said.json["to_ask_about"]}
