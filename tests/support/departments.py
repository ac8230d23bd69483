"""Five departments and what they send: a register, penalties, tax arrears, a list of the court, inspections. Clean, then with faults."""

import csv
import io
from pathlib import Path

import openpyxl
from support.deliveries import valid_codes
from support.projects import item, label, write_project

from creditscore.config.project import Project

REGISTER, PENALTIES, ARREARS, COURT, VISITS = "登记信息.csv", "行政处罚.csv", "欠税公告.xlsx", "失信名单.csv", "食品检查.xlsx"
HEADERS = {
    REGISTER: (
        "统一社会信用代码",
        "主体名称",
        "法定代表人",
        "主体类型",
        "经营状态",
        "行业",
        "区划",
        "成立日期",
        "更新日期",
        "联系电话",
    ),
    PENALTIES: ("处罚编号", "统一社会信用代码", "决定书文号", "决定日期", "公示日期", "罚款金额", "严重程度", "联系人"),
    ARREARS: ("公告编号", "纳税人识别号", "欠税余额", "公告日期", "报送日期", "税种"),
    COURT: ("案号", "信用代码", "立案日期", "发布日期", "执行标的", "执行法院"),
    VISITS: ("检查编号", "被检查单位代码", "检查日期", "录入日期", "检查方式", "检查结果", "问题等级"),
}
ENCODINGS = {REGISTER: "utf-8-sig", PENALTIES: "gb18030", COURT: "utf-8"}
UNITS = {REGISTER: "市行政审批局", PENALTIES: "市场监督管理局", ARREARS: "税务局", COURT: "人民法院", VISITS: "食品安全办/稽查科"}
_DAYS = ["%Y-%m-%d", "%Y/%m/%d"]


def _day(to: str, column: str) -> dict:
    return {"to": to, "rule": "parse_date", "column": column, "formats": _DAYS}


def _number(to: str, column: str) -> dict:
    return {"to": to, "rule": "parse_number", "column": column}


def departments_project(folder: Path) -> Project:
    """The project that reads the five files."""
    kinds = {"企业": "enterprise", "个体工商户": "individual_business"}
    states = {"存续": "active", "停业": "suspended", "吊销": "revoked", "注销": "deregistered"}
    sources = {
        "source": [
            {"name": "register", "table": "subjects", "file": REGISTER, "format": "csv", "provider": UNITS[REGISTER], "column": [
                {"to": "subject_id", "column": "统一社会信用代码"}, {"to": "name", "column": "主体名称"},
                {"to": "subject_type", "rule": "map", "column": "主体类型", "values": kinds},
                {"to": "status", "rule": "map", "column": "经营状态", "values": states},
                {"to": "industry", "column": "行业"}, {"to": "region", "column": "区划"},
                _day("valid_from", "更新日期"), _day("known_date", "更新日期"), _day("registered_date", "成立日期"),
            ]},
            {"name": "penalties", "table": "events", "file": PENALTIES, "format": "csv", "encoding": "gb18030",
             "provider": UNITS[PENALTIES], "column": [
                {"to": "event_id", "column": "处罚编号"}, {"to": "subject_id", "column": "统一社会信用代码"},
                {"to": "kind", "rule": "constant", "value": "penalty"}, {"to": "document_no", "column": "决定书文号"},
                _day("event_date", "决定日期"), _day("known_date", "公示日期"),
                _number("amount", "罚款金额"), _number("severity", "严重程度"),
            ]},
            {"name": "arrears", "table": "events", "file": ARREARS, "format": "excel", "provider": UNITS[ARREARS], "column": [
                {"to": "event_id", "column": "公告编号"}, {"to": "subject_id", "column": "纳税人识别号"},
                {"to": "kind", "rule": "constant", "value": "tax_arrears"}, _number("amount", "欠税余额"),
                _day("event_date", "公告日期"), _day("known_date", "报送日期"),
            ]},
            # The platform forwards the lists of several courts: each row says whose it is.
            {"name": "court", "table": "events", "file": COURT, "format": "csv", "column": [
                {"to": "event_id", "column": "案号"}, {"to": "subject_id", "column": "信用代码"},
                {"to": "kind", "rule": "constant", "value": "judgment_debtor"}, _number("amount", "执行标的"),
                _day("event_date", "立案日期"), _day("known_date", "发布日期"), {"to": "provider", "column": "执行法院"},
            ]},
            {"name": "visits", "table": "inspections", "file": VISITS, "format": "excel", "provider": UNITS[VISITS], "column": [
                {"to": "inspection_id", "column": "检查编号"}, {"to": "subject_id", "column": "被检查单位代码"},
                _day("event_date", "检查日期"), _day("known_date", "录入日期"),
                {"to": "trigger", "rule": "map", "column": "检查方式", "values": {"双随机": "random", "投诉举报": "complaint"}},
                {"to": "outcome", "rule": "map", "column": "检查结果", "values": {"未发现问题": "none", "发现问题": "violation"}},
                _number("severity", "问题等级"),
            ]},
        ]
    }  # fmt: skip
    catalogue = {"item": [item("penalty"), item("tax_arrears", "market"), item("judgment_debtor", "market")]}
    about = {"contact": "市信用办数据科 0746-0000000", "authority": label("永州市信用办")}
    return write_project(folder, sources={"id_scheme": "uscc", **sources}, catalogue=catalogue, project=about)


def clean_rows(count: int = 60) -> dict[str, list[list[str]]]:
    """The cells of each file, without anything wrong; codes are valid, people are made up."""
    codes = valid_codes(count)
    surnames = "赵钱孙李周吴郑王"
    return {
        REGISTER: [
            [code, f"永州市{'宏辉兴盛'[n % 4]}食品商行{n:03d}号", f"{surnames[n % 8]}某某", "个体工商户" if n % 3 else "企业", "存续",
             "food" if n % 2 else "shop", "431103", f"2019-0{1 + n % 9}-15", f"2019-0{1 + n % 9}-16", f"138{n:08d}"]
            for n, code in enumerate(codes)
        ],
        PENALTIES: [
            [f"CF2024{n:05d}", codes[n], f"永市监罚〔2024〕{n}号", f"2024/01/{1 + n % 28:02d}", f"2024/02/{1 + n % 28:02d}", f"{1000 + 50 * n}",
             str(1 + n % 5), f"{surnames[n % 8]}科员"]
            for n in range(40)
        ],
        ARREARS: [
            [f"QS{n:04d}", codes[n + 3], f"{20_000 + 1000 * n}.50", "2024-02-01", "2024-02-20", "增值税"] for n in range(35)
        ],
        COURT: [
            [f"（2024）湘11执{n:04d}号", codes[n + 5], "2024-01-10", "2024-01-31", f"{300_000 + n}", "永州市中级人民法院" if n % 2 else "祁阳市人民法院"]
            for n in range(36)
        ],
        VISITS: [
            [f"JC24-{n:05d}", codes[n + 7], "2024-03-05", "2024-03-08", "双随机", "发现问题" if n % 4 == 0 else "未发现问题",
             "3" if n % 4 == 0 else ""]
            for n in range(38)
        ],
    }  # fmt: skip


def spoil(rows: dict[str, list[list[str]]]) -> dict[str, list[int]]:
    """Put about ten kinds of faults into the rows; returns the rows (from 0) that are wrong, by file."""
    codes = [row[0] for row in rows[REGISTER]]
    rows[REGISTER][50][0] = codes[50][:-1] + ("0" if codes[50][-1] != "0" else "1")  # check character
    rows[REGISTER][51][4] = "在营（歇业备案）"  # a word outside its table
    rows[REGISTER][52][0] = ""  # no code
    rows[PENALTIES][2][3] = "2024年2月30日"  # no such day
    rows[PENALTIES][5][5] = "壹仟元整"  # not a number
    rows[PENALTIES][6][6] = "99"  # out of range
    rows[PENALTIES][9][1] = valid_codes(90)[80]  # nobody of the register
    rows[PENALTIES][11][4] = "2023/12/01"  # public before it was decided
    rows[PENALTIES][14] = [*rows[PENALTIES][14][:3], "永州市", *rows[PENALTIES][14][3:]]  # one field too many
    rows[ARREARS][1][3] = ""  # required and missing
    rows[ARREARS][4][2] = "约三万"
    rows[ARREARS][7][1] = "9.1431E+17"  # a spreadsheet made a number of it
    rows[COURT].append([rows[COURT][3][0], *rows[COURT][3][1:4], "999", rows[COURT][3][5]])  # one number, two amounts
    rows[COURT][8][2] = "待定"
    rows[VISITS][0][5] = "整改中"
    rows[VISITS][4][6] = "很严重"
    return {REGISTER: [50, 51, 52], PENALTIES: [2, 5, 6, 9, 11, 14], ARREARS: [1, 4, 7], COURT: [3, 8, 36], VISITS: [0, 4]}


def write_files(data: Path, rows: dict[str, list[list[str]]]) -> None:
    """The files as the departments save them."""
    data.mkdir(parents=True, exist_ok=True)
    for name, lines in rows.items():
        if name in ENCODINGS:
            stream = io.StringIO()
            csv.writer(stream, lineterminator="\r\n").writerows([HEADERS[name], *lines])
            (data / name).write_bytes(stream.getvalue().encode(ENCODINGS[name]))
        else:
            book = openpyxl.Workbook()
            page = book.active
            for line in [HEADERS[name], *lines]:
                page.append([cell or None for cell in line])
            book.save(data / name)
