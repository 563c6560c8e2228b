"""What another user has put into the working directory, or into a shared folder, does no harm."""

import sys

import pytest
import typer

from sentiment.cli import _workers
from sentiment.tracking import server
from sentiment.tracking.offline.queue import OfflineQueue
from sentiment.tracking.offline.uploader import Uploader

MODULES = ("sentiment", "mlflow", "uvicorn", "numpy", "typer", "json", "socket")


@pytest.fixture
def trap(tmp_path, monkeypatch):
    """Work in a folder with modules that leave a mark when they are imported; return the mark."""
    mark = tmp_path / "imported"
    for name in MODULES:
        (tmp_path / f"{name}.py").write_text(f"open({str(mark)!r}, 'w').close()\n")
    monkeypatch.chdir(tmp_path)
    return mark


def start_workers(paths, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["sentiment", "formats"])
    with pytest.raises(typer.Exit) as ended:
        _workers.run(2, None)
    assert ended.value.exit_code == 0


def start_server(paths, monkeypatch):
    assert server._start(["--version"]).wait(30) == 0


def start_uploader(paths, monkeypatch):
    queue = OfflineQueue.create(paths, uri="http://127.0.0.1:9", name="a run")
    queue.update_header(ended=True)  # so that there is nothing to wait for
    uploader = Uploader(paths, queue)
    uploader.start()
    assert uploader._process.wait(30) == 0


@pytest.mark.parametrize("begin", [start_workers, start_server, start_uploader])
def test_a_process_imports_no_module_of_the_working_directory(trap, paths, monkeypatch, begin):
    begin(paths, monkeypatch)
    assert not trap.exists()
