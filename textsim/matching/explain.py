"""Why a pair scores what it scores: what each token of both texts contributes.

A token is taken away by reading it as unknown. The score of the texts with any part of their tokens is then a game
between the tokens, and a token's Shapley value is its fair part of the score: all values together make up the
difference between the score and the base, the score where every token is unknown.

Since the two texts of a pair are encoded apart, a part of the tokens of one text is encoded once, whatever is left of
the other, and only the head compares each with each.

References:
    Shapley (1953), A Value for n-Person Games.
    Castro, Gómez & Tejada (2009), Polynomial calculation of the Shapley value based on sampling.
    Mitchell, Cooper, Frank & Holmes (2022), Sampling Permutations for Shapley Value Estimation: antithetic sampling.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from textsim.matching.cache import VectorCache
from textsim.matching.decisions import Verdict, decide
from textsim.matching.text_matcher import TextMatcher
from textsim.text.vocabulary import UNK_ID

EXACT_TOKENS = 11
"""Tokens of both texts together up to which every part of them is scored, so that values are exact."""
_CACHE_BYTES = 64 << 20
PERMUTATIONS = 12
"""Orders of each text's tokens that are drawn where there are more, in pairs of an order and its reverse."""


class TokenContribution(NamedTuple):
    """What a token adds to the score.

    Attributes:
        token: as the model reads it.
        contribution: its Shapley value, in [-1, 1].
        error: the standard error of that; 0 where it is exact.
    """

    token: str
    contribution: float
    error: float


class Change(NamedTuple):
    """A change of one token that changes the decision.

    Attributes:
        text: "text_a" or "text_b".
        place: of the token, from 0.
        token: it.
        change: "removed", or "unknown" where another, unknown token stands in its place.
        score: of the pair with that change, in [0, 1].
        decision: likewise.
    """

    text: Literal["text_a", "text_b"]
    place: int
    token: str
    change: Literal["removed", "unknown"]
    score: float
    decision: Verdict


@dataclass(frozen=True)
class Explanation:
    """Why a pair of texts scores what it scores.

    Attributes:
        score, probability, decision: see `TextMatcher.decide`.
        base: the score where all tokens of both texts are unknown, in [0, 1]. Base and contributions sum to the score.
        tokens_a, tokens_b: the tokens that are read of each text, in their order.
        matrix: float64 (tokens of text_a, tokens of text_b), second differences: how much more the score falls where
            both tokens are unknown than where each is alone, with a minus sign. Above 0: the two tokens work together
            for a match.
        changes: changes of one token that change the decision.
    """

    score: float
    probability: float
    decision: Verdict
    base: float
    tokens_a: list[TokenContribution]
    tokens_b: list[TokenContribution]
    matrix: np.ndarray
    changes: list[Change]

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            **asdict(self),
            "tokens_a": [token._asdict() for token in self.tokens_a],
            "tokens_b": [token._asdict() for token in self.tokens_b],
            "matrix": self.matrix.tolist(),
            "changes": [change._asdict() for change in self.changes],
        }

    def format(self) -> str:
        """As lines of text: a token a line with its contribution, the largest bars for the largest of them."""
        tokens = [*self.tokens_a, *self.tokens_b]
        largest = max((abs(token.contribution) for token in tokens), default=0.0) or 1.0
        lines = [f"{self.score:.4f}  {self.decision}, probability {self.probability:.3f}"]
        lines.append(f"{self.base:+.4f}  base: all tokens unknown")
        for name, side in (("text_a", self.tokens_a), ("text_b", self.tokens_b)):
            lines.append(name)
            for token in side:
                bar = ("+" if token.contribution >= 0 else "-") * round(
                    20 * abs(token.contribution) / largest
                )
                error = f" ±{token.error:.4f}" if token.error else ""
                lines.append(f"{token.contribution:+.4f}{error}  {token.token}  {bar}".rstrip())
        for change in self.changes:
            how = "removed" if change.change == "removed" else "read as unknown"
            lines.append(
                f"{change.text}: with {change.token!r} {how}, {change.decision} at {change.score:.4f}"
            )
        return "\n".join(lines)


def explain(matcher: TextMatcher, text_a: str, text_b: str, *, seed: int = 0) -> Explanation:
    """Explains the score of a pair of texts.

    Contributions are exact where the two texts have `EXACT_TOKENS` tokens together at most; beyond, they are estimated
    from `PERMUTATIONS` orders of each text's tokens, with their standard errors, and still sum to the score.

    Args:
        matcher: the loaded model.
        text_a, text_b: the texts.
        seed: of the drawn orders.

    Raises:
        InputError: a text is not a str, or is empty once it is normalized.

    Example:
        >>> found = explain(TextMatcher.load("zh-general"), "花呗怎么还款", "怎样还花呗")
        >>> total = found.base + sum(token.contribution for token in [*found.tokens_a, *found.tokens_b])
        >>> abs(total - found.score) < 1e-5
        True
    """
    game = _Game(matcher, text_a, text_b)
    sizes = tuple(map(len, game.tokens))
    values = _exact(game) if sum(sizes) <= EXACT_TOKENS else _sampled(game, np.random.default_rng(seed))
    decision = matcher.decide(text_a, text_b)
    whole = [np.ones((1, size), bool) for size in sizes]
    nothing = [np.zeros((1, size), bool) for size in sizes]
    tokens_a, tokens_b = (
        [TokenContribution(token, *pair) for token, pair in zip(tokens, side.T.tolist(), strict=True)]
        for tokens, side in zip(game.tokens, values, strict=True)
    )
    alone, matrix = _differences(game, float(game.scores(*whole)[0, 0]))
    return Explanation(
        decision.score,
        decision.probability,
        decision.decision,
        float(game.scores(*nothing)[0, 0]),
        tokens_a,
        tokens_b,
        matrix,
        _changes(game, decision.decision, alone),
    )


class _Game:
    """The score of two texts as a function of the tokens that are known.

    Attributes:
        tokens: of each text.
    """

    def __init__(self, matcher: TextMatcher, text_a: str, text_b: str) -> None:
        self._matcher = matcher
        sides = [matcher.tokenize(text, name) for text, name in ((text_a, "text_a"), (text_b, "text_b"))]
        self.tokens = tuple([token.text for token in side] for side in sides)
        self._ids = tuple([token.ids for token in side] for side in sides)
        assert matcher.saved.tokenizer is not None
        normalize = matcher.saved.tokenizer.normalizer
        self._differ = normalize(text_a) != normalize(text_b)
        # Each part of a text's tokens is encoded once.
        self._cache = VectorCache(_CACHE_BYTES)

    def scores(self, known_a: np.ndarray, known_b: np.ndarray) -> np.ndarray:
        """Scores of each part of text_a with each of text_b.

        Args:
            known_a: bool (parts of text_a, its tokens), whether a token is known.
            known_b: likewise of text_b.

        Returns:
            float64 (parts of text_a, parts of text_b).
        """
        left, right = self._keys(0, known_a), self._keys(1, known_b)
        return self._compare(left, right)

    def score_without(self, side: int, place: int) -> float:
        """The score where a token is not there at all."""
        keys = [self._keys(k, np.ones((1, len(self.tokens[k])), bool)) for k in (0, 1)]
        rest = [ids for other, ids in enumerate(self._ids[side]) if other != place]
        keys[side] = [np.array([i for ids in rest for i in ids], np.int32).tobytes()]
        return float(self._compare(*keys)[0, 0])

    def _keys(self, side: int, known: np.ndarray) -> list[bytes]:
        ids = np.array([i for token in self._ids[side] for i in token], np.int32)
        of_token = np.repeat(np.arange(known.shape[1]), [len(token) for token in self._ids[side]])
        return [row.tobytes() for row in np.where(known[:, of_token], ids, np.int32(UNK_ID))]

    def _compare(self, left: Sequence[bytes], right: Sequence[bytes]) -> np.ndarray:
        pairs = [(a, b) for a in left for b in right]
        scores, _ = self._matcher.compare_keys(
            [a for a, _ in pairs], [b for _, b in pairs], lambda place: self._differ, self._cache
        )
        return scores.astype(np.float64).reshape(len(left), len(right))


def _exact(game: _Game) -> tuple[np.ndarray, np.ndarray]:
    """Shapley values from every part of the tokens, float64 (2, tokens) of each text: values, errors of zero."""
    sizes = [len(tokens) for tokens in game.tokens]
    total = sum(sizes)
    parts = [_subsets(size) for size in sizes]
    scores = game.scores(*parts)
    known = [part.sum(axis=1) for part in parts]
    count = known[0][:, None] + known[1]
    # The weight of what a token adds to a part of `count` others.
    weights = np.array(
        [1 / (total * math.comb(total - 1, k)) if k < total else 0.0 for k in range(total + 1)]
    )
    values = []
    for side, size in enumerate(sizes):
        table, counts = (scores, count) if side == 0 else (scores.T, count.T)
        subsets = np.arange(len(parts[side]))
        gains = []
        for token in range(size):
            without = subsets[~parts[side][:, token]]
            added = table[without + (1 << token)] - table[without]
            gains.append(float((added * weights[counts[without]]).sum()))
        values.append(np.array([gains, np.zeros(size)]))
    return values[0], values[1]


def _subsets(size: int) -> np.ndarray:
    """Every subset of `size` tokens, bool (2 ** size, size): subset s has token t where bit t of s is set."""
    return (np.arange(1 << size)[:, None] >> np.arange(size) & 1).astype(bool)


def _sampled(game: _Game, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Shapley values estimated from random orders, float64 (2, tokens) of each text: values and standard errors.

    An order of each text's tokens is drawn, and all ways in which the two can interleave are averaged at once: what
    the i-th token of one text adds is weighed by the probability that j tokens of the other come before it.
    """
    sizes = [len(tokens) for tokens in game.tokens]
    before = [_tokens_before(sizes[side], sizes[1 - side]) for side in (0, 1)]
    samples: list[list[np.ndarray]] = [[], []]
    for _ in range(PERMUTATIONS // 2):
        drawn = [random.permutation(size) for size in sizes]
        pair: list[list[np.ndarray]] = [[], []]
        for orders in (drawn, [order[::-1] for order in drawn]):
            # The first i tokens of an order are known, for each i.
            parts = [np.argsort(order) < np.arange(len(order) + 1)[:, None] for order in orders]
            scores = game.scores(*parts)
            for side, order in enumerate(orders):
                table = scores if side == 0 else scores.T
                gains = np.empty(len(order))
                gains[order] = (np.diff(table, axis=0) * before[side]).sum(axis=1)
                pair[side].append(gains)
        for side in (0, 1):
            samples[side].append(np.mean(pair[side], axis=0))
    stacked = [np.stack(side) for side in samples]
    return tuple(  # type: ignore[return-value]
        np.stack([side.mean(axis=0), side.std(axis=0, ddof=1) / math.sqrt(len(side))]) for side in stacked
    )


def _tokens_before(size: int, others: int) -> np.ndarray:
    """The probability that j of `others` come before the i-th of `size` in a random order, (size, others + 1)."""
    ways = math.comb(size + others, size)
    return np.array(
        [
            [
                math.comb(i + j, j) * math.comb(size - 1 - i + others - j, others - j) / ways
                for j in range(others + 1)
            ]
            for i in range(size)
        ]
    )


def _differences(game: _Game, score: float) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Scores where one token is unknown, float64 (tokens,) of each text; and the second differences."""
    sizes = [len(tokens) for tokens in game.tokens]
    # The whole text first, then each token unknown.
    parts = [np.concatenate([np.ones((1, size), bool), ~np.eye(size, dtype=bool)]) for size in sizes]
    scores = game.scores(*parts)
    alone = scores[1:, 0], scores[0, 1:]
    return alone, score - alone[0][:, None] - alone[1][None] + scores[1:, 1:]


def _changes(game: _Game, decision: Verdict, alone: Sequence[np.ndarray]) -> list[Change]:
    """The changes of one token after which the decision is another."""
    saved = game._matcher.saved
    found = []
    for side, name in ((0, "text_a"), (1, "text_b")):
        tokens = game.tokens[side]
        ways = [("unknown", alone[side].tolist())]
        if len(tokens) > 1:
            ways.append(("removed", [game.score_without(side, place) for place in range(len(tokens))]))
        for way, scores in ways:
            for place, changed in enumerate(decide(saved, np.array(scores))):
                if changed.decision != decision:
                    found.append(
                        Change(name, place, tokens[place], way, changed.score, changed.decision)  # type: ignore[arg-type]
                    )
    return found
