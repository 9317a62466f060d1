"""What a file format is: its name, the endings of its files, how it is read and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, Protocol

import numpy as np

from textsim.data.formats.table import Table
from textsim.errors import ConfigError, InputError
from textsim.registry import Registry

FORMATS = Registry("file format", "textsim.data.formats")

Batch = Mapping[str, Sequence[Any] | np.ndarray]
"""Some rows to write: for each column its cells. See `TableWriter.write`."""


class TableWriter(Protocol):
    """Writes rows to an open file."""

    def write(self, batch: Batch) -> None:
        """Writes some rows.

        Args:
            batch: the cells of each column. An array of shape (rows,) holds numbers or bools: text formats write floats
                with six digits behind the point, and bools as 1 and 0. An array of shape (rows, k) holds vectors: a
                format without lists writes the k columns NAME_1 to NAME_k. Any other sequence holds texts, or cells
                as a file had them: None is a missing one; lists and objects are written as JSON.
        """

    def close(self) -> None:
        """Writes what belongs at the end. Leaves the file open."""


class Format:
    """A file format. A subclass registers itself by name in a module of this package, or of a package of one's own.

    Attributes:
        endings: of file names, in lower case, such as ".tsv".
        is_text: whether its files are text: they have an encoding, and ".gz" behind the ending compresses them.
    """

    registered_name: str
    endings: tuple[str, ...] = ()
    is_text = False

    @classmethod
    def recognizes(cls, beginning: bytes) -> bool:
        """Whether the first bytes of a file tell that it is of this format."""
        return False

    def open(
        self, file: BinaryIO, name: str, encoding: str | None, delimiter: str | None
    ) -> AbstractContextManager[Table]:
        """The rows of a file.

        Args:
            file: open at its beginning.
            name: of the file, for messages.
            encoding: of a text file; detected by default.
            delimiter: between columns, one character; by default that of the format.

        Raises:
            DataFormatError: the file is not of this format.
            ConfigError: the format has no delimiter, and one is given.
            MissingDependencyError: a library that reads it is not installed.
        """
        raise NotImplementedError

    def writer(self, file: BinaryIO, name: str, columns: Sequence[str]) -> TableWriter:
        """A writer of rows of the given columns into an open file.

        Raises:
            InputError: this format is not written.
            MissingDependencyError: a library that writes it is not installed.
        """
        raise InputError(
            f"{name}: {self.registered_name} is not written. Choose a name in .tsv, .csv, .jsonl, .parquet or .xlsx."
        )

    def no_delimiter(self, delimiter: str | None) -> None:
        """Refuses a delimiter where columns are not separated by one."""
        if delimiter is not None:
            raise ConfigError(
                f"delimiter {delimiter!r}: it separates columns of TSV and CSV. The format here is "
                f"{self.registered_name}: leave the delimiter out."
            )
