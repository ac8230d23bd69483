"""A prefecture whose true risk is known: records of four sources, visits under an old policy, and the truth beside them."""
