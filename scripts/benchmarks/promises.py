"""How often a promised precision fails on new pairs: by draws from a known distribution, and by resamples of real sets.

    python scripts/benchmarks/promises.py                      # the known distribution
    python scripts/benchmarks/promises.py --data DATA          # and DATA/pairs/{lcqmc,bq,atec}/dev.tsv, by zh-general

Prints a table: of the draws, the fraction in which a match, or no match, is less precise than promised; the fraction in
which both could be promised; and the mean fraction of pairs that are unsure there.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from textsim.artifacts.calibration import LogOddsCurve
from textsim.data.row_kinds import PAIRS
from textsim.data.rows import read_rows
from textsim.evaluation.risk import RankedPairs, certified
from textsim.matching.text_matcher import TextMatcher

PRECISION, CONFIDENCE = 0.9, 0.9
SIZES = (100, 300, 1000, 5000)
TRUTH = LogOddsCurve(method="platt", match=1.2, no_match=1.2, intercept=0.0)

Drawn = tuple[np.ndarray, np.ndarray]


def known(random: np.random.Generator, pairs: int) -> Drawn:
    """Pairs whose probabilities are known: whether each is positive, and scores."""
    scores = random.beta(0.6, 0.8, pairs)
    return random.random(pairs) < TRUTH(scores), scores


def measure(
    name: str, draws: int, draw: Callable[[np.random.Generator, int], Drawn], everything: Drawn
) -> None:
    """Prints a line for each number of pairs.

    Args:
        name: of the distribution.
        draws: how many.
        draw: gives pairs of it.
        everything: what new pairs are like: whether each is positive, and its score.
    """
    positive, scores = everything
    order = np.argsort(scores)
    scores, positive = scores[order], positive[order]
    below = np.concatenate([[0], np.cumsum(~positive)])
    above = np.concatenate([np.cumsum(positive[::-1])[::-1], [0]])
    for pairs in SIZES:
        failed, reached, unsure = [0, 0], 0, []
        for seed in range(draws):
            hits, values = draw(np.random.default_rng(seed), pairs)
            match = RankedPairs.of(hits, values)
            none = RankedPairs.of(~hits, 1 - values)
            high = match.thresholds[certified(match, PRECISION, CONFIDENCE)]
            low = 1 - none.thresholds[certified(none, PRECISION, CONFIDENCE)]
            ends = [np.searchsorted(scores, high.min()) if len(high) else len(scores)]
            ends.append(np.searchsorted(scores, low.max()) if len(low) else 0)
            if len(high) and ends[0] < len(scores):
                failed[0] += above[ends[0]] / (len(scores) - ends[0]) < PRECISION
            if len(low) and ends[1] > 0:
                failed[1] += below[ends[1]] / ends[1] < PRECISION
            reached += bool(len(high) and len(low))
            unsure.append(max(0, ends[0] - ends[1]) / len(scores))
        print(
            f"| {name} | {pairs:,} | {draws:,} | {failed[0] / draws:.3f} | {failed[1] / draws:.3f} | "
            f"{reached / draws:.2f} | {np.mean(unsure):.3f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path)
    parser.add_argument("--draws", type=int, default=1000, help="of the known distribution")
    parser.add_argument("--resamples", type=int, default=200, help="of each real set")
    arguments = parser.parse_args()
    print(f"A precision of {PRECISION:g} is promised with confidence {CONFIDENCE:g} on both sides.\n")
    print("| pairs of | drawn | draws | match fails | no match fails | both reachable | unsure |")
    print("|---|---|---|---|---|---|---|")
    measure("a known distribution", arguments.draws, known, known(np.random.default_rng(10**6), 500_000))
    if arguments.data is None:
        return
    matcher = TextMatcher.load("zh-general")
    for name in ("lcqmc", "bq", "atec"):
        chunks = list(read_rows(arguments.data / "pairs" / name / "dev.tsv", PAIRS))
        labels = np.concatenate([chunk.labels for chunk in chunks if chunk.labels is not None]) >= 0.5
        left, right = ([text for chunk in chunks for text in chunk.texts[side]] for side in (0, 1))
        scores = matcher.score_texts(left, right).scores.astype(np.float64)

        def resample(random: np.random.Generator, pairs: int, of: Drawn = (labels, scores)) -> Drawn:
            places = random.integers(0, len(of[0]), pairs)
            return of[0][places], of[1][places]

        measure(name, arguments.resamples, resample, (labels, scores))


if __name__ == "__main__":
    main()
