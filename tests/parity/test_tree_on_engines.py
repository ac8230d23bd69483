"""Tickets, nonces, leaves, roots and content hashes: hashlib and SQL of both engines give the same."""

import ibis
import pyarrow as pa

from creditscore.inspection.frame_hash import leaves_of
from creditscore.inspection.merkle import Tree, canonical_row, content_of, content_on_engine, root_on_engine
from creditscore.inspection.tickets import nonce_expression, nonces, ticket_expression, tickets

KEY = "0123456789abcdef" * 4
IDS = [f"91{at:05d}" for at in range(1_200)] + ["中文-1", "é", "a b", "\\x"]
SEED = "03 08 17 21 26 32 + 09"


def test_a_frame_is_hashed_and_ticketed_alike_everywhere(engine):
    rows = {one: canonical_row([one, "名|称\\", "food", "A"]) for one in IDS}
    engine.register("rows", pa.table({"name": list(rows), "row": list(rows.values())}))
    table = ibis.table({"name": "string", "row": "string"}, name="rows")
    nonce = nonce_expression(table["name"], key=KEY, task="2024Q2")
    subjects = table.select(subject_id=table["name"], nonce=nonce)
    found = engine.query(subjects.mutate(ticket=ticket_expression(subjects, seed=SEED, task="2024Q2", key=KEY))).to_pylist()
    own = {row["subject_id"]: (row["nonce"], row["ticket"]) for row in found}
    assert [own[one][0] for one in IDS] == nonces(IDS, key=KEY, task="2024Q2")
    assert [own[one][1] for one in IDS] == tickets(IDS, seed=SEED, task="2024Q2", key=KEY)
    leaves = table.select("name", leaf=(nonce + "|" + table["row"]).hexdigest("sha256"))
    assert root_on_engine(engine, leaves, count=len(rows)) == Tree.of(leaves_of(rows, key=KEY, task="2024Q2")).root
    assert content_on_engine(engine, table, count=len(rows)) == content_of(rows)
