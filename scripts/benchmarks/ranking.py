"""Ranks the dev pairs of every set by baselines and by trained models: Spearman's correlation x 100.

The data is not part of the project: `--data` or the environment variable TEXTSIM_DATA names a folder with
`pairs/{lcqmc,bq,atec,pawsx_zh,stsb_zh}/{train,dev}.tsv`. Edit distance needs rapidfuzz (pip install rapidfuzz).

    python scripts/benchmarks/ranking.py
    python scripts/benchmarks/ranking.py stsb --seeds 0 1 2

Trained models are runs of `accuracy.py`, kept under `--out` and not made again; a set's vectors, inverse document
frequencies and weights are fitted on its training file, its best epoch chosen on the dev file that is ranked. The
bundled `zh-general` has seen the training files of four sets, and none of STS-B's.

More than one seed gives mean and spread. With `--present` nothing is trained: a run that is not there, or was made with
other settings, has no figure.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from accuracy import EXPERIMENTS, GRADED, WHOLE_SETS, finished, run

import textsim
from textsim.data.rows import read_rows
from textsim.text.normalize import Normalizer

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer


def read(path: Path, label_max: float | None) -> tuple[list[str], list[str], np.ndarray]:
    """Both sides, normalized as the models do, and the labels in [0, 1]."""
    chunks = list(read_rows(path, label_max=label_max, normalizer=Normalizer()))
    left, right = ([text for chunk in chunks for text in chunk.texts[side]] for side in (0, 1))
    return left, right, np.concatenate([chunk.labels for chunk in chunks])


def edit_similarity(train: list[str], left: list[str], right: list[str]) -> np.ndarray:
    """1 less the Levenshtein distance as a share of the longer text."""
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cpdist

    return cpdist(left, right, scorer=Levenshtein.normalized_similarity)


def tfidf(texts: list[str]) -> TfidfVectorizer:
    """TF-IDF of single characters and pairs of neighbours, fitted on texts."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(analyzer="char", ngram_range=(1, 2), sublinear_tf=True).fit(texts)


def tfidf_cosine(train: list[str], left: list[str], right: list[str]) -> np.ndarray:
    """Cosine of TF-IDF vectors."""
    vectorizer = tfidf(train)
    u, v = (vectorizer.transform(side) for side in (left, right))
    return np.asarray(u.multiply(v).sum(axis=1)).ravel()


def zh_general(train: list[str], left: list[str], right: list[str]) -> np.ndarray:
    return textsim.TextMatcher.load("zh-general").score_pairs(list(zip(left, right, strict=True)))


BASELINES: dict[str, Callable[[list[str], list[str], list[str]], np.ndarray]] = {
    "edit distance": edit_similarity,
    "TF-IDF cosine": tfidf_cosine,
    "zh-general": zh_general,
}
TRAINED = {
    "mean of word vectors": "word-vectors",
    "bilstm-attention": "attention",
    "bilstm-open-domain": "open-domain",
    "bilstm-few-pairs": "few-pairs",
    "zh-general, continued": "continued",
}
"""What the table calls a run, and how `accuracy.py` names it after the set; not every set has each."""


def row(name: str, data: Path, out: Path, seeds: list[int], present: bool) -> dict[str, list[float]]:
    """Spearman's correlation of each scorer on a set's dev pairs; one for each seed where chance has a part."""
    from scipy.stats import spearmanr

    folder = data / "pairs" / WHOLE_SETS[name]
    left, right, labels = read(folder / "dev.tsv", GRADED.get(name))
    *sides, _ = read(folder / "train.tsv", GRADED.get(name))
    train = [text for side in sides for text in side]
    found = {
        label: [float(spearmanr(labels, score(train, left, right)).statistic)]
        for label, score in BASELINES.items()
    }
    for label, experiment in TRAINED.items():
        of_chance = seeds if experiment != "word-vectors" else seeds[:1]
        run_name = f"{name}-{experiment}"
        if run_name not in EXPERIMENTS:
            found[label] = []
            continue
        runs = [
            finished(run_name, seed, out) if present else run(run_name, seed, data, out) for seed in of_chance
        ]
        found[label] = [figures["spearman"] for figures in runs if figures is not None]
    return found


def table(rows: dict[str, dict[str, list[float]]]) -> str:
    labels = list(next(iter(rows.values())))
    lines = [f"| scorer | {' | '.join(rows)} |", "|---" * (len(rows) + 1) + "|"]
    for label in labels:
        if not any(found[label] for found in rows.values()):
            continue
        cells = []
        for found in rows.values():
            values = 100 * np.array(found[label])
            spread = f" ± {values.std(ddof=1):.1f}" if len(values) > 1 else ""
            cells.append(f"{values.mean():.1f}{spread}" if len(values) else "-")
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names", nargs="*", metavar="SET", help=f"of {', '.join(WHOLE_SETS)}; all if none is named"
    )
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TEXTSIM_DATA", "../shared/data")))
    parser.add_argument("--out", type=Path, default=Path("runs/accuracy"), help="default: runs/accuracy")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="default: 0")
    parser.add_argument("--present", action="store_true", help="train nothing")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in WHOLE_SETS:
            parser.error(f"unknown set {name!r}. Expected one of: {', '.join(WHOLE_SETS)}")
    if not arguments.data.is_dir():
        parser.error(f"no data at {arguments.data}: pass --data or set TEXTSIM_DATA")
    names = arguments.names or list(WHOLE_SETS)
    shared = arguments.data, arguments.out, arguments.seeds, arguments.present
    print(table({name: row(name, *shared) for name in names}))


if __name__ == "__main__":
    main()
