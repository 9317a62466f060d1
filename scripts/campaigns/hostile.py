"""Folders that someone altered who means harm, sizes and hashes in the manifest included."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from campaigns.common import Outcome, TookTooLong, limits, peak_bytes
from campaigns.flip import observe, samples
from textsim.errors import TextsimError
from textsim.io.manifest import file_entry

MOST_BYTES = 1 << 30
"""No trial may make this process grow by more."""
ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 10**9, 10**30, 1.5, -0.0, 1e308, "", "x", "/etc/passwd", "../notes.txt", [], {},
    [1], ["花"], [[["a"]]], {"name": "cosine"}, {"name": "bilstm", "units": [10**10]}, {"name": []}, "char", "jieba",
    "\ud800", "花" * 1000, list(range(50)), {"a": {"b": {"c": None}}},
)  # fmt: skip
ODD_TEXTS = (
    b"", b"1", b"null", b"[]", b"{}", b'"x"', b"[" * 200_000, b'{"a":' * 50_000, b"9" * 5000, b"NaN", b"{", b"\xff\xfe",
    b"[PAD]\n[UNK]\n", b"[PAD]\n[UNK]\n" + "花\n".encode() * 3,
)  # fmt: skip
ODD_SHAPES = ((), (0,), (1,), (3, 0), (1, 1, 1), (7, 5), (2**20,))
ODD_DTYPES = ("<f4", "<f2", "<f8", ">f4", "<i4", "<i8", "|b1", "<c8", "<U3", "|S3", "|O", "<M8[s]", "|V4")


def run(seed: int, count: int, work: Path) -> Outcome:
    """Opens `count` altered folders."""
    outcome = Outcome()
    rng = np.random.default_rng(seed)
    folders = samples(work, rng)
    notes = work / "notes.txt"
    notes.write_text("mine")
    for trial in range(count):
        folder = folders[int(rng.integers(len(folders)))]
        copy = work / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy)
        what = alter(copy, rng)
        if rng.random() < 0.3:
            with contextlib.suppress(Exception):  # what is odd already may not be altered
                what = f"{what}; {alter(copy, rng)}"
        where = f"hostile --seed {seed}, trial {trial}, {folder.name}: {what}"
        held = peak_bytes()
        try:
            with limits():
                observe(copy)
        except TextsimError:
            outcome.count("refused")
        except (Exception, TookTooLong) as error:
            outcome.count("failed")
            outcome.problem(f"{where}: {type(error).__name__}: {error}")
        else:
            outcome.count("read")
        if peak_bytes() - held > MOST_BYTES:
            outcome.problem(f"{where}: took {(peak_bytes() - held) / 1e9:.1f} GB")
        if notes.read_text() != "mine":
            raise SystemExit(f"{where}: wrote outside of the folder")
    return outcome


def alter(folder: Path, rng: np.random.Generator) -> str:
    """Alters one thing in a folder and its manifest, and says what."""
    paths = sorted(path for path in folder.iterdir() if path.name != "README.md")
    path = paths[int(rng.integers(len(paths)))]
    if path.name == "manifest.json":
        return _alter_manifest(path, rng)
    if path.suffix == ".json" and rng.random() < 0.8:
        what = _alter_json(path, rng)
    elif path.suffix == ".npz":
        what = _alter_weights(path, rng)
    elif path.suffix == ".npy":
        what = _alter_array(path, rng)
    elif path.name == "vocabulary.txt" and rng.random() < 0.7:
        lines = path.read_bytes().split(b"\n")
        place = int(rng.integers(len(lines)))
        lines[place : place + 1] = [[], [b"\xff"], [b"x y"], [b"new", b"two"]][int(rng.integers(4))]
        path.write_bytes(b"\n".join(lines))
        what = f"line {place + 1} of the vocabulary"
    else:
        content = ODD_TEXTS[int(rng.integers(len(ODD_TEXTS)))]
        path.write_bytes(content)
        what = f"{path.name} = {content[:20]!r}"
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"][path.name] = file_entry(path)
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return what


def _alter_manifest(path: Path, rng: np.random.Generator) -> str:
    manifest = json.loads(path.read_bytes())
    kind = int(rng.integers(3))
    if kind == 0:
        return _alter_json(path, rng)
    if kind == 1:
        name = ("../notes.txt", "/etc/hostname", "a/../../notes.txt", "..", "", "a\\b")[int(rng.integers(6))]
        manifest["files"][name] = file_entry(path.parent.parent / "notes.txt")
        what = f"the manifest lists {name!r}"
    else:
        name = sorted(manifest["files"])[int(rng.integers(len(manifest["files"])))]
        del manifest["files"][name]
        what = f"the manifest does not list {name}"
    path.write_text(json.dumps(manifest), encoding="utf-8")
    return what


def _alter_json(path: Path, rng: np.random.Generator) -> str:
    """Puts an odd value somewhere into a JSON file."""
    value = json.loads(path.read_bytes())
    places: list[tuple[Any, Any, str]] = []

    def walk(inner: Any, where: str) -> None:
        items = (
            inner.items() if isinstance(inner, dict) else enumerate(inner) if isinstance(inner, list) else ()
        )
        for key, item in items:
            places.append((inner, key, f"{where}.{key}"))
            walk(item, f"{where}.{key}")

    walk(value, path.name)
    odd = ODD_VALUES[int(rng.integers(len(ODD_VALUES)))]
    if not places:
        value, where = odd, path.name
    else:
        inner, key, where = places[int(rng.integers(len(places)))]
        if rng.random() < 0.2 and isinstance(inner, dict):
            del inner[key]
            odd = "nothing"
        elif rng.random() < 0.15 and isinstance(inner, dict):
            inner["extra"] = odd
        else:
            inner[key] = odd
    path.write_text(json.dumps(value), encoding="utf-8")
    return f"{where} = {odd!r:.40}"


def _odd_array(array: np.ndarray, rng: np.random.Generator) -> tuple[bytes, str]:
    """A .npy file like that of an array, but for something."""
    changes: list[Callable[[], Any]] = [
        lambda: _npy(ODD_DTYPES[int(rng.integers(len(ODD_DTYPES)))], array.shape, array.tobytes()),
        lambda: _npy(array.dtype.str, ODD_SHAPES[int(rng.integers(len(ODD_SHAPES)))], array.tobytes()),
        lambda: _npy(array.dtype.str, (10**9, 10**9), array.tobytes()),
        lambda: _npy(array.dtype.str, (-1, *array.shape[1:]), array.tobytes()),
        lambda: _npy(array.dtype.str, "x", array.tobytes()),
        lambda: _whole(array[:-1] if array.ndim else array[None]),
        lambda: _whole(np.concatenate([array, array]) if array.ndim else array),
        lambda: _whole(_with_odd_number(array, rng)),
        lambda: _whole(_with_odd_number(array, rng)),
        lambda: _whole(array[::-1] if array.ndim else array),
        lambda: _whole(np.asfortranarray(array)),
        lambda: b"",
        lambda: b"\x93NUMPY\x01\x00\xff\xff",
        lambda: b"\x93NUMPY\x03\x00\xff\xff\xff\x7f",
        lambda: _whole(array) + b"more",
    ]
    choice = int(rng.integers(len(changes)))
    return changes[choice](), f"change {choice} of an array"


def _with_odd_number(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    odd = array.copy()
    if odd.size:
        numbers = (np.nan, np.inf, -1, 2**31 - 1, 3e38) if odd.dtype.kind == "f" else (-1, 2**31 - 1, 99)
        with np.errstate(over="ignore"):
            odd.flat[int(rng.integers(odd.size))] = numbers[int(rng.integers(len(numbers)))]
    return odd


def _whole(array: np.ndarray) -> bytes:
    member = io.BytesIO()
    np.lib.format.write_array(member, array, version=(1, 0))
    return member.getvalue()


def _npy(descr: str, shape: Any, content: bytes) -> bytes:
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


def _alter_array(path: Path, rng: np.random.Generator) -> str:
    content, what = _odd_array(np.load(path), rng)
    path.write_bytes(content)
    return f"{path.name}: {what}"


def _alter_weights(path: Path, rng: np.random.Generator) -> str:
    with np.load(path) as stored:
        arrays: dict[str, bytes] = {name: _whole(stored[name]) for name in stored.files}
        name = stored.files[int(rng.integers(len(stored.files)))]
        odd, what = _odd_array(stored[name], rng)
    compression, kind = zipfile.ZIP_STORED, int(rng.integers(6))
    if kind == 0:
        del arrays[name]
        what = "left out"
    elif kind == 1:
        arrays["head/extra"] = arrays[name]
        what = "once more under another name"
    elif kind == 2:
        arrays[name] = _whole(np.zeros((8000, 8000), np.float32))
        compression, what = zipfile.ZIP_DEFLATED, "a bomb"
    else:
        arrays[name] = odd
    with zipfile.ZipFile(path, "w", compression) as archive:
        for member, content in arrays.items():
            archive.writestr(f"{member}.npy", content)
    return f"weight {name}: {what}"
