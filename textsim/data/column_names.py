"""What messages say of columns' names: those that are there, the nearest to one that is not, what may divide them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

DELIMITERS = ("\t", ";", "|", ",")
# Of names in a message.
_MOST_SHOWN, _MOST_SHOWN_CHARACTERS = 20, 60


def choice(columns: Sequence[str], candidates: Sequence[Sequence[str]]) -> str:
    """What to say of columns that have several candidates; nothing where none has."""
    several = [
        f"{column}: {listed(names)}"
        for column, names in zip(columns, candidates, strict=True)
        if len(names) > 1
    ]
    return f"several columns may be {', and '.join(several)}" if several else ""


def listed(names: Sequence[str]) -> str:
    """Names of columns as messages show them: the first of many, and the beginning of long ones."""
    most = _MOST_SHOWN_CHARACTERS
    shown = [repr(name if len(name) <= most else f"{name[:most]}...") for name in names[:_MOST_SHOWN]]
    if len(names) > _MOST_SHOWN:
        shown.append(f"and {len(names) - _MOST_SHOWN:,} more")
    return ", ".join(shown) or "none"


def did_you_mean(name: str, names: Sequence[str]) -> str:
    """A sentence with the nearest of `names`, or nothing."""
    near = difflib.get_close_matches(name, names, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def delimiter_hint(cells: Sequence[Any], width: int) -> str:
    """A sentence with the delimiter that makes `width` cells or more of a row that has another number, or nothing."""
    if len(cells) != width > 1:
        text = "\0".join(map(str, cells))
        for delimiter in DELIMITERS:
            # Commas and bars stand in texts too.
            if text.count(delimiter) >= width - 1 and (delimiter in "\t;" or len(cells) == 1):
                remedy = f"pass delimiter={delimiter!r}"
                return f" If {delimiter!r} separates the columns, {remedy}."
    return ""
