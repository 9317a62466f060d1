"""A small model and index, and a real server on loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.tiny_models import saved_model
from textsim.artifacts.calibration import Calibration
from textsim.artifacts.saved_model import save_model
from textsim.matching.index.text_index import TextIndex
from textsim.matching.text_matcher import TextMatcher

ENTRIES = [
    {"id": "1", "text": "花呗怎么还款", "answer": "在账单页还款。"},
    {"id": "2", "text": "今天天气你好吗", "answer": "晴"},
    {"id": "3", "text": "我的气不是一二三", "answer": "", "category": "其他"},
]


class Server(NamedTuple):
    """A running service."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "模型"
    calibration = Calibration(pairs=10, no_match_below=0.55)
    save_model(saved_model("bilstm-attention", threshold=0.6, calibration=calibration), folder)
    return folder


def build_index(model: Path, folder: Path) -> Path:
    """An index of `ENTRIES` in a folder."""
    TextIndex.build(TextMatcher.load(model), ENTRIES, folder / "index").close()
    return folder / "index"


@pytest.fixture
def index(model: Path, tmp_path: Path) -> Path:
    return build_index(model, tmp_path)


@contextmanager
def servers(model: Path, folder: Path) -> Iterator[Callable[..., Server]]:
    """Starts `textsim serve` in a process of its own, and ends it afterwards; without a model, `model`."""
    running: list[subprocess.Popen[bytes]] = []

    def start(*options: str, served: str | Path = model) -> Server:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        log = folder / f"serve-{port}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "textsim", "serve", str(served), "--port", str(port), *options],
                stderr=file,
                stdout=file,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        running.append(process)
        url = f"http://127.0.0.1:{port}"
        for _ in range(600):
            if process.poll() is not None:
                raise AssertionError(log.read_text(encoding="utf-8"))
            try:
                if httpx.get(f"{url}/readyz", timeout=5).status_code == 200:
                    return Server(url, process, log)
            except httpx.TransportError:
                time.sleep(0.1)
        raise AssertionError("the service did not start within a minute")

    try:
        yield start
    finally:
        for process in running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(30)


@pytest.fixture
def serve(model: Path, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    with servers(model, tmp_path) as start:
        yield start
