"""What past random visits tell: their weights, and rates with variances."""
