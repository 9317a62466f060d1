"""From labelled pairs to a model: preprocess, train, evaluate, score.

python examples/train_on_your_pairs.py                                  the bundled demo data
python examples/train_on_your_pairs.py --train mine.tsv --dev dev.tsv   your own: text_a, text_b, label
"""

from __future__ import annotations

import argparse
from importlib import resources
from pathlib import Path

from textsim import TextMatcher, evaluate_file, preprocess, train

DEMO = Path(str(resources.files("textsim.resources"))) / "demo"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", type=Path, default=DEMO / "pairs_train.tsv")
    parser.add_argument("--dev", type=Path, default=DEMO / "pairs_dev.tsv")
    parser.add_argument("--out", type=Path, default=Path("runs/example"))
    options = parser.parse_args()

    # The tokenizer and vocabulary of the bundled model, so that training can continue from it.
    dataset = options.out / "dataset"
    preprocess(options.train, dataset, dev=options.dev, vocabulary="zh-general", overwrite=True)

    # None: the settings that suit few pairs. Interrupted, the same call goes on from the last epoch.
    model = options.out / "model"
    train(dataset, None, model, init="zh-general", overwrite=True)

    print(evaluate_file(model, options.dev).format())

    matcher = TextMatcher.load(model)
    for text_b in ("怎样把登录密码换掉", "登录名怎么修改"):
        print(f"登录密码怎么修改 | {text_b} | {matcher.score('登录密码怎么修改', text_b):.3f}")


if __name__ == "__main__":
    main()
