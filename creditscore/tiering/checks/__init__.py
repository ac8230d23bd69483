"""What ``verify_plan`` works out again from the sealed files, a room per thing: lines, totals, the published list, the log."""
