"""Two models on the same labelled pairs: is one better, or is it chance?"""

from __future__ import annotations

import dataclasses
import os
from typing import Any, Literal

import numpy as np

from textsim.data.formats.cells import one_line
from textsim.data.sources import Source, lasting, name_of
from textsim.errors import ConfigError
from textsim.evaluation.errors import DecidedPair, decided_pairs
from textsim.evaluation.evaluate import Evaluation, evaluate_scores
from textsim.matching.files.report import FileReport
from textsim.matching.text_matcher import TextMatcher

RESAMPLES = 2000


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two models on the same pairs, each at its own threshold.

    Attributes:
        a, b: the metrics of each.
        difference: accuracy of a minus that of b.
        low, high: its interval of 95 %, by the paired bootstrap, see `paired_interval`.
        p_value: of McNemar's exact test: how likely pairs that only one of the two gets right would be shared out at
            least as unevenly by chance alone.
        only_a, only_b: how many pairs only one of them gets right.
        examples: some of these, as b sees those that only a gets right, and the other way round.
        report: how the pairs were read.

    References:
        McNemar (1947), Note on the sampling error of the difference between correlated proportions or percentages.
    """

    a: Evaluation
    b: Evaluation
    difference: float
    low: float
    high: float
    p_value: float
    only_a: int
    only_b: int
    examples: dict[Literal["only_a", "only_b"], list[DecidedPair]]
    report: FileReport = dataclasses.field(default_factory=FileReport)

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        metrics = {
            name: {**side.to_dict(), "accuracy": side.accuracy_at_threshold}
            for name, side in (("a", self.a), ("b", self.b))
        }
        return {
            **metrics,
            **{
                name: getattr(self, name)
                for name in ("difference", "low", "high", "p_value", "only_a", "only_b")
            },
            "examples": {name: [pair._asdict() for pair in pairs] for name, pairs in self.examples.items()},
        }

    def format(self) -> str:
        """As lines of text."""

        def line(name: str, key: str) -> str:
            values = [getattr(side, key) for side in (self.a, self.b)]
            return f"{name:<10}" + "".join(
                "         -" if value is None else f"{value:10.4f}" for value in values
            )

        verdict = "differ" if self.p_value < 0.05 else "do not differ by more than chance explains"
        lines = [
            f"{self.a.pairs:,} pairs        a         b",
            line("accuracy", "accuracy_at_threshold"),
            line("AUC", "auc"),
            line("F1", "f1"),
            f"difference  {self.difference:+.4f}, 95 % between {self.low:+.4f} and {self.high:+.4f}",
            f"right in a alone {self.only_a:,}, in b alone {self.only_b:,}; McNemar p = {self.p_value:.2g}: "
            f"they {verdict}",
        ]
        for name, pairs in self.examples.items():
            lines += [
                f"{name}: {one_line(pair.text_a)}\t{one_line(pair.text_b)}\t{pair.label:g}" for pair in pairs
            ]
        return "\n".join(lines)


def compare(
    a: TextMatcher | str | os.PathLike[str],
    b: TextMatcher | str | os.PathLike[str],
    path: Source,
    *,
    examples: int = 5,
    seed: int = 0,
    progress: bool | None = None,
    **reading: Any,
) -> Comparison:
    """Compares two models on labelled pairs; their vocabularies may differ.

    Args:
        a, b: model folders of texts, names of bundled ones, or loaded matchers.
        path: labelled pairs, see `textsim.data.sources.Source`; no stream, since each model reads them.
        examples: how many pairs to show that only one of them gets right.
        seed: of the bootstrap.
        progress: whether to show a bar for each model; by default where standard error is a terminal.
        reading: how to read the pairs, see `textsim.data.settings.Reading`.

    Raises:
        ArtifactError: a model is not whole, or reads no texts.
        DataFormatError: the pairs cannot be read, or there are none; names the line.
        ConfigError: the two models do not read the same rows of them.
        InputError: `path` is a stream.

    Example:
        >>> from textsim import compare
        >>> found = compare("model", "zh-general", "dev.tsv")
        >>> found.low <= found.difference <= found.high, 0 <= found.p_value <= 1
        (True, True)
    """
    path = lasting(path, "the labelled pairs")
    matchers = [TextMatcher.of(model) for model in (a, b)]
    found = [decided_pairs(matcher, path, progress=progress, **reading) for matcher in matchers]
    pairs = [side.pairs for side in found]
    if [pair[:3] for pair in pairs[0]] != [pair[:3] for pair in pairs[1]]:
        raise ConfigError(
            f"{name_of(path)}: the two models leave out different rows, as they normalize texts. Remove the rows that "
            "one of them cannot read."
        )
    labels = np.array([pair.label for pair in pairs[0]])
    scores = [np.array([pair.score for pair in side]) for side in pairs]
    metrics = [
        evaluate_scores(labels, column, matcher.threshold)
        for column, matcher in zip(scores, matchers, strict=True)
    ]
    right = [
        (column >= matcher.threshold) == (labels >= 0.5)
        for column, matcher in zip(scores, matchers, strict=True)
    ]
    only = [right[0] & ~right[1], right[1] & ~right[0]]
    low, high = paired_interval(right[0], right[1], seed)
    shown = [
        [pairs[1 - side][place] for place in np.flatnonzero(only[side])[:examples].tolist()]
        for side in (0, 1)
    ]
    return Comparison(
        metrics[0],
        metrics[1],
        difference=float(right[0].mean() - right[1].mean()),
        low=low,
        high=high,
        p_value=mcnemar(int(only[0].sum()), int(only[1].sum())),
        only_a=int(only[0].sum()),
        only_b=int(only[1].sum()),
        examples={"only_a": shown[0], "only_b": shown[1]},
        report=found[0].report,
    )


def paired_interval(right_a: np.ndarray, right_b: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """The interval of 95 % of the difference in accuracy, by the paired bootstrap.

    Pairs are drawn with replacement, the same for both models, as if of one pair more only a had been right, and of
    another only b: from few pairs on which they differ, the bootstrap alone makes too narrow an interval, and from none
    an interval without width.

    References:
        Efron & Tibshirani (1993), An Introduction to the Bootstrap.
        Bonett & Price (2012), Adjusted Wald Confidence Interval for a Difference of Binomial Proportions Based on
        Paired Data: the two further pairs.

    Args:
        right_a, right_b: bool (pairs,), whether each model is right on each pair.
        seed: of the draws.
    """
    # A resample is told by how often it holds a pair that a alone, and one that b alone gets right.
    counts = [int(np.sum(right_a & ~right_b)) + 1, int(np.sum(right_b & ~right_a)) + 1]
    total = len(right_a) + 2
    drawn = np.random.default_rng(seed).multinomial(
        total, [counts[0] / total, counts[1] / total, (total - sum(counts)) / total], RESAMPLES
    )
    low, high = np.percentile((drawn[:, 0] - drawn[:, 1]) / total, [2.5, 97.5])
    return float(low), float(high)


def mcnemar(only_a: int, only_b: int) -> float:
    """The p-value of McNemar's exact test, from how many pairs one model alone gets right."""
    from scipy.stats import binomtest

    if only_a + only_b == 0:
        return 1.0
    return float(binomtest(only_a, only_a + only_b).pvalue)
