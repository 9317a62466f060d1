"""The contrast set keeps the promises of its README."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from importlib import resources
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import pytest

RESOURCES = Path(str(resources.files("textsim.resources")))
CONTRAST = RESOURCES / "contrast"


class Pair(NamedTuple):
    kind: str
    text_a: str
    text_b: str
    label: str


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    content = (CONTRAST / "pairs.tsv").read_bytes().decode("utf-8")
    header, *lines = content.removesuffix("\n").split("\n")
    assert header.split("\t") == list(Pair._fields)
    return [Pair(*line.split("\t")) for line in lines]


def essence(text: str) -> str:
    """The text without width, case, space and punctuation."""
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", text)).lower()


def test_rows_are_clean(pairs: list[Pair]) -> None:
    for pair in pairs:
        assert pair.label in {"0", "1"}, pair
        for text in (pair.text_a, pair.text_b):
            assert len(text) >= 4 and text == text.strip(), pair
            assert text.replace("\u3000", " ").isprintable(), pair  # a full-width space is wanted in one kind


def test_two_texts_differ_in_more_than_width(pairs: list[Pair]) -> None:
    same = [pair for pair in pairs if essence(pair.text_a) == essence(pair.text_b)]
    assert {(pair.kind, pair.label) for pair in same} == {("full_width", "1")}
    assert all(pair.text_a != pair.text_b for pair in pairs)


def test_no_pair_stands_twice(pairs: list[Pair]) -> None:
    counts = Counter(frozenset((pair.text_a, pair.text_b)) for pair in pairs)
    assert [pair for pair, count in counts.items() if count > 1] == []


def test_every_kind_has_enough_pairs_of_both_labels(pairs: list[Pair]) -> None:
    assert len(pairs) >= 640
    rows = Counter(pair.kind for pair in pairs)
    matches = Counter(pair.kind for pair in pairs if pair.label == "1")
    for kind, count in rows.items():
        assert 30 <= count <= 45, kind
        assert 0.4 <= matches[kind] / count <= 0.6, kind


def test_neither_one_text_nor_shared_characters_give_the_label_away(pairs: list[Pair]) -> None:
    labels: dict[str, set[str]] = {}
    for pair in pairs:
        labels.setdefault(pair.text_a, set()).add(pair.label)
        labels.setdefault(pair.text_b, set()).add(pair.label)
    both = [pair for pair in pairs if len(labels[pair.text_a]) == 2 or len(labels[pair.text_b]) == 2]
    assert len(both) >= 0.9 * len(pairs)

    shared: dict[str, list[float]] = {"0": [], "1": []}
    for pair in pairs:
        a, b = set(pair.text_a), set(pair.text_b)
        shared[pair.label].append(len(a & b) / len(a | b))
    assert fmean(shared["1"]) < fmean(shared["0"])


def test_readme_lists_the_kinds_as_they_are(pairs: list[Pair]) -> None:
    """One line a kind: how many pairs, how many of them match, and an example of each label from the file."""
    table = re.findall(
        r"^\| `(\w+)` \|[^|]+\| (\d+) \| (\d+) \| (.+?) / (.+?) \| (.+?) / (.+?) \|$",
        (CONTRAST / "README.md").read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    rows = Counter(pair.kind for pair in pairs)
    matches = Counter(pair.kind for pair in pairs if pair.label == "1")
    assert [(kind, int(count), int(same)) for kind, count, same, *_ in table] == [
        (kind, count, matches[kind]) for kind, count in rows.items()
    ]
    for kind, _, _, match_a, match_b, other_a, other_b in table:
        assert Pair(kind, match_a, match_b, "1") in pairs
        assert Pair(kind, other_a, other_b, "0") in pairs


def test_no_pair_is_in_the_demo_data(pairs: list[Pair]) -> None:
    contrast = {frozenset((essence(pair.text_a), essence(pair.text_b))) for pair in pairs}
    demo = {
        frozenset(essence(text) for text in line.split("\t")[:2])
        for name in ("pairs_train.tsv", "pairs_dev.tsv")
        for line in (RESOURCES / "demo" / name).read_text(encoding="utf-8").splitlines()
    }
    assert len(demo) > 3000
    assert not contrast & demo
