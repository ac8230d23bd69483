"""Small simulated cities for tests."""

from pathlib import Path

from creditscore.simulate.city import simulate_city
from creditscore.simulate.parameters import CityParameters

PROJECT = Path(__file__).resolve().parents[2] / "configs" / "yongzhou"


def small_city(out: Path, *, subjects: int = 1500, seed: int = 1) -> Path:
    """The data folder of a city."""
    return simulate_city(CityParameters(subjects=subjects, seed=seed), out=out).data
