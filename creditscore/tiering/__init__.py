"""From scores to signed tiers, from tiers to a plan, from a plan to a draw that anyone can check."""
