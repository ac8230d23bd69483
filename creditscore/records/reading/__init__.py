"""Files and tables as their senders made them, read in pieces: encodings, lines, sheets, databases."""
