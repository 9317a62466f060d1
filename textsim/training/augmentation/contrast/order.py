"""Rules about order: who does what to whom, from where to where, what stands before what."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from textsim.training.augmentation.contrast.lexicon import (
    BEFORE_CLAUSE,
    DONE_TO,
    NO_NOUN,
    PEOPLE,
    TOWARDS,
    TURNED_INTO,
)
from textsim.training.augmentation.contrast.rule import Swap, Text, Word, one_of, rule

Span = tuple[int, int]

_MARK = r",，。.!！?？;；:：\s"
_NOUNS = ("n", "nr", "ns", "nt", "nz", "r", "eng", "s")


def _noun(word: Word) -> bool:
    return word.tag.startswith(_NOUNS) and word.text not in NO_NOUN


def _noun_before(words: tuple[Word, ...], k: int) -> Span | None:
    """The noun, or noun of two words, that ends before word k and begins its clause."""
    first = k
    while first and _noun(words[first - 1]):
        first -= 1
    if not 1 <= k - first <= 2 or not _begins_clause(words, first):
        return None
    return words[first].start, words[k - 1].end


def _noun_at(words: tuple[Word, ...], k: int) -> Span | None:
    """The pronoun, noun, or noun of two words, that begins at word k; None where 的 or a joint follows it."""
    last = k
    while last < len(words) and _noun(words[last]):
        last += 1
        if words[k].tag == "r":
            break
    joined = last < len(words) and words[last].text in ("的", "和", "与", "、", "跟", "或", "及", "之")
    return None if joined or not 1 <= last - k <= 2 else (words[k].start, words[last - 1].end)


def _begins_clause(words: tuple[Word, ...], first: int) -> bool:
    clause = []
    for word in reversed(words[:first]):
        if re.fullmatch(f"[{_MARK}]", word.text):
            break
        clause.append(word.text)
    return not clause or "".join(reversed(clause)) in BEFORE_CLAUSE


def _exchanged(text: str, first: Span, second: Span) -> str | None:
    """The text with two of its parts in each other's place; None where they are alike or one holds the other."""
    (a, b), (c, d) = first, second
    one, other = text[a:b], text[c:d]
    if b > c or one in other or other in one:
        return None
    return text[:a] + other + text[b:c] + one + text[d:]


def _any(rng: random.Random, variants: Iterator[str | None]) -> str | None:
    found = [variant for variant in variants if variant is not None]
    return rng.choice(found) if found else None


@rule("roles-swapped", 0)
def roles_swapped(text: Text, rng: random.Random) -> str | None:
    """Who does it and to whom it is done in each other's place: "我借给他钱" and "他借给我钱"."""

    def variants() -> Iterator[str | None]:
        words = text.words
        for k, word in enumerate(words[1:-1], 1):
            if word.text not in DONE_TO and word.text not in TOWARDS:
                continue
            # 不, 没, 很 and the like may stand before the verb, 了 after it.
            before = (
                k - 1
                if words[k - 1].tag.startswith(("d", "v", "zg")) and words[k - 1].text not in DONE_TO
                else k
            )
            after = k + 2 if words[k + 1].text in ("了", "过", "着") else k + 1
            left, right = _noun_before(words, before), _noun_at(words, after)
            if not left or not right:
                continue
            follows = next((w for w in words if w.start == right[1]), None)
            if word.text in TOWARDS and (follows is None or not follows.tag.startswith("v")):
                continue
            if follows is not None and _noun(follows) and not word.text.endswith("给"):
                continue
            yield _exchanged(text.text, left, right)

    return _any(rng, variants())


_DEGREES = re.compile(
    "[更还要]?(?:[大小高低贵快慢好强早晚远近长短重轻老厉有便优差坏难容安聪胖瘦矮冷热厚宽深漂年严流努适受耐省费划]|多|少)"
)


@rule("compared-swapped", 0)
def compared_swapped(text: Text, rng: random.Random) -> str | None:
    """What is compared in each other's place: "苹果比梨贵" and "梨比苹果贵"."""

    def variants() -> Iterator[str | None]:
        for k, word in enumerate(text.words):
            if word.text in ("比", "不如", "没有") and 0 < k < len(text.words) - 2:
                left, right = _noun_before(text.words, k), _noun_at(text.words, k + 1)
                if not left or not right:
                    continue
                rest = text.text[right[1] :]
                if _DEGREES.match(rest) if word.text != "没有" else re.match("那么|这么", rest):
                    yield _exchanged(text.text, left, right)

    return _any(rng, variants())


# Of these both ways are alike, or the ends are no ends.
_BOTH_WAYS = re.compile("距离|多远|公里|之间|来回|往返|相距|小到大|大到小|不等|以来")


@rule("endpoints-swapped", 0)
def endpoints_swapped(text: Text, rng: random.Random) -> str | None:
    """The two ends of a way in each other's place: "从北京到上海怎么走" and "从上海到北京怎么走"."""
    if _BOTH_WAYS.search(text.text):
        return None

    def variants() -> Iterator[str | None]:
        words = text.words
        for k in range(1, len(words) - 1):
            word, before, after = words[k], words[k - 1], words[k + 1]
            if not (_noun(before) and _noun(after)) or len(before.text) < 2 or len(after.text) < 2:
                continue
            if k + 2 < len(words) and (
                (_noun(words[k + 2]) and before.tag != "ns") or words[k + 2].text in ("、", "和", "的")
            ):
                continue
            places = before.tag == after.tag == "ns"
            from_to = word.text in ("到", "至") and k > 1 and words[k - 2].text in ("从", "由")
            turned = word.text in TURNED_INTO and (
                k == 1 or words[k - 2].text in ("把", "将") or _begins_clause(words, k - 1)
            )
            once = text.text.count(before.text) == text.text.count(after.text) == 1
            if once and (
                from_to or turned or (places and word.text in ("到", "去", "飞", "至", "飞往", "回"))
            ):
                yield _exchanged(text.text, before.span, after.span)

    return _any(rng, variants())


_SEQUENCES = (
    re.compile(
        rf"先(?P<a>[^{_MARK}先再后]{{1,6}})[,，]?(?:再|然后|后)(?P<b>[^{_MARK}先再后吗呢吧的了]{{1,6}})(?=$|[{_MARK}吗呢吧])"
    ),
    re.compile(rf"因为(?P<a>[^{_MARK}]{{2,12}})[,，]所以(?P<b>[^{_MARK}]{{2,12}})(?=$|[{_MARK}])"),
)


@rule("sequence-swapped", 0)
def sequence_swapped(text: Text, rng: random.Random) -> str | None:
    """What comes first and what after in each other's place: "先洗澡再吃饭" and "先吃饭再洗澡"."""
    return _any(
        rng,
        (
            _exchanged(text.text, found.span("a"), found.span("b"))
            for form in _SEQUENCES
            for found in form.finditer(text.text)
            if text.whole(*found.span("a")) and text.whole(*found.span("b"))
        ),
    )


@rule("possessor-swapped", 0)
def possessor_swapped(text: Text, rng: random.Random) -> str | None:
    """Whose and what in each other's place: "老师的朋友" and "朋友的老师"."""
    joints = ("的", "和", "与", "跟")
    words = text.words
    return _any(
        rng,
        (
            _exchanged(text.text, words[k - 1].span, words[k + 1].span)
            for k in range(1, len(words) - 1)
            if words[k].text == "的"
            and {words[k - 1].text, words[k + 1].text} <= PEOPLE
            and not any(words[n].text in joints for n in (k - 2, k + 2) if 0 <= n < len(words))
        ),
    )


_AFTER_JOINED = re.compile(
    f"$|[{_MARK}]|哪|的区别|的不同|的关系|有什么|谁|都|同时|一样|之间|怎么选|比较|比|区别"
)


@rule("conjuncts-swapped", 1)
def conjuncts_swapped(text: Text, rng: random.Random) -> str | None:
    """Two joined things in the other order, which says the same: "苹果和香蕉哪个好" and "香蕉和苹果哪个好"."""
    if "分别" in text.text or "依次" in text.text:
        return None

    def variants() -> Iterator[str | None]:
        words = text.words
        for k in range(1, len(words) - 1):
            before, after = words[k - 1], words[k + 1]
            if words[k].text not in ("和", "与", "跟", "或者", "及", "还是", "或") or before.tag != after.tag:
                continue
            # Of a name of several Latin words, one would be torn off.
            if (
                before.tag == "eng"
                or not (_noun(before) and _noun(after))
                or not _AFTER_JOINED.match(text.text[after.end :])
            ):
                continue
            # Nothing describes the first alone.
            if k > 1 and (words[k - 2].text in ("的", "、", "和", "与") or words[k - 2].tag[0] in "nmqabe"):
                continue
            yield _exchanged(text.text, before.span, after.span)

    return _any(rng, variants())


# The end of what was done: "弄丢了", "寄走", not "当作".
_DONE = re.compile("了$|[走掉坏完好死倒丢光碎]$|进|出|到|成")


def _voices(text: Text) -> Iterator[tuple[str, tuple[str, str, str, str, str]]]:
    """Clauses of 把 or 被.

    Yields the particle, and five texts: what is before, who does it, to what, the verb with its rest, what is after.
    """
    words = text.words
    for k, word in enumerate(words):
        if word.text not in ("把", "被", "将") or not 0 < k < len(words) - 2:
            continue
        left, right = _noun_before(words, k), _noun_at(words, k + 1)
        first = next((w for w in words if right and w.start == right[1]), None)
        if not left or not right or first is None or not first.tag.startswith("v"):
            continue
        stop = re.compile(f"[{_MARK}]").search(text.text, right[1])
        end = stop.start() if stop else len(text.text)
        verb = text.text[right[1] : end]
        if not 2 <= len(verb) <= 8 or re.search("[把被将让使给的吗呢]", verb) or not _DONE.search(verb):
            continue
        doer, thing = (right, left) if word.text == "被" else (left, right)
        yield (
            word.text,
            (text.text[: left[0]], text.text[slice(*doer)], text.text[slice(*thing)], verb, text.text[end:]),
        )


@rule("voice-changed", 1)
def voice_changed(text: Text, rng: random.Random) -> str | None:
    """Active and passive: "我把手机弄丢了" and "手机被我弄丢了"."""
    return _any(
        rng,
        (
            f"{before}{doer}把{thing}{verb}{after}"
            if particle == "被"
            else f"{before}{thing}被{doer}{verb}{after}"
            for particle, (before, doer, thing, verb, after) in _voices(text)
        ),
    )


@rule("voice-roles-swapped", 0)
def voice_roles_swapped(text: Text, rng: random.Random) -> str | None:
    """The other does it: "小明被老师批评了" and "小明把老师批评了", or "老师被小明批评了"."""
    return _any(
        rng,
        (
            variant
            for _, (before, doer, thing, verb, after) in _voices(text)
            for variant in (f"{before}{doer}被{thing}{verb}{after}", f"{before}{thing}把{doer}{verb}{after}")
        ),
    )


_BY = re.compile(
    "(?P<one>我|你|他|她)被(?P<other>我|你|他|她|人|别人)(?P<verb>[打骂骗抢追踢咬拉]|拒绝|欺负|批评|拉黑|举报|投诉|抛弃|甩)了"
)


@rule("passive-made-active", 0)
def passive_made_active(text: Text, rng: random.Random) -> str | None:
    """The passive made active with the same beginning, so that the other does it: "我被他骗了" and "我骗了他"."""
    swaps = [
        Swap(*found.span(), f"{found['one']}{found['verb']}了{found['other']}")
        for found in _BY.finditer(text.text)
    ]
    return one_of(text, rng, swaps)
