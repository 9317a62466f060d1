"""Estimators, as scikit-learn uses them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks

import textsim.sklearn
from textsim.config.recipes import RECIPES
from textsim.errors import InputError
from textsim.matching.text_matcher import TextMatcher
from textsim.sklearn import PairClassifier, TextEncoder

# Trains nothing, so fitting is quick.
COSINE = RECIPES["vector-l1"].replace(["head=cosine", "loss=none"])


# Those of scikit-learn's checks that feed no matrices: a row here is two texts, or numbers of which halves belong
# together.
CHECKS = (
    estimator_checks.check_estimator_cloneable,
    estimator_checks.check_estimator_tags_renamed,
    estimator_checks.check_valid_tag_types,
    estimator_checks.check_estimator_repr,
    estimator_checks.check_no_attributes_set_in_init,
    estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
    estimator_checks.check_parameters_default_constructible,
    estimator_checks.check_mixin_order,
    estimator_checks.check_get_params_invariance,
    estimator_checks.check_set_params,
)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("estimator", [PairClassifier(), TextEncoder()])
def test_scikit_learn_has_nothing_to_say(estimator: Any, check: Any) -> None:
    check(type(estimator).__name__, clone(estimator))


@pytest.fixture(scope="module")
def vectors() -> tuple[np.ndarray, np.ndarray]:
    """Pairs of vectors that are near each other where they are the same."""
    rng = np.random.default_rng(0)
    left = rng.normal(size=(80, 4))
    same = np.arange(80) % 2
    right = np.where(
        same[:, None] == 1, left + rng.normal(scale=0.05, size=left.shape), rng.normal(size=left.shape)
    )
    return np.hstack([left, right]), same


@pytest.fixture(scope="module")
def fitted(vectors: tuple[np.ndarray, np.ndarray]) -> PairClassifier:
    return PairClassifier(COSINE, validation_fraction=0.5).fit(*vectors)


def test_vectors(fitted: PairClassifier, vectors: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = vectors
    assert fitted.score(X, y) > 0.9
    probabilities = fitted.predict_proba(X)
    assert probabilities.shape == (80, 2) and np.allclose(probabilities.sum(axis=1), 1)
    assert (
        probabilities[y == 1, 1].min() > 0
        and probabilities[y == 1, 1].mean() > probabilities[y == 0, 1].mean()
    )
    assert fitted.matcher_.saved.source is None
    assert fitted.n_features_in_ == 8 and fitted.classes_.tolist() == [0, 1]
    with pytest.raises(ValueError, match="X has 6 features, but PairClassifier is expecting 8"):
        fitted.predict(X[:, :6])


def test_a_copy_scores_alike(fitted: PairClassifier, vectors: tuple[np.ndarray, np.ndarray]) -> None:
    X, _ = vectors
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(X), fitted.predict_proba(X))
    unfitted = clone(fitted)
    assert unfitted.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        unfitted.predict(X)


def test_classes_keep_their_names(vectors: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = vectors
    names = np.array(["no", "yes"])[y]
    classifier = PairClassifier(COSINE, validation_fraction=0.5).fit(X.tolist(), names.tolist())
    assert classifier.classes_.tolist() == ["no", "yes"]
    assert set(classifier.predict(X)) == {"no", "yes"} and classifier.score(X, names) > 0.9


def test_a_grid_search_over_a_pipeline(vectors: tuple[np.ndarray, np.ndarray]) -> None:
    pipeline = make_pipeline(StandardScaler(), PairClassifier(validation_fraction=0.5))
    grid = {"pairclassifier__recipe": [COSINE], "pairclassifier__validation_fraction": [0.25, 0.5]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=1, scoring="average_precision").fit(*vectors)
    assert search.best_params_["pairclassifier__recipe"] == COSINE
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.predict(vectors[0]).shape == (80,)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([[1.0, 2.0]] * 4, [0, 1, 2, 1], "Only binary classification is supported. Received 3 classes"),
        (
            [[1.0, 2.0, 3.0]] * 8,
            [0, 1] * 4,
            "X: expected the numbers of two vectors of one width. Received 3",
        ),
        ([["一", "二", "三"]] * 8, [0, 1] * 4, "X: expected two texts a row. Received 3 columns"),
    ],
)
def test_what_cannot_be_learned_is_refused(X: Any, y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PairClassifier(COSINE, validation_fraction=0.5).fit(X, y)


@pytest.mark.parametrize("cell", ["", "\u200b ", None, 5])
def test_what_is_no_text_is_named_by_its_row(cell: Any) -> None:
    pairs = [("花呗怎么还款", "怎样还花呗"), ("花呗怎么还款", "今天天气")] * 10
    pairs[13] = (pairs[13][0], cell)
    with pytest.raises(InputError, match=r"X\[13\], text_b: expected a text\. Received"):
        PairClassifier(COSINE).fit(pairs, [0, 1] * 10)


def test_too_few_rows_to_validate_on_are_said_to_be_so() -> None:
    with pytest.raises(InputError, match=r"validation_fraction=0\.1 of 8 rows: .*"):
        PairClassifier(COSINE).fit([[1.0, 2.0]] * 8, [0, 1] * 4)


def test_a_long_text_takes_no_room_of_the_others() -> None:
    pairs = [("短", "文")] * 100 + [("长" * 10_000, "文")]
    assert textsim.sklearn._table(pairs).nbytes < 10_000
    assert textsim.sklearn._table(pairs).tolist() == [list(pair) for pair in pairs]
    numbers = [[1.0, 2.0]]
    assert textsim.sklearn._table(numbers) is numbers


def test_texts(tmp_path: Path) -> None:
    pairs = [(f"花呗{n}怎么\t还款", f"怎样还花呗{n}") for n in range(10)]
    pairs += [(f"花呗{n}怎么\t还款", f"今天{n}天气") for n in range(10)]
    classifier = PairClassifier("word-vectors", init="zh-general", validation_fraction=0.5)
    with pytest.raises(ValueError):
        classifier.fit(pairs, [1] * 20)
    recipe = RECIPES["bilstm-few-pairs"].replace(
        ["embedding.dim=8", "encoder.units=[4]", "head.units=[4]", "training.epochs=1"]
    )
    classifier = PairClassifier(recipe, validation_fraction=0.5).fit(pairs, [True] * 10 + [False] * 10)
    assert isinstance(classifier.matcher_, TextMatcher) and len(classifier.history_) == 1
    assert classifier.classes_.tolist() == [False, True]
    assert classifier.predict(pairs).dtype == bool
    assert list(tmp_path.iterdir()) == []


def test_vectors_of_texts() -> None:
    texts = ["花呗怎么还款", "怎样还花呗", "今天天气", "明天天气怎样"] * 3
    encoder = TextEncoder().fit()
    vectors = encoder.transform(texts)
    assert np.array_equal(vectors, TextMatcher.load("zh-general").encode(texts))
    assert len(encoder.get_feature_names_out()) == vectors.shape[1]
    pipeline = make_pipeline(TextEncoder("zh-general"), LogisticRegression())
    assert pipeline.fit(texts, [1, 1, 0, 0] * 3).predict(["花呗还款"]).tolist() == [1]
    with pytest.raises(NotFittedError):
        TextEncoder().transform(texts)
