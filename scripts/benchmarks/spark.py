"""What Spark makes of a job: speed by executors, repeated texts, size, recall of duplicates, and killed processes.

Starts a real Spark on this machine (`local-cluster`, executors of one core) and needs Java and textsim[spark].

    python scripts/benchmarks/spark.py speed --pairs 1000000      # one executor, two, and a plain pool of two processes
    python scripts/benchmarks/spark.py repeats --pairs 100000     # encode wherever a text occurs, or once and join
    python scripts/benchmarks/spark.py sizes --pairs 1000000      # seconds and memory a worker of one size
    python scripts/benchmarks/spark.py recall --texts 20000       # duplicates found in buckets, of those without
    python scripts/benchmarks/spark.py kills --count 20           # SIGKILL of Python workers, executors and drivers
    python scripts/benchmarks/spark.py table --results runs.jsonl # writes docs/tables/spark-sizes.md

`--results` is a file to which `sizes` adds a line a run. Pairs are made of the sentences of `--data` (the environment
variable TEXTSIM_DATA), or of the demo pairs.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
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
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from spark_tables import write_table

from textsim.artifacts.pretrained import find_model
from textsim.io.manifest import MANIFEST, sha256_file
from textsim.matching.dedup import find_duplicates
from textsim.matching.text_matcher import TextMatcher

MODEL = "zh-general"
WORKER, EXECUTOR, DRIVER = "pyspark.daemon", "CoarseGrainedExecutorBackend", "driver"
GROUP_ROWS = 20_000


@contextmanager
def session(executors: int) -> Iterator[Any]:
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = SparkSession.builder
    for key, value in settings(executors).items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    yield spark
    spark.stop()


def settings(executors: int) -> dict[str, str]:
    return {
        "spark.master": f"local-cluster[{executors},1,1536]",
        "spark.executor.memory": "1g",
        "spark.executorEnv.PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "spark.sql.shuffle.partitions": "16",
        "spark.task.maxFailures": "8",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }


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
    draw = np.random.default_rng(0)
    size = distinct or 2 * count

    def text(k: int) -> str:
        again, place = divmod(k, len(texts))
        return f"{texts[place]}{again}" if again else texts[place]

    schema = pa.schema([("id", pa.int64()), ("text_a", pa.string()), ("text_b", pa.string())])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, count, GROUP_ROWS):
            rows = min(GROUP_ROWS, count - start)
            sides = [[text(k) for k in side] for side in draw.integers(0, size, (2, rows)).tolist()]
            ids = pa.array(np.arange(start, start + rows))
            writer.write_table(pa.table([ids, *map(pa.array, sides)], schema=schema))


def scored(spark: Any, source: Path, target: Path, partitions: int, **options: Any) -> float:
    """Seconds of reading, scoring and writing."""
    from textsim.spark import score_pairs

    df = spark.read.parquet(str(source)).repartition(partitions)
    began = time.perf_counter()
    score_pairs(df, MODEL, keep=["id"], **options).write.mode("overwrite").parquet(str(target))
    return time.perf_counter() - began


def warm(spark: Any, executors: int) -> None:
    """Has every worker start and load the model."""
    from textsim.spark import score_pairs

    rows = [("你好", "您好")] * 4 * executors
    df = spark.createDataFrame(rows, "text_a string, text_b string").repartition(2 * executors)
    for _ in range(2):
        score_pairs(df, MODEL).collect()


def scores_of(folder: Path) -> pa.Table:
    return pq.read_table(folder).sort_by("id")


def speed(texts: list[str], count: int, work: Path) -> None:
    source = work / "pairs.parquet"
    write_pairs(texts, count, source)
    seconds = {}
    for executors in (1, 2):
        with session(executors) as spark:
            warm(spark, executors)
            seconds[executors] = scored(spark, source, work / f"scores-{executors}", 24)
        print(
            f"{executors} warm executors of one core: {count / seconds[executors]:,.0f} pairs/s", flush=True
        )
    plain = in_a_pool(source, work / "plain", 2)
    alone = in_a_pool(source, work / "alone", 1)
    print(f"a plain pool of two processes: {count / plain:,.0f} pairs/s, of one: {count / alone:,.0f}")
    print(f"two plain processes are {alone / plain:.2f} times as fast as one")
    print(f"two executors are {seconds[1] / seconds[2]:.2f} times as fast as one")
    print(f"two executors take {seconds[2] / plain:.2f} times as long as a plain pool of two processes")
    columns = ["id", "score", "probability", "decision"]
    expected = scores_of(work / "plain").select(columns)
    same = all(scores_of(work / f"scores-{n}").select(columns).equals(expected) for n in (1, 2))
    print(f"scores, probabilities and decisions equal to the bit: {same}")
    sys.exit(0 if same and expected.num_rows == count else 1)


def in_a_pool(source: Path, target: Path, processes: int) -> float:
    """Seconds in which processes without Spark read, score and write the same file by the same function."""
    target.mkdir()
    groups = pq.ParquetFile(source).num_row_groups
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        pool.map(_score_group, [(source, target, -1)] * processes, chunksize=1)
        began = time.perf_counter()
        pool.map(_score_group, [(source, target, group) for group in range(groups)], chunksize=1)
        return time.perf_counter() - began


def _score_group(task: tuple[Path, Path, int]) -> None:
    """Scores a row group of a file; of the group -1, a pair that loads the model."""
    from textsim.spark.worker import Shipped, score_batches

    source, target, group = task
    folder = find_model(MODEL)
    score = score_batches(
        Shipped(str(folder), sha256_file(folder / MANIFEST), True), "text_a", "text_b", ["id"], False
    )
    if group < 0:
        time.sleep(1)
        list(score(iter([pa.RecordBatch.from_pydict({"id": [0], "text_a": ["你好"], "text_b": ["您好"]})])))
        return
    batches = pq.ParquetFile(source).read_row_group(group).to_batches()
    pq.write_table(pa.Table.from_batches(list(score(iter(batches)))), target / f"{group:05}.parquet")


def repeats(texts: list[str], count: int, work: Path) -> None:
    often = (2, 4, 8)
    taken: dict[tuple[int, bool], float] = {}
    with session(2) as spark:
        warm(spark, 2)
        for times in often:
            write_pairs(texts, count, work / f"pairs-{times}.parquet", max(1, 2 * count // times))
        for times in often:
            for once in (False, True):
                source = work / f"pairs-{times}.parquet"
                taken[times, once] = scored(spark, source, work / "scores", 8, encode_once=once)
    print("times a text occurs | encoded wherever it occurs, s | encoded once and joined, s")
    ratios = []
    for times in often:
        each, once = taken[times, False], taken[times, True]
        ratios.append(each / once)
        print(f"{times:>19} | {each:>29.1f} | {once:>26.1f}")
    pays = crossing(often, ratios)
    print("encoding once never paid" if pays is None else f"encoding once pays from {pays:.1f} times on")


def crossing(often: tuple[int, ...], ratios: list[float]) -> float | None:
    """From how many repetitions on the ratio stays at least 1, between two of them on logarithmic scales."""
    below = [k for k, ratio in enumerate(ratios) if ratio < 1]
    if not below:
        return float(often[0])
    if below[-1] == len(often) - 1:
        return None
    k = below[-1]
    x, y = np.log(often[k : k + 2]), np.log(ratios[k : k + 2])
    return float(np.exp(x[0] - y[0] * (x[1] - x[0]) / (y[1] - y[0])))


def sizes(texts: list[str], count: int, distinct: float, work: Path, results: Path) -> None:
    source = work / "pairs.parquet"
    write_pairs(texts, count, source, max(1, round(2 * count * distinct)))
    with session(2) as spark:
        warm(spark, 2)
        with memory_of_workers() as memory:
            seconds = scored(spark, source, work / "scores", max(4, count // GROUP_ROWS))
    rows = sum(pq.ParquetFile(file).metadata.num_rows for file in (work / "scores").glob("*.parquet"))
    third = max(1, len(memory) // 3)
    found = {
        "pairs": count,
        "distinct": distinct,
        "cores": 2,
        "seconds": round(seconds, 2),
        "first_mb": max(memory[:third]),
        "last_mb": max(memory[-third:]),
    }
    print(json.dumps(found))
    with open(results, "a", encoding="utf-8") as file:
        file.write(json.dumps(found) + "\n")
    sys.exit(0 if rows == count else 1)


@contextmanager
def memory_of_workers(every: float = 1.0) -> Iterator[list[float]]:
    """The memory of the largest Python worker, MB, measured every second."""
    found: list[float] = []
    ended = threading.Event()

    def measure() -> None:
        while True:
            own = [process for process in descendants(os.getpid()) if WORKER in process.command]
            found.append(max((process.megabytes for process in own), default=0.0))
            if ended.wait(every):
                return

    thread = threading.Thread(target=measure)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def recall(texts: list[str], count: int, bucket_texts: int) -> None:
    """Of the pairs of texts that one machine puts into one group, how many Spark does too, by buckets of a text."""
    from textsim.spark import dedup

    listed = texts[:count]
    alone = find_duplicates(TextMatcher.load(MODEL), listed)
    expected = pairs_of(alone.representatives)
    removed = len(listed) - len(np.unique(alone.representatives))
    print(f"{len(listed):,} texts; one machine: {len(expected):,} pairs in one group, {removed:,} duplicates")
    dedup.BUCKET_TEXTS = bucket_texts
    print("buckets of a text | pairs found | recall | duplicates | seconds")
    with session(2) as spark:
        warm(spark, 2)
        df = spark.createDataFrame(list(enumerate(listed)), "id int, text string").repartition(4)
        for probes in (1, 2, 3, 5, 8):
            began = time.perf_counter()
            rows = dedup.deduplicate(df, MODEL, probes=probes).select("id", "representative").collect()
            seconds = time.perf_counter() - began
            representatives = np.zeros(len(listed), np.int64)
            representatives[[row.id for row in rows]] = [row.representative for row in rows]
            both = len(expected & pairs_of(representatives))
            removed = len(listed) - len(np.unique(representatives))
            print(
                f"{probes:>17} | {both:>11,} | {both / max(1, len(expected)):>6.2%} | {removed:>10,} | {seconds:>7.1f}",
                flush=True,
            )


def pairs_of(representatives: np.ndarray) -> set[tuple[int, int]]:
    """All pairs of places with one representative."""
    groups: dict[int, list[int]] = {}
    for place, representative in enumerate(representatives.tolist()):
        groups.setdefault(representative, []).append(place)
    return {(a, b) for members in groups.values() for a in members for b in members if a < b}


def kills(texts: list[str], count: int, kinds: list[str], pairs: int, work: Path, seed: int) -> None:
    """Kills processes at random moments; the scores must be whole and the same each time."""
    source = work / "pairs.parquet"
    write_pairs(texts, pairs, source)
    chance = random.Random(seed)
    lost = 0
    with session(2) as spark:
        warm(spark, 2)
        alone = scored(spark, source, work / "expected", 16)
        expected = scores_of(work / "expected")
        for kind in [kind for kind in kinds if kind != DRIVER]:
            ended = 0
            for _ in range(count):
                timer = threading.Timer(chance.uniform(0.05, 0.9) * alone, _kill, (kind, chance))
                timer.start()
                scored(spark, source, work / "scores", 16)
                timer.join()
                whole = (work / "scores" / "_SUCCESS").exists()
                ended += whole and scores_of(work / "scores").equals(expected)
            print(f"{kind}: {ended} of {count} jobs ended with the same rows and bits", flush=True)
            lost += count - ended
    if DRIVER in kinds:
        lost += _kill_drivers(source, work, expected, count, chance)
    sys.exit(1 if lost else 0)


def _kill(kind: str, chance: random.Random) -> None:
    """Kills one of this job's own processes: an executor, or a Python worker, which a daemon of an executor forks."""
    own = descendants(os.getpid())
    found = [process.pid for process in own if kind in process.command]
    if kind == WORKER:
        # The daemon's children are the workers.
        found = [process.pid for process in own if process.parent in found] or found
    if found:
        with suppress(ProcessLookupError):
            os.kill(chance.choice(found), signal.SIGKILL)


def _kill_drivers(source: Path, work: Path, expected: pa.Table, count: int, chance: random.Random) -> int:
    """Kills the driver of jobs of the command line, its Python process or its JVM. Returns how many were not clean."""
    began = time.perf_counter()
    if _start(source, work / "undisturbed").wait():
        sys.exit("the undisturbed job failed")
    alone = time.perf_counter() - began
    killed = clean = 0
    for number in range(count):
        target = work / f"killed-{number}"
        job = _start(source, target)
        time.sleep(chance.uniform(0.3, 1.0) * alone)
        own = [process.pid for process in descendants(job.pid)]
        machines = [process.pid for process in descendants(job.pid) if "SparkSubmit" in process.command]
        with suppress(ProcessLookupError):
            os.kill(chance.choice([job.pid, *machines]), signal.SIGKILL)
        job.wait()
        for pid in own:
            # Executors end by themselves when their driver is gone.
            _wait_for_end(pid)
        ended = (target / "_SUCCESS").exists()
        killed += not ended
        rerun = 0 if ended else _start(source, target, "--overwrite").wait()
        left = [
            path.name for path in target.iterdir() if path.name.startswith("_") and path.name != "_SUCCESS"
        ]
        clean += rerun == 0 and not left and scores_of(target).equals(expected)
    print(
        f"driver: {killed} of {count} jobs were killed and left no _SUCCESS; {clean} were whole after a rerun"
    )
    return count - clean


def _start(source: Path, target: Path, *more: str) -> subprocess.Popen[bytes]:
    """A job of the command line, whose Spark is configured by its environment."""
    conf = [argument for key, value in settings(2).items() for argument in ("--conf", f"{key}={value}")]
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "textsim.spark",
        "score",
        "--model",
        MODEL,
        "--keep",
        "id",
    ]
    return subprocess.Popen(
        [*command, "--encode-each", "--input", str(source), "--output", str(target), *more],
        env={**os.environ, "PYSPARK_SUBMIT_ARGS": " ".join([*conf, "pyspark-shell"])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _wait_for_end(pid: int, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    sys.exit(f"process {pid} of a killed driver still runs")


class Process(NamedTuple):
    """A process that runs."""

    pid: int
    parent: int
    megabytes: float
    command: str


def descendants(pid: int) -> list[Process]:
    """All processes that a process has started, and those that they have."""
    shown = subprocess.run(["ps", "-eo", "pid=,ppid=,rss=,args="], capture_output=True, text=True, check=True)
    everyone = [
        Process(int(number), int(parent), round(int(size) / 1024, 1), command)
        for number, parent, size, command in (line.split(None, 3) for line in shown.stdout.splitlines())
    ]
    found, parents = [], {pid}
    while parents:
        children = [process for process in everyone if process.parent in parents]
        found += children
        parents = {process.pid for process in children}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["speed", "repeats", "sizes", "recall", "kills", "table"])
    parser.add_argument("--pairs", type=int, help="default: 1,000,000; repeats 200,000; kills 40,000")
    parser.add_argument("--texts", type=int, default=20_000, help="of recall")
    parser.add_argument("--bucket-texts", type=int, default=2_000, help="texts of a bucket, of recall")
    parser.add_argument("--distinct", type=float, default=1.0, help="fraction of texts that differ, of sizes")
    parser.add_argument("--results", type=Path, help="the file of sizes and table")
    parser.add_argument("--count", type=int, default=20, help="kills of each kind")
    parser.add_argument("--kinds", default=f"{WORKER},{EXECUTOR}", help=f"what is killed; also {DRIVER}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=os.environ.get("TEXTSIM_DATA"))
    arguments = parser.parse_args()
    if arguments.what in ("sizes", "table") and arguments.results is None:
        parser.error(f"{arguments.what}: expected --results, the file of sizes that were measured.")
    if arguments.what == "table":
        write_table(arguments.results)
        return
    texts = sentences(arguments.data and Path(arguments.data))
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        if arguments.what == "speed":
            speed(texts, arguments.pairs or 1_000_000, work)
        elif arguments.what == "repeats":
            repeats(texts, arguments.pairs or 200_000, work)
        elif arguments.what == "sizes":
            sizes(texts, arguments.pairs or 1_000_000, arguments.distinct, work, arguments.results)
        elif arguments.what == "recall":
            recall(texts, arguments.texts, arguments.bucket_texts)
        else:
            kinds = arguments.kinds.split(",")
            kills(texts, arguments.count, kinds, arguments.pairs or 40_000, work, arguments.seed)


if __name__ == "__main__":
    main()
