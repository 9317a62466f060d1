"""A model to train that begins as a saved one."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import numpy as np

from textsim.artifacts.saved_model import SavedModel
from textsim.config.settings import Part, Recipe
from textsim.data.dataset import PairDataset
from textsim.data.layout import Split
from textsim.errors import ConfigError
from textsim.modeling.siamese import SiameseModel
from textsim.registry import ENCODERS, HEADS, POOLINGS, Registry


def as_read_by(start: SavedModel, dataset: PairDataset) -> PairDataset:
    """A dataset for a saved model to go on with: numeric vectors as the model reads them, which are standardized by the
    mean and the spread of what it was trained on, or not at all.

    Raises:
        ConfigError: the model reads texts where the dataset holds vectors, the other way round, or vectors of another
            width.
    """
    if (start.kind == "vectors") != (dataset.kind == "vectors"):
        raise ConfigError(
            f"{dataset.path}/ holds {dataset.kind}, which a model of kind {start.kind!r} cannot continue with."
        )
    if dataset.kind != "vectors":
        return dataset
    width = dataset.splits["train"].sides[0].shape[1]
    if width != start.dim:
        raise ConfigError(
            f"the model to continue from reads vectors of {start.dim} values. "
            f"Those of {dataset.path}/ have {width}."
        )
    if np.array_equal(_scaler(dataset), _scaler(start)):
        return dataset
    (mean, scale), (wanted_mean, wanted_scale) = _scaler(dataset), _scaler(start)

    def standardized(vectors: np.ndarray) -> np.ndarray:
        return ((vectors * scale + mean - wanted_mean) / wanted_scale).astype(np.float32)

    splits = {
        name: Split(tuple(map(standardized, split.sides)), split.labels)
        for name, split in dataset.splits.items()
    }
    return dataclasses.replace(dataset, splits=splits, scaler=start.scaler)


def _scaler(reads: PairDataset | SavedModel) -> np.ndarray:
    """The mean and the spread by which vectors are standardized, float64 (2, width); 0 and 1 where they are not."""
    width = reads.dim if isinstance(reads, SavedModel) else reads.splits["train"].sides[0].shape[1]
    scaler = reads.scaler or (np.zeros(width), np.ones(width))
    return np.stack(scaler).astype(np.float64)


def continued(start: SavedModel, recipe: Recipe, dataset: PairDataset) -> SiameseModel:
    """A model with the weights of a saved one.

    Tokens that it does not know get the dataset's word vectors where it has any, else some of the known ones' spread.

    Args:
        start: the saved one.
        recipe: of the same parts.
        dataset: see `as_read_by`.

    Raises:
        ConfigError: the dataset was not made for the model, the recipe's parts are not its own, or it is an ensemble.
    """
    if start.members > 1:
        names = ", ".join(entry["name"] for entry in start.provenance.get("ensemble_of", ()))
        raise ConfigError(
            f"the model to continue from is an ensemble of {start.members}. Continue from each of "
            f"the models that it was made of ({names}), and join what comes of it."
        )
    for name, registry in _PARTS.items():
        wanted, given = (_meaning(registry, getattr(each, name)) for each in (start.recipe, recipe))
        if wanted != given:
            raise ConfigError(
                f"the recipe's parts are not those of the model to continue from: {name}: expected {_shown(wanted)}. "
                f"Received {_shown(given)}."
            )
    weights = dict(start.weights)
    size = None
    if start.vocabulary is not None and start.tokenizer is not None:
        if (
            dataset.vocabulary is None
            or dataset.tokenizer is None
            or dataset.vocabulary.tokens[: len(start.vocabulary)] != start.vocabulary.tokens
            or not dataset.tokenizer.cuts_for(start.tokenizer)
        ):
            raise ConfigError(
                f"{dataset.path}/ was not made for the model to continue from. "
                "Preprocess with vocabulary=... naming that model."
            )
        size = len(dataset.vocabulary)
        table = weights["embedding/table"]
        known = table[2:]
        rng = np.random.default_rng(recipe.training.seed)
        new = rng.normal(known.mean(axis=0), known.std(axis=0), (size - len(table), table.shape[1]))
        if dataset.embedding is not None:
            if dataset.embedding.shape[1] != table.shape[1]:
                raise ConfigError(
                    f"{dataset.path}/ has word vectors of {dataset.embedding.shape[1]} numbers, the model to continue "
                    f"from such of {table.shape[1]}. Preprocess without word vectors, or with some of that width."
                )
            new = dataset.embedding[len(table) :]
        weights["embedding/table"] = np.concatenate([table, new.astype("float32")])
    model = SiameseModel(recipe, size, start.dim, name="siamese")
    try:
        model.set_weight_arrays(weights)
    except ValueError as error:
        raise ConfigError(
            f"the recipe's parts are not those of the model to continue from: {error}"
        ) from None
    return model


_PARTS: dict[str, Registry] = {
    "encoder": ENCODERS,
    "pooling": POOLINGS,
    "projection": ENCODERS,
    "head": HEADS,
}


def _meaning(registry: Registry, part: Part | None) -> dict[str, Any]:
    """What a part makes of its inputs: its name and, where weights alone do not tell, its options, defaults filled in.

    What drops out in training may change from run to run, as may what a head makes of a distance.
    """
    if part is None:
        return {}
    if registry is HEADS:
        return {"name": part.name}
    parameters = inspect.signature(registry.get(part.name)).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    options = {
        name: list(value) if isinstance(value, list | tuple) else [value]
        for name, value in {**defaults, **part.options}.items()
        if "dropout" not in name
    }
    return {"name": part.name, **options}


def _shown(meaning: dict[str, Any]) -> str:
    """A part as the command line sets it."""
    options = [
        f"{name}={value[0] if len(value) == 1 else value}"
        for name, value in meaning.items()
        if name != "name"
    ]
    return f"{meaning['name']!r}{' with ' if options else ''}{', '.join(options)}" if meaning else "none"
