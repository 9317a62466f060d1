"""Files to dataset folders and back."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsim.artifacts.saved_model import load_model
from textsim.data import sentences
from textsim.data.builders.triplets import triplets_of
from textsim.data.dataset import PairDataset, Split
from textsim.data.preprocess import preprocess
from textsim.data.settings import VocabularySettings, WordVectorSettings
from textsim.data.statistics import format_report
from textsim.errors import ArtifactError, ConfigError, DataFormatError, InputError, UnknownNameError
from textsim.io.manifest import file_entry
from textsim.text.embeddings import embedding_matrix
from textsim.text.normalize import Normalizer
from textsim.text.tokenizers import CharTokenizer, JiebaTokenizer

WORDS = [
    "手机",
    "电脑",
    "网络",
    "密码",
    "怎么",
    "忘记",
    "打开",
    "不了",
    "了",
    "吗",
    "？",
    "wifi",
    "5G",
    "退款",
]


def make_rows(n, seed=0):
    """Rows of made-up sentences with repeats, so that sentences and pairs come again."""
    rng = np.random.default_rng(seed)
    texts = ["".join(rng.choice(WORDS, rng.integers(1, 7))) for _ in range(max(2, n // 2))]
    return [(*rng.choice(texts, 2).tolist(), int(rng.integers(0, 2))) for _ in range(n)]


def write_tsv(path, rows, header="text_a\ttext_b\tlabel"):
    lines = [header, *("\t".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def train(tmp_path):
    return write_tsv(tmp_path / "train.tsv", make_rows(200))


@pytest.fixture
def dev(tmp_path):
    return write_tsv(tmp_path / "dev.tsv", make_rows(40, seed=1))


def check_rows(dataset, name, rows):
    """A split's sentences and labels are those of the rows, read in the obvious way."""
    split = dataset.splits[name]
    assert len(split) == len(rows)
    for side, array in enumerate(split.sides):
        assert array.dtype == np.int32
        for row, index in zip(rows, array.tolist(), strict=True):
            ids = dataset.vocabulary.encode(dataset.tokenizer.tokenize(row[side]))
            assert dataset.sentences[index].tolist() == ids[: dataset.max_length]
    if split.labels is not None:
        assert split.labels.tolist() == [float(row[2]) for row in rows]


def folder_bytes(path):
    return {name: (path / name).read_bytes() for name in sorted(os.listdir(path))}


def test_train_and_dev_files(tmp_path, train, dev):
    report = preprocess([train], tmp_path / "out", dev=[dev])
    dataset = PairDataset.open(tmp_path / "out")
    assert dataset.kind == "pairs"
    assert dataset.report == report
    check_rows(dataset, "train", make_rows(200))
    check_rows(dataset, "dev", make_rows(40, seed=1))
    texts = {t for row in make_rows(200) + make_rows(40, seed=1) for t in row[:2]}
    assert len(dataset.sentences) == len(texts)  # each distinct one is stored once
    assert dataset.embedding is None
    assert dataset.scaler is None
    assert dataset.manifest["rows"] == {"train": 200, "dev": 40}
    assert [s["rows"] for s in dataset.manifest["sources"]] == [200, 40]
    assert os.listdir(tmp_path / "out") == [n for n in os.listdir(tmp_path / "out") if n != "work"]


@pytest.mark.parametrize(("n", "fraction"), [(200, 0.2), (7, 0.5), (101, 0.333)])
def test_the_split_follows_the_permutation(tmp_path, n, fraction):
    path = write_tsv(tmp_path / "p.tsv", make_rows(n))
    preprocess(path, tmp_path / "out", dev_fraction=fraction, seed=3)
    dataset = PairDataset.open(tmp_path / "out")
    rows = make_rows(n)
    order = np.random.default_rng(3).permutation(n)
    cut = n - round(n * fraction)
    check_rows(dataset, "train", [rows[i] for i in order[:cut]])
    check_rows(dataset, "dev", [rows[i] for i in order[cut:]])


def test_the_same_arguments_give_the_same_bytes(tmp_path, train, dev):
    tokenizer = JiebaTokenizer()
    for name, processes in (("one", 1), ("again", 1), ("two", 2)):
        preprocess(train, tmp_path / name, dev=dev, tokenizer=tokenizer, processes=processes)
    assert (
        folder_bytes(tmp_path / "one") == folder_bytes(tmp_path / "again") == folder_bytes(tmp_path / "two")
    )


def test_chunks_do_not_show(tmp_path, monkeypatch, train, dev):
    preprocess(train, tmp_path / "whole", dev=dev)
    monkeypatch.setattr("textsim.data.builders.collecting.CHUNK_ROWS", 7)
    preprocess(train, tmp_path / "pieces", dev=dev)
    for name in ("whole", "pieces"):
        check_rows(PairDataset.open(tmp_path / name), "train", make_rows(200))
    assert (tmp_path / "whole/vocabulary.txt").read_bytes() == (
        tmp_path / "pieces/vocabulary.txt"
    ).read_bytes()


def test_vocabulary_is_fitted_on_the_training_rows(tmp_path):
    train = write_tsv(tmp_path / "train.tsv", [("甲甲", "乙", 0), ("甲", "丙ab", 1)])
    dev = write_tsv(tmp_path / "dev.tsv", [("丁甲", "ab", 1)])
    report = preprocess(train, tmp_path / "out", dev=dev)
    dataset = PairDataset.open(tmp_path / "out")
    assert dataset.vocabulary.tokens == ("[PAD]", "[UNK]", "甲", "ab", "丙", "乙")
    assert dataset.sentences[dataset.splits["dev"].sides[0][0]].tolist() == [1, 2]
    assert report["splits"]["dev"]["token_coverage"]["known"] == pytest.approx(2 / 3)
    report = preprocess(train, tmp_path / "small", dev=dev, vocabulary=VocabularySettings(min_count=2))
    assert report["vocabulary_size"] == 3
    assert (
        preprocess(train, tmp_path / "tiny", vocabulary=VocabularySettings(max_size=4))["vocabulary_size"]
        == 4
    )


def test_max_length(tmp_path):
    rows = [("长" * 50, "短短", 1), *[("一二三", "四五", 0)] * 500]
    path = write_tsv(tmp_path / "p.tsv", rows)
    report = preprocess(path, tmp_path / "out")
    assert report["max_length"] == 3
    assert report["splits"]["train"]["truncated_rows"] == 1
    dataset = PairDataset.open(tmp_path / "out")
    assert dataset.sentences.lengths.max() == 3
    assert dataset.sentences.padded(dataset.splits["train"].sides[1][:2]).shape == (2, 2)
    assert (
        preprocess(path, tmp_path / "long", vocabulary=VocabularySettings(max_length=60))["splits"]["train"][
            "truncated_rows"
        ]
        == 0
    )


def test_padded(tmp_path, train):
    preprocess(train, tmp_path / "out")
    sentences = PairDataset.open(tmp_path / "out").sentences
    indices = np.array([5, 0, 5, 3])
    matrix = sentences.padded(indices)
    assert matrix.dtype == np.int32
    assert matrix.shape == (4, sentences.lengths[indices].max())
    for row, index in zip(matrix, indices, strict=True):
        ids = sentences[index]
        np.testing.assert_array_equal(row, np.pad(ids, (0, matrix.shape[1] - len(ids))))
    assert sentences.padded(np.array([], int)).shape == (0, 1)
    with pytest.raises(IndexError):
        sentences[len(sentences)]


def test_report_figures(tmp_path):
    train = write_tsv(
        tmp_path / "train.tsv",
        [("甲", "乙", 1), ("乙", "甲", 0), ("Ａ", "ａ", 1), ("丙", "丁", 1), ("甲", "乙", 1)],
    )
    dev = write_tsv(tmp_path / "dev.tsv", [("丁", "丙", 1), ("丙", "丁", 0), ("戊", "甲", 0)])
    report = preprocess(train, tmp_path / "out", dev=dev)
    figures = report["splits"]["train"]
    assert figures["duplicate_rows"] == 2
    assert figures["conflicting_pairs"] == 1
    assert figures["same_text_rows"] == 1
    assert figures["positive_share"] == 0.8
    assert report["splits"]["dev"]["conflicting_pairs"] == 1
    assert report["shared"] == {"pairs": 1, "dev_rows": 2}
    text = format_report(report)
    for part in (
        "Dataset of pairs, tokenizer char",
        f"train {train}: 5 rows, utf-8",
        "Shared between the splits: 1 pairs, in 2 rows of dev.",
        "Vocabulary: 7 tokens",
    ):
        assert part in text
    assert re.search(r"positive labels +80\.0% +33\.3%", text)
    assert re.search(r"pairs with conflicting labels +1 +1", text)


def test_triplets_are_recognized(tmp_path):
    rows = [("甲", "乙", "丙"), ("丁", "戊", "己")]
    path = write_tsv(tmp_path / "t.tsv", rows, "anchor\tpositive\tnegative")
    preprocess(path, tmp_path / "out")
    dataset = PairDataset.open(tmp_path / "out")
    assert dataset.kind == "triplets"
    assert dataset.splits["train"].labels is None
    check_rows(dataset, "train", [(*row,) for row in rows])
    assert "Dataset of triplets" in format_report(dataset.report)
    for option in ({"label_threshold": 3}, {"label_max": 1.0}, {"label_threshold": 0}):
        with pytest.raises(
            ConfigError, match="triplets have no labels: leave out label_threshold and label_max"
        ):
            preprocess(path, tmp_path / "other", **option)
    assert not (tmp_path / "other").exists()


def test_bad_rows_are_written_beside_the_data(tmp_path):
    path = write_tsv(
        tmp_path / "p.tsv", [("甲", "乙", 1), ("甲", "\u200b", 1), ("甲", "乙", 5), ("丙", "丁", 0)]
    )
    with pytest.raises(DataFormatError, match=r"p\.tsv, line 3: text_b is empty once it is normalized"):
        preprocess(path, tmp_path / "out")
    assert sorted(os.listdir(tmp_path)) == ["p.tsv"]
    report = preprocess(path, tmp_path / "out", on_bad_row="skip")
    assert (report["sources"][0]["rows"], report["sources"][0]["rejected"]) == (2, 2)
    dataset = PairDataset.open(tmp_path / "out")
    check_rows(dataset, "train", [("甲", "乙", 1), ("丙", "丁", 0)])
    rejects = (dataset.path / "rejects.tsv").read_text(encoding="utf-8").splitlines()
    assert sorted(line.split("\t")[1] for line in rejects[1:]) == ["3", "4"]
    assert "rejects.tsv" in dataset.manifest["files"]
    assert "2 bad rows left out" in format_report(report)
    preprocess(path, tmp_path / "other", on_bad_row="skip", rejects=tmp_path / "bad.tsv")
    assert (tmp_path / "bad.tsv").read_text(encoding="utf-8").splitlines() == rejects
    assert not (tmp_path / "other" / "rejects.tsv").exists()


def test_cells_in_quotes_are_reported(tmp_path):
    path = write_tsv(tmp_path / "p.tsv", [('"花""呗"', '"蚂蚁"', 1)])
    report = preprocess(path, tmp_path / "out")
    assert report["sources"][0]["quoted"] == 2
    assert "2 cells in double quotes, kept as text: if they" in format_report(report)
    report = preprocess(path, tmp_path / "unquoted", format="csv", delimiter="\t")
    assert "in double quotes" not in format_report(report)


def test_rows_that_are_all_empty_once_normalized(tmp_path):
    path = write_tsv(tmp_path / "p.tsv", [("甲", "\u200b", 1)])
    with pytest.raises(DataFormatError, match="none of its 1 rows can be used"):
        preprocess(path, tmp_path / "out", on_bad_row="skip")
    assert sorted(os.listdir(tmp_path)) == ["p.tsv"]


def test_sentences_of_stop_words_alone_are_kept_and_counted(tmp_path):
    path = write_tsv(tmp_path / "p.tsv", [("的", "手机", 0)])
    report = preprocess(path, tmp_path / "out", tokenizer=JiebaTokenizer(stop_words=["的"]))
    assert report["sentences_without_tokens"] == 1
    dataset = PairDataset.open(tmp_path / "out")
    assert dataset.sentences.padded(dataset.splits["train"].sides[0]).tolist() == [[0]]
    assert "1 of them without any token" in format_report(report)


def test_word_vectors_from_a_file(tmp_path, train):
    vectors = tmp_path / "v.vec"
    vectors.write_text("手 1 2 3\n机 4 5 6\n龙 7 8 9\n", encoding="utf-8")
    report = preprocess(
        train, tmp_path / "out", word_vectors=vectors, vocabulary=VocabularySettings(max_length=99)
    )
    dataset = PairDataset.open(tmp_path / "out")
    assert dataset.embedding.shape == (len(dataset.vocabulary), 3)
    assert dataset.embedding.dtype == np.float32
    place = dataset.vocabulary.tokens.index
    assert dataset.embedding[place("手")].tolist() == [1, 2, 3]
    assert not dataset.embedding[0].any()
    covered = report["word_vectors"]
    assert covered["types"] == pytest.approx(2 / (len(dataset.vocabulary) - 2))
    tokens = [t for row in make_rows(200) for side in row[:2] for t in CharTokenizer().tokenize(side)]
    assert covered["tokens"] == pytest.approx(sum(t in "手机" for t in tokens) / len(tokens))
    assert "Word vectors: 3 numbers each" in format_report(report)
    with pytest.raises(DataFormatError, match=r"none\.vec"):
        preprocess(train, tmp_path / "no", word_vectors=tmp_path / "none.vec")
    vectors.write_text("龙 7 8 9\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"none of the .* tokens of the vocabulary"):
        preprocess(train, tmp_path / "no", word_vectors=vectors)
    assert not (tmp_path / "no").exists()


def test_trained_word_vectors_repeat(tmp_path, train):
    extra = tmp_path / "raw.txt"
    extra.write_text("我的手机打不开了\n\n网络怎么连不上\n" * 5, encoding="utf-8")
    for name in ("one", "two"):
        preprocess(
            train, tmp_path / name, word_vectors=WordVectorSettings(train_dim=4, extra_text=extra), seed=1
        )
    dataset = PairDataset.open(tmp_path / "one")
    assert dataset.embedding.shape == (len(dataset.vocabulary), 4)
    assert dataset.report["word_vectors"]["types"] == 1
    assert folder_bytes(tmp_path / "one") == folder_bytes(tmp_path / "two")
    preprocess(train, tmp_path / "without", word_vectors=WordVectorSettings(train_dim=4), seed=1)
    assert not np.array_equal(PairDataset.open(tmp_path / "without").embedding, dataset.embedding)


def test_vocabulary_of_another_dataset(tmp_path, train, dev):
    tokenizer = CharTokenizer(normalizer=Normalizer(lowercase=False))
    preprocess(
        train,
        tmp_path / "first",
        tokenizer=tokenizer,
        vocabulary=VocabularySettings(min_count=3, max_length=7),
    )
    preprocess(dev, tmp_path / "second", vocabulary=tmp_path / "first")
    first, second = (PairDataset.open(tmp_path / name) for name in ("first", "second"))
    assert second.vocabulary == first.vocabulary
    assert second.tokenizer.to_config() == tokenizer.to_config()
    assert second.max_length == 7
    check_rows(second, "train", make_rows(40, seed=1))
    # As a model folder has it.
    (tmp_path / "first/settings.json").rename(tmp_path / "first/config.json")
    manifest = json.loads((tmp_path / "first/manifest.json").read_text(encoding="utf-8"))
    manifest["format"] = "textsim-model"
    manifest["files"]["config.json"] = manifest["files"].pop("settings.json")
    (tmp_path / "first/manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    report = preprocess(
        dev, tmp_path / "third", vocabulary=VocabularySettings(tmp_path / "first", max_length=9)
    )
    assert report["max_length"] == 9
    other = write_tsv(tmp_path / "other.tsv", [("鑫", "鑫淼", 1), ("淼", "鑫", 0)])
    preprocess(other, tmp_path / "more", vocabulary=tmp_path / "first")
    assert PairDataset.open(tmp_path / "more").vocabulary.tokens == (*first.vocabulary.tokens, "鑫", "淼")
    with pytest.raises(ConfigError, match="brings its own tokenizer"):
        preprocess(dev, tmp_path / "no", vocabulary=tmp_path / "first", tokenizer=tokenizer)
    with pytest.raises(ArtifactError, match=r"there is no folder .*none., and unknown bundled model"):
        preprocess(dev, tmp_path / "no", vocabulary=tmp_path / "none")


def test_simplify(tmp_path):
    pytest.importorskip("opencc")
    first = write_tsv(tmp_path / "first.tsv", [("花呗", "怎么还", 1), ("還", "花", 0)])
    second = write_tsv(tmp_path / "second.tsv", [("花唄", "怎麼還", 1), ("錢", "花", 0)])
    preprocess(first, tmp_path / "first", tokenizer=CharTokenizer(latin="split"))
    preprocess(second, tmp_path / "second", vocabulary=tmp_path / "first", simplify=True)
    known = PairDataset.open(tmp_path / "first").vocabulary.tokens
    dataset = PairDataset.open(tmp_path / "second")
    assert "還" in known and dataset.vocabulary.tokens == (*known, "钱")
    assert dataset.tokenizer.to_config() == CharTokenizer("split", Normalizer(simplify=True)).to_config()
    preprocess(second, tmp_path / "words", tokenizer="jieba", simplify=True)
    assert PairDataset.open(tmp_path / "words").tokenizer.normalizer.simplify
    np.save(tmp_path / "a.npy", vector_rows(4))
    with pytest.raises(ConfigError, match="vector pairs hold no text: leave out simplify"):
        preprocess(tmp_path / "a.npy", tmp_path / "out", simplify=True)


def test_names_serve_as_well_as_objects(tmp_path, demo):
    preprocess(demo / "pairs_dev.tsv", tmp_path / "words", tokenizer="jieba")
    assert PairDataset.open(tmp_path / "words").tokenizer.to_config() == JiebaTokenizer().to_config()
    preprocess(demo / "pairs_dev.tsv", tmp_path / "bundled", vocabulary="zh-general")
    known = load_model("zh-general").vocabulary.tokens
    assert PairDataset.open(tmp_path / "bundled").vocabulary.tokens[: len(known)] == known
    with pytest.raises(UnknownNameError, match=r"'jeba'.*mean 'jieba'"):
        preprocess(demo / "pairs_dev.tsv", tmp_path / "no", tokenizer="jeba")
    with pytest.raises(
        ConfigError, match=r"tokenizer: expected a Tokenizer or the name of one\. Received int\."
    ):
        preprocess(demo / "pairs_dev.tsv", tmp_path / "no", tokenizer=3)  # type: ignore[arg-type]


def vector_rows(n, seed=0):
    values = np.random.default_rng(seed).normal(3, 5, (n, 5)).astype(np.float32)
    values[:, 4] = np.arange(n) % 2
    return values


def test_vectors(tmp_path):
    values = vector_rows(30)
    table = pd.DataFrame(values, columns=["a1", "a2", "b1", "b2", "label"]).astype({"label": int})
    table.to_csv(tmp_path / "v.csv", index=False)
    report = preprocess(tmp_path / "v.csv", tmp_path / "plain", dev_fraction=0.2)
    order = np.random.default_rng(0).permutation(30)
    dataset = PairDataset.open(tmp_path / "plain")
    assert dataset.kind == "vectors"
    assert dataset.scaler is None
    assert dataset.sentences is dataset.tokenizer is dataset.vocabulary is dataset.max_length is None
    for name, rows in (("train", order[:24]), ("dev", order[24:])):
        np.testing.assert_array_equal(dataset.splits[name].sides[0], values[rows, :2])
        np.testing.assert_array_equal(dataset.splits[name].sides[1], values[rows, 2:4])
        np.testing.assert_array_equal(dataset.splits[name].labels, values[rows, 4])
    assert report["splits"]["train"]["rows"] == 24
    assert "Columns: 2 a side, kept as they are; 0 do not vary." in format_report(report)

    np.save(tmp_path / "v.npy", values)
    report = preprocess(tmp_path / "v.npy", tmp_path / "scaled", dev_fraction=0.2, standardize=True)
    scaled = PairDataset.open(tmp_path / "scaled")
    mean, scale = scaled.scaler
    pooled = np.concatenate([values[order[:24], :2], values[order[:24], 2:4]])
    np.testing.assert_allclose(mean, pooled.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(scale, pooled.std(axis=0), rtol=1e-5)
    for name, split in scaled.splits.items():
        for side, plain in zip(split.sides, dataset.splits[name].sides, strict=True):
            np.testing.assert_allclose(side, (plain - mean) / scale, rtol=1e-5, atol=1e-6)
    assert "standardized by the training rows" in format_report(report)


def test_vector_files_of_different_widths(tmp_path):
    np.save(tmp_path / "a.npy", vector_rows(4))
    np.save(tmp_path / "b.npy", np.zeros((4, 3), np.float32))
    with pytest.raises(DataFormatError, match=r"b\.npy: expected vectors of 2 numbers, .* Received 1"):
        preprocess(tmp_path / "a.npy", tmp_path / "out", dev=tmp_path / "b.npy")
    for option in (
        {"vocabulary": VocabularySettings()},
        {"word_vectors": "v"},
        {"tokenizer": "char"},
        {"simplify": True},
    ):
        with pytest.raises(ConfigError, match=f"vector pairs hold no text: leave out {next(iter(option))}"):
            preprocess(tmp_path / "a.npy", tmp_path / "out", **option)
    with pytest.raises(ConfigError, match="bad rows of vector pairs are not skipped"):
        preprocess(tmp_path / "a.npy", tmp_path / "out", on_bad_row="skip")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "pair"}, "unknown kind of rows 'pair'.*Did you mean 'pairs'"),
        ({"dev": "d.tsv", "dev_fraction": 0.1}, r"dev=\.\.\. and dev_fraction=\.\.\. exclude each other"),
        ({"dev_fraction": 1.0}, "dev_fraction: expected a number between 0 and 1"),
        ({"dev_fraction": 1e-6}, "of 200 rows leaves a split without rows"),
        ({"seed": -1}, "seed: expected 0 to 4294967295"),
        ({"on_bad_row": "drop"}, "on_bad_row 'drop': expected one of: error, skip"),
        ({"rejects": "r.tsv"}, "rejects are written with on_bad_row 'skip' only"),
        ({"standardize": True}, "standardize is for vector pairs"),
        ({"processes": 0}, "processes: expected at least 1"),
        ({"kind": "triplets", "as_triplets": True}, "as_triplets makes triplets of labelled pairs"),
    ],
)
def test_arguments_that_cannot_be(tmp_path, train, options, message):
    with pytest.raises(ConfigError, match=message):
        preprocess(train, tmp_path / "out", **options)
    assert sorted(os.listdir(tmp_path)) == ["train.tsv"]


@pytest.mark.parametrize(
    ("settings", "options", "message"),
    [
        (VocabularySettings, {"max_length": 0}, "max_length: expected 1 to 1,048,576. Received 0"),
        (VocabularySettings, {"max_length": 2**20 + 1}, "max_length: expected 1 to 1,048,576"),
        (VocabularySettings, {"max_length": 10**4000}, "max_length: .* Received 10000000000000000000"),
        (VocabularySettings, {"min_count": 0}, "min_count: expected at least 1"),
        (VocabularySettings, {"max_size": 0}, "max_size: expected at least 1"),
        (WordVectorSettings, {"train_dim": 0}, "train_dim: expected 1 to 10,000. Received 0"),
        (WordVectorSettings, {"train_dim": 10_001}, "train_dim: expected 1 to 10,000. Received 10001"),
        (WordVectorSettings, {"file": "v", "train_dim": 3}, "file and train_dim exclude each other"),
        (WordVectorSettings, {"file": "v", "extra_text": "x"}, "extra_text is for training word vectors"),
        (WordVectorSettings, {"train_dim": 3, "extra_text": ["-"]}, "extra_text: expected files"),
        (WordVectorSettings, {}, "expected a file or train_dim"),
    ],
)
def test_settings_that_cannot_be(settings, options, message):
    with pytest.raises(ConfigError, match=message):
        settings(**options)


def test_no_input(tmp_path):
    with pytest.raises(ConfigError, match="expected at least one input"):
        preprocess([], tmp_path / "out")


def test_an_existing_folder_is_replaced_only_when_asked(tmp_path, train, dev):
    preprocess(train, tmp_path / "out")
    with pytest.raises(ArtifactError, match=r"exists. Choose another path, or pass overwrite=True"):
        preprocess(dev, tmp_path / "out")
    preprocess(dev, tmp_path / "out", overwrite=True)
    assert len(PairDataset.open(tmp_path / "out").splits["train"]) == 40
    assert sorted(os.listdir(tmp_path)) == ["dev.tsv", "out", "train.tsv"]


def test_folders_that_are_no_datasets(tmp_path, train):
    def refused(path, message):
        with pytest.raises(ArtifactError, match=message):
            PairDataset.open(path)

    refused(tmp_path / "none", "no such folder")
    refused(tmp_path, r"is no dataset: it holds no manifest\.json\. Found: train\.tsv\. Was preprocessing")
    preprocess(train, tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / "out.partial-0123abcd")
    refused(tmp_path / "out.partial-0123abcd", "is what an interrupted run left behind")
    (tmp_path / "out.partial-0123abcd").rename(tmp_path / "out")
    manifest = json.loads((tmp_path / "out/manifest.json").read_text(encoding="utf-8"))
    for change, message in (
        ({"version": 99}, "has dataset version 99. Expected 1"),
        ({"format": "textsim-model"}, "is not the manifest of a textsim-dataset"),
    ):
        (tmp_path / "out/manifest.json").write_text(json.dumps({**manifest, **change}), encoding="utf-8")
        refused(tmp_path / "out", message)


def test_every_missing_short_or_altered_file_is_named(tmp_path, train):
    preprocess(train, tmp_path / "out")
    names = [name for name in os.listdir(tmp_path / "out") if name != "manifest.json"]
    assert len(names) == 10
    for name in names:
        path = tmp_path / "out" / name
        data = path.read_bytes()
        path.unlink()
        with pytest.raises(ArtifactError, match=f"lacks {re.escape(name)}"):
            PairDataset.open(tmp_path / "out")
        path.write_bytes(data[:-1])
        with pytest.raises(ArtifactError, match=f"{re.escape(name)} holds {len(data) - 1} bytes"):
            PairDataset.open(tmp_path / "out")
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(ArtifactError, match=f"{re.escape(name)} was altered"):
            PairDataset.open(tmp_path / "out")
        path.write_bytes(data)
    PairDataset.open(tmp_path / "out")


KILLED = """
import sys
from textsim.data.builders import texts as build_texts
from textsim.data.preprocess import preprocess

step = getattr(build_texts.TextBuild, sys.argv[3])

def stop(self, *arguments):
    result = step(self, *arguments)
    print("here", flush=True)
    sys.stdin.read()
    return result

setattr(build_texts.TextBuild, sys.argv[3], stop)
preprocess(sys.argv[1], sys.argv[2], dev_fraction=0.1)
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
@pytest.mark.parametrize("step", ["_read", "_write_split", "_word_vectors"])
def test_a_killed_run_leaves_nothing_that_looks_whole(tmp_path, train, step):
    arguments = [sys.executable, "-c", KILLED, str(train), str(tmp_path / "out"), step]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"here\n"
        process.send_signal(signal.SIGKILL)
        process.wait()
    left = [name for name in os.listdir(tmp_path) if name != "train.tsv"]
    assert len(left) == 1
    assert re.fullmatch(r"out\.partial-[0-9a-f]{8}", left[0])
    assert "manifest.json" not in os.listdir(tmp_path / left[0])
    with pytest.raises(ArtifactError):
        PairDataset.open(tmp_path / left[0])
    with pytest.raises(ArtifactError, match="no such folder"):
        PairDataset.open(tmp_path / "out")
    preprocess(train, tmp_path / "out")  # what was left is in nobody's way
    PairDataset.open(tmp_path / "out")


def test_progress_goes_to_standard_error(tmp_path, capsys, train):
    preprocess(train, tmp_path / "quiet")
    assert capsys.readouterr() == ("", "")
    preprocess(train, tmp_path / "loud", progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "reading" in err
    assert "tokenizing sentences" in err


def test_memory_maps_not_memory(tmp_path, train):
    preprocess(train, tmp_path / "out")
    begin = time.perf_counter()
    dataset = PairDataset.open(tmp_path / "out")
    assert time.perf_counter() - begin < 5
    assert isinstance(dataset.sentences.ids, np.memmap)
    assert isinstance(dataset.splits["train"].sides[0], np.memmap)


def test_neither_keras_nor_tensorflow_is_loaded():
    code = (
        "import sys, textsim.data.dataset; sys.exit(any(n in sys.modules for n in ('keras', 'tensorflow')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_rejects_and_sources_are_never_replaced(tmp_path, train, dev):
    before = dev.read_bytes()
    for options in (
        {"dev": dev, "rejects": dev, "on_bad_row": "skip"},
        {"dev": dev, "rejects": tmp_path / "out" / "r.tsv", "on_bad_row": "skip"},
    ):
        with pytest.raises(InputError, match="would take the place of"):
            preprocess(train, tmp_path / "out", **options)
    assert dev.read_bytes() == before and not (tmp_path / "out").exists()
    preprocess(train, tmp_path / "out")
    (tmp_path / "out" / "mine.tsv").write_bytes(before)
    with pytest.raises(InputError, match=r"out: would take the place of .*mine\.tsv"):
        preprocess(tmp_path / "out" / "mine.tsv", tmp_path / "out", overwrite=True)
    with pytest.raises(ArtifactError, match=r"holds what is not of the textsim-dataset.*: mine\.tsv"):
        preprocess(dev, tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / "mine.tsv").exists()


@pytest.mark.parametrize("form", ["frame", "rows", "iterator", "columns"])
def test_rows_in_memory_make_the_dataset_of_their_file(tmp_path, train, dev, form):
    def source(path):
        rows = [tuple(line.split("\t")) for line in path.read_text(encoding="utf-8").splitlines()[1:]]
        columns = dict(zip(("text_a", "text_b", "label"), map(list, zip(*rows, strict=True)), strict=True))
        forms = {"rows": rows, "iterator": iter(rows), "columns": columns, "frame": pd.DataFrame(columns)}
        return forms[form]

    preprocess(source(train), tmp_path / "memory", dev=source(dev))
    preprocess(train, tmp_path / "files", dev=dev)
    for name in os.listdir(tmp_path / "files"):
        if name not in ("manifest.json", "report.json"):
            assert (tmp_path / "memory" / name).read_bytes() == (tmp_path / "files" / name).read_bytes()


def test_arrays_in_memory(tmp_path):
    values = vector_rows(30)
    np.save(tmp_path / "v.npy", values)
    report = preprocess(values, tmp_path / "matrix", dev_fraction=0.2)
    arrays = (values[:, :2], values[:, 2:4], values[:, 4])
    preprocess(arrays, tmp_path / "arrays", dev_fraction=0.2)
    preprocess(tmp_path / "v.npy", tmp_path / "file", dev_fraction=0.2)
    assert report["kind"] == "vectors" and report["sources"][0]["sha256"] is None
    for name in ("train.left.npy", "dev.right.npy", "dev.labels.npy"):
        expected = (tmp_path / "file" / name).read_bytes()
        assert {(tmp_path / form / name).read_bytes() for form in ("matrix", "arrays")} == {expected}


def test_the_rows_of_each_split_are_kept_as_they_were_read(tmp_path):
    rows = [(f'ＡＢＣ{i}\n，"甲"', f" 乙\t{i}", i % 5) for i in range(20)]
    preprocess(rows, tmp_path / "out", dev_fraction=0.25, seed=3, label_max=4)
    order = np.random.default_rng(3).permutation(20)
    dataset = PairDataset.open(tmp_path / "out")
    for name, places in (("train", order[:15]), ("dev", order[15:])):
        (chunk,) = dataset.rows(name)
        assert [*zip(*chunk.texts, strict=True)] == [rows[i][:2] for i in places]
        np.testing.assert_array_equal(chunk.labels, dataset.splits[name].labels)
    with pytest.raises(ConfigError, match=r"keeps no rows of a split 'test'\. It keeps those of: train, dev"):
        dataset.rows("test")
    preprocess(vector_rows(9), tmp_path / "vectors")
    with pytest.raises(ConfigError, match="none, since it holds vectors"):
        PairDataset.open(tmp_path / "vectors").rows("train")


def test_triplets_of_labelled_pairs(tmp_path):
    rows = [
        ("甲", "乙", 1),
        ("甲", "丙", 0),
        ("丁", "甲", 0),
        ("戊", "己", 1),
        ("庚", "辛", 0),
        ("甲", "甲", 0),
    ]
    report = preprocess(rows, tmp_path / "out", dev=rows, as_triplets=True)
    dataset = PairDataset.open(tmp_path / "out")
    assert dataset.kind == report["kind"] == "triplets"
    train = dataset.splits["train"]
    texts = [
        ["".join(dataset.vocabulary.tokens[i] for i in dataset.sentences[s]) for s in side]
        for side in train.sides
    ]
    assert [*zip(*texts, strict=True)] == [("甲", "乙", "丙"), ("甲", "乙", "丁")]
    assert len(next(dataset.rows("train"))) == 6
    with pytest.raises(InputError, match="train: the labels allow no triplets"):
        preprocess(rows[3:5], tmp_path / "no", as_triplets=True)
    assert not (tmp_path / "no").exists()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 1)), min_size=1, max_size=25))
def test_triplets_against_a_slow_reference(rows):
    left, right, labels = (np.array(column) for column in zip(*rows, strict=True))
    partners: dict = {}
    for a, b, label in rows:
        if a != b:
            partners.setdefault(a, ([], []))[1 - label].append(b)
    for a, b, label in rows:
        if a != b:
            partners.setdefault(b, ([], []))[1 - label].append(a)
    expected = []
    for anchor in sorted(partners):
        positives, negatives = partners[anchor]
        for i in range(max(len(positives), len(negatives)) if positives and negatives else 0):
            triplet = anchor, positives[i % len(positives)], negatives[i % len(negatives)]
            expected += [triplet] if triplet[1] != triplet[2] else []
    pairs = Split((left, right), labels.astype(np.float32))
    if not expected:
        with pytest.raises(InputError):
            triplets_of(pairs, "train")
        return
    assert [*zip(*(side.tolist() for side in triplets_of(pairs, "train")), strict=True)] == expected


def test_a_source_is_hashed_as_it_was_read(tmp_path, train, monkeypatch):
    before = hashlib.sha256(train.read_bytes()).hexdigest()

    def replace_source(*arguments):
        other = tmp_path / "other.tsv"
        other.write_bytes(b"x\ty\t1\n")
        os.replace(other, train)
        return tokenize(*arguments)

    tokenize = sentences._tokenize_partition
    monkeypatch.setattr(sentences, "_tokenize_partition", replace_source)
    report = preprocess(train, tmp_path / "out")
    assert report["sources"][0]["sha256"] == before


@pytest.mark.parametrize("name", ["p.tsv.gz", "p.parquet", "p.xlsx"])
def test_sources_are_hashed_in_every_format(tmp_path, name):
    frame = pd.DataFrame(make_rows(20), columns=["text_a", "text_b", "label"])
    write = {"p.parquet": frame.to_parquet, "p.xlsx": lambda path: frame.to_excel(path, index=False)}
    write.get(name, lambda path: frame.to_csv(path, sep="\t", index=False))(tmp_path / name)
    report = preprocess(tmp_path / name, tmp_path / "out")
    assert report["sources"][0]["sha256"] == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()


def test_what_calls_for_attention_is_said(tmp_path):
    def warned(rows, **options):
        report = preprocess(rows, tmp_path / "out", overwrite=True, **options)
        text = format_report(report)
        assert all(f"warning: {warning}." in text for warning in report["warnings"])
        return "\n".join(report["warnings"])

    good = [row for row in make_rows(20) if row[0] != row[1]]
    assert warned(good, dev=good) == ""
    assert "there is no dev split" in warned(good)
    assert "all rows of train have one class: they match (1)" in warned([(a, b, 1) for a, b, _ in good])
    assert "all rows of dev have one class" in warned(good, dev=[(a, b, 0) for a, b, _ in good])
    assert "1 rows of train have equal texts and are labelled 0" in warned([*good, ("甲", "甲", 0)])
    assert "1 rows of the rows hold U+FFFD" in warned([*good, ("甲\ufffd", "乙", 0)], dev=good)
    triplets = [{"anchor": "甲", "positive": "乙", "negative": n} for n in ("丙", "乙", "甲")]
    assert "2 triplets of train have a negative that is their anchor or positive" in warned(triplets)
    vectors = np.array([[1, 2, 1, 2, 0], [1, 2, 3, 4, 1]])
    assert "1 rows of train have equal vectors and are labelled 0" in warned(vectors)


def hostile(folder, **changes):
    """Changes files of a dataset, and the manifest to match."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for name, change in changes.items():
        file = name.replace("__", ".")
        if file.endswith("npy"):
            np.save(folder / file, change(np.load(folder / file)))
        elif file == "manifest.json":
            manifest.update(change)
            continue
        else:
            (folder / file).write_text(change, encoding="utf-8")
        manifest["files"][file] = file_entry(folder / file)
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train__left__npy": lambda a: a + 9999}, r"train\.left\.npy: expected numbers from 0 to"),
        ({"train__left__npy": lambda a: -a - 1}, r"train\.left\.npy: expected numbers from 0 to"),
        ({"train__left__npy": lambda a: a.astype(float)}, r"expected int32 of shape \(200\)"),
        ({"train__left__npy": lambda a: a[:-1]}, r"expected int32 of shape \(200\)"),
        ({"train__labels__npy": lambda a: a + 1}, "expected labels from 0 to 1"),
        ({"train__labels__npy": lambda a: a * np.nan}, "expected labels from 0 to 1"),
        ({"sentences__ids__npy": lambda a: a + 9999}, r"sentences\.ids\.npy: expected numbers from 0 to"),
        ({"sentences__offsets__npy": lambda a: a[::-1].copy()}, "that never fall"),
        ({"sentences__offsets__npy": lambda a: a * 2}, "that never fall"),
        ({"settings.json": '{"max_length": 1}'}, "sentences of max_length at most"),
        ({"settings.json": '{"max_length": "9"}'}, "expected max_length"),
        (
            {"settings.json": '{"max_length": 1000000000}'},
            "expected max_length, a number from 1 to 1,048,576",
        ),
        ({"settings.json": "[]"}, "expected a JSON object"),
        ({"settings.json": '{"max_length": 99}'}, "expected an object named chosen"),
        ({"vocabulary.txt": "甲\n"}, r"vocabulary\.txt"),
        ({"manifest.json": {"kind": "pears"}}, "expected one of the kinds pairs, triplets, vectors"),
        ({"manifest.json": {"rows": {"../x": 3}}}, "expected the rows of train"),
        *(
            ({"manifest.json": {"rows": {"train": rows}}}, "expected how many rows each split has")
            for rows in ("many", None, True, -1, 200.0)
        ),
        ({"manifest.json": {"sources": [{"path": None}]}}, "expected the sources, each with its path"),
    ],
)
def test_a_folder_that_does_not_fit_together_is_refused(tmp_path, train, changes, message):
    preprocess(train, tmp_path / "out")
    hostile(tmp_path / "out", **changes)
    with pytest.raises(ArtifactError, match=message):
        PairDataset.open(tmp_path / "out")


def test_vectors_that_are_not_finite_are_refused(tmp_path):
    preprocess(vector_rows(9), tmp_path / "out", standardize=True)
    hostile(tmp_path / "out", scaler__scale__npy=lambda a: a * 0)
    with pytest.raises(ArtifactError, match="finite numbers above 0"):
        PairDataset.open(tmp_path / "out")
    hostile(tmp_path / "out", train__left__npy=lambda a: a * np.inf)
    with pytest.raises(ArtifactError, match=r"train\.left\.npy: expected finite numbers"):
        PairDataset.open(tmp_path / "out")


def test_what_preprocess_was_told_is_kept_and_makes_the_same_dataset(tmp_path, train):
    """`Reading`, `VocabularySettings` and `WordVectorSettings` are built from what the folder holds."""
    reading = {"label_threshold": 0.5, "columns": ["text_a", "text_b", "label"], "on_bad_row": "skip"}
    new, vectors = VocabularySettings(min_count=2, max_length=9), WordVectorSettings(train_dim=3)
    preprocess(
        train, tmp_path / "a", dev_fraction=0.2, seed=3, vocabulary=new, word_vectors=vectors, **reading
    )
    told = PairDataset.open(tmp_path / "a").settings
    assert told["dev_fraction"] == 0.2 and told["seed"] == 3 and told["kind"] == "pairs"
    assert {name: told["reading"][name] for name in reading} == reading
    again = {
        **told,
        "vocabulary": VocabularySettings(**told["vocabulary"]),
        "word_vectors": WordVectorSettings(**told["word_vectors"]),
    }
    preprocess(train, tmp_path / "b", **again.pop("reading"), **again)
    assert (tmp_path / "b/manifest.json").read_bytes() == (tmp_path / "a/manifest.json").read_bytes()


def test_a_dataset_of_vectors_keeps_what_preprocess_was_told(tmp_path):
    preprocess(vector_rows(9), tmp_path / "out", standardize=True)
    told = PairDataset.open(tmp_path / "out").settings
    assert told["standardize"] is True and told["word_vectors"] is None and told["kind"] == "vectors"


@pytest.mark.parametrize("file", ["vocabulary.txt", "tokenizer.json", "settings.json"])
def test_a_vocabulary_to_extend_is_whole(tmp_path, train, file):
    preprocess(train, tmp_path / "first")
    path = tmp_path / "first" / file
    whole = path.read_bytes()
    # One bit, of what stays a token, or JSON.
    place = whole.index({"vocabulary.txt": "机".encode(), "tokenizer.json": b"runs"}.get(file, b"0"))
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    with pytest.raises(ArtifactError, match=rf"{file} was altered"):
        preprocess(train, tmp_path / "out", vocabulary=tmp_path / "first")
    path.write_bytes(whole)
    hostile(tmp_path / "first", settings__json='{"max_length": null}')
    with pytest.raises(ArtifactError, match=r"settings\.json: expected max_length, a number from 1"):
        preprocess(train, tmp_path / "out", vocabulary=tmp_path / "first")


def test_a_dataset_of_vectors_has_no_vocabulary_to_extend(tmp_path, train):
    preprocess(vector_rows(9), tmp_path / "first")
    with pytest.raises(
        ArtifactError, match=r"does not list tokenizer\.json.*Expected a dataset or a model of texts"
    ):
        preprocess(train, tmp_path / "out", vocabulary=tmp_path / "first")


def test_word_vectors_are_hashed_as_they_were_read(tmp_path, train, monkeypatch):
    vectors = tmp_path / "v.vec"
    vectors.write_text("手 1 2 3\n机 4 5 6\n", encoding="utf-8")
    before = hashlib.sha256(vectors.read_bytes()).hexdigest()

    def replace_file(*arguments):
        vectors.write_text("手 9 9 9\n", encoding="utf-8")
        return embedding_matrix(*arguments)

    monkeypatch.setattr("textsim.data.builders.texts.embedding_matrix", replace_file)
    report = preprocess(train, tmp_path / "out", word_vectors=vectors)
    assert report["word_vectors"]["sha256"] == before


def test_a_report_that_does_not_say_what_the_rows_are(tmp_path, train):
    preprocess(train, tmp_path / "out")
    hostile(tmp_path / "out", report__json="{}")
    with pytest.raises(
        ArtifactError, match=r"report\.json: expected rows_kind, one of pairs\. Received None"
    ):
        PairDataset.open(tmp_path / "out")
