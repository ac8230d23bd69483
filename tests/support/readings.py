"""What a night keeps of its adverse records, written by the engine as a run writes it."""

from creditscore.records.adverse.endings import ended
from creditscore.records.last_reading import adverse_reading
from creditscore.records.tables import TABLES


def keep_reading(records, table, on, path, *, last=None):
    """Write the adverse records of a table that have not ended by a day."""
    records.engine.write(adverse_reading(records, table, on, last=last), path, order_by=TABLES[table].key)
    return path


def keep_ended(records, on, path):
    """Write the adverse records that have ended by a day."""
    records.engine.write(ended(records, on), path, order_by=("subject_id", "event_id", "kind"))
    return path
