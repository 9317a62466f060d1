"""Figures of a scorer: accuracy, ranking figures, and evaluation of a saved model on a file."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from textsim.artifacts.profile import Profile
from textsim.artifacts.saved_model import SavedModel
from textsim.data.dataset import PairDataset
from textsim.data.detection import texts_kind_of
from textsim.data.kept_rows import kept_rows_name
from textsim.data.row_kinds import PAIRS, TRIPLETS
from textsim.data.sources import Source, is_path
from textsim.data.vectors import iter_vector_pairs
from textsim.errors import ConfigError, DataFormatError
from textsim.evaluation.calibration import calibration_metrics
from textsim.evaluation.drift import TextMeasures, profile_of
from textsim.evaluation.labelled_pairs import LabelledPairs, as_pairs
from textsim.evaluation.risk import proportion_interval
from textsim.evaluation.row_scores import RowScores, row_scores
from textsim.extras import needed_for
from textsim.io.progress import progress_bar
from textsim.matching.decisions import VERDICTS, decide
from textsim.matching.files.report import FileReport
from textsim.matching.files.text_file import TextFile
from textsim.matching.load import load_matcher
from textsim.matching.matcher import Matcher
from textsim.matching.vector_matcher import VectorMatcher
from textsim.registry import unknown_name

UNLIKE_SHARES = 0.1
"""How far the fraction of pairs judged the same may lie from that of those labelled so before it is worth a word."""

_ROW_KINDS = {kind.name: kind for kind in (PAIRS, TRIPLETS)}


@dataclasses.dataclass(frozen=True)
class DecisionMetrics:
    """How good a model's probabilities and decisions are.

    Attributes:
        ece, brier, log_loss: see `CalibrationMetrics`.
        decisions: how many pairs have each decision, by its name.
        intervals: of accuracy at the threshold, precision and recall, low and high, exact at 95 %.
    """

    ece: float
    brier: float
    log_loss: float
    decisions: dict[str, int]
    intervals: dict[str, tuple[float, float]]


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Figures of one model on one set of labelled pairs.

    A pair is positive where its label is at least 0.5, and judged positive where its score is at least the
    threshold. Precision, recall, F1 and the confusion counts are those at `threshold`. Figures that a set of
    one class cannot have (AUC, average precision, Spearman of constant labels or scores) are None. `decided` is about
    the model's probabilities and decisions; None where scores alone were given. `report` tells how a file was read: its
    encoding, rows left out, texts truncated.
    """

    pairs: int
    accuracy: float
    threshold: float
    accuracy_at_threshold: float
    precision: float
    recall: float
    f1: float
    auc: float | None
    average_precision: float | None
    spearman: float | None
    majority_accuracy: float
    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int
    seconds: float = 0.0
    decided: DecisionMetrics | None = None
    report: FileReport = dataclasses.field(default_factory=FileReport)

    def to_dict(self) -> dict[str, Any]:
        """The metrics alone, as JSON can hold them, those of `decided` among them."""
        values = dataclasses.asdict(self)
        del values["report"]
        decided = values.pop("decided") or {}
        return {**values, **decided}

    def format(self) -> str:
        """The figures as lines of text."""

        def fraction(value: float | None) -> str:
            return "      -" if value is None else f"{value:7.4f}"

        gain = self.accuracy_at_threshold - self.majority_accuracy
        judged = (self.true_positives + self.false_positives) / self.pairs
        labelled = (self.true_positives + self.false_negatives) / self.pairs
        notes = []
        if abs(judged - labelled) >= UNLIKE_SHARES:
            notes.append(
                f"note                   {judged:.0%} of the pairs are judged the same, {labelled:.0%} are: another "
                "threshold may suit them better (textsim calibrate)"
            )
        decided = []
        if self.decided is not None:
            counts = ", ".join(f"{count:,} {name}" for name, count in self.decided.decisions.items())
            decided = [
                f"decisions              {counts}",
                f"probabilities          ECE {self.decided.ece:.4f}, Brier {self.decided.brier:.4f}, log loss "
                f"{self.decided.log_loss:.4f}",
            ]

        def within(name: str) -> str:
            if self.decided is None:
                return ""
            low, high = self.decided.intervals[name]
            return f"  ({low:.4f} to {high:.4f})"

        return "\n".join(
            [
                f"pairs                  {self.pairs:,} in {self.seconds:.1f} s",
                f"accuracy              {fraction(self.accuracy_at_threshold)}  at the model's threshold "
                f"{self.threshold:.3f}{within('accuracy_at_threshold')}",
                f"accuracy at 0.5       {fraction(self.accuracy)}",
                f"majority class        {fraction(self.majority_accuracy)}  ({gain:+.4f} over it)",
                f"precision             {fraction(self.precision)}{within('precision')}",
                f"recall                {fraction(self.recall)}{within('recall')}",
                f"F1                    {fraction(self.f1)}",
                f"ROC AUC               {fraction(self.auc)}",
                f"average precision     {fraction(self.average_precision)}",
                f"Spearman              {fraction(self.spearman)}",
                f"confusion              same: {self.true_positives:,} found, {self.false_negatives:,} missed; "
                f"different: {self.true_negatives:,} told apart, {self.false_positives:,} taken for same",
                *decided,
                *notes,
            ]
        )


def evaluate_scores(
    labels: np.ndarray, scores: np.ndarray, threshold: float, seconds: float = 0.0
) -> Evaluation:
    """Figures of scores against labels.

    Args:
        labels: float (pairs,); 0 and 1, or graded, of which 0.5 and more count as positive.
        scores: float (pairs,) in [0, 1].
        threshold: the decision threshold, chosen on other data.
        seconds: how long the scoring took.
    """
    with needed_for("evaluating scores"):
        from scipy.stats import spearmanr
        from sklearn.metrics import average_precision_score, roc_auc_score

    labels, scores = np.asarray(labels, "float64"), np.asarray(scores, "float64")
    positive, judged = labels >= 0.5, scores >= threshold
    hits = int(np.sum(positive & judged))
    precision = hits / max(int(judged.sum()), 1)
    recall = hits / max(int(positive.sum()), 1)
    both = bool(positive.any() and not positive.all())
    varied = np.ptp(labels) > 0 and np.ptp(scores) > 0
    return Evaluation(
        pairs=len(labels),
        accuracy=float(np.mean(positive == (scores >= 0.5))),
        threshold=float(threshold),
        accuracy_at_threshold=float(np.mean(positive == judged)),
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall) if hits else 0.0,
        auc=float(roc_auc_score(positive, scores)) if both else None,
        average_precision=float(average_precision_score(positive, scores)) if both else None,
        spearman=float(spearmanr(labels, scores).statistic) if varied else None,
        majority_accuracy=float(max(positive.mean(), 1 - positive.mean())),
        true_positives=hits,
        false_positives=int(np.sum(~positive & judged)),
        true_negatives=int(np.sum(~positive & ~judged)),
        false_negatives=int(np.sum(positive & ~judged)),
        seconds=seconds,
    )


@dataclasses.dataclass(frozen=True)
class TripletEvaluation:
    """How a model orders triplets.

    Attributes:
        triplets: how many.
        triplet_accuracy: the fraction in which the anchor scores strictly higher with the positive than with the
            negative.
        seconds: how long it took.
        report: how a file was read.
    """

    triplets: int
    triplet_accuracy: float
    seconds: float = 0.0
    report: FileReport = dataclasses.field(default_factory=FileReport)

    def to_dict(self) -> dict[str, Any]:
        """The metrics alone, as JSON can hold them."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name != "report"}

    def format(self) -> str:
        """The figures as lines of text."""
        return (
            f"triplets          {self.triplets:,} in {self.seconds:.1f} s\n"
            f"triplet accuracy  {self.triplet_accuracy:.4f}"
        )


def evaluate_triplets(
    positive_scores: np.ndarray, negative_scores: np.ndarray, seconds: float = 0.0
) -> TripletEvaluation:
    """Figures of triplets.

    Args:
        positive_scores: float (triplets,), scores of anchor and positive.
        negative_scores: float (triplets,), scores of anchor and negative.
        seconds: how long the scoring took.
    """
    return TripletEvaluation(len(positive_scores), float(np.mean(positive_scores > negative_scores)), seconds)


def evaluate_file(
    model: str | os.PathLike[str] | Matcher,
    path: Source,
    *,
    split: str | None = None,
    kind: Literal["pairs", "triplets"] | None = None,
    progress: bool | None = None,
    **reading: Any,
) -> Evaluation | TripletEvaluation:
    """Figures of a saved model on labelled pairs, triplets or vector pairs.

    The threshold is the one saved with the model; nothing is chosen on the file. Memory holds the scores and a
    bounded cache of encoded sentences, whatever the file's length.

    Args:
        model: a model folder, the name of a bundled model, or a loaded matcher.
        path: a data file, a dataset folder whose vocabulary is the model's, a data frame, or rows or arrays in memory
            (see `textsim.data.sources.Source`).
        split: the rows to use of a dataset folder; by default dev.
        kind: what a file of texts holds; by default what the names of its columns say, else pairs.
        progress: whether to show a bar; by default where standard error is a terminal.
        reading: how to read a file, see `textsim.data.settings.Reading`.

    Raises:
        ArtifactError: the model or the dataset is not whole.
        DataFormatError: the file cannot be read, or holds no rows; names file and line.
        ConfigError: a dataset of another kind, vocabulary or `simplify` than the model's or that holds less of a text,
            reading options for a dataset, or a split for a file.

    Example:
        >>> from textsim import evaluate_file
        >>> evaluation = evaluate_file("zh-general", "dev.tsv")
        >>> evaluation.pairs, 0 <= evaluation.auc <= 1
        (40, True)
    """
    matcher = model if isinstance(model, Matcher) else load_matcher(model)
    start = time.perf_counter()
    found = labelled_scores(matcher, path, split=split, kind=kind, progress=progress, **reading)
    seconds = time.perf_counter() - start
    if found.labels is None:
        result: Evaluation | TripletEvaluation = evaluate_triplets(
            found.columns[0].scores, found.columns[1].scores, seconds
        )
    else:
        result = evaluate_scores(found.labels, found.columns[0].scores, matcher.threshold, seconds)
        result = dataclasses.replace(result, decided=_decided(matcher.saved, found, result))
    return dataclasses.replace(result, report=dataclasses.replace(found.report, seconds=seconds))


def _decided(saved: SavedModel, found: LabelledScores, result: Evaluation) -> DecisionMetrics:
    assert found.labels is not None
    decisions = decide(saved, *found.columns[0])
    # Of what the model says: the curve alone knows nothing of pairs that are indistinct.
    metrics = calibration_metrics(found.labels, np.array([decision.probability for decision in decisions]))
    names = [decision.decision for decision in decisions]
    right = result.true_positives + result.true_negatives
    judged = result.true_positives + result.false_positives
    counts = {
        "accuracy_at_threshold": (right, result.pairs),
        "precision": (result.true_positives, judged),
        "recall": (result.true_positives, result.true_positives + result.false_negatives),
    }
    intervals = {name: proportion_interval(*count) for name, count in counts.items()}
    return DecisionMetrics(
        **dataclasses.asdict(metrics),
        decisions={verdict: names.count(verdict) for verdict in VERDICTS},
        intervals={name: (float(low), float(high)) for name, (low, high) in intervals.items()},
    )


class LabelledScores(NamedTuple):
    """Scores of labelled rows.

    Attributes:
        labels: of pairs, float32 (rows,); None of triplets.
        columns: of pairs one; of triplets two, of the anchors with the positives and with the negatives.
        report: how a file was read.
        texts: of rows that were read as texts, those of all sides; None otherwise.
    """

    labels: np.ndarray | None
    columns: list[RowScores]
    report: FileReport
    texts: TextMeasures | None = None

    def as_pairs(self) -> LabelledPairs:
        """The rows as pairs: a triplet is a match and a pair that is none."""
        return as_pairs(self.labels, self.columns)

    def profile(self) -> Profile | None:
        """What a model keeps of them where its threshold is chosen on them."""
        return None if self.texts is None else profile_of(self.as_pairs().scores, self.texts)


def labelled_scores(
    matcher: Matcher,
    path: Source,
    *,
    split: str | None = None,
    kind: Literal["pairs", "triplets"] | None = None,
    progress: bool | None = None,
    **reading: Any,
) -> LabelledScores:
    """Scores of labelled pairs, triplets or vector pairs, and their labels. Arguments and errors of `evaluate_file`."""
    if kind is not None and kind not in _ROW_KINDS:
        raise ConfigError(unknown_name("kind of rows", kind, tuple(_ROW_KINDS)))
    report, texts = FileReport(), None
    if is_path(path) and Path(path).is_dir():
        reading |= {} if kind is None else {"kind": kind}
        if reading:
            raise ConfigError(
                f"{path}/ is a dataset folder, whose rows were read when it was made. Leave out: {', '.join(reading)}."
            )
        dataset = PairDataset.open(path)
        split = split or "dev"
        _check_split(matcher, dataset, split)
        if dataset.kind != "vectors" and dataset.report["rows_kind"] == dataset.kind:
            # The texts themselves, which a model of any vocabulary reads.
            rows = dataset.path / kept_rows_name(split)
            as_kept = {
                "header": "yes",
                "format": "csv",
                "label_max": None if dataset.kind == "triplets" else 1.0,
            }
            chunks, report, texts = _score_file(matcher, rows, dataset.kind, progress, as_kept)
        else:
            chunks = list(_dataset_chunks(matcher, dataset, split, progress))
    elif split is not None:
        raise ConfigError(f"split={split!r} chooses rows of a dataset folder, and there is none.")
    elif isinstance(matcher, VectorMatcher):
        if kind is not None:
            raise ConfigError(f"kind={kind!r} is one of rows of texts, but the model reads vectors.")
        chunks = []
        with progress_bar(progress, "scoring", "pairs") as bar:
            for chunk in iter_vector_pairs(path, **reading):
                scores = matcher.score_pairs(chunk.left, chunk.right)
                chunks.append(([RowScores(scores, np.zeros(len(scores), bool))], chunk.labels))
                bar.update(len(chunk))
    else:
        chunks, report, texts = _score_file(matcher, path, kind, progress, reading)
    scores, labels = zip(*chunks, strict=True)
    columns = [RowScores.joined(column) for column in zip(*scores, strict=True)]
    count = len(columns[0].scores)
    if not count:
        raise DataFormatError("expected labelled rows. Found none.")
    indistinct = sum(int(column.indistinct.sum()) for column in columns)
    report = dataclasses.replace(report, rows=count, indistinct=indistinct)
    return LabelledScores(None if len(columns) == 2 else np.concatenate(labels), columns, report, texts)


Chunk = tuple[list[RowScores], np.ndarray | None]
"""Scores of a chunk's pairs, or of its anchors with the positives and with the negatives; its labels."""


def _score_file(
    matcher: Any, source: Source, kind: str | None, progress: bool | None, reading: dict[str, Any]
) -> tuple[list[Chunk], FileReport, TextMeasures | None]:
    if kind is None:
        kind = texts_kind_of(source, **reading)
    rows = _ROW_KINDS[kind]
    chunks: list[Chunk] = []
    texts = []
    with (
        matcher.cache_for_a_pass() as cache,
        contextlib.closing(TextFile(matcher, source, rows, reading)) as file,
        progress_bar(progress, "scoring", kind) as bar,
    ):
        for chunk, (first, *others) in file:
            results = [matcher.compare(first, other, cache) for other in others]
            columns = [RowScores(result.scores, result.indistinct) for result in results]
            chunks.append((columns, chunk.labels))
            texts += [TextMeasures.of_keys(column.keys) for column in (first, *others)]
            bar.update(len(first), file.fraction())
    return chunks, file.report(), TextMeasures.joined(texts) if texts else None


def _check_split(matcher: Matcher, dataset: PairDataset, split: str) -> None:
    if split not in dataset.splits:
        raise ConfigError(f"{dataset.path}/ has no split {split!r}. It has: {', '.join(dataset.splits)}.")
    if (dataset.kind == "vectors") != isinstance(matcher, VectorMatcher):
        raise ConfigError(
            f"{dataset.path}/ holds {dataset.kind}, which this model of kind {matcher.kind!r} cannot score."
        )


def _dataset_chunks(matcher: Any, dataset: PairDataset, split: str, progress: bool | None) -> Iterator[Chunk]:
    """Scores vectors, and triplets that were made of labelled pairs, whose rows as they were read are others."""
    if dataset.vocabulary is not None and dataset.vocabulary.tokens != matcher.saved.vocabulary.tokens:
        raise ConfigError(
            f"{dataset.path}/ holds triplets that were made of pairs, with another vocabulary than the model. Evaluate "
            "on the file that it was made from."
        )
    rows, start = dataset.splits[split], 0
    with progress_bar(progress, "scoring", dataset.kind, total=len(rows)) as bar:
        for columns in row_scores(matcher, dataset, rows.sides):
            end = start + len(columns[0].scores)
            yield columns, None if rows.labels is None else rows.labels[start:end]
            bar.update(end - start)
            start = end
