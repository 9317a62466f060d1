"""What a user says about the rows to read, the vocabulary and the word vectors. Frozen, and checked when made."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from textsim.config.checks import LARGEST
from textsim.data.labels import LabelRule
from textsim.errors import ConfigError
from textsim.io.paths import STREAM, as_text
from textsim.text.embeddings import MOST_DIM

if TYPE_CHECKING:
    from textsim.data.rejects import RejectLog

AnyPath = str | os.PathLike[str]

HEADERS = ("auto", "yes", "no")
BAD_ROW_POLICIES = ("error", "skip")


@dataclass(frozen=True)
class Reading:
    """How rows are read.

    Args:
        columns: for each column of the kind its name, or its position from 1 as `cut -f` counts. By default columns
            with the usual names (see `RowKind.aliases`) are found where the source has names; else it must have just
            the columns of the kind, in order. Of vectors: what the names of the left columns begin with, what those of
            the right ones begin with, and the name of the label.
        header: "yes", "no", or "auto": the first row of a file is a header when it holds the `columns` that are asked
            for by name, or the usual names.
        format: the name of a registered format, such as "csv"; by default the one that the file's name tells.
        encoding: of a text file; by default detected.
        delimiter: of TSV and CSV, in place of the tab or comma.
        on_bad_row: "error" or "skip" (texts).
        rejects: where rows that are skipped are written down: a log, or a file to make.
        label_threshold: allows graded labels, and makes them 1 where they are at least this, else 0.
        label_max: allows graded labels from 0 to this, and keeps them as fractions of it.
        keep: further columns whose cells are handed on as they are, by name or position; "line" is the number of the
            line, and "*" alone a dict of all further cells by name (texts).

    Raises:
        ConfigError: one has a value that it cannot have, or two exclude each other.

    Example:
        >>> Reading(columns=["query", "question", "same"], on_bad_row="skip").skips
        True
    """

    columns: Sequence[str | int] | None = None
    header: str = "auto"
    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    on_bad_row: str = "error"
    rejects: RejectLog | AnyPath | None = None
    label_threshold: float | None = None
    label_max: float | None = None
    keep: Sequence[str | int] = ()

    def __post_init__(self) -> None:
        if self.header not in HEADERS:
            raise ConfigError(f"header {self.header!r}: expected one of: {', '.join(HEADERS)}.")
        if self.on_bad_row not in BAD_ROW_POLICIES:
            raise ConfigError(
                f"on_bad_row {self.on_bad_row!r}: expected one of: {', '.join(BAD_ROW_POLICIES)}."
            )
        if self.rejects is not None and not self.skips:
            raise ConfigError(
                "rejects are written with on_bad_row 'skip' only: pass both or leave rejects out."
            )
        LabelRule(self.label_threshold, self.label_max)

    @property
    def skips(self) -> bool:
        """Whether bad rows are skipped."""
        return self.on_bad_row == "skip"

    @property
    def label_rule(self) -> LabelRule:
        return LabelRule(self.label_threshold, self.label_max)

    @property
    def dialect(self) -> dict[str, Any]:
        """What `open_source` is told of a file."""
        return {"format": self.format, "encoding": self.encoding, "delimiter": self.delimiter}

    @property
    def reject_files(self) -> list[AnyPath]:
        """The file that rejects make, where they make one of their own."""
        return [self.rejects] if isinstance(self.rejects, str | os.PathLike) else []

    def replace(self, **changes: Any) -> Reading:
        """A copy with some settings changed."""
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold of the settings: all but where rejects go."""
        return _plain(self, leaving_out="rejects")


@dataclass(frozen=True)
class VocabularySettings:
    """Which tokens have an id, and how many ids of a text are kept.

    Args:
        base: a dataset or model folder, or the name of a bundled model, whose vocabulary is extended: its tokens keep
            their ids, new ones follow. Its tokenizer and, unless it is given, max_length are taken too.
        min_count: tokens that occur more rarely in the training rows are left out.
        max_size: so many tokens at most, the most frequent ones; padding and the unknown token included.
        max_length: token ids that a text is truncated to; by default the 99.5th percentile of the number of tokens over
            all texts of the training rows. At most `LARGEST`, as many as a text can have.

    Raises:
        ConfigError: a number is below 1, or `max_length` too large.

    Example:
        >>> VocabularySettings(base="zh-general", max_length=64).min_count
        1
    """

    base: AnyPath | None = None
    min_count: int = 1
    max_size: int | None = None
    max_length: int | None = None

    def __post_init__(self) -> None:
        _check_positive(min_count=self.min_count, max_size=self.max_size)
        _check_positive(LARGEST, max_length=self.max_length)

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON can hold them."""
        return _plain(self)


@dataclass(frozen=True)
class WordVectorSettings:
    """Where the word vectors of the embedding come from: a file, or training on the texts.

    Args:
        file: of word vectors; see `textsim.text.word_vectors.read_word_vectors`.
        train_dim: in its place, the dimension of vectors to train on the texts of the training rows, at most
            `MOST_DIM`.
        extra_text: files of raw text, a sentence or paragraph a line, to train the vectors on too.

    Raises:
        ConfigError: both a file and a dimension are given or neither, extra text without a dimension, or a dimension
            out of its range.

    Example:
        >>> WordVectorSettings(train_dim=200, extra_text="chats.txt").extra_text
        ('chats.txt',)
    """

    file: AnyPath | None = None
    train_dim: int | None = None
    extra_text: Sequence[AnyPath] = ()

    def __post_init__(self) -> None:
        if isinstance(self.extra_text, str | os.PathLike):
            object.__setattr__(self, "extra_text", (self.extra_text,))
        _check_positive(MOST_DIM, train_dim=self.train_dim)
        if self.file is not None and self.train_dim is not None:
            raise ConfigError("word vectors: file and train_dim exclude each other. Pass one of them.")
        if self.extra_text and self.train_dim is None:
            raise ConfigError("extra_text is for training word vectors: pass train_dim too.")
        if self.file is None and self.train_dim is None:
            raise ConfigError("word vectors: expected a file or train_dim. Received neither.")
        if any(os.fspath(path) == STREAM for path in self.extra_text):
            raise ConfigError("extra_text: expected files, which are read more than once. Received '-'.")

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON can hold them."""
        return _plain(self)


def _plain(settings: Any, leaving_out: str = "") -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        return as_text(value) if isinstance(value, str | os.PathLike) else value

    given = {name: getattr(settings, name) for name in settings.__dataclass_fields__ if name != leaving_out}
    return {name: plain(value) for name, value in given.items()}


def _check_positive(most: int | None = None, **numbers: int | None) -> None:
    for name, value in numbers.items():
        if value is None or (value >= 1 and (most is None or value <= most)):
            continue
        expected = "at least 1" if most is None else f"1 to {most:,}"
        raise ConfigError(f"{name}: expected {expected}. Received {value!s:.20}.")
