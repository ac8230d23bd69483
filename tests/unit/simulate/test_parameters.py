import pytest
from pydantic import ValidationError

from creditscore.simulate.parameters import CityParameters


@pytest.mark.parametrize("changed", [{"subjects": 10}, {"on_site_ratios": (0.0, 0.1, 0.1, 0.1)}, {"colour": 1}])
def test_impossible_parameters_are_refused(changed):
    with pytest.raises(ValidationError):
        CityParameters(**changed)


def test_industries_absent_from_the_city_cannot_be_covered():
    with pytest.raises(ValidationError, match="full_coverage"):
        CityParameters(full_coverage=("shipping",))
