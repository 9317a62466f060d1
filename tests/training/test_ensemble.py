from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tiny_models import DIM, saved_model
from textsim.artifacts.saved_model import SavedModel, load_model, save_model
from textsim.config.recipes import RECIPES
from textsim.data.dataset import PairDataset
from textsim.data.preprocess import preprocess
from textsim.errors import ArtifactError, ConfigError, InputError
from textsim.evaluation.evaluate import TripletEvaluation, evaluate_file
from textsim.evaluation.thresholds import choose_threshold
from textsim.io.manifest import file_entry, read_json, write_json
from textsim.matching.load import load_matcher
from textsim.matching.text_matcher import TextMatcher
from textsim.matching.vector_matcher import VectorMatcher
from textsim.registry import HEADS
from textsim.training.augmentation.distillation import load_teachers, teacher_labels
from textsim.training.ensemble import ensemble
from textsim.training.trainer import train

PAIRS = [
    ("花呗怎么还款", "怎样还花呗", 1),
    ("今天天气", "明天天气", 0),
    ("你好吗", "你好了", 1),
    ("我的花呗", "不是我的", 0),
    ("😀", "🎉", 0),
]
RECIPE = "bilstm-attention"


@pytest.fixture
def dev(tmp_path: Path) -> Path:
    path = tmp_path / "验.tsv"
    path.write_text("".join(f"{a}\t{b}\t{label}\n" for a, b, label in PAIRS), encoding="utf-8")
    return path


def saved(
    folder: Path, recipe: str = RECIPE, seeds: tuple[int, ...] = (0, 1, 2), **changes: Any
) -> list[Path]:
    for seed in seeds:
        save_model(saved_model(recipe, seed, **changes), folder / f"成员{seed}")
    return [folder / f"成员{seed}" for seed in seeds]


def test_scores_are_the_mean_and_vectors_stand_side_by_side(tmp_path: Path, dev: Path) -> None:
    members = saved(tmp_path)
    result = ensemble(members, dev, tmp_path / "合")
    matchers = [TextMatcher.load(member) for member in members]
    joined = TextMatcher.load(tmp_path / "合")
    given = [pair[:2] for pair in PAIRS]
    mean = np.mean([matcher.score_pairs(given) for matcher in matchers], axis=0)
    np.testing.assert_allclose(joined.score_pairs(given), mean, atol=1e-6)
    assert joined.score_pairs(given)[-1] == 0
    texts = ["花呗怎么还款", "今天"]
    side_by_side = np.concatenate([matcher.encode(texts) for matcher in matchers], axis=1)
    np.testing.assert_allclose(joined.encode(texts), side_by_side, atol=1e-6)
    assert joined.output_dim == sum(matcher.output_dim for matcher in matchers)
    for a, b in given:
        assert joined.score(a, b) == joined.score(b, a)
    labels = np.array([pair[2] for pair in PAIRS])
    assert result.threshold == joined.threshold == pytest.approx(choose_threshold(labels, mean))
    found = evaluate_file(joined, dev)
    together = result.together.to_dict()
    assert {name: found.to_dict()[name] for name in together} | {"seconds": 0.0} == together
    assert joined.saved.metrics["accuracy_at_threshold"] == found.accuracy_at_threshold  # type: ignore[union-attr]
    assert len(result.alone) == 3 and "together" in result.summary() and "member 3" in result.summary()


def test_many_texts_and_threads_give_the_same(tmp_path: Path, dev: Path) -> None:
    ensemble(saved(tmp_path), dev, tmp_path / "合")
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("花呗怎么还款今天气"), rng.integers(1, 10))) for _ in range(400)]
    one, many = (TextMatcher.load(tmp_path / "合", threads=threads).encode(texts) for threads in (1, 3))
    np.testing.assert_array_equal(one, many)


def test_equal_texts_score_1_by_a_head_without_weights(tmp_path: Path, dev: Path) -> None:
    ensemble(saved(tmp_path, "bilstm-manhattan"), dev, tmp_path / "合")
    assert TextMatcher.load(tmp_path / "合").score("今天天气", "今天天气") == 1


def test_the_members_are_kept_and_named(tmp_path: Path, dev: Path) -> None:
    members = saved(tmp_path)
    ensemble(members, dev, tmp_path / "合")
    joined = load_model(tmp_path / "合")
    assert joined.members == 3
    for part, member in zip(joined.split(), members, strict=True):
        alone = load_model(member)
        assert part.members == 1 and part.output_dim == alone.output_dim
        assert part.weights.keys() == alone.weights.keys()
        for path, weight in alone.weights.items():
            np.testing.assert_array_equal(part.weights[path], weight)
    assert [entry["name"] for entry in joined.provenance["ensemble_of"]] == ["成员0", "成员1", "成员2"]
    assert "| members | 3, which score together |" in (tmp_path / "合" / "README.md").read_text("utf-8")
    assert (tmp_path / "合" / "scores.png").is_file()
    chosen_on = joined.provenance["threshold_chosen_on"]
    assert chosen_on["name"].endswith("/验.tsv") and len(chosen_on["sha256"]) == 64
    single = load_model(members[0])
    assert single.split() == [single]


def test_what_is_noted_of_members_stands_under_their_names(tmp_path: Path, dev: Path) -> None:
    members = saved(tmp_path)
    ensemble(members, dev, tmp_path / "合")
    assert load_model(tmp_path / "合").notes == ""
    for member, notes in zip(members[:2], ("Research use. 0.9 on LCQMC.\n", "Free."), strict=True):
        save_model(dataclasses.replace(load_model(member), notes=notes), member, overwrite=True)
    ensemble(members, dev, tmp_path / "合", overwrite=True)
    assert (
        (tmp_path / "合" / "README.md")
        .read_text("utf-8")
        .endswith(
            "## Notes of member 1, 成员0\n\nResearch use. 0.9 on LCQMC.\n\n## Notes of member 2, 成员1\n\nFree.\n"
        )
    )


def test_an_ensemble_counts_for_its_members(tmp_path: Path, dev: Path) -> None:
    members = saved(tmp_path)
    ensemble(members[:2], dev, tmp_path / "二")
    inner = ensemble([tmp_path / "二", members[2]], dev, tmp_path / "三")
    outer = ensemble(members, dev, tmp_path / "合")
    given = [pair[:2] for pair in PAIRS]
    scores = [TextMatcher.load(tmp_path / name).score_pairs(given) for name in ("三", "合")]
    np.testing.assert_allclose(*scores, atol=1e-6)
    assert inner.threshold == pytest.approx(outer.threshold)


def test_half_precision_stays(tmp_path: Path, dev: Path) -> None:
    members = []
    for seed in (0, 1):
        members.append(tmp_path / f"half{seed}")
        save_model(saved_model(RECIPE, seed), members[-1], precision="float16")
    ensemble(members, dev, tmp_path / "合")
    sizes = [(folder / "weights.npz").stat().st_size for folder in (*members, tmp_path / "合")]
    assert sizes[2] < 1.1 * (sizes[0] + sizes[1])


def test_numeric_vectors(tmp_path: Path) -> None:
    scaler = (np.full(DIM, 0.5, "float32"), np.full(DIM, 2.0, "float32"))
    members = saved(tmp_path, "vector-l1", (0, 1), scaler=scaler)
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(2, 30, DIM)).astype("float32")
    path = tmp_path / "rows.npz"
    np.savez(path, left=left, right=right, labels=rng.integers(0, 2, 30))
    ensemble(members, path, tmp_path / "合")
    mean = np.mean([VectorMatcher.load(member).score_pairs(left, right) for member in members], axis=0)
    np.testing.assert_allclose(VectorMatcher.load(tmp_path / "合").score_pairs(left, right), mean, atol=1e-6)


def test_trained_on_one_dataset(pairs: PairDataset, triplets: PairDataset, tmp_path: Path) -> None:
    recipe = RECIPES["bilstm-triplet"].replace(
        ["encoder=word-vectors", "projection.units=[4]", "training.epochs=1"]
    )
    for seed in (0, 1):
        train(triplets, recipe.replace([f"training.seed={seed}"]), tmp_path / f"t{seed}", progress=False)
    result = ensemble([tmp_path / "t0", tmp_path / "t1"], triplets.path, tmp_path / "合")
    assert isinstance(result.together, TripletEvaluation) and "triplet accuracy" in result.summary()
    found = evaluate_file(tmp_path / "合", triplets.path)
    assert found.triplet_accuracy == result.together.triplet_accuracy  # type: ignore[union-attr]
    # It teaches as any model does.
    (teacher,) = load_teachers([tmp_path / "合"], pairs)
    labels = teacher_labels([teacher], pairs, [side[:5] for side in pairs.splits["train"].sides])
    assert labels.shape == (5,)


def test_it_cannot_be_continued(pairs: PairDataset, tmp_path: Path, dev: Path) -> None:
    ensemble(saved(tmp_path), dev, tmp_path / "合")
    preprocess(dev, tmp_path / "data", dev=dev, vocabulary=tmp_path / "合", progress=False)
    recipe = load_model(tmp_path / "合").recipe
    with pytest.raises(ConfigError, match=r"is an ensemble of 3\. .*成员0, 成员1, 成员2"):
        train(tmp_path / "data", recipe, tmp_path / "new", init=tmp_path / "合", progress=False)


def other_vocabulary(saved: SavedModel) -> dict[str, Any]:
    from textsim.text.vocabulary import Vocabulary

    assert saved.vocabulary is not None
    return {"vocabulary": Vocabulary(list(reversed(saved.vocabulary.tokens[2:])))}


@pytest.mark.parametrize(
    ("recipe", "changes", "what"),
    [
        ("bilstm-manhattan", lambda saved: {}, "recipe"),
        (RECIPE, other_vocabulary, "vocabulary"),
        (RECIPE, lambda saved: {"max_length": 7}, "max_length"),
        ("vector-l1", lambda saved: {}, "kind"),
    ],
)
def test_members_that_do_not_fit(
    tmp_path: Path, dev: Path, recipe: str, changes: Callable[[SavedModel], dict[str, Any]], what: str
) -> None:
    (first,) = saved(tmp_path, seeds=(0,))
    other = saved_model(recipe, 1)
    save_model(dataclasses.replace(other, **changes(other)), tmp_path / "别")
    with pytest.raises(ConfigError, match=f"成员0' and .*别' differ in {what}"):
        ensemble([first, tmp_path / "别"], dev, tmp_path / "合")
    assert not (tmp_path / "合").exists()


@pytest.mark.parametrize("members", [2, 4, 6])
def test_an_altered_number_of_members(tmp_path: Path, dev: Path, members: int) -> None:
    ensemble(saved(tmp_path), dev, tmp_path / "合")
    folder = tmp_path / "合"
    write_json(folder / "config.json", {**read_json(folder / "config.json"), "members": members})
    manifest = read_json(folder / "manifest.json")
    manifest["files"]["config.json"] = file_entry(folder / "config.json")
    write_json(folder / "manifest.json", manifest)
    with pytest.raises(ArtifactError, match=f"members={members}, expected output_dim=.* it was altered"):
        load_model(folder)


def test_what_is_refused_at_once(tmp_path: Path, dev: Path) -> None:
    members = saved(tmp_path, seeds=(0, 1))
    with pytest.raises(InputError, match="models: expected a list of models"):
        ensemble(str(members[0]), dev, tmp_path / "合")
    for models in ([], members[:1], [members[0], members[0]]):
        with pytest.raises(ConfigError, match="joins two different models or more"):
            ensemble(models, dev, tmp_path / "合")
    with pytest.raises(InputError, match=r"would take the place of .*, which is read"):
        ensemble(members, dev, members[0], overwrite=True)
    (tmp_path / "合").mkdir()
    (tmp_path / "合" / "mine.txt").write_text("kept", encoding="utf-8")
    with pytest.raises(ArtifactError, match="exists"):
        ensemble(members, dev, tmp_path / "合", overwrite=True)
    one_kind = tmp_path / "one.tsv"
    one_kind.write_text("花呗\t还款\t1\n天气\t今天\t1\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"Expected both, received 2 of one kind.*label_max"):
        ensemble(members, one_kind, tmp_path / "新")
    assert load_matcher(members[0]).saved.members == 1


def test_members_with_a_part_of_ones_own_are_run_by_keras(
    tmp_path: Path, dev: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensemble(saved(tmp_path), dev, tmp_path / "合")
    given = [pair[:2] for pair in PAIRS]
    expected = TextMatcher.load(tmp_path / "合").score_pairs(given)
    monkeypatch.setattr(HEADS, "find_onnx_form", lambda name: None)
    with pytest.warns(RuntimeWarning, match="head 'interaction' has no ONNX form"):
        matcher = TextMatcher.load(tmp_path / "合")
    np.testing.assert_allclose(matcher.score_pairs(given), expected, atol=1e-5)
