"""What is to be stored: texts with ids and payloads, from lists, records, data frames and files."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from textsim.data.column_names import choice
from textsim.data.columns import EVERY
from textsim.data.row_kinds import TEXTS
from textsim.data.sources import name_of
from textsim.errors import InputError, shown
from textsim.matching.files.report import FileReport
from textsim.matching.files.text_file import TextFile
from textsim.matching.matcher import CHUNK_ROWS
from textsim.matching.text_matcher import TextMatcher, TokenizedTexts

# Names of a column, in lower case, that are taken for the id.
_ID_NAMES = frozenset({"id", "qid", "question_id", "faq_id", "entry_id", "doc_id", "编号", "序号", "标识"})


# Of lists and mappings within each other in a payload.
_MOST_LEVELS = 64


class Entry(NamedTuple):
    """A text to store.

    Attributes:
        text: it.
        id: of what it stands for, such as the number of an answer; texts that share one are phrasings of one entry.
            None for a number that no other has.
        payload: what is to come back with a hit, by name: anything that JSON holds.
    """

    text: str
    id: str | None = None
    payload: Mapping[str, Any] = {}


class Batch(NamedTuple):
    """Some entries, and their texts as the model reads them."""

    entries: list[Entry]
    texts: TokenizedTexts


class EntryFile:
    """The entries of a file, to be read once.

    As in a record, see `entries`: a column of a usual name holds the text, another one the id, and every other is
    payload.

    Args:
        matcher: the model that reads the texts.
        source: the file; "-" is standard input.
        reading: how to read it, see `textsim.data.rows.read_rows`; `columns` names the column of the text alone.

    Raises:
        DataFormatError: the source cannot be read, or, while it is read, a row is bad and not to be skipped; names the
            line.
    """

    def __init__(self, matcher: TextMatcher, source: str | os.PathLike[str], **reading: Any) -> None:
        self.matcher = matcher
        self._rows, self._start = 0, time.perf_counter()
        self._name = name_of(source)
        self._file = TextFile(matcher, source, TEXTS, {**reading, "keep": [EVERY]})

    def batches(self) -> Iterator[Batch]:
        """The entries of the file."""
        for chunk, (texts,) in self._file:
            self._rows += len(texts)
            rows = zip(texts.texts, chunk.kept[EVERY], strict=True)
            yield Batch([_entry(text, others, self._name) for text, others in rows], texts)

    def close(self) -> None:
        """Closes the file before its end."""
        self._file.close()

    def report(self) -> FileReport:
        """What was read so far, and what was found about the file; `rows` are the entries."""
        return self._file.report(rows=self._rows, seconds=time.perf_counter() - self._start)


def batches(matcher: TextMatcher, rows: Iterable[Any] | EntryFile) -> Iterator[Batch]:
    """The entries of rows as `entries` takes them, or of a file, as the model reads them.

    Raises:
        InputError: a row is none of these, or its text is not a str or is empty; names its place.
    """
    if isinstance(rows, EntryFile):
        yield from rows.batches()
        return
    stream, start = entries(rows), 0
    while some := list(islice(stream, CHUNK_ROWS)):
        places = map("rows[{}]".format, range(start, start + len(some)))
        yield Batch(some, matcher.read([entry.text for entry in some], list(places).__getitem__))
        start += len(some)


def entries(rows: Iterable[Any]) -> Iterator[Entry]:
    """The entries of texts, `Entry` tuples, records (mappings) or a data frame.

    In a record, a column of a usual name holds the text (text, sentence, question, 问题, ...), another one the id (id,
    qid, 编号, ...), and every other is payload.

    Raises:
        InputError: a row is nothing of these; names its place.
    """
    if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Iterable):
        raise InputError(
            f"rows: expected a list of texts or records. Received {shown(rows)}. For one text pass [text]."
        )
    if hasattr(rows, "iloc") and hasattr(rows, "columns"):
        # A data frame, found out without pandas: None for what is missing, Python's numbers for NumPy's.
        frame: Any = rows
        rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    for place, row in enumerate(rows):
        if isinstance(row, Entry):
            yield row
        elif isinstance(row, Mapping):
            where = f"rows[{place}]"
            text = _text_column(list(map(str, row)), where)
            yield _entry(row[text], {name: value for name, value in row.items() if name != text}, where)
        else:
            yield Entry(row)


def _text_column(names: list[str], where: str) -> str:
    """The column of a record that holds the text."""
    candidates = TEXTS.candidates(names)
    if not all(candidates):
        raise InputError(
            f"{where}: expected a column 'text', or of another usual name. Received the columns "
            f"{', '.join(map(repr, names)) or 'none'}. Rename one."
        )
    if choices := choice(TEXTS.columns, candidates):
        raise InputError(f"{where}: {choices}. Name the one to read 'text'.")
    return candidates[0][0]


def _entry(text: Any, others: Mapping[str, Any], where: str) -> Entry:
    """The entry of a row: its id is a column of a usual name, its payload the others."""
    ids = [name for name in others if str(name).lower() in _ID_NAMES]
    if len(ids) > 1 and "id" in ids:
        ids = ["id"]
    if not ids:
        return Entry(text, None, others)
    if choices := choice(["id"], [ids]):
        raise InputError(f"{where}: {choices}. Name the one to take 'id'.")
    payload = {name: value for name, value in others.items() if name != ids[0]}
    return Entry(text, _id_text(others[ids[0]]), payload)


def _id_text(value: Any) -> str | None:
    """An id as text; None where it is missing."""
    if value is None or value == "" or value != value:
        return None
    # A column of numbers of which one is missing is one of floats to pandas.
    whole = isinstance(value, float) and value.is_integer()
    return clean(str(int(value) if whole else value))


def payload_cells(payload: Any, where: str) -> dict[str, Any]:
    """A payload by the names that it is stored under: texts, as JSON has no others.

    Raises:
        InputError: it is no mapping, or two of its names are one as text.
    """
    cells = (
        {clean(str(name)): value for name, value in payload.items()} if isinstance(payload, Mapping) else {}
    )
    if not isinstance(payload, Mapping) or len(cells) < len(payload):
        raise InputError(
            f"{where}: expected a payload that maps names, which differ as text, to values. Received {shown(payload)}."
        )
    return cells


def payload_json(payload: Mapping[str, Any], where: str) -> str:
    """A payload as it is stored.

    Raises:
        InputError: JSON cannot hold it, or it is nested so deeply that others may not read it.
    """
    try:
        text = clean(json.dumps(payload, ensure_ascii=False, default=_plain, allow_nan=False))
        if text.count("{") + text.count("[") > _MOST_LEVELS and _is_deep(json.loads(text), _MOST_LEVELS):
            raise ValueError("nested too deeply")
        return text
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"{where}: expected a payload that JSON can hold, in at most {_MOST_LEVELS} levels. Received "
            f"{shown(payload)}."
        ) from error


def _is_deep(value: Any, levels: int) -> bool:
    """Whether lists and mappings lie within each other in more levels."""
    if not isinstance(value, list | dict):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deep(part, levels - 1) for part in inner)


def _plain(value: Any) -> Any:
    """Numbers of NumPy as Python's; dates as text."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise TypeError


def clean(text: str) -> str:
    """A text as UTF-8 can hold it: half of a surrogate pair alone becomes a question mark."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text
