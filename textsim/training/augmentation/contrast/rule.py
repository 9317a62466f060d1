"""What a contrast rule is: a text in, the same text with one thing changed out, and the label that follows."""

from __future__ import annotations

import importlib
import logging
import random
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from textsim.extras import needed_for


def language_package(name: str) -> Any:
    """A package of the extra `augment`.

    Raises:
        MissingDependencyError: it is not installed.
    """
    with needed_for("making contrast pairs"):
        return importlib.import_module(name)


class Word(NamedTuple):
    """A word of a text.

    Attributes:
        text: its characters.
        tag: its part of speech, of jieba's tags: n noun, v verb, r pronoun, ns place, nr person.
        start, end: its place in the text.
    """

    text: str
    tag: str
    start: int
    end: int

    @property
    def span(self) -> tuple[int, int]:
        """Its place in the text."""
        return self.start, self.end


class Text:
    """A text as rules read it: its characters, and its words, which are found when a rule first asks for them.

    Args:
        text: one line.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def words(self) -> tuple[Word, ...]:
        """The words with their parts of speech, by jieba."""
        import jieba
        from jieba import posseg

        # It reports each loading of its dictionary.
        jieba.setLogLevel(logging.WARNING)
        words, start = [], 0
        for piece in posseg.cut(self.text):
            words.append(Word(piece.word, piece.flag, start, start + len(piece.word)))
            start += len(piece.word)
        return tuple(words)

    @cached_property
    def bounds(self) -> frozenset[int]:
        """The places where words begin and end."""
        return frozenset({0, *(word.end for word in self.words)})

    def whole(self, start: int, end: int) -> bool:
        """Whether a part of the text is made of whole words."""
        return start in self.bounds and end in self.bounds

    def replaced(self, start: int, end: int, new: str) -> str:
        """The text with one part of it changed."""
        return self.text[:start] + new + self.text[end:]


Variant = Callable[[Text, random.Random], str | None]


class Rule(NamedTuple):
    """One way to change a text.

    Attributes:
        name: by which it is asked for, such as ``number-changed``.
        label: 1 where the changed text means the same, 0 where it does not.
        variant: gives the changed text, or None where the rule does not apply. Equal random states give equal texts.
    """

    name: str
    label: int
    variant: Variant


RULES: dict[str, Rule] = {}
"""Every rule by its name. The modules of this package add theirs when it is imported."""


def rule(name: str, label: int) -> Callable[[Variant], Variant]:
    """Returns a decorator that makes a function a rule.

    Raises:
        ValueError: another rule already has the name.
    """

    def add(variant: Variant) -> Variant:
        if name in RULES:
            raise ValueError(f"contrast rule {name!r} is already there.")
        RULES[name] = Rule(name, label, variant)
        return variant

    return add


class Swap(NamedTuple):
    """A part of a text and what may stand in its place."""

    start: int
    end: int
    new: str


def one_of(text: Text, rng: random.Random, swaps: Sequence[Swap]) -> str | None:
    """The text with one of the swaps made, drawn at random; None where there is none."""
    return text.replaced(*rng.choice(swaps)) if swaps else None


def pattern_of(words: Iterable[str]) -> re.Pattern[str]:
    """A pattern that finds any of the words, the longest where several begin at one place."""
    return re.compile("|".join(map(re.escape, sorted(set(words), key=lambda word: (-len(word), word)))))
