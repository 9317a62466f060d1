from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from textsim.config.overrides import assign
from textsim.config.recipes import FEW_PAIRS, RECIPES, build_recipe, default_recipe
from textsim.config.settings import Part, Recipe, TrainingSettings
from textsim.errors import ConfigError
from textsim.modeling.siamese import check_recipe


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_comes_back_from_json(name: str) -> None:
    recipe = RECIPES[name]
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert recipe.replace([]) == recipe
    assert recipe.description


@pytest.mark.parametrize("name", RECIPES)
def test_every_setting_can_be_given_back_as_an_assignment(name: str) -> None:
    recipe = RECIPES[name]
    flat = {f"training.{key}": value for key, value in recipe.training.to_dict().items()}
    flat |= {key: value for key, value in recipe.to_dict().items() if key not in ("training", "description")}
    assignments = [f"{key}={json.dumps(value)}" for key, value in flat.items()]
    assert (
        RECIPES["bilstm-attention"].replace(assignments).replace([f"description={recipe.description}"])
        == recipe
    )


def test_settings_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValidationError):
        RECIPES["cnn"].training.epochs = 3  # type: ignore[misc]


@given(
    st.builds(
        TrainingSettings,
        learning_rate=st.floats(1e-8, 10),
        average=st.floats(0, 0.999),
        clip_norm=st.none() | st.floats(1e-3, 100),
        epochs=st.integers(1, 1000),
        patience=st.none() | st.integers(1, 10),
    )
)
def test_training_settings_come_back_from_json(settings: TrainingSettings) -> None:
    assert TrainingSettings.from_dict(json.loads(settings.to_json())) == settings


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("training.epochs=5", ("training", "epochs"), 5),
        ("training.patience=null", ("training", "patience"), None),
        (" training.seed = 7 ", ("training", "seed"), 7),
        ("head=cosine", ("head",), {"name": "cosine"}),
        (
            'head={"name": "euclidean", "half_distance": 2}',
            ("head",),
            {"name": "euclidean", "half_distance": 2},
        ),
        ("pooling=null", ("pooling",), None),
        ("embedding=null", ("embedding",), None),
        ("encoder.units=[64, 32]", ("encoder", "units"), [64, 32]),
        ("encoder.residual=true", ("encoder", "residual"), True),
        ("description=a=b", ("description",), "a=b"),
        ("training.optimizer=RMSprop", ("training", "optimizer"), "RMSprop"),
    ],
)
def test_assignments(assignment: str, path: tuple[str, ...], value: object) -> None:
    values = RECIPES["bilstm-attention"].replace([assignment]).to_dict()
    for key in path:
        values = values[key]
    assert values == value


def test_an_assignment_leaves_what_it_was_given_as_it_is() -> None:
    values = {"description": "", "training": {"epochs": 10, "seed": 0}, "head": {"name": "l1"}}
    before = copy.deepcopy(values)
    assert assign(values, "training.epochs", 5, "training.epochs=5")["training"] == {"epochs": 5, "seed": 0}
    assert assign(values, "head", "cosine", "head=cosine")["head"] == {"name": "cosine"}
    assert values == before


def test_a_bare_name_drops_the_options_of_the_part_before() -> None:
    assert RECIPES["bilstm-attention"].replace(["encoder=cnn"]).encoder == Part(name="cnn")


def test_later_assignments_win() -> None:
    recipe = RECIPES["cnn"].replace(["head=euclidean", "head.half_distance=2", "head.half_distance=3"])
    assert recipe.head.options == {"half_distance": 3}


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("training.epochs", r"training\.epochs: expected key=value, as in training\.epochs=5"),
        ("=5", r"=5: expected key=value"),
        (
            "training.epoch=3",
            r"unknown setting 'training\.epoch'\. Expected.*Did you mean 'training\.epochs'\?",
        ),
        (
            "embedding.dims=3",
            r"unknown setting 'embedding\.dims'\. Expected.*Did you mean 'embedding\.dim'\?",
        ),
        ("encodr=cnn", r"unknown setting 'encodr'\. Expected one of: .*Did you mean 'encoder'\?"),
        ("encodr.units=3", r"encodr\.units=3: unknown setting 'encodr'.*Did you mean 'encoder'\?"),
        ("training.seed=-1", r"changes: training\.seed: .*greater than or equal to 0\. Received -1\."),
        ("training.batch_size=1", r"training\.batch_size: .*greater than or equal to 2\. Received 1\."),
        ("training.epochs=" + "9" * 5000, r"training\.epochs: .*integer.*Received '999"),
        ("training.epochs=" + "[" * 100_000, r"training\.epochs: .*integer.*Received '\[\[\["),
        ("training.epochs=many", r"training\.epochs: .*integer.*Received 'many'\."),
        ("training.learning_rate=0", r"training\.learning_rate: .*greater than 0\. Received 0\."),
        ("training.learning_rate=Infinity", r"training\.learning_rate: .*finite.*Received inf\."),
        ("training.learning_rate=NaN", r"training\.learning_rate: .*Received nan\."),
        ("training.monitor=losss", r"training\.monitor: .*'loss', 'accuracy'.*Received 'losss'\."),
        ("training.schedule=constant", r"training: warmup needs schedule=cosine"),
        ("embedding.dropout=1", r"embedding\.dropout: .*less than 1\. Received 1\."),
        ("encoder=5", r"encoder: .*Received 5\."),
        ("encoder=null", r"encoder: .*Received None\."),
        ('encoder={"units": [3]}', r"the setting 'encoder\.name' is missing\."),
        ("training=5", r"training: .*Received 5\."),
    ],
)
def test_assignments_that_do_not_fit(assignment: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RECIPES["bilstm-attention"].replace([assignment])


def test_an_assignment_inside_an_absent_part() -> None:
    with pytest.raises(ConfigError, match=r"pooling\.heads=5: pooling is null and has no 'heads'\."):
        RECIPES["vector-l1"].replace(["pooling.heads=5"])


@pytest.mark.parametrize(
    ("kind", "rows", "name"),
    [
        ("pairs", 1, "bilstm-few-pairs"),
        ("pairs", FEW_PAIRS - 1, "bilstm-few-pairs"),
        ("pairs", FEW_PAIRS, "bilstm-attention"),
        ("triplets", 100_000, "bilstm-triplet"),
        ("vectors", 2, "vector-contrastive"),
    ],
)
def test_the_default_recipe_fits_the_dataset(
    kind: Literal["pairs", "triplets", "vectors"], rows: int, name: str
) -> None:
    assert default_recipe(kind, rows) == name
    check_recipe(RECIPES[name], kind)


def test_the_recipe_for_few_pairs_is_that_for_many_in_more_and_smaller_steps() -> None:
    few, many = RECIPES["bilstm-few-pairs"], RECIPES["bilstm-attention"]
    assert few.training.batch_size < many.training.batch_size and few.training.epochs > many.training.epochs
    assert (
        few.replace(
            [
                f"description={many.description}",
                f"training.batch_size={many.training.batch_size}",
                f"training.epochs={many.training.epochs}",
            ]
        )
        == many
    )


def test_a_recipe_by_name_with_changes() -> None:
    recipe = build_recipe("cnn", assignments=["training.epochs=2"])
    assert recipe.encoder == RECIPES["cnn"].encoder and recipe.training.epochs == 2


def test_an_unknown_recipe() -> None:
    with pytest.raises(
        ConfigError, match=r"unknown recipe 'bilstm-atention'.*Did you mean 'bilstm-attention'\?"
    ):
        build_recipe("bilstm-atention")


def test_a_recipe_by_name_and_by_file_or_by_neither(tmp_path: Path) -> None:
    for name, file in (("cnn", tmp_path / "recipe.json"), (None, None)):
        with pytest.raises(ConfigError, match="either by name or by file"):
            build_recipe(name, file)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_recipe_file_with_or_without_byte_order_mark(tmp_path: Path, mark: bytes) -> None:
    file = tmp_path / "配置.json"
    file.write_bytes(mark + RECIPES["transformer"].to_json().encode())
    assert build_recipe(config_file=file) == RECIPES["transformer"]
    assert build_recipe(config_file=file, assignments=["training.seed=3"]).training.seed == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{\n  "head": {"name": "l1"},\n}', r"recipe\.json, line 3: not JSON: "),
        (b"[1]", r"recipe\.json: expected a JSON object of settings\. Received list\."),
        (b'{"hed": {"name": "l1"}}', r"recipe\.json: unknown setting 'hed'.*Did you mean 'head'\?"),
        (b'{"training": {"epoch": 3}}', r"recipe\.json: unknown setting 'training\.epoch'"),
        (b'{"encoder": "cnn"}', r"recipe\.json: encoder: .*Received 'cnn'\."),
        (b"\xff\xfe{", r"recipe\.json: cannot read the recipe: "),
    ],
)
def test_a_recipe_file_that_does_not_fit(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "recipe.json"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        build_recipe(config_file=file)


def test_a_missing_recipe_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.json: cannot read the recipe"):
        build_recipe(config_file=tmp_path / "none.json")


@pytest.mark.parametrize("name", RECIPES)
def test_what_continues_keeps_its_parts(name: str) -> None:
    recipe = RECIPES[name]
    continuing = recipe.for_continuing()
    assert continuing.training.transitive is False and continuing.training.debias == 0
    # Without tokens, or without a loss, it would be refused.
    plain = ("vector-contrastive", "vector-l1", "word-vectors")
    assert continuing.training.adversarial == (0 if name in plain else 0.1)
    check_recipe(continuing)
    changed = {"batch_size", "epochs", "debias", "transitive", "patience", "adversarial"}
    assert {key: value for key, value in continuing.training.to_dict().items() if key not in changed} == {
        key: value for key, value in recipe.training.to_dict().items() if key not in changed
    }
    # Early stopping stays where the steps do not shrink towards the end.
    assert continuing.training.patience == (
        None if recipe.training.schedule == "cosine" else recipe.training.patience
    )
    assert continuing.to_dict() | {"training": None} == recipe.to_dict() | {"training": None}
    assert continuing.for_continuing() == continuing


@pytest.mark.parametrize("text", ['{"description": %s}' % ("9" * 5000), "[" * 200_000])
def test_recipes_beyond_all_bounds(text: str) -> None:
    with pytest.raises(ConfigError, match=r"mine\.json: cannot be read: "):
        Recipe.from_json(text, "mine.json")
