"""The embedding matrix of a vocabulary: from word vectors that are known, or trained on sentences."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from textsim.errors import ConfigError, InputError
from textsim.extras import needed_for
from textsim.text.vocabulary import Vocabulary
from textsim.text.word_vectors import WordVectors

MOST_DIM = 10_000
"""No trained vector has more numbers: a few hundred are usual."""
# gensim silently cuts a longer sentence off.
_MAX_SENTENCE_TOKENS = 10_000


@dataclass(frozen=True)
class Coverage:
    """How much of a vocabulary, PAD and UNK left out, has a vector.

    Attributes:
        types_found: tokens of the vocabulary with a vector.
        types_total: tokens of the vocabulary.
        tokens_found: occurrences in the text of tokens with a vector; None where no counts were given.
        tokens_total: occurrences in the text of all tokens counted, known to the vocabulary or not.
    """

    types_found: int
    types_total: int
    tokens_found: int | None = None
    tokens_total: int | None = None

    @property
    def types(self) -> float:
        """Fraction of the vocabulary's tokens with a vector, in [0, 1]; 0 for an empty vocabulary."""
        return self.types_found / self.types_total if self.types_total else 0.0

    @property
    def tokens(self) -> float | None:
        """Fraction of the occurrences with a vector, in [0, 1]; None where no counts were given."""
        if self.tokens_found is None or self.tokens_total is None:
            return None
        return self.tokens_found / self.tokens_total if self.tokens_total else 0.0


def embedding_matrix(
    vocabulary: Vocabulary,
    vectors: WordVectors,
    seed: int = 0,
    counts: Mapping[str, int] | None = None,
) -> tuple[np.ndarray, Coverage]:
    """The matrix whose row i is the vector of token i.

    PAD's row is zero. A token without a vector, UNK among them, gets a normal draw with the mean and the
    standard deviation that the found rows have in each column. The draw depends on the seed, the token's
    place and these two, not on which other tokens were found.

    Args:
        vocabulary: the tokens, V in all.
        vectors: vectors of some of them.
        seed: of the draw.
        counts: how often each token occurs in the text, for the coverage by occurrences.

    Returns:
        Pair (matrix, coverage): float32 array of shape (V, vectors.dim), what was found.

    Raises:
        InputError: no token has a vector.
    """
    tokens = vocabulary.tokens[2:]
    found = [i for i, token in enumerate(tokens, 2) if token in vectors.vectors]
    if not found:
        raise InputError(
            f"none of the {len(tokens)} tokens of the vocabulary is among the {vectors.rows_read} word "
            "vectors. Are they for Chinese, in UTF-8, and for tokens of this kind (characters or words)?"
        )
    known = np.stack([vectors.vectors[vocabulary.tokens[i]] for i in found])
    matrix = np.random.default_rng(seed).standard_normal((len(vocabulary), vectors.dim), dtype=np.float32)
    matrix *= known.std(axis=0, dtype=np.float64).astype(np.float32)
    matrix += known.mean(axis=0, dtype=np.float64).astype(np.float32)
    matrix[found] = known
    matrix[0] = 0.0
    if counts is None:
        return matrix, Coverage(len(found), len(tokens))
    occurrences = sum(counts.get(vocabulary.tokens[i], 0) for i in found)
    return matrix, Coverage(len(found), len(tokens), occurrences, sum(counts.values()))


def train_word_vectors(
    sentences: Iterable[Sequence[str]] | Callable[[], Iterable[Sequence[str]]],
    dim: int,
    *,
    seed: int = 0,
    epochs: int = 5,
    window: int = 5,
    negative: int = 5,
    min_count: int = 1,
    sample: float = 1e-3,
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> tuple[list[str], np.ndarray]:
    """Trains vectors with gensim: skip-gram with negative sampling.

    With one worker the same sentences, options and library versions give the same bits, at some 0.2 million
    tokens a second in each epoch where dim is 100. More workers can be faster where there are cores for them,
    and are not repeatable: they update one matrix without waiting for each other.

    Args:
        sentences: token lists, gone through `epochs` + 1 times: a list or another iterable that can be
            restarted, or a function that returns a fresh iterable.
        dim: numbers in each vector.
        seed: of the first vectors and of the samples.
        epochs: passes over the sentences.
        window: tokens to each side that a token predicts.
        negative: sampled tokens for each true one.
        min_count: tokens that occur less often are left out.
        sample: fraction of all tokens from which on a token is so frequent that some of its uses are passed over;
            0 to use all.
        workers: threads.
        progress: called after each epoch with its number, from 1.

    Returns:
        Pair (words, matrix): n words, most frequent first; float32 array of shape (n, dim).

    Raises:
        ConfigError: a number is below 1, or `dim` above `MOST_DIM`.
        InputError: `sentences` can be gone through only once, or no token occurs `min_count` times.

    Reference:
        Mikolov et al. (2013), Distributed Representations of Words and Phrases and their Compositionality.
    """
    options = {"dim": dim, "epochs": epochs, "window": window, "negative": negative, "min_count": min_count}
    for name, value in {**options, "workers": workers}.items():
        if value < 1:
            raise ConfigError(f"word vector option {name!r}: expected at least 1. Received {value}.")
    if dim > MOST_DIM:
        raise ConfigError(f"word vector option 'dim': expected at most {MOST_DIM:,}. Received {dim}.")
    with needed_for("training word vectors"):
        from gensim.models import Word2Vec
        from gensim.models.callbacks import CallbackAny2Vec

    class Report(CallbackAny2Vec):
        def __init__(self, report: Callable[[int], None]) -> None:
            self.report = report
            self.epoch = 0

        def on_epoch_end(self, model: Any) -> None:
            self.epoch += 1
            self.report(self.epoch)

    corpus = _Sentences(sentences)
    model = Word2Vec(
        vector_size=dim,
        sg=1,
        negative=negative,
        window=window,
        min_count=min_count,
        sample=sample,
        workers=workers,
        seed=seed,
        hashfxn=_hash,
    )
    model.build_vocab(corpus)
    if not len(model.wv):
        raise InputError(
            f"no token of the sentences occurs {min_count} times: there are no word vectors to train."
        )
    callbacks = [] if progress is None else [Report(progress)]
    model.train(corpus, total_examples=model.corpus_count, epochs=epochs, callbacks=callbacks)
    return list(model.wv.index_to_key), np.array(model.wv.vectors, dtype=np.float32)


class _Sentences:
    """Restartable sentences, the very long ones in pieces."""

    def __init__(self, sentences: Iterable[Sequence[str]] | Callable[[], Iterable[Sequence[str]]]) -> None:
        if isinstance(sentences, Iterator):
            raise InputError(
                "sentences: expected an iterable that can be gone through many times, or a function that "
                f"returns one. Received a {type(sentences).__name__}."
            )
        self._sentences = sentences

    def __iter__(self) -> Iterator[list[str]]:
        for tokens in self._sentences() if callable(self._sentences) else self._sentences:
            for start in range(0, len(tokens), _MAX_SENTENCE_TOKENS):
                yield list(tokens[start : start + _MAX_SENTENCE_TOKENS])


def _hash(text: str) -> int:
    """Python's own hash of a str differs from process to process."""
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))
