"""One search: candidates by the cosine, their order, and what the model says of the first."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from textsim.config.cores import available_cores
from textsim.matching.decisions import Decision, Verdict
from textsim.matching.index.listed import unit
from textsim.matching.index.ranking import SharedCharacters, characters_weight
from textsim.matching.index.snapshot import CANDIDATES, Candidates, Snapshot
from textsim.matching.index.store import Store
from textsim.matching.index.tables import Row
from textsim.matching.text_matcher import PairScores, TextMatcher, TokenizedTexts

# Queries, and cosines, at a time.
_BLOCK_QUERIES = 64
_BLOCK_COSINES = 1 << 22


class Hit(NamedTuple):
    """A stored text that was found.

    Attributes:
        id: of its entry.
        text: the stored text: of an entry's phrasings the one that comes first.
        score: what the matcher scores it with the text searched for, in [0, 1].
        probability: that the two match, in [0, 1]; where the model's searches are calibrated, by that, see
            `SearchCurve`.
        decision: "match", "unsure" or "no match".
        cosine: of the two texts' vectors, in [-1, 1].
        payload: the further columns of its row, by name.
    """

    id: str
    text: str
    score: float
    probability: float
    decision: Verdict
    cosine: float
    payload: dict[str, Any]


@dataclass(frozen=True)
class Search:
    """How to search what.

    Attributes:
        matcher: the model.
        shared: how alike two texts are by their characters.
        store, snapshot: what is stored.
        k: entries to find.
        rerank: whether candidates are ordered by more than the cosine.
        allowed: keys of the rows among which to look, int64 (n,), rising; None for all.
    """

    matcher: TextMatcher
    shared: SharedCharacters
    store: Store
    snapshot: Snapshot
    k: int
    rerank: bool
    allowed: np.ndarray | None

    def hits(self, texts: TokenizedTexts) -> list[list[Hit]]:
        """For each text its hits, the best first. Blocks of many texts are searched for side by side."""
        block = max(1, min(_BLOCK_QUERIES, _BLOCK_COSINES // max(1, len(self.snapshot.listed.keys))))
        if len(texts) <= block:
            return self._hits(texts) if len(texts) else []
        parts = [texts[start : start + block] for start in range(0, len(texts), block)]
        with ThreadPoolExecutor(available_cores()) as pool:
            return [hits for part in pool.map(self._hits, parts) for hits in part]

    def _hits(self, texts: TokenizedTexts, count: int = 0) -> list[list[Hit]]:
        """`hits` of a block, among so many candidates each."""
        count = count or max(self.k, CANDIDATES)
        encoded, places = self.matcher.encode_keys(texts.keys, self.matcher.cache)
        found = self.snapshot.nearest(self.store, unit(encoded)[places], count, self.allowed)
        listed = self._listed(texts, found)
        vectors = self.snapshot.vectors(self.store, np.unique(_keys(listed)))
        left = set(vectors.keys.tolist())
        # Others may have been removed meanwhile.
        listed = [[row for row in rows if row.key in left] for rows in listed]
        rows = [row for rows in listed for row in rows]
        # For each pair of a text and a row the vectors of both.
        queries = np.repeat(np.arange(len(texts)), [len(rows) for rows in listed])
        own, stored = places[queries], np.searchsorted(vectors.keys, _keys(listed))
        scores = self.matcher.compare_encoded(
            texts.take(queries.tolist()),
            TokenizedTexts(
                [row.text for row in rows], [row.tokens for row in rows], np.zeros(len(rows), bool)
            ),
            np.concatenate([encoded, vectors.encoded]),
            own,
            len(encoded) + stored,
        )
        cosines = _exact_cosines(encoded, own, vectors.encoded, stored)
        ranked = self._ranked(rows, queries, len(texts), scores.scores)
        decisions = _decided(self.matcher, scores, cosines, ranked)
        hits: list[list[Hit]] = []
        for query, order in enumerate(ranked):
            if len(order) < max(2, self.k) and len(found[query].keys) == count:
                # Most candidates are phrasings of the same few entries, and the second tells how sure the first is.
                hits += self._hits(texts[query : query + 1], 4 * count)
            else:
                hits.append([_hit(rows[n], decisions[n], float(cosines[n])) for n in order[: self.k]])
        return hits

    @property
    def _by_score(self) -> bool:
        """Whether the model has learned to score alone, and not to find a match among others by the cosine."""
        return self.rerank and not self.matcher.saved.recipe.loss.options.get("negatives")

    def _listed(self, texts: TokenizedTexts, found: Sequence[Candidates]) -> list[list[Row]]:
        """The rows to score for each query, in the order of what is known before."""
        stored = self.snapshot.rows(self.store, {key for one in found for key in one.keys.tolist()})
        listed = []
        for text, candidates in zip(texts.texts, found, strict=True):
            # What is one text to the model has one cosine, whatever was rounded: the one stored first comes first.
            cosines: dict[bytes, float] = {}
            known = sorted(
                (-cosines.setdefault(row.tokens, round(cosine, 6)), row.key, row)
                for key, cosine in zip(candidates.keys.tolist(), candidates.cosines.tolist(), strict=True)
                # Without those that were removed since they were found.
                if (row := stored.get(key)) is not None
            )
            rows = [row for _, _, row in known]
            if not self._by_score:
                if self.rerank:
                    rows = self._reordered(text, rows, [-far for far, _, _ in known])
                rows = _one_an_id(rows)[: max(2, self.k)]
            listed.append(rows)
        return listed

    def _reordered(self, text: str, rows: list[Row], cosines: list[float]) -> list[Row]:
        weight = characters_weight(cosines)
        if not weight:
            return rows
        shared = self.shared.with_each(text, [row.text for row in rows])
        values = [round(cosine + weight * alike, 6) for cosine, alike in zip(cosines, shared, strict=True)]
        order = sorted(range(len(values)), key=values.__getitem__, reverse=True)
        return [rows[place] for place in order]

    def _ranked(
        self, rows: Sequence[Row], queries: np.ndarray, count: int, scores: np.ndarray
    ) -> list[list[int]]:
        """For each of `count` queries the places of its rows, one an id, the best first."""
        begins = np.searchsorted(queries, np.arange(count + 1)).tolist()
        ranked = [list(range(*ends)) for ends in pairwise(begins)]
        if not self._by_score:
            return ranked
        values = scores.round(6).tolist()
        for places in ranked:
            places.sort(key=values.__getitem__, reverse=True)
        firsts = [{rows[place].id: place for place in reversed(places)} for places in ranked]
        return [
            [place for place in places if first[rows[place].id] == place]
            for places, first in zip(ranked, firsts, strict=True)
        ]


def _keys(listed: Sequence[Sequence[Row]]) -> np.ndarray:
    return np.array([row.key for rows in listed for row in rows], np.int64)


def _exact_cosines(left: np.ndarray, at: np.ndarray, right: np.ndarray, to: np.ndarray) -> np.ndarray:
    """Cosines whose digits do not depend on what else is searched for at the same time: float64 (pairs,).

    Args:
        left, right: vectors, float32 (n, output_dim) and (m, output_dim).
        at, to: for each pair the place of its vector in `left` and in `right`.
    """
    cosines = np.empty(len(at))
    for start in range(0, len(at), _BLOCK_QUERIES):
        part = slice(start, start + _BLOCK_QUERIES)
        one, other = left[at[part]].astype(np.float64), right[to[part]].astype(np.float64)
        lengths = np.sqrt((one * one).sum(axis=1) * (other * other).sum(axis=1))
        cosines[part] = (one * other).sum(axis=1) / np.where(lengths > 0, lengths, 1)
    result: np.ndarray = cosines.round(6).clip(-1, 1)
    return result


def _one_an_id(rows: Iterable[Row]) -> list[Row]:
    """The first row of each entry."""
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(row.id, row)
    return list(first.values())


def _hit(row: Row, decision: Decision, cosine: float) -> Hit:
    return Hit(
        id=row.id,
        text=row.text,
        score=decision.score,
        probability=decision.probability,
        decision=decision.decision,
        cosine=cosine,
        payload=json.loads(row.payload),
    )


def _decided(
    matcher: TextMatcher, scores: PairScores, cosines: np.ndarray, ranked: Sequence[Sequence[int]]
) -> list[Decision]:
    """What is said of each pair.

    Args:
        matcher: the model, with its calibration.
        scores, cosines: of the pairs.
        ranked: for each query the places of its pairs, the first hit's first.
    """
    decisions = matcher.decisions(scores)
    search = matcher.saved.calibration.search
    order = [place for places in ranked for place in places]
    if search is None or not order:
        return decisions
    # How far the second is behind tells more of the first than its score alone. No other is ahead of all.
    margins = [
        0.0 if rank else margin_of([decisions[place].score for place in places[:2]])
        for places in ranked
        for rank in range(len(places))
    ]
    probabilities = search(scores.scores[order], np.array(margins), cosines[order])
    for place, probability in zip(order, probabilities.tolist(), strict=True):
        if not scores.indistinct[place]:
            verdict: Verdict = "match" if probability >= search.min_probability else "no match"
            decisions[place] = decisions[place]._replace(decision=verdict, probability=probability)
    return decisions


def margin_of(scores: Sequence[float]) -> float:
    """How far the first of some hits is ahead of the second, by their scores: in [0, 1], and 0 of none."""
    first, second = [*scores[:2], 0.0, 0.0][:2]
    return max(0.0, first - second)
