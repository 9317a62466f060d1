"""The weights that a model of some settings has: their paths and shapes, known without Keras and without building it.

Each encoder, pooling and head with weights registers a function that gives the shapes of its weights for the width of
what it reads and its options, and the width of what it returns. With them a model folder is checked before any of its
weights is read, and a model that no memory could hold is refused before it is built.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from textsim.config.checks import MOST_LAYERS, require_positive, widths_of
from textsim.config.settings import Part, Recipe
from textsim.errors import ConfigError
from textsim.registry import ENCODERS, HEADS, POOLINGS, Registry

Shapes = dict[str, tuple[int, ...]]

MOST_WEIGHTS = 1 << 30
"""A model has no more weights: they take 4 GB, and training four times that."""


def weight_shapes(recipe: Recipe, dim: int, vocabulary_size: int | None) -> tuple[Shapes, int] | None:
    """The shapes of all weights of a model.

    Args:
        recipe: its settings.
        dim: width of a token vector, or of an input vector.
        vocabulary_size: tokens of a text model; None for a model of vectors.

    Returns:
        Pair (shapes, width): shape of each weight by its path in the model, width of an encoded text or vector. None
        where a part of the recipe has registered no shapes.

    Raises:
        ConfigError: an option of a part is unknown, or has a value that it cannot have.
    """
    shapes: Shapes = {} if vocabulary_size is None else {"embedding/table": (vocabulary_size, dim)}
    width = dim
    for path, registry, part in (
        ("encoder", ENCODERS, recipe.encoder),
        ("pooling", POOLINGS, recipe.pooling),
        ("projection", ENCODERS, recipe.projection),
        ("head", HEADS, recipe.head),
    ):
        if part is None:
            continue
        found = _of_part(registry, part, width)
        if found is None:
            return None
        of_part, wide = found
        shapes |= {f"{path}/{name}": shape for name, shape in of_part.items()}
        width = width if path == "head" else wide
    return shapes, width


def check_size(recipe: Recipe, dim: int, vocabulary_size: int | None) -> None:
    """Raises ConfigError where a model has more than `MOST_WEIGHTS` weights. Arguments as of `weight_shapes`."""
    found = weight_shapes(recipe, dim, vocabulary_size)
    if found is None:
        return
    count = sum(math.prod(shape) for shape in found[0].values())
    if count > MOST_WEIGHTS:
        raise ConfigError(
            f"the model would have {count:,} weights, which take {4 * count / 1e9:,.0f} GB. "
            f"Expected at most {MOST_WEIGHTS:,}: choose narrower layers or a smaller vocabulary."
        )


def _of_part(registry: Registry, part: Part, width: int) -> tuple[Shapes, int] | None:
    shapes_of = registry.find_weight_shapes(part.name)
    if shapes_of is None:
        return None
    try:
        found: tuple[Shapes, int] = shapes_of(width, **part.options)
    except TypeError as error:
        raise ConfigError(f"{registry.kind} {part.name!r}: {error}.") from None
    return found


def dense_shapes(path: str, inputs: int, units: int) -> Shapes:
    """The weights of a dense layer."""
    return {f"{path}/kernel": (inputs, units), f"{path}/bias": (units,)}


@ENCODERS.weight_shapes("bilstm")
def bilstm(
    width: int, *, units: Sequence[int] = (128,), dropout: float = 0.0, residual: bool = False
) -> tuple[Shapes, int]:
    shapes: Shapes = {}
    for k, n in enumerate(widths_of("bilstm units", units)):
        for direction in ("forward", "backward"):
            path = f"{direction}_{k}"
            shapes |= dense_shapes(path, width, 4 * n) | {f"{path}/recurrent_kernel": (n, 4 * n)}
        width = 2 * n
    return shapes, width


@ENCODERS.weight_shapes("cnn")
def cnn(
    width: int, *, filters: int = 128, widths: Sequence[int] = (2, 3, 5), dropout: float = 0.0
) -> tuple[Shapes, int]:
    require_positive("cnn filters", filters)
    tokens = widths_of("cnn widths", widths)
    shapes: Shapes = {}
    for n in tokens:
        shapes |= {f"width_{n}/kernel": (n, width, filters), f"width_{n}/bias": (filters,)}
    return shapes, filters * len(tokens)


@ENCODERS.weight_shapes("transformer")
def transformer(
    inputs: int,
    *,
    width: int = 192,
    layers: int = 2,
    heads: int = 4,
    feed_forward: int = 384,
    dropout: float = 0.1,
) -> tuple[Shapes, int]:
    require_positive("transformer width, layers, heads, feed_forward", [width, layers, heads, feed_forward])
    if layers > MOST_LAYERS:
        raise ConfigError(f"transformer layers: expected at most {MOST_LAYERS}. Received {layers}.")
    key = width // heads
    shapes = dense_shapes("enter", inputs, width)
    for k in range(layers):
        for name in ("query", "key", "value"):
            path = f"attention_{k}/{name}"
            shapes |= {f"{path}/kernel": (width, heads, key), f"{path}/bias": (heads, key)}
        path = f"attention_{k}/attention_output"
        shapes |= {f"{path}/kernel": (heads, key, width), f"{path}/bias": (width,)}
        shapes |= dense_shapes(f"widen_{k}", width, feed_forward) | dense_shapes(
            f"narrow_{k}", feed_forward, width
        )
    for k in range(2 * layers + 1):
        shapes |= {f"norm_{k}/gamma": (width,), f"norm_{k}/beta": (width,)}
    return shapes, width


@ENCODERS.weight_shapes("dense")
def dense(
    width: int,
    *,
    units: Sequence[int] = (128, 128, 128),
    activation: str = "relu",
    final_activation: str | None = None,
    dropout: float = 0.0,
) -> tuple[Shapes, int]:
    shapes: Shapes = {}
    for k, n in enumerate(widths_of("dense units", units)):
        shapes |= dense_shapes(f"dense_{k}", width, n)
        width = n
    return shapes, width


@ENCODERS.weight_shapes("word-vectors")
@POOLINGS.weight_shapes("last")
@POOLINGS.weight_shapes("mean")
@POOLINGS.weight_shapes("max")
def without_weights(width: int) -> tuple[Shapes, int]:
    return {}, width


@POOLINGS.weight_shapes("mean-max")
def mean_max(width: int) -> tuple[Shapes, int]:
    return {}, 2 * width


@POOLINGS.weight_shapes("attention")
def attention(width: int, *, heads: int = 1, hidden: int = 128) -> tuple[Shapes, int]:
    require_positive("attention heads, hidden", [heads, hidden])
    return dense_shapes("enter", width, hidden) | {"weigh/kernel": (hidden, heads)}, heads * width
