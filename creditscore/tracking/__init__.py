"""MLflow as a log and a registry, never the store of truth nor a source of cards. The only package that imports mlflow.

A finished run leaves its log in a queue on disk (``mlflow_log``); a process of its own sends the queue (``sender``), so that
no tracker can lose, stop or slow a run, and MLflow's settings are those of that process alone.
"""
