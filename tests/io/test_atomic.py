"""Files that are whole or absent."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from textsim.errors import ArtifactError
from textsim.io.atomic import atomic_file
from textsim.io.paths import is_stream
from textsim.io.siblings import is_partial


class Stop(Exception):
    pass


def test_atomic_file_appears_at_the_end_only(tmp_path):
    path = tmp_path / "文件.txt"
    with atomic_file(path) as file:
        file.write("一\n")
        assert not path.exists()
    assert path.read_bytes() == "一\n".encode()
    assert os.listdir(tmp_path) == ["文件.txt"]


def test_atomic_file_keeps_the_old_one_after_a_failure(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(Stop), atomic_file(path, "wb") as file:
        file.write(b"new")
        raise Stop
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_atomic_file_takes_no_folders_place(tmp_path):
    with pytest.raises(ArtifactError, match="a folder has that name"), atomic_file(tmp_path):
        pytest.fail("said too late")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_plain_file_is_written_to(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    read = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text()))
    reader.start()
    with atomic_file(tmp_path / "pipe") as file:
        file.write("through")
    reader.join(10)
    assert read == ["through"]
    (tmp_path / "nowhere").symlink_to(os.devnull)
    with atomic_file(tmp_path / "nowhere", "wb") as file:
        file.write(b"gone")
    assert (tmp_path / "nowhere").is_symlink() and is_stream(tmp_path / "nowhere") and is_stream("-")
    assert sorted(os.listdir(tmp_path)) == ["nowhere", "pipe"]


def test_atomic_file_follows_a_link_and_keeps_permissions(tmp_path):
    (tmp_path / "deep").mkdir()
    real, link = tmp_path / "deep" / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    real.chmod(0o600)
    link.symlink_to(real)
    with atomic_file(link) as file:
        file.write("new")
    assert link.is_symlink() and real.read_text() == "new" and real.stat().st_mode & 0o777 == 0o600
    assert not is_stream(link) and not is_stream(tmp_path) and not is_stream(tmp_path / "none")


def test_a_stream_is_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArtifactError, match="expected the path of a file"), atomic_file("-"):
        pytest.fail("the block ran")
    assert not list(tmp_path.iterdir())


def leave_behind(path: Path, kind: str) -> None:
    """Kills a process that writes a file or a folder of that name."""
    code = (
        "import os, signal, sys\n"
        "from textsim.io.atomic import atomic_file\n"
        "from textsim.io.folders import atomic_folder\n"
        "made = atomic_file(sys.argv[1]) if sys.argv[2] == 'file' else atomic_folder(sys.argv[1], format='set')\n"
        "made.__enter__()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, path, kind], check=False)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_killed_process_left_behind_is_removed_and_said(tmp_path, caplog, kind):
    path = tmp_path / "数据[1]"
    leave_behind(path, kind)
    (left,) = tmp_path.iterdir()
    assert is_partial(left) and left.is_dir() == (kind == "folder")
    # Of another name, which another run may go on with.
    (tmp_path / "b.partial-0123abcd").write_text("")
    with atomic_file(path) as file:
        file.write("new")
        assert not left.exists()
    (message,) = caplog.messages
    assert message == f"{left}, which an interrupted run left behind, was removed"
    assert sorted(os.listdir(tmp_path)) == ["b.partial-0123abcd", "数据[1]"]


def test_what_others_are_writing_is_left_alone(tmp_path, caplog):
    with atomic_file(tmp_path / "a") as first:
        first.write("1")
        with atomic_file(tmp_path / "a") as second:
            second.write("2")
        assert (tmp_path / "a").read_text() == "2"
    assert (tmp_path / "a").read_text() == "1" and not caplog.messages


def test_a_full_disk_is_that_of_the_output(tmp_path):
    source = tmp_path / "source"
    source.write_text("x")
    for error in (
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.ENOSPC, "No space left on device", "PARTIAL"),
        OSError(errno.ENOSPC, "No space left on device", str(source), None, "PARTIAL"),
    ):
        with pytest.raises(OSError) as raised, atomic_file(tmp_path / "out") as file:
            for name in ("filename", "filename2"):
                if getattr(error, name) == "PARTIAL":
                    setattr(error, name, file.name)
            raise error
        assert raised.value.filename == str(tmp_path / "out") and raised.value.filename2 is None
    elsewhere = OSError(errno.ENOSPC, "No space left on device", "/var/cache/x")
    with pytest.raises(OSError) as raised, atomic_file(tmp_path / "out"):
        raise elsewhere
    assert raised.value.filename == "/var/cache/x"
