"""Sizes that were measured on Spark to a table of the documentation: a line through them, up to 1e9 pairs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import t

TABLE = Path(__file__).parents[2] / "docs" / "tables" / "spark-sizes.md"
CORES = (1, 16, 128)
PAIRS = (10**7, 10**8, 10**9)


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


def markdown(runs: list[dict[str, float]]) -> str:
    """The sizes that were measured, and hours by the lines through them. A line needs three sizes of a fraction."""
    if not runs:
        return "(not measured yet / 尚未测量)\n"
    lines = [
        "| pairs | distinct texts | s on 2 cores | MB of a worker, first third | last third |",
        "|--:" * 5 + "|",
        *(
            f"| {run['pairs']:,} | {run['distinct']:.0%} | {run['seconds']:,.0f} | {run['first_mb']:,.0f} "
            f"| {run['last_mb']:,.0f} |"
            for run in sorted(runs, key=lambda run: (run["distinct"], run["pairs"]))
        ),
    ]
    drawn = []
    for distinct in sorted({run["distinct"] for run in runs}):
        some = [run for run in runs if run["distinct"] == distinct]
        line = fit([run["pairs"] for run in some], [run["seconds"] * run["cores"] for run in some])
        if line is not None:
            drawn += [_row(line, pairs, distinct) for pairs in PAIRS]
    if drawn:
        heading = " | ".join(["pairs", "distinct texts", *(f"hours on {n} cores" for n in CORES)])
        lines += ["", f"| {heading} |", "|--:" * (2 + len(CORES)) + "|", *drawn]
    return "\n".join(lines) + "\n"


def _row(line: Line, pairs: int, distinct: float) -> str:
    seconds, off = line.at(pairs)
    hours = [f"{seconds / n / 3600:,.2f} ± {off / n / 3600:,.2f}" for n in CORES]
    return f"| {pairs:,} | {distinct:.0%} | {' | '.join(hours)} |"


def write_table(results: Path, table: Path = TABLE) -> None:
    """Writes the table of the runs in a file, which has a JSON object a line."""
    runs = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    table.write_text(markdown(runs), encoding="utf-8")
    print(table)
