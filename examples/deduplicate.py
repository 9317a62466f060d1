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


def groups(matcher: TextMatcher, texts: list[str], k: int) -> list[list[str]]:
    """The texts in groups, each in the order given.

    Args:
        matcher: decides which texts match.
        texts: distinct texts.
        k: how many of the nearest are compared with each.
    """
    index = TextIndex.build(matcher, texts)
    group = {text: text for text in texts}

    def first(text: str) -> str:
        while group[text] != text:
            text = group[text]
        return text

    for text, hits in zip(texts, index.search_many(texts, k), strict=True):
        for hit in hits:
            if hit.decision == "match":
                group[first(hit.text)] = first(text)
    members: dict[str, list[str]] = {}
    for text in texts:
        members.setdefault(first(text), []).append(text)
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
    matcher = TextMatcher.load(options.model)
    found = groups(matcher, texts, options.neighbours)
    for kept, *others in found:
        print("\t".join([kept, *others]))
    print(f"{len(texts)} texts, {len(found)} of them different")


if __name__ == "__main__":
    main()
