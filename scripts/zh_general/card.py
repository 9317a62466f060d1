"""What the card of `zh-general` says beyond that of any model: terms, figures by set and beside others, its errors."""

from __future__ import annotations

import dataclasses
import os
import re
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from textsim.artifacts.saved_model import SavedModel, save_model
from textsim.data.rows import read_rows
from textsim.evaluation.evaluate import Evaluation, evaluate_file, evaluate_scores
from textsim.evaluation.thresholds import choose_threshold
from textsim.matching.text_matcher import TextMatcher

SETS = {
    "lcqmc": "LCQMC, open-domain questions",
    "bq": "BQ, bank customer service",
    "atec": "ATEC, payments customer service",
    "pawsx_zh": "PAWS-X, adversarial paraphrases",
}

NOTES = """\
## Data and terms

Trained on the training files of {sets} together, its character vectors
also on raw text, and on pairs of their texts that models
of one set each labelled. LCQMC and BQ are given out by their makers for **research use**; ask them before using a model
trained on them in a product. No sentence of the data is in this folder: the weights and a list of single characters,
letter runs and numbers are.

## Size and speed

{size:.1f} MB of weights. On {cores} CPU cores, the day it was made: {one:.2f} ms for one pair (median of {calls}
calls), {many:,.0f} pairs a second for LCQMC's dev pairs in one call.

## Figures by set

On the dev files; those of the sets it was trained on also chose the best epoch and the one threshold, so they flatter
the model a little.
`own threshold` is what a threshold chosen on that set alone would give: where it is much higher, choose your own on a
few hundred pairs of your domain (`textsim threshold`). `unrelated` is the share of pairs judged the same when every
text gets the partner of another row, drawn at random. `digit` is the share of texts judged the same as themselves with
another first digit: where that matters, compare the numbers of two texts yourself.

{table}

## What it gets wrong

From reading 220 of its errors, drawn at random from the dev files of LCQMC and BQ; `scripts/benchmarks/errors.py`
counts some of these and writes a sample to read:

- **One word that changes the question** while all others stay, taken for the same. This is most of what goes wrong
  where texts share many characters: another verb ("手机怎么卖" and "手机怎么买"), another thing asked about it (how it
  is, how it is used), a name, a place, the direction between two places, the tense.
- **The same in other words**, missed: everyday synonyms that no training pair joined, a condition or a greeting that
  one text alone has, two names in the other order.
- **A number, a Latin word or a negation that one text alone has**: it is too cautious, and misses more matches
  than elsewhere, on LCQMC twice as many (a year that goes without saying, "app" and "软件"), while it seldom takes such
  a pair for the same. Not so where nearly all characters are shared: "能不能提前还款" and "不能提前还款" score as a
  match, and so do texts that differ in the value of a number, on some sets nearly all (`digit` above).
- **What the answer is, not what the text says**: in BQ and ATEC a match is what customer service answers alike, so a
  complaint matches the question behind it. Many such errors are as good as the label; so are some in LCQMC.
- **Word order**: PAWS-X pairs, made so that only the order differs, are its weakest set.
- **Traditional characters**: most are unknown or little known to it; pass `--simplify` (extra `opencc`).
- **Other domains**: scores rank well, but the threshold is that of questions put to search and to customer service.

Made by `python scripts/make_zh_general.py`.
"""


class Figures(NamedTuple):
    """Of one set.

    Attributes:
        result: at the model's threshold.
        own: accuracy at the threshold that is best for the set itself.
        unrelated: share of pairs judged the same when each text gets the partner of another row.
        digit: share of texts judged the same as themselves with another first digit; NaN where none has digits.
    """

    result: Evaluation
    own: float
    unrelated: float
    digit: float


def measure(matcher: TextMatcher, path: Path) -> Figures:
    chunks = list(read_rows(path))
    labels = np.concatenate([chunk.labels for chunk in chunks])
    left, right = ([text for chunk in chunks for text in chunk.texts[side]] for side in (0, 1))
    scores = matcher.score_pairs(list(zip(left, right, strict=True)))
    own = evaluate_scores(labels, scores, choose_threshold(labels, scores)).accuracy_at_threshold
    others = np.random.default_rng(0).permutation(len(right))
    unrelated = matcher.score_pairs([(text, right[k]) for text, k in zip(left, others, strict=True)])
    digits = [text for text in dict.fromkeys([*left, *right]) if re.search("[0-9]", text)]
    changed = matcher.score_pairs([(text, _other_digit(text)) for text in digits])
    return Figures(
        evaluate_file(matcher, path),
        own,
        float(np.mean(unrelated >= matcher.threshold)),
        float(np.mean(changed >= matcher.threshold)) if digits else float("nan"),
    )


def _other_digit(text: str) -> str:
    """The text with its first digit raised by one, 9 to 1."""
    return re.sub("[0-9]", lambda found: str(int(found[0]) % 9 + 1), text, count=1)


SINGLE_CALLS = 500


def speed(matcher: TextMatcher, path: Path) -> dict[str, float]:
    """Milliseconds of scoring one pair of a file, and pairs a second of scoring all of them in one call."""
    pairs = [pair for chunk in read_rows(path) for pair in zip(*chunk.texts, strict=True)]
    matcher.score(*pairs[0])
    seconds = []
    for pair in pairs[:SINGLE_CALLS]:
        began = time.perf_counter()
        matcher.score(*pair)
        seconds.append(time.perf_counter() - began)
    began = time.perf_counter()
    matcher.score_pairs(pairs)
    return {
        "one": 1000 * float(np.median(seconds)),
        "calls": len(seconds),
        "many": len(pairs) / (time.perf_counter() - began),
        "cores": os.cpu_count() or 1,
    }


def table(figures: dict[str, Figures]) -> str:
    lines = [
        "| set | pairs | accuracy | own threshold | majority | AUC | Spearman | unrelated | digit |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, (result, own, unrelated, digit) in figures.items():
        lines.append(
            f"| {SETS[name]} | {result.pairs:,} | {result.accuracy_at_threshold:.4f} | {own:.4f} | "
            f"{result.majority_accuracy:.4f} | {result.auc:.4f} | {result.spearman:.4f} | "
            f"{unrelated:.4f} | {digit:.4f} |"
        )
    return "\n".join(lines)


def publish(saved: SavedModel, out: Path, sets: list[str], data: Path) -> None:
    """Writes a model at half precision, with what it measures as it is then in its card."""
    weights = {path: array.astype("float16").astype("float32") for path, array in saved.weights.items()}
    rounded = dataclasses.replace(saved, weights=weights)
    matcher = TextMatcher(rounded)
    dev = {name: data / "pairs" / name / "dev.tsv" for name in SETS}
    figures = {name: measure(matcher, path) for name, path in dev.items()}
    full = {name: evaluate_file(TextMatcher(saved), path).accuracy_at_threshold for name, path in dev.items()}
    for name, (result, *_) in figures.items():
        print(f"{name}: {result.accuracy_at_threshold:.4f}; at full precision {full[name]:.4f}")

    notes = NOTES.format(
        table=table(figures),
        sets=", ".join(SETS[name].split(",")[0] for name in sets),
        size=2 * sum(weight.size for weight in weights.values()) / 1e6,
        **speed(matcher, dev["lcqmc"]),
    )
    save_model(dataclasses.replace(rounded, notes=notes), out, overwrite=True, precision="float16")
    print(table(figures))
