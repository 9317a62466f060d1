from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsim.errors import ConfigError, DataFormatError, InputError, MissingDependencyError, UnknownNameError
from textsim.registry import TOKENIZERS
from textsim.text import tokenizers
from textsim.text.normalize import Normalizer
from textsim.text.tokenizers import CharTokenizer, JiebaTokenizer, Tokenizer, tokenizer_from_config
from textsim.text.word_lists import read_dictionary

SENTENCES = [
    "我的iPhone12坏了怎么办？",
    "会议室 怎么改签",
    "明天北京下雨吗",
    "价格是3.5元/kg",
    "",
    "  ",
    "👩‍💻写代码",
]
TEXTS = st.text(
    st.one_of(st.sampled_from("今天气北京下雨了吗的abcXYZ019é.-+# ？，\u3000👍"), st.characters()),
    max_size=20,
)
# Loading jieba's dictionary takes most of a second, so the tests share its tokenizers.
JIEBA = JiebaTokenizer()
JIEBA_WITHOUT_HMM = JiebaTokenizer(hmm=False)


def rjieba(**options: Any) -> JiebaTokenizer:
    pytest.importorskip("rjieba")
    return JiebaTokenizer(engine="rjieba", **options)


def built(name: str) -> Tokenizer:
    return JIEBA if name == "jieba" else tokenizer_from_config({"name": name})


@pytest.fixture(params=TOKENIZERS.names())
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return built(request.param)


# Every tokenizer


def test_names() -> None:
    assert TOKENIZERS.names() == ("char", "jieba")


@pytest.mark.parametrize("name", TOKENIZERS.names())
@given(text=TEXTS)
def test_tokens_joined_give_back_the_normalized_text(name: str, text: str) -> None:
    tokenizer = built(name)
    tokens = tokenizer.tokenize(text)
    assert "".join(tokens) == "".join(tokenizer.normalizer(text).split())
    assert all(tokens) and not any(character.isspace() for token in tokens for character in token)


def test_config_round_trip(tokenizer: Tokenizer) -> None:
    config = tokenizer.to_config()
    again = tokenizer_from_config(json.loads(json.dumps(config)))
    assert type(again) is type(tokenizer)
    assert again.to_config() == config
    assert config["normalizer"] == tokenizer.normalizer.to_config()


def test_normalizer_goes_through_config(tokenizer: Tokenizer) -> None:
    other = type(tokenizer)(normalizer=Normalizer(lowercase=False))
    again = tokenizer_from_config(other.to_config())
    assert again.normalizer == Normalizer(lowercase=False)


def test_pickle_goes_through_config() -> None:
    tokenizer = CharTokenizer(latin="split", normalizer=Normalizer(nfkc=False))
    again = pickle.loads(pickle.dumps(tokenizer))
    assert again.to_config() == tokenizer.to_config()
    words = JiebaTokenizer(user_dictionary=["花呗"], stop_words=["的"])
    assert pickle.loads(pickle.dumps(words)).to_config() == words.to_config()


def test_pickle_of_a_used_tokenizer_holds_no_dictionary() -> None:
    JIEBA.tokenize("花呗")
    assert len(pickle.dumps(JIEBA)) < 1000


def test_tokenize_many_equals_tokenize(tokenizer: Tokenizer) -> None:
    assert tokenizer.tokenize_many(iter(SENTENCES)) == [tokenizer.tokenize(text) for text in SENTENCES]
    assert tokenizer.tokenize_many([]) == []


def test_few_texts_start_no_process(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizers, "ProcessPoolExecutor", None)
    assert len(tokenizer.tokenize_many(SENTENCES, processes=8)) == len(SENTENCES)


def test_any_number_of_processes_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizers, "_CHUNK_TEXTS", 4)
    tokenizer = JiebaTokenizer(user_dictionary=[["明天北京", 100000, None]], stop_words=["吗"])
    alone = tokenizer.tokenize_many(SENTENCES)
    assert "明天北京" in alone[2]
    assert tokenizer.tokenize_many(SENTENCES, processes=2) == alone


def test_unguarded_script_is_told_to_guard(tmp_path: Path) -> None:
    script = tmp_path / "unguarded.py"
    script.write_text(
        "from textsim.text.tokenizers import CharTokenizer\n"
        "CharTokenizer().tokenize_many(['花呗'] * 5000, processes=2)\n",
        encoding="utf-8",
    )
    root = Path(tokenizers.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert done.returncode
    assert "InputError: the tokenizing processes ended early. A script that uses processes > 1" in done.stderr


def test_unknown_name() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown tokenizer 'chars'.*Did you mean 'char'"):
        tokenizer_from_config({"name": "chars"})


def test_config_without_a_name() -> None:
    with pytest.raises(ConfigError, match=r"expected a 'name', one of: char, jieba"):
        tokenizer_from_config({"latin": "runs"})


def test_unknown_option() -> None:
    with pytest.raises(
        ConfigError, match=r"option of tokenizer 'jieba': 'stopwords'.*Did you mean 'stop_words'"
    ):
        tokenizer_from_config({"name": "jieba", "stopwords": []})
    with pytest.raises(ConfigError, match=r"unknown normalizer option 'nkfc'"):
        tokenizer_from_config({"name": "char", "normalizer": {"nkfc": True}})


def test_refused_arguments(tokenizer: Tokenizer) -> None:
    with pytest.raises(InputError, match=r"expected a list of texts. Received one str"):
        tokenizer.tokenize_many("花呗")
    with pytest.raises(InputError, match=r"processes: expected at least 1. Received 0"):
        tokenizer.tokenize_many(["花呗"], processes=0)
    with pytest.raises(InputError, match=r"expected a text.*NoneType"):
        tokenizer.tokenize_many(["花呗", None])  # type: ignore[list-item]
    with pytest.raises(ConfigError, match=r"option 'normalizer': expected a Normalizer. Received 'nfkc'"):
        type(tokenizer).from_config({"normalizer": "nfkc"})


def test_a_tokenizer_of_ones_own_needs_one_class() -> None:
    class Halves(Tokenizer):
        registered_name = "halves"

        def cut(self, text: str) -> list[str]:
            return [half for half in (text[: len(text) // 2], text[len(text) // 2 :]) if half]

        def options(self) -> dict[str, Any]:
            return {}

    assert Halves.from_config(Halves().to_config()).tokenize("晨跑夜骑") == ["晨跑", "夜骑"]
    assert repr(Halves()).startswith("Halves({}, Normalizer(")


# Characters


@pytest.mark.parametrize(
    ("text", "runs", "split"),
    [
        ("我的iPhone12坏了", "我 的 iphone12 坏 了", "我 的 i p h o n e 1 2 坏 了"),
        ("价格3.5元", "价 格 3 . 5 元", "价 格 3 . 5 元"),
        ("café Ünal", "café ünal", "c a f é ü n a l"),
        ("x\u0323\u0301y好", "x\u0323\u0301y 好", "x \u0323 \u0301 y 好"),
        ("a-b ok？", "a - b ok ?", "a - b o k ?"),
        ("日本の🍣", "日 本 の 🍣", "日 本 の 🍣"),
        ("𠮷野家", "𠮷 野 家", "𠮷 野 家"),
        ("", "", ""),
    ],
)
def test_characters(text: str, runs: str, split: str) -> None:
    assert CharTokenizer().tokenize(text) == runs.split()
    assert CharTokenizer(latin="split").tokenize(text) == split.split()


@given(text=TEXTS)
def test_split_is_one_token_a_character(text: str) -> None:
    tokenizer = CharTokenizer(latin="split")
    assert tokenizer.tokenize(text) == [c for c in tokenizer.normalizer(text) if not c.isspace()]


def test_unknown_latin() -> None:
    with pytest.raises(
        ConfigError, match=r"option 'latin': 'run'. Expected one of: runs, split. Did you mean 'runs'"
    ):
        CharTokenizer(latin="run")


# Words


def test_words() -> None:
    assert JIEBA.tokenize("明天北京下雨吗") == ["明天", "北京", "下雨", "吗"]
    assert JIEBA.tokenize("银行 怎么　上班") == ["银行", "怎么", "上班"]


def test_cuts_equal_jiebas_own() -> None:
    jieba = pytest.importorskip("jieba")
    jieba.setLogLevel(60)
    for text in SENTENCES:
        normalized = JIEBA.normalizer(text)
        for tokenizer, hmm in ((JIEBA, True), (JIEBA_WITHOUT_HMM, False)):
            expected = [token for token in jieba.cut(normalized, HMM=hmm) if not token.isspace()]
            assert tokenizer.tokenize(text) == expected


def test_hmm_finds_new_words() -> None:
    assert "杭研" in JIEBA.tokenize("他来到了网易杭研大厦")
    assert "杭研" not in JIEBA_WITHOUT_HMM.tokenize("他来到了网易杭研大厦")


def test_user_dictionary_entries() -> None:
    tokenizer = JiebaTokenizer(user_dictionary=["石墨烯", ["云计算平台", 50], ("ＡI客服", 9, "n")], hmm=False)
    assert tokenizer.user_dictionary == (("石墨烯", None, None), ("云计算平台", 50, None), ("ai客服", 9, "n"))
    assert tokenizer.tokenize("石墨烯云计算平台AI客服") == ["石墨烯", "云计算平台", "ai客服"]
    assert "石墨烯" not in JIEBA_WITHOUT_HMM.tokenize("石墨烯"), "the words stay with their own tokenizer"
    again = tokenizer_from_config(tokenizer.to_config())
    assert again.tokenize("石墨烯云计算平台") == ["石墨烯", "云计算平台"]


def test_user_dictionary_file_is_kept_as_entries(tmp_path: Path) -> None:
    path = tmp_path / "词典.txt"
    path.write_bytes("\ufeff石墨烯\r\n\n云计算平台 50\nＡI客服 9 n\n蚂蚁花呗 nz\n".encode())
    tokenizer = JiebaTokenizer(user_dictionary=path)
    path.unlink()
    assert tokenizer.to_config()["user_dictionary"] == [
        ["石墨烯", None, None],
        ["云计算平台", 50, None],
        ["ai客服", 9, "n"],
        ["蚂蚁花呗", None, "nz"],
    ]


def test_simplifying() -> None:
    pytest.importorskip("opencc")
    plain = JiebaTokenizer(
        user_dictionary=["花唄"], stop_words=["嗎"], normalizer=Normalizer(lowercase=False)
    )
    simplifying = plain.simplifying()
    assert simplifying.tokenize("花唄 OK嗎") == ["花呗", "OK"]
    assert simplifying.simplifying().to_config() == simplifying.to_config()
    assert not plain.normalizer.simplify and plain.tokenize("花唄") == ["花唄"]
    assert plain.cuts_for(plain) and simplifying.cuts_for(plain) and simplifying.cuts_for(simplifying)
    assert not plain.cuts_for(simplifying) and not simplifying.cuts_for(CharTokenizer())


def test_stop_words(tmp_path: Path) -> None:
    path = tmp_path / "stop.txt"
    path.write_text("吗\n \nＯＫ\n", encoding="utf-8")
    from_file, from_list = JiebaTokenizer(stop_words=str(path)), JiebaTokenizer(stop_words=["OK", "吗", " "])
    assert from_file.to_config() == from_list.to_config()
    assert from_file.to_config()["stop_words"] == ["ok", "吗"]
    assert from_file.tokenize("明天下雨吗ok") == ["明天", "下雨"]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (["new york"], "entry 1: expected a word without whitespace. Received 'new york'"),
        (["好", "\u200b"], "entry 2: expected a word without whitespace"),
        ([[3]], "entry 1: expected a word. Received 3"),
        ([""], "entry 1: expected a word. Received ''"),
        ([["好", 0]], "entry 1: expected a whole frequency of 1 to .*Received 0"),
        ([["好", "3"]], "entry 1: expected a whole frequency of 1 to .*Received '3'"),
        ([["好", 10**20]], "entry 1: expected a whole frequency of 1 to .*Received 10000"),
        (["好" * 100_000], "entry 1: expected a word of at most 200 characters. Received one of 100,000"),
        ([["好", 3, 4]], "entry 1: expected a part-of-speech tag"),
        ([["好", 3, "n", 1]], r"entry 1: expected a word or \[word, frequency, tag\]"),
        ([7], r"entry 1: expected a word or \[word, frequency, tag\]. Received 7"),
        (7, "expected a path or entries. Received 7"),
    ],
)
def test_refused_dictionary_entries(entries: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=f"option 'user_dictionary'.*{message}"):
        JiebaTokenizer(user_dictionary=entries)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("糖类抗原,100,n\n".encode(), r"line 1: expected `word \[frequency\] \[tag\]`, separated by spaces"),
        ("好\n糖类抗原;100\n".encode(), r"line 2: .*Received '糖类抗原;100'"),
        ("糖类抗原,,n\n".encode(), "line 1: .*Received '糖类抗原,,n'"),
        ("好\n坏 0\n".encode(), "line 2: expected a whole frequency of 1 to .*Received 0"),
        ("花呗 99999999999999999999\n".encode(), "line 1: expected a whole frequency of 1 to "),
        (b"a " + b"9" * 5000, "line 1: expected a whole frequency of 1 to "),
        (("好" * 100_000).encode(), "line 1: expected a word of at most 200 characters"),
        ("好 3\n坏 4\n".encode("gb18030"), "line 1: expected UTF-8"),
    ],
)
def test_refused_dictionary_files(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes(content)
    with pytest.raises(DataFormatError, match=f"words.txt, {message}"):
        JiebaTokenizer(user_dictionary=path)


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(DataFormatError, match=r"none.txt: cannot be read: No such file"):
        JiebaTokenizer(user_dictionary=tmp_path / "none.txt")
    with pytest.raises(DataFormatError, match=r"none.txt: cannot be read: No such file"):
        JiebaTokenizer(stop_words=tmp_path / "none.txt")


@pytest.mark.parametrize("words", [[3], 3])
def test_refused_stop_words(words: Any) -> None:
    with pytest.raises(ConfigError, match=r"option 'stop_words': expected words \(str\). Received 3"):
        JiebaTokenizer(stop_words=words)


def test_refused_options() -> None:
    with pytest.raises(ConfigError, match=r"option 'hmm': expected true or false. Received 'no'"):
        tokenizer_from_config({"name": "jieba", "hmm": "no"})
    with pytest.raises(ConfigError, match=r"option 'engine': 'jiebar'. Expected one of: jieba, rjieba"):
        tokenizer_from_config({"name": "jieba", "engine": "jiebar"})


@pytest.mark.parametrize("hmm", [True, False])
def test_rjieba_cuts_alike(hmm: bool) -> None:
    words: Sequence[Any] = ["石墨烯", ["云计算平台", 50]]
    fast = rjieba(user_dictionary=words, hmm=hmm)
    assert fast.to_config()["engine"] == "rjieba"
    plain = JiebaTokenizer(user_dictionary=words, hmm=hmm)
    texts = [text for text in SENTENCES if "3.5" not in text] + ["石墨烯在云计算平台", "a b  c"]
    assert fast.tokenize_many(texts) == plain.tokenize_many(texts)
    assert pickle.loads(pickle.dumps(fast)).tokenize("石墨烯") == ["石墨烯"]


def test_without_rjieba_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rjieba", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'textsim\[fast\]'"):
        JiebaTokenizer(engine="rjieba")


def test_jieba_is_silent_and_writes_no_cache(tmp_path: Path) -> None:
    root = Path(tokenizers.__file__).parents[2]
    code = (
        "import sys\n"
        "from textsim.text.tokenizers import JiebaTokenizer\n"
        "assert 'jieba' not in sys.modules\n"
        "print(len(JiebaTokenizer().tokenize('明天北京下雨吗')))\n"
        "assert not {'tensorflow', 'keras', 'pandas'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", code],
        env={**os.environ, "PYTHONPATH": str(root), "TMPDIR": str(tmp_path), "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("4\n", "")
    assert list(tmp_path.iterdir()) == []


def jiebas_words(content: str) -> set[str]:
    """The words that jieba itself takes from a dictionary of that content."""
    import jieba

    segmenter = jieba.Tokenizer()
    segmenter.FREQ, segmenter.total, segmenter.initialized = {}, 1, True
    added: set[str] = set()
    segmenter.add_word = lambda word, freq=None, tag=None: added.add(word)
    segmenter.load_userdict(io.BytesIO(content.encode()))
    return added


@given(
    st.lists(
        st.text(st.sampled_from("苹果云计 Pro算n9.·-"), min_size=1, max_size=12)
        .map(lambda text: " ".join(text.split()))
        .filter(bool),
        max_size=8,
    )
)
def test_a_line_is_read_as_jieba_reads_it(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    path = tmp_path_factory.mktemp("words") / "words.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    try:
        read = {word for _, (word, _, _) in read_dictionary(path)}
    except DataFormatError as error:
        assert "whole frequency" in str(error)
        return
    assert read == jiebas_words("\n".join(lines))


def test_columns_may_be_apart_by_more_than_one_space(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes("花呗\t5\tn\r还款平台   7\r\n苹果 Pro 3 n".encode())
    assert [entry for _, entry in read_dictionary(path)] == [
        ("花呗", 5, "n"),
        ("还款平台", 7, None),
        ("苹果 Pro", 3, "n"),
    ]


@pytest.mark.parametrize("engine", ["jieba", "rjieba"])
def test_what_cannot_take_effect_is_told(tmp_path: Path, engine: str) -> None:
    pytest.importorskip(engine)
    dictionary, stop_words = tmp_path / "words.txt", tmp_path / "stop.txt"
    dictionary.write_text(
        "花呗 100\n迈克尔·乔丹 100 nr\nEdu Trust认证 2000\n中国人民 1\n宝马(进口)\nc++\n", encoding="utf-8"
    )
    stop_words.write_bytes("的 怎么 和\r吗\r——\r。".encode())
    tokenizer = JiebaTokenizer(user_dictionary=dictionary, stop_words=stop_words, engine=engine)
    assert [word for word, _, _ in tokenizer.user_dictionary] == [
        "花呗",
        "迈克尔·乔丹",
        "中国人民",
        "宝马(进口)",
        "c++",
    ]
    assert tokenizer.stop_words == {"吗", "——", "。"}
    warnings = "\n".join(tokenizer.warnings())
    assert "user dictionary: 'Edu Trust认证 (line 3)': left out" in warnings
    assert "'迈克尔·乔丹', '宝马(进口)': never cut out, for jieba splits" in warnings
    assert "'中国人民': never cut out, for its parts are more frequent" in warnings
    assert (
        "stop words: '的 怎么 和': left out, for no token holds whitespace. Write one word a line" in warnings
    )
    assert "stop words: '——': never a token" in warnings
    assert len(tokenizer.warnings()) == 5
    # Each word that is not named comes out, and each that is does not.
    for word, _, _ in tokenizer.user_dictionary:
        assert (word in tokenizer.cut_whole(f"我{word}吧")) == (repr(word) not in warnings)


def test_stop_words_that_jieba_cuts_apart_are_told() -> None:
    (told,) = JiebaTokenizer(stop_words=["怎么还款", "的", "怎么"]).warnings()
    assert told.startswith("stop words: '怎么还款': hardly ever a token")
    assert JiebaTokenizer(stop_words=["怎么还款"], user_dictionary=["怎么还款"]).warnings() == []


def test_nothing_is_told_of_what_takes_effect() -> None:
    assert JiebaTokenizer(user_dictionary=["花呗还款"], stop_words=["的", "，", " "]).warnings() == []
    assert CharTokenizer().warnings() == []


@pytest.mark.parametrize("name", ["user_dictionary", "stop_words"])
def test_settings_are_never_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("secret").write_text("花呗", encoding="utf-8")
    with pytest.raises(ConfigError, match=f"'{name}': expected a list. Received 'secret'"):
        tokenizer_from_config({"name": "jieba", name: "secret"})
