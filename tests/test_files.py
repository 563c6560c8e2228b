import numpy as np
import pytest

from sentiment import files
from sentiment.errors import DamagedFileError, InputError


def test_a_folder_that_was_not_filled_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), files.whole_folder(tmp_path / "a" / "set") as aside:
        (aside / "part").write_text("half")
        raise RuntimeError
    assert not list((tmp_path / "a").iterdir())


def test_a_folder_has_its_name_only_once_it_is_filled(tmp_path):
    target = tmp_path / "set"
    with files.whole_folder(target) as aside:
        (aside / "part").write_text("new")
        assert not target.exists()
    assert (target / "part").read_text() == "new"
    with files.whole_folder(target) as aside:
        (aside / "other").write_text("newer")
    assert [path.name for path in target.iterdir()] == ["other"]
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_folder_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(InputError, match="can't write in"),
        files.whole_folder(tmp_path / "file/set"),
    ):
        pass


@pytest.mark.parametrize("damage", [b"", b"contenT", b"conten", b"content!", None])
def test_damage_is_noticed(tmp_path, damage):
    path = tmp_path / "part"
    path.write_bytes(b"content")
    recorded = files.record(tmp_path)["part"]
    files.check(path, recorded, remedy="again")
    path.unlink() if damage is None else path.write_bytes(damage)
    with pytest.raises(DamagedFileError) as caught:
        files.check(path, recorded, remedy="again")
    assert str(path) in caught.value.fact and caught.value.remedy == "again"


def test_json_is_replaced_whole(tmp_path):
    path = tmp_path / "record.json"
    files.write_json(path, {"a": "é"})
    with pytest.raises(TypeError):
        files.write_json(path, {"a": object()})
    assert files.read_json(path, remedy="") == {"a": "é"}


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00"])
def test_what_is_no_json_object_is_refused(tmp_path, text):
    (tmp_path / "record.json").write_text(text)
    with pytest.raises(DamagedFileError, match=r"record\.json"):
        files.read_json(tmp_path / "record.json", remedy="")


def test_an_array_that_would_run_code_is_refused(tmp_path):
    np.save(tmp_path / "evil.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(DamagedFileError, match=r"evil\.npy can't be read"):
        files.read_array(tmp_path / "evil.npy", remedy="")
