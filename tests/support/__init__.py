"""What several tests share: a small project on disk and its tables."""
