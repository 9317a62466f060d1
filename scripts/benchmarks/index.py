"""How fast and how well an index searches and duplicates are found, beside plain FAISS, scikit-learn and MinHash.

    python scripts/benchmarks/index.py small
    python scripts/benchmarks/index.py large --texts 200000
    python scripts/benchmarks/index.py duplicates --texts 1000000
    python scripts/benchmarks/index.py small large duplicates --texts 1000000     # all, against the targets

`small`: 3,000 questions in memory and in a folder, one at a time, by eight threads, and as a list; against
scikit-learn's brute-force neighbours over the same vectors, the text encoded alike.

`large`: a folder of many texts: how fast it is built and opened, how long a search takes, what of the exact first ten
it finds, and the memory of a process that does nothing but search; against FAISS's IVF index of one byte a number.

`duplicates`: labelled pairs of BQ's dev file in one group, against MinHash; and for how long `textsim dedup` runs over
many texts, in how much memory.

The data is not part of the project: `--data` or the environment variable TEXTSIM_DATA names a folder with
`pairs/bq/dev.tsv` and `rawtext/*.txt`, from whose lines the texts are. FAISS needs `pip install faiss-cpu`.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from width import read

from textsim import TextIndex, TextMatcher
from textsim.matching.dedup import ScoredPairs, group, score_neighbors
from textsim.matching.index.listed import unit
from textsim.matching.index.ranking import SharedCharacters

SMALL = 3000
ASKED = 1000
THREADS = 8


def sentences(data: Path, count: int) -> list[str]:
    """Different sentences of the raw texts and the pairs, shuffled."""
    found: dict[str, None] = {}
    for path in sorted((data / "pairs").glob("*/train.tsv")):
        for line in path.open(encoding="utf-8"):
            found.update(dict.fromkeys(line.rstrip("\n").split("\t")[:2]))
    for path in sorted((data / "rawtext").glob("*.txt")):
        for line in path.open(encoding="utf-8", errors="replace"):
            found.update(dict.fromkeys(re.split(r"[。！？；!?;\n]", line)))
    stripped = dict.fromkeys(map(str.strip, found))
    texts = [text for text in stripped if 3 <= len(text) <= 60 and re.search("[一-鿿]", text)]
    random.Random(0).shuffle(texts)
    if len(texts) < count:
        raise SystemExit(f"the data has {len(texts):,} sentences. Expected {count:,}.")
    return texts[:count]


def per_second(call: Callable[[], object], number: int) -> float:
    start = time.perf_counter()
    call()
    return number / (time.perf_counter() - start)


def milliseconds(calls: Iterable[Callable[[], object]]) -> np.ndarray:
    taken = []
    for call in calls:
        start = time.perf_counter()
        call()
        taken.append(1000 * (time.perf_counter() - start))
    return np.array(taken)


def report(what: str, value: str, target: str = "") -> None:
    print(f"| {what} | {value} | {target} |", flush=True)


def small(matcher: TextMatcher, data: Path) -> None:
    from sklearn.neighbors import NearestNeighbors

    texts = sentences(data, SMALL + ASKED)
    stored, asked = texts[:SMALL], texts[SMALL:]
    with tempfile.TemporaryDirectory() as folder:
        for where, path in (("memory", None), ("folder", Path(folder, "index"))):
            with TextIndex.build(matcher, stored, path) as index:

                def search(some: list[str], index: TextIndex = index) -> None:
                    for text in some:
                        index.search(text)

                search(asked[:100])
                alone = per_second(lambda: search(asked), ASKED)
                threads = [
                    threading.Thread(target=search, args=(asked[number::THREADS],))
                    for number in range(THREADS)
                ]
                together = per_second(
                    lambda: [thread.start() for thread in threads] + [thread.join() for thread in threads],  # noqa: B023
                    ASKED,
                )
                many = per_second(lambda: index.search_many(asked), ASKED)
            report(f"{SMALL:,} texts in {where}, searches/s, one thread", f"{alone:,.0f}", "1,500")
            report(
                f"the same, {THREADS} threads", f"{together:,.0f} ({together / alone:.2f} times)", "1.5 times"
            )
            report("the same, `search_many`", f"{many:,.0f}", "1,500")
    brute = NearestNeighbors(n_neighbors=5, metric="cosine", algorithm="brute").fit(matcher.encode(stored))
    rate = per_second(lambda: [brute.kneighbors(matcher.encode([text])) for text in asked], ASKED)
    report("scikit-learn, brute force, searches/s", f"{rate:,.0f}")


def large(matcher: TextMatcher, data: Path, count: int, work: Path) -> None:
    texts = sentences(data, count + ASKED)
    stored, asked = texts[:count], texts[count:]
    path = work / f"{count}.index"
    start = time.perf_counter()
    TextIndex.build(matcher, stored, path, overwrite=True, progress=True).close()
    built = time.perf_counter() - start
    start = time.perf_counter()
    directions = np.empty((count, matcher.output_dim), np.float32)
    for k in range(0, count, 8192):
        directions[k : k + 8192] = matcher.encode(stored[k : k + 8192])
    encoding = time.perf_counter() - start
    report(f"{count:,} texts, built a second", f"{count / built:,.0f}", "5,000")
    report("the same without encoding", f"{count / max(1e-9, built - encoding):,.0f}")
    start = time.perf_counter()
    index = TextIndex.open(path, matcher)
    index.search(asked[0])
    report("opened and searched once, seconds", f"{time.perf_counter() - start:.2f}", "0.5")
    for text in asked[:50]:
        index.search(text)
    taken = milliseconds([lambda text=text: index.search(text) for text in asked])  # type: ignore[misc]
    report("a search, ms, p50 / p99", f"{np.median(taken):.2f} / {np.quantile(taken, 0.99):.2f}", "2")
    # A part at a time: a million vectors are 4 GB.
    for k in range(0, count, 8192):
        directions[k : k + 8192] = unit(directions[k : k + 8192])
    queries = unit(matcher.encode(asked))
    exact = exact_first_ten(directions, queries)
    found = [[int(hit.id) - 1 for hit in hits] for hits in index.search_many(asked, 10, rerank=False)]
    report("recall@10", f"{recall(found, exact):.3f}", "0.98")
    report("bytes a text", f"{sum(file.stat().st_size for file in path.iterdir()) / count:,.0f}")
    report("memory of a process that searches, MB", f"{searching_memory(path, asked):,.0f}", "1,500")
    faiss_baseline(directions, queries, exact)


def exact_first_ten(directions: np.ndarray, queries: np.ndarray) -> list[list[int]]:
    best = np.empty((len(queries), 0), np.float32)
    places = np.empty((len(queries), 0), np.int64)
    for start in range(0, len(directions), 50_000):
        cosines = queries @ directions[start : start + 50_000].T
        best = np.concatenate([best, cosines], axis=1)
        places = np.concatenate(
            [places, np.broadcast_to(np.arange(start, start + cosines.shape[1]), cosines.shape)], axis=1
        )
        first = np.argsort(-best, axis=1, kind="stable")[:, :10]
        best, places = (np.take_along_axis(values, first, axis=1) for values in (best, places))
    return places.tolist()


def recall(found: list[list[int]], exact: list[list[int]]) -> float:
    return float(
        np.mean([len(set(one) & set(other)) / len(other) for one, other in zip(found, exact, strict=True)])
    )


SEARCHER = """
import sys
from textsim import TextIndex
index = TextIndex.open(sys.argv[1])
for text in sys.stdin.read().split("\\n"):
    index.search(text)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


def searching_memory(path: Path, asked: list[str]) -> float:
    """The largest resident memory of a process that opens an index with its model and searches, in MB."""
    done = subprocess.run(
        [sys.executable, "-c", SEARCHER, str(path)],
        input="\n".join(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout) / 1024


def faiss_baseline(directions: np.ndarray, queries: np.ndarray, exact: list[list[int]]) -> None:
    try:
        import faiss
    except ImportError:
        report("FAISS", "not installed: pip install faiss-cpu")
        return
    lists = int(4 * np.sqrt(len(directions)))
    index = faiss.index_factory(directions.shape[1], f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT)
    start = time.perf_counter()
    index.train(directions[: 50 * lists])
    index.add(directions)
    report(f"FAISS IVF{lists},SQ8, built a second", f"{len(directions) / (time.perf_counter() - start):,.0f}")
    for probes in (8, 32, 64):
        index.nprobe = probes
        taken = milliseconds([lambda k=k: index.search(queries[k : k + 1], 10) for k in range(len(queries))])  # type: ignore[misc]
        value = recall(index.search(queries, 10)[1].tolist(), exact)
        report(
            f"the same, nprobe {probes}: ms without encoding, recall@10",
            f"{np.median(taken):.2f}, {value:.3f}",
        )


def duplicates(matcher: TextMatcher, model: str, data: Path, counts: list[int]) -> None:
    texts, labelled, truth = read(data / "pairs" / "bq" / "dev.tsv")
    distinct = labelled[:, 0] != labelled[:, 1]
    labelled, truth = labelled[distinct], truth[distinct]
    ours = score_neighbors(matcher, texts)
    for name, scored, thresholds in (
        ("textsim dedup", ours, (matcher.threshold, 0.7, 0.8, 0.9)),
        ("MinHash", minhash_pairs(texts), (0.3, 0.4, 0.5, 0.6)),
    ):
        for threshold in thresholds:
            groups = group(scored, threshold).representatives
            same = groups[labelled[:, 0]] == groups[labelled[:, 1]]
            precision, found = truth[same].mean(), (truth & same).sum() / truth.sum()
            report(
                f"{name} from {threshold:.2f}: precision, recall of BQ dev's pairs",
                f"{precision:.3f}, {found:.3f}",
                "0.80 at 0.50",
            )
    for count in counts:
        wall, cpu, memory, said = dedup_command(model, sentences(data, count))
        what = f"`textsim dedup`, {count:,} texts ({said})"
        report(f"{what}: seconds, of one core", f"{wall:.0f}, {cpu:.0f}", "600 for 1,000,000 on two")
        report(f"{what}: memory, MB", f"{memory:,.0f}", "4,096 for 1,000,000")


# A process counts the memory of the one that it was forked from: here a small one.
LAUNCHER = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:])
_, status, usage = os.wait4(process.pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
"""


def dedup_command(model: str, texts: list[str]) -> tuple[float, float, float, str]:
    """Seconds, processor seconds and largest resident memory in MB of `textsim dedup`, and what it found."""
    with tempfile.TemporaryDirectory() as work:
        source, said = Path(work, "texts.txt"), Path(work, "said")
        source.write_text("\n".join(texts) + "\n", encoding="utf-8")
        command = [sys.executable, "-m", "textsim", "dedup", model, str(source), "--format", "lines"]
        with said.open("wb") as file:
            start = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", LAUNCHER, *command, "--out", str(Path(work, "groups.tsv"))],
                stdout=subprocess.PIPE,
                stderr=file,
                check=True,
            )
            seconds = time.perf_counter() - start
        status, cpu, memory = map(float, done.stdout.split())
        last = said.read_text(encoding="utf-8").strip().splitlines()[-1]
        if status:
            raise SystemExit(f"textsim dedup: {last}")
    return seconds, cpu, memory, last.rsplit("; ", 1)[-1]


def minhash_pairs(texts: list[str], permutations: int = 128, bands: int = 64) -> ScoredPairs:
    """Pairs that share a band of MinHash values of their characters and pairs of neighbours; scored by equal values.

    Reference:
        Broder (1997), On the Resemblance and Containment of Documents.
    """
    grams = SharedCharacters(str)
    rng = np.random.default_rng(0)
    # Multiply-shift hashing: products wrap around at 64 bits, of which the upper half is taken.
    factors, terms = rng.integers(1, 1 << 63, (2, permutations), np.uint64) | np.uint64(1)
    signatures = np.empty((len(texts), permutations), np.uint64)
    for place, text in enumerate(texts):
        codes = np.array([zlib.crc32(part.encode()) for part in grams.parts(text)], np.uint64)
        signatures[place] = ((codes[:, None] * factors + terms) >> np.uint64(32)).min(axis=0)
    near: set[tuple[int, int]] = set()
    width = permutations // bands
    for band in range(bands):
        same: dict[bytes, list[int]] = {}
        for place, row in enumerate(signatures[:, band * width : (band + 1) * width]):
            same.setdefault(row.tobytes(), []).append(place)
        for members in same.values():
            near.update((left, right) for k, left in enumerate(members) for right in members[k + 1 :])
    left, right = np.array(sorted(near), np.int64).reshape(-1, 2).T
    scores = (signatures[left] == signatures[right]).mean(axis=1, dtype=np.float32)
    return ScoredPairs(len(texts), left, right, scores, np.zeros(len(left), bool), "")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["small", "large", "duplicates"], nargs="+")
    parser.add_argument("--model", default="zh-general", help="default: zh-general")
    parser.add_argument("--texts", type=int, nargs="+", default=[200_000], help="default: 200000")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TEXTSIM_DATA", "../shared/data")))
    parser.add_argument("--work", type=Path, default=Path("runs/index"), help="default: runs/index")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        parser.error(f"no data at {arguments.data}: pass --data or set TEXTSIM_DATA")
    matcher = TextMatcher.load(arguments.model)
    print("| what | measured | target |\n|---|---|---|")
    if "small" in arguments.what:
        small(matcher, arguments.data)
    if "large" in arguments.what:
        for count in arguments.texts:
            large(matcher, arguments.data, count, arguments.work)
    if "duplicates" in arguments.what:
        duplicates(matcher, arguments.model, arguments.data, arguments.texts)


if __name__ == "__main__":
    main()
