"""Makes the bundled matcher `zh-general` from the four training sets, and measures it on each set's dev file.

One model of all sets knows less of each than models of that set alone. So such specialists come first, and label more
pairs of their set's training texts (`textsim mine`), from which the one model learns what they know.

The data is not part of the project: `--data` or the environment variable TEXTSIM_DATA names a folder with
`pairs/{lcqmc,bq,atec,pawsx_zh}/{train,dev}.tsv` and `rawtext/*.txt`.

    python scripts/make_zh_general.py --out resources/models/zh-general
    python scripts/make_zh_general.py --without bq      # under runs/without-bq: what it does on a set it has not seen

All that is made on the way stays under `--work`; what is there already is not made again, a model of other settings
excepted.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
import time
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import textsim
from textsim.artifacts.saved_model import SavedModel, load_model, save_model
from textsim.config.recipes import build_recipe
from textsim.config.settings import Recipe
from textsim.data.dataset import PairDataset
from textsim.data.rows import read_rows
from textsim.evaluation.evaluate import Evaluation, evaluate_file, evaluate_scores
from textsim.evaluation.thresholds import choose_threshold
from textsim.io.manifest import MANIFEST, read_json, sha256_file, write_json
from textsim.matching.text_matcher import TextMatcher
from textsim.text.embeddings import train_word_vectors
from textsim.text.tokenizers import CharTokenizer
from textsim.text.word_vectors import save_word_vectors

SETS = {
    "lcqmc": "LCQMC, open-domain questions",
    "bq": "BQ, bank customer service",
    "atec": "ATEC, payments customer service",
    "pawsx_zh": "PAWS-X, adversarial paraphrases",
}
CHANGES = (
    "embedding.dropout=0.2",
    "embedding.token_dropout=0",
    "encoder.dropout=0",
    "head.dropout=0.2",
    "loss.temperature=0.1",
    "training.learning_rate=0.002",
    "training.batch_size=192",
    "training.epochs=3",
    "training.patience=3",
    "training.debias=0.5",
    "training.adversarial=0",
)


class Specialist(NamedTuple):
    """How the models of one set are trained, and how many partners they seek for each of its texts."""

    recipe: str
    changes: tuple[str, ...]
    per_text: int


# PAWS-X has none: neighbours of its texts are unrelated, and a model of it alone is little better than chance.
SPECIALISTS = {
    "lcqmc": Specialist("bilstm-open-domain", (), 2),
    "bq": Specialist("bilstm-attention", (), 6),
    "atec": Specialist("bilstm-attention", (), 2),
}
SEEDS = (0, 1, 2)

NAME = "zh-general"
"""By which the model is found where it is installed."""

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
few hundred pairs of your domain (`textsim calibrate`). `unrelated` is the share of pairs judged the same when every
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


def word_vectors(data: Path, sets: list[str], out: Path) -> None:
    """Character vectors trained on every distinct training sentence and line of raw text.

    With two threads the last digits differ from run to run.
    """
    texts: dict[str, None] = {}
    for name in sets:
        for chunk in read_rows(data / "pairs" / name / "train.tsv"):
            texts.update(dict.fromkeys(text for side in chunk.texts for text in side))
    for path in sorted((data / "rawtext").glob("*.txt")):
        texts.update(dict.fromkeys(line.strip()[:400] for line in path.open(encoding="utf-8")))
    tokens = CharTokenizer().tokenize_many(list(texts))
    words, matrix = train_word_vectors(tokens, 300, min_count=3, sample=1e-4, workers=2, progress=print)
    save_word_vectors(out, words, matrix)


def dataset(files: list[Path], dev: list[Path], vectors: Path, out: Path) -> None:
    textsim.preprocess(files, out, dev=dev, max_size=9000, word_vectors=vectors, label_max=1, progress=True)


def made_of(folder: Path, files: list[Path]) -> bool:
    """Whether a dataset was made of these training files, as they are now."""
    sources = PairDataset.open(folder).manifest["sources"]
    return [s["sha256"] for s in sources if s["split"] == "train"] == [sha256_file(file) for file in files]


def made_by(recipe: Recipe, folder: Path, model: Path) -> bool:
    """Whether a model is there, and was made by these settings from this dataset."""
    if not model.exists():
        return False
    saved = load_model(model)
    read = saved.provenance["dataset_sha256"]
    return saved.recipe == recipe and read == sha256_file(folder / MANIFEST)


def train(folder: Path, recipe: Recipe, model: Path) -> None:
    """Trains a model, unless it is there."""
    if not made_by(recipe, folder, model):
        print(textsim.train(folder, recipe, model, overwrite=True).summary())


def mine(data: Path, name: str, work: Path) -> Path:
    """Trains the specialists of a set, and has them label pairs of its training texts. Returns the file of those."""
    specialist, folder, out = SPECIALISTS[name], work / name, work / f"{name}-mined.tsv"
    files = [data / "pairs" / name / f"{split}.tsv" for split in ("train", "dev")]
    if not folder.exists() or not made_of(folder, files[:1]):
        textsim.preprocess(
            files[0],
            folder,
            dev=files[1],
            train_vectors=300,
            min_count=2,
            overwrite=True,
            progress=True,
        )
    models = [work / f"{name}-{seed}" for seed in SEEDS]
    for seed, model in zip(SEEDS, models, strict=True):
        changes = [*specialist.changes, f"training.seed={seed}"]
        train(folder, build_recipe(specialist.recipe, None, changes), model)
    # Written after the pairs: where it is not there, they may be of other models.
    origin = out.with_suffix(".json")
    made_from = {
        "texts": sha256_file(files[0]),
        "models": [sha256_file(model / MANIFEST) for model in models],
        "per_text": specialist.per_text,
    }
    if not origin.exists() or not out.exists() or read_json(origin) != made_from:
        print(f"{name}: labelling pairs", flush=True)
        origin.unlink(missing_ok=True)
        textsim.mine_files(files[0], out, models, per_text=specialist.per_text, progress=True)
        write_json(origin, made_from)
    return out


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


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TEXTSIM_DATA", "../shared/data")))
    parser.add_argument("--work", type=Path, help="default: runs/zh-general, or runs/without-SET")
    parser.add_argument("--out", type=Path, help="default: zh-general in the working folder")
    parser.add_argument("--without", choices=SETS, help="leave a set out, to see what the model does on it")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change the recipe")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        parser.error(f"no data at {arguments.data}: pass --data or set TEXTSIM_DATA")
    sets = [name for name in SETS if name != arguments.without]
    if arguments.work is None:
        arguments.work = Path("runs") / (
            f"without-{arguments.without}" if arguments.without else "zh-general"
        )
    if arguments.out is None:
        arguments.out = arguments.work / "zh-general"
    vectors, folder = arguments.work / "characters.vec", arguments.work / "dataset"
    arguments.work.mkdir(parents=True, exist_ok=True)
    if not vectors.exists():
        word_vectors(arguments.data, sets, vectors)
    mined = [mine(arguments.data, name, arguments.work) for name in sets if name in SPECIALISTS]
    pairs = [arguments.data / "pairs" / name for name in sets]
    files = [*(path / "train.tsv" for path in pairs), *mined]
    if not folder.exists():
        dataset(files, [path / "dev.tsv" for path in pairs], vectors, folder)
    if not made_of(folder, files):
        parser.error(f"{folder} was made of other files: remove it, or pass another --work")
    model = arguments.work / "model"
    train(folder, build_recipe("bilstm-attention", None, [*CHANGES, *arguments.set]), model)
    publish(load_model(model), arguments.out, sets, arguments.data)


if __name__ == "__main__":
    main()
