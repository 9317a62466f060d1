"""What a dataset must hold for a recipe to be trained on it, beside data of the kind that the parts read."""

from __future__ import annotations

import numpy as np

from textsim.config.settings import Recipe
from textsim.data.dataset import PairDataset
from textsim.errors import ConfigError


def check_dataset(recipe: Recipe, dataset: PairDataset, *, taught: bool) -> None:
    """Raises ConfigError where rows or labels are missing that a recipe needs; `taught`: models give the labels."""
    if "dev" not in dataset.splits or not len(dataset.splits["dev"]):
        raise ConfigError(
            f"{dataset.path}/ has no dev split, on which the best epoch and the threshold are chosen. "
            "Preprocess with dev=..., or with dev_fraction=0.1."
        )
    if len(dataset.splits["train"]) < 2:
        raise ConfigError(
            f"{dataset.path}/ has {len(dataset.splits['train'])} training rows. Expected 2 or more."
        )
    if dataset.kind == "triplets" and recipe.training.monitor not in ("loss", "accuracy"):
        raise ConfigError(
            f"training.monitor={recipe.training.monitor!r} is a figure of pairs. Expected 'loss' or 'accuracy'."
        )
    train_labels = dataset.splits["train"].labels
    alike = train_labels is not None and len(np.unique(train_labels)) < 2
    # What teachers say of pairs is never quite alike.
    if recipe.training.debias and alike and not taught:
        raise ConfigError(
            f"training.debias asks what common tokens tell about the label, but those of {dataset.path}/ are all alike."
        )
    if recipe.training.transitive and train_labels is not None and not np.isin(train_labels, (0, 1)).any():
        raise ConfigError(
            f"training.transitive reads labels of 0 and 1, but all of {dataset.path}/ are graded, such as "
            f"{float(train_labels[0]):g}."
        )
    monitor = recipe.training.monitor
    if monitor in ("auc", "spearman"):
        labels = dataset.splits["dev"].labels
        assert labels is not None
        if len(np.unique(labels >= 0.5 if monitor == "auc" else labels)) < 2:
            raise ConfigError(
                f"training.monitor={monitor!r} compares pairs of different labels, but those of the dev split of "
                f"{dataset.path}/ are all alike. Expected 'loss', 'accuracy' or 'accuracy_at_threshold'."
            )


def check_word_vectors(recipe: Recipe, dataset: PairDataset) -> None:
    """Raises ConfigError where a recipe freezes word vectors that a dataset does not have."""
    if recipe.embedding is not None and not recipe.embedding.trainable and dataset.embedding is None:
        raise ConfigError(
            f"the recipe freezes the embedding, but {dataset.path}/ has no word vectors. Preprocess with "
            "word_vectors=..., or set embedding.trainable to true."
        )
