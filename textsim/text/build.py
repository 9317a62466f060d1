"""Files of pairs, triplets or vector pairs to a dataset folder, in nearly constant memory."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

import textsim
from textsim.errors import ConfigError, DataFormatError
from textsim.files import atomic_folder, check_replaceable, file_entry, read_json, sha256_file, write_json
from textsim.registry import unknown_name
from textsim.text.arrays import NpyWriter, open_npy, slices
from textsim.text.encoding import STDIN, raw_lines
from textsim.text.pairs import (
    PAIRS,
    TRIPLETS,
    RejectLog,
    RowChunk,
    RowKind,
    RowReader,
    detect_kind,
    read_rows,
)
from textsim.text.report import (
    length_percentile,
    length_report,
    row_keys,
    rows_report,
    shared_report,
    vectors_report,
)
from textsim.text.sentences import SentenceBuilder, encoding_coverage
from textsim.text.tokenizers import CharTokenizer, Tokenizer, tokenizer_from_config
from textsim.text.vector_pairs import NUMPY_SUFFIXES, Scaler, holds_vectors, iter_vector_pairs
from textsim.text.vocabulary import Vocabulary
from textsim.text.word_vectors import WordVectors, embedding_matrix, read_word_vectors, train_word_vectors

FORMAT = "textsim-dataset"
VERSION = 1
MANIFEST = "manifest.json"
SETTINGS = "settings.json"
TOKENIZER = "tokenizer.json"
VOCABULARY = "vocabulary.txt"
REPORT = "report.json"
KINDS = ("auto", "pairs", "triplets", "vectors")
SIDES = {
    "pairs": ("left", "right"),
    "triplets": ("anchor", "positive", "negative"),
    "vectors": ("left", "right"),
}
_ROW_KINDS = {"pairs": PAIRS, "triplets": TRIPLETS}
_CHUNK_ROWS = 16_384
_LENGTH_PERCENTILE = 99.5

AnyPath = str | os.PathLike[str]


def preprocess(
    inputs: AnyPath | Sequence[AnyPath],
    out: AnyPath,
    *,
    kind: str = "auto",
    dev: AnyPath | Sequence[AnyPath] = (),
    dev_fraction: float | None = None,
    seed: int = 0,
    columns: Sequence[str | int] | None = None,
    header: str | bool = "auto",
    format: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    label_threshold: float | None = None,
    soft_labels: bool = False,
    on_bad_row: str = "error",
    rejects: AnyPath | None = None,
    tokenizer: Tokenizer | None = None,
    vocabulary_from: AnyPath | None = None,
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
        columns, header, format, encoding, delimiter, label_threshold, soft_labels: as in
            `textsim.text.pairs.read_rows` and, for vectors, `textsim.text.vector_pairs.iter_vector_pairs`.
        on_bad_row: "error" or "skip" (texts).
        rejects: the file for skipped rows; by default "rejects.tsv" in the dataset folder.
        tokenizer: cuts and normalizes the texts; `CharTokenizer()` by default.
        vocabulary_from: a dataset or model folder whose tokenizer, vocabulary and, unless it is given,
            max_length are taken, so that ids mean the same.
        min_count, max_size: of the vocabulary, which is fitted on the training rows; see `Vocabulary.fit`.
        max_length: token ids a sentence is cut to; by default the 99.5th percentile of the number of tokens
            over all sentences of the training rows.
        word_vectors: a file of word vectors for the embedding matrix; see `read_word_vectors`.
        train_vectors: in its place, the dimension of vectors to train on the training rows' distinct
            sentences.
        extra_text: files of raw text, a sentence or paragraph a line, to train the vectors on too.
        standardize: bring vector columns to zero mean and unit spread, fitted on the training rows.
        overwrite: whether an existing dataset folder may be replaced.
        processes: for cutting sentences into tokens. More than one are started afresh, so the calling script
            needs the usual `if __name__ == "__main__":` guard.
        progress: show progress bars on standard error; by default where that is a terminal.

    Returns:
        The report, also written as report.json; `textsim.text.report.format_report` makes it text.

    Raises:
        ConfigError: arguments exclude each other, or have values that they cannot have.
        DataFormatError: a file cannot be read, or a row is bad.
        ArtifactError: `out` exists and may not be replaced, or `vocabulary_from` is not usable.
        InputError: no token of the vocabulary has a word vector.
        MissingDependencyError: a library for a format, engine or normalization is not installed.
    """
    input_paths, dev_paths, extra_paths = _paths(inputs), _paths(dev), _paths(extra_text)
    if not input_paths:
        raise ConfigError("preprocess: expected at least one input file.")
    if kind not in KINDS:
        raise ConfigError(unknown_name("kind of rows", kind, KINDS))
    if dev_paths and dev_fraction is not None:
        raise ConfigError("dev files and dev_fraction exclude each other: pass one of them.")
    if dev_fraction is not None and not 0 < dev_fraction < 1:
        raise ConfigError(f"dev_fraction: expected a number between 0 and 1. Received {dev_fraction}.")
    if seed < 0:
        raise ConfigError(f"seed: expected 0 or more. Received {seed}.")
    check_replaceable(out, overwrite=overwrite, marker=MANIFEST)
    reading = {
        "columns": columns,
        "header": {True: "yes", False: "no"}.get(header, header) if isinstance(header, bool) else header,
        "format": format,
        "encoding": encoding,
        "delimiter": delimiter,
        "label_threshold": label_threshold,
        "soft_labels": soft_labels,
    }
    if kind == "auto":
        kind = _detect_kind(input_paths[0], reading)
    inputs_ = _Inputs(input_paths, dev_paths, dev_fraction, seed, reading, _Progress(progress))
    text_options = {
        "tokenizer": tokenizer,
        "vocabulary_from": vocabulary_from,
        "min_count": None if min_count == 1 else min_count,
        "max_size": max_size,
        "max_length": max_length,
        "word_vectors": word_vectors,
        "train_vectors": train_vectors,
        "extra_text": extra_paths or None,
    }
    if kind == "vectors":
        given = [name for name, value in text_options.items() if value is not None]
        if given or on_bad_row != "error":
            raise ConfigError(f"vector pairs have no text: leave out {', '.join(given) or 'on_bad_row'}.")
    else:
        if standardize:
            raise ConfigError("standardize is for vector pairs: leave it out for texts.")
        settings = _TextSettings.resolve(
            tokenizer,
            vocabulary_from,
            min_count,
            max_size,
            max_length,
            word_vectors,
            train_vectors,
            extra_paths,
            processes,
        )
    with atomic_folder(out, overwrite=overwrite, marker=MANIFEST) as folder:
        (folder / "work").mkdir()
        if kind == "vectors":
            report = _build_vectors(folder, inputs_, standardize)
        else:
            with RejectLog(folder / "rejects.tsv" if rejects is None else rejects) as log:
                inputs_.reading.update(on_bad_row=on_bad_row, rejects=log)
                report = _TextBuild(folder, inputs_, settings, _ROW_KINDS[kind]).run()
        shutil.rmtree(folder / "work")
        write_json(folder / REPORT, report)
        # Last, as a folder without a manifest is no dataset.
        write_json(folder / MANIFEST, _manifest(folder, report))
    return report


def _paths(value: AnyPath | Sequence[AnyPath]) -> list[AnyPath]:
    return [value] if isinstance(value, str | os.PathLike) else list(value)


def _detect_kind(path: AnyPath, reading: dict[str, Any]) -> str:
    options = {name: reading[name] for name in ("format", "encoding", "delimiter")}
    if Path(path).suffix.lower() in NUMPY_SUFFIXES:
        return "vectors"
    if reading["columns"] is None and os.fspath(path) != STDIN and holds_vectors(path, **options):
        return "vectors"
    return detect_kind(path, **options).name


def _manifest(folder: Path, report: dict[str, Any]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "textsim": textsim.__version__,
        "kind": report["kind"],
        "rows": {name: split["rows"] for name, split in report["splits"].items()},
        "sources": report["sources"],
        "files": {path.name: file_entry(path) for path in sorted(folder.iterdir())},
    }


class _Progress:
    """Progress bars on standard error, or none."""

    def __init__(self, shown: bool | None) -> None:
        self.shown = sys.stderr.isatty() if shown is None else shown

    def __call__(self, what: str, total: int | None = None, unit: str = "it") -> Any:
        from tqdm import tqdm

        return tqdm(desc=what, total=total, unit=unit, disable=not self.shown, unit_scale=True)


@dataclass(frozen=True)
class _Inputs:
    """Where rows come from, and to which split they go."""

    train: list[AnyPath]
    dev: list[AnyPath]
    dev_fraction: float | None
    seed: int
    reading: dict[str, Any]
    progress: _Progress

    def files(self) -> Iterator[tuple[str, AnyPath]]:
        """Each file with its split, as far as it is known before all rows are."""
        yield from (("train", path) for path in self.train)
        yield from (("dev", path) for path in self.dev)

    def split(self, n_rows: int, n_train: int) -> dict[str, np.ndarray]:
        """The places of each split's rows, when the first `n_train` of them come from the `train` files."""
        if self.dev_fraction is None:
            splits = {"train": np.arange(n_train)}
            return {**splits, "dev": np.arange(n_train, n_rows)} if self.dev else splits
        order = np.random.default_rng(self.seed).permutation(n_rows)
        cut = n_rows - round(n_rows * self.dev_fraction)
        if not 0 < cut < n_rows:
            raise ConfigError(
                f"dev_fraction {self.dev_fraction} of {n_rows} rows leaves a split without rows. "
                "Pass another fraction, or dev files."
            )
        return {"train": order[:cut], "dev": order[cut:]}


def _source(path: AnyPath, split: str, info: dict[str, Any]) -> dict[str, Any]:
    """What the report and the manifest keep of a source file."""
    sha256 = None if os.fspath(path) == STDIN else sha256_file(path)
    return {**info, "split": split, "sha256": sha256}


@dataclass(frozen=True)
class _TextSettings:
    """How texts become ids. `vocabulary` is None where it is to be fitted; so is `max_length`."""

    tokenizer: Tokenizer
    vocabulary: Vocabulary | None
    min_count: int
    max_size: int | None
    max_length: int | None
    word_vectors: AnyPath | None
    train_vectors: int | None
    extra_text: list[AnyPath]
    processes: int

    @classmethod
    def resolve(
        cls,
        tokenizer: Tokenizer | None,
        vocabulary_from: AnyPath | None,
        min_count: int,
        max_size: int | None,
        max_length: int | None,
        word_vectors: AnyPath | None,
        train_vectors: int | None,
        extra_text: list[AnyPath],
        processes: int,
    ) -> _TextSettings:
        for name, value in (
            ("max_length", max_length),
            ("train_vectors", train_vectors),
            ("processes", processes),
        ):
            if value is not None and value < 1:
                raise ConfigError(f"{name}: expected at least 1. Received {value}.")
        if word_vectors is not None and train_vectors is not None:
            raise ConfigError("word_vectors and train_vectors exclude each other: pass one of them.")
        if extra_text and train_vectors is None:
            raise ConfigError("extra_text is for training word vectors: pass train_vectors too.")
        Vocabulary.fit({}, min_count, max_size)  # refuses what it cannot take, before any file is read
        vocabulary = None
        if vocabulary_from is not None:
            if tokenizer is not None or min_count != 1 or max_size is not None:
                raise ConfigError(
                    "vocabulary_from brings its own tokenizer and vocabulary: leave out tokenizer, min_count "
                    "and max_size."
                )
            folder = Path(vocabulary_from)
            tokenizer = tokenizer_from_config(read_json(folder / TOKENIZER))
            vocabulary = Vocabulary.load(folder / VOCABULARY)
            max_length = max_length or _saved_max_length(folder)
        return cls(
            tokenizer or CharTokenizer(),
            vocabulary,
            min_count,
            max_size,
            max_length,
            word_vectors,
            train_vectors,
            extra_text,
            processes,
        )


def _saved_max_length(folder: Path) -> int:
    """Of a dataset folder (settings.json) or a model folder (config.json)."""
    name = SETTINGS if (folder / SETTINGS).exists() else "config.json"
    return int(read_json(folder / name)["max_length"])


@dataclass(frozen=True)
class _Split:
    sides: tuple[np.ndarray, ...]
    labels: np.ndarray | None


class _TextBuild:
    """One run of `preprocess` over texts.

    Rows are read once; their texts go to a `SentenceBuilder`, which numbers them. When all are known the
    splits are drawn, and how often each sentence is used by each split decides on the vocabulary and the
    maximum length.
    """

    def __init__(self, folder: Path, inputs: _Inputs, settings: _TextSettings, kind: RowKind) -> None:
        self.folder = folder
        self.work = folder / "work"
        self.inputs = inputs
        self.settings = settings
        self.kind = kind
        self.sides = SIDES[kind.name]
        self.sentences = SentenceBuilder(self.work, settings.tokenizer)

    def run(self) -> dict[str, Any]:
        """Writes everything but the report and the manifest. Returns the report."""
        settings = self.settings
        sources, n_rows, n_train = self._read()
        self._tokenize(self.sentences, "cutting sentences")
        places = self.inputs.split(n_rows, n_train)
        splits = {name: self._write_split(name, rows) for name, rows in places.items()}
        del places
        usage = {name: self._usage(split) for name, split in splits.items()}
        lengths, tokens = self.sentences.lengths, self.sentences.tokens
        max_length = settings.max_length or length_percentile(lengths, usage["train"], _LENGTH_PERCENTILE)
        counts = {name: self.sentences.count(used, max_length) for name, used in usage.items()}
        train_counts = {t: n for t, n in zip(tokens, counts["train"].tolist(), strict=True) if n}
        vocabulary = settings.vocabulary or Vocabulary.fit(
            train_counts, settings.min_count, settings.max_size
        )
        vocabulary.save(self.folder / VOCABULARY)
        write_json(self.folder / TOKENIZER, settings.tokenizer.to_config())
        write_json(self.folder / SETTINGS, {"max_length": max_length})
        full_lengths = self.sentences.write(self.folder, vocabulary, max_length)

        keys = {name: row_keys(split.sides, len(self.sentences)) for name, split in splits.items()}
        report: dict[str, Any] = {
            "kind": self.kind.name,
            "sources": sources,
            "tokenizer": settings.tokenizer.registered_name,
            "sentences": len(self.sentences),
            "sentences_without_tokens": int((lengths == 0).sum()),
            "vocabulary_size": len(vocabulary),
            "max_length": max_length,
            "splits": {
                name: {
                    **rows_report(split.sides, split.labels, keys[name], full_lengths, max_length),
                    "tokens": int(counts[name].sum()),
                    "token_coverage": encoding_coverage(tokens, counts[name], vocabulary),
                    "lengths": length_report(lengths, usage[name]),
                }
                for name, split in splits.items()
            },
        }
        if "dev" in splits:
            report["shared"] = shared_report(keys["train"], keys["dev"])
        vectors = self._word_vectors(vocabulary, usage["train"])
        if vectors is not None:
            matrix, coverage = embedding_matrix(vocabulary, vectors, self.inputs.seed, train_counts)
            np.save(self.folder / "embedding.npy", matrix)
            report["word_vectors"] = {
                "dim": vectors.dim,
                "source": "trained" if settings.word_vectors is None else os.fspath(settings.word_vectors),
                "sha256": None if settings.word_vectors is None else sha256_file(settings.word_vectors),
                "types": coverage.types,
                "tokens": coverage.tokens,
            }
        return report

    def _read(self) -> tuple[list[dict[str, Any]], int, int]:
        """Returns what is known of the files, the number of rows, and how many come from the train files."""
        sources = []
        rows_of = {"train": 0, "dev": 0}
        names = [*self.sides, "labels"] if self.kind.labeled else [*self.sides]
        writers = {
            name: NpyWriter(self.work / f"{name}.npy", np.float32 if name == "labels" else np.int32)
            for name in names
        }
        with self.inputs.progress("reading", None, " rows") as bar:
            for split, path in self.inputs.files():
                reader = read_rows(path, self.kind, chunk_rows=_CHUNK_ROWS, **self.inputs.reading)
                rows = 0
                for chunk in reader:
                    numbers, kept = self._add(reader, chunk)
                    for side, column in zip(self.sides, numbers, strict=True):
                        writers[side].append(column)
                    if chunk.labels is not None:
                        writers["labels"].append(chunk.labels[kept])
                    rows += int(kept.sum())
                    bar.update(len(chunk))
                if not rows:
                    raise DataFormatError(f"{path}: none of the rows can be used; all were refused.")
                sources.append(_source(path, split, {**asdict(reader.info), "rows": rows}))
                rows_of[split] += rows
        for writer in writers.values():
            writer.close()
        return sources, sum(rows_of.values()), rows_of["train"]

    def _add(self, reader: RowReader, chunk: RowChunk) -> tuple[list[np.ndarray], np.ndarray]:
        """Takes a chunk's texts. Returns the running numbers of each side's, and which rows were kept."""
        normalizer = self.settings.tokenizer.normalizer
        known: dict[str, int] = {}
        texts: dict[str, int] = {}
        places = []
        for column in chunk.texts:
            place = np.empty(len(column), np.int32)
            for row, raw in enumerate(column):
                found = known.get(raw)
                if found is None:
                    text = normalizer(raw)
                    found = known[raw] = texts.setdefault(text, len(texts)) if text else -1
                place[row] = found
            places.append(place)
        kept = np.all([place >= 0 for place in places], axis=0)
        for row in np.flatnonzero(~kept).tolist():
            name = next(n for n, place in zip(self.kind.columns, places, strict=False) if place[row] < 0)
            reason = f"{name} is empty once it is normalized: expected a text."
            reader.reject(chunk.lines[row], reason, "\t".join(column[row] for column in chunk.texts))
        numbers = self.sentences.add(list(texts))
        return [numbers[place[kept]] for place in places], kept

    def _tokenize(self, sentences: SentenceBuilder, what: str) -> None:
        with self.inputs.progress(what, sentences.steps, " parts") as bar:
            for _ in sentences.tokenize(self.settings.processes):
                bar.update()

    def _write_split(self, name: str, rows: np.ndarray) -> _Split:
        """Writes the rows of a split as sentence indices, and their labels."""
        sides = []
        for side in self.sides:
            numbers = open_npy(self.work / f"{side}.npy")
            with NpyWriter(self.folder / f"{name}.{side}.npy", np.int32) as writer:
                for part in slices(len(rows)):
                    writer.append(self.sentences.resolve(numbers[rows[part]]))
            sides.append(open_npy(writer.path))
        if not self.kind.labeled:
            return _Split(tuple(sides), None)
        return _Split(tuple(sides), _write_labels(self.folder, name, rows))

    def _usage(self, split: _Split) -> np.ndarray:
        """How often a split's rows use each sentence, int32 of shape (sentences,)."""
        usage = np.zeros(len(self.sentences), np.int32)
        for side in split.sides:
            for part in slices(len(side)):
                np.add.at(usage, side[part], 1)
        return usage

    def _word_vectors(self, vocabulary: Vocabulary, usage: np.ndarray) -> WordVectors | None:
        settings = self.settings
        if settings.word_vectors is not None:
            size = os.path.getsize(settings.word_vectors) if os.path.exists(settings.word_vectors) else None
            with self.inputs.progress("word vectors", size, "B") as bar:
                return read_word_vectors(
                    settings.word_vectors,
                    vocabulary.tokens[2:],
                    normalizer=settings.tokenizer.normalizer,
                    progress=lambda done: bar.update(done - bar.n),
                )
        if settings.train_vectors is None:
            return None
        extra = self._extra_sentences()

        def sentences() -> Iterator[list[str]]:
            every = np.ones(len(extra), np.int32) if extra is not None else None
            own = self.sentences.cut_sentences(usage)
            return chain(own, extra.cut_sentences(every)) if extra is not None and every is not None else own

        with self.inputs.progress("training word vectors", None, " epochs") as bar:
            words, matrix = train_word_vectors(
                sentences,
                settings.train_vectors,
                seed=self.inputs.seed,
                progress=lambda epoch: bar.update(),
            )
        return WordVectors(settings.train_vectors, dict(zip(words, matrix, strict=True)), len(words))

    def _extra_sentences(self) -> SentenceBuilder | None:
        """The lines of the extra text, cut once for all passes over them."""
        if not self.settings.extra_text:
            return None
        work = self.work / "extra"
        work.mkdir()
        extra = SentenceBuilder(work, self.settings.tokenizer)
        texts: dict[str, None] = {}
        with self.inputs.progress("reading raw text", None, " lines") as bar:
            for line in chain.from_iterable(map(raw_lines, self.settings.extra_text)):
                text = self.settings.tokenizer.normalizer(line)
                if text:
                    texts[text] = None
                bar.update()
                if len(texts) == _CHUNK_ROWS:
                    extra.add(list(texts))
                    texts.clear()
        extra.add(list(texts))
        self._tokenize(extra, "cutting raw text")
        return extra


def _write_labels(folder: Path, name: str, rows: np.ndarray) -> np.ndarray:
    labels = open_npy(folder / "work" / "labels.npy")
    with NpyWriter(folder / f"{name}.labels.npy", np.float32) as writer:
        for part in slices(len(rows)):
            writer.append(labels[rows[part]])
    return open_npy(writer.path)


def _build_vectors(folder: Path, inputs: _Inputs, standardize: bool) -> dict[str, Any]:
    """One run of `preprocess` over vector pairs. Returns the report."""
    work = folder / "work"
    writers: dict[str, NpyWriter] = {}
    sources = []
    names: tuple[str, ...] = ()
    rows_of = {"train": 0, "dev": 0}
    with inputs.progress("reading", None, " rows") as bar:
        for split, path in inputs.files():
            rows = 0
            for chunk in iter_vector_pairs(path, **inputs.reading):
                width = chunk.left.shape[1]
                if not writers:
                    names = chunk.names
                    for side in SIDES["vectors"]:
                        writers[side] = NpyWriter(work / f"{side}.npy", np.float32, width)
                    writers["labels"] = NpyWriter(work / "labels.npy", np.float32)
                if width != writers["left"].width:
                    raise DataFormatError(
                        f"{path}: expected vectors of {writers['left'].width} numbers, as in the files "
                        f"before. Received {width}."
                    )
                assert chunk.labels is not None
                writers["left"].append(chunk.left)
                writers["right"].append(chunk.right)
                writers["labels"].append(chunk.labels)
                rows += len(chunk)
                bar.update(len(chunk))
            sources.append(_source(path, split, {"path": os.fspath(path), "rows": rows}))
            rows_of[split] += rows
    for writer in writers.values():
        writer.close()
    width = writers["left"].width or 0
    splits = {}
    for name, rows_of_split in inputs.split(sum(rows_of.values()), rows_of["train"]).items():
        sides = []
        for side in SIDES["vectors"]:
            vectors = open_npy(work / f"{side}.npy")
            with NpyWriter(folder / f"{name}.{side}.npy", np.float32, width) as writer:
                for part in slices(len(rows_of_split), max(1, (1 << 22) // width)):
                    writer.append(vectors[rows_of_split[part]])
            sides.append(open_npy(writer.path, "r+"))
        splits[name] = _Split(tuple(sides), _write_labels(folder, name, rows_of_split))
    scaler = Scaler.fit(splits["train"].sides)
    constant = int(scaler.constant.sum())
    if standardize:
        np.save(folder / "scaler.mean.npy", scaler.mean)
        np.save(folder / "scaler.scale.npy", scaler.scale)
        for split_ in splits.values():
            for side_ in split_.sides:
                for part in slices(len(side_), max(1, (1 << 22) // width)):
                    side_[part] = scaler(side_[part])
    write_json(folder / SETTINGS, {"standardized": standardize, "columns": list(names)})
    return {
        "kind": "vectors",
        "sources": sources,
        "width": width,
        "standardized": standardize,
        "constant_columns": constant,
        "splits": {name: vectors_report(split.sides, split.labels) for name, split in splits.items()},
    }
