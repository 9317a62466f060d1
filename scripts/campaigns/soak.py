"""One matcher under many threads for long: the same bits as alone, in memory that does not grow."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from campaigns.common import Outcome, texts, write_model
from textsim.matching.text_matcher import TextMatcher

CALLS = 60
"""Different calls; each thread makes them in an order of its own, again and again."""
GROWTH_BYTES = 24 << 20


def run(seed: int, count: int, work: Path, seconds: float = 10.0, model: str | None = None) -> Outcome:
    """Scores with `count` threads for some seconds."""
    outcome = Outcome()
    rng = np.random.default_rng(seed)
    matcher: Any = TextMatcher.load(
        model or write_model(work / "model", "bilstm-attention"), cache_bytes=1 << 20, threads=2
    )
    calls = []
    for size in rng.choice([1, 2, 30, 400], CALLS):
        words = texts(rng, 2 * int(size))
        calls.append(list(zip(words[:size], words[size:], strict=True)))
    alone = [matcher.score_pairs(call).tobytes() for call in calls]
    lock = threading.Lock()
    began = time.monotonic()
    end = began + seconds

    def work_off(number: int) -> None:
        own = np.random.default_rng([seed, number])
        while time.monotonic() < end:
            k = int(own.integers(len(calls)))
            try:
                same = matcher.score_pairs(calls[k]).tobytes() == alone[k]
            except Exception as error:
                with lock:
                    outcome.problem(f"soak --seed {seed}, call {k}: {type(error).__name__}: {error}")
                return
            with lock:
                outcome.count("calls in the same bits" if same else "calls in other bits")
                if not same:
                    outcome.problem(f"soak --seed {seed}, call {k}: other bits than alone")

    threads = [threading.Thread(target=work_off, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    held = []
    while time.monotonic() < end:
        time.sleep(min(0.2, seconds / 50))
        held.append(_resident())
    for thread in threads:
        thread.join()
    # What is allocated once comes in the first fifth.
    warm, last = held[: max(1, len(held) // 5)], held[-max(1, len(held) // 5) :]
    growth = float(np.median(last) - np.median(warm[len(warm) // 2 :]))
    print(f"{np.median(last) / 1e6:.0f} MB at the end, {growth / 1e6:+.1f} MB since it was warm")
    if growth > GROWTH_BYTES:
        outcome.problem(f"soak --seed {seed}: memory grew by {growth / 1e6:.0f} MB")
    return outcome


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
