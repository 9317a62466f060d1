"""JSON, hashes, manifests."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from textsim.errors import ArtifactError, InputError
from textsim.io.manifest import (
    file_entry,
    plain,
    read_json,
    read_manifest,
    sha256_file,
    verify_files,
    write_json,
    write_manifest,
)


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


def test_a_manifest_lists_the_files_of_its_folder(tmp_path):
    (tmp_path / "b").write_text("b")
    (tmp_path / "a 花.txt").write_text("a")
    write_manifest(tmp_path, "set", 3, kind="pairs")
    manifest = read_manifest(tmp_path, "set")
    assert (manifest["format"], manifest["version"], manifest["kind"]) == ("set", 3, "pairs")
    assert manifest["files"] == {name: file_entry(tmp_path / name) for name in ("a 花.txt", "b")}
    (tmp_path / "deep").mkdir()
    with pytest.raises(InputError, match="deep/: a set folder holds files alone"):
        write_manifest(tmp_path, "set", 3)


@pytest.mark.parametrize(
    "name", ["../notes.txt", "/etc/passwd", "a/b", "..", ".", "", "a\\b", "C:b", "a\0b", "../../x"]
)
def test_a_manifest_leads_nowhere_else(tmp_path, name):
    (tmp_path / "a").write_text("a")
    entry = file_entry(tmp_path / "a")
    write_json(tmp_path / "manifest.json", {"format": "set", "version": 1, "files": {name: entry}})
    with pytest.raises(ArtifactError, match="Expected names of files in the folder itself"):
        read_manifest(tmp_path, "set")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "expected a JSON object. Received a list"),
        ('{"format": "bag", "files": {}}', "is not the manifest of a set"),
        ('{"format": "set"}', "it lists no files"),
        ('{"format": "set", "files": []}', "it lists no files"),
        ('{"format": "set", "files": {"a": 3}}', "expected the bytes and the sha256 of a. Received 3"),
        (
            '{"format": "set", "files": {"a": {"bytes": "1", "sha256": "00"}}}',
            "expected the bytes and the sha256",
        ),
        (
            '{"format": "set", "files": {"a": {"bytes": true, "sha256": "%s"}}}' % ("0" * 64),
            "expected the bytes",
        ),
        ("[" * 200_000, "is not valid JSON"),
        ('{"format": ' + "9" * 5000 + "}", "is not valid JSON"),
        ("\udcff", "is not valid JSON"),
    ],
)
def test_manifests_that_make_no_sense(tmp_path, content, message):
    (tmp_path / "manifest.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(ArtifactError, match=message):
        read_manifest(tmp_path, "set")


def test_what_numpy_gives_is_plain(tmp_path):
    value = {
        1: np.float32(0.5),
        "b": [np.int64(2), float("nan"), np.array([1.0, np.inf])],
        "c": ("词", None, True),
    }
    assert plain(value) == {"1": 0.5, "b": [2, None, [1.0, None]], "c": ["词", None, True]}
    assert plain(plain(value)) == plain(value)
