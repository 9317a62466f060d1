"""Shows where the time of a training step goes, as TensorFlow's profiler sees it, and prints it as a table.

The data is that of `speed.py`, which see.

    python scripts/benchmarks/step.py
    python scripts/benchmarks/step.py --recipe bilstm-manhattan --set-of-pairs lcqmc

The work of all threads is added up: on two cores a step ends sooner than its parts together. Use a machine that does
nothing else.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2
from workload import Ours, Work

from textsim.config.recipes import RECIPES

PARTS = (
    "LSTM, forwards",
    "LSTM, backwards",
    "matrix products outside of it",
    "dropout",
    "update of the weights",
    "reading the batch",
    "everything else",
)


def part_of(event: str) -> str | None:
    """The part of a step that a profiler's event counts to; None for one that holds others.

    An operation's event is named by its path in the graph and its type, as in ``encoder/dropout/mul:Mul``.
    """
    if event.startswith("IteratorGetNext"):
        return "reading the batch"
    if event.startswith("CpuExecutable"):
        return "update of the weights"
    path, colon, kind = event.partition("#")[0].rpartition(":")
    if not colon or path.endswith(":") or not kind.isidentifier() or kind == "PyFunc":
        return None
    if kind == "PyFuncStateless":
        return "LSTM, forwards" if "encoder" in path else "LSTM, backwards"
    if "dropout" in path:
        return "dropout"
    return "matrix products outside of it" if "MatMul" in kind else "everything else"


def read_trace(folder: Path) -> Counter[str]:
    """Seconds of each part over all threads, from what the profiler wrote."""
    (path,) = folder.glob("**/*.xplane.pb")
    space = xplane_pb2.XSpace.FromString(path.read_bytes())
    seconds: Counter[str] = Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                part = part_of(plane.event_metadata[event.metadata_id].name)
                if part is not None:
                    seconds[part] += event.duration_ps / 1e12
    return seconds


def table(seconds: Counter[str], wall: float, steps: int) -> str:
    """The parts as a Markdown table."""
    total = sum(seconds.values())
    lines = ["| part | ms a step | of the work |", "|---|---|---|"]
    lines += [
        f"| {part} | {1e3 * seconds[part] / steps:.2f} | {seconds[part] / total:.0%} |" for part in PARTS
    ]
    lines.append(f"| all of it, on all threads | {1e3 * total / steps:.2f} | 100% |")
    lines.append(f"| a step, without the profiler | {1e3 * wall / steps:.2f} | |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipe", default="bilstm-attention", choices=sorted(RECIPES))
    parser.add_argument("--set-of-pairs", default="bq", choices=("bq", "lcqmc"))
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TEXTSIM_DATA", "../shared/data")))
    arguments = parser.parse_args(argv)
    recipe = RECIPES[arguments.recipe]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        work = Work.prepare(arguments.set_of_pairs, arguments.data, folder)
        batches = work.batches(arguments.steps, recipe.training.batch_size)
        ours = Ours(work.table, recipe)
        ours.train(batches)
        began = time.perf_counter()
        ours.train(batches)
        wall = time.perf_counter() - began
        tf.profiler.experimental.start(str(folder / "trace"))
        ours.train(batches)
        tf.profiler.experimental.stop()
        print(table(read_trace(folder / "trace"), wall, len(batches)))


if __name__ == "__main__":
    main()
