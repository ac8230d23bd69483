"""A small policy, a task, tiers and staff to plan with."""

import pytest
from support.plans import a_policy, a_staff, a_task, a_tiers, rules


@pytest.fixture
def make_policy():
    return a_policy


@pytest.fixture
def make_task():
    return a_task


@pytest.fixture
def make_tiers():
    return a_tiers


@pytest.fixture
def make_staff():
    return a_staff


@pytest.fixture
def make_rules():
    return rules
