"""Stop a command at each of its operations, and its recovery at each of its own, and see what is left.

``stop_everywhere`` runs a command once and notes the state of the disk before each operation. From there:

- *exception*: the operation raises, the command cleans up as it likes;
- *disk full*, *read-only*: it and all later ones raise the errors of the system;
- *SIGKILL*: a child process runs the command and kills itself there, also with half of the bytes written;
- *power cut*: the disk is what :class:`support.disk.State` says is left.

Then the next command runs: it is stopped at each of its operations in the same ways (a kill there is the state that a kill leaves),
and run again to its end. ``check`` says at the end whether the state is that before the command or that after it.
"""

import contextlib
import errno
import gc
import os
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from support.disk import Disk, State, Stop, Tree

from creditscore.errors import CreditScoreError
from creditscore.storage import operations

Command = Callable[[Path], object]
_T = TypeVar("_T")
#: Operations that need room on the disk.
_GROW = {"write", "written", "append", "sync_file", "make_folder", "share", "point", "rename", "commit"}


class StoppedError(BaseException):
    """Raised at an operation; no ``except Exception`` holds it."""


@dataclass(frozen=True)
class Trial:
    """A command, what is there before it, what comes next after a stop, and how to tell the states apart.

    Args:
        folder: Made anew for each point, always under this path.
        prepare: Fills the folder.
        command: Does the thing.
        check: Asserts that the state is whole and returns ``"before"`` or ``"after"``.
        again: The next command; by default the same.
        look: What a reader may do at any moment, also before the next command.
        elsewhere: More folders that the command changes.
        lasting: Whether the state after the next command must outlast a power cut; not where it only reads.
    """

    folder: Path
    prepare: Command
    command: Command
    check: Callable[[Path], str]
    again: Command | None = None
    look: Command | None = None
    elsewhere: tuple[Path, ...] = ()
    lasting: bool = True

    @property
    def next_command(self) -> Command:
        return self.again or self.command


@dataclass
class Report:
    """How many points were tried, by how it was stopped, and in which state the work ended."""

    operations: int = 0
    tried: Counter[str] = field(default_factory=Counter)
    twice: int = 0
    different: int = 0
    ended: Counter[str] = field(default_factory=Counter)

    @property
    def points(self) -> int:
        return sum(self.tried.values()) + self.twice

    def __str__(self) -> str:
        sorts = Counter[str]()
        for way, count in self.tried.items():
            sorts[way.partition(":")[0]] += count
        ways = ", ".join(f"{way} {count}" for way, count in sorted(sorts.items()))
        return (
            f"{self.operations} operations; {self.points} points: {ways}, second stops {self.twice}; "
            f"{self.different} different states, ended {dict(self.ended)}"
        )


def stop_everywhere(trial: Trial, *, kill: bool = True, twice: bool = True, every: int = 1) -> Report:
    """Try every point of a trial.

    Args:
        trial: What is tried.
        kill: Whether children are killed for real; the state that a kill leaves is tried in any case.
        twice: Whether the recovery is stopped, too.
        every: Only every so many operations of the command are points.

    Raises:
        AssertionError: A state is neither; it says where the command was stopped.
    """
    return _Harness(trial, kill=kill, twice=twice, every=every).run()


class _Harness:
    def __init__(self, trial: Trial, *, kill: bool, twice: bool, every: int) -> None:
        self.trial, self.kill, self.twice, self.every = trial, kill, twice, every
        self.disk = Disk((trial.folder, *trial.elsewhere))
        self.report = Report()
        self._first: set[object] = set()
        self._second: set[object] = set()
        self._raised: set[object] = set()
        self._lasting: set[object] = set()

    def run(self) -> Report:
        try:
            self._run()
        finally:
            self.disk.close()
        return self.report

    def _run(self) -> None:
        self.disk.put(_empty(self.disk.roots))
        self.trial.prepare(self.trial.folder)
        start = State.at_rest(self.disk.look())
        assert self.trial.check(self.trial.folder) == "before"
        stops, end = self._record(start, self.trial.command)
        assert self.trial.check(self.trial.folder) == "after"
        self.report.operations = len(stops)
        for place, stop in enumerate(stops):
            if place % self.every:
                continue
            after = stops[place + 1].state if place + 1 < len(stops) else end
            for way, state in self._stopped(start, self.trial.command, place, stop, after, real=True):
                self.report.tried[way] += 1
                self._recover(state, f"{way} at operation {place + 1}, {stop}")
        self._outlast(end, "after", "the command")

    def _record(self, start: State, command: Command) -> tuple[list[Stop], State]:
        self.disk.put(start)
        with self.disk.recorded() as stops:
            command(self.trial.folder)
        return stops, self.disk.state()

    def _stopped(
        self, start: State, command: Command, place: int, stop: Stop, after: State, *, real: bool
    ) -> Iterator[tuple[str, State]]:
        """Every state in which a stop at this operation can leave the disk."""
        yield "kill", stop.state
        for half in _halves(stop, after):
            yield "kill halfway", half
        if real or (start.seen.listing(), place) not in self._raised:
            self._raised.add((start.seen.listing(), place))
            yield "exception", self._raise(start, command, place, _once, durable=real and self.twice)
        if real:
            if stop.name in _GROW:
                yield "disk full", self._raise(start, command, place, _full, durable=self.twice)
            yield "read-only", self._raise(start, command, place, _read_only, durable=self.twice)
            if self.kill:
                yield "kill of a process", self._killed(start, command, place)
                for half in _halves(stop, after):
                    content = _changed(stop, half)
                    if content is not None:
                        yield "kill of a process halfway", self._killed(start, command, place, content)
        for left, tree in stop.state.after_power_cut():
            yield f"power cut: {left}", State.at_rest(tree)

    def _raise(
        self, start: State, command: Command, place: int, error: Callable[[str, int], BaseException | None], *, durable: bool
    ) -> State:
        """Run a command whose operations fail from one on; what is durable then is told only where it is asked for."""
        self.disk.put(start)
        count = 0

        def hear(name: str, paths: tuple[Path, ...]) -> None:
            nonlocal count
            count += 1
            fault = error(name, count - 1 - place) if count > place else None
            if fault is not None:
                raise fault

        recorded = self.disk.recorded() if durable else contextlib.nullcontext()
        with recorded, operations.watch(hear), contextlib.suppress(StoppedError, OSError, CreditScoreError):
            command(self.trial.folder)
        return self.disk.state() if durable else State.at_rest(self.disk.look())

    def _killed(self, start: State, command: Command, place: int, half: tuple[Path, bytes] | None = None) -> State:
        """Run a command in a child process that kills itself before an operation."""
        self.disk.put(start)
        run_and_kill(lambda: command(self.trial.folder), place, half)
        return State.at_rest(self.disk.look())

    def _outlast(self, end: State, found: str, where: str) -> None:
        """What a command has done lasts when it returns."""
        for left, tree in end.after_power_cut():
            self.report.tried["power cut afterwards"] += 1
            if (found, tree.listing()) not in self._lasting:
                self._lasting.add((found, tree.listing()))
                self._put_and_run(State.at_rest(tree), lambda folder: None, where)
                now = self._try(where, lambda: self.trial.check(self.trial.folder))
                assert now == found, f"{where}, then a power cut, {left}: {now} instead of {found}"

    def _recover(self, state: State, where: str) -> None:
        key = state.listing()
        if key not in self._first:
            self._first.add(key)
            self.report.different += 1
            if self.trial.look:
                self._put_and_run(state, self.trial.look, where)
            stops, end = self._try(where, lambda: self._record(state, self.trial.next_command))
            found = self._judge(where)
            if self.trial.lasting:
                self._outlast(end, found, f"{where}, then the next command")
            if self.twice:
                self._recover_twice(state, stops, end, where)
        elif self.twice:
            self.report.twice += 1

    def _recover_twice(self, start: State, stops: list[Stop], end: State, where: str) -> None:
        for place, stop in enumerate(stops):
            after = stops[place + 1].state if place + 1 < len(stops) else end
            for way, state in self._stopped(start, self.trial.next_command, place, stop, after, real=False):
                self.report.twice += 1
                key = state.seen.listing()
                if key not in self._second:
                    self._second.add(key)
                    self.report.different += 1
                    twice = f"{where}; then {way} at operation {place + 1} of the next command, {stop}"
                    self._put_and_run(state, self.trial.next_command, twice)
                    self._judge(twice)

    def _put_and_run(self, state: State, command: Command, where: str) -> None:
        self.disk.put(state)
        self._try(where, lambda: command(self.trial.folder))

    def _judge(self, where: str) -> str:
        found = self._try(where, lambda: self.trial.check(self.trial.folder))
        assert found in {"before", "after"}, f"{where}: {found}"
        self.report.ended[found] += 1
        return found

    def _try(self, where: str, do: Callable[[], _T]) -> _T:
        try:
            return do()
        except Exception as error:
            raise AssertionError(f"{where}: {type(error).__name__}: {error}") from error


def _once(name: str, later: int) -> BaseException | None:
    return StoppedError() if later == 0 else None


def _full(name: str, later: int) -> BaseException | None:
    return OSError(errno.ENOSPC, "No space left on device") if name in _GROW else None


def _read_only(name: str, later: int) -> BaseException | None:
    return OSError(errno.EROFS, "Read-only file system")


def _halves(stop: Stop, after: State) -> Iterator[State]:
    """The disk in the middle of an operation that is not one step: some of the bytes, some of the names."""
    seen = stop.state.seen
    number = seen.number(stop.paths[0])
    if stop.name in {"write", "append"}:
        new = after.seen.number(stop.paths[0])
        content = after.seen.contents.get(new) if new is not None else None
        if new is not None and isinstance(content, bytes):
            start = seen.contents.get(new, b"")
            start = start if stop.name == "append" and isinstance(start, bytes) else b""
            half = content[: len(start) + (len(content) - len(start)) // 2]
            tree = after.seen.with_content(new, half)
            yield State(tree, stop.state.durable)
    if stop.name == "written" and number is not None:
        names = sum(child == number for _, child in seen.paths())
        content = seen.contents.get(number)
        if names == 1 and isinstance(content, bytes) and stop.state.durable.contents.get(number) != content:
            yield State(seen.with_content(number, content[: len(content) // 2]), stop.state.durable)
    if stop.name == "remove_folder" and number in seen.folders:
        names_of = sorted(seen.folders[number])
        for gone in (names_of[::2], names_of[1::2]):
            yield State(seen.without(number, gone), stop.state.durable)


def _changed(stop: Stop, half: State) -> tuple[Path, bytes] | None:
    """The file that an operation leaves half written."""
    number = half.seen.number(stop.paths[0])
    content = half.seen.contents.get(number) if number is not None else None
    return (stop.paths[0], content) if isinstance(content, bytes) else None


def _empty(roots: tuple[Path, ...]) -> State:
    folders = {0: {str(root): place for place, root in enumerate(roots, start=1)}}
    return State.at_rest(Tree({**folders, **{place: {} for place in range(1, len(roots) + 1)}}, {}))


def run_and_kill(do: Callable[[], object], place: int, half: tuple[Path, bytes] | None = None) -> None:
    """Run something in a child process that kills itself before an operation.

    Args:
        do: What runs.
        place: The operation, from 0.
        half: A file and what stands in it when the child dies.

    Raises:
        AssertionError: The child did not get there, or failed otherwise.
    """
    child = os.fork()
    if not child:
        _die_at(do, place, half)
    _, status = os.waitpid(child, 0)
    died = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    assert died, f"the child ended with status {status} before operation {place + 1}"


def _die_at(do: Callable[[], object], place: int, half: tuple[Path, bytes] | None) -> None:
    count = 0
    gc.disable()  # what libraries of the parent hold is not for its child to close

    def hear(name: str, paths: tuple[Path, ...]) -> None:
        nonlocal count
        if count == place:
            if half is not None:
                half[0].write_bytes(half[1])
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1

    try:
        with operations.watch(hear):
            do()
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
        os._exit(3)
    os._exit(0)
