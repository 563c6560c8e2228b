"""`sentiment sync`."""

import typer

from sentiment.errors import DamagedFileError, UnavailableError
from sentiment.utils.paths import find_project
from sentiment.utils.text import count_of

EXAMPLES = {
    "sentiment sync": "send what waits in data/spool",
    "sentiment runs": "list the runs, and how many still wait",
}


def command() -> None:
    """Send runs that were made while the tracking server was away."""
    paths = find_project()
    if not any(paths.spool.glob("[!.]*")):
        typer.echo("Nothing to send: the tracking store has all runs.")
        return
    from sentiment.cli import _console, _terminal
    from sentiment.tracking.offline.sync import sync

    with _console.show_progress() as progress:
        results = sync(paths, progress)
    waiting = [result for result in results if result.trouble]
    if sent := {result.name for result in results} - {result.name for result in waiting}:
        typer.echo(f"{count_of(len(sent), 'run')} sent.")
    damaged = [folder for result in results for folder in result.damaged]
    for folder in damaged:
        _terminal.print_message(f"not sent, since it is damaged: {folder}")
    if waiting:
        left, error = sum(result.left for result in waiting), waiting[0].trouble
        raise UnavailableError(
            f"{count_of(left, 'operation')} not sent, and safe in {paths.spool}: {error}",
            hint=(error and error.hint) or "sentiment sync, once the store answers",
        )
    if damaged:
        raise DamagedFileError(
            f"{count_of(len(damaged), 'operation')} damaged; the rest of these runs is sent",
            hint="remove the folders above, if nobody needs what they hold; then sentiment sync",
        )
