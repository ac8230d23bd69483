"""Who inspects: the pool, recusals, and the teams drawn by the same seed."""
