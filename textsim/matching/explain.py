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

import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from textsim.artifacts.saved_model import SavedModel
from textsim.matching.decisions import Verdict, decide
from textsim.matching.text_matcher import TextMatcher
from textsim.text.vocabulary import UNK_ID

EXACT_TOKENS = 11
"""Tokens of both texts together up to which every part of them is scored, so that values are exact."""
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

    def repeats(self, change: Change) -> bool:
        """Whether the text has the changed token more than once, so that its place alone tells which is meant."""
        tokens = self.tokens_a if change.text == "text_a" else self.tokens_b
        return sum(token.token == change.token for token in tokens) > 1

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
            which = f" (token {change.place + 1})" if self.repeats(change) else ""
            lines.append(
                f"{change.text}: with {change.token!r}{which} {how}, {change.decision} at {change.score:.4f}"
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
    sizes = [len(tokens) for tokens in game.tokens]
    exact = sum(sizes) <= EXACT_TOKENS
    orders = [] if exact else _orders(sizes, np.random.default_rng(seed))
    parts = (
        [[_subsets(size) for size in sizes]] if exact else [list(map(_beginnings, pair)) for pair in orders]
    )
    # Asked for together: each part of a text is encoded once, all in one batch.
    whole = [game.keys(side, np.ones((1, size), bool)) for side, size in enumerate(sizes)]
    alone = [game.keys(side, ~np.eye(size, dtype=bool)) for side, size in enumerate(sizes)]
    single, without_a, without_b, *tables = game.tables(
        [
            (whole[0] + alone[0], whole[1] + alone[1]),
            (game.keys_without(0), whole[1]),
            (whole[0], game.keys_without(1)),
            *([game.keys(side, part) for side, part in enumerate(pair)] for pair in parts),
        ]
    )
    values = _exact(parts[0], tables[0]) if exact else _sampled(orders, tables)
    decision = matcher.decide(text_a, text_b)
    tokens_a, tokens_b = (
        [TokenContribution(token, *pair) for token, pair in zip(tokens, side.T.tolist(), strict=True)]
        for tokens, side in zip(game.tokens, values, strict=True)
    )
    return Explanation(
        decision.score,
        decision.probability,
        decision.decision,
        # The first part of each text is that of which no token is known.
        float(tables[0][0, 0]),
        tokens_a,
        tokens_b,
        single[0, 0] - single[1:, :1] - single[:1, 1:] + single[1:, 1:],
        _changes(
            matcher.saved,
            decision.decision,
            game.tokens,
            (single[1:, 0], single[0, 1:]),
            (without_a, without_b),
        ),
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

    def keys(self, side: int, known: np.ndarray) -> list[bytes]:
        """A text with some of its tokens unknown, as the matcher's keys.

        Args:
            side: which text, 0 or 1.
            known: bool (parts, its tokens), whether a token is known.
        """
        ids = np.array([i for token in self._ids[side] for i in token], np.int32)
        of_token = np.repeat(np.arange(known.shape[1]), [len(token) for token in self._ids[side]])
        return [row.tobytes() for row in np.where(known[:, of_token], ids, np.int32(UNK_ID))]

    def keys_without(self, side: int) -> list[bytes]:
        """A text without each of its tokens; none where it has but one, for a text holds something."""
        tokens = self._ids[side]
        rest = ([*tokens[:place], *tokens[place + 1 :]] for place in range(len(tokens)))
        return [np.concatenate(ids).astype(np.int32).tobytes() for ids in rest if ids]

    def tables(self, asked: Sequence[Sequence[list[bytes]]]) -> list[np.ndarray]:
        """Scores of keys of text_a with keys of text_b, each with each, for each two lists: float64 (keys, keys)."""
        pairs = [pair for left, right in asked for pair in itertools.product(left, right)]
        scores, _ = self._matcher.compare_keys(
            [a for a, _ in pairs], [b for _, b in pairs], lambda place: self._differ, None
        )
        ends = np.cumsum([len(left) * len(right) for left, right in asked])
        parts = np.split(scores.astype(np.float64), ends[:-1])
        return [part.reshape(len(left), len(right)) for part, (left, right) in zip(parts, asked, strict=True)]


def _exact(parts: Sequence[np.ndarray], scores: np.ndarray) -> list[np.ndarray]:
    """Shapley values from every part of the tokens, float64 (2, tokens) of each text: values, errors of zero.

    Args:
        parts: of each text, see `_subsets`.
        scores: of each with each, float64 (parts of text_a, parts of text_b).
    """
    sizes = [part.shape[1] for part in parts]
    total = sum(sizes)
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
    return values


def _subsets(size: int) -> np.ndarray:
    """Every subset of `size` tokens, bool (2 ** size, size): subset s has token t where bit t of s is set."""
    return (np.arange(1 << size)[:, None] >> np.arange(size) & 1).astype(bool)


def _orders(sizes: Sequence[int], random: np.random.Generator) -> list[list[np.ndarray]]:
    """Orders of each text's tokens, in pairs of an order and its reverse."""
    drawn = [[random.permutation(size) for size in sizes] for _ in range(PERMUTATIONS // 2)]
    return [orders for pair in drawn for orders in (pair, [order[::-1] for order in pair])]


def _beginnings(order: np.ndarray) -> np.ndarray:
    """The parts of which the first i tokens of an order are known, for each i: bool (tokens + 1, tokens)."""
    return np.argsort(order) < np.arange(len(order) + 1)[:, None]


def _sampled(orders: Sequence[Sequence[np.ndarray]], scores: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Shapley values estimated from random orders, float64 (2, tokens) of each text: values and standard errors.

    All ways in which an order of each text can interleave are averaged at once: what the i-th token of one text adds
    is weighed by the probability that j tokens of the other come before it.

    Args:
        orders: of each text's tokens, see `_orders`.
        scores: for each of them, of all beginnings of text_a with all of text_b.
    """
    sizes = [len(order) for order in orders[0]]
    found = []
    for side, size in enumerate(sizes):
        before = _tokens_before(size, sizes[1 - side])
        gains = np.empty((len(orders), size))
        for row, order, table in zip(gains, (pair[side] for pair in orders), scores, strict=True):
            added = np.diff(table if side == 0 else table.T, axis=0)
            row[order] = (added * before).sum(axis=1)
        # An order and its reverse are one draw.
        draws = gains.reshape(-1, 2, size).mean(axis=1)
        found.append(np.stack([draws.mean(axis=0), draws.std(axis=0, ddof=1) / math.sqrt(len(draws))]))
    return found


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


def _changes(
    saved: SavedModel,
    decision: Verdict,
    tokens: Sequence[list[str]],
    unknown: Sequence[np.ndarray],
    removed: Sequence[np.ndarray],
) -> list[Change]:
    """The changes of one token after which the decision is another.

    Args:
        saved: the model.
        decision: of the texts as they are.
        tokens: of each text.
        unknown: of each text, the scores where one of its tokens is unknown.
        removed: likewise where one is removed, in any shape; empty where that cannot be.
    """
    found = []
    names: tuple[Literal["text_a", "text_b"], ...] = ("text_a", "text_b")
    ways: tuple[Literal["unknown", "removed"], ...] = ("unknown", "removed")
    for name, of_text, *scores in zip(names, tokens, unknown, removed, strict=True):
        for way, column in zip(ways, scores, strict=True):
            for place, changed in enumerate(decide(saved, column.ravel())):
                if changed.decision != decision:
                    found.append(Change(name, place, of_text[place], way, changed.score, changed.decision))
    return found
