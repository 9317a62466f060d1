"""Where a table has the columns of a kind of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from textsim.data.column_names import DELIMITERS, choice, delimiter_hint, did_you_mean, listed
from textsim.data.formats.table import Cells, Table, is_blank
from textsim.data.labels import LabelRule
from textsim.data.row_getters import getter, getter_by_key, getter_of_every, getter_of_every_key
from textsim.data.row_kinds import PAIRS, TEXTS, TRIPLETS, UNLABELED, USUAL_NAMES, RowKind
from textsim.errors import ConfigError, DataFormatError
from textsim.io.paths import STREAM

C = TypeVar("C", str, str | int)

LINE = "line"
"""Kept like a column: the number of the line."""
EVERY = "*"
"""Kept alone, like a column: a dict of the cells of all columns that are not the kind's, by name."""


@dataclass(frozen=True)
class Columns:
    """Where a table has the columns of a kind.

    Attributes:
        names: of the columns in the file; without a header those of the kind.
        header: whether the first row was a header.
        expected: what a row must be, in words.
        get: from a row of the table to the cells of the kind's columns and those to keep; raises `BadRow`.
        kept: names of the columns to keep, `LINE` among them, for which `get` has no cell; without a header
            positions.
    """

    names: tuple[str, ...]
    header: bool
    expected: str
    get: Callable[[Cells], Sequence[Any]]
    kept: tuple[str, ...] = ()


Wanted = Sequence[str | int] | None


def parse_wanted(columns: Sequence[str | int] | None, kind: RowKind, header: str) -> Wanted:
    """Checks the columns that a user asks for: all names, or all positions from 1 (which may be strings).

    Raises:
        ConfigError: their number is not that of the kind's columns, or they are mixed, repeated or below 1,
            or are names where there is no header.
    """
    if columns is None:
        return None
    received = columns if isinstance(columns, str) else ", ".join(map(str, columns))
    if isinstance(columns, str) or len(columns) != len(kind.columns):
        raise ConfigError(
            f"columns: expected {len(kind.columns)} names or positions, for {', '.join(kind.columns)}. "
            f"Received {received}."
        )
    parsed = _parse_places("columns", columns)
    names = [column for column in parsed if isinstance(column, str)]
    if 0 < len(names) < len(parsed):
        raise ConfigError(f"columns: expected names alone or positions alone. Received {received:.200}.")
    if names and header == "no":
        raise ConfigError("columns: a file without a header has positions (from 1) and no names.")
    return parsed


def parse_keep(keep: Sequence[str | int], header: str) -> tuple[str | int, ...]:
    """Checks the columns that a user wants to keep: names, positions from 1 and `LINE`.

    Raises:
        ConfigError: one is repeated, or below 1, or is a name where there is no header.
    """
    if isinstance(keep, str):
        raise ConfigError(f"keep: expected a list of names or positions. Received the text {keep!r}.")
    parsed = _parse_places("keep", keep)
    if EVERY in parsed and len(parsed) > 1:
        raise ConfigError(f"keep: {EVERY!r} keeps all further columns. Received others beside it.")
    if header == "no" and any(isinstance(column, str) for column in _without_line(parsed)):
        raise ConfigError(f"keep: a file without a header has positions (from 1) and {LINE!r}, and no names.")
    return parsed


def _parse_places(what: str, columns: Sequence[str | int]) -> tuple[str | int, ...]:
    received = ", ".join(map(str, columns))
    names = [str(column) for column in columns]
    if len(set(names)) < len(names):
        raise ConfigError(f"{what}: expected different ones. Received {received}.")
    parsed = tuple(int(n) if n.isascii() and n.isdigit() and len(n) < 10 else n for n in names)
    if any(isinstance(column, int) and column < 1 for column in parsed):
        raise ConfigError(f"{what}: positions count from 1. Received {received}.")
    return parsed


def _without_line(keep: Sequence[C]) -> list[C]:
    """The columns of the file itself that are named."""
    return [column for column in keep if column not in (LINE, EVERY)]


def find_columns(
    table: Table,
    kind: RowKind,
    wanted: Wanted,
    header: str,
    rule: LabelRule,
    keep: Sequence[str | int] = (),
    asks: bool = True,
) -> Columns:
    """Finds the columns of `kind`; takes the header off `table.rows` where there is one.

    Args:
        table: at its beginning.
        kind: what a row holds.
        wanted: what `parse_wanted` returned.
        header: one of `HEADERS`.
        rule: what a label is, to tell a first row from a header with unusual names.
        keep: what `parse_keep` returned.
        asks: whether whole lines that look like rows of columns are asked about.

    Raises:
        DataFormatError: a column is not there, or it cannot be told whether there is a header.
        ConfigError: the format does not go with the kind or with `header`.
    """
    if table.keyed or table.names is not None:
        check_header(table, header)
        return _by_key(table, kind, wanted, keep)
    if table.format == "lines" and len(kind.columns) > 1:
        raise ConfigError(f"format 'lines': a line is one text. Expected rows of {', '.join(kind.columns)}.")
    expected = _expected(table, kind)
    in_order = tuple(range(len(kind.columns)))
    # Blank rows before the first that holds anything are bad rows and no header.
    whole_lines = table.format == "lines" and header != "yes" and not _without_line(keep)
    if whole_lines and asks:
        _check_single(table)
    if table.format in ("tsv", "csv") and len(kind.columns) == 1 and wanted is None:
        _check_single(table)
    rows = [] if whole_lines else table.take_until(lambda cells: not is_blank(cells), None)
    if not rows or not isinstance(rows[-1][1], list):
        # Nothing, or bad rows alone.
        table.put_back(rows)
        if keep == (EVERY,):
            get = getter_of_every(in_order, kind.columns, expected)
        else:
            get = getter(in_order, len(in_order), expected)
        return Columns(kind.columns, False, expected, get, tuple(map(str, keep)))
    *blank, (number, cells) = rows
    assert isinstance(cells, list)
    names = [str(cell).strip() for cell in cells]
    if header == "yes" or (header == "auto" and _is_header(names, kind, wanted, keep)):
        if wanted is None and len(names) == len(kind.columns) and not kind.is_among(names):
            places = in_order
        else:
            places = _places(table.where(number), names, kind, wanted)
        if len(names) != len(kind.columns):
            expected = f"{table.columns_of(len(names))} as in the header"
        table.put_back(blank)
        found = tuple(names[place] for place in places)
        if keep == (EVERY,):
            get = getter_of_every(places, _different(table.where(number), names), expected)
            return Columns(found, True, expected, get, keep)
        kept, more = _find_kept(table.where(number), names, kind, keep)
        return Columns(found, True, expected, getter(places + more, len(names), expected), kept)

    places, width = in_order, len(in_order)
    if wanted is not None:
        places, width = _places(table.where(number), names, kind, wanted), len(names)
        expected = f"{table.columns_of(width)} as in {table.unit} {number}"
    elif len(cells) > width:
        numbers = [place + 1 for place in places]
        first = f"{table.unit} {number}"
        expected += f"; of more, say which to read: columns={numbers}, and header='yes' if {first} names them"
    if header == "auto":
        _check_no_header(table.where(number), names, kind, wanted)
        if kind.labeled and len(cells) == width:
            _check_label(table, (number, cells), places[-1], rule)
    table.put_back(rows)
    if keep == (EVERY,):
        get = getter_of_every(places, [str(place + 1) for place in range(width)], expected)
        return Columns(kind.columns, False, expected, get, keep)
    more = _places(table.where(number), names, kind, _without_line(keep))
    get = getter(places + more, width, expected, asks_for_columns=wanted is None and len(cells) > width)
    return Columns(kind.columns, False, expected, get, tuple(map(str, keep)))


def check_header(table: Table, header: str) -> None:
    """Raises ConfigError where columns that have names are said to have none."""
    if header == "no":
        raise ConfigError(
            f"{table.name}: header 'no' is for TSV, CSV and Excel. The columns of {table.format} have names: leave the "
            "header out."
        )


def _by_key(table: Table, kind: RowKind, wanted: Wanted, keep: Sequence[str | int]) -> Columns:
    if table.names is not None:
        where, names = table.name, table.names
        places = _places(where, names, kind, wanted)
        expected = f"{len(names)} columns"
        keys = tuple(names[place] for place in places)
        if keep == (EVERY,):
            get = getter_of_every(places, _different(where, names), expected)
            return Columns(keys, False, expected, get, keep)
        kept, more = _find_kept(where, names, kind, keep)
        return Columns(keys, False, expected, getter(places + more, len(names), expected), kept)

    # The first rows may be bad ones, which are refused in their turn: the names are those of the first good one.
    def fits(names: list[str]) -> bool:
        return _has(names, kind, wanted) and _has(names, kind, tuple(_without_line(keep)))

    rows = table.take_until(lambda cells: isinstance(cells, dict) and fits(list(cells)))
    table.put_back(rows)
    objects = [(number, list(cells)) for number, cells in rows if isinstance(cells, dict)]
    if objects:
        number, names = next((row for row in objects if fits(row[1])), objects[0])
        where = table.where(number)
        keys = tuple(names[place] for place in _places(where, names, kind, wanted))
        kept = (EVERY,) if keep == (EVERY,) else _find_kept(where, names, kind, keep)[0]
    else:
        keys = kind.columns if wanted is None else tuple(map(str, wanted))
        kept = tuple(map(str, keep))
    every = keys + tuple(_without_line(kept))
    expected = f"a JSON object with the keys {', '.join(every)}"
    get = getter_by_key(every, expected)
    if kept == (EVERY,):
        return Columns(keys, False, expected, getter_of_every_key(keys, get), kept)
    return Columns(keys, False, expected, get, kept)


def _find_kept(
    where: str, names: Sequence[str], kind: RowKind, keep: Sequence[str | int]
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The names of the columns to keep, and the places of those that are the file's."""
    places = _places(where, names, kind, _without_line(keep))
    found = iter([names[place] for place in places])
    kept = tuple(LINE if column == LINE else next(found) for column in keep)
    if LINE in kept and LINE in names:
        raise DataFormatError(
            f"{where}: a column is named {LINE!r}, as what is kept as the number of the line. Rename the column."
        )
    if len(set(kept)) < len(kept):
        raise DataFormatError(
            f"{where}: expected columns of different names to keep. Received {', '.join(kept)}. Rename them."
        )
    return kept, places


def _expected(table: Table, kind: RowKind) -> str:
    if table.format == "lines":
        return "one text a line"
    if len(kind.columns) == 1:
        return f"{table.columns_of(1)} ({kind.columns[0]})"
    return f"{table.columns_of(len(kind.columns))} ({', '.join(kind.columns)})"


def _has(names: list[str], kind: RowKind, wanted: Wanted) -> bool:
    """Whether the wanted columns are among a file's `names`."""
    if wanted is None:
        return kind.is_among(names)
    return all(column <= len(names) if isinstance(column, int) else column in names for column in wanted)


def _is_header(names: list[str], kind: RowKind, wanted: Wanted, keep: Sequence[str | int]) -> bool:
    kept = [column for column in _without_line(keep) if isinstance(column, str)]
    if kept and all(name in names for name in kept):
        return True
    if wanted is not None and isinstance(wanted[0], int):
        chosen = [names[p - 1] for p in wanted if isinstance(p, int) and p <= len(names)]
        whole = any(other.is_among(names) for other in (PAIRS, UNLABELED, TRIPLETS))
        return whole or (len(chosen) == len(wanted) and kind.is_among(chosen))
    return _has(names, kind, wanted)


def _check_no_header(where: str, names: list[str], kind: RowKind, wanted: Wanted) -> None:
    """A first row that holds a usual name may be a header without the others: ask, and do not guess."""
    if any(name.lower() in USUAL_NAMES for name in names):
        example = (names * len(kind.columns))[: len(kind.columns)]
        remedy = (
            f"Say which to read, in that order, as in columns={example}."
            if wanted is None
            else "If the line names the columns, pass header='yes'."
        )
        raise DataFormatError(
            f"{where}: expected the columns {', '.join(kind.columns)}. Found the columns {listed(names)}. {remedy} "
            "If the line is a row and no header, pass header='no'."
        )


def _check_single(table: Table) -> None:
    """Single cells that divide, or whose first one names columns, may be rows of a table: ask, and do not guess."""
    # A person who types waits for no more than the first line.
    rows = table.take_until(lambda _: table.name == STREAM)
    table.put_back(rows)
    if any(len(cells) > 1 for _, cells in rows if isinstance(cells, list)):
        return
    lines = [str(cells[0]) for _, cells in rows if isinstance(cells, list) and cells]
    whole = "columns=[1]" if table.format != "lines" else "format='lines'"
    for delimiter in DELIMITERS if lines else ():
        counts = [line.count(delimiter) for line in lines]
        divided = len(lines) - counts.count(0)
        names = [name.strip() for name in lines[0].split(delimiter)]
        is_header = len(names) > 1 and any(name.lower() in USUAL_NAMES for name in names)
        # Tabs stand in hardly any text: a table may still have a few lines without.
        divides = (delimiter == "\t" and 2 * divided > len(lines)) or (
            delimiter in ";|" and divided == len(lines) > 1 and len(set(counts)) == 1
        )
        if is_header or divides:
            format = "format='tsv'" if delimiter == "\t" else f"format='csv', delimiter={delimiter!r}"
            which = (
                next((repr(name) for name in names if name.lower() in TEXTS.aliases[0]), "1")
                if is_header
                else "1"
            )
            seen = (
                f"the columns {listed(names)}"
                if is_header
                else f"{delimiter!r} in {divided} of {len(lines)} lines"
            )
            raise DataFormatError(
                f"{table.where(rows[0][0])}: expected one text a line. Received {seen}. Say which column to read, as "
                f"in {format}, columns=[{which}]; if each line is a text, pass {whole}."
            )


def _check_label(table: Table, first: tuple[int, list[Any]], place: int, rule: LabelRule) -> None:
    """A first row whose label is a word may be a header with unusual names: ask, and do not guess.

    So may one whose label is a word for 0 or 1, as 相同, where the label below it is a number.
    """
    number, cells = first
    text = str(cells[place]).strip()
    if not text or _has_digit(text):
        return
    remedy = "If this line names the columns, pass header='yes' or its names with columns=[...]"
    try:
        rule(cells[place])
    except ValueError as error:
        hint = table.quotes_hint(cells)
        raise DataFormatError(f"{table.where(number)}: {error} {remedy}.{hint}") from None
    second = next(table.rows, None)
    if second is None:
        return
    table.put_back([second])
    below = second[1][place] if isinstance(second[1], list) and len(second[1]) == len(cells) else ""
    if _has_digit(str(below)):
        raise DataFormatError(
            f"{table.where(number)}: expected a number as label, as below. Received {text!r}. {remedy}; "
            "if it is a row, pass header='no'."
        )


def _has_digit(text: str) -> bool:
    return any(character.isdigit() for character in text)


def _places(where: str, names: Sequence[str], kind: RowKind, wanted: Wanted) -> tuple[int, ...]:
    """The places, from 0, of the wanted columns among a file's `names`."""
    have = listed(names)
    chosen = _usual(where, names, kind) if wanted is None else wanted
    places = []
    for column in chosen:
        if isinstance(column, int):
            if column > len(names):
                raise DataFormatError(
                    f"{where}: column {column} is asked for. Received {len(names)} columns: {have}."
                    f"{delimiter_hint(names, len(chosen))}"
                )
            places.append(column - 1)
            continue
        if column not in names:
            hint = delimiter_hint(names, len(chosen)) or did_you_mean(column, names)
            raise DataFormatError(
                f"{where}: no column is named {column!r}. Received the columns {have}.{hint}"
            )
        if list(names).count(column) > 1:
            raise DataFormatError(
                f"{where}: the column name {column!r} occurs twice. Pass positions (from 1)."
            )
        places.append(list(names).index(column))
    return tuple(places)


def _usual(where: str, names: Sequence[str], kind: RowKind) -> tuple[str, ...]:
    """The columns that have usual names. Where there is a choice nobody says which is meant: ask, and do not guess."""
    candidates = kind.candidates(names)
    if not all(candidates):
        raise DataFormatError(
            f"{where}: expected the columns {', '.join(kind.columns)}. Received the columns {listed(names)}. "
            f"Say which to read with columns=[...].{delimiter_hint(names, len(kind.columns))}"
        )
    if choices := choice(kind.columns, candidates):
        example = [first for first, *_ in candidates]
        raise DataFormatError(f"{where}: {choices}. Say which to read, as in columns={example}.")
    return tuple(name for (name,) in candidates)


def _different(where: str, names: Sequence[str]) -> list[str]:
    """The columns' names, by position where there is none."""
    named = [name or str(place) for place, name in enumerate(names, 1)]
    twice = next((name for name in named if named.count(name) > 1), None)
    if twice is not None:
        raise DataFormatError(f"{where}: the column name {twice!r} occurs twice. Rename one.")
    return named
