"""The scoring API: what holds for every model, what it takes, and what it says to what it does not take."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from tests.tiny_models import CHARACTERS, DIM, MAX_LENGTH, saved_model
from textsim.artifacts.saved_model import SavedModel, load_model, save_model
from textsim.config.recipes import RECIPES
from textsim.errors import ArtifactError, InputError, MissingDependencyError
from textsim.matching.load import load_matcher
from textsim.matching.text_matcher import TextMatcher
from textsim.matching.vector_matcher import VectorMatcher
from textsim.onnx.export import token_table
from textsim.text import normalize
from textsim.text.normalize import Normalizer
from textsim.text.tokenizers import CharTokenizer, JiebaTokenizer

TEXTS = ["花呗怎么还款", "怎样还花呗", "今天天气怎样", "你好", "你好吗", "怎么还", "不是我的", "好"]


@pytest.fixture(scope="module")
def saved() -> SavedModel:
    return saved_model("bilstm-attention")


@pytest.fixture(scope="module")
def matcher(saved: SavedModel) -> TextMatcher:
    return TextMatcher(saved)


@pytest.fixture(scope="module")
def manhattan() -> TextMatcher:
    return TextMatcher(saved_model("bilstm-manhattan"))


@pytest.fixture(scope="module")
def vectors() -> VectorMatcher:
    scaler = np.linspace(-1, 1, DIM, dtype=np.float32), np.full(DIM, 3, np.float32)
    return VectorMatcher(saved_model("vector-contrastive", scaler=scaler))


def all_pairs(texts: list[str]) -> list[tuple[str, str]]:
    return [(a, b) for a in texts for b in texts]


# What holds for every model.


@pytest.mark.parametrize("recipe", [name for name in RECIPES if not name.startswith("vector-")])
def test_every_recipe_scores_symmetrically_within_range(recipe: str) -> None:
    matcher = TextMatcher(saved_model(recipe))
    scores = matcher.score_pairs(all_pairs(TEXTS)).reshape(len(TEXTS), len(TEXTS))
    assert scores.dtype == np.float32
    assert ((scores >= 0) & (scores <= 1)).all()
    np.testing.assert_array_equal(scores, scores.T)
    assert matcher.score(*TEXTS[:2]) == matcher.score(*TEXTS[1::-1])
    if matcher.saved.recipe.head.name in ("manhattan", "cosine"):
        assert (np.diag(scores) == 1).all()


texts = st.text(alphabet=CHARACTERS + " xyz，😀", max_size=14).filter(str.strip)


@given(a=texts, b=texts, others=st.lists(texts, max_size=6))
def test_a_score_depends_on_its_pair_alone(manhattan: TextMatcher, a: str, b: str, others: list[str]) -> None:
    alone = manhattan.score(a, b)
    assert 0 <= alone <= 1
    assert manhattan.score(b, a) == alone
    assert manhattan.score(a, a) == 1
    pairs = [(other, a) for other in others] + [(a, b), (b, a), (b, b)]
    scores = manhattan.score_pairs(pairs)
    assert scores[-3] == scores[-2] == pytest.approx(alone, abs=1e-6)
    assert scores[-1] == 1
    np.testing.assert_array_equal(scores, manhattan.score_pairs([(b, a) for a, b in pairs]))
    np.testing.assert_array_equal(scores[::-1], manhattan.score_pairs(pairs[::-1]))


def test_texts_that_normalize_alike_are_one_text(manhattan: TextMatcher) -> None:
    assert manhattan.score("你好ＡＢＣ吗", " 你好\tabc吗\u200b") == 1


def test_different_texts_that_say_nothing_to_the_model_are_no_match(matcher: TextMatcher) -> None:
    assert matcher.score("😀😀", "👨‍👩‍👧 龘") == matcher.score("😀", "🎉") == 0
    assert matcher.score("😀😀", " 😀😀") == 1
    scores = matcher.score_pairs([("😀😀", "🎉🎉"), ("你😀", "你🎉"), ("😀😀", "😀😀"), ("😀", "你")])
    assert scores.tolist() == pytest.approx([0, 1, 1, matcher.score("你", "😀")], abs=1e-6)


@pytest.mark.parametrize("recipe", [name for name in RECIPES if not name.startswith("vector-")])
def test_a_text_with_itself_scores_one(recipe: str) -> None:
    matcher = TextMatcher(saved_model(recipe))
    assert matcher.score("花呗怎么还款", "花呗怎么还款") == matcher.score("😀", "😀") == 1
    assert matcher.score_pairs([(text, text) for text in TEXTS]).tolist() == [1] * len(TEXTS)
    assert not matcher.score_texts(TEXTS, TEXTS).indistinct.any()


def test_different_texts_that_are_one_to_the_model_are_told(saved: SavedModel) -> None:
    matcher = TextMatcher(saved)
    long = "花呗怎么还款怎样今天" + "气" * MAX_LENGTH
    assert matcher.score("你😀", "你🎉") == 1 == matcher.score(long + "好", long + "坏")
    left, right = ["你😀", "😀", "你", "你好", long + "好"], ["你🎉", "🎉", "你", "你", long + "坏"]
    result = matcher.score_texts(left, right)
    assert result.indistinct.tolist() == [True, False, False, False, True]
    assert result.truncated.tolist() == [False, False, False, False, True]


def test_texts_of_stop_words_alone_are_no_match(saved: SavedModel) -> None:
    tokenizer = JiebaTokenizer(stop_words=["的", "了", "吗"])
    matcher = TextMatcher(SavedModel(**{**saved.__dict__, "tokenizer": tokenizer}))
    assert matcher.score("的", "了吗") == 0 < matcher.score("的", "的")


def test_is_match_is_the_threshold(matcher: TextMatcher, saved: SavedModel) -> None:
    assert matcher.threshold == saved.threshold
    for a, b in all_pairs(TEXTS[:4]):
        assert matcher.is_match(a, b) is (matcher.score(a, b) >= matcher.threshold)


def test_long_text_is_truncated_and_counted(saved: SavedModel) -> None:
    matcher = TextMatcher(saved)
    assert matcher.max_length == MAX_LENGTH
    long = "花呗怎么还款怎样今天" + "气" * 100_000
    assert matcher.score(long, "你好") == matcher.score(long[:MAX_LENGTH], "你好")
    assert matcher.read([long, "你好", long[: MAX_LENGTH + 1], long[:MAX_LENGTH]]).truncated.tolist() == [
        True,
        False,
        True,
        False,
    ]


def test_unknown_words_read_as_characters_are_truncated_too(saved: SavedModel) -> None:
    words = JiebaTokenizer(user_dictionary=["花呗怎么还款怎样今天气明你好"])
    matcher = TextMatcher(SavedModel(**{**saved.__dict__, "tokenizer": words}))
    expected = TextMatcher(saved).score("花呗怎么还款怎样今天", "你好")
    assert matcher.score("花呗怎么还款怎样今天气明你好", "你好") == expected
    assert matcher.read(["花呗怎么还款怎样今天气明你好"]).truncated.all()


def test_text_of_stop_words_alone_is_read_as_in_training(saved: SavedModel) -> None:
    tokenizer = JiebaTokenizer(stop_words=["的", "了"])
    matcher = TextMatcher(SavedModel(**{**saved.__dict__, "tokenizer": tokenizer}))
    assert matcher.score("的", "你好") == matcher.score("了的", "你好")


def test_each_distinct_text_is_encoded_once(saved: SavedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    matcher = TextMatcher(saved)
    seen: list[int] = []
    encode = matcher._scorer.encode_ids

    def counting(ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        seen.append(len(lengths))
        return encode(ids, lengths)

    monkeypatch.setattr(matcher._scorer, "encode_ids", counting)
    matcher.score_pairs(all_pairs(TEXTS) * 3)
    assert seen == [len(TEXTS)]


def test_threads_give_the_same_bits(saved: SavedModel) -> None:
    matcher = TextMatcher(saved, cache_bytes=1 << 20, threads=2)
    pairs = all_pairs(TEXTS)
    expected = matcher.score_pairs(pairs)
    wrong: list[Any] = []

    def work() -> None:
        for _ in range(20):
            if not np.array_equal(matcher.score_pairs(pairs), expected):
                wrong.append(1)
            if not matcher.score_texts(["你" * 20], ["好"]).truncated.all():
                wrong.append(2)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_the_bits_do_not_depend_on_the_threads_of_numpy() -> None:
    # As wide as a real model: a small product is not shared among threads.
    wide = load_model("zh-general")
    tables = []
    for threads in (1, 2, 3):
        with threadpool_limits(threads, user_api="blas"):
            tables.append(token_table(wide))
    for table in tables[1:]:
        np.testing.assert_array_equal(table, tables[0])


def test_another_process_scores_to_the_same_bits_without_tensorflow(
    matcher: TextMatcher, tmp_path: Path
) -> None:
    save_model(matcher.saved, tmp_path / "run1")
    pairs = all_pairs(TEXTS)
    code = (
        "import sys, json; from textsim import TextMatcher\n"
        "matcher = TextMatcher.load(sys.argv[1])\n"
        "scores = matcher.score_pairs(json.loads(sys.argv[2]))\n"
        "slow = {'keras', 'tensorflow', 'pandas', 'sklearn', 'scipy', 'gensim', 'jieba'} & set(sys.modules)\n"
        "print(scores.tobytes().hex(), matcher.score('你好', '你好吗').hex(), slow)"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "run1"), json.dumps(pairs)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    scores, score, slow = done.stdout.split()
    assert bytes.fromhex(scores) == matcher.score_pairs(pairs).tobytes()
    assert float.fromhex(score) == matcher.score("你好", "你好吗")
    assert slow == "set()"


# What it takes.


def test_pairs_in_every_form(matcher: TextMatcher) -> None:
    pairs = [("你好", "你好吗"), ("怎么还", "好"), ("好", "好")]
    expected = matcher.score_pairs(pairs)
    forms: list[Any] = [
        [list(pair) for pair in pairs],
        iter(pairs),
        np.array(pairs),
        np.array(pairs, dtype=object),
        [np.array(pair) for pair in pairs],
        pd.DataFrame(pairs, columns=["text_a", "text_b"]),
        pd.DataFrame({"label": 1, "sentence2": [b for _, b in pairs], "sentence1": [a for a, _ in pairs]}),
    ]
    for form in forms:
        np.testing.assert_array_equal(matcher.score_pairs(form), expected)
    frame = pd.DataFrame(pairs, columns=["问", "答"])
    np.testing.assert_array_equal(matcher.score_pairs(frame, columns=["问", "答"]), expected)
    assert matcher.score_pairs([]).shape == (0,)


def test_encode(matcher: TextMatcher) -> None:
    encoded = matcher.encode(["你好", "好", "你好"])
    assert encoded.shape == (3, matcher.output_dim) and encoded.dtype == np.float32
    np.testing.assert_array_equal(encoded[0], encoded[2])
    np.testing.assert_array_equal(matcher.encode(pd.Series(["好", "你好"])), encoded[[1, 0]])
    assert matcher.encode([]).shape == (0, matcher.output_dim)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("", r"text_b: expected a text\. Received '', which is empty once it is normalized"),
        (" \u3000\n", r"text_b: expected a text\. .* is empty once it is normalized"),
        ("\u200b", r"text_b: expected a text\. .* is empty once it is normalized"),
        (None, r"text_b: expected a text \(str\)\. Received NoneType: None\. Is a cell missing\?"),
        (float("nan"), r"text_b: expected a text \(str\)\. Received float: nan\. Is a cell missing\?"),
        (pd.NA, r"text_b: expected a text \(str\)\. Received NAType: <NA>\. Is a cell missing\?"),
        (np.array(["好", "吗"]), r"text_b: expected a text \(str\)\. Received ndarray: array\("),
        (3, r"text_b: expected a text \(str\)\. Received int: 3\."),
        (b"abc", r"text_b: expected a text \(str\)\. Received bytes: b'abc'\."),
        (["好"], r"text_b: expected a text \(str\)\. Received list: \['好'\]\."),
    ],
)
def test_what_is_no_text(matcher: TextMatcher, bad: Any, message: str) -> None:
    for call in (lambda: matcher.score("好", bad), lambda: matcher.is_match("好", bad)):
        with pytest.raises(InputError, match=message):
            call()
    with pytest.raises(InputError, match=rf"pairs\[1\], {message}"):
        matcher.score_pairs([("好", "好"), ("好", bad)])
    with pytest.raises(InputError, match=message.replace("text_b", r"texts\[1\]")):
        matcher.encode(["好", bad])


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("好好", r"expected pairs .* Received str: '好好'\. For one pair call score\(text_a, text_b\)"),
        (None, r"expected pairs .* Received NoneType"),
        (7, r"expected pairs .* Received int: 7"),
        ({"好": "好"}, r"expected pairs .* Received dict"),
        (("你好", "好"), r"pairs\[0\]: expected two texts .* Received str: '你好'\. For one pair call score"),
        (
            [("好", "好"), ("好",)],
            r"pairs\[1\]: expected two texts \(text_a, text_b\)\. Received tuple: \('好',\)",
        ),
        ([("好", "好", 1)], r"pairs\[0\]: expected two texts .* Received tuple"),
        ([None], r"pairs\[0\]: expected two texts .* Received NoneType"),
        ([{"a": 1, "b": 2}], r"pairs\[0\]: expected two texts .* Received dict"),
        (np.array(["好", "好"]), r"expected an array of shape \(n, 2\)\. Received \(2,\)"),
        (np.zeros((3, 2)), r"pairs\[0\], text_a: expected a text \(str\)\. Received float: 0\.0"),
        (pd.DataFrame({"a": ["好"], "b": ["好"]}), r"expected the columns text_a, text_b.*columns=\["),
        (pd.DataFrame({"text_a": ["好", None], "text_b": ["好", "好"]}), r"row 2"),
    ],
)
def test_what_are_no_pairs(matcher: TextMatcher, bad: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        matcher.score_pairs(bad)


def test_columns_of_a_data_frame_may_be_numbers(matcher: TextMatcher) -> None:
    frame = pd.DataFrame([["你好", "好"], ["吗", "吗"]])
    expected = matcher.score_pairs([("你好", "好"), ("吗", "吗")])
    np.testing.assert_array_equal(matcher.score_pairs(frame, columns=[0, 1]), expected)


def test_many_pairs_are_scored_in_parts(matcher: TextMatcher, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [(a, b) for a in ("你好", "好", "吗", "😀", "怎么还") for b in ("好", "🎉", "你好吗", "😀")]
    expected = matcher.score_pairs(pairs)
    encoded: list[int] = []
    encode = matcher._encode_distinct
    monkeypatch.setattr(matcher, "_encode_distinct", lambda keys: encoded.append(len(keys)) or encode(keys))
    monkeypatch.setattr("textsim.matching.text_matcher.CHUNK_ROWS", 3)
    np.testing.assert_allclose(matcher.score_pairs(pairs), expected, atol=1e-6)
    keys = {key for pair in pairs for key in matcher.read(pair).keys}
    assert len(encoded) > 1 and sum(encoded) == len(keys)


def test_columns_need_a_data_frame(matcher: TextMatcher) -> None:
    with pytest.raises(InputError, match=r"columns: expected with a data frame only\. Received list"):
        matcher.score_pairs([("好", "好")], columns=["a", "b"])


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("好好", r"texts: expected a list of texts\. Received str: '好好'\. Call encode\(\[text\]\)"),
        (3, r"texts: expected a list of texts\. Received int: 3"),
        ({"好": 1}, r"texts: expected a list of texts\. Received dict"),
        (pd.DataFrame({"text": ["好"]}), r"texts: expected a list of texts\. Received DataFrame"),
    ],
)
def test_what_is_no_list_of_texts(matcher: TextMatcher, bad: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        matcher.encode(bad)


def test_options_out_of_range(saved: SavedModel) -> None:
    with pytest.raises(InputError, match=r"threads: expected at least 1, or None\. Received 0"):
        TextMatcher(saved, threads=0)
    with pytest.raises(InputError, match=r"cache_bytes: expected 0 or more\. Received -1"):
        TextMatcher(saved, cache_bytes=-1)


def test_models_of_the_other_kind(saved: SavedModel, vectors: VectorMatcher) -> None:
    with pytest.raises(ArtifactError, match=r"TextMatcher needs .* 'vectors': load it with VectorMatcher"):
        TextMatcher(vectors.saved)
    with pytest.raises(ArtifactError, match=r"VectorMatcher needs .* 'text': load it with TextMatcher"):
        VectorMatcher(saved)


def test_load_matcher_finds_the_kind(saved: SavedModel, vectors: VectorMatcher, tmp_path: Path) -> None:
    save_model(saved, tmp_path / "text")
    save_model(vectors.saved, tmp_path / "vectors")
    assert isinstance(load_matcher(tmp_path / "text"), TextMatcher)
    assert isinstance(load_matcher(tmp_path / "vectors", threads=1), VectorMatcher)


def test_normalization_is_the_models_own(saved: SavedModel) -> None:
    strict = CharTokenizer(normalizer=Normalizer(nfkc=False, lowercase=False, half_width=False))
    plain = SavedModel(**{**saved.__dict__, "recipe": RECIPES["word-vectors"], "dim": DIM, "output_dim": DIM})
    exact = SavedModel(**{**plain.__dict__, "tokenizer": strict})
    assert TextMatcher(plain).score("你 好", "你　好") == 1
    assert TextMatcher(exact).score("好Ａ", "好Ａ") == 1


def test_simplify(saved: SavedModel, vectors: VectorMatcher, tmp_path: Path) -> None:
    pytest.importorskip("opencc")
    matcher = TextMatcher(saved, simplify=True)
    plain = TextMatcher(saved)
    given, simplified = ("花唄怎麼還款", "怎樣還花唄"), ("花呗怎么还款", "怎样还花呗")
    assert matcher.score(*given) == matcher.score(*simplified) == plain.score(*simplified)
    assert plain.score(*given) != plain.score(*simplified)
    assert pickle.loads(pickle.dumps(matcher)).score(*given) == matcher.score(*given)
    # Texts of nothing that the model knows are one text where they are so once they are simplified.
    assert matcher.score("貓", "猫") > 0 and plain.score("貓", "猫") == 0
    assert plain.saved is saved and saved.tokenizer is not None and not saved.tokenizer.normalizer.simplify
    # What is saved of it simplifies by itself.
    save_model(matcher.saved, tmp_path / "text")
    assert TextMatcher.load(tmp_path / "text").score(*given) == matcher.score(*given)
    card = (tmp_path / "text/README.md").read_text("utf-8")
    assert "texts, traditional characters simplified, as tokens of" in card
    save_model(vectors.saved, tmp_path / "vectors")
    assert isinstance(load_matcher(tmp_path / "text", simplify=True), TextMatcher)
    with pytest.raises(
        InputError, match=r"simplify: expected a model of texts\. Received .*vectors, one of kind"
    ):
        load_matcher(tmp_path / "vectors", simplify=True)


def test_simplify_without_opencc_names_the_extra(saved: SavedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opencc", None)
    normalize._simplifier.cache_clear()
    with pytest.raises(MissingDependencyError, match=r"pip install 'textsim\[opencc\]'"):
        TextMatcher(saved, simplify=True)


# The cache.


def test_cache_gives_the_same_scores_and_stays_within_bounds(saved: SavedModel) -> None:
    plain = TextMatcher(saved)
    bound = 3 * (saved.output_dim * 4 + 400)
    cached = TextMatcher(saved, cache_bytes=bound)
    for _ in range(2):
        for pair in all_pairs(TEXTS):
            assert cached.score(*pair) == pytest.approx(plain.score(*pair), abs=1e-6)
            assert cached.score(*pair) == cached.score(*pair[::-1])
    assert cached.cache is not None
    assert 0 < cached.cache.bytes <= bound


# Vectors.


def test_vector_pairs(vectors: VectorMatcher) -> None:
    random = np.random.default_rng(0)
    left, right = random.normal(size=(2, 50, DIM)).astype(np.float32)
    right[:5] = left[:5]
    scores = vectors.score_pairs(left, right)
    assert scores.shape == (50,) and scores.dtype == np.float32
    assert (scores[:5] == 1).all() and ((scores >= 0) & (scores <= 1)).all()
    np.testing.assert_array_equal(scores, vectors.score_pairs(right, left))
    order = random.permutation(50)
    np.testing.assert_array_equal(vectors.score_pairs(left[order], right[order]), scores[order])
    for row in (0, 7):
        assert vectors.score(left[row], right[row]) == pytest.approx(scores[row], abs=1e-6)
        assert vectors.is_match(left[row], right[row]) is bool(scores[row] >= vectors.threshold)
    np.testing.assert_array_equal(vectors.score_pairs(left.tolist(), pd.DataFrame(right)), scores)
    assert vectors.encode(left).shape == (50, vectors.output_dim)
    assert vectors.score_pairs(np.empty((0, DIM)), np.empty((0, DIM))).shape == (0,)


def test_many_vector_pairs_are_scored_piece_by_piece(
    vectors: VectorMatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, right = np.random.default_rng(1).normal(size=(2, 20, DIM))
    scores = vectors.score_pairs(left, right)
    monkeypatch.setattr("textsim.matching.text_matcher.CHUNK_ROWS", 3)
    np.testing.assert_allclose(vectors.score_pairs(left, right), scores, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("left", "right", "message"),
    [
        (np.zeros((2, 3)), np.zeros((2, DIM)), r"left: expected shape \(n, 12\)\. Received \(2, 3\)"),
        (np.zeros((2, DIM)), np.zeros(DIM), r"right: expected shape \(n, 12\)\. Received \(12,\)"),
        (np.zeros((2, DIM)), np.zeros((3, DIM)), r"as many rows on both sides\. Received 2 and 3"),
        ("abc", np.zeros((2, DIM)), r"left: expected numbers of shape \(n, 12\)\. Received str: 'abc'"),
        ([[1, 2], [3]], np.zeros((2, DIM)), r"left: expected numbers of shape \(n, 12\)\. Received list"),
        (None, np.zeros((2, DIM)), r"left: expected shape \(n, 12\)\. Received \(\)"),
        (
            np.where(np.arange(2 * DIM).reshape(2, DIM) == 17, np.nan, 0),
            np.zeros((2, DIM)),
            r"left, row 1, column 5: expected finite numbers\. Received nan",
        ),
        (np.zeros((1, DIM)), np.full((1, DIM), np.inf), r"right, row 0, column 0: .* Received inf"),
    ],
)
def test_what_are_no_vectors(vectors: VectorMatcher, left: Any, right: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        vectors.score_pairs(left, right)


@pytest.mark.parametrize("recipe", ["vector-contrastive", "vector-l1"])
def test_numbers_that_are_too_large_are_no_pair_of_which_nothing_is_known(recipe: str) -> None:
    matcher = VectorMatcher(saved_model(recipe))
    huge = np.zeros((3, DIM), np.float32)
    huge[2] = np.where(np.arange(DIM) % 2, -3e38, 3e38)
    with pytest.raises(InputError, match=r"left and right, row 2: .* Received one of size 3e\+38"):
        matcher.score_pairs(huge, np.ones((3, DIM)))
    with pytest.raises(InputError, match=r"left and right: .* Received one of size 3e\+38"):
        matcher.decide(huge[2], np.ones(DIM))
    with pytest.raises(InputError, match=r"vectors, row 2: .* Received one of size 3e\+38"):
        matcher.encode(huge)


def test_a_model_of_vectors_that_computes_no_numbers_is_at_fault_itself() -> None:
    saved = saved_model("vector-l1")
    for path, array in saved.weights.items():
        if path.startswith("encoder"):
            array.flat[:] = np.resize([3e38, -3e38], array.size)
    matcher, rows = VectorMatcher(saved), np.full((3, DIM), 7.0)
    for call in (
        lambda: matcher.score_pairs(rows, 2 * rows),
        lambda: matcher.score(rows[0], 2 * rows[0]),
        lambda: matcher.encode(rows),
    ):
        with pytest.raises(ArtifactError, match="computes NaN or infinity: its weights"):
            call()


def test_what_is_no_vector(vectors: VectorMatcher) -> None:
    with pytest.raises(InputError, match=r"left: expected shape \(12,\)\. Received \(1, 12\)"):
        vectors.score(np.zeros((1, DIM)), np.zeros(DIM))
    with pytest.raises(InputError, match=r"right, column 0: expected finite numbers\. Received nan"):
        vectors.score(np.zeros(DIM), np.full(DIM, np.nan))
    with pytest.raises(InputError, match=r"vectors: expected shape \(n, 12\)\. Received \(2, 3\)"):
        vectors.encode(np.zeros((2, 3)))


def test_a_matcher_can_be_sent_to_another_process(saved: SavedModel, vectors: VectorMatcher) -> None:
    matcher = TextMatcher(saved, threads=1, cache_bytes=1 << 16)
    matcher.threshold = 0.25
    pair = (CHARACTERS[:3], CHARACTERS[2:5])
    score = matcher.score(*pair)
    for copied in (pickle.loads(pickle.dumps(matcher)), copy.deepcopy(matcher)):
        assert copied.score(*pair) == score and copied.threshold == 0.25
        assert copied.cache is not None and copied.cache is not matcher.cache
    left, right = np.eye(vectors.width, dtype=np.float32)[:2]
    assert pickle.loads(pickle.dumps(vectors)).score(left, right) == vectors.score(left, right)


def test_both_columns_need_as_many_texts(matcher: TextMatcher) -> None:
    with pytest.raises(InputError, match=r"expected as many texts\. Received 2 and 1"):
        matcher.score_texts(["你", "好"], ["好"])
    with pytest.raises(InputError, match=r"row 1, text_b: expected a text \(str\)\. Received NoneType: None"):
        matcher.score_texts(["你", "好"], ["好", None])  # type: ignore[list-item]
