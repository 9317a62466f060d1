"""Time and memory of `textsim preprocess` on LCQMC, and on millions of pairs made from it.

    python scripts/benchmarks/preprocess.py                       0.24 M pairs, characters and jieba
    python scripts/benchmarks/preprocess.py --pairs 5000000       so many pairs besides, each side of each perturbed

Each run is a process of its own; memory is that process's largest resident size, mapped file pages included, as the
operating system counts it (for several processes, of the largest one).
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def perturbed(source: Path, target: Path, pairs: int) -> None:
    """Writes `pairs` rows: those of the source over and over, with one character of each text changed or added."""
    rng = random.Random(0)
    with open(source, encoding="utf-8") as file:
        header, *lines = file.read().rstrip("\n").split("\n")
    rows = [line.split("\t") for line in lines]
    characters = sorted({character for row in rows for character in row[0]})

    def change(text: str) -> str:
        place = rng.randrange(len(text))
        return text[:place] + rng.choice(characters) + text[place + rng.randrange(2) :]

    with open(target, "w", encoding="utf-8") as file:
        file.write(header + "\n")
        for a, b, label in itertools.islice(itertools.cycle(rows), pairs):
            file.write(f"{change(a)}\t{change(b)}\t{label}\n")


def measure(arguments: list[str]) -> tuple[float, float]:
    """Seconds and peak resident MB of `textsim preprocess` with these arguments."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "textsim", "preprocess", *arguments, "--quiet"])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"textsim preprocess {' '.join(arguments)} failed")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TEXTSIM_DATA", "../shared/data")))
    parser.add_argument("--pairs", type=int, help="also this many pairs, made from LCQMC's")
    arguments = parser.parse_args()
    train = arguments.data / "pairs/lcqmc/train.tsv"
    if not train.is_file():
        parser.error(f"no data at {arguments.data}: pass --data or set TEXTSIM_DATA")
    runs = [
        ("LCQMC, characters, 1 process", train, ["--processes", "1"]),
        ("LCQMC, jieba, 2 processes", train, ["--tokenizer", "jieba", "--processes", "2"]),
    ]
    print("| input | seconds | peak MB |\n|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as work:
        if arguments.pairs:
            big = Path(work, "big.tsv")
            perturbed(train, big, arguments.pairs)
            runs.append((f"{arguments.pairs:,} pairs, characters, 1 process", big, ["--processes", "1"]))
        for name, source, options in runs:
            seconds, megabytes = measure(
                [str(source), "--out", str(Path(work, "dataset")), "--overwrite", *options]
            )
            print(f"| {name} | {seconds:.1f} | {megabytes:.0f} |", flush=True)


if __name__ == "__main__":
    main()
