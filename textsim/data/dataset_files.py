"""What the files of a dataset folder hold, checked before anything indexes by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from textsim.config.checks import LARGEST
from textsim.data.layout import KINDS, REPORT, SETTINGS, SIDES, VOCABULARY, Split
from textsim.errors import ArtifactError, DataFormatError, InputError
from textsim.io.manifest import MANIFEST, read_json_object
from textsim.io.npy import open_npy, rows_at_once, slices
from textsim.text.vocabulary import Vocabulary

_SPLITS = ("train", "dev")


class DatasetFiles:
    """The files of a dataset folder, which were compared with their hashes: an honest folder passes every check here,
    and one that was made to harm does not get further.

    Args:
        folder: of the dataset.
        manifest: its contents.

    Attributes:
        kind: of the rows.
        rows: of each split, how many.

    Raises:
        ArtifactError: from every method: a file lacks, or does not hold what it should. Names the file.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self._folder = folder
        self._files = manifest["files"]
        kind, rows = manifest.get("kind"), manifest.get("rows")
        if kind not in KINDS:
            raise self._error(MANIFEST, f"one of the kinds {', '.join(KINDS)}", kind)
        if not isinstance(rows, dict) or "train" not in rows or not set(rows) <= set(_SPLITS):
            raise self._error(MANIFEST, "the rows of train, and perhaps of dev", rows)
        if not all(type(count) is int and count >= 0 for count in rows.values()):
            raise self._error(MANIFEST, "how many rows each split has", rows)
        sources = manifest.get("sources")
        if not isinstance(sources, list) or not all(
            isinstance(source, dict) and isinstance(source.get("path"), str) for source in sources
        ):
            raise self._error(MANIFEST, "the sources, each with its path", sources)
        self.kind = cast(Literal["pairs", "triplets", "vectors"], kind)
        self.rows: dict[str, int] = rows

    def vocabulary(self) -> Vocabulary:
        try:
            return Vocabulary.load(self._folder / VOCABULARY)
        except (DataFormatError, InputError) as error:
            raise ArtifactError(f"{error} Was the dataset altered?") from error

    def settings(self) -> dict[str, Any]:
        """What `preprocess` was told."""
        chosen = read_json_object(self._folder / SETTINGS).get("chosen")
        if not isinstance(chosen, dict):
            raise self._error(SETTINGS, "an object named chosen", chosen)
        return chosen

    def report(self) -> dict[str, Any]:
        """What preprocessing found out, of texts with the kind of the rows that were read."""
        report = read_json_object(self._folder / REPORT)
        kinds = ("pairs",) if self.kind == "pairs" else ("pairs", "triplets")
        if self.kind != "vectors" and report.get("rows_kind") not in kinds:
            raise self._error(REPORT, f"rows_kind, one of {', '.join(kinds)}", report.get("rows_kind"))
        return report

    def max_length(self) -> int:
        value = read_json_object(self._folder / SETTINGS).get("max_length")
        if type(value) is not int or not 1 <= value <= LARGEST:
            raise self._error(SETTINGS, f"max_length, a number from 1 to {LARGEST:,}", value)
        return value

    def sentences(self, vocabulary: Vocabulary) -> tuple[np.ndarray, np.ndarray]:
        """Token ids, int32 (tokens,), of the vocabulary; and offsets, int64 (sentences + 1,), which never fall."""
        ids = self._array("sentences.ids", np.int32, (None,))
        offsets = self._array("sentences.offsets", np.int64, (None,))
        self._check_range("sentences.ids", ids, len(vocabulary))
        lengths = np.diff(offsets)
        if not len(offsets) or offsets[0] != 0 or offsets[-1] != len(ids) or (lengths < 0).any():
            raise self._error("sentences.offsets", f"offsets from 0 to {len(ids)} that never fall", "others")
        if lengths.max(initial=0) > self.max_length():
            raise self._error("sentences.offsets", "sentences of max_length at most", int(lengths.max()))
        return ids, offsets

    def splits(self, sentences: int | None) -> dict[str, Split]:
        """The splits, of indices below `sentences` or of finite vectors."""
        return {name: self._split(name, sentences) for name in self.rows}

    def _split(self, name: str, sentences: int | None) -> Split:
        rows = self.rows[name]
        sides = []
        for side in SIDES[self.kind]:
            file = f"{name}.{side}"
            if sentences is not None:
                sides.append(self._array(file, np.int32, (rows,)))
                self._check_range(file, sides[-1], sentences)
            else:
                width = sides[0].shape[1] if sides else None
                sides.append(self._array(file, np.float32, (rows, width)))
                self._check_finite(file, sides[-1])
        if self.kind == "triplets":
            return Split(tuple(sides), None)
        labels = self._array(f"{name}.labels", np.float32, (rows,))
        for part in slices(rows):
            if not ((labels[part] >= 0) & (labels[part] <= 1)).all():
                raise self._error(f"{name}.labels", "labels from 0 to 1", "others")
        return Split(tuple(sides), labels)

    def embedding(self, tokens: int) -> np.ndarray | None:
        """Word vectors, float32 (tokens, dim), or None."""
        if "embedding.npy" not in self._files:
            return None
        matrix = self._array("embedding", np.float32, (tokens, None))
        self._check_finite("embedding", matrix)
        return matrix

    def scaler(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Mean and scale of the columns, float32 (k,) each, or None."""
        if "scaler.mean.npy" not in self._files:
            return None
        mean = self._array("scaler.mean", np.float32, (None,))
        scale = self._array("scaler.scale", np.float32, mean.shape)
        if not np.isfinite(mean).all() or not (np.isfinite(scale) & (scale > 0)).all():
            raise self._error("scaler.scale", "finite numbers above 0", "others")
        return mean, scale

    def _array(self, name: str, dtype: type, shape: tuple[int | None, ...]) -> np.ndarray:
        """A file's array; None in its shape stands for any number."""
        file = f"{name}.npy"
        if file not in self._files:
            raise ArtifactError(f"{self._folder / MANIFEST} does not list {file}, which a dataset has.")
        try:
            array = open_npy(self._folder / file)
        except (OSError, ValueError, EOFError) as error:
            raise ArtifactError(f"{self._folder / file} is no NumPy array: {error}") from error
        fits = array.ndim == len(shape) and all(
            want in (None, have) for want, have in zip(shape, array.shape, strict=True)
        )
        if array.dtype != np.dtype(dtype) or not fits:
            wanted = ", ".join("any" if size is None else str(size) for size in shape)
            received = f"{array.dtype} of shape {array.shape}"
            raise self._error(file, f"{np.dtype(dtype)} of shape ({wanted})", received)
        return array

    def _check_range(self, name: str, numbers: np.ndarray, below: int) -> None:
        for part in slices(len(numbers)):
            if numbers[part].min() < 0 or numbers[part].max() >= below:
                raise self._error(f"{name}.npy", f"numbers from 0 to {below - 1}", "others")

    def _check_finite(self, name: str, matrix: np.ndarray) -> None:
        for part in slices(len(matrix), rows_at_once(matrix.shape[1])):
            if not np.isfinite(matrix[part]).all():
                raise self._error(f"{name}.npy", "finite numbers", "others")

    def _error(self, file: str, expected: str, received: Any) -> ArtifactError:
        return ArtifactError(f"{self._folder / file}: expected {expected}. Received {received!s:.80}.")
