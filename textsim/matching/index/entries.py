"""What is to be stored: texts with ids and payloads, from lists, records, data frames and files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from textsim.data.columns import TEXTS
from textsim.errors import InputError, shown

ID_NAMES = frozenset({"id", "qid", "question_id", "faq_id", "entry_id", "doc_id", "编号", "序号", "标识"})
"""Names of a column, in lower case, that are taken for the id."""


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


def entries(rows: Iterable[Any]) -> Iterator[Entry]:
    """The entries of texts, `Entry` tuples, records (mappings) or a data frame.

    In a record, a column of a usual name holds the text (text, sentence, question, 问题, ...) and the id (id, qid, 编号,
    ...); every other is payload.

    Raises:
        InputError: a row is nothing of these; names its place.
    """
    if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Iterable):
        raise InputError(
            f"rows: expected a list of texts or records. Received {shown(rows)}. For one text pass [text]."
        )
    if hasattr(rows, "iloc") and hasattr(rows, "columns"):
        # A data frame, found out without pandas: None for what is missing, Python's numbers for NumPy's.
        rows = rows.astype(object).where(rows.notna(), None).to_dict("records")
    columns: dict[tuple[str, ...], tuple[str, str | None]] = {}
    for place, row in enumerate(rows):
        if isinstance(row, Entry):
            yield row
        elif isinstance(row, Mapping):
            names = tuple(map(str, row))
            if names not in columns:
                columns[names] = find_columns(names, f"rows[{place}]")
            text, id = columns[names]
            payload = {name: value for name, value in row.items() if name not in (text, id)}
            yield Entry(row[text], None if id is None else id_text(row[id]), payload)
        else:
            yield Entry(row)


def find_columns(names: Iterable[str], where: str) -> tuple[str, str | None]:
    """The names of the columns of the text and of the id; None for an id that is not there."""
    names = list(names)
    found = TEXTS.find(names)
    if found is None:
        raise InputError(
            f"{where}: expected a column 'text', or of another usual name. Received the columns "
            f"{', '.join(map(repr, names)) or 'none'}. Rename one."
        )
    return found[0], next((name for name in names if name.lower() in ID_NAMES), None)


def id_text(value: Any) -> str | None:
    """An id as text; None where it is missing."""
    return None if value is None or value == "" else clean(str(value))


def payload_json(payload: Mapping[str, Any], where: str) -> str:
    """A payload as it is stored.

    Raises:
        InputError: JSON cannot hold it.
    """
    try:
        return clean(json.dumps(payload, ensure_ascii=False, default=_plain, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: expected a payload that JSON can hold. Received {shown(payload)}.") from error


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
