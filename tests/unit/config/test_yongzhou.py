import datetime as dt
from pathlib import Path

import pytest

from creditscore.config.catalogue import Catalogue
from creditscore.config.policy import load_policy
from creditscore.config.project import load_project
from creditscore.features.guard import guard_features
from creditscore.simulate.deliveries import MARKET_COLUMNS, MARKET_KINDS
from creditscore.simulate.kinds import FILES, KINDS
from creditscore.simulate.places import CODES, COUNTIES
from creditscore.vocabulary import CONTESTED, SOURCES

FOLDER = Path(__file__).parents[3] / "configs" / "yongzhou"


@pytest.fixture(scope="module")
def project():
    return load_project(FOLDER)


def test_every_feature_passes_the_guard_without_a_warning(project):
    assert guard_features(project.features, project) == []


def test_every_simulated_kind_is_in_the_catalogue_under_its_source(project):
    sources = dict(zip(FILES, ("public", "industry", "market", "market", "self_declared"), strict=True))
    items = project.catalogue.by_kind
    assert {model.kind for model in KINDS} == set(items)
    assert {model.kind: sources[model.file] for model in KINDS} == {kind: item.source for kind, item in items.items()}


def test_kinds_that_only_visits_create_are_marked_so(project):
    from_visits = {model.kind for model in KINDS if model.from_visits}
    assert from_visits <= {item.kind for item in project.catalogue.item if item.found_by == "inspection"}


def test_every_item_has_a_basis_a_retention_and_one_purpose(project):
    for item in project.catalogue.item:
        assert item.legal_basis
        assert item.retention_months
        assert item.purposes == ("supervision",)
    assert {i.kind for i in project.catalogue.item if i.double_publicity} == {m.kind for m in KINDS if m.double_publicity}


def test_the_authority_is_the_office_of_the_coordination_group_wherever_it_is_named(project):
    assert project.about.authority.text("zh") == "永州市社会信用体系建设协调小组办公室"
    root = FOLDER.parents[1]
    texts = [path for folder in ("configs", "docs", "creditscore") for path in (root / folder).rglob("*") if path.suffix in (".toml", ".md", ".py", ".po", ".j2")]  # fmt: skip
    assert len(texts) > 100
    wrong = ("社会信用体系建设领导小组", "信用体系建设联席会议", "信用建设领导小组", "leading group", "joint conference")
    assert [(path.name, one) for path in texts for one in wrong if one in path.read_text("utf-8")] == []


#: NDRC Order 36 of 2025: months for which a record of a class is published, at least and at most.
ORDER_36 = {"minor": (0, 3), "general": (3, 12), "serious": (12, 36)}
#: What ends as an act of its own says, without any class: lists, arrears, debtors.
OWN_RULE = {"late_annual_report", "abnormal_operation_list", "judgment_debtor", "tax_arrears", "wage_arrears", "payment_delay"}


def test_no_kind_has_a_class_of_repair_that_its_period_contradicts(project):
    declared = {one.name: (one.publication_min_months, one.publication_max_months) for one in project.catalogue.repair_periods}
    assert declared == ORDER_36
    for item in project.catalogue.item:
        if item.repair_class in ORDER_36:
            shortest, longest = ORDER_36[item.repair_class]
            assert shortest <= item.publication_min_months <= item.publication_max_months <= longest, item.kind
    assert {item.kind for item in project.catalogue.item if item.repair_class == "own_rule"} == OWN_RULE


def test_whatever_may_be_repaired_is_negative_and_what_is_published_may_be(project):
    for item in project.catalogue.item:
        assert item.repair_class is None or item.polarity == "negative", item.kind
        assert item.repair_class or item.polarity != "negative" or item.publication != "published", item.kind


def test_the_penalties_are_of_the_class_that_they_are_called_by(project):
    penalties = {kind: project.catalogue.by_kind[f"admin_penalty_{kind}"].repair_class for kind in ORDER_36}
    assert penalties == {kind: kind for kind in ORDER_36}


@pytest.mark.parametrize(("kind", "periods"), [("general", (0, 12)), ("general", (3, 36)), ("minor", (0, 12)), ("serious", (None, 36)), ("general", (3, None))])  # fmt: skip
def test_a_catalogue_whose_item_contradicts_its_class_is_refused(project, kind, periods):
    whole = project.catalogue.model_dump()
    wrong = next(item for item in whole["item"] if item["repair_class"] == kind)
    wrong["publication_min_months"], wrong["publication_max_months"] = periods
    with pytest.raises(ValueError, match=rf'item "{wrong["kind"]}": a record of the class {kind} is published for'):
        Catalogue.model_validate(whole)


def test_features_cover_the_base_and_all_four_sources(project):
    assert len(project.features) >= 45
    assert {feature.source for feature in project.features} == set(SOURCES)
    used = {feature.aggregate for feature in project.features}
    assert used >= {"finding_ratio", "share", "banded_sum", "on_list", "latest", "days_since_last", "tenure_months", "distinct"}


def test_no_feature_counts_practitioner_or_penalty_kinds(project):
    counted = {kind for feature in project.features for kind in feature.kind}
    assert not counted & {"professional_conduct", "admin_penalty_minor", "admin_penalty_general", "admin_penalty_serious"}


def test_the_market_source_reads_exactly_the_columns_sent(project):
    source = next(s for s in project.sources.source if s.name == "market_events")
    assert {rule.to: rule.column for rule in source.column} == MARKET_COLUMNS
    kinds = next(rule for rule in source.column if rule.to == "kind")
    assert kinds.values == {word: kind for kind, word in MARKET_KINDS.items()}


def test_every_industry_has_a_card_and_tasks_name_known_industries(project):
    cards = {industry.code for industry in project.scorecards.industry}
    assert set(CODES) <= cards
    for task in project.tasks.values():
        assert set(task.population.industries) <= cards
    assert {county.code[:4] for county in COUNTIES} == {"4311"}


def test_tasks_are_due_on_the_last_day_of_the_demo_city(project):
    assert sorted(str(task.start) for task in project.tasks.values()) == ["2024-04-30"] * 3 + ["2025-04-30"] * 3


def test_the_policy_uses_risk_and_names_a_basis_for_every_rule(project):
    policy = project.policy("2024-04-30")
    assert policy.cut_by == "max_probability"
    kinds = project.catalogue.by_kind
    assert all(rule.kind in kinds for rule in policy.override if rule.kind)
    assert next(rule for rule in policy.override if rule.kind == "serious_dishonesty_list").review
    assert {measure.tier for measure in policy.measure} == {"A", "B", "C", "D", "NR"}


@pytest.mark.parametrize(
    ("name", "ratios"),
    [
        ("henan", (0.01, 0.02, 0.10, 0.30)),
        ("bayannur", (0.02, 0.05, 1.0, 1.0)),
        ("chongqing", (0.03, 0.04, 0.05, 0.06)),
        ("lindian", (0.05, 0.20, 0.60, 1.0)),
        ("shandong", (0.10, 0.20, 0.20, 1.0)),
        ("bazhong", (0.25, 0.50, 0.75, 1.0)),
    ],
)
def test_alternative_policies_have_published_ratios_and_no_force(project, name, ratios):
    policy = load_policy(FOLDER / "alternatives" / f"{name}.toml", on="2024-04-30")
    assert tuple(getattr(policy.inspection, tier).ratio for tier in "ABCD") == ratios
    assert policy.cuts == project.policy("2024-04-30").cuts
    assert not (FOLDER / "tiering" / f"{name}.toml").exists()


def test_the_work_calendar_of_2026_is_that_of_its_notice(project):
    calendar = project.calendar
    days = [dt.date(2026, 1, 1) + dt.timedelta(days=n) for n in range(365)]
    off = {day for day in days if not calendar.is_workday(day)}
    holidays = {
        (1, 1): 3, (2, 15): 9, (4, 4): 3, (5, 1): 5, (6, 19): 3, (9, 25): 3, (10, 1): 7,
    }  # fmt: skip
    assert off >= {dt.date(2026, *first) + dt.timedelta(days=n) for first, count in holidays.items() for n in range(count)}
    worked = {(1, 4), (2, 14), (2, 28), (5, 9), (9, 20), (10, 10)}
    assert {(day.month, day.day) for day in days if day.weekday() >= 5 and day not in off} == worked
    # 365 days less 104 Saturdays and Sundays, 19 working days off, and with 6 make-up days.
    assert len(days) - len(off) == 365 - 104 - 19 + 6
    assert calendar.deadline(dt.date(2026, 9, 24), 7) == dt.date(2026, 10, 12)


def test_every_objection_has_a_deadline_with_its_basis_and_one_the_project_set_says_so(project):
    for against in CONTESTED:
        rule = project.objections.rule(against, dt.date(2024, 5, 6), file=FOLDER / "objections.toml")
        assert "条例" in rule.basis or "由本项目设定" in rule.basis
