"""Settings and fixtures of all tests, among them small datasets made from the bundled demo data, once for all."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from textsim.data.dataset import PairDataset
from textsim.data.preprocess import preprocess
from textsim.evaluation import plots

# TensorFlow reads this when it is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# The same examples in every run, on a machine however busy.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


# Files whose tests share nothing that is slow to make.
_APART = ("tests/docs/test_blocks.py", "tests/docs/test_examples.py")


# What takes longest, or holds a worker for long, begins first: at the end no worker waits for another.
_FIRST = ("tests/spark/", "tests/docs/", "tests/training/", "tests/test_")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: [not item.nodeid.startswith(folder) for folder in _FIRST])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With pytest-xdist, one worker runs what shares things that are slow to make: a file's tests, and all that need a
    Spark cluster. Its own groups, by marks, do nothing with pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0]
            if file in _APART:
                return nodeid
            return "spark" if file.startswith("tests/spark/") else file

    # It would begin with the files of the most tests, and end with the longest tests.
    config.option.loadscopereorder = False
    return ByFile(config, log)


_BLANK = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg=="
)
_DRAW = plots._figure


@pytest.fixture(scope="session", autouse=True)
def _blank_pictures() -> Iterator[None]:
    """Every picture is one pixel, but where a test asks for `drawn`: drawing takes as long as a tiny training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "_figure", lambda path, *drawing: path.write_bytes(_BLANK))
        yield


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are drawn, for tests that look at them."""
    monkeypatch.setattr(plots, "_figure", _DRAW)


@pytest.fixture(scope="session")
def demo() -> Path:
    """The folder of bundled demo data."""
    return Path(str(resources.files("textsim.resources"))) / "demo"


def _head(source: Path, target: Path, rows: int) -> Path:
    target.write_text(
        "".join(source.read_text(encoding="utf-8").splitlines(True)[: rows + 1]), encoding="utf-8"
    )
    return target


def _dataset(folder: Path, demo: Path, name: str, suffix: str, **options: object) -> PairDataset:
    train = _head(demo / f"{name}_train{suffix}", folder / f"train{suffix}", 160)
    dev = _head(demo / f"{name}_dev{suffix}", folder / f"dev{suffix}", 60)
    preprocess(train, folder / "数据", dev=dev, progress=False, **options)  # type: ignore[arg-type]
    return PairDataset.open(folder / "数据")


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory, demo: Path) -> PairDataset:
    """Sentence pairs with word vectors."""
    folder = tmp_path_factory.mktemp("pairs")
    return _dataset(folder, demo, "pairs", ".tsv", word_vectors=demo / "characters.vec")


@pytest.fixture(scope="session")
def triplets(tmp_path_factory: pytest.TempPathFactory, demo: Path) -> PairDataset:
    """Sentence triplets without word vectors."""
    return _dataset(tmp_path_factory.mktemp("triplets"), demo, "triplets", ".tsv")


@pytest.fixture(scope="session")
def vectors(tmp_path_factory: pytest.TempPathFactory, demo: Path) -> PairDataset:
    """Numeric vector pairs, standardized."""
    return _dataset(tmp_path_factory.mktemp("vectors"), demo, "digits", ".csv", standardize=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium for pages; a test that asks for it is skipped where there is none.

    It ends with the module: as long as it runs, so does its event loop, beside which no other can.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on this machine (apt install chromium)")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-background-networking", "--disable-gpu"],
        )
        yield opened
        opened.close()
