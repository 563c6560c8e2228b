"""Check the pinned packages: the lock file, the licences, known vulnerabilities.

Run by `make audit`, after the tests of the lock that need no network. Exits with 1 if the lock is
not what pyproject.toml resolves to with its pins, if a licence is not in the list below, or if a
vulnerability is known. If no database of vulnerabilities can be reached, it prints that.
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
# The same arguments as in `make lock`.
COMPILE = [
    "pip", "compile", "pyproject.toml", "--extra", "dev", "--universal", "--python-version", "3.11",
    "--generate-hashes", "--no-emit-index-url", "--no-annotate", "--no-header", "--quiet",
]  # fmt: skip
# As SPDX names and as trove classifiers. All allow use, change and distribution with other
# programs; the Mozilla licence asks for the source of changes to its own files only.
ALLOWED = {
    "0BSD", "3-Clause BSD License", "Apache 2.0", "Apache License 2.0", "Apache Software License",
    "Apache-2.0", "BSD License", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0",
    "ISC License (ISCL)", "MIT", "MIT License", "MIT-0", "MIT-CMU", "MPL-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)", "PSF-2.0", "Public Domain",
    "Python Software Foundation License", "Zlib",
}  # fmt: skip
# Packages whose metadata names no licence, read from their licence files. docutils also names the
# GPL, for one file of Emacs that the wheel does not have.
READ_BY_HAND = {
    "docutils": "Public Domain AND BSD License",
    "huey": "MIT",
    "namex": "Apache-2.0",
    "skops": "MIT",
}


def is_lock_current() -> bool:
    """Return True if pyproject.toml with the pins resolves to the lock, with the same digests."""
    locked = LOCK.read_text("utf-8")
    with tempfile.TemporaryDirectory() as name:
        pins, output = Path(name) / "pins.txt", Path(name) / LOCK.name
        # Without digests: uv would copy those of an existing lock and not ask the index.
        pins.write_text(
            "".join(line.rstrip(" \\") + "\n" for line in re.findall(r"^\w.*", locked, re.M))
        )
        command = [PROGRAMS / "uv", *COMPILE, "--constraint", pins, "--output-file", output]
        process = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        if process.returncode:
            print("Lock: pyproject.toml cannot be resolved with these pins. Try: make lock")
            return False
        resolved = output.read_text("utf-8")
    changes = difflib.ndiff(without_continuations(locked), without_continuations(resolved))
    # An additional digest is a wheel that was published later.
    errors = [line for line in changes if line[0] == "-" or (line[0] == "+" and "==" in line)]
    print("\n".join(errors), end="\n" if errors else "")
    print(
        "Lock: pyproject.toml resolves to something else. Try: make lock"
        if errors
        else "Lock: pyproject.toml resolves to it, and the index has all its digests."
    )
    return not errors


def without_continuations(lock: str) -> list[str]:
    """Return the lines of a lock without the backslashes that continue them."""
    return [line.rstrip(" \\") for line in lock.splitlines()]


def licence(package: metadata.Distribution) -> str:
    """Return the licence in a package's metadata, as an SPDX expression or by its name."""
    expression = package.metadata.get("License-Expression")
    classifiers = [
        classifier.rpartition(" :: ")[2]
        for classifier in package.metadata.get_all("Classifier", [])
        if classifier.startswith("License :: ") and not classifier.endswith("OSI Approved")
    ]
    text = (package.metadata.get("License") or "").strip().partition("\n")[0]
    by_hand = READ_BY_HAND.get(package.name)
    return by_hand or expression or " AND ".join(classifiers) or text or "UNKNOWN"


def is_allowed(expression: str) -> bool:
    """Return True if all licences joined by AND are allowed, in one of those joined by OR."""
    return any(
        all(part.partition(" WITH ")[0] in ALLOWED for part in choice.split(" AND "))
        for choice in expression.split(" OR ")
    )


def are_licences_allowed() -> bool:
    """Print each pinned package with its licence; return True if all licences are allowed."""
    pinned = re.findall(r"^([\w.-]+)==(\S+)", LOCK.read_text("utf-8"), re.M)
    installed = {}
    for package in metadata.distributions():
        installed[re.sub(r"[-_.]+", "-", package.name).lower()] = package
    refused, missing = [], []
    for name, version in pinned:
        package = installed.get(name)
        if package is None or package.version != version:
            missing.append(f"{name} {version}")
            continue
        expression = licence(package)
        print(f"{name:<37}{version:<12}{expression}")
        if not is_allowed(expression):
            refused.append(f"{name} ({expression})")
    if missing:
        print(f"Licences: for other systems and not installed here: {', '.join(missing)}.")
    if refused:
        print(f"Licences: not allowed: {', '.join(refused)}.")
    else:
        print(f"Licences: those of {len(pinned) - len(missing)} packages are allowed.")
    return not refused


def is_free_of_vulnerabilities() -> bool:
    """Run pip-audit; return True if it reports no vulnerability, or can reach no database."""
    command = [PROGRAMS / "pip-audit", "--disable-pip", "--require-hashes", "--format", "json"]
    command += ["--progress-spinner", "off", "--requirement", LOCK]
    try:
        process = subprocess.run(command, capture_output=True, text=True)
        packages = json.loads(process.stdout)["dependencies"]
    except (OSError, ValueError):
        packages = []
    checked = [package for package in packages if "skip_reason" not in package]
    vulnerable = [package for package in checked if package["vulns"]]
    for package in vulnerable:
        for vulnerability in package["vulns"]:
            fixed = ", ".join(vulnerability["fix_versions"]) or "no version"
            print(
                f"{package['name']} {package['version']}: {vulnerability['id']}, fixed in {fixed}"
            )
    if not checked:
        print("Vulnerabilities: no database can be reached, so nothing was checked.")
    elif vulnerable:
        print(f"Vulnerabilities: in {len(vulnerable)} of {len(checked)} packages.")
    else:
        print(f"Vulnerabilities: none known in {len(checked)} packages.")
    if checked and len(checked) < len(packages):
        print(f"Vulnerabilities: {len(packages) - len(checked)} packages could not be checked.")
    return not vulnerable


if __name__ == "__main__":
    # A list, so that all three print their result.
    sys.exit(not all([is_lock_current(), are_licences_allowed(), is_free_of_vulnerabilities()]))
