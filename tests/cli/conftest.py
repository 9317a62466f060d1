"""What the tests of several commands share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command_line import SMALL, ok


@pytest.fixture(scope="session")
def road(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset and a model made from a few rows of the demo data."""
    folder = tmp_path_factory.mktemp("路 road")
    for name, rows in (("train", 60), ("dev", 30)):
        lines = (demo / f"pairs_{name}.tsv").read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / f"{name}.tsv").write_text("".join(lines[: rows + 1]), encoding="utf-8")
    ok("preprocess", folder / "train.tsv", "--dev", folder / "dev.tsv", "--out", folder / "dataset")
    ok(
        *("train", folder / "dataset", "--out", folder / "model", "--quiet"),
        *("--recipe", "bilstm-attention", *SMALL),
    )
    return folder
