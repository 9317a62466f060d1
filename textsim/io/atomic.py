"""Files that are either whole or absent.

A file is written to a temporary sibling first (see `textsim.io.siblings`), flushed to disk and then renamed, which the
file system does in one step: a process killed half-way never leaves a half-written file under its name.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from textsim.errors import ArtifactError
from textsim.io.paths import STREAM, is_stream
from textsim.io.siblings import locked_sibling

_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str], mode: str = "w") -> Iterator[IO[Any]]:
    """Opens a file that appears under `path` only when the block ends without an exception.

    A link is followed, and a file that is replaced leaves its permissions. A device or a pipe, which cannot be
    replaced, is written to. What a run that was killed left behind of the same file is removed, and a warning says so.

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
    text: dict[str, Any] = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}

    def opened(real: str | os.PathLike[str]) -> IO[Any]:
        try:
            return open(real, mode, **text)
        except OSError as error:
            raise ArtifactError(f"{path}: a file cannot be made there: {error.strerror}.") from error

    if is_stream(path):
        with opened(path) as file:
            yield file
        return
    target = Path(os.path.realpath(path))
    with locked_sibling(target, lambda partial: opened(partial).close()) as partial:
        try:
            if target.exists():
                shutil.copymode(target, partial)
            with opened(partial) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, target)
        except BaseException as error:
            partial.unlink(missing_ok=True)
            name_target(error, path, partial)
            raise
        sync(target.parent)


def name_target(error: BaseException, path: str | os.PathLike[str], partial: Path) -> None:
    """Makes the error of a full disk say which output was being written: not its temporary sibling, nor a source."""
    if not isinstance(error, OSError) or error.errno not in _FULL:
        return
    # Of a copy the second is where it goes.
    written = error.filename2 or error.filename
    if written is None or partial in (Path(os.fsdecode(written)), *Path(os.fsdecode(written)).parents):
        error.filename = os.fspath(path)
        error.filename2 = None


def sync(path: Path) -> None:
    """Flushes a file or a folder entry to disk. Folders can be opened for this on POSIX only."""
    if os.name != "posix" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
