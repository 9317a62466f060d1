"""How far pairs lie from those on which a model's threshold was chosen. It needs no labels.

References:
    Siddiqi (2006), Credit Risk Scorecards: the population stability index, and what is usually called a large one.
    Smirnov (1948), Table for Estimating the Goodness of Fit of Empirical Distributions: the two-sample test.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from textsim.artifacts.profile import Histogram, Profile
from textsim.data.dataset import Sentences
from textsim.data.row_kinds import UNLABELED
from textsim.data.sources import Source
from textsim.errors import ArtifactError, DataFormatError
from textsim.extras import needed_for
from textsim.io.progress import progress_bar
from textsim.matching.files.report import FileReport
from textsim.matching.files.text_file import TextFile
from textsim.matching.text_matcher import TextMatcher
from textsim.text.vocabulary import UNK_ID

BINS = 10
UNKNOWN_BOUNDS = np.array([0.0, 0.05, 0.1, 0.2, 0.4])
"""Of the fraction of unknown tokens, which is 0 for most texts."""
LARGE_INDEX = 0.2
SIGNIFICANT = 0.01


class TextMeasures(NamedTuple):
    """What texts are like to a model.

    Attributes:
        lengths: tokens that are read of each, int (texts,).
        unknown: the fraction of them that the vocabulary does not have, float64 (texts,).
    """

    lengths: np.ndarray
    unknown: np.ndarray

    @classmethod
    def of_keys(cls, keys: Sequence[bytes]) -> TextMeasures:
        """Those of texts that were read, see `TokenizedTexts`."""
        lengths = np.fromiter(map(len, keys), np.int64, len(keys)) // np.dtype(np.int32).itemsize
        return cls._of(np.frombuffer(b"".join(keys), np.int32), lengths)

    @classmethod
    def joined(cls, parts: Iterable[TextMeasures]) -> TextMeasures:
        """Those of several parts, one at least."""
        return cls(*map(np.concatenate, zip(*parts, strict=True)))

    @classmethod
    def of_sentences(cls, sentences: Sentences, numbers: np.ndarray) -> TextMeasures:
        """Those of a dataset's sentences with these numbers, int (texts,)."""
        texts = [sentences[number] for number in numbers.tolist()]
        return cls._of(np.concatenate(texts), sentences.lengths[numbers])

    @classmethod
    def _of(cls, ids: np.ndarray, lengths: np.ndarray) -> TextMeasures:
        text = np.repeat(np.arange(len(lengths)), lengths)
        unknown = np.bincount(text, ids == UNK_ID, minlength=len(lengths))
        return cls(lengths, unknown / np.maximum(lengths, 1))


def profile_of(scores: np.ndarray, texts: TextMeasures) -> Profile:
    """What a model folder keeps of pairs: scores, float (pairs,), and the texts of both sides."""

    def tenths(values: np.ndarray) -> Histogram:
        distinct, counts = np.unique(values, return_counts=True)
        ends = np.searchsorted(np.cumsum(counts), np.arange(1, BINS) / BINS * len(values))
        ends = np.unique(ends[ends < len(distinct) - 1])
        # Midway between neighbours: rounding moves no value into another bin.
        return Histogram.of(values, (distinct[ends] + distinct[ends + 1]) / 2)

    return Profile(
        scores=tenths(np.asarray(scores, np.float64)),
        lengths=tenths(texts.lengths),
        unknown=Histogram.of(texts.unknown, UNKNOWN_BOUNDS),
    )


@dataclasses.dataclass(frozen=True)
class Shift:
    """How far the values of a measure lie from those that a model keeps.

    Attributes:
        before, now: the means.
        psi: the population stability index, the sum of (p - q) ln(p / q) over the bins, where p and q are the fractions
            of the values in a bin, half a value added to each; 0 and more. From 0.1 on it is usually called small,
            from 0.2 on large.
        statistic: of the two-sample Kolmogorov-Smirnov test, the largest difference of the distribution functions; at
            the bounds of the bins alone, so that it is rather too small.
        p_value: of that test: how likely such a difference is by chance.
    """

    before: float
    now: float
    psi: float
    statistic: float
    p_value: float

    @property
    def large(self) -> bool:
        """Whether it is large, and not by chance."""
        return self.psi >= LARGE_INDEX and self.p_value < SIGNIFICANT


@dataclasses.dataclass(frozen=True)
class Drift:
    """How far pairs without labels lie from those on which a model's threshold was chosen.

    Attributes:
        pairs: how many there are.
        kept_pairs: how many there were.
        scores, lengths, unknown: see `Profile`.
        report: how the pairs were read.
    """

    pairs: int
    kept_pairs: int
    scores: Shift
    lengths: Shift
    unknown: Shift
    report: FileReport = dataclasses.field(default_factory=FileReport)

    @property
    def shifted(self) -> list[str]:
        """Which measures lie far from what they were."""
        return [name for name in ("scores", "lengths", "unknown") if getattr(self, name).large]

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it; `choose_anew` tells whether a measure lies far off."""
        values = {name: value for name, value in dataclasses.asdict(self).items() if name != "report"}
        return {**values, "shifted": self.shifted, "choose_anew": bool(self.shifted)}

    def format(self) -> str:
        """As lines of text."""
        lines = [
            f"{self.pairs:,} pairs without labels, beside {self.kept_pairs:,} on which the threshold was chosen",
            f"{'':<24}{'then':>10}{'now':>10}{'PSI':>8}{'KS':>8}{'p':>10}",
        ]
        for name, title in (
            ("scores", "mean score"),
            ("lengths", "mean tokens of a text"),
            ("unknown", "unknown of them"),
        ):
            shift: Shift = getattr(self, name)
            lines.append(
                f"{title:<24}{shift.before:10.4f}{shift.now:10.4f}{shift.psi:8.3f}{shift.statistic:8.3f}"
                f"{shift.p_value:10.2g}"
            )
        if self.shifted:
            lines.append(
                f"choose the threshold anew (textsim calibrate): {', '.join(self.shifted)} far from then, a PSI of "
                f"at least {LARGE_INDEX:g} and p < {SIGNIFICANT:g} in the Kolmogorov-Smirnov test"
            )
        else:
            lines.append(
                "no measure lies far from then; whether decisions are still right, labelled pairs alone tell"
            )
        return "\n".join(lines)


def compare_profiles(kept: Profile, scores: np.ndarray, texts: TextMeasures) -> Drift:
    """How far pairs lie from those of a profile.

    Args:
        kept: what a model keeps.
        scores: of the pairs, float (pairs,) in [0, 1].
        texts: of both sides.
    """
    return Drift(
        len(scores),
        sum(kept.scores.counts),
        _shift(kept.scores, np.asarray(scores, np.float64)),
        _shift(kept.lengths, texts.lengths),
        _shift(kept.unknown, texts.unknown),
    )


def _shift(kept: Histogram, values: np.ndarray) -> Shift:
    with needed_for("drift"):
        from scipy.stats import ks_2samp

    counts = np.array([kept.counts, Histogram.of(values, np.array(kept.bounds)).counts])
    fractions = (counts + 0.5) / (counts + 0.5).sum(axis=1, keepdims=True)
    test = ks_2samp(*(np.repeat(np.arange(counts.shape[1]), row) for row in counts), method="asymp")
    return Shift(
        before=kept.mean,
        now=float(np.mean(values)),
        psi=float(np.sum((fractions[0] - fractions[1]) * np.log(fractions[0] / fractions[1]))),
        statistic=float(test.statistic),
        p_value=float(test.pvalue),
    )


def measure_drift(
    model: str | os.PathLike[str] | TextMatcher,
    path: Source,
    *,
    progress: bool | None = None,
    **reading: Any,
) -> Drift:
    """How far pairs of texts without labels lie from those on which a model's threshold was chosen.

    It tells by scores, lengths and unknown tokens whether the model has come into another domain than it was chosen
    for. That it does not is no proof: how often decisions are right, labelled pairs alone tell (`evaluate_file`).

    Args:
        model: a model folder of texts, the name of a bundled one, or a loaded matcher.
        path: pairs of texts, see `textsim.data.sources.Source`.
        progress: whether to show a bar; by default where standard error is a terminal.
        reading: how to read them, see `textsim.data.settings.Reading`.

    Raises:
        ArtifactError: the model is not whole, reads no texts, or keeps nothing of those pairs, as it was made earlier.
        DataFormatError: the pairs cannot be read; names file and line.

    Example:
        >>> from textsim import measure_drift
        >>> drift = measure_drift("zh-general", "pairs.tsv")
        >>> drift.pairs, drift.scores.psi >= 0
        (40, True)
    """
    matcher = TextMatcher.of(model)
    kept = matcher.saved.profile
    if kept is None:
        raise ArtifactError(
            f"{matcher.saved.source or 'the model'} carries no profile of the pairs on which its threshold was chosen: "
            "it was made by an earlier textsim. Calibrate it (`textsim calibrate`) or train it "
            "again: the new model has one."
        )
    began = time.perf_counter()
    scores: list[np.ndarray] = []
    texts: list[TextMeasures] = []
    with (
        matcher.cache_for_a_pass() as cache,
        contextlib.closing(TextFile(matcher, path, UNLABELED, reading)) as file,
        progress_bar(progress, "scoring", "pairs") as bar,
    ):
        for _, (left, right) in file:
            scores.append(matcher.compare(left, right, cache).scores)
            texts.append(TextMeasures.of_keys([*left.keys, *right.keys]))
            bar.update(len(left), file.fraction())
    if not scores or not sum(map(len, scores)):
        raise DataFormatError("expected pairs of texts. Found none.")
    found = compare_profiles(kept, np.concatenate(scores), TextMeasures.joined(texts))
    report = file.report(rows=found.pairs, seconds=time.perf_counter() - began)
    return dataclasses.replace(found, report=report)
