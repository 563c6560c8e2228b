"""Files made to do harm are refused in one sentence, and nothing is changed."""

import io
import json
import os
import shlex
import signal
import tarfile
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.data import delimited, readers
from sentiment.data.tokenizer import tokenize
from sentiment.errors import DamagedFileError, InputError
from sentiment.inference import bundle
from sentiment.inference.classifier import Classifier
from sentiment.training import checkpoint
from sentiment.utils import files, npz
from tests.helpers.build import tiny_bundle

MANY = 10**12  # the rows that a forged header claims


@pytest.fixture
def model(home):
    return tiny_bundle(home / "data" / "models" / "tiny").folder


@pytest.fixture(autouse=True)
def time_limit():
    """End a test after a minute: reading a pipe without a writer would never end."""

    def expire(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, expire)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def run(*words, status=1):
    result = CliRunner().invoke(app, list(map(str, words)))
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output and "unexpected error" not in result.output
    return result.stderr


def forge(folder, name, content):
    """Replace a file of a bundle by `content`, and its recorded digest."""
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "bundle.json").read_text("utf-8"))
    manifest["files"][name] = files.checksums(folder)[name]
    files.write_json(folder / "bundle.json", files.add_checksum(manifest))


def array_claiming(rows, kind, shape=()):
    """Return the bytes of an array that claims to have `rows` rows and has one."""
    file = io.BytesIO()
    header = {"descr": np.dtype(kind).str, "fortran_order": False, "shape": (rows, *shape)}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + np.zeros((1, *shape), kind).tobytes()


def zip_archive(members, kind=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", kind) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def npy_bytes(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def refused_in_little_memory(folder):
    """Read a bundle that has to be refused in less than 20 MiB; return the fact."""
    tracemalloc.start()
    try:
        with pytest.raises(DamagedFileError) as refused:
            Classifier(bundle.read(folder)).predict(["good"])
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()
    return refused.value.fact


BOMB = npy_bytes(np.zeros(25_000_000, np.float32))  # 100 MB, compressed to 100 KB


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("embedding.npy", array_claiming(MANY, np.float16, (2,)), "can't be read"),
        ("ngrams.npy", array_claiming(MANY, np.int64), "can't be read"),
        ("weights.npz", zip_archive({"a.npy": BOMB}), "would take 100,000,128 bytes"),
        (
            "weights.npz",
            zip_archive({"a.npy": BOMB}, zipfile.ZIP_BZIP2),
            "would take 100,000,128 bytes",
        ),
        (
            "weights.npz",
            zip_archive({"a.npy": npy_bytes(np.zeros(9)), "b": b"-" * 999}, zipfile.ZIP_LZMA),
            "",
        ),
        (
            "weights.npz",
            zip_archive({"a.npy": array_claiming(MANY, np.float32)}, zipfile.ZIP_STORED),
            "a.npy does not hold the (1000000000000,) numbers that it claims",
        ),
        (
            "weights.npz",
            zip_archive({"../up.npy": npy_bytes(np.zeros(9, "f4"))}, zipfile.ZIP_STORED),
            "../up",
        ),
        ("weights.npz", zip_archive({"/a.npy": b"\x80\x04."}, zipfile.ZIP_STORED), "can't be read"),
    ],
    ids=lambda value: value if isinstance(value, str) else "forged",
)
def test_a_forged_file_of_a_model_takes_no_memory(model, name, content, reason):
    before = sorted(model.parent.rglob("*"))
    forge(model, name, content)
    fact = refused_in_little_memory(model)
    assert str(model) in fact and reason in fact
    assert sorted(model.parent.rglob("*")) == before


@pytest.mark.parametrize("kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_that_lies_about_its_size_is_not_read_further(model, kind):
    content = zip_archive({"a.npy": BOMB}, kind)
    size = len(BOMB).to_bytes(4, "little")
    assert content.count(size) == 2  # before the member, and in the list at the end
    forge(model, "weights.npz", content.replace(size, (160).to_bytes(4, "little")))
    assert "weights.npz can't be read" in refused_in_little_memory(model)


def test_arrays_of_runs_may_be_compressed_up_to_a_limit(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(zip_archive({"a.npy": BOMB}))
    with pytest.raises(DamagedFileError, match=r"a\.npz can't be read: .*100,000,128 bytes"):
        npz.read_arrays(path, hint="x", max_bytes=10**8)
    assert npz.read_arrays(path, hint="x", max_bytes=10**9)["a"].shape == (25_000_000,)


def test_a_checkpoint_is_an_archive_too(tmp_path):
    with checkpoint.open_writer(tmp_path / "run") as writer:
        writer.write(1, {}, {"a": np.arange(3)})
        path = tmp_path / "run" / "epoch-0001"
        np.testing.assert_array_equal(checkpoint.read(path).arrays["a"], np.arange(3))
        (path / "arrays.npz").write_bytes(zip_archive({"a.npy": BOMB}))
        content = {"format": checkpoint.FORMAT, "files": files.checksums(path)}
        files.write_json(path / "checkpoint.json", content)
        with pytest.raises(DamagedFileError, match=r"arrays\.npz can't be read: .*bytes"):
            checkpoint.read(path)


@pytest.mark.filterwarnings("error")
def test_weights_that_lead_to_nan_are_reported_with_the_file(model):
    with np.load(model / "weights.npz", allow_pickle=False) as stored:
        weights = dict(stored)
    weights = {
        name: np.where(array > 0, 3e38, -3e38).astype("f4") for name, array in weights.items()
    }
    large = {f"{name}.npy": npy_bytes(array) for name, array in weights.items()}
    forge(model, "weights.npz", zip_archive(large, zipfile.ZIP_STORED))
    text = "a good film with a good heart"
    for words in (["predict", text], ["predict", "--why", text], ["states", text]):
        assert f"{model}: the model's answer is not a number" in run(*words)


@pytest.mark.filterwarnings("error")
def test_large_weights_that_saturate_are_no_error(model):
    with np.load(model / "weights.npz", allow_pickle=False) as stored:
        weights = dict(stored)
    weights["classifier.bias"][:] = -3e38
    large = {f"{name}.npy": npy_bytes(array) for name, array in weights.items()}
    forge(model, "weights.npz", zip_archive(large, zipfile.ZIP_STORED))
    assert Classifier(bundle.read(model)).predict(["good"]).tolist() == [0.0]


def test_a_manifest_of_gigabytes_is_not_read(model):
    with (model / "bundle.json").open("r+b") as file:
        file.truncate(1 << 34)  # a sparse file: it takes no space
    assert "larger than 256 MiB" in run("predict", "good")
    with (model / "bundle.json").open("r+b") as file:
        file.truncate(0)


# Neither a pipe nor a device ends.
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
def test_a_pipe_or_a_device_instead_of_a_file_is_refused_at_once(
    words, make, model, home, monkeypatch
):
    monkeypatch.chdir(home)
    monkeypatch.setenv("TFDS_DATA_DIR", str(home / "tfds"))
    make("x.csv")
    Path("bad").mkdir()
    make("bad/bundle.json")
    if words == ["predict", "good"]:  # all models are searched for the newest
        (home / "data" / "models" / "other").mkdir()
        make(home / "data" / "models" / "other" / "bundle.json")
    message = run(*words)
    assert message.strip().splitlines()[-1].startswith("Try: ")


def test_the_hint_for_a_pipe_makes_a_file_of_it(home):
    pipe = home / "a pipe.csv"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="is a pipe or a device, not a file") as refused:
        readers.open_binary(pipe)
    assert refused.value.hint == f"cat {shlex.quote(str(pipe))} > texts.csv, and give that file"


def test_links_to_a_model_or_a_file_of_it_are_followed(model, tmp_path):
    # A link leads only to what its user may read, and the target must have the recorded digest.
    (model / "words.txt").rename(tmp_path / "words.txt")
    (model / "words.txt").symlink_to(tmp_path / "words.txt")
    (tmp_path / "link").symlink_to(model)
    assert bundle.read(tmp_path / "link").name == "tiny"
    (model / "words.txt").unlink()
    (tmp_path / "secret.txt").write_text("secret\n")
    (model / "words.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(DamagedFileError, match=r"words\.txt is damaged"):
        bundle.read(model)


def test_an_archive_of_reviews_that_leaves_its_folder_is_refused_unread(home, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(home / "tfds"))
    (home / "deep").mkdir()
    path = home / "deep" / "mine.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in ("../outside", str(home / "absolute"), "aclImdb/train/pos/0_9.txt"):
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
    before = {path for path in home.rglob("*") if "tfds" not in path.parts}
    message = run("prepare", "--archive", path)
    assert "its checksum differs" in message and "Try: " in message
    assert {path for path in home.rglob("*") if "tfds" not in path.parts} - before <= {
        home / "data", home / "data" / "prepared",
    }  # fmt: skip
    cached = [path for path in (home / "tfds").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in cached) < 1_000_000
    assert not any(path.is_symlink() for path in home.rglob("*"))


@pytest.mark.parametrize("kind", ["csv", "jsonl", "txt"])
def test_a_row_without_end_costs_one_line_and_does_not_fill_the_memory(
    kind, home, model, monkeypatch
):
    monkeypatch.setattr(readers, "LONGEST_ROW", 1 << 20)
    monkeypatch.setattr(delimited, "MAX_SPAN", 1 << 20)
    path = home / f"a.{kind}"
    # In CSV the quotation mark is never closed: each line continues the cell.
    endless = b'good,"film\n' + b"2,heart\n" * 200_000 if kind == "csv" else b"x" * (3 << 20)
    last = {"csv": b"3,film\n", "jsonl": b'\n{"text": "film"}\n', "txt": b"\nfilm\n"}[kind]
    path.write_bytes({"csv": b"n,text\n1,good\n"}.get(kind, b"") + endless + last)
    output = path.with_name(f"out.{kind}")
    message = run("predict", "--input", path, "--output", output, "--on-error", "skip", status=0)
    wrong = "nothing closes it" if kind == "csv" else "longer than 1 MiB"
    assert f"line {3 if kind == 'csv' else 1}: " in message and wrong in message
    assert "1 bad line left out" in message and b"film" in output.read_bytes()[-100:]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("&#" + "1" * 100_000 + "; good", 1),  # int() raises on it
        (
            "e" + "\u0301\u0316" * 100_000 + " good",
            2,
        ),  # sorting takes time that grows with their number squared
        ("\uff9e\u0316" * 100_000 + " good", 1),
        ("<" * 200_000 + "good", 1),
        ("<a" * 100_000 + " good", 100_001),
        ("&" * 200_000 + " good", 1),
        ("1" * 200_000 + " good", 2),
    ],
    ids=lambda value: str(value)[:8],
)
def test_a_text_made_to_take_long_takes_less_than_a_second(text, tokens):
    started = time.process_time()
    result = tokenize(text)
    assert time.process_time() - started < 1
    assert len(result) == tokens and result[-1] == "good"


def test_few_marks_on_a_letter_are_dropped_as_usual():
    assert tokenize("caf\u00e9 cafe\u0301 cafe" + "\u0301" * 40 + " \uff76\uff9e") == [
        "cafe", "cafe", "cafe", "\u30ac",
    ]  # fmt: skip
