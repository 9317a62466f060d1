"""Scores and encodes files of any length, as streams."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import sys
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from tqdm import tqdm

from textsim.data.rows import TEXTS, UNLABELED, RejectLog, RowChunk, RowKind, read_rows
from textsim.data.vectors import iter_vector_pairs
from textsim.errors import InputError
from textsim.io.atomic import atomic_file
from textsim.io.npy import NpyWriter
from textsim.io.paths import STREAM, check_target, is_gzip, is_stream
from textsim.matching.index.text_index import TextIndex
from textsim.matching.text_matcher import CACHE_BYTES, Matcher, TextMatcher, VectorMatcher

_CHUNK_ROWS = 8192
_SCORE_COLUMNS = ("text_a", "text_b", "score", "match")
_OTHER_FORMATS = (".csv", ".jsonl", ".ndjson", ".parquet", ".pq", ".npy", ".npz", ".xlsx", ".xls")


@dataclass
class FileReport:
    """What was done with a file.

    Attributes:
        encoding: of the input; None where it has none, as Parquet.
        rows: rows written.
        matches: rows that score at least the threshold; None where nothing is compared.
        rejected: bad rows that were left out.
        rejected_lines: the numbers of the first few of them.
        quoted: cells of TSV in double quotes, which are kept.
        truncated: texts of which only the beginning was read, each time counted.
        indistinct: pairs of different texts that the model reads alike.
        seconds: how long it took.
    """

    encoding: str | None = None
    rows: int = 0
    matches: int | None = None
    rejected: int = 0
    rejected_lines: list[int] = field(default_factory=list)
    quoted: int = 0
    truncated: int = 0
    indistinct: int = 0
    seconds: float = 0.0


def score_file(
    matcher: TextMatcher | VectorMatcher,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    progress: bool | None = None,
    cache_bytes: int = CACHE_BYTES,
    **reading: Any,
) -> FileReport:
    """Scores every pair of a file as a stream: rows keep their order, and memory does not grow with them.

    The output is TSV with a header: text_a, text_b, score, match (1 or 0), and the columns of the source that
    `keep` names; for vectors row, score, match. Tabs and line ends inside a text are written as spaces.

    Args:
        matcher: the loaded model.
        source: file of pairs; "-" is standard input (texts).
        target: the file to write, which appears when it is complete, compressed if it ends in ".gz"; "-" is standard
            output.
        progress: show a progress bar on standard error; by default where that is a terminal.
        cache_bytes: memory for encoded texts that occur again later in the file; what no longer fits waits in a
            temporary file, so that each text is encoded once. A matcher's own cache is used instead, and that alone.
        reading: how to read the source: arguments of `textsim.data.rows.read_rows`, or, for vectors, of
            `textsim.data.vectors.iter_vector_pairs`.

    Raises:
        DataFormatError: the source cannot be read, or a row is bad and not to be skipped; names the line.
        InputError: the target is the source, or where rejected rows go, or its name is that of another format;
            or a column to keep has the name of one that is written.
    """
    report, start = FileReport(matches=0), time.perf_counter()
    _check_outputs(target, source, reading)
    if not isinstance(matcher, TextMatcher | VectorMatcher):
        raise InputError(f"matcher: expected a loaded matcher. Received {type(matcher).__name__}.")
    lines = (
        _text_lines(matcher, source, report, cache_bytes, reading)
        if isinstance(matcher, TextMatcher)
        else _vector_lines(matcher, source, report, reading)
    )
    with contextlib.closing(lines), open_output(target) as output, _bar(progress, "pairs") as bar:
        for rows, text in lines:
            # Half a surrogate pair, which JSON can hold, is no UTF-8.
            output.write(text.encode("utf-8", "replace"))
            bar.update(rows)
    report.seconds = time.perf_counter() - start
    return report


def encode_file(
    matcher: TextMatcher,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    progress: bool | None = None,
    cache_bytes: int = CACHE_BYTES,
    **reading: Any,
) -> FileReport:
    """Encodes every text of a file, as a stream.

    Vectors are in the order of the texts. A bad row that is skipped has none: `rejects` names their lines.

    Args:
        matcher: the loaded model.
        source: file of texts, one a line or in a column; "-" is standard input.
        target: the .npy file to write, float32 (texts, dim), which appears when it is complete; no stream.
        progress, cache_bytes, reading: as in `score_file`.

    Raises:
        DataFormatError: the source cannot be read, or a row is bad and not to be skipped; names the line.
        InputError: the target is the source, or where rejected rows go, or a stream.
    """
    report, start = FileReport(), time.perf_counter()
    _check_outputs(target, source, reading)
    if is_stream(target):
        raise InputError(
            f"{target}: vectors are written to a file, whose beginning is written last. Choose a path."
        )
    chunks = read_keys(matcher, source, TEXTS, report, reading)
    # The writer opens the file by name, since it writes the header, which holds the number of rows, last.
    with (
        matcher.cache_for_a_pass(cache_bytes) as cache,
        contextlib.closing(chunks),
        atomic_file(target, "wb") as file,
        NpyWriter(file.name, np.float32, matcher.dim) as writer,
        _bar(progress, "texts") as bar,
    ):
        for _, (keys,) in chunks:
            encoded, rows = matcher.encode_keys(keys, cache)
            writer.append(encoded[rows])
            report.rows += len(keys)
            bar.update(len(keys))
    report.seconds = time.perf_counter() - start
    return report


def stored_texts(
    matcher: TextMatcher,
    source: str | os.PathLike[str],
    *,
    report: FileReport | None = None,
    **reading: Any,
) -> list[str]:
    """The texts of a file, as a `TextIndex` takes them.

    Args:
        matcher: the loaded model, which must be able to read each.
        source: file of texts, one a line or in a column.
        report: told what was read and left out.
        reading: as in `score_file`.

    Raises:
        DataFormatError: the source cannot be read, or a row is bad and not to be skipped; names the line.
    """
    report = FileReport() if report is None else report
    texts: list[str] = []
    with contextlib.closing(read_keys(matcher, source, TEXTS, report, reading)) as chunks:
        for chunk, _ in chunks:
            texts += chunk.texts[0]
    report.rows = len(texts)
    return texts


def search_file(
    index: TextIndex,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    k: int = 5,
    progress: bool | None = None,
    **reading: Any,
) -> FileReport:
    """Searches an index for each text of a file, as a stream.

    The output is TSV with a header: text, rank (from 1), found, cosine, score, match (1 or 0), `k` rows a text. Tabs
    and line ends inside a text are written as spaces.

    Args:
        index: the stored texts.
        source: file of texts, one a line or in a column; "-" is standard input.
        target, progress, reading: as in `score_file`.
        k: how many stored texts to find for each.

    Returns:
        The report; its `rows` are the texts of the source, its `matches` those whose first is a match.

    Raises:
        DataFormatError: the source cannot be read, or a row is bad and not to be skipped; names the line.
        InputError: as `score_file`, or `k` is less than 1.
    """
    report, start = FileReport(matches=0), time.perf_counter()
    _check_outputs(target, source, reading)
    chunks = read_keys(index.matcher, source, TEXTS, report, reading)
    with contextlib.closing(chunks), open_output(target) as output, _bar(progress, "texts") as bar:
        header = "text\trank\tfound\tcosine\tscore\tmatch\n"
        for chunk, (keys,) in chunks:
            (texts,) = chunk.texts
            before = index.matcher.indistinct
            found = index.search_keys(texts, keys, k)
            report.indistinct += index.matcher.indistinct - before
            lines = [
                f"{_one_line(text)}\t{rank}\t{_one_line(hit.text)}\t{hit.cosine:.6f}\t{hit.score:.6f}\t{hit.match:d}\n"
                for text, hits in zip(texts, found, strict=True)
                for rank, hit in enumerate(hits, 1)
            ]
            output.write((header + "".join(lines)).encode("utf-8", "replace"))
            header = ""
            report.rows += len(texts)
            report.matches += sum(hits[0].match for hits in found)  # type: ignore[operator]
            bar.update(len(texts))
    report.seconds = time.perf_counter() - start
    return report


def _text_lines(
    matcher: TextMatcher,
    source: str | os.PathLike[str],
    report: FileReport,
    cache_bytes: int,
    reading: Mapping[str, Any],
) -> Generator[tuple[int, str], None, None]:
    """Chunks of the output: (rows, text)."""
    chunks = read_keys(matcher, source, UNLABELED, report, reading)
    with matcher.cache_for_a_pass(cache_bytes) as cache, contextlib.closing(chunks):
        for number, (chunk, (keys_a, keys_b)) in enumerate(chunks):
            texts_a, texts_b = chunk.texts
            header = "" if number else _header(chunk.kept)
            before = matcher.indistinct
            scores = matcher.score_keys(keys_a, keys_b, matcher.differ(texts_a, texts_b), cache)
            report.indistinct += matcher.indistinct - before
            columns = [map(_one_line, texts_a), map(_one_line, texts_b), _numbers(scores, matcher, report)]
            columns += [map(_cell, cells) for cells in chunk.kept.values()]
            lines = map("\t".join, zip(*columns, strict=True))
            yield len(scores), header + "".join(f"{line}\n" for line in lines)


def _header(kept: Iterable[str]) -> str:
    names = [_one_line(name) for name in kept]
    for name in names:
        if name in _SCORE_COLUMNS:
            raise InputError(
                f"keep: expected columns other than {', '.join(_SCORE_COLUMNS)}, which are written anyway. "
                f"Received {name!r}. Give it another name in the file."
            )
    return "\t".join([*_SCORE_COLUMNS, *names]) + "\n"


def _cell(value: Any) -> str:
    """A cell of a file as it is written: nothing where it is missing; true, false, lists and objects as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool | list | dict):
        value = json.dumps(value, ensure_ascii=False, default=str)
    return _one_line(str(value))


def _vector_lines(
    matcher: VectorMatcher, source: str | os.PathLike[str], report: FileReport, reading: Mapping[str, Any]
) -> Generator[tuple[int, str], None, None]:
    header = "row\tscore\tmatch\n"
    for chunk in iter_vector_pairs(source, labeled=False, **reading):
        first = report.rows + 1
        numbers = _numbers(matcher.score_pairs(chunk.left, chunk.right), matcher, report)
        yield len(chunk), header + "".join(f"{row}\t{number}\n" for row, number in enumerate(numbers, first))
        header = ""


def _numbers(scores: np.ndarray, matcher: Matcher, report: FileReport) -> list[str]:
    """The columns score and match; counts both."""
    # As wide as the threshold, as everywhere.
    matches = scores.astype(np.float64) >= matcher.threshold
    report.rows += len(scores)
    report.matches = (report.matches or 0) + int(matches.sum())
    return [f"{score:.6f}\t{match:d}" for score, match in zip(scores.tolist(), matches.tolist(), strict=True)]


def read_keys(
    matcher: TextMatcher,
    source: str | os.PathLike[str],
    kind: RowKind,
    report: FileReport,
    reading: Mapping[str, Any],
) -> Generator[tuple[RowChunk, list[list[bytes]]], None, None]:
    """Chunks of a file, and for each column of texts their keys; bad rows left out."""
    reader = read_rows(source, kind, **{"chunk_rows": _CHUNK_ROWS, **reading})
    with contextlib.closing(reader):
        for chunk in reader:
            known: dict[str, tuple[bytes, bool]] = {}
            good: list[int] = []
            for place, row in enumerate(zip(*chunk.texts, strict=True)):
                try:
                    for name, text in zip(kind.columns[: kind.texts], row, strict=True):
                        if text not in known:
                            known[text] = matcher.key(text, name)
                except InputError as error:
                    reader.reject(chunk.lines[place], str(error), "\t".join(row))
                    continue
                good.append(place)
            if len(good) < len(chunk):
                chunk = chunk.take(good)
            found = [[known[text] for text in column] for column in chunk.texts]
            truncated = sum(cut for column in found for _, cut in column)
            matcher.count_truncated(truncated)
            report.truncated += truncated
            report.encoding, report.quoted = reader.info.encoding, reader.info.quoted
            yield chunk, [[key for key, _ in column] for column in found]
        report.rejected, report.rejected_lines = reader.info.rejected, sorted(reader.rejected_lines)


def _check_outputs(
    target: str | os.PathLike[str], source: str | os.PathLike[str], reading: Mapping[str, Any]
) -> None:
    rejects = reading.get("rejects")
    named = [] if rejects is None or isinstance(rejects, RejectLog) else [rejects]
    check_target(target, [source, *named])


@contextlib.contextmanager
def open_output(target: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Opens the TSV file to write, which appears when it is complete; "-" is standard output.

    Compressed where its name ends in ".gz", with the same bytes each time.

    Raises:
        InputError: its name is that of a file of another format.
    """
    if os.fspath(target) == STREAM:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    name, packed = os.fspath(target), is_gzip(target)
    suffix = Path(name[:-3] if packed else name).suffix.lower()
    if suffix in _OTHER_FORMATS:
        raise InputError(
            f"{name}: TSV is written, which a name in {suffix} denies. Choose one in .tsv or .tsv.gz."
        )
    with atomic_file(target, "wb") as file:
        if not packed:
            yield file
            return
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as stream:
            yield cast(IO[bytes], stream)


def _bar(shown: bool | None, unit: str) -> tqdm:
    hidden = not (sys.stderr.isatty() if shown is None else shown)
    return tqdm(unit=f" {unit}", unit_scale=True, disable=hidden)


_LINE_BREAKERS = re.compile(r"[\t\r\n]+")


def _one_line(text: str) -> str:
    return _LINE_BREAKERS.sub(" ", text) if _LINE_BREAKERS.search(text) else text
