"""Pairs of numeric vectors with a class: do the two belong together?

    python examples/numeric_vectors.py                        pairs of images of digits, 64 pixels each
    python examples/numeric_vectors.py --train t.csv --dev d.csv

A row of the files has the left vector, the right vector, and a class, 1 where they belong together.
"""

from __future__ import annotations

import argparse
from importlib import resources
from pathlib import Path

import numpy as np

from textsim import RECIPES, VectorMatcher, evaluate_file, preprocess, train

DEMO = Path(str(resources.files("textsim.resources"))) / "demo"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", type=Path, default=DEMO / "digits_train.csv")
    parser.add_argument("--dev", type=Path, default=DEMO / "digits_dev.csv")
    parser.add_argument("--out", type=Path, default=Path("runs/example-vectors"))
    options = parser.parse_args()

    # Both sides share mean and spread; the model keeps them and applies them in scoring.
    dataset, model = options.out / "dataset", options.out / "model"
    preprocess(options.train, dataset, kind="vectors", dev=options.dev, standardize=True, overwrite=True)
    train(dataset, RECIPES["vector-contrastive"], model, overwrite=True)
    print(evaluate_file(model, options.dev).format())

    matcher = VectorMatcher.load(model)
    vectors = np.random.default_rng(0).normal(size=(3, matcher.width))
    # pairwise: every vector with every other one.
    left, right = np.repeat(vectors, 3, axis=0), np.tile(vectors, (3, 1))
    print(matcher.score_pairs(left, right).reshape(3, 3).round(3))


if __name__ == "__main__":
    main()
