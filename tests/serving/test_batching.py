from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from textsim.serving.batching import Batcher, Overloaded


def test_what_arrives_while_a_thread_is_busy_is_one_batch() -> None:
    go = threading.Event()
    sizes: list[int] = []

    def double(items: Sequence[int]) -> list[int]:
        go.wait(10)
        return [2 * item for item in items]

    async def run() -> list[Sequence[int]]:
        batcher = Batcher(double, threads=1, max_items=100, max_waiting=100, observe=sizes.append)
        first = asyncio.ensure_future(batcher([1]))
        await asyncio.sleep(0.01)
        others = [asyncio.ensure_future(batcher([k, k + 1])) for k in range(5)]
        await asyncio.sleep(0.01)
        go.set()
        results = await asyncio.gather(first, *others)
        batcher.close()
        return results

    assert asyncio.run(run()) == [[2], *([2 * k, 2 * k + 2] for k in range(5))]
    assert sizes == [1, 10]


def test_a_bad_item_fails_its_own_request_alone() -> None:
    go = threading.Event()

    def invert(items: Sequence[int]) -> list[float]:
        go.wait(10)
        return [1 / item for item in items]

    async def run() -> list[object]:
        batcher = Batcher(invert, threads=1, max_items=100, max_waiting=100)
        waiting = [asyncio.ensure_future(batcher(items)) for items in ([1], [2, 4], [0], [5])]
        await asyncio.sleep(0.01)
        go.set()
        return list(await asyncio.gather(*waiting, return_exceptions=True))

    first, second, third, fourth = asyncio.run(run())
    assert (first, second, fourth) == ([1], [0.5, 0.25], [0.2]) and isinstance(third, ZeroDivisionError)


def test_what_cannot_wait_is_refused_and_harms_nobody() -> None:
    go = threading.Event()

    def same(items: Sequence[int]) -> list[int]:
        go.wait(10)
        return list(items)

    async def run() -> tuple[list[object], Sequence[int]]:
        batcher = Batcher(same, threads=1, max_items=2, max_waiting=4)
        # The first finds a free thread, however large it is; two wait, and a third does not fit.
        sent = [list(range(9)), [1, 2], [3], [4, 5], [6]]
        waiting = [asyncio.ensure_future(batcher(items)) for items in sent]
        await asyncio.sleep(0.01)
        go.set()
        answers = list(await asyncio.gather(*waiting, return_exceptions=True))
        return answers, await batcher(list(range(9)))

    answers, later = asyncio.run(run())
    assert isinstance(answers.pop(3), Overloaded)
    assert answers == [list(range(9)), [1, 2], [3], [6]] and later == list(range(9))


def test_a_large_request_is_a_batch_of_its_own_and_a_client_that_left_harms_nobody() -> None:
    sizes: list[int] = []

    async def run() -> Sequence[int]:
        batcher = Batcher(
            lambda items: list(items), threads=2, max_items=3, max_waiting=9, observe=sizes.append
        )
        left = asyncio.ensure_future(batcher([0]))
        await asyncio.sleep(0)
        left.cancel()
        assert await batcher([]) == []
        return await batcher(list(range(10)))

    assert asyncio.run(run()) == list(range(10))
    assert 10 in sizes
    with pytest.raises(RuntimeError, match="cannot schedule new futures"):
        asyncio.run(_after_close())


async def _after_close() -> None:
    batcher: Batcher[int, int] = Batcher(lambda items: list(items), threads=1, max_items=3, max_waiting=9)
    batcher.close()
    await batcher([1])
