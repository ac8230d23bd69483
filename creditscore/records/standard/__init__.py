"""The standard tables: rows that arrive, the contract that each must keep, ids and keys."""
