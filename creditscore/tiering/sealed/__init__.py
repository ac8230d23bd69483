"""The files of a plan folder: written, sealed, read back, and changed only by a logged replacement."""
