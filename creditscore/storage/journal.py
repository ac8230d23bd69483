"""The changes of one command, made together or not at all, whatever stops it.

New files are written beside, into a hidden folder. One rename of that folder decides: before it nothing has changed, and what was
written is thrown away; after it everything will be changed, if not by this process then by the next command
(:func:`complete`). The steps of a decided journal can be repeated, so a second crash does no harm. Secrets come first: what
they keep secret must not show without them. Then chains grow: what may happen once is on record before its effect shows.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

from creditscore.errors import DataError
from creditscore.storage import operations
from creditscore.storage.chain import chain_text, mend_chain, next_lines, read_chain
from creditscore.storage.files import atomic_path, atomic_write, canonical_json, parsed_json, sha256_file
from creditscore.storage.locks import locked
from creditscore.storage.versions import set_pointer

_log = logging.getLogger(__name__)
#: A decided journal, one that is being written, and one whose steps are all done.
JOURNAL, _BEGUN, _DONE = ".journal", ".journal-begun", ".journal-done"
_STEPS = "steps.json"
_Step = dict[str, Any]


class Journal:
    """What a command will change. Nothing is changed before the block of :func:`journal` ends.

    Paths below the root are kept relative to it, so a folder that was moved after a crash can still be completed.
    """

    def __init__(self, root: Path, what: str) -> None:
        self.root, self.what = root, what
        self._staged = root / _BEGUN
        self._read: dict[Path, list[dict[str, Any]]] = {}
        self._chains: dict[Path, list[dict[str, Any]]] = {}
        self._steps: dict[str, _Step] = {}

    def file(self, target: Path) -> Path:
        """Where to write the new content of ``target``, by any writer."""
        return self._staged / str(self._step(target, "replace")["staged"])

    def current(self, target: Path) -> Path:
        """Where the content stands that ``target`` will have: staged here, or the file itself."""
        step = self._steps.get(self._name(target))
        return self._staged / str(step["staged"]) if step and step["do"] == "replace" else target

    def write(self, target: Path, content: bytes) -> None:
        """Give ``target`` a new content."""
        operations.write(self.file(target), content)

    def write_secret(self, target: Path, content: bytes) -> None:
        """Give a file below the root a new content that its owner alone can read; it is there before anything else changes."""
        self._step(target, "replace", mode="secret")
        operations.write_secret(self.file(target), content)

    def write_json(self, target: Path, document: Any) -> None:
        """Give ``target`` a document in canonical JSON."""
        self.write(target, canonical_json(document).encode())

    def copy(self, source: Path, target: Path) -> None:
        """Give ``target`` the content of another file."""
        operations.copy(source, self.file(target))

    def remove(self, target: Path) -> None:
        """Remove a file, or a folder with everything in it."""
        self._step(target, "remove")

    def move(self, source: Path, target: Path) -> None:
        """Rename a folder below the root."""
        self._step(target, "move", source=self._name(source))

    def point(self, name: Path, target: Path) -> None:
        """Let a name point to a folder, see :func:`creditscore.storage.versions.set_pointer`."""
        self._step(name, "point", folder=self._name(target))

    def append(self, chain: Path, bodies: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Add lines to a chain; returns them with their number and hash.

        Raises:
            DataError: The file is not a whole chain.
        """
        before = self._lines(chain)
        added = next_lines(before, bodies)
        before += added
        self._chains.setdefault(chain, []).extend(added)
        return added

    def lines(self, chain: Path) -> list[dict[str, Any]]:
        """The lines that a chain will have: those that are there, and those that this journal adds, so far.

        Raises:
            DataError: The file is not a whole chain.
        """
        return list(self._lines(chain))

    def _lines(self, chain: Path) -> list[dict[str, Any]]:
        if chain not in self._read:  # once: who holds the root alone writes to its chains, and a register is long
            mend_chain(chain)
            self._read[chain] = read_chain(chain)
        return self._read[chain]

    def appended(self, chain: Path) -> list[dict[str, Any]]:
        """The lines that this journal adds to a chain, so far."""
        return list(self._chains.get(chain, ()))

    def _step(self, target: Path, do: str, **more: str) -> _Step:
        name = self._name(target)
        step = self._steps.setdefault(name, {"target": name, "staged": str(len(self._steps))})
        step |= {"do": do, **more}
        return step

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path.resolve())

    def decide(self) -> bool:
        """Put what was written on the disk, and decide. False where there is nothing to change."""
        self._refuse_emptied_folders()
        self._refuse_closed_folders()
        sealed = [self._sealed(step) for step in self._steps.values()]
        steps = [step for step in sealed if "mode" in step]
        steps += [self._growth(chain, added) for chain, added in self._chains.items() if added]
        steps += [step for step in sealed if "mode" not in step]
        if not steps:
            return False
        path = self._staged / _STEPS
        operations.write(path, canonical_json({"what": self.what, "steps": steps}).encode())
        operations.sync_file(path)
        operations.sync_folder(self._staged)
        operations.rename(self._staged, self.root / JOURNAL)
        operations.sync_folder(self.root)
        return True

    def _refuse_emptied_folders(self) -> None:
        """To remove a folder again after its new files are in place would remove them too."""
        removed = {name for name, step in self._steps.items() if step["do"] == "remove"}
        if any(parent.as_posix() in removed for name in self._steps for parent in PurePath(name).parents):
            raise ValueError("a journal cannot write into a folder that it removes")

    def _refuse_closed_folders(self) -> None:
        """A step that cannot be done would stop every later command here, so it is refused before anything is decided."""
        sources = (str(step["source"]) for step in self._steps.values() if "source" in step)
        changed = [*self._chains, *(self.root / name for name in (*self._steps, *sources))]
        for folder in sorted({next(one for one in path.parents if one.exists()) for path in changed}):
            code = errno.ENOTDIR if not folder.is_dir() else 0 if os.access(folder, os.W_OK) else errno.EACCES
            if code:
                raise OSError(code, os.strerror(code), str(folder))

    def _growth(self, chain: Path, added: list[dict[str, Any]]) -> _Step:
        base = chain.stat().st_size if chain.is_file() else 0
        return {"do": "append", "target": self._name(chain), "base": base, "text": chain_text(added).decode()}

    def _sealed(self, step: _Step) -> _Step:
        if step["do"] != "replace":
            return step
        staged = self._staged / step["staged"]
        operations.written(staged)
        operations.sync_file(staged)
        return {**step, "sha256": sha256_file(staged)}


@contextlib.contextmanager
def journal(root: Path, what: str) -> Iterator[Journal]:
    """Change files below ``root`` (and elsewhere) together, or none of them. The caller holds the lock of ``root``.

    Args:
        root: The folder that keeps the journal.
        what: The command, for people: it is named when a later command completes the journal.

    Raises:
        DataError: An earlier journal there cannot be completed.
    """
    complete(root)
    operations.make_folder(root / _BEGUN)
    entry = Journal(root, what)
    try:
        yield entry
        decided = entry.decide()
    except BaseException:
        if not (root / JOURNAL).is_dir():
            with contextlib.suppress(OSError):  # the fault itself is what people must hear of
                operations.remove_folder(root / _BEGUN)
        raise
    if decided:
        try:
            _carry_out(root)
        except OSError:
            _log.warning("%s: %s was decided and is not complete; the next command here completes it", root, what)
            raise
    else:
        operations.remove_folder(root / _BEGUN)


@contextlib.contextmanager
def changed(root: Path, what: str) -> Iterator[Journal]:
    """Hold ``root`` and change files there together, see :func:`journal`.

    Raises:
        LockedError: Another command holds it.
        DataError: An earlier journal there cannot be completed.
    """
    with locked(root), journal(root, what) as entry:
        yield entry


def is_pending(root: Path) -> bool:
    """Whether a decided journal waits to be completed."""
    return (root / JOURNAL).is_dir()


def settle(root: Path) -> None:
    """Complete what an interrupted command has decided; for commands that only read.

    Raises:
        LockedError: Another command is at work there.
        DataError: A step no longer fits.
    """
    if is_pending(root):
        with locked(root):
            complete(root)


def complete(root: Path) -> str | None:
    """Complete or throw away what a command that was stopped has left, and say so. The caller holds the lock of ``root``.

    Returns:
        The command that was completed, or None.

    Raises:
        DataError: A file was changed since, so that a step no longer fits; nothing else was done.
    """
    if (root / _DONE).is_dir():
        operations.sync_folder(root)  # that it is done must last before what it was made of goes
        operations.remove_folder(root / _DONE)
    if (root / _BEGUN).is_dir():
        operations.remove_folder(root / _BEGUN)
        _log.warning("%s: a command was stopped before it had decided; nothing of it was done", root)
    if not is_pending(root):
        return None
    operations.sync_folder(root)  # a command that was killed may have decided without seeing to it that the decision lasts
    what = _carry_out(root)
    _log.warning("%s: %s was stopped on its way; it is completed now", root, what)
    return what


def _carry_out(root: Path) -> str:
    """Do the steps of a decided journal, those that are done already once more, and put it away."""
    document = _read_steps(root)
    folders = set[Path]()
    for step in document["steps"]:
        target = root / step["target"]
        _DO[step["do"]](root, target, step)
        folders.add(target.parent)
    for folder in sorted(folder for folder in folders if folder.is_dir()):
        operations.sync_folder(folder)
    operations.rename(root / JOURNAL, root / _DONE)
    operations.sync_folder(root)
    operations.remove_folder(root / _DONE)
    return str(document["what"])


def _read_steps(root: Path) -> dict[str, Any]:
    """The steps of a decided journal. Outside of its root a journal may replace files, such as those of a data folder, no more.

    Raises:
        DataError: The file is absent or damaged, or somebody else has written it.
    """
    path = root / JOURNAL / _STEPS
    try:
        document: dict[str, Any] = parsed_json(path.read_text("utf-8"))
        sound = isinstance(document["what"], str) and all(_is_step(step) for step in document["steps"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        sound = False
    if not sound:
        raise DataError(
            "{path}: expected the steps that an interrupted command has decided (the file was changed, or is gone); put the folder "
            "back from a backup",
            path=path,
        )
    return document


def _is_step(step: Mapping[str, Any]) -> bool:
    if not _FIELDS[step["do"]] <= step.keys():
        return False
    places = [PurePath(step[name]) for name in ("target", "source", "folder") if name in step]
    return step["do"] == "replace" or not any(place.is_absolute() or ".." in place.parts for place in places)


def _append(root: Path, chain: Path, step: _Step) -> None:
    """The chain as it was and the new lines, whatever a crash has left of them: a part, or zeros."""
    text, base = step["text"].encode(), int(step["base"])
    operations.make_folder(chain.parent)
    content = chain.read_bytes() if chain.is_file() else b""
    written = content[base:]
    whole_lines = {line for line in written.split(b"\n")[:-1] if b"\0" not in line}
    if len(content) < base or (whole_lines - set(text.split(b"\n")) and not written.startswith(text)):
        raise DataError(
            "{chain}: expected the file as the interrupted command left it (it was changed since); put back the one of that day",
            chain=chain,
        )
    if not written.startswith(text):
        if written:
            operations.cut(chain, base)
        operations.append(chain, text)
    operations.sync_file(chain)
    operations.sync_folder(chain.parent)


def _replace(root: Path, target: Path, step: _Step) -> None:
    """The staged file under its name; a file of another disk is copied there first."""
    staged = root / JOURNAL / step["staged"]
    if not staged.is_file():
        if not target.is_file() or sha256_file(target) != step["sha256"]:
            raise DataError("{target}: expected the file that the interrupted command wrote (it was changed since)", target=target)
        return
    operations.make_folder(target.parent, secret="mode" in step)
    try:
        operations.rename(staged, target)
        if "mode" in step:
            operations.sync_folder(target.parent)  # a key is durable before what was hashed with it shows
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        if "mode" in step:
            atomic_write(target, staged.read_bytes(), secret=True)
            return
        with atomic_path(target) as partial:
            shutil.copyfile(staged, partial)


def _remove(root: Path, target: Path, step: _Step) -> None:
    if target.is_dir() and not target.is_symlink():
        operations.remove_folder(target)
    else:
        operations.remove(target)


def _move(root: Path, target: Path, step: _Step) -> None:
    source = root / step["source"]
    operations.make_folder(target.parent)
    if source.is_dir() and not source.is_symlink() and not target.exists():
        operations.rename(source, target)
    operations.sync_folder(target.parent)  # first the new name: no power cut finds neither
    operations.sync_folder(source.parent)


def _point(root: Path, name: Path, step: _Step) -> None:
    set_pointer(name, root / step["folder"])


#: What each kind of step says.
_FIELDS = {
    "append": {"target", "base", "text"},
    "replace": {"target", "staged", "sha256"},
    "remove": {"target"},
    "move": {"target", "source"},
    "point": {"target", "folder"},
}
_DO = {"append": _append, "replace": _replace, "remove": _remove, "move": _move, "point": _point}
