"""The embedding matrix, and training of its vectors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from gensim.models import Word2Vec

from textsim.errors import ConfigError, InputError
from textsim.text import embeddings
from textsim.text.embeddings import Coverage, embedding_matrix, train_word_vectors
from textsim.text.vocabulary import Vocabulary
from textsim.text.word_vectors import WordVectors

ROOT = Path(embeddings.__file__).parents[2]


# The matrix


def some_vectors(words: list[str], dim: int = 4, seed: int = 1) -> WordVectors:
    rows = 3 + 2 * np.random.default_rng(seed).standard_normal((len(words), dim)).astype(np.float32)
    return WordVectors(dim, dict(zip(words, rows, strict=True)), len(words))


def test_matrix_rows() -> None:
    vocabulary = Vocabulary(["的", "花", "呗", "没"])
    vectors = some_vectors(["的", "呗", "别的"])
    matrix, coverage = embedding_matrix(vocabulary, vectors, counts={"的": 7, "没": 2, "外": 1})
    assert (matrix.shape, matrix.dtype) == ((6, 4), np.float32)
    assert not matrix[0].any()
    np.testing.assert_array_equal(matrix[2], vectors.vectors["的"])
    np.testing.assert_array_equal(matrix[4], vectors.vectors["呗"])
    assert np.isfinite(matrix).all() and matrix[1].any() and matrix[3].any() and matrix[5].any()
    assert coverage == Coverage(types_found=2, types_total=4, tokens_found=7, tokens_total=10)
    assert (coverage.types, coverage.tokens) == (0.5, 0.7)


def test_coverage_without_counts() -> None:
    coverage = embedding_matrix(Vocabulary(["的", "花"]), some_vectors(["的"]))[1]
    assert (coverage.types, coverage.tokens) == (0.5, None)
    assert Coverage(0, 0, 0, 0).types == Coverage(0, 0, 0, 0).tokens == 0.0


def test_drawn_rows_have_the_spread_of_the_found_ones() -> None:
    known = [f"有{i}" for i in range(500)]
    scale = np.array([0.1, 1.0, 5.0], dtype=np.float32)
    rows = np.array([-1, 0, 2], dtype=np.float32) + scale * np.random.default_rng(0).standard_normal((500, 3))
    vectors = WordVectors(3, dict(zip(known, rows.astype(np.float32), strict=True)), 500)
    matrix, _ = embedding_matrix(Vocabulary(known + [f"无{i}" for i in range(4000)]), vectors)
    np.testing.assert_allclose(matrix[502:].mean(axis=0), rows.mean(axis=0), atol=0.2)
    np.testing.assert_allclose(matrix[502:].std(axis=0), rows.std(axis=0), rtol=0.05)


def test_the_draw_depends_on_seed_and_place() -> None:
    tokens = ["的", "花", "呗", "没"]
    vectors = some_vectors(["的", "呗"])
    first, _ = embedding_matrix(Vocabulary(tokens), vectors, seed=3)
    np.testing.assert_array_equal(first, embedding_matrix(Vocabulary(tokens), vectors, seed=3)[0])
    longer, _ = embedding_matrix(Vocabulary([*tokens, "后", "来"]), vectors, seed=3)
    np.testing.assert_array_equal(first, longer[:6])
    other, _ = embedding_matrix(Vocabulary(tokens), vectors, seed=4)
    assert (first[3] != other[3]).all()
    np.testing.assert_array_equal(first[2], other[2])


def test_no_word_found() -> None:
    with pytest.raises(InputError, match=r"none of the 2 tokens.*among the 3 word vectors"):
        embedding_matrix(Vocabulary(["甲", "乙"]), some_vectors(["a", "b", "c"]))


# Training


SENTENCES = [["红", "苹果", "甜"], ["青", "苹果", "酸"], ["红", "汽车", "快"], ["青", "汽车", "慢"]] * 50


def test_training_repeats_to_the_bit() -> None:
    words, matrix = train_word_vectors(SENTENCES, 8, seed=1, epochs=2)
    assert (matrix.shape, matrix.dtype) == ((8, 8), np.float32)
    assert sorted(words) == sorted({token for tokens in SENTENCES for token in tokens})
    again_words, again = train_word_vectors(lambda: iter(SENTENCES), 8, seed=1, epochs=2)
    assert again_words == words
    assert again.tobytes() == matrix.tobytes()
    assert train_word_vectors(SENTENCES, 8, seed=2, epochs=2)[1].tobytes() != matrix.tobytes()


def test_training_does_not_depend_on_pythons_hash_seed() -> None:
    code = (
        "from textsim.text.embeddings import train_word_vectors\n"
        "import hashlib\n"
        "words, matrix = train_word_vectors([['红', '苹果'], ['青', '苹果']] * 20, 8, seed=1, epochs=1)\n"
        "print(hashlib.sha256(matrix.tobytes() + '，'.join(words).encode()).hexdigest())\n"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed},
            capture_output=True,
            encoding="utf-8",
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_training_is_gensims_skip_gram_with_negative_sampling() -> None:
    expected = Word2Vec(
        SENTENCES, vector_size=8, sg=1, hs=0, negative=3, window=2, min_count=1, workers=1, seed=5, epochs=4
    ).wv
    words, matrix = train_word_vectors(SENTENCES, 8, seed=5, epochs=4, negative=3, window=2)
    assert words == expected.index_to_key
    np.testing.assert_array_equal(matrix, expected.vectors)


def test_words_used_alike_are_near() -> None:
    rng = np.random.default_rng(0)
    fruit, cars = [f"果{i}" for i in range(20)], [f"车{i}" for i in range(20)]
    sentences = [list(rng.permutation(group)[:6]) for _ in range(1000) for group in (fruit, cars)]
    words, matrix = train_word_vectors(sentences, 16, epochs=5)
    unit = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    nearness = dict(zip(words, unit @ unit[words.index("果0")], strict=True))
    assert min(nearness[word] for word in fruit) > max(nearness[word] for word in cars)


def test_min_count_workers_and_progress() -> None:
    epochs: list[int] = []
    sentences = [*SENTENCES, ["一次"]]
    words, matrix = train_word_vectors(sentences, 4, epochs=3, min_count=2, workers=2, progress=epochs.append)
    assert "一次" not in words
    assert len(words) == len(matrix) == 8
    assert epochs == [1, 2, 3]


def test_no_token_of_a_very_long_sentence_is_lost() -> None:
    words, _ = train_word_vectors([["长"] * 25_000 + ["尾"]], 4, epochs=1)
    assert set(words) == {"长", "尾"}
    pieces = list(embeddings._Sentences([["长"] * 25_000]))
    assert [len(piece) for piece in pieces] == [10_000, 10_000, 5_000]


def test_refused_training() -> None:
    with pytest.raises(InputError, match=r"gone through many times.*Received a generator"):
        train_word_vectors((tokens for tokens in SENTENCES), 4)
    with pytest.raises(InputError, match=r"no token of the sentences occurs 1 times"):
        train_word_vectors([[]], 4)
    with pytest.raises(ConfigError, match=r"word vector option 'dim': expected at least 1. Received 0"):
        train_word_vectors(SENTENCES, 0)
    with pytest.raises(ConfigError, match=r"word vector option 'dim': expected at most 10,000. Received"):
        train_word_vectors(SENTENCES, 10**11)
    with pytest.raises(ConfigError, match=r"word vector option 'workers': expected at least 1. Received 0"):
        train_word_vectors(SENTENCES, 4, workers=0)
