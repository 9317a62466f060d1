"""What stands before every request: the key, the size of the body, the log line, the counts."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from textsim.serving.metrics import Metrics

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

logger = logging.getLogger("textsim.serving")

OPEN = frozenset({"/", "/healthz", "/readyz", "/docs", "/openapi.json"})
"""Paths that need no key: they tell nothing that is served, and probes have none. So does all under /static."""


_PATIENCE_SECONDS = 30


class Guard:
    """ASGI middleware around the application.

    Args:
        app: the application.
        keys: API keys, of which a request must bring one (`Authorization: Bearer KEY`); none for open doors.
        max_body: bytes of a body.
        metrics: told of each request.
    """

    def __init__(self, app: Any, *, keys: Sequence[bytes], max_body: int, metrics: Metrics) -> None:
        self._app = app
        # Digests have one length, so that comparing takes the same time for every key.
        self._keys = [hashlib.sha256(key).digest() for key in keys]
        self._max_body = max_body
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        status = 500

        async def sending(message: dict[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._answer(scope, receive, sending)
        finally:
            self._count(scope, status, time.perf_counter() - start)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        path = scope["path"]
        is_open = not self._keys or path in OPEN or path.startswith("/static/")
        if not is_open and not self._has_key(headers.get(b"authorization", b"")):
            await _respond(send, 401, "expected a valid key: Authorization: Bearer KEY.", bearer=True)
            return
        length = headers.get(b"content-length", b"0")
        if not length.isdigit():
            await _respond(send, 400, "content-length: expected a whole number.")
            return
        if int(length[:20]) > self._max_body:
            await _respond(send, 413, f"body: expected at most {self._max_body:,} bytes.")
            return
        try:
            body = await _read(receive, self._max_body)
        except asyncio.TimeoutError:
            detail = f"body: expected more of it. Nothing came for {_PATIENCE_SECONDS} seconds."
            await _respond(send, 408, detail)
            return
        if body is None:
            await _respond(send, 413, f"body: expected at most {self._max_body:,} bytes.")
            return
        sent = False

        async def received() -> dict[str, Any]:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, received, send)

    def _has_key(self, header: bytes) -> bool:
        scheme, _, key = header.partition(b" ")
        digest = hashlib.sha256(key.strip()).digest()
        # All are compared, whichever fits.
        found = [hmac.compare_digest(digest, known) for known in self._keys]
        return scheme.lower() == b"bearer" and any(found)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        # The route, not the path: ids and nonsense would make a row each.
        path = getattr(scope.get("route"), "path", "other")
        self._metrics.requests.labels(path, scope["method"], str(status)).inc()
        self._metrics.seconds.labels(path).observe(seconds)
        if path not in ("/healthz", "/readyz", "/metrics"):
            fields = {
                "method": scope["method"],
                "path": path,
                "status": status,
                "ms": round(1000 * seconds, 2),
            }
            # The texts of a request stay out of the logs.
            logger.info("request", extra={"fields": fields})


async def _read(receive: Receive, max_body: int) -> bytes | None:
    """The body; None where it is too long, or the client left.

    Raises:
        asyncio.TimeoutError: the client stays, and sends no more. It would hold its connection forever.
    """
    parts, size = [], 0
    while True:
        message = await asyncio.wait_for(receive(), _PATIENCE_SECONDS)
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > max_body:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


async def _respond(send: Send, status: int, detail: str, *, bearer: bool = False) -> None:
    headers = [
        (b"content-type", b"application/json"),
        *([(b"www-authenticate", b"Bearer")] if bearer else []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"detail": detail}).encode()})
