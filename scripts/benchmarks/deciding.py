"""Which first hits of a search are taken for the answer, by a model's threshold and as the search itself decides.

    python scripts/benchmarks/deciding.py zh-general DATA/pairs/lcqmc/dev.tsv DATA/pairs/bq/dev.tsv

Texts of a file that labels of 1 join mean the same. One text of each such group, of the first 1,000, is searched for:
of every second group the others are stored, of the rest none. All other texts are stored too. Texts that mean the same
and that nobody labelled count as errors, of which BQ has most. So queries of the next file are searched for as well:
nearly all of them have no answer.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from finding import QUERIES, read

from textsim import TextIndex, TextMatcher


def groups(path: Path) -> list[list[str]]:
    """The texts of a file, those together that mean the same by its labels."""
    texts, matches = read(path)
    found: list[list[str]] = []
    seen: set[int] = set()
    for first in range(len(texts)):
        if first not in seen:
            seen.add(first)
            reached = [first]
            for place in reached:
                new = sorted(matches.get(place, set()) - seen)
                seen.update(new)
                reached += new
            found.append([texts[place] for place in reached])
    return found


def rows_of(matcher: TextMatcher, path: Path, other: Path) -> list[str]:
    """Two rows of the table: decided by the threshold, and as the search decides."""
    stored: list[dict[str, str]] = []
    asked: list[tuple[str, str]] = []
    answered: list[bool] = []
    for number, texts in enumerate(groups(path)):
        query, rest = (texts[:1], texts[1:]) if len(texts) > 1 and len(asked) < QUERIES else ([], texts)
        for text in query:
            answered.append(len(asked) % 2 == 0)
            asked.append((text, str(number)))
        if not query or answered[-1]:
            stored += [{"text": text, "id": str(number)} for text in rest]
    index = TextIndex.build(matcher, stored, progress=False)
    hits = [found[0] for found in index.search_many([text for text, _ in asked], 1)]
    right = np.array([hit.id == id for hit, (_, id) in zip(hits, asked, strict=True)])
    has_answer = np.array(answered)
    foreign = [texts[0] for texts in groups(other)][:QUERIES]
    strange = [found[0] for found in index.search_many(foreign, 1)]
    rows = []
    for name, accepts in (
        ("threshold", lambda hit: hit.score >= matcher.threshold),
        ("search", lambda hit: hit.decision == "match"),
    ):
        accepted = np.array([accepts(hit) for hit in hits])
        precision = f"{right[accepted].mean():.3f}" if accepted.any() else "-"
        rows.append(
            f"| {path.parent.name}/{path.name} | {len(stored):,} | {name} | "
            f"{(right & accepted)[has_answer].mean():.3f} | {precision} | {accepted[~has_answer].mean():.3f} | "
            f"{np.mean([accepts(hit) for hit in strange]):.3f} |"
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="a model folder or the name of a bundled model")
    parser.add_argument("files", nargs="+", type=Path, help="two or more files of labelled pairs")
    arguments = parser.parse_args()
    if len(arguments.files) < 2:
        parser.error("give two files or more: each is searched for texts of the next")
    matcher = TextMatcher.load(arguments.model)
    print(
        "| file | stored | decided by | answered: accepted and right | precision | no answer: accepted | "
        "of the next file: accepted |"
    )
    print("|---|---|---|---|---|---|---|")
    for path, other in zip(arguments.files, [*arguments.files[1:], arguments.files[0]], strict=True):
        print(*rows_of(matcher, path, other), sep="\n", flush=True)


if __name__ == "__main__":
    main()
