"""Accuracy on a dataset's dev rows by what its training rows tell of them.

Where sentences occur in several pairs, a dev row may be answered by the training rows alone: the pair stands there, or
its label follows from two that do. The command counts such rows, and says how well models do on them and on the rest.

    python scripts/benchmarks/seen.py runs/accuracy/datasets/lcqmc runs/accuracy/models/lcqmc-open-domain-0
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from textsim.data.dataset import PairDataset
from textsim.evaluation.row_scores import row_scores
from textsim.evaluation.thresholds import choose_threshold
from textsim.training.augmentation.distillation import load_teachers
from textsim.training.augmentation.transitive import ImpliedPairs, implied_pairs


def groups(dataset: PairDataset) -> dict[str, np.ndarray]:
    """The dev rows by what the training rows hold of them: name -> bool (rows,)."""
    train, dev = dataset.splits["train"], dataset.splits["dev"]
    implied = implied_by_training(dataset)
    known = _pairs(*train.sides), _pairs(implied.left, implied.right)
    stands, follows = (np.isin(_pairs(*dev.sides), pairs) for pairs in known)
    sentences = np.concatenate(train.sides)
    seen = np.isin(dev.sides[0], sentences) & np.isin(dev.sides[1], sentences)
    return {
        "all": np.ones(len(dev), bool),
        "stands in training": stands,
        "label follows from training": follows & ~stands,
        "else, both sentences seen": seen & ~follows & ~stands,
        "a sentence is new": ~seen,
    }


def implied_by_training(dataset: PairDataset) -> ImpliedPairs:
    """The pairs that the labels of the training rows imply."""
    train = dataset.splits["train"]
    assert train.labels is not None
    return implied_pairs(train.sides[0], train.sides[1], train.labels)


def _pairs(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """One number a pair, whichever side comes first."""
    left, right = np.asarray(left, np.int64), np.asarray(right, np.int64)
    return (np.minimum(left, right) << 32) + np.maximum(left, right)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path, help="a dataset folder of text pairs, with its dev split")
    parser.add_argument("models", nargs="+", help="model folders or names of bundled models")
    arguments = parser.parse_args()
    dataset = PairDataset.open(arguments.dataset)
    dev, parts = dataset.splits["dev"], groups(dataset)
    labels = np.asarray(dev.labels) >= 0.5
    implied = implied_by_training(dataset).labels
    print(
        f"{len(dataset.splits['train']):,} training rows imply {len(implied):,} other pairs, "
        f"{int(implied.sum()):,} of them matches.\n"
    )
    print(f"| dev rows | {' | '.join(parts)} |")
    print("|---" * (len(parts) + 1) + "|")
    print(f"| rows | {' | '.join(f'{int(part.sum()):,}' for part in parts.values())} |")
    for name in arguments.models:
        (matcher,) = load_teachers([name], dataset)
        scores = np.concatenate([part.scores for (part,) in row_scores(matcher, dataset, dev.sides)])
        right = (scores >= choose_threshold(labels.astype("float32"), scores)) == labels
        cells = [f"{right[part].mean():.4f}" if part.any() else "-" for part in parts.values()]
        print(f"| {Path(name).name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
