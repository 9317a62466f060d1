"""Files of pairs or triplets to the arrays of a dataset folder, in nearly constant memory."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from textsim.artifacts.pretrained import CONFIG, find_model
from textsim.artifacts.saved_model import FORMAT as MODEL_FORMAT
from textsim.config.checks import LARGEST
from textsim.data.builders.collecting import CHUNK_ROWS, Collect, collect_rows, cut
from textsim.data.builders.triplets import triplets_of
from textsim.data.kept_rows import kept_rows_name
from textsim.data.layout import FORMAT, SETTINGS, SIDES, TOKENIZER, VOCABULARY, Split
from textsim.data.row_kinds import RowKind
from textsim.data.sentences import CutSentences, SentenceBuilder, encoding_coverage
from textsim.data.settings import AnyPath, VocabularySettings, WordVectorSettings
from textsim.data.splits import Sources, write_labels
from textsim.data.statistics import length_percentile, length_report, repeats_report, rows_report
from textsim.errors import ArtifactError, ConfigError
from textsim.io.manifest import MANIFEST, read_json_object, read_manifest, verify_files, write_json
from textsim.io.npy import NpyWriter, open_npy, slices
from textsim.io.paths import as_text
from textsim.io.progress import progress_bar
from textsim.io.text_encoding import raw_lines
from textsim.text.embeddings import embedding_matrix, train_word_vectors
from textsim.text.tokenizers import CharTokenizer, Tokenizer, tokenizer_from_config
from textsim.text.vocabulary import Vocabulary
from textsim.text.word_vectors import WordVectors, read_word_vectors

_LENGTH_PERCENTILE = 99.5
# Of many sentences, word-vector training passes over more of the commonest tokens: an epoch takes half the time.
_MANY = 50_000
_SAMPLE = 1e-3

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TextSettings:
    """How texts become ids.

    Attributes:
        tokenizer: normalizes and tokenizes.
        vocabulary: to extend, or None.
        new: what is said of the vocabulary to make; its `max_length` may be that of `vocabulary`, or None where it is
            to be found.
        word_vectors: of the embedding, or None.
        processes: for tokenizing.
    """

    tokenizer: Tokenizer
    vocabulary: Vocabulary | None
    new: VocabularySettings
    word_vectors: WordVectorSettings | None
    processes: int

    @classmethod
    def resolve(
        cls,
        tokenizer: Tokenizer | str | None,
        simplify: bool,
        new: VocabularySettings,
        word_vectors: WordVectorSettings | None,
        processes: int,
    ) -> TextSettings:
        """Brings the settings that a user gives together with those of the folder to start from."""
        if processes < 1:
            raise ConfigError(f"processes: expected at least 1. Received {processes}.")
        if isinstance(tokenizer, str):
            tokenizer = tokenizer_from_config({"name": tokenizer})
        elif tokenizer is not None and not isinstance(tokenizer, Tokenizer):
            raise ConfigError(
                f"tokenizer: expected a Tokenizer or the name of one. Received {type(tokenizer).__name__}."
            )
        vocabulary = None
        if new.base is not None:
            if tokenizer is not None:
                raise ConfigError("a vocabulary to extend brings its own tokenizer: leave out the tokenizer.")
            tokenizer, vocabulary, max_length = _read_base(find_model(new.base))
            new = replace(new, max_length=new.max_length or max_length)
        tokenizer = tokenizer or CharTokenizer()
        # Refuses what it cannot take, before any file is read.
        Vocabulary.fit({}, new.min_count, new.max_size)
        for warning in tokenizer.warnings() if new.base is None else ():
            _logger.warning("%s", warning)
        return cls(
            tokenizer.simplifying() if simplify else tokenizer, vocabulary, new, word_vectors, processes
        )


def _read_base(folder: Path) -> tuple[Tokenizer, Vocabulary, int]:
    """The tokenizer, vocabulary and max_length of a dataset or model folder, of files that are whole."""
    settings, format = (SETTINGS, FORMAT) if (folder / SETTINGS).exists() else (CONFIG, MODEL_FORMAT)
    entries = read_manifest(folder, format)["files"]
    needed = (TOKENIZER, VOCABULARY, settings)
    if not set(needed) <= set(entries):
        raise ArtifactError(
            f"{folder / MANIFEST} does not list {', '.join(needed)}. Expected a dataset or a model of texts, whose "
            "vocabulary can be extended."
        )
    verify_files(folder, {name: entries[name] for name in needed})
    max_length = read_json_object(folder / settings).get("max_length")
    if type(max_length) is not int or not 1 <= max_length <= LARGEST:
        raise ArtifactError(
            f"{folder / settings}: expected max_length, a number from 1 to {LARGEST:,}. Received {max_length!s:.80}."
        )
    tokenizer = tokenizer_from_config(read_json_object(folder / TOKENIZER))
    return tokenizer, Vocabulary.load(folder / VOCABULARY), max_length


class TextBuild:
    """One run of `preprocess` over texts.

    Rows are read once, and their distinct texts cut (`collect`). When all are known the splits are drawn, and how often
    each sentence is used by each split decides on the vocabulary and the maximum length.
    """

    def __init__(
        self,
        folder: Path,
        sources: Sources,
        settings: TextSettings,
        kind: RowKind,
        as_triplets: bool,
        collect: Collect | None = None,
    ) -> None:
        self.folder = folder
        self.work = folder / "work"
        self.sources = sources
        self.settings = settings
        self.kind = kind
        self.sides = SIDES[kind.name]
        self.as_triplets = as_triplets
        self._collect = collect or partial(collect_rows, processes=settings.processes)

    def run(self) -> dict[str, Any]:
        """Writes everything but the report and the manifest. Returns the report."""
        settings = self.settings
        self._read()
        places = self.sources.split(self.collected.rows, self.collected.train_rows)
        splits = {}
        for name, rows in places.items():
            splits[name] = self._write_split(name, rows)
            self.collected.kept.write(self.folder / kept_rows_name(name), rows)
        del places
        usage = {name: self._usage(name, split) for name, split in splits.items()}
        lengths, tokens = self.sentences.lengths, self.sentences.tokens
        max_length = settings.new.max_length or length_percentile(lengths, usage["train"], _LENGTH_PERCENTILE)
        counts = {name: self.sentences.count(used, max_length) for name, used in usage.items()}
        train_counts = {t: n for t, n in zip(tokens, counts["train"].tolist(), strict=True) if n}
        vocabulary = Vocabulary.fit(
            train_counts, settings.new.min_count, settings.new.max_size, settings.vocabulary
        )
        vocabulary.save(self.folder / VOCABULARY)
        write_json(self.folder / TOKENIZER, settings.tokenizer.to_config())
        full_lengths = self.sentences.write(self.folder, vocabulary, max_length)

        repeats, shared = repeats_report(splits, len(self.sentences))
        report: dict[str, Any] = {
            "kind": "triplets" if self.as_triplets else self.kind.name,
            "rows_kind": self.kind.name,
            "sources": self.collected.sources,
            "tokenizer": settings.tokenizer.registered_name,
            "sentences": len(self.sentences),
            "sentences_without_tokens": int((lengths == 0).sum()),
            "vocabulary_size": len(vocabulary),
            "max_length": max_length,
            "splits": {
                name: {
                    **rows_report(split, full_lengths, max_length),
                    **repeats[name],
                    "tokens": int(counts[name].sum()),
                    "token_coverage": encoding_coverage(tokens, counts[name], vocabulary),
                    "lengths": length_report(lengths, usage[name]),
                }
                for name, split in splits.items()
            },
        }
        if "dev" in splits:
            report["shared"] = shared
        vectors = self._word_vectors(vocabulary, splits["train"])
        if vectors is not None:
            matrix, coverage = embedding_matrix(vocabulary, vectors, self.sources.seed, train_counts)
            np.save(self.folder / "embedding.npy", matrix)
            given = settings.word_vectors
            assert given is not None
            report["word_vectors"] = {
                "dim": vectors.dim,
                "source": "trained" if given.file is None else as_text(given.file),
                "sha256": vectors.sha256,
                "types": coverage.types,
                "tokens": coverage.tokens,
            }
        return report

    def _read(self) -> None:
        self.collected = self._collect(self.work, self.sources, self.kind, self.settings.tokenizer)
        self.sentences = self.collected.sentences

    def _write_split(self, name: str, rows: np.ndarray | range) -> Split:
        """Writes the rows of a split as sentence indices, and their labels."""
        folder = self.work if self.as_triplets else self.folder
        sides = []
        for side in self.sides:
            numbers = open_npy(self.work / f"{side}.npy")
            with NpyWriter(folder / f"{name}.{side}.npy", np.int32) as writer:
                for part in slices(len(rows)):
                    writer.append(self.sentences.resolve(numbers[np.asarray(rows[part])]))
            sides.append(open_npy(writer.path))
        labels = write_labels(self.work, folder, name, rows) if self.kind.labeled else None
        split = Split(tuple(sides), labels)
        return self._write_triplets(name, split) if self.as_triplets else split

    def _write_triplets(self, name: str, pairs: Split) -> Split:
        sides = []
        for side, indices in zip(SIDES["triplets"], triplets_of(pairs, name), strict=True):
            path = self.folder / f"{name}.{side}.npy"
            np.save(path, indices)
            sides.append(open_npy(path))
        return Split(tuple(sides), None)

    def _usage(self, name: str, split: Split) -> np.ndarray:
        """How often a split's rows use each sentence, int32 of shape (sentences,)."""
        path = self.work / f"{name}.usage.npy"
        usage = np.lib.format.open_memmap(path, "w+", np.int32, (len(self.sentences),))
        for side in split.sides:
            for part in slices(len(side)):
                np.add.at(usage, side[part], 1)
        return usage

    def _word_vectors(self, vocabulary: Vocabulary, train: Split) -> WordVectors | None:
        settings = self.settings.word_vectors
        if settings is None:
            return None
        if settings.file is not None:
            # A pipe has none.
            size = (os.path.exists(settings.file) and os.path.getsize(settings.file)) or None
            with progress_bar(self.sources.progress, "word vectors", "B", total=size) as bar:
                return read_word_vectors(
                    settings.file,
                    vocabulary.tokens[2:],
                    normalizer=self.settings.tokenizer.normalizer,
                    progress=lambda done: bar.update(done - bar.n),
                )
        assert settings.train_dim is not None
        own = _RowTokens(self.folder, vocabulary, train)
        extra = self._extra_sentences(settings.extra_text)
        extra_usage = np.ones(len(extra), np.int8)

        def sentences() -> Iterator[list[str]]:
            return chain(own, extra.cut_sentences(extra_usage))

        with progress_bar(self.sources.progress, "training word vectors", "epochs") as bar:
            words, matrix = train_word_vectors(
                sentences,
                settings.train_dim,
                seed=self.sources.seed,
                sample=_SAMPLE if len(train.sides[0]) + len(extra) < _MANY else _SAMPLE / 10,
                progress=lambda epoch: bar.update(),
            )
        return WordVectors(settings.train_dim, dict(zip(words, matrix, strict=True)), len(words))

    def _extra_sentences(self, paths: Sequence[AnyPath]) -> CutSentences:
        """The distinct lines of the extra text, cut once for all passes over them."""
        work = self.work / "extra"
        work.mkdir()
        extra = SentenceBuilder(work, self.settings.tokenizer)
        texts: dict[str, None] = {}
        with progress_bar(self.sources.progress, "reading raw text", "lines") as bar:
            for line in chain.from_iterable(map(raw_lines, paths)):
                text = self.settings.tokenizer.normalizer(line)
                if text:
                    texts[text] = None
                bar.update()
                if len(texts) == CHUNK_ROWS:
                    extra.add(list(texts))
                    texts.clear()
        extra.add(list(texts))
        return cut(extra, self.settings.processes, "tokenizing raw text", self.sources.progress)


class _RowTokens:
    """The tokens of a split's texts, row by row, any number of times. Unknown ones are UNK."""

    def __init__(self, folder: Path, vocabulary: Vocabulary, split: Split) -> None:
        self._ids = open_npy(folder / "sentences.ids.npy")
        self._offsets = open_npy(folder / "sentences.offsets.npy")
        self._tokens = vocabulary.tokens
        self._split = split

    def __iter__(self) -> Iterator[list[str]]:
        for part in slices(len(self._split), CHUNK_ROWS):
            sentences = np.stack([side[part] for side in self._split.sides], axis=1).ravel()
            begins, ends = self._offsets[sentences].tolist(), self._offsets[sentences + 1].tolist()
            for begin, end in zip(begins, ends, strict=True):
                yield [self._tokens[i] for i in self._ids[begin:end].tolist()]
