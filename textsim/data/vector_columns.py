"""Which columns of a table are the two vectors of a row, and which is its label."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from textsim.data.column_names import delimiter_hint, did_you_mean
from textsim.data.labels import LABEL_NAMES
from textsim.errors import DataFormatError

# How a name may divide into the side that it is of and the place in the vector: left_0, 0_left, a_age, age_a.
_DIVISIONS = (
    re.compile(r"(?P<side>.*?)(?P<place>\d+)"),
    re.compile(r"(?P<place>\d+)(?P<side>\D.*)"),
    re.compile(r"(?P<side>[^\W_]+)[\W_](?P<place>.+)"),
    re.compile(r"(?P<place>.+)[\W_](?P<side>[^\W_]+)"),
)


# Sides that are called so, in lower case and without separators, are sides for sure.
_SIDE_NAMES = (
    *({"left", "right"}, {"l", "r"}, {"a", "b"}, {"x", "y"}, {"u", "v"}, {"q", "d"}),
    *({"first", "second"}, {"query", "title"}, {"query", "doc"}, {"query", "document"}, {"左", "右"}),
)


@dataclass(frozen=True)
class VectorColumns:
    """Places of the columns in a table, from 0.

    Attributes:
        left, right: of the numbers of each vector, in order; or of one column each, which holds the vectors whole.
        label: of the label; None where it is not read.
        names: of all columns of the table. "1", "2", ... where it has none.
        left_out: the name of a column of labels that is not read, since none are asked for; else None.
    """

    left: tuple[int, ...]
    right: tuple[int, ...]
    label: int | None
    names: tuple[str, ...]
    left_out: str | None = None

    @property
    def side_names(self) -> tuple[str, ...]:
        return tuple(self.names[i] for i in (*self.left, *self.right))

    @classmethod
    def find(
        cls,
        where: str,
        names: Sequence[str] | None,
        width: int,
        labeled: bool,
        wanted: Sequence[str] | None,
        whole: bool = False,
    ) -> VectorColumns:
        """Finds the columns of a table.

        Args:
            where: the table, for messages.
            names: of its columns; None where it has none.
            width: how many columns there are.
            labeled: whether there is a label.
            wanted: what the names of the left columns begin with, what those of the right ones begin with and, where
                there is a label, its name.
            whole: whether a column holds vectors: then one is called "left" and one "right", or as `wanted` says.

        Raises:
            DataFormatError: the columns cannot be told, or their names contradict their order.
        """
        known = tuple(names) if names is not None else tuple(str(i + 1) for i in range(width))
        if whole:
            return _whole(where, known, labeled, wanted)
        if wanted is not None:
            if names is None:
                raise DataFormatError(f"{where}: columns are asked for by name, and the file has no header.")
            return _by_name(where, known, labeled, wanted)
        return _by_order(where, known, names is not None, labeled)


def _whole(where: str, names: tuple[str, ...], labeled: bool, wanted: Sequence[str] | None) -> VectorColumns:
    left, right, label = (*(wanted or ("left", "right")), "label")[:3]
    if label not in names and (wanted is None or not labeled):
        label = next((name for name in names if name.lower() in LABEL_NAMES), label)
    needed = (left, right, label) if labeled else (left, right)
    for name in needed:
        if name not in names:
            raise DataFormatError(
                f"{where}: expected the columns {', '.join(needed)}. Received {', '.join(names) or 'none'}."
            )
    return VectorColumns(
        (names.index(left),),
        (names.index(right),),
        names.index(label) if labeled else None,
        names,
        label if not labeled and label in names else None,
    )


def _by_name(where: str, names: tuple[str, ...], labeled: bool, wanted: Sequence[str]) -> VectorColumns:
    left_prefix, right_prefix = wanted[:2]
    label = None
    if labeled:
        if wanted[2] not in names:
            raise DataFormatError(
                f"{where}: no column is named {wanted[2]!r}.{did_you_mean(wanted[2], names)}"
            )
        label = names.index(wanted[2])
    place = {name: i for i, name in enumerate(names) if i != label}
    left = [name for name in place if name.startswith(left_prefix)]
    right = {name for name in place if name.startswith(right_prefix)}
    partners = [right_prefix + name[len(left_prefix) :] for name in left]
    for name, partner in zip(left, partners, strict=True):
        if partner not in right:
            raise DataFormatError(f"{where}: column {name!r} has no partner {partner!r} on the right.")
    if not left or len(right) != len(left):
        raise DataFormatError(
            f"{where}: expected as many columns that begin with {left_prefix!r} as with {right_prefix!r}. "
            f"Received {len(left)} and {len(right)}."
        )
    return VectorColumns(
        tuple(place[name] for name in left), tuple(place[name] for name in partners), label, names
    )


def _by_order(where: str, names: tuple[str, ...], has_names: bool, labeled: bool) -> VectorColumns:
    """The left vector first, then the right one, but where names tell otherwise; and a column of labels."""
    label = _label_column(where, names) if labeled else None
    left_out = None
    if not labeled and len(names) % 2 and len(names) > 1:
        # The file of labelled pairs that a model is evaluated on can be scored too.
        left_out = names[_label_column(where, names)] if not has_names or _usual(names) else None
    numeric = [i for i in range(len(names)) if i != label and names[i] != left_out]
    if not numeric or len(numeric) % 2:
        beside = " and a class column" if labeled else ""
        raise DataFormatError(
            f"{where}: expected an even number of numeric columns (first the left vector, then the right one)"
            f"{beside}. Received {len(numeric)}{beside}."
            f"{delimiter_hint(names, 2 + labeled) or (_by_prefix_hint(labeled) if has_names else '')}"
        )
    half = len(numeric) // 2
    sides = numeric[:half], numeric[half:]
    if has_names:
        sides = _sides_by_names(where, names, sides, labeled)
    return VectorColumns(tuple(sides[0]), tuple(sides[1]), label, names, left_out)


def _by_prefix_hint(labeled: bool) -> str:
    example = ["left_", "right_", *(["label"] if labeled else [])]
    return f" Say which to read by what their names begin with, as in columns={example}."


def _usual(names: Sequence[str]) -> list[int]:
    """The places of columns that have a usual name of labels: those called "label", else all."""
    usual = [i for i, name in enumerate(names) if name.lower() in LABEL_NAMES]
    return [i for i in usual if names[i].lower() == "label"] or usual


def _label_column(where: str, names: Sequence[str]) -> int:
    """The place of the column called "label", else of that with another usual name, else of the last."""
    usual = _usual(names)
    if len(usual) > 1:
        received = ", ".join(repr(names[i]) for i in usual)
        raise DataFormatError(
            f"{where}: expected one class column. Received {received}, all usual names of one. Say which to read, "
            "and what the other columns' names begin with, as in columns=['left_', 'right_', 'label']."
        )
    return usual[0] if usual else len(names) - 1


Sides = tuple[list[int], list[int]]


def _sides_by_names(where: str, names: Sequence[str], halves: Sides, labeled: bool) -> Sides:
    """The sides that the names tell; the halves where they tell none.

    Raises:
        DataFormatError: the names tell other sides in more than one way, or contradict every one.
    """
    divided = [_divide(division, names, sorted((*halves[0], *halves[1]))) for division in _DIVISIONS]
    told = [(called, sides) for called, sides in filter(None, divided)]
    for candidates in (
        [sides for called, sides in told if called in _SIDE_NAMES],
        [sides for _, sides in told],
    ):
        if halves in candidates:
            return halves
        if candidates and all(sides == candidates[0] for sides in candidates):
            return candidates[0]
    if told or _straddles(names, halves):
        raise DataFormatError(
            f"{where}: expected first the columns of the left vector, then those of the right one. The names say "
            f"otherwise: {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}.{_by_prefix_hint(labeled)}"
        )
    return halves


def _divide(
    division: re.Pattern[str], names: Sequence[str], places: list[int]
) -> tuple[set[str], Sides] | None:
    """What two sides are called, and the sides; None where the names do not divide so."""
    sides: dict[str, dict[Any, int]] = {}
    for i in places:
        found = division.fullmatch(names[i].strip())
        if found is None or not found["side"]:
            return None
        place = int(found["place"]) if re.fullmatch("[0-9]{1,9}", found["place"]) else found["place"]
        if sides.setdefault(found["side"], {}).setdefault(place, i) != i:
            return None
    if len(sides) != 2:
        return None
    left, right = sides.values()
    if left.keys() != right.keys():
        return None
    called = {re.sub(r"[\W_]", "", side).lower() for side in sides}
    return called, (list(left.values()), [right[place] for place in left])


def _straddles(names: Sequence[str], halves: Sides) -> bool:
    """Whether columns of one name, but for their numbers, are on both sides beside columns of another name."""
    left, right = (Counter(names[i].rstrip("0123456789") for i in side) for side in halves)
    return bool(left.keys() & right.keys()) and len(left.keys() | right.keys()) > 1


def is_header(
    cells: Sequence[str],
    below: Sequence[str] | None,
    where: str,
    header: str,
    wanted: Sequence[str] | None,
    number: Callable[[Any], float | None],
) -> bool:
    """Whether the first row of a text file names its columns.

    Args:
        cells: of the first row.
        below: of the second row; None where there is none.
        where: the place of the first row, for messages.
        header: "yes", "no" or "auto".
        wanted: as of `VectorColumns.find`.
        number: a cell as a number, or None.

    Raises:
        DataFormatError: it cannot be told.
    """
    if header != "auto":
        return header == "yes"
    count = sum(number(cell) is not None for cell in cells)
    label_names = LABEL_NAMES if wanted is None else {*LABEL_NAMES, wanted[-1].lower()}
    hint = delimiter_hint(cells, 2)
    if any(cell.lower() in label_names for cell in cells) or (not count and not hint):
        return True
    if count < len(cells) - 1 or (count < len(cells) and hint):
        remedy = hint or " Pass header='yes' or header='no'."
        raise DataFormatError(
            f"{where}: cannot tell whether this is a header: {count} of {len(cells)} cells are numbers.{remedy}"
        )
    return len(cells) > 2 and _is_numbering(cells) and _tells_numbering(cells, below, where)


def _is_numbering(cells: Sequence[str]) -> bool:
    """Whether cells are 0, 1, 2, ... or 1, 2, 3, ..., as of pandas without names; a label may be named by a word."""
    numbers = cells if cells[-1].isdecimal() else cells[:-1]
    return any(list(numbers) == [str(i + first) for i in range(len(numbers))] for first in (0, 1))


def _tells_numbering(cells: Sequence[str], below: Sequence[str] | None, where: str) -> bool:
    if below is None:
        return False
    if any("." in cell or "e" in cell.lower() for cell in below):
        return True
    raise DataFormatError(
        f"{where}: cannot tell whether {', '.join(cells[:4])}, ... are names of columns or numbers. Pass "
        "header='yes' or header='no'."
    )
