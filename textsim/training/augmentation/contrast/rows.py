"""Contrast pairs of a dataset's own training sentences, as more of its rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from textsim.data.dataset import PairDataset, Sentences
from textsim.text.vocabulary import UNK_ID
from textsim.training.augmentation.contrast import contrast_pairs


class ContrastRows(NamedTuple):
    """Rows beside those of a dataset.

    Attributes:
        sentences: those of the dataset, then the variants that the rules made.
        left, right: the numbers of their sentences, int32 (rows,).
        labels: 0 or 1, float32 (rows,).
    """

    sentences: Sentences
    left: np.ndarray
    right: np.ndarray
    labels: np.ndarray


def contrast_rows(dataset: PairDataset, count: int, seed: int) -> ContrastRows:
    """Makes pairs of a dataset's training sentences by the rules, see `contrast_pairs`.

    A text is what the dataset holds of it: without its whitespace, and cut where it is longer than `max_length`. One
    with a token that the vocabulary does not have is left out, as is a variant that the tokenizer reads as the text.

    Args:
        dataset: of texts.
        count: rows at most, and no more than there are sentences.
        seed: of every draw.
    """
    assert dataset.sentences is not None and dataset.vocabulary is not None and dataset.tokenizer is not None
    stored, tokens = dataset.sentences, dataset.vocabulary.tokens
    numbers = np.unique(np.concatenate(dataset.splits["train"].sides[:2]))
    np.random.default_rng(seed).shuffle(numbers)
    places: dict[str, int] = {}
    for number in numbers[: 2 * count].tolist():
        ids = stored[number]
        if len(ids) and not np.any(ids == UNK_ID):
            places.setdefault("".join(tokens[token] for token in ids.tolist()), number)
    left: list[int] = []
    labels: list[int] = []
    variants: list[np.ndarray] = []
    for pair in contrast_pairs(places, seed=seed):
        read = dataset.vocabulary.encode(dataset.tokenizer.tokenize(pair.variant))[: dataset.max_length]
        if len(left) < count and not np.array_equal(read, stored[places[pair.text]]):
            left.append(places[pair.text])
            variants.append(np.asarray(read, np.int32))
            labels.append(pair.label)
    ends = stored.offsets[-1] + np.cumsum([len(ids) for ids in variants], dtype=np.int64)
    sentences = Sentences(np.concatenate([stored.ids, *variants]), np.concatenate([stored.offsets, ends]))
    return ContrastRows(
        sentences,
        np.array(left, np.int32),
        np.arange(len(stored), len(sentences), dtype=np.int32),
        np.array(labels, np.float32),
    )
