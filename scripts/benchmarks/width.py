"""What of a model's vectors a search needs: how well their cosine ranks once they are shortened.

    python scripts/benchmarks/width.py zh-general resources/demo/pairs_dev.tsv dev.tsv

All distinct texts of a file are encoded. Vectors are projected to the directions in which they differ most, see
`textsim.matching.index.graph.principal_directions`; those are of the texts of the other files, or of the first half of
the texts where there is one file. Printed are, by the numbers that are kept: the area under the ROC curve of the
labelled pairs' cosines; how many of the ten nearest by all numbers are among the ten nearest, which is what an index
loses that keeps nothing else; and the bytes of a vector.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from sklearn.metrics import roc_auc_score

from textsim import TextMatcher
from textsim.data.rows import read_rows
from textsim.matching.index.graph import principal_directions
from textsim.matching.index.listed import unit
from textsim.text.normalize import Normalizer

WIDTHS = (1024, 512, 256, 128, 64)
QUERIES = 500
SAMPLE = 20_000


def read(path: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """The distinct texts of a file, for each pair the places of its two, int64 (pairs, 2), and its label."""
    places: dict[str, int] = {}
    pairs, labels = [], []
    for chunk in read_rows(path, normalizer=Normalizer()):
        for label, *texts in zip(chunk.labels, *chunk.texts, strict=True):
            pairs.append([places.setdefault(text, len(places)) for text in texts])
            labels.append(label >= 0.5)
    return list(places), np.array(pairs), np.array(labels)


def first_ten(directions: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """The ten nearest others of some vectors of length 1: int64 (queries, 10)."""
    cosines = directions[queries] @ directions.T
    cosines[np.arange(len(queries)), queries] = -1
    return np.argsort(-cosines, axis=1, kind="stable")[:, :10]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("files", type=Path, nargs="+", help="labelled pairs")
    arguments = parser.parse_args()
    matcher = TextMatcher.load(arguments.model)
    found = [read(path) for path in arguments.files]
    vectors = [unit(matcher.encode(texts)) for texts, _, _ in found]
    names = [f"{path.parent.name}/{path.name}" for path in arguments.files]
    print("| numbers | bytes | " + " | ".join(f"{name}, AUC | first ten kept" for name in names) + " |")
    print("|---|---|" + "---|---|" * len(names))
    for width in WIDTHS:
        if width > matcher.output_dim:
            continue
        cells = []
        for place, (_, pairs, labels) in enumerate(found):
            own = vectors[place]
            others = [other for k, other in enumerate(vectors) if k != place] or [own[: len(own) // 2]]
            sample = np.random.default_rng(0).permutation(np.concatenate(others))[:SAMPLE]
            short = own if width == own.shape[1] else unit(own @ principal_directions(sample, width))
            cosines = (short[pairs[:, 0]] * short[pairs[:, 1]]).sum(axis=1)
            queries = np.random.default_rng(0).permutation(len(own))[:QUERIES]
            exact, near = first_ten(own, queries), first_ten(short, queries)
            kept = np.mean([len({*one} & {*other}) / 10 for one, other in zip(exact, near, strict=True)])
            cells += [f"{roc_auc_score(labels, cosines):.4f}", f"{kept:.3f}"]
        print(f"| {width:,} | {4 * width:,} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
