"""Files and folders that are either whole or absent.

Everything is written to a temporary sibling first, flushed to disk and then renamed, which the file system
does in one step: a process killed half-way leaves at most a sibling named "NAME.partial-XXXXXXXX", never a
half-written NAME.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from textsim.errors import ArtifactError

_BLOCK_BYTES = 1 << 20


def _sibling(path: Path, purpose: str) -> Path:
    return path.with_name(f"{path.name}.{purpose}-{secrets.token_hex(4)}")


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str], mode: str = "w") -> Iterator[IO[Any]]:
    """Opens a file that appears under `path` only when the block ends without an exception.

    Args:
        path: the file to make or to replace. Its folder must exist.
        mode: "w" for UTF-8 text with "\\n" line ends on every system, "wb" for bytes.

    Yields:
        The open file. After an exception nothing is left and an older `path` is untouched.

    Raises:
        ArtifactError: no file can be made there. Raised before the block runs.
    """
    target = Path(path)
    if target.is_dir():
        raise ArtifactError(f"{target}: a file cannot be made there: a folder has that name.")
    partial = _sibling(target, "partial")
    text: dict[str, Any] = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    try:
        opened = open(partial, mode, **text)  # noqa: SIM115
    except OSError as error:
        raise ArtifactError(f"{target}: a file cannot be made there: {error.strerror}.") from error
    try:
        with opened as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _sync(target.parent)


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike[str], *, overwrite: bool = False, marker: str) -> Iterator[Path]:
    """Yields an empty temporary folder that becomes `path` when the block ends without an exception.

    Args:
        path: the folder to make. Missing parents are made.
        overwrite: whether an existing folder may be replaced. It is only when it holds `marker` or nothing at
            all, so that a wrong path does not cost a folder of another kind.
        marker: name of a file that tells a folder of this kind.

    Raises:
        ArtifactError: `path` exists and may not be replaced, or no folder can be made beside it: raised before the
            block runs. Or what was made cannot take its place: then the error says where it lies.
    """
    check_replaceable(path, overwrite=overwrite, marker=marker)
    target = Path(os.path.realpath(path))
    partial = _make_sibling(target)
    try:
        yield partial
        for folder, _, names in os.walk(partial):
            for name in names:
                _sync(Path(folder, name))
            _sync(Path(folder))
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    old = _sibling(target, "old") if target.exists() else None
    try:
        if old is not None:
            os.rename(target, old)
        try:
            os.rename(partial, target)
        except OSError:
            if old is not None:
                os.rename(old, target)
            raise
    except OSError as error:
        # Hours of work may be in it.
        raise ArtifactError(
            f"{target}/ cannot be put in place: {error.strerror}. What was made is whole and lies in {partial}/."
        ) from error
    if old is not None:
        shutil.rmtree(old)
    _sync(partial.parent)


def _make_sibling(target: Path) -> Path:
    """An empty folder beside `target`, whose missing parents are made."""
    partial = _sibling(target, "partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir()
    except OSError as error:
        raise ArtifactError(
            f"{target}: a folder cannot be made there: {error.strerror}. Choose another path."
        ) from error
    return partial


def check_replaceable(path: str | os.PathLike[str], *, overwrite: bool, marker: str) -> None:
    """Raises ArtifactError where `atomic_folder` with the same arguments would: a check before a long job.

    Makes missing parents.
    """
    target = Path(path)
    _make_sibling(Path(os.path.realpath(target))).rmdir()
    if not target.exists():
        return
    if not target.is_dir():
        raise ArtifactError(f"{target} is a file. Expected a folder to be made there: choose another path.")
    names = sorted(os.listdir(target))
    if not names:
        return
    if marker not in names:
        raise ArtifactError(
            f"{target}/ exists and holds no {marker}, so it is not replaced. Found: {', '.join(names[:5])}. "
            "Choose another path."
        )
    if not overwrite:
        raise ArtifactError(f"{target}/ exists. Choose another path, or pass --overwrite (overwrite=True).")


def _sync(path: Path) -> None:
    """Flushes a file or a folder entry to disk. Folders can be opened for this on POSIX only."""
    if os.name != "posix" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_partial(path: str | os.PathLike[str]) -> bool:
    """Whether a name is one that an interrupted `atomic_file` or `atomic_folder` leaves behind."""
    return re.search(r"\.partial-[0-9a-f]{8}$", Path(path).name) is not None


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
    except ValueError as error:
        raise ArtifactError(f"{path} is not valid JSON: {error}. Was it edited or cut short?") from None


def file_entry(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a manifest keeps of a file: {"bytes": size, "sha256": hash}."""
    return {"bytes": os.path.getsize(path), "sha256": sha256_file(path)}


def verify_files(
    folder: str | os.PathLike[str], entries: dict[str, dict[str, Any]], *, hashes: bool = True
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
