"""From scores to signed tiers."""
