"""From bins to a card: selection, regression, calibration, pooling over industries, points."""
