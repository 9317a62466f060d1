"""How much a start from a pretrained model saves: a matcher for a new domain from few pairs of it, with and without.

The data is not part of the project: `--data` or the environment variable TEXTSIM_DATA names a folder with
`pairs/bq/{train,dev}.tsv`. The start must not have seen the domain:

    python scripts/make_zh_general.py --without bq
    python scripts/benchmarks/continuing.py runs/without-bq/zh-general

For each size that many pairs are drawn from the domain's training file, with three seeds; all are judged on its dev
file, which also chose the epoch and the threshold. The parts are those of `bilstm-attention`, or of the start; the
training settings are those of `textsim train --init` on both sides. Runs are kept under `--out`, by the model that they
start from, and not made again while their settings are the same.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import textsim
from textsim.artifacts.saved_model import load_model
from textsim.config.recipes import build_recipe
from textsim.data.rows import read_rows
from textsim.evaluation.evaluate import evaluate_file, evaluate_scores
from textsim.evaluation.thresholds import choose_threshold
from textsim.io.manifest import MANIFEST, read_json, sha256_file, write_json

SIZES = (500, 2_000, 10_000)


def draw(source: Path, count: int, seed: int, out: Path) -> None:
    """Writes a file of `count` rows of another that has a header."""
    header, *rows = source.read_text(encoding="utf-8").rstrip("\n").split("\n")
    chosen = np.random.default_rng(seed).permutation(len(rows))[:count]
    out.write_text("\n".join([header, *(rows[k] for k in chosen), ""]), encoding="utf-8")


def run(start: Path | None, count: int, seed: int, domain: Path, out: Path) -> dict[str, float]:
    """Figures on the dev file of a model trained on `count` pairs, from a start or from nothing."""
    origin = "nothing" if start is None else sha256_file(start / MANIFEST)[:12]
    name = f"{origin}-{count}-{seed}"
    result = out / f"{name}.json"
    recipe = build_recipe("bilstm-attention") if start is None else load_model(start).recipe
    # Without adversarial training, which takes twice the time.
    recipe = recipe.for_continuing().replace([f"training.seed={seed}", "training.adversarial=0"])
    kept = read_json(result) if result.exists() else {}
    if kept.get("settings") != recipe.to_dict():
        pairs, dataset = out / f"pairs-{count}-{seed}.tsv", out / f"dataset-{name}"
        draw(domain / "train.tsv", count, seed, pairs)
        vectors = textsim.WordVectorSettings(train_dim=300) if start is None else None
        textsim.preprocess(
            pairs,
            dataset,
            dev=domain / "dev.tsv",
            vocabulary=start,
            word_vectors=vectors,
            overwrite=True,
            progress=False,
        )
        trained = textsim.train(
            dataset, recipe, out / f"model-{name}", init=start, overwrite=True, progress=False
        )
        write_json(result, {**trained.metrics, "seconds": trained.seconds, "settings": recipe.to_dict()})
        print(name, trained.metrics, flush=True)
    figures: dict[str, float] = read_json(result)
    return figures


def as_it_is(start: Path, domain: Path) -> tuple[float, float, float]:
    """Accuracy at the start's own threshold and at the domain's best one, and AUC, with nothing trained."""
    figures = evaluate_file(start, domain / "dev.tsv")
    chunks = list(read_rows(domain / "dev.tsv"))
    labels = np.concatenate([chunk.labels for chunk in chunks])
    pairs = [pair for chunk in chunks for pair in zip(*chunk.texts, strict=True)]
    scores = textsim.TextMatcher.load(start).score_pairs(pairs)
    best = evaluate_scores(labels, scores, choose_threshold(labels, scores))
    return figures.accuracy_at_threshold, best.accuracy_at_threshold, best.auc


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("start", type=Path, metavar="MODEL", help="a model folder to continue from")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TEXTSIM_DATA", "../shared/data")))
    parser.add_argument("--out", type=Path, default=Path("runs/continuing"), help="default: runs/continuing")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="default: 0 1 2")
    arguments = parser.parse_args()
    domain = arguments.data / "pairs" / "bq"
    if not domain.is_dir():
        parser.error(f"no data at {domain}: pass --data or set TEXTSIM_DATA")
    arguments.out.mkdir(parents=True, exist_ok=True)
    own, best, auc = as_it_is(arguments.start, domain)
    print("| pairs of the domain | from nothing | AUC | from the model | AUC |\n|---|---|---|---|---|")
    print(f"| 0 | - | - | {own:.4f} ({best:.4f} at a threshold chosen on dev) | {auc:.4f} |")
    for count in SIZES:
        cells = []
        for start in (None, arguments.start):
            runs = [run(start, count, seed, domain, arguments.out) for seed in arguments.seeds]
            for key in ("accuracy_at_threshold", "auc"):
                values = [figures[key] for figures in runs]
                spread = f" ± {np.std(values, ddof=1):.4f}" if len(values) > 1 else ""
                cells.append(f"{np.mean(values):.4f}{spread}")
        print(f"| {count:,} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
