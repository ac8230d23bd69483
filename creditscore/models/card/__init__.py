"""The card as data, and what it does with a frame: nothing here fits, and nothing here needs a fitting library."""
