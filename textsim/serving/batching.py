"""Small requests that arrive together, computed together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Overloaded(Exception):
    """More waits to be computed than may: the request is to be sent again later."""


class Batcher(Generic[Item, Result]):
    """Collects the items of concurrent requests while a thread is busy, and computes them as one batch.

    Nothing waits for company: a request that finds a free thread is computed at once, alone. The larger the load, the
    larger the batches. A result does not depend on the other items of its batch.

    Args:
        compute: one call for a batch: as many results as items, in their order. It runs in a thread.
        threads: calls that run side by side.
        max_items: of one batch; a larger request is a batch of its own.
        max_waiting: items that wait for a free thread. A request that finds one does not wait, however large it is.
        observe: told the size of each batch.
    """

    def __init__(
        self,
        compute: Callable[[Sequence[Item]], Sequence[Result]],
        threads: int,
        max_items: int,
        max_waiting: int,
        observe: Callable[[int], Any] = lambda size: None,
    ) -> None:
        self._compute = compute
        self._max_items, self._max_waiting = max_items, max_waiting
        self._observe = observe
        self._waiting: deque[tuple[Sequence[Item], asyncio.Future[Sequence[Result]]]] = deque()
        self._waiting_items = 0
        self._free = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="textsim-batch")
        self._running: set[asyncio.Task[None]] = set()

    async def __call__(self, items: Sequence[Item]) -> Sequence[Result]:
        """The results of a request's items.

        Raises:
            Overloaded: too many items wait already.
            Exception: what `compute` raised for these items; other requests of the batch are not affected.
        """
        if not items:
            return []
        if not self._free and self._waiting_items + len(items) > self._max_waiting:
            raise Overloaded
        future: asyncio.Future[Sequence[Result]] = asyncio.get_running_loop().create_future()
        self._waiting.append((items, future))
        self._waiting_items += len(items)
        self._start()
        return await future

    def close(self) -> None:
        """Ends the threads once what they compute is done."""
        self._pool.shutdown(wait=True)

    def _start(self) -> None:
        while self._free and self._waiting:
            batch = [self._waiting.popleft()]
            size = len(batch[0][0])
            while self._waiting and size + len(self._waiting[0][0]) <= self._max_items:
                batch.append(self._waiting.popleft())
                size += len(batch[-1][0])
            self._waiting_items -= size
            self._free -= 1
            task = asyncio.get_running_loop().create_task(self._run(batch, size))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _run(
        self, batch: list[tuple[Sequence[Item], asyncio.Future[Sequence[Result]]]], size: int
    ) -> None:
        self._observe(size)
        try:
            await self._answer(batch)
        finally:
            self._free += 1
            self._start()

    async def _answer(self, batch: list[tuple[Sequence[Item], asyncio.Future[Sequence[Result]]]]) -> None:
        loop = asyncio.get_running_loop()
        items = [item for request, _ in batch for item in request]
        try:
            results = await loop.run_in_executor(self._pool, self._compute, items)
        except Exception as error:
            if len(batch) == 1:
                _finish(batch[0][1], error=error)
                return
            # One request's item is bad: each for itself, so that the others get their results.
            for alone in batch:
                await self._answer([alone])
            return
        start = 0
        for request, future in batch:
            _finish(future, results[start : start + len(request)])
            start += len(request)


def _finish(future: asyncio.Future[Any], result: Any = None, *, error: Exception | None = None) -> None:
    # A client that left has cancelled it.
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
