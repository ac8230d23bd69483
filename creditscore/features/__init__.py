"""What is computed for a subject as of a day: one definition, any engine."""
