"""Functions from a row of a table to the cells of some columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from textsim.data.column_names import delimiter_hint, did_you_mean, listed
from textsim.data.formats.table import Cells, Malformed


class BadRow(Exception):
    """Why a row cannot be used. Becomes a DataFormatError, or a line of the rejects.

    Attributes:
        misread: whether the reason tells how the file is to be read: then the row may be a good one.
    """

    def __init__(self, reason: str, *, misread: bool = False) -> None:
        super().__init__(reason)
        self.misread = misread


def getter(
    places: tuple[int, ...], width: int, expected: str, asks_for_columns: bool = False
) -> Callable[[Cells], Sequence[Any]]:
    in_order = places == tuple(range(width))

    def get(cells: Cells) -> Sequence[Any]:
        if isinstance(cells, list) and len(cells) == width:
            return cells if in_order else [cells[place] for place in places]
        if isinstance(cells, Malformed):
            raise BadRow(cells.reason)
        if not cells:
            raise BadRow(f"expected {expected}. Received a blank line.")
        received = repr("\t".join(map(str, cells)))
        if len(received) > 80:
            received = f"{received[:77]}..."
        hint = delimiter_hint(list(cells), width)
        misread = asks_for_columns or bool(hint)
        raise BadRow(f"expected {expected}. Received {len(cells)}: {received}.{hint}", misread=misread)

    return get


def getter_by_key(keys: tuple[str, ...], expected: str) -> Callable[[Cells], Sequence[Any]]:
    def get(cells: Cells) -> Sequence[Any]:
        if isinstance(cells, dict):
            for key in keys:
                if key not in cells:
                    names = list(cells)
                    raise BadRow(
                        f"expected {expected}. Received the keys {listed(names)}.{did_you_mean(key, names)}"
                    )
            return [cells[key] for key in keys]
        if isinstance(cells, Malformed):
            raise BadRow(cells.reason)
        raise BadRow(f"expected {expected}. Received a blank line.")

    return get


def getter_of_every(
    places: tuple[int, ...], names: Sequence[str], expected: str
) -> Callable[[Cells], Sequence[Any]]:
    get = getter(tuple(range(len(names))), len(names), expected)
    others = [(place, name) for place, name in enumerate(names) if place not in places]

    def get_every(cells: Cells) -> Sequence[Any]:
        row = get(cells)
        return [*(row[place] for place in places), {name: row[place] for place, name in others}]

    return get_every


def getter_of_every_key(
    keys: tuple[str, ...], get: Callable[[Cells], Sequence[Any]]
) -> Callable[[Cells], Sequence[Any]]:
    def get_every(cells: Cells) -> Sequence[Any]:
        found = get(cells)
        assert isinstance(cells, dict)
        return [*found, {name: value for name, value in cells.items() if name not in keys}]

    return get_every
