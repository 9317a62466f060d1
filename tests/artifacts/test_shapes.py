"""Shapes of weights that are known without Keras are those that Keras makes."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import pytest

from tests.tiny_models import DIM, keras_model, small, vocabulary
from textsim.artifacts.shapes import MOST_WEIGHTS, check_size, weight_shapes
from textsim.config.recipes import RECIPES
from textsim.config.settings import Recipe
from textsim.errors import ConfigError
from textsim.modeling.encoders.base import Encoder
from textsim.registry import ENCODERS, HEADS, POOLINGS, Registry

REGISTRIES = {"encoder": ENCODERS, "pooling": POOLINGS, "head": HEADS}
PARTS = [
    (kind, name)
    for kind, registry in REGISTRIES.items()
    for name in registry.names()
    if not name.startswith("test-")
]


def recipe_with(kind: str, name: str) -> Recipe:
    """A recipe that has the part, with its own options, among narrow ones."""
    vectors = kind == "encoder" and ENCODERS.get(name).reads == "vectors"
    recipe = RECIPES["vector-l1" if vectors else "bilstm-attention"]
    if kind == "pooling" and POOLINGS.get(name).needs_recurrent:
        recipe = RECIPES["bilstm-manhattan"]
    return recipe.replace([f"{kind}={name}"])


@pytest.mark.parametrize(("kind", "name"), PARTS)
def test_every_part_with_its_default_options(kind: str, name: str) -> None:
    recipe = recipe_with(kind, name)
    model = keras_model(recipe)
    size = None if recipe.embedding is None else len(vocabulary())
    expected = {path: weight.shape for path, weight in model.weight_arrays().items()}
    assert weight_shapes(recipe, DIM, size) == (expected, model.output_dim)


@pytest.mark.parametrize(
    ("name", "options"), [*((name, []) for name in RECIPES), ("bilstm-attention", ["head.cosine=true"])]
)
def test_every_recipe_with_narrow_layers(name: str, options: list[str]) -> None:
    recipe = small(RECIPES[name]).replace(options)
    model = keras_model(recipe)
    size = None if recipe.embedding is None else len(vocabulary())
    expected = {path: weight.shape for path, weight in model.weight_arrays().items()}
    assert weight_shapes(recipe, DIM, size) == (expected, model.output_dim)


@pytest.mark.parametrize(("kind", "name"), PARTS)
def test_options_and_their_defaults_are_those_of_the_class(kind: str, name: str) -> None:
    def options(function: Any) -> dict[str, Any]:
        own = inspect.signature(function).parameters.values()
        return {p.name: p.default for p in own if p.default is not p.empty}

    shapes = REGISTRIES[kind].find_weight_shapes(name)
    assert shapes is not None and options(shapes) == options(REGISTRIES[kind].get(name))


def test_a_part_without_shapes_leaves_them_unknown() -> None:
    registry = ENCODERS

    class Unshaped(Encoder):
        pass

    registry.register("test-unshaped")(Unshaped)
    try:
        recipe = RECIPES["bilstm-attention"].replace(["encoder=test-unshaped"])
        assert weight_shapes(recipe, 4, 9) is None
        check_size(recipe, 4, 9)
    finally:
        del registry._classes["test-unshaped"]


def test_a_function_of_ones_own() -> None:
    registry = Registry("part", "textsim.modeling.heads")

    @registry.weight_shapes("mine")
    def mine(width: int, *, units: int = 3) -> Any:
        return {"kernel": (width, units)}, units

    assert registry.find_weight_shapes("mine") is mine and registry.find_weight_shapes("other") is None
    with pytest.raises(ValueError, match="the weight shapes of part 'mine' is already registered"):
        registry.weight_shapes("mine")(lambda width: ({}, width))


def test_models_that_no_memory_holds_are_refused_before_they_are_built() -> None:
    recipe = RECIPES["bilstm-attention"].replace(["encoder.units=[1000000]"])
    with pytest.raises(ConfigError, match=r"the model would have [0-9,]+ weights, which take [0-9,]+ GB"):
        keras_model(recipe)
    with pytest.raises(ConfigError, match=r"bilstm units: expected whole numbers from 1 to 1,048,576"):
        keras_model(RECIPES["bilstm-attention"].replace(["encoder.units=[10000000000]"]))
    check_size(RECIPES["word-vectors"], 1, MOST_WEIGHTS)
    with pytest.raises(ConfigError, match="a smaller vocabulary"):
        check_size(RECIPES["word-vectors"], 1, MOST_WEIGHTS + 1)


def test_no_keras_is_needed() -> None:
    code = (
        "import sys\n"
        "from textsim.artifacts.shapes import weight_shapes\n"
        "from textsim.config.recipes import RECIPES\n"
        "assert all(weight_shapes(recipe, 4, 9) for recipe in RECIPES.values())\n"
        "assert not {'keras', 'tensorflow', 'onnx', 'onnxruntime'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
