"""The list that was published: the drawn subjects and nothing that the sealed task does not say."""

from collections.abc import Iterator

from creditscore.tiering.checks.sealed import Sealed
from creditscore.tiering.sealed.publish import PUBLICATION_COLUMNS, RESULT_COLUMNS
from creditscore.tiering.sealed.sheets import read_csv


def check_publication(sealed: Sealed) -> Iterator[str]:
    """Each drawn subject once, with the name, task, item, department and days of the sealed plan; results are free."""
    task = sealed.manifest["about"]["task"]
    drawn = {row["subject_id"]: row["name"] for row in sealed.rows if row["drawn"] == "1"}
    about = [task["item"], task["department"], task["start"], task["end"]]
    seen = set()
    for line, cells in read_csv(sealed.folder / "publication.csv", PUBLICATION_COLUMNS):
        said_task, subject, name, *said = cells[: -len(RESULT_COLUMNS)]
        if subject in seen or drawn.get(subject) != name or said_task != sealed.task:
            yield f"publication.csv line {line}: {subject} is not drawn, stands twice or has another name than in sample.csv"
        elif said != about:
            yield f"publication.csv line {line}: item, department or days of {subject} are not those of the task"
        seen.add(subject)
    for subject in sorted(set(drawn) - seen):
        yield f"publication.csv: {subject} is drawn and does not stand in it"
