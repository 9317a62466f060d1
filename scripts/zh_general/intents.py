"""Pairs of the sentences in intents/*.txt, written for this project: ways of saying one thing, and near misses.

A line of such a file has the phrasings of one intent, with " | " between them; the lines between two blank lines or
headings ("# ...") are of one topic. Two phrasings of a line match; two of different lines of a topic do not.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).with_name("intents")
HELD_OUT = 8
"""Every eighth topic is kept from training."""

Topic = list[list[str]]
"""Of each intent its phrasings."""


def read_intents(path: Path) -> list[Topic]:
    """The topics of a file, in its order."""
    topics: list[Topic] = [[]]
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            topics.append([])
        else:
            topics[-1].append(list(dict.fromkeys(text.strip() for text in line.split("|") if text.strip())))
    return [topic for topic in topics if topic]


def topics(held_out: bool, folder: Path = FOLDER) -> Iterator[tuple[str, Topic]]:
    """The topics that training may see, or those `held_out`, each with a name of its own."""
    for path in sorted(folder.glob("*.txt")):
        for number, topic in enumerate(read_intents(path)):
            if (number % HELD_OUT == HELD_OUT - 1) == held_out:
                yield f"{path.stem} {number}", topic


def sentences(held_out: bool, folder: Path = FOLDER) -> list[str]:
    """All distinct sentences of the topics."""
    found = (text for _, topic in topics(held_out, folder) for intent in topic for text in intent)
    return list(dict.fromkeys(found))


def intent_pairs(
    *, held_out: bool, per_topic: int, seed: int = 0, folder: Path = FOLDER
) -> list[tuple[str, str, int]]:
    """Both texts and the label of pairs of one topic each.

    Args:
        held_out: whether of the topics that training does not see.
        per_topic: pairs of a topic at most, half of each label where there are so many.
        seed: of every draw.
        folder: of the files.
    """
    pairs: list[tuple[str, str, int]] = []
    for name, topic in topics(held_out, folder):
        rng = random.Random(f"{seed} {name}")
        same = [pair for intent in topic for pair in itertools.combinations(intent, 2)]
        other = [
            pair for one, two in itertools.combinations(topic, 2) for pair in itertools.product(one, two)
        ]
        for label, found in ((1, same), (0, other)):
            drawn = rng.sample(found, min(per_topic // 2, len(found)))
            # A pair has no order.
            pairs += [(*rng.sample(pair, 2), label) for pair in drawn]  # type: ignore[misc]
    return pairs
