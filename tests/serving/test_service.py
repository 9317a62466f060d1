"""The service as a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.serving.conftest import Server
from textsim.matching.index.text_index import TextIndex
from textsim.matching.text_matcher import TextMatcher
from textsim.serving.run import worker
from textsim.serving.settings import ServiceSettings

Serve = Callable[..., Server]


def test_started_requests_end_when_it_is_told_to_stop(serve: Serve, model: Path) -> None:
    server = serve()
    pairs = [[f"花呗怎么还款{k}", f"今天天气{k}"] for k in range(1000)]
    answers: list[httpx.Response] = []
    request = threading.Thread(
        target=lambda: answers.append(httpx.post(f"{server.url}/v1/score", json={"pairs": pairs}, timeout=60))
    )
    request.start()
    while 'textsim_batch_items_count{kind="score"} 1.0' not in httpx.get(f"{server.url}/metrics").text:
        time.sleep(0.005)
    server.process.send_signal(signal.SIGTERM)
    request.join()
    assert answers[0].status_code == 200
    expected = TextMatcher.load(model).score_pairs(pairs)
    np.testing.assert_array_equal([result["score"] for result in answers[0].json()["results"]], expected)
    assert server.process.wait(30) in (0, -signal.SIGTERM, 128 + signal.SIGTERM)


def test_logs_are_json_lines_without_the_texts(serve: Serve) -> None:
    server = serve()
    httpx.post(f"{server.url}/v1/score", json={"pairs": [["花呗怎么还款", "秘密"]]})
    httpx.post(f"{server.url}/v1/score", json={"pairs": [["秘密", ""]]})
    server.process.terminate()
    server.process.wait(30)
    text = server.log.read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()[1:]]
    requests = [line for line in lines if line["message"] == "request" and line["path"] == "/v1/score"]
    assert [line["status"] for line in requests] == [200, 422] and requests[0]["ms"] > 0
    assert "秘密" not in text and "花呗" not in text


def test_the_index_is_reloaded_under_load_without_an_error(serve: Serve, index: Path, model: Path) -> None:
    server = serve("--index", str(index))
    problems: list[Any] = []
    done = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=server.url, timeout=30) as client:
            while not done.is_set():
                answer = client.post("/v1/search", json={"texts": ["花呗怎么还款"], "k": 1})
                if answer.status_code != 200 or answer.json()["results"][0][0]["text"] != "花呗怎么还款":
                    problems.append(answer.text)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    matcher = TextMatcher.load(model)
    for size in (5, 50, 500):
        rows = [
            {"id": "1", "text": "花呗怎么还款"},
            *({"id": f"n{k}", "text": f"天气{k}"} for k in range(size)),
        ]
        TextIndex.build(matcher, rows, index, overwrite=True).close()
        answer = httpx.post(f"{server.url}/v1/index/reload", timeout=30)
        assert answer.json() == {"documents": size + 1}
    done.set()
    for thread in threads:
        thread.join()
    assert not problems


def test_workers_share_metrics_and_the_index(serve: Serve, index: Path) -> None:
    server = serve("--index", str(index), "--workers", "2")
    httpx.put(f"{server.url}/v1/documents/x", json={"text": "好好好"}, timeout=30)
    for _ in range(20):
        # A connection each, so that both workers answer.
        answer = httpx.post(f"{server.url}/v1/search", json={"texts": ["好好好"], "k": 1}, timeout=30)
        assert answer.json()["results"][0][0]["id"] == "x"
    lines = httpx.get(f"{server.url}/metrics").text.splitlines()
    count = next(
        line for line in lines if line.startswith("textsim_requests_total") and '"/v1/search"' in line
    )
    assert float(count.rsplit(" ", 1)[1]) == 20


def test_the_official_client_of_openai_works_against_it(serve: Serve, model: Path, tmp_path: Path) -> None:
    openai = pytest.importorskip("openai", reason="the client of OpenAI is not installed")
    keys = tmp_path / "keys.txt"
    keys.write_text("key\n", encoding="utf-8")
    server = serve("--api-key-file", str(keys))
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="key", max_retries=0)
    found = client.embeddings.create(model="zh", input=["花呗怎么还款", "今天"])
    expected = TextMatcher.load(model).encode(["花呗怎么还款", "今天"])
    np.testing.assert_array_equal(np.float32([row.embedding for row in found.data]), expected)
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="wrong", max_retries=0).embeddings.create(
            model="zh", input="花"
        )


def test_open_doors_are_said(serve: Serve) -> None:
    assert "without --api-key-file" in serve("--host", "0.0.0.0").log.read_text(encoding="utf-8")


def test_a_worker_that_cannot_start_ends_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # The supervisor starts a worker again whatever it ended with, this status apart.
    monkeypatch.setattr("textsim.serving.logs.configure", lambda level: None)
    monkeypatch.setenv("TEXTSIM_SERVICE_LOG_LEVEL", "info")
    monkeypatch.setenv("TEXTSIM_SERVICE", ServiceSettings(model=str(tmp_path / "nowhere")).to_json())
    with pytest.raises(SystemExit) as ended:
        worker()
    assert ended.value.code == 3 and "nowhere" in caplog.text


@pytest.mark.parametrize("options", [("--index", "nowhere"), ("--api-key-file", "nowhere")])
def test_what_is_wrong_ends_all_workers_before_they_listen(
    model: Path, tmp_path: Path, options: tuple[str, str]
) -> None:
    command = [
        sys.executable,
        "-m",
        "textsim",
        "serve",
        str(model),
        "--workers",
        "2",
        *options,
    ]
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", cwd=tmp_path, timeout=60, check=False
    )
    assert done.returncode == 2 and "nowhere" in done.stderr and "Traceback" not in done.stderr, done.stderr
