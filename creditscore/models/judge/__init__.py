"""What judging is made of: measures, checked rows, two samples in common bins."""
