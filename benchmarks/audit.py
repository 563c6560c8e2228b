"""Whether the pinned packages are the right ones, may be used, and have no known weakness.

Run by `make audit`, after the tests of the lock that need no network. Exits with 1 where the lock
is not what pyproject.toml gives today with its pins, where a licence is not one of those below, or
where a weakness is known. Where nobody can be asked about weaknesses, that is said.
"""

import difflib
import json
import re
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
PROGRAMS = Path(sys.executable).parent
# As `make lock` has it.
COMPILE = [
    "pip", "compile", "pyproject.toml", "--extra", "dev", "--universal", "--python-version", "3.11",
    "--generate-hashes", "--no-emit-index-url", "--no-annotate", "--no-header", "--quiet",
]  # fmt: skip
# By their SPDX names and as classifiers call them. All let a program be used, changed and passed
# on with others; the Mozilla licence asks for changes to its own files alone.
ALLOWED = {
    "0BSD", "3-Clause BSD License", "Apache License 2.0", "Apache Software License", "Apache-2.0",
    "BSD License", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "ISC License (ISCL)",
    "MIT", "MIT License", "MIT-0", "MIT-CMU", "MPL-2.0", "Mozilla Public License 2.0 (MPL 2.0)",
    "PSF-2.0", "Python Software Foundation License", "Zlib",
}  # fmt: skip
# Packages whose metadata names none, and what the licence file within them is.
READ = {"huey": "MIT", "namex": "Apache-2.0", "skops": "MIT"}


def lock_is_right() -> bool:
    """Tell whether pyproject.toml, with the pins that there are, leads to the lock, digests too."""
    was = LOCK.read_text("utf-8")
    with tempfile.TemporaryDirectory() as name:
        pins, made = Path(name) / "pins.txt", Path(name) / LOCK.name
        # Without digests: those in a lock are taken over and not asked for.
        pins.write_text(
            "".join(line.rstrip(" \\") + "\n" for line in re.findall(r"^\w.*", was, re.M))
        )
        words = [*COMPILE, "--constraint", pins, "--output-file", made]
        done = subprocess.run([PROGRAMS / "uv", *words], cwd=ROOT, stdout=subprocess.DEVNULL)
        if done.returncode:
            print("Lock: pyproject.toml can't be resolved with these pins. Try: make lock")
            return False
        now = made.read_text("utf-8")
    changes = difflib.ndiff(strip(was), strip(now))
    # A digest more is a wheel that was published later.
    wrong = [line for line in changes if line[0] == "-" or (line[0] == "+" and "==" in line)]
    print("\n".join(wrong), end="\n" if wrong else "")
    print(
        "Lock: it is not what pyproject.toml and the index lead to. Try: make lock"
        if wrong
        else "Lock: it is what pyproject.toml leads to, and the index has all its digests."
    )
    return not wrong


def strip(lock: str) -> list[str]:
    """Return the lines of a lock without the signs that they go on."""
    return [line.rstrip(" \\") for line in lock.splitlines()]


def licence(package: metadata.Distribution) -> str:
    """Return the licence that a package states, as an SPDX expression or by its name."""
    stated = package.metadata.get("License-Expression")
    classifiers = [
        text.rpartition(" :: ")[2]
        for text in package.metadata.get_all("Classifier", [])
        if text.startswith("License :: ") and not text.endswith("OSI Approved")
    ]
    free = (package.metadata.get("License") or "").strip().partition("\n")[0]
    return stated or " AND ".join(classifiers) or free or READ.get(package.name, "UNKNOWN")


def is_allowed(stated: str) -> bool:
    """Tell whether all licences of an expression are allowed, or one of those to choose from."""
    return any(
        all(part.partition(" WITH ")[0] in ALLOWED for part in choice.split(" AND "))
        for choice in stated.split(" OR ")
    )


def licences_are_allowed() -> bool:
    """Print package, version and licence of all that is pinned; tell whether each is allowed."""
    pinned = re.findall(r"^([\w.-]+)==(\S+)", LOCK.read_text("utf-8"), re.M)
    there = {}
    for package in metadata.distributions():
        there[re.sub(r"[-_.]+", "-", package.name).lower()] = package
    refused, unseen = [], []
    for name, version in pinned:
        package = there.get(name)
        if package is None or package.version != version:
            unseen.append(f"{name} {version}")
            continue
        stated = licence(package)
        print(f"{name:<37}{version:<12}{stated}")
        if not is_allowed(stated):
            refused.append(f"{name} ({stated})")
    if unseen:
        print(f"Licences: for other systems, and not installed here: {', '.join(unseen)}.")
    if refused:
        print(f"Licences: not among those allowed: {', '.join(refused)}.")
    else:
        print(f"Licences: those of {len(pinned) - len(unseen)} packages are allowed.")
    return not refused


def no_weakness_is_known() -> bool:
    """Ask pip-audit; tell whether it knows no weakness, be it for lack of somebody to ask."""
    command = [PROGRAMS / "pip-audit", "--disable-pip", "--require-hashes", "--format", "json"]
    command += ["--progress-spinner", "off", "--requirement", LOCK]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
        packages = json.loads(done.stdout)["dependencies"]
    except (OSError, ValueError):
        packages = []
    answered = [package for package in packages if "skip_reason" not in package]
    weak = [package for package in answered if package["vulns"]]
    for package in weak:
        for found in package["vulns"]:
            fixed = ", ".join(found["fix_versions"]) or "no version"
            print(f"{package['name']} {package['version']}: {found['id']}, fixed in {fixed}")
    if not answered:
        print("Weaknesses: no database could be asked from here, so nothing is known of any.")
    elif weak:
        print(f"Weaknesses: known of {len(weak)} of {len(answered)} packages.")
    else:
        print(f"Weaknesses: none is known of {len(answered)} packages.")
    if answered and len(answered) < len(packages):
        missing = len(packages) - len(answered)
        print(f"Weaknesses: of {missing} more packages nobody could tell.")
    return not weak


if __name__ == "__main__":
    # All three are said, whatever the first comes to.
    sys.exit(not all([lock_is_right(), licences_are_allowed(), no_weakness_is_known()]))
