"""The page beside a trained model: what it does on the validation split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from textsim.artifacts.saved_model import SavedModel
from textsim.data.dataset import PairDataset
from textsim.data.kept_rows import kept_rows_name
from textsim.data.row_kinds import PAIRS
from textsim.data.rows import read_rows
from textsim.evaluation.errors import DecidedPair
from textsim.evaluation.labelled_pairs import LabelledPairs
from textsim.evaluation.report import pairs_of, report_page, score_content, text_content
from textsim.io.paths import as_text
from textsim.matching.decisions import decide
from textsim.matching.text_matcher import TextMatcher

_AS_KEPT: dict[str, Any] = {"header": "yes", "format": "csv", "label_max": 1.0}


def training_report(
    saved: SavedModel,
    name: str,
    dataset: PairDataset,
    given: LabelledPairs,
    probabilities: np.ndarray,
    history: Sequence[Mapping[str, Any]],
) -> str:
    """The page about a trained model; of pairs of texts with their errors, of triplets and vectors the scores alone.

    Args:
        saved: the model.
        name: of its folder.
        dataset: what it was trained on.
        given: the validation split's pairs. Nothing is scored anew.
        probabilities: of the distinct ones, by curves that were fitted without them, see `CrossFit`.
        history: one dict an epoch.
    """
    decisions = decide(saved, given.scores, given.indistinct)
    fitted = iter(probabilities.tolist())
    held_out = [
        decision if alike else decision._replace(probability=next(fitted))
        for decision, alike in zip(decisions, given.indistinct.tolist(), strict=True)
    ]
    content = score_content(saved, given.labels, held_out, history)
    if dataset.kind == "pairs":
        rows = [
            row
            for chunk in read_rows(dataset.path / kept_rows_name("dev"), PAIRS, **_AS_KEPT)
            for row in zip(*chunk.texts, strict=True)
        ]
        matcher = TextMatcher(saved)
        pairs = [
            DecidedPair(a, b, label, decision.score, decision.probability, decision.decision)
            for (a, b), label, decision in zip(rows, given.labels.tolist(), decisions, strict=True)
        ]
        seen = pairs_of(dataset.path / kept_rows_name("train"), **_AS_KEPT)
        content |= text_content(matcher, pairs, seen)
    return report_page(name, f"{as_text(dataset.path.name)} dev", content)
