"""What was delivered, by whom and how it differs from before: the check-up and its findings."""
