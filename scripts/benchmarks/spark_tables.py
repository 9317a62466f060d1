"""Sizes that were measured on Spark to the tables of the documentation: a line through them, up to 1e9 pairs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import t

DOCS = Path(__file__).parents[2] / "docs"
CORES = (1, 16, 128)
PAIRS = (10**7, 10**8, 10**9)
BEGIN, END = "<!-- sizes: written by scripts/benchmarks/spark.py table -->", "<!-- end of sizes -->"
WORDS = {
    "en": {
        "none": "No size has been measured yet: `python scripts/benchmarks/spark.py sizes` measures one, and "
        "`python scripts/benchmarks/spark.py table` writes this table.",
        "measured": "| pairs | distinct texts | seconds, 2 cores | memory of a worker, first third | last third |",
        "line": "| pairs | distinct texts | {cores} |",
        "core": "{} cores",
        "hours": "{:,.2f} ± {:,.2f} h",
        "uncertain": "A line needs three sizes or more of the same fraction of distinct texts.",
    },
    "zh": {
        "none": "还没有测量：`python scripts/benchmarks/spark.py sizes` 测一个规模，"
        "`python scripts/benchmarks/spark.py table` 写出这张表。",
        "measured": "| 对数 | 不同句子的比例 | 秒（2 核） | worker 内存，前三分之一 | 后三分之一 |",
        "line": "| 对数 | 不同句子的比例 | {cores} |",
        "core": "{} 核",
        "hours": "{:,.2f} ± {:,.2f} 小时",
        "uncertain": "同一比例至少要测三个规模，才能画线。",
    },
}


class Line(NamedTuple):
    """Seconds of a job as a line over its pairs: intercept + slope * pairs.

    Attributes:
        intercept, slope: seconds, and seconds a pair.
        covariance: of both, (2, 2).
        quantile: of Student's t, for an interval that holds in 95 % of cases.
    """

    intercept: float
    slope: float
    covariance: np.ndarray
    quantile: float

    def at(self, pairs: float) -> tuple[float, float]:
        """Seconds, and how far they may be off."""
        x = np.array([1.0, pairs])
        return float(self.intercept + self.slope * pairs), float(
            self.quantile * np.sqrt(x @ self.covariance @ x)
        )


def fit(pairs: Iterable[float], seconds: Iterable[float]) -> Line | None:
    """The line of least squares; None for fewer than three sizes."""
    x, y = (np.array(list(values), float) for values in (pairs, seconds))
    if len(np.unique(x)) < 3:
        return None
    design = np.stack([np.ones_like(x), x], axis=1)
    found, *_ = np.linalg.lstsq(design, y, rcond=None)
    spread = ((y - design @ found) ** 2).sum() / (len(x) - 2)
    return Line(
        *map(float, found), spread * np.linalg.inv(design.T @ design), float(t.ppf(0.975, len(x) - 2))
    )


def tables(runs: list[dict[str, float]], language: str) -> str:
    """The sizes that were measured, and hours by the lines through them, as Markdown."""
    words = WORDS[language]
    if not runs:
        return words["none"]
    lines = [words["measured"], "|--:" * 5 + "|"]
    for run in sorted(runs, key=lambda run: (run["distinct"], run["pairs"])):
        lines.append(
            f"| {run['pairs']:,} | {run['distinct']:.0%} | {run['seconds']:,.0f} | {run['first_mb']:,.0f} MB "
            f"| {run['last_mb']:,.0f} MB |"
        )
    drawn = []
    for distinct in sorted({run["distinct"] for run in runs}):
        some = [run for run in runs if run["distinct"] == distinct]
        line = fit([run["pairs"] for run in some], [run["seconds"] * run["cores"] for run in some])
        if line is not None:
            drawn += [_row(line, pairs, distinct, words) for pairs in PAIRS]
    if not drawn:
        return "\n".join([*lines, "", words["uncertain"]])
    cores = " | ".join(words["core"].format(n) for n in CORES)
    return "\n".join([*lines, "", words["line"].format(cores=cores), "|--:" * (2 + len(CORES)) + "|", *drawn])


def _row(line: Line, pairs: int, distinct: float, words: dict[str, str]) -> str:
    seconds, off = line.at(pairs)
    hours = [words["hours"].format(seconds / n / 3600, off / n / 3600) for n in CORES]
    return f"| {pairs:,} | {distinct:.0%} | {' | '.join(hours)} |"


def write_tables(results: Path, docs: Path = DOCS) -> None:
    """Writes the tables of the runs in a file, a JSON object a line, into both pages."""
    runs = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    for language in WORDS:
        page = docs / language / "howto" / "spark.md"
        text = page.read_text(encoding="utf-8")
        before, begin, rest = text.partition(BEGIN)
        _, end, after = rest.partition(END)
        if not begin or not end:
            raise SystemExit(f"{page}: expected a place for the table, from {BEGIN} to {END}. Found none.")
        made = f"{before}{BEGIN}\n\n{tables(runs, language)}\n\n{END}{after}"
        page.write_text(made, encoding="utf-8")
        print(page)
