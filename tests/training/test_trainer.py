from __future__ import annotations

import csv
import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from textsim.artifacts.saved_model import load_model
from textsim.config.recipes import RECIPES
from textsim.config.settings import Recipe, TrainingSettings
from textsim.data.dataset import PairDataset, Split
from textsim.data.preprocess import preprocess
from textsim.errors import ArtifactError, ConfigError
from textsim.evaluation.evaluate import evaluate_file
from textsim.evaluation.thresholds import choose_threshold
from textsim.io.manifest import sha256_file
from textsim.matching.vector_matcher import VectorMatcher
from textsim.modeling.batches import PairBatches
from textsim.text.vocabulary import Vocabulary
from textsim.training import trainer, warm_start
from textsim.training.augmentation.debias import overlap_log_odds, shared_tokens
from textsim.training.trainer import model_for, train

FAST = ["training.epochs=2", "training.batch_size=32", "training.patience=null"]
# No loops over steps, and one reading of a batch: what there is more of takes seconds to compile.
TEXT = RECIPES["bilstm-attention"].replace(
    [
        *FAST,
        "encoder=word-vectors",
        "pooling=mean-max",
        "head.units=[8]",
        "embedding.dropout=0.2",
        "embedding.token_dropout=0.1",
        "training.monitor=loss",
        "training.adversarial=0",
        "loss.negatives=0",
    ]
)
VECTOR = RECIPES["vector-l1"].replace([*FAST, "encoder.units=[8, 4]"])


def run(
    dataset: PairDataset, recipe: Recipe, out: Path, *changes: str, **options: Any
) -> trainer.TrainingResult:
    return train(dataset, recipe.replace(changes), out, progress=False, **options)


def with_rows(
    dataset: PairDataset, train: int | None = None, dev: int | None = None, **changes: Any
) -> PairDataset:
    """The dataset with the first rows of its splits."""
    sizes = {"train": train, "dev": dev}
    splits = {
        name: Split(
            tuple(side[: sizes[name]] for side in split.sides),
            None if split.labels is None else split.labels[: sizes[name]],
        )
        for name, split in dataset.splits.items()
    }
    return dataclasses.replace(dataset, **{"splits": splits, **changes})


@pytest.fixture(scope="module")
def plain(pairs: PairDataset, tmp_path_factory: pytest.TempPathFactory) -> trainer.TrainingResult:
    """A run of one epoch."""
    return run(pairs, TEXT, tmp_path_factory.mktemp("plain") / "model", "training.epochs=1")


@pytest.fixture(scope="module")
def begun(plain: trainer.TrainingResult) -> Path:
    """A text model to continue from."""
    return plain.path


@pytest.mark.usefixtures("drawn")
def test_a_run_writes_a_model_and_its_reports(
    pairs: PairDataset, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    result = run(pairs, TEXT, tmp_path / "模型")
    assert capfd.readouterr().out == ""
    names = {path.name for path in (tmp_path / "模型").iterdir()}
    assert names >= {
        "history.csv",
        "curves.png",
        "scores.png",
        "structure.txt",
        "profile.json",
        "report.html",
    }
    with open(tmp_path / "模型" / "history.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["val_loss"]) for row in rows] == [row["val_loss"] for row in result.history]
    assert [row["epoch"] for row in result.history] == [1, 2]
    assert {"seconds", "learning_rate", "loss", "accuracy", "val_auc", "val_threshold"} <= result.history[
        0
    ].keys()

    saved = load_model(tmp_path / "模型")
    assert saved.threshold == result.threshold and saved.metrics == result.metrics
    assert saved.provenance["epochs"] == 2
    assert saved.provenance["rows"] == {"train": 160, "dev": 60}
    # The saved weights are the best epoch's: they give the figures that the run reports.
    model = model_for(TEXT, pairs)
    model.set_weight_arrays(saved.weights)
    split = pairs.splits["dev"]
    scores = model(PairBatches(split.sides, split.labels, pairs.sentences, 60).batch(np.arange(60))).numpy()
    assert np.mean((scores >= 0.5) == (split.labels >= 0.5)) == pytest.approx(result.metrics["accuracy"])
    assert choose_threshold(split.labels, scores) == pytest.approx(result.threshold, abs=1e-4)
    assert "validation  accuracy" in result.summary() and "epochs      2 in" in result.summary()


SAME_BITS = [
    "training.adversarial=0.1",
    "loss.negatives=0.2",
    "training.average=0.9",
    "training.optimizer=AdamW",
    "training.weight_decay=0.01",
    "training.schedule=cosine",
    "training.warmup=0.2",
]


def test_the_same_seed_gives_the_same_bits_in_this_and_in_another_process(
    pairs: PairDataset, tmp_path: Path
) -> None:
    recipe = TEXT.replace(["pooling=attention", "pooling.hidden=8", "head.dropout=0.2", *SAME_BITS])
    runs = {name: run(pairs, recipe, tmp_path / name) for name in ("first", "again")}
    runs["other"] = run(pairs, recipe, tmp_path / "other", "training.seed=1", "training.epochs=1")
    (tmp_path / "recipe.json").write_text(recipe.to_json(), encoding="utf-8")
    script = (
        "from pathlib import Path; from textsim.config.recipes import build_recipe;"
        "from textsim.training.trainer import train;"
        f"train({str(pairs.path)!r}, build_recipe(config_file=Path('recipe.json')), 'process', progress=False)"
    )
    root = Path(trainer.__file__).parents[2]
    paths = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, check=True, env={**os.environ, "PYTHONPATH": paths}
    )
    weights = {name: load_model(tmp_path / name).weights for name in ("first", "again", "other", "process")}
    for name in ("again", "process"):
        assert weights[name].keys() == weights["first"].keys()
        for path, array in weights["first"].items():
            assert np.array_equal(weights[name][path], array), (name, path)
    assert any(not np.array_equal(weights["other"][path], array) for path, array in weights["first"].items())
    seconds = {"seconds"}
    for mine, theirs in zip(runs["first"].history, runs["again"].history, strict=True):
        assert {k: v for k, v in mine.items() if k not in seconds} == {
            k: v for k, v in theirs.items() if k not in seconds
        }


def test_each_epoch_has_an_order_of_its_own(
    vectors: PairDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int, list[int]]] = []

    class Watched(PairBatches):
        def batch(self, rows: np.ndarray) -> dict[str, np.ndarray]:
            if self.seed is not None:
                seen.append((self.epoch, self.rows, rows.tolist()))
            return super().batch(rows)

    monkeypatch.setattr(trainer, "PairBatches", Watched)
    run(vectors, VECTOR, tmp_path / "model", "training.epochs=3")
    epochs = [[row for epoch, _, rows in seen if epoch == k for row in rows] for k in range(3)]
    # Before the first epoch, two rows are looked at for their shapes.
    epochs[0] = epochs[0][-160:]
    for order in epochs:
        assert sorted(order) == list(range(160))
    assert epochs[0] != epochs[1] != epochs[2]


@pytest.mark.parametrize("average", [0.0, 0.5])
def test_training_stops_early_and_keeps_the_best_epoch(
    vectors: PairDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, average: float
) -> None:
    """Validation is made to be best at the second of many epochs."""
    kept: list[dict[str, np.ndarray]] = []
    figures = trainer.Validator.figures

    def scripted(self: Any) -> dict[str, float]:
        kept.append(self.model.weight_arrays())
        return {**figures(self), "loss": [0.9, 0.5, 0.6, 0.7, 0.8, 0.9][len(kept) - 1]}

    start = trainer.Validator.__init__

    def watched(self: Any, model: Any, batches: Any) -> None:
        self.model = model
        start(self, model, batches)

    monkeypatch.setattr(trainer.Validator, "__init__", watched)
    monkeypatch.setattr(trainer.Validator, "figures", scripted)
    changes = ["training.epochs=6", "training.patience=2", f"training.average={average}"]
    result = run(vectors, VECTOR, tmp_path / "model", *changes)
    assert len(result.history) == 4
    saved = load_model(tmp_path / "model").weights
    for path, array in kept[1].items():
        assert np.array_equal(saved[path], array)
        assert not np.array_equal(kept[2][path], array)


def test_class_weights_even_out_the_classes(vectors: PairDataset) -> None:
    labels = (np.arange(160) < 32).astype("float32")
    split = Split(vectors.splits["train"].sides, labels)
    skewed = dataclasses.replace(vectors, splits={**vectors.splits, "train": split})
    settings = TrainingSettings(class_weights="balanced")
    batches = trainer._training_batches(skewed, settings)
    assert batches.weights[labels == 1].sum() == pytest.approx(batches.weights[labels == 0].sum())
    assert batches.weights.mean() == pytest.approx(1)
    assert (trainer._training_batches(skewed, TrainingSettings()).weights == 1).all()


def test_debias_gives_the_loss_what_shared_tokens_tell(
    pairs: PairDataset, plain: trainer.TrainingResult, tmp_path: Path
) -> None:
    rows = pairs.splits["train"]
    assert trainer._training_batches(pairs, TrainingSettings()).offsets is None
    offsets = trainer._training_batches(pairs, TrainingSettings(debias=0.5)).offsets
    assert offsets is not None and rows.labels is not None
    shared = shared_tokens(pairs.sentences, *rows.sides)
    expected = 0.5 * overlap_log_odds(shared, rows.labels, np.ones(len(rows)))
    np.testing.assert_allclose(offsets, expected, rtol=1e-5, atol=1e-6)
    same = dataclasses.replace(pairs, splits={**pairs.splits, "train": Split(rows.sides, np.ones(len(rows)))})
    with pytest.raises(ConfigError, match=r"training\.debias asks .* are all alike\."):
        run(same, TEXT, tmp_path / "none", "training.debias=0.5")
    debiased = run(pairs, TEXT, tmp_path / "debiased", "training.debias=0.5", "training.epochs=1")
    assert np.isfinite(debiased.history[-1]["loss"])
    assert debiased.history[0]["loss"] != plain.history[0]["loss"]


def test_implied_pairs_are_no_more_than_labelled_ones(pairs: PairDataset) -> None:
    # One sentence that is the same as four others implies the six pairs among those.
    star = dataclasses.replace(
        pairs,
        splits={"train": Split((np.zeros(4, int), np.arange(1, 5)), np.ones(4, "float32"))},
    )
    settings = [TrainingSettings(transitive=True, seed=seed) for seed in range(5)]
    added = [[side[4:].tolist() for side in trainer._training_batches(star, s).sides] for s in settings]
    assert all(len(left) == len(set(zip(left, right, strict=True))) == 4 for left, right in added)
    assert len({str(pair) for pair in added}) > 1
    assert all(0 < a < b for sides in added for a, b in zip(*sides, strict=True))
    # Rows that models labelled do not count: three certain ones imply three pairs, five would imply ten.
    mixed = dataclasses.replace(
        pairs,
        splits={"train": Split((np.zeros(4, int), np.arange(1, 5)), np.array([1, 1, 1, 0.9], "float32"))},
    )
    assert trainer._training_batches(mixed, settings[0]).rows == 4 + 3
    five = Split((np.zeros(8, int), np.arange(1, 9)), np.array([1] * 5 + [0.9] * 3, "float32"))
    assert (
        trainer._training_batches(dataclasses.replace(pairs, splits={"train": five}), settings[0]).rows == 13
    )


def test_transitive_adds_the_implied_pairs(
    pairs: PairDataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = pairs.splits["train"]
    assert rows.labels is not None
    left, right = (np.array([0, 1, 2]), np.array([1, 2, 3]))
    chain = dataclasses.replace(
        pairs,
        splits={**pairs.splits, "train": Split((left, right), np.array([1, 1, 0], "float32"))},
    )
    batches = trainer._training_batches(chain, TrainingSettings(transitive=True, debias=0.5))
    added = set(
        zip(batches.sides[0].tolist(), batches.sides[1].tolist(), batches.labels.tolist(), strict=True)
    )
    assert added == {(0, 1, 1), (1, 2, 1), (2, 3, 0), (0, 2, 1), (1, 3, 0)}
    assert batches.offsets is not None and len(batches.offsets) == 5

    recipe = TEXT.replace(["training.transitive=true", "training.epochs=1"])
    caplog.set_level("INFO", "textsim")
    trainer.train(chain, recipe, tmp_path / "model")
    assert "2 pairs of the transitive closure beside 3 labelled ones" in caplog.messages
    provenance = load_model(tmp_path / "model").provenance
    assert (provenance["rows"]["train"], provenance["trained_rows"]) == (3, 5)

    graded = dataclasses.replace(
        pairs, splits={**pairs.splits, "train": Split(rows.sides, rows.labels * np.float32(0.5) + 0.25)}
    )
    with pytest.raises(
        ConfigError,
        match=r"training\.transitive reads labels of 0 and 1, but all of .* are graded, such as 0\.[27]5\.",
    ):
        run(graded, recipe, tmp_path / "graded")


def test_the_metrics_are_better_than_chance(vectors: PairDataset, tmp_path: Path) -> None:
    recipe = RECIPES["vector-contrastive"].replace(
        ["encoder.units=[32]", "training.epochs=25", "training.batch_size=16"]
    )
    result = run(vectors, recipe, tmp_path / "model")
    assert result.history[-1]["loss"] < result.history[0]["loss"]
    assert result.metrics["auc"] > 0.65
    saved = load_model(tmp_path / "model")
    assert saved.kind == "vectors" and saved.scaler is not None
    assert vectors.scaler is not None
    assert np.array_equal(saved.scaler[0], vectors.scaler[0])


def _texts_that_models_read_alike() -> tuple[Any, Any]:
    rows = [(f"花呗{n}怎么还款", f"怎样还花呗{n}" if n % 2 else f"今天{n}天气", n % 2) for n in range(20)]
    return rows, [*rows[:6], ("花呗怎么还款", "花呗怎么还款", 1), ("龘靐", "齉爩", 0), ("龘", "龘", 1)]


def _equal_vectors() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(2, 20, 3)).astype("float32")
    labels = np.arange(20) % 2
    return (left, right, labels), (left, np.concatenate([left[:4], right[4:]]), labels)


@pytest.mark.parametrize(
    ("rows", "recipe"), [(_texts_that_models_read_alike(), TEXT), (_equal_vectors(), VECTOR)]
)
def test_the_figures_are_those_of_the_saved_model(rows: Any, recipe: Recipe, tmp_path: Path) -> None:
    preprocess(rows[0], tmp_path / "data", dev=rows[1], progress=False)
    result = run(PairDataset.open(tmp_path / "data"), recipe, tmp_path / "model", "training.epochs=1")
    found = evaluate_file(tmp_path / "model", tmp_path / "data", progress=False).to_dict()
    for name in ("accuracy", "accuracy_at_threshold", "auc", "average_precision", "spearman"):
        assert result.metrics[name] == pytest.approx(found[name], abs=1e-9), name


def test_a_loss_without_weights_to_train_is_refused(pairs: PairDataset, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"'contrastive' has nothing to train: .* embedding\.trainable to true"
    ):
        run(pairs, RECIPES["word-vectors"], tmp_path / "model", "loss=contrastive")


def test_triplets(triplets: PairDataset, tmp_path: Path) -> None:
    changes = [*FAST, "encoder=word-vectors", "pooling=mean", "projection=null", "training.epochs=5"]
    result = run(triplets, RECIPES["bilstm-triplet"], tmp_path / "model", *changes)
    assert result.metrics.keys() >= {"triplets", "triplet_accuracy"}
    assert result.metrics["triplets"] == 60 and 0 <= result.metrics["triplet_accuracy"] <= 1
    assert 0 <= result.threshold <= 1 and result.history[-1]["loss"] < result.history[0]["loss"]
    assert f"triplet accuracy {result.metrics['triplet_accuracy']:.4f} of 60 triplets" in result.summary()


def test_word_vectors_train_nothing_and_choose_a_threshold(pairs: PairDataset, tmp_path: Path) -> None:
    result = run(pairs, RECIPES["word-vectors"], tmp_path / "model")
    assert result.history == []
    assert not (tmp_path / "model" / "history.csv").exists()
    assert result.metrics["accuracy_at_threshold"] >= result.metrics["majority_accuracy"]
    assert np.array_equal(load_model(tmp_path / "model").weights["embedding/table"], pairs.embedding)


def test_a_frozen_embedding_stays_as_the_dataset_has_it(pairs: PairDataset, tmp_path: Path) -> None:
    run(pairs, TEXT, tmp_path / "model", "embedding.trainable=false", "training.epochs=1")
    assert np.array_equal(load_model(tmp_path / "model").weights["embedding/table"], pairs.embedding)


def test_a_run_that_diverges(vectors: PairDataset, tmp_path: Path) -> None:
    changes = ["training.optimizer=SGD", "training.learning_rate=1e30", "training.clip_norm=null"]
    with pytest.raises(ConfigError, match="training has diverged"):
        run(vectors, VECTOR, tmp_path / "model", *changes)
    assert not (tmp_path / "model").exists()


def without_dev(dataset: PairDataset) -> PairDataset:
    return dataclasses.replace(dataset, splits={"train": dataset.splits["train"]})


def of_one_class(dataset: PairDataset) -> PairDataset:
    dev = dataset.splits["dev"]
    return dataclasses.replace(
        dataset, splits={**dataset.splits, "dev": Split(dev.sides, np.ones(60, "float32"))}
    )


@pytest.mark.parametrize(
    ("change", "changes", "message"),
    [
        (
            without_dev,
            [],
            r"数据/ has no dev split, on which .*Preprocess with dev=\.\.\., or with dev_fraction=0\.1\.",
        ),
        (lambda data: with_rows(data, dev=0), [], r"数据/ has no dev split"),
        (lambda data: with_rows(data, train=1), [], r"数据/ has 1 training rows\. Expected 2 or more\."),
        (
            lambda data: dataclasses.replace(data, embedding=None),
            ["embedding.trainable=false"],
            r"the recipe freezes the embedding, but .*数据/ has no word vectors\. Preprocess with",
        ),
        (
            of_one_class,
            ["training.monitor=auc"],
            r"training\.monitor='auc' compares pairs of different labels.*all alike",
        ),
        (of_one_class, ["training.monitor=spearman"], r"training\.monitor='spearman' compares"),
        (
            None,
            ["training.optimizer=Adamm"],
            r"unknown optimizer 'Adamm'\. Expected one of: .*Did you mean 'Adam'\?",
        ),
        (None, ["loss=contrastive"], r"head 'interaction' and loss 'contrastive' do not fit each other"),
        (None, ["loss=triplet", "head=cosine"], r"holds labelled sentence pairs, but .*takes triplets"),
    ],
)
def test_datasets_and_recipes_that_do_not_fit(
    pairs: PairDataset, tmp_path: Path, change: Any, changes: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        run(pairs if change is None else change(pairs), TEXT, tmp_path / "model", *changes)
    assert not (tmp_path / "model").exists()


def test_triplets_have_no_ranking_figures(triplets: PairDataset, tmp_path: Path) -> None:
    message = r"training\.monitor='auc' is a figure of pairs\. Expected 'loss' or 'accuracy'\."
    with pytest.raises(ConfigError, match=message):
        run(triplets, RECIPES["bilstm-triplet"], tmp_path / "model", "training.monitor=auc")


def test_misfits_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    recipe = TEXT.replace(["loss=contrastive"])
    with pytest.raises(ConfigError, match="do not fit each other"):
        train(tmp_path / "no such dataset", recipe, tmp_path / "model")
    with pytest.raises(ArtifactError, match="no such dataset"):
        train(tmp_path / "no such dataset", TEXT, tmp_path / "model")


def test_a_model_is_replaced_only_where_that_is_asked_for(vectors: PairDataset, tmp_path: Path) -> None:
    run(vectors, VECTOR, tmp_path / "model", "training.epochs=1")
    with pytest.raises(ArtifactError, match="model"):
        run(vectors, VECTOR, tmp_path / "model", "training.epochs=1")
    run(vectors, VECTOR, tmp_path / "model", "training.epochs=2", overwrite=True)
    assert load_model(tmp_path / "model").provenance["epochs"] == 2


def test_a_model_is_not_lost_to_what_came_to_stand_in_its_place(
    vectors: PairDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(*_: Any) -> list[str]:
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "notes.txt").write_text("mine")
        return []

    monkeypatch.setattr(trainer, "diagnose", meanwhile)
    with pytest.raises(ArtifactError, match=r"model/ exists.*What was made is whole and lies in "):
        run(vectors, VECTOR, tmp_path / "model", "training.epochs=1")
    (kept,) = tmp_path.glob("model.made-*")
    load_model(kept)
    assert (tmp_path / "model" / "notes.txt").exists()


def test_without_a_recipe_that_of_the_dataset_is_taken(vectors: PairDataset, tmp_path: Path) -> None:
    few = with_rows(vectors, train=64, dev=32)
    result = train(few, None, tmp_path / "model", progress=False)
    recipe = load_model(result.path).recipe
    assert recipe == RECIPES["vector-contrastive"]
    again = train(few, None, tmp_path / "again", init=result.path, progress=False)
    assert load_model(again.path).recipe == recipe.for_continuing()


def test_a_recipe_by_name_and_teachers_one_by_one(vectors: PairDataset, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="mean 'vector-l1'"):
        train(vectors, "vector-l2", tmp_path / "model")
    quick = VECTOR.replace(["training.epochs=1"])
    train(vectors, quick, tmp_path / "first", progress=False)
    train(
        vectors, quick, tmp_path / "second", teachers=(name for name in [tmp_path / "first"]), progress=False
    )
    saved = load_model(tmp_path / "second")
    assert [teacher["name"] for teacher in saved.provenance["teachers"]] == ["first"]
    assert saved.provenance["dataset_sha256"] == sha256_file(vectors.path / "manifest.json")


def test_training_continues_from_a_model(pairs: PairDataset, begun: Path, tmp_path: Path) -> None:
    start = load_model(begun)
    model = warm_start.continued(start, TEXT, pairs)
    for path, array in model.weight_arrays().items():
        assert np.array_equal(array, start.weights[path])
    # Its vectors are the model's: the dataset needs none of its own.
    bare = dataclasses.replace(pairs, embedding=None)
    changes = ["embedding.trainable=false", "training.epochs=1"]
    run(bare, TEXT, tmp_path / "model", *changes, init=begun)
    continued = load_model(tmp_path / "model")
    weights = continued.weights
    assert np.array_equal(weights["embedding/table"], start.weights["embedding/table"])
    assert not np.array_equal(weights["head/linear/kernel"], start.weights["head/linear/kernel"])
    origin = continued.provenance["continued_from"]
    assert origin["name"] == begun.name and origin["manifest_sha256"] == sha256_file(begun / "manifest.json")
    assert origin["dataset_sha256"] == start.provenance["dataset_sha256"]
    assert "continued_from" not in start.provenance


def test_tokens_that_a_model_does_not_know_get_vectors(pairs: PairDataset, begun: Path) -> None:
    assert pairs.vocabulary is not None
    vocabulary = Vocabulary([*pairs.vocabulary.tokens[2:], "[新]", "[词]"])
    start = load_model(begun)
    table = start.weights["embedding/table"]
    bare = dataclasses.replace(pairs, vocabulary=vocabulary, embedding=None)
    models = [warm_start.continued(start, TEXT, bare) for _ in range(2)]
    extended = models[0].weight_arrays()["embedding/table"]
    assert np.array_equal(extended[: len(table)], table) and len(extended) == len(table) + 2
    assert extended[-2:].all()
    assert np.array_equal(models[1].weight_arrays()["embedding/table"], extended)
    given = np.random.default_rng(0).normal(size=extended.shape).astype("float32")
    model = warm_start.continued(start, TEXT, dataclasses.replace(bare, embedding=given))
    extended = model.weight_arrays()["embedding/table"]
    assert np.array_equal(extended[:-2], table) and np.array_equal(extended[-2:], given[-2:])
    with pytest.raises(
        ConfigError, match=rf"has word vectors of 3 numbers, .* of {table.shape[1]}\. Preprocess"
    ):
        warm_start.continued(start, TEXT, dataclasses.replace(bare, embedding=given[:, :3]))


def test_a_model_continues_with_simplified_texts(pairs: PairDataset, begun: Path, tmp_path: Path) -> None:
    pytest.importorskip("opencc")
    assert pairs.tokenizer is not None
    simplified = dataclasses.replace(pairs, tokenizer=pairs.tokenizer.simplifying())
    run(simplified, TEXT, tmp_path / "model", "training.epochs=1", init=begun, teachers=[begun])
    continued = load_model(tmp_path / "model")
    assert continued.tokenizer is not None and continued.tokenizer.normalizer.simplify
    with pytest.raises(ConfigError, match="was not made for the model to continue from"):
        warm_start.continued(continued, TEXT, pairs)


@pytest.mark.parametrize("start_standardized", [True, False])
@pytest.mark.parametrize("standardized", [True, False])
def test_a_model_continues_with_vectors_as_it_reads_them(
    vectors: PairDataset, tmp_path: Path, start_standardized: bool, standardized: bool
) -> None:
    def rows(dataset: PairDataset, rows: slice, shift: float, scaled: bool) -> PairDataset:
        """Some of the vectors, moved so that another mean and spread would be fitted, or none is."""
        assert dataset.scaler is not None
        mean, scale = dataset.scaler
        other = (mean + np.float32(shift), scale * np.float32(2))
        given = {
            name: Split(tuple(side[rows] * scale + mean for side in split.sides), split.labels[rows])
            for name, split in dataset.splits.items()
        }
        if not scaled:
            return dataclasses.replace(dataset, splits=given, scaler=None)
        splits = {
            name: Split(tuple((side - other[0]) / other[1] for side in split.sides), split.labels)
            for name, split in given.items()
        }
        return dataclasses.replace(dataset, splits=splits, scaler=other)

    first = rows(vectors, slice(80), 0.5, start_standardized)
    run(first, VECTOR, tmp_path / "start", "training.epochs=1")
    start = load_model(tmp_path / "start")
    second = rows(vectors, slice(40, 120), -1.5, standardized)
    read = warm_start.as_read_by(start, second)
    expected = rows(vectors, slice(40, 120), 0.5, start_standardized)
    for name, split in expected.splits.items():
        for side, other in zip(read.splits[name].sides, split.sides, strict=True):
            np.testing.assert_allclose(side, other, atol=1e-4)
    assert warm_start.as_read_by(start, first) is first
    # With steps too small to move a weight, it scores as before.
    run(second, VECTOR, tmp_path / "model", "training.learning_rate=1e-30", init=tmp_path / "start")
    matchers = [VectorMatcher.load(tmp_path / name) for name in ("start", "model")]
    given = rows(vectors, slice(40), 0, False).splits["dev"].sides
    scores = [matcher.score_pairs(*given) for matcher in matchers]
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-6)


def test_what_weights_do_not_tell_of_a_part_may_not_change_either(
    vectors: PairDataset, tmp_path: Path
) -> None:
    run(vectors, VECTOR, tmp_path / "start", "training.epochs=1")
    start = load_model(tmp_path / "start")
    for change in ("encoder.activation=tanh", "encoder.final_activation=tanh"):
        with pytest.raises(ConfigError, match="the recipe's parts are not those"):
            warm_start.continued(start, VECTOR.replace([change]), vectors)
    for change in ("encoder.dropout=0.3", "encoder.final_activation=null", "loss.label_smoothing=0.1"):
        warm_start.continued(start, VECTOR.replace([change]), vectors)


def test_datasets_and_recipes_that_a_model_can_not_continue_with(
    pairs: PairDataset, vectors: PairDataset, begun: Path, tmp_path: Path
) -> None:
    assert pairs.vocabulary is not None
    other = dataclasses.replace(pairs, vocabulary=Vocabulary(pairs.vocabulary.tokens[3:]))
    with pytest.raises(ConfigError, match=r"was not made for the model to continue from.*vocabulary=\.\.\."):
        run(other, TEXT, tmp_path / "model", init=begun)
    for change, message in (
        ("head=l1", "head: expected 'interaction'. Received 'l1'."),
        ("pooling=max", "pooling: expected 'mean-max'. Received 'max'."),
        (
            "encoder=bilstm",
            "encoder: expected 'word-vectors'. Received 'bilstm' with units=128, residual=False.",
        ),
        ("projection=dense", "projection: expected none. Received 'dense' with units=[128, 128, 128],"),
        ("head.units=[9]", "weight 'head/hidden_0/kernel': expected shape"),
    ):
        with pytest.raises(ConfigError, match="the recipe's parts are not those .*" + re.escape(message)):
            run(pairs, TEXT, tmp_path / "model", change, init=begun)
    with pytest.raises(
        ConfigError, match=r"holds vectors, which a model of kind 'text' cannot continue with"
    ):
        run(vectors, VECTOR, tmp_path / "model", init=begun)
    run(vectors, VECTOR, tmp_path / "vectors", "training.epochs=1")
    with pytest.raises(
        ConfigError, match="holds pairs, which a model of kind 'vectors' cannot continue with"
    ):
        run(pairs, TEXT, tmp_path / "model", init=tmp_path / "vectors")
    narrow = {
        name: Split(tuple(side[:, :3] for side in split.sides), split.labels)
        for name, split in vectors.splits.items()
    }
    with pytest.raises(ConfigError, match=r"reads vectors of 64 values\. Those of .* have 3\."):
        run(
            dataclasses.replace(vectors, splits=narrow), VECTOR, tmp_path / "model", init=tmp_path / "vectors"
        )
