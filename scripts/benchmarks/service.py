"""The service under load, client and server on this machine: requests a second, latency, errors, memory, bits.

    python scripts/benchmarks/service.py --seconds 10
    python scripts/benchmarks/service.py --seconds 10 --soak 600      # and then 64 clients for ten minutes

Targets are for two cores that the clients share with the service.

Questions come from `--data` (the environment variable TEXTSIM_DATA), or from the demo pairs. Exit code 1 where a
request failed or an answer was not that of the Python API to the bit.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from importlib import resources
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np

from textsim.matching.index.text_index import TextIndex
from textsim.matching.text_matcher import TextMatcher

MODEL = "zh-general"
STORED = 3000
BATCH = 256


class Load(NamedTuple):
    """What some clients saw.

    Attributes:
        seconds: float (requests,), of each request.
        items: pairs or texts of a request.
        failed: requests that were not answered, or wrongly.
        took: seconds from the first to the last.
    """

    seconds: np.ndarray
    items: int
    failed: int
    took: float

    def report(self, name: str, target: str = "") -> None:
        count = len(self.seconds)
        p50, p99 = 1000 * np.percentile(self.seconds, [50, 99])
        each = f", {self.items * count / self.took:,.0f} pairs/s" if self.items > 1 else ""
        report(
            name,
            f"{count / self.took:,.0f} requests/s{each}, p50 {p50:.1f} ms, p99 {p99:.1f} ms, {self.failed} failed",
            f"{target}, 0 failed" if target else "0 failed",
        )


def report(what: str, value: str, target: str = "") -> None:
    print(f"| {what} | {value} | {target} |", flush=True)


async def load(
    url: str,
    path: str,
    bodies: list[dict[str, Any]],
    expected: list[Any],
    clients: int,
    seconds: float,
    items: int,
) -> Load:
    """Clients that ask one request after the other, each on a connection of its own."""
    times: list[float] = []
    failed = 0
    asked = [json.dumps(body).encode() for body in bodies]

    async def ask(client: Client, first: int, end: float) -> None:
        nonlocal failed
        for place in cycle([*range(first, len(bodies)), *range(first)]):
            began = time.perf_counter()
            status, answer = await client.post(path, asked[place])
            right = status == 200 and json.loads(answer)["results"] == expected[place]
            times.append(time.perf_counter() - began)
            failed += not right
            if time.perf_counter() >= end:
                return

    async with contextlib.AsyncExitStack() as stack:
        asking = [await stack.enter_async_context(connected(url)) for _ in range(clients)]
        began = time.perf_counter()
        places = [k * len(bodies) // clients for k in range(clients)]
        await asyncio.gather(*(ask(*pair, began + seconds) for pair in zip(asking, places, strict=True)))
    return Load(np.array(times), items, failed, time.perf_counter() - began)


class Client(NamedTuple):
    """A connection that is kept, and no more: a full client takes longer to ask than the service to answer."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    host: str

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """The status and the body of an answer whose length is in its head; 0 where the connection breaks."""
        head = f"POST {path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Type: application/json\r\n"
        self.writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        try:
            status, *lines = (
                (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
            )
            length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length:"))
            return int(status.split()[1]), await self.reader.readexactly(length)
        except (OSError, EOFError):
            return 0, b""


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[Client]:
    host = url.removeprefix("http://")
    name, port = host.split(":")
    reader, writer = await asyncio.open_connection(name, int(port), limit=2**26)
    try:
        yield Client(reader, writer, host)
    finally:
        writer.close()


def questions(data: Path | None) -> list[str]:
    if data is not None:
        files = [data / "pairs" / "lcqmc" / "dev.tsv"]
    else:
        files = sorted(Path(str(resources.files("textsim.resources"))).glob("demo/pairs_*.tsv"))
    found: dict[str, None] = {}
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines()[1:]:
            found.update(dict.fromkeys(text for text in line.split("\t")[:2] if text.strip()))
    return list(found)


def memory(pid: int) -> float:
    """Resident memory of a process, MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=10, help="of each load")
    parser.add_argument(
        "--soak", type=float, metavar="SECONDS", help="then 64 clients for so long, and memory"
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("TEXTSIM_DATA"))
    arguments = parser.parse_args()
    texts = questions(arguments.data and Path(arguments.data))
    stored, asked = texts[:STORED], texts[-2000:]
    matcher = TextMatcher.load(MODEL)
    with tempfile.TemporaryDirectory() as folder:
        index = TextIndex.build(matcher, stored, Path(folder) / "index")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [
            sys.executable,
            "-m",
            "textsim",
            "serve",
            MODEL,
            "--index",
            str(index.path),
            "--port",
            str(port),
        ]
        server = subprocess.Popen([*command, "--log-level", "warning"], stderr=subprocess.DEVNULL)
        url = f"http://127.0.0.1:{port}"
        try:
            wait(url)
            failed = run(url, server.pid, matcher, index, stored, asked, arguments)
        finally:
            server.terminate()
            server.wait(60)
    sys.exit(1 if failed else 0)


def wait(url: str) -> None:
    for _ in range(600):
        try:
            httpx.get(f"{url}/readyz")
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit("the service did not start")


def run(
    url: str,
    pid: int,
    matcher: TextMatcher,
    index: TextIndex,
    stored: list[str],
    asked: list[str],
    arguments: argparse.Namespace,
) -> int:
    """Prints what all loads measured. Returns how many requests failed."""
    pairs = list(zip(asked[: len(asked) // 2], asked[len(asked) // 2 :], strict=False))
    decisions = [
        found._asdict()
        for found in matcher.decisions(matcher.score_texts(*map(list, zip(*pairs, strict=True))))
    ]
    one = [{"pairs": [pair]} for pair in pairs]
    each = [[decision] for decision in decisions]
    failed = 0
    print("| what | measured | target |\n|---|---|---|")
    for clients, target in ((1, ""), (8, "600 requests/s, p99 25 ms"), (64, "")):
        result = asyncio.run(load(url, "/v1/score", one, each, clients, arguments.seconds, 1))
        result.report(f"score, {clients} clients, one pair", target)
        failed += result.failed
    parts = [slice(start, start + BATCH) for start in range(0, len(pairs) - BATCH + 1, BATCH)]
    many = [{"pairs": pairs[part]} for part in parts]
    result = asyncio.run(
        load(url, "/v1/score", many, [decisions[part] for part in parts], 8, arguments.seconds, BATCH)
    )
    result.report(f"score, 8 clients, {BATCH} pairs", "8,000 pairs/s")
    failed += result.failed
    queries = asked[: len(pairs)]
    bodies = [{"texts": [query], "k": 5} for query in queries]
    expected = [[[hit._asdict() for hit in hits]] for hits in index.search_many(queries, 5)]
    result = asyncio.run(load(url, "/v1/search", bodies, expected, 8, arguments.seconds, 1))
    result.report(f"search among {len(index):,}, 8 clients", "500 requests/s")
    failed += result.failed
    baseline(matcher, stored, queries, arguments.seconds)
    if arguments.soak:
        memories, tenths = [memory(pid)], []
        for _ in range(10):
            tenths.append(asyncio.run(load(url, "/v1/score", one, each, 64, arguments.soak / 10, 1)))
            memories.append(memory(pid))
        whole = Load(
            np.concatenate([tenth.seconds for tenth in tenths]),
            1,
            sum(tenth.failed for tenth in tenths),
            sum(tenth.took for tenth in tenths),
        )
        whole.report(f"score, 64 clients, one pair, {arguments.soak:,.0f} s")
        report(
            "its memory, MB, before and after each tenth", " ".join(f"{mb:.0f}" for mb in memories), "flat"
        )
        failed += whole.failed
    return failed


def baseline(matcher: TextMatcher, stored: list[str], queries: list[str], seconds: float) -> None:
    """Searches of scikit-learn over the same vectors, in this process: no service, no order, no decision."""
    from sklearn.neighbors import NearestNeighbors

    brute = NearestNeighbors(n_neighbors=5, metric="cosine", algorithm="brute").fit(matcher.encode(stored))
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        brute.kneighbors(matcher.encode([queries[count % len(queries)]]))
        count += 1
    rate = count / (time.perf_counter() - began)
    report(f"scikit-learn, brute force among {len(stored):,}, no HTTP", f"{rate:,.0f} searches/s")


if __name__ == "__main__":
    main()
