from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from textsim.evaluation.data_origin import data_origin
from textsim.io.manifest import MANIFEST


def test_files_and_folders_have_a_name_and_a_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "商城"
    folder.mkdir()
    (folder / "dev.tsv").write_bytes(b"rows")
    (folder / MANIFEST).write_bytes(b"a manifest")
    assert data_origin(folder / "dev.tsv") == {
        "name": "商城/dev.tsv",
        "sha256": hashlib.sha256(b"rows").hexdigest(),
    }
    monkeypatch.chdir(folder)
    assert data_origin("dev.tsv")["name"] == "商城/dev.tsv"
    found = data_origin(folder)
    assert (
        str(found["name"]).endswith("/商城") and found["sha256"] == hashlib.sha256(b"a manifest").hexdigest()
    )


def test_what_is_gone_after_reading_has_a_name_alone() -> None:
    for source, name in (
        ("-", "-"),
        (pd.DataFrame({"a": [1]}), "the data frame"),
        ([("甲", "乙", 1)], "the rows"),
        (np.ones((2, 3)), "the array"),
    ):
        assert data_origin(source) == {"name": name, "sha256": None}
