"""Files and folders that are whole or absent."""

from __future__ import annotations

import hashlib
import os
import re
import threading

import pytest

from textsim.errors import ArtifactError, InputError
from textsim.io.atomic import (
    as_text,
    atomic_file,
    atomic_folder,
    check_replaceable,
    check_target,
    file_entry,
    is_stream,
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


def write_set(folder, content):
    """What a folder of the format "set" holds."""
    (folder / "m").write_text(content)
    write_json(folder / "manifest.json", {"format": "set", "files": {"m": {}}})


def test_atomic_folder_replaces_only_its_own_kind(tmp_path):
    path = tmp_path / "set"
    with atomic_folder(path, format="set") as folder:
        write_set(folder, "1")
    with (
        pytest.raises(
            ArtifactError, match=re.escape(f"{path}/ exists. Choose another path, or pass --overwrite")
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
        (kept,) = tmp_path.glob(f"{path.name}.partial-*")
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
    (kept,) = tmp_path.glob("set.partial-*")
    assert (kept / "m").read_text() == "new" and (path / "m").read_text() == "of another run"


def test_a_link_in_a_folder_is_not_of_it(tmp_path):
    path = tmp_path / "set"
    with atomic_folder(path, format="set") as folder:
        write_set(folder, "1")
    (path / "link").symlink_to(tmp_path)
    with pytest.raises(ArtifactError, match="so it is not replaced: link"):
        check_replaceable(path, overwrite=True, format="set")


def test_a_stream_is_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArtifactError, match="expected the path of a file"), atomic_file("-"):
        pytest.fail("the block ran")
    assert not list(tmp_path.iterdir())


def test_nothing_takes_the_place_of_what_is_read(tmp_path):
    source = tmp_path / "set" / "a.tsv"
    source.parent.mkdir()
    source.write_text("x")
    (tmp_path / "hard.tsv").hardlink_to(source)
    for target in (
        source,
        tmp_path / "set" / ".." / "set" / "a.tsv",
        tmp_path / "set",
        tmp_path / "hard.tsv",
    ):
        with pytest.raises(
            InputError, match=r"would take the place of .*a\.tsv, which is read or written too"
        ):
            check_target(target, ["-", source])
    for target in ("-", tmp_path / "se", tmp_path / "set" / "b.tsv"):
        check_target(target, ["-", source, tmp_path / "none"])
    # Neither need be there: both may be outputs.
    with pytest.raises(InputError):
        check_target(tmp_path / "new", [tmp_path / "." / "new"])


def test_names_in_another_encoding_are_text(tmp_path):
    name = os.fsdecode("数据".encode("gbk"))
    assert as_text(name) == r"\xca\xfd\xbe\xdd" and as_text("数据.tsv") == "数据.tsv"


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
        if ".partial-" in os.fspath(source):
            raise OSError(16, "Device or resource busy")
        rename(source, target)

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
