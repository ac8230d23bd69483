"""Cards are scored with only as they were signed; signing replaces all cards or none."""

import datetime as dt

import pytest
from support.cards import number, text
from support.projects import write_project
from support.runs import TASK, finished_run, pooled_card, seal
from support.tasks import bytes_below

from creditscore.errors import ConfigError, DataError
from creditscore.pipeline.score import write_cards
from creditscore.pipeline.signed_cards import sign_cards, signed_cards

ON = dt.date(2024, 5, 6)
WHO = {"signed_by": "王局长", "on": ON}


@pytest.fixture
def project(tmp_path):
    return write_project(tmp_path / "project", tasks={"task": [TASK]})


@pytest.fixture
def signed(project):
    write_cards(project.cards, {"all": pooled_card()})
    sign_cards(project, **WHO)
    return project


def files(project):
    return {path.name: path.read_bytes() for path in sorted(project.cards.glob("[!.]*"))}


def test_a_project_without_cards_has_no_signed_ones(project):
    assert signed_cards(project.cards) == {}


def test_signed_cards_come_back_as_they_were_signed(signed):
    assert signed_cards(signed.cards) == {"all": pooled_card()}


def test_a_card_that_was_changed_after_signing_is_refused(signed):
    write_cards(signed.cards, {"all": pooled_card(points=(11, -30))})
    with pytest.raises(DataError, match=r"all\.json"):
        signed_cards(signed.cards)


def test_unsigned_and_absent_cards_are_named(signed):
    write_cards(signed.cards, {"food": pooled_card(name="food", industry="food")})
    (signed.cards / "all.json").unlink()
    with pytest.raises(DataError, match="not signed: food; signed, but absent: all"):
        signed_cards(signed.cards)


def test_cards_without_any_file_of_signatures_are_refused(project):
    write_cards(project.cards, {"all": pooled_card()})
    with pytest.raises(ConfigError, match=r"signed\.toml"):
        signed_cards(project.cards)


def test_a_signature_of_the_same_content_is_kept(signed):
    again = sign_cards(signed, signed_by="李局长", on=dt.date(2024, 6, 1))
    assert (again["all"].signed_by, again["all"].on) == ("王局长", ON)


def test_the_same_cards_signed_again_change_no_byte(signed, tmp_path):
    run = finished_run(tmp_path / "out", signed)
    sign_cards(signed, **WHO, run=run.path)
    before, of_run = files(signed), bytes_below(run.out)
    sign_cards(signed, signed_by="李局长", on=dt.date(2024, 6, 1), run=run.shown)
    assert files(signed) == before
    assert bytes_below(run.out) == of_run


def test_another_content_gets_a_new_signature(signed):
    write_cards(signed.cards, {"all": pooled_card(points=(11, -30))})
    assert sign_cards(signed, signed_by="李局长", on=ON)["all"].signed_by == "李局长"
    assert signed_cards(signed.cards)["all"] == pooled_card(points=(11, -30))


def test_the_cards_of_a_run_replace_those_that_are_there(signed, tmp_path):
    write_cards(signed.cards, {"food": pooled_card(name="food", industry="food")})
    run = finished_run(tmp_path / "out", signed)
    assert set(sign_cards(signed, **WHO, run=run.path)) == {"all"}
    assert set(files(signed)) == {"all.json", "signed.toml"}


@pytest.mark.parametrize("signer", ["", "  ", "a" * 201, "two\nlines"])
def test_a_signer_is_a_name_of_one_line(signed, signer):
    with pytest.raises(DataError, match="expected who signs"):
        sign_cards(signed, signed_by=signer, on=ON)


@pytest.mark.parametrize("name", ['"quoted"', "back\\slash", "王局长 [签]"])
def test_any_printable_signer_can_be_read_back(signed, name):
    (signed.cards / "signed.toml").unlink()
    sign_cards(signed, signed_by=name, on=ON)
    assert signed_cards(signed.cards)
    assert sign_cards(signed, **WHO)["all"].signed_by == name


def test_signing_nothing_is_refused(project):
    with pytest.raises(DataError, match="expected cards to sign"):
        sign_cards(project, **WHO)
    with pytest.raises(DataError, match="got both"):
        sign_cards(project, **WHO, run=project.folder, table=project.folder)


@pytest.mark.parametrize(
    ("characteristic", "message"),
    [(number("unknown", (1,), (0, 1)), "expected features of project"), (None, "as they are there")],
)
def test_a_card_of_other_features_leaves_the_cards_as_they_are(signed, tmp_path, characteristic, message):
    run = finished_run(tmp_path / "out", signed)
    before = files(signed)
    one = characteristic or text("penalties_24m", ((("a",), 1),))
    card = pooled_card(characteristics=(one,), baselines=())
    run.file("scorecards/all.json").write_text(card.to_json(), "utf-8")
    seal(run)
    with pytest.raises(DataError, match=message):
        sign_cards(signed, **WHO, run=run.path)
    assert files(signed) == before
