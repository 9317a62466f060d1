"""The bundled model's script, on a few rows: what it makes again, and what it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import textsim
from textsim.config.recipes import build_recipe
from textsim.text.word_vectors import save_word_vectors

SCRIPTS = Path(__file__).parents[1] / "scripts"
# Seconds without loops over steps and second readings.
QUICK = [
    "encoder=word-vectors",
    "pooling=mean-max",
    "head.units=[8]",
    "training.epochs=1",
    "training.adversarial=0",
    "loss.negatives=0",
]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import make_zh_general

    quick = make_zh_general.Specialist("bilstm-attention", tuple(QUICK), 1)
    monkeypatch.setattr(make_zh_general, "SPECIALISTS", {"lcqmc": quick})
    monkeypatch.setattr(make_zh_general, "SEEDS", (0, 1))
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


def test_nothing_is_made_twice(
    script: Any, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    made: list[str] = []
    train, mine_files = textsim.train, textsim.mine_files

    def counted(folder: Path, recipe: Any, model: Path, **options: Any) -> Any:
        made.append(model.name)
        return train(folder, recipe, model, **options, progress=False)

    def counted_mining(files: Any, target: Path, *arguments: Any, **options: Any) -> Any:
        made.append(target.name)
        return mine_files(files, target, *arguments, **options)

    def interrupted(*arguments: Any, **options: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(textsim, "train", counted)
    monkeypatch.setattr(textsim, "mine_files", counted_mining)
    # Plots take longer than these trainings.
    monkeypatch.setattr("textsim.training.trainer.write_reports", lambda *arguments: None)
    mined = script.mine(data, "lcqmc", work)
    assert made == ["lcqmc-0", "lcqmc-1", "lcqmc-mined.tsv"] and mined == work / "lcqmc-mined.tsv"
    assert script.mine(data, "lcqmc", work) == mined and len(made) == 3
    # What other models would say is found out again.
    monkeypatch.setattr(script, "SEEDS", (0, 2))
    script.mine(data, "lcqmc", work)
    assert made[3:] == ["lcqmc-2", "lcqmc-mined.tsv"]
    made.clear()
    monkeypatch.setattr(script, "SEEDS", (2,))
    script.mine(data, "lcqmc", work)
    monkeypatch.setitem(script.SPECIALISTS, "lcqmc", script.SPECIALISTS["lcqmc"]._replace(per_text=2))
    script.mine(data, "lcqmc", work)
    assert made == ["lcqmc-mined.tsv"] * 2
    # What was labelled only in part is labelled again, though the models are there.
    monkeypatch.setattr(textsim, "mine_files", interrupted)
    monkeypatch.setattr(script, "SEEDS", (0, 2))
    with pytest.raises(KeyboardInterrupt):
        script.mine(data, "lcqmc", work)
    monkeypatch.setattr(textsim, "mine_files", counted_mining)
    script.mine(data, "lcqmc", work)
    assert made == ["lcqmc-mined.tsv"] * 3
    train_file = data / "pairs" / "lcqmc" / "train.tsv"
    train_file.write_text(train_file.read_text(encoding="utf-8") + "花呗\t还款\t1\n", encoding="utf-8")
    script.mine(data, "lcqmc", work)
    assert made[3:] == ["lcqmc-0", "lcqmc-2", "lcqmc-mined.tsv"]

    words = [chr(k) for k in range(0x4E00, 0x4E40)]
    vectors, folder, model = tmp_path / "characters.vec", tmp_path / "dataset", tmp_path / "model"
    save_word_vectors(vectors, words, np.random.default_rng(0).normal(size=(len(words), 8)).astype("float32"))
    files = [*(data / "pairs" / name / "train.tsv" for name in ("lcqmc", "bq")), mined]
    script.dataset(files, [data / "pairs" / "bq" / "dev.tsv"], vectors, folder)
    assert script.made_of(folder, files)
    assert not script.made_of(folder, files[:2])
    recipe = build_recipe("bilstm-attention", None, QUICK)
    made.clear()
    script.train(folder, recipe, model)
    script.train(folder, recipe, model)
    assert made == ["model"]
    assert script.made_by(recipe, folder, model)
    assert not script.made_by(recipe, work / "lcqmc", model)
    assert not script.made_by(recipe.replace(["training.seed=1"]), folder, model)
    mined.write_text(mined.read_text(encoding="utf-8") + "花呗\t还款\t0.5\n", encoding="utf-8")
    assert not script.made_of(folder, files)
