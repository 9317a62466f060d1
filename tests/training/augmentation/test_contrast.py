from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.command_line import ok, run
from textsim.config.recipes import RECIPES
from textsim.config.settings import TrainingSettings
from textsim.data.dataset import PairDataset
from textsim.data.preprocess import preprocess
from textsim.data.settings import VocabularySettings
from textsim.errors import ConfigError, InputError, MissingDependencyError
from textsim.modeling.siamese import check_recipe
from textsim.training.augmentation.contrast import RULES, contrast_pairs
from textsim.training.augmentation.contrast.files import augment_files
from textsim.training.augmentation.contrast.rows import contrast_rows
from textsim.training.augmentation.contrast.rule import Text
from textsim.training.trainer import _training_batches

# What each rule may make of a text, all of it where the number is small.
MADE = {
    "number-changed": ("买3件打折吗", {f"买{n}件打折吗" for n in (1, 2, 4, 5, 6, 7, 8, 9)}),
    "numeral-rewritten": ("3个月后还款", {"三个月后还款"}),
    "negation-added": ("这里可以停车", {"这里不可以停车"}),
    "negation-removed": ("我没有收到验证码", {"我有收到验证码"}),
    "double-negation": ("大家都知道", {"没有人不知道", "没有谁不知道"}),
    "double-negation-halved": ("没有人不知道", {"没有人知道", "没人知道"}),
    "antonym": ("怎么开启定位", {"怎么关闭定位"}),
    "time-changed": ("去年的账单", {"今年的账单", "明年的账单"}),
    "name-changed": ("移动客服电话", {"联通客服电话", "电信客服电话"}),
    "question-changed": ("为什么退款", {"什么时候退款"}),
    "synonym": ("大夫在吗", {"医生在吗"}),
    "latin-name": ("wifi连不上", {"无线网连不上", "无线网络连不上"}),
    "traditional": ("怎么还款", {"怎麼還款"}),
    "full-width": ("Wifi6", {"WIFI6", "wifi6", "Ｗｉｆｉ６"}),
    "look-alike-typo": ("未来", {"末来"}),
    "spaced": ("你好，在吗", {"你好 在吗", "你好。在吗"}),
    "roles-swapped": ("我借给他钱", {"他借给我钱"}),
    "compared-swapped": ("苹果比香蕉贵", {"香蕉比苹果贵"}),
    "endpoints-swapped": ("从北京到上海怎么走", {"从上海到北京怎么走"}),
    "sequence-swapped": ("先洗澡再吃饭", {"先吃饭再洗澡"}),
    "possessor-swapped": ("老师的朋友", {"朋友的老师"}),
    "conjuncts-swapped": ("姚明和乔丹谁厉害", {"乔丹和姚明谁厉害"}),
    "voice-changed": ("我把手机弄丢了", {"手机被我弄丢了"}),
    "voice-roles-swapped": ("妈妈把花瓶打碎了", {"妈妈被花瓶打碎了", "花瓶把妈妈打碎了"}),
    "passive-made-active": ("我被他骗了", {"我骗了他"}),
}
# Rules of which too much may come to be written out: what they must have made, and what not.
LOOSE = ("homophone-typo", "mood", "particle", "asked-otherwise", "asked-for-another")


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_rule_makes_what_it_says_and_nothing_else(name: str) -> None:
    text, expected = MADE[name]
    found = {RULES[name].variant(Text(text), random.Random(seed)) for seed in range(60)}
    assert found <= expected
    assert found


def test_signs_between_words_change_and_those_in_numbers_stay() -> None:
    found = {
        RULES["spaced"].variant(Text("你好，借1,000元多少钱？"), random.Random(seed)) for seed in range(60)
    }
    assert found == {"你好 借1,000元多少钱", "你好。借1,000元多少钱。", "你好，借1,000元多少钱"}


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        # What is said of something, also where nothing follows.
        ("antonym", "这里的温度太高", {"这里的温度太低"}),
        ("antonym", "这里的温度太高了", {"这里的温度太低了"}),
        ("name-changed", "Windows怎么截屏", {"android怎么截屏", "mac怎么截屏"}),
        ("name-changed", "Excel怎么打印", {"word怎么打印", "ppt怎么打印"}),
    ],
)
def test_a_rule_makes_this_too(rule: str, text: str, expected: set[str]) -> None:
    found = {RULES[rule].variant(Text(text), random.Random(seed)) for seed in range(60)}
    assert found and found <= expected


def test_every_rule_is_tested() -> None:
    assert set(RULES) == {*MADE, *LOOSE}


def test_typos_sound_the_same_and_make_no_other_word() -> None:
    found = {RULES["homophone-typo"].variant(Text("登录网站"), random.Random(seed)) for seed in range(40)}
    assert found
    assert all(text is not None and len(text) == 4 and text != "登录网站" for text in found)


def test_a_picture_of_a_mood_is_added_and_nothing_else_changes() -> None:
    found = {RULES["mood"].variant(Text("怎么退货"), random.Random(seed)) for seed in range(200)}
    assert {"怎么退货😭", "怎么退货😭😭", "怎么退货[捂脸]"} & found
    assert any(text is not None and text.endswith("怎么退货") for text in found)
    assert all(text is not None and "怎么退货" in text and len(text) > 4 for text in found)
    assert RULES["mood"].variant(Text("ok"), random.Random(0)) is None


def test_a_question_is_asked_otherwise_and_for_another_thing() -> None:
    text = Text("怎么退货")
    same = {RULES["asked-otherwise"].variant(text, random.Random(seed)) for seed in range(60)}
    other = {RULES["asked-for-another"].variant(text, random.Random(seed)) for seed in range(60)}
    assert "退货的流程是什么" in same
    assert "退货需要什么" in other
    assert not same & other


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        # What is asked is the same with and without the negation.
        ("negation-added", "这里可以停车吗"),
        ("negation-removed", "你不会游泳吗"),
        # Part of another word.
        ("number-changed", "十分满意"),
        ("negation-added", "会议几点开始"),
        ("latin-name", "happy"),
        # Both ways are alike.
        ("endpoints-swapped", "从北京到上海有多远"),
        ("conjuncts-swapped", "小王和小李分别多大"),
        # Each of two opposites is there already.
        ("antonym", "前面和后面"),
        ("asked-otherwise", "怎么了"),
        # 怎么 asks why here.
        ("question-changed", "支付宝怎么打不开"),
        ("synonym", "面条怎么煮了"),
        ("latin-name", "平板电脑多少钱"),
        # Without its mark it is no question.
        ("spaced", "他已经来了？"),
        ("particle", "他已经来了?"),
        # Signs that are part of a number.
        ("spaced", "1,000元"),
        ("spaced", "要3~5天"),
        ("conjuncts-swapped", "Walter Stiles和Albert Cadwell谁厉害"),
    ],
)
def test_a_rule_leaves_alone_what_it_would_get_wrong(rule: str, text: str) -> None:
    assert all(RULES[rule].variant(Text(text), random.Random(seed)) is None for seed in range(20))


@given(
    st.lists(st.sampled_from([text for text, _ in MADE.values()]) | st.text(max_size=12), max_size=6),
    st.integers(0, 5),
)
def test_pairs_are_of_the_texts_and_repeat(texts: list[str], seed: int) -> None:
    pairs = contrast_pairs(texts, per_text=2, seed=seed)
    assert pairs == contrast_pairs(texts, per_text=2, seed=seed)
    for pair in pairs:
        assert pair.text in texts
        assert pair.variant != pair.text
        assert pair.label == RULES[pair.rule].label
    for text in texts:
        assert sum(pair.text == text for pair in pairs) <= 2 * texts.count(text)


def test_a_rule_makes_no_more_than_it_may() -> None:
    texts = [f"第{n}次怎么还款" for n in range(1, 9)]
    pairs = contrast_pairs(texts, rules=["traditional", "particle"], per_text=2, per_rule=3)
    assert [pair.rule for pair in pairs].count("traditional") == 3
    assert [pair.rule for pair in pairs].count("particle") == 3


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"unknown contrast rule 'antonyms'.*antonym"):
        contrast_pairs(["a"], rules=["antonyms"])
    with pytest.raises(ConfigError, match="at least 1"):
        contrast_pairs(["a"], per_text=0)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cn2an", None)
    with pytest.raises(MissingDependencyError, match=r"cn2an.*textsim\[augment\]"):
        contrast_pairs(["3个月"], rules=["numeral-rewritten"])


def test_files_become_a_training_file(tmp_path: Path) -> None:
    source, target = tmp_path / "train.tsv", tmp_path / "contrast.tsv"
    source.write_text(
        "text_a\ttext_b\tlabel\n怎么开启定位\t定位怎么开\t5\n怎么开启定位\twifi连不上\t0\n", encoding="utf-8"
    )
    made = augment_files(source, target, rules=["antonym", "full-width"], label_max=5)
    assert made.texts == 3
    assert target.read_text(encoding="utf-8").splitlines() == [
        "text_a\ttext_b\tlabel\trule",
        "怎么开启定位\t怎么关闭定位\t0\tantonym",
        "wifi连不上\tｗｉｆｉ连不上\t5\tfull-width",
    ]
    with pytest.raises(InputError):
        augment_files(source, source)


def test_the_command_shows_a_pair_of_each_rule(tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("怎么开启定位\n", encoding="utf-8")
    out = ok(
        *("augment", tmp_path / "texts.txt", "--kind", "texts", "--rule", "antonym", "--out", "-"),
    )
    assert out == "text_a\ttext_b\tlabel\trule\n怎么开启定位\t怎么关闭定位\t0\tantonym\n"


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_what_is_out_of_the_ordinary_is_said(tmp_path: Path, quiet: list[str]) -> None:
    (tmp_path / "a.tsv").write_text("怎么开启定位\t怎么开�定位\n一\n", encoding="utf-8")
    (tmp_path / "b.tsv").write_text("怎么关闭定位\t�\n", encoding="gb18030")
    made = run(
        *("augment", tmp_path / "a.tsv", tmp_path / "b.tsv", "--rule", "antonym", "--on-bad-row", "skip"),
        *("--out", tmp_path / "out.tsv", *quiet),
    )
    assert made.exit_code == 0 and ("pairs of" in made.stderr) == (not quiet)
    assert made.stderr.splitlines()[-1] == (
        "read as gb18030; 1 bad rows left out; 2 rows hold U+FFFD: an earlier program could not decode what stood there"
    )


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> PairDataset:
    folder = tmp_path_factory.mktemp("contrast")
    rows = [f"怎么开启第{n}个定位\t花呗怎么还第{n}期\t{n % 2}" for n in range(1, 10)]
    for name in ("train", "dev"):
        (folder / f"{name}.tsv").write_text(
            "\n".join(["text_a\ttext_b\tlabel", *rows]) + "\n", encoding="utf-8"
        )
    preprocess(
        folder / "train.tsv",
        folder / "dataset",
        dev=folder / "dev.tsv",
        vocabulary=VocabularySettings(max_length=9),
    )
    return PairDataset.open(folder / "dataset")


def test_rows_of_a_dataset_are_its_sentences_and_their_variants(questions: PairDataset) -> None:
    rows = contrast_rows(questions, 12, seed=3)
    stored, tokens = questions.sentences, questions.vocabulary.tokens if questions.vocabulary else ()
    assert stored is not None
    assert 0 < len(rows.labels) <= 12
    assert set(rows.labels.tolist()) <= {0.0, 1.0}
    assert rows.left.max() < len(stored) <= rows.right.min()
    for left, right in zip(rows.left.tolist(), rows.right.tolist(), strict=True):
        assert not np.array_equal(rows.sentences[left], rows.sentences[right])
        assert len(rows.sentences[right]) <= 9
        np.testing.assert_array_equal(rows.sentences[left], stored[left])
        assert max(rows.sentences[right].tolist()) < len(tokens)
    again = contrast_rows(questions, 12, seed=3)
    np.testing.assert_array_equal(again.sentences.ids, rows.sentences.ids)


def test_training_sees_them(questions: PairDataset) -> None:
    settings = TrainingSettings(contrast=0.5, debias=0.5)
    batches = _training_batches(questions, settings)
    assert 9 < batches.rows <= 9 + 4
    assert sum(len(batch["labels"]) for batch in batches) == batches.rows
    assert batches.offsets is not None and len(batches.offsets) == batches.rows
    assert _training_batches(questions, TrainingSettings()).rows == 9


def test_contrast_needs_texts_and_labels() -> None:
    recipe = RECIPES["bilstm-triplet"].replace(["training.contrast=0.1"])
    with pytest.raises(ConfigError, match=r"training\.contrast needs"):
        check_recipe(recipe)


def test_rejects_of_all_files_are_kept(tmp_path: Path) -> None:
    for name, lines in (
        ("a.tsv", "怎么开启定位\t甲\n一\n"),
        ("b.tsv", "怎么关闭定位\t乙\n"),
        ("c.tsv", "二\n三\t四\n"),
    ):
        (tmp_path / name).write_text(lines, encoding="utf-8")
    sources = [tmp_path / name for name in ("a.tsv", "b.tsv", "c.tsv")]
    rejects = tmp_path / "rejects.tsv"
    made = augment_files(sources, tmp_path / "out.tsv", rules=["antonym"], on_bad_row="skip", rejects=rejects)
    assert made.report.rejected == 2
    rows = rejects.read_text(encoding="utf-8").splitlines()[1:]
    assert [Path(row.split("\t")[0]).name for row in rows] == ["a.tsv", "c.tsv"]
    for target in (tmp_path / "rejects.tsv", sources[0]):
        with pytest.raises(InputError, match="would take the place"):
            augment_files(sources, target, on_bad_row="skip", rejects=rejects)
    with pytest.raises(InputError, match="would take the place"):
        augment_files(sources, tmp_path / "out.tsv", on_bad_row="skip", rejects=sources[1])
