"""Excel workbooks, written row by row and read back by cell; alone knows the libraries for them."""

from creditscore.spreadsheet.read import RepeatedColumnError, read_sheet, read_table
from creditscore.spreadsheet.sheets import BookLanguage, BookReport, Cell, Column, Kind, Sheet, label_text
from creditscore.spreadsheet.write import write_book

__all__ = [
    "BookLanguage",
    "BookReport",
    "Cell",
    "Column",
    "Kind",
    "RepeatedColumnError",
    "Sheet",
    "label_text",
    "read_sheet",
    "read_table",
    "write_book",
]
