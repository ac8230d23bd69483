"""The encoding of a text file is detected, recorded and checked to the last byte, or the file is refused."""

import pytest
from support.deliveries import SUBJECTS, Delivery, csv_sources, findings, rows, subject_line, text
from support.projects import write_project

from creditscore.errors import ConfigError, DataError

RARE = "永州䶮记餐饮店"  # 䶮 is in GB18030 (four bytes) and not in GBK
BODY = text(SUBJECTS, [subject_line("S1", RARE), subject_line("S2", "道县㙍店")])


def names(delivery):
    return [row["name"] for row in rows(delivery.open(), "subjects")]


def encoding_of(delivery):
    return delivery.open().arrivals[0].encoding


def test_undeclared_gb18030_is_detected_and_recorded(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.file("subjects.csv", BODY, "gb18030")
    assert names(delivery) == [RARE, "道县㙍店"]
    assert encoding_of(delivery) == "gb18030"
    told = findings(delivery.open(), "normalised")
    assert told["rule"].tolist() == ["encoding gb18030"]
    assert told["rows"].tolist() == [2]


@pytest.mark.parametrize("option", [{"ignore_errors": True}, {"errors": "replace"}])
def test_no_option_drops_lines_silently(tmp_path, option):
    with pytest.raises(ConfigError, match="Extra inputs are not permitted"):
        write_project(tmp_path, sources=csv_sources(subjects=option))


@pytest.mark.parametrize("label", ["utf8-lossy", "utf-8-replace", "ascii"])
def test_an_encoding_that_loses_letters_cannot_be_declared(tmp_path, label):
    with pytest.raises(ConfigError, match="encoding"):
        write_project(tmp_path, sources=csv_sources(subjects={"encoding": label}))


@pytest.mark.parametrize("label", ["gbk", "gb2312", "gb18030"])
def test_a_file_labelled_gbk_keeps_the_rare_characters_of_gb18030(tmp_path, label):
    delivery = Delivery(tmp_path, sources=csv_sources(subjects={"encoding": label}))
    delivery.file("subjects.csv", BODY, "gb18030")
    assert names(delivery) == [RARE, "道县㙍店"]
    assert encoding_of(delivery) == "gb18030"


@pytest.mark.parametrize(("encoding", "found"), [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16")])
def test_byte_order_marks_leave_no_trace_in_the_header(tmp_path, encoding, found):
    delivery = Delivery(tmp_path)
    delivery.file("subjects.csv", BODY, encoding)
    assert names(delivery) == [RARE, "道县㙍店"]
    assert encoding_of(delivery) == found


@pytest.mark.parametrize(("first", "then"), [("utf-8", "gb18030"), ("gb18030", "utf-8")])
def test_two_encodings_in_a_file_are_refused_with_byte_and_line(tmp_path, first, then):
    delivery = Delivery(tmp_path)
    head = text(SUBJECTS, [subject_line("S1", RARE)]).encode(first)
    delivery.file("subjects.csv", head + f"{subject_line('S2', '道县宁远餐饮')}\n".encode(then))
    with pytest.raises(DataError, match=r"subjects\.csv: expected one encoding .* at (\d+), line 3") as refused:
        delivery.open()
    byte = int(str(refused.value).split(" at ")[1].split(",")[0])
    assert byte >= len(head)
    assert "道县" not in str(refused.value)


def test_utf_8_in_a_file_declared_gb18030_is_refused(tmp_path):
    delivery = Delivery(tmp_path, sources=csv_sources(subjects={"encoding": "gb18030"}))
    delivery.file("subjects.csv", text(SUBJECTS, [subject_line("S1", "中国人民餐饮店")]))
    with pytest.raises(DataError, match=r"expected gb18030 throughout \(got .*line 2\)"):
        delivery.open()


@pytest.mark.parametrize("declared", ["auto", "utf-16"])
@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_its_mark_is_told_by_its_line_ends(tmp_path, order, declared):
    delivery = Delivery(tmp_path, sources=csv_sources(subjects={"encoding": declared}))
    delivery.file("subjects.csv", BODY, order)
    assert names(delivery) == [RARE, "道县㙍店"]
    assert encoding_of(delivery) == order


def test_a_file_with_nuls_everywhere_is_no_text(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.file("events.csv", b"a,b\n" + bytes(1000))
    with pytest.raises(DataError, match=r"events\.csv: expected text \(got 1000 NUL bytes"):
        delivery.open()


def test_a_file_declared_utf_16_that_is_none_is_refused(tmp_path):
    delivery = Delivery(tmp_path, sources=csv_sources(subjects={"encoding": "utf-16"}))
    delivery.file("subjects.csv", BODY)
    with pytest.raises(DataError, match=r"expected utf-16 \(got neither its mark nor a line end of it\)"):
        delivery.open()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-8", "gb18030"])
def test_a_wrong_byte_is_named_by_the_line_of_an_editor(tmp_path, encoding):
    declared = "utf-16" if encoding.startswith("utf-16") else encoding
    delivery = Delivery(tmp_path, sources=csv_sources(subjects={"encoding": declared}))
    good = f"{SUBJECTS}\r\n{subject_line('S1', '上海ਊ店')}\r{subject_line('S2')}\n".encode(encoding)
    wrong = {"utf-8": b"\xff", "gb18030": b"\xff\xff"}.get(
        encoding, b"\xdc\x00\xdc\x00" if encoding == "utf-16-be" else b"\x00\xdc"
    )
    delivery.file("subjects.csv", good + wrong + "x\n".encode(encoding.removesuffix("-be") + ("-be" if "be" in encoding else "")))
    with pytest.raises(DataError, match=rf"expected .* throughout \(got a byte that is not at {len(good)}, line 4\)"):
        delivery.open()


TRADITIONAL = ["臺灣餐飲股份有限公司", "國際貿易發展協會", "龍巖區衛生局", "實業開發銀行總行", "裏港鄉農會", "學園書店"]
JAPANESE = ["株式会社さくら商店", "有限会社ひまわり", "カフェ・ド・パリ", "東京都中央区役所", "おおさか屋"]
KOREAN = ["주식회사 한국무역", "서울특별시 중구청", "대한민국 정부", "부산 수산시장"]


@pytest.mark.parametrize(
    ("words", "codec", "told"),
    [(TRADITIONAL, "cp950", "big5"), (JAPANESE, "cp932", "shift_jis"), (KOREAN, "cp949", "euc_kr"), (JAPANESE, "euc_jp", "euc_jp")],
    ids=["big5", "shift_jis", "euc_kr", "euc_jp"],
)  # fmt: skip
@pytest.mark.parametrize("count", [2, 60])
def test_what_several_encodings_read_is_asked_for_by_name(tmp_path, words, codec, told, count):
    delivery = Delivery(tmp_path)
    lines = [subject_line(f"S{n}", words[n % len(words)]) for n in range(count)]
    delivery.file("subjects.csv", text(SUBJECTS, lines), codec)
    with pytest.raises(DataError, match=rf'subjects\.csv: expected bytes that prove their encoding .*encoding = "{told}"') as asked:
        delivery.open()
    assert not any(word in str(asked.value) for word in words)
    delivery.project = write_project(tmp_path / "told", sources=csv_sources(subjects={"encoding": told}))
    assert sorted(names(delivery)) == sorted(words[n % len(words)] for n in range(count))


def test_few_characters_that_big5_reads_as_well_are_asked_for(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.file("subjects.csv", text(SUBJECTS, [subject_line("S1", "永州店")]), "gb18030")
    with pytest.raises(DataError, match=r'encoding = "gb18030", encoding = "big5"'):
        delivery.open()


def test_few_characters_that_only_gb18030_reads_are_not_asked_for(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.file("subjects.csv", text(SUBJECTS, [subject_line("S1", "全区企业")]), "gb18030")
    assert names(delivery) == ["全区企业"]
