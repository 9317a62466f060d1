from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import textsim.training.checkpoint as checkpoint
import textsim.training.trainer as trainer
from textsim.artifacts import load_model
from textsim.config import RECIPES, Recipe
from textsim.errors import ArtifactError
from textsim.text.dataset import PairDataset
from textsim.training.checkpoint import Checkpoint, checkpoint_path
from textsim.training.trainer import TrainingResult, train

EPOCHS = 4
FAST = [f"training.epochs={EPOCHS}", "training.batch_size=32", "training.patience=null"]
VECTOR = RECIPES["vector-l1"].replace([*FAST, "encoder.units=[8, 4]"])
TEXT = RECIPES["bilstm-attention"].replace(
    [
        *FAST,
        "encoder=word-vectors",
        "pooling=mean-max",
        "head.units=[8]",
        "embedding.dropout=0.2",
        "embedding.token_dropout=0.1",
    ]
)


@pytest.fixture(autouse=True)
def each_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    # Plots take longer than these trainings.
    monkeypatch.setattr(trainer, "write_reports", lambda *arguments: None)


@pytest.fixture(scope="module")
def whole(vectors: PairDataset, tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    """A run of `VECTOR` that was not interrupted."""
    return train(vectors, VECTOR, tmp_path_factory.mktemp("whole") / "model", progress=False)


def interrupted(
    dataset: PairDataset,
    recipe: Recipe,
    out: Path,
    after: int,
    monkeypatch: pytest.MonkeyPatch,
    **options: Any,
) -> None:
    """Trains until an epoch is kept, where the user stops it."""
    keep = Checkpoint.on_epoch_end

    def stop(self: Checkpoint, epoch: int, logs: dict[str, Any] | None = None) -> None:
        keep(self, epoch, logs)
        if epoch + 1 == after:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "on_epoch_end", stop)
        with pytest.raises(KeyboardInterrupt):
            train(dataset, recipe, out, **{"progress": False, **options})
    assert checkpoint_path(out).exists() and not out.exists()


def assert_same(one: TrainingResult, other: TrainingResult) -> None:
    """Two runs gave the same bits."""

    def figures(result: TrainingResult) -> list[dict[str, Any]]:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in result.history]

    assert figures(one) == figures(other)
    assert one.threshold == other.threshold
    weights, others = (load_model(result.path).weights for result in (one, other))
    assert weights.keys() == others.keys()
    for name, array in weights.items():
        np.testing.assert_array_equal(array, others[name], err_msg=name)


@pytest.mark.parametrize("after", [1, EPOCHS])
def test_an_interrupted_run_ends_with_the_bits_of_one_that_never_stopped(
    vectors: PairDataset, whole: TrainingResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    interrupted(vectors, VECTOR, tmp_path / "model", after, monkeypatch)
    assert_same(train(vectors, VECTOR, tmp_path / "model", progress=False), whole)
    assert not checkpoint_path(tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("data", "recipe"),
    [
        ("pairs", TEXT),
        ("triplets", TEXT.replace(["loss=triplet", "head=cosine", "training.monitor=loss"])),
        # Averaged weights, and a table that stays as the dataset has it.
        ("pairs", TEXT.replace(["training.average=0.9", "embedding.trainable=false"])),
        # An early epoch is the best: what is kept is not the last one's.
        (
            "vectors",
            VECTOR.replace(
                ["training.optimizer=RMSprop", "training.monitor=accuracy", "training.learning_rate=0.5"]
            ),
        ),
    ],
)
def test_whatever_the_data_and_the_settings(
    data: str, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    dataset = request.getfixturevalue(data)
    whole = train(dataset, recipe, tmp_path / "whole", progress=False)
    interrupted(dataset, recipe, tmp_path / "model", 2, monkeypatch)
    assert_same(train(dataset, recipe, tmp_path / "model", progress=False), whole)


def test_a_run_that_had_stopped_early_trains_no_more(
    vectors: PairDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = VECTOR.replace(
        [
            "training.epochs=30",
            "training.patience=1",
            "training.learning_rate=2.0",
            "training.monitor=accuracy",
        ]
    )
    whole = train(vectors, recipe, tmp_path / "whole", progress=False)
    epochs = len(whole.history)
    assert 1 < epochs < 30
    interrupted(vectors, recipe, tmp_path / "model", epochs, monkeypatch)
    assert_same(train(vectors, recipe, tmp_path / "model", progress=False), whole)


@pytest.mark.parametrize("trainable", [True, False])
def test_a_frozen_embedding_is_not_written(
    pairs: PairDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trainable: bool
) -> None:
    out = tmp_path / "model"
    interrupted(pairs, TEXT.replace([f"embedding.trainable={trainable}"]), out, 1, monkeypatch)
    assert pairs.embedding is not None
    with np.load(checkpoint_path(out)) as file:
        assert (pairs.embedding.shape in [file[name].shape for name in file.files]) == trainable


def test_it_says_where_it_goes_on(
    vectors: PairDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "模型"
    interrupted(vectors, VECTOR, out, 3, monkeypatch, progress=True)
    assert f"{checkpoint_path(out)} holds the finished epochs" in capfd.readouterr().out
    train(vectors, VECTOR, out)
    printed = capfd.readouterr().out
    assert f"{checkpoint_path(out)}: 3 of 4 epochs are done" in printed
    assert "Epoch 4/4" in printed and "Epoch 3/4" not in printed


def test_the_state_of_another_run_is_not_taken_up(
    vectors: PairDataset,
    whole: TrainingResult,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    interrupted(vectors, VECTOR.replace(["training.seed=5"]), tmp_path / "model", 2, monkeypatch)
    assert_same(train(vectors, VECTOR, tmp_path / "model"), whole)
    assert f"{checkpoint_path(tmp_path / 'model')} is of another run" in capfd.readouterr().out


def test_a_continued_run_goes_on_only_from_the_same_start(
    vectors: PairDataset, whole: TrainingResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = train(vectors, VECTOR.replace(["training.epochs=1"]), tmp_path / "other", progress=False).path
    from_other = train(vectors, VECTOR, tmp_path / "from-other", init=other, progress=False)
    for start in (other, whole.path):
        out = tmp_path / f"of-{start.name}"
        interrupted(vectors, VECTOR, out, 2, monkeypatch, init=start)
        assert_same(train(vectors, VECTOR, out, init=other, progress=False), from_other)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut"])
def test_an_altered_state_is_an_error(vectors: PairDataset, tmp_path: Path, content: bytes) -> None:
    checkpoint_path(tmp_path / "model").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"model\.checkpoint\.npz is not the state .* Delete it"):
        train(vectors, VECTOR, tmp_path / "model", progress=False)


def test_a_short_run_writes_none(
    vectors: PairDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "SECONDS", 600.0)
    written = []
    monkeypatch.setattr(checkpoint, "atomic_file", lambda *arguments: written.append(arguments))
    train(vectors, VECTOR, tmp_path / "model", progress=False)
    assert written == []


def test_a_full_disk_does_not_end_the_training(
    vectors: PairDataset, whole: TrainingResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "atomic_file", full)
    with pytest.warns(RuntimeWarning, match="cannot be kept, and training goes on without: .*No space left"):
        assert_same(train(vectors, VECTOR, tmp_path / "model", progress=False), whole)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
