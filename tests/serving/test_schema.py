"""Requests made from the service's own description: none of them may end in a server error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from textsim.matching.index.text_index import TextIndex
from textsim.matching.text_matcher import TextMatcher
from textsim.serving.app import create_app
from textsim.serving.settings import ServiceSettings

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")


@pytest.fixture(scope="module")
def operations(model: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    index = tmp_path_factory.mktemp("schema") / "index"
    TextIndex.build(TextMatcher.load(model), ["花呗", "天气"], index).close()
    app = create_app(ServiceSettings(model=str(model), index=str(index)))
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    return [found.ok() for found in schema.get_all_operations()]


def test_no_request_finds_a_fault(operations: list[Any]) -> None:
    assert len(operations) >= 13
    for operation in operations:

        @settings(max_examples=20, suppress_health_check=list(HealthCheck), deadline=None, database=None)
        @given(case=operation.as_strategy())
        def calls(case: Any) -> None:
            case.call_and_validate()

        calls()
