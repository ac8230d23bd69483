"""What decides a tier: the cuts, overrides, disputes, stability and signatures, each a step of its own."""
