"""A project, its delivery and its folder of runs, put back as they were before each trial; stages of a run that take no time."""

import contextlib
import datetime as dt
import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd
from support.deliveries import DAY, Delivery, event_line, subject_line
from support.disk import TOP, Disk, State, Tree
from support.nights import sign_a_card
from support.plans import a_staff
from support.seeds import source
from support.tasks import KEY

from creditscore.config.project import load_project
from creditscore.engine import Engine
from creditscore.inspection import sampling_frame
from creditscore.inspection.plan import DrawnPlan, InspectionPlan
from creditscore.inspection.plan_folder import read_manifest
from creditscore.inspection.register import REGISTER, Register
from creditscore.inspection.task_key import key_path
from creditscore.inspection.verify import verify_plan
from creditscore.pipeline import open_tasks, run_store
from creditscore.pipeline import run as run_module
from creditscore.pipeline.out_folder import RESULTS
from creditscore.pipeline.run import run_project
from creditscore.pipeline.run_folder import DOCUMENTS, MANIFEST, RUNS, RunFolder
from creditscore.storage import (
    atomic_write,
    canonical_json,
    file_hashes,
    is_pending,
    operations,
    read_chain,
    read_parquet,
    write_json,
)
from creditscore.tracking.mlflow_log import RunLog

LABEL = {"zh": "任务", "en": "task"}
#: The day on which frames are told; that of their seeds, and of whatever is done, is the next one.
TOLD, ON = dt.date(2024, 5, 19), dt.date(2024, 5, 20)
TASK = {"label": LABEL, "department": "SAMR", "start": dt.date(2024, 5, 1), "end": dt.date(2024, 6, 30), "seed": source(ON)}
TASKS = [{"id": "one", "item": "hygiene", **TASK}, {"id": "two", "item": "prices", **TASK}]
NEXT_DAY = dt.date(2024, 5, 31)
WHO = {"by": "李四", "on": ON}
SUBJECTS = 60
#: How long answers to objections may take.
DEADLINES = [{"against": ["record", "tier", "draw"], "effective": dt.date(2020, 1, 1), "working_days": 7, "basis": "某条例"}]
#: The number of an attempt: a run that was stopped may have used one up.
_ATTEMPT = re.compile(r"(\d{4}-\d{2}-\d{2})-\d+\b(?!-)")
#: Of a line in a chain, what depends on it, and on the day on which the test runs.
_OF_CHAINS = ("hash", "previous", "log", "number", "recorded")
#: The same in ``task.json``: the hash of the register's last line about the task.
_LINE = re.compile(r'"line":\s*"[0-9a-f]{64}"')


class World:
    """One folder with ``project``, ``data`` and ``out``, and what stood in it at moments that have names."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out = folder, folder / "out"
        self.states: dict[str, Tree] = {}
        #: None: DuckDB. Runs whose stages are stubbed need its name only, and their processes are forked.
        self.engine: Any = None

    def make(self) -> None:
        """A project with a signed card and two tasks, and its delivery."""
        delivery = Delivery(self.folder, tasks={"task": TASKS}, objections={"deadline": DEADLINES})
        delivery.events(*(event_line(f"E{at}-{more}", f"S{at:03d}") for at in range(SUBJECTS // 3) for more in range(1 + at % 3)))
        self.deliver(SUBJECTS)
        sign_a_card(delivery)
        a_staff(4).to_csv(self.staff, index=False)

    @property
    def staff(self) -> Path:
        """The file of the inspectors of every task: who leaves one is replaced by another."""
        return self.folder / "staff.csv"

    def deliver(self, subjects: int, closed: Collection[str] = ()) -> None:
        """A register of so many subjects, some of them closed."""
        delivery = self._delivery()
        status = {True: "deregistered", False: "active"}
        names = [f"S{at:03d}" for at in range(subjects)]
        delivery.subjects(*(subject_line(name, status=status[name in closed]) for name in names))

    def sign_another_card(self) -> None:
        """The project scores with other points from now on."""
        sign_a_card(self._delivery(), points=(10, -40))

    def _delivery(self) -> Delivery:
        delivery = Delivery.__new__(Delivery)
        delivery.data, delivery.project = self.folder / "data", load_project(self.folder / "project")
        return delivery

    def task(self, name: str = "one") -> Path:
        return self.out / "tasks" / name

    def run(self, as_of: dt.date = DAY, **how: Any) -> None:
        """A night; nothing goes to a tracker."""
        project = load_project(self.folder / "project")
        with mock.patch.object(run_module, "send_queue"):
            run_project(project, data=self.folder / "data", as_of=as_of, out=self.out, engine=self.engine or Engine.duckdb(), **how)

    def drawn(self) -> list[str]:
        """Who was drawn for the first task; nobody before its draw."""
        if not (self.task() / "inspectors.csv").is_file():
            return []
        return sorted(DrawnPlan.from_folder(self.task()).drawn["subject_id"])

    def keep(self, name: str) -> None:
        """Remember what is there now."""
        disk = Disk((self.folder,))
        self.states[name] = disk.look()
        disk.release()

    def copied_to(self, folder: Path) -> "World":
        """The same moments in another folder."""
        copy = World(folder)
        for name, tree in self.states.items():
            (number,) = tree.folders[TOP].values()
            copy.states[name] = Tree({**tree.folders, TOP: {str(folder): number}}, tree.contents)
        return copy

    def put(self, name: str) -> None:
        """Put back what was there at a moment."""
        disk = Disk((self.folder,))
        disk.put(State.at_rest(self.states[name]))
        disk.release()


def a_line_for(path: Path, *about: Any) -> Path:
    """A workbook or a page that is one line of text."""
    operations.write(path, canonical_json([str(one) for one in about]).encode())
    return path


@contextlib.contextmanager
def short_documents() -> Iterator[None]:
    """Workbooks and reports that are a line of text."""

    def documents(folder: RunFolder, *, lang: str) -> None:
        for name in DOCUMENTS:
            atomic_write(folder.file(name), canonical_json([folder.as_of.isoformat(), lang]).encode())

    def of_task(path: Path, _book: Any, page: Any, **_how: Any) -> Path:
        return a_line_for(path, page.task.id, page.frame_hash, page.drawn, *page.visits.get("subject_id", ()))

    def of_all(path: Path, rows: list[dict[str, Any]], **_how: Any) -> Path:
        return a_line_for(path, *((row["task"], row["state"]) for row in rows))

    with (
        mock.patch.object(sampling_frame, "new_key", return_value=KEY),  # so that a command can be repeated
        mock.patch.object(run_module, "write_documents", documents),
        mock.patch.object(run_store, "write_documents", documents),
        mock.patch.object(open_tasks, "load_book", return_value=None),
        mock.patch.object(open_tasks, "write_task_workbook", of_task),
        mock.patch.object(open_tasks, "write_index", of_all),
    ):
        yield


@contextlib.contextmanager
def short_stages(templates: dict[dt.date, Path]) -> Iterator[None]:
    """Runs that write the files of finished ones once more, by day; and short documents."""
    runs = {day: _Template(path) for day, path in templates.items()}

    def make_run(folder: RunFolder, _project: Any, _policy: Any, _deciding: Any, standing: Any, **how: Any) -> Any:
        return runs[folder.as_of].again(folder, standing.frames, trial=not how["cards"], inputs=how["inputs"])

    with short_documents(), mock.patch.object(run_module, "make_run", make_run):
        yield


class _Template:
    """A finished run, as bytes: every file of its manifest, the documents and drafts apart, so that later ones are there, too."""

    def __init__(self, path: Path) -> None:
        self.manifest = json.loads((path / MANIFEST).read_text("utf-8"))
        written = [name for name in self.manifest["outputs"] if name not in DOCUMENTS and not name.startswith("drafts/")]
        self.files = {name: (path / name).read_bytes() for name in written}
        self.drafts = [InspectionPlan.from_folder(draft) for draft in RunFolder(path).drafts()]

    def again(self, folder: RunFolder, standing: Any, *, trial: bool, inputs: Any) -> tuple[list[InspectionPlan], RunLog]:
        for name, content in self.files.items():
            atomic_write(folder.path / name, content)
        run_module.write_documents(folder, lang="zh")
        plans = [plan for plan in self.drafts if plan.task.id not in standing]
        for plan in plans:
            plan.to_csv(folder.draft(plan.task.id))
        outputs = file_hashes(folder.path, leave_out=(MANIFEST,))
        own = {"as_of": folder.as_of.isoformat(), "trial": trial, "inputs": dict(inputs), "outputs": outputs}
        write_json(folder.file(MANIFEST), self.manifest | own)
        return plans, RunLog("project", folder.as_of.isoformat(), {}, {})


def edited_ratios(world: World) -> pd.DataFrame:
    """The sheet of ratios, with everybody of the first task."""
    strata = InspectionPlan.from_folder(world.task()).strata
    return strata[["stratum", "tier", "industry"]].assign(task="one", cell="A1", ratio_ppm=1_000_000)


def entered_results(world: World) -> pd.DataFrame:
    """A result for everybody who was drawn for the first task."""
    drawn = world.drawn()
    return pd.DataFrame(
        {"task": "one", "subject_id": drawn, "event_date": ON, "mode": "", "outcome": "none", "severity": pd.NA, "cell": "A1"}
    ).astype({"severity": "Int64"})


# What must hold after any stop.


def finished(world: World) -> dict[str, Any]:
    """What no command may lose: runs, lines, results and the names of days."""
    out = world.out
    runs = {path.name: file_hashes(path) for path in sorted((out / RUNS).glob("*")) if (path / MANIFEST).is_file()}
    chains = {path.relative_to(out).as_posix(): read_chain(path) for path in sorted(out.rglob("*.jsonl"))}
    results = {path.relative_to(out).as_posix(): read_parquet(path).to_pylist() for path in sorted(out.rglob(RESULTS))}
    days = [path.name for path in sorted(out.iterdir()) if path.is_symlink()] if out.is_dir() else []
    return {"runs": runs, "chains": chains, "results": results, "days": days}


def refuse_losses(world: World, before: dict[str, Any], *, pruned: bool = False) -> None:
    """Nothing that was finished is lost, hidden or there twice; chains and plans verify.

    Args:
        world: As it is now.
        before: What was :func:`finished` then.
        pruned: Whether runs were removed on order.

    Raises:
        AssertionError: Something is lost; it says what.
    """
    out = world.out
    for name, hashes in before["runs"].items():
        assert pruned or file_hashes(out / RUNS / name) == hashes, f"the finished run {name} was changed or lost"
    for day in before["days"]:
        assert (pruned and not (out / day).is_symlink()) or RunFolder.opened(out / day)
    for name, lines in before["chains"].items():
        assert read_chain(out / name)[: len(lines)] == lines, f"lines of {name} were lost or changed"
    for name, rows in before["results"].items():
        now = {str(row) for row in read_parquet(out / name).to_pylist()}
        assert {str(row) for row in rows} <= now, f"results of {name} were lost"
    _refuse_second_draws(out)


def _refuse_second_draws(out: Path) -> None:
    register = Register.of(out)
    for task in register.tasks():
        draws = [line for line in register.of_task(task) if line["what"] == "drawn"]
        assert len(draws) <= 1, f"task {task} was drawn {len(draws)} times"
        assert len([line for line in read_chain(out / "tasks" / task / "log.jsonl") if line["what"] == "drawn"]) == len(draws)
        found = verify_plan(out / "tasks" / task)
        assert found.ok, f"{task}: {found.findings}"
        assert (found.seed is None) == (not draws), f"{task}: drawn in its folder or in the register, not in both"
    for manifest in sorted(out.glob(f"tasks/*/{MANIFEST}")):
        task = manifest.parent.name
        assert register.published(task) or read_manifest(manifest.parent)["seed"] is None, (
            f"{task}: drawn; the register knows nothing"
        )


def look(world: World) -> None:
    """What somebody sees who reads at any moment, before the next command: whole runs, chains that verify.

    Where a decided journal waits, every reader completes it first (``storage.settle``): what lies there then is its redo.
    """
    out = world.out
    _refuse_hash_without_key(out)
    if is_pending(out):
        return
    for path in sorted(out.iterdir()) if out.is_dir() else ():
        if path.is_symlink():
            RunFolder.opened(path)
    for path in sorted(out.rglob("*.jsonl")):
        read_chain(path)


def _refuse_hash_without_key(out: Path) -> None:
    """No frame hash shows, be it in a half-written register, before its key is where it stays."""
    register = out / REGISTER
    published = set[str]()
    for line in register.read_bytes().split(b"\n")[:-1] if register.is_file() else ():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if told.get("what") == "published":
            published.add(told["task"])
        elif told.get("what") == "void":
            published.discard(told["task"])
    for task in published:
        assert key_path(out, task).is_file(), f"the hash of {task} shows, and its key is not there"


def shown(world: World) -> dict[str, Any]:
    """What people see, without the numbers of attempts and without draws that were refused."""
    seen: dict[str, Any] = {}
    for path in sorted(world.folder.rglob("*")):
        name = path.relative_to(world.folder).as_posix()
        if path.is_symlink():
            run = path.parent / path.readlink()
            parts = [part for part in sorted(run.rglob("*")) if part.is_file()]
            seen[name] = {part.relative_to(run).as_posix(): _content(part) for part in parts}
        elif path.is_file() and not any(part.startswith(".") for part in name.split("/")):
            seen[name] = _content(path)
    return seen


def _content(path: Path) -> Any:
    if path.suffix == ".jsonl":
        lines = [{key: value for key, value in line.items() if key not in _OF_CHAINS} for line in read_chain(path)]
        return [_ATTEMPT.sub(r"\1", canonical_json(line)) for line in lines if line["what"] != "draw_refused"]
    content = path.read_bytes()
    return _LINE.sub("", _ATTEMPT.sub(r"\1", content.decode())) if path.suffix == ".json" else content
