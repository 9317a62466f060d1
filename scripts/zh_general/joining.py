"""The models of a line of training made one: the mean of their weights, one threshold and one calibration."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from textsim.artifacts.saved_model import SavedModel
from textsim.data.rows import read_rows
from textsim.evaluation.calibration import fit_calibration
from textsim.evaluation.drift import TextMeasures, profile_of
from textsim.evaluation.evaluate import evaluate_scores
from textsim.matching.text_matcher import TextMatcher

USUAL_COSINE = 0.75
"""About that of a dev row's texts: where the cosine counts for more, scores of such pairs stay where they are."""


AS_GOOD = 0.002
"""A lower mean accuracy by so much is as good: about its standard error on rows like these."""


def joined(models: Sequence[SavedModel], shares: Sequence[float], cosine: float) -> SavedModel:
    """The mean of models of which each continued from the one before.

    An early model knows the sets best, a late one what the rounds taught; their mean keeps most of both.

    Args:
        models: the last has every token that the others have, before its own, and a head that counts the cosine.
        shares: of each model; together 1.
        cosine: what is added to the weight of the cosine.

    Reference:
        Wortsman et al. (2022), Robust Fine-tuning of Zero-shot Models.
    """
    last = models[-1]
    weights: dict[str, np.ndarray] = {}
    for path, weight in last.weights.items():
        total, share = np.zeros_like(weight), np.zeros(weight.shape[:1], np.float32)
        for model, part in zip(models, shares, strict=True):
            # A head that does not count the cosine weighs it 0; a token that is not there yet has no share.
            given = model.weights.get(path, np.zeros_like(weight))
            if weight.ndim:
                total[: len(given)] += part * given
                share[: len(given)] += part
            else:
                total = total + part * given
        weights[path] = total / share.reshape(-1, *[1] * (weight.ndim - 1)) if weight.ndim else total
    weights["head/cosine"] = weights["head/cosine"] + np.float32(cosine)
    weights["head/linear/bias"] = weights["head/linear/bias"] - np.float32(USUAL_COSINE * cosine)
    return dataclasses.replace(last, weights={path: w.astype(np.float32) for path, w in weights.items()})


def decided(saved: SavedModel, files: Sequence[Path]) -> SavedModel:
    """A model with a threshold chosen on several files, calibrated on all their rows, whose profile it keeps.

    Of the thresholds whose mean accuracy is as good as the best it takes the highest: a false match mostly costs more
    than a missed one, and elsewhere fewer pairs match. Each file counts the same, however many rows it has. Files are
    of pairs labelled 0 or 1.
    """
    matcher = TextMatcher(saved)
    found, texts = [], []
    for file in files:
        chunks = list(read_rows(file))
        pairs = [pair for chunk in chunks for pair in zip(*chunk.texts, strict=True)]
        found.append((np.concatenate([chunk.labels for chunk in chunks]), matcher.score_pairs(pairs)))
        texts += [TextMeasures.of_keys(matcher.read(side).keys) for side in zip(*pairs, strict=True)]
    steps = np.arange(30, 80) / 100
    accuracies = [
        np.mean([np.mean((scores >= step) == (labels >= 0.5)) for labels, scores in found]) for step in steps
    ]
    threshold = float(steps[np.array(accuracies) >= max(accuracies) - AS_GOOD][-1].round(2))
    labels, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return dataclasses.replace(
        saved,
        threshold=threshold,
        metrics=evaluate_scores(labels, scores, threshold).to_dict(),
        calibration=fit_calibration(labels, scores),
        profile=profile_of(scores, TextMeasures.joined(texts)),
    )
