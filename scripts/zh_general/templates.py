"""Pairs of sentences from the templates in templates.txt, which says how those are written."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import NamedTuple

PATH = Path(__file__).with_name("templates.txt")
HELD_OUT = 5
"""Every fifth template of a kind is kept from training."""

_CHOICE = re.compile(r"\(([^()]*)\)(\?)?")
_SLOT = re.compile(r"\{([a-z]+)([0-9]?)\}")


class TemplatePair(NamedTuple):
    """A pair of sentences, its label and the kind of thing that sets them apart."""

    text: str
    variant: str
    label: int
    kind: str


def read_templates(path: Path = PATH) -> tuple[dict[str, list[str]], list[tuple[str, int, str, str]]]:
    """The fillers by name, and the templates: kind, label, and the two sides."""
    fillers: dict[str, list[str]] = {}
    templates = []
    kind, label = "", 0
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if found := re.fullmatch(r"\[(\S+) ([01])\]", line):
            kind, label = found[1], int(found[2])
        elif found := re.fullmatch(r"([a-z]+) = (.*)", line):
            fillers[found[1]] = list(dict.fromkeys(found[2].split()))
        else:
            left, right = line.split(" | ")
            templates.append((kind, label, left.strip(), right.strip()))
    return fillers, templates


def template_pairs(
    per_template: int, *, held_out: bool, seed: int = 0, path: Path = PATH
) -> list[TemplatePair]:
    """Pairs of the templates, each pair once: of those that training may see, or of those `held_out`."""
    fillers, templates = read_templates(path)
    pairs: dict[TemplatePair, None] = {}
    for number, (kind, label, left, right) in enumerate(templates):
        if (number % HELD_OUT == HELD_OUT - 1) != held_out:
            continue
        rng = random.Random(f"{seed} {number}")
        for _ in range(per_template):
            text, variant = _filled(left, right, fillers, rng)
            if text != variant:
                pairs.setdefault(TemplatePair(text, variant, label, kind))
    return list(pairs)


def _filled(left: str, right: str, fillers: dict[str, list[str]], rng: random.Random) -> tuple[str, str]:
    """Both sides with their choices made and their fillers in place."""
    chosen: dict[str, str] = {}

    def choose(found: re.Match[str]) -> str:
        # The same choice written twice is made once: "(吃/喝)" on both sides.
        if found[0] not in chosen:
            options = re.split("[/|]", found[1]) + ([""] if found[2] else [])
            chosen[found[0]] = rng.choice(options)
        return chosen[found[0]]

    left, right = (_CHOICE.sub(choose, side) for side in (left, right))
    drawn: dict[tuple[str, str], str] = {}
    for name, digit in dict.fromkeys(_SLOT.findall(left + right)):
        taken = {word for (other, _), word in drawn.items() if other == name}
        drawn[name, digit] = rng.choice([word for word in fillers[name] if word not in taken])

    def fill(found: re.Match[str]) -> str:
        return drawn[found[1], found[2]]

    return _SLOT.sub(fill, left), _SLOT.sub(fill, right)
