from __future__ import annotations

import dataclasses
import errno
import glob
import io
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import textsim.training.checkpoint as checkpoint
import textsim.training.trainer as trainer
from tests.tiny_models import untrained
from textsim.artifacts.saved_model import load_model, save_model
from textsim.config.recipes import RECIPES
from textsim.config.settings import Recipe
from textsim.data.dataset import PairDataset
from textsim.data.layout import Split
from textsim.errors import ArtifactError
from textsim.training.callbacks import Validator
from textsim.training.checkpoint import Checkpoint, checkpoint_path
from textsim.training.trainer import TrainingResult, train

EPOCHS = 4
FAST = [f"training.epochs={EPOCHS}", "training.batch_size=32", "training.patience=null"]
VECTOR = RECIPES["vector-l1"].replace([*FAST, "encoder.units=[8, 4]"])
ADVERSARIAL = RECIPES["bilstm-attention"].replace(
    [
        *FAST,
        "encoder=word-vectors",
        "pooling=mean-max",
        "head.units=[8]",
        "embedding.dropout=0.2",
        "embedding.token_dropout=0.1",
    ]
)
# One reading of a batch: the step is compiled in half the time.
TEXT = ADVERSARIAL.replace(["training.adversarial=0", "loss.negatives=0"])


@pytest.fixture(autouse=True)
def each_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    # Plots take longer than these trainings.
    monkeypatch.setattr(trainer, "write_reports", lambda *arguments: None)


@pytest.fixture(scope="module")
def whole(vectors: PairDataset, tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    """A run of `VECTOR` that was not interrupted."""
    return train(vectors, VECTOR, tmp_path_factory.mktemp("whole") / "model", progress=False)


@pytest.fixture(scope="module")
def stopped(vectors: PairDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state of a run of `VECTOR` that is to write `model` and was stopped after two epochs."""
    out = tmp_path_factory.mktemp("stopped") / "model"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "write_reports", lambda *arguments: None)
        interrupted(vectors, VECTOR, out, 2, patch)
    return state_of(out)


def states(out: Path) -> list[Path]:
    """The files that hold states of runs which are to write `out`."""
    return list(out.parent.glob(f"{glob.escape(out.name)}.checkpoint-*.npz"))


def state_of(out: Path) -> Path:
    (path,) = states(out)
    return path


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
    assert states(out) and not out.exists()


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
    assert not states(tmp_path / "model")


@pytest.mark.parametrize(
    ("data", "recipe"),
    [
        ("pairs", ADVERSARIAL),
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
    if dataset.embedding is not None:
        assert recipe.embedding is not None
        # A frozen embedding is not written.
        with np.load(state_of(tmp_path / "model")) as file:
            shapes = [file[name].shape for name in file.files]
        assert (dataset.embedding.shape in shapes) == recipe.embedding.trainable
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


def test_it_says_where_it_goes_on(
    vectors: PairDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "textsim")
    out = tmp_path / "模型"
    interrupted(vectors, VECTOR, out, 3, monkeypatch)
    path = state_of(out)
    assert f"{path} holds 3 of 4 epochs" in caplog.text
    caplog.clear()
    resumed = train(vectors, VECTOR, out)
    # The history was taken up with the seconds that its epochs took.
    assert resumed.seconds > sum(row["seconds"] for row in resumed.history)
    printed = caplog.text
    assert f"{path}: 3 of 4 epochs are done" in printed
    assert "epoch 4/4  loss " in printed and "epoch 3/4" not in printed


def test_runs_do_not_share_a_state(
    vectors: PairDataset,
    whole: TrainingResult,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def interrupt(self: Checkpoint, logs: dict[str, Any] | None = None) -> None:
        raise KeyboardInterrupt

    caplog.set_level("INFO", "textsim")
    out = tmp_path / "[模]*"
    interrupted(vectors, VECTOR, out, 2, monkeypatch)
    state = next(tmp_path.glob("*.npz"))
    content = state.read_bytes()
    # Tries in between, of which one is interrupted too.
    for seed in (5, 6):
        caplog.clear()
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Checkpoint, "on_train_end", interrupt)
            train(vectors, VECTOR.replace([f"training.seed={seed}"]), out)
        said = f"{state} is of a run with other data, settings or versions, and is left as it is"
        assert said in caplog.text
    train(vectors, VECTOR.replace(["training.seed=6"]), out, progress=False)
    assert len(list(tmp_path.glob("*.npz"))) == 2 and state.read_bytes() == content
    # A file of that name of another model's.
    (tmp_path / "模*.checkpoint-01234567.npz").touch()
    caplog.clear()
    assert_same(train(vectors, VECTOR, out, overwrite=True), whole)
    printed = caplog.text
    assert f"{state}: 2 of 4 epochs are done" in printed and "01234567" not in printed
    assert not state.exists()


def test_a_state_that_was_renamed_is_not_taken_for_another(
    vectors: PairDataset, stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "model"
    interrupted(vectors, VECTOR.replace(["training.seed=5"]), out, 2, monkeypatch)
    shutil.copy(stopped, state_of(out))
    with pytest.raises(ArtifactError, match=r"it was renamed, and is of another run\. Delete it"):
        train(vectors, VECTOR.replace(["training.seed=5"]), out, progress=False)


@pytest.mark.parametrize("end", [KeyboardInterrupt(), SystemExit(143)])
def test_an_interruption_loses_no_epoch_however_short(
    vectors: PairDataset,
    whole: TrainingResult,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    end: BaseException,
) -> None:
    caplog.set_level("INFO", "textsim")
    out = tmp_path / "model"

    def stop(self: Checkpoint, batch: int, logs: dict[str, Any] | None = None) -> None:
        if len(self.validate.history) == epochs and batch >= 1:
            raise end

    # Nothing is written by the clock.
    monkeypatch.setattr(checkpoint, "SECONDS", 600.0)
    for epochs in (0, 2):
        caplog.clear()
        with monkeypatch.context() as patch, pytest.raises(type(end)):
            patch.setattr(Checkpoint, "on_train_batch_end", stop)
            train(vectors, VECTOR, out)
        promised = "the same call goes on" in caplog.text
        assert promised == (epochs == 2 and isinstance(end, KeyboardInterrupt))
        assert len(states(out)) == (epochs > 0)
    assert_same(train(vectors, VECTOR, out), whole)
    assert "2 of 4 epochs are done" in caplog.text


def other_rows(dataset: PairDataset) -> PairDataset:
    """The dataset with its first two training rows in each other's place; its folder is the same."""
    split = dataset.splits["train"]
    order = np.arange(len(split))
    order[:2] = 1, 0
    assert split.labels is not None
    swapped = Split(tuple(side[order] for side in split.sides), split.labels[order])
    return dataclasses.replace(dataset, splits={**dataset.splits, "train": swapped})


def other_dev_labels(dataset: PairDataset) -> PairDataset:
    split = dataset.splits["dev"]
    assert split.labels is not None
    turned = Split(split.sides, 1 - np.asarray(split.labels))
    return dataclasses.replace(dataset, splits={**dataset.splits, "dev": turned})


@pytest.mark.parametrize("change", [other_rows, other_dev_labels])
def test_a_run_on_other_data_is_another(
    vectors: PairDataset,
    stopped: Path,
    tmp_path: Path,
    change: Callable[[PairDataset], PairDataset],
) -> None:
    other = change(vectors)
    fresh = train(other, VECTOR, tmp_path / "fresh", progress=False)
    shutil.copy(stopped, tmp_path)
    assert_same(train(other, VECTOR, tmp_path / "model", progress=False), fresh)


def test_a_run_of_another_version_or_device_is_another(
    vectors: PairDataset, whole: TrainingResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("_versions", lambda: {"keras": "0"}), ("has_gpu", lambda: True)):
        out = tmp_path / name
        with monkeypatch.context() as patch:
            patch.setattr(trainer, name, value)
            interrupted(vectors, VECTOR, out, 2, monkeypatch)
        assert_same(train(vectors, VECTOR, out, progress=False), whole)
        assert state_of(out).exists()


def test_a_run_that_others_teach_goes_on(
    vectors: PairDataset, whole: TrainingResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    save_model(untrained(vectors, VECTOR, seed=3), other)
    taught = {name: [name] for name in (whole.path, other)}
    expected = train(vectors, VECTOR, tmp_path / "taught", progress=False, teachers=taught[other])
    for name, teachers in taught.items():
        out = tmp_path / f"by-{name.name}"
        interrupted(vectors, VECTOR, out, 2, monkeypatch, teachers=teachers)
        assert_same(train(vectors, VECTOR, out, progress=False, teachers=taught[other]), expected)


def test_epochs_without_a_figure_to_compare_are_kept_too(
    vectors: PairDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Dev scores that are all alike have no rank correlation.
    monkeypatch.setattr(Validator, "figures", lambda self: {"loss": 1.0, "accuracy": 0.5})
    recipe = VECTOR.replace(["training.monitor=spearman"])
    whole = train(vectors, recipe, tmp_path / "whole", progress=False)
    interrupted(vectors, recipe, tmp_path / "model", 2, monkeypatch)
    assert_same(train(vectors, recipe, tmp_path / "model", progress=False), whole)


def test_the_folder_in_hand_may_be_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path / "model")
    path = checkpoint_path(Path(), {"recipe": 1})
    assert path.parent == tmp_path and path.name.startswith("model.checkpoint-")


def test_a_continued_run_goes_on_only_from_the_same_start(
    vectors: PairDataset, whole: TrainingResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    save_model(untrained(vectors, VECTOR, seed=3), other)
    from_other = train(vectors, VECTOR, tmp_path / "from-other", init=other, progress=False)
    for start in (other, whole.path):
        out = tmp_path / f"of-{start.name}"
        interrupted(vectors, VECTOR, out, 2, monkeypatch, init=start)
        assert_same(train(vectors, VECTOR, out, init=other, progress=False), from_other)


def npy(value: float) -> bytes:
    """A file that holds one array and no name."""
    file = io.BytesIO()
    np.save(file, value)
    return file.getvalue()


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut", npy(0)])
def test_an_altered_state_is_an_error(
    vectors: PairDataset, stopped: Path, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / stopped.name).write_bytes(content)
    with pytest.raises(
        ArtifactError, match=r"model\.checkpoint-[0-9a-f]{8}\.npz is not the state .* Delete it"
    ):
        train(vectors, VECTOR, tmp_path / "model", progress=False)


def test_a_short_run_writes_its_first_epoch_alone(
    vectors: PairDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "SECONDS", 600.0)
    written = []
    real = checkpoint.atomic_file

    def seen(path: Path, mode: str) -> AbstractContextManager[Any]:
        written.append(path)
        return real(path, mode)

    monkeypatch.setattr(checkpoint, "atomic_file", seen)
    train(vectors, VECTOR, tmp_path / "model", progress=False)
    assert len(written) == 1 and not written[0].exists()


def test_a_full_disk_does_not_end_the_training(
    vectors: PairDataset, whole: TrainingResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "atomic_file", full)
    with pytest.warns(RuntimeWarning, match="cannot be kept, and training goes on without: .*No space left"):
        assert_same(train(vectors, VECTOR, tmp_path / "model", progress=False), whole)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
