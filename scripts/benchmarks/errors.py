"""Where a model errs: accuracy by what sets the two texts of a pair apart, and a sample of its errors to read.

    python scripts/benchmarks/errors.py zh-general dev.tsv --sample errors.tsv

A pair may have several properties or none. `missed` is the share of matches judged different (the false negative rate),
`taken` that of other pairs judged the same (the false positive rate), both among pairs with the property. The sample is
drawn at random, not by confidence.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from textsim import TextMatcher
from textsim.data.rows import read_rows
from textsim.text.normalize import Normalizer

NUMBER = re.compile(r"\d+|[一二三四五六七八九十百千万两几]+")
LATIN = re.compile(r"[a-z]+")
# Not the question form (能不能, 有没有), nor words that negate nothing.
NO_NEGATION = re.compile(r"(.)[不没]\1|特别|区别|分别|级别|别人|非常|无线")
NEGATION = re.compile(r"[不没无未非别勿]")
QUESTION = re.compile(r"为什么|为何|怎么|怎样|如何|什么|哪|谁|多少|多久|几|吗|何时")


def shared(a: str, b: str) -> float:
    """Characters in both texts, as a share of those in either."""
    return len(set(a) & set(b)) / max(1, len(set(a) | set(b)))


def differs(pattern: re.Pattern[str]) -> Callable[[str, str], bool]:
    """Whether a pattern finds other words in one text than in the other."""
    return lambda a, b: set(pattern.findall(a)) != set(pattern.findall(b))


def negates(text: str) -> bool:
    """Whether a text has a negation."""
    return bool(NEGATION.search(NO_NEGATION.sub("", text)))


PROPERTIES: dict[str, Callable[[str, str], bool]] = {
    "all": lambda a, b: True,
    "number differs": differs(NUMBER),
    "Latin word differs": differs(LATIN),
    "negation on one side": lambda a, b: negates(a) != negates(b),
    "question word differs": differs(QUESTION),
    "same characters, other order": lambda a, b: a != b and sorted(a) == sorted(b),
    "one contains the other's characters": lambda a, b: set(a) < set(b) or set(b) < set(a),
    "lengths differ by half": lambda a, b: min(len(a), len(b)) <= max(len(a), len(b)) / 2,
    "shares under 0.2": lambda a, b: shared(a, b) < 0.2,
    "shares 0.2 to 0.6": lambda a, b: 0.2 <= shared(a, b) < 0.6,
    "shares 0.6 and more": lambda a, b: shared(a, b) >= 0.6,
}


def table(pairs: list[tuple[str, str]], labels: np.ndarray, judged: np.ndarray) -> str:
    lines = ["| property | pairs | accuracy | missed | taken |", "|---|---|---|---|---|"]
    for name, holds in PROPERTIES.items():
        chosen = np.array([holds(a, b) for a, b in pairs])
        if not chosen.any():
            continue
        same, said = labels[chosen], judged[chosen]
        missed, taken = (
            f"{np.mean(said[same == value] != value):.3f}" if (same == value).any() else "-"
            for value in (True, False)
        )
        lines.append(f"| {name} | {chosen.mean():.3f} | {np.mean(same == said):.4f} | {missed} | {taken} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="a model folder or the name of a bundled model")
    parser.add_argument("file", type=Path, help="labelled pairs")
    parser.add_argument("--sample", type=Path, metavar="FILE", help="write errors to read here, as TSV")
    parser.add_argument("--count", type=int, default=200, help="errors of the sample; default: 200")
    arguments = parser.parse_args()
    matcher = TextMatcher.load(arguments.model)
    chunks = list(read_rows(arguments.file, normalizer=Normalizer()))
    pairs = [pair for chunk in chunks for pair in zip(*chunk.texts, strict=True)]
    labels = np.concatenate([chunk.labels for chunk in chunks]) >= 0.5
    scores = matcher.score_pairs(pairs)
    judged = scores >= matcher.threshold
    print(table(pairs, labels, judged))
    if arguments.sample:
        wrong = np.random.default_rng(0).permutation(np.flatnonzero(judged != labels))[: arguments.count]
        with open(arguments.sample, "w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file, delimiter="\t", quoting=csv.QUOTE_NONE, escapechar="\\")
            rows.writerow(["score", "label", "text_a", "text_b"])
            rows.writerows([f"{scores[k]:.3f}", int(labels[k]), *pairs[k]] for k in wrong)


if __name__ == "__main__":
    main()
