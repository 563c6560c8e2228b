import errno
import hashlib
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from sentiment.errors import DamagedFileError, InputError
from sentiment.utils import files, npz


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self._path = path

    def __reduce__(self):
        return Path.touch, (self._path,)


def array(shape, numbers, major=1):
    """Return an .npy file of float32 whose header claims `shape`, in format 1.0 or 2.0."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    length = len(header).to_bytes(2 if major == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([major, 0]) + length + header + numbers


def assert_damaged(read, fact):
    """Assert that `read` raises DamagedFileError with a fact that begins with `fact`."""
    with pytest.raises(DamagedFileError) as caught:
        read()
    assert caught.value.fact.startswith(fact)
    assert caught.value.hint == "do this"


def test_a_failed_atomic_dir_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), files.atomic_dir(tmp_path / "b" / "a" / "set") as temporary:
        (temporary / "part").write_text("half")
        raise RuntimeError
    assert not list((tmp_path / "b" / "a").iterdir())


def test_atomic_dir_names_the_folder_when_it_is_complete(tmp_path):
    target = tmp_path / "set"
    with files.atomic_dir(target) as temporary:
        (temporary / "part").write_text("new")
        assert not target.exists()
        assert temporary.parent == tmp_path and temporary.name.startswith(".set.")
    assert (target / "part").read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o755
    with files.atomic_dir(target) as temporary:
        (temporary / "other").write_text("newer")
    assert [path.name for path in target.iterdir()] == ["other"]
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_folder_below_a_file_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    for atomic in (files.atomic_dir, files.atomic_file):
        with pytest.raises(InputError) as caught, atomic(tmp_path / "file" / "set"):
            pass
        assert caught.value.fact in (
            f"can't write in {tmp_path}/file: Not a directory",
            f"can't write in {tmp_path}/file: File exists",
        )


@pytest.mark.parametrize("damage", [b"", b"contenT", b"conten", b"content!", None])
def test_verify_file_detects_damage(tmp_path, damage):
    path = tmp_path / "part"
    path.write_bytes(b"content")
    expected = files.checksums(tmp_path)["part"]
    files.verify_file(path, expected, hint="do this")
    assert expected == {"bytes": 7, "sha256": hashlib.sha256(b"content").hexdigest()}
    path.unlink() if damage is None else path.write_bytes(damage)
    assert_damaged(
        lambda: files.verify_file(path, expected, hint="do this"),
        f"{path} is missing"
        if damage is None
        else f"{path} is damaged: its digest is not the one recorded",
    )


def test_write_json_is_atomic(tmp_path):
    path = tmp_path / "record.json"
    files.write_json(path, {"a": "é"})
    with pytest.raises(TypeError):
        files.write_json(path, {"a": object()})
    assert files.read_json(path, hint="") == {"a": "é"}
    assert path.read_bytes() == '{\n  "a": "é"\n}\n'.encode()
    assert path.stat().st_mode & 0o777 == 0o644
    assert [found.name for found in tmp_path.iterdir()] == ["record.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00"])
def test_read_json_raises_unless_there_is_an_object(tmp_path, text):
    (tmp_path / "record.json").write_text(text)
    message = "holds no JSON object" if text == "[]" else "can't be read: "
    assert_damaged(
        lambda: files.read_json(tmp_path / "record.json", hint="do this"),
        f"{tmp_path / 'record.json'} {message}",
    )


def test_an_array_that_would_run_code_is_not_read(tmp_path):
    np.save(tmp_path / "evil.npy", np.array([{}], object), allow_pickle=True)
    (tmp_path / "worse.npy").write_bytes(pickle.dumps(Trap(tmp_path / "executed")))
    for name in ("evil.npy", "worse.npy"):
        assert_damaged(
            lambda path=tmp_path / name: npz.read_array(path, hint="do this"),
            f"{tmp_path / name} can't be read: ",
        )
    assert not (tmp_path / "executed").exists()


def test_read_text_has_a_size_limit_and_reads_regular_files_only(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_MAX_TEXT_BYTES", 2 << 20)
    path = tmp_path / "text"
    path.write_bytes(b"a" * (2 << 20))
    assert len(files.read_text(path)) == 2 << 20
    path.write_bytes(b"a" * ((2 << 20) + 1))
    with pytest.raises(ValueError, match=r"^it is larger than 2 MiB$"):
        files.read_text(path)
    with pytest.raises(ValueError, match=r"^it is not a regular file$"):
        files.read_text(Path(os.devnull))
    with pytest.raises(FileNotFoundError):
        files.read_text(tmp_path / "none")


def test_read_arrays_has_a_size_limit(tmp_path):
    numbers = np.arange(100, dtype=np.float32)
    size = 128 + 400  # NumPy's header and the numbers
    np.savez(tmp_path / "plain.npz", numbers=numbers)
    np.savez_compressed(tmp_path / "small.npz", numbers=numbers)
    assert (tmp_path / "small.npz").stat().st_size < size < (tmp_path / "plain.npz").stat().st_size
    for name, max_bytes in (("plain", None), ("plain", size), ("small", size)):
        read = npz.read_arrays(tmp_path / f"{name}.npz", hint="do this", max_bytes=max_bytes)
        np.testing.assert_array_equal(read["numbers"], numbers)
    for name, max_bytes in (("plain", size - 1), ("small", size - 1), ("small", None)):
        path = tmp_path / f"{name}.npz"
        assert_damaged(
            lambda path=path, max_bytes=max_bytes: npz.read_arrays(
                path, hint="do this", max_bytes=max_bytes
            ),
            f"{path} can't be read: its arrays would take {size} bytes",
        )


@pytest.mark.parametrize(
    ("name", "compression", "content", "fact"),
    [
        ("bzip", zipfile.ZIP_BZIP2, array((3,), b"\0" * 12), "has a compression that NumPy never"),
        ("form", zipfile.ZIP_STORED, array((3,), b"\0" * 12, 2), "is not an array of format 1.0"),
        ("more", zipfile.ZIP_STORED, array((3,), b"\0" * 11), "does not hold the (3,) numbers"),
        ("less", zipfile.ZIP_STORED, array((3,), b"\0" * 13), "does not hold the (3,) numbers"),
    ],
)
def test_an_unsupported_array_is_named(tmp_path, name, compression, content, fact):
    path = tmp_path / "arrays.npz"
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr(f"{name}.npy", content)
    assert_damaged(
        lambda: npz.read_arrays(path, hint="do this", max_bytes=1 << 20),
        f"{path} can't be read: {name}.npy {fact}",
    )


def test_verify_checksum_detects_changed_content(tmp_path):
    # JSON with sorted keys, in ASCII, with the spaces that Python writes.
    digest = hashlib.sha256(b'{"a": "\\u00e9", "b": [1, 2]}').hexdigest()
    content = {"b": [1, 2], "a": "é"}
    assert files.add_checksum(content) == {**content, "digest": digest}
    assert files.add_checksum({**content, "digest": "old"}) == {**content, "digest": digest}
    files.verify_checksum(tmp_path, {"a": "é", "b": [1, 2], "digest": digest}, hint="do this")
    files.verify_checksum(tmp_path, content, hint="do this")  # written by an early version
    assert_damaged(
        lambda: files.verify_checksum(
            tmp_path, {**content, "a": "e", "digest": digest}, hint="do this"
        ),
        f"{tmp_path} is damaged: its digest is not the one recorded",
    )


def test_atomic_file_names_the_file_when_it_is_complete(tmp_path):
    target = tmp_path / "part"
    target.write_text("old")
    with pytest.raises(RuntimeError), files.atomic_file(target) as temporary:
        temporary.write_text("half")
        assert temporary.parent == tmp_path and temporary.name.startswith(".part.")
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["part"] and target.read_text() == "old"
    with files.atomic_file(target) as temporary:
        temporary.write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["part"] and target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o644


def test_content_is_synced_to_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    synced = []

    def sync(handle):
        synced.append((os.fstat(handle).st_ino, (tmp_path / "set").exists()))

    monkeypatch.setattr(os, "fsync", sync)
    with files.atomic_dir(tmp_path / "set") as temporary:
        (temporary / "part").write_text("new")
    # The file, then its folder, and after renaming the parent folder.
    paths = (tmp_path / "set" / "part", tmp_path / "set", tmp_path)
    numbers = [path.stat().st_ino for path in paths]
    assert synced == list(zip(numbers, (False, False, True), strict=True))
    del synced[:]
    with files.atomic_file(tmp_path / "file") as temporary:
        temporary.write_text("new")
        assert not synced
    assert [number for number, _ in synced] == [(tmp_path / "file").stat().st_ino]


def next_descriptor():
    """Return the lowest file descriptor that is free."""
    with Path(os.devnull).open() as file:
        return file.fileno()


def test_file_descriptors_are_closed(tmp_path):
    before = next_descriptor()
    with files.atomic_dir(tmp_path / "set") as temporary:
        (temporary / "part").write_text("new")
    files.write_json(tmp_path / "record.json", {})
    assert next_descriptor() == before


@pytest.mark.parametrize(
    ("error", "reason", "hint"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device", "df -h "),
        (OSError(errno.EFBIG, "File too large"), "File too large", "df -h "),
        (OSError("8 requested and 0 written"), "disk full", "df -h "),
        (OSError(errno.EACCES, "Permission denied"), "Permission denied", "ls -ld "),
    ],
)
def test_a_write_error_names_the_outermost_folder_and_the_reason(tmp_path, error, reason, hint):
    folder = tmp_path / "a b"
    with (
        pytest.raises(InputError) as caught,
        files.write_errors(folder),
        files.write_errors(tmp_path / "x"),
    ):
        raise error
    assert caught.value.fact == f"can't write in {folder}: {reason}"
    assert caught.value.hint == f"{hint}'{folder}'"


def test_atomic_file_does_not_replace_a_folder(tmp_path):
    with pytest.raises(InputError) as caught, files.atomic_file(tmp_path):
        pass
    assert caught.value.fact == f"{tmp_path} is a folder"
    assert caught.value.hint == "name a file in that folder"


def test_a_failed_rename_keeps_the_old_folder(tmp_path, monkeypatch):
    target, original_replace = tmp_path / "model", Path.replace
    with files.atomic_dir(target) as folder:
        (folder / "a").write_text("before")

    def replace(path, to):
        if path.name != "model" and Path(to) == target and (path / "a").read_text() == "after":
            raise OSError(errno.EIO, "Input/output error")
        return original_replace(path, to)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises((OSError, InputError)), files.atomic_dir(target, replace=True) as folder:
        (folder / "a").write_text("after")
    assert (target / "a").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
