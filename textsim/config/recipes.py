"""The named recipes, and which is taken where none is asked for.

Example:
    >>> from textsim import RECIPES
    >>> recipe = RECIPES["bilstm-attention"].replace(["training.epochs=2", "encoder.units=[64]"])
    >>> recipe.training.epochs, recipe.encoder.options
    (2, {'units': [64]})
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from textsim.config.settings import EmbeddingSettings, Part, Recipe, TrainingSettings
from textsim.errors import ConfigError
from textsim.registry import unknown_name


def build_recipe(
    name: str | None = None, config_file: Path | None = None, assignments: Iterable[str] = ()
) -> Recipe:
    """The recipe that the command line's options describe.

    Args:
        name: a key of `RECIPES`.
        config_file: a recipe as JSON, given instead of a name.
        assignments: changes to it, see `Recipe.replace`.

    Raises:
        ConfigError: both a name and a file, or neither, an unknown name, an unreadable file, or a setting that does
            not fit.
    """
    if (name is None) == (config_file is None):
        raise ConfigError("give a recipe either by name or by file.")
    if config_file is not None:
        try:
            text = Path(config_file).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{config_file}: cannot read the recipe: {error}.") from None
        recipe = Recipe.from_json(text, str(config_file))
    else:
        if name not in RECIPES:
            raise ConfigError(unknown_name("recipe", str(name), tuple(sorted(RECIPES))))
        recipe = RECIPES[name]
    return recipe.replace(assignments)


def _part(name: str, **options: Any) -> Part:
    return Part(name=name, **options)


_ATTENTION = Recipe(
    description="Recommended. Trainable embeddings, BiLSTM, self-attention pooling, [|u-v|, u*v] head, "
    "in-batch negatives beside cross-entropy, adversarial training.",
    embedding=EmbeddingSettings(trainable=True, dim=300, dropout=0.3, token_dropout=0.1),
    # What drops out between the encoder and the comparison sets equal sentences apart: it has none.
    encoder=_part("bilstm", units=[128]),
    pooling=_part("attention", heads=4),
    head=_part("interaction", units=[256], dropout=0.3),
    loss=_part("binary-crossentropy", negatives=0.2, temperature=0.1),
    training=TrainingSettings(
        learning_rate=2e-3,
        schedule="cosine",
        warmup=0.05,
        batch_size=128,
        # Small steps come at the end: stopping early would leave them out.
        epochs=6,
        patience=None,
        monitor="auc",
        adversarial=0.1,
    ),
)


RECIPES: dict[str, Recipe] = {
    "bilstm-attention": _ATTENTION,
    "bilstm-few-pairs": _ATTENTION.replace(
        [
            "description=The parts of bilstm-attention for few pairs: small batches and many epochs, so that there are "
            "enough steps to learn in.",
            "training.batch_size=32",
            "training.epochs=20",
        ]
    ),
    "bilstm-open-domain": Recipe(
        description="The parts of bilstm-attention for a hundred thousand pairs and more about everything: little "
        "dropout, few epochs, the pairs that labels imply, and less weight on what common characters tell.",
        embedding=EmbeddingSettings(trainable=True, dim=300, dropout=0.1),
        encoder=_part("bilstm", units=[128]),
        pooling=_part("attention", heads=4),
        head=_part("interaction", units=[256], dropout=0.1),
        loss=_part("binary-crossentropy", negatives=0.1, temperature=0.1),
        training=TrainingSettings(
            learning_rate=2e-3,
            schedule="cosine",
            warmup=0.05,
            batch_size=128,
            epochs=3,
            monitor="auc",
            debias=0.5,
            transitive=True,
        ),
    ),
    "bilstm-manhattan": Recipe(
        description="Frozen character vectors, two shared BiLSTMs (128, 32), exp(-L1), binary cross-entropy, Nadam.",
        embedding=EmbeddingSettings(trainable=False),
        encoder=_part("bilstm", units=[128, 32], dropout=0.5),
        pooling=_part("last"),
        head=_part("manhattan"),
        training=TrainingSettings(batch_size=64, epochs=20, patience=None, monitor="accuracy"),
    ),
    "bilstm-cosine": Recipe(
        description="Trainable embeddings, BiLSTM(50), exp(negative cosine distance) into a learned sigmoid.",
        embedding=EmbeddingSettings(trainable=True, dim=300),
        encoder=_part("bilstm", units=[50], dropout=0.2),
        pooling=_part("last"),
        head=_part("cosine-sigmoid"),
        training=TrainingSettings(monitor="accuracy"),
    ),
    "bilstm-triplet": Recipe(
        description="Anchor, positive and negative through one BiLSTM(50) and dense layers; triplet loss, margin 0.4.",
        embedding=EmbeddingSettings(trainable=True, dim=300, dropout=0.3, token_dropout=0.1),
        encoder=_part("bilstm", units=[50]),
        pooling=_part("mean-max"),
        projection=_part("dense", units=[128, 128], activation="relu", final_activation="linear"),
        head=_part("cosine"),
        loss=_part("triplet", margin=0.4),
        training=TrainingSettings(monitor="accuracy"),
    ),
    "vector-contrastive": Recipe(
        description="Two numeric vectors, Dense(128) x 3, Euclidean distance, contrastive loss with margin 1.",
        embedding=None,
        encoder=_part("dense", units=[128, 128, 128], activation="relu", dropout=0.1),
        pooling=None,
        head=_part("euclidean", half_distance=0.5),
        loss=_part("contrastive", margin=1.0),
        training=TrainingSettings(optimizer="RMSprop", epochs=50, patience=3, monitor="loss"),
    ),
    "vector-l1": Recipe(
        description="Two numeric vectors, Dense(128) x 3, a learned linear layer on |u-v|, cross-entropy from logits.",
        embedding=None,
        encoder=_part("dense", units=[128, 128, 128], activation="relu", dropout=0.1),
        pooling=None,
        head=_part("l1"),
        training=TrainingSettings(optimizer="RMSprop", epochs=50, patience=3, monitor="loss"),
    ),
    "word-vectors": Recipe(
        description="The baseline to beat: the mean of the word vectors by cosine. Only the threshold is fitted.",
        embedding=EmbeddingSettings(trainable=False),
        encoder=_part("word-vectors"),
        pooling=_part("mean"),
        head=_part("cosine"),
        loss=_part("none"),
        training=TrainingSettings(epochs=1, patience=None),
    ),
    "cnn": Recipe(
        description="Trainable embeddings, convolutions over 2, 3 and 5 tokens, max pooling, [|u-v|, u*v] head.",
        embedding=EmbeddingSettings(trainable=True, dim=300, dropout=0.3),
        encoder=_part("cnn", filters=128, widths=[2, 3, 5], dropout=0.3),
        pooling=_part("max"),
        head=_part("interaction", units=[256], dropout=0.3),
        training=TrainingSettings(schedule="cosine", warmup=0.05, epochs=8, monitor="auc"),
    ),
    "transformer": Recipe(
        description="Trainable embeddings, a two-layer Transformer, mean and max pooling, [|u-v|, u*v] head.",
        embedding=EmbeddingSettings(trainable=True, dim=300, dropout=0.1),
        encoder=_part("transformer", width=192, layers=2, heads=4, feed_forward=384, dropout=0.1),
        pooling=_part("mean-max"),
        head=_part("interaction", units=[256], dropout=0.3),
        training=TrainingSettings(
            optimizer="AdamW",
            weight_decay=0.01,
            learning_rate=5e-4,
            schedule="cosine",
            warmup=0.1,
            epochs=8,
            monitor="auc",
        ),
    ),
}
"""The named recipes. Each can be printed, changed with `Recipe.replace`, saved and given back."""


FEW_PAIRS = 20_000
"""Fewer training pairs than this are few, see `default_recipe`."""


def default_recipe(kind: Literal["pairs", "triplets", "vectors"], rows: int) -> str:
    """Name of the recipe that is taken for a dataset where none is asked for.

    Args:
        kind: what the dataset holds.
        rows: of its training split, at least 0.
    """
    if kind == "pairs":
        return "bilstm-few-pairs" if rows < FEW_PAIRS else "bilstm-attention"
    return {"triplets": "bilstm-triplet", "vectors": "vector-contrastive"}[kind]
