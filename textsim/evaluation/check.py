"""How a model breaks: tests of one ability each, and what must hold for every model.

Reference:
    Ribeiro, Wu, Guestrin & Singh (2020), Beyond Accuracy: Behavioral Testing of NLP Models with CheckList.
    Zhu et al. (2022), DuQM: A Chinese Dataset of Linguistically Perturbed Natural Questions: the kinds.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from textsim.data.formats.cells import one_line
from textsim.data.row_kinds import PAIRS
from textsim.data.rows import read_rows
from textsim.errors import InputError
from textsim.matching.decisions import Verdict
from textsim.matching.text_matcher import TextMatcher

EXAMPLES = 3
_TOLERANCE = 1e-6
"""How far scores may differ by rounding."""


class CheckedPair(NamedTuple):
    """Two texts that differ in one thing.

    Attributes:
        kind: in what, such as "negation".
        text_a, text_b: the texts.
        label: 1 where they mean the same, else 0.
    """

    kind: str
    text_a: str
    text_b: str
    label: int


@dataclasses.dataclass(frozen=True)
class KindResult:
    """What a model decides of the pairs of one kind.

    Attributes:
        pairs: how many.
        wrong: the fraction decided wrongly, or where the model is unsure.
        moved: the fraction of the pairs whose decision is not that of the text with itself, "match": for pairs that
            mean the same it should be 0, for others 1.
        examples: some of the wrong ones, as (text_a, text_b, label, decision, score).
    """

    pairs: int
    wrong: float
    moved: float
    examples: list[tuple[str, str, int, Verdict, float]]


@dataclasses.dataclass(frozen=True)
class CheckResult:
    """What `check` found.

    Attributes:
        kinds: by kind.
        symmetry: whether the order of the two texts makes no difference.
        self_score: whether every text scores 1 with itself.
        batch: whether a score does not depend on the other pairs of a call, rounding aside.
    """

    kinds: dict[str, KindResult]
    symmetry: bool
    self_score: bool
    batch: bool

    @property
    def right(self) -> float:
        """The fraction of the pairs right over all kinds."""
        pairs = sum(kind.pairs for kind in self.kinds.values())
        return sum(kind.pairs * (1 - kind.wrong) for kind in self.kinds.values()) / max(pairs, 1)

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return dataclasses.asdict(self)

    def format(self) -> str:
        """As lines of text, the kinds with most errors first."""
        lines = ["kind                            pairs   wrong   moved  an example"]
        for name, kind in sorted(self.kinds.items(), key=lambda item: -item[1].wrong):
            example = ""
            if kind.examples:
                text_a, text_b, label, decision, _ = kind.examples[0]
                texts = f"{one_line(text_a)} / {one_line(text_b)}"
                example = f"{texts}: {decision}, is {'a match' if label else 'none'}"
            lines.append(
                f"{name:<30}{kind.pairs:7,}  {kind.wrong:6.1%}  {kind.moved:6.1%}  {example}".rstrip()
            )
        for name, holds in (
            ("the order of the two texts makes no difference", self.symmetry),
            ("a text with itself scores 1", self.self_score),
            ("a score does not depend on its batch", self.batch),
        ):
            lines.append(f"{'yes' if holds else 'NO':<4}{name}")
        lines.append(f"right over all kinds: {self.right:.1%}")
        lines.append(
            "Texts written or made to test a model are not natural ones: this tells what breaks, not how often."
        )
        return "\n".join(lines)


def contrast_set() -> list[CheckedPair]:
    """The contrast pairs that come with textsim."""
    path = Path(str(resources.files("textsim.resources"))) / "contrast" / "pairs.tsv"
    found = []
    for chunk in read_rows(path, PAIRS, keep=["kind"]):
        assert chunk.labels is not None
        rows = zip(chunk.kept["kind"], *chunk.texts, chunk.labels.tolist(), strict=True)
        found += [CheckedPair(str(kind), a, b, int(label)) for kind, a, b, label in rows]
    return found


def check(
    model: TextMatcher | str | os.PathLike[str], pairs: Iterable[CheckedPair] | None = None
) -> CheckResult:
    """Tests a model on pairs that differ in one thing each, and on what holds for every model.

    Args:
        model: a model folder of texts, the name of a bundled one, or a loaded matcher.
        pairs: what to test on, at least one; by default the pairs that come with textsim.

    Raises:
        ArtifactError: the model is not whole, or reads no texts.
        InputError: there are no pairs, or a text is empty once it is normalized.

    Example:
        >>> from textsim import check
        >>> found = check("zh-general")
        >>> found.symmetry, found.self_score, found.batch, 0 <= found.right <= 1
        (True, True, True, True)
    """
    matcher = TextMatcher.of(model)
    pairs = contrast_set() if pairs is None else list(pairs)
    if not pairs:
        raise InputError("pairs: expected pairs to test on. Received none.")
    left, right = [pair.text_a for pair in pairs], [pair.text_b for pair in pairs]
    result = matcher.score_texts(left, right)
    decisions = matcher.decisions(result)
    kinds: dict[str, list[int]] = {}
    for place, pair in enumerate(pairs):
        kinds.setdefault(pair.kind, []).append(place)
    found = {}
    for kind, places in kinds.items():
        wrong = [
            place
            for place in places
            if decisions[place].decision != ("match" if pairs[place].label else "no match")
        ]
        moved = sum(decisions[place].decision != "match" for place in places)
        examples = [
            (left[place], right[place], pairs[place].label, decisions[place].decision, decisions[place].score)
            for place in wrong[:EXAMPLES]
        ]
        found[kind] = KindResult(len(places), len(wrong) / len(places), moved / len(places), examples)
    return CheckResult(found, *_holds(matcher, left, right, result.scores))


def _holds(
    matcher: TextMatcher, left: Sequence[str], right: Sequence[str], scores: np.ndarray
) -> tuple[bool, bool, bool]:
    """Symmetry, self-score and independence of the batch."""
    turned = matcher.score_texts(right, left).scores
    texts = list(dict.fromkeys([*left, *right]))
    alone = np.array([matcher.score(a, b) for a, b in list(zip(left, right, strict=True))[:50]])
    return (
        bool(np.array_equal(turned, scores)),
        bool((matcher.score_texts(texts, texts).scores == 1).all()),
        bool(np.allclose(alone, scores[:50], rtol=0, atol=_TOLERANCE)),
    )
