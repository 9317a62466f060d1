"""Settings of a model and of its training, as plain typed objects, and the named recipes.

A `Recipe` holds everything that decides what is trained and how. It can be printed as JSON, edited, saved and
read back; a key that no setting has is refused. Parts that are looked up by name (encoder, pooling, head,
loss) are written as ``{"name": ..., option: value}``; their options are those of the class's constructor.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from textsim.config.overrides import assign, parse_value
from textsim.errors import ConfigError
from textsim.registry import ENCODERS, HEADS, LOSSES, POOLINGS, unknown_name

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
    received = "" if fault["type"] == "value_error" else f" Received {fault['input']!r:.80}."
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
        default=0.0, ge=0.0, lt=1.0, description="fraction of each distinct token's values dropped"
    )
    token_dropout: float = Field(
        default=0.0, ge=0.0, lt=1.0, description="fraction of the tokens read as the unknown one in training"
    )


class TrainingSettings(Settings):
    """How a model is trained."""

    optimizer: str = Field(default="Nadam", description="a Keras optimizer by its class name")
    learning_rate: float = Field(default=1e-3, gt=0.0)
    schedule: Literal["constant", "cosine"] = Field(
        default="constant",
        description="cosine: linear warm-up, then a half cosine down to zero at the last epoch",
    )
    warmup: float = Field(default=0.0, ge=0.0, lt=1.0, description="fraction of all steps spent warming up")
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
        default="none",
        description="balanced: each class weighs the same in the loss, however many rows it has",
    )
    debias: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        description="this fraction of what the tokens that two texts share tell about their label, as log-odds, is "
        "added to the logit in training, so that the model learns the rest (product of experts)",
    )
    adversarial: float = Field(
        default=0.0,
        ge=0.0,
        lt=1.0,
        description="reads each batch a second time with its token vectors moved against the model, by this fraction "
        "of their norm, and learns from both readings (adversarial training); doubles the time",
    )
    adversarial_every: int = Field(
        default=1,
        ge=1,
        description="of so many batches the last alone is read a second time: 2 saves half of what adversarial "
        "training costs",
    )
    transitive: bool = Field(
        default=False,
        description="adds the pairs that the labels imply: two texts that are both the same as a third are the same, "
        "one that is the same as a third and one that differs from it differ; at most as many as are labelled 0 or 1, "
        "drawn at random where more are implied",
    )
    contrast: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        description="adds as many pairs as this fraction of the rows, made by rules of the training texts, that differ "
        "in one thing: a number, a negation, who does it to whom (extra `augment`)",
    )
    seed: int = Field(default=0, ge=0, lt=2**32)

    @model_validator(mode="after")
    def _adversarial_every_needs_adversarial(self) -> TrainingSettings:
        if self.adversarial_every > 1 and not self.adversarial:
            raise ValueError("adversarial_every needs adversarial above 0. Received adversarial=0")
        return self

    @model_validator(mode="after")
    def _warmup_needs_schedule(self) -> TrainingSettings:
        if self.warmup and self.schedule == "constant":
            raise ValueError("warmup needs schedule=cosine. Received a warmup with schedule=constant")
        return self


class Recipe(Settings):
    """Everything that decides what is trained and how.

    A text model is embedding -> encoder -> pooling -> projection -> head; a vector model (encoder `dense`)
    has no embedding and no pooling.

    Example:
        >>> from textsim import Recipe
        >>> Recipe().replace(["head=cosine", "loss=contrastive"]).to_dict()["head"]
        {'name': 'cosine'}
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
        except (ValueError, RecursionError) as error:
            # Numbers of thousands of digits, and brackets in brackets without end.
            raise ConfigError(f"{where}: cannot be read: {error}.") from None
        if not isinstance(values, dict):
            raise ConfigError(
                f"{where}: expected a JSON object of settings. Received {type(values).__name__}."
            )
        return cls.from_dict(values, where)

    def check_names(self) -> None:
        """Raises UnknownNameError where a part has the name of none; needs no Keras."""
        for registry, part in (
            (ENCODERS, self.encoder),
            (POOLINGS, self.pooling),
            (ENCODERS, self.projection),
            (HEADS, self.head),
            (LOSSES, self.loss),
        ):
            if part is not None:
                registry.check(part.name)

    def replace(self, assignments: Iterable[str]) -> Recipe:
        """A copy with some settings changed.

        Args:
            assignments: strings ``key=value`` with a dotted key, as in ``training.epochs=5`` or
                ``head=cosine``. The value is read as JSON where it is JSON, else as text. A bare name for a
                part replaces the part.

        Raises:
            ConfigError: no ``=``, an unknown key, or a value that does not fit.

        Example:
            >>> Recipe().replace(["training.epochs=3", "head=cosine"]).training.epochs
            3
        """
        values = self.to_dict()
        for assignment in assignments:
            key, equals, text = assignment.partition("=")
            if not equals or not key.strip():
                raise ConfigError(f"{assignment}: expected key=value, as in training.epochs=5.")
            values = assign(values, key.strip(), parse_value(text.strip()), assignment)
        return Recipe.from_dict(values, "changes")

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
            "training.contrast=0",
        ]
        if self.embedding is not None and self.loss.name != "none":
            changes.append("training.adversarial=0.1")
        if self.training.schedule == "cosine":
            # Small steps come at the end: stopping early would leave them out.
            changes.append("training.patience=null")
        return self.replace(changes)
