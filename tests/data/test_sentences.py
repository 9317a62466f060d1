"""Distinct sentences: numbering, counting and encoding against slow obvious references."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textsim.data.sentences import SentenceBuilder, encoding_coverage
from textsim.text.tokenizers import CharTokenizer
from textsim.text.vocabulary import Vocabulary

TEXTS = st.lists(st.text("甲乙丙丁a1 ", min_size=1, max_size=6).map(CharTokenizer().normalizer), max_size=30)


def build(folder, chunks, processes=1):
    folder.mkdir()
    builder = SentenceBuilder(folder, CharTokenizer())
    numbers = [builder.add(chunk) for chunk in chunks]
    assert len(list(builder.tokenize(processes))) == builder.steps
    sentences = builder.sentences()
    return sentences, [sentences.resolve(n) for n in numbers]


@settings(max_examples=15, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=3), st.integers(1, 5), st.integers(1, 3))
def test_equal_texts_meet_and_ids_are_those_of_the_vocabulary(
    tmp_path_factory, chunks, max_length, min_count
):
    folder = tmp_path_factory.mktemp("s")
    sentences, indices = build(folder / "work", chunks)
    cut = CharTokenizer().cut
    flat = [text for chunk in chunks for text in chunk]
    index_of = dict(zip(flat, np.concatenate(indices).tolist(), strict=True))
    for chunk, found in zip(chunks, indices, strict=True):
        assert [index_of[text] for text in chunk] == found.tolist()
    assert sorted(index_of.values()) == list(range(len(sentences)))
    for text, index in index_of.items():
        assert sentences.lengths[index] == len(cut(text))

    usage = np.array([flat.count(text) for text, _ in sorted(index_of.items(), key=lambda item: item[1])])
    counts = sentences.count(usage, max_length)
    expected = Counter(token for text in flat for token in cut(text)[:max_length])
    assert {t: n for t, n in zip(sentences.tokens, counts.tolist(), strict=True) if n} == expected
    used = sorted(sentences.cut_sentences(np.minimum(usage, 1)))
    assert used == sorted(cut(text) for text in index_of)

    vocabulary = Vocabulary.fit(expected, min_count)
    full = sentences.write(folder, vocabulary, max_length)
    ids, offsets = np.load(folder / "sentences.ids.npy"), np.load(folder / "sentences.offsets.npy")
    for text, index in index_of.items():
        encoded = vocabulary.encode(cut(text))
        assert ids[offsets[index] : offsets[index + 1]].tolist() == encoded[:max_length]
        assert full[index] == len(encoded)


def test_unknown_words_are_read_as_characters(tmp_path):
    sentences, _ = build(tmp_path / "work", [["ab甲", "b乙"]])
    vocabulary = Vocabulary(["a", "甲"])
    full = sentences.write(tmp_path, vocabulary, 9)
    assert sorted(full.tolist()) == [2, 3]  # "ab" is one token and two ids
    counts = sentences.count(np.ones(2, np.int32), 9)
    shares = encoding_coverage(sentences.tokens, counts, vocabulary)
    assert shares == {"known": 0.25, "by_characters": 0.25, "unknown": 0.5}


@pytest.mark.timeout(60)
def test_two_processes_give_the_same(tmp_path):
    texts = [f"文{i}" for i in range(100)]
    one, first = build(tmp_path / "one", [texts, texts[:5]])
    two, second = build(tmp_path / "two", [texts, texts[:5]], processes=2)
    np.testing.assert_array_equal(np.concatenate(first), np.concatenate(second))
    assert one.tokens == two.tokens
