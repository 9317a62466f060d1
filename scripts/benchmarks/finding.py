"""How often a text finds one of its matches among all texts of a file of labelled pairs.

    python scripts/benchmarks/finding.py zh-general resources/demo/pairs_dev.tsv dev.tsv

All distinct texts of a file are stored. Each that a label of 1 joins to others, of those the first 1,000, is searched
for among the rest: found is any that it is joined to, by the labels of that file alone, so that true matches which
nobody labelled count as errors. Compared are TF-IDF vectors fitted on the stored texts, the characters and pairs of
neighbouring characters that two texts share, the cosine of the model's vectors, its score of the 50 texts with the
largest cosines, and the order of `TextIndex.search`, which joins cosine and shared characters. `--label-max` reads
graded labels: a match is then what has four fifths of it.
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
from textsim.matching.index.ranking import SharedCharacters
from textsim.text.normalize import Normalizer

QUERIES = 1000
CANDIDATES = 50


def read(path: Path, label_max: float | None = None) -> tuple[list[str], dict[int, set[int]]]:
    """The distinct texts of a file of labelled pairs, and for the place of each the places of its matches."""
    places: dict[str, int] = {}
    matches: dict[int, set[int]] = {}
    for chunk in read_rows(path, label_max=label_max, normalizer=Normalizer()):
        for label, *texts in zip(chunk.labels, *chunk.texts, strict=True):
            a, b = (places.setdefault(text, len(places)) for text in texts)
            if label >= (0.5 if label_max is None else 0.8) and a != b:
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


def by_characters(texts: list[str], queries: list[int]) -> list[list[int]]:
    shared = SharedCharacters(str)
    values = np.array([[shared(texts[query], text) for text in texts] for query in queries])
    return np.argsort(-values, axis=1, kind="stable")[:, : CANDIDATES + 1].tolist()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="a model folder or the name of a bundled model")
    parser.add_argument("files", nargs="+", type=Path, help="files of labelled pairs")
    parser.add_argument("--label-max", type=float, help="of files whose labels are graded from 0 to this")
    arguments = parser.parse_args()
    matcher = TextMatcher.load(arguments.model)
    print("| file | stored | searched | ranked by | Recall@1 | Recall@5 |")
    print("|---|---|---|---|---|---|")
    for path in arguments.files:
        texts, matches = read(path, arguments.label_max)
        queries = sorted(matches)[:QUERIES]
        asked = [texts[place] for place in queries]
        rows = {
            "TF-IDF cosine": by_tfidf(texts, queries),
            "shared characters": by_characters(texts, queries),
        }
        index = TextIndex.build(matcher, texts)
        # The text itself is among them.
        hits = index.search_many(asked, CANDIDATES + 1, rerank=False)
        rows["cosine"] = [[int(hit.id) - 1 for hit in row] for row in hits]
        rows["score"] = [
            [int(hit.id) - 1 for hit in sorted(row, key=lambda hit: hit.score, reverse=True)] for row in hits
        ]
        rows["as `search` ranks"] = [
            [int(hit.id) - 1 for hit in row] for row in index.search_many(asked, CANDIDATES + 1)
        ]
        for name, ranked in rows.items():
            cells = found(ranked, queries, matches)
            where = path.parent.name + "/" + path.name
            print(f"| {where} | {len(texts):,} | {len(queries):,} | {name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
