"""Paths: streams, compressed files, names of any encoding, and targets that must not be sources."""

from __future__ import annotations

import os
from collections.abc import Sequence

from textsim.errors import InputError

STREAM = "-"
"""The path that stands for standard input or output."""


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
