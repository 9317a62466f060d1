"""An explanation as a page of its own: tokens in colour, and the matrix."""

from __future__ import annotations

from html import escape
from importlib import resources
from string import Template

from textsim.matching.explain import Explanation, TokenContribution

# Told apart also by those who confuse red and green.
_FOR, _AGAINST = (86, 160, 220), (240, 160, 80)

_DECISIONS = {"match": "匹配 match", "unsure": "不确定 unsure", "no match": "不匹配 no match"}


def explanation_page(explanation: Explanation) -> str:
    """The explanation as one HTML page that needs nothing from elsewhere."""
    tokens = [*explanation.tokens_a, *explanation.tokens_b]
    largest = max(abs(token.contribution) for token in tokens)
    columns = "".join(f"<th scope='col'>{escape(token.token)}</th>" for token in explanation.tokens_b)
    strongest = float(abs(explanation.matrix).max())
    rows = [
        f"<tr><th scope='row'>{escape(token.token)}</th>"
        + "".join(f"<td style='background:{_colour(value, strongest)}'>{value:+.2f}</td>" for value in values)
        + "</tr>"
        for token, values in zip(explanation.tokens_a, explanation.matrix.tolist(), strict=True)
    ]
    page = resources.files("textsim.evaluation") / "pages" / "explanation.html"
    return Template(page.read_text(encoding="utf-8")).substitute(
        title=escape(
            " / ".join(
                "".join(token.token for token in side)
                for side in (explanation.tokens_a, explanation.tokens_b)
            )
        ),
        decision=_DECISIONS[explanation.decision],
        probability=f"{explanation.probability:.3f}",
        score=f"{explanation.score:.4f}",
        base=f"{explanation.base:.4f}",
        tokens_a=_tokens(explanation.tokens_a, largest),
        tokens_b=_tokens(explanation.tokens_b, largest),
        matrix=f"<tr><td></td>{columns}</tr>" + "".join(rows),
        changes=_changes(explanation),
    )


def _tokens(tokens: list[TokenContribution], largest: float) -> str:
    return "".join(
        f"<span class='token {'for' if token.contribution >= 0 else 'against'}' "
        f"style='background:{_colour(token.contribution, largest)}'>"
        f"{escape(token.token)}<small>{token.contribution:+.3f}</small></span>"
        for token in tokens
    )


def _changes(explanation: Explanation) -> str:
    if not explanation.changes:
        return ""
    lines = [
        f"<li>{change.text}: <span lang='zh-CN'>{escape(change.token)}</span> "
        f"{f'(第 {change.place + 1} 个词元 token {change.place + 1}) ' if explanation.repeats(change) else ''}"
        f"{'去掉 removed' if change.change == 'removed' else '换成未登录词元 unknown'} → "
        f"{_DECISIONS[change.decision]}, {change.score:.4f}</li>"
        for change in explanation.changes
    ]
    return f"<h2>会改变结论的改动 Changes that change the decision</h2><ul>{''.join(lines)}</ul>"


def _colour(value: float, largest: float) -> str:
    strength = min(1.0, abs(value) / largest) if largest else 0.0
    red, green, blue = (
        round(255 - (255 - channel) * strength) for channel in (_FOR if value >= 0 else _AGAINST)
    )
    return f"rgb({red},{green},{blue})"
