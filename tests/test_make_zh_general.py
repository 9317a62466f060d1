"""The bundled model's script, on a few rows: what it makes again, and what it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import textsim
from textsim.artifacts import load_model
from textsim.text.word_vectors import save_word_vectors

SCRIPTS = Path(__file__).parents[1] / "scripts"
# Seconds without loops over steps.
QUICK = ["encoder=word-vectors", "pooling=mean-max", "head.units=[8]", "training.epochs=1"]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import make_zh_general

    monkeypatch.setattr(make_zh_general, "ROUNDS", ((), ("training.learning_rate=0.0005",)))
    return make_zh_general


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in ("lcqmc", "bq"):
        for split, rows in (("train", 120), ("dev", 40)):
            path = tmp_path / "data" / "pairs" / name / f"{split}.tsv"
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = ["text_a\ttext_b\tlabel"]
            for row in range(rows):
                a, b = ("".join(map(chr, rng.integers(0x4E00, 0x4E40, 6))) for _ in range(2))
                lines.append(f"{a}\t{b}\t{row % 2}")
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path / "data"


def test_rounds_are_made_once(
    script: Any, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, folder, work = tmp_path / "characters.vec", tmp_path / "dataset", tmp_path / "work"
    words = [chr(k) for k in range(0x4E00, 0x4E40)]
    save_word_vectors(vectors, words, np.random.default_rng(0).normal(size=(len(words), 8)).astype("float32"))
    script.dataset(data, ["lcqmc", "bq"], vectors, folder)
    assert script.sets_of(folder) == {"lcqmc", "bq"}

    made: list[Path] = []
    train = textsim.train

    def counted(*arguments: Any, **options: Any) -> Any:
        made.append(arguments[2])
        return train(*arguments, **options, progress=False)

    monkeypatch.setattr(textsim, "train", counted)
    # Plots take longer than these trainings.
    monkeypatch.setattr("textsim.training.trainer.write_reports", lambda *arguments: None)
    last = script.train(folder, work, QUICK)
    assert made == [work / "round-1", work / "round-2"] and last == work / "round-2"
    assert load_model(last).provenance["continued_from"]["name"] == "round-1"
    script.train(folder, work, QUICK)
    assert len(made) == 2

    script.dataset(data, ["lcqmc"], vectors, tmp_path / "other")
    assert script.sets_of(tmp_path / "other") == {"lcqmc"}
    first, recipe = work / "round-1", load_model(last).recipe
    assert script.made_by(recipe, folder, first, last)
    assert not script.made_by(recipe, tmp_path / "other", first, last)
    assert not script.made_by(recipe, folder, None, last)
    assert not script.made_by(recipe.replace(["training.seed=1"]), folder, first, last)
