"""Pairs of sentences from the templates in templates/*.txt; mixed.txt says how those are written."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).with_name("templates")
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


class Template(NamedTuple):
    """Both sides of a pair with their slots, and the fillers of its file by name."""

    left: str
    right: str
    label: int
    kind: str
    fillers: dict[str, list[str]]


def read_templates(path: Path) -> list[Template]:
    """The templates of a file, in its order."""
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
            templates.append(Template(left.strip(), right.strip(), label, kind, fillers))
    return templates


def template_pairs(
    per_template: int, *, held_out: bool, seed: int = 0, folder: Path = FOLDER
) -> list[TemplatePair]:
    """Pairs of the templates, each pair once: of those that training may see, or of those `held_out`."""
    pairs: dict[TemplatePair, None] = {}
    for path in sorted(folder.glob("*.txt")):
        for number, template in enumerate(read_templates(path)):
            if (number % HELD_OUT == HELD_OUT - 1) != held_out:
                continue
            rng = random.Random(f"{seed} {path.stem} {number}")
            for _ in range(per_template):
                text, variant = _filled(template, rng)
                if text != variant:
                    pairs.setdefault(TemplatePair(text, variant, template.label, template.kind))
    return list(pairs)


def _filled(template: Template, rng: random.Random) -> tuple[str, str]:
    """Both sides with their choices made and their fillers in place."""
    chosen: dict[str, str] = {}

    def choose(found: re.Match[str]) -> str:
        # The same choice written twice is made once: "(吃/喝)" on both sides.
        if found[0] not in chosen:
            options = re.split("[/|]", found[1]) + ([""] if found[2] else [])
            chosen[found[0]] = rng.choice(options)
        return chosen[found[0]]

    left, right = (_CHOICE.sub(choose, side) for side in (template.left, template.right))
    drawn: dict[tuple[str, str], str] = {}
    for name, digit in dict.fromkeys(_SLOT.findall(left + right)):
        taken = {word for (other, _), word in drawn.items() if other == name}
        drawn[name, digit] = rng.choice([word for word in template.fillers[name] if word not in taken])

    def fill(found: re.Match[str]) -> str:
        return drawn[found[1], found[2]]

    return _SLOT.sub(fill, left), _SLOT.sub(fill, right)
