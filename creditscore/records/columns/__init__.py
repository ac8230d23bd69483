"""From the cells of a column as they were sent to a standard column: each cell by one law, its faults noted."""
