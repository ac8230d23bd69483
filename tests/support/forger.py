"""An insider who has the key and every file: changes what a task's folder and the register say, and hashes everything anew."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from creditscore.inspection import verify_draw
from creditscore.inspection.amendments import late_rows
from creditscore.inspection.csv_export import read_csv, to_csv
from creditscore.inspection.frame_hash import commitments, frame_hash, rows_by_name, tree_of
from creditscore.inspection.merkle import content_of
from creditscore.inspection.sample_lines import line_sum
from creditscore.storage import append_chain, read_chain

COLUMNS = {
    "plan.csv": verify_draw.PLAN_COLUMNS,
    "sample.csv": verify_draw.SAMPLE_COLUMNS,
    "inspectors.csv": verify_draw.INSPECTOR_COLUMNS,
    "publication.csv": verify_draw.PUBLICATION_COLUMNS,
    "closing.csv": verify_draw.CLOSING_COLUMNS,
}
_CHAIN = ("number", "previous", "hash")
_WHOLE = ("population", "ratio_ppm", "target", "on_site_ppm", "on_site", "exempt")
_STRATUM = (
    "stratum", "tier", "industry", "region", "population", "target", "ratio_ppm", "on_site", "on_site_ppm", "full_coverage",
    "exempt",
)  # fmt: skip
_SUBJECT = ("subject_id", "name", "industry", "region", "tier", "stratum", "exempt_reason", "merged_with")


@dataclass
class Forger:
    """The content of ``OUT/tasks/<task>`` and of the register as plain data, to be changed and then sealed.

    Attributes:
        folder: The task's folder.
        tables: By name of file its rows, all texts.
        manifest: The manifest.
        log: The lines of the log, without number and hashes.
        register: The same of the register.
        key: The key; whoever changes it publishes another frame.
        kept: What is not hashed anew: keys of the lines "drawn" and "joined" that a forger sets by hand.
    """

    folder: Path
    tables: dict[str, list[dict[str, str]]]
    manifest: dict[str, Any]
    log: list[dict[str, Any]]
    register: list[dict[str, Any]]
    key: str
    kept: set[str] = field(default_factory=set)

    @staticmethod
    def of(folder: Path) -> "Forger":
        """What lies in a folder ``OUT/tasks/<task>``."""
        out = folder.parent.parent
        tables = {
            name: [dict(zip(columns, cells, strict=True)) for _line, cells in read_csv(folder / name, columns)]
            for name, columns in COLUMNS.items()
            if (folder / name).is_file()
        }
        chains = ([_body(line) for line in read_chain(path)] for path in (folder / "log.jsonl", out / "register.jsonl"))
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        return Forger(folder, tables, manifest, *chains, (out / "keys" / folder.name).read_text("ascii").strip())

    @property
    def plan(self) -> list[dict[str, str]]:
        """The rows of ``plan.csv``."""
        return self.tables["plan.csv"]

    @property
    def sample(self) -> list[dict[str, str]]:
        """The rows of ``sample.csv``."""
        return self.tables["sample.csv"]

    @property
    def task(self) -> dict[str, Any]:
        """The task that the frame seals."""
        task: dict[str, Any] = self.manifest["about"]["task"]
        return task

    def stratum(self, name: str) -> dict[str, str]:
        """The row of a stratum."""
        return next(row for row in self.plan if row["stratum"] == name)

    def drawn(self) -> dict[str, str]:
        """The row of a subject that is drawn and was not replaced."""
        gone = {line["subject_id"] for line in self.log if line["what"] == "replaced"}
        return next(row for row in self.sample if row["drawn"] == "1" and row["subject_id"] not in gone)

    def waiting(self, stratum: str | None = None) -> dict[str, str]:
        """The row of a subject that stays in the frame and is not drawn."""
        came = {line["replaced_by"] for line in self.log if line["what"] == "replaced"}
        rows = (row for row in self.sample if row["drawn"] == "0" and not row["exempt_reason"] and row["subject_id"] not in came)
        return next(row for row in rows if stratum in (None, row["stratum"]))

    def line(self, what: str, *, register: bool = False) -> dict[str, Any]:
        """The first line of a kind in the log, or in the register."""
        return next(line for line in (self.register if register else self.log) if line["what"] == what)

    def seal(self) -> None:
        """Write every file with its hashes, those of the frame, of the manifest, of the log and of the register among them."""
        for name, rows in self.tables.items():
            (self.folder / name).write_bytes(to_csv(COLUMNS[name], [list(row.values()) for row in rows]))
        sums = "".join(line_sum(list(row.values())) + "\n" for row in self.sample)
        (self.folder / "sample.sha256").write_text(sums, "ascii")
        self._seal_manifest()
        self._seal_log()
        self._seal_register()
        (self.folder.parent.parent / "keys" / self.folder.name).write_text(f"{self.key}\n", "ascii")

    def _seal_manifest(self) -> None:
        strata = {row["stratum"]: row for row in self.plan}.values()
        whole = [
            {**row, **{name: int(row[name]) for name in _WHOLE}, "full_coverage": row["full_coverage"] == "1"} for row in strata
        ]
        subjects = {row["subject_id"]: row for row in self.sample}.values()
        named, framed = (
            rows_by_name([[row[name] for name in names] for row in kind])
            for names, kind in ((_STRATUM, whole), (_SUBJECT, subjects))
        )
        known = {"key": self.key, "task": self.task["id"]}
        root, people = tree_of(framed, **known).root, self.manifest["inspectors"]
        committed = commitments(named, content_of(framed), people, root=root, **known)
        self.manifest["files"] = {name: _hash((self.folder / name).read_bytes()) for name in self.manifest["files"]}
        self.manifest |= {"commitments": committed, "frame_hash": frame_hash(self.manifest["about"], committed)}
        (self.folder / "manifest.json").write_text(json.dumps(self.manifest), "utf-8")

    def _seal_log(self) -> None:
        for line in self.log:
            if line["what"] == "drawn":
                self._seal_draw(line)
        path = self.folder / "log.jsonl"
        path.unlink()
        self._ends = [line["hash"] for line in append_chain(path, self.log)]

    def _seal_draw(self, line: dict[str, Any]) -> None:
        manifest = self.folder / "manifest.json"
        told = {"seed": self.manifest["seed"], "frame_hash": self.manifest["frame_hash"], "on": self.manifest["drawn_on"]}
        sealed = {**told, "strata": self._root_of_draw(), "manifest": _hash(manifest.read_bytes())}
        line.update({name: value for name, value in sealed.items() if name not in self.kept})

    def _root_of_draw(self) -> str:
        rows = []
        for one in {row["stratum"]: row for row in self.plan}.values():
            own = [row for row in self.sample if row["stratum"] == one["stratum"] and row["drawn"] == "1"]
            last = (
                max((row["ticket"] for row in kind), default="") for kind in (own, [row for row in own if row["mode"] == "on_site"])
            )
            rows.append((one["stratum"], one["population"], one["target"], one["on_site"], *last))
        return tree_of(rows_by_name(rows), key=self.key, task=self.task["id"]).root

    def _seal_register(self) -> None:
        joined = [line for line in self.log if line["what"] == "joined"]
        ends, last = self._ends_by_kind(), [line for line in self.register if "log" in line][-1]
        published = [line for line in self.register if line["what"] == "published" and line.get("task") == self.task["id"]][-1]
        for line in self.register:
            what = line["what"]
            if line.get("task") != self.task["id"]:
                continue
            if line is published:
                line["frame_hash"] = self.manifest["frame_hash"]
            elif what == "drawn":
                self._seal_draw(line)
            elif what == "joined" and "late" not in self.kept:
                together, joined = joined[: line["subjects"]], joined[line["subjects"] :]
                line["late"] = tree_of(rows_by_name(late_rows(together)), key=self.key, task=self.task["id"]).root
            elif what == "closed" and "closing" not in self.kept:
                line["closing"] = _hash((self.folder / "closing.csv").read_bytes())
            if "log" in line and "log" not in self.kept and ends.get(what):
                own = [ends[what].pop(0) for _one in range(line.get("subjects", 1)) if ends[what]][-1]
                line["log"] = self._ends[-1] if line is last else own
        path = self.folder.parent.parent / "register.jsonl"
        path.unlink()
        append_chain(path, self.register)

    def _ends_by_kind(self) -> dict[str, list[str]]:
        """The hashes of the lines of the log by kind; lines of the register name theirs in the same order."""
        ends: dict[str, list[str]] = {}
        for line, end in zip(self.log, self._ends, strict=True):
            ends.setdefault(line["what"], []).append(end)
        return ends


def _body(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name not in _CHAIN}


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
