from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest

from creditscore.simulate.city import simulate_city
from creditscore.simulate.parameters import CityParameters

#: Much of what is rare by default, so that a small city has it.
LIVELY = CityParameters(
    subjects=2500, months=24, history_months=12, suspensions=0.1, moves=0.1, trade_changes=0.1, late_publicity=0.2,
    hostile_names=0.01, missing_publicity=0.02,
)  # fmt: skip


def tables_of(city):
    """Readers of a city's data and truth, as pandas."""

    def reader(folder):
        return lambda name: pq.read_table(folder / f"{name}.parquet").to_pandas()

    return SimpleNamespace(city=city, data=reader(city.data), truth=reader(city.truth), parameters=city.parameters)


@pytest.fixture(scope="session")
def lively(tmp_path_factory):
    return tables_of(simulate_city(LIVELY, out=tmp_path_factory.mktemp("lively")))


@pytest.fixture
def lively_but(tmp_path):
    """The lively city with other parameters."""

    def make(**changed):
        return tables_of(simulate_city(LIVELY.model_copy(update=changed), out=tmp_path / str(len(list(tmp_path.iterdir())))))

    return make
