"""What people read of a run: workbook, report, charts, and the explanation of one subject."""
