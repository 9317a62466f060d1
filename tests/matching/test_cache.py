from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import pytest

from textsim.matching.cache import SpillingCache, VectorCache


def test_cache_gives_up_the_least_recently_used() -> None:
    cache = VectorCache(2 * (1 + 8 + VectorCache._ENTRY_BYTES))
    rows = np.arange(6, dtype=np.float32).reshape(3, 2)
    cache.write([b"a", b"b"], rows[:2])
    assert cache.read([b"a"], np.empty((1, 2), np.float32)) == []
    cache.write([b"c", b"a"], rows[[2, 0]])
    found = np.zeros((3, 2), np.float32)
    assert cache.read([b"a", b"b", b"c"], found) == [1]
    np.testing.assert_array_equal(found, [[0, 1], [0, 0], [4, 5]])
    cache.write([b"d" * 1000], rows[:1])
    assert cache.bytes == 0


def test_cache_is_bounded_while_much_is_written_at_once() -> None:
    most: list[int] = []

    class Watched(VectorCache):
        def _evict(self, entries: Sequence[tuple[bytes, np.ndarray]]) -> None:
            most.append(len(entries))

    cache = Watched(10_000)
    cache.write([k.to_bytes(4, "little") for k in range(5000)], np.zeros((5000, 4), np.float32))
    assert cache.bytes <= 10_000 and max(most) <= VectorCache._EVICTED_AT_ONCE
    assert sum(most) == 5000 - len(cache._entries)


@pytest.mark.parametrize("max_bytes", [0, 1000, 1 << 20])
def test_spilling_cache_forgets_nothing(max_bytes: int) -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(200, 3)).astype(np.float32)
    known: set[int] = set()
    with SpillingCache(max_bytes) as cache:
        for _ in range(50):
            asked = random.choice(200, random.integers(1, 30), replace=False)
            keys = [int(number).to_bytes(4, "little") for number in asked]
            found = np.full((len(asked), 3), np.nan, np.float32)
            missing = cache.read(keys, found)
            assert missing == [place for place, number in enumerate(asked) if number not in known]
            there = np.setdiff1d(np.arange(len(asked)), missing)
            np.testing.assert_array_equal(found[there], vectors[asked[there]])
            cache.write([keys[place] for place in missing], vectors[asked[missing]])
            known.update(asked.tolist())
            assert cache.bytes <= max_bytes
        # Written again, a vector that was there stays the same one.
        cache.write([(7).to_bytes(4, "little")], vectors[7:8])
        found = np.empty((200, 3), np.float32)
        everything = sorted(known)
        assert cache.read([n.to_bytes(4, "little") for n in everything], found[: len(everything)]) == []
        np.testing.assert_array_equal(found[: len(everything)], vectors[everything])


def test_spilling_cache_serves_several_threads() -> None:
    with SpillingCache(500) as cache:
        failures = []

        def use(start: int) -> None:
            for number in range(start, start + 100):
                vector = np.full((1, 2), number, np.float32)
                cache.write([str(number).encode()], vector)
                found = np.zeros((1, 2), np.float32)
                if cache.read([str(number).encode()], found) or (found != vector).any():
                    failures.append(number)

        threads = [threading.Thread(target=use, args=(50 * k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []


def test_a_full_disk_costs_time_and_nothing_else() -> None:
    keys = [str(number).encode() for number in range(100)]
    vectors = np.arange(10_000, dtype=np.float32).reshape(100, 100)
    with SpillingCache(1000) as cache:
        assert cache._file is not None
        cache._file.execute("PRAGMA max_page_count=5")
        with pytest.warns(
            RuntimeWarning, match=r"temporary files \(database or disk is full\): texts that occur"
        ):
            cache.write(keys, vectors)
        # What is in memory is still found, what is not is missing, and more can be written.
        found = np.empty_like(vectors)
        missing = cache.read(keys, found)
        assert missing == list(range(99))
        np.testing.assert_array_equal(found[99], vectors[99])
        cache.write(keys[:1], vectors[:1])
        assert cache.read(keys[:1], found) == []
