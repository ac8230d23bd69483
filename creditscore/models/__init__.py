"""Scorecards: the data, how they are fitted, how they score, and how both are judged.

Public are the modules of this folder. Behind them: ``card`` (the data, and what it does with a frame),
``training`` (the rows that a fit reads), ``bins`` (cuts of one column), ``fit`` (from bins to points) and
``judge`` (what judging is made of). What fits knows the card; the card knows nothing of fitting.
"""
