"""Medians of works that take turns, by the clock and of the processors, and a table of them."""

import statistics
import time
from collections.abc import Callable

Work = Callable[[], object]


def medians(works: dict[str, Work], repeat: int) -> dict[str, tuple[float, float]]:
    """Median seconds of each, by the clock and of the processors; the works take turns."""
    spans: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for _ in range(repeat):
        for name, work in works.items():
            begun, busy = time.perf_counter(), time.process_time()
            work()
            spans[name].append((time.perf_counter() - begun, time.process_time() - busy))
    return {name: (statistics.median(c for c, _ in one), statistics.median(b for _, b in one)) for name, one in spans.items()}


def shown(title: str, spans: dict[str, tuple[float, float]], base: str) -> None:
    """A markdown table: seconds by the clock and of the processors, and times ``base``."""
    print(f"\n| {title} | s | CPU s | x {base} | CPU x |\n|---|---|---|---|---|")
    for name, (clock, busy) in spans.items():
        print(f"| {name} | {clock:.3f} | {busy:.3f} | {clock / spans[base][0]:.2f} | {busy / spans[base][1]:.2f} |", flush=True)


def held(
    what: str,
    spans: dict[str, tuple[float, float]],
    ours: str,
    theirs: str,
    *,
    at_most: float | None = None,
    at_least: float | None = None,
) -> None:
    """Print a ratio of medians, by the clock and of the processors, against its limit; the processors' decides on a busy machine.

    Args:
        what: Its name.
        spans: Of the works.
        ours: Work whose time is judged.
        theirs: Work that it is compared with.
        at_most: Limit of ours / theirs.
        at_least: Limit of theirs / ours.
    """
    ratios = [a / b for a, b in zip(spans[ours], spans[theirs], strict=True)]
    if at_most is not None:
        verdict = f"at most {at_most:g}: {'met' if ratios[1] <= at_most else 'not met'}"
    else:
        ratios = [1 / one for one in ratios]
        verdict = f"at least {at_least:g}: {'met' if ratios[1] >= (at_least or 0) else 'not met'}"
    print(f"{what}: {ratios[0]:.2f} x by the clock, {ratios[1]:.2f} x of the processors; asked {verdict}", flush=True)
