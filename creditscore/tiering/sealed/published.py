"""Enter results into ``publication.csv``: the only file of a drawn plan that may change after the draw."""

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

from creditscore.batch import atomic_write
from creditscore.tiering.sealed.publish import PUBLICATION_COLUMNS
from creditscore.tiering.sealed.sheets import read_csv, to_csv

#: Outcomes as they are published.
WORDS = {
    "none": "未发现问题",
    "violation": "发现违法违规",
    "not_found": "查无下落",
    "closed": "已关闭或注销",
    "refused": "不配合检查",
}


def publish_results(folder: Path, results: Mapping[str, tuple[dt.date, str]]) -> None:
    """Fill in ``inspected_on`` and ``result`` of drawn subjects; other rows stay as they are.

    Args:
        folder: A drawn plan.
        results: Day and outcome (as in the table ``inspections``) by subject.
    """
    path = folder / "publication.csv"
    rows = [cells for _, cells in read_csv(path, PUBLICATION_COLUMNS)]
    at = PUBLICATION_COLUMNS.index("inspected_on")
    for cells in rows:
        if cells[1] in results:
            day, outcome = results[cells[1]]
            cells[at : at + 2] = [day.isoformat(), WORDS[outcome]]
    content = to_csv(PUBLICATION_COLUMNS, rows)
    if content != path.read_bytes():
        atomic_write(path, content)
