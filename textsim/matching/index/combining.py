"""Calls of several threads, computed together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(eq=False)
class _Call(Generic[Item]):
    kind: Hashable
    item: Item
    done: bool = False
    result: Any = None
    error: Exception | None = None


class Combiner(Generic[Item, Result]):
    """Computes the calls that arrive while one is computed as one batch, which costs little more than one of them.

    Nothing waits for company: a call that finds nobody is computed at once, alone. Python computes one thread at a time
    anyway, so that threads which each computed for itself would be no faster than one.

    Args:
        compute: results of items of one kind, in their order, each of which the other items do not change.

    Example:
        >>> add = Combiner(lambda more, numbers: [more + number for number in numbers])
        >>> add(5, 3)
        8
    """

    def __init__(self, compute: Callable[[Any, list[Item]], Sequence[Result]]) -> None:
        self._compute = compute
        self._turn = threading.Lock()
        self._waiting: list[_Call[Item]] = []

    def __call__(self, kind: Hashable, item: Item) -> Result:
        """The result of an item.

        Args:
            kind: only items of equal kinds are computed together.
            item: what to compute.

        Raises:
            Exception: what computing this item raises; other items are not affected.
        """
        mine = _Call(kind, item)
        self._waiting.append(mine)
        with self._turn:
            if not mine.done:
                # Once for all: what is appended from here on is of the next turn.
                waiting = list(self._waiting)
                self._run([mine, *(call for call in waiting if call.kind == kind and call is not mine)])
        if mine.error is not None:
            raise mine.error
        return cast(Result, mine.result)

    def _run(self, calls: list[_Call[Item]]) -> None:
        try:
            results = self._compute(calls[0].kind, [call.item for call in calls])
        except Exception as error:
            if len(calls) > 1:
                for call in calls:
                    self._run([call])
                return
            calls[0].error = error
        else:
            for call, result in zip(calls, results, strict=True):
                call.result = result
        for call in calls:
            call.done = True
            self._waiting.remove(call)
