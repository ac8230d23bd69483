"""Broken configurations: each is refused in a sentence that names the file and the key, and nothing is written.

A project that works is written to a folder and one thing in it is broken: a whole file (``FILES`` x ``WHOLE``), a value
(``VALUES``, by file and path), a name that two files share (``ACROSS``), a card, its signature, or a table of points.
"""

import copy
import datetime as dt
import json
import math
import re
from pathlib import Path

import openpyxl
import pytest
from support.command import creditscore
from support.projects import documents, feature, label, subject, toml, write_tables
from support.runs import PENALTIES, TASK, pooled_card

from creditscore.pipeline.score import POOLED
from creditscore.storage import LOCK

DAY = dt.date(2024, 4, 30)
NAN, INF = math.nan, math.inf
BELL = "a\x07b"
POLICY = "tiering/2024-01-01.toml"
FILES = {
    "project": "project.toml", "sources": "sources.toml", "catalogue": "catalogue.toml", "features": "features.toml",
    "targets": "targets.toml", "scorecards": "scorecards.toml", "tasks": "tasks.toml", "policy": POLICY, "calendar": "calendar.toml",
}  # fmt: skip


def works() -> dict[str, dict]:
    """The documents of a project that works, with something in every file."""
    other = {**TASK, "id": "fire", "item": "fire", "merge_with": ["hygiene"]}
    found = documents(
        features={"feature": [
            feature(PENALTIES, months=24, trend="higher_is_riskier"),
            feature("latest_grade", "report", "latest", "self_declared", scheme=None, column="result", order=["good", "poor"]),
            feature("late_share", "report", "share", "self_declared", share_of=["late"], prior=5.0),
            feature("weighted", "complaint", "banded_sum", "market", bands=[{"months": 12, "weight": 2}, {"months": 24, "weight": 1}]),
        ]},
        tasks={"task": [TASK, other]},
        calendar={"year": [{"year": 2024, "basis": "通知", "holidays": [dt.date(2024, 1, 1)], "workdays": [dt.date(2024, 2, 4)]}]},
        scorecards={
            "scaling": {"base_score": 600, "base_odds": 50.0, "pdo": 20.0}, "binning": {"max_bins": 6}, "selection": {"max_correlation": 0.9},
            "pooling": {"level_sd": 0.5},
        },
    )  # fmt: skip
    found["policy"] |= {
        "override": [{"kind": "abnormal_list", "tier": "D", "basis": "某办法"}],
        "measure": [{"tier": "D", "name": label("约谈"), "basis": "某办法", "department": "SAMR"}],
        "stability": {"margin": 0.1, "months": 3},
    }
    found["catalogue"]["item"][0] |= {
        "double_publicity": True,
        "deadline_working_days": 7,
        "publication_min_months": 3,
        "publication_max_months": 36,
    }
    return found


def write(folder: Path, found: dict[str, dict]) -> Path:
    for key, name in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(toml(found[key]), "utf-8")
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_tables(tmp_path_factory.mktemp("data"), subjects=[subject("S1")])


def state(folder: Path) -> dict[str, bytes | None]:
    found = (path for path in sorted(folder.rglob("*")) if path.name != LOCK)
    return {str(path): path.read_bytes() if path.is_file() else None for path in found}


def refused(folder: Path, *command: object, names: str, key: str = "") -> str:
    """Call a command that must be refused: by a sentence with these words, and with every file as it was."""
    before = state(folder)
    said = creditscore(*command, "--lang", "en")
    assert said.code == 2, (said.code, said.out[:300], said.err)
    assert said.out == ""
    assert "Traceback" not in said.err
    assert "fault of the program" not in said.err
    assert names in said.err, said.err
    assert key in said.err, said.err
    assert state(folder) == before
    return said.err


def check(project: Path, data: Path) -> tuple[object, ...]:
    return ("check", project, "--data", data, "--as-of", DAY)


def test_the_unbroken_project_passes(tmp_path, data):
    said = creditscore(*check(write(tmp_path, works()), data))
    assert said.code == 0, said.err


#: What may befall any of the files, and what the message has besides the name of the file.
WHOLE = {
    "no UTF-8": (lambda text: text.encode() + b"\n# \xff\xfe", "UTF-8"),
    "UTF-16": (lambda text: text.encode("utf-16"), "UTF-8"),
    "GB18030": (lambda text: b'name = "\xd7\xd4\xd3\xc9"\n' + text.encode(), "UTF-8"),
    "a picture": (lambda _text: b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "UTF-8"),
    "a zero byte": (lambda text: b"\x00" + text.encode(), "TOML"),
    "JSON": (lambda _text: b'{"name": "small"}', "TOML"),
    "an open text": (lambda text: text.encode() + b'\nlast = "open', "TOML"),
    "a table cut short": (lambda text: text.encode() + b"\n[table", "TOML"),
    "an unknown key": (lambda text: b"no_such_key = 1\n" + text.encode(), "no_such_key"),
    "a key twice": (lambda text: b"twice = 1\ntwice = 2\n" + text.encode(), "TOML"),
    "a number with zeros before it": (lambda text: b"zeros = 0111\n" + text.encode(), "TOML"),
    "an endless number": (lambda text: b"digits = " + b"9" * 5000 + b"\n" + text.encode(), "digits"),
    "a day that is none": (lambda text: b"day = 2024-02-30\n" + text.encode(), "TOML"),
    "deep nesting": (lambda text: b"deep = " + b"[" * 5000 + b"]" * 5000 + b"\n" + text.encode(), "nested"),
}  # fmt: skip
WHOLE_CASES = {f"{key}: {fault}": (key, fault) for key in FILES for fault in WHOLE}


@pytest.mark.parametrize(("key", "fault"), WHOLE_CASES.values(), ids=WHOLE_CASES)
def test_a_file_that_is_no_configuration(tmp_path, data, key, fault):
    project = write(tmp_path, works())
    spoil, word = WHOLE[fault]
    path = project / FILES[key]
    path.write_bytes(spoil(path.read_text("utf-8")))
    refused(tmp_path, *check(project, data), names=path.name, key=word)


NOT_A_FILE = {f"{key}: {fault}": (key, fault) for key in FILES for fault in ("a folder", "absent", "empty")}
#: A file that may be absent or empty: the project has then no tasks, no policy yet, or no official holidays.
MAY_BE_LESS = {("tasks", "empty"), ("calendar", "empty"), ("calendar", "absent"), ("policy", "absent")}


@pytest.mark.parametrize(("key", "fault"), NOT_A_FILE.values(), ids=NOT_A_FILE)
def test_a_file_that_is_none_or_empty(tmp_path, data, key, fault):
    project = write(tmp_path, works())
    path = project / FILES[key]
    path.unlink()
    if fault == "a folder":
        path.mkdir()
    if fault == "empty":
        path.write_text("", "utf-8")
    if (key, fault) in MAY_BE_LESS:
        assert creditscore(*check(project, data)).code == 0
    else:
        refused(tmp_path, *check(project, data), names=path.name)


def test_a_byte_order_mark_is_harmless(tmp_path, data):
    """Editors of Windows write it; it carries no meaning."""
    project = write(tmp_path, works())
    for name in FILES.values():
        (project / name).write_bytes(b"\xef\xbb\xbf" + (project / name).read_bytes())
    assert creditscore(*check(project, data)).code == 0


#: File, path to a value, and what stands there instead. The message names the last key of the path, or the word given.
VALUES: list[tuple] = [
    *(("project", "name", value) for value in (1, "", "Small", "a-b", "a" * 61, ["small"], True, NAN, BELL)),
    *(("project", "label", value) for value in ("小项目", {}, {"xx": "a"}, {"zh": 1}, {"zh": BELL}, [])),
    *(("project", "purpose", value) for value in ("credit", 1)),
    *(("project", "population", value) for value in ("everyone", 0)),
    *(("project", "timezone", value) for value in ("Mars/Base", 8, "", "../etc/passwd", BELL)),
    *(("project", "max_row_drop", value) for value in (NAN, INF, -INF, 0.0, 1.5, "0.3", -0.1, True)),
    *(("project", "plan_ahead_days", value) for value in (-1, 367, 1.5, "31", NAN)),
    *(("project", "contact", value) for value in (BELL, 5)),
    *(("sources", "id_scheme", value) for value in ("passport", 1)),
    *(("sources", "id_pattern", value) for value in ("(", "[a", "*")),
    *(("sources", "new_since", value) for value in ("2024-01-01", 2024, dt.datetime(2024, 1, 1, 12))),
    *(("sources", "max_quarantined", value) for value in (NAN, -0.1, 1.1)),
    *(("sources", "regions", value) for value in (["no_such_table"], "gbt2260_provinces", [1], ["../outside.toml"])),
    *(("sources", "source", value, "source") for value in ([], "events", [1])),
    *(("sources", "source.0.table", value) for value in ("subject", 1, "")),
    *(("sources", "source.0.file", value) for value in ("/etc/passwd", "../x.parquet", "a\x00b", "a\nb", "", "x" * 300, 3, "C:x")),
    *(("sources", "source.0.format", value) for value in ("xml", 1)),
    *(("sources", "source.0.delimiter", value) for value in ("", ";;", "a", '"')),
    *(("sources", "source.0.optional", value) for value in ("yes", 1)),
    ("sources", "source.0.column", [{"to": "name", "rule": "eval", "column": "x"}], "rule"),
    ("sources", "source.0.column", [{"to": "name"}], "column"),
    ("sources", "source.0.column", [{"to": "name", "column": "x"}, {"to": "name", "column": "y"}], "name"),
    ("sources", "source.0.column", [{"to": "known_date", "rule": "parse_date", "column": "x", "formats": ["%Q"]}], "format"),
    ("sources", "source.0.column", [{"to": "name", "rule": "map", "column": "x", "values": {"a": 1, "b": "c"}}], "one kind"),
    *(("catalogue", "edition", value) for value in (1, BELL)),
    *(("catalogue", "item.0.kind", value) for value in ("", "Penalty", "pen alty", 1, "award")),
    *(("catalogue", "item.0.source", value) for value in ("secret", 1)),
    *(("catalogue", "item.0.deadline_working_days", value) for value in (0, 61, -1, NAN, "7")),
    *(("catalogue", "item.0.publication_min_months", value) for value in (-1, 37, 1.5, 10**30)),
    *(("catalogue", "item.0.retention_months", value) for value in (0, -5, 10**30, INF)),
    *(("catalogue", "item.0.purposes", value) for value in ("supervision", ["lending"], [1])),
    *(("catalogue", "item.0.polarity", value) for value in ("bad", 1)),
    *(("features", "feature.0.name", value) for value in ("subject_id", "1st", "", "a b", 1)),
    *(("features", "feature.0.kind", value) for value in (["no_such_kind"], [1], 1, [])),
    *(("features", "feature.0.aggregate", value) for value in ("median", 1, "custom")),
    *(("features", "feature.0.months", value) for value in (0, -1, 601, 1.5, NAN, "24")),
    *(("features", "feature.0.trend", value) for value in ("down", 1)),
    *(("features", "feature.0.amount_min", value) for value in (NAN, INF, -INF, 1e14)),
    *(("features", "feature.0.severity_min", value) for value in (0, 11)),
    *(("features", "feature.2.prior", value) for value in (NAN, INF, -1.0, 1e7)),
    *(("features", "feature.2.prior_share", value) for value in (NAN, 1.5)),
    *(("features", "feature.3.bands", value) for value in ([], [{"months": 12}], [{"months": 0, "weight": 1}], [{"months": 24, "weight": 1}, {"months": 12, "weight": 2}])),
    *(("targets", "target.0.type", value) for value in ("visit", 1)),
    *(("targets", "target.0.bad", value) for value in ([], ["disaster"], "violation", ["none"])),
    *(("targets", "target.0.weight_cap", value) for value in (NAN, INF, 1.0, -3.0)),
    *(("targets", "target.0.severity_min", value) for value in (0, 11)),
    *(("scorecards", "target", value) for value in ("no_such_target", 1, "")),
    *(("scorecards", "scaling.base_odds", value) for value in (NAN, INF, 0.0, -1.0, "50")),
    *(("scorecards", "scaling.pdo", value) for value in (NAN, INF, 0.0)),
    *(("scorecards", "scaling.base_score", value) for value in (-1, 100_001, 600.5)),
    *(("scorecards", "binning.max_bins", value) for value in (1, 21)),
    *(("scorecards", "selection.max_correlation", value) for value in (NAN, 0.0, 1.1)),
    *(("scorecards", "pooling.level_sd", value) for value in (NAN, INF, -1.0)),
    *(("scorecards", "ridge", value) for value in (NAN, INF, -0.1)),
    *(("scorecards", "test_months", value) for value in (0, 61, "6")),
    *(("scorecards", "industry.0.code", value) for value in ("", "a/b", "a" * 41, "shop", "..", 5)),
    ("scorecards", "industry.0.parent", "nobody"),
    ("scorecards", "industry.0.parent", "food"),
    *(("tasks", "task.0.id", value) for value in ("", "a/b", "../x", "fire", 1, "a|b")),
    *(("tasks", "task.0.item", value) for value in ("", 1, BELL)),
    *(("tasks", "task.0.start", value) for value in ("2024-05-01", 20240501, dt.date(2025, 1, 1), dt.datetime(2024, 5, 1, 8))),
    *(("tasks", "task.0.min_inspectors", value) for value in (1, 11, 2.5)),
    *(("tasks", "task.0.min_ratio", value) for value in (NAN, 0.0, 1.1)),
    *(("tasks", "task.0.capacity", value) for value in (0, -3)),
    *(("tasks", "task.1.merge_with", value) for value in (["fire"], ["nothing"], "hygiene")),
    *(("policy", "effective", value) for value in ("2024-01-01", 2024, dt.datetime(2024, 1, 1, 8))),
    *(("policy", "basis", value) for value in ("", "  ", 1, BELL)),
    *(("policy", "signed_by", value) for value in ("", "\t", [])),
    *(("policy", "tier.0.max_probability", value) for value in (NAN, INF, -0.1, 0.2, 1.0, 0.0)),
    *(("policy", "tier.0.name", value, "tier") for value in ("E", "B", 1)),
    *(("policy", "inspection.C.ratio", value) for value in (NAN, INF, 0.0, 1e-9, 1.5, 0.001)),
    *(("policy", "inspection.D.visits_per_year", value) for value in (0, 366, 5, -1)),
    *(("policy", "override.0.kind", value) for value in ("no_such_kind", "")),
    *(("policy", "override.0.tier", value) for value in ("E", "NR", 1)),
    *(("policy", "stability.margin", value) for value in (NAN, INF, 1.0, -0.1)),
    *(("policy", "stability.months", value) for value in (61, -1)),
    *(("policy", "annual_cap", value) for value in (0, 3, NAN, 10**30)),
    *(("policy", "new_subject_months", value) for value in (-1, 10**6, INF, 10**30)),
    *(("policy", "measure.0.tier", value) for value in ("Z", 1)),
    *(("calendar", "year.0.year", value) for value in (1999, 2101, "2024", 2025)),
    *(("calendar", "year.0.holidays", value) for value in (["2024-01-01"], [dt.date(2022, 1, 1)], [1])),
    *(("calendar", "year.0.workdays", value, "year") for value in ([dt.date(2024, 2, 5)], [dt.date(2024, 1, 1)])),
    ("calendar", "year.0.basis", ""),
]  # fmt: skip


def with_value(found: dict[str, dict], file: str, path: str, value: object) -> dict[str, dict]:
    """The documents with one value replaced."""
    changed = copy.deepcopy(found)
    *steps, last = (int(step) if step.isdecimal() else step for step in path.split("."))
    node = changed[file]
    for step in steps:
        node = node[step]
    node[last] = value
    return changed


def _shown(value: object) -> str:
    return re.sub(r"[^\w.+-]+", "_", repr(value))[:30]


@pytest.mark.parametrize("case", VALUES, ids=[f"{case[0]}.{case[1]}={_shown(case[2])}" for case in VALUES])
def test_a_value_that_is_none(tmp_path, data, case):
    file, path, value, *word = case
    project = write(tmp_path, with_value(works(), file, path, value))
    key = word[0] if word else path.rpartition(".")[2]
    refused(tmp_path, *check(project, data), names=Path(FILES[file]).name, key=key)


#: Names that are right in their own file and wrong beside another one: file, path, value, and the words of the message.
ACROSS: dict[str, tuple] = {
    "a feature of a kind that is gone": ("catalogue", "item.6.kind", "other", ("features.toml", "report")),
    "a feature of another source than its kind": ("catalogue", "item.6.source", "public", ("late_share", "report")),
    "a kind without legal basis": ("catalogue", "item.6.legal_basis", "", ("late_share", "report")),
    "a kind for another purpose": ("catalogue", "item.6.purposes", ["bidding"], ("late_share", "report")),
    "a target that is renamed": ("targets", "target.0.name", "finding", ("scorecards.toml", "violation")),
    "an override of a kind that is gone": ("catalogue", "item.3.kind", "other", ("2024-01-01.toml", "abnormal_list")),
    "ratios of no industry": ("policy", "industry", {"mines": documents()["policy"]["inspection"]}, ("2024-01-01.toml", "mines")),
    "ratios of no task": ("policy", "task", {"mines": documents()["policy"]["inspection"]}, ("2024-01-01.toml", "mines")),
    "full coverage of no industry": ("policy", "full_coverage", ["mines"], ("2024-01-01.toml", "mines")),
    "persons without an assessment": ("project", "population", "practitioner", ("scorecards.toml", "impact_assessment_id")),
    "a column that the table has not": ("sources", "source.0.column", [{"to": "x_y", "column": "name"}], ("subjects", "x_y")),
    "a column that the file has not": ("sources", "source.0.column", [{"to": "name", "column": "x_y"}], ("subjects.parquet", "x_y")),
    "a file that is absent": ("sources", "source.0.file", "x_y.parquet", ("x_y.parquet", "")),
    "a file of another kind": ("sources", "source.0.format", "excel", ("subjects.parquet", "")),
    "a column that must come and does not": ("sources", "source.0.expects", ["x_y"], ("subjects", "x_y")),
}  # fmt: skip


@pytest.mark.parametrize("case", ACROSS.values(), ids=ACROSS)
def test_files_that_contradict_each_other(tmp_path, data, case):
    file, path, value, (names, key) = case
    project = write(tmp_path, with_value(works(), file, path, value))
    refused(tmp_path, *check(project, data), names=names, key=key)


def test_two_policies_of_one_day(tmp_path, data):
    project = write(tmp_path, works())
    (project / "tiering" / "again.toml").write_bytes((project / POLICY).read_bytes())
    refused(tmp_path, *check(project, data), names="tiering", key="2024-01-01")


def sign(project: Path, *more: object) -> tuple[object, ...]:
    return ("sign-cards", project, "--reviewer", "R", "--on", "2024-05-06", *more)


def card_text(**changes: object) -> str:
    return json.dumps({**json.loads(pooled_card().to_json()), **changes}, ensure_ascii=False)


def in_card(old: str, new: str) -> str:
    text = pooled_card().to_json()
    assert old in text
    return text.replace(old, new, 1)


CARD = f"{POOLED}.json"
#: The text or bytes of a card, and the word that the message has besides its file.
CARDS: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "JSON"),
    "no UTF-8": (b"\xff\xfe{}", "UTF-8"),
    "a byte order mark": ("\ufeff" + pooled_card().to_json(), "JSON"),
    "a picture": (b"\x89PNG\r\n", "UTF-8"),
    "cut short": (pooled_card().to_json()[:100], "JSON"),
    "an array": (f"[{pooled_card().to_json()}]", "format"),
    "a text": ('"card"', "format"),
    "null": ("null", "format"),
    "an empty object": ("{}", "format"),
    "deep nesting": ("[" * 100_000 + "]" * 100_000, "JSON"),
    "another format": (card_text(format="creditscore.scorecard/9"), "format"),
    "an unknown key": (card_text(no_such_key=1), "no_such_key"),
    "a key twice": (in_card('"constant"', '"constant": 1, "constant"'), "twice"),
    "NaN": (card_text(constant=NAN), "NaN"),
    "infinity": (card_text(constant=INF), "Infinity"),
    "a number that is too large": (in_card('"coefficient": 1.0', '"coefficient": 1e999'), "coefficient"),
    "an endless number": (in_card('"points": 10', '"points": ' + "1" * 5000), "digits"),
    "points in fractions": (in_card('"points": 10', '"points": 10.5'), "points"),
    "points as a text": (in_card('"points": 10', '"points": "10"'), "points"),
    "no characteristics": (card_text(characteristics="none"), "characteristics"),
    "a scale of 0": (card_text(scaling={"base_score": 600, "base_odds": 50.0, "pdo": 0.0}), "pdo"),
    "another industry": (card_text(industry="food"), "food"),
    "a feature of another project": (in_card(PENALTIES, "no_such_feature"), "no_such_feature"),
    "a control character in a name": (in_card(f'"name": "{PENALTIES}"', '"name": "a\\u0007b"'), "name"),
}  # fmt: skip


@pytest.mark.parametrize("case", CARDS.values(), ids=CARDS)
def test_a_card_that_is_none(tmp_path, case):
    content, word = case
    project = write(tmp_path, works())
    (project / "cards").mkdir()
    (project / "cards" / CARD).write_bytes(content.encode() if isinstance(content, str) else content)
    refused(tmp_path, *sign(project), names=CARD, key=word)


def test_a_folder_for_a_card(tmp_path):
    project = write(tmp_path, works())
    (project / "cards" / CARD).mkdir(parents=True)
    refused(tmp_path, *sign(project), names=CARD)


def signature(**changes: object) -> str:
    entry = {"industry": POOLED, "sha256": "0" * 64, "signed_by": "R", "on": dt.date(2024, 5, 6), **changes}
    return toml({"card": [entry]})


SIGNATURES: dict[str, tuple[str | bytes, str]] = {
    "no UTF-8": (b"\xff", "UTF-8"),
    "no TOML": ("card = [", "TOML"),
    "empty": ("", "card"),
    "an unknown key": (signature(no_such_key=1), "no_such_key"),
    "a hash that is short": (signature(sha256="abc"), "sha256"),
    "a hash in capitals": (signature(sha256="A" * 64), "sha256"),
    "nobody": (signature(signed_by=""), "signed_by"),
    "a name with a control character": (signature(signed_by=BELL), "signed_by"),
    "a day as a text": (signature(on="2024-05-06"), "on"),
    "a day that is none": (signature().replace("2024-05-06", "2024-02-30"), "TOML"),
    "an industry as a path": (signature(industry="../x"), "industry"),
    "an industry twice": (signature() + signature(), "industry"),
}


@pytest.mark.parametrize("case", SIGNATURES.values(), ids=SIGNATURES)
def test_a_signature_that_is_none(tmp_path, case):
    content, word = case
    project = write(tmp_path, works())
    (project / "cards").mkdir()
    (project / "cards" / CARD).write_text(pooled_card().to_json(), "utf-8")
    (project / "cards" / "signed.toml").write_bytes(content.encode() if isinstance(content, str) else content)
    refused(tmp_path, *sign(project), names="signed.toml", key=word)


HEADER = ("variable", "lower", "upper", "category", "points", "source")
BASE = ("base", None, None, None, 500, "base")
MISSING = (PENALTIES, None, None, "missing", 0, "public")
POINTS = [BASE, (PENALTIES, None, 1, None, 10, "public"), (PENALTIES, 1, None, None, -30, "public"), MISSING]
#: The rows of a table of expert points, and the words of the message.
EXPERT: dict[str, tuple[list[tuple], str]] = {
    "no rows": ([HEADER], "rows"),
    "no header": (POINTS[1:], "columns"),
    "no base": ([HEADER, *POINTS[1:]], "base"),
    "two bases": ([HEADER, BASE, *POINTS], "base"),
    "an unknown column": ([(*HEADER, "no_such_column"), *((*row, 1) for row in POINTS)], "no_such_column"),
    **{f"points of {value!r}": ([HEADER, BASE, (PENALTIES, None, None, None, value, "public"), MISSING], "points")
       for value in ("nan", "inf", "-inf", "1e999", "x", 1.5, None, True)},
    **{f"a bound of {value!r}": ([HEADER, BASE, (PENALTIES, None, value, None, 1, "public"), MISSING], "upper")
       for value in ("nan", "inf", "-inf", "1e999", "x", True)},
    "bins with a gap": ([HEADER, BASE, POINTS[1], (PENALTIES, 2, None, None, 1, "public"), MISSING], "gap"),
    "bins that overlap": ([HEADER, BASE, POINTS[1], (PENALTIES, 0, None, None, 1, "public"), MISSING], "overlap"),
    "nothing for missing values": ([HEADER, *POINTS[:3]], "missing"),
    "a source that is none": ([HEADER, BASE, *((*row[:5], "hearsay") for row in POINTS[1:])], "source"),
    "a feature of another project": ([HEADER, BASE, *(("x_y", *row[1:]) for row in POINTS[1:])], "x_y"),
}  # fmt: skip


def workbook(path: Path, rows: list[tuple]) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize("case", EXPERT.values(), ids=EXPERT)
def test_a_table_of_points_that_is_none(tmp_path, case):
    rows, words = case
    project, table = write(tmp_path / "project", works()), workbook(tmp_path / "points.xlsx", rows)
    said = refused(tmp_path, *sign(project, "--table", table), names=words)
    assert "expert points" in said or table.name in said


def test_the_unbroken_table_and_card_are_signed(tmp_path):
    project, table = write(tmp_path / "project", works()), workbook(tmp_path / "points.xlsx", [HEADER, *POINTS])
    assert creditscore(*sign(project, "--table", table)).code == 0
    (project / "cards" / CARD).write_text(pooled_card().to_json(), "utf-8")
    assert creditscore(*sign(project)).code == 0


def test_there_are_at_least_150_cases():
    tables = (WHOLE_CASES, NOT_A_FILE, VALUES, ACROSS, CARDS, SIGNATURES, EXPERT)
    count = sum(map(len, tables)) - len(MAY_BE_LESS)
    print(f"{count} broken configurations")  # noqa: T201 - the number is what the test is for
    assert count >= 150
