"""Read the first sheet of an Excel workbook as rows of CSV. Only this module imports openpyxl."""

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from sentiment.data import readers
from sentiment.data.readers import BOM, Reader, Row
from sentiment.errors import InputError, UnavailableError

_MAX_SHARED = 1 << 27  # bytes of all but the rows, which openpyxl reads at once
_ROW = re.compile(rb"<(?:\w+:)?row[\s/>]")
_BLOCK = 1 << 20


class ExcelReader(Reader):
    """Reads rows of the first sheet; `raw` is a row as CSV, as no workbook is written."""

    unit = "row"
    columns: list[str]
    resumable = False
    delimiter, lenient, newline = ",", False, b"\n"

    def __init__(self, path: Path, file: BinaryIO, *, header: bool):
        """Open the workbook. Raises InputError if it is none, UnavailableError without openpyxl."""
        super().__init__(file)
        self._path = path
        try:
            import openpyxl  # type: ignore[import-untyped]
        except ImportError as error:
            raise UnavailableError(
                "Excel files need openpyxl, which is not installed", hint="pip install openpyxl"
            ) from error
        try:
            if too_large := _too_large(file):
                raise InputError(f"{path}: {too_large}")
            # Data only: the value of a formula as it was saved, not the formula.
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            self._rows = book.worksheets[0].iter_rows(values_only=True)
            first = next(self._rows, ())
        except (zipfile.BadZipFile, OSError, KeyError, ValueError, IndexError) as error:
            raise InputError(f"{path} is not an Excel workbook ({error})") from error
        cells = [_cell(value) for value in first]
        self.columns = cells if header else [str(n) for n in range(1, len(cells) + 1)]
        self._first = None if header else cells
        # Excel reads CSV as UTF-8 only with the mark.
        self.preamble, self.header_row = BOM, _as_csv(cells) if header else b""

    def rows(self) -> Iterator[Row]:
        """Yield each row; empty rows are left out."""
        if self._first is not None:
            self.line = 1
            yield self._row(self._first)
        else:
            self.line = 1
        for values in self._rows:
            self.line += 1
            cells = [_cell(value) for value in values]
            if any(cells):
                yield self._row(cells)
            else:
                self.blank_lines += 1

    def _row(self, cells: Sequence[str]) -> Row:
        padded = [*cells, *[""] * (len(self.columns) - len(cells))][: len(self.columns)]
        # Cells refer to texts that are stored once, so that the row may be longer than its XML.
        if sum(map(len, padded)) > readers.LONGEST_ROW:
            wrong = f"longer than {readers.LONGEST_ROW >> 20} MiB"
            return Row(self.line, _as_csv([""] * len(self.columns)), {}, wrong)
        fields = dict(zip(self.columns, padded, strict=True))
        return Row(self.line, _as_csv(padded), fields)

    def position(self) -> int:
        """Return how many bytes of the file have been read, for progress."""
        return self._stream.tell()


def _too_large(file: BinaryIO) -> str | None:
    """Return what is wrong if a part of a workbook that is read at once is too large."""
    with zipfile.ZipFile(file) as archive:
        shared = 0
        for member in archive.infolist():
            if member.filename.startswith("xl/worksheets/"):
                with archive.open(member) as sheet:
                    if _has_long_row(sheet):
                        return f"it has a row of more than {readers.LONGEST_ROW >> 20} MiB"
            else:
                shared += member.file_size
    file.seek(0)
    return f"its texts and styles would take {shared:,} bytes" if shared > _MAX_SHARED else None


def _has_long_row(sheet: Any) -> bool:
    """Return True if a row of a sheet, as XML, is too long."""
    size, rest = 0, b""
    while block := sheet.read(_BLOCK):
        found = list(_ROW.finditer(rest + block))
        size = len(rest + block) - found[-1].start() if found else size + len(block)
        if size > readers.LONGEST_ROW:
            return True
        rest = block[-20:]
    return False


def _cell(value: Any) -> str:
    """Return the value of a cell as text: a whole number without a decimal point."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _as_csv(cells: Sequence[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue().encode("utf-8", "replace")
