"""The rows that were left out."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from typing import IO, Any

from textsim.data.settings import AnyPath
from textsim.errors import ConfigError
from textsim.io.atomic import atomic_file
from textsim.io.paths import STREAM, as_text


class RejectLog:
    """Bad rows that were left out, as a TSV file: path, line, reason, and the row as a JSON string.

    Args:
        path: the file to write, with a header alone where there is no bad row; None counts the rows only.
    """

    def __init__(self, path: AnyPath | None = None) -> None:
        if path is not None and os.fspath(path) == STREAM:
            raise ConfigError("rejects go to a file of their own. Received '-', which is a stream.")
        self.path = path
        self.count = 0
        self._stack = contextlib.ExitStack()
        self._file: IO[str] | None = None

    def add(self, path: AnyPath, line: int, reason: str, raw: str) -> None:
        self.count += 1
        if self.path is None:
            return
        if self._file is None:
            self._file = self._open(self.path)
        row = json.dumps(raw, ensure_ascii=not _is_utf8(raw))
        self._file.write(f"{_one_line(as_text(path))}\t{line}\t{_one_line(reason)}\t{row}\n")

    def _open(self, path: AnyPath) -> IO[str]:
        file = self._stack.enter_context(atomic_file(path))
        file.write("path\tline\treason\trow\n")
        return file

    def __enter__(self) -> RejectLog:
        return self

    def __exit__(self, *error: object) -> None:
        if self.path is not None and self._file is None and error[0] is None:
            # Those of an earlier run would be taken for this one's.
            self._file = self._open(self.path)
        # Kept after an error too: it says which rows had been refused until then.
        self._stack.close()


@contextlib.contextmanager
def one_log(reading: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Settings of reading (see `textsim.data.settings.Reading`) with one log of rejects for all that is read with them.

    With the path of a file in its place, each source that is read would write that file anew.
    """
    rejects = reading.get("rejects")
    if reading.get("on_bad_row") != "skip" or isinstance(rejects, RejectLog):
        yield dict(reading)
        return
    with RejectLog(rejects) as log:
        yield {**reading, "rejects": log}


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _one_line(text: str) -> str:
    return " ".join(text.encode("utf-8", "backslashreplace").decode().split())
