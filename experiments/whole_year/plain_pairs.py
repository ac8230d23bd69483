"""How often closing.csv shows who replaced whom.

    python experiments/whole_year/plain_pairs.py OUT/runs/tasks                       # of the tasks that were closed
    python experiments/whole_year/plain_pairs.py OUT/runs/2024-04-30/tiers.parquet    # of towns with such trades and tiers

The list names whoever was replaced and whoever came, without pairs. A reader knows the trade of each from its name or id, and
whoever came is of the stratum of whom it replaced, so of one trade with it unless small strata were joined. A pair is plain where
a single one came in the trade of who was replaced. The second count is of a list that would not tell replacements from late
subjects, for a reader who does not look up since when a firm exists.
"""

import csv
import json
import random
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pandas as pd

#: Ratios of the table in ``docs/draw.md``, in millionths; late subjects, as a share of the drawn.
RATIOS, LATE = {"A": 10_000, "B": 20_000, "C": 100_000, "D": 300_000, "NR": 20_000}, 0.01
SIZES, REPLACED, MILLION = (1_500, 5_000, 20_000, 100_000), (0.02, 0.05), 1_000_000


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file of a task."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def of_task(folder: Path) -> Counter:
    """The counts of a closed task."""
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text("utf-8").splitlines()]
    came = {line["subject_id"]: line["replaced_by"] for line in log if line["what"] == "replaced"}
    trades = {row["subject_id"]: row["industry"] for row in rows(folder / "sample.csv")}
    trades |= {line["subject_id"]: line["industry"] for line in log if line["what"] == "joined"}
    standing = {row["subject_id"]: row["standing"] for row in rows(folder / "closing.csv")}

    def last(subject: str) -> str:
        return last(came[subject]) if subject in came else subject

    def candidates(subject: str, *kinds: str) -> set[str]:
        return {one for one, kind in standing.items() if kind in kinds and trades[one] == trades[subject]}

    plain = sum(candidates(one, "replacement") == {last(one)} for one in came)
    mixed = sum(candidates(one, "replacement", "late") == {last(one)} for one in came)
    return Counter(drawn=len(rows(folder / "publication.csv")), pairs=len(came), plain=plain, mixed=mixed)


def of_town(kinds: list[tuple[str, str]], size: int, share: float, rng: random.Random) -> Counter:
    """The counts of one task over a town whose firms have trades and tiers as those of ``kinds``."""
    firms = [rng.choice(kinds) for _ in range(size)]
    sizes = Counter(firms)
    small = [kind for kind, count in sizes.items() if RATIOS[kind[1]] * count < MILLION]
    alike = Counter(tier for _trade, tier in small)
    strata: dict[tuple[str, str], list[str]] = defaultdict(list)
    for trade, tier in firms:
        strata["" if (trade, tier) in small and alike[tier] > 1 else trade, tier].append(trade)
    pairs, drawn = list[tuple[str, str]](), 0
    for (_trade, tier), queue in strata.items():
        rng.shuffle(queue)
        n = -(-RATIOS[tier] * len(queue) // MILLION)
        gone, waiting = [trade for trade in queue[:n] if rng.random() < share], queue[n:]
        pairs += zip(gone, waiting, strict=False)
        drawn += n
    came = Counter(trade for _gone, trade in pairs)
    late = {rng.choice(kinds)[0] for _ in range(round(LATE * drawn))}
    plain = [trade for gone, trade in pairs if gone == trade and came[trade] == 1]
    return Counter(drawn=drawn, pairs=len(pairs), plain=len(plain), mixed=sum(trade not in late for trade in plain))


def line(what: str, found: Counter, times: int = 1) -> str:
    """One line of the answer."""
    of = max(found["pairs"], 1)
    return (
        f"{what}: {found['drawn'] / times:,.0f} drawn, {found['pairs'] / times:.1f} pairs, plain {found['plain'] / of:.0%}; "
        f"{found['mixed'] / of:.0%} if late subjects were not told apart\n"
    )


def main() -> None:
    """One line for each closed task, or for each size of town and share of replaced."""
    path = Path(sys.argv[1])
    if path.is_dir():
        for closing in sorted(path.glob("*/closing.csv")):
            sys.stdout.write(line(closing.parent.name, of_task(closing.parent)))
        return
    tiers = pd.read_parquet(path)
    kinds = list(zip(tiers["industry"], tiers["tier"], strict=True))
    for size in SIZES:
        towns = max(20, 300_000 // size)
        for share in REPLACED:
            found = sum((of_town(kinds, size, share, random.Random(seed)) for seed in range(towns)), Counter())
            sys.stdout.write(line(f"{size:,} subjects, {share:.0%} replaced, {towns} towns", found, towns))


if __name__ == "__main__":
    main()
