"""Excel workbooks, written row by row and read back by cell; alone knows the libraries for them."""

from creditscore.spreadsheet.read import read_sheet, read_table, refuse_cells
from creditscore.spreadsheet.sheets import BOTH, BookReport, Cell, Column, Kind, Marked, Sheet, cell_words, label_text, label_texts
from creditscore.spreadsheet.write import write_book

__all__ = [
    "BOTH",
    "BookReport",
    "Cell",
    "Column",
    "Kind",
    "Marked",
    "Sheet",
    "cell_words",
    "label_text",
    "label_texts",
    "read_sheet",
    "read_table",
    "refuse_cells",
    "write_book",
]
