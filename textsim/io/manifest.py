"""JSON files, hashes, and the manifest that lists with both what a folder of ours holds."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textsim.errors import ArtifactError, InputError
from textsim.io.atomic import atomic_file

MANIFEST = "manifest.json"
"""The file of a folder of ours that says of which format it is, and lists all others."""
_BLOCK_BYTES = 1 << 20


def sha256_file(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file's bytes as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Writes `value` as indented UTF-8 JSON, atomically. NaN and infinity are refused with ValueError."""
    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
    with atomic_file(path) as file:
        file.write(text + "\n")


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: NumPy numbers become Python's, and what is not finite becomes None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    # NumPy's arrays and numbers, without a need for NumPy here.
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def read_json(path: str | os.PathLike[str]) -> Any:
    """Reads a JSON file.

    Raises:
        ArtifactError: the file is missing, or is not JSON.
    """
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        raise ArtifactError(f"{path} is missing.") from None
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{path} is not valid JSON: {error}. Was it edited or cut short?") from None


def read_json_object(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads a JSON file that holds an object.

    Raises:
        ArtifactError: the file is missing, is not JSON, or holds something else.
    """
    value = read_json(path)
    if not isinstance(value, dict):
        raise ArtifactError(f"{path}: expected a JSON object. Received a {type(value).__name__}.")
    return value


def file_entry(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a manifest keeps of a file: {"bytes": size, "sha256": hash}."""
    return {"bytes": os.path.getsize(path), "sha256": sha256_file(path)}


def write_manifest(folder: Path, format: str, version: int, **about: Any) -> None:
    """Lists all files of a folder in its manifest: the last step in making it.

    Args:
        folder: holds files alone.
        format, version: of the folder.
        about: whatever else the manifest shall say, as JSON can hold it.

    Raises:
        InputError: there is a folder in it.
    """
    paths = sorted(folder.iterdir())
    for path in paths:
        if path.is_dir():
            raise InputError(f"{path}/: a {format} folder holds files alone. Expected no folder in it.")
    files = {path.name: file_entry(path) for path in paths}
    write_json(folder / MANIFEST, {"format": format, "version": version, **about, "files": files})


def read_manifest(folder: str | os.PathLike[str], format: str) -> dict[str, Any]:
    """The manifest of a folder, whose "files" map plain names to what `file_entry` gives.

    A name with a folder in it, such as ``../notes.txt``, would lead out of the folder: it is refused.

    Raises:
        ArtifactError: there is no manifest of that format, or it lists anything else.
    """
    path = Path(folder, MANIFEST)
    manifest = read_json_object(path)
    if manifest.get("format") != format:
        raise ArtifactError(f"{path} is not the manifest of a {format}.")
    files = manifest.get("files")
    if not isinstance(files, dict):
        raise ArtifactError(f"{path} is not the manifest of a {format}: it lists no files.")
    for name, entry in files.items():
        if not _is_plain(name):
            raise ArtifactError(f"{path} lists {name!r:.80}. Expected names of files in the folder itself.")
        if not _is_entry(entry):
            raise ArtifactError(
                f"{path}: expected the bytes and the sha256 of {name}. Received {entry!r:.80}."
            )
    return manifest


def _is_plain(name: str) -> bool:
    return name not in ("", ".", "..") and not set(name) & set("/\\\0:")


def _is_entry(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and type(entry.get("bytes")) is int
        and isinstance(entry.get("sha256"), str)
        and re.fullmatch("[0-9a-f]{64}", entry["sha256"]) is not None
    )


def verify_files(
    folder: str | os.PathLike[str], entries: Mapping[str, dict[str, Any]], *, hashes: bool = True
) -> None:
    """Checks the files of a folder against their manifest entries.

    Args:
        folder: where the files lie.
        entries: file name -> what `file_entry` returned when it was written.
        hashes: whether to read every file and compare its hash; otherwise presence and size alone count.

    Raises:
        ArtifactError: names the first file that is missing, cut short or altered.
    """
    for name, entry in entries.items():
        path = Path(folder, name)
        if not path.is_file():
            found = ", ".join(sorted(os.listdir(folder))) or "nothing"
            raise ArtifactError(f"{folder}/ lacks {name}, which its manifest names. Found: {found}.")
        size = path.stat().st_size
        if size != entry["bytes"]:
            raise ArtifactError(
                f"{path} holds {size} bytes. Expected {entry['bytes']} as in the manifest: it was cut short "
                "or altered."
            )
        if hashes and sha256_file(path) != entry["sha256"]:
            raise ArtifactError(f"{path} was altered: its SHA-256 is not the one in the manifest.")
