"""A driver that is killed while it writes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.spark.conftest import QUICK_START
from tests.spark.test_frames import texts
from textsim.errors import InputError
from textsim.spark import score_pairs
from textsim.spark.__main__ import write

DRIVER = """
import json, sys, time
from pathlib import Path
from pyspark.sql import SparkSession
from textsim.spark import score_pairs
from textsim.spark.__main__ import write

settings, source, model, target, waiting = sys.argv[1:]

def stalled(batches):
    # One task has written its rows when the other waits.
    for batch in batches:
        if batch.num_rows and batch.column("id")[0].as_py() >= 100:
            Path(waiting).touch()
            time.sleep(600)
        yield batch

spark = SparkSession.builder.master("local[1]").config(map=json.loads(settings)).getOrCreate()
scored = score_pairs(spark.read.parquet(source).repartitionByRange(2, "id").sortWithinPartitions("id"), model)
write(scored.mapInArrow(stalled, scored.schema), target, "parquet", False)
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
def test_a_killed_driver_leaves_no_success_and_a_rerun_is_clean(
    spark: Any, model: Path, tmp_path: Path
) -> None:
    rows = [(k, a, b) for k, (a, b) in enumerate(zip(texts(200, 8), texts(200, 9), strict=True))]
    spark.createDataFrame(rows, "id int, text_a string, text_b string").write.parquet(str(tmp_path / "pairs"))
    target, waiting = tmp_path / "scores", tmp_path / "waiting"
    arguments = [str(path) for path in (tmp_path / "pairs", model, target, waiting)]
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER, json.dumps(QUICK_START), *arguments],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as driver:
        try:
            while not waiting.exists():
                assert driver.poll() is None, "the driver ended by itself"
                time.sleep(0.05)
        finally:
            # The driver's Python process, its JVM and its workers: all that runs in its session.
            os.killpg(driver.pid, signal.SIGKILL)
    assert target.exists() and not (target / "_SUCCESS").exists()
    assert not list(target.glob("*.parquet"))

    scored = score_pairs(spark.read.parquet(str(tmp_path / "pairs")), model)
    with pytest.raises(InputError, match="scores: exists already"):
        write(scored, str(target), "parquet", False)
    write(scored, str(target), "parquet", True)
    assert (target / "_SUCCESS").exists() and not (target / "_temporary").exists()
    written = spark.read.parquet(str(target))
    assert sorted(written.collect()) == sorted(scored.collect()) and written.count() == 200
