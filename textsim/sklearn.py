"""Matchers as scikit-learn estimators, for its pipelines, grid searches and cross-validation (extra `train`)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from textsim.errors import InputError, shown
from textsim.extras import needed_for

with needed_for("textsim.sklearn"):
    from sklearn.base import BaseEstimator, ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin
    from sklearn.model_selection import train_test_split
    from sklearn.utils import Tags, check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data

from textsim.artifacts.saved_model import load_model
from textsim.config.recipes import build_recipe, default_recipe
from textsim.config.settings import Recipe
from textsim.data.preprocess import preprocess
from textsim.matching.text_matcher import TextMatcher
from textsim.matching.vector_matcher import VectorMatcher
from textsim.text.normalize import Normalizer


class PairClassifier(ClassifierMixin, BaseEstimator):
    """Tells pairs that mean the same from those that do not.

    A row is two texts, or the numbers of two vectors one behind the other. The smaller of the two classes, as Python
    sorts them, stands for different pairs, the larger for the same: 0 and 1, False and True.

    Args:
        recipe: what to train and how, or the name of one of `textsim.RECIPES`; None for the default of such data.
        init: a model folder or the name of a bundled model to continue from, in place of random weights.
        tokenizer: of texts, the name of one or one that was made; None for characters. Leave it out with `init`, which
            brings its own.
        validation_fraction: of the rows, drawn alike from both classes, on which the epoch to keep, the threshold and
            the probabilities are chosen.
        random_state: of that draw and of the training: an int, a NumPy `RandomState`, or None for another one each
            time.
        progress: whether to show a progress bar on standard error; None: where that is a terminal.

    Attributes:
        classes_: the two classes, sorted.
        matcher_: the fitted `TextMatcher` or `VectorMatcher`.
        history_: the figures of each epoch, as in `TrainingResult.history`.
        n_features_in_: columns of a row.

    Example:
        >>> from textsim.sklearn import PairClassifier
        >>> pairs = [("花呗怎么还款", "怎样还花呗"), ("花呗怎么还款", "今天天气")] * 20
        >>> classifier = PairClassifier(init="zh-general").fit(pairs, [1, 0] * 20)  # doctest: +SKIP
        >>> classifier.predict([("花呗怎么还", "花呗如何还款")])  # doctest: +SKIP
        array([1])
    """

    def __init__(
        self,
        recipe: Recipe | str | None = None,
        *,
        init: str | os.PathLike[str] | None = None,
        tokenizer: Any = None,
        validation_fraction: float = 0.1,
        random_state: Any = 0,
        progress: bool | None = False,
    ) -> None:
        self.recipe = recipe
        self.init = init
        self.tokenizer = tokenizer
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.progress = progress

    def fit(self, X: Any, y: Any) -> PairClassifier:
        """Trains a model.

        Args:
            X: texts (pairs, 2), or numbers (pairs, 2 * width).
            y: two classes (pairs,).

        Raises:
            ValueError: X or y has another form, or y does not have two classes.
            TextsimError: what `textsim.preprocess` and `textsim.train` raise.
        """
        from textsim.training.trainer import train

        X, y = validate_data(self, _table(X), y, dtype=None)
        _check_rows(X)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) != 2:
            raise ValueError(
                f"Only binary classification is supported. Received {len(self.classes_)} classes: {self.classes_}."
            )
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        try:
            parts = train_test_split(
                X, labels, test_size=self.validation_fraction, random_state=seed, stratify=labels
            )
        except ValueError as error:
            raise InputError(
                f"validation_fraction={self.validation_fraction!r} of {len(X)} rows: {error}"
            ) from None
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            preprocess(
                _source(*parts[::2]),
                folder / "dataset",
                dev=_source(*parts[1::2]),
                kind="pairs" if _are_texts(X) else "vectors",
                tokenizer=self.tokenizer,
                vocabulary=self.init if _are_texts(X) else None,
                progress=self.progress,
            )
            init = None if self.init is None else os.fspath(self.init)
            recipe = self._recipe(X, len(parts[0])).replace([f"training.seed={seed}"])
            result = train(folder / "dataset", recipe, folder / "model", init=init, progress=self.progress)
            saved = load_model(folder / "model")
        # The folder is gone: what is made with the matcher, such as an index, shall not name it.
        saved.source = None
        self.matcher_: TextMatcher | VectorMatcher = (
            TextMatcher(saved) if saved.kind == "text" else VectorMatcher(saved)
        )
        self.history_ = result.history
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class: float64 (pairs, 2), in the order of `classes_`."""
        scores = self._scores(X)
        same = self.matcher_.saved.calibration.probabilities(scores)
        return np.column_stack([1 - same, same])

    def predict(self, X: Any) -> np.ndarray:
        """The class of each pair (pairs,): the larger one where the score reaches the model's threshold."""
        scores = self._scores(X)
        return np.asarray(self.classes_[(scores >= self.matcher_.threshold).astype(int)])

    def _scores(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        X = validate_data(self, _table(X), dtype=None, reset=False)
        if isinstance(self.matcher_, TextMatcher):
            scores = self.matcher_.score_texts(X[:, 0].tolist(), X[:, 1].tolist(), where="X[{}]").scores
        else:
            scores = self.matcher_.score_pairs(*np.split(X, 2, axis=1))
        return np.asarray(scores, np.float64)

    def _recipe(self, X: np.ndarray, rows: int) -> Recipe:
        if isinstance(self.recipe, Recipe):
            return self.recipe
        if self.recipe is not None:
            return build_recipe(self.recipe)
        if self.init is not None:
            return load_model(self.init).recipe.for_continuing()
        return build_recipe(default_recipe("pairs" if _are_texts(X) else "vectors", rows))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        # Not any matrix: two texts a row, or twice as many numbers as a vector has.
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags


class TextEncoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Turns texts into their vectors, which a pretrained or trained model makes. Fitting learns nothing.

    Args:
        model: a model folder, or the name of a bundled model.
        simplify: whether texts are turned from traditional to simplified characters first (extra `opencc`).

    Attributes:
        matcher_: the loaded `TextMatcher`.

    Example:
        >>> from textsim.sklearn import TextEncoder
        >>> TextEncoder("zh-general").fit_transform(["花呗怎么还款", "今天天气"]).shape[0]
        2
    """

    def __init__(self, model: str | os.PathLike[str] = "zh-general", *, simplify: bool = False) -> None:
        self.model = model
        self.simplify = simplify

    def fit(self, X: Any = None, y: Any = None) -> TextEncoder:
        """Loads the model.

        Raises:
            ArtifactError: there is no such model of texts, or a file of it is missing or altered.
        """
        self.matcher_ = TextMatcher.load(self.model, simplify=self.simplify)
        return self

    def transform(self, X: Iterable[str]) -> np.ndarray:
        """The vectors of texts.

        Args:
            X: texts (n,): a list, an array, a column of a data frame.

        Returns:
            float32 (n, output_dim).

        Raises:
            InputError: not a list of texts, or a text is not a str or is empty; names the row.
        """
        check_is_fitted(self)
        return self.matcher_.encode(X)

    @property
    def _n_features_out(self) -> int:
        return self.matcher_.output_dim

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.input_tags.string = True
        return tags


def _are_texts(X: np.ndarray) -> bool:
    return X.dtype.kind not in "buif"


def _table(X: Any) -> Any:
    """Rows of texts in a list as an array of objects: NumPy's own of texts gives each the room of the longest."""
    if isinstance(X, list | tuple) and X and isinstance(X[0], list | tuple):
        return np.array(X, object) if any(isinstance(cell, str) for cell in X[0]) else X
    return X


def _check_rows(X: np.ndarray) -> None:
    """Raises InputError for rows of another form, and for what is no text: drawn apart, rows lose their places."""
    if not _are_texts(X):
        if X.shape[1] % 2:
            raise InputError(
                f"X: expected the numbers of two vectors of one width. Received {X.shape[1]} columns."
            )
        return
    if X.shape[1] != 2:
        raise InputError(f"X: expected two texts a row. Received {X.shape[1]} columns.")
    normalize = Normalizer()
    for row, texts in enumerate(X.tolist()):
        for side, text in zip(("text_a", "text_b"), texts, strict=True):
            if not isinstance(text, str) or not normalize(text):
                raise InputError(f"X[{row}], {side}: expected a text. Received {shown(text)}.")


def _source(X: np.ndarray, labels: np.ndarray) -> Any:
    """Rows as `preprocess` takes them."""
    if _are_texts(X):
        return {"text_a": X[:, 0].tolist(), "text_b": X[:, 1].tolist(), "label": labels}
    return (*np.split(X, 2, axis=1), labels)
