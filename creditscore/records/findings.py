"""The check-up as a page of text in Chinese or English: what may not be, what to look into, and then the counts."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import pandas as pd

from creditscore.config.spec import Label
from creditscore.records.tables import COLUMN_WORDS

#: ``error`` is never tolerated, ``warning`` is to be looked into, ``note`` was dealt with, ``info`` is a count.
Level = Literal["error", "warning", "note", "info"]


class Finding(NamedTuple):
    """A row of the check-up. ``examples`` are keys of rows, never values."""

    section: str
    table: str
    rule: str
    code: str
    rows: int
    examples: str = ""
    level: Level = "info"


def some(keys: list[str], most: int = 3) -> str:
    """A few keys as text."""
    return ", ".join(keys[:most])


Language = Literal["zh", "en"]

_TABLES = {
    "subjects": "主体", "events": "信用记录", "changes": "变更", "inspections": "检查", "ratings": "评价", "frames": "抽样框",
    "staff": "执法人员", "recusals": "回避", "decisions": "决定台账", "publicity": "公示摘录",
}  # fmt: skip
_SECTIONS = {
    "rows": Label(zh="行数", en="rows"), "source": Label(zh="来源", en="source"), "refused": Label(zh="隔离", en="refused"),
    "refused_value": Label(zh="拒收的值", en="value refused"), "normalised": Label(zh="规范化", en="put right"),
    "unmapped": Label(zh="未约定的词", en="unknown word"), "future": Label(zh="晚于当日", en="after the day"),
    "identity": Label(zh="主体代码", en="code"), "coverage": Label(zh="覆盖", en="coverage"),
    "malformed": Label(zh="不合格", en="malformed"), "late": Label(zh="迟报", en="late"), "missing": Label(zh="漏报", en="missing"),
    "supplier": Label(zh="报送单位", en="supplier"), "gate": Label(zh="目录准入", en="catalogue"),
    "expired": Label(zh="到期", en="expired"), "calendar": Label(zh="工作日历", en="work calendar"),
    "publicity": Label(zh="公示核对", en="publicity"), "drift": Label(zh="与上次比", en="drift"),
    "repair": Label(zh="修复提醒", en="repair"),
}  # fmt: skip
_LEVELS = (
    ("error", Label(zh="错误（不容许）", en="ERRORS (none is tolerated)")),
    ("warning", Label(zh="警告（须核实）", en="WARNINGS (to be looked into)")),
    ("note", Label(zh="提示（已处理，供知悉）", en="NOTES (dealt with)")),
)
#: What is wrong with a subject's code.
REASON_WORDS = {
    "ID_MISSING": "无代码", "ID_OLD_NUMBER": "15位旧注册号", "ID_SPREADSHEET": "被电子表格转成数字，位数已丢失",
    "ID_LENGTH": "长度不是18位",
    "ID_RESIDENT_NUMBER": "误填居民身份号码", "ID_ALPHABET": "含代码字符集以外的字符", "ID_CHECK_DIGIT": "第18位校验码错误",
    "ID_AUTHORITY": "登记管理部门代码不存在", "ID_CATEGORY": "机构类别代码不存在", "ID_REGION": "行政区划代码不存在",
    "ID_ORGANISATION_DIGIT": "主体标识码校验位错误", "ID_BODY": "机关、事业单位代码登记为市场主体", "ID_PATTERN": "不符合约定格式",
    "ID_SHARED": "一码多主体", "ID_REUSED": "不同登记库之间一码多用", "ID_SEVERAL_CODES": "一主体多码",
}  # fmt: skip
#: What codes of refusal mean; their column follows.
_CODES = {
    "UNKNOWN_SUBJECT": Label(zh="主体不在登记库（或其代码已被隔离）", en="no such subject in the register, or its code is refused"),
    "UNKNOWN_EVENT": Label(zh="没有这条记录（或已被隔离）", en="no such record, or it is refused"),
    "OFF_CATALOGUE": Label(zh="目录外的记录", en="a kind outside the catalogue"),
    "DUP_CONFLICT": Label(zh="同一主键、内容矛盾", en="rows of one key that disagree"),
    "RAGGED_LINE": Label(zh="字段数与表头不符", en="another number of fields than the header"),
    "MISSING": Label(zh="必填而空", en="required and missing"),
    "NOT_LISTED": Label(zh="不在约定值之内", en="outside its closed list"),
    "DATE_ORDER": Label(zh="日期先后颠倒", en="before the day that it follows"),
    "BAD_DATE": Label(zh="不是约定写法的日期", en="no date in a declared form"),
    "BAD_VALUE": Label(zh="无法读取的值", en="a value that cannot be read"),
    "OUT_OF_RANGE": Label(zh="超出范围", en="outside its range"),
    "NOT_A_NUMBER": Label(zh="不是数（NaN、无穷）", en="NaN or infinity"),
    "NUMBER_FOR_TEXT": Label(zh="文本被转成数字，位数已丢失", en="a text that became a number and lost digits"),
    "SKIPPED_TIME": Label(zh="夏令时跳过、不存在的时刻", en="an hour that the clocks skipped"),
}  # fmt: skip
#: Findings of these sections stand in one line for all kinds or units, with their rows.
_JOINED = ("malformed", "supplier", "late", "repair")
_PARTS = {"arrived": "到达", "kept": "保留", "quarantined": "隔离", "collapsed": "合并"}
#: What a rule says in Chinese; ``\1`` and so on are what stood in its place.
_RULES = tuple(
    (re.compile(pattern), chinese)
    for pattern, chinese in (
        (r"arrived = kept \+ quarantined \+ collapsed", "收到 = 采用 + 隔离 + 合并的重复行"),
        (r"rows that where does not ask for", "where 条件以外的行"),
        (r"columns that nothing reads", "没有规则读取的列"),
        (r"standard columns that nothing gives", "没有来源的标准列"),
        (r"columns with personal data, masked", "含个人信息的列，已遮蔽"),
        (r"contract", "不符合数据约定"),
        (r"(\w+): control characters or blanks around it", r"\1：去除控制字符或首尾空白"),
        (r"(\w+): full width, lower case or spaces", r"\1：全角、小写或空格，已规范"),
        (r"(\w+): full-width digits in a date", r"\1：日期中的全角数字"),
        (r"(\w+): another of its formats", r"\1：另一种约定的日期写法"),
        (r"(\w+): no end \(长期\)", r"\1：无期限（长期）"),
        (r"(\w+): rounded to hundredths", r"\1：四舍五入到分"),
        (r"(\w+): a number in place of a text", r"\1：文本列中的数字"),
        (r"(\w+): a number with unit or separators", r"\1：带单位或分隔符的数字"),
        (r"(\w+): (ID_\w+), kept all the same", r"\1：\2，按约定保留"),
        (r"lines that look like utf-8 in a gb18030 file", "gb18030 文件中形似 utf-8 的行"),
        (r"encoding (\S+)", r"编码 \1"),
        (r"(\w+): values that its table of words lacks", r"\1：对照表中没有的值"),
        (r"industries without a card of their own", "没有本行业评分卡的行业"),
        (r"happened or known after the day", "发生或知悉晚于当日，未使用"),
        (r"wrong code of a new subject \(none is tolerated\)", "新增主体代码有误（零容忍）"),
        (r"wrong code of the stock, to be put right", "存量主体代码有误，限期整改"),
        (r"put right, (\S+) of the stock", r"已整改，占存量 \1"),
        (r"双公示 after the deadline, of (\d+)", r"双公示逾期报送，共收到 \1 条"),
        (r"decision not received \(瞒报\)", "有决定而未收到记录（瞒报、漏报）"),
        (r"after (\d+) working days", r"超过 \1 个工作日报送"),
        (r"malformed, of (\d+)", r"不合格，共报送 \1 条"),
        (r"may feed no feature: not released for (\w+)", r"不得用于特征：未开放用于 \1"),
        (r"may feed no feature: no legal basis", "不得用于特征：没有法律依据"),
        (r"past valid_until or the catalogue's retention: not used", "已过有效期或保存期限，未使用"),
        (r"years without an official work calendar: plain weeks assumed", "没有官方工作日历的年份，按普通周计"),
        (r"shown by the other system although ended \(应撤未撤\)", "已终止而对方仍公示（应撤未撤）"),
        (r"not shown by the other system although it stands \(应公示未公示\)", "仍有效而对方未公示（应公示未公示）"),
        (r"shown by the other system and not received here \(漏归集\)", "对方已公示而本平台未收到（漏归集）"),
        (r"the two systems agree", "两系统一致"),
        (r"shortest publication period ends soon", "最短公示期即将届满"),
        (r"expected about as many rows as before \((\d+); got (\d+)\)", r"行数应与上次相近（上次 \1，本次 \2）"),
        (r"(\w+): had values before, has none now \(gone or renamed\?\)", r"\1：上次有值，本次全空（列已取消或改名？）"),
        (r"(\w+): (\d+%) of rows had a value before, (\d+%) now", r"\1：有值的行上次占 \2，本次占 \3"),
        (r"amount: the middle moved about (\d+)-fold up \(another unit\?\)", r"金额：中位数约为上次的 \1 倍（单位不同？）"),
        (r"amount: the middle moved about (\d+)-fold down \(another unit\?\)", r"金额：中位数约为上次的 1/\1（单位不同？）"),
        (r"amount: PSI (\S+)", r"金额：PSI \1"),
    )
)


def rule_words(rule: str, lang: Language) -> str:
    """What a finding's rule says, in a language; file names and units that send stand for themselves."""
    if lang == "en":
        return rule
    for pattern, chinese in _RULES:
        found = pattern.fullmatch(rule)
        if found:
            words = [COLUMN_WORDS.get(part, part) for part in found.groups()]
            for place, word in enumerate(words, start=1):
                chinese = chinese.replace(f"\\{place}", word)
            return chinese
    return rule


def table_words(name: str, lang: Language) -> str:
    """The name of a table."""
    return _TABLES.get(name, name) if lang == "zh" else name


def code_words(code: str, lang: Language) -> str:
    """What a code of refusal means, with its column; one without words stands for itself."""
    name, _, column = code.partition(":")
    if name in REASON_WORDS:
        return REASON_WORDS[name] if lang == "zh" else "wrong code of a subject"
    words = _CODES.get(name)
    if words is None:
        return code
    shown = COLUMN_WORDS.get(column, column) if lang == "zh" else column
    return f"{words.text(lang)}{'：' if lang == 'zh' else ': '}{shown}" if column else words.text(lang)


def checkup_lines(frame: pd.DataFrame, as_of: dt.date, labels: Mapping[str, Label], lang: Language) -> list[str]:
    """The findings in lines: a summary, rows per table, errors, warnings, notes, and the coverage of the catalogue.

    Args:
        frame: The findings, as :class:`CheckUp` has them.
        as_of: Their day.
        labels: The kinds of the catalogue.
        lang: Of the words; keys and names of files stay as they are.
    """
    zh, counts = lang == "zh", frame["level"].value_counts()
    told = [int(counts.get(level, 0)) for level, _ in _LEVELS]
    words = "数据体检 {}：错误 {} 项，警告 {} 项，提示 {} 项" if zh else "Check-up of {}: {} errors, {} warnings, {} notes"
    lines = [words.format(as_of, *told), "", *_equations(frame, zh)]
    for level, label in _LEVELS:
        chosen = frame[(frame["level"] == level) & ~((frame["section"] == "coverage") & (frame["rows"] == 0))]
        if len(chosen):
            lines += ["", label.text(lang), *_of_level(chosen.to_dict("records"), labels, lang, joint=level != "error")]
    return [*lines, "", *_coverage(frame, labels, lang)]


def _of_level(rows: Sequence[Mapping[Any, Any]], labels: Mapping[str, Label], lang: Language, *, joint: bool) -> Iterator[str]:
    """One line per finding; those of a joined section and one rule are one."""
    groups: dict[tuple[object, ...], list[Mapping[Any, Any]]] = {}
    for place, row in enumerate(rows):
        # The unit is the rule of a malformed kind; how much a unit sent is that of a supplier.
        rule = "" if row["section"] in ("malformed", "supplier") else row["rule"]
        joined = joint and row["section"] in _JOINED
        groups.setdefault((row["section"], row["table"], rule) if joined else (place,), []).append(row)
    for members in groups.values():
        yield _line(members[0], labels, lang) if len(members) == 1 else _joint_line(members, labels, lang)


def _joint_line(rows: Sequence[Mapping[Any, Any]], labels: Mapping[str, Label], lang: Language) -> str:
    rule = "" if rows[0]["section"] in ("malformed", "supplier") else f": {rule_words(rows[0]['rule'], lang)}"
    parts = (f"{_kind(row, labels, lang)} {row['rows']:,}" for row in rows)
    return f"  {_head(rows[0], lang)}{rule}: {('、' if lang == 'zh' else '; ').join(parts)}"


def _line(row: Mapping[Any, Any], labels: Mapping[str, Label], lang: Language) -> str:
    keys = f"  [{row['examples']}]" if row["examples"] else ""
    what = _kind(row, labels, lang)
    said = code_words(what, lang) if row["rule"] == "contract" else rule_words(row["rule"], lang)
    return f"  {_head(row, lang)}{' · ' if what else ''}{what}: {said}: {row['rows']:,}{keys}"


def _head(row: Mapping[Any, Any], lang: Language) -> str:
    section = _SECTIONS[row["section"]].text(lang) if row["section"] in _SECTIONS else row["section"]
    return f"{section} · {table_words(row['table'], lang)}"


def _kind(row: Mapping[Any, Any], labels: Mapping[str, Label], lang: Language) -> str:
    code = str(row["code"])
    return labels[code].text(lang) if code in labels else code


def _equations(frame: pd.DataFrame, zh: bool) -> Iterator[str]:
    """One line per table: arrived = kept + quarantined + collapsed."""
    table = frame[frame["section"] == "rows"].pivot_table(index="table", columns="code", values="rows", aggfunc="sum", sort=False)
    parts = list(_PARTS)
    body = [[table_words(str(name), "zh" if zh else "en"), *table.loc[name, parts]] for name in table.index]
    yield from _grid([("表" if zh else "table"), *(_PARTS.values() if zh else parts)], body)


def _coverage(frame: pd.DataFrame, labels: Mapping[str, Label], lang: Language) -> Iterator[str]:
    rows = frame[frame["section"] == "coverage"].to_dict("records")
    none = [str(row["code"]) for row in rows if not row["rows"]]
    yield "目录覆盖" if lang == "zh" else "COVERAGE of the catalogue"
    body = [[labels[row["code"]].text(lang) if row["code"] in labels else row["code"], row["rule"], row["rows"]] for row in rows]
    header = ["目录项", "提供单位", "已收到"] if lang == "zh" else ["kind", "provider", "received"]
    yield from _grid(header, [[kind, provider, count] for kind, provider, count in body])
    if none:
        yield f"  没有任何记录：{len(none)} 项（警告）" if lang == "zh" else f"  without any record: {len(none)} (warnings)"


def _grid(header: Sequence[object], body: Sequence[Sequence[object]]) -> Iterator[str]:
    """Columns of equal width; texts left, numbers right, a Chinese sign two places wide."""
    cells = [[f"{cell:,}" if isinstance(cell, int | float) else str(cell) for cell in row] for row in [header, *body]]
    widths = [max(_width(row[place]) for row in cells) for place in range(len(header))]
    numbers = [all(isinstance(row[place], int | float) for row in body) for place in range(len(header))]
    for row in cells:
        padded = [
            " " * (width - _width(cell)) + cell if number else cell + " " * (width - _width(cell))
            for cell, width, number in zip(row, widths, numbers, strict=True)
        ]
        yield f"  {'  '.join(padded)}".rstrip()


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
