"""Groups of texts that mean the same: one of each group is kept.

    python examples/deduplicate.py                         a few questions as an example
    python examples/deduplicate.py questions.txt           your own, a text a line

Each text of a group matches the one that stands for it, which comes first. `textsim dedup` does the same with ids,
scores and files of any format.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from textsim import TextMatcher, find_duplicates

TEXTS = [
    "怎样还花呗",
    "花呗怎么还款",
    "如何申请退货",
    "怎么申请退货",
    "忘记密码怎么办",
    "密码忘了怎么办",
    "发票怎么开",
]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--model", default="zh-general")
    options = parser.parse_args()

    texts = TEXTS
    if options.file is not None:
        texts = list(dict.fromkeys(options.file.read_text(encoding="utf-8").split("\n")[:-1]))
    matcher = TextMatcher.load(options.model)
    members: dict[int, list[str]] = {}
    for place, representative in enumerate(find_duplicates(matcher, texts).representatives.tolist()):
        # The representative comes first.
        members.setdefault(representative, [texts[representative]])
        if place != representative:
            members[representative].append(texts[place])
    for group in members.values():
        print("\t".join(group))
    print(f"{len(texts)} texts, {len(members)} of them different")


if __name__ == "__main__":
    main()
