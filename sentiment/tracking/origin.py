"""Tags that say which process, code and versions a run comes from."""

import subprocess
import sys
from importlib import metadata

from sentiment import __version__
from sentiment.tracking import process, tags
from sentiment.utils import environment
from sentiment.utils.credentials import mask
from sentiment.utils.paths import ProjectPaths

with environment.suppress_stderr():
    from mlflow.tracking.context.registry import resolve_tags

_LIBRARIES = ("tensorflow", "keras", "tensorflow-datasets", "mlflow", "numpy")


def source_tags(paths: ProjectPaths, name: str) -> dict[str, str]:
    """Return tags for the process, the versions and commit of the code, and the model's name."""
    versions = [f"sentiment {__version__}"]
    versions += [f"{library} {metadata.version(library)}" for library in _LIBRARIES]
    versions.append(f"Python {sys.version.split()[0]}")
    known = process.process_tags() | {tags.MODEL: name, "versions": ", ".join(versions)}
    command = ["git", "-C", str(paths.root), "rev-parse", "HEAD"]
    try:
        head = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
        known["mlflow.source.git.commit"] = head.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        pass  # no git, or no git checkout: there is no commit
    # The address of a git server may have a password.
    return {name: mask(text) for name, text in resolve_tags(known).items()}
