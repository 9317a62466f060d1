"""`preprocess`: data files to a dataset folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from typing import Any

import textsim
from textsim.data.builders.texts import TextBuild, TextSettings
from textsim.data.builders.vectors import build_vectors
from textsim.data.layout import FORMAT, KINDS, REJECTS, REPORT, VERSION
from textsim.data.rows import BAD_ROW_POLICIES, PAIRS, TRIPLETS, RejectLog, detect_kind
from textsim.data.splits import AnyPath, Progress, Sources
from textsim.data.vectors import holds_vectors
from textsim.errors import ConfigError, InputError
from textsim.io.folders import atomic_folder, check_replaceable
from textsim.io.manifest import write_json, write_manifest
from textsim.io.paths import check_target, is_stream
from textsim.registry import unknown_name
from textsim.text.tokenizers import Tokenizer

_ROW_KINDS = {"pairs": PAIRS, "triplets": TRIPLETS}


def preprocess(
    inputs: AnyPath | Sequence[AnyPath],
    out: AnyPath,
    *,
    kind: str = "auto",
    dev: AnyPath | Sequence[AnyPath] = (),
    dev_fraction: float | None = None,
    seed: int = 0,
    columns: Sequence[str | int] | None = None,
    header: str = "auto",
    format: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    label_threshold: float | None = None,
    label_max: float | None = None,
    on_bad_row: str = "error",
    rejects: AnyPath | None = None,
    tokenizer: Tokenizer | str | None = None,
    vocabulary_from: AnyPath | None = None,
    simplify: bool = False,
    min_count: int = 1,
    max_size: int | None = None,
    max_length: int | None = None,
    word_vectors: AnyPath | None = None,
    train_vectors: int | None = None,
    extra_text: AnyPath | Sequence[AnyPath] = (),
    standardize: bool = False,
    overwrite: bool = False,
    processes: int = 1,
    progress: bool | None = None,
) -> dict[str, Any]:
    """Makes a dataset folder, which `PairDataset.open` reads.

    The same files and arguments make the same bytes, whatever the number of processes. Memory holds a few
    bytes a row; everything else is on disk, in a temporary folder beside `out`.

    Args:
        inputs: files of training rows, read one after the other; "-" is standard input (of texts).
        out: the folder to make. It appears when it is complete.
        kind: "pairs", "triplets", "vectors", or "auto": as the first file's columns tell.
        dev: files of validation rows. Without them and `dev_fraction` there is no "dev" split.
        dev_fraction: the share of the n input rows that becomes the "dev" split. With the permutation
            numpy.random.default_rng(seed).permutation(n), its first n - round(n * dev_fraction) rows train,
            and the others are "dev".
        seed: of the permutation, of trained word vectors, and of the vectors of words without one.
        columns, header, format, encoding, delimiter, label_threshold, label_max: as in
            `textsim.data.rows.read_rows` and, for vectors, `textsim.data.vectors.iter_vector_pairs`.
        on_bad_row: "error" or "skip" (texts).
        rejects: the file for skipped rows; by default "rejects.tsv" in the dataset folder.
        tokenizer: cuts and normalizes the texts, or the name of a tokenizer with its default options;
            `CharTokenizer()` by default.
        vocabulary_from: a dataset or model folder, or the name of a bundled model: its tokenizer and, unless it is
            given, max_length are taken, and its vocabulary is extended: its tokens keep their ids, new ones follow.
        simplify: turn traditional Chinese characters into simplified ones (extra "opencc"): switches on the setting of
            the tokenizer's normalizer, also where the tokenizer is that of `vocabulary_from`.
        min_count, max_size: of the vocabulary, which is fitted on the training rows; see `Vocabulary.fit`.
        max_length: token ids a sentence is cut to; by default the 99.5th percentile of the number of tokens
            over all sentences of the training rows.
        word_vectors: a file of word vectors for the embedding matrix; see `read_word_vectors`.
        train_vectors: in its place, the dimension of vectors to train on the texts of the training
            rows.
        extra_text: files of raw text, a sentence or paragraph a line, to train the vectors on too.
        standardize: bring vector columns to zero mean and unit spread, fitted on the training rows.
        overwrite: whether an existing dataset folder may be replaced.
        processes: for cutting sentences into tokens. More than one are started afresh, so the calling script
            needs the usual `if __name__ == "__main__":` guard.
        progress: show progress bars on standard error; by default where that is a terminal.

    Returns:
        The report, also written as report.json; `textsim.data.statistics.format_report` makes it text.

    Raises:
        ConfigError: arguments exclude each other, or have values that they cannot have.
        DataFormatError: a file cannot be read, or a row is bad.
        ArtifactError: `out` exists and may not be replaced, or `vocabulary_from` is not usable.
        InputError: no token of the vocabulary has a word vector.
        MissingDependencyError: a library for a format, engine or normalization is not installed.
    """
    if kind not in ("auto", *KINDS):
        raise ConfigError(unknown_name("kind of rows", kind, ("auto", *KINDS)))
    reading: dict[str, Any] = {
        "columns": columns,
        "header": header,
        "format": format,
        "encoding": encoding,
        "delimiter": delimiter,
        "label_threshold": label_threshold,
        "label_max": label_max,
    }
    sources = Sources(_paths(inputs), _paths(dev), dev_fraction, seed, reading, Progress(progress))
    if on_bad_row not in BAD_ROW_POLICIES:
        raise ConfigError(f"on_bad_row {on_bad_row!r}: expected one of: {', '.join(BAD_ROW_POLICIES)}.")
    if rejects is not None and on_bad_row != "skip":
        raise ConfigError("rejects are written with on_bad_row 'skip' only: pass both or leave rejects out.")
    read = [
        path for path in (*sources.train, *sources.dev, *_paths(extra_text), word_vectors) if path is not None
    ]
    if rejects is not None:
        check_target(rejects, read)
    check_target(out, [*read, *([] if rejects is None else [rejects])])
    check_replaceable(out, overwrite=overwrite, format=FORMAT)
    if kind == "auto":
        kind = _detect_kind(sources.train[0], reading)
    text_options: dict[str, Any] = {
        "tokenizer": tokenizer,
        "vocabulary_from": vocabulary_from,
        "simplify": simplify,
        "min_count": min_count,
        "max_size": max_size,
        "max_length": max_length,
        "word_vectors": word_vectors,
        "train_vectors": train_vectors,
        "extra_text": _paths(extra_text),
    }
    settings = None
    if kind != "vectors":
        if standardize:
            raise ConfigError("standardize is for vector pairs: leave it out for texts.")
        settings = TextSettings.resolve(**text_options, processes=processes)
    else:
        reading.update(on_bad_row=on_bad_row, rejects=rejects)
        unset: dict[str, Any] = {"simplify": False, "min_count": 1, "extra_text": []}
        given = [name for name, value in text_options.items() if value != unset.get(name)]
        if given:
            raise ConfigError(f"vector pairs hold no text: leave out {', '.join(given)}.")

    with atomic_folder(out, overwrite=overwrite, format=FORMAT, checked=True) as folder:
        (folder / "work").mkdir()
        if settings is None:
            report = build_vectors(folder, sources, standardize)
        else:
            with RejectLog(rejects or folder / REJECTS) if on_bad_row == "skip" else RejectLog() as log:
                if on_bad_row == "skip":
                    reading.update(on_bad_row="skip", rejects=log)
                report = TextBuild(folder, sources, settings, _ROW_KINDS[kind]).run()
        shutil.rmtree(folder / "work")
        write_json(folder / REPORT, report)
        # Last, as a folder without a manifest is no dataset.
        about = {
            "textsim": textsim.__version__,
            "kind": report["kind"],
            "rows": {name: split["rows"] for name, split in report["splits"].items()},
            "sources": report["sources"],
        }
        write_manifest(folder, FORMAT, VERSION, **about)
    return report


def _paths(value: AnyPath | Sequence[AnyPath]) -> list[AnyPath]:
    if hasattr(value, "columns"):
        raise InputError("preprocess reads files: write the data frame to one, as with its to_csv.")
    return [value] if isinstance(value, str | os.PathLike) else list(value)


def _detect_kind(path: AnyPath, reading: dict[str, Any]) -> str:
    options = {name: reading[name] for name in ("format", "encoding", "delimiter")}
    if reading["columns"] is None and not is_stream(path) and holds_vectors(path, **options):
        return "vectors"
    return detect_kind(path, **options).name
