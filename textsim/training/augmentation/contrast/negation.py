"""Rules about negation: one "not" more or less turns the meaning round, two leave it as it is."""

from __future__ import annotations

import random
import re

from textsim.training.augmentation.contrast.rule import Swap, Text, one_of, rule

# What asks for a yes or a no: there "能退吗" and "不能退吗" ask the same.
_YES_NO = re.compile(
    r"[吗么嘛吧]\s*[?？]?\s*$|[吗吧][,，。？?！!]|(.)[不没]\1|是否|有没有|可不可以|能否|会否|要不|还是|难道|不是|没[?？]?$|不[?？]?$|与否"
)
# A question by its mark alone: "没有人管？" asks for the same as "有人管？".
_WITHOUT_WORD = re.compile(r"^(?!.*(?:怎|什么|哪|谁|为何|为啥|如何|多少|几)).*[?？]")
# Words before which 不 or 没 may stand, and what it makes of them.
_POSITIVE = {
    "可以": "不可以",
    "能够": "不能够",
    "应该": "不应该",
    "愿意": "不愿意",
    "喜欢": "不喜欢",
    "同意": "不同意",
    "允许": "不允许",
    "支持": "不支持",
    "需要": "不需要",
    "知道": "不知道",
    "相信": "不相信",
    "认识": "不认识",
    "适合": "不适合",
    "值得": "不值得",
    "包括": "不包括",
    "必须": "不必",
    "已经": "还没有",
    "能": "不能",
    "会": "不会",
    "要": "不要",
    "想": "不想",
    "是": "不是",
    "敢": "不敢",
    "有": "没有",
    "收到": "没收到",
    "看到": "没看到",
    "成功": "不成功",
    "显示": "不显示",
    "推荐": "不推荐",
    "容易": "不容易",
    "清楚": "不清楚",
    "满意": "不满意",
    "方便": "不方便",
    "舒服": "不舒服",
    "干净": "不干净",
    "新鲜": "不新鲜",
}
_BEFORE_NOT = re.compile(r"[不没未别无非莫勿]$|[只还就正才也都再最太更很真好挺又既]$")
_TAGS_NEEDED = {"能": "v", "会": "v", "要": "v", "想": "v", "是": "v", "有": "v"}
_NEGATIVE = {
    "不可以": "可以",
    "不能": "能",
    "不会": "会",
    "不想": "想",
    "不用": "要",
    "没有": "有",
    "无法": "可以",
    "不喜欢": "喜欢",
    "不同意": "同意",
    "不允许": "允许",
    "不支持": "支持",
    "不需要": "需要",
    "不知道": "知道",
    "不适合": "适合",
    "不满意": "满意",
    "不方便": "方便",
    "不推荐": "推荐",
    "不值得": "值得",
    "不清楚": "清楚",
    "不新鲜": "新鲜",
    "不干净": "干净",
    "不舒服": "舒服",
    "没收到": "收到了",
    "从不": "总是",
    "从来不": "总是",
}
_NEGATED_PART = re.compile("|".join(sorted(_NEGATIVE, key=len, reverse=True)))
_DOUBLE = re.compile(
    r"不[^,，。!！?？]{0,6}不|没[^,，。!！?？]{0,6}[不没]|不[^,，。!！?？]{0,6}没|否则|不然|除非|不得不|非.{1,6}不"
)


@rule("negation-added", 0)
def negation_added(text: Text, rng: random.Random) -> str | None:
    """One negation more: "这里可以停车" and "这里不可以停车"."""
    if _YES_NO.search(text.text) or _DOUBLE.search(text.text):
        return None
    swaps = []
    for k, word in enumerate(text.words):
        new = _POSITIVE.get(word.text)
        if new is None or _BEFORE_NOT.search(text.text[: word.start]):
            continue
        if word.text in _TAGS_NEEDED and not _plain_verb(text, k):
            continue
        swaps.append(Swap(word.start, word.end, new))
    return one_of(text, rng, swaps)


def _plain_verb(text: Text, k: int) -> bool:
    """Whether a short verb stands between words that leave it one: not 会 in "会议", not 要 in "主要"."""
    word = text.words[k]
    if not word.tag.startswith("v") or k + 1 == len(text.words):
        return False
    after = text.words[k + 1]
    if word.text in ("能", "会", "要", "想", "敢"):
        # A verb follows: "要走", not "要三个" or "要不要".
        return after.tag.startswith(("v", "p")) and after.text not in ("要", "会", "想", "是", "能")
    if word.text == "有":
        return after.tag.startswith("n") and not text.text[after.end :].startswith(("的", "更", "最"))
    # 是 as the verb of a statement: a noun or a pronoun stands before it.
    before = text.words[k - 1] if k else None
    return (
        before is not None
        and before.tag.startswith(("n", "r"))
        and not text.text.rstrip("。.!！ ").endswith("的")
    )


@rule("negation-removed", 0)
def negation_removed(text: Text, rng: random.Random) -> str | None:
    """One negation less: "我没有收到验证码" and "我有收到验证码"."""
    if _YES_NO.search(text.text) or _DOUBLE.search(text.text) or _WITHOUT_WORD.search(text.text):
        return None
    swaps = [
        Swap(found.start(), found.end(), _NEGATIVE[found[0]])
        for found in _NEGATED_PART.finditer(text.text)
        if text.whole(found.start(), found.end())
        and not re.match("比|更|那么|这么|多久|多少", text.text[found.end() :])
    ]
    return one_of(text, rng, swaps)


# What two negations say and what it says without them.
_PLAIN_TO_DOUBLE = (
    (r"必须(?!的|品|要|得|不|是)", ("不得不", "不能不", "非得")),
    (r"(?<![不没])一定会(?!很|是)", ("不可能不", "不会不")),
    (r"(?<![不没])肯定会(?!很|是)", ("不可能不", "不会不")),
    (r"(?<![不没])肯定能", ("不可能不能",)),
    (r"所有人都(?=[知会想喜爱去来在有要同])", ("没有人不", "没有一个人不")),
    (r"每个人都(?=[知会想喜爱去来在要同])", ("没有人不", "没有一个人不")),
    (r"大家都(?=[知会想喜爱去来在要同])", ("没有人不", "没有谁不")),
    (r"谁都知道", ("没有谁不知道", "没人不知道")),
    (r"当然(?=[知想喜爱会要能])", ("不可能不", "不会不")),
    (r"(?<![不没])总是(?=[说看想去来])", ("没有一次不", "没有哪次不")),
    (r"天天都(?=[说看想去来吃喝])", ("没有一天不",)),
    (r"每天都(?=[说看想去来吃喝学跑做玩])", ("没有一天不",)),
)
_DOUBLE_TO_PLAIN = (
    (r"不得不", ("必须", "只好", "只能")),
    (r"(?<!能)不能不(?!能)", ("必须", "一定要")),
    (r"不可能不", ("肯定会", "一定会")),
    (r"(?<!会)不会不(?!会)", ("会", "肯定会")),
    (r"没有人不", ("所有人都", "每个人都", "大家都")),
    (r"没有不(?=[喜知爱同想])", ("都",)),
    (r"无一不|无不", ("全都",)),
    (r"不是不(?![是好会错])", ("是",)),
)


@rule("double-negation", 1)
def double_negation(text: Text, rng: random.Random) -> str | None:
    """Two negations, or none: "大家都知道" and "没有人不知道"."""
    return one_of(
        text, rng, _doubles(text.text, _PLAIN_TO_DOUBLE) + _doubles(text.text, _DOUBLE_TO_PLAIN[:6])
    )


def _doubles(text: str, forms: tuple[tuple[str, tuple[str, ...]], ...]) -> list[Swap]:
    return [
        Swap(found.start(), found.end(), new)
        for pattern, news in forms
        for found in re.finditer(pattern, text)
        for new in news
    ]


_HALF = {
    "不得不": ("不", "不用", "不必"),
    "不能不": ("不能", "不"),
    "不可能不": ("不可能", "不"),
    "不会不": ("不会",),
    "没有人不": ("没有人", "没人"),
    "没有一个人不": ("没有一个人",),
    "没有一天不": ("没有一天",),
    "不是不": ("不",),
    "并非不": ("不",),
    "必须": ("不必", "不用"),
    "所有人都": ("没有人",),
    "大家都": ("没有人",),
    "每天都": ("每天都不",),
    "一定会": ("一定不会",),
    "肯定会": ("肯定不会",),
}


@rule("double-negation-halved", 0)
def double_negation_halved(text: Text, rng: random.Random) -> str | None:
    """One of two negations, or one where there was none: "没有人不知道" and "没有人知道"."""
    if re.search(r"[吗么]|是不是|是否", text.text):
        return None
    swaps = [
        Swap(found.start(), found.end(), new)
        for part, news in _HALF.items()
        for found in re.finditer(rf"(?<![不没]){part}(?!的|品|要)", text.text)
        for new in news
    ]
    return one_of(text, rng, swaps)
