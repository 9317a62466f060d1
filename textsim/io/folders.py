"""Folders that are either whole or absent, and replaced by what is whole in one step."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from textsim.errors import ArtifactError
from textsim.io.atomic import name_target, sync
from textsim.io.exchange import exchange
from textsim.io.manifest import MANIFEST, read_manifest
from textsim.io.paths import as_text
from textsim.io.siblings import left_behind, locked, locked_sibling, sibling

# What file managers leave in a folder that is looked at.
_NOBODYS = {".DS_Store", "Thumbs.db", "desktop.ini"}
_logger = logging.getLogger(__name__)


@contextlib.contextmanager
def atomic_folder(
    path: str | os.PathLike[str], *, overwrite: bool = False, format: str, checked: bool = False
) -> Iterator[Path]:
    """Yields an empty temporary folder that becomes `path` when the block ends without an exception.

    Where it takes the place of another, the two change places in one step where the system can (Linux); elsewhere a
    process that is killed between two steps leaves the old one beside `path`, and the next that writes there, or
    `restore`, puts it back.

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
    with locked_sibling(target, _make_folder(path)) as partial:
        try:
            yield partial
            for folder, _, names in os.walk(partial):
                for name in names:
                    sync(Path(folder, name))
                sync(Path(folder))
        except BaseException as error:
            shutil.rmtree(partial, ignore_errors=True)
            name_target(error, path, partial)
            raise
        try:
            # Others may have written there since.
            check_replaceable(path, overwrite=overwrite, format=format)
            _put_in_place(partial, target)
        except (OSError, ArtifactError) as error:
            # Hours of work may be in it.
            made = sibling(target, "made")
            try:
                os.rename(partial, made)
            except OSError:
                made = partial
            why = str(error)
            if isinstance(error, OSError):
                why = f"{target}/ cannot be put in place: {error.strerror}."
            raise ArtifactError(f"{why} What was made is whole and lies in {made}/.") from error
        sync(target.parent)


def _put_in_place(partial: Path, target: Path) -> None:
    """Renames `partial` to `target`, which may be a folder to replace."""
    if not target.exists() or not os.listdir(target):
        # A folder that is empty is replaced by POSIX itself.
        if os.name != "posix" and target.exists():
            target.rmdir()
        os.rename(partial, target)
        return
    if not exchange(partial, target):
        old = sibling(target, "old")
        with locked(target):
            os.rename(target, old)
            try:
                os.rename(partial, target)
            except OSError:
                os.rename(old, target)
                raise
            with contextlib.suppress(OSError):
                os.rename(old, partial)
    # Now the old one.
    shutil.rmtree(partial, ignore_errors=True)


def restore(path: str | os.PathLike[str]) -> None:
    """Puts back a folder that a killed process had moved aside to replace it, and logs that."""
    target = Path(os.path.realpath(path))
    if target.exists():
        return
    for old in left_behind(target, "old")[-1:]:
        with contextlib.suppress(OSError):
            os.rename(old, target)
            _logger.warning("%s/ was put back: a run that was to replace it was interrupted", as_text(path))


def check_replaceable(path: str | os.PathLike[str], *, overwrite: bool, format: str) -> None:
    """Raises ArtifactError where `atomic_folder` with the same arguments would: a check before a long job.

    Makes missing parents.
    """
    target = Path(path)
    restore(target)
    with locked_sibling(Path(os.path.realpath(target)), _make_folder(target)) as trial:
        trial.rmdir()
    if not target.exists():
        return
    if not target.is_dir():
        raise ArtifactError(f"{target} is a file. Expected a folder to be made there: choose another path.")
    names = sorted(os.listdir(target))
    if not names:
        return
    try:
        manifest = read_manifest(target, format)
    except ArtifactError:
        raise ArtifactError(
            f"{target}/ exists and holds no {MANIFEST} of a {format}, so it is not replaced. "
            f"Found: {', '.join(names[:5])}. Choose another path."
        ) from None
    if not overwrite:
        raise ArtifactError(f"{target}/ exists. Choose another path, or pass overwrite=True.")
    there = (
        Path(folder, name)
        for folder, folders, files in os.walk(target)
        for name in (*files, *(name for name in folders if os.path.islink(os.path.join(folder, name))))
    )
    # Of an index: files that change as long as it is used, and may come and go.
    changing = manifest.get("changing")
    known = {MANIFEST, *manifest["files"], *(changing if isinstance(changing, list) else ())}
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
    for old in left_behind(Path(os.path.realpath(target)), "old"):
        # What stands here is whole and took its place.
        partial = sibling(Path(os.path.realpath(target)), "partial")
        os.rename(old, partial)
        shutil.rmtree(partial, ignore_errors=True)


def _make_folder(path: str | os.PathLike[str]) -> Callable[[Path], None]:
    """What makes a folder beside `path`, whose missing parents are made too; its errors are those of `path`."""

    def make(folder: Path) -> None:
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir()
        except OSError as error:
            raise ArtifactError(
                f"{os.path.realpath(path)}: a folder cannot be made there: {error.strerror}. Choose another path."
            ) from error

    return make
