"""`textsim serve`."""

from __future__ import annotations

from pathlib import Path

import click

from textsim.cli.options import FILE, model_argument, option
from textsim.cli.terminal import command

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@command()
@model_argument
@option(
    "--index", type=click.Path(path_type=Path), metavar="INDEX", help="A stored index to search and change."
)
@option("--host", default="127.0.0.1", metavar="ADDRESS", help="Where to listen; 0.0.0.0 for every network.")
@option("--port", type=click.IntRange(1, 65535), default=8000, metavar="N", help="Port.")
@option("--workers", type=click.IntRange(1), default=1, metavar="N", help="Processes; each loads the model.")
@option(
    "--api-key-file",
    type=FILE,
    metavar="FILE",
    help="Answer only requests with one of its keys, one a line (Authorization: Bearer KEY).",
)
@option("--max-batch", type=click.IntRange(1), default=1024, metavar="N", help="Pairs or texts a request.")
@option("--max-text", type=click.IntRange(1), default=10_000, metavar="N", help="Characters a text.")
@option("--max-body", type=click.IntRange(1024), default=8 << 20, metavar="BYTES", help="Bytes a request.")
@option("--threads", type=click.IntRange(1), metavar="N", help="Threads that compute.  [default: one a core]")
@option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    help="Logs are a JSON object a line; they hold no text of a request.",
)
def serve(
    model: str,
    index: Path | None,
    host: str,
    port: int,
    workers: int,
    api_key_file: Path | None,
    max_batch: int,
    max_text: int,
    max_body: int,
    threads: int | None,
    log_level: str,
) -> None:
    """Serve a model over HTTP, with a page to try it.

    The page is at /, the description of the API at /docs and /openapi.json, counts for Prometheus at /metrics.
    Needs the extra `serve`.

    \b
    Examples:
      textsim serve zh-general
      textsim serve model --index faq --port 8080 --api-key-file keys.txt
      curl localhost:8000/v1/score -H 'content-type: application/json' -d '{"pairs": [["花呗怎么还款", "怎样还花呗"]]}'
    """
    from textsim.extras import needed_for
    from textsim.serving.settings import ServiceSettings

    with needed_for("textsim serve"):
        from textsim.serving.run import run

    settings = ServiceSettings(
        model=model,
        index=None if index is None else str(index),
        api_key_file=None if api_key_file is None else str(api_key_file),
        max_batch=max_batch,
        max_text=max_text,
        max_body=max_body,
        threads=threads,
    )
    if host not in _LOOPBACK and api_key_file is None:
        click.echo(
            f"Listening on {host} without --api-key-file: whoever reaches this machine can score, search and change "
            "the index.",
            err=True,
        )
    shown = f"[{host}]" if ":" in host else host
    click.echo(f"http://{shown}:{port}/", err=True)
    run(settings, host=host, port=port, workers=workers, log_level=log_level)
