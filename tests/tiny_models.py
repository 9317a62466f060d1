"""Small models with random weights, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from textsim.artifacts.saved_model import SavedModel
from textsim.config.recipes import RECIPES
from textsim.config.settings import Recipe
from textsim.data.dataset import PairDataset
from textsim.text.tokenizers import CharTokenizer
from textsim.text.vocabulary import Vocabulary

CHARACTERS = "花呗怎么还款怎样今天气明你好吗不是我的了一二三"
DIM = 12
MAX_LENGTH = 10


def small(recipe: Recipe) -> Recipe:
    """The recipe with narrow layers."""
    narrow = {
        "bilstm": {"units": [6, 5]},
        "cnn": {"filters": 6},
        "dense": {"units": [8, 7]},
        "transformer": {"width": 8, "heads": 2, "feed_forward": 12},
        "attention": {"heads": 2, "hidden": 6},
        "interaction": {"units": [9]},
    }
    values = recipe.to_dict()
    for kind in ("encoder", "pooling", "projection", "head"):
        if values[kind] is not None:
            values[kind].update(narrow.get(values[kind]["name"], {}))
    return Recipe.from_dict(values)


def keras_model(recipe: Recipe, seed: int = 0, dim: int = DIM) -> Any:
    """A `SiameseModel` with the same random weights each time, none of them zero, biases and gains too."""
    from textsim.modeling.siamese import SiameseModel

    size = len(vocabulary()) if recipe.embedding is not None else None
    model = SiameseModel(recipe, size, dim)
    random = np.random.default_rng(seed)
    arrays = {
        path: random.normal(0, 0.5, weight.shape).astype(np.float32)
        for path, weight in model.weight_arrays().items()
    }
    if "embedding/table" in arrays:
        arrays["embedding/table"][0] = 0
    model.set_weight_arrays(arrays)
    return model


def saved_model(recipe: Recipe | str, seed: int = 0, **changes: Any) -> SavedModel:
    """A model of a recipe, or of a recipe's name, as training would save it."""
    recipe = small(RECIPES[recipe]) if isinstance(recipe, str) else recipe
    model = keras_model(recipe, seed)
    text = recipe.embedding is not None
    values: dict[str, Any] = {
        "kind": "text" if text else "vectors",
        "recipe": recipe,
        "dim": DIM,
        "output_dim": model.output_dim,
        "weights": model.weight_arrays(),
        "threshold": 0.25,
        "tokenizer": CharTokenizer() if text else None,
        "vocabulary": vocabulary() if text else None,
        "max_length": MAX_LENGTH if text else None,
    }
    return SavedModel(**{**values, **changes})


def untrained(dataset: PairDataset, recipe: Recipe, seed: int = 0) -> SavedModel:
    """A model for a dataset, as training of no steps would save it."""
    import keras

    from textsim.training.trainer import model_for

    keras.utils.set_random_seed(seed)
    model = model_for(recipe, dataset)
    return SavedModel(
        kind="vectors" if dataset.kind == "vectors" else "text",
        recipe=recipe,
        dim=model.dim,
        output_dim=model.output_dim,
        weights=model.weight_arrays(),
        threshold=0.5,
        tokenizer=dataset.tokenizer,
        vocabulary=dataset.vocabulary,
        max_length=dataset.max_length,
        scaler=dataset.scaler,
    )


def vocabulary() -> Vocabulary:
    return Vocabulary(list(dict.fromkeys(CHARACTERS)))
