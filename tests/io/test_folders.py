"""Folders that are whole or absent."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from textsim.errors import ArtifactError
from textsim.io import folders
from textsim.io.atomic import atomic_file
from textsim.io.exchange import exchange
from textsim.io.folders import atomic_folder, check_replaceable
from textsim.io.manifest import read_manifest, verify_files, write_manifest


class Stop(Exception):
    pass


def write_set(folder, content):
    """What a folder of the format "set" holds."""
    (folder / "m").write_text(content)
    write_manifest(folder, "set", 1)


def test_atomic_folder_appears_at_the_end_only(tmp_path):
    path = tmp_path / "deep" / "set"
    with atomic_folder(path, format="set") as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "x").write_text("1")
        assert not path.exists()
    assert (path / "sub" / "x").read_text() == "1"
    assert os.listdir(path.parent) == ["set"]


def test_atomic_folder_leaves_nothing_after_a_failure(tmp_path):
    with pytest.raises(Stop), atomic_folder(tmp_path / "set", format="set") as folder:
        (folder / "x").write_text("1")
        raise Stop
    assert os.listdir(tmp_path) == []


def test_atomic_folder_replaces_only_its_own_kind(tmp_path):
    path = tmp_path / "set"
    with atomic_folder(path, format="set") as folder:
        write_set(folder, "1")
    with (
        pytest.raises(
            ArtifactError, match=re.escape(f"{path}/ exists. Choose another path, or pass overwrite=True")
        ),
        atomic_folder(path, format="set"),
    ):
        raise AssertionError("the block must not run")
    with atomic_folder(path, format="set", overwrite=True) as folder:
        write_set(folder, "2")
    assert (path / "m").read_text() == "2"
    assert os.listdir(tmp_path) == ["set"]

    def refused(message, format="set"):
        with (
            pytest.raises(ArtifactError, match=message),
            atomic_folder(path, format=format, overwrite=True),
        ):
            raise AssertionError("the block must not run")

    refused(r"no manifest\.json of a bag, so it is not replaced\. Found: m, manifest\.json", format="bag")
    (path / "letters.txt").write_text("x")
    refused(r"set/ holds what is not of the set, so it is not replaced: letters\.txt\. Move that")
    (path / "manifest.json").unlink()
    refused(r"no manifest\.json of a set, so it is not replaced\. Found: letters\.txt, m\.")
    assert (path / "letters.txt").exists()


def test_atomic_folder_fills_an_empty_folder_and_refuses_a_file(tmp_path):
    (tmp_path / "empty").mkdir()
    with atomic_folder(tmp_path / "empty", format="set") as folder:
        (folder / "m").write_text("1")
    assert (tmp_path / "empty" / "m").exists()
    (tmp_path / "file").write_text("x")
    folder = atomic_folder(tmp_path / "file", format="set", overwrite=True)
    with pytest.raises(ArtifactError, match="is a file"), folder:
        raise AssertionError("the block must not run")


def test_what_appeared_during_the_work_is_spared_and_so_is_the_work(tmp_path):
    def made(path, **options):
        with atomic_folder(path, format="set", **options) as folder:
            write_set(folder, "new")
            path.mkdir(exist_ok=True)
            (path / "thesis.txt").write_text("mine")

    write_set_in = tmp_path / "old"
    write_set_in.mkdir()
    write_set(write_set_in, "old")
    for path, options in ((tmp_path / "set", {}), (write_set_in, {"overwrite": True})):
        with pytest.raises(ArtifactError, match=r"What was made is whole and lies in ") as error:
            made(path, **options)
        assert (path / "thesis.txt").read_text() == "mine"
        (kept,) = tmp_path.glob(f"{path.name}.made-*")
        assert (kept / "m").read_text() == "new" and str(kept) in str(error.value)
    assert (write_set_in / "m").read_text() == "old"


def test_work_that_was_checked_for_is_kept_where_it_may_not_go(tmp_path):
    path = tmp_path / "set"
    check_replaceable(path, overwrite=False, format="set")
    path.mkdir()
    write_set(path, "of another run")
    with (
        pytest.raises(ArtifactError, match=r"set/ exists.*What was made is whole and lies in "),
        atomic_folder(path, format="set", checked=True) as folder,
    ):
        write_set(folder, "new")
    (kept,) = tmp_path.glob("set.made-*")
    assert (kept / "m").read_text() == "new" and (path / "m").read_text() == "of another run"


def test_a_link_in_a_folder_is_not_of_it(tmp_path):
    path = tmp_path / "set"
    with atomic_folder(path, format="set") as folder:
        write_set(folder, "1")
    (path / "link").symlink_to(tmp_path)
    with pytest.raises(ArtifactError, match="so it is not replaced: link"):
        check_replaceable(path, overwrite=True, format="set")


def test_a_place_where_nothing_can_be_made_is_told_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ArtifactError, match=r"file/a\.tsv: a file cannot be made there: Not a directory"),
        atomic_file(tmp_path / "file" / "a.tsv"),
    ):
        pytest.fail("the block ran")
    for path in (tmp_path / "file" / "set", tmp_path / "file" / "deep" / "set"):
        with pytest.raises(ArtifactError, match=r"set: a folder cannot be made there: .*Choose another path"):
            check_replaceable(path, overwrite=True, format="set")
    assert os.listdir(tmp_path) == ["file"]


def test_a_folder_that_cannot_take_its_place_is_kept(tmp_path, monkeypatch):
    (tmp_path / "set").mkdir()
    write_set(tmp_path / "set", "old")
    rename = os.rename

    def busy(source, target):
        if Path(target).name == "set" and ".partial-" in os.fspath(source):
            raise OSError(16, "Device or resource busy")
        rename(source, target)

    monkeypatch.setattr(folders, "exchange", lambda *_: False)
    monkeypatch.setattr(os, "rename", busy)
    with (
        pytest.raises(
            ArtifactError, match=r"set/ cannot be put in place: Device or resource busy\. "
        ) as error,
        atomic_folder(tmp_path / "set", overwrite=True, format="set") as folder,
    ):
        (folder / "m").write_text("new")
    assert (tmp_path / "set" / "m").read_text() == "old"
    (kept,) = (path for path in tmp_path.iterdir() if path.name != "set")
    assert (kept / "m").read_text() == "new" and f"lies in {kept}/." in str(error.value)


def test_folders_by_other_names(tmp_path, monkeypatch):
    (tmp_path / "set").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "set")
    monkeypatch.chdir(tmp_path / "set")
    for name in (".", tmp_path / "link"):
        with atomic_folder(name, overwrite=True, format="set") as folder:
            write_set(folder, str(name))
        assert (tmp_path / "set" / "m").read_text() == str(name)
    assert sorted(os.listdir(tmp_path)) == ["link", "set"] and (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_kill_at_any_step_of_a_replacement_leaves_the_old_or_the_new(tmp_path, can_exchange):
    """Each call that changes the disk is in turn the last: then the next run finds one of the two, whole."""
    code = """
import os, signal, sys
from pathlib import Path
from textsim.io import folders
from textsim.io.manifest import write_manifest
path, last, can_exchange = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "True"
if not can_exchange:
    folders.exchange = lambda *_: False
steps = 0
def hook(event, _):
    global steps
    if armed and event in {"os.rename", "os.remove", "os.rmdir", "os.listdir", "os.scandir"}:
        steps += 1
        if steps == last:
            os.kill(os.getpid(), signal.SIGKILL)
armed = False
sys.addaudithook(hook)
with folders.atomic_folder(path, format="set", overwrite=True) as folder:
    (folder / "m").write_text("new")
    write_manifest(folder, "set", 1)
    armed = True
armed = False
"""
    last = 0
    while True:
        last += 1
        path = tmp_path / str(last) / "set"
        path.mkdir(parents=True)
        write_set(path, "old")
        done = subprocess.run([sys.executable, "-c", code, path, str(last), str(can_exchange)], check=False)
        check_replaceable(path, overwrite=True, format="set")
        assert (path / "m").read_text() in ("old", "new")
        verify_files(path, read_manifest(path, "set")["files"])
        with atomic_folder(path, format="set", overwrite=True) as folder:
            write_set(folder, "next")
        assert (path / "m").read_text() == "next" and os.listdir(path.parent) == ["set"]
        if done.returncode == 0:
            break
    assert last > 4


def test_two_folders_change_places_in_one_step(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text("")
    if not exchange(tmp_path / "a", tmp_path / "b"):
        pytest.skip("the file system cannot")
    assert os.listdir(tmp_path / "a") == ["b"] and os.listdir(tmp_path / "b") == ["a"]
    with pytest.raises(OSError, match="No such file"):
        exchange(tmp_path / "a", tmp_path / "none")
