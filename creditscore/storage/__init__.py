"""The only package that knows how files are written: whole or not at all, hashed, locked, chained line by line, in journals."""

from creditscore.storage.chain import CHAIN_START, append_chain, chain_head, read_chain
from creditscore.storage.files import (
    atomic_path,
    atomic_write,
    canonical_json,
    compact_json,
    damaged_files,
    file_hashes,
    move_into_place,
    parsed_json,
    read_parquet,
    sha256_file,
    sha256_of,
    write_json,
    write_parquet,
)
from creditscore.storage.journal import Journal, changed, complete, is_pending, journal, settle
from creditscore.storage.ledger import StepLedger, step_key
from creditscore.storage.locks import LOCK, locked
from creditscore.storage.versions import new_version, pointed_to, set_pointer, versions

__all__ = [
    "CHAIN_START",
    "LOCK",
    "Journal",
    "StepLedger",
    "append_chain",
    "atomic_path",
    "atomic_write",
    "canonical_json",
    "chain_head",
    "changed",
    "compact_json",
    "complete",
    "damaged_files",
    "file_hashes",
    "is_pending",
    "journal",
    "locked",
    "move_into_place",
    "new_version",
    "parsed_json",
    "pointed_to",
    "read_chain",
    "read_parquet",
    "set_pointer",
    "settle",
    "sha256_file",
    "sha256_of",
    "step_key",
    "versions",
    "write_json",
    "write_parquet",
]
