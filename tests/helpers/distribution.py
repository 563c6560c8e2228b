"""Build the distribution as `make wheel` does, from a copy of this folder."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What a clone does not have, or what is of no use to a build: gigabytes.
_LEFT_OUT = shutil.ignore_patterns(
    ".*", "node_modules", "mlruns", "build", "dist", "*.egg-info", "__pycache__"
)
_BUILD = "import sys; from setuptools import build_meta; build_meta.build_{}(sys.argv[1])"


def copy_source(folder: Path) -> Path:
    """Copy this project to `folder`, without what was built, installed or trained in it."""

    def left_out(path: str, names: list[str]) -> set[str]:
        return _LEFT_OUT(path, names) | ({"data"} if Path(path) == ROOT else set())

    return Path(shutil.copytree(ROOT, folder, ignore=left_out))


def build(kind: str, source: Path, folder: Path) -> Path:
    """Build a "wheel" or an "sdist" from `source` in `folder`, and return its path."""
    folder.mkdir()
    command = [sys.executable, "-c", _BUILD.format(kind), folder]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (path,) = folder.iterdir()
    return path
