from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from textsim.config.recipes import RECIPES
from textsim.config.settings import Recipe
from textsim.modeling.siamese import SiameseModel
from textsim.training import diagnostics as report
from textsim.training.diagnostics import diagnose, structure_graph, structure_text, write_reports

pytestmark = pytest.mark.usefixtures("drawn")

LABELS = np.array([0.0, 1, 0, 1])
SCORES = np.array([0.1, 0.9, 0.3, 0.7])


def epoch(
    number: int, loss: float, val_loss: float, accuracy: float = 0.8, val_accuracy: float = 0.8
) -> dict:
    return {
        "epoch": number,
        "seconds": 1.5,
        "learning_rate": 0.001,
        "loss": loss,
        "accuracy": accuracy,
        "val_loss": val_loss,
        "val_accuracy": val_accuracy,
    }


GOOD = [epoch(1, 0.6, 0.6), epoch(2, 0.5, 0.5), epoch(3, 0.4, 0.45)]


def model_of(recipe: Recipe) -> SiameseModel:
    keras.utils.set_random_seed(0)
    return SiameseModel(recipe, None if recipe.embedding is None else 7, 4, name="siamese")


@pytest.fixture(scope="module")
def model() -> SiameseModel:
    return model_of(RECIPES["bilstm-manhattan"].replace(["encoder.units=[3, 2]", "projection=dense"]))


def test_a_good_run_has_no_warnings() -> None:
    assert diagnose(GOOD, LABELS, SCORES, 0.5) == []
    assert diagnose([], LABELS, SCORES, 0.5) == []


def test_a_flat_validation_loss() -> None:
    history = [epoch(1, 0.7, 0.6931), epoch(2, 0.69, 0.6935), epoch(3, 0.69, 0.6929)]
    (warning,) = diagnose(history, LABELS, SCORES, 0.5)
    assert warning.startswith(
        "the validation loss is flat: it went from 0.6931 to at best 0.6929 in 3 epochs."
    )
    assert diagnose(history[:2], LABELS, SCORES, 0.5) == []


def test_a_validation_loss_that_only_rises_is_not_flat() -> None:
    history = [epoch(1, 0.5, 0.5), epoch(2, 0.4, 0.6, 0.9, 0.8), epoch(3, 0.3, 0.7, 0.95, 0.8)]
    for row in history:
        row["loss"] += 1  # what is added in training alone must not hide it
    (warning,) = diagnose(history, LABELS, SCORES, 0.5)
    assert warning.startswith(
        "training has left validation behind: since epoch 1 the validation loss rose from 0.5000 to 0.7000; "
        "training accuracy is 0.9500, validation's 0.8000."
    )


@pytest.mark.parametrize(("label", "word"), [(1.0, "match"), (0.0, "do not match")])
def test_training_rows_of_one_class_want_no_more_dropout(label: float, word: str) -> None:
    history = [epoch(1, 0.5, 0.5), epoch(2, 0.1, 0.9, 1.0, 0.5)]
    (warning,) = diagnose(history, LABELS, SCORES, 0.5, np.full(1500, label))
    assert warning.startswith(f"all 1,500 training rows {word}. From one class nothing is learned but")
    (warning,) = diagnose(history, LABELS, SCORES, 0.5, LABELS)
    assert warning.startswith("training has left validation behind")
    assert diagnose([], LABELS, SCORES, 0.5, np.full(1500, label)) == []


@pytest.mark.parametrize(
    ("scores", "threshold", "expected"),
    [
        (
            SCORES / 10,
            0.05,
            [
                "at 0.5, every validation pair is judged different. Decide by the model's threshold, not at 0.5."
            ],
        ),
        (
            SCORES / 10 + 0.6,
            0.65,
            [
                "at 0.5, every validation pair is judged the same. Decide by the model's threshold, not at 0.5."
            ],
        ),
        (
            SCORES,
            0.95,
            [
                "at the threshold 0.950, every validation pair is judged different. "
                "No threshold does better than this one answer for all."
            ],
        ),
        (
            SCORES / 10,
            0.5,
            [
                "at the threshold 0.500, every validation pair is judged different. "
                "No threshold does better than this one answer for all."
            ],
        ),
    ],
)
def test_one_class_is_always_predicted(scores: np.ndarray, threshold: float, expected: list[str]) -> None:
    assert diagnose(GOOD, LABELS, scores, threshold) == expected


def test_structure_as_text(model: SiameseModel) -> None:
    text = structure_text(model)
    assert "bilstm(units=[3, 2], dropout=0.5)" in text
    assert "Every side passes through the same weights. A sentence vector has 128 values." in text
    lines = {line.split()[0]: line for line in text.splitlines() if line.split()}
    assert lines["embedding"].split()[-2:] == ["0", "28"]
    trained = sum(array.size for path, array in model.weight_arrays().items() if path != "embedding/table")
    assert lines["total"].split() == ["total", f"{trained:,}", "28"]
    assert lines["encoder/forward_0/kernel"].split()[1:] == ["4", "x", "12"]


@pytest.mark.parametrize("name", RECIPES)
def test_structure_as_a_graph(name: str) -> None:
    recipe = RECIPES[name]
    graph = structure_graph(model_of(recipe))
    sides = ["anchor", "positive", "negative"] if name == "bilstm-triplet" else ["left", "right"]
    first = "encoder" if recipe.embedding is None else "embedding"
    for side in sides:
        assert f"  {side} -> {first};" in graph
    assert graph.count("{") == graph.count("}") and graph.count('"') % 2 == 0
    assert "head -> score;" in graph


def test_reports_are_written(tmp_path: Path, model: SiameseModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report.shutil, "which", lambda _: None)
    write_reports(tmp_path, "标题", model, GOOD, LABELS, SCORES, 0.5)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "curves.png",
        "history.csv",
        "scores.png",
        "structure.txt",
    ]
    rows = list(csv.DictReader((tmp_path / "history.csv").open(encoding="utf-8")))
    assert [float(row["val_loss"]) for row in rows] == [0.6, 0.5, 0.45]
    for name in ("curves.png", "scores.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_titles_are_no_formulas_and_pictures_that_fail_cost_nothing(
    tmp_path: Path, model: SiameseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_reports(tmp_path, "a$_$b on 3$", model, GOOD, LABELS, SCORES, 0.5)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")

    def fails(*_: object) -> None:
        raise RuntimeError("no fonts")

    monkeypatch.setattr(report.plots, "plot_scores", fails)
    (tmp_path / "again").mkdir()
    with pytest.warns(RuntimeWarning, match=r"scores\.png was not drawn: no fonts"):
        write_reports(tmp_path / "again", "run", model, GOOD, LABELS, SCORES, 0.5)
    assert (tmp_path / "again" / "structure.txt").exists()


def test_an_epoch_without_a_figure_leaves_its_cell_empty(tmp_path: Path, model: SiameseModel) -> None:
    history: list[dict[str, Any]] = [dict(row) for row in GOOD]
    history[1] |= {"val_auc": 0.75, "val_spearman": 0.5}
    write_reports(tmp_path, "run", model, history, LABELS, SCORES, 0.5)
    rows = list(csv.DictReader((tmp_path / "history.csv").open(encoding="utf-8")))
    assert [row["val_spearman"] for row in rows] == ["", "0.5", ""]


def test_a_model_that_was_not_trained_has_no_history(tmp_path: Path, model: SiameseModel) -> None:
    write_reports(tmp_path, "run", model, [], LABELS, SCORES, 0.5)
    assert not (tmp_path / "history.csv").exists() and not (tmp_path / "curves.png").exists()
    assert (tmp_path / "scores.png").exists()


def test_a_dot_that_fails_does_not_cost_the_model(
    tmp_path: Path, model: SiameseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report.shutil, "which", lambda _: "/bin/false")
    write_reports(tmp_path, "run", model, GOOD, LABELS, SCORES, 0.5)
    assert (tmp_path / "structure.txt").exists() and not (tmp_path / "structure.png").exists()
