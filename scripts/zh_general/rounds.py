"""Training rounds after the first: general text, contrast pairs and longer texts, beside the rows of the four sets."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

import textsim
from textsim.artifacts.saved_model import SavedModel, load_model, save_model
from textsim.data.rows import read_rows
from textsim.data.settings import VocabularySettings
from textsim.io.manifest import MANIFEST, read_json, sha256_file, write_json
from textsim.matching.text_matcher import TextMatcher
from textsim.modeling.heads.interaction import COSINE_START
from textsim.text.word_vectors import save_word_vectors
from textsim.training.augmentation.contrast import RULES, contrast_pairs
from textsim.training.augmentation.contrast.rule import Text
from textsim.training.augmentation.mining import mine_pairs
from zh_general.general_pairs import Row, pairs_of, teacher_vectors
from zh_general.intents import intent_pairs, sentences
from zh_general.raw_texts import choose
from zh_general.templates import template_pairs

MAX_LENGTH = 128

FROM_SETS = {"lcqmc": 4000, "bq": 1500, "atec": 1500, "pawsx_zh": 1500}
"""Rows of each set whose texts the teacher of general text is asked about too."""

MINED = {"lcqmc": (30_000, 1, 0.15), "bq": (24_000, 2, 0.1), "atec": (20_000, 2, 0.1)}
"""Of each set: texts among which pairs are found, pairs of a text, and the fraction of texts it is compared with. The
model labels them itself, so that it keeps what it knows."""

HARD_RULES = (
    "number-changed",
    "time-changed",
    "negation-removed",
    "negation-added",
    "roles-swapped",
    "endpoints-swapped",
    "possessor-swapped",
    "double-negation",
    "double-negation-halved",
    "sequence-swapped",
    "voice-changed",
    "voice-roles-swapped",
)
"""Of whose pairs a model gets the most wrong, since rows of the sets say otherwise or hold few of the kind."""

_CONTRAST_SHARES = {"lcqmc": 0.4, "bq": 0.15, "atec": 0.15, "pawsx_zh": 0.15}


class Round(NamedTuple):
    """What one round is trained on, and how.

    Attributes:
        rows: of each set's training rows, drawn at random.
        mined: of each set's pairs that the model before the rounds labelled.
        general: pairs of general text with the teacher's labels.
        graded: how many times the rows of STS-B stand in it.
        per_rule: contrast pairs of a rule.
        contrast_texts: texts that the rules are tried on, as many of the sets as of raw text.
        per_template: pairs of a template.
        unequal: labels of contrast pairs and of template pairs that do not match. Above 0, as graded sets call such
            pairs half alike.
        kept: how much of the first model's weights is mixed into those of the model before. It brings back what the
            rounds have lost of the sets (Wortsman et al., 2022, Robust Fine-tuning of Zero-shot Models).
        cosine: whether the head gets the cosine of both sides as one more input.
        seed: of every draw.
        changes: to the recipe of the model before.
        taught: of each set's pairs that its specialists labelled.
        balanced: sets of which as many matches are drawn as there are others: where a set has more of one class than
            the others, its rows want another threshold than theirs.
        hard: more pairs of each of `HARD_RULES`.
        per_topic: pairs of a topic of the sentences in intents.
        unrelated: pairs of two texts of a set, drawn at random: hardly any match.
        moods: how many rows of the sets come once more, with a picture of a mood beside one of their texts.
    """

    rows: dict[str, int]
    mined: dict[str, int]
    general: int
    graded: int
    per_rule: int
    contrast_texts: int
    per_template: int
    unequal: tuple[float, float]
    seed: int
    changes: tuple[str, ...]
    kept: float = 0.0
    cosine: bool = False
    taught: Mapping[str, int] = {}
    balanced: tuple[str, ...] = ()
    hard: int = 0
    per_topic: int = 0
    unrelated: Mapping[str, int] = {}
    moods: int = 0


def read(path: Path, label_max: float = 1.0) -> list[Row]:
    """The rows of a pair file."""
    return [
        (left, right, float(label))
        for chunk in read_rows(path, label_max=label_max)
        for left, right, label in zip(*chunk.texts, chunk.labels, strict=True)
    ]


def write(path: Path, rows: Iterable[Row]) -> Path:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("text_a\ttext_b\tlabel\n")
        file.writelines(f"{left}\t{right}\t{label:.4g}\n" for left, right, label in rows)
    return path


def train_round(
    plan: Round, number: int, before: Path, first: Path, data: Path, work: Path, dev: Path
) -> Path:
    """Makes the files of a round and continues with them from a model, unless that is done. Returns the next model."""
    folder = work / f"round-{number}"
    model = folder / "model"
    origin = {"round": list(map(str, plan)), "before": sha256_file(before / MANIFEST)}
    if model.exists() and (folder / "origin.json").exists() and read_json(folder / "origin.json") == origin:
        return model
    folder.mkdir(parents=True, exist_ok=True)
    files = round_files(plan, load_model(first), data, work, folder)
    if plan.kept or plan.cosine:
        start = start_of(plan, load_model(before), load_model(first))
        save_model(start, folder / "start", overwrite=True)
        before = folder / "start"
    textsim.preprocess(
        files,
        folder / "dataset",
        dev=[dev],
        vocabulary=VocabularySettings(before, min_count=3, max_length=MAX_LENGTH),
        word_vectors=traditional_vectors(load_model(before), folder / "traditional.vec"),
        label_max=1,
        overwrite=True,
        progress=True,
    )
    recipe = load_model(before).recipe.replace(plan.changes)
    print(textsim.train(folder / "dataset", recipe, model, init=before, overwrite=True).summary())
    write_json(folder / "origin.json", origin)
    return model


def start_of(plan: Round, before: SavedModel, first: SavedModel) -> SavedModel:
    """The model that a round starts from."""
    weights = dict(before.weights)
    for path, weight in first.weights.items():
        # The rounds have added tokens behind those of the first model.
        mixed = weights[path].copy()
        mixed[: len(weight)] = plan.kept * weight + (1 - plan.kept) * mixed[: len(weight)]
        weights[path] = mixed
    recipe = before.recipe
    if plan.cosine:
        recipe = recipe.replace(["head.cosine=true"])
        weights["head/cosine"] = np.array(COSINE_START, np.float32)
        # Most pairs' cosine is about this: their scores stay where they are.
        weights["head/linear/bias"] = weights["head/linear/bias"] - np.float32(0.75 * COSINE_START)
    return dataclasses.replace(before, recipe=recipe, weights=weights)


def round_files(plan: Round, before: SavedModel, data: Path, work: Path, folder: Path) -> list[Path]:
    """The training files of a plan."""
    pairs = data / "pairs"
    rng, rnd = np.random.default_rng(plan.seed), random.Random(plan.seed)
    chosen = choose(data / "rawtext")
    graded = read(pairs / "stsb_zh" / "train.tsv", 5)
    kept_back = {text for row in read(pairs / "stsb_zh" / "dev.tsv", 5) for text in row[:2]}

    sets: list[Row] = []
    bases: list[str] = []
    asked: list[str] = []
    unrelated: list[Row] = []
    for name, count in plan.rows.items():
        rows = read(pairs / name / "train.tsv")
        asked += [text for k in rng.permutation(len(rows))[: FROM_SETS[name]] for text in rows[k][:2]]
        order = rng.permutation(len(rows))
        if name in plan.balanced:
            matches = np.array([row[2] >= 0.5 for row in rows])[order]
            each = min(matches.sum(), len(rows) - matches.sum())
            order = order[np.where(matches, matches.cumsum(), (~matches).cumsum()) <= each]
        drawn = [rows[k] for k in order[:count]]
        # Of rows whose sides are the same there is little to learn.
        drawn = [row for row in drawn if row[0] != row[1] or rng.random() < 0.2]
        sets += drawn
        for _ in range(plan.unrelated.get(name, 0)):
            one, other = rnd.sample(rows, 2)
            unrelated.append((one[0], other[1], 0.0))
        bases += [row[0] for row in drawn[: int(plan.contrast_texts * _CONTRAST_SHARES[name])]]
    files = [write(folder / "sets.tsv", sets)]
    files.append(write(folder / "mined.tsv", own_rows(plan, before, data, work)))
    taught: list[Row] = []
    for name, count in plan.taught.items():
        found = read(work / f"{name}-mined.tsv")
        taught += [found[k] for k in rng.permutation(len(found))[:count]]
    if taught:
        files.append(write(folder / "taught.tsv", taught))
    if plan.moods:
        files.append(write(folder / "moods.tsv", with_moods(rnd.sample(sets, plan.moods), rnd)))
    if unrelated:
        files.append(write(folder / "unrelated.tsv", unrelated))

    texts = [
        text for text in dict.fromkeys([*chosen.texts(), *asked, *_texts(graded)]) if text not in kept_back
    ]
    vectors = teacher_vectors(texts, work / "teacher")
    files.append(
        write(folder / "general.tsv", pairs_of(texts, vectors, chosen.near, plan.general, plan.seed))
    )
    files.append(write(folder / "graded.tsv", graded * plan.graded))

    raw = [text for text in chosen.texts() if len(text) <= 60]
    rnd.shuffle(raw)
    if plan.per_topic:
        bases += sentences(held_out=False)
    bases = [text for text in dict.fromkeys(bases + raw[: plan.contrast_texts * 6 // 5]) if len(text) <= 90]
    rnd.shuffle(bases)
    contrast = contrast_pairs(bases, per_text=3, per_rule=plan.per_rule, seed=plan.seed)
    if plan.hard:
        contrast += contrast_pairs(
            bases, rules=HARD_RULES, per_text=2, per_rule=plan.hard, seed=plan.seed + 1
        )
    of_rules, of_templates = plan.unequal
    files.append(
        write(
            folder / "contrast.tsv", ((pair.text, pair.variant, pair.label or of_rules) for pair in contrast)
        )
    )
    made = template_pairs(plan.per_template, held_out=False, seed=plan.seed)
    files.append(
        write(
            folder / "templates.tsv", ((pair.text, pair.variant, pair.label or of_templates) for pair in made)
        )
    )
    own = intent_pairs(held_out=False, per_topic=plan.per_topic, seed=plan.seed)
    if own:
        files.append(write(folder / "intents.tsv", ((a, b, label or of_templates) for a, b, label in own)))
    files.append(write(folder / "same.tsv", ((text, text, 1.0) for text in raw[:3000])))
    return files


def with_moods(rows: Iterable[Row], rnd: random.Random) -> Iterator[Row]:
    """Rows of which one text, drawn at random, has a picture of a mood."""
    for left, right, label in rows:
        text, other = rnd.sample([left, right], 2)
        yield RULES["mood"].variant(Text(text), rnd) or text, other, label


def _texts(rows: Iterable[Row]) -> list[str]:
    return [text for row in rows for text in row[:2]]


def own_rows(plan: Round, before: SavedModel, data: Path, work: Path) -> list[Row]:
    """Pairs of each set's training texts, found and labelled by the model before the first plan."""
    rows: list[Row] = []
    matcher = TextMatcher(before)
    for name in plan.mined:
        count, per_text, share = MINED[name]
        path = work / f"own-{name}.tsv"
        if not path.exists():
            texts = list(dict.fromkeys(_texts(read(data / "pairs" / name / "train.tsv"))))
            order = np.random.default_rng(0).permutation(len(texts))
            texts = [texts[k] for k in order[:count]]
            mined = mine_pairs(texts, [matcher], per_text=per_text, fraction=share)
            write(path, ((texts[a], texts[b], float(label)) for a, b, label in zip(*mined, strict=True)))
        found = read(path)
        random.Random(plan.seed).shuffle(found)
        rows += found[: plan.mined[name]]
    return rows


def traditional_vectors(model: SavedModel, path: Path) -> Path:
    """Word vectors of the traditional characters that a model does not know: those of their simplified ones."""
    from opencc import OpenCC

    assert model.vocabulary is not None
    tokens, table = model.vocabulary.tokens, model.weights["embedding/table"]
    places = {token: place for place, token in enumerate(tokens)}
    simplify = OpenCC("t2s")
    found = {
        character: places[simple]
        for character in map(chr, range(0x4E00, 0xA000))
        if character not in places and (simple := simplify.convert(character)) in places
    }
    # One that is there stands in where all are known: the file must not be empty.
    found = found or {tokens[2]: 2}
    save_word_vectors(path, list(found), table[list(found.values())])
    return path


def dev_file(data: Path, path: Path, sets: Sequence[str]) -> Path:
    """Rows of every dev file, of templates and topics that training does not see, to choose the epoch on."""
    rows: list[Row] = []
    for name in sets:
        found = read(data / "pairs" / name / "dev.tsv")
        rows += [found[k] for k in np.random.default_rng(5).permutation(len(found))[:2500]]
    rows += read(data / "pairs" / "stsb_zh" / "dev.tsv", 5)
    return write(path, rows + held_out_rows(1))


def held_out_rows(seed: int) -> list[Row]:
    """Pairs of the templates and the topics that training does not see."""
    made = template_pairs(12, held_out=True, seed=seed)
    own = intent_pairs(held_out=True, per_topic=20, seed=seed)
    return [(pair.text, pair.variant, float(pair.label)) for pair in made] + [
        (left, right, float(label)) for left, right, label in own
    ]


def held_out_file(path: Path) -> Path:
    return write(path, held_out_rows(7))
