from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests.tiny_models import untrained
from textsim.artifacts.saved_model import load_model, save_model
from textsim.config.recipes import RECIPES
from textsim.data.dataset import PairDataset
from textsim.data.preprocess import preprocess
from textsim.errors import ConfigError, InputError
from textsim.evaluation import row_scores
from textsim.matching.text_matcher import TextMatcher
from textsim.matching.vector_matcher import VectorMatcher
from textsim.text.vocabulary import Vocabulary
from textsim.training import trainer
from textsim.training.augmentation.distillation import load_teachers, teacher_labels

FAST = ["training.epochs=1", "training.batch_size=32"]
TEXT = RECIPES["bilstm-attention"].replace(
    [
        *FAST,
        "encoder=word-vectors",
        "pooling=mean-max",
        "head.units=[8]",
        "training.adversarial=0",
        "loss.negatives=0",
    ]
)
VECTOR = RECIPES["vector-l1"].replace([*FAST, "encoder.units=[8, 4]"])


@pytest.fixture(scope="module")
def text_teachers(pairs: PairDataset, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("teachers")
    for seed in (0, 1):
        save_model(untrained(pairs, TEXT, seed), folder / f"老师{seed}")
    return [folder / "老师0", folder / "老师1"]


def texts(dataset: PairDataset, number: int) -> str:
    assert dataset.vocabulary is not None and dataset.sentences is not None
    return "".join(dataset.vocabulary.tokens[k] for k in dataset.sentences[number].tolist())


def log_odds(scores: np.ndarray) -> np.ndarray:
    return np.log(scores / (1 - scores))


def test_labels_are_the_mean_log_odds_of_the_scores(
    pairs: PairDataset, text_teachers: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_scores, "_CHUNK_ROWS", 7)
    rows = pairs.splits["train"]
    sides = [side[:40] for side in rows.sides]
    labels = teacher_labels(load_teachers(text_teachers, pairs), pairs, sides)
    assert labels.dtype == np.float32 and labels.shape == (40,)
    matchers = [TextMatcher.load(path) for path in text_teachers]
    given = [(texts(pairs, a), texts(pairs, b)) for a, b in zip(*(s.tolist() for s in sides), strict=True)]
    scores = np.stack([matcher.score_pairs(given) for matcher in matchers]).astype(np.float64)
    np.testing.assert_allclose(log_odds(labels), log_odds(scores).mean(axis=0), atol=1e-3)


def test_a_teacher_may_have_another_vocabulary(pairs: PairDataset, text_teachers: list[Path]) -> None:
    assert pairs.vocabulary is not None
    (teacher,) = load_teachers(text_teachers[:1], pairs)
    sides = [side[:10] for side in pairs.splits["train"].sides]
    expected = teacher_labels([teacher], pairs, sides)
    # The same tokens under other numbers.
    shuffled = np.r_[0, 1, 2 + np.random.default_rng(0).permutation(len(pairs.vocabulary) - 2)]
    ids = np.argsort(shuffled)

    class Renumbered:
        def __getitem__(self, number: int) -> np.ndarray:
            return ids[pairs.sentences[number]]  # type: ignore[index]

    other = dataclasses.replace(
        pairs,
        vocabulary=Vocabulary([pairs.vocabulary.tokens[k] for k in shuffled[2:]]),
        sentences=Renumbered(),  # type: ignore[arg-type]
    )
    np.testing.assert_array_equal(teacher_labels([teacher], other, sides), expected)


def test_different_sentences_of_which_a_teacher_knows_nothing_are_no_match(
    pairs: PairDataset, text_teachers: list[Path]
) -> None:
    unknown = dataclasses.replace(
        pairs,
        vocabulary=Vocabulary(["😀", "🎉"]),
        sentences=[np.array([2]), np.array([3, 2]), np.array([2])],  # type: ignore[arg-type]
    )
    sides = [np.array([0, 0, 1]), np.array([1, 0, 2])]
    labels = teacher_labels(load_teachers(text_teachers, unknown), unknown, sides)
    assert labels[0] == labels[2] == pytest.approx(1e-4, rel=1e-3) and labels[1] > 0.01


def test_vectors_are_given_as_they_were(vectors: PairDataset, tmp_path: Path) -> None:
    save_model(untrained(vectors, VECTOR), tmp_path / "teacher")
    sides = [side[:20] for side in vectors.splits["train"].sides]
    labels = teacher_labels(load_teachers([tmp_path / "teacher"], vectors), vectors, sides)
    mean, scale = vectors.scaler  # type: ignore[misc]
    scores = VectorMatcher.load(tmp_path / "teacher").score_pairs(*(side * scale + mean for side in sides))
    np.testing.assert_allclose(labels, np.clip(scores, 1e-4, 1 - 1e-4), atol=1e-6)


def test_a_student_learns_what_its_teachers_say(
    pairs: PairDataset, text_teachers: list[Path], tmp_path: Path
) -> None:
    taught = load_teachers(text_teachers, pairs)
    batches = trainer._training_batches(pairs, TEXT.training, taught)
    rows = pairs.splits["train"]
    np.testing.assert_array_equal(batches.labels, teacher_labels(taught, pairs, rows.sides))
    implied = trainer._training_batches(pairs, TEXT.replace(["training.transitive=true"]).training, taught)
    assert implied.rows > batches.rows
    np.testing.assert_array_equal(implied.labels, teacher_labels(taught, pairs, implied.sides))

    # Labels that are all alike say nothing of shared tokens; those of teachers are not.
    same = dataclasses.replace(rows, labels=np.ones_like(rows.labels))
    alike = dataclasses.replace(pairs, splits={**pairs.splits, "train": same})
    debias = TEXT.replace(["training.debias=0.5"])
    trainer.train(alike, debias, tmp_path / "student", teachers=text_teachers, progress=False)
    named = [teacher["name"] for teacher in load_model(tmp_path / "student").provenance["teachers"]]
    assert named == ["老师0", "老师1"]


def test_teachers_that_can_not_teach(
    pairs: PairDataset,
    triplets: PairDataset,
    vectors: PairDataset,
    text_teachers: list[Path],
    tmp_path: Path,
    demo: Path,
) -> None:
    with pytest.raises(
        ConfigError, match=r"loss 'none' trains nothing: there is nothing for a teacher to teach"
    ):
        trainer.train(pairs, RECIPES["word-vectors"], tmp_path / "none", teachers=text_teachers)
    with pytest.raises(InputError, match=r"teachers: expected a list of models\. Received 'zh-general'"):
        load_teachers("zh-general", pairs)
    with pytest.raises(ConfigError, match=r"holds triplets, which have no labels that a teacher could give"):
        load_teachers(text_teachers, triplets)
    with pytest.raises(ConfigError, match=r"teacher .*老师0'.* \(vectors\)\. Received one of kind 'text'\."):
        load_teachers(text_teachers, vectors)
    save_model(untrained(vectors, VECTOR), tmp_path / "vectors")
    split = vectors.splits["train"]
    narrow = dataclasses.replace(split, sides=tuple(side[:, :5] for side in split.sides))
    with pytest.raises(ConfigError, match=r"reads vectors of 64 values\. Those of .* have 5\."):
        load_teachers([tmp_path / "vectors"], dataclasses.replace(vectors, splits={"train": narrow}))
    preprocess(
        demo / "pairs_dev.tsv", tmp_path / "words", tokenizer="jieba", dev_fraction=0.5, progress=False
    )
    with pytest.raises(
        ConfigError, match=r"reads other tokens than .*words/ holds: tokenizer 'char' against 'jieba'"
    ):
        load_teachers(text_teachers, PairDataset.open(tmp_path / "words"))
