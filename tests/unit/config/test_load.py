"""Files of configuration that cannot be read are refused by name."""

import pytest

from creditscore.config.load import read_toml
from creditscore.errors import ConfigError


def test_a_folder_in_place_of_a_file_is_refused_by_name(tmp_path):
    (tmp_path / "signed.toml").mkdir()
    with pytest.raises(ConfigError, match=r"signed\.toml: expected a file that can be read"):
        read_toml(tmp_path / "signed.toml")


def test_an_absent_file_is_refused_by_name(tmp_path):
    with pytest.raises(ConfigError, match=r"gone\.toml: expected a file \(got nothing\)"):
        read_toml(tmp_path / "gone.toml")
