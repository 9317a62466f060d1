"""Temporary siblings of a path, in which what is written grows until it is whole.

A sibling is named "NAME.partial-XXXXXXXX" and locked by the process that writes it. The system gives the lock up when
the process ends, however it ends: a sibling without a lock was left behind, and the next that writes the same NAME
removes it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from textsim.io.paths import as_text

try:
    import fcntl
except ModuleNotFoundError:  # Windows: what was left behind stays
    fcntl = None  # type: ignore[assignment]

_TRIES = 5
_logger = logging.getLogger(__name__)


def sibling(path: Path, purpose: str) -> Path:
    """A name beside `path` that nothing has."""
    return path.with_name(f"{path.name}.{purpose}-{secrets.token_hex(4)}")


def is_partial(path: str | os.PathLike[str]) -> bool:
    """Whether a name is that of a temporary sibling, which an interrupted run leaves behind."""
    return re.search(r"\.partial-[0-9a-f]{8}$", Path(path).name) is not None


@contextlib.contextmanager
def locked_sibling(target: Path, make: Callable[[Path], None]) -> Iterator[Path]:
    """A new sibling of `target`, locked while the block runs.

    What others that are gone left behind is removed first.

    Args:
        target: what the sibling shall become.
        make: makes an empty file or folder of a given name.
    """
    remove_left_behind(target)
    path, lock = target, None
    try:
        for _ in range(_TRIES):
            path = sibling(target, "partial")
            make(path)
            lock = _lock(path)
            # Between the two another process may have taken it for one that was left behind.
            if lock is None or path.exists():
                break
            os.close(lock)
    except BaseException:
        # A signal, before the block that would remove it has begun.
        if path != target:
            _remove(path)
        raise
    try:
        yield path
    except GeneratorExit:
        _remove(path)
        raise
    finally:
        if lock is not None:
            os.close(lock)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Locks what is there while the block runs."""
    lock = _lock(path)
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


def left_behind(target: Path, purpose: str) -> list[Path]:
    """The siblings of `target` that no process works on any more."""
    pattern = re.compile(rf"{re.escape(target.name)}\.{purpose}-[0-9a-f]{{8}}")
    try:
        with os.scandir(target.parent) as entries:
            found = [
                Path(entry) for entry in entries if pattern.fullmatch(entry.name) and not entry.is_symlink()
            ]
    except OSError:
        return []
    return sorted(path for path in found if _is_free(path))


def remove_left_behind(target: Path) -> None:
    """Removes the temporary siblings of `target` that no process works on any more, and logs which."""
    for path in left_behind(target, "partial"):
        _remove(path)
        if not path.exists():
            _logger.warning("%s, which an interrupted run left behind, was removed", as_text(path))


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _lock(path: Path) -> int | None:
    """Takes the lock of a file or folder and returns its descriptor; None where the system gives none."""
    if fcntl is None:
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _is_free(path: Path) -> bool:
    lock = _lock(path)
    if lock is None:
        return False
    os.close(lock)
    return True
