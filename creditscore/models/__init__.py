"""Scorecards: the data, how they are fitted, how they score, and how both are judged.

``card`` is the data, ``scorecard`` what can be asked of it, ``scoring`` and ``scoring_sql`` the two ways to score.
``sample``, ``binning``, ``bin_table``, ``selection``, ``regression`` and ``fitting`` lead from rows to a regression;
``calibration``, ``mixed``, ``pooling`` and ``estimator`` from there to the cards of ``classifier`` and ``industry``. ``evaluate``,
``monitor``, ``challenger``, ``rivals`` and ``swap`` judge them. What fits knows the card; the card knows nothing of fitting.
"""
