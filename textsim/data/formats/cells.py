"""Columns to write as the cells of formats that know texts alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from textsim.data.formats.format import Batch

_LINE_BREAKERS = re.compile(r"[\t\r\n]+")


def text_columns(batch: Batch) -> dict[str, list[str]]:
    """The columns with their cells as texts, a column NAME of vectors as NAME_1 to NAME_k.

    Numbers have six digits behind the point, those of a vector nine in all; bools are 1 and 0.
    """
    return {name: _as_texts(column, digits) for name, column, digits in _flat(batch)}


def value_columns(batch: Batch) -> dict[str, Sequence[Any]]:
    """As `text_columns`, but numbers stay numbers, and other cells what they are."""
    return {name: _as_values(column, digits) for name, column, digits in _flat(batch)}


def _flat(batch: Batch) -> Iterator[tuple[str, Any, str]]:
    """Columns without vectors, and how many digits their numbers have."""
    for name, column in batch.items():
        if isinstance(column, np.ndarray) and column.ndim == 2:
            yield from ((f"{name}_{i + 1}", column[:, i], ".9g") for i in range(column.shape[1]))
        else:
            yield name, column, ".6f"


def _as_texts(column: Sequence[Any] | np.ndarray, digits: str) -> list[str]:
    if not isinstance(column, np.ndarray):
        return [cell if isinstance(cell, str) else as_text(cell) for cell in column]
    if column.dtype.kind == "f":
        return [format(number, digits) for number in column.tolist()]
    return [str(int(number)) for number in column.tolist()]


def _as_values(column: Sequence[Any] | np.ndarray, digits: str) -> Sequence[Any]:
    if not isinstance(column, np.ndarray):
        return column
    cells: list[Any] = column.tolist()
    return [float(format(number, digits)) for number in cells] if column.dtype.kind == "f" else cells


def as_text(cell: Any) -> str:
    """A cell of a file as text: nothing where it is missing; true, false, lists and objects as JSON."""
    if cell is None:
        return ""
    if isinstance(cell, bool | list | dict):
        return json.dumps(cell, ensure_ascii=False, default=str)
    return str(cell)


def json_objects(batch: Batch) -> Iterator[str]:
    """A JSON object for each row, with the numbers that `text_columns` has, and vectors as lists."""
    columns = [
        list(zip(*value_columns({name: column}).values(), strict=True))
        if isinstance(column, np.ndarray) and column.ndim == 2
        else _as_values(column, ".6f")
        for name, column in batch.items()
    ]
    for cells in zip(*columns, strict=True):
        yield json.dumps(dict(zip(batch, cells, strict=True)), ensure_ascii=False, default=str)


def one_line(text: str) -> str:
    """A text with a space for each run of tabs and line ends, which TSV cannot hold."""
    return _LINE_BREAKERS.sub(" ", text) if _LINE_BREAKERS.search(text) else text


def as_utf8(text: str) -> bytes:
    """UTF-8, in which half a surrogate pair, as JSON can hold it, is a question mark."""
    return text.encode("utf-8", "replace")
