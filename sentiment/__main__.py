"""Run the command line: `sentiment`, or `python -m sentiment`.

To import it takes a third of a second. Ctrl-C in that time ends the process without a traceback.
"""

from sentiment.utils.signals import exit_on_interrupt


def main() -> None:
    """Import the command line and run it."""
    exit_on_interrupt()
    from sentiment.cli import main

    main()


if __name__ == "__main__":
    main()
