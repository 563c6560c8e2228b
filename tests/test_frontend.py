"""The scripts and style sheets of the pages: Biome accepts them, and their tests pass."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BIOME = ROOT / "node_modules" / ".bin" / "biome"
FOLDERS = ["sentiment/reports/static", "sentiment/serving/static", "tests/pages"]
MISSING = [
    *([] if shutil.which("node") else ["Node.js is not installed"]),
    *([] if BIOME.exists() else ["node_modules lacks Biome; type npm ci"]),
]


def run(*command):
    """Run a command of Node.js and return what it prints; skip the test if it is not installed."""
    if MISSING and os.environ.get("SENTIMENT_REQUIRE_NODE") == "1":
        pytest.fail(f"SENTIMENT_REQUIRE_NODE=1, but {' and '.join(MISSING)}")
    if MISSING:
        pytest.skip(" and ".join(MISSING))
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def test_biome_accepts_every_script_and_style_sheet():
    printed = run(BIOME, "ci", "--error-on-warnings", "--colors=off", *FOLDERS)
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.[jc]s*")]
    assert f"Checked {len(files)} files" in printed


def test_the_scripts_pass_their_own_tests():
    files = sorted((ROOT / "tests" / "pages").glob("*.test.js"))
    printed = run("node", "--test", "--test-reporter=tap", *files)
    assert "# fail 0\n" in printed
    assert "# skipped 0\n" in printed


def test_the_lock_pins_what_is_wanted_and_names_no_registry():
    wanted = json.loads((ROOT / "package.json").read_text("utf-8"))["devDependencies"]
    lock = json.loads((ROOT / "package-lock.json").read_text("utf-8"))
    assert lock["packages"][""]["devDependencies"] == wanted
    for path, package in lock["packages"].items():
        assert "resolved" not in package
        assert not path or package["integrity"]
    # Biome's programs, one for each system, have its version.
    versions = {package["version"] for path, package in lock["packages"].items() if path}
    assert versions == set(wanted.values())
