"""What Spark makes of a scoring job: speed by executors, repeated texts, and killed workers.

Starts a real Spark on this machine (`local-cluster`, executors of one core) and needs Java and textsim[spark].

    python scripts/benchmarks/spark.py speed --pairs 1000000      # one executor, two, and one plain process
    python scripts/benchmarks/spark.py repeats --pairs 200000     # encode wherever a text occurs, or once and join
    python scripts/benchmarks/spark.py kills --count 20           # SIGKILL of Python workers and of executors

Pairs are made of the sentences of `--data` (the environment variable TEXTSIM_DATA), or of the demo pairs.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from textsim.matching.text_matcher import TextMatcher

MODEL = "zh-general"
WORKER, EXECUTOR = "pyspark.daemon", "CoarseGrainedExecutorBackend"


@contextmanager
def session(executors: int) -> Iterator[Any]:
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    spark = (
        SparkSession.builder.master(f"local-cluster[{executors},1,1536]")
        .config("spark.executor.memory", "1g")
        .config("spark.executorEnv.PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
        .config("spark.sql.shuffle.partitions", 16)
        .config("spark.task.maxFailures", 8)
        .config("spark.ui.enabled", False)
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("OFF")
    yield spark
    spark.stop()


def sentences(data: Path | None) -> list[str]:
    if data is not None:
        files = sorted(data.glob("pairs/*/dev.tsv"))
    else:
        files = sorted(Path(str(resources.files("textsim.resources"))).glob("demo/pairs_*.tsv"))
    found: dict[str, None] = {}
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines()[1:]:
            found.update(dict.fromkeys(text for text in line.split("\t")[:2] if text.strip()))
    return list(found)


def write_pairs(texts: list[str], count: int, path: Path, distinct: int | None = None) -> None:
    """Parquet of `count` pairs of `distinct` different texts; where there are fewer, numbers tell them apart."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    draw = np.random.default_rng(0)
    size = distinct or 2 * count
    sides = draw.integers(0, size, (2, count))

    def text(k: int) -> str:
        again, place = divmod(k, len(texts))
        return f"{texts[place]}{again}" if again else texts[place]

    columns = [[text(k) for k in side] for side in sides.tolist()]
    pq.write_table(
        pa.table({"id": np.arange(count), "text_a": columns[0], "text_b": columns[1]}),
        path,
        row_group_size=20_000,
    )


def scored(spark: Any, source: Path, target: Path, partitions: int, **options: Any) -> float:
    """Seconds of reading, scoring and writing."""
    from textsim.spark import score_pairs

    df = spark.read.parquet(str(source)).repartition(partitions)
    began = time.perf_counter()
    score_pairs(df, MODEL, keep=["id"], **options).write.mode("overwrite").parquet(str(target))
    return time.perf_counter() - began


def speed(texts: list[str], count: int, work: Path) -> None:
    source = work / "pairs.parquet"
    write_pairs(texts, count, source)
    seconds = {}
    for executors in (1, 2):
        with session(executors) as spark:
            # Workers start and load the model.
            scored(spark, source, work / "warm", 2 * executors) if count <= 50_000 else _warm(
                spark, executors
            )
            seconds[executors] = scored(spark, source, work / f"scores-{executors}", 24)
        print(
            f"{executors} executor{'s' * (executors > 1)} of one core: {count / seconds[executors]:,.0f} pairs/s"
        )
    import pyarrow.parquet as pq

    table = pq.read_table(source)
    left, right = (table.column(name).to_pylist() for name in ("text_a", "text_b"))
    matcher = TextMatcher.load(MODEL, threads=1)
    began = time.perf_counter()
    expected = matcher.score_texts(left, right).scores
    plain = time.perf_counter() - began
    print(f"one process, one thread: {count / plain:,.0f} pairs/s")
    print(f"two executors are {seconds[1] / seconds[2]:.2f} times as fast as one")
    print(f"one executor takes {seconds[1] / plain:.2f} times as long as one process")
    found = pq.read_table(work / "scores-2").sort_by("id")
    same = found.num_rows == count and np.array_equal(found.column("score").to_numpy(), expected)
    print(f"scores equal to the bit: {same}")
    sys.exit(0 if same else 1)


def _warm(spark: Any, executors: int) -> None:
    from textsim.spark import score_pairs

    rows = [("你好", "您好")] * 4 * executors
    df = spark.createDataFrame(rows, "text_a string, text_b string").repartition(2 * executors)
    score_pairs(df, MODEL).collect()


def repeats(texts: list[str], count: int, work: Path) -> None:
    print("times a text occurs | encoded wherever it occurs, s | encoded once and joined, s")
    with session(2) as spark:
        _warm(spark, 2)
        for often in (1, 2, 4, 8, 16, 32):
            source = work / f"pairs-{often}.parquet"
            write_pairs(texts, count, source, max(1, 2 * count // often))
            times = [scored(spark, source, work / "scores", 8, encode_once=once) for once in (False, True)]
            print(f"{often:>19} | {times[0]:>29.1f} | {times[1]:>26.1f}", flush=True)


def kills(texts: list[str], count: int, pairs: int, work: Path, seed: int) -> None:
    """Kills Python workers and executors at random moments; the scores must be whole and the same each time."""
    import pyarrow.parquet as pq

    source = work / "pairs.parquet"
    write_pairs(texts, pairs, source)
    chance = random.Random(seed)
    lost = 0
    with session(2) as spark:
        _warm(spark, 2)
        alone = scored(spark, source, work / "expected", 16)
        expected = pq.read_table(work / "expected").sort_by("id")
        for kind in (WORKER, EXECUTOR):
            ended = 0
            for _ in range(count):
                timer = threading.Timer(chance.uniform(0.05, 0.9) * alone, _kill, (kind, chance))
                timer.start()
                scored(spark, source, work / "scores", 16)
                timer.join()
                found = pq.read_table(work / "scores").sort_by("id")
                ended += (work / "scores" / "_SUCCESS").exists() and found.equals(expected)
            print(f"{kind}: {ended} of {count} jobs ended with the same rows and bits", flush=True)
            lost += count - ended
    sys.exit(1 if lost else 0)


def _kill(kind: str, chance: random.Random) -> None:
    """Kills one of this job's own processes: an executor, or a Python worker, which a daemon of an executor forks."""
    own = _descendants(os.getpid())
    found = [pid for pid, _, command in own if kind in command]
    if kind == WORKER:
        # The daemon's children are the workers.
        found = [pid for pid, parent, _ in own if parent in found] or found
    if found:
        with suppress(ProcessLookupError):
            os.kill(chance.choice(found), signal.SIGKILL)


def _descendants(pid: int) -> list[tuple[int, int, str]]:
    """All processes that a process has started, and those that they have: number, parent's number, command line."""
    listed = subprocess.run(
        ["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    ).stdout
    everyone = [
        (int(number), int(parent), command)
        for number, parent, command in (line.split(None, 2) for line in listed.splitlines())
    ]
    found, parents = [], {pid}
    while parents:
        children = [process for process in everyone if process[1] in parents]
        found += children
        parents = {number for number, _, _ in children}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["speed", "repeats", "kills"])
    parser.add_argument("--pairs", type=int, help="default: 1,000,000 for speed, else 100,000")
    parser.add_argument("--count", type=int, default=20, help="kills of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=os.environ.get("TEXTSIM_DATA"))
    arguments = parser.parse_args()
    texts = sentences(arguments.data and Path(arguments.data))
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        if arguments.what == "speed":
            speed(texts, arguments.pairs or 1_000_000, work)
        elif arguments.what == "repeats":
            repeats(texts, arguments.pairs or 100_000, work)
        else:
            kills(texts, arguments.count, arguments.pairs or 40_000, work, arguments.seed)


if __name__ == "__main__":
    main()
