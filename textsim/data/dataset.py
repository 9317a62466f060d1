"""Dataset folders: tokenized pairs, triplets or vector pairs on disk, read through memory maps.

A folder holds:
    manifest.json      format version, kind, rows of each split, sources and their hashes, every file's hash
    settings.json      what `preprocess` was told, and max_length (texts)
    tokenizer.json     tokenizer settings with any user dictionary (texts)
    report.json        what preprocessing found out about the data
    vocabulary.txt     a token a line (texts)
    embedding.npy      word vectors, where asked for
    sentences.*.npy    token ids of all distinct sentences, one after the other, and their offsets (texts)
    SPLIT.SIDE.npy     for each row its sentence's index (texts), or its vector (vectors)
    SPLIT.rows.csv     the rows as they were read (texts)
    SPLIT.labels.npy   labels in [0, 1] (not of triplets)
    scaler.*.npy       mean and scale of vectors, where standardized
    rejects.tsv        rows that were left out, where there are any
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from textsim.data.dataset_files import DatasetFiles
from textsim.data.kept_rows import kept_rows_name
from textsim.data.layout import FORMAT, TOKENIZER, VERSION, Split
from textsim.data.row_kinds import PAIRS, TRIPLETS
from textsim.data.rows import RowReader, read_rows
from textsim.errors import ArtifactError, ConfigError
from textsim.io.manifest import (
    MANIFEST,
    read_json_object,
    read_manifest,
    sha256_file,
    verify_files,
)
from textsim.io.siblings import is_partial
from textsim.text.tokenizers import Tokenizer, tokenizer_from_config
from textsim.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class Sentences:
    """Token ids of distinct sentences, cut to the dataset's `max_length`.

    Attributes:
        ids: of all sentences, one after the other; int32 of shape (tokens,).
        offsets: sentence i is ids[offsets[i] : offsets[i + 1]]; int64 of shape (sentences + 1,).
    """

    ids: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> np.ndarray:
        """The ids of one sentence, int32 of shape (length,)."""
        if not 0 <= index < len(self):
            raise IndexError(f"sentence {index} of {len(self)}")
        ids: np.ndarray = self.ids[self.offsets[index] : self.offsets[index + 1]]
        return ids

    @cached_property
    def lengths(self) -> np.ndarray:
        """Number of ids of each sentence, int32 of shape (sentences,)."""
        return np.diff(self.offsets).astype(np.int32)

    def padded(self, indices: np.ndarray) -> np.ndarray:
        """The ids of some sentences as a matrix.

        Args:
            indices: of sentences, shape (n,).

        Returns:
            int32 of shape (n, longest of these sentences, at least 1), padded on the right with 0.
        """
        begins = self.offsets[indices]
        lengths = self.offsets[np.asarray(indices) + 1] - begins
        steps = np.arange(max(1, lengths.max(initial=0)))
        matrix = np.zeros((len(begins), len(steps)), np.int32)
        inside = steps < lengths[:, None]
        matrix[inside] = self.ids[(begins[:, None] + steps)[inside]]
        return matrix


@dataclass(frozen=True)
class PairDataset:
    """A dataset folder that `preprocess` made.

    Attributes:
        path: the folder.
        kind: "pairs", "triplets" or "vectors".
        splits: "train", and "dev" where the folder has one.
        tokenizer, vocabulary, max_length, sentences: None for vectors.
        scaler: of vectors that were standardized, the pair (mean, scale), float32 of shape (k,) each: the
            splits hold (x - mean) / scale. None otherwise.
        embedding: word vectors, float32 of shape (len(vocabulary), dim), or None.
        settings: what `preprocess` was told, by the names of its arguments: `reading` holds those of `Reading`,
            `vocabulary` and `word_vectors` those of `VocabularySettings` and `WordVectorSettings`. The tokenizer's
            are `tokenizer.to_config()`.
        manifest, report: the contents of manifest.json and report.json.
        sha256: of manifest.json, which holds the hashes of all other files.

    Example:
        >>> dataset = PairDataset.open("dataset")
        >>> dataset.kind, len(dataset.splits["train"]), dataset.settings["seed"]
        ('pairs', 60, 0)
    """

    path: Path
    kind: Literal["pairs", "triplets", "vectors"]
    splits: dict[str, Split]
    tokenizer: Tokenizer | None
    vocabulary: Vocabulary | None
    max_length: int | None
    sentences: Sentences | None
    embedding: np.ndarray | None
    scaler: tuple[np.ndarray, np.ndarray] | None
    settings: dict[str, Any]
    manifest: dict[str, Any]
    report: dict[str, Any]
    sha256: str

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> PairDataset:
        """Opens a dataset folder. Every file is compared with its hash; arrays are then mapped into memory.

        Raises:
            ArtifactError: the folder is missing, is no dataset, is of another version, a file of it is missing, cut
                short or altered, or what it holds does not fit together. Names the file.
        """
        folder = Path(path)
        manifest, sha256 = _checked_manifest(folder)
        files = DatasetFiles(folder, manifest)
        kind = files.kind
        texts = kind != "vectors"
        vocabulary = files.vocabulary() if texts else None
        sentences = Sentences(*files.sentences(vocabulary)) if vocabulary is not None else None
        return cls(
            path=folder,
            kind=kind,
            splits=files.splits(None if sentences is None else len(sentences)),
            tokenizer=tokenizer_from_config(read_json_object(folder / TOKENIZER)) if texts else None,
            vocabulary=vocabulary,
            max_length=files.max_length() if texts else None,
            sentences=sentences,
            embedding=None if vocabulary is None else files.embedding(len(vocabulary)),
            scaler=None if texts else files.scaler(),
            settings=files.settings(),
            manifest=manifest,
            report=files.report(),
            sha256=sha256,
        )

    def rows(self, split: str) -> RowReader:
        """The rows of a split of texts as they were read: of a dataset of triplets from labelled pairs, the pairs.

        Raises:
            ConfigError: there is no such split, or the dataset holds vectors.
        """
        if split not in self.splits or self.kind == "vectors":
            kept = ", ".join(self.splits) if self.kind != "vectors" else "none, since it holds vectors"
            raise ConfigError(f"{self.path}/ keeps no rows of a split {split!r}. It keeps those of: {kept}.")
        kind = TRIPLETS if self.report["rows_kind"] == TRIPLETS.name else PAIRS
        graded = 1.0 if kind.labeled else None
        return read_rows(
            self.path / kept_rows_name(split), kind, header="yes", format="csv", label_max=graded
        )


def _checked_manifest(folder: Path) -> tuple[dict[str, Any], str]:
    """The manifest of a dataset folder whose files are whole, and its hash."""
    if not folder.is_dir():
        raise ArtifactError(
            f"{folder}: no such folder. Expected a dataset folder made by textsim preprocess."
        )
    if is_partial(folder):
        raise ArtifactError(f"{folder}/ is what an interrupted run left behind, not a dataset.")
    if not (folder / MANIFEST).is_file():
        found = ", ".join(sorted(os.listdir(folder))[:8]) or "nothing"
        raise ArtifactError(
            f"{folder}/ is no dataset: it holds no {MANIFEST}. Found: {found}. Was preprocessing interrupted?"
        )
    sha256 = sha256_file(folder / MANIFEST)
    manifest = read_manifest(folder, FORMAT)
    if manifest.get("version") != VERSION:
        raise ArtifactError(
            f"{folder}/ has dataset version {manifest.get('version')!r}. Expected {VERSION}. "
            "Run textsim preprocess again."
        )
    verify_files(folder, manifest["files"])
    return manifest, sha256
