"""Files that somebody has made to do harm: refused in one sentence, and nothing is touched."""

import io
import json
import os
import shlex
import signal
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.data import readers
from sentiment.data.tokenizer import tokenize
from sentiment.errors import DamagedFileError, InputError
from sentiment.inference import bundle
from sentiment.inference.classifier import Classifier
from sentiment.training import checkpoint
from sentiment.utils import files, npz
from tests.helpers.build import tiny_bundle

MANY = 10**12  # rows that a header claims


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    monkeypatch.delenv("SENTIMENT_MODEL", raising=False)
    return tmp_path


@pytest.fixture
def model(home):
    return tiny_bundle(home / "data" / "models" / "tiny").folder


@pytest.fixture(autouse=True)
def soon():
    """Let nothing here wait: for a pipe that nobody writes to it would be without end."""

    def late(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def run(*words, status=1):
    result = CliRunner().invoke(app, list(map(str, words)))
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output and "unforeseen" not in result.output
    return result.stderr


def forge(folder, name, content):
    """Put `content` in the place of a file, and its digest in the record."""
    (folder / name).write_bytes(content)
    record = json.loads((folder / "bundle.json").read_text("utf-8"))
    record["files"][name] = files.checksums(folder)[name]
    files.write_json(folder / "bundle.json", files.add_checksum(record))


def claiming(rows, kind, shape=()):
    """Return the bytes of an array that claims so many rows and holds one."""
    file = io.BytesIO()
    header = {"descr": np.dtype(kind).str, "fortran_order": False, "shape": (rows, *shape)}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + np.zeros((1, *shape), kind).tobytes()


def zipped(members, kind=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", kind) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def of(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def read_in_little_memory(folder):
    """Read a bundle that must be refused; return why."""
    tracemalloc.start()
    try:
        with pytest.raises(DamagedFileError) as refused:
            Classifier(bundle.read(folder)).predict(["good"])
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()
    return refused.value.fact


BOMB = of(np.zeros(25_000_000, np.float32))  # 100 MB that take 100 KB


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("embedding.npy", claiming(MANY, np.float16, (2,)), "can't be read"),
        ("ngrams.npy", claiming(MANY, np.int64), "can't be read"),
        ("weights.npz", zipped({"a.npy": BOMB}), "would take 100,000,128 bytes"),
        ("weights.npz", zipped({"a.npy": BOMB}, zipfile.ZIP_BZIP2), "would take 100,000,128 bytes"),
        (
            "weights.npz",
            zipped({"a.npy": of(np.zeros(9)), "b": b"-" * 999}, zipfile.ZIP_LZMA),
            "",
        ),
        (
            "weights.npz",
            zipped({"a.npy": claiming(MANY, np.float32)}, zipfile.ZIP_STORED),
            "a.npy does not hold the (1000000000000,) numbers that it claims",
        ),
        ("weights.npz", zipped({"../up.npy": of(np.zeros(9, "f4"))}, zipfile.ZIP_STORED), "../up"),
        ("weights.npz", zipped({"/a.npy": b"\x80\x04."}, zipfile.ZIP_STORED), "can't be read"),
    ],
    ids=str,
)
def test_a_forged_part_of_a_model_takes_no_memory(model, name, content, why):
    before = sorted(model.parent.rglob("*"))
    forge(model, name, content)
    fact = read_in_little_memory(model)
    assert str(model) in fact and why in fact
    assert sorted(model.parent.rglob("*")) == before


@pytest.mark.parametrize("kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_that_lies_of_its_size_is_read_no_further(model, kind):
    content = zipped({"a.npy": BOMB}, kind)
    size = len(BOMB).to_bytes(4, "little")
    assert content.count(size) == 2  # before the member, and in the list at the end
    forge(model, "weights.npz", content.replace(size, (160).to_bytes(4, "little")))
    assert "weights.npz can't be read" in read_in_little_memory(model)


def test_arrays_of_runs_may_be_compressed_up_to_a_limit(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(zipped({"a.npy": BOMB}))
    with pytest.raises(DamagedFileError, match=r"a\.npz can't be read: .*100,000,128 bytes"):
        npz.read_arrays(path, hint="x", max_bytes=10**8)
    assert npz.read_arrays(path, hint="x", max_bytes=10**9)["a"].shape == (25_000_000,)


def test_a_checkpoint_is_an_archive_too(tmp_path):
    with checkpoint.open_writer(tmp_path / "run") as writer:
        writer.write(1, {}, {"a": np.arange(3)})
        path = tmp_path / "run" / "epoch-0001"
        np.testing.assert_array_equal(checkpoint.read(path).arrays["a"], np.arange(3))
        (path / "arrays.npz").write_bytes(zipped({"a.npy": BOMB}))
        record = {"format": checkpoint.FORMAT, "files": files.checksums(path)}
        files.write_json(path / "checkpoint.json", record)
        with pytest.raises(DamagedFileError, match=r"arrays\.npz can't be read: .*bytes"):
            checkpoint.read(path)


@pytest.mark.filterwarnings("error")
def test_weights_that_lead_to_no_number_are_told_with_the_file(model):
    with np.load(model / "weights.npz", allow_pickle=False) as stored:
        weights = dict(stored)
    weights = {
        name: np.where(array > 0, 3e38, -3e38).astype("f4") for name, array in weights.items()
    }
    large = {f"{name}.npy": of(array) for name, array in weights.items()}
    forge(model, "weights.npz", zipped(large, zipfile.ZIP_STORED))
    text = "a good film with a good heart"
    for words in (["predict", text], ["predict", "--why", text], ["states", text]):
        assert f"{model}: the model's answer is not a number" in run(*words)


@pytest.mark.filterwarnings("error")
def test_large_weights_that_saturate_are_no_fault(model):
    with np.load(model / "weights.npz", allow_pickle=False) as stored:
        weights = dict(stored)
    weights["classifier.bias"][:] = -3e38
    large = {f"{name}.npy": of(array) for name, array in weights.items()}
    forge(model, "weights.npz", zipped(large, zipfile.ZIP_STORED))
    assert Classifier(bundle.read(model)).predict(["good"]).tolist() == [0.0]


def test_a_record_of_gigabytes_is_not_read(model):
    with (model / "bundle.json").open("r+b") as file:
        file.truncate(1 << 34)  # a hole: it takes no space
    assert "larger than 256 MiB" in run("predict", "good")
    with (model / "bundle.json").open("r+b") as file:
        file.truncate(0)


# Neither a pipe nor a device ends by itself.
@pytest.mark.parametrize(
    "words",
    [
        ["predict", "--input", "x.csv"],
        ["states", "--input", "x.csv"],
        ["evaluate", "--data", "x.csv"],
        ["prepare", "--dataset", "x.csv"],
        ["prepare", "--archive", "x.csv"],
        ["train", "--recipe", "x.csv"],
        ["train", "--recipe", "x.csv", "--show"],
        ["compare", "--readout", "--recipe", "x.csv"],
        ["predict", "--model", "x.csv", "good"],
        ["predict", "--model", "bad", "good"],
        ["predict", "good"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("make", [os.mkfifo, lambda name: Path(name).symlink_to("/dev/zero")])
def test_a_pipe_or_a_device_in_the_place_of_a_file_is_not_waited_for(
    words, make, model, home, monkeypatch
):
    monkeypatch.chdir(home)
    monkeypatch.setenv("TFDS_DATA_DIR", str(home / "tfds"))
    make("x.csv")
    Path("bad").mkdir()
    make("bad/bundle.json")
    if words == ["predict", "good"]:  # the newest is looked for among all
        (home / "data" / "models" / "other").mkdir()
        make(home / "data" / "models" / "other" / "bundle.json")
    said = run(*words)
    assert said.strip().splitlines()[-1].startswith("Try: ")


def test_what_to_do_with_a_pipe_is_told(home):
    pipe = home / "a pipe.csv"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="is a pipe or a device, not a file") as refused:
        readers.open_binary(pipe)
    assert refused.value.hint == f"cat {shlex.quote(str(pipe))} > texts.csv, and give that file"


def test_a_folder_or_a_part_that_is_a_link_is_read_like_what_it_points_to(model, tmp_path):
    # A link can only lead to what its reader may read, and what it finds must have the digest.
    (model / "words.txt").rename(tmp_path / "words.txt")
    (model / "words.txt").symlink_to(tmp_path / "words.txt")
    (tmp_path / "link").symlink_to(model)
    assert bundle.read(tmp_path / "link").name == "tiny"
    (model / "words.txt").unlink()
    (model / "words.txt").symlink_to("/etc/hostname")
    with pytest.raises(DamagedFileError, match=r"words\.txt is damaged"):
        bundle.read(model)


def test_an_archive_of_reviews_that_climbs_out_is_refused_unread(home, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(home / "tfds"))
    (home / "deep").mkdir()
    path = home / "deep" / "mine.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in ("../climbed", str(home / "absolute"), "aclImdb/train/pos/0_9.txt"):
            part = tarfile.TarInfo(name)
            part.size = 4
            archive.addfile(part, io.BytesIO(b"good"))
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            part = tarfile.TarInfo(f"aclImdb/{kind!r}")
            part.type, part.linkname = kind, "../../../../etc/passwd"
            archive.addfile(part)
        bomb = tarfile.TarInfo("aclImdb/bomb")
        bomb.size = 100_000_000
        archive.addfile(bomb, io.BytesIO(bytes(bomb.size)))
    before = {found for found in home.rglob("*") if "tfds" not in found.parts}
    said = run("prepare", "--archive", path)
    assert "its checksum differs" in said and "Try: " in said
    assert {found for found in home.rglob("*") if "tfds" not in found.parts} - before <= {
        home / "data", home / "data" / "prepared",
    }  # fmt: skip
    left = [found for found in (home / "tfds").rglob("*") if found.is_file()]
    assert sum(found.stat().st_size for found in left) < 1_000_000
    assert not any(found.is_symlink() for found in home.rglob("*"))


@pytest.mark.parametrize("kind", ["csv", "jsonl", "txt"])
def test_a_row_without_end_is_told_before_it_fills_the_memory(kind, home, model, monkeypatch):
    monkeypatch.setattr(readers, "LONGEST_ROW", 1 << 20)
    path = home / f"a.{kind}"
    # In CSV the quotation mark is never closed: each line goes on with the cell.
    endless = b'good,"film\n' + b"heart\n" * 400_000 if kind == "csv" else b"x" * (2 << 20)
    path.write_bytes({"csv": b"n,text\n1,good\n"}.get(kind, b"") + endless)
    said = run("predict", "--input", path, "--on-error", "skip")
    assert f"what begins in line {3 if kind == 'csv' else 1} is longer than 1 MiB" in said


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("&#" + "1" * 100_000 + "; good", 1),  # int() raises on it
        ("e" + "\u0301\u0316" * 100_000 + " good", 2),  # sorted in a time of their number squared
        ("\uff9e\u0316" * 100_000 + " good", 1),
        ("<" * 200_000 + "good", 1),
        ("<a" * 100_000 + " good", 100_001),
        ("&" * 200_000 + " good", 1),
        ("1" * 200_000 + " good", 2),
    ],
    ids=lambda value: str(value)[:8],
)
def test_a_text_made_to_take_long_takes_less_than_a_second(text, tokens):
    signal.setitimer(signal.ITIMER_REAL, 1)
    found = tokenize(text)
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert len(found) == tokens and found[-1] == "good"


def test_few_marks_on_a_letter_are_dropped_as_ever():
    assert tokenize("caf\u00e9 cafe\u0301 cafe" + "\u0301" * 40 + " \uff76\uff9e") == [
        "cafe", "cafe", "cafe", "\u30ac",
    ]  # fmt: skip
