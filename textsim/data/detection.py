"""What the rows of a source are, as its names and first rows tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from textsim.data.row_kinds import TRIPLETS, UNLABELED, texts_kind
from textsim.data.settings import Reading
from textsim.data.sources import Source, is_path, open_source
from textsim.data.vectors import holds_vectors
from textsim.io.paths import is_stream


def detect_kind(source: Source, **reading: Any) -> Literal["pairs", "triplets", "vectors"]:
    """The kind of rows. What can be read only once, such as standard input, is not looked at, and holds pairs.

    Args:
        source: see `textsim.data.sources.Source`.
        reading: see `textsim.data.settings.Reading`. With columns to read, the rows are of texts.
    """
    how = Reading(**reading)
    if _is_read_once(source):
        return "pairs"
    if how.columns is None:
        with open_source(source, **how.dialect) as table:
            if holds_vectors(table):
                return "vectors"
    return texts_kind_of(source, **reading)


def texts_kind_of(source: Source, **reading: Any) -> Literal["pairs", "triplets"]:
    """The kind of rows of texts, as `detect_kind` finds it."""
    if _is_read_once(source):
        return "pairs"
    with open_source(source, **Reading(**reading).dialect) as table:
        return "triplets" if texts_kind(table) is TRIPLETS else "pairs"


def has_no_labels(source: Source, **reading: Any) -> bool:
    """Whether rows of texts are pairs without labels; not of what can be read only once, which is not looked at."""
    how = Reading(**reading)
    if how.columns is not None:
        return len(how.columns) == len(UNLABELED.columns)
    if _is_read_once(source):
        return False
    with open_source(source, **how.dialect) as table:
        return texts_kind(table) is UNLABELED


def _is_read_once(source: Source) -> bool:
    return isinstance(source, Iterator) or (is_path(source) and is_stream(source))
