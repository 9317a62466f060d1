"""Rules about single words: an antonym, another time, name or question word differs; a synonym does not."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable

from textsim.training.augmentation.contrast.lexicon import BRANDS, LATIN_NAMES, PLACES, TIMES
from textsim.training.augmentation.contrast.rule import Swap, Text, one_of, pattern_of, rule
from textsim.training.augmentation.contrast.synonyms import ANTONYMS, DIRECTED_SYNONYMS, SYNONYMS


def _others(groups: Iterable[tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """For each word of the groups those that stand beside it."""
    others: dict[str, tuple[str, ...]] = {}
    for group in groups:
        for word in group:
            others[word] = (*others.get(word, ()), *(other for other in group if other != word))
    return others


_ANTONYMS, _TIMES, _NAMES, _SYNONYMS = map(_others, (ANTONYMS, TIMES, (*PLACES, *BRANDS), SYNONYMS))


def _swaps(text: Text, others: dict[str, tuple[str, ...]], *, alone: bool) -> list[Swap]:
    """Every word of the text that has others, with each of those. `alone`: but where the text has one of them too."""
    return [
        Swap(word.start, word.end, new)
        for word in text.words
        if word.text in others and not (alone and any(other in text.text for other in others[word.text]))
        for new in others[word.text]
    ]


@rule("antonym", 0)
def antonym(text: Text, rng: random.Random) -> str | None:
    """The opposite, or the other direction: "怎么开启定位" and "怎么关闭定位"."""
    swaps = []
    for swap in _swaps(text, _ANTONYMS, alone=True):
        old = text.text[swap.start : swap.end]
        # Where a single character is part of a set phrase, its antonym is no word: 大概, 多少, 长大, 生气.
        if len(old) == 1 and not _scalar(text, swap):
            continue
        swaps.append(swap)
    return one_of(text, rng, swaps)


def _scalar(text: Text, swap: Swap) -> bool:
    """Whether a word of one character is said of something: after 很, 太, 更, 比较 or the like."""
    word, after = text.text[swap.start : swap.end], text.text[swap.end :]
    before = r"(?:[很太更最]|非常|特别|比较|有点|越来越|这么|那么)$"
    return bool(re.search(before, text.text[: swap.start])) and not (
        word in "多少" and after.startswith(("多", "少"))
    )


@rule("time-changed", 0)
def time_changed(text: Text, rng: random.Random) -> str | None:
    """Another time: "明天上课吗" and "后天上课吗"."""
    return one_of(text, rng, _swaps(text, _TIMES, alone=True))


_LATIN_NAMES = (
    ("iphone", "ipad", "vivo", "oppo"),
    ("nba", "cba"),
    ("excel", "word", "ppt"),
    ("android", "windows", "mac"),
)


@rule("name-changed", 0)
def name_changed(text: Text, rng: random.Random) -> str | None:
    """Another place, brand or thing of the kind: "北京天气" and "上海天气"."""
    swaps = _swaps(text, _NAMES, alone=True)
    found = {text.text[swap.start : swap.end] for swap in swaps}
    latin = [
        Swap(*match.span(), new)
        for kind in _LATIN_NAMES
        for match in re.finditer(rf"(?<![a-z])(?:{'|'.join(kind)})(?![a-z])", text.text.lower())
        for new in kind
        if new != match[0]
    ]
    return one_of(text, rng, [swap for swap in swaps if swap.new not in found] + latin)


_HOW = re.compile(r"(?<![不没再])(?:为什么|为啥|什么时候|何时|在哪里|在哪儿|怎么|怎样|如何|谁)")
_NOT_HOW = re.compile(
    r"样|了|办|回事|会|还|没|不|这么|那么|突然|总|老|一直|越|才|说|读|念|写|看待|能|想|啦|啊|呢|吧|走|去"
)

_STATE = re.compile("会|还|总|老|这么|那么|叫")


@rule("question-changed", 0)
def question_changed(text: Text, rng: random.Random) -> str | None:
    """Another thing asked: "为什么退款" and "什么时候退款"."""
    swaps = []
    for found in _HOW.finditer(text.text):
        old, after = found[0], text.text[found.end() :]
        if not after or not text.whole(*found.span()):
            continue
        follows = next((word for word in text.words if word.start == found.end()), None)
        if follows is None or not follows.tag.startswith(("v", "n", "p", "r", "d")):
            continue
        if old == "谁":
            continue
        if old in ("怎么", "怎样", "如何"):
            # "怎么打不开", "怎么降了" ask why.
            if _NOT_HOW.match(after) or re.search("[不没了]", after) or not follows.tag.startswith("v"):
                continue
            # Where it is done is nearly how.
            news: tuple[str, ...] = ("为什么", "什么时候")
        elif old in ("为什么", "为啥"):
            # Why not is not when not, and 怎么 may ask why too.
            news = () if re.search("[不没无]", after) or _STATE.match(after) else ("什么时候",)
        elif old in ("什么时候", "何时"):
            news = (
                ("为什么", "在哪里")
                if follows.tag.startswith("v") and not after.startswith(("能", "会", "可以", "才", "开始"))
                else ("为什么",)
            )
        else:
            news = ("什么时候",) if follows.tag.startswith("v") else ()
        swaps += [Swap(*found.span(), new) for new in news]
    for found in re.finditer(r"多少钱|多久|多大|多重|多高|多长(?!时间)|多远", text.text):
        swaps += [Swap(*found.span(), new) for new in ("多少钱", "多久", "多大", "多重") if new != found[0]]
    return one_of(text, rng, swaps)


_HOW_TO = {
    "怎么": ("如何", "怎样"),
    "如何": ("怎么", "怎样"),
    "怎样": ("怎么", "如何"),
    "咋": ("怎么", "如何"),
}
_NOT_HOW_TO = re.compile(r"样|了|办|回事|会|还|没|不|这么|那么|说|啦|啊|呢|吧|[？?]|评价|看待|一|的|着|个")
# A word of one character is many words: only longer ones are replaced.
_LONG = {word: others for word, others in _SYNONYMS.items() if len(word) > 1}


@rule("synonym", 1)
def synonym(text: Text, rng: random.Random) -> str | None:
    """Another word for it: "怎么修改密码" and "如何更改密码"."""
    changed = one_of(text, rng, _synonym_swaps(text))
    # Two at a time as often as one: texts that mean the same seldom differ in one word alone.
    if changed is None or rng.random() < 0.5:
        return changed
    again = one_of(Text(changed), rng, _synonym_swaps(Text(changed)))
    return changed if again in (None, text.text) else again


def _synonym_swaps(text: Text) -> list[Swap]:
    swaps = _swaps(text, _LONG, alone=True)
    for word, follows in zip(text.words, text.words[1:], strict=False):
        if (
            word.text in _HOW_TO
            and follows.tag.startswith(("v", "p"))
            and not _NOT_HOW_TO.match(follows.text)
            # "怎么减少了" asks why.
            and not (word.text == "怎么" and re.search("[了不没]", text.text[word.end :]))
        ):
            swaps += [Swap(word.start, word.end, new) for new in _HOW_TO[word.text]]
    swaps += [
        Swap(word.start, word.end, DIRECTED_SYNONYMS[word.text])
        for word in text.words
        if word.text in DIRECTED_SYNONYMS
    ]
    return swaps


_CHINESE: dict[str, str] = {}
for _latin, _names in LATIN_NAMES.items():
    for _name in _names:
        _CHINESE.setdefault(_name, _latin)
# As a Chinese word these are much more than the one thing.
for _name in (
    "文档",
    "应用",
    "会员",
    "苹果",
    "电视",
    "好的",
    "你好",
    "再见",
    "标志",
    "光盘",
    "邮件",
    "人事",
    "编号",
    "商标",
    "漏洞",
    "缺陷",
    "小米",
    "越野车",
    "修图",
    "软件",
    "荣耀",
    "大众",
):
    _CHINESE.pop(_name, None)
_LATIN_PATTERN = re.compile(
    "|".join(
        rf"(?<![a-z0-9_.]){re.escape(name)}(?![a-z0-9_.])"
        for name in sorted(LATIN_NAMES, key=len, reverse=True)
    )
)
_CHINESE_PATTERN = pattern_of(_CHINESE)


@rule("latin-name", 1)
def latin_name(text: Text, rng: random.Random) -> str | None:
    """One thing by its other name: "wifi连不上" and "无线网连不上"."""
    swaps = [
        Swap(*found.span(), new)
        for found in _LATIN_PATTERN.finditer(text.text.lower())
        for new in LATIN_NAMES[found[0]]
    ]
    swaps += [
        Swap(*found.span(), _CHINESE[found[0]])
        for found in _CHINESE_PATTERN.finditer(text.text)
        # A tablet is no PC.
        if text.whole(*found.span()) and not re.search("平板|笔记本$", text.text[: found.start()])
    ]
    return one_of(text, rng, swaps)
