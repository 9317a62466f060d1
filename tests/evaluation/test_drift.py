"""Drift: measures against slow references, and files near to and far from what a model keeps."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from tests.tiny_models import saved_model
from textsim.artifacts.profile import Histogram, Profile
from textsim.artifacts.saved_model import load_model, save_model
from textsim.data.dataset import PairDataset
from textsim.errors import ArtifactError, ConfigError
from textsim.evaluation.drift import TextMeasures, compare_profiles, measure_drift, profile_of
from textsim.matching.text_matcher import TextMatcher
from textsim.text.vocabulary import UNK_ID


def texts(lengths: np.ndarray, unknown: float = 0.0) -> TextMeasures:
    return TextMeasures(lengths, np.full(len(lengths), unknown))


@given(st.integers(0, 1000), st.integers(5, 60))
@settings(max_examples=20)
def test_index_and_test_by_their_definitions(seed: int, n: int) -> None:
    random = np.random.default_rng(seed)
    before, now = random.random(50).round(1), random.beta(2, 1, n).round(1)
    kept = profile_of(before, texts(np.arange(1, 100)))
    bounds = kept.scores.bounds

    def fraction(values: np.ndarray, k: int) -> float:
        low = -np.inf if k == 0 else bounds[k - 1]
        high = np.inf if k == len(bounds) else bounds[k]
        return (np.sum((low < values) & (values <= high)) + 0.5) / (len(values) + 0.5 * (len(bounds) + 1))

    index = 0.0
    for k in range(len(bounds) + 1):
        p, q = fraction(before, k), fraction(now, k)
        index += (p - q) * np.log(p / q)
    found = compare_profiles(kept, now, texts(np.arange(1, 2 * n + 1))).scores
    assert found.psi == pytest.approx(index)
    distance = max(abs(np.mean(before <= bound) - np.mean(now <= bound)) for bound in bounds)
    assert found.statistic == pytest.approx(distance)
    # The bounds alone are looked at: never more than the test of the values themselves.
    assert found.statistic <= ks_2samp(before, now).statistic + 1e-12
    assert (found.before, found.now) == (pytest.approx(before.mean()), pytest.approx(now.mean()))


def test_of_the_same_kind_hardly_any_draw_lies_far_off_and_of_another_every_one_does() -> None:
    random = np.random.default_rng(0)

    def drawn(pairs: int, b: float, length: float) -> tuple[np.ndarray, TextMeasures]:
        return random.beta(0.6, b, pairs), texts(random.poisson(length, 2 * pairs) + 1)

    kept = profile_of(*drawn(2000, 0.8, 12))
    alike = [bool(compare_profiles(kept, *drawn(100, 0.8, 12)).shifted) for _ in range(200)]
    assert np.mean(alike) <= 0.02
    for scores, lengths, shifted in [(3, 12, ["scores"]), (0.8, 25, ["lengths"])]:
        for _ in range(20):
            assert compare_profiles(kept, *drawn(200, scores, lengths)).shifted == shifted


def test_measures_of_keys_and_of_sentences_agree(pairs: PairDataset) -> None:
    assert pairs.sentences is not None
    numbers = np.array([3, 0, 3, 7])
    keys = [pairs.sentences[number].tobytes() for number in numbers.tolist()]
    by_keys, by_numbers = (
        TextMeasures.of_keys([*keys, b""]),
        TextMeasures.of_sentences(pairs.sentences, numbers),
    )
    assert by_keys.lengths.tolist() == [*by_numbers.lengths.tolist(), 0]
    assert by_keys.unknown.tolist() == [*by_numbers.unknown.tolist(), 0.0]
    key = np.array([5, UNK_ID, 6, UNK_ID], np.int32).tobytes()
    assert TextMeasures.of_keys([key]).unknown.tolist() == [0.5]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model that keeps a profile of pairs of its own characters."""
    matcher = TextMatcher(saved_model("bilstm-attention"))
    left, right = ["花呗怎么还款", "今天天气", "你好吗"] * 20, ["怎样还花呗", "明天天气怎么样", "我好"] * 20
    measures = TextMeasures.joined(TextMeasures.of_keys(matcher.read(side).keys) for side in (left, right))
    profile = profile_of(matcher.score_texts(left, right).scores, measures)
    save_model(dataclasses.replace(matcher.saved, profile=profile), tmp_path / "model")
    (tmp_path / "same.tsv").write_text(
        "".join(f"{a}\t{b}\n" for a, b in zip(left, right, strict=True)), encoding="utf-8"
    )
    (tmp_path / "far.tsv").write_text("保险理赔要准备哪些材料\t理赔材料清单\n" * 60, encoding="utf-8")
    return tmp_path / "model"


def test_files_near_and_far(model: Path) -> None:
    same = measure_drift(model, model.with_name("same.tsv"))
    assert (same.pairs, same.kept_pairs, same.shifted) == (60, 60, [])
    assert same.scores.psi == pytest.approx(0, abs=1e-9) and same.report.rows == 60
    assert "labelled pairs alone tell" in same.format()
    far = measure_drift(TextMatcher.load(model), model.with_name("far.tsv"))
    assert {"lengths", "unknown"} <= set(far.shifted) and far.unknown.now > 0.8
    assert "choose the threshold anew (textsim calibrate): " in far.format()
    values = json.loads(json.dumps(far.to_dict()))
    assert values["choose_anew"] and values["unknown"].keys() == {
        *("before", "now", "psi", "statistic", "p_value")
    }


def test_a_profile_is_kept_to_the_bit_and_an_altered_one_is_refused(model: Path) -> None:
    profile = load_model(model).profile
    assert profile is not None and sum(profile.lengths.counts) == 120
    assert "profile.json" in json.loads((model / "manifest.json").read_text(encoding="utf-8"))["files"]
    assert Profile.from_dict(json.loads(profile.to_json())) == profile
    with pytest.raises(ConfigError, match="one count more than bounds"):
        Histogram.from_dict({"bounds": [0.5], "counts": [1], "mean": 0})
    with pytest.raises(ConfigError, match="rising bounds"):
        Histogram.from_dict({"bounds": [0.5, 0.2], "counts": [1, 1, 1], "mean": 0})


def test_a_model_without_a_profile_says_so(tmp_path: Path) -> None:
    save_model(saved_model("bilstm-attention"), tmp_path / "early")
    (tmp_path / "pairs.tsv").write_text("你好\t我好\n", encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"early carries no profile .* Calibrate it"):
        measure_drift(tmp_path / "early", tmp_path / "pairs.tsv")
