"""Measures what the project says of its speed, each figure side by side with a baseline, and prints them as a table.

The data is not part of the project: `--data` or the environment variable TEXTSIM_DATA names a folder with
`pairs/bq/train.tsv` and `pairs/lcqmc/train.tsv`. The baselines, in `stock_keras.py` and `stock_torch.py`, must compute
the same numbers as the model before they are timed; the rows of PyTorch are left out where torch is not installed.

    python scripts/benchmarks/speed.py
    python scripts/benchmarks/speed.py training-stock one-pair --quick
    python scripts/benchmarks/speed.py --plot growth.png

Shapes are those of the recipe bilstm-manhattan with token vectors 300 wide. Use a machine that does nothing else: all
of it takes about a quarter of an hour on two cores, the plot as long again.

`--json` prints a list of {name, value, unit, against, ratio, target}: `value` is this project's figure, `against` the
baseline's in the same unit, `ratio` how many times better the former is than the latter, and `target` the ratio to
reach. What has no baseline or no target has null there.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

SETS = ("bq", "lcqmc")


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        rounds: turns of each contender.
        batches: training batches of a turn, and those of the baseline that is padded to the longest sentence.
        sentences: of the encoding rows.
        calls: of the row of one pair.
        file_pairs: pairs of the files to score.
        processes: fresh processes of each kind.
    """

    rounds: int = 5
    batches: int = 60
    padded_batches: int = 2
    sentences: int = 20_000
    calls: int = 500
    file_pairs: tuple[int, ...] = (100_000, 300_000, 1_000_000)
    processes: int = 5


QUICK = Sizes(1, 6, 1, 1_000, 50, (2_000, 6_000), 1)


@dataclasses.dataclass(frozen=True)
class Figure:
    """One figure. See the module's text."""

    name: str
    value: float
    unit: str
    against: float | None = None
    ratio: float | None = None
    target: float | None = None

    @classmethod
    def higher(cls, name: str, value: float, unit: str, against: float, target: float | None) -> Figure:
        """A figure that is the better the higher it is."""
        return cls(name, value, unit, against, value / against, target)

    @classmethod
    def lower(cls, name: str, value: float, unit: str, against: float, target: float | None) -> Figure:
        """A figure that is the better the lower it is."""
        return cls(name, value, unit, against, against / value, target)

    def shown(self) -> str:
        """The figure as a row of a Markdown table."""
        cells = [_shown(value) for value in (self.value, self.against)]
        ratio, target = ("-" if x is None else f"{x:.3g}x" for x in (self.ratio, self.target))
        return f"| {self.name} | {' | '.join(cells)} | {self.unit} | {ratio} | {target} |"


class Bench:
    """What the rows share: data that is prepared once, and how much to measure.

    Args:
        data: the folder of the data.
        folder: a temporary folder.
        sizes: how much to measure.
    """

    def __init__(self, data: Path, folder: Path, sizes: Sizes) -> None:
        self.data, self.folder, self.sizes = data, folder, sizes
        self._works: dict[str, Any] = {}

    def work(self, name: str) -> Any:
        """The `Work` of a set."""
        from workload import Work

        if name not in self._works:
            say(f"preparing {name}")
            self._works[name] = Work.prepare(name, self.data, self.folder)
        return self._works[name]

    def training(
        self, row: str, rivals: Callable[[Any], dict[str, tuple[Any, int]]], targets: tuple[float, float]
    ) -> Iterator[Figure]:
        """Training against the fastest of some baselines, on each set.

        Args:
            row: name of the row.
            rivals: the baselines of a `Work` by name, each with the number of batches of a turn.
            targets: the ratio to reach on each set.
        """
        from workload import RECIPE, Ours, interleaved

        for name, target in zip(SETS, targets, strict=True):
            work = self.work(name)
            batches = work.batches(self.sizes.batches)
            ours = Ours(work.table)
            contenders = {"ours": (ours, len(batches)), **rivals(work)}
            for rival, (model, _) in contenders.items():
                if rival != "ours":
                    model.set_weights(ours.weights)
                    require_same_numbers(ours, model, self.checked_batch(rival, batches))
            say(f"{row}/{name}: {', '.join(contenders)}")
            seconds = interleaved(
                {rival: _trains(model, batches[:count]) for rival, (model, count) in contenders.items()},
                self.sizes.rounds,
            )
            size = RECIPE.training.batch_size
            rates = {
                rival: len(batches[:count]) * size / seconds[rival]
                for rival, (_, count) in contenders.items()
            }
            value = rates.pop("ours")
            yield Figure.higher(f"{row}/{name}", value, "pairs/s", max(rates.values()), target)

    @staticmethod
    def checked_batch(rival: str, batches: list[Any]) -> Any:
        """The batch on which a baseline's numbers are checked."""
        if rival != "torch, padded":
            return batches[0]
        # That baseline reads padding: sentences of one length have none.
        width = int(batches[0]["lengths"].min())
        ids = np.ascontiguousarray(batches[0]["token_ids"][:, :width])
        return {**batches[0], "token_ids": ids, "lengths": np.full(len(ids), width, np.int32)}

    def matcher(self, name: str = "lcqmc") -> tuple[Any, Path]:
        """The set's model, loaded from a folder, and that folder."""
        from workload import saved_model

        import textsim
        from textsim.artifacts.saved_model import save_model

        folder = self.folder / f"model-{name}"
        if not folder.exists():
            save_model(saved_model(self.work(name)), folder)
        return textsim.TextMatcher.load(folder), folder


def _trains(model: Any, batches: list[Any]) -> Callable[[], None]:
    return lambda: model.train(batches)


def require_same_numbers(ours: Any, theirs: Any, batch: Any) -> None:
    """Stops unless two models give the same scores (to 1e-5) and the same gradients of them (to 1e-4)."""
    scores, gradients = ours.scores_and_gradients(batch)
    other_scores, other_gradients = theirs.scores_and_gradients(batch)
    np.testing.assert_allclose(other_scores, scores, atol=1e-5)
    for path, gradient in gradients.items():
        np.testing.assert_allclose(other_gradients[path], gradient, atol=1e-4, err_msg=path)


def training_published(bench: Bench) -> Iterator[Figure]:
    """Training; against the published script's model in stock Keras, padded to the set's longest sentence."""
    from stock_keras import StockKeras

    return bench.training(
        "training-published",
        lambda work: {
            "padded": (StockKeras(work.table, *_shape(), width=work.longest), bench.sizes.padded_batches)
        },
        (28, 28),
    )


def training_stock(bench: Bench) -> Iterator[Figure]:
    """Training; against stock Keras layers, masked, on the same batches."""
    from stock_keras import StockKeras

    return bench.training(
        "training-stock",
        lambda work: {
            "stock": (StockKeras(work.table, *_shape()), bench.sizes.batches),
            "stock, prefetched": (StockKeras(work.table, *_shape(), prefetch=4), bench.sizes.batches),
        },
        (3, 2.7),
    )


def training_torch(bench: Bench) -> Iterator[Figure]:
    """Training; against PyTorch on the same batches, packed or padded, whichever is faster."""
    try:
        from stock_torch import StockTorch
    except ModuleNotFoundError:
        say("training-torch is left out: torch is not installed (pip install torch)")
        return iter(())
    count = max(1, bench.sizes.batches // 3)
    return bench.training(
        "training-torch",
        lambda work: {
            "torch, packed": (StockTorch(work.table, *_shape(), packed=True), count),
            "torch, padded": (StockTorch(work.table, *_shape(), packed=False), count),
        },
        (2.2, 2.2),
    )


def arithmetic(bench: Bench) -> Iterator[Figure]:
    """Arithmetic that training needs, for each second; against this machine's matrix-product rate."""
    from workload import DIM, Ours, interleaved, matmul_rate, training_flop

    units, _ = _shape()
    for name in SETS:
        work = bench.work(name)
        batches = work.batches(bench.sizes.batches)
        ours = Ours(work.table)
        say(f"arithmetic/{name}")
        rates: list[float] = []
        contenders = {
            "ours": _trains(ours, batches),
            "machine": lambda rates=rates: rates.append(matmul_rate()),  # type: ignore[misc]
        }
        seconds = interleaved(contenders, bench.sizes.rounds)["ours"]
        value = sum(training_flop(batch, DIM, units) for batch in batches) / seconds / 1e9
        yield Figure.higher(f"arithmetic/{name}", value, "GFLOP/s", float(np.median(rates)) / 1e9, 0.35)


def epoch(bench: Bench) -> Iterator[Figure]:
    """An epoch over 80,000 pairs of BQ; against the 90 s that the published script takes on its GPU."""
    from workload import Ours

    work = bench.work("bq")
    rows = None if bench.sizes.rounds > 1 else 1_000
    batches = work.pair_batches(rows=rows)
    ours = Ours(work.table)
    ours.train(work.batches(2))
    say("epoch/bq")
    began = time.perf_counter()
    ours.train(batches)
    seconds = (time.perf_counter() - began) * 80_000 / batches.rows
    yield Figure.lower("epoch/bq", seconds, "s", 90.0, 3.3)


def encoding(bench: Bench) -> Iterator[Figure]:
    """Encoding distinct sentences; against stock Keras as a tf.function, in sorted batches of 256 or 1,024 of them."""
    import tensorflow as tf
    from stock_keras import StockKeras
    from workload import interleaved, saved_model

    from textsim.matching.scorers import make_scorer

    for name in SETS:
        work = bench.work(name)
        saved = saved_model(work)
        scorer = make_scorer(saved)
        stock = StockKeras(work.table, *_shape())
        stock.set_weights(saved.weights)
        encode = tf.function(stock.encoder, input_signature=[tf.TensorSpec([None, None], tf.int32)])
        store = work.dataset.sentences
        chosen = np.random.default_rng(0).permutation(len(store.lengths))[: bench.sizes.sentences]
        chosen = chosen[np.argsort(store.lengths[chosen], kind="stable")]
        lengths = np.asarray(store.lengths[chosen], np.int32)
        padded = store.padded(chosen)
        ids = padded[np.arange(padded.shape[1]) < lengths[:, None]]

        def stock_run(size: int, *inputs: Any) -> np.ndarray:
            encode, lengths, padded = inputs
            parts = [slice(start, start + size) for start in range(0, len(lengths), size)]
            return np.concatenate([encode(tf.constant(padded[p, : lengths[p].max()])).numpy() for p in parts])

        contenders = {
            "ours": functools.partial(scorer.encode_ids, ids, lengths),
            "stock, 256": functools.partial(stock_run, 256, encode, lengths, padded),
            "stock, 1024": functools.partial(stock_run, 1024, encode, lengths, padded),
        }
        np.testing.assert_allclose(contenders["ours"](), contenders["stock, 256"](), atol=1e-5)
        say(f"encoding/{name}: {', '.join(contenders)}")
        seconds = interleaved(contenders, bench.sizes.rounds)
        value = len(chosen) / seconds.pop("ours")
        yield Figure.higher(
            f"encoding/{name}", value, "sentences/s", len(chosen) / min(seconds.values()), 2.5
        )


def one_pair(bench: Bench) -> Iterator[Figure]:
    """Scoring one pair of texts, warm, the median call; against Keras's predict_on_batch, and against 0.5 ms."""
    from stock_keras import StockKeras

    work = bench.work("lcqmc")
    matcher, _ = bench.matcher()
    stock = StockKeras(work.table, *_shape())
    stock.set_weights(matcher.saved.weights)
    pairs = list(read_pairs(work.source, bench.sizes.calls))
    tokens = [[np.frombuffer(key, np.int32)[None] for key in matcher.read(pair).keys] for pair in pairs]
    say("one-pair")
    rivals = {
        "ours": lambda pair, ids: matcher.score(*pair),
        "stock": lambda pair, ids: float(stock.model.predict_on_batch(ids)[0, 0]),
    }
    seconds: dict[str, list[float]] = {rival: [] for rival in rivals}
    scores: dict[str, list[float]] = {rival: [] for rival in rivals}
    # Turns of many calls: in a call after the other's, neither would find its weights in the processor's cache.
    block = 50
    for start in range(0, len(pairs), block):
        calls = list(zip(pairs, tokens, strict=True))[start : start + block]
        for rival, score in rivals.items():
            for pair, ids in calls:
                score(pair, ids)
            for pair, ids in calls:
                began = time.perf_counter()
                scores[rival].append(score(pair, ids))
                seconds[rival].append(time.perf_counter() - began)
    np.testing.assert_allclose(scores["stock"], scores["ours"], atol=1e-5)
    value, against = (1e3 * float(np.median(seconds[rival])) for rival in ("ours", "stock"))
    yield Figure.lower("one-pair", value, "ms", against, 10)
    yield Figure.lower("one-pair-limit", value, "ms", 0.5, 1)


def file(bench: Bench) -> Iterator[Figure]:
    """Scoring files of ever more pairs: time a pair and peak memory of the last against those of the one before, and
    sentences encoded against distinct ones."""
    _, model = bench.matcher()
    results = []
    for count in bench.sizes.file_pairs:
        path = bench.folder / f"pairs-{count}.tsv"
        write_pairs(bench.work("lcqmc").source, path, count)
        say(f"file: {count:,} pairs")
        results.append(json.loads(run_fresh(__file__, "--score-file", str(model), str(path))[1]))
        say(f"  {results[-1]}")
        path.unlink()
    before, last = results[-2:]
    rates = [result["pairs"] / result["seconds"] for result in (before, last)]
    yield Figure.higher("file-time", rates[1], "pairs/s", rates[0], 0.9)
    yield Figure.lower("file-memory", last["peak_mb"], "MB", before["peak_mb"], 0.9)
    yield Figure.lower("file-repeats", last["encoded"], "sentences", last["distinct"], 1)


def load(bench: Bench) -> Iterator[Figure]:
    """Loading a model and scoring a first pair in a fresh process; against importing TensorFlow in one."""
    _, model = bench.matcher()
    program = (
        f"import textsim; textsim.TextMatcher.load({str(model)!r}).score('今天天气好吗', '天气今天怎么样')"
    )
    say("load")
    seconds: dict[str, list[float]] = {program: [], "import tensorflow": []}
    for turn in range(1 + bench.sizes.processes):  # the first brings the files into the system's cache
        for source, values in seconds.items():
            elapsed = run_fresh("-c", source)[0]
            if turn:
                values.append(elapsed)
    value, against = (float(np.median(values)) for values in seconds.values())
    yield Figure.lower("load", value, "s", against, 1)


ROWS: dict[str, Callable[[Bench], Iterator[Figure]]] = {
    "training-published": training_published,
    "training-stock": training_stock,
    "training-torch": training_torch,
    "arithmetic": arithmetic,
    "epoch": epoch,
    "encoding": encoding,
    "one-pair": one_pair,
    "file": file,
    "load": load,
}


def _shape() -> tuple[list[int], float]:
    """Units and dropout of the recipe's encoder."""
    from workload import RECIPE

    options = RECIPE.encoder.options
    return options["units"], options["dropout"]


def read_pairs(source: Path, count: int) -> Iterator[tuple[str, str]]:
    """The first pairs of a file of pairs with a header."""
    with open(source, encoding="utf-8") as lines:
        next(lines)
        for line, _ in zip(lines, range(count), strict=False):
            text_a, text_b, _ = line.rstrip("\n").split("\t")
            yield text_a, text_b


def write_pairs(source: Path, target: Path, count: int) -> None:
    """Writes a file of pairs drawn from another; in every other one, two neighbouring characters change places."""
    rng = np.random.default_rng(0)
    pairs = list(read_pairs(source, 1 << 30))
    with open(target, "w", encoding="utf-8") as output:
        output.write("text_a\ttext_b\n")
        for row, place in enumerate(rng.integers(len(pairs), size=count).tolist()):
            text_a, text_b = pairs[place]
            if row % 2 and len(text_a) > 1:
                k = int(rng.integers(len(text_a) - 1))
                text_a = text_a[:k] + text_a[k + 1] + text_a[k] + text_a[k + 2 :]
            output.write(f"{text_a}\t{text_b}\n")


def score_one_file(model: str, path: str) -> dict[str, float]:
    """Scores a file in this process: pairs, seconds, peak memory, sentences encoded and distinct ones."""
    import textsim
    from textsim.matching.files.score import score_file

    matcher = textsim.TextMatcher.load(model)
    encoded = 0
    encode = matcher._encode_distinct

    def counting(keys: Sequence[bytes]) -> np.ndarray:
        nonlocal encoded
        encoded += len(keys)
        return encode(keys)

    matcher._encode_distinct = counting  # type: ignore[method-assign]
    report = score_file(matcher, path, f"{path}.scores", progress=False)
    os.unlink(f"{path}.scores")
    peak = peak_memory() / 2**20
    with open(path, encoding="utf-8") as lines:
        next(lines)
        distinct = {key for line in lines for key in matcher.read(line.rstrip("\n").split("\t")).keys}
    return {
        "pairs": report.rows,
        "seconds": report.seconds,
        "peak_mb": peak,
        "encoded": encoded,
        "distinct": len(distinct),
    }


def peak_memory() -> int:
    """The most memory that this process has held so far, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage would count in what the process that started this one held.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def run_fresh(*arguments: str) -> tuple[float, str]:
    """Runs Python in a fresh process. Returns its seconds and what it printed."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    return time.perf_counter() - began, done.stdout


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def table(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table."""
    lines = ["| row | here | baseline | unit | ratio | target |", "|---|---|---|---|---|---|"]
    lines += [figure.shown() for figure in figures]
    return "\n".join(lines)


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main(argv: Sequence[str] | None = None) -> None:
    rows = "\n".join(f"  {name:<20}{' '.join((row.__doc__ or '').split())}" for name, row in ROWS.items())
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\nrows:\n{rows}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="rows to measure; all when none is named")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TEXTSIM_DATA", "../shared/data")))
    parser.add_argument("--quick", action="store_true", help="measure little: to see that all works")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="draw the cost of training as work grows instead, and print it as a table",
    )
    parser.add_argument("--score-file", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.score_file:
        print(json.dumps(score_one_file(*arguments.score_file)))
        return
    for row in arguments.rows:
        if row not in ROWS:
            parser.error(f"unknown row {row!r}. Expected one of: {', '.join(ROWS)}")
    for name in SETS:
        if not (arguments.data / "pairs" / name / "train.tsv").is_file():
            parser.error(
                f"no {arguments.data / 'pairs' / name / 'train.tsv'}: pass --data or set TEXTSIM_DATA to the folder "
                "that holds pairs/"
            )
    if "training-torch" in (arguments.rows or ROWS):
        # Newer versions crash where TensorFlow is there first.
        with contextlib.suppress(ModuleNotFoundError):
            import torch._dynamo  # noqa: F401
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(arguments.data, Path(folder), QUICK if arguments.quick else Sizes())
        if arguments.plot:
            from growth import plot

            print(plot(bench.work("lcqmc"), arguments.plot, quick=arguments.quick))
            return
        from workload import matmul_rate

        figures = [Figure("machine", matmul_rate() / 1e9, "GFLOP/s")]
        for row in arguments.rows or ROWS:
            for figure in ROWS[row](bench):
                say(f"  {figure.shown()}")
                figures.append(figure)
    if arguments.json:
        print(json.dumps([dataclasses.asdict(figure) for figure in figures], indent=2))
    else:
        print(table(figures))


if __name__ == "__main__":
    main()
