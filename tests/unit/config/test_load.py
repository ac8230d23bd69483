"""Files of configuration that cannot be read are refused by name."""

import datetime as dt

import pytest
from pydantic import Field, ValidationError

from creditscore.config.spec import Items, Spec, parse, parse_json, read_toml
from creditscore.errors import ConfigError


def test_a_folder_in_place_of_a_file_is_refused_by_name(tmp_path):
    (tmp_path / "signed.toml").mkdir()
    with pytest.raises(ConfigError, match=r"signed\.toml: expected a file that can be read"):
        read_toml(tmp_path / "signed.toml")


def test_an_absent_file_is_refused_by_name(tmp_path):
    with pytest.raises(ConfigError, match=r"gone\.toml: expected a file \(got nothing\)"):
        read_toml(tmp_path / "gone.toml")


class _Days(Spec):
    day: Items[dt.date] = ()
    number: Items[int] = Field(default=(1,), min_length=1)


def test_lists_of_toml_and_json_become_tuples_of_strict_entries():
    day = dt.date(2024, 4, 30)
    assert parse(_Days, {"day": [day]}, "x.toml") == parse_json(_Days, {"day": ["2024-04-30"]}, "x.json")
    for document, said in [({"number": ["1"]}, r"number\[1\]"), ({"number": []}, "number"), ({"day": ["2024-04-30"]}, r"day\[1\]")]:
        with pytest.raises(ConfigError, match=rf"x\.toml: {said}: "):
            parse(_Days, document, "x.toml")
    with pytest.raises(ConfigError, match=r"x\.json: day\[1\]: .*got 'soon'"):
        parse_json(_Days, {"day": ["soon"]}, "x.json")


class _Fractions(Spec):
    share: float = 1
    deep: Items[float] = (1, 2)


def test_a_default_or_a_copy_holds_fractions_where_the_file_does():
    assert repr(_Fractions()) == repr(_Fractions(share=1, deep=[1, 2])) == "_Fractions(share=1.0, deep=(1.0, 2.0))"
    assert repr(_Fractions(share=3).model_copy(update={"share": 2})) == "_Fractions(share=2.0, deep=(1.0, 2.0))"
    with pytest.raises(ValidationError):
        _Fractions().model_copy(update={"shares": 2})


def test_a_copy_knows_what_was_given():
    assert _Fractions().model_copy(update={"share": 2}).model_fields_set == {"share"}
