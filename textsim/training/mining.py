"""Pairs that nobody labelled, chosen among the texts at hand and labelled by trained models."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from tqdm import tqdm

from textsim.errors import ConfigError, InputError
from textsim.files import atomic_file
from textsim.matcher import TextMatcher
from textsim.score_files import FileReport, one_line
from textsim.text.pairs import TEXTS, UNLABELED, read_rows
from textsim.training.teachers import MeanLogOdds

MOST_OTHERS = 32_768
"""Others among which a text's neighbour is sought at most: beyond, time would grow with the square of the texts."""

_BLOCK = 1024
_CHUNK_ROWS = 8192


class MinedPairs(NamedTuple):
    """Pairs of texts, each once.

    Attributes:
        left, right: places of their texts, int64 (pairs,), left < right.
        labels: what the teachers together say of them, float32 (pairs,) in (0, 1).
    """

    left: np.ndarray
    right: np.ndarray
    labels: np.ndarray


def mine_pairs(
    texts: Sequence[str],
    teachers: Sequence[TextMatcher],
    *,
    known: Sequence[tuple[int, int]] | np.ndarray = (),
    per_text: int = 2,
    share: float = 0.1,
    seed: int = 0,
    progress: bool = False,
) -> MinedPairs:
    """Pairs that are hard to tell apart, labelled by models: a student of them learns what its teachers know together.

    A text's partner is the one that the first teacher finds nearest among a share of the other texts, drawn at random:
    with a tenth of them, the tenth nearest of all on average. Pairs of two random texts would be told apart by anyone.

    Memory holds the texts' vectors, two bytes a value. Time grows with the square of the number of texts as long as the
    share is less than `MOST_OTHERS`, then in proportion.

    Args:
        texts: distinct ones.
        teachers: at least one; the labels are the means of their log-odds.
        known: places of the two texts of pairs that are not wanted, int (pairs, 2); in any order.
        per_text: neighbours sought for each text; as pairs come up twice or are known, fewer are found.
        share: of the texts among which a neighbour is sought, in (0, 1]. Smaller: farther neighbours.
        seed: of every draw.
        progress: whether to show progress bars on standard error, where that is a terminal.

    Raises:
        ConfigError: no teacher, or a number out of its range.
        InputError: fewer than two texts, or a text that is empty once it is normalized.

    Reference:
        Thakur et al. (2021), Augmented SBERT: Data Augmentation Method for Improving Bi-Encoders for Pairwise Sentence
        Scoring Tasks.
    """
    if not teachers:
        raise ConfigError("teachers: expected at least one model, which labels the pairs.")
    if per_text < 1:
        raise ConfigError(f"per_text: expected at least 1. Received {per_text}.")
    if not 0 < share <= 1:
        raise ConfigError(f"share: expected a number above 0, at most 1. Received {share}.")
    if len(texts) < 2:
        raise InputError(f"texts: expected at least 2 different ones. Received {len(texts)}.")
    left, right = _neighbors(_directions(texts, teachers[0], progress), per_text, share, seed, progress)
    codes = np.unique(_codes(left, right))
    unwanted = np.asarray(known, np.int64).reshape(-1, 2)
    codes = codes[~np.isin(codes, _codes(unwanted[:, 0], unwanted[:, 1]))]
    left, right = codes >> 32, codes & 0xFFFFFFFF
    return MinedPairs(left, right, _labels(texts, left, right, teachers, progress))


def _codes(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """One number for each pair, whichever side comes first."""
    return (np.minimum(left, right) << 32) + np.maximum(left, right)


def _directions(texts: Sequence[str], teacher: TextMatcher, progress: bool) -> np.ndarray:
    """The texts' vectors at length 1, float16 (texts, dim); of length 0 where a vector has none."""
    directions = np.empty((len(texts), teacher.dim), np.float16)
    with _bar(len(texts), "encoding", "texts", progress) as bar:
        for start in range(0, len(texts), _CHUNK_ROWS):
            vectors = teacher.encode(texts[start : start + _CHUNK_ROWS])
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
            directions[start : start + len(vectors)] = vectors / np.where(lengths > 0, lengths, 1)
            bar.update(len(vectors))
    return directions


def _neighbors(
    directions: np.ndarray, per_text: int, share: float, seed: int, progress: bool
) -> tuple[np.ndarray, np.ndarray]:
    """For each text, `per_text` times, the nearest of a draw of others: places, int64 (per_text * texts,) each."""
    rng = np.random.default_rng(seed)
    count = len(directions)
    # Two at least, so that one is left where the text itself is drawn.
    others = min(max(2, round(share * count)), MOST_OTHERS, count)
    left, right = [], []
    with _bar(per_text * count, "neighbours", "texts", progress) as bar:
        for _ in range(per_text):
            order = rng.permutation(count)
            for start in range(0, count, _BLOCK):
                block = order[start : start + _BLOCK]
                drawn = rng.choice(count, others, replace=False)
                cosines = directions[block].astype(np.float32) @ directions[drawn].astype(np.float32).T
                cosines[block[:, None] == drawn] = -np.inf
                left.append(block)
                right.append(drawn[cosines.argmax(axis=1)])
                bar.update(len(block))
    return np.concatenate(left), np.concatenate(right)


def _labels(
    texts: Sequence[str],
    left: np.ndarray,
    right: np.ndarray,
    teachers: Sequence[TextMatcher],
    progress: bool,
) -> np.ndarray:
    mean = MeanLogOdds(len(left))
    with _bar(len(teachers) * len(left), "teachers", "pairs", progress) as bar:
        for teacher in teachers:
            keys = [teacher.key(text, f"texts[{place}]")[0] for place, text in enumerate(texts)]

            def scores(teacher: TextMatcher = teacher, keys: list[bytes] = keys) -> Iterator[np.ndarray]:
                with teacher.cache_for_a_pass() as cache:
                    for start in range(0, len(left), _CHUNK_ROWS):
                        sides = [
                            [keys[k] for k in side[start : start + _CHUNK_ROWS].tolist()]
                            for side in (left, right)
                        ]
                        yield teacher.score_keys(sides[0], sides[1], lambda _: True, cache)
                        bar.update(len(sides[0]))

            mean.add(scores())
    return mean.scores()


def mine_files(
    sources: Sequence[str | os.PathLike[str]],
    target: str | os.PathLike[str],
    teachers: Sequence[str | os.PathLike[str]],
    *,
    kind: Literal["pairs", "texts"] = "pairs",
    per_text: int = 2,
    share: float = 0.1,
    seed: int = 0,
    progress: bool = False,
    **reading: Any,
) -> FileReport:
    """Mines pairs among the texts of files and writes them as one more training file.

    The output is TSV with a header, text_a, text_b, label: the label is what the teachers say, to be read with
    `label_max=1`. Texts are written as the first teacher normalizes them. Give training files alone: pairs of
    validation texts would make validation flatter.

    Args:
        sources: files of pairs, labelled or not, whose pairs are left out of the output; or of texts, one a line.
        target: the file to write, which appears when it is complete.
        teachers: model folders, or names of bundled models, of texts.
        kind: what a row of the sources holds.
        per_text, share, seed, progress: see `mine_pairs`.
        reading: how to read the sources, see `textsim.text.pairs.read_rows`.

    Returns:
        Its `rows` are the pairs written, its `matches` those that the teachers find more like than not.

    Raises:
        ArtifactError: no such model, or one of vectors.
        ConfigError: see `mine_pairs`.
        DataFormatError: a source cannot be read, or a row is bad and not to be skipped; names the line.
        InputError: fewer than two different texts, or the target is a source.
    """
    began = time.perf_counter()
    for source in sources:
        if Path(target).exists() and Path(source).exists() and os.path.samefile(source, target):
            raise InputError(
                f"{target}: the pairs would take the place of the file that they are mined from."
            )
    matchers = [TextMatcher.load(name) for name in teachers]
    if not matchers:
        raise ConfigError("teachers: expected at least one model, which labels the pairs.")
    report = FileReport()
    places: dict[str, int] = {}
    known: list[np.ndarray] = []
    assert matchers[0].saved.tokenizer is not None
    normalizer = matchers[0].saved.tokenizer.normalizer
    row_kind = UNLABELED if kind == "pairs" else TEXTS
    for source in sources:
        with closing(read_rows(source, row_kind, normalizer=normalizer, **reading)) as reader:
            for chunk in reader:
                sides = [[places.setdefault(text, len(places)) for text in side] for side in chunk.texts]
                if kind == "pairs":
                    known.append(np.array(sides, np.int64).T)
            report.rejected += reader.info.rejected
            report.encoding = reader.info.encoding
    texts = list(places)
    del places
    mined = mine_pairs(
        texts,
        matchers,
        known=np.concatenate(known) if known else (),
        per_text=per_text,
        share=share,
        seed=seed,
        progress=progress,
    )
    with atomic_file(Path(target)) as file:
        file.write("text_a\ttext_b\tlabel\n")
        for left, right, label in zip(*(values.tolist() for values in mined), strict=True):
            file.write(f"{one_line(texts[left])}\t{one_line(texts[right])}\t{label:.4f}\n")
    report.rows, report.matches = len(mined.labels), int(np.sum(mined.labels >= 0.5))
    report.seconds = time.perf_counter() - began
    return report


def _bar(total: int, doing: str, unit: str, progress: bool) -> tqdm:
    return tqdm(total=total, desc=doing, unit=f" {unit}", unit_scale=True, disable=None if progress else True)
