from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from textsim.matching.index.combining import Combiner


def test_each_call_gets_its_own_result_and_few_batches_are_computed() -> None:
    batches: list[tuple[str, list[int]]] = []

    def compute(kind: str, items: list[int]) -> list[str]:
        batches.append((kind, items))
        time.sleep(0.02)
        return [f"{kind}{item}" for item in items]

    combined: Combiner[int, str] = Combiner(compute)
    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda number: combined("ab"[number % 2], number), range(64)))
    assert results == [f"{'ab'[number % 2]}{number}" for number in range(64)]
    assert sorted(item for _, items in batches for item in items) == list(range(64))
    assert all(item % 2 == "ab".index(kind) for kind, items in batches for item in items)
    assert len(batches) < 40


def test_a_call_alone_is_computed_at_once() -> None:
    assert Combiner(lambda kind, items: [kind + item for item in items])(1, 2) == 3


def test_what_one_item_raises_is_raised_to_its_caller_alone() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def compute(kind: Any, items: list[int]) -> list[float]:
        if items == [0]:
            begun.set()
            go_on.wait(10)
        return [1 / (item - 3) for item in items]

    combined: Combiner[int, float] = Combiner(compute)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(combined, None, 0)
        begun.wait(10)
        others = [pool.submit(combined, None, number) for number in range(1, 6)]
        while len(combined._waiting) < 6:
            time.sleep(0.001)
        go_on.set()
        assert first.result(10) == pytest.approx(-1 / 3)
        for number, other in enumerate(others, 1):
            if number == 3:
                with pytest.raises(ZeroDivisionError):
                    other.result(10)
            else:
                assert other.result(10) == 1 / (number - 3)
    assert combined._waiting == []


def test_an_interrupted_turn_loses_no_other_call() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def compute(kind: Any, items: list[int]) -> list[int]:
        if items[0] == 0:
            begun.set()
            go_on.wait(10)
            raise KeyboardInterrupt
        return items

    combined: Combiner[int, int] = Combiner(compute)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(combined, None, 0)
        begun.wait(10)
        second = pool.submit(combined, None, 1)
        go_on.set()
        with pytest.raises(KeyboardInterrupt):
            first.result(10)
        assert second.result(10) == 1
