from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tiny_models import CHARACTERS, saved_model
from textsim.artifacts.saved_model import load_model, save_model
from textsim.data.dataset import PairDataset
from textsim.errors import ArtifactError, InputError
from textsim.evaluation import plots
from textsim.evaluation.evaluate import as_pairs, evaluate_file
from textsim.evaluation.thresholds import choose_threshold, fit_threshold
from textsim.io.manifest import read_json
from textsim.matching.text_matcher import TextMatcher

SCORES = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 0.1, 0.3, 0.45, 0.5, 0.7, 0.9, 1.0])),
    min_size=1,
    max_size=12,
)


def right(labels: np.ndarray, scores: np.ndarray, threshold: float) -> int:
    return int(np.sum((labels >= 0.5) == (scores >= threshold)))


@given(SCORES)
@settings(max_examples=40)
def test_threshold_against_all_cuts(rows: list[tuple[float, float]]) -> None:
    labels, scores = np.array(rows).T
    chosen = choose_threshold(labels, scores)
    assert 0 <= chosen <= 1
    cuts = np.arange(0, 1001) / 1000
    counts = [right(labels, scores, cut) for cut in cuts]
    assert right(labels, scores, chosen) == max(counts)
    # No cut as good stands nearer to 0.5, but for those in the same gap between two scores.
    nearest = min(abs(cut - 0.5) for cut, count in zip(cuts, counts, strict=True) if count == max(counts))
    values = np.unique([0.0, *scores, 1.0])
    widest_gap = np.diff(values).max(initial=1.0)
    assert abs(chosen - 0.5) <= nearest + widest_gap


@pytest.mark.parametrize(
    ("labels", "scores", "threshold"),
    [
        ([0, 1], [0.2, 0.6], 0.4),
        ([0, 0, 1, 1], [0.1, 0.9, 0.95, 0.97], 0.925),
        ([1, 1], [0.7, 0.9], 0.5),
        ([1, 1], [0.2, 0.9], 0.2),
        ([0, 0], [0.1, 0.3], 0.5),
        ([0, 0], [0.1, 0.8], 0.9),
        ([0, 1], [0.5, 0.5], 0.5),
        ([0.4, 0.6], [0.2, 0.4], 0.3),
    ],
)
def test_chosen_thresholds(labels: list[float], scores: list[float], threshold: float) -> None:
    assert choose_threshold(np.array(labels), np.array(scores)) == pytest.approx(threshold)


def test_a_score_of_one_can_not_be_judged_different() -> None:
    labels, scores = np.zeros(3), np.array([1.0, 1.0, 0.2])
    chosen = choose_threshold(labels, scores)
    assert chosen <= 1 and right(labels, scores, chosen) == 1


@given(SCORES, st.sampled_from([0.3, 0.5, 0.75, 1.0]))
@settings(max_examples=60)
def test_precision_against_all_cuts(rows: list[tuple[float, float]], asked: float) -> None:
    labels, scores = np.array(rows).T

    def found(cut: float) -> tuple[float, int]:
        judged = scores >= cut
        return float(np.mean(labels[judged])) if judged.any() else 0.0, int(judged.sum())

    reached = [found(cut) for cut in scores if found(cut)[0] >= asked]
    if not reached:
        best = max(found(cut)[0] for cut in scores)
        with pytest.raises(InputError, match=f"no threshold has a precision of {asked:g} .* {best:.4f}"):
            choose_threshold(labels, scores, asked)
        return
    chosen = choose_threshold(labels, scores, asked)
    assert 0 <= chosen <= 1
    # As many are found as any cut of that precision finds.
    assert found(chosen) == max(reached, key=lambda figures: figures[1])


def test_a_triplet_is_a_match_and_a_pair_that_is_none() -> None:
    labels, scores = as_pairs(None, [np.array([0.9, 0.8]), np.array([0.1, 0.85])])
    assert labels.tolist() == [1, 1, 0, 0] and scores.tolist() == [0.9, 0.8, 0.1, 0.85]
    given_labels, column = np.array([0.2, 1]), np.array([0.3, 0.4])
    assert as_pairs(given_labels, [column]) == (given_labels, column)


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
    texts = [["".join(rng.choice(list(CHARACTERS), rng.integers(2, 8))) for _ in range(2)] for _ in range(60)]
    scores = TextMatcher.load(model).score_pairs(texts)
    labels = scores + rng.normal(0, scores.std(), 60) > np.quantile(scores, 0.3)
    path = tmp_path / "对.tsv"
    lines = [f"{a}\t{b}\t{label:d}\n" for (a, b), label in zip(texts, labels, strict=True)]
    path.write_text("text_a\ttext_b\tlabel\n" + "".join(lines), encoding="utf-8")
    return path


def labels_and_scores(model: Path, rows: Path) -> tuple[np.ndarray, np.ndarray]:
    cells = [line.split("\t") for line in rows.read_text(encoding="utf-8").splitlines()[1:]]
    scores = TextMatcher.load(model).score_pairs([cell[:2] for cell in cells])
    return np.array([float(cell[2]) for cell in cells]), scores


@pytest.mark.parametrize("asked", [None, 0.9])
def test_a_saved_model_gets_a_threshold(model: Path, rows: Path, tmp_path: Path, asked: float | None) -> None:
    labels, scores = labels_and_scores(model, rows)
    fit = fit_threshold(model, rows, tmp_path / "新", min_precision=asked)
    assert fit.threshold == choose_threshold(labels, scores, asked)
    assert fit.before.threshold == 0.25 and fit.after.threshold == fit.threshold
    if asked is None:
        assert fit.after.accuracy_at_threshold > fit.before.accuracy_at_threshold
    else:
        assert fit.after.precision >= asked
    before, after = load_model(model), load_model(tmp_path / "新")
    assert after.recipe == before.recipe
    assert after.provenance.pop("threshold_chosen_on")["name"].endswith("/对.tsv")
    assert after.provenance == before.provenance
    assert after.threshold == fit.threshold
    # All but the threshold is as it was, to the byte.
    changed = {"config.json", "manifest.json", "README.md", "scores.png", "mine.tsv"} | {
        "threshold.json",
        "provenance.json",
    }
    for file in model.rglob("*"):
        if file.is_file() and file.name not in changed:
            assert (tmp_path / "新" / file.relative_to(model)).read_bytes() == file.read_bytes()
    assert not (tmp_path / "新" / "mine.tsv").exists()
    kept = read_json(tmp_path / "新" / "threshold.json")
    assert kept["chosen_on"]["name"].endswith("/对.tsv") and kept["expected"] == fit.expected
    card = (tmp_path / "新" / "README.md").read_text(encoding="utf-8")
    assert f"| threshold | {fit.threshold:.4f}, chosen on" in card and "对.tsv" in card
    assert card.startswith("# 新\n") and 'TextMatcher.load("新")' in card
    assert (tmp_path / "新" / "scores.png").read_bytes().startswith(b"\x89PNG")
    assert evaluate_file(tmp_path / "新", rows).to_dict() | {"seconds": 0} == fit.after.to_dict()
    assert json.loads(json.dumps(fit.to_dict()))["after"]["pairs"] == 60


def test_a_model_that_simplifies(model: Path, rows: Path, tmp_path: Path) -> None:
    opencc = pytest.importorskip("opencc")
    traditional = tmp_path / "繁.tsv"
    text = opencc.OpenCC("s2t").convert(rows.read_text(encoding="utf-8"))
    traditional.write_text(text, encoding="utf-8")
    fit = fit_threshold(model, traditional, tmp_path / "新", simplify=True)
    assert fit == fit_threshold(model, rows) != fit_threshold(model, traditional)
    # The copy needs no option.
    assert evaluate_file(tmp_path / "新", traditional).to_dict() | {"seconds": 0} == fit.after.to_dict()
    card = (tmp_path / "新" / "README.md").read_text(encoding="utf-8")
    assert "| input | texts, traditional characters simplified, cut by" in card


def test_what_to_expect_is_of_pairs_that_had_no_say(model: Path, rows: Path) -> None:
    fit = fit_threshold(model, rows)
    labels, scores = labels_and_scores(model, rows)
    tenth = np.random.default_rng(0).permutation(60) % 10
    right = [
        (scores[k] >= choose_threshold(labels[tenth != tenth[k]], scores[tenth != tenth[k]])) == labels[k]
        for k in range(60)
    ]
    assert fit.expected == pytest.approx(np.mean(right))
    assert fit.expected <= fit.after.accuracy_at_threshold
    assert "accuracy to expect" in fit.format() and f"{fit.expected:.4f}" in fit.format()
    assert "precision to expect" in fit_threshold(model, rows, min_precision=0.6).format()


def test_what_is_read_is_not_replaced(model: Path, rows: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"would take the place of .*, which is read"):
        fit_threshold(model, rows, model, overwrite=True)
    fit = fit_threshold(model, rows, tmp_path / "新")
    with pytest.raises(ArtifactError, match="exists"):
        fit_threshold(model, rows, tmp_path / "新")
    again = fit_threshold(tmp_path / "新", rows, tmp_path / "再")
    assert again.before == fit.after
    assert (tmp_path / "再" / "README.md").read_text("utf-8").count("| threshold |") == 1


def test_the_bundled_models_terms_go_along(demo: Path, tmp_path: Path) -> None:
    fit_threshold("zh-general", demo / "pairs_dev.tsv", tmp_path / "mine")
    card = (tmp_path / "mine" / "README.md").read_text(encoding="utf-8")
    assert "## Data and terms" in card and "demo/pairs_dev.tsv" in card


def test_no_old_picture_is_taken_for_the_new_one(
    model: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("no font")

    monkeypatch.setattr(plots, "plot_scores", fails)
    with pytest.warns(RuntimeWarning, match="no font"):
        fit_threshold(model, rows, tmp_path / "新")
    assert not (tmp_path / "新" / "scores.png").exists()


def test_warnings(model: Path, rows: Path) -> None:
    fit = fit_threshold(model, rows)
    (few,) = fit.warnings
    assert few.startswith("60 pairs are few") and f"warning: {few}" in fit.format()
    assert fit.to_dict()["warnings"] == [few]
    many = dataclasses.replace(fit, after=dataclasses.replace(fit.after, pairs=500))
    assert many.warnings == []
    asked = dataclasses.replace(many, min_precision=0.95, expected=0.9)
    assert asked.warnings[0].startswith("on pairs that had no say, precision is 0.9000, not the 0.95 asked")
    assert dataclasses.replace(asked, expected=0.96).warnings == []
    assert "precision is none" in dataclasses.replace(asked, expected=None).warnings[0]


def test_a_precision_that_is_just_reached() -> None:
    # 0.56 * 25 is a little more than 14.
    labels = np.array([1.0] * 14 + [0.0] * 11)
    assert choose_threshold(labels, np.full(25, 0.8), 0.56) <= 0.8


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
    fit = fit_threshold(tmp_path / "三", triplets.path)
    assert fit.after.pairs == 2 * len(triplets.splits["dev"])
    assert fit.after.majority_accuracy == 0.5


@pytest.mark.parametrize(
    ("options", "labels", "message"),
    [
        ({"min_precision": 0.0}, "01", r"expected a share in \(0, 1\]. Received 0.0"),
        ({"min_precision": 1.5}, "01", "Received 1.5"),
        ({}, "11", r"Expected both, received 2 of one kind\. .*--label-threshold"),
        (
            {"min_precision": 0.9},
            "10",
            "no threshold has a precision of 0.9 on these 2 pairs: the best is 0.5",
        ),
    ],
)
def test_what_cannot_be_chosen_is_said(
    model: Path, tmp_path: Path, options: dict[str, Any], labels: str, message: str
) -> None:
    path = tmp_path / "two.tsv"
    path.write_text(f"花呗怎么\t天气好吗\t{labels[0]}\n今天天气\t今天天气\t{labels[1]}\n", encoding="utf-8")
    with pytest.raises(InputError, match=message):
        fit_threshold(model, path, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_the_report_says_how_the_file_was_read(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "gb.csv"
    path.write_bytes("text_a,text_b,label\n花呗怎么还款,怎样还花呗,1\n今天天气,你好吗,0\n".encode("gb18030"))
    assert fit_threshold(model, path).report.encoding == "gb18030"
