"""One small city for all safeguards that are shown from the command line: two nights, every firm with a story of its own."""

import datetime as dt
import shutil

import pytest
from support.command import creditscore
from support.deliveries import SUBJECTS, Delivery, csv_sources, event_line, subject_line, text
from support.nights import sign_a_card
from support.projects import item, label, policy_document
from support.seeds import source

FIRST, SECOND = dt.date(2024, 4, 30), dt.date(2024, 5, 31)
CHANGES = "event_id,change,effective_date,known_date,document_no"
#: What happened to whom; ``plain`` firms have no record.
EVENTS = [
    event_line("E-repaired", "repaired", document_no="罚1号"),
    event_line("E-disputed", "disputed"),
    event_line("E-future", "future", event_date="2024-04-29", known_date="2024-05-02"),
    event_line("E-told-1", "told_twice", document_no="罚7号"),
    event_line("E-told-2", "told_twice", document_no="罚7号"),
    event_line("E-one", "one"),
    event_line("E-two-1", "two"),
    event_line("E-two-2", "two", event_date="2024-02-01", known_date="2024-02-02"),
    event_line("E-hearsay-9", "hearsay", "gossip"),
    event_line("E-ended", "ended", "abnormal_list"),
    event_line("E-grave", "grave", "grave_list", document_no="列3号"),
    event_line("E-cleared", "cleared", "grave_list", document_no="列4号"),
]
STORIES = ("repaired", "disputed", "future", "told_twice", "one", "two", "hearsay", "ended", "grave", "cleared", "worker")
PLAIN = [f"plain{at:02d}" for at in range(40)]
#: Known between the two nights, save the dispute, which is open in both.
LATER = [
    "E-repaired,repaired,2024-05-10,2024-05-10,修1号",
    "E-ended,repaired,2024-05-10,2024-05-10,修2号",
    "E-cleared,withdrawn,2024-05-10,2024-05-10,撤3号",
    "E-disputed,disputed,2024-05-12,2024-05-12,异4号",
]
#: What may be repaired, and from when: a penalty, three months after it.
REPAIRS = [
    {
        "name": "general",
        "effective": dt.date(2020, 1, 1),
        "publication_min_months": 3,
        "publication_max_months": 12,
        "basis": "修复办法 第9条",
    }
]
DEADLINES = [{"against": ["record"], "effective": dt.date(2020, 1, 1), "working_days": 3, "basis": "某条例 第50条"}]
ITEMS = [
    item("penalty", polarity="negative", repair_class="general", publication_min_months=3, publication_max_months=12),
    item("abnormal_list"),
    item("grave_list"),
    item("award", polarity="positive"),
]
TASK = {
    "id": "one", "label": label("抽查"), "item": "hygiene", "department": "SAMR", "start": dt.date(2024, 5, 1), "end": dt.date(2024, 6, 30),
    "seed": source(dt.date(2024, 6, 2)),
}  # fmt: skip


def the_policy():
    tiers = [{"name": "A", "min_score": 600}, {"name": "B", "min_score": 500}, {"name": "C", "min_score": 470}, {"name": "D"}]
    overrides = [
        {"kind": "grave_list", "tier": "D", "basis": "总局令第44号", "review": True},
        {"kind": "abnormal_list", "tier": "C", "bound": "at_least", "basis": "企业信息公示暂行条例 第十七条"},
    ]
    return policy_document() | {
        "tier": tiers, "override": overrides, "new_subject_months": 3, "stability": {"band": 5, "months": 2},
        "annual_cap": 4,
    }  # fmt: skip


class City:
    """The folder of the city: its data and project, its runs, and the commands that all tests call."""

    def __init__(self, root):
        self.root, self.data, self.project, self.out = root, root / "data", root / "project", root / "out"

    def night(self, as_of=SECOND, *more):
        return creditscore("run", self.project, "--data", self.data, "--as-of", as_of, "--out", self.out, *more)

    def run(self, as_of=SECOND):
        return self.out / as_of.isoformat()

    def sign(self, subject, as_of):
        who = ("--reviewer", "R-07", "--reason", "核实属实", "--on", as_of)
        said = creditscore("sign", self.run(as_of), "--subject", subject, *who)
        assert said.code == 0, said.err

    def explained(self, subject, as_of=SECOND):
        said = creditscore("explain", self.run(as_of), subject, "--json")
        assert said.code == 0, said.err
        return said.json


def make_city(root):
    sources = csv_sources(others=[{"name": "changes", "table": "changes", "file": "changes.csv", "format": "csv"}])
    policy = the_policy()
    delivery = Delivery(
        root,
        sources=sources,
        tasks={"task": [TASK]},
        policy=policy,
        objections={"deadline": DEADLINES},
        catalogue={"edition": "t", "basis": "t", "repair_periods": REPAIRS, "item": ITEMS},
    )
    lines = [subject_line(name) for name in (*STORIES[:-1], *PLAIN)]
    lines += [subject_line("worker", subject_type="practitioner"), subject_line("bureau", subject_type="government")]
    delivery.file("subjects.csv", text(SUBJECTS, [*lines, subject_line("young", registered_date="2024-04-01")]))
    delivery.events(*EVENTS)
    delivery.file("changes.csv", text(CHANGES, LATER))
    sign_a_card(delivery)
    return City(root)


@pytest.fixture(scope="session")
def two_nights(tmp_path_factory):
    """The city after its first night, a signature, and its second; to be read only."""
    city = make_city(tmp_path_factory.mktemp("safeguards") / "city")
    for as_of in (FIRST, FIRST, SECOND):
        said = city.night(as_of)
        assert said.code == 0, said.err
        if as_of == FIRST and not (city.out / "register.jsonl").exists():
            city.sign("cleared", FIRST)
    return city


@pytest.fixture
def city(two_nights, tmp_path):
    """A copy of it, to be changed."""
    return City(shutil.copytree(two_nights.root, tmp_path / "city", symlinks=True))
