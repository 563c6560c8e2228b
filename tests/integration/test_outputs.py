"""Every command that writes a file treats links, permissions and obstacles alike."""

import os
import re
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.utils import files
from sentiment.utils.paths import ProjectPaths
from tests.helpers.build import TINY, tiny_bundle
from tests.helpers.logged import save_model
from tests.helpers.stored import add_run

CSV = "text\nA good film.\nA bad film.\n"
# What is typed before the name of the output, which ends in the suffix.
COMMANDS = {
    "predict --output": (".csv", "predict --input {input} --output"),
    "predict compressed": (".csv.gz", "predict --input {input} --output"),
    "predict --html": (".html", "predict good --html"),
    "states csv": (".csv", "states good --output"),
    "states npz": (".npz", "states good --output"),
    "states parquet": (".parquet", "states good --output"),
    "lecture --html": (".html", "lecture --text good --html"),
    "compare --html": (".html", "compare --html"),
}
each_command = pytest.mark.parametrize("name", COMMANDS)
# Without the lecture, which trains for seconds before it writes.
each_quick_command = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name.startswith("lecture") else [])
        for name in COMMANDS
    ],
)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")


@pytest.fixture(scope="module", autouse=True)
def project(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    tiny_bundle(home / "data" / "models" / "tiny", TINY)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.delenv("SENTIMENT_MODEL", raising=False)
        patch.setenv("SENTIMENT_HOME", str(home))
        add_run(ProjectPaths(home), "one", losses=(0.5, 0.3))
        add_run(ProjectPaths(home), "two", losses=(0.4, 0.3))
        yield home


@pytest.fixture
def umask():
    """Set an unusual umask."""
    before = os.umask(0o027)
    yield
    os.umask(before)


@pytest.fixture(autouse=True)
def time_limit():
    """End a test after a minute: opening a pipe without a reader would never end."""

    def expire(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, expire)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def write(name, folder, *, status=0):
    """Run a command that writes `out` with its suffix in `folder`; return the path and messages."""
    suffix, words = COMMANDS[name]
    (folder / "input.csv").write_text(CSV)
    path = folder / f"out{suffix}"
    words = [word.format(input=folder / "input.csv") for word in words.split()]
    result = CliRunner().invoke(app, [*words, str(path)])
    assert result.exit_code in ([0] if status == 0 else [1, 2]), result.output
    assert "Traceback" not in result.output and "unexpected error" not in result.output
    return path, result.stderr


def output_name(name):
    return f"out{COMMANDS[name][0]}"


def mode(path):
    return path.stat().st_mode & 0o777


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@each_quick_command
def test_the_umask_holds_for_new_files_and_a_replaced_one_keeps_its_permissions(
    name, tmp_path, umask
):
    path, _ = write(name, tmp_path)
    assert mode(path) == 0o640
    for other in (0o600, 0o644):
        path.chmod(other)
        write(name, tmp_path)
        assert mode(path) == other
    assert names(tmp_path) == ["input.csv", path.name]


@each_command
def test_a_link_stays_and_what_it_leads_to_is_replaced(name, tmp_path, umask):
    target = tmp_path / "elsewhere" / "file"
    target.parent.mkdir()
    target.write_text("old")
    target.chmod(0o600)
    (tmp_path / output_name(name)).symlink_to("elsewhere/file")
    path, _ = write(name, tmp_path)
    assert path.is_symlink() and target.read_bytes() not in (b"old", b"")
    assert mode(target) == 0o600 and names(target.parent) == ["file"]
    target.unlink()
    write(name, tmp_path)  # a link to a file that does not exist yet creates it
    assert path.is_symlink() and target.stat().st_size


@each_quick_command
@pytest.mark.parametrize("obstacle", ["folder", "pipe", "circle"])
def test_what_is_no_file_is_named_and_stays(name, obstacle, tmp_path):
    path = tmp_path / output_name(name)
    if obstacle == "folder":
        path.mkdir()
    elif obstacle == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(path)
    _, message = write(name, tmp_path, status=1)
    assert path.name in re.sub(r"[│\s]", "", message) and message.count("Error") == 1
    assert names(tmp_path) == ["input.csv", path.name]


@each_quick_command
@needs_root
def test_a_link_of_another_user_in_a_shared_folder_is_not_followed(name):
    shared = Path(tempfile.mkdtemp(dir="/tmp")).resolve()
    try:
        victim, path = shared / "victim", shared / output_name(name)
        victim.write_text("precious")
        path.symlink_to(victim)
        os.lchown(path, 12001, 12001)
        shared.chmod(0o1777)
        _, message = write(name, shared, status=1)
        assert "is a link of another user" in message and str(path) in message
        assert victim.read_text() == "precious"
        shared.chmod(0o755)  # not shared: the link is followed
        write(name, shared)
        assert path.is_symlink() and victim.read_bytes() != b"precious"
    finally:
        shutil.rmtree(shared)


@pytest.mark.parametrize("suffix", [".lock", ".part", ".part.json"])
@pytest.mark.parametrize("kind", ["link", "hard link", "folder", "pipe"])
def test_nothing_is_written_through_what_is_planted_beside_the_output(suffix, kind, tmp_path):
    victim, planted = tmp_path / "victim", tmp_path / f".out.csv{suffix}"
    victim.write_text("precious")
    if kind == "link":
        planted.symlink_to(victim)
    elif kind == "hard link":
        planted.hardlink_to(victim)
    elif kind == "folder":
        planted.mkdir()
    else:
        os.mkfifo(planted)
    is_removed = kind == "hard link" and suffix != ".lock"  # a name of a file that is replaced
    _, message = write("predict --output", tmp_path, status=int(not is_removed))
    assert victim.read_text() == "precious"
    if not is_removed:
        assert f"{planted} is a {kind.split()[-1]}" in message and "Try: ls -ld " in message
        assert planted.is_symlink() or planted.exists()
        assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("length", [200, 245, 251, 255])
@pytest.mark.parametrize("letter", ["a", "é"])
def test_names_as_long_as_file_systems_allow_are_written(length, letter, tmp_path):
    name = letter * ((length - 4) // len(letter.encode())) + ".csv"
    (tmp_path / "input.csv").write_text(CSV)
    words = ["predict", "--input", str(tmp_path / "input.csv"), "--output", str(tmp_path / name)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    result = CliRunner().invoke(app, ["states", "good", "--output", str(tmp_path / name)])
    assert result.exit_code == 0, result.output
    assert names(tmp_path) == sorted([name, "input.csv"])


def test_hidden_names_of_long_names_differ_and_fit(tmp_path):
    one, two = tmp_path / ("a" * 250 + "1"), tmp_path / ("a" * 250 + "2")
    paths = [files.hidden_path(path, ".part") for path in (one, two)]
    assert len(set(paths)) == 2 and all(len(path.name) <= 240 for path in paths)
    assert files.hidden_path(tmp_path / "out.csv", ".part").name == ".out.csv.part"


def test_a_logged_model_has_the_permissions_that_the_umask_allows(tmp_path, umask, monkeypatch):
    opened = tiny_bundle(tmp_path / "tiny")
    save_model(opened.folder, tmp_path / "saved")
    wrong = {
        str(path): oct(mode(path))
        for path in (tmp_path / "saved").rglob("*")
        if mode(path) != (0o750 if path.is_dir() else 0o640)
    }
    assert not wrong
