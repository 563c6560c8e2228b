"""The lock holds what pyproject.toml leads to on every system, and that is what is installed.

Nothing is asked of an index: what a package needs is read from its installed metadata. `make audit`
compares versions and hashes with the index as well.
"""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
SCALE = (ROOT / "requirements-scale.lock").read_text("utf-8")  # with Spark and Optuna
# A package, where it is for, and at least one digest: what has none is no pin.
PIN = re.compile(
    r"^(?P<pin>[\w.-]+==\S+)(?: ; (?P<marker>[^\\]+?))?(?: \\\n    --hash=sha256:[0-9a-f]{64})+$",
    re.M,
)
NEW = f"typist==1.0 \\\n    --hash=sha256:{64 * '0'}\n"
SYSTEMS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
    "darwin": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
    "win32": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
}
ENVIRONMENTS = {
    f"{system}-{python}": {
        **named,
        "python_version": python,
        "python_full_version": f"{python}.5",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "platform_machine": "arm64" if system == "darwin" else "x86_64",
    }
    for system, named in SYSTEMS.items()
    for python in ("3.11", "3.12", "3.13")
}


def pins(lock, environment):
    """Return the version of each package that is pinned in an environment, by name."""
    found = {}
    for line in PIN.finditer(lock):
        requirement = Requirement(
            f"{line['pin']} ; {line['marker']}" if line["marker"] else line["pin"]
        )
        if requirement.marker is None or requirement.marker.evaluate(environment):
            name = canonicalize_name(requirement.name)
            assert name not in found, f"{name} has two versions"
            (specifier,) = requirement.specifier
            found[name] = Version(specifier.version)
    return found


def needs(name):
    """Return what a package needs, as its metadata has it; nothing where it is not installed."""
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []


def reached(environment):
    """Return every requirement that pyproject.toml leads to in an environment, by name."""
    project = PROJECT["project"]
    given = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    waiting, found, seen = [(Requirement(text), "") for text in given], {}, set()
    while waiting:
        requirement, extra = waiting.pop()
        marker = requirement.marker
        if marker and not marker.evaluate({**environment, "extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        found.setdefault(name, []).append(requirement)
        for wanted in {"", *requirement.extras} - {extra for at, extra in seen if at == name}:
            seen.add((name, wanted))
            waiting += [(Requirement(text), wanted) for text in needs(name)]
    return found


def faults(lock, environment):
    """Yield what is wrong with a lock in an environment."""
    pinned, wanted = pins(lock, environment), reached(environment)
    yield from (f"{name} is missing" for name in sorted(wanted.keys() - pinned.keys()))
    yield from (f"nothing leads to {name}" for name in sorted(pinned.keys() - wanted.keys()))
    for name in sorted(wanted.keys() & pinned.keys()):
        for requirement in wanted[name]:
            if not requirement.specifier.contains(pinned[name], prereleases=True):
                yield f"{name} {pinned[name]} is not {requirement}"


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_lock_is_what_the_project_leads_to(name):
    assert not list(faults(LOCK, ENVIRONMENTS[name]))


@pytest.mark.parametrize("lock", [LOCK, SCALE])
def test_every_line_of_a_lock_is_a_pin_with_hashes(lock):
    assert "".join(f"{line[0]}\n" for line in PIN.finditer(lock)) == lock


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_lock_with_the_engines_has_the_same_pins_but_for_pandas(name):
    base, scale = pins(LOCK, ENVIRONMENTS[name]), pins(SCALE, ENVIRONMENTS[name])
    assert {package for package in base if scale.get(package) != base[package]} == {"pandas"}
    for extra in ("spark", "sweep"):
        for text in PROJECT["project"]["optional-dependencies"][extra]:
            requirement = Requirement(text)
            assert requirement.specifier.contains(scale[requirement.name])


def test_what_is_installed_is_what_is_pinned():
    pinned = pins(LOCK, {})
    assert {name: Version(metadata.version(name)) for name in pinned} == pinned


def test_what_builds_the_package_is_pinned_too():
    for text in PROJECT["build-system"]["requires"]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(pins(LOCK, {})[requirement.name])


@pytest.mark.parametrize(
    ("pattern", "instead", "fault"),
    [
        (r"^typer==(.|\n)*?(?=^\w)", "", "typer is missing"),
        (r"^idna==(.|\n)*?(?=^\w)", "", "idna is missing"),  # which others need
        (r"^(idna==\S+)( \\\n    --hash.*)+", "idna==3", "idna is missing"),  # no digest
        (r"^typer==[\d.]+", "typer==0.29.0", "typer 0.29.0 is not typer"),
        (r"^(?=typer==)", NEW, "nothing leads to typist"),
    ],
)
def test_a_lock_that_was_changed_is_noticed(pattern, instead, fault):
    changed, count = re.subn(pattern, lambda _: instead, LOCK, flags=re.M)
    assert count == 1
    found = list(faults(changed, ENVIRONMENTS["linux-3.11"]))
    assert len(found) == 1 and found[0].startswith(fault)
