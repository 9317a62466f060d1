"""Kinds of rows: what a row holds, and the usual names of its columns."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from textsim.data.formats.table import Cells, Malformed, Table, is_blank
from textsim.data.labels import LABEL_NAMES


@dataclass(frozen=True)
class RowKind:
    """What a row holds.

    Attributes:
        name: of the kind.
        columns: what the columns are called, the label last where there is one.
        aliases: for each column, the header names (lower case) that are taken for it.
    """

    name: str
    columns: tuple[str, ...]
    aliases: tuple[frozenset[str], ...]

    @property
    def labeled(self) -> bool:
        return self.columns[-1] == "label"

    @property
    def text_columns(self) -> tuple[str, ...]:
        return self.columns[:-1] if self.labeled else self.columns

    @property
    def texts(self) -> int:
        """How many of the columns are texts."""
        return len(self.text_columns)

    def candidates(self, names: Sequence[str]) -> tuple[list[str], ...]:
        """For each column those of `names` that may be it: more than one where the names leave a choice, none where it
        is missing.

        A column called as the kind calls it leaves none: the label's alone, those of texts where all are called so.
        """
        found = [_of(names, aliases) for aliases in self.aliases]
        called = [[column] if column in names else _of(names, {column}) for column in self.columns]
        whole = all(called[: self.texts])
        return tuple(
            own if own and (whole or place >= self.texts) else usual
            for place, (own, usual) in enumerate(zip(called, found, strict=True))
        )

    def is_among(self, names: Sequence[str]) -> bool:
        """Whether each column has a candidate among `names`."""
        return all(self.candidates(names))


def _of(names: Sequence[str], wanted: Set[str]) -> list[str]:
    """The different names that are, in lower case, among those wanted."""
    return [name for name in dict.fromkeys(names) if name.lower() in wanted]


_CHINESE_TEXT = ("句子", "文本", "问题")
_TEXT_A = frozenset(
    {"text_a", "sentence1", "sentence_a", "text1", "question1", "query", "q1", "s1", "问句"}
    | {"用户问题", "用户问", "相似问", "相似问题", "相似问法", "扩展问", "扩展问法"}
    | {name + number for name in _CHINESE_TEXT for number in ("1", "一", "a")}
)
_TEXT_B = frozenset(
    {"text_b", "sentence2", "sentence_b", "text2", "question2", "title", "q2", "s2", "标准问", "标准问题"}
    | {name + number for name in _CHINESE_TEXT for number in ("2", "二", "b")}
)

PAIRS = RowKind("pairs", ("text_a", "text_b", "label"), (_TEXT_A, _TEXT_B, LABEL_NAMES))
UNLABELED = RowKind("unlabeled pairs", ("text_a", "text_b"), (_TEXT_A, _TEXT_B))
TRIPLETS = RowKind(
    "triplets",
    ("anchor", "positive", "negative"),
    (frozenset({"anchor"}), frozenset({"positive", "pos"}), frozenset({"negative", "neg"})),
)
TEXTS = RowKind(
    "texts",
    ("text",),
    (
        frozenset(
            {"text", "sentence", "content", "question", "query", "title", "文本", "句子", "内容", "标题"}
        )
        | frozenset({"问题", "问句", "问法", "标准问", "标准问题"}),
    ),
)
_OTHER_NAMES = frozenset(
    {"answer", "answers", "答案", "回答", "回复", "id", "编号", "序号", "来源", "分类", "类别"}
)
USUAL_NAMES = _OTHER_NAMES.union(
    *(names for kind in (PAIRS, TRIPLETS, TEXTS) for names in kind.aliases), LABEL_NAMES
)
"""Header names, in lower case, that tell a header, also where they are none of the columns to read."""


def texts_kind(table: Table) -> RowKind:
    """The kind of a table's rows of texts.

    `TRIPLETS` where its columns have a triplet's names and not a pair's, `UNLABELED` where they have those of two texts
    alone, or are two without names, else `PAIRS`.

    The table is then to be opened again: its first rows are gone.
    """
    names = table.names
    if names is None:
        rows = table.take_until(_may_name_columns)
        first = rows[-1][1] if rows else []
        names = [] if isinstance(first, Malformed) else [str(cell).strip() for cell in first]
    if PAIRS.is_among(names):
        return PAIRS
    if TRIPLETS.is_among(names):
        return TRIPLETS
    return UNLABELED if len(names) == 2 or UNLABELED.is_among(names) else PAIRS


def _may_name_columns(cells: Cells) -> bool:
    """Whether a row may tell what a table's columns are called; blank and broken ones before it do not."""
    if isinstance(cells, dict):
        return any(kind.is_among(list(cells)) for kind in (PAIRS, TRIPLETS))
    return isinstance(cells, list) and not is_blank(cells)
