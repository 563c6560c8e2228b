"""`sentiment predict`."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sentiment import folders
from sentiment.errors import InputError

_EXAMPLE = 'sentiment predict "An unforgettable film."'


def command(
    texts: Annotated[
        list[str] | None, typer.Argument(help="texts; - or a pipe: one text a line")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="a model folder; the newest one if not given")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="a JSON object a line")] = False,
) -> None:
    """Print the label and the probability of each text."""
    given = _read(texts or [])
    from sentiment import bundle
    from sentiment.predict import predict

    opened = bundle.read(model or bundle.newest(folders.find().models))
    for said in predict(opened, given):
        if as_json:
            typer.echo(json.dumps(asdict(said), ensure_ascii=False))
        else:
            typer.echo(f"{said.label}  {said.probability:.4f}  {said.text}")


def _read(texts: list[str]) -> list[str]:
    """Return the texts given, those of standard input in the place of `-`."""
    if not texts and sys.stdin.isatty():
        raise InputError("no text was given", remedy=_EXAMPLE)
    given: list[str] = []
    for text in texts or ["-"]:
        given += _lines() if text == "-" else [text]
    if not given:
        raise InputError("standard input held no text", remedy=_EXAMPLE)
    return given


def _lines() -> list[str]:
    """Return the lines of standard input, which is UTF-8 whatever the locale says."""
    try:
        text = sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"standard input is not UTF-8 text (byte {error.start})") from error
    # Not splitlines(): a review may hold other separators than the end of a line.
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []
