"""What people see of faults that must not help: in explain, lookup, report, the list of visits and the check-up."""

import datetime as dt

import openpyxl
import pytest
from support.command import ASKING, creditscore
from support.deliveries import Delivery, csv_sources, event_line, subject_line, valid_codes
from support.nights import night, sign_a_card
from support.projects import label, policy_document
from support.seeds import numbers, source

CODES = valid_codes(4)
LATER = dt.date(2024, 5, 31)
TASK = {
    "id": "hygiene", "label": label("卫生"), "item": "hygiene", "department": "SAMR", "start": dt.date(2024, 6, 1),
    "end": dt.date(2024, 6, 30), "population": {"industries": ["food"]}, "seed": source(dt.date(2024, 6, 2)),
}  # fmt: skip
WHO = ("--on", "2024-06-01", "--channel", "公报", "--by", "王五")


@pytest.fixture(scope="module")
def later(tmp_path_factory):
    """Two nights: in the second a penalty is refused, and two rows of the register are."""
    root = tmp_path_factory.mktemp("shown")
    policy = {**policy_document(), "full_coverage": ["food"]}
    delivery = Delivery(root, sources=csv_sources(id_scheme="uscc"), tasks={"task": [TASK]}, policy=policy)
    subjects, events = [subject_line(code, f"甲{code[-4:]}店") for code in CODES], [event_line(f"E{n}", CODES[n]) for n in (0, 1)]
    delivery.subjects(*subjects)
    delivery.events(*events)
    sign_a_card(delivery)
    assert night(delivery, root / "out").code == 0
    delivery.events(event_line("E0", CODES[0], event_date="?"), events[1])
    delivery.subjects(*subjects[:3], subject_line("A|B1", "丙店"), subject_line(CODES[3], "乙店", valid_from="?"))
    assert night(delivery, root / "out", as_of=LATER).code == 0
    return root / "out" / LATER.isoformat()


def test_explain_says_since_when_and_which_rows(later):
    said = creditscore("explain", later, CODES[0], "--lang", "en")
    assert said.code == 0
    assert "Incomplete since 2024-05-31" in said.out
    assert "no better than B, that of the last night in which it was read whole" in said.out
    assert "Refused: records, row 2; no date in a declared form: " in said.out
    assert "Incomplete" not in creditscore("explain", later, CODES[1], "--lang", "en").out
    assert "Refused: register, row 5" in creditscore("explain", later, "register:5", "--lang", "en").out


def test_lookup_and_report_mark_it(later):
    rows = creditscore("lookup", later, *ASKING[:-1], LATER, CODES[0], CODES[1], "--lang", "en", "--json").json["rows"]
    assert [(row["incomplete_since"] or "")[:10] for row in rows] == [LATER.isoformat(), ""]
    page = (later / "report.html").read_text("utf-8")
    assert "1 户主体的得分不全" in page


def test_the_list_of_visits_has_everybody_with_name_source_and_row(later):
    task = later.parent / "tasks" / "hygiene"
    assert creditscore("plan", "publish", task, *WHO).code == 0
    assert creditscore("draw", task, "--seed", numbers("s 1"), "--by", "planner").code == 0
    sheet = openpyxl.load_workbook(task / "plan.xlsx")["抽查名单"]
    rows = [list(row) for row in sheet.iter_rows(values_only=True)]
    head = next(row for row in rows if "统一社会信用代码" in row)
    listed = {
        row[head.index("统一社会信用代码")]: dict(zip(head, row, strict=True)) for row in rows[rows.index(head) + 1 :] if any(row)
    }
    assert set(listed) == {*CODES, "register:5"}
    shown = {code: (row["名称"], row["拒收行"], row["等级"]) for code, row in listed.items() if row["拒收行"]}
    assert shown == {"register:5": ("丙店", "register:5", "NR"), CODES[3]: ("乙店", "register:6", "C")}
    assert str(listed[CODES[0]]["不全起始日"])[:10] == LATER.isoformat()
    assert listed[CODES[1]]["不全起始日"] is None
