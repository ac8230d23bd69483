"""The command line: thin words over the pipeline. ``main`` is the entry point."""

from creditscore.cli.app import main

__all__ = ["main"]
