from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsim.errors import ConfigError, DataFormatError, InputError
from textsim.text.vocabulary import PAD, PAD_ID, UNK, UNK_ID, Vocabulary

TOKENS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), min_size=1, max_size=4)
TOKEN_LISTS = st.lists(TOKENS, unique=True, max_size=20)


def reference_encode(tokens: list[str], vocabulary: Vocabulary) -> list[int]:
    known = {token: i for i, token in enumerate(vocabulary.tokens) if i > 1}
    ids = []
    for token in tokens:
        if token in known:
            ids.append(known[token])
        elif any(character in known for character in token):
            ids += [known.get(character, UNK_ID) for character in token]
        else:
            ids.append(UNK_ID)
    return ids


def test_specials_come_first() -> None:
    vocabulary = Vocabulary(["花", "呗"])
    assert (PAD_ID, UNK_ID) == (0, 1)
    assert vocabulary.tokens == (PAD, UNK, "花", "呗")
    assert len(vocabulary) == 4
    assert "花" in vocabulary and PAD not in vocabulary
    assert repr(vocabulary) == "Vocabulary(4 tokens)"


def test_fit_orders_by_count_then_token() -> None:
    counts = {"b": 2, "c": 5, "a": 2, "d": 1}
    assert Vocabulary.fit(counts).tokens[2:] == ("c", "a", "b", "d")
    assert Vocabulary.fit(counts, min_count=2).tokens[2:] == ("c", "a", "b")
    limited = Vocabulary.fit(counts, max_size=4)
    assert limited.tokens[2:] == ("c", "a")
    assert len(limited) == 4


@given(st.dictionaries(TOKENS, st.integers(1, 5), max_size=20))
def test_fit_does_not_depend_on_the_order_of_counts(counts: dict[str, int]) -> None:
    assert Vocabulary.fit(dict(reversed(counts.items()))) == Vocabulary.fit(counts)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_count": 0}, "min_count: expected at least 1. Received 0"),
        ({"max_size": 2}, "max_size: expected at least 3.*Received 2"),
    ],
)
def test_fit_refuses(options: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Vocabulary.fit({"a": 1}, **options)  # type: ignore[arg-type]


def test_unknown_words_fall_back_to_characters() -> None:
    vocabulary = Vocabulary(["还款", "还", "款", "花"])
    assert vocabulary.encode(["还款"]) == [2]
    assert vocabulary.encode(["款还"]) == [4, 3]
    assert vocabulary.encode(["花呗", "还款"]) == [5, UNK_ID, 2]
    assert vocabulary.encode(["蚂蚁"]) == [UNK_ID]
    assert vocabulary.encode(["呗"]) == [UNK_ID]
    assert vocabulary.encode([]) == []


def test_words_that_look_like_specials() -> None:
    vocabulary = Vocabulary(["花"])
    assert vocabulary.encode([PAD, UNK, "花"]) == [UNK_ID, UNK_ID, 2]
    spelled = Vocabulary.fit({PAD: 3, UNK: 2})
    assert spelled.encode([PAD, UNK]) == [2, 3]


@given(TOKEN_LISTS, st.lists(TOKENS, max_size=20))
def test_encode_agrees_with_the_reference(known: list[str], tokens: list[str]) -> None:
    vocabulary = Vocabulary(known)
    assert vocabulary.encode(tokens) == reference_encode(tokens, vocabulary)


@given(TOKEN_LISTS)
def test_decode_inverts_encode(tokens: list[str]) -> None:
    vocabulary = Vocabulary(tokens)
    ids = vocabulary.encode(tokens)
    assert vocabulary.decode(ids) == tokens
    assert min(ids, default=2) >= 2


def test_decode_takes_arrays_and_specials() -> None:
    assert Vocabulary(["花"]).decode(np.array([2, 1, 0], dtype=np.int32)) == ["花", UNK, PAD]


@pytest.mark.parametrize("wrong", [-1, 3])
def test_decode_refuses_other_ids(wrong: int) -> None:
    with pytest.raises(InputError, match=f"token id {wrong}: expected 0 to 2"):
        Vocabulary(["花"]).decode([wrong])


@given(tokens=TOKEN_LISTS)
def test_save_and_load_lose_nothing(tmp_path_factory: pytest.TempPathFactory, tokens: list[str]) -> None:
    path = tmp_path_factory.mktemp("v") / "vocabulary.txt"
    vocabulary = Vocabulary(tokens)
    vocabulary.save(path)
    assert Vocabulary.load(path) == vocabulary
    assert path.read_bytes().count(b"\n") == len(vocabulary)


def test_odd_tokens_survive_a_file(tmp_path: Path) -> None:
    vocabulary = Vocabulary(["\r", "a\r", "\u2028", " ", "\x85", "\ufeff", PAD, UNK, "\\n"])
    vocabulary.save(tmp_path / "词表.txt")
    assert Vocabulary.load(tmp_path / "词表.txt").tokens == vocabulary.tokens
    assert [path.name for path in tmp_path.iterdir()] == ["词表.txt"]


def test_equal_vocabularies() -> None:
    assert Vocabulary(["a"]) == Vocabulary(["a"]) != Vocabulary(["b"])
    assert hash(Vocabulary(["a"])) == hash(Vocabulary(["a"]))


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (["a", "b", "a"], r"token 'a' \(number 2\) occurs twice"),
        (["a\nb"], "holds a line end"),
        ([""], "is empty"),
        (["\ud800"], "lone surrogate"),
        ([3], "is a int, not a str"),
    ],
)
def test_refused_tokens(tokens: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Vocabulary(tokens)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected one token a line.*The file is empty"),
        (b"a\nb\n", r"line 1: expected \[PAD\]. Received 'a'"),
        (b"[PAD]\n", r"line 2: expected \[UNK\]. Received ''"),
        (b"[PAD]\r\n[UNK]\r\n", r"line 1: expected \[PAD\]. Received '\[PAD\]\\r'"),
        (b"[PAD]\n[UNK]\na\nb\na\n", "line 5: token 'a' is already on line 3"),
        (b"[PAD]\n[UNK]\na\n\nb\n", "line 4: expected a token. The line is empty"),
        (b"[PAD]\n[UNK]\na\nb", "line 4: the last line has no line end. Is the file cut short"),
        (b"[PAD]\n[UNK]\na\n\xff\n", "line 4: expected UTF-8"),
    ],
)
def test_load_refuses(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "vocabulary.txt"
    path.write_bytes(content)
    with pytest.raises(DataFormatError, match=f"vocabulary.txt.*{message}"):
        Vocabulary.load(path)


def test_load_of_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataFormatError, match=r"none.txt: cannot be read: No such file"):
        Vocabulary.load(tmp_path / "none.txt")


def test_an_extended_vocabulary_keeps_its_ids() -> None:
    base = Vocabulary(["乙", "甲"])
    counts = {"丙": 2, "丁": 5, "甲": 9, "戊": 1}
    assert Vocabulary.fit(counts, min_count=2, base=base).tokens == (*base.tokens, "丁", "丙")
    assert Vocabulary.fit(counts, max_size=5, base=base).tokens == (*base.tokens, "丁")
    assert Vocabulary.fit(counts, max_size=3, base=base) == base
