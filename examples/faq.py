"""Stored questions with answers: which one is asked, and is it sure enough to answer?

    python examples/faq.py 密码忘了登不上去            a question, with a few answers as an example
    python examples/faq.py --faq faq.tsv 怎么退货      your own: columns question and answer, parted by a tab

The first hit need not be the answer. Where it is no match, the question goes to a person.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from textsim import TextIndex, TextMatcher

ANSWERS = {
    "忘记密码怎么办": "在登录页点「忘记密码」，用手机号重设。",
    "如何申请退货": "在订单里点「申请售后」，七天之内都可以。",
    "发票怎么开": "在订单详情里点「开发票」，当天发到邮箱。",
    "怎样修改收货地址": "发货之前，在订单里点「修改地址」。",
}


def read(path: Path) -> dict[str, str]:
    """Questions and their answers."""
    with open(path, encoding="utf-8", newline="") as file:
        return {row["question"]: row["answer"] for row in csv.DictReader(file, delimiter="\t")}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("question")
    parser.add_argument("--faq", type=Path, help="a TSV file with the columns question and answer")
    parser.add_argument(
        "--model", default="zh-general", help="better: one with a threshold of your own pairs"
    )
    options = parser.parse_args()

    answers = ANSWERS if options.faq is None else read(options.faq)
    # A service does this once. The stored questions are encoded here, and each search encodes one text.
    rows = [{"question": question, "answer": answer} for question, answer in answers.items()]
    index = TextIndex.build(TextMatcher.load(options.model), rows)

    best = index.search(options.question, k=1)[0]
    if best.decision == "match":
        print(f"{best.text} ({best.score:.2f})\n{best.payload['answer']}")
    else:
        print(f"转人工。最接近的是「{best.text}」（{best.score:.2f}）。")


if __name__ == "__main__":
    main()
