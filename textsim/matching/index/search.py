"""One search: candidates by the cosine, their order, and what the model says of the first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from textsim.config.cores import available_cores
from textsim.matching.decisions import Decision, Verdict
from textsim.matching.index.listed import unit
from textsim.matching.index.ranking import SharedCharacters, characters_weight
from textsim.matching.index.snapshot import Candidates, Snapshot
from textsim.matching.index.store import Store
from textsim.matching.index.tables import Row, Vectors
from textsim.matching.text_matcher import PairScores, TextMatcher, TokenizedTexts

# Rows that are looked at more closely, of those with the largest cosines.
_CANDIDATES = 32
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


class _Candidate(NamedTuple):
    """A stored row, and the cosine of its vector with the query's."""

    row: Row
    cosine: float


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
        count = count or max(self.k, _CANDIDATES)
        encoded, rows = self.matcher.encode_keys(texts.keys, self.matcher.cache)
        found = self.snapshot.nearest(self.store, unit(encoded)[rows], count, self.allowed)
        listed = self._listed(texts, found)
        keys = np.unique([candidate.row.key for candidates in listed for candidate in candidates])
        vectors = self.snapshot.vectors(self.store, keys.astype(np.int64))
        if len(vectors.keys) < len(keys):
            # Others were removed meanwhile.
            left = set(vectors.keys.tolist())
            listed = [[one for one in candidates if one.row.key in left] for candidates in listed]
        result = self._score(texts, listed, np.concatenate([encoded, vectors.encoded]), rows, vectors.keys)
        hits: list[list[Hit]] = []
        start = 0
        for query, candidates in enumerate(listed):
            part = slice(start, start + len(candidates))
            start += len(candidates)
            candidates = _with_exact_cosines(candidates, encoded[rows[query]], vectors)
            best = self._best(candidates, PairScores(*(values[part] for values in result)))
            entries = len({candidate.row.id for candidate in candidates})
            if entries < max(2, self.k) and len(found[query].keys) == count:
                # Most candidates are phrasings of the same few entries, and the second tells how sure the first is.
                (best,) = self._hits(texts[query : query + 1], 4 * count)
            hits.append(best)
        return hits

    def _score(
        self,
        texts: TokenizedTexts,
        listed: Sequence[Sequence[_Candidate]],
        encoded: np.ndarray,
        rows: np.ndarray,
        keys: np.ndarray,
    ) -> PairScores:
        """The scores of all candidates with their queries.

        Args:
            texts: the queries.
            listed: the candidates of each.
            encoded: the vectors of the queries, and then those of `keys`.
            rows: for each query the place of its vector.
            keys: of stored rows, rising.
        """
        flat = [candidate for candidates in listed for candidate in candidates]
        queries = np.repeat(np.arange(len(texts)), [len(candidates) for candidates in listed])
        stored = TokenizedTexts(
            [candidate.row.text for candidate in flat],
            [candidate.row.tokens for candidate in flat],
            np.zeros(len(flat), bool),
        )
        places = np.searchsorted(keys, np.array([candidate.row.key for candidate in flat], np.int64))
        first = len(encoded) - len(keys)
        return self.matcher.compare_encoded(
            texts.take(queries.tolist()), stored, encoded, rows[queries], first + places
        )

    @property
    def _by_score(self) -> bool:
        """Whether the model has learned to score alone, and not to find a match among others by the cosine."""
        return self.rerank and not self.matcher.saved.recipe.loss.options.get("negatives")

    def _listed(self, texts: TokenizedTexts, found: Sequence[Candidates]) -> list[list[_Candidate]]:
        """The candidates to score, for each query in the order of what is known before."""
        keys = {key for candidates in found for key in candidates.keys.tolist()}
        stored = self.snapshot.rows(self.store, keys)
        listed = []
        for text, candidates in zip(texts.texts, found, strict=True):
            # What is one text to the model has one cosine, whatever was rounded: the one stored first comes first.
            cosines: dict[bytes, float] = {}
            known = [
                _Candidate(row, cosines.setdefault(row.tokens, cosine))
                for key, cosine in zip(candidates.keys.tolist(), candidates.cosines.tolist(), strict=True)
                # Without those that were removed since they were found.
                if (row := stored.get(key)) is not None
            ]
            known.sort(key=lambda one: (-round(one.cosine, 6), one.row.key))
            if not self._by_score:
                if self.rerank:
                    known = self._reordered(text, known)
                known = _one_an_id(known)[: max(2, self.k)]
            listed.append(known)
        return listed

    def _reordered(self, text: str, candidates: list[_Candidate]) -> list[_Candidate]:
        weight = characters_weight([one.cosine for one in candidates])
        values = [round(one.cosine + weight * self.shared(text, one.row.text), 6) for one in candidates]
        order = sorted(range(len(values)), key=values.__getitem__, reverse=True)
        return [candidates[place] for place in order]

    def _best(self, candidates: list[_Candidate], scores: PairScores) -> list[Hit]:
        """The hits of a query."""
        order = list(range(len(candidates)))
        if self._by_score:
            values = scores.scores.round(6)
            order = np.argsort(-values, kind="stable").tolist()
            first = {candidates[place].row.id: place for place in reversed(order)}
            order = [place for place in order if first[candidates[place].row.id] == place]
        cosines = np.array([max(-1.0, min(1.0, one.cosine)) for one in candidates])
        decisions = _decided(self.matcher, scores, cosines, order)
        return [
            Hit(
                id=candidates[place].row.id,
                text=candidates[place].row.text,
                score=decisions[place].score,
                probability=decisions[place].probability,
                decision=decisions[place].decision,
                cosine=float(cosines[place]),
                payload=json.loads(candidates[place].row.payload),
            )
            for place in order[: self.k]
        ]


def _with_exact_cosines(
    candidates: Sequence[_Candidate], query: np.ndarray, vectors: Vectors
) -> list[_Candidate]:
    """The candidates with cosines whose digits do not depend on what else is searched for at the same time."""
    places = np.searchsorted(vectors.keys, [candidate.row.key for candidate in candidates])
    stored, wide = vectors.encoded[places].astype(np.float64), query.astype(np.float64)
    lengths = np.linalg.norm(stored, axis=1) * np.linalg.norm(wide)
    cosines = (stored * wide).sum(axis=1) / np.where(lengths > 0, lengths, 1)
    return [
        candidate._replace(cosine=round(cosine, 6))
        for candidate, cosine in zip(candidates, cosines.tolist(), strict=True)
    ]


def _one_an_id(candidates: list[_Candidate]) -> list[_Candidate]:
    """The first of each entry."""
    first: dict[str, _Candidate] = {}
    for candidate in candidates:
        first.setdefault(candidate.row.id, candidate)
    return list(first.values())


def _decided(
    matcher: TextMatcher, scores: PairScores, cosines: np.ndarray, order: Sequence[int]
) -> list[Decision]:
    """What is said of each candidate.

    Args:
        matcher: the model, with its calibration.
        scores, cosines: of the candidates with the query.
        order: their places, the first hit's first.
    """
    decisions = matcher.decisions(scores)
    search = matcher.saved.calibration.search
    if search is None or not order:
        return decisions
    # How far the second is behind tells more of the first than its score alone. No other is ahead of all.
    margins = np.zeros(len(order))
    margins[0] = margin_of([decisions[place].score for place in order[:2]])
    probabilities = search(scores.scores[list(order)], margins, cosines[list(order)])
    for place, probability in zip(order, probabilities.tolist(), strict=True):
        if not scores.indistinct[place]:
            verdict: Verdict = "match" if probability >= search.min_probability else "no match"
            decisions[place] = decisions[place]._replace(decision=verdict, probability=probability)
    return decisions


def margin_of(scores: Sequence[float]) -> float:
    """How far the first of some hits is ahead of the second, by their scores: in [0, 1], and 0 of none."""
    first, second = [*scores[:2], 0.0, 0.0][:2]
    return max(0.0, first - second)
