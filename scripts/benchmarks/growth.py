"""How the cost of training grows with the pairs, their length and the model's width, as a plot."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from workload import DIM, RECIPE, Batch, Ours, Work, interleaved, matmul_rate, training_flop

TURNS = 4
"""An epoch is measured in so many parts, those of each size in turns: a machine that slows midway slows all alike."""
PAIRS = (20_000, 40_000, 80_000, 160_000, 240_000)
LENGTHS = (8, 16, 32, 64, 128)
WIDTHS = (64, 128, 256, 512)
QUICK_PAIRS, QUICK_LENGTHS, QUICK_WIDTHS = (500, 1_000), (8, 16), (16, 32)


Panel = tuple[str, str, dict[int, tuple[float, float]]]
"""What grows, the unit of what it takes, and for each size what was measured and what the arithmetic alone takes."""


def batches_of_length(work: Work, length: int, count: int) -> list[Batch]:
    """Batches whose sentences all have one length, of tokens drawn as often as the set has them."""
    store = work.dataset.sentences
    assert store is not None
    rng = np.random.default_rng(length)
    seen = store.padded(np.arange(min(20_000, len(store.lengths))))
    rows = RECIPE.training.batch_size
    return [
        {
            "token_ids": rng.choice(seen[seen > 0], (2 * rows, length)).astype("int32"),
            "lengths": np.full(2 * rows, length, "int32"),
            "labels": rng.integers(0, 2, rows).astype("float32"),
            "weights": np.ones(rows, "float32"),
            "sentences": np.arange(2 * rows, dtype="int32"),
        }
        for _ in range(count)
    ]


def epochs(ours: Ours, work: Work, sizes: Sequence[int], rate: float) -> dict[int, tuple[float, float]]:
    """Seconds of epochs over so many pairs, drawn from the set as often as it takes, and of their arithmetic alone."""
    batches = work.pair_batches()
    order = batches.order()
    points = dict.fromkeys(sizes, (0.0, 0.0))
    for turn in range(TURNS):
        for rows in sizes:
            steps = round(rows / TURNS / batches.batch_size)
            chosen = [order[(turn * steps + k) % len(order)] for k in range(steps)]
            flop = sum(training_flop(batches.batch(part), DIM, _units()) for part in chosen)
            began = time.perf_counter()
            ours.train([batches.batch(part) for part in chosen])
            seconds, least = points[rows]
            points[rows] = seconds + time.perf_counter() - began, least + flop / rate
    return points


def _step(ours: Ours, batches: list[Batch]) -> Callable[[], None]:
    return lambda: ours.train(batches)


def _a_step(seconds: float, batches: list[Batch], units: list[int], rate: float) -> tuple[float, float]:
    """Milliseconds of a step: measured, and its arithmetic at the machine's rate."""
    flop = sum(training_flop(batch, DIM, units) for batch in batches)
    return 1e3 * seconds / len(batches), 1e3 * flop / rate / len(batches)


def _units() -> list[int]:
    units: list[int] = RECIPE.encoder.options["units"]
    return units


def _short(number: int) -> str:
    return f"{number // 1000}k" if number >= 10_000 else f"{number:,}"


def table(panels: Sequence[Panel]) -> str:
    """The points of the panels as a Markdown table."""
    lines = ["| grows | to | takes | arithmetic alone | unit |", "|---|---|---|---|---|"]
    for label, unit, points in panels:
        lines += [f"| {label} | {x:,} | {y:.3g} | {least:.3g} | {unit} |" for x, (y, least) in points.items()]
    return "\n".join(lines)


def plot(work: Work, target: Path, quick: bool = False) -> str:
    """Measures and draws three panels; each has what the arithmetic takes at the matrix-product rate beside it.

    Returns:
        The same as a table.
    """
    matplotlib.use("Agg")
    from matplotlib import pyplot

    rate = matmul_rate()
    count, rounds = (1, 1) if quick else (8, 3)
    ours = Ours(work.table)
    ours.train(work.batches(4))

    panels: list[Panel] = []
    panels.append(("pairs", "s an epoch", epochs(ours, work, QUICK_PAIRS if quick else PAIRS, rate)))

    by_length = {n: batches_of_length(work, n, count) for n in (QUICK_LENGTHS if quick else LENGTHS)}
    taken = interleaved({str(n): _step(ours, batches) for n, batches in by_length.items()}, rounds)
    points = {n: _a_step(taken[str(n)], batches, _units(), rate) for n, batches in by_length.items()}
    panels.append(("tokens a sentence", "ms a step", points))

    batches = work.batches(count)
    models = {}
    for width in QUICK_WIDTHS if quick else WIDTHS:
        recipe = RECIPE.replace([f"encoder.units=[{width},{width // 4}]"])
        models[width] = Ours(work.table, recipe)
    taken = interleaved({str(width): _step(model, batches) for width, model in models.items()}, rounds)
    points = {width: _a_step(taken[str(width)], batches, [width, width // 4], rate) for width in models}
    panels.append(("hidden units of the first layer", "ms a step", points))

    figure, axes = pyplot.subplots(1, 3, figsize=(12, 4), layout="constrained")
    for axis, (label, unit, points) in zip(axes, panels, strict=True):
        xs = list(points)
        axis.loglog(xs, [points[x][0] for x in xs], "o-", label="measured")
        axis.loglog(xs, [points[x][1] for x in xs], "--", label="arithmetic at the matrix-product rate")
        axis.set(xlabel=label, ylabel=unit, xticks=xs, xticklabels=[_short(x) for x in xs])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.suptitle(f"Training bilstm-manhattan: {rate / 1e9:.0f} GFLOP/s matrix products")
    figure.savefig(target, dpi=150)
    pyplot.close(figure)
    return table(panels)
