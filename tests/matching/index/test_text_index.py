"""The index of stored texts, against all of them compared one by one."""

from __future__ import annotations

import json
import threading
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.tiny_models import saved_model
from textsim.artifacts.calibration import Calibration, SearchCurve
from textsim.errors import ArtifactError, InputError, UnknownNameError
from textsim.matching.files.search import search_file
from textsim.matching.index import search as search_module
from textsim.matching.index import text_index as index_module
from textsim.matching.index.entries import Entry
from textsim.matching.index.ranking import SharedCharacters, characters_weight
from textsim.matching.index.search import Hit
from textsim.matching.index.text_index import TextIndex
from textsim.matching.text_matcher import TextMatcher

STORED = [
    "花呗怎么还款",
    "怎样还花呗",
    "今天天气怎样",
    "你好",
    "你好吗",
    "怎么还",
    "不是我的",
    "好",
    "你好",
    "😀",
]
ASKED = ["怎么还花呗", "你好", "天气好吗", "🎉", "好好好"]
FAQ = [
    {"id": "a", "question": "花呗怎么还款", "answer": "打开支付宝", "hot": True, "price": 3},
    {"id": "a", "question": "怎样还花呗", "answer": "打开应用", "hot": True, "price": 3},
    {"id": "b", "question": "今天天气怎样", "answer": "看窗外", "hot": False, "price": 3.5},
    {"id": "c", "question": "你好", "answer": None, "hot": False, "price": 0},
]


@pytest.fixture(scope="module", params=["bilstm-attention", "bilstm-manhattan"])
def matcher(request: pytest.FixtureRequest) -> TextMatcher:
    return TextMatcher(saved_model(request.param))


@pytest.fixture(params=["memory", "folder"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    """Where an index is kept."""
    return None if request.param == "memory" else tmp_path / "索引 index"


@pytest.fixture
def index(matcher: TextMatcher, place: Path | None) -> Iterator[TextIndex]:
    with TextIndex.build(matcher, STORED, place) as index:
        yield index


def reference(matcher: TextMatcher, text: str, rerank: bool) -> list[tuple[float, int]]:
    """(what hits are ordered by, place) of each stored text, the best first."""
    query, *stored = matcher.encode([text, *STORED]).astype(np.float64)
    cosines = [query @ v / np.linalg.norm(query) / np.linalg.norm(v) for v in stored]
    shared = SharedCharacters(str)
    if not rerank:
        values = cosines
    elif matcher.saved.recipe.loss.options.get("negatives"):
        weight = characters_weight(sorted(cosines, reverse=True))
        values = [
            cosine + weight * shared(text, other) for cosine, other in zip(cosines, STORED, strict=True)
        ]
    else:
        values = [matcher.score(text, other) for other in STORED]
    return sorted(
        ((value, place) for place, value in enumerate(values)), key=lambda pair: (-round(pair[0], 5), pair[1])
    )


@pytest.mark.parametrize("rerank", [True, False])
@pytest.mark.parametrize("k", [1, 3, len(STORED), 50])
def test_the_best_come_first(index: TextIndex, k: int, rerank: bool) -> None:
    matcher = index.matcher
    for text, hits in zip(ASKED, index.search_many(ASKED, k, rerank=rerank), strict=True):
        expected = reference(matcher, text, rerank)[:k]
        assert [hit.id for hit in hits] == [str(place + 1) for _, place in expected]
        for hit in hits:
            assert hit.text == STORED[int(hit.id) - 1] and -1 <= hit.cosine <= 1 and hit.payload == {}
            score = matcher.score(text, hit.text)
            assert hit.score == pytest.approx(score, abs=1e-6)
            assert hit.decision in ("match" if score >= matcher.threshold else "no match", "unsure")
            assert hit.probability == pytest.approx(
                float(matcher.saved.calibration.probabilities(np.array([hit.score]))[0])
            )


def test_one_text_is_searched_as_among_many(index: TextIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    many = index.search_many(ASKED, 3)
    monkeypatch.setattr(search_module, "_BLOCK_QUERIES", 2)
    for text, hits, again in zip(ASKED, many, index.search_many(ASKED, 3), strict=True):
        for other in (index.search(text, 3), again):
            assert [hit.id for hit in hits] == [hit.id for hit in other]
            np.testing.assert_allclose([hit.score for hit in hits], [hit.score for hit in other], atol=1e-6)
    assert index.search_many([]) == []


def test_a_stored_text_finds_itself_and_its_like_in_their_order(index: TextIndex) -> None:
    assert [(hit.id, hit.score) for hit in index.search("你好", 2)] == [("4", 1), ("9", 1)]
    assert index.search("花呗怎么还款", 1)[0].id == "1"
    # To the model the two are alike, which is no match.
    (smile,) = [hit for hit in index.search("🎉", len(STORED)) if hit.text == "😀"]
    assert (smile.score, smile.decision) == (0, "no match")
    # It reads the beginning alone, which says nothing of the rest.
    long = "你好" * index.matcher.max_length
    index.add([Entry(long + "吗", "long")])
    first = index.search(long, 1)[0]
    assert (first.id, first.score, first.decision) == ("long", 1, "unsure")


def test_an_entry_is_one_hit_by_its_best_phrasing_with_its_payload(
    matcher: TextMatcher, place: Path | None
) -> None:
    with TextIndex.build(matcher, FAQ, place) as index:
        assert len(index) == 4 and index.columns == ("answer", "hot", "price")
        hits = index.search("怎样还花呗", 10)
        assert sorted(hit.id for hit in hits) == ["a", "b", "c"]
        best = next(hit for hit in hits if hit.id == "a")
        assert best.text == "怎样还花呗"
        assert best.payload == {"answer": "打开应用", "hot": True, "price": 3}
        for filter, ids in (
            ({"answer": "看窗外"}, {"b"}),
            ({"hot": True}, {"a"}),
            ({"price": 3}, {"a"}),
            ({"price": "3.5", "hot": False}, {"b"}),
            ({"price": 9}, set()),
        ):
            assert {hit.id for hit in index.search("你好", filter=filter)} == ids
        with pytest.raises(
            UnknownNameError, match=r"no payload has a column 'colour'. The index has: 'answer'"
        ):
            index.search("你好", filter={"colour": "red"})


def test_a_filter_sees_each_change(matcher: TextMatcher, place: Path | None) -> None:
    with TextIndex.build(matcher, FAQ, place) as index:
        filter = {"answer": "看窗外"}
        assert [hit.id for hit in index.search("天气", filter=filter)] == ["b"]
        index.add(
            [Entry("明天天气", "d", {"answer": "看窗外"}), Entry("今天天气怎样", "b", {"answer": "不看"})]
        )
        assert [hit.id for hit in index.search("天气", filter=filter)] == ["d"]
        index.remove(["d"])
        assert index.search("天气", filter=filter) == []


@pytest.mark.parametrize("recipe", ["bilstm-attention", "bilstm-manhattan"])
@pytest.mark.parametrize("k", [1, 3])
def test_where_searches_are_calibrated_they_decide_by_score_and_margin(recipe: str, k: int) -> None:
    curve = SearchCurve(score=0.5, margin=8, cosine=1, intercept=-1.5, min_probability=0.6, queries=9)
    matcher = TextMatcher(saved_model(recipe, threshold=0.0, calibration=Calibration(search=curve)))
    hits = TextIndex.build(matcher, STORED[:7]).search("怎么还花呗", 3)
    margins = np.array([max(0.0, hits[0].score - hits[1].score), 0, 0])
    expected = curve(np.array([hit.score for hit in hits]), margins, np.array([hit.cosine for hit in hits]))
    found = TextIndex.build(matcher, STORED[:7]).search("怎么还花呗", k)
    np.testing.assert_allclose([hit.probability for hit in found], expected[:k], atol=1e-5)
    assert [hit.decision == "match" for hit in found] == (expected[:k] >= 0.6).tolist()
    assert {hit.decision for hit in found} <= {"match", "no match"}


def test_the_margin_is_to_another_entry_behind_many_phrasings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_module, "CANDIDATES", 2)
    curve = SearchCurve(score=0, margin=1, cosine=0, intercept=0, queries=9)
    matcher = TextMatcher(saved_model("bilstm-attention", calibration=Calibration(search=curve)))
    same = [Entry(text, "same") for text in ("你好", "你好吗", "好", "你好不好", "好不好")]
    (alone,) = TextIndex.build(matcher, same).search("你好", 1)
    (first,) = TextIndex.build(matcher, [*same, Entry("花呗", "other")]).search("你好", 1)
    other = matcher.score("你好", "花呗")
    assert first.id == "same" and 0 < other < 1
    assert alone.probability == pytest.approx(1 / (1 + np.exp(-1)))
    assert first.probability == pytest.approx(1 / (1 + np.exp(other - 1)), abs=1e-5)


def test_many_phrasings_of_one_entry_hide_no_other(
    matcher: TextMatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_module, "CANDIDATES", 2)
    rows = [Entry(text, "same") for text in ("你好", "你好吗", "好", "你好不好")] + [Entry("花呗", "other")]
    assert [hit.id for hit in TextIndex.build(matcher, rows).search("你好", 2)] == ["same", "other"]


def test_rows_come_and_go(matcher: TextMatcher, place: Path | None) -> None:
    with TextIndex.build(matcher, [], place) as index:
        assert len(index) == 0 and index.search("你好") == []
        assert index.add(["你好", "今天天气"]) == 2 and len(index) == 2
        assert index.search("今天天气", 1)[0].id == "2"
        # The same id and text: a new payload alone. Another text: one more phrasing.
        index.add([Entry("你好", "1", {"answer": "好"}), Entry("你好吗", "1")])
        assert len(index) == 3 and index.search("你好", 1)[0].payload == {"answer": "好"}
        index.add([Entry("你好啊", "1")], replace=True)
        assert len(index) == 2 and [hit.text for hit in index.search("你好") if hit.id == "1"] == ["你好啊"]
        # A number that a row was given is no id for another.
        index.add([Entry("不是", "3"), Entry("怎样"), Entry("还款", "5")])
        index.add(["还款"])
        assert [id in index for id in ("3", "4", "5", "6", "7")] == [True, True, True, True, False]
        assert index.remove(["1", "3", "none", "1"]) == 2 and "1" not in index
        assert {hit.id for hit in index.search("你好", 10)} == {"2", "4", "5", "6"}
        index.compact()
        assert {hit.id for hit in index.search("你好", 10)} == {"2", "4", "5", "6"} and len(index) == 4


def test_what_raises_half_way_changes_nothing(matcher: TextMatcher, place: Path | None) -> None:
    with TextIndex.build(matcher, FAQ, place) as index:
        for rows, message in (
            (["今天", None], r"rows\[1\]: expected a text \(str\)"),
            ([{"text": "今天"}, {"text": " "}], r"rows\[1\]: expected a text. Received ' ', which is empty"),
            ([{"colour": "red"}], r"rows\[0\]: expected a column 'text', .* Received the columns 'colour'"),
            ([Entry("今天", "d", {"answer": {1j}})], "payload that JSON can hold"),
            (
                [Entry("今天", "d", {1: "a", "1": "b"})],
                "id 'd': expected a payload that maps names, which differ",
            ),
            ([Entry("今天", "d", "晴")], "id 'd': expected a payload that maps names.* Received str: '晴'"),  # type: ignore[arg-type]
            ([Entry("今天", 3)], r"id: expected a text. Received int: 3"),
            ("今天", r"rows: expected a list of texts or records. Received str: '今天'"),
        ):
            with pytest.raises(InputError, match=message):
                index.add(rows)
        assert len(index) == 4 and "d" not in index


def test_data_frames_and_numpy_cells(matcher: TextMatcher) -> None:
    frame = pd.DataFrame({"ID": [7, 8], "问题": ["你好", "今天"], "n": [1, 2], "note": [None, "x"]})
    frame.loc[0, "when"] = pd.Timestamp("2026-01-02")
    index = TextIndex.build(matcher, frame)
    assert index.search("你好", 1)[0].id == "7"
    payload = index.search("你好", 1)[0].payload
    assert payload == {"n": 1, "note": None, "when": "2026-01-02T00:00:00"}


@pytest.mark.parametrize(("name", "known"), [(2, "2"), (True, "True"), (None, "None"), ("\ud800", "?")])
def test_the_names_of_a_payload_are_texts(
    matcher: TextMatcher, tmp_path: Path, name: Any, known: str
) -> None:
    index = TextIndex.build(matcher, [{"text": "你好", name: "a"}, {"text": "今天", name: "b"}])
    assert index.columns == (known,)
    assert [hit.payload for hit in index.search("你好", filter={name: "b"})] == [{known: "b"}]
    search_file(index, ["你好"], tmp_path / "found.tsv", k=1, progress=False)
    assert (tmp_path / "found.tsv").read_text(encoding="utf-8").splitlines()[1].endswith("\ta")


def test_a_missing_id_of_a_data_frame_is_none_and_numbers_stay_whole(matcher: TextMatcher) -> None:
    frame = pd.DataFrame({"id": [7, 8, None, None], "text": ["你好", "今天", "花呗", "还款"]})
    for rows in (frame, frame.to_dict("records")):
        index = TextIndex.build(matcher, rows)
        assert len(index) == 4 and [id in index for id in ("7", "8", "nan", "7.0")] == [
            True,
            True,
            False,
            False,
        ]
    columns = frame.rename(columns={"id": 0})
    assert TextIndex.build(matcher, columns[2:]).search("花呗", 1)[0].payload == {"0": None}


@pytest.mark.parametrize(("value", "texts"), [("true", ["你好"]), ("false", ["今天"]), ("null", ["花呗"])])
def test_a_filter_knows_true_false_and_null(matcher: TextMatcher, value: str, texts: list[str]) -> None:
    rows = [("你好", True), ("今天", False), ("花呗", None), ("还款", 2)]
    index = TextIndex.build(matcher, [Entry(text, None, {"active": active}) for text, active in rows])
    for wanted in (value, json.loads(value)):
        assert [hit.text for hit in index.search("你好", filter={"active": wanted})] == texts


@pytest.mark.parametrize(
    ("wanted", "texts"),
    [
        (1e-05, ["你好"]),
        ("1e-05", ["你好"]),
        ("0.00001", ["你好"]),
        (2, ["今天", "天气", "花呗"]),
        (2.0, ["今天", "天气"]),
        ("2", ["今天", "天气", "花呗"]),
        ("2.50", ["还款"]),
        ("02", []),
        (9007199254740993, ["退货"]),
        ("1" * 400, []),
        ("1e999", []),
    ],
)
def test_a_filter_compares_numbers_however_they_are_written(
    matcher: TextMatcher, wanted: Any, texts: list[str]
) -> None:
    rows = [
        ("你好", 1e-05), ("今天", 2), ("天气", 2.0), ("花呗", "2"), ("还款", 2.5), ("退货", 9007199254740993),
        ("退款", 9007199254740992.0),
    ]  # fmt: skip
    index = TextIndex.build(matcher, [Entry(text, None, {"price": price}) for text, price in rows])
    found = {hit.text for hit in index.search("你好", 9, filter={"price": wanted})}
    assert found == set(texts)


def test_half_a_surrogate_pair_is_stored(matcher: TextMatcher, place: Path | None) -> None:
    with TextIndex.build(matcher, [Entry("你好\ud83d", "\ud83d", {"a": "\ud83d"})], place) as index:
        assert index.search("你好", 1)[0][:2] == ("?", "你好?")


def test_an_index_is_opened_with_its_own_model_alone(tmp_path: Path) -> None:
    saved = saved_model("bilstm-attention")
    TextIndex.build(TextMatcher(saved), STORED, tmp_path / "index").close()
    with TextIndex.open(tmp_path / "index", TextMatcher(saved_model("bilstm-attention"))) as index:
        assert len(index) == len(STORED)
    with pytest.raises(ArtifactError, match=r"was made with another model. Expected the one of fingerprint"):
        TextIndex.open(tmp_path / "index", TextMatcher(saved_model("bilstm-attention", seed=1)))
    with pytest.raises(ArtifactError, match="made with a model that lay in no folder"):
        TextIndex.open(tmp_path / "index")


def test_an_index_names_its_model(demo: Path, tmp_path: Path) -> None:
    TextIndex.build(TextMatcher.load("zh-general"), ["密码忘了"], tmp_path / "index").close()
    with TextIndex.open(tmp_path / "index") as index:
        assert index.search("忘记密码", 1)[0].text == "密码忘了"
        assert index.info().model == "zh-general"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "manifest.json").unlink(), "is no index"),
        (lambda folder: (folder / "manifest.json").write_text("{}"), "is no index"),
        (lambda folder: (folder / "rows.sqlite").unlink(), "lacks rows.sqlite"),
        (lambda folder: (folder / "rows.sqlite").write_bytes(b"x" * 9999), "cannot be read or written"),
    ],
)
def test_what_is_no_index(matcher: TextMatcher, tmp_path: Path, damage: Any, message: str) -> None:
    TextIndex.build(matcher, STORED, tmp_path / "index").close()
    damage(tmp_path / "index")
    with pytest.raises(ArtifactError, match=message):
        TextIndex.open(tmp_path / "index", matcher)
    with pytest.raises(ArtifactError, match="there is no folder"):
        TextIndex.open(tmp_path / "none", matcher)
    (tmp_path / "faq.csv").write_text("text\n你好\n", encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"faq.csv is a file. Expected the folder of an index"):
        TextIndex.open(tmp_path / "faq.csv", matcher)


def test_a_folder_that_is_replaced_is_taken_over(tmp_path: Path, matcher: TextMatcher) -> None:
    path = tmp_path / "index"
    with TextIndex.build(matcher, ["你好"], path) as index:
        with pytest.raises(ArtifactError, match="exists"):
            TextIndex.build(matcher, ["今天"], path)
        # What a killed process leaves does not stand in the way.
        (path / "graph-0.usearch.partial-0123abcd").write_bytes(b"")
        TextIndex.build(matcher, ["今天", "花呗"], path, overwrite=True).close()
        assert len(index) == 2 and index.search("今天", 1)[0].text == "今天"
        # A change is one of what is there now.
        index.add(["天气"])
        with TextIndex.open(path, matcher) as other:
            assert len(other) == 3
        TextIndex.build(
            TextMatcher(saved_model("bilstm-attention", seed=5)), ["你"], path, overwrite=True
        ).close()
        with pytest.raises(ArtifactError, match="was made with another model"):
            index.search("今天")


def test_threads_find_what_one_alone_finds(matcher: TextMatcher) -> None:
    index = TextIndex.build(matcher, [{"text": text, "kind": str(k % 2)} for k, text in enumerate(STORED)])
    asked = [
        (text, k, rerank, filter)
        for text in STORED
        for k in (1, 3)
        for rerank in (True, False)
        for filter in (None, {"kind": 1})
    ]

    def ask(question: Any) -> list[Hit]:
        text, k, rerank, filter = question
        return index.search(text, k, rerank=rerank, filter=filter)

    alone = [ask(question) for question in asked]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(ask, asked))
        # By rounding alone a score may depend on what else is scored.
        for found, expected in zip(together, alone, strict=True):
            assert [hit.score for hit in found] == pytest.approx([hit.score for hit in expected], abs=1e-6)
            assert [(hit.id, hit.decision, hit.cosine, hit.payload) for hit in found] == [
                (hit.id, hit.decision, hit.cosine, hit.payload) for hit in expected
            ]
        refused = [pool.submit(index.search, *bad) for bad in [("", 1), ("花呗", 0)] * 8]
        assert all(isinstance(one.exception(), InputError) for one in refused)


def test_other_threads_and_objects_see_each_change(tmp_path: Path, matcher: TextMatcher) -> None:
    path = tmp_path / "index"
    with TextIndex.build(matcher, ["你好"], path) as writer, TextIndex.open(path, matcher) as reader:
        problems: list[Any] = []
        done = threading.Event()

        def read() -> None:
            while not done.is_set():
                hits = reader.search("今天", 50)
                # Texts were added in pairs: never half of one.
                if len([hit for hit in hits if hit.id != "1"]) % 2:
                    problems.append(hits)

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(10):
            writer.add([Entry("今天", f"{number}a"), Entry("天气", f"{number}b")])
            assert len(reader) == len(writer)
            if number % 3 == 2:
                writer.remove([f"{number}a", f"{number}b"])
                assert f"{number}a" not in reader
        done.set()
        for thread in threads:
            thread.join()
        assert not problems and len(reader) == 1 + 2 * 7


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda index: index.search(3), r"text: expected a text \(str\)\. Received int: 3"),
        (lambda index: index.search_many([""]), r"texts\[0\]: expected a text\. Received ''"),
        (lambda index: index.search_many("你好"), r"Received str: '你好'. Call search\(text\)"),
        (lambda index: index.search("你好", 0), r"k: expected a whole number, at least 1. Received 0"),
        (lambda index: index.search("你好", 2.5), r"k: expected a whole number, at least 1. Received 2.5"),
        (
            lambda index: index.search("你好", filter={"answer": ["晴", "雨"]}),
            r"filter, column 'answer': expected one text, .* Received list: \['晴', '雨'\]. Search once for each",
        ),
        (
            lambda index: index.search_many(["你好"], filter={"a": {}}),
            r"filter, column 'a': .* Received dict",
        ),
        (lambda index: index.add([Entry("花呗", ["1"])]), r"id: expected a text. Received list: \['1'\]"),
        (lambda index: index.remove("1"), r"ids: expected a list of ids. Received str: '1'"),
        (lambda index: index.remove([1]), r"ids: expected texts. Received int: 1"),
        (
            lambda index: TextIndex.build("zh-general", ["你好"]),
            r"expected a loaded TextMatcher. Received str",
        ),
    ],
)
def test_arguments_that_are_none(matcher: TextMatcher, call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(TextIndex.build(matcher, STORED))


def test_filters_are_kept_within_bounds(matcher: TextMatcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "_FILTERS_KEPT", 1)
    index = TextIndex.build(matcher, FAQ)
    for _ in range(2):
        assert {hit.id for hit in index.search("你好", filter={"answer": "看窗外"})} == {"b"}
        assert {hit.id for hit in index.search("你好", filter={"hot": True})} == {"a"}
    assert len(index._opened.allowed) == 1


def test_a_hit_is_the_same_whatever_is_searched_for_beside_it(matcher: TextMatcher) -> None:
    index = TextIndex.build(matcher, [f"{a}{b}" for a in "花呗怎么还款" for b in "今天气明你好"])
    queries = [f"{a}{b}" for a in "今天气明" for b in "花呗怎么"]
    assert index.search_many(queries, 3) == [index.search(query, 3) for query in queries]


def test_characters_count_where_cosines_tell_little() -> None:
    assert characters_weight([]) == 0 and characters_weight([0.9, 0.5]) == 0
    assert characters_weight([0.9] * 12) == pytest.approx(0.45)
    assert characters_weight([1.0, 1.0]) == 0 and characters_weight([1.0, *[0.6] * 12]) == pytest.approx(0.45)
    far_tenth = [0.9, *[0.85] * 8, 0.75, 0.1]
    assert characters_weight(far_tenth) == pytest.approx(0.225)
    shared = SharedCharacters(str.lower)
    assert shared.with_each("怎么还款", ["怎么付款", "天气"]) == [shared("怎么付款", "怎么还款"), 0]
    assert shared("AB", "ab") == 1 and shared("怎么还款", "天气") == 0 and shared("", "") == 0
    assert shared("怎么还款", "怎么付款") == pytest.approx(2 * 4 / 14)


def test_the_characters_of_long_texts_are_not_kept() -> None:
    shared = SharedCharacters(str.lower)
    tracemalloc.start()
    try:
        for first in range(0x4E00, 0x4E00 + 100):
            assert shared("".join(map(chr, range(first, first + 5000))), "花呗怎么还款") < 1
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1 << 20
