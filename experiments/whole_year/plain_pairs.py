"""How often closing.csv shows who replaced whom: ``python experiments/whole_year/plain_pairs.py OUT/runs/tasks``.

The list names whoever was replaced and whoever came, without pairs. A reader knows the trade of each from its name or id, and
whoever came is of the stratum of whom it replaced, so of one trade with it unless small strata were joined. A pair is plain where
a single one came in the trade of who was replaced. The second count is of a list that would not tell replacements from late
subjects, for a reader who does not look up since when a firm exists.
"""

import csv
import json
import sys
from pathlib import Path


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file of a task."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def plain_pairs(folder: Path) -> tuple[int, int, int]:
    """How many were replaced in a closed task; of how many the list shows who came; the same without standings of who came."""
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text("utf-8").splitlines()]
    came = {line["subject_id"]: line["replaced_by"] for line in log if line["what"] == "replaced"}
    trades = {row["subject_id"]: row["industry"] for row in rows(folder / "sample.csv")}
    trades |= {line["subject_id"]: line["industry"] for line in log if line["what"] == "joined"}
    standing = {row["subject_id"]: row["standing"] for row in rows(folder / "closing.csv")}

    def last(subject: str) -> str:
        return last(came[subject]) if subject in came else subject

    def candidates(subject: str, *kinds: str) -> set[str]:
        return {one for one, kind in standing.items() if kind in kinds and trades[one] == trades[subject]}

    told = sum(candidates(one, "replacement") == {last(one)} for one in came)
    mixed = sum(candidates(one, "replacement", "late") == {last(one)} for one in came)
    return len(came), told, mixed


def main() -> None:
    """One line for each closed task, and one for all."""
    found = [plain_pairs(path.parent) for path in sorted(Path(sys.argv[1]).glob("*/closing.csv"))]
    for pairs, told, mixed in [*found, tuple(map(sum, zip(*found, strict=True)))]:
        sys.stdout.write(f"{pairs} replaced: who came is plain for {told}; for {mixed} if late subjects were not told apart\n")


if __name__ == "__main__":
    main()
