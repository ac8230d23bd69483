"""The canonical text of a frame and its hash: what is published before there is a seed."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from creditscore.errors import DrawError

FORMAT = "creditscore-frame/2"
#: What the hash covers of each subject and of each stratum, in this order.
SUBJECT_KEYS = ("subject_id", "name", "industry", "region", "tier", "stratum", "exempt_reason", "merged_with")
STRATUM_KEYS = (
    "stratum", "tier", "industry", "region", "population", "target", "ratio_ppm", "on_site", "on_site_ppm",
    "full_coverage", "exempt",
)  # fmt: skip


def frame_hash(about: Mapping[str, Any], strata: Iterable[Sequence[Any]], subjects: Iterable[Sequence[Any]]) -> str:
    """The SHA-256 of a frame: the task, the policy, the targets and every subject with its stratum.

    The text has a line per thing, each a JSON value without blanks, UTF-8: the format, ``about``
    (keys in order), the strata by name, the subjects by subject_id. Row order does not matter.

    Args:
        about: Task, day, policy.
        strata: Rows of :data:`STRATUM_KEYS`.
        subjects: Rows of :data:`SUBJECT_KEYS`, all texts.

    Raises:
        DrawError: A subject stands in the frame twice.
    """
    digest, last = hashlib.sha256(), None
    for line in (FORMAT, dict(about), *sorted(map(tuple, strata))):
        digest.update(_line(line))
    for row in sorted(map(tuple, subjects)):
        if row[0] == last:
            raise DrawError(f"frame: expected each subject once (got {last} twice)")
        last = row[0]
        digest.update(_line(row))
    return digest.hexdigest()


def _line(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n").encode()
