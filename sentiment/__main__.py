"""Run the command line: `python -m sentiment`."""

from sentiment.cli import main

main()
