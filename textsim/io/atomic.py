"""Files and folders that are either whole or absent.

Everything is written to a temporary sibling first, flushed to disk and then renamed, which the file system
does in one step: a process killed half-way leaves at most a sibling named "NAME.partial-XXXXXXXX", never a
half-written NAME.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from textsim.errors import ArtifactError, InputError

MANIFEST = "manifest.json"
"""The file of a folder of ours that says of which format it is, and lists all others."""
STREAM = "-"
"""The path that stands for standard input or output."""
_BLOCK_BYTES = 1 << 20
_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
# What file managers leave in a folder that is looked at.
_NOBODYS = {".DS_Store", "Thumbs.db", "desktop.ini"}


def _sibling(path: Path, purpose: str) -> Path:
    return path.with_name(f"{path.name}.{purpose}-{secrets.token_hex(4)}")


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str], mode: str = "w") -> Iterator[IO[Any]]:
    """Opens a file that appears under `path` only when the block ends without an exception.

    A link is followed, and a file that is replaced leaves its permissions. A device or a pipe, which cannot be
    replaced, is written to.

    Args:
        path: the file to make or to replace. Its folder must exist.
        mode: "w" for UTF-8 text with "\\n" line ends on every system, "wb" for bytes.

    Yields:
        The open file. After an exception nothing is left and an older `path` is untouched.

    Raises:
        ArtifactError: no file can be made there. Raised before the block runs.
    """
    if os.fspath(path) == STREAM:
        raise ArtifactError(f"{path}: expected the path of a file, and no stream.")
    if os.path.isdir(path):
        raise ArtifactError(f"{path}: a file cannot be made there: a folder has that name.")
    in_place = is_stream(path)
    target = Path(os.path.realpath(path))
    partial = Path(path) if in_place else _sibling(target, "partial")
    text: dict[str, Any] = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    try:
        opened = open(partial, mode, **text)  # noqa: SIM115
    except OSError as error:
        raise ArtifactError(f"{path}: a file cannot be made there: {error.strerror}.") from error
    if in_place:
        with opened as file:
            yield file
        return
    try:
        if target.exists():
            shutil.copymode(target, partial)
        with opened as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, target)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        _name_full(error, path)
        raise
    _sync(target.parent)


@contextlib.contextmanager
def atomic_folder(
    path: str | os.PathLike[str], *, overwrite: bool = False, format: str, checked: bool = False
) -> Iterator[Path]:
    """Yields an empty temporary folder that becomes `path` when the block ends without an exception.

    Args:
        path: the folder to make. Missing parents are made.
        overwrite: whether an existing folder may be replaced. It is only when it is empty, or all that it holds is in
            its manifest, so that a wrong path costs neither a folder of another kind nor a file put there since.
        format: what the manifest of such a folder, which the block writes, has as its "format".
        checked: whether `check_replaceable` was called before the work whose outcome the block writes: then that is
            not lost, whatever came to stand at `path` since.

    Raises:
        ArtifactError: `path` exists and may not be replaced, or no folder can be made beside it: raised before the
            block runs. Or what was made cannot take its place: then the error says where it lies.
    """
    if not checked:
        check_replaceable(path, overwrite=overwrite, format=format)
    target = Path(os.path.realpath(path))
    partial = _make_sibling(target)
    try:
        yield partial
        for folder, _, names in os.walk(partial):
            for name in names:
                _sync(Path(folder, name))
            _sync(Path(folder))
    except BaseException as error:
        shutil.rmtree(partial, ignore_errors=True)
        _name_full(error, path)
        raise
    old = None
    try:
        # Others may have written there since.
        check_replaceable(path, overwrite=overwrite, format=format)
        if target.exists() and os.listdir(target):
            old = _sibling(target, "old")
            os.rename(target, old)
        elif target.exists():
            target.rmdir()
        try:
            os.rename(partial, target)
        except OSError:
            if old is not None:
                os.rename(old, target)
            raise
    except (OSError, ArtifactError) as error:
        # Hours of work may be in it.
        why = str(error)
        if isinstance(error, OSError):
            why = f"{target}/ cannot be put in place: {error.strerror}."
        raise ArtifactError(f"{why} What was made is whole and lies in {partial}/.") from error
    if old is not None:
        shutil.rmtree(old)
    _sync(partial.parent)


def _name_full(error: BaseException, path: str | os.PathLike[str]) -> None:
    """Makes the error of a full disk say what was being written."""
    if isinstance(error, OSError) and error.errno in _FULL and error.filename is None:
        error.filename = os.fspath(path)


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


def check_replaceable(path: str | os.PathLike[str], *, overwrite: bool, format: str) -> None:
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
    listed = _manifest_files(target, format)
    if listed is None:
        raise ArtifactError(
            f"{target}/ exists and holds no {MANIFEST} of a {format}, so it is not replaced. "
            f"Found: {', '.join(names[:5])}. Choose another path."
        )
    if not overwrite:
        raise ArtifactError(f"{target}/ exists. Choose another path, or pass --overwrite (overwrite=True).")
    there = (
        Path(folder, name)
        for folder, folders, files in os.walk(target)
        for name in (*files, *(name for name in folders if os.path.islink(os.path.join(folder, name))))
    )
    known = {MANIFEST, *listed}
    others = [
        name
        for name in sorted(path.relative_to(target).as_posix() for path in there)
        if name not in known and name.rsplit("/", 1)[-1] not in _NOBODYS
    ]
    if others:
        raise ArtifactError(
            f"{target}/ holds what is not of the {format}, so it is not replaced: {', '.join(others[:5])}. "
            "Move that, or choose another path."
        )


def _manifest_files(folder: Path, format: str) -> dict[str, Any] | None:
    """The manifest's entries; None where there is no manifest of that format."""
    try:
        manifest = read_json(folder / MANIFEST)
    except (ArtifactError, OSError):
        return None
    if not isinstance(manifest, dict) or manifest.get("format") != format:
        return None
    files = manifest.get("files")
    return files if isinstance(files, dict) else None


def check_target(target: str | os.PathLike[str], sources: Sequence[str | os.PathLike[str]]) -> None:
    """Raises InputError where a file or folder to write is one of `sources`, or holds one: that would be lost.

    "-" on either side is a stream, which loses nothing.
    """
    if os.fspath(target) == STREAM:
        return
    place = os.path.realpath(target)
    for source in sources:
        if os.fspath(source) == STREAM:
            continue
        path = os.path.realpath(source)
        same = path == place or (
            os.path.exists(path) and os.path.exists(place) and os.path.samefile(path, place)
        )
        if same or path.startswith(os.path.join(place, "")):
            raise InputError(
                f"{target}: would take the place of {as_text(source)}, which is read or written too. "
                "Choose another path."
            )


def is_stream(path: str | os.PathLike[str]) -> bool:
    """Whether a path can be read, or written, once and in order only: "-", a pipe, a device."""
    return os.fspath(path) == STREAM or (
        os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)
    )


def is_gzip(path: str | os.PathLike[str]) -> bool:
    """Whether a file's name says that it is compressed."""
    return os.fspath(path).lower().endswith(".gz")


def as_text(path: str | os.PathLike[str]) -> str:
    """A path as UTF-8 can hold it: bytes of a name in another encoding become escapes such as \\xca."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


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
