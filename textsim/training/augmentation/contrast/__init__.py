"""Pairs of texts that differ in one thing, made by rules, with the label that follows.

>>> from textsim.training.augmentation.contrast import contrast_pairs
>>> contrast_pairs(["怎么开启定位"], rules=["antonym"])
[ContrastPair(text='怎么开启定位', variant='怎么关闭定位', label=0, rule='antonym')]

What the rules need of others: jieba (MIT) finds words and their parts of speech, cn2an (MIT) writes numerals, pypinyin
(MIT) knows how characters sound, OpenCC (Apache-2.0) has the traditional characters. The word lists are this project's
own, see `lexicon` and `synonyms`.

Of most rules 80 to 100 pairs were read, of others 14 to 45, made of raw text and of question sets, or all where a rule
found fewer: at most one label in twenty was wrong, most often where a word had another sense ("地址" of a cell in a
table is no "住址").
Sentences that nobody would write come up more often; they are labelled 0, which is right for them too.

Reference:
    Zhu et al. (2022), DuQM: A Chinese Dataset of Linguistically Perturbed Natural Questions for Evaluating the
    Robustness of Question Matching Models: the kinds of things that two questions may differ in.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from textsim.errors import ConfigError
from textsim.registry import unknown_name

# Each adds its rules to RULES.
from textsim.training.augmentation.contrast import (  # noqa: F401
    negation,
    numbers,
    order,
    paraphrase,
    words,
    writing,
)
from textsim.training.augmentation.contrast.rule import RULES, Rule, Text

__all__ = ["RULES", "ContrastPair", "Rule", "contrast_pairs"]


class ContrastPair(NamedTuple):
    """A text and what a rule made of it.

    Attributes:
        text: as it was given.
        variant: another text.
        label: 1 where both mean the same, else 0.
        rule: name of the rule.
    """

    text: str
    variant: str
    label: int
    rule: str


def contrast_pairs(
    texts: Iterable[str],
    *,
    rules: Sequence[str] | None = None,
    per_text: int = 1,
    per_rule: int | None = None,
    seed: int = 0,
) -> list[ContrastPair]:
    """Makes pairs of texts that differ in one thing.

    Each text meets the rules in an order of its own, drawn at random; those that apply make its pairs. The same texts,
    options and seed give the same pairs.

    Args:
        texts: one line each.
        rules: names of the rules; None for all of `RULES`.
        per_text: pairs of a text at most.
        per_rule: pairs of a rule at most; None for no limit. Where it is set, rules that seldom apply get the texts
            that others would take, as those are full.
        seed: of every draw.

    Returns:
        pairs in the order of the texts; none where no rule applies.

    Raises:
        ConfigError: an unknown rule, or a number out of its range.
        MissingDependencyError: a rule needs a package that is not installed.
    """
    if per_text < 1 or (per_rule is not None and per_rule < 1):
        raise ConfigError(f"per_text, per_rule: expected at least 1. Received {per_text}, {per_rule}.")
    for name in rules or ():
        if name not in RULES:
            raise ConfigError(unknown_name("contrast rule", name, tuple(sorted(RULES))))
    chosen = [RULES[name] for name in (sorted(RULES) if rules is None else rules)]
    made = dict.fromkeys((rule.name for rule in chosen), 0)
    pairs: list[ContrastPair] = []
    for number, line in enumerate(texts):
        rng = random.Random(f"{seed} {number}")
        text, found = Text(line), 0
        for rule in rng.sample(chosen, len(chosen)):
            if found == per_text:
                break
            if per_rule is not None and made[rule.name] >= per_rule:
                continue
            variant = rule.variant(text, rng)
            if variant is not None and variant != line:
                pairs.append(ContrastPair(line, variant, rule.label, rule.name))
                made[rule.name] += 1
                found += 1
    return pairs
