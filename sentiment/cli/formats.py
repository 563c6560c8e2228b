"""`sentiment formats`."""

from sentiment.cli import _console


def command() -> None:
    """List the formats of files of texts."""
    from sentiment.data.compression import COMPRESSORS
    from sentiment.data.formats import FORMATS

    rows = [
        (
            f".{name}",
            row.meaning,
            f".{row.written_as or name}",
            f"pip install {row.needs}" if row.needs else "",
        )
        for name, row in FORMATS.items()
    ]
    columns = {"name ends in": "left", "holds": "left", "written as": "left", "needs": "left"}
    target = _console.console()
    target.print(_console.table("Formats of --input, --data and --dataset", columns, rows))
    target.print(
        f"Each may be compressed, and its name then end in {', '.join(COMPRESSORS)} as well. "
        "A folder of files in one format is read as one file. Text is UTF-8, or UTF-16 or UTF-32 "
        "with a byte-order mark; --encoding names another."
    )
