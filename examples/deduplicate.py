"""Groups of texts that mean the same: one of each group is kept.

    python examples/deduplicate.py                         a few questions as an example
    python examples/deduplicate.py questions.txt           your own, a text a line

Two texts are joined where one is among the nearest of the other and their score makes a match. Joined texts make a
group, so that a chain of matches is one group: look at large groups before anything is deleted.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from textsim import TextIndex, TextMatcher

TEXTS = [
    "怎样还花呗",
    "花呗怎么还款",
    "如何申请退货",
    "怎么申请退货",
    "忘记密码怎么办",
    "密码忘了怎么办",
    "发票怎么开",
]


def groups(index: TextIndex, k: int) -> list[list[str]]:
    """The texts of an index in groups, each in stored order."""
    group = list(range(len(index)))

    def first(place: int) -> int:
        while group[place] != place:
            place = group[place]
        return place

    for place, hits in enumerate(index.search_many(index.texts, k)):
        for hit in hits:
            if hit.match:
                low, high = sorted((first(place), first(hit.place)))
                group[high] = low
    members: dict[int, list[str]] = {}
    for place, text in enumerate(index.texts):
        members.setdefault(first(place), []).append(text)
    return list(members.values())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--model", default="zh-general")
    parser.add_argument("--neighbours", type=int, default=10, help="how many near texts to compare with each")
    options = parser.parse_args()

    texts = TEXTS
    if options.file is not None:
        texts = list(dict.fromkeys(options.file.read_text(encoding="utf-8").split("\n")[:-1]))
    index = TextIndex(TextMatcher.load(options.model), texts)
    found = groups(index, options.neighbours)
    for kept, *others in found:
        print("\t".join([kept, *others]))
    print(f"{len(texts)} texts, {len(found)} of them different")


if __name__ == "__main__":
    main()
