"""Records that may count against a firm: which they are, when they end, and what holds when they are refused."""
