"""Whether the long tests run in full: with `pytest --slow`, as `make test-slow` has it."""

import sys

SLOW = "--slow" in sys.argv
