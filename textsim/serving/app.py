"""The application: paths to computations."""

from __future__ import annotations

import base64
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from importlib import resources
from typing import Any

import numpy as np
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.convertors import Convertor, register_url_convertor

from textsim import __version__
from textsim.errors import ArtifactError, ConfigError, InputError, MissingDependencyError, TextsimError
from textsim.serving.batching import Overloaded
from textsim.serving.engine import Engine, Query
from textsim.serving.guard import OPEN, Guard
from textsim.serving.metrics import Metrics
from textsim.serving.schemas import (
    Decided,
    DocumentRequest,
    DocumentResponse,
    Embedding,
    EmbeddingsRequest,
    EmbeddingsResponse,
    EncodeRequest,
    EncodeResponse,
    ExplainRequest,
    ExplainResponse,
    Health,
    HitResponse,
    IndexResponse,
    ModelResponse,
    Problem,
    Ready,
    RerankDocument,
    Reranked,
    RerankRequest,
    RerankResponse,
    ScoreRequest,
    ScoreResponse,
    SearchRequest,
    SearchResponse,
    Usage,
)
from textsim.serving.settings import ServiceSettings, read_keys

logger = logging.getLogger("textsim.serving")

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "a body that cannot be read"},
    401: {"model": Problem, "description": "no valid key"},
    413: {"model": Problem, "description": "a body that is too long"},
    422: {"model": Problem, "description": "a field that is not as it should be"},
    503: {
        "model": Problem,
        "description": "too many requests wait, or what is served is broken or incomplete",
    },
}
_NO_INDEX: dict[int | str, dict[str, Any]] = {
    409: {"model": Problem, "description": "no index is served, or no payload has a column of the filter"},
}


class _Whole(Convertor[str]):
    """What is left of a path: an id may hold a slash, or the end of a line."""

    regex = r"[\s\S]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("whole", _Whole())


def create_app(settings: ServiceSettings) -> FastAPI:
    """The service as an ASGI application.

    Raises:
        ArtifactError: the model or the index is not whole, or they do not belong together.
        ConfigError: the file of keys cannot be read.
    """
    metrics = Metrics()
    engine = Engine(settings, metrics)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(engine.warm_up)
        yield
        # The server has let started requests end by now.
        engine.close()

    app = FastAPI(
        title="textsim",
        version=__version__,
        summary="Do two Chinese sentences mean the same? Which stored question does this one match?",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses=_PROBLEMS,
    )
    app.add_middleware(
        Guard,
        keys=read_keys(settings.api_key_file) if settings.api_key_file else (),
        max_body=settings.max_body,
        metrics=metrics,
    )
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(TextsimError, _refused)
    app.add_exception_handler(Overloaded, _overloaded)
    _add_scoring(app, engine)
    _add_foreign_forms(app, engine)
    _add_index(app, engine)
    _add_status(app, engine, metrics)
    _add_pages(app)
    _describe_limits(app.openapi(), settings, engine.matcher.output_dim)
    if settings.api_key_file:
        _describe_keys(app.openapi())
    return app


def _add_scoring(app: FastAPI, engine: Engine) -> None:
    @app.post("/v1/score", tags=["pairs"])
    async def score(body: ScoreRequest) -> ScoreResponse:
        """Score pairs of texts: how similar they are, how probable it is that they mean the same, and the decision."""
        _check(engine.settings, "pairs", [text for pair in body.pairs for text in pair], len(body.pairs))
        decisions = await engine.score(body.pairs)
        return ScoreResponse(model=engine.name, results=[Decided(**vars_of(found)) for found in decisions])

    @app.post("/v1/explain", tags=["pairs"])
    async def explain(body: ExplainRequest) -> ExplainResponse:
        """Explain a score: what each token of both texts adds to it."""
        _check(engine.settings, "text_a, text_b", [body.text_a, body.text_b], 1)
        found = await run_in_threadpool(engine.explain, body.text_a, body.text_b)
        return ExplainResponse(**found.to_dict())

    @app.post("/v1/encode", tags=["vectors"])
    async def encode(body: EncodeRequest) -> EncodeResponse:
        """The vectors of texts, which the model's head compares."""
        _check(engine.settings, "texts", body.texts, len(body.texts))
        vectors = np.stack(await engine.encode(body.texts))
        return EncodeResponse(model=engine.name, vectors=vectors.tolist())


def _add_foreign_forms(app: FastAPI, engine: Engine) -> None:
    @app.post("/v1/embeddings", tags=["vectors"])
    async def embeddings(body: EmbeddingsRequest) -> EmbeddingsResponse:
        """The vectors of texts, in the form of OpenAI's API."""
        texts = [body.input] if isinstance(body.input, str) else body.input
        _check(engine.settings, "input", texts, len(texts))
        width = engine.matcher.output_dim
        if body.dimensions not in (None, width):
            raise _problem("dimensions", f"expected {width}, the model's width, or none.")
        names = ["input"] if isinstance(body.input, str) else _places("input", texts)
        vectors = np.stack(await _named(engine.encode(texts), engine, texts, names)).astype("<f4")
        tokens = await run_in_threadpool(engine.tokens_of, texts)
        rows: Iterable[Any] = vectors.tolist()
        if body.encoding_format == "base64":
            rows = (base64.b64encode(vector.tobytes()).decode() for vector in vectors)
        return EmbeddingsResponse(
            data=[Embedding(index=index, embedding=row) for index, row in enumerate(rows)],
            model=engine.name,
            usage=Usage(prompt_tokens=tokens, total_tokens=tokens),
        )

    @app.post("/v1/rerank", tags=["pairs"])
    async def rerank(body: RerankRequest) -> RerankResponse:
        """Order documents by how probably they match a query, in the form of Cohere's API."""
        texts = [document if isinstance(document, str) else document.text for document in body.documents]
        _check(engine.settings, "query", [body.query], 1)
        _check(engine.settings, "documents", texts, len(texts))
        pairs = [(body.query, text) for text in texts]
        decisions = await _named(
            engine.score(pairs), engine, [body.query, *texts], ["query", *_places("documents", texts)]
        )
        order = sorted(range(len(texts)), key=lambda place: -decisions[place].probability)
        return RerankResponse(
            id=str(uuid.uuid4()),
            results=[
                Reranked(
                    index=place,
                    relevance_score=decisions[place].probability,
                    document=RerankDocument(text=texts[place]) if body.return_documents else None,
                )
                for place in order[: body.top_n]
            ],
        )


def _add_index(app: FastAPI, engine: Engine) -> None:
    @app.post("/v1/search", tags=["index"], responses=_NO_INDEX)
    async def search(body: SearchRequest) -> SearchResponse:
        """Find the stored texts that each text matches."""
        _ = engine.index
        _check(engine.settings, "texts", body.texts, len(body.texts))
        found = await engine.search([Query(text, body.k, body.filter) for text in body.texts])
        return SearchResponse(
            model=engine.name,
            results=[[HitResponse(**vars_of(hit)) for hit in hits] for hits in found],
        )

    @app.put("/v1/documents/{id:whole}", tags=["index"], responses=_NO_INDEX)
    async def put_document(id: str, body: DocumentRequest) -> DocumentResponse:
        """Store a text under an id, in place of those that it had. It is found as soon as this answers."""
        _check(engine.settings, "text", [body.text], 1)
        return DocumentResponse(id=id, documents=await engine.put(id, body.text, body.payload))

    @app.delete(
        "/v1/documents/{id:whole}",
        tags=["index"],
        responses={**_NO_INDEX, 404: {"model": Problem, "description": "no such id"}},
    )
    async def delete_document(id: str) -> DocumentResponse:
        """Remove an id with all of its texts."""
        documents = await engine.delete(id)
        if documents is None:
            raise HTTPException(404, f"id: the index holds no {id!r:.80}.")
        return DocumentResponse(id=id, documents=documents)

    @app.post("/v1/index/reload", tags=["index"], responses=_NO_INDEX)
    async def reload_index() -> IndexResponse:
        """Open the index anew, as after a nightly build. Requests that run end with the old one."""
        return IndexResponse(documents=await run_in_threadpool(engine.reload))


def _add_status(app: FastAPI, engine: Engine, metrics: Metrics) -> None:
    @app.get("/healthz", tags=["status"])
    async def health() -> Health:
        """Whether the process answers."""
        return Health()

    @app.get("/readyz", tags=["status"])
    async def ready() -> Ready:
        """Whether the model is loaded: it is, once the service answers at all."""
        # Another process may have changed the index, which is then read anew.
        return Ready(model=engine.name, documents=await run_in_threadpool(lambda: engine.documents))

    @app.get("/metrics", tags=["status"], response_class=Response)
    async def metrics_page() -> Response:
        """Counts for Prometheus."""
        return Response(
            await run_in_threadpool(engine.page), media_type="text/plain; version=0.0.4; charset=utf-8"
        )

    @app.get("/v1/model", tags=["status"])
    async def model() -> ModelResponse:
        """What the model is: its card, and the decision's cuts."""
        return ModelResponse(**await run_in_threadpool(engine.describe))


def _add_pages(app: FastAPI) -> None:
    static = resources.files("textsim.serving") / "static"
    app.mount("/static/swagger", StaticFiles(packages=[("fastapi_swagger", "resources")]))
    app.mount("/static", StaticFiles(directory=str(static)))

    @app.get("/", include_in_schema=False)
    async def page() -> HTMLResponse:
        return HTMLResponse((static / "index.html").read_text(encoding="utf-8"))

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="textsim",
            swagger_js_url="/static/swagger/swagger-ui-bundle.js",
            swagger_css_url="/static/swagger/swagger-ui.css",
            swagger_favicon_url="/static/icon.svg",
        )


def _describe_limits(description: dict[str, Any], settings: ServiceSettings, width: int) -> None:
    """Writes the service's own limits into the description, which FastAPI keeps once it is made."""
    schemas = description["components"]["schemas"]
    for name, field in (
        ("ScoreRequest", "pairs"),
        ("EncodeRequest", "texts"),
        ("SearchRequest", "texts"),
        ("RerankRequest", "documents"),
    ):
        schemas[name]["properties"][field]["maxItems"] = settings.max_batch
    embeddings = schemas["EmbeddingsRequest"]["properties"]
    embeddings["input"]["anyOf"][1]["maxItems"] = settings.max_batch
    embeddings["dimensions"]["anyOf"][0] = {"const": width}


def _describe_keys(description: dict[str, Any]) -> None:
    """Writes into the description which paths need a key: /docs then asks for one."""
    description["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for path, operations in description["paths"].items():
        for operation in operations.values():
            if path in OPEN:
                del operation["responses"]["401"]
            else:
                operation["security"] = [{"key": []}]


def vars_of(found: Any) -> dict[str, Any]:
    """The fields of a named tuple or dataclass."""
    return dict(found._asdict()) if hasattr(found, "_asdict") else dict(vars(found))


def _check(settings: ServiceSettings, field: str, texts: Iterable[str], items: int) -> None:
    """Raises HTTPException 422 where there are too many items, or a text is too long."""
    if items > settings.max_batch:
        raise _problem(field, f"expected at most {settings.max_batch:,}. Received {items:,}.")
    longest = max(map(len, texts))
    if longest > settings.max_text:
        raise _problem(
            field, f"expected texts of at most {settings.max_text:,} characters. Received {longest:,}."
        )


def _places(field: str, texts: Sequence[str]) -> list[str]:
    return [f"{field}[{place}]" for place in range(len(texts))]


async def _named(result: Awaitable[Any], engine: Engine, texts: Sequence[str], names: Sequence[str]) -> Any:
    """A result; an InputError names the fields that were sent, and not what they became."""
    try:
        return await result
    except InputError:
        await run_in_threadpool(engine.matcher.read, texts, names.__getitem__)
        raise


def _problem(field: str, message: str) -> HTTPException:
    return HTTPException(422, f"{field}: {message}")


async def _invalid(request: Request, error: Exception) -> Response:
    """Names the field, and does not repeat what was sent: it may be long, private, or no JSON."""
    assert isinstance(error, RequestValidationError)
    if isinstance(error.body, bytes) and error.body:
        # It was not parsed: curl, and others, name forms where they are told nothing.
        sent = request.headers.get("content-type", "none")
        detail = (
            f"body: expected JSON, with the header content-type: application/json. Received {sent!r:.80}."
        )
        return JSONResponse({"detail": detail}, 422)
    problems = [
        {
            "loc": [f"{part:.80}" if isinstance(part, str) else part for part in problem["loc"]],
            "msg": problem["msg"],
            "type": problem["type"],
        }
        for problem in error.errors()[:20]
    ]
    return JSONResponse({"detail": problems}, 422)


async def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, ConfigError):
        status = 409
    else:
        status = 503 if isinstance(error, ArtifactError | MissingDependencyError) else 422
    return JSONResponse({"detail": str(error)}, status)


async def _overloaded(request: Request, error: Exception) -> Response:
    detail = "too many requests wait to be computed. Send this one again later."
    return JSONResponse({"detail": detail}, 503, {"retry-after": "1"})
