from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.artifacts.test_saved_model import text_model
from textsim.artifacts.calibration import CALIBRATION, Calibration, IsotonicCurve, LogOddsCurve, SearchCurve
from textsim.artifacts.saved_model import load_model, save_model
from textsim.errors import ArtifactError, ConfigError
from textsim.io.manifest import MANIFEST, file_entry, read_json, write_json

SCORES = arrays.arrays(np.float32, st.integers(1, 20), elements=st.floats(0, 1, width=32))
WEIGHTS = st.floats(0, 20)
KNOTS = IsotonicCurve(method="isotonic", scores=(0.2, 0.5, 0.9), probabilities=(0.1, 0.1, 0.8))


@given(SCORES, WEIGHTS, WEIGHTS, st.floats(-20, 20))
def test_log_odds_never_fall_and_follow_the_formula(
    scores: np.ndarray, match: float, no_match: float, intercept: float
) -> None:
    curve = LogOddsCurve(method="beta", match=match, no_match=no_match, intercept=intercept)
    scores = np.sort(scores)
    probabilities = curve(scores)
    assert (np.diff(probabilities) >= 0).all()
    assert ((probabilities > 0) & (probabilities < 1)).all()
    for score, probability in zip(scores.astype(float), probabilities, strict=True):
        if 1e-6 < score < 1 - 1e-6 and 1e-5 < probability < 1 - 1e-5:
            odds = score**match / (1 - score) ** no_match * np.exp(intercept)
            assert probability == pytest.approx(odds / (1 + odds), rel=1e-6)


@given(arrays.arrays(np.float32, st.integers(2, 70), elements=st.floats(0, 1, width=32)), WEIGHTS, WEIGHTS)
def test_bits_do_not_depend_on_what_else_is_asked(scores: np.ndarray, match: float, no_match: float) -> None:
    # The same pair alone, in a request of many and in a file has the same probability.
    for curve in (LogOddsCurve(method="beta", match=match, no_match=no_match, intercept=0.3), KNOTS):
        together = curve(scores)
        np.testing.assert_array_equal(
            np.concatenate([curve(scores[k : k + 1]) for k in range(len(scores))]), together
        )
        np.testing.assert_array_equal(np.concatenate([curve(scores[:-1]), curve(scores[-1:])]), together)
    first = SearchCurve(score=match, margin=no_match, cosine=1.7, intercept=0.3, queries=10)
    given = np.stack([scores, scores / 2, 1 - scores])
    alone = [first(*given[:, k : k + 1]) for k in range(len(scores))]
    np.testing.assert_array_equal(np.concatenate(alone), first(*given))


def test_isotonic_is_linear_between_its_knots_and_level_outside() -> None:
    scores = np.array([0.0, 0.2, 0.35, 0.7, 0.9, 1.0], np.float32)
    assert KNOTS(scores) == pytest.approx([0.1, 0.1, 0.1, 0.45, 0.8, 0.8])


@given(SCORES, SCORES, WEIGHTS, WEIGHTS, WEIGHTS)
def test_a_wider_margin_or_a_larger_cosine_never_lowers_the_probability(
    scores: np.ndarray, others: np.ndarray, score: float, margin: float, cosine: float
) -> None:
    curve = SearchCurve(score=score, margin=margin, cosine=cosine, intercept=-1, queries=9)
    first, others = np.full(len(others), scores[0]), np.sort(others)
    assert (np.diff(curve(first, others, first)) >= 0).all()
    assert (np.diff(curve(first, first, others)) >= 0).all()


def test_an_unfitted_model_gives_its_scores() -> None:
    scores = np.array([0.0, 0.3, 1.0])
    assert Calibration().probabilities(scores) == pytest.approx(scores, abs=1e-5)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"curve": {"method": "platt", "match": -1.0, "no_match": 1.0, "intercept": 0.0}}, "match"),
        (
            {"curve": {"method": "isotonic", "scores": [0.5, 0.5], "probabilities": [0.1, 0.2]}},
            "rising scores",
        ),
        ({"curve": {"method": "isotonic", "scores": [0.1, 0.5], "probabilities": [0.2, 0.1]}}, "do not fall"),
        ({"curve": {"method": "isotonic", "scores": [0.5], "probabilities": [0.1, 0.2]}}, "as many"),
        ({"curve": {"method": "isotonic", "scores": [], "probabilities": []}}, "scores"),
        ({"curve": {"method": "spline"}}, "curve"),
        ({"no_match_below": 1.5}, "no_match_below"),
        ({"no_match_below": 0.7}, "at most the threshold, 0.625"),
        ({"bias": 1}, "bias"),
    ],
)
def test_a_folder_with_a_wrong_calibration(values: dict[str, Any], expected: str, tmp_path: Path) -> None:
    save_model(text_model(calibration=Calibration(pairs=4)), tmp_path / "model")
    file = tmp_path / "model" / CALIBRATION
    write_json(file, {**read_json(file), **values})
    manifest = read_json(tmp_path / "model" / MANIFEST)
    manifest["files"][CALIBRATION] = file_entry(file)
    write_json(tmp_path / "model" / MANIFEST, manifest)
    with pytest.raises(ArtifactError, match=expected):
        load_model(tmp_path / "model")


@pytest.mark.parametrize(
    "calibration",
    [
        Calibration(
            pairs=300,
            curve=LogOddsCurve(method="beta", match=0.1, no_match=2 / 3, intercept=-0.3),
            no_match_below=0.1,
        ),
        Calibration(
            pairs=2,
            curve=KNOTS,
            search=SearchCurve(
                score=1, margin=1 / 7, cosine=3, intercept=-2, queries=50, min_probability=0.9
            ),
        ),
        Calibration(search=SearchCurve(score=1, margin=0, cosine=0, intercept=0, queries=1)),
        Calibration(),
    ],
)
def test_round_trip(calibration: Calibration, tmp_path: Path) -> None:
    save_model(text_model(calibration=calibration), tmp_path / "model")
    assert load_model(tmp_path / "model").calibration == calibration
    assert (tmp_path / "model" / CALIBRATION).exists() == (calibration != Calibration())


def test_a_listed_calibration_that_is_gone_or_altered(tmp_path: Path) -> None:
    save_model(text_model(calibration=Calibration(pairs=4)), tmp_path / "model")
    shutil.copytree(tmp_path / "model", tmp_path / "altered")
    (tmp_path / "model" / CALIBRATION).unlink()
    write_json(tmp_path / "altered" / CALIBRATION, Calibration(pairs=5).to_dict())
    for name in ("model", "altered"):
        with pytest.raises(ArtifactError, match=CALIBRATION):
            load_model(tmp_path / name)


def test_a_calibration_that_the_manifest_does_not_list_is_not_read(tmp_path: Path) -> None:
    save_model(text_model(), tmp_path / "model")
    write_json(tmp_path / "model" / CALIBRATION, Calibration(pairs=5).to_dict())
    assert load_model(tmp_path / "model").calibration == Calibration()


def test_a_score_cannot_be_both(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="at most the threshold"):
        save_model(text_model(calibration=Calibration(pairs=4, no_match_below=0.7)), tmp_path / "model")
    assert not (tmp_path / "model").exists()
