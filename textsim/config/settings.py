"""Settings of a model and of its training, as plain typed objects, and the named recipes.

A `Recipe` holds everything that decides what is trained and how. It can be printed as JSON, edited, saved and
read back; a key that no setting has is refused. Parts that are looked up by name (encoder, pooling, head,
loss) are written as ``{"name": ..., option: value}``; their options are those of the class's constructor.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from textsim.errors import ConfigError
from textsim.registry import unknown_name

S = TypeVar("S", bound="Settings")


class Settings(BaseModel):
    """Base of all settings: immutable, typed, refuses unknown keys, and round-trips through JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)

    def to_dict(self) -> dict[str, Any]:
        return self.model_dump(mode="json")

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2)

    @classmethod
    def from_dict(cls: type[S], values: Mapping[str, Any], where: str = "settings") -> S:
        """Builds the settings from plain values.

        Raises:
            ConfigError: an unknown key, a missing key, or a value of the wrong type or range; names the key.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise ConfigError(f"{where}: {_explain(error, cls)}") from None


def _explain(error: ValidationError, cls: type[Settings]) -> str:
    """The first fault of a pydantic error in one sentence."""
    fault = error.errors()[0]
    path = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = _keys_at(cls, fault["loc"][:-1])
        return unknown_name("setting", path, tuple(known))
    if fault["type"] == "missing":
        return f"the setting {path!r} is missing."
    message = fault["msg"].removeprefix("Value error, ")
    place = f"{path}: " if path else ""
    received = "" if fault["type"] == "value_error" else f" Received {fault['input']!r}."
    return f"{place}{message.rstrip('.')}.{received}"


def _keys_at(cls: Any, path: tuple[int | str, ...]) -> list[str]:
    """Dotted names of the settings that sit beside the one at `path`."""
    for part in path:
        field = cls.model_fields.get(part)
        inner = [
            t
            for t in (field.annotation, *getattr(field.annotation, "__args__", ()))
            if hasattr(t, "model_fields")
        ]
        if not inner:
            return []
        cls = inner[0]
    return [".".join([*map(str, path), name]) for name in sorted(cls.model_fields)]


class Part(Settings):
    """A registered class by its name, with options for its constructor."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str

    @property
    def options(self) -> dict[str, Any]:
        """The options, as keyword arguments for the class."""
        return dict(self.model_extra or {})


class EmbeddingSettings(Settings):
    """The token embedding of a text model.

    The width and the starting values are those of the dataset's word vectors; `dim` is used where it has
    none.
    """

    trainable: bool = True
    dim: int = Field(default=128, ge=1, description="width when the dataset has no word vectors")
    dropout: float = Field(
        default=0.0, ge=0.0, lt=1.0, description="share of each distinct token's values dropped"
    )
    token_dropout: float = Field(
        default=0.0, ge=0.0, lt=1.0, description="share of the tokens read as the unknown one in training"
    )


class TrainingSettings(Settings):
    """How a model is trained."""

    optimizer: str = Field(default="Nadam", description="a Keras optimizer by its class name")
    learning_rate: float = Field(default=1e-3, gt=0.0)
    schedule: Literal["constant", "cosine"] = Field(
        default="constant",
        description="cosine: linear warm-up, then a half cosine down to zero at the last epoch",
    )
    warmup: float = Field(default=0.0, ge=0.0, lt=1.0, description="share of all steps spent warming up")
    weight_decay: float = Field(default=0.0, ge=0.0)
    clip_norm: float | None = Field(
        default=5.0, gt=0.0, description="global gradient norm above which steps shrink"
    )
    average: float = Field(
        default=0.0,
        ge=0.0,
        lt=1.0,
        description="momentum of an exponential moving average of the weights; 0 is off",
    )
    batch_size: int = Field(default=128, ge=2)
    epochs: int = Field(default=10, ge=1)
    patience: int | None = Field(
        default=3, ge=1, description="epochs without improvement before training stops"
    )
    monitor: Literal["loss", "accuracy", "auc", "accuracy_at_threshold", "spearman"] = Field(
        default="loss", description="the validation figure that chooses the best epoch and stops training"
    )
    class_weights: Literal["none", "balanced"] = Field(
        default="none", description="balanced: each class weighs the same in the loss, whatever its share"
    )
    debias: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        description="this share of what the tokens that two texts share tell about their label, as log-odds, is added "
        "to the logit in training, so that the model learns the rest (product of experts)",
    )
    adversarial: float = Field(
        default=0.0,
        ge=0.0,
        lt=1.0,
        description="reads each batch a second time with its token vectors moved against the model, by this share of "
        "their norm, and learns from both readings (adversarial training); doubles the time",
    )
    transitive: bool = Field(
        default=False,
        description="adds the pairs that the labels imply: two texts that are both the same as a third are the same, "
        "one that is the same as a third and one that differs from it differ; at most as many as are labelled 0 or 1, "
        "drawn at random where more are implied",
    )
    seed: int = Field(default=0, ge=0, lt=2**32)

    @model_validator(mode="after")
    def _warmup_needs_schedule(self) -> TrainingSettings:
        if self.warmup and self.schedule == "constant":
            raise ValueError("warmup needs schedule=cosine. Received a warmup with schedule=constant")
        return self


class Recipe(Settings):
    """Everything that decides what is trained and how.

    A text model is embedding -> encoder -> pooling -> projection -> head; a vector model (encoder `dense`)
    has no embedding and no pooling.
    """

    description: str = ""
    embedding: EmbeddingSettings | None = EmbeddingSettings()
    encoder: Part = Part(name="bilstm")
    pooling: Part | None = Part(name="attention")
    projection: Part | None = Field(default=None, description="dense layers between the pooling and the head")
    head: Part = Part(name="interaction")
    loss: Part = Part(name="binary-crossentropy")
    training: TrainingSettings = TrainingSettings()

    @classmethod
    def from_json(cls, text: str, where: str = "recipe") -> Recipe:
        """Reads a recipe from JSON text; `where` names its source in errors."""
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise ConfigError(f"{where}, line {error.lineno}: not JSON: {error.msg}.") from None
        if not isinstance(values, dict):
            raise ConfigError(
                f"{where}: expected a JSON object of settings. Received {type(values).__name__}."
            )
        return cls.from_dict(values, where)

    def replace(self, assignments: Iterable[str]) -> Recipe:
        """A copy with some settings changed.

        Args:
            assignments: strings ``key=value`` with a dotted key, as in ``training.epochs=5`` or
                ``head=cosine``. The value is read as JSON where it is JSON, else as text. A bare name for a
                part replaces the part.

        Raises:
            ConfigError: no ``=``, an unknown key, or a value that does not fit.
        """
        values = self.to_dict()
        for assignment in assignments:
            key, equals, text = assignment.partition("=")
            if not equals or not key.strip():
                raise ConfigError(f"--set {assignment}: expected key=value, as in training.epochs=5.")
            _assign(values, key.strip(), _parse(text.strip()), assignment)
        return Recipe.from_dict(values, "--set")

    def for_continuing(self) -> Recipe:
        """This recipe as it goes on from a model of it, with the pairs of another domain.

        The parts and the optimizer stay. Of such pairs there mostly are few: small batches make many steps of them, and
        `adversarial` training makes more of each. Nothing is known of them that would call for `debias` or
        `transitive`.
        """
        changes = [
            "training.batch_size=32",
            "training.epochs=10",
            "training.debias=0",
            "training.transitive=false",
        ]
        if self.embedding is not None and self.loss.name != "none":
            changes.append("training.adversarial=0.1")
        if self.training.schedule == "cosine":
            # Small steps come at the end: stopping early would leave them out.
            changes.append("training.patience=null")
        return self.replace(changes)


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _assign(values: dict[str, Any], key: str, value: Any, assignment: str) -> None:
    *path, last = key.split(".")
    target = values
    for depth, part in enumerate(path):
        inner = target.get(part)
        if not isinstance(inner, dict):
            if part not in target:
                raise ConfigError(
                    f"--set {assignment}: {unknown_name('setting', part, tuple(sorted(target)))}"
                )
            raise ConfigError(
                f"--set {assignment}: {'.'.join(path[: depth + 1])} is {json.dumps(inner)} and has no {last!r}."
            )
        target = inner
    if not path and key in ("encoder", "pooling", "projection", "head", "loss") and isinstance(value, str):
        value = {"name": value}
    target[last] = value


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
