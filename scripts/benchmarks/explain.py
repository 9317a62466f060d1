"""How long an explanation takes: pairs of texts of several lengths, by zh-general.

    python scripts/benchmarks/explain.py

Prints a table: tokens of each text, milliseconds of an explanation (the median of the calls, and the slowest), and of
processor time, which other programs on the machine change less.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from textsim.matching.text_matcher import TextMatcher

LENGTHS = (4, 8, 12, 20, 40)
TEXTS = (
    "花呗分期还款以后可以提前还清吗要不要另外收手续费如果提前还清会不会影响下个月的额度和账单",
    "想提前把花呗的分期还清应该怎么操作会收多少手续费还完之后额度多久能恢复下个月还要还款吗请问",
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=30)
    parser.add_argument("--threads", type=int, help="by default as many as there are cores")
    arguments = parser.parse_args()
    matcher = TextMatcher.load("zh-general", threads=arguments.threads)
    print("| tokens of each text | median ms | slowest ms | processor ms |")
    print("|---|---|---|---|")
    for length in LENGTHS:
        pair = [text[:length] for text in TEXTS]
        matcher.explain(*pair)
        seconds = []
        worked = time.process_time()
        for _ in range(arguments.calls):
            began = time.perf_counter()
            matcher.explain(*pair)
            seconds.append(time.perf_counter() - began)
        worked = (time.process_time() - worked) / arguments.calls
        print(
            f"| {length} | {1000 * np.median(seconds):.0f} | {1000 * max(seconds):.0f} | {1000 * worked:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
