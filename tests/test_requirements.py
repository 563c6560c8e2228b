"""The locks have exactly the packages that pyproject.toml requires, and they are installed.

No network is needed: the requirements of a package are read from its installed metadata. `make
audit` also compares versions and hashes with the package index.
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
SCALE_LOCK = (ROOT / "requirements-scale.lock").read_text("utf-8")  # with Spark and Optuna
# Those of light installations, by the dependency group that each of them pins.
LIGHT_LOCKS = {
    group: (ROOT / f"requirements-{group}.lock").read_text("utf-8")
    for group in ("predict", "serve")
}
# A package with its version, perhaps a marker, and at least one hash; without a hash it is no pin.
PIN = re.compile(
    r"^(?P<pin>[\w.-]+==\S+)(?: ; (?P<marker>[^\\]+?))?(?: \\\n    --hash=sha256:[0-9a-f]{64})+$",
    re.M,
)
UNREQUIRED_PIN = f"typist==1.0 \\\n    --hash=sha256:{64 * '0'}\n"
SYSTEMS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
    "darwin": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
    "win32": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
}
ENVIRONMENTS = {
    f"{system}-{python}": {
        **markers,
        "python_version": python,
        "python_full_version": f"{python}.5",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "platform_machine": "arm64" if system == "darwin" else "x86_64",
    }
    for system, markers in SYSTEMS.items()
    for python in ("3.11", "3.12", "3.13")
}


def pins(lock, environment):
    """Return the pinned version of each package in an environment, by name."""
    versions = {}
    for match in PIN.finditer(lock):
        pin, marker = match["pin"], match["marker"]
        requirement = Requirement(f"{pin} ; {marker}" if marker else pin)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            name = canonicalize_name(requirement.name)
            assert name not in versions, f"{name} has two versions"
            (specifier,) = requirement.specifier
            versions[name] = Version(specifier.version)
    return versions


def requirements_of(name):
    """Return the requirements in a package's metadata, none if it is not installed."""
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []


def direct_requirements():
    """Return the requirements in pyproject.toml that the first lock pins."""
    project = PROJECT["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["dev"]]


def group_requirements(name):
    """Return the requirements of a dependency group, with those of the groups that it includes."""
    for entry in PROJECT["dependency-groups"][name]:
        if isinstance(entry, str):
            yield entry
        else:
            yield from group_requirements(entry["include-group"])


def all_requirements(direct, environment):
    """Return the direct and the indirect requirements, by the package's name."""
    queue, requirements, visited = [(Requirement(text), "") for text in direct], {}, set()
    while queue:
        requirement, extra = queue.pop()
        marker = requirement.marker
        if marker and not marker.evaluate({**environment, "extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        requirements.setdefault(name, []).append(requirement)
        for needed in {"", *requirement.extras}:
            if (name, needed) not in visited:
                visited.add((name, needed))
                queue += [(Requirement(text), needed) for text in requirements_of(name)]
    return requirements


def errors(lock, direct, environment):
    """Yield each error of a lock in an environment."""
    pinned, required = pins(lock, environment), all_requirements(direct, environment)
    yield from (f"{name} is missing" for name in sorted(required.keys() - pinned.keys()))
    yield from (f"{name} is not required" for name in sorted(pinned.keys() - required.keys()))
    for name in sorted(required.keys() & pinned.keys()):
        for requirement in required[name]:
            if not requirement.specifier.contains(pinned[name], prereleases=True):
                yield f"{name} {pinned[name]} is not {requirement}"


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_lock_has_exactly_the_required_packages(name):
    assert not list(errors(LOCK, direct_requirements(), ENVIRONMENTS[name]))


@pytest.mark.parametrize("group", LIGHT_LOCKS)
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_light_lock_has_exactly_the_packages_of_its_group(name, group):
    lock, environment = LIGHT_LOCKS[group], ENVIRONMENTS[name]
    assert not list(errors(lock, group_requirements(group), environment))
    assert pins(lock, environment).items() <= pins(LOCK, environment).items()


@pytest.mark.parametrize("lock", LIGHT_LOCKS.values(), ids=LIGHT_LOCKS)
def test_a_light_lock_has_the_same_hashes(lock):
    assert {pin[0] for pin in PIN.finditer(lock)} <= {pin[0] for pin in PIN.finditer(LOCK)}


@pytest.mark.parametrize("group", LIGHT_LOCKS)
def test_the_packages_of_a_light_installation_are_dependencies(group):
    assert set(group_requirements(group)) <= set(PROJECT["project"]["dependencies"])


@pytest.mark.parametrize("lock", [LOCK, SCALE_LOCK, *LIGHT_LOCKS.values()])
def test_every_line_of_a_lock_is_a_pin_with_hashes(lock):
    assert "".join(f"{pin[0]}\n" for pin in PIN.finditer(lock)) == lock


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_lock_with_spark_and_optuna_has_the_same_pins_except_pandas(name):
    base, scale = pins(LOCK, ENVIRONMENTS[name]), pins(SCALE_LOCK, ENVIRONMENTS[name])
    assert {package for package in base if scale.get(package) != base[package]} == {"pandas"}
    for extra in ("spark", "sweep"):
        for text in PROJECT["project"]["optional-dependencies"][extra]:
            requirement = Requirement(text)
            assert requirement.specifier.contains(scale[requirement.name])


def test_the_pinned_versions_are_installed():
    pinned = pins(LOCK, {})
    assert {name: Version(metadata.version(name)) for name in pinned} == pinned


def test_the_build_requirements_are_pinned():
    for text in PROJECT["build-system"]["requires"]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(pins(LOCK, {})[requirement.name])


@pytest.mark.parametrize(
    ("pattern", "replacement", "error"),
    [
        (r"^typer==(.|\n)*?(?=^\w)", "", "typer is missing"),
        (r"^idna==(.|\n)*?(?=^\w)", "", "idna is missing"),  # an indirect requirement
        (r"^(idna==\S+)( \\\n    --hash.*)+", "idna==3", "idna is missing"),  # no hash
        (r"^typer==[\d.]+", "typer==0.29.0", "typer 0.29.0 is not typer"),
        (r"^(?=typer==)", UNREQUIRED_PIN, "typist is not required"),
    ],
)
def test_errors_in_a_lock_are_found(pattern, replacement, error):
    changed, count = re.subn(pattern, lambda _: replacement, LOCK, flags=re.M)
    assert count == 1
    (found,) = errors(changed, direct_requirements(), ENVIRONMENTS["linux-3.11"])
    assert found.startswith(error)
