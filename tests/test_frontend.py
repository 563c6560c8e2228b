"""Biome finds nothing to change in the scripts and style sheets of the pages."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BIOME = ROOT / "node_modules" / ".bin" / "biome"
FOLDERS = ["sentiment/reports/static", "sentiment/serving/static"]
MISSING = [
    *([] if shutil.which("node") else ["Node.js is not installed"]),
    *([] if BIOME.exists() else ["node_modules lacks Biome; type npm ci"]),
]


def test_biome_accepts_every_script_and_style_sheet():
    if MISSING and os.environ.get("SENTIMENT_REQUIRE_NODE") == "1":
        pytest.fail(f"SENTIMENT_REQUIRE_NODE=1, but {' and '.join(MISSING)}")
    if MISSING:
        pytest.skip(" and ".join(MISSING))
    command = [BIOME, "ci", "--error-on-warnings", "--colors=off", *FOLDERS]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    files = sum(len(list((ROOT / folder).glob("*.[jc]s*"))) for folder in FOLDERS)
    assert f"Checked {files} files" in result.stdout + result.stderr


def test_the_lock_pins_biome_and_names_no_registry():
    wanted = json.loads((ROOT / "package.json").read_text("utf-8"))["devDependencies"]
    lock = json.loads((ROOT / "package-lock.json").read_text("utf-8"))
    assert lock["packages"][""]["devDependencies"] == wanted
    for path, package in lock["packages"].items():
        assert "resolved" not in package
        assert not path or (package["version"] == wanted["@biomejs/biome"] and package["integrity"])
