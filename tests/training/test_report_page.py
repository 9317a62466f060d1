"""The page beside a trained model, of each kind of data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from textsim.artifacts.saved_model import load_model
from textsim.config.recipes import RECIPES
from textsim.data.dataset import PairDataset
from textsim.evaluation.calibration import calibration_metrics, cross_fit
from textsim.evaluation.evaluate import labelled_scores
from textsim.matching.load import load_matcher
from textsim.training.trainer import train

SMALL = {
    "pairs": RECIPES["word-vectors"].replace(["training.epochs=2"]),
    "triplets": RECIPES["bilstm-triplet"].replace(
        ["encoder=word-vectors", "pooling=mean", "projection=null", "training.epochs=1"]
    ),
    "vectors": RECIPES["vector-l1"].replace(["encoder.units=[8]", "training.epochs=1"]),
}


def content(page: Path) -> dict[str, Any]:
    text = page.read_text(encoding="utf-8").split('id="data">')[1].split("</script>")[0]
    found: dict[str, Any] = json.loads(text)
    return found


def validation(model: Path, dataset: PairDataset) -> tuple[np.ndarray, np.ndarray]:
    pairs = labelled_scores(load_matcher(model), dataset.path).as_pairs()
    return pairs.labels, pairs.scores


@pytest.mark.parametrize("kind", ["pairs", "triplets", "vectors"])
def test_the_page_shows_the_validation_split(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    dataset: PairDataset = request.getfixturevalue(kind)
    result = train(dataset, SMALL[kind], tmp_path / "型", progress=False)
    found = content(tmp_path / "型" / "report.html")
    saved = load_model(tmp_path / "型")
    assert found["model"] == "型" and found["threshold"] == saved.threshold
    shown = sum(found["positive"]) + sum(found["negative"])
    assert shown == len(dataset.splits["dev"]) * (2 if kind == "triplets" else 1)
    assert [row["val_loss"] for row in found["history"]] == [row["val_loss"] for row in result.history]
    labels, scores = validation(result.path, dataset)
    # The curve was fitted on these very pairs.
    fitted = cross_fit(labels, scores)
    assert found["brier"] == pytest.approx(calibration_metrics(labels, fitted.probabilities).brier, abs=1e-3)
    assert sum(pairs for _, pairs, _ in found["decisions"]) == shown
    assert ("faults" in found) == (kind == "pairs") and (saved.profile is None) == (kind == "vectors")
    if kind == "pairs":
        assert found["auc"] == pytest.approx(result.metrics["auc"])
        assert found["faults"]["leaked"] == dataset.report["shared"]["dev_rows"]
        assert sum(part["pairs"] for part in found["slices"] if part["by"] == "length") == 60


def test_it_can_be_left_out_and_costs_no_model(
    vectors: PairDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(vectors, SMALL["vectors"], tmp_path / "without", progress=False, report=False)
    assert not (tmp_path / "without" / "report.html").exists()

    def fail(*_: Any) -> str:
        raise OSError("no page today")

    monkeypatch.setattr("textsim.training.trainer.training_report", fail)
    with pytest.warns(RuntimeWarning, match=r"report\.html was not drawn: no page today"):
        train(vectors, SMALL["vectors"], tmp_path / "model", progress=False)
    assert load_model(tmp_path / "model").threshold >= 0
