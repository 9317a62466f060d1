from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn import metrics

from textsim.artifacts.saved_model import load_model
from textsim.config.recipes import RECIPES
from textsim.data.dataset import PairDataset
from textsim.data.preprocess import preprocess
from textsim.data.settings import VocabularySettings
from textsim.errors import ArtifactError, ConfigError, DataFormatError
from textsim.evaluation.drift import measure_drift
from textsim.evaluation.evaluate import evaluate_file, evaluate_scores, evaluate_triplets
from textsim.io.progress import Bar
from textsim.matching.load import load_matcher
from textsim.matching.text_matcher import TextMatcher
from textsim.training.trainer import train


@given(st.integers(0, 1000), st.floats(0.05, 0.95))
@settings(max_examples=20)
def test_figures_against_scikit_learn(seed: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    labels = np.array([0, 1, *rng.integers(0, 2, 30)], "float32")
    scores = np.clip(labels * 0.3 + rng.random(32) * 0.7, 0, 1).astype("float32").round(2)
    found = evaluate_scores(labels, scores, threshold, seconds=2.0)
    judged = scores.astype("float64") >= threshold
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        labels, judged, average="binary", zero_division=0
    )
    tn, fp, fn, tp = metrics.confusion_matrix(labels, judged, labels=[0, 1]).ravel()
    assert found.to_dict() == pytest.approx(
        {
            "pairs": 32,
            "accuracy": metrics.accuracy_score(labels, scores >= 0.5),
            "threshold": threshold,
            "accuracy_at_threshold": metrics.accuracy_score(labels, judged),
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "auc": metrics.roc_auc_score(labels, scores),
            "average_precision": metrics.average_precision_score(labels, scores),
            "spearman": spearmanr(labels, scores).statistic,
            "majority_accuracy": max(labels.mean(), 1 - labels.mean()),
            "true_positives": tp,
            "false_positives": fp,
            "true_negatives": tn,
            "false_negatives": fn,
            "seconds": 2.0,
        }
    )


def test_graded_labels_count_as_positive_from_one_half_on_and_rank_as_they_are() -> None:
    labels, scores = np.array([0.1, 0.4, 0.5, 0.9]), np.array([0.2, 0.1, 0.6, 0.8])
    found = evaluate_scores(labels, scores, 0.5)
    assert found.accuracy == 1 and found.true_positives == 2
    assert found.spearman == pytest.approx(spearmanr(labels, scores).statistic)


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_data_of_one_class(label: float) -> None:
    found = evaluate_scores(np.full(3, label), np.array([0.2, 0.6, 0.7]), 0.5)
    assert found.auc is None and found.average_precision is None and found.spearman is None
    assert found.majority_accuracy == 1
    assert found.accuracy == pytest.approx(2 / 3 if label else 1 / 3)
    assert (found.precision, found.recall) == ((1, 2 / 3) if label else (0, 0))
    assert "ROC AUC                     -" in found.format()


def test_nothing_judged_positive() -> None:
    found = evaluate_scores(np.array([0, 1]), np.array([0.2, 0.3]), 0.9)
    assert (found.precision, found.recall, found.f1) == (0, 0, 0)
    assert found.auc == 1


@pytest.mark.parametrize(
    ("threshold", "said"), [(0.5, False), (0.85, True), (0.05, True)], ids=["fits", "high", "low"]
)
def test_a_threshold_that_does_not_suit_the_pairs_is_worth_a_word(threshold: float, said: bool) -> None:
    scores = np.linspace(0, 1, 100)
    text = evaluate_scores((scores > 0.5).astype(float), scores, threshold).format()
    assert ("another threshold may suit them better (textsim calibrate)" in text) == said
    if threshold == 0.85:
        assert "15% of the pairs are judged the same, 50% are" in text


def test_constant_scores_rank_nothing() -> None:
    found = evaluate_scores(np.array([0, 1]), np.array([0.3, 0.3]), 0.5)
    assert found.spearman is None and found.auc == 0.5


def test_figures_as_text() -> None:
    labels, scores = np.array([0, 1, 1, 0, 1]), np.array([0.1, 0.9, 0.4, 0.6, 0.8])
    text = evaluate_scores(labels, scores, 0.7, seconds=1.25).format()
    assert "pairs                  5 in 1.2 s" in text
    assert "accuracy               0.8000  at the model's threshold 0.700" in text
    assert "accuracy at 0.5        0.6000" in text
    assert "majority class         0.6000  (+0.2000 over it)" in text
    assert "same: 2 found, 1 missed; different: 2 told apart, 0 taken for same" in text
    assert {line[22:25] for line in text.split("\n")[1:10]} == {" 0.", " 1."}


def test_triplet_accuracy() -> None:
    found = evaluate_triplets(np.array([0.9, 0.5, 0.2]), np.array([0.1, 0.5, 0.3]), seconds=0.5)
    assert (found.triplets, found.triplet_accuracy) == (3, pytest.approx(1 / 3))
    assert found.format() == "triplets          3 in 0.5 s\ntriplet accuracy  0.3333"


@pytest.fixture(scope="module")
def models(
    pairs: PairDataset,
    triplets: PairDataset,
    vectors: PairDataset,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    """A model of each kind of data, with the figures that its training found."""
    folder = tmp_path_factory.mktemp("models")
    fast = ["training.epochs=1", "training.batch_size=32"]
    train(pairs, RECIPES["word-vectors"], folder / "pairs", progress=False)
    recipe = RECIPES["bilstm-triplet"].replace(
        [*fast, "encoder=word-vectors", "pooling=mean", "projection=null"]
    )
    train(triplets, recipe, folder / "triplets", progress=False)
    recipe = RECIPES["vector-contrastive"].replace([*fast, "encoder.units=[8]"])
    train(vectors, recipe, folder / "vectors", progress=False)
    return {kind: folder / kind for kind in ("pairs", "triplets", "vectors")}


@pytest.mark.parametrize("kind", ["pairs", "triplets", "vectors"])
def test_a_file_and_its_dataset_give_the_figures_that_training_found(
    kind: str, models: dict[str, Path], request: pytest.FixtureRequest
) -> None:
    dataset: PairDataset = request.getfixturevalue(kind)
    matcher = load_matcher(models[kind])
    (file,) = dataset.path.parent.glob("dev.*")
    timeless = {"seconds", "threshold"}
    expected = {k: v for k, v in matcher.saved.metrics.items() if k not in timeless}
    for source in (file, dataset.path):
        found = evaluate_file(models[kind], source)
        assert {k: v for k, v in found.to_dict().items() if k in expected} == pytest.approx(
            expected, abs=1e-6
        )
        assert found.seconds > 0
    whole = evaluate_file(matcher, dataset.path, split="train").to_dict()
    assert whole.get("pairs", whole.get("triplets")) == 160


@pytest.mark.parametrize("kind", ["pairs", "triplets", "vectors"])
def test_progress_counts_all_rows(
    kind: str,
    models: dict[str, Path],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen: list[float] = []
    monkeypatch.setattr(Bar, "update", lambda self, n, fraction=None: seen.append(n))
    dataset: PairDataset = request.getfixturevalue(kind)
    (file,) = dataset.path.parent.glob("dev.*")
    for source in (file, dataset.path):
        seen.clear()
        evaluate_file(models[kind], source, progress=True)
        assert sum(seen) == 60 and "scoring" in capsys.readouterr().err
    if kind == "pairs":
        seen.clear()
        measure_drift(models[kind], file, columns=["text_a", "text_b"], progress=True)
        assert sum(seen) == 60 and "scoring" in capsys.readouterr().err


def test_the_threshold_is_the_model_s_own(models: dict[str, Path], tmp_path: Path) -> None:
    matcher = load_matcher(models["pairs"])
    file = tmp_path / "pairs.tsv"
    file.write_text("花呗\t花呗\t0\n你好\t你好\t0\n", encoding="utf-8")
    found = evaluate_file(matcher, file)
    assert found.threshold == matcher.threshold  # type: ignore[union-attr]
    assert found.accuracy_at_threshold == 0  # type: ignore[union-attr]


def test_files_are_judged_by_the_scores_that_a_matcher_gives(models: dict[str, Path], tmp_path: Path) -> None:
    pairs = [("😀", "🎉🎉", 0), ("怎么还款", "怎么还款", 1), ("😀", "😀", 1)]
    rows = "".join(f"{a}\t{b}\t{label}\n" for a, b, label in pairs)
    (tmp_path / "pairs.tsv").write_text(f"text_a\ttext_b\tlabel\n{rows}", encoding="utf-8")
    scores = TextMatcher.load(models["pairs"]).score_pairs([(a, b) for a, b, _ in pairs])
    labels = np.array([label for *_, label in pairs], float)
    found = evaluate_file(models["pairs"], tmp_path / "pairs.tsv")
    expected = evaluate_scores(labels, scores, found.threshold)
    assert scores[0] == 0 and (found.accuracy, found.auc) == (expected.accuracy, expected.auc)

    folder = tmp_path / "dataset"
    # Too rare to extend the vocabulary, which must be the model's.
    preprocess(
        tmp_path / "pairs.tsv",
        folder,
        vocabulary=VocabularySettings(models["pairs"], min_count=9),
        progress=False,
    )
    whole = evaluate_file(models["pairs"], folder, split="train")
    assert (whole.accuracy, whole.auc) == (expected.accuracy, expected.auc)


def test_what_was_done_with_a_file_is_told(models: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_bytes("花呗\t怎么还款\t1\n好\t吗\t七\n好\t好\t0\n".encode("gb18030"))
    found = evaluate_file(models["pairs"], tmp_path / "pairs.tsv", on_bad_row="skip")
    assert found.pairs == found.report.rows == 2 and found.report.rejected == 1  # type: ignore[union-attr]
    assert found.report.encoding == "gb18030"


def test_triplets_without_a_header(models: dict[str, Path], tmp_path: Path) -> None:
    file = tmp_path / "triplets.tsv"
    file.write_text("花呗怎么还款\t怎样还花呗\t天气\n好\t好\t吗\n", encoding="utf-8")
    with pytest.raises(DataFormatError, match=r"line 1.*expected label 0 or 1"):
        evaluate_file(models["pairs"], file)
    assert evaluate_file(models["pairs"], file, kind="triplets").triplets == 2  # type: ignore[union-attr]
    with pytest.raises(
        ConfigError, match=r"unknown kind of rows 'triples'\. Expected one of: pairs, triplets"
    ):
        evaluate_file(models["pairs"], file, kind="triples")  # type: ignore[arg-type]
    with pytest.raises(
        ConfigError, match=r"kind='pairs' is one of rows of texts, but the model reads vectors"
    ):
        evaluate_file(models["vectors"], file, kind="pairs")


def test_a_dataset_that_holds_more_or_less_of_a_text_than_the_model_reads(
    models: dict[str, Path], tmp_path: Path
) -> None:
    limit = load_model(models["pairs"]).max_length
    assert limit is not None
    tail = ("好" * 9, "吗" * 9)
    rows = [("花" * limit + tail[k % 2], "花" * limit + tail[k // 2], k % 2) for k in range(4)]
    rows.append(("怎么还款", "你好", 0))
    file = tmp_path / "pairs.tsv"
    file.write_text("".join(f"{a}\t{b}\t{y}\n" for a, b, y in rows), encoding="utf-8")
    options = {"base": models["pairs"], "min_count": 99}
    preprocess(
        file,
        tmp_path / "longer",
        vocabulary=VocabularySettings(max_length=limit + 9, **options),
        progress=False,
    )  # type: ignore[arg-type]
    expected = evaluate_file(models["pairs"], file).to_dict()
    found = evaluate_file(models["pairs"], tmp_path / "longer", split="train").to_dict()
    assert {**found, "seconds": 0} == {**expected, "seconds": 0}
    preprocess(
        file,
        tmp_path / "shorter",
        vocabulary=VocabularySettings(max_length=limit - 1, **options),
        progress=False,
    )  # type: ignore[arg-type]
    found = evaluate_file(models["pairs"], tmp_path / "shorter", split="train").to_dict()
    assert {**found, "seconds": 0} == {**expected, "seconds": 0}


def test_the_texts_of_a_dataset_are_read_as_the_model_reads(models: dict[str, Path], tmp_path: Path) -> None:
    pytest.importorskip("opencc")
    file = tmp_path / "pairs.tsv"
    file.write_text("花唄怎麼還款\t怎样还花呗\t1\n你好\t怎么还款\t0\n", encoding="utf-8")
    same = VocabularySettings(models["pairs"], min_count=99)
    preprocess(file, tmp_path / "simplified", simplify=True, vocabulary=same)
    preprocess(file, tmp_path / "plain", vocabulary=same)
    simplifying = load_matcher(models["pairs"], simplify=True)
    for matcher in (simplifying, load_matcher(models["pairs"]), load_matcher("zh-general")):
        expected = evaluate_file(matcher, file).to_dict()
        for folder in ("simplified", "plain"):
            found = evaluate_file(matcher, tmp_path / folder, split="train").to_dict()
            assert {**found, "seconds": 0} == {**expected, "seconds": 0}


def test_data_that_a_model_cannot_be_evaluated_on(
    models: dict[str, Path], pairs: PairDataset, triplets: PairDataset, vectors: PairDataset, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"is a dataset folder, .* Leave out: label_max, kind\."):
        evaluate_file(models["pairs"], pairs.path, label_max=5, kind="pairs")
    with pytest.raises(ConfigError, match=r"split='dev' chooses rows of a dataset folder, and there is none"):
        evaluate_file(models["pairs"], tmp_path / "some.tsv", split="dev")
    with pytest.raises(ConfigError, match=r"has no split 'test'\. It has: train, dev\."):
        evaluate_file(models["pairs"], pairs.path, split="test")
    with pytest.raises(ConfigError, match=r"holds vectors, which this model of kind 'text' cannot score"):
        evaluate_file(models["pairs"], vectors.path)
    with pytest.raises(ConfigError, match=r"holds pairs, which this model of kind 'vectors' cannot score"):
        evaluate_file(models["vectors"], pairs.path)
    # Of another vocabulary.
    found = evaluate_file(models["pairs"], triplets.path)
    assert found.triplets == len(triplets.splits["dev"])  # type: ignore[union-attr]
    file = tmp_path / "pairs.tsv"
    file.write_text("花呗\t花呗\n", encoding="utf-8")
    with pytest.raises(DataFormatError, match=r"pairs\.tsv, line 1: expected 3 tab-separated columns"):
        evaluate_file(models["pairs"], file)
    file.write_text("text_a\ttext_b\tlabel\n", encoding="utf-8")
    with pytest.raises(DataFormatError, match=r"pairs\.tsv: the file holds nothing but a header"):
        evaluate_file(models["pairs"], file)
    with pytest.raises(ArtifactError, match="none"):
        evaluate_file(tmp_path / "none", file)


def test_probabilities_and_decisions_are_judged_too(demo: Path) -> None:
    from textsim.evaluation.calibration import calibration_metrics
    from textsim.evaluation.evaluate import labelled_scores
    from textsim.matching.load import load_matcher

    matcher = load_matcher("zh-general")
    result = evaluate_file(matcher, demo / "pairs_dev.tsv")
    found = labelled_scores(matcher, demo / "pairs_dev.tsv")
    assert found.labels is not None
    metrics = calibration_metrics(
        found.labels, matcher.saved.calibration.probabilities(found.columns[0].scores)
    )
    values = result.to_dict()
    assert (values["ece"], values["brier"]) == pytest.approx((metrics.ece, metrics.brier))
    assert sum(values["decisions"].values()) == result.pairs
    assert values["decisions"]["match"] == result.true_positives + result.false_positives
    low, high = values["intervals"]["precision"]
    assert low < result.precision < high
    assert "ECE" in result.format()
