"""How long a city takes, in what memory, and whether the same seed gives the same bytes.

    python experiments/benchmarks/simulate.py [--subjects 500000] [--months 36] [--repeat 2]

Each repetition is a process of its own (its peak memory is the kernel's figure). Budget for 500,000
subjects, 36 months and about 10^7 events on 2 cores: under 3 minutes, under 3 GiB.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SECONDS, GIB = 180.0, 3.0
EVENTS = ("public_events", "industry_events", "market_events", "market_complaints", "self_declared")
CHILD = """
import json, sys
from pathlib import Path
import creditscore as cs
subjects, months, seed = map(int, sys.argv[2:])
city = cs.simulate_city(cs.CityParameters(subjects=subjects, months=months, seed=seed), out=Path(sys.argv[1]))
print(json.dumps({"rows": city.rows, "sha256": city.sha256}))
"""


def main() -> None:
    """Print a table of the repetitions, and fail where they differ or miss the budget."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=500_000)
    parser.add_argument("--months", type=int, default=36)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    print("| run | subjects | events | ratings | visits | seconds | peak GiB | files |")
    print("|---|---|---|---|---|---|---|---|")
    hashes, seconds = [], []
    for number in range(told.repeat):
        begun = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            made = _simulate(folder, told)
            seconds.append(time.perf_counter() - begun)
            size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
        rows = {Path(name).stem: count for name, count in made["rows"].items() if name.startswith("data/")}
        hashes.append(made["sha256"])
        events = sum(rows[name] for name in EVENTS)
        print(
            f"| {number + 1} | {told.subjects:,} | {events:,} | {rows['ratings']:,} | {rows['inspections']:,} | "
            f"{seconds[-1]:.0f} | {_peak():.2f} | {size / 1e6:.0f} MB |"
        )
    same = all(one == hashes[0] for one in hashes)
    print(f"\nsame seed, same bytes in all {len(hashes[0])} files: {same}; budget {SECONDS:.0f} s and {GIB:.0f} GiB")
    sys.exit(0 if same and max(seconds) < SECONDS and _peak() < GIB else 1)


def _simulate(folder: str, told: argparse.Namespace) -> dict[str, dict[str, object]]:
    command = [sys.executable, "-c", CHILD, folder, str(told.subjects), str(told.months), str(told.seed)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, dict[str, object]] = json.loads(said)
    return found


def _peak() -> float:
    """The largest resident size of any child so far, in GiB (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20


if __name__ == "__main__":
    main()
