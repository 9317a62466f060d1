"""Starts the service: one process, or several workers."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from typing import Any

import uvicorn
from fastapi import FastAPI

from textsim.errors import TextsimError
from textsim.serving import logs
from textsim.serving.app import create_app
from textsim.serving.engine import check
from textsim.serving.settings import ServiceSettings

# Environment variables in which the workers find what the service was started with.
_SETTINGS, _LOG_LEVEL = "TEXTSIM_SERVICE", "TEXTSIM_SERVICE_LOG_LEVEL"

# The exit status on which the server's supervisor ends, and does not start the worker again.
_CANNOT_START = 3

GRACE_SECONDS = 30
"""How long started requests may take to end once the service is told to stop."""


def run(
    settings: ServiceSettings, *, host: str, port: int, workers: int = 1, log_level: str = "info"
) -> None:
    """Serves until the process is told to end. Started requests end first.

    Args:
        settings: what is served.
        host, port: where.
        workers: processes. Each loads the model; of an index one at a time writes, and all see what was written.
        log_level: "debug", "info", "warning" or "error".

    Raises:
        ArtifactError, ConfigError: see `create_app`.
    """
    options: dict[str, Any] = {
        "host": host,
        "port": port,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": GRACE_SECONDS,
    }
    logs.configure(log_level)
    if workers == 1:
        # Made here, so that what is wrong with the model or the keys is one error before anything listens.
        uvicorn.run(create_app(settings), **options)
        return
    check(settings)
    with tempfile.TemporaryDirectory(prefix="textsim-metrics-") as folder:
        os.environ |= {
            _SETTINGS: settings.to_json(),
            _LOG_LEVEL: log_level,
            "PROMETHEUS_MULTIPROC_DIR": folder,
        }
        uvicorn.run("textsim.serving.run:worker", factory=True, workers=workers, **options)


def worker() -> FastAPI:
    """The application of a worker process."""
    logs.configure(os.environ[_LOG_LEVEL])
    settings = ServiceSettings.from_dict(json.loads(os.environ[_SETTINGS]), "settings of the service")
    try:
        return create_app(settings)
    except TextsimError as error:
        logging.getLogger("textsim.serving").error("%s", error)
        sys.exit(_CANNOT_START)
