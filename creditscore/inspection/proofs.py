"""A subject's own proof: its row of the frame, its nonce, and the hashes that lead from it to what was published, no more."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from creditscore.errors import DrawError
from creditscore.inspection.amendments import LATE_KEYS, late_rows
from creditscore.inspection.frame_hash import DRAWN_STRATUM_KEYS, drawn_strata, leaves_of, rows_by_name
from creditscore.inspection.frame_rows import SUBJECT_KEYS
from creditscore.inspection.inspectors import DrawnFrame
from creditscore.inspection.merkle import Tree
from creditscore.inspection.plan_folder import read_drawn, read_frame, read_log, read_manifest
from creditscore.inspection.register import Register
from creditscore.inspection.sampling_frame import SamplingFrame
from creditscore.inspection.strata import STRATUM_COLUMNS
from creditscore.inspection.task_folder import TaskFolder
from creditscore.inspection.tickets import nonces, tickets

PROOF_FORMAT = "creditscore-proof/1"


def own_proof(folder: TaskFolder, subject_id: str) -> dict[str, Any]:
    """What a subject needs to check its own place in a task, as plain data; ``verify_draw.py --proof`` checks it.

    Before the draw: its row and its stratum's (n and N), each with nonce and path to the roots that the frame hash covers.
    After it, too: the seed, its ticket and its stratum's last ticket, with the path to the root that was told with the draw. A
    subject that came later gets its row with the path to the root in its line of the register.

    Args:
        folder: A published task.
        subject_id: The subject.

    Raises:
        DrawError: The task is a draft, or of format 2; its key is lost; the subject is not in it.
        DataError: A file is missing or cannot be read.
    """
    register = Register.of(folder.out)
    if register.published(folder.task) is None:
        raise DrawError("task {task}: expected a published task to prove (it is a draft)", task=folder.task)
    drawn = read_drawn(folder.path) if read_manifest(folder.path)["seed"] is not None else None
    frame = drawn.plan if drawn else read_frame(folder.path)
    if not frame.key:
        raise DrawError("task {task}: expected the key of its frame; without it nothing can be proved", task=folder.task)
    name = unicodedata.normalize("NFC", subject_id)
    proof: dict[str, Any] = {
        "format": PROOF_FORMAT,
        "task": folder.task,
        "subject_id": subject_id,
        "frame": {"hash": frame.frame_hash, "about": frame.about, "commitments": frame.commitments},
    }
    subjects = frame.subject_rows()
    if name in subjects:
        stratum = frame.frame.loc[frame.frame["subject_id"] == subject_id, "stratum"].iloc[0]
        proof["subject"] = _leaf(subjects, name, SUBJECT_KEYS, frame)
        proof["stratum"] = _leaf(frame.stratum_rows(), stratum, STRATUM_COLUMNS, frame)
        return proof | ({"draw": _draw(drawn, name, stratum)} if drawn else {})
    late = [line for line in read_log(folder.path, "joined") if line["subject_id"] == subject_id]
    if not late or drawn is None:
        raise DrawError(
            "task {task}: {subject_id} is not in its frame, and did not come later", task=folder.task, subject_id=subject_id
        )
    return proof | {"late": _late(folder, drawn, name), "draw": {"seed": drawn.seed, "drawn": bool(late[0]["mode"])}}


def _leaf(rows: Mapping[str, str], name: str, columns: tuple[str, ...], frame: SamplingFrame) -> dict[str, Any]:
    """A row, its nonce and its path to the root of the tree of all rows."""
    leaves = leaves_of(rows, key=frame.key, task=frame.task.id)
    (nonce,) = nonces([name], key=frame.key, task=frame.task.id)
    return {"columns": list(columns), "row": rows[name], "nonce": nonce, "path": Tree.of(leaves).path(name, leaves[name])}


def _draw(drawn: DrawnFrame, name: str, stratum: str) -> dict[str, Any]:
    """The seed, the subject's ticket, and the last one of its stratum."""
    (ticket,) = tickets([name], seed=drawn.seed, task=drawn.task.id, key=drawn.plan.key)
    rows = drawn_strata(drawn.strata, drawn.sample)
    stratum_after = _leaf(rows, unicodedata.normalize("NFC", stratum), DRAWN_STRATUM_KEYS, drawn.plan)
    chosen = name in {unicodedata.normalize("NFC", one) for one in drawn.drawn["subject_id"]}
    return {"seed": drawn.seed, "ticket": ticket, "drawn": chosen, "root": drawn.root, "stratum": stratum_after}


def _late(folder: TaskFolder, drawn: DrawnFrame, name: str) -> dict[str, Any]:
    """The row of a subject that came later, and the line of the register that has the root of those who came with it."""
    register = [line for line in Register.of(folder.out).of_task(folder.task) if line["what"] == "joined"]
    joined = read_log(folder.path, "joined")
    for line in register:
        together, joined = joined[: line["subjects"]], joined[line["subjects"] :]
        rows = rows_by_name(late_rows(together))
        if name in rows:
            told = {"number": line["number"], "on": line["on"], "root": line.get("late", "")}
            (ticket,) = tickets([name], seed=drawn.seed, task=drawn.task.id, key=drawn.plan.key)
            return {"register": told, "ticket": ticket, **_leaf(rows, name, LATE_KEYS, drawn.plan)}
    raise _not_in_it(folder.task, name)


def _not_in_it(task: str, subject_id: str) -> DrawError:
    return DrawError("task {task}: {subject_id} is not in its frame, and did not come later", task=task, subject_id=subject_id)
