"""A project of another user is not used unasked: his model would answer."""

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from sentiment.errors import InputError, MissingFileError, MovedError
from sentiment.utils.paths import ProjectPaths, find_project
from tests.helpers.build import tiny_bundle
from tests.helpers.commands import COMMAND

ALICE, BOB = 12001, 12002
needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files to others"
)


@pytest.fixture
def shared(monkeypatch):
    """Return a folder like /tmp, which is the working directory: all may write in it."""
    monkeypatch.delenv("SENTIMENT_HOME", raising=False)
    monkeypatch.delenv("SUDO_UID", raising=False)
    folder = Path(tempfile.mkdtemp(dir="/tmp")).resolve()
    folder.chmod(0o1777)
    monkeypatch.chdir(folder)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def acting_as(user):
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)


def give(user, *paths):
    for path in paths:
        for inner in (path, *path.rglob("*")):
            os.lchown(inner, user, user)


@needs_root
@pytest.mark.parametrize("foreign", ["data", "mlruns", "."])
def test_a_project_of_which_another_user_owns_a_part_is_refused(shared, monkeypatch, foreign):
    root = shared / "project"
    for name in ("data", "mlruns", "deep"):
        (root / name).mkdir(parents=True)
    give(BOB, root)
    os.chown(root / foreign, ALICE, ALICE)
    monkeypatch.chdir(root / "deep")
    with acting_as(BOB):
        with pytest.raises(InputError, match="another user's") as raised:
            find_project()
        assert f"{(root / foreign).resolve()} belongs to user {ALICE}" in raised.value.fact
        assert raised.value.hint.startswith(f"export SENTIMENT_HOME={root}, if you trust")
        monkeypatch.setenv("SENTIMENT_HOME", str(root))
        assert find_project().root == root


@needs_root
@pytest.mark.parametrize("owner", [0, BOB])
def test_projects_of_the_user_and_of_root_are_used(shared, owner):
    for name in ("data", "mlruns"):
        (shared / name).mkdir()
        os.chown(shared / name, owner, owner)
    with acting_as(BOB):
        assert find_project().root == shared


@needs_root
@pytest.mark.parametrize("name", ["data", "mlruns"])
def test_a_part_of_a_project_in_the_working_directory_is_refused_too(shared, name):
    (shared / name).mkdir()
    os.chown(shared / name, ALICE, ALICE)
    with acting_as(BOB), pytest.raises(InputError, match=f"{name} belongs to"):
        find_project()


@needs_root
def test_a_link_of_another_user_is_refused_wherever_it_leads(shared):
    own = shared / "own"
    own.mkdir()
    os.chown(own, BOB, BOB)
    for name in ("data", "mlruns"):
        (shared / name).symlink_to(own)
    os.lchown(shared / "data", ALICE, ALICE)
    with acting_as(BOB), pytest.raises(InputError, match="data belongs to"):
        find_project()


@needs_root
@pytest.mark.parametrize("name", ["data", "mlruns"])
def test_a_link_of_ones_own_is_refused_if_it_leads_to_another_user(shared, name):
    target = shared / "target"
    target.mkdir()
    os.chown(target, ALICE, ALICE)
    (shared / name).symlink_to(target)
    os.lchown(shared / name, BOB, BOB)
    with acting_as(BOB), pytest.raises(InputError, match=f"{name} belongs to user {ALICE}"):
        find_project()


@needs_root
def test_root_uses_no_project_of_another_user_but_under_sudo_that_of_who_typed_it(
    shared, monkeypatch
):
    for name in ("data", "mlruns"):
        (shared / name).mkdir()
        os.chown(shared / name, ALICE, ALICE)
    with pytest.raises(InputError, match="another user's"):
        find_project()
    monkeypatch.setenv("SUDO_UID", str(ALICE))
    assert find_project().root == shared
    with acting_as(BOB), pytest.raises(InputError, match="another user's"):
        find_project()  # SUDO_UID can be set by anybody


def test_in_a_folder_of_another_user_without_a_project_nothing_is_refused(shared, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: BOB)
    monkeypatch.chdir("/")
    assert find_project().root == Path("/")


def test_without_root_too_a_project_of_another_user_is_refused(shared, monkeypatch):
    (shared / "mlruns").mkdir()
    owner = (shared / "mlruns").stat().st_uid
    monkeypatch.setattr("sentiment.utils.paths._trusted_users", lambda: {owner + 1})
    with pytest.raises(InputError, match="another user's"):
        find_project()


@needs_root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
def test_predict_uses_the_model_of_another_user_only_if_sentiment_home_names_it(shared):
    model = tiny_bundle(shared / "data" / "models" / "planted").folder
    (shared / "mlruns").mkdir()
    give(ALICE, shared / "data", shared / "mlruns")
    before = sorted(shared.rglob("*"))

    def predict(**environment):
        clean = {key: value for key, value in os.environ.items() if not key.startswith("SENTIM")}
        return subprocess.run(
            [
                *("setpriv", f"--reuid={BOB}", f"--regid={BOB}", "--clear-groups"),
                *(sys.executable, "-c", COMMAND, "predict", "A good film."),
            ],
            env={**clean, "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/nowhere", **environment},
            capture_output=True,
            text=True,
        )

    refused = predict()
    assert refused.returncode == 1 and not refused.stdout
    assert refused.stderr.startswith(f"Error: the project in {shared} is another user's: ")
    assert refused.stderr.count("\n") == 2 and "Traceback" not in refused.stderr
    allowed = predict(SENTIMENT_HOME=str(shared))
    assert allowed.returncode == 0 and f"model: {model.name}" in allowed.stderr
    assert sorted(shared.rglob("*")) == before


def test_a_working_directory_that_is_gone_is_reported(tmp_path, monkeypatch):
    monkeypatch.delenv("SENTIMENT_HOME", raising=False)
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(MissingFileError, match="working folder no longer exists"):
        find_project()


def test_the_home_of_an_unknown_user_and_links_in_a_circle_are_reported(tmp_path, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", "~nosuch/project")
    with pytest.raises(InputError, match="SENTIMENT_HOME begins with ~nosuch, and the home"):
        find_project()
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path / "a"))
    with pytest.raises(InputError, match=r"links lead in a circle|Too many levels"):
        find_project()


def test_a_root_that_is_held_is_known_by_more_than_its_name(tmp_path):
    root, new = tmp_path / "project", tmp_path / "new"
    assert ProjectPaths(root).held().check_place() is None  # to be created
    root.mkdir()
    paths = ProjectPaths(root).held()
    assert paths == ProjectPaths(root) and paths.held().identity == paths.identity
    paths.check_place()
    root.rename(new)
    with pytest.raises(MovedError, match="was moved or removed meanwhile"):
        paths.check_place()
    root.mkdir()
    with pytest.raises(MovedError) as caught:
        paths.held().check_place("sentiment train")
    assert caught.value.hint == "sentiment train, in the project's new place"
    ProjectPaths(root).check_place()
    root.rmdir()
    root.symlink_to(new)
    paths.check_place()
