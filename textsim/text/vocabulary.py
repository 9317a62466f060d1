"""Tokens to ids and back."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

from textsim.errors import ConfigError, DataFormatError, InputError
from textsim.io.atomic import atomic_file

PAD = "[PAD]"
UNK = "[UNK]"
PAD_ID = 0
UNK_ID = 1
_SPECIALS = (PAD, UNK)


class Vocabulary:
    """An ordered set of tokens; a token's id is its place.

    Id 0 is padding, id 1 stands for what is not known. Both are places, not words: a text that happens to
    hold "[PAD]" or "[UNK]" never gets these ids through its own characters.

    Args:
        tokens: the tokens from id 2 on, each once.

    Raises:
        InputError: a token is not a str, is empty, occurs twice, holds a line end or cannot be written as
            UTF-8.
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        ids: dict[str, int] = {}
        for place, token in enumerate(tokens):
            problem = _problem(token) or ("occurs twice" if token in ids else None)
            if problem:
                raise InputError(f"vocabulary token {token!r} (number {place}) {problem}.")
            ids[token] = place + len(_SPECIALS)
        self._ids = ids
        self._tokens = (*_SPECIALS, *ids)

    @classmethod
    def fit(
        cls,
        counts: Mapping[str, int],
        min_count: int = 1,
        max_size: int | None = None,
        base: Vocabulary | None = None,
    ) -> Vocabulary:
        """The vocabulary of the most frequent tokens, most frequent first, ties in code point order.

        Args:
            counts: how often each token occurs.
            min_count: leave out tokens that occur less often.
            max_size: largest `len` of the vocabulary, PAD and UNK included.
            base: a vocabulary to extend: its tokens keep their ids, whatever their counts, and others follow.

        Raises:
            ConfigError: `min_count` is below 1 or `max_size` below 3.
        """
        if min_count < 1:
            raise ConfigError(f"vocabulary min_count: expected at least 1. Received {min_count}.")
        if max_size is not None and max_size <= len(_SPECIALS):
            raise ConfigError(
                f"vocabulary max_size: expected at least {len(_SPECIALS) + 1}, as {PAD} and {UNK} count. "
                f"Received {max_size}."
            )
        known = [] if base is None else base.tokens[len(_SPECIALS) :]
        kept = sorted(token for token, count in counts.items() if count >= min_count)
        kept.sort(key=lambda token: -counts[token])
        if base is not None:
            kept = [token for token in kept if token not in base]
        if max_size is not None:
            kept = kept[: max(0, max_size - len(_SPECIALS) - len(known))]
        return cls([*known, *kept])

    def __len__(self) -> int:
        return len(self._tokens)

    def __contains__(self, token: object) -> bool:
        return token in self._ids

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self._tokens == other._tokens

    def __hash__(self) -> int:
        return hash(self._tokens)

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} tokens)"

    @property
    def tokens(self) -> tuple[str, ...]:
        """All tokens in the order of their ids, beginning with PAD and UNK."""
        return self._tokens

    def encode(self, tokens: Sequence[str]) -> list[int]:
        """The ids of `tokens`.

        A word that is not known is read as its characters where the vocabulary has at least one of them (the
        others become UNK), else as one UNK. The result can therefore be longer than `tokens`.
        """
        get = self._ids.get
        ids = [get(token, UNK_ID) for token in tokens]
        if UNK_ID not in ids:
            return ids
        return list(chain.from_iterable(self._encode_word(token) for token in tokens))

    def _encode_word(self, word: str) -> Sequence[int]:
        known = self._ids.get(word)
        if known is not None:
            return (known,)
        ids = [self._ids.get(character, UNK_ID) for character in word]
        return ids if any(i != UNK_ID for i in ids) else (UNK_ID,)

    def decode(self, ids: Iterable[int]) -> list[str]:
        """The token of each id, "[PAD]" and "[UNK]" included.

        Raises:
            InputError: an id is below 0 or not below `len(self)`.
        """
        tokens = []
        for i in ids:
            if not 0 <= i < len(self._tokens):
                raise InputError(f"token id {i}: expected 0 to {len(self._tokens) - 1}.")
            tokens.append(self._tokens[i])
        return tokens

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the tokens one a line (UTF-8, LF), PAD and UNK first. The file is whole or not there."""
        with atomic_file(path) as file:
            file.writelines(f"{token}\n" for token in self._tokens)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Vocabulary:
        """Reads what `save` wrote. Lines end with LF alone: other line separators belong to the token.

        Raises:
            DataFormatError: the file cannot be read, is empty or cut short, is not UTF-8, does not begin
                with PAD and UNK, or holds an empty or repeated line.
        """
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise DataFormatError(f"{path}: cannot be read: {error.strerror}.") from error
        if not content:
            raise DataFormatError(
                f"{path}: expected one token a line, beginning with {PAD} and {UNK}. The file is empty."
            )
        try:
            lines = content.decode().split("\n")
        except UnicodeDecodeError as error:
            number = content.count(b"\n", 0, error.start) + 1
            raise DataFormatError(
                f"{path}, line {number}: expected UTF-8. Received {content[error.start : error.end]!r}."
            ) from error
        if lines.pop():
            raise DataFormatError(
                f"{path}, line {len(lines) + 1}: the last line has no line end. Is the file cut short?"
            )
        for number, special in enumerate(_SPECIALS, 1):
            line = lines[number - 1] if number <= len(lines) else ""
            if line != special:
                raise DataFormatError(f"{path}, line {number}: expected {special}. Received {line!r}.")
        seen: dict[str, int] = {}
        for number, token in enumerate(lines[len(_SPECIALS) :], len(_SPECIALS) + 1):
            if not token:
                raise DataFormatError(f"{path}, line {number}: expected a token. The line is empty.")
            if token in seen:
                raise DataFormatError(
                    f"{path}, line {number}: token {token!r} is already on line {seen[token]}."
                )
            seen[token] = number
        return cls(list(seen))


def _problem(token: object) -> str | None:
    if not isinstance(token, str):
        return f"is a {type(token).__name__}, not a str"
    if not token:
        return "is empty"
    if "\n" in token:
        return "holds a line end"
    try:
        token.encode()
    except UnicodeEncodeError:
        return "holds a lone surrogate, which UTF-8 cannot write"
    return None
