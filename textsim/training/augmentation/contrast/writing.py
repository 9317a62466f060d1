"""Rules about writing: other characters, width, case, a slip of the pen or a word of politeness say the same."""

from __future__ import annotations

import random
import re
from functools import cache
from typing import Any

from textsim.training.augmentation.contrast.lexicon import (
    LOOK_ALIKES,
    MOODS,
    OPENERS,
    QUESTION_CLOSERS,
    STATEMENT_CLOSERS,
)
from textsim.training.augmentation.contrast.rule import Swap, Text, language_package, one_of, rule

_CHINESE = re.compile("[一-鿿]")
# Frequent characters: what is typed by mistake is one of them.
_COMMON = (
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看"
    "定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见"
    "被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电"
    "数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南"
    "品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运号帐账码卡款钱付费借还贷息额退换货单店买卖价值免密登陆录录注册绑定客服电机手"
)
_SEVERAL_SOUNDS = frozenset("行长重乐着得地的都还没会为只种中当相应教数发好少调便处量分间了和不一传空难看更")


@rule("traditional", 1)
def traditional(text: Text, rng: random.Random) -> str | None:
    """Traditional characters: "怎么还款" and "怎麼還款"."""
    changed: str = _to_traditional().convert(text.text)
    return changed if changed != text.text else None


@cache
def _to_traditional() -> Any:
    return language_package("opencc").OpenCC("s2t")


@rule("full-width", 1)
def full_width(text: Text, rng: random.Random) -> str | None:
    """Letters and digits in full width or the other case: "iPhone 6" and "ＩＰＨＯＮＥ６"."""
    if not re.search("[A-Za-z0-9]", text.text):
        return None
    forms = [
        form for form in (text.text.upper(), text.text.lower(), _widened(text.text)) if form != text.text
    ]
    return rng.choice(forms) if forms else None


def _widened(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


@cache
def _homophones() -> dict[str, tuple[str, ...]]:
    """For each frequent character those that sound the same, tone and all."""
    pypinyin = language_package("pypinyin")
    by_sound: dict[str, list[str]] = {}
    for character in dict.fromkeys(_COMMON):
        if character not in _SEVERAL_SOUNDS:
            sound = pypinyin.pinyin(character, style=pypinyin.Style.TONE3)[0][0]
            by_sound.setdefault(sound, []).append(character)
    return {
        character: tuple(other for other in group if other != character)
        for group in by_sound.values()
        for character in group
        if len(group) > 1
    }


@rule("homophone-typo", 1)
def homophone_typo(text: Text, rng: random.Random) -> str | None:
    """A character that sounds the same in its place: "怎么登录" and "怎么登陆"."""
    homophones = _homophones()
    swaps = [
        Swap(place, place + 1, new)
        for word in text.words
        # A word of two characters and more is read rightly with one of them wrong.
        if len(word.text) > 1 and not word.tag.startswith(("nr", "ns", "m", "t"))
        for place in range(word.start, word.end)
        for new in homophones.get(text.text[place], ())
    ]
    swaps = [swap for swap in swaps if _no_word(text, swap)]
    return one_of(text, rng, swaps)


@rule("look-alike-typo", 1)
def look_alike_typo(text: Text, rng: random.Random) -> str | None:
    """A character that looks alike in its place: "贷款" and "货款" it is not where that is a word of its own."""
    swaps = [
        Swap(place, place + 1, new)
        for word in text.words
        if len(word.text) > 1
        for place in range(word.start, word.end)
        for group in LOOK_ALIKES
        if text.text[place] in group
        for new in group
        if new != text.text[place]
    ]
    return one_of(text, rng, [swap for swap in swaps if _no_word(text, swap)])


def _no_word(text: Text, swap: Swap) -> bool:
    """Whether the word is no other word once a character of it is changed: a slip, not another thing said."""
    import jieba

    word = next(word for word in text.words if word.start <= swap.start < word.end)
    changed = word.text[: swap.start - word.start] + swap.new + word.text[swap.end - word.start :]
    jieba.initialize()
    return not jieba.dt.FREQ.get(changed)


_QUESTION = re.compile(
    r"吗|呢|什么|怎|哪|谁|几|多少|多久|为啥|咋|如何|[?？]|能不能|可不可以|是不是|有没有|可否|是否"
)
_TIDY = re.compile(r"[。.!！?？~\s]+$")


def _asks_by_its_mark_alone(text: Text) -> bool:
    """Whether a text is a question with its mark and a statement without it: "他来了？"."""
    return bool(re.search("[?？]", text.text)) and not _QUESTION.search(re.sub("[?？]", "", text.text))


@rule("particle", 1)
def particle(text: Text, rng: random.Random) -> str | None:
    """A word of politeness or of feeling more: "怎么退款" and "请问怎么退款啊"."""
    if not _CHINESE.search(text.text) or len(text.text) > 60 or _asks_by_its_mark_alone(text):
        return None
    bare = _TIDY.sub("", text.text)
    if not bare:
        return None
    if _QUESTION.search(bare):
        opened = (
            rng.choice(OPENERS) + bare
            if rng.random() < 0.7 and not re.match("请问|你好|您好|问", bare)
            else bare
        )
        ends_softly = re.search("[吗呢啊呀吧么]$", bare)
        closers = [closer for closer in QUESTION_CLOSERS if not (ends_softly and closer in "呢啊呀")]
        changed = opened + rng.choice(closers) if opened == bare or rng.random() < 0.4 else opened
    else:
        closers = [
            closer
            for closer in STATEMENT_CLOSERS
            if not (bare[-1] in "了啊呢吧的呀哦嘛" and closer in "啊呢哦")
        ]
        changed = bare + rng.choice(closers)
    return changed if changed != text.text else None


# Not inside a number, or between the two of a range.
_SIGNS = re.compile("(?<![0-9])[,，。!！?？、~]+|[,，。!！?？、~]+(?![0-9])")


@rule("spaced", 1)
def spaced(text: Text, rng: random.Random) -> str | None:
    """Signs between the words other or gone: "你好，在吗" and "你好 在吗"."""
    signs = [found.span() for found in _SIGNS.finditer(text.text)]
    if not signs or len(text.text) > 80 or _asks_by_its_mark_alone(text):
        return None
    last = signs[-1] if signs[-1][1] == len(text.text) else None
    forms = [_SIGNS.sub(" ", text.text).strip(), _SIGNS.sub("。", text.text)]
    # At the end alone a sign may go without another in its place.
    if last is not None:
        forms.append(text.text[: last[0]])
    forms = [form for form in forms if form and form != text.text]
    return rng.choice(forms) if forms else None


@rule("mood", 1)
def mood(text: Text, rng: random.Random) -> str | None:
    """A picture of a mood, up to three times: "怎么退货" and "怎么退货😭😭"."""
    if not _CHINESE.search(text.text) or len(text.text) > 60:
        return None
    picture = rng.choice(MOODS) * rng.choice((1, 1, 2, 3))
    return picture + text.text if rng.random() < 0.1 else text.text + picture
