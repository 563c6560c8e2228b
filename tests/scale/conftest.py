"""Engines that `make test-scale` installs; tests find the helpers of the other tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
