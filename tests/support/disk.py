"""A disk as a test sees it: what stands on it, and what of that a power cut would leave.

Files and folders have numbers, as on a real disk, so that a renamed file stays the same file. What is durable is kept apart from
what is seen: the content of a file becomes durable when it is synced, the names in a folder when the folder is.
"""

import contextlib
import functools
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from creditscore.storage import operations

#: The folder above all roots: its names are their paths.
TOP = 0
_SQLITE = b"SQLite format 3\x00"
#: The same bytes are held once, however many states have them.
_bytes: dict[bytes, bytes] = {}


@dataclass(frozen=True)
class Tree:
    """Folders (number: names) and files (number: bytes; a link: its text)."""

    folders: Mapping[int, Mapping[str, int]]
    contents: Mapping[int, bytes | str]

    def paths(self, number: int = TOP, path: str = "") -> Iterator[tuple[str, int]]:
        """Every path with its number, in order."""
        for name, child in sorted(self.folders[number].items()):
            below = f"{path}/{name}" if path else name
            yield below, child
            if child in self.folders:
                yield from self.paths(child, below)

    def listing(self) -> tuple[tuple[str, bytes | str | None], ...]:
        """What a reader can see, to compare two trees."""
        return self._listing

    @functools.cached_property
    def _listing(self) -> tuple[tuple[str, bytes | str | None], ...]:
        return tuple((path, self.contents.get(number)) for path, number in self.paths())

    def number(self, path: Path) -> int | None:
        """The number of a path, if it is there."""
        return dict(self.paths()).get(str(path))

    def with_content(self, number: int, content: bytes) -> "Tree":
        return Tree(self.folders, {**self.contents, number: content})

    def without(self, folder: int, names: list[str]) -> "Tree":
        """The tree without some names of a folder."""
        left = {name: child for name, child in self.folders[folder].items() if name not in names}
        return Tree({**self.folders, folder: left}, self.contents)


@dataclass(frozen=True)
class State:
    """What is seen and what is durable. They are equal on a disk that has rested."""

    seen: Tree
    durable: Tree
    #: Files that were written anew since they were synced: nothing of their old content is sure.
    rewritten: frozenset[int] = frozenset()

    @classmethod
    def at_rest(cls, tree: Tree) -> "State":
        return cls(tree, tree)

    def listing(self) -> tuple[object, ...]:
        return self.seen.listing(), self.durable.listing()

    def after_power_cut(self) -> Iterator[tuple[str, Tree]]:
        """What may be left: nothing that was not synced, or all names and of contents nothing, a half, or zeros in their place."""
        yield "nothing unsynced is left", self.durable
        for left, of_rest in _LEFT.items():
            yield f"names are left, unsynced contents {left}", self._with_unsynced(of_rest)

    def _with_unsynced(self, of_rest: Callable[[bytes], bytes]) -> Tree:
        contents = dict(self.seen.contents)
        for number, content in contents.items():
            durable = self.durable.contents.get(number)
            if isinstance(content, bytes) and content != durable:
                kept = isinstance(durable, bytes) and number not in self.rewritten
                sure = _common_start(content, durable) if kept else 0
                contents[number] = content[:sure] + of_rest(content[sure:])
        return Tree(self.seen.folders, contents)


_LEFT: dict[str, Callable[[bytes], bytes]] = {
    "are empty": lambda rest: b"",
    "are halves": lambda rest: rest[: len(rest) // 2],
    "are zeros": lambda rest: bytes(len(rest)),
    "are zeros at their start": lambda rest: bytes(len(rest) // 2) + rest[len(rest) // 2 :],
}


@dataclass(frozen=True)
class Stop:
    """A moment just before an operation."""

    name: str
    paths: tuple[Path, ...]
    state: State

    def __str__(self) -> str:
        return f"{self.name} {' -> '.join(path.name for path in self.paths)}"


@dataclass
class Disk:
    """Real folders, whose operations are watched to know what is durable."""

    roots: tuple[Path, ...]
    _numbers: dict[tuple[int, int], int] = field(default_factory=dict)
    _held: list[int] = field(default_factory=list)
    _next: int = TOP + 1
    _durable_folders: dict[int, dict[str, int]] = field(default_factory=dict)
    _durable_contents: dict[int, bytes | str] = field(default_factory=dict)
    _rewritten: set[int] = field(default_factory=set)
    _last: tuple[str, Tree, tuple[Path, ...]] | None = None

    def put(self, state: State) -> None:
        """Make the real folders what ``state`` sees."""
        self.release()
        self._next = 1 + max((*state.seen.folders, *state.seen.contents, *state.durable.folders, *state.durable.contents))
        self._durable_folders = {number: dict(names) for number, names in state.durable.folders.items()}
        self._durable_contents = dict(state.durable.contents)
        self._rewritten = set(state.rewritten)
        made: dict[int, Path] = {}
        for root in self.roots:
            shutil.rmtree(root, ignore_errors=True)
        for name, number in state.seen.paths():
            path = Path(name)
            if number in state.seen.folders:
                path.mkdir()
            else:
                _make_file(path, state.seen.contents[number], made.get(number))
                made[number] = path
            self._hold(name, number)

    def look(self) -> Tree:
        """What stands in the real folders now."""
        folders: dict[int, dict[str, int]] = {TOP: {}}
        contents: dict[int, bytes | str] = {}
        for root in self.roots:
            if root.is_dir():
                folders[TOP][str(root)] = self._look_into(str(root), folders, contents)
        return Tree(folders, contents)

    def _look_into(self, folder: str, folders: dict[int, dict[str, int]], contents: dict[int, bytes | str]) -> int:
        number = self._number(folder)
        names = folders[number] = {}
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    names[entry.name] = self._look_into(entry.path, folders, contents)
                else:
                    names[entry.name] = child = self._number(entry.path)
                    contents[child] = os.readlink(entry.path) if entry.is_symlink() else _content(entry.path)
        return number

    def _number(self, path: str) -> int:
        stat = os.lstat(path)
        if (stat.st_dev, stat.st_ino) not in self._numbers:
            self._hold(path, self._next)
            self._next += 1
        return self._numbers[stat.st_dev, stat.st_ino]

    def _hold(self, path: str, number: int) -> None:
        """An open file keeps its number from being given to another one after its removal."""
        stat = os.lstat(path)
        if (stat.st_dev, stat.st_ino) not in self._numbers:
            self._held.append(os.open(path, os.O_PATH | os.O_NOFOLLOW))
        self._numbers[stat.st_dev, stat.st_ino] = number

    def release(self) -> None:
        """Let the files go."""
        for descriptor in self._held:
            os.close(descriptor)
        self._held, self._numbers, self._last = [], {}, None

    def close(self) -> None:
        """Let the files go and remove the folders."""
        self.release()
        for root in self.roots:
            shutil.rmtree(root, ignore_errors=True)

    def state(self) -> State:
        """What is seen and durable now."""
        seen = self.look()
        self._settle(seen)
        durable = Tree({number: dict(names) for number, names in self._durable_folders.items()}, dict(self._durable_contents))
        return State(seen, durable, frozenset(self._rewritten))

    def _settle(self, seen: Tree) -> None:
        """What the last operation has made durable. SQLite's files are durable whenever they rest."""
        last, self._last = self._last, None
        if last is not None:
            name, then, paths = last
            number = then.number(paths[0])
            if name == "sync_file" and number is not None:
                self._durable_contents[number] = then.contents[number]
                self._rewritten.discard(number)
            if name in {"write", "written"} and number is not None:
                self._rewritten.add(number)
            if name == "sync_folder" and number is not None:
                self._keep_names(number, then)
        for parent, names in seen.folders.items():
            for name, child in names.items():
                content = seen.contents.get(child, b"")
                if isinstance(content, bytes) and (content.startswith(_SQLITE) or name.endswith(("-journal", "-wal", "-shm"))):
                    self._durable_contents[child] = content
                    if parent in self._durable_folders:
                        self._durable_folders[parent][name] = child

    def _keep_names(self, folder: int, then: Tree) -> None:
        gone = {*self._durable_folders.get(folder, {}).values()} - {*then.folders[folder].values()}
        self._durable_folders[folder] = dict(then.folders[folder])
        self._move_folders(folder, gone, then)
        for child in then.folders[folder].values():
            content = then.contents.get(child)
            if content is None:
                self._durable_folders.setdefault(child, {})
            elif isinstance(content, str):
                self._durable_contents[child] = content
            else:
                self._durable_contents.setdefault(child, b"")

    def _move_folders(self, folder: int, gone: set[int], then: Tree) -> None:
        """No file system lets a folder have two names or none: its renaming is durable for both of its parents at once."""
        for parent, names in self._durable_folders.items():
            for name, child in list(names.items()):
                if parent != folder and child in then.folders and child in then.folders[folder].values():
                    del names[name]
        for parent, seen in then.folders.items():
            for name, child in seen.items():
                if child in gone and child in then.folders and parent in self._durable_folders:
                    self._durable_folders[parent][name] = child

    @contextlib.contextmanager
    def recorded(self) -> Iterator[list[Stop]]:
        """Every operation of the block, with the state just before it."""
        stops: list[Stop] = []

        def hear(name: str, paths: tuple[Path, ...]) -> None:
            state = self.state()
            real = tuple(path.parent.resolve() / path.name for path in paths)
            stops.append(Stop(name, real, state))
            self._last = (name, state.seen, real)

        with operations.watch(hear):
            yield stops


def _common_start(one: bytes, other: bytes) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def _content(path: str) -> bytes:
    with open(path, "rb", buffering=0) as stream:
        content = stream.read()
    return _bytes.setdefault(content, content)


def _make_file(path: Path, content: bytes | str, same: Path | None) -> None:
    if isinstance(content, str):
        path.symlink_to(content)
    elif same is not None and same.lstat().st_dev == path.parent.lstat().st_dev:
        os.link(same, path)
    else:
        path.write_bytes(content)
