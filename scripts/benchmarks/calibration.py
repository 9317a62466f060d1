"""How well probabilities hold on a domain that zh-general was not trained on, after 300 labelled pairs.

    python scripts/benchmarks/calibration.py                  # the demo pairs that come with textsim
    python scripts/benchmarks/calibration.py --data DATA      # and DATA/pairs/stsb_zh/dev.tsv, a match from grade 3 on

Of each set, pairs are drawn at random, the model is calibrated on them, and the calibration error is that of all other
pairs; so 20 times. Prints a table: the expected calibration error before, and its mean and its highest after. Exit code
1 where a mean is above `--most`.
"""

from __future__ import annotations

import argparse
import sys
from importlib import resources
from pathlib import Path

import numpy as np

from textsim.data.rows import read_rows
from textsim.evaluation.calibration import calibration_metrics, fit_calibration
from textsim.matching.text_matcher import TextMatcher


def demo_files() -> list[Path]:
    folder = Path(str(resources.files("textsim.resources"))) / "demo"
    return [folder / f"pairs_{split}.tsv" for split in ("train", "dev")]


def measure(
    name: str, matcher: TextMatcher, files: list[Path], pairs: int, draws: int, **reading: float
) -> float:
    """Prints the line of a set; returns the mean error after the calibration."""
    chunks = [chunk for file in files for chunk in read_rows(file, **reading)]
    labels = np.concatenate([chunk.labels for chunk in chunks])
    left, right = ([text for chunk in chunks for text in chunk.texts[side]] for side in (0, 1))
    scores = matcher.score_texts(left, right).scores
    before = calibration_metrics(labels, matcher.saved.calibration.probabilities(scores)).ece
    after = []
    for seed in range(draws):
        order = np.random.default_rng(seed).permutation(len(labels))
        drawn, rest = order[:pairs], order[pairs:]
        calibration = fit_calibration(labels[drawn], scores[drawn])
        after.append(calibration_metrics(labels[rest], calibration.probabilities(scores[rest])).ece)
    print(
        f"| {name} | {len(labels):,} | {before:.4f} | {np.mean(after):.4f} | {max(after):.4f} |", flush=True
    )
    return float(np.mean(after))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="zh-general")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--pairs", type=int, default=300, help="to calibrate on")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--most", type=float, default=0.05, help="the highest mean error that will do")
    arguments = parser.parse_args()
    matcher = TextMatcher.load(arguments.model)
    print(f"ECE of {arguments.model}, 15 bins; {arguments.pairs} pairs drawn {arguments.draws} times\n")
    print("| set | pairs | before | after, mean | after, highest |")
    print("|---|---|---|---|---|")
    found = [measure("demo", matcher, demo_files(), arguments.pairs, arguments.draws)]
    if arguments.data is not None:
        files = [arguments.data / "pairs" / "stsb_zh" / "dev.tsv"]
        found.append(
            measure(
                "STS-B, translated", matcher, files, arguments.pairs, arguments.draws, label_threshold=3.0
            )
        )
    sys.exit(max(found) > arguments.most)


if __name__ == "__main__":
    main()
