"""From the files departments send to standard tables: nothing lost, nothing off-catalogue gets in."""
