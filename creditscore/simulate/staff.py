"""Inspectors: their departments and counties, how strict each is, and which two go."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from creditscore.simulate.bits import Bits, Ints, milli
from creditscore.simulate.parameters import CityParameters
from creditscore.simulate.places import COUNTIES, DEPARTMENTS, INDUSTRIES, OTHER_CODES

#: Subjects of a department for each of its inspectors.
_SUBJECTS_EACH = 250
_DEPARTMENT_OF = np.array([DEPARTMENTS.index(i.department) for i in INDUSTRIES] + [0] * len(OTHER_CODES), dtype=np.int64)


@dataclass(frozen=True)
class Staff:
    """Arrays of one entry per inspector, departments one after the other.

    A department's inspectors are split into ``groups`` equal groups; county ``k`` belongs to group
    ``k mod groups``, so that a department with fewer groups than counties lends each to several.
    """

    department: Ints
    group: Ints
    strictness: Ints
    first: Ints
    size: Ints
    groups: Ints

    def pairs(
        self, parameters: CityParameters, bits: Bits, industry: NDArray[np.int16], county: NDArray[np.int8]
    ) -> tuple[Ints, Ints]:
        """Two different inspectors of the department for each visit."""
        department = department_of(industry)
        first, size = self.first[department], self.size[department]
        if parameters.inspector_assignment == "districts":
            size = size // self.groups[department]
            first = first + county % self.groups[department] * size
        count = len(industry)
        one = bits.below(size, count)
        other = (one + 1 + bits.below(size - 1, count)) % size
        return first + one, first + other

    def names(self) -> list[str]:
        """The numbers of the inspectors."""
        return [f"ZF4311{place:04d}" for place in range(len(self.department))]


def department_of(industry: NDArray[np.int16]) -> Ints:
    """The place of the department that inspects an industry."""
    return _DEPARTMENT_OF[industry]


def make_staff(parameters: CityParameters) -> Staff:
    """Enough inspectors for the city: at least two pairs a department, strict and mild in equal measure.

    The mean over a department is 0, so that "average inspectors" means the same everywhere.
    """
    weights = np.array([sum(i.weight for i in INDUSTRIES if i.department == name) for name in DEPARTMENTS])
    wanted = parameters.subjects * weights // (sum(i.weight for i in INDUSTRIES) * _SUBJECTS_EACH)
    groups = np.clip(wanted // 2, 2, len(COUNTIES))
    size = np.maximum(-(-wanted // groups), 2) * groups
    department = np.repeat(np.arange(len(DEPARTMENTS)), size)
    first = np.concatenate([[0], np.cumsum(size)[:-1]])
    group = (np.arange(len(department)) - first[department]) // (size // groups)[department]
    own = milli(parameters.strictness) * Bits(parameters.seed, "strictness").normal(len(department)) // 1000
    shared = milli(parameters.county_strictness) * Bits(parameters.seed, "county strictness").normal(len(COUNTIES)) // 1000
    strictness = own + shared[group]
    mean = np.add.reduceat(strictness, first) // size
    return Staff(department, group, strictness - mean[department], first, size, groups)
