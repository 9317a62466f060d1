"""Bodies of requests and responses."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema

from textsim.text.normalize import CONTROL_CHARACTERS

# Halves of surrogate pairs have no place in JSON of UTF-8; the others are whitespace to Python alone.
_NOTHING = CONTROL_CHARACTERS.replace("\ud800-\udfff", "") + r"\x1c-\x1f\x85"
# What the description says of a text; what a text lacks is said by the matcher, in clearer words than a pattern.
Text = Annotated[
    str,
    StringConstraints(min_length=1),
    WithJsonSchema({"type": "string", "minLength": 1, "pattern": rf"[^\s{_NOTHING}]"}),
]
# Likewise; a list or an object is equal to no cell of a payload.
_Value = Annotated[Any, WithJsonSchema({"type": ["string", "number", "boolean", "null"]})]


class Request(BaseModel):
    """Base of requests: an unknown field is refused, so that a misspelled one is not overlooked."""

    model_config = ConfigDict(extra="forbid")


class ScoreRequest(Request):
    """Pairs of texts to score."""

    pairs: list[tuple[Text, Text]] = Field(
        min_length=1, examples=[[["花呗怎么还款", "怎样还花呗"]]], description="two texts each"
    )


class Decided(BaseModel):
    """What the model says of a pair."""

    score: float = Field(ge=0, le=1)
    probability: float = Field(ge=0, le=1, description="that the two mean the same, calibrated")
    decision: Literal["match", "unsure", "no match"]


class ScoreResponse(BaseModel):
    model: str
    results: list[Decided] = Field(description="one a pair, in their order")


class ExplainRequest(Request):
    """Two texts whose score is to be explained."""

    text_a: Text = Field(examples=["花呗怎么还款"])
    text_b: Text = Field(examples=["怎样还花呗"])


class TokenContribution(BaseModel):
    token: str
    contribution: float = Field(description="Shapley value: what the token adds to the score")
    error: float = Field(ge=0, description="its standard error; 0 where it is exact")


class TokenChange(BaseModel):
    text: Literal["text_a", "text_b"]
    place: int = Field(ge=0, description="of the token, from 0")
    token: str
    change: Literal["removed", "unknown"]
    score: float = Field(description="of the pair with that change")
    decision: Literal["match", "unsure", "no match"]


class ExplainResponse(Decided):
    base: float = Field(
        description="score where all tokens are unknown; base and contributions sum to the score"
    )
    tokens_a: list[TokenContribution]
    tokens_b: list[TokenContribution]
    matrix: list[list[float]] = Field(description="tokens_a by tokens_b: what two tokens add together")
    changes: list[TokenChange] = Field(description="changes of one token that change the decision")


class EncodeRequest(Request):
    """Texts to encode."""

    texts: list[Text] = Field(min_length=1, examples=[["花呗怎么还款"]])


class EncodeResponse(BaseModel):
    model: str
    vectors: list[list[float]] = Field(description="one a text, in their order")


class SearchRequest(Request):
    """Texts to search the index for."""

    texts: list[Text] = Field(min_length=1, examples=[["密码忘了怎么办"]])
    k: int = Field(default=5, ge=1, le=1000, description="hits for each text, at most")
    filter: dict[str, _Value] | None = Field(
        default=None, description="values that the payloads of hits must have, by column"
    )


class HitResponse(Decided):
    id: str
    text: str
    cosine: float
    payload: dict[str, Any]


class SearchResponse(BaseModel):
    model: str
    results: list[list[HitResponse]] = Field(description="the hits of each text, the best first")


class EmbeddingsRequest(BaseModel):
    """OpenAI's form. Fields that do not apply here, such as `user`, are allowed and left out."""

    input: Text | Annotated[list[Text], Field(min_length=1)] = Field(examples=["花呗怎么还款"])
    model: str | None = Field(default=None, description="any name: one model is served")
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(default=None, ge=1, description="the model's own width alone is possible")


class Embedding(BaseModel):
    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str = Field(description="numbers, or little-endian float32 in base64")


class Usage(BaseModel):
    prompt_tokens: int
    total_tokens: int


class EmbeddingsResponse(BaseModel):
    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: Usage


class RerankDocument(BaseModel):
    text: Text


class RerankRequest(BaseModel):
    """Cohere's form. Fields that do not apply here are allowed and left out."""

    query: Text = Field(examples=["密码忘了怎么办"])
    documents: list[Text | RerankDocument] = Field(min_length=1, examples=[["如何找回密码", "怎么退货"]])
    model: str | None = Field(default=None, description="any name: one model is served")
    top_n: int | None = Field(default=None, ge=1)
    return_documents: bool = False


class Reranked(BaseModel):
    index: int = Field(description="place of the document in the request")
    relevance_score: float = Field(ge=0, le=1, description="the probability of a match")
    document: RerankDocument | None = None


class RerankResponse(BaseModel):
    id: str
    results: list[Reranked] = Field(description="the most relevant first")


class DocumentRequest(Request):
    """A text to store under an id, in place of the texts that it had."""

    text: Text = Field(examples=["如何找回密码"])
    payload: dict[str, Any] = Field(default={}, examples=[{"answer": "点击登录页的“忘记密码”。"}])


class DocumentResponse(BaseModel):
    id: str
    documents: int = Field(description="texts in the index now")


class IndexResponse(BaseModel):
    documents: int = Field(description="texts in the index now")


class Health(BaseModel):
    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    status: Literal["ready"] = "ready"
    model: str
    documents: int | None = Field(description="texts in the index; null where none is served")


class ModelResponse(BaseModel):
    model: str
    threshold: float = Field(ge=0, le=1, description="score from which on a pair is a match")
    no_match_below: float = Field(ge=0, le=1, description="score below which a pair is no match")
    width: int = Field(description="numbers of a vector")
    max_length: int = Field(description="tokens of a text that are read")
    documents: int | None
    card: str = Field(description="the model card, Markdown")


class Problem(BaseModel):
    """What was wrong with a request."""

    detail: str | list[dict[str, Any]]
