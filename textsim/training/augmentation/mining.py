"""Pairs that nobody labelled, chosen among the texts at hand and labelled by trained models."""

from __future__ import annotations

import dataclasses
import math
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any, Literal, NamedTuple

import numpy as np

from textsim.data.formats.files import open_writer
from textsim.data.rejects import RejectLog, one_log
from textsim.data.row_kinds import TEXTS, UNLABELED
from textsim.data.rows import read_rows
from textsim.errors import ConfigError, InputError
from textsim.io.paths import check_target
from textsim.io.progress import progress_bar
from textsim.matching.files.report import FileReport
from textsim.matching.text_matcher import TextMatcher
from textsim.matching.vector_matcher import VectorMatcher
from textsim.training.augmentation.distillation import MeanLogOdds, check_listed, load_teacher
from textsim.training.augmentation.teachers import Teacher

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
    teachers: Sequence[TextMatcher | Teacher],
    *,
    known: Sequence[tuple[int, int]] | np.ndarray = (),
    per_text: int = 2,
    fraction: float = 0.1,
    seed: int = 0,
    progress: bool | None = None,
) -> MinedPairs:
    """Pairs that are hard to tell apart, labelled by models: a student of them learns what its teachers know together.

    A text's partner is the one that the first teacher finds nearest among a fraction of the other texts, drawn at
    random: with a tenth of them, the tenth nearest of all on average. Pairs of two random texts would be told apart by
    anyone. Texts of which that teacher reads the same, being cut or of unknown tokens, are no pair: it could not tell a
    match.

    Memory holds the texts' vectors, two bytes a value. Time grows with the square of the number of texts as long as the
    texts in the fraction are fewer than `MOST_OTHERS`, then in proportion: from there on neighbours are farther than
    the fraction says.

    Args:
        texts: distinct ones.
        teachers: at least one, the first a `TextMatcher`; the labels are the means of their log-odds.
        known: places of the two texts of pairs that are not wanted, int (pairs, 2); in any order.
        per_text: neighbours sought for each text; as pairs come up twice or are known, fewer are found. With a fraction
            of all texts there is one to find.
        fraction: of the texts among which a neighbour is sought, in (0, 1]. Smaller: farther neighbours.
        seed: of every draw.
        progress: whether to show progress bars on standard error; by default where that is a terminal.

    Raises:
        ConfigError: no teacher, or a number out of its range.
        InputError: fewer than two texts, one that is empty once it is normalized, or a known pair of a text that is not
            there.

    Reference:
        Thakur et al. (2021), Augmented SBERT: Data Augmentation Method for Improving Bi-Encoders for Pairwise Sentence
        Scoring Tasks.
    """
    if not teachers:
        raise ConfigError("teachers: expected at least one model, which labels the pairs.")
    finder = teachers[0]
    if not isinstance(finder, TextMatcher):
        raise ConfigError(
            "teachers: the first one also finds the neighbours, and must be a textsim model of texts. Received "
            f"{type(finder).__name__}: name another one first."
        )
    if per_text < 1:
        raise ConfigError(f"per_text: expected at least 1. Received {per_text}.")
    if not 0 < fraction <= 1:
        raise ConfigError(f"fraction: expected a number above 0, at most 1. Received {fraction}.")
    if not 0 <= seed < 2**32:
        raise ConfigError(f"seed: expected 0 to {2**32 - 1}. Received {seed}.")
    if len(texts) < 2:
        raise InputError(f"texts: expected at least 2 different ones. Received {len(texts)}.")
    unwanted = np.asarray(known, np.int64).reshape(-1, 2)
    if unwanted.size and not 0 <= unwanted.min() <= unwanted.max() < len(texts):
        raise InputError(
            f"known: expected places from 0 to {len(texts) - 1}. Received {unwanted.min()} to {unwanted.max()}."
        )
    keys = finder.read(texts).keys
    # Equal numbers: the first teacher reads the same.
    reads = np.unique(np.array(keys, object), return_inverse=True)[1]
    directions = _directions(keys, finder, progress)
    left, right = _neighbors(directions, reads, per_text, fraction, seed, progress)
    codes = np.unique(_codes(left, right)[reads[left] != reads[right]])
    codes = codes[~np.isin(codes, _codes(unwanted[:, 0], unwanted[:, 1]))]
    left, right = codes >> 32, codes & 0xFFFFFFFF
    return MinedPairs(left, right, _labels(texts, left, right, teachers, progress))


def _codes(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """One number for each pair, whichever side comes first."""
    return (np.minimum(left, right) << 32) + np.maximum(left, right)


def _directions(keys: Sequence[bytes], teacher: TextMatcher, progress: bool | None) -> np.ndarray:
    """`TextMatcher.directions` of the texts, in half the memory: float16 (texts, output_dim)."""
    directions = np.empty((len(keys), teacher.output_dim), np.float16)
    with progress_bar(progress, "encoding", "texts", total=len(keys)) as bar:
        for start in range(0, len(keys), _CHUNK_ROWS):
            part = slice(start, start + _CHUNK_ROWS)
            directions[part] = teacher.directions(keys[part], None)
            bar.update(len(keys[part]))
    return directions


def _neighbors(
    directions: np.ndarray,
    reads: np.ndarray,
    per_text: int,
    fraction: float,
    seed: int,
    progress: bool | None,
) -> tuple[np.ndarray, np.ndarray]:
    """For each text, `per_text` times, the nearest of a draw of others: places, int64 (per_text * texts,) each.

    Where all that are drawn read as the text itself, one of those.
    """
    rng = np.random.default_rng(seed)
    count = len(directions)
    # Two at least, so that one is left where the text itself is drawn.
    others = min(max(2, round(fraction * count)), MOST_OTHERS, count)
    # All others have the same nearest each time.
    rounds = 1 if others == count else per_text
    left, right = [], []
    with progress_bar(progress, "neighbours", "texts", total=rounds * count) as bar:
        for _ in range(rounds):
            order = rng.permutation(count)
            for start in range(0, count, _BLOCK):
                block = order[start : start + _BLOCK]
                drawn = rng.choice(count, others, replace=False)
                cosines = directions[block].astype(np.float32) @ directions[drawn].astype(np.float32).T
                cosines[reads[block][:, None] == reads[drawn]] = -np.inf
                left.append(block)
                right.append(drawn[cosines.argmax(axis=1)])
                bar.update(len(block))
    return np.concatenate(left), np.concatenate(right)


def _labels(
    texts: Sequence[str],
    left: np.ndarray,
    right: np.ndarray,
    teachers: Sequence[TextMatcher | Teacher],
    progress: bool | None,
) -> np.ndarray:
    mean = MeanLogOdds(len(left))
    with progress_bar(progress, "teachers", "pairs", total=len(teachers) * len(left)) as bar:
        for teacher in teachers:
            if not isinstance(teacher, TextMatcher):
                pairs = [(texts[a], texts[b]) for a, b in zip(left.tolist(), right.tolist(), strict=True)]
                mean.add([teacher.score_pairs(pairs)])
                bar.update(len(pairs))
                continue
            keys = teacher.read(texts).keys

            def scores(teacher: TextMatcher = teacher, keys: Sequence[bytes] = keys) -> Iterator[np.ndarray]:
                with teacher.cache_for_a_pass() as cache:
                    for start in range(0, len(left), _CHUNK_ROWS):
                        sides = [
                            [keys[k] for k in side[start : start + _CHUNK_ROWS].tolist()]
                            for side in (left, right)
                        ]
                        yield teacher.compare_keys(sides[0], sides[1], lambda _: True, cache)[0]
                        bar.update(len(sides[0]))

            mean.add(scores())
    return mean.scores()


def mine_files(
    sources: Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
    target: str | os.PathLike[str],
    teachers: Sequence[str | os.PathLike[str]],
    *,
    kind: Literal["pairs", "texts"] = "pairs",
    per_text: int = 2,
    fraction: float = 0.1,
    seed: int = 0,
    label_max: float = 1.0,
    progress: bool | None = None,
    rejects: RejectLog | str | os.PathLike[str] | None = None,
    **reading: Any,
) -> FileReport:
    """Mines pairs among the texts of files and writes them as one more training file.

    The output has the columns text_a, text_b, label: the label is what the teachers say, times `label_max`, and
    never quite 0 or `label_max`. Texts are written as the first teacher normalizes them. Give training files alone:
    pairs of validation texts would make validation optimistically biased.

    Args:
        sources: files of pairs, labelled or not, whose pairs are left out of the output; or of texts, one a line.
            Of a labelled file without a header say where its texts stand: `columns=(1, 2)`.
        target: the file to write, which appears when it is complete; "-" is standard output.
        teachers: model folders, or names of bundled models, of texts; from the second on also other teachers, see
            `load_teacher`.
        kind: what a row of the sources holds.
        per_text, fraction, seed, progress: see `mine_pairs`.
        label_max: the highest label of the file that the output shall stand beside, such as 5 for grades from 0 to 5.
            Both are then preprocessed with this `label_max`.
        rejects: with on_bad_row="skip", where the bad rows of all sources are written down.
        reading: how else to read the sources, see `textsim.data.rows.read_rows`.

    Returns:
        Its `rows` are the pairs written, its `matches` those that the teachers find more like than not, its
        `truncated` the texts of which the first teacher reads the beginning only.

    Raises:
        ArtifactError: no such model, or one of vectors; or no file can be made at `target`.
        ConfigError: see `mine_pairs`; an unknown kind, or a `label_max` that is not above 0.
        DataFormatError: a source cannot be read, or a row is bad and not to be skipped; names the line.
        InputError: fewer than two different texts, the target is a source, or one teacher in place of a list.

    Example:
        >>> from textsim import mine_files
        >>> report = mine_files("log.txt", "mined.tsv", ["model"], kind="texts", progress=False)
    """
    began = time.perf_counter()
    sources = [sources] if isinstance(sources, str | os.PathLike) else sources
    written = [] if rejects is None or isinstance(rejects, RejectLog) else [rejects]
    check_target(target, [*sources, *written])
    for path in written:
        check_target(path, sources)
    check_listed("teachers", teachers)
    if kind not in ("pairs", "texts"):
        raise ConfigError(f"kind: expected 'pairs' or 'texts'. Received {kind!r}.")
    if not 0 < label_max < math.inf:
        raise ConfigError(f"label_max: expected a number above 0. Received {label_max}.")
    if not teachers:
        raise ConfigError("teachers: expected at least one model, which labels the pairs.")
    finder = TextMatcher.load(teachers[0])
    matchers = [finder, *map(_text_teacher, teachers[1:])]
    # Opened first: a path that cannot be written is found out before the work.
    with open_writer(target, ["text_a", "text_b", "label"]) as file:
        if rejects is not None:
            reading["rejects"] = rejects
        texts, known, report = _texts(sources, kind, finder, reading)
        mined = mine_pairs(
            texts, matchers, known=known, per_text=per_text, fraction=fraction, seed=seed, progress=progress
        )
        left, right, labels = (values.tolist() for values in mined)
        file.write(
            {
                "text_a": [texts[place] for place in left],
                "text_b": [texts[place] for place in right],
                "label": [f"{label * label_max:.6g}" for label in labels],
            }
        )
    return dataclasses.replace(
        report,
        rows=len(mined.labels),
        matches=int(np.sum(mined.labels >= 0.5)),
        truncated=int(finder.read(texts).truncated.sum()),
        seconds=time.perf_counter() - began,
    )


def _text_teacher(name: str | os.PathLike[str]) -> TextMatcher | Teacher:
    teacher = load_teacher(name)
    # Loading it as one of texts says what is wrong.
    return TextMatcher.load(name) if isinstance(teacher, VectorMatcher) else teacher


def _texts(
    sources: Sequence[str | os.PathLike[str]],
    kind: Literal["pairs", "texts"],
    teacher: TextMatcher,
    reading: dict[str, Any],
) -> tuple[list[str], np.ndarray, FileReport]:
    """The distinct texts of files as the teacher normalizes them, the places of those of each pair, (pairs, 2), and
    what was read and left out.
    """
    assert teacher.saved.tokenizer is not None
    normalizer = teacher.saved.tokenizer.normalizer
    places: dict[str, int] = {}
    known = [np.empty((0, 2), np.int64)]
    infos = []
    with one_log(reading) as reading:
        for source in sources:
            rows = read_rows(
                source, UNLABELED if kind == "pairs" else TEXTS, normalizer=normalizer, **reading
            )
            with closing(rows) as reader:
                for chunk in reader:
                    sides = [[places.setdefault(text, len(places)) for text in side] for side in chunk.texts]
                    if kind == "pairs":
                        known.append(np.array(sides, np.int64).T)
                infos.append(reader.info)
    return list(places), np.concatenate(known), FileReport.of_sources(infos)
