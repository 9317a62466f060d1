from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient

from textsim.errors import ArtifactError, ConfigError
from textsim.matching.index.store import Store
from textsim.matching.index.text_index import TextIndex
from textsim.matching.text_matcher import TextMatcher
from textsim.serving import guard
from textsim.serving.app import create_app
from textsim.serving.engine import Engine
from textsim.serving.settings import ServiceSettings

PAIRS = [["花呗怎么还款", "怎样还花呗"], ["今天天气", "你好吗"], ["我", "我"], ["😀", "🎉"]]


@pytest.fixture
def client(model: Path, index: Path) -> Iterator[TestClient]:
    settings = ServiceSettings(model=str(model), index=str(index), max_batch=5, max_text=40, max_body=4000)
    with TestClient(create_app(settings)) as client:
        yield client


@pytest.fixture
def matcher(model: Path) -> TextMatcher:
    return TextMatcher.load(model)


def post(client: TestClient, path: str, **body: Any) -> Any:
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_scores_and_decisions_are_those_of_the_api_to_the_bit(
    client: TestClient, matcher: TextMatcher
) -> None:
    results = post(client, "/v1/score", pairs=PAIRS)["results"]
    for (a, b), result in zip(PAIRS, results, strict=True):
        assert result == matcher.decide(a, b)._asdict()


def test_concurrent_requests_are_computed_together_and_give_the_same(
    client: TestClient, matcher: TextMatcher
) -> None:
    expected = {tuple(pair): matcher.decide(*pair)._asdict() for pair in PAIRS}
    wrong: list[Any] = []

    def work() -> None:
        for pair in PAIRS * 5:
            if post(client, "/v1/score", pairs=[pair])["results"] != [expected[tuple(pair)]]:
                wrong.append(pair)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert 'textsim_decisions_total{decision="match"}' in client.get("/metrics").text


def test_vectors_in_both_forms(client: TestClient, matcher: TextMatcher) -> None:
    texts = ["花呗怎么还款", "今天"]
    expected = matcher.encode(texts)
    np.testing.assert_array_equal(np.float32(post(client, "/v1/encode", texts=texts)["vectors"]), expected)
    found = post(client, "/v1/embeddings", input=texts, model="any", user="somebody")
    np.testing.assert_array_equal(np.float32([row["embedding"] for row in found["data"]]), expected)
    assert found["usage"] == {"prompt_tokens": 8, "total_tokens": 8}
    packed = post(client, "/v1/embeddings", input="今天", encoding_format="base64")["data"][0]["embedding"]
    np.testing.assert_array_equal(np.frombuffer(base64.b64decode(packed), "<f4"), expected[1])
    refused = client.post("/v1/embeddings", json={"input": "今天", "dimensions": 3})
    assert refused.status_code == 422 and "dimensions" in refused.json()["detail"]


def test_documents_are_reranked_by_probability(client: TestClient, matcher: TextMatcher) -> None:
    documents: list[Any] = ["今天天气", {"text": "花呗怎么还款"}, "我的"]
    found = post(
        client, "/v1/rerank", query="花呗怎么还款", documents=documents, top_n=2, return_documents=True
    )
    assert found["results"][0]["index"] == 1 and len(found["results"]) == 2
    assert found["results"][0]["document"] == {"text": "花呗怎么还款"}
    scores = [hit["relevance_score"] for hit in found["results"]]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == matcher.probability("花呗怎么还款", "花呗怎么还款")


def test_search_add_remove_and_reload(client: TestClient, index: Path, matcher: TextMatcher) -> None:
    found = post(client, "/v1/search", texts=["花呗怎么还款", "今天"], k=2)["results"]
    with TextIndex.open(index, matcher) as opened:
        expected = opened.search_many(["花呗怎么还款", "今天"], 2)
    assert [[hit["id"] for hit in hits] for hits in found] == [[hit.id for hit in hits] for hits in expected]
    assert found[0][0]["payload"] == {"answer": "在账单页还款。"} and found[0][0]["decision"] == "match"
    assert [
        hit["id"]
        for hit in post(client, "/v1/search", texts=["花"], filter={"category": "其他"})["results"][0]
    ] == ["3"]
    put = client.put("/v1/documents/新", json={"text": "二三", "payload": {"answer": "五"}})
    assert put.json() == {"id": "新", "documents": 4}
    assert post(client, "/v1/search", texts=["二三"], k=1)["results"][0][0]["id"] == "新"
    client.put("/v1/documents/新", json={"text": "一二三"})
    assert client.delete("/v1/documents/新").json() == {"id": "新", "documents": 3}
    assert client.delete("/v1/documents/新").status_code == 404
    # Another process builds the folder anew.
    TextIndex.build(matcher, [{"id": "9", "text": "好"}], index, overwrite=True).close()
    assert client.post("/v1/index/reload").json() == {"documents": 1}
    assert client.get("/readyz").json()["documents"] == 1


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("/v1/score", {"pairs": []}, "pairs"),
        ("/v1/score", {"pairs": [["a"]]}, "pairs"),
        ("/v1/score", {"pairs": [["花", " "]]}, "pairs[0], text_b"),
        ("/v1/score", {"pairs": [["花", None]]}, "pairs"),
        ("/v1/score", {"pairs": [["花", "呗"]] * 6}, "pairs: expected at most 5"),
        ("/v1/score", {"pairs": [["花", "呗" * 41]]}, "pairs: expected texts of at most 40"),
        ("/v1/score", {"pair": [["花", "呗"]]}, "pair"),
        ("/v1/encode", {"texts": "花"}, "texts"),
        ("/v1/search", {"texts": ["花"], "k": 0}, "k"),
        ("/v1/explain", {"text_a": "花"}, "text_b"),
        ("/v1/rerank", {"query": "", "documents": ["花"]}, "query"),
        ("/v1/embeddings", {"input": [[1, 2]]}, "input"),
    ],
)
def test_what_is_wrong_names_the_field(
    client: TestClient, path: str, body: dict[str, Any], named: str
) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == 422
    assert named in str(answer.json()["detail"])


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b"null", b'{"pairs": [["\\ud800", "a"]]}', b"[" * 3000, b'{"pairs": 1e999}'],
)
def test_garbage_is_the_client_s_fault(client: TestClient, body: bytes) -> None:
    answer = client.post("/v1/score", content=body, headers={"content-type": "application/json"})
    assert 400 <= answer.status_code < 500, answer.text
    described = client.get("/openapi.json").json()["paths"]["/v1/score"]["post"]["responses"]
    assert str(answer.status_code) in described


@pytest.mark.parametrize("headers", [{}, {"content-type": "application/x-www-form-urlencoded"}])
def test_a_body_that_is_not_said_to_be_json_is_refused_by_its_header(
    client: TestClient, headers: dict[str, str]
) -> None:
    answer = client.post("/v1/score", content=json.dumps({"pairs": PAIRS}), headers=headers)
    assert answer.status_code == 422
    assert (
        "expected JSON, with the header content-type: application/json. Received" in answer.json()["detail"]
    )


def test_a_refusal_does_not_repeat_what_was_sent(client: TestClient) -> None:
    answer = client.post("/v1/score", json={"花" * 900: 1})
    assert answer.status_code == 422 and len(answer.text) < 1000


def test_other_requests_are_answered_while_changes_wait_for_another_process(
    client: TestClient, index: Path
) -> None:
    other = Store(index)
    with ThreadPoolExecutor(46) as pool:
        with other.write():
            # More than there are threads.
            changes = [
                pool.submit(client.put, f"/v1/documents/{number}", json={"text": "花呗是什么"})
                for number in range(45)
            ]
            texts = {"text_a": "花呗", "text_b": "天气"}
            assert pool.submit(client.post, "/v1/explain", json=texts).result(20).status_code == 200
            assert pool.submit(client.get, "/metrics").result(20).status_code == 200
            assert not any(change.done() for change in changes)
        assert {change.result(60).status_code for change in changes} == {200}
    other.close()


def test_changes_that_cannot_wait_are_refused(
    model: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("textsim.serving.engine.MOST_CHANGES", 1)
    app = create_app(ServiceSettings(model=str(model), index=str(index)))
    other = Store(index)
    with TestClient(app) as client, ThreadPoolExecutor(4) as pool:
        with other.write():
            changes = [
                pool.submit(client.put, f"/v1/documents/{number}", json={"text": "花呗"})
                for number in range(4)
            ]
            # One runs, another waits for it.
            for change in islice(as_completed(changes, timeout=20), 2):
                assert change.result().status_code == 503 and change.result().headers["retry-after"] == "1"
        assert sorted(change.result(60).status_code for change in changes) == [200, 200, 503, 503]
    other.close()


def test_a_long_body_is_refused_before_it_is_read(client: TestClient) -> None:
    long = b'{"pairs": [["' + "花".encode() * 2000 + b'", "b"]]}'
    assert client.post("/v1/score", content=long).status_code == 413

    def parts() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * 1000

    assert client.post("/v1/score", content=parts()).status_code == 413


def test_half_a_body_does_not_hold_its_connection(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_PATIENCE_SECONDS", 0.1)
    app = create_app(ServiceSettings(model=str(model)))
    sent: list[dict[str, Any]] = []
    parts = iter([{"type": "http.request", "body": b'{"pairs": [', "more_body": True}])

    async def receive() -> dict[str, Any]:
        for part in parts:
            return part
        await asyncio.sleep(3600)
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/score", "query_string": b"", "headers": []}
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"])["detail"] == "body: expected more of it. Nothing came for 0.1 seconds."


def test_without_an_index_searching_says_how_to_get_one(model: Path) -> None:
    with TestClient(create_app(ServiceSettings(model=str(model)))) as client:
        answer = client.post("/v1/search", json={"texts": ["花"]})
        assert answer.status_code == 409 and "with index=..., a folder" in answer.json()["detail"]
        assert client.get("/readyz").json()["documents"] is None


def test_keys_guard_what_is_served(model: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    keys.write_text("# of the shop\nfirst\n\n  密钥二  \n", encoding="utf-8")
    with TestClient(create_app(ServiceSettings(model=str(model), api_key_file=str(keys)))) as client:

        def status(header: str | bytes | None) -> int:
            headers = {} if header is None else {"authorization": header}
            return client.post("/v1/score", json={"pairs": PAIRS[:1]}, headers=headers).status_code  # type: ignore[arg-type]

        assert status("Bearer first") == status("Bearer 密钥二".encode()) == status("bearer first") == 200
        for wrong in (None, "", "Bearer", "Bearer ", "Bearer firs", "Basic first", "Bearer first2"):
            assert status(wrong) == 401, wrong
        assert client.get("/metrics").status_code == 401
        assert client.get("/healthz").status_code == client.get("/").status_code == 200
        description = client.get("/openapi.json").json()
        assert description["components"]["securitySchemes"]["key"] == {"type": "http", "scheme": "bearer"}
        for path, operations in description["paths"].items():
            for method, operation in operations.items():
                guarded = client.request(method, path).status_code == 401
                assert ("security" in operation) == ("401" in operation["responses"]) == guarded, path
    keys.write_text("# none\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="expected a key a line"):
        create_app(ServiceSettings(model=str(model), api_key_file=str(keys)))


def test_an_index_of_another_model_is_refused(model: Path, tmp_path: Path) -> None:
    from tests.tiny_models import saved_model
    from textsim.artifacts.saved_model import save_model

    other = tmp_path / "other"
    save_model(saved_model("bilstm-attention", seed=1), other)
    TextIndex.build(TextMatcher.load(other), ["花"], tmp_path / "index").close()
    with pytest.raises(ArtifactError):
        create_app(ServiceSettings(model=str(model), index=str(tmp_path / "index")))


def test_an_overloaded_service_says_so_at_once(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textsim.serving.engine.MOST_WAITING", 1)
    go = threading.Event()
    monkeypatch.setattr(Engine, "_encode", lambda self, texts: go.wait(5) and [np.zeros(16)] * len(texts))
    settings = ServiceSettings(model=str(model), max_batch=1, threads=1)
    with TestClient(create_app(settings)) as client, ThreadPoolExecutor(8) as pool:

        def ask(_: int) -> httpx.Response:
            answer = client.post("/v1/encode", json={"texts": ["花"]})
            if answer.status_code == 503:
                # The others wait until one was refused.
                go.set()
            return answer

        answers = list(pool.map(ask, range(8)))
    assert {answer.status_code for answer in answers} == {200, 503}
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert refused.headers["retry-after"] == "1" and "Send this one again" in refused.json()["detail"]


def test_the_page_and_the_description_ask_nothing_of_other_hosts(client: TestClient) -> None:
    import re

    page = client.get("/").text
    for path in re.findall(r'(?:src|href)="([^"#]+)"', page + client.get("/docs").text):
        assert path.startswith("/"), path
        assert client.get(path).status_code == 200, path
    schema = client.get("/openapi.json").json()
    assert {"/v1/score", "/v1/explain", "/v1/encode", "/v1/search", "/v1/embeddings", "/v1/rerank"} <= set(
        schema["paths"]
    )


def test_a_payload_may_have_columns_of_any_name(client: TestClient) -> None:
    payload = {"id": "other", "text": "今天", "answer": "是"}
    other = post(client, "/v1/search", texts=["今天"], k=50)["results"][0]
    answer = client.put("/v1/documents/mine", json={"text": "花呗是什么", "payload": payload})
    assert answer.json()["id"] == "mine"
    (hit,) = post(client, "/v1/search", texts=["花呗是什么"], k=1)["results"][0]
    assert (hit["id"], hit["text"], hit["payload"]) == ("mine", "花呗是什么", payload)
    assert client.delete("/v1/documents/mine").status_code == 200
    assert post(client, "/v1/search", texts=["今天"], k=50)["results"][0] == other


@pytest.mark.parametrize("id", ["a/b", "a/b/c", "%", "一 二", "a?b", "a\nb/"])
def test_an_id_may_hold_any_characters(client: TestClient, id: str) -> None:
    path = f"/v1/documents/{quote(id, safe='')}"
    assert client.put(path, json={"text": "花呗是什么"}).json()["id"] == id
    assert client.delete(path).status_code == 200
    assert client.delete(path).status_code == 404


@pytest.mark.parametrize("filter", [{"nope": 1}, {"\ud800": "a"}, {"answer": "\ud800"}])
def test_a_filter_that_fits_nothing_is_no_fault_of_the_server(
    client: TestClient, filter: dict[str, Any]
) -> None:
    client.put("/v1/documents/new", json={"text": "花呗是什么", "payload": {"answer": "是"}})
    # httpx refuses to send half a surrogate pair.
    body = json.dumps({"texts": ["花呗"], "k": 1, "filter": filter}).encode()
    answer = client.post("/v1/search", content=body, headers={"content-type": "application/json"})
    expected = 200 if "answer" in filter else 409
    assert answer.status_code == expected, answer.text
    assert expected == 409 or answer.json()["results"] == [[]]


@pytest.mark.parametrize("levels", [260, 1500])
def test_a_filter_of_any_depth_is_no_fault_of_the_server(client: TestClient, levels: int) -> None:
    nested = "[" * levels + "]" * levels
    body = f'{{"texts": ["花呗"], "filter": {{"answer": {nested}}}}}'
    answer = client.post("/v1/search", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422), answer.text


@pytest.mark.parametrize("value", [["是", "否"], [], {}])
def test_a_filter_by_what_no_cell_is_equal_to_is_refused(client: TestClient, value: Any) -> None:
    answer = client.post("/v1/search", json={"texts": ["花呗"], "filter": {"answer": value}})
    assert answer.status_code == 422 and "filter, column 'answer': expected one text" in answer.text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/score", rb'{"pairs": [["a", "b"]], "\ud800": 1}'),
        ("/v1/score", rb'{"\udfff": 1}'),
        ("/v1/search", rb'{"texts": ["a"], "k": "\ud800"}'),
        ("/v1/embeddings", rb'{"input": "a", "encoding_format": "\ud800"}'),
        ("/v1/rerank", rb'{"query": "a", "documents": ["a\ud800"], "return_documents": true}'),
        ("/v1/explain", rb'{"text_a": "a\ud800", "text_b": "b"}'),
    ],
)
def test_half_a_surrogate_pair_anywhere_is_the_client_s_fault(
    client: TestClient, path: str, body: bytes
) -> None:
    answer = client.post(path, content=body, headers={"content-type": "application/json"})
    assert 200 <= answer.status_code < 500, answer.text


@pytest.mark.parametrize("levels", [65, 260, 900])
def test_a_payload_is_stored_only_if_it_can_be_sent_back(client: TestClient, levels: int) -> None:
    deep: Any = "x"
    for _ in range(levels):
        deep = [deep]
    answer = client.put("/v1/documents/deep", json={"text": "花呗是什么", "payload": {"a": deep}})
    assert answer.status_code == 422, answer.text
    for _ in range(2):
        post(client, "/v1/search", texts=["花呗是什么"], k=3)


def test_an_explanation_has_all_that_the_command_prints(client: TestClient, matcher: TextMatcher) -> None:
    for pair in PAIRS[:2]:
        found = post(client, "/v1/explain", text_a=pair[0], text_b=pair[1])
        assert found == json.loads(json.dumps(matcher.explain(*pair).to_dict()))


def test_a_length_that_is_no_number(client: TestClient) -> None:
    answer = client.post("/v1/score", content=b"{}", headers={"content-length": "many"})
    assert answer.status_code == 400 and "content-length: expected a whole number" in answer.text


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("PUT", "/v1/documents/a", {"text": "\u200b"}, "text: "),
        ("POST", "/v1/rerank", {"query": "\u200b", "documents": ["花呗"]}, "query: "),
        ("POST", "/v1/rerank", {"query": "花呗", "documents": ["花呗", "\u200b"]}, "documents[1]: "),
        ("POST", "/v1/rerank", {"query": "好" * 50, "documents": ["花呗"]}, "query: "),
        ("POST", "/v1/embeddings", {"model": "m", "input": "\u200b"}, "input: "),
        ("POST", "/v1/embeddings", {"model": "m", "input": ["花呗", "\u200b"]}, "input[1]: "),
        ("POST", "/v1/search", {"texts": ["花呗", "\u200b"]}, "texts[1]: "),
    ],
)
def test_an_error_names_the_field_that_was_sent(
    client: TestClient, method: str, path: str, body: dict[str, Any], field: str
) -> None:
    answer = client.request(method, path, json=body)
    assert answer.status_code == 422 and answer.json()["detail"].startswith(field), answer.text


def test_metrics_count_texts_wherever_they_are_read(client: TestClient, index: Path) -> None:
    def value(name: str) -> float:
        lines = client.get("/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    for method, path, body in (
        ("PUT", "/v1/documents/new", {"text": "我"}),
        ("POST", "/v1/explain", {"text_a": "我", "text_b": "天气"}),
    ):
        tokens = value("textsim_tokens_total")
        assert client.request(method, path, json=body).status_code == 200
        assert value("textsim_tokens_total") > tokens, path
    for path, body in (
        ("/v1/search", {"texts": ["我"], "k": 1}),
        ("/v1/encode", {"texts": ["我"]}),
        ("/v1/score", {"pairs": [["我", "我"]]}),
    ):
        tokens, looked_up = value("textsim_tokens_total"), value("textsim_cache_total")
        post(client, path, **body)
        assert value("textsim_tokens_total") > tokens and value("textsim_cache_total") > looked_up, path
    assert value('textsim_cache_total{outcome="hit"}') >= 2
    # Another process changes the index.
    texts = value("textsim_index_texts")
    with TextIndex.open(index) as other:
        other.add(["花呗是什么"])
    assert value("textsim_index_texts") == texts + 1
