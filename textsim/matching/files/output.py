"""Files that results are written to."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, cast

from tqdm import tqdm

from textsim.data.rows import RejectLog
from textsim.errors import InputError
from textsim.io.atomic import atomic_file
from textsim.io.paths import STREAM, check_target, is_gzip

_OTHER_FORMATS = (".csv", ".jsonl", ".ndjson", ".parquet", ".pq", ".npy", ".npz", ".xlsx", ".xls")


def check_outputs(
    target: str | os.PathLike[str], source: str | os.PathLike[str], reading: Mapping[str, Any]
) -> None:
    """Raises InputError where the target is the source, or where rejected rows go."""
    rejects = reading.get("rejects")
    named = [] if rejects is None or isinstance(rejects, RejectLog) else [rejects]
    check_target(target, [source, *named])


@contextlib.contextmanager
def open_output(target: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Opens the TSV file to write, which appears when it is complete; "-" is standard output.

    Compressed where its name ends in ".gz", with the same bytes each time.

    Raises:
        InputError: its name is that of a file of another format.
    """
    if os.fspath(target) == STREAM:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    name, packed = os.fspath(target), is_gzip(target)
    suffix = Path(name[:-3] if packed else name).suffix.lower()
    if suffix in _OTHER_FORMATS:
        raise InputError(
            f"{name}: TSV is written, which a name in {suffix} denies. Choose one in .tsv or .tsv.gz."
        )
    with atomic_file(target, "wb") as file:
        if not packed:
            yield file
            return
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as stream:
            yield cast(IO[bytes], stream)


def progress_bar(shown: bool | None, unit: str) -> tqdm:
    """A bar on standard error, by default where that is a terminal."""
    hidden = not (sys.stderr.isatty() if shown is None else shown)
    return tqdm(unit=f" {unit}", unit_scale=True, disable=hidden)


def cell_text(value: Any) -> str:
    """A cell of a file as it is written: nothing where it is missing; true, false, lists and objects as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool | list | dict):
        value = json.dumps(value, ensure_ascii=False, default=str)
    return one_line(str(value))


_LINE_BREAKERS = re.compile(r"[\t\r\n]+")


def one_line(text: str) -> str:
    """A text as a cell of TSV: tabs and line ends as spaces."""
    return _LINE_BREAKERS.sub(" ", text) if _LINE_BREAKERS.search(text) else text
