"""Credit checks serve the project's purposes; nobody whom the project does not score is copied into a run; old data rate nobody."""

import datetime as dt
import json
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support.command import creditscore
from support.deliveries import Delivery, csv_sources, event_line, subject_line
from support.nights import night, sign_a_card

from creditscore.config.project import load_project
from creditscore.features.guard import factors_in
from creditscore.storage import read_chain

OUTSIDE = {"GOV0000071": "government", "INS0000072": "institution", "PRA0000073": "practitioner"}
#: Rows of the register that are refused, of those whom nobody scores.
REFUSED = {"GOX0000074": "government", "PRX0000075": "practitioner"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scope")
    age = {"source": "records", "effective": dt.date(2020, 1, 1), "days": 200, "basis": "某规定"}
    delivery = Delivery(folder, sources=csv_sources(max_quarantined=1.0), project={"max_age": [age]})
    delivery.subjects(
        subject_line("S1"),
        *(subject_line(one, f"外部{one[:3]}", subject_type=kind) for one, kind in OUTSIDE.items()),
        *(subject_line(one, f"外部{one[:3]}", subject_type=kind, status="nonsense") for one, kind in REFUSED.items()),
    )
    records = [event_line(f"E{at}", one, document_no=f"文{one}号") for at, one in enumerate(("S1", *OUTSIDE, *REFUSED))]
    refused = [event_line(f"X-{one}", one, event_date="2024-13-01") for one in (*OUTSIDE, *REFUSED)]
    delivery.events(*records, *refused, event_line("EV", "INS0000072", amount="much"))
    sign_a_card(delivery)
    for as_of in (dt.date(2024, 4, 30), dt.date(2024, 5, 1)):
        done = night(delivery, folder / "out", "--json", as_of=as_of)
        assert done.code == 0, done.err
    return folder


def searched_below(run):
    """Every file of a run as one text: cells of Parquet, members of workbooks, bytes of the rest."""
    for path in sorted(path for path in run.resolve().rglob("*") if path.is_file()):
        if path.suffix == ".parquet":
            yield path.name, json.dumps(pq.read_table(path).to_pylist(), ensure_ascii=False, default=str)
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                yield path.name, "".join(archive.read(name).decode("utf-8", "replace") for name in archive.namelist())
        else:
            yield path.name, path.read_bytes().decode("utf-8", "replace")


def test_who_is_not_scored_is_counted_by_reason(place):
    counts = json.loads((place / "out" / "2024-04-30" / "manifest.json").read_text("utf-8"))["counts"]["out_of_scope"]
    assert {kind: counts[kind] for kind in OUTSIDE.values()} == {"government": 1, "institution": 1, "practitioner": 1}


@pytest.mark.parametrize("day", ["2024-04-30", "2024-05-01"])
def test_who_is_not_scored_is_never_copied_into_any_file_of_a_run(place, day):
    run = place / "out" / day
    files = dict(searched_below(run))
    assert {"tiers.parquet", "subjects.parquet", "report.html", "plan.xlsx", "manifest.json"} <= set(files)
    assert "S1" in files["tiers.parquet"], "the search finds whoever is scored"
    known = [row for row in pq.read_table(run / "subjects.parquet").to_pylist() if row["subject_id"] in OUTSIDE]
    # A question about a body is answered by what it is: its id and type, nothing else.
    told = [{name: cell for name, cell in row.items() if cell is not None} for row in known]
    assert sorted(told, key=str) == sorted(({"subject_id": one, "subject_type": kind} for one, kind in OUTSIDE.items()), key=str)
    leaked = {(name, one) for name, text in files.items() for one in (*OUTSIDE, *REFUSED) if one in text}
    leaked |= {(name, one) for name, text in files.items() for one in (*OUTSIDE, *REFUSED) if f"外部{one[:3]}" in text}
    assert leaked - {("subjects.parquet", one) for one in OUTSIDE} == set()


def test_their_refused_rows_are_counted_and_go_back_to_their_sender_whole(place, tmp_path):
    frame = pq.read_table(place / "out" / "2024-04-30" / "checkup.parquet").to_pandas()
    refused = frame[(frame["section"] == "refused") & (frame["table"] == "subjects")]
    assert refused["rows"].tolist() == [len(REFUSED)]
    assert refused["examples"].tolist() == ["* (register:6), * (register:7)"]
    rejects = pq.read_table(place / "out" / "2024-05-01" / "rejects.parquet").to_pandas(date_as_object=True)
    theirs = rejects[rejects["key"] == "*"]
    assert len(theirs) == len(rejects) > 0
    assert set(theirs["text"]) == {"*"}
    # Since when a fault is there is known without its key.
    assert set(theirs["since"]) == {dt.date(2024, 4, 30)}
    words = ("--data", place / "data", "--as-of", "2024-05-01", "--rejects-to", tmp_path / "back")
    said = creditscore("check", place / "project", *words)
    assert not [one for one in (*OUTSIDE, *REFUSED) if one in said.out]
    sent = "".join(text for _name, text in searched_below(tmp_path / "back"))
    assert all(one in sent for one in (*OUTSIDE, *REFUSED))


def check(place: Path, purpose: str, *more):
    words = ("--purpose", purpose, "--by", "某科", "--on", "2024-05-06")
    return creditscore("lookup", place / "out" / "2024-04-30", "S1", *(more or words), "--lang", "en")


@pytest.mark.parametrize("purpose", ["supervision", "监督管理", " 监 督 管 理 "])
def test_a_check_for_a_purpose_of_the_list_is_chained(place, purpose):
    assert check(place, purpose).code == 0
    line = read_chain(place / "out" / "lookups.jsonl")[-1]
    assert (line["purpose"], line["by"], line["on"]) == ("supervision", "某科", "2024-05-06")


@pytest.mark.parametrize("purpose", ["贷款", "银行授信", "bank loan", "招投标", "招標", "tender", "something", ""])
def test_lending_bidding_and_whatever_is_not_listed_are_refused(place, purpose):
    chain = place / "out" / "lookups.jsonl"
    before = chain.read_bytes() if chain.exists() else b""
    said = check(place, purpose)
    assert said.code == 2
    assert "--purpose" in said.err
    assert (chain.read_bytes() if chain.exists() else b"") == before


@pytest.mark.parametrize("left_out", ["--purpose", "--by", "--on"])
def test_a_check_says_for_what_by_whom_and_when(place, left_out):
    words = {"--purpose": "supervision", "--by": "某科", "--on": "2024-05-06"}
    said = check(place, "", *(word for name, text in words.items() if name != left_out for word in (name, text)))
    assert said.code == 2
    assert left_out in said.err


def test_data_older_than_the_project_allows_rate_nobody(place):
    said = creditscore(
        "run", place / "project", "--data", place / "data", "--as-of", "2024-07-31", "--out", place / "out", "--lang", "en"
    )
    assert said.code == 2
    for told in ('source "records"', "no older than 200 days", "rule of 2020-01-01: 某规定", "newest was known on 2024-01-02"):
        assert told in said.err
    assert not (place / "out" / "2024-07-31").exists()
    assert (place / "out" / "2024-04-30" / "manifest.json").is_file()


FORBIDDEN = (
    "市内业绩", "市 内 业 绩", "市内近三年业绩", "市內業績", "业绩（市内）", "shinei_yeji", "在本地缴纳的税收", "辖区内参保人数", "属地企业缴税", "local annual tax",
    "税收贡献", "稅收貢獻", "nashui_gongxian", "tax contribution", "户籍", "戶籍", "户　籍", "hukou", "ｌｏｃａｌ＿ｂｒａｎｃｈ", "localBranch", "lo\u200bcal branch",
    "本地.设立.分公司", "县域税收",
)  # fmt: skip
ALLOWED = (
    "用户口碑", "账户口径", "企业业绩评价", "依法缴纳社会保险", "欠缴社会保险次数", "纳税信用等级", "重大税收违法", "localised warning", "contract performance",
    "tax arrears", "social security arrears", "本市平均处罚次数", "项目经理变更",
)  # fmt: skip


def about(text):
    return [one.name for one in factors_in([text]) if one.rule == "forbidden"]


@pytest.mark.parametrize("text", FORBIDDEN)
def test_near_variants_of_what_is_forbidden_are_found(text):
    assert about(text)


@pytest.mark.parametrize("text", ALLOWED)
def test_legitimate_names_near_them_are_not(text):
    assert about(text) == []


@pytest.mark.parametrize("label", ["市内业绩", "稅收貢獻", "户　籍", "湖南省业绩", "居住证"])
def test_the_command_refuses_a_feature_of_that_name(place, tmp_path, label):
    delivery = Delivery(tmp_path)
    features = delivery.project.folder / "features.toml"
    text = features.read_text("utf-8")
    features.write_text(
        text.replace('zh = "penalties_24m"', f'zh = "{label}"').replace('"zh" = "penalties_24m"', f'"zh" = "{label}"'), "utf-8"
    )
    assert load_project(delivery.project.folder).features[0].label.text("zh") == label
    said = night(delivery, tmp_path / "out", "--lang", "en")
    assert said.code == 2
    assert "forbidden" in said.err
