"""A small project written to a folder: its configuration as dictionaries, its tables as lists of rows."""

import datetime as dt
import json
from pathlib import Path

import pyarrow as pa

from creditscore.config.project import Project, load_project
from creditscore.records.tables import TABLES
from creditscore.storage import write_parquet

DAY = dt.date(2024, 4, 30)


def toml_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {toml_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(v) for v in value) + "]"
    if isinstance(value, dt.date):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def toml(document: dict) -> str:
    """Tables and arrays of tables one level deep; deeper values inline."""
    top = [f"{k} = {toml_value(v)}" for k, v in document.items() if not isinstance(v, list) or not v or not isinstance(v[0], dict)]
    lists = [(k, v) for k, v in document.items() if isinstance(v, list) and v and isinstance(v[0], dict)]
    for key, entries in lists:
        for entry in entries:
            top += [f"\n[[{key}]]", *(f"{k} = {toml_value(v)}" for k, v in entry.items() if v is not None)]
    return "\n".join(top) + "\n"


def label(text: str) -> dict:
    return {"zh": text, "en": text}


def item(kind: str, source: str = "public", **more) -> dict:
    return {"kind": kind, "label": label(kind), "source": source, "legal_basis": "某法 第1条", "provider": "某局", **more}


def feature(name: str, kind: str = "penalty", aggregate: str = "count", source: str = "public", **more) -> dict:
    return {"name": name, "label": label(name), "unit": "records", "source": source, "kind": [kind], "aggregate": aggregate, **more}


def documents(**overrides: dict) -> dict[str, dict]:
    """The TOML documents of a project that works; ``overrides`` replace top-level keys per file."""
    base = {
        "project": {"name": "small", "label": label("小项目"), "authority": label("某市市场监管局")},
        "catalogue": {
            "edition": "test",
            "basis": "test",
            "item": [
                item("penalty"), item("award", polarity="positive"), item("complaint", "market"), item("abnormal_list"),
                item("contract", "market"), item("visit_penalty", found_by="inspection"), item("report", "self_declared"),
            ],
        },
        "sources": {"id_scheme": "local", "source": [{"name": t, "table": t, "file": f"{t}.parquet"} for t in TABLES]},
        "features": {"feature": [feature("penalties_24m", months=24, trend="higher_is_riskier")]},
        "targets": {"target": [{"type": "inspection", "name": "violation", "label": label("违法")}]},
        "scorecards": {"target": "violation", "industry": [{"code": "food", "label": label("食品")}, {"code": "shop", "label": label("零售")}]},
        "tasks": {"task": []},
        "policy": policy_document(),
    }  # fmt: skip
    more = {file: content for file, content in overrides.items() if file not in base}
    return {file: {**content, **overrides.get(file, {})} for file, content in base.items()} | more


def policy_document() -> dict:
    rule = {"A": (0.01, 1), "B": (0.02, 1), "C": (0.1, 2), "D": (0.3, 4), "NR": (0.02, 1)}
    return {
        "effective": dt.date(2024, 1, 1),
        "basis": "test",
        "signed_by": "test",
        "tier": [{"name": "A", "max_probability": 0.05}, {"name": "B", "max_probability": 0.15}, {"name": "C", "max_probability": 0.3}, {"name": "D"}],
        "inspection": {tier: {"ratio": ratio, "visits_per_year": visits} for tier, (ratio, visits) in rule.items()},
    }  # fmt: skip


def write_project(folder: Path, **overrides: dict) -> Project:
    """A project on disk, loaded."""
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in documents(**overrides).items():
        path = folder / "tiering" / "2024-01-01.toml" if file == "policy" else folder / f"{file}.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(toml(content), "utf-8")
    return load_project(folder)


def write_tables(folder: Path, **tables: list[dict]) -> Path:
    """Standard tables as Parquet; columns that no row names are missing."""
    for name, table in TABLES.items():
        rows = tables.get(name, [])
        columns = {column: pa.array([row.get(column) for row in rows], kind) for column, kind in table.columns.items()}
        write_parquet(folder / f"{name}.parquet", pa.table(columns, schema=table.schema))
    return folder


def subject(subject_id: str, **more) -> dict:
    day = dt.date(2015, 1, 1)
    return {
        "subject_id": subject_id, "valid_from": day, "known_date": day, "name": f"企业{subject_id}", "subject_type": "enterprise",
        "status": "active", "industry": "food", "region": "431103", "registered_date": day, **more,
    }  # fmt: skip


def event(event_id: str, subject_id: str, kind: str, day: dt.date, known: dt.date | None = None, **more) -> dict:
    return {"event_id": event_id, "subject_id": subject_id, "kind": kind, "event_date": day, "known_date": known or day, **more}
