"""A real Spark of two executors, each with one core, in processes of their own."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tiny_models import saved_model
from textsim.artifacts.calibration import Calibration
from textsim.artifacts.saved_model import save_model

pytest.importorskip("pyspark", reason="pyspark is not installed")
if shutil.which("java") is None:
    pytest.skip("no Java on this machine (apt install default-jre-headless)", allow_module_level=True)

ROOT = Path(__file__).parents[2]
_JAVA = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
QUICK_START = {
    "spark.ui.enabled": False,
    "spark.sql.codegen.wholeStage": False,
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.driver.extraJavaOptions": _JAVA,
    "spark.executor.extraJavaOptions": _JAVA,
}
"""Settings for tests, which are over before code that Spark or Java compiles well pays."""


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    session = (
        SparkSession.builder.master("local-cluster[2,1,1024]")
        .config("spark.executorEnv.PYTHONPATH", f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
        .config("spark.sql.shuffle.partitions", 4)
        .config(map=QUICK_START)
        # What fails here fails each time.
        .config("spark.task.maxFailures", 1)
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spark") / "模型"
    save_model(
        saved_model("bilstm-attention", threshold=0.5, calibration=Calibration(pairs=10, no_match_below=0.4)),
        folder,
    )
    return folder
