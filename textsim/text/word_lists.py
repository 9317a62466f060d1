"""Files of words for jieba: user dictionaries and stop words."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from textsim.errors import ConfigError, DataFormatError

DictionaryEntry = tuple[str, "int | None", "str | None"]
"""A word, its frequency and its part-of-speech tag."""

# jieba keeps each beginning of a word as a word of its own: the memory grows with the square of the length.
MOST_CHARACTERS = 200
MOST_FREQUENT = 10**15

# As jieba.re_userdict, but for its one space: several, or a tab, would become part of the word.
_LINE = re.compile(r"(.+?)(?:\s+([0-9]+))?(?:\s+([a-z]+))?")
_CSV = re.compile(r"[^,;]+[,;]\s*[0-9]*\s*([,;]\s*[a-zA-Z]*\s*)?")
_LINE_END = re.compile(rb"\r\n|\n|\r")


def read_dictionary(source: str | os.PathLike[str]) -> Iterator[tuple[str, DictionaryEntry]]:
    """The entries of a user dictionary in jieba's format, each with where it stands.

    A line is ``word [frequency] [tag]``; a tag is of lower-case letters. A word may hold spaces.

    Raises:
        DataFormatError: the file cannot be read, is not UTF-8, or is CSV.
    """
    for where, line in _read_lines(source):
        match = _LINE.fullmatch(line)
        if match is None or _CSV.fullmatch(line):
            raise DataFormatError(
                f"{where}: expected `word [frequency] [tag]`, separated by spaces. Received {line!r:.80}."
            )
        word, digits, tag = match.groups()
        yield where, checked_entry([word, digits and _number(digits), tag], where, DataFormatError)


def dictionary_entries(source: Iterable[Any]) -> Iterator[tuple[str, DictionaryEntry]]:
    """The entries of a user dictionary that is given as words or as lists `[word, frequency, tag]`.

    Raises:
        ConfigError: an entry is neither.
    """
    for number, item in enumerate(source, 1):
        where = f"tokenizer option 'user_dictionary', entry {number}"
        parts = [item] if isinstance(item, str) else item
        if not isinstance(parts, Sequence) or not 1 <= len(parts) <= 3:
            raise ConfigError(f"{where}: expected a word or [word, frequency, tag]. Received {item!r:.80}.")
        yield where, checked_entry(parts, where, ConfigError)


def checked_entry(
    parts: Sequence[Any], where: str, error: type[ConfigError] | type[DataFormatError]
) -> DictionaryEntry:
    """An entry whose last two parts may be left out.

    Raises:
        error: a part has a value that it cannot have.
    """
    word, frequency, tag = [*parts, None, None][:3]
    if not isinstance(word, str) or not word.strip():
        raise error(f"{where}: expected a word. Received {word!r:.80}.")
    if len(word) > MOST_CHARACTERS:
        raise error(
            f"{where}: expected a word of at most {MOST_CHARACTERS} characters. Received one of {len(word):,}."
        )
    if frequency is not None and (not isinstance(frequency, int) or not 1 <= frequency <= MOST_FREQUENT):
        raise error(
            f"{where}: expected a whole frequency of 1 to {MOST_FREQUENT:.0e}. Received {frequency!r:.80}."
        )
    if tag is not None and not isinstance(tag, str):
        raise error(f"{where}: expected a part-of-speech tag (str). Received {tag!r:.80}.")
    return word, frequency, tag


def read_words(source: str | os.PathLike[str]) -> list[str]:
    """The words of a file, one a line.

    Raises:
        DataFormatError: the file cannot be read or is not UTF-8.
    """
    return [line for _, line in _read_lines(source)]


def _number(digits: str) -> int:
    # Python converts no number of more than 4,300 digits.
    return int(digits) if len(digits) < 20 else 10**20


def _read_lines(path: str | os.PathLike[str]) -> Iterator[tuple[str, str]]:
    """The lines that are not blank, stripped, each with where it is."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataFormatError(f"{path}: cannot be read: {error.strerror}.") from error
    for number, line in enumerate(_LINE_END.split(content.removeprefix(b"\xef\xbb\xbf")), 1):
        where = f"{path}, line {number}"
        try:
            text = line.decode().strip()
        except UnicodeDecodeError as error:
            raise DataFormatError(f"{where}: expected UTF-8. Received {line!r:.80}.") from error
        if text:
            yield where, text
