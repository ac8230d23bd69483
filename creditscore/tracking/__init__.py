"""MLflow as a log and a registry, never the store of truth. The only package that imports mlflow.

Telemetry is off before mlflow is imported: it would look up a host at import.
"""

import os

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
# A model is JSON; nothing that needs unpickling is ever loaded.
os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
# Progress belongs to the command line, on stderr, and to nobody else.
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
