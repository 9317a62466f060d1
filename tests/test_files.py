"""Files and folders that are whole or absent."""

from __future__ import annotations

import hashlib
import os
import re

import pytest

from textsim.errors import ArtifactError
from textsim.files import (
    atomic_file,
    atomic_folder,
    check_replaceable,
    file_entry,
    read_json,
    sha256_file,
    verify_files,
    write_json,
)


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


def test_atomic_folder_appears_at_the_end_only(tmp_path):
    path = tmp_path / "deep" / "set"
    with atomic_folder(path, marker="manifest.json") as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "x").write_text("1")
        assert not path.exists()
    assert (path / "sub" / "x").read_text() == "1"
    assert os.listdir(path.parent) == ["set"]


def test_atomic_folder_leaves_nothing_after_a_failure(tmp_path):
    with pytest.raises(Stop), atomic_folder(tmp_path / "set", marker="m") as folder:
        (folder / "x").write_text("1")
        raise Stop
    assert os.listdir(tmp_path) == []


def test_atomic_folder_replaces_only_its_own_kind(tmp_path):
    path = tmp_path / "set"
    with atomic_folder(path, marker="m") as folder:
        (folder / "m").write_text("1")
    with (
        pytest.raises(
            ArtifactError, match=re.escape(f"{path}/ exists. Choose another path, or pass --overwrite")
        ),
        atomic_folder(path, marker="m"),
    ):
        raise AssertionError("the block must not run")
    with atomic_folder(path, marker="m", overwrite=True) as folder:
        (folder / "m").write_text("2")
    assert (path / "m").read_text() == "2"
    assert os.listdir(tmp_path) == ["set"]

    (path / "m").rename(path / "letters.txt")
    message = r"holds no m, so it is not replaced\. Found: letters\.txt"
    with pytest.raises(ArtifactError, match=message), atomic_folder(path, marker="m", overwrite=True):
        raise AssertionError("the block must not run")
    assert (path / "letters.txt").exists()


def test_atomic_folder_fills_an_empty_folder_and_refuses_a_file(tmp_path):
    (tmp_path / "empty").mkdir()
    with atomic_folder(tmp_path / "empty", marker="m") as folder:
        (folder / "m").write_text("1")
    assert (tmp_path / "empty" / "m").exists()
    (tmp_path / "file").write_text("x")
    folder = atomic_folder(tmp_path / "file", marker="m", overwrite=True)
    with pytest.raises(ArtifactError, match="is a file"), folder:
        raise AssertionError("the block must not run")


def test_a_place_where_nothing_can_be_made_is_told_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ArtifactError, match=r"file/a\.tsv: a file cannot be made there: Not a directory"),
        atomic_file(tmp_path / "file" / "a.tsv"),
    ):
        pytest.fail("the block ran")
    for path in (tmp_path / "file" / "set", tmp_path / "file" / "deep" / "set"):
        with pytest.raises(ArtifactError, match=r"set: a folder cannot be made there: .*Choose another path"):
            check_replaceable(path, overwrite=True, marker="m")
    assert os.listdir(tmp_path) == ["file"]


def test_a_folder_that_cannot_take_its_place_is_kept(tmp_path, monkeypatch):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "m").write_text("old")
    rename = os.rename

    def busy(source, target):
        if ".partial-" in os.fspath(source):
            raise OSError(16, "Device or resource busy")
        rename(source, target)

    monkeypatch.setattr(os, "rename", busy)
    with (
        pytest.raises(
            ArtifactError, match=r"set/ cannot be put in place: Device or resource busy\. "
        ) as error,
        atomic_folder(tmp_path / "set", overwrite=True, marker="m") as folder,
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
        with atomic_folder(name, overwrite=True, marker="m") as folder:
            (folder / "m").write_text(str(name))
        assert (tmp_path / "set" / "m").read_text() == str(name)
    assert sorted(os.listdir(tmp_path)) == ["link", "set"] and (tmp_path / "link").is_symlink()


def test_json_round_trip_and_its_errors(tmp_path):
    value = {"词": [1, 2.5, None, True], "b": {"c": "d"}}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value
    assert "词" in (tmp_path / "a.json").read_text(encoding="utf-8")
    with pytest.raises(ValueError):
        write_json(tmp_path / "nan.json", float("nan"))
    assert not (tmp_path / "nan.json").exists()
    with pytest.raises(ArtifactError, match=r"none\.json is missing"):
        read_json(tmp_path / "none.json")
    (tmp_path / "cut.json").write_text('{"a": ')
    with pytest.raises(ArtifactError, match=r"cut\.json is not valid JSON"):
        read_json(tmp_path / "cut.json")


def test_verify_files_names_the_file_at_fault(tmp_path):
    (tmp_path / "a").write_bytes(b"abc" * 500_000)
    assert sha256_file(tmp_path / "a") == hashlib.sha256(b"abc" * 500_000).hexdigest()
    entries = {"a": file_entry(tmp_path / "a")}
    verify_files(tmp_path, entries)

    (tmp_path / "a").write_bytes(b"abd" * 500_000)
    verify_files(tmp_path, entries, hashes=False)
    with pytest.raises(ArtifactError, match="a was altered"):
        verify_files(tmp_path, entries)
    (tmp_path / "a").write_bytes(b"abc")
    with pytest.raises(ArtifactError, match=r"holds 3 bytes\. Expected 1500000"):
        verify_files(tmp_path, entries)
    (tmp_path / "a").rename(tmp_path / "b")
    with pytest.raises(ArtifactError, match=r"lacks a, which its manifest names\. Found: b\."):
        verify_files(tmp_path, entries)
