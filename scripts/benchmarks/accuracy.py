"""Trains the recipes on real data and prints the figures that the README shows.

The data is not part of the project: `--data` or the environment variable TEXTSIM_DATA names a folder with
`pairs/{lcqmc,bq,...}/{train,dev}.tsv`, `triplets/`, `vectors/` and `rawtext/`.

    python scripts/benchmarks/accuracy.py --list
    python scripts/benchmarks/accuracy.py bq80-attention lcqmc-attention --seeds 0 1 2

Datasets and models are kept under `--out`. A run that is there already, with the same settings and the same models that
it started from or that labelled its pairs, is not made again, and one that was stopped goes on from its last epoch, so
a long series can be stopped and taken up. `--table` prints all that is there.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import textsim
from textsim.artifacts.pretrained import find_model
from textsim.artifacts.saved_model import load_model
from textsim.config.recipes import build_recipe
from textsim.config.settings import Recipe
from textsim.io.manifest import MANIFEST, sha256_file, write_json

PUBLISHED_BQ80 = 0.7903
"""Validation accuracy after 20 epochs of the published character BiLSTM Manhattan script on the same rows."""


def bq80(data: Path, out: Path, **options: Any) -> None:
    """The 80,000/20,000 split of BQ's training rows: permutation by seed 0, the first 80,000 train."""
    textsim.preprocess(data / "pairs/bq/train.tsv", out, dev_fraction=0.2, seed=0, **options)


def bq80_tencent(data: Path, out: Path) -> None:
    bq80(data, out, word_vectors=data / "vectors/tencent_char_200d.vec")


def bq80_trained(data: Path, out: Path) -> None:
    bq80(data, out, word_vectors=textsim.WordVectorSettings(train_dim=300))


WHOLE_SETS = {"lcqmc": "lcqmc", "bq": "bq", "atec": "atec", "pawsx": "pawsx_zh", "stsb": "stsb_zh"}
"""Folders of the sets that are used whole, their training file to train and their dev file to validate."""

GRADED = {"stsb": 5.0}
"""The highest label of the sets whose labels are graded."""


def whole_set(name: str, start: str | None = None) -> Callable[[Path, Path], None]:
    """The files of one set, with vectors trained on its training pairs, or the vocabulary of a model to start from."""

    def make(data: Path, out: Path, mined: Sequence[Path] = ()) -> None:
        pairs = data / "pairs" / WHOLE_SETS[name]
        textsim.preprocess(
            [pairs / "train.tsv", *mined],
            out,
            dev=pairs / "dev.tsv",
            vocabulary=textsim.VocabularySettings(start, min_count=2),
            word_vectors=None if start else textsim.WordVectorSettings(train_dim=300),
            label_max=GRADED.get(name, 1.0 if mined else None),
        )

    return make


def mined_set(data: Path, name: str, per_text: int, teachers: Sequence[Path], out: Path) -> None:
    """The files of one set, and pairs of its training texts that models label."""
    mined = out.with_name(f"{out.name}.tsv")
    textsim.mine_files(
        data / "pairs" / WHOLE_SETS[name] / "train.tsv",
        mined,
        teachers,
        per_text=per_text,
        label_max=GRADED.get(name, 1.0),
        progress=True,
    )
    whole_set(name)(data, out, [mined])


def triplets(data: Path, out: Path) -> None:
    folder = data / "triplets"
    textsim.preprocess(
        folder / "triclue_small_train.tsv",
        out,
        dev=folder / "triclue_small_dev.tsv",
        word_vectors=data / "vectors/tencent_char_200d.vec",
    )


def digits(data: Path, out: Path) -> None:
    """Pairs of scikit-learn's digit images, split by image before pairing: 64 + 64 pixel columns and a class."""
    from sklearn.datasets import load_digits

    images, classes = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(images))
    files = {}
    for split, members, count in (("train", order[:1400], 20_000), ("dev", order[1400:], 4_000)):
        left = rng.choice(members, count)
        same = np.array([rng.choice(members[classes[members] == classes[i]]) for i in left])
        other = np.array([rng.choice(members[classes[members] != classes[i]]) for i in left])
        label = rng.integers(0, 2, count)
        right = np.where(label == 1, same, other)
        rows = np.concatenate([images[left], images[right], label[:, None]], axis=1).astype(int)
        files[split] = out.with_name(f"{out.name}-{split}.csv")
        _write_csv(files[split], rows, images.shape[1], "%d")
    textsim.preprocess(files["train"], out, dev=files["dev"], kind="vectors", standardize=True)


def lcqmc_means(data: Path, out: Path) -> None:
    """LCQMC pairs as the means of their characters' vectors: 200 + 200 columns and a class."""
    from textsim.text.tokenizers import CharTokenizer
    from textsim.text.word_vectors import read_word_vectors

    tokenizer = CharTokenizer()
    files = {}
    for split in ("train", "dev"):
        with open(data / f"pairs/lcqmc/{split}.tsv", encoding="utf-8") as file:
            rows = [line.rstrip("\n").split("\t") for line in file][1:]
        sides = [[tokenizer.tokenize(row[side]) for row in rows] for side in (0, 1)]
        wanted = {token for side in sides for tokens in side for token in tokens}
        found = read_word_vectors(data / "vectors/tencent_char_200d.vec", wanted).vectors
        zero = np.zeros(200, "float32")
        means = [
            np.array([np.mean([found.get(t, zero) for t in tokens], axis=0) for tokens in side])
            for side in sides
        ]
        labels = np.array([int(row[2]) for row in rows])[:, None]
        files[split] = out.with_name(f"{out.name}-{split}.csv")
        _write_csv(files[split], np.concatenate([*means, labels], axis=1), 200, "%.5g")
    textsim.preprocess(files["train"], out, dev=files["dev"], kind="vectors", standardize=True)


def _write_csv(path: Path, rows: np.ndarray, width: int, form: str) -> None:
    names = [f"{side}_{k}" for side in ("left", "right") for k in range(width)]
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerow([*names, "same"])
        np.savetxt(file, rows, fmt=form, delimiter=",")


DATASETS: dict[str, Callable[[Path, Path], None]] = {
    "bq80-tencent": bq80_tencent,
    "bq80-trained": bq80_trained,
    **{name: whole_set(name) for name in WHOLE_SETS},
    **{f"{name}-general": whole_set(name, "zh-general") for name in WHOLE_SETS},
    "triclue": triplets,
    "digits": digits,
    "lcqmc-means": lcqmc_means,
}

# Of BQ's few texts many pairs come up again, or are labelled already.
MINED: dict[str, Sequence[Any]] = {"lcqmc-mined": ["lcqmc", 2], "bq-mined": ["bq", 6]}
"""Datasets with pairs that trained models label: the set, and how many partners are sought for each of its texts."""


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One line of the table: a dataset, a recipe with changes, the model to continue from, and the runs whose models
    label the dataset's mined pairs.

    What continues does so with the settings of `textsim train --init`. What has `members` trains nothing, but joins
    models of that experiment: seed 0 those of seeds 0, 1 and 2, seed 1 the next three.
    """

    dataset: str
    recipe: str
    changes: tuple[str, ...] = ()
    init: str | None = None
    teachers: tuple[str, ...] = ()
    members: str | None = None


# LCQMC's unlike training pairs share few characters, those of its other files many.
DEBIAS = ("training.debias=0.5",)
TOKEN_DROPOUT = ("embedding.token_dropout=0.2",)
# Half the time, and less accurate.
PLAIN = ("training.adversarial=0",)
# All pairs of a set are not few.
CONTINUE = (
    "training.epochs=3",
    "training.learning_rate=0.0007",
    "training.batch_size=128",
)

BATCHES = {64: 0.001, 128: 0.0014, 256: 0.002, 512: 0.0028}
"""Batch sizes, and learning rates that grow with their square root (Krizhevsky, 2014)."""

EXPERIMENTS: dict[str, Experiment] = {
    "bq80-manhattan-tencent": Experiment("bq80-tencent", "bilstm-manhattan"),
    "bq80-manhattan-trained": Experiment("bq80-trained", "bilstm-manhattan"),
    **{
        f"bq80-batch-{size}": Experiment(
            "bq80-trained",
            "bilstm-manhattan",
            (f"training.batch_size={size}", f"training.learning_rate={rate}", "training.epochs=6"),
        )
        for size, rate in BATCHES.items()
    },
    "bq80-word-vectors": Experiment("bq80-trained", "word-vectors"),
    "bq80-cosine": Experiment("bq80-trained", "bilstm-cosine"),
    "bq80-cnn": Experiment("bq80-trained", "cnn"),
    "bq80-transformer": Experiment("bq80-trained", "transformer"),
    "bq80-attention": Experiment("bq80-trained", "bilstm-attention"),
    "bq80-plain": Experiment("bq80-trained", "bilstm-attention", PLAIN),
    "triclue-triplet": Experiment("triclue", "bilstm-triplet"),
    "triclue-word-vectors": Experiment(
        "triclue", "word-vectors", ("loss=triplet", "embedding.trainable=true")
    ),
    "digits-contrastive": Experiment("digits", "vector-contrastive"),
    "digits-l1": Experiment("digits", "vector-l1"),
    "lcqmc-means-contrastive": Experiment("lcqmc-means", "vector-contrastive"),
    "lcqmc-means-l1": Experiment("lcqmc-means", "vector-l1"),
    **{f"{name}-word-vectors": Experiment(name, "word-vectors") for name in WHOLE_SETS},
    **{
        f"{name}-attention": Experiment(
            name, "bilstm-attention", ("training.monitor=spearman",) if name in GRADED else ()
        )
        for name in WHOLE_SETS
    },
    "bq-every-second": Experiment("bq", "bilstm-attention", ("training.adversarial_every=2",)),
    "lcqmc-open-domain": Experiment("lcqmc", "bilstm-open-domain"),
    "lcqmc-mined": Experiment(
        "lcqmc-mined",
        "bilstm-open-domain",
        teachers=("lcqmc-open-domain-0", "lcqmc-open-domain-1", "lcqmc-open-domain-2"),
    ),
    "lcqmc-continued": Experiment("lcqmc-general", "bilstm-attention", (*CONTINUE, *DEBIAS), "zh-general"),
    # All questions are about one product.
    "bq-token-dropout": Experiment("bq", "bilstm-attention", (*TOKEN_DROPOUT, *PLAIN)),
    "bq-mined": Experiment(
        "bq-mined",
        "bilstm-attention",
        (*TOKEN_DROPOUT, *PLAIN),
        teachers=("bq-token-dropout-0", "bq-token-dropout-1", "bq-token-dropout-2"),
    ),
    "stsb-few-pairs": Experiment("stsb", "bilstm-few-pairs", ("training.monitor=spearman",)),
    "stsb-continued": Experiment(
        "stsb-general", "bilstm-attention", ("training.monitor=spearman",), "zh-general"
    ),
    "bq-continued": Experiment("bq-general", "bilstm-attention", CONTINUE, "zh-general"),
    **{
        f"{name}-ensemble": Experiment(name, recipe, members=members)
        for name, recipe, members in (
            ("lcqmc", "bilstm-open-domain", "lcqmc-mined"),
            ("bq", "bilstm-attention", "bq-attention"),
            ("atec", "bilstm-attention", "atec-attention"),
        )
    },
}


def result_file(name: str, seed: int, out: Path) -> Path:
    """Where the figures of a run are kept."""
    return out / "results" / f"{name}-{seed}.json"


def version(model: str | Path) -> dict[str, str]:
    """A model's name, and the hash of its manifest, in which those of its files stand."""
    folder = find_model(model)
    return {"name": folder.name, "manifest_sha256": sha256_file(folder / MANIFEST)}


def recipe_of(experiment: Experiment, seed: int) -> Recipe:
    """What is trained: a recipe, or that with which a model is continued, with the experiment's changes."""
    if experiment.init is None:
        begin = build_recipe(experiment.recipe)
    else:
        begin = load_model(experiment.init).recipe.for_continuing()
    return begin.replace([*experiment.changes, f"training.seed={seed}"])


MEMBERS = 3
"""Models that are joined into one."""


def members_of(experiment: Experiment, seed: int) -> list[str]:
    """The runs whose models are joined."""
    if experiment.members is None:
        return []
    return [f"{experiment.members}-{MEMBERS * seed + k}" for k in range(MEMBERS)]


def models_of(runs: Sequence[str], out: Path) -> list[Path]:
    """The folders of the models of some runs."""
    return [out / "models" / run for run in runs]


def made_with(experiment: Experiment, seed: int, out: Path) -> dict[str, Any]:
    """The settings of a run, and the versions of the models that it starts from, that labelled its pairs, or that it
    joins.
    """
    teachers, members = (
        [version(model) for model in models_of(runs, out) if model.exists()]
        for runs in (experiment.teachers, members_of(experiment, seed))
    )
    return {
        "settings": recipe_of(experiment, seed).to_dict(),
        "init": None if experiment.init is None else version(experiment.init),
        "teachers": teachers,
        "mined": MINED.get(experiment.dataset),
        **({"members": members} if experiment.members else {}),
    }


def finished(name: str, seed: int, out: Path) -> dict[str, Any] | None:
    """The figures of a run that has been made, with the settings and from the models that it has today."""
    result, model = result_file(name, seed, out), out / "models" / f"{name}-{seed}"
    if not result.exists() or not model.exists():
        return None
    figures: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    expected = made_with(EXPERIMENTS[name], seed, out)
    return figures if all(figures.get(key) == value for key, value in expected.items()) else None


def all_finished(name: str, out: Path) -> list[dict[str, Any]]:
    """The figures of every seed of an experiment, see `finished`."""
    seeds = sorted(
        int(file.stem.removeprefix(f"{name}-")) for file in out.glob(f"results/{name}-[0-9]*.json")
    )
    return [figures for seed in seeds if (figures := finished(name, seed, out)) is not None]


def run(name: str, seed: int, data: Path, out: Path) -> dict[str, Any]:
    """Makes the dataset and the models where they are not there yet, and returns the run's figures."""
    experiment = EXPERIMENTS[name]
    for needed in (*experiment.teachers, *members_of(experiment, seed)):
        other, number = needed.rsplit("-", 1)
        run(other, int(number), data, out)
    figures = finished(name, seed, out)
    if figures is None:
        origin = made_with(experiment, seed, out)
        figures = {
            "name": name,
            "recipe": experiment.recipe,
            "seed": seed,
            **(join(name, seed, data, out) if experiment.members else train(name, seed, data, out, origin)),
            **origin,
        }
        result = result_file(name, seed, out)
        result.parent.mkdir(parents=True, exist_ok=True)
        write_json(result, figures)
    return figures


def join(name: str, seed: int, data: Path, out: Path) -> dict[str, Any]:
    """Joins the models of an experiment's members, and returns what they reach together."""
    experiment = EXPERIMENTS[name]
    result = textsim.ensemble(
        models_of(members_of(experiment, seed), out),
        data / "pairs" / WHOLE_SETS[experiment.dataset] / "dev.tsv",
        out / "models" / f"{name}-{seed}",
        overwrite=True,
    )
    return {"epochs": 0, "epoch_seconds": 0.0, **result.together.to_dict()}


def train(name: str, seed: int, data: Path, out: Path, origin: dict[str, Any]) -> dict[str, Any]:
    """Trains the model of an experiment, and returns its figures."""
    experiment = EXPERIMENTS[name]
    # A dataset has the vocabulary of the model which is continued, or pairs that its teachers label.
    made_from = [model["manifest_sha256"][:8] for model in (origin["init"], *origin["teachers"]) if model]
    if experiment.dataset in MINED:
        made_from.append(str(MINED[experiment.dataset][1]))
    dataset = out / "datasets" / "-".join([experiment.dataset, *made_from])
    if not dataset.exists():
        dataset.parent.mkdir(parents=True, exist_ok=True)
        print(f"making the dataset {experiment.dataset}", flush=True)
        if experiment.dataset in MINED:
            mined_set(data, *MINED[experiment.dataset], models_of(experiment.teachers, out), dataset)
        else:
            DATASETS[experiment.dataset](data, dataset)
    print(f"training {name}, seed {seed}", flush=True)
    trained = textsim.train(
        dataset,
        recipe_of(experiment, seed),
        out / "models" / f"{name}-{seed}",
        init=experiment.init,
        overwrite=True,
    )
    return {
        "epochs": len(trained.history),
        "epoch_seconds": float(np.median([row["seconds"] for row in trained.history] or [0.0])),
        **trained.metrics,
    }


def table(out: Path, names: Sequence[str]) -> str:
    """All finished runs as a Markdown table: one line an experiment, mean and spread over its seeds."""
    lines = [
        "| run | recipe | seeds | epochs | accuracy at 0.5 | at the threshold | AUC | Spearman |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in names:
        runs = all_finished(name, out)
        if not runs:
            continue

        def cell(key: str, runs: list[dict[str, Any]] = runs) -> str:
            values = [run[key] for run in runs if run.get(key) is not None]
            if not values:
                return "-"
            spread = f" ± {np.std(values, ddof=1):.4f}" if len(values) > 1 else ""
            return f"{np.mean(values):.4f}{spread}"

        triplets = "triplet_accuracy" in runs[0]
        accuracy = f"{cell('triplet_accuracy')} of triplets" if triplets else cell("accuracy")
        epochs = ", ".join(str(run["epochs"]) for run in runs)
        lines.append(
            f"| {name} | {runs[0]['recipe']} | {len(runs)} | {epochs} | {accuracy} | "
            f"{cell('accuracy_at_threshold')} | {cell('auc')} | {cell('spearman')} |"
        )
    return "\n".join(lines)


def against_published(out: Path, names: Sequence[str]) -> str:
    """For the runs on the 80,000/20,000 split: how soon they reach the published accuracy, as a Markdown table."""
    lines = [
        f"| run | seconds an epoch | accuracy after epoch 1 | epoch of {PUBLISHED_BQ80} at 0.5 | at its threshold "
        "| best at 0.5 | best at the threshold |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in names:
        for figures in all_finished(name, out) if name.startswith("bq80") else ():
            run_name = f"{name}-{figures['seed']}"
            with open(out / "models" / run_name / "history.csv", encoding="utf-8") as rows:
                history = list(csv.DictReader(rows))
            reached = [
                next((row["epoch"] for row in history if float(row[key]) >= PUBLISHED_BQ80), "-")
                for key in ("val_accuracy", "val_accuracy_at_threshold")
            ]
            seconds = np.median([float(row["seconds"]) for row in history])
            first = float(history[0]["val_accuracy"])
            best = [
                max(float(row[key]) for row in history)
                for key in ("val_accuracy", "val_accuracy_at_threshold")
            ]
            lines.append(
                f"| {run_name} | {seconds:.0f} | {first:.4f} | {reached[0]} | {reached[1]} "
                f"| {best[0]:.4f} | {best[1]:.4f} |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="experiments; all when none is named")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TEXTSIM_DATA", "../shared/data")))
    parser.add_argument("--out", type=Path, default=Path("runs/accuracy"), help="default: runs/accuracy")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="default: 0")
    parser.add_argument("--list", action="store_true", help="print the experiments and stop")
    parser.add_argument("--table", action="store_true", help="print what has been run and stop")
    arguments = parser.parse_args()
    if arguments.list:
        for name, experiment in EXPERIMENTS.items():
            print(f"{name:<26}{experiment.dataset:<15}{experiment.recipe} {' '.join(experiment.changes)}")
        return
    names = arguments.names or list(EXPERIMENTS)
    for name in names:
        if name not in EXPERIMENTS:
            parser.error(f"unknown experiment {name!r}. Expected one of: {', '.join(EXPERIMENTS)}")
    if not arguments.table:
        if not arguments.data.is_dir():
            parser.error(f"no data at {arguments.data}: pass --data or set TEXTSIM_DATA")
        for seed in arguments.seeds:
            for name in names:
                figures = run(name, seed, arguments.data, arguments.out)
                print(json.dumps({k: v for k, v in figures.items() if k != "settings"}), flush=True)
    print(table(arguments.out, names))
    print()
    print(against_published(arguments.out, names))


if __name__ == "__main__":
    main()
