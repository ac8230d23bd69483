"""Scorecards: the data, how they are fitted, how they score, and how both are judged."""
