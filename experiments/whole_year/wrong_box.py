"""A copy of a filled-in workbook in which one visit without a finding has one: the inspector had ticked the wrong box.

python experiments/whole_year/wrong_box.py FILLED.xlsx CORRECTED.xlsx
"""

import sys
from pathlib import Path

from creditscore.reporting.planning_tables import DRAWN_LIST
from creditscore.spreadsheet import read_sheet
from creditscore.spreadsheet.read import fill_cells

filled, corrected = map(Path, sys.argv[1:3])
rows = read_sheet(filled, DRAWN_LIST.title, columns=DRAWN_LIST.columns)
row = next(row for row in rows if row["outcome"].value == "none")
fill_cells(filled, {row["outcome"].address: "violation", row["found_severity"].address: 1}, out=corrected)
sys.stdout.write(f"{row['subject_id'].value}\n")
