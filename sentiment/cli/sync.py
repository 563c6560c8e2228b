"""`sentiment sync`."""

import typer

from sentiment.errors import UnavailableError
from sentiment.utils.paths import find_project
from sentiment.utils.text import count_of


def command() -> None:
    """Send to the tracking store what it could not take while it was away."""
    place = find_project()
    if not any(place.spool.glob("[!.]*")):
        typer.echo("Nothing to send: all runs are where they belong.")
        return
    from sentiment.cli import _console
    from sentiment.tracking.offline.sync import sync

    with _console.show_progress() as progress:
        results = sync(place, progress)
    waiting = [result for result in results if result.trouble]
    if sent := {result.name for result in results} - {result.name for result in waiting}:
        typer.echo(f"{count_of(len(sent), 'run')} sent.")
    if waiting:
        left, trouble = sum(result.left for result in waiting), waiting[0].trouble
        raise UnavailableError(
            f"{left} operations are left in {place.spool}, and nothing is lost: {trouble}",
            hint=(trouble and trouble.hint) or "sentiment sync, once the store answers",
        )
