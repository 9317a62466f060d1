"""What was done with a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from textsim.data.rows import FileInfo


@dataclass(frozen=True)
class FileReport:
    """What was done with a file.

    Attributes:
        encoding: of the input; None where it has none, as Parquet.
        rows: rows written.
        matches: rows that are decided to be matches; None where nothing is compared.
        rejected: bad rows that were left out.
        rejected_lines: the numbers of the first few of them.
        quoted: cells of TSV in double quotes, which are kept.
        undecoded: rows with U+FFFD in a text: what stood there was lost before.
        left_out: the name of a column of labels that was not read, since the file is scored; else None.
        truncated: texts of which only the beginning was read, each time counted.
        indistinct: pairs of different texts that are one to the model.
        seconds: how long it took.
    """

    encoding: str | None = None
    rows: int = 0
    matches: int | None = None
    rejected: int = 0
    rejected_lines: list[int] = field(default_factory=list)
    quoted: int = 0
    undecoded: int = 0
    left_out: str | None = None
    truncated: int = 0
    indistinct: int = 0
    seconds: float = 0.0

    @classmethod
    def of_sources(cls, infos: Sequence[FileInfo]) -> FileReport:
        """What was found about sources whose rows are all read; of encodings the first that is not UTF-8."""
        encodings = sorted((info.encoding for info in infos), key=lambda name: name in (None, "utf-8"))
        return cls(
            encoding=encodings[0] if encodings else None,
            rejected=sum(info.rejected for info in infos),
            quoted=sum(info.quoted for info in infos),
            undecoded=sum(info.undecoded for info in infos),
        )
