"""What answers requests, when it is closed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from textsim.errors import ArtifactError
from textsim.matching.index.store import Store
from textsim.serving.engine import Engine
from textsim.serving.metrics import Metrics
from textsim.serving.settings import ServiceSettings


def test_a_change_that_waits_for_another_process_is_given_up(model: Path, index: Path) -> None:
    engine = Engine(ServiceSettings(model=str(model), index=str(index)), Metrics())

    async def change() -> None:
        task = asyncio.create_task(engine.put("1", "花呗", {}))
        await asyncio.sleep(1)
        await asyncio.wait_for(asyncio.to_thread(engine.close), 20)
        with pytest.raises(ArtifactError, match="the index is closed"):
            await task

    other = Store(index)
    with other.write():
        asyncio.run(change())
    other.close()
