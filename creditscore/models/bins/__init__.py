"""Cuts of one column: edges people can read, attributes, their weighted WoE on the trend."""
