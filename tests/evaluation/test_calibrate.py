"""`calibrate`: a saved model, labelled pairs, and the model that comes out."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.tiny_models import CHARACTERS, saved_model
from textsim.artifacts.saved_model import load_model, save_model
from textsim.data.dataset import PairDataset
from textsim.errors import ArtifactError, InputError
from textsim.evaluation import plots
from textsim.evaluation.calibrate import DECISIONS, calibrate
from textsim.evaluation.decisions import Targets, fit_decisions
from textsim.evaluation.evaluate import evaluate_file
from textsim.io.manifest import read_json
from textsim.matching.text_matcher import TextMatcher

PAIRS = 160


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model with random weights, at half precision, and a file that travels with it."""
    saved = saved_model("word-vectors")
    halved = {path: weight.astype("float16").astype("float32") for path, weight in saved.weights.items()}

    def more(folder: Path) -> None:
        (folder / "history.csv").write_text("epoch,loss\n1,0.5\n", encoding="utf-8")
        (folder / "scores.png").write_bytes(b"at the old threshold")
        (folder / "x.txt").write_text("kept", encoding="utf-8")

    save_model(dataclasses.replace(saved, weights=halved), tmp_path / "模型", extra=more, precision="float16")
    # Not of the model.
    (tmp_path / "模型" / "mine.tsv").write_text("a\tb\t1\n", encoding="utf-8")
    return tmp_path / "模型"


@pytest.fixture
def rows(tmp_path: Path, model: Path) -> Path:
    """Pairs whose labels the model's scores tell in part."""
    rng = np.random.default_rng(0)
    texts = [
        ["".join(rng.choice(list(CHARACTERS), rng.integers(2, 8))) for _ in range(2)] for _ in range(PAIRS)
    ]
    scores = TextMatcher.load(model).score_pairs(texts)
    labels = scores + rng.normal(0, scores.std() / 3, PAIRS) > np.quantile(scores, 0.3)
    path = tmp_path / "对.tsv"
    lines = [f"{a}\t{b}\t{label:d}\n" for (a, b), label in zip(texts, labels, strict=True)]
    path.write_text("text_a\ttext_b\tlabel\n" + "".join(lines), encoding="utf-8")
    return path


def labels_and_scores(model: Path, rows: Path) -> tuple[np.ndarray, np.ndarray]:
    cells = [line.split("\t") for line in rows.read_text(encoding="utf-8").splitlines()[1:]]
    scores = TextMatcher.load(model).score_pairs([cell[:2] for cell in cells])
    return np.array([float(cell[2]) for cell in cells]), scores


@pytest.mark.usefixtures("drawn")
def test_a_saved_model_gets_decisions(model: Path, rows: Path, tmp_path: Path) -> None:
    labels, scores = labels_and_scores(model, rows)
    targets = Targets(match_precision=0.8, no_match_precision=0.6)
    result = calibrate(model, rows, tmp_path / "新", targets)
    fit = result.fit
    assert fit == fit_decisions(labels, scores, targets) and fit.reachable and result.path == tmp_path / "新"
    before, after = load_model(model), load_model(tmp_path / "新")
    assert (after.threshold, after.calibration) == (fit.threshold, fit.calibration)
    assert after.recipe == before.recipe
    assert after.provenance.pop("threshold_chosen_on")["name"].endswith("/对.tsv")
    assert after.provenance == before.provenance
    # All else is as it was, to the byte.
    changed = {"config.json", "manifest.json", "README.md", "scores.png", "mine.tsv", "provenance.json"}
    for file in model.rglob("*"):
        if file.is_file() and file.name not in changed:
            assert (tmp_path / "新" / file.relative_to(model)).read_bytes() == file.read_bytes()
    assert not (tmp_path / "新" / "mine.tsv").exists()
    kept = read_json(tmp_path / "新" / DECISIONS)
    assert kept.pop("chosen_on")["name"].endswith("/对.tsv") and kept == fit.to_dict()
    card = (tmp_path / "新" / "README.md").read_text(encoding="utf-8")
    assert f"| threshold | {fit.threshold:.4f}, chosen on" in card and "对.tsv" in card
    assert f"fitted on {PAIRS} labelled pairs" in card
    assert (tmp_path / "新" / "scores.png").read_bytes().startswith(b"\x89PNG")
    # The model decides as was chosen.
    matcher = TextMatcher.load(tmp_path / "新")
    decided = [decision.decision for decision in matcher.decisions(matcher.score_texts(*texts_of(rows)))]
    assert decided.count("unsure") == pytest.approx(fit.unsure * PAIRS)
    assert decided.count("match") == np.sum(scores >= fit.threshold)


def test_a_data_frame_and_rows_in_memory(model: Path, rows: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(rows, sep="\t")
    result = calibrate(model, frame, tmp_path / "新")
    assert result.fit == calibrate(model, rows).fit and result.path == tmp_path / "新"
    origin = load_model(tmp_path / "新").provenance["threshold_chosen_on"]
    assert origin == {"name": "the data frame", "sha256": None}
    assert "chosen on" in (tmp_path / "新" / "README.md").read_text(encoding="utf-8")
    assert calibrate(model, frame.itertuples(index=False, name=None)).fit == result.fit
    with pytest.raises(InputError, match=r"^the data frame: a threshold parts"):
        calibrate(model, frame[frame["label"] == 1])


def test_triplets_that_the_model_reads_alike(model: Path, tmp_path: Path) -> None:
    plain = [("怎么还款", "怎样还", "今天天气"), ("我的", "我的花呗", "不是"), ("你好吗", "你好了", "花呗")]
    long = "花呗怎么还款怎样今天"
    alike = [(f"{long}{k}", "今天", f"{long}{k + 1}") for k in range(5)]
    found = []
    for triplets in (plain, plain + alike):
        frame = pd.DataFrame(triplets, columns=["anchor", "positive", "negative"])
        found.append(calibrate(model, frame))
    assert [result.fit.indistinct for result in found] == [0, 5]
    assert found[1].fit.calibration.pairs == 2 * len(plain) + 5
    assert found[1].fit.pairs == 2 * len(plain + alike)


def test_pairs_that_the_model_reads_alike(model: Path, rows: Path, tmp_path: Path) -> None:
    """They are unsure whatever the threshold: neither it nor the curve is fitted on them."""
    fit = calibrate(model, rows).fit
    alike = "花呗怎么还款怎样今天"
    with rows.open("a", encoding="utf-8") as file:
        file.writelines(f"{alike}{k}\t{alike}{k + 1}\t0\n" for k in range(20))
    result = calibrate(model, rows, tmp_path / "新")
    assert result.report.indistinct == result.fit.indistinct == 20
    assert (result.fit.threshold, result.fit.calibration) == (fit.threshold, fit.calibration)
    matcher = TextMatcher.load(tmp_path / "新")
    decided = [decision.decision for decision in matcher.decisions(matcher.score_texts(*texts_of(rows)))]
    assert (
        decided.count("unsure") == pytest.approx(result.fit.unsure * (PAIRS + 20))
        and decided.count("unsure") >= 20
    )
    assert "20 read alike, so unsure" in result.fit.format()
    # What is evaluated are the probabilities that the model gives, 0.5 of such a pair.
    evaluation = evaluate_file(matcher, rows)
    assert evaluation.decided is not None
    probabilities = np.array(
        [found.probability for found in matcher.decisions(matcher.score_texts(*texts_of(rows)))]
    )
    labels = labels_and_scores(model, rows)[0]
    assert evaluation.decided.brier == pytest.approx(np.mean((probabilities - labels) ** 2))


def texts_of(rows: Path) -> tuple[list[str], list[str]]:
    cells = [line.split("\t") for line in rows.read_text(encoding="utf-8").splitlines()[1:]]
    return [cell[0] for cell in cells], [cell[1] for cell in cells]


def test_nothing_is_written_where_a_target_is_out_of_reach(model: Path, rows: Path, tmp_path: Path) -> None:
    result = calibrate(model, rows, tmp_path / "新", Targets(match_precision=0.999))
    assert result.path is None and not (tmp_path / "新").exists()
    assert not result.fit.reachable and "cannot be shown" in result.fit.format()


def test_a_model_that_simplifies(model: Path, rows: Path, tmp_path: Path) -> None:
    opencc = pytest.importorskip("opencc")
    traditional = tmp_path / "繁.tsv"
    text = opencc.OpenCC("s2t").convert(rows.read_text(encoding="utf-8"))
    traditional.write_text(text, encoding="utf-8")
    result = calibrate(model, traditional, tmp_path / "新", simplify=True)
    assert result.fit == calibrate(model, rows).fit != calibrate(model, traditional).fit
    # The copy needs no option.
    assert calibrate(tmp_path / "新", traditional).fit == result.fit
    card = (tmp_path / "新" / "README.md").read_text(encoding="utf-8")
    assert "| input | texts, traditional characters simplified, as tokens of" in card


def test_what_is_read_is_not_replaced(model: Path, rows: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"would take the place of .*, which is read"):
        calibrate(model, rows, model, overwrite=True)
    calibrate(model, rows, tmp_path / "新")
    with pytest.raises(ArtifactError, match="exists"):
        calibrate(model, rows, tmp_path / "新")
    calibrate(tmp_path / "新", rows, tmp_path / "再")
    assert (tmp_path / "再" / "README.md").read_text("utf-8").count("| threshold |") == 1


def test_the_bundled_models_terms_go_along(demo: Path, tmp_path: Path) -> None:
    calibrate("zh-general", demo / "pairs_dev.tsv", tmp_path / "mine")
    card = (tmp_path / "mine" / "README.md").read_text(encoding="utf-8")
    assert "## Data and terms" in card and "demo/pairs_dev.tsv" in card


def test_no_old_picture_is_taken_for_the_new_one(
    model: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("no font")

    monkeypatch.setattr(plots, "plot_scores", fails)
    with pytest.warns(RuntimeWarning, match="no font"):
        calibrate(model, rows, tmp_path / "新")
    assert not (tmp_path / "新" / "scores.png").exists()


def test_a_dataset_and_triplets(triplets: PairDataset, tmp_path: Path) -> None:
    assert triplets.vocabulary is not None
    saved = saved_model("word-vectors")
    table = np.random.default_rng(1).normal(size=(len(triplets.vocabulary), saved.dim)).astype("float32")
    known = dataclasses.replace(
        saved,
        vocabulary=triplets.vocabulary,
        weights={**saved.weights, "embedding/table": table},
        tokenizer=triplets.tokenizer,
    )
    save_model(known, tmp_path / "三")
    fit = calibrate(tmp_path / "三", triplets.path).fit
    assert fit.pairs == 2 * len(triplets.splits["dev"]) == 2 * fit.matches


def test_labels_of_one_kind(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "two.tsv"
    path.write_text("花呗怎么\t天气好吗\t1\n今天天气\t今天天气\t1\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"Expected both, received 2 of one kind\. .*label_threshold"):
        calibrate(model, path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_report_says_how_the_file_was_read(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "gb.csv"
    path.write_bytes("text_a,text_b,label\n花呗怎么还款,怎样还花呗,1\n今天天气,你好吗,0\n".encode("gb18030"))
    assert calibrate(model, path).report.encoding == "gb18030"


def test_evaluation_agrees(model: Path, rows: Path, tmp_path: Path) -> None:
    fit = calibrate(model, rows, tmp_path / "新").fit
    figures = evaluate_file(tmp_path / "新", rows).to_dict()
    assert (figures["threshold"], figures["precision"], figures["recall"]) == pytest.approx(
        (fit.threshold, fit.match.precision, fit.match.recall)
    )
    assert json.loads(json.dumps(fit.to_dict()))["pairs"] == PAIRS
