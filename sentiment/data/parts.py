"""Read the files of a folder, in the order of their names, as the parts of one file."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sentiment.data.columns import column_list
from sentiment.data.readers import Reader, Row
from sentiment.errors import InputError, MissingFileError

OpenPart = Callable[[Path], Reader]


def part_files(folder: Path) -> list[Path]:
    """Return the files of a folder by name, without those that begin with `.` or `_`.

    Spark and Hadoop write such files beside the parts. Raises MissingFileError if there are none.
    """
    paths = [path for path in folder.iterdir() if path.is_file() and path.name[0] not in "._"]
    if not paths:
        raise MissingFileError(f"{folder} holds no files", hint=f"ls {folder}")
    return sorted(paths)


class PartsReader(Reader):
    """Reads rows of several files with the same columns."""

    resumable = False

    def __init__(self, paths: list[Path], open_part: OpenPart):
        first = open_part(paths[0])
        super().__init__(None)
        self.first = first  # a writer takes the format of the rows from it
        self._paths, self._open = paths, open_part
        self._needed: Sequence[str] | None = None
        self._read = 0  # bytes of the parts before the current one
        self._current = first
        self.columns, self.unit = first.columns, first.unit
        self.encoding = first.encoding

    def need(self, columns: Sequence[str]) -> None:
        """Say which columns are needed, of each part."""
        self._needed = columns
        self.first.need(columns)

    def chunks(self) -> Iterator[list[Row]]:
        """Yield the chunks of each part; raise InputError if a part has other columns."""
        for number, path in enumerate(self._paths):
            part = self._current if number == 0 else self._open(path)
            if part.columns != self.columns:
                raise InputError(
                    f"{path} has other columns than {self._paths[0].name}: "
                    f"{column_list(part.columns or [])}"
                )
            if self._needed is not None:
                part.need(self._needed)
            self._current, blank_before = part, self.blank_lines
            for chunk in part.chunks():
                self.line, self.blank_lines = part.line, blank_before + part.blank_lines
                self.undecodable |= part.undecodable
                yield [row._replace(file=path.name) for row in chunk]
            self.blank_lines = blank_before + part.blank_lines
            self._read += path.stat().st_size

    def rows(self) -> Iterator[Row]:
        """Yield each row."""
        for chunk in self.chunks():
            yield from chunk

    def position(self) -> int:
        """Return how many bytes of the files have been read, for progress."""
        return self._read + self._current.position()
