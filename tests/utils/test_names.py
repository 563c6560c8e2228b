import pytest

from sentiment.errors import InputError
from sentiment.utils import names

PLAIN = ["a", "default-birnn16-seed1", "m-1.2", "film é", "100%", "x" * 200]
OTHER = [
    "", ".", "..", ".hidden", "-rf", "a/b", "/etc", "..\\x", "a\0b", "a\nb", "a\x1b[2J", "é" * 101,
    "\ud800", "\u202e", None, 7, ["a"],
]  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_name_is_a_path_in_the_folder(tmp_path, name):
    assert names.is_plain_name(name)
    path = names.path_inside(tmp_path, name, "a run name")
    path.mkdir()
    assert path.resolve().parent == tmp_path.resolve() and path.name == name


@pytest.mark.parametrize("name", OTHER)
def test_any_other_name_is_refused(tmp_path, name):
    assert not names.is_plain_name(name)
    with pytest.raises(InputError, match="a run name is a plain file name") as caught:
        names.path_inside(tmp_path, name, "a run name", hint="sentiment runs")
    assert caught.value.hint == "sentiment runs" and caught.value.fact.isprintable()


def test_a_long_name_is_not_repeated(tmp_path):
    with pytest.raises(InputError, match=r"got 5,000 characters$"):
        names.check_name("x" * 5000, "a run name")


@pytest.mark.parametrize("target", ["elsewhere", "inside/other", "missing"])
def test_a_link_is_refused(tmp_path, target):
    folder = tmp_path / "inside"
    folder.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (folder / "name").symlink_to(tmp_path / target)
    with pytest.raises(InputError, match="is a link"):
        names.path_inside(folder, "name", "a model id")
