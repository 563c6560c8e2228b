"""The commands that need no TensorFlow work without what only Unix has."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

import sentiment
from sentiment.inference import bundle
from tests.helpers.build import tiny_bundle

ROOT = Path(sentiment.__file__).parents[1]
COMMAND = """
import sys
sys.path.insert(0, {root!r})
from tests.helpers import windows
windows.take_away()
from sentiment.cli import main
if __name__ == "__main__":
    main()
"""
ROWS = 5_000  # several chunks, and so several processes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="takes away what Linux has")


@pytest.fixture
def run(home):
    tiny_bundle(home / "data" / "models" / "tiny")
    script = home / "windows.py"
    script.write_text(COMMAND.format(root=str(ROOT)), "utf-8")

    def run(*words, status=0):
        command = [sys.executable, str(script), *map(str, words)]
        result = subprocess.run(command, capture_output=True, text=True, cwd=home)
        assert result.returncode == status, result.stderr
        assert "Traceback" not in result.stderr
        return result

    return run


def test_a_text_is_classified(run):
    assert run("predict", "A good, bad film.").stdout.split()[0] in (
        "positive",
        "negative",
        "neutral",
    )
    assert "no file missing.csv" in run("predict", "--input", "missing.csv", status=1).stderr


def test_a_file_is_scored_by_several_processes(run, home):
    source, target = home / "in.csv", home / "out.csv"
    texts = [f"a good film {n}" for n in range(ROWS)]
    source.write_text("text\n" + "\n".join(texts), "utf-8")
    run("predict", "--model", "tiny", "--input", source, "--output", target)
    with target.open(newline="", encoding="utf-8") as file:
        assert [row["text"] for row in csv.DictReader(file)] == texts
    run("predict", "--model", "tiny", "--input", source, "--output", target, "--resume")
    assert sorted(path.name for path in home.iterdir() if path.name[0] == ".") == []


def test_states_are_saved(run, home):
    run("states", "A good, bad film.", "--output", home / "states.npz")
    assert (home / "states.npz").stat().st_size > 0


def test_a_model_is_evaluated(run, home):
    file = home / "labelled.csv"
    file.write_text("text,label\na good film,1\na bad film,0\n", "utf-8")
    assert "accuracy" in run("evaluate", "--data", file, "--model", "tiny").stdout.lower()
    bundle.read(home / "data" / "models" / "tiny")


def test_the_lecture_is_given(run, home):
    page = home / "lecture.html"
    run("lecture", "--html", page, "--text", "a good, good film")
    assert "<html" in page.read_text("utf-8")
    run("predict", "--html", home / "text.html", "A good, bad film.")


def test_two_processes_do_not_write_one_file(run, home):
    holder = (
        "import sys; sys.path.insert(0, {root!r})\n"
        "from tests.helpers import windows; windows.take_away()\n"
        "from pathlib import Path\n"
        "from sentiment.utils.locks import file_lock\n"
        "with file_lock(Path({lock!r}), 'writing'):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    ).format(root=str(ROOT), lock=str(home / ".out.csv.lock"))
    process = subprocess.Popen(
        [sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"held\n"
    source = home / "in.csv"
    source.write_text("text\na good film\n", "utf-8")
    words = ["predict", "--model", "tiny", "--input", source, "--output", home / "out.csv"]
    assert f"process {process.pid} is already writing" in run(*words, status=1).stderr
    process.communicate()
    run(*words)
    assert not (home / ".out.csv.lock").exists() and (home / "out.csv").exists()
