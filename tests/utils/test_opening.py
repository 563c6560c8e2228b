"""Files whose names others can guess are opened without following what they planted."""

import errno
import os

import pytest

from sentiment.errors import InputError
from sentiment.utils import files, opening


def test_a_link_that_appears_after_the_check_is_not_followed(tmp_path, monkeypatch):
    victim, path = tmp_path / "victim", tmp_path / ".lock"
    victim.write_text("precious")
    path.symlink_to(victim)
    monkeypatch.setattr(opening, "check_absent_or_file", lambda path: None)
    with pytest.raises(OSError) as raised:
        opening.open_or_create(path)
    assert raised.value.errno == errno.ELOOP and victim.read_text() == "precious"


def test_a_pipe_that_appears_after_the_check_is_refused(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / ".lock")
    monkeypatch.setattr(opening, "check_absent_or_file", lambda path: None)
    with pytest.raises(InputError, match="is a pipe"):
        opening.open_or_create(tmp_path / ".lock")


def test_a_new_file_is_never_one_that_somebody_has_just_created(tmp_path, monkeypatch):
    path = tmp_path / ".part"
    monkeypatch.setattr(opening, "check_absent_or_file", lambda path: None)
    monkeypatch.setattr(type(path), "unlink", lambda *_, **__: None)
    path.write_text("planted")
    with pytest.raises(FileExistsError):
        opening.create(path, 0o666)


def test_a_file_of_another_user_is_not_continued(tmp_path, monkeypatch):
    path = tmp_path / ".part"
    path.write_text("half")
    os.close(opening.open_own(path))
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(InputError, match="belongs to another user"):
        opening.open_own(path)


def test_a_private_file_is_private_while_it_is_replaced(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o600)
    with files.atomic_file(path) as temporary:
        assert temporary.stat().st_mode & 0o777 == 0o600
        path.chmod(0o600)
    folder = tmp_path / "folder"
    folder.mkdir(0o700)
    with files.atomic_dir(folder) as temporary:
        assert temporary.stat().st_mode & 0o777 == 0o700
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_text_that_is_no_unicode_is_json_and_reads_as_it_was(tmp_path):
    files.write_json(tmp_path / "record.json", {"file": "a\udcff.csv"})
    assert files.read_json(tmp_path / "record.json", hint="") == {"file": "a\udcff.csv"}
