"""How often a text finds one of its matches among all texts of a file of labelled pairs.

    python scripts/benchmarks/finding.py zh-general resources/demo/pairs_dev.tsv dev.tsv

All distinct texts of a file are stored. Each that a label of 1 joins to others, of those the first 1,000, is searched
for among the rest: found is any that it is joined to, by the labels of that file alone, so that true matches which
nobody labelled count as errors. Compared are TF-IDF vectors fitted on the stored texts, the cosine of the model's
vectors, and its score of the 50 texts with the largest cosines.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from ranking import tfidf

from textsim import TextIndex, TextMatcher
from textsim.data.rows import read_rows
from textsim.text.normalize import Normalizer

QUERIES = 1000
CANDIDATES = 50


def read(path: Path) -> tuple[list[str], dict[int, set[int]]]:
    """The distinct texts of a file of labelled pairs, and for the place of each the places of its matches."""
    places: dict[str, int] = {}
    matches: dict[int, set[int]] = {}
    for chunk in read_rows(path, normalizer=Normalizer()):
        for label, *texts in zip(chunk.labels, *chunk.texts, strict=True):
            a, b = (places.setdefault(text, len(places)) for text in texts)
            if label >= 0.5 and a != b:
                matches.setdefault(a, set()).add(b)
                matches.setdefault(b, set()).add(a)
    return list(places), matches


def found(ranked: list[list[int]], queries: list[int], matches: dict[int, set[int]]) -> str:
    """Two cells: the share of queries with a match in the first place, and among the first five."""
    others = [
        [place for place in places if place != query] for query, places in zip(queries, ranked, strict=True)
    ]
    firsts = [
        np.mean(
            [bool(matches[query] & set(places[:k])) for query, places in zip(queries, others, strict=True)]
        )
        for k in (1, 5)
    ]
    return " | ".join(f"{share:.3f}" for share in firsts)


def by_tfidf(texts: list[str], queries: list[int]) -> list[list[int]]:
    vectors = tfidf(texts).transform(texts)
    cosines = (vectors[queries] @ vectors.T).toarray()
    return np.argsort(-cosines, axis=1, kind="stable")[:, : CANDIDATES + 1].tolist()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="a model folder or the name of a bundled model")
    parser.add_argument("files", nargs="+", type=Path, help="files of labelled pairs")
    arguments = parser.parse_args()
    matcher = TextMatcher.load(arguments.model)
    print("| file | stored | searched | ordered by | first | in five |")
    print("|---|---|---|---|---|---|")
    for path in arguments.files:
        texts, matches = read(path)
        queries = sorted(matches)[:QUERIES]
        # The text itself is among them.
        hits = TextIndex(matcher, texts).search_many([texts[place] for place in queries], CANDIDATES + 1)
        by_cosine, by_score = (
            [
                [hit.place for hit in sorted(row, key=lambda hit: getattr(hit, name), reverse=True)]
                for row in hits
            ]
            for name in ("cosine", "score")
        )
        rows = {
            "TF-IDF cosine": by_tfidf(texts, queries),
            "cosine": by_cosine,
            "score": by_score,
        }
        for name, ranked in rows.items():
            cells = found(ranked, queries, matches)
            where = path.parent.name + "/" + path.name
            print(f"| {where} | {len(texts):,} | {len(queries):,} | {name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
