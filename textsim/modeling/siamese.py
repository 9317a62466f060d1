"""The Siamese model: one encoder for every side, a head over the encoded sides, and a training step."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Sequence
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from textsim.artifacts.shapes import check_size
from textsim.config.recipes import FEW_PAIRS, default_recipe
from textsim.config.settings import Part, Recipe
from textsim.errors import ConfigError
from textsim.modeling.embedding import TokenEmbedding
from textsim.modeling.heads.base import Head
from textsim.registry import ENCODERS, HEADS, LOSSES, POOLINGS, Registry, unknown_name

Kind = Literal["pairs", "triplets", "vectors"]


class SiameseModel(keras.Model):
    """Encodes each side alone, by the same weights, and scores pairs of encoded sides.

    Args:
        recipe: what the parts are.
        vocabulary_size: rows of the token embedding; None for a vector model.
        dim: width of the token embedding, or of the numeric vectors.

    A sentence batch is a dict with `token_ids`, int32 (n, steps) right-padded with 0, and `lengths`, int32
    (n,); a vector batch has `vectors`, float (n, dim). A training batch holds its sides one after the other
    in such a dict (n is sides times rows), with `labels` and `weights`, float (rows,), and `sentences`, int32
    (n,), where equal numbers mean the same sentence; it may have `offsets`, float (rows,), see `BinaryCrossentropy`.

    Raises:
        ConfigError: a part cannot be built, or Keras does not run on TensorFlow.
    """

    def __init__(self, recipe: Recipe, vocabulary_size: int | None, dim: int, **kwargs: Any) -> None:
        if keras.config.backend() != "tensorflow":
            raise ConfigError(
                f"Keras runs on {keras.config.backend()!r} in this process. Expected 'tensorflow': set the environment "
                "variable KERAS_BACKEND to it before Keras is imported."
            )
        super().__init__(**kwargs)
        self.recipe, self.vocabulary_size, self.dim = recipe, vocabulary_size, dim
        self.embedding: TokenEmbedding | None = None
        self.pooling: Any = None
        self.projection: Any = None
        if recipe.embedding is not None and vocabulary_size is not None:
            settings = recipe.embedding
            self.embedding = TokenEmbedding(
                vocabulary_size,
                dim,
                trainable=settings.trainable,
                dropout=settings.dropout,
                token_dropout=settings.token_dropout,
                name="embedding",
            )
        self.encoder = make_part(ENCODERS, recipe.encoder, layer_name="encoder")
        if recipe.pooling is not None:
            self.pooling = make_part(POOLINGS, recipe.pooling, layer_name="pooling")
        if recipe.projection is not None:
            self.projection = make_part(ENCODERS, recipe.projection, layer_name="projection")
        self.head = make_part(HEADS, recipe.head, layer_name="head")
        self.row_loss = make_part(LOSSES, recipe.loss)
        self.sides = 3 if self.row_loss.rows == "triplets" else 2
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.accuracy_tracker = keras.metrics.Mean(name="accuracy")
        self._make_weights()

    def _make_weights(self) -> None:
        """Runs one tiny batch through every layer, so that all weights exist."""
        check_size(self.recipe, self.dim, self.vocabulary_size)
        if self.embedding is None:
            batch = {"vectors": tf.zeros([2, self.dim])}
        else:
            batch = {"token_ids": tf.constant([[1, 1], [1, 0]]), "lengths": tf.constant([2, 1])}
        encoded = self.encode(batch)
        self.output_dim = int(encoded.shape[-1])
        self.head((encoded, encoded))
        self.built = True

    @property
    def metrics(self) -> list[Any]:
        return [self.loss_tracker, self.accuracy_tracker]

    def encode(
        self, batch: dict[str, tf.Tensor], training: bool = False, shift: tf.Tensor | None = None
    ) -> tf.Tensor:
        """One vector a sentence: float (n, output_dim). `shift` is the token embedding's, see `TokenEmbedding`."""
        if self.embedding is None:
            encoded = self.encoder(batch["vectors"], training=training)
        else:
            tokens = self.embedding(batch["token_ids"], batch["lengths"], training=training, shift=shift)
            encoded = self.pooling(self.encoder(tokens, training=training), batch["lengths"])
        if self.projection is not None:
            encoded = self.projection(encoded, training=training)
        return encoded

    def encode_sides(
        self, batch: dict[str, tf.Tensor], training: bool = False, shift: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, ...]:
        """The encoded sides of a training batch, each float (rows, output_dim), from one call of the encoder."""
        return tuple(tf.split(self.encode(batch, training=training, shift=shift), self.sides, axis=0))

    def call(self, batch: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Scores of a pair batch, float (rows,) in [0, 1]."""
        return self.head(self.encode_sides(batch, training=training)[:2], training=training)

    def batch_loss(
        self, batch: dict[str, tf.Tensor], sides: tuple[tf.Tensor, ...], training: bool = False
    ) -> tf.Tensor:
        """The loss of a batch whose sides are encoded, a scalar."""
        sentences = tuple(tf.split(batch["sentences"], self.sides))
        offsets = {"offsets": batch["offsets"]} if "offsets" in batch else {}
        losses = self.row_loss(self.head, sides, batch["labels"], sentences, training=training, **offsets)
        if losses.shape.rank == 0:
            return losses
        return tf.reduce_sum(losses * batch["weights"]) / tf.reduce_sum(batch["weights"])

    def decisions(self, batch: dict[str, tf.Tensor], sides: tuple[tf.Tensor, ...]) -> tf.Tensor:
        """1.0 for each row judged rightly: pairs at score 0.5, triplets by the positive scoring higher."""
        if self.sides == 3:
            anchor, positive, negative = sides
            right = self.head((anchor, positive)) > self.head((anchor, negative))
        else:
            right = (self.head(sides) >= 0.5) == (batch["labels"] >= 0.5)
        return tf.cast(right, "float32")

    def _read(
        self,
        batch: dict[str, tf.Tensor],
        sources: Sequence[Any],
        shift: tf.Tensor | None = None,
        part: float = 1.0,
    ) -> tuple[tuple[tf.Tensor, ...], tf.Tensor, list[Any]]:
        """A training batch's encoded sides, its loss, and the gradient of a part of the loss for each source, or
        None where there is none.
        """
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(sources)
            sides = self.encode_sides(batch, training=True, shift=shift)
            loss = self.batch_loss(batch, sides, training=True)
        return sides, loss, tape.gradient(loss, sources, output_gradients=tf.constant(part))

    def _gradients(
        self, batch: dict[str, tf.Tensor], sources: Sequence[Any]
    ) -> tuple[tuple[tf.Tensor, ...], tf.Tensor, list[Any]]:
        """As `_read`, the gradient with `adversarial` training the mean of two readings: of the batch as it is, and
        with its token vectors moved against the model. Of `adversarial_every` batches the last alone is read twice.
        """
        share, every = self.recipe.training.adversarial, self.recipe.training.adversarial_every
        if not share:
            return self._read(batch, sources)
        assert self.embedding is not None
        # A frozen table has a gradient too.
        sides, loss, [*gradients, of_table] = self._read(
            batch, [*sources, self.embedding.table.value], part=0.5
        )
        halves = [None if found is None else tf.convert_to_tensor(found) for found in gradients]

        def moved() -> list[tf.Tensor]:
            assert self.embedding is not None
            shift = self.embedding.adversarial_shift(of_table, share)
            found = self._read(batch, sources, shift, part=0.5)[2]
            return [tf.convert_to_tensor(gradient) for gradient in found if gradient is not None]

        def unmoved() -> list[tf.Tensor]:
            return [half for half in halves if half is not None]

        # The optimizer's count of steps goes on in a run that was stopped.
        due = (self.optimizer.iterations + 1) % every == 0
        others = iter(moved() if every == 1 else tf.cond(due, moved, unmoved))
        return sides, loss, [None if half is None else half + next(others) for half in halves]

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, Any]:
        sources = [variable.value for variable in self.trainable_variables]
        sides, loss, found = self._gradients(batch, sources)
        pairs = [(g, v) for g, v in zip(found, self.trainable_variables, strict=True) if g is not None]
        gradients, variables = zip(*pairs, strict=True)

        # Keras's optimizers square a sparse gradient without summing its repeated rows; a dense one is summed.
        dense = [tf.convert_to_tensor(gradient) for gradient in gradients]

        # One fused pass over each weight; Keras's own takes a dozen, which costs more than the rest of a step
        # when the vocabulary is large.
        @tf.function(jit_compile=True)
        def update(gradients: list[tf.Tensor], scale: tf.Tensor) -> None:
            scaled = [gradient * scale for gradient in gradients]
            self.optimizer.apply_gradients(zip(scaled, variables, strict=True))

        update(dense, clipping_scale(dense, self.recipe.training.clip_norm))
        rows = tf.shape(batch["labels"])[0]
        self.loss_tracker.update_state(loss, sample_weight=rows)
        self.accuracy_tracker.update_state(self.decisions(batch, sides))
        return {metric.name: metric.result() for metric in self.metrics}

    def weight_arrays(self) -> dict[str, np.ndarray]:
        """Every weight by its path inside the model, as in ``encoder/forward_0/kernel``."""
        return {path: np.asarray(variable) for path, variable in self._weights_by_path().items()}

    def set_weight_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        """Sets every weight.

        Raises:
            ValueError: a weight is missing, left over, or of another shape; names it.
        """
        variables = self._weights_by_path()
        for path in sorted(set(variables) ^ set(arrays)):
            raise ValueError(
                f"weight {path!r} is {'missing' if path in variables else 'not one of this model'}."
            )
        for path, variable in variables.items():
            if tuple(variable.shape) != arrays[path].shape:
                raise ValueError(
                    f"weight {path!r}: expected shape {tuple(variable.shape)}. Received {arrays[path].shape}."
                )
            variable.assign(arrays[path].astype("float32"))

    def _weights_by_path(self) -> dict[str, Any]:
        parts = [self.embedding, self.encoder, self.pooling, self.projection, self.head]
        return {
            path: variable
            for part in parts
            if part is not None
            for path, variable in _named_weights(part, f"{self.name}/").items()
        }


def _named_weights(part: keras.layers.Layer, prefix: str) -> dict[str, Any]:
    """The weights of a part by their paths, which are the same for every instance of its class.

    A layer that is given no name gets one from Keras that counts the layers of the process, as in `gru_3`. In a path it
    counts those of its class beside it, in their order: `gru`, `gru_1`.
    """
    paths = {layer.path: layer for layer in part._flatten_layers() if layer.path}
    automatic = {
        path
        for path, layer in paths.items()
        # Keras's own count has no 0: whoever writes one has named them all.
        if _is_named_by_keras(layer) and re.sub(r"_\d+$", "", path) + "_0" not in paths
    }
    renamed: dict[str, str] = {}
    taken: dict[tuple[str, str], int] = {}
    named = {}
    for variable in part.variables:
        if "seed_generator" in variable.path:
            continue
        *layers, name = variable.path.split("/")
        path = ""
        for depth, layer in enumerate(layers):
            whole = "/".join(layers[: depth + 1])
            if whole not in renamed:
                if whole in automatic:
                    base = re.sub(r"_\d+$", "", layer)
                    count = taken[path, base] = taken.get((path, base), -1) + 1
                    layer = f"{base}_{count}" if count else base
                renamed[whole] = f"{path}/{layer}" if path else layer
            path = renamed[whole]
        named[f"{path}/{name}".removeprefix(prefix)] = variable
    return named


def _is_named_by_keras(layer: keras.layers.Layer) -> bool:
    """Whether a layer's name is the automatic one of its class; those inside a Bidirectional have a prefix to it."""
    of_class = re.sub(
        "([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", type(layer).__name__)
    ).lower()
    return re.fullmatch(rf"(forward_|backward_)?{of_class}(_\d+)?", layer.name) is not None


def clipping_scale(gradients: Sequence[tf.Tensor], norm: float | None) -> tf.Tensor:
    """The factor, at most 1, that brings the norm of all gradients together down to `norm`; None for no bound.

    Apart from the update, whose compiled code sums one number after the other. Where the norm is no finite number,
    neither is the factor: it must not hide that training diverges.
    """
    if norm is None:
        return tf.constant(1.0)
    found = tf.linalg.global_norm(gradients)
    return norm / tf.maximum(found, norm) + (found - found)


def make_part(registry: Registry, part: Part, layer_name: str | None = None) -> Any:
    """Builds a registered class from its settings.

    Raises:
        ConfigError: an unknown name or option, or an option's value that does not fit.
    """
    cls = registry.get(part.name)
    # What every Keras layer takes, such as its dtype, is no option of a part.
    allowed = _parameters(cls) - _parameters(keras.layers.Layer)
    for option in part.options:
        if option not in allowed:
            known = tuple(sorted(allowed))
            message = (
                unknown_name("option", option, known) if known else f"unknown option {option!r}. It has none."
            )
            raise ConfigError(f"{registry.kind} {part.name!r}: {message}")
    names = {} if layer_name is None else {"name": layer_name}
    try:
        return _layer_class(cls)(**part.options, **names)
    except (TypeError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{registry.kind} {part.name!r}: {error}") from None


@functools.cache
def _layer_class(cls: type) -> type:
    """The class, as a Keras layer where it is a head, which is written without Keras."""
    if issubclass(cls, Head) and not issubclass(cls, keras.layers.Layer):
        return type(cls.__name__, (cls, keras.layers.Layer), {"__doc__": cls.__doc__})
    return cls


def _parameters(cls: Any) -> set[str]:
    """Names of the constructor's parameters."""
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {p.name for p in inspect.signature(cls).parameters.values() if p.kind in named}


def check_recipe(recipe: Recipe, kind: Kind | None = None) -> None:
    """Refuses parts that do not fit each other, and a recipe that does not fit the data.

    Args:
        recipe: the recipe.
        kind: what the dataset holds; None to check the parts alone.

    Raises:
        ConfigError: names both parts and what would fit.
    """
    encoder, head, loss = (
        registry.get(part.name)
        for registry, part in ((ENCODERS, recipe.encoder), (HEADS, recipe.head), (LOSSES, recipe.loss))
    )
    if head.measures not in loss.measures or (head.learned and not loss.learned_heads):
        fitting = [n for n in LOSSES.names() if _fits(head, LOSSES.get(n))]
        heads = [n for n in HEADS.names() if _fits(HEADS.get(n), loss)]
        raise ConfigError(
            f"head {recipe.head.name!r} and loss {recipe.loss.name!r} do not fit each other. "
            f"Head {recipe.head.name!r} goes with loss {_or(fitting)}; "
            f"loss {recipe.loss.name!r} with head {_or(heads)}."
        )
    if recipe.training.class_weights != "none" and not loss.weighted:
        raise ConfigError(
            f"training.class_weights does not fit loss {recipe.loss.name!r}, which has no classes to weigh."
        )
    if recipe.training.debias and not (
        encoder.reads == "tokens" and head.measures == "logit" and loss.takes_offsets
    ):
        raise ConfigError(
            "training.debias needs an encoder of tokens, a head that measures logits, such as 'interaction', and loss "
            f"'binary-crossentropy'. Received encoder {recipe.encoder.name!r}, head {recipe.head.name!r}, "
            f"loss {recipe.loss.name!r}."
        )
    if recipe.training.adversarial and not (encoder.reads == "tokens" and loss.trains):
        raise ConfigError(
            "training.adversarial needs an encoder of tokens, whose vectors it moves, and a loss that trains. "
            f"Received encoder {recipe.encoder.name!r} and loss {recipe.loss.name!r}."
        )
    if recipe.training.contrast and not (encoder.reads == "tokens" and loss.rows == "pairs" and loss.trains):
        raise ConfigError(
            "training.contrast needs an encoder of tokens and a loss that learns from labelled pairs. "
            f"Received encoder {recipe.encoder.name!r} and loss {recipe.loss.name!r}."
        )
    if recipe.training.transitive and not (
        encoder.reads == "tokens" and loss.rows == "pairs" and loss.trains
    ):
        raise ConfigError(
            "training.transitive needs an encoder of tokens and a loss that learns from labelled pairs. "
            f"Received encoder {recipe.encoder.name!r} and loss {recipe.loss.name!r}."
        )
    if encoder.reads == "tokens":
        if recipe.embedding is None or recipe.pooling is None:
            missing = "embedding" if recipe.embedding is None else "pooling"
            raise ConfigError(f"encoder {recipe.encoder.name!r} reads tokens and needs {missing} settings.")
        pooling = POOLINGS.get(recipe.pooling.name)
        if pooling.needs_recurrent and not encoder.recurrent:
            raise ConfigError(
                f"pooling {recipe.pooling.name!r} needs a recurrent encoder. Received encoder {recipe.encoder.name!r}; "
                "take another pooling, such as 'mean-max'."
            )
    elif recipe.embedding is not None or recipe.pooling is not None:
        raise ConfigError(
            f"encoder {recipe.encoder.name!r} reads numeric vectors: set embedding and pooling to null."
        )
    if recipe.projection is not None and ENCODERS.get(recipe.projection.name).reads != "vectors":
        raise ConfigError(
            f"projection {recipe.projection.name!r}: expected an encoder of vectors, such as 'dense'."
        )
    if kind is not None:
        _check_kind(recipe, kind, encoder.reads, loss.rows)


def _check_kind(recipe: Recipe, kind: Kind, reads: str, rows: str) -> None:
    holds = {
        "pairs": "labelled sentence pairs",
        "triplets": "sentence triplets",
        "vectors": "numeric vector pairs",
    }[kind]
    fits = {
        ("tokens", "pairs"): "pairs",
        ("tokens", "triplets"): "triplets",
        ("vectors", "pairs"): "vectors",
    }.get((reads, rows))
    if fits != kind:
        raise ConfigError(
            f"the dataset holds {holds}, but encoder {recipe.encoder.name!r} reads {reads} and loss "
            f"{recipe.loss.name!r} takes {rows}. For {kind}, try recipe={default_recipe(kind, FEW_PAIRS)!r}."
        )


def _fits(head: Any, loss: Any) -> bool:
    return head.measures in loss.measures and (loss.learned_heads or not head.learned)


def _or(names: Sequence[str]) -> str:
    return " or ".join(repr(name) for name in names) or "none"
