"""Codes of GB 32100 beside python-stdnum, and the tables they are checked with."""

import numpy as np
import pyarrow as pa
import pytest
from stdnum.cn import uscc as stdnum_uscc
from support.deliveries import valid_codes
from support.projects import write_project

from creditscore.config.spec import read_spec
from creditscore.errors import ConfigError
from creditscore.records.standard.identity import (
    ALPHABET,
    ID_FAULTS,
    CodeTables,
    RegionTable,
    compact,
    shipped_tables,
    tables_of,
    uscc_faults,
)

CODES = valid_codes(200)
REGIONS = ["gbt2260_provinces", "gbt2260_43", "gbt2260_4311"]


def faults(codes, **options):
    return uscc_faults(pa.array(codes, pa.string()), **options).to_pylist()


def test_codes_that_stdnum_accepts_are_accepted():
    assert all(stdnum_uscc.is_valid(code) for code in CODES)
    assert faults(CODES) == [None] * len(CODES)


@pytest.mark.parametrize(
    ("code", "stdnum_says", "reason"),
    [
        ("990000006000373411", True, "ID_CATEGORY"),  # authority 9 has no category 9
        ("91999999600037341N", True, "ID_REGION"),  # no such region
        ("91110000600037342P", True, "ID_ORGANISATION_DIGIT"),  # the digit of GB 11714 inside
        ("Y1110000600037341Y", False, None),  # letters in front are right
    ],
)
def test_our_checks_are_right_where_stdnum_is_not(code, stdnum_says, reason):
    assert stdnum_uscc.is_valid(code) is stdnum_says
    assert faults([code]) == [reason]


def test_every_single_typo_and_every_swap_of_neighbours_is_found():
    code = CODES[7]
    typos = [code[:place] + letter + code[place + 1 :] for place in range(18) for letter in ALPHABET if letter != code[place]]
    swaps = [code[:p] + code[p + 1] + code[p] + code[p + 2 :] for p in range(17) if code[p] != code[p + 1]]
    assert None not in faults(typos)
    assert None not in faults(swaps)


def test_remainder_0_has_the_check_character_0():
    assert faults(["11500000MB17643950"]) == [None]


def test_the_reason_is_the_first_that_holds_and_each_is_known():
    codes = ["", "123456789012345", "9.1E+17", "123", "110101199003072930", "91350100M000100Y4Z", "91350100M000100Y44"]
    found = faults(codes)
    assert found == [
        "ID_MISSING",
        "ID_OLD_NUMBER",
        "ID_SPREADSHEET",
        "ID_LENGTH",
        "ID_RESIDENT_NUMBER",
        "ID_ALPHABET",
        "ID_CHECK_DIGIT",
    ]
    assert set(found) < set(ID_FAULTS)


@pytest.mark.parametrize(
    ("region", "known"),
    [
        ("431103", True), ("431121", True), ("431100", True), ("431199", False), ("430199", True), ("432900", False), ("440300", True),
        ("990000", False), ("100000", True), ("43110A", False),
    ],
)  # fmt: skip
def test_regions_are_checked_as_far_as_the_tables_reach(tmp_path, region, known):
    project = write_project(
        tmp_path, sources={"regions": REGIONS, "source": [{"name": "s", "table": "subjects", "file": "s.csv", "format": "csv"}]}
    )
    assert tables_of(project).has_region(region) is known


def test_a_code_table_comes_from_the_package_or_the_project_folder(tmp_path):
    own = {
        "regions": ["gbt2260_provinces", "zones.toml"],
        "source": [{"name": "s", "table": "subjects", "file": "s.csv", "format": "csv"}],
    }
    project = write_project(tmp_path / "project", sources=own)
    with pytest.raises(ConfigError, match=r"regions: expected one of .* or a TOML file of the project"):
        tables_of(project)
    text = 'standard = "永州市自订"\nissued = 2024-01-01\nbasis = "某通知"\nunder = "4311"\ndigits = 6\nregion = [{ code = "431171", name = "经开区" }]\n'
    (tmp_path / "project" / "zones.toml").write_text(text, "utf-8")
    tables = tables_of(project)
    assert tables.has_region("431171")
    assert not tables.has_region("431103")
    outside = write_project(tmp_path / "other", sources={**own, "regions": ["../project/zones.toml"]})
    with pytest.raises(ConfigError, match="regions"):
        tables_of(outside)


def test_a_table_whose_codes_do_not_fit_is_refused(tmp_path):
    path = tmp_path / "wrong.toml"
    path.write_text(
        'standard = "x"\nissued = 2024-01-01\nbasis = "x"\nunder = "43"\ndigits = 4\nregion = [{ code = "4401", name = "x" }]\n',
        "utf-8",
    )
    with pytest.raises(ConfigError, match='codes of 4 digits that start with "43"'):
        read_spec(RegionTable, path)


def test_every_table_that_ships_cites_its_standard_and_its_day():
    tables = shipped_tables()
    assert tables.uscc.standard == "GB 32100-2015"
    assert all(authority.basis for authority in tables.uscc.authority)
    assert {a.code for a in tables.uscc.authority} == set("123456789ANY")
    assert tables.uscc.subject_types["92"] == "individual_business"
    assert all(table.standard.startswith("GB/T 2260") and table.basis and table.issued for table in tables.regions)


def test_the_standards_of_a_project_are_named_once_with_their_day():
    regions = shipped_tables().regions
    assert (
        CodeTables(shipped_tables().uscc, (*regions, *regions)).editions
        == "GB 32100-2015 (2015-09-17), GB/T 2260-2007 (2007-11-14)"
    )


def test_compact_keeps_plain_arrays_and_nulls():
    plain = pa.array([CODES[0], None])
    assert compact(plain) is plain
    full = "".join(chr(ord(letter) + 0xFEE0) for letter in CODES[0])
    assert compact(pa.chunked_array([[full, " "], [None, CODES[1].lower()]])).to_pylist() == [CODES[0], None, None, CODES[1]]


def test_many_codes_at_once_give_the_same_as_one_at_a_time():
    rng = np.random.default_rng(3)
    mixed = [code if rng.random() < 0.5 else code[: rng.integers(0, 19)] + code[rng.integers(0, 18) :] for code in CODES]
    assert faults(mixed) == [faults([code])[0] for code in mixed]
